/*
 * gemini_schema.c - Google's subset of OpenAPI's schemas, as JSON Schema.
 *
 * What differs: types are in upper case, `nullable` stands beside the type instead of in it, whole
 * numbers may come as strings (as protobuf writes int64), and keys have two spellings. All else is
 * JSON Schema already.
 */
#include "dialect/gemini/gemini_convert.h"
#include "dialect/schema_walk.h"

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

/* Marks of an open schema; NULLABLE_TOO of a list: one more that allows null is due. */
enum { NULLABLE_TOO = 1 << 0, TYPED = 1 << 1 };

struct schema {
    const struct convert_value *x;
    struct json_write w;
    bool no_memory;
};

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

static int enter(struct schema_walk *walk, const struct schema_level *l, enum rule rule,
                 yyjson_val *v, const struct json_at *at)
{
    bool null_too = rule == LIST && l->marks & NULLABLE_TOO && !(l->marks & TYPED);

    return schema_walk_enter(walk,
                             rule == LIST  ? SCHEMA_LIST
                             : rule == MAP ? SCHEMA_MAP
                                           : SCHEMA_ONE,
                             v, *at, null_too ? NULLABLE_TOO : 0);
}

static int write_value(struct schema_walk *walk, const struct schema_level *l, enum rule rule,
                       yyjson_val *v, const struct json_at *at)
{
    struct schema *s = walk->arg;
    bool nullable = l->marks & NULLABLE_TOO;

    switch (rule) {
    case TYPE:
        write_type(s, v, nullable);
        return 0;
    case VALUES:
        write_values(s, v, nullable);
        return 0;
    case NUMBER:
        write_number(s, v);
        return 0;
    case EXAMPLE:
        json_begin_array(&s->w);
        copy(s, v);
        json_end_array(&s->w);
        return 0;
    case SCHEMA:
    case MAP:
    case LIST:
        return enter(walk, l, rule, v, at);
    case COPY:
    case NULLABLE:
    case FORMAT:
    case DROP:
        break;
    }
    copy(s, v);
    return 0;
}

static int open_level(struct schema_walk *walk, struct schema_level *l)
{
    (void)walk;
    if (l->kind != SCHEMA_ONE)
        return 0;
    l->marks = yyjson_is_true(json_get(l->v, "nullable")) ? NULLABLE_TOO : 0;
    l->marks |= json_get(l->v, "type") ? TYPED : 0;
    return 0;
}

static void close_level(struct schema_walk *walk, const struct schema_level *l)
{
    if (l->kind == SCHEMA_LIST && l->marks & NULLABLE_TOO)
        json_raw(walk->w, SPAN_LIT("{\"type\":\"null\"}"));
}

static int keyword(struct schema_walk *walk, struct schema_level *l, yyjson_val *k)
{
    yyjson_val *v = yyjson_obj_iter_get_val(k);
    struct span key = json_text(k);
    struct json_at at = {.up = &l->at, .key = key.p, .key_n = key.n};
    enum rule rule = COPY;

    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (span_is(key, rules[i].key) || (rules[i].snake && span_is(key, rules[i].snake))) {
            rule = rules[i].rule;
            key = span_str(rules[i].as ? rules[i].as : rules[i].key);
            break;
        }
    if (!is_said(rule, v))
        return 0;
    json_key_span(walk->w, key);
    return write_value(walk, l, rule, v, &at);
}

static int plain(struct schema_walk *walk, yyjson_val *v, const struct json_at *at)
{
    (void)at;
    copy(walk->arg, v);
    return 0;
}

int gemini_read_schema(const struct convert_value *x)
{
    static const struct schema_ops ops = {open_level, keyword, plain, close_level};
    struct schema s = {.x = x};
    struct schema_walk walk = {.ops = &ops, .arg = &s, .w = &s.w};
    struct span text = {NULL, 0};
    struct buf b;

    if (!yyjson_is_obj(x->v))
        return convert_want(x, "an object");
    buf_init(&b, x->q->arena->budget);
    json_write_init(&s.w, &b);
    if (schema_walk(&walk, x->v, (struct json_at){0}) == 0 && buf_ok(&b) && !s.no_memory)
        text = arena_dup(x->q->arena, buf_span(&b));
    buf_fini(&b);
    *(struct span *)(void *)((char *)x->to + x->key->at) = text;
    return span_has(text) ? 0 : convert_no_memory(x->e);
}
