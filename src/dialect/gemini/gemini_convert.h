/*
 * gemini_convert.h - what the translation of Gemini's requests and answers has in common.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_GEMINI_CONVERT_H
#define DIALECT_GEMINI_CONVERT_H

#include "codec/json_write.h"
#include "dialect/convert_read.h"
#include "dialect/convert_write.h"

/* ---- the parts of the conversion, a file each ---- */

int gemini_read_request(struct chat_request *ret, yyjson_val *root, struct err *e);
/* How closely an image is to be looked at, in OpenAI's words; ret is left alone where nothing is
 * said. */
MUST_CHECK int gemini_read_resolution(const struct convert_value *x, struct span *ret);
/* What is said of it for all media counts for images of which nothing is said. */
MUST_CHECK int gemini_look(struct chat_request *q, yyjson_val *root, struct err *e);

int gemini_write_request(struct buf *out, const struct chat_request *q, const struct convert_to *to,
                         struct err *e);

#define GEMINI_READER_BYTES ((size_t)4096)
int gemini_read_event(struct convert_reader *r, struct span name, yyjson_val *root, struct err *e);
int gemini_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e);

#define GEMINI_WRITER_BYTES ((size_t)1024)
int gemini_write_event(struct convert_writer *w, const struct chat_event *ev, struct err *e);
int gemini_end(struct convert_writer *w, struct err *e);
int gemini_write_answer(struct convert_writer *w, const struct chat_answer *a, struct err *e);

/* ---- values ---- */

/* What a function may be called. */
extern const struct convert_charset gemini_names;

/* Rows of a table of keys for a key in both of its spellings. */
#define GEMINI_KEY(camel, snake, ...)                                                              \
    {camel, __VA_ARGS__},                                                                          \
    {                                                                                              \
        snake, __VA_ARGS__                                                                         \
    }

/* A reader of values: generationConfig, into the request. */
int gemini_read_conf(const struct convert_value *x);

/* A reader of values: an object -> yyjson_val *, to be read later. */
int gemini_keep_object(const struct convert_value *x);

/* The member of an object in either of its spellings; NULL: there is none, or it is null. */
yyjson_val *gemini_get(yyjson_val *v, const char *camel, const char *snake);

/* The kind of media by its MIME type; without one by its URL. */
enum chat_media_kind gemini_media_kind(struct span type, struct span url);

/* The MIME type that the end of an URL tells; absent: none. */
struct span gemini_type_of(struct span url);

/* A file that only Google has: an uploaded one, or one in its storage. */
bool gemini_is_file(struct span uri);

/* ---- what single models and hosts take ---- */

static inline bool gemini_is_vertex(const struct convert_to *to)
{
    return to->host && to->host->vertex;
}

/* The budget of thinking that is nearest and that the model takes. */
uint64_t gemini_budget(struct span model, uint64_t budget);

/* Models before Gemini 3 take no tools beside an answer that is to be JSON: those that must not be
 * called anyway are taken out, which is noted. version: as in the model's name; 0: not known. -1:
 * it cannot be asked for both. */
int gemini_fit_tools(struct chat_request *q, unsigned version, const struct convert_to *to,
                     struct err *e);

/* "labels", which only Vertex AI has: those of the client that it takes. What is left out is noted.
 * -1: no memory. */
MUST_CHECK int gemini_write_labels(struct json_write *w, struct span metadata,
                                   const struct convert_to *to, struct err *e);

/* ---- schemas ---- */

/* A schema in the subset of OpenAPI that Google's `parameters` and `responseSchema` have, as JSON
 * Schema: types in lower case, `nullable` as a type. A reader of values: its text, in the arena. */
MUST_CHECK int gemini_read_schema(const struct convert_value *x);

/* What Gemini honours of a JSON Schema (schema_fit.h). */
extern const struct schema_rules gemini_schemas;

/* ---- signatures ---- */

/*
 * A client of this dialect gives back whatever stands in thoughtSignature, as bytes in base64. So
 * the signatures of others can travel there: with a mark in front that says whose they are. Without
 * one it is Google's own. Google's models take a call without a signature only with a word in its
 * place: a client gets it with every call, for its next request may go to them.
 */
#define GEMINI_NO_SIGNATURE "skip_thought_signature_validator"
/* ... in base64: clients read the member as bytes. */
#define GEMINI_NO_SIGNATURE_BASE64 "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="

bool gemini_is_no_signature(struct span s);

/* As it is written toward a client; absent: no memory. */
struct span gemini_sign(struct arena *a, struct span signature, enum chat_signer signer,
                        bool redacted);

/* As it was read: sets signature, signer and redacted of the part, if it is one. -1: no memory. */
MUST_CHECK int gemini_unsign(struct arena *a, struct chat_part *p, struct span written);

/* ---- reasons ---- */

enum chat_stop gemini_stop(struct span reason);
const char *gemini_reason(enum chat_stop stop);

#endif
