/*
 * gaps.c - recorded silences within streams, through what decides when a stream has stalled.
 *
 * Goal: of 10,000 healthy streams at most one is given up, those to a target that nobody has seen
 * before included; a stream that stalls is, and after a time that follows from the target's own. Of
 * as many at most one is slow by the mean of its silences.
 * Method: standard input has a line a recorded stream: its silences in microseconds. RUNS targets
 * that nobody knows get FEW streams each, and one gets MANY, drawn of those with a seed. Then each
 * of the recorded ones stalls for ever.
 *
 * Output: a last line with the counts, the limits at the start, behind FEW and behind MANY, the
 * mean above which a stream is slow then, and the seed.
 */
#include "base/buf.h"
#include "base/rng.h"
#include "health/waits.h"

#define STREAMS_MAX 1000
#define FEW         20
#define RUNS        1000
#define MANY        20000
#define NONE        UINT64_C(1000000000000000) /* waits.h: the most that a limit is */

struct stream {
    uint64_t longest_us, mean_us; /* of its silences */
};

/* -1: there is something that is no number. */
static int read_streams(FILE *f, struct stream streams[STREAMS_MAX], size_t *n)
{
    static char line[1 << 20];

    for (*n = 0; *n < STREAMS_MAX && fgets(line, sizeof(line), f);) {
        struct span whole = span_str(line), rest = span_cut(&whole, '\n');
        uint64_t longest = 0, sum = 0, gaps = 0, gap;

        while (span_has(rest)) {
            if (span_u64(span_cut(&rest, ' '), &gap) < 0)
                return -1;
            longest = MAX(longest, gap);
            sum += gap;
            gaps++;
        }
        streams[(*n)++] = (struct stream){longest, sum / MAX(gaps, UINT64_C(1))};
    }
    return 0;
}

/* What is known of a target. */
struct target {
    uint64_t gaps, pace;
};

struct counts {
    unsigned long given_up, slow;
};

/* So many streams to one target. */
static void ask(struct rng *rng, const struct stream *streams, size_t n, size_t times,
                struct target *t, struct counts *ret)
{
    for (size_t i = 0; i < times; i++) {
        const struct stream *s = &streams[rng_below(rng, n)];
        uint64_t limit = waits_limit_us(t->gaps, WAITS_GAP, 0);
        bool slow = s->mean_us > waits_limit_us(t->pace, WAITS_PACE, 0);

        ret->given_up += s->longest_us > limit;
        ret->slow += slow;
        t->gaps = s->longest_us > limit ? waits_given_up(t->gaps, limit, 0)
                                        : waits_note(t->gaps, s->longest_us, 0);
        t->pace =
            slow ? waits_too_long(t->pace, s->mean_us, 0) : waits_note(t->pace, s->mean_us, 0);
    }
}

int main(int argc, char **argv)
{
    struct stream streams[STREAMS_MAX];
    uint64_t seed, few_us = 0, most_us = 0;
    struct counts c = {0};
    struct target t;
    struct rng rng;
    size_t n;

    if (argc != 2 || span_u64(span_str(argv[1]), &seed) < 0 ||
        read_streams(stdin, streams, &n) < 0 || n == 0)
        return 2;
    rng_init(&rng, seed);
    for (size_t i = 0; i < RUNS; i++) {
        t = (struct target){0};
        ask(&rng, streams, n, FEW, &t, &c);
        few_us = MAX(few_us, waits_limit_us(t.gaps, WAITS_GAP, 0));
    }
    t = (struct target){0};
    ask(&rng, streams, n, MANY, &t, &c);
    for (size_t i = 0; i < n; i++)
        most_us = MAX(most_us, streams[i].longest_us);
    printf("# %zu streams, %lu us, %lu of %d given up, %lu slow, limits %lu %lu %lu us, %d stalls "
           "declared, slow above %lu us, seed %s\n",
           n, (unsigned long)most_us, c.given_up, RUNS * FEW + MANY, c.slow,
           (unsigned long)waits_limit_us(0, WAITS_GAP, 0), (unsigned long)few_us,
           (unsigned long)waits_limit_us(t.gaps, WAITS_GAP, 0),
           waits_limit_us(t.gaps, WAITS_GAP, 0) < NONE ? (int)n : 0,
           (unsigned long)waits_limit_us(t.pace, WAITS_PACE, 0), argv[1]);
    return 0;
}
