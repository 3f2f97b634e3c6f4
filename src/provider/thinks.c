/*
 * thinks.c - see thinks.h. Names of 2026-11; a name too many costs patience with a target that
 * nobody knows yet, one that is missing a healthy answer that begins after 110 s.
 */
#include "provider/thinks.h"

static const char *const thinking[] = {
    "*think*",
    "*reason*",
    "*deep-research*",
    "o1*",
    "o3*",
    "o4*",
    "gpt-5*",
    "gpt-6*",
    "gpt-oss*",
    "codex-*",
    "*claude-*",
    "gemini-2.5*",
    "gemini-3*",
    "grok-3-mini*",
    "grok-4*",
    "*deepseek-*",
    "qwq*",
    "qwen3*",
    "magistral*",
    "kimi-k2*",
    "glm-4*",
    "glm-5*",
    "minimax-m*",
    "*nova-2*",
    "*nemotron*",
    "command-a-reasoning*",
    NULL,
};
static const char *const not_thinking[] = {"*non-reasoning*", "*instruct*", "*-chat-latest", NULL};

bool provider_may_think(struct span model)
{
    for (size_t at = span_find(model, '/'); at != SIZE_MAX; at = span_find(model, '/'))
        model = span_of(model.p + at + 1, model.n - at - 1);
    return span_globs(thinking, model) && !span_globs(not_thinking, model);
}
