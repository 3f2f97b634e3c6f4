/*
 * lag.c - see lag.h.
 */
#include "ev/lag.h"

void lag_expect(struct lag *l, const struct ev *ev, ev_us in)
{
    l->due = ev_now(ev) + in;
}

ev_us lag_note(struct lag *l, struct ev *ev)
{
    ev_us late = ev_clock(ev) - l->due, age = ev_now(ev) - l->block;

    if (age >= LAG_BLOCK) {
        l->before = age < 2 * LAG_BLOCK ? l->now : 0;
        l->now = 0;
        l->block = ev_now(ev);
    }
    l->now = MAX(l->now, late);
    return MAX(l->now, l->before);
}
