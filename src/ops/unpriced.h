/*
 * unpriced.h - when to tell people about answers whose cost is not known: of each target and cause
 * once in a while, and never more lines than there are places.
 *
 * Room: ops. Pure. Threads: one owner.
 */
#ifndef OPS_UNPRICED_H
#define OPS_UNPRICED_H

#include "ev/ev.h"
#include "record/record.h"

#define UNPRICED_PLACES 64        /* most lines an interval; all further ones are only counted */
#define UNPRICED_AGAIN  EV_S(600) /* the interval */
#define UNPRICED_TEXT   512       /* a line, with its NUL */

struct unpriced {
    struct {
        uint64_t id;     /* hash of target and cause */
        ev_us since;     /* when its last line was written */
        uint64_t unsaid; /* requests since then */
    } places[UNPRICED_PLACES];
    size_t n;
};

/* A request has ended. true: `line` is what there is to say. */
MUST_CHECK bool unpriced_add(struct unpriced *u, const struct record *r, ev_us now,
                             char line[UNPRICED_TEXT]);

#endif
