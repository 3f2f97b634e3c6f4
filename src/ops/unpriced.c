/*
 * unpriced.c - see unpriced.h.
 *
 * Clients choose names of models, and each unknown one is a target of its own: places are therefore
 * never given up before their interval is over, so that nobody can fill a log by inventing names.
 */
#include "ops/unpriced.h"

#include <xxhash.h>

#include "ops/view.h"
#include "record/log.h"

/* What is said of each cause; NULL: nothing, the record and the counter tell enough. */
static const char *const causes[PRICINGS_N] = {
    [PRICING_NO_PRICE] = "the model has no row in the price file (prices.file)",
    [PRICING_NO_RATE] = "its row in the price file says nothing of some kind of its tokens",
    [PRICING_TIER] = "it was served at another tier, speed or place than the price file knows",
    [PRICING_NO_USAGE] = "the provider did not say how many tokens it took",
    [PRICING_TOO_LARGE] = "the provider reported more tokens than anybody can pay",
};

static uint64_t id_of(const struct record *r)
{
    struct span target = RECORD_TEXT(r->target);

    return XXH3_64bits_withSeed(target.p, target.n, r->pricing);
}

/* The place of the id, a free one, or one whose interval is over; n: there is none. */
static size_t place_of(const struct unpriced *u, uint64_t id, ev_us now)
{
    size_t old = UNPRICED_PLACES;

    for (size_t i = 0; i < u->n; i++) {
        if (u->places[i].id == id)
            return i;
        if (now - u->places[i].since >= UNPRICED_AGAIN)
            old = i;
    }
    return u->n < UNPRICED_PLACES ? u->n : old;
}

static void write(char line[UNPRICED_TEXT], const struct record *r, uint64_t unsaid)
{
    struct span target = RECORD_TEXT(r->target);
    int n = snprintf(line, UNPRICED_TEXT, "unpriced: what %.*s costs is not known: %s",
                     SPAN_FMT(target), causes[r->pricing]);

    if (unsaid && n > 0 && n < UNPRICED_TEXT)
        UNUSED(snprintf(line + n, (size_t)(UNPRICED_TEXT - n), " (%llu more requests until now)",
                        (unsigned long long)unsaid));
    view_tame(line);
}

bool unpriced_add(struct unpriced *u, const struct record *r, ev_us now, char line[UNPRICED_TEXT])
{
    uint64_t id = id_of(r);
    size_t i;

    if (!EXPECT((size_t)r->pricing < PRICINGS_N) || !causes[r->pricing])
        return false;
    i = place_of(u, id, now);
    if (i == UNPRICED_PLACES)
        return false;
    if (i < u->n && u->places[i].id == id && now - u->places[i].since < UNPRICED_AGAIN) {
        u->places[i].unsaid++;
        return false;
    }
    write(line, r, i < u->n && u->places[i].id == id ? u->places[i].unsaid : 0);
    u->n = MAX(u->n, i + 1);
    u->places[i].id = id;
    u->places[i].since = now;
    u->places[i].unsaid = 0;
    return true;
}
