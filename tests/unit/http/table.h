/*
 * table.h - exchanges that must go the same way over every version.
 */
#ifndef TESTS_HTTP_TABLE_H
#define TESTS_HTTP_TABLE_H

#include "bed.h"

#define MIB ((uint64_t)1 << 20)

/* Both sides are over and agree: a client's whole answer is what the handler sent. */
void check_sides(const struct xchg *x);

/* The table, windows at their bounds, 200 runs of chance and faults, and each allocation failing
 * once. */
void run_exchanges(bool h2);
void run_windows(bool h2);
void run_seeds(bool h2);
void run_torture(bool h2);

#endif
