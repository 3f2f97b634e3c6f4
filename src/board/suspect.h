/*
 * suspect.h - requests that a worker died of, so that none of them kills a second one.
 *
 * A worker says on its row which request it is working on just now, by a fingerprint of the
 * request (`working`; 0: none). When it crashes, the master makes that fingerprint a suspect, and
 * every worker refuses what has it. Only what was being worked on is suspected: the requests that
 * merely waited in the same process are held against nobody.
 *
 * Room: board. Suspects are made by the master only; anybody may look.
 */
#ifndef BOARD_SUSPECT_H
#define BOARD_SUSPECT_H

#include "board/board.h"

#define SUSPECT_US UINT64_C(3600000000) /* a suspect is one for an hour */

/* The process of this row has crashed. true: it did so while it worked on a request, which is a
 * suspect from now on; the oldest one makes room for it. Times are monotonic. */
bool suspect_found(struct board *b, struct board_row *row, uint64_t now);

/* Did a worker die of the request with this fingerprint? */
bool suspect_is(const struct board *b, uint64_t print, uint64_t now);

#endif
