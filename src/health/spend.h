/*
 * spend.h - what has been spent within about an hour, in two words, so that processes can share
 * them.
 *
 * Each word is of one hour of the clock. The sum is that of this hour and as much of the one before
 * as still lies within sixty minutes, as if it had been spent evenly: nothing jumps when an hour
 * begins. Money is counted in millionths of a dollar, rounded up.
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_SPEND_H
#define HEALTH_SPEND_H

#include "base/base.h"

#define SPEND_US   UINT64_C(3600000000)
#define SPEND_PICO UINT64_C(1000000)         /* picodollars in a millionth */
#define SPEND_MOST ((UINT64_C(1) << 40) - 1) /* millionths, of an hour */

/* Which of the two words is of this moment; the sum of both, in picodollars; a word after so much
 * more, and without what was added at since_us. */
unsigned spend_slot(uint64_t now_us);
uint64_t spend_sum(const uint64_t words[2], uint64_t now_us);
uint64_t spend_add(uint64_t word, uint64_t pico, uint64_t now_us);
uint64_t spend_undo(uint64_t word, uint64_t pico, uint64_t since_us);

#endif
