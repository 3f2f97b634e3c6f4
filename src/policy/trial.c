/*
 * trial.c - see trial.h.
 */
#include "policy/trial.h"

#include <math.h>

#define RATIOS 5

static const double ratios[RATIOS] = {2, 4, 8, 16, 32};

double trial_evidence(uint64_t k, uint64_t n, double slice)
{
    double sum = 0;

    for (size_t i = 0; i < RATIOS; i++) {
        double grown = (double)k * log(ratios[i]);

        sum += exp(grown - (double)n * log1p(slice * (ratios[i] - 1)));
    }
    return sum / RATIOS;
}

/* Two tests share what may go wrong. */
static bool is_worse(uint64_t k, uint64_t n, double slice)
{
    return k >= TRIAL_FAILURES && trial_evidence(k, n, slice) >= 2 / TRIAL_WRONG;
}

/* Of the new side, beyond what the old one's share explains, give or take what chance does to that.
 */
static double excess(uint64_t k, uint64_t of, uint64_t old, uint64_t old_of)
{
    double usual = old_of ? (double)of * (double)old / (double)old_of : 0;

    return MAX((double)k - usual - sqrt(usual), 0.0);
}

#define NEEDS_MOST 1e15 /* a number still, whatever the board says */

uint64_t trial_needs(const struct trial_counts *c)
{
    const struct trial_side *o = &c->sides[BOARD_SIDE_OLD], *n = &c->sides[BOARD_SIDE_NEW];
    double failed = excess(n->failed, n->judged, o->failed, o->judged);
    double slow = excess(n->slow, n->timed, o->slow, o->timed);

    return (uint64_t)MIN(ceil(TRIAL_REQUESTS * (1 + MAX(failed, slow))), NEEDS_MOST);
}

enum trial_verdict trial_judge(const struct trial_counts *c, const struct trial_rules *rules,
                               uint64_t age_us)
{
    const struct trial_side *o = &c->sides[BOARD_SIDE_OLD], *n = &c->sides[BOARD_SIDE_NEW];
    uint64_t open = n->begun - MIN(n->judged, n->begun);
    bool enough = n->judged >= trial_needs(c);

    if (is_worse(n->failed, n->failed + o->failed, c->slice))
        return TRIAL_FAILS;
    if (is_worse(n->slow, n->slow + o->slow, c->slice))
        return TRIAL_SLOW;
    /* What has not ended may end badly: failing can take longer than answering. */
    if (enough && age_us >= rules->least_us && (open <= n->judged || age_us >= rules->most_us))
        return TRIAL_KEEP;
    return age_us >= rules->most_us ? TRIAL_UNPROVEN : TRIAL_GOES_ON;
}

/* ---- power ---- */

/* At least k of n, each with the probability p. */
static double at_least(uint64_t k, uint64_t n, double p)
{
    double less = 0;

    for (uint64_t i = 0; i < k && i <= n; i++) {
        double ways = lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1);

        less += exp(ways + (double)i * log(p) + (double)(n - i) * log1p(-p));
    }
    return 1 - less;
}

/* How many of n may fail until it is taken back; above n: all of them. Failures tell the more the
 * more they are. */
static uint64_t failures_to_reject(uint64_t n, uint64_t old, double slice)
{
    uint64_t low = TRIAL_FAILURES, high = n + 1;

    while (low < high) {
        uint64_t k = low + (high - low) / 2;

        if (is_worse(k, k + old, slice))
            high = k;
        else
            low = k + 1;
    }
    return low;
}

#define MANY          400    /* failures, from which on they are as good as normally distributed */
#define NINE_OF_TEN_Z 1.2816 /* ... and TRIAL_SEEN of those are within so many deviations */

double trial_power(uint64_t n, uint64_t old, double slice)
{
    uint64_t k = failures_to_reject(n, old, slice);
    double low = 0, high = 1;

    if (k > n)
        return 2;
    if (k > MANY)
        return MIN(((double)k + NINE_OF_TEN_Z * sqrt((double)k)) / (double)n, 1.0);
    for (int i = 0; i < 40; i++) {
        double p = (low + high) / 2;

        if (at_least(k, n, p) < TRIAL_SEEN)
            low = p;
        else
            high = p;
    }
    return high;
}

/* ---- times ---- */

#define FIRST_US 1000.0 /* the first of the times ends here */

size_t trial_time(uint64_t us)
{
    double i = ceil(2 * log2((double)MAX(us, UINT64_C(1)) / FIRST_US));

    return i <= 0 ? 0 : MIN((size_t)i, (size_t)BOARD_TRIAL_TIMES - 1);
}

uint64_t trial_time_end_us(size_t i)
{
    return (uint64_t)(FIRST_US * exp2((double)i / 2));
}

/* The one that holds the share's last; BOARD_TRIAL_TIMES: there are fewer than `least`. */
static size_t quantile(const uint64_t times[BOARD_TRIAL_TIMES], uint64_t percent, uint64_t least)
{
    uint64_t all = 0, sum = 0;

    for (size_t i = 0; i < BOARD_TRIAL_TIMES; i++)
        all += times[i];
    if (all < least)
        return BOARD_TRIAL_TIMES;
    for (size_t i = 0; i < BOARD_TRIAL_TIMES; i++) {
        sum += times[i];
        if (sum * 100 >= all * percent)
            return i;
    }
    return BOARD_TRIAL_TIMES;
}

size_t trial_slow_from(const uint64_t times[BOARD_TRIAL_TIMES])
{
    size_t q = quantile(times, 90, TRIAL_TIMED);

    return MIN(q + 3, (size_t)BOARD_TRIAL_TIMES); /* the third behind it begins at twice its end */
}

static void read_times(const board_word words[BOARD_TRIAL_TIMES], uint64_t ret[BOARD_TRIAL_TIMES])
{
    for (size_t i = 0; i < BOARD_TRIAL_TIMES; i++)
        ret[i] = board_get(&words[i]);
}

uint64_t trial_patience_us(const struct board_trial *t, bool stream)
{
    uint64_t times[BOARD_TRIAL_TIMES];
    size_t q;

    read_times(t->sides[BOARD_SIDE_OLD].first[stream], times);
    q = quantile(times, 99, TRIAL_PATIENT);
    return q == BOARD_TRIAL_TIMES ? UINT64_MAX : MAX(4 * trial_time_end_us(q), TRIAL_SILENT);
}

/* Whole answers and streams are each measured by their own. */
static void add_times(const struct board_trial *t, size_t kind, struct trial_counts *ret)
{
    uint64_t times[BOARD_SIDES][BOARD_TRIAL_TIMES];
    size_t slow;

    for (size_t side = 0; side < BOARD_SIDES; side++)
        read_times(t->sides[side].first[kind], times[side]);
    slow = trial_slow_from(times[BOARD_SIDE_OLD]);
    for (size_t side = 0; side < BOARD_SIDES; side++) {
        for (size_t i = 0; i < BOARD_TRIAL_TIMES; i++) {
            ret->sides[side].timed += times[side][i];
            ret->sides[side].slow += i >= slow ? times[side][i] : 0;
        }
    }
}

/* A request of an earlier trial may have been taken out just when this one began. */
static uint64_t not_below_0(uint64_t n)
{
    return n > INT64_MAX ? 0 : n;
}

void trial_read(const struct board_trial *t, struct trial_counts *ret)
{
    *ret = (struct trial_counts){.slice = (double)board_get(&t->slice) / 1e6};
    for (size_t side = 0; side < BOARD_SIDES; side++) {
        const struct board_side *s = &t->sides[side];

        ret->sides[side].judged = board_get(&s->judged);
        ret->sides[side].failed = MIN(board_get(&s->failed), ret->sides[side].judged);
        ret->sides[side].begun = MAX(not_below_0(board_get(&s->begun)), ret->sides[side].judged);
    }
    for (size_t kind = 0; kind < 2; kind++)
        add_times(t, kind, ret);
}
