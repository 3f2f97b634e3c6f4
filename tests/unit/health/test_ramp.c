/* Goal: who asks to slow down is sent what it was sent before, and a little more each minute; who
 * has not asked is sent all. Method: sums that can be done by hand, at each bound and past it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/ramp.h"

#define SECOND UINT64_C(1000000)
#define MINUTE (60 * SECOND)
#define NOW    (100 * MINUTE) /* a minute begins */
#define UNIT   256

static void the_pace_is_that_of_the_latest_minute(void **state)
{
    uint64_t pace = ramp_pace_add(0, 100 * UNIT - 1, NOW);

    UNUSED(state);
    assert_int_equal(ramp_pace(0, NOW), 0);
    assert_int_equal(ramp_pace(pace, NOW), 100 * UNIT);
    assert_int_equal(ramp_pace(pace, NOW + MINUTE - 1), 100 * UNIT);
    assert_int_equal(ramp_pace(pace, NOW + MINUTE), 100 * UNIT);
    assert_int_equal(ramp_pace(pace, NOW + MINUTE + 30 * SECOND), 50 * UNIT);
    assert_int_equal(ramp_pace(pace, NOW + 2 * MINUTE), 0);
    pace = ramp_pace_add(pace, 0, NOW + MINUTE); /* nothing counts as something */
    assert_int_equal(ramp_pace(pace, NOW + MINUTE), 101 * UNIT);
    assert_int_equal(ramp_pace(pace, NOW + MINUTE - 1), 101 * UNIT); /* a clock that is behind */
    assert_int_equal(ramp_pace(ramp_pace_undo(pace, 0, NOW + MINUTE), NOW + MINUTE), 100 * UNIT);
    assert_int_equal(ramp_pace_undo(pace, 0, NOW), pace);
    assert_int_equal(ramp_pace(ramp_pace_undo(pace, 1 << 20, NOW + MINUTE), NOW + MINUTE),
                     100 * UNIT);
    pace = ramp_pace_add(pace, UINT64_MAX, NOW + MINUTE);
    assert_int_equal(ramp_pace(ramp_pace_add(pace, UINT64_MAX, NOW + MINUTE), NOW + 2 * MINUTE),
                     UNIT * ((UINT64_C(1) << 20) - 1));
}

static void it_is_held_at_what_it_was_and_grows(void **state)
{
    uint64_t pace = ramp_pace_add(0, 1000 * UNIT - 1, NOW - MINUTE), ramp;

    UNUSED(state);
    assert_true(ramp_rate(0, NOW) == UINT64_MAX);
    pace = ramp_pace_add(pace, 3000 * UNIT - 1, NOW); /* too much */
    ramp = ramp_begin(0, pace, NOW);
    assert_int_equal(ramp_rate(ramp, NOW), 1000 * UNIT);
    assert_int_equal(ramp_rate(ramp, NOW + MINUTE - 1), 1000 * UNIT);
    assert_int_equal(ramp_rate(ramp, NOW + MINUTE), 1027 * UNIT);
    assert_in_range(ramp_rate(ramp, NOW + 15 * MINUTE), 1490 * UNIT, 1500 * UNIT);
    assert_true(ramp_rate(ramp, NOW + RAMP_US - 1) < 5000 * UNIT);
    assert_true(ramp_rate(ramp, NOW + RAMP_US) == UINT64_MAX);
    /* asked again, it is never raised */
    pace = ramp_pace_add(0, 9000 * UNIT, NOW);
    assert_int_equal(ramp_rate(ramp_begin(ramp, pace, NOW + MINUTE), NOW + MINUTE), 1027 * UNIT);
    assert_int_equal(ramp_rate(ramp_begin(ramp, 0, NOW), NOW), RAMP_LEAST);
    assert_int_equal(ramp_rate(ramp_begin(0, ramp_pace_add(0, 400 * UNIT - 1, NOW), NOW), NOW),
                     200 * UNIT); /* there was none before: half of what was too much */
    assert_int_equal(ramp_rate(ramp_begin(0, 0, 0), 0), RAMP_LEAST);
}

static void what_may_be_sent(void **state)
{
    uint64_t pace = ramp_pace_add(0, 1000 * UNIT - 1, NOW - MINUTE), until = 0,
             ramp = ramp_begin(0, pace, NOW), at = NOW + 30 * SECOND;

    UNUSED(state);
    assert_true(ramp_allows(0, pace, UINT64_MAX, NOW, &until));
    assert_true(ramp_allows(ramp, pace, 500 * UNIT, at, &until));
    assert_int_equal(until, 0);
    assert_false(ramp_allows(ramp, pace, 500 * UNIT + 1, at, &until));
    assert_in_range(until, at, at + SECOND);
    assert_true(ramp_allows(ramp, pace, 500 * UNIT + 1, until, &until));
    assert_false(ramp_allows(ramp, pace, 900 * UNIT, at, &until));
    assert_true(ramp_allows(ramp, pace, 900 * UNIT, until, &until));
    /* more than all of the rate: alone */
    assert_false(ramp_allows(ramp, pace, 5000 * UNIT, at, &until));
    assert_int_equal(until, NOW + MINUTE);
    assert_false(ramp_allows(ramp, pace, UINT64_MAX, at, &until));
    assert_true(ramp_allows(ramp, pace, UINT64_MAX, NOW + MINUTE, &until));
    assert_true(ramp_allows(ramp, pace, 5000 * UNIT, NOW + RAMP_US, &until));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pace_is_that_of_the_latest_minute),
        cmocka_unit_test(it_is_held_at_what_it_was_and_grows),
        cmocka_unit_test(what_may_be_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
