/*
 * limits.h - rate limits and ramps of a target, into the words that all workers share, and out of
 * them: policy/evidence.h for what is counted and not judged.
 *
 * What is left is what the latest answer has said. Of requests that were under way at the same time
 * nobody knows which one the target has counted last: of their answers the least counts.
 *
 * Room: policy, private to it.
 */
#ifndef POLICY_LIMITS_H
#define POLICY_LIMITS_H

#include "base/reason.h"
#include "board/standing.h"
#include "provider/limits.h"

/* A request of so many tokens is to be sent. false: it may not be, *why and *until_us say why and
 * for how long. Looking changes nothing. */
bool limits_look(const struct board_standing *s, uint64_t tokens, uint64_t now_us, enum reason *why,
                 uint64_t *until_us);

/* The same, and *held: what it may take is spoken for, until limits_give_back(). It is not where
 * nobody knows of a limit. */
bool limits_hold(struct board_standing *s, uint64_t tokens, uint64_t now_us, bool *held,
                 enum reason *why, uint64_t *until_us);

/* What was held at since_us is spoken for no longer. used: the target has counted it, and its
 * answer has not said what is left. */
void limits_give_back(struct board_standing *s, uint64_t tokens, uint64_t since_us, bool used);

/* The target has counted a request of so many tokens. */
void limits_used(struct board_standing *s, uint64_t tokens);

/* What an answer has said, to a request that was asked then. */
void limits_said(struct board_standing *s, const struct provider_limits *l, bool refills,
                 uint64_t asked_us, uint64_t now_us);

/* So much is sent to a target that may ask to slow down; or was not, after all; and it does. */
void limits_sent(struct board_standing *s, uint64_t tokens, uint64_t now_us);
void limits_unsent(struct board_standing *s, uint64_t tokens, uint64_t since_us);
void limits_too_fast(struct board_standing *s, uint64_t now_us);

/* Tokens a minute that it may be sent; UINT64_MAX: as many as there are. */
uint64_t limits_rate(const struct board_standing *s, uint64_t now_us);

/* What is left of one of them, less what is spoken for; UINT64_MAX: not known. */
uint64_t limits_of(const struct board_standing *s, enum provider_limited of, uint64_t now_us,
                   uint64_t *ret_most);

#endif
