/*
 * gateway.h - what answers clients, put together on a loop and a network: pools, credentials,
 * relay, server.
 * The same on real sockets in a worker and on the virtual network in tests.
 *
 * Room: relay. Threads: one loop.
 */
#ifndef RELAY_GATEWAY_H
#define RELAY_GATEWAY_H

#include "relay/hand_over.h"

struct resolver;

struct gateway_peers {
    uint32_t n, self;
    const uint16_t *ports;
    const unsigned char *secret;
};

struct gateway {
    struct net *net;
    struct call_pools *pools;
    struct cred_store *creds;
    struct relay_env relay;
    struct http_server *server;
    const unsigned char *ticket_secret;
    struct relay_owners owners; /* with the other workers (hand_over.h) ... */
    struct http_server *handed; /* ... and what takes their requests; NULL: there are none */
    uint32_t conns_most;        /* see gateway_bound(); 0: none */
    struct ev_timer drain;
    unsigned draining; /* servers that are not empty yet */
    void (*on_drained)(void *arg);
    void *drained_arg;
};

/* Make it; nothing listens yet. Takes a reference of the snapshot; net, resolver and ticket_secret
 * (see struct tls_server_conf; may be NULL) outlive it. On failure nothing is left. */
MUST_CHECK int gateway_init(struct gateway *g, struct net *net, struct resolver *resolver,
                            struct settings *settings, struct relay_sink sink,
                            const unsigned char *ticket_secret, struct err *e);

/* Never more client connections than that, whatever the settings say: their targets need
 * descriptors too. */
MUST_CHECK int gateway_bound(struct gateway *g, const struct settings *settings, uint32_t conns,
                             struct err *e);

/* There are others like it, which have their own share of the Idempotency-Keys and listen on these
 * ports of 127.0.0.1. own: this one's listener, taken. secret: HAND_OVER_SECRET bytes that all of
 * them have. Once, before anything is served. */
MUST_CHECK int gateway_join(struct gateway *g, struct resolver *resolver,
                            const struct settings *settings, const struct gateway_peers *peers,
                            const struct net_listen_conf *own, struct err *e);

/* A new snapshot for requests and connections that begin from now on. -1: its certificate cannot
 * be used, and the old one stays; all else is taken. */
MUST_CHECK int gateway_settings(struct gateway *g, struct settings *settings, struct err *e);

/* A slice of the requests that begin from now on uses this snapshot, until that trial is over
 * (relay_env_trial()). What is the server's own stays as it is. NULL: none does any more. */
void gateway_trial(struct gateway *g, struct settings *settings, uint64_t number);

/* Accept no more, let what runs finish for ms, then end the rest honestly; on_drained once no
 * connection is left. */
void gateway_drain(struct gateway *g, uint64_t ms, void (*on_drained)(void *arg), void *arg);

/* End everything now. */
void gateway_fini(struct gateway *g);

#endif
