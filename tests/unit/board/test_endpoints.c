/* Goal: an endpoint has one place, found by all; whoever is forgotten leaves room, and no place of
 * others is lost by that.
 * Method: as many as fit, and one more; half of them forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board/endpoints.h"

static uint64_t id_of(unsigned n)
{
    return n == 0 ? ENDPOINT_ID_LEAST : (n + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static bool knows(const struct board *b, unsigned n)
{
    struct endpoint_view v;

    return endpoints_view(&v, b, id_of(n), 1);
}

static int set_up(void **state)
{
    struct board *b;
    struct err e;

    if (board_new(&b, &e) < 0)
        return -1;
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct board *b = *state;

    board_free(&b);
    return 0;
}

static void each_has_its_place(void **state)
{
    struct board *b = *state;
    struct board_endpoint *p;

    assert_false(knows(b, 1));
    p = endpoints_make(b, id_of(1));
    assert_non_null(p);
    assert_int_equal(board_get(&p->seen_us), 0);
    for (size_t i = 0; i < ARRAY_LEN(p->signals); i++)
        assert_true(board_get(&p->signals[i]) == UINT64_MAX);
    board_set(&p->seen_us, 7);
    assert_ptr_equal(endpoints_make(b, id_of(1)), p);
    assert_int_equal(board_get(&p->seen_us), 7);
}

static void as_many_as_fit(void **state)
{
    struct board *b = *state;

    for (unsigned i = 0; i < BOARD_ENDPOINTS; i++)
        assert_non_null(endpoints_make(b, id_of(i)));
    assert_null(endpoints_make(b, id_of(BOARD_ENDPOINTS)));
    assert_false(knows(b, BOARD_ENDPOINTS));
    for (unsigned i = 0; i < BOARD_ENDPOINTS; i += 2) {
        board_set(&endpoints_make(b, id_of(i))->seen_us, 7);
        endpoints_forget(b, id_of(i));
    }
    for (unsigned i = 0; i < BOARD_ENDPOINTS; i++)
        assert_int_equal(knows(b, i), i % 2);
    for (unsigned i = 0; i < BOARD_ENDPOINTS; i += 2) {
        struct board_endpoint *p = endpoints_make(b, id_of(BOARD_ENDPOINTS + i));

        assert_non_null(p);
        assert_int_equal(board_get(&p->seen_us), 0);
    }
    for (unsigned i = 1; i < BOARD_ENDPOINTS; i += 2)
        assert_true(knows(b, i));
    endpoints_forget(b, id_of(0)); /* it is not there */
}

static void what_is_believed_and_for_how_long(void **state)
{
    static const struct {
        uint64_t state, seen_us, now_us;
        enum endpoint_state want;
        bool stale;
    } rows[] = {
        {ENDPOINT_READY, 0, 100, ENDPOINT_READY, true},
        {ENDPOINT_READY, 100, 110, ENDPOINT_READY, false},
        {ENDPOINT_DOWN, 100, 111, ENDPOINT_DOWN, true},
        {ENDPOINT_DOWN, 101, 100, ENDPOINT_DOWN, false}, /* a clock that is behind */
        {ENDPOINT_HUNG, 100, 100, ENDPOINT_HUNG, false},
        {ENDPOINT_STATES, 100, 100, ENDPOINT_UNKNOWN, false},
    };
    struct board *b = *state;
    struct board_endpoint *p = endpoints_make(b, id_of(1));

    board_set(&p->stale_us, 10);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct endpoint_view v;

        board_set(&p->state, rows[i].state);
        board_set(&p->seen_us, rows[i].seen_us);
        assert_true(endpoints_view(&v, b, id_of(1), rows[i].now_us));
        if (v.stale != rows[i].stale || v.state != rows[i].want)
            fail_msg("row %zu: stale %d", i, v.stale);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_has_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_as_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_believed_and_for_how_long, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
