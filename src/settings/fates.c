/*
 * fates.c - what targets share, so that they fail together: derived from what the configuration
 * says of their providers, and what it says outright (`fate`). The one place that knows; policy,
 * `check`, `route` and `status` ask here.
 *
 * What nobody shares is not watched: a provider that is alone at its host has one fate and not two.
 * So the usual target has one, and is looked up once.
 */
#include <stdlib.h>

#include "settings/build.h"

static uint64_t id_of(enum policy_fate_kind kind, struct span a, struct span b)
{
    uint64_t id = (span_hash(a) * 31 + span_hash(b)) * 31 + (uint64_t)kind + 1;

    return id ? id : 1;
}

static uint8_t bit(enum policy_fate_kind kind)
{
    return (uint8_t)(1u << kind);
}

/* `of`: only those of these kinds; a bit each. */
static void add(struct settings_fates *f, uint8_t of, enum policy_fate_kind kind, struct span a,
                struct span b, uint64_t more)
{
    bool label = kind == FATE_LABEL_OF_PROVIDER; /* whoever has the word */
    uint64_t id;

    if (!(of & bit(kind)))
        return;
    id = id_of(label ? FATE_LABEL : kind, a, b) + more;
    f->all[f->n++] = (struct settings_fate){.kind = kind, .id = id ? id : 1, .a = a, .b = b};
}

static bool says_none(const struct settings_provider *p)
{
    return span_is(p->fate, "none");
}

static void collect(struct settings_fates *ret, uint8_t of, const struct settings_way *w)
{
    const struct settings_provider *p = w->target->provider;
    const struct settings_url *url = &p->urls[w->url];
    const struct span nothing = {NULL, 0};

    ret->n = 0;
    if (span_has(w->target->fate))
        add(ret, of, FATE_LABEL, w->target->fate, nothing, 0);
    if (span_has(p->fate) && !says_none(p) && !span_eq(p->fate, w->target->fate))
        add(ret, of, FATE_LABEL_OF_PROVIDER, p->fate, nothing, 0);
    if (says_none(p))
        return;
    add(ret, of, FATE_PROVIDER, p->name, p->urls_n > 1 ? url->text : nothing, 0);
    add(ret, of, FATE_HOST, url->host, nothing, url->port);
    if (p->keys_n && of & bit(FATE_KEY))
        add(ret, of, FATE_KEY, p->name, nothing, span_hash(p->keys[w->key].bytes));
    if (span_has(p->region))
        add(ret, of, FATE_REGION, span_str(p->type->name), p->region, 0);
    if (p->proxy.set)
        add(ret, of, FATE_PROXY, p->proxy.url.host, nothing, p->proxy.url.port);
}

void settings_fates(struct settings_fates *ret, const struct settings_way *w)
{
    collect(ret, UINT8_MAX, w);
}

const struct settings_fate *settings_shared_fate(const struct settings_fates *a,
                                                 const struct settings_fates *b)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if (a->all[i].id == b->all[k].id)
                return &a->all[i];
    return NULL;
}

void settings_watch(struct policy_fates *ret, const struct settings_way *w)
{
    static const uint8_t by_target = 1u << FATE_PROVIDER | 1u << FATE_KEY | 1u << FATE_LABEL;
    struct settings_fates f;

    *ret = (struct policy_fates){.n = 0};
    collect(&f, w->target->provider->watched, w);
    for (size_t i = 0; i < f.n; i++) {
        if (by_target & bit(f.all[i].kind))
            ret->by_target |= (uint8_t)(1u << ret->n);
        ret->kinds[ret->n] = (uint8_t)f.all[i].kind;
        ret->ids[ret->n++] = f.all[i].id;
    }
}

/* ---- which of them are watched ---- */

struct seen {
    uint64_t id;
    size_t provider;
    enum policy_fate_kind kind;
};

static int by_id(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static bool is_of_several(enum policy_fate_kind kind)
{
    return kind == FATE_HOST || kind == FATE_REGION || kind == FATE_PROXY;
}

static size_t ways_of(const struct settings_provider *p)
{
    return p->type ? settings_ways(p) : 0;
}

/* Those that may be of several providers. */
static size_t list_seen(const struct settings *s, struct seen *seen)
{
    size_t n = 0;

    for (size_t i = 0; i < s->providers_n; i++) {
        const struct settings_target t = {.provider = &s->providers[i]};
        struct settings_fates f;

        for (size_t k = 0; k < ways_of(t.provider) && k < t.provider->urls_n; k++) {
            struct settings_way w = settings_way(&t, k);

            settings_fates(&f, &w);
            for (size_t j = 0; j < f.n; j++)
                if (is_of_several(f.all[j].kind))
                    seen[n++] = (struct seen){f.all[j].id, i, f.all[j].kind};
        }
    }
    return n;
}

void build_fates(struct build *b)
{
    struct settings *s = &b->snap->pub;
    struct settings_provider *p = (struct settings_provider *)(uintptr_t)s->providers;
    size_t most = 0, n;
    struct seen *seen;

    for (size_t i = 0; i < s->providers_n; i++)
        most += 3 * p[i].urls_n;
    seen = build_alloc(b, most, sizeof(*seen));
    if (!seen)
        return;
    for (size_t i = 0; i < s->providers_n; i++) {
        p[i].watched = bit(FATE_PROVIDER) | bit(FATE_LABEL) | bit(FATE_LABEL_OF_PROVIDER);
        if (p[i].keys_n > 1)
            p[i].watched |= bit(FATE_KEY);
        if (p[i].urls_n > 1)
            p[i].watched |= bit(FATE_PROXY);
    }
    n = list_seen(s, seen);
    qsort(seen, n, sizeof(*seen), by_id);
    for (size_t i = 1; i < n; i++)
        if (seen[i].id == seen[i - 1].id && seen[i].provider != seen[i - 1].provider) {
            p[seen[i].provider].watched |= bit(seen[i].kind);
            p[seen[i - 1].provider].watched |= bit(seen[i - 1].kind);
        }
}

/* ---- all that are ---- */

static int by_fate(const void *a, const void *b)
{
    const struct settings_fate *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static size_t list_way(const struct settings_way *w, struct settings_fate *ret)
{
    struct settings_fates f;

    collect(&f, w->target->provider->watched, w);
    memcpy(ret, f.all, f.n * sizeof(*ret));
    return f.n;
}

/* Those of a provider by each of its endpoints, then by each of its keys. */
static size_t list_provider(const struct settings_provider *p, struct settings_fate *ret)
{
    const struct settings_target t = {.provider = p};
    size_t n = 0;

    for (size_t i = 0; ways_of(p) && i < p->urls_n; i++)
        n += list_way(&(struct settings_way){&t, i, 0}, ret + n);
    for (size_t i = 1; ways_of(p) && i < p->keys_n; i++)
        n += list_way(&(struct settings_way){&t, 0, i}, ret + n);
    return n;
}

static size_t list_labels(const struct settings_model *m, struct settings_fate *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < m->targets_n; i++) {
        struct settings_way w;

        if (!span_has(m->targets[i].fate) || !m->targets[i].provider ||
            !ways_of(m->targets[i].provider))
            continue;
        w = settings_way(&m->targets[i], 0);
        n += list_way(&w, ret + n);
    }
    return n;
}

void build_fate_list(struct build *b)
{
    struct settings *s = &b->snap->pub;
    size_t most = 0, n = 0, kept = 0;
    struct settings_fate *all;

    for (size_t i = 0; i < s->providers_n; i++)
        most += POLICY_FATES * (s->providers[i].urls_n + s->providers[i].keys_n);
    for (size_t i = 0; i < s->models_n; i++)
        most += POLICY_FATES * s->models[i].targets_n;
    all = build_alloc(b, most, sizeof(*all));
    if (!all)
        return;
    for (size_t i = 0; i < s->providers_n; i++)
        n += list_provider(&s->providers[i], all + n);
    for (size_t i = 0; i < s->models_n; i++)
        n += list_labels(&s->models[i], all + n);
    qsort(all, n, sizeof(*all), by_fate);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || all[kept - 1].id != all[i].id)
            all[kept++] = all[i];
    s->fates = all;
    s->fates_n = kept;
}

/* ---- a model that has but one ---- */

/* What all ways of a target share, of those that are in f. */
static void keep_shared(struct settings_fates *f, const struct settings_target *t)
{
    size_t ways = MIN(settings_ways(t->provider), (size_t)POLICY_TARGETS_MAX);

    for (size_t i = 0; i < ways; i++) {
        struct settings_way w = settings_way(t, i);
        struct settings_fates own, both = {.n = 0};

        settings_fates(&own, &w);
        for (size_t k = 0; k < f->n; k++)
            for (size_t j = 0; j < own.n; j++)
                if (f->all[k].id == own.all[j].id)
                    both.all[both.n++] = f->all[k];
        *f = both;
    }
}

bool build_shared_by_all(const struct settings_model *m, struct settings_fate *ret)
{
    struct settings_fates f;
    struct settings_way w;

    for (size_t i = 0; i < m->targets_n; i++)
        if (!m->targets[i].provider || !ways_of(m->targets[i].provider))
            return false; /* it has been complained about */
    if (m->targets_n < 2)
        return false;
    w = settings_way(&m->targets[0], 0);
    settings_fates(&f, &w);
    for (size_t i = 0; i < m->targets_n; i++)
        keep_shared(&f, &m->targets[i]);
    if (f.n)
        *ret = f.all[0];
    return f.n > 0;
}
