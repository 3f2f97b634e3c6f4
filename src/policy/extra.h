/*
 * extra.h - what failing over costs beyond the first target, within an hour, of all workers
 * together: a request's dearer target is asked only if there is room for the worst of it.
 *
 * A model has a place of its own in the table of standings. A place that is nobody's holds nothing
 * back.
 *
 * Room: policy. Pure but for the board's words. Threads: any.
 */
#ifndef POLICY_EXTRA_H
#define POLICY_EXTRA_H

#include "board/standing.h"

/* The place of a model, by a hash of its name. */
uint64_t extra_id(uint64_t model);

/* So much may come of it, in picodollars: it counts from now on. false: with that it would be more
 * than most. */
bool extra_hold(struct board_standing *s, uint64_t pico, uint64_t most, uint64_t now_us);

/* What was held at since_us has come to this. */
void extra_settle(struct board_standing *s, uint64_t held, uint64_t since_us, uint64_t pico,
                  uint64_t now_us);

/* What there is, for readers. s may be NULL. */
uint64_t extra_spent(const struct board_standing *s, uint64_t now_us);

#endif
