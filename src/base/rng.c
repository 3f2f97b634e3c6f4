/*
 * rng.c - xoshiro256** (Blackman and Vigna, public domain), seeded by splitmix64 so that close
 * seeds give unrelated sequences and the state is never all zero.
 */
#include "base/rng.h"

static uint64_t rotl(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

void rng_init(struct rng *r, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(r->s); i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        r->s[i] = z ^ (z >> 31);
    }
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    uint64_t low, x;

    MUST(n > 0);
    low = (0 - n) % n; /* 2^64 mod n: the values below it would be drawn once too often */
    do
        x = rng_u64(r);
    while (x < low);
    return x % n;
}

uint64_t rng_range(struct rng *r, uint64_t lo, uint64_t hi)
{
    MUST(lo <= hi);
    return lo + rng_below(r, hi - lo + 1);
}

double rng_unit(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

bool rng_chance(struct rng *r, double p)
{
    return rng_unit(r) < p;
}

void rng_bytes(struct rng *r, void *out, size_t n)
{
    char *to = out;

    while (n > 0) {
        uint64_t x = rng_u64(r);
        size_t take = MIN(n, sizeof(x));

        memcpy(to, &x, take);
        to += take;
        n -= take;
    }
}
