/* Goal: a kind of request finds its counts again; who was used longest ago makes room, and a
 * newcomer has none of its counts. Method: more kinds than there are places, some of them used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board/lengths.h"

static int set_up(void **state)
{
    struct board *b;
    struct err e;

    if (board_new(&b, &e) < 0)
        return -1;
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct board *b = *state;

    board_free(&b);
    return 0;
}

static void a_kind_is_found_again(void **state)
{
    struct board *b = *state;
    struct board_lengths *p;

    assert_null(lengths_look(b, 5));
    p = lengths_make(b, 5, 1);
    assert_non_null(p);
    board_set(&p->counts[3], 9);
    assert_ptr_equal(lengths_make(b, 5, 2), p);
    assert_ptr_equal(lengths_look(b, 5), p);
    assert_int_equal(board_get(&p->counts[3]), 9);
    assert_int_equal(board_get(&p->used_us), 2);
    assert_ptr_not_equal(lengths_make(b, 5 + BOARD_LENGTHS, 2), p);
    assert_ptr_equal(lengths_look(b, 5), p);
}

static void the_oldest_makes_room(void **state)
{
    struct board *b = *state;
    struct board_lengths *p = NULL;

    for (uint64_t i = 0; i < 8; i++) { /* all at one place */
        p = lengths_make(b, 3 + i * BOARD_LENGTHS, 10 + i);
        assert_non_null(p);
        board_set(&p->counts[0], 1 + i);
    }
    assert_non_null(lengths_make(b, 3, 30)); /* the first one is used again */
    p = lengths_make(b, 3 + 8 * BOARD_LENGTHS, 40);
    assert_non_null(p);
    assert_int_equal(board_get(&p->counts[0]), 0);
    assert_null(lengths_look(b, 3 + BOARD_LENGTHS)); /* the second one has gone */
    for (uint64_t i = 0; i < 9; i++)
        if (i != 1)
            assert_non_null(lengths_look(b, 3 + i * BOARD_LENGTHS));
    assert_int_equal(board_get(&lengths_look(b, 3)->counts[0]), 1);
}

static void as_many_kinds_as_there_are(void **state)
{
    struct board *b = *state;
    unsigned known = 0;

    for (uint64_t i = 1; i <= 4 * BOARD_LENGTHS; i++)
        assert_non_null(lengths_make(b, i * UINT64_C(0x9e3779b97f4a7c15), i));
    for (uint64_t i = 1; i <= 4 * BOARD_LENGTHS; i++)
        known += lengths_look(b, i * UINT64_C(0x9e3779b97f4a7c15)) != NULL;
    assert_in_range(known, BOARD_LENGTHS - BOARD_LENGTHS / 10, BOARD_LENGTHS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_kind_is_found_again),
        TEST(the_oldest_makes_room),
        TEST(as_many_kinds_as_there_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
