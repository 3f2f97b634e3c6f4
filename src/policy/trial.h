/*
 * trial.h - is a new configuration as good as the one in use? Counts of both go in, a verdict
 * comes out.
 *
 * Each new request is put on one of two sides by lot: with the probability `slice` on the new
 * configuration, else on the old one. Why the lot makes the test exact: if both are equally good,
 * a request that fails is one of the new side with just that probability, whatever made it fail,
 * and however that changes while the trial runs (an outage of a provider fails both sides alike).
 * So only the failures are looked at, and of them only whose they are:
 *
 *     evidence(k of N) = mean over r of  r^k / (1 - s + s r)^N        r = 2, 4, 8, 16, 32
 *
 * which is the likelihood that failures are r times as frequent on the new side, by the likelihood
 * that they are as frequent (Wald's ratio; the sum over several r is Robbins' mixture). Under
 * equality it is a martingale that begins at 1, so that it ever reaches 1/a with a probability of
 * at most a, however often one looks (Ville's inequality). Sources: A. Wald, Sequential Analysis,
 * 1947; H. Robbins, Statistical Methods Related to the Law of the Iterated Logarithm, 1970; the
 * condition on the sum of both sides: M. Kulldorff et al., A Maximized Sequential Probability
 * Ratio Test for Drug and Vaccine Safety Surveillance, 2011.
 *
 * First tokens are judged by the same test: one is slow that comes later than twice what nine of
 * ten of the old side's take.
 *
 * Room: policy (uses board). Pure but for the board's words.
 */
#ifndef POLICY_TRIAL_H
#define POLICY_TRIAL_H

#include "board/trial.h"

#define TRIAL_REQUESTS 50   /* no fewer say that a configuration is good */
#define TRIAL_FAILURES 5    /* ... and no fewer failures that it is bad */
#define TRIAL_WRONG    0.01 /* how often an equal one is taken back, at most; both tests together */
#define TRIAL_SEEN     0.9 /* with this probability what trial_power() names would have been seen */
#define TRIAL_TIMED    20  /* first tokens of the old side that say what is usual */
#define TRIAL_PATIENT  50  /* ... and what is very unusual */
#define TRIAL_SILENT   UINT64_C(2000000) /* nobody is silent before that */

struct trial_side {
    uint64_t begun;  /* requests */
    uint64_t judged; /* ... of which it is known whether they are good */
    uint64_t failed; /* ... of which are not */
    uint64_t timed;  /* first tokens */
    uint64_t slow;
};

struct trial_counts {
    double slice; /* > 0 and < 1 */
    struct trial_side sides[BOARD_SIDES];
};

struct trial_rules {
    uint64_t least_us; /* no configuration is kept before */
    uint64_t most_us;  /* what is not known by then is unproven */
};

enum trial_verdict {
    TRIAL_GOES_ON,
    TRIAL_KEEP,
    TRIAL_FAILS,    /* more requests fail than with the old one */
    TRIAL_SLOW,     /* more first tokens come late */
    TRIAL_UNPROVEN, /* too few requests have come */
};

/* How many times likelier it is that failures are more frequent on the new side, where k of n
 * failures are its. 1: neither. */
double trial_evidence(uint64_t k, uint64_t n, double slice);

/* age_us: since it began. */
enum trial_verdict trial_judge(const struct trial_counts *c, const struct trial_rules *rules,
                               uint64_t age_us);

/* The share of failing requests that the trial would have seen with the probability TRIAL_SEEN, by
 * n requests of the new side while `old` of the old side failed; above 1: none at all. */
double trial_power(uint64_t n, uint64_t old, double slice);

/* How many requests it takes to keep it: more than TRIAL_REQUESTS for every failure beyond the old
 * side's share. */
uint64_t trial_needs(const struct trial_counts *c);

/* ---- times ---- */

/* In which of BOARD_TRIAL_TIMES it falls, each up to 1.4 times the one before; and where that ends.
 */
size_t trial_time(uint64_t us);
uint64_t trial_time_end_us(size_t i);

/* The first of the slow ones, by the old side's times; BOARD_TRIAL_TIMES: none is known to be. */
size_t trial_slow_from(const uint64_t times[BOARD_TRIAL_TIMES]);

/* Who has not begun to answer by then is taken for silent, on both sides; UINT64_MAX: not known. */
uint64_t trial_patience_us(const struct board_trial *t, bool stream);

/* What stands on the board. */
void trial_read(const struct board_trial *t, struct trial_counts *ret);

#endif
