/*
 * override.h - what somebody has said by hand of a target or of a model, for a while, beside what
 * the configuration says.
 *
 * It ends by itself: what was done in a hurry is not to be found a year later. It outlives reloads
 * and every process but the master. Of one name there may be one word of each kind: a target can be
 * drained and have another weight.
 *
 * Room: board. Written by the clerk alone; anybody may read. Times are monotonic.
 */
#ifndef BOARD_OVERRIDE_H
#define BOARD_OVERRIDE_H

#include "base/span.h"
#include "board/board.h"

#define OVERRIDE_NAME (12 * sizeof(uint64_t)) /* with its NUL; a longer one is no target's */
#define OVERRIDE_WHO  (6 * sizeof(uint64_t))  /* cut */
#define OVERRIDE_WHY  (16 * sizeof(uint64_t)) /* cut */

enum override_kind {
    OVERRIDE_SERVICE = 1, /* of a target, or of all of a provider */
    OVERRIDE_SHARE = 2,   /* of a target */
    OVERRIDE_SPILL = 4,   /* of a model */
};

enum override_what {
    OVERRIDE_NONE,
    OVERRIDE_DRAIN,      /* asked when nobody else is left */
    OVERRIDE_DISABLE,    /* not asked */
    OVERRIDE_WEIGHT,     /* `value` in place of its weight */
    OVERRIDE_STOP_SPILL, /* its requests stay in the first tier of its plan */
    OVERRIDES_N
};

const char *override_word(uint64_t what);
enum override_kind override_kind_of(enum override_what what);

struct override {
    enum override_what what; /* never OVERRIDE_NONE */
    uint64_t value;
    char name[OVERRIDE_NAME]; /* "provider/model", a provider's alone, or a model's */
    char who[OVERRIDE_WHO], why[OVERRIDE_WHY];
    uint64_t until_us;
};

/* In place of what of its kind was said of this one before. false: as many as there may be stand.
 */
MUST_CHECK bool override_put(struct board *b, const struct override *o, uint64_t now_us);

/* What was said of it no longer holds; kinds: enum override_kind, or'ed. */
void override_end(struct board *b, struct span name, unsigned kinds, uint64_t now_us);

/* How a target is in service, by what is said of it and of its provider: the stronger word. */
enum override_what override_of(const struct board *b, struct span target, struct span provider,
                               uint64_t now_us);

/* What is said of this name itself, of one kind. false: nothing is. */
bool override_said(const struct board *b, struct span name, enum override_kind kind,
                   uint64_t now_us, struct override *ret);

/* The one at i < BOARD_OVERRIDES. false: there is none now. */
bool override_at(const struct board *b, size_t i, uint64_t now_us, struct override *ret);

#endif
