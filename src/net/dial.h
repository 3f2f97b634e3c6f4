/*
 * dial.h - from a host name to a connection that is ready: resolve, look where the address leads,
 * connect, pass the egress proxy, shake hands by TLS.
 *
 * Whatever fails here, nothing of a request has been sent: it is safe to go elsewhere.
 *
 * Room: net. Threads: one loop.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/resolve.h"
#include "net/tls.h"

#define DIAL_AUTH_MAX 512 /* bytes of "user:password" */

struct dial; /* one in progress */

struct dial_proxy {
    const char *host;
    uint16_t port;
    struct tls_ctx *tls; /* an https:// proxy: to speak TLS to it; NULL: http:// */
    struct span auth;    /* "user:password" for Basic; absent: none */
};

struct dial_conf {
    const char *host; /* a name or a bare IP address */
    uint16_t port;
    struct tls_ctx *tls;            /* NULL: clear text */
    const struct dial_proxy *proxy; /* NULL: direct */

    /* Where an address may lead besides the public net. Metadata services are for credential
     * sources alone; unspecified and multicast addresses are never dialled. Through a proxy only
     * an address written as host is judged: the proxy resolves names. The proxy itself may be
     * anywhere but on those. */
    bool allow_private, allow_loopback, allow_metadata;

    uint32_t resolve_ms; /* 0: 5000 */
    uint32_t connect_ms; /* of all addresses together; 0: 3000 */
    uint32_t tls_ms;     /* of one handshake; 0: 5000 */
    uint32_t proxy_ms;   /* from CONNECT to its answer; 0: 5000 */
};

/* *conf is copied, contexts are referenced; net and r outlive the dial. on_done gets the
 * connection (owned by it, reader off), or NULL and why: ERR_RESOLVE, ERR_CONNECT, ERR_TIMEOUT,
 * ERR_TLS, ERR_PROTOCOL (the proxy). */
MUST_CHECK int dial_start(struct dial **ret, struct net *net, struct resolver *r,
                          const struct dial_conf *conf,
                          void (*on_done)(void *arg, struct net_conn *c, const struct err *e),
                          void *arg, struct err *e);

/* Give up; on_done will not be called. NULL is fine. After on_done the dial is gone. */
void dial_cancel(struct dial **d);

/* What it is doing, for people: "resolve", "connect", "tls to the proxy", ... */
const char *dial_doing(const struct dial *d);

/* Does a NO_PROXY list ("example.com,.corp,10.0.0.0/8,[::1]:8080,*") say that host:port is to be
 * reached directly? A name also stands for what is below it; a leading dot changes nothing; an
 * entry with a port is for that port alone. Separators are commas and blanks. */
bool dial_no_proxy(struct span list, struct span host, uint16_t port);

#endif
