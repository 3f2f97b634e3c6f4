/*
 * family.h - are two models the same weights, by what providers call them?
 *
 * Room: provider. Pure.
 */
#ifndef PROVIDER_FAMILY_H
#define PROVIDER_FAMILY_H

#include "base/span.h"

/* The same name, whatever a platform puts around it:
 * "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5@20250929",
 * "anthropic/claude-sonnet-4-5". Two dates are two models; a name without one stands for any. */
bool provider_same_family(struct span a, struct span b);

#endif
