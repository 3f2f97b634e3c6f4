/*
 * explain.c - see explain.h.
 */
#include "relay/explain.h"

#include "base/mem.h"
#include "board/granted.h"
#include "board/override.h"
#include "codec/json_scan.h"
#include "codec/json_write.h"
#include "codec/percent.h"
#include "relay/relay_plan.h"

#define PATH_MODEL "MODEL"
#define PATH_BYTES ((size_t)2048)

/* What is known of one way to a target. */
struct way {
    unsigned number; /* its turn, from 1 on; 0: it is not asked */
    bool probe, last;
    enum reason why; /* it is not asked, or was passed over before its turn came */
    uint64_t until_us;
    struct span word, text;
};

struct explain {
    const struct relay_question *q;
    const struct board *board;
    uint32_t workers;
    struct relay_env env;
    struct relay relay;
    struct http_head head;
    struct way ways[2 * POLICY_TARGETS_MAX]; /* by their places in relay.ways */
    struct http_field fields[3];
    unsigned asked;
    struct relay_hedged hedge;
    bool used_up; /* all attempts would be made */
    bool refused; /* before any: `no` says why */
    struct relay_refusal no;
};

/* ---- the decision ---- */

static void on_skip(void *arg, const struct relay_skip *s)
{
    struct explain *x = arg;
    struct relay *r = &x->relay;
    struct way *w = &x->ways[s->way - r->ways];

    if (w->why != REASON_NONE || w->number) /* it is told again at each turn */
        return;
    w->why = s->why;
    w->until_us = s->until_us;
    w->word = span_str(s->word);
    w->text = s->text ? arena_dup(&r->arena, span_str(s->text)) : span_of(NULL, 0);
}

/* No worker can get the credential that the target goes by. */
static bool has_no_credential(struct explain *x, struct way *w)
{
    const struct settings_provider *p = x->relay.at->target->provider;
    struct granted g;

    if (!x->board || !p->credential.source || !p->credential.source->steps_n)
        return false;
    granted_read(x->board, x->workers, p->name, x->relay.record.wall_ms, &g);
    if (g.state != GRANTED_FAILED)
        return false;
    w->why = REASON_NO_CREDENTIAL;
    w->text = arena_dup(&x->relay.arena, span_str(g.why));
    return true;
}

static void take_turn(struct explain *x)
{
    const struct policy_request *run = &x->relay.run;
    struct way *w = &x->ways[run->it.at];

    if (has_no_credential(x, w))
        return;
    w->number = ++x->asked;
    w->probe = run->it.probe;
    w->last = run->it.last;
    if (!run->it.last)
        return;
    w->why = REASON_BREAKER_OPEN; /* it is asked before its time, as nobody else is left */
    UNUSED(policy_look(run->table, &run->candidates[run->it.at], ev_now(x->env.ev), &w->until_us));
}

/* One after the other, as if each of them failed. */
static void ask_all(struct explain *x)
{
    struct relay *r = &x->relay;
    struct relay_refusal no;

    do
        take_turn(x);
    while (!(x->used_up = !policy_suppose_failed(&r->run, ev_now(r->env->ev))) &&
           relay_next_target(r, &no));
}

static bool find_key(struct explain *x)
{
    const struct settings *s = x->relay.settings;

    if (!span_has(x->q->key))
        return true;
    for (size_t i = 0; i < s->keys_n; i++)
        if (span_eq(s->keys[i].name, x->q->key))
            x->relay.key = &s->keys[i];
    return x->relay.key || relay_no(&x->no, 401, REASON_BAD_KEY, "There is no key of this name.",
                                    "`keys` in the configuration has their names.");
}

/* The name that was asked for, in place of the body's. */
static bool name_model(struct explain *x)
{
    struct relay *r = &x->relay;

    if (x->q->model.n == 0 || x->q->model.n >= DIALECT_MODEL_MAX)
        return relay_no(&x->no, 400, REASON_BAD_REQUEST, "A model's name has 1 to 127 bytes.",
                        NULL);
    relay_keep(r->req.model, sizeof(r->req.model), x->q->model);
    r->req.model_n = (uint8_t)x->q->model.n;
    return true;
}

static bool on_model(void *arg, const struct json_hit *hit)
{
    UNUSED(hit);
    *(bool *)arg = true;
    return true;
}

/* Is it an object without a model? */
static bool lacks_model(const struct explain *x)
{
    static const char *const paths[] = {"model"};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};
    bool has = x->relay.dialect->by_url;

    return x->relay.op->routed &&
           json_scan_all(&watch, x->q->body, on_model, &has) == JSON_SCAN_DONE && !has &&
           span_find(x->q->body, '{') != SIZE_MAX;
}

/* The body as it is, or with the model, where who asks has left that out. */
static bool read_body(struct explain *x)
{
    struct relay *r = &x->relay;
    struct span rest = x->q->body, before, name = {NULL, 0};
    struct json_write w;
    struct buf b;
    bool ok;

    if (!lacks_model(x))
        return relay_read_body(r, rest, &x->no) && relay_read_end(r, &x->no);
    before = span_cut(&rest, '{');
    buf_init(&b, 6 * DIALECT_MODEL_MAX + 16);
    buf_add_str(&b, "{\"model\":");
    json_write_init(&w, &b);
    json_string(&w, x->q->model);
    if (rest.n && span_find(rest, ':') != SIZE_MAX) /* there are other members */
        buf_add_char(&b, ',');
    if (buf_ok(&b))
        name = buf_span(&b);
    ok = relay_read_body(r, before, &x->no) && relay_read_body(r, name, &x->no) &&
         relay_read_body(r, rest, &x->no) && relay_read_end(r, &x->no);
    buf_fini(&b);
    return ok;
}

static int decide(struct explain *x, struct err *e)
{
    struct relay *r = &x->relay;

    x->refused = true;
    if (!relay_read_path(r, &x->no) || !find_key(x))
        return 0;
    if (relay_begin(r, e) < 0)
        return -1;
    if (!read_body(x) || !name_model(x) || !relay_find_target(r, &x->no))
        return 0;
    x->refused = false;
    relay_look_hedge(r, &x->hedge);
    if (r->run.n)
        ask_all(x);
    return 0;
}

/* ---- the answer ---- */

/* Whom of those that are asked before it fails together with it, and of what. */
static void add_shares(struct json_write *w, const struct explain *x, size_t at)
{
    const struct settings_way *ways = x->relay.ways, *a = &ways[at];

    for (size_t i = 0; i < x->relay.run.n; i++) {
        const struct settings_fate *what;
        struct settings_fates own, others;

        if (x->ways[i].number == 0 || x->ways[i].number >= x->ways[at].number)
            continue;
        settings_fates(&own, a);
        settings_fates(&others, &ways[i]);
        what = settings_shared_fate(&own, &others);
        if (!what)
            continue;
        json_kv_uint(w, "shares_with", x->ways[i].number);
        json_kv_cstring(w, "shares", policy_fate_name(what->kind));
        return;
    }
}

static void add_reason(struct json_write *w, const struct explain *x, const struct way *way)
{
    ev_us now = ev_now(x->relay.env->ev);

    if (way->why == REASON_NONE)
        return;
    json_kv_cstring(w, "reason", reason_word(way->why));
    if (way->word.n)
        json_kv_string(w, "detail", way->word);
    if (way->until_us > now) {
        uint64_t ms = (way->until_us - now + 999) / 1000;

        json_key(w, "for_s");
        json_double(w, (double)ms / 1000);
    }
    json_kv_string(w, "text", way->text.n ? way->text : span_str(reason_meaning(way->why)));
}

/* Another weight than that of its plan, where weights count. */
static void add_weight(struct json_write *w, const struct explain *x,
                       const struct settings_target *t)
{
    const struct settings_model *m = x->relay.plan.model;
    struct override o;

    if (x->board && m && m->strategy == ROUTE_WEIGHTED &&
        override_said(x->board, t->id, OVERRIDE_SHARE, ev_now(x->relay.env->ev), &o)) {
        json_kv_bool(w, "weighed_by_hand", true);
        json_kv_uint(w, "weight", o.value);
    }
}

static void add_way(struct json_write *w, const struct explain *x, size_t i)
{
    const struct settings_way *at = &x->relay.ways[i];
    const struct settings_provider *p = at->target->provider;
    const struct way *way = &x->ways[i];

    json_begin_object(w);
    json_kv_string(w, "target", at->target->id);
    json_kv_string(w, "provider", span_str(p->type->name));
    json_kv_string(w, "server", p->urls[at->url].host);
    if (p->keys_n > 1 && i < x->relay.run.n)
        json_kv_uint(w, "key", at->key + 1);
    if (p->urls_n > 1 && i < x->relay.run.n)
        json_kv_uint(w, "endpoint", at->url + 1);
    json_kv_bool(w, "asked", way->number > 0);
    if (way->number) {
        json_kv_uint(w, "turn", way->number);
        json_kv_bool(w, "probe", way->probe);
        json_kv_bool(w, "last_resort", way->last);
        if (i == 0 && x->relay.sits)
            json_kv_bool(w, "sits", true);
    }
    if (i < x->relay.run.n && relay_away_word(&x->relay, at))
        json_kv_cstring(w, "engine", relay_away_word(&x->relay, at));
    add_weight(w, x, at->target);
    add_reason(w, x, way);
    if (way->number)
        add_shares(w, x, i);
    json_end_object(w);
}

/* Those that are asked by their turns, then the others as the plan has them. */
static void add_ways(struct json_write *w, struct explain *x)
{
    size_t n = x->relay.run.n, all = n + x->relay.out_n;

    for (unsigned turn = 1; turn <= x->asked; turn++)
        for (size_t i = 0; i < n; i++)
            if (x->ways[i].number == turn)
                add_way(w, x, i);
    for (size_t i = 0; i < all; i++) {
        if (x->ways[i].number)
            continue;
        if (x->used_up && x->ways[i].why == REASON_NONE)
            x->ways[i].why = REASON_NO_ATTEMPT;
        add_way(w, x, i);
    }
}

/* A path that passes through goes to one provider, unread. */
static void add_pinned(struct json_write *w, const struct explain *x)
{
    json_begin_object(w);
    json_kv_string(w, "target", x->relay.at->target->id);
    json_kv_string(w, "provider", span_str(x->relay.at->target->provider->type->name));
    json_kv_string(w, "server", x->relay.at->target->provider->urls[0].host);
    json_kv_bool(w, "asked", true);
    json_kv_uint(w, "turn", 1);
    json_end_object(w);
}

static void add_refusal(struct json_write *w, const struct relay_refusal *no)
{
    json_key(w, "refused");
    json_begin_object(w);
    json_kv_uint(w, "status", no->status);
    json_kv_cstring(w, "reason", reason_word(no->reason));
    json_kv_cstring(w, "text", no->text ? no->text : reason_meaning(no->reason));
    if (no->param.n)
        json_kv_string(w, "place", no->param);
    json_kv_cstring(w, "hint", no->hint);
    json_end_object(w);
}

/* Who is asked beside the first one if that is slow, and when; or why nobody is. */
static void add_hedge(struct json_write *w, const struct explain *x)
{
    const struct relay_hedged *h = &x->hedge;
    uint64_t after_ms = h->after_us / 1000;

    json_key(w, "hedge");
    json_begin_object(w);
    if (h->why) {
        json_kv_cstring(w, "reason", h->why);
        json_kv_cstring(w, "text", h->text);
    } else {
        json_kv_string(w, "onto", x->relay.ways[h->at].target->id);
        json_key(w, "after_s");
        json_double(w, (double)after_ms / 1000);
    }
    json_end_object(w);
}

static void write(struct buf *out, struct explain *x)
{
    const struct relay *r = &x->relay;
    struct json_write w;

    json_write_init(&w, out);
    json_begin_object(&w);
    json_kv_string(&w, "model", x->q->model);
    json_kv_string(&w, "path", r->head->path);
    json_kv_cstring(&w, "op", r->op ? r->op->name : NULL);
    json_kv_bool(&w, "running", x->board != NULL);
    json_kv_string(&w, "config", r->settings->source);
    if (r->run.n)
        json_kv_uint(&w, "attempts_most", r->run.rules->attempts);
    json_key(&w, "targets");
    json_begin_array(&w);
    if (r->run.n + r->out_n)
        add_ways(&w, x);
    else if (!x->refused)
        add_pinned(&w, x);
    json_end_array(&w);
    if (x->hedge.wanted)
        add_hedge(&w, x);
    if (x->refused)
        add_refusal(&w, &x->no);
    json_end_object(&w);
    buf_add_char(out, '\n');
}

/* ---- life ---- */

/* The path, with the model's name in place of MODEL. */
static int make_path(struct buf *path, const struct relay_question *q, struct err *e)
{
    struct span s = q->path, word = SPAN_LIT(PATH_MODEL);

    while (s.n) {
        bool here = span_starts(s, word);
        size_t n = here ? word.n : 1;

        if (here)
            percent_encode(path, q->model, "/");
        else
            buf_add_char(path, *s.p);
        s = span_of(s.p + n, s.n - n);
    }
    return buf_finish(path, "the path", e);
}

static void add_field(struct explain *x, const char *name, struct span value)
{
    if (span_has(value))
        x->fields[x->head.fields_n++] = (struct http_field){span_str(name), value};
}

int relay_explain(struct buf *out, const struct relay_question *q, struct ev *ev,
                  struct settings *settings, struct board *board, uint32_t workers, struct err *e)
{
    struct explain *x = mem_zalloc(1, sizeof(*x));
    struct relay_sink sink = {.skip = on_skip,
                              .arg = x,
                              .overrides = board,
                              .endpoints = board,
                              .kept = board ? &board->kept : NULL,
                              .seats = board ? &board->seats : NULL};
    struct buf path;
    int rc = -1;

    if (!x)
        return err_set(e, ERR_NOMEM, "no memory to explain a request");
    buf_init(&path, PATH_BYTES);
    x->q = q;
    x->board = board;
    x->workers = workers;
    if (make_path(&path, q, e) < 0 ||
        relay_env_init(&x->env, ev, settings, NULL, NULL, sink, e) < 0)
        goto out;
    if (board)
        standing_copy(x->env.standings, board->standings);
    x->head = (struct http_head){
        .method = SPAN_LIT("POST"), .path = buf_span(&path), .fields = x->fields};
    add_field(x, "x-lamplighter-data-class", q->data_class);
    add_field(x, "x-lamplighter-tags", q->tags);
    add_field(x, "x-lamplighter-conversation", q->conversation);
    relay_init(&x->relay, &x->env, &x->head);
    rc = decide(x, e);
    if (rc == 0)
        write(out, x);
    relay_fini(&x->relay);
    relay_env_fini(&x->env);
out:
    buf_fini(&path);
    mem_free(x);
    return rc;
}
