/*
 * schema_fit.h - a JSON Schema as a target takes it that holds answers to schemas, and knows but a
 * part of JSON Schema: a table of keywords for each.
 *
 * What comes out is such that an answer which fits it fits the client's schema, and that what the
 * client's schema means can still be said. Where that is not to be had the place is told that is in
 * the way.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_SCHEMA_FIT_H
#define DIALECT_SCHEMA_FIT_H

#include "dialect/convert.h"
#include "dialect/schema_walk.h"

enum schema_rule {
    SCHEMA_REFUSED, /* as all keywords are that the table does not have */
    SCHEMA_COPY,
    SCHEMA_NOTE,     /* copied, for it binds nobody; left out beside a $ref that stands alone */
    SCHEMA_DROP,     /* it binds nobody, and the target does not take it */
    SCHEMA_FLAG,     /* additionalProperties: true or false */
    SCHEMA_FALSE,    /* additionalProperties: must be false, and is where it is not said */
    SCHEMA_FEW,      /* 0 or 1 */
    SCHEMA_PATTERN,  /* one that is not anchored and does not look ahead */
    SCHEMA_FORMAT,   /* one of the rules' formats; others, which JSON Schema has as notes, go */
    SCHEMA_VALUES,   /* enum */
    SCHEMA_VALUE,    /* const */
    SCHEMA_ABOVE,    /* exclusiveMinimum, as a minimum of whole numbers */
    SCHEMA_BELOW,    /* exclusiveMaximum, likewise */
    SCHEMA_REFER,    /* $ref */
    SCHEMA_REQUIRED, /* it may have been written when the object began */
    SCHEMA_INTO,     /* a schema */
    SCHEMA_NAMED,    /* schemas by name */
    SCHEMA_SEVERAL,  /* a list of schemas */
    SCHEMA_NEARLY,   /* likewise: oneOf, which the target takes as anyOf */
    SCHEMA_SINGLE,   /* likewise: allOf, which must have one; several could not all be closed */
};

/* May a schema be inside of itself: no matter how, where it can be left out, nowhere. */
enum schema_loops { SCHEMA_LOOPS, SCHEMA_LOOPS_THAT_END, SCHEMA_NO_LOOPS };

struct schema_row {
    const char *key;
    enum schema_rule rule;
    const char *as; /* what the target calls it; NULL: the same */
};

/* Keywords that bind nobody and that no target needs: rows of every table. */
#define SCHEMA_NOTES_TO_DROP                                                                       \
    {"$comment", SCHEMA_DROP, NULL}, {"examples", SCHEMA_DROP, NULL},                              \
        {"deprecated", SCHEMA_DROP, NULL}, {"readOnly", SCHEMA_DROP, NULL},                        \
        {"writeOnly", SCHEMA_DROP, NULL}, /* OpenAPI's: it only helps to find one of oneOf */      \
    {                                                                                              \
        "discriminator", SCHEMA_DROP, NULL                                                         \
    }

/* How large a schema may be; characters are those of names, values of enum and const. */
struct schema_bounds {
    size_t nest, properties, values, chars;
    size_t many, many_chars; /* an enum of more values than `many` may have so many characters */
};

struct schema_rules {
    const struct schema_row *rows;
    size_t rows_n;
    const char *lacks;                  /* why a keyword is refused */
    const char *const *formats;         /* NULL-terminated; NULL: all are taken */
    const struct schema_bounds *bounds; /* NULL: none are known */
    bool closes;                        /* objects must be closed */
    bool whole;      /* an object's members must be known, and all be there; the root is an object;
                      * every schema has a type */
    bool asks;       /* the root is an object, and each object asks for one of its members */
    bool ref_alone;  /* beside a $ref stand only keywords that begin with '$' */
    bool plain_enum; /* values of an enum are strings or numbers */
    bool refuses;    /* any other schema, also where the client would take a best effort */
    enum schema_loops loops;
};

/* -1: it cannot be said (ERR_PROTOCOL, *e names the place, which begins with "schema"); what was
 * written is of no use then. *nearly is set where something was said in other words that mean
 * nearly the same, else left as it is. */
MUST_CHECK int schema_fit(struct json_write *w, struct span schema, const struct schema_rules *r,
                          bool *nearly, struct err *e);

/* Into `out` alone. 1: it is there, 0: it cannot be said (*e is why), -1: no memory. */
MUST_CHECK int schema_fit_try(struct buf *out, struct span schema, const struct schema_rules *r,
                              bool *nearly, struct err *e);

/* Strict tools whose schemas fit, in place of those in a copy of a request; what does not fit is
 * not strict, and told as dropped. defaults: those alone that are strict without a word. */
MUST_CHECK int schema_fit_tools(struct chat_request *ret, bool defaults,
                                const struct schema_rules *r, const struct convert_to *to,
                                struct err *e);

/*
 * A copy of the request whose schemas fit: that of the answer and those of strict tools. What does
 * not fit: a strict tool is told as dropped, and is not strict in the copy; of an answer that has
 * to hold, or of a target that refuses it, the request cannot be said (-1), and another's schema
 * stays as it is, which is told as approximated.
 */
MUST_CHECK int schema_fit_request(struct chat_request *ret, const struct chat_request *q,
                                  const struct schema_rules *r, const struct convert_to *to,
                                  struct err *e);

#endif
