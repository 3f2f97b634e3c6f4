/*
 * status.c - `lamplighter status`: ask the admin port, print.
 */
#include "cmd/status.h"

#include "base/mem.h"
#include "cmd/admin_call.h"
#include "cmd/ask.h"
#include "cmd/config.h"
#include "cmd/hurry.h"
#include "cmd/status_read.h"

#define STATUS_MS 5000

struct options {
    const char *admin;
    bool json;
};

static const char usage[] = "[--admin URL] [--json]\n"
                            "\n"
                            "  --admin URL  the admin port of the gateway (" ADMIN_DEFAULT ")\n"
                            "  --json       print the answer as it came\n"
                            "\n" ASK_STATUS;

/* -1: wrong usage; 1: help was asked for. */
static int read_options(int argc, char **argv, struct options *o)
{
    o->admin = ADMIN_DEFAULT;
    for (int i = 1; i < argc; i++) {
        if (ask_option(argc, argv, &i, &o->admin, &o->json)) {
            continue;
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

/* ---- the table ---- */

static void print_duration(double s)
{
    uint64_t whole = s > 0 ? (uint64_t)s : 0, m = whole / 60;

    if (m >= 24 * 60)
        printf("%llud %lluh", (unsigned long long)(m / 1440), (unsigned long long)(m / 60 % 24));
    else if (m >= 60)
        printf("%lluh %llum", (unsigned long long)(m / 60), (unsigned long long)(m % 60));
    else
        printf("%llum %llus", (unsigned long long)m, (unsigned long long)whole % 60);
}

/* 38ms, 1.22s */
static void seconds_text(char *out, size_t cap, double s)
{
    if (s < 1)
        snprintf(out, cap, "%.0fms", 1000 * s);
    else
        snprintf(out, cap, "%.2fs", s);
}

static void print_head(const struct status_doc *d)
{
    printf("lamplighter %s  up ", d->version);
    print_duration(d->uptime_s);
    printf("  config %.8s (%s", d->config_id, d->config_source);
    if (strlen(d->reloaded) >= 16)
        printf(", %.10s %.5sZ", d->reloaded, d->reloaded + 11);
    printf(")  %.4g req/s  %.0f live  %.0f connections", d->requests_per_s, d->live,
           d->connections);
    if (d->overhead_p99_s > 0)
        printf("  overhead p99 %.2f ms", 1000 * d->overhead_p99_s);
    putchar('\n');
}

static void print_workers(const struct status_doc *d)
{
    printf("\n%-8s %8s  %-9s %10s %6s %6s %8s\n", "WORKER", "PID", "STATE", "REQUESTS", "LIVE",
           "CONNS", "CRASHES");
    for (size_t i = 0; i < d->workers_n; i++) {
        const struct status_worker *w = &d->workers[i];

        printf("%-8.0f %8.0f  %-9s %10.0f %6.0f %6.0f %8.0f\n", w->slot, w->pid, w->state,
               w->requests, w->live, w->conns, w->crashes);
    }
}

static void print_engines(const struct status_doc *d)
{
    if (d->engines_n)
        printf("\n%-24s %8s  %-9s %9s\n", "ENGINE", "PID", "STATE", "RESTARTS");
    for (size_t i = 0; i < d->engines_n; i++)
        printf("%-24s %8.0f  %-9s %9.0f\n", d->engines[i].provider, d->engines[i].pid,
               d->engines[i].state, d->engines[i].restarts);
}

/* 12, or - where it does not say. */
static void print_known(int width, double n, double unit, const char *end)
{
    if (n < 0)
        printf(" %*s", width + (int)strlen(end), "-");
    else
        printf(" %*.0f%s", width, n * unit, end);
}

static void print_endpoints(const struct status_doc *d)
{
    int width = 8;

    for (size_t i = 0; i < d->endpoints_n; i++)
        width = MAX(width, (int)MIN(strlen(d->endpoints[i].endpoint), (size_t)60));
    if (d->endpoints_n)
        printf("\n%-*s  %-9s %7s %7s %6s %10s  PROVIDER\n", width, "ENDPOINT", "STATE", "RUNNING",
               "WAITING", "KV", "KV TOKENS");
    for (size_t i = 0; i < d->endpoints_n; i++) {
        const struct status_endpoint *p = &d->endpoints[i];

        printf("%-*s  %-9s", width, p->endpoint, p->state);
        print_known(7, p->running, 1, "");
        print_known(7, p->waiting, 1, "");
        print_known(5, p->kv_share, 100, "%");
        print_known(10, p->kv_tokens, 1, "");
        printf("  %s\n", p->provider);
    }
}

static void print_pools(const struct status_doc *d)
{
    int width = 8;

    for (size_t i = 0; i < d->pools_n; i++)
        width = MAX(width, (int)MIN(strlen(d->pools[i].provider), (size_t)40));
    if (d->pools_n)
        printf("\n%-*s  %-11s %7s %10s %10s %10s %8s %8s\n", width, "POOL", "N-1", "SERVING",
               "KV TOKENS", "RESERVED", "FOREIGN", "SESSIONS", "COVERED");
    for (size_t i = 0; i < d->pools_n; i++) {
        const struct status_pool *p = &d->pools[i];
        char serving[32];

        snprintf(serving, sizeof(serving), "%.0f/%.0f", p->serving, p->endpoints);
        printf("%-*s  %-11s %7s %10.0f %10.0f %10.0f %8.0f", width, p->provider, p->n1, serving,
               p->kv_tokens, p->reserved, p->foreign, p->sessions);
        print_known(7, p->covered, 100, "%");
        if (p->lost_domain[0])
            printf("  without %s: %.0f tokens too many", p->lost_domain, p->lost_tokens);
        printf("\n");
    }
}

static void print_credentials(const struct status_doc *d)
{
    int width = 11;

    for (size_t i = 0; i < d->creds_n; i++)
        width = MAX(width, (int)MIN(strlen(d->creds[i].provider), (size_t)40));
    if (d->creds_n)
        printf("\n%-*s  %-6s %-20s %8s %7s  SOURCE\n", width, "CREDENTIALS", "STATE", "UNTIL",
               "FETCHED", "FAILED");
    for (size_t i = 0; i < d->creds_n; i++) {
        const struct status_cred *c = &d->creds[i];
        char until[32] = "-";

        if (strlen(c->until) >= 19)
            snprintf(until, sizeof(until), "%.10s %.8sZ", c->until, c->until + 11);
        printf("%-*s  %-6s %-20s %8.0f %7.0f  %s\n", width, c->provider, c->state, until,
               c->fetched, c->failed, c->source);
    }
}

static void print_served_by(const struct status_model *m)
{
    double sum = 0;

    for (size_t i = 0; i < m->served_by_n; i++)
        sum += m->served_by[i].requests;
    for (size_t i = 0; i < m->served_by_n && sum > 0; i++)
        printf("  %s %.0f%%", m->served_by[i].target, 100 * m->served_by[i].requests / sum);
}

/* What did not come to a full answer, in the words of the log; and what was asked for twice. */
static void print_not_full(const struct status_model *m)
{
    const char *before = "  (";

    for (size_t o = 0; o < OUTCOMES_N; o++) {
        if (o == OUTCOME_FULL || m->outcomes[o] <= 0)
            continue;
        printf("%s%.0f %s", before, m->outcomes[o], record_outcome_name((enum outcome)o));
        before = ", ";
    }
    if (m->hedged > 0) {
        printf("%s%.0f hedged, of which the hedge won %.0f", before, m->hedged, m->hedges_won);
        before = ", ";
    }
    if (*before == ',')
        putchar(')');
}

static void print_models(const struct status_doc *d)
{
    int width = 5;

    for (size_t i = 0; i < d->models_n; i++)
        width = MAX(width, (int)MIN(strlen(d->models[i].model), (size_t)40));
    printf("\n%-*s %9s %7s %17s  SERVED BY (last ", width, "MODEL", "REQUESTS", "OK%",
           "TTFT p50/p95");
    print_duration(d->window_s);
    puts(")");
    for (size_t i = 0; i < d->models_n; i++) {
        const struct status_model *m = &d->models[i];
        char ok[16] = "-", p50[16], p95[16], first[40] = "-";

        if (m->requests > 0 && m->ok_ratio >= 0)
            snprintf(ok, sizeof(ok), "%.2f", 100 * m->ok_ratio);
        seconds_text(p50, sizeof(p50), m->first_p50_s);
        seconds_text(p95, sizeof(p95), m->first_p95_s);
        if (m->first_p95_s > 0)
            snprintf(first, sizeof(first), "%s / %s", p50, p95);
        printf("%-*s %9.0f %7s %17s", width, m->model, m->requests, ok, first);
        print_served_by(m);
        print_not_full(m);
        putchar('\n');
    }
}

static void print_targets(const struct status_doc *d)
{
    int width = 6;

    for (size_t i = 0; i < d->targets_n; i++)
        width = MAX(width, (int)MIN(strlen(d->targets[i].target), (size_t)60));
    if (d->targets_n)
        printf("\n%-*s  %-10s %6s %12s %17s %7s %11s  %s\n", width, "TARGET", "STATE", "LIVE",
               "SILENT AFTER", "TOKENS LEFT", "RETRIES", "LAST RESORT", "FOR");
    for (size_t i = 0; i < d->targets_n; i++) {
        const struct status_target *t = &d->targets[i];
        char left[32] = "", silent[32] = "-", tokens[48] = "-", retries[32] = "-";

        if (t->for_s > 0)
            snprintf(left, sizeof(left), "  %.0f s", t->for_s + 0.5);
        if (t->silent_after_s > 0)
            snprintf(silent, sizeof(silent), "%.0f s", t->silent_after_s);
        if (t->tokens_limit > 0)
            snprintf(tokens, sizeof(tokens), "%.0f/%.0f", t->tokens_left, t->tokens_limit);
        else if (t->tokens_left > 0)
            snprintf(tokens, sizeof(tokens), "%.0f", t->tokens_left);
        if (t->retries_left >= 0)
            snprintf(retries, sizeof(retries), "%.1f", t->retries_left);
        printf("%-*s  %-10s %6.0f %12s %17s %7s %11.0f%s\n", width, t->target, t->state, t->live,
               silent, tokens, retries, t->last_resorts, left);
    }
}

static void print_override(const struct status_override *o)
{
    printf("! %s: %s", o->target[0] ? o->target : o->model, o->what);
    if (strcmp(o->what, "weight") == 0)
        printf(" %.0f", o->weight);
    printf(" by hand until %.10s %.5sZ", o->until, strlen(o->until) >= 16 ? o->until + 11 : "");
    if (o->who[0])
        printf(", %s", o->who);
    printf("%s%s\n", o->why[0] ? ": " : "", o->why);
}

static void print_fate(const struct status_fate *f)
{
    if (f->open)
        printf(
            "! what shares the %s %s%s%s has failed together, and is left alone for %.0f s now\n",
            f->shares, f->name, f->of[0] ? " " : "", f->of, f->since_s);
}

static void print_warnings(const struct status_doc *d)
{
    if (!d->is_live)
        puts("! no worker has turned in the last 15 s");
    if (d->draining)
        puts("! the gateway is draining");
    else if (!d->is_ready)
        puts("! not ready: no worker serves the current configuration");
    if (d->reload_failed)
        puts("! the last reload failed; the configuration before it stays in use");
    if (strcmp(d->trial_state, "running") == 0 || strcmp(d->trial_state, "unproven") == 0)
        printf("! a new configuration is %s\n", d->trial);
    for (size_t i = 0; i < d->overrides_n; i++)
        print_override(&d->overrides[i]);
    for (size_t i = 0; i < d->fates_n; i++)
        print_fate(&d->fates[i]);
    for (size_t i = 0; i < d->workers_n; i++)
        if (strcmp(d->workers[i].state, "silent") == 0)
            printf("! worker %.0f has not turned for %.0f s\n", d->workers[i].slot,
                   d->workers[i].silent_s);
    for (size_t i = 0; i < d->creds_n; i++) {
        const struct status_cred *c = &d->creds[i];

        if (strcmp(c->state, "stale") == 0)
            printf("! credentials of %s cannot be renewed: %s\n", c->provider, c->why);
        else if (strcmp(c->state, "failed") == 0)
            printf("! credentials of %s: there are none: %s\n", c->provider, c->why);
    }
    for (size_t i = 0; i < d->extras_n; i++)
        if (2 * d->extras[i].usd >= d->extras[i].usd_max)
            printf("! failing over of %s has cost $%.6g within the hour, of $%.6g that it may\n",
                   d->extras[i].model, d->extras[i].usd, d->extras[i].usd_max);
    if (d->dropped_lines > 0 || d->dropped_records > 0)
        printf("! dropped: %.0f log lines, %.0f records\n", d->dropped_lines, d->dropped_records);
    if (d->dropped_series > 0)
        printf("! too many series: %.0f values are counted as 'other'\n", d->dropped_series);
}

static int print_status(struct span text, struct err *e)
{
    struct status_doc *d = mem_zalloc(1, sizeof(*d));
    int rc;

    if (!d)
        return err_set(e, ERR_NOMEM, "no memory");
    rc = status_read(d, text, e);
    if (rc == 0) {
        print_head(d);
        print_warnings(d);
        print_workers(d);
        print_engines(d);
        print_endpoints(d);
        print_pools(d);
        print_credentials(d);
        print_models(d);
        print_targets(d);
    }
    mem_free(d);
    return rc;
}

/* ---- the command ---- */

static int show_status(const struct options *o, uint16_t status, struct span body, struct err *e)
{
    if (status != 200)
        return err_set(e, ERR_PROTOCOL, "it answered %u", status);
    if (o->json)
        return ask_print(body);
    return print_status(body, e);
}

int cmd_status(int argc, char **argv)
{
    struct options o = {0};
    uint16_t status = 0;
    struct buf body;
    struct err e;
    int rc = read_options(argc, argv, &o);

    if (rc != 0) {
        fprintf(rc > 0 ? stdout : stderr, "usage: lamplighter %s %s", argv[0], usage);
        return rc > 0 ? EXIT_OK : EXIT_USAGE;
    }
    buf_init(&body, ADMIN_BYTES_MAX);
    rc = admin_call(&body, &status, o.admin, "GET", "/api/v1/status", span_of(NULL, 0),
                    STATUS_MS / hurry_factor(), &e);
    if (rc == 0)
        rc = show_status(&o, status, buf_span(&body), &e);
    if (rc < 0)
        rc = ask_failed(argv[0], o.admin, &e);
    buf_fini(&body);
    return fflush(stdout) == 0 ? rc : EXIT_FAILED;
}
