/*
 * Goal: an answer is gone on with by the same weights, whoever has them, and by no others.
 * Method: names as providers and engines spell them, in rows; each pair both ways, and each name
 * with itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "provider/family.h"

static const struct {
    const char *a, *b;
    bool same;
} rows[] = {
    {"claude-sonnet-4-5", "claude-sonnet-4-5-20250929", true},
    {"claude-sonnet-4-5-20250929", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", true},
    {"claude-sonnet-4-5@20250929", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", true},
    {"claude-sonnet-4-5@20250929", "anthropic/claude-sonnet-4-5", true},
    {"claude-sonnet-4-5@default", "claude-sonnet-4-5-latest", true},
    {"claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20251001", false},
    {"claude-sonnet-4-5", "claude-sonnet-4", false},
    {"claude-sonnet-4-5", "claude-opus-4-5", false},
    {"claude-3-5-sonnet-20240620", "claude-3-5-sonnet-20241022", false},
    {"apac.anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku-20240307", true},
    {"Org/Qwen3-4B", "qwen3-4b", true},
    {"Qwen/Qwen3-4B", "accounts/fireworks/models/qwen3-4b", true},
    {"qwen3-4b", "qwen3-8b", false},
    {"qwen3-4b", "qwen3-4b-awq", false}, /* other numbers are other weights */
    {"qwen2.5-7b", "qwen2.5-7b", true},
    {"qwen2.5-7b", "5-7b", false}, /* its point is no platform's */
    {"gpt-4o", "gpt-4o-mini", false},
    {"gpt-4o-2024-08-06", "gpt-4o-2024-08-06", true},
    {"gpt-4o-2024-08-06", "gpt-4o-2024-05-13", false},
    {"mistral-large-latest", "mistral-large", true},
    {"mistral-small-2506", "mistral-small-2503", false},
    {"m", "m", true},
    {"m", "M", true},
    {"m", "n", false},
    {"", "", false}, /* nobody knows */
    {"", "m", false},
    {"org/", "m", false},
    {"org/", "org/", false},
    {"-20250929", "-20250929", false},
};

static void names(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span a = span_str(rows[i].a), b = span_str(rows[i].b);

        if (provider_same_family(a, b) != rows[i].same ||
            provider_same_family(b, a) != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
