/*
 * ev_uv.h - the loop of production: libuv, the kernel's clock, the kernel's random bytes. Also
 * what only it has: descriptors of other kinds than sockets, and signals.
 *
 * Room: ev. Threads: one loop.
 */
#ifndef EV_EV_UV_H
#define EV_EV_UV_H

#include "ev/ev.h" /* first: <uv.h> brings a MIN and MAX of its own */

#include <uv.h>

/* Also makes the process ignore SIGPIPE, which a child inherits: whoever executes another program
 * sets it back first. */
MUST_CHECK int ev_uv_new(struct ev **ret, struct err *e);

/* Free *ev and set it to NULL. All that lives on it (net, ev_fd) has been closed before; what
 * they still have to close in libuv is waited for. */
void ev_uv_free(struct ev **ev);

/* Run turns until ev_stop(). */
void ev_uv_run(struct ev *ev);

/* For net: the libuv loop. Every libuv callback calls ev_uv_enter() first: the first one of a
 * turn reads the clock for all. */
uv_loop_t *ev_uv_loop(struct ev *ev);
void ev_uv_enter(struct ev *ev);

/* For net: the last act of a libuv callback that may have posted. Posts run now and not behind
 * the I/O of all others: what a connection read leaves on the other side while both are still in
 * the cache, and one buffer serves them all. */
void ev_uv_leave(struct ev *ev);

/* ---- descriptors ---- */

struct ev_fd; /* watches one descriptor; does not own it */

#define EV_FD_READ  1u
#define EV_FD_WRITE 2u

/* fn gets EV_FD_* bits, level-triggered; an error or hang-up shows as both being ready. Watches
 * nothing until ev_fd_want(). The descriptor becomes non-blocking. */
MUST_CHECK int ev_fd_open(struct ev_fd **ret, struct ev *ev, int fd,
                          void (*fn)(void *arg, unsigned events), void *arg, struct err *e);

/* Watch for these bits from now on; 0: none. */
void ev_fd_want(struct ev_fd *f, unsigned events);

/* Stop, free, set *f to NULL. No call of fn comes after. The caller may then close the
 * descriptor. NULL is fine. */
void ev_fd_close(struct ev_fd **f);

/* ---- signals ---- */

struct ev_signals;

/* Have fn called, in the loop, for each of the n signals. They become blocked in this process,
 * which a child inherits: whoever executes another program unblocks them first. */
MUST_CHECK int ev_signals_open(struct ev_signals **ret, struct ev *ev, const int *signals, size_t n,
                               void (*fn)(void *arg, int signal), void *arg, struct err *e);
void ev_signals_close(struct ev_signals **s);

#endif
