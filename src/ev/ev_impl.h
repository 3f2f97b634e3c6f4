/*
 * ev_impl.h - the part of a loop that its implementations share. Only for ev*.c.
 *
 * An implementation has struct ev as its first member, calls ev_init(), and drives turns:
 *     ev_turn_begin(ev, now, wall)   the time of the turn is set
 *     ... I/O callbacks ...
 *     ev_turn_end(ev)                due timers, then posts
 *
 * Room: ev. Threads: one loop.
 */
#ifndef EV_EV_IMPL_H
#define EV_EV_IMPL_H

#include "ev/ev.h"

#define EV_NEVER UINT64_MAX

struct ev_ops {
    const char *name;
    ev_us (*clock)(struct ev *ev);
    void (*random)(struct ev *ev, void *out, size_t n);
    void (*stop)(struct ev *ev);
};

struct ev {
    const struct ev_ops *ops;
    ev_us now;
    uint64_t wall_ms;
    struct ev_timer **heap; /* timers by (key, key_order) */
    size_t heap_n, heap_cap;
    uint64_t order;      /* of the next arming */
    uint64_t order_turn; /* armings from here on belong to the next turn */
    struct list posts;
};

MUST_CHECK int ev_init(struct ev *ev, const struct ev_ops *ops, struct err *e);

/* Timers that are still armed are let go, posts are dropped. */
void ev_fini(struct ev *ev);

void ev_turn_begin(struct ev *ev, ev_us now, uint64_t wall_ms);
void ev_turn_end(struct ev *ev);

/* Posts only, for implementations that run them more often than once a turn. */
void ev_posts_run(struct ev *ev);

/* When the next turn is wanted at the latest: now when posts wait, the first timer's time, or
 * EV_NEVER. */
ev_us ev_next(struct ev *ev);

#endif
