/*
 * status.h - `lamplighter status`: how a running gateway is.
 *
 * Exit status: 0 fine, 1 it said no, 2 wrong usage, 4 nobody answers.
 *
 * Room: cmd.
 */
#ifndef CMD_STATUS_H
#define CMD_STATUS_H

/* argv[0] is the command's name; gives the exit status. */
int cmd_status(int argc, char **argv);

#endif
