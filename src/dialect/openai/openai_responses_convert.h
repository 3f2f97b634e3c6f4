/*
 * openai_responses_convert.h - the pieces of convert_openai_responses, and the words that reading
 * and writing share.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_OPENAI_RESPONSES_CONVERT_H
#define DIALECT_OPENAI_RESPONSES_CONVERT_H

#include "codec/json_write.h"
#include "dialect/convert.h"
#include "dialect/convert_read.h"

int openai_responses_read_request(struct chat_request *ret, yyjson_val *root, struct err *e);
/* Its input and instructions, when all else has been read. */
int openai_responses_read_input(struct chat_request *q, yyjson_val *root, struct err *e);
/* An item that changes the configuration from there on, which is for the answer. */
int openai_responses_read_update(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                                 struct err *e);
int openai_responses_write_request(struct buf *out, const struct chat_request *q,
                                   const struct convert_to *to, struct err *e);

/* The state of reading an answer. */
struct openai_responses_reader {
    struct place *places, *last; /* newest first; the one that the last event spoke of */
    uint32_t places_n, begun_n;
    bool started, tool;
};

/* The state of writing one. */
struct openai_responses_writer {
    bool quiet; /* events are only kept */
    bool started;
    struct span before;     /* items that others have told: JSON, commas between */
    struct span id, suffix; /* "resp_" and what item ids end with */
    uint64_t created;
    struct said_item *items, **tail, *open; /* open: the last item, while it is not done */
    uint32_t items_n, parts_n;
    struct said_part *parts, *last, *last_text; /* newest first; the last one spoken of */
    enum chat_stop stop;
    struct chat_usage usage;
};

int openai_responses_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                                struct err *e);
int openai_responses_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e);

int openai_responses_write_event(struct convert_writer *w, const struct chat_event *ev,
                                 struct err *e);
/* Where the stream stands: as it is read, as it was written, and to go on from there. */
void openai_responses_note(struct convert_stand *s, struct span type, yyjson_val *root);
void openai_responses_stand(const struct convert_writer *w, struct convert_stand *ret);
int openai_responses_go_on(struct convert_writer *w, const struct convert_stand *s, uint32_t index,
                           struct span text, struct err *e);

int openai_responses_end(struct convert_writer *w, struct err *e);
int openai_responses_write_answer(struct convert_writer *w, const struct chat_answer *a,
                                  struct err *e);

/* What the API takes as a function's name, as a call's id, and as the end user's id. */
extern const struct convert_charset openai_responses_names, openai_responses_call_ids,
    openai_responses_users;

/* ---- words that stand in requests and, repeated, in answers ---- */

#define RESPONSES_ENCRYPTED "reasoning.encrypted_content"
#define RESPONSES_LOGPROBS  "message.output_text.logprobs"

/* Members "tools", "tool_choice" (where one was given) and "text". answer: as an answer repeats
 * them: under the client's names, and with what it left open. -1: no memory. */
MUST_CHECK int openai_responses_write_tools(struct json_write *w, const struct chat_request *q,
                                            bool answer, struct arena *a);
MUST_CHECK int openai_responses_write_choice(struct json_write *w, const struct chat_request *q,
                                             bool answer, struct arena *a);
MUST_CHECK int openai_responses_write_text(struct json_write *w, const struct chat_request *q,
                                           bool answer);

/* The words of tool_choice: one table for both directions. NULL, CHAT_CHOICE_UNSET: there is none.
 */
const char *openai_responses_choice_word(enum chat_choice choice);
enum chat_choice openai_responses_choice(struct span word);

/* The system prompt that can be said as `instructions`: the first message, if it is one text and
 * others follow. */
const struct chat_part *openai_responses_instructions(const struct chat_request *q);

#endif
