/* Goal: the vector path, the one for processors without vectors and the plain reading of the rule
 * agree about every byte at every place, and none of them looks past the end.
 * Method: texts of up to three vectors' length in memory of exactly that size, from every
 * alignment; one byte of them, at each place in turn, is each of the 256. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "codec/plain.h"

#define VECTOR   16
#define TEXT_MAX (3 * VECTOR + 1)

static const unsigned char *by_the_rule(const unsigned char *p, const unsigned char *end)
{
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

static void all_ways_stop_at_the_same_byte(void **state)
{
    for (size_t n = 0; n <= TEXT_MAX; n++) {
        unsigned char *text = malloc(n ? n : 1);
        const unsigned char *end = text + n;

        assert_non_null(text);
        memset(text, 'a', n);
        assert_ptr_equal(plain_skip(text, end), end);
        assert_ptr_equal(swar_skip_json(text, end), end);
        for (size_t at = 0; at < n; at++) {
            for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
                const unsigned char *from = text + at % VECTOR;

                text[at] = (unsigned char)byte;
                assert_ptr_equal(plain_skip(text, end), by_the_rule(text, end));
                assert_ptr_equal(swar_skip_json(text, end), by_the_rule(text, end));
                assert_ptr_equal(plain_skip(from, end), by_the_rule(from, end));
                assert_ptr_equal(swar_skip_json(from, end), by_the_rule(from, end));
            }
            text[at] = 'a';
        }
        free(text);
    }
}

/* A later byte that stops must not hide or move the first. */
static void the_first_of_two_counts(void **state)
{
    static const unsigned char stops[] = {0x00, 0x1F, '"', '\\', 0x80, 0xC3, 0xFF};
    unsigned char text[2 * VECTOR];
    const unsigned char *end = text + sizeof(text);

    for (size_t a = 0; a < ARRAY_LEN(stops); a++) {
        for (size_t b = 0; b < ARRAY_LEN(stops); b++) {
            for (size_t at = 0; at + 1 < sizeof(text); at++) {
                memset(text, '~', sizeof(text));
                text[at] = stops[a];
                for (size_t next = at + 1; next < sizeof(text); next++) {
                    text[next] = stops[b];
                    assert_ptr_equal(plain_skip(text, end), text + at);
                    assert_ptr_equal(swar_skip_json(text, end), text + at);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_stop_at_the_same_byte),
        cmocka_unit_test(the_first_of_two_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
