/* Goal: the pool over HTTP/1.1 does what client.h says, whatever the target does.
 * Method: a raw server that answers with bytes, the server where nothing odd is needed. */
#include "table.h"

static const struct http_server_stats *ss(struct bed *b)
{
    return http_server_stats(b->server);
}

static const struct http_pool_stats *ps(struct bed *b)
{
    return http_pool_stats(b->pool);
}

static void keep_alive(void **state)
{
    struct bed *b = bed_start(bed_new());

    for (int i = 0; i < 5; i++) {
        struct xchg *x = request(b, (struct plan){.up = 10, .down = 10});

        run_ms(b, 100);
        assert_int_equal(x->c.ends, 1);
        assert_int_equal(x->c.pooled, i > 0);
        assert_int_equal(x->c.connects, 1);
        check_sides(x);
    }
    assert_int_equal(ps(b)->dials_total, 1);
    assert_int_equal(ps(b)->reused_total, 4);
    assert_int_equal(ps(b)->idle_now, 1);
    assert_int_equal(ss(b)->conns_total, 1);
    assert_int_equal(ss(b)->requests_total, 5);
    run_ms(b, 30000); /* the server's idle time is the shorter one */
    assert_int_equal(ps(b)->idle_now, 0);
    assert_int_equal(ps(b)->conns_now, 0);
    assert_int_equal(ss(b)->conns_now, 0);
    bed_free(b);
}

/* The pool closes what is idle or old, and keeps no more than it may. */
static void pool_bounds(void **state)
{
    struct bed *b = bed_new();
    struct xchg *x;

    b->pc.idle_most = 2;
    b->pc.conns_most = 3;
    b->pc.age_ms = 5000;
    b->pc.idle_ms = 4000;
    bed_start(b);
    for (int i = 0; i < 3; i++)
        assert_non_null(request(b, (struct plan){.down = 10}));
    assert_null(request(b, (struct plan){.down = 10}));
    assert_int_equal(b->x[3].c.why.code, ERR_LIMIT);
    run_ms(b, 100);
    assert_int_equal(ps(b)->idle_now, 2);
    assert_int_equal(ps(b)->conns_now, 2);
    run_ms(b, 3000);
    (void)request(b, (struct plan){.down = 10});
    run_ms(b, 1000); /* the one that was not used is idle for too long */
    assert_int_equal(ps(b)->conns_now, 1);
    run_ms(b, 1000);
    x = request(b, (struct plan){.down = 10}); /* 5.1 s: too old */
    run_ms(b, 100);
    assert_int_equal(x->c.ends, 1);
    assert_false(x->c.pooled);
    assert_int_equal(ps(b)->conns_now, 1);
    assert_int_equal(ps(b)->dials_total, 4);
    bed_free(b);
}

#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static void odd_answers(void **state)
{
    static const struct {
        const char *name, *answer;
        enum then then;
        char how; /* W whole, F failed, U failed without a word of an answer */
        enum err_code code;
        bool kept; /* the connection goes back to the pool */
    } rows[] = {
        {"whole", OK2, RAW_STAYS, 'W', 0, true},
        {"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", RAW_STAYS,
         'W', 0, false},
        {"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" OK2,
         RAW_STAYS, 'W', 0, true},
        {"bytes behind", OK2 "x", RAW_STAYS, 'W', 0, false},
        {"a second answer", OK2 OK2, RAW_STAYS, 'W', 0, false},
        {"1.0 to the end", "HTTP/1.0 200 OK\r\n\r\nhi", RAW_FIN, 'W', 0, false},
        {"1.1 to the end", "HTTP/1.1 200 OK\r\n\r\nhi", RAW_FIN, 'W', 0, false},
        {"1.0 reset", "HTTP/1.0 200 OK\r\n\r\nhi", RAW_ACKED, 'F', ERR_RESET, false},
        {"length short", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", RAW_FIN, 'F', ERR_RESET,
         false},
        {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
         RAW_FIN, 'F', ERR_RESET, false},
        {"no last CRLF", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
         RAW_FIN, 'F', ERR_RESET, false},
        {"FIN before an answer", NULL, RAW_FIN, 'U', ERR_RESET, false},
        {"RST before an answer", NULL, RAW_RST, 'U', ERR_RESET, false},
        {"half a head", "HTTP/1.1 200 OK\r\nCont", RAW_FIN, 'F', ERR_RESET, false},
        {"no HTTP", "<html>nope</html>", RAW_STAYS, 'F', ERR_PROTOCOL, false},
        {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
         RAW_STAYS, 'F', ERR_PROTOCOL, false},
        {"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", RAW_STAYS, 'F',
         ERR_PROTOCOL, false},
        {"ten interim",
         "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n"
         "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n"
         "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n" OK2,
         RAW_STAYS, 'W', 0, true},
        {"eleven interim",
         "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n"
         "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n"
         "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n" OK2,
         RAW_STAYS, 'F', ERR_PROTOCOL, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = bed_new();
        struct side *c;

        raw_serve(b, "\r\n\r\n", rows[i].answer, rows[i].then);
        bed_start(b);
        raw_listen(b);
        c = &request(b, (struct plan){.method = "GET", .any_body = true})->c;
        run_ms(b, 1000);
        if (c->ends != (rows[i].how == 'W') || c->fails != (rows[i].how != 'W'))
            fail_msg("%s: ends %u, fails %u (%s)", rows[i].name, c->ends, c->fails, c->why.text);
        if (c->fails && (c->why.code != rows[i].code ||
                         c->how != (rows[i].how == 'U' ? HTTP_FAIL_UNANSWERED : HTTP_FAIL_SENT)))
            fail_msg("%s: %s", rows[i].name, c->why.text);
        if (ps(b)->idle_now != rows[i].kept || ps(b)->conns_now != rows[i].kept)
            fail_msg("%s: was the connection kept?", rows[i].name);
        bed_free(b);
    }
}

/* Bytes on an idle connection close it, and are never the answer to the next request. */
static void idle_poison(void **state)
{
    static const char *const junk[] = {OK2, "\r\n", "HTTP/1.1 408 Request Timeout\r\n\r\n"};

    for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
        for (ev_us wait = 0; wait < 300; wait += 50) {
            struct bed *b = bed_new();
            struct side *c, *d;

            raw_serve(b, "\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", RAW_STAYS);
            bed_start(b);
            raw_listen(b);
            c = &request(b, (struct plan){.method = "GET", .status = 204})->c;
            run_ms(b, 10);
            assert_int_equal(c->ends, 1);
            assert_int_equal(ps(b)->idle_now, 1);
            raw_send(&b->raw[0], junk[i]);
            ev_sim_run(b->ev, ev_now(b->ev) + wait);
            d = &request(b, (struct plan){.method = "GET", .status = 204})->c;
            run_ms(b, 100);
            if (wait >= 100) { /* it had come: another connection is used */
                assert_false(d->pooled);
                assert_int_equal(d->ends, 1);
                assert_int_equal(d->status, 204);
            } else if (wait == 50) { /* it crossed the request on its way: nobody can tell */
                assert_true(d->pooled);
            }
            bed_free(b);
        }
    }
}

/* A pooled connection that dies before a byte of the request has left: safe to send again. */
static void not_sent(void **state)
{
    struct bed *b = bed_new();
    struct side *c, *d;
    ev_us at;

    raw_serve(b, "\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", RAW_STAYS);
    bed_start(b);
    raw_listen(b);
    c = &request(b, (struct plan){.method = "GET", .status = 204})->c;
    run_ms(b, 10);
    assert_int_equal(c->ends, 1);
    raw_close(&b->raw[0], NET_END_RESET);
    at = ev_now(b->ev) + 100;
    ev_sim_run(b->ev, at - 1);
    d = &request(b, (struct plan){.method = "GET", .status = 204})
             ->c; /* leaves before the reset comes */
    run_ms(b, 100);
    assert_true(d->pooled && d->fails == 1);
    assert_int_equal(d->how, HTTP_FAIL_UNANSWERED);

    b->script.until = NULL; /* nobody answers */
    c = &request(b, (struct plan){.method = "GET", .status = 204})->c;
    run_ms(b, 10);
    end_side(c, HTTP_CLOSE_DONE);
    run_ms(b, 10);
    assert_int_equal(ps(b)->conns_now, 0);
    assert_true(b->raw[1].broken); /* it learns at once that nobody listens */
    bed_free(b);
}

/* What a target does on an idle connection. */
static const struct {
    const char *name, *bytes; /* NULL: it ends */
    enum net_end end;
} unasked[] = {
    {"an answer", OK2, 0},
    {"half a line", "HT", 0},
    {"FIN", NULL, NET_END_FLUSH},
    {"RST", NULL, NET_END_RESET},
};

static void disturb(struct raw *r, size_t row)
{
    if (unasked[row].bytes)
        raw_send(r, unasked[row].bytes);
    else
        raw_close(r, unasked[row].end);
}

static void request_now(void *arg)
{
    (void)request(arg, (struct plan){.method = "GET", .status = 204});
}

/* What has come in the turn in which a connection would be given away is not told yet, and is seen
 * all the same: it is closed, and so is the next one, until one is quiet. */
static void not_told_yet(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(unasked); i++) {
        for (unsigned bad = 1; bad <= 3; bad++) {
            struct bed *b = bed_new();
            struct side *d = &b->x[3].c;
            struct err e;

            raw_serve(b, "\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", RAW_STAYS);
            bed_start(b);
            raw_listen(b);
            for (int k = 0; k < 3; k++)
                request_now(b);
            run_ms(b, 10);
            assert_int_equal(ps(b)->idle_now, 3);
            for (unsigned k = 0; k < 3; k++) /* an answer a request */
                b->raw[k].answers = 0;
            assert_int_equal(ev_sim_at(b->ev, ev_now(b->ev) + 100, request_now, b, &e), 0);
            for (unsigned k = 3; k > 3 - bad; k--)
                disturb(&b->raw[k - 1], i);
            run_ms(b, 10);
            if (d->ends != 1 || d->status != 204 || d->pooled != (bad < 3))
                fail_msg("%s on %u: ends %u, status %u, pooled %d", unasked[i].name, bad, d->ends,
                         d->status, d->pooled);
            assert_int_equal(ps(b)->reused_total, bad < 3);
            assert_int_equal(ps(b)->dials_total, 3 + (bad == 3));
            assert_int_equal(ps(b)->conns_now, bad < 3 ? 3 - bad : 1);
            bed_free(b);
        }
    }
}

/* Between the hand-out and the first byte of the request: it cannot have been read, and bytes are
 * nobody's answer. */
static void nothing_left(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(unasked); i++) {
        struct bed *b = bed_new();
        struct xchg *x;
        struct side *c;
        struct err e;

        raw_serve(b, "\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", RAW_STAYS);
        bed_start(b);
        raw_listen(b);
        request_now(b);
        run_ms(b, 10);
        x = expect_request(b, (struct plan){.method = "GET"});
        c = &x->c;
        assert_int_equal(http_pool_request(b->pool, &c->s, HTTP_POOL_ANY, NULL, NULL, &e), 0);
        bind_client(x);
        assert_int_equal(ps(b)->reused_total, 1);
        disturb(&b->raw[0], i);
        run_ms(b, 10);
        if (c->fails != 1 || c->heads || c->how != HTTP_FAIL_NOT_SENT ||
            c->why.code != (unasked[i].bytes ? ERR_PROTOCOL : ERR_RESET))
            fail_msg("%s: fails %u, how %d: %s", unasked[i].name, c->fails, c->how, c->why.text);
        assert_int_equal(ps(b)->conns_now, 0);
        bed_free(b);
    }
}

static void dials(void **state)
{
    struct bed *b = bed_new();
    struct side *c;

    b->nc.refuse_p = 1;
    bed_start(b);
    c = &request(b, (struct plan){.up = 100000})->c;
    run_ms(b, 10);
    assert_int_equal(c->fails, 1);
    assert_int_equal(c->how, HTTP_FAIL_NOT_SENT);
    assert_int_equal(c->why.code, ERR_CONNECT);
    assert_int_equal(c->connects, 0);
    assert_int_equal(ps(b)->conns_now, 0);
    net_sim_conf(b->sim)->refuse_p = 0;
    net_sim_conf(b->sim)->silent_p = 1;
    c = &request(b, (struct plan){.up = 100000})->c;
    run_ms(b, 5000);
    assert_int_equal(ps(b)->conns_now, 1);
    end_side(c, HTTP_CLOSE_DONE); /* given up */
    assert_int_equal(ps(b)->conns_now, 0);
    net_sim_conf(b->sim)->silent_p = 0;
    (void)request(b, (struct plan){.up = 100000}); /* a dial is under way when all is freed */
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keep_alive),   cmocka_unit_test(pool_bounds),
        cmocka_unit_test(odd_answers),  cmocka_unit_test(idle_poison),
        cmocka_unit_test(not_sent),     cmocka_unit_test(not_told_yet),
        cmocka_unit_test(nothing_left), cmocka_unit_test(dials),
    };

    return cmocka_run_group_tests_name("http/h1_pool", tests, NULL, NULL);
}
