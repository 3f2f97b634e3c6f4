/*
 * schema_refs.c - see schema_refs.h.
 *
 * A reference leads to a schema, and so to all the references inside of that one, but for those
 * that can be left out together with a property: a loop is a way from a reference to itself. As the
 * values of a tree stand in the order of the text, "inside of" is a range of it.
 */
#include "dialect/schema_refs.h"

#define NOT_OPEN SIZE_MAX

struct ref {
    const yyjson_val *at;
    const yyjson_val *since; /* the outermost schema that cannot be without it */
    const yyjson_val *to, *end;
    size_t next;   /* of the list: what is to be looked at */
    size_t before; /* the one that led here */
    bool open, done;
};

void schema_refs_init(struct schema_refs *r)
{
    *r = (struct schema_refs){0};
    buf_init(&r->list, SCHEMA_REFS_MAX * sizeof(struct ref));
}

void schema_refs_fini(struct schema_refs *r)
{
    buf_fini(&r->list);
}

static int look(struct schema_refs *r, size_t n, struct err *e)
{
    r->looks += n;
    if (r->looks <= SCHEMA_LOOKS_MAX)
        return 0;
    return err_set(e, ERR_PROTOCOL, "schema: too many names and references have to be looked at");
}

/* ---- one ---- */

static int is_asked(struct schema_refs *r, yyjson_val *schema, const struct json_at *name,
                    struct err *e)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(schema, "required"));
    yyjson_val *one;

    if (look(r, it.max, e) < 0)
        return -1;
    while ((one = yyjson_arr_iter_next(&it)))
        if (span_eq(json_text(one), span_of(name->key, name->key_n)))
            return 1;
    return 0;
}

/* From the innermost schema outward, to a property that may be left out, or a definition. */
static int find_since(struct schema_refs *r, const struct schema_walk *s, struct ref *ret,
                      struct err *e)
{
    size_t i = s->depth - 1;
    int asked = 1;

    for (; i > 0; i--) {
        const struct schema_level *map = &s->stack[i - 1], *in = map + 1;

        if (map->kind != SCHEMA_MAP)
            continue;
        if (!span_is(span_of(map->at.key, map->at.key_n), "properties"))
            break;
        asked = is_asked(r, s->stack[i - 2].v, &in->at, e);
        if (asked < 1)
            break;
    }
    ret->since = s->stack[i].v;
    return asked < 0 ? -1 : 0;
}

/* "#" and "#/$defs/name"; an anchor, which leads nowhere here, is left to the API. */
static int find_target(struct schema_refs *r, const struct schema_walk *s, struct span to,
                       struct ref *ret, struct err *e)
{
    yyjson_val *v = s->stack[0].v;
    size_t end;

    for (size_t at = 1; v && at < to.n; at = end) {
        size_t n = span_find(span_of(to.p + at + 1, to.n - at - 1), '/');

        end = n == SIZE_MAX ? to.n : at + 1 + n;
        if (look(r, yyjson_is_ctn(v) ? yyjson_get_len(v) : 0, e) < 0)
            return -1;
        v = yyjson_ptr_getn(v, to.p + at, end - at);
    }
    ret->to = v;
    ret->end = v ? json_tree_next(v) : NULL;
    return 0;
}

int schema_refs_add(struct schema_refs *r, const struct schema_walk *s, yyjson_val *ref,
                    struct err *e)
{
    struct ref one = {.at = ref};

    if (find_since(r, s, &one, e) < 0 || find_target(r, s, json_text(ref), &one, e) < 0)
        return -1;
    if (!one.to)
        return 0;
    if (r->list.n == r->list.max)
        return err_set(e, ERR_PROTOCOL, "schema: references are more than %d", SCHEMA_REFS_MAX);
    buf_add(&r->list, &one, sizeof(one));
    return buf_finish(&r->list, "schema references", e);
}

/* ---- all ---- */

/* The first one at or behind v. */
static size_t first_from(const struct ref *refs, size_t n, const yyjson_val *v)
{
    size_t low = 0;

    while (low < n) {
        size_t mid = low + (n - low) / 2;

        if (refs[mid].at < v)
            low = mid + 1;
        else
            n = mid;
    }
    return low;
}

static void open_ref(struct ref *refs, size_t n, size_t i, size_t before)
{
    refs[i].open = true;
    refs[i].before = before;
    refs[i].next = first_from(refs, n, refs[i].to);
}

/* Everywhere that reference i leads to, depth first. */
static int follow(struct schema_refs *r, struct ref *refs, size_t n, size_t i,
                  const yyjson_val **ret, struct err *e)
{
    open_ref(refs, n, i, NOT_OPEN);
    while (i != NOT_OPEN) {
        size_t next = refs[i].next++;

        if (look(r, 1, e) < 0)
            return -1;
        if (next >= n || refs[next].at >= refs[i].end) {
            refs[i].open = false;
            refs[i].done = true;
            i = refs[i].before;
        } else if (refs[next].since > refs[i].to || refs[next].done) {
            continue; /* without it, or seen */
        } else if (refs[next].open) {
            *ret = refs[next].at;
            return 0;
        } else {
            open_ref(refs, n, next, i);
            i = next;
        }
    }
    return 0;
}

int schema_refs_loop(struct schema_refs *r, const yyjson_val **ret, struct err *e)
{
    struct ref *refs = (struct ref *)(void *)r->list.p;
    size_t n = r->list.n / sizeof(*refs);

    *ret = NULL;
    for (size_t i = 0; i < n && !*ret; i++)
        if (!refs[i].done && follow(r, refs, n, i, ret, e) < 0)
            return -1;
    return 0;
}
