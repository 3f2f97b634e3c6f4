/*
 * probe.c - see probe.h.
 */
#include "engine/probe.h"

#include "base/mem.h"
#include "codec/json_scan.h"
#include "codec/json_write.h"
#include "engine/ask.h"

#define MODELS     "/v1/models"
#define COMPLETION "/v1/chat/completions"
#define BODY_MAX   ((size_t)1024 * 1024) /* of the list */
#define NAME_MAX_  512                   /* of a model: local ones are called by their file */
#define ASK_MAX    8192

struct probe {
    struct probe_conf conf;
    struct http_stream *stream;
    struct ev_timer late, next;
    uint16_t status;
    bool named; /* the name is known, and a token is asked for */
    char model[NAME_MAX_];
    struct buf body;
};

static void end(struct probe *p)
{
    ev_timer_stop(&p->late);
    ev_timer_stop(&p->next);
    http_stream_close(&p->stream, HTTP_CLOSE_DONE);
}

static void finish(struct probe *p, bool answered)
{
    end(p);
    p->conf.done(p->conf.arg, answered);
}

/* ---- answers ---- */

static bool on_name(void *arg, const struct json_hit *hit)
{
    struct probe *p = arg;
    size_t n;

    if (hit->type != JSON_STRING || p->model[0] || hit->raw.n >= sizeof(p->model))
        return true;
    n = json_unescape(hit->raw, p->model, sizeof(p->model) - 1);
    p->model[n == SIZE_MAX ? 0 : n] = '\0';
    return true;
}

/* "": the list has none, and an engine that wants one says so. */
static void read_name(struct probe *p)
{
    static const char *const paths[] = {"data[].id"};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

    p->model[0] = '\0';
    if (p->status == 200 && json_scan_all(&watch, buf_span(&p->body), on_name, p) != JSON_SCAN_DONE)
        p->model[0] = '\0';
}

static void on_head(void *arg, const struct http_head *h)
{
    struct probe *p = arg;

    p->status = h->status;
}

static void on_body(void *arg, const char *bytes, size_t n)
{
    struct probe *p = arg;

    http_consumed(p->stream, n);
    if (!p->named)
        buf_add(&p->body, bytes, n);
}

/* The next question in a turn of its own: by then the connection is free again. */
static void on_end(void *arg)
{
    struct probe *p = arg;
    struct err e;

    if (p->named) {
        finish(p, true);
        return;
    }
    read_name(p);
    p->named = true;
    http_stream_close(&p->stream, HTTP_CLOSE_DONE);
    if (ev_timer_set(&p->next, 0, &e) < 0)
        finish(p, true); /* our own want says nothing about the engine */
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

/* Who ends the connection is not hung: rounds say what it is. */
static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    UNUSED(how);
    UNUSED(e);
    finish(arg, true);
}

static void on_late(struct ev_timer *t)
{
    finish(CONTAINER_OF(t, struct probe, late), false);
}

static const struct http_stream_cb answer_cb = {
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_fail = on_fail,
};

/* ---- questions ---- */

static void write_ask(struct buf *out, const char *model)
{
    struct json_write w;

    json_write_init(&w, out);
    json_begin_object(&w);
    json_kv_cstring(&w, "model", model);
    json_key(&w, "messages");
    json_begin_array(&w);
    json_begin_object(&w);
    json_kv_cstring(&w, "role", "user");
    json_kv_cstring(&w, "content", "1");
    json_end_object(&w);
    json_end_array(&w);
    json_kv_uint(&w, "max_tokens", 1);
    json_end_object(&w);
}

static int ask_next(struct probe *p, struct err *e)
{
    struct ask q = {.pools = p->conf.pools,
                    .provider = p->conf.provider,
                    .url = p->conf.url,
                    .path = p->named ? SPAN_LIT(COMPLETION) : SPAN_LIT(MODELS),
                    .cb = &answer_cb,
                    .arg = p};

    buf_reset(&p->body);
    if (p->named)
        write_ask(&p->body, p->model);
    if (!buf_ok(&p->body))
        return err_set(e, ERR_NOMEM, "no memory to ask for a token");
    q.body = buf_span(&p->body);
    return ask_begin(&p->stream, &q, e);
}

static void on_next(struct ev_timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, next);
    struct err e;

    if (ask_next(p, &e) < 0)
        finish(p, true);
}

int probe_start(struct probe **ret, const struct probe_conf *conf, struct err *e)
{
    struct probe *p = mem_zalloc(1, sizeof(*p));

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory to probe an engine");
    p->conf = *conf;
    buf_init(&p->body, BODY_MAX);
    ev_timer_init(&p->late, conf->ev, on_late);
    ev_timer_init(&p->next, conf->ev, on_next);
    if (ev_timer_set(&p->late, EV_MS(PROBE_ANSWER_MS), e) < 0 || ask_next(p, e) < 0) {
        probe_free(&p);
        return -1;
    }
    *ret = p;
    return 0;
}

void probe_free(struct probe **pp)
{
    struct probe *p = *pp;

    *pp = NULL;
    if (!p)
        return;
    end(p);
    buf_fini(&p->body);
    mem_free(p);
}
