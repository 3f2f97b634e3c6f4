/*
 * net_sim.h - a network in memory, on a loop of ev_sim.h: latency, small segments, a window,
 * a bandwidth, and faults, all drawn from the loop's seed.
 *
 * One net_sim is a world; each host in it is a struct net that behaves as net.h says. A process
 * that crashes is a host that is freed.
 *
 * Room: net. Threads: one loop.
 */
#ifndef NET_NET_SIM_H
#define NET_NET_SIM_H

#include "net/net.h"

struct net_sim;

/* All zero is a fast network without faults. */
struct net_sim_conf {
    ev_us latency_min, latency_max; /* one way, drawn once a connection */
    ev_us jitter_max;               /* added to each segment; the order never changes */
    uint32_t mss;                   /* a segment has 1 to this many bytes; 0: 1460 */
    uint32_t window_bytes;          /* sent and not read by the peer's owner; 0: 64 KiB */
    uint64_t bytes_per_s;           /* in each direction; 0: no limit */

    /* Chances, drawn once a connection. */
    double refuse_p;          /* the connection is refused */
    double silent_p;          /* the attempt is never answered */
    double reset_p;           /* both ends see a reset after some bytes */
    double stall_p;           /* one direction stands still for a while after some bytes */
    double half_close_p;      /* one direction ends (FIN) after some bytes; the rest is lost */
    uint32_t fault_bytes_max; /* "some bytes" is 0 to this many; 0: 64 KiB */
    ev_us stall_max;          /* "a while" is 0 to this long; 0: 60 s */

    /* Told of each event on the wire, one line without a newline; may be NULL. */
    void (*trace)(void *arg, const char *line);
    void *trace_arg;
};

MUST_CHECK int net_sim_new(struct net_sim **ret, struct ev *ev, const struct net_sim_conf *conf,
                           struct err *e);

/* Free the world. Its hosts have been freed before. */
void net_sim_free(struct net_sim **s);

/* The configuration, to be changed at will: it counts for the connections made from then on. */
struct net_sim_conf *net_sim_conf(struct net_sim *s);

/* A host whose connections come from `self` (NULL: 127.0.0.1; the port is ignored). A listener
 * is found by the address it listens on; one on the unspecified address by its host's `self`. */
MUST_CHECK int net_sim_host(struct net **ret, struct net_sim *s, const struct net_addr *self,
                            struct err *e);

/* What a kernel does when a process dies: listeners go, a connection with unread bytes is reset,
 * others end with FIN, attempts are given up. Owners are not told and forget their pointers;
 * connections that linger by net_conn_close() go on. */
void net_sim_host_free(struct net **net);

#endif
