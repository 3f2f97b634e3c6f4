/*
 * convert_count.h - how many tokens a prompt has, asked by a client of one dialect and told by a
 * target of another. The prompt is a conversation like any other (convert.h, convert_to.count);
 * only the answer is of its own: a number.
 *
 * A count is the target's own word or none at all: nothing is estimated here.
 *
 * Room: dialect. Pure.
 */
#ifndef DIALECT_CONVERT_COUNT_H
#define DIALECT_CONVERT_COUNT_H

#include "dialect/convert.h"

struct convert_count {
    const struct dialect *dialect; /* of the count */
    const struct convert *convert; /* of the conversation that is counted */
    const char *wrapped; /* the member that may hold the whole request; NULL: it is the body */
    const char *key;     /* the member of the answer that is the number */
    const char *object;  /* what the answer calls itself; NULL: nothing */
};

/* Of that dialect; NULL: it counts no tokens. */
const struct convert_count *convert_count_find(const struct dialect *d);

/* The conversation in the body of a request. */
yyjson_val *convert_count_request(const struct convert_count *c, yyjson_val *root);

/* Append the client's answer for the target's. -1: it has no number (ERR_PROTOCOL), or no memory.
 */
MUST_CHECK int convert_count_answer(const struct convert_count *client,
                                    const struct convert_count *target, yyjson_val *root,
                                    struct buf *out, struct err *e);

#endif
