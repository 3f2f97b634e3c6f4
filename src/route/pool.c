/*
 * pool.c - see pool.h.
 */
#include "route/pool.h"

enum rank { SERVES, BUSY, AWAY };

struct ranked {
    uint8_t at;
    enum rank rank;
    uint64_t load;   /* of those that are busy: less goes first */
    uint64_t weight; /* more goes first */
};

/* Murmur3's finalizer: every bit of x counts in every bit of what comes of it. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

static uint64_t requests_of(const struct route_member *m)
{
    return m->running == ROUTE_UNSAID || m->waiting == ROUTE_UNSAID ? ROUTE_UNSAID
                                                                    : m->running + m->waiting;
}

static uint64_t waiting_of(const struct route_member *m)
{
    return m->waiting;
}

static uint64_t share_of(const struct route_member *m)
{
    return m->share;
}

static bool is_full(const struct route_member *m)
{
    return m->share != ROUTE_UNSAID && m->share >= ROUTE_POOL_FULL;
}

/* Of those that serve and say it; *ret: beyond this is far more. false: nobody says it. */
static bool bound(const struct route_member *m, size_t n,
                  uint64_t (*of)(const struct route_member *m), uint64_t slack, uint64_t *ret)
{
    uint64_t sum = 0, said = 0;

    for (size_t i = 0; i < n; i++)
        if (!m[i].away && of(&m[i]) != ROUTE_UNSAID) {
            sum += of(&m[i]);
            said++;
        }
    if (said == 0)
        return false;
    *ret = sum / said + MAX(sum / said / ROUTE_POOL_PART, slack);
    return true;
}

static void find_busy(struct ranked *k, const struct route_member *m, size_t n,
                      uint64_t (*of)(const struct route_member *m), uint64_t slack)
{
    uint64_t most;

    if (!bound(m, n, of, slack, &most))
        return;
    for (size_t i = 0; i < n; i++)
        if (k[i].rank == SERVES && of(&m[i]) != ROUTE_UNSAID && of(&m[i]) > most)
            k[i].rank = BUSY;
}

static bool before(const struct ranked *a, const struct ranked *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->rank == BUSY && a->load != b->load)
        return a->load < b->load;
    return a->weight != b->weight ? a->weight > b->weight : a->at < b->at;
}

static void sort(struct ranked *k, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && before(&k[j], &k[j - 1]); j--) {
            struct ranked held = k[j];

            k[j] = k[j - 1];
            k[j - 1] = held;
        }
}

void route_pool(uint8_t *order, const struct route_member *m, size_t n, uint64_t key)
{
    struct ranked k[UINT8_MAX];
    bool room = false; /* where all are full, that tells nobody from the others */

    MUST(n <= UINT8_MAX);
    for (size_t i = 0; i < n; i++) {
        uint64_t requests = requests_of(&m[i]);

        k[i] = (struct ranked){.at = (uint8_t)i,
                               .rank = m[i].away ? AWAY : SERVES,
                               .load = requests == ROUTE_UNSAID ? 0 : requests,
                               .weight = mix(m[i].id ^ key)};
        room |= k[i].rank == SERVES && !is_full(&m[i]);
    }
    for (size_t i = 0; i < n && room; i++)
        if (k[i].rank == SERVES && is_full(&m[i]))
            k[i].rank = BUSY;
    find_busy(k, m, n, waiting_of, ROUTE_POOL_REQUESTS);
    find_busy(k, m, n, requests_of, ROUTE_POOL_REQUESTS);
    find_busy(k, m, n, share_of, ROUTE_POOL_SHARE);
    sort(k, n);
    for (size_t i = 0; i < n; i++)
        order[i] = k[i].at;
}
