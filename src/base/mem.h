/*
 * mem.h - the only way to the heap. NULL is an answer that every caller handles.
 *
 * Test builds can make the n-th allocation fail (mem_torture), which is how every constructor is
 * shown to survive without memory.
 *
 * Room: base. Threads: any (each call is as safe as malloc).
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/base.h"

/* Pieces up to this size are cheap to take and to give back: glibc keeps some at hand. */
#define MEM_CACHED_MAX ((size_t)1032)

/* n bytes, not cleared. NULL when there are none. n is at least 1. */
MUST_CHECK void *mem_alloc(size_t n);

/* count * size bytes of zero; NULL also when the product overflows. */
MUST_CHECK void *mem_zalloc(size_t count, size_t size);

/* As realloc; on NULL the old block still lives. */
MUST_CHECK void *mem_realloc(void *p, size_t n);

/* A NUL-terminated copy of n bytes. */
MUST_CHECK char *mem_strndup(const char *p, size_t n);

/* Free; NULL is fine. mem_free_ptr(&x) also sets x to NULL. */
void mem_free(void *p);
#define mem_free_ptr(pp) (mem_free(*(pp)), *(pp) = NULL)

/*
 * Spares: pieces of one size, larger than MEM_CACHED_MAX, that are needed again and again. Those
 * that are given back wait for the next taker, up to MEM_SPARES_MAX of them; sanitizers are built
 * with 0, or they would not see a use after the end. Starts as zeros.
 */
#ifndef MEM_SPARES_MAX
#define MEM_SPARES_MAX 32
#endif

struct mem_spares {
    void *first; /* each begins with the place of the next */
    size_t n;
};

/* A spare, or a new piece; not cleared. size is always the same, and at least a pointer's. */
MUST_CHECK void *mem_spares_take(struct mem_spares *s, size_t size);

/* NULL is fine. */
void mem_spares_give(struct mem_spares *s, void *p);

/* Free all. What is given back later is freed at once. */
void mem_spares_fini(struct mem_spares *s);

#ifdef LAMPLIGHTER_TEST
/* Fail allocation number `at` (0: none), and every later one too when `forever`. Resets the
 * count; mem_torture_hit() tells whether the failing one has come. */
void mem_torture(size_t at, bool forever);
bool mem_torture_hit(void);
#endif

#endif
