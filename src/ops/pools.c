/*
 * pools.c - see pools.h.
 */
#include "ops/pools.h"

#include "base/mem.h"

/* Place to work in, for the largest pool; NULL: there is no pool, or no memory. */
struct room {
    struct survive_member *members;
    struct survive_domain *domains;
};

static struct room room_new(const struct view *v)
{
    struct room ret;
    size_t most = 0;

    for (size_t i = 0; i < v->settings->providers_n; i++)
        most = MAX(most, (size_t)v->settings->providers[i].pool.n);
    ret.members = most ? mem_zalloc(most, sizeof(*ret.members)) : NULL;
    ret.domains = most ? mem_zalloc(most, sizeof(*ret.domains)) : NULL;
    return ret;
}

static void room_free(struct room *r)
{
    mem_free(r->members);
    mem_free(r->domains);
}

/* The next provider that has a pool, from *at on; NULL: there are no more. */
static const struct settings_provider *next(const struct view *v, size_t *at, struct room *room,
                                            struct policy_pool_view *ret)
{
    while (room->members && room->domains && *at < v->settings->providers_n) {
        const struct settings_provider *p = &v->settings->providers[(*at)++];

        if (p->pool.n == 0)
            continue;
        policy_pool_look(ret, &p->pool, v->board, v->workers, v->now_us, room->members,
                         room->domains);
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
    struct room room = room_new(v);
    struct policy_pool_view view;
    size_t at = 0;

    json_begin_array(w);
    while ((p = next(v, &at, &room, &view)))
        write_one(w, p, &view);
    json_end_array(w);
    room_free(&room);
}

/* ---- metrics ---- */

void pools_collect(struct metrics *m, const struct view *v)
{
    static const enum metric all[] = {
        METRIC_POOL_N1,      METRIC_POOL_KV_TOKENS, METRIC_POOL_RESERVED, METRIC_POOL_NOW,
        METRIC_POOL_FOREIGN, METRIC_POOL_SESSIONS,  METRIC_POOL_ENDED,    METRIC_POOL_COVERED};
    const struct settings_provider *p;
    struct room room = room_new(v);
    struct policy_pool_view view;
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        metrics_clear(m, all[i]);
    while ((p = next(v, &at, &room, &view))) {
        const double values[] = {0,
                                 (double)view.capacity,
                                 (double)view.tokens,
                                 (double)view.now,
                                 (double)view.foreign,
                                 (double)view.sessions,
                                 (double)view.ended,
                                 (double)view.covered};
        struct span labels[2] = {p->name};

        for (int s = 0; s < N1_STATES; s++) {
            labels[1] = span_str(policy_n1_name((enum policy_n1)s));
            metrics_set(m, METRIC_POOL_N1, labels, s == (int)view.n1);
        }
        for (size_t i = 1; i < ARRAY_LEN(all); i++)
            metrics_set(m, all[i], labels, values[i]);
    }
    room_free(&room);
}
