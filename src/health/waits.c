/*
 * waits.c - see waits.h. The word, from its lowest bit, all of ln(microseconds):
 *
 *     n 12, mean 19 (of 2^19 parts of 24), variance 18 (of 16), longest 15 (of 24)
 */
#include "health/waits.h"

#include <math.h>

#define LN_MAX    24.0 /* e^24 us: seven hours */
#define VAR_MAX   16.0
#define MEAN_BITS 19
#define VAR_BITS  18
#define TOP_BITS  15
#define TOP_FADES (LN_MAX / (1 << TOP_BITS)) /* a wait: half of it in some 950 */
#define MOST_US   1e15
#define FAR       6.0   /* deviations above the mean: once in 10^9 */
#define RARELY    5.199 /* ... once in 10^7 */
#define TAIL      3.0   /* times the longest: not too long ... */
#define RISES     1.02  /* times that, for one that was too long and went on */
#define TAIL_MOST 5.0   /* ... and this is in any case */
#define MOST_OF   1.645 /* deviations: 19 of 20 are shorter */
#define KNOWN     10.0  /* so many waits weigh as much as what is believed beforehand */

/* What is believed of a target before anything is known: the median, the deviation; the least that
 * is ever too long; and how far from the mean that is. */
static const struct kind {
    double median_us, spread, least_us, far;
} kinds[] = {
    [WAITS_STREAM] = {3e6, 0.6, 10e6, FAR},  /* too long at first: 110 s */
    [WAITS_THINKS] = {20e6, 0.9, 60e6, FAR}, /* ... 74 min, so what is configured counts */
    [WAITS_WHOLE] = {20e6, 0.9, 60e6, FAR},
    [WAITS_GAP] = {0.5e6, 0.7, 2e6, RARELY}, /* ... 19 s; what stands still is worth less waiting */
    [WAITS_PACE] = {0.05e6, 0.9, 1e6, FAR},  /* ... 11 s */
};

struct parts {
    uint32_t n;
    double mean, var, top;
};

static double take(uint64_t word, int at, int bits, double max)
{
    uint64_t most = (UINT64_C(1) << bits) - 1;

    return (double)(word >> at & most) * max / (double)most;
}

static uint64_t put(double v, int at, int bits, double max)
{
    uint64_t most = (UINT64_C(1) << bits) - 1;

    return (uint64_t)(fmin(fmax(v, 0), max) / max * (double)most + 0.5) << at;
}

static struct parts unpack(uint64_t w)
{
    return (struct parts){.n = (uint32_t)(w & 0xfff),
                          .mean = take(w, 12, MEAN_BITS, LN_MAX),
                          .var = take(w, 12 + MEAN_BITS, VAR_BITS, VAR_MAX),
                          .top = take(w, 12 + MEAN_BITS + VAR_BITS, TOP_BITS, LN_MAX)};
}

static uint64_t pack(const struct parts *p)
{
    return p->n | put(p->mean, 12, MEAN_BITS, LN_MAX) |
           put(p->var, 12 + MEAN_BITS, VAR_BITS, VAR_MAX) |
           put(p->top, 12 + MEAN_BITS + VAR_BITS, TOP_BITS, LN_MAX);
}

/* How much longer than for a short prompt. */
static double length(uint64_t prompt_bytes)
{
    return 1 + (double)prompt_bytes / (double)WAITS_PROMPT;
}

static double ln(uint64_t us, uint64_t prompt_bytes)
{
    return fmin(log(fmax((double)us / length(prompt_bytes), 1)), LN_MAX);
}

/* Welford's update, where the first WAITS_LATELY weigh alike and what is older fades. more: what is
 * not known of x adds to the variance. */
static uint64_t note_about(uint64_t word, double x, double more, double top)
{
    struct parts p = unpack(word);
    double far;

    p.n = MIN(p.n + 1, WAITS_LATELY);
    far = p.n == 1 ? 0 : x - p.mean;
    p.mean = p.n == 1 ? x : p.mean + far / p.n;
    p.var = (1 - 1.0 / p.n) * (p.var + far * far / p.n) + more / p.n;
    p.top = fmax(p.top - TOP_FADES, top);
    return pack(&p);
}

static uint64_t note(uint64_t word, double x, double top)
{
    return note_about(word, x, 0, top);
}

struct waits waits_read(uint64_t word)
{
    struct parts p = unpack(word);

    return (struct waits){
        .n = p.n, .median_us = p.n ? (uint64_t)exp(p.mean) : 0, .spread = sqrt(p.var)};
}

uint64_t waits_note(uint64_t word, uint64_t us, uint64_t prompt_bytes)
{
    double x = ln(us, prompt_bytes);

    return note(word, x, x);
}

uint64_t waits_given_up(uint64_t word, uint64_t us, uint64_t prompt_bytes)
{
    double x = ln(us, prompt_bytes);

    return note(word, x, x + log(1.5 / TAIL));
}

uint64_t waits_too_long(uint64_t word, uint64_t us, uint64_t prompt_bytes)
{
    struct parts p = unpack(word);

    p.top = fmax(p.top, fmin(p.top + log(RISES), ln(us, prompt_bytes)));
    return pack(&p);
}

/* The mean of those values of a normal distribution that are above z, in deviations. */
static double mean_above(double z)
{
    double above = erfc(z / sqrt(2)) / 2;

    return z > FAR ? z + 1 / z : exp(-z * z / 2) / sqrt(2 * M_PI) / above;
}

uint64_t waits_broken_off(uint64_t word, uint64_t us, uint64_t prompt_bytes)
{
    struct parts p = unpack(word);
    double x = ln(us, prompt_bytes), deviation = sqrt(p.var), z, above;

    if (p.n < WAITS_FEW) /* nothing is known of how long such a wait goes on */
        return word;
    if (deviation <= 0)
        return note(word, fmax(x, p.mean), x);
    z = (x - p.mean) / deviation;
    above = mean_above(z);
    return note_about(word, p.mean + above * deviation, fmax(p.var * (1 + above * (z - above)), 0),
                      x);
}

uint64_t waits_usual_us(uint64_t word, uint64_t prompt_bytes)
{
    struct parts p = unpack(word);

    if (p.n < WAITS_FEW)
        return UINT64_MAX;
    return (uint64_t)fmin(fmax(exp(p.mean + MOST_OF * sqrt(p.var)), (double)WAITS_USUAL_US) *
                              length(prompt_bytes),
                          MOST_US);
}

/* Weighed by how much is known. */
static double believed(const struct parts *p, double known, double before)
{
    return (p->n * known + KNOWN * before) / (p->n + KNOWN);
}

static double too_long(const struct parts *p, const struct kind *k)
{
    double mean = believed(p, p->mean, log(k->median_us));
    double var = believed(p, p->var, k->spread * k->spread);

    return exp(mean + k->far * sqrt(var));
}

uint64_t waits_limit_us(uint64_t word, enum waits_kind kind, uint64_t prompt_bytes)
{
    static const struct parts nothing;
    const struct kind *k = &kinds[kind];
    struct parts p = unpack(word);
    double us = too_long(&p, k), top = p.n ? exp(p.top) : 0;

    if (p.n < WAITS_FEW)
        us = fmax(us, too_long(&nothing, k));
    else
        us = fmin(us, TAIL_MOST * top);
    us = fmax(fmax(us, TAIL * top), k->least_us);
    return (uint64_t)fmin(us * length(prompt_bytes), MOST_US);
}
