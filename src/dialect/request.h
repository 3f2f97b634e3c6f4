/*
 * request.h - what the dialects' request readers share: the keys, and what each may hold.
 *
 * Room: dialect, private to it.
 */
#ifndef DIALECT_REQUEST_H
#define DIALECT_REQUEST_H

#include "dialect/dialect.h"

/* The keys that the gateway reads. One list, longest last: a dialect watches its first n. */
extern const struct json_watch dialect_request_model;       /* only the model */
extern const struct json_watch dialect_request_messages;    /* ... stream and max_tokens */
extern const struct json_watch dialect_request_responses;   /* ... under all its names */
extern const struct json_watch dialect_request_chat;        /* ... what OpenAI's chat adds */
extern const struct json_watch dialect_request_completions; /* ... and its prompt */

/* on_request of all dialects. */
int dialect_request_hit(struct dialect_request_reader *r, const struct json_hit *h);

#endif
