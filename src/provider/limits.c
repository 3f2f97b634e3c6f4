/*
 * limits.c - see limits.h. Where the fields stand, or who has seen them:
 *   https://platform.openai.com/docs/guides/rate-limits (and Groq, xAI, Azure, GitHub Models)
 *   https://docs.claude.com/en/api/rate-limits
 *   https://docs.fireworks.ai/guides/quotas_usage/rate-limits
 *   https://docs.together.ai/docs/rate-limits (both limits are of a second)
 *   https://inference-docs.cerebras.ai/support/rate-limits
 *   https://openrouter.ai/docs/api-reference/limits (of free models, in refusals)
 *   Mistral's and Cohere's stand in no document: they are from answers.
 */
#include "provider/limits.h"

#include "provider/delay.h"
#include "provider/family.h"
#include "provider/provider.h"

enum part { MOST, LEFT, RESET, WINDOW };
enum { LONG = 1, BARE = 2 };

#define ALL(of, longer, most, left, reset)                                                         \
    {SPAN_LIT(most), of, MOST, longer}, {SPAN_LIT(left), of, LEFT, longer},                        \
    {                                                                                              \
        SPAN_LIT(reset), of, RESET, longer                                                         \
    }
#define X_RATELIMIT(of, longer, what)                                                              \
    ALL(of, longer, "x-ratelimit-limit-" what, "x-ratelimit-remaining-" what,                      \
        "x-ratelimit-reset-" what)
#define ANTHROPIC(of, what)                                                                        \
    ALL(of, 0, "anthropic-ratelimit-" what "-limit", "anthropic-ratelimit-" what "-remaining",     \
        "anthropic-ratelimit-" what "-reset")

static const struct {
    struct span name;
    enum provider_limited of;
    enum part part;
    unsigned how;
} rows[] = {
    /* OpenAI, and who copies it */
    X_RATELIMIT(LIMITED_REQUESTS, 0, "requests"),
    X_RATELIMIT(LIMITED_TOKENS, 0, "tokens"),
    /* Azure, GitHub Models */
    {SPAN_LIT("x-ratelimit-renewalperiod-requests"), LIMITED_REQUESTS, WINDOW, 0},
    {SPAN_LIT("x-ratelimit-renewalperiod-tokens"), LIMITED_TOKENS, WINDOW, 0},
    ANTHROPIC(LIMITED_REQUESTS, "requests"),
    ANTHROPIC(LIMITED_TOKENS, "input-tokens"),
    ANTHROPIC(LIMITED_OUTPUT, "output-tokens"),
    /* Cerebras; SambaNova has the days beside OpenAI's */
    X_RATELIMIT(LIMITED_REQUESTS, 0, "requests-minute"),
    X_RATELIMIT(LIMITED_REQUESTS, LONG, "requests-day"),
    X_RATELIMIT(LIMITED_TOKENS, 0, "tokens-minute"),
    X_RATELIMIT(LIMITED_TOKENS, LONG, "tokens-day"),
    /* Mistral, whose tokens of a minute are called as Cerebras's; and as it called them before */
    X_RATELIMIT(LIMITED_REQUESTS, 0, "req-minute"),
    X_RATELIMIT(LIMITED_TOKENS, LONG, "tokens-month"),
    ALL(LIMITED_TOKENS, 0, "x-ratelimitbysize-limit-minute", "x-ratelimitbysize-remaining-minute",
        "ratelimitbysize-reset"),
    {SPAN_LIT("x-ratelimitbysize-limit-month"), LIMITED_TOKENS, MOST, LONG},
    {SPAN_LIT("x-ratelimitbysize-remaining-month"), LIMITED_TOKENS, LEFT, LONG},
    /* Fireworks */
    X_RATELIMIT(LIMITED_TOKENS, 0, "tokens-prompt"),
    X_RATELIMIT(LIMITED_OUTPUT, 0, "tokens-generated"),
    /* Together, OpenRouter */
    ALL(LIMITED_REQUESTS, BARE, "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    ALL(LIMITED_TOKENS, BARE, "x-tokenlimit-limit", "x-tokenlimit-remaining", "x-tokenlimit-reset"),
    /* Cohere's trial keys */
    {SPAN_LIT("x-trial-endpoint-call-limit"), LIMITED_REQUESTS, MOST, 0},
    {SPAN_LIT("x-trial-endpoint-call-remaining"), LIMITED_REQUESTS, LEFT, 0},
};

static void take(struct provider_limit *l, enum part part, struct span value, uint64_t wall_ms)
{
    uint64_t v;

    if (part == RESET) {
        l->resets |= provider_delay_reset(&l->reset_us, value, wall_ms);
        return;
    }
    if (span_u64(value, &v) < 0)
        return;
    if (part == MOST) {
        l->most = v;
    } else if (part == LEFT) {
        l->left = v;
        l->said = true;
    } else if (!l->resets) { /* that it is full then at the latest */
        l->reset_us = MIN(v, (uint64_t)UINT32_MAX) * 1000000;
    }
}

void provider_limits_field(struct provider_limits *l, const struct provider *p, struct span name,
                           struct span value, uint64_t wall_ms)
{
    /* Most fields are looked at no closer. */
    if (name.n == 0 || (*name.p != 'x' && *name.p != 'a' && *name.p != 'r'))
        return;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_eq(rows[i].name, name) && (!(rows[i].how & BARE) || p->limits.bare))
            take(rows[i].how & LONG ? &l->longer[rows[i].of] : &l->of[rows[i].of], rows[i].part,
                 value, wall_ms);
}

void provider_limits_end(struct provider_limits *l, const struct provider *p)
{
    for (size_t i = 0; i < LIMITED; i++) {
        struct provider_limit *one = &l->of[i];

        if (l->longer[i].said && (!one->said || l->longer[i].left < one->left))
            *one = l->longer[i];
        if (one->said && !one->resets && (one->reset_us || p->limits.window_s)) {
            one->reset_us = one->reset_us ? one->reset_us : p->limits.window_s * UINT64_C(1000000);
            one->resets = true;
        }
    }
}

bool provider_limits_said(const struct provider_limits *l)
{
    bool said = false;

    for (size_t i = 0; i < LIMITED; i++)
        said |= l->of[i].said;
    return said;
}

/* ---- who shares one ---- */

/* "-2025-08-07" at the end. */
static size_t date_at_end(struct span model)
{
    static const char form[] = "-dddd-dd-dd";
    size_t n = sizeof(form) - 1;

    if (model.n <= n)
        return 0;
    for (size_t i = 0; i < n; i++) {
        char c = model.p[model.n - n + i];

        if (form[i] == 'd' ? c < '0' || c > '9' : c != '-')
            return 0;
    }
    return n;
}

struct span provider_limit_group(const struct provider *p, struct span model)
{
    for (size_t i = 0; p->limits.shared && p->limits.shared[i]; i++)
        if (span_glob(span_str(p->limits.shared[i]), model))
            return span_str(p->limits.shared[i]);
    if (p->limits.dated)
        return span_of(model.p, model.n - date_at_end(model));
    return (struct span){NULL, 0};
}
