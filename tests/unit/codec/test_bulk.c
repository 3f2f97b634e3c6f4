/* Goal: pictures in a body are told from its text, wherever they stand and however the body comes.
 * Method: texts around runs of every length near the bound, cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "codec/bulk.h"

#define BODY (64 * 1024)

struct body {
    char text[BODY];
    size_t n;
};

static void add(struct body *b, const char *text)
{
    size_t n = strlen(text);

    assert_true(b->n + n <= BODY);
    memcpy(b->text + b->n, text, n);
    b->n += n;
}

static void add_run(struct body *b, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";

    assert_true(b->n + n <= BODY);
    for (size_t i = 0; i < n; i++)
        b->text[b->n++] = letters[i % (sizeof(letters) - 1)];
}

static struct bulk count(const struct body *b, size_t piece)
{
    struct bulk ret = {0};

    for (size_t at = 0; at < b->n; at += piece)
        bulk_feed(&ret, span_of(b->text + at, MIN(piece, b->n - at)));
    bulk_end(&ret);
    return ret;
}

static void a_run_is_found_at_its_very_length(void **state)
{
    static const size_t lengths[] = {0,    1,    511,  512,  513,  1023, 1024,
                                     2046, 2047, 2048, 2049, 2560, 4096, 20000};
    static const size_t pieces[] = {1, 7, 511, 512, 513, 2048, BODY};
    struct body *b = mem_zalloc(1, sizeof(*b));

    UNUSED(state);
    assert_non_null(b);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        for (size_t before = 0; before < 1100; before += 37)
            for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
                bool is = lengths[i] >= BULK_LEAST;
                struct bulk got;

                b->n = 0;
                for (size_t j = 0; j < before; j++)
                    add(b, j % 6 ? "x" : " ");
                add(b, "\"data:image/png;base64,");
                add_run(b, lengths[i]);
                add(b, before % 2 ? "\"}" : ""); /* it may reach to the end */
                got = count(b, pieces[k]);
                if (got.runs != is || got.bytes != (is ? lengths[i] : 0))
                    fail_msg("%zu bytes behind %zu, in pieces of %zu: %llu runs, %llu bytes",
                             lengths[i], before, pieces[k], (unsigned long long)got.runs,
                             (unsigned long long)got.bytes);
            }
    mem_free(b);
}

static void texts_are_none(void **state)
{
    static const char *const texts[] = {
        "{\"role\": \"user\", \"content\": \"What is to be seen here, and by whom?\"},",
        "words\\nand\\nlines\\n", "\xe4\xb8\xad\xe6\x96\x87", "https://example.com/a/b/c?d=e ",
        "0123456789012345678901234567890123456789012345678901234567890123456789,"};
    struct body *b = mem_zalloc(1, sizeof(*b));

    UNUSED(state);
    assert_non_null(b);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        b->n = 0;
        while (b->n + 200 < BODY)
            add(b, texts[i]);
        assert_int_equal(count(b, 32768).runs, 0);
        assert_int_equal(count(b, 1).runs, 0);
    }
    mem_free(b);
}

/* Several, in drawn pieces: their sum is that of all of it at once. */
static void however_it_comes(void **state)
{
    struct body *b = mem_zalloc(1, sizeof(*b));

    UNUSED(state);
    assert_non_null(b);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t runs = 0, bytes = 0;
        struct bulk got = {0};
        struct rng r;

        rng_init(&r, seed);
        b->n = 0;
        while (b->n < BODY / 2) {
            size_t n = rng_below(&r, 6000);

            add(b, "\", \"text\": \"");
            add_run(b, n);
            runs += n >= BULK_LEAST;
            bytes += n >= BULK_LEAST ? n : 0;
        }
        add(b, "\"");
        for (size_t at = 0; at < b->n;) {
            size_t n = 1 + rng_below(&r, 3000);

            n = MIN(n, b->n - at);
            bulk_feed(&got, span_of(b->text + at, n));
            at += n;
        }
        bulk_end(&got);
        assert_int_equal(got.runs, runs);
        assert_int_equal(got.bytes, bytes);
    }
    mem_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_found_at_its_very_length),
        cmocka_unit_test(texts_are_none),
        cmocka_unit_test(however_it_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
