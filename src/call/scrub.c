/*
 * scrub.c - see scrub.h. Stars take as many bytes as what they cover: lengths that were announced
 * stay true.
 *
 * Time is O(n * secret) at worst. Errors are short, and so are keys.
 */
#include "call/scrub.h"

#include <limits.h>

#define PERHAPS SIZE_MAX /* it may go on so behind the end */

/* The character that \uXXXX at p stands for; hexadecimal digits are read by what they are worth. */
static unsigned long escaped(const char *p)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    unsigned long c = 0;

    for (size_t i = 2; i < 6; i++) {
        const char *d = p[i] ? strchr(digits, p[i]) : NULL;

        if (!d)
            return ULONG_MAX;
        c = c << 4 | (unsigned long)(d - digits < 16 ? d - digits : d - digits - 6);
    }
    return c;
}

/* How many bytes at the start of s spell c: 0 none, or PERHAPS. */
static size_t spells(struct span s, char c)
{
    if (s.n == 0)
        return PERHAPS;
    if (s.p[0] != '\\')
        return s.p[0] == c;
    if (s.n == 1)
        return PERHAPS;
    if (s.p[1] == 'u' && s.n < 6)
        return PERHAPS;
    if (s.p[1] == 'u' && escaped(s.p) == (unsigned char)c)
        return 6;
    if (s.p[1] == c && s.p[1] != 'u')
        return 2;
    return c == '\\';
}

/* How many bytes at the start of s spell the secret: 0 none, or PERHAPS. */
static size_t spells_all(struct span s, struct span secret)
{
    size_t at = 0;

    for (size_t i = 0; i < secret.n; i++) {
        size_t n = spells(span_of(s.p + at, s.n - at), secret.p[i]);

        if (n == 0 || n == PERHAPS)
            return n;
        at += n;
    }
    return at;
}

size_t scrub_part(char *p, size_t n, struct span secret)
{
    size_t i = 0;

    while (i < n && secret.n >= SCRUB_BYTES_MIN) {
        size_t found = spells_all(span_of(p + i, n - i), secret);

        if (found == PERHAPS)
            return i;
        memset(p + i, '*', found);
        i += MAX(found, (size_t)1);
    }
    return n;
}

void scrub(char *p, size_t n, struct span secret)
{
    size_t settled = scrub_part(p, n, secret);

    if (n - settled >= SCRUB_BYTES_MIN)
        memset(p + settled, '*', n - settled);
}

int scrub_head(struct http_head *ret, const struct http_head *h, struct span secret,
               struct arena *a, struct err *e)
{
    struct http_field *fields = arena_alloc(a, (h->fields_n + 1) * sizeof(*fields));

    if (!fields)
        goto nomem;
    for (size_t i = 0; i < h->fields_n; i++) {
        struct span from = h->fields[i].value;
        char *value = arena_alloc(a, from.n + 1);

        if (!value)
            goto nomem;
        if (from.n)
            memcpy(value, from.p, from.n);
        scrub(value, from.n, secret);
        fields[i] = (struct http_field){h->fields[i].name, span_of(value, from.n)};
    }
    *ret = *h;
    ret->fields = fields;
    return 0;
nomem:
    return err_set(e, ERR_NOMEM, "no memory for the head of an error");
}
