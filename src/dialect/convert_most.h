/*
 * convert_most.h - how much single models answer at most.
 *
 * An API refuses a request whose limit is above what its model can answer, and clients choose
 * theirs by the model that they know: Claude's take eight times what some of GPT's do.
 *
 * Room: dialect. Pure.
 */
#ifndef DIALECT_CONVERT_MOST_H
#define DIALECT_CONVERT_MOST_H

#include "dialect/convert.h"

/* For the loss tables. */
#define CONVERT_MOST "as many as the model answers at most"

/* In tokens; 0: not known. */
uint64_t convert_most(struct span model);

/* Bring the limit of a copy of the request, and the one that is asked for where the client has
 * none, within what the model answers; that the former was above it is noted. -1: no memory. */
MUST_CHECK int convert_within(struct chat_request *q, struct convert_to *to, struct err *e);

#endif
