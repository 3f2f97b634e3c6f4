/*
 * session.h - what an attempt takes of its engine's KV cache, from when it is allowed until it is
 * over.
 *
 * Room: policy, private to it.
 */
#ifndef POLICY_SESSION_H
#define POLICY_SESSION_H

#include "policy/policy.h"

/* The attempt at q->it.at is allowed. */
void session_begin(struct policy_request *q);

/* It is over; complete: its answer is whole. Nothing happens where it has no session (any more). */
void session_end(struct policy_request *q, bool complete);

/* Its answer was so long: learned from it if it was complete. 0: as far as it was told. */
void session_note(struct policy_request *q, uint64_t output, uint64_t now_us);

#endif
