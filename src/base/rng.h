/*
 * rng.h - a seeded generator of numbers: fast, repeatable, not for secrets.
 *
 * One seed gives one sequence on every machine. Secrets and keys come from ev_random().
 *
 * Room: base. Threads: owned by one loop.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include "base/base.h"

struct rng {
    uint64_t s[4]; /* private */
};

/* Any seed is good, 0 included. */
void rng_init(struct rng *r, uint64_t seed);

uint64_t rng_u64(struct rng *r);

/* Uniform in [0, n); n is at least 1. */
uint64_t rng_below(struct rng *r, uint64_t n);

/* Uniform in [lo, hi]; lo <= hi, and the range is not the whole of uint64_t. */
uint64_t rng_range(struct rng *r, uint64_t lo, uint64_t hi);

/* Uniform in [0, 1). */
double rng_unit(struct rng *r);

/* True with probability p; p <= 0 is never, p >= 1 is always. Always draws one number, so that a
 * change of p does not shift the rest of the sequence. */
bool rng_chance(struct rng *r, double p);

void rng_bytes(struct rng *r, void *out, size_t n);

#endif
