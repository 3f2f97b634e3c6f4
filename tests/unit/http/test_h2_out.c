/* Goal: bytes that wait to be framed come out as they went in, whatever the sizes of writes and of
 * frames; and they take little more than their own room, however they were written.
 * Method: sizes around a shared piece and around a frame, against one buffer of all that was
 * written; the largest piece that was asked for is what the heap gave. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>

#include "base/mem.h"
#include "base/rng.h"
#include "http/h2_out.h"

#define MOST ((size_t)200 * 1024)

static char text[MOST], got[MOST];

static void fill(void)
{
    for (size_t i = 0; i < MOST; i++)
        text[i] = (char)(i * 31 + i / 251);
}

static void bytes_come_back_in_order(void **state)
{
    static const size_t sizes[] = {1, 2, 999, 1000, 1001, 1032, 1033, 16383, 16384, 16385, 65536};
    struct rng r;

    fill();
    rng_init(&r, 7);
    for (int round = 0; round < 200; round++) {
        struct h2_out o = {0};
        size_t in = 0, out = 0;

        while (out < MOST) {
            size_t n = sizes[rng_below(&r, ARRAY_LEN(sizes))];
            size_t room = sizes[rng_below(&r, ARRAY_LEN(sizes))], taken;

            n = MIN(n, MOST - in);
            if (n && rng_chance(&r, 0.6)) {
                assert_int_equal(h2_out_add(&o, text + in, n), 0);
                in += n;
            }
            taken = h2_out_take(&o, got + out, MIN(room, MOST - out));
            assert_int_equal(taken, MIN(room, in - out));
            out += taken;
            assert_int_equal(o.n, in - out);
        }
        assert_memory_equal(text, got, MOST);
        assert_null(o.head);
        assert_int_equal(h2_out_take(&o, got, MOST), 0);
    }
}

static void what_is_dropped_is_counted(void **state)
{
    struct h2_out o = {0};
    char c;

    assert_int_equal(h2_out_drop(&o), 0);
    assert_int_equal(h2_out_add(&o, text, 5000), 0);
    assert_int_equal(h2_out_add(&o, text, 5), 0);
    assert_int_equal(h2_out_take(&o, &c, 1), 1);
    assert_int_equal(h2_out_drop(&o), 5004);
    assert_int_equal(o.n, 0);
    assert_int_equal(h2_out_add(&o, "x", 1), 0); /* and it can be used again */
    assert_int_equal(h2_out_drop(&o), 1);
}

static void without_memory_none_is_added(void **state)
{
    struct h2_out o = {0};

    assert_int_equal(h2_out_add(&o, text, 10), 0);
    mem_torture(1, true);
    assert_int_equal(h2_out_add(&o, text, 5000), -1);
    assert_int_equal(o.n, 10);
    assert_int_equal(h2_out_add(&o, text, 10), 0); /* there is room in the first piece */
    mem_torture(0, false);
    assert_int_equal(o.n, 20);
    assert_int_equal(h2_out_add(&o, text, 5000), 0);
    assert_int_equal(h2_out_drop(&o), 5020);
}

/* Allocations that adding `n` bytes in pieces of `piece` makes. */
static size_t allocations(size_t n, size_t piece)
{
    size_t count = 0;

    for (size_t at = 1;; at++) {
        struct h2_out o = {0};
        int rc = 0;

        mem_torture(at, false);
        for (size_t i = 0; i < n && rc == 0; i += piece)
            rc = h2_out_add(&o, text, MIN(piece, n - i));
        (void)h2_out_drop(&o);
        if (!mem_torture_hit())
            break;
        assert_int_equal(rc, -1);
        count++;
    }
    mem_torture(0, false);
    return count;
}

static void small_writes_share_pieces(void **state)
{
    assert_int_equal(allocations(100000, 1), 100);
    assert_int_equal(allocations(64000, 160), 64);
    assert_int_equal(allocations(64000, 16000), 4);
    assert_int_equal(allocations(64000, 64000), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_in_order),
        cmocka_unit_test(what_is_dropped_is_counted),
        cmocka_unit_test(without_memory_none_is_added),
        cmocka_unit_test(small_writes_share_pieces),
    };

    return cmocka_run_group_tests_name("h2_out", tests, NULL, NULL);
}
