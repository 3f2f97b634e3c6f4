/* Goal: a trial begins with counts of its own and with what is known of the targets, and is over
 * when it has ended, or another one has begun; every end has its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "board/standing.h"
#include "board/trial.h"

static void a_trial_begins_anew(void **state)
{
    struct board_trial *t = mem_zalloc(1, sizeof(*t));
    struct board_standing *table = standing_new();

    assert_non_null(t);
    assert_non_null(table);
    board_set(&standing_find(table, 7, 1)->breaker, 42);
    board_set(&standing_find(table, 7, 1)->waits[2], 43);
    board_set(&t->sides[BOARD_SIDE_NEW].failed, 3);
    board_set(&t->sides[BOARD_SIDE_OLD].first[1][BOARD_TRIAL_TIMES - 1], 4);
    assert_false(board_trial_is_on(t, 0));
    board_trial_begin(t, table, 5, 1000, 2000);
    assert_int_equal(board_get(&t->sides[BOARD_SIDE_NEW].failed), 0);
    assert_int_equal(board_get(&t->sides[BOARD_SIDE_OLD].first[1][BOARD_TRIAL_TIMES - 1]), 0);
    assert_int_equal(board_get(&standing_look(t->standings, 7)->breaker), 42);
    assert_int_equal(board_get(&standing_look(t->standings, 7)->waits[2]), 43);
    assert_true(board_trial_is_on(t, 5));
    assert_false(board_trial_is_on(t, 4));
    board_set(&t->state, BOARD_TRIAL_UNPROVEN);
    assert_true(board_trial_is_on(t, 5));
    board_trial_ended(t, BOARD_TRIAL_END_FAILS, 3000, 4000);
    assert_false(board_trial_is_on(t, 5));
    assert_int_equal(board_get(&t->end), BOARD_TRIAL_END_FAILS);
    assert_int_equal(board_get(&t->ended_us), 3000);
    standing_free(&table);
    mem_free(t);
}

static void every_end_has_its_words(void **state)
{
    for (uint64_t i = 1; i < BOARD_TRIAL_ENDS_N; i++)
        assert_true(board_trial_end_word(i)[0] && board_trial_end_text(i)[0]);
    assert_string_equal(board_trial_end_word(BOARD_TRIAL_ENDS_N), "none"); /* lost its mind */
    assert_string_equal(board_trial_state_word(BOARD_TRIAL_STATES), "none");
    assert_string_equal(board_trial_state_word(BOARD_TRIAL_UNPROVEN), "unproven");
    for (uint64_t i = 0; i < BOARD_TRIAL_ENDS_N; i++)
        assert_int_equal(board_trial_is_taken(i),
                         i == BOARD_TRIAL_END_KEPT || i == BOARD_TRIAL_END_CONFIRMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_begins_anew),
        cmocka_unit_test(every_end_has_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
