/*
 * reload.h - the commands that change which configuration a running gateway uses: reload, confirm,
 * rollback.
 *
 * Exit status: 0 it is in use (of rollback: it is not any more), 1 refused or taken back, 2 wrong
 * usage, 3 unproven: it is held on its slice, 4 nobody answers.
 *
 * Room: cmd.
 */
#ifndef CMD_RELOAD_H
#define CMD_RELOAD_H

/* argv[0] is the command's name; all give the exit status. */
int cmd_reload(int argc, char **argv);
int cmd_confirm(int argc, char **argv);
int cmd_rollback(int argc, char **argv);

#endif
