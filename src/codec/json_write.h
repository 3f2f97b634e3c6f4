/*
 * json_write.h - writes JSON into a buf. Every string from outside goes through it, so that no
 * text can break out of its quotes.
 *
 * Commas and nesting are kept by the writer; misuse (a value where a key is due) is a MUST.
 * Each byte of a string that is not UTF-8 becomes U+FFFD, so the output is always valid JSON.
 * U+2028, U+2029 and control bytes below 0x20 are written as escapes, the short ones (\n) where
 * JSON has them.
 *
 * Room: codec. Pure. Threads: one owner.
 */
#ifndef CODEC_JSON_WRITE_H
#define CODEC_JSON_WRITE_H

#include "base/buf.h"

struct json_write {
    struct buf *out;  /* sticky error: check the buf when done */
    uint64_t objects; /* bit d: level d is an object */
    uint32_t depth;   /* <= 64 */
    bool comma;       /* a value has been written at this level */
    bool key;         /* a key has been written and waits for its value */
};

void json_write_init(struct json_write *w, struct buf *out);

void json_begin_object(struct json_write *w);
void json_end_object(struct json_write *w);
void json_begin_array(struct json_write *w);
void json_end_array(struct json_write *w);

/* In an object: the next value's key. A constant of the program, with nothing in it to escape ...
 */
void json_key(struct json_write *w, const char *key);
/* ... or any text. */
void json_key_span(struct json_write *w, struct span key);

void json_string(struct json_write *w, struct span s);
void json_cstring(struct json_write *w, const char *s); /* NULL writes null */
void json_uint(struct json_write *w, uint64_t v);
void json_int(struct json_write *w, int64_t v);
void json_double(struct json_write *w, double v); /* NaN and infinity write null */
void json_bool(struct json_write *w, bool v);
void json_null(struct json_write *w);

/* A value that already is JSON, copied as it stands. */
void json_raw(struct json_write *w, struct span s);

/* The same where it must not end the line: line ends, which are blanks in JSON, become spaces. */
void json_raw_line(struct json_write *w, struct span s);

/* json_key + value in one, for the common case; the key is a constant. */
void json_kv_string(struct json_write *w, const char *key, struct span s);
void json_kv_cstring(struct json_write *w, const char *key, const char *s);
void json_kv_uint(struct json_write *w, const char *key, uint64_t v);
void json_kv_int(struct json_write *w, const char *key, int64_t v);
void json_kv_bool(struct json_write *w, const char *key, bool v);

/* Only the escaping: append s to out as it would stand between quotes. */
void json_escape(struct buf *out, struct span s);

#endif
