/*
 * h2.h - what both sides of an HTTP/2 connection share: the session of nghttp2, heads in and out,
 * bodies out, and the rules that nghttp2 leaves to its user.
 *
 * A side embeds `struct h2` and gives it a table of what is its own (struct h2_ops). All its
 * calls come from within h2_recv(), a post, or a callback of the network, never from within a
 * call of this header.
 *
 * Room: http, private to it. Threads: one loop.
 */
#ifndef HTTP_H2_H
#define HTTP_H2_H

#include <nghttp2/nghttp2.h>

#include "base/arena.h"
#include "base/list.h"
#include "http/h2_out.h"
#include "http/http.h"
#include "net/net.h"

#define H2_PREFACE    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define H2_FIELD_COST 32 /* RFC 9113, section 6.5.2 */

/* A head as it comes. */
struct h2_head {
    struct http_head h;
    struct arena arena; /* its bytes */
    struct http_field *fields;
    size_t fields_n, fields_cap;
    size_t bytes; /* as SETTINGS_MAX_HEADER_LIST_SIZE counts: 32 a field on top */
    struct span host, scheme;
    bool expect_continue;
    bool body_large;  /* by its content-length; a server lets its handler say so */
    uint16_t refusal; /* != 0: with which status it is refused, and why */
    const char *why;
};

/* The shared part of a stream, embedded in a side's. */
struct h2_stream {
    struct h2 *h2;
    struct list link; /* in h2.streams */
    struct list tell; /* in h2.tell while bytes that left are to be told */
    int32_t id;
    struct h2_head in;
    bool head_done;    /* what fields come now are trailers */
    size_t trailer;    /* their bytes */
    uint32_t interim;  /* heads before the final one */
    struct h2_out out; /* body that is not framed yet */
    size_t left;       /* framed and not told */
    size_t held;       /* delivered and not consumed */
    bool out_end;      /* nothing follows `out` */
    bool deferred;     /* nghttp2 waits for h2_body() or h2_end() */
    bool sent_head;    /* HEADERS have been framed */
    bool sent_end;     /* END_STREAM has been */
    bool gone;         /* nghttp2 knows it no more */
    bool heard;        /* a frame of the peer's that names it has begun */
};

struct h2_ops {
    /* A stream that the peer opens (server). NULL: no memory. */
    struct h2_stream *(*open)(struct h2 *h);
    void (*head_begun)(struct h2 *h, bool begun); /* a head is under way / whole */
    /* s->in.h is whole and checked, or s->in.refusal is set. */
    void (*head)(struct h2_stream *s, bool end);
    void (*data)(struct h2_stream *s, const char *p, size_t n);
    void (*end)(struct h2_stream *s);
    void (*sent)(struct h2_stream *s, size_t n); /* n bytes of body were handed to the network */
    void (*end_sent)(struct h2_stream *s);       /* END_STREAM was */
    void (*closed)(struct h2_stream *s, uint32_t code); /* s->gone from now on */
    /* The peer has read what was sent before h2_ping(). NULL: not of interest. */
    void (*pong)(struct h2_stream *s);
    /* The connection is over: broken (why), or in order (why is NULL) with nothing left to send. */
    void (*over)(struct h2 *h, const struct err *why);
};

struct h2 {
    const struct h2_ops *ops;
    nghttp2_session *session;
    struct net_conn *conn;
    struct ev *ev;
    const struct http_limits *conf;
    bool server;
    struct list streams, tell;
    struct ev_post flush;
    bool in_session; /* the session runs above us on the stack */
    bool goaway;     /* the peer's GOAWAY came: it has taken those streams that it did not refuse */
    bool calm;       /* GOAWAY(ENHANCE_YOUR_CALM) was sent */
    bool settled;    /* the peer's SETTINGS have come */
    bool no_memory;  /* something that has to be said could not be: the connection ends for it */
    bool invalid;    /* the peer did what ends the connection, and GOAWAY told it so */

    /* glitches: see h2.c */
    uint64_t glitches, glitches_total;
    ev_us glitches_at;
    uint64_t updates; /* WINDOW_UPDATEs that what we sent explains */
};

/* A session over conn (owned by the side, which also gets its callbacks), with the first
 * SETTINGS queued. On -1 nothing is held. */
MUST_CHECK int h2_init(struct h2 *h, bool server, const struct h2_ops *ops, struct net_conn *conn,
                       struct ev *ev, const struct http_limits *limits, uint32_t streams,
                       struct err *e);
/* All streams have been freed. */
void h2_fini(struct h2 *h);

/* Bytes from the network. */
void h2_recv(struct h2 *h, const char *p, size_t n);
/* The network took bytes. */
void h2_drained(struct h2 *h);
/* Send no more streams / take no more: GOAWAY with that code, in order. */
void h2_goaway(struct h2 *h, uint32_t code);

void h2_stream_init(struct h2_stream *s, struct h2 *h);
void h2_stream_fini(struct h2_stream *s);

/* In h2_head.c: begin a head anew; one more field; all have come. False: it was an interim one. */
void h2_head_reset(struct h2_stream *s);
void h2_head_field(struct h2_stream *s, struct span name, struct span value);
bool h2_head_finish(struct h2_stream *s, bool end);

/* Send a request or answer head; `end`: no body follows. A client's s->id is set by it. */
MUST_CHECK int h2_submit(struct h2_stream *s, const struct http_head *head, uint64_t wall_ms,
                         const char *scheme, bool end, struct err *e);
MUST_CHECK int h2_submit_continue(struct h2_stream *s, struct err *e);
MUST_CHECK int h2_body(struct h2_stream *s, const char *p, size_t n, struct err *e);
void h2_end(struct h2_stream *s);
void h2_reset(struct h2_stream *s, uint32_t code);
/* Give up a request whose head is not framed: it never will be, and s is gone. nghttp2 itself would
 * say so when the peer allows one more stream, which may be never. */
void h2_drop(struct h2_stream *s);
/* Ask for ops->pong, when all that waits has been told as sent. */
void h2_ping(struct h2_stream *s);
void h2_consumed(struct h2_stream *s, size_t n);
/* An answer that has begun may have the whole of HTTP_WINDOW. */
void h2_widen(struct h2_stream *s);

#endif
