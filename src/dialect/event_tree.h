/*
 * event_tree.h - one whole event of a target's stream as a JSON tree.
 *
 * Room: dialect. Pure but for memory. Threads: one owner.
 */
#ifndef DIALECT_EVENT_TREE_H
#define DIALECT_EVENT_TREE_H

#include "base/buf.h"
#include "codec/json_tree.h"
#include "codec/sse.h"

#define EVENT_TREE_MAX ((size_t)32 * 1024 * 1024) /* longest event that is read */

struct event_tree {
    struct json_tree tree;
    struct buf data; /* of an event in several lines */
    struct sse sse;
};

void event_tree_init(struct event_tree *x);
void event_tree_fini(struct event_tree *x);

/* raw: the event as it came, the blank line behind it included. 0: *root is its data, and NULL if
 * it has none that is JSON (a comment, [DONE]); both live until the next call. -1: it is no JSON
 * (ERR_PROTOCOL), too large (ERR_LIMIT), or there is no memory. */
MUST_CHECK int event_tree_read(struct event_tree *x, struct span raw, struct span *name,
                               yyjson_val **root, struct err *e);

#endif
