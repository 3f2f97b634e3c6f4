/*
 * hedge.c - see hedge.h. The word: millionths of a hedge (32 bits), above them thousandths of
 * tokens (32 bits).
 */
#include "health/hedge.h"

#define ONE         UINT64_C(1000000)
#define MILLI       UINT64_C(1000)
#define TOKENS_MOST (UINT32_MAX / MILLI)

struct parts {
    uint64_t hedges, tokens;
};

static struct parts unpack(uint64_t word)
{
    return (struct parts){word & UINT32_MAX, word >> 32};
}

static uint64_t pack(struct parts p)
{
    return MIN(p.hedges, HEDGE_MOST * ONE) | MIN(p.tokens, (uint64_t)UINT32_MAX) << 32;
}

/* In thousandths. A prompt has a token, and more of them than there is room for are none. */
static uint64_t cost(uint64_t tokens)
{
    return MAX(tokens, UINT64_C(1)) * MILLI;
}

uint64_t hedge_earn(uint64_t word, uint32_t share, uint64_t tokens)
{
    struct parts p = unpack(word);

    p.hedges += share;
    p.tokens += cost(MIN(tokens, TOKENS_MOST)) * share / ONE;
    return pack(p);
}

uint64_t hedge_spend(uint64_t word, uint64_t tokens, bool *enough)
{
    struct parts p = unpack(word);

    *enough = tokens <= TOKENS_MOST && p.hedges >= ONE && p.tokens >= cost(tokens);
    if (!*enough)
        return word;
    return pack((struct parts){p.hedges - ONE, p.tokens - cost(tokens)});
}

uint64_t hedge_unspend(uint64_t word, uint64_t tokens)
{
    struct parts p = unpack(word);

    return pack((struct parts){p.hedges + ONE, p.tokens + cost(MIN(tokens, TOKENS_MOST))});
}

double hedge_left(uint64_t word)
{
    return (double)unpack(word).hedges / (double)ONE;
}
