/*
 * h2_head.c - a head of HTTP/2, field by field, and what nghttp2 does not check of it.
 *
 * nghttp2 refuses upper case, pseudo fields out of order or twice, fields of one connection, TE
 * other than trailers, and a content-length that differs from the body. The rest is as strict as
 * in h1_read.c, so that what goes on to an HTTP/1 target is nothing that it could read in two ways.
 */
#include "base/mem.h"
#include "http/h2.h"
#include "http/head.h"

#define INTERIM_MOST 10

static void refuse(struct h2_head *in, uint16_t status, const char *why)
{
    if (in->refusal)
        return;
    in->refusal = status;
    in->why = why;
}

void h2_head_reset(struct h2_stream *s)
{
    struct h2_head *in = &s->in;

    arena_fini(&in->arena);
    mem_free(in->fields);
    *in = (struct h2_head){.h = {.version = 20, .body_len = HTTP_LEN_UNKNOWN}};
    arena_init(&in->arena, s->h2->conf->head_bytes * 2 + 4096);
}

static struct span keep(struct h2_head *in, struct span s)
{
    struct span copy = arena_dup(&in->arena, s);

    if (!copy.p)
        refuse(in, 503, "no memory for the head");
    return copy;
}

static void add_pseudo(struct h2_head *in, struct span name, struct span value)
{
    uint64_t status = 0;

    if (span_is(name, ":method"))
        in->h.method = keep(in, value);
    else if (span_is(name, ":path"))
        in->h.path = keep(in, value);
    else if (span_is(name, ":authority"))
        in->h.authority = keep(in, value);
    else if (span_is(name, ":scheme"))
        in->scheme = keep(in, value);
    else if (span_is(name, ":status") && span_u64(value, &status) == 0)
        in->h.status = (uint16_t)MIN(status, (uint64_t)UINT16_MAX);
    else
        refuse(in, 400, "a pseudo field of no use here");
}

static void add_regular(struct h2_stream *s, struct span name, struct span value)
{
    struct h2_head *in = &s->in;

    if (span_is(name, "host"))
        in->host = keep(in, value);
    if (span_is(name, "content-length") && span_u64(value, &in->h.body_len) < 0)
        refuse(in, 400, "content-length is not a number");
    if (span_is(name, "expect"))
        in->expect_continue = span_eq_nocase(value, SPAN_LIT("100-continue"));
    if (head_is_hop(name) || (s->h2->server && span_find(name, '_') != SIZE_MAX))
        return;
    if (in->fields_n == in->fields_cap) {
        size_t cap = in->fields_cap ? in->fields_cap * 2 : 16;
        struct http_field *more = mem_realloc(in->fields, cap * sizeof(*more));

        if (!more) {
            refuse(in, 503, "no memory for the head");
            return;
        }
        in->fields = more;
        in->fields_cap = cap;
    }
    in->fields[in->fields_n++] = (struct http_field){keep(in, name), keep(in, value)};
}

void h2_head_field(struct h2_stream *s, struct span name, struct span value)
{
    const struct http_limits *limits = s->h2->conf;
    struct h2_head *in = &s->in;

    in->bytes += name.n + value.n + H2_FIELD_COST;
    if (in->bytes > limits->head_bytes)
        refuse(in, 431, "the head is larger than the limit");
    if (in->refusal)
        return;
    value = span_trim(value);
    if (name.n && name.p[0] == ':')
        add_pseudo(in, name, value);
    else if (in->fields_n >= limits->fields)
        refuse(in, 431, "more header fields than the limit");
    else if (!head_name_ok(name) || !head_value_ok(value))
        refuse(in, 400, "a header field has a byte that may not be there");
    else
        add_regular(s, name, value);
}

static void check_request(struct h2_head *in)
{
    struct http_head *h = &in->h;

    if (h->authority.n == 0)
        h->authority = in->host;
    else if (span_has(in->host) && !span_eq_nocase(in->host, h->authority))
        refuse(in, 400, "the host field differs from the authority");
    if (!head_method_ok(h->method))
        refuse(in, 400, "the method is not a token");
    else if (span_is(h->method, "CONNECT"))
        refuse(in, 501, "this is not a proxy for tunnels");
    else if (!head_host_ok(h->authority))
        refuse(in, 400, "the authority is not a host");
    else if (!head_target_ok(h->path))
        refuse(in, 400, "the path has a byte that may not be there");
    else if (h->path.p[0] != '/' && !(span_is(h->path, "*") && span_is(h->method, "OPTIONS")))
        refuse(in, 400, "the path is not one");
}

bool h2_head_finish(struct h2_stream *s, bool end)
{
    struct h2_head *in = &s->in;
    const struct http_limits *limits = s->h2->conf;

    in->h.fields = in->fields;
    in->h.fields_n = in->fields_n;
    if (end)
        in->h.body_len = 0;
    if (!in->refusal && s->h2->server)
        check_request(in);
    if (in->h.path.n > limits->path_bytes)
        refuse(in, 414, "the path is longer than the limit");
    in->body_large = in->h.body_len != HTTP_LEN_UNKNOWN && in->h.body_len > limits->body_bytes;
    if (in->body_large && !s->h2->server)
        refuse(in, 502, "the body is larger than the limit");
    if (!s->h2->server && !in->refusal && in->h.status < 200 && !end) {
        if (++s->interim <= INTERIM_MOST && in->h.status != 101)
            return false;
        refuse(in, 502, "more than 10 interim answers, or a switch of protocols");
    }
    if (!s->h2->server && (in->h.status < 200 || in->h.status > 599))
        refuse(in, 502, "the status is none of HTTP");
    return true;
}
