/*
 * Goal: who keeps an answer is found again, as long as there is room; nothing is made up.
 * Method: one set filled to its bound and past it.
 */
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

#include <cmocka.h>

#include "board/kept.h"

/* Answers of one set: they differ in what the tag holds. */
static uint64_t answer(uint64_t n)
{
    return n << 32 | 5;
}

static void what_was_noted_is_found(void **state)
{
    struct board *b;
    struct err e;

    assert_int_equal(board_new(&b, &e), 0);
    assert_int_equal(kept_by(&b->kept, answer(1)), 0);
    kept_note(&b->kept, answer(1), 7);
    assert_int_equal(kept_by(&b->kept, answer(1)), 7);
    assert_int_equal(kept_by(&b->kept, answer(2)), 0);
    assert_int_equal(kept_by(&b->kept, answer(1) + 1), 0); /* another set */
    board_free(&b);
}

static void the_oldest_leaves(void **state)
{
    struct board *b;
    struct err e;

    assert_int_equal(board_new(&b, &e), 0);
    for (uint64_t n = 1; n <= BOARD_KEPT_WAYS; n++)
        kept_note(&b->kept, answer(n), (uint32_t)n);
    for (uint64_t n = 1; n <= BOARD_KEPT_WAYS; n++)
        assert_int_equal(kept_by(&b->kept, answer(n)), n);
    kept_note(&b->kept, answer(1), 1); /* again: it is the newest now, and nobody has left */
    for (uint64_t n = 1; n <= BOARD_KEPT_WAYS; n++)
        assert_int_equal(kept_by(&b->kept, answer(n)), n);
    kept_note(&b->kept, answer(9), 9);
    assert_int_equal(kept_by(&b->kept, answer(9)), 9);
    assert_int_equal(kept_by(&b->kept, answer(2)), 0);
    assert_int_equal(kept_by(&b->kept, answer(1)), 1);
    board_free(&b);
}

static void an_answer_may_change_hands(void **state)
{
    struct board *b;
    struct err e;

    assert_int_equal(board_new(&b, &e), 0);
    kept_note(&b->kept, answer(1), 7);
    kept_note(&b->kept, answer(2), 7);
    kept_note(&b->kept, answer(1), 8);
    assert_int_equal(kept_by(&b->kept, answer(1)), 8);
    board_free(&b);
}

static void a_mark_is_never_nobody(void **state)
{
    assert_int_not_equal(kept_mark(SPAN_LIT("")), 0);
    assert_int_not_equal(kept_mark(SPAN_LIT("a")), kept_mark(SPAN_LIT("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_noted_is_found),
        cmocka_unit_test(the_oldest_leaves),
        cmocka_unit_test(an_answer_may_change_hands),
        cmocka_unit_test(a_mark_is_never_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
