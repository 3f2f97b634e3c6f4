/*
 * override.h - POST /api/v1/override?target=T&what=drain|disable|weight|enable&weight=N, or
 * ?model=M&what=stop-spill|allow-spill, with for=SECONDS&who=NAME&why=TEXT; and what stands.
 *
 * Room: ops.
 */
#ifndef OPS_OVERRIDE_H
#define OPS_OVERRIDE_H

#include "board/override.h"
#include "codec/json_write.h"
#include "ops/metrics.h"
#include "ops/view.h"

#define OVERRIDE_MOST_S 2592000 /* thirty days */

struct override_order {
    const char *word;
    struct override said; /* only its name, where `ends` is not 0 */
    unsigned ends;        /* kinds of words that no longer hold; 0: `said` is to hold */
};

/* What the query asks for; now_us: from when on. -1: *e says what is wrong with it. */
MUST_CHECK int override_read(struct override_order *ret, struct span query,
                             const struct settings *s, uint64_t now_us, struct err *e);

/* Do it. false: as many as there may be stand. */
MUST_CHECK bool override_obey(struct board *b, const struct override_order *order, uint64_t now_us);

/* The array of those that stand. */
void override_write(struct json_write *w, const struct view *v);

/* How many stand, by what they say. */
void override_count(struct metrics *m, const struct view *v);

#endif
