/* Goal: what providers say of their rate limits is read, whatever they call it; nothing else is.
 * Method: the heads of their documents; values that say nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/errors.h"
#include "provider/limits.h"

#define WALL_MS UINT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define SECOND  UINT64_C(1000000)

static struct provider_limits read(const char *const fields[][2], size_t n)
{
    struct provider_limits l = {0};

    for (size_t i = 0; i < n; i++)
        provider_limits_field(&l, span_str(fields[i][0]), span_str(fields[i][1]), WALL_MS);
    return l;
}

static void is(const struct provider_limit *l, uint64_t most, uint64_t left, uint64_t reset_us)
{
    assert_true(l->said);
    assert_true(l->resets);
    assert_int_equal(l->most, most);
    assert_int_equal(l->left, left);
    assert_int_equal(l->reset_us, reset_us);
}

static void openais_way(void **state)
{
    static const char *const fields[][2] = {
        {"date", "Thu, 01 Jan 2026 00:00:00 GMT"}, {"x-ratelimit-limit-requests", "500"},
        {"x-ratelimit-limit-tokens", "30000"},     {"x-ratelimit-remaining-requests", "499"},
        {"x-ratelimit-remaining-tokens", "21000"}, {"x-ratelimit-reset-requests", "120ms"},
        {"x-ratelimit-reset-tokens", "1m18s"},     {"x-request-id", "7"},
    };
    struct provider_limits l = read(fields, ARRAY_LEN(fields));

    UNUSED(state);
    assert_true(provider_limits_said(&l));
    is(&l.of[LIMITED_REQUESTS], 500, 499, 120000);
    is(&l.of[LIMITED_TOKENS], 30000, 21000, 78 * SECOND);
    assert_false(l.of[LIMITED_OUTPUT].said);
}

static void anthropics_way(void **state)
{
    static const char *const fields[][2] = {
        {"anthropic-ratelimit-tokens-limit", "48000"},
        {"anthropic-ratelimit-tokens-remaining", "7"},
        {"anthropic-ratelimit-tokens-reset", "2026-01-01T00:05:00Z"},
        {"anthropic-ratelimit-requests-limit", "50"},
        {"anthropic-ratelimit-requests-remaining", "0"},
        {"anthropic-ratelimit-requests-reset", "2026-01-01T00:00:37Z"},
        {"anthropic-ratelimit-input-tokens-limit", "40000"},
        {"anthropic-ratelimit-input-tokens-remaining", "39000"},
        {"anthropic-ratelimit-input-tokens-reset", "2026-01-01T00:00:02Z"},
        {"anthropic-ratelimit-output-tokens-limit", "8000"},
        {"anthropic-ratelimit-output-tokens-remaining", "8000"},
        {"anthropic-ratelimit-output-tokens-reset", "2025-12-31T23:59:59Z"},
        {"anthropic-organization-id", "org"},
    };
    struct provider_limits l = read(fields, ARRAY_LEN(fields));

    UNUSED(state);
    is(&l.of[LIMITED_REQUESTS], 50, 0, 37 * SECOND);
    is(&l.of[LIMITED_TOKENS], 40000, 39000, 2 * SECOND);
    is(&l.of[LIMITED_OUTPUT], 8000, 8000, 0);
}

static void azures_way_says_less(void **state)
{
    static const char *const fields[][2] = {
        {"x-ratelimit-remaining-requests", "9"},
        {"x-ratelimit-remaining-tokens", "9984"},
        {"x-ratelimit-reset-tokens", "0"}, /* says nothing */
    };
    struct provider_limits l = read(fields, ARRAY_LEN(fields));

    UNUSED(state);
    assert_true(l.of[LIMITED_TOKENS].said);
    assert_false(l.of[LIMITED_TOKENS].resets);
    assert_int_equal(l.of[LIMITED_TOKENS].left, 9984);
    assert_int_equal(l.of[LIMITED_TOKENS].most, 0);
}

static void what_cannot_be_read_says_nothing(void **state)
{
    static const char *const fields[][2] = {
        {"x-ratelimit-remaining-requests", "-1"},
        {"x-ratelimit-remaining-tokens", "many"},
        {"x-ratelimit-limit-tokens", "1.5"},
        {"x-ratelimit-remaining", "3"},
        {"anthropic-ratelimit-input-tokens-remaining", ""},
        {"a", "1"},
        {"", "1"},
        {"x-ratelimit-reset-tokens", "soon"},
    };
    struct provider_limits l = read(fields, ARRAY_LEN(fields));

    UNUSED(state);
    assert_false(provider_limits_said(&l));
    assert_false(l.of[LIMITED_TOKENS].resets);
    assert_int_equal(l.of[LIMITED_TOKENS].most, 0);
}

static void who_asks_to_slow_down(void **state)
{
    static const struct {
        const char *provider, *code, *text;
        uint16_t status;
        bool ramps;
    } rows[] = {
        {"openai", "slow_down", "", 429, true},
        {"openai", "slow_down", "", 503, true},
        {"openai-responses", "slow_down", "", 0, true},
        {"openai", "rate_limit_exceeded", "Rate limit reached", 429, false},
        {"anthropic", "rate_limit_error",
         "This request would exceed your organization's maximum usage increase rate for input "
         "tokens per minute.",
         429, true},
        {"anthropic", "rate_limit_error",
         "Number of request tokens has exceeded your Acceleration limit", 429, true},
        {"anthropic", "rate_limit_error", "would exceed the rate limit for your organization", 429,
         false},
        {"anthropic", "api_error", "maximum usage increase rate", 500, false},
        {"openai-compatible", "slow_down", "", 429, false},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct provider_failure f = {.status = rows[i].status,
                                     .code = span_str(rows[i].code),
                                     .text = span_str(rows[i].text)};

        if (provider_ramps(provider_find(span_str(rows[i].provider)), &f) != rows[i].ramps)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openais_way),           cmocka_unit_test(anthropics_way),
        cmocka_unit_test(azures_way_says_less),  cmocka_unit_test(what_cannot_be_read_says_nothing),
        cmocka_unit_test(who_asks_to_slow_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
