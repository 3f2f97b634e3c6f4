/*
 * claude_schema.c - a JSON Schema as Claude's constrained decoding takes it.
 *
 * Objects have to be closed: where a schema leaves it open whether an object has other members,
 * they are closed, for then the answer fits the client's schema all the same. A keyword that the
 * API refuses, and without which the answer might not fit, cannot be said, and its place is told.
 *
 * No recursion: the open schemas are a stack, as deep as a tree may be.
 */
#include "codec/json_tree.h"
#include "dialect/anthropic/claude.h"
#include "dialect/convert_write.h"

enum rule { COPY, DROP, CLOSED, FEW, SCHEMA, MAP, LIST, REFUSED };

/* platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema limitations". */
static const struct {
    const char *key;
    enum rule rule;
} rules[] = {
    {"type", COPY},
    {"enum", COPY},
    {"const", COPY},
    {"format", COPY},
    {"pattern", COPY},
    {"required", COPY},
    {"title", COPY},
    {"description", COPY},
    {"default", COPY},
    {"$ref", COPY},
    {"$schema", COPY},
    {"$id", COPY},
    {"examples", DROP}, /* from here: what binds nobody */
    {"$comment", DROP},
    {"deprecated", DROP},
    {"readOnly", DROP},
    {"writeOnly", DROP},
    {"additionalProperties", CLOSED},
    {"minItems", FEW},
    {"items", SCHEMA},
    {"properties", MAP},
    {"$defs", MAP},
    {"definitions", MAP},
    {"anyOf", LIST},
    {"allOf", LIST},
};

struct level {
    enum rule rule; /* SCHEMA, MAP, LIST */
    union {
        yyjson_obj_iter members;
        yyjson_arr_iter items;
    };
    struct json_at at;
};

struct schema {
    struct json_write *w;
    struct level stack[JSON_TREE_DEPTH + 1];
    size_t depth;
    struct err *e;
};

static bool is_object(yyjson_val *v)
{
    return span_is(json_get_text(v, "type"), "object") || json_get(v, "properties");
}

static void push(struct schema *s, enum rule rule, yyjson_val *v, struct json_at at)
{
    struct level *l = &s->stack[s->depth++];

    *l = (struct level){.rule = rule, .at = at};
    if (rule == LIST) {
        yyjson_arr_iter_init(v, &l->items);
        json_begin_array(s->w);
        return;
    }
    yyjson_obj_iter_init(v, &l->members);
    json_begin_object(s->w);
    if (rule == SCHEMA && is_object(v) && !json_get(v, "additionalProperties"))
        json_kv_bool(s->w, "additionalProperties", false);
}

/* A value of that rule: gone into, written as it is, or refused. */
static int value(struct schema *s, enum rule rule, yyjson_val *v, struct json_at at)
{
    bool goes_in = rule == LIST ? yyjson_is_arr(v) : yyjson_is_obj(v);

    if (goes_in && (rule == SCHEMA || rule == MAP || rule == LIST))
        push(s, rule, v, at);
    else
        convert_write_tree(s->w, v);
    return 0;
}

static bool is_refused(enum rule rule, yyjson_val *v)
{
    uint64_t n;

    if (rule == CLOSED)
        return !yyjson_is_false(v);
    if (rule == FEW)
        return !json_tree_u64(v, &n) || n > 1;
    return rule == REFUSED;
}

static int keyword(struct schema *s, const struct level *l, yyjson_val *k)
{
    struct span key = json_text(k);
    struct json_at at = {.up = &l->at, .key = key.p, .key_n = key.n};
    enum rule rule = REFUSED;

    for (size_t i = 0; i < ARRAY_LEN(rules) && rule == REFUSED; i++)
        if (span_is(key, rules[i].key))
            rule = rules[i].rule;
    if (is_refused(rule, yyjson_obj_iter_get_val(k)))
        return json_wrong(s->e, &at, "Claude's structured outputs do not have this");
    if (rule == DROP)
        return 0;
    json_key_span(s->w, key);
    return value(s, rule, yyjson_obj_iter_get_val(k), at);
}

/* The next member of the innermost level, or its end. */
static int step(struct schema *s)
{
    struct level *l = &s->stack[s->depth - 1];
    yyjson_val *k =
        l->rule == LIST ? yyjson_arr_iter_next(&l->items) : yyjson_obj_iter_next(&l->members);
    struct span key = l->rule == LIST ? span_of(NULL, 0) : json_text(k);

    if (!k) {
        if (l->rule == LIST)
            json_end_array(s->w);
        else
            json_end_object(s->w);
        s->depth--;
        return 0;
    }
    if (l->rule == SCHEMA)
        return keyword(s, l, k);
    if (l->rule == MAP) {
        json_key_span(s->w, key);
        return value(s, SCHEMA, yyjson_obj_iter_get_val(k),
                     (struct json_at){.up = &l->at, .key = key.p, .key_n = key.n});
    }
    return value(s, SCHEMA, k, JSON_AT_ITEM(&l->at, l->items.idx - 1));
}

int claude_write_schema(struct json_write *w, struct span schema, struct err *e)
{
    struct schema s = {.w = w, .e = e};
    struct json_tree t = {0};
    int rc = json_tree_read(&t, schema, e);

    if (rc == 0 && !yyjson_is_obj(t.root))
        rc = json_wrong(e, &JSON_AT_KEY(NULL, "schema"), "an object is wanted");
    if (rc == 0)
        push(&s, SCHEMA, t.root, JSON_AT_KEY(NULL, "schema"));
    while (rc == 0 && s.depth)
        rc = step(&s);
    json_tree_fini(&t);
    return rc;
}
