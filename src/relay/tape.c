/*
 * tape.c - see tape.h.
 *
 *     writer:  WRITING -- send_end --> ENDED -- close --> CLOSED
 *                 '------- close --> CLOSED, and broken
 *     reader:  reads on whenever the tape is longer than what it has been given, at most
 *              HTTP_WINDOW ahead of what has left; at the end of a closed tape its stream is closed
 *              as the writer closed its own.
 *
 * Invariants: (1) the writer has been told of `told` bytes, which is what the fastest reader has
 *                 had of it;
 *             (2) no callback of the writer's is called within its own calls.
 */
#include "relay/tape.h"

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"

#define HEAD_ARENA ((size_t)128 * 1024)

struct tape_reader {
    struct tape *tape;
    struct list link;
    struct http_stream *s;
    uint64_t at, taken; /* bytes it has been given, and those of them that have left */
    bool replayed, owner, head_sent, end_sent;
    bool left; /* the owner's client has, and its stream is closed with the writer's */
    void (*on_over)(void *arg, enum tape_over how);
    void *arg;
};

struct tape {
    struct http_stream writer;
    unsigned refs;
    struct ev *ev;
    struct arena arena; /* of the head */
    struct http_head head;
    struct blob *body;
    struct list readers;
    uint64_t told;
    bool has_head, ended, closed, broken;
    struct tape_about about;
    struct ev_post gone; /* the last reader has left within a call of the writer's */
};

/* ---- readers ---- */

/* Its client is served, or gone. */
static void over(struct tape_reader *rd, enum http_close close, enum tape_over how)
{
    struct tape *t = rd->tape;

    if (rd->owner && !t->closed) { /* then it is closed; that it is over is known now */
        if (rd->on_over)
            rd->on_over(rd->arg, how);
        rd->on_over = NULL;
        rd->left = true;
        return;
    }
    http_stream_close(&rd->s, close);
    list_del(&rd->link);
    if (rd->on_over)
        rd->on_over(rd->arg, how);
    mem_free(rd);
    tape_unref(&t);
}

static bool anybody_there(const struct tape *t)
{
    LIST_EACH(it, &t->readers)
    {
        if (!LIST_ENTRY(it, struct tape_reader, link)->left)
            return true;
    }
    return false;
}

static int send_head(struct tape_reader *rd, struct err *e)
{
    struct http_head h = rd->tape->head;

    if (!rd->replayed)
        h.fields_n--; /* the mark is the last one */
    rd->head_sent = true;
    return http_send_head(rd->s, &h, e);
}

static int send_some(struct tape_reader *rd, struct err *e)
{
    struct tape *t = rd->tape;
    struct span s;

    if (t->has_head && !rd->head_sent && send_head(rd, e) < 0)
        return -1;
    while (rd->at < blob_len(t->body) && rd->at - rd->taken < HTTP_WINDOW) {
        if (blob_at(t->body, rd->at, &s, e) < 0)
            return -1;
        s.n = MIN(s.n, HTTP_WINDOW - (size_t)(rd->at - rd->taken));
        rd->at += s.n;
        if (http_send_body(rd->s, s.p, s.n, e) < 0)
            return -1;
    }
    if (t->ended && rd->at == blob_len(t->body) && !rd->end_sent) {
        rd->end_sent = true;
        return http_send_end(rd->s, e);
    }
    return 0;
}

/* Give it what there is. It may be gone afterwards. */
static void pump(struct tape_reader *rd)
{
    struct tape *t = rd->tape;
    struct err e;

    if (rd->left)
        return;
    if (send_some(rd, &e) < 0)
        over(rd, HTTP_CLOSE_BROKEN, TAPE_NO_ROOM);
    else if (t->closed && rd->at == blob_len(t->body))
        over(rd, t->broken ? HTTP_CLOSE_BROKEN : HTTP_CLOSE_DONE, TAPE_READ);
}

static void pump_all(struct tape *t)
{
    LIST_EACH(it, &t->readers)
    {
        pump(LIST_ENTRY(it, struct tape_reader, link));
    }
}

static void tell_gone(struct tape *t)
{
    struct err e;

    if (t->closed || anybody_there(t))
        return;
    err_set(&e, ERR_RESET, "the client has left");
    t->writer.cb->on_fail(t->writer.arg, HTTP_FAIL_GONE, &e);
}

static void on_gone(struct ev_post *p)
{
    tell_gone(CONTAINER_OF(p, struct tape, gone));
}

static void on_sent(void *arg, size_t n)
{
    struct tape_reader *rd = arg;
    struct tape *t = rd->tape;
    uint64_t taken, had;

    if (rd->left)
        return;
    rd->taken += n;
    taken = rd->taken;
    UNUSED(tape_ref(t));
    pump(rd);
    if (!t->closed && taken > t->told) {
        had = t->told;
        t->told = taken;
        t->writer.cb->on_sent(t->writer.arg, (size_t)(taken - had));
    }
    tape_unref(&t);
}

static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    struct tape_reader *rd = arg;
    struct tape *t = tape_ref(rd->tape);

    UNUSED(how);
    UNUSED(e);
    if (!rd->left)
        over(rd, HTTP_CLOSE_BROKEN, TAPE_LEFT);
    tell_gone(t);
    tape_unref(&t);
}

static void on_body(void *arg, const char *p, size_t n)
{
    struct tape_reader *rd = arg;

    UNUSED(p); /* its request is whole: that is how it came here */
    http_consumed(rd->s, n);
}

static void on_end(void *arg)
{
    UNUSED(arg);
}

static const struct http_stream_cb reader_cb = {
    .on_body = on_body, .on_end = on_end, .on_sent = on_sent, .on_fail = on_fail};

int tape_attach(struct tape *t, struct http_stream *s, bool replayed, bool owner,
                void (*on_over)(void *arg, enum tape_over how), void *arg, struct err *e)
{
    struct tape_reader *rd = mem_zalloc(1, sizeof(*rd));

    if (!rd)
        return err_set(e, ERR_NOMEM, "no memory for a request");
    *rd = (struct tape_reader){.tape = tape_ref(t),
                               .s = s,
                               .replayed = replayed,
                               .owner = owner,
                               .on_over = on_over,
                               .arg = arg};
    list_init(&rd->link);
    list_push(&t->readers, &rd->link);
    http_stream_bind(s, &reader_cb, rd);
    pump(rd);
    return 0;
}

/* ---- the writer's stream ---- */

static struct tape *tape_of(struct http_stream *s)
{
    return CONTAINER_OF(s, struct tape, writer);
}

static void pass_on(struct tape *t)
{
    pump_all(t);
    if (!anybody_there(t))
        ev_post(t->ev, &t->gone);
}

static int copy_head(struct tape *t, const struct http_head *h)
{
    static const struct http_field mark = {SPAN_LIT("idempotent-replayed"), SPAN_LIT("true")};
    struct http_field *fields = arena_alloc(&t->arena, (h->fields_n + 1) * sizeof(*fields));

    if (!fields)
        return -1;
    for (size_t i = 0; i < h->fields_n; i++) {
        fields[i].name = arena_dup(&t->arena, h->fields[i].name);
        fields[i].value = arena_dup(&t->arena, h->fields[i].value);
        if (!fields[i].name.p || !fields[i].value.p)
            return -1;
    }
    fields[h->fields_n] = mark;
    t->head = (struct http_head){.status = h->status,
                                 .body_len = h->body_len,
                                 .fields = fields,
                                 .fields_n = h->fields_n + 1};
    return 0;
}

static int op_send_head(struct http_stream *s, const struct http_head *h, struct err *e)
{
    struct tape *t = tape_of(s);

    if (copy_head(t, h) < 0)
        return err_set(e, ERR_NOMEM, "no memory for an answer");
    t->has_head = true;
    pass_on(t);
    return 0;
}

static int op_send_body(struct http_stream *s, const char *p, size_t n, struct err *e)
{
    struct tape *t = tape_of(s);

    if (blob_add(t->body, p, n, e) < 0)
        return -1;
    pass_on(t);
    return 0;
}

static int op_send_end(struct http_stream *s, struct err *e)
{
    struct tape *t = tape_of(s);

    UNUSED(e);
    t->ended = true;
    pass_on(t);
    return 0;
}

static void op_consumed(struct http_stream *s, size_t n)
{
    UNUSED(s);
    UNUSED(n);
}

static void op_widen(struct http_stream *s)
{
    UNUSED(s);
}

static void op_close(struct http_stream *s, enum http_close how)
{
    struct tape *t = tape_of(s);

    t->closed = true;
    t->broken = how == HTTP_CLOSE_BROKEN || !t->ended;
    LIST_EACH(it, &t->readers)
    {
        struct tape_reader *rd = LIST_ENTRY(it, struct tape_reader, link);

        if (rd->left)
            over(rd, HTTP_CLOSE_BROKEN, TAPE_LEFT);
        else
            pump(rd);
    }
    tape_unref(&t);
}

static const struct http_stream_ops writer_ops = {
    .name = "tape",
    .send_head = op_send_head,
    .send_body = op_send_body,
    .send_end = op_send_end,
    .consumed = op_consumed,
    .widen = op_widen,
    .close = op_close,
};

/* ---- life ---- */

int tape_new(struct tape **ret, struct http_stream **writer, struct ev *ev, struct blob_pool *pool,
             uint64_t bytes_max, struct err *e)
{
    struct tape *t = mem_zalloc(1, sizeof(*t));

    if (!t)
        return err_set(e, ERR_NOMEM, "no memory for an answer");
    if (blob_new(&t->body, pool, bytes_max, e) < 0) {
        mem_free(t);
        return -1;
    }
    t->writer.ops = &writer_ops;
    t->refs = 1;
    t->ev = ev;
    arena_init(&t->arena, HEAD_ARENA);
    list_init(&t->readers);
    ev_post_init(&t->gone, on_gone);
    *writer = &t->writer;
    *ret = t;
    return 0;
}

struct tape *tape_ref(struct tape *t)
{
    t->refs++;
    return t;
}

void tape_unref(struct tape **tp)
{
    struct tape *t = *tp;

    *tp = NULL;
    if (!t || --t->refs > 0)
        return;
    ev_post_cancel(&t->gone);
    blob_unref(&t->body);
    arena_fini(&t->arena);
    mem_free(t);
}

uint64_t tape_len(const struct tape *t)
{
    return blob_len(t->body);
}

struct tape_about *tape_about(struct tape *t)
{
    return &t->about;
}
