/*
 * wall.h - whether a target may have a request at all: what is known of the target, against what a
 * class of data demands.
 *
 * A wall is no preference. What is not known of a target does not meet a demand.
 *
 * Room: route (uses base). Pure. Threads: any.
 */
#ifndef ROUTE_WALL_H
#define ROUTE_WALL_H

#include "base/span.h"

#define ROUTE_CLASSES_MAX 32         /* a bit each */
#define ROUTE_ANY_TIME    UINT64_MAX /* of a class: nothing is demanded */

enum route_known { ROUTE_UNKNOWN, ROUTE_NO, ROUTE_YES };

struct route_words {
    const struct span *words;
    size_t n;
};

/* Is the word in there; are all of them? */
bool route_has_word(struct route_words in, struct span word);
bool route_has_words(struct route_words in, struct route_words words);

/* Of a target. */
struct route_facts {
    struct route_words jurisdictions; /* all of those where it may work; none: not known */
    struct route_words contracts;     /* that were made about it */
    bool retention_known;
    uint64_t retention_ms;     /* for how long it keeps what it is sent; 0: not at all */
    enum route_known trains;   /* models are made from what it is sent */
    enum route_known filtered; /* the provider's own safety filter stands before its model */
};

/* What a class of data demands. */
struct route_class {
    struct span name;
    struct route_words jurisdictions; /* none beside these; none at all: any */
    struct route_words contracts;     /* all of these */
    uint64_t retention_most_ms;       /* ROUTE_ANY_TIME: any */
    bool no_training;
};

/* The first demand that is not met. */
enum route_wall {
    ROUTE_WALL_NONE,
    ROUTE_WALL_JURISDICTION,
    ROUTE_WALL_RETENTION,
    ROUTE_WALL_TRAINING,
    ROUTE_WALL_CONTRACT,
    ROUTE_WALL_SAFETY, /* no class demands it, but a model */
};
enum route_wall route_wall(const struct route_facts *f, const struct route_class *c);

/* In a word: the name of the key in the configuration. */
const char *route_wall_word(enum route_wall w);

#endif
