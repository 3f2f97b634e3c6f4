/*
 * client_h2.c - clients of HTTP/2: nghttp2's session over a virtual connection; all requests of the
 * client at once, a stream each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "sim.h"

struct stream {
    struct ask *a;
    struct text body;
    size_t sent;
    bool fin; /* END_STREAM has come */
};

struct session {
    nghttp2_session *h2;
    struct client *c;
    struct stream streams[4];
};

/* Everything that nghttp2 has to say. false: the client is gone. */
static bool pump(struct client *c)
{
    struct session *x = c->session;
    const uint8_t *p;
    ssize_t n;

    while ((n = nghttp2_session_mem_send(x->h2, &p)) > 0)
        if (!client_write(c, (const char *)p, (size_t)n))
            return false;
    return true;
}

static struct stream *of(nghttp2_session *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2, id);
}

static ssize_t on_source(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t cap, uint32_t *flags,
                         nghttp2_data_source *source, void *arg)
{
    struct stream *st = source->ptr;
    struct session *x = arg;
    size_t n = MIN(cap, st->body.n - st->sent);

    UNUSED(h2);
    UNUSED(id);
    memcpy(buf, st->body.p + st->sent, n);
    st->sent += n;
    if (st->sent == st->body.n) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        st->a->uploaded = ev_now(x->c->s->ev);
    }
    return (ssize_t)n;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *f, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *arg)
{
    struct stream *st = of(h2, f->hd.stream_id);
    struct session *x = arg;

    UNUSED(flags);
    if (!st)
        return 0;
    if (memmem(value, value_n, CANARY, strlen(CANARY)))
        sim_fail(x->c->s, "I6: a key in the head of an answer: %.*s", (int)value_n, value);
    if (name_n == 7 && memcmp(name, ":status", 7) == 0)
        st->a->status = (unsigned)text_number((const char *)value, 10);
    if (name_n == 24 && memcmp(name, "x-lamplighter-request-id", 24) == 0)
        UNUSED(snprintf(st->a->id, sizeof(st->a->id), "%.*s", (int)value_n, value));
    return 0;
}

static int on_chunk(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
                    void *arg)
{
    struct stream *st = of(h2, id);
    struct ask *a = st ? st->a : NULL;
    struct session *x = arg;

    UNUSED(flags);
    if (!st || a->over)
        return 0;
    text_add(&a->body, (const char *)p, n);
    if (a->leaves && a->leave_bytes && a->body.n >= a->leave_bytes) {
        a->left = true;
        client_over(x->c, a, false);
        UNUSED(nghttp2_submit_rst_stream(h2, 0, id, NGHTTP2_CANCEL));
    }
    return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *f, void *arg)
{
    struct stream *st = f->hd.stream_id ? of(h2, f->hd.stream_id) : NULL;

    UNUSED(arg);
    if (st && (f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS) &&
        f->hd.flags & NGHTTP2_FLAG_END_STREAM)
        st->fin = true;
    return 0;
}

static int on_close(nghttp2_session *h2, int32_t id, uint32_t code, void *arg)
{
    struct stream *st = of(h2, id);
    struct session *x = arg;

    if (code)
        sim_say(x->c->s, "  stream %d ends by %s", id, nghttp2_http2_strerror(code));
    if (st)
        client_over(x->c, st->a, st->fin && code == NGHTTP2_NO_ERROR);
    return 0;
}

static void submit(struct session *x, struct stream *st)
{
    static const char *const auth[] = {"authorization", "x-api-key", "authorization",
                                       "x-goog-api-key"};
    struct text path = {0}, key = {0};
    nghttp2_data_provider source = {.source.ptr = st, .read_callback = on_source};
    struct ask *a = st->a;

    speech_request(&path, &st->body, a->api, a->stream, a->name, a->prompt.p, a->max_tokens);
    text_f(&key, "%s%s", a->api % 2 ? "" : "Bearer ", CLIENT_CANARY);
    {
#define NV(k, v)                                                                                   \
    {(uint8_t *)(uintptr_t)(k), (uint8_t *)(uintptr_t)(v), strlen(k), strlen(v),                   \
     NGHTTP2_NV_FLAG_NONE}
        const nghttp2_nv head[] = {NV(":method", "POST"),
                                   NV(":scheme", "http"),
                                   NV(":authority", "localhost"),
                                   NV(":path", path.p),
                                   NV("content-type", "application/json"),
                                   NV(auth[a->api], key.p)};

        MUST(nghttp2_submit_request(x->h2, NULL, head, ARRAY_LEN(head), &source, st) > 0);
#undef NV
    }
    text_free(&path);
    text_free(&key);
}

void client_h2_open(struct client *c)
{
    struct session *x = calloc(1, sizeof(*x));
    nghttp2_session_callbacks *cb;

    MUST(x && nghttp2_session_callbacks_new(&cb) == 0);
    x->c = c;
    c->session = x;
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    MUST(nghttp2_session_client_new(&x->h2, cb, x) == 0);
    nghttp2_session_callbacks_del(cb);
    MUST(nghttp2_submit_settings(x->h2, 0, NULL, 0) == 0);
    for (size_t i = 0; i < c->asks_n; i++) {
        struct ask *a = c->asks[i];

        a->sent = true;
        a->reads = c->asks[0]->reads; /* they share what they come over */
        a->began = a->uploaded = ev_now(c->s->ev);
        x->streams[i].a = a;
        submit(x, &x->streams[i]);
    }
    UNUSED(pump(c));
}

void client_h2_read(struct client *c, const char *p, size_t n)
{
    struct session *x = c->session;
    bool all = true;

    if (nghttp2_session_mem_recv(x->h2, (const uint8_t *)p, n) < 0) {
        sim_fail(c->s, "a client of HTTP/2 got what is no HTTP/2");
        return;
    }
    if (!pump(c))
        return;
    for (size_t i = 0; i < c->asks_n; i++)
        all = all && c->asks[i]->over;
    if (all && c->at < c->asks_n) {
        c->at = c->asks_n;
        client_leave(c);
    }
}

void client_h2_free(struct client *c)
{
    struct session *x = c->session;

    c->session = NULL;
    nghttp2_session_del(x->h2);
    for (size_t i = 0; i < ARRAY_LEN(x->streams); i++)
        text_free(&x->streams[i].body);
    free(x);
}
