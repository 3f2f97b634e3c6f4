/* Goal: what was said of a limit holds a request for as long as the provider's own time says, and
 * no longer; what is spoken for is counted once, and never for ever. Method: sums that can be done
 * by hand, at each bound and past it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/limits.h"

#define NOW    UINT64_C(5000000000)
#define SECOND UINT64_C(1000000)

static struct limits said(uint64_t most, uint64_t left, bool refills, unsigned full_s)
{
    return (struct limits){.level = limits_level(most, left, refills),
                           .full_us = NOW + full_s * SECOND,
                           .said_us = NOW};
}

static void nothing_said_is_no_bound(void **state)
{
    const struct limits none = {0};

    UNUSED(state);
    assert_true(limits_left(&none, NOW) == UINT64_MAX);
    assert_int_equal(limits_whole(&none, NOW), 0);
    assert_int_equal(limits_need(&none, 70, NOW), 70);
    assert_int_equal(limits_when(&none, 70, NOW), NOW);
}

static void what_comes_back_by_and_by_does(void **state)
{
    const struct limits l = said(60000, 0, true, 60);

    UNUSED(state);
    assert_int_equal(limits_left(&l, NOW), 0);
    assert_int_equal(limits_left(&l, NOW + SECOND), 1000);
    assert_int_equal(limits_left(&l, NOW + 60 * SECOND - 1), 59999);
    assert_int_equal(limits_left(&l, NOW + 60 * SECOND), 60000);
    assert_int_equal(limits_left(&l, NOW + 600 * SECOND), 60000);
    assert_in_range(limits_when(&l, 1000, NOW), NOW + SECOND, NOW + SECOND + 1);
    assert_true(limits_left(&l, limits_when(&l, 777, NOW)) >= 777);
    assert_int_equal(limits_when(&l, 60000, NOW), NOW + 60 * SECOND);
    assert_int_equal(limits_when(&l, 1000, NOW + 2 * SECOND), NOW + 2 * SECOND);
}

static void what_is_there_again_at_a_time_is_not_before(void **state)
{
    const struct limits l = said(60000, 500, false, 60), blind = said(0, 500, true, 60);

    UNUSED(state);
    assert_int_equal(limits_left(&l, NOW + 60 * SECOND - 1), 500);
    assert_int_equal(limits_left(&l, NOW + 60 * SECOND), 60000);
    assert_int_equal(limits_when(&l, 500, NOW), NOW);
    assert_int_equal(limits_when(&l, 501, NOW), NOW + 60 * SECOND);
    /* how much there will be nobody has said */
    assert_int_equal(limits_left(&blind, NOW + 60 * SECOND - 1), 500);
    assert_true(limits_left(&blind, NOW + 60 * SECOND) == UINT64_MAX);
    assert_int_equal(limits_when(&blind, 501, NOW), NOW + 60 * SECOND);
    assert_int_equal(limits_need(&blind, 70000, NOW), 70000);
}

static void who_is_larger_than_all_of_it_needs_but_something(void **state)
{
    const struct limits l = said(1000, 1, false, 60), empty = said(1000, 0, false, 60);

    UNUSED(state);
    assert_int_equal(limits_need(&l, 1000, NOW), 1000);
    assert_int_equal(limits_need(&l, 1001, NOW), 1);
    assert_true(limits_left(&empty, NOW) < limits_need(&empty, 1001, NOW));
    assert_int_equal(limits_when(&empty, 1, NOW), NOW + 60 * SECOND);
}

static void an_hour_later_it_is_forgotten(void **state)
{
    struct limits l = said(1000, 0, false, 100000);

    UNUSED(state);
    assert_int_equal(limits_left(&l, NOW + LIMITS_FORGET_US - 1), 0);
    assert_int_equal(limits_whole(&l, NOW + LIMITS_FORGET_US - 1), 1000);
    assert_true(limits_left(&l, NOW + LIMITS_FORGET_US) == UINT64_MAX);
    assert_int_equal(limits_whole(&l, NOW + LIMITS_FORGET_US), 0);
    assert_int_equal(limits_when(&l, 1, NOW), NOW + LIMITS_FORGET_US);
}

static void numbers_past_all_bounds_are_the_largest(void **state)
{
    struct limits l = said(UINT64_MAX, UINT64_MAX, true, 60);

    UNUSED(state);
    assert_int_equal(limits_left(&l, NOW), LIMITS_MOST);
    assert_int_equal(limits_whole(&l, NOW), LIMITS_MOST);
    l.level = limits_level(0, 0, false); /* known, and nothing */
    assert_int_equal(limits_left(&l, NOW), 0);
    l.level = limits_level(10, 4, true);
    assert_int_equal(limits_left(&(struct limits){limits_take(l.level, 3), NOW + SECOND, NOW}, NOW),
                     1);
    assert_int_equal(limits_left(&(struct limits){limits_take(l.level, 9), NOW + SECOND, NOW}, NOW),
                     0);
}

static void what_is_spoken_for_is_forgotten_by_itself(void **state)
{
    const uint64_t window = LIMITS_WINDOW_US, begin = NOW / window * window;
    uint64_t words[2] = {0};
    unsigned slot = limits_slot(begin);

    UNUSED(state);
    assert_int_equal(limits_reserved(words, begin), 0);
    words[slot] = limits_reserve(words[slot], 70, begin);
    words[slot] = limits_reserve(words[slot], 30, begin + window - 1);
    assert_int_equal(limits_reserved(words, begin), 100);
    assert_int_equal(limits_reserved(words, begin - 1), 100); /* a clock that is behind */
    words[!slot] = limits_reserve(words[!slot], 7, begin + window);
    assert_int_not_equal(limits_slot(begin + window), slot);
    assert_int_equal(limits_reserved(words, begin + 2 * window - 1), 107);
    assert_int_equal(limits_reserved(words, begin + 2 * window), 7);
    words[slot] = limits_release(words[slot], 70, begin);
    assert_int_equal(limits_reserved(words, begin), 37);
    words[slot] = limits_reserve(words[slot], 5, begin + 2 * window); /* in the old one's place */
    assert_int_equal(limits_reserved(words, begin + 2 * window), 12);
    words[slot] = limits_release(words[slot], 30, begin); /* that is no more */
    assert_int_equal(limits_reserved(words, begin + 2 * window), 12);
    words[slot] = limits_release(words[slot], 50, begin + 2 * window); /* never less than none */
    assert_int_equal(limits_reserved(words, begin + 2 * window), 7);
    words[slot] = limits_reserve(words[slot], UINT64_MAX, begin + 2 * window);
    words[slot] = limits_reserve(words[slot], UINT64_MAX, begin + 2 * window);
    assert_int_equal(limits_reserved(words, begin + 2 * window), LIMITS_RESERVED + 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_no_bound),
        cmocka_unit_test(what_comes_back_by_and_by_does),
        cmocka_unit_test(what_is_there_again_at_a_time_is_not_before),
        cmocka_unit_test(who_is_larger_than_all_of_it_needs_but_something),
        cmocka_unit_test(an_hour_later_it_is_forgotten),
        cmocka_unit_test(numbers_past_all_bounds_are_the_largest),
        cmocka_unit_test(what_is_spoken_for_is_forgotten_by_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
