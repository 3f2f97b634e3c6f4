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
    char url[64];
    int len = snprintf(url, sizeof(url), "http://10.0.0.1:%u", n);

    return endpoints_id(SPAN_LIT("vllm-eu"), span_of(url, (size_t)len));
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
    assert_true(endpoints_id(SPAN_LIT("a"), SPAN_LIT("bc")) !=
                endpoints_id(SPAN_LIT("ab"), SPAN_LIT("c")));
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
        enum endpoint_state state;
        uint64_t seen_us, now_us;
        bool stale, away;
    } rows[] = {
        {ENDPOINT_READY, 0, 100, true, false},      {ENDPOINT_DOWN, 0, 100, true, false},
        {ENDPOINT_READY, 100, 110, false, false},   {ENDPOINT_DOWN, 100, 110, false, true},
        {ENDPOINT_DOWN, 100, 111, true, false},     {ENDPOINT_DEAD, 100, 110, false, true},
        {ENDPOINT_LOADING, 100, 100, false, true},  {ENDPOINT_SLEEPING, 100, 100, false, true},
        {ENDPOINT_HUNG, 100, 100, false, true},     {ENDPOINT_SILENT, 100, 100, false, true},
        {ENDPOINT_UNKNOWN, 100, 100, false, false}, {ENDPOINT_DOWN, 101, 100, false, true},
        {ENDPOINT_STATES, 100, 100, false, false},
    };
    struct board *b = *state;
    struct board_endpoint *p = endpoints_make(b, id_of(1));

    board_set(&p->stale_us, 10);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct endpoint_view v;

        board_set(&p->state, rows[i].state);
        board_set(&p->seen_us, rows[i].seen_us);
        assert_true(endpoints_view(&v, b, id_of(1), rows[i].now_us));
        if (v.stale != rows[i].stale || endpoints_is_away(&v) != rows[i].away)
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
