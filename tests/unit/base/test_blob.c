/* Goal: what goes into a blob comes out of it, from memory and from the encrypted file, with
 * patches, at every bound; and no bound is passed.
 * Method: pseudo-random bodies of lengths around the bounds, read in random pieces, next to a plain
 * copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

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
        assert_true(pool.bytes <= BLOB_MEMORY);
        assert_true((pool.spooled > 0) == (lengths[i] > BLOB_MEMORY));
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
    struct span s;
    struct err e;

    /* A blob's own maximum: reached, not passed. */
    assert_int_equal(blob_pool_init(&pool, 2 * BLOB_CHUNK, NULL, &e), 0);
    assert_int_equal(blob_new(&b, &pool, 10, &e), 0);
    assert_int_equal(blob_add(b, chunk, 10, &e), 0);
    assert_int_equal(blob_add(b, chunk, 1, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(blob_len(b), 10);
    /* The pool's budget, without a place to spool: what is left, and not a byte more. */
    assert_int_equal(blob_new(&other, &pool, MANY, &e), 0);
    assert_int_equal(blob_add(other, chunk, BLOB_CHUNK, &e), 0);
    assert_int_equal(blob_add(other, chunk, 1, &e), -1);
    assert_int_equal(e.code, ERR_NOMEM);
    assert_int_equal(blob_len(other), BLOB_CHUNK);
    blob_unref(&b);
    assert_int_equal(blob_add(other, chunk, BLOB_CHUNK, &e), 0); /* there is room now */
    assert_int_equal(pool.bytes, 2 * BLOB_CHUNK);
    blob_unref(&other);
    assert_int_equal(pool.bytes, 0);
    blob_pool_fini(&pool);
    /* A directory that is not there: what was added stays, and is as it was. */
    assert_int_equal(blob_pool_init(&pool, BLOB_CHUNK, "/nonexistent", &e), 0);
    memset(chunk, 'x', BLOB_CHUNK);
    assert_int_equal(blob_new(&b, &pool, MANY, &e), 0);
    assert_int_equal(blob_add(b, chunk, BLOB_CHUNK, &e), 0);
    assert_int_equal(blob_add(b, chunk, 1, &e), -1);
    assert_int_equal(e.code, ERR_SYS);
    assert_int_equal(blob_len(b), BLOB_CHUNK);
    assert_int_equal(blob_at(b, 0, &s, &e), 0);
    assert_memory_equal(s.p, chunk, s.n);
    blob_unref(&b);
    blob_pool_fini(&pool);
    mem_free(chunk);
}

/* However many bodies there are, their chunks take no more than bytes_max: those that came go on
 * in files, those that are too many are refused. What goes on is whole. */
static void memory_is_a_hard_bound(void **state)
{
    enum { CHUNKS = 64, BLOBS = CHUNKS + 40 };
    const uint64_t most = (uint64_t)CHUNKS * BLOB_CHUNK;
    char *bytes = mem_alloc(3 * BLOB_CHUNK);
    struct blob *blobs[BLOBS];
    size_t refused = 0, spooled = 0;
    struct blob_pool pool;
    struct rng r;
    struct err e;

    rng_init(&r, 3);
    rng_bytes(&r, bytes, 3 * BLOB_CHUNK);
    assert_int_equal(blob_pool_init(&pool, most, "/var/tmp", &e), 0);
    for (size_t i = 0; i < BLOBS; i++)
        assert_int_equal(blob_new(&blobs[i], &pool, MANY, &e), 0);
    for (size_t at = 0; at < 3 * BLOB_CHUNK; at += 8192) { /* all at the same pace */
        for (size_t i = 0; i < BLOBS; i++) {
            if (!blobs[i] || blob_add(blobs[i], bytes + at, 8192, &e) == 0)
                continue;
            assert_int_equal(e.code, ERR_NOMEM);
            assert_true(at < BLOB_CHUNK); /* nobody who has a chunk is ever refused */
            assert_true(pool.bytes <= most);
            blob_unref(&blobs[i]);
            refused++;
        }
        assert_true(pool.bytes <= most);
    }
    for (size_t i = 0; i < BLOBS; i++) {
        if (!blobs[i])
            continue;
        check_read(blobs[i], bytes, 3 * BLOB_CHUNK, &r);
        spooled++;
    }
    assert_true(refused > 0 && spooled >= CHUNKS / 2);
    assert_int_equal(spooled + refused, BLOBS);
    print_message("%zu bodies of 3 chunks in %d chunks, %zu refused\n", spooled, CHUNKS, refused);
    for (size_t i = 0; i < BLOBS; i++)
        blob_unref(&blobs[i]);
    assert_int_equal(pool.bytes, 0);
    assert_int_equal(pool.spooled, 0);
    blob_pool_fini(&pool);
    mem_free(bytes);
}

/* At the bound to the byte, and past it: the half that many chunks may have, and the whole. */
static void half_is_for_those_that_begin(void **state)
{
    char *bytes = mem_zalloc(1, 8 * BLOB_CHUNK);
    struct blob *large, *small[5], *late;
    struct blob_pool pool;
    struct err e;

    assert_int_equal(blob_pool_init(&pool, 8 * BLOB_CHUNK, "/var/tmp", &e), 0);
    assert_int_equal(blob_new(&large, &pool, MANY, &e), 0);
    assert_int_equal(blob_add(large, bytes, 4 * BLOB_CHUNK, &e), 0);
    assert_int_equal(pool.spooled, 0);
    assert_int_equal(blob_add(large, bytes, 1, &e), 0);
    assert_int_equal(pool.bytes, 4 * BLOB_CHUNK); /* it goes on with what it has */
    assert_int_equal(pool.spooled, BLOB_CHUNK);
    for (size_t i = 0; i < ARRAY_LEN(small); i++) {
        assert_int_equal(blob_new(&small[i], &pool, MANY, &e), 0);
        assert_int_equal(blob_add(small[i], bytes, i < 4 ? BLOB_CHUNK : 1, &e), i < 4 ? 0 : -1);
    }
    assert_int_equal(e.code, ERR_NOMEM);
    assert_int_equal(pool.bytes, 8 * BLOB_CHUNK);
    assert_int_equal(blob_add(small[0], bytes, BLOB_CHUNK, &e), 0); /* in its file */
    assert_int_equal(blob_add(large, bytes, 8 * BLOB_CHUNK, &e), 0);
    assert_int_equal(pool.bytes, 8 * BLOB_CHUNK);
    blob_unref(&small[1]);
    assert_int_equal(blob_new(&late, &pool, MANY, &e), 0);
    assert_int_equal(blob_add(late, bytes, BLOB_CHUNK, &e), 0);
    assert_int_equal(pool.bytes, 8 * BLOB_CHUNK);
    for (size_t i = 0; i < ARRAY_LEN(small); i++)
        blob_unref(&small[i]);
    blob_unref(&late);
    blob_unref(&large);
    assert_int_equal(pool.bytes, 0);
    blob_pool_fini(&pool);
    mem_free(bytes);
}

static void the_file_holds_no_plain_text(void **state)
{
    static const char secret[] = "the patient's name is";
    size_t n = 2 * BLOB_MEMORY;
    char *text = mem_alloc(n), *raw = mem_alloc(BLOB_CHUNK), *spare = mem_alloc(BLOB_CHUNK);
    unsigned char key[SPOOL_KEY] = {1};
    struct spool *s;
    struct err e;

    for (size_t i = 0; i < n; i++)
        text[i] = secret[i % (sizeof(secret) - 1)];
    assert_int_equal(spool_new(&s, "/var/tmp", key, BLOB_CHUNK, &e), 0);
    for (size_t i = 0; i < 2; i++) {
        memcpy(spare, text, BLOB_CHUNK);
        assert_int_equal(spool_write(s, i, spare, &e), 0);
        assert_null(memmem(spare, BLOB_CHUNK, "patient", 7)); /* it is encrypted in place */
    }
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
    mem_free(spare);
}

/* A write that fails leaves the chunk readable. */
static void a_full_disk_loses_nothing(void **state)
{
    size_t n = BLOB_MEMORY + 2 * BLOB_CHUNK;
    struct rlimit old, none = {BLOB_CHUNK + 5, RLIM_INFINITY};
    char *copy = mem_alloc(n);
    struct blob_pool pool;
    struct blob *b;
    struct rng r;
    struct err e;

    rng_init(&r, 4);
    rng_bytes(&r, copy, n);
    assert_int_equal(blob_pool_init(&pool, MANY, "/var/tmp", &e), 0);
    assert_int_equal(blob_new(&b, &pool, MANY, &e), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    none.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(blob_add(b, copy, n, &e), -1); /* the second chunk of the file is cut */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(e.code, ERR_SYS);
    assert_int_equal(blob_len(b), BLOB_MEMORY + BLOB_CHUNK);
    check_read(b, copy, BLOB_MEMORY + BLOB_CHUNK, &r);
    assert_int_equal(blob_add(b, copy + BLOB_MEMORY + BLOB_CHUNK, BLOB_CHUNK, &e), 0);
    check_read(b, copy, n, &r);
    blob_unref(&b);
    blob_pool_fini(&pool);
    mem_free(copy);
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
        cmocka_unit_test(memory_is_a_hard_bound),
        cmocka_unit_test(half_is_for_those_that_begin),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(the_file_holds_no_plain_text),
        cmocka_unit_test(no_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
