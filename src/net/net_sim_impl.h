/*
 * net_sim_impl.h - what net_sim.c (hosts, listeners, attempts) and net_sim_conn.c (connections)
 * share.
 *
 * Room: net, private. Threads: one loop.
 */
#ifndef NET_NET_SIM_IMPL_H
#define NET_NET_SIM_IMPL_H

#include "base/rng.h"
#include "net/net_sim.h"
#include "net/outq.h"

struct net_sim {
    struct ev *ev;
    struct net_sim_conf conf;
    struct rng rng;
    struct outq_store store;
    struct list hosts;     /* of struct simhost */
    struct list listeners; /* of struct simlistener */
    struct list wires;     /* of struct wire */
    uint64_t next_id;
    uint16_t next_port;
};

struct simhost {
    struct net base;
    struct net_sim *s;
    struct list link;
    struct net_addr self;
};

enum end_state { END_CONNECTING, END_OPEN, END_FLUSHING, END_LINGERING, END_ACKING, END_CLOSED };

/* One end of a connection. */
struct end {
    struct net_conn base;
    uint32_t magic;
    enum end_state state;
    struct wire *w;
    struct simhost *host; /* NULL once END_CLOSED */
    struct net_addr peer;
    struct outq out;
    struct ev_post kick;   /* look again at what can be sent and delivered */
    struct ev_timer timer; /* the 5 s of closing */
    size_t lingered;
    bool reading, eof, broken;
    bool fin, fin_wanted; /* ours is on the wire; is to follow the queue */
    bool rst;             /* the peer's RST has come */
};

/* One direction: what is on the way, and what came and was not read. */
struct pipe {
    struct wire *w;
    struct list segs; /* of struct seg, in order */
    struct ev_timer arrive;
    size_t in_window; /* bytes sent and not read */
    size_t on_way;    /* segments not arrived */
    size_t sent;      /* bytes put on the wire in all */
    ev_us last_at, wire_free_at;
    size_t reset_at, stall_at, fin_at; /* faults: at this byte; SIZE_MAX: never */
    ev_us stall;
    bool mute; /* its end was faked: what comes now is lost */
    bool dead; /* an RST was sent: nothing follows */
};

/* A connection; pipes[i] leads from ends[i] to the other one. ends[0] is who connected. */
struct wire {
    struct net_sim *s;
    struct list link;
    uint64_t id;
    struct rng rng; /* its own, so that one connection does not change the next one's fate */
    ev_us latency;
    struct end ends[2];
    struct pipe pipes[2];
    struct ev_post bury; /* frees it when both ends are closed */

    /* the attempt */
    struct net_connect attempt;
    struct net_addr to;
    struct ev_timer handshake; /* net_sim.c initialises it */
    void (*on_done)(void *arg, struct net_conn *c, const struct err *e);
    void *done_arg;
    enum { HS_SYN, HS_REFUSED, HS_ACCEPTED, HS_SILENT } hs;
    struct list pending; /* in a listener's queue, not yet accepted */
};

/* A new wire with its end 0 connecting; NULL: no memory. */
MUST_CHECK struct wire *net_sim_wire_new(struct simhost *from, const struct net_addr *to);
void net_sim_wire_free(struct wire *w);

void net_sim_trace(struct wire *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* End x is over: nothing more is told to its owner. With rst the peer is told so. */
void net_sim_end_gone(struct end *x, bool rst);

/* What the kernel does to an end whose process died. */
void net_sim_end_died(struct end *x);

#endif
