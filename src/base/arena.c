/*
 * arena.c - see arena.h. Blocks double from 1 KiB, their heads included, to 32 KiB; a larger piece
 * gets a block of its own size.
 */
#include "base/arena.h"

#include <stdarg.h>

#include "base/mem.h"
#include "base/secret.h"

#define BLOCK_FIRST (MEM_CACHED_MAX - sizeof(struct arena_block))
#define BLOCK_MOST  ((size_t)32 * 1024)
#define ALIGN       ((size_t)16)

struct arena_block {
    struct arena_block *older;
    size_t size;
    _Alignas(16) char bytes[];
};

void arena_init(struct arena *a, size_t budget)
{
    *a = (struct arena){.budget = budget};
}

void arena_fini(struct arena *a)
{
    struct arena_block *b = a->blocks, *older;

    for (; b; b = older) {
        older = b->older;
        mem_free(b);
    }
    arena_init(a, a->budget);
}

void arena_wipe(struct arena *a)
{
    for (struct arena_block *b = a->blocks; b; b = b->older)
        secret_wipe(b->bytes, b->size);
    arena_fini(a);
}

static int grow(struct arena *a, size_t n)
{
    size_t size = a->blocks ? MIN(a->blocks->size * 2, BLOCK_MOST) : BLOCK_FIRST;
    struct arena_block *b;

    size = MAX(size, n);
    b = mem_alloc(sizeof(*b) + size);
    if (!b)
        return -1;
    b->older = a->blocks;
    b->size = size;
    a->blocks = b;
    a->at = b->bytes;
    a->end = b->bytes + size;
    return 0;
}

void *arena_alloc(struct arena *a, size_t n)
{
    char *p;

    if (n > a->budget || a->used > a->budget - n)
        return NULL;
    n = (MAX(n, (size_t)1) + ALIGN - 1) & ~(ALIGN - 1);
    if ((size_t)(a->end - a->at) < n && grow(a, n) < 0)
        return NULL;
    p = a->at;
    a->at += n;
    a->used += n;
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);

    if (p)
        memset(p, 0, n);
    return p;
}

struct span arena_dup(struct arena *a, struct span s)
{
    char *p = arena_alloc(a, s.n + 1);

    if (!p)
        return (struct span){NULL, 0};
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct span){p, s.n};
}

struct span arena_join(struct arena *a, const struct span *parts, size_t n)
{
    size_t all = 0, at = 0;
    char *p;

    for (size_t i = 0; i < n; i++)
        all += parts[i].n;
    p = arena_alloc(a, all + 1);
    if (!p)
        return (struct span){NULL, 0};
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n)
            memcpy(p + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    p[all] = '\0';
    return (struct span){p, all};
}

struct span arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    p = n >= 0 ? arena_alloc(a, (size_t)n + 1) : NULL;
    if (!p)
        return (struct span){NULL, 0};
    va_start(ap, fmt);
    n = vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct span){p, (size_t)MAX(n, 0)};
}
