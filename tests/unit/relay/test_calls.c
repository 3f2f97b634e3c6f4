/* Goal: of a call that could be lost with its target the client is told when it is whole, and a
 * break before that is one behind the text in front of it; in every dialect of a client, as the
 * target said it or translated; but not for ever, and not without end. Method: upstreams in virtual
 * time whose streams hold a text and a call, cut at every byte, or paused within the call, and
 * another one that goes on. */
#include "ups.h"

#include "base/mem.h"

#define VLLM(name, port)                                                                           \
    "  " name ": {type: vllm, endpoints: ['http://127.0.0.1:" port                                 \
    "'], timeout: {connect: 1s, first_token: 30s, idle: 30s, total: 90s, adaptive: false}}\n"
#define CONF                                                                                       \
    "version: 1\nproviders:\n" VLLM("a", "9000")                                                   \
        VLLM("b", "9100") "  k: {type: tgi, endpoints: ['http://127.0.0.1:9000']}\n"               \
                          "  x: {type: anthropic, endpoints: ['http://127.0.0.1:9000'], private: " \
                          "true, key: 'env:K'}\n"                                                  \
                          "defaults: {retry: {same_target: 0}, breaker: false}\nmodels:\n  m: "    \
                          "{targets: [a/m, b/m]}\n"                                                \
                          "  t: {targets: [k/m, b/m]}\n  x: {targets: [x/m, b/m]}\n"               \
                          "  off: {targets: [a/m, b/m], continue: 'off'}\n"

static const char *const env[] = {"K=sk-key", NULL};

#define TOOL "light_lamp"

/* clang-format off: each line of these texts is a line on the wire */
#define PIECE(more, args)                                                                          \
    EVENT("{\"tool_calls\":[{\"index\":0" more ",\"function\":{" args "}}]},\"finish_reason\":"    \
          "null")
#define NAMED(name, json)   "event: " name "\ndata: {\"type\":\"" name "\"" json "}\n\n"
#define SAYS(n, type, more) NAMED(type, ",\"sequence_number\":" #n "," more)
#define AT_TEXT             "\"item_id\":\"msg_7\",\"output_index\":0,\"content_index\":0,"
#define MESSAGE(text)                                                                              \
    "{\"id\":\"msg_7\",\"type\":\"message\",\"status\":\"completed\",\"role\":"                    \
    "\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"" text                        \
    "\",\"annotations\":[]}]}"
#define CALL "{\"id\":\"fc_7\",\"type\":\"function_call\",\"call_id\":\"c7\",\"name\":\"" TOOL "\","

#define CHAT_TEXT ROLE WORD("Once upon a time ") WORD("there was ") WORD("a lamplighter, ")
#define CHAT_CALL                                                                                  \
    PIECE(",\"id\":\"c7\",\"type\":\"function\"", "\"name\":\"" TOOL "\",\"arguments\":\"\"")      \
    PIECE("", "\"arguments\":\"{\\\"n\\\":\"") PIECE("", "\"arguments\":\"17}\"")
#define CHAT_END EVENT("{},\"finish_reason\":\"tool_calls\"") "data: [DONE]\n\n"

#define MESSAGES_START                                                                             \
    NAMED("message_start",                                                                         \
          ",\"message\":{\"id\":\"m1\",\"type\":\"message\",\"role\":"                             \
          "\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"usage\":"           \
          "{\"input_tokens\":7,\"output_tokens\":1}}")
#define MESSAGES_TEXT                                                                              \
    MESSAGES_START                                                                                 \
    NAMED("content_block_start",                                                                   \
          ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")                      \
    NAMED("content_block_delta",                                                                   \
          ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"" HEAD_TEXT "\"}")
#define MESSAGES_CALL                                                                              \
    NAMED("content_block_stop", ",\"index\":0")                                                    \
    NAMED("content_block_start", ",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":"   \
                                 "\"c7\",\"name\":\"" TOOL "\",\"input\":{}}")                     \
    NAMED(                                                                                         \
        "content_block_delta",                                                                     \
        ",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"n\\\":\"}") \
    NAMED("ping", "")                                                                              \
    NAMED("content_block_delta",                                                                   \
          ",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"17}\"}")       \
    NAMED("content_block_stop", ",\"index\":1")
#define MESSAGES_END                                                                               \
    NAMED("message_delta",                                                                         \
          ",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":9}")             \
    NAMED("message_stop", "")

#define RESPONSES_TEXT                                                                             \
    SAYS(0, "response.created",                                                                    \
         "\"response\":{\"id\":\"resp_7\",\"object\":\"response\","                                \
         "\"created_at\":77,\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}")            \
    SAYS(1, "response.output_item.added",                                                          \
         "\"output_index\":0,\"item\":{\"id\":\"msg_7\",\"type\":"                                 \
         "\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}")          \
    SAYS(2, "response.content_part.added",                                                         \
         AT_TEXT "\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}")           \
    SAYS(3, "response.output_text.delta", AT_TEXT "\"delta\":\"" HEAD_TEXT "\"")
#define RESPONSES_CALL                                                                             \
    SAYS(4, "response.output_text.done", AT_TEXT "\"text\":\"" HEAD_TEXT "\"")                     \
    SAYS(5, "response.content_part.done",                                                          \
         AT_TEXT "\"part\":{\"type\":\"output_text\",\"text\":\"" HEAD_TEXT                        \
                 "\",\"annotations\":[]}")                                                         \
    SAYS(6, "response.output_item.done", "\"output_index\":0,\"item\":" MESSAGE(HEAD_TEXT))        \
    SAYS(7, "response.output_item.added",                                                          \
         "\"output_index\":1,\"item\":" CALL "\"status\":\"in_progress\",\"arguments\":\"\"}")     \
    SAYS(8, "response.function_call_arguments.delta",                                              \
         "\"item_id\":\"fc_7\",\"output_index\":1,\"delta\":\"{\\\"n\\\":\"")                      \
    SAYS(9, "response.function_call_arguments.delta",                                              \
         "\"item_id\":\"fc_7\",\"output_index\":1,\"delta\":\"17}\"")                              \
    SAYS(10, "response.function_call_arguments.done",                                              \
         "\"item_id\":\"fc_7\",\"output_index\":1,\"arguments\":\"{\\\"n\\\":17}\"")               \
    SAYS(11, "response.output_item.done",                                                          \
         "\"output_index\":1,\"item\":" CALL                                                       \
         "\"status\":\"completed\",\"arguments\":\"{\\\"n\\\":17}\"}")
#define RESPONSES_END                                                                              \
    SAYS(12, "response.completed",                                                                 \
         "\"response\":{\"id\":\"resp_7\",\"object\":\"response\","                                \
         "\"created_at\":77,\"status\":\"completed\",\"model\":\"m\",\"output\":[" MESSAGE(        \
             HEAD_TEXT) "," CALL "\"status\":\"completed\",\"arguments\":\"{\\\"n\\\":17}\"}]}")
/* clang-format on */

#define ASK_CHAT(m)      REQUEST(m, "\"stream\":true,")
#define ASK_MESSAGES(m)  REQUEST(m, "\"stream\":true,\"max_tokens\":99,")
#define ASK_RESPONSES(m) "{\"model\":\"" m "\",\"stream\":true,\"input\":\"hi\"}"
#define CHAT             "/v1/chat/completions"
#define MESSAGES         "/v1/messages"
#define RESPONSES        "/v1/responses"

/* A client, and who begins for it: in its own dialect, or in another one. */
static const struct row {
    const char *name, *path, *ask;
    const char *text, *call, *end; /* what that one says, in this order */
    const char *key;               /* behind which the client reads pieces of the text */
    bool same;
} rows[] = {
    {"chat", CHAT, ASK_CHAT("m"), CHAT_TEXT, CHAT_CALL, CHAT_END, "\"content\":\"", true},
    {"messages", MESSAGES, ASK_MESSAGES("m"), MESSAGES_TEXT, MESSAGES_CALL, MESSAGES_END,
     "\"text\":\"", true},
    {"responses", RESPONSES, ASK_RESPONSES("m"), RESPONSES_TEXT, RESPONSES_CALL, RESPONSES_END,
     "\"delta\":\"", true},
    {"messages of chat", MESSAGES, ASK_MESSAGES("t"), CHAT_TEXT, CHAT_CALL, CHAT_END, "\"text\":\"",
     false},
    {"responses of chat", RESPONSES, ASK_RESPONSES("t"), CHAT_TEXT, CHAT_CALL, CHAT_END,
     "\"delta\":\"", false},
    {"chat of messages", CHAT, ASK_CHAT("x"), MESSAGES_TEXT, MESSAGES_CALL, MESSAGES_END,
     "\"content\":\"", false},
    {"responses of messages", RESPONSES, ASK_RESPONSES("x"), MESSAGES_TEXT, MESSAGES_CALL,
     MESSAGES_END, "\"delta\":\"", false},
};

/* What the client reads of the text. */
static void read_text(const struct ups_got *g, const char *key, struct buf *text)
{
    const char *p = g->body.p, *end = p + g->body.n;

    buf_init(text, 65536);
    while ((p = memmem(p, (size_t)(end - p), key, strlen(key))) != NULL)
        for (p += strlen(key); p < end && *p != '"'; p++)
            buf_add_char(text, *p);
}

static void ask(struct twin *t, struct ups_got *g, const struct row *row, const struct up *a,
                const struct up *b)
{
    twin_open_env(t, 1, CONF, env);
    ups_set(t, 0, a);
    ups_set(t, 1, b);
    ups_ask_at(t, g, row->path, row->ask, EV_S(80));
}

static char whole[16384];

static const char *all_of(const struct row *row)
{
    UNUSED(snprintf(whole, sizeof(whole), "%s%s%s", row->text, row->call, row->end));
    return whole;
}

/* Wherever it breaks behind its text: before its finish reason is there, nothing of the call is
 * told, and another one goes on with the text. */
static void cut_at_every_byte(void **state)
{
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        size_t text = strlen(row->text), call = text + strlen(row->call);
        struct twin t;

        twin_open_env(&t, 1, CONF, env);
        ups_set(&t, 1, &b);
        for (size_t cut = text; cut <= call; cut++) {
            struct up a = {ANSWERS, STREAM_HEAD, all_of(row), cut, TWIN_FIN};
            struct buf told;
            struct ups_got g;

            ups_set(&t, 0, &a);
            ups_ask_at(&t, &g, row->path, row->ask, EV_S(80));
            read_text(&g, row->key, &told);
            if (!g.clean || ups_said(&g, TOOL) || !span_is(buf_span(&told), HEAD_TEXT TAIL_TEXT))
                fail_msg("%s, cut at %zu: %.*s", row->name, cut, SPAN_FMT(buf_span(&g.body)));
            assert_int_equal(t.record.outcome, OUTCOME_JOINED);
            assert_true(ups_said(&g, "\"joined\":{\"target\":\"b/m\",\"at\":42}"));
            buf_fini(&told);
            buf_fini(&g.body);
        }
        twin_close(&t);
    }
}

/* Uncut, the client gets it as it is, to the byte where nothing is translated. */
static void a_whole_call_is_told(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct up a = {ANSWERS, STREAM_HEAD, all_of(&rows[i]), 0, TWIN_WHOLE};
        struct twin t;
        struct ups_got g;

        ask(&t, &g, &rows[i], &a, &up_good);
        assert_true(g.clean && ups_said(&g, TOOL) && ups_said(&g, "17}"));
        assert_int_equal(t.ups[1].requests, 0);
        assert_int_equal(t.record.outcome, OUTCOME_FULL);
        if (rows[i].same)
            assert_true(span_is(buf_span(&g.body), whole));
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* An answer that begins with a call is nobody's before it is whole: another one is asked afresh. */
static void a_call_alone(void **state)
{
    static const char messages_call[] = MESSAGES_CALL;
    const struct {
        const char *path, *ask, *start, *call, *good;
    } alone[] = {
        {CHAT, ASK_CHAT("m"), ROLE, CHAT_CALL, GOOD},
        {MESSAGES, ASK_MESSAGES("m"), MESSAGES_START,
         strstr(messages_call, "event: content_block_start"), MESSAGES_TEXT MESSAGES_END},
        {MESSAGES, ASK_MESSAGES("t"), ROLE, CHAT_CALL, MESSAGES_TEXT MESSAGES_END},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(alone); i++) {
        char body[8192];
        struct up a = {ANSWERS, STREAM_HEAD, body, 0, TWIN_FIN};
        const struct up b = {ANSWERS, STREAM_HEAD, alone[i].good, 0, TWIN_WHOLE};
        struct row row = {.path = alone[i].path, .ask = alone[i].ask};
        struct twin t;
        struct ups_got g;

        UNUSED(snprintf(body, sizeof(body), "%s%s", alone[i].start, alone[i].call));
        ask(&t, &g, &row, &a, &b);
        assert_true(g.clean && (ups_said(&g, "good") || ups_said(&g, HEAD_TEXT)));
        assert_false(ups_said(&g, TOOL) || ups_said(&g, "\"joined\""));
        assert_int_equal(t.record.outcome, OUTCOME_EQUIVALENT);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* One that is whole is told with its answer's end, and as its first content. */
static void a_whole_call_alone(void **state)
{
    static const char messages_call[] = MESSAGES_CALL;
    const struct {
        const char *path, *ask, *start, *call, *end;
    } alone[] = {
        {CHAT, ASK_CHAT("m"), ROLE, CHAT_CALL, CHAT_END},
        {CHAT, ASK_CHAT("x"), MESSAGES_START, strstr(messages_call, "event: content_block_start"),
         MESSAGES_END},
        {MESSAGES, ASK_MESSAGES("m"), MESSAGES_START,
         strstr(messages_call, "event: content_block_start"), MESSAGES_END},
        {MESSAGES, ASK_MESSAGES("t"), ROLE, CHAT_CALL, CHAT_END},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(alone); i++) {
        char body[8192];
        struct up a = {ANSWERS, STREAM_HEAD, body, 0, TWIN_WHOLE};
        struct row row = {.path = alone[i].path, .ask = alone[i].ask};
        struct twin t;
        struct ups_got g;

        UNUSED(snprintf(body, sizeof(body), "%s%s%s", alone[i].start, alone[i].call, alone[i].end));
        ask(&t, &g, &row, &a, &up_good);
        assert_true(g.clean && ups_said(&g, TOOL) && ups_said(&g, "17}"));
        assert_int_equal(t.record.outcome, OUTCOME_FULL);
        assert_true(t.record.first_us > 0);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* The first piece has been held for as long as may be; the next one comes at once. */
static void nothing_is_held_behind_what_was_told(void **state)
{
    static const char body[] = CHAT_TEXT CHAT_CALL;
    struct up a = {ANSWERS, STREAM_HEAD, body, 0, TWIN_SILENT};
    struct twin_client c = {0};
    struct buf request;
    struct twin t;

    UNUSED(state);
    buf_init(&request, 4096);
    twin_open_env(&t, 1, CONF, env);
    ups_set(&t, 0, &a);
    t.ups[0].script.rest_at = (size_t)(strstr(body, "17}") - body) - 1;
    t.ups[0].script.rest_us = EV_S(9);
    twin_ask(&t, &c, kind_request(&request, CHAT, ASK_CHAT("m")), EV_MS(8900));
    assert_true(span_contains(buf_span(&c.in), SPAN_LIT(TOOL)));
    assert_false(span_contains(buf_span(&c.in), SPAN_LIT("17}")));
    ups_pass(&t, EV_MS(300));
    assert_true(span_contains(buf_span(&c.in), SPAN_LIT("17}")));
    buf_fini(&request);
    ups_pass(&t, EV_S(60));
    twin_client_fini(&c);
    twin_close(&t);
}

/* What the client has when its target has rested within the call for so long, and in the end. */
static void held_for_five_seconds(void **state)
{
    static const struct {
        const char *model;
        bool alone; /* nothing is before the call */
        ev_us rest_us, look_us;
        bool told, whole, fails;
    } waits[] = {
        {"m", false, EV_S(4), EV_MS(3900), false, true, false},
        {"m", true, EV_S(4), EV_MS(3900), false, true, false},
        {"m", false, EV_S(9), EV_MS(4900), false, true, false},
        {"m", false, EV_S(9), EV_MS(5200), true, true, false},
        {"m", true, EV_S(9), EV_MS(5200), true, true, false},
        {"m", false, EV_S(9), EV_MS(5200), true, false, true}, /* and then it breaks off */
        {"m", true, EV_S(9), EV_MS(5200), true, false, true},
        {"m", false, EV_S(4), EV_MS(3900), false, false, false},
        {"off", false, EV_S(4), EV_MS(100), true, true, false}, /* nobody could go on */
        {"off", true, EV_S(4), EV_MS(100), true, true, false},
    };
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        static const char with[] = CHAT_TEXT CHAT_CALL CHAT_END,
                          without[] = ROLE CHAT_CALL CHAT_END;
        const char *body = waits[i].alone ? without : with, *half = strstr(body, "17}");
        struct up a = {ANSWERS, STREAM_HEAD, body, 0, waits[i].whole ? TWIN_WHOLE : TWIN_FIN};
        struct twin_client c = {0};
        struct buf request, got;
        struct twin t;
        unsigned status;

        a.cut_at = waits[i].whole ? 0 : (size_t)(half - body);
        twin_open_env(&t, 1, CONF, env);
        ups_set(&t, 0, &a);
        ups_set(&t, 1, &b);
        t.ups[0].script.rest_at = (size_t)(half - body) - 1;
        t.ups[0].script.rest_us = waits[i].rest_us;
        buf_init(&request, 4096);
        buf_init(&got, 65536);
        buf_printf(&got, REQUEST("%s", "\"stream\":true,"), waits[i].model);
        buf_add_char(&got, '\0');
        kind_request(&request, CHAT, got.p);
        buf_reset(&got);
        twin_ask(&t, &c, buf_span(&request), waits[i].look_us);
        if (span_contains(buf_span(&c.in), SPAN_LIT(TOOL)) != waits[i].told)
            fail_msg("row %zu: %.*s", i, SPAN_FMT(buf_span(&c.in)));
        if (waits[i].look_us > EV_S(2)) /* the client waits no longer for its head than ever */
            assert_true(span_contains(buf_span(&c.in), SPAN_LIT("200 OK")));
        ups_pass(&t, EV_S(60));
        assert_int_equal(twin_parse(buf_span(&c.in), &status, &got), !waits[i].fails);
        assert_int_equal(span_contains(buf_span(&got), SPAN_LIT("17}")), waits[i].whole);
        assert_int_equal(span_contains(buf_span(&got), SPAN_LIT("\"error\"")), waits[i].fails);
        assert_int_equal(t.ups[1].requests, !waits[i].whole && !waits[i].fails);
        buf_fini(&request);
        buf_fini(&got);
        twin_client_fini(&c);
        twin_close(&t);
    }
}

/* What is longer is told as it comes, and nobody goes on behind it. */
static void not_without_end(void **state)
{
    static const size_t sizes[] = {1, 15, 17, 60}; /* KiB */
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct row row = {.path = CHAT, .ask = ASK_CHAT("m")};
        struct up a = {ANSWERS, STREAM_HEAD, NULL, 0, TWIN_FIN};
        bool fits = sizes[i] <= 16;
        struct buf body;
        struct twin t;
        struct ups_got g;

        buf_init(&body, 1024 * 1024);
        buf_add_str(&body, CHAT_TEXT CHAT_CALL);
        while (body.n + 160 < sizes[i] * 1024)
            buf_add_str(&body, PIECE("", "\"arguments\":\"0000000000\""));
        buf_add_char(&body, '\0');
        a.body = body.p;
        ask(&t, &g, &row, &a, &b);
        assert_int_equal(g.clean, fits);
        assert_int_equal(ups_said(&g, TOOL), !fits);
        assert_int_equal(t.ups[1].requests, fits);
        assert_int_equal(t.record.outcome, fits ? OUTCOME_JOINED : OUTCOME_FAILED);
        buf_fini(&body);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* Nobody goes on: the error has the number behind what was told, whatever was held. */
static void the_error_is_numbered(void **state)
{
    const struct up b = {REFUSES, "", "", 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t half = strlen(rows[i].text) + strlen(rows[i].call);
        struct up a = {ANSWERS, STREAM_HEAD, all_of(&rows[i]), half, TWIN_FIN};
        struct twin t;
        struct ups_got g;

        ask(&t, &g, &rows[i], &a, &b);
        assert_false(g.clean || ups_said(&g, TOOL));
        assert_true(ups_said(&g, "error"));
        if (strcmp(rows[i].path, RESPONSES) == 0)
            assert_true(
                ups_said(&g, rows[i].same ? "\"sequence_number\":4," : "\"sequence_number\":"));
        if (strcmp(rows[i].name, "responses") == 0)
            assert_false(ups_said(&g, "\"sequence_number\":5"));
        assert_int_equal(t.record.outcome, OUTCOME_FAILED);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

static void each_allocation_fails_once(void **state)
{
    const struct row *row = &rows[1];
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};
    struct up a = {ANSWERS, STREAM_HEAD, all_of(row), strlen(row->text) + strlen(row->call),
                   TWIN_FIN};
    bool hit = true;
    struct buf request;

    UNUSED(state);
    buf_init(&request, 65536);
    kind_request(&request, row->path, row->ask);
    for (size_t at = 1; hit; at++) {
        struct twin_client c = {0};
        struct twin t;

        twin_open_env(&t, 1, CONF, env);
        t.lenient = true;
        ups_set(&t, 0, &a);
        ups_set(&t, 1, &b);
        twin_ask(&t, &c, buf_span(&request), 0);
        assert_non_null(buf_reserve(&c.in, 65536));
        mem_torture(at, false);
        ups_pass(&t, EV_S(400));
        hit = mem_torture_hit();
        mem_torture(0, false);
        if (span_contains(buf_span(&c.in), SPAN_LIT(TOOL))) /* it was not followed */
            assert_int_equal(t.record.outcome, OUTCOME_FAILED);
        if (!hit)
            assert_int_equal(t.record.outcome, OUTCOME_JOINED);
        twin_client_fini(&c);
        twin_close(&t);
    }
    buf_fini(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(a_whole_call_is_told),
        cmocka_unit_test(a_call_alone),
        cmocka_unit_test(a_whole_call_alone),
        cmocka_unit_test(nothing_is_held_behind_what_was_told),
        cmocka_unit_test(held_for_five_seconds),
        cmocka_unit_test(not_without_end),
        cmocka_unit_test(the_error_is_numbered),
        cmocka_unit_test(each_allocation_fails_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
