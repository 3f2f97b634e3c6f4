/*
 * plain.h - the dialects that are translated: where recordings of each lie, and what a client of it
 * asks when only the answer matters.
 */
#ifndef CONFORMANCE_PLAIN_H
#define CONFORMANCE_PLAIN_H

#include "dialect/convert.h"

struct plain {
    const char *file; /* recorded/cassettes/FILE.jsonl.gz */
    const struct convert *c;
    const char *request;
};

#define PLAINS 4

const struct plain *plain_at(size_t i); /* i < PLAINS */

/* What a client of that dialect asks. */
const char *plain_request(const struct convert *c);

#endif
