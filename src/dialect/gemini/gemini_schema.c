/*
 * gemini_schema.c - Google's subset of OpenAPI's schemas, as JSON Schema.
 *
 * What differs: types are in upper case, `nullable` stands beside the type instead of in it, whole
 * numbers may come as strings (as protobuf writes int64), and keys have two spellings. All else is
 * JSON Schema already.
 *
 * No recursion: the open schemas are a stack, as deep as a tree may be.
 */
#include "dialect/gemini/gemini_convert.h"

enum rule { COPY, TYPE, NULLABLE, VALUES, NUMBER, EXAMPLE, FORMAT, SCHEMA, LIST, MAP, DROP };

static const struct {
    const char *key, *snake, *as;
    enum rule rule;
} rules[] = {
    {"type", NULL, NULL, TYPE},
    {"nullable", NULL, NULL, NULLABLE},
    {"enum", NULL, NULL, VALUES},
    {"format", NULL, NULL, FORMAT},
    {"items", NULL, NULL, SCHEMA},
    {"additionalProperties", "additional_properties", NULL, SCHEMA},
    {"anyOf", "any_of", NULL, LIST},
    {"oneOf", "one_of", NULL, LIST},
    {"allOf", "all_of", NULL, LIST},
    {"prefixItems", "prefix_items", NULL, LIST},
    {"properties", NULL, NULL, MAP},
    {"$defs", "defs", NULL, MAP},
    {"minItems", "min_items", NULL, NUMBER},
    {"maxItems", "max_items", NULL, NUMBER},
    {"minLength", "min_length", NULL, NUMBER},
    {"maxLength", "max_length", NULL, NUMBER},
    {"minProperties", "min_properties", NULL, NUMBER},
    {"maxProperties", "max_properties", NULL, NUMBER},
    {"example", NULL, "examples", EXAMPLE},
    {"propertyOrdering", "property_ordering", NULL, DROP}, /* only Google's models look at it */
};

/* An open object or array. */
struct level {
    enum rule rule; /* SCHEMA: an object of keywords; MAP: of schemas; LIST: an array of schemas */
    union {
        yyjson_obj_iter members;
        yyjson_arr_iter items;
    };
    bool nullable; /* SCHEMA: its own; LIST: one more that allows null is due */
    bool typed;
};

struct schema {
    const struct convert_value *x;
    struct json_write w;
    struct level stack[JSON_TREE_DEPTH + 1];
    size_t depth;
    bool no_memory;
};

static void push(struct schema *s, enum rule rule, yyjson_val *v)
{
    struct level *l = &s->stack[s->depth++];

    *l = (struct level){.rule = rule};
    if (rule == LIST) {
        yyjson_arr_iter_init(v, &l->items);
        json_begin_array(&s->w);
        return;
    }
    yyjson_obj_iter_init(v, &l->members);
    json_begin_object(&s->w);
    l->nullable = yyjson_is_true(json_get(v, "nullable"));
    l->typed = json_get(v, "type") != NULL;
}

static void copy(struct schema *s, yyjson_val *v)
{
    struct span text = convert_json_text(s->x->q, v);

    if (span_has(text))
        json_raw(&s->w, text);
    else
        json_null(&s->w);
    s->no_memory = s->no_memory || !span_has(text);
}

/* A type's word, which may come as its number in the API's enum (content.proto, Type). */
static struct span type_word(yyjson_val *v)
{
    static const char *const words[] = {"TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER",
                                        "BOOLEAN",          "ARRAY",  "OBJECT", "NULL"};
    uint64_t n;

    return json_tree_u64(v, &n) && n < ARRAY_LEN(words) ? span_str(words[n]) : json_text(v);
}

/* "STRING" -> "string" */
static void lower(struct schema *s, struct span word)
{
    char text[32];
    size_t n = MIN(word.n, sizeof(text));

    for (size_t i = 0; i < n; i++)
        text[i] = word.p[i] >= 'A' && word.p[i] <= 'Z' ? (char)(word.p[i] | 32) : word.p[i];
    json_string(&s->w, span_of(text, n));
}

static void write_type(struct schema *s, yyjson_val *v, bool nullable)
{
    yyjson_arr_iter it;
    yyjson_val *one;

    if (!yyjson_is_arr(v) && !nullable) {
        lower(s, type_word(v));
        return;
    }
    json_begin_array(&s->w);
    if (!yyjson_is_arr(v))
        lower(s, type_word(v));
    if (yyjson_arr_iter_init(v, &it))
        while ((one = yyjson_arr_iter_next(&it)))
            lower(s, type_word(one));
    if (nullable)
        json_cstring(&s->w, "null");
    json_end_array(&s->w);
}

static void write_values(struct schema *s, yyjson_val *v, bool nullable)
{
    yyjson_arr_iter it;
    yyjson_val *one;

    json_begin_array(&s->w);
    if (yyjson_arr_iter_init(v, &it))
        while ((one = yyjson_arr_iter_next(&it)))
            copy(s, one);
    if (nullable)
        json_null(&s->w);
    json_end_array(&s->w);
}

static void write_number(struct schema *s, yyjson_val *v)
{
    struct span text = json_text(v);
    uint64_t n;

    if (yyjson_is_str(v) && span_u64(text, &n) == 0)
        json_uint(&s->w, n);
    else
        copy(s, v);
}

static bool is_said(enum rule rule, yyjson_val *v)
{
    if (rule == FORMAT) /* "enum" only says that there is an enum */
        return !span_is(json_text(v), "enum");
    if (rule == TYPE)
        return !span_is(type_word(v), "TYPE_UNSPECIFIED");
    return rule != DROP && rule != NULLABLE;
}

static void write_value(struct schema *s, const struct level *l, enum rule rule, yyjson_val *v)
{
    bool nullable = l->nullable;

    switch (rule) {
    case TYPE:
        write_type(s, v, nullable);
        return;
    case VALUES:
        write_values(s, v, nullable);
        return;
    case NUMBER:
        write_number(s, v);
        return;
    case EXAMPLE:
        json_begin_array(&s->w);
        copy(s, v);
        json_end_array(&s->w);
        return;
    case SCHEMA:
    case MAP:
        if (!yyjson_is_obj(v))
            break;
        push(s, rule, v);
        return;
    case LIST:
        if (!yyjson_is_arr(v))
            break;
        nullable = nullable && !l->typed;
        push(s, rule, v);
        s->stack[s->depth - 1].nullable = nullable;
        return;
    case COPY:
    case NULLABLE:
    case FORMAT:
    case DROP:
        break;
    }
    copy(s, v);
}

static void keyword(struct schema *s, struct level *l, yyjson_val *k)
{
    yyjson_val *v = yyjson_obj_iter_get_val(k);
    struct span key = json_text(k);
    enum rule rule = COPY;

    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (span_is(key, rules[i].key) || (rules[i].snake && span_is(key, rules[i].snake))) {
            rule = rules[i].rule;
            key = span_str(rules[i].as ? rules[i].as : rules[i].key);
            break;
        }
    if (!is_said(rule, v))
        return;
    json_key_span(&s->w, key);
    write_value(s, l, rule, v);
}

/* The next member of the innermost level, or its end. */
static void step(struct schema *s)
{
    struct level *l = &s->stack[s->depth - 1];
    yyjson_val *k =
        l->rule == LIST ? yyjson_arr_iter_next(&l->items) : yyjson_obj_iter_next(&l->members);

    if (!k) {
        if (l->rule == LIST && l->nullable)
            json_raw(&s->w, SPAN_LIT("{\"type\":\"null\"}"));
        if (l->rule == LIST)
            json_end_array(&s->w);
        else
            json_end_object(&s->w);
        s->depth--;
    } else if (l->rule == SCHEMA) {
        keyword(s, l, k);
    } else if (l->rule == MAP) {
        json_key_span(&s->w, json_text(k));
        write_value(s, l, SCHEMA, yyjson_obj_iter_get_val(k));
    } else {
        write_value(s, l, SCHEMA, k);
    }
}

int gemini_schema(const struct convert_value *x, struct span *ret)
{
    struct schema s = {.x = x};
    struct span text = {NULL, 0};
    struct buf b;

    if (!yyjson_is_obj(x->v))
        return convert_want(x, "an object");
    buf_init(&b, x->q->arena->budget);
    json_write_init(&s.w, &b);
    push(&s, SCHEMA, x->v);
    while (s.depth)
        step(&s);
    if (buf_ok(&b) && !s.no_memory)
        text = arena_dup(x->q->arena, buf_span(&b));
    buf_fini(&b);
    *ret = text;
    return span_has(text) ? 0 : convert_no_memory(x->e);
}
