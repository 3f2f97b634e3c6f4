/*
 * ollama_chat_convert.h - what the files of the translation of Ollama's chat share.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_OLLAMA_CHAT_CONVERT_H
#define DIALECT_OLLAMA_CHAT_CONVERT_H

#include "dialect/convert_read.h"
#include "dialect/convert_write.h"

int ollama_chat_read_request(struct chat_request *ret, yyjson_val *root, struct err *e);
int ollama_chat_write_request(struct buf *out, const struct chat_request *q,
                              const struct convert_to *to, struct err *e);

/* State of reading an answer. */
struct ollama_chat_reader {
    uint32_t parts_n, calls_n;
    bool started, open, finished; /* open: the last part, a text, may go on */
    enum chat_kind kind;          /* of that one */
};

/* A line of a stream, or a whole answer: the same object. */
int ollama_chat_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                           struct err *e);
int ollama_chat_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e);

#endif
