/*
 * hurry.h - times that a test need not wait for in full.
 *
 * Room: cmd.
 */
#ifndef CMD_HURRY_H
#define CMD_HURRY_H

#include <stdint.h>

/* How many times shorter they are: what LAMPLIGHTER_HURRY says in a build for tests, else 1. */
uint32_t hurry_factor(void);

#endif
