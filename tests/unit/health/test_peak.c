/* Goal: a target that has become slow is known by its first slow answer, and one that is well again
 * after some seconds; who is not asked is forgotten. Method: waits at known times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "health/peak.h"

#define NOW    UINT64_C(5000000000)
#define SECOND UINT64_C(1000000)

static void the_worst_counts_at_once(void **state)
{
    uint64_t word = 0;

    UNUSED(state);
    assert_int_equal(peak_read(word, NOW), 0);
    for (uint64_t i = 0; i < 100; i++)
        word = peak_note(word, 200000, NOW + i);
    assert_int_equal(peak_read(word, NOW + 99), 200000);
    word = peak_note(word, 5 * SECOND, NOW + 100);
    assert_int_equal(peak_read(word, NOW + 100), 5 * SECOND);
    word = peak_note(word, 200000, NOW + 200); /* one that is quick says little */
    assert_in_range(peak_read(word, NOW + 200), 4990000, 5 * SECOND);
}

static void it_comes_down_by_and_by(void **state)
{
    uint64_t word = peak_note(0, 10 * SECOND, NOW), at = NOW;

    UNUSED(state);
    for (int i = 0; i < 10; i++)
        word = peak_note(word, SECOND, at += SECOND);
    assert_in_range(peak_read(word, at), 4200000, 4400000); /* 1 + 9 / e */
    for (int i = 0; i < 50; i++)
        word = peak_note(word, SECOND, at += SECOND);
    assert_in_range(peak_read(word, at), SECOND, 1030000);
    word = peak_note(word, 1000, at + 100 * PEAK_US); /* long ago */
    assert_int_equal(peak_read(word, at + 100 * PEAK_US), 1000);
}

static void who_is_not_asked_is_forgotten(void **state)
{
    uint64_t word = peak_note(0, 10 * SECOND, NOW);

    UNUSED(state);
    assert_in_range(peak_read(word, NOW + 60 * SECOND), 9000000, 9100000);
    assert_in_range(peak_read(word, NOW + PEAK_IDLE_US), 3600000, 3700000);
    assert_int_equal(peak_read(word, NOW + 100 * PEAK_IDLE_US), 1);   /* known, and the best */
    assert_int_equal(peak_read(word, NOW - 5 * SECOND), 10 * SECOND); /* a clock is behind */
}

static void bounds_are_kept(void **state)
{
    UNUSED(state);
    assert_int_equal(peak_read(peak_note(0, 0, NOW), NOW), 1);
    assert_int_equal(peak_read(peak_note(0, UINT64_MAX, NOW), NOW), UINT32_MAX);
    assert_int_equal(peak_read(peak_note(0, 7, UINT64_MAX), UINT64_MAX), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_counts_at_once),
        cmocka_unit_test(it_comes_down_by_and_by),
        cmocka_unit_test(who_is_not_asked_is_forgotten),
        cmocka_unit_test(bounds_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
