/*
 * convert_write.h - what the writers of requests share: members that are written only where the
 * conversation has them.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_CONVERT_WRITE_H
#define DIALECT_CONVERT_WRITE_H

#include "codec/json_write.h"
#include "dialect/convert.h"

/* A string, JSON text as it stands, true or false; nothing where it was not given. */
void convert_kv_text(struct json_write *w, const char *key, struct span s);
void convert_kv_raw(struct json_write *w, const char *key, struct span s);
void convert_kv_tri(struct json_write *w, const char *key, enum chat_tri t);
/* The texts of all parts of that kind, joined; nothing where they are empty. -1: no memory. */
MUST_CHECK int convert_kv_joined(struct json_write *w, const char *key, const struct chat_part *p,
                                 enum chat_kind kind, struct err *e);
/* The texts that end an answer, the first `most` of them (SIZE_MAX: all), which is noted; nothing
 * where there are none. */
void convert_kv_stops(struct json_write *w, const char *key, const struct chat_request *q,
                      size_t most, const struct convert_to *to);

/* Member "tools": the functions as OpenAI's chat has them, and others copied it. only: that one
 * alone; absent: all. Nothing where there are none. names: what they may be called; NULL: anything.
 * -1: no memory. */
MUST_CHECK int convert_kv_tools(struct json_write *w, const struct chat_request *q,
                                struct span only, const struct convert_charset *names,
                                struct err *e);

/* "data:image/png;base64,..." or the URL itself; type: where the media does not say one. */
void convert_kv_url(struct json_write *w, const char *key, const struct chat_media *m,
                    const char *type);

/* The mark of a target that takes them: a cached prefix ends here. */
void convert_kv_cache(struct json_write *w, const struct convert_to *to, struct span ttl);

/* A document that the answer shall cite, as Anthropic and Amazon have it: "citations". */
void convert_kv_citing(struct json_write *w, const struct chat_media *m);

/* How many parts of that kind are in the list. */
size_t convert_count(const struct chat_part *p, enum chat_kind kind);

/* Is the text one JSON object? */
bool convert_is_object(struct span text);

/* The arguments of a call as an object: "{}" where there are none, absent where it is none. */
struct span convert_arguments(const struct chat_part *call);

/* Is the number, as JSON has them, above one, which is the most that some take? Those with an
 * exponent are left as they are. */
bool convert_above_one(struct span number);

/* The nearest of the words low, medium and high; absent: none of them, "none" included. */
struct span convert_effort(struct span effort);

/* A value of a tree as the next value of w. */
void convert_write_tree(struct json_write *w, yyjson_val *v);

/* The schema of a tool's arguments (absent: there is none), with its type said: several APIs want
 * that, and it is always an object. -1: it is not JSON, or no memory. */
MUST_CHECK int convert_write_schema(struct json_write *w, struct span schema, struct err *e);

/* The arguments of a call as an object; at: of its message. -1: they are none, or no memory. */
MUST_CHECK int convert_write_args(struct json_write *w, const struct chat_part *call,
                                  const struct json_at *at, struct err *e);

#endif
