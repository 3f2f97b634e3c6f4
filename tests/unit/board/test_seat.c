/* Goal: where a conversation sits, and for how long, is found again as long as there is room;
 * nothing is made up.
 * Method: one set filled to its bound and past it; times at the bounds of a tick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board/seat.h"

#define NOW (1000 * SEAT_TICK_US)

/* Conversations of one set: they differ in what the tag holds. */
static uint64_t conversation(uint64_t n)
{
    return n << 40 | 5;
}

static void what_was_noted_is_found(void **state)
{
    struct board *b;
    struct err e;

    UNUSED(state);
    assert_int_equal(board_new(&b, &e), 0);
    assert_int_equal(seat_find(&b->seats, conversation(1), NOW).mark, 0);
    seat_note(&b->seats, conversation(1), 7, NOW);
    assert_int_equal(seat_find(&b->seats, conversation(1), NOW).mark, 7);
    assert_int_equal(seat_find(&b->seats, conversation(2), NOW).mark, 0);
    assert_int_equal(seat_find(&b->seats, conversation(1) + 1, NOW).mark, 0); /* another set */
    seat_note(&b->seats, conversation(1), 8, NOW);
    assert_int_equal(seat_find(&b->seats, conversation(1), NOW).mark, 8);
    board_free(&b);
}

static void the_oldest_leaves(void **state)
{
    struct board *b;
    struct err e;

    UNUSED(state);
    assert_int_equal(board_new(&b, &e), 0);
    for (uint64_t n = 1; n <= BOARD_SEAT_WAYS; n++)
        seat_note(&b->seats, conversation(n), (uint32_t)n, NOW);
    seat_note(&b->seats, conversation(1), 1, NOW); /* again: it is the newest now */
    for (uint64_t n = 1; n <= BOARD_SEAT_WAYS; n++)
        assert_int_equal(seat_find(&b->seats, conversation(n), NOW).mark, n);
    seat_note(&b->seats, conversation(9), 9, NOW);
    assert_int_equal(seat_find(&b->seats, conversation(9), NOW).mark, 9);
    assert_int_equal(seat_find(&b->seats, conversation(2), NOW).mark, 0);
    assert_int_equal(seat_find(&b->seats, conversation(1), NOW).mark, 1);
    board_free(&b);
}

static void its_time_is_known_to_a_tick(void **state)
{
    static const struct {
        uint64_t at, now, idle;
    } rows[] = {
        {NOW, NOW, 0},
        {NOW, NOW + SEAT_TICK_US - 1, 0},
        {NOW, NOW + SEAT_TICK_US, SEAT_TICK_US},
        {NOW + SEAT_TICK_US - 1, NOW + SEAT_TICK_US, SEAT_TICK_US},
        {0, 65535 * SEAT_TICK_US, 65535 * SEAT_TICK_US},
        {0, 65536 * SEAT_TICK_US, 0}, /* it has come round */
        {65535 * SEAT_TICK_US, 65537 * SEAT_TICK_US, 2 * SEAT_TICK_US},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct board *b;
        struct err e;

        assert_int_equal(board_new(&b, &e), 0);
        seat_note(&b->seats, conversation(1), 7, rows[i].at);
        assert_int_equal(seat_find(&b->seats, conversation(1), rows[i].now).mark, 7);
        assert_int_equal(seat_find(&b->seats, conversation(1), rows[i].now).idle_us, rows[i].idle);
        board_free(&b);
    }
}

static void marks_are_never_0_and_fit(void **state)
{
    UNUSED(state);
    assert_int_equal(seat_mark(0), 1);
    assert_int_equal(seat_mark(0xFF), 1);
    assert_int_equal(seat_mark(0x100), 1);
    assert_int_equal(seat_mark(0x200), 2);
    assert_int_equal(seat_mark(UINT64_MAX), 0xFFFFFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_noted_is_found),
        cmocka_unit_test(the_oldest_leaves),
        cmocka_unit_test(its_time_is_known_to_a_tick),
        cmocka_unit_test(marks_are_never_0_and_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
