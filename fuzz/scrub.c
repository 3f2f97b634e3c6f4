/*
 * scrub.c - an error that may say our key, in pieces.
 *
 * The first byte says how long the key is, the second how the text is cut; then the key, then the
 * text. Must hold: no cut changes what comes out; it is as long as what went in and differs from it
 * in stars alone; the key is not in it, as it is or in any of JSON's spellings; and what is starred
 * is a spelling of it, or the beginning of one at the end.
 */
#include "call/scrub.h"

#include "base/buf.h"

#define LEN_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* As the call does it: what is settled goes out, the rest is held. */
static void pass(struct buf *out, struct span text, struct span key, size_t most)
{
    struct buf held;

    buf_init(&held, LEN_MAX);
    for (size_t at = 0; at < text.n;) {
        size_t n = MIN(most, text.n - at), settled;

        buf_add(&held, text.p + at, n);
        settled = scrub_part(held.p, held.n, key);
        MUST(settled <= held.n);
        buf_add(out, held.p, settled);
        buf_consume(&held, settled);
        at += n;
    }
    scrub(held.p, held.n, key);
    buf_add(out, held.p, held.n);
    buf_fini(&held);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The bytes at s that JSON may have for c; 0: none. The key has no backslash. */
static size_t spelled(struct span s, char c)
{
    int value = 0;

    if (s.n == 0)
        return 0;
    if (s.p[0] == c)
        return 1;
    if (s.n < 2 || s.p[0] != '\\')
        return 0;
    if (s.p[1] == c && c != 'u')
        return 2;
    if (s.n < 6 || s.p[1] != 'u')
        return 0;
    for (size_t i = 2; i < 6; i++) {
        if (hex(s.p[i]) < 0)
            return 0;
        value = value * 16 + hex(s.p[i]);
    }
    return value == (unsigned char)c ? 6 : 0;
}

/* How many bytes at s spell the key, or with `begun` as much of it as s has. 0: none. */
static size_t spells(struct span s, struct span key, bool begun)
{
    size_t at = 0;

    for (size_t i = 0; i < key.n; i++) {
        size_t n = spelled(span_of(s.p + at, s.n - at), key.p[i]);

        if (n == 0) {
            /* At the end: nothing more, or an escape that is not whole. */
            bool cut = at == s.n ||
                       (s.p[at] == '\\' && (s.n - at == 1 || (s.p[at + 1] == 'u' && s.n - at < 6)));

            return begun && cut ? s.n : 0;
        }
        at += n;
    }
    return at;
}

static bool is_plain(struct span key)
{
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] <= ' ' || key.p[i] > '~' || key.p[i] == '\\' || key.p[i] == '*')
            return false;
    return key.n >= SCRUB_BYTES_MIN;
}

static void check(struct span in, struct span out, struct span key)
{
    size_t i = 0;

    MUST(in.n == out.n);
    while (i < in.n) {
        struct span from = span_of(in.p + i, in.n - i);
        size_t n = spells(from, key, false), tail = spells(from, key, true);

        MUST(spells(span_of(out.p + i, out.n - i), key, false) == 0);
        if (n == 0 && tail >= SCRUB_BYTES_MIN)
            n = tail;
        for (size_t k = 0; k < n; k++)
            MUST(out.p[i + k] == '*');
        if (n == 0)
            MUST(out.p[i] == in.p[i]);
        i += MAX(n, (size_t)1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span key, text;
    struct buf whole, cut;
    size_t most;

    if (len < 2 || len > LEN_MAX)
        return 0;
    key = span_of((const char *)data + 2, MIN((size_t)data[0] % 64, len - 2));
    text = span_of(key.p + key.n, len - 2 - key.n);
    most = 1 + (size_t)data[1];
    buf_init(&whole, LEN_MAX);
    buf_init(&cut, LEN_MAX);
    pass(&whole, text, key, LEN_MAX);
    pass(&cut, text, key, most);
    MUST(span_eq(buf_span(&whole), buf_span(&cut)));
    if (is_plain(key))
        check(text, buf_span(&whole), key);
    else if (key.n < SCRUB_BYTES_MIN)
        MUST(span_eq(buf_span(&whole), text));
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
