/*
 * aws_event.h - reads application/vnd.amazon.eventstream: messages of typed headers and a payload,
 * one behind the other, each under two checksums.
 *
 *     | length 4 | headers' length 4 | CRC of these 4 | headers | payload | CRC of all before 4 |
 *
 * Fed in pieces. A message is handed out when it is whole and both its checksums are right, so
 * nothing of one that a connection has damaged is ever believed. What lies in the caller's piece is
 * not copied; a message that is cut by the end of a piece is held until its rest comes.
 *
 * Room: codec (zlib for the CRC). Pure but for the memory of a message. Threads: one owner.
 */
#ifndef CODEC_AWS_EVENT_H
#define CODEC_AWS_EVENT_H

#include "base/buf.h"

#define AWS_EVENT_MAX         ((size_t)24 * 1024 * 1024) /* longest message, AWS's own bound */
#define AWS_EVENT_HEADERS_MAX ((size_t)128 * 1024)       /* most bytes of its headers, likewise */

/* Begins as {0} with aws_event_init(); private. */
struct aws_event_reader {
    struct buf held;  /* the message under way, as far as it came in earlier pieces */
    size_t length;    /* of all of it; 0: its prelude is not whole yet */
    size_t headers;   /* of its headers */
    uint64_t at;      /* stream offset of its first byte */
    bool handed, bad; /* it has been handed out; nothing more is read */
};

/* A message. Valid until the next step, and as long as the piece that it was read from. */
struct aws_event {
    struct span headers, payload; /* the headers are well-formed */
};

enum aws_event_step {
    AWS_EVENT_MORE,  /* the piece is used up */
    AWS_EVENT_WHOLE, /* *ret is a message */
    AWS_EVENT_BAD,   /* *e says why (ERR_PROTOCOL, ERR_NOMEM); so does every further step */
};

void aws_event_init(struct aws_event_reader *r);
void aws_event_fini(struct aws_event_reader *r);

/* Take a step into [p, p+n), of which *used bytes are taken; advance and call again until MORE. */
MUST_CHECK enum aws_event_step aws_event_next(struct aws_event_reader *r, const char *p, size_t n,
                                              size_t *used, struct aws_event *ret, struct err *e);

/* Is the stream between two messages? */
bool aws_event_at_boundary(const struct aws_event_reader *r);

/* The first header of that name, if it is a string; else absent. */
struct span aws_event_header(const struct aws_event *m, const char *name);

#endif
