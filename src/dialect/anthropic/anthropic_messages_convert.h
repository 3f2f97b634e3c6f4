/*
 * anthropic_messages_convert.h - what the files that translate Anthropic's messages share.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_ANTHROPIC_MESSAGES_CONVERT_H
#define DIALECT_ANTHROPIC_MESSAGES_CONVERT_H

#include "codec/json_write.h"
#include "dialect/convert.h"
#include "dialect/convert_read.h"

/* What the API takes as the name of a tool, and as the id of a call. */
extern const struct convert_charset anthropic_messages_names, anthropic_messages_ids;

/* Why an answer ended, in its words and in ours. A word that is not known is an end like any
 * other. */
enum chat_stop anthropic_messages_stop(struct span word);
const char *anthropic_messages_stop_word(enum chat_stop stop);

/* -1: the text is not a JSON object, or no memory. */
MUST_CHECK int anthropic_messages_object(struct span text, struct err *e);

/* Is it of the kinds that the dialect has? */
bool anthropic_messages_is_citation(yyjson_val *citation);

/* "citations" of a text block: those of the kinds that the dialect has. 1: there were some, 0:
 * none, and nothing was written. */
MUST_CHECK int anthropic_messages_cite(struct json_write *w, struct span items, struct err *e);

/* A word of the dialect and what it means. */
struct anthropic_messages_word {
    const char *text;
    int value;
};

/* The value of a member that is one of these words; -1: it is not. */
int anthropic_messages_word(yyjson_val *object, const struct json_at *at, const char *key,
                            const struct anthropic_messages_word *words, size_t n, struct err *e);

/* Complain of a member: `what` is wanted there; -1. */
int anthropic_messages_want(const struct json_at *at, const char *key, const char *what,
                            struct err *e);

/* What says the type of an object has been read before its members are. */
#define ANTHROPIC_TYPE_KEY {"type", convert_ignore, 0, 0}

/* Where a block stands. */
enum anthropic_messages_place {
    ANTHROPIC_IN_SYSTEM = 1,
    ANTHROPIC_IN_USER = 2,
    ANTHROPIC_IN_ASSISTANT = 4,
    ANTHROPIC_IN_RESULT = 8,
};

/* A cached prefix ends with this part: v is its cache_control. */
MUST_CHECK int anthropic_messages_cache(struct chat_request *q, yyjson_val *v,
                                        const struct json_at *at, struct chat_part *part,
                                        struct err *e);

/* A text, or a list of blocks. */
MUST_CHECK int anthropic_messages_read_content(struct chat_request *q, yyjson_val *v,
                                               const struct json_at *at, struct chat_part **tail,
                                               unsigned place, struct err *e);

int anthropic_messages_read_request(struct chat_request *ret, yyjson_val *root, struct err *e);
int anthropic_messages_write_request(struct buf *out, const struct chat_request *q,
                                     const struct convert_to *to, struct err *e);

/* ---- answers ---- */

/* A block of an answer that has begun. */
struct anthropic_messages_block {
    struct anthropic_messages_block *next;
    uint64_t at;    /* its index as the stream counts */
    uint32_t index; /* its part's, as we count: blocks that are left out have none */
    enum chat_kind kind;
    bool left_out;
    struct span input; /* what a call began with, until pieces of it come */
};

struct anthropic_messages_reader {
    struct anthropic_messages_block *open, *spare;
    uint32_t parts;
    uint64_t input_plain;
    struct chat_usage usage;
    bool finished;
};

struct anthropic_messages_piece;

/* A part whose block cannot begin yet, for another one is open; or the open one itself. */
struct anthropic_messages_part {
    struct anthropic_messages_part *next;
    struct anthropic_messages_piece *pieces, **pieces_tail; /* what it has said meanwhile */
    uint32_t index;
    enum chat_kind kind;
    struct span id, name;
    bool redacted;
    bool begun, ended; /* its block has been begun; its part has ended */
    bool has_signature;
};

struct anthropic_messages_writer {
    struct anthropic_messages_part *parts, **parts_tail; /* the first is the open one */
    uint32_t blocks;                                     /* begun so far */
    size_t waiting_bytes;
    struct span id, model;
    struct chat_usage usage;
    enum chat_stop stop;
    struct span stop_text;
    bool started, finished, refused, said; /* said: message_delta is written */
};

int anthropic_messages_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                                  struct err *e);
int anthropic_messages_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e);
int anthropic_messages_write_event(struct convert_writer *w, const struct chat_event *ev,
                                   struct err *e);
int anthropic_messages_write_join(struct convert_writer *w, struct span from, struct span to,
                                  struct err *e);
int anthropic_messages_end(struct convert_writer *w, struct err *e);
int anthropic_messages_write_answer(struct convert_writer *w, const struct chat_answer *a,
                                    struct err *e);

#endif
