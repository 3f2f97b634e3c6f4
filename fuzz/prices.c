/*
 * fuzz/prices.c - arbitrary bytes as a price file: refused with a reason, or prices that can be
 * looked up and computed with.
 */
#include "base/env.h"
#include "base/mem.h"
#include "conf/report.h"
#include "settings/settings.h"

#define CONFIG                                                                                     \
    "version: 1\nproviders: {openai: {type: openai, key: env:K}}\nmodels: {m: {targets: "          \
    "openai/m}}\n"

static const char *const vars[] = {"K=k", NULL};

static void check_rows(const struct settings *s, const struct dialect_usage *u)
{
    uint64_t cost;

    for (size_t i = 0; i < s->prices_n; i++) {
        const struct settings_price *row = &s->prices[i];
        enum pricing p = price_cost(&cost, &row->price, u);

        MUST(p == PRICING_KNOWN || p == PRICING_NO_RATE || p == PRICING_TOO_LARGE);
        for (size_t k = 1; k < row->price.tiers_n; k++)
            MUST(row->price.tiers[k - 1].above < row->price.tiers[k].above);
        if (i < s->prices_named && span_is(row->provider, "openai"))
            MUST(settings_price(s, &s->providers[0], row->model) == &row->price);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct dialect_usage u = {.input = len, .cache_read = len / 2, .output = len, .seen = true};
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct env *env = NULL;
    struct err e;
    int rc;

    MUST(r && env_new_table(&env, vars, &e) == 0);
    conf_report_init(r);
    rc = settings_load_with(&s, SPAN_LIT(CONFIG), SPAN_LIT("f"), span_of((const char *)data, len),
                            env, r, &e);
    MUST((rc == 0) == (s != NULL) && (rc == 0) == (r->errors == 0));
    if (s)
        check_rows(s, &u);
    settings_unref(&s);
    conf_report_fini(r);
    mem_free(r);
    env_free(&env);
    return 0;
}
