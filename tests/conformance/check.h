/*
 * check.h - the program's readers against the naive ones, on one recorded text.
 */
#ifndef CONFORMANCE_CHECK_H
#define CONFORMANCE_CHECK_H

#include "dialect/dialect.h"

struct tally {
    unsigned long recordings, streams, wholes, requests, refusals, others, failures;
    unsigned long false_completions; /* COMPLETE before the provider said so */
    unsigned long verdicts[VERDICT_BAD + 1];
    unsigned long events[EVENT_BAD + 1];
};

/* A fault was found; name says in which recording. */
void check_fail(struct tally *t, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A streamed answer: byte for byte, asking for the verdict after each; and in larger cuts. */
void check_stream(struct tally *t, const char *name, const struct dialect *d,
                  enum dialect_terminal terminal, uint32_t choices, struct span text);

/* A whole answer: at once and byte for byte. */
void check_whole(struct tally *t, const char *name, const struct dialect *d, struct span text);

/* A request that a provider took: at once and byte for byte. */
void check_request(struct tally *t, const char *name, const struct dialect *d, struct span body,
                   const struct dialect_request *want);

#endif
