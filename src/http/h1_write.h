/*
 * h1_write.h - writes HTTP/1.1 heads and the framing of bodies.
 *
 * Every head is made anew from a struct http_head: nothing of a received head is copied as it
 * stood, so no smuggled byte survives.
 *
 * Room: http. Pure. Threads: any.
 */
#ifndef HTTP_H1_WRITE_H
#define HTTP_H1_WRITE_H

#include "base/buf.h"
#include "http/http.h"

struct h1_write_opts {
    bool chunked;     /* frame the body as chunks */
    bool until_close; /* no framing: the end of the connection ends the body (answers, 1.0) */
    bool close;       /* add "connection: close" */
    uint64_t wall_ms; /* answers: time for the date field; 0: no date */
};

/* -1: a name or value has a byte that may not stand in a head (CR, LF, NUL, ...), or out has
 * failed; then nothing may be sent. */
MUST_CHECK int h1_write_request(struct buf *out, const struct http_head *h,
                                const struct h1_write_opts *o, struct err *e);
MUST_CHECK int h1_write_response(struct buf *out, const struct http_head *h,
                                 const struct h1_write_opts *o, struct err *e);

#define H1_WRITE_CHUNK 18 /* 16 hex digits, CR LF */

/* The size line of a chunk of n bytes; returns its length. */
size_t h1_write_chunk(char out[H1_WRITE_CHUNK], size_t n);

#endif
