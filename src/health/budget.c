/*
 * budget.c - see budget.h. The word: tokens in thousandths (32 bits), above them the milliseconds
 * of the time when they were counted (32 bits, which come round after 49 days).
 */
#include "health/budget.h"

#define TOKEN   1000u
#define SHARE   (TOKEN * BUDGET_PERCENT / 100)
#define LIFE_MS (BUDGET_US / 1000)
#define REST    ((uint64_t)(BUDGET_PER_S * TOKEN * (double)LIFE_MS / 1000)) /* without requests */
#define MOST    UINT32_MAX

static uint32_t ms_of(uint64_t now_us)
{
    return (uint32_t)(now_us / 1000);
}

/* Another process wrote the word, a little ahead of us. A time that seems to be further ahead has
 * come round: nobody has asked the target for weeks. */
static bool is_ahead(uint64_t word, uint64_t now_us)
{
    uint32_t ahead = (uint32_t)(word >> 32) - ms_of(now_us);

    return word != 0 && ahead > 0 && ahead <= LIFE_MS;
}

/* Thousandths now. Both what is forgotten and what time earns go by the straight line: steps are
 * short against a life, and what is longer has come to rest. */
static uint64_t now_there(uint64_t word, uint64_t now_us)
{
    uint64_t tokens = word & UINT32_MAX;
    uint32_t passed = ms_of(now_us) - (uint32_t)(word >> 32);

    if (word == 0)
        return REST;
    if (is_ahead(word, now_us))
        return tokens;
    if (passed >= LIFE_MS)
        return REST;
    return (tokens * (LIFE_MS - passed) + REST * passed) / LIFE_MS;
}

/* The time stays where another process was ahead of us: set back, it would pass twice. */
static uint64_t pack(uint64_t tokens, uint64_t before, uint64_t now_us)
{
    uint64_t at = is_ahead(before, now_us) ? before >> 32 : ms_of(now_us);

    return MIN(tokens, (uint64_t)MOST) | at << 32;
}

double budget_tokens(uint64_t word, uint64_t now_us)
{
    return (double)now_there(word, now_us) / TOKEN;
}

uint64_t budget_earn(uint64_t word, uint64_t now_us)
{
    return pack(now_there(word, now_us) + SHARE, word, now_us);
}

uint64_t budget_unearn(uint64_t word, uint64_t now_us)
{
    uint64_t tokens = now_there(word, now_us);

    return pack(tokens - MIN(tokens, (uint64_t)SHARE), word, now_us);
}

uint64_t budget_unspend(uint64_t word, uint64_t now_us)
{
    return pack(now_there(word, now_us) + TOKEN, word, now_us);
}

uint64_t budget_spend(uint64_t word, uint64_t now_us, bool *enough)
{
    uint64_t tokens = now_there(word, now_us);

    *enough = tokens >= TOKEN;
    return *enough ? pack(tokens - TOKEN, word, now_us) : word;
}
