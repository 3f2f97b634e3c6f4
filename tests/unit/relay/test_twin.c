/* Goal: whatever an upstream does, the client gets the upstream's own bytes and a clean end only
 * when the answer was complete; else what came so far, an error event and an unclean end. One
 * request, one record, nothing left behind.
 * Method: the gateway on a virtual network; every cut of a stream by hand, then 200 seeds of
 * random cuts, pauses, pieces, resets, silences and clients that leave. */
#include "kinds.h"

#include "relay/relay_impl.h"

static void a_stream_arrives_byte_for_byte(void **state)
{
    struct buf b, body;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&body, 65536);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct kind *k = &kinds[i];
        struct twin_client c = {0};
        struct twin t;
        unsigned status;

        twin_open(&t, 1, CONFIG);
        t.ups[0].script = kind_script(k);
        buf_reset(&body);
        twin_ask(&t, &c, kind_request(&b, k->path, k->body), EV_S(5));
        assert_true(twin_parse(buf_span(&c.in), &status, &body));
        assert_int_equal(status, 200);
        assert_int_equal(body.n, k->n);
        assert_memory_equal(body.p, k->stream, body.n);
        assert_int_equal(t.records, 1);
        assert_int_equal(t.record.outcome, OUTCOME_FULL);
        assert_int_equal(t.record.usage.input, 7);
        assert_int_equal(t.record.usage.output, 3);
        assert_true(span_contains(buf_span(&c.in), SPAN_LIT("x-accel-buffering: no")));
        assert_false(span_contains(buf_span(&c.in), SPAN_LIT("x-secret")));
        twin_client_fini(&c);
        twin_close(&t);
    }
    buf_fini(&b);
    buf_fini(&body);
}

static void the_model_is_renamed_both_ways(void **state)
{
    struct twin t;
    struct twin_client c = {0};
    struct buf b, body;
    unsigned status;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&body, 65536);
    twin_open(&t, 2, CONFIG);
    t.ups[0].script = kind_script(&kinds[0]);
    twin_ask(&t, &c, kind_request(&b, "/v1/chat/completions", REQUEST("smart", "\"stream\":true,")),
             EV_S(5));
    assert_true(twin_parse(buf_span(&c.in), &status, &body));
    assert_true(span_contains(buf_span(&body), SPAN_LIT("\"model\":\"smart\"")));
    assert_false(span_contains(buf_span(&body), SPAN_LIT("\"model\":\"small\"")));
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&b);
    buf_fini(&body);
}

#define UNASKED(text) "data: {\"model\":\"large\",\"choices\":[{\"index\":0,\"delta\":" text "}]"

/* What the gateway had to ask for to count tokens is not in the answer of a client that did not. */
static void usage_that_only_the_gateway_asked_for_is_taken_out(void **state)
{
    static const char sent[] = UNASKED("{\"content\":\"Hi\"}") ",\"usage\":null}\n\n" UNASKED(
        "{},\"finish_reason\":\"stop\"") ",\"usage\":null}\n\n"
                                         "data: {\"choices\":[],\"usage\":{\"prompt_tokens\""
                                         ":7,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n";
    static const char due[] = UNASKED("{\"content\":\"Hi\"}") "}\n\n" UNASKED(
        "{},\"finish_reason\":\"stop\"") "}\n\ndata: [DONE]\n\n";
    static const struct {
        const char *more, *got;
    } rows[] = {
        {"\"stream\":true,", due},
        {"\"stream\":true,\"stream_options\":{\"include_usage\":false},", due},
        {"\"stream\":true,\"stream_options\":{\"include_usage\":true},", sent},
    };
    struct buf b, body, ask;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&body, 65536);
    buf_init(&ask, 65536);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct twin_client c = {0};
        struct twin t;
        unsigned status;

        twin_open(&t, 5 + i, CONFIG);
        t.ups[0].script = kind_script(&kinds[0]);
        t.ups[0].script.body = span_of(sent, sizeof(sent) - 1);
        buf_reset(&ask);
        buf_printf(&ask, "{\"model\":\"large\",%s\"messages\":[]}", rows[i].more);
        buf_add_char(&ask, '\0');
        buf_reset(&body);
        twin_ask(&t, &c, kind_request(&b, "/v1/chat/completions", ask.p), EV_S(5));
        assert_true(twin_parse(buf_span(&c.in), &status, &body));
        buf_add_char(&body, '\0');
        assert_string_equal(body.p, rows[i].got);
        assert_int_equal(t.record.usage.input, 7);
        assert_int_equal(t.record.usage.output, 3);
        twin_client_fini(&c);
        twin_close(&t);
    }
    buf_fini(&b);
    buf_fini(&body);
    buf_fini(&ask);
}

static void add_long_event(struct buf *out, const char *front, const char *behind)
{
    buf_printf(out,
               "data: {%s\"model\":\"large\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
               "\"%020000d\"},\"finish_reason\":\"stop\"}]%s}\n\n",
               front, 0, behind);
}

/* A long event is handed on in parts: what stands behind the first 16 KiB cannot be taken out any
 * more, and is the only thing that is not (docs/decisions/0006). */
static void a_null_behind_the_first_part_of_an_event_stays(void **state)
{
    static const struct {
        const char *front, *behind, *due;
    } rows[] = {
        {"\"usage\":null,", "", ""},
        {"", ",\"usage\":null", ",\"usage\":null"},
    };
    struct buf b, body, sent, due;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&body, 65536);
    buf_init(&sent, 65536);
    buf_init(&due, 65536);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct twin_client c = {0};
        struct twin t;
        unsigned status;

        buf_reset(&sent);
        add_long_event(&sent, rows[i].front, rows[i].behind);
        buf_add_str(&sent, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7}}\n\n");
        buf_reset(&due);
        add_long_event(&due, "", rows[i].due);
        buf_add_str(&sent, "data: [DONE]\n\n");
        buf_add_str(&due, "data: [DONE]\n\n");
        twin_open(&t, i, CONFIG);
        t.ups[0].script = kind_script(&kinds[0]);
        t.ups[0].script.body = buf_span(&sent);
        t.ups[0].script.piece_max = 1000;
        buf_reset(&body);
        twin_ask(&t, &c,
                 kind_request(&b, "/v1/chat/completions", REQUEST("large", "\"stream\":true,")),
                 EV_S(5));
        assert_true(twin_parse(buf_span(&c.in), &status, &body));
        assert_int_equal(body.n, due.n);
        assert_memory_equal(body.p, due.p, due.n);
        assert_int_equal(t.record.usage.input, 7);
        twin_client_fini(&c);
        twin_close(&t);
    }
    buf_fini(&b);
    buf_fini(&body);
    buf_fini(&sent);
    buf_fini(&due);
}

static void cut_everywhere(const struct kind *k, const char *name, enum twin_end end)
{
    struct buf b;

    buf_init(&b, 65536);
    for (size_t cut = 0; cut < k->n; cut++) {
        struct twin_client c = {0};
        struct twin t;

        twin_open(&t, cut, CONFIG);
        t.ups[0].script = kind_script(k);
        t.ups[0].script.cut_at = cut;
        t.ups[0].script.end = end;
        twin_ask(&t, &c, kind_request(&b, k->path, k->body), EV_S(5));
        /* A reset may overtake bytes: then less than `cut` has come, and that is a cut too. */
        if (end != TWIN_RESET || cut < kind_complete_at(k))
            kind_check_truth(k, &t, &c, cut, name);
        twin_client_fini(&c);
        twin_close(&t);
    }
    buf_fini(&b);
}

static void cut_all(const char *how, enum twin_end end)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        cut_everywhere(&kinds[i], how, end);
}

static void no_cut_is_a_completion(void **state)
{
    UNUSED(state);
    cut_all("FIN", TWIN_FIN);
}

static void no_reset_is_a_completion(void **state)
{
    UNUSED(state);
    cut_all("RST", TWIN_RESET);
}

static void no_clean_end_is_a_completion(void **state)
{
    UNUSED(state);
    cut_all("clean end", TWIN_WHOLE);
}

static void a_silent_upstream_is_told_from_a_slow_one(void **state)
{
    struct twin t;
    struct twin_client c = {0};
    struct buf b;

    UNUSED(state);
    buf_init(&b, 65536);
    twin_open(&t, 3, CONFIG "defaults: {timeout: {idle: 3s, first_token: 5m}}\n");
    t.ups[0].script = kind_script(&kinds[0]);
    t.ups[0].script.cut_at = 300;
    t.ups[0].script.end = TWIN_SILENT;
    twin_ask(&t, &c, kind_request(&b, "/v1/chat/completions", REQUEST("small", "\"stream\":true,")),
             EV_S(60));
    kind_check_truth(&kinds[0], &t, &c, 300, "silence");
    assert_int_equal(t.record.reason, REASON_TIMEOUT_IDLE);
    assert_in_range(t.record.duration_us, EV_S(3), EV_S(4));
    assert_int_equal(t.up_aborted, 1); /* the upstream was told */
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&b);
}

static void a_client_that_leaves_cancels_the_upstream(void **state)
{
    struct twin t;
    struct twin_client c = {.leave_after = 600};
    struct buf b;

    UNUSED(state);
    buf_init(&b, 65536);
    twin_open(&t, 4, CONFIG);
    t.ups[0].script = kind_script(&kinds[0]);
    t.ups[0].script.gap_max = EV_S(2);
    twin_ask(&t, &c, kind_request(&b, "/v1/chat/completions", REQUEST("small", "\"stream\":true,")),
             EV_S(60));
    assert_int_equal(t.records, 1);
    assert_int_equal(t.record.outcome, OUTCOME_CLIENT_GONE);
    assert_int_equal(t.up_aborted, 1);
    assert_in_range(t.record.duration_us, 0, c.closed_at + EV_MS(100));
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&b);
}

/* What is on its way to a client that does not read is bounded, however events and reads fall. */
static void a_deaf_client_holds_the_upstream_back(void **state)
{
    static const size_t sizes[] = {40, 900, 9000, 15000, 17000, 40000};
    struct buf b, stream;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&stream, (size_t)8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct twin_client c = {.deaf = true};
        struct twin t;

        buf_reset(&stream);
        while (stream.n < (size_t)2 << 20) {
            buf_add_str(&stream, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
            for (size_t n = 0; n < sizes[i]; n++)
                buf_add_char(&stream, 'x');
            buf_add_str(&stream, "\"},\"finish_reason\":null}]}\n\n");
        }
        twin_open(&t, i, CONFIG);
        t.ups[0].script = kind_script(&kinds[0]);
        t.ups[0].script.body = buf_span(&stream);
        t.ups[0].script.piece_max = 50000;
        t.ups[0].script.gap_max = 0;
        twin_ask(&t, &c, kind_request(&b, kinds[0].path, kinds[0].body), EV_S(5));
        assert_int_equal(t.gateway.relay.stats.live, 1);
        LIST_EACH(it, &t.gateway.relay.live)
        {
            const struct relay *r = LIST_ENTRY(it, struct relay, link);

            if (r->backlog == 0 || r->backlog > HTTP_ANSWER_WINDOW + 2 * RELAY_LOW)
                fail_msg("events of %zu: %zu bytes wait for the client", sizes[i], r->backlog);
        }
        twin_client_fini(&c);
        twin_close(&t);
    }
    buf_fini(&b);
    buf_fini(&stream);
}

/* ---- kept connections ---- */

struct ending {
    struct twin *t;
    enum net_end how;
};

static void end_first(void *arg)
{
    struct ending *x = arg;

    twin_end_first(x->t, x->how);
}

/* The upstream ends the kept connection at any moment around the next request, which is answered
 * all the same, once: what was not lost is not sent twice. */
static void a_kept_connection_may_end_at_any_moment(void **state)
{
    static const enum net_end ends[] = {NET_END_FLUSH, NET_END_RESET};
    unsigned anew = 0, resent = 0, untouched = 0;
    struct buf b, body;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&body, 65536);
    for (ev_us at = 0; at < 2 * EV_MS(8); at += 20) {
        struct twin_client c = {0};
        struct twin t;
        struct ending x = {&t, ends[at / 20 % ARRAY_LEN(ends)]};
        struct span ask = kind_request(&b, kinds[0].path, kinds[0].body);
        struct http_pool_stats pools;
        unsigned status;
        struct err e;

        twin_open(&t, at, CONFIG);
        t.ups[0].script = kind_script(&kinds[0]);
        twin_ask(&t, &c, ask, EV_S(5));
        twin_client_fini(&c);
        assert_int_equal(t.up_heads, 1);
        assert_int_equal(ev_sim_at(t.ev, ev_now(t.ev) + at, end_first, &x, &e), 0);
        twin_ask(&t, &c, ask, EV_S(10));
        buf_reset(&body);
        if (!twin_parse(buf_span(&c.in), &status, &body) || status != 200 || body.n != kinds[0].n ||
            memcmp(body.p, kinds[0].stream, body.n) != 0 || t.records != 2 ||
            t.record.outcome != OUTCOME_FULL || t.record.attempts != 1)
            fail_msg("end at %llu: %.*s", (unsigned long long)at, SPAN_FMT(buf_span(&c.in)));
        if (t.up_requests > 3 || t.up_heads > 3 || (t.up_requests == 3 && !t.record.resent))
            fail_msg("end at %llu: the upstream saw %u heads, %u requests, resent %d",
                     (unsigned long long)at, t.up_heads, t.up_requests, t.record.resent);
        resent += t.record.resent;
        call_pools_stats(t.gateway.pools, &pools);
        anew += pools.reused_total == 0;
        untouched += pools.reused_total > 0 && !t.record.resent;
        twin_client_fini(&c);
        twin_close(&t);
    }
    print_message("%u requests went elsewhere at once, %u were sent again, %u were not touched\n",
                  anew, resent, untouched);
    assert_true(anew > 50 && resent > 50 && untouched > 50); /* all moments were met */
    buf_fini(&b);
    buf_fini(&body);
}

/* ---- ends that lie ---- */

#define BODY_HEAD(status, more)                                                                    \
    "HTTP/1.1 " status "\r\ncontent-type: " more "\r\ntransfer-encoding: chunked\r\n\r\n"

static const struct {
    const char *name, *head, *body;
    enum twin_end end;
    unsigned status;
    bool clean;
    enum reason reason;
} lies[] = {
    {"[DONE] behind half an answer, and something behind it",
     BODY_HEAD("200 OK", "text/event-stream"),
     EVENT("{\"content\":\"half of an\"},\"finish_reason\":null") "data: [DONE]\n\n: bye\n\n",
     TWIN_WHOLE, 200, false, REASON_TRUNCATED},
    {"[DONE] twice and nothing else", BODY_HEAD("200 OK", "text/event-stream"),
     "data: [DONE]\n\ndata: [DONE]\n\n", TWIN_WHOLE, 502, true, REASON_TRUNCATED},
    {"a refusal whose body never ends", BODY_HEAD("429 No", "application/json"),
     "{\"error\":", TWIN_SILENT, 429, true, REASON_UPSTREAM_STATUS},
};

static void an_end_that_lies_is_seen(void **state)
{
    struct buf b, body;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&body, 65536);
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct twin_client c = {0};
        struct twin t;
        unsigned status;
        bool clean;

        twin_open(&t, i, CONFIG);
        t.ups[0].script = kind_script(&kinds[0]);
        t.ups[0].script.head = span_str(lies[i].head);
        t.ups[0].script.body = span_str(lies[i].body);
        t.ups[0].script.end = lies[i].end;
        buf_reset(&body);
        twin_ask(&t, &c, kind_request(&b, kinds[0].path, kinds[0].body), EV_S(20));
        clean = twin_parse(buf_span(&c.in), &status, &body);
        if (status != lies[i].status || clean != lies[i].clean ||
            t.record.reason != lies[i].reason || t.records != 1)
            fail_msg("%s: status %u, clean %d, reason %s: %.*s", lies[i].name, status, clean,
                     reason_word(t.record.reason), SPAN_FMT(buf_span(&c.in)));
        twin_client_fini(&c);
        twin_close(&t);
    }
    buf_fini(&b);
    buf_fini(&body);
}

/* A role comes late, content much later: the head must not wait for the content. */
static void a_head_is_held_for_a_bounded_time(void **state)
{
    struct twin_client c = {0};
    struct twin t;
    struct buf b;

    UNUSED(state);
    buf_init(&b, 65536);
    twin_open(&t, 1, CONFIG);
    t.ups[0].script = kind_script(&kinds[0]);
    t.ups[0].script.piece_max = 1;
    t.ups[0].script.gap_max = EV_MS(40); /* the role's event takes seconds, longer than the hold */
    t.ups[0].script.cut_at = (size_t)(strstr(kinds[0].stream, "\n\n") + 2 - kinds[0].stream);
    t.ups[0].script.end = TWIN_SILENT;
    twin_ask(&t, &c, kind_request(&b, kinds[0].path, kinds[0].body), EV_S(30));
    assert_true(span_starts(buf_span(&c.in), SPAN_LIT("HTTP/1.1 200 OK")));
    assert_true(span_contains(buf_span(&c.in), SPAN_LIT(": keep-alive\n\n")));
    assert_false(span_contains(buf_span(&c.in), SPAN_LIT("\"role\":\"assistant\"")));
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&b);
}

/* ---- refusals ---- */

static const struct {
    const char *path, *body;
    unsigned status;
    const char *reason, *says;
} refusals[] = {
    {"/v1/nothing", "{}", 404, "unknown-path", "no such path"},
    {"/v1/chat/completions", "{", 400, "bad-request", ""},
    {"/v1/chat/completions", "[]", 400, "bad-request", ""},
    {"/v1/chat/completions", "{\"messages\":[]}", 400, "bad-request", "model"},
    {"/v1/chat/completions", "{\"model\":3}", 400, "bad-request", "model"},
    {"/v1/chat/completions", "{\"model\":\"a\",\"model\":\"b\"}", 400, "bad-request", "model"},
    {"/v1/chat/completions", REQUEST("nobody", ""), 404, "unknown-model", "nobody"},
    {"/v1/chat/completions", REQUEST("x/y", ""), 404, "unknown-model", "x/y"},
    {"/v1/messages/count_tokens", REQUEST("smart", ""), 400, "wrong-dialect", "dialect"},
    {"/v1/messages",
     REQUEST("smart",
             "\"max_tokens\":5,\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"w\"}],"),
     400, "cannot-say", "provider-tool"},
    {"/v1/files", "x", 404, "unknown-path", "pass"},
};

static void refusals_say_why(void **state)
{
    struct buf b, body;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&body, 65536);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct twin t;
        struct twin_client c = {0};
        struct span in;
        unsigned status;

        twin_open(&t, i, CONFIG);
        t.ups[0].script = kind_script(&kinds[0]);
        buf_reset(&body);
        twin_ask(&t, &c, kind_request(&b, refusals[i].path, refusals[i].body), EV_S(5));
        in = buf_span(&c.in);
        (void)twin_parse(in, &status, &body);
        if (status != refusals[i].status || !span_contains(in, span_str(refusals[i].reason)) ||
            !span_contains(in, span_str(refusals[i].says)) ||
            !span_contains(in, SPAN_LIT("x-should-retry: false\r\n")) ||
            span_contains(in, SPAN_LIT("retry-after: ")) ||
            !span_contains(in, span_str(t.record.id)) || t.records != 1 || t.up_requests != 0)
            fail_msg("row %zu (%s %s): %.*s", i, refusals[i].path, refusals[i].body, SPAN_FMT(in));
        twin_client_fini(&c);
        twin_close(&t);
    }
    buf_fini(&b);
    buf_fini(&body);
}

/* What is the gateway's own trouble passes. */
static bool says_come_again(const struct twin_client *c)
{
    return span_contains(buf_span(&c->in), SPAN_LIT("\r\nx-should-retry: true\r\n")) &&
           span_contains(buf_span(&c->in), SPAN_LIT("\r\nretry-after: 1\r\n"));
}

static void a_drained_gateway_sends_elsewhere(void **state)
{
    struct twin_client c = {0};
    struct buf b, body;
    struct twin t;
    unsigned status;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&body, 65536);
    twin_open(&t, 1, CONFIG);
    relay_end_all(&t.gateway.relay, REASON_DRAINING);
    twin_ask(&t, &c, kind_request(&b, kinds[0].path, kinds[0].body), EV_S(5));
    (void)twin_parse(buf_span(&c.in), &status, &body);
    assert_int_equal(status, 503);
    assert_int_equal(t.record.reason, REASON_DRAINING);
    assert_int_equal(t.record.outcome, OUTCOME_SHED);
    assert_int_equal(t.up_heads, 0);
    assert_true(says_come_again(&c));
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&b);
    buf_fini(&body);
}

/* server.limits.memory, to the byte: the smallest chunk of a body has 2 KiB. */
static void a_body_without_room_is_refused(void **state)
{
    static const struct {
        uint64_t bytes_max;
        unsigned status;
    } rows[] = {{2048, 200}, {2047, 503}};
    struct buf b, body;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&body, 65536);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct twin_client c = {0};
        struct twin t;
        unsigned status;

        twin_open(&t, i, CONFIG);
        t.gateway.relay.blobs.bytes_max = rows[i].bytes_max;
        t.ups[0].script = kind_script(&kinds[0]);
        twin_ask(&t, &c, kind_request(&b, kinds[0].path, kinds[0].body), EV_S(5));
        (void)twin_parse(buf_span(&c.in), &status, &body);
        assert_int_equal(status, rows[i].status);
        if (status != 200) {
            assert_int_equal(t.record.reason, REASON_NO_MEMORY);
            assert_int_equal(t.record.outcome, OUTCOME_SHED);
            assert_true(span_contains(buf_span(&c.in), SPAN_LIT("server.limits.memory")));
            assert_true(says_come_again(&c));
            assert_int_equal(t.up_heads, 0);
        }
        twin_client_fini(&c);
        twin_close(&t);
    }
    buf_fini(&b);
    buf_fini(&body);
}

/* ---- whole answers ---- */

#define ANSWER                                                                                     \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"model\":\"small\",\"choices\":[{\"index\":0," \
    "\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}],"        \
    "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n"

static const struct {
    const char *name, *head, *body;
    size_t cut_at;
    enum twin_end end;
    unsigned status;
    const char *reason; /* NULL: the body comes through */
} wholes[] = {
    {"good",
     "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
     ANSWER, SIZE_MAX, TWIN_WHOLE, 200, NULL},
    {"cut",
     "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
     ANSWER, 50, TWIN_FIN, 502, "truncated"},
    {"cut JSON, clean end",
     "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
     ANSWER, 50, TWIN_WHOLE, 502, ""},
    {"HTML", "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n",
     "<html>please log in</html>", SIZE_MAX, TWIN_WHOLE, 502, "junk"},
    {"HTML called JSON",
     "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
     "<html>please log in</html>", SIZE_MAX, TWIN_WHOLE, 502, "junk"},
    {"error in 200",
     "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
     "{\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}", SIZE_MAX, TWIN_WHOLE, 502,
     "upstream-error"},
    {"caller's fault",
     "HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
     "{\"error\":{\"message\":\"no such tool\",\"type\":\"invalid_request_error\"}}", SIZE_MAX,
     TWIN_WHOLE, 400, NULL},
    {"rate",
     "HTTP/1.1 429 No\r\ncontent-type: application/json\r\nretry-after: 7\r\n"
     "transfer-encoding: chunked\r\n\r\n",
     "{\"error\":{\"message\":\"slower\",\"type\":\"rate_limit_error\",\"code\":"
     "\"rate_limit_exceeded\"}}",
     SIZE_MAX, TWIN_WHOLE, 429, "upstream-status"},
    {"our key is refused",
     "HTTP/1.1 401 No\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
     "{\"error\":{\"message\":\"bad key\",\"code\":\"invalid_api_key\"}}", SIZE_MAX, TWIN_WHOLE,
     502, "upstream-status"},
};

static void whole_answers_are_checked_before_they_are_sent(void **state)
{
    struct buf b;

    UNUSED(state);
    buf_init(&b, 65536);
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
        struct twin t;
        struct twin_client c = {0};
        struct buf body;
        unsigned status;

        buf_init(&body, 65536);
        twin_open(&t, i, CONFIG);
        t.ups[0].script = kind_script(&kinds[0]);
        t.ups[0].script.head = span_str(wholes[i].head);
        t.ups[0].script.body = span_str(wholes[i].body);
        t.ups[0].script.cut_at = wholes[i].cut_at;
        t.ups[0].script.end = wholes[i].end;
        twin_ask(&t, &c, kind_request(&b, "/v1/chat/completions", REQUEST("small", "")), EV_S(5));
        (void)twin_parse(buf_span(&c.in), &status, &body);
        if (status != wholes[i].status)
            fail_msg("%s: %.*s", wholes[i].name, SPAN_FMT(buf_span(&c.in)));
        if (!wholes[i].reason)
            assert_true(span_eq(buf_span(&body), t.ups[0].script.body));
        else if (!span_contains(buf_span(&c.in), span_str(wholes[i].reason)))
            fail_msg("%s: no reason %s in %.*s", wholes[i].name, wholes[i].reason,
                     SPAN_FMT(buf_span(&c.in)));
        assert_int_equal(t.records, 1);
        twin_client_fini(&c);
        twin_close(&t);
        buf_fini(&body);
    }
    buf_fini(&b);
}

/* ---- seeds ---- */

static void one_seed(uint64_t seed, struct buf *b)
{
    struct twin t;
    struct twin_client c = {0};
    const struct kind *k = &kinds[seed % ARRAY_LEN(kinds)];
    struct rng r;
    char name[32];

    snprintf(name, sizeof(name), "seed %llu", (unsigned long long)seed);
    rng_init(&r, seed);
    twin_open(&t, seed, CONFIG "defaults: {timeout: {idle: 3s, first_token: 5m}}\n");
    t.ups[0].script = kind_script(k);
    t.ups[0].script.piece_max = 1 + rng_below(&r, 300);
    t.ups[0].script.gap_max = rng_below(&r, EV_MS(400));
    if (rng_below(&r, 3) > 0) {
        t.ups[0].script.cut_at = rng_below(&r, k->n + 1);
        t.ups[0].script.end = (enum twin_end)rng_below(&r, 4);
    }
    if (rng_below(&r, 4) == 0)
        c.leave_after = 1 + rng_below(&r, 1500);
    twin_ask(&t, &c, kind_request(b, k->path, k->body), EV_S(600));
    if (t.records != 1)
        fail_msg("seed %llu: %u records (cut at %zu, end %u, leave after %zu, got %zu)",
                 (unsigned long long)seed, t.records, t.ups[0].script.cut_at, t.ups[0].script.end,
                 c.leave_after, c.in.n);
    if (c.in.n < c.leave_after && /* who has left cannot say what came */
        (t.ups[0].script.end != TWIN_RESET || t.ups[0].script.cut_at < kind_complete_at(k)))
        kind_check_truth(k, &t, &c, MIN(t.ups[0].script.cut_at, k->n), name);
    twin_client_fini(&c);
    twin_close(&t);
}

static void two_hundred_seeds(void **state)
{
    const char *text = getenv("LAMPLIGHTER_SEED"); /* of the whole run, which prints it */
    uint64_t first = 0;
    struct buf b;

    UNUSED(state);
    if (text)
        assert_int_equal(span_u64(span_str(text), &first), 0);
    buf_init(&b, 65536);
    for (uint64_t seed = first; seed < first + 200; seed++)
        one_seed(seed, &b);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_arrives_byte_for_byte),
        cmocka_unit_test(the_model_is_renamed_both_ways),
        cmocka_unit_test(usage_that_only_the_gateway_asked_for_is_taken_out),
        cmocka_unit_test(a_null_behind_the_first_part_of_an_event_stays),
        cmocka_unit_test(no_cut_is_a_completion),
        cmocka_unit_test(no_reset_is_a_completion),
        cmocka_unit_test(no_clean_end_is_a_completion),
        cmocka_unit_test(a_silent_upstream_is_told_from_a_slow_one),
        cmocka_unit_test(a_client_that_leaves_cancels_the_upstream),
        cmocka_unit_test(a_deaf_client_holds_the_upstream_back),
        cmocka_unit_test(a_kept_connection_may_end_at_any_moment),
        cmocka_unit_test(an_end_that_lies_is_seen),
        cmocka_unit_test(a_head_is_held_for_a_bounded_time),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(a_drained_gateway_sends_elsewhere),
        cmocka_unit_test(a_body_without_room_is_refused),
        cmocka_unit_test(whole_answers_are_checked_before_they_are_sent),
        cmocka_unit_test(two_hundred_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
