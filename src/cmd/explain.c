/*
 * explain.c - see explain.h.
 */
#include "cmd/explain.h"

#include "relay/explain.h"

int explain_route(const struct run *run, struct ev *ev, const struct ops_question *q,
                  struct settings *settings, struct buf *out, struct err *e)
{
    struct relay_question ask = {.path = q->path,
                                 .model = q->model,
                                 .key = q->key,
                                 .body = q->body,
                                 .data_class = q->data_class,
                                 .tags = q->tags,
                                 .conversation = q->conversation};

    return relay_explain(out, &ask, ev, settings, run->board, run->workers, e);
}
