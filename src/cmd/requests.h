/*
 * requests.h - the commands that tell of past requests.
 *
 * Exit status: 0 fine, 1 it said no, 2 wrong usage, 4 nobody answers.
 *
 * Room: cmd.
 */
#ifndef CMD_REQUESTS_H
#define CMD_REQUESTS_H

/* argv[0] is the command's name; both give the exit status. */
int cmd_request(int argc, char **argv);
int cmd_requests(int argc, char **argv);

#endif
