/*
 * commands.h - the engines of a configuration as commands for the master.
 *
 * Room: cmd.
 */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "cmd/run.h"

struct run_commands {
    struct arena arena;
    struct proc_command *commands;
    size_t n;
};

/* Copies of everything, in the arena. Engines get an allow-listed environment: no key of ours. */
MUST_CHECK int run_commands_make(struct run_commands *ret, const struct run *run,
                                 const struct settings *s, struct err *e);
void run_commands_free(struct run_commands *c);

#endif
