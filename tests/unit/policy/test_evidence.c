/* Goal: what processes that share a table note of one target is all there, none of it twice.
 * Method: threads at one virtual time, so that sums are exact. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "health/breaker.h"
#include "health/budget.h"
#include "policy/evidence.h"

enum { THREADS = 4, EACH = 400000, PROBERS = 2, ROUNDS = 200000 };

#define NOW UINT64_C(1000000000)

struct worker {
    struct board_standing *s;
    uint64_t n, got, spins;
    board_word *begun; /* workers that have */
    board_word *won;   /* by round; 0: who has come there */
};

/* All at once, as far as the machine can. */
static void await(struct worker *w, const board_word *count, uint64_t n)
{
    while (board_get(count) < n)
        if (++w->spins % 256 == 0)
            UNUSED(sched_yield());
}

static void gather(struct worker *w)
{
    board_add(w->begun, 1);
    await(w, w->begun, THREADS);
}

static int set_up(void **state)
{
    *state = standing_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    standing_free((struct board_standing **)state);
    return 0;
}

static void all(void *(*work)(void *), struct board_standing *s, struct worker workers[THREADS],
                board_word *won)
{
    pthread_t threads[THREADS];
    board_word begun = 0;

    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.s = s, .n = i, .won = won, .begun = &begun};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void *earn(void *arg)
{
    struct worker *w = arg;

    gather(w);
    for (unsigned i = 0; i < EACH; i++)
        evidence_earn(w->s, NOW);
    return NULL;
}

static void *spend(void *arg)
{
    struct worker *w = arg;

    gather(w);
    for (unsigned i = 0; i < EACH; i++)
        w->got += evidence_spend(w->s, NOW);
    return NULL;
}

static void no_token_is_lost_nor_spent_twice(void **state)
{
    struct board_standing *s = standing_find(*state, 7, NOW);
    struct worker workers[THREADS];
    uint64_t got = 0;

    all(earn, s, workers, NULL);
    assert_true(budget_tokens(board_get(&s->budget), NOW) == 240005); /* rest, and 15% */
    all(spend, s, workers, NULL);
    for (size_t i = 0; i < THREADS; i++)
        got += workers[i].got;
    assert_int_equal(got, 240005);
    assert_true(budget_tokens(board_get(&s->budget), NOW) == 0);
}

static void *answer(void *arg)
{
    struct worker *w = arg;

    gather(w);
    for (unsigned i = 0; i < EACH; i++)
        evidence_result(w->s, true, false, NOW, 0);
    return NULL;
}

/* The same results in whatever order make the same word. */
static void no_result_is_lost(void **state)
{
    struct board_standing *s = standing_find(*state, 7, NOW), *one = standing_find(*state, 8, NOW);
    struct worker workers[THREADS];

    all(answer, s, workers, NULL);
    for (unsigned i = 0; i < THREADS * EACH; i++)
        evidence_result(one, true, false, NOW, 0);
    assert_int_equal(board_get(&s->breaker), board_get(&one->breaker));
}

static void *any_result(void *arg)
{
    struct worker *w = arg;
    struct rng r;

    gather(w);
    rng_init(&r, w->n);
    for (unsigned i = 0; i < EACH; i++)
        evidence_result(w->s, rng_chance(&r, .7), rng_chance(&r, .3),
                        NOW + i * UINT64_C(1000) - rng_below(&r, 50000), (uint32_t)rng_u64(&r));
    return NULL;
}

static void words_stay_sane(void **state)
{
    struct board_standing *s = standing_find(*state, 7, NOW);
    struct worker workers[THREADS];
    struct breaker b;
    uint64_t end = NOW + EACH * UINT64_C(1000);

    all(any_result, s, workers, NULL);
    b = breaker_read(board_get(&s->breaker), end);
    assert_true(b.failed <= b.lately && b.lately < 128 && b.good < BREAKER_GOOD);
    assert_true(!b.open || b.opened > 0);
    assert_in_range(board_get(&s->until_us), NOW, end + BREAKER_OPEN_MAX_US);
    while (b.open) { /* whatever it was, three good ones in a row close it */
        uint8_t good = b.good;

        evidence_result(s, true, true, end, 0);
        b = breaker_read(board_get(&s->breaker), end);
        assert_true(!b.open || b.good == good + 1);
    }
}

/* Both come to each round at once. */
static void *take_each(void *arg)
{
    struct worker *w = arg;

    for (uint64_t i = 1; i <= ROUNDS && w->n < PROBERS; i++) {
        board_add(&w->won[0], 1);
        await(w, &w->won[0], PROBERS * i);
        if (evidence_take_probe(w->s, NOW + i, NOW + i - 1))
            board_add(&w->won[i], 1);
    }
    return NULL;
}

static void a_probe_is_of_one(void **state)
{
    struct board_standing *s = standing_find(*state, 7, NOW);
    struct worker workers[THREADS];
    static board_word won[ROUNDS + 1];

    all(take_each, s, workers, won);
    for (size_t i = 1; i <= ROUNDS; i++)
        assert_int_equal(board_get(&won[i]), 1);
    assert_int_equal(board_get(&s->probe_us), NOW + ROUNDS);
    assert_false(evidence_take_probe(s, NOW + ROUNDS + 100, NOW + ROUNDS - 1));
    assert_true(evidence_take_probe(s, NOW + ROUNDS + 100, NOW + ROUNDS));
    assert_int_equal(board_get(&s->probe_us), NOW + ROUNDS + 100);
}

static void *push(void *arg)
{
    struct worker *w = arg;
    struct rng r;

    gather(w);
    rng_init(&r, w->n);
    for (unsigned i = 0; i < EACH; i++) {
        uint64_t at = NOW + rng_below(&r, 1u << 30);

        w->got = MAX(w->got, at);
        evidence_not_before(w->s, at);
    }
    return NULL;
}

static void the_latest_time_stays(void **state)
{
    struct board_standing *s = standing_find(*state, 7, NOW);
    struct worker workers[THREADS];
    uint64_t most = 0;

    all(push, s, workers, NULL);
    for (size_t i = 0; i < THREADS; i++)
        most = MAX(most, workers[i].got);
    assert_int_equal(board_get(&s->not_before_us), most);
}

static void nothing_is_noted_of_nobodys(void **state)
{
    struct board_standing *table = *state, *s = &table[BOARD_STANDINGS];

    for (unsigned i = 0; i < 20; i++) {
        evidence_result(s, false, false, NOW, 0);
        evidence_earn(s, NOW);
        assert_true(evidence_spend(s, NOW)); /* there is no telling */
    }
    evidence_not_before(s, NOW);
    assert_true(evidence_take_probe(s, NOW + 2, NOW + 1) &&
                evidence_take_probe(s, NOW + 2, NOW + 1));
    assert_int_equal(board_get(&s->probe_us), 0);
    assert_false(evidence_is_open(s, NOW));
    assert_int_equal(evidence_row(s, NOW), 0);
    assert_int_equal(board_get(&s->breaker), 0);
    assert_int_equal(board_get(&s->until_us), 0);
    assert_int_equal(board_get(&s->not_before_us), 0);
    assert_int_equal(board_get(&s->budget), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(no_token_is_lost_nor_spent_twice),
        TEST(no_result_is_lost),
        TEST(words_stay_sane),
        TEST(a_probe_is_of_one),
        TEST(the_latest_time_stays),
        TEST(nothing_is_noted_of_nobodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
