/* Goal: a configuration that is as good as the one in use is hardly ever taken back, one that is
 * worse is soon, and what is said of what would have been seen is true; also while a provider fails
 * both sides, and however often one looks.
 * Method: every bound at it and beside it; then many trials by a seed, judged at every request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "policy/trial.h"

#define S UINT64_C(1000000)

enum { OLD = BOARD_SIDE_OLD, NEW = BOARD_SIDE_NEW };

static const struct trial_rules rules = {.least_us = 30 * S, .most_us = 600 * S};

static struct trial_counts counts(uint64_t judged, uint64_t failed, uint64_t old,
                                  uint64_t old_failed)
{
    return (struct trial_counts){
        .slice = 0.05,
        .sides = {[OLD] = {old, old, old_failed, 0, 0}, [NEW] = {judged, judged, failed, 0, 0}}};
}

/* ---- bounds ---- */

static void it_is_kept_from_fifty_good_requests_on(void **state)
{
    struct trial_counts c = counts(TRIAL_REQUESTS - 1, 0, 1000, 0);

    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_GOES_ON);
    c = counts(TRIAL_REQUESTS, 0, 1000, 0);
    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_KEEP);
}

static void it_is_not_kept_before_its_time(void **state)
{
    struct trial_counts c = counts(5000, 0, 1000, 0);

    assert_int_equal(trial_judge(&c, &rules, rules.least_us - 1), TRIAL_GOES_ON);
    assert_int_equal(trial_judge(&c, &rules, rules.least_us), TRIAL_KEEP);
}

static void without_requests_it_is_unproven_in_the_end(void **state)
{
    struct trial_counts c = counts(TRIAL_REQUESTS - 1, 0, 1000, 0);

    assert_int_equal(trial_judge(&c, &rules, rules.most_us - 1), TRIAL_GOES_ON);
    assert_int_equal(trial_judge(&c, &rules, rules.most_us), TRIAL_UNPROVEN);
}

static void it_is_taken_back_from_the_fifth_failure_on(void **state)
{
    struct trial_counts c = counts(4, 4, 80, 0);

    assert_int_equal(trial_judge(&c, &rules, 1 * S), TRIAL_GOES_ON);
    c = counts(5, 5, 80, 0);
    assert_int_equal(trial_judge(&c, &rules, 1 * S), TRIAL_FAILS);
}

/* Every failure that the old side does not explain asks for fifty good ones more. */
static void a_failure_makes_it_longer(void **state)
{
    struct trial_counts c = counts(99, 1, 2000, 0);

    assert_int_equal(trial_needs(&c), 100);
    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_GOES_ON);
    c = counts(100, 1, 2000, 0);
    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_KEEP);
    c = counts(50, 1, 2000, 40); /* one of fifty there, too */
    assert_int_equal(trial_needs(&c), 50);
    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_KEEP);
}

/* Those that end soon may be the good ones. */
static void requests_under_way_are_waited_for(void **state)
{
    struct trial_counts c = counts(60, 0, 1000, 0);

    c.sides[NEW].begun = 121;
    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_GOES_ON);
    assert_int_equal(trial_judge(&c, &rules, rules.most_us), TRIAL_KEEP);
    c.sides[NEW].begun = 120;
    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_KEEP);
}

static void what_fails_everywhere_takes_nothing_back(void **state)
{
    struct trial_counts c = counts(60, 60, 1140, 1140); /* an outage */

    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_KEEP);
    c = counts(60, 30, 1140, 10);
    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_FAILS);
}

static void late_first_tokens_take_it_back(void **state)
{
    struct trial_counts c = counts(60, 0, 1140, 0);

    c.sides[OLD].timed = 1140;
    c.sides[NEW].timed = 60;
    c.sides[OLD].slow = 20;
    c.sides[NEW].slow = 1;
    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_KEEP);
    c.sides[NEW].slow = 40;
    assert_int_equal(trial_judge(&c, &rules, 60 * S), TRIAL_SLOW);
}

static void evidence_begins_at_one(void **state)
{
    assert_true(fabs(trial_evidence(0, 0, 0.05) - 1) < 1e-12);
    assert_true(trial_evidence(0, 100, 0.05) < 1);
    assert_true(trial_evidence(5, 5, 0.05) > 2 / TRIAL_WRONG);
}

/* Under equality the next failure is the new side's with the slice's probability, and the mean of
 * what follows is what there is: no number of looks makes it grow. */
static void evidence_is_a_martingale(void **state)
{
    static const double slices[] = {0.01, 0.05, 0.2, 0.5};

    for (size_t i = 0; i < ARRAY_LEN(slices); i++) {
        for (uint64_t n = 0; n < 40; n++) {
            for (uint64_t k = 0; k <= n; k++) {
                double s = slices[i], is = trial_evidence(k, n, s);
                double next =
                    s * trial_evidence(k + 1, n + 1, s) + (1 - s) * trial_evidence(k, n + 1, s);

                assert_true(fabs(next - is) <= 1e-9 * is);
            }
        }
    }
}

/* ---- times ---- */

static void times_fall_into_place(void **state)
{
    assert_int_equal(trial_time(0), 0);
    assert_int_equal(trial_time(1000), 0);
    assert_int_equal(trial_time(1001), 1);
    assert_int_equal(trial_time(2000), 2);
    assert_int_equal(trial_time(2001), 3);
    assert_int_equal(trial_time(UINT64_MAX), BOARD_TRIAL_TIMES - 1);
    for (size_t i = 1; i + 1 < BOARD_TRIAL_TIMES; i++) {
        assert_int_equal(trial_time(trial_time_end_us(i)), i);
        assert_int_equal(trial_time(trial_time_end_us(i) + 1), i + 1);
    }
}

static void slow_is_twice_what_is_usual(void **state)
{
    uint64_t times[BOARD_TRIAL_TIMES] = {0};

    times[10] = TRIAL_TIMED - 1;
    assert_int_equal(trial_slow_from(times), BOARD_TRIAL_TIMES);
    times[10]++;
    assert_int_equal(trial_slow_from(times), 13);
    assert_true(trial_time_end_us(12) == 2 * trial_time_end_us(10));
    times[20] = 2; /* of 22, fewer than one of ten */
    assert_int_equal(trial_slow_from(times), 13);
    times[20] = 3;
    assert_int_equal(trial_slow_from(times), 23);
}

static void who_is_silent_for_long_shows_by_the_old_side(void **state)
{
    struct board_trial *t = mem_zalloc(1, sizeof(*t));

    assert_non_null(t);
    board_set(&t->sides[OLD].first[1][4], TRIAL_PATIENT - 1);
    assert_true(trial_patience_us(t, true) == UINT64_MAX);
    board_set(&t->sides[OLD].first[1][4], TRIAL_PATIENT);
    assert_true(trial_patience_us(t, true) == TRIAL_SILENT); /* four times 4 ms */
    assert_true(trial_patience_us(t, false) == UINT64_MAX);
    board_set(&t->sides[OLD].first[1][20], TRIAL_PATIENT);
    assert_true(trial_patience_us(t, true) == 4 * trial_time_end_us(20));
    mem_free(t);
}

static void what_the_board_says_is_counted(void **state)
{
    struct board_trial *t = mem_zalloc(1, sizeof(*t));
    struct trial_counts c;

    assert_non_null(t);
    board_set(&t->slice, 50000);
    board_set(&t->sides[NEW].judged, 7);
    board_set(&t->sides[NEW].failed, 9); /* words of two moments */
    board_set(&t->sides[OLD].first[0][3], 30);
    board_set(&t->sides[OLD].first[1][20], 30);
    board_set(&t->sides[NEW].first[0][20], 2); /* slow for a whole answer, and no stream */
    board_set(&t->sides[NEW].first[1][20], 5);
    board_set(&t->sides[OLD].begun, UINT64_MAX); /* ... and of one that was no more */
    trial_read(t, &c);
    assert_true(c.slice == 0.05);
    assert_int_equal(c.sides[OLD].begun, 0);
    assert_int_equal(c.sides[NEW].failed, 7);
    assert_int_equal(c.sides[NEW].begun, 7);
    assert_int_equal(c.sides[OLD].timed, 60);
    assert_int_equal(c.sides[OLD].slow, 0);
    assert_int_equal(c.sides[NEW].timed, 7);
    assert_int_equal(c.sides[NEW].slow, 2);
    mem_free(t);
}

/* ---- many trials ---- */

/* One trial: each request is put by lot; how it ends, by the side's rate and by an outage that
 * begins with request 300 and ends with 400. Judged after every one. */
static enum trial_verdict play(struct rng *r, double slice, double old_rate, double new_rate,
                               bool outage, uint64_t requests, uint64_t *ret_hurt)
{
    struct trial_counts c = {.slice = slice};
    enum trial_verdict v = TRIAL_GOES_ON;

    for (uint64_t i = 0; i < requests && v == TRIAL_GOES_ON; i++) {
        struct trial_side *s = &c.sides[rng_chance(r, slice) ? NEW : OLD];
        double rate = s == &c.sides[NEW] ? new_rate : old_rate;
        bool fails = rng_chance(r, outage && i >= 300 && i < 400 ? 0.9 : rate);

        s->begun++;
        s->judged++;
        s->failed += fails;
        v = trial_judge(&c, &(struct trial_rules){0, UINT64_MAX}, i);
    }
    *ret_hurt += c.sides[NEW].failed;
    return v;
}

static void equal_ones_are_rarely_taken_back(void **state)
{
    static const struct {
        double slice, rate;
        bool outage;
    } rows[] = {{0.05, 0, false},   {0.05, 0.01, false}, {0.05, 0.2, false}, {0.05, 0.01, true},
                {0.2, 0.05, false}, {0.5, 0.05, false},  {0.5, 0.01, true}};
    uint64_t hurt = 0;
    struct rng r;

    rng_init(&r, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned back = 0, kept = 0;

        for (int n = 0; n < 1000; n++) {
            enum trial_verdict v =
                play(&r, rows[i].slice, rows[i].rate, rows[i].rate, rows[i].outage, 20000, &hurt);

            back += v == TRIAL_FAILS;
            kept += v == TRIAL_KEEP;
        }
        assert_true(back <= 1000 * TRIAL_WRONG / 2);
        assert_true(kept >= 980);
    }
}

static void worse_ones_are_taken_back(void **state)
{
    static const struct {
        double slice, old, rate, least;
    } rows[] = {{0.05, 0, 1, 1},          {0.05, 0.01, 1, 1},      {0.05, 0.01, 0.5, 0.995},
                {0.05, 0.01, 0.25, 0.95}, {0.2, 0.01, 0.25, 0.95}, {0.5, 0.01, 0.5, 0.995}};
    struct rng r;

    rng_init(&r, 2);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned back = 0;
        uint64_t hurt = 0;

        for (int n = 0; n < 1000; n++)
            back += play(&r, rows[i].slice, rows[i].old, rows[i].rate, false, 20000, &hurt) ==
                    TRIAL_FAILS;
        assert_true(back >= 1000 * rows[i].least);
        assert_true(hurt <= 1000 * 12); /* a dozen requests of a trial, and they were asked again */
    }
}

/* What is said to be seen with 90% is seen at least so often. */
static void the_power_is_as_stated(void **state)
{
    static const struct {
        uint64_t n, old;
        double slice;
    } rows[] = {{50, 0, 0.05}, {50, 10, 0.05}, {200, 10, 0.05}, {50, 5, 0.2}, {60, 3, 0.5}};
    struct rng r;

    rng_init(&r, 3);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double p = trial_power(rows[i].n, rows[i].old, rows[i].slice);
        unsigned seen = 0;

        assert_true(p > 0 && p < 1);
        for (int n = 0; n < 2000; n++) {
            struct trial_counts c = counts(rows[i].n, 0, 20 * rows[i].n, rows[i].old);

            c.slice = rows[i].slice;
            for (uint64_t k = 0; k < rows[i].n; k++)
                c.sides[NEW].failed += rng_chance(&r, p);
            seen += trial_judge(&c, &rules, 0) == TRIAL_FAILS;
        }
        assert_true(seen >= 2000 * (TRIAL_SEEN - 0.03) && seen <= 2000 * (TRIAL_SEEN + 0.05));
    }
    assert_true(trial_power(0, 0, 0.05) > 1);
    assert_true(trial_power(4, 0, 0.05) > 1);
    assert_true(trial_power(5, 0, 0.05) <= 1);
    assert_true(trial_power(4, UINT64_MAX / 4, 0.05) > 1);
    /* nor does it take long, or end, where numbers are large */
    for (uint64_t n = 100; n < 10000000000; n *= 3) {
        double p = trial_power(n, n / 5, 0.05), next = trial_power(3 * n, 3 * n / 5, 0.05);

        assert_true(p > 0.01 && p <= 1 && next <= p * 1.01);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_kept_from_fifty_good_requests_on),
        cmocka_unit_test(it_is_not_kept_before_its_time),
        cmocka_unit_test(without_requests_it_is_unproven_in_the_end),
        cmocka_unit_test(it_is_taken_back_from_the_fifth_failure_on),
        cmocka_unit_test(a_failure_makes_it_longer),
        cmocka_unit_test(requests_under_way_are_waited_for),
        cmocka_unit_test(what_fails_everywhere_takes_nothing_back),
        cmocka_unit_test(late_first_tokens_take_it_back),
        cmocka_unit_test(evidence_begins_at_one),
        cmocka_unit_test(evidence_is_a_martingale),
        cmocka_unit_test(times_fall_into_place),
        cmocka_unit_test(slow_is_twice_what_is_usual),
        cmocka_unit_test(who_is_silent_for_long_shows_by_the_old_side),
        cmocka_unit_test(what_the_board_says_is_counted),
        cmocka_unit_test(equal_ones_are_rarely_taken_back),
        cmocka_unit_test(worse_ones_are_taken_back),
        cmocka_unit_test(the_power_is_as_stated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
