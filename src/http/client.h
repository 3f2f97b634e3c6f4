/*
 * client.h - sends requests to origins, over connections that it pools.
 *
 * A pool belongs to one origin as the caller describes it (address, TLS, proxy): connections of
 * one description are never used for another, so a credential never leaves its origin. Idle
 * HTTP/1.1 connections are kept, used newest first, and closed at a maximum age or idle time;
 * any byte on an idle one closes it (it would answer the next request). An HTTP/2 connection is
 * shared.
 *
 * Room: http (uses base codec ev net). Threads: one loop.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "http/http.h"
#include "net/dial.h"

struct http_pool;

struct http_pool_conf {
    struct resolver *resolver; /* borrowed, like all that dial points to */
    struct dial_conf dial;     /* where and how to connect */
    struct http_limits limits; /* of answers */
    uint64_t idle_ms;          /* an unused connection is closed after this (60 s) */
    uint64_t age_ms;           /* no new request on a connection older than this (5 min) */
    uint32_t idle_most;        /* most idle connections kept */
    uint32_t conns_most;       /* most connections at once; more requests fail with ERR_LIMIT */
    bool h2_only;              /* speak HTTP/2 at once; over TLS it must have been agreed on */
};

struct http_pool_stats {
    uint64_t dials_total, reused_total, conns_now, idle_now;
    uint64_t fresh_total; /* requests that asked for a connection of their own making */
};

MUST_CHECK int http_pool_new(struct http_pool **ret, struct net *net,
                             const struct http_pool_conf *conf, struct err *e);

/* Close idle connections and free. All streams must have been closed. NULL is fine. */
void http_pool_free(struct http_pool **p);

const struct http_pool_stats *http_pool_stats(const struct http_pool *p);

/* Does nobody hold a stream of it? Then it may be freed. */
bool http_pool_unused(const struct http_pool *p);

enum http_pool_want {
    HTTP_POOL_ANY,   /* a kept or shared connection if there is one */
    HTTP_POOL_FRESH, /* one that is dialled from now on, or is being dialled */
};

/*
 * Begin an exchange. The stream can be bound and sent to at once: what is sent before a
 * connection is there is queued (so hold back by on_sent as always). on_connected (may be NULL)
 * tells when a connection is there, and whether it was a pooled one; on_fail comes behind it.
 *
 * A pooled connection may have been closed by the target while the request was on its way:
 * on_fail then says HTTP_FAIL_UNANSWERED, or HTTP_FAIL_NOT_SENT when the request cannot have been
 * processed. The pool never sends anything twice; whether to is its caller's to decide.
 */
MUST_CHECK int http_pool_request(struct http_pool *p, struct http_stream **ret,
                                 enum http_pool_want want,
                                 void (*on_connected)(void *arg, bool pooled), void *arg,
                                 struct err *e);

#endif
