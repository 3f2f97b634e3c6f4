/*
 * plain.h - where recordings of each dialect lie, and what a client of it asks when only the answer
 * matters.
 */
#ifndef CONFORMANCE_PLAIN_H
#define CONFORMANCE_PLAIN_H

#include "dialect/convert.h"

struct plain_recording {
    const char *file; /* recorded/cassettes/FILE.jsonl.gz */
    const struct convert *c;
    const char *path; /* what is of another path is of another dialect; with '*' */
};

#define PLAIN_RECORDINGS 9

const struct plain_recording *plain_recording(size_t i); /* i < PLAIN_RECORDINGS */

/* What a client of that dialect asks. */
const char *plain_request(const struct convert *c);

/* One of its models that can what is new; NULL: none differ. */
const char *plain_new_model(const struct convert *c);

#endif
