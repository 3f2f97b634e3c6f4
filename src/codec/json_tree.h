/*
 * json_tree.h - JSON as a tree, for what has to be understood whole: yyjson below, with bounds,
 * numbers kept as they were written, and complaints that name the place.
 *
 * The hot path of a relayed answer does not come here; it scans (json_scan.h).
 *
 * Room: codec (yyjson). Pure but for the memory of the tree.
 */
#ifndef CODEC_JSON_TREE_H
#define CODEC_JSON_TREE_H

#include <yyjson.h>

#include "base/buf.h"

#define JSON_TREE_DEPTH 64 /* deepest nesting that is taken, the scanner's own bound */

/* A tree over bytes of its own. Strings and numbers are spans of it until it is read again. Begins
 * as {0}; private but for root. */
struct json_tree {
    char *bytes;
    void *memory;
    size_t cap; /* texts of so many bytes can be read into the memory that is there */
    yyjson_val *root;
};

/* Copy the bytes and read them; what was read before is gone. -1: they are not JSON (ERR_PROTOCOL,
 * with the byte), nested too deep, or the tree would need more than a fixed multiple of them
 * (ERR_LIMIT). A surrogate that stands alone, as streams have them that cut a pair in two, is in
 * the text as the three bytes that UTF-8 would have for it; json_escape() makes an escape of them
 * again.
 */
MUST_CHECK int json_tree_read(struct json_tree *t, struct span bytes, struct err *e);

/* Bytes that it holds on to. */
size_t json_tree_memory(const struct json_tree *t);
void json_tree_fini(struct json_tree *t);

/* Where a value stands: a chain on the stack, innermost first. */
struct json_at {
    const struct json_at *up; /* NULL: of the root */
    const char *key;          /* NULL: an element */
    size_t key_n;
    size_t index;
};

#define JSON_AT_KEY(up_, key_)    ((struct json_at){.up = (up_), .key = (key_), .key_n = strlen(key_)})
#define JSON_AT_ITEM(up_, index_) ((struct json_at){.up = (up_), .index = (index_)})

/* "messages[2].content[0].type"; "the body" for the root (NULL). Cut to what fits. */
void json_at_text(const struct json_at *at, char *ret, size_t cap);

/* Say "<place>: <text>" into *e, with the place's length, but for the root's; returns -1. */
int json_wrong(struct err *e, const struct json_at *at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* ---- values ---- */

/* A string's bytes (unescaped), a number's as they were written, absent for everything else. */
static inline struct span json_text(const yyjson_val *v)
{
    yyjson_val *x = (yyjson_val *)(uintptr_t)v;

    if (yyjson_is_str(x))
        return span_of(yyjson_get_str(x), yyjson_get_len(x));
    return yyjson_is_raw(x) ? span_of(yyjson_get_raw(x), yyjson_get_len(x)) : span_of(NULL, 0);
}

static inline bool json_is_number(const yyjson_val *v)
{
    return yyjson_is_raw((yyjson_val *)(uintptr_t)v);
}

/* The member of an object; NULL: it has none, or v is no object. A JSON null is a value. */
static inline yyjson_val *json_get(yyjson_val *v, const char *key)
{
    return yyjson_obj_get(v, key);
}

/* Behind the value and all that is inside of it: the values of a tree stand in the order of the
 * text. */
static inline const yyjson_val *json_tree_next(yyjson_val *v)
{
    return unsafe_yyjson_get_next(v);
}

/* The text of a member that is a string or a number; absent otherwise. */
static inline struct span json_get_text(yyjson_val *v, const char *key)
{
    return json_text(yyjson_obj_get(v, key));
}

/* A whole number that fits; false: it is none. */
bool json_tree_u64(const yyjson_val *v, uint64_t *ret);

/* Append the value as compact JSON: keys in their order, numbers as they were written, strings
 * escaped anew. */
void json_write_tree(struct buf *out, yyjson_val *v);

#endif
