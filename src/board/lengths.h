/*
 * lengths.h - how long the answers of each kind of request have been, for all workers. What the
 * counts mean is admit's (admit/outputs.h).
 *
 * A table found by a hash of the kind; the one of a few places that was used longest ago is given
 * to a newcomer. What is lost by that is learned again.
 *
 * Room: board. Anybody writes, anybody reads.
 */
#ifndef BOARD_LENGTHS_H
#define BOARD_LENGTHS_H

#include "board/board.h"

/* The place of a kind (its hash, not 0), made if there is none. NULL: another process was making
 * one there at this moment. */
struct board_lengths *lengths_make(struct board *b, uint64_t id, uint64_t now_us);

/* For readers; NULL: nothing is known of it. */
const struct board_lengths *lengths_look(const struct board *b, uint64_t id);

#endif
