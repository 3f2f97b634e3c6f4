/*
 * limits.c - see limits.h. Where the fields stand:
 *   https://platform.openai.com/docs/guides/rate-limits
 *   https://docs.claude.com/en/api/rate-limits
 */
#include "provider/limits.h"

#include "provider/delay.h"

enum part { MOST, LEFT, RESET };

static const struct {
    struct span name;
    enum provider_limited of;
    enum part part;
} rows[] = {
    {SPAN_LIT("x-ratelimit-limit-requests"), LIMITED_REQUESTS, MOST},
    {SPAN_LIT("x-ratelimit-remaining-requests"), LIMITED_REQUESTS, LEFT},
    {SPAN_LIT("x-ratelimit-reset-requests"), LIMITED_REQUESTS, RESET},
    {SPAN_LIT("x-ratelimit-limit-tokens"), LIMITED_TOKENS, MOST},
    {SPAN_LIT("x-ratelimit-remaining-tokens"), LIMITED_TOKENS, LEFT},
    {SPAN_LIT("x-ratelimit-reset-tokens"), LIMITED_TOKENS, RESET},
    {SPAN_LIT("anthropic-ratelimit-requests-limit"), LIMITED_REQUESTS, MOST},
    {SPAN_LIT("anthropic-ratelimit-requests-remaining"), LIMITED_REQUESTS, LEFT},
    {SPAN_LIT("anthropic-ratelimit-requests-reset"), LIMITED_REQUESTS, RESET},
    {SPAN_LIT("anthropic-ratelimit-input-tokens-limit"), LIMITED_TOKENS, MOST},
    {SPAN_LIT("anthropic-ratelimit-input-tokens-remaining"), LIMITED_TOKENS, LEFT},
    {SPAN_LIT("anthropic-ratelimit-input-tokens-reset"), LIMITED_TOKENS, RESET},
    {SPAN_LIT("anthropic-ratelimit-output-tokens-limit"), LIMITED_OUTPUT, MOST},
    {SPAN_LIT("anthropic-ratelimit-output-tokens-remaining"), LIMITED_OUTPUT, LEFT},
    {SPAN_LIT("anthropic-ratelimit-output-tokens-reset"), LIMITED_OUTPUT, RESET},
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
    } else {
        l->left = v;
        l->said = true;
    }
}

void provider_limits_field(struct provider_limits *l, struct span name, struct span value,
                           uint64_t wall_ms)
{
    if (name.n == 0 || (*name.p != 'x' && *name.p != 'a')) /* most fields are looked at no closer */
        return;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_eq(rows[i].name, name))
            take(&l->of[rows[i].of], rows[i].part, value, wall_ms);
}

bool provider_limits_said(const struct provider_limits *l)
{
    bool said = false;

    for (size_t i = 0; i < LIMITED; i++)
        said |= l->of[i].said;
    return said;
}
