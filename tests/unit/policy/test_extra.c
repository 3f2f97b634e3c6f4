/* Goal: what failing over costs is held within its cap, however many ask at once.
 * Method: sums at the bound and past it; threads that take of one word. */
#include "bed.h"

#include <pthread.h>

#include "health/spend.h"
#include "policy/extra.h"

#define DOLLAR  UINT64_C(1000000000000)
#define THREADS 4

static struct board_standing *place(struct bed *b)
{
    bed_stand(b, "F");
    return standing_find(b->table, extra_id(7), NOW);
}

static void what_is_held_counts_until_it_is_settled(void **state)
{
    struct board_standing *s = place(*state);

    assert_true(extra_hold(s, 6 * DOLLAR, 10 * DOLLAR, NOW));
    assert_false(extra_hold(s, 4 * DOLLAR + SPEND_PICO, 10 * DOLLAR, NOW));
    assert_true(extra_hold(s, 4 * DOLLAR, 10 * DOLLAR, NOW));
    assert_int_equal(extra_spent(s, NOW), 10 * DOLLAR);
    assert_false(extra_hold(s, 1, 10 * DOLLAR, NOW));
    extra_settle(s, 6 * DOLLAR, NOW, DOLLAR, NOW + SECOND);
    extra_settle(s, 4 * DOLLAR, NOW, 0, NOW + SECOND);
    assert_int_equal(extra_spent(s, NOW + SECOND), DOLLAR);
    assert_false(extra_hold(s, UINT64_MAX, UINT64_MAX - 1, NOW));
    assert_int_equal(extra_spent(s, NOW + 2 * SPEND_US), 0);
    assert_int_equal(extra_spent(NULL, NOW), 0);
}

static void an_answer_that_takes_past_the_hour_is_counted_when_it_ends(void **state)
{
    struct board_standing *s = place(*state);
    uint64_t at = 50 * SPEND_US - 1;

    assert_true(extra_hold(s, 6 * DOLLAR, 10 * DOLLAR, at));
    extra_settle(s, 6 * DOLLAR, at, 2 * DOLLAR, at + 1);
    assert_int_equal(extra_spent(s, at + 1), 2 * DOLLAR);
}

static void a_place_that_is_nobodys_holds_nobody(void **state)
{
    struct bed *b = *state;
    struct board_standing *s = &b->table[BOARD_STANDINGS];

    assert_true(extra_hold(s, 6 * DOLLAR, DOLLAR, NOW));
    extra_settle(s, 6 * DOLLAR, NOW, DOLLAR, NOW);
    assert_int_equal(extra_spent(s, NOW), 0);
    assert_int_not_equal(extra_id(0), 0);
    assert_int_not_equal(extra_id((UINT64_MAX - 0x6578747261) / 31), 0);
}

struct taker {
    pthread_t thread;
    struct board_standing *s;
    unsigned taken;
};

static void *take_all(void *arg)
{
    struct taker *t = arg;

    while (extra_hold(t->s, DOLLAR / 1000, 10 * DOLLAR, NOW))
        t->taken++;
    return NULL;
}

static void what_is_there_once_is_taken_once(void **state)
{
    struct board_standing *s = place(*state);
    struct taker takers[THREADS] = {0};
    unsigned taken = 0;

    for (size_t i = 0; i < THREADS; i++) {
        takers[i].s = s;
        assert_int_equal(pthread_create(&takers[i].thread, NULL, take_all, &takers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(takers[i].thread, NULL), 0);
        taken += takers[i].taken;
    }
    assert_int_equal(taken, 10000);
    assert_int_equal(extra_spent(s, NOW), 10 * DOLLAR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_held_counts_until_it_is_settled),
        TEST(an_answer_that_takes_past_the_hour_is_counted_when_it_ends),
        TEST(a_place_that_is_nobodys_holds_nobody),
        TEST(what_is_there_once_is_taken_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
