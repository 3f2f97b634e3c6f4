/*
 * keys.c - a tree of nodes into structs, by tables. See keys.h.
 *
 * One complaint a value: what has been complained about is marked bad, gets its default, and is
 * not judged again. The walk follows the tables, whose nesting is fixed, and never the input's.
 */
#include "conf/keys.h"

#define PATH_MAX_BYTES 256
#define KEYS_MAX       64 /* rows of one table */

struct walk {
    struct arena *arena;
    struct conf_report *report;
    char path[PATH_MAX_BYTES]; /* "models.smart": where in the file; cut when it is too long */
    size_t path_n;
    bool nomem;
};

static void *member(void *base, size_t at)
{
    return (char *)base + at;
}

/* Append ".name"; gives what path_leave() wants back. */
static size_t path_enter(struct walk *w, struct span name)
{
    size_t was = w->path_n;
    int n =
        snprintf(w->path + was, sizeof(w->path) - was, "%s%.*s", was ? "." : "", SPAN_FMT(name));

    w->path_n = n < 0 ? was : MIN(was + (size_t)n, sizeof(w->path) - 1);
    return was;
}

static void path_leave(struct walk *w, size_t was)
{
    w->path_n = was;
    w->path[was] = '\0';
}

static void *grab(struct walk *w, size_t count, size_t size)
{
    void *p = arena_zalloc(w->arena, MAX(count, (size_t)1) * size);

    if (!p)
        w->nomem = true;
    return p;
}

static size_t word_names(const struct conf_type *t, struct span *names, size_t cap)
{
    size_t n = 0;
    const char *word;

    while (n < cap && (word = t->word(n)) != NULL)
        names[n++] = span_str(word);
    return n;
}

static int find_word(const struct conf_type *t, struct span text, uint64_t *ret)
{
    const char *word;

    for (size_t i = 0; (word = t->word(i)) != NULL; i++) {
        if (span_is(text, word)) {
            *ret = i;
            return 0;
        }
    }
    return -1;
}

static int read_text(const struct conf_type *t, struct span text, uint64_t *ret, struct err *e)
{
    *ret = 0;
    if (t->word)
        return find_word(t, text, ret);
    return t->parse ? t->parse(text, ret, e) : 0;
}

/* The bound that a number breaks, as written; NULL: none. */
static const char *broken_bound(const struct conf_key *k, uint64_t v, const char **ret_what)
{
    struct err e = {.text = ""};
    uint64_t bound;

    if (k->min && read_text(k->type, span_str(k->min), &bound, &e) == 0 && v < bound) {
        *ret_what = "small; the least is";
        return k->min;
    }
    if (k->max && read_text(k->type, span_str(k->max), &bound, &e) == 0 && v > bound) {
        *ret_what = "large; the most is";
        return k->max;
    }
    return NULL;
}

int conf_read(const struct conf_key *k, struct span text, uint64_t *ret, struct err *e)
{
    const char *bound, *what;
    uint64_t v;

    e->text[0] = '\0';
    if (read_text(k->type, text, &v, e) < 0)
        return e->text[0] ? -1 : err_set(e, ERR_CONFIG, "is not %s", k->type->what);
    bound = broken_bound(k, v, &what);
    if (bound)
        return err_set(e, ERR_CONFIG, "is too %s %s", what, bound);
    *ret = v;
    return 0;
}

static void set_default(const struct conf_key *k, struct conf_value *v)
{
    struct err e;

    if (!k->text)
        return;
    v->text = span_str(k->text);
    MUST(conf_read(k, v->text, &v->num, &e) == 0); /* a wrong row, not a wrong file */
}

/* Complain about a text that is not of its type. */
static void refuse_text(struct walk *w, const struct conf_key *k, const struct yaml_node *node,
                        const char *why)
{
    struct span words[CONF_CHOICES_MAX];
    const struct conf_type *t = k->type;
    struct conf_diag *d;

    if (t->secret) {
        conf_report_mask(w->report, node->at);
        conf_report_add(w->report, CONF_ERROR, "E043", node->at, "%s %s%s", w->path,
                        why[0] ? why : "must be ", why[0] ? "" : t->what);
        return;
    }
    if (t->word) {
        d = conf_report_add(w->report, CONF_ERROR, "E016", node->at, "%s cannot be '%.*s'", w->path,
                            SPAN_FMT(node->text));
        conf_diag_choices(w->report, d, "allowed", words, word_names(t, words, ARRAY_LEN(words)),
                          node->text);
        return;
    }
    conf_report_add(w->report, CONF_ERROR, "E011", node->at, "%s: '%.*s' %s%s", w->path,
                    SPAN_FMT(node->text), why[0] ? why : "is not ", why[0] ? "" : t->what);
}

static void read_value(struct walk *w, const struct conf_key *k, const struct yaml_node *node,
                       struct conf_value *v)
{
    struct err e = {.text = ""};
    const char *bound, *what;
    uint64_t num;

    v->at = node->at;
    v->set = true;
    v->bad = true;
    if (node->kind != YAML_SCALAR) {
        conf_report_add(w->report, CONF_ERROR, "E010", node->at, "%s must be %s, this is %s",
                        w->path, k->type->what, yaml_kind_name(node->kind));
        return;
    }
    if (node->null) {
        conf_report_add(w->report, CONF_ERROR, "E014", node->key ? node->key->at : node->at,
                        "%s has no value; write one or leave the key out", w->path);
        return;
    }
    if (read_text(k->type, node->text, &num, &e) < 0) {
        refuse_text(w, k, node, e.text);
        return;
    }
    bound = broken_bound(k, num, &what);
    if (bound) {
        conf_report_add(w->report, CONF_ERROR, "E015", node->at, "%s: '%.*s' is too %s %s", w->path,
                        SPAN_FMT(node->text), what, bound);
        return;
    }
    v->text = node->text;
    v->num = num;
    v->bad = false;
}

static bool too_many(struct walk *w, const struct conf_key *k, const struct yaml_node *node,
                     size_t n)
{
    if (n <= k->most)
        return false;
    conf_report_add(w->report, CONF_ERROR, "E015", node->key ? node->key->at : node->at,
                    "%s has %zu entries; the most is %u", w->path, n, k->most);
    return true;
}

static void read_list(struct walk *w, const struct conf_key *k, const struct yaml_node *node,
                      struct conf_list *list)
{
    const struct yaml_node *item = node;
    struct conf_value v, *items;
    size_t n = 1;

    list->at = node->at;
    list->set = true;
    list->bad = true;
    if (node->kind == YAML_LIST) {
        item = node->first;
        n = node->n;
    } else if (k->shape == CONF_LIST || node->kind == YAML_MAP) {
        conf_report_add(w->report, CONF_ERROR, node->null ? "E014" : "E010",
                        node->null && node->key ? node->key->at : node->at,
                        "%s must be a list in [ ]%s", w->path,
                        node->null ? "; it has no value" : "");
        return;
    }
    if (too_many(w, k, node, node->n))
        return;
    items = grab(w, n, sizeof(*items));
    if (!items)
        return;
    list->items = items;
    list->n = 0;
    list->bad = false;
    for (; n > 0; item = item->next, n--) {
        v = (struct conf_value){.set = false};
        read_value(w, k, item, &v);
        if (v.bad)
            list->bad = true;
        else
            items[list->n++] = v;
    }
}

static void default_list(struct walk *w, const struct conf_key *k, struct conf_list *list)
{
    struct conf_value *v;

    if (!k->text)
        return;
    v = grab(w, 1, sizeof(*v));
    if (!v)
        return;
    set_default(k, v);
    list->items = v;
    list->n = 1;
}

static void read_table(struct walk *w, const struct conf_table *t, const struct yaml_node *node,
                       void *out);

static void read_map(struct walk *w, const struct conf_key *k, const struct yaml_node *node,
                     struct conf_list *list)
{
    struct conf_value *self;
    size_t was, i = 0;
    struct err e;

    list->at = node->key ? node->key->at : node->at;
    list->set = true;
    if (node->null)
        return; /* no entries; whether that makes sense is not for us to say */
    if (node->kind != YAML_MAP) {
        conf_report_add(w->report, CONF_ERROR, "E010", node->at,
                        "%s must be a map of names, this is %s", w->path,
                        yaml_kind_name(node->kind));
        list->bad = true;
        return;
    }
    if (too_many(w, k, node, node->n)) {
        list->bad = true;
        return;
    }
    list->items = grab(w, node->n, k->table->size);
    if (!list->items)
        return;
    list->n = node->n;
    for (const struct yaml_node *v = node->first; v; v = v->next, i++) {
        self = member(list->items, i * k->table->size);
        was = path_enter(w, v->key->text);
        read_table(w, k->table, v, self);
        self->text = v->key->text;
        self->at = v->key->at;
        e.text[0] = '\0';
        if (read_text(k->type, v->key->text, &self->num, &e) < 0) {
            conf_report_add(w->report, CONF_ERROR, "E017", v->key->at, "the name '%.*s' %s%s",
                            SPAN_FMT(v->key->text), e.text[0] ? e.text : "is not ",
                            e.text[0] ? "" : k->type->what);
            self->bad = true;
        }
        path_leave(w, was);
    }
}

/* false: it has no first key, and was complained about. */
static bool read_item(struct walk *w, const struct conf_key *k, const struct yaml_node *node,
                      void *out)
{
    const struct conf_key *first = k->table->keys;
    struct conf_value *v = member(out, first->at), *self = out;

    if (node->kind == YAML_MAP) {
        read_table(w, k->table, node, out);
        return v->set && !v->bad;
    }
    read_table(w, k->table, NULL, out);
    self->set = true;
    self->at = node->at;
    read_value(w, first, node, v);
    return !v->bad;
}

static void read_items(struct walk *w, const struct conf_key *k, const struct yaml_node *node,
                       struct conf_list *list)
{
    const struct yaml_node *item = node->kind == YAML_LIST ? node->first : node;
    size_t n = node->kind == YAML_LIST ? node->n : 1;

    list->at = node->at;
    list->set = true;
    list->bad = true;
    if (too_many(w, k, node, n))
        return;
    list->items = grab(w, n, k->table->size);
    if (!list->items)
        return;
    list->bad = false;
    for (; n > 0 && !w->nomem; item = item->next, n--) {
        if (read_item(w, k, item, member(list->items, list->n * k->table->size)))
            list->n++;
        else
            list->bad = true;
    }
}

/* node NULL: the key is not there. */
static void read_key(struct walk *w, const struct conf_key *k, const struct yaml_node *node,
                     void *out)
{
    void *to = member(out, k->at);
    size_t was = path_enter(w, span_str(k->name));

    switch (k->shape) {
    case CONF_ONE:
        set_default(k, to);
        if (node)
            read_value(w, k, node, to);
        break;
    case CONF_LIST:
    case CONF_ONE_OR_LIST:
        default_list(w, k, to);
        if (node)
            read_list(w, k, node, to);
        break;
    case CONF_GROUP:
        read_table(w, k->table, node, to);
        break;
    case CONF_MAP:
        if (node)
            read_map(w, k, node, to);
        break;
    case CONF_ITEMS:
        if (node)
            read_items(w, k, node, to);
        break;
    }
    path_leave(w, was);
}

/* Complain; gives the index of the key that was probably meant, SIZE_MAX: none. */
static size_t unknown_key(struct walk *w, const struct conf_table *t, const struct yaml_node *node)
{
    struct span names[KEYS_MAX], word = node->key->text;
    struct conf_diag *d;
    size_t n, near;

    if (w->path_n == 0 && span_starts(word, SPAN_LIT("x-")))
        return SIZE_MAX;
    for (n = 0; n < t->n && n < KEYS_MAX; n++)
        names[n] = span_str(t->keys[n].name);
    d = conf_report_add(w->report, CONF_ERROR, "E012", node->key->at, "unknown key '%.*s' %s%s",
                        SPAN_FMT(word), w->path_n ? "in " : "at the top level", w->path);
    near = conf_nearest(word, names, n);
    if (span_is(word, "<<"))
        conf_diag_note(w->report, d, "merging is not supported; write the keys out");
    else if (near != SIZE_MAX)
        conf_diag_nearest(w->report, d, names, n, word);
    else
        conf_diag_choices(w->report, d, "known keys", names, n, word);
    return near;
}

static size_t key_index(const struct conf_table *t, struct span name)
{
    for (size_t i = 0; i < t->n; i++)
        if (span_is(name, t->keys[i].name))
            return i;
    return SIZE_MAX;
}

static void missing_key(struct walk *w, const struct conf_key *k, const struct yaml_node *node)
{
    struct conf_place at = {1, 1, 1};
    struct conf_diag *d;

    if (node)
        at = node->key ? node->key->at : node->at;
    d = conf_report_add(w->report, CONF_ERROR, "E013", at, "%s%s'%s' is missing",
                        w->path_n ? w->path : "the file", w->path_n ? ": " : ": key ", k->name);
    if (k->example)
        conf_diag_note(w->report, d, "write, for example, %s: %s", k->name, k->example);
}

/* node NULL: the group is not there, everything gets its default. */
static void read_table(struct walk *w, const struct conf_table *t, const struct yaml_node *node,
                       void *out)
{
    const struct yaml_node *found[KEYS_MAX] = {NULL};
    bool meant[KEYS_MAX] = {false}; /* misspelt: one complaint is enough */
    struct conf_value *self = out;
    size_t i, near;

    MUST(t->n <= KEYS_MAX);
    memset(out, 0, t->size);
    if (node) {
        self->set = true;
        self->at = node->key ? node->key->at : node->at;
    }
    if (node && node->kind != YAML_MAP && !node->null) {
        conf_report_add(w->report, CONF_ERROR, "E010", node->at,
                        "%s must be a map of keys, this is %s",
                        w->path_n ? w->path : "a configuration", yaml_kind_name(node->kind));
        self->bad = true;
        node = NULL;
    }
    for (const struct yaml_node *v = node ? node->first : NULL; v; v = v->next) {
        i = key_index(t, v->key->text);
        if (i != SIZE_MAX) {
            found[i] = v; /* of two the last; the tree was complained about */
            continue;
        }
        near = unknown_key(w, t, v);
        if (near != SIZE_MAX)
            meant[near] = true;
    }
    for (i = 0; i < t->n && !w->nomem; i++) {
        read_key(w, &t->keys[i], found[i], out);
        if (t->keys[i].required && !found[i] && !meant[i] && self->set && !self->bad)
            missing_key(w, &t->keys[i], node);
    }
}

int conf_decode(const struct conf_table *t, const struct yaml_node *root, void *out,
                struct arena *a, struct conf_report *report, struct err *e)
{
    struct walk w = {.arena = a, .report = report};

    read_table(&w, t, root, out);
    if (w.nomem)
        return err_set(e, ERR_NOMEM, "configuration: no memory");
    return conf_report_ok(report, e);
}
