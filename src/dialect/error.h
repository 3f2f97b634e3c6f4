/*
 * error.h - what the dialects' error writers share.
 *
 * Room: dialect, private to it.
 */
#ifndef DIALECT_ERROR_H
#define DIALECT_ERROR_H

#include "codec/json_write.h"
#include "dialect/dialect.h"

/* The dialect's word for a status. A table ends with status 0: the word for all that are not in
 * it, 5xx; the row before that is the word for all other 4xx. */
struct error_word {
    uint16_t status;
    const char *word;
};

const char *error_word(const struct error_word *words, size_t n, uint16_t status);

/* The member "lamplighter" of an error object: what neither dialect has a place for. */
void error_write_details(struct json_write *w, const struct dialect_error *e);

#endif
