/*
 * text.c - see text.h.
 */
#include "dialect/text.h"

/* The \u escape of a leading surrogate? Its digits are D8 to DB. */
static bool leads(const char *p)
{
    return (p[2] == 'd' || p[2] == 'D') && strchr("89abAB", p[3]);
}

/* Bytes of the escape at p, a surrogate pair taken as one; 0: it is cut. */
static size_t escape_bytes(const char *p, size_t n)
{
    if (n < 2)
        return 0;
    if (p[1] != 'u')
        return 2;
    if (n < 6)
        return 0;
    if (!leads(p) || (n >= 7 && p[6] != '\\') || (n >= 8 && p[7] != 'u'))
        return 6;
    return n >= 12 ? 12 : 0;
}

/* Bytes of the character or escape at p; 0: it is cut. */
static size_t unit_bytes(const char *p, size_t n)
{
    unsigned char c = (unsigned char)*p;
    size_t need = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

    if (c == '\\')
        return escape_bytes(p, n);
    return need <= n ? need : 0;
}

size_t dialect_text(struct span raw, char *out, size_t cap)
{
    size_t n = 0;

    while (n < raw.n) {
        size_t unit = unit_bytes(raw.p + n, raw.n - n);

        /* Unescaped, a unit is never longer than it was. */
        if (unit == 0 || n + unit >= cap)
            break;
        n += unit;
    }
    n = n ? json_unescape(span_of(raw.p, n), out, cap - 1) : 0;
    if (!EXPECT(n < cap))
        n = 0;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)out[i] < 0x20 || out[i] == 0x7F)
            out[i] = ' ';
    out[n] = '\0';
    return n;
}

size_t dialect_hit_text(const struct json_hit *h, char *out, size_t cap)
{
    return dialect_text(span_of(h->raw.p, MIN(h->raw.n, (size_t)JSON_SCAN_TEXT)), out, cap);
}

int dialect_hit_u64(const struct json_hit *h, uint64_t *ret)
{
    if (h->type != JSON_NUMBER || h->len > JSON_SCAN_TEXT)
        return -1;
    return json_u64(h->raw, ret);
}

uint64_t dialect_hit_id(const struct json_hit *h)
{
    return h->type == JSON_STRING && h->len - 2 <= JSON_SCAN_TEXT ? span_hash(h->raw) : 0;
}
