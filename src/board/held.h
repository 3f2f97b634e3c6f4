/*
 * held.h - the requests that each worker holds, on the board: so that a worker which dies leaves a
 * record of each of them, and not silence.
 *
 * A worker claims an entry when a request begins and gives it up when the request's record has
 * been handed over. The clerk looks for entries whose owner is no more, and tells what they say.
 *
 * Room: board. A holder belongs to one worker; only the clerk looks for the dead.
 */
#ifndef BOARD_HELD_H
#define BOARD_HELD_H

#include "base/span.h"
#include "board/board.h"

#define HELD_ID 24

/* What is known of a request under way. */
struct held_request {
    uint64_t wall_ms, began_us; /* when it began; began_us is monotonic */
    uint64_t op;                /* a word of the holder's */
    char id[HELD_ID];
    uint32_t attempts; /* targets asked; 0: what stands below is empty */
    bool stream;
    char model[64], target[96], provider[32];
    uint64_t ended_us, result; /* result: how it ended, a word of the holder's; 0: it had not */
    bool told;                 /* by held_dead(): its record has come all the same */
};

/* A worker's end. */
struct held_holder {
    struct board_held *table;
    board_word *unheld; /* counts the claims that found no entry */
    uint64_t owner;
    size_t free_n;
    uint16_t free[BOARD_HELD]; /* the last one is claimed next */
};

/* For the process that serves this slot now. */
void held_init(struct held_holder *h, struct board *b, uint32_t slot);

/* Claim an entry for a request that begins: of *q all above attempts is kept. Returns its
 * number; 0 if all entries are taken, which is counted, and harms nothing but the record of this
 * one request if the worker dies. Costs the same however many are taken. */
uint16_t held_claim(struct held_holder *h, const struct held_request *q);

/* What it asks for is known now. n may be 0. */
void held_op(struct held_holder *h, uint16_t n, uint64_t op);

/* A target will be asked: of *q attempts and the texts are kept. n may be 0. */
void held_tried(struct held_holder *h, uint16_t n, const struct held_request *q);

/* It has ended; its record is still to be handed over. n may be 0, result not. */
void held_over(struct held_holder *h, uint16_t n, uint64_t ended_us, uint64_t result);

/* The request's record is handed over. n may be 0. */
void held_give_up(struct held_holder *h, uint16_t n);

/* ---- the clerk's end ---- */

/* The process of this row is no more, and all that it did to the board has been done. */
void held_ended(struct board_row *row);

/* How many processes of this slot have ended: what is taken for dead below. A count that is older
 * than the truth errs on the safe side. */
uint64_t held_ends(const struct board *b, uint32_t slot);

/* The record of the request with this id, which holds entry n, has come. For every record: whether
 * its worker still gave the entry up is seen only later. */
void held_told(struct board *b, uint32_t slot, uint16_t n, const char id[HELD_ID]);

/* The first entry behind number `from` (0: the first of all) that a dead process of the slot held;
 * 0: there is none. *ret says what stood in it. */
uint16_t held_dead(const struct board *b, uint32_t slot, uint64_t ends, uint16_t from,
                   struct held_request *ret);

/* All that there was to tell of this entry of a dead process has been told. */
void held_forget(struct board *b, uint32_t slot, uint16_t n);

#endif
