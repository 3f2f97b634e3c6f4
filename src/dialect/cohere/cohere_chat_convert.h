/*
 * cohere_chat_convert.h - what the files of the translation of Cohere's chat share.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_COHERE_CHAT_CONVERT_H
#define DIALECT_COHERE_CHAT_CONVERT_H

#include "dialect/convert_read.h"
#include "dialect/convert_write.h"
#include "dialect/schema_fit.h"

int cohere_chat_read_request(struct chat_request *ret, yyjson_val *root, struct err *e);
extern const struct convert_charset cohere_chat_names;

int cohere_chat_write_request(struct buf *out, const struct chat_request *q,
                              const struct convert_to *to, struct err *e);

/* State of reading an answer. */
struct cohere_chat_reader {
    uint32_t parts_n;
    bool started, open, calls; /* open: the last part goes on; calls: there was one */
    enum chat_kind kind;       /* of that part ... */
    uint64_t number;           /* ... and its index, as Cohere counts contents, or calls */
};

int cohere_chat_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                           struct err *e);
int cohere_chat_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e);

/* For answers, and for tools that are strict. */
extern const struct schema_rules cohere_schema_rules;

#endif
