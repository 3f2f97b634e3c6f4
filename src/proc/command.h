/*
 * command.h - a program that the master runs: a local engine.
 *
 * Room: proc; used by master.c only.
 */
#ifndef PROC_COMMAND_H
#define PROC_COMMAND_H

#include <sys/types.h>

#include "proc/master.h"

#define COMMAND_NOT_RUN 127 /* exit status when the program could not be executed */

struct command_state {
    pid_t pid;        /* 0: does not run */
    uint64_t kill_us; /* told to stop: killed then; 0: not told */
};

/* Start it, in a process group of its own, with nothing of ours but its environment. */
MUST_CHECK int command_start(struct command_state *s, const struct proc_command *c, struct err *e);

/* Ask it to end (SIGTERM to its group); command_check() kills it if it does not. */
void command_stop(struct command_state *s, uint64_t now_us);
void command_check(struct command_state *s, uint64_t now_us);
void command_kill(struct command_state *s);

#endif
