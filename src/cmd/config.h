/*
 * config.h - the commands that read a configuration without serving: check and config.
 *
 * Room: cmd.
 */
#ifndef CMD_CONFIG_H
#define CMD_CONFIG_H

#include "base/buf.h"
#include "base/env.h"

/* Exit statuses of all commands. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3 };

/* argv[0] is the command's name; both give the exit status. */
int cmd_check(int argc, char **argv);
int cmd_config(int argc, char **argv);

/* Where the configuration is: `given` (from -c, may be NULL), else $LAMPLIGHTER_CONFIG, else
 * ./lamplighter.yaml, else /etc/lamplighter/lamplighter.yaml; the last two only if they exist.
 * The absent span: there is none, the environment has to do. */
struct span config_path(const char *given, const struct env *env);

#endif
