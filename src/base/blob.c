/*
 * blob.c - see blob.h.
 *
 * Chunks are reached through one growing array of pointers, so that blob_at() is a division and
 * not a walk.
 */
#include "base/blob.h"

#include "base/mem.h"

struct blob {
    struct blob_pool *pool;
    uint64_t len, max;
    char **chunks;
    size_t chunks_n, chunks_cap;
    uint32_t refs;
};

int blob_new(struct blob **ret, struct blob_pool *pool, uint64_t max, struct err *e)
{
    struct blob *b = mem_zalloc(1, sizeof(*b));

    if (!b)
        return err_set(e, ERR_NOMEM, "no memory for a body");
    b->pool = pool;
    b->max = max;
    b->refs = 1;
    *ret = b;
    return 0;
}

struct blob *blob_ref(struct blob *b)
{
    b->refs++;
    return b;
}

void blob_unref(struct blob **bp)
{
    struct blob *b = *bp;

    *bp = NULL;
    if (!b)
        return;
    MUST(b->refs > 0);
    if (--b->refs > 0)
        return;
    for (size_t i = 0; i < b->chunks_n; i++)
        mem_free(b->chunks[i]);
    b->pool->bytes -= b->chunks_n * BLOB_CHUNK;
    mem_free(b->chunks);
    mem_free(b);
}

static int add_chunk(struct blob *b, struct err *e)
{
    char **more;

    if (b->pool->bytes + BLOB_CHUNK > b->pool->bytes_max)
        return err_set(e, ERR_NOMEM, "the memory for bodies (%llu bytes) is used up",
                       (unsigned long long)b->pool->bytes_max);
    if (b->chunks_n == b->chunks_cap) {
        size_t cap = b->chunks_cap ? b->chunks_cap * 2 : 4;

        more = mem_realloc(b->chunks, cap * sizeof(*more));
        if (!more)
            return err_set(e, ERR_NOMEM, "no memory for a body");
        b->chunks = more;
        b->chunks_cap = cap;
    }
    b->chunks[b->chunks_n] = mem_alloc(BLOB_CHUNK);
    if (!b->chunks[b->chunks_n])
        return err_set(e, ERR_NOMEM, "no memory for a body");
    b->chunks_n++;
    b->pool->bytes += BLOB_CHUNK;
    return 0;
}

int blob_add(struct blob *b, const char *p, size_t n, struct err *e)
{
    if (n > b->max - b->len)
        return err_set(e, ERR_LIMIT, "the body is larger than %llu bytes",
                       (unsigned long long)b->max);
    while (n) {
        size_t used = (size_t)(b->len % BLOB_CHUNK), room = BLOB_CHUNK - used;
        size_t now = MIN(n, room);

        if (b->len == b->chunks_n * BLOB_CHUNK && add_chunk(b, e) < 0)
            return -1;
        memcpy(b->chunks[b->len / BLOB_CHUNK] + used, p, now);
        b->len += now;
        p += now;
        n -= now;
    }
    return 0;
}

uint64_t blob_len(const struct blob *b)
{
    return b->len;
}

struct span blob_at(const struct blob *b, uint64_t at)
{
    size_t in = (size_t)(at % BLOB_CHUNK);

    MUST(at <= b->len);
    if (at == b->len)
        return span_of("", 0);
    return span_of(b->chunks[at / BLOB_CHUNK] + in,
                   (size_t)MIN((uint64_t)(BLOB_CHUNK - in), b->len - at));
}

void blob_copy(const struct blob *b, uint64_t at, char *out, size_t n)
{
    while (n) {
        struct span s = blob_at(b, at);
        size_t now = MIN(n, s.n);

        MUST(now > 0);
        memcpy(out, s.p, now);
        at += now;
        out += now;
        n -= now;
    }
}

uint64_t blob_patched_len(const struct blob *b, const struct blob_patch *patches, size_t n)
{
    uint64_t len = b->len;

    for (size_t i = 0; i < n; i++)
        len = len - patches[i].len + patches[i].with.n;
    return len;
}

void blob_reader_init(struct blob_reader *r, const struct blob *b, const struct blob_patch *patches,
                      size_t patches_n)
{
    *r = (struct blob_reader){.blob = b, .patches = patches, .patches_n = patches_n};
}

struct span blob_reader_next(struct blob_reader *r, size_t max)
{
    const struct blob_patch *p = r->patch < r->patches_n ? &r->patches[r->patch] : NULL;
    struct span s;

    while (p && r->at == p->at) {
        if (r->with < p->with.n) {
            s = span_of(p->with.p + r->with, MIN(max, p->with.n - r->with));
            r->with += s.n;
            return s;
        }
        r->at += p->len;
        r->with = 0;
        r->patch++;
        p = r->patch < r->patches_n ? &r->patches[r->patch] : NULL;
    }
    s = blob_at(r->blob, r->at);
    s.n = MIN(s.n, max);
    if (p)
        s.n = (size_t)MIN((uint64_t)s.n, p->at - r->at);
    r->at += s.n;
    return s;
}
