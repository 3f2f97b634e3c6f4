/*
 * convert_cite.h - where a text has its facts from. The conversation holds citations as their
 * maker's JSON (chat.h): each writer takes those that its dialect can say.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_CONVERT_CITE_H
#define DIALECT_CONVERT_CITE_H

#include "codec/json_tree.h"
#include "codec/json_write.h"

/* Call each for every citation of a CHAT_EVENT_CITE or a part. -1: what it said, or no memory. */
MUST_CHECK int convert_cites(struct span items,
                             int (*each)(void *arg, yyjson_val *citation, struct err *e), void *arg,
                             struct err *e);

/* The object with "url", "start_index" and "end_index" of OpenAI's kind, flat as in Responses or
 * nested as in the chat API; NULL: it is of another kind. */
yyjson_val *convert_url_citation(yyjson_val *citation);

/* The members of such a one, but for its type. */
void convert_write_url_citation(struct json_write *w, yyjson_val *url_citation);

#endif
