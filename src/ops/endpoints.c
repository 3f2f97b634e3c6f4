/*
 * endpoints.c - see endpoints.h. What is stale is not shown as if it were so now.
 */
#include "ops/endpoints.h"

#include "board/loads.h"
#include "engine/signals.h"

struct at {
    size_t provider, url;
};

/* The next one; false: there are no more. */
static bool next(const struct view *v, struct at *at, const struct settings_provider **p,
                 const struct settings_url **url, struct endpoint_view *ret)
{
    for (; at->provider < v->settings->providers_n; at->provider++, at->url = 0) {
        *p = &v->settings->providers[at->provider];
        while ((*p)->poll_ms && at->url < (*p)->urls_n) {
            *url = &(*p)->urls[at->url++];
            if (endpoints_view(ret, v->board, (*url)->id, v->now_us))
                return true;
        }
    }
    return false;
}

static enum endpoint_state state_of(const struct endpoint_view *view)
{
    return view->stale ? ENDPOINT_UNKNOWN : view->state;
}

/* SIGNAL_UNKNOWN: nobody says so now. */
static uint64_t signal_of(const struct endpoint_view *view, enum signal_kind kind)
{
    return view->stale ? SIGNAL_UNKNOWN : view->signals[kind];
}

static double age_s(const struct view *v, const struct endpoint_view *view)
{
    return (double)(v->now_us - view->seen_us) / 1e6;
}

/* ---- status ---- */

static void kv_known(struct json_write *w, const char *key, uint64_t n, double unit)
{
    json_key(w, key);
    if (n == SIGNAL_UNKNOWN)
        json_null(w);
    else
        json_double(w, (double)n * unit);
}

static void write_one(struct json_write *w, const struct view *v, const struct settings_provider *p,
                      const struct settings_url *url, const struct endpoint_view *view)
{
    struct loads own;

    json_begin_object(w);
    json_kv_string(w, "provider", p->name);
    json_kv_string(w, "endpoint", url->text);
    json_kv_cstring(w, "state", endpoints_state_name(state_of(view)));
    json_key(w, "age_s");
    if (view->seen_us)
        json_double(w, age_s(v, view));
    else
        json_null(w);
    kv_known(w, "running", signal_of(view, SIGNAL_RUNNING), 1);
    kv_known(w, "waiting", signal_of(view, SIGNAL_WAITING), 1);
    kv_known(w, "kv_share", signal_of(view, SIGNAL_KV_SHARE), 1e-6);
    kv_known(w, "kv_used_tokens", signal_of(view, SIGNAL_KV_USED), 1);
    kv_known(w, "kv_tokens", signal_of(view, SIGNAL_KV_TOKENS), 1);
    kv_known(w, "preemptions", signal_of(view, SIGNAL_PREEMPTIONS), 1);
    loads_sum(&own, v->board, v->workers, view->place);
    json_kv_uint(w, "sessions", own.sessions);
    json_kv_uint(w, "kv_reserved_tokens", own.tokens);
    json_kv_uint(w, "kv_foreign_tokens", view->foreign);
    json_end_object(w);
}

void endpoints_write(struct json_write *w, const struct view *v)
{
    const struct settings_provider *p;
    const struct settings_url *url;
    struct endpoint_view view;
    struct at at = {0};

    json_begin_array(w);
    while (next(v, &at, &p, &url, &view))
        write_one(w, v, p, url, &view);
    json_end_array(w);
}

/* ---- metrics ---- */

static const struct {
    enum metric metric;
    enum signal_kind kind;
    double unit;
} rows[] = {
    {METRIC_ENDPOINT_RUNNING, SIGNAL_RUNNING, 1},
    {METRIC_ENDPOINT_WAITING, SIGNAL_WAITING, 1},
    {METRIC_ENDPOINT_KV_SHARE, SIGNAL_KV_SHARE, 1e-6},
    {METRIC_ENDPOINT_KV_USED, SIGNAL_KV_USED, 1},
    {METRIC_ENDPOINT_KV_TOKENS, SIGNAL_KV_TOKENS, 1},
    {METRIC_ENDPOINT_PREEMPTIONS, SIGNAL_PREEMPTIONS, 1},
};

void endpoints_collect(struct metrics *m, const struct view *v)
{
    static const enum metric own[] = {METRIC_ENDPOINT_SESSIONS, METRIC_ENDPOINT_RESERVED,
                                      METRIC_ENDPOINT_FOREIGN};
    const struct settings_provider *p;
    const struct settings_url *url;
    struct endpoint_view view;
    struct at at = {0};

    metrics_clear(m, METRIC_ENDPOINT_STATE);
    metrics_clear(m, METRIC_ENDPOINT_AGE);
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        metrics_clear(m, own[i]);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        metrics_clear(m, rows[i].metric);
    while (next(v, &at, &p, &url, &view)) {
        struct span labels[3] = {p->name, url->text};
        struct loads l;

        for (int s = 0; s < ENDPOINT_STATES; s++) {
            labels[2] = span_str(endpoints_state_name((enum endpoint_state)s));
            metrics_set(m, METRIC_ENDPOINT_STATE, labels, s == (int)state_of(&view));
        }
        loads_sum(&l, v->board, v->workers, view.place);
        metrics_set(m, METRIC_ENDPOINT_SESSIONS, labels, (double)l.sessions);
        metrics_set(m, METRIC_ENDPOINT_RESERVED, labels, (double)l.tokens);
        metrics_set(m, METRIC_ENDPOINT_FOREIGN, labels, (double)view.foreign);
        if (view.seen_us)
            metrics_set(m, METRIC_ENDPOINT_AGE, labels, age_s(v, &view));
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            uint64_t n = signal_of(&view, rows[i].kind);

            if (n != SIGNAL_UNKNOWN)
                metrics_set(m, rows[i].metric, labels, (double)n * rows[i].unit);
        }
    }
}
