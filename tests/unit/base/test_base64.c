/*
 * Goal: bytes come back from their text, in both alphabets; what is no base64 is refused.
 * Method: the RFC's own vectors, every byte value, and rows of faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"

static void the_rfcs_vectors(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;

        buf_init(&b, 64);
        base64_encode(&b, span_str(rows[i][0]));
        assert_true(span_is(buf_span(&b), rows[i][1]));
        buf_reset(&b);
        assert_int_equal(base64_decode(&b, span_str(rows[i][1])), 0);
        assert_true(span_is(buf_span(&b), rows[i][0]));
        buf_fini(&b);
    }
}

static void every_byte_comes_back(void **state)
{
    char bytes[256];
    struct buf text, back;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    buf_init(&text, 1024);
    buf_init(&back, 1024);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        buf_reset(&text);
        base64_encode(&text, span_of(bytes, n));
        for (int url = 0; url < 2; url++) {
            for (size_t i = 0; i < text.n && url; i++)
                text.p[i] = text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i];
            while (url && text.n && text.p[text.n - 1] == '=')
                text.n--;
            buf_reset(&back);
            assert_int_equal(base64_decode(&back, buf_span(&text)), 0);
            assert_true(span_eq(buf_span(&back), span_of(bytes, n)));
        }
    }
    buf_fini(&text);
    buf_fini(&back);
}

static void other_texts_are_refused(void **state)
{
    static const char *const rows[] = {"A", "AAAAA", "AA.A", "AA A", "A===", "AA=A", "\xC3\xA4"};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;

        buf_init(&b, 64);
        if (base64_decode(&b, span_str(rows[i])) == 0)
            fail_msg("'%s' was taken", rows[i]);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_vectors),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(other_texts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
