/*
 * h1_server.h - one HTTP/1.x connection of a server: requests come in, one at a time.
 *
 * Room: http; used by server.c only. Threads: one loop.
 */
#ifndef HTTP_H1_SERVER_H
#define HTTP_H1_SERVER_H

#include "http/server_impl.h"

/* Take over conn (owned from here on), of which `first` bytes were already read. The connection
 * leaves the server's list and frees itself when both it and its stream are closed. */
MUST_CHECK int h1_server_start(struct http_server *s, struct net_conn *conn, struct span first,
                               struct err *e);

#endif
