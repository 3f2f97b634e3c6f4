/*
 * openai_model.c - see openai_model.h.
 */
#include "dialect/openai/openai_model.h"

/* Whether sampling can be set. */
enum samples {
    ALWAYS,
    UNLESS_ASKED, /* to think; without a word it does not */
    IF_FORBIDDEN, /* to think; without a word it does */
    NEVER,
};

#define LATER                                                                                      \
    (CHAT_BIT(CHAT_HAS_STOP) | CHAT_BIT(CHAT_HAS_PENALTIES) | CHAT_BIT(CHAT_HAS_LOGIT_BIAS))
#define OLDER (LATER | CHAT_BIT(CHAT_HAS_TOOL_PARALLEL))

/* First match wins; names at Azure are the customer's, most have the model's in them. Sources:
 * platform.openai.com/docs/guides/reasoning, .../guides/latest-model#parameter-compatibility, and
 * what the API answers. */
/* clang-format off */
static const struct {
    const char *models;
    enum samples samples;
    chat_set refuses; /* whatever the effort */
    bool idle_tools;  /* chat completions takes tools only while it does not think */
} abilities[] = {
    {"*gpt-5-chat*",    ALWAYS,       0,     false},
    {"*gpt-5*-chat",    NEVER,        LATER, false},
    {"*gpt-5*-chat-*",  NEVER,        LATER, false},
    {"*gpt-5*codex*",   NEVER,        LATER, false},
    {"*gpt-5*-pro",     NEVER,        LATER, false},
    {"*gpt-5*-pro-2*",  NEVER,        LATER, false}, /* ... of a day */
    {"*gpt-5.1*",       UNLESS_ASKED, LATER, false},
    {"*gpt-5.2*",       UNLESS_ASKED, LATER, false},
    {"*gpt-5.4*",       UNLESS_ASKED, LATER, true},
    {"*gpt-5.*",        IF_FORBIDDEN, LATER, true},
    {"*gpt-5*",         NEVER,        LATER, false},
    {"*gpt-6*",         IF_FORBIDDEN, LATER, true},
    {"o1*",             NEVER,        OLDER, false},
    {"o3*",             NEVER,        OLDER, false},
    {"o4*",             NEVER,        OLDER, false},
    {"*-o1*",           NEVER,        OLDER, false},
    {"*-o3*",           NEVER,        OLDER, false},
    {"*-o4*",           NEVER,        OLDER, false},
    {"ft:o4*",          NEVER,        OLDER, false},
    {"codex-*",         NEVER,        OLDER, false},
    {"*",               ALWAYS,       0,     false},
};
/* clang-format on */

/* Is the number, as JSON has it, this digit? */
static bool is_digit(struct span number, char digit)
{
    if (number.n == 0 || number.p[0] != digit || (number.n > 1 && number.p[1] != '.'))
        return false;
    for (size_t i = 2; i < number.n; i++)
        if (number.p[i] != '0')
            return false;
    return true;
}

/* Numbers that can be taken out, and what holds without them. */
static const struct {
    enum chat_feature feature;
    size_t at;
    char otherwise;
} numbers[] = {
    {CHAT_HAS_TEMPERATURE, offsetof(struct chat_request, temperature), '1'},
    {CHAT_HAS_TOP_P, offsetof(struct chat_request, top_p), '1'},
    {CHAT_HAS_PENALTIES, offsetof(struct chat_request, frequency_penalty), '0'},
    {CHAT_HAS_PENALTIES, offsetof(struct chat_request, presence_penalty), '0'},
    {CHAT_HAS_LOGPROBS, offsetof(struct chat_request, top_logprobs), '-'},
    {CHAT_HAS_LOGIT_BIAS, offsetof(struct chat_request, logit_bias), '-'},
};

static void take_out(struct chat_request *q, chat_set set, const struct convert_to *to)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct span *s = (struct span *)(void *)((char *)q + numbers[i].at);

        if (!(set & CHAT_BIT(numbers[i].feature)) || !span_has(*s))
            continue;
        if (!is_digit(*s, numbers[i].otherwise))
            convert_drops(to, numbers[i].feature);
        *s = span_of(NULL, 0);
    }
    if (set & CHAT_BIT(CHAT_HAS_LOGPROBS) && q->logprobs != CHAT_UNSET) {
        if (q->logprobs == CHAT_YES)
            convert_drops(to, CHAT_HAS_LOGPROBS);
        q->logprobs = CHAT_UNSET;
    }
    if (set & CHAT_BIT(CHAT_HAS_STOP) && q->stops) {
        convert_drops(to, CHAT_HAS_STOP);
        q->stops = NULL;
    }
    if (set & CHAT_BIT(CHAT_HAS_TOOL_PARALLEL) && q->parallel != CHAT_UNSET) {
        if (q->parallel == CHAT_NO)
            convert_drops(to, CHAT_HAS_TOOL_PARALLEL);
        q->parallel = CHAT_UNSET;
    }
}

static size_t row_of(struct span model)
{
    size_t i = 0;

    while (!span_glob(span_str(abilities[i].models), model))
        i++; /* the last row takes all */
    return i;
}

/* Does a model that may be set think, asked with this effort? */
static bool thinks(enum samples samples, struct span effort)
{
    bool none = span_is(effort, "none");

    return !none && (samples == IF_FORBIDDEN || (samples == UNLESS_ASKED && span_has(effort)));
}

bool openai_wants_responses(const struct chat_request *q, struct span effort,
                            const struct convert_to *to)
{
    size_t i = row_of(to->model);

    return openai_is_host(to) && q->tools && abilities[i].idle_tools &&
           thinks(abilities[i].samples, effort);
}

void openai_take(struct chat_request *q, struct span effort, const struct convert_to *to)
{
    const chat_set sampling =
        CHAT_BIT(CHAT_HAS_TEMPERATURE) | CHAT_BIT(CHAT_HAS_TOP_P) | CHAT_BIT(CHAT_HAS_LOGPROBS);
    size_t i = row_of(to->model);

    if (!openai_is_host(to))
        return;
    take_out(q, abilities[i].refuses, to);
    if (abilities[i].samples == NEVER || thinks(abilities[i].samples, effort))
        take_out(q, sampling, to);
}
