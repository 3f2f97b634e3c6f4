/*
 * ramp.c - see ramp.h. A pace: tokens of this minute and of the one before in 256ths (20 bits
 * each), and which minute it is (24). A ramp: tokens in 256ths (32 bits), the second when it began.
 */
#include "health/ramp.h"

#define UNIT      UINT64_C(256)
#define COUNT_MAX ((UINT64_C(1) << 20) - 1)
#define MINUTES   ((UINT64_C(1) << 24) - 1)
#define MINUTE_US UINT64_C(60000000)
#define SECOND_US UINT64_C(1000000)

struct parts {
    uint64_t now, last, minute;
};

static uint64_t pack(const struct parts *p)
{
    return MIN(p->now, COUNT_MAX) | MIN(p->last, COUNT_MAX) << 20 | p->minute << 40;
}

/* The counts as of this minute. A minute that seems to be ahead is another process's. */
static struct parts at(uint64_t pace, uint64_t now_us)
{
    struct parts p = {pace & COUNT_MAX, pace >> 20 & COUNT_MAX, pace >> 40};
    uint64_t minute = now_us / MINUTE_US & MINUTES, passed = (minute - p.minute) & MINUTES;

    if (passed == 0 || passed > MINUTES / 2)
        return p;
    return (struct parts){.last = passed == 1 ? p.now : 0, .minute = minute};
}

static uint64_t units(uint64_t tokens)
{
    return MIN(tokens, UNIT * COUNT_MAX) / UNIT + 1;
}

uint64_t ramp_pace_add(uint64_t pace, uint64_t tokens, uint64_t now_us)
{
    struct parts p = at(pace, now_us);

    p.now += units(tokens);
    return pack(&p);
}

uint64_t ramp_pace_undo(uint64_t pace, uint64_t tokens, uint64_t since_us)
{
    struct parts p = at(pace, since_us);

    if (p.minute != (since_us / MINUTE_US & MINUTES))
        return pace;
    p.now -= MIN(p.now, units(tokens));
    return pack(&p);
}

uint64_t ramp_pace(uint64_t pace, uint64_t now_us)
{
    struct parts p = at(pace, now_us);
    bool ahead = p.minute != (now_us / MINUTE_US & MINUTES);
    uint64_t left_us = MINUTE_US - (ahead ? 0 : now_us % MINUTE_US);

    return UNIT * (p.now + p.last * left_us / MINUTE_US);
}

uint64_t ramp_begin(uint64_t ramp, uint64_t pace, uint64_t now_us)
{
    struct parts p = at(pace, now_us);
    uint64_t before = UNIT * (p.last ? p.last : p.now / 2); /* half of what was too much */
    uint64_t rate = MIN(MAX(before, RAMP_LEAST), ramp_rate(ramp, now_us));

    return rate / UNIT | MAX(now_us / SECOND_US, UINT64_C(1)) << 32;
}

uint64_t ramp_rate(uint64_t ramp, uint64_t now_us)
{
    uint64_t rate = UNIT * (ramp & UINT32_MAX), began_us = SECOND_US * (ramp >> 32);

    if (ramp == 0 || now_us >= began_us + RAMP_US)
        return UINT64_MAX;
    for (uint64_t at_us = began_us + MINUTE_US; at_us <= now_us; at_us += MINUTE_US)
        rate += rate * RAMP_PERCENT10 / 1000;
    return rate;
}

bool ramp_allows(uint64_t ramp, uint64_t pace, uint64_t tokens, uint64_t now_us, uint64_t *until_us)
{
    uint64_t rate = ramp_rate(ramp, now_us), there = ramp_pace(pace, now_us), minute_us, last;

    if (rate == UINT64_MAX || there == 0 || (there <= rate && tokens <= rate - there))
        return true;
    /* what was sent in the minute before leaves the sum by the straight line, else at its end */
    minute_us = MINUTE_US - now_us % MINUTE_US;
    last = UNIT * at(pace, now_us).last;
    *until_us = now_us + minute_us;
    if (tokens <= rate && last && there + tokens - rate < last * minute_us / MINUTE_US)
        *until_us = now_us + MINUTE_US * (there + tokens - rate) / last + 1;
    return false;
}
