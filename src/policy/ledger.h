/*
 * ledger.h - which part of each engine's KV cache the sessions of this gateway take, and will take
 * in the end. An attempt at an engine is a session of it, from when it is allowed until it is over.
 *
 * One a worker; what all workers hold stands on the board (board/loads.h). What a session comes to
 * is its prompt, by what the target has counted of others (policy/size.h), and its answer, by how
 * long those of the like have been (admit/outputs.h): of the same tenant, model and length of
 * prompt to a factor of two; where too few of them are known, of the same model and length, then of
 * the same model. Once it has said more, it is reckoned with anew. Nothing is given off for what
 * its engine has read before: if that one dies, no other one has.
 *
 * Room: policy (uses base board admit). Threads: one worker.
 */
#ifndef POLICY_LEDGER_H
#define POLICY_LEDGER_H

#include "admit/sizes.h"
#include "board/lengths.h"
#include "board/loads.h"

#define LEDGER_POST 16u /* tokens that a stream says before it is posted: half a second of it */

struct policy_ledger {
    struct board *board;
    struct board_load *row;   /* the worker's */
    uint32_t (*sizes)[SIZES]; /* by places: how many of its sessions are of each size */
};

enum policy_session_state {
    SESSION_NONE,
    SESSION_RUNS,
    SESSION_COMPLETE, /* it has ended well, and its length is to be noted */
};

struct policy_session {
    uint8_t state;  /* enum policy_session_state */
    uint16_t place; /* of its engine */
    uint64_t prompt;
    uint64_t said;     /* of its answer, as posted */
    uint64_t tokens;   /* what it is reckoned with, prompt and answer ... */
    uint64_t at_first; /* ... and was when it began */
};

MUST_CHECK int policy_ledger_init(struct policy_ledger *l, struct board *board, uint32_t worker,
                                  struct err *e);
void policy_ledger_fini(struct policy_ledger *l);

#endif
