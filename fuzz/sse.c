/*
 * sse.c - the SSE reader against a naive one, and against itself cut elsewhere.
 *
 * The first byte of the input chooses the cut. Must hold: each byte is taken exactly once, the
 * reader gives the events of a reader that splits the whole text into lines (WHATWG's words,
 * line by line), and no cut changes them.
 */
#include "codec/sse.h"

#include "base/buf.h"

#define OUT_MAX (16U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* One dispatched event or keep-alive as text: kind, name, payload. */
static void print_block(struct buf *out, bool event, struct span name, bool name_cut,
                        struct span data)
{
    buf_printf(out, "%c %d %.*s %zu ", event ? 'E' : 'C', name_cut, SPAN_FMT(name), data.n);
    buf_add_span(out, data);
}

static size_t line_end(struct span s)
{
    size_t i = 0;

    while (i < s.n && s.p[i] != '\r' && s.p[i] != '\n')
        i++;
    return i;
}

/* The reference. A last line without its end and a last block without its blank line count for
 * nothing. */
static void naive(struct buf *out, struct span s)
{
    struct span name = {"", 0};
    struct buf data;
    bool has_data = false;

    buf_init(&data, OUT_MAX);
    if (span_starts(s, SPAN_LIT("\xEF\xBB\xBF")))
        s = span_of(s.p + 3, s.n - 3);
    for (;;) {
        size_t n = line_end(s);
        struct span line = span_of(s.p, n), value = line, field;

        if (n == s.n)
            break;
        n += s.n - n > 1 && s.p[n] == '\r' && s.p[n + 1] == '\n' ? 2 : 1;
        s = span_of(s.p + n, s.n - n);
        if (line.n == 0) {
            print_block(out, has_data, span_of(name.p, MIN(name.n, (size_t)SSE_NAME)),
                        name.n > SSE_NAME, buf_span(&data));
            buf_reset(&data);
            name = span_of("", 0);
            has_data = false;
            continue;
        }
        field = span_cut(&value, ':');
        if (value.n && value.p[0] == ' ')
            value = span_of(value.p + 1, value.n - 1);
        if (span_is(field, "event"))
            name = value;
        if (!span_is(field, "data"))
            continue;
        if (has_data)
            buf_add_char(&data, '\n');
        buf_add_span(&data, value);
        has_data = true;
    }
    buf_fini(&data);
}

/* Read the text in pieces of 1 to `most` bytes (0: at once), each in memory of its own. */
static void read_cut(struct buf *out, struct span s, unsigned most)
{
    struct sse r;
    struct buf data;
    uint64_t dice = most;

    buf_init(&data, OUT_MAX);
    sse_init(&r);
    for (size_t at = 0; at < s.n;) {
        size_t piece = s.n - at, used = 0;
        char *copy;

        dice = (dice ^ at) * UINT64_C(0x9E3779B97F4A7C15);
        if (most)
            piece = MIN(piece, 1 + (size_t)((dice >> 32) % most));
        copy = malloc(piece);
        MUST(copy);
        memcpy(copy, s.p + at, piece);
        for (bool more = true; more;) {
            struct sse_step step = sse_next(&r, copy + used, piece - used);

            MUST(step.used <= piece - used);
            used += step.used;
            MUST(r.at == at + used && r.began <= r.at);
            if (step.kind == SSE_DATA)
                buf_add_span(&data, step.data);
            more = step.kind != SSE_MORE;
            if (step.kind != SSE_EVENT && step.kind != SSE_COMMENT)
                continue;
            MUST(sse_at_boundary(&r));
            print_block(out, step.kind == SSE_EVENT, sse_name(&r), r.name_cut, buf_span(&data));
            buf_reset(&data);
        }
        MUST(used == piece);
        free(copy);
        at += piece;
    }
    buf_fini(&data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf want, got;
    struct span s;

    if (len < 1)
        return 0;
    s = span_of((const char *)data + 1, len - 1);
    buf_init(&want, OUT_MAX);
    buf_init(&got, OUT_MAX);
    naive(&want, s);
    for (unsigned i = 0; i < 3; i++) {
        buf_reset(&got);
        read_cut(&got, s, i < 2 ? i : 1U + data[0]);
        MUST(buf_ok(&got) && buf_ok(&want));
        MUST(span_eq(buf_span(&got), buf_span(&want)));
    }
    buf_fini(&want);
    buf_fini(&got);
    return 0;
}
