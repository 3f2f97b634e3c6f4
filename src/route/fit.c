/*
 * fit.c - see fit.h.
 */
#include "route/fit.h"

static bool is_otherwise(enum route_known demanded, bool is)
{
    return demanded != ROUTE_UNKNOWN && is != (demanded == ROUTE_YES);
}

enum route_misfit route_misfit(const struct route_when *w, struct route_words tags,
                               const struct route_asked *a)
{
    if (a->tokens < w->tokens_least)
        return ROUTE_TOKENS_OVER;
    if (w->tokens_below != UINT64_MAX && a->tokens >= w->tokens_below)
        return ROUTE_TOKENS_UNDER;
    if (is_otherwise(w->stream, a->stream))
        return ROUTE_STREAM;
    if (is_otherwise(w->tools, a->tools))
        return ROUTE_TOOLS;
    if (w->keys.n && !(span_has(a->key) && route_has_word(w->keys, a->key)))
        return ROUTE_KEYS;
    return route_has_words(tags, a->tags) ? ROUTE_FITS : ROUTE_TAGS;
}

const char *route_misfit_word(enum route_misfit m)
{
    static const char *const words[] = {
        [ROUTE_FITS] = "none",
        [ROUTE_TOKENS_OVER] = "tokens_over",
        [ROUTE_TOKENS_UNDER] = "tokens_under",
        [ROUTE_STREAM] = "stream",
        [ROUTE_TOOLS] = "tools",
        [ROUTE_KEYS] = "keys",
        [ROUTE_TAGS] = "tags",
    };

    return words[m];
}
