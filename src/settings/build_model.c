/*
 * build_model.c - the keys under `models` and `keys`.
 */
#include <stdlib.h>

#include "provider/thinks.h"
#include "settings/build.h"

static int by_name(const void *a, const void *b)
{
    struct span x = (*(const struct settings_model *const *)a)->name;
    struct span y = (*(const struct settings_model *const *)b)->name;
    int c = memcmp(x.p, y.p, MIN(x.n, y.n));

    if (c != 0)
        return c;
    return x.n < y.n ? -1 : x.n > y.n;
}

static void check_price(struct build *b, struct span model, const struct settings_target *t,
                        const struct conf_value *v)
{
    const struct settings *s = &b->snap->pub;
    struct conf_diag *d;

    if (!t->provider->type || !b->priced || settings_price(s, t->provider, t->model))
        return;
    d = conf_report_add(b->report, CONF_WARNING, "W009", v->at,
                        "models.%.*s target '%.*s' has no price: %s", SPAN_FMT(model),
                        SPAN_FMT(t->id),
                        s->prices_block ? "prices.unknown is block, so it is never asked"
                                        : "what it costs will not be known");
    conf_diag_note(b->report, d, "give it a row in the price file (prices.file)");
}

static void build_target(struct build *b, struct span model, const struct keys_target *k,
                         struct settings_target *ret)
{
    const struct conf_value *v = &k->target;
    struct span id = build_dup(b, v->text), rest = id, provider;
    char where[320];

    if (!span_has(id))
        return;
    provider = span_cut(&rest, '/');
    *ret = (struct settings_target){.provider = build_find_provider(b, provider),
                                    .model = rest,
                                    .id = id,
                                    .thinks = provider_may_think(rest)};
    if (ret->provider) {
        ret->facts = build_facts(b, &k->facts, &ret->provider->facts);
        ret->meets = build_meets(b, &ret->facts);
        check_price(b, model, ret, v);
    }
    build_place_of_target(b, k, ret);
    if (ret->provider || b->keys->providers.bad)
        return;
    UNUSED(
        snprintf(where, sizeof(where), "models.%.*s target '%.*s'", SPAN_FMT(model), SPAN_FMT(id)));
    build_no_provider(b, v->at, where, provider);
}

static void check_twice(struct build *b, const struct settings_model *m, size_t n,
                        const struct conf_value *v)
{
    for (size_t i = 0; i < n; i++)
        if (span_eq(m->targets[i].id, m->targets[n].id))
            conf_report_add(b->report, CONF_ERROR, "E032", v->at,
                            "models.%.*s has the target '%s' twice", SPAN_FMT(m->name), v->text.p);
}

/* A name "provider/model" would have a meaning of its own. */
static void check_hidden(struct build *b, const struct keys_model *k)
{
    struct span rest = k->self.text, provider = span_cut(&rest, '/');

    if (span_has(rest) && build_find_provider(b, provider))
        conf_report_add(b->report, CONF_WARNING, "W002", k->self.at,
                        "models.%s hides that model of the provider '%.*s'", k->self.text.p,
                        SPAN_FMT(provider));
}

/* What one of them fails of, all may fail of. */
static void check_fate(struct build *b, const struct settings_model *m,
                       const struct conf_list *list)
{
    static const struct {
        const char *what, *cure;
    } words[POLICY_FATES] = {
        [FATE_PROVIDER] = {"are of the provider", "add a target of another provider"},
        [FATE_HOST] = {"are at the host", "add a target elsewhere"},
        [FATE_KEY] = {"go by the only key of", "add a key, or a target of another provider"},
        [FATE_REGION] = {"are in one region of", "add a target in another region"},
        [FATE_PROXY] = {"go through the proxy", "add a target that is reached without it"},
        [FATE_LABEL] = {"have the fate", "add a target with another one"},
        [FATE_LABEL_OF_PROVIDER] = {"have the fate", "add a target with another one"},
    };
    const struct keys_target *k = list->items;
    struct settings_fate f;
    struct conf_diag *d;

    if (!build_shared_by_all(m, &f))
        return;
    d = conf_report_add(b->report, CONF_WARNING, "W011", k->target.at,
                        "models.%.*s: all targets %s '%.*s%s%.*s', and fail together",
                        SPAN_FMT(m->name), words[f.kind].what, SPAN_FMT(f.a),
                        span_has(f.b) ? " " : "", (int)(span_has(f.b) ? f.b.n : 0),
                        span_has(f.b) ? f.b.p : "");
    conf_diag_note(b->report, d, "%s", words[f.kind].cure);
}

static struct policy_rules build_rules(struct build *b, const struct keys_retry *own,
                                       const struct conf_value *breaker,
                                       const struct conf_value *limits,
                                       const struct conf_value *slow)
{
    const struct keys_retry *d = &b->keys->defaults.retry;

    return (struct policy_rules){
        .attempts = (uint8_t)build_either(&own->attempts, &d->attempts),
        .same_target = (uint8_t)build_either(&own->same_target, &d->same_target),
        .wait_up_to_us = 1000 * build_either(&own->wait_up_to, &d->wait_up_to),
        .breaker = build_either(breaker, &b->keys->defaults.breaker) == 1,
        .slow_us = 1000 * build_either(slow, &b->keys->defaults.slow_start),
        .limits = build_either(limits, &b->keys->defaults.rate_limits) == 1,
    };
}

/* Dollars of the file, an entry's own or what all inherit, as picodollars; UINT64_MAX: neither. */
static uint64_t build_cap(const struct conf_value *own, const struct conf_value *inherited)
{
    const struct conf_value *v = own->set && !own->bad ? own : inherited;

    return v->set && !v->bad ? v->num * 1000000 : UINT64_MAX;
}

/* Those of one list, behind those that are there. */
static void build_targets(struct build *b, struct settings_model *m, const struct conf_list *list,
                          bool degraded, struct settings_target *targets)
{
    const struct keys_target *k = list->items;

    for (size_t i = 0; i < list->n && !b->nomem; i++) {
        build_target(b, m->name, &k[i], &targets[m->targets_n]);
        targets[m->targets_n].degraded = degraded;
        check_twice(b, m, m->targets_n, &k[i].target);
        m->targets_n++;
    }
}

static void check_targets(struct build *b, const struct keys_model *k,
                          const struct settings_model *m)
{
    if (!b->nomem && k->targets.n)
        check_fate(b, m, &k->targets);
    if (k->targets.set && !k->targets.bad && k->targets.n == 0)
        conf_report_add(b->report, CONF_ERROR, "E014", k->targets.at, "models.%s has no targets",
                        k->self.text.p);
    if (m->targets_n > POLICY_TARGETS_MAX)
        conf_report_add(b->report, CONF_ERROR, "E014", k->degraded.at,
                        "models.%s has more than %d targets, degraded ones included",
                        k->self.text.p, POLICY_TARGETS_MAX);
}

static void build_model(struct build *b, const struct keys_model *k, struct settings_model *m)
{
    struct settings_target *targets =
        build_alloc(b, k->targets.n + k->degraded.n, sizeof(*targets));

    m->name = build_dup(b, k->self.text);
    if (!targets || !span_has(m->name))
        return;
    m->targets = targets;
    m->rules = build_rules(b, &k->retry, &k->breaker, &k->rate_limits, &k->slow_start);
    m->rules.content_elsewhere = k->content_policy.num == 1;
    m->go_on = (enum settings_go_on)build_either(&k->go_on, &b->keys->defaults.go_on);
    m->cost_max = build_cap(&k->cost_max, &b->keys->defaults.cost_max);
    m->extra_cost_max = build_cap(&k->extra_cost_max, &b->keys->defaults.extra_cost_max);
    m->strategy = (enum route_strategy)k->strategy.num;
    if (k->on_exhausted.set)
        m->exhausted = build_dup(b, k->on_exhausted.text);
    m->classes = build_class_bits(b, &k->data_class, "models", m->name);
    m->filtered = k->safety.num == 1;
    build_targets(b, m, &k->targets, false, targets);
    build_targets(b, m, &k->degraded, true, targets);
    check_targets(b, k, m);
    if (m->targets_n <= POLICY_TARGETS_MAX)
        build_plan(b, k, m, targets);
    check_hidden(b, k);
}

void build_models(struct build *b)
{
    const struct keys_defaults *d = &b->keys->defaults;
    const struct conf_list *list = &b->keys->models;
    const struct keys_model *k = list->items;
    struct settings *s = &b->snap->pub;
    struct settings_model *m = build_alloc(b, list->n, sizeof(*m));

    s->rules = build_rules(b, &d->retry, &d->breaker, &d->rate_limits, &d->slow_start);
    s->go_on = (enum settings_go_on)b->keys->defaults.go_on.num;
    s->cost_max = build_cap(&b->keys->defaults.cost_max, &b->keys->defaults.cost_max);
    b->snap->by_name =
        (const struct settings_model **)build_alloc(b, list->n, sizeof(struct settings_model *));
    if (!m || !b->snap->by_name)
        return;
    for (size_t i = 0; i < list->n && !b->nomem; i++) {
        build_model(b, &k[i], &m[i]);
        b->snap->by_name[i] = &m[i];
    }
    if (b->nomem)
        return;
    s->models = m;
    s->models_n = list->n;
    qsort((void *)b->snap->by_name, s->models_n, sizeof(struct settings_model *), by_name);
}

static void check_pattern(struct build *b, struct span key, const struct conf_value *v)
{
    const struct settings *s = &b->snap->pub;
    struct span names[CONF_CHOICES_MAX];
    struct settings_plan plan;
    struct conf_diag *d;
    size_t n = MIN(s->models_n, ARRAY_LEN(names));

    if (span_find(v->text, '*') != SIZE_MAX || settings_resolve(&plan, s, v->text) == 0)
        return;
    d = conf_report_add(b->report, CONF_WARNING, "W003", v->at,
                        "keys.%.*s.models: there is no model '%.*s'", SPAN_FMT(key),
                        SPAN_FMT(v->text));
    for (size_t i = 0; i < n; i++)
        names[i] = s->models[i].name;
    conf_diag_nearest(b->report, d, names, n, v->text);
}

static void build_client(struct build *b, const struct keys_client *k, struct settings_key *ret)
{
    const struct conf_value *v = k->models.items;
    struct span *globs = build_alloc(b, k->models.n, sizeof(*globs));

    ret->name = build_dup(b, k->self.text);
    if (!globs || !span_has(ret->name))
        return;
    if (k->hash.set && !k->hash.bad)
        UNUSED(EXPECT(types_read_hash(ret->sha256, k->hash.text) == 0));
    for (size_t i = 0; i < k->models.n; i++) {
        globs[i] = build_dup(b, v[i].text);
        if (v[i].set && !b->keys->providers.bad && !b->keys->models.bad)
            check_pattern(b, ret->name, &v[i]);
    }
    ret->models = globs;
    ret->models_n = k->models.n;
    ret->classes = build_class_bits(b, &k->data_class, "keys", ret->name);
    ret->tags = build_words(b, &k->tags);
    ret->expires_ms = k->expires.num;
    ret->cost_max = build_cap(&k->cost_max, &k->cost_max);
}

static bool hashed(const struct keys_client *k)
{
    return k->hash.set && !k->hash.bad;
}

/* Two clients with one key: one of them was meant to have another. */
static void check_hash(struct build *b, const struct keys_client *k, size_t n)
{
    const struct settings_key *keys = b->snap->pub.keys;

    for (size_t i = 0; hashed(&k[n]) && i < n; i++)
        if (hashed(&k[i]) && memcmp(keys[n].sha256, keys[i].sha256, sizeof(keys[i].sha256)) == 0)
            conf_report_add(b->report, CONF_ERROR, "E032", k[n].hash.at,
                            "keys.%s has the hash of keys.%s", k[n].self.text.p, k[i].self.text.p);
}

void build_clients(struct build *b)
{
    const struct conf_list *list = &b->keys->keys;
    const struct keys_client *k = list->items;
    struct settings *s = &b->snap->pub;
    struct settings_key *keys = build_alloc(b, list->n, sizeof(*keys));

    if (!keys || b->nomem)
        return;
    s->keys = keys;
    s->keys_open = !list->set;
    if (list->set && !list->bad && list->n == 0)
        conf_report_add(b->report, CONF_ERROR, "E035", list->at,
                        "keys is empty, so nobody could use the gateway; add a key, or leave "
                        "the section out");
    for (size_t i = 0; i < list->n && !b->nomem; i++) {
        build_client(b, &k[i], &keys[i]);
        check_hash(b, k, i);
    }
    s->keys_n = list->n;
}
