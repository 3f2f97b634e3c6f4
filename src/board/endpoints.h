/*
 * endpoints.h - what the keeper has last heard of each self-hosted engine.
 *
 * A table for all processes, found by a hash. What the words mean is the keeper's
 * (engine/signals.h).
 *
 * Room: board. The keeper writes, anybody reads; words of one endpoint may come from two rounds.
 */
#ifndef BOARD_ENDPOINTS_H
#define BOARD_ENDPOINTS_H

#include "base/span.h"
#include "board/board.h"

/* Of the endpoint at a URL, as one provider of the configuration has it; never 0. */
uint64_t endpoints_id(struct span provider, struct span url);

/* Its place; NULL: nothing is known of it. */
const struct board_endpoint *endpoints_look(const struct board *b, uint64_t id);

/* For the keeper: its place, made if there is none; NULL: all BOARD_ENDPOINTS are taken. */
struct board_endpoint *endpoints_make(struct board *b, uint64_t id);

/* It is not asked any more. */
void endpoints_forget(struct board *b, uint64_t id);

#endif
