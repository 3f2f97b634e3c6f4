/*
 * order.h - the faults that act on whole events: which one comes next, and in what shape.
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_ORDER_H
#define MOCK_ORDER_H

#include "mock/answer.h"

/* Write what comes as number e (from 0) of the events sent into the empty piece p. False: the
 * stream is over. */
bool mock_order_event(const struct mock_answer *a, uint64_t e, struct mock_piece *p);

#endif
