/*
 * override.h - `lamplighter drain`, `disable`, `weight`, `enable`, `stop-spill`, `allow-spill`: a
 * word by hand about a target or a model of a running gateway, for a while, and back.
 *
 * Exit status: 0 fine, 1 it said no, 2 wrong usage, 4 nobody answers.
 *
 * Room: cmd.
 */
#ifndef CMD_OVERRIDE_H
#define CMD_OVERRIDE_H

/* argv[0] is the command's name, and the word that is sent; gives the exit status. */
int cmd_override(int argc, char **argv);

#endif
