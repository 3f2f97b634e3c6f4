/*
 * server.c - listens, finds out which version a client speaks, and keeps count.
 *
 * The version: ALPN when TLS agreed on one, else the first bytes. HTTP/2 with prior knowledge
 * begins with "PRI * HTTP/2.0", which no HTTP/1 client ever sends.
 *
 * When as many connections are open as the limit allows, accepting stops: the kernel's queue
 * holds further ones, and nobody who is being served pays for them.
 */
#include "http/server.h"

#include "base/mem.h"
#include "http/greet.h"
#include "http/server_impl.h"
#include "net/tls.h"

#define PATHS_MAX ((size_t)16 * 1024)

static void on_drained(struct ev_post *p)
{
    struct http_server *s = CONTAINER_OF(p, struct http_server, drained);

    void (*fn)(void *arg) = s->on_drained;

    s->on_drained = NULL;
    if (fn)
        fn(s->drained_arg); /* which may free s */
}

static void set_paused(struct http_server *s)
{
    bool pause = s->draining || s->stats.conns_now >= s->conf.conns;

    if (pause == s->paused)
        return;
    s->paused = pause;
    for (size_t i = 0; i < s->listeners_n; i++)
        net_listener_pause(s->listeners[i], pause);
}

/* Whose connection is it? An IPv4 address is one client, so is a /64 of IPv6. */
static uint64_t ip_key(const struct net_addr *a)
{
    const unsigned char *v6 = a->u.v6.sin6_addr.s6_addr;
    uint64_t key = 0;

    if (a->u.any.sa_family == AF_INET)
        memcpy(&key, &a->u.v4.sin_addr, 4);
    else if (IN6_IS_ADDR_V4MAPPED(&a->u.v6.sin6_addr))
        memcpy(&key, v6 + 12, 4);
    else
        memcpy(&key, v6, 8);
    return key;
}

static struct list *ip_bucket(struct http_server *s, uint64_t key)
{
    return &s->by_ip[((key ^ s->ip_seed) * UINT64_C(0x9E3779B97F4A7C15)) >> 56];
}

static bool too_many_of(struct http_server *s, const struct net_addr *peer)
{
    uint64_t key = ip_key(peer);
    uint32_t n = 0;

    if (s->conf.conns_per_ip == 0)
        return false;
    LIST_EACH(it, ip_bucket(s, key))
    n += LIST_ENTRY(it, struct http_conn, ip_link)->ip == key;
    return n >= s->conf.conns_per_ip;
}

void http_server_add(struct http_server *s, struct http_conn *c, const struct net_addr *peer)
{
    list_init(&c->link);
    list_push(&s->conns, &c->link);
    c->ip = ip_key(peer);
    list_init(&c->ip_link);
    list_push(ip_bucket(s, c->ip), &c->ip_link);
    s->stats.conns_now++;
    set_paused(s);
}

void http_server_remove(struct http_server *s, struct http_conn *c)
{
    list_del(&c->link);
    list_del(&c->ip_link);
    s->stats.conns_now--;
    if (s->closing)
        return;
    set_paused(s);
    if (s->draining && s->stats.conns_now == 0)
        ev_post(s->ev, &s->drained);
}

static void on_accept(void *arg, struct net_conn *conn)
{
    struct http_server *s = arg;

    if (too_many_of(s, net_conn_peer(conn))) {
        s->stats.glitches_total++;
        net_conn_close(&conn, NET_END_RESET);
        return;
    }
    s->stats.conns_total++;
    greet_begin(s, conn);
}

/* A context from the files of conf; *ret stays NULL where conf names none. */
static int read_certificate(struct tls_ctx **ret, struct ev *ev,
                            const struct http_server_conf *conf, struct err *e)
{
    struct tls_server_conf tls = {.alpn = "h2,http/1.1", .ticket_secret = conf->ticket_secret};
    struct arena a;
    int rc = -1;

    *ret = NULL;
    if (conf->tls_cert.n == 0)
        return 0;
    arena_init(&a, PATHS_MAX);
    tls.cert_file = arena_dup(&a, conf->tls_cert).p;
    tls.key_file = arena_dup(&a, conf->tls_key).p;
    if (tls.cert_file && tls.key_file)
        rc = tls_server_ctx_new(ret, ev, &tls, e);
    else
        err_set(e, ERR_NOMEM, "no memory for a certificate");
    arena_fini(&a);
    return rc;
}

int http_server_new(struct http_server **ret, struct net *net, const struct http_server_conf *conf,
                    http_on_request fn, void *arg, struct err *e)
{
    struct http_server *s = mem_zalloc(1, sizeof(*s));

    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for a server");
    s->net = net;
    s->ev = net_ev(net);
    s->conf = *conf;
    s->on_request = fn;
    s->arg = arg;
    list_init(&s->conns);
    for (size_t i = 0; i < HTTP_IP_BUCKETS; i++)
        list_init(&s->by_ip[i]);
    s->ip_seed = ev_random_u64(s->ev);
    ev_post_init(&s->drained, on_drained);
    if (read_certificate(&s->tls, s->ev, conf, e) < 0) {
        mem_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

int http_server_listen(struct http_server *s, const struct net_listen_conf *lc, struct err *e)
{
    struct net_listener **more;

    more = mem_realloc(s->listeners, (s->listeners_n + 1) * sizeof(struct net_listener *));
    if (!more)
        return err_set(e, ERR_NOMEM, "no memory for a listener");
    s->listeners = more;
    if (net_listen(&s->listeners[s->listeners_n], s->net, lc, on_accept, s, e) < 0)
        return -1;
    s->listeners_n++;
    return 0;
}

const struct net_addr *http_server_addr(const struct http_server *s, size_t i)
{
    return i < s->listeners_n ? net_listener_addr(s->listeners[i]) : NULL;
}

int http_server_reconf(struct http_server *s, const struct http_server_conf *conf, struct err *e)
{
    struct tls_ctx *fresh = NULL;
    int rc = s->tls ? read_certificate(&fresh, s->ev, conf, e) : 0;

    s->conf = *conf;
    set_paused(s);
    if (fresh) {
        tls_ctx_unref(&s->tls);
        s->tls = fresh;
    }
    return rc;
}

void http_server_drain(struct http_server *s, void (*fn)(void *arg), void *arg)
{
    s->draining = true;
    s->on_drained = fn;
    s->drained_arg = arg;
    set_paused(s);
    LIST_EACH(it, &s->conns)
    {
        struct http_conn *c = LIST_ENTRY(it, struct http_conn, link);

        c->drain(c);
    }
    if (s->stats.conns_now == 0)
        ev_post(s->ev, &s->drained);
}

const struct http_server_stats *http_server_stats(const struct http_server *s)
{
    return &s->stats;
}

void http_server_free(struct http_server **sp)
{
    struct http_server *s = *sp;

    *sp = NULL;
    if (!s)
        return;
    s->closing = true;
    for (size_t i = 0; i < s->listeners_n; i++)
        net_listener_close(&s->listeners[i]);
    mem_free(s->listeners);
    LIST_EACH(it, &s->conns)
    {
        struct http_conn *c = LIST_ENTRY(it, struct http_conn, link);

        c->abort(c);
    }
    ev_post_cancel(&s->drained);
    tls_ctx_unref(&s->tls);
    mem_free(s);
}
