/*
 * gemini.h - what Google's dialects have in common: what a request says that its URL does not,
 * errors, and answers that are one value.
 *
 * Room: dialect, private to it.
 */
#ifndef DIALECT_GEMINI_H
#define DIALECT_GEMINI_H

#include "dialect/answer.h"

#define GEMINI_ERROR_PATHS(of) of "error", of "error.code", of "error.status", of "error.message"

enum gemini_error_path { GEMINI_ERROR, GEMINI_ERROR_CODE, GEMINI_ERROR_STATUS, GEMINI_ERROR_TEXT };

/* A hit of GEMINI_ERROR_PATHS. True: there is an error. */
bool gemini_error_hit(struct dialect_answer *a, enum gemini_error_path path,
                      const struct json_hit *h);

/* ---- answers that are one value: counts and vectors; never a stream ---- */

/* Of what `a` has shown. */
enum gemini_mark { GEMINI_SAW_VALUE = 1 << 0, GEMINI_SAW_ERROR = 1 << 1 };

static inline void gemini_saw(struct dialect_answer *a, enum gemini_mark m)
{
    a->marks = (uint16_t)(a->marks | m);
}

/* A hit of the root, which is row 0, or of GEMINI_ERROR_PATHS from row `errors` on. */
void gemini_value_hit(struct dialect_answer *a, unsigned errors, const struct json_hit *h);
void gemini_value_end_event(struct dialect_answer *a);
enum dialect_verdict gemini_value_verdict(const struct dialect_answer *a);

/* ---- requests, and errors toward the client ---- */

extern const struct json_watch gemini_request_watch;
int gemini_request_hit(struct dialect_request_reader *r, const struct json_hit *h);

void gemini_write_error(struct buf *out, const struct dialect_error *e);
void gemini_write_error_event(struct buf *out, const struct dialect_error *e);

#endif
