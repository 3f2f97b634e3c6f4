/* Goal: a right price file becomes exactly its prices, and the right one is found; of a wrong one
 * every error is told at its place in its own file; a file that was read before is not read again.
 * Method: tables of text and report, of names and prices; files on disk; torture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/file.h"
#include "base/mem.h"
#include "conf/dump.h"
#include "settings/settings.h"

#define V    "version: 1\n"
#define LAST ", source: s, date: 2026-01-31}\n"

/* "cloud" is of the type openai by another name; "openai" is a name that means another type. */
static const char config[] =
    V "providers:\n"
      "  cloud: {type: openai, key: env:K}\n"
      "  house: {type: openai-compatible, endpoints: \"http://127.0.0.1:1\", private: true}\n"
      "  openai: {type: openai-compatible, endpoints: \"http://127.0.0.1:1\", private: true}\n"
      "  answers: {type: openai-responses, key: env:K}\n"
      "  local: {type: vllm, endpoints: \"http://127.0.0.1:1\"}\n";

static const char *const vars[] = {"K=k", NULL};

struct bed {
    struct conf_report *r;
    struct settings *s;
    struct env *env;
};

static int set_up(void **state)
{
    struct bed *b = mem_zalloc(1, sizeof(*b));
    struct err e;

    b->r = mem_zalloc(1, sizeof(*b->r));
    assert_int_equal(env_new_table(&b->env, vars, &e), 0);
    conf_report_init(b->r);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    settings_unref(&b->s);
    conf_report_fini(b->r);
    env_free(&b->env);
    mem_free(b->r);
    mem_free(b);
    return 0;
}

static void load(struct bed *b, struct span prices)
{
    struct buf out;
    struct err e;

    if (settings_load_with(&b->s, span_str(config), SPAN_LIT("f"), prices, b->env, b->r, &e) == 0)
        return;
    buf_init(&out, 1U << 20);
    dump_report(b->r, &out);
    fail_msg("%s: %s", e.text, out.p);
}

static const struct price *price_of(const struct settings *s, const char *provider,
                                    const char *model)
{
    for (size_t i = 0; i < s->providers_n; i++)
        if (span_is(s->providers[i].name, provider))
            return settings_price(s, &s->providers[i], span_str(model));
    fail_msg("no provider %s", provider);
    return NULL;
}

static void a_row_becomes_its_rates(void **state)
{
    static const char text[] =
        V "prices:\n"
          "  openai/all: {input: 1, cached: 0.5, cache_write: 2.000001, cache_write_1h: 3, "
          "audio_in: 4,\n"
          "    audio_cached: 5, output: 1000000, reasoning: 7, audio_out: 0,\n"
          "    above: {200k: {input: 8, output: 9}, 100000: {input: 10, cached: 11}}" LAST
          "  openai/least: {input: 1.5" LAST;
    static const struct price_rates all = {
        {1000000, 500000, 2000001, 3000000, 4000000, 5000000, 1000000000000, 7000000, 0}};
    static const struct price_rates least = {{1500000, 1500000, 1500000, PRICE_UNSET, PRICE_UNSET,
                                              1500000, PRICE_UNSET, PRICE_UNSET, PRICE_UNSET}};
    static const struct price_rates low = {{10000000, 11000000, 10000000, PRICE_UNSET, PRICE_UNSET,
                                            11000000, PRICE_UNSET, PRICE_UNSET, PRICE_UNSET}};
    struct bed *b = *state;
    const struct price *p;

    load(b, span_str(text));
    p = price_of(b->s, "cloud", "all");
    assert_memory_equal(&p->rates, &all, sizeof(all));
    assert_int_equal(p->tiers_n, 2);
    assert_int_equal(p->tiers[0].above, 100000); /* in order, however they stand there */
    assert_int_equal(p->tiers[1].above, 200000);
    assert_memory_equal(&p->tiers[0].rates, &low, sizeof(low));
    assert_int_equal(p->tiers[1].rates.pico[PRICE_OUTPUT], 9000000);
    p = price_of(b->s, "cloud", "least");
    assert_memory_equal(&p->rates, &least, sizeof(least));
    assert_int_equal(p->tiers_n, 0);
    assert_false(b->s->prices_block);
}

/* Each row's input price is its line's number. */
static void the_nearest_row_is_found(void **state)
{
    static const char text[] =
        V "prices:\n"
          "  openai/gpt-5: {input: 1" LAST "  openai/gpt-*: {input: 2" LAST
          "  openai/gpt-5-*: {input: 3" LAST "  cloud/gpt-6: {input: 4" LAST
          "  cloud/gpt-7*: {input: 5" LAST "  openai/gpt-6: {input: 6" LAST
          "  openai/gpt-7: {input: 7" LAST "  vllm/*: {input: 8" LAST
          "  house/meta/llama: {input: 9" LAST "  openai-responses/o3*: {input: 10" LAST
          "  openai/o3-pro: {input: 11" LAST "  answers/o4: {input: 12" LAST
          "  openai/o4: {input: 13" LAST;
    static const struct {
        const char *provider, *model;
        unsigned input; /* 0: no price */
    } rows[] = {
        {"cloud", "gpt-5", 1},     {"cloud", "gpt-5-mini", 3}, /* of the patterns the longest */
        {"cloud", "gpt-4", 2},     {"cloud", "gpt-", 2},       {"cloud", "o3", 0},
        {"cloud", "gpt-6", 4}, /* the provider's name before its type */
        {"cloud", "gpt-7", 5}, /* also where only a pattern of the name fits */
        {"cloud", "gpt-*", 2}, /* a name with '*' is no row's name */
        {"local", "any/thing", 8}, {"house", "meta/llama", 9}, {"house", "meta", 0},
        {"house", "gpt-5", 0},     {"openai", "gpt-5", 0},  /* the name of a type that it is not */
        {"cloud", "", 0},          {"answers", "gpt-5", 1}, /* of the type that it is priced as */
        {"answers", "o3-pro", 10},                          /* its own type before that one */
        {"answers", "o4", 12},     {"answers", "o5", 0},
    };
    struct bed *b = *state;

    load(b, span_str(text));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct price *p = price_of(b->s, rows[i].provider, rows[i].model);
        uint64_t input = p ? p->rates.pico[PRICE_INPUT] / 1000000 : 0;

        if (input != rows[i].input)
            fail_msg("%s/%s: row %llu", rows[i].provider, rows[i].model, (unsigned long long)input);
    }
}

static const struct {
    const char *text, *want;
} wrong[] = {
    {"", "E013 1:1+1 the file: key 'version' is missing | write, for example, version: 1"},
    {V "prices: []\n", "E010 2:9+1 prices must be a map of names, this is a list"},
    {V "price: {}\n", "E012 2:1+5 unknown key 'price' at the top level | did you mean 'prices'?"},
    {V "prices:\n  openai/a: {input: 1, outputs: 2" LAST,
     "E012 3:24+7 unknown key 'outputs' in prices.openai/a | did you mean 'output'?"},
    {V "prices:\n  openai/a: {output: 2" LAST,
     "E013 3:3+8 prices.openai/a: 'input' is missing | write, for example, input: 1.25"},
    {V "prices:\n  openai/a: {input: 1, date: 2026-01-31}\n",
     "E013 3:3+8 prices.openai/a: 'source' is missing | write, for example, source: "
     "https://example.com/pricing"},
    {V "prices:\n  openai/a: {input: 1, source: s}\n",
     "E013 3:3+8 prices.openai/a: 'date' is missing | write, for example, date: 2026-11-26"},
    {V "prices:\n  openai/a: {input: -1" LAST,
     "E011 3:21+2 prices.openai/a.input: '-1' is not a number such as 3 or 0.25, of at most six "
     "decimals"},
    {V "prices:\n  openai/a: {input: 1e-6" LAST,
     "E011 3:21+4 prices.openai/a.input: '1e-6' is not a number such as 3 or 0.25, of at most six "
     "decimals"},
    {V "prices:\n  openai/a: {input: 0.1234567" LAST,
     "E011 3:21+9 prices.openai/a.input: '0.1234567' is not a number such as 3 or 0.25, of at most "
     "six decimals"},
    {V "prices:\n  openai/a: {input: 1000000.000001" LAST,
     "E015 3:21+14 prices.openai/a.input: '1000000.000001' is too large; the most is 1000000"},
    {V "prices:\n  openai/a: {input: 99999999999999999999" LAST,
     "E011 3:21+20 prices.openai/a.input: '99999999999999999999' is not a number such as 3 or "
     "0.25, "
     "of at most six decimals"},
    {V "prices:\n  openai/a: {input: 1, source: s, date: 2026-02-29}\n",
     "E011 3:41+10 prices.openai/a.date: '2026-02-29' is not a date such as 2027-03-31 or "
     "2027-03-31T18:00:00Z"},
    {V "prices:\n  openai/a: {input: 1" LAST "  openai/a: {input: 2" LAST,
     "E005 4:3+8 key 'openai/a' stands twice; it is already on line 3"},
    {V "prices:\n  gpt-5: {input: 1" LAST,
     "E017 3:3+5 the name 'gpt-5' is not a target provider/model, in whose model '*' stands for "
     "anything"},
    {V "prices:\n  open*/a: {input: 1" LAST,
     "E017 3:3+7 the name 'open*/a' has a provider that is no name or type of one"},
    {V "prices:\n  openai/a: {input: 1, above: {200k: {input: 1}, 200000: {input: 2}}" LAST,
     "E032 3:50+6 prices.openai/a.above has the bound 200000 twice"},
    {V "prices:\n  openai/a: {input: 1, above: {1: {input: 1}, 2: {input: 2}, 3: {input: 1}, "
       "4: {input: 1}, 5: {input: 1}}" LAST,
     "E015 3:24+5 prices.openai/a.above has 5 entries; the most is 4"},
    {V "prices:\n  openai/a: {input: 1, above: {x: {output: 1}}" LAST,
     "E013 3:32+1 prices.openai/a.above.x: 'input' is missing | write, for example, input: 1.25\n"
     "E017 3:32+1 the name 'x' is not a count such as 100, 5k, 2M"},
};

static void every_error_is_told_in_its_file(void **state)
{
    struct bed *b = *state;
    struct buf out;
    struct err e;
    int bad = 0;

    buf_init(&out, 1U << 20);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        conf_report_fini(b->r);
        assert_int_equal(settings_load_with(&b->s, span_str(config), SPAN_LIT("f"),
                                            span_str(wrong[i].text), b->env, b->r, &e),
                         -1);
        assert_int_equal(e.code, ERR_CONFIG);
        dump_report(b->r, &out);
        bad += dump_differs(i, out.p, wrong[i].want);
    }
    assert_int_equal(bad, 0);
    buf_fini(&out);
}

/* ---- files ---- */

#define WITH_FILE "prices: {file: %s, unknown: block}\n"

static struct span temporary(const char *text, char path[64])
{
    struct err e;

    snprintf(path, 64, "/tmp/prices-%d.yaml", (int)getpid());
    (void)unlink(path);
    assert_int_equal(file_create(path, span_str(text), &e), 0);
    return span_str(path);
}

static void a_file_is_read_once(void **state)
{
    static const char text[] = V "prices:\n  openai/a: {input: 1" LAST;
    struct bed *b = *state;
    char path[64], conf[sizeof(config) + 200];
    struct span kept;
    struct err e;
    struct buf copy;

    (void)temporary(text, path);
    snprintf(conf, sizeof(conf), "%s" WITH_FILE, config, path);
    assert_int_equal(settings_load(&b->s, span_str(conf), SPAN_LIT("f"), b->env, b->r, &e), 0);
    assert_true(b->s->prices_block);
    assert_non_null(price_of(b->s, "cloud", "a"));
    assert_null(price_of(b->s, "cloud", "gpt-5")); /* it stands in place of what is built in */
    kept = b->s->prices_text;
    assert_true(span_is(kept, text));
    buf_init(&copy, 4096);
    buf_add_span(&copy, kept);
    settings_unref(&b->s);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(
        settings_load_with(&b->s, span_str(conf), SPAN_LIT("f"), buf_span(&copy), b->env, b->r, &e),
        0);
    assert_non_null(price_of(b->s, "cloud", "a"));
    assert_false(span_has(b->s->prices_text)); /* who gave it has it */
    settings_unref(&b->s);
    assert_int_equal(settings_load(&b->s, span_str(conf), SPAN_LIT("f"), b->env, b->r, &e), -1);
    assert_string_equal(b->r->diags[0].code, "E041");
    buf_fini(&copy);
}

static void a_wrong_line_is_drawn_from_its_own_file(void **state)
{
    struct bed *b = *state;
    char path[64], conf[sizeof(config) + 200], want[1024];
    struct buf out;
    struct err e;

    (void)temporary(V "prices:\n  openai/a: {inputs: 1" LAST, path);
    snprintf(conf, sizeof(conf), "%s" WITH_FILE "nothing: 1\n", config, path);
    assert_int_equal(settings_load(&b->s, span_str(conf), SPAN_LIT("f.yaml"), b->env, b->r, &e),
                     -1);
    snprintf(want, sizeof(want),
             "error[E012]: unknown key 'nothing' at the top level\n"
             " --> f.yaml:9:1\n"
             "  |\n"
             "9 | nothing: 1\n"
             "  | ^^^^^^^\n"
             "  = known keys: version, server, reload, providers, defaults, models, keys, "
             "data_classes, pass, prices, telemetry\n"
             "error[E012]: unknown key 'inputs' in prices.openai/a\n"
             " --> %s:3:14\n"
             "  |\n"
             "3 |   openai/a: {inputs: 1, source: s, date: 2026-01-31}\n"
             "  |              ^^^^^^ did you mean 'input'?\n"
             "2 errors, 0 warnings\n",
             path);
    buf_init(&out, 1U << 20);
    conf_report_text(b->r, &out, false);
    buf_add_char(&out, '\0');
    assert_string_equal(out.p, want);
    buf_reset(&out);
    conf_report_json(b->r, &out);
    assert_true(span_contains(buf_span(&out), span_str(path)));
    buf_fini(&out);
    assert_int_equal(unlink(path), 0);
}

/* The one that is built in is right, and has the models that the documents speak of. */
static void what_is_built_in_is_right(void **state)
{
    struct bed *b = *state;
    const struct price *p;

    load(b, (struct span){NULL, 0});
    assert_int_equal(b->r->warnings, 0);
    assert_non_null(price_of(b->s, "cloud", "gpt-5.4"));
    assert_null(price_of(b->s, "house", "gpt-5.4"));
    assert_ptr_equal(price_of(b->s, "answers", "gpt-5.4"), price_of(b->s, "cloud", "gpt-5.4"));
    p = price_of(b->s, "local", "whatever/it-is");
    for (size_t i = 0; i < PRICE_PARTS; i++) /* nothing is said to cost something, or not said */
        assert_int_equal(p->rates.pico[i], 0);
}

static void models_without_a_price_are_told(void **state)
{
    static const char models[] = "models:\n"
                                 "  a: {targets: cloud/gpt-5}\n"
                                 "  b: {targets: house/x}\n"
                                 "  c: {targets: local/x}\n";
    struct bed *b = *state;
    char conf[sizeof(config) + sizeof(models) + 100];
    struct buf out;
    struct err e;

    buf_init(&out, 1U << 20);
    for (int block = 0; block < 2; block++) {
        conf_report_fini(b->r);
        snprintf(conf, sizeof(conf), "%s%s%s", config, models,
                 block ? "prices: {unknown: block}\n" : "");
        assert_int_equal(settings_load(&b->s, span_str(conf), SPAN_LIT("f"), b->env, b->r, &e), 0);
        dump_report(b->r, &out);
        assert_int_equal(
            dump_differs(0, out.p,
                         block
                             ? "W009 10:16+7 models.b target 'house/x' has no price: "
                               "prices.unknown is block, so it is never asked | give it a row in "
                               "the price file (prices.file)"
                             : "W009 10:16+7 models.b target 'house/x' has no price: what it costs "
                               "will not be known | give it a row in the price file "
                               "(prices.file)"),
            0);
        settings_unref(&b->s);
    }
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_becomes_its_rates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_nearest_row_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_error_is_told_in_its_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_read_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_line_is_drawn_from_its_own_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_built_in_is_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(models_without_a_price_are_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
