/*
 * convert_write.h - what the writers of requests share: members that are written only where the
 * conversation has them.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_CONVERT_WRITE_H
#define DIALECT_CONVERT_WRITE_H

#include "chat/chat.h"
#include "codec/json_write.h"

/* A string, JSON text as it stands, true or false; nothing where it was not given. */
void convert_kv_text(struct json_write *w, const char *key, struct span s);
void convert_kv_raw(struct json_write *w, const char *key, struct span s);
void convert_kv_tri(struct json_write *w, const char *key, enum chat_tri t);
/* A list of strings; nothing where it is empty. */
void convert_kv_texts(struct json_write *w, const char *key, const struct chat_text *list);

/* Member "tools": the functions as OpenAI's chat has them, and others copied it. only: that one
 * alone; absent: all. Nothing where there are none. */
void convert_kv_tools(struct json_write *w, const struct chat_request *q, struct span only);

/* "data:image/png;base64,..." or the URL itself; type: where the media does not say one. */
void convert_kv_url(struct json_write *w, const char *key, const struct chat_media *m,
                    const char *type);

/* How many parts of that kind are in the list. */
size_t convert_count(const struct chat_part *p, enum chat_kind kind);

/* Is the text one JSON object? */
bool convert_is_object(struct span text);

/* The arguments of a call as an object: "{}" where there are none, absent where it is none. */
struct span convert_arguments(const struct chat_part *call);

/* The nearest of the words low, medium and high; absent: none of them, "none" included. */
struct span convert_effort(struct span effort);

#endif
