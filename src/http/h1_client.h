/*
 * h1_client.h - one HTTP/1.1 connection of a pool: requests go out, one at a time.
 *
 * Room: http; used by pool.c only. Threads: one loop.
 */
#ifndef HTTP_H1_CLIENT_H
#define HTTP_H1_CLIENT_H

#include "http/pool_impl.h"

/* A connection that is there (owned from here on), for the pool; without an exchange yet. */
MUST_CHECK int h1_client_new(struct pool_conn **ret, struct http_pool *pool, struct net_conn *conn,
                             struct err *e);

#endif
