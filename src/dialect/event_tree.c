/*
 * event_tree.c - see event_tree.h.
 */
#include "dialect/event_tree.h"

void event_tree_init(struct event_tree *x)
{
    *x = (struct event_tree){0};
    buf_init(&x->data, EVENT_TREE_MAX);
}

void event_tree_fini(struct event_tree *x)
{
    json_tree_fini(&x->tree);
    buf_fini(&x->data);
}

/* The event's data: where it stands, or gathered if it stands in several lines. */
static int data_of(struct event_tree *x, struct span raw, struct span *ret, struct err *e)
{
    size_t at = 0, runs = 0;

    *ret = span_of(NULL, 0);
    buf_reset(&x->data);
    sse_init(&x->sse);
    while (at < raw.n) {
        struct sse_step s = sse_next(&x->sse, raw.p + at, raw.n - at);

        at += s.used;
        if (s.kind == SSE_MORE || s.kind == SSE_EVENT)
            break;
        if (s.kind != SSE_DATA)
            continue;
        if (++runs == 2)
            buf_add_span(&x->data, *ret);
        if (runs > 1)
            buf_add_span(&x->data, s.data);
        *ret = runs > 1 ? buf_span(&x->data) : s.data;
    }
    return buf_finish(&x->data, "event", e);
}

int event_tree_read(struct event_tree *x, struct span raw, struct span *name, yyjson_val **root,
                    struct err *e)
{
    struct span data;

    *root = NULL;
    if (raw.n > EVENT_TREE_MAX)
        return err_set(e, ERR_LIMIT, "an event is larger than %zu bytes", EVENT_TREE_MAX);
    if (data_of(x, raw, &data, e) < 0)
        return -1;
    *name = sse_name(&x->sse);
    if (data.n == 0 || span_is(span_trim(data), "[DONE]"))
        return 0;
    if (json_tree_read(&x->tree, data, e) < 0)
        return -1;
    *root = x->tree.root;
    return 0;
}
