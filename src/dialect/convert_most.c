/*
 * convert_most.c - see convert_most.h.
 */
#include "dialect/convert_most.h"

#include "dialect/convert_read.h"

/* First match wins; models that are not here are asked for what the client wants. Sources:
 * platform.openai.com/docs/models, platform.claude.com/docs/en/models,
 * ai.google.dev/gemini-api/docs/models, docs.aws.amazon.com/nova/latest/userguide. */
static const struct {
    const char *models;
    uint32_t tokens;
} rows[] = {
    {"*gpt-3.5-turbo*", 4096},
    {"*gpt-4-turbo*", 4096},
    {"*gpt-4-1106*", 4096},
    {"*gpt-4-0125*", 4096},
    {"*gpt-4o-2024-05-13*", 4096},
    {"*gpt-4o*", 16384},
    {"*gpt-4.1*", 32768},
    {"*gpt-5*-chat*", 16384},
    {"*gpt-5-pro*", 272000},
    {"*gpt-5", 128000},
    {"*gpt-5-*", 128000},
    {"*gpt-5.1*", 128000},
    {"*gpt-5.2*", 128000},
    {"*gpt-5.4*", 128000},
    {"o1-preview*", 32768},
    {"o1-mini*", 65536},
    {"o1*", 100000},
    {"o3*", 100000},
    {"o4-mini*", 100000},
    {"*claude-3-5*", 8192},
    {"*claude-3.5*", 8192},
    {"*claude-3-7*", 64000},
    {"*claude-3.7*", 64000},
    {"*claude-3-*", 4096},
    {"*claude-opus-4", 32000},
    {"*claude-opus-4-0*", 32000},
    {"*claude-opus-4-2*", 32000},
    {"*claude-opus-4@2*", 32000},
    {"*claude-opus-4-1*", 32000},
    {"*claude-opus-4.1*", 32000},
    {"*claude-sonnet-4", 64000},
    {"*claude-sonnet-4-0*", 64000},
    {"*claude-sonnet-4-2*", 64000},
    {"*claude-sonnet-4@2*", 64000},
    {"*claude-*-4-5*", 64000},
    {"*claude-*-4.5*", 64000},
    {"*claude-*-4-6*", 128000},
    {"*claude-*-4.6*", 128000},
    {"*claude-opus-4-7*", 128000},
    {"*claude-opus-4.7*", 128000},
    {"*claude-opus-4-8*", 128000},
    {"*claude-opus-4.8*", 128000},
    {"*gemini-1.5*", 8192},
    {"*gemini-2.0*", 8192},
    {"*gemini-2.5-flash-image*", 32768},
    {"*gemini-2.5*", 65536},
    {"*gemini-3*-image*", 32768},
    {"*gemini-3*", 65536},
    {"*amazon.nova-micro*", 10000},
    {"*amazon.nova-lite*", 10000},
    {"*amazon.nova-pro*", 10000},
    {"*amazon.nova-premier*", 10000},
};

uint64_t convert_most(struct span model)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_glob(span_str(rows[i].models), model))
            return rows[i].tokens;
    return 0;
}

int convert_within(struct chat_request *q, struct convert_to *to, struct err *e)
{
    uint64_t most = convert_most(to->model), n = 0;

    if (most == 0)
        return 0;
    to->max_tokens = MIN(to->max_tokens, most);
    if (!span_has(q->max_tokens) || span_u64(q->max_tokens, &n) < 0 || n <= most)
        return 0;
    q->max_tokens = arena_printf(q->arena, "%llu", (unsigned long long)most);
    convert_approximates(to, CHAT_HAS_MAX_TOKENS);
    return span_has(q->max_tokens) ? 0 : convert_no_memory(e);
}
