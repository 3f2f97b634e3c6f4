/*
 * span.h - a piece of bytes that somebody else owns.
 *
 * A span is a value: pointer and length, no terminator, never freed. {NULL, 0} is "absent"; an
 * empty span with a pointer is "present and empty" (span_has() tells them apart).
 *
 * Room: base. Threads: any.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include "base/base.h"

struct span {
    const char *p;
    size_t n;
};

/* printf("%.*s", SPAN_FMT(s)) prints a span. */
#define SPAN_FMT(s)   (int)MIN((s).n, (size_t)INT32_MAX), (s).p ? (s).p : ""
#define SPAN_LIT(lit) ((struct span){"" lit, sizeof(lit) - 1})

static inline struct span span_of(const char *p, size_t n)
{
    return (struct span){p, n};
}

/* The span of a C string; NULL gives the absent span. */
static inline struct span span_str(const char *s)
{
    return (struct span){s, s ? strlen(s) : 0};
}

static inline bool span_has(struct span s)
{
    return s.p != NULL;
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_is(struct span a, const char *s)
{
    return span_eq(a, span_str(s));
}

/* FNV-1a: the same in every process and every version. */
uint64_t span_hash(struct span s);

/* ASCII case is ignored; other bytes must be equal. */
bool span_eq_nocase(struct span a, struct span b);

bool span_starts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
bool span_contains(struct span s, struct span needle);

/* Offset of the first c, or SIZE_MAX. */
size_t span_find(struct span s, char c);

/* s without leading and trailing spaces and tabs. */
struct span span_trim(struct span s);

/* Cut the piece before the first `sep` off *rest and return it; with no `sep` left the piece is
 * all of *rest, and *rest becomes absent. Loop: while (span_has(rest)) piece = span_cut(...). */
struct span span_cut(struct span *rest, char sep);

/* Does the pattern match the whole of s? '*' stands for any run of bytes, nothing else is
 * special. Time is O(n*m), no recursion. */
bool span_glob(struct span pattern, struct span s);
/* Does one of them, NULL-terminated? */
bool span_globs(const char *const *patterns, struct span s);

/* Parse all of s as decimal digits. -1 when it is empty, has another byte, or overflows;
 * then *ret is untouched. */
MUST_CHECK int span_u64(struct span s, uint64_t *ret);

/* The decimal digits of v, in text: for places where printf would be what takes longest. */
#define SPAN_U64 20
struct span span_of_u64(uint64_t v, char text[SPAN_U64]);

#endif
