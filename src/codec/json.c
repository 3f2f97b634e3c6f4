/*
 * json.c - reads what json_scan has found: the text of a string, the value of a number.
 *
 * Numbers: JSON writes one whole number in many ways (12, 12.0, 1.2e1, 120e-1), so the digits
 * are taken as one row with the place of its decimal point, and no floating point is involved:
 * 2^64 - 1 and 2^53 + 1 stay what they are.
 */
#include "codec/json_scan.h"
#include "codec/utf8.h"

/* More than any text has digits, and far from overflow. */
#define EXPONENT_MAX (INT64_C(1) << 56)

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The four hexadecimal digits at p. */
static uint32_t hex4(const char *p)
{
    uint32_t v = 0;

    for (size_t i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i];

        v = v << 4 | (digit(p[i]) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

/* The character of the \u escape whose digits stand at raw.p[*at]; moves behind it, and behind a
 * low surrogate that belongs to it. */
static uint32_t unicode(struct span raw, size_t *at)
{
    uint32_t c, low;

    if (raw.n - *at < 4) { /* a cut text */
        *at = raw.n;
        return 0xFFFD;
    }
    c = hex4(raw.p + *at);
    *at += 4;
    if (c < 0xD800 || c > 0xDFFF)
        return c;
    if (c > 0xDBFF || raw.n - *at < 6 || raw.p[*at] != '\\' || raw.p[*at + 1] != 'u')
        return 0xFFFD;
    low = hex4(raw.p + *at + 2);
    if (low < 0xDC00 || low > 0xDFFF)
        return 0xFFFD;
    *at += 6;
    return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
}

size_t json_unescape(struct span raw, char *out, size_t cap)
{
    static const char plain[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    size_t at = 0, n = 0;

    while (at < raw.n) {
        const char *from = raw.p + at;
        const char *esc = memchr(from, '\\', raw.n - at);
        size_t run = esc ? (size_t)(esc - from) : raw.n - at;
        char one[UTF8_MAX];
        unsigned char c;

        if (run == 0) {
            c = at + 1 < raw.n ? (unsigned char)raw.p[at + 1] : 'u';
            at = MIN(at + 2, raw.n);
            from = one;
            one[0] = plain[c];
            run = c == 'u' ? utf8_put(one, unicode(raw, &at)) : 1;
        } else {
            at += run;
        }
        if (run > cap - n)
            return SIZE_MAX;
        memcpy(out + n, from, run);
        n += run;
    }
    return n;
}

/* The exponent that begins at p; its size is cut to EXPONENT_MAX. */
static int64_t exponent(const char *p, const char *end)
{
    bool minus = p < end && *p == '-';
    int64_t v = 0;

    if (p < end && !digit(*p))
        p++;
    for (; p < end; p++)
        v = MIN(v * 10 + (*p - '0'), EXPONENT_MAX);
    return minus ? -v : v;
}

int json_u64(struct span raw, uint64_t *ret)
{
    const char *p = raw.p, *tail = raw.p, *end;
    uint64_t v = 0;
    int64_t whole = 0; /* digits before the decimal point; may be negative */

    if (raw.n == 0 || *p == '-')
        return -1;
    end = p + raw.n;
    while (tail < end && *tail != 'e' && *tail != 'E')
        tail++;
    while (p + whole < tail && p[whole] != '.')
        whole++;
    if (tail < end)
        whole += exponent(tail + 1, end);
    for (; p < tail; p++) {
        if (*p == '.')
            continue;
        if (whole-- > 0) {
            if (__builtin_mul_overflow(v, 10U, &v) ||
                __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
                return -1;
        } else if (*p != '0') {
            return -1;
        }
    }
    for (; whole > 0 && v; whole--)
        if (__builtin_mul_overflow(v, 10U, &v))
            return -1;
    *ret = v;
    return 0;
}
