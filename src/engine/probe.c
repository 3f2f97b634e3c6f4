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
#define LIST_MAX   ((size_t)1024 * 1024)
#define MODEL_MAX  512 /* of a name: local ones are called by their file */
#define BODY_MAX   8192

struct probe {
    struct probe_conf conf;
    struct ask ask;
    char model[MODEL_MAX];
};

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
static void read_name(struct probe *p, const struct ask_answer *a)
{
    static const char *const paths[] = {"data[].id"};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

    p->model[0] = '\0';
    if (a->status == 200 && json_scan_all(&watch, a->body, on_name, p) != JSON_SCAN_DONE)
        p->model[0] = '\0';
}

static int begin(struct probe *p, struct ask_conf *q, struct err *e)
{
    q->pools = p->conf.pools;
    q->provider = p->conf.provider;
    q->url = p->conf.url;
    q->most_bytes = LIST_MAX;
    q->arg = p;
    return ask_begin(&p->ask, q, e);
}

/* Who ends the connection, or says too much, is not hung: rounds say what it is. */
static void on_token(void *arg, const struct ask_answer *a)
{
    struct probe *p = arg;

    p->conf.done(p->conf.arg, a->end != ASK_LATE);
}

static void write_body(struct buf *out, const char *model)
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

static void on_list(void *arg, const struct ask_answer *a)
{
    struct probe *p = arg;
    struct ask_conf q = {.path = SPAN_LIT(COMPLETION), .most_ms = PROBE_TOKEN_MS, .done = on_token};
    struct buf body;
    struct err e;
    int rc = -1;

    if (a->end != ASK_ANSWERED) {
        on_token(p, a);
        return;
    }
    read_name(p, a);
    buf_init(&body, BODY_MAX);
    write_body(&body, p->model);
    q.body = buf_span(&body);
    if (buf_ok(&body))
        rc = begin(p, &q, &e);
    buf_fini(&body);
    if (rc < 0) /* our own want says nothing about the engine */
        p->conf.done(p->conf.arg, true);
}

int probe_start(struct probe **ret, const struct probe_conf *conf, struct err *e)
{
    struct ask_conf q = {.path = SPAN_LIT(MODELS), .most_ms = PROBE_LIST_MS, .done = on_list};
    struct probe *p = mem_zalloc(1, sizeof(*p));

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory to probe an engine");
    p->conf = *conf;
    ask_init(&p->ask, conf->ev);
    if (begin(p, &q, e) < 0) {
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
    ask_fini(&p->ask);
    mem_free(p);
}
