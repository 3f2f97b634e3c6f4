/* Goal: what one attempt was is nothing to the next one, nor is it held against a target that has
 * no part in it; what happens between two attempts ends the request, or does not touch it. Method:
 * upstreams in virtual time; the failure that the gateway itself has, made to happen. */
#include <sys/resource.h>

#include "health/breaker.h"
#include "ups.h"

/* It fails about when the head would have gone alone; then nobody answers for a moment. */
static void a_head_waits_for_an_attempt(void **state)
{
    static const char fails[] = ROLE "data: " ERROR "\n\n";
    struct up up = {ANSWERS, STREAM_HEAD, fails, 0, TWIN_WHOLE};

    UNUSED(state);
    for (ev_us rests = EV_MS(1000); rests < EV_MS(1700); rests += EV_MS(20)) {
        struct twin t;
        struct ups_got g;

        twin_open(&t, rests, PLAN(""));
        ups_set(&t, 0, &up);
        t.ups[0].script.rest_at = sizeof(ROLE) - 1;
        t.ups[0].script.rest_us = rests;
        ups_set(&t, 1, &up_good);
        ups_ask(&t, &g, STREAM, EV_S(30));
        assert_true(g.clean && g.status == 200 && ups_said(&g, GOOD));
        assert_int_equal(t.ups[0].requests, 2);
        assert_int_equal(t.record.attempts, 3);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* A target that the gateway cannot call is nobody's failure but its own; another one is asked. */
static void who_cannot_be_called_is_passed_over(void **state)
{
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    twin_open_env(&t, 1,
                  "version: 1\nproviders:\n  a: {type: openai-compatible, endpoints: "
                  "['https://127.0.0.1:9000/v1'], private: true}\n" UP(
                      "b", "9100") "models: {m: {targets: [a/m, b/m]}}\n",
                  (const char *[]){"SSL_CERT_FILE=/nowhere/ca.pem", NULL});
    ups_set(&t, 1, &up_good);
    for (int i = 0; i < 7; i++) {
        ups_ask(&t, &g, STREAM, EV_S(5));
        assert_true(g.status == 200 && ups_said(&g, GOOD));
        assert_non_null(strstr(g.head, "x-lamplighter-fallback-reason: never-executed\r\n"));
        assert_string_equal(t.record.tried, "a/m=never-executed"); /* no breaker is open */
        buf_fini(&g.body);
    }
    ups_ask(&t, &g, REQUEST("a/m", ""), EV_S(5));
    assert_int_equal(g.status, 502);
    assert_true(ups_said(&g, "ca.pem"));
    buf_fini(&g.body);
    twin_close(&t);
}

/* What one attempt has read is no part of another one's record. */
static void records_are_of_one_attempt(void **state)
{
    struct up whole = {ANSWERS, WHOLE_HEAD, "{\"choices\": nothing}", 0, TWIN_WHOLE};
    struct up cut = {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) - 1, TWIN_FIN};
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    twin_open(&t, 1, PLAN(", retry: {same_target: 0}"));
    ups_set(&t, 0, &whole);
    t.ups[0].script.rest_at = 1;
    t.ups[0].script.rest_us = EV_S(2);
    ups_set(&t, 1, &up_good);
    ups_ask(&t, &g, STREAM, EV_S(30));
    assert_true(g.status == 200 && ups_said(&g, GOOD));
    assert_true(t.record.first_us > EV_S(2)); /* of what the client got */
    buf_fini(&g.body);
    twin_close(&t);

    twin_open_env(
        &t, 1,
        "version: 1\nproviders:\n" UP(
            "a", "9000") "  b: {type: openai-compatible, endpoints: ['https://127.0.0.1:9100/v1'], "
                         "private: true}\nmodels: {m: {targets: [a/m, b/m]}}\n",
        (const char *[]){"SSL_CERT_FILE=/nowhere/ca.pem", NULL});
    ups_set(&t, 0, &cut);
    ups_ask(&t, &g, STREAM, EV_S(30));
    assert_int_equal(g.status, 502);
    assert_string_equal(t.record.target, "b/m");
    assert_string_equal(t.record.upstream_model, "");
    buf_fini(&g.body);
    twin_close(&t);
}

static uint8_t failures_of(const struct twin *t, const char *target)
{
    const struct board_standing *s =
        standing_look(t->gateway.relay.standings, span_hash(span_str(target)));

    return s ? breaker_read(board_get(&s->breaker), ev_now(t->ev)).row : 0;
}

/* Whom the request was then shown to in vain has no part in it. */
static void the_last_record_is_of_its_attempt(void **state)
{
    struct up sick = {ANSWERS, REFUSAL("503 No", ""), ERROR, 0, TWIN_WHOLE};
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    twin_open_env(&t, 1,
                  "version: 1\nproviders:\n  b: {type: anthropic, endpoints: "
                  "['http://127.0.0.1:9100'], private: true, key: 'env:K'}\n"
                  "models: {m: {targets: [b/claude-haiku-4-5, b/claude-opus-4-6]}}\n",
                  (const char *[]){"K=sk-of-the-test", NULL});
    ups_set(&t, 1, &sick);
    ups_ask(&t, &g,
            "{\"model\":\"m\",\"seed\":7,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
            "{\"role\":\"assistant\",\"content\":\"I\"}]}",
            EV_S(5));
    assert_int_equal(g.status, 503);
    assert_int_equal(t.ups[1].requests, 1); /* the other model does not go on from a beginning */
    assert_string_equal(t.record.target, "b/claude-haiku-4-5");
    assert_string_equal(t.record.dropped, "seed");
    buf_fini(&g.body);
    twin_close(&t);
}

/* An answer that is complete, and says what no client can be told (a call of nothing): no success
 * of its target.
 */
static void what_cannot_be_translated_is_a_failure(void **state)
{
    struct up odd = {ANSWERS, WHOLE_HEAD,
                     "{\"id\":\"c1\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":["
                     "{\"index\":0,\"message\":{\"role\":\"assistant\",\"tool_calls\":["
                     "{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"arguments\":\"{}\"}}]},"
                     "\"finish_reason\":\"tool_calls\"}]}",
                     0, TWIN_WHOLE};
    struct twin_client c = {0};
    struct buf request, body;
    unsigned status;
    struct twin t;

    UNUSED(state);
    buf_init(&request, 65536);
    buf_init(&body, 65536);
    twin_open(&t, 1, PLAN(""));
    ups_set(&t, 0, &odd);
    ups_set(&t, 1, &up_good_whole);
    twin_ask(&t, &c,
             kind_request(&request, "/v1/messages",
                          "{\"model\":\"m\",\"max_tokens\":5,\"messages\":"
                          "[{\"role\":\"user\",\"content\":\"hi\"}]}"),
             EV_S(5));
    UNUSED(twin_parse(buf_span(&c.in), &status, &body));
    assert_int_equal(status, 200);
    assert_int_equal(t.ups[0].requests, 2);
    assert_int_equal(failures_of(&t, "a/m"), 2);
    assert_int_equal(failures_of(&t, "b/m"), 0);
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&request);
    buf_fini(&body);
}

/* A client asks for more than the gateway may hold: its targets are well, and are paid for one. */
static void a_large_answer_is_nobodys_failure(void **state)
{
    static char large[70 * 1024];
    struct up up = {ANSWERS, WHOLE_HEAD, large, 0, TWIN_WHOLE};
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    memset(large, ' ', sizeof(large) - 1);
    twin_open(&t, 1, PLAN("") "server: {limits: {answer: 64KiB}}\n");
    ups_set(&t, 0, &up);
    ups_set(&t, 1, &up_good_whole);
    for (int i = 0; i < 2; i++) {
        ups_ask(&t, &g, ONCE, EV_S(30));
        assert_int_equal(g.status, 502);
        assert_true(ups_said(&g, "server.limits.answer"));
        assert_int_equal(t.record.attempts, 1);
        buf_fini(&g.body);
    }
    assert_int_equal(t.ups[1].requests, 0);
    assert_int_equal(failures_of(&t, "a/m"), 0);
    twin_close(&t);
}

/* So is a disk that takes nothing: another target's answer is as long. */
static void a_full_disk_is_nobodys_failure(void **state)
{
    static char large[2 * BLOB_MEMORY];
    struct up up = {ANSWERS, WHOLE_HEAD, large, 0, TWIN_WHOLE};
    struct rlimit files, none;
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    memset(large, ' ', sizeof(large) - 1);
    twin_open(&t, 1, PLAN(""));
    ups_set(&t, 0, &up);
    t.ups[0].script.piece_max = 100000;
    ups_set(&t, 1, &up_good_whole);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    none = (struct rlimit){0, files.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    ups_ask(&t, &g, ONCE, EV_S(30));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(g.status, 503);
    assert_int_equal(t.record.attempts, 1);
    assert_int_equal(failures_of(&t, "a/m"), 0);
    buf_fini(&g.body);
    twin_close(&t);
}

/* Who leaves while the moment before the second attempt passes has nobody asked for him. */
static void a_client_leaves_between_attempts(void **state)
{
    struct up sick = {ANSWERS, REFUSAL("500 No", ""), ERROR, 0, TWIN_WHOLE};
    struct twin_client c = {0};
    struct buf request;
    struct twin t;

    UNUSED(state);
    buf_init(&request, 65536);
    twin_open(&t, 1, PLAN(""));
    ups_set(&t, 0, &sick);
    ups_set(&t, 1, &up_good);
    twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_MS(50));
    assert_int_equal(t.ups[0].requests, 1);
    twin_leave(&c, NET_END_RESET);
    ups_pass(&t, EV_S(5));
    assert_int_equal(t.ups[0].requests, 1);
    assert_int_equal(t.ups[1].requests, 0);
    assert_int_equal(t.record.outcome, OUTCOME_CLIENT_GONE);
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&request);
}

/* So does the end of a drain; a reload does not end the wait, nor change where it leads. */
static void the_gateway_changes_between_attempts(void **state)
{
    struct up sick = {ANSWERS, REFUSAL("500 No", ""), ERROR, 0, TWIN_WHOLE};

    UNUSED(state);
    for (int ends = 0; ends < 2; ends++) {
        struct twin_client c = {0};
        struct buf request, body;
        unsigned status;
        struct twin t;
        struct err e;

        buf_init(&request, 65536);
        buf_init(&body, 65536);
        twin_open(&t, 1, PLAN(""));
        ups_set(&t, 0, &sick);
        ups_set(&t, 1, &up_good);
        twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_MS(50));
        assert_int_equal(t.ups[0].requests, 1);
        if (ends)
            relay_end_all(&t.gateway.relay, REASON_DRAINING);
        else
            assert_int_equal(gateway_settings(&t.gateway, t.settings, &e), 0);
        ups_pass(&t, EV_S(5));
        UNUSED(twin_parse(buf_span(&c.in), &status, &body));
        assert_int_equal(status, ends ? 503 : 200);
        assert_int_equal(t.ups[0].requests, ends ? 1 : 2);
        assert_int_equal(t.ups[1].requests, ends ? 0 : 1);
        assert_int_equal(t.records, 1);
        twin_client_fini(&c);
        twin_close(&t);
        buf_fini(&request);
        buf_fini(&body);
    }
}

/* What was held of a failed target's events is not numbered: the client has seen none. */
static void an_error_behind_an_early_head_is_the_first_event(void **state)
{
    static const char begun[] =
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"
        "\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"in_progress\","
        "\"model\":\"m\",\"output\":[]}}\n\n";
    struct up slow = {ANSWERS, STREAM_HEAD, begun, 0, TWIN_SILENT};
    struct twin_client c = {0};
    struct buf request, body;
    unsigned status;
    struct twin t;

    UNUSED(state);
    buf_init(&request, 65536);
    buf_init(&body, 65536);
    twin_open_env(&t, 1,
                  "version: 1\nproviders:\n  o: {type: openai, endpoints: "
                  "['http://127.0.0.1:9000/v1'], private: true, key: 'env:K', "
                  "timeout: {first_token: 2s}}\nmodels: {m: {targets: [o/m]}}\n",
                  (const char *[]){"K=sk-of-the-test", NULL});
    ups_set(&t, 0, &slow);
    twin_ask(&t, &c,
             kind_request(&request, "/v1/responses",
                          "{\"model\":\"m\",\"stream\":true,\"input\":\"hi\"}"),
             EV_S(5));
    assert_false(twin_parse(buf_span(&c.in), &status, &body));
    assert_int_equal(status, 200);
    assert_true(span_contains(buf_span(&body), SPAN_LIT("\"sequence_number\":0")));
    assert_false(span_contains(buf_span(&body), SPAN_LIT("resp_1")));
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&request);
    buf_fini(&body);
}

#define SAYS(n, word)                                                                              \
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","           \
    "\"item_id\":\"m1\",\"output_index\":0,\"content_index\":0,\"sequence_number\":" #n ","        \
    "\"delta\":\"" word "\"}\n\n"
#define BEGINS                                                                                     \
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"         \
    "\"response\":{\"id\":\"r1\",\"model\":\"m\",\"status\":\"in_progress\"}}\n\n"
#define ENDS(n)                                                                                    \
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":" #n    \
    ",\"response\":{\"id\":\"r1\",\"model\":\"m\",\"status\":\"completed\"}}\n\n"

/* What a client of Responses gets, if its target says that. */
static void ask_responses(struct twin *t, struct ups_got *g, uint64_t seed, const char *says)
{
    struct up up = {ANSWERS, STREAM_HEAD, says, 0, TWIN_WHOLE};

    twin_open_env(t, seed,
                  "version: 1\nproviders:\n  o: {type: openai, endpoints: "
                  "['http://127.0.0.1:9000/v1'], private: true, key: 'env:K'}\n"
                  "models: {m: {targets: [o/m]}}\n",
                  (const char *[]){"K=sk-of-the-test", NULL});
    ups_set(t, 0, &up);
    ups_ask_at(t, g, "/v1/responses", "{\"model\":\"m\",\"stream\":true,\"input\":\"hi\"}",
               EV_S(5));
}

/* To the byte, and numbered: then it is the transport's, and not another piece of the text. */
static void an_event_that_comes_twice_is_told_once(void **state)
{
    static const struct {
        const char *says, *told;
    } rows[] = {
        {BEGINS SAYS(1, "la") SAYS(1, "la") SAYS(2, "la") ENDS(3),
         BEGINS SAYS(1, "la") SAYS(2, "la") ENDS(3)},
        {BEGINS SAYS(1, "la") SAYS(1, "la") SAYS(1, "la") ENDS(2), BEGINS SAYS(1, "la") ENDS(2)},
        {BEGINS SAYS(0, "la") SAYS(0, "la") ENDS(0), BEGINS SAYS(0, "la") SAYS(0, "la") ENDS(0)},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ups_got g;
        struct twin t;

        ask_responses(&t, &g, i, rows[i].says);
        assert_true(g.status == 200 && g.clean);
        if (!span_is(buf_span(&g.body), rows[i].told))
            fail_msg("%zu: %.*s", i, SPAN_FMT(buf_span(&g.body)));
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* ... and what has another's number, or one that is not its turn, is not told at all: another
 * target goes on behind what was in order. */
static void an_event_that_is_out_of_order_is_not_told(void **state)
{
    static const struct {
        const char *says, *why;
    } rows[] = {
        {BEGINS SAYS(1, "la") SAYS(1, "li") ENDS(2), "two events have the number 1"},
        {BEGINS SAYS(1, "la") SAYS(3, "li") SAYS(2, "lu") ENDS(4),
         "event number 3 comes behind number 1"},
        {BEGINS SAYS(1, "la") SAYS(0, "li") ENDS(2), "event number 0 comes behind number 1"},
        {BEGINS SAYS(1, "la") ENDS(3), "event number 3 comes behind number 1"},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ups_got g;
        struct twin t;

        ask_responses(&t, &g, i, rows[i].says);
        assert_true(span_starts(buf_span(&g.body), SPAN_LIT(BEGINS SAYS(1, "la"))));
        assert_false(ups_said(&g, "\"delta\":\"li\""));
        assert_false(ups_said(&g, "response.completed"));
        if (!ups_said(&g, rows[i].why))
            fail_msg("%zu: %.*s", i, SPAN_FMT(buf_span(&g.body)));
        assert_int_equal(t.record.reason, REASON_JUNK);
        assert_int_equal(t.record.outcome, OUTCOME_FAILED);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_waits_for_an_attempt),
        cmocka_unit_test(who_cannot_be_called_is_passed_over),
        cmocka_unit_test(records_are_of_one_attempt),
        cmocka_unit_test(the_last_record_is_of_its_attempt),
        cmocka_unit_test(what_cannot_be_translated_is_a_failure),
        cmocka_unit_test(a_large_answer_is_nobodys_failure),
        cmocka_unit_test(a_full_disk_is_nobodys_failure),
        cmocka_unit_test(a_client_leaves_between_attempts),
        cmocka_unit_test(the_gateway_changes_between_attempts),
        cmocka_unit_test(an_error_behind_an_early_head_is_the_first_event),
        cmocka_unit_test(an_event_that_comes_twice_is_told_once),
        cmocka_unit_test(an_event_that_is_out_of_order_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
