/*
 * net.c - the calls of net.h handed to whatever stands behind them, and addresses as text.
 */
#include "net/net.h"

#include <arpa/inet.h>

/* ---- addresses ---- */

static int parse_port(struct span text, in_port_t *ret)
{
    uint64_t port;

    if (span_u64(text, &port) < 0 || port > UINT16_MAX)
        return -1;
    *ret = htons((uint16_t)port);
    return 0;
}

static int bad_addr(struct span text, struct err *e)
{
    return err_set(e, ERR_PARSE, "'%.*s' is not an address like 127.0.0.1:80 or [::1]:80",
                   (int)MIN(text.n, (size_t)NET_ADDR_TEXT), text.p ? text.p : "");
}

int net_addr_parse(struct net_addr *ret, struct span text, struct err *e)
{
    struct net_addr a = {0};
    struct span host, port;
    char name[INET6_ADDRSTRLEN];
    bool v6 = text.n > 0 && text.p[0] == '[';
    size_t end = span_find(text, v6 ? ']' : ':');

    if (end == SIZE_MAX)
        return bad_addr(text, e);
    if (v6) {
        host = span_of(text.p + 1, end - 1);
        port = span_of(text.p + end + 1, text.n - end - 1);
        if (port.n == 0 || port.p[0] != ':')
            return bad_addr(text, e);
        port = span_of(port.p + 1, port.n - 1);
    } else {
        host = span_of(text.p, end);
        port = span_of(text.p + end + 1, text.n - end - 1);
    }
    if (host.n >= sizeof(name) || memchr(host.p, '\0', host.n))
        return bad_addr(text, e);
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    if (v6) {
        a.u.v6.sin6_family = AF_INET6;
        if (inet_pton(AF_INET6, name, &a.u.v6.sin6_addr) != 1 ||
            parse_port(port, &a.u.v6.sin6_port) < 0)
            return bad_addr(text, e);
    } else {
        a.u.v4.sin_family = AF_INET;
        if (inet_pton(AF_INET, name, &a.u.v4.sin_addr) != 1 ||
            parse_port(port, &a.u.v4.sin_port) < 0)
            return bad_addr(text, e);
    }
    *ret = a;
    return 0;
}

/* v in decimal; returns the place behind it. */
static char *decimal(char *to, unsigned v)
{
    unsigned unit = 1;

    while (v / unit >= 10)
        unit *= 10;
    for (; unit; unit /= 10)
        *to++ = (char)('0' + v / unit % 10);
    return to;
}

/* By hand, for it is written a request. */
static void v4_text(const struct sockaddr_in *v4, char *to)
{
    uint32_t ip = ntohl(v4->sin_addr.s_addr);

    for (unsigned shift = 32; shift > 0;) {
        shift -= 8;
        to = decimal(to, ip >> shift & 255);
        *to++ = shift ? '.' : ':';
    }
    *decimal(to, ntohs(v4->sin_port)) = '\0';
}

const char *net_addr_text(const struct net_addr *a, char out[NET_ADDR_TEXT])
{
    char name[INET6_ADDRSTRLEN];
    int n = -1;

    if (a->u.any.sa_family == AF_INET) {
        v4_text(&a->u.v4, out);
        return out;
    }
    if (a->u.any.sa_family == AF_INET6 &&
        inet_ntop(AF_INET6, &a->u.v6.sin6_addr, name, sizeof(name)))
        n = snprintf(out, NET_ADDR_TEXT, "[%s]:%u", name, ntohs(a->u.v6.sin6_port));
    if (n < 0)
        snprintf(out, NET_ADDR_TEXT, "unknown");
    return out;
}

bool net_addr_loopback(const struct net_addr *a)
{
    const struct in6_addr *v6 = &a->u.v6.sin6_addr;

    if (a->u.any.sa_family == AF_INET)
        return (ntohl(a->u.v4.sin_addr.s_addr) >> 24) == 127;
    if (a->u.any.sa_family != AF_INET6)
        return false;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

/* ---- connections ---- */

void net_conn_listen(struct net_conn *c, const struct net_conn_cb *cb, void *arg)
{
    MUST(c && cb && cb->on_read && cb->on_eof && cb->on_sent && cb->on_error);
    c->cb = cb;
    c->arg = arg;
}

void net_conn_read(struct net_conn *c, bool on)
{
    MUST(c->cb || !on); /* nobody would be there to take the bytes */
    c->ops->read(c, on);
}

int net_conn_write(struct net_conn *c, const char *p, size_t n, struct err *e)
{
    return n > 0 ? c->ops->write(c, p, n, e) : 0;
}

size_t net_conn_queued(const struct net_conn *c)
{
    return c->ops->queued(c);
}

enum net_peek net_conn_peek(const struct net_conn *c)
{
    return c->ops->peek(c);
}

void net_conn_keep_secret(struct net_conn *c)
{
    c->secret = true;
}

void net_conn_shutdown(struct net_conn *c)
{
    c->ops->shutdown(c);
}

void net_conn_close(struct net_conn **c, enum net_end how)
{
    struct net_conn *old = *c;

    if (!old)
        return;
    *c = NULL;
    old->ops->close(old, how);
}

const struct net_addr *net_conn_peer(const struct net_conn *c)
{
    return c->ops->peer(c);
}

const char *net_conn_alpn(const struct net_conn *c)
{
    const char *alpn = c->ops->alpn ? c->ops->alpn(c) : NULL;

    return alpn ? alpn : "";
}

bool net_conn_is_tls(const struct net_conn *c)
{
    return c->tls;
}

/* ---- listening and connecting ---- */

int net_listen(struct net_listener **ret, struct net *net, const struct net_listen_conf *conf,
               void (*on_accept)(void *arg, struct net_conn *c), void *arg, struct err *e)
{
    MUST(ret && conf && on_accept && e);
    return net->ops->listen(ret, net, conf, on_accept, arg, e);
}

const struct net_addr *net_listener_addr(const struct net_listener *l)
{
    return l->ops->listener_addr(l);
}

void net_listener_pause(struct net_listener *l, bool pause)
{
    l->ops->listener_pause(l, pause);
}

void net_listener_close(struct net_listener **l)
{
    struct net_listener *old = *l;

    if (!old)
        return;
    *l = NULL;
    old->ops->listener_close(old);
}

int net_connect(struct net_connect **ret, struct net *net, const struct net_addr *to,
                void (*on_done)(void *arg, struct net_conn *c, const struct err *e), void *arg,
                struct err *e)
{
    MUST(ret && to && on_done && e);
    return net->ops->connect(ret, net, to, on_done, arg, e);
}

void net_connect_cancel(struct net_connect **c)
{
    struct net_connect *old = *c;

    if (!old)
        return;
    *c = NULL;
    old->ops->connect_cancel(old);
}

struct ev *net_ev(const struct net *net)
{
    return net->ev;
}
