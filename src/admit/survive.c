/*
 * survive.c - see survive.h. One pass over the members adds up the domains, one over the domains
 * holds each against all the others.
 */
#include "admit/survive.h"

#define MILLION UINT64_C(1000000)

static uint64_t part(uint64_t of, uint64_t millionths)
{
    return of / MILLION * millionths + of % MILLION * millionths / MILLION;
}

/* All domains together, and where one session finds most room: `widest` in domain `at`, the next
 * best one elsewhere. */
struct sums {
    uint64_t room, prefill, widest, next;
    size_t at, domains;
    bool unread; /* of one that has room it is not known how fast it reads */
};

static uint64_t room_of(const struct survive_member *m)
{
    uint64_t most = part(m->capacity, SURVIVE_AFTER);

    return most - MIN(m->kept, most);
}

static void add(struct survive_domain *d, const struct survive_member *m)
{
    uint64_t room = room_of(m);

    d->there |= m->capacity > 0;
    d->kept += m->kept;
    d->context += m->context;
    d->largest = MAX(d->largest, m->largest);
    d->room += room;
    d->widest = MAX(d->widest, room);
    d->prefill += m->prefill;
}

static void add_domain(struct sums *s, const struct survive_domain *d, size_t at)
{
    s->room += d->room;
    s->prefill += d->prefill;
    s->domains += d->there;
    if (d->widest > s->widest) {
        s->next = s->widest;
        s->widest = d->widest;
        s->at = at;
    } else {
        s->next = MAX(s->next, d->widest);
    }
}

/* Were domain `at` lost. */
static struct survive_verdict without(const struct sums *s, const struct survive_domain *d,
                                      size_t at)
{
    struct survive_verdict ret = {.why = SURVIVE_FITS, .domain = (uint16_t)at};
    uint64_t need = d->kept + part(d->kept, SURVIVE_MARGIN), room = s->room - d->room,
             reads = part(s->prefill - d->prefill, SURVIVE_SHARE) * SURVIVE_READ_S;

    if (need > room) {
        ret.why = SURVIVE_NO_ROOM;
        ret.lost = d->kept - MIN(d->kept, room);
    } else if (d->largest > (s->at == at ? s->next : s->widest)) {
        ret.why = SURVIVE_TOO_LARGE;
    } else if (!s->unread && d->context > reads) {
        ret.why = SURVIVE_TOO_LONG;
    }
    return ret;
}

/* One more session, on member `at`; at n: none. */
struct more {
    size_t at;
    uint64_t tokens, context;
};

static struct survive_verdict look(const struct survive_member *m, size_t n,
                                   struct survive_domain *d, size_t domains_n,
                                   const struct more *more)
{
    struct survive_verdict ret = {.why = SURVIVE_FITS};
    struct sums s = {0};

    memset(d, 0, domains_n * sizeof(*d));
    for (size_t i = 0; i < n; i++) {
        struct survive_member one = m[i];

        if (i == more->at) {
            one.kept += more->tokens;
            one.context += more->context;
            one.largest = MAX(one.largest, more->tokens);
        }
        add(&d[one.domain], &one);
        s.unread |= one.capacity && one.prefill == 0;
    }
    for (size_t i = 0; i < domains_n; i++)
        add_domain(&s, &d[i], i);
    for (size_t i = 0; i < domains_n && ret.why == SURVIVE_FITS; i++)
        if (d[i].kept)
            ret = without(&s, &d[i], i);
    if (s.domains < 2)
        ret = (struct survive_verdict){.why = SURVIVE_ALONE};
    return ret;
}

struct survive_verdict survive_look(const struct survive_member *m, size_t n,
                                    struct survive_domain *d, size_t domains_n)
{
    return look(m, n, d, domains_n, &(struct more){.at = n});
}

struct survive_verdict survive_admits(const struct survive_member *m, size_t n,
                                      struct survive_domain *d, size_t domains_n, size_t i,
                                      uint64_t tokens, uint64_t context, bool kept)
{
    if (m[i].reserved + tokens > part(m[i].capacity, SURVIVE_FILL))
        return (struct survive_verdict){.why = SURVIVE_FULL, .domain = m[i].domain};
    if (!kept)
        return (struct survive_verdict){.why = SURVIVE_FITS, .domain = m[i].domain};
    return look(m, n, d, domains_n, &(struct more){i, tokens, context});
}
