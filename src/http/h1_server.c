/*
 * h1_server.c - the server's side of an HTTP/1.x connection.
 *
 * One request at a time. Bytes that come while an answer is under way (pipelining) are kept and
 * parsed when it is done; reading goes on meanwhile, because a FIN or a reset is how a client
 * says that it has left.
 *
 *     IDLE     -- first byte -->  HEAD       pump()
 *     HEAD     -- head whole -->  EXCHANGE   begin_exchange(): the handler has the stream
 *     HEAD     -- malformed, too large, slow --> LINGER   refuse()
 *     EXCHANGE -- request and answer whole, stream closed --> IDLE or LINGER   end_exchange()
 *     EXCHANGE -- stream closed with less --> closed   close_stream()
 *     LINGER   -- what is queued has left, and the client has had LINGER_MS to read the answer
 *                 to a request that it was still sending (up to LINGER_BYTES of it are read and
 *                 dropped) --> closed
 *
 * Two clocks: `wait` runs while something must come from the client, `stall` while something
 * queued must be taken by it. Neither gains time from what happens on the other way.
 *
 * What has left: the network counts bytes with framing, the handler counts bytes of body. Of
 * those it is told only as many as can no longer be in the queue: late by the framing around
 * them, never early, and exact when the queue is empty. So the queue stays bounded however small
 * the chunks are.
 *
 * Invariants: (1) the stream is embedded, so the connection lives until its stream is closed;
 *             (2) `conn` is NULL as soon as the connection is closed toward the network;
 *             (3) body bytes delivered and not consumed never exceed HTTP_WINDOW, and the bytes
 *                 held never exceed HELD_MAX;
 *             (4) a held request is never read past: reading is off while `held` waits for room.
 */
#include "http/h1_server.h"

#include "base/mem.h"
#include "http/h1_read.h"
#include "http/h1_write.h"
#include "http/head.h"

#define LINGER_MS    1000
#define LINGER_BYTES ((size_t)1024 * 1024)
#define HEAD_OUT_MAX ((size_t)64 * 1024)
#define HELD_MAX     (2 * NET_READ_MAX)
#define CONTINUE     "HTTP/1.1 100 Continue\r\n\r\n"
#define MAGIC        0x68317365u

enum state { IDLE, HEAD, EXCHANGE, LINGER };

struct h1_server {
    struct http_conn base;
    struct http_stream stream; /* of the exchange under way */
    uint32_t magic;
    enum state state;
    struct ev *ev;
    struct net_conn *conn;
    struct h1_read reader;
    struct buf held; /* bytes that wait until they may be parsed */
    struct ev_timer wait, stall;
    struct ev_post look; /* look again at what is held and at what has left */
    struct ev_post reap;
    uint32_t requests;
    size_t lingered;
    bool eof;         /* the client sent FIN */
    bool close_after; /* no further request on this connection */
    bool doomed;      /* there is no memory for a clock */

    /* the exchange */
    bool open;        /* the handler holds the stream */
    bool got_end;     /* the request is whole */
    bool request_bad; /* its body is not read further; the handler was told */
    bool told_gone;   /* on_fail has said that the client is gone */
    bool version10, head_method;
    bool head_sent, answer_end, chunked, until_close;
    bool no_body;         /* the answer has none whatever the handler sends (HEAD, 204, 304) */
    uint64_t answer_left; /* bytes still owed under a content-length */
    size_t window;        /* request body bytes delivered and not consumed */
    size_t body_queued;   /* answer body bytes written and not reported as sent */
};

static struct h1_server *of_stream(struct http_stream *s)
{
    struct h1_server *c = CONTAINER_OF(s, struct h1_server, stream);

    OBJ_CHECK(c, MAGIC);
    return c;
}

/* ---- life ---- */

static void destroy(struct h1_server *c)
{
    MUST(!c->conn && !c->open);
    ev_timer_stop(&c->wait);
    ev_timer_stop(&c->stall);
    ev_post_cancel(&c->look);
    ev_post_cancel(&c->reap);
    if (c->base.server)
        http_server_remove(c->base.server, &c->base);
    h1_read_fini(&c->reader);
    buf_fini(&c->held);
    c->magic = 0;
    mem_free(c);
}

/* Nothing is freed inside a callback: what runs above us on the stack may still look at c. */
static void reap(struct ev_post *p)
{
    destroy(CONTAINER_OF(p, struct h1_server, reap));
}

/* Close toward the network; a handler that holds the stream is not told. */
static void close_conn(struct h1_server *c, enum net_end how)
{
    net_conn_close(&c->conn, how);
    ev_timer_stop(&c->wait);
    ev_timer_stop(&c->stall);
    if (!c->open)
        ev_post(c->ev, &c->reap);
}

/* The client is gone, or to be got rid of. */
static void hang_up(struct h1_server *c, enum net_end how, const struct err *why)
{
    close_conn(c, how);
    if (c->open && !c->told_gone) {
        c->told_gone = true;
        c->stream.cb->on_fail(c->stream.arg, HTTP_FAIL_GONE, why);
    }
}

/* ---- clocks ---- */

/* Without memory for a clock a connection does not stay: it would stay for ever. */
static void set(struct h1_server *c, struct ev_timer *t, uint64_t ms)
{
    struct err e;

    if (ev_timer_set(t, EV_MS(ms), &e) == 0)
        return;
    c->doomed = true;
    ev_post(c->ev, &c->look);
}

/* Set the clock that waits for the client as the state says. `progress`: a byte has come. */
static void set_wait(struct h1_server *c, bool progress)
{
    const struct http_server_conf *conf = &c->base.server->conf;
    bool queued = net_conn_queued(c->conn) > 0;

    switch (c->state) {
    case HEAD:
        return; /* set once, when its first byte came: a dribbling head gains no time */
    case IDLE:
        if (!queued)
            set(c, &c->wait, c->requests ? conf->idle_ms : conf->head_ms);
        break;
    case EXCHANGE:
        if (c->got_end || c->request_bad || c->window == HTTP_WINDOW)
            ev_timer_rest(&c->wait);
        else if (progress || !ev_timer_armed(&c->wait))
            set(c, &c->wait, conf->body_stall_ms);
        return;
    case LINGER:
        if (!queued && !ev_timer_armed(&c->wait))
            set(c, &c->wait, LINGER_MS);
        break;
    }
    if (queued) /* the other clock runs */
        ev_timer_rest(&c->wait);
}

static void set_reading(struct h1_server *c)
{
    bool on = c->state == LINGER || c->held.n == 0;

    if (c->state == EXCHANGE && c->got_end)
        on = c->held.n < NET_READ_MAX;
    else if (c->state == EXCHANGE)
        on = on && c->window < HTTP_WINDOW && !c->request_bad;
    net_conn_read(c->conn, on && !c->eof);
}

/* ---- bytes out ---- */

static int put(struct h1_server *c, const char *p, size_t n, struct err *e)
{
    if (net_conn_write(c->conn, p, n, e) < 0)
        return -1;
    if (!ev_timer_armed(&c->stall))
        set(c, &c->stall, c->base.server->conf.write_stall_ms);
    return 0;
}

/* Nothing more is answered: end when what is queued has left, or when LINGER ends. */
static void finish(struct h1_server *c)
{
    if (net_conn_queued(c->conn) == 0 && c->got_end) {
        close_conn(c, NET_END_FLUSH);
        return;
    }
    c->state = LINGER;
    c->lingered = 0;
    ev_timer_stop(&c->wait);
    if (!c->got_end) /* FIN now: the client may wait for it, and we read on */
        net_conn_shutdown(c->conn);
    set_wait(c, false);
    set_reading(c);
}

/* Tell the handler what has left (see the top). */
static void report_sent(struct h1_server *c)
{
    size_t left, n;

    if (!c->open || !c->conn)
        return;
    left = MIN(c->body_queued, net_conn_queued(c->conn));
    n = c->body_queued - left;
    c->body_queued = left;
    if (n)
        c->stream.cb->on_sent(c->stream.arg, n);
}

/* ---- refusing before there is a stream ---- */

static void refuse(struct h1_server *c, uint16_t status, const char *why)
{
    char body[HEAD_REFUSAL];
    struct buf out;
    struct err e;
    struct http_field fields[] = {{SPAN_LIT("content-type"), SPAN_LIT("application/json")}};
    struct http_head head = {.status = status, .fields = fields, .fields_n = 1};
    struct h1_write_opts opts = {.close = true, .wall_ms = ev_wall_ms(c->ev)};

    c->base.server->stats.refused_total++;
    head.body_len = head_refusal(body, why);
    buf_init(&out, HEAD_OUT_MAX);
    if (h1_write_response(&out, &head, &opts, &e) == 0)
        buf_add(&out, body, (size_t)head.body_len);
    if (!buf_ok(&out) || put(c, out.p, out.n, &e) < 0)
        close_conn(c, NET_END_RESET);
    else
        finish(c);
    buf_fini(&out);
}

/* ---- the exchange ---- */

static void reset_exchange(struct h1_server *c)
{
    const struct http_server *s = c->base.server;
    const struct http_head *h = &c->reader.head;

    c->got_end = c->request_bad = c->told_gone = false;
    c->head_sent = c->answer_end = c->chunked = c->until_close = c->no_body = false;
    c->window = c->body_queued = 0;
    c->answer_left = 0;
    c->version10 = h->version == 10;
    c->head_method = span_is(h->method, "HEAD");
    c->close_after = !c->reader.keep_alive || s->draining ||
                     (s->conf.requests_per_conn && c->requests >= s->conf.requests_per_conn);
    c->stream.cb = NULL;
}

static void begin_exchange(struct h1_server *c)
{
    struct http_server *s = c->base.server;
    struct err e;

    c->state = EXCHANGE;
    c->requests++;
    c->open = true;
    reset_exchange(c);
    if (c->reader.head.body_len == 0) /* whole already, so an answer at once need not end it all */
        c->got_end = EXPECT(h1_read_next(&c->reader, "", 0).ev == H1_END);
    s->stats.requests_total++;
    s->stats.streams_now++;
    s->on_request(s->arg, &c->stream, &c->reader.head, net_conn_peer(c->conn));
    if (!c->open || !c->conn)
        return;
    MUST(c->stream.cb); /* the contract of http_on_request */
    if (c->got_end)
        c->stream.cb->on_end(c->stream.arg);
    else if (c->reader.expect_continue && !c->head_sent && !c->version10 &&
             put(c, CONTINUE, sizeof(CONTINUE) - 1, &e) < 0)
        hang_up(c, NET_END_RESET, &e);
}

/* The exchange is over and the stream closed: what becomes of the connection? */
static void end_exchange(struct h1_server *c)
{
    if (!c->got_end || c->close_after || c->eof || c->doomed) {
        finish(c);
        return;
    }
    c->state = IDLE;
    set_wait(c, true);
    set_reading(c);
    if (c->held.n)
        ev_post(c->ev, &c->look);
}

static int send_head(struct http_stream *stream, const struct http_head *h, struct err *e)
{
    struct h1_server *c = of_stream(stream);
    struct h1_write_opts opts = {.wall_ms = ev_wall_ms(c->ev)};
    struct buf out;
    int rc = -1;

    MUST(!c->head_sent);
    if (!c->conn)
        return err_set(e, ERR_RESET, "the client is gone");
    c->no_body = c->head_method || head_bodyless(h->status);
    c->chunked = h->body_len == HTTP_LEN_UNKNOWN && !c->version10;
    c->until_close = h->body_len == HTTP_LEN_UNKNOWN && c->version10;
    if (c->until_close || !c->got_end || c->base.server->draining)
        c->close_after = true;
    opts.chunked = c->chunked;
    opts.until_close = c->until_close;
    opts.close = c->close_after;
    buf_init(&out, HEAD_OUT_MAX);
    if (h1_write_response(&out, h, &opts, e) == 0)
        rc = put(c, out.p, out.n, e);
    buf_fini(&out);
    if (rc == 0) {
        c->head_sent = true;
        c->answer_left = c->chunked || c->until_close ? HTTP_LEN_UNKNOWN : h->body_len;
    }
    return rc;
}

static int send_body(struct http_stream *stream, const char *p, size_t n, struct err *e)
{
    struct h1_server *c = of_stream(stream);
    char size[H1_WRITE_CHUNK];

    MUST(c->head_sent && !c->answer_end);
    if (!c->conn)
        return err_set(e, ERR_RESET, "the client is gone");
    if (c->answer_left != HTTP_LEN_UNKNOWN && !c->no_body) {
        if (!EXPECT(n <= c->answer_left))
            return err_set(e, ERR_BUG, "more body than the content-length said");
        c->answer_left -= n;
    }
    c->body_queued += n;
    if (c->no_body) {
        ev_post(c->ev, &c->look); /* so it has left */
        return 0;
    }
    if (c->chunked && put(c, size, h1_write_chunk(size, n), e) < 0)
        return -1;
    if (put(c, p, n, e) < 0)
        return -1;
    return c->chunked ? put(c, "\r\n", 2, e) : 0;
}

static int send_end(struct http_stream *stream, struct err *e)
{
    struct h1_server *c = of_stream(stream);

    MUST(c->head_sent && !c->answer_end);
    if (!c->conn)
        return err_set(e, ERR_RESET, "the client is gone");
    if (!c->no_body && c->answer_left != HTTP_LEN_UNKNOWN && c->answer_left != 0)
        return err_set(e, ERR_BUG, "less body than the content-length said");
    if (!c->no_body && c->chunked && put(c, "0\r\n\r\n", 5, e) < 0)
        return -1;
    c->answer_end = true;
    return 0;
}

static void consumed(struct http_stream *stream, size_t n)
{
    struct h1_server *c = of_stream(stream);

    MUST(n <= c->window);
    c->window -= n;
    if (!c->conn)
        return;
    set_wait(c, false);
    set_reading(c);
    if (c->held.n)
        ev_post(c->ev, &c->look);
}

/* The answer is not whole, and the client must see it. Chunks and lengths tell by being short.
 * Else only a reset does: of a body without framing once all that was said is acknowledged, of
 * one whose framing is already full at once. */
static enum net_end broken_end(const struct h1_server *c)
{
    if (c->head_sent && c->until_close)
        return NET_END_RESET_ACKED;
    if (!c->head_sent) /* what is queued then belongs to an answer before */
        return net_conn_queued(c->conn) ? NET_END_RESET_ACKED : NET_END_RESET;
    return c->answer_end || c->answer_left == 0 ? NET_END_RESET : NET_END_FLUSH;
}

static void close_stream(struct http_stream *stream, enum http_close how)
{
    struct h1_server *c = of_stream(stream);

    MUST(c->open);
    c->open = false;
    if (c->base.server)
        c->base.server->stats.streams_now--;
    if (!c->conn)
        ev_post(c->ev, &c->reap);
    else if (how == HTTP_CLOSE_DONE && c->answer_end)
        end_exchange(c);
    else
        close_conn(c, broken_end(c));
}

static const struct http_stream_ops stream_ops = {
    .name = "h1-server",
    .send_head = send_head,
    .send_body = send_body,
    .send_end = send_end,
    .consumed = consumed,
    .close = close_stream,
};

/* ---- bytes in ---- */

/* The body is not read further, but the request can still be answered. */
static void stop_body(struct h1_server *c, enum err_code code, const char *why)
{
    struct err e;

    c->base.server->stats.glitches_total++;
    err_set(&e, code, "request body: %s", why);
    c->request_bad = true;
    c->close_after = true;
    set_wait(c, false);
    set_reading(c);
    c->stream.cb->on_fail(c->stream.arg, HTTP_FAIL_REQUEST, &e);
}

/* Act upon one step of the reader. */
static void act(struct h1_server *c, const struct h1_step *step)
{
    switch (step->ev) {
    case H1_MORE:
        break;
    case H1_HEAD:
        begin_exchange(c);
        break;
    case H1_BODY:
        c->window += step->body.n;
        c->stream.cb->on_body(c->stream.arg, step->body.p, step->body.n);
        break;
    case H1_END:
        c->got_end = true;
        c->stream.cb->on_end(c->stream.arg);
        break;
    case H1_BAD:
        if (c->state == EXCHANGE)
            stop_body(c, c->reader.bad_status == 413 ? ERR_LIMIT : ERR_PROTOCOL, c->reader.why);
        else
            refuse(c, c->reader.bad_status, c->reader.why);
        break;
    }
}

/* Can the next byte be parsed now? Not while an exchange waits for its answer. */
static bool may_parse(const struct h1_server *c)
{
    if (!c->conn)
        return false;
    if (c->state == EXCHANGE)
        return c->open && !c->request_bad && !c->got_end;
    return c->state == IDLE || c->state == HEAD;
}

/* Parse as far as may be; returns the bytes taken. */
static size_t pump(struct h1_server *c, const char *p, size_t n)
{
    size_t at = 0;

    while (may_parse(c)) {
        size_t most = n - at;
        struct h1_step step;

        if (c->state == IDLE) {
            if (most == 0)
                break;
            c->state = HEAD;
            c->got_end = false;
            set(c, &c->wait, c->base.server->conf.head_ms);
        }
        if (c->state == EXCHANGE) /* a body's end needs no room, its bytes do */
            most = MIN(most, HTTP_WINDOW - c->window);
        step = h1_read_next(&c->reader, p + at, most);
        at += step.used;
        if (step.ev == H1_MORE && (at == n || most == 0))
            break;
        act(c, &step);
    }
    if (c->conn) {
        set_wait(c, true);
        set_reading(c);
    }
    return at;
}

static void linger(struct h1_server *c, size_t n)
{
    c->lingered += n;
    if (c->lingered > LINGER_BYTES)
        close_conn(c, NET_END_FLUSH);
}

static void on_read(void *arg, const char *p, size_t n)
{
    struct h1_server *c = arg;
    size_t used = 0;
    struct err e;

    OBJ_CHECK(c, MAGIC);
    if (c->state == LINGER) {
        linger(c, n);
        return;
    }
    if (c->held.n == 0)
        used = pump(c, p, n);
    if (used == n || !c->conn || c->state == LINGER)
        return;
    buf_add(&c->held, p + used, n - used);
    if (!buf_ok(&c->held)) {
        err_set(&e, ERR_LIMIT, "more pipelined bytes than are held");
        hang_up(c, NET_END_RESET, &e);
        return;
    }
    set_reading(c);
}

static void on_look(struct ev_post *p)
{
    struct h1_server *c = CONTAINER_OF(p, struct h1_server, look);

    if (!c->conn)
        return;
    if (c->doomed && c->state != EXCHANGE) {
        close_conn(c, NET_END_FLUSH);
        return;
    }
    report_sent(c);
    if (c->held.n) {
        buf_consume(&c->held, pump(c, c->held.p, c->held.n));
        if (c->held.n == 0)
            buf_fini(&c->held);
    }
    if (c->conn)
        set_reading(c);
}

static void on_eof(void *arg)
{
    struct h1_server *c = arg;
    struct err e;

    OBJ_CHECK(c, MAGIC);
    c->eof = true;
    if (c->state == EXCHANGE && c->got_end && c->base.server->conf.half_close_ok)
        return; /* end_exchange() will see it */
    if (c->state == LINGER && net_conn_queued(c->conn)) {
        c->got_end = true; /* nothing more to drop, but it still reads */
        return;
    }
    err_set(&e, ERR_RESET, "the client closed the connection");
    hang_up(c, c->state == EXCHANGE ? NET_END_RESET : NET_END_FLUSH, &e);
}

static void on_sent(void *arg, size_t n)
{
    struct h1_server *c = arg;

    OBJ_CHECK(c, MAGIC);
    UNUSED(n);
    if (net_conn_queued(c->conn)) {
        set(c, &c->stall, c->base.server->conf.write_stall_ms);
    } else {
        ev_timer_rest(&c->stall);
        if (c->state == LINGER && c->got_end) {
            close_conn(c, NET_END_FLUSH);
            return;
        }
        set_wait(c, false);
    }
    report_sent(c);
}

static void on_error(void *arg, const struct err *e)
{
    struct h1_server *c = arg;

    OBJ_CHECK(c, MAGIC);
    hang_up(c, NET_END_RESET, e);
}

static void on_wait(struct ev_timer *t)
{
    struct h1_server *c = CONTAINER_OF(t, struct h1_server, wait);

    switch (c->state) {
    case IDLE:
    case LINGER:
        close_conn(c, NET_END_FLUSH);
        break;
    case HEAD:
        refuse(c, 408, "the head of the request took too long");
        break;
    case EXCHANGE:
        stop_body(c, ERR_TIMEOUT, "the client sends no bytes");
        break;
    }
}

static void on_stall(struct ev_timer *t)
{
    struct h1_server *c = CONTAINER_OF(t, struct h1_server, stall);
    struct err e;

    err_set(&e, ERR_TIMEOUT, "the client takes no bytes");
    hang_up(c, NET_END_RESET, &e);
}

static const struct net_conn_cb conn_cb = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_sent = on_sent,
    .on_error = on_error,
};

static void abort_conn(struct http_conn *base)
{
    struct h1_server *c = CONTAINER_OF(base, struct h1_server, base);
    struct err e;

    err_set(&e, ERR_CANCELED, "the gateway is stopping");
    hang_up(c, NET_END_RESET, &e);
    if (!c->open) {
        destroy(c);
        return;
    }
    http_server_remove(c->base.server, &c->base); /* c lives until the handler closes the stream */
    c->base.server = NULL;
}

static void drain_conn(struct http_conn *base)
{
    struct h1_server *c = CONTAINER_OF(base, struct h1_server, base);

    c->close_after = true;
    if (c->state != IDLE || !c->conn)
        return;
    c->got_end = true;
    finish(c);
}

int h1_server_start(struct http_server *s, struct net_conn *conn, struct span first, struct err *e)
{
    struct h1_server *c = mem_zalloc(1, sizeof(*c));

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    c->magic = MAGIC;
    c->ev = s->ev;
    c->conn = conn;
    c->stream.ops = &stream_ops;
    c->base.server = s;
    c->base.abort = abort_conn;
    c->base.drain = drain_conn;
    h1_read_init(&c->reader, true, &s->conf.limits);
    buf_init(&c->held, HELD_MAX);
    ev_timer_init(&c->wait, s->ev, on_wait);
    ev_timer_init(&c->stall, s->ev, on_stall);
    ev_post_init(&c->look, on_look);
    ev_post_init(&c->reap, reap);
    http_server_add(s, &c->base, net_conn_peer(conn));
    net_conn_listen(conn, &conn_cb, c);
    set_wait(c, true);
    set_reading(c);
    if (first.n)
        on_read(c, first.p, first.n);
    return 0;
}
