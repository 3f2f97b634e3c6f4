/*
 * gemini.h - what Gemini's generateContent and countTokens have in common: what a request says
 * that its URL does not, and errors.
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

extern const struct json_watch gemini_request_watch;
int gemini_request_hit(struct dialect_request_reader *r, const struct json_hit *h);

void gemini_write_error(struct buf *out, const struct dialect_error *e);
void gemini_write_error_event(struct buf *out, const struct dialect_error *e);

#endif
