/*
 * convert_read.h - how the dialects read objects of a request: a table of keys each, and nothing
 * lost silently. A key that no row knows is noted by its place; a value of the wrong type is a
 * complaint that names it. A JSON null is as good as no member.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_CONVERT_READ_H
#define DIALECT_CONVERT_READ_H

#include "dialect/convert.h"

struct convert_key;

/* Everything that a row's function is given. */
struct convert_value {
    struct chat_request *q;
    const struct convert_key *key; /* its row */
    yyjson_val *v;                 /* never null */
    const struct json_at *at;
    void *to; /* what the object becomes: the chat_request, a part ... */
    struct err *e;
};

struct convert_key {
    const char *key;
    int (*read)(const struct convert_value *x);
    size_t at;     /* offset in *to, for the readers below */
    uint32_t note; /* NOTE(feature): the request has it; 0: nothing to note */
};

#define NOTE(f) (1u + CHAT_HAS_##f)

/* Walk an object: each member to its row, keys without one to q->others. -1: *e says where. */
MUST_CHECK int convert_object(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                              const struct convert_key *keys, size_t keys_n, void *to,
                              struct err *e);

/* The same of a value that is an object inside of the one that is read: into the same place. */
MUST_CHECK int convert_members(const struct convert_value *x, const struct convert_key *keys,
                               size_t keys_n);

/* Readers of single values. Each stores at offset `at` of *to. */
int convert_text(const struct convert_value *x);   /* a string -> struct span */
int convert_number(const struct convert_value *x); /* a number -> struct span, as it was written */
int convert_bool(const struct convert_value *x);   /* true, false -> enum chat_tri */
int convert_json(const struct convert_value *x);   /* anything -> struct span, its JSON text */
int convert_json_object(const struct convert_value *x); /* an object -> struct span, likewise */
int convert_ignore(const struct convert_value *x);      /* says nothing that another key does not */

int convert_texts(const struct convert_value *x); /* a list of strings -> struct chat_text * */
int convert_text_or_texts(const struct convert_value *x); /* ... or a string -> a list of one */
int convert_store(const struct convert_value *x); /* the answer is to be kept -> q->store, noted */
int convert_tools(
    const struct convert_value *x); /* functions, as OpenAI's chat has them -> tools */

/* A list of messages, each by `read`, which adds to the list at *tail; then what their roles and
 * their order say is noted, and results have the names of their calls. */
typedef int (*convert_message_fn)(struct chat_request *q, struct chat_message ***tail,
                                  yyjson_val *v, const struct json_at *at, struct err *e);
MUST_CHECK int convert_messages(const struct convert_value *x, convert_message_fn read);

/* A system message in front of all others; NULL: no memory. */
struct chat_message *convert_first_system(struct chat_request *q);

/* One more part that is text. -1: no memory. */
MUST_CHECK int convert_text_part(struct chat_request *q, struct chat_part ***tail, struct span text,
                                 struct err *e);

/* When all messages have been read: note what their roles and their order say. */
void convert_note_messages(struct chat_request *q);

/* A key that is known, and that no other dialect has: to q->others. */
int convert_other(const struct convert_value *x);

/* "a string", "an object" ... is wanted: complain, -1. */
int convert_want(const struct convert_value *x, const char *what);

/* No memory for a request, for an answer: -1. */
int convert_no_memory(struct err *e);
int convert_no_answer(struct err *e);

/* The request holds f, and there: so says who refuses it for that. */
MUST_CHECK int convert_note(struct chat_request *q, enum chat_feature f, const struct json_at *at,
                            struct err *e);

/* The place of a value as text in the request's arena, into q->others, which lists a bounded number
 * of them. */
MUST_CHECK int convert_note_other(struct chat_request *q, const struct json_at *at, struct err *e);

/* Is it nothing but white space? Several APIs refuse such a text. */
bool convert_blank(struct span s);

/* JSON text of a value in the arena; absent: no memory. */
struct span convert_json_text(struct chat_request *q, yyjson_val *v);

/* "data:image/png;base64,AAAA" -> base64 and its type; any other URL -> CHAT_URL. Sets source, data
 * and type (which an URL does not have). */
void convert_data_url(struct chat_media *m, struct span url);

/* Bytes that came in either alphabet of base64 (RFC 4648, 5), padded or not, in the one that all
 * take, padded; Google's own SDKs write the other. -1: no memory. */
MUST_CHECK int convert_base64(struct chat_request *q, struct span *data);

/* What to note of a media part: by its kind and source. */
enum chat_feature convert_media_feature(const struct chat_media *m);

/* ---- signatures that a client keeps for others ---- */

/* A signature as a client of the family `own` is given it: of that family as it is, any other's
 * with its maker's name in front, so that it finds back to whoever can read it. Absent: no memory,
 * or nobody's. */
struct span convert_hand_out(struct arena *a, struct span signature, enum chat_signer signer,
                             enum chat_signer own);

/* The signature that was handed out as s, and whose it is. */
struct span convert_take_back(struct span s, enum chat_signer own, enum chat_signer *ret_signer);

/* ---- ids and names that a target refuses ---- */

/* The id or name itself if it fits, else one that does: its fitting characters, cut, and a hash of
 * all of it. The same input gives the same output, in every turn of a conversation and in every
 * gateway. Absent: no memory. */
struct span convert_fit(struct arena *a, struct span s, const struct convert_charset *set);

/* The client's own name of a tool whose name in the target's request was `name`; `name` itself if
 * it is none of the request's. */
struct span convert_unfit_name(const struct chat_request *q, struct span name,
                               const struct convert_charset *set);

#endif
