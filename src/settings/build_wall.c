/*
 * build_wall.c - the keys under `data_classes`, and what is said of targets that they ask for.
 *
 * Which classes a target meets is made out here, once, as bits: a request compares two words.
 */
#include "settings/build.h"

struct route_words build_words(struct build *b, const struct conf_list *list)
{
    const struct conf_value *v = list->items;
    struct span *words;

    if (list->n == 0)
        return (struct route_words){NULL, 0};
    words = build_alloc(b, list->n, sizeof(*words));
    if (!words)
        return (struct route_words){NULL, 0};
    for (size_t i = 0; i < list->n; i++)
        words[i] = build_dup(b, v[i].text);
    return (struct route_words){words, list->n};
}

static bool is_said(const struct conf_value *v)
{
    return v->set && !v->bad;
}

struct route_facts build_facts(struct build *b, const struct keys_facts *own,
                               const struct route_facts *all)
{
    struct route_facts f = all ? *all : (struct route_facts){.retention_known = false};

    if (own->jurisdiction.set)
        f.jurisdictions = build_words(b, &own->jurisdiction);
    if (own->contract.set)
        f.contracts = build_words(b, &own->contract);
    if (is_said(&own->retention)) {
        f.retention_known = true;
        f.retention_ms = own->retention.num;
    }
    if (is_said(&own->training))
        f.trains = own->training.num ? ROUTE_YES : ROUTE_NO;
    if (is_said(&own->safety))
        f.filtered = own->safety.num ? ROUTE_NO : ROUTE_YES;
    return f;
}

uint32_t build_meets(const struct build *b, const struct route_facts *f)
{
    const struct settings *s = &b->snap->pub;
    uint32_t ret = 0;

    for (size_t i = 0; i < s->classes_n; i++)
        if (route_wall(f, &s->classes[i]) == ROUTE_WALL_NONE)
            ret |= UINT32_C(1) << i;
    return ret;
}

static void no_class(struct build *b, const struct conf_value *v, const char *where,
                     struct span name)
{
    const struct settings *s = &b->snap->pub;
    struct span names[ROUTE_CLASSES_MAX];
    struct conf_diag *d;

    d = conf_report_add(b->report, CONF_ERROR, "E046", v->at,
                        "%s.%.*s.data_class: no data class named '%.*s'", where, SPAN_FMT(name),
                        SPAN_FMT(v->text));
    for (size_t i = 0; i < s->classes_n; i++)
        names[i] = s->classes[i].name;
    conf_diag_choices(b->report, d, "data_classes", names, s->classes_n, v->text);
}

uint32_t build_class_bits(struct build *b, const struct conf_list *list, const char *where,
                          struct span name)
{
    const struct settings *s = &b->snap->pub;
    const struct conf_value *v = list->items;
    uint32_t ret = 0;

    for (size_t i = 0; i < list->n; i++) {
        size_t at = 0;

        while (at < s->classes_n && !span_eq(s->classes[at].name, v[i].text))
            at++;
        if (at < s->classes_n)
            ret |= UINT32_C(1) << at;
        else if (!b->keys->data_classes.bad)
            no_class(b, &v[i], where, name);
    }
    return ret;
}

static void build_class(struct build *b, const struct keys_class *k, struct route_class *c)
{
    struct conf_diag *d;

    *c = (struct route_class){.name = build_dup(b, k->self.text),
                              .jurisdictions = build_words(b, &k->jurisdiction),
                              .contracts = build_words(b, &k->contract),
                              .retention_most_ms =
                                  is_said(&k->retention) ? k->retention.num : ROUTE_ANY_TIME,
                              .no_training = k->training.num == 0};
    if (c->jurisdictions.n || c->contracts.n || k->retention.set || c->no_training ||
        k->jurisdiction.set || k->contract.set)
        return;
    d = conf_report_add(b->report, CONF_WARNING, "W010", k->self.at,
                        "data_classes.%s demands nothing, so every target may have it",
                        k->self.text.p);
    conf_diag_note(b->report, d,
                   "say what it demands: jurisdiction, retention, training, contract");
}

void build_classes(struct build *b)
{
    const struct conf_list *list = &b->keys->data_classes;
    const struct keys_class *k = list->items;
    struct route_class *c = build_alloc(b, list->n, sizeof(*c));

    if (!c)
        return;
    for (size_t i = 0; i < list->n && !b->nomem; i++)
        build_class(b, &k[i], &c[i]);
    b->snap->pub.classes = c;
    b->snap->pub.classes_n = list->n;
}

/* ---- nobody is left ---- */

static bool is_reached(const struct settings_model *m, uint32_t classes)
{
    for (size_t i = 0; i < m->targets_n; i++) {
        const struct settings_target *t = &m->targets[i];

        if (!(classes & ~t->meets) && (!m->filtered || t->facts.filtered == ROUTE_YES))
            return true;
    }
    return false;
}

static void check_model(struct build *b, const struct keys_model *k, const struct settings_model *m)
{
    struct conf_diag *d;

    if (is_reached(m, m->classes))
        return;
    d = conf_report_add(b->report, CONF_WARNING, "W014", k->self.at,
                        "models.%s: no target is known to meet what the model demands (%s), so "
                        "every request is refused",
                        k->self.text.p,
                        m->classes && m->filtered ? "data_class, safety"
                        : m->filtered             ? "safety"
                                                  : "data_class");
    conf_diag_note(b->report, d,
                   "say of its providers what is known of them: jurisdiction, retention, training, "
                   "contract, safety");
}

static bool is_allowed(const struct settings_key *key, struct span model)
{
    for (size_t i = 0; i < key->models_n; i++)
        if (span_glob(key->models[i], model))
            return true;
    return false;
}

/* The models that a key may ask for and that nobody serves with what the key demands. */
static void check_key(struct build *b, const struct keys_client *k, const struct settings_key *key)
{
    const struct settings *s = &b->snap->pub;
    const struct settings_model *first = NULL;
    size_t n = 0;

    for (size_t i = 0; key->classes && i < s->models_n; i++) {
        const struct settings_model *m = &s->models[i];

        if (!is_reached(m, m->classes) || is_reached(m, m->classes | key->classes) ||
            !is_allowed(key, m->name))
            continue;
        first = first ? first : m;
        n++;
    }
    if (n == 1)
        conf_report_add(b->report, CONF_WARNING, "W014", k->data_class.at,
                        "keys.%s: no target of models.%.*s is known to meet what the key demands",
                        k->self.text.p, SPAN_FMT(first->name));
    else if (n)
        conf_report_add(b->report, CONF_WARNING, "W014", k->data_class.at,
                        "keys.%s: no target of models.%.*s, nor of %zu more, is known to meet "
                        "what the key demands",
                        k->self.text.p, SPAN_FMT(first->name), n - 1);
}

/* A class that a client may name, and that nobody may have. */
static void check_class(struct build *b, const struct keys_class *k, uint32_t bit)
{
    const struct settings *s = &b->snap->pub;

    for (size_t i = 0; i < s->models_n; i++)
        if (is_reached(&s->models[i], s->models[i].classes | bit))
            return;
    for (size_t i = 0; i < s->providers_n; i++)
        if (s->providers[i].meets & bit)
            return;
    conf_report_add(b->report, CONF_WARNING, "W014", k->self.at,
                    "data_classes.%s: no target is known to meet what it demands", k->self.text.p);
}

void build_check_walls(struct build *b)
{
    const struct keys_model *models = b->keys->models.items;
    const struct keys_client *clients = b->keys->keys.items;
    const struct keys_class *classes = b->keys->data_classes.items;
    const struct settings *s = &b->snap->pub;

    if (b->report->errors) /* what is wrong may be just what is missing here */
        return;
    for (size_t i = 0; i < s->models_n; i++)
        check_model(b, &models[i], &s->models[i]);
    for (size_t i = 0; i < s->keys_n; i++)
        check_key(b, &clients[i], &s->keys[i]);
    for (size_t i = 0; i < s->classes_n; i++)
        check_class(b, &classes[i], UINT32_C(1) << i);
}
