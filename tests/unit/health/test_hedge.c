/* Goal: hedges are no more than their share, of requests and of tokens, whatever comes in which
 * order.
 * Method: rows of what is earned and spent; drawn requests against a plain count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "health/hedge.h"

#define SHARE 20000u /* 2% */

static uint64_t earn_n(uint64_t word, unsigned n, uint64_t tokens)
{
    while (n--)
        word = hedge_earn(word, SHARE, tokens);
    return word;
}

static void what_is_earned_is_spent_once(void **state)
{
    static const struct {
        unsigned requests;
        uint64_t of_tokens;
        uint64_t hedge_of;
        unsigned hedges;
        const char *why;
    } rows[] = {
        {0, 0, 1, 0, "nothing is given at first"},
        {49, 100, 1, 0, "one request is missing"},
        {50, 100, 100, 1, "a share of requests as long"},
        {50, 100, 101, 0, "it has a token more than was earned"},
        {150, 100, 100, 3, "three times as many"},
        {150, 100, 200, 1, "twice as long: the tokens count"},
        {150, 1000, 100, 3, "shorter ones: the requests count"},
        {50, 0, 0, 1, "who has no tokens has one"},
        {100000, 100, 100, HEDGE_MOST, "no more are saved up"},
        {100000, UINT64_MAX, 4000000, 1, "nor tokens past all bounds"},
        {100000, UINT64_MAX, UINT64_MAX, 0, "so large that nobody counts it"},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t word = earn_n(0, rows[i].requests, rows[i].of_tokens), before;
        unsigned n = 0;
        bool enough = true;

        do {
            before = word;
            word = hedge_spend(word, rows[i].hedge_of, &enough);
            n += enough;
        } while (enough && n < 100);
        if (n != rows[i].hedges || word != before)
            fail_msg("%s: %u", rows[i].why, n);
    }
}

static void what_did_not_come_to_be_is_given_back(void **state)
{
    uint64_t word = earn_n(0, 60, 70), before = word;
    bool enough;

    UNUSED(state);
    word = hedge_spend(word, 70, &enough);
    assert_true(enough && word != before);
    assert_true(hedge_unspend(word, 70) == before);
    assert_true(hedge_left(before) > 1.19 && hedge_left(before) < 1.21);
}

static void it_is_never_more_than_its_share(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint64_t word = 0, requests = 0, hedges = 0, read = 0, again = 0;
        struct rng r;

        rng_init(&r, seed);
        for (unsigned i = 0; i < 2000; i++) {
            uint64_t tokens = 1 + rng_below(&r, rng_below(&r, 2) ? 100 : 4000);
            bool enough;

            word = hedge_earn(word, SHARE, tokens);
            requests++;
            read += tokens;
            if (rng_below(&r, 3))
                continue;
            word = hedge_spend(word, tokens, &enough);
            hedges += enough;
            again += enough ? tokens : 0;
            if (hedges * 50 > requests || again * 50 > read)
                fail_msg("seed %llu: %llu of %llu, %llu tokens of %llu", (unsigned long long)seed,
                         (unsigned long long)hedges, (unsigned long long)requests,
                         (unsigned long long)again, (unsigned long long)read);
        }
        assert_true(hedges > 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_earned_is_spent_once),
        cmocka_unit_test(what_did_not_come_to_be_is_given_back),
        cmocka_unit_test(it_is_never_more_than_its_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
