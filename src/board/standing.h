/*
 * standing.h - what the workers of one gateway know together of a target, or of a credential: a few
 * words that all of them read, and that each changes by one atomic step.
 *
 * What the words mean, and how they are changed, is policy's (policy/policy.h). A place is found by
 * a hash of the name. When all places are taken, one that nobody has asked for STANDING_IDLE_US is
 * given to the newcomer; when there is none such, the newcomer gets the place that belongs to
 * nobody (standing_is_nobodys()): what is known by it is of many, and nothing is to be judged by
 * it.
 *
 * Room: board. Threads and processes: any.
 */
#ifndef BOARD_STANDING_H
#define BOARD_STANDING_H

#include "board/board.h"

#define STANDING_IDLE_US UINT64_C(900000000)

/* A table of the caller's own, for a process that shares with nobody; NULL: no memory. */
MUST_CHECK struct board_standing *standing_new(void);
void standing_free(struct board_standing **table);

/* What stands in one table, into another that nobody else uses: for who asks what would be, or is
 * to find out for itself from here on. */
void standing_copy(struct board_standing *to, const struct board_standing *from);

/* The place of a name (its hash, not 0); never NULL. `table` is board.standings or one of
 * standing_new(), now_us monotonic. */
struct board_standing *standing_find(struct board_standing *table, uint64_t id, uint64_t now_us);

/* The same for readers: nothing is changed. NULL: nothing is known of it. */
const struct board_standing *standing_look(const struct board_standing *table, uint64_t id);

/* The place of a name that something is known of; NULL: nothing is. */
struct board_standing *standing_known(struct board_standing *table, uint64_t id);

bool standing_is_nobodys(const struct board_standing *s);

#endif
