/*
 * h2_server.h - one HTTP/2 connection of a server: many requests at once.
 *
 * Room: http; used by greet.c only. Threads: one loop.
 */
#ifndef HTTP_H2_SERVER_H
#define HTTP_H2_SERVER_H

#include "http/server_impl.h"

/* Take over conn (owned from here on), of which `first` bytes were already read. On -1 it is
 * still the caller's. */
MUST_CHECK int h2_server_start(struct http_server *s, struct net_conn *conn, struct span first,
                               struct err *e);

#endif
