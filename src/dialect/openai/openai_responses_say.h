/*
 * openai_responses_say.h - an answer of the Responses API as far as it has been said, and how it is
 * said: as events, and once more as a whole.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_OPENAI_RESPONSES_SAY_H
#define DIALECT_OPENAI_RESPONSES_SAY_H

#include "dialect/openai/openai_responses_convert.h"

/* A text as it stands in JSON, in pieces: without its quotes, or a list without its brackets. */
struct said_block {
    struct said_block *next;
    size_t n, cap;
    char bytes[];
};

struct said_text {
    struct said_block *first, *last;
};

/* Add bytes; *ret is where they are, in one piece. -1: no memory. */
MUST_CHECK int openai_responses_said_add(struct arena *a, struct said_text *t, struct span s,
                                         struct span *ret);

enum said_kind { SAID_MESSAGE, SAID_CALL, SAID_FREE_CALL, SAID_REASONING };

struct said_part {
    struct said_part *next;  /* of all */
    struct said_part *after; /* of the item */
    uint32_t index;          /* of the chat event */
    enum chat_kind kind;
    struct said_item *item; /* NULL: nothing of it has been said yet, or ever will be */
    uint32_t content;
    struct said_text text, citations, logprobs;
    uint32_t citations_n;
    bool ended;
};

struct said_item {
    struct said_item *next;
    enum said_kind kind;
    uint32_t index;
    struct span id, call_id, name, space, signature;
    struct said_part *parts, **tail;
    uint32_t parts_n;
    const char *status;
};

/* What ids of such items begin with. */
const char *openai_responses_item_prefix(enum said_kind kind);

/* full: with what was said of it. */
void openai_responses_put_item(struct json_write *j, const struct said_item *it, bool full);

/* Why an answer is incomplete; NULL: it is not. */
const char *openai_responses_incomplete(enum chat_stop stop);

/* ---- events; none, while the writer is quiet ---- */

/* full: with all that was said. -1: no memory. */
MUST_CHECK int openai_responses_say_response(struct convert_writer *w, const char *type, bool full,
                                             struct err *e);
void openai_responses_say_item(struct convert_writer *w, const char *type,
                               const struct said_item *it, bool full);
/* It begins, or is done; nothing for calls, which have no parts. */
void openai_responses_say_part(struct convert_writer *w, const struct said_part *p, bool done);
void openai_responses_say_delta(struct convert_writer *w, const struct said_part *p,
                                struct span escaped);
void openai_responses_say_text_done(struct convert_writer *w, const struct said_part *p);
void openai_responses_say_citation(struct convert_writer *w, const struct said_part *p,
                                   struct span json);

/* ---- the whole answer ---- */

/* As it is at the beginning, or (full) at the end. -1: no memory. */
MUST_CHECK int openai_responses_say_whole(struct json_write *j, const struct convert_writer *w,
                                          bool full);

#endif
