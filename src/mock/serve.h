/*
 * serve.h - the mock as a server on a given net: main.c puts it on real sockets, a test may put
 * it on virtual ones.
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_SERVE_H
#define MOCK_SERVE_H

#include "mock/log.h"
#include "mock/replay.h"
#include "mock/script.h"
#include "net/net.h"

struct mock {
    struct net *net;
    struct ev *ev;
    struct net_listener *listener, *resetter;
    struct net_addr addr;         /* of the listener, while it is closed by order */
    struct ev_timer listen_again; /* armed while it is */
    struct mock_script script;
    struct mock_replay replay;
    struct mock_log log;
    struct list conns;
    uint64_t conns_n, requests_n; /* so far */
};

/* Large: has a script in it; so it lives on the heap or in main. */
void mock_init(struct mock *m, struct net *net);
/* Close all; the net may be freed after. */
void mock_fini(struct mock *m);

/* Answer on this address; mock_init() and what fills script, replay and log come before. */
MUST_CHECK int mock_listen(struct mock *m, const struct net_addr *addr, struct err *e);

/* Accept on this address and reset every connection at once. */
MUST_CHECK int mock_listen_reset(struct mock *m, const struct net_addr *addr, struct err *e);

#endif
