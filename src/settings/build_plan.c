/*
 * build_plan.c - what a model's plan says of its targets: in which tier and with which weight they
 * are, for which requests they are meant, and who of them has the same weights as another.
 */
#include "provider/area.h"
#include "provider/family.h"
#include "settings/build.h"

static enum route_known known(const struct conf_value *v)
{
    if (!v->set || v->bad)
        return ROUTE_UNKNOWN;
    return v->num ? ROUTE_YES : ROUTE_NO;
}

void build_place_of_target(struct build *b, const struct keys_target *k, struct settings_target *t)
{
    const struct keys_when *w = &k->when;

    t->tier = (uint8_t)(k->tier.num - 1);
    t->weight = (uint16_t)k->weight.num;
    t->context = k->context.bad ? 0 : k->context.num;
    t->tags = build_words(b, &k->tags);
    t->fate = build_text(b, &k->fate);
    t->shares_limits = build_text(b, &k->shares_limits);
    t->when = (struct route_when){
        .tokens_least = w->tokens_over.set && !w->tokens_over.bad ? w->tokens_over.num + 1 : 0,
        .tokens_below =
            w->tokens_under.set && !w->tokens_under.bad ? w->tokens_under.num : UINT64_MAX,
        .stream = known(&w->stream),
        .tools = known(&w->tools),
        .keys = build_words(b, &w->keys)};
}

static void no_effect(struct build *b, struct conf_place at, const struct settings_model *m,
                      const char *what, const char *why, const char *cure)
{
    struct conf_diag *d = conf_report_add(b->report, CONF_WARNING, "W010", at, "models.%.*s%s %s",
                                          SPAN_FMT(m->name), what, why);

    conf_diag_note(b->report, d, "%s", cure);
}

static uint32_t read_prefer(struct build *b, const struct keys_model *k,
                            const struct settings_model *m)
{
    const struct conf_value *v = k->prefer.items;
    uint32_t ret = 0;

    for (size_t i = 0; i < k->prefer.n; i++)
        ret |= UINT32_C(1) << v[i].num;
    if (ret >> PREFER_REGION & 1 && !b->keys->server.region.set)
        no_effect(b, k->prefer.at, m, ".prefer", "same-region has no effect",
                  "say where the gateway is: server.region");
    return ret;
}

/* ---- who is never asked ---- */

static void check_lacks(struct build *b, const struct conf_list *require,
                        const struct settings_model *m, const struct settings_target *t,
                        const struct keys_target *k)
{
    const struct conf_value *v = require->items;

    for (size_t i = 0; i < require->n; i++)
        if (t->lacks & types_required(v[i].num)) {
            conf_report_add(b->report, CONF_WARNING, "W010", k->target.at,
                            "models.%.*s target '%.*s' is never asked: type %s lacks %.*s, which "
                            "the model requires",
                            SPAN_FMT(m->name), SPAN_FMT(t->id), t->provider->type->name,
                            SPAN_FMT(v[i].text));
            return;
        }
}

static bool is_key(const struct build *b, struct span name)
{
    const struct keys_client *k = b->keys->keys.items;

    for (size_t i = 0; i < b->keys->keys.n; i++)
        if (span_eq(k[i].self.text, name))
            return true;
    return b->keys->keys.bad;
}

static void check_tokens(struct build *b, const struct settings_model *m,
                         const struct settings_target *t, const struct keys_target *k)
{
    if (t->when.tokens_least >= t->when.tokens_below)
        conf_report_add(b->report, CONF_WARNING, "W010", k->when.self.at,
                        "models.%.*s target '%.*s' is never asked: no request has both so many "
                        "tokens and so few",
                        SPAN_FMT(m->name), SPAN_FMT(t->id));
}

static void check_clients(struct build *b, const struct settings_model *m,
                          const struct settings_target *t, const struct keys_target *k)
{
    const struct conf_value *v = k->when.keys.items;

    for (size_t i = 0; i < k->when.keys.n; i++)
        if (!is_key(b, v[i].text))
            conf_report_add(b->report, CONF_WARNING, "W010", v[i].at,
                            "models.%.*s target '%.*s': there is no key '%.*s'", SPAN_FMT(m->name),
                            SPAN_FMT(t->id), SPAN_FMT(v[i].text));
}

/* ---- all of them ---- */

static void build_one(struct build *b, const struct keys_model *k, const struct keys_target *kt,
                      const struct settings_model *m, struct settings_target *t)
{
    const struct conf_value *v = k->require.items;

    if (kt->weight.set && !kt->weight.bad && m->strategy != ROUTE_WEIGHTED)
        no_effect(b, kt->weight.at, m, "", "has weights that have no effect",
                  "write strategy: weighted, or leave them out");
    if (!t->provider || !t->provider->type)
        return; /* it has been complained about */
    for (size_t i = 0; i < k->require.n; i++)
        t->lacks |= types_required(v[i].num) & ~t->provider->type->caps;
    check_lacks(b, &k->require, m, t, kt);
    check_tokens(b, m, t, kt);
    check_clients(b, m, t, kt);
}

static uint32_t kin_of(const struct settings_model *m, size_t at)
{
    uint32_t ret = 0;

    for (size_t i = 0; i < m->targets_n; i++)
        if (provider_same_family(m->targets[at].model, m->targets[i].model))
            ret |= UINT32_C(1) << i;
    return ret;
}

/* As written; or, where no target of the model is, in the same part of the world. */
static bool is_here(const struct build *b, const struct settings_target *t, bool exactly)
{
    struct span here = b->keys->server.region.text, there;

    if (!t->provider || !span_has(t->provider->region))
        return false;
    there = t->provider->region;
    return span_eq(there, here) || (!exactly && span_has(provider_area(here)) &&
                                    span_eq(provider_area(there), provider_area(here)));
}

static bool is_any_here(const struct build *b, const struct settings_model *m)
{
    bool any = false;

    for (size_t i = 0; i < m->targets_n; i++)
        any |= is_here(b, &m->targets[i], true);
    return any;
}

void build_plan(struct build *b, const struct keys_model *k, struct settings_model *m,
                struct settings_target *targets)
{
    const struct keys_target *kt = k->targets.items, *kd = k->degraded.items;
    uint32_t prefer = read_prefer(b, k, m);
    bool by_region = prefer >> PREFER_REGION & 1 && b->keys->server.region.set;
    bool exactly = by_region && is_any_here(b, m);

    m->routed_by_body = k->routing.from_body.num == 1;
    m->sticky = k->sticky.num == 1;
    m->kin_first = prefer >> PREFER_FAMILY & 1;
    for (size_t i = 0; i < m->targets_n; i++) {
        struct settings_target *t = &targets[i];

        build_one(b, k, t->degraded ? &kd[i - k->targets.n] : &kt[i], m, t);
        t->tier = (uint8_t)(2 * ((t->degraded ? SETTINGS_TIERS_MAX : 0) + t->tier) +
                            (by_region && !is_here(b, t, exactly)));
        m->tiered |= t->tier != targets[0].tier;
        m->by_tools |= t->when.tools != ROUTE_UNKNOWN;
        if (m->kin_first && span_has(t->model))
            t->kin = kin_of(m, i);
    }
}
