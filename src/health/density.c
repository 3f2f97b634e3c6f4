/*
 * density.c - see density.h. The word: the mean and the longest in 1/1024 bytes (24 bits each), how
 * many requests have been counted (8 bits). 0: nothing is known.
 */
#include "health/density.h"

#define UNIT     1024u
#define MEAN_OF  16u /* a request counts for so much of the mean, once there are so many */
#define LESS     64u /* the longest comes nearer to the mean by so much with each request */
#define ENOUGH   8u
#define UNKNOWN  16u          /* bytes that a token has at the most, where nothing is known */
#define ONE_MOST (64u * UNIT) /* longer tokens are a mistake of somebody's */

struct parts {
    uint64_t mean, longest, n;
};

static struct parts unpack(uint64_t word)
{
    return (struct parts){word & 0xffffff, word >> 24 & 0xffffff, word >> 48 & 0xff};
}

uint64_t density_note(uint64_t word, uint64_t bytes, uint64_t tokens)
{
    struct parts p = unpack(word);
    uint64_t one, of;

    if (bytes < DENSITY_LEAST || tokens == 0 || bytes > UINT64_MAX / UNIT)
        return word;
    one = MIN(MAX(bytes * UNIT / tokens, UNIT / 4), ONE_MOST);
    p.n = MIN(p.n + 1, (uint64_t)UINT8_MAX);
    of = MIN(p.n, MEAN_OF);
    p.mean = (p.mean * (of - 1) + one) / of;
    p.longest -= p.longest > p.mean ? (p.longest - p.mean) / LESS : 0;
    p.longest = MAX(p.longest, one);
    return p.mean | p.longest << 24 | p.n << 48;
}

static uint64_t times(uint64_t bytes, uint64_t one)
{
    return (uint64_t)((double)bytes * UNIT / (double)one);
}

uint64_t density_tokens(uint64_t word, uint64_t bytes)
{
    struct parts p = unpack(word);

    return p.n ? times(bytes, MAX(p.mean, 1u)) : bytes / DENSITY_USUAL;
}

uint64_t density_tokens_least(uint64_t word, uint64_t bytes)
{
    struct parts p = unpack(word);

    return p.n < ENOUGH ? bytes / UNKNOWN : times(bytes, MAX(p.longest, 1u)) / 2;
}
