/*
 * override.h - POST /api/v1/override?target=T&what=drain|disable|enable&for=SECONDS&why=TEXT, and
 * what stands.
 *
 * Room: ops.
 */
#ifndef OPS_OVERRIDE_H
#define OPS_OVERRIDE_H

#include "board/override.h"
#include "codec/json_write.h"
#include "ops/view.h"

#define OVERRIDE_MOST_S 2592000 /* thirty days */

/* What the query asks for; now_us: from when on. -1: *e says what is wrong with it. */
MUST_CHECK int override_read(struct override *ret, struct span query, const struct settings *s,
                             uint64_t now_us, struct err *e);

/* The array of those that stand. */
void override_write(struct json_write *w, const struct view *v);

#endif
