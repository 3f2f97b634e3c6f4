/*
 * pool.c - connections of one origin, and the streams that wait for one.
 *
 * A request takes a shared connection with room (HTTP/2), or the idle one that was used last (the
 * oldest ones age out), else dials: for itself alone, or once it is known that connections are
 * shared, together with all who wait.
 * Before an idle connection is given away its socket is asked: what the target sent or did since
 * the last turn of the loop is not told yet, and would be taken for the answer.
 * What the caller sends before the connection is there is queued in the stream, bounded by the
 * caller's own window, and handed over in serve_queued().
 */
#include "http/client.h"

#include "base/mem.h"
#include "base/secret.h"
#include "http/h1_client.h"
#include "http/h2_client.h"

#define HEAD_BUDGET ((size_t)64 * 1024)

/* ---- streams ---- */

static struct pool_stream *of(struct http_stream *s)
{
    return CONTAINER_OF(s, struct pool_stream, base);
}

static void tell_failed(struct ev_post *p)
{
    struct pool_stream *s = CONTAINER_OF(p, struct pool_stream, tell_failed);

    s->base.cb->on_fail(s->base.arg, s->how, &s->why);
}

void pool_stream_failed(struct pool_stream *s, enum http_fail how, const struct err *e)
{
    if (s->failed)
        return;
    s->failed = true;
    s->how = how;
    s->why = *e;
    ev_post(s->pool->ev, &s->tell_failed);
}

static void tell_connected(struct ev_post *p)
{
    struct pool_stream *s = CONTAINER_OF(p, struct pool_stream, tell_connected);

    if (s->on_connected)
        s->on_connected(s->connected_arg, true);
}

/* What was queued is given back, the credential overwritten. */
static void drop_head(struct pool_stream *s)
{
    if (s->head.secret)
        secret_wipe((void *)(uintptr_t)s->head.secret->value.p, s->head.secret->value.n);
    s->head = (struct http_head){0};
    arena_fini(&s->arena);
}

static int copy_head(struct pool_stream *s, const struct http_head *h, struct err *e)
{
    struct http_field *fields = arena_alloc(&s->arena, (h->fields_n + 1) * sizeof(*fields));

    s->head = *h;
    s->head.method = arena_dup(&s->arena, h->method);
    s->head.path = arena_dup(&s->arena, h->path);
    s->head.authority = arena_dup(&s->arena, h->authority);
    s->head.fields = fields;
    s->head.secret = NULL;
    for (size_t i = 0; fields && i < h->fields_n; i++) {
        fields[i].name = arena_dup(&s->arena, h->fields[i].name);
        fields[i].value = arena_dup(&s->arena, h->fields[i].value);
        if (&h->fields[i] == h->secret)
            s->head.secret = &fields[i];
        if (!fields[i].name.p || !fields[i].value.p)
            fields = NULL;
    }
    if (!fields || !s->head.method.p || !s->head.path.p || !s->head.authority.p)
        return err_set(e, ERR_NOMEM, "no memory for a request head");
    s->head_queued = true;
    return 0;
}

static int send_head(struct http_stream *stream, const struct http_head *h, struct err *e)
{
    struct pool_stream *s = of(stream);

    if (s->failed)
        return err_set(e, ERR_RESET, "the exchange has failed");
    return s->carrier ? s->carrier->send_head(s, h, e) : copy_head(s, h, e);
}

static int send_body(struct http_stream *stream, const char *p, size_t n, struct err *e)
{
    struct pool_stream *s = of(stream);

    if (s->failed)
        return err_set(e, ERR_RESET, "the exchange has failed");
    if (s->carrier)
        return s->carrier->send_body(s, p, n, e);
    buf_add(&s->body, p, n);
    return buf_finish(&s->body, "request body", e);
}

static int send_end(struct http_stream *stream, struct err *e)
{
    struct pool_stream *s = of(stream);

    if (s->failed)
        return err_set(e, ERR_RESET, "the exchange has failed");
    if (s->carrier)
        return s->carrier->send_end(s, e);
    s->end_queued = true;
    return 0;
}

static void consumed(struct http_stream *stream, size_t n)
{
    struct pool_stream *s = of(stream);

    if (s->carrier)
        s->carrier->consumed(s, n);
}

static void widen(struct http_stream *stream)
{
    struct pool_stream *s = of(stream);

    if (s->carrier)
        s->carrier->widen(s);
}

static void close_stream(struct http_stream *stream, enum http_close how)
{
    struct pool_stream *s = of(stream);

    UNUSED(how); /* a carrier knows by itself whether both messages are whole */
    if (s->dial)
        s->pool->stats.conns_now--;
    dial_cancel(&s->dial);
    list_del(&s->wait);
    ev_post_cancel(&s->tell_connected);
    ev_post_cancel(&s->tell_failed);
    if (s->carrier)
        s->carrier->release(s);
    list_del(&s->link);
    drop_head(s);
    buf_fini(&s->body);
    mem_free(s);
}

static const struct http_stream_ops stream_ops = {
    .name = "pool",
    .send_head = send_head,
    .send_body = send_body,
    .send_end = send_end,
    .consumed = consumed,
    .widen = widen,
    .close = close_stream,
};

/* ---- connections ---- */

void pool_add(struct http_pool *p, struct pool_conn *c)
{
    c->pool = p;
    c->born = ev_now(p->ev);
    list_init(&c->link);
    list_init(&c->idle_link);
    list_init(&c->shared_link);
    list_push(&p->conns, &c->link);
}

static void take_off_idle(struct pool_conn *c)
{
    if (list_empty(&c->idle_link))
        return;
    list_del(&c->idle_link);
    c->pool->stats.idle_now--;
}

void pool_remove(struct pool_conn *c)
{
    take_off_idle(c);
    list_del(&c->shared_link);
    list_del(&c->link);
    c->pool->stats.conns_now--;
}

static bool too_old(const struct pool_conn *c)
{
    return ev_now(c->pool->ev) - c->born > EV_MS(c->pool->conf.age_ms);
}

void pool_give_back(struct pool_conn *c)
{
    struct http_pool *p = c->pool;

    if (p->stats.idle_now >= p->conf.idle_most || too_old(c)) {
        c->end(c);
        return;
    }
    list_push_front(&p->idle, &c->idle_link);
    p->stats.idle_now++;
    c->idle(c, p->conf.idle_ms);
}

/* Hand what was queued to the connection. */
static void serve_queued(struct pool_conn *c, struct pool_stream *s)
{
    struct err e;
    int rc = c->serve(c, s, &e);

    if (rc == 0 && s->head_queued)
        rc = s->carrier->send_head(s, &s->head, &e);
    if (rc == 0 && s->body.n)
        rc = s->carrier->send_body(s, s->body.p, s->body.n, &e);
    if (rc == 0 && s->end_queued)
        rc = s->carrier->send_end(s, &e);
    buf_fini(&s->body);
    drop_head(s);
    if (rc == 0)
        return;
    if (s->carrier)
        s->carrier->release(s); /* before the end of the turn: none of it leaves */
    s->carrier = NULL;
    pool_stream_failed(s, HTTP_FAIL_NOT_SENT, &e);
}

/* A connection has come (conns_now counts it): speak the version that was agreed. */
static int make_conn(struct pool_conn **ret, struct http_pool *p, struct net_conn *conn,
                     struct err *e)
{
    bool h2 = strcmp(net_conn_alpn(conn), "h2") == 0;
    bool refused = p->conf.h2_only && !h2 && net_conn_is_tls(conn);

    p->shares = h2 || p->conf.h2_only;
    if (refused)
        (void)err_set(e, ERR_TLS, "TLS with %s: it does not offer HTTP/2, which is to be spoken",
                      p->conf.dial.host);
    else if ((p->shares ? h2_client_new(ret, p, conn, e) : h1_client_new(ret, p, conn, e)) == 0)
        return 0;
    p->stats.conns_now--;
    net_conn_close(&conn, NET_END_RESET);
    return -1;
}

/* Give s its connection, which was dialled for it. */
static void serve_dialed(struct pool_conn *c, struct pool_stream *s)
{
    serve_queued(c, s);
    if (s->on_connected && !s->failed)
        s->on_connected(s->connected_arg, false);
}

static void on_dialed(void *arg, struct net_conn *conn, const struct err *why)
{
    struct pool_stream *s = arg;
    struct http_pool *p = s->pool;
    struct pool_conn *c;
    struct err e;

    s->dial = NULL;
    if (!conn) {
        p->stats.conns_now--;
        pool_stream_failed(s, HTTP_FAIL_NOT_SENT, why);
        return;
    }
    if (make_conn(&c, p, conn, &e) < 0)
        pool_stream_failed(s, HTTP_FAIL_NOT_SENT, &e);
    else
        serve_dialed(c, s);
}

static int dial(struct http_pool *p, struct pool_stream *s, struct err *e)
{
    if (p->stats.conns_now >= p->conf.conns_most)
        return err_set(e, ERR_LIMIT, "%u connections to this target are open", p->conf.conns_most);
    if (dial_start(&s->dial, p->net, p->conf.resolver, &p->conf.dial, on_dialed, s, e) < 0)
        return -1;
    p->stats.conns_now++;
    p->stats.dials_total++;
    return 0;
}

static int dial_shared(struct http_pool *p, struct err *e);

static void fail_waiting(struct http_pool *p, const struct err *why)
{
    LIST_EACH(it, &p->waiting)
    {
        list_del(it);
        pool_stream_failed(LIST_ENTRY(it, struct pool_stream, wait), HTTP_FAIL_NOT_SENT, why);
    }
}

/* The dial for all who wait. The first of them is served in any case, so that each dial gets at
 * least one of them further; those for whom there is no room get another dial. */
static void on_dialed_shared(void *arg, struct net_conn *conn, const struct err *why)
{
    struct http_pool *p = arg;
    struct pool_conn *c;
    struct err e;

    p->dial = NULL;
    if (!conn)
        p->stats.conns_now--;
    if (!conn || make_conn(&c, p, conn, &e) < 0) {
        fail_waiting(p, conn ? &e : why);
        return;
    }
    if (list_empty(&p->waiting))
        pool_give_back(c); /* they have all gone */
    for (bool more = true; more && !list_empty(&p->waiting);) {
        struct pool_stream *s = LIST_ENTRY(p->waiting.next, struct pool_stream, wait);

        list_del(&s->wait);
        more = p->shares;
        serve_dialed(c, s);
        more = more && !p->dial && !list_empty(&c->shared_link) && c->room(c);
    }
    if (!list_empty(&p->waiting) && dial_shared(p, &e) < 0)
        fail_waiting(p, &e);
}

static int dial_shared(struct http_pool *p, struct err *e)
{
    if (p->dial)
        return 0;
    if (p->stats.conns_now >= p->conf.conns_most)
        return err_set(e, ERR_LIMIT, "%u connections to this target are open", p->conf.conns_most);
    if (dial_start(&p->dial, p->net, p->conf.resolver, &p->conf.dial, on_dialed_shared, p, e) < 0)
        return -1;
    p->stats.conns_now++;
    p->stats.dials_total++;
    return 0;
}

static int find_connection(struct http_pool *p, struct pool_stream *s, struct err *e)
{
    if (!p->shares)
        return dial(p, s, e);
    if (dial_shared(p, e) < 0)
        return -1;
    list_push(&p->waiting, &s->wait);
    return 0;
}

/* A connection that can carry one more stream now, or NULL. */
static struct pool_conn *take_ready(struct http_pool *p)
{
    LIST_EACH(it, &p->shared)
    {
        struct pool_conn *c = LIST_ENTRY(it, struct pool_conn, shared_link);

        if (too_old(c))
            list_del(&c->shared_link); /* its last stream ends it */
        else if (c->room(c))
            return c;
    }
    LIST_EACH(it, &p->idle)
    {
        struct pool_conn *c = LIST_ENTRY(it, struct pool_conn, idle_link);

        take_off_idle(c);
        if (!too_old(c) && c->fit(c))
            return c;
        c->end(c);
    }
    return NULL;
}

/* ---- the pool ---- */

int http_pool_request(struct http_pool *p, struct http_stream **ret, enum http_pool_want want,
                      void (*on_connected)(void *arg, bool pooled), void *arg, struct err *e)
{
    struct pool_stream *s = mem_zalloc(1, sizeof(*s));
    struct pool_conn *c;

    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for a request");
    s->base.ops = &stream_ops;
    s->pool = p;
    s->on_connected = on_connected;
    s->connected_arg = arg;
    arena_init(&s->arena, HEAD_BUDGET);
    buf_init(&s->body, 2 * HTTP_WINDOW);
    ev_post_init(&s->tell_connected, tell_connected);
    ev_post_init(&s->tell_failed, tell_failed);
    list_init(&s->link);
    list_init(&s->wait);
    c = want == HTTP_POOL_ANY ? take_ready(p) : NULL;
    if ((c ? c->serve(c, s, e) : find_connection(p, s, e)) < 0) {
        if (c && list_empty(&c->shared_link))
            pool_give_back(c);
        mem_free(s);
        return -1;
    }
    if (c) {
        p->stats.reused_total++;
        ev_post(p->ev, &s->tell_connected);
    }
    p->stats.fresh_total += want == HTTP_POOL_FRESH;
    list_push(&p->streams, &s->link);
    *ret = &s->base;
    return 0;
}

int http_pool_new(struct http_pool **ret, struct net *net, const struct http_pool_conf *conf,
                  struct err *e)
{
    struct http_pool *p = mem_zalloc(1, sizeof(*p));

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for a connection pool");
    p->net = net;
    p->ev = net_ev(net);
    p->conf = *conf;
    list_init(&p->conns);
    list_init(&p->idle);
    list_init(&p->shared);
    list_init(&p->waiting);
    list_init(&p->streams);
    p->shares = conf->h2_only;
    p->streams_most = POOL_STREAMS_MOST;
    *ret = p;
    return 0;
}

void http_pool_free(struct http_pool **pp)
{
    struct http_pool *p = *pp;

    *pp = NULL;
    if (!p)
        return;
    MUST(list_empty(&p->streams)); /* callers close their streams before the pool dies */
    p->closing = true;
    dial_cancel(&p->dial);
    LIST_EACH(it, &p->conns)
    {
        struct pool_conn *c = LIST_ENTRY(it, struct pool_conn, link);

        c->end(c);
    }
    mem_free(p);
}

const struct http_pool_stats *http_pool_stats(const struct http_pool *p)
{
    return &p->stats;
}

bool http_pool_unused(const struct http_pool *p)
{
    return list_empty(&p->streams);
}
