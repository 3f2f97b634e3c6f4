/*
 * banner.h - what `lamplighter run` tells its user at the start.
 *
 * Room: cmd.
 */
#ifndef CMD_BANNER_H
#define CMD_BANNER_H

#include "cmd/commands.h"
#include "cmd/run.h"

/* On standard error: what was found, the addresses, and lines to paste. */
void banner_print(const struct run *run, const struct settings *s);

#endif
