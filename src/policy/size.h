/*
 * size.h - how large a request is for a target, by what the target has counted of others
 * (health/density.h).
 *
 * Room: policy, private to it.
 */
#ifndef POLICY_SIZE_H
#define POLICY_SIZE_H

#include "policy/policy.h"

/* It surely takes no text of so many bytes. */
bool size_is_over(const struct board_standing *table, const struct policy_candidate *c,
                  uint64_t text);

/* A text of so many bytes had so many tokens there. */
void size_note(struct board_standing *s, uint64_t text, uint64_t tokens);

#endif
