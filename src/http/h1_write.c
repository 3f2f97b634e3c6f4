/*
 * h1_write.c - see h1_write.h. RFC 9112.
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

static int add_fields(struct buf *out, const struct http_head *h, const struct h1_write_opts *o,
                      struct err *e)
{
    bool framed = head_sends_length(h);

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
    if (!head_target_ok(h->path) || !head_method_ok(h->method))
        return err_set(e, ERR_PROTOCOL, "a method or target with a byte that may not be there");
    buf_add_span(out, h->method);
    buf_add_char(out, ' ');
    buf_add_span(out, h->path);
    buf_add_str(out, " HTTP/1.1\r\n");
    if (add_field(out, SPAN_LIT("host"), h->authority, e) < 0)
        return -1;
    return add_fields(out, h, o, e);
}

int h1_write_response(struct buf *out, const struct http_head *h, const struct h1_write_opts *o,
                      struct err *e)
{
    char date[HEAD_DATE];

    buf_add_str(out, "HTTP/1.1 ");
    buf_add_u64(out, h->status);
    buf_add_char(out, ' ');
    buf_add_str(out, http_status_text(h->status));
    buf_add(out, "\r\n", 2);
    if (o->wall_ms) {
        buf_add_str(out, "date: ");
        buf_add_str(out, head_date(date, o->wall_ms));
        buf_add(out, "\r\n", 2);
    }
    return add_fields(out, h, o, e);
}

size_t h1_write_chunk(char out[H1_WRITE_CHUNK], size_t n)
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
