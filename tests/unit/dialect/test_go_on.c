/*
 * Goal: another target is asked for the rest of an answer, and for no more, in its own dialect; the
 * client's stream goes on as if nothing had happened but for one mark; what has to be of one piece
 * is not asked for.
 * Method: a client of each dialect that can be joined and a target of each that can go on; requests
 * as JSON in single quotes. Each allocation of a whole join fails once: then it is no join, or the
 * text is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "told.h"

#define C (&convert_openai_chat)
#define A (&convert_anthropic_messages)
#define G (&convert_gemini_generate)
#define B (&convert_bedrock_converse)

#define HAS(x) CHAT_BIT(CHAT_HAS_##x)
static const struct convert_host vllm = {
    .more = HAS(PREFILL), .own_schemas = true, .final_message = true};
static const struct convert_host llama = {.more = HAS(PREFILL), .own_schemas = true};
static const struct convert_host mistral = {
    .more = HAS(PREFILL), .own_schemas = true, .prefill = "prefix"};

static const struct convert *const clients[] = {C, A, G};

static const char *plain(const struct convert *c)
{
    return c == G   ? "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],'generationConfig':{"
                      "'maxOutputTokens':50}}"
           : c == A ? "{'model':'m','stream':true,'max_tokens':50,'messages':[{'role':'user',"
                      "'content':'hi'}]}"
                    : "{'model':'m','stream':true,'max_tokens':50,'messages':[{'role':'user',"
                      "'content':'hi'}]}";
}

/* What the client was told, in `deltas` pieces. */
static void begin_follow(struct follow *f, const char *text, unsigned deltas)
{
    struct chat_event ev = {.kind = CHAT_EVENT_START, .id = SPAN_LIT("first-id"), .created = 7};
    struct err e;

    assert_int_equal(follow_init(f, C, &e), 0);
    follow_told(f, &ev);
    ev = (struct chat_event){.kind = CHAT_EVENT_PART, .part = CHAT_PART_TEXT};
    follow_told(f, &ev);
    ev.kind = CHAT_EVENT_DELTA;
    for (unsigned i = 0; i < deltas; i++) {
        ev.text = i == 0 ? span_str(text) : SPAN_LIT("");
        follow_told(f, &ev);
    }
}

/* model: that goes on, for a client that wants a block of it; NULL: it does not. */
static int make_saying(struct translate **t, const struct convert *client,
                       const struct convert *target, const struct convert_host *host,
                       const char *in, struct follow *f, const char *model, struct err *e)
{
    struct translate_conf conf = {.client = client,
                                  .target = target,
                                  .host = host,
                                  .model = SPAN_LIT("m"),
                                  .id = SPAN_LIT("own-id"),
                                  .created = 9,
                                  .answer_max = MEGA};
    char body[2048];

    *t = NULL;
    if (translate_new(t, &conf, span_str(quoted(body, sizeof(body), in)), e) < 0)
        return -1;
    if (model && translate_say_join(*t, span_str(model), e) < 0)
        return -1;
    return translate_go_on(*t, f, JOIN_PREFIX, SPAN_LIT("b/\"x\""), e);
}

static int make(struct translate **t, const struct convert *client, const struct convert *target,
                const struct convert_host *host, const char *in, struct follow *f, struct err *e)
{
    return make_saying(t, client, target, host, in, f, NULL, e);
}

static int write_to(struct translate *t, const char *model, struct buf *out, struct err *e)
{
    struct convert_to to = {
        .model = span_str(model), .stream = true, .old_max_tokens = true, .max_tokens = 4096};

    if (translate_request(t, out, &to, e) < 0)
        return -1;
    return buf_finish(out, "request", e);
}

/* ---- the request ---- */

static void the_text_is_asked_with(void **state)
{
    static const struct {
        const struct convert *target;
        const struct convert_host *host;
        const char *model, *holds;
    } rows[] = {
        {C, &vllm, "x", "{'role':'assistant','content':'a lamp'}]"},
        {C, &vllm, "x", "'continue_final_message':true,'add_generation_prompt':false"},
        {C, &llama, "x", "{'role':'assistant','content':'a lamp'}]"},
        {C, &mistral, "x", "{'role':'assistant','content':'a lamp','prefix':true}]"},
        {A, NULL, "claude-sonnet-4-5",
         "{'role':'assistant','content':[{'type':'text','text':'a lamp'"},
        {B, NULL, "claude-sonnet-4-5", "{'role':'assistant','content':[{'text':'a lamp'}]}"},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(clients); i++) {
        const struct convert *client = clients[i / ARRAY_LEN(rows)];
        size_t k = i % ARRAY_LEN(rows);
        struct translate *t;
        struct follow f;
        struct buf out;
        struct err e;
        char want[512];

        buf_init(&out, MEGA);
        begin_follow(&f, "a lamp \n", 20);
        if (make(&t, client, rows[k].target, rows[k].host, plain(client), &f, &e) < 0 ||
            write_to(t, rows[k].model, &out, &e) < 0)
            fail_msg("%zu: %s", i, e.text);
        assert_int_equal(translate_obstacle(t), CHAT_FEATURES);
        if (!span_contains(buf_span(&out), span_str(quoted(want, sizeof(want), rows[k].holds))))
            fail_msg("%zu: %.*s", i, SPAN_FMT(buf_span(&out)));
        assert_true(span_contains(buf_span(&out), SPAN_LIT("okens\":30"))); /* 50 less 20 */
        translate_free(&t);
        follow_fini(&f);
        buf_fini(&out);
    }
}

/* Who cannot be asked so says it before it is asked. */
static void who_takes_no_beginning(void **state)
{
    static const struct convert *const targets[] = {C, G, &convert_openai_responses,
                                                    &convert_cohere_chat, &convert_ollama_chat};
    struct translate *t;
    struct follow f;
    struct buf out;
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        begin_follow(&f, "a", 1);
        assert_int_equal(make(&t, C, targets[i], NULL, plain(C), &f, &e), 0);
        assert_int_equal(translate_obstacle(t), CHAT_HAS_PREFILL);
        translate_free(&t);
        follow_fini(&f);
    }
    buf_init(&out, MEGA);
    begin_follow(&f, "a", 1); /* a model that does not */
    assert_int_equal(make(&t, C, A, NULL, plain(C), &f, &e), 0);
    assert_int_equal(write_to(t, "claude-opus-4-8", &out, &e), -1);
    translate_free(&t);
    follow_fini(&f);
    buf_fini(&out);
}

static void tokens_that_are_left(void **state)
{
    static const struct {
        unsigned deltas;
        const char *left;
    } rows[] = {{1, "okens\":49}"}, {49, "okens\":1}"}, {50, "okens\":1}"}, {51, "okens\":1}"}};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct translate *t;
        struct follow f;
        struct buf out;
        struct err e;

        buf_init(&out, MEGA);
        begin_follow(&f, "a", rows[i].deltas);
        assert_int_equal(make(&t, C, C, &vllm, plain(C), &f, &e), 0);
        assert_int_equal(write_to(t, "x", &out, &e), 0);
        if (!span_contains(buf_span(&out), span_str(rows[i].left)))
            fail_msg("%s: %.*s", rows[i].left, SPAN_FMT(buf_span(&out)));
        translate_free(&t);
        follow_fini(&f);
        buf_fini(&out);
    }
}

/* White space alone is no beginning; one that the client has given is gone on with. */
static void beginnings(void **state)
{
    static const struct {
        const char *in, *text, *holds, *not;
    } rows[] = {
        {"{'messages':[{'role':'user','content':'hi'}]}", " \n", "'content':'hi'}],", "assistant"},
        {"{'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':'Once '}]}",
         "upon", "{'role':'assistant','content':'Once upon'}]", "Once \""},
        {"{'messages':[{'role':'assistant','content':'Hello.'},{'role':'user','content':'hi'}]}",
         "upon", "{'role':'assistant','content':'upon'}]", "Hello.upon"},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct translate *t;
        struct follow f;
        struct buf out;
        struct err e;
        char want[256];

        buf_init(&out, MEGA);
        begin_follow(&f, rows[i].text, 1);
        assert_int_equal(make(&t, C, C, &vllm, rows[i].in, &f, &e), 0);
        assert_int_equal(write_to(t, "x", &out, &e), 0);
        if (!span_contains(buf_span(&out), span_str(quoted(want, sizeof(want), rows[i].holds))) ||
            span_contains(buf_span(&out), span_str(rows[i].not)))
            fail_msg("%zu: %.*s", i, SPAN_FMT(buf_span(&out)));
        translate_free(&t);
        follow_fini(&f);
        buf_fini(&out);
    }
}

static void what_has_to_be_of_one_piece(void **state)
{
    static const struct {
        const struct convert *client;
        const char *more;
        bool may;
    } rows[] = {
        {C, "'response_format':{'type':'json_object'}", false},
        {C, "'response_format':{'type':'json_schema','json_schema':{'name':'x','schema':{}}}",
         false},
        {C, "'response_format':{'type':'text'}", true},
        {C, "'logprobs':true", false},
        {C, "'n':2", false},
        {C, "'n':1", true},
        {C, "'guided_regex':'a*'", false},
        {C, "'grammar':'root'", false},
        {C, "'temperature':0.5,'stop':['x'],'seed':1", true},
        {G, "'generationConfig':{'responseMimeType':'application/json'}", false},
        {G, "'generationConfig':{'temperature':0.5}", true},
        {A, "'temperature':0.5,'max_tokens':9", true},
        {A, "'output_config':{'format':{'type':'json_schema','schema':{}}},'max_tokens':9", false},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct translate *t;
        struct follow f;
        struct err e;
        char in[512];
        int rc;

        (void)snprintf(in, sizeof(in), "{%s,%s}", rows[i].more,
                       rows[i].client == G
                           ? "'contents':[{'role':'user','parts':[{'text':'hi'}]}]"
                           : "'model':'m','messages':[{'role':'user','content':'hi'}]");
        begin_follow(&f, "a", 1);
        rc = make(&t, rows[i].client, C, &vllm, in, &f, &e);
        if (!t || (rc == 0) != rows[i].may)
            fail_msg("%s: %s", in, rc < 0 ? e.text : "may");
        if (rc < 0)
            assert_int_equal(e.code, ERR_PROTOCOL);
        translate_free(&t);
        follow_fini(&f);
    }
}

/* ---- the stream ---- */

#define CHUNK(delta, more)                                                                         \
    "data: {\"id\":\"c2\",\"created\":8,\"choices\":[{\"index\":0,\"delta\":" delta more "}]}\n\n"

static const char *const rest[] = {
    CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", ""),
    CHUNK("{\"content\":\" and\"}", ""),
    CHUNK("{\"content\":\" on.\"}", ""),
    CHUNK("{}", ",\"finish_reason\":\"length\""),
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n",
    "data: [DONE]\n\n",
};

static int tell_rest(struct translate *t, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(rest); i++)
        if (translate_event(t, span_str(rest[i]), out, e) < 0)
            return -1;
    return translate_end(t, out, e);
}

static unsigned times(struct span s, const char *what)
{
    unsigned n = 0;

    for (; s.n; s = span_of(s.p + 1, s.n - 1))
        n += span_starts(s, span_str(what));
    return n;
}

static void the_stream_goes_on(void **state)
{
    static const struct {
        const struct convert *client;
        const char *once[8], *never[4];
    } rows[] = {
        {C,
         {"data: "
          "{\"lamplighter\":{\"joined\":{\"target\":\"b/\\\"x\\\"\",\"at\":7}},\"id\":\"first-id\"",
          "\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"and\"}",
          "{\"content\":\" on.\"}", "\"length\"", "[DONE]"},
         {"role", "c2", "own-id", "usage"}},
        {A,
         {"data: {\"lamplighter\":{\"joined\":{\"target\":\"b/\\\"x\\\"\",\"at\":7}},\"type\":"
          "\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"and\"}"
          "}",
          "\"text\":\" on.\"", "content_block_stop\",", "\"max_tokens\"", "\"input_tokens\":5",
          "message_stop\"}"},
         {"message_start", "content_block_start", "c2"}},
        {G,
         {"data: "
          "{\"lamplighter\":{\"joined\":{\"target\":\"b/\\\"x\\\"\",\"at\":7}},\"candidates\"",
          "{\"text\":\"and\"}", "{\"text\":\" on.\"}", "MAX_TOKENS", "\"promptTokenCount\":5"},
         {"c2"}},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct translate *t;
        struct follow f;
        struct buf out;
        struct err e;

        buf_init(&out, MEGA);
        begin_follow(&f, "a lamp ", 3);
        assert_int_equal(make(&t, rows[i].client, C, &vllm, plain(rows[i].client), &f, &e), 0);
        if (tell_rest(t, &out, &e) < 0)
            fail_msg("%s", e.text);
        for (size_t k = 0; k < ARRAY_LEN(rows[i].once) && rows[i].once[k]; k++)
            if (times(buf_span(&out), rows[i].once[k]) != 1)
                fail_msg("%s: %.*s", rows[i].once[k], SPAN_FMT(buf_span(&out)));
        for (size_t k = 0; k < ARRAY_LEN(rows[i].never) && rows[i].never[k]; k++)
            if (times(buf_span(&out), rows[i].never[k]) != 0)
                fail_msg("%s: %.*s", rows[i].never[k], SPAN_FMT(buf_span(&out)));
        assert_int_equal(times(buf_span(&out), "lamplighter"), 1);
        assert_false(follow_can(&f));
        translate_free(&t);
        follow_fini(&f);
        buf_fini(&out);
    }
}

#define STOPS(n, mark)                                                                             \
    "event: content_block_stop\ndata: {" mark "\"type\":\"content_block_stop\",\"index\":" #n      \
    "}\n\n"
#define FALLS(n, from, to)                                                                         \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":" #n            \
    ",\"content_block\":{\"type\":\"fallback\",\"from\":{\"model\":\"" from                        \
    "\"},\"to\":{\"model\""                                                                        \
    ":\"" to "\"},\"trigger\":{\"type\":\"interrupted\"}}}\n\n" STOPS(n, "")
#define BEGINS(n)                                                                                  \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":" #n            \
    ",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
#define SAYS(n, text)                                                                              \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":" #n            \
    ",\"delta\":{\"type\":\"text_delta\",\"text\":\"" text "\"}}\n\n"
#define MARK(at) "\"lamplighter\":{\"joined\":{\"target\":\"b/\\\"x\\\"\",\"at\":" #at "}},"

/* What a client of Anthropic's that knows of fallback blocks reads of two that go on, one after the
 * other, and of one that has nothing more to say; others know of none. */
static void a_block_says_who_goes_on(void **state)
{
    static const struct {
        const struct convert *client;
        size_t first; /* events of the first one, which then breaks off */
        size_t second, from;
        const char *want;
    } rows[] = {
        {A, 2, 2, 0,
         STOPS(0, MARK(7)) FALLS(1, "m", "n1") BEGINS(2) SAYS(2, "and") STOPS(2, MARK(10))
             FALLS(3, "n1", "n2") BEGINS(4) SAYS(4, " and")},
        {A, 1, 2, 0, STOPS(0, MARK(7)) FALLS(1, "m", "n2") BEGINS(2) SAYS(2, "and")},
        {A, 0, 1, 3, STOPS(0, MARK(7)) FALLS(1, "m", "n2")},
        {C, 0, 2, 0,
         "data: {\"lamplighter\":{\"joined\":{\"target\":\"b/\\\"x\\\"\",\"at\":7}},\"id\":"
         "\"first-id\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\","},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct convert *client = rows[i].client;
        struct translate *t;
        struct follow f;
        struct buf out;
        struct err e;

        buf_init(&out, MEGA);
        begin_follow(&f, "a lamp ", 3);
        for (size_t n = 0; n < 2; n++) {
            size_t events = n ? rows[i].second : rows[i].first;

            assert_int_equal(
                make_saying(&t, client, C, &vllm, plain(client), &f, n ? "n2" : "n1", &e), 0);
            for (size_t k = 0; k < events; k++)
                assert_int_equal(
                    translate_event(t, span_str(rest[(n ? rows[i].from : 0) + k]), &out, &e), 0);
            translate_free(&t);
        }
        if (!span_starts(buf_span(&out), span_str(rows[i].want)) ||
            (client == A && out.n != strlen(rows[i].want)))
            fail_msg("%zu: %.*s", i, SPAN_FMT(buf_span(&out)));
        follow_fini(&f);
        buf_fini(&out);
    }
}

/* It tells nobody how the answer is to be, so it is in nobody's way. */
static void who_asks_for_fallbacks_is_gone_on_with(void **state)
{
    struct translate *t;
    struct follow f;
    struct buf dropped;
    struct err e;

    UNUSED(state);
    buf_init(&dropped, MEGA);
    begin_follow(&f, "a", 1);
    assert_int_equal(make(&t, A, C, &vllm,
                          "{'model':'m','stream':true,'max_tokens':50,'fallbacks':[{'model':'n'}],"
                          "'messages':[{'role':'user','content':'hi'}]}",
                          &f, &e),
                     0);
    translate_dropped(t, &dropped);
    assert_true(span_is(buf_span(&dropped), "fallbacks"));
    translate_free(&t);
    follow_fini(&f);
    buf_fini(&dropped);
}

/* An event that is told in part and then fails is told to nobody: who goes on cannot know. */
static void an_event_that_fails_halfway(void **state)
{
    static const struct {
        const char *event;
        bool can;
    } rows[] = {
        {CHUNK("{\"reasoning_content\":\"hm\"}", ""), true}, /* it has told nothing */
        {CHUNK("{\"content\":\" and\"}", "},{\"index\":9999"), false},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct translate *t;
        struct follow f;
        struct buf out;
        struct err e;

        buf_init(&out, MEGA);
        begin_follow(&f, "a lamp", 3);
        assert_int_equal(make(&t, C, C, &vllm, plain(C), &f, &e), 0);
        if (translate_event(t, span_str(rows[i].event), &out, &e) == 0)
            fail_msg("%s: %.*s", rows[i].event, SPAN_FMT(buf_span(&out)));
        assert_int_equal(out.n, 0);
        assert_int_equal(follow_can(&f), rows[i].can);
        translate_free(&t);
        follow_fini(&f);
        buf_fini(&out);
    }
}

/* ---- without memory ---- */

/* 0: it was joined; -1: something said that it cannot be. */
static int whole_join(const struct convert *client, struct buf *out)
{
    struct translate *t = NULL;
    struct follow f;
    struct buf asked;
    struct err e;
    int rc = -1;

    buf_init(&asked, MEGA);
    if (follow_init(&f, C, &e) == 0) {
        follow_event(&f, SPAN_LIT(CHUNK("{\"reasoning_content\":\"hm\"}", "")));
        follow_event(&f, SPAN_LIT(CHUNK("{\"content\":\"a lamp \"}", "")));
        if (follow_can(&f) && make(&t, client, C, &vllm, plain(client), &f, &e) == 0 &&
            write_to(t, "x", &asked, &e) == 0)
            rc = tell_rest(t, out, &e);
        if (rc == 0)
            assert_true(span_contains(buf_span(&asked), SPAN_LIT("\"content\":\"a lamp\"}]")));
    }
    translate_free(&t);
    follow_fini(&f);
    buf_fini(&asked);
    return rc;
}

static void no_memory_is_survived(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        bool hit = true;
        struct buf want;
        size_t at;

        buf_init(&want, MEGA);
        assert_int_equal(whole_join(clients[i], &want), 0);
        for (at = 1; hit; at++) {
            struct buf out;
            int rc;

            buf_init(&out, MEGA);
            mem_torture(at, false);
            rc = whole_join(clients[i], &out);
            hit = mem_torture_hit();
            mem_torture(0, false);
            if (rc == 0 && !span_eq(buf_span(&out), buf_span(&want)))
                fail_msg("allocation %zu: %.*s", at, SPAN_FMT(buf_span(&out)));
            buf_fini(&out);
        }
        print_message("# %zu allocations, each failed once\n", at - 2);
        assert_true(at > 8);
        buf_fini(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_asked_with),
        cmocka_unit_test(who_takes_no_beginning),
        cmocka_unit_test(tokens_that_are_left),
        cmocka_unit_test(beginnings),
        cmocka_unit_test(what_has_to_be_of_one_piece),
        cmocka_unit_test(the_stream_goes_on),
        cmocka_unit_test(a_block_says_who_goes_on),
        cmocka_unit_test(who_asks_for_fallbacks_is_gone_on_with),
        cmocka_unit_test(an_event_that_fails_halfway),
        cmocka_unit_test(no_memory_is_survived),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
