/*
 * Goal: a stream of another framing comes out as the server-sent events that say the same, and
 * nothing of it that is broken or not whole.
 * Method: rows of input and output, fed whole, split at every byte, and byte by byte; AWS's
 * messages are made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws_frame.h"
#include "base/mem.h"
#include "base/base64.h"
#include "codec/reframe.h"

#define MEGA ((size_t)1024 * 1024)

/* All of a stream, cut once, then its end. What failed stands behind the events. */
static void read_cut(enum reframe_kind kind, struct span s, size_t cut, size_t step,
                     struct buf *out)
{
    struct err e = {.text = ""};
    struct reframe r;
    int rc;

    reframe_init(&r, kind);
    rc = reframe_feed(&r, span_of(s.p, cut), out, &e);
    for (size_t at = cut; rc == 0 && at < s.n; at += step)
        rc = reframe_feed(&r, span_of(s.p + at, MIN(step, s.n - at)), out, &e);
    if (rc == 0)
        rc = reframe_end(&r, out, &e);
    if (rc < 0)
        buf_printf(out, "! %s", e.text);
    reframe_fini(&r);
}

static void check(enum reframe_kind kind, struct span s, const char *want)
{
    static const size_t steps[] = {1, MEGA};

    for (size_t cut = 0; cut <= s.n; cut++)
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
            struct buf out;

            buf_init(&out, MEGA);
            read_cut(kind, s, cut, steps[i], &out);
            buf_add_char(&out, '\0');
            assert_string_equal(out.p, want);
            buf_fini(&out);
        }
}

#define ENDED "! the stream ended inside of a line"

static void lines_become_events(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", ""},
        {"{}\n", "data: {}\n\n"},
        {"{\"a\":1}\n{\"a\":2}\n", "data: {\"a\":1}\n\ndata: {\"a\":2}\n\n"},
        {"{}\r\n\r\n\n \t\r\n{}\n", "data: {}\n\ndata: {}\n\n"},
        {"{}\n{}", "data: {}\n\ndata: {}\n\n"}, /* whole without its end */
        {"{}\n{} \r", "data: {}\n\ndata: {}\n\n"},
        {"{}\n{", "data: {}\n\n" ENDED},
        {"{}\n{\"a\":[1", "data: {}\n\n" ENDED},
        {"{}\nx", "data: {}\n\n" ENDED},
        {"{}\n \r", "data: {}\n\n"},
        {"x\n", "data: x\n\n"}, /* that it is no JSON is for the dialect to say */
        {"{\r}\n", "data: {\ndata: }\n\n"},
        {"data: x\nevent: y\n", "data: data: x\n\ndata: event: y\n\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(REFRAME_NDJSON, span_str(rows[i].in), rows[i].want);
}

#define NAMED  "event", ":event-type"
#define THROWN "exception", ":exception-type"
#define FAILED "error", ":error-code"
#define BROKEN "! the event stream is broken: "

static void messages_become_events(void **state)
{
    static const struct {
        const char *type, *key, *name, *payload, *want;
    } rows[] = {
        {NAMED, "messageStop", "{\"stopReason\":\"end_turn\"}",
         "event: messageStop\ndata: {\"stopReason\":\"end_turn\"}\n\n"},
        {NAMED, "a", "", "event: a\ndata: \n\n"},
        {NAMED, "a", "{\n}", "event: a\ndata: {\ndata: }\n\n"},
        {NAMED, "a", "{\r\n\r}\n", "event: a\ndata: {\ndata: \ndata: }\ndata: \n\n"},
        {NAMED, "", "{}", BROKEN "an event without a name"},
        {NAMED, "a\ndata: x", "{}", BROKEN "an event without a name"},
        {NAMED, "chunk", "{\"bytes\":\"eyJ0eXBlIjoicGluZyJ9\",\"p\":\"abc\"}",
         "event: ping\ndata: {\"type\":\"ping\"}\n\n"},
        {NAMED, "chunk", "{\"bytes\":\"e30=\"}", "data: {}\n\n"},
        {NAMED, "chunk", "{\"bytes\":\"e30\\u0021\"}", BROKEN "the bytes of a chunk are no base64"},
        {NAMED, "chunk", "{\"bytes\":\"e3\\u0030=\"}", "data: {}\n\n"},
        {NAMED, "chunk", "{\"bytes\":\"\"}", "data: \n\n"},
        {NAMED, "chunk", "{\"bytes\":\"e30\\/\"}", "data: {}?\n\n"},
        {NAMED, "chunk", "{\"bytes\":1}", BROKEN "a chunk without bytes"},
        {NAMED, "chunk", "{\"p\":\"\"}", BROKEN "a chunk without bytes"},
        {NAMED, "chunk", "{\"bytes\":\"e30=\"", BROKEN "a chunk without bytes"},
        {NAMED, "chunk", "{\"bytes\":\"*\"}", BROKEN "the bytes of a chunk are no base64"},
        {THROWN, "throttlingException", "{\"message\":\"Too \\\"many\\\"\"}",
         "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"throttlingException\","
         "\"message\":\"Too \\\"many\\\"\"}}\n\n"},
        {THROWN, "a\"b", "no JSON",
         "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"a\\\"b\",\"message\":\"\"}}"
         "\n\n"},
        {FAILED, "InternalError", "",
         "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"InternalError\","
         "\"message\":\"\"}}\n\n"},
        {"other", ":event-type", "a", "{}", BROKEN "a message of no known type"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf s;

        buf_init(&s, 4096);
        frame_add(&s, rows[i].type, rows[i].key, rows[i].name, rows[i].payload);
        check(REFRAME_AWS, buf_span(&s), rows[i].want);
        buf_fini(&s);
    }
}

static void an_errors_message_is_a_header(void **state)
{
    struct buf headers, s;

    buf_init(&headers, 256);
    buf_init(&s, 1024);
    frame_header(&headers, ":message-type", "error");
    frame_header(&headers, ":error-code", "500");
    frame_header(&headers, ":error-message", "it \"broke\"");
    frame_raw(&s, buf_span(&headers), SPAN_LIT(""));
    check(REFRAME_AWS, buf_span(&s),
          "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"500\",\"message\":"
          "\"it \\\"broke\\\"\"}}\n\n");
    buf_fini(&headers);
    buf_fini(&s);
}

/* What came before a fault stands; a stream that ends inside of a message says so. */
static void broken_streams_give_what_was_whole(void **state)
{
    struct buf s;
    size_t first;

    buf_init(&s, 4096);
    frame_add(&s, NAMED, "a", "{}");
    first = s.n;
    frame_add(&s, NAMED, "b", "{}");
    check(REFRAME_AWS, buf_span(&s), "event: a\ndata: {}\n\nevent: b\ndata: {}\n\n");
    for (size_t n = first + 1; n < s.n; n++)
        check(REFRAME_AWS, span_of(s.p, n),
              "event: a\ndata: {}\n\n" BROKEN "it ended inside of a message");
    s.p[s.n - 1] = (char)(s.p[s.n - 1] ^ 1);
    for (size_t cut = 0; cut <= s.n; cut++) {
        struct buf out;

        buf_init(&out, MEGA);
        read_cut(REFRAME_AWS, buf_span(&s), cut, 1, &out);
        assert_true(span_starts(buf_span(&out), SPAN_LIT("event: a\ndata: {}\n\n! ")));
        buf_fini(&out);
    }
    buf_fini(&s);
}

/* A line of the longest length passes, the next one does not. */
static void lines_have_a_bound(void **state)
{
    struct buf in, out;
    struct err e;

    buf_init(&in, REFRAME_LINE_MAX + 2);
    buf_init(&out, 2 * REFRAME_LINE_MAX);
    for (size_t more = 0; more < 2; more++) {
        struct reframe r;

        reframe_init(&r, REFRAME_NDJSON);
        buf_reset(&in);
        buf_reset(&out);
        memset(buf_reserve(&in, REFRAME_LINE_MAX + more), '1', REFRAME_LINE_MAX + more);
        buf_commit(&in, REFRAME_LINE_MAX + more);
        assert_int_equal(reframe_feed(&r, buf_span(&in), &out, &e), more ? -1 : 0);
        if (more)
            assert_int_equal(e.code, ERR_LIMIT);
        else
            assert_int_equal(reframe_feed(&r, SPAN_LIT("\n"), &out, &e), 0);
        assert_int_equal(out.n, more ? 0 : REFRAME_LINE_MAX + strlen("data: \n\n"));
        reframe_fini(&r);
    }
    buf_fini(&in);
    buf_fini(&out);
}

static void every_failed_allocation_is_said(void **state)
{
    struct buf s;
    bool hit = true;

    buf_init(&s, 4096);
    frame_add(&s, NAMED, "chunk", "{\"bytes\":\"eyJ0eXBlIjoicGluZyJ9\"}");
    frame_add(&s, THROWN, "throttlingException", "{}");
    frame_add(&s, FAILED, "x", "{}");
    for (size_t at = 1; hit; at++) {
        struct buf out;
        struct reframe r;
        struct err e;
        int rc;

        buf_init(&out, MEGA);
        reframe_init(&r, REFRAME_AWS);
        mem_torture(at, false);
        rc = reframe_feed(&r, span_of(s.p, 20), &out, &e);
        if (rc == 0)
            rc = reframe_feed(&r, span_of(s.p + 20, s.n - 20), &out, &e);
        hit = mem_torture_hit();
        mem_torture(0, false);
        assert_int_equal(rc, hit ? -1 : 0);
        if (hit)
            assert_int_equal(e.code, ERR_NOMEM);
        reframe_fini(&r);
        buf_fini(&out);
    }
    buf_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_events),
        cmocka_unit_test(messages_become_events),
        cmocka_unit_test(an_errors_message_is_a_header),
        cmocka_unit_test(broken_streams_give_what_was_whole),
        cmocka_unit_test(lines_have_a_bound),
        cmocka_unit_test(every_failed_allocation_is_said),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
