/* Goal: what providers say of their rate limits is read, whatever they call it; nothing else is.
 * Method: the heads of their documents; values that say nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "provider/errors.h"
#include "provider/limits.h"

#define WALL_MS UINT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define SECOND  UINT64_C(1000000)

static struct provider_limits read_of(const char *provider, const char *const fields[][2], size_t n)
{
    const struct provider *p = provider_find(span_str(provider));
    struct provider_limits l = {0};

    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        provider_limits_field(&l, p, span_str(fields[i][0]), span_str(fields[i][1]), WALL_MS);
    provider_limits_end(&l, p);
    return l;
}

static struct provider_limits read(const char *const fields[][2], size_t n)
{
    return read_of("openai", fields, n);
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

/* Heads of answers as people have seen them, other fields left out. */
static const struct {
    const char *provider;
    const char *fields[12][2];
    struct provider_limit of[LIMITED];
} others[] = {
    {"mistral",
     {{"x-ratelimit-limit-req-minute", "60"},
      {"x-ratelimit-limit-tokens-minute", "50000"},
      {"x-ratelimit-limit-tokens-month", "4000000"},
      {"x-ratelimit-remaining-req-minute", "59"},
      {"x-ratelimit-remaining-tokens-minute", "47196"},
      {"x-ratelimit-remaining-tokens-month", "3950246"},
      {"x-ratelimit-tokens-query-cost", "2804"}},
     {{true, false, 60, 59, 0}, {true, false, 50000, 47196, 0}, {0}}},
    {"mistral", /* the month is nearly over */
     {{"x-ratelimit-remaining-tokens-month", "17"},
      {"x-ratelimit-limit-tokens-month", "4000000"},
      {"x-ratelimit-remaining-tokens-minute", "47196"},
      {"x-ratelimit-limit-tokens-minute", "50000"}},
     {{0}, {true, false, 4000000, 17, 0}, {0}}},
    {"mistral", /* as it was called before */
     {{"ratelimitbysize-limit", "500000"},
      {"ratelimitbysize-remaining", "499974"},
      {"ratelimitbysize-reset", "54"},
      {"x-ratelimitbysize-limit-minute", "500000"},
      {"x-ratelimitbysize-remaining-minute", "499974"},
      {"x-ratelimitbysize-limit-month", "1000000000"},
      {"x-ratelimitbysize-remaining-month", "999999974"}},
     {{0}, {true, true, 500000, 499974, 54 * SECOND}, {0}}},
    {"cerebras",
     {{"x-ratelimit-limit-requests-day", "14400"},
      {"x-ratelimit-limit-tokens-minute", "60000"},
      {"x-ratelimit-remaining-requests-day", "14399"},
      {"x-ratelimit-remaining-tokens-minute", "59978"},
      {"x-ratelimit-reset-requests-day", "33011.382867"},
      {"x-ratelimit-reset-tokens-minute", "11.382867"}},
     {{true, true, 14400, 14399, UINT64_C(33011382867)},
      {true, true, 60000, 59978, 11382867},
      {0}}},
    {"cerebras", /* of a minute there is less than of the day */
     {{"x-ratelimit-limit-requests-day", "14400"},
      {"x-ratelimit-remaining-requests-day", "9500"},
      {"x-ratelimit-reset-requests-day", "33011.4"},
      {"x-ratelimit-limit-requests-minute", "120"},
      {"x-ratelimit-remaining-requests-minute", "115"},
      {"x-ratelimit-reset-requests-minute", "45.5"}},
     {{true, true, 120, 115, 45500000}, {0}, {0}}},
    {"fireworks",
     {{"x-ratelimit-limit-tokens-generated", "72000"},
      {"x-ratelimit-remaining-tokens-generated", "69338"},
      {"x-ratelimit-limit-tokens-prompt", "7200000"},
      {"x-ratelimit-remaining-tokens-prompt", "7193993"},
      {"x-ratelimit-over-limit", "no"}},
     {{0}, {true, false, 7200000, 7193993, 0}, {true, false, 72000, 69338, 0}}},
    {"fireworks", /* limits alone say nothing of what is left */
     {{"x-ratelimit-limit-tokens-generated", "216000"}},
     {{0}, {0}, {false, false, 216000, 0, 0}}},
    {"together", /* of a second */
     {{"x-ratelimit-limit", "10"},
      {"x-ratelimit-remaining", "9"},
      {"x-ratelimit-reset", "1"},
      {"x-tokenlimit-limit", "3000"},
      {"x-tokenlimit-remaining", "2971"}},
     {{true, true, 10, 9, SECOND}, {true, true, 3000, 2971, SECOND}, {0}}},
    {"openrouter", /* free models in a refusal; the time is one of milliseconds */
     {{"x-ratelimit-limit", "50"},
      {"x-ratelimit-remaining", "0"},
      {"x-ratelimit-reset", "1767229200000"}},
     {{true, true, 50, 0, 3600 * SECOND}, {0}, {0}}},
    {"groq", /* the same fields of somebody else are not of requests */
     {{"x-ratelimit-limit", "50"}, {"x-ratelimit-remaining", "0"}},
     {{0}, {0}, {0}}},
    {"cohere",
     {{"x-endpoint-monthly-call-limit", "1000"},
      {"x-trial-endpoint-call-limit", "20"},
      {"x-trial-endpoint-call-remaining", "19"}},
     {{true, false, 20, 19, 0}, {0}, {0}}},
    {"azure",
     {{"x-ratelimit-limit-requests", "2500"},
      {"x-ratelimit-limit-tokens", "250000"},
      {"x-ratelimit-remaining-requests", "2499"},
      {"x-ratelimit-remaining-tokens", "249993"},
      {"x-ratelimit-renewalperiod-requests", "60"},
      {"x-ratelimit-renewalperiod-tokens", "60"},
      {"x-ratelimit-reset-requests", "24"},
      {"x-ratelimit-reset-tokens", "0"}},
     {{true, true, 2500, 2499, 24 * SECOND}, {true, true, 250000, 249993, 60 * SECOND}, {0}}},
    {"groq",
     {{"retry-after", "7.66"},
      {"x-ratelimit-limit-requests", "1000"},
      {"x-ratelimit-limit-tokens", "8000"},
      {"x-ratelimit-remaining-requests", "997"},
      {"x-ratelimit-remaining-tokens", "6200"},
      {"x-ratelimit-reset-requests", "4m19.2s"},
      {"x-ratelimit-reset-tokens", "13.5s"}},
     {{true, true, 1000, 997, 259200000}, {true, true, 8000, 6200, 13500000}, {0}}},
};

static void others_ways(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct provider_limits l;
        size_t n = 0;

        while (n < ARRAY_LEN(others[i].fields) && others[i].fields[n][0])
            n++;
        for (int reversed = 0; reversed < 2; reversed++) { /* they come in any order */
            const char *fields[ARRAY_LEN(others[i].fields)][2];

            for (size_t k = 0; k < n; k++)
                memcpy(fields[k], others[i].fields[reversed ? n - 1 - k : k], sizeof(fields[k]));
            l = read_of(others[i].provider, fields, n);
            for (size_t k = 0; k < LIMITED; k++) {
                const struct provider_limit *a = &l.of[k], *b = &others[i].of[k];

                if (a->said != b->said || a->resets != b->resets || a->most != b->most ||
                    a->left != b->left || a->reset_us != b->reset_us)
                    fail_msg("row %zu (%s), limit %zu: said %d, resets %d, %llu of %llu, %llu us",
                             i, others[i].provider, k, a->said, a->resets,
                             (unsigned long long)a->left, (unsigned long long)a->most,
                             (unsigned long long)a->reset_us);
            }
        }
    }
}

static void whose_models_share_a_limit(void **state)
{
    static const struct {
        const char *provider, *model, *group; /* NULL: it has its own */
    } rows[] = {
        {"openai", "gpt-5", "gpt-5"},
        {"openai", "gpt-5-2025-08-07", "gpt-5"},
        {"openai", "gpt-5-mini-2025-08-07", "gpt-5-mini"},
        {"openai-responses", "o3-2025-04-16", "o3"},
        {"openai", "gpt-5-2025-8-7", "gpt-5-2025-8-7"},
        {"openai", "-2025-08-07", "-2025-08-07"},
        {"openai", "gpt-4-0613", "gpt-4-0613"},
        {"anthropic", "claude-opus-4-1-20250805", "claude-opus-4*"},
        {"anthropic", "claude-opus-4-5", "claude-opus-4*"},
        {"anthropic", "claude-sonnet-4-5", "claude-sonnet-4*"},
        {"anthropic", "claude-haiku-4-5", NULL},
        {"azure", "my-gpt-5-2025-08-07", NULL},
        {"openrouter", "z-ai/glm-4.5-air:free", "*:free"},
        {"openrouter", "z-ai/glm-4.5-air", NULL},
        {"cohere", "command-a-03-2025", "*"},
        {"mistral", "mistral-large-latest", NULL},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span group = provider_limit_group(provider_find(span_str(rows[i].provider)),
                                                 span_str(rows[i].model));

        if (span_has(group) != (rows[i].group != NULL) ||
            (rows[i].group && !span_is(group, rows[i].group)))
            fail_msg("%s: '%.*s'", rows[i].model, (int)(span_has(group) ? group.n : 0),
                     span_has(group) ? group.p : "");
    }
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
        cmocka_unit_test(openais_way),
        cmocka_unit_test(anthropics_way),
        cmocka_unit_test(azures_way_says_less),
        cmocka_unit_test(what_cannot_be_read_says_nothing),
        cmocka_unit_test(who_asks_to_slow_down),
        cmocka_unit_test(others_ways),
        cmocka_unit_test(whose_models_share_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
