/*
 * view.c - see view.h.
 */
#include "ops/view.h"

#include "policy/extra.h"

uint64_t view_sum(const struct view *v, size_t word)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < v->workers; i++) {
        const char *row = (const char *)&v->board->workers[i];

        sum += board_get((const board_word *)(const void *)(row + word));
    }
    return sum;
}

/* Whether anybody leaves it alone when it fails, and how long it starts slowly then with any. */
struct leaving {
    bool breaker;
    uint64_t slow_us;
};

static void add_rules(struct leaving *l, const struct policy_rules *rules)
{
    l->breaker |= rules->breaker;
    if (rules->breaker)
        l->slow_us = MAX(l->slow_us, rules->slow_us);
}

/* What a name stands for: a target that is in no model is asked by its name. false: no such
 * provider. */
static bool find_target(const struct settings *s, struct span name, struct settings_target *ret,
                        struct leaving *leaving)
{
    struct span rest = name, provider = span_cut(&rest, '/');
    bool found = false;

    *ret = (struct settings_target){.model = rest, .id = name};
    *leaving = (struct leaving){0};
    for (size_t i = 0; i < s->providers_n && !ret->provider; i++)
        if (span_eq(s->providers[i].name, provider))
            ret->provider = &s->providers[i];
    for (size_t i = 0; i < s->models_n; i++)
        for (size_t k = 0; k < s->models[i].targets_n; k++)
            if (span_eq(s->models[i].targets[k].id, name)) {
                ret->thinks = s->models[i].targets[k].thinks;
                add_rules(leaving, &s->models[i].rules);
                found = true;
            }
    if (!found)
        add_rules(leaving, &s->rules);
    return ret->provider;
}

/* Of the way that is asked first: all ways share them. */
static void add_waits_and_retries(const struct view *v, const struct settings_target *target,
                                  struct view_target *ret)
{
    struct settings_way way = settings_way(target, 0);
    struct policy_candidate c = settings_candidate(&way);

    ret->retries_left = policy_retries_left(v->board->standings, &c, v->now_us);
    if (target->provider->timeout.adaptive)
        ret->silent_us = policy_silent_us(v->board->standings, &c);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a == UINT64_MAX || b == UINT64_MAX ? UINT64_MAX : a + b;
}

/* What is left at all of its ways; not known where it is not of one of them. */
static void add_left(const struct view *v, const struct settings_target *target,
                     struct policy_left *ret)
{
    for (size_t i = 0; i < settings_ways(target->provider); i++) {
        struct settings_way way = settings_way(target, i);
        struct policy_candidate c = settings_candidate(&way);
        struct policy_left left;

        policy_left(&left, v->board->standings, &c, v->now_us);
        ret->requests = sum(ret->requests, left.requests);
        ret->tokens = sum(ret->tokens, left.tokens);
        ret->tokens_most += left.tokens_most;
        ret->rate = sum(ret->rate, left.rate);
    }
}

/* How its best way stands. */
static enum policy_stand best_of(const struct view *v, const struct settings_target *target,
                                 const struct leaving *leaving, uint64_t *ret_until_us)
{
    enum policy_stand best = POLICY_ALONE;

    for (size_t i = 0; i < settings_ways(target->provider); i++) {
        struct settings_way way = settings_way(target, i);
        struct policy_candidate c = settings_candidate(&way);
        uint64_t until_us;
        enum policy_stand stand = policy_look(v->board->standings, &c, v->now_us, &until_us);

        if (stand == POLICY_FREE)
            until_us = policy_slow_start_us(v->board->standings, &c, leaving->slow_us, v->now_us);
        if (i > 0 && (stand > best || (stand == best && until_us >= *ret_until_us)))
            continue;
        best = stand;
        *ret_until_us = until_us;
    }
    return best;
}

/* Whether it is asked at all goes before how it does: by the best of its ways. */
static void look(const struct view *v, struct view_target *t)
{
    static const enum target_state states[] = {[POLICY_SLOW] = TARGET_SLOW,
                                               [POLICY_HALF_OPEN] = TARGET_HALF_OPEN,
                                               [POLICY_OPEN] = TARGET_OPEN,
                                               [POLICY_FATED] = TARGET_FATED,
                                               [POLICY_ALONE] = TARGET_LEFT_ALONE};
    struct settings_target target;
    struct leaving leaving;
    enum policy_stand best;

    if (!find_target(v->settings, t->name, &target, &leaving))
        return;
    t->left = (struct policy_left){0};
    add_left(v, &target, &t->left);
    add_waits_and_retries(v, &target, t);
    if (!leaving.breaker)
        return;
    best = best_of(v, &target, &leaving, &t->until_us);
    if (best == POLICY_HALF_OPEN)
        t->until_us = 0;
    if (best != POLICY_FREE)
        t->state = states[best];
    else if (t->until_us)
        t->state = TARGET_SLOW_START;
}

static void add_target(const struct view *v, struct view_target *rows, size_t *n, struct span name)
{
    for (size_t i = 0; i < *n; i++)
        if (span_eq(rows[i].name, name))
            return;
    if (*n == VIEW_TARGETS)
        return;
    rows[*n] = (struct view_target){
        .name = name,
        .state = targets_state(v->targets, name, v->now_us),
        .live = board_at_target(v->board, v->workers, name),
        .left = {UINT64_MAX, UINT64_MAX, 0, UINT64_MAX},
        .retries_left = -1,
        .last_resorts = targets_last_resorts(v->targets, name),
    };
    look(v, &rows[(*n)++]);
}

size_t view_targets(const struct view *v, struct view_target ret[VIEW_TARGETS])
{
    const struct settings *s = v->settings;
    size_t n = 0, at = 0;
    struct span name;

    for (size_t i = 0; i < s->models_n; i++)
        for (size_t k = 0; k < s->models[i].targets_n; k++)
            add_target(v, ret, &n, s->models[i].targets[k].id);
    while (targets_next(v->targets, &at, v->now_us, &name))
        add_target(v, ret, &n, name);
    return n;
}

const struct settings_fate *view_fate(const struct view *v, size_t *at,
                                      struct policy_fate_view *ret)
{
    while (*at < v->settings->fates_n) {
        const struct settings_fate *f = &v->settings->fates[(*at)++];

        policy_fate(ret, v->board->standings, f->id, v->now_us);
        if (ret->incidents)
            return f;
    }
    return NULL;
}

struct span view_fate_text(const struct settings_fate *f, char out[VIEW_FATE_TEXT])
{
    bool more = span_has(f->b);
    int n = snprintf(out, VIEW_FATE_TEXT, "%.*s%s%.*s", SPAN_FMT(f->a), more ? " " : "",
                     (int)(more ? f->b.n : 0), more ? f->b.p : "");

    return span_of(out, MIN((size_t)MAX(n, 0), (size_t)VIEW_FATE_TEXT - 1));
}

double view_extra_usd(const struct view *v, const struct settings_model *m)
{
    uint64_t id = extra_id(span_hash(m->name));

    return (double)extra_spent(standing_look(v->board->standings, id), v->now_us) / 1e12;
}

double view_hedges_left(const struct view *v, const struct settings_model *m)
{
    const struct board_standing *s =
        standing_look(v->board->standings, policy_hedge_id(span_hash(m->name)));

    return policy_hedges_left(s);
}

const struct settings_provider *view_credential(const struct view *v, size_t *at,
                                                struct granted *ret)
{
    while (*at < v->settings->providers_n) {
        const struct settings_provider *p = &v->settings->providers[(*at)++];

        if (!p->credential.source || !p->credential.source->steps_n)
            continue; /* keys of the configuration */
        granted_read(v->board, v->workers, p->name, v->wall_ms, ret);
        return p;
    }
    return NULL;
}

void view_tame(char *line)
{
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7F)
            *p = '?';
}

const char *view_engine_state(uint64_t state)
{
    static const char *const names[VIEW_ENGINE_STATES] = {
        [ENGINE_NONE] = "none",
        [ENGINE_STARTING] = "starting",
        [ENGINE_READY] = "ready",
        [ENGINE_DOWN] = "down",
    };

    return state < VIEW_ENGINE_STATES ? names[state] : "none";
}

const char *view_id_text(uint64_t id, char out[VIEW_ID_TEXT])
{
    int n = snprintf(out, VIEW_ID_TEXT, "%016llx", (unsigned long long)id);

    MUST(n == VIEW_ID_TEXT - 1);
    return out;
}
