/*
 * bulk.c - see bulk.h.
 */
#include "codec/bulk.h"

/* Of base64 and of its form for URLs; '\' and 'n' for lines in JSON are not: nobody breaks them. */
static bool is_of(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=' || c == '-' || c == '_';
}

static void close_run(struct bulk *b, uint64_t n)
{
    if (n >= BULK_LEAST) {
        b->bytes += n;
        b->runs++;
    }
    b->open = 0;
}

static size_t run_from(struct span s, size_t at)
{
    while (at < s.n && is_of(s.p[at]))
        at++;
    return at;
}

/* Where the run begins that s.p[at] is the last byte of so far; not before `least`. */
static size_t run_to(struct span s, size_t at, size_t least)
{
    while (at > least && is_of(s.p[at - 1]))
        at--;
    return at;
}

void bulk_feed(struct bulk *b, struct span s)
{
    size_t at = 0;

    if (b->open) {
        at = run_from(s, 0);
        if (at == s.n) {
            b->open += s.n;
            return;
        }
        close_run(b, b->open + at);
    }
    while (s.n - at >= BULK_STEP) {
        size_t probe = at + BULK_STEP - 1, begin, end;

        if (!is_of(s.p[probe])) {
            at = probe + 1;
            continue;
        }
        begin = run_to(s, probe, at);
        end = run_from(s, probe);
        if (end == s.n) {
            b->open = end - begin;
            return;
        }
        close_run(b, end - begin);
        at = end;
    }
    b->open = s.n - run_to(s, s.n, at);
}

void bulk_end(struct bulk *b)
{
    close_run(b, b->open);
}
