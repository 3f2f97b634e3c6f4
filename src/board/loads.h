/*
 * loads.h - what the sessions of this gateway take of each engine's KV cache, now and in the end.
 *
 * Each worker writes its own row, and what all hold is the sum, made by whoever reads. So there is
 * nothing to undo when a worker dies but to clear its row, and no total that could drift from its
 * parts. An endpoint that goes leaves its place to the next one; sessions that still end there are
 * counted to that one until they have ended.
 *
 * Room: board. A worker writes its row, the master clears that of one that has died; anybody reads.
 */
#ifndef BOARD_LOADS_H
#define BOARD_LOADS_H

#include "board/board.h"

/* In tokens. */
struct loads {
    uint64_t tokens;  /* what sessions will come to ... */
    uint64_t largest; /* ... and one of them, at most */
    uint64_t now;     /* what they have come to */
    uint64_t sessions;
    uint64_t ended, covered; /* complete ones, and those no longer than was reckoned with */
};

/* What the first `workers` have at a place (endpoint_view.place). */
void loads_sum(struct loads *ret, const struct board *b, uint32_t workers, size_t place);

/* Nothing is under way in this row (any more); what has ended stays counted. */
void loads_clear(struct board_load row[BOARD_ENDPOINTS]);

#endif
