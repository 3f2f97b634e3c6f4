/*
 * greet.c - see greet.h.
 *
 * A client has head_ms for the handshake: one that connects and says nothing costs a small
 * struct for that time, and no more.
 */
#include "http/greet.h"

#include "base/mem.h"
#include "http/h1_server.h"
#include "net/tls.h"

struct greet {
    struct http_conn base;
    struct net_conn *conn;
    struct ev_timer timer;
    struct ev_post reap;
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
    end(CONTAINER_OF(base, struct greet, base), NET_END_RESET); /* nothing has been asked yet */
}

static void on_timer(struct ev_timer *t)
{
    end(CONTAINER_OF(t, struct greet, timer), NET_END_RESET);
}

static void on_ready(void *arg, const struct err *why)
{
    struct greet *g = arg;
    struct http_server *s = g->base.server;
    struct net_conn *conn = g->conn;
    struct err e;

    if (why) {
        s->stats.glitches_total++;
        end(g, NET_END_FLUSH); /* the alert says why */
        return;
    }
    g->conn = NULL;
    if (h1_server_start(s, conn, span_of(NULL, 0), &e) < 0)
        net_conn_close(&conn, NET_END_RESET);
    end(g, NET_END_RESET);
}

static int greet_tls(struct http_server *s, struct net_conn *lower, struct err *e)
{
    struct greet *g = mem_zalloc(1, sizeof(*g));

    if (!g)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    g->base.server = s;
    g->base.abort = abort_conn;
    g->base.drain = drain_conn;
    ev_timer_init(&g->timer, s->ev, on_timer);
    ev_post_init(&g->reap, reap);
    if (ev_timer_set(&g->timer, EV_MS(s->conf.head_ms), e) < 0 ||
        tls_wrap(&g->conn, s->tls, lower, NULL, on_ready, g, e) < 0) {
        ev_timer_stop(&g->timer);
        mem_free(g);
        return -1;
    }
    http_server_add(s, &g->base, net_conn_peer(g->conn));
    return 0;
}

void greet_begin(struct http_server *s, struct net_conn *conn)
{
    struct err e;
    int rc;

    if (s->tls)
        rc = greet_tls(s, conn, &e);
    else
        rc = h1_server_start(s, conn, span_of(NULL, 0), &e);
    if (rc < 0)
        net_conn_close(&conn, NET_END_RESET);
}
