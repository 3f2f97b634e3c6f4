/*
 * pool.h - in which order the endpoints of one target are asked: replicas of the same model, so any
 * will do, but each keeps a cache of what it has read.
 *
 *     - Requests that begin alike have the same order of endpoints (rendezvous hashing, Thaler and
 *       Ravishankar 1998): the first has read that beginning before. So it is with every gateway,
 * and an endpoint that comes or goes moves only its own requests.
 *     - Who has far more to do than the others stands behind them, the busiest last (bounded loads,
 *       Mirrokni et al. 2016).
 *     - Who is known not to serve stands behind all.
 *
 * Room: route (uses base). Pure. Threads: any.
 */
#ifndef ROUTE_POOL_H
#define ROUTE_POOL_H

#include "base/base.h"

#define ROUTE_UNSAID UINT64_MAX

/* More than so much beyond the mean is far more: a quarter of it, and at least so many requests, or
 * so much of a KV cache in millionths. */
#define ROUTE_POOL_PART     4
#define ROUTE_POOL_REQUESTS 2
#define ROUTE_POOL_SHARE    100000
#define ROUTE_POOL_FULL     950000 /* of its KV cache: so it has, where others have room */

struct route_member {
    uint64_t id;               /* of the endpoint: the same with every gateway */
    bool away;                 /* it does not serve */
    uint64_t running, waiting; /* requests; ROUTE_UNSAID: it does not say */
    uint64_t share;            /* of its KV cache that is in use, in millionths; likewise */
};

/* The order as indices, n <= 255 of them; ways to one endpoint stay in theirs. key: a hash of
 * what requests that begin alike have in common. */
void route_pool(uint8_t *order, const struct route_member *m, size_t n, uint64_t key);

#endif
