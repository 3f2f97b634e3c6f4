/*
 * text.h - short readable copies of JSON strings from outside: of model names, error words and
 * error messages.
 *
 * Room: dialect. Pure. Threads: any.
 */
#ifndef DIALECT_TEXT_H
#define DIALECT_TEXT_H

#include "codec/json_scan.h"

/* Unescape the inside of a JSON string, which may be cut anywhere, into out[cap] with a NUL
 * behind it. As many whole characters are taken as surely fit; control bytes become spaces, so
 * that the copy is safe in a log line and a header. Returns its length. cap is at least 1. */
size_t dialect_text(struct span raw, char *out, size_t cap);

/* The same for a string hit of a scan, from no more than its first JSON_SCAN_TEXT bytes: what is
 * read never depends on where feeds were cut. */
size_t dialect_hit_text(const struct json_hit *h, char *out, size_t cap);

/* A number hit as a whole number; -1 when it is none. */
MUST_CHECK int dialect_hit_u64(const struct json_hit *h, uint64_t *ret);

/* span_hash() of a string hit that is an id, as it is spelled; 0: it is none, or a long one. */
uint64_t dialect_hit_id(const struct json_hit *h);

#endif
