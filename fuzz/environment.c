/*
 * environment.c - any block of variables as the whole configuration.
 *
 * Variables end at zero bytes; in a value the byte 1 stands for a secret that is planted. Must
 * hold: what was put in is what is read; the text that is made of it is always the same, and loads
 * or is refused in words; a proxy that is taken has a host that can be dialled; and nothing that
 * people see says the secret of a key or of a proxy.
 */
#include "base/env.h"
#include "base/mem.h"
#include "net/resolve.h"
#include "settings/build.h"
#include "settings/docs.h"

#define OUT_MAX  ((size_t)16 << 20)
#define LEN_MAX  8192
#define VARS_MAX 64
#define PLANT    "K9fQzX7wPlanted"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct block {
    struct buf text;
    const char *vars[VARS_MAX + 1];
    size_t n;
    bool plants_elsewhere; /* in a variable that holds no secret */
};

static bool holds_secret(struct span name)
{
    return span_ends(name, SPAN_LIT("_KEY")) || span_eq_nocase(name, SPAN_LIT("https_proxy")) ||
           span_eq_nocase(name, SPAN_LIT("http_proxy"));
}

static void read_block(struct block *b, struct span input)
{
    size_t at[VARS_MAX];

    buf_init(&b->text, OUT_MAX);
    b->plants_elsewhere = span_contains(input, SPAN_LIT(PLANT));
    while (span_has(input) && b->n < VARS_MAX) {
        struct span var = span_cut(&input, '\0'), rest = var, name = span_cut(&rest, '=');

        at[b->n++] = b->text.n;
        for (size_t i = 0; i < var.n; i++) {
            if (var.p[i] == 1)
                buf_add_str(&b->text, PLANT);
            else
                buf_add_char(&b->text, var.p[i]);
        }
        if (span_find(var, 1) != SIZE_MAX &&
            (span_find(name, 1) != SIZE_MAX || !holds_secret(name)))
            b->plants_elsewhere = true;
        buf_add_char(&b->text, '\0');
    }
    MUST(buf_ok(&b->text));
    for (size_t i = 0; i < b->n; i++)
        b->vars[i] = b->text.p + at[i];
}

/* Of two of the same name either may count, but always the same. */
static void check_env(const struct block *b, const struct env *env)
{
    for (size_t i = 0; i < b->n; i++) {
        struct span value = span_str(b->vars[i]), name = span_cut(&value, '='), got;
        bool found = false;

        if (!span_has(value) || name.n == 0)
            continue;
        got = env_get(env, name);
        for (size_t k = 0; k < b->n; k++) {
            struct span v = span_str(b->vars[k]), n = span_cut(&v, '=');

            found = found || (span_has(v) && span_eq(n, name) && span_eq(v, got));
        }
        MUST(span_has(got) && found && got.p[got.n] == '\0');
    }
}

static void check_silent(const struct block *b, struct span text)
{
    MUST(b->plants_elsewhere || !span_contains(text, SPAN_LIT(PLANT)));
}

static void check_report(const struct block *b, struct conf_report *r)
{
    struct buf out;

    buf_init(&out, OUT_MAX);
    conf_report_text(r, &out, false);
    MUST(buf_ok(&out));
    check_silent(b, buf_span(&out));
    for (size_t i = 0; i < out.n; i++)
        MUST((unsigned char)out.p[i] >= ' ' || out.p[i] == '\n');
    buf_reset(&out);
    conf_report_json(r, &out);
    MUST(buf_ok(&out));
    check_silent(b, buf_span(&out));
    buf_fini(&out);
}

static void check_settings(const struct settings *s)
{
    for (size_t i = 0; i < s->providers_n; i++) {
        const struct settings_proxy *p = &s->providers[i].proxy;

        MUST(s->providers[i].urls_n > 0 && s->providers[i].type);
        if (p->set)
            MUST(resolve_host_ok(p->url.host) && p->url.port > 0);
    }
}

static void load(const struct block *b, const struct env *env, struct conf_report *r)
{
    struct settings *s = NULL;
    struct buf text, again;
    struct err e;
    int rc;

    buf_init(&text, OUT_MAX);
    buf_init(&again, OUT_MAX);
    settings_auto_text(&text, env, r);
    settings_auto_text(&again, env, r);
    MUST(buf_ok(&text) && span_eq(buf_span(&text), buf_span(&again)));
    check_silent(b, buf_span(&text));
    rc = settings_load_with(&s, buf_span(&text), SPAN_LIT("environment"), SPAN_LIT("version: 1\n"),
                            env, r, &e);
    MUST((rc == 0) == (s != NULL) && (rc == 0) == (r->errors == 0));
    if (s)
        check_settings(s);
    settings_unref(&s);
    check_report(b, r);
    buf_reset(&again);
    settings_write_init(&again, env, r);
    MUST(buf_ok(&again));
    check_silent(b, buf_span(&again));
    buf_fini(&text);
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct block *b = mem_zalloc(1, sizeof(*b));
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct env *env = NULL;
    struct err e;

    MUST(b && r);
    if (len > 0 && len <= LEN_MAX) {
        read_block(b, span_of((const char *)data, len));
        conf_report_init(r);
        MUST(env_new_table(&env, b->vars, &e) == 0);
        check_env(b, env);
        load(b, env, r);
        conf_report_fini(r);
        env_free(&env);
        buf_fini(&b->text);
    }
    mem_free(r);
    mem_free(b);
    return 0;
}
