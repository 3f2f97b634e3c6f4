/*
 * schema_refs.h - which schemas are inside of themselves, through as many others as there may be,
 * and cannot be left out anywhere on the way.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_SCHEMA_REFS_H
#define DIALECT_SCHEMA_REFS_H

#include "dialect/schema_walk.h"

#define SCHEMA_REFS_MAX  10000
#define SCHEMA_LOOKS_MAX ((size_t)1000000) /* names and references that are looked at */

/* Begins with schema_refs_init(). Private. */
struct schema_refs {
    struct buf list;
    size_t looks;
};

void schema_refs_init(struct schema_refs *r);
void schema_refs_fini(struct schema_refs *r);

/* The value of a $ref in the schema that is open. One that leads nowhere is in no loop. -1: there
 * are too many (ERR_PROTOCOL), or no memory. */
MUST_CHECK int schema_refs_add(struct schema_refs *r, const struct schema_walk *s, yyjson_val *ref,
                               struct err *e);

/* After the walk: a $ref that closes a loop; NULL: there is none. -1: to find out takes too long
 * (ERR_PROTOCOL). */
MUST_CHECK int schema_refs_loop(struct schema_refs *r, const yyjson_val **ret, struct err *e);

#endif
