/*
 * span.c - comparisons and small parsers over borrowed bytes. Nothing here allocates.
 */
#include "base/span.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool span_starts(struct span s, struct span prefix)
{
    return s.n >= prefix.n && span_eq(span_of(s.p, prefix.n), prefix);
}

bool span_ends(struct span s, struct span suffix)
{
    return s.n >= suffix.n && span_eq(span_of(s.p + (s.n - suffix.n), suffix.n), suffix);
}

bool span_contains(struct span s, struct span needle)
{
    if (needle.n == 0)
        return true;
    return s.n >= needle.n && memmem(s.p, s.n, needle.p, needle.n) != NULL;
}

size_t span_find(struct span s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

    return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

struct span span_trim(struct span s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

struct span span_cut(struct span *rest, char sep)
{
    size_t at = span_find(*rest, sep);
    struct span piece = *rest;

    if (at == SIZE_MAX) {
        *rest = (struct span){NULL, 0};
        return piece;
    }
    piece.n = at;
    rest->p += at + 1;
    rest->n -= at + 1;
    return piece;
}

bool span_glob(struct span pattern, struct span s)
{
    size_t p = 0, i = 0, star = SIZE_MAX, mark = 0;

    while (i < s.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            mark = i;
        } else if (p < pattern.n && pattern.p[p] == s.p[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) { /* let the last star swallow one byte more */
            p = star + 1;
            i = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

bool span_globs(const char *const *patterns, struct span s)
{
    for (; *patterns; patterns++)
        if (span_glob(span_str(*patterns), s))
            return true;
    return false;
}

int span_u64(struct span s, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.n == 0)
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)(unsigned char)s.p[i] - '0';

        if (d > 9 || __builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, d, &v))
            return -1;
    }
    *ret = v;
    return 0;
}

struct span span_of_u64(uint64_t v, char text[SPAN_U64])
{
    size_t at = SPAN_U64;

    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    return span_of(text + at, SPAN_U64 - at);
}

uint64_t span_hash(struct span s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}
