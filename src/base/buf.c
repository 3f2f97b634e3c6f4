/*
 * buf.c - see buf.h. Growth is by doubling, never past the maximum.
 */
#include "base/buf.h"

#include "base/mem.h"

#define BUF_FIRST 256
#define PRINT_TRY 64 /* most prints are shorter: they are formatted once */

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
    mem_free(b->p);
    buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->err = ERR_NONE;
}

char *buf_reserve(struct buf *b, size_t n)
{
    size_t cap = MAX(b->cap, (size_t)BUF_FIRST);
    char *p;

    if (b->err != ERR_NONE)
        return NULL;
    if (n > b->max || b->n > b->max - n) {
        b->err = ERR_LIMIT;
        return NULL;
    }
    if (b->p && b->cap - b->n >= n)
        return b->p + b->n;
    while (cap < b->n + n)
        cap *= 2;
    cap = MIN(cap, b->max);
    p = mem_realloc(b->p, cap);
    if (!p) {
        b->err = ERR_NOMEM;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    return b->p + b->n;
}

void buf_commit(struct buf *b, size_t n)
{
    MUST(b->cap - b->n >= n);
    b->n += n;
}

void buf_add_grow(struct buf *b, const void *p, size_t n)
{
    char *to;

    if (n == 0)
        return;
    to = buf_reserve(b, n);
    if (!to)
        return;
    memcpy(to, p, n);
    b->n += n;
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    char text[SPAN_U64];

    buf_add_span(b, span_of_u64(v, text));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    size_t room;
    va_list again;
    char *to;
    int n;

    if (b->cap - b->n < PRINT_TRY && b->n + PRINT_TRY <= b->max && !buf_reserve(b, PRINT_TRY))
        return;
    room = b->err == ERR_NONE ? b->cap - b->n : 0;
    va_copy(again, ap);
    n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, again);
    va_end(again);
    if (!EXPECT(n >= 0))
        return;
    if ((size_t)n < room) { /* its NUL too, which is not committed */
        b->n += (size_t)n;
        return;
    }
    to = buf_reserve(b, (size_t)n + 1);
    if (!to)
        return;
    if (EXPECT(vsnprintf(to, (size_t)n + 1, fmt, ap) == n))
        b->n += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
    MUST(n <= b->n);
    b->n -= n;
    if (b->n && n)
        memmove(b->p, b->p + n, b->n);
}

int buf_finish(const struct buf *b, const char *what, struct err *e)
{
    if (b->err == ERR_LIMIT)
        return err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", what, b->max);
    if (b->err != ERR_NONE)
        return err_set(e, ERR_NOMEM, "%s: no memory", what);
    return 0;
}
