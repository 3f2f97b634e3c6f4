/* Goal: of what a plan says and what comes to nothing, or can serve nobody, `check` tells.
 * Method: tables of text and the whole report; bounds of each number, and past them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/mem.h"
#include "conf/dump.h"
#include "settings/settings.h"

#define P                                                                                          \
    "version: 1\nproviders:\n  a: {type: vllm, endpoints: \"http://h:1\", region: here}\n"         \
    "  p: {type: perplexity, key: env:KEY}\n"
#define M(more) P "models: {m: {targets: [{target: a/m, " more "}]}}\n"
#define PRICES                                                                                     \
    SPAN_LIT("version: 1\nprices:\n  vllm/*: {input: 1, source: s, date: 2026-01-01}\n"            \
             "  perplexity/*: {input: 1, source: s, date: 2026-01-01}\n")

static const struct {
    const char *text, *want;
} rows[] = {
    {M("tier: 1, tags: [x, y], when: {tokens_over: 0, tokens_under: 1G}"), ""},
    {M("tier: 32"), ""},
    {M("tier: 0"), "E015 5:44+1 models.m.targets.tier: '0' is too small; the least is 1"},
    {M("tier: 33"), "E015 5:44+2 models.m.targets.tier: '33' is too large; the most is 32"},
    {M("weight: 1001"),
     "E015 5:46+4 models.m.targets.weight: '1001' is too large; the most is 1000"},
    {M("weight: 1000"),
     "W010 5:46+4 models.m has weights that have no effect | write strategy: weighted, or leave "
     "them out"},
    {P "models: {m: {strategy: weighted, targets: [{target: a/m, weight: 0}]}}\n", ""},
    {M("when: {tokens_over: 5, tokens_under: 6}"),
     "W010 5:38+4 models.m target 'a/m' is never asked: no request has both so many tokens and so "
     "few"},
    {M("when: {tokens_over: 5, tokens_under: 7}"), ""},
    {M("when: {tokens_under: 0}"),
     "E015 5:59+1 models.m.targets.when.tokens_under: '0' is too small; the least is 1"},
    {M("when: {keys: k}"), "W010 5:51+1 models.m target 'a/m': there is no key 'k'"},
    {M("when: {stream: yes}"),
     "E016 5:53+3 models.m.targets.when.stream cannot be 'yes' | allowed: false, true"},
    {M("when: later"),
     "E010 5:44+5 models.m.targets.when must be a map of keys, this is a single value"},
    {P "models: {m: {targets: a/m, prefer: same-region}}\n",
     "W010 5:36+11 models.m.prefer same-region has no effect | say where the gateway is: "
     "server.region"},
    {P "server: {region: here}\nmodels: {m: {targets: a/m, prefer: same-region}}\n", ""},
    {P "models: {m: {targets: a/m, prefer: near}}\n",
     "E016 5:36+4 models.m.prefer cannot be 'near' | allowed: family, same-region, nobody"},
    {P "models: {m: {targets: [a/m, p/sonar], require: [json_schema, tools]}}\n",
     "W010 5:29+7 models.m target 'p/sonar' is never asked: type perplexity lacks tools, which "
     "the model requires"},
    {P "models: {m: {targets: a/m, require: [wings]}}\n",
     "E016 5:38+5 models.m.require cannot be 'wings' | allowed: tools, images, json_schema, "
     "streams, prefill"},
};

static void what_comes_to_nothing_is_told(void **state)
{
    static const char *const vars[] = {"KEY=k", NULL};
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct env *env = NULL;
    struct buf out;
    struct err e;
    int wrong = 0;

    buf_init(&out, 1U << 20);
    assert_int_equal(env_new_table(&env, vars, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int rc;

        conf_report_init(r);
        rc = settings_load_with(&s, span_str(rows[i].text), SPAN_LIT("f"), PRICES, env, r, &e);
        assert_int_equal(rc, r->errors ? -1 : 0);
        dump_report(r, &out);
        wrong += dump_differs(i, out.p, rows[i].want);
        settings_unref(&s);
        conf_report_fini(r);
    }
    assert_int_equal(wrong, 0);
    env_free(&env);
    mem_free(r);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_to_nothing_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
