/*
 * convert_write.c - see convert_write.h.
 */
#include "dialect/convert_write.h"

void convert_write_tree(struct json_write *w, yyjson_val *v)
{
    struct buf text;

    buf_init(&text, w->out->max);
    json_write_tree(&text, v);
    if (buf_ok(&text)) {
        json_raw(w, buf_span(&text));
    } else {
        w->out->err = text.err;
        json_null(w); /* the writer goes on, the buffer does not */
    }
    buf_fini(&text);
}

static void write_typed(struct json_write *w, yyjson_val *schema)
{
    yyjson_obj_iter it;
    yyjson_val *k;

    json_begin_object(w);
    json_kv_cstring(w, "type", "object");
    yyjson_obj_iter_init(schema, &it);
    while ((k = yyjson_obj_iter_next(&it)) != NULL) {
        json_key_span(w, json_text(k));
        convert_write_tree(w, yyjson_obj_iter_get_val(k));
    }
    json_end_object(w);
}

int convert_write_schema(struct json_write *w, struct span schema, struct err *e)
{
    struct json_tree t = {0};
    int rc;

    if (!span_has(schema))
        schema = SPAN_LIT("{}");
    rc = json_tree_read(&t, schema, e);
    if (rc == 0 && yyjson_is_obj(t.root) && !json_get(t.root, "type"))
        write_typed(w, t.root);
    else
        json_raw(w, schema);
    json_tree_fini(&t);
    return rc;
}

int convert_write_args(struct json_write *w, const struct chat_part *call, const struct json_at *at,
                       struct err *e)
{
    struct span args = call->args.n ? call->args : SPAN_LIT("{}");
    struct json_tree t = {0};
    int rc = json_tree_read(&t, args, e);

    if (rc < 0 ? e->code != ERR_NOMEM : !yyjson_is_obj(t.root))
        rc = json_wrong(e, at, "the arguments of a call of '%.*s' are no JSON object",
                        (int)MIN(call->name.n, (size_t)64), call->name.p);
    json_tree_fini(&t);
    json_raw(w, args);
    return rc;
}
