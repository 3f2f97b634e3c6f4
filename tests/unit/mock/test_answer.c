/* Goal: every event of every answer is JSON, fillings can be taken from any place, recordings are
 * split where their events end, every error row is well-formed.
 * Method: yyjson reads what the mock wrote; fillings are compared with themselves. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <yyjson.h>

#include "mock/order.h"

static void fillings_are_the_same_from_any_place(void **state)
{
    for (int fill = MOCK_FILL_TEXT; fill <= MOCK_FILL_INTERIM; fill++) {
        struct buf all, part;

        buf_init(&all, 4096);
        buf_init(&part, 4096);
        mock_fill_add(&all, (enum mock_fill)fill, 0, 1000);
        assert_int_equal(all.n, 1000);
        for (size_t at = 0; at < 200; at++) {
            buf_reset(&part);
            mock_fill_add(&part, (enum mock_fill)fill, at, 300);
            assert_memory_equal(part.p, all.p + at, 300);
        }
        buf_fini(&all);
        buf_fini(&part);
    }
}

static void pieces_come_out_whole_by_any_step(void **state)
{
    for (size_t step = 1; step < 40; step++) {
        struct mock_piece p;
        struct buf out;
        uint64_t n = 0;

        mock_piece_init(&p);
        buf_init(&out, 4096);
        buf_add_str(&p.head, "head:");
        buf_add_str(&p.tail, ":tail");
        p.fill_n = 19;
        p.fill_at = 4;
        while (mock_piece_left(&p))
            n += mock_piece_take(&p, &out, step);
        assert_int_equal(n, 29);
        assert_true(span_is(buf_span(&out), "head:000 w000001 w000002:tail"));
        buf_fini(&out);
        mock_piece_fini(&p);
    }
}

/* The JSON of an SSE event, or of a whole body; absent for [DONE]. */
static struct span json_of(struct span event, bool stream)
{
    const char *hit = stream ? memmem(event.p, event.n, "data: ", 6) : NULL;
    struct span s = event;

    if (stream) {
        assert_non_null(hit);
        s = span_of(hit + 6, (size_t)(event.p + event.n - hit) - 6);
        assert_true(span_ends(s, SPAN_LIT("\n\n")) || span_ends(s, SPAN_LIT("\r\n\r\n")));
        if (span_starts(s, SPAN_LIT("[DONE]")))
            return (struct span){NULL, 0};
    }
    return s;
}

static void check_answer(const char *path, const char *body, const char *list)
{
    struct buf request, out;
    struct mock_answer *a = test_malloc(sizeof(*a));
    struct mock_piece p;
    struct mock_facts f;
    struct mock_how h;
    struct mock_req r;
    struct arena arena;
    struct err e = {0};
    size_t at = 0, used;

    buf_init(&request, 1 << 20);
    buf_init(&out, 1 << 20);
    mock_piece_init(&p);
    mock_req_init(&r);
    arena_init(&arena, 1 << 20);
    buf_printf(&request, "POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: %zu\r\n\r\n%s", path,
               strlen(body), body);
    while (at < request.n) {
        assert_int_equal(mock_req_feed(&r, request.p + at, request.n - at, &used, &e), 0);
        at += used;
    }
    assert_int_equal(mock_facts_read(&f, &r, &arena, &e), 0);
    assert_false(f.bad_json);
    mock_how_init(&h);
    assert_int_equal(mock_how_apply(&h, span_str(list), 1, 0, &e), 0);
    assert_int_equal(mock_answer_init(a, &f, &h, NULL, 7, &e), 0);
    for (uint64_t i = 0; i < a->events; i++) {
        struct span json;
        yyjson_doc *doc;

        mock_piece_reset(&p);
        buf_reset(&out);
        mock_answer_event(a, i, &p);
        while (mock_piece_left(&p))
            mock_piece_take(&p, &out, 4096);
        json = json_of(buf_span(&out), a->stream);
        if (!span_has(json))
            continue;
        doc = yyjson_read(json.p, json.n, 0);
        if (!doc)
            fail_msg("%s %s event %d: %.*s", path, list, (int)i, SPAN_FMT(json));
        yyjson_doc_free(doc);
    }
    mock_answer_fini(a);
    arena_fini(&arena);
    mock_req_fini(&r);
    mock_piece_fini(&p);
    buf_fini(&out);
    buf_fini(&request);
    test_free(a);
}

#define TOOLS                                                                                      \
    "\"tools\":[{\"name\":\"f\\\"\",\"input_schema\":{\"properties\":{\"a\\\"b\":{\"type\":"       \
    "\"string\"},\"o\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}}}}}],"   \
    "\"tool_choice\":{\"type\":\"any\"}"
#define TALK                                                                                       \
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"                   \
    "\"gr\xc3\xbc\xc3\x9f \\\"dich\\\"\\n\"}]}]"

static void every_event_is_json(void **state)
{
    static const char *const paths[] = {"/v1/chat/completions",
                                        "/v1/completions",
                                        "/v1/responses",
                                        "/v1/messages",
                                        "/v1/messages/count_tokens",
                                        "/v1/embeddings",
                                        "/v1/models",
                                        "/health",
                                        "/v1beta/models/mock:generateContent",
                                        "/v1beta/models/mock:streamGenerateContent",
                                        "/openai/deployments/m%3Btokens=2/chat/completions",
                                        "/prefix/x/v1/messages"};
    static const char *const bodies[] = {
        "{\"model\":\"a\\\"b\",\"stream\":true,\"n\":2,\"stream_options\":{\"include_usage\":true}"
        "}",
        "{\"model\":\"a\",\"stream\":true,\"max_tokens\":3}",
        "{\"model\":\"a\",\"n\":3,\"input\":[\"x\",\"y\"]}",
        "{\"model\":\"a\",\"stream\":true," TOOLS "}",
        "{\"model\":\"a\"," TOOLS "}",
        "{\"model\":\"a\",\"stream\":true," TALK "}",
    };
    static const char *const lists[] = {"",
                                        "echo=1",
                                        "text=a%22b%0a%c3%bc%e2%82%ac%f0%9f%98%80",
                                        "event-size=1",
                                        "size=10000,event-size=777",
                                        "tokens=0"};

    for (size_t p = 0; p < ARRAY_LEN(paths); p++)
        for (size_t b = 0; b < ARRAY_LEN(bodies); b++)
            for (size_t l = 0; l < ARRAY_LEN(lists); l++)
                check_answer(paths[p], bodies[b], lists[l]);
}

static void error_rows_are_well_formed(void **state)
{
    static const char *const kinds[] = {"overloaded_error",    "insufficient_quota", "UNAVAILABLE",
                                        "ThrottlingException", "queue_full",         "loading"};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct mock_error *row = mock_error_find("", kinds[i], 0);
        yyjson_doc *doc;

        assert_non_null(row);
        doc = yyjson_read(row->body, strlen(row->body), 0);
        assert_non_null(doc);
        yyjson_doc_free(doc);
    }
    assert_null(mock_error_find("openai", "no such", 0));
    assert_string_equal(mock_error_find("tgi", "", 429)->kind, "overloaded");
    assert_string_equal(mock_error_find("ollama", "overloaded_error", 0)->provider, "anthropic");
}

static void recordings_are_split_where_events_end(void **state)
{
    static const char aws[] = "\0\0\0\x12"
                              "12345678901234"
                              "\0\0\0\x11"
                              "1234567890123";
    static const struct {
        enum mock_framing framing;
        const char *text;
        size_t n, end;
    } cases[] = {
        {MOCK_FRAMING_SSE, "data: 1\n\ndata: 2\n\n", 18, 9},
        {MOCK_FRAMING_SSE, "data: 1\r\n\r\ndata: 2\r\n\r\n", 22, 11},
        {MOCK_FRAMING_SSE, "event: a\ndata: 1\n", 17, 17},
        {MOCK_FRAMING_LINES, "{}\n{}\n", 6, 3},
        {MOCK_FRAMING_WHOLE, "{}\n{}\n", 6, 6},
        {MOCK_FRAMING_AWS, aws, 35, 18},
        {MOCK_FRAMING_AWS, aws + 18, 17, 17},
        {MOCK_FRAMING_AWS, "\0\0\0\1", 4, 4}, /* a length that cannot be */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(mock_event_end(cases[i].framing, cases[i].text, cases[i].n), cases[i].end);
}

static void recordings_are_read_or_refused(void **state)
{
    struct mock_replay r;
    struct err e;

    mock_replay_init(&r);
    assert_int_equal(
        mock_replay_line(&r,
                         SPAN_LIT("{\"id\":\"a\",\"status\":200,\"resp\":\"data: 1\\n\\n\","
                                  "\"resp_headers\":{\"Content-Type\":\"text/event-stream\","
                                  "\"x-a\":\"b\",\"transfer-encoding\":\"chunked\"}}"),
                         &e),
        0);
    assert_int_equal(mock_replay_line(&r,
                                      SPAN_LIT("{\"id\":\"b\",\"status\":200,"
                                               "\"resp_b64\":\"AAEC/w==\"}"),
                                      &e),
                     0);
    assert_int_equal(mock_replay_line(&r, SPAN_LIT("{\"id\":\"c\",\"status\":200}"), &e), 0);
    assert_int_equal(r.n, 2);
    assert_int_equal(mock_replay_line(&r, SPAN_LIT("{\"id\":\"d\",\"resp\":\"\"}"), &e), -1);
    assert_int_equal(mock_replay_line(&r, SPAN_LIT("[]"), &e), -1);
    assert_int_equal(mock_replay_line(&r,
                                      SPAN_LIT("{\"id\":\"e\",\"status\":200,"
                                               "\"resp_b64\":\"A*\"}"),
                                      &e),
                     -1);
    assert_true(span_is(mock_replay_find(&r, SPAN_LIT("a"))->headers, "x-a: b\r\n"));
    assert_int_equal(mock_replay_find(&r, SPAN_LIT("a"))->framing, MOCK_FRAMING_SSE);
    assert_int_equal(mock_replay_find(&r, SPAN_LIT("b"))->body.n, 4);
    assert_memory_equal(mock_replay_find(&r, SPAN_LIT("b"))->body.p, "\0\1\2\xff", 4);
    assert_null(mock_replay_find(&r, SPAN_LIT("c")));
    mock_replay_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fillings_are_the_same_from_any_place),
        cmocka_unit_test(pieces_come_out_whole_by_any_step),
        cmocka_unit_test(every_event_is_json),
        cmocka_unit_test(error_rows_are_well_formed),
        cmocka_unit_test(recordings_are_split_where_events_end),
        cmocka_unit_test(recordings_are_read_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
