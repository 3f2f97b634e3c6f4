/*
 * status.h - GET /api/v1/status: what `lamplighter status` prints, as JSON. Members are added,
 * none is renamed.
 *
 * Room: ops. Threads: one loop.
 */
#ifndef OPS_STATUS_H
#define OPS_STATUS_H

#include "base/buf.h"
#include "ops/metrics.h"
#include "ops/recent.h"
#include "ops/view.h"

/* Append the document and a newline; check out's sticky error. */
void status_write(struct buf *out, const struct view *v, struct recent *recent,
                  const struct metrics *m);

#endif
