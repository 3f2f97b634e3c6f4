/*
 * ask.h - what the commands that ask a running gateway have in common.
 *
 * Room: cmd.
 */
#ifndef CMD_ASK_H
#define CMD_ASK_H

#include "base/buf.h"

enum { EXIT_UNREACHABLE = 4 };

#define ASK_STATUS "exit status: 0 fine, 1 it said no, 2 wrong usage, 4 nobody answers\n"

/* Is argv[*i] `--admin URL` or `--json`? Then it has been taken, and *i is at the last of it. */
bool ask_option(int argc, char **argv, int *i, const char **admin, bool *json);

/* It could not be asked: say so on standard error. Returns the exit status. */
int ask_failed(const char *command, const char *admin, const struct err *e);

/* It has said no: its message to standard error. Returns the exit status, or -1 with *e. */
MUST_CHECK int ask_refused(const char *command, struct span body, struct err *e);

/* The answer as it came, to standard output. Returns the exit status. */
int ask_print(struct span body);

/* What to wrap words in that stand on standard output: an escape where that is a terminal and
 * nobody objects ($NO_COLOR, plain), else "". */
struct ask_paint {
    const char *bad, *note, *good, *dim, *off;
};
struct ask_paint ask_paint(bool plain);

#endif
