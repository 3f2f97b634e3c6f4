/*
 * json_write.c - writes JSON; see json_write.h.
 *
 * Nesting is a bit a level, and one flag says whether a comma is due: behind a container its
 * parent always has a value, so the flag needs no stack.
 */
#include "codec/json_write.h"

#include <math.h>

#include "codec/plain.h"
#include "codec/utf8.h"

#define DEPTH_MAX   64
#define DOUBLE_TEXT 32 /* "-1.7976931348623157e+308" and a NUL */

void json_write_init(struct json_write *w, struct buf *out)
{
    *w = (struct json_write){.out = out};
}

static bool in_object(const struct json_write *w)
{
    return w->depth && (w->objects >> (w->depth - 1) & 1);
}

/* A value comes: whatever must stand before it. */
static void before_value(struct json_write *w)
{
    if (in_object(w)) {
        MUST(w->key);
        w->key = false;
        return; /* json_key() wrote the comma */
    }
    MUST(w->depth || !w->comma); /* one value at the root */
    if (w->comma)
        buf_add_char(w->out, ',');
    w->comma = true;
}

static void begin(struct json_write *w, bool object)
{
    MUST(w->depth < DEPTH_MAX);
    before_value(w);
    w->objects &= ~(UINT64_C(1) << w->depth);
    w->objects |= (uint64_t)object << w->depth;
    w->depth++;
    w->comma = false;
    buf_add_char(w->out, object ? '{' : '[');
}

static void end(struct json_write *w, bool object)
{
    MUST(w->depth && in_object(w) == object && !w->key);
    w->depth--;
    w->comma = true;
    buf_add_char(w->out, object ? '}' : ']');
}

void json_begin_object(struct json_write *w)
{
    begin(w, true);
}

void json_end_object(struct json_write *w)
{
    end(w, true);
}

void json_begin_array(struct json_write *w)
{
    begin(w, false);
}

void json_end_array(struct json_write *w)
{
    end(w, false);
}

/* Append the escape of a byte that cannot stand in a string as it is. */
static void escape_byte(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };
    char text[6] = {'\\', names[c]};

    if (names[c]) {
        buf_add(out, text, 2);
        return;
    }
    text[1] = 'u';
    text[2] = '0';
    text[3] = '0';
    text[4] = hex[c >> 4];
    text[5] = hex[c & 15];
    buf_add(out, text, sizeof(text));
}

/* Is the character of n bytes at p U+2028 or U+2029? */
static bool is_separator(const unsigned char *p, size_t n)
{
    return n == 3 && p[0] == 0xE2 && p[1] == 0x80 && (p[2] & 0xFE) == 0xA8;
}

/* Half of a pair; the other half may come in the next piece of the text. */
static void escape_surrogate(struct buf *out, const unsigned char *p)
{
    buf_printf(out, "\\ud%03x", (p[1] & 0x3FU) << 6 | (p[2] & 0x3FU));
}

void json_escape(struct buf *out, struct span s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    const unsigned char *stop = s.n ? p + s.n : p;
    const unsigned char *from = p; /* what is not yet written */

    while (p < stop) {
        size_t n;

        p = plain_skip(p, stop);
        if (p == stop)
            break;
        n = utf8_len(p, stop);
        if (n > 1 && !is_separator(p, n)) {
            p += n;
            continue;
        }
        buf_add(out, from, (size_t)(p - from));
        if (n == 0 && utf8_is_surrogate(p, stop)) {
            escape_surrogate(out, p);
            p += 3;
        } else if (n == 0) {
            buf_add_str(out, "\xEF\xBF\xBD"); /* U+FFFD for a byte that is not UTF-8 */
            p++;
        } else if (n == 1) {
            escape_byte(out, *p++);
        } else {
            buf_add_str(out, p[2] == 0xA8 ? "\\u2028" : "\\u2029");
            p += n;
        }
        from = p;
    }
    buf_add(out, from, (size_t)(p - from));
}

static void quoted(struct buf *out, struct span s)
{
    buf_add_char(out, '"');
    json_escape(out, s);
    buf_add_char(out, '"');
}

static void before_key(struct json_write *w)
{
    MUST(in_object(w) && !w->key);
    if (w->comma)
        buf_add_char(w->out, ',');
    w->comma = true;
    w->key = true;
}

void json_key_span(struct json_write *w, struct span key)
{
    before_key(w);
    quoted(w->out, key);
    buf_add_char(w->out, ':');
}

void json_key(struct json_write *w, const char *key)
{
    before_key(w);
    buf_add_char(w->out, '"');
    buf_add_str(w->out, key);
    buf_add(w->out, "\":", 2);
}

void json_raw(struct json_write *w, struct span s)
{
    MUST(s.n);
    before_value(w);
    buf_add_span(w->out, s);
}

void json_raw_line(struct json_write *w, struct span s)
{
    MUST(s.n);
    before_value(w);
    while (s.n) {
        size_t n = 0;

        while (n < s.n && s.p[n] != '\n' && s.p[n] != '\r')
            n++;
        buf_add_span(w->out, span_of(s.p, n));
        if (n < s.n)
            buf_add_char(w->out, ' ');
        n = MIN(n + 1, s.n);
        s = span_of(s.p + n, s.n - n);
    }
}

void json_string(struct json_write *w, struct span s)
{
    before_value(w);
    quoted(w->out, s);
}

void json_cstring(struct json_write *w, const char *s)
{
    if (s)
        json_string(w, span_str(s));
    else
        json_null(w);
}

void json_uint(struct json_write *w, uint64_t v)
{
    before_value(w);
    buf_add_u64(w->out, v);
}

void json_int(struct json_write *w, int64_t v)
{
    before_value(w);
    if (v < 0)
        buf_add_char(w->out, '-');
    buf_add_u64(w->out, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* The shortest of the three precisions that reads back as the same number. */
void json_double(struct json_write *w, double v)
{
    char text[DOUBLE_TEXT];
    double back = 0;

    if (!isfinite(v)) {
        json_null(w);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        int n = snprintf(text, sizeof(text), "%.*g", digits, v);

        MUST(n > 0 && n < DOUBLE_TEXT);
        if (sscanf(text, "%lf", &back) == 1 && !(back < v) && !(back > v))
            break;
    }
    json_raw(w, span_str(text));
}

void json_bool(struct json_write *w, bool v)
{
    json_raw(w, v ? SPAN_LIT("true") : SPAN_LIT("false"));
}

void json_null(struct json_write *w)
{
    json_raw(w, SPAN_LIT("null"));
}

void json_kv_string(struct json_write *w, const char *key, struct span s)
{
    json_key(w, key);
    json_string(w, s);
}

void json_kv_cstring(struct json_write *w, const char *key, const char *s)
{
    json_key(w, key);
    json_cstring(w, s);
}

void json_kv_uint(struct json_write *w, const char *key, uint64_t v)
{
    json_key(w, key);
    json_uint(w, v);
}

void json_kv_int(struct json_write *w, const char *key, int64_t v)
{
    json_key(w, key);
    json_int(w, v);
}

void json_kv_bool(struct json_write *w, const char *key, bool v)
{
    json_key(w, key);
    json_bool(w, v);
}
