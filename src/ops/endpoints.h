/*
 * endpoints.h - what is known of self-hosted engines (board/endpoints.h), for status and metrics.
 *
 * Room: ops.
 */
#ifndef OPS_ENDPOINTS_H
#define OPS_ENDPOINTS_H

#include "codec/json_write.h"
#include "ops/metrics.h"
#include "ops/view.h"

/* An array: an object for each endpoint that is asked how it is. */
void endpoints_write(struct json_write *w, const struct view *v);

void endpoints_collect(struct metrics *m, const struct view *v);

#endif
