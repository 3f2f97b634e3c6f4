/*
 * h2_server.c - the server's side of an HTTP/2 connection.
 *
 * The connection has one clock, `wait`: it runs while a head is under way (head_ms), and while no
 * exchange is (idle_ms; head_ms before the first). Each stream has two of its own, as in
 * h1_server.c: `wait` for the next byte of its request, `stall` for its answer to be taken. A
 * stalled stream is reset, and its siblings live on.
 *
 * A stream's memory lives until both nghttp2 and the handler have let go of it: an answer that
 * was ended by its handler still leaves.
 *
 *     handler ends with DONE, answer whole  --> its bytes leave; then, if the request is not
 *                                               whole, RST_STREAM(NO_ERROR): stop sending
 *     handler ends in any other way         --> its bytes leave, a PING behind them; when that is
 *                                               acknowledged, or after BREAK_MS,
 *                                               RST_STREAM(INTERNAL_ERROR)
 *     the peer resets, or nghttp2 does      --> on_fail(GONE)
 *     the connection breaks                 --> on_fail(GONE) for all
 *
 * Why the PING: clients drop what they have read and not yet given on when a reset arrives, and
 * the error event that says what broke is the last thing before it.
 *
 * Invariants: (1) `conn` is NULL as soon as the connection is closed toward the network; (2) the
 *             connection's memory outlives its streams'; (3) `live` counts the streams whose
 *             head was given to the handler and that still exist.
 */
#include "http/h2_server.h"

#include "base/mem.h"
#include "http/h2.h"
#include "http/head.h"

#define CONN_MAGIC   0x68327363u
#define STREAM_MAGIC 0x68327373u
#define BREAK_MS     5000 /* as long as HTTP/1.0 waits, see http.h */

struct h2_conn {
    struct http_conn base;
    uint32_t magic;
    struct h2 h2;
    struct net_conn *conn;
    struct ev *ev;
    struct ev_timer wait;
    struct ev_post reap;
    uint32_t requests;
    uint64_t glitches_told; /* to the server's statistics */
    size_t live;
    bool in_head;  /* a head is under way */
    bool draining; /* GOAWAY was sent */
};

struct stream {
    struct h2_stream base;
    struct http_stream http;
    uint32_t magic;
    struct h2_conn *c;
    struct ev_timer wait, stall;
    struct ev_post look; /* tell what a body without bytes has "sent" */
    bool given;          /* on_request was called */
    bool open;           /* the handler holds it */
    bool got_end, request_bad, told_gone;
    bool head_sent, answer_end, no_body;
    bool broken; /* ended by its handler before its answer was whole */
    uint64_t answer_left;
    uint64_t body_seen;
    size_t window; /* request body bytes delivered and not consumed */
    size_t unsent; /* body bytes of an answer that has none */
};

static struct stream *of(struct h2_stream *base)
{
    struct stream *s = CONTAINER_OF(base, struct stream, base);

    OBJ_CHECK(s, STREAM_MAGIC);
    return s;
}

static struct stream *of_http(struct http_stream *http)
{
    struct stream *s = CONTAINER_OF(http, struct stream, http);

    OBJ_CHECK(s, STREAM_MAGIC);
    return s;
}

static const struct http_server_conf *conf_of(const struct h2_conn *c)
{
    return &c->base.server->conf;
}

/* ---- life ---- */

static void destroy(struct h2_conn *c)
{
    MUST(!c->conn && list_empty(&c->h2.streams));
    ev_timer_stop(&c->wait);
    ev_post_cancel(&c->reap);
    if (c->base.server)
        http_server_remove(c->base.server, &c->base);
    h2_fini(&c->h2);
    c->magic = 0;
    mem_free(c);
}

static void reap(struct ev_post *p)
{
    destroy(CONTAINER_OF(p, struct h2_conn, reap));
}

static void close_conn(struct h2_conn *c, enum net_end how)
{
    c->h2.conn = NULL;
    net_conn_close(&c->conn, how);
    ev_timer_stop(&c->wait);
    if (list_empty(&c->h2.streams))
        ev_post(c->ev, &c->reap);
}

/* The clock of the connection (see the top). */
static void set_wait(struct h2_conn *c)
{
    uint64_t ms = 0;
    struct err e;

    if (!c->conn)
        return;
    if (c->in_head || (c->live == 0 && c->requests == 0))
        ms = conf_of(c)->head_ms;
    else if (c->live == 0)
        ms = conf_of(c)->idle_ms;
    if (ms == 0)
        ev_timer_stop(&c->wait);
    else if (ev_timer_set(&c->wait, EV_MS(ms), &e) < 0)
        h2_goaway(&c->h2, NGHTTP2_NO_ERROR); /* without a clock it would stay for ever */
}

static void free_if_done(struct stream *s)
{
    struct h2_conn *c = s->c;

    if (s->open || (!s->base.gone && c->conn))
        return;
    ev_timer_stop(&s->wait);
    ev_timer_stop(&s->stall);
    ev_post_cancel(&s->look);
    h2_stream_fini(&s->base);
    s->magic = 0;
    if (s->given)
        c->live--;
    mem_free(s);
    if (c->live == 0)
        set_wait(c);
    if (!c->conn && list_empty(&c->h2.streams))
        ev_post(c->ev, &c->reap);
}

static void tell_gone(struct stream *s, const struct err *why)
{
    ev_timer_stop(&s->wait);
    ev_timer_stop(&s->stall);
    if (!s->open || s->told_gone)
        return;
    s->told_gone = true;
    s->http.cb->on_fail(s->http.arg, HTTP_FAIL_GONE, why);
}

/* The connection is lost: each handler is told, and may end other streams then. */
static void hang_up(struct h2_conn *c, enum net_end how, const struct err *why)
{
    close_conn(c, how);
    for (bool again = true; again;) {
        again = false;
        LIST_EACH(it, &c->h2.streams)
        {
            struct stream *s = of(LIST_ENTRY(it, struct h2_stream, link));

            if (s->open && s->told_gone)
                continue;
            again = true;
            if (s->open)
                tell_gone(s, why); /* s may be freed by that, and others */
            else
                free_if_done(s);
            break;
        }
    }
}

static void set(struct stream *s, struct ev_timer *t, uint64_t ms)
{
    struct err e;

    if (ev_timer_set(t, EV_MS(ms), &e) < 0)
        h2_reset(&s->base, NGHTTP2_INTERNAL_ERROR); /* without a clock it would stay for ever */
}

static void set_body_clock(struct stream *s, bool progress)
{
    if (!s->c->conn || s->got_end || s->request_bad || s->window == HTTP_WINDOW)
        ev_timer_stop(&s->wait);
    else if (progress || !ev_timer_armed(&s->wait))
        set(s, &s->wait, conf_of(s->c)->body_stall_ms);
}

/* ---- the handler's calls ---- */

static int is_gone(const struct stream *s, struct err *e)
{
    if (s->base.gone || !s->c->conn)
        return err_set(e, ERR_RESET, "the client is gone");
    return 0;
}

static int send_head(struct http_stream *http, const struct http_head *h, struct err *e)
{
    struct stream *s = of_http(http);

    MUST(!s->head_sent);
    if (is_gone(s, e) < 0)
        return -1;
    s->no_body = span_is(s->base.in.h.method, "HEAD") || head_bodyless(h->status);
    if (h2_submit(&s->base, h, ev_wall_ms(s->c->ev), NULL, s->no_body || h->body_len == 0, e) < 0)
        return -1;
    s->head_sent = true;
    s->answer_left = h->body_len;
    return 0;
}

static int send_body(struct http_stream *http, const char *p, size_t n, struct err *e)
{
    struct stream *s = of_http(http);

    MUST(s->head_sent && !s->answer_end);
    if (is_gone(s, e) < 0)
        return -1;
    if (s->no_body) {
        s->unsent += n;
        ev_post(s->c->ev, &s->look);
        return 0;
    }
    if (s->answer_left != HTTP_LEN_UNKNOWN) {
        if (!EXPECT(n <= s->answer_left))
            return err_set(e, ERR_BUG, "more body than the content-length said");
        s->answer_left -= n;
    }
    if (!ev_timer_armed(&s->stall))
        set(s, &s->stall, conf_of(s->c)->write_stall_ms);
    return h2_body(&s->base, p, n, e);
}

static int send_end(struct http_stream *http, struct err *e)
{
    struct stream *s = of_http(http);

    MUST(s->head_sent && !s->answer_end);
    if (is_gone(s, e) < 0)
        return -1;
    if (!s->no_body && s->answer_left != HTTP_LEN_UNKNOWN && s->answer_left != 0)
        return err_set(e, ERR_BUG, "less body than the content-length said");
    s->answer_end = true;
    h2_end(&s->base);
    return 0;
}

static void consumed(struct http_stream *http, size_t n)
{
    struct stream *s = of_http(http);

    MUST(n <= s->window);
    s->window -= n;
    h2_consumed(&s->base, n);
    set_body_clock(s, false);
}

static void stop_sending(struct stream *s)
{
    if (!s->got_end && !s->base.gone)
        h2_reset(&s->base, NGHTTP2_NO_ERROR);
}

/* The peer shall see that the answer is not whole, but first all that there is of it. */
static void break_off(struct stream *s)
{
    s->broken = true;
    if (!s->base.sent_head && s->base.out.n == 0) {
        h2_reset(&s->base, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    set(s, &s->stall, BREAK_MS);
    if (s->base.out.n == 0)
        h2_ping(&s->base);
}

static void close_stream(struct http_stream *http, enum http_close how)
{
    struct stream *s = of_http(http);

    MUST(s->open);
    s->open = false;
    if (s->c->base.server)
        s->c->base.server->stats.streams_now--;
    ev_timer_stop(&s->wait);
    if (!s->c->conn || s->base.gone) {
        free_if_done(s);
        return;
    }
    if (how != HTTP_CLOSE_DONE || !s->answer_end) {
        ev_timer_stop(&s->stall);
        break_off(s);
        return;
    }
    if (s->base.sent_end)
        stop_sending(s);
    else if (!ev_timer_armed(&s->stall)) /* what still waits is taken in time, or dropped */
        set(s, &s->stall, conf_of(s->c)->write_stall_ms);
}

static const struct http_stream_ops stream_ops = {
    .name = "h2-server",
    .send_head = send_head,
    .send_body = send_body,
    .send_end = send_end,
    .consumed = consumed,
    .close = close_stream,
};

/* ---- clocks ---- */

static void on_look(struct ev_post *p)
{
    struct stream *s = CONTAINER_OF(p, struct stream, look);
    size_t n = s->unsent;

    s->unsent = 0;
    if (s->open && n && !s->told_gone)
        s->http.cb->on_sent(s->http.arg, n);
}

/* The request's body is not read further, but the request can still be answered. */
static void stop_body(struct stream *s, enum err_code code, const char *why)
{
    struct err e;

    s->request_bad = true;
    ev_timer_stop(&s->wait);
    s->c->base.server->stats.glitches_total++;
    err_set(&e, code, "request body: %s", why);
    s->http.cb->on_fail(s->http.arg, HTTP_FAIL_REQUEST, &e);
}

static void on_stream_wait(struct ev_timer *t)
{
    stop_body(CONTAINER_OF(t, struct stream, wait), ERR_TIMEOUT, "the client sends no bytes");
}

static void on_stream_stall(struct ev_timer *t)
{
    struct stream *s = CONTAINER_OF(t, struct stream, stall);
    struct err e;

    h2_reset(&s->base, s->broken ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL);
    err_set(&e, ERR_TIMEOUT, "the client takes no bytes");
    tell_gone(s, &e);
}

static void drain_conn(struct http_conn *base)
{
    struct h2_conn *c = CONTAINER_OF(base, struct h2_conn, base);

    if (!c->conn || c->draining)
        return;
    c->draining = true;
    h2_goaway(&c->h2, NGHTTP2_NO_ERROR);
}

static void on_wait(struct ev_timer *t)
{
    struct h2_conn *c = CONTAINER_OF(t, struct h2_conn, wait);
    struct err e;

    err_set(&e, ERR_TIMEOUT, "the head of a request took too long");
    if (c->in_head)
        c->base.server->stats.refused_total++;
    if (c->live || c->in_head)
        hang_up(c, NET_END_RESET, &e);
    else
        drain_conn(&c->base);
}

/* ---- what nghttp2 says ---- */

static struct h2_stream *open_stream(struct h2 *h)
{
    struct h2_conn *c = CONTAINER_OF(h, struct h2_conn, h2);
    struct stream *s = mem_zalloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->magic = STREAM_MAGIC;
    s->c = c;
    s->http.ops = &stream_ops;
    ev_timer_init(&s->wait, c->ev, on_stream_wait);
    ev_timer_init(&s->stall, c->ev, on_stream_stall);
    ev_post_init(&s->look, on_look);
    h2_stream_init(&s->base, h);
    return &s->base;
}

static void head_begun(struct h2 *h, bool begun)
{
    struct h2_conn *c = CONTAINER_OF(h, struct h2_conn, h2);

    if (c->in_head == begun)
        return;
    c->in_head = begun;
    set_wait(c);
}

/* Refused before a handler has it; the words are as in h1_server.c. */
static void answer_refusal(struct stream *s)
{
    const struct h2_head *in = &s->base.in;
    struct http_field fields[] = {{SPAN_LIT("content-type"), SPAN_LIT("application/json")}};
    struct http_head head = {.status = in->refusal, .fields = fields, .fields_n = 1};
    char body[HEAD_REFUSAL];
    struct err e;

    s->c->base.server->stats.refused_total++;
    head.body_len = head_refusal(body, in->why);
    s->head_sent = s->answer_end = true;
    if (h2_submit(&s->base, &head, ev_wall_ms(s->c->ev), NULL, false, &e) < 0 ||
        h2_body(&s->base, body, (size_t)head.body_len, &e) < 0)
        h2_reset(&s->base, NGHTTP2_INTERNAL_ERROR);
    else
        h2_end(&s->base);
}

static void got_head(struct h2_stream *base, bool end)
{
    struct stream *s = of(base);
    struct h2_conn *c = s->c;
    struct http_server *server = c->base.server;
    struct err e;

    if (base->in.refusal) {
        answer_refusal(s);
        return;
    }
    s->given = s->open = true;
    s->got_end = end;
    c->live++;
    c->requests++;
    set_wait(c);
    server->stats.requests_total++;
    server->stats.streams_now++;
    server->on_request(server->arg, &s->http, &base->in.h, net_conn_peer(c->conn));
    if (server->conf.requests_per_conn && c->requests >= server->conf.requests_per_conn &&
        !c->draining) {
        c->draining = true;
        h2_goaway(&c->h2, NGHTTP2_NO_ERROR);
    }
    if (!s->open)
        return;
    MUST(s->http.cb); /* the contract of http_on_request */
    if (base->in.body_large) {
        stop_body(s, ERR_LIMIT, "the body is larger than the limit");
        return;
    }
    if (base->in.expect_continue && !s->head_sent && !end && h2_submit_continue(base, &e) < 0)
        h2_reset(base, NGHTTP2_INTERNAL_ERROR);
    set_body_clock(s, true);
}

static void got_data(struct h2_stream *base, const char *p, size_t n)
{
    struct stream *s = of(base);

    s->body_seen += n;
    if (!s->open || s->request_bad || s->told_gone) { /* read and dropped */
        h2_consumed(base, s->body_seen > conf_of(s->c)->limits.body_bytes ? 0 : n);
        return;
    }
    if (s->body_seen > conf_of(s->c)->limits.body_bytes) {
        stop_body(s, ERR_LIMIT, "the body is larger than the limit");
        return;
    }
    s->window += n;
    set_body_clock(s, true);
    s->http.cb->on_body(s->http.arg, p, n);
}

static void got_end(struct h2_stream *base)
{
    struct stream *s = of(base);

    s->got_end = true;
    ev_timer_stop(&s->wait);
    if (s->open && !s->request_bad && !s->told_gone)
        s->http.cb->on_end(s->http.arg);
}

static void sent(struct h2_stream *base, size_t n)
{
    struct stream *s = of(base);

    if (s->broken) {
        if (base->out.n == 0)
            h2_ping(base);
        return;
    }
    if (s->base.out.n && s->c->conn)
        set(s, &s->stall, conf_of(s->c)->write_stall_ms);
    else
        ev_timer_stop(&s->stall);
    if (s->open && !s->told_gone)
        s->http.cb->on_sent(s->http.arg, n);
}

static void end_sent(struct h2_stream *base)
{
    struct stream *s = of(base);

    ev_timer_stop(&s->stall);
    if (!s->open)
        stop_sending(s);
}

static void pong(struct h2_stream *base)
{
    if (of(base)->broken)
        h2_reset(base, NGHTTP2_INTERNAL_ERROR);
}

static void closed(struct h2_stream *base, uint32_t code)
{
    struct stream *s = of(base);
    struct err e;

    if (s->open && !(s->got_end && s->base.sent_end)) {
        err_set(&e, ERR_RESET, "the stream was reset: %s", nghttp2_http2_strerror(code));
        tell_gone(s, &e);
        return;
    }
    free_if_done(s);
}

static void over(struct h2 *h, const struct err *why)
{
    struct h2_conn *c = CONTAINER_OF(h, struct h2_conn, h2);
    struct err e;

    err_set(&e, ERR_RESET, "the connection has ended");
    if (why)
        c->base.server->stats.glitches_total++;
    hang_up(c, NET_END_FLUSH, why ? why : &e);
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
    .pong = pong,
    .over = over,
};

/* ---- the network ---- */

static void on_read(void *arg, const char *p, size_t n)
{
    struct h2_conn *c = arg;

    OBJ_CHECK(c, CONN_MAGIC);
    h2_recv(&c->h2, p, n);
    if (c->base.server)
        c->base.server->stats.glitches_total += c->h2.glitches_total - c->glitches_told;
    c->glitches_told = c->h2.glitches_total;
}

static void on_eof(void *arg)
{
    struct h2_conn *c = arg;
    struct err e;

    OBJ_CHECK(c, CONN_MAGIC);
    err_set(&e, ERR_RESET, "the client closed the connection");
    hang_up(c, NET_END_FLUSH, &e);
}

static void on_net_sent(void *arg, size_t n)
{
    struct h2_conn *c = arg;

    OBJ_CHECK(c, CONN_MAGIC);
    UNUSED(n);
    h2_drained(&c->h2);
}

static void on_error(void *arg, const struct err *e)
{
    struct h2_conn *c = arg;

    OBJ_CHECK(c, CONN_MAGIC);
    hang_up(c, NET_END_RESET, e);
}

static const struct net_conn_cb conn_cb = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_sent = on_net_sent,
    .on_error = on_error,
};

static void abort_conn(struct http_conn *base)
{
    struct h2_conn *c = CONTAINER_OF(base, struct h2_conn, base);
    struct err e;

    err_set(&e, ERR_CANCELED, "the gateway is stopping");
    hang_up(c, NET_END_RESET, &e);
    if (list_empty(&c->h2.streams)) {
        destroy(c);
        return;
    }
    http_server_remove(c->base.server, &c->base); /* c lives until its streams are closed */
    c->base.server = NULL;
}

int h2_server_start(struct http_server *s, struct net_conn *conn, struct span first, struct err *e)
{
    struct h2_conn *c = mem_zalloc(1, sizeof(*c));

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    if (h2_init(&c->h2, true, &h2_ops, conn, s->ev, &s->conf.limits, s->conf.streams_per_conn, e) <
        0) {
        mem_free(c);
        return -1;
    }
    c->magic = CONN_MAGIC;
    c->conn = conn;
    c->ev = s->ev;
    c->base.server = s;
    c->base.abort = abort_conn;
    c->base.drain = drain_conn;
    ev_timer_init(&c->wait, s->ev, on_wait);
    ev_post_init(&c->reap, reap);
    http_server_add(s, &c->base, net_conn_peer(conn));
    net_conn_listen(conn, &conn_cb, c);
    net_conn_read(conn, true);
    set_wait(c);
    if (s->draining)
        drain_conn(&c->base);
    if (first.n && c->conn)
        on_read(c, first.p, first.n);
    return 0;
}
