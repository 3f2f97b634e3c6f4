/* Goal: whatever one target does before its answer has begun, the client gets one whole answer of
 * another one, or one honest error; nobody is asked more often than the rules say; what is known of
 * a target keeps the next request from it.
 * Method: three upstreams in virtual time, each with a script of its own; then faults drawn by
 * seeds. */
#include "kinds.h"
#include "twin.h"

#include <sys/resource.h>

#include "health/breaker.h"

#define UP(name, port)                                                                             \
    "  " name ": {type: openai-compatible, endpoints: ['http://127.0.0.1:" port "/v1'], private: " \
    "true, timeout: {connect: 1s, first_token: 5s, idle: 5s, total: 60s}}\n"
#define PLAN(more)                                                                                 \
    "version: 1\nproviders:\n" UP("a", "9000") UP("b", "9100")                                     \
        UP("c", "9200") "models:\n  m: {targets: [a/m, b/m]" more                                  \
                        "}\n  all: {targets: [a/m, b/m, c/m]" more "}\n"                           \
                        "  same: {targets: [a/m, a/n, b/m]" more "}\n  alone: {targets: a/m" more  \
                        "}\n"

#define ROLE    EVENT("{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null")
#define WORD(w) EVENT("{\"content\":\"" w "\"},\"finish_reason\":null")
#define END     EVENT("{},\"finish_reason\":\"stop\"") "data: [DONE]\n\n"
#define GOOD    ROLE WORD("good") END
#define WHOLE                                                                                      \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,"     \
    "\"message\":{\"role\":\"assistant\",\"content\":\"good\"},\"finish_reason\":\"stop\"}]}"
#define ERROR "{\"error\":{\"message\":\"it failed\",\"type\":\"it\"}}"

#define STREAM_HEAD                                                                                \
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
#define WHOLE_HEAD                                                                                 \
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
#define REFUSAL(status, more)                                                                      \
    "HTTP/1.1 " status "\r\ncontent-type: application/json\r\n" more                               \
    "transfer-encoding: chunked\r\n\r\n"

/* What an upstream does. */
enum does { ANSWERS, REFUSES };

struct up {
    enum does does;
    const char *head, *body;
    size_t cut_at; /* 0: at its end */
    enum twin_end end;
};

static const struct up good = {ANSWERS, STREAM_HEAD, GOOD, 0, TWIN_WHOLE};
static const struct up good_whole = {ANSWERS, WHOLE_HEAD, WHOLE, 0, TWIN_WHOLE};

static void set(struct twin *t, size_t i, const struct up *up)
{
    t->ups[i].script = (struct twin_script){.head = span_str(up->head),
                                            .body = span_str(up->body),
                                            .chunked = true,
                                            .piece_max = 1000,
                                            .cut_at = up->cut_at ? up->cut_at : SIZE_MAX,
                                            .end = up->end};
    if (up->does == REFUSES)
        twin_refuse(t, i);
    else
        twin_listen(t, i);
}

struct got {
    unsigned status;
    bool clean;
    struct buf body;
    char head[4096];
};

static void ask(struct twin *t, struct got *g, const char *body, ev_us limit)
{
    struct twin_client c = {0};
    struct buf request;

    buf_init(&request, 65536);
    buf_init(&g->body, 65536);
    twin_ask(t, &c, kind_request(&request, "/v1/chat/completions", body), limit);
    g->clean = twin_parse(buf_span(&c.in), &g->status, &g->body);
    UNUSED(snprintf(g->head, sizeof(g->head), "%.*s", SPAN_FMT(buf_span(&c.in))));
    twin_client_fini(&c);
    buf_fini(&request);
}

static bool has(const struct got *g, const char *what)
{
    return span_contains(buf_span(&g->body), span_str(what));
}

#define STREAM REQUEST("m", "\"stream\":true,")
#define ONCE   REQUEST("m", "")

static const struct row {
    const char *name, *body;
    struct up a;
    unsigned a_requests, b_requests, attempts;
    unsigned status; /* 200: of b's good answer */
    enum outcome outcome;
    const char *why; /* x-lamplighter-fallback-reason, NULL: none */
} rows[] = {
    {"nobody listens",
     STREAM,
     {REFUSES, "", "", 0, TWIN_WHOLE},
     0,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "never-executed"},
    {"a server error, twice",
     STREAM,
     {ANSWERS, REFUSAL("500 No", ""), ERROR, 0, TWIN_WHOLE},
     2,
     1,
     3,
     200,
     OUTCOME_EQUIVALENT,
     "server"},
    {"overloaded",
     STREAM,
     {ANSWERS, REFUSAL("503 No", ""), ERROR, 0, TWIN_WHOLE},
     1,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "overload"},
    {"limited",
     STREAM,
     {ANSWERS, REFUSAL("429 No", "retry-after: 30\r\n"), ERROR, 0, TWIN_WHOLE},
     1,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "rate"},
    {"a key that is refused",
     STREAM,
     {ANSWERS, REFUSAL("401 No", ""), ERROR, 0, TWIN_WHOLE},
     1,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "credential"},
    {"the caller's fault",
     STREAM,
     {ANSWERS, REFUSAL("400 No", ""), ERROR, 0, TWIN_WHOLE},
     1,
     0,
     1,
     400,
     OUTCOME_CLIENT_ERROR,
     NULL},
    {"a cut behind the role",
     STREAM,
     {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) - 1, TWIN_FIN},
     1,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "truncated"},
    {"a reset behind the role",
     STREAM,
     {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) - 1, TWIN_RESET},
     1,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "maybe-executed"},
    {"silence behind the role",
     STREAM,
     {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) - 1, TWIN_SILENT},
     1,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "maybe-executed"},
    {"silence behind the head",
     STREAM,
     {ANSWERS, STREAM_HEAD, "", 0, TWIN_SILENT},
     1,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "maybe-executed"},
    {"silence",
     STREAM,
     {ANSWERS, "", "", 0, TWIN_SILENT},
     1,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "maybe-executed"},
    {"an error for its first event",
     STREAM,
     {ANSWERS, STREAM_HEAD, "data: " ERROR "\n\n", 0, TWIN_WHOLE},
     2,
     1,
     3,
     200,
     OUTCOME_EQUIVALENT,
     "server"},
    {"a page",
     STREAM,
     {ANSWERS, "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n",
      "<html>", 0, TWIN_WHOLE},
     2,
     1,
     3,
     200,
     OUTCOME_EQUIVALENT,
     "junk"},
    {"a cut behind a word",
     STREAM,
     {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE WORD("good")) - 1, TWIN_FIN},
     1,
     0,
     1,
     0,
     OUTCOME_FAILED,
     NULL},
    {"half of a whole answer",
     ONCE,
     {ANSWERS, WHOLE_HEAD, WHOLE, 50, TWIN_FIN},
     1,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "truncated"},
    {"no JSON",
     ONCE,
     {ANSWERS, WHOLE_HEAD, "{\"choices\": nothing}", 0, TWIN_WHOLE},
     2,
     1,
     3,
     200,
     OUTCOME_EQUIVALENT,
     "junk"},
    {"silence for a whole answer",
     ONCE,
     {ANSWERS, WHOLE_HEAD, "", 0, TWIN_SILENT},
     1,
     1,
     2,
     200,
     OUTCOME_EQUIVALENT,
     "maybe-executed"},
    {"nothing is wrong",
     STREAM,
     {ANSWERS, STREAM_HEAD, GOOD, 0, TWIN_WHOLE},
     1,
     0,
     1,
     200,
     OUTCOME_FULL,
     NULL},
    {"nothing is wrong with a whole one",
     ONCE,
     {ANSWERS, WHOLE_HEAD, WHOLE, 0, TWIN_WHOLE},
     1,
     0,
     1,
     200,
     OUTCOME_FULL,
     NULL},
};

static void check_row(const struct row *row, const struct twin *t, const struct got *g)
{
    char attempts[64], why[96];
    bool whole = row->status == 200;

    UNUSED(snprintf(attempts, sizeof(attempts), "x-lamplighter-attempts: %u\r\n", row->attempts));
    UNUSED(snprintf(why, sizeof(why), "x-lamplighter-fallback-reason: %s\r\n",
                    row->why ? row->why : ""));
    if (t->ups[0].requests != row->a_requests || t->ups[1].requests != row->b_requests)
        fail_msg("%s: %u and %u requests", row->name, t->ups[0].requests, t->ups[1].requests);
    if (t->records != 1 || t->record.outcome != row->outcome || t->record.attempts != row->attempts)
        fail_msg("%s: %u records, outcome %u, %u attempts, %s", row->name, t->records,
                 t->record.outcome, t->record.attempts, t->record.text);
    if (t->more != row->attempts - 1)
        fail_msg("%s: %u attempts were told of", row->name, t->more);
    if (whole && (g->status != 200 || !g->clean || !has(g, "good")))
        fail_msg("%s: status %u, clean %d: %s", row->name, g->status, g->clean, g->head);
    if (!whole && row->status && g->status != row->status)
        fail_msg("%s: status %u", row->name, g->status);
    if (!row->status && (g->clean || !has(g, "\"error\"")))
        fail_msg("%s: a false completion: %s", row->name, g->head);
    /* The head may have gone before the second attempt. */
    if (row->status && g->status && t->record.first_us < EV_MS(1500) && !strstr(g->head, attempts))
        fail_msg("%s: %s", row->name, g->head);
    if (row->why && t->record.first_us < EV_MS(1500) && !strstr(g->head, why))
        fail_msg("%s: %s", row->name, g->head);
    if (!row->why && strstr(g->head, "x-lamplighter-fallback-reason"))
        fail_msg("%s: %s", row->name, g->head);
}

static void another_takes_over(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool stream = strstr(rows[i].body, "stream") != NULL;
        struct twin t;
        struct got g;

        twin_open(&t, i + 1, PLAN(""));
        set(&t, 0, &rows[i].a);
        set(&t, 1, stream ? &good : &good_whole);
        ask(&t, &g, rows[i].body, EV_S(30));
        check_row(&rows[i], &t, &g);
        if (rows[i].status == 200 && stream && g.body.n < sizeof(GOOD) - 1)
            fail_msg("%s: %s", rows[i].name, g.head);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* Who has waited long has the head, and is kept alive; nothing of the first target's is in it. */
static void a_head_that_went_early_stays_true(void **state)
{
    static const char other[] = EVENT("{\"role\":\"assistant\",\"content\":\"\"},\"x\":\"first\"");
    struct up slow = {ANSWERS, STREAM_HEAD, other, 0, TWIN_SILENT};
    struct span said, alive = SPAN_LIT(": keep-alive\n\n");
    struct twin t;
    struct got g;

    UNUSED(state);
    twin_open(&t, 1,
              "version: 1\nproviders:\n  a: {type: openai-compatible, endpoints: "
              "['http://127.0.0.1:9000/v1'], private: true, timeout: {first_token: 35s}}\n" UP(
                  "b", "9100") "models: {m: {targets: [a/m, b/m]}}\n");
    set(&t, 0, &slow);
    set(&t, 1, &good);
    ask(&t, &g, STREAM, EV_S(60));
    assert_true(g.clean && g.status == 200);
    said = buf_span(&g.body);
    for (int i = 0; i < 3; i++) {
        assert_true(span_starts(said, alive));
        said = span_of(said.p + alive.n, said.n - alive.n);
    }
    assert_true(span_eq(said, SPAN_LIT(GOOD)));
    assert_non_null(strstr(g.head, "x-lamplighter-target: a/m\r\n")); /* as was known */
    assert_int_equal(t.record.outcome, OUTCOME_EQUIVALENT);
    assert_string_equal(t.record.target, "b/m");
    assert_string_equal(t.record.tried, "a/m=maybe-executed");
    buf_fini(&g.body);
    twin_close(&t);
}

/* It fails about when the head would have gone alone; then nobody answers for a moment. */
static void a_head_waits_for_an_attempt(void **state)
{
    static const char fails[] = ROLE "data: " ERROR "\n\n";
    struct up up = {ANSWERS, STREAM_HEAD, fails, 0, TWIN_WHOLE};

    UNUSED(state);
    for (ev_us rests = EV_MS(1000); rests < EV_MS(1700); rests += EV_MS(20)) {
        struct twin t;
        struct got g;

        twin_open(&t, rests, PLAN(""));
        set(&t, 0, &up);
        t.ups[0].script.rest_at = sizeof(ROLE) - 1;
        t.ups[0].script.rest_us = rests;
        set(&t, 1, &good);
        ask(&t, &g, STREAM, EV_S(30));
        assert_true(g.clean && g.status == 200 && has(&g, GOOD));
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
    struct got g;

    UNUSED(state);
    twin_open_env(&t, 1,
                  "version: 1\nproviders:\n  a: {type: openai-compatible, endpoints: "
                  "['https://127.0.0.1:9000/v1'], private: true}\n" UP(
                      "b", "9100") "models: {m: {targets: [a/m, b/m]}}\n",
                  (const char *[]){"SSL_CERT_FILE=/nowhere/ca.pem", NULL});
    set(&t, 1, &good);
    for (int i = 0; i < 7; i++) {
        ask(&t, &g, STREAM, EV_S(5));
        assert_true(g.status == 200 && has(&g, GOOD));
        assert_non_null(strstr(g.head, "x-lamplighter-fallback-reason: never-executed\r\n"));
        assert_string_equal(t.record.tried, "a/m=never-executed"); /* no breaker is open */
        buf_fini(&g.body);
    }
    ask(&t, &g, REQUEST("a/m", ""), EV_S(5));
    assert_int_equal(g.status, 502);
    assert_true(has(&g, "ca.pem"));
    buf_fini(&g.body);
    twin_close(&t);
}

/* What one attempt has read is no part of another one's record. */
static void records_are_of_one_attempt(void **state)
{
    struct up whole = {ANSWERS, WHOLE_HEAD, "{\"choices\": nothing}", 0, TWIN_WHOLE};
    struct up cut = {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) - 1, TWIN_FIN};
    struct twin t;
    struct got g;

    UNUSED(state);
    twin_open(&t, 1, PLAN(", retry: {same_target: 0}"));
    set(&t, 0, &whole);
    t.ups[0].script.rest_at = 1;
    t.ups[0].script.rest_us = EV_S(2);
    set(&t, 1, &good);
    ask(&t, &g, STREAM, EV_S(30));
    assert_true(g.status == 200 && has(&g, GOOD));
    assert_true(t.record.first_us > EV_S(2)); /* of what the client got */
    buf_fini(&g.body);
    twin_close(&t);

    twin_open_env(
        &t, 1,
        "version: 1\nproviders:\n" UP(
            "a", "9000") "  b: {type: openai-compatible, endpoints: ['https://127.0.0.1:9100/v1'], "
                         "private: true}\nmodels: {m: {targets: [a/m, b/m]}}\n",
        (const char *[]){"SSL_CERT_FILE=/nowhere/ca.pem", NULL});
    set(&t, 0, &cut);
    ask(&t, &g, STREAM, EV_S(30));
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
    struct got g;

    UNUSED(state);
    twin_open_env(&t, 1,
                  "version: 1\nproviders:\n  b: {type: anthropic, endpoints: "
                  "['http://127.0.0.1:9100'], private: true, key: 'env:K'}\n"
                  "models: {m: {targets: [b/claude-haiku-4-5, b/claude-opus-4-6]}}\n",
                  (const char *[]){"K=sk-of-the-test", NULL});
    set(&t, 1, &sick);
    ask(&t, &g,
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
    set(&t, 0, &odd);
    set(&t, 1, &good_whole);
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
    struct got g;

    UNUSED(state);
    memset(large, ' ', sizeof(large) - 1);
    twin_open(&t, 1, PLAN("") "server: {limits: {answer: 64KiB}}\n");
    set(&t, 0, &up);
    set(&t, 1, &good_whole);
    for (int i = 0; i < 2; i++) {
        ask(&t, &g, ONCE, EV_S(30));
        assert_int_equal(g.status, 502);
        assert_true(has(&g, "server.limits.answer"));
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
    struct got g;

    UNUSED(state);
    memset(large, ' ', sizeof(large) - 1);
    twin_open(&t, 1, PLAN(""));
    set(&t, 0, &up);
    t.ups[0].script.piece_max = 100000;
    set(&t, 1, &good_whole);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    none = (struct rlimit){0, files.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    ask(&t, &g, ONCE, EV_S(30));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(g.status, 503);
    assert_int_equal(t.record.attempts, 1);
    assert_int_equal(failures_of(&t, "a/m"), 0);
    buf_fini(&g.body);
    twin_close(&t);
}

/* Asks once; whom did it reach? */
static unsigned reaches(struct twin *t, const char *body, struct got *g)
{
    unsigned before[TWIN_UPS], met = 0;

    for (size_t i = 0; i < TWIN_UPS; i++)
        before[i] = t->ups[i].requests;
    t->records = 0;
    ask(t, g, body, EV_S(3));
    assert_int_equal(t->records, 1);
    for (size_t i = 0; i < TWIN_UPS; i++)
        met = met * 10 + t->ups[i].requests - before[i];
    buf_fini(&g->body);
    return met;
}

static void pass(struct twin *t, ev_us us)
{
    ev_sim_run(t->ev, ev_now(t->ev) + us);
}

static void who_asks_to_be_left_alone_is(void **state)
{
    struct up limited = {ANSWERS, REFUSAL("429 No", "retry-after: 30\r\n"), ERROR, 0, TWIN_WHOLE};
    struct twin t;
    struct got g;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    set(&t, 0, &limited);
    set(&t, 1, &good);
    assert_int_equal(reaches(&t, STREAM, &g), 110);
    assert_int_equal(reaches(&t, STREAM, &g), 10);
    assert_int_equal(t.record.outcome, OUTCOME_FULL); /* the first one that was asked */
    assert_int_equal(reaches(&t, REQUEST("alone", ""), &g), 0);
    assert_int_equal(g.status, 429);
    assert_true(t.record.configured && t.record.target[0] == '\0');
    assert_non_null(strstr(g.head, "retry-after: 2"));
    assert_non_null(strstr(g.head, "x-lamplighter-reason: left-alone\r\n"));
    assert_non_null(strstr(g.head, "x-should-retry: true\r\n"));
    pass(&t, EV_S(34));
    set(&t, 0, &good);
    assert_int_equal(reaches(&t, STREAM, &g), 100);
    twin_close(&t);
}

static void who_is_sick_is_probed(void **state)
{
    struct up sick = {ANSWERS, REFUSAL("503 No", ""), ERROR, 0, TWIN_WHOLE};
    struct twin t;
    struct got g;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    set(&t, 0, &sick);
    set(&t, 1, &good);
    for (int i = 0; i < 5; i++)
        assert_int_equal(reaches(&t, STREAM, &g), 110);
    for (int i = 0; i < 20; i++)
        if (reaches(&t, STREAM, &g) == 110) /* a probe: 2.5 to 5 s behind the fifth */
            break;
    assert_int_equal(t.ups[0].requests, 6);
    set(&t, 0, &good);
    pass(&t, EV_S(11));
    for (int i = 0; i < 3; i++)
        assert_int_equal(reaches(&t, STREAM, &g), 100);
    assert_int_equal(reaches(&t, STREAM, &g), 100);
    twin_close(&t);
}

static void the_last_one_is_probed_each_second(void **state)
{
    struct up sick = {ANSWERS, REFUSAL("503 No", ""), ERROR, 0, TWIN_WHOLE};
    unsigned reached = 0;
    struct twin t;
    struct got g;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    set(&t, 0, &sick);
    for (int i = 0; i < 5; i++)
        assert_int_equal(reaches(&t, REQUEST("alone", ""), &g), 100);
    for (int i = 0; i < 10; i++) {
        reached += reaches(&t, REQUEST("alone", ""), &g) > 0; /* takes 3 s */
        assert_int_equal(reaches(&t, REQUEST("alone", ""), &g) + g.status, 503 + 100);
    }
    assert_int_equal(reached, 10);
    set(&t, 0, &good_whole);
    pass(&t, EV_S(1));
    for (int i = 0; i < 5; i++)
        assert_int_equal(reaches(&t, REQUEST("alone", ""), &g), 100);
    twin_close(&t);
}

static void a_silent_provider_is_not_asked_for_another_model(void **state)
{
    struct up silent = {ANSWERS, "", "", 0, TWIN_SILENT};
    struct twin t;
    struct got g;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    set(&t, 0, &silent);
    set(&t, 1, &good);
    ask(&t, &g, REQUEST("same", "\"stream\":true,"), EV_S(30));
    assert_int_equal(t.ups[0].requests, 1);
    assert_int_equal(t.ups[1].requests, 1);
    assert_int_equal(g.status, 200);
    buf_fini(&g.body);
    twin_close(&t);
}

static void a_short_wait_is_waited(void **state)
{
    static const struct {
        const char *after;
        unsigned a, b;
    } waits[] = {{"retry-after: 2\r\n", 2, 0}, {"retry-after-ms: 2500\r\n", 1, 1}};
    struct up limited = {ANSWERS, NULL, ERROR, 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        struct twin_client c = {0};
        struct buf request, head, body;
        unsigned status;
        struct twin t;

        buf_init(&request, 65536);
        buf_init(&head, 65536);
        buf_init(&body, 65536);
        buf_printf(&head,
                   "HTTP/1.1 429 No\r\ncontent-type: application/json\r\n%s"
                   "transfer-encoding: chunked\r\n\r\n",
                   waits[i].after);
        buf_add_char(&head, '\0');
        limited.head = head.p;
        twin_open(&t, 1, PLAN(", retry: {wait_up_to: 2s}"));
        set(&t, 0, &limited);
        set(&t, 1, &good);
        twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_S(1));
        set(&t, 0, &good);
        pass(&t, EV_S(5));
        assert_true(twin_parse(buf_span(&c.in), &status, &body) && status == 200);
        assert_int_equal(t.ups[0].requests, waits[i].a);
        assert_int_equal(t.ups[1].requests, waits[i].b);
        twin_client_fini(&c);
        twin_close(&t);
        buf_fini(&request);
        buf_fini(&head);
        buf_fini(&body);
    }
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
    set(&t, 0, &sick);
    set(&t, 1, &good);
    twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_MS(50));
    assert_int_equal(t.ups[0].requests, 1);
    twin_leave(&c, NET_END_RESET);
    pass(&t, EV_S(5));
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
        set(&t, 0, &sick);
        set(&t, 1, &good);
        twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_MS(50));
        assert_int_equal(t.ups[0].requests, 1);
        if (ends)
            relay_end_all(&t.gateway.relay, REASON_DRAINING);
        else
            assert_int_equal(gateway_settings(&t.gateway, t.settings, &e), 0);
        pass(&t, EV_S(5));
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
    set(&t, 0, &slow);
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

/* Nobody is asked more than the rules say, and one answer comes: the good one's while there is one.
 */
static void drawn_faults(void **state)
{
    static const struct up bad[] = {
        {REFUSES, "", "", 0, TWIN_WHOLE},
        {ANSWERS, REFUSAL("500 No", ""), ERROR, 0, TWIN_WHOLE},
        {ANSWERS, REFUSAL("503 No", "retry-after: 1\r\n"), ERROR, 0, TWIN_WHOLE},
        {ANSWERS, REFUSAL("429 No", ""), ERROR, 0, TWIN_WHOLE},
        {ANSWERS, REFUSAL("401 No", ""), ERROR, 0, TWIN_WHOLE},
        {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) - 1, TWIN_RESET},
        {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) + 10, TWIN_FIN},
        {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) - 1, TWIN_SILENT},
        {ANSWERS, STREAM_HEAD, "data: " ERROR "\n\n", 0, TWIN_WHOLE},
        {ANSWERS, "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n", "", 0,
         TWIN_WHOLE},
    };
    unsigned answered = 0, honest = 0;

    UNUSED(state);
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng draw;
        struct twin t;

        rng_init(&draw, seed);
        twin_open(&t, seed, PLAN(", retry: {attempts: 4}"));
        for (int n = 0; n < 8; n++) {
            unsigned before = t.up_requests;
            bool any = false;
            struct got g;

            for (size_t i = 0; i < TWIN_UPS; i++) {
                size_t which = rng_below(&draw, ARRAY_LEN(bad) + 6);

                any |= which >= ARRAY_LEN(bad);
                set(&t, i, which < ARRAY_LEN(bad) ? &bad[which] : &good);
            }
            t.records = 0;
            ask(&t, &g, REQUEST("all", "\"stream\":true,"), EV_S(40));
            if (t.records != 1 || t.up_requests - before > 6)
                fail_msg("seed %llu: %u records, %u requests", (unsigned long long)seed, t.records,
                         t.up_requests - before);
            if (g.status == 200 ? !g.clean && !has(&g, "\"error\"") : !has(&g, "\"error\""))
                fail_msg("seed %llu: %s", (unsigned long long)seed, g.head);
            if (g.status == 200 && g.clean && !has(&g, "[DONE]"))
                fail_msg("seed %llu: a false completion: %s", (unsigned long long)seed, g.head);
            answered += g.status == 200 && g.clean;
            honest += !any || (g.status == 200 && g.clean);
            buf_fini(&g.body);
            pass(&t, rng_below(&draw, EV_S(20)));
        }
        /* All is well again: within some seconds nobody notices that it ever was not. */
        for (size_t i = 0; i < TWIN_UPS; i++)
            set(&t, i, &good);
        for (int n = 0; n < 3; n++) {
            struct got g;

            ask(&t, &g, REQUEST("all", "\"stream\":true,"), EV_S(10));
            if (g.status != 200 || !g.clean)
                fail_msg("seed %llu: it stays sick: %s", (unsigned long long)seed, g.head);
            buf_fini(&g.body);
        }
        twin_close(&t);
    }
    print_message("%u of 2400 answered, %u as well as could be\n", answered, honest);
    assert_true(honest > 2350);
}

/* ---- lives ---- */

#define SPEAKS(name, type, port, more)                                                             \
    "  " name ": {type: " type ", endpoints: ['http://127.0.0.1:" port "'], private: true, " more  \
    "timeout: {first_token: 5s, idle: 5s, total: 60s}}\n"
#define MIXED                                                                                      \
    "version: 1\ndefaults: {retry: {attempts: 9}}\nproviders:\n" SPEAKS("a", "tgi", "9000", "")    \
        SPEAKS("b", "anthropic", "9100", "key: 'env:K', ")                                         \
            SPEAKS("c", "tgi", "9200", "") "models:\n  m0: {targets: [a/small, b/large, c/m0]}\n"  \
                                           "  m1: {targets: [b/large, a/small, c/m1]}\n"

/* Clients of three dialects: what they ask, what begins their answer and what ends it. */
static const struct life {
    const char *path, *more, *begins, *ends;
} lives[] = {
    {"/v1/chat/completions",
     "\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]",
     "\"role\":", "\"finish_reason\":\"stop\""},
    {"/v1/messages",
     "\"stream\":true,\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]",
     "event: message_start", "event: message_stop"},
    {"/v1/responses", "\"stream\":true,\"input\":\"hi\"", "event: response.created",
     "event: response.completed"},
};

static unsigned count(struct span in, const char *what)
{
    unsigned n = 0;

    for (const char *at = in.p;
         in.n && (at = memmem(at, in.n - (size_t)(at - in.p), what, strlen(what))) != NULL; at++)
        n++;
    return n;
}

/* An answer of its dialect, or its beginning, or one of the gateway's own errors; with a rest
 * anywhere, most of them about where the head goes alone. */
static void draw_script(struct twin *t, size_t i, struct rng *r)
{
    static const char *const errors[] = {REFUSAL("500 No", ""),
                                         REFUSAL("503 No", "retry-after: 1\r\n"),
                                         REFUSAL("429 No", ""), WHOLE_HEAD, STREAM_HEAD};
    struct twin_script s = kind_script(&kinds[i == 1]);

    if (rng_chance(r, .3))
        s.cut_at = rng_below(r, s.body.n);
    s.end = (enum twin_end)rng_below(r, 4);
    if (rng_chance(r, .3)) {
        s.head = span_str(errors[rng_below(r, ARRAY_LEN(errors))]);
        s.body = span_eq(s.head, SPAN_LIT(STREAM_HEAD)) ? SPAN_LIT("data: " ERROR "\n\n")
                                                        : SPAN_LIT(ERROR);
    }
    s.gap_max = EV_MS(rng_below(r, 300));
    if (rng_chance(r, .5)) {
        s.rest_at = 1 + rng_below(r, s.body.n);
        s.rest_us = EV_MS(1000 + rng_below(r, 1000));
    }
    t->ups[i].script = s;
    if (rng_chance(r, .1))
        twin_refuse(t, i);
    else
        twin_listen(t, i);
}

static void check_life(uint64_t seed, const struct life *l, const struct twin *t,
                       const struct twin_client *c)
{
    struct buf body;
    unsigned status;
    bool clean;

    buf_init(&body, 65536);
    clean = twin_parse(buf_span(&c->in), &status, &body);
    if (t->records != 1)
        fail_msg("seed %llu: %u records", (unsigned long long)seed, t->records);
    if (!c->closed_at && status == 200 && clean != (count(buf_span(&body), l->ends) == 1))
        fail_msg("seed %llu: clean %d: %.*s", (unsigned long long)seed, clean,
                 SPAN_FMT(buf_span(&c->in)));
    if (count(buf_span(&body), l->begins) > 1)
        fail_msg("seed %llu: two answers: %.*s", (unsigned long long)seed,
                 SPAN_FMT(buf_span(&c->in)));
    if (!c->closed_at && !(status == 200 && clean) && !count(buf_span(&body), "\"error\""))
        fail_msg("seed %llu: no error: %.*s", (unsigned long long)seed, SPAN_FMT(buf_span(&c->in)));
    buf_fini(&body);
}

/* It was saved by a target that calls the model as the client does, and the others do not: the
 * request is as it came, and so is what the target says. */
static void check_saved(uint64_t seed, const struct life *l, const struct twin *t,
                        const struct twin_client *c)
{
    char model[32];

    UNUSED(snprintf(model, sizeof(model), "m%llu", (unsigned long long)(seed & 1)));
    if (t->record.status != 200 || !t->ups[TWIN_UPS - 1].requests)
        return;
    if (strcmp(t->ups[TWIN_UPS - 1].model, model) != 0)
        fail_msg("seed %llu: it was asked for %s", (unsigned long long)seed, t->ups[2].model);
    if (l == &lives[0] && !count(buf_span(&c->in), "\"model\":\"small\""))
        fail_msg("seed %llu: renamed: %.*s", (unsigned long long)seed, SPAN_FMT(buf_span(&c->in)));
}

/* Clients of several dialects, targets of two, whatever they do and whenever; some clients leave,
 * and some meet the end of a drain. */
static void drawn_lives(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        const struct life *l = &lives[seed % ARRAY_LEN(lives)];
        struct twin_client c = {0};
        char text[512];
        struct buf request;
        bool saved = seed % 5 == 0;
        struct rng draw;
        struct twin t;
        ev_us limit;

        rng_init(&draw, seed);
        buf_init(&request, 65536);
        twin_open_env(&t, seed, MIXED, (const char *[]){"K=sk-of-the-test", NULL});
        for (size_t i = 0; i < TWIN_UPS; i++)
            draw_script(&t, i, &draw);
        if (saved)
            set(&t, TWIN_UPS - 1, &good); /* whoever is left has somebody to be saved by */
        UNUSED(snprintf(text, sizeof(text), "{\"model\":\"m%llu\",%s}",
                        (unsigned long long)(seed & 1), l->more));
        limit = rng_chance(&draw, .7) ? EV_S(60) : EV_MS(10 + rng_below(&draw, 8000));
        twin_ask(&t, &c, kind_request(&request, l->path, text), limit);
        if (!c.closed && limit < EV_S(60) && rng_chance(&draw, .5))
            twin_leave(&c, NET_END_RESET);
        else if (limit < EV_S(60))
            relay_end_all(&t.gateway.relay, REASON_DRAINING);
        pass(&t, EV_S(5));
        check_life(seed, l, &t, &c);
        if (saved && limit == EV_S(60) && t.record.status != 200)
            fail_msg("seed %llu: %s", (unsigned long long)seed, t.record.text);
        if (saved && limit == EV_S(60))
            check_saved(seed, l, &t, &c);
        twin_client_fini(&c);
        twin_close(&t);
        buf_fini(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_takes_over),
        cmocka_unit_test(a_head_that_went_early_stays_true),
        cmocka_unit_test(a_head_waits_for_an_attempt),
        cmocka_unit_test(who_cannot_be_called_is_passed_over),
        cmocka_unit_test(records_are_of_one_attempt),
        cmocka_unit_test(the_last_record_is_of_its_attempt),
        cmocka_unit_test(what_cannot_be_translated_is_a_failure),
        cmocka_unit_test(a_large_answer_is_nobodys_failure),
        cmocka_unit_test(a_full_disk_is_nobodys_failure),
        cmocka_unit_test(who_asks_to_be_left_alone_is),
        cmocka_unit_test(who_is_sick_is_probed),
        cmocka_unit_test(the_last_one_is_probed_each_second),
        cmocka_unit_test(a_silent_provider_is_not_asked_for_another_model),
        cmocka_unit_test(a_short_wait_is_waited),
        cmocka_unit_test(a_client_leaves_between_attempts),
        cmocka_unit_test(the_gateway_changes_between_attempts),
        cmocka_unit_test(an_error_behind_an_early_head_is_the_first_event),
        cmocka_unit_test(drawn_faults),
        cmocka_unit_test(drawn_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
