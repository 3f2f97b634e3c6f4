/*
 * arrange.c - see arrange.h. Whoever is moved is moved alone: all others stay in their order.
 */
#include "route/arrange.h"

static void pull(uint8_t *order, size_t at, size_t to)
{
    uint8_t who = order[at];

    for (; at > to; at--)
        order[at] = order[at - 1];
    order[to] = who;
}

/* Returns how many there are. */
static size_t named_first(uint8_t *order, const struct route_place *p, size_t n)
{
    size_t to = 0;

    for (unsigned rank = 0; rank < ROUTE_UNWANTED && to < n; rank++)
        for (size_t i = to; i < n; i++)
            if (p[order[i]].wanted == rank)
                pull(order, i, to++);
    return to;
}

static void seat_first(uint8_t *order, const struct route_place *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[order[i]].sits) {
            pull(order, i, 0);
            return;
        }
}

static void kin_next(uint8_t *order, const struct route_place *p, size_t n)
{
    const struct route_place *first = &p[order[0]];
    size_t to = 1;

    for (size_t i = 1; i < n && p[order[i]].tier == first->tier; i++)
        if (first->kin >> p[order[i]].target & 1)
            pull(order, i, to++);
}

/* All ways to the first target. Returns how many there are. */
static size_t first_alone(uint8_t *order, const struct route_place *p, size_t n)
{
    uint8_t target = p[order[0]].target;
    size_t to = 1;

    for (size_t i = 1; i < n; i++)
        if (p[order[i]].target == target)
            pull(order, i, to++);
    return to;
}

static void drained_last(uint8_t *order, const struct route_place *p, size_t n)
{
    size_t to = 0;

    for (size_t i = 0; i < n; i++)
        if (!p[order[i]].drained)
            pull(order, i, to++);
}

size_t route_arrange(uint8_t *order, const struct route_place *p, size_t n, struct route_wish wish)
{
    size_t named = 0;

    if (n == 0)
        return 0;
    if (wish.named) {
        named = named_first(order, p, n);
    } else {
        seat_first(order, p, n);
        kin_next(order, p, n);
    }
    if (wish.no_others)
        n = wish.named ? named : first_alone(order, p, n);
    drained_last(order, p, n);
    return n;
}
