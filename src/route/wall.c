/*
 * wall.c - see wall.h.
 */
#include "route/wall.h"

bool route_has_word(struct route_words in, struct span word)
{
    for (size_t i = 0; i < in.n; i++)
        if (span_eq(in.words[i], word))
            return true;
    return false;
}

bool route_has_words(struct route_words in, struct route_words words)
{
    for (size_t i = 0; i < words.n; i++)
        if (!route_has_word(in, words.words[i]))
            return false;
    return true;
}

enum route_wall route_wall(const struct route_facts *f, const struct route_class *c)
{
    bool any_time = c->retention_most_ms == ROUTE_ANY_TIME;

    if (c->jurisdictions.n &&
        (f->jurisdictions.n == 0 || !route_has_words(c->jurisdictions, f->jurisdictions)))
        return ROUTE_WALL_JURISDICTION;
    if (!any_time && (!f->retention_known || f->retention_ms > c->retention_most_ms))
        return ROUTE_WALL_RETENTION;
    if (c->no_training && f->trains != ROUTE_NO)
        return ROUTE_WALL_TRAINING;
    return route_has_words(f->contracts, c->contracts) ? ROUTE_WALL_NONE : ROUTE_WALL_CONTRACT;
}

const char *route_wall_word(enum route_wall w)
{
    static const char *const words[] = {
        [ROUTE_WALL_NONE] = "none",           [ROUTE_WALL_JURISDICTION] = "jurisdiction",
        [ROUTE_WALL_RETENTION] = "retention", [ROUTE_WALL_TRAINING] = "training",
        [ROUTE_WALL_CONTRACT] = "contract",   [ROUTE_WALL_SAFETY] = "safety",
    };

    return words[w];
}
