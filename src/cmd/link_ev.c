/*
 * link_ev.c - see link_ev.h.
 */
#include "cmd/link_ev.h"

#define BEAT_MS 250

static void on_readable(void *arg, unsigned events)
{
    struct link_ev *l = arg;
    struct link_msg m;
    int fd, rc;

    UNUSED(events);
    while ((rc = link_recv(l->link, &m, &fd)) > 0)
        l->on_msg(l->arg, &m, fd);
    if (rc < 0) {
        ev_fd_want(l->fd, 0);
        ev_stop(l->ev);
    }
}

static void on_beat(struct ev_timer *t)
{
    struct link_ev *l = CONTAINER_OF(t, struct link_ev, beat);
    struct err e;

    board_set(&l->row->turned_us, ev_now(l->ev));
    board_set(&l->row->lag_us, lag_note(&l->lag, l->ev));
    if (l->on_beat)
        l->on_beat(l->arg);
    lag_expect(&l->lag, l->ev, EV_MS(BEAT_MS));
    MUST(ev_timer_set(t, EV_MS(BEAT_MS), &e) == 0); /* its room in the heap is never given back */
}

int link_ev_open(struct link_ev *l, struct err *e)
{
    ev_timer_init(&l->beat, l->ev, on_beat);
    if (ev_fd_open(&l->fd, l->ev, l->link, on_readable, l, e) < 0)
        return -1;
    ev_fd_want(l->fd, EV_FD_READ);
    lag_expect(&l->lag, l->ev, 0);
    return ev_timer_set(&l->beat, 0, e);
}

void link_ev_close(struct link_ev *l)
{
    ev_timer_stop(&l->beat);
    ev_fd_close(&l->fd);
}

void link_ev_send(struct link_ev *l, struct link_msg m)
{
    struct err e;

    if (link_send(l->link, &m, -1, &e) < 0)
        ev_stop(l->ev); /* without a master nobody would ever end us */
}
