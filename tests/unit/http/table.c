/*
 * table.c - see table.h.
 */
#include "table.h"

/* How each side must end: W whole, F failed, C closed by itself before either, * any. */
static const struct {
    const char *name;
    struct plan plan;
    char client, server;
} exchanges[] = {
    {"no bodies", {0}, 'W', 'W'},
    {"GET", {.method = "GET", .down = 5}, 'W', 'W'},
    {"small bodies", {.up = 10, .down = 20}, 'W', 'W'},
    {"lengths unknown", {.up = 10, .down = 20, .up_chunked = true, .down_chunked = true}, 'W', 'W'},
    {"empty, lengths unknown", {.up_chunked = true, .down_chunked = true}, 'W', 'W'},
    {"exactly an answer's window", {.down = HTTP_ANSWER_WINDOW}, 'W', 'W'},
    {"an answer's window and one", {.down = HTTP_ANSWER_WINDOW + 1}, 'W', 'W'},
    {"exactly a window", {.up = HTTP_WINDOW, .down = HTTP_WINDOW}, 'W', 'W'},
    {"a window and one", {.up = HTTP_WINDOW + 1, .down = HTTP_WINDOW + 1}, 'W', 'W'},
    {"large", {.up = MIB, .down = MIB}, 'W', 'W'},
    {"large, lengths unknown",
     {.up = MIB, .down = MIB, .up_chunked = true, .down_chunked = true},
     'W',
     'W'},
    {"tiny pieces",
     {.up = 20000, .down = 20000, .up_chunked = true, .down_chunked = true, .piece = 1},
     'W',
     'W'},
    {"slow eaters",
     {.up = MIB, .down = MIB, .client_eats = EAT_LATER, .server_eats = EAT_LATER},
     'W',
     'W'},
    {"slow eaters, a large window",
     {.down = MIB, .client_eats = EAT_LATER, .widens = true},
     'W',
     'W'},
    {"slow eaters, lengths unknown",
     {.up = MIB,
      .down = MIB,
      .up_chunked = true,
      .down_chunked = true,
      .client_eats = EAT_LATER,
      .server_eats = EAT_LATER},
     'W',
     'W'},
    {"the handler thinks", {.up = 10, .down = 20, .think = EV_S(100)}, 'W', 'W'},
    {"answered at once", {.method = "GET", .down = 100, .early = true}, 'W', 'W'},
    {"answered at once, not read", {.up = 10, .down = 100, .early = true}, 'W', 'W'},
    {"HEAD", {.method = "HEAD", .down = 100}, 'W', 'W'},
    {"HEAD, length unknown", {.method = "HEAD", .down = 100, .down_chunked = true}, 'W', 'W'},
    {"204", {.status = 204}, 'W', 'W'},
    {"304", {.method = "GET", .status = 304}, 'W', 'W'},
    {"an error with a body", {.status = 529, .down = 100}, 'W', 'W'},
    {"cut", {.down = MIB, .down_stop = 300000}, 'F', 'W'},
    {"cut, length unknown", {.down = MIB, .down_stop = 300000, .down_chunked = true}, 'F', 'W'},
    {"cut before the first byte", {.down = 100, .down_stop = 1, .down_chunked = true}, 'F', 'W'},
    {"the client leaves at the head", {.down = MIB, .client_closes = AT_HEAD}, 'C', 'F'},
    {"the client leaves in the body", {.down = MIB, .client_closes = AT_BODY}, 'C', 'F'},
    {"the client leaves at the end", {.down = 10, .client_closes = AT_END}, 'W', 'W'},
    {"the client leaves when sent", {.up = MIB, .client_closes = AT_SENT}, 'C', '*'},
    {"the handler leaves at once", {.server_closes = AT_REQUEST}, 'F', 'C'},
    {"the handler leaves in the body", {.up = MIB, .server_closes = AT_BODY}, 'F', 'C'},
    {"the handler leaves at the end", {.up = 10, .server_closes = AT_END}, 'F', 'W'},
    {"the handler leaves when sent",
     {.down = MIB, .server_closes = AT_SENT, .how = HTTP_CLOSE_BROKEN},
     'F',
     'W'},
    {"the handler breaks at once",
     {.server_closes = AT_REQUEST, .how = HTTP_CLOSE_BROKEN},
     'F',
     'C'},
};

static char ended(const struct side *d)
{
    return d->fails ? 'F' : d->ends ? 'W' : 'C';
}

void check_sides(const struct xchg *x)
{
    const struct plan *p = &x->plan;
    bool head = p->method && strcmp(p->method, "HEAD") == 0;

    if (x->c.s || x->v.s)
        fail_msg("exchange %u is still open: client %d, server %d (got %llu of %llu, sent %llu of "
                 "%llu, left %llu)",
                 x->n, x->c.s != NULL, x->v.s != NULL, (unsigned long long)x->v.got,
                 (unsigned long long)p->up, (unsigned long long)x->v.sent,
                 (unsigned long long)p->down, (unsigned long long)x->v.left);
    assert_true(x->c.ends + x->c.fails <= 1);
    assert_true(x->v.ends <= 1);
    if (x->c.ends && !as_planned(&x->c))
        assert_true(x->b->lenient && x->c.status == 503 && !x->v.ends); /* no memory for it */
    else if (x->c.ends)
        assert_int_equal(x->c.got, head ? 0 : p->down);
    if (x->v.ends)
        assert_int_equal(x->v.got, p->up);
}

void run_exchanges(bool h2)
{
    for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
        struct bed *b = bed_new();
        const struct xchg *x, *last;

        b->pc.h2_only = h2;
        bed_start(b);
        x = request(b, exchanges[i].plan);
        assert_non_null(x);
        run_ms(b, 200000);
        if (ended(&x->c) != exchanges[i].client ||
            (exchanges[i].server != '*' && ended(&x->v) != exchanges[i].server))
            fail_msg("%s: client %c (%s), server %c (%s)", exchanges[i].name, ended(&x->c),
                     x->c.why.text, ended(&x->v), x->v.why.text);
        check_sides(x);
        assert_int_equal(http_server_stats(b->server)->streams_now, 0);
        /* whatever came before, the next exchange is whole */
        last = request(b, (struct plan){.up = 1000, .down = 1000});
        run_ms(b, 1000);
        assert_int_equal(last->c.ends, 1);
        check_sides(last);
        assert_true(http_server_stats(b->server)->conns_now <= 1);
        assert_int_equal(http_server_stats(b->server)->conns_now,
                         http_pool_stats(b->pool)->conns_now);
        bed_free(b);
    }
}

/* Who takes nothing is given an answer's window and no byte more, and the rest once it has taken
 * that; who asked for it in time is given a whole one. */
void run_windows(bool h2)
{
    static const size_t windows[] = {HTTP_ANSWER_WINDOW, HTTP_WINDOW};

    for (size_t i = 0; i < 4 * ARRAY_LEN(windows); i++) {
        size_t window = windows[i % 2], more = i / 4;
        struct bed *b = bed_new();
        struct xchg *x;

        b->pc.h2_only = h2;
        bed_start(b);
        x = request(b, (struct plan){.down = window + more,
                                     .down_chunked = i & 2,
                                     .client_eats = EAT_NEVER,
                                     .widens = i % 2});
        run_ms(b, 1000);
        assert_int_equal(x->c.got, window);
        assert_true(!more || !x->c.ends);
        x->c.eaten = x->c.got;
        if (!x->c.ends) /* the last chunk of HTTP/1.1 may wait, too */
            http_consumed(x->c.s, x->c.got);
        run_ms(b, 1000);
        assert_int_equal(x->c.got, window + more);
        assert_int_equal(x->c.ends, 1);
        bed_free(b);
    }
}

/* ---- chance ---- */

static struct plan random_plan(struct rng *r)
{
    static const char *const methods[] = {"GET", "POST", "POST", "POST", "HEAD", "PUT"};
    static const uint64_t sizes[] = {0, 1, 100, 5000, HTTP_WINDOW, HTTP_WINDOW + 1, 300000};
    struct plan p = {0};

    p.method = methods[rng_below(r, ARRAY_LEN(methods))];
    p.up = p.method[0] == 'P' ? sizes[rng_below(r, ARRAY_LEN(sizes))] : 0;
    p.down = sizes[rng_below(r, ARRAY_LEN(sizes))];
    p.up_chunked = p.up && rng_chance(r, 0.4);
    p.down_chunked = rng_chance(r, 0.5);
    p.piece = (size_t)rng_range(r, 1, 16384);
    p.piece = p.piece < 100 ? 100 : p.piece;
    p.client_eats = rng_chance(r, 0.3) ? EAT_LATER : EAT_AT_ONCE;
    p.server_eats = rng_chance(r, 0.3) ? EAT_LATER : EAT_AT_ONCE;
    p.widens = rng_chance(r, 0.5);
    p.early = rng_chance(r, 0.1);
    p.never = rng_chance(r, 0.03);
    p.think = rng_chance(r, 0.5) ? rng_below(r, EV_S(3)) : 0;
    p.down_stop = rng_chance(r, 0.1) ? 1 + rng_below(r, 200000) : 0;
    if (rng_chance(r, 0.1))
        p.client_closes = (enum at)rng_range(r, AT_CONNECTED, AT_FAIL);
    if (rng_chance(r, 0.1))
        p.server_closes = (enum at)rng_range(r, AT_REQUEST, AT_FAIL);
    p.how = rng_chance(r, 0.5) ? HTTP_CLOSE_BROKEN : HTTP_CLOSE_DONE;
    return p;
}

/* One run by one seed; the trace is the caller's. */
static struct buf run_seed(uint64_t seed, bool h2, unsigned *whole)
{
    struct bed *b = bed_new();
    struct rng r;
    struct buf trace;

    rng_init(&r, seed * 77 + 1);
    b->tracing = true;
    b->lenient = true;
    b->pc.h2_only = h2;
    b->nc = (struct net_sim_conf){
        .latency_max = EV_MS(50),
        .jitter_max = EV_MS(5),
        .refuse_p = 0.03,
        .silent_p = 0.01,
        .reset_p = 0.15,
        .stall_p = 0.15,
        .half_close_p = 0.1,
        .fault_bytes_max = 200000,
    };
    b->nc.mss = (uint32_t)rng_range(&r, 1000, 20000);
    b->nc.window_bytes = (uint32_t)rng_range(&r, 2000, 100000);
    b->sc.conns = (uint32_t)rng_range(&r, 2, 20);
    b->sc.requests_per_conn = (uint32_t)rng_range(&r, 1, 6);
    b->sc.half_close_ok = rng_chance(&r, 0.3);
    assert_int_equal(bed_try_start(b, seed), 0);
    for (int i = 0; i < 20; i++) {
        (void)request(b, random_plan(&r));
        run_ms(b, rng_chance(&r, 0.5) ? 0 : rng_below(&r, 500));
    }
    if (rng_chance(&r, 0.3))
        http_server_drain(b->server, NULL, NULL);
    run_ms(b, 400000);
    for (unsigned i = 0; i < b->xs; i++) {
        struct xchg *x = &b->x[i];

        if (x->c.s) /* a handler that never answers: the caller gives up */
            end_side(&x->c, HTTP_CLOSE_BROKEN);
    }
    run_ms(b, 400000);
    for (unsigned i = 0; i < b->xs; i++) {
        if (b->x[i].plan.never && b->x[i].v.s) /* the client was lost in silence */
            end_side(&b->x[i].v, HTTP_CLOSE_BROKEN);
        check_sides(&b->x[i]);
        *whole += b->x[i].c.ends;
    }
    run_ms(b, 100000);
    assert_int_equal(http_server_stats(b->server)->streams_now, 0);
    assert_int_equal(http_server_stats(b->server)->conns_now, 0);
    assert_int_equal(http_pool_stats(b->pool)->conns_now, 0);
    assert_int_equal(http_pool_stats(b->pool)->idle_now, 0);
    trace = b->trace;
    buf_init(&b->trace, 1);
    bed_free(b);
    return trace;
}

void run_seeds(bool h2)
{
    unsigned whole = 0, again = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        struct buf one, two;

        print_message("%s", ""); /* a failure names its seed */
        one = run_seed(seed, h2, &whole);

        if (seed % 10 == 0) {
            two = run_seed(seed, h2, &again);
            assert_true(buf_ok(&one) && one.n > 0);
            assert_true(span_eq(buf_span(&one), buf_span(&two)));
            buf_fini(&two);
        }
        buf_fini(&one);
    }
    print_message("200 seeds: %u of 4000 exchanges whole\n", whole);
    assert_true(whole > 1000);
}

/* ---- without memory ---- */

static void torture_one(bool h2, struct plan p)
{
    size_t at, failed = 0;
    bool hit = true;

    for (at = 1; hit && at < 5000; at++) {
        struct bed *b = bed_new();
        const struct xchg *x = NULL, *y = NULL;

        b->lenient = true;
        b->pc.h2_only = h2;
        mem_torture(at, false);
        if (bed_try_start(b, 3) == 0) {
            x = request(b, p);
            ev_sim_run(b->ev, EV_S(200));
            y = request(b, (struct plan){.down = 10});
            ev_sim_run(b->ev, EV_S(400));
        }
        hit = mem_torture_hit();
        mem_torture(0, false);
        if (x && y) {
            assert_true(!x->c.s && !y->c.s);
            assert_true(x->c.ends || x->c.fails || x->c.refused || !x->c.connects);
            check_sides(x);
            failed += x->c.fails > 0;
            if (p.down_stop) /* what cannot be said to the peer ends the connection, at once */
                assert_in_range(x->c.failed_at, 0, EV_S(1));
        }
        bed_free(b);
    }
    print_message("%zu allocations, each failed once; %zu exchanges failed by it\n", at - 1,
                  failed);
    assert_false(hit);
}

/* Each allocation of an exchange fails once, of a whole one and of one that the handler breaks off:
 * it ends, on both sides, and nothing leaks. */
void run_torture(bool h2)
{
    const struct plan whole = {
        .up = 100000, .down = 100000, .up_chunked = true, .down_chunked = true};
    struct plan broken = whole;

    broken.down_stop = 30000;
    torture_one(h2, whole);
    torture_one(h2, broken);
}
