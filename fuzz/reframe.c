/*
 * reframe.c - NDJSON as server-sent events. (AWS's framing: aws_event.c.)
 *
 * The first byte of the input chooses the cut. Must hold: no cut changes what comes out or whether
 * the stream was whole; each line that says something is one event, without a name, whose data a
 * reader of server-sent events gets as the line was; a tail without its line end is an event if it
 * is JSON, and else the stream was not whole.
 */
#include "codec/reframe.h"

#include "codec/json_tree.h"
#include "codec/sse.h"

#define OUT_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Read in pieces of 1 to `most` bytes (0: at once), each in memory of its own. */
static bool read_cut(struct buf *out, struct span s, unsigned most)
{
    struct reframe r;
    uint64_t dice = most;
    struct err e;
    int rc = 0;

    reframe_init(&r, REFRAME_NDJSON);
    for (size_t at = 0; at < s.n && rc == 0;) {
        size_t piece = s.n - at;
        char *copy;

        dice = (dice ^ at) * UINT64_C(0x9E3779B97F4A7C15);
        if (most)
            piece = MIN(piece, 1 + (size_t)((dice >> 32) % most));
        copy = malloc(piece);
        MUST(copy);
        memcpy(copy, s.p + at, piece);
        rc = reframe_feed(&r, span_of(copy, piece), out, &e);
        MUST(rc == 0); /* no input here is too long */
        free(copy);
        at += piece;
    }
    rc = reframe_end(&r, out, &e);
    MUST(rc == 0 || e.code == ERR_PROTOCOL);
    reframe_fini(&r);
    return rc == 0;
}

/* The data of a line as a reader gets it, and the end of an event; nothing for one that is blank.
 */
static void expect_line(struct buf *want, struct span line)
{
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    line = span_trim(line);
    if (line.n == 0)
        return;
    for (size_t i = 0; i < line.n; i++)
        buf_add_char(want, line.p[i] == '\r' ? '\n' : line.p[i]); /* a line end, to SSE */
    buf_add_str(want, "\n\n<end>");
}

static void expect(struct buf *want, struct span s, bool whole)
{
    while (span_has(s)) {
        struct span line = span_cut(&s, '\n');
        struct json_tree t = {0};
        struct err e;

        if (!span_has(s)) { /* it has no end */
            bool json = json_tree_read(&t, line, &e) == 0;

            json_tree_fini(&t);
            if (!whole)
                MUST(!json);
            else if (span_trim(line).n)
                MUST(json || e.code != ERR_PROTOCOL || span_is(span_trim(line), "\r"));
        }
        if (span_has(s) || whole)
            expect_line(want, line);
    }
}

static void read_events(struct buf *got, struct span s)
{
    struct sse sse;

    sse_init(&sse);
    while (s.n) {
        struct sse_step step = sse_next(&sse, s.p, s.n);

        MUST(step.kind != SSE_COMMENT && sse_name(&sse).n == 0);
        if (step.kind == SSE_DATA)
            buf_add_span(got, step.data);
        if (step.kind == SSE_EVENT)
            buf_add_str(got, "\n\n<end>");
        s = span_of(s.p + step.used, s.n - step.used);
    }
    MUST(sse_at_boundary(&sse));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf all, out, want, got;
    struct span text;
    bool whole;

    if (len < 1)
        return 0;
    text = span_of((const char *)data + 1, len - 1);
    buf_init(&all, OUT_MAX);
    buf_init(&out, OUT_MAX);
    buf_init(&want, OUT_MAX);
    buf_init(&got, OUT_MAX);
    whole = read_cut(&all, text, 0);
    for (unsigned i = 0; i < 2; i++) {
        buf_reset(&out);
        MUST(read_cut(&out, text, i ? 1U + data[0] : 1) == whole);
        MUST(span_eq(buf_span(&out), buf_span(&all)));
    }
    expect(&want, text, whole);
    read_events(&got, buf_span(&all));
    MUST(buf_ok(&got) && buf_ok(&want) && span_eq(buf_span(&got), buf_span(&want)));
    buf_fini(&all);
    buf_fini(&out);
    buf_fini(&want);
    buf_fini(&got);
    return 0;
}
