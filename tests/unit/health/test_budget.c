/* Goal: retries are a share of the requests and a little more, whatever the times are.
 * Method: sums that can be done by hand; the exponential that the steps stand for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "health/budget.h"

#define NOW      UINT64_C(5000000000)
#define MS       UINT64_C(1000)
#define ROUND_US (MS << 32) /* when the milliseconds of a word come round */
#define REST     5.0

static void has(uint64_t word, uint64_t now_us, double want, double within)
{
    double have = budget_tokens(word, now_us);

    if (!(fabs(have - want) <= within))
        fail_msg("%g tokens, not %g", have, want);
}

static uint64_t earn(uint64_t word, uint64_t now_us, unsigned n)
{
    while (n--)
        word = budget_earn(word, now_us);
    return word;
}

/* How many can be had at once. */
static unsigned spend_all(uint64_t *word, uint64_t now_us)
{
    bool enough;
    unsigned n = 0;

    for (;; n++) {
        uint64_t before = *word;

        *word = budget_spend(before, now_us, &enough);
        if (!enough) {
            assert_int_equal(*word, before);
            return n;
        }
    }
}

static void at_first_there_is_what_time_earns(void **state)
{
    uint64_t word = 0;

    has(0, 0, REST, 0);
    has(0, NOW, REST, 0);
    assert_int_equal(spend_all(&word, NOW), 5);
    has(word, NOW, 0, 0);
}

static void requests_earn_their_share(void **state)
{
    uint64_t word;

    has(budget_earn(0, NOW), NOW, REST + .15, 1e-9);
    word = earn(0, NOW, 1000);
    has(word, NOW, REST + 150, 1e-9);
    assert_int_equal(spend_all(&word, NOW), 155);
    word = earn(word, NOW, 6);
    assert_int_equal(spend_all(&word, NOW), 0); /* 0.9 */
    word = earn(word, NOW, 1);
    assert_int_equal(spend_all(&word, NOW), 1); /* 1.05 */
    has(word, NOW, .05, 1e-9);
}

static void time_earns_half_a_token_a_second(void **state)
{
    uint64_t word = 0, until;

    assert_int_equal(spend_all(&word, NOW), 5);
    until = NOW + 2000 * MS;
    assert_int_equal(spend_all(&word, until - MS), 0);
    assert_int_equal(spend_all(&word, until), 1);
    has(word, until + BUDGET_US - MS, REST, .01);
    has(word, until + BUDGET_US, REST, 0);
    has(word, until + 100 * BUDGET_US, REST, 0);
}

static void what_was_earned_is_forgotten(void **state)
{
    uint64_t word = earn(0, NOW, 1000), now = NOW;

    for (unsigned i = 0; i < 1000; i++) { /* one e-fold, of a target that is still asked */
        now += 10 * MS;
        word = earn(word, now, 1);
    }
    /* 15 a second are earned: they would come to 150 */
    has(word, now, REST + 150, 1);
    for (unsigned i = 0; i < 1000; i++) {
        bool enough;

        now += 10 * MS;
        if (i % 10 == 9) { /* one that is spent is written down, as one that is earned */
            word = budget_spend(word, now, &enough);
            assert_true(enough);
            word = earn(word, now, 7); /* 1.05 for the 1 */
        }
    }
    /* 0.5 a second more than are spent */
    has(word, now, REST + 150 / M_E + .5 * 10 * (1 - 1 / M_E), 1.5);
    has(word, now + BUDGET_US, REST, 0);
}

static void a_word_is_good_for_49_days(void **state)
{
    const uint64_t before = ROUND_US - 500 * MS;
    uint64_t word = 0;

    assert_int_equal(spend_all(&word, before), 5);
    has(word, before + 1000 * MS, .5, 1e-9);
    assert_int_equal(spend_all(&word, before + 2000 * MS), 1);
    word = earn(0, ROUND_US - MS, 100);
    has(word, ROUND_US, REST + 15, .01);
    word = earn(word, ROUND_US, 100);
    has(word, ROUND_US, REST + 30, .01);
}

/* A standby that nobody needed for weeks has what any other has that rested. */
static void a_long_rest_is_a_rest(void **state)
{
    static const uint64_t days[] = {1, 20, 25, 30, 40, 49};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        uint64_t now = NOW + days[i] * 86400 * 1000 * MS, rich = earn(0, NOW, 1000), poor = 0;

        UNUSED(spend_all(&poor, NOW));
        has(rich, now, REST, 0);
        has(poor, now, REST, 0);
        assert_int_equal(spend_all(&poor, now), 5);
        has(poor, now + 2000 * MS, 1, 1e-9); /* and time earns again */
    }
}

/* Another process wrote the word, whose time is a little ahead. */
static void time_that_goes_back_is_no_time(void **state)
{
    uint64_t word = earn(0, NOW, 1000), ahead = word;

    has(word, NOW - 50 * MS, REST + 150, 1e-9);
    for (unsigned i = 0; i < 1000; i++) /* two processes, 50 ms apart, take turns */
        word = budget_earn(word, i % 2 ? NOW : NOW - 50 * MS);
    ahead = earn(ahead, NOW, 1000);
    has(word, NOW, budget_tokens(ahead, NOW), 1e-9);
    assert_int_equal(spend_all(&word, NOW - 50 * MS), 305);
    has(word, NOW, 0, 1e-9); /* no 50 ms have passed */
}

static void it_is_never_less_than_none_nor_comes_round(void **state)
{
    struct rng r;
    uint64_t word = 0, now = NOW;

    rng_init(&r, 11);
    for (unsigned i = 0; i < 300000; i++) {
        double before = budget_tokens(word, now);
        bool enough;

        assert_true(before >= 0 && before <= UINT32_MAX / 1000.);
        if (rng_chance(&r, .5)) {
            word = budget_earn(word, now);
            has(word, now, before + .15, 1e-6);
        } else {
            word = budget_spend(word, now, &enough);
            assert_true(enough == (before >= 1));
            has(word, now, before - (enough ? 1 : 0), 1e-6);
        }
        if (rng_chance(&r, .1))
            now += rng_below(&r, rng_chance(&r, .05) ? 20000 * MS : 100 * MS);
    }
    word = (uint64_t)UINT32_MAX - 100; /* as much as fits, at 0 ms */
    word = budget_earn(word | UINT64_C(1) << 32, MS);
    has(word, MS, UINT32_MAX / 1000., 1e-3);
    has(budget_earn(word, MS), MS, UINT32_MAX / 1000., 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_first_there_is_what_time_earns),
        cmocka_unit_test(requests_earn_their_share),
        cmocka_unit_test(time_earns_half_a_token_a_second),
        cmocka_unit_test(what_was_earned_is_forgotten),
        cmocka_unit_test(a_word_is_good_for_49_days),
        cmocka_unit_test(a_long_rest_is_a_rest),
        cmocka_unit_test(time_that_goes_back_is_no_time),
        cmocka_unit_test(it_is_never_less_than_none_nor_comes_round),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
