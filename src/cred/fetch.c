/*
 * fetch.c - see fetch.h.
 *
 *     each step:  (its file is read) -> ask() -> request -> answer of status 200 -> read()
 *     the last:   on_done with the grant
 *     any:        refused, broken, too long, too late -> on_done with why; nothing is tried twice
 *                 here, that is the store's to decide
 *
 * The token of a workload identity is a small file in memory (a projected volume) that its platform
 * replaces every hour: it is read here, on the loop, once a fetch. A path that is no regular file
 * is refused before it could hang.
 *
 * Redirects are not followed: the next host would get the secret. Every step connects anew, for
 * tokens are fetched once an hour and no kept connection lives that long.
 */
#include "cred/fetch.h"

#include "base/mem.h"

#define MAGIC        0x66657463u
#define ARENA_BUDGET ((size_t)512 * 1024)

struct fetch {
    uint32_t magic;
    struct ev *ev;
    struct call_pools *pools;
    struct settings *settings;
    const struct settings_credential *c;
    void (*on_done)(void *arg, const struct token_grant *g, const struct err *e);
    void *arg;
    struct arena arena; /* of the flow: has secrets */
    struct token_flow flow;
    size_t step;
    struct http_stream *stream;
    uint16_t status;
    struct buf body;
    bool over;
    struct ev_timer timer;
    struct ev_post begin, reap;
};

static const struct token_step *step_of(const struct fetch *f)
{
    return &f->c->source->steps[f->step];
}

static void finish(struct fetch *f)
{
    f->over = true;
    ev_timer_stop(&f->timer);
    ev_post_cancel(&f->begin);
    http_stream_close(&f->stream, HTTP_CLOSE_DONE);
}

/* Who is asked goes in front of why it failed. */
static void fail(struct fetch *f, const struct err *why)
{
    struct err e = *why;

    if (f->over)
        return;
    err_prefix(&e, "%s", step_of(f)->what);
    finish(f);
    f->on_done(f->arg, NULL, &e);
}

/* ---- a step's request ---- */

static int read_file(struct fetch *f, struct err *e)
{
    struct span path = f->flow.conf->v[TOKEN_FILE];
    struct secret_arena *locked = NULL;
    struct secret text;
    int rc = -1;

    if (secret_arena_new(&locked, TOKEN_FILE_MAX, e) < 0)
        return -1;
    if (secret_put_file(locked, &text, path.p, path, e) < 0) {
        err_prefix(e, "%.*s cannot be read", SPAN_FMT(path));
    } else {
        f->flow.file = arena_dup(&f->arena, text.bytes);
        rc = span_has(f->flow.file) ? 0 : err_set(e, ERR_NOMEM, "no memory for a credential");
    }
    secret_arena_free(&locked);
    return rc;
}

/* What stands behind the authority of a URL. */
static struct span path_of(struct span url)
{
    size_t from = span_find(url, ':') + 3;

    while (from < url.n && url.p[from] != '/' && url.p[from] != '?')
        from++;
    return from < url.n && url.p[from] == '/' ? span_of(url.p + from, url.n - from) : SPAN_LIT("/");
}

static int send_request(struct fetch *f, const struct token_request *q, struct err *e)
{
    const struct settings_provider *via = &f->c->via[q->url];
    struct http_field fields[TOKEN_FIELDS_MAX];
    struct http_head h = {
        .method = span_str(q->method),
        .path = span_has(q->path) ? q->path : path_of(f->flow.conf->v[q->url]),
        .authority = settings_authority(&f->arena, &via->urls[0]),
        .body_len = q->body.n,
        .fields = fields,
        .fields_n = q->fields_n,
    };

    for (size_t i = 0; i < q->fields_n; i++)
        fields[i] = (struct http_field){q->fields[i].name, q->fields[i].value};
    if (!span_has(h.authority))
        return err_set(e, ERR_NOMEM, "no memory for a token request");
    if (http_send_head(f->stream, &h, e) < 0 ||
        (q->body.n && http_send_body(f->stream, q->body.p, q->body.n, e) < 0))
        return -1;
    return http_send_end(f->stream, e);
}

static const struct http_stream_cb stream_cb;

static int ask(struct fetch *f, struct err *e)
{
    const struct settings_provider *via;
    struct token_request q;
    struct http_pool *pool;

    f->status = 0;
    if (step_of(f)->file && read_file(f, e) < 0)
        return -1;
    if (step_of(f)->ask(&f->flow, &q, e) < 0)
        return -1;
    via = &f->c->via[q.url];
    MUST(via->urls_n == 1);
    if (call_pools_get(f->pools, &pool, via, &via->urls[0], e) < 0 ||
        http_pool_request(pool, &f->stream, HTTP_POOL_FRESH, NULL, NULL, e) < 0)
        return -1;
    http_stream_bind(f->stream, &stream_cb, f);
    return send_request(f, &q, e);
}

static void ask_or_fail(struct fetch *f)
{
    struct err e;

    if (ask(f, &e) < 0)
        fail(f, &e);
}

static void on_begin(struct ev_post *p)
{
    struct fetch *f = CONTAINER_OF(p, struct fetch, begin);

    OBJ_CHECK(f, MAGIC);
    ask_or_fail(f);
}

/* ---- its answer ---- */

static void on_head(void *arg, const struct http_head *h)
{
    struct fetch *f = arg;

    f->status = h->status;
}

static void on_body(void *arg, const char *p, size_t n)
{
    struct fetch *f = arg;
    struct err e;

    if (f->over)
        return;
    http_consumed(f->stream, n);
    buf_add(&f->body, p, n);
    if (buf_finish(&f->body, "its answer", &e) < 0)
        fail(f, &e);
}

static void forget_body(struct fetch *f)
{
    secret_wipe(f->body.p, f->body.n);
    buf_fini(&f->body);
}

static void on_end(void *arg)
{
    struct fetch *f = arg;
    struct err e;
    int rc;

    OBJ_CHECK(f, MAGIC);
    if (f->over)
        return;
    rc = f->status == 200 ? step_of(f)->read(&f->flow, buf_span(&f->body), &e)
                          : token_refused(&e, f->status, buf_span(&f->body));
    forget_body(f);
    if (rc == 0 && f->step + 1 == f->c->source->steps_n && f->flow.grant.lifetime_s == 0)
        rc = err_set(&e, ERR_PROTOCOL, "what it gave has ended already");
    if (rc < 0) {
        fail(f, &e);
        return;
    }
    http_stream_close(&f->stream, HTTP_CLOSE_DONE);
    if (++f->step < f->c->source->steps_n) {
        ask_or_fail(f);
        return;
    }
    finish(f);
    f->on_done(f->arg, &f->flow.grant, NULL);
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    UNUSED(how);
    fail(arg, e);
}

static const struct http_stream_cb stream_cb = {
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_fail = on_fail,
};

static void on_timer(struct ev_timer *t)
{
    struct fetch *f = CONTAINER_OF(t, struct fetch, timer);
    struct err e;

    OBJ_CHECK(f, MAGIC);
    err_set(&e, ERR_TIMEOUT, "no answer within %d s", FETCH_MS / 1000);
    fail(f, &e);
}

/* ---- birth and death ---- */

static void reap(struct ev_post *p)
{
    struct fetch *f = CONTAINER_OF(p, struct fetch, reap);

    forget_body(f);
    arena_wipe(&f->arena);
    settings_unref(&f->settings);
    f->magic = 0;
    mem_free(f);
}

int fetch_start(struct fetch **ret, struct ev *ev, struct call_pools *pools,
                struct settings *settings, const struct settings_credential *c,
                void (*on_done)(void *arg, const struct token_grant *g, const struct err *e),
                void *arg, struct err *e)
{
    struct fetch *f = mem_zalloc(1, sizeof(*f));

    if (!f)
        return err_set(e, ERR_NOMEM, "no memory to fetch a credential");
    MUST(c->source->steps_n > 0);
    f->magic = MAGIC;
    f->ev = ev;
    f->pools = pools;
    f->c = c;
    f->on_done = on_done;
    f->arg = arg;
    arena_init(&f->arena, ARENA_BUDGET);
    buf_init(&f->body, TOKEN_BODY_MAX);
    f->flow =
        (struct token_flow){.conf = &c->conf, .arena = &f->arena, .now_s = ev_wall_ms(ev) / 1000};
    ev_timer_init(&f->timer, ev, on_timer);
    ev_post_init(&f->begin, on_begin);
    ev_post_init(&f->reap, reap);
    if (ev_timer_set(&f->timer, EV_MS(FETCH_MS), e) < 0) {
        mem_free(f);
        return -1;
    }
    f->settings = settings_ref(settings);
    ev_post(ev, &f->begin);
    *ret = f;
    return 0;
}

void fetch_free(struct fetch **fp)
{
    struct fetch *f = *fp;

    *fp = NULL;
    if (!f)
        return;
    finish(f);
    ev_post(f->ev, &f->reap);
}
