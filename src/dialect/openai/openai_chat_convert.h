/*
 * openai_chat_convert.h - what the files of this dialect's translation share.
 *
 * Room: dialect, private to it.
 */
#ifndef DIALECT_OPENAI_CHAT_CONVERT_H
#define DIALECT_OPENAI_CHAT_CONVERT_H

#include "dialect/convert_read.h"
#include "dialect/dialect.h"

/* Ids of calls: at most 40 bytes. Names of tools: at most 64. platform.openai.com refuses others.
 */
extern const struct convert_charset openai_chat_ids, openai_chat_names;

struct openai_chat_stop {
    const char *word;
    enum chat_stop stop;
};

/* In both directions the first row that fits counts; ends with a row of word NULL. */
extern const struct openai_chat_stop openai_chat_stops[];

int openai_chat_read_request(struct chat_request *ret, yyjson_val *root, struct err *e);
int openai_chat_write_request(struct buf *out, const struct chat_request *q,
                              const struct convert_to *to, struct err *e);

/* State of reading an answer. */
struct openai_chat_reader {
    struct openai_chat_open *choices; /* those that have begun */
    struct source *sources;           /* that the host has searched */
    size_t sources_n;
    bool started;
};

int openai_chat_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                           struct err *e);
int openai_chat_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e);

/* State of writing an answer. */
struct openai_chat_writer {
    struct span id, model; /* as they stand in every chunk */
    uint64_t created;
    uint64_t begun[CHAT_CHOICES_MAX / 64];    /* choices whose role has been said */
    uint64_t finished[CHAT_CHOICES_MAX / 64]; /* choices whose end has been said */
    struct chat_usage usage;
    struct openai_chat_call *calls; /* parts that are calls, by choice and part */
    bool named;
};

int openai_chat_write_event(struct convert_writer *w, const struct chat_event *ev, struct err *e);
int openai_chat_end(struct convert_writer *w, struct err *e);
int openai_chat_write_answer(struct convert_writer *w, const struct chat_answer *a, struct err *e);

#endif
