/* Goal: a streamed text that breaks off is gone on with by another target, and the client reads one
 * text, once; or it is told honestly that it broke.
 * Method: upstreams in virtual time that break off at every place, and others that go on, begin
 * again, refuse, or break off in turn; what the client got is read back by a reader of its own. */
#include "health/waits.h"
#include "ups.h"

#include "base/mem.h"

#define VLLM(name, port)                                                                           \
    "  " name ": {type: vllm, endpoints: ['http://127.0.0.1:" port                                 \
    "'], timeout: {connect: 1s, first_token: 5s, idle: 5s, total: 60s}}\n"
#define IDLE(name, port) "  " name ": {type: vllm, endpoints: ['http://127.0.0.1:" port "']}\n"
#define CONF(more)                                                                                 \
    "version: 1\nproviders:\n" VLLM("a", "9000") VLLM("b", "9100")                                 \
        UP("c", "9200") "models:\n  m: {targets: [a/Org/Qwen3-4B, b/qwen3-4b]" more                \
                        "}\n  three: {targets: [a/m, b/m, c/m]" more                               \
                        "}\n  other: {targets: [a/m, b/n]" more                                    \
                        "}\n  mute: {targets: [a/m, c/m]" more "}\n"

static void run(const char *conf, const struct up *a, const struct up *b, const struct up *c,
                const char *request, struct twin *t, struct ups_got *g)
{
    twin_open(t, 1, conf);
    ups_set(t, 0, a);
    ups_set(t, 1, b);
    if (c)
        ups_set(t, 2, c);
    ups_ask(t, g, request, EV_S(40));
}

static void another_goes_on(void **state)
{
    const struct up a = {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_FIN};
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    run(CONF(""), &a, &b, NULL, REQUEST("m", "\"stream\":true,\"max_tokens\":100,"), &t, &g);
    assert_true(g.clean && g.status == 200);
    ups_is_text(&g, HEAD_TEXT TAIL_TEXT);
    assert_true(
        ups_said(&g, "{\"lamplighter\":{\"joined\":{\"target\":\"b/qwen3-4b\",\"at\":42}},"));
    assert_true(ups_said(&g, "data: [DONE]\n\n"));
    assert_int_equal(t.record.outcome, OUTCOME_JOINED);
    assert_int_equal(t.record.attempts, 2);
    assert_string_equal(t.record.tried, "a/Org/Qwen3-4B=truncated");
    assert_int_equal(t.more, 1);
    /* what it was asked */
    assert_non_null(strstr(t.ups[1].body, "{\"role\":\"assistant\",\"content\":\"Once upon a time "
                                          "there was a lamplighter,\"}"));
    assert_non_null(strstr(t.ups[1].body, "\"continue_final_message\":true"));
    assert_non_null(strstr(t.ups[1].body, "\"add_generation_prompt\":false"));
    assert_non_null(strstr(t.ups[1].body, "\"max_tokens\":97"));
    buf_fini(&g.body);
    twin_close(&t);
}

/* Wherever its bytes end, and however; one that is in the middle of an event is held back by
 * nobody, so nothing of it has been told. */
static void at_every_byte(void **state)
{
    static const enum twin_end ends[] = {TWIN_FIN, TWIN_RESET, TWIN_SILENT};
    const struct up b = {ANSWERS, STREAM_HEAD, GOOD, 0, TWIN_WHOLE};
    static const char begin[] = BEGIN;

    UNUSED(state);
    for (size_t cut = 1; cut < sizeof(begin); cut++) {
        struct up a = {ANSWERS, STREAM_HEAD, begin, cut, ends[cut % ARRAY_LEN(ends)]};
        struct buf told;
        struct twin t;
        struct ups_got g;
        unsigned roles;

        buf_init(&told, 4096);
        run(CONF(", retry: {same_target: 0}"), &a, &b, NULL, STREAM, &t, &g);
        assert_true(g.clean && g.status == 200);
        assert_true(ups_read_text(buf_span(&g.body), &told, &roles));
        assert_int_equal(roles, 1);
        assert_true(span_ends(buf_span(&told), SPAN_LIT("good")));
        told.n -= 4;
        assert_true(span_starts(SPAN_LIT(HEAD_TEXT), buf_span(&told)));
        assert_int_equal(t.record.outcome, told.n ? OUTCOME_JOINED : OUTCOME_EQUIVALENT);
        assert_int_equal(ups_said(&g, "lamplighter\":{"), told.n > 0);
        buf_fini(&told);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

static void what_it_says_again_is_left_out(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {ROLE WORD(" and") END, "there was a lamplighter, and"},   /* the blank is there */
        {ROLE WORD("  and") END, "there was a lamplighter,  and"}, /* ... and one more */
        {ROLE WORD("there was a lamplighter, and") END, "there was a lamplighter, and"},
        {ROLE WORD("there was ") WORD("a lamplighter, ") WORD("and") END,
         "there was a lamplighter, and"},
        {ROLE WORD(" a lamplighter, and") END, "there was a lamplighter, and"}, /* 16 bytes */
        {ROLE WORD("a lamplighter, and") END, "there was a lamplighter, a lamplighter, and"},
        {ROLE WORD("there was a lamp") END, "there was a lamplighter, there was a lamp"},
        {ROLE WORD("there was a lamplighter, there was a lamplighter, and") END,
         "there was a lamplighter, there was a lamplighter, and"}, /* once */
        {ROLE END, "there was a lamplighter, "},
    };
    const struct up a = {ANSWERS, STREAM_HEAD, ROLE WORD("there was a lamplighter, "), 0, TWIN_FIN};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct up b = {ANSWERS, STREAM_HEAD, rows[i].body, 0, TWIN_WHOLE};
        struct twin t;
        struct ups_got g;

        run(CONF(""), &a, &b, NULL, STREAM, &t, &g);
        assert_true(g.clean);
        ups_is_text(&g, rows[i].want);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

#define CALL                                                                                       \
    EVENT("{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"function\",\"function\":{"        \
          "\"name\":\"f\",\"arguments\":\"{\"}}]},\"finish_reason\":null")
#define SECOND_CHOICE                                                                              \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"small\",\"choices\":["  \
    "{\"index\":1,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n"
#define LOGPROBS                                                                                   \
    EVENT("{\"content\":\"x\"},\"logprobs\":{\"content\":[{\"token\":\"x\",\"logprob\":-1,"        \
          "\"bytes\":null,\"top_logprobs\":[]}]},\"finish_reason\":null")

/* Who is not asked to go on, and for what: then the first failure is told, and nobody else's. */
static void what_is_not_gone_on_with(void **state)
{
    static const struct {
        const char *name, *more, *request, *body;
        unsigned b;
    } rows[] = {
        {"nobody shall", ", continue: off", STREAM, BEGIN, 0},
        {"another family", "", REQUEST("other", "\"stream\":true,"), BEGIN, 0},
        {"another family may", ", continue: any", REQUEST("other", "\"stream\":true,"), BEGIN, 1},
        {"it begins with no given text", "", REQUEST("mute", "\"stream\":true,"), BEGIN, 0},
        {"a call is held", "", STREAM, BEGIN CALL, 1}, /* test_calls.c */
        {"another choice", "", STREAM, BEGIN SECOND_CHOICE, 0},
        {"log-probabilities", "", STREAM, BEGIN LOGPROBS, 0},
        {"JSON", "",
         REQUEST("m", "\"stream\":true,\"response_format\":{\"type\":\"json_object\"},"), BEGIN, 0},
        {"an unknown key", "", REQUEST("m", "\"stream\":true,\"guided_regex\":\"a*\","), BEGIN, 0},
    };
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct up a = {ANSWERS, STREAM_HEAD, rows[i].body, 0, TWIN_FIN};
        struct buf conf;
        struct twin t;
        struct ups_got g;

        buf_init(&conf, 65536);
        buf_printf(&conf, CONF("%s"), rows[i].more, rows[i].more, rows[i].more, rows[i].more);
        buf_add_char(&conf, '\0');
        run(conf.p, &a, &b, &b, rows[i].request, &t, &g);
        if (t.ups[1].requests + t.ups[2].requests != rows[i].b)
            fail_msg("%s: %u", rows[i].name, t.ups[1].requests + t.ups[2].requests);
        assert_int_equal(g.clean, rows[i].b);
        assert_int_equal(ups_said(&g, "[DONE]"), rows[i].b);
        assert_int_equal(ups_said(&g, "\"error\""), !rows[i].b);
        assert_int_equal(t.record.outcome, rows[i].b ? OUTCOME_JOINED : OUTCOME_FAILED);
        buf_fini(&conf);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* Is that the end of what the target is to begin with? */
static bool ends_with(const char *body, const char *text)
{
    const char *own = strstr(body, "\"role\":\"assistant\",\"content\":\"");
    const char *end = own ? strstr(own, "\"}]") : NULL;

    return end && span_ends(span_of(own, (size_t)(end - own)), span_str(text));
}

/* The one that goes on breaks off too, and refuses to go on itself; the first word is told. */
static void who_goes_on_fails_too(void **state)
{
    static const char half[] = ROLE WORD("and he kept ");
    static const char again[] = ROLE WORD("there was a lamplighter, and he kept ");
    static const char held[] = ROLE WORD("there was a lamp");
    const struct up a = {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_FIN};
    const struct {
        struct up b, c;
        unsigned asked;
        bool whole;
        const char *begins; /* what c is asked with; NULL: no matter */
    } rows[] = {
        {{ANSWERS, STREAM_HEAD, half, 0, TWIN_FIN},
         {ANSWERS, STREAM_HEAD, ROLE WORD("all the lamps alight.") END, 0, TWIN_WHOLE},
         2,
         true,
         HEAD_TEXT "and he kept"},
        {{ANSWERS, STREAM_HEAD, again, 0, TWIN_FIN}, /* what it said again nobody was told */
         {ANSWERS, STREAM_HEAD, ROLE WORD("all the lamps alight.") END, 0, TWIN_WHOLE},
         2,
         true,
         HEAD_TEXT "and he kept"},
        {{ANSWERS, STREAM_HEAD, held, 0, TWIN_FIN}, /* it broke before that was clear */
         {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE},
         2,
         true,
         "there was a lamplighter,"},
        {{ANSWERS, REFUSAL("400 No", ""), ERROR, 0, TWIN_WHOLE},
         {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE},
         2,
         true,
         NULL},
        {{ANSWERS, REFUSAL("400 No", ""), ERROR, 0, TWIN_WHOLE},
         {ANSWERS, REFUSAL("400 No", ""), ERROR, 0, TWIN_WHOLE},
         2,
         false,
         NULL},
        {{ANSWERS, WHOLE_HEAD, WHOLE, 0, TWIN_WHOLE}, /* no stream: nothing to go on with */
         {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE},
         3,
         true,
         NULL},
        {{REFUSES, "", "", 0, TWIN_WHOLE}, {REFUSES, "", "", 0, TWIN_WHOLE}, 0, false, NULL},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct twin t;
        struct ups_got g;

        run("version: 1\nproviders:\n" VLLM("a", "9000") VLLM("b", "9100") VLLM(
                "c", "9200") "models:\n  m: {targets: [a/m, b/m, c/m], retry: {attempts: 9}}\n",
            &a, &rows[i].b, &rows[i].c, STREAM, &t, &g);
        assert_int_equal(t.ups[0].requests, 1);
        assert_int_equal(t.ups[1].requests + t.ups[2].requests, rows[i].asked);
        assert_int_equal(g.clean, rows[i].whole);
        if (rows[i].whole) {
            ups_is_text(&g, HEAD_TEXT TAIL_TEXT);
            if (rows[i].begins)
                assert_true(ends_with(t.ups[2].body, rows[i].begins));
        } else { /* why it broke, and by whom; the record is of who was asked last */
            assert_true(ups_said(&g, "truncated") && !ups_said(&g, "[DONE]"));
            assert_true(ups_said(&g, "\"target\":\"a/m\""));
            assert_int_equal(t.record.outcome, OUTCOME_FAILED);
            assert_string_equal(t.record.target, "c/m");
            assert_int_equal(t.record.class_id,
                             rows[i].asked ? CLASS_CALLER : CLASS_NEVER_EXECUTED);
        }
        assert_int_equal(t.records, 1);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* An event of its that is longer than one is held whole is told in the end as others are, and the
 * next one goes on behind it. */
static void who_goes_on_says_much_at_once(void **state)
{
    const struct up a = {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_FIN};
    const struct up c = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};
    char much[20001], body[21000], want[21000];
    struct up b = {ANSWERS, STREAM_HEAD, body, 0, TWIN_FIN};
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    memset(much, 'x', sizeof(much) - 1);
    much[sizeof(much) - 1] = '\0';
    UNUSED(snprintf(body, sizeof(body), ROLE WORD("%s"), much));
    UNUSED(snprintf(want, sizeof(want), HEAD_TEXT "%s" TAIL_TEXT, much));
    run("version: 1\nproviders:\n" VLLM("a", "9000") VLLM("b", "9100")
            VLLM("c", "9200") "models:\n  m: {targets: [a/m, b/m, c/m], retry: {attempts: 9}}\n",
        &a, &b, &c, STREAM, &t, &g);
    assert_true(g.clean);
    ups_is_text(&g, want);
    assert_int_equal(t.record.attempts, 3);
    buf_fini(&g.body);
    twin_close(&t);
}

/* The same of who begins: behind it another one goes on. Within it nobody does, where the client
 * has got the half of it. */
static void who_begins_says_much_at_once(void **state)
{
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};
    char much[20001], body[21000], want[21000];

    UNUSED(state);
    memset(much, 'x', sizeof(much) - 1);
    much[sizeof(much) - 1] = '\0';
    UNUSED(snprintf(body, sizeof(body), BEGIN WORD("%s"), much));
    UNUSED(snprintf(want, sizeof(want), HEAD_TEXT "%s" TAIL_TEXT, much));
    for (size_t cut = 0; cut <= 18000; cut += 9000) { /* 0: behind it */
        struct up a = {ANSWERS, STREAM_HEAD, body, cut ? cut + strlen(BEGIN) : 0, TWIN_FIN};
        struct twin t;
        struct ups_got g;

        run(CONF(""), &a, &b, NULL, STREAM, &t, &g);
        assert_int_equal(g.clean, cut < 16384); /* of less of it nothing has been told */
        if (g.clean)
            ups_is_text(&g, cut == 0 ? want : HEAD_TEXT TAIL_TEXT);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

#define SAYS(n, type, more)                                                                        \
    "event: " type "\ndata: {\"type\":\"" type "\",\"sequence_number\":" #n "," more "}\n\n"
#define PLACE     "\"item_id\":\"msg_7\",\"output_index\":1,\"content_index\":0,"
#define REASONING "{\"id\":\"rs_7\",\"type\":\"reasoning\",\"summary\":[],\"strange\":1}"
#define RESPONSE_HEAD                                                                              \
    SAYS(0, "response.created",                                                                    \
         "\"response\":{\"id\":\"resp_7\",\"object\":\"response\",\"created_at\":77,"              \
         "\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}")                              \
    SAYS(1, "response.output_item.added", "\"output_index\":0,\"item\":" REASONING)                \
    SAYS(2, "response.output_item.done", "\"output_index\":0,\"item\":" REASONING)                 \
    SAYS(3, "response.output_item.added",                                                          \
         "\"output_index\":1,\"item\":{\"id\":\"msg_7\",\"type\":\"message\",\"status\":"          \
         "\"in_progress\",\"role\":\"assistant\",\"content\":[]}")                                 \
    SAYS(4, "response.content_part.added",                                                         \
         PLACE "\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}")             \
    SAYS(5, "response.output_text.delta", PLACE "\"delta\":\"" HEAD_TEXT "\"")
#define SEARCH                                                                                     \
    SAYS(6, "response.output_item.added",                                                          \
         "\"output_index\":2,\"item\":{\"id\":\"ws_1\",\"type\":\"web_search_call\"}")

/* Each event has the number behind the last one's. */
static void is_numbered(const struct ups_got *g, unsigned n)
{
    char want[40], last[40];

    for (unsigned i = 0; i <= n; i++) {
        UNUSED(snprintf(want, sizeof(want), "\"sequence_number\":%u,", i));
        UNUSED(snprintf(last, sizeof(last), "\"sequence_number\":%u}", i));
        if ((ups_said(g, want) || ups_said(g, last)) != (i < n))
            fail_msg("%u: %.*s", i, SPAN_FMT(buf_span(&g->body)));
    }
}

/* A client of Responses, whose events are numbered, name what they speak of, and say all of it
 * again in the end; whether it got the events of who began as they were, or translated ones. */
static void a_client_of_responses(void **state)
{
    static const char conf[] = "version: 1\nproviders:\n" VLLM("a", "9000")
        VLLM("b", "9100") "  c: {type: tgi, endpoints: ['http://127.0.0.1:9200']}\n"
                          "models:\n  m: {targets: [a/m, b/m]}\n  two: {targets: [c/m, b/m]}\n";
    static const struct {
        const char *model;
        struct up first;
        const char *id, *place;
        bool whole;
        unsigned events;
    } rows[] = {
        {"m",
         {ANSWERS, STREAM_HEAD, RESPONSE_HEAD, 0, TWIN_FIN},
         "\"id\":\"resp_7\"",
         PLACE,
         true,
         12},
        {"m",
         {ANSWERS, STREAM_HEAD, RESPONSE_HEAD SEARCH, 0, TWIN_FIN},
         "\"id\":\"resp_7\"",
         PLACE,
         false,
         8},
        {"two",
         {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_FIN},
         "\"id\":\"resp_c1\"",
         "\"item_id\":\"msg_c1_0\",\"output_index\":0,\"content_index\":0,",
         true,
         13},
    };
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf request;
        struct twin t;
        struct ups_got g;

        twin_open(&t, 1, conf);
        ups_set(&t, rows[i].model[0] == 't' ? 2 : 0, &rows[i].first);
        ups_set(&t, 1, &b);
        buf_init(&request, 4096);
        buf_printf(&request, "{\"model\":\"%s\",\"stream\":true,\"input\":\"hi\"}", rows[i].model);
        buf_add_char(&request, '\0');
        ups_ask_at(&t, &g, "/v1/responses", request.p, EV_S(40));
        if (g.clean != rows[i].whole)
            fail_msg("%zu: %.*s", i, SPAN_FMT(buf_span(&g.body)));
        assert_int_equal(t.ups[1].requests, rows[i].whole);
        is_numbered(&g, rows[i].events);
        assert_true(ups_said(&g, rows[i].id) && ups_said(&g, rows[i].place));
        assert_int_equal(ups_said(&g, "\"joined\":{\"target\":\"b/m\",\"at\":42}"), rows[i].whole);
        assert_int_equal(ups_said(&g, "\"text\":\"" HEAD_TEXT TAIL_TEXT "\""), rows[i].whole);
        if (rows[i].whole && rows[i].model[0] == 'm') /* in the end it is there as it came */
            assert_true(ups_said(&g, "\"output\":[" REASONING ",{\"id\":\"msg_7\"") &&
                        ups_said(&g, "\"created_at\":77,\"completed_at\""));
        buf_fini(&request);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* Who is another model, or takes no beginning, where the model lets him: asked in words, or afresh,
 * and held to it. */
static void others_are_asked_otherwise(void **state)
{
    static const struct {
        const char *rule, *rest;
        const char *want; /* NULL: he did not go on */
    } rows[] = {
        {"instruct", "and he kept all the lamps alight.", HEAD_TEXT TAIL_TEXT}, /* behind a blank */
        {"instruct", "there was a lamplighter, and so on.", HEAD_TEXT "and so on."},
        {"replay", HEAD_TEXT TAIL_TEXT, HEAD_TEXT TAIL_TEXT},
        {"replay", HEAD_TEXT, HEAD_TEXT},
        {"replay", "Once upon a time there was a baker.", NULL},
        {"replay", "Once upon a time", NULL},
        {"replay", "", NULL},
        {"family", HEAD_TEXT TAIL_TEXT, NULL},
        {"any", HEAD_TEXT TAIL_TEXT, NULL}, /* he takes no beginning */
    };
    const struct up a = {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_FIN};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool asked = rows[i].rule[0] == 'i' || rows[i].rule[0] == 'r';
        char conf[1024], body[2048], mark[200];
        struct up c = {ANSWERS, STREAM_HEAD, body, 0, TWIN_WHOLE};
        struct twin t;
        struct ups_got g;

        UNUSED(snprintf(conf, sizeof(conf),
                        "version: 1\nproviders:\n" VLLM("a", "9000") VLLM("b", "9100")
                            UP("c", "9200") "models:\n  m: {targets: [a/m, c/n], retry: "
                                            "{same_target: 0}, continue: %s}\n",
                        rows[i].rule));
        UNUSED(snprintf(body, sizeof(body), ROLE WORD("%s") END, rows[i].rest));
        UNUSED(snprintf(mark, sizeof(mark),
                        "\"joined\":{\"target\":\"c/n\",\"at\":42,\"how\":\"%s\"}", rows[i].rule));
        run(conf, &a, &a, &c, REQUEST("m", "\"stream\":true,\"max_tokens\":100,"), &t, &g);
        if (g.clean != (rows[i].want != NULL))
            fail_msg("%zu: %.*s", i, SPAN_FMT(buf_span(&g.body)));
        assert_int_equal(t.ups[2].requests, asked);
        assert_int_equal(ups_said(&g, mark), rows[i].want != NULL);
        if (rows[i].want)
            ups_is_text(&g, rows[i].want);
        if (asked) { /* how: a turn more behind what was told, or as the first one was */
            bool words = rows[i].rule[0] == 'i';
            const char *body_c = t.ups[2].body;

            assert_int_equal(
                strstr(body_c, "there was a lamplighter,\"},{\"role\":\"user\"") != NULL, words);
            assert_int_equal(strstr(body_c, words ? ":97" : ":100") != NULL, true);
        }
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* Who thinks first, or calls a tool, has not gone on with the text; another one may. */
static void who_begins_with_something_else(void **state)
{
    static const char *const begins[] = {
        ROLE EVENT("{\"reasoning_content\":\"hm\"},\"finish_reason\":null") REST, ROLE CALL END};
    const struct up a = {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_FIN};
    const struct up c = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        struct up b = {ANSWERS, STREAM_HEAD, begins[i], 0, TWIN_WHOLE};
        struct twin t;
        struct ups_got g;

        run("version: 1\nproviders:\n" VLLM("a", "9000") VLLM("b", "9100") VLLM(
                "c", "9200") "models:\n  m: {targets: [a/m, b/m, c/m], retry: {attempts: 9}}\n",
            &a, &b, &c, STREAM, &t, &g);
        assert_true(g.clean);
        ups_is_text(&g, HEAD_TEXT TAIL_TEXT);
        assert_true(ups_said(&g, "\"target\":\"c/m\"") && !ups_said(&g, "\"target\":\"b/m\""));
        assert_int_equal(t.record.outcome, OUTCOME_JOINED);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* The one that goes on breaks off, and the next one is of another family: the error is told in an
 * event of its own behind what both have said. */
static void nobody_of_the_family_is_left(void **state)
{
    const struct up a = {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_FIN};
    const struct up b = {ANSWERS, STREAM_HEAD, ROLE WORD("and he kept "), 0, TWIN_FIN};
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    run("version: 1\nproviders:\n" VLLM("a", "9000") VLLM("b", "9100")
            VLLM("c", "9200") "models:\n  m: {targets: [a/m, b/m, c/n], retry: {attempts: 9}}\n",
        &a, &b, &b, STREAM, &t, &g);
    assert_int_equal(t.ups[1].requests, 1);
    assert_int_equal(t.ups[2].requests, 0);
    assert_false(g.clean);
    assert_true(ups_said(&g, "and he kept ") && ups_said(&g, "\n\ndata: {\"error\""));
    assert_int_equal(t.record.outcome, OUTCOME_FAILED);
    buf_fini(&g.body);
    twin_close(&t);
}

/* The client waits for who goes on, who says nothing or only that it begins, and its connection is
 * kept alive; or it leaves. */
static void the_client_waits(void **state)
{
    static const struct {
        size_t rest_at;
        bool leaves;
    } rows[] = {{1, false}, {sizeof(ROLE) - 1, false}, {1, true}};
    const struct up a = {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_FIN};
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct twin_client c = {0};
        struct buf request, body;
        struct twin t;
        unsigned status;

        buf_init(&request, 65536);
        buf_init(&body, 65536);
        twin_open(&t, 1,
                  "version: 1\ndefaults: {timeout: {adaptive: false}}\nproviders:\n" IDLE(
                      "a", "9000") IDLE("b", "9100") "models: {m: {targets: [a/m, b/m]}}\n");
        ups_set(&t, 0, &a);
        ups_set(&t, 1, &b);
        t.ups[1].script.rest_at = rows[i].rest_at;
        t.ups[1].script.rest_us = EV_S(25);
        twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_S(15));
        assert_true(span_contains(buf_span(&c.in), SPAN_LIT(": keep-alive\n\n")));
        if (rows[i].leaves)
            twin_leave(&c, NET_END_RESET);
        ups_pass(&t, EV_S(20));
        assert_int_equal(t.records, 1);
        assert_int_equal(t.record.outcome, rows[i].leaves ? OUTCOME_CLIENT_GONE : OUTCOME_JOINED);
        if (!rows[i].leaves)
            assert_true(twin_parse(buf_span(&c.in), &status, &body));
        twin_client_fini(&c);
        twin_close(&t);
        buf_fini(&request);
        buf_fini(&body);
    }
}

#define ROOM ((size_t)64 * 1024) /* what the client reads needs no memory */

/* What it has read is one text, or the rest alone, of one that nothing had been told of, or no
 * whole answer. */
static void is_whole_or_broken(const struct twin_client *c, size_t at)
{
    struct buf body, text;
    unsigned status, roles;

    buf_init(&body, ROOM);
    buf_init(&text, ROOM);
    if (twin_parse(buf_span(&c->in), &status, &body)) {
        if (status == 200 && (!ups_read_text(buf_span(&body), &text, &roles) || roles != 1 ||
                              (!span_is(buf_span(&text), HEAD_TEXT TAIL_TEXT) &&
                               !span_is(buf_span(&text), TAIL_TEXT))))
            fail_msg("allocation %zu: '%.*s'", at, SPAN_FMT(buf_span(&body)));
    } else if (!c->closed) {
        fail_msg("allocation %zu: the client waits for ever", at);
    }
    buf_fini(&body);
    buf_fini(&text);
}

static void each_allocation_fails_once(void **state)
{
    const struct up a = {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_FIN};
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};
    struct buf request;
    bool hit = true;
    size_t at;

    UNUSED(state);
    buf_init(&request, ROOM);
    kind_request(&request, "/v1/chat/completions", STREAM);
    for (at = 1; hit; at++) {
        struct twin_client c = {0};
        struct twin t;

        twin_open(&t, 1, CONF(""));
        t.lenient = true;
        ups_set(&t, 0, &a);
        ups_set(&t, 1, &b);
        twin_ask(&t, &c, buf_span(&request), 0);
        assert_non_null(buf_reserve(&c.in, ROOM));
        mem_torture(at, false);
        ups_pass(&t, EV_S(400));
        hit = mem_torture_hit();
        mem_torture(0, false);
        is_whole_or_broken(&c, at);
        if (!hit)
            assert_int_equal(t.record.outcome, OUTCOME_JOINED);
        twin_client_fini(&c);
        twin_close(&t);
    }
    print_message("%zu allocations\n", at - 1);
    buf_fini(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_goes_on),
        cmocka_unit_test(at_every_byte),
        cmocka_unit_test(what_it_says_again_is_left_out),
        cmocka_unit_test(what_is_not_gone_on_with),
        cmocka_unit_test(who_goes_on_fails_too),
        cmocka_unit_test(who_goes_on_says_much_at_once),
        cmocka_unit_test(who_begins_says_much_at_once),
        cmocka_unit_test(a_client_of_responses),
        cmocka_unit_test(others_are_asked_otherwise),
        cmocka_unit_test(who_begins_with_something_else),
        cmocka_unit_test(nobody_of_the_family_is_left),
        cmocka_unit_test(the_client_waits),
        cmocka_unit_test(each_allocation_fails_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
