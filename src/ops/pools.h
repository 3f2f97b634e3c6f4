/*
 * pools.h - what the sessions of each pool of engines take, and whether they would survive the loss
 * of any one failure domain (policy/pool.h), for status and metrics.
 *
 * Room: ops.
 */
#ifndef OPS_POOLS_H
#define OPS_POOLS_H

#include "codec/json_write.h"
#include "ops/metrics.h"
#include "ops/view.h"

/* An array: an object for each provider whose endpoints are asked how they are. */
void pools_write(struct json_write *w, const struct view *v);

void pools_collect(struct metrics *m, const struct view *v);

#endif
