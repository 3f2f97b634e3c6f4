/*
 * config.c - `lamplighter config`: write a first configuration, show one with its defaults, and
 * print what editors and readers want to know about the format.
 *
 * What is asked for goes to standard output, talk to standard error.
 */
#include "cmd/config.h"

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "conf/yaml.h"
#include "dialect/convert_docs.h"
#include "provider/docs.h"
#include "settings/docs.h"
#include "settings/settings.h"

#define OUT_BYTES_MAX ((size_t)8 * 1024 * 1024)

struct work {
    const char *file; /* -c, or NULL */
    struct env *env;
    struct conf_report *report;
    struct buf out;
};

static int init(struct work *w);
static int schema(struct work *w);
static int reference(struct work *w);
static int providers(struct work *w);
static int dialects(struct work *w);
static int prices(struct work *w);
static int show(struct work *w);

static const struct {
    const char *name, *help;
    int (*run)(struct work *w);
} commands[] = {
    {"init", "write a first configuration (to FILE with -c, which must not exist yet)", init},
    {"show", "print a configuration with every default; secrets stay references", show},
    {"schema", "print the JSON Schema of the format", schema},
    {"reference", "print the reference page of the format (Markdown)", reference},
    {"providers", "print what is known of each type of provider (Markdown)", providers},
    {"dialects", "print what can be said between dialects (Markdown)", dialects},
    {"prices", "print the price file that is built in, to begin one of your own with", prices},
};

static void usage(FILE *to)
{
    fputs("usage: lamplighter config COMMAND [-c FILE]\n\n", to);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
}

/* Print what the report has, if anything, to standard error. */
static void tell(struct work *w)
{
    struct buf text;

    buf_init(&text, OUT_BYTES_MAX);
    conf_report_text(w->report, &text,
                     isatty(STDERR_FILENO) && env_get(w->env, SPAN_LIT("NO_COLOR")).n == 0);
    if (buf_ok(&text) && text.n > 0 && fwrite(text.p, 1, text.n, stderr) != text.n)
        w->report->nomem = true;
    buf_fini(&text);
}

static int init(struct work *w)
{
    struct err e;

    conf_report_source(w->report, SPAN_LIT("environment"), (struct span){NULL, 0});
    settings_write_init(&w->out, w->env, w->report);
    tell(w);
    if (!w->file)
        return EXIT_OK;
    if (buf_finish(&w->out, "configuration", &e) < 0 ||
        file_create(w->file, buf_span(&w->out), &e) < 0) {
        fprintf(stderr, "lamplighter config init: %s\n", e.text);
        return EXIT_FAILED;
    }
    buf_reset(&w->out);
    fprintf(stderr, "wrote %s\n", w->file);
    return EXIT_OK;
}

static int schema(struct work *w)
{
    settings_write_schema(&w->out);
    return EXIT_OK;
}

static int reference(struct work *w)
{
    settings_write_reference(&w->out);
    return EXIT_OK;
}

static int providers(struct work *w)
{
    provider_write_docs(&w->out);
    return EXIT_OK;
}

static int dialects(struct work *w)
{
    convert_docs(&w->out);
    return EXIT_OK;
}

static int prices(struct work *w)
{
    buf_add_span(&w->out, settings_built_in_prices());
    return EXIT_OK;
}

static int show(struct work *w)
{
    struct span path = config_path(w->file, w->env);
    struct buf text;
    struct err e;
    int rc = EXIT_OK;

    buf_init(&text, YAML_BYTES_MAX);
    if (!span_has(path)) {
        path = SPAN_LIT("environment");
        settings_auto_text(&text, w->env, w->report);
        if (buf_finish(&text, "environment", &e) < 0)
            rc = EXIT_FAILED;
    } else if (file_read(&text, path.p, &e) < 0) {
        rc = EXIT_CONFIG;
    }
    if (rc == EXIT_OK && settings_write_values(&w->out, buf_span(&text), path, w->report, &e) < 0)
        rc = e.code == ERR_CONFIG ? EXIT_CONFIG : EXIT_FAILED;
    tell(w);
    if (rc != EXIT_OK && w->report->errors == 0)
        fprintf(stderr, "lamplighter config show: %s\n", e.text);
    buf_fini(&text);
    return rc;
}

static int run(struct work *w, int (*command)(struct work *w))
{
    struct err e;
    int rc = command(w);

    if (rc != EXIT_OK)
        return rc;
    if (buf_finish(&w->out, "output", &e) < 0) {
        fprintf(stderr, "lamplighter config: %s\n", e.text);
        return EXIT_FAILED;
    }
    if (w->out.n > 0 && fwrite(w->out.p, 1, w->out.n, stdout) != w->out.n)
        return EXIT_FAILED;
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

int cmd_config(int argc, char **argv)
{
    int (*command)(struct work *w) = NULL;
    struct work w = {.file = NULL};
    struct err e;
    int rc = EXIT_FAILED;

    for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            command = commands[i].run;
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return EXIT_OK;
    }
    if (argc == 4 && strcmp(argv[2], "-c") == 0)
        w.file = argv[3];
    if (!command || (argc != 2 && !w.file)) {
        usage(stderr);
        return EXIT_USAGE;
    }
    buf_init(&w.out, OUT_BYTES_MAX);
    w.report = mem_zalloc(1, sizeof(*w.report));
    if (!w.report || env_take(&w.env, &environ, &e) < 0) {
        fputs("lamplighter config: no memory\n", stderr);
        goto out;
    }
    conf_report_init(w.report);
    rc = run(&w, command);
    conf_report_fini(w.report);
out:
    mem_free(w.report);
    env_free(&w.env);
    buf_fini(&w.out);
    return rc;
}
