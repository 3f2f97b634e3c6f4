/*
 * route.h - `lamplighter route`: where a request would go now. Calls nothing but the admin port.
 *
 * Exit status: 0 somebody would be asked, 1 nobody, 2 wrong usage, 3 the configuration is wrong.
 *
 * Room: cmd.
 */
#ifndef CMD_ROUTE_H
#define CMD_ROUTE_H

/* argv[0] is the command's name; gives the exit status. */
int cmd_route(int argc, char **argv);

#endif
