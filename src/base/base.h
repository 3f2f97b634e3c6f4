/*
 * base.h - the few macros that every room uses. Include it first in every .c file.
 *
 * MUST()   always on. The process can no longer be trusted: print where, abort. Input from
 *          outside never reaches it.
 * EXPECT() always on. Evaluates to the condition; when it is false it is counted on the process
 *          (and aborts in test builds), so that the caller can fail just its own request:
 *              if (!EXPECT(x))
 *                  return refuse();
 *
 * Room: base. Threads: any.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/banned.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))
#define UNUSED(x)    ((void)(x))

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN               __attribute__((noreturn))

/* The build zeroes what a function leaves unset on its stack. Not this: it is large, on the path of
 * every request, and filled before it is read. */
#define LEFT_UNSET __attribute__((uninitialized))

/* The object of type `type` whose member `member` is at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

NORETURN void base_must_failed(const char *file, int line, const char *expr);
void base_expect_failed(const char *file, int line, const char *expr);

#define MUST(x)   (LIKELY(x) ? (void)0 : base_must_failed(__FILE__, __LINE__, #x))
#define EXPECT(x) (LIKELY(x) ? true : (base_expect_failed(__FILE__, __LINE__, #x), false))

/* Heap objects that travel as void * carry a magic as their first field. */
#define OBJ_CHECK(p, m) MUST((p) && (p)->magic == (m))

#endif
