/*
 * net_uv.h - real sockets, on a loop of ev_uv.h. How they behave is in net.h.
 *
 * Room: net. Threads: one loop.
 */
#ifndef NET_NET_UV_H
#define NET_NET_UV_H

#include "net/net.h"

MUST_CHECK int net_uv_new(struct net **ret, struct ev *ev, struct err *e);

/* Free *net and set it to NULL. Its listeners, connections and attempts have been closed by
 * their owners; those that still linger (NET_END_FLUSH, NET_END_RESET_ACKED) are cut. */
void net_uv_free(struct net **net);

/* Connections that exist, lingering ones included: for metrics and tests. */
size_t net_uv_conns(const struct net *net);

#endif
