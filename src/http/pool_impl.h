/*
 * pool_impl.h - what the pool and the connection of each version share.
 *
 * A pool_stream is the caller's view of an exchange. While no connection is there it queues; then
 * a connection of some version carries it, through `carrier`.
 *
 * Room: http, private to it. Threads: one loop.
 */
#ifndef HTTP_POOL_IMPL_H
#define HTTP_POOL_IMPL_H

#include "base/buf.h"
#include "base/list.h"
#include "http/client.h"

#define POOL_STREAMS_MOST 100 /* at once on one connection, whatever the target allows */

struct pool_stream;

/* What a version does for a stream that it carries. */
struct pool_carrier {
    int (*send_head)(struct pool_stream *s, const struct http_head *h, struct err *e);
    int (*send_body)(struct pool_stream *s, const char *p, size_t n, struct err *e);
    int (*send_end)(struct pool_stream *s, struct err *e);
    void (*consumed)(struct pool_stream *s, size_t n);
    void (*widen)(struct pool_stream *s);
    /* The caller has closed the stream; s is freed after this. */
    void (*release)(struct pool_stream *s);
};

struct pool_stream {
    struct http_stream base;
    struct http_pool *pool;
    struct list link;                   /* in http_pool.streams */
    const struct pool_carrier *carrier; /* NULL: waits for a connection, or has failed */
    void *conn;                         /* the carrier's */

    /* queued while there is no connection */
    struct dial *dial;  /* its own, or NULL: it is in http_pool.waiting */
    struct list wait;   /* in http_pool.waiting */
    struct arena arena; /* of the queued head */
    struct http_head head;
    bool head_queued, end_queued;
    struct buf body;

    void (*on_connected)(void *arg, bool pooled);
    void *connected_arg;
    struct ev_post tell_connected; /* a pooled connection was at hand at once */

    struct ev_post tell_failed;
    struct err why;
    enum http_fail how;
    bool failed;
};

struct http_pool {
    struct net *net;
    struct ev *ev;
    struct http_pool_conf conf;
    struct http_pool_stats stats;
    struct list conns;     /* struct pool_conn, all of them */
    struct list idle;      /* struct pool_conn without a stream, the one used last first */
    struct list shared;    /* struct pool_conn with streams, that may carry more */
    struct list waiting;   /* struct pool_stream, for `dial` */
    struct dial *dial;     /* for whoever waits, once it is known that connections are shared */
    bool shares;           /* HTTP/2 is spoken there */
    uint32_t streams_most; /* on one of them: as the target last said; kept for new ones */
    struct list streams;   /* struct pool_stream, all that callers hold */
    bool closing;
};

/* A connection of any version, as the pool sees it; embedded in it. */
struct pool_conn {
    struct list link;        /* in http_pool.conns */
    struct list idle_link;   /* in http_pool.idle while it is idle */
    struct list shared_link; /* in http_pool.shared while it has streams (HTTP/2) */
    struct http_pool *pool;
    ev_us born;
    /* Carry s from now on. -1: no memory. */
    int (*serve)(struct pool_conn *c, struct pool_stream *s, struct err *e);
    /* May it carry one more stream, as things stand? NULL: only when it is idle. */
    bool (*room)(const struct pool_conn *c);
    /* Idle: can it carry a stream, as far as can be told without waiting? */
    bool (*fit)(const struct pool_conn *c);
    void (*idle)(struct pool_conn *c, uint64_t ms); /* end after ms without use */
    void (*end)(struct pool_conn *c);               /* calls pool_remove() */
};

/* The pool has that connection (which its dial has counted already) / has it no more. */
void pool_add(struct http_pool *p, struct pool_conn *c);
void pool_remove(struct pool_conn *c);

/* Tell the stream's caller, from the loop, that it failed (once; later ones are dropped). */
void pool_stream_failed(struct pool_stream *s, enum http_fail how, const struct err *e);

/* A connection is free again: keep it, or end it if it is too old or one too many. */
void pool_give_back(struct pool_conn *c);

#endif
