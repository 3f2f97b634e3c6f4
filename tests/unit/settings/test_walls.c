/* Goal: what a file says of targets and of classes of data becomes the bits that walls are made of;
 * targets are read in both their forms; of a class that nobody may have `check` tells.
 * Method: tables of text and the whole report; a file against its values; bounds, and past them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/mem.h"
#include "conf/dump.h"
#include "settings/settings.h"

#define V              "version: 1\nprices: {unknown: warn}\n"
#define HASH           "sha256:0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789abcdef"
#define UP(name, more) "  " name ": {type: vllm, endpoints: \"http://h:1\"" more "}\n"
#define PRICES         SPAN_LIT("version: 1\nprices:\n  vllm/*: {input: 1, source: s, date: 2026-01-01}\n")

static struct settings *load(const char *text, struct conf_report *r, struct buf *out)
{
    static const char *const none[] = {NULL};
    struct settings *s = NULL;
    struct env *env = NULL;
    struct err e;

    assert_int_equal(env_new_table(&env, none, &e), 0);
    conf_report_init(r);
    UNUSED(settings_load_with(&s, span_str(text), SPAN_LIT("f"), PRICES, env, r, &e) < 0);
    dump_report(r, out);
    conf_report_fini(r);
    env_free(&env);
    return s;
}

static const struct {
    const char *text, *want;
} rows[] = {
    /* targets */
    {V "providers:\n" UP("a", "") "models: {m: {targets: {target: a/m}}}\n", ""},
    {V "providers:\n" UP("a", "") "models: {m: {targets: [a/m, {target: a/m}]}}\n",
     "W011 5:24+3 models.m: all targets are of the provider 'a', and fail together | add a target "
     "of another provider\n"
     "E032 5:38+3 models.m has the target 'a/m' twice"},
    {V "providers:\n" UP("a", "") "models: {m: {targets: [{jurisdiction: eu}]}}\n",
     "E013 5:24+1 models.m.targets: 'target' is missing | write, for example, target: "
     "openai/gpt-5"},
    {V "providers:\n" UP("a", "") "models: {m: {targets: [[a/m]]}}\n",
     "E010 5:24+1 models.m.targets must be a target provider/model such as openai/gpt-5, this is a "
     "list"},
    {V "providers:\n" UP("a", "") "models: {m: {targets: ~}}\n",
     "E014 5:14+7 models.m.targets has no value; write one or leave the key out"},
    {V "providers:\n" UP("a", "") "models: {m: {targets: [a]}}\n",
     "E011 5:24+1 models.m.targets: 'a' is not a target provider/model such as openai/gpt-5"},
    {V "providers:\n" UP("a", "") "models: {m: {targets: [{target: a/m, jurisdictoin: eu}]}}\n",
     "E012 5:38+12 unknown key 'jurisdictoin' in models.m.targets | did you mean 'jurisdiction'?"},
    {V "providers:\n" UP("a", "") "models: {m: {targets: []}}\n",
     "E014 5:23+1 models.m has no targets"},
    /* classes */
    {V "providers:\n" UP("a", "") "data_classes: {x: {}}\n",
     "W010 5:16+1 data_classes.x demands nothing, so every target may have it | say what it "
     "demands: jurisdiction, retention, training, contract"},
    {V "providers:\n" UP("a", ", training: no") "data_classes: {x: {training: no}}\n", ""},
    {V "providers:\n" UP("a", ", training: maybe") "data_classes: {x: {retention: long}}\n",
     "E016 4:54+5 providers.a.training cannot be 'maybe' | allowed: no, yes\n"
     "E011 5:31+4 data_classes.x.retention: 'long' is not none, or a duration such as 30d"},
    {V "providers:\n" UP("a", "") "models: {m: {targets: a/m, data_class: y}}\n"
                                  "keys: {k: {hash: " HASH ", data_class: [x, y]}}\n"
                                  "data_classes: {x: {training: yes, contract: c}}\n",
     "E046 5:40+1 models.m.data_class: no data class named 'y' | data_classes: x\n"
     "E046 6:107+1 keys.k.data_class: no data class named 'y' | data_classes: x"},
    /* nobody is left */
    {V "providers:\n" UP("a", "") "data_classes: {x: {training: no}}\n",
     "W014 5:16+1 data_classes.x: no target is known to meet what it demands"},
    {V "providers:\n" UP("a", "")
         UP("b", ", training: no") "data_classes: {x: {training: no}}\nmodels: {m: {targets: a/m, "
                                   "data_class: x}}\n",
     "W014 7:10+1 models.m: no target is known to meet what the model demands (data_class), so "
     "every request is refused | say of its providers what is known of them: jurisdiction, "
     "retention, training, contract, safety"},
    {V "providers:\n" UP("a", ", safety: none")
         UP("b", ", safety: provider") "models: {m: {targets: a/m, safety: required}, n: {targets: "
                                       "b/m, safety: required}}\n",
     "W014 6:10+1 models.m: no target is known to meet what the model demands (safety), so "
     "every request is refused | say of its providers what is known of them: jurisdiction, "
     "retention, training, contract, safety"},
    {V "providers:\n" UP("a", ", training: no") UP(
         "b",
         ", contract: c") "data_classes: {x: {training: no}, y: {contract: c}}\n"
                          "models: {m: {targets: [a/m, b/m], data_class: x}, n: {targets: b/m}}\n"
                          "keys:\n"
                          "  k: {hash: " HASH ", data_class: y}\n",
     "W011 7:24+3 models.m: all targets are at the host 'h', and fail together | add a target "
     "elsewhere\n"
     "W014 9:98+1 keys.k: no target of models.m is known to meet what the key demands"},
    {V "providers:\n" UP("a", ", training: no") UP(
         "b", ", contract: c") "data_classes: {x: {training: no}, y: {contract: c}}\n"
                               "models: {m: {targets: a/m}, n: {targets: a/n}, o: {targets: a/o}}\n"
                               "keys:\n"
                               "  k: {hash: " HASH ", data_class: y, models: [m, o]}\n",
     "W014 9:98+1 keys.k: no target of models.m, nor of 1 more, is known to meet what the key "
     "demands"},
};

static void what_is_wrong_is_told(void **state)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct buf out;
    int wrong = 0;

    UNUSED(state);
    buf_init(&out, 1U << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct settings *s = load(rows[i].text, r, &out);

        wrong += dump_differs(i, out.p, rows[i].want);
        settings_unref(&s);
    }
    assert_int_equal(wrong, 0);
    mem_free(r);
    buf_fini(&out);
}

/* Classes are x (no training), y (contracts c and d), z (kept for at most 30 days, in eu or uk). */
static void what_is_said_becomes_bits(void **state)
{
    static const char text[] = V "providers:\n" UP("none", "") UP("x", ", training: no")
        UP("all", ", training: no, contract: [d, c], retention: 30d, jurisdiction: [eu, uk]")
            UP("past", ", training: yes, contract: [d], retention: 721h, jurisdiction: [eu, "
                       "us]") "models:\n"
                              "  m:\n"
                              "    targets:\n"
                              "      - none/m\n"
                              "      - {target: none/n, training: no}\n"
                              "      - {target: all/m}\n"
                              "      - {target: all/n, contract: c}\n"
                              "      - {target: all/o, training: yes, retention: none}\n"
                              "      - {target: past/m, contract: [c, d], jurisdiction: uk}\n"
                              "    degraded: {target: past/n, retention: 720h, jurisdiction: "
                              "eu, safety: provider}\n"
                              "    data_class: [z, x]\n"
                              "keys: {k: {hash: " HASH ", data_class: y}}\n"
                              "data_classes:\n"
                              "  x: {training: no}\n"
                              "  y: {contract: [c, d]}\n"
                              "  z: {retention: 30d, jurisdiction: [eu, uk]}\n";
    static const uint32_t meets[] = {0, 1, 7, 5, 6, 2, 4}, of_providers[] = {0, 1, 7, 0};
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings_plan plan;
    struct settings *s;
    struct buf out;

    UNUSED(state);
    buf_init(&out, 1U << 20);
    s = load(text, r, &out);
    if (!s)
        fail_msg("%s", out.p);
    for (size_t i = 0; i < ARRAY_LEN(of_providers); i++)
        assert_int_equal(s->providers[i].meets, of_providers[i]);
    assert_int_equal(s->models[0].targets_n, ARRAY_LEN(meets));
    for (size_t i = 0; i < ARRAY_LEN(meets); i++)
        assert_int_equal(s->models[0].targets[i].meets, meets[i]);
    assert_int_equal(s->models[0].classes, 5);
    assert_int_equal(s->keys[0].classes, 2);
    assert_false(s->models[0].filtered);
    assert_int_equal(s->models[0].targets[6].facts.filtered, ROUTE_YES);
    assert_true(s->models[0].targets[6].degraded);
    /* a name that is no model's has what its provider has */
    assert_int_equal(settings_resolve(&plan, s, SPAN_LIT("all/whatever")), 0);
    assert_int_equal(plan.one.meets, 7);
    settings_unref(&s);
    mem_free(r);
    buf_fini(&out);
}

/* The most classes, and one more. */
static void classes_have_a_bound(void **state)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct buf text, out;

    UNUSED(state);
    buf_init(&text, 1U << 20);
    buf_init(&out, 1U << 20);
    for (int n = ROUTE_CLASSES_MAX; n <= ROUTE_CLASSES_MAX + 1; n++) {
        struct settings *s;

        buf_reset(&text);
        buf_add_str(&text, V "providers:\n" UP("a", ", training: no") "data_classes:\n");
        for (int i = 1; i <= n; i++)
            buf_printf(&text, "  c%d: {training: no}\n", i);
        buf_add_char(&text, '\0');
        s = load(text.p, r, &out);
        assert_int_equal(s != NULL, n <= ROUTE_CLASSES_MAX);
        if (s)
            assert_int_equal(s->providers[0].meets, UINT32_MAX);
        else
            assert_string_equal(out.p, "E015 5:1+12 data_classes has 33 entries; the most is 32");
        settings_unref(&s);
    }
    mem_free(r);
    buf_fini(&text);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(what_is_said_becomes_bits),
        cmocka_unit_test(classes_have_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
