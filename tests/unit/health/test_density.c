/* Goal: what a target has counted is what it is expected to count; how few tokens a text may have
 * is never said too high. Method: requests of known density, in drawn orders; bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "health/density.h"

static uint64_t noted(uint64_t word, uint64_t bytes, uint64_t tokens, unsigned n)
{
    while (n--)
        word = density_note(word, bytes, tokens);
    return word;
}

static void unknown_is_four(void **state)
{
    UNUSED(state);
    assert_int_equal(density_tokens(0, 4000), 1000);
    assert_int_equal(density_tokens_least(0, 16000), 1000);
    assert_int_equal(density_tokens(0, 0), 0);
}

static void it_is_learned(void **state)
{
    static const struct {
        uint64_t bytes, tokens;
    } rows[] = {{4000, 1000}, {3000, 1000}, {1000, 1000}, {10000, 1000}, {2500, 1000}};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t one = noted(0, rows[i].bytes, rows[i].tokens, 1);
        uint64_t many = noted(0, rows[i].bytes, rows[i].tokens, 300);

        assert_in_range(density_tokens(one, rows[i].bytes), 990, 1010);
        assert_in_range(density_tokens(many, rows[i].bytes), 990, 1010);
        assert_int_equal(density_tokens_least(noted(0, rows[i].bytes, rows[i].tokens, 7), 16000),
                         1000);
        assert_in_range(density_tokens_least(many, rows[i].bytes), 490, 505);
        /* other texts come: the mean follows */
        many = noted(many, 2000, 1000, 100);
        assert_in_range(density_tokens(many, 2000), 980, 1020);
    }
}

static void what_says_nothing_changes_nothing(void **state)
{
    uint64_t word = noted(0, 4000, 1000, 20);

    UNUSED(state);
    assert_true(density_note(word, DENSITY_LEAST - 1, 10) == word);
    assert_true(density_note(word, 4000, 0) == word);
    assert_true(density_note(word, UINT64_MAX, 1) == word);
    word = density_note(word, 1 << 30, 1); /* no token is so long: it counts as a long one */
    assert_in_range(density_tokens(word, 4000), 400, 1000);
    word = noted(0, DENSITY_LEAST, UINT64_MAX / 2, 300);
    assert_in_range(density_tokens(word, 1000), 1000, 4100);
    UNUSED(density_tokens(word, UINT64_MAX / 4096));
}

/* Texts between 2 and 6 bytes a token, in any order: nobody who fits is said not to. */
static void the_least_is_never_more_than_there_are(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rng r;
        uint64_t word = 0;

        rng_init(&r, seed);
        for (unsigned i = 0; i < 500; i++) {
            uint64_t tokens = 100 + rng_below(&r, 5000);
            uint64_t bytes = tokens * (2000 + rng_below(&r, 4001)) / 1000;

            if (density_tokens_least(word, bytes) > tokens)
                fail_msg("seed %llu: %llu tokens said to be more", (unsigned long long)seed,
                         (unsigned long long)tokens);
            word = density_note(word, bytes, tokens);
        }
        assert_true(density_tokens_least(word, 6000 * 10) >= 10 * 6000 / 12 - 100);
    }
}

/* One text of long tokens says that there are such, for some hundred requests. */
static void the_longest_counts_until_it_is_long_ago(void **state)
{
    uint64_t word = density_note(noted(0, 4000, 1000, 20), 40000, 1000);

    UNUSED(state);
    assert_in_range(density_tokens_least(word, 40000), 490, 510);
    assert_in_range(density_tokens_least(noted(word, 4000, 1000, 60), 40000), 510, 2000);
    assert_in_range(density_tokens_least(noted(word, 4000, 1000, 600), 40000), 4500, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_is_four),
        cmocka_unit_test(it_is_learned),
        cmocka_unit_test(what_says_nothing_changes_nothing),
        cmocka_unit_test(the_least_is_never_more_than_there_are),
        cmocka_unit_test(the_longest_counts_until_it_is_long_ago),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
