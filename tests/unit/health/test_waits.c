/* Goal: a silent target is left early, and a slow one is not.
 * Method: what the limit is made of, each by itself; drawn waits of shapes that real targets have.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "health/waits.h"

#define S UINT64_C(1000000)

static uint64_t note_n(uint64_t word, uint64_t us, unsigned n)
{
    while (n--)
        word = waits_note(word, us, 0);
    return word;
}

static void within(uint64_t have, double want_s, double part)
{
    if (fabs((double)have / 1e6 - want_s) > want_s * part)
        fail_msg("%g s, not %g", (double)have / 1e6, want_s);
}

static void nobody_knows_it_yet(void **state)
{
    assert_int_equal(waits_read(0).n, 0);
    assert_int_equal(waits_read(0).median_us, 0);
    within(waits_limit_us(0, WAITS_STREAM, 0), 110, 0.01);
    within(waits_limit_us(0, WAITS_THINKS, 0), 20 * exp(5.4), 0.01);
    within(waits_limit_us(0, WAITS_WHOLE, 0), 20 * exp(5.4), 0.01);
}

static void a_few_waits_make_no_limit_shorter(void **state)
{
    uint64_t word = note_n(0, S / 5, WAITS_FEW - 1);

    within(waits_limit_us(word, WAITS_STREAM, 0), 110, 0.01);
    word = note_n(word, S / 5, 1);
    assert_true(waits_limit_us(word, WAITS_STREAM, 0) < 30 * S);
}

static void what_is_known_is_what_was_noted(void **state)
{
    uint64_t word = 0;
    struct waits w;

    for (unsigned i = 0; i < 100; i++) /* one deviation of ln 2 around 1 s */
        word = waits_note(word, i % 2 ? 2 * S : S / 2, 0);
    w = waits_read(word);
    assert_int_equal(w.n, 100);
    within(w.median_us, 1, 0.01);
    assert_true(fabs(w.spread - log(2)) < 0.01);
}

static void the_least_of_its_kind(void **state)
{
    uint64_t word = note_n(0, S / 10, 1000);

    assert_int_equal(waits_read(word).n, WAITS_LATELY);
    assert_int_equal(waits_limit_us(word, WAITS_STREAM, 0), 10 * S);
    assert_int_equal(waits_limit_us(word, WAITS_THINKS, 0), 60 * S);
    assert_int_equal(waits_limit_us(word, WAITS_WHOLE, 0), 60 * S);
}

static void a_wider_spread_is_waited_for_longer(void **state)
{
    uint64_t even = note_n(0, 8 * S, 1000), uneven = 0;

    for (unsigned i = 0; i < 1000; i++)
        uneven = waits_note(uneven, i % 2 ? 16 * S : 4 * S, 0);
    assert_true(waits_limit_us(uneven, WAITS_STREAM, 0) >
                2 * waits_limit_us(even, WAITS_STREAM, 0));
}

/* A silence within a stream is too long when the fitted distribution gives it once in 10^7, which
 * is 5.199 deviations above the mean: of what was noted, and of what is believed before, by ten. */
static void a_silence_that_comes_once_in_ten_million(void **state)
{
    double mean = log(4e6), var = 0.3 * 0.3, before = log(0.5e6);
    uint64_t word = 0;

    within(waits_limit_us(0, WAITS_GAP, 0), exp(before + 5.199 * 0.7) / 1e6, 0.01);
    for (unsigned i = 0; i < 1000; i++)
        word = waits_note(word, (uint64_t)exp(mean + (i % 2 ? 0.3 : -0.3)), 0);
    mean = (256 * mean + 10 * before) / 266;
    var = (256 * var + 10 * 0.7 * 0.7) / 266;
    within(waits_limit_us(word, WAITS_GAP, 0), exp(mean + 5.199 * sqrt(var)) / 1e6, 0.01);
}

/* The longest of many counts three times, and is forgotten. */
static void the_tail(void **state)
{
    uint64_t word = note_n(note_n(note_n(0, S / 2, 300), 40 * S, 1), S / 2, 10);

    within(waits_limit_us(word, WAITS_STREAM, 0), 120, 0.02);
    word = note_n(word, S / 2, 950);
    within(waits_limit_us(word, WAITS_STREAM, 0), 60, 0.05);
    word = note_n(word, S / 2, 5000);
    assert_int_equal(waits_limit_us(word, WAITS_STREAM, 0), 10 * S);
}

static void who_was_given_up_gets_half_as_long_again(void **state)
{
    uint64_t word = note_n(0, S / 2, 300), limit;

    for (unsigned i = 0; i < 3; i++) {
        limit = waits_limit_us(word, WAITS_STREAM, 0);
        word = waits_given_up(word, limit, 0);
        within(waits_limit_us(word, WAITS_STREAM, 0), 1.5 * (double)limit / 1e6, 0.1);
    }
}

/* ... and that one is believed after a hundred of its kind. */
static void who_is_slow_for_good_is_usual_at_last(void **state)
{
    uint64_t word = note_n(0, S / 20, 300), before = word;
    unsigned n = 0;

    assert_int_equal(waits_limit_us(0, WAITS_PACE, 0) / S, 11);
    assert_int_equal(waits_limit_us(word, WAITS_PACE, 0), S);
    for (; waits_limit_us(word, WAITS_PACE, 0) < 2 * S && n < 1000; n++)
        word = waits_too_long(word, 2 * S, 0);
    assert_in_range(n, 100, 150);
    assert_int_equal(waits_read(word).n, waits_read(before).n);
    assert_int_equal(waits_read(word).median_us, waits_read(before).median_us);
    for (n = 0; n < 1000; n++)
        word = waits_too_long(word, 2 * S, 0);
    within(waits_limit_us(word, WAITS_PACE, 0), 3 * 2, 0.01);
    assert_int_equal(waits_too_long(word, S / 20, 0), word); /* never shorter */
}

static void long_prompts_take_longer(void **state)
{
    uint64_t word = 0;

    for (unsigned i = 0; i < 300; i++)
        word = waits_note(word, 4 * S, 3 * WAITS_PROMPT);
    within(waits_read(word).median_us, 1, 0.01);
    within(waits_limit_us(word, WAITS_STREAM, 9 * WAITS_PROMPT),
           10 * (double)waits_limit_us(word, WAITS_STREAM, 0) / 1e6, 0.01);
}

static void nothing_overflows(void **state)
{
    uint64_t word = note_n(note_n(0, UINT64_MAX, 300), 0, 1);

    word = waits_given_up(word, UINT64_MAX, UINT64_MAX);
    assert_true(waits_read(word).median_us > 3600 * S);
    assert_true(waits_limit_us(word, WAITS_STREAM, 0) > 3600 * S);
    assert_int_equal(waits_limit_us(UINT64_MAX, WAITS_STREAM, UINT64_MAX), 1000000000 * S);
}

/* Normal, by Box and Muller. */
static double normal(struct rng *r)
{
    double u = 1 - rng_unit(r);
    double v = rng_unit(r);

    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Shapes of healthy waits: median, deviation, and one in so many that is longer by a factor. */
static const struct shape {
    double median_s, spread, factor;
    unsigned one_in;
} shapes[] = {
    {0.3, 0.25, 1, 1}, {0.5, 0.4, 30, 100}, {1, 1, 1, 1}, {5.6, 0.8, 1, 1}, {2, 0.7, 10, 20},
};

static void healthy_waits_are_not_given_up(void **state)
{
    enum { RUNS = 20, LONG = 20000 };
    struct rng rng;

    rng_init(&rng, 20261127);
    for (size_t s = 0; s < ARRAY_LEN(shapes); s++) {
        unsigned given_up = 0;

        for (unsigned run = 0; run < RUNS; run++) {
            uint64_t word = 0;

            for (unsigned i = 0; i < LONG; i++) {
                double t = shapes[s].median_s * exp(shapes[s].spread * normal(&rng));
                bool far = rng_below(&rng, shapes[s].one_in) == 0;
                uint64_t us = (uint64_t)(1e6 * t * (far ? shapes[s].factor : 1));
                uint64_t limit = waits_limit_us(word, WAITS_STREAM, 0);

                given_up += us > limit;
                word = us > limit ? waits_given_up(word, limit, 0) : waits_note(word, us, 0);
            }
        }
        if (given_up > RUNS * LONG / 10000)
            fail_msg("%zu: %u given up", s, given_up);
    }
}

/* ---- what is usual ---- */

static uint64_t drawn(struct rng *r, double median_us, double spread)
{
    return (uint64_t)(median_us * exp(spread * normal(r)));
}

static void what_is_usual_is_longer_than_19_of_20(void **state)
{
    uint64_t word = 0;

    UNUSED(state);
    for (uint64_t seed = 0; seed < 20; seed++) {
        unsigned longer = 0;
        struct rng r;

        rng_init(&r, seed);
        for (unsigned i = 0; i < 4000; i++) {
            uint64_t us = drawn(&r, 1e6, 0.5);

            longer += i >= 1000 && us > waits_usual_us(word, 0);
            word = waits_note(word, us, 0);
        }
        assert_in_range(longer, 3000 / 20 - 60, 3000 / 20 + 60);
    }
}

static void what_is_usual_has_to_be_known(void **state)
{
    uint64_t word = note_n(0, S / 100, WAITS_FEW - 1);

    UNUSED(state);
    assert_true(waits_usual_us(0, 0) == UINT64_MAX);
    assert_true(waits_usual_us(word, 0) == UINT64_MAX);
    word = note_n(word, S / 100, 1);
    assert_int_equal(waits_usual_us(word, 0), WAITS_USUAL_US);
    assert_int_equal(waits_usual_us(word, WAITS_PROMPT), 2 * WAITS_USUAL_US);
}

/* Of waits that are broken off at what is usual, or a little later, what is usual stays. Left out,
 * it would become shorter and shorter; taken for whole waits, likewise. */
static void what_is_broken_off_makes_nothing_shorter(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint64_t word = 0;
        struct rng r;

        rng_init(&r, seed);
        for (unsigned i = 0; i < 20000; i++) {
            uint64_t us = drawn(&r, 1e6, 0.5), usual = waits_usual_us(word, 0);

            word = us > usual ? waits_broken_off(word, usual, 0) : waits_note(word, us, 0);
        }
        within(waits_read(word).median_us, 1, 0.2);
        assert_true(fabs(waits_read(word).spread - 0.5) < 0.15);
    }
}

static void what_is_broken_off_early_says_nothing(void **state)
{
    uint64_t word = 0, after;
    struct rng r;

    UNUSED(state);
    rng_init(&r, 1);
    assert_int_equal(waits_broken_off(0, S, 0), 0);
    for (unsigned i = 0; i < 1000; i++)
        word = waits_note(word, drawn(&r, 1e6, 0.5), 0);
    after = word;
    for (unsigned i = 0; i < 100; i++)
        after = waits_broken_off(after, S / 100, 0);
    within(waits_read(after).median_us, (double)waits_read(word).median_us / 1e6, 0.01);
    assert_true(fabs(waits_read(after).spread - waits_read(word).spread) < 0.01);
    after = waits_broken_off(note_n(0, S, 1000), 2 * S, 0); /* they had no deviation at all */
    assert_true(waits_read(after).median_us >= S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_knows_it_yet),
        cmocka_unit_test(a_few_waits_make_no_limit_shorter),
        cmocka_unit_test(what_is_known_is_what_was_noted),
        cmocka_unit_test(the_least_of_its_kind),
        cmocka_unit_test(a_wider_spread_is_waited_for_longer),
        cmocka_unit_test(a_silence_that_comes_once_in_ten_million),
        cmocka_unit_test(the_tail),
        cmocka_unit_test(who_was_given_up_gets_half_as_long_again),
        cmocka_unit_test(who_is_slow_for_good_is_usual_at_last),
        cmocka_unit_test(long_prompts_take_longer),
        cmocka_unit_test(nothing_overflows),
        cmocka_unit_test(healthy_waits_are_not_given_up),
        cmocka_unit_test(what_is_usual_is_longer_than_19_of_20),
        cmocka_unit_test(what_is_usual_has_to_be_known),
        cmocka_unit_test(what_is_broken_off_makes_nothing_shorter),
        cmocka_unit_test(what_is_broken_off_early_says_nothing),
    };

    return cmocka_run_group_tests_name("waits", tests, NULL, NULL);
}
