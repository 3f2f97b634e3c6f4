/*
 * bedrock_converse_convert.h - what the files that translate to Bedrock's Converse share.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_BEDROCK_CONVERSE_CONVERT_H
#define DIALECT_BEDROCK_CONVERSE_CONVERT_H

#include "codec/json_write.h"
#include "dialect/convert.h"
#include "dialect/convert_read.h"

/* What the API takes as the name of a tool, and as the id of a call. */
extern const struct convert_charset bedrock_converse_names;

/* What an ending means. A word that is not known is the provider's end, not the model's. */
enum chat_stop bedrock_converse_stop(struct span word);

/* The API's word for a type of media ("png" for "image/png"), and the type of a word. The first row
 * of either counts; absent: there is none. */
struct span bedrock_converse_format(enum chat_media_kind kind, struct span type);
struct span bedrock_converse_type(enum chat_media_kind kind, struct span format);

/* Encrypted thinking is text at Anthropic's, and the base64 of that text here. Opened: -1 without
 * memory; absent: it is nobody's who is known. Sealed: absent without memory. */
MUST_CHECK int bedrock_converse_open(struct arena *a, struct span redacted, struct span *ret);
struct span bedrock_converse_seal(struct arena *a, struct span signature);

/* Where a citation is, and the words that Anthropic's own API has for it: Claude made it. */
struct bedrock_converse_location {
    const char *member, *index; /* of "location", and in it */
    const char *type, *own_index, *start, *end, *title;
    bool search; /* of a search's result, not of a document */
};

#define BEDROCK_CONVERSE_LOCATIONS ((size_t)4)
extern const struct bedrock_converse_location
    bedrock_converse_locations[BEDROCK_CONVERSE_LOCATIONS];

int bedrock_converse_read_request(struct chat_request *ret, yyjson_val *root, struct err *e);
int bedrock_converse_write_request(struct buf *out, const struct chat_request *q,
                                   const struct convert_to *to, struct err *e);

struct claude_thinking;

/* Does the model take temperature and the like for this request? Not of Claude's: see claude.h. */
bool bedrock_converse_samples(const struct chat_request *q, struct span model);

/* Member "additionalModelRequestFields", as the model's maker has it; nothing where it is empty. */
void bedrock_converse_write_fields(struct json_write *w, const struct chat_request *q,
                                   const struct convert_to *to, struct span model,
                                   const struct claude_thinking *t);

/* An answer that is being read. */
struct bedrock_converse_reader {
    uint64_t at;    /* the open block's index as the stream counts */
    uint32_t parts; /* begun so far; the open one is the last */
    enum chat_kind kind;
    bool open, left_out, finished; /* left_out: the block is nobody's part */
};

int bedrock_converse_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                                struct err *e);
int bedrock_converse_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e);

#endif
