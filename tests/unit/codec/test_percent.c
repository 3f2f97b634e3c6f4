/*
 * Goal: every byte comes back from its escape; what is no escape stands as it is.
 * Method: all bytes, and rows of texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/percent.h"

static void every_byte_comes_back(void **state)
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c, back = 0;
        struct buf b;

        buf_init(&b, 8);
        percent_encode(&b, span_of(&byte, 1), "");
        assert_true(buf_ok(&b) && (b.n == 1 || b.n == 3));
        assert_int_equal(percent_take(buf_span(&b), &back), b.n);
        assert_int_equal(back, byte);
        buf_fini(&b);
    }
}

static void what_may_stand_stands(void **state)
{
    static const struct {
        struct span in;
        const char *keep, *out;
    } rows[] = {
        {SPAN_LIT("aZ09-_.~"), "", "aZ09-_.~"}, {SPAN_LIT("a/b:c d+%"), "", "a%2Fb%3Ac%20d%2B%25"},
        {SPAN_LIT("a/b:c"), "/", "a/b%3Ac"},    {SPAN_LIT("\0/"), "/", "%00/"},
        {SPAN_LIT("\xC3\xA9"), "", "%C3%A9"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;

        buf_init(&b, 64);
        percent_encode(&b, rows[i].in, rows[i].keep);
        buf_add_char(&b, '\0');
        assert_string_equal(b.p, rows[i].out);
        buf_fini(&b);
    }
}

static void what_is_no_escape_is_itself(void **state)
{
    static const struct {
        const char *in;
        size_t takes;
        char out;
    } rows[] = {
        {"%41b", 3, 'A'}, {"%2f", 3, '/'}, {"%2F", 3, '/'}, {"%4", 1, '%'},
        {"%", 1, '%'},    {"%4g", 1, '%'}, {"%g4", 1, '%'}, {"+", 1, '+'},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char c;

        assert_int_equal(percent_take(span_str(rows[i].in), &c), rows[i].takes);
        assert_int_equal(c, rows[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(what_may_stand_stands),
        cmocka_unit_test(what_is_no_escape_is_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
