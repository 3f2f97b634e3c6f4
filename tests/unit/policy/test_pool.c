/* Goal: whether a pool would survive the loss of a failure domain is told from what engines say and
 * from what the ledger holds; what is not known makes it unknown, and others' sessions count.
 * Method: a board on which engines and sessions stand in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board/endpoints.h"
#include "board/loads.h"
#include "policy/pool.h"

#define NOW UINT64_C(5000000000)
#define N   3

static const uint64_t ids[N] = {10, 11, 12};
static const uint16_t alone[N] = {0, 1, 2}, together[N] = {0, 0, 0}, zones[N] = {0, 0, 1};
static const struct policy_pool pool = {ids, alone, N, N};

static struct board_load *row(struct board *b, uint32_t worker, unsigned i)
{
    return &b->loads[worker][endpoints_place(b, ids[i])];
}

/* It holds 1,000,000 tokens. */
static void serves(struct board *b, unsigned i)
{
    struct board_endpoint *p = endpoints_make(b, ids[i]);

    board_set(&p->state, ENDPOINT_READY);
    board_set(&p->seen_us, NOW);
    board_set(&p->stale_us, 1000000);
    board_set(&p->signals[SIGNAL_KV_TOKENS], 1000000);
}

static void holds(struct board *b, uint32_t worker, unsigned i, uint64_t tokens)
{
    board_set(&row(b, worker, i)->tokens, tokens);
    board_set(&row(b, worker, i)->now, tokens / 2);
    board_set(&row(b, worker, i)->sessions, 1);
}

static int set_up(void **state)
{
    struct board *b;
    struct err e;

    if (board_new(&b, &e) < 0)
        return -1;
    for (unsigned i = 0; i < N; i++)
        serves(b, i);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct board *b = *state;

    board_free(&b);
    return 0;
}

static struct policy_pool_view look(const struct board *b, const struct policy_pool *p,
                                    uint64_t now_us)
{
    struct policy_pool_view ret;

    policy_pool_look(&ret, p, b, 2, now_us);
    return ret;
}

static void all_workers_and_engines_are_added_up(void **state)
{
    struct board *b = *state;
    struct policy_pool_view v;

    holds(b, 0, 0, 100);
    holds(b, 1, 0, 1000);
    holds(b, 1, 2, 10000);
    board_set(&endpoints_make(b, ids[1])->foreign, 7);
    board_set(&row(b, 0, 1)->ended, 4);
    board_set(&row(b, 1, 2)->covered, 3);
    v = look(b, &pool, NOW);
    assert_int_equal(v.n1, N1_OK);
    assert_int_equal(v.serving, 3);
    assert_int_equal(v.capacity, 3000000);
    assert_int_equal(v.tokens, 11100);
    assert_int_equal(v.now, 5550);
    assert_int_equal(v.foreign, 7);
    assert_int_equal(v.sessions, 3);
    assert_int_equal(v.ended, 4);
    assert_int_equal(v.covered, 3);
}

static void what_does_not_fit_is_told(void **state)
{
    const struct policy_pool in_zones = {ids, zones, N, 2}, as_one = {ids, together, N, 1};
    struct board *b = *state;
    struct policy_pool_view v;

    for (unsigned i = 0; i < N; i++)
        holds(b, 0, i, 600000); /* 700,000 would be left of the other two */
    assert_int_equal(look(b, &pool, NOW).n1, N1_OK);
    v = look(b, &in_zones, NOW);
    assert_int_equal(v.n1, N1_NOT);
    assert_int_equal(v.verdict.domain, 0);
    assert_int_equal(v.verdict.lost, 1200000 - 350000);
    assert_int_equal(look(b, &as_one, NOW).n1, N1_UNPROTECTED);
    holds(b, 1, 1, 100000); /* 600,000 left outside the first one, for 630,000 */
    v = look(b, &pool, NOW);
    assert_int_equal(v.n1, N1_NOT);
    assert_int_equal(v.verdict.domain, 0);
}

/* One that has died holds nothing of others, and its own sessions are still to be held. */
static void who_does_not_serve_is_no_help(void **state)
{
    struct board *b = *state;
    struct policy_pool_view v;

    for (unsigned i = 0; i < N; i++)
        holds(b, 0, i, 400000);
    assert_int_equal(look(b, &pool, NOW).n1, N1_OK);
    board_set(&endpoints_make(b, ids[2])->state, ENDPOINT_DOWN);
    v = look(b, &pool, NOW);
    assert_int_equal(v.n1, N1_OK); /* 550,000 left in the other one, for 420,000 */
    assert_int_equal(v.serving, 2);
    holds(b, 1, 0, 100000);
    v = look(b, &pool, NOW);
    assert_int_equal(v.n1, N1_OK);
    holds(b, 1, 1, 60000); /* 490,000 left there for 525,000 */
    assert_int_equal(look(b, &pool, NOW).n1, N1_NOT);
    board_set(&endpoints_make(b, ids[1])->state, ENDPOINT_DEAD);
    assert_int_equal(look(b, &pool, NOW).n1, N1_UNPROTECTED);
}

static void what_is_not_known_is_not_promised(void **state)
{
    const struct policy_pool as_one = {ids, together, N, 1};
    struct board *b = *state;

    assert_int_equal(look(b, &pool, NOW + 1000000).n1, N1_OK);
    assert_int_equal(look(b, &pool, NOW + 1000001).n1, N1_UNKNOWN); /* that is old */
    board_set(&endpoints_make(b, ids[1])->signals[SIGNAL_KV_TOKENS], SIGNAL_UNKNOWN);
    assert_int_equal(look(b, &pool, NOW).n1, N1_UNKNOWN);
    board_set(&endpoints_make(b, ids[1])->state, ENDPOINT_DOWN); /* it need not say */
    assert_int_equal(look(b, &pool, NOW).n1, N1_OK);
    endpoints_forget(b, ids[1]);
    assert_int_equal(look(b, &pool, NOW).n1, N1_UNKNOWN);
    assert_int_equal(look(b, &as_one, NOW).n1, N1_UNPROTECTED); /* that is known */
}

/* They grow as ours do, and nobody else would take them. */
static void others_sessions_count(void **state)
{
    struct board *b = *state;

    for (unsigned i = 0; i < N; i++)
        holds(b, 0, i, 400000); /* half of which is there */
    for (unsigned i = 0; i < N; i++)
        board_set(&endpoints_make(b, ids[i])->foreign, 100000);
    assert_int_equal(look(b, &pool, NOW).n1, N1_OK);
    for (unsigned i = 0; i < N; i++)
        board_set(&endpoints_make(b, ids[i])->foreign, 120000); /* 640,000: 620,000 for 672,000 */
    assert_int_equal(look(b, &pool, NOW).n1, N1_NOT);
}

static void each_state_has_a_name(void **state)
{
    UNUSED(state);
    for (int i = 0; i < N1_STATES; i++)
        assert_true(policy_n1_name((enum policy_n1)i)[0]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_workers_and_engines_are_added_up),
        TEST(what_does_not_fit_is_told),
        TEST(who_does_not_serve_is_no_help),
        TEST(what_is_not_known_is_not_promised),
        TEST(others_sessions_count),
        TEST(each_state_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
