/*
 * ev.h - the loop: time, timers, posted work, random bytes. Two implementations stand behind
 * this header: libuv (ev_uv.h) for production and a virtual one (ev_sim.h) in which time is a
 * number and one seed replays one run. Rooms above never know which.
 *
 * Rules that hold in both:
 *  - Time is read once a turn: ev_now() is the same in all callbacks of a turn.
 *  - No callback ever runs inside the call that armed it.
 *  - Timers fire in order of (time, order of arming). A timer set to 0 fires in the next turn.
 *  - Posts run in order when the callback of a connection that posted them has returned, and at
 *    the latest at the end of the turn, after I/O and timers; a post made by a post runs in the
 *    same phase, but at most EV_POST_ROUNDS rounds of it.
 *  - Timers and posts are embedded in their owner, which stops them before it dies.
 *
 * Room: ev (uses base). Threads: a loop belongs to one thread.
 */
#ifndef EV_EV_H
#define EV_EV_H

#include "base/err.h"
#include "base/list.h"

#define EV_POST_ROUNDS 8

struct ev;

typedef uint64_t ev_us; /* microseconds; times are monotonic since an unspecified start */

#define EV_MS(ms) ((ev_us)(ms) * 1000)
#define EV_S(s)   ((ev_us)(s) * 1000000)

struct ev_timer {
    void (*fn)(struct ev_timer *t);
    struct ev *ev; /* private from here on */
    ev_us at;      /* when it is due, or UINT64_MAX: it rests */
    uint64_t order;
    ev_us key; /* where it stands in the heap: never later than when it is due */
    uint64_t key_order;
    size_t slot; /* place in the heap + 1; 0 when it is not in it */
};

struct ev_post {
    void (*fn)(struct ev_post *p);
    struct list link; /* private */
};

/* Monotonic time of this turn, and wall clock time of this turn (Unix, milliseconds). */
ev_us ev_now(const struct ev *ev);
uint64_t ev_wall_ms(const struct ev *ev);

/* The monotonic time of this very moment, never before ev_now(): for measuring how long a turn
 * takes, which ev_now() cannot see. What is decided by time is decided by ev_now(). */
ev_us ev_clock(struct ev *ev);

void ev_timer_init(struct ev_timer *t, struct ev *ev, void (*fn)(struct ev_timer *t));

/* Arm to fire `in` microseconds from ev_now(); an armed timer is moved. -1 (ERR_NOMEM) only when
 * the table of armed timers cannot grow: moving an armed timer never fails. */
MUST_CHECK int ev_timer_set(struct ev_timer *t, ev_us in, struct err *e);
void ev_timer_stop(struct ev_timer *t);

/* As ev_timer_stop() for a timer that will soon be set again, to nearly the same: both cost next
 * to nothing then. It is not armed, but its memory must stay until ev_timer_stop(). */
void ev_timer_rest(struct ev_timer *t);
bool ev_timer_armed(const struct ev_timer *t);

void ev_post_init(struct ev_post *p, void (*fn)(struct ev_post *p));

/* Run p->fn in this turn, when nothing of ours is on the stack. Posting what is posted already is
 * a no-op. */
void ev_post(struct ev *ev, struct ev_post *p);
void ev_post_cancel(struct ev_post *p);

/* n random bytes: the kernel's in production, the seed's in the virtual loop. */
void ev_random(struct ev *ev, void *out, size_t n);
uint64_t ev_random_u64(struct ev *ev);

/* Make the run function of the implementation return after this turn. */
void ev_stop(struct ev *ev);

#endif
