/*
 * prometheus.h - the registry as Prometheus text, version 0.0.4.
 *
 * Room: ops. Threads: one loop.
 */
#ifndef OPS_PROMETHEUS_H
#define OPS_PROMETHEUS_H

#include "base/buf.h"
#include "ops/metrics.h"

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Append all metrics that have a series; check out's sticky error. */
void prometheus_write(struct buf *out, const struct metrics *m);

#endif
