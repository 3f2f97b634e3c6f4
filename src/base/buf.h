/*
 * buf.h - a growing builder of bytes with a maximum and a sticky error.
 *
 * Append without checking, check once: buf_ok(). After a failed append every later one is a
 * no-op and what was built so far stays. A buf always has a maximum.
 *
 * Room: base. Threads: owned by one loop.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/err.h"
#include "base/span.h"

struct buf {
    char *p;
    size_t n, cap, max; /* n <= cap <= max */
    enum err_code err;  /* ERR_NONE, ERR_NOMEM or ERR_LIMIT */
};

/* Start an empty buf that never holds more than max bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max);

/* Free the bytes; the buf is empty again, with its maximum and without its error. */
void buf_fini(struct buf *b);

/* Forget the bytes and the error, keep the memory. */
void buf_reset(struct buf *b);

/* Append; inline, for most appends are a few bytes and find room. buf_add_grow() is what they do
 * otherwise. */
void buf_add_grow(struct buf *b, const void *p, size_t n);

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
    if (UNLIKELY(b->err != ERR_NONE || n > b->cap - b->n)) {
        buf_add_grow(b, p, n);
        return;
    }
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
}

static inline void buf_add_span(struct buf *b, struct span s)
{
    buf_add(b, s.p, s.n);
}

static inline void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

static inline void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_add_u64(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

/* Room for n more bytes to be written at the returned place, or NULL (sticky). The caller then
 * adds what it wrote with buf_commit(). */
MUST_CHECK char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

/* Drop n bytes (at most b->n) from the front. */
void buf_consume(struct buf *b, size_t n);

static inline bool buf_ok(const struct buf *b)
{
    return b->err == ERR_NONE;
}

static inline struct span buf_span(const struct buf *b)
{
    return (struct span){b->p, b->n};
}

/* Check the sticky error: 0, or -1 with *e saying "<what>: too large / no memory". */
MUST_CHECK int buf_finish(const struct buf *b, const char *what, struct err *e);

#endif
