/*
 * http.c - what all versions share: dispatch to the stream's version, lookups, tables.
 */
#include "http/http.h"

#include "net/addr.h"

const struct http_limits http_limits_default = {
    .head_bytes = (size_t)32 * 1024,
    .fields = 100,
    .path_bytes = (size_t)8 * 1024,
    .body_bytes = (uint64_t)64 * 1024 * 1024,
};

enum http_host http_host_kind(struct span authority)
{
    char text[NET_ADDR_TEXT + 8];
    struct span rest = authority;
    struct net_addr addr;
    struct err e;
    bool port;
    int n;

    if (span_eq_nocase(span_cut(&rest, ':'), SPAN_LIT("localhost")))
        return HTTP_HOST_LOCAL;
    port =
        authority.n && authority.p[authority.n - 1] != ']' && span_find(authority, ':') != SIZE_MAX;
    n = snprintf(text, sizeof(text), "%.*s%s", SPAN_FMT(authority), port ? "" : ":80");
    if (n <= 0 || (size_t)n >= sizeof(text) ||
        net_addr_parse(&addr, span_of(text, (size_t)n), &e) < 0)
        return HTTP_HOST_NAME;
    return net_addr_loopback(&addr) ? HTTP_HOST_LOCAL : HTTP_HOST_ADDRESS;
}

struct span http_field_get(const struct http_head *h, const char *name)
{
    for (size_t i = 0; i < h->fields_n; i++)
        if (span_is(h->fields[i].name, name))
            return h->fields[i].value;
    return (struct span){NULL, 0};
}

void http_stream_bind(struct http_stream *s, const struct http_stream_cb *cb, void *arg)
{
    s->cb = cb;
    s->arg = arg;
}

int http_send_head(struct http_stream *s, const struct http_head *h, struct err *e)
{
    return s->ops->send_head(s, h, e);
}

int http_send_body(struct http_stream *s, const char *p, size_t n, struct err *e)
{
    return n ? s->ops->send_body(s, p, n, e) : 0;
}

int http_send_end(struct http_stream *s, struct err *e)
{
    return s->ops->send_end(s, e);
}

void http_consumed(struct http_stream *s, size_t n)
{
    if (n)
        s->ops->consumed(s, n);
}

void http_widen(struct http_stream *s)
{
    s->ops->widen(s);
}

void http_stream_close(struct http_stream **s, enum http_close how)
{
    struct http_stream *it = *s;

    *s = NULL;
    if (it)
        it->ops->close(it, how);
}

const char *http_status_text(uint16_t status)
{
    static const struct {
        uint16_t status;
        const char *text;
    } rows[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {424, "Failed Dependency"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {529, "Overloaded"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].status == status)
            return rows[i].text;
    return "";
}
