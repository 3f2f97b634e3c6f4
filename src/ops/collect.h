/*
 * collect.h - fills the registry: from outcome records as they come, from the board and the
 * processes when somebody asks.
 *
 * Room: ops. Threads: one loop.
 */
#ifndef OPS_COLLECT_H
#define OPS_COLLECT_H

#include "ops/metrics.h"
#include "ops/view.h"
#include "record/record.h"

void collect_record(struct metrics *m, const struct record *r);

/* Everything that is read and not counted. Reads /proc: a file a process. */
void collect_view(struct metrics *m, const struct view *v);

#endif
