/*
 * net.h - byte streams: listen, connect, read, write, close. Real sockets (net_uv.h) and virtual
 * ones (net_sim.h) stand behind the same calls, and so do the layers that wrap a stream (TLS).
 *
 * Reading is pulled: a connection delivers only while its reader is on. Writing never blocks:
 * bytes are queued and leave at the end of the turn (many small writes become one system call);
 * whoever writes keeps account of what has not left yet by on_sent, and holds back.
 *
 * Life: a connection comes from net_connect()'s callback or a listener's on_accept and is ended
 * by its owner with net_conn_close(), exactly once. No callback comes after that call, and none
 * comes inside any call of this header (see ev.h).
 *
 * Room: net (uses base, ev). Threads: one loop.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <netinet/in.h>

#include "ev/ev.h"
#include "base/span.h"

#define NET_READ_MAX ((size_t)16 * 1024) /* most bytes one on_read delivers */

struct net;
struct net_conn;
struct net_listener;

/* An IP address and port. */
struct net_addr {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } u;
};

#define NET_ADDR_TEXT 64 /* "[ffff:...]:65535" and NUL fit */

/* Parse "127.0.0.1:80" or "[::1]:80". */
MUST_CHECK int net_addr_parse(struct net_addr *ret, struct span text, struct err *e);
/* Write as text; returns out. */
const char *net_addr_text(const struct net_addr *a, char out[NET_ADDR_TEXT]);
bool net_addr_loopback(const struct net_addr *a);

struct net_conn_cb {
    /* n >= 1 bytes came in (n <= NET_READ_MAX), borrowed until the callback returns. */
    void (*on_read)(void *arg, const char *p, size_t n);
    /* The peer sends no more (FIN). Writing may go on. */
    void (*on_eof)(void *arg);
    /* n more of the bytes written have left for the kernel (of the virtual net: for the wire). */
    void (*on_sent)(void *arg, size_t n);
    /* The connection is broken: reset, TLS failure, ... Close it. */
    void (*on_error)(void *arg, const struct err *e);
};

enum net_end {
    NET_END_FLUSH,       /* send what is queued (at most 5 s), then FIN: the orderly end */
    NET_END_RESET,       /* drop what is queued, send RST now */
    NET_END_RESET_ACKED, /* send what is queued, wait until the peer acknowledged it (at most
                          * 5 s), then RST: the reader sees all bytes and an unclean end */
};

/* Set who is told. Until this is called nothing is delivered. */
void net_conn_listen(struct net_conn *c, const struct net_conn_cb *cb, void *arg);

/* Switch delivery on or off; off at the start. What the kernel holds stays there. */
void net_conn_read(struct net_conn *c, bool on);

/* Queue n bytes; they are copied. They leave at the end of this turn, or when the socket allows.
 * -1 only for want of memory; then the connection is to be closed. */
MUST_CHECK int net_conn_write(struct net_conn *c, const char *p, size_t n, struct err *e);

/* A secret may be among what is written from now on: it is overwritten where it was queued, once it
 * has left. */
void net_conn_keep_secret(struct net_conn *c);

/* Bytes queued and not yet gone. */
size_t net_conn_queued(const struct net_conn *c);

/* Send FIN after what is queued; reading goes on. */
void net_conn_shutdown(struct net_conn *c);

/* End *c in the given way and set it to NULL. NULL is fine. */
void net_conn_close(struct net_conn **c, enum net_end how);

/* What waits on a connection and was not delivered yet, as far as can be told without waiting.
 * Whatever cannot be told apart from bytes (half a TLS record, a session ticket) counts as bytes.
 */
enum net_peek {
    NET_PEEK_QUIET, /* nothing: what comes from now on was sent after what was delivered */
    NET_PEEK_BYTES,
    NET_PEEK_ENDED, /* the peer's FIN, a reset, or broken */
};
enum net_peek net_conn_peek(const struct net_conn *c);

/* The peer's address; of a layered connection, that of the lowest one. */
const struct net_addr *net_conn_peer(const struct net_conn *c);

/* The protocol that ALPN agreed on ("h2", "http/1.1"), or "" without TLS or agreement. */
const char *net_conn_alpn(const struct net_conn *c);
bool net_conn_is_tls(const struct net_conn *c);

/* ---- listening ---- */

struct net_listen_conf {
    struct net_addr addr; /* port 0: any free one, see net_listener_addr() */
    int fd;               /* >= 0: an already bound and listening socket is used (and owned) */
    uint32_t backlog;
    bool reuse_port;
};

/* on_accept owns the connection it is handed. */
MUST_CHECK int net_listen(struct net_listener **ret, struct net *net,
                          const struct net_listen_conf *conf,
                          void (*on_accept)(void *arg, struct net_conn *c), void *arg,
                          struct err *e);
const struct net_addr *net_listener_addr(const struct net_listener *l);
/* Accept no more for now / again (the queue of the kernel keeps). */
void net_listener_pause(struct net_listener *l, bool pause);
void net_listener_close(struct net_listener **l);

/* ---- connecting ---- */

struct net_connect; /* a connection attempt in flight */

/* Connect to one address. on_done gets the connection (owned by it), or NULL and why. */
MUST_CHECK int net_connect(struct net_connect **ret, struct net *net, const struct net_addr *to,
                           void (*on_done)(void *arg, struct net_conn *c, const struct err *e),
                           void *arg, struct err *e);
/* Give up; on_done will not be called. *c becomes NULL; NULL is fine. After on_done the attempt
 * is gone by itself, and the owner only forgets its pointer. */
void net_connect_cancel(struct net_connect **c);

struct ev *net_ev(const struct net *net);

/* ---- for implementers and layers (net_uv.c, net_sim.c, net_tls.c) ---- */

struct net_conn_ops {
    const char *name;
    void (*read)(struct net_conn *c, bool on);
    int (*write)(struct net_conn *c, const char *p, size_t n, struct err *e);
    size_t (*queued)(const struct net_conn *c);
    enum net_peek (*peek)(const struct net_conn *c);
    void (*shutdown)(struct net_conn *c);
    void (*close)(struct net_conn *c, enum net_end how); /* takes c */
    const struct net_addr *(*peer)(const struct net_conn *c);
    const char *(*alpn)(const struct net_conn *c);                 /* NULL: none */
    void (*dump)(const struct net_conn *c, char *out, size_t cap); /* one line for people */
};

/* First member of every implementation's connection. */
struct net_conn {
    const struct net_conn_ops *ops;
    const struct net_conn_cb *cb;
    void *arg;
    bool tls;
    bool secret; /* net_conn_keep_secret() */
};

struct net_ops {
    const char *name;
    int (*listen)(struct net_listener **ret, struct net *net, const struct net_listen_conf *conf,
                  void (*on_accept)(void *arg, struct net_conn *c), void *arg, struct err *e);
    const struct net_addr *(*listener_addr)(const struct net_listener *l);
    void (*listener_pause)(struct net_listener *l, bool pause);
    void (*listener_close)(struct net_listener *l);
    int (*connect)(struct net_connect **ret, struct net *net, const struct net_addr *to,
                   void (*on_done)(void *arg, struct net_conn *c, const struct err *e), void *arg,
                   struct err *e);
    void (*connect_cancel)(struct net_connect *c);
};

/* First members of every implementation's net, listener and attempt. */
struct net {
    const struct net_ops *ops;
    struct ev *ev;
};
struct net_listener {
    const struct net_ops *ops;
};
struct net_connect {
    const struct net_ops *ops;
};

#endif
