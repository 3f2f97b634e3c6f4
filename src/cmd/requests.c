/*
 * requests.c - `lamplighter request ID` and `lamplighter requests`: ask the admin port, print.
 */
#include "cmd/requests.h"

#include "base/mem.h"
#include "cmd/admin_call.h"
#include "cmd/ask.h"
#include "cmd/config.h"
#include "cmd/hurry.h"
#include "cmd/requests_read.h"
#include "codec/percent.h"

#define ASK_MS    5000
#define NAME_MOST 48 /* a longer one pushes its line to the right */

struct options {
    const char *admin, *id, *model;
    uint64_t n; /* 0: as many as the gateway gives */
    bool json, failed, plain;
    struct ask_paint paint;
};

static const char request_usage[] = "ID [--admin URL] [--json] [--no-color]\n"
                                    "\n"
                                    "  ID           as x-lamplighter-request-id has it, and the "
                                    "access log\n";
static const char requests_usage[] =
    "[--failed] [--model M] [-n N] [--admin URL] [--json] [--no-color]\n"
    "\n"
    "  --failed     only those that did not end with a complete answer\n"
    "  --model M    only those for this model, as clients call it\n"
    "  -n N         so many (20, at most 1000)\n";
static const char usage[] = "  --admin URL  the admin port of the gateway (" ADMIN_DEFAULT ")\n"
                            "  --json       print the answer as it came\n"
                            "  --no-color   no colours (also by NO_COLOR, or when it is not a "
                            "terminal)\n"
                            "\n" ASK_STATUS;

/* ---- options ---- */

/* An option with a value; false: it is none, or the value is not there or not good. */
static bool read_value(struct options *o, bool list, const char *name, const char *value)
{
    if (!value)
        return false;
    if (strcmp(name, "--admin") == 0)
        o->admin = value;
    else if (list && strcmp(name, "--model") == 0)
        o->model = value;
    else
        return list && strcmp(name, "-n") == 0 && span_u64(span_str(value), &o->n) == 0 &&
               o->n >= 1 && o->n <= REQUESTS_ROWS;
    return true;
}

static bool read_flag(struct options *o, bool list, const char *name)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--json", &o->json}, {"--no-color", &o->plain}, {list ? "--failed" : NULL, &o->failed}};

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (flags[i].name && strcmp(name, flags[i].name) == 0)
            return *flags[i].flag = true;
    return false;
}

/* -1: wrong usage; 1: help was asked for. */
static int read_options(int argc, char **argv, bool list, struct options *o)
{
    *o = (struct options){.admin = ADMIN_DEFAULT};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return 1;
        if (read_flag(o, list, argv[i]))
            continue;
        if (argv[i][0] != '-' && !list && !o->id) {
            o->id = argv[i];
        } else if (read_value(o, list, argv[i], i + 1 < argc ? argv[i + 1] : NULL)) {
            i++;
        } else {
            fprintf(stderr, "lamplighter %s: unknown or incomplete option '%s'\n", argv[0],
                    argv[i]);
            return -1;
        }
    }
    if (!list && !o->id) {
        fprintf(stderr, "lamplighter %s: which one? 'lamplighter requests' lists the latest\n",
                argv[0]);
        return -1;
    }
    o->paint = ask_paint(o->plain);
    return 0;
}

/* ---- words ---- */

static int width_of(int width, const char *text)
{
    return MAX(width, (int)MIN(strlen(text), (size_t)NAME_MOST));
}

static bool is_complete(const char *outcome)
{
    static const char *const good[] = {"full", "equivalent", "joined", "degraded", "late", NULL};

    return span_globs(good, span_str(outcome));
}

static const char *color_of(const struct options *o, const char *outcome)
{
    return is_complete(outcome) ? o->paint.good : o->paint.bad;
}

static void print_tokens(const struct request_row *r)
{
    if (r->tokens_in > 0 || r->tokens_out > 0)
        printf("  %.0f+%.0f tokens", r->tokens_in, r->tokens_out);
    if (r->cost < 0)
        printf("  $? (%s)", r->unpriced[0] ? r->unpriced : "not known");
    else if (r->cost + r->cost_before > 0)
        printf("  $%.6g", r->cost + r->cost_before);
}

/* ---- one request ---- */

static void print_head(const struct options *o, const struct request_row *r)
{
    printf("%s  %s", r->id, r->model[0] ? r->model : r->op);
    if (r->key[0])
        printf("  %s", r->key);
    if (r->stream)
        fputs("  stream", stdout);
    if (r->running)
        fputs("  under way", stdout);
    else
        printf("  outcome=%s%s%s  %.3f s", color_of(o, r->outcome), r->outcome, o->paint.off,
               r->duration_ms / 1000);
    print_tokens(r);
    printf("  %.10s %.8sZ\n", r->time, strlen(r->time) > 11 ? r->time + 11 : "");
}

static void print_skip(const struct options *o, const struct request_event *v, int width)
{
    printf("skip     %-*s  %s%s%s", width, v->target, o->paint.note,
           v->reason[0] ? v->reason : "(and others)", o->paint.off);
    if (v->detail[0])
        printf(" (%s)", v->detail);
    putchar('\n');
}

/* The class says more of a failure of the target than the reason word, the sentence says all. */
static void print_attempt(const struct options *o, const struct request_event *v, int width)
{
    bool failed = v->reason[0] != '\0';

    printf("try %-3.0f  %-*s  ", v->number, width, v->target);
    if (failed)
        printf("%s%s%s", o->paint.bad, v->class_name[0] ? v->class_name : v->reason, o->paint.off);
    else
        printf("%sanswered%s", o->paint.good, o->paint.off);
    if (v->status > 0)
        printf(" %.0f", v->status);
    if (failed && v->class_name[0])
        printf(" (%s)", v->reason);
    if (v->beside)
        fputs("  as a hedge", stdout);
    if (v->last_resort)
        fputs("  as the last resort", stdout);
    if (v->first_ms > 0)
        printf("  first %.3f s", v->first_ms / 1000);
    printf("  %.3f s", v->duration_ms / 1000);
    if (v->cost > 0)
        printf("  $%.6g", v->cost);
    putchar('\n');
}

static void print_end(const struct options *o, const struct request_event *v)
{
    printf("end      %s%s%s", color_of(o, v->outcome), v->outcome, o->paint.off);
    if (v->reason[0])
        printf(" (%s)", v->reason);
    if (v->status > 0)
        printf("  status %.0f", v->status);
    putchar('\n');
    if (v->text[0])
        printf("%10s%s%s%s\n", "", o->paint.dim, v->text, o->paint.off);
}

static void print_event(const struct options *o, const struct request_event *v, int width)
{
    printf("%8.3f  ", v->at_ms / 1000);
    if (strcmp(v->event, "skip") == 0)
        print_skip(o, v, width);
    else if (strcmp(v->event, "attempt") == 0)
        print_attempt(o, v, width);
    else if (strcmp(v->event, "end") == 0)
        print_end(o, v);
    else
        printf("%s\n", v->event);
}

static int print_request(const struct options *o, struct span text, struct err *e)
{
    struct request_doc *d = mem_zalloc(1, sizeof(*d));
    int rc, width = 0;

    if (!d)
        return err_set(e, ERR_NOMEM, "no memory");
    rc = request_read(d, text, e);
    if (rc == 0)
        print_head(o, &d->request);
    if (rc == 0 && d->request.cut)
        puts("          earlier attempts have made room for newer requests");
    for (size_t i = 0; i < d->events_n; i++)
        width = width_of(width, d->events[i].target);
    for (size_t i = 0; i < d->events_n && rc == 0; i++)
        print_event(o, &d->events[i], width);
    mem_free(d);
    return rc;
}

/* ---- the list ---- */

static void print_row(const struct options *o, const struct request_row *r, int width)
{
    printf("%.10s %.8s  %-17s  %-*s  %s%-12s%s  %6.0f  %5.0f  %9.3f  %-*s", r->time,
           strlen(r->time) > 11 ? r->time + 11 : "", r->id, width, r->model[0] ? r->model : r->op,
           color_of(o, r->outcome), r->outcome, o->paint.off, r->status, r->attempts,
           r->duration_ms / 1000, r->reason[0] ? width : 0, r->target[0] ? r->target : "-");
    if (r->reason[0])
        printf("  %s", r->reason);
    putchar('\n');
}

static int print_list(const struct options *o, struct span text, struct err *e)
{
    struct requests_doc *d = mem_zalloc(1, sizeof(*d));
    int rc, width = 5;

    if (!d)
        return err_set(e, ERR_NOMEM, "no memory");
    rc = requests_read(d, text, e);
    for (size_t i = 0; i < d->requests_n; i++)
        width = width_of(width, d->requests[i].model[0] ? d->requests[i].model : d->requests[i].op);
    if (rc == 0)
        printf("%-19s  %-17s  %-*s  %-12s  %6s  %5s  %9s  %s\n", "TIME (UTC)", "ID", width, "MODEL",
               "OUTCOME", "STATUS", "TRIES", "SECONDS", "TARGET, REASON");
    for (size_t i = 0; i < d->requests_n && rc == 0; i++)
        print_row(o, &d->requests[i], width);
    if (rc == 0 && d->missed > 0)
        printf("! %.0f records were missed for want of memory\n", d->missed);
    mem_free(d);
    return rc;
}

/* ---- the commands ---- */

static void add_query(struct buf *out, const struct options *o)
{
    char sep = '?';

    if (o->n) {
        buf_printf(out, "%cn=%llu", sep, (unsigned long long)o->n);
        sep = '&';
    }
    if (o->failed) {
        buf_printf(out, "%cfailed=1", sep);
        sep = '&';
    }
    if (o->model) {
        buf_printf(out, "%cmodel=", sep);
        percent_encode(out, span_str(o->model), "");
    }
}

static int show(const char *command, const struct options *o, uint16_t status, struct span body,
                struct err *e)
{
    int rc;

    if (o->json) {
        rc = ask_print(body);
        return rc == EXIT_OK && status != 200 ? EXIT_FAILED : rc;
    }
    if (status != 200)
        return ask_refused(command, body, e);
    return o->id ? print_request(o, body, e) : print_list(o, body, e);
}

static int ask(int argc, char **argv, bool list)
{
    struct buf body, path;
    struct options o;
    uint16_t status = 0;
    struct err e;
    int rc = read_options(argc, argv, list, &o);

    if (rc != 0) {
        fprintf(rc > 0 ? stdout : stderr, "usage: lamplighter %s %s%s", argv[0],
                list ? requests_usage : request_usage, usage);
        return rc > 0 ? EXIT_OK : EXIT_USAGE;
    }
    buf_init(&body, ADMIN_BYTES_MAX);
    buf_init(&path, (size_t)4096);
    buf_add_str(&path, "/api/v1/requests");
    if (list) {
        add_query(&path, &o);
    } else {
        buf_add_char(&path, '/');
        percent_encode(&path, span_str(o.id), "");
    }
    buf_add_char(&path, '\0');
    rc = buf_finish(&path, "request", &e);
    if (rc == 0)
        rc = admin_call(&body, &status, o.admin, "GET", path.p, span_of(NULL, 0),
                        ASK_MS / hurry_factor(), &e);
    if (rc == 0)
        rc = show(argv[0], &o, status, buf_span(&body), &e);
    if (rc < 0)
        rc = ask_failed(argv[0], o.admin, &e);
    buf_fini(&body);
    buf_fini(&path);
    return fflush(stdout) == 0 ? rc : EXIT_FAILED;
}

int cmd_request(int argc, char **argv)
{
    return ask(argc, argv, false);
}

int cmd_requests(int argc, char **argv)
{
    return ask(argc, argv, true);
}
