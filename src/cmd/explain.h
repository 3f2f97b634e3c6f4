/*
 * explain.h - the ops_conf.explain of whoever has an admin port, and what it does.
 *
 * Room: cmd.
 */
#ifndef CMD_EXPLAIN_H
#define CMD_EXPLAIN_H

#include "cmd/run.h"
#include "ops/ops.h"

/* By what this gateway knows now. */
MUST_CHECK int explain_route(const struct run *run, struct ev *ev, const struct ops_question *q,
                             struct settings *settings, struct buf *out, struct err *e);

#endif
