/* Goal: a request of a configuration on trial that fails before its client has had anything of an
 * answer is served by the one in use, and by nobody else's leave; each request is counted once, on
 * its side, and only if it says something; nothing of the trial touches what is known of targets.
 * Method: the twin with a board and two snapshots; the slice is all or nothing, so that the lot is
 * known. */
#include "ups.h"

#include "base/mem.h"
#include "board/trial.h"
#include "policy/trial.h"

#define CLIENT_KEY "sha256:ad2c89537a8cee0e2b4f06a5d48fa66c9a04e3b10ff8aa5e72f3ac7bd8b4f2a7"

#define OLD PLAN("")
/* `m` goes to the second upstream alone. */
#define NEW                                                                                        \
    "version: 1\nproviders:\n" UP("a", "9000")                                                     \
        UP("b", "9100") "models:\n  m: {targets: b/m, retry: {same_target: 0}}\n"
#define ALL  1000000
#define NONE 0

struct bed {
    struct twin t;
    struct board *board;
    struct settings *next;
};

static struct board_side *side(const struct bed *b, enum board_side_of of)
{
    return &b->board->trial.sides[of];
}

static void load(const struct bed *b, struct settings **ret, const char *text)
{
    struct conf_report *r = mem_alloc(sizeof(*r));
    struct err e;

    assert_non_null(r);
    conf_report_init(r);
    if (settings_load_with(ret, span_str(text), SPAN_LIT("next.yaml"),
                           SPAN_LIT("version: 1\nprices: {}\n"), b->t.env, r, &e) < 0)
        fail_msg("%s", e.text);
    conf_report_fini(r);
    mem_free(r);
}

/* A trial whose requests are all of one side. */
static void begin(struct bed *b, const char *next, uint64_t slice)
{
    load(b, &b->next, next);
    board_set(&b->board->trial.loaded.slice, slice);
    board_trial_begin(&b->board->trial, b->board->standings, 1, ev_now(b->t.ev), EV_SIM_WALL_MS);
    gateway_trial(&b->t.gateway, b->next, 1);
}

static int set_up(void **state)
{
    struct bed *b = calloc(1, sizeof(*b));
    struct relay_sink *sink;
    struct err e;

    assert_non_null(b);
    twin_open(&b->t, 5, OLD);
    assert_int_equal(board_new(&b->board, &e), 0);
    sink = &b->t.gateway.relay.sink;
    sink->trial = &b->board->trial;
    sink->row = &b->board->workers[0];
    for (size_t i = 0; i < TWIN_UPS; i++)
        ups_set(&b->t, i, &up_good);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    assert_int_equal(board_get(&b->board->workers[0].trying), 0);
    settings_unref(&b->next);
    twin_close(&b->t);
    board_free(&b->board);
    free(b);
    return 0;
}

static void counted(const struct bed *b, enum board_side_of of, uint64_t begun, uint64_t judged,
                    uint64_t failed, uint64_t repeated)
{
    const struct board_side *s = side(b, of);

    assert_int_equal(board_get(&s->begun), begun);
    assert_int_equal(board_get(&s->judged), judged);
    assert_int_equal(board_get(&s->failed), failed);
    assert_int_equal(board_get(&s->repeated), repeated);
}

static uint64_t firsts(const struct board_side *s, bool stream)
{
    uint64_t n = 0;

    for (size_t i = 0; i < BOARD_TRIAL_TIMES; i++)
        n += board_get(&s->first[stream][i]);
    return n;
}

static void each_side_goes_by_its_own(void **state)
{
    struct bed *b = *state;
    struct ups_got g;

    begin(b, NEW, NONE);
    ups_ask(&b->t, &g, STREAM, EV_S(5));
    assert_true(g.status == 200 && g.clean);
    assert_int_equal(b->t.ups[0].requests, 1);
    assert_int_equal(b->t.record.trial, RECORD_TRIAL_NONE);
    counted(b, BOARD_SIDE_OLD, 1, 1, 0, 0);
    assert_int_equal(firsts(side(b, BOARD_SIDE_OLD), true), 1);
    buf_fini(&g.body);
    board_set(&b->board->trial.slice, ALL);
    ups_ask(&b->t, &g, STREAM, EV_S(5));
    assert_true(g.status == 200 && g.clean);
    assert_int_equal(b->t.ups[1].requests, 1);
    assert_int_equal(b->t.record.trial, RECORD_TRIAL_NEW);
    assert_string_equal(b->t.record.target, "b/m");
    counted(b, BOARD_SIDE_NEW, 1, 1, 0, 0);
    assert_int_equal(firsts(side(b, BOARD_SIDE_NEW), true), 1);
    assert_int_equal(firsts(side(b, BOARD_SIDE_NEW), false), 0);
    buf_fini(&g.body);
}

static const struct row {
    const char *name, *body;
    struct up up; /* what the new one's target does */
} rows[] = {
    {"nobody listens", STREAM, {REFUSES, "", "", 0, TWIN_WHOLE}},
    {"the model is not there", STREAM, {ANSWERS, REFUSAL("404 No", ""), ERROR, 0, TWIN_WHOLE}},
    {"the key is refused", ONCE, {ANSWERS, REFUSAL("401 No", ""), ERROR, 0, TWIN_WHOLE}},
    {"a server error", STREAM, {ANSWERS, REFUSAL("500 No", ""), ERROR, 0, TWIN_WHOLE}},
    {"limited", ONCE, {ANSWERS, REFUSAL("429 No", ""), ERROR, 0, TWIN_WHOLE}},
    {"junk", ONCE, {ANSWERS, WHOLE_HEAD, "<html>", 0, TWIN_WHOLE}},
    {"cut before the content", STREAM, {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) - 1, TWIN_FIN}},
    {"half an answer", ONCE, {ANSWERS, WHOLE_HEAD, WHOLE, 40, TWIN_FIN}},
    {"silence", STREAM, {ANSWERS, "", "", 0, TWIN_SILENT}},
    {"silence behind the role",
     STREAM,
     {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) - 1, TWIN_SILENT}},
};

static void what_fails_begins_again_with_the_old_one(void **state)
{
    struct bed *b = *state;

    begin(b, NEW, ALL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ups_got g;

        ups_set(&b->t, 0, strcmp(rows[i].body, ONCE) == 0 ? &up_good_whole : &up_good);
        ups_set(&b->t, 1, &rows[i].up);
        b->t.records = b->t.more = 0;
        ups_ask(&b->t, &g, rows[i].body, EV_S(30));
        if (g.status != 200 || !g.clean || !ups_said(&g, "good"))
            fail_msg("%s: %u %.*s", rows[i].name, g.status, SPAN_FMT(buf_span(&g.body)));
        buf_fini(&g.body);
        counted(b, BOARD_SIDE_NEW, i + 1, i + 1, i + 1, i + 1);
        assert_int_equal(b->t.records, 1);
        assert_int_equal(b->t.more, 1); /* the attempt has a record of its own */
        assert_int_equal(b->t.record.trial, RECORD_TRIAL_REPEATED);
        assert_int_equal(b->t.record.outcome, OUTCOME_FULL);
        assert_string_equal(b->t.record.target, "a/m");
        assert_true(strstr(b->t.record.tried, "b/m=") == b->t.record.tried);
    }
    assert_int_equal(firsts(side(b, BOARD_SIDE_NEW), true), 0);
    counted(b, BOARD_SIDE_OLD, 0, 0, 0, 0);
}

/* b fails the trial until nobody would ask it; the old one knows nothing of that. */
static void what_a_trial_learns_of_targets_is_its_own(void **state)
{
    static const struct up broken = {ANSWERS, REFUSAL("503 No", ""), ERROR, 0, TWIN_WHOLE};
    struct bed *b = *state;
    struct ups_got g;

    begin(b, NEW, ALL);
    ups_set(&b->t, 1, &broken);
    for (int i = 0; i < 12; i++) {
        ups_ask(&b->t, &g, STREAM, EV_MS(300));
        assert_int_equal(g.status, 200);
        buf_fini(&g.body);
    }
    assert_true(b->t.ups[1].requests < 12);
    ups_set(&b->t, 0, &broken);
    ups_set(&b->t, 1, &up_good);
    board_set(&b->board->trial.slice, NONE);
    b->t.ups[1].requests = 0;
    ups_ask(&b->t, &g, STREAM, EV_S(5));
    assert_int_equal(g.status, 200);
    assert_int_equal(b->t.ups[1].requests, 1);
    buf_fini(&g.body);
}

/* The old one would ask nobody just then: what the new one has asked is told all the same. */
static void who_finds_nobody_there_has_tried_all_the_same(void **state)
{
    static const struct up broken = {ANSWERS, REFUSAL("503 No", ""), ERROR, 0, TWIN_WHOLE};
    struct bed *b = *state;
    struct ups_got g;

    begin(b, NEW, NONE);
    ups_set(&b->t, 0, &broken);
    ups_set(&b->t, 1, &broken);
    for (int i = 0; i < 12; i++) {
        ups_ask(&b->t, &g, STREAM, EV_MS(100));
        buf_fini(&g.body);
    }
    board_set(&b->board->trial.slice, ALL);
    b->t.records = b->t.more = b->t.ups[0].requests = 0;
    ups_ask(&b->t, &g, STREAM, EV_S(5));
    assert_int_equal(g.status, 503);
    assert_int_equal(b->t.ups[0].requests, 0);
    assert_int_equal(b->t.records, 1);
    assert_int_equal(b->t.more, 1);
    assert_int_equal(b->t.record.attempts, 1);
    assert_string_equal(b->t.record.target, "");
    assert_true(strstr(b->t.record.tried, "b/m=overload") == b->t.record.tried);
    buf_fini(&g.body);
}

/* It has waited for the new one's target for 5 s of its 6, and has one left for the old one's. */
static void one_deadline_spans_both(void **state)
{
    static const struct up silent = {ANSWERS, "", "", 0, TWIN_SILENT};
    struct bed *b = *state;
    struct settings *old;
    struct ups_got g;
    struct err e;

    load(b, &old,
         "version: 1\nproviders:\n  a: {type: openai-compatible, endpoints: "
         "['http://127.0.0.1:9000/v1'], private: true, timeout: {first_token: 5s, total: 6s}}\n"
         "models:\n  m: {targets: a/m}\n");
    assert_int_equal(gateway_settings(&b->t.gateway, old, &e), 0);
    settings_unref(&old);
    begin(b, NEW, ALL);
    ups_set(&b->t, 0, &silent);
    ups_set(&b->t, 1, &silent);
    ups_ask(&b->t, &g, STREAM, EV_S(20));
    assert_int_equal(g.status, 504);
    assert_int_equal(b->t.record.reason, REASON_TIMEOUT_TOTAL);
    assert_in_range(b->t.record.duration_us, EV_S(6), EV_MS(6100));
    assert_int_equal(b->t.record.attempts, 2);
    buf_fini(&g.body);
}

/* What has been said cannot be said again. */
static void what_has_reached_the_client_stays(void **state)
{
    static const struct up cut = {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE WORD("good")) - 1,
                                  TWIN_FIN};
    struct bed *b = *state;
    struct ups_got g;

    begin(b, NEW, ALL);
    ups_set(&b->t, 1, &cut);
    ups_ask(&b->t, &g, STREAM, EV_S(5));
    assert_false(g.clean);
    assert_true(ups_said(&g, "\"truncated\""));
    counted(b, BOARD_SIDE_NEW, 1, 1, 1, 0);
    assert_int_equal(b->t.ups[0].requests, 0);
    buf_fini(&g.body);
}

/* Both say so: then neither configuration is at fault. */
static void the_clients_own_fault_counts_for_nobody(void **state)
{
    static const struct up no = {ANSWERS, REFUSAL("400 No", ""), ERROR, 0, TWIN_WHOLE};
    struct bed *b = *state;
    struct ups_got g;

    begin(b, NEW, ALL);
    ups_set(&b->t, 0, &no);
    ups_set(&b->t, 1, &no);
    ups_ask(&b->t, &g, STREAM, EV_S(5));
    assert_int_equal(g.status, 400);
    counted(b, BOARD_SIDE_NEW, 0, 0, 0, 1);
    buf_fini(&g.body);
    ups_ask(&b->t, &g, REQUEST("nobody", ""), EV_S(5));
    assert_int_equal(g.status, 404);
    counted(b, BOARD_SIDE_NEW, 0, 0, 0, 2);
    buf_fini(&g.body);
    board_set(&b->board->trial.slice, NONE);
    ups_ask(&b->t, &g, STREAM, EV_S(5));
    assert_int_equal(g.status, 400);
    counted(b, BOARD_SIDE_OLD, 0, 0, 0, 0);
    buf_fini(&g.body);
}

static void a_model_that_only_the_old_one_has_is_served(void **state)
{
    struct bed *b = *state;
    struct ups_got g;

    begin(b, NEW, ALL);
    ups_ask(&b->t, &g, REQUEST("alone", "\"stream\":true,"), EV_S(5));
    assert_int_equal(g.status, 200);
    assert_int_equal(b->t.more, 0); /* nobody was asked in vain */
    assert_int_equal(b->t.record.attempts, 1);
    assert_int_equal(b->t.record.reason, REASON_NONE);
    counted(b, BOARD_SIDE_NEW, 1, 1, 1, 1);
    buf_fini(&g.body);
}

static void a_key_that_only_the_old_one_knows_is_served(void **state)
{
    struct bed *b = *state;
    struct ups_got g;

    begin(b, NEW "keys: {other: {hash: \"" CLIENT_KEY "\", models: \"*\"}}\n", ALL);
    ups_ask(&b->t, &g, STREAM, EV_S(5));
    assert_int_equal(g.status, 200);
    assert_int_equal(b->t.ups[0].requests, 1);
    assert_int_equal(b->t.record.trial, RECORD_TRIAL_REPEATED);
    counted(b, BOARD_SIDE_NEW, 1, 1, 1, 1);
    buf_fini(&g.body);
}

/* The new one has cut it out of the body by then. */
static void what_the_request_says_of_its_routing_goes_back_with_it(void **state)
{
    static const struct up broken = {ANSWERS, REFUSAL("500 No", ""), ERROR, 0, TWIN_WHOLE};
    struct bed *b = *state;
    struct ups_got g;
    struct err e;

    load(b, &b->next, PLAN(", routing: {from_body: true}"));
    assert_int_equal(gateway_settings(&b->t.gateway, b->next, &e), 0);
    settings_unref(&b->next);
    begin(b, PLAN(", routing: {from_body: true}, retry: {same_target: 0}"), ALL);
    ups_set(&b->t, 1, &broken);
    ups_ask(&b->t, &g, REQUEST("m", "\"stream\":true,\"lamplighter\":{\"only\":[\"b\"]},"),
            EV_S(30));
    assert_true(g.status >= 500);
    assert_int_equal(b->t.record.trial, RECORD_TRIAL_REPEATED);
    assert_int_equal(b->t.ups[0].requests, 0);
    assert_true(b->t.ups[1].requests >= 2);
    assert_non_null(strstr(b->t.record.skipped, "a/m=not-meant(only)"));
    buf_fini(&g.body);
}

/* By what fifty answers of the old side have taken, nobody waits for five seconds. */
static void silence_is_no_longer_than_is_usual(void **state)
{
    static const struct up silent = {ANSWERS, "", "", 0, TWIN_SILENT};
    struct bed *b = *state;
    struct ups_got g;

    begin(b, NEW, ALL);
    board_set(&side(b, BOARD_SIDE_OLD)->first[1][10], TRIAL_PATIENT);
    ups_set(&b->t, 1, &silent);
    ups_ask(&b->t, &g, STREAM, EV_S(4));
    assert_int_equal(g.status, 200);
    assert_true(b->t.record.duration_us >= TRIAL_SILENT);
    counted(b, BOARD_SIDE_NEW, 1, 1, 1, 1);
    buf_fini(&g.body);
    /* on the other side it counts as soon, and goes on */
    board_set(&b->board->trial.slice, NONE);
    ups_set(&b->t, 0, &silent);
    ups_set(&b->t, 1, &up_good);
    ups_ask(&b->t, &g, REQUEST("alone", "\"stream\":true,"), EV_MS(3000));
    counted(b, BOARD_SIDE_OLD, 1, 1, 1, 0);
    assert_int_equal(g.status, 0);
    buf_fini(&g.body);
    ups_pass(&b->t, EV_S(30));
    counted(b, BOARD_SIDE_OLD, 1, 1, 1, 0);
}

/* Meanwhile the trial has ended: taken back, it is not waited for much longer; taken into use,
 * there is nothing to go back to. */
static void the_end_of_a_trial_is_known_to_who_waits(void **state)
{
    static const struct up silent = {ANSWERS, "", "", 0, TWIN_SILENT};
    static const struct {
        enum board_trial_end how;
        unsigned status;
    } ends[] = {{BOARD_TRIAL_END_FAILS, 200}, {BOARD_TRIAL_END_KEPT, 504}};
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct twin_client c = {0};
        struct buf request, body;
        unsigned status;

        settings_unref(&b->next);
        begin(b, NEW, ALL);
        ups_set(&b->t, 1, &silent);
        buf_init(&request, 65536);
        buf_init(&body, 65536);
        twin_ask(&b->t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_MS(500));
        counted(b, BOARD_SIDE_NEW, 1, 0, 0, 0);
        board_trial_ended(&b->board->trial, ends[i].how, ev_now(b->t.ev), EV_SIM_WALL_MS);
        gateway_trial(&b->t.gateway, NULL, 0);
        ev_sim_run(b->t.ev, ev_now(b->t.ev) + EV_S(3));
        if (ends[i].status == 504)
            ev_sim_run(b->t.ev, ev_now(b->t.ev) + EV_S(30));
        UNUSED(twin_parse(buf_span(&c.in), &status, &body));
        assert_int_equal(status, ends[i].status);
        counted(b, BOARD_SIDE_NEW, 1, 0, 0, 0); /* it counts no more */
        twin_client_fini(&c);
        buf_fini(&request);
        buf_fini(&body);
    }
}

static void who_leaves_says_nothing(void **state)
{
    static const struct up silent = {ANSWERS, "", "", 0, TWIN_SILENT};
    struct bed *b = *state;
    struct twin_client c = {0};
    struct buf request;

    begin(b, NEW, ALL);
    ups_set(&b->t, 1, &silent);
    buf_init(&request, 65536);
    twin_ask(&b->t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_MS(500));
    assert_int_equal(board_get(&b->board->workers[0].trying), 1);
    twin_leave(&c, NET_END_RESET);
    ups_pass(&b->t, EV_S(1));
    counted(b, BOARD_SIDE_NEW, 0, 0, 0, 0);
    twin_client_fini(&c);
    buf_fini(&request);
}

/* Each allocation of a request that begins again fails in turn. */
static void no_memory_breaks_it(void **state)
{
    static const struct up broken = {ANSWERS, REFUSAL("500 No", ""), ERROR, 0, TWIN_WHOLE};
    struct bed *b = *state;
    bool hit = true;

    b->t.lenient = true;
    begin(b, NEW, ALL);
    for (size_t at = 1; hit && at < 2000; at++) {
        struct twin_client c = {0};
        struct buf request, body;
        unsigned status = 0;
        bool clean;

        ups_set(&b->t, 1, &broken);
        buf_init(&request, 65536);
        buf_init(&body, 65536);
        twin_ask(&b->t, &c, kind_request(&request, "/v1/chat/completions", STREAM), 0);
        assert_non_null(buf_reserve(&c.in, 16384));
        mem_torture(at, false);
        ev_sim_run(b->t.ev, ev_now(b->t.ev) + EV_S(100));
        hit = mem_torture_hit();
        mem_torture(0, false);
        clean = twin_parse(buf_span(&c.in), &status, &body);
        assert_true(clean || c.closed);
        assert_true(!clean || status != 200 || span_contains(buf_span(&body), SPAN_LIT("[DONE]")));
        assert_int_equal(board_get(&b->board->workers[0].trying), 0);
        assert_true(board_get(&side(b, BOARD_SIDE_NEW)->judged) <= at);
        twin_client_fini(&c);
        buf_fini(&request);
        buf_fini(&body);
    }
    assert_false(hit);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_side_goes_by_its_own),
        TEST(what_fails_begins_again_with_the_old_one),
        TEST(what_a_trial_learns_of_targets_is_its_own),
        TEST(who_finds_nobody_there_has_tried_all_the_same),
        TEST(one_deadline_spans_both),
        TEST(what_has_reached_the_client_stays),
        TEST(the_clients_own_fault_counts_for_nobody),
        TEST(a_model_that_only_the_old_one_has_is_served),
        TEST(a_key_that_only_the_old_one_knows_is_served),
        TEST(what_the_request_says_of_its_routing_goes_back_with_it),
        TEST(silence_is_no_longer_than_is_usual),
        TEST(the_end_of_a_trial_is_known_to_who_waits),
        TEST(who_leaves_says_nothing),
        TEST(no_memory_breaks_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
