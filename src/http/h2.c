/*
 * h2.c - nghttp2 behind struct h2.
 *
 * Out: frames are made only while fewer than OUT_MAX bytes wait for the network, once a turn, so
 * one connection holds at most OUT_MAX plus a frame, and each stream what its sender's window
 * allows. What was framed is told to the senders after the session has returned: they send more,
 * and the session is not entered twice.
 *
 * In: a stream's window is HTTP_WINDOW (a client's HTTP_ANSWER_WINDOW) and opens as the owner
 * consumes, by HTTP_CREDIT at a time: nghttp2 by itself would wait for half of the window, and an
 * owner that holds more than the other half for ever. The connection's window opens at once, so a
 * stream whose owner does not read never stalls its siblings.
 *
 * Glitches are things that no peer does often and that cost us more than it: resets, by the peer
 * or caused by it; empty DATA; PING, SETTINGS, PRIORITY, CONTINUATION; more
 * WINDOW_UPDATEs than what we sent explains. They are forgiven at GLITCHES_PER_S. At three
 * quarters of GLITCHES_MAX the peer is told to calm down and gets no new stream, at GLITCHES_MAX
 * the connection ends.
 *
 * Invariant: the session is entered only by h2_recv() and flush(), never by both at once. What
 * owners do in between (heads, ends, resets) is only queued in it.
 */
#include "http/h2.h"

#include <malloc.h>

#include "base/mem.h"
#include "base/secret.h"
#include "http/head.h"

#define OUT_MAX           ((size_t)64 * 1024)
#define CONN_WINDOW       (1024 * 1024)
#define GLITCHES_MAX      1000
#define GLITCHES_PER_S    33
#define UPDATES_FREE      100 /* WINDOW_UPDATEs that need no explanation */
#define UPDATES_PER_FRAME 2   /* for a DATA frame: the stream's and the connection's */
#define ACKS_MAX          100 /* PING and SETTINGS acknowledgements that wait to be sent */
#define ENTRY_MAX         24  /* "content-length" in digits */

/* ---- memory ---- */

static void *nom_malloc(size_t n, void *arg)
{
    UNUSED(arg);
    return mem_alloc(n);
}

static void nom_free(void *p, void *arg)
{
    UNUSED(arg);
    mem_free(p);
}

/* What a client's session copies has a provider's key in it. */
static void nom_wipe(void *p, void *arg)
{
    UNUSED(arg);
    if (p)
        secret_wipe(p, malloc_usable_size(p));
    mem_free(p);
}

static void *nom_calloc(size_t n, size_t size, void *arg)
{
    UNUSED(arg);
    return mem_zalloc(n, size);
}

static void *nom_realloc(void *p, size_t n, void *arg)
{
    UNUSED(arg);
    return mem_realloc(p, n);
}

/* ---- glitches ---- */

static void flush_soon(struct h2 *h)
{
    ev_post(h->ev, &h->flush);
}

/* rc is of something that has to be said: whoever waits for it would wait for ever. */
static void say(struct h2 *h, int rc)
{
    h->no_memory |= rc == NGHTTP2_ERR_NOMEM;
    flush_soon(h);
}

static void glitch(struct h2 *h, uint64_t n)
{
    ev_us now = ev_now(h->ev);
    uint64_t forgiven = (now - h->glitches_at) * GLITCHES_PER_S / EV_S(1);

    if (forgiven) {
        h->glitches -= MIN(h->glitches, forgiven);
        h->glitches_at = now;
    }
    h->glitches += n;
    h->glitches_total += n;
    if (h->glitches >= GLITCHES_MAX)
        say(h, nghttp2_session_terminate_session(h->session, NGHTTP2_ENHANCE_YOUR_CALM));
    else if (h->glitches >= GLITCHES_MAX / 4 * 3 && !h->calm)
        h2_goaway(h, NGHTTP2_ENHANCE_YOUR_CALM);
    else
        return;
    h->calm = true;
    flush_soon(h);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, hd->stream_id);
    struct h2 *h = user;

    if (s)
        s->heard = true;
    if (hd->type != NGHTTP2_CONTINUATION)
        h->ops->head_begun(h, false); /* also after one that was not read to its end */
    switch (hd->type) {
    case NGHTTP2_DATA:
        if (hd->length == 0 && !(hd->flags & NGHTTP2_FLAG_END_STREAM))
            glitch(h, 1);
        break;
    case NGHTTP2_HEADERS:
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (h->updates)
            h->updates--;
        else
            glitch(h, 1);
        break;
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
        if (!(hd->flags & NGHTTP2_FLAG_ACK))
            glitch(h, 1);
        break;
    default:
        glitch(h, 1);
        break;
    }
    return 0;
}

/* ---- heads in ---- */

/* A stream that is not worth an answer. The reset is counted when it is framed. */
static int drop_stream(struct h2_stream *s, uint32_t code)
{
    h2_reset(s, code);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    struct h2 *h = user;

    if (h->server && !s && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        s = h->ops->open(h);
        if (!s)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        s->id = frame->hd.stream_id;
        (void)nghttp2_session_set_stream_user_data(session, s->id, s);
    }
    if (s && !s->head_done)
        h2_head_reset(s);
    h->ops->head_begun(h, true);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    struct h2 *h = user;

    UNUSED(flags);
    if (!s)
        return 0;
    if (s->head_done) { /* trailers are read and dropped */
        s->trailer += name_n + value_n + H2_FIELD_COST;
        if (s->trailer > h->conf->head_bytes)
            return drop_stream(s, NGHTTP2_ENHANCE_YOUR_CALM);
        return 0;
    }
    h2_head_field(s, span_of((const char *)name, name_n), span_of((const char *)value, value_n));
    if (s->in.bytes > 4 * h->conf->head_bytes) /* too much to be read to its end */
        return drop_stream(s, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_n, const uint8_t *value,
                             size_t value_n, uint8_t flags, void *user)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    UNUSED(name);
    UNUSED(name_n);
    UNUSED(value);
    UNUSED(value_n);
    UNUSED(flags);
    UNUSED(user);
    if (s)
        h2_reset(s, NGHTTP2_PROTOCOL_ERROR); /* nghttp2 would only leave the field out */
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* ---- frames in ---- */

static void got_pong(struct h2 *h, const nghttp2_ping *ping)
{
    struct h2_stream *s;
    int32_t id;

    memcpy(&id, ping->opaque_data, sizeof(id));
    s = nghttp2_session_get_stream_user_data(h->session, id);
    if (s && h->ops->pong)
        h->ops->pong(s);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    struct h2 *h = user;
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    if (frame->hd.type == NGHTTP2_HEADERS)
        h->ops->head_begun(h, false);
    if (frame->hd.type == NGHTTP2_SETTINGS)
        h->settled = true;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        h->goaway = true;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK))
        got_pong(h, &frame->ping);
    if (!s || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !s->head_done && h2_head_finish(s, end)) {
        s->head_done = true;
        h->ops->head(s, end);
    }
    s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id); /* if it still lives */
    if (s && end && s->head_done)
        h->ops->end(s);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
                   void *user)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
    struct h2 *h = user;

    UNUSED(flags);
    (void)nghttp2_session_consume_connection(session, n);
    if (s && n) {
        s->held += n;
        h->ops->data(s, (const char *)p, n);
    }
    return 0;
}

/* What a stream that is gone had still to send is told as sent: it is in nobody's way. */
static void forget_out(struct h2_stream *s)
{
    s->left += h2_out_drop(&s->out);
    if (s->left && list_empty(&s->tell))
        list_push(&s->h2->tell, &s->tell);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
    struct h2 *h = user;

    if (!s || s->gone)
        return 0;
    s->gone = true;
    forget_out(s);
    h->ops->closed(s, code);
    return 0;
}

/* ---- frames out ---- */

static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room,
                        uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_stream *s = source->ptr;
    size_t n = h2_out_take(&s->out, buf, room);

    UNUSED(session);
    UNUSED(id);
    UNUSED(user);
    if (n == 0 && !s->out_end) {
        s->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    s->left += n;
    if (s->out.n == 0 && s->out_end)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (n && list_empty(&s->tell))
        list_push(&s->h2->tell, &s->tell);
    return (ssize_t)n;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    struct h2 *h = user;

    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
        h->invalid = true;
    if (frame->hd.type == NGHTTP2_DATA)
        h->updates += UPDATES_PER_FRAME;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        uint32_t code = frame->rst_stream.error_code;

        if (code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL && code != NGHTTP2_INTERNAL_ERROR)
            glitch(h, 1); /* the peer made us do it */
        return 0;
    }
    if (s && frame->hd.type == NGHTTP2_HEADERS)
        s->sent_head = true;
    if (s && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        s->sent_end = true;
        if (list_empty(&s->tell)) /* told together with the bytes */
            list_push(&h->tell, &s->tell);
    }
    return 0;
}

/* A request whose head cannot be sent any more: GOAWAY has come, or memory is short. */
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int why,
                             void *user)
{
    struct h2 *h = user;

    UNUSED(why);
    if (h->server || frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    LIST_EACH(it, &h->streams)
    {
        struct h2_stream *s = LIST_ENTRY(it, struct h2_stream, link);

        if (s->id != frame->hd.stream_id || s->gone)
            continue;
        (void)nghttp2_session_set_stream_user_data(session, s->id, NULL); /* told now, not twice */
        s->gone = true;
        forget_out(s);
        h->ops->closed(s, NGHTTP2_REFUSED_STREAM);
        break;
    }
    return 0;
}

static void over(struct h2 *h, int rc)
{
    struct err e;

    if (!h->conn)
        return;
    err_set(&e, rc == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_PROTOCOL, "HTTP/2: %s",
            nghttp2_strerror(rc));
    h->ops->over(h, &e);
}

static void tell_sent(struct h2 *h)
{
    while (!list_empty(&h->tell)) {
        struct h2_stream *s = LIST_ENTRY(h->tell.next, struct h2_stream, tell);
        size_t n = s->left;

        list_del(&s->tell);
        s->left = 0;
        if (n) {
            if (s->sent_end)
                list_push(&h->tell, &s->tell); /* its end after that, if s still lives */
            h->ops->sent(s, n);
        } else if (s->sent_end && !s->gone) {
            h->ops->end_sent(s);
        }
    }
}

/* Frame what is to be sent, as far as the network has room. */
static void flush(struct h2 *h)
{
    const uint8_t *p;
    struct err e;
    ssize_t n = h->no_memory ? NGHTTP2_ERR_NOMEM : 1;

    h->in_session = true;
    while (n > 0 && h->conn && net_conn_queued(h->conn) < OUT_MAX) {
        n = nghttp2_session_mem_send(h->session, &p);
        if (n <= 0 || !h->conn)
            break;
        if (net_conn_write(h->conn, (const char *)p, (size_t)n, &e) < 0) {
            n = NGHTTP2_ERR_NOMEM;
            break;
        }
    }
    tell_sent(h);
    h->in_session = false;
    if (n < 0)
        over(h, (int)n);
    else if (nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session))
        return;
    else if (h->invalid)
        over(h, NGHTTP2_ERR_PROTO);
    else if (h->conn)
        h->ops->over(h, NULL);
}

static void on_flush(struct ev_post *p)
{
    struct h2 *h = CONTAINER_OF(p, struct h2, flush);

    if (h->conn)
        flush(h);
}

void h2_drained(struct h2 *h)
{
    if (net_conn_queued(h->conn) < OUT_MAX)
        flush_soon(h);
}

void h2_recv(struct h2 *h, const char *p, size_t n)
{
    ssize_t rc;

    h->in_session = true;
    rc = nghttp2_session_mem_recv(h->session, (const uint8_t *)p, n);
    h->in_session = false;
    if (!h->conn)
        return;
    if (rc < 0)
        over(h, (int)rc);
    else
        flush_soon(h);
}

void h2_goaway(struct h2 *h, uint32_t code)
{
    say(h,
        nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(h->session), code, NULL, 0));
}

/* ---- heads out ---- */

struct out_head {
    nghttp2_nv *nv;
    size_t n;
};

static uint8_t *bytes_of(struct span s)
{
    return (uint8_t *)(uintptr_t)(s.p ? s.p : ""); /* nghttp2 only reads and copies them */
}

static void put(struct out_head *o, struct span name, struct span value)
{
    o->nv[o->n++] = (nghttp2_nv){bytes_of(name), bytes_of(value), name.n, value.n, 0};
}

static int put_fields(struct out_head *o, const struct http_head *head, struct err *e)
{
    for (size_t i = 0; i < head->fields_n; i++) {
        const struct http_field *f = &head->fields[i];

        if (!EXPECT(!head_is_hop(f->name)))
            return err_set(e, ERR_BUG, "the field '%.*s' is not the caller's to set",
                           SPAN_FMT(f->name));
        if (!head_name_ok(f->name) || !head_value_ok(f->value))
            return err_set(e, ERR_PROTOCOL, "header field '%.*s' has a byte that may not be there",
                           SPAN_FMT(f->name));
        put(o, f->name, f->value);
        if (f == head->secret) /* RFC 7541, 7.1.3 */
            o->nv[o->n - 1].flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    }
    return 0;
}

static int put_request(struct out_head *o, const struct http_head *head, const char *scheme,
                       struct err *e)
{
    if (!head_target_ok(head->path) || !head_method_ok(head->method) ||
        !head_value_ok(head->authority))
        return err_set(e, ERR_PROTOCOL, "a method or target with a byte that may not be there");
    put(o, SPAN_LIT(":method"), head->method);
    put(o, SPAN_LIT(":scheme"), span_str(scheme));
    put(o, SPAN_LIT(":authority"), head->authority);
    put(o, SPAN_LIT(":path"), head->path);
    return 0;
}

static int submit(struct h2_stream *s, const struct out_head *o, bool end, struct err *e)
{
    nghttp2_data_provider from = {.source.ptr = s, .read_callback = read_out};
    nghttp2_session *session = s->h2->session;
    int rc;

    if (s->h2->server) {
        rc = nghttp2_submit_response(session, s->id, o->nv, o->n, end ? NULL : &from);
    } else {
        rc = nghttp2_submit_request(session, NULL, o->nv, o->n, end ? NULL : &from, s);
        s->id = MAX(rc, 0);
    }
    if (rc < 0)
        return err_set(e, rc == NGHTTP2_ERR_NOMEM ? ERR_NOMEM : ERR_PROTOCOL, "HTTP/2: %s",
                       nghttp2_strerror(rc));
    flush_soon(s->h2);
    return 0;
}

int h2_submit(struct h2_stream *s, const struct http_head *head, uint64_t wall_ms,
              const char *scheme, bool end, struct err *e)
{
    struct out_head o = {.nv = mem_alloc((head->fields_n + 8) * sizeof(nghttp2_nv))};
    char length[ENTRY_MAX], status[ENTRY_MAX], date[HEAD_DATE];
    int rc = -1;

    if (!o.nv)
        return err_set(e, ERR_NOMEM, "no memory for a head");
    if (s->h2->server) {
        snprintf(status, sizeof(status), "%u", head->status);
        put(&o, SPAN_LIT(":status"), span_str(status));
        put(&o, SPAN_LIT("date"), span_str(head_date(date, wall_ms)));
    } else if (put_request(&o, head, scheme, e) < 0) {
        goto out;
    }
    if (put_fields(&o, head, e) < 0)
        goto out;
    if (head->body_len != HTTP_LEN_UNKNOWN && head_sends_length(head)) {
        snprintf(length, sizeof(length), "%llu", (unsigned long long)head->body_len);
        put(&o, SPAN_LIT("content-length"), span_str(length));
    }
    rc = submit(s, &o, end, e);
out:
    mem_free(o.nv);
    return rc;
}

int h2_submit_continue(struct h2_stream *s, struct err *e)
{
    nghttp2_nv nv = {bytes_of(SPAN_LIT(":status")), bytes_of(SPAN_LIT("100")), 7, 3, 0};

    flush_soon(s->h2);
    if (nghttp2_submit_headers(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, &nv, 1, NULL) < 0)
        return err_set(e, ERR_NOMEM, "no memory for a head");
    return 0;
}

/* ---- bodies ---- */

static void resume(struct h2_stream *s)
{
    if (s->deferred && !s->gone)
        say(s->h2, nghttp2_session_resume_data(s->h2->session, s->id));
    s->deferred = false;
    flush_soon(s->h2);
}

int h2_body(struct h2_stream *s, const char *p, size_t n, struct err *e)
{
    if (h2_out_add(&s->out, p, n) < 0)
        return err_set(e, ERR_NOMEM, "no memory for %zu bytes of a body", n);
    if (s->gone)
        forget_out(s);
    resume(s);
    return 0;
}

void h2_end(struct h2_stream *s)
{
    s->out_end = true;
    resume(s);
}

void h2_reset(struct h2_stream *s, uint32_t code)
{
    if (s->gone || s->id == 0)
        return;
    say(s->h2, nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, code));
}

void h2_drop(struct h2_stream *s)
{
    MUST(!s->sent_head);
    if (s->gone || s->id == 0)
        return;
    h2_reset(s, NGHTTP2_CANCEL); /* of what is not framed it only makes a note */
    (void)nghttp2_session_set_stream_user_data(s->h2->session, s->id, NULL);
    s->gone = true;
    forget_out(s);
}

void h2_ping(struct h2_stream *s)
{
    uint8_t text[8] = {0};

    if (s->gone)
        return;
    memcpy(text, &s->id, sizeof(s->id));
    say(s->h2, nghttp2_submit_ping(s->h2->session, NGHTTP2_FLAG_NONE, text));
}

void h2_consumed(struct h2_stream *s, size_t n)
{
    nghttp2_session *session = s->h2->session;
    int32_t taken, credit;

    s->held -= n;
    if (s->gone || !s->h2->conn)
        return;
    taken = nghttp2_session_get_stream_effective_recv_data_length(session, s->id);
    credit = taken - (int32_t)s->held; /* padding, which nobody is given, is in it */
    if (credit < (int32_t)HTTP_CREDIT ||
        nghttp2_session_get_stream_remote_close(session, s->id) != 0)
        return;
    /* Without memory it is told with the next. */
    (void)nghttp2_submit_window_update(session, NGHTTP2_FLAG_NONE, s->id, credit);
    flush_soon(s->h2);
}

void h2_widen(struct h2_stream *s)
{
    if (s->gone || !s->h2->conn)
        return;
    /* Without memory it stays as it is. */
    (void)nghttp2_session_set_local_window_size(s->h2->session, NGHTTP2_FLAG_NONE, s->id,
                                                (int32_t)HTTP_WINDOW);
    flush_soon(s->h2);
}

/* ---- life ---- */

void h2_stream_init(struct h2_stream *s, struct h2 *h)
{
    s->h2 = h;
    s->in.fields = NULL;
    arena_init(&s->in.arena, 0);
    list_init(&s->tell);
    list_init(&s->link);
    list_push(&h->streams, &s->link);
}

void h2_stream_fini(struct h2_stream *s)
{
    if (!s->gone && s->id && s->h2->session)
        (void)nghttp2_session_set_stream_user_data(s->h2->session, s->id, NULL);
    list_del(&s->tell);
    list_del(&s->link);
    arena_fini(&s->in.arena);
    mem_free(s->in.fields);
    (void)h2_out_drop(&s->out);
}

static int new_session(struct h2 *h, struct err *e)
{
    nghttp2_mem mem = {NULL, nom_malloc, h->server ? nom_free : nom_wipe, nom_calloc, nom_realloc};
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *opt = NULL;
    int rc;

    if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&opt) != 0) {
        nghttp2_session_callbacks_del(cb);
        return err_set(e, ERR_NOMEM, "no memory for HTTP/2");
    }
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_send);
    nghttp2_option_set_no_auto_window_update(opt, 1);
    nghttp2_option_set_no_closed_streams(opt, 1);
    nghttp2_option_set_max_outbound_ack(opt, ACKS_MAX);
    if (h->server)
        rc = nghttp2_session_server_new3(&h->session, cb, h, opt, &mem);
    else
        rc = nghttp2_session_client_new3(&h->session, cb, h, opt, &mem);
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(opt);
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "no memory for HTTP/2");
}

int h2_init(struct h2 *h, bool server, const struct h2_ops *ops, struct net_conn *conn,
            struct ev *ev, const struct http_limits *limits, uint32_t streams, struct err *e)
{
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
         (uint32_t)(server ? HTTP_WINDOW : HTTP_ANSWER_WINDOW)},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
         (uint32_t)MIN(limits->head_bytes, (size_t)UINT32_MAX)},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };

    *h = (struct h2){.ops = ops, .ev = ev, .conf = limits, .server = server};
    h->updates = UPDATES_FREE;
    h->glitches_at = ev_now(ev);
    list_init(&h->streams);
    list_init(&h->tell);
    ev_post_init(&h->flush, on_flush);
    if (new_session(h, e) < 0)
        return -1;
    /* a server must not send ENABLE_PUSH, and a client's bound on streams is about pushes */
    if (!server)
        settings[2] = settings[3];
    if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, 3) != 0 ||
        nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW) != 0) {
        h2_fini(h);
        return err_set(e, ERR_NOMEM, "no memory for HTTP/2");
    }
    h->conn = conn;
    flush_soon(h);
    return 0;
}

void h2_fini(struct h2 *h)
{
    MUST(list_empty(&h->streams) && !h->in_session);
    ev_post_cancel(&h->flush);
    nghttp2_session_del(h->session);
    h->session = NULL;
}
