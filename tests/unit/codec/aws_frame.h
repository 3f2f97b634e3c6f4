/*
 * aws_frame.h - makes messages of AWS's event stream for tests.
 */
#ifndef TEST_CODEC_AWS_FRAME_H
#define TEST_CODEC_AWS_FRAME_H

#include <zlib.h>

#include "base/buf.h"

static inline void frame_number(struct buf *b, uint64_t v, size_t n)
{
    while (n--)
        buf_add_char(b, (char)(v >> (8 * n)));
}

static inline void frame_crc(struct buf *b, size_t from)
{
    frame_number(b, crc32(0, (const unsigned char *)b->p + from, (unsigned)(b->n - from)), 4);
}

/* A string header. */
static inline void frame_header(struct buf *b, const char *name, const char *value)
{
    frame_number(b, strlen(name), 1);
    buf_add_str(b, name);
    frame_number(b, 7, 1);
    frame_number(b, strlen(value), 2);
    buf_add_str(b, value);
}

/* A message of these headers, whose bytes are given. */
static inline void frame_raw(struct buf *b, struct span headers, struct span payload)
{
    size_t from = b->n;

    frame_number(b, 16 + headers.n + payload.n, 4);
    frame_number(b, headers.n, 4);
    frame_crc(b, from);
    buf_add_span(b, headers);
    buf_add_span(b, payload);
    frame_crc(b, from);
}

/* A message of a type and a name: {"event", ":event-type", "messageStop"}. */
static inline void frame_add(struct buf *b, const char *type, const char *name_key,
                             const char *name, const char *payload)
{
    struct buf headers;

    buf_init(&headers, 4096);
    frame_header(&headers, ":message-type", type);
    frame_header(&headers, name_key, name);
    frame_header(&headers, ":content-type", "application/json");
    frame_raw(b, buf_span(&headers), span_str(payload));
    buf_fini(&headers);
}

#endif
