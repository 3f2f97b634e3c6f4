/*
 * arrange.h - what goes before, or behind, the order that the strategy gives (route/order.h).
 *
 * In this order:
 *     - Whom the request wants first goes first, as it names them. Where it names nobody, the
 *       target at which its conversation sits does, and behind the first one those of its tier with
 *       the same weights.
 *     - Where it wants nobody else, the others are no candidates: all but those that it names, or,
 *       where it names nobody, all but the ways to the first target.
 *     - Who is drained goes behind all others.
 *
 * Room: route (uses base). Pure. Threads: any.
 */
#ifndef ROUTE_ARRANGE_H
#define ROUTE_ARRANGE_H

#include "base/base.h"

#define ROUTE_UNWANTED UINT8_MAX

/* One way to a target. */
struct route_place {
    uint8_t target; /* which one of the model's, below 32: several ways may lead to it */
    uint8_t tier;
    uint32_t kin;   /* of the model's targets: those with the same weights; a bit each */
    uint8_t wanted; /* its place among those that the request names; ROUTE_UNWANTED: it does not */
    bool sits;      /* the conversation was answered there */
    bool drained;
};

struct route_wish {
    bool named;     /* the request names whom it wants first */
    bool no_others; /* ... and wants nobody else */
};

/* order has the places as the strategy gives them, n <= 255. Returns how many are candidates; what
 * stands behind them in the order is none. */
size_t route_arrange(uint8_t *order, const struct route_place *p, size_t n, struct route_wish wish);

#endif
