/*
 * convert_write.h - what the dialects write alike: values that are JSON already.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_CONVERT_WRITE_H
#define DIALECT_CONVERT_WRITE_H

#include "codec/json_write.h"
#include "dialect/convert.h"

/* A value of a tree as the next value of w. */
void convert_write_tree(struct json_write *w, yyjson_val *v);

/* The schema of a tool's arguments (absent: there is none), with its type said: several APIs want
 * that, and it is always an object. -1: it is not JSON, or no memory. */
MUST_CHECK int convert_write_schema(struct json_write *w, struct span schema, struct err *e);

/* The arguments of a call as an object; at: of its message. -1: they are none, or no memory. */
MUST_CHECK int convert_write_args(struct json_write *w, const struct chat_part *call,
                                  const struct json_at *at, struct err *e);

#endif
