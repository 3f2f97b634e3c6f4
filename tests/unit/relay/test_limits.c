/* Goal: who may be asked soon is waited for, once and no longer than the model says; the client
 * that leaves, or whose time is over, is let go meanwhile. Method: an upstream whose answers say
 * what is left of its limit, in virtual time. */
#include "ups.h"

#define LEFT_OF(limit, tokens, reset)                                                              \
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-ratelimit-limit-tokens: " limit       \
    "\r\nx-ratelimit-remaining-tokens: " tokens "\r\nx-ratelimit-reset-tokens: " reset             \
    "\r\ntransfer-encoding: chunked\r\n\r\n"
#define LEFT(tokens, reset) LEFT_OF("1000", tokens, reset)
#define ASK(tokens)         REQUEST("alone", "\"stream\":true,\"max_tokens\":" tokens ",")

static const struct up spent = {ANSWERS, LEFT("100", "3s"), GOOD, 0, TWIN_WHOLE};

/* A gateway whose target has said that little is left. */
static void begin(struct twin *t, const char *more, const struct up *up)
{
    struct ups_got g;

    twin_open(t, 1, more);
    ups_set(t, 0, up);
    ups_set(t, 1, &up_good);
    ups_ask(t, &g, ASK("10"), EV_S(1)); /* from here on so much is left */
    assert_int_equal(g.status, 200);
    buf_fini(&g.body);
    assert_int_equal(t->ups[0].requests, 1);
}

static void it_is_waited_for_and_no_longer_than_said(void **state)
{
    static const struct {
        const char *conf;
        unsigned status, requests;
    } rows[] = {
        {PLAN(", retry: {wait_up_to: 5s}"), 200, 2},
        {PLAN(", retry: {wait_up_to: 1s}"), 429, 1},
        {PLAN(""), 429, 1},
        {PLAN(", rate_limits: false"), 200, 2},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ups_got g;
        struct twin t;

        begin(&t, rows[i].conf, &spent);
        ups_ask(&t, &g, ASK("500"), EV_S(10));
        if (g.status != rows[i].status || t.ups[0].requests != rows[i].requests)
            fail_msg("row %zu: status %u, %u requests", i, g.status, t.ups[0].requests);
        if (g.status == 429) {
            assert_non_null(strstr(g.head, "x-lamplighter-reason: rate-spent\r\n"));
            assert_non_null(strstr(g.head, "retry-after-ms: "));
            assert_int_equal(t.record.attempts, 0);
        } else {
            assert_int_equal(t.record.attempts, 1);
            assert_int_equal(t.record.outcome, OUTCOME_FULL);
        }
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* Whose turn it would be finds that another has been faster, and waits for what is left of its
 * time. */
static void all_waits_together_are_no_longer(void **state)
{
    struct twin_client c[2] = {{0}, {0}};
    struct buf request;
    struct twin t;

    UNUSED(state);
    buf_init(&request, 65536);
    begin(&t, PLAN(", retry: {wait_up_to: 4s}"), &spent);
    twin_ask(&t, &c[0], kind_request(&request, "/v1/chat/completions", ASK("900")), EV_MS(10));
    twin_ask(&t, &c[1], buf_span(&request), EV_MS(10));
    assert_int_equal(t.ups[0].requests, 1);
    ups_pass(&t, EV_S(20));
    assert_int_equal(t.ups[0].requests, 2);
    assert_true(span_starts(buf_span(&c[0].in), SPAN_LIT("HTTP/1.1 200")) !=
                span_starts(buf_span(&c[1].in), SPAN_LIT("HTTP/1.1 200")));
    assert_true(span_starts(buf_span(&c[0].in), SPAN_LIT("HTTP/1.1 429")) !=
                span_starts(buf_span(&c[1].in), SPAN_LIT("HTTP/1.1 429")));
    twin_client_fini(&c[0]);
    twin_client_fini(&c[1]);
    twin_close(&t);
    buf_fini(&request);
}

static void a_client_that_waits_may_leave(void **state)
{
    struct twin_client c = {0};
    struct buf request;
    struct twin t;

    UNUSED(state);
    buf_init(&request, 65536);
    begin(&t, PLAN(", retry: {wait_up_to: 5s}"), &spent);
    t.records = 0;
    twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", ASK("500")), EV_S(1));
    assert_int_equal(t.records, 0);
    twin_leave(&c, NET_END_RESET);
    ups_pass(&t, EV_MS(100));
    assert_int_equal(t.records, 1);
    assert_int_equal(t.record.outcome, OUTCOME_CLIENT_GONE);
    ups_pass(&t, EV_S(10));
    assert_int_equal(t.ups[0].requests, 1);
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&request);
}

static void its_whole_time_goes_on_meanwhile(void **state)
{
    const struct up long_spent = {ANSWERS, LEFT("100", "5m"), GOOD, 0, TWIN_WHOLE};
    struct ups_got g;
    struct twin t;

    UNUSED(state);
    begin(&t, PLAN(", retry: {wait_up_to: 10m}"), &long_spent);
    ups_ask(&t, &g, ASK("500"), EV_S(120)); /* timeout.total is a minute */
    assert_int_equal(g.status, 504);
    assert_int_equal(t.record.reason, REASON_TIMEOUT_TOTAL);
    assert_int_equal(t.ups[0].requests, 1);
    buf_fini(&g.body);
    twin_close(&t);
}

/* The first has failed, and the second has nothing left yet. */
static void who_takes_over_is_waited_for(void **state)
{
    static const struct {
        const char *conf, *reset;
        unsigned status, b;
    } rows[] = {
        {PLAN(", retry: {wait_up_to: 5s}"), LEFT("100", "3s"), 200, 2},
        {PLAN(", retry: {wait_up_to: 5s}"), LEFT("100", "8s"), 503, 1},
        {PLAN(""), LEFT("100", "3s"), 503, 1},
    };
    const struct up sick = {ANSWERS, REFUSAL("503 No", ""), ERROR, 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct up low = {ANSWERS, rows[i].reset, GOOD, 0, TWIN_WHOLE};
        struct ups_got g;
        struct twin t;

        twin_open(&t, 1, rows[i].conf);
        ups_set(&t, 0, &sick);
        ups_set(&t, 1, &low);
        ups_ask(&t, &g, STREAM, EV_S(1));
        assert_int_equal(g.status, 200);
        buf_fini(&g.body);
        ups_ask(&t, &g, REQUEST("m", "\"stream\":true,\"max_tokens\":500,"), EV_S(10));
        if (g.status != rows[i].status || t.ups[1].requests != rows[i].b)
            fail_msg("row %zu: status %u, %u requests", i, g.status, t.ups[1].requests);
        assert_int_equal(t.ups[0].requests, 2);
        assert_string_equal(t.record.target, rows[i].status == 200 ? "b/m" : "a/m");
        buf_fini(&g.body);
        twin_close(&t);
    }
}

static void a_refusal_says_what_is_left_too(void **state)
{
    const struct up refusal = {ANSWERS,
                               REFUSAL("429 No",
                                       "x-ratelimit-remaining-tokens: 5\r\nretry-after-ms: 1\r\n"
                                       "x-ratelimit-reset-tokens: 9s\r\n"),
                               ERROR, 0, TWIN_WHOLE};
    struct ups_got g;
    struct twin t;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    ups_set(&t, 0, &refusal);
    ups_set(&t, 1, &up_good);
    for (unsigned i = 0; i < 2; i++) {
        ups_ask(&t, &g, STREAM, EV_S(1));
        assert_int_equal(g.status, 200);
        assert_int_equal(t.ups[0].requests, 1);
        assert_int_equal(t.ups[1].requests, i + 1);
        buf_fini(&g.body);
    }
    ups_set(&t, 0, &up_good);
    ups_pass(&t, EV_S(10));
    ups_ask(&t, &g, STREAM, EV_S(1));
    assert_int_equal(t.ups[0].requests, 2);
    buf_fini(&g.body);
    twin_close(&t);
}

#define PICTURE ((size_t)32 * 1024) /* of base64 */

/* A picture of 32 KiB is 1,532 tokens, whatever its bytes would be as text; the text beside it some
 * 40, and the answer may have 10. */
static void a_picture_is_reckoned_as_one(void **state)
{
    static const struct {
        const char *left;
        unsigned status;
    } rows[] = {{LEFT_OF("9000", "1560", "90s"), 429}, {LEFT_OF("9000", "1610", "90s"), 200}};
    struct buf body;

    UNUSED(state);
    buf_init(&body, 2 * PICTURE);
    buf_add_str(
        &body,
        "{\"model\":\"alone\",\"stream\":true,\"max_tokens\":10,\"messages\":[{\"role\":\"user\","
        "\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,");
    for (size_t i = 0; i < PICTURE; i++)
        buf_add_char(&body, "iVBORw0KGgoAAAANSUhEUgAAA+ABCDx/"[(i * 7 + i / 5) % 32]);
    buf_add_str(&body, "\"}}]}]}");
    buf_add_char(&body, '\0');
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct up up = {ANSWERS, rows[i].left, GOOD, 0, TWIN_WHOLE};
        struct ups_got g;
        struct twin t;

        begin(&t, PLAN(""), &up);
        ups_ask(&t, &g, body.p, EV_S(20));
        if (g.status != rows[i].status)
            fail_msg("row %zu: %u %.*s", i, g.status, SPAN_FMT(buf_span(&g.body)));
        buf_fini(&g.body);
        twin_close(&t);
    }
    buf_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_waited_for_and_no_longer_than_said),
        cmocka_unit_test(all_waits_together_are_no_longer),
        cmocka_unit_test(a_client_that_waits_may_leave),
        cmocka_unit_test(its_whole_time_goes_on_meanwhile),
        cmocka_unit_test(who_takes_over_is_waited_for),
        cmocka_unit_test(a_refusal_says_what_is_left_too),
        cmocka_unit_test(a_picture_is_reckoned_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
