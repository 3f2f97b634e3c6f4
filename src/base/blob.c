/*
 * blob.c - see blob.h.
 *
 * The first chunks are in memory, `mem_n` of them at the most; chunk number i beyond those is in
 * the file at i - file_first. The chunk that is being filled is always in memory (`tail`), so a
 * chunk goes to the file once, when it is full.
 *
 * The first chunk is only as large as it must be, for most bodies are a few KiB and stay as long
 * as their answer streams. The pool counts it as a whole one all the same: then growing never
 * meets the budget.
 *
 * Invariants: (1) len is at most (chunks in memory + chunks in the file) * BLOB_CHUNK, plus what
 *                 lies in the tail; (2) a blob that has begun to spool never goes back to memory.
 */
#include "base/blob.h"

#include <errno.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/secret.h"

#define MEMORY_CHUNKS (BLOB_MEMORY / BLOB_CHUNK)
#define FIRST_LEAST   ((size_t)2048)

struct blob {
    struct blob_pool *pool;
    uint64_t len, max;
    char *chunks[MEMORY_CHUNKS];
    size_t mem_n; /* chunks in memory */
    size_t first; /* bytes that chunks[0] has room for */
    struct spool *spool;
    size_t file_n;   /* full chunks in the file */
    char *tail;      /* the chunk under way, once spooling has begun */
    char *window;    /* the chunk of the file that was read last ... */
    size_t window_i; /* ... and its number in the file */
    bool window_ok;
    uint32_t refs;
};

int blob_pool_init(struct blob_pool *p, uint64_t bytes_max, const char *dir, struct err *e)
{
    *p = (struct blob_pool){.bytes_max = bytes_max, .dir = dir};
    if (getrandom(p->key, sizeof(p->key), 0) != (ssize_t)sizeof(p->key))
        return err_set(e, ERR_SYS, "no random bytes: %s", strerror(errno));
    return 0;
}

void blob_pool_fini(struct blob_pool *p)
{
    secret_wipe(p->key, sizeof(p->key));
}

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

static char *take(struct blob *b, size_t size)
{
    char *p = mem_alloc(size);

    if (p)
        b->pool->bytes += BLOB_CHUNK;
    return p;
}

static char *take_chunk(struct blob *b)
{
    return take(b, BLOB_CHUNK);
}

static void give_chunk(struct blob *b, char *p)
{
    if (p)
        b->pool->bytes -= BLOB_CHUNK;
    mem_free(p);
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
    for (size_t i = 0; i < b->mem_n; i++)
        give_chunk(b, b->chunks[i]);
    give_chunk(b, b->tail);
    give_chunk(b, b->window);
    b->pool->spooled -= b->file_n * BLOB_CHUNK;
    spool_free(&b->spool);
    mem_free(b);
}

/* ---- writing ---- */

static int begin_spool(struct blob *b, struct err *e)
{
    if (!b->pool->dir)
        return err_set(e, ERR_NOMEM, "the memory for bodies (%llu bytes) is used up",
                       (unsigned long long)b->pool->bytes_max);
    if (spool_new(&b->spool, b->pool->dir, b->pool->key, BLOB_CHUNK, e) < 0)
        return -1;
    b->tail = take_chunk(b);
    return b->tail ? 0 : err_set(e, ERR_NOMEM, "no memory for a body");
}

/* What the first chunk is made to hold need bytes. */
static size_t first_size(size_t need)
{
    size_t size = FIRST_LEAST;

    while (size < need)
        size *= 2;
    return size;
}

static int grow_first(struct blob *b, size_t need, struct err *e)
{
    char *p = mem_realloc(b->chunks[0], first_size(need));

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for a body");
    b->chunks[0] = p;
    b->first = first_size(need);
    return 0;
}

/* The chunk that the byte at len goes to; it has room up to its byte `need`. */
static int current(struct blob *b, size_t need, char **ret, struct err *e)
{
    bool full = b->len % BLOB_CHUNK == 0;

    if (b->tail && full && b->len > (b->mem_n + b->file_n) * BLOB_CHUNK) {
        if (spool_write(b->spool, b->file_n, b->tail, e) < 0)
            return -1;
        b->file_n++;
        b->pool->spooled += BLOB_CHUNK;
    }
    if (!b->tail && full) {
        char *p = NULL;

        if (b->mem_n < MEMORY_CHUNKS && b->pool->bytes + BLOB_CHUNK <= b->pool->bytes_max)
            p = take(b, b->mem_n == 0 ? first_size(need) : BLOB_CHUNK);
        if (p && b->mem_n == 0)
            b->first = first_size(need);
        if (p)
            b->chunks[b->mem_n++] = p;
        else if (begin_spool(b, e) < 0)
            return -1;
    }
    if (!b->tail && b->mem_n == 1 && need > b->first && grow_first(b, need, e) < 0)
        return -1;
    *ret = b->tail ? b->tail : b->chunks[b->mem_n - 1];
    return 0;
}

int blob_add(struct blob *b, const char *p, size_t n, struct err *e)
{
    if (n > b->max - b->len)
        return err_set(e, ERR_LIMIT, "the body is larger than %llu bytes",
                       (unsigned long long)b->max);
    while (n) {
        size_t used = (size_t)(b->len % BLOB_CHUNK), now = MIN(n, BLOB_CHUNK - used);
        char *chunk;

        if (current(b, used + now, &chunk, e) < 0)
            return -1;
        memcpy(chunk + used, p, now);
        b->len += now;
        p += now;
        n -= now;
    }
    return 0;
}

/* ---- reading ---- */

uint64_t blob_len(const struct blob *b)
{
    return b->len;
}

static int read_window(struct blob *b, size_t i, struct err *e)
{
    if (b->window_ok && b->window_i == i)
        return 0;
    if (!b->window)
        b->window = take_chunk(b);
    if (!b->window)
        return err_set(e, ERR_NOMEM, "no memory to read a body");
    b->window_ok = spool_read(b->spool, i, b->window, e) == 0;
    b->window_i = i;
    return b->window_ok ? 0 : -1;
}

int blob_at(struct blob *b, uint64_t at, struct span *ret, struct err *e)
{
    size_t i = (size_t)(at / BLOB_CHUNK), in = (size_t)(at % BLOB_CHUNK);
    const char *chunk;

    MUST(at <= b->len);
    if (at == b->len) {
        *ret = span_of("", 0);
        return 0;
    }
    if (i < b->mem_n) {
        chunk = b->chunks[i];
    } else if (i < b->mem_n + b->file_n) {
        if (read_window(b, i - b->mem_n, e) < 0)
            return -1;
        chunk = b->window;
    } else {
        chunk = b->tail;
    }
    *ret = span_of(chunk + in, (size_t)MIN((uint64_t)(BLOB_CHUNK - in), b->len - at));
    return 0;
}

int blob_copy(struct blob *b, uint64_t at, char *ret, size_t n, struct err *e)
{
    while (n) {
        struct span s;
        size_t now;

        if (blob_at(b, at, &s, e) < 0)
            return -1;
        now = MIN(n, s.n);
        MUST(now > 0);
        memcpy(ret, s.p, now);
        at += now;
        ret += now;
        n -= now;
    }
    return 0;
}

size_t blob_patch_add(struct blob_patch *patches, size_t n, struct blob_patch p)
{
    size_t i = n;

    for (; i && patches[i - 1].at > p.at; i--)
        patches[i] = patches[i - 1];
    patches[i] = p;
    return n + 1;
}

uint64_t blob_patched_len(const struct blob *b, const struct blob_patch *patches, size_t n)
{
    uint64_t len = b->len;

    for (size_t i = 0; i < n; i++)
        len = len - patches[i].len + patches[i].with.n;
    return len;
}

void blob_reader_init(struct blob_reader *r, struct blob *b, const struct blob_patch *patches,
                      size_t patches_n)
{
    *r = (struct blob_reader){.blob = b, .patches = patches, .patches_n = patches_n};
}

int blob_reader_next(struct blob_reader *r, size_t max, struct span *ret, struct err *e)
{
    const struct blob_patch *p = r->patch < r->patches_n ? &r->patches[r->patch] : NULL;

    while (p && r->at == p->at) {
        if (r->with < p->with.n) {
            *ret = span_of(p->with.p + r->with, MIN(max, p->with.n - r->with));
            r->with += ret->n;
            return 0;
        }
        r->at += p->len;
        r->with = 0;
        r->patch++;
        p = r->patch < r->patches_n ? &r->patches[r->patch] : NULL;
    }
    if (blob_at(r->blob, r->at, ret, e) < 0)
        return -1;
    ret->n = MIN(ret->n, max);
    if (p)
        ret->n = (size_t)MIN((uint64_t)ret->n, p->at - r->at);
    r->at += ret->n;
    return 0;
}
