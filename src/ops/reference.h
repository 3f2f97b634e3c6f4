/*
 * reference.h - the table of all metrics as a page: docs/metrics.md.
 *
 * Room: ops. Pure.
 */
#ifndef OPS_REFERENCE_H
#define OPS_REFERENCE_H

#include "base/buf.h"

/* Append the page as Markdown; check out's sticky error. */
void reference_write(struct buf *out);

#endif
