/*
 * twin_h2.c - see twin_h2.h.
 */
#include "twin_h2.h"

#include <stdlib.h>

#define PREFACE_N 24
#define FRAME_MAX 16384

enum { DATA, HEADERS, RST_STREAM = 3, SETTINGS, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

struct stream {
    uint32_t id; /* 0: free */
    bool asked;  /* the request is whole */
    size_t sent;
    int64_t window;
};

struct conn {
    struct list link;
    struct h2_up *u;
    struct net_conn *c;
    struct ev_timer timer; /* the next piece of some stream */
    struct buf in;
    size_t at; /* of `in`, read; PREFACE_N at first */
    int64_t window, initial;
    struct stream streams[H2_UP_STREAMS];
};

static void conn_free(struct conn *c)
{
    ev_timer_stop(&c->timer);
    net_conn_close(&c->c, NET_END_FLUSH);
    list_del(&c->link);
    buf_fini(&c->in);
    free(c);
}

static void write_frame(struct conn *c, unsigned kind, unsigned flags, uint32_t id, const char *p,
                        size_t n)
{
    unsigned char head[9] = {
        (unsigned char)(n >> 16),  (unsigned char)(n >> 8),  (unsigned char)n,
        (unsigned char)kind,       (unsigned char)flags,     (unsigned char)(id >> 24),
        (unsigned char)(id >> 16), (unsigned char)(id >> 8), (unsigned char)id,
    };
    struct err e;

    assert_int_equal(net_conn_write(c->c, (const char *)head, sizeof(head), &e), 0);
    if (n)
        assert_int_equal(net_conn_write(c->c, p, n, &e), 0);
}

static uint32_t word(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static struct stream *find(struct conn *c, uint32_t id)
{
    for (size_t i = 0; i < H2_UP_STREAMS; i++)
        if (c->streams[i].id == id)
            return &c->streams[i];
    return NULL;
}

/* ---- answers ---- */

static void send_later(struct conn *c)
{
    struct err e;

    if (!ev_timer_armed(&c->timer))
        assert_int_equal(
            ev_timer_set(&c->timer, rng_below(&c->u->t->rng, c->u->script.gap_max + 1), &e), 0);
}

/* The end of a stream's answer. False: c is gone. */
static bool end_stream(struct conn *c, struct stream *s)
{
    static const char internal_error[] = {0, 0, 0, 2};

    switch (c->u->script.end) {
    case H2_UP_END_STREAM:
        write_frame(c, DATA, END_STREAM, s->id, NULL, 0);
        break;
    case H2_UP_RST_STREAM:
        write_frame(c, RST_STREAM, 0, s->id, internal_error, sizeof(internal_error));
        break;
    case H2_UP_SILENT:
        s->asked = false;
        return true;
    case H2_UP_RESET:
        net_conn_close(&c->c, NET_END_RESET);
        conn_free(c);
        return false;
    case H2_UP_FIN:
        conn_free(c);
        return false;
    }
    s->id = 0;
    return true;
}

/* One piece of one stream that can be sent, the next time of another one. */
static void on_timer(struct ev_timer *t)
{
    struct conn *c = CONTAINER_OF(t, struct conn, timer);
    const struct h2_up_script *script = &c->u->script;
    size_t stop = MIN(script->cut_at, script->body.n);
    size_t first = rng_below(&c->u->t->rng, H2_UP_STREAMS);

    for (size_t i = 0; i < H2_UP_STREAMS; i++) {
        struct stream *s = &c->streams[(first + i) % H2_UP_STREAMS];
        size_t n = 1 + rng_below(&c->u->t->rng, script->piece_max);

        if (s->id == 0 || !s->asked)
            continue;
        if (s->sent == stop) {
            if (end_stream(c, s))
                send_later(c);
            return;
        }
        if (s->window <= 0 || c->window <= 0)
            continue; /* WINDOW_UPDATE goes on */
        n = MIN(MIN(n, stop - s->sent), (size_t)FRAME_MAX);
        n = MIN(n, (size_t)MIN(s->window, c->window));
        write_frame(c, DATA, 0, s->id, script->body.p + s->sent, n);
        s->sent += n;
        s->window -= (int64_t)n;
        c->window -= (int64_t)n;
        send_later(c);
        return;
    }
}

static void answer(struct conn *c, struct stream *s)
{
    /* HPACK without a table: :status 200 and content-type by their static indexes */
    static const char head[] = "\x88\x0f\x10\x11text/event-stream";

    c->u->requests++;
    s->asked = true;
    write_frame(c, HEADERS, END_HEADERS, s->id, head, sizeof(head) - 1);
    send_later(c);
}

/* ---- frames that come ---- */

static void on_settings(struct conn *c, const char *p, size_t n)
{
    for (size_t i = 0; i + 6 <= n; i += 6)
        if (p[i] == 0 && p[i + 1] == 4) /* INITIAL_WINDOW_SIZE */
            c->initial = word(p + i + 2);
    write_frame(c, SETTINGS, ACK, 0, NULL, 0);
}

static void on_frame(struct conn *c, unsigned kind, unsigned flags, uint32_t id, const char *p,
                     size_t n)
{
    struct stream *s = id ? find(c, id) : NULL;

    if (kind == SETTINGS && !(flags & ACK)) {
        on_settings(c, p, n);
    } else if (kind == HEADERS && !s) {
        s = find(c, 0);
        assert_non_null(s);
        *s = (struct stream){.id = id, .window = c->initial};
    } else if (kind == RST_STREAM) {
        c->u->resets++;
        c->u->reset_code = word(p);
        c->u->reset_at = ev_now(c->u->t->ev);
        if (s)
            s->id = 0;
        s = NULL;
    } else if (kind == WINDOW_UPDATE) {
        *(id && s ? &s->window : &c->window) += id && !s ? 0 : word(p);
        send_later(c);
    }
    if (s && (kind == HEADERS || kind == DATA) && (flags & END_STREAM))
        answer(c, s);
}

static void on_read(void *arg, const char *p, size_t n)
{
    struct conn *c = arg;

    buf_add(&c->in, p, n);
    while (c->in.n >= c->at + 9) {
        const char *head = c->in.p + c->at;
        size_t length = word(head) >> 8;

        if (c->in.n < c->at + 9 + length)
            return;
        c->at += 9 + length;
        on_frame(c, (unsigned char)head[3], (unsigned char)head[4], word(head + 5), head + 9,
                 length);
    }
}

static void on_eof(void *arg)
{
    conn_free(arg);
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void on_error(void *arg, const struct err *e)
{
    UNUSED(e);
    conn_free(arg);
}

static const struct net_conn_cb conn_cb = {on_read, on_eof, on_sent, on_error};

static void on_accept(void *arg, struct net_conn *net_conn)
{
    struct h2_up *u = arg;
    struct conn *c = calloc(1, sizeof(*c));

    assert_non_null(c);
    u->accepted++;
    c->u = u;
    c->c = net_conn;
    c->at = PREFACE_N;
    c->window = c->initial = 65535;
    list_init(&c->link);
    list_push(&u->conns, &c->link);
    buf_init(&c->in, (size_t)16 << 20);
    ev_timer_init(&c->timer, u->t->ev, on_timer);
    net_conn_listen(net_conn, &conn_cb, c);
    net_conn_read(net_conn, true);
    write_frame(c, SETTINGS, 0, 0, NULL, 0);
}

void h2_up_open(struct h2_up *u, struct twin *t)
{
    struct net_listen_conf lc = {.fd = -1};
    struct err e;

    *u = (struct h2_up){.t = t};
    list_init(&u->conns);
    assert_int_equal(net_addr_parse(&lc.addr, SPAN_LIT(H2_UP_ADDR), &e), 0);
    assert_int_equal(net_listen(&u->listener, t->up_net, &lc, on_accept, u, &e), 0);
}

void h2_up_close(struct h2_up *u)
{
    LIST_EACH(it, &u->conns)
    {
        conn_free(LIST_ENTRY(it, struct conn, link));
    }
    net_listener_close(&u->listener);
}
