/*
 * heard.h - the bytes of an answer, read as the conversation: what whoever speaks the dialect
 * hears.
 */
#ifndef CONFORMANCE_HEARD_H
#define CONFORMANCE_HEARD_H

#include "dialect/convert.h"

struct heard {
    struct arena arena;
    struct convert_reader reader;
    struct chat_collect *collect;
};

void heard_init(struct heard *h, const struct convert *c);
void heard_fini(struct heard *h);

/* A stream of events, or a whole answer. */
int heard_read(struct heard *h, struct span text, bool stream, struct err *e);

const struct chat_answer *heard_answer(struct heard *h);

/* Call fn for each event of a stream: up to its blank line. */
int heard_each_event(struct span s, int (*fn)(void *arg, struct span raw, struct err *e), void *arg,
                     struct err *e);

/* Is this stream of events complete, by its own terminal? */
bool heard_is_complete(const struct convert *client, struct span s);

#endif
