/*
 * link_ev.h - a child's end of its link to the master, on the child's loop; and its heartbeat.
 *
 * Room: cmd. Threads: one loop.
 */
#ifndef CMD_LINK_EV_H
#define CMD_LINK_EV_H

#include "board/board.h"
#include "ev/ev_uv.h"
#include "ev/lag.h"
#include "proc/link.h"

struct link_ev {
    struct ev *ev;
    int link;
    struct ev_fd *fd;
    struct ev_timer beat;
    struct lag lag;
    struct board_row *row;
    /* A message; fd is owned by the callee, -1 if none. */
    void (*on_msg)(void *arg, const struct link_msg *m, int fd);
    /* Before each heartbeat: put the gauges into the row. May be NULL. */
    void (*on_beat)(void *arg);
    void *arg;
};

/* Fill in ev, link, row, on_msg, on_beat, arg before. When the master is gone the loop stops. */
MUST_CHECK int link_ev_open(struct link_ev *l, struct err *e);
void link_ev_close(struct link_ev *l);
void link_ev_send(struct link_ev *l, struct link_msg m);

#endif
