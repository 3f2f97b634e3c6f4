/* Goal: an engine is started when it does not run, ready when it says so, started again with a
 * growing pause when it ends, stopped when it hangs or never gets ready; one that runs already is
 * left alone.
 * Method: a supervisor in virtual time, an origin in the engine's place, and the test as the
 * master: it counts what is asked of it and says what happened. */
#include "call/world.h"

#include "base/mem.h"
#include "engine/supervise.h"

#define ONE                                                                                        \
    "version: 1\nproviders: {e: {type: llama.cpp, endpoints: \"http://127.0.0.1:9001\",\n"         \
    "  engine: {command: [/bin/e], ready: /up}}}\n"

struct bed {
    struct world w;
    struct origin engine;
    struct board *board;
    struct call_pools *pools;
    struct settings *settings;
    struct supervise *s;
    unsigned starts, stops;
    uint32_t index; /* of the last start or stop */
    ev_us started_at;
    char said[256]; /* the last line */
};

static void on_start(void *arg, uint32_t index)
{
    struct bed *b = arg;

    b->starts++;
    b->index = index;
    b->started_at = ev_now(b->w.ev);
}

static void on_stop(void *arg, uint32_t index)
{
    struct bed *b = arg;

    b->stops++;
    b->index = index;
}

static void on_say(void *arg, const char *line)
{
    struct bed *b = arg;

    snprintf(b->said, sizeof(b->said), "%s", line);
}

static struct supervise_conf conf_of(struct bed *b)
{
    return (struct supervise_conf){.ev = b->w.ev,
                                   .pools = b->pools,
                                   .board = b->board,
                                   .start = on_start,
                                   .stop = on_stop,
                                   .say = on_say,
                                   .arg = b};
}

static void supervise(struct bed *b, const char *text)
{
    struct supervise_conf conf = conf_of(b);
    struct err e;

    b->settings = world_settings(&b->w, text);
    assert_int_equal(supervise_new(&b->s, &conf, b->settings, &e), 0);
}

static int set_up(void **state)
{
    static const char *const none[] = {NULL};
    struct bed *b = calloc(1, sizeof(*b));
    struct err e;

    assert_non_null(b);
    world_open(&b->w, none);
    assert_int_equal(board_new(&b->board, &e), 0);
    assert_int_equal(call_pools_new(&b->pools, b->w.net, b->w.resolver, &e), 0);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    supervise_free(&b->s);
    supervise_free(&b->s);
    call_pools_free(&b->pools);
    settings_unref(&b->settings);
    world_run(&b->w, EV_S(1));
    if (b->engine.listener)
        origin_close(&b->engine);
    board_free(&b->board);
    world_close(&b->w);
    free(b);
    return 0;
}

static enum board_engine_state state_of(const struct bed *b)
{
    return (enum board_engine_state)board_get(&b->board->engines[0].state);
}

static void engine_answers(struct bed *b, unsigned status)
{
    origin_open(&b->engine, &b->w, "127.0.0.1:9001", status);
}

/* The master's word; as process 7 it runs. */
static void runs(struct bed *b)
{
    supervise_state(b->s, 0, 7, 0);
}

static void ended(struct bed *b)
{
    supervise_state(b->s, 0, 0, 256);
}

/* ---- start ---- */

static void it_is_started_and_gets_ready(void **state)
{
    struct bed *b = *state;

    supervise(b, ONE);
    world_run(&b->w, EV_S(60));
    assert_int_equal(b->starts, 0); /* the master has not spoken yet */
    assert_int_equal(state_of(b), ENGINE_DOWN);
    supervise_state(b->s, 0, 0, 0);
    assert_int_equal(b->starts, 1);
    assert_int_equal(state_of(b), ENGINE_STARTING);
    assert_string_equal(b->said, "engine e: starting");
    runs(b);
    world_run(&b->w, EV_S(30)); /* nobody listens there yet */
    assert_int_equal(state_of(b), ENGINE_STARTING);
    engine_answers(b, 503);
    world_run(&b->w, EV_S(30)); /* it loads */
    assert_int_equal(state_of(b), ENGINE_STARTING);
    assert_true(b->engine.requests >= 30 * 3);
    b->engine.status = 200;
    world_run(&b->w, EV_MS(300));
    assert_int_equal(state_of(b), ENGINE_READY);
    assert_string_equal(b->said, "engine e: ready");
    b->engine.requests = 0;
    world_run(&b->w, EV_S(20)); /* watched less often now */
    assert_in_range(b->engine.requests, 9, 10);
    assert_int_equal(state_of(b), ENGINE_READY);
    assert_int_equal(b->starts, 1);
    assert_int_equal(b->stops, 0);
}

static void one_that_runs_is_taken_over(void **state)
{
    struct bed *b = *state;

    engine_answers(b, 200);
    supervise(b, ONE);
    runs(b); /* it outlived the keeper before us */
    world_run(&b->w, EV_MS(50));
    assert_int_equal(state_of(b), ENGINE_READY);
    assert_int_equal(b->starts, 0);
    ended(b);
    world_run(&b->w, EV_MS(1001));
    assert_int_equal(b->starts, 1);
}

static void one_that_runs_and_does_not_answer_is_given_time(void **state)
{
    struct bed *b = *state;

    supervise(b, ONE);
    runs(b);
    world_run(&b->w, EV_S(599));
    assert_int_equal(b->stops, 0);
    world_run(&b->w, EV_S(2));
    assert_int_equal(b->stops, 1);
}

/* ---- starting again ---- */

/* The pause from now to the next start, in milliseconds. */
static uint64_t pause_ms(struct bed *b)
{
    unsigned before = b->starts;
    ev_us from = ev_now(b->w.ev);

    for (int i = 0; i < 100 && b->starts == before; i++)
        world_run(&b->w, EV_S(1));
    assert_int_equal(b->starts, before + 1);
    return (b->started_at - from) / 1000;
}

static void the_pause_doubles_to_its_bound(void **state)
{
    static const uint64_t want[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct bed *b = *state;

    supervise(b, ONE);
    ended(b); /* the first word: it does not run, which is nobody's fault */
    assert_int_equal(b->starts, 1);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        runs(b);
        ended(b);
        assert_int_equal(state_of(b), ENGINE_DOWN);
        assert_int_equal(pause_ms(b), want[i]);
        assert_int_equal(board_get(&b->board->engines[0].restarts), i + 1);
    }
}

/* The master says pid 0 to its start, without a process in between. */
static void what_cannot_be_started_is_tried_again(void **state)
{
    struct bed *b = *state;

    supervise(b, ONE);
    ended(b);
    ended(b);
    assert_int_equal(state_of(b), ENGINE_DOWN);
    ended(b); /* said twice: once is enough */
    assert_int_equal(pause_ms(b), 1000);
    ended(b);
    assert_int_equal(pause_ms(b), 2000);
}

/* Ready for so long, then gone: the pause that comes of it. The pause had grown to 8 s before. */
static uint64_t pause_after(struct bed *b, ev_us ready)
{
    engine_answers(b, 200);
    supervise(b, ONE);
    ended(b);
    for (int i = 0; i < 3; i++) {
        runs(b);
        ended(b);
        pause_ms(b);
    }
    runs(b);
    while (state_of(b) != ENGINE_READY)
        world_run(&b->w, EV_MS(1));
    world_run(&b->w, ready);
    ended(b);
    return pause_ms(b);
}

static void a_pause_is_remembered_for_five_minutes(void **state)
{
    assert_int_equal(pause_after(*state, EV_S(299)), 8000);
}

static void and_then_forgotten(void **state)
{
    assert_int_equal(pause_after(*state, EV_S(303)), 1000);
}

/* ---- hanging ---- */

static void get_ready(struct bed *b)
{
    engine_answers(b, 200);
    supervise(b, ONE);
    ended(b);
    runs(b);
    world_run(&b->w, EV_S(1));
    assert_int_equal(state_of(b), ENGINE_READY);
}

static void one_that_hangs_is_stopped(void **state)
{
    struct bed *b = *state;

    get_ready(b);
    b->engine.status = 0; /* it takes requests and says nothing: three probes of 5 s, 2 s apart */
    world_run(&b->w, EV_S(18));
    assert_int_equal(b->stops, 0);
    world_run(&b->w, EV_S(5));
    assert_int_equal(b->stops, 1);
    assert_int_equal(b->index, 0);
    assert_int_equal(state_of(b), ENGINE_DOWN);
    assert_string_equal(b->said, "engine e: does not answer any more; stopping it");
    world_run(&b->w, EV_S(100)); /* it is not started before it has ended */
    assert_int_equal(b->starts, 1);
    assert_int_equal(b->stops, 1);
    ended(b);
    assert_int_equal(pause_ms(b), 1000);
}

static void two_failures_are_none(void **state)
{
    struct bed *b = *state;

    get_ready(b);
    for (int i = 0; i < 5; i++) {
        unsigned before = b->engine.requests;

        b->engine.status = 500;
        while (b->engine.requests < before + 2)
            world_run(&b->w, EV_MS(100));
        b->engine.status = 200;
        world_run(&b->w, EV_S(3));
    }
    assert_int_equal(b->stops, 0);
    b->engine.status = 500;
    world_run(&b->w, EV_S(10));
    assert_int_equal(b->stops, 1);
}

static void one_that_never_gets_ready_is_stopped(void **state)
{
    struct bed *b = *state;

    engine_answers(b, 503);
    supervise(b, ONE);
    ended(b);
    runs(b);
    world_run(&b->w, EV_S(600));
    assert_int_equal(b->stops, 0);
    world_run(&b->w, EV_S(1));
    assert_int_equal(b->stops, 1);
    assert_string_equal(b->said, "engine e: not ready in time; stopping it");
    ended(b);
    assert_int_equal(pause_ms(b), 1000);
}

/* The end comes while a probe waits for its answer. */
static void an_end_within_a_probe(void **state)
{
    struct bed *b = *state;

    get_ready(b);
    b->engine.status = 0;
    world_run(&b->w, EV_S(3)); /* a probe is under way */
    assert_true(b->engine.open > 0);
    ended(b);
    assert_int_equal(pause_ms(b), 1000);
    assert_int_equal(b->stops, 0);
    b->engine.status = 200;
    runs(b);
    world_run(&b->w, EV_S(1));
    assert_int_equal(state_of(b), ENGINE_READY);
}

/* ---- bounds ---- */

static void as_many_as_the_board_has(void **state)
{
    struct bed *b = *state;
    char text[16384] = "version: 1\nproviders:\n";
    size_t n = strlen(text);

    for (int i = 0; i < BOARD_ENGINES; i++) /* no configuration has more */
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              "  e%d: {type: vllm, endpoints: \"http://127.0.0.1:%d\",\n"
                              "    engine: {command: [/bin/e]}}\n",
                              i, 9001 + i);
    supervise(b, text);
    assert_int_equal(b->settings->engines_n, BOARD_ENGINES);
    for (uint32_t i = 0; i <= BOARD_ENGINES; i++)
        supervise_state(b->s, i, 0, 0);
    supervise_state(b->s, UINT32_MAX, 0, 0);
    assert_int_equal(b->starts, BOARD_ENGINES);
    assert_int_equal(b->index, BOARD_ENGINES - 1);
}

static void every_failed_allocation_is_survived(void **state)
{
    struct bed *b = *state;
    struct supervise_conf conf = conf_of(b);
    bool hit = true;
    size_t at;

    b->settings = world_settings(&b->w, ONE);
    for (at = 1; hit; at++) {
        struct supervise *s = NULL;
        struct err e;
        int rc;

        mem_torture(at, false);
        rc = supervise_new(&s, &conf, b->settings, &e);
        hit = mem_torture_hit();
        mem_torture(0, false);
        assert_int_equal(rc, hit ? -1 : 0);
        if (hit) {
            assert_null(s);
            assert_int_equal(e.code, ERR_NOMEM);
        }
        supervise_free(&s);
    }
    assert_true(at > 2);
}

/* A probe that finds no memory is one that failed: the engine is looked at again. */
static void a_probe_without_memory_is_a_failed_one(void **state)
{
    struct bed *b = *state;

    get_ready(b);
    for (size_t at = 1; at <= 40; at++) {
        mem_torture(at, false);
        world_run(&b->w, EV_S(2));
        mem_torture(0, false);
        world_run(&b->w, EV_S(8));
        assert_int_equal(state_of(b), ENGINE_READY);
    }
    assert_int_equal(b->stops, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_started_and_gets_ready),
        TEST(one_that_runs_is_taken_over),
        TEST(one_that_runs_and_does_not_answer_is_given_time),
        TEST(the_pause_doubles_to_its_bound),
        TEST(what_cannot_be_started_is_tried_again),
        TEST(a_pause_is_remembered_for_five_minutes),
        TEST(and_then_forgotten),
        TEST(one_that_hangs_is_stopped),
        TEST(two_failures_are_none),
        TEST(one_that_never_gets_ready_is_stopped),
        TEST(an_end_within_a_probe),
        TEST(as_many_as_the_board_has),
        TEST(every_failed_allocation_is_survived),
        TEST(a_probe_without_memory_is_a_failed_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
