/* Goal: what a process was at work on when it crashed is a suspect, for an hour, and nothing else
 * is; the newest BOARD_SUSPECTS are known. Method: rows of times; the ring at its bound and past
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board/suspect.h"

#define NOW UINT64_C(1000000)

static int set_up(void **state)
{
    struct err e;

    return board_new((struct board **)state, &e);
}

static int tear_down(void **state)
{
    board_free((struct board **)state);
    return 0;
}

static bool crash(struct board *b, uint64_t print, uint64_t now)
{
    board_set(&b->workers[1].working, print);
    return suspect_found(b, &b->workers[1], now);
}

static void what_it_worked_on_is_a_suspect_for_an_hour(void **state)
{
    struct board *b = *state;

    assert_false(suspect_is(b, 7, NOW));
    assert_true(crash(b, 7, NOW));
    assert_int_equal(board_get(&b->workers[1].working), 0);
    assert_true(suspect_is(b, 7, NOW));
    assert_false(suspect_is(b, 8, NOW));
    assert_true(suspect_is(b, 7, NOW + SUSPECT_US - 1));
    assert_false(suspect_is(b, 7, NOW + SUSPECT_US));
}

static void who_worked_on_nothing_makes_no_suspect(void **state)
{
    struct board *b = *state;

    board_set(&b->workers[0].working, 5); /* another one does */
    assert_false(crash(b, 0, NOW));
    assert_false(suspect_is(b, 0, NOW));
    assert_false(suspect_is(b, 5, NOW));
    assert_int_equal(board_get(&b->workers[0].working), 5);
}

static void the_oldest_makes_room(void **state)
{
    struct board *b = *state;

    for (uint64_t i = 1; i <= BOARD_SUSPECTS; i++)
        assert_true(crash(b, i, NOW));
    for (uint64_t i = 1; i <= BOARD_SUSPECTS; i++)
        assert_true(suspect_is(b, i, NOW));
    assert_true(crash(b, BOARD_SUSPECTS + 1, NOW));
    assert_false(suspect_is(b, 1, NOW));
    for (uint64_t i = 2; i <= BOARD_SUSPECTS + 1; i++)
        assert_true(suspect_is(b, i, NOW));
}

static void one_that_kills_again_is_one_for_another_hour(void **state)
{
    struct board *b = *state;

    assert_true(crash(b, 7, NOW));
    assert_true(crash(b, 7, NOW + SUSPECT_US / 2));
    assert_true(suspect_is(b, 7, NOW + SUSPECT_US));
    assert_false(suspect_is(b, 7, NOW + SUSPECT_US + SUSPECT_US / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_it_worked_on_is_a_suspect_for_an_hour, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_worked_on_nothing_makes_no_suspect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_makes_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_kills_again_is_one_for_another_hour, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
