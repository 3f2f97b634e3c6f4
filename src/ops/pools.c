/*
 * pools.c - see pools.h.
 */
#include "ops/pools.h"

/* The next provider that has a pool, from *at on; NULL: there are no more. */
static const struct settings_provider *next(const struct view *v, size_t *at,
                                            struct policy_pool_view *ret)
{
    while (*at < v->settings->providers_n) {
        const struct settings_provider *p = &v->settings->providers[(*at)++];

        if (p->pool.n == 0)
            continue;
        policy_pool_look(ret, &p->pool, v->board, v->workers, v->now_us);
        return p;
    }
    return NULL;
}

/* ---- status ---- */

static void write_one(struct json_write *w, const struct settings_provider *p,
                      const struct policy_pool_view *view)
{
    json_begin_object(w);
    json_kv_string(w, "provider", p->name);
    json_kv_cstring(w, "n1", policy_n1_name(view->n1));
    json_key(w, "lost_domain");
    if (view->n1 == N1_NOT)
        json_string(w, settings_domain_name(p, view->verdict.domain));
    else
        json_null(w);
    json_kv_uint(w, "lost_tokens", view->n1 == N1_NOT ? view->verdict.lost : 0);
    json_kv_uint(w, "endpoints", p->pool.n);
    json_kv_uint(w, "serving", view->serving);
    json_kv_uint(w, "domains", p->pool.domains_n);
    json_kv_uint(w, "kv_tokens", view->capacity);
    json_kv_uint(w, "kv_reserved_tokens", view->tokens);
    json_kv_uint(w, "kv_now_tokens", view->now);
    json_kv_uint(w, "kv_foreign_tokens", view->foreign);
    json_kv_uint(w, "sessions", view->sessions);
    json_key(w, "covered");
    if (view->ended)
        json_double(w, (double)view->covered / (double)view->ended);
    else
        json_null(w);
    json_end_object(w);
}

void pools_write(struct json_write *w, const struct view *v)
{
    const struct settings_provider *p;
    struct policy_pool_view view;
    size_t at = 0;

    json_begin_array(w);
    while ((p = next(v, &at, &view)))
        write_one(w, p, &view);
    json_end_array(w);
}

/* ---- metrics ---- */

static const struct {
    enum metric metric;
    size_t at; /* in struct policy_pool_view */
} rows[] = {
    {METRIC_POOL_KV_TOKENS, offsetof(struct policy_pool_view, capacity)},
    {METRIC_POOL_RESERVED, offsetof(struct policy_pool_view, tokens)},
    {METRIC_POOL_NOW, offsetof(struct policy_pool_view, now)},
    {METRIC_POOL_FOREIGN, offsetof(struct policy_pool_view, foreign)},
    {METRIC_POOL_SESSIONS, offsetof(struct policy_pool_view, sessions)},
    {METRIC_POOL_ENDED, offsetof(struct policy_pool_view, ended)},
    {METRIC_POOL_COVERED, offsetof(struct policy_pool_view, covered)},
};

void pools_collect(struct metrics *m, const struct view *v)
{
    const struct settings_provider *p;
    struct policy_pool_view view;
    size_t at = 0;
    uint64_t n;

    metrics_clear(m, METRIC_POOL_N1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        metrics_clear(m, rows[i].metric);
    while ((p = next(v, &at, &view))) {
        struct span labels[2] = {p->name};

        for (int s = 0; s < N1_STATES; s++) {
            labels[1] = span_str(policy_n1_name((enum policy_n1)s));
            metrics_set(m, METRIC_POOL_N1, labels, s == (int)view.n1);
        }
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            memcpy(&n, (const char *)&view + rows[i].at, sizeof(n));
            metrics_set(m, rows[i].metric, labels, (double)n);
        }
    }
}
