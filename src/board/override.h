/*
 * override.h - targets that somebody has taken out of service for a while, beside what the
 * configuration says.
 *
 * It ends by itself: what was done in a hurry is not to be found a year later. It outlives reloads
 * and every process but the master.
 *
 * Room: board. Written by the clerk alone; anybody may read. Times are monotonic.
 */
#ifndef BOARD_OVERRIDE_H
#define BOARD_OVERRIDE_H

#include "base/span.h"
#include "board/board.h"

#define OVERRIDE_NAME (12 * sizeof(uint64_t)) /* with its NUL; a longer one is no target's */
#define OVERRIDE_WHY  (16 * sizeof(uint64_t)) /* cut */

enum override_what {
    OVERRIDE_NONE,
    OVERRIDE_DRAIN,   /* asked when nobody else is left */
    OVERRIDE_DISABLE, /* not asked */
    OVERRIDES_N
};

const char *override_word(uint64_t what);

struct override {
    enum override_what what;
    char name[OVERRIDE_NAME], why[OVERRIDE_WHY]; /* "provider/model", or a provider's alone */
    uint64_t until_us;
};

/* In place of what was said of this one before. NONE: it is in service again. false: as many as
 * there may be are out of it. */
MUST_CHECK bool override_put(struct board *b, const struct override *o, uint64_t now_us);

/* What is said of a target, or of its provider: the stronger word. */
enum override_what override_of(const struct board *b, struct span target, struct span provider,
                               uint64_t now_us);

/* The one at i < BOARD_OVERRIDES. false: there is none now. */
bool override_at(const struct board *b, size_t i, uint64_t now_us, struct override *ret);

#endif
