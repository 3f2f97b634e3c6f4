/*
 * h2_client.h - one HTTP/2 connection of a pool: many requests at once.
 *
 * Room: http; used by pool.c only. Threads: one loop.
 */
#ifndef HTTP_H2_CLIENT_H
#define HTTP_H2_CLIENT_H

#include "http/pool_impl.h"

/* A connection that is there (owned from here on), for the pool; without an exchange yet. On -1
 * it is still the caller's. */
MUST_CHECK int h2_client_new(struct pool_conn **ret, struct http_pool *pool, struct net_conn *conn,
                             struct err *e);

#endif
