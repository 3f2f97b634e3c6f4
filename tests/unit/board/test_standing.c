/* Goal: a name keeps its place for as long as it is in use; who comes too late gets an idle one
 * with nothing of the old name in it, else the place by which nobody is judged. Method: names that
 * all hash to the same ways; times at the bound and past it; threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board/standing.h"

enum { WAYS = 16, THREADS = 4, NAMES = 64 };

#define SECOND UINT64_C(1000000)
#define NOW    (UINT64_C(10) * STANDING_IDLE_US)

static int set_up(void **state)
{
    *state = standing_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    standing_free((struct board_standing **)state);
    assert_null(*state);
    return 0;
}

/* The nth of the names that begin to look at the same place. */
static uint64_t name(uint64_t place, uint64_t n)
{
    return place + (n + 1) * BOARD_STANDINGS;
}

static void fill(struct board_standing *table, uint64_t place, uint64_t now_us)
{
    for (uint64_t n = 0; n < WAYS; n++) {
        struct board_standing *s = standing_find(table, name(place, n), now_us);

        assert_false(standing_is_nobodys(s));
        assert_int_equal(s - table, (place + n) % BOARD_STANDINGS);
    }
}

static void set_words(struct board_standing *s)
{
    board_set(&s->breaker, 1);
    board_set(&s->until_us, 2);
    board_set(&s->not_before_us, 3);
    board_set(&s->probe_us, 4);
    board_set(&s->budget, 5);
}

static void has_words(const struct board_standing *s, bool has)
{
    assert_int_equal(board_get(&s->breaker), has ? 1 : 0);
    assert_int_equal(board_get(&s->until_us), has ? 2 : 0);
    assert_int_equal(board_get(&s->not_before_us), has ? 3 : 0);
    assert_int_equal(board_get(&s->probe_us), has ? 4 : 0);
    assert_int_equal(board_get(&s->budget), has ? 5 : 0);
}

static void a_name_keeps_its_place(void **state)
{
    struct board_standing *table = *state, *s;

    assert_null(standing_look(table, 7));
    s = standing_find(table, 7, NOW);
    has_words(s, false);
    set_words(s);
    assert_ptr_equal(standing_look(table, 7), s);
    assert_ptr_equal(standing_find(table, 7, NOW + SECOND - 1), s); /* written once a second */
    assert_int_equal(board_get(&s->used_us), NOW);
    assert_ptr_equal(standing_find(table, 7, NOW + SECOND), s);
    assert_int_equal(board_get(&s->used_us), NOW + SECOND);
    assert_ptr_equal(standing_find(table, 7, NOW), s); /* by one who is behind */
    assert_ptr_equal(standing_look(table, 7), s);
    assert_int_equal(board_get(&s->used_us), NOW + SECOND);
    assert_ptr_not_equal(standing_find(table, 8, NOW), s);
    assert_ptr_equal(standing_find(table, 7, NOW + 2 * STANDING_IDLE_US), s); /* nobody wanted it */
    has_words(s, true);
}

/* Ways come round at the end of the table, before the place that is nobody's. */
static void every_way_is_used(void **state)
{
    struct board_standing *table = *state;
    const uint64_t places[] = {0, 1000, BOARD_STANDINGS - WAYS, BOARD_STANDINGS - 1};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct board_standing *own = standing_new();

        assert_non_null(own);
        fill(own, places[i], NOW);
        for (uint64_t n = 0; n < WAYS; n++)
            assert_int_equal(standing_look(own, name(places[i], n)) - own,
                             (places[i] + n) % BOARD_STANDINGS);
        assert_null(standing_look(own, name(places[i], WAYS)));
        assert_int_equal(board_get(&own[BOARD_STANDINGS].id), 0);
        standing_free(&own);
    }
    assert_false(standing_is_nobodys(standing_find(table, UINT64_MAX, NOW)));
}

static void who_finds_no_way_is_not_judged(void **state)
{
    struct board_standing *table = *state, *s;

    fill(table, 2040, NOW);
    s = standing_find(table, name(2040, WAYS), NOW + STANDING_IDLE_US - 1);
    assert_ptr_equal(s, &table[BOARD_STANDINGS]);
    assert_true(standing_is_nobodys(s));
    assert_ptr_equal(standing_find(table, name(2040, WAYS + 1), NOW), s);
    assert_null(standing_look(table, name(2040, WAYS)));
    for (uint64_t n = 0; n < WAYS; n++)
        assert_int_equal(standing_find(table, name(2040, n), NOW) - table,
                         (2040 + n) % BOARD_STANDINGS);
}

static void an_idle_place_is_taken_over_clean(void **state)
{
    struct board_standing *table = *state, *s;

    fill(table, 100, NOW);
    for (uint64_t n = 0; n < WAYS; n++) {
        set_words(&table[100 + n]);
        board_set(&table[100 + n].used_us, NOW + (n == 5 ? 0 : 1));
    }
    s = standing_find(table, name(100, WAYS), NOW + STANDING_IDLE_US);
    assert_ptr_equal(s, &table[105]);
    assert_int_equal(board_get(&s->id), name(100, WAYS));
    assert_int_equal(board_get(&s->used_us), NOW + STANDING_IDLE_US);
    has_words(s, false);
    assert_null(standing_look(table, name(100, 5)));
    assert_true(standing_is_nobodys(standing_find(table, name(100, 5), NOW + STANDING_IDLE_US)));
    for (uint64_t n = 0; n < WAYS; n++)
        if (n != 5)
            has_words(standing_look(table, name(100, n)), true);
}

/* What another process wrote is ahead of this one's time. */
static void times_to_come_are_not_idle(void **state)
{
    struct board_standing *table = *state;

    fill(table, 0, NOW + 50);
    assert_true(standing_is_nobodys(standing_find(table, name(0, WAYS), NOW)));
    assert_true(standing_is_nobodys(standing_find(table, name(0, WAYS), 0)));
}

static void *find_all(void *arg)
{
    struct board_standing *table = arg;

    for (unsigned round = 0; round < 200; round++)
        for (uint64_t n = 0; n < NAMES; n++)
            (void)standing_find(table, 1 + n * 31, NOW + round);
    return NULL;
}

static void many_find_at_once(void **state)
{
    struct board_standing *table = *state;
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, find_all, table), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (uint64_t n = 0; n < NAMES; n++) {
        const struct board_standing *s = standing_look(table, 1 + n * 31);

        assert_non_null(s);
        assert_ptr_equal(standing_find(table, 1 + n * 31, NOW), s);
    }
    assert_int_equal(board_get(&table[BOARD_STANDINGS].used_us), 0);
}

static void a_copy_knows_the_same_and_is_another(void **state)
{
    struct board_standing *table = *state, *copy = standing_new();

    assert_non_null(copy);
    fill(table, 7, NOW);
    set_words(&table[9]);
    set_words(&table[BOARD_STANDINGS]);
    board_set(&copy[30].id, 5); /* what it knew before is forgotten */
    standing_copy(copy, table);
    assert_memory_equal(copy, table, (BOARD_STANDINGS + 1) * sizeof(*copy));
    board_set(&copy[9].until_us, 77);
    has_words(&table[9], true);
    standing_free(&copy);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_name_keeps_its_place),
        TEST(every_way_is_used),
        TEST(who_finds_no_way_is_not_judged),
        TEST(an_idle_place_is_taken_over_clean),
        TEST(times_to_come_are_not_idle),
        TEST(many_find_at_once),
        TEST(a_copy_knows_the_same_and_is_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
