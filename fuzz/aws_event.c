/*
 * aws_event.c - AWS's event stream, and what it is turned into.
 *
 * The first byte chooses the cut and whether the rest is put into messages with right checksums
 * first: else hardly any input would get past them. Must hold: each byte is taken once, no cut
 * changes what comes out, and what comes out of the reframer are whole server-sent events.
 */
#include <zlib.h>

#include "codec/reframe.h"
#include "codec/sse.h"

#define OUT_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void add_number(struct buf *b, uint32_t v)
{
    const char bytes[] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};

    buf_add(b, bytes, sizeof(bytes));
}

static void add_crc(struct buf *b, size_t from)
{
    add_number(b, (uint32_t)crc32(0, (const unsigned char *)b->p + from, (unsigned)(b->n - from)));
}

/* Messages of the input: one byte says how long the headers are, one how long the payload is. */
static void frame(struct buf *out, const char *p, size_t n)
{
    while (n >= 2) {
        size_t headers = (unsigned char)p[0], payload = (unsigned char)p[1], from = out->n;

        headers = MIN(headers, n - 2);
        payload = MIN(payload, n - 2 - headers);
        add_number(out, (uint32_t)(16 + headers + payload));
        add_number(out, (uint32_t)headers);
        add_crc(out, from);
        buf_add(out, p + 2, headers + payload);
        add_crc(out, from);
        p += 2 + headers + payload;
        n -= 2 + headers + payload;
    }
}

/* Read in pieces of 1 to `most` bytes (0: at once), each in memory of its own. Returns whether the
 * stream was whole. */
static bool read_cut(struct buf *out, struct span s, unsigned most)
{
    struct reframe r;
    uint64_t dice = most;
    struct err e;
    int rc = 0;

    reframe_init(&r, REFRAME_AWS);
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
        free(copy);
        at += piece;
    }
    if (rc == 0)
        rc = reframe_end(&r, out, &e);
    reframe_fini(&r);
    return rc == 0;
}

static void check_events(struct span s)
{
    struct sse sse;

    sse_init(&sse);
    while (s.n) {
        struct sse_step step = sse_next(&sse, s.p, s.n);

        MUST(step.kind != SSE_COMMENT);
        s = span_of(s.p + step.used, s.n - step.used);
    }
    MUST(sse_at_boundary(&sse));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf stream, want, got;
    bool whole;

    if (len < 1)
        return 0;
    buf_init(&stream, OUT_MAX);
    buf_init(&want, OUT_MAX);
    buf_init(&got, OUT_MAX);
    if (data[0] & 1)
        frame(&stream, (const char *)data + 1, len - 1);
    else
        buf_add(&stream, data + 1, len - 1);
    whole = read_cut(&want, buf_span(&stream), 0);
    check_events(buf_span(&want));
    for (unsigned most = 1; most <= 1U + data[0]; most += 1U + data[0] / 2) {
        buf_reset(&got);
        MUST(read_cut(&got, buf_span(&stream), most) == whole);
        MUST(span_eq(buf_span(&got), buf_span(&want)));
    }
    buf_fini(&stream);
    buf_fini(&want);
    buf_fini(&got);
    return 0;
}
