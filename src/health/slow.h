/*
 * slow.h - whether a target's streams have become slow. In one word, so that processes can share
 * it.
 *
 * A stream that goes on too slowly (health/waits.h, WAITS_PACE) is no failure, and a single one may
 * have had a reason of its own. SLOW_ROW of them with none between them that went well make the
 * target slow for SLOW_US. Then it has as many to show that it is not, and the first that goes well
 * ends the row.
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_SLOW_H
#define HEALTH_SLOW_H

#include "base/base.h"

#define SLOW_ROW 5u
#define SLOW_US  UINT64_C(60000000)

/* The word after a stream that was slow, or was not. 0 is the word of a target that nobody knows.
 */
uint64_t slow_note(uint64_t word, bool slow, uint64_t now_us);

/* Until when it is slow, or was last; 0: it has not been. */
uint64_t slow_until_us(uint64_t word);

#endif
