/*
 * write.c - a table of keys as YAML: the sample for people, and the values that were read.
 *
 * In a sample that is not live every optional key is commented out where it stands; of a map of
 * names the whole block is, and within it the optional keys once more. So taking the '#' of a
 * block away gives its least valid form.
 *
 * The walk follows the tables, whose nesting is fixed.
 */
#include "codec/json_write.h"
#include "conf/keys.h"
#include "conf/write.h"

#define WIDTH 96
#define STEP  2

struct writer {
    struct buf *out;
    uint32_t indent;
    bool live;
    bool off; /* inside a block that is commented out as a whole */
};

static bool plain(struct span s)
{
    char c;

    if (s.n == 0 || s.p[s.n - 1] == ':' || span_eq_nocase(s, SPAN_LIT("null")))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        c = s.p[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/')
            continue;
        if (i == 0 || c == '\0' || !strchr(":._-+%@=", c))
            return false;
    }
    return true;
}

void write_scalar(struct buf *out, struct span s)
{
    if (plain(s)) {
        buf_add_span(out, s);
        return;
    }
    buf_add_char(out, '"');
    json_escape(out, s);
    buf_add_char(out, '"');
}

static void begin_line(struct writer *w, bool comment)
{
    if (w->off)
        buf_add_str(w->out, "# ");
    for (uint32_t i = 0; i < w->indent; i++)
        buf_add_char(w->out, ' ');
    if (comment)
        buf_add_str(w->out, "# ");
}

/* A help text as comment lines. */
static void help(struct writer *w, const char *text)
{
    struct span rest = span_str(text), word;
    size_t used = 0, room = WIDTH - w->indent - (w->off ? 4 : 2);

    while (span_has(rest)) {
        word = span_cut(&rest, ' ');
        if (used && used + 1 + word.n > room) {
            buf_add_char(w->out, '\n');
            used = 0;
        }
        if (used == 0)
            begin_line(w, true);
        else
            buf_add_char(w->out, ' ');
        buf_add_span(w->out, word);
        used += word.n + (used ? 1 : 0);
    }
    buf_add_char(w->out, '\n');
}

static void sample_table(struct writer *w, const struct conf_table *t,
                         const struct conf_given *given, size_t given_n);

static void sample_leaf(struct writer *w, const struct conf_key *k)
{
    help(w, k->help);
    begin_line(w, !w->live && !k->required);
    buf_printf(w->out, "%s: ", k->name);
    if (k->example)
        buf_add_str(w->out, k->example);
    else
        write_scalar(w->out, span_str(k->text ? k->text : ""));
    buf_add_char(w->out, '\n');
}

static void sample_map(struct writer *w, const struct conf_key *k)
{
    bool was = w->off;

    help(w, k->help);
    w->off = w->off || !w->live;
    begin_line(w, false);
    buf_printf(w->out, "%s:\n", k->name);
    w->indent += STEP;
    begin_line(w, false);
    buf_printf(w->out, "%s:\n", k->example);
    w->indent += STEP;
    sample_table(w, k->table, NULL, 0);
    w->indent -= 2 * STEP;
    w->off = was;
}

/* A group inside a block that is off has nothing in it but commented keys, and may require some:
 * it is commented out like a key. */
static void sample_group(struct writer *w, const struct conf_key *k)
{
    bool needs = false;

    for (size_t i = 0; i < k->table->n; i++)
        needs = needs || k->table->keys[i].required;
    help(w, k->help);
    if (!w->live && needs) {
        begin_line(w, true);
        buf_printf(w->out, "%s: {...}\n", k->name);
        return;
    }
    begin_line(w, false);
    buf_printf(w->out, "%s:\n", k->name);
    w->indent += STEP;
    sample_table(w, k->table, NULL, 0);
    w->indent -= STEP;
}

static void sample_table(struct writer *w, const struct conf_table *t,
                         const struct conf_given *given, size_t given_n)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct conf_key *k = &t->keys[i];
        bool done = false;

        if (w->indent == 0)
            buf_add_char(w->out, '\n');
        for (size_t g = 0; g < given_n; g++) {
            if (strcmp(given[g].name, k->name) != 0)
                continue;
            help(w, k->help);
            buf_add_span(w->out, given[g].text);
            done = true;
        }
        if (done)
            continue;
        if (k->shape == CONF_GROUP)
            sample_group(w, k);
        else if (k->shape == CONF_MAP)
            sample_map(w, k);
        else
            sample_leaf(w, k);
    }
}

void conf_write_sample(struct buf *out, const struct conf_table *t, const struct conf_given *given,
                       size_t given_n, bool live)
{
    struct writer w = {.out = out, .live = live};

    sample_table(&w, t, given, given_n);
}

/* ---- values ---- */

static void values_table(struct writer *w, const struct conf_table *t, const void *values);

static const void *member(const void *base, size_t at)
{
    return (const char *)base + at;
}

static void default_mark(struct writer *w, bool set)
{
    buf_add_str(w->out, set ? "\n" : "  # default\n");
}

static void flow_list(struct buf *out, const struct conf_list *list)
{
    const struct conf_value *v = list->items;

    buf_add_char(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        buf_add_str(out, i ? ", " : "");
        write_scalar(out, v[i].text);
    }
    buf_add_char(out, ']');
}

static void values_list(struct writer *w, const struct conf_key *k, const struct conf_list *list)
{
    if (list->n == 0 && !list->set)
        return;
    begin_line(w, false);
    buf_printf(w->out, "%s: ", k->name);
    flow_list(w->out, list);
    default_mark(w, list->set);
}

static bool is_set(const struct conf_key *k, const void *at)
{
    if (k->shape == CONF_ONE || k->shape == CONF_GROUP)
        return ((const struct conf_value *)at)->set;
    return ((const struct conf_list *)at)->set;
}

/* "{target: a/b, weight: 3}", of what stands in the file. */
static void flow_table(struct writer *w, const struct conf_table *t, const void *values)
{
    bool any = false;

    buf_add_char(w->out, '{');
    for (size_t i = 0; i < t->n; i++) {
        const struct conf_key *k = &t->keys[i];
        const void *at = member(values, k->at);

        if (!is_set(k, at))
            continue;
        buf_printf(w->out, "%s%s: ", any ? ", " : "", k->name);
        any = true;
        if (k->shape == CONF_ONE)
            write_scalar(w->out, ((const struct conf_value *)at)->text);
        else if (k->shape == CONF_GROUP)
            flow_table(w, k->table, at);
        else
            flow_list(w->out, at);
    }
    buf_add_char(w->out, '}');
}

/* Does the item say more than its first key? */
static bool says_more(const struct conf_table *t, const void *item)
{
    for (size_t i = 1; i < t->n; i++)
        if (is_set(&t->keys[i], member(item, t->keys[i].at)))
            return true;
    return false;
}

static void values_items(struct writer *w, const struct conf_key *k, const struct conf_list *list)
{
    const struct conf_table *t = k->table;

    if (list->n == 0 && !list->set)
        return;
    begin_line(w, false);
    buf_printf(w->out, "%s: [", k->name);
    for (size_t i = 0; i < list->n; i++) {
        const void *item = member(list->items, i * t->size);
        const struct conf_value *first = member(item, t->keys[0].at);

        buf_add_str(w->out, i ? ", " : "");
        if (says_more(t, item))
            flow_table(w, t, item);
        else
            write_scalar(w->out, first->text);
    }
    buf_add_str(w->out, "]\n");
}

static void values_map(struct writer *w, const struct conf_key *k, const struct conf_list *list)
{
    const struct conf_value *self;

    if (!list->set)
        return;
    begin_line(w, false);
    buf_printf(w->out, "%s:\n", k->name);
    w->indent += STEP;
    for (size_t i = 0; i < list->n; i++) {
        self = member(list->items, i * k->table->size);
        begin_line(w, false);
        write_scalar(w->out, self->text);
        buf_add_str(w->out, ":\n");
        w->indent += STEP;
        values_table(w, k->table, self);
        w->indent -= STEP;
    }
    w->indent -= STEP;
}

static void values_key(struct writer *w, const struct conf_key *k, const void *at)
{
    const struct conf_value *v = at;
    size_t before = w->out->n, after;

    switch (k->shape) {
    case CONF_ONE:
        if (!span_has(v->text))
            return;
        begin_line(w, false);
        buf_printf(w->out, "%s: ", k->name);
        write_scalar(w->out, v->text);
        default_mark(w, v->set);
        break;
    case CONF_LIST:
    case CONF_ONE_OR_LIST:
        values_list(w, k, at);
        break;
    case CONF_GROUP:
        if (!v->set && w->indent >= 2 * STEP && k->table->keys[0].required)
            return; /* not there, and its defaults mean nothing */
        begin_line(w, false);
        buf_printf(w->out, "%s:\n", k->name);
        after = w->out->n;
        w->indent += STEP;
        values_table(w, k->table, at);
        w->indent -= STEP;
        if (w->out->n == after)
            w->out->n = before;
        break;
    case CONF_MAP:
        values_map(w, k, at);
        break;
    case CONF_ITEMS:
        values_items(w, k, at);
        break;
    }
}

static void values_table(struct writer *w, const struct conf_table *t, const void *values)
{
    for (size_t i = 0; i < t->n; i++)
        values_key(w, &t->keys[i], member(values, t->keys[i].at));
}

void conf_write_values(struct buf *out, const struct conf_table *t, const void *values)
{
    struct writer w = {.out = out, .live = true};

    values_table(&w, t, values);
}
