/*
 * convert_calls.h - which tool calls a request has made so far, by id: a result without its call is
 * refused, however many of both a body holds.
 *
 * Room: dialect, private to it. Pure. Threads: one owner.
 */
#ifndef DIALECT_CONVERT_CALLS_H
#define DIALECT_CONVERT_CALLS_H

#include "chat/chat.h"

/* Open addressing; at most half of the slots are taken. */
struct convert_calls {
    const struct chat_part **slots;
    size_t mask;
};

/* Room for n calls, in the arena. -1: no memory. */
MUST_CHECK int convert_calls_init(struct convert_calls *c, struct arena *a, size_t n);

/* Add a call; of two with one id the first stays. */
void convert_calls_add(struct convert_calls *c, const struct chat_part *call);

/* The call of that id; NULL: there is none. */
const struct chat_part *convert_calls_find(const struct convert_calls *c, struct span id);

/* Give each result of a request that was read the name of its call, where it has none. -1: no
 * memory. */
MUST_CHECK int convert_calls_name_results(struct chat_request *q);

#endif
