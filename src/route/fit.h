/*
 * fit.h - whether a target is meant for a request, by what the plan says of it: conditions, tags,
 * capabilities.
 *
 * Room: route (uses base). Pure. Threads: any.
 */
#ifndef ROUTE_FIT_H
#define ROUTE_FIT_H

#include "route/wall.h"

/* What a request must be for a target to be asked. All 0 but tokens_below: anything. */
struct route_when {
    uint64_t tokens_least, tokens_below; /* of its prompt, about; UINT64_MAX: any number */
    enum route_known stream, tools;      /* ROUTE_UNKNOWN: either */
    struct route_words keys;             /* of one of these clients; none: of any */
};

struct route_asked {
    uint64_t tokens;
    bool stream, tools;
    struct span key; /* the client's, by its name; absent: it has none */
    struct route_words tags;
};

/* The first thing that does not fit. */
enum route_misfit {
    ROUTE_FITS,
    ROUTE_TOKENS_OVER,
    ROUTE_TOKENS_UNDER,
    ROUTE_STREAM,
    ROUTE_TOOLS,
    ROUTE_KEYS,
    ROUTE_TAGS,
};

/* tags: those that the target has; it needs all that the request asks for. */
enum route_misfit route_misfit(const struct route_when *w, struct route_words tags,
                               const struct route_asked *a);

/* In a word: the name of the key in the configuration. */
const char *route_misfit_word(enum route_misfit m);

#endif
