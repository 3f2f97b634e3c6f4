/*
 * schema.c - a table of keys as JSON Schema, for editors (yaml-language-server and the like).
 *
 * The schema is looser than the parser where JSON Schema has no words for a rule (a name that
 * must stand elsewhere), and never stricter.
 */
#include "codec/json_write.h"
#include "conf/keys.h"

static void table_schema(struct json_write *w, const struct conf_table *t, bool root);

static void value_schema(struct json_write *w, const struct conf_type *t)
{
    const char *word;

    if (t->schema) {
        json_raw(w, span_str(t->schema));
        return;
    }
    json_begin_object(w);
    if (t->word) {
        json_key(w, "enum");
        json_begin_array(w);
        for (size_t i = 0; (word = t->word(i)) != NULL; i++)
            json_cstring(w, word);
        json_end_array(w);
    }
    json_end_object(w);
}

static void list_schema(struct json_write *w, const struct conf_key *k)
{
    json_begin_object(w);
    json_kv_cstring(w, "type", "array");
    json_key(w, "items");
    value_schema(w, k->type);
    json_kv_uint(w, "maxItems", k->most);
    json_end_object(w);
}

/* A map, or the value of its first key. */
static void item_schema(struct json_write *w, const struct conf_table *t)
{
    json_begin_object(w);
    json_key(w, "anyOf");
    json_begin_array(w);
    value_schema(w, t->keys[0].type);
    table_schema(w, t, false);
    json_end_array(w);
    json_end_object(w);
}

static void items_schema(struct json_write *w, const struct conf_key *k)
{
    json_begin_object(w);
    json_key(w, "anyOf");
    json_begin_array(w);
    item_schema(w, k->table);
    json_begin_object(w);
    json_kv_cstring(w, "type", "array");
    json_key(w, "items");
    item_schema(w, k->table);
    json_kv_uint(w, "maxItems", k->most);
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
}

/* What stands in allOf or directly: the shape of one key's value. */
static void shape_schema(struct json_write *w, const struct conf_key *k)
{
    switch (k->shape) {
    case CONF_ONE:
        value_schema(w, k->type);
        break;
    case CONF_LIST:
        list_schema(w, k);
        break;
    case CONF_ONE_OR_LIST:
        json_begin_object(w);
        json_key(w, "anyOf");
        json_begin_array(w);
        value_schema(w, k->type);
        list_schema(w, k);
        json_end_array(w);
        json_end_object(w);
        break;
    case CONF_GROUP:
        table_schema(w, k->table, false);
        break;
    case CONF_ITEMS:
        items_schema(w, k);
        break;
    case CONF_MAP:
        json_begin_object(w);
        json_key(w, "type");
        json_raw(w, SPAN_LIT("[\"object\",\"null\"]"));
        json_key(w, "propertyNames");
        value_schema(w, k->type);
        json_key(w, "additionalProperties");
        table_schema(w, k->table, false);
        json_kv_uint(w, "maxProperties", k->most);
        json_end_object(w);
        break;
    }
}

static void key_schema(struct json_write *w, const struct conf_key *k)
{
    json_key(w, k->name);
    json_begin_object(w);
    json_kv_cstring(w, "description", k->help);
    if (k->text)
        json_kv_cstring(w, "default", k->text);
    json_key(w, "allOf");
    json_begin_array(w);
    shape_schema(w, k);
    json_end_array(w);
    json_end_object(w);
}

static void table_schema(struct json_write *w, const struct conf_table *t, bool root)
{
    bool any = false;

    if (!root) {
        json_begin_object(w);
        json_key(w, "type");
        json_raw(w, SPAN_LIT("[\"object\",\"null\"]"));
    }
    json_key(w, "properties");
    json_begin_object(w);
    for (size_t i = 0; i < t->n; i++) {
        key_schema(w, &t->keys[i]);
        any = any || t->keys[i].required;
    }
    json_end_object(w);
    if (any) {
        json_key(w, "required");
        json_begin_array(w);
        for (size_t i = 0; i < t->n; i++)
            if (t->keys[i].required)
                json_cstring(w, t->keys[i].name);
        json_end_array(w);
    }
    json_kv_bool(w, "additionalProperties", false);
    if (!root)
        json_end_object(w);
}

static void line(struct buf *out, uint32_t depth)
{
    buf_add_char(out, '\n');
    for (uint32_t i = 0; i < depth; i++)
        buf_add_str(out, "  ");
}

/* Spread JSON without white space over lines. */
static void spread(struct buf *out, struct span json)
{
    bool text = false;
    uint32_t depth = 0;

    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i], next = i + 1 < json.n ? json.p[i + 1] : '\0';

        if (text) {
            buf_add_char(out, c);
            if (c == '\\' && i + 1 < json.n)
                buf_add_char(out, json.p[++i]);
            text = c != '"';
            continue;
        }
        if ((c == '}' || c == ']') && i > 0 && json.p[i - 1] != '{' && json.p[i - 1] != '[')
            line(out, --depth);
        buf_add_char(out, c);
        text = c == '"';
        if (c == ':')
            buf_add_char(out, ' ');
        else if (c == ',')
            line(out, depth);
        else if ((c == '{' || c == '[') && next != '}' && next != ']')
            line(out, ++depth);
    }
    buf_add_char(out, '\n');
}

void conf_write_schema(struct buf *out, const struct conf_table *t, const char *title)
{
    struct json_write w;
    struct buf json;

    buf_init(&json, out->max);
    json_write_init(&w, &json);
    json_begin_object(&w);
    json_kv_cstring(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_kv_cstring(&w, "title", title);
    json_kv_cstring(&w, "type", "object");
    json_key(&w, "patternProperties");
    json_raw(&w, SPAN_LIT("{\"^x-\":true}"));
    table_schema(&w, t, true);
    json_end_object(&w);
    if (buf_ok(&json))
        spread(out, buf_span(&json));
    else
        out->err = json.err;
    buf_fini(&json);
}
