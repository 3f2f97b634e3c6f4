/*
 * lag.h - how late a loop comes to what is due: the lateness of a timer that fires again and again,
 * as the largest of the last LAG_BLOCK to twice LAG_BLOCK.
 *
 * A loop that works on one thing for long keeps all others waiting, and nothing that is read once a
 * turn can show it. Lateness is taken when the timer's callback runs, so what the same turn did
 * before counts as well. Timers of libuv fire up to a millisecond late: below that it says nothing.
 *
 * Room: ev. Threads: one loop.
 */
#ifndef EV_LAG_H
#define EV_LAG_H

#include "ev/ev.h"

#define LAG_BLOCK EV_S(15)

struct lag {
    ev_us due;         /* when the timer was to fire; private like all of it */
    ev_us block;       /* when the current block began */
    ev_us now, before; /* the largest of this block and of the one before */
};

/* The timer is armed for `in` from now on. */
void lag_expect(struct lag *l, const struct ev *ev, ev_us in);

/* It fired: take its lateness. Returns the largest lately. */
ev_us lag_note(struct lag *l, struct ev *ev);

#endif
