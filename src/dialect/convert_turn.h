/*
 * convert_turn.h - messages as turns, for dialects whose roles alternate and whose messages are a
 * role and a list of parts.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_CONVERT_TURN_H
#define DIALECT_CONVERT_TURN_H

#include "chat/chat.h"
#include "codec/json_tree.h"
#include "codec/json_write.h"

/* Messages of one role that follow each other; system prompts between them do not count. Begins
 * with .end at the first message. */
struct convert_turn {
    const struct chat_message *first, *end;
    size_t index; /* of the first */
    enum chat_role role;
};

/* false: there is no further turn. */
bool convert_next_turn(struct convert_turn *t);

/* How a dialect writes one part. */
struct convert_parts {
    struct json_write *w;
    struct json_at *at;                                 /* the message that is written */
    bool (*fits)(void *arg, const struct chat_part *p); /* is there something to write of it? */
    int (*write)(void *arg, const struct chat_part *p); /* -1: *e says where it cannot be said */
    void *arg;
    struct err *e;
    bool later;  /* system messages may stand between a user's message and its answer ... */
    bool *moved; /* ... and this tells that some of them stood elsewhere; NULL: nobody asks */
};

/* Member "system", a list of texts: the system prompts wherever they stand, but for those that may
 * stay there, and the wish for a JSON object, for which these dialects have no other word. Nothing
 * where there are none. */
MUST_CHECK int convert_write_system(const struct convert_parts *c, const struct chat_request *q);

/* Member "messages": in each turn results before everything else. -1: also where none is left. */
MUST_CHECK int convert_write_messages(const struct convert_parts *c, const struct chat_request *q);

#endif
