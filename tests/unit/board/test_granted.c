/* Goal: what workers have of the credentials of clouds is read from all their rows: the worst state
 * and why, the first end, sums; providers come and go, and who has a place keeps it.
 * Method: places filled by hand, read at chosen times. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "board/granted.h"

#define NOW UINT64_C(1767225600000)
#define V   SPAN_LIT("v")

static struct board *make(void)
{
    struct board *b = NULL;
    struct err e;

    assert_int_equal(board_new(&b, &e), 0);
    return b;
}

static struct granted see(const struct board *b, struct span provider, uint64_t at)
{
    struct granted g;

    granted_read(b, 2, provider, at, &g);
    return g;
}

/* One place at `at` ms after NOW. */
static const struct {
    uint64_t until, failed, at; /* 0: none, none, NOW */
    enum granted_state state;
} rows[] = {
    {0, 0, 0, GRANTED_NONE},
    {1, 0, 0, GRANTED_GOOD},
    {1, 0, 1, GRANTED_NONE},
    {100, 1, 0, GRANTED_STALE},
    {100, 1, 99, GRANTED_STALE},
    {100, 1, 100, GRANTED_FAILED},
    {0, 1, GRANTED_FORGET_MS, GRANTED_FAILED},
    {0, 1, GRANTED_FORGET_MS + 1, GRANTED_NONE},
    {GRANTED_FORGET_MS + 9, 1, GRANTED_FORGET_MS + 1, GRANTED_GOOD},
};

static void a_state_is_of_a_moment(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct board *b = make();
        struct board_cred *place = granted_take(b->creds[1], V);
        bool trouble = rows[i].state >= GRANTED_STALE;
        struct granted g;

        board_set(&place->until_ms, rows[i].until ? NOW + rows[i].until : 0);
        if (rows[i].failed)
            granted_failed(place, NOW + rows[i].failed, "why");
        g = see(b, V, NOW + rows[i].at);
        if (g.state != rows[i].state || strcmp(g.why, trouble ? "why" : "") != 0)
            fail_msg("row %zu: %s, '%s'", i, granted_state_name(g.state), g.why);
        board_free(&b);
    }
}

static void workers_add_up(void **state)
{
    struct board *b = make();
    struct board_cred *one = granted_take(b->creds[0], V), *two = granted_take(b->creds[1], V);
    struct granted g;

    UNUSED(state);
    board_set(&one->until_ms, NOW + 20);
    board_set(&two->until_ms, NOW + 10);
    board_add(&one->fetched, 3);
    board_add(&two->fetched, 4);
    g = see(b, V, NOW);
    assert_int_equal(g.state, GRANTED_GOOD);
    assert_int_equal(g.until_ms, NOW + 10);
    assert_int_equal(g.fetched, 7);
    assert_int_equal(see(b, V, NOW + 10).until_ms, NOW + 20); /* what has ended is none */
    granted_failed(two, NOW + 2, "the newer");
    granted_failed(one, NOW + 1, "the older");
    g = see(b, V, NOW + 3);
    assert_int_equal(g.state, GRANTED_STALE);
    assert_string_equal(g.why, "the newer");
    assert_int_equal(g.failed, 2);
    assert_int_equal(see(b, V, NOW + 10).state, GRANTED_FAILED); /* of one of them */
    granted_clear(b->creds[1]);                                  /* its process has died */
    g = see(b, V, NOW + 10);
    assert_int_equal(g.state, GRANTED_STALE);
    assert_string_equal(g.why, "the older");
    assert_int_equal(g.fetched, 7);
    assert_int_equal(see(b, SPAN_LIT("w"), NOW).state, GRANTED_NONE);
    board_free(&b);
}

static void a_long_reason_is_cut(void **state)
{
    struct board *b = make();
    struct board_cred *place = granted_take(b->creds[0], V);
    char why[2 * GRANTED_WHY];

    UNUSED(state);
    memset(why, 'y', sizeof(why));
    for (size_t n = GRANTED_WHY - 1; n <= GRANTED_WHY; n++) {
        why[n] = '\0';
        granted_failed(place, NOW, why);
        assert_int_equal(strlen(see(b, V, NOW).why), GRANTED_WHY - 1);
        why[n] = 'y';
    }
    board_free(&b);
}

static struct board_cred *take(struct board *b, unsigned i)
{
    char name[16];

    return granted_take(b->creds[0],
                        span_of(name, (size_t)snprintf(name, sizeof(name), "p-%u", i)));
}

static void places_are_for_who_is_configured(void **state)
{
    struct board *b = make();
    struct board_cred *places[BOARD_CREDS];

    UNUSED(state);
    for (unsigned i = 0; i < BOARD_CREDS; i++) {
        places[i] = take(b, i);
        assert_non_null(places[i]);
        board_add(&places[i]->fetched, i);
        for (unsigned k = 0; k < i; k++)
            assert_ptr_not_equal(places[i], places[k]);
    }
    assert_null(take(b, BOARD_CREDS));
    assert_ptr_equal(take(b, 5), places[5]);
    granted_leave(places[5]);
    granted_leave(places[7]);
    assert_ptr_equal(take(b, 5), places[5]); /* back again */
    assert_int_equal(board_get(&places[5]->fetched), 5);
    assert_ptr_equal(take(b, BOARD_CREDS), places[7]);
    assert_int_equal(board_get(&places[7]->fetched), 0);
    assert_null(take(b, 7));
    board_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_of_a_moment),
        cmocka_unit_test(workers_add_up),
        cmocka_unit_test(a_long_reason_is_cut),
        cmocka_unit_test(places_are_for_who_is_configured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
