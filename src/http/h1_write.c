/*
 * h1_write.c - see h1_write.h. RFC 9112; the date is RFC 9110, section 5.6.7.
 */
#include "http/h1_write.h"

#include "http/head.h"

static int add_field(struct buf *out, struct span name, struct span value, struct err *e)
{
    if (!head_name_ok(name) || !head_value_ok(value))
        return err_set(e, ERR_PROTOCOL, "header field '%.*s' has a byte that may not be there",
                       SPAN_FMT(name));
    buf_add_span(out, name);
    buf_add(out, ": ", 2);
    buf_add_span(out, value);
    buf_add(out, "\r\n", 2);
    return 0;
}

/* `framed`: this head says how its body is framed. */
static int add_fields(struct buf *out, const struct http_head *h, const struct h1_write_opts *o,
                      bool framed, struct err *e)
{
    for (size_t i = 0; i < h->fields_n; i++) {
        if (!EXPECT(!head_is_hop(h->fields[i].name)))
            return err_set(e, ERR_BUG, "the field '%.*s' is not the caller's to set",
                           SPAN_FMT(h->fields[i].name));
        if (add_field(out, h->fields[i].name, h->fields[i].value, e) < 0)
            return -1;
    }
    if (framed && o->chunked) {
        buf_add_str(out, "transfer-encoding: chunked\r\n");
    } else if (framed && !o->until_close && h->body_len != HTTP_LEN_UNKNOWN) {
        buf_add_str(out, "content-length: ");
        buf_add_u64(out, h->body_len);
        buf_add(out, "\r\n", 2);
    }
    if (o->close)
        buf_add_str(out, "connection: close\r\n");
    buf_add(out, "\r\n", 2);
    return buf_finish(out, "head", e);
}

int h1_write_request(struct buf *out, const struct http_head *h, const struct h1_write_opts *o,
                     struct err *e)
{
    static const char *const with_body[] = {"POST", "PUT", "PATCH"};
    bool framed = h->body_len != 0;

    if (!head_target_ok(h->path) || !head_method_ok(h->method))
        return err_set(e, ERR_PROTOCOL, "a method or target with a byte that may not be there");
    for (size_t i = 0; i < ARRAY_LEN(with_body); i++)
        framed = framed || span_is(h->method, with_body[i]);
    buf_add_span(out, h->method);
    buf_add_char(out, ' ');
    buf_add_span(out, h->path);
    buf_add_str(out, " HTTP/1.1\r\n");
    if (add_field(out, SPAN_LIT("host"), h->authority, e) < 0)
        return -1;
    return add_fields(out, h, o, framed, e);
}

/* Days since 1970-01-01 to a civil date (proleptic Gregorian), by 400-year eras. */
static void civil(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;

    *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *year = (unsigned)(yoe + era * 400 + (*month <= 2 ? 1 : 0));
}

/* v as two digits. */
static char *two(char *to, unsigned v)
{
    to[0] = (char)('0' + v / 10 % 10);
    to[1] = (char)('0' + v % 10);
    return to + 2;
}

/* By hand: printf would cost as much as the rest of a head. */
static void add_date(struct buf *out, uint64_t wall_ms)
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[] = "date: Day, dd Mon yyyy hh:mm:ss GMT\r\n";
    uint64_t s = wall_ms / 1000, day_n = s / 86400;
    unsigned year, month, day;

    civil(day_n, &year, &month, &day);
    memcpy(text + 6, days + day_n % 7 * 3, 3);
    two(text + 11, day);
    memcpy(text + 14, months + (size_t)(month - 1) * 3, 3);
    two(two(text + 18, year / 100), year % 100);
    two(text + 23, (unsigned)(s / 3600 % 24));
    two(text + 26, (unsigned)(s / 60 % 60));
    two(text + 29, (unsigned)(s % 60));
    buf_add(out, text, sizeof(text) - 1);
}

int h1_write_response(struct buf *out, const struct http_head *h, const struct h1_write_opts *o,
                      struct err *e)
{
    buf_add_str(out, "HTTP/1.1 ");
    buf_add_u64(out, h->status);
    buf_add_char(out, ' ');
    buf_add_str(out, http_status_text(h->status));
    buf_add(out, "\r\n", 2);
    if (o->wall_ms)
        add_date(out, o->wall_ms);
    return add_fields(out, h, o, !head_bodyless(h->status), e);
}

size_t h1_chunk_head(char out[H1_CHUNK_HEAD], size_t n)
{
    static const char hex[] = "0123456789abcdef";
    size_t digits = 1, at;

    for (size_t v = n >> 4; v; v >>= 4)
        digits++;
    at = digits;
    while (at > 0) {
        out[--at] = hex[n & 15];
        n >>= 4;
    }
    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}
