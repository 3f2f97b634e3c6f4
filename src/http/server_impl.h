/*
 * server_impl.h - what server.c and the connection of each version share.
 *
 * Room: http, private to it. Threads: one loop.
 */
#ifndef HTTP_SERVER_IMPL_H
#define HTTP_SERVER_IMPL_H

#include "base/list.h"
#include "http/server.h"

#define HTTP_IP_BUCKETS 256

/* First member of each version's connection. */
struct http_conn {
    struct list link; /* in http_server.conns */
    struct list ip_link;
    uint64_t ip; /* see ip_key() in server.c */
    struct http_server *server;
    /* End it toward the network, tell its streams on_fail, and free it; while a handler still
     * holds a stream of it, it only leaves the server and frees itself after that. */
    void (*abort)(struct http_conn *c);
    /* Take no further request; end when idle. */
    void (*drain)(struct http_conn *c);
};

struct http_server {
    struct net *net;
    struct ev *ev;
    struct http_server_conf conf;
    struct tls_ctx *tls; /* NULL: clear text */
    http_on_request on_request;
    void *arg;
    struct net_listener **listeners;
    size_t listeners_n;
    struct list conns;                  /* struct http_conn */
    struct list by_ip[HTTP_IP_BUCKETS]; /* the same, by address */
    uint64_t ip_seed;
    struct http_server_stats stats;
    void (*on_drained)(void *arg);
    void *drained_arg;
    struct ev_post drained;
    bool draining, paused, closing;
};

/* Put c on the server's list / take it off (and go on accepting, tell the drain). */
void http_server_add(struct http_server *s, struct http_conn *c, const struct net_addr *peer);
void http_server_remove(struct http_server *s, struct http_conn *c);

#endif
