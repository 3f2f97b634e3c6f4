/*
 * chat_text.h - conversations and answers as text, to compare two of them.
 */
#ifndef CONFORMANCE_CHAT_TEXT_H
#define CONFORMANCE_CHAT_TEXT_H

#include "chat/chat.h"

/* All that a request says, but for its model, and for unknown keys. */
void chat_text_request(struct buf *out, const struct chat_request *q);

/* One event in a line. */
void chat_text_event(struct buf *out, const struct chat_event *ev);

#endif
