/*
 * request.h - what the dialects' request readers share: the keys, and what each may hold.
 *
 * Room: dialect, private to it.
 */
#ifndef DIALECT_REQUEST_H
#define DIALECT_REQUEST_H

#include "dialect/dialect.h"

/* The keys that the gateway reads. One list, longest last: a dialect watches its first n, and
 * behind them what may be foreign (foreign.h). */
extern const struct json_watch dialect_request_model;    /* only the model */
extern const struct json_watch dialect_request_messages; /* ... stream and max_tokens */
extern const struct json_watch dialect_request_anthropic_count, dialect_request_anthropic;
extern const struct json_watch dialect_request_responses;   /* ... max_tokens under all its names */
extern const struct json_watch dialect_request_chat;        /* ... what OpenAI's chat adds */
extern const struct json_watch dialect_request_completions; /* ... and its prompt */

/* on_request of all dialects that have these keys. */
int dialect_request_hit(struct dialect_request_reader *r, const struct json_hit *h);

/* on_request of Responses, which have the answer that they go on from besides. */
int dialect_request_responses_hit(struct dialect_request_reader *r, const struct json_hit *h);

/* For those that have others. Each of them -1 when the body was refused. */

/* Refuse the body. Returns -1. */
int request_refuse(struct dialect_request_reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The key of this hit may come once, in plain spelling; all spellings of one key have one number,
 * below 32. */
MUST_CHECK int request_once(struct dialect_request_reader *r, const struct json_hit *h,
                            unsigned key);

/* The hit is the most tokens of the answer, the number of choices. */
MUST_CHECK int request_tokens(struct dialect_request_reader *r, const struct json_hit *h);
MUST_CHECK int request_choices(struct dialect_request_reader *r, const struct json_hit *h);

#endif
