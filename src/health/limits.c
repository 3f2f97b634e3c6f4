/*
 * limits.c - see limits.h. A level: left (32 bits), the whole (31), and whether it comes back by
 * and by. What is reserved: a sum (40 bits), and which window it is of (24).
 */
#include "health/limits.h"

#define REFILLS (UINT64_C(1) << 63)
#define LEFT    UINT64_C(0xffffffff)
#define WINDOWS ((UINT64_C(1) << 24) - 1)

uint64_t limits_level(uint64_t most, uint64_t left, bool refills)
{
    uint64_t level = MIN(left, LIMITS_MOST) | MIN(most, LIMITS_MOST) << 32;

    if (refills && most)
        level |= REFILLS;
    return level ? level : REFILLS; /* nothing is left, and that is all that is known */
}

static uint64_t left_of(uint64_t level)
{
    return level & LEFT;
}

static uint64_t most_of(uint64_t level)
{
    return level >> 32 & LIMITS_MOST;
}

uint64_t limits_take(uint64_t level, uint64_t used)
{
    return level - MIN(used, left_of(level));
}

static bool is_known(const struct limits *l, uint64_t now_us)
{
    return l->level && now_us < l->said_us + LIMITS_FORGET_US;
}

uint64_t limits_whole(const struct limits *l, uint64_t now_us)
{
    return is_known(l, now_us) ? most_of(l->level) : 0;
}

uint64_t limits_left(const struct limits *l, uint64_t now_us)
{
    uint64_t most = most_of(l->level), left = left_of(l->level), passed, until_full;

    if (!is_known(l, now_us))
        return UINT64_MAX;
    if (now_us >= l->full_us)
        return most ? MAX(most, left) : UINT64_MAX;
    if (!(l->level & REFILLS) || most <= left || now_us <= l->said_us)
        return left;
    passed = now_us - l->said_us;
    until_full = l->full_us - l->said_us;
    return left + (uint64_t)((double)(most - left) * (double)passed / (double)until_full);
}

uint64_t limits_need(const struct limits *l, uint64_t want, uint64_t now_us)
{
    uint64_t most = limits_whole(l, now_us);

    return most && want > most ? 1 : want;
}

uint64_t limits_when(const struct limits *l, uint64_t need, uint64_t now_us)
{
    uint64_t most = most_of(l->level), left = left_of(l->level), full;
    uint64_t after;

    if (limits_left(l, now_us) >= need)
        return now_us;
    full = MIN(l->full_us, l->said_us + LIMITS_FORGET_US);
    if (!(l->level & REFILLS) || most <= left || need > most || l->full_us <= l->said_us)
        return MAX(full, now_us);
    after = (uint64_t)((double)(l->full_us - l->said_us) * (double)(need - left) /
                       (double)(most - left));
    return MAX(MIN(l->said_us + after + 1, full), now_us);
}

/* ---- what is spoken for ---- */

static uint64_t window_of(uint64_t us)
{
    return us / LIMITS_WINDOW_US & WINDOWS;
}

static uint64_t sum_in(uint64_t word, uint64_t window)
{
    return word >> 40 == window ? word & LIMITS_RESERVED : 0;
}

unsigned limits_slot(uint64_t now_us)
{
    return (unsigned)(window_of(now_us) & 1);
}

/* A process whose clock is a little ahead may have begun the next window. */
uint64_t limits_reserved(const uint64_t words[2], uint64_t now_us)
{
    uint64_t window = window_of(now_us), sum = 0;

    for (size_t i = 0; i < 2; i++)
        sum += sum_in(words[i], window) + sum_in(words[i], (window - 1) & WINDOWS) +
               sum_in(words[i], (window + 1) & WINDOWS);
    return sum;
}

uint64_t limits_reserve(uint64_t word, uint64_t n, uint64_t now_us)
{
    uint64_t window = window_of(now_us), sum = sum_in(word, window);

    return MIN(sum + MIN(n, LIMITS_RESERVED), LIMITS_RESERVED) | window << 40;
}

uint64_t limits_release(uint64_t word, uint64_t n, uint64_t since_us)
{
    uint64_t window = window_of(since_us), sum = sum_in(word, window);

    return word >> 40 == window ? (sum - MIN(n, sum)) | window << 40 : word;
}
