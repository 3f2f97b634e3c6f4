/*
 * gaps.c - recorded silences within streams, through what decides when a stream has stalled.
 *
 * Goal: of 10,000 healthy streams at most one is given up, those to a target that nobody has seen
 * before included; a stream that stalls is, and after a time that follows from the target's own.
 * Method: standard input has a line a recorded stream: its silences in microseconds. RUNS targets
 * that nobody knows get FEW streams each, and one gets MANY, drawn of those with a seed. Then each
 * of the recorded ones stalls for ever.
 *
 * Output: a last line with the counts, the limits at the start, behind FEW and behind MANY, and the
 * seed.
 */
#include "base/buf.h"
#include "base/rng.h"
#include "health/waits.h"

#define STREAMS_MAX 1000
#define FEW         20
#define RUNS        1000
#define MANY        20000
#define NONE        UINT64_C(1000000000000000) /* waits.h: the most that a limit is */

/* The longest silence of each stream. -1: that is no number. */
static int read_streams(FILE *f, uint64_t us[STREAMS_MAX], size_t *n)
{
    static char line[1 << 20];

    for (*n = 0; *n < STREAMS_MAX && fgets(line, sizeof(line), f);) {
        struct span whole = span_str(line), rest = span_cut(&whole, '\n');
        uint64_t longest = 0, gap;

        while (span_has(rest)) {
            if (span_u64(span_cut(&rest, ' '), &gap) < 0)
                return -1;
            longest = MAX(longest, gap);
        }
        us[(*n)++] = longest;
    }
    return 0;
}

/* So many streams to one target; returns how many are given up. */
static unsigned long given_up(struct rng *rng, const uint64_t *us, size_t n, size_t streams,
                              uint64_t *word)
{
    unsigned long ret = 0;

    for (size_t i = 0; i < streams; i++) {
        uint64_t gap = us[rng_below(rng, n)], limit = waits_limit_us(*word, WAITS_GAP, 0);

        ret += gap > limit;
        *word = gap > limit ? waits_given_up(*word, limit, 0) : waits_note(*word, gap, 0);
    }
    return ret;
}

int main(int argc, char **argv)
{
    uint64_t us[STREAMS_MAX], seed, word, few_us = 0, most_us = 0;
    unsigned long killed = 0;
    struct rng rng;
    size_t n;

    if (argc != 2 || span_u64(span_str(argv[1]), &seed) < 0 || read_streams(stdin, us, &n) < 0 ||
        n == 0)
        return 2;
    rng_init(&rng, seed);
    for (size_t i = 0; i < RUNS; i++) {
        word = 0;
        killed += given_up(&rng, us, n, FEW, &word);
        few_us = MAX(few_us, waits_limit_us(word, WAITS_GAP, 0));
    }
    word = 0;
    killed += given_up(&rng, us, n, MANY, &word);
    for (size_t i = 0; i < n; i++)
        most_us = MAX(most_us, us[i]);
    printf("# %zu streams, %lu us, %lu of %d given up, limits %lu %lu %lu us, %d stalls declared, "
           "seed %s\n",
           n, (unsigned long)most_us, killed, RUNS * FEW + MANY,
           (unsigned long)waits_limit_us(0, WAITS_GAP, 0), (unsigned long)few_us,
           (unsigned long)waits_limit_us(word, WAITS_GAP, 0),
           waits_limit_us(word, WAITS_GAP, 0) < NONE ? (int)n : 0, argv[1]);
    return 0;
}
