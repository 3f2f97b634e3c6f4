/*
 * convert_cite.c - see convert_cite.h.
 */
#include "dialect/convert_cite.h"

static int read_items(struct json_tree *t, struct span items, struct err *e)
{
    struct buf list;
    int rc = -1;

    buf_init(&list, items.n + 2);
    buf_add_char(&list, '[');
    buf_add_span(&list, items);
    buf_add_char(&list, ']');
    if (buf_finish(&list, "citations", e) == 0)
        rc = json_tree_read(t, buf_span(&list), e);
    buf_fini(&list);
    return rc;
}

int convert_cites(struct span items, int (*each)(void *arg, yyjson_val *citation, struct err *e),
                  void *arg, struct err *e)
{
    struct json_tree t = {0};
    int rc = read_items(&t, items, e);
    yyjson_arr_iter it;
    yyjson_val *v;

    yyjson_arr_iter_init(t.root, &it);
    while (rc == 0 && (v = yyjson_arr_iter_next(&it)) != NULL)
        rc = each(arg, v, e);
    json_tree_fini(&t);
    return rc;
}

yyjson_val *convert_url_citation(yyjson_val *citation)
{
    yyjson_val *nested = json_get(citation, "url_citation");
    yyjson_val *v = yyjson_is_obj(nested) ? nested : citation;
    uint64_t n;

    return span_is(json_get_text(citation, "type"), "url_citation") &&
                   yyjson_is_str(json_get(v, "url")) &&
                   json_tree_u64(json_get(v, "start_index"), &n) &&
                   json_tree_u64(json_get(v, "end_index"), &n)
               ? v
               : NULL;
}

void convert_write_url_citation(struct json_write *w, yyjson_val *url_citation)
{
    yyjson_val *title = json_get(url_citation, "title");

    json_key(w, "start_index");
    json_raw(w, json_get_text(url_citation, "start_index"));
    json_key(w, "end_index");
    json_raw(w, json_get_text(url_citation, "end_index"));
    json_kv_string(w, "url", json_get_text(url_citation, "url"));
    json_kv_string(w, "title",
                   yyjson_is_str(title) ? json_get_text(url_citation, "title") : SPAN_LIT(""));
}
