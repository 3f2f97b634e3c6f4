/* Goal: the server over HTTP/1.1 does what server.h says, at the exact virtual time, whatever the
 * client does. Method: raw clients that write bytes, the pool where nothing odd is needed. */
#include "table.h"

#define GET(n) "GET /" n " HTTP/1.1\r\nHost: h\r\n\r\n"

static const struct http_server_stats *ss(struct bed *b)
{
    return http_server_stats(b->server);
}

static const struct http_pool_stats *ps(struct bed *b)
{
    return http_pool_stats(b->pool);
}

static void pipelined(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *r;
    const char *one, *two, *three;

    (void)expect_request(b, (struct plan){.status = 201, .down = 10, .think = EV_MS(50)});
    (void)expect_request(b, (struct plan){.status = 402, .up = 5, .down = 10});
    (void)expect_request(b, (struct plan){.status = 503, .down = 10, .early = true});
    r = raw_connect(b);
    raw_send(r, GET("0") "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    for (unsigned i = 0; i < 5; i++) {
        char c = (char)pattern(1, true, i);

        raw_send_n(r, &c, 1);
    }
    raw_send(r, GET("2"));
    run_ms(b, 200);
    buf_add_char(&r->in, '\0');
    one = strstr(r->in.p, "HTTP/1.1 201 Created\r\n");
    two = strstr(r->in.p, "HTTP/1.1 402 Payment Required\r\n");
    three = strstr(r->in.p, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_true(one == r->in.p && two > one && three > two);
    assert_int_equal(raw_count(r, "content-length: 10\r\n"), 3);
    assert_int_equal(raw_count(r, "connection: close"), 0);
    assert_true(raw_has(r, "date: Thu, 01 Jan 2026 00:00:0"));
    for (int i = 0; i < 3; i++)
        check_sides(&b->x[i]);
    bed_free(b);
}

static void early_answer(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *r;
    struct xchg *x;

    (void)expect_request(
        b, (struct plan){.status = 413, .any_body = true, .down = 100000, .early = true});
    r = raw_connect(b);
    raw_send(r, "POST /0 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
    run_ms(b, 10);
    assert_true(raw_has(r, "HTTP/1.1 413 "));
    assert_true(raw_has(r, "connection: close\r\n"));
    assert_true(r->in.n > 100000);
    assert_true(b->x[0].v.s != NULL); /* the handler may still read */
    bed_free(b);

    /* a handler that ends at once: the client gets all of the answer, then FIN, then the end */
    b = bed_start(bed_new());
    (void)expect_request(b, (struct plan){.status = 413,
                                          .any_body = true,
                                          .down = 100000,
                                          .early = true,
                                          .server_closes = AT_SENT});
    r = raw_connect(b);
    raw_send(r, "POST /0 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
    run_ms(b, 1);
    for (int i = 0; i < 900; i++) {
        raw_send(r, "0123456789");
        run_ms(b, 1);
    }
    assert_false(r->broken);
    run_ms(b, 200);
    assert_int_equal(ss(b)->conns_now, 0);
    bed_free(b);

    b = bed_start(bed_new());
    x = request(
        b, (struct plan){
               .status = 413, .up = 64 * MIB, .down = 10, .early = true, .server_eats = EAT_LATER});
    run_ms(b, 100);
    assert_int_equal(x->c.heads, 1);
    assert_int_equal(x->c.ends, 1);
    assert_int_equal(x->c.status, 413);
    end_side(&x->c, HTTP_CLOSE_DONE);
    run_ms(b, 100);
    assert_int_equal(ps(b)->conns_now, 0); /* not used again */
    assert_int_equal(x->v.fails, 1);
    bed_free(b);
}

/* An answer within on_request, to a request without body: the connection lives on. */
static void early_get_keeps(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *r;

    for (int i = 0; i < 3; i++)
        (void)expect_request(b, (struct plan){.method = "GET", .down = 3, .early = true});
    r = raw_connect(b);
    raw_send(r, GET("0") GET("1"));
    run_ms(b, 5);
    raw_send(r, GET("2"));
    run_ms(b, 5);
    assert_int_equal(raw_count(r, "HTTP/1.1 200 OK"), 3);
    assert_int_equal(raw_count(r, "connection: close"), 0);
    assert_int_equal(b->x[2].v.ends, 1);
    bed_free(b);
}

static void linger_bounds(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *r;
    char bytes[10000] = {0};

    (void)expect_request(b, (struct plan){.down = 1, .early = true, .server_closes = AT_SENT});
    r = raw_connect(b);
    raw_send(r, "POST /0 HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
    run_ms(b, 5);
    assert_true(raw_has(r, "HTTP/1.1 200 OK") && r->eof);
    for (int i = 0; i < 103; i++) {
        raw_send_n(r, bytes, sizeof(bytes));
        run_ms(b, 1);
    }
    assert_false(r->broken);
    assert_int_equal(ss(b)->conns_now, 1);
    raw_send_n(r, bytes, sizeof(bytes)); /* 1 MiB is over */
    raw_send_n(r, bytes, sizeof(bytes));
    run_ms(b, 1);
    assert_int_equal(ss(b)->conns_now, 0);
    bed_free(b);
}

static void expect_continue(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *r = raw_connect(b), *old = raw_connect(b), *no = raw_connect(b);

    for (int i = 0; i < 3; i++)
        (void)expect_request(b, (struct plan){.up = 1, .down = 3, .early = i == 2});
    raw_send(r, "POST /0 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
    raw_send(old, "POST /1 HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
    raw_send(no,
             "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
    run_ms(b, 5);
    assert_int_equal(raw_count(r, "HTTP/1.1 100 Continue\r\n\r\n"), 1);
    assert_int_equal(old->in.n, 0); /* 1.0 knows no interim answers */
    assert_int_equal(raw_count(no, "100 Continue"), 0);
    assert_true(raw_has(no, "HTTP/1.1 200"));
    raw_send_n(r, (char[]){(char)pattern(0, true, 0)}, 1);
    run_ms(b, 5);
    assert_true(raw_has(r, "HTTP/1.1 200 OK"));
    bed_free(b);
}

static void slow_head(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *r = raw_connect(b), *silent = raw_connect(b);
    ev_us first;

    run_ms(b, 3000);
    first = ev_now(b->ev);
    raw_send(r, "GET /0 HT");
    ev_sim_run(b->ev, first + EV_S(10) + 199);
    assert_int_equal(r->in.n, 0);
    ev_sim_run(b->ev, first + EV_S(10) + 200);
    assert_true(raw_has(r, "HTTP/1.1 408 Request Timeout\r\n"));
    assert_true(raw_has(r, "connection: close\r\n") && raw_has(r, "date: ") &&
                raw_has(r, "{\"error\":"));
    assert_int_equal(ss(b)->refused_total, 1);
    assert_int_equal(silent->in.n, 0); /* who says nothing gets nothing */
    assert_true(silent->eof);
    run_ms(b, 2000);
    assert_int_equal(ss(b)->conns_now, 0);
    bed_free(b);
}

/* A head that dribbles gains no time. */
static void dribbled_head(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *r = raw_connect(b);

    for (int i = 0; i < 11; i++) {
        char c = "GET /01234567890"[i];

        raw_send_n(r, &c, 1);
        run_ms(b, 1000);
    }
    assert_true(raw_has(r, "HTTP/1.1 408 "));
    bed_free(b);
}

static void body_stall(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *r = raw_connect(b);
    struct xchg *x = expect_request(b, (struct plan){.status = 408, .up = 100, .down = 3});
    ev_us last;

    raw_send(r, "POST /0 HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
    run_ms(b, 19000);
    raw_send_n(r, (char[]){(char)pattern(0, true, 0)}, 1);
    last = ev_now(b->ev) + 100;
    run_ms(b, 30000);
    assert_int_equal(x->v.fails, 1);
    assert_int_equal(x->v.how, HTTP_FAIL_REQUEST);
    assert_int_equal(x->v.why.code, ERR_TIMEOUT);
    assert_int_equal(x->v.failed_at, last + EV_S(20));
    assert_true(raw_has(r, "HTTP/1.1 408 "));
    bed_free(b);

    /* no clock runs while the handler is the one who waits */
    b = bed_start(bed_new());
    x = request(b, (struct plan){.up = 100000, .server_eats = EAT_NEVER});
    run_ms(b, 100000);
    assert_int_equal(x->v.got, HTTP_WINDOW);
    assert_int_equal(x->v.fails, 0);
    x->plan.server_eats = EAT_AT_ONCE;
    x->v.eaten = x->v.got;
    http_consumed(x->v.s, HTTP_WINDOW);
    run_ms(b, 100);
    assert_int_equal(x->c.ends, 1);
    bed_free(b);
}

static void write_stall(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct xchg *x = request(b, (struct plan){.down = 500000, .client_eats = EAT_NEVER});

    run_ms(b, 39900);
    assert_int_equal(x->c.got, HTTP_ANSWER_WINDOW);
    assert_int_equal(x->v.fails, 0);
    run_ms(b, 200);
    assert_int_equal(x->v.fails, 1);
    assert_int_equal(x->v.how, HTTP_FAIL_GONE);
    assert_int_equal(x->v.why.code, ERR_TIMEOUT);
    bed_free(b);

    /* who takes a byte now and then stays, and what comes the other way gains no time */
    b = bed_new();
    b->nc.bytes_per_s = 3000;
    bed_start(b);
    x = request(b, (struct plan){.down = 500000});
    run_ms(b, 200000);
    assert_int_equal(x->c.ends, 1);
    bed_free(b);
}

static void idle_close(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *r = raw_connect(b);
    ev_us at;

    (void)expect_request(b, (struct plan){.down = 3});
    raw_send(r, GET("0"));
    at = ev_now(b->ev) + 100; /* the answer leaves in the turn in which the request came */
    ev_sim_run(b->ev, at + EV_S(30) + 99);
    assert_true(r->in.n > 0 && !r->eof);
    ev_sim_run(b->ev, at + EV_S(30) + 101);
    assert_true(r->eof && !r->broken);
    bed_free(b);
}

static void conns_limit(void **state)
{
    struct bed *b = bed_new();
    struct raw *r[3];

    b->sc.conns = 2;
    bed_start(b);
    for (unsigned i = 0; i < 3; i++) {
        (void)expect_request(b, (struct plan){.down = 3});
        r[i] = raw_connect(b);
    }
    raw_send(r[0], GET("0"));
    raw_send(r[2], GET("2"));
    run_ms(b, 1000);
    assert_true(raw_has(r[0], "200 OK"));
    assert_int_equal(r[2]->in.n, 0); /* waits in the queue of the kernel */
    assert_int_equal(ss(b)->conns_now, 2);
    raw_close(r[1], NET_END_FLUSH);
    run_ms(b, 5);
    assert_true(raw_has(r[2], "200 OK"));
    assert_int_equal(ss(b)->conns_total, 3);
    bed_free(b);
}

static void conns_per_ip(void **state)
{
    struct bed *b = bed_new();
    struct raw *r[3];
    struct net *other;
    struct net_addr self = addr_of("10.0.0.3:0");
    struct err e;

    b->sc.conns_per_ip = 2;
    bed_start(b);
    for (int i = 0; i < 3; i++)
        r[i] = raw_connect(b);
    run_ms(b, 1);
    assert_true(!r[0]->broken && !r[1]->broken && r[2]->broken);
    assert_int_equal(ss(b)->conns_now, 2);
    assert_int_equal(net_sim_host(&other, b->sim, &self, &e), 0);
    {
        struct net *first = b->client_net;
        struct raw *x;

        b->client_net = other;
        x = raw_connect(b);
        assert_false(x->broken);
        b->client_net = first;
    }
    raw_close(r[0], NET_END_FLUSH);
    run_ms(b, 5);
    assert_false(raw_connect(b)->broken);
    assert_int_equal(ss(b)->conns_now, 3);
    for (unsigned i = 0; i < b->raws; i++)
        raw_close(&b->raw[i], NET_END_RESET);
    net_sim_host_free(&other);
    bed_free(b);
}

static void requests_per_conn(void **state)
{
    struct bed *b = bed_new();

    b->sc.requests_per_conn = 2;
    bed_start(b);
    for (int i = 0; i < 5; i++) {
        struct xchg *x = request(b, (struct plan){.down = 10});

        run_ms(b, 100);
        assert_int_equal(x->c.ends, 1);
    }
    assert_int_equal(ps(b)->dials_total, 3);
    bed_free(b);
}

/* What this room answers by itself. */
static void refusals(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"GARBAGE\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n",
         "HTTP/1.1 413 Content Too Large\r\n"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
         "HTTP/1.1 400 Bad Request\r\n"},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "HTTP/1.1 501 Not Implemented\r\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = bed_start(bed_new());
        struct raw *r = raw_connect(b);

        raw_send(r, rows[i].text);
        raw_send(r, GET("0")); /* what follows is never read as a request */
        run_ms(b, 5);
        assert_true(span_starts(buf_span(&r->in), span_str(rows[i].want)));
        assert_true(raw_has(r, "connection: close\r\n") && raw_has(r, "date: ") && r->eof);
        assert_int_equal(ss(b)->refused_total, 1);
        assert_int_equal(ss(b)->requests_total, 0);
        run_ms(b, 1000);
        assert_int_equal(ss(b)->conns_now, 0);
        bed_free(b);
    }
}

/* Malformed or too much within the body: the handler is told, answers, and that is the end. */
static void bad_body(void **state)
{
    static const struct {
        const char *text;
        enum err_code code;
    } rows[] = {
        {"POST /0 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n", ERR_PROTOCOL},
        {"POST /0 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n",
         ERR_LIMIT},
        {"POST /0 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
         "Content-Length: 999999999999\r\n\r\n",
         ERR_LIMIT},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = bed_start(bed_new());
        struct raw *r = raw_connect(b);
        struct xchg *x = expect_request(b, (struct plan){.status = 422, .down = 100});

        raw_send(r, rows[i].text);
        raw_send(r, GET("0"));
        run_ms(b, 100);
        assert_int_equal(x->v.fails, 1);
        assert_int_equal(x->v.how, HTTP_FAIL_REQUEST);
        assert_int_equal(x->v.why.code, rows[i].code);
        assert_false(raw_has(r, "100 Continue"));
        assert_true(raw_has(r, "HTTP/1.1 422 ") && raw_has(r, "connection: close\r\n"));
        assert_int_equal(x->v.left, 100);
        assert_null(x->v.s);
        run_ms(b, 2000);
        assert_true(r->eof);
        assert_int_equal(ss(b)->conns_now, 0);
        assert_int_equal(ss(b)->requests_total, 1);
        bed_free(b);
    }
}

static void count_drained(void *arg)
{
    struct bed *b = arg;

    b->drained++;
}

static void free_drained(void *arg)
{
    struct bed *b = arg;

    b->drained++;
    http_server_free(&b->server);
}

static void drain(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *idle = raw_connect(b), *busy = raw_connect(b), *half = raw_connect(b), *late;

    (void)expect_request(b, (struct plan){.down = 3, .think = EV_S(5)});
    (void)expect_request(b, (struct plan){.down = 3});
    raw_send(busy, GET("0"));
    raw_send(half, "GET /1 HT");
    run_ms(b, 10);
    http_server_drain(b->server, free_drained, b);
    run_ms(b, 10);
    assert_true(idle->eof && !busy->eof && !half->eof);
    late = raw_connect(b);
    raw_send(half, "TP/1.1\r\nHost: h\r\n\r\n");
    run_ms(b, 10);
    assert_true(raw_has(half, "connection: close\r\n") && half->eof);
    assert_int_equal(b->drained, 0);
    run_ms(b, 5000);
    assert_true(raw_has(busy, "200 OK") && raw_has(busy, "connection: close\r\n") && busy->eof);
    assert_int_equal(b->drained, 1);
    assert_null(b->server);
    assert_int_equal(late->in.n, 0);
    bed_free(b);

    b = bed_start(bed_new()); /* nothing is open */
    http_server_drain(b->server, count_drained, b);
    assert_int_equal(b->drained, 0);
    run_ms(b, 100);
    assert_int_equal(b->drained, 1);
    bed_free(b);
}

static void drain_now(void *arg)
{
    struct bed *b = arg;

    http_server_drain(b->server, count_drained, b);
}

/* A connection that has said nothing ends of itself in the turn in which the server is drained. */
static void drain_of_one_that_ends(void **state)
{
    ev_us ended_at = 0;

    for (int round = 0; round < 3;
         round++) { /* when it ends; and the drain before that and behind */
        struct bed *b = bed_start(bed_new());
        struct raw *r;
        struct err e;

        if (round == 2)
            assert_int_equal(ev_sim_at(b->ev, ended_at, drain_now, b, &e), 0);
        r = raw_connect(b);
        if (round == 1)
            assert_int_equal(ev_sim_at(b->ev, ended_at, drain_now, b, &e), 0);
        while (round == 0 && ss(b)->conns_now)
            assert_true(ev_sim_turn(b->ev));
        if (round == 0)
            ended_at = ev_now(b->ev);
        run_ms(b, 20000);
        assert_true(r->eof);
        assert_int_equal(b->drained, round > 0);
        assert_int_equal(ss(b)->conns_now, 0);
        bed_free(b);
    }
}

/* A handler that holds its stream beyond on_fail and beyond the server. */
static void stream_outlives_server(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct xchg *x = request(b, (struct plan){.never = true, .keeps = true});
    struct http_head h = {.status = 200};
    struct err e;

    run_ms(b, 10);
    http_server_free(&b->server);
    assert_int_equal(x->v.fails, 1);
    assert_non_null(x->v.s);
    run_ms(b, 10);
    assert_int_equal(http_send_head(x->v.s, &h, &e), -1);
    end_side(&x->v, HTTP_CLOSE_DONE);
    bed_free(b);
}

static void client_gone(void **state)
{
    static const struct {
        enum net_end how;
        bool half_ok, mid_answer, fails;
    } rows[] = {
        {NET_END_FLUSH, false, false, true}, {NET_END_RESET, false, false, true},
        {NET_END_FLUSH, false, true, true},  {NET_END_RESET, false, true, true},
        {NET_END_RESET, true, false, true},  {NET_END_RESET, true, true, true},
        {NET_END_FLUSH, true, false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = bed_new();
        struct xchg *x;
        struct raw *r;
        ev_us at;

        b->sc.half_close_ok = rows[i].half_ok;
        bed_start(b);
        x = expect_request(b, (struct plan){.down = 100000,
                                            .think = rows[i].mid_answer ? 0 : EV_S(9),
                                            .down_chunked = true});
        r = raw_connect(b);
        raw_send(r, GET("0"));
        if (rows[i].mid_answer) {
            net_conn_read(r->conn, false); /* the rest stays behind */
            run_ms(b, 10);
        }
        run_ms(b, 1000);
        assert_non_null(x->v.s);
        at = ev_now(b->ev) + 100;
        if (rows[i].how == NET_END_FLUSH)
            net_conn_shutdown(r->conn);
        else
            raw_close(r, rows[i].how);
        run_ms(b, 20000);
        assert_int_equal(x->v.fails, rows[i].fails);
        if (rows[i].fails) {
            assert_int_equal(x->v.how, HTTP_FAIL_GONE);
            assert_int_equal(x->v.failed_at, at);
        } else {
            assert_true(raw_has(r, "0\r\n\r\n") && r->eof);
        }
        assert_int_equal(ss(b)->conns_now, 0);
        bed_free(b);
    }
}

/* A client that leaves is seen although it has sent another request already. */
static void gone_behind_pipelined(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct xchg *x = expect_request(b, (struct plan){.think = EV_S(9)});
    struct raw *r = raw_connect(b);
    ev_us at;

    raw_send(r, GET("0") GET("0"));
    run_ms(b, 1000);
    at = ev_now(b->ev) + 100;
    raw_close(r, NET_END_RESET);
    run_ms(b, 1000);
    assert_int_equal(x->v.fails, 1);
    assert_int_equal(x->v.failed_at, at);
    bed_free(b);
}

/* HTTP/1.0: no chunks; a broken answer without length ends with a reset, after its bytes. */
static void version_10(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *r, *cut, *len;

    (void)expect_request(b, (struct plan){.down = 50000, .down_chunked = true});
    (void)expect_request(b, (struct plan){.down = 50000, .down_chunked = true, .down_stop = 30000});
    (void)expect_request(b, (struct plan){.down = 50000, .down_stop = 30000});
    r = raw_connect(b);
    cut = raw_connect(b);
    len = raw_connect(b);
    raw_send(r, "GET /0 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    raw_send(cut, "GET /1 HTTP/1.0\r\n\r\n");
    raw_send(len, "GET /2 HTTP/1.0\r\n\r\n");
    run_ms(b, 1000);
    assert_true(raw_has(r, "connection: close\r\n") && !raw_has(r, "transfer-encoding"));
    assert_true(r->eof && !r->broken && r->in.n > 50000);
    assert_true(cut->broken && !cut->eof);
    assert_true(cut->in.n > 16384 && cut->in.n < 30000);
    assert_true(len->eof && raw_has(len, "content-length: 50000\r\n") && len->in.n < 30000);
    bed_free(b);
}

/* Answers to what the handler may not say. */
static void heads_out(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct xchg *x = request(b, (struct plan){.never = true});
    struct http_field bad[] = {{SPAN_LIT("x"), SPAN_LIT("a\r\nb: c")}};
    struct http_head h = {.status = 200, .fields = bad, .fields_n = 1};
    struct err e;

    run_ms(b, 10);
    assert_int_equal(http_send_head(x->v.s, &h, &e), -1);
    assert_int_equal(e.code, ERR_PROTOCOL);
    bad[0].name = SPAN_LIT("x y");
    bad[0].value = SPAN_LIT("");
    assert_int_equal(http_send_head(x->v.s, &h, &e), -1);
    end_side(&x->v, HTTP_CLOSE_BROKEN);
    run_ms(b, 10);
    assert_int_equal(x->c.fails, 1);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelined),
        cmocka_unit_test(early_answer),
        cmocka_unit_test(early_get_keeps),
        cmocka_unit_test(linger_bounds),
        cmocka_unit_test(expect_continue),
        cmocka_unit_test(slow_head),
        cmocka_unit_test(dribbled_head),
        cmocka_unit_test(body_stall),
        cmocka_unit_test(write_stall),
        cmocka_unit_test(idle_close),
        cmocka_unit_test(conns_limit),
        cmocka_unit_test(conns_per_ip),
        cmocka_unit_test(requests_per_conn),
        cmocka_unit_test(refusals),
        cmocka_unit_test(bad_body),
        cmocka_unit_test(drain),
        cmocka_unit_test(drain_of_one_that_ends),
        cmocka_unit_test(stream_outlives_server),
        cmocka_unit_test(client_gone),
        cmocka_unit_test(gone_behind_pipelined),
        cmocka_unit_test(version_10),
        cmocka_unit_test(heads_out),
    };

    return cmocka_run_group_tests_name("http/h1_server", tests, NULL, NULL);
}
