/*
 * h2_out.h - the body of a stream that is not framed yet: a chain of pieces, each as large as what
 * was written, so that a stream whose peer takes nothing holds its bytes and little more.
 *
 * Room: http, private to it. Threads: one loop.
 */
#ifndef HTTP_H2_OUT_H
#define HTTP_H2_OUT_H

#include "base/base.h"

struct h2_piece;

/* Starts as zeros. */
struct h2_out {
    struct h2_piece *head, *tail;
    size_t n; /* bytes that wait */
};

/* Append n bytes: all, or on -1 (no memory) none. */
MUST_CHECK int h2_out_add(struct h2_out *o, const char *p, size_t n);

/* Move up to `room` bytes from the front to `to`; returns how many. */
size_t h2_out_take(struct h2_out *o, void *to, size_t room);

/* Forget all; returns how many bytes. */
size_t h2_out_drop(struct h2_out *o);

#endif
