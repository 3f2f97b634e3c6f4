/*
 * greet.h - from an accepted socket to a connection whose version is known.
 *
 * Room: http; used by server.c only. Threads: one loop.
 */
#ifndef HTTP_GREET_H
#define HTTP_GREET_H

#include "http/server_impl.h"

/* Take conn (owned from here on): shake hands if the server speaks TLS, find out the version, and
 * hand it on. It counts as a connection of the server from now on. */
void greet_begin(struct http_server *s, struct net_conn *conn);

#endif
