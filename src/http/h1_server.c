/*
 * h1_server.c - the server's side of an HTTP/1.x connection.
 *
 * One request at a time. Bytes that come while an answer is under way (pipelining) are kept, at
 * most one read of them, and parsed when it is done; until then reading goes on, because a FIN
 * or a reset is how a client says that it has left.
 *
 *     IDLE     -- first byte -->  HEAD       h1_server_read()
 *     HEAD     -- head whole -->  EXCHANGE   begin_exchange(): the handler has the stream
 *     EXCHANGE -- request and answer whole, stream closed --> IDLE, or LINGER, or closed
 *     LINGER   -- answer sent before the request was whole: read and drop, so that the client
 *                 gets to read the answer, for LINGER_MS and LINGER_BYTES at most
 *
 * Invariants: (1) the stream is embedded, so the connection lives until its stream is closed;
 *             (2) `conn` is NULL as soon as the connection is closed toward the network;
 *             (3) body bytes delivered and not consumed never exceed HTTP_WINDOW plus a read.
 */
#include "http/h1_server.h"

#include "base/mem.h"
#include "http/h1_read.h"
#include "http/h1_write.h"

#define LINGER_MS    1000
#define LINGER_BYTES ((size_t)1024 * 1024)
#define HEAD_OUT_MAX ((size_t)64 * 1024)
#define MAGIC        0x68317365u

enum state { IDLE, HEAD, EXCHANGE, LINGER };

struct h1_server {
    struct http_conn base;
    struct http_stream stream; /* of the exchange under way */
    uint32_t magic;
    enum state state;
    struct net_conn *conn;
    struct h1_read reader;
    struct buf held; /* bytes that wait until the exchange is over */
    struct ev_timer timer;
    struct ev_post resume; /* parse what is held, when it may be */
    struct ev_post reap;
    uint32_t requests;
    size_t lingered;

    /* the exchange */
    bool open;    /* the handler holds the stream */
    bool got_end; /* the request is whole */
    bool head_sent, answer_end, chunked, until_close;
    bool close_after; /* no further request on this connection */
    bool failed;      /* on_fail was called */
    bool version10;
    bool eof;             /* the client sent FIN */
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

static void destroy(struct http_conn *base)
{
    struct h1_server *c = CONTAINER_OF(base, struct h1_server, base);

    MUST(!c->conn && !c->open);
    ev_timer_stop(&c->timer);
    ev_post_cancel(&c->resume);
    ev_post_cancel(&c->reap);
    http_server_remove(c->base.server, &c->base);
    h1_read_fini(&c->reader);
    buf_fini(&c->held);
    c->magic = 0;
    mem_free(c);
}

/* Nothing is freed inside a callback: what runs above us on the stack may still look at c. */
static void reap(struct ev_post *p)
{
    destroy(&CONTAINER_OF(p, struct h1_server, reap)->base);
}

static void reap_if_done(struct h1_server *c)
{
    if (!c->conn && !c->open)
        ev_post(c->base.server->ev, &c->reap);
}

/* Close toward the network. The handler, if one holds the stream, is told. */
static void hang_up(struct h1_server *c, enum net_end how, const struct err *why)
{
    net_conn_close(&c->conn, how);
    ev_timer_stop(&c->timer);
    if (c->open && !c->failed) {
        c->failed = true;
        c->stream.cb->on_fail(c->stream.arg, HTTP_FAIL_GONE, why);
    }
    reap_if_done(c);
}

static void set_timer(struct h1_server *c, uint64_t ms)
{
    struct err e;

    if (ms == 0)
        ev_timer_stop(&c->timer);
    else if (ev_timer_set(&c->timer, EV_MS(ms), &e) < 0)
        c->close_after = true; /* no memory for a timer: at least do not stay for long */
}

/* Which clock runs now? One timer serves all: a connection waits for one thing at a time. */
static void set_clock(struct h1_server *c)
{
    const struct http_server_conf *conf = &c->base.server->conf;

    switch (c->state) {
    case IDLE:
        set_timer(c, c->requests ? conf->idle_ms : conf->head_ms);
        break;
    case HEAD:
        break; /* set once, when its first byte came: a dribbling head gains no time */
    case EXCHANGE:
        if (c->conn && net_conn_queued(c->conn))
            set_timer(c, conf->write_stall_ms);
        else if (!c->got_end && c->window < HTTP_WINDOW)
            set_timer(c, conf->body_stall_ms);
        else
            set_timer(c, 0);
        break;
    case LINGER:
        break;
    }
}

static void set_reading(struct h1_server *c)
{
    bool on;

    if (!c->conn)
        return;
    on = c->state != EXCHANGE || (!c->got_end && c->window < HTTP_WINDOW) ||
         (c->got_end && c->held.n == 0);
    net_conn_read(c->conn, on && !c->eof);
}

/* ---- refusing before there is a stream ---- */

static void refuse(struct h1_server *c, uint16_t status, const char *why)
{
    char body[256];
    struct buf out;
    struct err e;
    struct http_field fields[] = {{SPAN_LIT("content-type"), SPAN_LIT("application/json")}};
    struct http_head head = {.status = status, .fields = fields, .fields_n = 1};
    struct h1_write_opts opts = {.close = true, .wall_ms = ev_wall_ms(c->base.server->ev)};
    int n;

    c->base.server->stats.refused_total++;
    n = snprintf(body, sizeof(body),
                 "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\","
                 "\"param\":null,\"code\":null}}\n",
                 why);
    head.body_len = n > 0 ? MIN((size_t)n, sizeof(body) - 1) : 0;
    buf_init(&out, HEAD_OUT_MAX);
    if (h1_write_response(&out, &head, &opts, &e) == 0)
        buf_add(&out, body, (size_t)head.body_len);
    if (!buf_ok(&out) || net_conn_write(c->conn, out.p, out.n, &e) < 0) {
        buf_fini(&out);
        err_set(&e, ERR_PROTOCOL, "%s", why);
        hang_up(c, NET_END_RESET, &e);
        return;
    }
    buf_fini(&out);
    c->state = LINGER;
    net_conn_shutdown(c->conn);
    set_timer(c, LINGER_MS);
    set_reading(c);
}

/* ---- the exchange ---- */

static void begin_exchange(struct h1_server *c)
{
    struct http_server *s = c->base.server;
    struct err e;

    c->state = EXCHANGE;
    c->requests++;
    c->open = true;
    c->got_end = c->head_sent = c->answer_end = c->failed = false;
    c->window = c->body_queued = 0;
    c->version10 = c->reader.head.version == 10;
    c->close_after = !c->reader.keep_alive || s->draining ||
                     (s->conf.requests_per_conn && c->requests >= s->conf.requests_per_conn);
    c->stream.cb = NULL;
    s->stats.requests_total++;
    s->stats.streams_now++;
    s->on_request(s->arg, &c->stream, &c->reader.head, net_conn_peer(c->conn));
    if (!c->open || !c->conn)
        return;
    if (!EXPECT(c->stream.cb != NULL))
        return;
    if (c->reader.expect_continue && !c->head_sent && c->reader.head.body_len != 0 &&
        net_conn_write(c->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25, &e) < 0)
        hang_up(c, NET_END_RESET, &e);
}

/* The exchange is over and the stream closed: what becomes of the connection? */
static void end_exchange(struct h1_server *c)
{
    if (!c->got_end) {
        c->state = LINGER;
        c->lingered = 0;
        net_conn_shutdown(c->conn);
        set_timer(c, LINGER_MS);
        set_reading(c);
        return;
    }
    if (c->close_after || c->eof) {
        net_conn_close(&c->conn, NET_END_FLUSH);
        reap_if_done(c);
        return;
    }
    c->state = IDLE;
    set_clock(c);
    set_reading(c);
    if (c->held.n)
        ev_post(c->base.server->ev, &c->resume);
}

static int send_head(struct http_stream *stream, const struct http_head *h, struct err *e)
{
    struct h1_server *c = of_stream(stream);
    struct h1_write_opts opts = {.wall_ms = ev_wall_ms(c->base.server->ev)};
    struct buf out;
    int rc = -1;

    MUST(!c->head_sent);
    if (!c->conn)
        return err_set(e, ERR_RESET, "the client is gone");
    c->chunked = h->body_len == HTTP_LEN_UNKNOWN && !c->version10;
    c->until_close = h->body_len == HTTP_LEN_UNKNOWN && c->version10;
    if (c->until_close || !c->got_end || c->base.server->draining)
        c->close_after = true;
    opts.chunked = c->chunked;
    opts.until_close = c->until_close;
    opts.close = c->close_after;
    buf_init(&out, HEAD_OUT_MAX);
    if (h1_write_response(&out, h, &opts, e) == 0)
        rc = net_conn_write(c->conn, out.p, out.n, e);
    buf_fini(&out);
    if (rc == 0) {
        c->head_sent = true;
        c->answer_left = c->chunked || c->until_close ? HTTP_LEN_UNKNOWN : h->body_len;
        set_clock(c);
    }
    return rc;
}

static int send_body(struct http_stream *stream, const char *p, size_t n, struct err *e)
{
    struct h1_server *c = of_stream(stream);
    char size[H1_CHUNK_HEAD];

    MUST(c->head_sent && !c->answer_end);
    if (!c->conn)
        return err_set(e, ERR_RESET, "the client is gone");
    if (c->answer_left != HTTP_LEN_UNKNOWN) {
        if (!EXPECT(n <= c->answer_left))
            return err_set(e, ERR_BUG, "more body than the content-length said");
        c->answer_left -= n;
    }
    c->body_queued += n;
    if (c->chunked && net_conn_write(c->conn, size, h1_chunk_head(size, n), e) < 0)
        return -1;
    if (net_conn_write(c->conn, p, n, e) < 0)
        return -1;
    if (c->chunked && net_conn_write(c->conn, "\r\n", 2, e) < 0)
        return -1;
    if (!ev_timer_armed(&c->timer))
        set_clock(c);
    return 0;
}

static int send_end(struct http_stream *stream, struct err *e)
{
    struct h1_server *c = of_stream(stream);

    MUST(c->head_sent && !c->answer_end);
    if (!c->conn)
        return err_set(e, ERR_RESET, "the client is gone");
    if (c->answer_left != HTTP_LEN_UNKNOWN && c->answer_left != 0)
        return err_set(e, ERR_BUG, "less body than the content-length said");
    if (c->chunked && net_conn_write(c->conn, "0\r\n\r\n", 5, e) < 0)
        return -1;
    c->answer_end = true;
    return 0;
}

static void consumed(struct http_stream *stream, size_t n)
{
    struct h1_server *c = of_stream(stream);

    MUST(n <= c->window);
    c->window -= n;
    set_reading(c);
    if (c->state == EXCHANGE)
        set_clock(c);
    if (c->held.n && !c->got_end && c->window < HTTP_WINDOW)
        ev_post(c->base.server->ev, &c->resume);
}

static void close_stream(struct http_stream *stream, enum http_close how)
{
    struct h1_server *c = of_stream(stream);
    enum net_end end = NET_END_FLUSH;

    MUST(c->open);
    c->open = false;
    c->base.server->stats.streams_now--;
    if (c->conn && how == HTTP_CLOSE_DONE && c->answer_end) {
        end_exchange(c);
        return;
    }
    /* The answer is not whole, and the client must see it. Chunks and lengths tell by being
     * short; else only a reset does, and it waits until all that was said is acknowledged. */
    if (c->until_close)
        end = NET_END_RESET_ACKED;
    else if (!c->head_sent)
        end = NET_END_RESET;
    ev_timer_stop(&c->timer);
    net_conn_close(&c->conn, end);
    reap_if_done(c);
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

static void broken_body(struct h1_server *c)
{
    struct err e;

    c->base.server->stats.glitches_total++;
    err_set(&e, c->reader.bad_status == 413 ? ERR_LIMIT : ERR_PROTOCOL, "request body: %s",
            c->reader.why);
    c->failed = true;
    c->close_after = true;
    net_conn_read(c->conn, false);
    c->stream.cb->on_fail(c->stream.arg, HTTP_FAIL_REQUEST, &e); /* it may still answer */
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
            broken_body(c);
        else
            refuse(c, c->reader.bad_status, c->reader.why);
        break;
    }
}

/* Can the next byte be parsed now? Not while an exchange waits for its answer, nor while its
 * handler has all the body that it may hold. */
static bool may_parse(const struct h1_server *c)
{
    if (!c->conn)
        return false;
    if (c->state == EXCHANGE)
        return c->open && !c->failed && !c->got_end && c->window < HTTP_WINDOW;
    return c->state == IDLE || c->state == HEAD;
}

/* Parse as far as may be; returns the bytes taken. */
static size_t pump(struct h1_server *c, const char *p, size_t n)
{
    size_t at = 0;

    while (may_parse(c)) {
        struct h1_step step;

        if (c->state == IDLE && at == n)
            break;
        if (c->state == IDLE) {
            c->state = HEAD;
            set_timer(c, c->base.server->conf.head_ms);
        }
        step = h1_next(&c->reader, p + at, n - at);
        at += step.used;
        act(c, &step);
        if (step.ev == H1_MORE)
            break;
    }
    if (c->conn) {
        set_clock(c);
        set_reading(c);
    }
    return at;
}

static void linger(struct h1_server *c, size_t n)
{
    c->lingered += n;
    if (c->lingered > LINGER_BYTES) {
        net_conn_close(&c->conn, NET_END_FLUSH);
        reap_if_done(c);
    }
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

static void on_resume(struct ev_post *p)
{
    struct h1_server *c = CONTAINER_OF(p, struct h1_server, resume);

    if (c->conn && c->held.n)
        buf_consume(&c->held, pump(c, c->held.p, c->held.n));
    if (c->held.n == 0)
        buf_fini(&c->held);
    if (c->conn)
        set_reading(c);
}

static void on_eof(void *arg)
{
    struct h1_server *c = arg;
    struct err e;

    OBJ_CHECK(c, MAGIC);
    c->eof = true;
    if (c->state == EXCHANGE && c->got_end && c->base.server->conf.half_close_ok) {
        c->close_after = true;
        set_reading(c);
        return;
    }
    err_set(&e, ERR_RESET, "the client closed the connection");
    hang_up(c, c->state == EXCHANGE ? NET_END_RESET : NET_END_FLUSH, &e);
}

static void on_sent(void *arg, size_t n)
{
    struct h1_server *c = arg;
    size_t body;

    OBJ_CHECK(c, MAGIC);
    set_clock(c);
    if (!c->open || c->failed || c->body_queued == 0)
        return;
    /* n counts framing too. It is reported as body early by those few bytes, and exactly once
     * nothing is left. */
    body = net_conn_queued(c->conn) ? MIN(n, c->body_queued) : c->body_queued;
    c->body_queued -= body;
    c->stream.cb->on_sent(c->stream.arg, body);
}

static void on_error(void *arg, const struct err *e)
{
    struct h1_server *c = arg;

    OBJ_CHECK(c, MAGIC);
    hang_up(c, NET_END_RESET, e);
}

static void on_timer(struct ev_timer *t)
{
    struct h1_server *c = CONTAINER_OF(t, struct h1_server, timer);
    struct err e;

    switch (c->state) {
    case IDLE:
    case LINGER:
        net_conn_close(&c->conn, NET_END_FLUSH);
        reap_if_done(c);
        break;
    case HEAD:
        refuse(c, 408, "the head of the request took too long");
        break;
    case EXCHANGE:
        err_set(&e, ERR_TIMEOUT, "the client %s",
                net_conn_queued(c->conn) ? "takes no bytes" : "sends no bytes");
        hang_up(c, NET_END_RESET, &e);
        break;
    }
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
}

static void drain_conn(struct http_conn *base)
{
    struct h1_server *c = CONTAINER_OF(base, struct h1_server, base);

    c->close_after = true;
    if (c->state == IDLE) {
        net_conn_close(&c->conn, NET_END_FLUSH);
        reap_if_done(c);
    }
}

int h1_server_start(struct http_server *s, struct net_conn *conn, struct span first, struct err *e)
{
    struct h1_server *c = mem_zalloc(1, sizeof(*c));

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    c->magic = MAGIC;
    c->conn = conn;
    c->stream.ops = &stream_ops;
    c->base.server = s;
    c->base.abort = abort_conn;
    c->base.destroy = destroy;
    c->base.drain = drain_conn;
    h1_read_init(&c->reader, true, &s->conf.limits);
    buf_init(&c->held, NET_READ_MAX);
    ev_timer_init(&c->timer, s->ev, on_timer);
    ev_post_init(&c->resume, on_resume);
    ev_post_init(&c->reap, reap);
    list_init(&c->base.link);
    http_server_add(s, &c->base);
    net_conn_listen(conn, &conn_cb, c);
    set_clock(c);
    set_reading(c);
    if (first.n)
        on_read(c, first.p, first.n);
    return 0;
}
