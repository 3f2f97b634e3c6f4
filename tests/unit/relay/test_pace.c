/* Goal: a target whose streams have become far slower than they were is asked where nobody else can
 * be, and again once that is over; what a client holds back makes nobody slow.
 * Method: an upstream in virtual time that is known to be quick, and then goes on in pieces that
 * are seconds apart. */
#include "ups.h"

#include "board/endpoints.h"
#include "health/slow.h"
#include "health/waits.h"

#define TWO                                                                                        \
    "version: 1\nproviders:\n  a: {type: vllm, endpoints: ['http://127.0.0.1:9000']}\n"            \
    "  b: {type: vllm, endpoints: ['http://127.0.0.1:9100']}\n"                                    \
    "models:\n  m: {targets: [a/m, b/n]}\n  alone: {targets: a/m}\n"                               \
    "  same: {targets: [a/m, b/m]}\n  second: {targets: b/m}\n  back: {targets: [b/m, a/m]}\n"     \
    "server: {timeout: {write_stall: 10m}}\n"

#define FIVE       WORD("a") WORD("b") WORD("c") WORD("d") WORD("e")
#define FIVE_WORDS WORD("one ") WORD("by ") WORD("one ") WORD("they ") WORD("come, ")
#define TEXT       ROLE FIVE FIVE FIVE FIVE END

/* Its streams go on by pieces so far apart, at most. */
static void pace(struct twin *t, ev_us gap_max)
{
    static const struct up paced = {ANSWERS, STREAM_HEAD, TEXT, 0, TWIN_WHOLE};

    ups_set(t, 0, &paced);
    t->ups[0].script.piece_max = 100;
    t->ups[0].script.gap_max = gap_max;
}

/* So many streams, one after the other, each complete; how many of them the first target has given.
 */
static unsigned ask(struct twin *t, const char *request, unsigned n)
{
    unsigned before = t->ups[0].requests;

    while (n--) {
        struct ups_got g;

        ups_ask(t, &g, request, EV_S(50));
        assert_true(g.clean);
        buf_fini(&g.body);
    }
    return t->ups[0].requests - before;
}

static void open_quick(struct twin *t)
{
    static const struct up quick = {ANSWERS, STREAM_HEAD, TEXT, 0, TWIN_WHOLE};

    twin_open(t, 1, TWO);
    ups_set(t, 1, &quick);
    pace(t, EV_MS(20));
    assert_int_equal(ask(t, STREAM, WAITS_FEW), WAITS_FEW);
}

static void who_has_become_slow_is_left_to_itself(void **state)
{
    struct twin t;

    UNUSED(state);
    open_quick(&t);
    pace(&t, EV_MS(1200));
    assert_int_equal(ask(&t, STREAM, SLOW_ROW), SLOW_ROW);
    assert_true(t.record.duration_us > 2 * POLICY_PACE_US);
    assert_int_equal(ask(&t, STREAM, 1), 0);
    assert_int_equal(t.record.outcome, OUTCOME_FULL);
    assert_int_equal(t.record.attempts, 1);
    assert_non_null(strstr(t.record.skipped, "a/m=slow("));
    pace(&t, EV_MS(20));
    assert_int_equal(ask(&t, REQUEST("alone", "\"stream\":true,"), 1), 1);
    ups_pass(&t, SLOW_US);
    ups_pass(&t, EV_S(30)); /* slow_start */
    assert_int_equal(ask(&t, STREAM, 10), 10);
    twin_close(&t);
}

/* It is known while they go on, not when they have ended. */
static void it_is_known_while_the_streams_go_on(void **state)
{
    struct twin_client c[SLOW_ROW] = {0};
    struct buf request;
    struct twin t;

    UNUSED(state);
    buf_init(&request, 4096);
    open_quick(&t);
    pace(&t, EV_MS(1200));
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        twin_ask(&t, &c[i], kind_request(&request, "/v1/chat/completions", STREAM), EV_S(2));
    ups_pass(&t, EV_S(18));
    assert_int_equal(t.records, WAITS_FEW);
    assert_int_equal(ask(&t, STREAM, 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        twin_client_fini(&c[i]);
    ups_pass(&t, EV_S(1));
    twin_close(&t);
    buf_fini(&request);
}

static void one_that_is_quick_between_them_ends_the_row(void **state)
{
    struct twin t;

    UNUSED(state);
    open_quick(&t);
    for (unsigned i = 0; i < 3; i++) {
        pace(&t, EV_MS(1200));
        assert_int_equal(ask(&t, STREAM, SLOW_ROW - 1), SLOW_ROW - 1);
        pace(&t, EV_MS(20));
        assert_int_equal(ask(&t, STREAM, 1), 1);
    }
    twin_close(&t);
}

/* Each client takes nothing for a minute, and all of it then. */
static void who_reads_late_makes_nobody_slow(void **state)
{
    struct buf request, text;
    struct twin t;

    UNUSED(state);
    buf_init(&request, 65536);
    buf_init(&text, (size_t)16 * 1024 * 1024);
    buf_add_str(&text, ROLE);
    for (unsigned i = 0; i < 20; i++) { /* few pieces, and more than the gateway takes */
        buf_add_str(&text,
                    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\","
                    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
        for (unsigned k = 0; k < 2000; k++)
            buf_add_str(&text, "words and ");
        buf_add_str(&text, "\"},\"finish_reason\":null}]}\n\n");
    }
    buf_add_str(&text, END);
    open_quick(&t);
    t.ups[0].script.body = buf_span(&text);
    t.ups[0].script.piece_max = 4096;
    t.ups[0].script.gap_max = 0;
    for (unsigned i = 0; i < SLOW_ROW; i++) {
        struct twin_client c = {.deaf = true};

        twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_S(60));
        assert_int_equal(t.records, WAITS_FEW + i);
        c.deaf = false;
        net_conn_read(c.conn, true);
        ups_pass(&t, EV_S(60));
        assert_int_equal(t.records, WAITS_FEW + i + 1);
        assert_int_equal(t.record.outcome, OUTCOME_FULL);
        twin_client_fini(&c);
    }
    pace(&t, EV_MS(20));
    assert_int_equal(ask(&t, STREAM, 1), 1);
    twin_close(&t);
    buf_fini(&request);
    buf_fini(&text);
}

/* A beginning that is longer than is held goes out before there is any content: what the model
 * thinks of until then is no pace. */
static void who_thinks_behind_a_long_beginning_is_not_slow(void **state)
{
    struct buf text;
    struct twin t;

    UNUSED(state);
    open_quick(&t);
    buf_init(&text, 1 << 20);
    buf_add_str(
        &text,
        "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"more\":\"");
    for (unsigned k = 0; k < 2000; k++)
        buf_add_str(&text, "words and ");
    buf_add_str(&text,
                "\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                "\"finish_reason\":null}]}\n\n");
    t.ups[0].script.rest_at = text.n;
    t.ups[0].script.rest_us = EV_S(30);
    buf_add_str(&text, FIVE FIVE FIVE FIVE END);
    t.ups[0].script.body = buf_span(&text);
    t.ups[0].script.piece_max = 4096;
    for (unsigned i = 0; i < 2 * SLOW_ROW; i++)
        assert_int_equal(ask(&t, STREAM, 1), 1);
    assert_true(t.record.duration_us > 3 * POLICY_PACE_US - EV_S(1));
    twin_close(&t);
    buf_fini(&text);
}

/* What the one before has taken is not the pace of who goes on. */
static void who_goes_on_has_a_pace_of_its_own(void **state)
{
    static const struct up slow = {ANSWERS, STREAM_HEAD, ROLE FIVE_WORDS FIVE_WORDS, 0, TWIN_RESET};
    static const struct up quick = {ANSWERS, STREAM_HEAD, TEXT, 0, TWIN_WHOLE};
    static const struct up rest = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};
    struct twin t;

    UNUSED(state);
    twin_open(&t, 1, TWO);
    ups_set(&t, 1, &quick);
    t.ups[1].script.piece_max = 100;
    t.ups[1].script.gap_max = EV_MS(20);
    for (unsigned i = 0; i < WAITS_FEW; i++)
        assert_int_equal(ask(&t, REQUEST("second", "\"stream\":true,"), 1), 0);
    ups_set(&t, 0, &slow);
    ups_set(&t, 1, &rest);
    t.ups[0].script.piece_max = 100;
    t.ups[0].script.gap_max = EV_S(2);
    for (unsigned i = 0; i < SLOW_ROW; i++) {
        ups_pass(&t, EV_S(60));
        assert_int_equal(ask(&t, REQUEST("same", "\"stream\":true,"), 1), 1);
        assert_int_equal(t.record.attempts, 2);
        assert_true(t.record.duration_us > EV_S(15));
    }
    assert_int_equal(ask(&t, REQUEST("back", "\"stream\":true,"), 1), 0);
    assert_int_equal(t.record.attempts, 1);
    twin_close(&t);
}

/* ... while it goes on. */
static void what_a_stream_has_said_is_in_the_ledger(void **state)
{
    struct twin_client c = {0};
    struct buf request;
    uint64_t prompt;
    struct loads l;
    struct twin t;

    UNUSED(state);
    buf_init(&request, 4096);
    twin_open(&t, 1, TWO);
    pace(&t, EV_S(1));
    twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_S(1));
    loads_sum(&l, t.board, 1, endpoints_place(t.board, t.settings->providers[0].pool.ids[0]));
    assert_int_equal(l.sessions, 1);
    assert_in_range(l.now, 1, 100); /* its prompt */
    prompt = l.now;
    for (unsigned i = 0; i < 60 && l.now < prompt + 16; i++) {
        ups_pass(&t, EV_S(1));
        loads_sum(&l, t.board, 1, endpoints_place(t.board, t.settings->providers[0].pool.ids[0]));
    }
    assert_in_range(l.now, prompt + 16, prompt + 21);
    ups_pass(&t, EV_S(60));
    loads_sum(&l, t.board, 1, endpoints_place(t.board, t.settings->providers[0].pool.ids[0]));
    assert_int_equal(l.sessions, 0);
    assert_int_equal(l.ended, 1);
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_become_slow_is_left_to_itself),
        cmocka_unit_test(it_is_known_while_the_streams_go_on),
        cmocka_unit_test(one_that_is_quick_between_them_ends_the_row),
        cmocka_unit_test(who_reads_late_makes_nobody_slow),
        cmocka_unit_test(who_thinks_behind_a_long_beginning_is_not_slow),
        cmocka_unit_test(who_goes_on_has_a_pace_of_its_own),
        cmocka_unit_test(what_a_stream_has_said_is_in_the_ledger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
