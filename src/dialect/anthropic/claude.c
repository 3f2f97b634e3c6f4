/*
 * claude.c - see claude.h.
 */
#include "dialect/anthropic/claude.h"

/* ---- what models take ---- */

#define OLD   (CLAUDE_GOES_ON | CLAUDE_CALLS)
#define YOUNG (CLAUDE_CALLS | CLAUDE_LATER)

/* First match wins. Hosts write 4-5, 4.5 and 4@20250514. Source: the pages of the models and their
 * migration guides, platform.claude.com/docs/en/models. */
/* clang-format off */
static const struct claude_ability abilities[] = {
    {"*claude-3-7*",         CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ALL, OLD},
    {"*claude-3.7*",         CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ALL, OLD},
    {"*claude-3*",           CLAUDE_THINKS_NOT,    NULL,            CLAUDE_SAMPLES_ALL, OLD},
    {"*claude-*-4-0*",       CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ALL, OLD},
    {"*claude-*-4-2*",       CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ALL, OLD},
    {"*claude-*-4@2*",       CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ALL, OLD},
    {"*claude-*-4",          CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ALL, OLD},
    {"*claude-*-4-1*",       CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ONE, OLD},
    {"*claude-*-4.1*",       CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ONE, OLD},
    {"*claude-*-4-5*",       CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ONE, OLD},
    {"*claude-*-4.5*",       CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ONE, OLD},
    {"*claude-*-4-6*",       CLAUDE_THINKS_EFFORT, "disabled",      CLAUDE_SAMPLES_ONE, CLAUDE_CALLS},
    {"*claude-*-4.6*",       CLAUDE_THINKS_EFFORT, "disabled",      CLAUDE_SAMPLES_ONE, CLAUDE_CALLS},
    {"*claude-opus-4-8*",    CLAUDE_THINKS_EFFORT, "disabled",      CLAUDE_SAMPLES_NOT, YOUNG},
    {"*claude-opus-4.8*",    CLAUDE_THINKS_EFFORT, "disabled",      CLAUDE_SAMPLES_NOT, YOUNG},
    {"*claude-opus-5-5*",    CLAUDE_THINKS_EFFORT, NULL,            CLAUDE_SAMPLES_NOT, CLAUDE_LATER},
    {"*claude-opus-5.5*",    CLAUDE_THINKS_EFFORT, NULL,            CLAUDE_SAMPLES_NOT, CLAUDE_LATER},
    {"*claude-opus-5*",      CLAUDE_THINKS_EFFORT, "disabled",      CLAUDE_SAMPLES_NOT, YOUNG},
    {"*claude-sonnet-5-5*",  CLAUDE_THINKS_EFFORT, "between_tools", CLAUDE_SAMPLES_NOT, CLAUDE_LATER},
    {"*claude-sonnet-5.5*",  CLAUDE_THINKS_EFFORT, "between_tools", CLAUDE_SAMPLES_NOT, CLAUDE_LATER},
    {"*claude-haiku-5-5*",   CLAUDE_THINKS_EFFORT, "disabled",      CLAUDE_SAMPLES_NOT, YOUNG},
    {"*claude-haiku-5.5*",   CLAUDE_THINKS_EFFORT, "disabled",      CLAUDE_SAMPLES_NOT, YOUNG},
    {"*claude-fable-5",      CLAUDE_THINKS_EFFORT, NULL,            CLAUDE_SAMPLES_NOT, YOUNG},
    {"*claude-mythos-5",     CLAUDE_THINKS_EFFORT, NULL,            CLAUDE_SAMPLES_NOT, YOUNG},
    {"*claude-fable-5*",     CLAUDE_THINKS_EFFORT, NULL,            CLAUDE_SAMPLES_NOT, CLAUDE_LATER},
    {"*claude-mythos-5*",    CLAUDE_THINKS_EFFORT, NULL,            CLAUDE_SAMPLES_NOT, CLAUDE_LATER},
    {"*claude-mythos*",      CLAUDE_THINKS_EFFORT, NULL,            CLAUDE_SAMPLES_NOT, CLAUDE_CALLS},
    {"*claude*",             CLAUDE_THINKS_EFFORT, "disabled",      CLAUDE_SAMPLES_NOT, CLAUDE_CALLS},
    {"*",                    CLAUDE_THINKS_BUDGET, "disabled",      CLAUDE_SAMPLES_ALL, OLD},
};
/* clang-format on */

const struct claude_ability *claude_ability(struct span model)
{
    size_t i = 0;

    while (!span_glob(span_str(abilities[i].models), model))
        i++; /* the last row takes all */
    return &abilities[i];
}

bool claude_goes_on(struct span model)
{
    return claude_ability(model)->can & CLAUDE_GOES_ON;
}

/* ---- thinking ---- */

#define BUDGET_MIN 1024 /* the API's */

/* Effort as a word, and the budget that comes nearest. */
static const struct effort {
    const char *word, *wire;
    uint64_t budget;
} efforts[] = {
    {"minimal", "low", BUDGET_MIN}, {"low", "low", 2048},      {"medium", "medium", 8192},
    {"high", "high", 16384},        {"xhigh", "xhigh", 24576}, {"max", "max", 32768},
};

#define EFFORT_MEDIUM (&efforts[2])

static const struct effort *effort_of_word(struct span word)
{
    for (size_t i = 0; i < ARRAY_LEN(efforts); i++)
        if (span_is(word, efforts[i].word))
            return &efforts[i];
    return EFFORT_MEDIUM;
}

static const struct effort *effort_of_budget(uint64_t budget)
{
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(efforts) && efforts[i].budget < budget)
        i++;
    return &efforts[i];
}

/* A budget leaves room for the answer: where the client's limit does not, it is half of that, and
 * below the API's least there is no thinking. */
static void think_within(struct claude_thinking *t, struct span max_tokens)
{
    uint64_t max = 0;

    if (t->budget < BUDGET_MIN)
        t->budget = BUDGET_MIN;
    if (span_has(max_tokens) && span_u64(max_tokens, &max) == 0 && t->budget >= max)
        t->budget = max / 2;
    t->type = t->budget < BUDGET_MIN ? NULL : "enabled";
    t->on = t->type != NULL;
}

bool claude_shall_not_think(const struct chat_request *q)
{
    return q->thinking == CHAT_NO || span_is(q->effort, "none") || span_is(q->thinking_budget, "0");
}

/* What there is where there should be no thinking. */
static struct claude_thinking think_not(const struct claude_ability *can)
{
    return (struct claude_thinking){
        .type = can->off,
        .effort = can->off ? NULL : "low",
        .little = !can->off,
    };
}

int claude_takes(const struct chat_request *q, const struct claude_ability *can, struct err *e)
{
    bool must = q->choice == CHAT_CHOICE_ANY || q->choice == CHAT_CHOICE_ONE;

    if (q->has & CHAT_BIT(CHAT_HAS_PREFILL) && !(can->can & CLAUDE_GOES_ON))
        return err_set(e, ERR_PROTOCOL,
                       "messages: this model does not go on from a beginning of its answer");
    if (must && q->tools && !(can->can & CLAUDE_CALLS))
        return err_set(e, ERR_PROTOCOL, "tool_choice: this model cannot be made to call a tool");
    return 0;
}

struct claude_thinking claude_think(const struct chat_request *q, const struct claude_ability *can)
{
    struct claude_thinking t = {0};
    uint64_t budget = 0;
    bool effort = span_has(q->effort), said = span_has(q->thinking_budget);
    bool counted = said && span_u64(q->thinking_budget, &budget) == 0; /* -1: as it likes */

    if (can->thinks == CLAUDE_THINKS_NOT)
        return t;
    if (claude_shall_not_think(q))
        return think_not(can);
    if (q->thinking != CHAT_YES && !effort && !said)
        return t;
    if (can->thinks == CLAUDE_THINKS_EFFORT) {
        if (effort || counted)
            t.effort = (effort ? effort_of_word(q->effort) : effort_of_budget(budget))->wire;
        t.type = "adaptive";
        t.on = true;
        return t;
    }
    if (q->choice == CHAT_CHOICE_ANY || q->choice == CHAT_CHOICE_ONE)
        return t; /* the API refuses a budget beside a tool that must be called */
    t.budget = counted ? budget : effort_of_word(q->effort)->budget;
    think_within(&t, q->max_tokens);
    return t;
}

void claude_note_thinking(const struct convert_to *to, const struct chat_request *q,
                          const struct claude_thinking *t)
{
    bool same = t->effort ? span_is(q->effort, t->effort) : !span_has(q->effort) && !t->budget;
    uint64_t budget = 0;

    if (t->little)
        convert_approximates(to, CHAT_HAS_EFFORT);
    if (claude_shall_not_think(q))
        return;
    if (q->has & CHAT_BIT(CHAT_HAS_EFFORT)) {
        if (!t->on || (t->budget && span_has(q->thinking_budget)))
            convert_drops(to, CHAT_HAS_EFFORT);
        else if (!same)
            convert_approximates(to, CHAT_HAS_EFFORT);
    }
    if (q->has & CHAT_BIT(CHAT_HAS_BUDGET)) {
        if (!t->on)
            convert_drops(to, CHAT_HAS_BUDGET);
        else if (span_u64(q->thinking_budget, &budget) < 0 || budget != t->budget)
            convert_approximates(to, CHAT_HAS_BUDGET);
    }
}
