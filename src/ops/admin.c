/*
 * admin.c - the admin port: finds the route of a request, writes the answer by the credit that
 * the stream gives.
 *
 *     on_request()  the answer is made and bound; a body is kept where the route wants it
 *     on_end()      the request is whole: route, then reply(); a reload replies later
 *     pump()        the body leaves, HTTP_WINDOW at a time; then the stream is closed
 *
 * Invariants: (1) an answer is on o->answers exactly as long as it holds its stream;
 *             (2) o->reloading is on that list too, or NULL: a client that leaves does not stop
 *                 the reload, it only is not told;
 *             (3) all bodies together stay below ANSWERS_MAX and a small one a connection, however
 *                 slowly clients read.
 */
#include "base/mem.h"
#include "codec/json_write.h"
#include "ops/collect.h"
#include "ops/ops_impl.h"
#include "ops/override.h"
#include "ops/probes.h"
#include "ops/prometheus.h"
#include "ops/question.h"
#include "ops/requests.h"
#include "ops/status.h"
#include "ops/trial.h"

#define ANSWER_MAX    ((size_t)32 * 1024 * 1024)
#define ANSWERS_MAX   ((size_t)64 * 1024 * 1024)
#define ANSWER_SMALL  ((size_t)64 * 1024)        /* always sent: probes above all */
#define REQUEST_MAX   ((size_t)8 * 1024 * 1024)  /* of one body that is wanted ... */
#define REQUEST_WASTE 65536                      /* ... of one that is thrown away ... */
#define REQUESTS_MAX  ((size_t)32 * 1024 * 1024) /* ... and of all that are wanted */
#define CONNS         64
#define RELOAD_S      30
#define TEXT_TYPE     "text/plain; charset=utf-8"
#define JSON_TYPE     "application/json"

#define REQUESTS_PATH "/api/v1/requests/"

struct route;

struct ops_answer {
    struct list link;
    struct ops *o;
    struct http_stream *s;
    const struct http_head *h;
    const struct route *route; /* NULL: there is none for this path */
    uint64_t came;             /* bytes of the request's body */
    struct buf request;        /* ... and they, where they are wanted */
    struct buf body;
    size_t at;     /* bytes of the body handed to the stream */
    size_t unsent; /* of those, not gone yet */
    size_t held;   /* counted in o->answer_bytes */
};

struct route {
    const char *path;
    const char *below;  /* what stands behind the path, for people; NULL: nothing does */
    const char *method; /* "GET" stands for HEAD as well */
    bool guarded;       /* under /api/: not for web pages of other names */
    bool body;          /* wants the request's */
    void (*fn)(struct ops_answer *a);
};

/* ---- an answer's life ---- */

static void end_answer(struct ops_answer *a, enum http_close how)
{
    struct ops *o = a->o;

    if (o->reloading == a)
        o->reloading = NULL;
    http_stream_close(&a->s, how);
    list_del(&a->link);
    o->answer_bytes -= a->held;
    o->request_bytes -= a->request.n;
    buf_fini(&a->request);
    buf_fini(&a->body);
    mem_free(a);
}

/* Hand over as much as may be on its way; a may be gone afterwards. */
static void pump(struct ops_answer *a)
{
    size_t body_n = span_is(a->h->method, "HEAD") ? 0 : a->body.n;
    struct err e;
    int rc = 0;

    while (rc == 0 && a->at < body_n && a->unsent < HTTP_WINDOW) {
        size_t n = MIN(body_n - a->at, HTTP_WINDOW - a->unsent);

        rc = http_send_body(a->s, a->body.p + a->at, n, &e);
        a->at += n;
        a->unsent += n;
    }
    if (rc == 0 && a->at < body_n)
        return;
    if (rc == 0)
        rc = http_send_end(a->s, &e);
    end_answer(a, rc == 0 ? HTTP_CLOSE_DONE : HTTP_CLOSE_BROKEN);
}

static void transmit(struct ops_answer *a, uint16_t status, const char *type, const char *allow)
{
    struct http_field fields[] = {
        {SPAN_LIT("content-type"), span_str(type)},
        {SPAN_LIT("cache-control"), SPAN_LIT("no-store")},
        {SPAN_LIT("x-content-type-options"), SPAN_LIT("nosniff")},
        {SPAN_LIT("allow"), span_str(allow)},
    };
    struct http_head head = {
        .status = status,
        .body_len = span_is(a->h->method, "HEAD") ? 0 : a->body.n,
        .fields = fields,
        .fields_n = ARRAY_LEN(fields) - !allow,
    };
    struct err e;

    a->held = a->body.cap;
    a->o->answer_bytes += a->held;
    if (http_send_head(a->s, &head, &e) < 0)
        end_answer(a, HTTP_CLOSE_BROKEN);
    else
        pump(a);
}

static void refuse(struct ops_answer *a, uint16_t status, const char *allow, const char *text)
{
    struct json_write w;

    buf_fini(&a->body);
    json_write_init(&w, &a->body);
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_kv_cstring(&w, "message", text);
    json_kv_cstring(&w, "type", http_status_text(status));
    json_end_object(&w);
    json_end_object(&w);
    buf_add_char(&a->body, '\n');
    if (buf_ok(&a->body))
        transmit(a, status, JSON_TYPE, allow);
    else
        end_answer(a, HTTP_CLOSE_BROKEN);
}

/* The body is built: send it. */
static void reply(struct ops_answer *a, uint16_t status, const char *type)
{
    bool fits = a->body.cap <= ANSWER_SMALL || a->body.cap + a->o->answer_bytes <= ANSWERS_MAX;

    if (!buf_ok(&a->body) || !fits)
        refuse(a, 503, NULL, "The answer needs more memory than there is for it now.");
    else
        transmit(a, status, type, NULL);
}

/* ---- what is served ---- */

static void serve_probe(struct ops_answer *a, enum probe p)
{
    bool verbose = span_contains(a->h->path, SPAN_LIT("?verbose"));
    struct buf why;
    bool ok;

    buf_init(&why, a->body.max);
    ok = probes_check(p, a->o->conf.board, a->o->conf.workers, ev_now(a->o->ev), &why);
    buf_add_str(&a->body, ok ? "ok\n" : "not ok\n");
    if (verbose || !ok)
        buf_add_span(&a->body, buf_span(&why));
    buf_fini(&why);
    reply(a, ok ? 200 : 503, TEXT_TYPE);
}

static void serve_livez(struct ops_answer *a)
{
    serve_probe(a, PROBE_LIVE);
}

static void serve_readyz(struct ops_answer *a)
{
    serve_probe(a, PROBE_READY);
}

static void serve_startupz(struct ops_answer *a)
{
    serve_probe(a, PROBE_STARTED);
}

static void serve_metrics(struct ops_answer *a)
{
    struct view v;

    ops_view(a->o, &v);
    collect_view(a->o->metrics, &v);
    prometheus_write(&a->body, a->o->metrics);
    reply(a, 200, PROMETHEUS_TYPE);
}

static void serve_status(struct ops_answer *a)
{
    struct view v;

    ops_view(a->o, &v);
    status_write(&a->body, &v, a->o->recent, a->o->metrics);
    reply(a, 200, JSON_TYPE);
}

static struct span query_of(const struct ops_answer *a)
{
    struct span query = a->h->path;

    span_cut(&query, '?');
    return query;
}

static void serve_requests(struct ops_answer *a)
{
    struct requests_query q;
    struct err e;

    if (requests_read_query(&q, query_of(a), &e) < 0) {
        refuse(a, 400, NULL, e.text);
        return;
    }
    requests_write(&a->body, a->o->history, &q);
    reply(a, 200, JSON_TYPE);
}

static void serve_request(struct ops_answer *a)
{
    struct span path = a->h->path, id = span_cut(&path, '?');
    size_t before = sizeof(REQUESTS_PATH) - 1;
    char text[REQUESTS_TEXT];

    if (requests_write_one(&a->body, a->o->history, span_of(id.p + before, id.n - before)))
        reply(a, 200, JSON_TYPE);
    else
        refuse(a, 404, NULL, requests_unknown(text, a->o->history, a->o->began_ms));
}

static void serve_route(struct ops_answer *a)
{
    struct ops *o = a->o;
    char text[QUESTION_TEXT];
    struct ops_question q;
    struct err e;

    if (!o->conf.explain) {
        refuse(a, 503, NULL, "This process cannot say where a request would go.");
    } else if (!buf_ok(&a->request)) {
        refuse(a, 503, NULL, "There is no memory for the request now.");
    } else if (question_read(&q, text, query_of(a), &e) < 0) {
        refuse(a, 400, NULL, e.text);
    } else {
        q.body = buf_span(&a->request);
        if (o->conf.explain(o->conf.arg, &q, o->settings, &a->body, &e) == 0)
            reply(a, 200, JSON_TYPE);
        else
            refuse(a, 503, NULL, e.text);
    }
}

/* ---- reload ---- */

static void on_reloaded(void *arg, enum ops_reloaded how, struct span text)
{
    struct ops *o = arg;
    struct ops_answer *a = o->reloading;
    struct json_write w;

    o->reload_busy = false;
    o->reloading = NULL;
    ev_timer_stop(&o->reload_timer);
    if (!a)
        return;
    json_write_init(&w, &a->body);
    json_begin_object(&w);
    json_kv_bool(&w, "ok", how != OPS_REFUSED);
    json_kv_bool(&w, "trial", how == OPS_TRIED);
    json_kv_string(&w, "text", text);
    json_end_object(&w);
    buf_add_char(&a->body, '\n');
    reply(a, how != OPS_REFUSED ? 200 : 422, JSON_TYPE);
}

static void on_reload_timer(struct ev_timer *t)
{
    struct ops *o = CONTAINER_OF(t, struct ops, reload_timer);
    struct ops_answer *a = o->reloading;

    o->reloading = NULL;
    if (a)
        refuse(a, 504, NULL, "The reload is still under way; its result will be in the log.");
}

static void serve_reload(struct ops_answer *a)
{
    struct ops *o = a->o;
    struct err e;

    if (!o->conf.reload) {
        refuse(a, 503, NULL, "This process cannot reload its configuration.");
        return;
    }
    if (o->reload_busy) {
        refuse(a, 409, NULL, "A reload is under way already.");
        return;
    }
    if (ev_timer_set(&o->reload_timer, EV_S(RELOAD_S), &e) < 0) {
        refuse(a, 503, NULL, "No memory to wait for a reload.");
        return;
    }
    o->reload_busy = true;
    o->reloading = a;
    o->conf.reload(o->conf.arg, span_is(query_of(a), "now"), on_reloaded, o);
}

static void serve_trial(struct ops_answer *a)
{
    struct json_write w;
    struct view v;

    ops_view(a->o, &v);
    json_write_init(&w, &a->body);
    json_begin_object(&w);
    trial_write(&w, &v);
    json_end_object(&w);
    buf_add_char(&a->body, '\n');
    reply(a, 200, JSON_TYPE);
}

static void reply_ok(struct ops_answer *a, const char *text)
{
    struct json_write w;

    json_write_init(&w, &a->body);
    json_begin_object(&w);
    json_kv_bool(&w, "ok", true);
    json_kv_cstring(&w, "text", text);
    json_end_object(&w);
    buf_add_char(&a->body, '\n');
    reply(a, 200, JSON_TYPE);
}

static void serve_override(struct ops_answer *a)
{
    struct ops *o = a->o;
    uint64_t now = ev_now(o->ev);
    struct override_order order;
    struct err e;

    if (override_read(&order, query_of(a), o->settings, now, &e) < 0)
        refuse(a, 400, NULL, e.text);
    else if (!override_obey(o->conf.board, &order, now))
        refuse(a, 409, NULL, "As many words by hand as there may be stand already.");
    else
        reply_ok(a, order.word);
}

/* What is decided is told before it is done: the master does it within the next turn. */
static void decide(struct ops_answer *a, enum ops_decision d, const char *text)
{
    if (!a->o->conf.decide) {
        refuse(a, 503, NULL, "This process cannot change its configuration.");
        return;
    }
    a->o->conf.decide(a->o->conf.arg, d);
    reply_ok(a, text);
}

static void serve_confirm(struct ops_answer *a)
{
    if (board_get(&a->o->conf.board->trial.state) == BOARD_TRIAL_NONE)
        refuse(a, 409, NULL, "No configuration is on trial.");
    else
        decide(a, OPS_CONFIRM, "The configuration on trial is taken into use.");
}

static void serve_rollback(struct ops_answer *a)
{
    const struct board_trial *t = &a->o->conf.board->trial;

    if (board_get(&t->state) != BOARD_TRIAL_NONE)
        decide(a, OPS_ROLL_BACK,
               "The configuration on trial is taken back. Its file still has it: mend that before "
               "the next reload or start.");
    else if (board_get(&t->before))
        decide(a, OPS_ROLL_BACK,
               "The configuration before is taken into use again. The file still has the other "
               "one: mend that before the next reload or start.");
    else
        refuse(a, 409, NULL, "There is no configuration to go back to.");
}

/* ---- routing ---- */

static void serve_index(struct ops_answer *a);

static const struct route routes[] = {
    {"/", NULL, "GET", false, false, serve_index},
    {"/livez", NULL, "GET", false, false, serve_livez},
    {"/readyz", NULL, "GET", false, false, serve_readyz},
    {"/startupz", NULL, "GET", false, false, serve_startupz},
    {"/metrics", NULL, "GET", false, false, serve_metrics},
    {"/api/v1/status", NULL, "GET", true, false, serve_status},
    {"/api/v1/requests", NULL, "GET", true, false, serve_requests},
    {REQUESTS_PATH, "ID", "GET", true, false, serve_request},
    {"/api/v1/route", NULL, "POST", true, true, serve_route},
    {"/api/v1/reload", NULL, "POST", true, false, serve_reload},
    {"/api/v1/trial", NULL, "GET", true, false, serve_trial},
    {"/api/v1/confirm", NULL, "POST", true, false, serve_confirm},
    {"/api/v1/rollback", NULL, "POST", true, false, serve_rollback},
    {"/api/v1/override", NULL, "POST", true, false, serve_override},
};

static void serve_index(struct ops_answer *a)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        buf_printf(&a->body, "%-4s %s%s\n", routes[i].method, routes[i].path,
                   routes[i].below ? routes[i].below : "");
    reply(a, 200, TEXT_TYPE);
}

/* Did somebody mean to send this? A page can make a browser send a POST to any address, but
 * neither this header nor this content type without asking first. */
static bool is_meant(const struct http_head *h)
{
    struct span type = http_field_get(h, "content-type");

    return span_is(http_field_get(h, "x-lamplighter-admin"), "1") ||
           (span_has(type) && span_eq_nocase(span_trim(span_cut(&type, ';')), SPAN_LIT(JSON_TYPE)));
}

static bool is_route(const struct route *route, struct span path)
{
    return route->below ? span_starts(path, span_str(route->path)) : span_is(path, route->path);
}

static const struct route *find_route(const struct http_head *h)
{
    struct span rest = h->path, path = span_cut(&rest, '?');

    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (is_route(&routes[i], path))
            return &routes[i];
    return NULL;
}

static void dispatch(struct ops_answer *a)
{
    const struct route *route = a->route;
    struct span method = a->h->method;
    bool get;

    if (!route) {
        refuse(a, 404, NULL, "There is no such path; GET / lists all.");
        return;
    }
    get = span_is(method, "HEAD") && strcmp(route->method, "GET") == 0;
    if (!get && !span_is(method, route->method)) {
        refuse(a, 405, strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method,
               "This path takes another method; see the allow header.");
        return;
    }
    if (!route->body && a->came > REQUEST_WASTE)
        refuse(a, 413, NULL, "This path takes no body, and certainly not such a large one.");
    else if (route->guarded && http_host_kind(a->h->authority) == HTTP_HOST_NAME)
        refuse(a, 403, NULL,
               "Here the Host has to be an IP address or localhost: call the admin "
               "port by its address.");
    else if (strcmp(route->method, "POST") == 0 && !is_meant(a->h))
        refuse(a, 403, NULL, "A change needs the header x-lamplighter-admin: 1.");
    else
        route->fn(a);
}

/* ---- the stream's callbacks ---- */

static void on_body(void *arg, const char *p, size_t n)
{
    struct ops_answer *a = arg;
    struct ops *o = a->o;

    a->came += n;
    if (a->route && a->route->body) {
        o->request_bytes -= a->request.n;
        if (o->request_bytes + a->request.n + n > REQUESTS_MAX)
            a->request.err = ERR_LIMIT;
        buf_add(&a->request, p, n);
        o->request_bytes += a->request.n;
    }
    http_consumed(a->s, n);
}

static void on_end(void *arg)
{
    dispatch(arg);
}

static void on_sent(void *arg, size_t n)
{
    struct ops_answer *a = arg;

    a->unsent -= MIN(n, a->unsent);
    pump(a);
}

static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    struct ops_answer *a = arg;

    UNUSED(e);
    if (how == HTTP_FAIL_REQUEST)
        refuse(a, 400, NULL, "The request body is malformed or too large.");
    else
        end_answer(a, HTTP_CLOSE_BROKEN);
}

static const struct http_stream_cb stream_cb = {
    .on_body = on_body,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_fail = on_fail,
};

static void on_request(void *arg, struct http_stream *s, const struct http_head *h,
                       const struct net_addr *peer)
{
    struct ops_answer *a = mem_zalloc(1, sizeof(*a));

    UNUSED(peer);
    if (!a) {
        http_stream_close(&s, HTTP_CLOSE_BROKEN);
        return;
    }
    a->o = arg;
    a->s = s;
    a->h = h;
    a->route = find_route(h);
    buf_init(&a->request, REQUEST_MAX);
    buf_init(&a->body, ANSWER_MAX);
    list_init(&a->link);
    list_push(&a->o->answers, &a->link);
    http_stream_bind(s, &stream_cb, a);
}

/* ---- the port ---- */

int admin_open(struct ops *o, struct err *e)
{
    static const struct http_server_conf conf = {
        .limits = {.head_bytes = 16384,
                   .fields = 100,
                   .path_bytes = 2048,
                   .body_bytes = REQUEST_MAX},
        .head_ms = 10000,
        .body_stall_ms = 10000,
        .idle_ms = 120000,
        .write_stall_ms = 30000,
        .conns = CONNS,
        .conns_per_ip = 0,
        .requests_per_conn = 0,
        .streams_per_conn = 8,
        .half_close_ok = true,
    };
    struct net_listen_conf listen = {
        .addr = o->settings->server.admin,
        .fd = o->conf.listen_fd > 0 ? o->conf.listen_fd : -1,
        .backlog = 64,
    };

    ev_timer_init(&o->reload_timer, o->ev, on_reload_timer);
    if (http_server_new(&o->server, o->conf.net, &conf, on_request, o, e) < 0 ||
        http_server_listen(o->server, &listen, e) < 0)
        return err_prefix(e, "server.admin");
    return 0;
}

void admin_close(struct ops *o)
{
    if (!o->server)
        return;
    http_server_free(&o->server); /* all answers are told that they failed */
    MUST(list_empty(&o->answers));
    ev_timer_stop(&o->reload_timer);
}

const struct net_addr *ops_addr(const struct ops *o)
{
    return http_server_addr(o->server, 0);
}
