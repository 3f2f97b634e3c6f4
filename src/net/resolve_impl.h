/*
 * resolve_impl.h - what resolve.c (questions, memory of answers) and the two that ask
 * (resolve_ares.c, resolve_sim.c) share.
 *
 * Room: net, private. Threads: one loop.
 */
#ifndef NET_RESOLVE_IMPL_H
#define NET_RESOLVE_IMPL_H

#include "net/resolve.h"

/* What is known of one name. */
struct resolve_name {
    struct list link; /* resolver->names, the one used last at the end */
    struct resolver *r;
    char host[RESOLVE_HOST_MAX + 1]; /* lower case */
    struct net_addr addrs[RESOLVE_ADDRS_MAX];
    size_t n;           /* 0: never known */
    ev_us fresh_until;  /* of the addresses, or of the failure when there are none */
    struct err failure; /* why there are none */
    bool asking;
    struct list waiters; /* of struct resolve */
    struct ev_timer patience;
};

struct resolver_ops {
    const char *name;
    /* Ask; resolve_answer() comes later or at once. */
    void (*ask)(struct resolver *r, struct resolve_name *name);
    void (*free)(struct resolver *r);
};

struct resolver {
    const struct resolver_ops *ops;
    struct ev *ev;
    struct resolver_conf conf;
    char *servers; /* what conf.servers points to, if anything */
    struct list names;
    size_t names_n;
    size_t queries;    /* sent */
    size_t open;       /* questions without an answer */
    struct list ready; /* of struct resolve: answered, to be told by their post */
};

void resolve_init(struct resolver *r, const struct resolver_ops *ops, struct ev *ev,
                  const struct resolver_conf *conf);
void resolve_fini(struct resolver *r);

/* The answer to ask(): n addresses, or none and why. */
void resolve_answer(struct resolve_name *name, const struct net_addr *addrs, size_t n,
                    uint32_t ttl_s, const struct err *e);

#endif
