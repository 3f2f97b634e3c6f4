/*
 * main.c - picks the command. Each command is one row; its help text stands beside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "cmd/config.h"
#include "cmd/override.h"
#include "cmd/reload.h"
#include "cmd/requests.h"
#include "cmd/route.h"
#include "cmd/run.h"
#include "cmd/status.h"
#include "mock/mock.h"

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv); /* argv[0] is the command; returns the exit status */
} commands[] = {
    {"allow-spill", "what stop-spill has said of a model no longer holds", cmd_override},
    {"check", "check a configuration and say all that is wrong with it", cmd_check},
    {"config", "init, schema, reference, show: the configuration and its keys", cmd_config},
    {"confirm", "take the configuration that is on trial into use", cmd_confirm},
    {"disable", "do not ask a target for a while", cmd_override},
    {"drain", "ask a target only when nobody else is left, for a while", cmd_override},
    {"enable", "a target is in service again, with the weight of its plan", cmd_override},
    {"help", "show this list", cmd_help},
    {"mock", "a fake provider whose faults are chosen per request", mock_main},
    {"reload", "have a running gateway try its configuration as it is now", cmd_reload},
    {"request", "a past request: whom it asked, whom not, and why", cmd_request},
    {"requests", "the latest requests, newest first", cmd_requests},
    {"rollback", "take back what is on trial, or what a reload took into use", cmd_rollback},
    {"route", "where a request for a model would go now, and why; calls nothing", cmd_route},
    {"run", "serve clients; run -h lists the options", cmd_run},
    {"status", "how a running gateway is", cmd_status},
    {"stop-spill", "a model's requests stay in its first tier for a while", cmd_override},
    {"version", "print the version", cmd_version},
    {"weight", "another weight for a target, for a while", cmd_override},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int flush_status(void)
{
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void usage(FILE *to)
{
    fputs("usage: lamplighter COMMAND [ARGS]\n\n", to);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].help);
}

static int cmd_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    usage(stdout);
    return flush_status();
}

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("lamplighter %s\n", version_text());
    return flush_status();
}

/* Habit writes some commands as options. */
static const char *plain_name(const char *word)
{
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
        return "help";
    return strcmp(word, "--version") == 0 ? "version" : word;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(plain_name(argv[1]), commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "lamplighter: no command '%s'; 'lamplighter help' lists them\n", argv[1]);
    return 2;
}
