/*
 * Goal: every token is paid for once, at the rate of what it is; what cannot be known has no cost.
 * Method: a row of prices in which each part has a digit of its own, so that a sum shows what was
 * counted; then each bound, at it and past it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/price.h"

#define TOKENS(...) {.seen = true, __VA_ARGS__}

static const struct price_tier tiers[] = {
    {.above = 1000,
     .rates.pico = {[PRICE_INPUT] = 2,
                    [PRICE_CACHED] = PRICE_UNSET,
                    [PRICE_CACHE_WRITE] = PRICE_UNSET,
                    [PRICE_CACHE_WRITE_1H] = PRICE_UNSET,
                    [PRICE_AUDIO_IN] = PRICE_UNSET,
                    [PRICE_AUDIO_CACHED] = PRICE_UNSET,
                    [PRICE_OUTPUT] = 3,
                    [PRICE_REASONING] = PRICE_UNSET,
                    [PRICE_AUDIO_OUT] = PRICE_UNSET}},
    {.above = 2000, .rates.pico = {[PRICE_INPUT] = 5, [PRICE_OUTPUT] = 7}},
};

/* One token of each part adds one to a digit of the cost. */
static const struct price digits = {.rates.pico = {[PRICE_INPUT] = 1,
                                                   [PRICE_CACHED] = 100,
                                                   [PRICE_CACHE_WRITE] = 10000,
                                                   [PRICE_CACHE_WRITE_1H] = 1000000,
                                                   [PRICE_AUDIO_IN] = 100000000,
                                                   [PRICE_AUDIO_CACHED] = 10000000000,
                                                   [PRICE_OUTPUT] = 1000000000000,
                                                   [PRICE_REASONING] = 100000000000000,
                                                   [PRICE_AUDIO_OUT] = 10000000000000000},
                                    .tiers = tiers,
                                    .tiers_n = ARRAY_LEN(tiers)};

/* clang-format off */
static const struct {
    const char *what;
    struct dialect_usage usage;
    enum pricing pricing;
    uint64_t cost;
} rows[] = {
    {"nothing", TOKENS(.input = 0), PRICING_KNOWN, 0},
    {"plain input and output", TOKENS(.input = 10, .output = 5), PRICING_KNOWN, 5000000000010},
    {"cached is part of the input", TOKENS(.input = 10, .cache_read = 4), PRICING_KNOWN, 406},
    {"written is part of the input", TOKENS(.input = 10, .cache_write = 4), PRICING_KNOWN, 40006},
    {"for an hour is part of written", TOKENS(.input = 10, .cache_write = 4, .cache_write_1h = 3), PRICING_KNOWN, 3010006},
    {"audio is part of the input", TOKENS(.input = 10, .audio_in = 4), PRICING_KNOWN, 400000006},
    {"cached audio is part of both", TOKENS(.input = 10, .cache_read = 5, .audio_in = 4, .audio_cached = 3), PRICING_KNOWN, 30100000204},
    {"reasoning is part of the output", TOKENS(.output = 9, .reasoning = 2), PRICING_KNOWN, 207000000000000},
    {"audio is part of the output", TOKENS(.output = 9, .audio_out = 2), PRICING_KNOWN, 20007000000000000},
    {"all at once", TOKENS(.input = 21, .cache_read = 5, .cache_write = 7, .cache_write_1h = 3, .audio_in = 6, .audio_cached = 2,
                           .output = 9, .reasoning = 3, .audio_out = 2), PRICING_KNOWN, 20304020403040305},
    {"more cached than there is", TOKENS(.input = 3, .cache_read = 9), PRICING_KNOWN, 300},
    {"cached and written are more than there is", TOKENS(.input = 5, .cache_read = 4, .cache_write = 4), PRICING_KNOWN, 10400},
    {"more for an hour than written", TOKENS(.input = 5, .cache_write = 2, .cache_write_1h = 4), PRICING_KNOWN, 2000003},
    {"cached and audio are more than there is", TOKENS(.input = 5, .cache_read = 4, .audio_in = 4), PRICING_KNOWN, 100000400},
    {"more cached audio than audio", TOKENS(.input = 5, .cache_read = 4, .audio_in = 1, .audio_cached = 4), PRICING_KNOWN, 10000000301},
    {"more reasoning than output", TOKENS(.output = 2, .reasoning = 9), PRICING_KNOWN, 200000000000000},
    {"at the tier's bound", TOKENS(.input = 1000), PRICING_KNOWN, 1000},
    {"past it, all tokens cost more", TOKENS(.input = 1001, .output = 1), PRICING_KNOWN, 2005},
    {"at the next bound", TOKENS(.input = 2000), PRICING_KNOWN, 4000},
    {"past it", TOKENS(.input = 2001, .output = 2), PRICING_KNOWN, 10019},
    {"cached tokens count for the bound", TOKENS(.input = 2001, .cache_read = 2001), PRICING_KNOWN, 0},
    {"a part that has no rate", TOKENS(.input = 1001, .cache_read = 1), PRICING_NO_RATE, 0},
    {"no tokens of a part that has no rate", TOKENS(.input = 1001, .reasoning = 1), PRICING_KNOWN, 2002},
    {"another tier", TOKENS(.input = 10, .tiers = TIER_PLACE), PRICING_TIER, 0},
    {"more than tokens", TOKENS(.input = 10, .extras = true), PRICING_EXTRAS, 10},
    {"more than tokens, at another tier", TOKENS(.input = 10, .tiers = TIER_QUEUE, .extras = true), PRICING_TIER, 0},
    {"no usage", {.input = 5, .output = 5}, PRICING_NO_USAGE, 0},
};
/* clang-format on */

static void every_token_is_paid_for_once(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t cost = 0;
        enum pricing p = price_cost(&cost, &digits, &rows[i].usage);

        if (p != rows[i].pricing || cost != rows[i].cost)
            fail_msg("%s: %s %llu", rows[i].what, price_word(p), (unsigned long long)cost);
    }
}

static uint64_t sum(const uint64_t *parts, size_t from, size_t to)
{
    uint64_t n = 0;

    for (size_t i = from; i < to; i++)
        n += parts[i];
    return n;
}

/* Whatever a host claims, the parts are the two sums again: of every mix of small counts. */
static void the_parts_are_the_sums(void **state)
{
    uint64_t parts[PRICE_PARTS];

    for (unsigned i = 0; i < 4 * 4 * 4 * 4 * 4 * 4; i++) {
        struct dialect_usage u = {.input = i & 3,
                                  .cache_read = i >> 2 & 3,
                                  .cache_write = i >> 4 & 3,
                                  .cache_write_1h = i >> 6 & 3,
                                  .audio_in = i >> 8 & 3,
                                  .audio_cached = i >> 10 & 3,
                                  .output = i >> 2 & 3,
                                  .reasoning = i & 3,
                                  .audio_out = i >> 4 & 3};

        price_split(&u, parts);
        assert_int_equal(sum(parts, PRICE_INPUT, PRICE_OUTPUT), u.input);
        assert_int_equal(sum(parts, PRICE_OUTPUT, PRICE_PARTS), u.output);
    }
}

static void a_cost_past_all_bounds_is_none(void **state)
{
    static const struct {
        uint64_t rate, in, out;
        enum pricing pricing;
    } bounds[] = {
        {1, UINT64_MAX, 0, PRICING_KNOWN},
        {1, UINT64_MAX, 1, PRICING_TOO_LARGE}, /* the sum */
        {2, UINT64_MAX / 2, 0, PRICING_KNOWN},
        {2, UINT64_MAX / 2 + 1, 0, PRICING_TOO_LARGE}, /* the product */
        {1000000000000, 18446744, 0, PRICING_KNOWN},
        {1000000000000, 18446745, 0, PRICING_TOO_LARGE},
    };

    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        struct price p = {
            .rates.pico = {[PRICE_INPUT] = bounds[i].rate, [PRICE_OUTPUT] = bounds[i].rate}};
        struct dialect_usage u = TOKENS(.input = bounds[i].in, .output = bounds[i].out);
        uint64_t cost = 77;

        assert_int_equal(price_cost(&cost, &p, &u), bounds[i].pricing);
        assert_int_equal(cost, bounds[i].pricing == PRICING_KNOWN
                                   ? bounds[i].rate * (bounds[i].in + bounds[i].out)
                                   : 77);
    }
}

/* An engine of one's own: who pays nothing need not count. */
static void what_is_free_needs_no_usage(void **state)
{
    struct price p = {.rates.pico = {[PRICE_AUDIO_OUT] = PRICE_UNSET}};
    struct dialect_usage none = {0}, audio = TOKENS(.output = 1, .audio_out = 1);
    uint64_t cost = 77;

    assert_int_equal(price_cost(&cost, &p, &none), PRICING_KNOWN);
    assert_int_equal(cost, 0);
    assert_int_equal(price_cost(&cost, &p, &audio), PRICING_NO_RATE);
    p.tiers = tiers; /* dear for long inputs: without usage nobody knows */
    p.tiers_n = 1;
    assert_int_equal(price_cost(&cost, &p, &none), PRICING_NO_USAGE);
}

static void dollars_are_written_exactly(void **state)
{
    static const struct {
        uint64_t pico;
        const char *text;
    } texts[] = {
        {0, "0"},
        {1, "0.000000000001"},
        {14300000000, "0.0143"},
        {1000000000000, "1"},
        {10000000000000, "10"},
        {999999999999, "0.999999999999"},
        {UINT64_MAX, "18446744.073709551615"},
    };
    char out[PRICE_TEXT];

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_string_equal(price_text(texts[i].pico, out), texts[i].text);
}

static void dollars_are_read_exactly(void **state)
{
    static const char *const wrong[] = {"",         ".",
                                        "1.",       ".5",
                                        "-1",       "1e3",
                                        "1,5",      " 1",
                                        "1.2.3",    "0.1234567890123",
                                        "$1",       "1.x",
                                        "18446745", "18446744.073709551616"};
    static const uint64_t right[] = {0, 1, 14300000000, 1000000000000, 999999999999, UINT64_MAX};
    char text[PRICE_TEXT];
    uint64_t pico;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        assert_int_equal(price_read(&pico, span_str(price_text(right[i], text))), 0);
        assert_true(pico == right[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (price_read(&pico, span_str(wrong[i])) == 0)
            fail_msg("'%s' is %llu", wrong[i], (unsigned long long)pico);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_token_is_paid_for_once),
        cmocka_unit_test(the_parts_are_the_sums),
        cmocka_unit_test(a_cost_past_all_bounds_is_none),
        cmocka_unit_test(what_is_free_needs_no_usage),
        cmocka_unit_test(dollars_are_written_exactly),
        cmocka_unit_test(dollars_are_read_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
