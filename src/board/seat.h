/*
 * seat.h - at which target a conversation sits: who answered it last, and when.
 *
 * What a provider or an engine has read of a conversation it keeps for minutes, and reads the next
 * turn in a fraction of the time and the money; so the next turn is best asked of the same one.
 *
 * A table for all workers. A conversation that it does not remember, or takes for another one, goes
 * where the plan says: nothing but a cache is lost.
 *
 * Room: board. Anybody writes, anybody reads: an entry is one word, and one that is lost to another
 * worker's at the same moment is as one that was never noted.
 */
#ifndef BOARD_SEAT_H
#define BOARD_SEAT_H

#include "board/board.h"

#define SEAT_TICK_US UINT64_C(4000000) /* times are known to this */

struct seat {
    uint32_t mark;    /* who it is (seat_mark()); 0: nobody is known */
    uint64_t idle_us; /* since then, up to a tick more or less */
};

/* What a way to a target, known by its hash, is called in the table; never 0. */
uint32_t seat_mark(uint64_t target);

/* Conversations are named by a hash. The newest of a set makes the oldest leave. */
void seat_note(struct board_seats *s, uint64_t conversation, uint32_t mark, uint64_t now_us);

struct seat seat_find(const struct board_seats *s, uint64_t conversation, uint64_t now_us);

#endif
