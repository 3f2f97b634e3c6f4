/*
 * question.h - POST /api/v1/route?model=M&path=P&key=K&data_class=C&tags=T
 *              &conversation=V: the question where a
 * request would go. The body of the question is the body of that request.
 *
 * Room: ops. Pure.
 */
#ifndef OPS_QUESTION_H
#define OPS_QUESTION_H

#include "base/err.h"
#include "ops/ops.h"

#define QUESTION_TEXT 2048 /* longest query that is taken */

/* The members of a query, decoded into text. -1: *e says what is wrong with it. */
MUST_CHECK int question_read(struct ops_question *ret, char text[QUESTION_TEXT], struct span query,
                             struct err *e);

#endif
