/*
 * text.c - bytes that grow, without the product's memory: what the gateway's want of memory is
 * tried with must not touch its peers.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static void room(struct text *t, size_t n)
{
    if (t->n + n + 1 <= t->cap)
        return;
    t->cap = 2 * (t->n + n) + 64;
    t->p = realloc(t->p, t->cap);
    MUST(t->p);
}

void text_add(struct text *t, const char *p, size_t n)
{
    room(t, n);
    if (n)
        memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
}

void text_str(struct text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

void text_f(struct text *t, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    MUST(n >= 0);
    room(t, (size_t)n);
    va_start(ap, fmt);
    n = vsnprintf(t->p + t->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    t->n += (size_t)n;
}

void text_cut(struct text *t, size_t n)
{
    if (n == 0)
        return;
    memmove(t->p, t->p + n, t->n - n + 1);
    t->n -= n;
}

void text_free(struct text *t)
{
    free(t->p);
    *t = (struct text){0};
}

bool text_has(const struct text *t, const char *s)
{
    return t->n && memmem(t->p, t->n, s, strlen(s)) != NULL;
}

uint64_t text_number(const char *p, unsigned base)
{
    uint64_t ret = 0;

    for (;; p++) {
        unsigned digit = *p >= '0' && *p <= '9'   ? (unsigned)(*p - '0')
                         : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a' + 10)
                         : *p >= 'A' && *p <= 'F' ? (unsigned)(*p - 'A' + 10)
                                                  : 99;

        if (digit >= base)
            return ret;
        ret = ret * base + digit;
    }
}
