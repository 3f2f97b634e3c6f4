/*
 * ramp.h - how fast the rate may rise at a target that has said that it rises too fast. In two
 * words, so that processes can share them.
 *
 * The pace is what was sent within the latest minute, by two counts of a minute each. When a target
 * says "slow down", the pace of the minute before is what it may be sent from then on, and
 * RAMP_PERCENT10 tenths of a percent more each minute: half as much again in 15 minutes, which is
 * what OpenAI allows (platform.openai.com/docs/guides/rate-limits). After RAMP_US it is over.
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_RAMP_H
#define HEALTH_RAMP_H

#include "base/base.h"

#define RAMP_PERCENT10 27u
#define RAMP_US        UINT64_C(3600000000)
#define RAMP_LEAST     UINT64_C(4096) /* tokens a minute that are held to be no rise */

/* The word after so many tokens are sent; after what was to be sent at since_us was not, which a
 * later minute does not look back for; and the tokens of the latest minute. */
uint64_t ramp_pace_add(uint64_t pace, uint64_t tokens, uint64_t now_us);
uint64_t ramp_pace_undo(uint64_t pace, uint64_t tokens, uint64_t since_us);
uint64_t ramp_pace(uint64_t pace, uint64_t now_us);

/* The target asks to slow down. The rate that holds already is never raised by it. */
uint64_t ramp_begin(uint64_t ramp, uint64_t pace, uint64_t now_us);

/* Tokens a minute that it may be sent; UINT64_MAX: as many as there are. */
uint64_t ramp_rate(uint64_t ramp, uint64_t now_us);

/* May so many more be sent? Alone, within a minute, a request of any size may. *until_us: about
 * when it may, if not now. */
bool ramp_allows(uint64_t ramp, uint64_t pace, uint64_t tokens, uint64_t now_us,
                 uint64_t *until_us);

#endif
