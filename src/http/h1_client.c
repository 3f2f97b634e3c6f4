/*
 * h1_client.c - the client's side of an HTTP/1.1 connection.
 *
 *     IDLE   -- h1_client_serve() -->      BUSY
 *     BUSY   -- stream closed, both messages whole, nothing odd --> IDLE (back to the pool)
 *     BUSY   -- anything else -->          closed
 *     IDLE   -- any byte, FIN, error -->   closed: what came unasked must never be the answer to
 *                                          the next request
 *
 * For the same reason a connection goes back to the pool only when all of the piece that ended
 * the answer has been looked at, it is given away only when nothing waits on it (fit()), and
 * bytes that come before any byte of the request has left are not its answer. What comes behind
 * that byte cannot be told from an answer.
 *
 * An answer may come before the request is whole (an early refusal): the caller gets it, and the
 * connection is not used again.
 *
 * How much of the body has left is told as in h1_server.c.
 *
 * Invariants: (1) answer bytes delivered and not consumed never exceed `most`, and what one
 *                 read brought beyond that is held with reading off;
 *             (2) while `in_read`, c is neither freed nor given back.
 */
#include "http/h1_client.h"

#include "base/mem.h"
#include "base/secret.h"
#include "http/h1_read.h"
#include "http/h1_write.h"

#define INTERIM_MOST 10 /* 1xx answers before the final one */
#define HEAD_OUT_MAX ((size_t)64 * 1024)
#define MAGIC        0x6831636cu

struct h1_client {
    struct pool_conn base;
    uint32_t magic;
    struct ev *ev;
    struct net_conn *conn;
    struct pool_stream *s; /* the exchange, NULL when idle */
    struct h1_read reader;
    struct buf held;       /* bytes of the answer that wait for room at the caller */
    struct ev_timer timer; /* idle */
    struct ev_post look;   /* look again at what is held */
    struct ev_post reap;
    bool in_read;

    bool head_sent, request_end, got_head, got_end, chunked;
    bool left;  /* a byte of the request has left */
    bool heard; /* a byte has come since */
    bool unfit; /* not to be used for another exchange */
    uint32_t interim;
    uint64_t request_left; /* body bytes still owed under a content-length */
    size_t window, most;   /* answer bytes delivered and not consumed; how many may be */
    size_t body_queued;    /* request body bytes written and not reported as sent */
};

/* ---- life ---- */

static void reap(struct ev_post *p)
{
    struct h1_client *c = CONTAINER_OF(p, struct h1_client, reap);

    ev_timer_stop(&c->timer);
    ev_post_cancel(&c->look);
    h1_read_fini(&c->reader);
    buf_fini(&c->held);
    c->magic = 0;
    mem_free(c);
}

/* Close the connection; c is freed from the loop. */
static void end(struct h1_client *c, enum net_end how)
{
    if (!c->conn)
        return;
    net_conn_close(&c->conn, how);
    ev_timer_stop(&c->timer);
    pool_remove(&c->base);
    if (c->base.pool->closing && !c->in_read && !c->s)
        reap(&c->reap);
    else
        ev_post(c->ev, &c->reap);
}

static enum http_fail how_far(const struct h1_client *c, const struct err *e)
{
    if (!c->left)
        return HTTP_FAIL_NOT_SENT;
    return !c->heard && e->code == ERR_RESET ? HTTP_FAIL_UNANSWERED : HTTP_FAIL_SENT;
}

static void broke(struct h1_client *c, const struct err *e)
{
    struct pool_stream *s = c->s;

    c->s = NULL;
    end(c, NET_END_RESET);
    if (s) {
        s->carrier = NULL;
        s->conn = NULL;
        pool_stream_failed(s, how_far(c, e), e);
    }
}

static void set_reading(struct h1_client *c)
{
    net_conn_read(c->conn, !c->s || c->got_end || (c->held.n == 0 && c->window < c->most));
}

/* ---- sending ---- */

static struct h1_client *of_stream(const struct pool_stream *s)
{
    struct h1_client *c = s->conn;

    OBJ_CHECK(c, MAGIC);
    return c;
}

/* At most: its buffer does not move, and leaves no copy of a key behind. */
static size_t head_bytes(const struct http_head *h)
{
    size_t ret = h->method.n + h->path.n + h->authority.n + 256;

    for (size_t i = 0; i < h->fields_n; i++)
        ret += h->fields[i].name.n + h->fields[i].value.n + 4;
    return ret;
}

static int send_head(struct pool_stream *s, const struct http_head *h, struct err *e)
{
    struct h1_client *c = of_stream(s);
    struct h1_write_opts opts = {.chunked = h->body_len == HTTP_LEN_UNKNOWN};
    struct buf out;
    int rc = -1;

    MUST(!c->head_sent);
    buf_init(&out, HEAD_OUT_MAX);
    if (!buf_reserve(&out, head_bytes(h)))
        rc = buf_finish(&out, "head", e);
    else if (h1_write_request(&out, h, &opts, e) == 0)
        rc = net_conn_write(c->conn, out.p, out.n, e);
    secret_wipe(out.p, out.n);
    buf_fini(&out);
    c->head_sent = rc == 0;
    c->reader.head_only = span_is(h->method, "HEAD");
    c->chunked = opts.chunked;
    c->request_left = h->body_len;
    return rc;
}

static int send_body(struct pool_stream *s, const char *p, size_t n, struct err *e)
{
    struct h1_client *c = of_stream(s);
    char size[H1_WRITE_CHUNK];

    MUST(c->head_sent && !c->request_end);
    if (!c->chunked) {
        if (!EXPECT(n <= c->request_left))
            return err_set(e, ERR_BUG, "more body than the content-length said");
        c->request_left -= n;
    }
    c->body_queued += n;
    if (c->chunked && net_conn_write(c->conn, size, h1_write_chunk(size, n), e) < 0)
        return -1;
    if (net_conn_write(c->conn, p, n, e) < 0)
        return -1;
    return c->chunked ? net_conn_write(c->conn, "\r\n", 2, e) : 0;
}

static int send_end(struct pool_stream *s, struct err *e)
{
    struct h1_client *c = of_stream(s);

    MUST(c->head_sent && !c->request_end);
    if (!c->chunked && c->request_left != 0)
        return err_set(e, ERR_BUG, "less body than the content-length said");
    if (c->chunked && net_conn_write(c->conn, "0\r\n\r\n", 5, e) < 0)
        return -1;
    c->request_end = true;
    return 0;
}

static void consumed(struct pool_stream *s, size_t n)
{
    struct h1_client *c = of_stream(s);

    MUST(n <= c->window);
    c->window -= n;
    set_reading(c);
    if (c->held.n)
        ev_post(c->ev, &c->look);
}

static void widen(struct pool_stream *s)
{
    of_stream(s)->most = HTTP_WINDOW;
}

static void release(struct pool_stream *s)
{
    struct h1_client *c = of_stream(s);
    bool whole = c->request_end && c->got_end;

    c->s = NULL;
    if (!c->conn)
        return;
    if (!whole || c->unfit || !c->reader.keep_alive)
        end(c, whole ? NET_END_FLUSH : NET_END_RESET); /* RST: it learns at once that we left */
    else if (!c->in_read)
        pool_give_back(&c->base);
}

static const struct pool_carrier carrier = {
    .send_head = send_head,
    .send_body = send_body,
    .send_end = send_end,
    .consumed = consumed,
    .widen = widen,
    .release = release,
};

/* ---- receiving ---- */

static void bad_answer(struct h1_client *c)
{
    struct err e;

    err_set(&e, ERR_PROTOCOL, "the answer is not valid HTTP: %s", c->reader.why);
    broke(c, &e);
}

static void got_head(struct h1_client *c)
{
    struct err e;

    if (c->reader.head.status >= 200) {
        c->got_head = true;
        c->s->base.cb->on_head(c->s->base.arg, &c->reader.head);
        return;
    }
    c->interim++;
    if (c->reader.head.status == 101 || c->interim > INTERIM_MOST) {
        err_set(&e, ERR_PROTOCOL, "%s",
                c->interim > INTERIM_MOST ? "more than 10 interim answers"
                                          : "an unasked switch of protocols");
        broke(c, &e);
    }
}

static void got_end(struct h1_client *c)
{
    c->got_end = true;
    if (!c->request_end || net_conn_queued(c->conn))
        c->unfit = true; /* an early answer: nobody knows what becomes of the rest */
    c->s->base.cb->on_end(c->s->base.arg);
}

static void act(struct h1_client *c, const struct h1_step *step)
{
    switch (step->ev) {
    case H1_MORE:
        break;
    case H1_HEAD:
        got_head(c);
        break;
    case H1_BODY:
        c->window += step->body.n;
        c->s->base.cb->on_body(c->s->base.arg, step->body.p, step->body.n);
        break;
    case H1_END:
        if (!c->got_head) /* of an interim answer */
            break;
        got_end(c);
        break;
    case H1_BAD:
        bad_answer(c);
        break;
    }
}

static size_t pump(struct h1_client *c, const char *p, size_t n)
{
    size_t at = 0;

    c->in_read = true;
    while (c->conn && c->s && !c->got_end) {
        size_t most = MIN(n - at, c->most - c->window); /* an end needs no room */
        struct h1_step step = h1_read_next(&c->reader, p + at, most);

        at += step.used;
        if (step.ev == H1_MORE && (at == n || most == 0))
            break;
        act(c, &step);
    }
    c->in_read = false;
    return at;
}

/* What a piece has led to; `rest` of its bytes were not read. */
static void settle(struct h1_client *c, size_t rest)
{
    if (!c->conn)
        return;
    if (rest && (!c->s || c->got_end)) {
        c->unfit = true; /* bytes that nobody asked for */
        buf_fini(&c->held);
    }
    if (c->s)
        set_reading(c);
    else if (c->unfit)
        end(c, NET_END_RESET);
    else
        pool_give_back(&c->base);
}

static void on_read(void *arg, const char *p, size_t n)
{
    struct h1_client *c = arg;
    size_t used;
    struct err e;

    OBJ_CHECK(c, MAGIC);
    if (!c->s || !c->left) {
        err_set(&e, ERR_PROTOCOL, "the target sent bytes before a request");
        broke(c, &e);
        return;
    }
    c->heard = true;
    used = c->held.n ? 0 : pump(c, p, n);
    if (used < n && c->conn && c->s && !c->got_end)
        buf_add(&c->held, p + used, n - used);
    if (!buf_ok(&c->held)) {
        err_set(&e, c->held.err, "no room for an answer's bytes");
        broke(c, &e);
        return;
    }
    settle(c, n - used);
}

static void on_look(struct ev_post *p)
{
    struct h1_client *c = CONTAINER_OF(p, struct h1_client, look);

    if (!c->conn || !c->s || c->held.n == 0)
        return;
    buf_consume(&c->held, pump(c, c->held.p, c->held.n));
    settle(c, c->held.n);
    if (c->held.n == 0)
        buf_fini(&c->held);
}

static void on_eof(void *arg)
{
    struct h1_client *c = arg;
    struct err e;

    OBJ_CHECK(c, MAGIC);
    c->unfit = true;
    if (!c->s) {
        end(c, NET_END_FLUSH);
        return;
    }
    if (c->got_end)
        return;
    if (c->got_head && h1_read_eof(&c->reader) == H1_END) {
        got_end(c);
        return;
    }
    err_set(&e, ERR_RESET, "the target closed the connection %s",
            c->got_head ? "within the answer" : "before an answer");
    broke(c, &e);
}

static void on_sent(void *arg, size_t n)
{
    struct h1_client *c = arg;
    size_t left;

    OBJ_CHECK(c, MAGIC);
    UNUSED(n);
    c->left = true;
    left = MIN(c->body_queued, net_conn_queued(c->conn));
    n = c->body_queued - left;
    c->body_queued = left;
    if (c->s && n)
        c->s->base.cb->on_sent(c->s->base.arg, n);
}

static void on_error(void *arg, const struct err *e)
{
    struct h1_client *c = arg;

    OBJ_CHECK(c, MAGIC);
    broke(c, e);
}

static const struct net_conn_cb conn_cb = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_sent = on_sent,
    .on_error = on_error,
};

/* ---- for the pool ---- */

static void on_idle_timer(struct ev_timer *t)
{
    end(CONTAINER_OF(t, struct h1_client, timer), NET_END_FLUSH);
}

static int serve(struct pool_conn *base, struct pool_stream *s, struct err *e)
{
    struct h1_client *c = CONTAINER_OF(base, struct h1_client, base);

    MUST(!c->s && c->conn);
    ev_timer_rest(&c->timer);
    c->s = s;
    s->carrier = &carrier;
    s->conn = c;
    c->head_sent = c->request_end = c->got_head = c->got_end = c->chunked = false;
    c->left = c->heard = false;
    c->interim = 0;
    c->window = c->body_queued = 0;
    c->most = HTTP_ANSWER_WINDOW;
    net_conn_read(c->conn, true);
    UNUSED(e);
    return 0;
}

static bool fit(const struct pool_conn *base)
{
    const struct h1_client *c = (const struct h1_client *)(const void *)base; /* comes first */

    return net_conn_peek(c->conn) == NET_PEEK_QUIET;
}

static void idle(struct pool_conn *base, uint64_t ms)
{
    struct h1_client *c = CONTAINER_OF(base, struct h1_client, base);
    struct err e;

    net_conn_read(c->conn, true); /* an end is heard, however full the answer's window was */
    if (ev_timer_set(&c->timer, EV_MS(ms), &e) < 0)
        end(c, NET_END_FLUSH);
}

static void end_idle(struct pool_conn *base)
{
    end(CONTAINER_OF(base, struct h1_client, base), NET_END_FLUSH);
}

int h1_client_new(struct pool_conn **ret, struct http_pool *pool, struct net_conn *conn,
                  struct err *e)
{
    struct h1_client *c = mem_zalloc(1, sizeof(*c));

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    c->magic = MAGIC;
    c->conn = conn;
    c->ev = pool->ev;
    c->base.serve = serve;
    c->base.fit = fit;
    c->base.idle = idle;
    c->base.end = end_idle;
    buf_init(&c->held, NET_READ_MAX);
    ev_post_init(&c->look, on_look);
    h1_read_init(&c->reader, false, &pool->conf.limits);
    ev_timer_init(&c->timer, pool->ev, on_idle_timer);
    ev_post_init(&c->reap, reap);
    net_conn_listen(conn, &conn_cb, c);
    net_conn_keep_secret(conn);
    pool_add(pool, &c->base);
    *ret = &c->base;
    return 0;
}
