/*
 * mock.h - `lamplighter mock`: a fake provider that misbehaves to order.
 *
 * It shares no code with the program's HTTP, SSE, JSON writing or dialects, on purpose: what it
 * sends is written by hand here, byte by byte, so that a mistake made on one side is not
 * repeated on the other and called correct. The manual is docs/mock.md.
 *
 * Room: mock (uses base, ev, net). Threads: one loop.
 */
#ifndef MOCK_MOCK_H
#define MOCK_MOCK_H

#include "base/buf.h"

/* Run the server until SIGTERM, SIGINT or --for; argv[0] is the name to print in messages.
 * Returns the exit status: 0, 1 for a failure, 2 for a wrong command line. */
int mock_main(int argc, char **argv);

/* The manual, in Markdown: all options, keys, faults and error rows. */
void mock_manual(struct buf *out);

/* Of those, the options as rows of a table. */
void mock_manual_options(struct buf *out);

#endif
