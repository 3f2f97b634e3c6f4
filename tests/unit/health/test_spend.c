/* Goal: what was spent within an hour is there, and nothing of what was spent before.
 * Method: sums that can be done by hand, at each bound and past it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/spend.h"

#define HOUR   SPEND_US
#define NOW    (100 * HOUR) /* an hour begins */
#define DOLLAR UINT64_C(1000000000000)

static void an_hour_is_counted_and_fades(void **state)
{
    uint64_t words[2] = {0};
    unsigned slot = spend_slot(NOW);

    UNUSED(state);
    assert_int_equal(spend_sum(words, NOW), 0);
    words[slot] = spend_add(0, 8 * DOLLAR, NOW);
    assert_int_equal(spend_sum(words, NOW + HOUR - 1), 8 * DOLLAR);
    assert_int_equal(spend_sum(words, NOW - 1), 8 * DOLLAR); /* a clock that is behind */
    assert_int_equal(spend_sum(words, NOW + HOUR), 8 * DOLLAR);
    assert_int_equal(spend_sum(words, NOW + HOUR + HOUR / 4), 6 * DOLLAR);
    assert_int_equal(spend_sum(words, NOW + 2 * HOUR), 0);
    assert_int_not_equal(spend_slot(NOW + HOUR), slot);
    words[!slot] = spend_add(0, DOLLAR, NOW + HOUR);
    assert_int_equal(spend_sum(words, NOW + HOUR + HOUR / 2), 5 * DOLLAR);
    words[slot] = spend_add(words[slot], 2 * DOLLAR, NOW + 2 * HOUR); /* the old one is gone */
    assert_int_equal(spend_sum(words, NOW + 2 * HOUR), 3 * DOLLAR);
}

static void what_was_held_is_taken_back_where_it_still_counts(void **state)
{
    uint64_t word = spend_add(spend_add(0, DOLLAR, NOW), 2 * DOLLAR, NOW), none = 0;

    UNUSED(state);
    word = spend_undo(word, 2 * DOLLAR, NOW + 1);
    assert_int_equal(spend_sum((uint64_t[]){word, none}, NOW), DOLLAR);
    assert_int_equal(spend_undo(word, DOLLAR, NOW + HOUR), word);
    word = spend_undo(word, 5 * DOLLAR, NOW); /* never less than nothing */
    assert_int_equal(spend_sum((uint64_t[]){word, none}, NOW), 0);
}

static void parts_are_rounded_up_and_the_largest_fits(void **state)
{
    uint64_t word = spend_add(0, 1, NOW), none = 0;

    UNUSED(state);
    assert_int_equal(spend_sum((uint64_t[]){word, none}, NOW), SPEND_PICO);
    word = spend_add(word, SPEND_PICO, NOW);
    assert_int_equal(spend_sum((uint64_t[]){word, none}, NOW), 2 * SPEND_PICO);
    word = spend_add(spend_add(word, UINT64_MAX, NOW), UINT64_MAX, NOW);
    assert_int_equal(spend_sum((uint64_t[]){word, none}, NOW), SPEND_MOST * SPEND_PICO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hour_is_counted_and_fades),
        cmocka_unit_test(what_was_held_is_taken_back_where_it_still_counts),
        cmocka_unit_test(parts_are_rounded_up_and_the_largest_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
