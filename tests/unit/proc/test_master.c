/* Goal: whatever dies or falls silent is replaced in its place; a configuration is taken only from
 * a loader that ended well; engines are the keeper's to start and stop; the end is orderly, and
 * quick when asked twice; a gateway that cannot start gives up; and none of it takes memory.
 * Method: a real master in a forked process, whose children do what a shared page says and write
 * there what they saw. The clock of all of them is ours: it stands still but for leaps, so no
 * machine is too slow, bounds are met exactly, and nothing is waited for that only time brings. */
#include "bed.h"

/* ---- children ---- */

static void a_killed_child_is_replaced_in_its_place(void **state)
{
    struct bed *b = *state;
    struct board_row *row = &b->board->workers[1];
    pid_t victim, other;

    begin_and_grow_up(b);
    victim = pid_of(row);
    other = pid_of(&b->board->workers[0]);
    board_set(&row->live, 5);
    board_set(&row->conns, 6);
    board_add(&row->requests, 7);
    board_set(&b->board->loads[1][9].tokens, 8);
    board_set(&b->board->loads[1][9].ended, 9);
    board_set(&b->board->loads[0][9].tokens, 10);
    kill(victim, SIGKILL);
    UNTIL(b, page->seen[PROC_WORKER].ready == 3 && replaced(row, victim));
    assert_int_equal(pid_of(&b->board->workers[0]), other);
    assert_int_equal(board_get(&row->crashes), 1);
    assert_int_equal(board_get(&row->live), 0); /* what it had is gone ... */
    assert_int_equal(board_get(&row->conns), 0);
    assert_int_equal(board_get(&b->board->loads[1][9].tokens), 0);
    assert_int_equal(board_get(&row->requests), 7); /* ... and what it did is not */
    assert_int_equal(board_get(&b->board->loads[1][9].ended), 9);
    assert_int_equal(board_get(&b->board->loads[0][9].tokens), 10); /* nor another one's */
    assert_true(said("worker 1 died of signal 9; replacing it"));
    assert_int_equal(page->gave_way, 0);
    slay(b, row); /* this one is young */
    UNTIL(b, page->gave_way == 2);
    kill(other, SIGKILL); /* ... and so is its own replacement; but now nobody else is there */
    UNTIL(b, page->seen[PROC_WORKER].ready == 4 && replaced(&b->board->workers[0], other));
    slay(b, &b->board->workers[0]);
    UNTIL(b, times_said("worker 0 died") == 2);
    assert_int_equal(page->gave_way, 2);
    stop(b);
}

static void who_lived_short_is_replaced_later(void **state)
{
    struct bed *b = *state;
    pid_t victim;

    begin_and_grow_up(b);
    victim = pid_of(&b->board->clerk);
    kill(victim, SIGKILL);
    UNTIL(b, page->seen[PROC_CLERK].ready == 2 && replaced(&b->board->clerk, victim));
    leap(b, S - 1);
    slay(b, &b->board->clerk); /* this one is young */
    UNTIL(b, times_said("clerk died") == 2);
    leap(b, S - 1);
    for (int i = 0; i < 20; i++)
        nudge(b);
    assert_int_equal(page->seen[PROC_CLERK].ready, 2);
    leap(b, 1);
    UNTIL(b, page->seen[PROC_CLERK].ready == 3);
    assert_int_equal(page->gave_way, 0); /* nobody waits for a clerk */
    stop(b);
}

static void a_silent_worker_is_killed_and_replaced(void **state)
{
    struct bed *b = *state;
    pid_t victim;

    begin_and_grow_up(b);
    victim = pid_of(&b->board->workers[0]);
    kill(victim, SIGSTOP);
    UNTIL(b, stopped(victim));
    board_set(&b->board->workers[0].turned_us, page->now_us - 5 * S);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(pid_of(&b->board->workers[0]), victim);
    board_set(&b->board->workers[0].turned_us, page->now_us - 5 * S - 1);
    UNTIL(b, page->seen[PROC_WORKER].ready == 3 && replaced(&b->board->workers[0], victim));
    assert_int_equal(board_get(&b->board->workers[0].crashes), 1);
    assert_int_equal(board_get(&b->board->workers[1].crashes), 0);
    assert_true(said("worker 0 has been silent for 5 s; killing it"));
    stop(b);
}

/* How a worker ends while its row names a request, and whether that one is a suspect then. */
static const struct {
    int signal; /* 0: it hangs */
    bool suspect;
    const char *said;
} deaths[] = {
    {SIGSEGV, true, "was at work on one request when it crashed"},
    {SIGABRT, true, "was at work on one request when it crashed"},
    {SIGBUS, true, "was at work on one request when it crashed"},
    {SIGKILL, false, NULL}, /* somebody else's doing */
    {0, true, "was at work on one request when it fell silent"},
};

static void what_a_worker_crashed_of_is_a_suspect(void **state)
{
    struct bed *b = *state;
    struct board_row *row = &b->board->workers[0];
    unsigned found = 0;

    begin_and_grow_up(b);
    for (uint64_t i = 0; i < ARRAY_LEN(deaths); i++) {
        pid_t victim = pid_of(row);

        board_set(&row->working, i + 1);
        if (deaths[i].signal) {
            kill(victim, deaths[i].signal);
        } else {
            kill(victim, SIGSTOP);
            nudge(b);
            board_set(&row->turned_us, page->now_us - 6 * S);
        }
        UNTIL(b, replaced(row, victim));
        found += deaths[i].suspect;
        assert_int_equal(board_get(&b->board->suspected), found);
        assert_int_equal(suspect_is(b->board, i + 1, page->now_us), deaths[i].suspect);
        assert_int_equal(board_get(&row->working), 0);
        assert_true(!deaths[i].said || said(deaths[i].said));
        UNTIL(b, page->seen[PROC_WORKER].ready == 3 + i);
        leap(b, 2 * S);
    }
    stop(b);
}

static void a_gateway_that_cannot_start_gives_up(void **state)
{
    struct bed *b = *state;

    b->conf.workers = 8; /* ten children */
    page->exits = true;
    begin(b);
    UNTIL(b, ended(b));
    assert_true(WIFEXITED(b->status) && WEXITSTATUS(b->status) == 1);
    assert_int_equal(times_said("exited with 3"), 10);
    assert_true(said("no worker can start; giving up"));
}

static void nine_short_lives_are_not_enough(void **state)
{
    struct bed *b = *state;

    b->conf.workers = 7; /* nine children */
    page->exits = true;
    begin(b);
    UNTIL(b, times_said("exited with 3") == 9);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_false(ended(b));
    page->exits = false;
    leap(b, S);
    UNTIL(b, page->seen[PROC_WORKER].ready == 7);
    assert_false(said("giving up"));
    stop(b);
}

/* ---- reloading ---- */

static void a_good_configuration_reaches_all(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'a');
    board_set(&b->board->reload_wall_ms, 1);
    kill(b->master, SIGHUP);
    UNTIL(b, page->seen[PROC_CLERK].result);
    assert_int_equal(page->seen[PROC_CLERK].result, 1 + 1);
    assert_int_equal(page->seen[PROC_CLERK].result_letter, 'r');
    for (int kind = 0; kind < KINDS; kind++) {
        UNTIL(b, page->seen[kind].config == 2);
        assert_int_equal(page->seen[kind].config_letter, 'b');
    }
    assert_int_equal(board_get(&b->board->generation), 2);
    assert_int_equal(board_get(&b->board->reload_ok), 1);
    assert_true(board_get(&b->board->reload_wall_ms) > 1);
    assert_true(said("reload: taken into use"));
    /* Who comes later begins with it. */
    page->seen[PROC_WORKER].config_letter = 0;
    slay(b, &b->board->workers[0]);
    slay(b, &b->board->keeper);
    UNTIL(b, page->seen[PROC_WORKER].ready == 3 && page->seen[PROC_KEEPER].ready == 2);
    assert_int_equal(page->seen[PROC_WORKER].config_letter, 'b');
    assert_int_equal(page->seen[PROC_KEEPER].config_letter, 'b');
    stop(b);
}

static void a_refused_configuration_changes_nothing(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    page->loader_status = 3;
    board_set(&b->board->reload_wall_ms, 1);
    send_from(b, PROC_CLERK, LINK_RELOAD, 0);
    UNTIL(b, page->seen[PROC_CLERK].result);
    assert_int_equal(page->seen[PROC_CLERK].result, 0 + 1);
    assert_int_equal(page->seen[PROC_CLERK].result_letter, 'r'); /* what is wrong with it */
    assert_int_equal(page->seen[PROC_WORKER].config, 0);
    assert_int_equal(board_get(&b->board->generation), 1);
    assert_int_equal(board_get(&b->board->reload_ok), 0);
    assert_int_equal(board_get(&b->board->reload_wall_ms), 1);
    assert_true(said("reload: refused; the old configuration stays"));
    page->loader_status = 0;
    send_from(b, PROC_CLERK, LINK_RELOAD, 0);
    UNTIL(b, page->seen[PROC_WORKER].config == 2 && board_get(&b->board->reload_ok) == 1);
    stop(b);
}

static void reloads_that_come_at_once_are_one_more(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    begin_endless_reload(b);
    for (int i = 0; i < 3; i++) {
        kill(b->master, SIGHUP);
        nudge(b);
    }
    assert_int_equal(page->loads, 1);
    page->hangs = false;
    leap(b, 20 * S); /* the first one sleeps on, and is ended */
    UNTIL(b, page->seen[PROC_WORKER].config == 2);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(page->loads, 2);
    stop(b);
}

static void a_loader_that_hangs_is_ended(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    begin_endless_reload(b);
    leap(b, 20 * S - 1);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_false(said("reload:"));
    leap(b, 1);
    UNTIL(b, said("reload: refused"));
    UNTIL(b, page->seen[PROC_CLERK].result == 0 + 1);
    assert_int_equal(board_get(&b->board->generation), 1);
    stop(b);
}

/* ---- engines ---- */

static pid_t start_engine(struct bed *b)
{
    send_from(b, PROC_KEEPER, LINK_ENGINE_START, 0);
    UNTIL(b, page->seen[PROC_KEEPER].engine_pid[0]);
    return (pid_t)page->seen[PROC_KEEPER].engine_pid[0];
}

static void the_keeper_starts_and_stops_engines(void **state)
{
    struct bed *b = *state;
    pid_t engine;

    begin_and_grow_up(b);
    engine = start_engine(b);
    assert_int_equal(kill(engine, 0), 0);
    assert_int_equal(board_get(&b->board->engines[0].pid), engine);
    send_from(b, PROC_KEEPER, LINK_ENGINE_START, 0); /* it runs already */
    send_from(b, PROC_KEEPER, LINK_ENGINE_STOP, 0);
    UNTIL(b, page->seen[PROC_KEEPER].engine_pid[0] == 0);
    assert_int_equal(board_get(&b->board->engines[0].pid), 0);
    assert_int_equal(times_said("engine good ended (signal 15)"), 1);
    stop(b);
}

static void nothing_else_is_started(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    send_from(b, PROC_WORKER, LINK_ENGINE_START, 0); /* not a worker's to ask */
    send_from(b, PROC_KEEPER, LINK_ENGINE_START, ENGINES);
    send_from(b, PROC_KEEPER, LINK_ENGINE_STOP, ENGINES);
    send_from(b, PROC_KEEPER, LINK_ENGINE_START, 1); /* and answered after those */
    UNTIL(b, said("engine bad cannot be run: /nowhere/engine"));
    assert_int_equal(board_get(&b->board->engines[0].pid), 0);
    stop(b);
}

static void an_engine_outlives_the_keeper(void **state)
{
    struct bed *b = *state;
    struct seen *keeper = &page->seen[PROC_KEEPER];
    pid_t engine;

    begin_and_grow_up(b);
    UNTIL(b, keeper->engine_words == ENGINES); /* what runs, before anything else */
    assert_int_equal(keeper->engine_pid[0], 0);
    engine = start_engine(b);
    keeper->engine_words = 0;
    keeper->engine_pid[0] = 0;
    slay(b, &b->board->keeper);
    UNTIL(b, keeper->ready == 2 && keeper->engine_words >= ENGINES);
    assert_int_equal(keeper->engine_pid[0], engine); /* the next one is told ... */
    send_from(b, PROC_KEEPER, LINK_READY, 0);        /* as behind each new configuration */
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(keeper->engine_words, ENGINES); /* ... once */
    stop(b);
}

static void engines_end_last(void **state)
{
    struct bed *b = *state;
    pid_t engine;

    begin_and_grow_up(b);
    page->deaf = true;
    engine = start_engine(b);
    kill(b->master, SIGTERM);
    UNTIL(b, page->seen[PROC_WORKER].drains == 2);
    send_from(b, PROC_KEEPER, LINK_ENGINE_START, 1); /* nothing is started any more */
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(kill(engine, 0), 0); /* answers that are under way need it */
    assert_false(said("engine bad"));
    kill(b->master, SIGTERM);
    UNTIL(b, ended(b));
    assert_int_equal(b->status, 0);
    assert_int_not_equal(kill(engine, 0), 0);
}

/* ---- the end ---- */

static void workers_drain_before_the_rest_ends(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    page->deaf = true;
    kill(b->master, SIGTERM);
    UNTIL(b, page->seen[PROC_WORKER].drains == 2);
    assert_int_equal(page->seen[PROC_WORKER].drain_ms, DRAIN_MS);
    assert_int_equal(board_get(&b->board->draining), 1);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(page->seen[PROC_CLERK].drains, 0);
    assert_int_equal(page->seen[PROC_KEEPER].drains, 0);
    kill(b->master, SIGHUP); /* too late */
    slay(b, &b->board->workers[0]);
    UNTIL(b, pid_of(&b->board->workers[0]) == 0);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_int_equal(pid_of(&b->board->workers[0]), 0); /* and nobody comes in its place */
    assert_int_equal(page->loads, 0);
    slay(b, &b->board->workers[1]);
    UNTIL(b, ended(b));
    assert_int_equal(b->status, 0);
    assert_int_equal(page->seen[PROC_CLERK].drains, 1);
    assert_int_equal(page->seen[PROC_KEEPER].drains, 1);
    assert_true(said("stopping: 7 s for what runs to finish"));
}

static void a_second_sigterm_ends_at_once(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    page->deaf = true; /* to the first */
    kill(b->master, SIGTERM);
    UNTIL(b, page->seen[PROC_WORKER].drains == 2);
    kill(b->master, SIGINT);
    UNTIL(b, ended(b));
    assert_int_equal(b->status, 0);
    assert_int_equal(page->seen[PROC_WORKER].drain_ms, 0);
}

static void who_does_not_end_is_killed(void **state)
{
    struct bed *b = *state;

    begin_and_grow_up(b);
    page->deaf = true;
    kill(b->master, SIGTERM);
    UNTIL(b, page->seen[PROC_WORKER].drains == 2);
    leap(b, (DRAIN_MS / 1000 + 10) * S - 1);
    for (int i = 0; i < 10; i++)
        nudge(b);
    assert_true(pid_of(&b->board->workers[0]) > 0);
    assert_int_equal(page->seen[PROC_CLERK].drains, 0);
    leap(b, 1);
    UNTIL(b, ended(b));
    assert_int_equal(b->status, 0);
    assert_int_equal(page->seen[PROC_CLERK].drains, 1); /* it had its time to tell of the workers */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_killed_child_is_replaced_in_its_place),
        TEST(who_lived_short_is_replaced_later),
        TEST(a_silent_worker_is_killed_and_replaced),
        TEST(what_a_worker_crashed_of_is_a_suspect),
        TEST(a_gateway_that_cannot_start_gives_up),
        TEST(nine_short_lives_are_not_enough),
        TEST(a_good_configuration_reaches_all),
        TEST(a_refused_configuration_changes_nothing),
        TEST(reloads_that_come_at_once_are_one_more),
        TEST(a_loader_that_hangs_is_ended),
        TEST(the_keeper_starts_and_stops_engines),
        TEST(nothing_else_is_started),
        TEST(an_engine_outlives_the_keeper),
        TEST(engines_end_last),
        TEST(workers_drain_before_the_rest_ends),
        TEST(a_second_sigterm_ends_at_once),
        TEST(who_does_not_end_is_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
