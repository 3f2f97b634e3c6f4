/* Goal: the master keeps the text of a configuration on trial beside the one in use, gives it to
 * whoever comes later, and ends the trial as the clerk says, or when a worker dies on it; what was
 * in use before comes back when that is asked for. Method: bed.h. */
#include "bed.h"

/* 'b' is tried beside 'a'. */
static void begin_trial(struct bed *b)
{
    begin_and_grow_up(b);
    page->loader_status = PROC_LOAD_TRY;
    board_set(&b->board->trial.loaded.slice, 50000);
    board_set(&b->board->trial.route_now, 11);
    board_set(&b->board->trial.loaded.route, 22);
    send_from(b, PROC_CLERK, LINK_RELOAD, 0);
    UNTIL(b, page->seen[PROC_CLERK].result);
    assert_int_equal(page->seen[PROC_CLERK].result, LINK_RELOAD_TRIED + 1);
    UNTIL(b, page->seen[PROC_WORKER].trials == 2);
    assert_int_equal(page->seen[PROC_WORKER].trial_letter, 'b');
    assert_int_equal(page->load_letter, 'a');
    assert_false(page->at_once);
}

static void end_trial(struct bed *b, uint64_t number, enum board_trial_end how)
{
    page->send_number = number;
    send_from(b, PROC_CLERK, LINK_TRIAL_END, how);
    page->send_number = 0;
}

static uint64_t end_of(const struct bed *b)
{
    return board_get(&b->board->trial.end);
}

static void a_trial_that_is_kept_is_taken(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    assert_int_equal(board_get(&b->board->generation), 1); /* it is not in use */
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_RUNS);
    assert_int_equal(board_get(&b->board->trial.slice), 50000);
    end_trial(b, 7, BOARD_TRIAL_END_KEPT); /* a word about another one */
    end_trial(b, 1, BOARD_TRIAL_ENDS_N);
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_RUNS);
    end_trial(b, 1, BOARD_TRIAL_END_KEPT);
    UNTIL(b, page->seen[PROC_WORKER].config == 2 && end_of(b) == BOARD_TRIAL_END_KEPT);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'b');
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_NONE);
    assert_int_equal(board_get(&b->board->trial.route_now), 22);
    assert_int_equal(board_get(&b->board->reload_ok), 1);
    /* and what was before comes back, if it is asked for; and that again */
    send_from(b, PROC_CLERK, LINK_ROLLBACK, 0);
    UNTIL(b, page->seen[PROC_WORKER].config == 3);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'a');
    assert_int_equal(board_get(&b->board->trial.route_now), 11);
    send_from(b, PROC_CLERK, LINK_ROLLBACK, 0);
    UNTIL(b, page->seen[PROC_WORKER].config == 4);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'b');
    stop(b);
}

static void a_trial_that_fails_changes_nothing(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    end_trial(b, 1, BOARD_TRIAL_END_FAILS);
    UNTIL(b, page->seen[PROC_WORKER].trials == 4);
    assert_int_equal(page->seen[PROC_WORKER].trial_letter, 0);
    assert_int_equal(page->seen[PROC_WORKER].config, 0);
    assert_int_equal(end_of(b), BOARD_TRIAL_END_FAILS);
    assert_int_equal(board_get(&b->board->generation), 1);
    assert_int_equal(board_get(&b->board->reload_ok), 0);
    assert_int_equal(board_get(&b->board->trial.before), 0);
    assert_true(said("reload: taken back: more requests failed"));
    send_from(b, PROC_CLERK, LINK_ROLLBACK, 0); /* there is nothing before the first one */
    let_finish(b);
    assert_int_equal(board_get(&b->board->generation), 1);
    stop(b);
}

/* Who comes later takes part in it; one that dies of it ends it, one that dies beside it does not.
 */
static void a_worker_that_dies_on_a_trial_ends_it(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    page->seen[PROC_WORKER].trial_letter = 0;
    leap(b, 2 * S);
    slay(b, &b->board->workers[0]);
    UNTIL(b, page->seen[PROC_WORKER].ready == 3);
    assert_int_equal(page->seen[PROC_WORKER].trial_letter, 'b');
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_RUNS);
    leap(b, 2 * S);
    board_set(&b->board->workers[1].trying, 1);
    slay(b, &b->board->workers[1]);
    UNTIL(b, end_of(b) == BOARD_TRIAL_END_DIED && page->seen[PROC_WORKER].ready == 4);
    assert_int_equal(board_get(&b->board->workers[1].trying), 0);
    assert_true(said("reload: taken back: a worker died"));
    stop(b);
}

static void a_worker_that_dies_young_ends_a_trial(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    leap(b, 2 * S);
    slay(b, &b->board->workers[0]);
    UNTIL(b, page->seen[PROC_WORKER].ready == 3);
    slay(b, &b->board->workers[0]);
    UNTIL(b, end_of(b) == BOARD_TRIAL_END_DIED);
    stop(b);
}

static void a_trial_is_held_and_replaced(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    page->send_number = 1;
    send_from(b, PROC_CLERK, LINK_TRIAL_HOLD, 0);
    page->send_number = 0;
    UNTIL(b, board_get(&b->board->trial.state) == BOARD_TRIAL_UNPROVEN);
    assert_true(said("reload: unproven"));
    page->letter = 'c';
    page->loader_status = PROC_LOAD_BAD; /* replaces nothing */
    kill(b->master, SIGHUP);
    UNTIL(b, said("reload: refused"));
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_UNPROVEN);
    page->loader_status = PROC_LOAD_TRY;
    kill(b->master, SIGHUP);
    UNTIL(b, page->seen[PROC_WORKER].trial_letter == 'c' && page->seen[PROC_WORKER].trial == 2);
    assert_true(said("given up for a newer configuration"));
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_RUNS);
    page->letter = 'd';
    page->loader_status = PROC_LOAD_TAKE;
    send_from(b, PROC_CLERK, LINK_RELOAD, 1);
    UNTIL(b, page->seen[PROC_WORKER].config == 2);
    assert_true(page->at_once);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'd');
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_NONE);
    stop(b);
}

static void only_the_clerk_has_a_say(void **state)
{
    struct bed *b = *state;

    begin_trial(b);
    page->send_number = 1;
    send_from(b, PROC_WORKER, LINK_TRIAL_END, BOARD_TRIAL_END_KEPT);
    send_from(b, PROC_KEEPER, LINK_ROLLBACK, 0);
    page->send_number = 0;
    let_finish(b);
    assert_int_equal(board_get(&b->board->trial.state), BOARD_TRIAL_RUNS);
    stop(b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_trial_that_is_kept_is_taken),         TEST(a_trial_that_fails_changes_nothing),
        TEST(a_worker_that_dies_on_a_trial_ends_it), TEST(a_worker_that_dies_young_ends_a_trial),
        TEST(a_trial_is_held_and_replaced),          TEST(only_the_clerk_has_a_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
