/*
 * arena.h - memory that dies together: a request, an attempt, a turn.
 *
 * Allocation is a bump of a pointer, nothing is freed alone, and the whole has a budget of
 * bytes: past it (or when the heap is empty) arena_alloc() gives NULL, which fails the request
 * that asked and nobody else.
 *
 * Room: base. Threads: owned by one loop.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    char *at, *end;             /* free part of the newest block */
    size_t used, budget;        /* bytes handed out, most that may be */
};

/* An empty arena; allocates nothing yet. */
void arena_init(struct arena *a, size_t budget);

/* Free everything; the arena is as after arena_init(). */
void arena_fini(struct arena *a);

/* The same, and overwrite it first: for what holds secrets. */
void arena_wipe(struct arena *a);

/* n bytes aligned for anything, not cleared; NULL when the budget or the heap is used up. */
MUST_CHECK void *arena_alloc(struct arena *a, size_t n);
MUST_CHECK void *arena_zalloc(struct arena *a, size_t n);

/* A NUL-terminated copy that lives in the arena; absent span and p NULL on failure. The
 * terminator is not counted in n. */
MUST_CHECK struct span arena_dup(struct arena *a, struct span s);

/* The n parts one behind the other; as arena_dup() otherwise. */
MUST_CHECK struct span arena_join(struct arena *a, const struct span *parts, size_t n);

/* printf into the arena; absent span on failure. NUL-terminated as above. */
MUST_CHECK struct span arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
