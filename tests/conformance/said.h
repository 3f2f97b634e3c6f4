/*
 * said.h - what a request or an answer says of one feature, as text, so that two readings of it are
 * compared by what the loss tables say.
 */
#ifndef CONFORMANCE_SAID_H
#define CONFORMANCE_SAID_H

#include "dialect/convert.h"

/* Ends each of several texts of one feature: some dialects join them, and some move them. */
#define SAID_END '\x1e'

/* Append what it says of a feature. What means the same in other words gives the same text. */
void said_request(struct buf *out, const struct chat_request *q, enum chat_feature f);

/* Likewise what a client is to be told of an answer, in a dialect that says the feature so. */
void said_answer(struct buf *out, const struct chat_answer *a, enum chat_feature f,
                 enum convert_loss loss);

/* All its texts, wherever they stand. */
void said_texts(struct buf *out, const struct chat_request *q);

/* Does any of the above say anything of it? */
bool said_by_somebody(enum chat_feature f);

#endif
