/*
 * ask.c - see ask.h.
 */
#include "engine/ask.h"

#include "call/request_head.h"

int ask_begin(struct http_stream **ret, const struct ask *q, struct err *e)
{
    static const struct http_field json = {SPAN_LIT("content-type"), SPAN_LIT("application/json")};
    const struct settings_provider *p = q->provider;
    struct call_conf conf = {.provider = p,
                             .url = q->url,
                             .method = q->body.n ? SPAN_LIT("POST") : SPAN_LIT("GET"),
                             .path = q->path,
                             .fields = &json,
                             .fields_n = q->body.n > 0,
                             .auth = p->keys_n ? p->type->auth : AUTH_NONE,
                             .key = p->keys_n ? p->keys[0].bytes : span_of(NULL, 0)};
    struct http_pool *pool;

    if (call_pools_get(q->pools, &pool, p, q->url, e) < 0 ||
        http_pool_request(pool, ret, HTTP_POOL_ANY, q->on_connected, q->arg, e) < 0)
        return -1;
    http_stream_bind(*ret, q->cb, q->arg);
    if (call_send_head_of(*ret, &conf, q->body.n, e) < 0 ||
        (q->body.n && http_send_body(*ret, q->body.p, q->body.n, e) < 0))
        return -1;
    return http_send_end(*ret, e);
}
