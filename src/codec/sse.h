/*
 * sse.h - splits a stream of server-sent events (WHATWG HTML, 9.2 "Server-sent events") into
 * events, without losing or changing a byte.
 *
 * The reader is fed pieces and cuts them into views. Most views are whole events that lie in the
 * caller's piece: no copy. An event that is cut by the end of a piece is not held here: the
 * reader says how far it is, and the caller feeds the rest later; what the caller must keep
 * for a verbatim relay is up to it (see dialect/stream.h). Line ends are LF, CRLF and CR, a BOM
 * at the start of the stream is skipped, comments and unknown fields belong to the event's
 * bytes and carry no data.
 *
 * Room: codec. Pure: no allocation, fixed state. Threads: one owner.
 */
#ifndef CODEC_SSE_H
#define CODEC_SSE_H

#include "base/span.h"

#define SSE_NAME 48 /* most bytes of an event name that are kept (a cut name matches nothing) */

enum sse_kind {
    SSE_MORE,    /* the piece is used up */
    SSE_DATA,    /* a run of payload bytes of the current event: .data (LF between data lines is
                  * delivered as its own run of one LF) */
    SSE_EVENT,   /* the current event is complete (its blank line was seen) */
    SSE_COMMENT, /* a block that held nothing, or only comments or fields without data, ended with
                  * its blank line: keep-alive; bytes belong to the stream, no event is dispatched
                  */
};

struct sse {
    uint64_t at;    /* bytes taken so far */
    uint64_t began; /* offset at which the current event's bytes begin */
    char name[SSE_NAME];
    uint8_t name_n; /* its length; the name stays readable until the step after SSE_EVENT */
    bool name_cut;
    uint8_t state; /* private */
    uint8_t field_n;
    char field[8];
    bool has_data, any, skip_lf, done;
};

struct sse_step {
    enum sse_kind kind;
    size_t used;      /* bytes of the piece that this step took */
    struct span data; /* SSE_DATA: payload bytes inside the piece, or a constant LF between lines */
};

void sse_init(struct sse *s);

/* Take one step into [p, p+n). The caller advances by .used and calls again until SSE_MORE.
 * With n == 0 the step is SSE_MORE. After CR a following LF is taken with the next step, and
 * belongs to the same event's bytes if it is in the same piece. */
MUST_CHECK struct sse_step sse_next(struct sse *s, const char *p, size_t n);

/* The name of the event that just ended ("" when it had none). */
struct span sse_name(const struct sse *s);

/* Is the stream between two events (no byte of a further event has been seen)? */
bool sse_at_boundary(const struct sse *s);

#endif
