/*
 * ev_sim.h - the virtual loop: time is a number, chance is a seed, one seed replays one run.
 *
 * Virtual time starts at 0 and jumps from one event to the next; nothing ever waits. Wall clock
 * time starts at 2026-01-01T00:00:00Z.
 *
 * Room: ev. Threads: one loop.
 */
#ifndef EV_EV_SIM_H
#define EV_EV_SIM_H

#include "ev/ev.h"

#define EV_SIM_WALL_MS UINT64_C(1767225600000)

MUST_CHECK int ev_sim_new(struct ev **ret, uint64_t seed, struct err *e);
void ev_sim_free(struct ev **ev);

/* Run turns until ev_stop(), or until all that is due up to `until` has run; then ev_now() is
 * `until`. */
void ev_sim_run(struct ev *ev, ev_us until);

/* Run turns until ev_stop(), until nothing is armed or posted any more, or until the next event
 * lies past `limit`. True: idle. */
bool ev_sim_run_idle(struct ev *ev, ev_us limit);

/* Run one turn, jumping to its time. False when nothing is armed or posted. */
bool ev_sim_turn(struct ev *ev);

/* Call fn(arg) at virtual time `at` (the next turn if that is past), in order of (at, call). */
MUST_CHECK int ev_sim_at(struct ev *ev, ev_us at, void (*fn)(void *arg), void *arg, struct err *e);

/* From now on every turn takes this long: ev_clock() is so much behind ev_now(). */
void ev_sim_busy(struct ev *ev, ev_us busy);

/* Move the wall clock, as an operator or a time server does. */
void ev_sim_wall_set(struct ev *ev, uint64_t wall_ms);

#endif
