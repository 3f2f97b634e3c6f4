/*
 * hand_over.h - a request that another worker is to answer goes to that one, and its answer comes
 * back through this one.
 *
 * Each worker has a listener of its own on loopback for it, which takes nothing but what shows a
 * secret that the workers of one gateway share. The request goes there as it came.
 *
 * Room: relay. Threads: one loop.
 */
#ifndef RELAY_HAND_OVER_H
#define RELAY_HAND_OVER_H

#include "relay/relay.h"

#define HAND_OVER_SECRET 32            /* bytes of the secret */
#define HAND_OVER_FIELDS 2             /* what is added to the head ... */
#define HAND_OVER_HEAD   ((size_t)512) /* ... and how many bytes that may be */

/* The workers of the gateway, of which each owns a share of all Idempotency-Keys. */
struct relay_owners {
    uint32_t n, self;
    struct http_pool *pools[BOARD_WORKERS]; /* to each of the others */
    char secret[2 * HAND_OVER_SECRET + 1];  /* as a field's value */
};

struct relay;

/* The request is whole: that worker answers it. */
void relay_hand_over(struct relay *r, uint32_t owner);

/* n bytes of the answer have left toward the client. */
void relay_handed_sent(struct relay *r, size_t n);

/* The http_on_request of the listener; arg is the relay_env. */
void relay_on_handed(void *arg, struct http_stream *s, const struct http_head *h,
                     const struct net_addr *peer);

#endif
