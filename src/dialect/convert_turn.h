/*
 * convert_turn.h - messages as turns, for dialects whose roles alternate.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_CONVERT_TURN_H
#define DIALECT_CONVERT_TURN_H

#include "chat/chat.h"

/* Messages of one role that follow each other; system prompts between them do not count. Begins
 * with .end at the first message. */
struct convert_turn {
    const struct chat_message *first, *end;
    size_t index; /* of the first */
    enum chat_role role;
};

/* false: there is no further turn. */
bool convert_next_turn(struct convert_turn *t);

#endif
