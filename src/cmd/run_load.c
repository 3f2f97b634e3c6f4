/*
 * run_load.c - where the configuration of `run` comes from: a file, or the environment and the
 * engine of the command line; and how a child gets it from the master's memory file.
 */
#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cmd/config.h"
#include "cmd/run.h"
#include "conf/report.h"

/* The engine of --engine, as a provider of the configuration that the environment makes. */
static void add_engine(const struct run *run, struct buf *out)
{
    if (!span_contains(buf_span(out), SPAN_LIT("providers:")))
        buf_add_str(out, "providers:\n");
    buf_printf(out,
               "  local:\n"
               "    type: llama.cpp\n"
               "    endpoints: ['http://127.0.0.1:%u']\n"
               "    engine:\n"
               "      command: ['%s', '--model', '%s', '--alias',\n"
               "                'smollm2-135m-instruct', '--host', '127.0.0.1', '--port', '%u']\n"
               "      ready: /health\n"
               "models:\n"
               "  smollm2-135m-instruct: {targets: [local/smollm2-135m-instruct]}\n",
               run->engine_port, run->engine, run->model, run->engine_port);
}

static int read_text(const struct run *run, struct buf *out, struct conf_report *report,
                     struct err *e)
{
    if (run->file)
        return file_read(out, run->file, e);
    settings_auto_text(out, run->env, report);
    if (run->engine)
        add_engine(run, out);
    return buf_finish(out, "configuration", e);
}

static struct span source_name(const struct run *run)
{
    return span_str(run->file ? run->file : "environment");
}

int run_settings(struct settings **ret, const struct run *run, int config_fd, struct err *e)
{
    struct conf_report *report = mem_alloc(sizeof(*report));
    struct span config, prices;
    struct buf text;
    char *to;
    ssize_t n;
    int rc = -1;

    buf_init(&text, RUN_LOADED_MAX);
    to = buf_reserve(&text, RUN_LOADED_MAX);
    if (!to || !report) {
        err_set(e, ERR_NOMEM, "no memory for the configuration");
        goto out;
    }
    n = pread(config_fd, to, RUN_LOADED_MAX, 0);
    if (n < 0) {
        err_set(e, ERR_SYS, "configuration: %s", strerror(errno));
        goto out;
    }
    buf_commit(&text, (size_t)n);
    prices = buf_span(&text);
    config = span_cut(&prices, '\0');
    conf_report_init(report);
    rc = settings_load_with(ret, config, source_name(run), prices, run->env, report, e);
    conf_report_fini(report);
out:
    mem_free(report);
    buf_fini(&text);
    return rc;
}

static int add_prices(struct buf *text, struct span prices, struct err *e)
{
    if (!span_has(prices))
        return 0;
    buf_add_char(text, '\0');
    buf_add_span(text, prices);
    return buf_finish(text, "configuration", e);
}

int run_load(const struct run *run, const struct settings *in_use, struct settings **ret,
             struct buf *text, struct buf *printed)
{
    struct conf_report *report = mem_alloc(sizeof(*report));
    struct err e;
    int status = 1, rc;
    size_t config;

    if (!report)
        return 1;
    conf_report_init(report);
    if (read_text(run, text, report, &e) < 0) {
        buf_printf(printed, "lamplighter: %s\n", e.text);
        goto out;
    }
    rc = settings_load(ret, buf_span(text), source_name(run), run->env, report, &e);
    config = text->n;
    if (rc == 0)
        rc = add_prices(text, (*ret)->prices_text, &e);
    conf_report_source(report, source_name(run), span_of(text->p, config)); /* it may have moved */
    if (rc == 0 && run->first)
        settings_compare_start(run->first, *ret, report);
    if (rc == 0 && in_use)
        settings_compare_trial(in_use, *ret, report);
    if (rc == 0 && !env_locked(run->env))
        conf_report_add(report, CONF_WARNING, "W007", (struct conf_place){0, 0, 0},
                        "keys are not kept out of swap: the limit of locked memory is too low here "
                        "(ulimit -l, LimitMEMLOCK=)");
    conf_report_text(report, printed, false);
    if (rc < 0 && report->errors == 0)
        buf_printf(printed, "lamplighter: %s\n", e.text);
    status = rc == 0 ? 0 : EXIT_CONFIG;
out:
    conf_report_fini(report);
    mem_free(report);
    return status;
}
