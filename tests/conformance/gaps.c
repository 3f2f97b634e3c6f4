/*
 * gaps.c - recorded silences within streams, through what decides when a stream has stalled.
 *
 * Goal: of 10,000 healthy streams at most one is given up, those to a target that nobody has seen
 * before included; a stream that stalls is, and no later than when a silence is so long that the
 * distribution fitted to the target's own gives it once in 10^7, but at least 2 s. What is believed
 * of targets that nobody knows counts as ten of its own, and alone until WAITS_FEW are known. Only
 * where one three times shorter has been seen lately it may take that long: how many do is told. Of
 * as many healthy ones at most one is slow by the mean of its silences.
 * Method: standard input has a line a recorded stream: its silences in microseconds. RUNS targets
 * that nobody knows get FEW streams each, and one gets MANY, drawn of those with a seed. In front
 * of each of the first ones, and of the last STALLS of MANY, a drawn one is replayed that falls
 * silent at a drawn place for ever: the relay's timer (join.c) is followed until it is declared.
 * When it has to be is worked out here of the silences themselves.
 *
 * Few recorded streams say less than many: those that are drawn are the same ones again, so the
 * last line begins with how many there are that do not depend on each other.
 *
 * Output: two lines with the times until stalls are declared, to who is not known and to who is;
 * and a last line with the counts, the limits at the start, behind FEW and behind MANY, the mean
 * above which a stream is slow then, and the seed.
 */
#include <math.h>

#include "base/buf.h"
#include "base/rng.h"
#include "health/waits.h"

#define STREAMS_MAX 1000
#define GAPS_MAX    4096
#define FEW         20
#define RUNS        1000
#define MANY        20000
#define STALLS      5000
#define TIMER_US    UINT64_C(100000) /* join.c looks again no sooner */
#define LEAST_US    UINT64_C(2000000)
#define NEVER       UINT64_MAX
#define LATELY      256
#define RARELY      5.199 /* deviations above a mean: once in 10^7 */
#define TAIL        3.0   /* times the longest that was seen */
#define ROUNDED     1.01  /* what is known is kept in few bits */

/* What is believed of a target that nobody knows: waits.c. */
#define BELIEVED_US     0.5e6
#define BELIEVED_SPREAD 0.7
#define BELIEVED_N      10.0

struct stream {
    uint64_t longest_us, mean_us; /* of its silences */
    uint64_t *gaps;
    size_t n;
};

/* -1: there is something that is no number. */
static int read_stream(struct stream *s, struct span rest)
{
    static uint64_t gaps[GAPS_MAX];
    uint64_t sum = 0;

    *s = (struct stream){0};
    while (span_has(rest) && s->n < GAPS_MAX) {
        if (span_u64(span_cut(&rest, ' '), &gaps[s->n]) < 0)
            return -1;
        s->longest_us = MAX(s->longest_us, gaps[s->n]);
        sum += gaps[s->n++];
    }
    s->mean_us = sum / MAX(s->n, (size_t)1);
    s->gaps = calloc(s->n + 1, sizeof(*s->gaps));
    MUST(s->gaps);
    memcpy(s->gaps, gaps, s->n * sizeof(*gaps));
    return 0;
}

static int read_streams(FILE *f, struct stream streams[STREAMS_MAX], size_t *n)
{
    static char line[1 << 20];

    for (*n = 0; *n < STREAMS_MAX && fgets(line, sizeof(line), f); ++*n) {
        struct span whole = span_str(line);

        if (read_stream(&streams[*n], span_cut(&whole, '\n')) < 0)
            return -1;
    }
    return 0;
}

/* What is known of a target: by the program's words, and by the silences themselves. */
struct target {
    uint64_t gaps, pace;
    double latest[LATELY]; /* logarithms of the longest silences */
    size_t n;
    uint64_t longest_us; /* of all */
};

static void note(struct target *t, uint64_t longest_us)
{
    t->longest_us = MAX(t->longest_us, longest_us);
    t->latest[t->n++ % LATELY] = log((double)MAX(longest_us, UINT64_C(1)));
}

/* So long a silence comes once in 10^7; of n silences with that sum of logarithms, and variance. */
static double rare_us(double n, double sum, double var)
{
    double mean = (sum + BELIEVED_N * log(BELIEVED_US)) / (n + BELIEVED_N);

    var = (n * var + BELIEVED_N * BELIEVED_SPREAD * BELIEVED_SPREAD) / (n + BELIEVED_N);
    return fmax(exp(mean + RARELY * sqrt(var)), (double)LEAST_US);
}

/* When it has to be declared at the latest. */
static double due_us(const struct target *t)
{
    size_t n = MIN(t->n, (size_t)LATELY);
    double sum = 0, squares = 0, due;

    for (size_t i = 0; i < n; i++)
        sum += t->latest[i];
    for (size_t i = 0; i < n; i++)
        squares += (t->latest[i] - sum / (double)n) * (t->latest[i] - sum / (double)n);
    due = rare_us((double)n, sum, n ? squares / (double)n : 0);
    return t->n < WAITS_FEW ? fmax(due, rare_us(0, 0, 0)) : due;
}

/* Times until stalls are declared. */
struct delays {
    unsigned long n, late, never;
    unsigned long by_longest; /* later than that, for a longer silence than is usual was seen */
    uint64_t least_us, most_us;
    double due_most_us,
        over_most; /* the latest that one was due, and how many times that it took */
};

/* Behind so many of its silences it says nothing more. The relay's timer runs from its first
 * content on; NEVER: it is not declared at all. *early: that was before it had stalled. */
static uint64_t declared_us(const struct stream *s, size_t at, uint64_t limit, bool *early)
{
    uint64_t heard = 0, next = 0, now = limit;
    size_t seen = 0;

    *early = false;
    for (int looks = 0; looks < 1000000; looks++) {
        uint64_t quiet;

        for (; seen < at && next + s->gaps[seen] <= now; seen++)
            heard = next = next + s->gaps[seen];
        quiet = now - heard;
        if (quiet >= limit) {
            *early = seen < at;
            return quiet;
        }
        now += MAX(limit, quiet + TIMER_US) - quiet;
    }
    return NEVER;
}

static void stall(struct rng *rng, const struct stream *streams, size_t n, const struct target *t,
                  struct delays *d)
{
    const struct stream *s = &streams[rng_below(rng, n)];
    size_t at = (size_t)rng_below(rng, s->n + 1);
    double due = due_us(t), longest = TAIL * (double)t->longest_us;
    bool early;
    uint64_t us = declared_us(s, at, waits_limit_us(t->gaps, WAITS_GAP, 0), &early);

    if (early) /* a healthy silence was taken for one: ask() counts those */
        return;
    d->n++;
    d->never += us == NEVER;
    d->late += (double)us > fmax(due, longest) * ROUNDED + (double)TIMER_US;
    d->by_longest += us != NEVER && (double)us > due * ROUNDED + (double)TIMER_US;
    d->least_us = d->n == 1 ? us : MIN(d->least_us, us);
    d->most_us = MAX(d->most_us, us);
    d->due_most_us = fmax(d->due_most_us, due);
    d->over_most = fmax(d->over_most, (double)us / due);
}

struct counts {
    unsigned long given_up, slow;
};

/* A healthy stream. */
static void ask(struct rng *rng, const struct stream *streams, size_t n, struct target *t,
                struct counts *ret)
{
    const struct stream *s = &streams[rng_below(rng, n)];
    uint64_t limit = waits_limit_us(t->gaps, WAITS_GAP, 0);
    bool slow = s->mean_us > waits_limit_us(t->pace, WAITS_PACE, 0);

    ret->given_up += s->longest_us > limit;
    ret->slow += slow;
    t->gaps = s->longest_us > limit ? waits_given_up(t->gaps, limit, 0)
                                    : waits_note(t->gaps, s->longest_us, 0);
    t->pace = slow ? waits_too_long(t->pace, s->mean_us, 0) : waits_note(t->pace, s->mean_us, 0);
    note(t, MIN(s->longest_us, limit));
}

static void report(const char *to, const struct delays *d)
{
    printf("# %s: %lu stalls, %lu never declared, %lu late, %lu by the longest seen, after %lu to "
           "%lu us, due within %lu us, %.2f of that at most\n",
           to, d->n, d->never, d->late, d->by_longest, (unsigned long)d->least_us,
           (unsigned long)d->most_us, (unsigned long)d->due_most_us, d->over_most);
}

int main(int argc, char **argv)
{
    static struct stream streams[STREAMS_MAX];
    static struct target t;
    uint64_t seed, few_us = 0, most_us = 0;
    struct delays unknown = {0}, known = {0};
    struct counts c = {0};
    struct rng rng;
    size_t n;

    if (argc != 2 || span_u64(span_str(argv[1]), &seed) < 0 ||
        read_streams(stdin, streams, &n) < 0 || n == 0)
        return 2;
    rng_init(&rng, seed);
    for (size_t i = 0; i < RUNS; i++) {
        t = (struct target){0};
        for (size_t j = 0; j < FEW; j++) {
            stall(&rng, streams, n, &t, &unknown);
            ask(&rng, streams, n, &t, &c);
        }
        few_us = MAX(few_us, waits_limit_us(t.gaps, WAITS_GAP, 0));
    }
    t = (struct target){0};
    for (size_t i = 0; i < MANY; i++) {
        if (i >= MANY - STALLS)
            stall(&rng, streams, n, &t, &known);
        ask(&rng, streams, n, &t, &c);
    }
    for (size_t i = 0; i < n; i++)
        most_us = MAX(most_us, streams[i].longest_us);
    report("unknown", &unknown);
    report("known", &known);
    printf(
        "# %zu independent streams, %lu us, drawn again: %lu of %d given up, %lu slow, limits %lu "
        "%lu %lu us, slow above %lu us, seed %s\n",
        n, (unsigned long)most_us, c.given_up, RUNS * FEW + MANY, c.slow,
        (unsigned long)waits_limit_us(0, WAITS_GAP, 0), (unsigned long)few_us,
        (unsigned long)waits_limit_us(t.gaps, WAITS_GAP, 0),
        (unsigned long)waits_limit_us(t.pace, WAITS_PACE, 0), argv[1]);
    for (size_t i = 0; i < n; i++)
        free(streams[i].gaps);
    return 0;
}
