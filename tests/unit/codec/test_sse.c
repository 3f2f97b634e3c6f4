/* Goal: the reader gives the events of the standard, takes every byte once, and does not care
 * how the stream is cut.
 * Method: rows of stream and events as text. Each row is fed whole, split at every byte, and one
 * byte at a time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "codec/sse.h"

#define OUT_MAX (1U << 20)
#define NAME48  "abcdefghijklmnopqrstuvwxyz0123456789_-ABCDEFGHIJ"

/* "[name|payload]" for an event ('!' behind a name that was cut), "#" for a block without data,
 * "..." at the end of a stream that is not between two events. */
static const struct {
    const char *stream, *want;
} rows[] = {
    {"", ""},
    {"data: hello\n\n", "[|hello]"},
    {"data:hello\n\n", "[|hello]"},
    {"data:  two spaces \n\n", "[| two spaces ]"},
    {"data: a\n\ndata: b\n\n", "[|a][|b]"},
    {"data: a\ndata: b\ndata:\ndata\ndata: c\n\n", "[|a\nb\n\n\nc]"},
    {"data\n\n", "[|]"},
    {"data:\n\n", "[|]"},
    {"data: \n\n", "[|]"},
    {"data\ndata\n\n", "[|\n]"},
    {"data: a\r\rdata: b\r\r", "[|a][|b]"},
    {"data: a\r\n\r\ndata: b\r\n\r\n", "[|a][|b]"},
    {"data: a\r\ndata: b\n\r\ndata: c\r\n\n", "[|a\nb][|c]"},
    {"data: a\n\r\r\n", "[|a]#"},
    {"\n\n", "##"},
    {"\r\n\r\n", "##"},
    {"\n\r", "##"},
    {"event: ping\ndata: {}\n\n", "[ping|{}]"},
    {"event:ping\ndata: {}\n\ndata: x\n\n", "[ping|{}][|x]"},
    {"data: {}\nevent: late\n\n", "[late|{}]"},
    {"event: a\nevent: b\ndata: x\n\n", "[b|x]"},
    {"event: a\nevent\ndata: x\n\n", "[|x]"},
    {"event: a\nevent:\ndata: x\n\n", "[|x]"},
    {"event: no data\n\ndata: x\n\n", "#[|x]"},
    {": keep-alive\n\n", "#"},
    {":\n\ndata: x\n\n", "#[|x]"},
    {"data: x\n: comment\nid: 7\nretry: 10\n\n", "[|x]"},
    {"id\nretry\nunknown\nunknown: y\n\n", "#"},
    {"dat: 1\ndatas: 2\ndata : 3\n data: 4\nDATA: 5\nevents: 6\n\n", "#"},
    {"a-field-name-that-is-longer-than-all-known: x\ndata: y\n\n", "[|y]"},
    {"data: a:b: c\n\n", "[|a:b: c]"},
    {"data: {\"text\":\"\xE6\xBC\xA2\xFF\"}\n\n", "[|{\"text\":\"\xE6\xBC\xA2\xFF\"}]"},
    {"\xEF\xBB\xBF"
     "data: x\n\n",
     "[|x]"},
    {"\xEF\xBB\xBF\xEF\xBB\xBF"
     "data: x\n\n",
     "#"},
    {"data: x\n\n\xEF\xBB\xBF"
     "data: y\n\n",
     "[|x]#"},
    {"\xEF\xBB"
     "data: x\n\n",
     "#"},
    {"\xEF\n\n", "#"},
    {"\xEF\xBB\ndata: x\n\n", "[|x]"},
    {"event: " NAME48 "\ndata: x\n\n", "[" NAME48 "|x]"},
    {"event: " NAME48 "K\ndata: x\n\n", "[" NAME48 "!|x]"},
    {"event: " NAME48 "K\nevent: short\ndata: x\n\n", "[short|x]"},
    {"event: " NAME48 "K\ndata: x\n\ndata: y\n\n", "[" NAME48 "!|x][|y]"},
    {"data: x", "..."},
    {"data: x\n", "..."},
    {"data: x\r\n", "..."},
    {"data: x\n\nx", "[|x]..."},
    {": c", "..."},
    {"data: x\n\n:\n", "[|x]..."},
    {"\xEF", "..."},
    {"\xEF\xBB", "..."},
    {"\xEF\xBB\xBF", ""},
    {"data: x\r\n\r", "[|x]"},
};

/* Feed one piece, all steps of it; append what they say. */
static void feed(struct sse *s, struct span piece, struct buf *data, struct buf *out)
{
    char *copy = malloc(MAX(piece.n, (size_t)1)); /* exact, and gone after the feed */
    size_t used = 0;
    struct sse_step step;

    assert_non_null(copy);
    if (piece.n)
        memcpy(copy, piece.p, piece.n);
    do {
        uint64_t at = s->at;

        step = sse_next(s, copy + used, piece.n - used);
        used += step.used;
        assert_true(used <= piece.n);
        assert_int_equal(s->at, at + step.used);
        assert_true(s->began <= s->at);
        assert_true(step.kind != SSE_DATA || step.data.n > 0);
        if (step.kind == SSE_DATA)
            buf_add_span(data, step.data);
        if (step.kind == SSE_COMMENT)
            buf_add_char(out, '#');
        if (step.kind == SSE_EVENT)
            buf_printf(out, "[%.*s%s|%.*s]", SPAN_FMT(sse_name(s)), s->name_cut ? "!" : "",
                       SPAN_FMT(buf_span(data)));
        if (step.kind == SSE_EVENT || step.kind == SSE_COMMENT) {
            assert_true(sse_at_boundary(s));
            buf_reset(data);
        }
    } while (step.kind != SSE_MORE);
    assert_int_equal(used, piece.n);
    free(copy);
}

static void try_cut(struct span text, size_t cut, size_t step, const char *want)
{
    struct buf data, out;
    struct sse s;

    buf_init(&data, OUT_MAX);
    buf_init(&out, OUT_MAX);
    sse_init(&s);
    assert_true(sse_at_boundary(&s));
    if (step) {
        for (size_t at = 0; at < text.n; at += step)
            feed(&s, span_of(text.p + at, MIN(step, text.n - at)), &data, &out);
    } else {
        feed(&s, span_of(text.p, cut), &data, &out);
        feed(&s, span_of(text.p + cut, text.n - cut), &data, &out);
    }
    assert_int_equal(s.at, text.n);
    if (!sse_at_boundary(&s))
        buf_add_str(&out, "...");
    buf_add_char(&out, '\0');
    assert_true(buf_ok(&out) && buf_ok(&data));
    assert_string_equal(out.p, want);
    buf_fini(&data);
    buf_fini(&out);
}

static void events_are_those_of_the_standard(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span text = span_str(rows[i].stream);

        for (size_t cut = 0; cut <= text.n; cut++)
            try_cut(text, cut, 0, rows[i].want);
        for (size_t step = 1; step <= 3; step++)
            try_cut(text, 0, step, rows[i].want);
    }
    try_cut(SPAN_LIT("data: a\0b\n\0\n\n"), 0, 1, "[|a]"); /* %.*s stops at the NUL */
}

/* An event's bytes are [began, at): together they are the stream. */
static void events_own_their_bytes(void **state)
{
    static const char stream[] = "\xEF\xBB\xBF"
                                 "data: a\r\n\r\n: c\n\n\nevent: x\ndata: b\n\n";
    static const struct {
        enum sse_kind kind;
        uint64_t began, at;
    } want[] = {
        {SSE_EVENT, 0, 14},
        {SSE_COMMENT, 14, 19},
        {SSE_COMMENT, 19, 20},
        {SSE_EVENT, 20, 38},
    };
    struct sse s;
    size_t used = 0, n = 0;

    sse_init(&s);
    while (used < sizeof(stream) - 1) {
        struct sse_step step = sse_next(&s, stream + used, sizeof(stream) - 1 - used);

        used += step.used;
        if (step.kind == SSE_DATA)
            continue;
        assert_true(n < ARRAY_LEN(want));
        assert_int_equal(step.kind, want[n].kind);
        assert_int_equal(s.began, want[n].began);
        assert_int_equal(s.at, want[n].at);
        n++;
    }
    assert_int_equal(n, ARRAY_LEN(want));
    assert_true(span_is(sse_name(&s), "x"));
    assert_int_equal(sse_next(&s, "", 0).kind, SSE_MORE);
    assert_true(span_is(sse_name(&s), "x")); /* no step was taken */
    assert_int_equal(sse_next(&s, "d", 1).kind, SSE_MORE);
    assert_int_equal(sse_name(&s).n, 0);
    assert_false(sse_at_boundary(&s));
}

/* The second half of a CRLF belongs to the event before when it is there, else to the next one,
 * and begins no event by itself. */
static void a_late_lf_begins_nothing(void **state)
{
    struct sse s;
    struct sse_step step;

    sse_init(&s);
    step = sse_next(&s, "data: a\r\n\r", 10);
    assert_int_equal(step.kind, SSE_DATA);
    step = sse_next(&s, "\r", 1);
    assert_int_equal(step.kind, SSE_EVENT);
    step = sse_next(&s, "\n", 1);
    assert_int_equal(step.kind, SSE_MORE);
    assert_int_equal(step.used, 1);
    assert_true(sse_at_boundary(&s));
    assert_int_equal(s.began, s.at - 1);
    step = sse_next(&s, "\n", 1);
    assert_int_equal(step.kind, SSE_COMMENT);
}

/* A payload in one piece comes as one run, where it lies. */
static void payload_is_not_copied(void **state)
{
    static const char stream[] = "event: x\ndata: 0123456789abcdefghijklmnop\n\n";
    struct sse s;
    struct sse_step step;

    sse_init(&s);
    step = sse_next(&s, stream, sizeof(stream) - 1);
    assert_int_equal(step.kind, SSE_DATA);
    assert_ptr_equal(step.data.p, stream + 15);
    assert_int_equal(step.data.n, 26);
    step = sse_next(&s, stream + step.used, sizeof(stream) - 1 - step.used);
    assert_int_equal(step.kind, SSE_EVENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_those_of_the_standard),
        cmocka_unit_test(events_own_their_bytes),
        cmocka_unit_test(a_late_lf_begins_nothing),
        cmocka_unit_test(payload_is_not_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
