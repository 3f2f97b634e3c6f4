/*
 * reference.c - a table of keys as a Markdown page: one section a map, one line a key.
 */
#include "conf/keys.h"
#include "conf/write.h"

#define PATH_BYTES 128

static void cell(struct buf *out, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '|' || (s.p[i] == '*' && i + 1 < s.n))
            buf_add_char(out, '\\');
        buf_add_char(out, s.p[i]);
    }
}

static void words(struct buf *out, const struct conf_type *t)
{
    const char *word;

    for (size_t i = 0; (word = t->word(i)) != NULL; i++)
        buf_printf(out, "%s`%s`", i ? ", " : "", word);
}

static void value_cell(struct buf *out, const struct conf_key *k)
{
    if (k->shape == CONF_GROUP || k->shape == CONF_MAP) {
        buf_add_str(out, k->shape == CONF_GROUP ? "map, see below" : "map of names, see below");
        return;
    }
    if (k->shape == CONF_ITEMS) {
        buf_printf(out, "%s or map, see below, or a list", k->table->keys[0].type->name);
        return;
    }
    if (k->shape == CONF_LIST)
        buf_add_str(out, "list of ");
    if (k->type->word)
        words(out, k->type);
    else
        buf_add_str(out, k->type->name);
    if (k->shape == CONF_ONE_OR_LIST)
        buf_add_str(out, ", or a list");
    if (k->min && k->max)
        buf_printf(out, ", %s to %s", k->min, k->max);
    else if (k->max)
        buf_printf(out, ", at most %s", k->max);
}

static void row(struct buf *out, const struct conf_key *k)
{
    buf_printf(out, "| `%s` | ", k->name);
    value_cell(out, k);
    buf_add_str(out, " | ");
    if (k->required)
        buf_add_str(out, "required");
    else if (k->text)
        buf_printf(out, "`%s`", k->text);
    buf_add_str(out, " | ");
    cell(out, span_str(k->help));
    buf_add_str(out, " |\n");
}

static const char *mark(enum conf_shape shape)
{
    if (shape == CONF_MAP)
        return ".NAME";
    return shape == CONF_ITEMS ? "[]" : "";
}

static void section(struct buf *out, const struct conf_table *t, const char *path,
                    const char *about)
{
    char below[PATH_BYTES];

    buf_printf(out, "\n## %s\n\n", path[0] ? path : "The top level");
    if (about)
        buf_printf(out, "%s\n\n", about);
    buf_add_str(out, "| key | value | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < t->n; i++)
        row(out, &t->keys[i]);
    for (size_t i = 0; i < t->n; i++) {
        const struct conf_key *k = &t->keys[i];

        if (!k->table)
            continue;
        UNUSED(snprintf(below, sizeof(below), "%s%s%s%s", path, path[0] ? "." : "", k->name,
                        mark(k->shape)));
        section(out, k->table, below, k->help);
    }
}

void conf_write_reference(struct buf *out, const struct conf_table *t)
{
    section(out, t, "", NULL);
}
