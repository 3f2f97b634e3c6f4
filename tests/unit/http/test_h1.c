/* Goal: server and pool over HTTP/1.1 keep the contracts of http.h, server.h and client.h with
 * each other, under faults, and without memory.
 * Method: both in one virtual process (bed.h); a table of exchanges that also runs over HTTP/2
 * (table.h); 200 seeds of faults; every allocation fails once. */
#include "table.h"

#include <malloc.h>

#if defined(__SANITIZE_ADDRESS__)
#define COUNT_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNT_MEMORY 0
#endif
#endif
#ifndef COUNT_MEMORY
#define COUNT_MEMORY 1
#endif

static const struct http_server_stats *ss(struct bed *b)
{
    return http_server_stats(b->server);
}

static const struct http_pool_stats *ps(struct bed *b)
{
    return http_pool_stats(b->pool);
}

static void table(void **state)
{
    run_exchanges(false);
}

static void windows(void **state)
{
    run_windows(false);
}

static void seeds(void **state)
{
    run_seeds(false);
}

static void torture(void **state)
{
    run_torture(false);
}

static size_t heap_bytes(void)
{
    return COUNT_MEMORY ? mallinfo2().uordblks : 0;
}

/* 64 MiB each way, by credit: nothing piles up in between. */
static void large_bodies(void **state)
{
    static const enum eat eats[] = {EAT_AT_ONCE, EAT_LATER};

    for (size_t i = 0; i < ARRAY_LEN(eats); i++) {
        struct bed *b = bed_new();
        size_t before, most = 0;
        struct xchg *x;

        b->nc.latency_max = b->nc.latency_min = 20;
        b->nc.mss = 20000;
        bed_start(b);
        before = heap_bytes();
        x = request(b, (struct plan){.up = 64 * MIB,
                                     .down = 64 * MIB,
                                     .up_chunked = i == 1,
                                     .down_chunked = i == 1,
                                     .client_eats = eats[i],
                                     .server_eats = eats[i]});
        while (!x->c.ends && !x->c.fails && ev_sim_turn(b->ev))
            most = MAX(most, heap_bytes());
        run_ms(b, 10);
        assert_int_equal(x->c.ends, 1);
        check_sides(x);
        assert_true(most < before + MIB);
        bed_free(b);
    }
}

/* A slow client and many tiny chunks: what is queued stays bounded. */
static void tiny_chunks(void **state)
{
    struct bed *b = bed_new();
    size_t before, most = 0;
    struct xchg *x;

    b->nc.bytes_per_s = 20000;
    b->sc.write_stall_ms = 600000;
    bed_start(b);
    before = heap_bytes();
    x = request(b, (struct plan){.down = 400000, .down_chunked = true, .piece = 1});
    while (!x->c.ends && ev_sim_turn(b->ev))
        most = MAX(most, heap_bytes());
    assert_int_equal(x->c.ends, 1);
    assert_true(most < before + MIB);
    bed_free(b);
}

/* A stream is closed within each callback, in each way; and a new request starts in on_end. */
static void close_in_callbacks(void **state)
{
    for (enum at c = AT_NEVER; c <= AT_FAIL; c++) {
        for (enum at v = AT_NEVER; v <= AT_FAIL; v++) {
            for (int how = 0; how < 2; how++) {
                struct bed *b = bed_start(bed_new());
                struct plan p = {.up = 100000,
                                 .down = 100000,
                                 .think = 500,
                                 .down_chunked = true,
                                 .client_closes = c,
                                 .server_closes = v,
                                 .how = how ? HTTP_CLOSE_BROKEN : HTTP_CLOSE_DONE};
                struct xchg *x = request(b, p), *y;

                run_ms(b, 1000);
                check_sides(x);
                y = request(b, p);
                run_ms(b, 1000);
                check_sides(y);
                assert_int_equal(ss(b)->streams_now, 0);
                bed_free(b);
            }
        }
    }
}

/* Server and pool die with live things, at every stage of an exchange. */
static void free_with_live(void **state)
{
    for (int which = 0; which < 3; which++) {
        for (ev_us at = 0; at < 6000; at += 50) {
            struct bed *b = bed_start(bed_new());
            struct xchg *x =
                request(b, (struct plan){.up = 200000,
                                         .down = 200000,
                                         .think = 300,
                                         .client_eats = EAT_LATER,
                                         .server_eats = EAT_LATER,
                                         .server_closes = at % 100 ? AT_FAIL : AT_NEVER});

            ev_sim_run(b->ev, at);
            if (which == 0) {
                http_server_free(&b->server);
                run_ms(b, 100);
                assert_int_equal(x->c.ends + x->c.fails, 1);
            } else if (which == 1) {
                end_side(&x->c, HTTP_CLOSE_BROKEN);
                assert_int_equal(ps(b)->idle_now, 0);
                assert_int_equal(ps(b)->conns_now, 0);
                http_pool_free(&b->pool);
                run_ms(b, 1000);
                assert_int_equal(ss(b)->streams_now, 0);
            }
            bed_free(b); /* which == 2: all at once */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(windows),
        cmocka_unit_test(seeds),
        cmocka_unit_test(torture),
        cmocka_unit_test(large_bodies),
        cmocka_unit_test(tiny_chunks),
        cmocka_unit_test(close_in_callbacks),
        cmocka_unit_test(free_with_live),
    };

    return cmocka_run_group_tests_name("http/h1", tests, NULL, NULL);
}
