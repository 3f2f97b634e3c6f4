/*
 * pool.c - of a target's endpoints, which one is asked first: by how the request begins and by what
 * the engines say of themselves (route/pool.h); and who is known not to serve.
 *
 * Where the model wants the fastest, what is known of their speed decides, and not this.
 */
#include "board/endpoints.h"
#include "relay/relay_plan.h"

/* How far back one stands. One that is only slow to say how it is may be the busiest of all, and
 * still better than another target; and who rests has to be called. */
enum back { SERVES, BEHIND_ITS_POOL, BEHIND_ALL };

static enum back back_of(enum endpoint_state state)
{
    static const enum back rows[ENDPOINT_STATES] = {
        [ENDPOINT_UNKNOWN] = SERVES,          [ENDPOINT_READY] = SERVES,
        [ENDPOINT_RESTING] = BEHIND_ITS_POOL, [ENDPOINT_SILENT] = BEHIND_ITS_POOL,
        [ENDPOINT_LOADING] = BEHIND_ALL,      [ENDPOINT_SLEEPING] = BEHIND_ALL,
        [ENDPOINT_DEAD] = BEHIND_ALL,         [ENDPOINT_DOWN] = BEHIND_ALL,
        [ENDPOINT_HUNG] = BEHIND_ALL,
    };

    return rows[state];
}

/* What is known now; false: nothing is. */
static bool look(const struct relay *r, const struct settings_way *w, struct endpoint_view *ret)
{
    const struct settings_provider *p = w->target->provider;

    return r->env->sink.endpoints && p->poll_ms &&
           endpoints_view(ret, r->env->sink.endpoints, p->urls[w->url].id, ev_now(r->env->ev)) &&
           !ret->stale;
}

static bool is_pool(const struct settings_target *t)
{
    return t->provider->poll_ms && t->provider->urls_n > 1;
}

bool relay_has_pool(const struct relay *r)
{
    const struct settings_model *m = r->plan.model;
    bool ret = !m && is_pool(&r->plan.one);

    for (size_t i = 0; m && i < m->targets_n && !ret; i++)
        ret = is_pool(&m->targets[i]);
    return ret && r->env->sink.endpoints;
}

bool relay_is_away(const struct relay *r, const struct settings_way *w)
{
    struct endpoint_view v;

    return look(r, w, &v) && back_of(v.state) == BEHIND_ALL;
}

const char *relay_away_word(const struct relay *r, const struct settings_way *w)
{
    struct endpoint_view v;

    return look(r, w, &v) && back_of(v.state) != SERVES ? endpoints_state_name(v.state) : NULL;
}

static struct route_member member_of(const struct relay *r, const struct settings_way *w)
{
    struct endpoint_view v;
    struct route_member ret = {.id = w->target->provider->urls[w->url].id,
                               .running = ROUTE_UNSAID,
                               .waiting = ROUTE_UNSAID,
                               .share = ROUTE_UNSAID};

    if (!look(r, w, &v))
        return ret;
    ret.away = back_of(v.state) != SERVES;
    ret.running = v.signals[SIGNAL_RUNNING];
    ret.waiting = v.signals[SIGNAL_WAITING];
    ret.share = v.signals[SIGNAL_KV_SHARE];
    return ret;
}

/* The ways to one target change places among each other. What begins in no known way goes anywhere.
 */
static void order_pool(const struct relay *r, struct settings_way *ways, size_t n, size_t first)
{
    struct route_member m[POLICY_TARGETS_MAX] = {0};
    LEFT_UNSET struct settings_way own[POLICY_TARGETS_MAX];
    uint8_t places[POLICY_TARGETS_MAX], order[POLICY_TARGETS_MAX];
    size_t all = 0;

    for (size_t i = first; i < n; i++) {
        if (ways[i].target != ways[first].target)
            continue;
        m[all] = member_of(r, &ways[i]);
        own[all] = ways[i];
        places[all++] = (uint8_t)i;
    }
    route_pool(order, m, all, r->beginning ? r->beginning : span_hash(span_str(r->record.id)));
    for (size_t i = 0; i < all; i++)
        ways[places[i]] = own[order[i]];
}

static bool is_first_of_its(const struct settings_way *ways, size_t i)
{
    size_t before = 0;

    while (ways[before].target != ways[i].target)
        before++;
    return before == i;
}

void relay_order_pools(const struct relay *r, struct settings_way *ways, size_t n)
{
    for (size_t i = 0; i < n && r->env->sink.endpoints; i++)
        if (is_pool(ways[i].target) && is_first_of_its(ways, i))
            order_pool(r, ways, n, i);
}
