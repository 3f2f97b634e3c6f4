/*
 * greet.c - see greet.h.
 *
 * By TLS the version is what ALPN agreed on. In clear text it is told by the first bytes: HTTP/2
 * with prior knowledge begins with H2_PREFACE, which no request of HTTP/1 does.
 *
 * A client has head_ms for the handshake, or for its first byte: one that connects and says
 * nothing costs a small struct for that time, and no more.
 */
#include "http/greet.h"

#include "base/buf.h"
#include "base/mem.h"
#include "http/h1_server.h"
#include "http/h2.h"
#include "http/h2_server.h"
#include "net/tls.h"

#define PREFACE_N (sizeof(H2_PREFACE) - 1)

struct greet {
    struct http_conn base;
    struct net_conn *conn;
    struct ev_timer timer;
    struct ev_post reap;
    size_t seen; /* bytes of H2_PREFACE that have come */
};

static void abort_conn(struct http_conn *base)
{
    struct greet *g = CONTAINER_OF(base, struct greet, base);

    net_conn_close(&g->conn, NET_END_RESET);
    ev_timer_stop(&g->timer);
    ev_post_cancel(&g->reap);
    http_server_remove(base->server, base);
    mem_free(g);
}

static void reap(struct ev_post *p)
{
    abort_conn(&CONTAINER_OF(p, struct greet, reap)->base);
}

/* Nothing is freed inside a callback of what it owns. */
static void end(struct greet *g, enum net_end how)
{
    net_conn_close(&g->conn, how);
    ev_timer_stop(&g->timer);
    ev_post(g->base.server->ev, &g->reap);
}

static void drain_conn(struct http_conn *base)
{
    struct greet *g = CONTAINER_OF(base, struct greet, base);

    if (g->conn) /* else it has ended in this turn */
        end(g,
            net_conn_is_tls(g->conn) ? NET_END_RESET : NET_END_FLUSH); /* nothing was asked yet */
}

static void on_timer(struct ev_timer *t)
{
    struct greet *g = CONTAINER_OF(t, struct greet, timer);

    end(g, net_conn_is_tls(g->conn) ? NET_END_RESET : NET_END_FLUSH);
}

/* The version is known: the connection goes on without us. Frees g. */
static void hand_over(struct greet *g, bool h2, struct span first)
{
    struct http_server *s = g->base.server;
    struct net_conn *conn = g->conn;
    struct err e;
    int rc;

    ev_timer_stop(&g->timer);
    ev_post_cancel(&g->reap);
    http_server_remove(s, &g->base);
    mem_free(g);
    rc = h2 ? h2_server_start(s, conn, first, &e) : h1_server_start(s, conn, first, &e);
    if (rc < 0)
        net_conn_close(&conn, NET_END_RESET);
}

static void on_ready(void *arg, const struct err *why)
{
    struct greet *g = arg;

    if (why) {
        g->base.server->stats.glitches_total++;
        end(g, NET_END_FLUSH); /* the alert says why */
        return;
    }
    hand_over(g, strcmp(net_conn_alpn(g->conn), "h2") == 0, span_of(NULL, 0));
}

static void on_read(void *arg, const char *p, size_t n)
{
    static const char preface[] = H2_PREFACE;
    struct greet *g = arg;
    size_t m = MIN(n, PREFACE_N - g->seen), seen = g->seen;
    bool h2 = memcmp(preface + seen, p, m) == 0;
    struct buf first;

    if (h2 && seen + m < PREFACE_N) {
        g->seen += m;
        return;
    }
    if (seen == 0) {
        hand_over(g, h2, span_of(p, n));
        return;
    }
    buf_init(&first, PREFACE_N + NET_READ_MAX);
    buf_add(&first, preface, seen);
    buf_add(&first, p, n);
    if (buf_ok(&first))
        hand_over(g, h2, buf_span(&first));
    else
        end(g, NET_END_RESET);
    buf_fini(&first);
}

static void on_eof(void *arg)
{
    end(arg, NET_END_FLUSH);
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void on_error(void *arg, const struct err *e)
{
    UNUSED(e);
    end(arg, NET_END_RESET);
}

static const struct net_conn_cb clear_cb = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_sent = on_sent,
    .on_error = on_error,
};

void greet_begin(struct http_server *s, struct net_conn *conn)
{
    struct greet *g = mem_zalloc(1, sizeof(*g));
    struct err e;

    if (!g)
        goto fail;
    g->base.server = s;
    g->base.abort = abort_conn;
    g->base.drain = drain_conn;
    ev_timer_init(&g->timer, s->ev, on_timer);
    ev_post_init(&g->reap, reap);
    if (ev_timer_set(&g->timer, EV_MS(s->conf.head_ms), &e) < 0)
        goto fail;
    if (s->tls && tls_wrap(&g->conn, s->tls, conn, NULL, on_ready, g, &e) < 0)
        goto fail;
    g->conn = s->tls ? g->conn : conn;
    http_server_add(s, &g->base, net_conn_peer(g->conn));
    if (s->tls)
        return;
    net_conn_listen(conn, &clear_cb, g);
    net_conn_read(conn, true);
    return;
fail:
    if (g)
        ev_timer_stop(&g->timer);
    mem_free(g);
    net_conn_close(&conn, NET_END_RESET);
}
