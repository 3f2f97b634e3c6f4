/*
 * creds.h - when to tell people about credentials that a cloud does not give: when the trouble
 * begins, when it gets worse, once in a while as long as it lasts, and when it is over.
 *
 * Room: ops. Pure. Threads: one owner.
 */
#ifndef OPS_CREDS_H
#define OPS_CREDS_H

#include "board/granted.h"
#include "ev/ev.h"

#define CREDS_AGAIN EV_S(600) /* trouble that lasts is told so often */
#define CREDS_TEXT  512       /* a line, with its NUL */

struct creds {
    struct {
        uint64_t id; /* hash of the provider's name */
        enum granted_state told;
        ev_us since; /* when its last line was written */
    } places[BOARD_CREDS];
    size_t n;
};

/* How things are with a provider's credentials, which `source` gives. true: `line` is what there is
 * to say. */
MUST_CHECK bool creds_say(struct creds *c, struct span provider, const char *source,
                          const struct granted *g, ev_us now, char line[CREDS_TEXT]);

#endif
