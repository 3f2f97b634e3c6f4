/*
 * check.c - `lamplighter check`: is this configuration right? All that is wrong, at once.
 *
 * The report goes to standard error, or as JSON lines to standard output. The exit status is the
 * contract: 0 fine, 3 not (with --strict also for warnings), 2 wrong usage, 1 nothing to check.
 */
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cmd/config.h"
#include "settings/settings.h"
#include "conf/yaml.h"

#define REPORT_BYTES_MAX ((size_t)4 * 1024 * 1024)

struct options {
    const char *file;
    bool strict, json, plain;
};

static const char usage[] =
    "usage: lamplighter check [-c FILE] [--strict] [--json] [--no-color]\n"
    "\n"
    "  -c FILE      the configuration; - is standard input. Else $LAMPLIGHTER_CONFIG,\n"
    "               ./lamplighter.yaml, /etc/lamplighter/lamplighter.yaml\n"
    "  --strict     warnings are errors\n"
    "  --json       report as one JSON object a line, on standard output\n"
    "  --no-color   no colours (also by NO_COLOR, or when it is not a terminal)\n"
    "\n"
    "exit status: 0 right, 3 wrong, 1 cannot be checked, 2 wrong usage\n";

/* -1: wrong usage; 1: help was asked for. */
static int read_options(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
            o->file = argv[++i];
        } else if (strcmp(argv[i], "--strict") == 0) {
            o->strict = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else if (strcmp(argv[i], "--no-color") == 0) {
            o->plain = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return 1;
        } else {
            fprintf(stderr, "lamplighter check: unknown or incomplete option '%s'\n", argv[i]);
            return -1;
        }
    }
    return 0;
}

/* Everything behind the options. */
static int check(const struct options *o, const struct env *env, struct conf_report *report,
                 struct buf *text, struct buf *out, struct settings **ret)
{
    struct span path = config_path(o->file, env);
    struct err e;

    if (!span_has(path)) {
        fputs("lamplighter check: no configuration here; 'lamplighter config init' writes one, "
              "-c names one\n",
              stderr);
        return EXIT_FAILED;
    }
    conf_report_source(report, path, (struct span){NULL, 0});
    if (file_read(text, path.p, &e) < 0) {
        conf_report_add(report, CONF_ERROR, "E001", (struct conf_place){0, 0, 0}, "%s", e.text);
    } else if (settings_load(ret, buf_span(text), path, env, report, &e) < 0 &&
               e.code != ERR_CONFIG) {
        fprintf(stderr, "lamplighter check: %s\n", e.text);
        return EXIT_FAILED;
    }
    if (o->json)
        conf_report_json(report, out);
    else
        conf_report_text(report, out,
                         !o->plain && isatty(STDERR_FILENO) &&
                             env_get(env, SPAN_LIT("NO_COLOR")).n == 0);
    if (buf_finish(out, "report", &e) < 0) {
        fprintf(stderr, "lamplighter check: %s\n", e.text);
        return EXIT_FAILED;
    }
    if (fwrite(out->p, 1, out->n, o->json ? stdout : stderr) != out->n || fflush(stdout) != 0)
        return EXIT_FAILED;
    if (report->errors > 0 || (o->strict && report->warnings > 0))
        return EXIT_CONFIG;
    if (!o->json && *ret)
        printf("%.*s is right: %zu providers, %zu models, %zu keys (%08x)\n", SPAN_FMT(path),
               (*ret)->providers_n, (*ret)->models_n, (*ret)->keys_n, (unsigned)((*ret)->id >> 32));
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

int cmd_check(int argc, char **argv)
{
    struct options o = {.file = NULL};
    struct conf_report *report = NULL;
    struct settings *settings = NULL;
    struct env *env = NULL;
    struct buf text, out;
    struct err e;
    int rc;

    buf_init(&text, YAML_BYTES_MAX);
    buf_init(&out, REPORT_BYTES_MAX);
    rc = read_options(argc, argv, &o);
    if (rc != 0) {
        fputs(usage, rc < 0 ? stderr : stdout);
        return rc < 0 ? EXIT_USAGE : EXIT_OK;
    }
    rc = EXIT_FAILED;
    report = mem_zalloc(1, sizeof(*report));
    if (!report || env_take(&env, &environ, &e) < 0) {
        fputs("lamplighter check: no memory\n", stderr);
        goto out;
    }
    conf_report_init(report);
    rc = check(&o, env, report, &text, &out, &settings);
    conf_report_fini(report);
out:
    settings_unref(&settings);
    mem_free(report);
    env_free(&env);
    buf_fini(&text);
    buf_fini(&out);
    return rc;
}
