/*
 * order.c - see order.h. Each candidate gets two keys, by which all are sorted within their tier;
 * the second one is by chance.
 */
#include "route/order.h"

#include "base/rng.h"

struct keyed {
    uint8_t at, tier;
    uint64_t key, chance;
};

static uint64_t key_of(const struct route_candidate *c, enum route_strategy strategy)
{
    switch (strategy) {
    case ROUTE_FASTEST:
        return c->wait_us;
    case ROUTE_CHEAPEST:
        return c->cost;
    case ROUTE_SPREAD:
    case ROUTE_ORDERED:
    case ROUTE_WEIGHTED:
        break;
    }
    return 0;
}

static bool before(const struct keyed *a, const struct keyed *b)
{
    if (a->tier != b->tier)
        return a->tier < b->tier;
    return a->key != b->key ? a->key < b->key : a->chance < b->chance;
}

static void sort(struct keyed *k, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && before(&k[j], &k[j - 1]); j--) {
            struct keyed held = k[j];

            k[j] = k[j - 1];
            k[j - 1] = held;
        }
}

/* The better of two of the first tier to the front; those between move one place on. */
static void pick(struct keyed *k, size_t n, struct rng *r)
{
    size_t first = 0, a, b;
    struct keyed better;

    while (first < n && k[first].tier == k[0].tier)
        first++;
    if (first < 3) /* of two, both are picked */
        return;
    a = (size_t)rng_below(r, first);
    b = (size_t)rng_below(r, first - 1);
    a = MIN(a, b + (b >= a)); /* sorted: the lower place is the better one */
    better = k[a];
    for (size_t i = a; i > 0; i--)
        k[i] = k[i - 1];
    k[0] = better;
}

/* One of n, as likely as its weight says. */
static size_t draw(const struct keyed *k, size_t n, const struct route_candidate *c, struct rng *r)
{
    uint64_t all = 0, at;

    for (size_t i = 0; i < n; i++)
        all += c[k[i].at].weight;
    if (all == 0) /* they are in an order by chance */
        return 0;
    at = rng_below(r, all);
    for (size_t i = 0; i < n; i++) {
        if (at < c[k[i].at].weight)
            return i;
        at -= c[k[i].at].weight;
    }
    return 0;
}

/* Each place goes to one of those left of its tier; those between move one place on. */
static void draw_all(struct keyed *k, size_t n, const struct route_candidate *c, struct rng *r)
{
    for (size_t i = 0; i < n; i++) {
        size_t end = i, who;
        struct keyed drawn;

        while (end < n && k[end].tier == k[i].tier)
            end++;
        who = i + draw(&k[i], end - i, c, r);
        drawn = k[who];
        for (; who > i; who--)
            k[who] = k[who - 1];
        k[i] = drawn;
    }
}

void route_order(uint8_t *order, const struct route_candidate *c, size_t n,
                 enum route_strategy strategy, uint64_t random)
{
    struct keyed k[UINT8_MAX];
    struct rng r;

    MUST(n <= UINT8_MAX);
    rng_init(&r, random);
    for (size_t i = 0; i < n; i++)
        k[i] = (struct keyed){(uint8_t)i, c[i].tier, key_of(&c[i], strategy),
                              strategy == ROUTE_ORDERED ? i : rng_u64(&r)};
    sort(k, n);
    if (strategy == ROUTE_FASTEST && n)
        pick(k, n, &r);
    if (strategy == ROUTE_WEIGHTED)
        draw_all(k, n, c, &r);
    for (size_t i = 0; i < n; i++)
        order[i] = k[i].at;
}
