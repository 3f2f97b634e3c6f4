/*
 * ask.c - see ask.h.
 */
#include "engine/ask.h"

#include "call/request_head.h"

/* ---- the answer ---- */

static void tell(struct ask *a)
{
    struct ask_answer answer = a->answer;

    answer.body = buf_span(&a->body);
    a->conf.done(a->conf.arg, &answer);
}

/* The turn is the stream's own: its connection is free in the next one. */
static void finish(struct ask *a, enum ask_end end)
{
    struct err e;

    http_stream_close(&a->stream, HTTP_CLOSE_DONE);
    a->answer.end = end;
    a->over = true;
    if (ev_timer_set(&a->timer, 0, &e) < 0) {
        ev_timer_stop(&a->timer);
        tell(a);
    }
}

static void on_timer(struct ev_timer *t)
{
    struct ask *a = CONTAINER_OF(t, struct ask, timer);

    if (!a->over)
        a->answer.end = a->connected ? ASK_LATE : ASK_UNREACHED;
    http_stream_close(&a->stream, HTTP_CLOSE_DONE);
    tell(a);
}

static void on_head(void *arg, const struct http_head *h)
{
    struct ask *a = arg;

    a->answer.status = h->status;
}

static void on_body(void *arg, const char *p, size_t n)
{
    struct ask *a = arg;
    bool good = a->answer.status >= 200 && a->answer.status < 300;

    http_consumed(a->stream, n);
    a->got += n;
    if (good && a->conf.on_bytes)
        a->conf.on_bytes(a->conf.arg, p, n);
    else
        buf_add(&a->body, p, n);
    if (a->got > a->conf.most_bytes || !buf_ok(&a->body))
        finish(a, ASK_TOO_LONG);
}

static void on_end(void *arg)
{
    finish(arg, ASK_ANSWERED);
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    struct ask *a = arg;

    UNUSED(how);
    UNUSED(e);
    finish(a, a->connected ? ASK_BROKEN : ASK_UNREACHED);
}

static void on_connected(void *arg, bool pooled)
{
    struct ask *a = arg;

    UNUSED(pooled);
    a->connected = true;
}

static const struct http_stream_cb answer_cb = {
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_fail = on_fail,
};

/* ---- the question ---- */

void ask_init(struct ask *a, struct ev *ev)
{
    *a = (struct ask){.stream = NULL};
    ev_timer_init(&a->timer, ev, on_timer);
}

void ask_stop(struct ask *a)
{
    ev_timer_stop(&a->timer);
    http_stream_close(&a->stream, HTTP_CLOSE_DONE);
}

void ask_fini(struct ask *a)
{
    ask_stop(a);
    buf_fini(&a->body);
}

static int send_it(struct ask *a, struct err *e)
{
    static const struct http_field json = {SPAN_LIT("content-type"), SPAN_LIT("application/json")};
    const struct settings_provider *p = a->conf.provider;
    struct span body = a->conf.body;
    struct call_conf conf = {.provider = p,
                             .url = a->conf.url,
                             .method = body.n ? SPAN_LIT("POST") : SPAN_LIT("GET"),
                             .path = a->conf.path,
                             .fields = &json,
                             .fields_n = body.n > 0,
                             .auth = p->keys_n ? p->type->auth : AUTH_NONE,
                             .key = p->keys_n ? p->keys[0].bytes : span_of(NULL, 0)};
    struct http_pool *pool;

    if (call_pools_get(a->conf.pools, &pool, p, a->conf.url, e) < 0 ||
        http_pool_request(pool, &a->stream, HTTP_POOL_ANY, on_connected, a, e) < 0)
        return -1;
    http_stream_bind(a->stream, &answer_cb, a);
    if (call_send_head_of(a->stream, &conf, body.n, e) < 0 ||
        (body.n && http_send_body(a->stream, body.p, body.n, e) < 0) ||
        http_send_end(a->stream, e) < 0)
        return -1;
    return ev_timer_set(&a->timer, EV_MS(a->conf.most_ms), e);
}

int ask_begin(struct ask *a, const struct ask_conf *conf, struct err *e)
{
    int rc;

    ask_stop(a);
    buf_fini(&a->body);
    buf_init(&a->body, (size_t)conf->most_bytes);
    a->conf = *conf;
    a->answer = (struct ask_answer){.status = 0};
    a->connected = a->over = false;
    a->got = 0;
    rc = send_it(a, e);
    if (rc < 0)
        ask_stop(a);
    return rc;
}
