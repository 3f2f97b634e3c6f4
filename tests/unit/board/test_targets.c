/* Goal: attempts under way are counted by target over all workers, exactly, whatever comes and goes
 * and however many targets there are.
 * Method: rows of two workers against a model of counts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/rng.h"
#include "board/board.h"

#define NAMES 40

static struct board *make(void)
{
    struct board *b = NULL;
    struct err e;

    assert_int_equal(board_new(&b, &e), 0);
    return b;
}

static struct span name_of(char out[16], unsigned i)
{
    return span_of(out, (size_t)snprintf(out, 16, "p/m-%u", i));
}

static void counts_add_up_over_workers(void **state)
{
    struct board *b = make();
    struct board_target *at[3];

    UNUSED(state);
    at[0] = board_enter(b->targets[0], SPAN_LIT("a/x"));
    at[1] = board_enter(b->targets[0], SPAN_LIT("a/x"));
    at[2] = board_enter(b->targets[1], SPAN_LIT("a/x"));
    (void)board_enter(b->targets[1], SPAN_LIT("b/y"));
    assert_int_equal(board_at_target(b, 2, SPAN_LIT("a/x")), 3);
    assert_int_equal(board_at_target(b, 1, SPAN_LIT("a/x")), 2);
    assert_int_equal(board_at_target(b, 2, SPAN_LIT("b/y")), 1);
    assert_int_equal(board_at_target(b, 2, SPAN_LIT("c/z")), 0);
    assert_int_equal(board_at_targets(b, 2), 4);
    for (size_t i = 0; i < ARRAY_LEN(at); i++)
        board_leave(at[i]);
    assert_int_equal(board_at_target(b, 2, SPAN_LIT("a/x")), 0);
    assert_int_equal(board_at_targets(b, 2), 1);
    board_targets_clear(b->targets[1]);
    assert_int_equal(board_at_targets(b, 2), 0);
    board_free(&b);
}

static void past_the_slots_all_are_counted_in_the_last(void **state)
{
    struct board *b = make();
    struct board_target *one = NULL;
    char name[16];

    UNUSED(state);
    for (unsigned i = 0; i < BOARD_TARGETS; i++)
        one = board_enter(b->targets[0], name_of(name, i));
    for (unsigned i = 0; i < BOARD_TARGETS; i++)
        assert_int_equal(board_at_target(b, 1, name_of(name, i)), 1);
    assert_ptr_equal(board_enter(b->targets[0], SPAN_LIT("one/more")),
                     &b->targets[0][BOARD_TARGETS]);
    assert_int_equal(board_at_target(b, 1, SPAN_LIT("one/more")), 0);
    assert_int_equal(board_at_targets(b, 1), BOARD_TARGETS + 1);
    board_leave(one); /* a free slot is for anybody */
    assert_ptr_equal(board_enter(b->targets[0], SPAN_LIT("another/one")), one);
    assert_int_equal(board_at_target(b, 1, SPAN_LIT("another/one")), 1);
    board_free(&b);
}

/* Slots are left and taken in any order; a target may stand in two of them. */
static void no_coming_and_going_miscounts(void **state)
{
    struct board *b = make();
    struct board_target *live[NAMES][4] = {0};
    unsigned n[NAMES] = {0};
    struct rng r;
    char name[16];

    UNUSED(state);
    rng_init(&r, 7);
    for (int step = 0; step < 20000; step++) {
        unsigned i = (unsigned)rng_below(&r, NAMES);

        if (n[i] < ARRAY_LEN(live[i]) && rng_below(&r, 2) == 0)
            live[i][n[i]++] = board_enter(b->targets[0], name_of(name, i));
        else if (n[i] > 0)
            board_leave(live[i][--n[i]]);
        assert_int_equal(board_at_target(b, 1, name_of(name, i)), n[i]);
    }
    board_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_add_up_over_workers),
        cmocka_unit_test(past_the_slots_all_are_counted_in_the_last),
        cmocka_unit_test(no_coming_and_going_miscounts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
