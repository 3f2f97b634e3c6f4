/*
 * twin.h - the gateway in virtual time: a client, the gateway and its upstreams on one virtual
 * network, all from one seed.
 *
 * An upstream writes raw bytes that a script says, the client reads raw bytes: neither shares
 * code with what is tested.
 */
#ifndef TEST_TWIN_H
#define TEST_TWIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/rng.h"
#include "conf/report.h"
#include "ev/ev_sim.h"
#include "net/net_sim.h"
#include "relay/gateway.h"

enum twin_end { TWIN_WHOLE, TWIN_FIN, TWIN_RESET, TWIN_SILENT };

/* What the upstream does with each request it gets. */
struct twin_script {
    struct span head; /* of the answer, as it goes on the wire, blank line included */
    struct span body;
    bool chunked;      /* each piece of the body becomes a chunk */
    size_t piece_max;  /* pieces of 1 to this many bytes */
    ev_us gap_max;     /* pause before each piece, 0 to this */
    size_t rest_at;    /* bytes of the body after which it rests ... */
    ev_us rest_us;     /* ... for so long */
    ev_us drip_us;     /* ... and before each byte that follows; 0: it goes on as before */
    size_t cut_at;     /* bytes of the body after which `end` happens; SIZE_MAX: at its end */
    enum twin_end end; /* TWIN_WHOLE: the last chunk, then the connection stays */
};

#define TWIN_UPS 3

/* An upstream, at 127.0.0.1:9000, :9100, :9200. */
struct twin_up {
    struct twin *t;
    struct net_listener *listener;
    struct twin_script script;
    unsigned requests; /* whole ones that reached it */
    unsigned aborted;  /* its connections that the gateway broke under a request */
    unsigned accepted; /* connections */
    /* A whole request has come: the script may be set now. NULL is fine. */
    void (*on_request)(void *arg, struct twin_up *up, struct span head, struct span body);
    void *arg;
    char model[32];  /* ... as the body of the last one calls it (cut) */
    char body[2048]; /* ... and that body (cut) */
};

struct twin {
    struct ev *ev;
    struct net_sim *sim;
    struct resolver *resolver;
    struct net *up_net, *gw_net, *cl_net;
    struct env *env;
    struct conf_report report;
    struct settings *settings;
    struct gateway gateway;
    struct twin_up ups[TWIN_UPS];
    struct list up_conns;
    bool lenient; /* peers that run out of memory end their connections; else the test has failed */
    struct rng rng;
    unsigned up_heads;    /* requests of which an upstream saw at least the head */
    unsigned up_requests; /* whole requests that reached one */
    unsigned up_aborted;  /* its connections that the gateway broke under a request */
    ev_us up_aborted_at;  /* the last time */
    struct record record; /* the last one */
    struct board_target targets[BOARD_TARGETS + 1];
    struct board *board; /* of engines: who they are, and what the ledger says of them */
    struct policy_ledger ledger;
    unsigned records;
    unsigned more;    /* attempts that were told of, since others followed */
    uint64_t working; /* what its row said when the last record was made */
};

/* What a client saw. */
struct twin_client {
    struct twin *t;
    struct net_conn *conn;
    struct net_connect *connecting;
    struct buf request, in;
    bool eof, error, closed;
    ev_us closed_at;
    bool deaf;          /* it reads nothing */
    size_t leave_after; /* bytes received after which the client leaves; SIZE_MAX: never */
};

void twin_open(struct twin *t, uint64_t seed, const char *config);
/* The same, with an environment ("NAME=value", NULL behind the last). */
void twin_open_env(struct twin *t, uint64_t seed, const char *config, const char *const *env);
/* The same, with a price file; else there are no prices. */
void twin_open_priced(struct twin *t, uint64_t seed, const char *config, const char *prices);
void twin_close(struct twin *t);

/* Send `request` (raw bytes), run until nothing happens any more or `limit` of virtual time. */
void twin_ask(struct twin *t, struct twin_client *c, struct span request, ev_us limit);
void twin_client_fini(struct twin_client *c);

/* The client leaves now; what it has asked for is its last word. */
void twin_leave(struct twin_client *c, enum net_end how);

/* From now on nobody listens there; and again. */
void twin_refuse(struct twin *t, size_t up);
void twin_listen(struct twin *t, size_t up);

/* The upstream ends the connection that it accepted first, if it is not answering on it. */
void twin_end_first(struct twin *t, enum net_end how);

/* Take a chunked HTTP/1.1 answer apart. Returns true when it ended with the last chunk; *status
 * and body get what there is. */
bool twin_parse(struct span in, unsigned *status, struct buf *body);

#endif
