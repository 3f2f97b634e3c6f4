/* Goal: what goes into a blob comes out of it, from memory and from the encrypted file, with
 * patches, at every bound; and no bound is passed.
 * Method: pseudo-random bodies of lengths around the bounds, read in random pieces, next to a plain
 * copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/blob.h"
#include "base/mem.h"
#include "base/rng.h"

#define MANY ((uint64_t)64 * 1024 * 1024)

static struct blob *filled(struct blob_pool *pool, char *copy, size_t n, struct rng *r)
{
    struct blob *b;
    struct err e;
    size_t at = 0, now;

    rng_bytes(r, copy, n);
    assert_int_equal(blob_new(&b, pool, MANY, &e), 0);
    while (at < n) {
        now = 1 + rng_below(r, 50000);
        now = MIN(now, n - at);
        assert_int_equal(blob_add(b, copy + at, now, &e), 0);
        at += now;
    }
    assert_int_equal(blob_len(b), n);
    return b;
}

static void check_read(struct blob *b, const char *want, size_t n, struct rng *r)
{
    struct blob_reader reader;
    struct span s;
    struct err e;
    size_t at = 0;

    blob_reader_init(&reader, b, NULL, 0);
    do {
        assert_int_equal(blob_reader_next(&reader, 1 + rng_below(r, 40000), &s, &e), 0);
        assert_true(s.n <= n - at);
        assert_memory_equal(s.p, want + at, s.n);
        at += s.n;
    } while (s.n);
    assert_int_equal(at, n);
}

static const size_t lengths[] = {
    0,
    1,
    BLOB_CHUNK - 1,
    BLOB_CHUNK,
    BLOB_CHUNK + 1,
    BLOB_MEMORY - 1,
    BLOB_MEMORY,
    BLOB_MEMORY + 1,
    BLOB_MEMORY + BLOB_CHUNK,
    BLOB_MEMORY + BLOB_CHUNK + 1,
    5 * BLOB_MEMORY + 77,
};

static void bytes_come_back(void **state)
{
    struct blob_pool pool;
    struct rng r;
    struct err e;

    rng_init(&r, 1);
    assert_int_equal(blob_pool_init(&pool, MANY, "/var/tmp", &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        char *copy = mem_alloc(lengths[i]);
        struct blob *b = filled(&pool, copy, lengths[i], &r);
        char some[100];

        check_read(b, copy, lengths[i], &r);
        check_read(b, copy, lengths[i], &r);
        if (lengths[i] > sizeof(some)) {
            size_t at = rng_below(&r, lengths[i] - sizeof(some));

            assert_int_equal(blob_copy(b, at, some, sizeof(some), &e), 0);
            assert_memory_equal(some, copy + at, sizeof(some));
        }
        assert_true(pool.bytes <= BLOB_MEMORY + 2 * BLOB_CHUNK);
        assert_true((pool.spooled > 0) == (lengths[i] > BLOB_MEMORY + BLOB_CHUNK));
        blob_unref(&b);
        assert_int_equal(pool.bytes, 0);
        assert_int_equal(pool.spooled, 0);
        mem_free(copy);
    }
    blob_pool_fini(&pool);
}

static void two_readers_share_a_spooled_blob(void **state)
{
    size_t n = 3 * BLOB_MEMORY, a_at = 0, b_at = 0;
    struct blob_pool pool;
    struct blob_reader ra, rb;
    struct span s;
    struct rng r;
    struct err e;
    char *copy = mem_alloc(n);
    struct blob *b;

    rng_init(&r, 2);
    assert_int_equal(blob_pool_init(&pool, MANY, "/var/tmp", &e), 0);
    b = filled(&pool, copy, n, &r);
    blob_reader_init(&ra, b, NULL, 0);
    blob_reader_init(&rb, b, NULL, 0);
    while (a_at < n || b_at < n) {
        bool first = rng_below(&r, 3) == 0;
        size_t *at = first ? &a_at : &b_at;

        assert_int_equal(blob_reader_next(first ? &ra : &rb, 10000, &s, &e), 0);
        assert_memory_equal(s.p, copy + *at, s.n);
        *at += s.n;
    }
    blob_unref(&b);
    mem_free(copy);
    blob_pool_fini(&pool);
}

static const struct {
    const char *body;
    struct blob_patch patches[3];
    size_t n;
    const char *want;
} patched[] = {
    {"abcdef", {{0}}, 0, "abcdef"},
    {"abcdef", {{2, 2, {"XYZ", 3}}}, 1, "abXYZef"},
    {"abcdef", {{0, 1, {"", 0}}}, 1, "bcdef"},
    {"abcdef", {{0, 0, {">>", 2}}}, 1, ">>abcdef"},
    {"abcdef", {{6, 0, {"<<", 2}}}, 1, "abcdef<<"},
    {"abcdef", {{0, 6, {"", 0}}}, 1, ""},
    {"abcdef", {{0, 1, {"1", 1}}, {1, 1, {"2", 1}}, {5, 1, {"6", 1}}}, 3, "12cde6"},
    {"", {{0, 0, {"x", 1}}}, 1, "x"},
};

static void patches_are_applied(void **state)
{
    struct blob_pool pool;
    struct err e;

    assert_int_equal(blob_pool_init(&pool, MANY, NULL, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(patched); i++) {
        for (size_t max = 1; max < 8; max++) {
            struct blob_reader r;
            struct blob *b;
            struct span s;
            char out[64];
            size_t n = 0;

            assert_int_equal(blob_new(&b, &pool, 100, &e), 0);
            assert_int_equal(blob_add(b, patched[i].body, strlen(patched[i].body), &e), 0);
            assert_int_equal(blob_patched_len(b, patched[i].patches, patched[i].n),
                             strlen(patched[i].want));
            blob_reader_init(&r, b, patched[i].patches, patched[i].n);
            do {
                assert_int_equal(blob_reader_next(&r, max, &s, &e), 0);
                memcpy(out + n, s.p, s.n);
                n += s.n;
            } while (s.n);
            assert_int_equal(n, strlen(patched[i].want));
            assert_memory_equal(out, patched[i].want, n);
            blob_unref(&b);
        }
    }
    blob_pool_fini(&pool);
}

static void bounds_hold(void **state)
{
    char *chunk = mem_zalloc(1, BLOB_CHUNK);
    struct blob_pool pool;
    struct blob *b, *other;
    struct err e;

    /* A blob's own maximum: reached, not passed. */
    assert_int_equal(blob_pool_init(&pool, 2 * BLOB_CHUNK, NULL, &e), 0);
    assert_int_equal(blob_new(&b, &pool, 10, &e), 0);
    assert_int_equal(blob_add(b, chunk, 10, &e), 0);
    assert_int_equal(blob_add(b, chunk, 1, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(blob_len(b), 10);
    /* The pool's budget, without a place to spool: two chunks, not three. */
    assert_int_equal(blob_new(&other, &pool, MANY, &e), 0);
    assert_int_equal(blob_add(other, chunk, BLOB_CHUNK, &e), 0);
    assert_int_equal(blob_add(other, chunk, 1, &e), -1);
    assert_int_equal(e.code, ERR_NOMEM);
    assert_int_equal(blob_len(other), BLOB_CHUNK);
    blob_unref(&other);
    blob_unref(&b);
    assert_int_equal(pool.bytes, 0);
    /* A directory that is not there. */
    pool.bytes_max = 0;
    pool.dir = "/nonexistent";
    assert_int_equal(blob_new(&b, &pool, MANY, &e), 0);
    assert_int_equal(blob_add(b, chunk, 1, &e), -1);
    assert_int_equal(e.code, ERR_SYS);
    blob_unref(&b);
    blob_pool_fini(&pool);
    mem_free(chunk);
}

static void the_file_holds_no_plain_text(void **state)
{
    static const char secret[] = "the patient's name is";
    size_t n = 2 * BLOB_MEMORY;
    char *text = mem_alloc(n), *raw = mem_alloc(BLOB_CHUNK);
    unsigned char key[SPOOL_KEY] = {1};
    struct spool *s;
    struct err e;

    for (size_t i = 0; i < n; i++)
        text[i] = secret[i % (sizeof(secret) - 1)];
    assert_int_equal(spool_new(&s, "/var/tmp", key, BLOB_CHUNK, &e), 0);
    assert_int_equal(spool_write(s, 0, text, &e), 0);
    assert_int_equal(spool_write(s, 1, text, &e), 0);
    key[0] = 2; /* without the key the bytes are noise */
    assert_int_equal(spool_read(s, 1, raw, &e), 0);
    assert_null(memmem(raw, BLOB_CHUNK, "patient", 7));
    key[0] = 1;
    assert_int_equal(spool_read(s, 1, raw, &e), 0);
    assert_memory_equal(raw, text, BLOB_CHUNK);
    assert_int_equal(spool_read(s, 2, raw, &e), -1);
    spool_free(&s);
    mem_free(text);
    mem_free(raw);
}

static void no_memory_is_survived(void **state)
{
    char *copy = mem_zalloc(1, 3 * BLOB_MEMORY);
    struct blob_pool pool;
    struct err e;

    assert_int_equal(blob_pool_init(&pool, MANY, "/var/tmp", &e), 0);
    for (size_t at = 1;; at++) {
        struct blob *b = NULL;

        mem_torture(at, false);
        if (blob_new(&b, &pool, MANY, &e) == 0 && blob_add(b, copy, 3 * BLOB_MEMORY, &e) == 0)
            assert_int_equal(blob_len(b), 3 * BLOB_MEMORY);
        blob_unref(&b);
        assert_int_equal(pool.bytes, 0);
        if (!mem_torture_hit())
            break;
    }
    mem_torture(0, false);
    blob_pool_fini(&pool);
    mem_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(two_readers_share_a_spooled_blob),
        cmocka_unit_test(patches_are_applied),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(the_file_holds_no_plain_text),
        cmocka_unit_test(no_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
