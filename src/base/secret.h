/*
 * secret.h - where keys live: one locked arena, never dumped, never logged.
 *
 * The arena is one mapping (memfd_secret where the kernel has it, else anonymous memory with
 * mlock), excluded from core dumps, wiped when it is freed, inherited by forked workers. A struct
 * secret is a reference with a printable name ("env:OPENAI_API_KEY"); messages and logs print
 * the name.
 *
 * Room: base. Threads: one owner; read-only after loading.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"
#include "base/span.h"

struct secret_arena;

struct secret {
    struct span bytes; /* in the locked arena; absent: not set */
    struct span name;  /* "env:NAME", "file:PATH": safe to print */
};

/* Room for `bytes` bytes of secrets. */
MUST_CHECK int secret_arena_new(struct secret_arena **ret, size_t bytes, struct err *e);

/* Wipe and unmap. NULL is fine. */
void secret_arena_free(struct secret_arena **a);

/* Copy bytes into the arena and wipe nothing of the source. ERR_LIMIT when it is full. */
MUST_CHECK int secret_put(struct secret_arena *a, struct secret *ret, struct span bytes,
                          struct span name, struct err *e);

/* As secret_put(), but the bytes come from a regular file of at most SECRET_FILE_MAX bytes and
 * are read straight into the arena. White space around them is left out. */
#define SECRET_FILE_MAX ((size_t)16 * 1024)
MUST_CHECK int secret_put_file(struct secret_arena *a, struct secret *ret, const char *path,
                               struct span name, struct err *e);

/* Is the arena kept out of swap? False where neither memfd_secret nor mlock is allowed. */
bool secret_arena_locked(const struct secret_arena *a);

/* Overwrite n bytes so that no compiler leaves it out. */
void secret_wipe(void *p, size_t n);

/* Equal, in time that depends on the lengths only. */
bool secret_eq(struct span a, struct span b);

#endif
