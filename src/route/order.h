/*
 * order.h - in which order the targets of a model are asked.
 *
 *     ordered    as they are written
 *     spread     by chance, each as likely as another
 *     weighted   by chance, each as likely as its weight says; without weight behind the others
 *     fastest    of two that chance picks the one that begins its answers sooner, then the others
 * by that: the fastest gets the most, and those that nobody knows get some, and so become known
 * (power of two choices, Mitzenmacher 2001) cheapest   by what the request would cost; those
 * without a price last
 *
 * All of one tier go before all of the next one, whatever the strategy says.
 *
 * Room: route (uses base). Pure. Threads: any.
 */
#ifndef ROUTE_ORDER_H
#define ROUTE_ORDER_H

#include "base/base.h"

enum route_strategy {
    ROUTE_ORDERED,
    ROUTE_SPREAD,
    ROUTE_FASTEST,
    ROUTE_CHEAPEST,
    ROUTE_WEIGHTED,
};

#define ROUTE_WEIGHT_MOST UINT32_C(65536000) /* so that 255 of them can be added up */

#define ROUTE_NO_PRICE UINT64_MAX

struct route_candidate {
    uint8_t tier;
    uint64_t wait_us; /* until it begins to answer, by what is known and under way; 0: not known */
    uint64_t cost;    /* of the request, in any unit; ROUTE_NO_PRICE: not known */
    uint32_t weight;  /* at most ROUTE_WEIGHT_MOST */
};

/* The order as indices, n <= 255 of them. random: any number; another one gives another order. */
void route_order(uint8_t *order, const struct route_candidate *c, size_t n,
                 enum route_strategy strategy, uint64_t random);

#endif
