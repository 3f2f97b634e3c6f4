/*
 * reload.c - see reload.h. A reload is asked for at the admin port, and then watched until its
 * trial is over: the trial goes on without whoever watches.
 */
#include "cmd/reload.h"

#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "cmd/admin_call.h"
#include "cmd/ask.h"
#include "cmd/config.h"
#include "cmd/doc_read.h"
#include "cmd/hurry.h"
#include "cmd/status_read.h"

#define ASK_MS    5000
#define RELOAD_MS 35000 /* the gateway itself answers within 30 s */
#define LOOK_MS   500
#define SAY_EVERY 10 /* looks, while nothing changes but numbers */
#define MISSED    20 /* looks in a row that nobody answers: it is not watched any more */

enum { EXIT_UNPROVEN = 3 };

struct options {
    const char *admin;
    bool json, now, no_wait;
};

static const char usage_reload[] =
    "usage: lamplighter reload [--now] [--no-wait] [--admin URL] [--json]\n"
    "\n"
    "  --now        take it into use at once, without a trial\n"
    "  --no-wait    do not wait for the end of the trial\n"
    "  --admin URL  the admin port of the gateway (" ADMIN_DEFAULT ")\n"
    "  --json       print the answer as it came, and do not wait\n"
    "\n"
    "The new configuration is tried on a slice of the new requests (reload.slice), and then kept,\n"
    "taken back, or held there as unproven until `lamplighter confirm` or `lamplighter rollback`.\n"
    "\n"
    "exit status: 0 it is in use (with --no-wait: or on trial), 1 refused or taken back, 2 wrong\n"
    "usage, 3 unproven, 4 nobody answers\n";
static const char usage_confirm[] =
    "usage: lamplighter confirm [--admin URL] [--json]\n"
    "\n"
    "Take the configuration that is on trial into use now.\n"
    "\n"
    "  --admin URL  the admin port of the gateway (" ADMIN_DEFAULT ")\n"
    "  --json       print the answer as it came\n"
    "\n" ASK_STATUS;
static const char usage_rollback[] =
    "usage: lamplighter rollback [--admin URL] [--json]\n"
    "\n"
    "Take back the configuration that is on trial; without a trial, take the one before the one "
    "in\n"
    "use into use again. The file is not changed.\n"
    "\n"
    "  --admin URL  the admin port of the gateway (" ADMIN_DEFAULT ")\n"
    "  --json       print the answer as it came\n"
    "\n" ASK_STATUS;

/* -1: wrong usage; 1: help was asked for. */
static int read_options(int argc, char **argv, bool reloads, struct options *o)
{
    *o = (struct options){.admin = ADMIN_DEFAULT};
    for (int i = 1; i < argc; i++) {
        if (ask_option(argc, argv, &i, &o->admin, &o->json)) {
            continue;
        } else if (reloads && strcmp(argv[i], "--now") == 0) {
            o->now = true;
        } else if (reloads && strcmp(argv[i], "--no-wait") == 0) {
            o->no_wait = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return 1;
        } else {
            fprintf(stderr, "lamplighter %s: unknown or incomplete option '%s'\n", argv[0],
                    argv[i]);
            return -1;
        }
    }
    return 0;
}

/* ---- answers ---- */

struct reload_doc {
    bool trial;
};

static const struct doc_member reload_members[] = {
    DOC_MEMBER("trial", DOC_YES, struct reload_doc, trial),
};

struct trial_doc {
    char state[16];
    char text[DOC_TEXT_MAX];
    double trial;
    bool taken;
};

static const struct doc_member trial_members[] = {
    DOC_MEMBER("state", DOC_TEXT, struct trial_doc, state),
    DOC_MEMBER("text", DOC_TEXT, struct trial_doc, text),
    DOC_MEMBER("trial", DOC_NUMBER, struct trial_doc, trial),
    DOC_MEMBER("taken", DOC_YES, struct trial_doc, taken),
};

/* The text of an answer: what it says, or why it refuses. */
static int print_reply(uint16_t status, struct span body, struct err *e)
{
    FILE *to = status == 200 ? stdout : stderr;
    char *text = mem_alloc(STATUS_REPLY);
    int rc;

    if (!text)
        return err_set(e, ERR_NOMEM, "no memory");
    rc = status_read_reply(text, body, e);
    if (rc == 0) {
        fputs(text, to);
        if (text[0] && text[strlen(text) - 1] != '\n')
            fputc('\n', to);
    }
    mem_free(text);
    return rc;
}

static int call(struct buf *body, uint16_t *status, const struct options *o, const char *method,
                const char *path, uint32_t ms, struct err *e)
{
    buf_reset(body);
    return admin_call(body, status, o->admin, method, path, span_of(NULL, 0), ms, e);
}

/* ---- the trial ---- */

static void pause_a_while(void)
{
    uint32_t ms = LOOK_MS / hurry_factor();
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    UNUSED(nanosleep(&t, NULL)); /* one that is cut short looks sooner */
}

static int look(struct trial_doc *d, const struct options *o, struct err *e)
{
    struct doc_rows rows = DOC_ROWS(trial_members, d, 1);
    uint16_t status = 0;
    struct buf body;
    int rc;

    memset(d, 0, sizeof(*d));
    buf_init(&body, ADMIN_BYTES_MAX);
    rc = call(&body, &status, o, "GET", "/api/v1/trial", ASK_MS, e);
    if (rc == 0 && (status != 200 || doc_read(&rows, buf_span(&body)) < 0))
        rc = err_set(e, ERR_PROTOCOL, "it answered %u", status);
    buf_fini(&body);
    return rc;
}

static int say_end(const struct trial_doc *d, double trial)
{
    bool unproven = strcmp(d->state, "unproven") == 0;

    if (d->trial != trial) {
        fputs("another reload has taken the place of this one\n", stderr);
        return EXIT_FAILED;
    }
    fprintf(d->taken || unproven ? stdout : stderr, "%s\n", d->text);
    if (!d->taken && !unproven)
        fputs("its file still has it: mend that before the next reload or start\n", stderr);
    if (unproven)
        return EXIT_UNPROVEN;
    return d->taken ? EXIT_OK : EXIT_FAILED;
}

/* Until it is over: the exit status, or -1. */
static int watch(const struct options *o, struct err *e)
{
    struct trial_doc d;
    double trial = -1;
    unsigned missed = 0;

    for (unsigned looks = 0;; looks++) {
        if (look(&d, o, e) < 0) {
            if (++missed == MISSED)
                return -1;
            pause_a_while();
            continue;
        }
        missed = 0;
        if (trial < 0)
            trial = d.trial;
        if (strcmp(d.state, "running") != 0 || d.trial != trial)
            return say_end(&d, trial);
        if (looks % SAY_EVERY == 0) {
            puts(d.text);
            UNUSED(fflush(stdout)); /* the end tells whether it can be written */
        }
        pause_a_while();
    }
}

static int show_reload(const struct options *o, uint16_t status, struct span body, struct err *e)
{
    struct reload_doc d = {0};
    struct doc_rows rows = DOC_ROWS(reload_members, &d, 1);
    int rc = o->json ? ask_print(body) : print_reply(status, body, e);

    if (rc != EXIT_OK || status != 200)
        return rc < 0 ? rc : EXIT_FAILED;
    if (doc_read(&rows, body) < 0)
        return err_set(e, ERR_PARSE, "what answers there is no admin port: not JSON");
    if (o->json)
        return EXIT_OK;
    if (!d.trial)
        puts("the configuration is taken into use");
    else if (o->no_wait)
        puts("the configuration is on trial; lamplighter status shows how it goes");
    return d.trial && !o->no_wait ? watch(o, e) : EXIT_OK;
}

/* ---- the commands ---- */

static int show_decision(const struct options *o, uint16_t status, struct span body, struct err *e)
{
    int rc = o->json ? ask_print(body) : print_reply(status, body, e);

    return rc == EXIT_OK && status != 200 ? EXIT_FAILED : rc;
}

static int ask(const char *name, const struct options *o, const char *path, uint32_t ms,
               int (*show)(const struct options *o, uint16_t status, struct span body,
                           struct err *e))
{
    uint16_t status = 0;
    struct buf body;
    struct err e;
    int rc;

    buf_init(&body, ADMIN_BYTES_MAX);
    rc = call(&body, &status, o, "POST", path, ms, &e);
    if (rc == 0)
        rc = show(o, status, buf_span(&body), &e);
    if (rc < 0)
        rc = ask_failed(name, o->admin, &e);
    buf_fini(&body);
    return fflush(stdout) == 0 ? rc : EXIT_FAILED;
}

static int misuse(int rc, const char *usage)
{
    fputs(usage, rc > 0 ? stdout : stderr);
    return rc > 0 ? EXIT_OK : EXIT_USAGE;
}

int cmd_reload(int argc, char **argv)
{
    struct options o;
    int rc = read_options(argc, argv, true, &o);

    if (rc != 0)
        return misuse(rc, usage_reload);
    return ask(argv[0], &o, o.now ? "/api/v1/reload?now" : "/api/v1/reload", RELOAD_MS,
               show_reload);
}

int cmd_confirm(int argc, char **argv)
{
    struct options o;
    int rc = read_options(argc, argv, false, &o);

    if (rc != 0)
        return misuse(rc, usage_confirm);
    return ask(argv[0], &o, "/api/v1/confirm", ASK_MS, show_decision);
}

int cmd_rollback(int argc, char **argv)
{
    struct options o;
    int rc = read_options(argc, argv, false, &o);

    if (rc != 0)
        return misuse(rc, usage_rollback);
    return ask(argv[0], &o, "/api/v1/rollback", ASK_MS, show_decision);
}
