/*
 * h2_client.c - the client's side of an HTTP/2 connection.
 *
 *     idle (in the pool's `idle`) -- serve() --> shared (in its `shared`), with streams
 *     shared -- the last stream is over, more are allowed --> idle
 *     shared -- the same, after GOAWAY -->                    closed
 *     any    -- broken, FIN -->                               closed, streams fail
 *
 * What failed is safe to send again (HTTP_FAIL_NOT_SENT) when its head was never framed, when the
 * target says REFUSED_STREAM, or when its GOAWAY does not count it as processed, which nghttp2
 * turns into REFUSED_STREAM too; a target that says either of what it has begun to answer is not
 * believed. It is unanswered (HTTP_FAIL_UNANSWERED) when the connection ended without a word about
 * it: no frame of its stream, not even a WINDOW_UPDATE for its body, and no GOAWAY, which would
 * count it as taken.
 *
 * A stream's memory lives until both nghttp2 and the caller have let go of it.
 */
#include "http/h2_client.h"

#include "base/mem.h"
#include "http/h2.h"
#include "http/head.h"

#define CONN_MAGIC   0x68326363u
#define STREAM_MAGIC 0x68326373u

struct h2_client {
    struct pool_conn base;
    uint32_t magic;
    struct h2 h2;
    struct net_conn *conn;
    struct ev *ev;
    struct ev_timer timer; /* idle */
    struct ev_post rest;
    size_t live; /* streams */
};

struct stream {
    struct h2_stream base;
    uint32_t magic;
    struct h2_client *c;
    struct pool_stream *s; /* NULL: the caller has let go */
    bool head_sent, request_end, got_head, got_end, head_method;
    uint64_t request_left;
    size_t window; /* answer bytes delivered and not consumed */
};

static struct stream *of(struct h2_stream *base)
{
    struct stream *s = CONTAINER_OF(base, struct stream, base);

    OBJ_CHECK(s, STREAM_MAGIC);
    return s;
}

static struct stream *of_pool(const struct pool_stream *ps)
{
    struct stream *s = ps->conn;

    OBJ_CHECK(s, STREAM_MAGIC);
    return s;
}

/* ---- life ---- */

static void destroy(struct h2_client *c)
{
    MUST(!c->conn && c->live == 0);
    ev_timer_stop(&c->timer);
    ev_post_cancel(&c->rest);
    h2_fini(&c->h2);
    c->magic = 0;
    mem_free(c);
}

static void close_conn(struct h2_client *c, enum net_end how)
{
    c->h2.conn = NULL;
    net_conn_close(&c->conn, how);
    ev_timer_stop(&c->timer);
    pool_remove(&c->base);
}

/* The last stream is over: keep the connection for later if it may have more. From the loop, for
 * the session may run above whoever freed it. */
static void on_rest(struct ev_post *p)
{
    struct h2_client *c = CONTAINER_OF(p, struct h2_client, rest);

    if (c->live)
        return;
    if (!c->conn) {
        destroy(c);
        return;
    }
    list_del(&c->base.shared_link);
    if (nghttp2_session_check_request_allowed(c->h2.session))
        pool_give_back(&c->base);
    else
        c->base.end(&c->base);
}

static void free_if_done(struct stream *s)
{
    struct h2_client *c = s->c;

    if (s->s || (!s->base.gone && c->conn))
        return;
    h2_stream_fini(&s->base);
    s->magic = 0;
    mem_free(s);
    if (--c->live == 0)
        ev_post(c->ev, &c->rest);
}

/* The exchange is broken: let go of the caller's stream, which is told from the loop. */
static void fail(struct stream *s, enum http_fail how, const struct err *why)
{
    struct pool_stream *ps = s->s;

    if (!ps)
        return;
    s->s = NULL;
    ps->carrier = NULL;
    ps->conn = NULL;
    pool_stream_failed(ps, s->base.sent_head ? how : HTTP_FAIL_NOT_SENT, why);
}

/* How the end of the connection finds an exchange whose head was framed. */
static enum http_fail how_far(const struct stream *s, const struct err *why)
{
    bool silent = !s->base.heard && !s->c->h2.goaway;

    return silent && why->code == ERR_RESET ? HTTP_FAIL_UNANSWERED : HTTP_FAIL_SENT;
}

static void broke(struct h2_client *c, enum net_end how, const struct err *why)
{
    bool now = c->base.pool->closing && !c->h2.in_session;

    if (!c->conn)
        return;
    c->live++; /* c stays until the loop is over */
    close_conn(c, how);
    LIST_EACH(it, &c->h2.streams)
    {
        struct stream *s = of(LIST_ENTRY(it, struct h2_stream, link));

        if (!s->got_end) /* else its caller only has to close it */
            fail(s, how_far(s, why), why);
        free_if_done(s);
    }
    if (--c->live == 0 && now)
        destroy(c);
    else if (c->live == 0)
        ev_post(c->ev, &c->rest);
}

/* ---- the caller's calls ---- */

static int send_head(struct pool_stream *ps, const struct http_head *h, struct err *e)
{
    struct stream *s = of_pool(ps);
    const char *scheme = s->c->conn && net_conn_is_tls(s->c->conn) ? "https" : "http";

    MUST(!s->head_sent);
    if (!s->c->conn)
        return err_set(e, ERR_RESET, "the connection has ended");
    if (h2_submit(&s->base, h, 0, scheme, h->body_len == 0, e) < 0)
        return -1;
    s->head_sent = true;
    s->head_method = span_is(h->method, "HEAD");
    s->request_left = h->body_len;
    return 0;
}

static int send_body(struct pool_stream *ps, const char *p, size_t n, struct err *e)
{
    struct stream *s = of_pool(ps);

    MUST(s->head_sent && !s->request_end);
    if (s->request_left != HTTP_LEN_UNKNOWN) {
        if (!EXPECT(n <= s->request_left))
            return err_set(e, ERR_BUG, "more body than the content-length said");
        s->request_left -= n;
    }
    return h2_body(&s->base, p, n, e);
}

static int send_end(struct pool_stream *ps, struct err *e)
{
    struct stream *s = of_pool(ps);

    MUST(s->head_sent && !s->request_end);
    if (s->request_left != HTTP_LEN_UNKNOWN && s->request_left != 0)
        return err_set(e, ERR_BUG, "less body than the content-length said");
    s->request_end = true;
    h2_end(&s->base);
    return 0;
}

static void consumed(struct pool_stream *ps, size_t n)
{
    struct stream *s = of_pool(ps);

    MUST(n <= s->window);
    s->window -= n;
    h2_consumed(&s->base, n);
}

static void widen(struct pool_stream *ps)
{
    struct stream *s = of_pool(ps);

    if (s->base.in.h.body_len > HTTP_ANSWER_WINDOW) /* else it is a frame for nothing */
        h2_widen(&s->base);
}

static void release(struct pool_stream *ps)
{
    struct stream *s = of_pool(ps);
    bool whole;

    s->s = NULL;
    if (s->base.id == 0) /* nothing was ever sent */
        s->base.gone = true;
    whole = s->got_end && s->base.sent_end; /* nghttp2 closes it when it has told of the end */
    if (!s->base.sent_head && s->c->conn)
        h2_drop(&s->base);
    if (!s->base.gone && s->c->conn && !whole)
        h2_reset(&s->base, NGHTTP2_CANCEL); /* the target learns at once that nobody listens */
    else
        free_if_done(s);
}

static const struct pool_carrier carrier = {
    .send_head = send_head,
    .send_body = send_body,
    .send_end = send_end,
    .consumed = consumed,
    .widen = widen,
    .release = release,
};

/* ---- what nghttp2 says ---- */

static struct h2_stream *open_stream(struct h2 *h)
{
    UNUSED(h);
    return NULL; /* pushes are refused in our SETTINGS */
}

static void head_begun(struct h2 *h, bool begun)
{
    UNUSED(h);
    UNUSED(begun);
}

static void got_head(struct h2_stream *base, bool end)
{
    struct stream *s = of(base);
    struct http_head *h = &base->in.h;
    struct err e;

    UNUSED(end);
    if (base->in.refusal) {
        err_set(&e, ERR_PROTOCOL, "the answer is not valid HTTP: %s", base->in.why);
        h2_reset(base, NGHTTP2_CANCEL);
        fail(s, HTTP_FAIL_SENT, &e);
        return;
    }
    if (s->head_method || head_bodyless(h->status))
        h->body_len = 0;
    s->got_head = true;
    if (s->s)
        s->s->base.cb->on_head(s->s->base.arg, h);
}

static void got_data(struct h2_stream *base, const char *p, size_t n)
{
    struct stream *s = of(base);

    if (!s->s) {
        h2_consumed(base, n);
        return;
    }
    s->window += n;
    s->s->base.cb->on_body(s->s->base.arg, p, n);
}

static void got_end(struct h2_stream *base)
{
    struct stream *s = of(base);

    s->got_end = true;
    if (s->s)
        s->s->base.cb->on_end(s->s->base.arg);
}

static void sent(struct h2_stream *base, size_t n)
{
    struct stream *s = of(base);

    if (s->s)
        s->s->base.cb->on_sent(s->s->base.arg, n);
}

static void end_sent(struct h2_stream *base)
{
    UNUSED(base);
}

static void closed(struct h2_stream *base, uint32_t code)
{
    struct stream *s = of(base);
    enum err_code what = code == NGHTTP2_PROTOCOL_ERROR ? ERR_PROTOCOL : ERR_RESET;
    bool refused = code == NGHTTP2_REFUSED_STREAM && !s->got_head;
    struct err e;

    if (!s->got_end) {
        err_set(&e, what, "the target reset the stream: %s", nghttp2_http2_strerror(code));
        fail(s, refused ? HTTP_FAIL_NOT_SENT : HTTP_FAIL_SENT, &e);
    }
    free_if_done(s);
}

static void over(struct h2 *h, const struct err *why)
{
    struct h2_client *c = CONTAINER_OF(h, struct h2_client, h2);
    struct err e;

    err_set(&e, ERR_RESET, "the target ended the connection");
    broke(c, NET_END_FLUSH, why ? why : &e);
}

static const struct h2_ops h2_ops = {
    .open = open_stream,
    .head_begun = head_begun,
    .head = got_head,
    .data = got_data,
    .end = got_end,
    .sent = sent,
    .end_sent = end_sent,
    .closed = closed,
    .over = over,
};

/* ---- the network ---- */

static void on_read(void *arg, const char *p, size_t n)
{
    struct h2_client *c = arg;

    OBJ_CHECK(c, CONN_MAGIC);
    h2_recv(&c->h2, p, n);
    if (c->conn && c->h2.settled)
        c->base.pool->streams_most =
            MIN((uint32_t)POOL_STREAMS_MOST,
                nghttp2_session_get_remote_settings(c->h2.session,
                                                    NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
}

static void on_eof(void *arg)
{
    struct h2_client *c = arg;
    struct err e;

    OBJ_CHECK(c, CONN_MAGIC);
    err_set(&e, ERR_RESET, "the target closed the connection");
    broke(c, NET_END_FLUSH, &e);
}

static void on_net_sent(void *arg, size_t n)
{
    struct h2_client *c = arg;

    OBJ_CHECK(c, CONN_MAGIC);
    UNUSED(n);
    h2_drained(&c->h2);
}

static void on_error(void *arg, const struct err *e)
{
    struct h2_client *c = arg;

    OBJ_CHECK(c, CONN_MAGIC);
    broke(c, NET_END_RESET, e);
}

static const struct net_conn_cb conn_cb = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_sent = on_net_sent,
    .on_error = on_error,
};

/* ---- for the pool ---- */

static void on_idle_timer(struct ev_timer *t)
{
    h2_goaway(&CONTAINER_OF(t, struct h2_client, timer)->h2,
              NGHTTP2_NO_ERROR); /* and then over() */
}

static bool room(const struct pool_conn *base)
{
    const struct h2_client *c = (const struct h2_client *)(const void *)base; /* comes first */

    return c->live < base->pool->streams_most &&
           nghttp2_session_check_request_allowed(c->h2.session);
}

static int serve(struct pool_conn *base, struct pool_stream *ps, struct err *e)
{
    struct h2_client *c = CONTAINER_OF(base, struct h2_client, base);
    struct stream *s = mem_zalloc(1, sizeof(*s));

    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for a request");
    s->magic = STREAM_MAGIC;
    s->c = c;
    s->s = ps;
    ps->carrier = &carrier;
    ps->conn = s;
    h2_stream_init(&s->base, &c->h2);
    ev_timer_stop(&c->timer);
    c->live++;
    if (list_empty(&base->shared_link))
        list_push(&base->pool->shared, &base->shared_link);
    return 0;
}

/* Bytes may be a PING or SETTINGS; none can be taken for the answer of a stream to come. */
static bool fit(const struct pool_conn *base)
{
    const struct h2_client *c = (const struct h2_client *)(const void *)base; /* comes first */

    return net_conn_peek(c->conn) != NET_PEEK_ENDED;
}

static void idle(struct pool_conn *base, uint64_t ms)
{
    struct h2_client *c = CONTAINER_OF(base, struct h2_client, base);
    struct err e;

    if (ev_timer_set(&c->timer, EV_MS(ms), &e) < 0)
        broke(c, NET_END_FLUSH, &e);
}

static void end_conn(struct pool_conn *base)
{
    struct err e;

    err_set(&e, ERR_CANCELED, "the connection is not kept");
    broke(CONTAINER_OF(base, struct h2_client, base), NET_END_FLUSH, &e);
}

int h2_client_new(struct pool_conn **ret, struct http_pool *pool, struct net_conn *conn,
                  struct err *e)
{
    struct h2_client *c = mem_zalloc(1, sizeof(*c));

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    if (h2_init(&c->h2, false, &h2_ops, conn, pool->ev, &pool->conf.limits, 0, e) < 0) {
        mem_free(c);
        return -1;
    }
    c->magic = CONN_MAGIC;
    c->conn = conn;
    c->ev = pool->ev;
    c->base.serve = serve;
    c->base.room = room;
    c->base.fit = fit;
    c->base.idle = idle;
    c->base.end = end_conn;
    ev_timer_init(&c->timer, pool->ev, on_idle_timer);
    ev_post_init(&c->rest, on_rest);
    net_conn_listen(conn, &conn_cb, c);
    net_conn_keep_secret(conn);
    net_conn_read(conn, true);
    pool_add(pool, &c->base);
    *ret = &c->base;
    return 0;
}
