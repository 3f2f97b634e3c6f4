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

static struct settings *load(const char *text)
{
    static const char *const vars[] = {"KEY=k", "KEY_2=k2", NULL};
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct env *env = NULL;
    struct err e;

    assert_int_equal(env_new_table(&env, vars, &e), 0);
    conf_report_init(r);
    assert_int_equal(settings_load_with(&s, span_str(text), SPAN_LIT("f"), PRICES, env, r, &e), 0);
    conf_report_fini(r);
    env_free(&env);
    mem_free(r);
    return s;
}

/* Who is in the very region, or, if nobody is, in that part of the world. */
static void who_is_near_goes_first(void **state)
{
    static const struct {
        const char *here;
        bool near[4];
    } regions[] = {
        {"eu-west-1", {true, false, false, false}}, {"westeurope", {true, true, false, false}},
        {"eu", {true, true, false, false}},         {"europe-west9", {true, true, false, false}},
        {"us-west-2", {false, false, true, false}}, {"rack-7", {false, false, false, true}},
        {"rack-8", {false, false, false, false}},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        char text[1024];
        struct settings *s;

        UNUSED(snprintf(text, sizeof(text),
                        "version: 1\nserver: {region: %s}\nproviders:\n"
                        "  a: {type: vllm, endpoints: \"http://a:1\", region: eu-west-1}\n"
                        "  b: {type: vllm, endpoints: \"http://b:1\", region: swedencentral}\n"
                        "  c: {type: vllm, endpoints: \"http://c:1\", region: eastus2}\n"
                        "  d: {type: vllm, endpoints: \"http://d:1\", region: rack-7}\n"
                        "models: {m: {targets: [a/m, b/m, c/m, d/m], prefer: same-region}}\n",
                        regions[i].here));
        s = load(text);
        for (size_t k = 0; k < 4; k++)
            if ((s->models[0].targets[k].tier == 0) != regions[i].near[k])
                fail_msg("%s: target %zu", regions[i].here, k);
        settings_unref(&s);
    }
}

static struct policy_candidate way(const struct settings *s, size_t provider, size_t i)
{
    const struct settings_target t = {.provider = &s->providers[provider],
                                      .model = SPAN_LIT("m"),
                                      .id = SPAN_LIT("x/m"),
                                      .weight = 1};
    const struct settings_way w = settings_way(&t, i);

    return settings_candidate(&w);
}

static bool has(const struct policy_fates *f, enum policy_fate_kind kind, uint64_t *id)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->kinds[i] == kind) {
            *id = f->ids[i];
            assert_int_equal(f->by_target >> i & 1,
                             kind == FATE_PROVIDER || kind == FATE_KEY || kind == FATE_LABEL);
            return true;
        }
    return false;
}

/* Each fate of one of these ways stands in the list once. Returns how many others there are. */
static size_t others_than(const struct settings *s, const struct policy_fates *f, size_t n)
{
    size_t others = 0;

    for (size_t i = 0; i < s->fates_n; i++) {
        bool known = false;

        assert_true(i == 0 || s->fates[i - 1].id < s->fates[i].id);
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j < f[k].n; j++)
                known |= f[k].ids[j] == s->fates[i].id;
        others += !known;
    }
    for (size_t k = 0; k < n; k++)
        for (size_t j = 0; j < f[k].n; j++) {
            bool listed = false;

            for (size_t i = 0; i < s->fates_n; i++)
                listed |= f[k].ids[j] == s->fates[i].id;
            assert_true(listed);
        }
    return others;
}

/* What somebody else shares is watched, and nothing else. */
static void what_is_shared_is_watched(void **state)
{
    static const char text[] =
        "version: 1\nproviders:\n"
        "  alone: {type: openai, key: env:KEY, endpoints: \"https://a:1\"}\n"
        "  keys: {type: openai, key: [env:KEY, env:KEY_2], endpoints: \"https://b:1\"}\n"
        "  one: {type: vllm, endpoints: \"http://c:1/x\", region: r}\n"
        "  two: {type: vllm, endpoints: [\"http://c:1/y\", \"http://d:1\"], region: r}\n"
        "  port: {type: vllm, endpoints: \"http://c:2\", region: s, fate: word}\n"
        "  far: {type: vllm, endpoints: \"http://e:1\", fate: word, proxy: \"http://p:1\"}\n"
        "  near: {type: sglang, endpoints: \"http://f:1\", region: r, proxy: \"http://p:1\"}\n"
        "  none: {type: vllm, endpoints: \"http://c:1/z\", region: r, fate: none}\n"
        "  behind: {type: vllm, endpoints: [\"http://g:1\", \"http://h:1\"], proxy: "
        "\"http://q:1\"}\n"
        "models:\n  m: {targets: [{target: port/x, fate: word}, {target: far/x, fate: own}]}\n";
    static const struct {
        size_t provider, way;
        unsigned kinds; /* a bit each */
    } ways[] = {
        {0, 0, 1u << FATE_PROVIDER},
        {1, 0, 1u << FATE_PROVIDER | 1u << FATE_KEY},
        {1, 1, 1u << FATE_PROVIDER | 1u << FATE_KEY},
        {2, 0, 1u << FATE_PROVIDER | 1u << FATE_HOST | 1u << FATE_REGION},
        {3, 0, 1u << FATE_PROVIDER | 1u << FATE_HOST | 1u << FATE_REGION},
        {4, 0, 1u << FATE_PROVIDER | 1u << FATE_LABEL_OF_PROVIDER},
        {5, 0, 1u << FATE_PROVIDER | 1u << FATE_LABEL_OF_PROVIDER | 1u << FATE_PROXY},
        {6, 0, 1u << FATE_PROVIDER | 1u << FATE_PROXY},
        {7, 0, 0},
        {8, 1, 1u << FATE_PROVIDER | 1u << FATE_PROXY},
        {3, 1, 1u << FATE_PROVIDER | 1u << FATE_HOST | 1u << FATE_REGION},
        {8, 0, 1u << FATE_PROVIDER | 1u << FATE_PROXY},
    };
    struct settings *s = load(text);
    struct policy_fates all[ARRAY_LEN(ways) + 2];
    uint64_t a = 0, b = 0;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct policy_candidate c = way(s, ways[i].provider, ways[i].way);

        all[i] = c.fates;
        for (size_t k = 0; k < POLICY_FATES; k++)
            if (has(&c.fates, (enum policy_fate_kind)k, &a) != (ways[i].kinds >> k & 1))
                fail_msg("row %zu: %s", i, policy_fate_name((enum policy_fate_kind)k));
    }
    /* the same for all who share it, and for nobody else */
    for (size_t i = 0; i < 3; i++) {
        static const enum policy_fate_kind kinds[] = {FATE_HOST, FATE_REGION, FATE_PROVIDER};
        struct policy_candidate x = way(s, 2, 0), y = way(s, 3, 0), z = way(s, 3, 1);

        assert_true(has(&x.fates, kinds[i], &a) && has(&y.fates, kinds[i], &b));
        assert_true((a == b) == (kinds[i] != FATE_PROVIDER));
        assert_true(has(&z.fates, kinds[i], &b)); /* the other endpoint */
        assert_true((a == b) == (kinds[i] == FATE_REGION));
    }
    /* keys are told apart; a word that is said twice counts once, and another one beside it */
    assert_true(has(&all[1], FATE_KEY, &a) && has(&all[2], FATE_KEY, &b) && a != b);
    for (size_t i = 0; i < 2; i++) {
        const struct settings_way w = settings_way(&s->models[0].targets[i], 0);

        settings_watch(&all[ARRAY_LEN(ways) + i], &w);
        assert_true(has(&all[ARRAY_LEN(ways) + i], FATE_LABEL, &a));
        assert_int_equal(has(&all[ARRAY_LEN(ways) + i], FATE_LABEL_OF_PROVIDER, &b), i == 1);
    }
    assert_int_equal(others_than(s, all, ARRAY_LEN(all)), 0);
    settings_unref(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_to_nothing_is_told),
        cmocka_unit_test(who_is_near_goes_first),
        cmocka_unit_test(what_is_shared_is_watched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
