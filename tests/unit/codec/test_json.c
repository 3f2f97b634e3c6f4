/* Goal: strings and numbers that the scanner found are read as what they mean.
 * Method: rows of spelling and value; every capacity up to the length is tried. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/json_scan.h"

#define ROW(raw, plain) {{raw, sizeof(raw) - 1}, {plain, sizeof(plain) - 1}}

static const struct {
    struct span raw, plain;
} strings[] = {
    ROW("", ""),
    ROW("plain", "plain"),
    ROW("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"),
    ROW("a\\nb\\\\nc", "a\nb\\nc"),
    ROW("\\u0000", "\0"),
    ROW("\\u0041\\u007f\\u0080\\u07ff\\u0800\\uffff",
        "A\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF"),
    ROW("\\u00E9\\u00e9", "\xC3\xA9\xC3\xA9"),
    ROW("\\ud83d\\ude00", "\xF0\x9F\x98\x80"),
    ROW("\\uD800\\uDC00\\uDBFF\\uDFFF", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"),
    ROW("x\\ud800", "x\xEF\xBF\xBD"),
    ROW("\\ud800\\u0041", "\xEF\xBF\xBD"
                          "A"),
    ROW("\\udc00\\ud800\\n", "\xEF\xBF\xBD\xEF\xBF\xBD\n"),
    ROW("\\ud800\\ud83d\\ude00", "\xEF\xBF\xBD\xF0\x9F\x98\x80"),
    ROW("\xE6\xBC\xA2\\t", "\xE6\xBC\xA2\t"),
};

static void strings_are_unescaped(void **state)
{
    char out[64];

    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        size_t n = strings[i].plain.n;

        for (size_t cap = 0; cap < n; cap++)
            assert_int_equal(json_unescape(strings[i].raw, out, cap), SIZE_MAX);
        for (size_t cap = n; cap <= n + 1; cap++) {
            assert_int_equal(json_unescape(strings[i].raw, out, cap), n);
            assert_memory_equal(out, strings[i].plain.p, n);
        }
    }
}

/* A text that was cut inside of an escape must not be read past its end. */
static void cut_escapes_stay_inside(void **state)
{
    static const char text[] = "\\ud83d\\ude00";

    for (size_t n = 0; n < sizeof(text); n++) {
        char *copy = malloc(n + 1), out[16];

        assert_non_null(copy);
        memcpy(copy, text, n);
        assert_true(json_unescape(span_of(copy, n), out, sizeof(out)) <= sizeof(out));
        free(copy);
    }
}

static const struct {
    const char *raw;
    int rc;
    uint64_t value;
} numbers[] = {
    {"0", 0, 0},
    {"12", 0, 12},
    {"12.0", 0, 12},
    {"12.000", 0, 12},
    {"1.2e1", 0, 12},
    {"1.2E+1", 0, 12},
    {"120e-1", 0, 12},
    {"0.12e2", 0, 12},
    {"0.0012e4", 0, 12},
    {"9007199254740993", 0, 9007199254740993},
    {"18446744073709551615", 0, UINT64_MAX},
    {"18446744073709551615.0", 0, UINT64_MAX},
    {"1.8446744073709551615e19", 0, UINT64_MAX},
    {"18446744073709551616", -1, 0},
    {"184467440737095516150", -1, 0},
    {"1e19", 0, 10000000000000000000U},
    {"2e19", -1, 0},
    {"1e20", -1, 0},
    {"1e400", -1, 0},
    {"1e99999999999999999999999999", -1, 0},
    {"0e99999999999999999999999999", 0, 0},
    {"0.0e-99999999999999999999999", 0, 0},
    {"1e-99999999999999999999999999", -1, 0},
    {"1.5", -1, 0},
    {"12e-1", -1, 0},
    {"0.1", -1, 0},
    {"-1", -1, 0},
    {"-0", -1, 0},
    {"", -1, 0},
};

static void whole_numbers_are_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uint64_t v = 77;

        assert_int_equal(json_u64(span_str(numbers[i].raw), &v), numbers[i].rc);
        assert_true(v == (numbers[i].rc < 0 ? 77 : numbers[i].value));
    }
    assert_int_equal(json_u64((struct span){NULL, 0}, &(uint64_t){0}), -1);
    assert_int_equal(json_unescape((struct span){NULL, 0}, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(cut_escapes_stay_inside),
        cmocka_unit_test(whole_numbers_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
