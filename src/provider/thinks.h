/*
 * thinks.h - models that may think for minutes before the first word of an answer, by their names.
 * Only what is believed of a target before it has been seen at work hangs on it (health/waits.h).
 *
 * Room: provider. Pure.
 */
#ifndef PROVIDER_THINKS_H
#define PROVIDER_THINKS_H

#include "base/span.h"

/* model: as the provider calls it; what stands before its last '/' does not count. */
bool provider_may_think(struct span model);

#endif
