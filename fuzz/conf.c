/*
 * conf.c - any bytes as a configuration.
 *
 * Must hold: a load either gives a snapshot and no error, or at least one error and no snapshot;
 * the report can be printed both ways and holds no byte that steers a terminal; the values of
 * what was accepted, written out, are accepted again and written out the same.
 */
#include "base/env.h"
#include "base/mem.h"
#include "settings/docs.h"
#include "settings/settings.h"

#define OUT_MAX (16U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const vars[] = {
    "OPENAI_API_KEY=sk-1", "A=a", "EMPTY=", "BAD=a\nb", "HTTPS_PROXY=http://u:p@proxy:1", NULL,
};

static void check_report(struct conf_report *r)
{
    struct buf out;

    buf_init(&out, OUT_MAX);
    conf_report_text(r, &out, false);
    MUST(buf_ok(&out));
    for (size_t i = 0; i < out.n; i++)
        MUST((unsigned char)out.p[i] >= ' ' || out.p[i] == '\n');
    buf_reset(&out);
    conf_report_json(r, &out);
    MUST(buf_ok(&out) && out.n > 0);
    buf_fini(&out);
}

/* Only what the keys say: the file has been accepted. */
static void check_values(struct span text, struct conf_report *r)
{
    struct buf once, twice;
    struct err e;

    buf_init(&once, OUT_MAX);
    buf_init(&twice, OUT_MAX);
    MUST(settings_write_values(&once, text, SPAN_LIT("f"), r, &e) == 0 && buf_ok(&once));
    if (once.n <= 1000000) { /* longer ones are refused for their length */
        MUST(settings_write_values(&twice, buf_span(&once), SPAN_LIT("f"), r, &e) == 0);
        /* The first has marks behind defaults, which the second takes for written values. */
        MUST(buf_ok(&twice) && twice.n <= once.n);
    }
    buf_fini(&once);
    buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span text = span_of((const char *)data, len);
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct settings_plan plan;
    struct env *env = NULL;
    struct err e;
    int rc;

    MUST(r && env_new_table(&env, vars, &e) == 0);
    conf_report_init(r);
    /* Reading the prices that are built in would take longer than all else together. */
    rc = settings_load_with(&s, text, SPAN_LIT("f"), SPAN_LIT("version: 1\n"), env, r, &e);
    MUST((rc == 0) == (s != NULL) && (rc == 0) == (r->errors == 0));
    check_report(r);
    if (s) {
        for (size_t i = 0; i < s->models_n; i++)
            MUST(settings_resolve(&plan, s, s->models[i].name) == 0 && plan.model);
        for (size_t i = 0; i < s->providers_n; i++)
            MUST(s->providers[i].urls_n > 0 && s->providers[i].type);
        rc = settings_resolve(&plan, s, span_of(text.p, MIN(len, (size_t)100)));
        MUST(rc < 0 || plan.model || plan.one.provider);
        check_values(text, r);
    }
    settings_unref(&s);
    conf_report_fini(r);
    mem_free(r);
    env_free(&env);
    return 0;
}
