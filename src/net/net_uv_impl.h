/*
 * net_uv_impl.h - what net_uv.c and net_uv_listen.c share.
 *
 * Room: net, private. Threads: one loop.
 */
#ifndef NET_NET_UV_IMPL_H
#define NET_NET_UV_IMPL_H

#include "ev/ev_uv.h"
#include "net/net_uv.h"
#include "net/outq.h"

#define NET_UV_KEEPALIVE_S 60 /* of silence, after which the kernel asks whether the peer lives */

struct uvnet {
    struct net base;
    uv_loop_t *loop;
    struct outq_store store;
    struct list conns;     /* of struct uvconn: all whose handle is not being closed */
    struct list listeners; /* of struct uvlistener */
    size_t handles;        /* libuv handles that still point here */
    int reserve_fd;        /* given up for a moment to refuse a caller when descriptors run out */
    bool dying;            /* freed with the last handle */
    char read_buf[NET_READ_MAX];
};

/* A connection around an accepted socket, which it owns; NULL: no memory, the socket is closed. */
MUST_CHECK struct net_conn *net_uv_conn_accepted(struct uvnet *n, int fd,
                                                 const struct net_addr *peer);

int net_uv_listen(struct net_listener **ret, struct net *net, const struct net_listen_conf *conf,
                  void (*on_accept)(void *arg, struct net_conn *c), void *arg, struct err *e);
const struct net_addr *net_uv_listener_addr(const struct net_listener *l);
void net_uv_listener_pause(struct net_listener *l, bool pause);
void net_uv_listener_close(struct net_listener *l);

#endif
