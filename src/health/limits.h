/*
 * limits.h - what is left of an account's rate limit, as its answers have said it last, and what of
 * that is spoken for by requests whose answers have not begun. In words, so that processes can
 * share them.
 *
 * A provider that fills a limit up all the time (a token bucket) gives back by the straight line
 * until it is full; of one that says no more than when, nothing comes back before. What was said is
 * good for LIMITS_FORGET_US: limits are changed by people. So nothing holds a request for longer
 * than the provider's own time, and nothing at all for longer than that.
 *
 * What is reserved stands in two words, of this LIMITS_WINDOW_US and of the one before. What is
 * older is no more: its target has counted it long ago, or the process that reserved it has died.
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_LIMITS_H
#define HEALTH_LIMITS_H

#include "base/base.h"

#define LIMITS_FORGET_US UINT64_C(3600000000)
#define LIMITS_WINDOW_US UINT64_C(30000000)
#define LIMITS_MOST      ((UINT64_C(1) << 31) - 1) /* of a limit; larger ones are as large */
#define LIMITS_RESERVED  ((UINT64_C(1) << 40) - 1)

/* What was said, in the words that stand on the board. level 0: nothing was. */
struct limits {
    uint64_t level;   /* limits_level() */
    uint64_t full_us; /* when it is full again */
    uint64_t said_us;
};

/* most: of the whole limit, 0: not known. refills: it comes back by and by. Never 0. */
uint64_t limits_level(uint64_t most, uint64_t left, bool refills);

/* The same after `used` was taken out of it. */
uint64_t limits_take(uint64_t level, uint64_t used);

/* The whole of it; 0: not known, or forgotten. */
uint64_t limits_whole(const struct limits *l, uint64_t now_us);

/* What is left; UINT64_MAX: nobody knows. */
uint64_t limits_left(const struct limits *l, uint64_t now_us);

/* What a request needs that is believed to take `want`: who is larger than the whole limit needs no
 * more than that there is something, or it would be held for ever by what is but a guess. */
uint64_t limits_need(const struct limits *l, uint64_t want, uint64_t now_us);

/* When there is as much, if nobody takes anything; not before now. */
uint64_t limits_when(const struct limits *l, uint64_t need, uint64_t now_us);

/* Which of the two words is of this moment; what stands in both; a word after so much more, and
 * after what was reserved at since_us is no longer. */
unsigned limits_slot(uint64_t now_us);
uint64_t limits_reserved(const uint64_t words[2], uint64_t now_us);
uint64_t limits_reserve(uint64_t word, uint64_t n, uint64_t now_us);
uint64_t limits_release(uint64_t word, uint64_t n, uint64_t since_us);

#endif
