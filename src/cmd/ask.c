/*
 * ask.c - see ask.h.
 */
#include "cmd/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/config.h"
#include "cmd/status_read.h"

bool ask_option(int argc, char **argv, int *i, const char **admin, bool *json)
{
    if (strcmp(argv[*i], "--json") == 0) {
        *json = true;
        return true;
    }
    if (strcmp(argv[*i], "--admin") != 0 || *i + 1 >= argc)
        return false;
    *admin = argv[++*i];
    return true;
}

int ask_failed(const char *command, const char *admin, const struct err *e)
{
    bool nobody = e->code == ERR_CONNECT || e->code == ERR_RESOLVE || e->code == ERR_TIMEOUT ||
                  e->code == ERR_RESET;

    if (e->code == ERR_CONFIG) {
        fprintf(stderr, "lamplighter %s: --admin: %s\n", command, e->text);
        return EXIT_USAGE;
    }
    fprintf(stderr, "lamplighter %s: %s: %s\n", command, admin, e->text);
    if (nobody)
        fputs("is the gateway running, and is this its admin port (server.admin)? --admin names "
              "another\n",
              stderr);
    return nobody ? EXIT_UNREACHABLE : EXIT_FAILED;
}

int ask_refused(const char *command, struct span body, struct err *e)
{
    char *text = mem_alloc(STATUS_REPLY);
    int rc;

    if (!text)
        return err_set(e, ERR_NOMEM, "no memory");
    rc = status_read_reply(text, body, e);
    if (rc == 0)
        fprintf(stderr, "lamplighter %s: %s\n", command, text);
    mem_free(text);
    return rc < 0 ? -1 : EXIT_FAILED;
}

int ask_print(struct span body)
{
    return fwrite(body.p, 1, body.n, stdout) == body.n ? EXIT_OK : EXIT_FAILED;
}

struct ask_paint ask_paint(bool plain)
{
    const char *no = getenv("NO_COLOR"); /* a command has one thread, and no secret to hide */

    if (plain || (no && *no) || !isatty(STDOUT_FILENO))
        return (struct ask_paint){"", "", "", "", ""};
    return (struct ask_paint){"\033[31m", "\033[33m", "\033[32m", "\033[2m", "\033[0m"};
}
