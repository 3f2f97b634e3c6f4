/*
 * server.h - accepts connections and turns each request into an http_stream.
 *
 * Room: http (uses base codec ev net). Threads: one loop.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/http.h"
#include "net/net.h"

struct http_server;

struct http_server_conf {
    struct http_limits limits;
    uint64_t head_ms;           /* from accept or the first byte of a request to its whole head */
    uint64_t body_stall_ms;     /* longest wait for the next byte of a request body */
    uint64_t idle_ms;           /* keep-alive: between requests */
    uint64_t write_stall_ms;    /* longest time in which a client takes no byte of its answer */
    uint32_t conns;             /* most connections at once; further ones wait in the kernel */
    uint32_t conns_per_ip;      /* of one address (IPv6: one /64); more are reset; 0: no limit */
    uint32_t requests_per_conn; /* then "connection: close" */
    uint32_t streams_per_conn;  /* HTTP/2 */
    bool half_close_ok;         /* a FIN after the request does not mean that the client is gone */
    struct span tls_cert, tls_key;      /* PEM files, read by new and reconf; absent: clear text */
    const unsigned char *ticket_secret; /* see struct tls_server_conf; borrowed */
};

/* A request has come: its head is whole, h lives as long as s. The handler binds s before it
 * returns. `peer` is the client's address. */
typedef void (*http_on_request)(void *arg, struct http_stream *s, const struct http_head *h,
                                const struct net_addr *peer);

struct http_server_stats {
    uint64_t conns_total, conns_now, streams_now, requests_total;
    uint64_t refused_total;  /* requests answered 4xx by this room: malformed, a large head, slow */
    uint64_t glitches_total; /* odd but survivable things peers did */
};

/* A server without listeners yet. conf is copied. */
MUST_CHECK int http_server_new(struct http_server **ret, struct net *net,
                               const struct http_server_conf *conf, http_on_request fn, void *arg,
                               struct err *e);

/* Accept on a listener that lc describes. May be called several times. */
MUST_CHECK int http_server_listen(struct http_server *s, const struct net_listen_conf *lc,
                                  struct err *e);

/* The address of listener i (0 is the first), or NULL. */
const struct net_addr *http_server_addr(const struct http_server *s, size_t i);

/* New limits, times and certificates for connections and requests that begin from now on. -1: the
 * certificate cannot be used and the old one stays; all else is taken. A server does not change
 * between clear text and TLS. */
MUST_CHECK int http_server_reconf(struct http_server *s, const struct http_server_conf *conf,
                                  struct err *e);

/* Stop accepting, end idle connections, let running exchanges finish (each answer says
 * "connection: close"). on_drained is called once, when no connection is left. */
void http_server_drain(struct http_server *s, void (*on_drained)(void *arg), void *arg);

const struct http_server_stats *http_server_stats(const struct http_server *s);

/* Break what is still open and free. *s becomes NULL; NULL is fine. Streams that handlers still
 * hold get on_fail first, and may be closed then or later. Not from inside a callback of a
 * stream of this server. */
void http_server_free(struct http_server **s);

#endif
