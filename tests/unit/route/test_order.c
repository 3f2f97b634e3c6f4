/* Goal: each strategy asks whom it says it asks, and a later tier never goes before an earlier one.
 * Method: many draws, counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/order.h"

#define DRAWS 10000

static const enum route_strategy all[] = {ROUTE_ORDERED, ROUTE_SPREAD, ROUTE_FASTEST,
                                          ROUTE_CHEAPEST, ROUTE_WEIGHTED};

/* How often each of n is first. */
static void count(const struct route_candidate *c, size_t n, enum route_strategy s, unsigned *first)
{
    uint8_t order[UINT8_MAX];

    memset(first, 0, n * sizeof(*first));
    for (uint64_t i = 0; i < DRAWS; i++) {
        route_order(order, c, n, s, i);
        first[order[0]]++;
    }
}

static void every_order_has_all_once_and_tiers_in_turn(void **state)
{
    struct route_candidate c[UINT8_MAX];

    for (size_t i = 0; i < UINT8_MAX; i++)
        c[i] = (struct route_candidate){(uint8_t)(i % 3), i % 7 * 1000, i % 5, (uint32_t)(i % 4)};
    for (size_t s = 0; s < ARRAY_LEN(all); s++)
        for (size_t n = 0; n <= UINT8_MAX; n = n < 4 ? n + 1 : n * 2 + 1) {
            bool seen[UINT8_MAX] = {false};
            uint8_t order[UINT8_MAX], tier = 0;

            route_order(order, c, n, all[s], n);
            for (size_t i = 0; i < n; i++) {
                assert_true(order[i] < n && !seen[order[i]]);
                seen[order[i]] = true;
                assert_true(c[order[i]].tier >= tier);
                tier = c[order[i]].tier;
            }
        }
}

static void ordered_is_as_written(void **state)
{
    const struct route_candidate c[] = {{0, 9, 9, 1}, {0, 1, 1, 1}, {1, 0, 0, 1}, {0, 5, 5, 1}};
    uint8_t order[4];

    for (uint64_t i = 0; i < 100; i++) {
        route_order(order, c, 4, ROUTE_ORDERED, i);
        assert_memory_equal(order, ((uint8_t[]){0, 1, 3, 2}), 4);
    }
}

static void spread_is_even(void **state)
{
    const struct route_candidate c[] = {{0, 9, 9, 1}, {0, 1, 1, 1}, {0, 0, 0, 1}, {0, 5, 5, 1}};
    unsigned first[4];

    count(c, 4, ROUTE_SPREAD, first);
    for (size_t i = 0; i < 4; i++)
        assert_in_range(first[i], DRAWS / 4 - DRAWS / 40, DRAWS / 4 + DRAWS / 40);
}

/* Of four: the best is one of two in half of all draws, the second in a third, ... */
static void the_fastest_gets_the_most(void **state)
{
    const struct route_candidate c[] = {
        {0, 400, 0, 1}, {0, 100, 0, 1}, {0, 300, 0, 1}, {0, 200, 0, 1}};
    const unsigned want[] = {0, DRAWS / 2, DRAWS / 6, DRAWS / 3};
    unsigned first[4];
    uint8_t order[4];

    count(c, 4, ROUTE_FASTEST, first);
    for (size_t i = 0; i < 4; i++)
        assert_true(first[i] + DRAWS / 40 >= want[i] && first[i] <= want[i] + DRAWS / 40);
    route_order(order, c, 2, ROUTE_FASTEST, 7); /* of two, the faster */
    assert_int_equal(order[0], 1);
}

static void who_is_not_known_becomes_known(void **state)
{
    const struct route_candidate c[] = {{0, 100, 0, 1}, {0, 0, 0, 1}, {0, 200, 0, 1}};
    unsigned first[3];

    count(c, 3, ROUTE_FASTEST, first);
    assert_true(first[1] > DRAWS / 2);
}

static void the_cheapest_first_and_without_a_price_last(void **state)
{
    const struct route_candidate c[] = {
        {0, 1, ROUTE_NO_PRICE, 1}, {0, 1, 30, 1}, {0, 1, 10, 1}, {0, 1, 10, 1}, {1, 1, 1, 1}};
    unsigned first[5];
    uint8_t order[5];

    count(c, 5, ROUTE_CHEAPEST, first);
    assert_int_equal(first[2] + first[3], DRAWS);
    assert_in_range(first[2], DRAWS / 2 - DRAWS / 20, DRAWS / 2 + DRAWS / 20);
    route_order(order, c, 5, ROUTE_CHEAPEST, 1);
    assert_memory_equal(order + 2, ((uint8_t[]){1, 0, 4}), 3);
}

/* Of 5, 3, 2 and 0 parts; and what is left behind the first goes by their weights too. */
static void weights_are_shares(void **state)
{
    const struct route_candidate c[] = {
        {0, 1, 1, 0}, {0, 1, 1, 3000}, {0, 1, 1, 5000}, {0, 1, 1, 2000}, {1, 1, 1, 9000}};
    unsigned first[5], second = 0, behind = 0;
    uint8_t order[5];

    count(c, 5, ROUTE_WEIGHTED, first);
    assert_int_equal(first[0] + first[4], 0);
    assert_in_range(first[1], DRAWS * 3 / 10 - DRAWS / 40, DRAWS * 3 / 10 + DRAWS / 40);
    assert_in_range(first[2], DRAWS / 2 - DRAWS / 40, DRAWS / 2 + DRAWS / 40);
    assert_in_range(first[3], DRAWS / 5 - DRAWS / 40, DRAWS / 5 + DRAWS / 40);
    for (uint64_t i = 0; i < DRAWS; i++) {
        route_order(order, c, 5, ROUTE_WEIGHTED, i);
        assert_int_equal(order[3], 0); /* without weight: behind the others of its tier */
        assert_int_equal(order[4], 4);
        second += order[0] == 2;
        behind += order[0] == 2 && order[1] == 1;
    }
    assert_in_range(behind, second * 3 / 5 - DRAWS / 40, second * 3 / 5 + DRAWS / 40);
}

/* Nobody has any; as many as there may be, of the most weight. */
static void weights_have_bounds(void **state)
{
    struct route_candidate c[UINT8_MAX];
    unsigned first[UINT8_MAX], sum = 0;
    uint8_t order[UINT8_MAX];

    memset(c, 0, sizeof(c));
    count(c, 4, ROUTE_WEIGHTED, first);
    for (size_t i = 0; i < 4; i++)
        assert_in_range(first[i], DRAWS / 4 - DRAWS / 40, DRAWS / 4 + DRAWS / 40);
    for (size_t i = 0; i < UINT8_MAX; i++)
        c[i].weight = ROUTE_WEIGHT_MOST;
    route_order(order, c, UINT8_MAX, ROUTE_WEIGHTED, UINT64_MAX);
    for (size_t i = 0; i < UINT8_MAX; i++)
        sum += order[i];
    assert_int_equal(sum, UINT8_MAX * (UINT8_MAX - 1) / 2); /* each once, as far as that tells */
    count(c, 64, ROUTE_WEIGHTED, first);
    for (size_t i = 0; i < 64; i++)
        assert_in_range(first[i], 1, DRAWS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_has_all_once_and_tiers_in_turn),
        cmocka_unit_test(ordered_is_as_written),
        cmocka_unit_test(spread_is_even),
        cmocka_unit_test(the_fastest_gets_the_most),
        cmocka_unit_test(who_is_not_known_becomes_known),
        cmocka_unit_test(the_cheapest_first_and_without_a_price_last),
        cmocka_unit_test(weights_are_shares),
        cmocka_unit_test(weights_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
