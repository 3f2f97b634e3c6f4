/*
 * breaker.c - see breaker.h. The word, from its lowest bit:
 *
 *     open 1, good 2, row 6, opened 4, lately 11, failed 11, the second of the last decay 29
 *
 * lately and failed are in sixteenths, and both are halved before they would not fit.
 */
#include "health/breaker.h"

#define UNIT      16u
#define LATELY    11
#define COUNT_MAX ((1u << LATELY) - 1)
#define ROW_MAX   63u
#define OPENED    15u
#define STEP_S    5u  /* decays are made no finer: small counts would be rounded away */
#define HALF_S    20u /* ... and by halves of so long */
#define SECONDS   ((UINT64_C(1) << 29) - 1)

struct parts {
    uint32_t open, good, row, opened, lately, failed;
    uint64_t at_s;
};

static struct parts unpack(uint64_t w)
{
    return (struct parts){.open = w & 1,
                          .good = w >> 1 & 3,
                          .row = w >> 3 & ROW_MAX,
                          .opened = w >> 9 & OPENED,
                          .lately = w >> 13 & COUNT_MAX,
                          .failed = w >> 24 & COUNT_MAX,
                          .at_s = w >> 35};
}

static uint64_t pack(const struct parts *p)
{
    return (uint64_t)p->open | (uint64_t)p->good << 1 | (uint64_t)p->row << 3 |
           (uint64_t)p->opened << 9 | (uint64_t)p->lately << 13 | (uint64_t)p->failed << 24 |
           p->at_s << 35;
}

/* 65536 * 2^(-s/20) */
static const uint32_t of_65536[HALF_S] = {
    65536, 63303, 61147, 59064, 57052, 55108, 53231, 51418, 49667, 47975,
    46340, 44762, 43237, 41764, 40342, 38967, 37640, 36358, 35119, 33923,
};

/* What is left of a count after s seconds. Rounded down: to the nearest, a few sixteenths of an old
 * failure would be there for ever. */
static uint32_t left(uint32_t n, uint64_t s)
{
    return s / HALF_S >= LATELY ? 0 : n * of_65536[s % HALF_S] >> 16 >> s / HALF_S;
}

static void decay(struct parts *p, uint64_t now_us)
{
    uint64_t now_s = now_us / 1000000 & SECONDS, passed = (now_s - p->at_s) & SECONDS;

    if (passed > SECONDS / 2) /* the other process was ahead of us */
        return;
    if (passed < STEP_S && (p->lately || p->failed))
        return;
    p->lately = left(p->lately, passed);
    p->failed = left(p->failed, passed);
    p->at_s = now_s;
}

static void count(struct parts *p, bool ok)
{
    if (p->lately + UNIT > COUNT_MAX) {
        p->lately /= 2;
        p->failed /= 2;
    }
    p->lately += UNIT;
    p->failed += ok ? 0 : UNIT;
    p->row = ok ? 0 : MIN(p->row + 1, ROW_MAX);
}

static bool is_sick(const struct parts *p)
{
    return p->row >= BREAKER_ROW ||
           (p->lately >= BREAKER_ROW * UNIT && BREAKER_RATE * p->failed > p->lately);
}

struct breaker breaker_read(uint64_t word, uint64_t now_us)
{
    struct parts p = unpack(word);

    decay(&p, now_us);
    return (struct breaker){.open = p.open,
                            .row = (uint8_t)p.row,
                            .opened = (uint8_t)p.opened,
                            .good = (uint8_t)p.good,
                            .lately = (double)p.lately / UNIT,
                            .failed = (double)p.failed / UNIT};
}

uint64_t breaker_result(uint64_t word, bool ok, bool probe, uint64_t now_us, bool *opens)
{
    struct parts p = unpack(word);

    *opens = false;
    if (p.open && !probe)
        return word;
    decay(&p, now_us);
    count(&p, ok);
    if (!ok && (p.open || is_sick(&p))) {
        *opens = true;
        p.open = 1;
        p.good = 0;
        p.opened = MIN(p.opened + 1, OPENED);
    } else if (p.open && p.good + 1 < BREAKER_GOOD) {
        p.good++;
    } else if (p.open) {
        p = (struct parts){.opened = p.opened, .at_s = p.at_s};
    } else if (p.failed == 0 && p.lately >= BREAKER_ROW * UNIT) {
        p.opened = 0; /* it has kept well since it was closed */
    }
    return pack(&p);
}

uint64_t breaker_trip(uint64_t word, uint64_t now_us)
{
    struct parts p = unpack(word);

    decay(&p, now_us);
    p.open = 1;
    p.good = 0;
    p.opened = MIN(p.opened + 1, OPENED);
    return pack(&p);
}

uint64_t breaker_too_early(uint64_t word)
{
    struct parts p = unpack(word);

    p.good = 0;
    return pack(&p);
}

uint64_t breaker_open_us(uint64_t word, uint32_t random)
{
    uint32_t opened = unpack(word).opened;
    uint64_t most = BREAKER_OPEN_US << (MAX(opened, 1u) - 1);

    most = MIN(most, BREAKER_OPEN_MAX_US);
    return most / 2 + (most / 2) * random / UINT32_MAX;
}
