/*
 * blob.c - see blob.h.
 *
 * The first mem_n chunks are in memory; chunk number i beyond those is in the file at i - mem_n.
 * The chunk that is being filled is always in memory (`tail`, once there is a file), so a chunk
 * goes to the file once, when it is full. When spooling begins, the last chunk in memory is written
 * and its memory becomes the tail: no blob needs more than it has in order to go on.
 *
 * The first chunk is only as large as it must be, for most bodies are a few KiB and stay as long
 * as their answer streams.
 *
 * Files are read through one window a pool, for readers use what they got at once. Two that take
 * turns decrypt a chunk once a turn; a window for each would be the larger part of a spooled
 * blob's memory.
 *
 * Invariants: (1) len is at most (chunks in memory + chunks in the file) * BLOB_CHUNK, plus what
 *                 lies in the tail; (2) a blob that has begun to spool never goes back to memory;
 *             (3) pool->bytes is the sum of all chunks[] and tails, and at most bytes_max when one
 *                 is added.
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
    size_t file_n; /* full chunks in the file */
    char *tail;    /* the chunk under way, once spooling has begun */
    uint32_t refs;
};

int blob_pool_init(struct blob_pool *p, uint64_t bytes_max, const char *dir, struct err *e)
{
    *p = (struct blob_pool){.bytes_max = bytes_max, .dir = dir};
    p->window = dir ? mem_alloc(BLOB_CHUNK) : NULL;
    if (dir && !p->window)
        return err_set(e, ERR_NOMEM, "no memory for bodies");
    if (getrandom(p->key, sizeof(p->key), 0) == (ssize_t)sizeof(p->key))
        return 0;
    err_set(e, ERR_SYS, "no random bytes: %s", strerror(errno));
    blob_pool_fini(p);
    return -1;
}

void blob_pool_fini(struct blob_pool *p)
{
    mem_spares_fini(&p->firsts);
    mem_free_ptr(&p->window);
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

static bool fits(const struct blob_pool *p, uint64_t most, size_t size)
{
    return p->bytes + size <= most;
}

static void give(struct blob_pool *p, char *chunk, size_t size)
{
    if (chunk)
        p->bytes -= size;
    if (size == FIRST_LEAST)
        mem_spares_give(&p->firsts, chunk);
    else
        mem_free(chunk);
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
        give(b->pool, b->chunks[i], i == 0 ? b->first : BLOB_CHUNK);
    give(b->pool, b->tail, BLOB_CHUNK);
    if (b->pool->window_of == b)
        b->pool->window_of = NULL;
    b->pool->spooled -= b->file_n * BLOB_CHUNK;
    spool_free(&b->spool);
    mem_free(b);
}

/* ---- writing ---- */

static int used_up(const struct blob_pool *p, struct err *e)
{
    return err_set(e, ERR_NOMEM, "the memory for bodies (%llu bytes) is used up",
                   (unsigned long long)p->bytes_max);
}

/* What the first chunk is made to hold need bytes. */
static size_t first_size(size_t need)
{
    size_t size = FIRST_LEAST;

    while (size < need)
        size *= 2;
    return size;
}

/* Make the first chunk, or make it larger: it has room for need bytes then. */
static int grow_first(struct blob *b, size_t need, struct err *e)
{
    size_t size = first_size(need), more = size - b->first;
    char *p;

    if (!fits(b->pool, b->pool->bytes_max, more))
        return used_up(b->pool, e);
    if (size == FIRST_LEAST)
        p = mem_spares_take(&b->pool->firsts, size);
    else
        p = mem_realloc(b->mem_n ? b->chunks[0] : NULL, size);
    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for a body");
    b->pool->bytes += more;
    b->chunks[0] = p;
    b->mem_n = 1;
    b->first = size;
    return 0;
}

static bool add_chunk(struct blob *b)
{
    const struct blob_pool *p = b->pool;
    uint64_t most = p->dir ? p->bytes_max / 2 : p->bytes_max;
    char *chunk;

    if (b->mem_n == MEMORY_CHUNKS || !fits(p, most, BLOB_CHUNK))
        return false;
    chunk = mem_alloc(BLOB_CHUNK);
    if (!chunk)
        return false;
    b->pool->bytes += BLOB_CHUNK;
    b->chunks[b->mem_n++] = chunk;
    return true;
}

/* The tail is full: its bytes go to the file. */
static int put_tail(struct blob *b, char *tail, struct err *e)
{
    if (spool_write(b->spool, b->file_n, tail, e) < 0)
        return -1;
    b->file_n++;
    b->pool->spooled += BLOB_CHUNK;
    return 0;
}

/* All chunks are full, and there may be no more of them. */
static int begin_spool(struct blob *b, struct err *e)
{
    if (!b->pool->dir)
        return used_up(b->pool, e);
    if (!b->spool && spool_new(&b->spool, b->pool->dir, b->pool->key, BLOB_CHUNK, e) < 0)
        return -1;
    if (put_tail(b, b->chunks[b->mem_n - 1], e) < 0)
        return -1;
    b->tail = b->chunks[--b->mem_n];
    return 0;
}

/* The chunk that the byte at len goes to; it has room up to its byte `need`. */
static int current(struct blob *b, size_t need, char **ret, struct err *e)
{
    bool full = b->len % BLOB_CHUNK == 0;

    if (b->tail) {
        if (full && b->len > (b->mem_n + b->file_n) * BLOB_CHUNK && put_tail(b, b->tail, e) < 0)
            return -1;
    } else if (b->len < BLOB_CHUNK) {
        if (need > b->first && grow_first(b, need, e) < 0)
            return -1;
    } else if (full && !add_chunk(b) && begin_spool(b, e) < 0) {
        return -1;
    }
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
    struct blob_pool *p = b->pool;

    if (p->window_of == b && p->window_i == i)
        return 0;
    p->window_of = NULL;
    if (spool_read(b->spool, i, p->window, e) < 0)
        return -1;
    p->window_of = b;
    p->window_i = i;
    return 0;
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
        chunk = b->pool->window;
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
        MUST(s.p && now > 0);
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
