/* Goal: server and pool over HTTP/2 keep the contracts of http.h, server.h and client.h with each
 * other, under faults, and without memory.
 * Method: as test_h1.c, by prior knowledge; and a race of streams, alone and beside stalled ones.
 */
#include "table.h"

static void table(void **state)
{
    run_exchanges(true);
}

static void windows(void **state)
{
    run_windows(true);
}

static void seeds(void **state)
{
    run_seeds(true);
}

static void torture(void **state)
{
    run_torture(true);
}

#define SIBLINGS 3
#define STALLED  20 /* either way; more than a connection's window holds */

/* Three exchanges at once over one connection of a network with a bandwidth, beside streams that
 * take no answer and streams that take no request, or alone; how long each took. */
static void race(bool stalled, ev_us took[SIBLINGS])
{
    struct bed *b = bed_new();
    struct xchg *slow[STALLED], *up[STALLED], *x[SIBLINGS];
    ev_us begin;

    b->pc.h2_only = true;
    b->sc.write_stall_ms = 100000;
    b->nc.bytes_per_s = 10 * MIB;
    b->nc.latency_min = b->nc.latency_max = EV_MS(1);
    b->nc.window_bytes = 1 << 20; /* the bandwidth is what bounds */
    bed_start(b);
    (void)request(b, (struct plan){.down = 10}); /* the connection is there */
    run_ms(b, 100);
    for (int i = 0; stalled && i < STALLED; i++) {
        slow[i] = request(b, (struct plan){.down = MIB, .client_eats = EAT_NEVER});
        up[i] = request(b, (struct plan){.up = MIB, .server_eats = EAT_NEVER});
    }
    run_ms(b, 1000);
    begin = ev_now(b->ev);
    for (int i = 0; i < SIBLINGS; i++)
        x[i] = request(b, (struct plan){.up = 2 * MIB, .down = 2 * MIB});
    run_ms(b, 10000);
    for (int i = 0; i < SIBLINGS; i++) {
        assert_int_equal(x[i]->c.ends, 1);
        check_sides(x[i]);
        took[i] = x[i]->c.ended_at - begin;
    }
    assert_int_equal(http_pool_stats(b->pool)->dials_total, 1);
    for (int i = 0; stalled && i < STALLED; i++) {
        assert_int_equal(slow[i]->c.got, HTTP_ANSWER_WINDOW);
        assert_int_equal(up[i]->v.got, HTTP_WINDOW);
    }
    bed_free(b);
}

static void siblings_keep_their_rate(void **state)
{
    ev_us alone[SIBLINGS], beside[SIBLINGS];

    race(false, alone);
    race(true, beside);
    for (int i = 0; i < SIBLINGS; i++) {
        print_message("%llu ms alone, %llu ms beside stalled streams\n",
                      (unsigned long long)(alone[i] / EV_MS(1)),
                      (unsigned long long)(beside[i] / EV_MS(1)));
        /* 12 MiB at 10 MiB a second, up and down one after the other: the network is full */
        assert_in_range(alone[i], EV_MS(900), EV_MS(1600));
        assert_true(beside[i] <= alone[i] / 10 * 11);
    }
}

static void consume(struct side *d, size_t n)
{
    d->eaten += n;
    http_consumed(d->s, n);
}

/* Credit is told in steps of HTTP_CREDIT: an owner may keep the rest of the window for ever. */
static void credit(void **state)
{
    struct bed *b = bed_new();
    struct side *sides[2];

    b->pc.h2_only = true;
    b->sc.write_stall_ms = 100000;
    bed_start(b);
    sides[0] = &request(b, (struct plan){.down = MIB, .client_eats = EAT_NEVER})->c;
    sides[1] = &request(b, (struct plan){.up = MIB, .server_eats = EAT_NEVER})->v;
    run_ms(b, 100);
    for (size_t i = 0; i < 2; i++) {
        size_t window = i == 0 ? HTTP_ANSWER_WINDOW : HTTP_WINDOW;

        assert_int_equal(sides[i]->got, window);
        consume(sides[i], HTTP_CREDIT - 1);
        run_ms(b, 100);
        assert_int_equal(sides[i]->got, window);
        for (size_t n = 1; n <= 20; n++) {
            consume(sides[i], n == 1 ? 1 : HTTP_CREDIT);
            run_ms(b, 100);
            assert_int_equal(sides[i]->got, window + n * HTTP_CREDIT);
        }
    }
    bed_free(b);
}

/* A request that the target never lets begin is let go of when its caller has left, and so is the
 * connection. */
static void no_stream_allowed(void **state)
{
    static const char settings[] = "\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\0";
    struct bed *b = bed_new();
    struct side *c;

    UNUSED(state);
    b->pc.h2_only = true;
    raw_serve(b, NULL, NULL, RAW_STAYS);
    b->script.greeting = settings;
    b->script.greeting_n = sizeof(settings) - 1;
    bed_start(b);
    raw_listen(b);
    c = &request(b, (struct plan){.up = 10})->c;
    run_ms(b, 100);
    assert_true(c->connects == 1 && c->heads == 0 && c->fails == 0);
    end_side(c, HTTP_CLOSE_BROKEN);
    run_ms(b, b->pc.idle_ms + 1);
    assert_int_equal(http_pool_stats(b->pool)->conns_now, 0);
    assert_true(b->raw[0].eof);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(windows),
        cmocka_unit_test(seeds),
        cmocka_unit_test(torture),
        cmocka_unit_test(siblings_keep_their_rate),
        cmocka_unit_test(credit),
        cmocka_unit_test(no_stream_allowed),
    };

    return cmocka_run_group_tests_name("http/h2", tests, NULL, NULL);
}
