/*
 * override.c - see override.h.
 */
#include "cmd/override.h"

#include <stdio.h>
#include <unistd.h>

#include "base/env.h"
#include "cmd/admin_call.h"
#include "cmd/ask.h"
#include "cmd/config.h"
#include "cmd/status_read.h"
#include "codec/percent.h"
#include "conf/keys.h"

#define ASK_MS 5000

/* Whom a command is about, and whether it ends a word or says one. */
static const struct command {
    const char *name, *about;
    bool ends;
} commands[] = {
    {"drain", "target", false}, {"disable", "target", false},   {"weight", "target", false},
    {"enable", "target", true}, {"stop-spill", "model", false}, {"allow-spill", "model", true},
};

struct options {
    const struct command *command;
    const char *admin, *name, *who, *why;
    const char *weight; /* NULL: the command takes none */
    uint64_t for_ms;
};

static const char usage[] =
    "usage: lamplighter drain TARGET [OPTIONS]      it is asked only when nobody else is left\n"
    "       lamplighter disable TARGET [OPTIONS]    it is not asked\n"
    "       lamplighter weight TARGET N [OPTIONS]   N in place of its weight (0 to 1000)\n"
    "       lamplighter enable TARGET               nothing of this holds any more\n"
    "       lamplighter stop-spill MODEL [OPTIONS]  requests stay in the first tier of its plan\n"
    "       lamplighter allow-spill MODEL           ... and no longer do\n"
    "\n"
    "TARGET is provider/model; but for a weight also a provider, for all its targets. Answers\n"
    "under way go on.\n"
    "\n"
    "  --for DURATION  how long, such as 30m or 2d (1h; at most 30d): it ends by itself\n"
    "  --why TEXT      shown by lamplighter status\n"
    "  --who NAME      likewise ($SUDO_USER, or $USER)\n"
    "  --admin URL     the admin port of the gateway (" ADMIN_DEFAULT ")\n"
    "\n" ASK_STATUS;

/* Where the value of an option goes; NULL: it is none. */
static const char **value_of(struct options *o, const char *option, const char **duration)
{
    const struct {
        const char *name, **value;
    } rows[] = {
        {"--admin", &o->admin}, {"--why", &o->why}, {"--who", &o->who}, {"--for", duration}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(option, rows[i].name) == 0)
            return rows[i].value;
    return NULL;
}

static int misuse(const char *command, const char *word, const char *what)
{
    fprintf(stderr, "lamplighter %s: %s%s\n", command, word, what);
    fputs(usage, stderr);
    return -1;
}

/* A word that is no option: whom it is about, then what a command takes besides. */
static bool take_word(struct options *o, const char *word)
{
    const char **to = o->name ? &o->weight : &o->name;

    if (word[0] == '-' || *to || (o->name && strcmp(o->command->name, "weight") != 0))
        return false;
    *to = word;
    return true;
}

static int check_options(struct options *o, const char *duration)
{
    const char *command = o->command->name;
    struct err e;

    if (!o->name)
        return misuse(command, strcmp(o->command->about, "model") == 0 ? "MODEL" : "TARGET",
                      " is missing");
    if (!o->weight && strcmp(command, "weight") == 0)
        return misuse(command, "N", " is missing");
    if (duration && conf_duration.parse(span_str(duration), &o->for_ms, &e) < 0)
        return misuse(command, duration, " is no duration such as 30m");
    return 0;
}

/* -1: wrong usage; 1: help was asked for. */
static int read_options(int argc, char **argv, struct options *o)
{
    const char *duration = NULL;

    *o = (struct options){.admin = ADMIN_DEFAULT, .command = commands};
    while (strcmp(o->command->name, argv[0]) != 0)
        o->command++; /* main.c has no other */
    for (int i = 1; i < argc; i++) {
        const char **value = value_of(o, argv[i], &duration);

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return 1;
        if (value && i + 1 < argc)
            *value = argv[++i];
        else if (value || !take_word(o, argv[i]))
            return misuse(argv[0], argv[i], ": unknown or incomplete");
    }
    return check_options(o, duration);
}

static void add(struct buf *path, const char *name, struct span value)
{
    if (!span_has(value))
        return;
    buf_printf(path, "&%s=", name);
    percent_encode(path, value, "");
}

/* Who types this, as far as the shell knows. */
static struct span who_of(const struct env *env)
{
    static const struct span names[] = {SPAN_LIT("SUDO_USER"), SPAN_LIT("USER"),
                                        SPAN_LIT("LOGNAME")};
    struct span who = {NULL, 0};

    for (size_t i = 0; i < ARRAY_LEN(names) && !span_has(who); i++)
        who = env_get(env, names[i]);
    return who;
}

static int write_path(struct buf *path, const struct options *o, struct err *e)
{
    struct env *env = NULL;

    if (env_take(&env, &environ, e) < 0)
        return -1;
    buf_printf(path, "/api/v1/override?what=%s", o->command->name);
    add(path, o->command->about, span_str(o->name));
    if (!o->command->ends) {
        add(path, "weight", span_str(o->weight));
        add(path, "who", o->who ? span_str(o->who) : who_of(env));
        add(path, "why", span_str(o->why));
    }
    if (o->for_ms)
        buf_printf(path, "&for=%llu", (unsigned long long)((o->for_ms + 999) / 1000));
    buf_add_char(path, '\0');
    env_free(&env);
    return buf_finish(path, "the request", e);
}

static int ask(const struct options *o, struct buf *out, uint16_t *status, struct err *e)
{
    struct buf path;
    int rc;

    buf_init(&path, (size_t)8192);
    rc = write_path(&path, o, e);
    if (rc == 0)
        rc = admin_call(out, status, o->admin, "POST", path.p, span_of(NULL, 0), ASK_MS, e);
    buf_fini(&path);
    return rc;
}

static int show(const struct options *o, uint16_t status, struct span body, struct err *e)
{
    if (status != 200)
        return ask_refused(o->command->name, body, e);
    printf("%s: %s%s%s\n", o->name, o->command->name, o->weight ? " " : "",
           o->weight ? o->weight : "");
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
    rc = ask(&o, &body, &status, &e);
    if (rc == 0)
        rc = show(&o, status, buf_span(&body), &e);
    if (rc < 0)
        rc = ask_failed(argv[0], o.admin, &e);
    buf_fini(&body);
    return fflush(stdout) == 0 ? rc : EXIT_FAILED;
}
