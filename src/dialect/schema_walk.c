/*
 * schema_walk.c - see schema_walk.h.
 */
#include "dialect/schema_walk.h"

int schema_walk_enter(struct schema_walk *s, enum schema_kind kind, yyjson_val *v,
                      struct json_at at, unsigned marks)
{
    struct schema_level *l;

    if (kind == SCHEMA_LIST ? !yyjson_is_arr(v) : !yyjson_is_obj(v))
        return s->ops->plain(s, v, &at);
    MUST(s->depth < ARRAY_LEN(s->stack)); /* a level is a bracket of the tree */
    l = &s->stack[s->depth++];
    *l = (struct schema_level){.kind = kind, .v = v, .at = at, .marks = marks};
    if (kind == SCHEMA_LIST) {
        yyjson_arr_iter_init(v, &l->items);
        json_begin_array(s->w);
    } else {
        yyjson_obj_iter_init(v, &l->members);
        json_begin_object(s->w);
    }
    return s->ops->open ? s->ops->open(s, l) : 0;
}

static int leave(struct schema_walk *s, const struct schema_level *l)
{
    if (s->ops->close)
        s->ops->close(s, l);
    if (l->kind == SCHEMA_LIST)
        json_end_array(s->w);
    else
        json_end_object(s->w);
    s->depth--;
    return 0;
}

/* The next member of the innermost level, or its end. */
static int step(struct schema_walk *s)
{
    struct schema_level *l = &s->stack[s->depth - 1];
    yyjson_val *k = l->kind == SCHEMA_LIST ? yyjson_arr_iter_next(&l->items)
                                           : yyjson_obj_iter_next(&l->members);
    struct span key;

    if (!k)
        return leave(s, l);
    if (l->kind == SCHEMA_ONE)
        return s->ops->keyword(s, l, k);
    if (l->kind == SCHEMA_LIST)
        return schema_walk_enter(s, SCHEMA_ONE, k, JSON_AT_ITEM(&l->at, l->items.idx - 1), 0);
    key = json_text(k);
    json_key_span(s->w, key);
    return schema_walk_enter(s, SCHEMA_ONE, yyjson_obj_iter_get_val(k),
                             (struct json_at){.up = &l->at, .key = key.p, .key_n = key.n}, 0);
}

int schema_walk(struct schema_walk *s, yyjson_val *root, struct json_at at)
{
    int rc = schema_walk_enter(s, SCHEMA_ONE, root, at, 0);

    while (rc == 0 && s->depth)
        rc = step(s);
    return rc;
}
