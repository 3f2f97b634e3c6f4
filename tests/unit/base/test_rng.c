/* Goal: the generator is the published one, and its ranges are even and closed.
 * Method: known first numbers; counts over many draws with bounds far outside of chance. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"

static void seed_0_gives_the_published_numbers(void **state)
{
    struct rng r;

    UNUSED(state);
    rng_init(&r, 0);
    assert_true(r.s[0] == UINT64_C(0xe220a8397b1dcdaf)); /* splitmix64 */
    assert_true(r.s[1] == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(rng_u64(&r) == UINT64_C(0x99ec5f36cb75f2b4)); /* xoshiro256** */
}

static void ranges_are_closed_and_even(void **state)
{
    size_t seen[10] = {0};
    struct rng r;

    UNUSED(state);
    rng_init(&r, 3);
    for (int i = 0; i < 100000; i++)
        seen[rng_range(&r, 5, 14) - 5]++;
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_true(rng_range(&r, 9, 9) == 9);
    assert_true(rng_below(&r, 1) == 0);
}

static void chance_has_certain_ends(void **state)
{
    size_t hits = 0;
    struct rng r;

    UNUSED(state);
    rng_init(&r, 4);
    for (int i = 0; i < 10000; i++) {
        assert_false(rng_chance(&r, 0));
        assert_true(rng_chance(&r, 1));
        hits += rng_chance(&r, 0.25);
    }
    assert_in_range(hits, 2300, 2700);
}

static void bytes_of_every_size_are_the_same_sequence(void **state)
{
    unsigned char a[21] = {0}, b[21] = {0};
    struct rng r;

    UNUSED(state);
    for (size_t n = 0; n <= sizeof(a); n++) {
        rng_init(&r, 9);
        rng_bytes(&r, a, sizeof(a));
        rng_init(&r, 9);
        rng_bytes(&r, b, n);
        assert_memory_equal(a, b, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seed_0_gives_the_published_numbers),
        cmocka_unit_test(ranges_are_closed_and_even),
        cmocka_unit_test(chance_has_certain_ends),
        cmocka_unit_test(bytes_of_every_size_are_the_same_sequence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
