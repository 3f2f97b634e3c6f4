/* Goal: whatever one target does before its answer has begun, the client gets one whole answer of
 * another one, or one honest error; nobody is asked more often than the rules say; what is known of
 * a target keeps the next request from it.
 * Method: three upstreams in virtual time, each with a script of its own; then faults drawn by
 * seeds. */
#include "health/waits.h"
#include "ups.h"

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

static void check_row(const struct row *row, const struct twin *t, const struct ups_got *g)
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
    if (whole && (g->status != 200 || !g->clean || !ups_said(g, "good")))
        fail_msg("%s: status %u, clean %d: %s", row->name, g->status, g->clean, g->head);
    if (!whole && row->status && g->status != row->status)
        fail_msg("%s: status %u", row->name, g->status);
    if (!row->status && (g->clean || !ups_said(g, "\"error\"")))
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
        struct ups_got g;

        twin_open(&t, i + 1, PLAN(""));
        ups_set(&t, 0, &rows[i].a);
        ups_set(&t, 1, stream ? &up_good : &up_good_whole);
        ups_ask(&t, &g, rows[i].body, EV_S(30));
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
    struct ups_got g;

    UNUSED(state);
    twin_open(&t, 1,
              "version: 1\nproviders:\n  a: {type: openai-compatible, endpoints: "
              "['http://127.0.0.1:9000/v1'], private: true, timeout: {first_token: 35s}}\n" UP(
                  "b", "9100") "models: {m: {targets: [a/m, b/m]}}\n");
    ups_set(&t, 0, &slow);
    ups_set(&t, 1, &up_good);
    ups_ask(&t, &g, STREAM, EV_S(60));
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

/* What the caller did wrong is said in the target's words, if they came whole and are few. */
static void half_a_refusal_is_not_passed_on(void **state)
{
    static const struct {
        size_t n, cut; /* bytes of the body; how many come, 0: all */
        bool words;    /* the target's own come out */
    } cases[] = {{40, 0, true},     {40, 20, false},   {65535, 0, true},
                 {65536, 0, false}, {65537, 0, false}, {200000, 0, false}};
    static const char begin[] = "{\"error\":{\"message\":\"", end[] = "\"}}";

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *body = test_malloc(cases[i].n + 1);
        struct up bad = {ANSWERS, REFUSAL("400 No", ""), body, cases[i].cut,
                         cases[i].cut ? TWIN_FIN : TWIN_WHOLE};
        struct twin t;
        struct ups_got g;

        memset(body, 'x', cases[i].n);
        memcpy(body, begin, sizeof(begin) - 1);
        memcpy(body + cases[i].n - (sizeof(end) - 1), end, sizeof(end));
        twin_open(&t, i + 1, PLAN(""));
        ups_set(&t, 0, &bad);
        ups_ask(&t, &g, STREAM, EV_S(30));
        if (g.status != 400 || !g.clean || !ups_said(&g, "\"error\"") ||
            ups_said(&g, "\"lamplighter\"") == cases[i].words ||
            (g.body.n == cases[i].n && memcmp(g.body.p, body, g.body.n) == 0) != cases[i].words)
            fail_msg("%zu bytes, cut at %zu: status %u, %zu bytes %s", cases[i].n, cases[i].cut,
                     g.status, g.body.n, g.head);
        buf_fini(&g.body);
        twin_close(&t);
        test_free(body);
    }
}

/* Asks once; whom did it reach? */
static unsigned reaches(struct twin *t, const char *body, struct ups_got *g)
{
    unsigned before[TWIN_UPS], met = 0;

    for (size_t i = 0; i < TWIN_UPS; i++)
        before[i] = t->ups[i].requests;
    t->records = 0;
    ups_ask(t, g, body, EV_S(3));
    assert_int_equal(t->records, 1);
    for (size_t i = 0; i < TWIN_UPS; i++)
        met = met * 10 + t->ups[i].requests - before[i];
    buf_fini(&g->body);
    return met;
}

static void who_asks_to_be_left_alone_is(void **state)
{
    struct up limited = {ANSWERS, REFUSAL("429 No", "retry-after: 30\r\n"), ERROR, 0, TWIN_WHOLE};
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    ups_set(&t, 0, &limited);
    ups_set(&t, 1, &up_good);
    assert_int_equal(reaches(&t, STREAM, &g), 110);
    assert_int_equal(reaches(&t, STREAM, &g), 10);
    assert_int_equal(t.record.outcome, OUTCOME_FULL); /* the first one that was asked */
    assert_int_equal(reaches(&t, REQUEST("alone", ""), &g), 0);
    assert_int_equal(g.status, 429);
    assert_true(t.record.configured && t.record.target[0] == '\0');
    assert_non_null(strstr(g.head, "retry-after: 2"));
    assert_non_null(strstr(g.head, "x-lamplighter-reason: left-alone\r\n"));
    assert_non_null(strstr(g.head, "x-should-retry: true\r\n"));
    ups_pass(&t, EV_S(34));
    ups_set(&t, 0, &up_good);
    assert_int_equal(reaches(&t, STREAM, &g), 100);
    twin_close(&t);
}

static void who_is_sick_is_probed(void **state)
{
    struct up sick = {ANSWERS, REFUSAL("503 No", ""), ERROR, 0, TWIN_WHOLE};
    struct twin t;
    struct ups_got g;
    unsigned first = 0;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    ups_set(&t, 0, &sick);
    ups_set(&t, 1, &up_good);
    for (int i = 0; i < 5; i++)
        assert_int_equal(reaches(&t, STREAM, &g), 110);
    for (int i = 0; i < 20; i++)
        if (reaches(&t, STREAM, &g) == 110) /* a probe: 2.5 to 5 s behind the fifth */
            break;
    assert_int_equal(t.ups[0].requests, 6);
    ups_set(&t, 0, &up_good);
    ups_pass(&t, EV_S(11));
    for (int i = 0; i < 3; i++)
        assert_int_equal(reaches(&t, STREAM, &g), 100);
    for (int i = 0; i < 20; i++)
        first += reaches(&t, STREAM, &g) == 100;
    assert_in_range(first, 1, 19); /* by and by */
    assert_int_equal(reaches(&t, REQUEST("alone", "\"stream\":true,"), &g), 100);
    ups_pass(&t, EV_S(31));
    for (int i = 0; i < 20; i++)
        assert_int_equal(reaches(&t, STREAM, &g), 100);
    twin_close(&t);
}

static void the_last_one_is_probed_each_second(void **state)
{
    struct up sick = {ANSWERS, REFUSAL("503 No", ""), ERROR, 0, TWIN_WHOLE};
    unsigned reached = 0;
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    ups_set(&t, 0, &sick);
    for (int i = 0; i < 5; i++)
        assert_int_equal(reaches(&t, REQUEST("alone", ""), &g), 100);
    for (int i = 0; i < 10; i++) {
        reached += reaches(&t, REQUEST("alone", ""), &g) > 0; /* takes 3 s */
        assert_int_equal(reaches(&t, REQUEST("alone", ""), &g) + g.status, 503 + 100);
    }
    assert_int_equal(reached, 10);
    ups_set(&t, 0, &up_good_whole);
    ups_pass(&t, EV_S(1));
    for (int i = 0; i < 5; i++)
        assert_int_equal(reaches(&t, REQUEST("alone", ""), &g), 100);
    twin_close(&t);
}

static void a_silent_provider_is_not_asked_for_another_model(void **state)
{
    struct up silent = {ANSWERS, "", "", 0, TWIN_SILENT};
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    ups_set(&t, 0, &silent);
    ups_set(&t, 1, &up_good);
    ups_ask(&t, &g, REQUEST("same", "\"stream\":true,"), EV_S(30));
    assert_int_equal(t.ups[0].requests, 1);
    assert_int_equal(t.ups[1].requests, 1);
    assert_int_equal(g.status, 200);
    buf_fini(&g.body);
    twin_close(&t);
}

/* So long as its own answers say, where another one can be asked; else as is configured. */
static void who_takes_unusually_long_is_left(void **state)
{
    static const struct {
        const char *timeout, *model;
        unsigned after_s;
    } cases[] = {
        {"", "m", 10}, {"", "alone", 300}, {", adaptive: false", "m", 300}, {"", "n", 300}};
    struct up silent = {ANSWERS, "", "", 0, TWIN_SILENT};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf conf, request;
        struct twin t;
        struct ups_got g;

        buf_init(&conf, 65536);
        buf_init(&request, 4096);
        buf_printf(&conf,
                   "version: 1\ndefaults: {timeout: {first_token: 5m, total: 5m%s}}\nproviders:\n"
                   "  a: {type: openai-compatible, endpoints: ['http://127.0.0.1:9000/v1'], "
                   "private: true}\n"
                   "  b: {type: openai-compatible, endpoints: ['http://127.0.0.1:9100/v1'], "
                   "private: true}\n"
                   "models:\n  m: {targets: [a/m, b/m]}\n  alone: {targets: a/m}\n"
                   "  n: {targets: [a/m, a/n]}\n",
                   cases[i].timeout);
        buf_add_char(&conf, '\0');
        twin_open(&t, 1, conf.p);
        ups_set(&t, 0, &up_good);
        ups_set(&t, 1, &up_good);
        for (unsigned n = 0; n < WAITS_FEW; n++) {
            ups_ask(&t, &g, STREAM, EV_S(1));
            assert_int_equal(g.status, 200);
            buf_fini(&g.body);
        }
        ups_set(&t, 0, &silent);
        buf_printf(&request, REQUEST("%s", "\"stream\":true,"), cases[i].model);
        buf_add_char(&request, '\0');
        ups_ask(&t, &g, request.p, EV_S(400));
        assert_int_equal(t.record.duration_us / EV_S(1), cases[i].after_s);
        assert_int_equal(g.status, cases[i].after_s == 10 ? 200 : 504);
        buf_fini(&g.body);
        twin_close(&t);
        buf_fini(&conf);
        buf_fini(&request);
    }
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
        ups_set(&t, 0, &limited);
        ups_set(&t, 1, &up_good);
        twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_S(1));
        ups_set(&t, 0, &up_good);
        ups_pass(&t, EV_S(5));
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
            struct ups_got g;

            for (size_t i = 0; i < TWIN_UPS; i++) {
                size_t which = rng_below(&draw, ARRAY_LEN(bad) + 6);

                any |= which >= ARRAY_LEN(bad);
                ups_set(&t, i, which < ARRAY_LEN(bad) ? &bad[which] : &up_good);
            }
            t.records = 0;
            ups_ask(&t, &g, REQUEST("all", "\"stream\":true,"), EV_S(40));
            if (t.records != 1 || t.up_requests - before > 6)
                fail_msg("seed %llu: %u records, %u requests", (unsigned long long)seed, t.records,
                         t.up_requests - before);
            if (g.status == 200 ? !g.clean && !ups_said(&g, "\"error\"")
                                : !ups_said(&g, "\"error\""))
                fail_msg("seed %llu: %s", (unsigned long long)seed, g.head);
            if (g.status == 200 && g.clean && !ups_said(&g, "[DONE]"))
                fail_msg("seed %llu: a false completion: %s", (unsigned long long)seed, g.head);
            answered += g.status == 200 && g.clean;
            honest += !any || (g.status == 200 && g.clean);
            buf_fini(&g.body);
            ups_pass(&t, rng_below(&draw, EV_S(20)));
        }
        /* All is well again: within some seconds nobody notices that it ever was not. */
        for (size_t i = 0; i < TWIN_UPS; i++)
            ups_set(&t, i, &up_good);
        for (int n = 0; n < 3; n++) {
            struct ups_got g;

            ups_ask(&t, &g, REQUEST("all", "\"stream\":true,"), EV_S(10));
            if (g.status != 200 || !g.clean)
                fail_msg("seed %llu: it stays sick: %s", (unsigned long long)seed, g.head);
            buf_fini(&g.body);
        }
        twin_close(&t);
    }
    print_message("%u of 2400 answered, %u as well as could be\n", answered, honest);
    assert_true(honest > 2350);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_takes_over),
        cmocka_unit_test(half_a_refusal_is_not_passed_on),
        cmocka_unit_test(a_head_that_went_early_stays_true),
        cmocka_unit_test(who_asks_to_be_left_alone_is),
        cmocka_unit_test(who_is_sick_is_probed),
        cmocka_unit_test(the_last_one_is_probed_each_second),
        cmocka_unit_test(a_silent_provider_is_not_asked_for_another_model),
        cmocka_unit_test(who_takes_unusually_long_is_left),
        cmocka_unit_test(a_short_wait_is_waited),
        cmocka_unit_test(drawn_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
