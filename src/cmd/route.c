/*
 * route.c - `lamplighter route MODEL`: ask the running gateway where such a request would go now;
 * where none answers, say what the configuration alone says. Both are relay_explain()'s answer.
 */
#include "cmd/route.h"

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cmd/admin_call.h"
#include "cmd/ask.h"
#include "cmd/config.h"
#include "cmd/hurry.h"
#include "cmd/route_read.h"
#include "cmd/run.h"
#include "codec/percent.h"
#include "relay/explain.h"

#define ASK_MS     5000
#define NAME_MOST  48
#define BODY_MAX   ((size_t)8 * 1024 * 1024) /* as the admin port takes */
#define ANSWER_MAX ((size_t)1024 * 1024)

struct options {
    const char *model, *body_file, *path, *key, *data_class, *tags, *conversation, *admin, *config;
    bool json, plain;
    struct ask_paint paint;
};

static const char usage[] =
    "usage: lamplighter route MODEL [-f FILE] [--path PATH] [--key NAME] [--data-class NAMES]\n"
    "                         [--tags NAMES] [--conversation ID]\n"
    "                         [--admin URL] [-c FILE] [--json] [--no-color]\n"
    "\n"
    "  MODEL              as clients call it\n"
    "  -f FILE            a request's body: what it needs decides who can take it\n"
    "  --path PATH        whose body it is (/v1/chat/completions); MODEL in it stands for the "
    "model\n"
    "  --key NAME         the client's key, by its name in the configuration\n"
    "  --data-class NAMES as x-lamplighter-data-class says them\n"
    "  --tags NAMES       as x-lamplighter-tags says them\n"
    "  --conversation ID  as x-lamplighter-conversation says it\n"
    "  --admin URL        the admin port of the gateway (" ADMIN_DEFAULT ")\n"
    "  -c FILE            the configuration, for when no gateway answers\n"
    "  --json             print the answer as it came\n"
    "  --no-color         no colours (also by NO_COLOR, or when it is not a terminal)\n"
    "\n"
    "exit status: 0 somebody would be asked, 1 nobody would, 2 wrong usage, 3 wrong "
    "configuration\n";

/* The least that each path takes, for who has no body at hand. */
static const struct {
    const char *path, *body;
} bodies[] = {
    {"/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    {"/v1/messages", "{\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    {"/v1/responses", "{\"input\":\"hi\"}"},
    {"/v1/embeddings", "{\"input\":\"hi\"}"},
};

/* ---- options ---- */

/* Where the value of an option goes; NULL: it is none with a value. */
static const char **value_of(struct options *o, const char *name)
{
    const struct {
        const char *name, **value;
    } rows[] = {{"-f", &o->body_file},  {"--path", &o->path},
                {"--key", &o->key},     {"--data-class", &o->data_class},
                {"--tags", &o->tags},   {"--conversation", &o->conversation},
                {"--admin", &o->admin}, {"-c", &o->config}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(name, rows[i].name) == 0)
            return rows[i].value;
    return NULL;
}

/* -1: wrong usage; 1: help was asked for. */
static int read_options(int argc, char **argv, struct options *o)
{
    *o = (struct options){.admin = ADMIN_DEFAULT, .path = bodies[0].path};
    for (int i = 1; i < argc; i++) {
        const char **value = value_of(o, argv[i]);

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return 1;
        if (value && i + 1 < argc) {
            *value = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else if (strcmp(argv[i], "--no-color") == 0) {
            o->plain = true;
        } else if (argv[i][0] != '-' && !o->model) {
            o->model = argv[i];
        } else {
            fprintf(stderr, "lamplighter route: unknown or incomplete option '%s'\n", argv[i]);
            return -1;
        }
    }
    if (!o->model) {
        fputs("lamplighter route: which model?\n", stderr);
        return -1;
    }
    o->paint = ask_paint(o->plain);
    return 0;
}

/* The request's body. -1: there is none; it has been said why. */
static int read_body(const struct options *o, struct buf *out)
{
    struct err e;

    if (o->body_file) {
        if (file_read(out, o->body_file, &e) == 0)
            return 0;
        fprintf(stderr, "lamplighter route: -f: %s\n", e.text);
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        if (strcmp(bodies[i].path, o->path) == 0) {
            buf_add_str(out, bodies[i].body);
            return 0;
        }
    fprintf(stderr, "lamplighter route: for %s a body is needed: -f FILE\n", o->path);
    return -1;
}

/* ---- the table ---- */

/* "breaker-open for 12 s more: sentence" */
static void print_reason(const struct options *o, const struct route_target *t)
{
    printf("%s%s%s", o->paint.note, t->reason[0] ? t->reason : "not asked", o->paint.off);
    if (t->detail[0])
        printf(" (%s)", t->detail);
    if (t->for_s > 0)
        printf(" for %.0f s more", t->for_s < 1 ? 1 : t->for_s);
    if (t->text[0])
        printf(": %s", t->text);
}

static void print_target(const struct options *o, const struct route_target *t, int width)
{
    if (t->asked)
        printf("%s%3.0f%s  %s", o->paint.good, t->turn, o->paint.off, t->target);
    else
        printf("  -  %s", t->target);
    if (!t->asked || t->reason[0] || t->shares[0] || t->probe || t->sits || t->key > 0 ||
        t->endpoint > 0 || t->engine[0] || t->weighed_by_hand)
        printf("%*s", MAX(width - (int)strlen(t->target), 0), "");
    if (t->key > 0)
        printf("  key %.0f", t->key);
    if (t->endpoint > 0)
        printf("  endpoint %.0f", t->endpoint);
    if (t->engine[0])
        printf("  %sthe engine is %s%s", o->paint.note, t->engine, o->paint.off);
    if (t->weighed_by_hand)
        printf("  weight %.0f by hand", t->weight);
    if (t->sits)
        fputs("  where the conversation is", stdout);
    if (t->probe)
        fputs(t->last_resort ? "  as the last resort" : "  as a probe", stdout);
    if (!t->asked || t->reason[0]) {
        fputs("  ", stdout);
        print_reason(o, t);
    }
    if (t->shares[0])
        printf("  shares the %s of %.0f", t->shares, t->shares_with);
    putchar('\n');
}

/* One failure may take them all. */
static void print_fate(const struct options *o, const struct route_doc *d)
{
    size_t asked = 0, shared = 0;

    for (size_t i = 0; i < d->targets_n; i++) {
        asked += d->targets[i].asked;
        shared += d->targets[i].asked && d->targets[i].shares_with == 1;
    }
    if (asked > 1 && shared == asked - 1)
        printf("%s!%s all of them share the %s of the first, and may fail together\n",
               o->paint.note, o->paint.off, d->targets[1].shares);
}

static void print_hedge(const struct options *o, const struct route_doc *d)
{
    if (d->hedge_onto[0])
        printf("hedged after %.3g s onto %s\n", d->hedge_after_s, d->hedge_onto);
    else if (d->hedge_reason[0])
        printf("not hedged now, for %s%s%s: %s\n", o->paint.note, d->hedge_reason, o->paint.off,
               d->hedge_text);
}

static bool is_anybody_asked(const struct route_doc *d)
{
    for (size_t i = 0; i < d->targets_n; i++)
        if (d->targets[i].asked)
            return true;
    return false;
}

static int print_route(const struct options *o, const struct route_doc *d)
{
    int width = 0;

    printf("%s  %s  ", d->model, d->op[0] ? d->op : d->path);
    if (d->running)
        printf("as the running gateway has it (%s)\n", d->config);
    else
        printf("by the configuration alone (%s)\n", d->config);
    for (size_t i = 0; i < d->targets_n; i++)
        width = MAX(width, (int)MIN(strlen(d->targets[i].target), (size_t)NAME_MOST));
    for (size_t i = 0; i < d->targets_n; i++)
        print_target(o, &d->targets[i], width);
    print_fate(o, d);
    print_hedge(o, d);
    if (d->reason[0])
        printf("%srefused%s with %.0f (%s): %s\n", o->paint.bad, o->paint.off, d->status, d->reason,
               d->text);
    else if (!is_anybody_asked(d))
        printf("%snobody%s would be asked\n", o->paint.bad, o->paint.off);
    if (d->hint[0])
        printf("%s\n", d->hint);
    return EXIT_OK;
}

static int show(const struct options *o, struct span text, struct err *e)
{
    struct route_doc *d = mem_zalloc(1, sizeof(*d));
    int rc;

    if (!d)
        return err_set(e, ERR_NOMEM, "no memory");
    rc = route_read(d, text, e);
    if (rc == 0)
        rc = o->json ? ask_print(text) : print_route(o, d);
    if (rc == EXIT_OK && !is_anybody_asked(d))
        rc = EXIT_FAILED;
    mem_free(d);
    return rc;
}

/* ---- who is asked ---- */

static bool is_nobody_there(const struct err *e)
{
    return e->code == ERR_CONNECT || e->code == ERR_RESOLVE || e->code == ERR_TIMEOUT;
}

/* By the configuration alone. Returns the exit status, or -1 with *e. */
static int explain_here(const struct options *o, struct span body, struct buf *out, struct err *e)
{
    struct relay_question q = {.path = span_str(o->path),
                               .model = span_str(o->model),
                               .key = span_str(o->key),
                               .body = body,
                               .data_class = span_str(o->data_class),
                               .tags = span_str(o->tags),
                               .conversation = span_str(o->conversation)};
    struct run run = {.admin_fd = -1, .records = {-1, -1}};
    struct settings *settings = NULL;
    struct buf text, printed;
    struct ev *ev = NULL;
    int rc = -1;

    buf_init(&text, RUN_LOADED_MAX);
    buf_init(&printed, RUN_TEXT_MAX);
    if (env_take(&run.env, &environ, e) < 0 || ev_uv_new(&ev, e) < 0)
        goto out;
    run.file = config_path(o->config, run.env).p;
    rc = run_load(&run, NULL, &settings, &text, &printed);
    if (rc != 0)
        fprintf(stderr, "%.*s", SPAN_FMT(buf_span(&printed)));
    else
        rc = relay_explain(out, &q, ev, settings, NULL, 0, e);
out:
    settings_unref(&settings);
    ev_uv_free(&ev);
    env_free(&run.env);
    buf_fini(&text);
    buf_fini(&printed);
    return rc;
}

static void add_member(struct buf *path, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(path, "&%s=", name);
    percent_encode(path, span_str(value), "");
}

/* The running gateway's answer. */
static int ask_gateway(const struct options *o, struct span body, struct buf *out,
                       uint16_t *ret_status, struct err *e)
{
    struct buf path;
    int rc = -1;

    buf_init(&path, (size_t)8192);
    buf_add_str(&path, "/api/v1/route?model=");
    percent_encode(&path, span_str(o->model), "");
    add_member(&path, "path", o->path);
    add_member(&path, "key", o->key);
    add_member(&path, "data_class", o->data_class);
    add_member(&path, "tags", o->tags);
    add_member(&path, "conversation", o->conversation);
    buf_add_char(&path, '\0');
    if (buf_finish(&path, "the question", e) == 0)
        rc =
            admin_call(out, ret_status, o->admin, "POST", path.p, body, ASK_MS / hurry_factor(), e);
    buf_fini(&path);
    return rc;
}

static int answer(const struct options *o, struct span body, struct buf *out, struct err *e)
{
    uint16_t status = 0;
    int rc = ask_gateway(o, body, out, &status, e);

    if (rc < 0 && !is_nobody_there(e))
        return -1;
    if (rc == 0 && status != 200)
        return ask_refused("route", buf_span(out), e);
    if (rc < 0) {
        fprintf(stderr, "no gateway answers at %s (%s); what its targets are like is not known\n",
                o->admin, e->text);
        buf_reset(out);
        rc = explain_here(o, body, out, e);
        if (rc != 0)
            return rc;
    }
    return show(o, buf_span(out), e);
}

int cmd_route(int argc, char **argv)
{
    struct options o;
    struct buf body, out;
    struct err e;
    int rc = read_options(argc, argv, &o);

    if (rc != 0) {
        fputs(usage, rc > 0 ? stdout : stderr);
        return rc > 0 ? EXIT_OK : EXIT_USAGE;
    }
    buf_init(&body, BODY_MAX);
    buf_init(&out, ANSWER_MAX);
    rc = read_body(&o, &body) < 0 ? EXIT_USAGE : answer(&o, buf_span(&body), &out, &e);
    if (rc < 0)
        rc = ask_failed(argv[0], o.admin, &e);
    buf_fini(&body);
    buf_fini(&out);
    return fflush(stdout) == 0 ? rc : EXIT_FAILED;
}
