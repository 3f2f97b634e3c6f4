/*
 * policy_impl.h - what policy.c decides of attempts, for hedge.c, where two run beside each other,
 * and patience.c. They work on q->it.
 *
 * Room: policy, private to it.
 */
#ifndef POLICY_POLICY_IMPL_H
#define POLICY_POLICY_IMPL_H

#include "health/waits.h"
#include "policy/policy.h"

/* What is known of a candidate, and where its rate limits stand. */
struct board_standing *policy_target_of(const struct policy_request *q, uint32_t i,
                                        uint64_t now_us);
struct board_standing *policy_limits_place(const struct policy_request *q, uint32_t i,
                                           uint64_t now_us);

/* May it be asked, as far as what is known of it goes? policy_look() with the request's rules. */
enum policy_stand policy_stand_of(const struct policy_request *q, uint32_t i, uint64_t now_us,
                                  uint64_t *until_us);

/* Is it asked, and no probe of it? */
static inline bool policy_is_asked(enum policy_stand s)
{
    return s == POLICY_FREE || s == POLICY_SLOW;
}

/* Was it sick until lately, and is this request left to others? */
bool policy_starts_slowly(const struct policy_request *q, uint32_t i, uint64_t now_us,
                          uint64_t *until_us);

/* Is there as much of its rate limit? What the attempt may take is spoken for, or not after all;
 * its target has counted it, or not. */
bool policy_is_within(const struct policy_request *q, uint32_t i, uint64_t now_us, enum reason *why,
                      uint64_t *until_us);
bool policy_hold(struct policy_request *q, uint32_t i, uint64_t now_us);
void policy_let_go(struct policy_request *q, uint64_t now_us);
void policy_give_back(struct policy_request *q, bool used, uint64_t now_us);

/* The attempt is no probe any more; nobody is to begin another one for pause_us. */
void policy_end_probe(struct policy_request *q, uint64_t pause_us, uint64_t now_us);

/* Of which kind the waits of its answers are. */
enum waits_of policy_waits_of(const struct policy_request *q);

/* What a failure says of its target, and of the request. */
void policy_note_failure(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                         uint32_t random);
void policy_leave(struct policy_request *q, const struct policy_failure *f);
bool policy_may_be_executed(const struct policy_failure *f);
bool policy_may_go_elsewhere(const struct policy_request *q, const struct policy_failure *f);

#endif
