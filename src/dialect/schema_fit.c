/*
 * schema_fit.c - see schema_fit.h.
 *
 * What is sound, and what is not. Closing an object that the client left open is: what the target
 * may then answer, the client's schema takes. To ask for a property that may be left out is sound
 * only where it may be null, which is how the model then leaves it out, or where it has but one
 * value; else the model would have to make one up. An object of any members at all would be one of
 * none if it were closed; and one whose members stand in several schemas at once, each of them
 * closed, could not be at all.
 */
#include "dialect/schema_fit.h"

#include "dialect/convert_read.h"
#include "dialect/convert_write.h"
#include "dialect/schema_refs.h"

#define DEFINITIONS "#/definitions/"

#define WHOLE_MOST (UINT64_C(1) << 53)

/* Marks of a schema: `required` is written; it has a $ref; keywords of rule 0, 1, ... were renamed.
 */
enum { ASKED = 1 << 0, REFERS = 1 << 1, RENAMED = 1 << 2 };

struct fit {
    struct schema_walk walk;
    const struct schema_rules *r;
    size_t properties, values, chars; /* so far */
    struct schema_refs refs;
    const yyjson_val *loop; /* a reference that cannot be said */
    bool *nearly;
    struct err *e;
};

/* A keyword of a schema that is open. */
struct word {
    struct schema_level *l;
    const struct schema_row *row;
    struct span key;
    yyjson_val *v;
    struct json_at at;
};

static bool is_word(yyjson_val *type, const char *word)
{
    yyjson_arr_iter it;
    yyjson_val *one;

    if (!yyjson_arr_iter_init(type, &it))
        return span_is(json_text(type), word);
    while ((one = yyjson_arr_iter_next(&it)))
        if (span_is(json_text(one), word))
            return true;
    return false;
}

static bool is_object(yyjson_val *v)
{
    return is_word(json_get(v, "type"), "object") || json_get(v, "properties");
}

static bool any_of(yyjson_val *v, const char *const *keys)
{
    for (; *keys; keys++)
        if (json_get(v, *keys))
            return true;
    return false;
}

/* ---- bounds ---- */

static size_t characters(struct span s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static int count(struct fit *f, size_t *sum, size_t n, size_t most, const char *what,
                 const struct json_at *at)
{
    *sum += n;
    if (*sum > most)
        return json_wrong(f->e, at, "%s are more than %zu", what, most);
    return 0;
}

static int count_chars(struct fit *f, size_t n, const struct json_at *at)
{
    return f->r->bounds
               ? count(f, &f->chars, n, f->r->bounds->chars, "characters of names and values", at)
               : 0;
}

static int count_names(struct fit *f, const struct schema_level *l)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(l->v);
    yyjson_val *k;
    size_t n = 0;

    while ((k = yyjson_obj_iter_next(&it)))
        n += characters(json_text(k));
    return count_chars(f, n, &l->at);
}

/* Levels are those of objects and arrays. */
static int check_nest(struct fit *f, const struct schema_level *l)
{
    bool deeper =
        is_object(l->v) || json_get(l->v, "items") || is_word(json_get(l->v, "type"), "array");

    if (!f->r->bounds || !deeper || l->nest <= f->r->bounds->nest)
        return 0;
    return json_wrong(f->e, &l->at, "levels of nesting are more than %zu", f->r->bounds->nest);
}

/* ---- objects ---- */

static bool lists(yyjson_val *required, struct span name)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(required);
    yyjson_val *one;

    while ((one = yyjson_arr_iter_next(&it)))
        if (span_eq(json_text(one), name))
            return true;
    return false;
}

/* Does the schema take null, as far as is seen without looking further than a list of schemas? */
static bool takes_null(yyjson_val *v, bool look)
{
    static const char *const others[] = {"const", "allOf", "$ref", "not", NULL};
    yyjson_val *values = json_get(v, "enum"), *type = json_get(v, "type"), *one;
    yyjson_val *list = json_get(v, "anyOf") ? json_get(v, "anyOf") : json_get(v, "oneOf");
    yyjson_arr_iter it;
    bool found = !values;

    if (any_of(v, others) || (type && !is_word(type, "null")))
        return false;
    if (yyjson_arr_iter_init(values, &it))
        while ((one = yyjson_arr_iter_next(&it)))
            found = found || yyjson_is_null(one);
    if (!found || !list)
        return found && (type || values);
    if (look && yyjson_arr_iter_init(list, &it))
        while ((one = yyjson_arr_iter_next(&it)))
            if (takes_null(one, false))
                return true;
    return false;
}

static bool is_settled(yyjson_val *v)
{
    return json_get(v, "const") || yyjson_arr_size(json_get(v, "enum")) == 1;
}

/* Names of `required` that are no properties. */
static int check_required(struct fit *f, const struct schema_level *l, yyjson_val *properties)
{
    struct json_at at = JSON_AT_KEY(&l->at, "required");
    yyjson_val *required = json_get(l->v, "required"), *one;
    yyjson_arr_iter it;

    if (required && !yyjson_is_arr(required))
        return json_wrong(f->e, &at, "a list is wanted");
    if (yyjson_arr_size(required) > yyjson_obj_size(properties))
        return json_wrong(f->e, &at, "it has more names than there are properties");
    it = yyjson_arr_iter_with(required);
    while ((one = yyjson_arr_iter_next(&it)))
        if (!yyjson_is_str(one) ||
            !yyjson_obj_getn(properties, yyjson_get_str(one), yyjson_get_len(one)))
            return json_wrong(f->e, &JSON_AT_ITEM(&at, it.idx - 1), "there is no such property");
    return 0;
}

/* All properties have to be there. */
static int ask_for_all(struct fit *f, struct schema_level *l, yyjson_val *properties)
{
    struct json_at at = JSON_AT_KEY(&l->at, "properties");
    yyjson_val *required = json_get(l->v, "required"), *k;
    yyjson_obj_iter it = yyjson_obj_iter_with(properties);
    bool all = true;

    while ((k = yyjson_obj_iter_next(&it))) {
        yyjson_val *v = yyjson_obj_iter_get_val(k);
        struct span key = json_text(k);

        if (lists(required, key))
            continue;
        if (!takes_null(v, true) && !is_settled(v))
            return json_wrong(f->e, &(struct json_at){.up = &at, .key = key.p, .key_n = key.n},
                              "it may be left out: %s", f->r->lacks);
        all = false;
    }
    if (all)
        return 0;
    l->marks |= ASKED;
    json_key(f->walk.w, "required");
    json_begin_array(f->walk.w);
    it = yyjson_obj_iter_with(properties);
    while ((k = yyjson_obj_iter_next(&it)))
        json_string(f->walk.w, json_text(k));
    json_end_array(f->walk.w);
    return 0;
}

static int open_whole(struct fit *f, struct schema_level *l)
{
    yyjson_val *properties = json_get(l->v, "properties");

    if (!yyjson_is_obj(properties))
        return json_wrong(f->e, &l->at, "an object of any members: %s", f->r->lacks);
    if ((f->r->bounds && count(f, &f->properties, yyjson_obj_size(properties),
                               f->r->bounds->properties, "properties", &l->at) < 0) ||
        check_required(f, l, properties) < 0)
        return -1;
    if (!json_get(l->v, "type"))
        json_kv_cstring(f->walk.w, "type", "object");
    return ask_for_all(f, l, properties);
}

static int open_object(struct fit *f, struct schema_level *l)
{
    static const char *const besides[] = {"anyOf", "oneOf", "allOf", "$ref"};

    for (size_t i = 0; i < ARRAY_LEN(besides); i++)
        if (json_get(l->v, besides[i]))
            return json_wrong(f->e, &JSON_AT_KEY(&l->at, besides[i]),
                              "it stands beside an object, which could then not be closed");
    if (f->r->whole && open_whole(f, l) < 0)
        return -1;
    if (!json_get(l->v, "additionalProperties"))
        json_kv_bool(f->walk.w, "additionalProperties", false);
    return 0;
}

static size_t nest_of(const struct schema_walk *s, const struct schema_level *l)
{
    const struct schema_level *up = s->depth > 1 ? l - 1 : NULL;

    if (!up || (l->kind == SCHEMA_MAP && !span_is(span_of(l->at.key, l->at.key_n), "properties")))
        return 1; /* definitions begin anew */
    if (up->kind == SCHEMA_ONE && l->kind != SCHEMA_LIST)
        return up->nest + 1;
    return up->nest;
}

static int open_level(struct schema_walk *s, struct schema_level *l)
{
    static const char *const types[] = {"type",  "enum",  "const", "anyOf",
                                        "oneOf", "allOf", "$ref",  NULL};
    struct fit *f = s->arg;

    l->nest = nest_of(s, l);
    if (l->kind == SCHEMA_MAP)
        return count_names(f, l);
    if (l->kind == SCHEMA_LIST)
        return 0;
    l->marks |= json_get(l->v, "$ref") ? REFERS : 0;
    if (check_nest(f, l) < 0)
        return -1;
    if (f->r->closes && is_object(l->v))
        return open_object(f, l);
    if (f->r->whole && !any_of(l->v, types))
        return json_wrong(f->e, &l->at, "a value of any type: %s", f->r->lacks);
    return 0;
}

/* ---- keywords ---- */

static int refuse(struct fit *f, const struct word *x)
{
    return json_wrong(f->e, &x->at, "%s", f->r->lacks);
}

static void say_key(struct fit *f, const struct word *x)
{
    json_key_span(f->walk.w, x->row->as ? span_str(x->row->as) : x->key);
}

static int copy(struct fit *f, const struct word *x)
{
    say_key(f, x);
    convert_write_tree(f->walk.w, x->v);
    return 0;
}

static int drop(struct fit *f, const struct word *x)
{
    (void)f;
    (void)x;
    return 0;
}

static int closed(struct fit *f, const struct word *x)
{
    return yyjson_is_false(x->v) ? copy(f, x) : refuse(f, x);
}

static int few(struct fit *f, const struct word *x)
{
    uint64_t n;

    return json_tree_u64(x->v, &n) && n <= 1 ? copy(f, x) : refuse(f, x);
}

static int format(struct fit *f, const struct word *x)
{
    for (const char *const *one = f->r->formats; one && *one; one++)
        if (span_is(json_text(x->v), *one))
            return copy(f, x);
    if (!f->r->formats)
        return copy(f, x);
    *f->nearly = true;
    return 0;
}

static int values(struct fit *f, const struct word *x)
{
    const struct schema_bounds *b = f->r->bounds;
    yyjson_arr_iter it = yyjson_arr_iter_with(x->v);
    yyjson_val *one;
    size_t n = 0, long_n = 0;

    while ((one = yyjson_arr_iter_next(&it))) {
        if (f->r->plain_enum && !span_has(json_text(one)))
            return refuse(f, x);
        n += yyjson_is_str(one) ? characters(json_text(one)) : 0;
    }
    if (b &&
        (count(f, &f->values, yyjson_arr_size(x->v), b->values, "values of enums", &x->at) < 0 ||
         (yyjson_arr_size(x->v) > b->many &&
          count(f, &long_n, n, b->many_chars, "characters of so many values", &x->at) < 0)))
        return -1;
    return count_chars(f, n, &x->at) < 0 ? -1 : copy(f, x);
}

/* Also as an enum of one. */
static int value(struct fit *f, const struct word *x)
{
    if (count_chars(f, yyjson_is_str(x->v) ? characters(json_text(x->v)) : 0, &x->at) < 0)
        return -1;
    if (!x->row->as)
        return copy(f, x);
    if (f->r->plain_enum && !span_has(json_text(x->v)))
        return refuse(f, x);
    say_key(f, x);
    json_begin_array(f->walk.w);
    convert_write_tree(f->walk.w, x->v);
    json_end_array(f->walk.w);
    return 0;
}

static int refer(struct fit *f, const struct word *x)
{
    struct span to = json_text(x->v);
    const struct schema_row *defs = NULL;

    if (!f->r->ref_alone)
        return copy(f, x);
    if (!yyjson_is_str(x->v) || !span_starts(to, SPAN_LIT("#")))
        return refuse(f, x);
    if (x->v == f->loop)
        return json_wrong(f->e, &x->at, "a schema inside of itself cannot be left out there");
    if (f->r->no_loops && !f->loop && schema_refs_add(&f->refs, &f->walk, x->v, f->e) < 0)
        return -1;
    for (size_t i = 0; i < f->r->rows_n && span_starts(to, SPAN_LIT(DEFINITIONS)); i++)
        if (strcmp(f->r->rows[i].key, "definitions") == 0 && f->r->rows[i].as)
            defs = &f->r->rows[i];
    if (!defs)
        return copy(f, x);
    say_key(f, x);
    json_raw(f->walk.w, SPAN_LIT("\"#/"));
    json_escape(f->walk.w->out, span_str(defs->as));
    buf_add_char(f->walk.w->out, '/');
    json_escape(f->walk.w->out, span_of(to.p + strlen(DEFINITIONS), to.n - strlen(DEFINITIONS)));
    buf_add_char(f->walk.w->out, '"');
    return 0;
}

/* Of whole numbers: above 0 is from 1 on. */
static int next_whole(struct fit *f, const struct word *x)
{
    bool above = x->row->rule == SCHEMA_ABOVE;
    uint64_t n;

    if (!span_is(json_get_text(x->l->v, "type"), "integer") || !json_tree_u64(x->v, &n) ||
        n > WHOLE_MOST || (n == 0 && !above))
        return refuse(f, x);
    say_key(f, x);
    json_uint(f->walk.w, above ? n + 1 : n - 1);
    return 0;
}

static int required(struct fit *f, const struct word *x)
{
    return x->l->marks & ASKED ? 0 : copy(f, x);
}

static int into(struct fit *f, const struct word *x)
{
    say_key(f, x);
    return schema_walk_enter(&f->walk, SCHEMA_ONE, x->v, x->at, 0);
}

static int named(struct fit *f, const struct word *x)
{
    say_key(f, x);
    return schema_walk_enter(&f->walk, SCHEMA_MAP, x->v, x->at, 0);
}

static int several(struct fit *f, const struct word *x)
{
    say_key(f, x);
    return schema_walk_enter(&f->walk, SCHEMA_LIST, x->v, x->at, 0);
}

static int loosely(struct fit *f, const struct word *x)
{
    *f->nearly = true;
    return several(f, x);
}

static int single(struct fit *f, const struct word *x)
{
    return yyjson_arr_size(x->v) == 1 ? several(f, x) : refuse(f, x);
}

static int (*const rules[])(struct fit *f, const struct word *x) = {
    [SCHEMA_REFUSED] = refuse,    [SCHEMA_COPY] = copy,        [SCHEMA_NOTE] = copy,
    [SCHEMA_DROP] = drop,         [SCHEMA_FALSE] = closed,     [SCHEMA_FEW] = few,
    [SCHEMA_FORMAT] = format,     [SCHEMA_VALUES] = values,    [SCHEMA_VALUE] = value,
    [SCHEMA_REFER] = refer,       [SCHEMA_INTO] = into,        [SCHEMA_NAMED] = named,
    [SCHEMA_REQUIRED] = required, [SCHEMA_SEVERAL] = several,  [SCHEMA_NEARLY] = loosely,
    [SCHEMA_SINGLE] = single,     [SCHEMA_ABOVE] = next_whole, [SCHEMA_BELOW] = next_whole,
};

/* Two keywords that would have one name are none that can be said. */
static bool is_taken(struct word *x)
{
    enum schema_rule rule = x->row->rule == SCHEMA_SINGLE ? SCHEMA_NEARLY : x->row->rule;
    unsigned mark = (unsigned)RENAMED << rule;
    bool taken = x->row->as && (x->l->marks & mark || json_get(x->l->v, x->row->as));

    if (x->row->as)
        x->l->marks |= mark;
    return taken;
}

static int keyword(struct schema_walk *s, struct schema_level *l, yyjson_val *k)
{
    static const struct schema_row unknown = {NULL, SCHEMA_REFUSED, NULL};
    struct fit *f = s->arg;
    struct span key = json_text(k);
    struct word x = {.l = l,
                     .row = &unknown,
                     .key = key,
                     .v = yyjson_obj_iter_get_val(k),
                     .at = {.up = &l->at, .key = key.p, .key_n = key.n}};

    for (size_t i = 0; i < f->r->rows_n && x.row == &unknown; i++)
        if (span_is(key, f->r->rows[i].key))
            x.row = &f->r->rows[i];
    if (f->r->ref_alone && l->marks & REFERS) {
        if (x.row->rule == SCHEMA_NOTE)
            return 0;
        if (x.row->rule != SCHEMA_DROP && key.n && *key.p != '$' &&
            !(x.row->as && *x.row->as == '$'))
            return json_wrong(f->e, &x.at, "it stands beside a $ref");
    }
    return is_taken(&x) ? refuse(f, &x) : rules[x.row->rule](f, &x);
}

static int plain(struct schema_walk *s, yyjson_val *v, const struct json_at *at)
{
    struct fit *f = s->arg;

    if (f->r->whole)
        return json_wrong(f->e, at, "no schema: %s", f->r->lacks);
    convert_write_tree(s->w, v);
    return 0;
}

/* ---- the whole ---- */

static int check_root(struct fit *f, yyjson_val *root, const struct json_at *at)
{
    yyjson_val *type = json_get(root, "type");

    if (!yyjson_is_obj(root))
        return json_wrong(f->e, at, "an object is wanted");
    if (f->r->whole && !(type ? span_is(json_text(type), "object") : is_object(root)))
        return json_wrong(f->e, at, "an answer that is no object: %s", f->r->lacks);
    return 0;
}

/* Once more, to where its place is known. */
static int walk_to_loop(struct fit *f, yyjson_val *root, struct json_at at)
{
    struct json_write nowhere;
    struct buf none;

    buf_init(&none, 0);
    json_write_init(&nowhere, &none);
    f->walk.w = &nowhere;
    return schema_walk(&f->walk, root, at);
}

int schema_fit(struct json_write *w, struct span schema, const struct schema_rules *r, bool *nearly,
               struct err *e)
{
    static const struct schema_ops ops = {.open = open_level, .keyword = keyword, .plain = plain};
    struct fit f = {.walk = {.ops = &ops, .w = w}, .r = r, .nearly = nearly, .e = e};
    struct json_at at = JSON_AT_KEY(NULL, "schema");
    struct json_tree t = {0};
    int rc = json_tree_read(&t, schema, e);

    f.walk.arg = &f;
    schema_refs_init(&f.refs);
    if (rc == 0)
        rc = check_root(&f, t.root, &at);
    if (rc == 0)
        rc = schema_walk(&f.walk, t.root, at);
    if (rc == 0)
        rc = schema_refs_loop(&f.refs, &f.loop, e);
    if (rc == 0 && f.loop)
        rc = walk_to_loop(&f, t.root, at);
    schema_refs_fini(&f.refs);
    json_tree_fini(&t);
    return rc;
}

int schema_fit_try(struct buf *out, struct span schema, const struct schema_rules *r, bool *nearly,
                   struct err *e)
{
    struct json_write w;
    bool other = false;

    json_write_init(&w, out);
    if (schema_fit(&w, schema, r, &other, e) < 0)
        return e->code == ERR_PROTOCOL ? 0 : -1;
    *nearly = *nearly || other;
    return buf_finish(out, "a schema", e) < 0 ? -1 : 1;
}
