/*
 * override.c - see override.h.
 */
#include "cmd/override.h"

#include <stdio.h>

#include "cmd/admin_call.h"
#include "cmd/ask.h"
#include "cmd/config.h"
#include "cmd/status_read.h"
#include "codec/percent.h"
#include "conf/keys.h"

#define ASK_MS 5000

struct options {
    const char *admin, *target, *why;
    uint64_t for_ms;
};

static const char usage[] =
    "usage: lamplighter drain TARGET [--for DURATION] [--why TEXT] [--admin URL]\n"
    "       lamplighter disable TARGET [--for DURATION] [--why TEXT] [--admin URL]\n"
    "       lamplighter enable TARGET [--admin URL]\n"
    "\n"
    "TARGET is provider/model, or a provider. drain: it is asked only when nobody else is left;\n"
    "disable: it is not asked; enable: it is in service again. Answers under way go on.\n"
    "\n"
    "  --for DURATION  how long, such as 30m or 2d (1h; at most 30d): it ends by itself\n"
    "  --why TEXT      shown by lamplighter status\n"
    "  --admin URL     the admin port of the gateway (" ADMIN_DEFAULT ")\n"
    "\n" ASK_STATUS;

/* Where the value of an option goes; NULL: it is none. */
static const char **value_of(struct options *o, const char *option, const char **duration)
{
    if (strcmp(option, "--admin") == 0)
        return &o->admin;
    if (strcmp(option, "--why") == 0)
        return &o->why;
    return strcmp(option, "--for") == 0 ? duration : NULL;
}

static int misuse(const char *command, const char *word, const char *what)
{
    fprintf(stderr, "lamplighter %s: %s%s\n", command, word, what);
    fputs(usage, stderr);
    return -1;
}

/* -1: wrong usage; 1: help was asked for. */
static int read_options(int argc, char **argv, struct options *o)
{
    const char *duration = NULL;
    struct err e;

    *o = (struct options){.admin = ADMIN_DEFAULT};
    for (int i = 1; i < argc; i++) {
        const char **value = value_of(o, argv[i], &duration);

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return 1;
        if (value && i + 1 < argc)
            *value = argv[++i];
        else if (argv[i][0] == '-' || o->target)
            return misuse(argv[0], argv[i], ": unknown or incomplete");
        else
            o->target = argv[i];
    }
    if (!o->target)
        return misuse(argv[0], "TARGET", " is missing");
    if (duration && conf_duration.parse(span_str(duration), &o->for_ms, &e) < 0)
        return misuse(argv[0], duration, " is no duration such as 30m");
    return 0;
}

static int ask(const char *what, const struct options *o, struct buf *out, uint16_t *status,
               struct err *e)
{
    struct buf path;
    int rc = -1;

    buf_init(&path, (size_t)8192);
    buf_printf(&path, "/api/v1/override?what=%s&target=", what);
    percent_encode(&path, span_str(o->target), "");
    if (o->for_ms)
        buf_printf(&path, "&for=%llu", (unsigned long long)((o->for_ms + 999) / 1000));
    if (o->why) {
        buf_add_str(&path, "&why=");
        percent_encode(&path, span_str(o->why), "");
    }
    buf_add_char(&path, '\0');
    if (buf_finish(&path, "the request", e) == 0)
        rc = admin_call(out, status, o->admin, "POST", path.p, span_of(NULL, 0), ASK_MS, e);
    buf_fini(&path);
    return rc;
}

static int show(const char *command, const struct options *o, uint16_t status, struct span body,
                struct err *e)
{
    if (status != 200)
        return ask_refused(command, body, e);
    printf("%s: %s\n", o->target, command);
    return EXIT_OK;
}

int cmd_override(int argc, char **argv)
{
    uint16_t status = 0;
    struct options o;
    struct buf body;
    struct err e;
    int rc = read_options(argc, argv, &o);

    if (rc > 0)
        fputs(usage, stdout);
    if (rc != 0)
        return rc > 0 ? EXIT_OK : EXIT_USAGE;
    buf_init(&body, ADMIN_BYTES_MAX);
    rc = ask(argv[0], &o, &body, &status, &e);
    if (rc == 0)
        rc = show(argv[0], &o, status, buf_span(&body), &e);
    if (rc < 0)
        rc = ask_failed(argv[0], o.admin, &e);
    buf_fini(&body);
    return fflush(stdout) == 0 ? rc : EXIT_FAILED;
}
