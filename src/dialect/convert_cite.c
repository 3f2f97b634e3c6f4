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

bool convert_is_url_citation(yyjson_val *citation)
{
    return convert_url_citation(citation) != NULL;
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

void convert_add_url_citation(struct buf *out, const struct convert_cited *c)
{
    struct json_write w;

    json_write_init(&w, out);
    json_begin_object(&w);
    json_kv_cstring(&w, "type", "url_citation");
    json_kv_uint(&w, "start_index", c->start);
    json_kv_uint(&w, "end_index", c->end);
    json_kv_string(&w, "url", c->url);
    json_kv_string(&w, "title", span_has(c->title) ? c->title : SPAN_LIT(""));
    json_end_object(&w);
}

/* ---- characters and bytes ---- */

static bool begins(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

static int add_width(struct convert_widths *w, struct arena *a, uint32_t extra)
{
    if (w->n == CONVERT_WIDTHS_MAX || w->chars > UINT32_MAX || w->extra > UINT32_MAX - 4) {
        w->full = true;
        return 0;
    }
    if (w->n == w->cap) {
        uint32_t cap = MAX(2 * w->cap, UINT32_C(16));
        struct convert_width *more = arena_alloc(a, cap * sizeof(*more));

        if (!more)
            return -1;
        if (w->n)
            memcpy(more, w->rows, w->n * sizeof(*more));
        w->rows = more;
        w->cap = cap;
    }
    w->extra += extra;
    w->rows[w->n++] = (struct convert_width){.at = (uint32_t)w->chars, .extra = (uint32_t)w->extra};
    return 0;
}

int convert_widths_add(struct convert_widths *w, struct arena *a, struct span text)
{
    for (size_t i = 0; i < text.n && !w->full; w->chars += !w->full) {
        uint32_t extra = 0;

        for (i++; i < text.n && !begins(text.p[i]); i++)
            extra++;
        if (extra && add_width(w, a, extra) < 0)
            return -1;
    }
    return 0;
}

/* What there is beyond a byte each before a character. */
static uint64_t extra_before(const struct convert_widths *w, uint64_t at)
{
    uint32_t low = 0, high = w->n; /* the first row that is not before it is in between */

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (w->rows[mid].at < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? w->rows[low - 1].extra : 0;
}

bool convert_widths_byte(const struct convert_widths *w, uint64_t at, uint64_t *ret)
{
    *ret = at + extra_before(w, at);
    return at <= w->chars;
}

bool convert_widths_char(const struct convert_widths *w, uint64_t byte, uint64_t *ret)
{
    uint64_t low = 0, high = w->chars, at;

    while (low < high) { /* the last character that does not begin behind it */
        uint64_t mid = low + (high - low + 1) / 2;

        if (mid + extra_before(w, mid) <= byte)
            low = mid;
        else
            high = mid - 1;
    }
    *ret = low;
    return convert_widths_byte(w, low, &at) && at == byte;
}
