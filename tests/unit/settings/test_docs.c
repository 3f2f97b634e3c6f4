/* Goal: what is written about the keys is true: the complete sample has every key and is right,
 * `config init` and every example can be read, the values that are shown load again.
 * Method: walk the tables beside the decoded sample; load what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "conf/dump.h"
#include "settings/docs.h"
#include "settings/keys.h"
#include "settings/settings.h"

static const char *const vars[] = {
    "OPENAI_API_KEY=a", "ANTHROPIC_KEY_A=b", "PROXY_AUTH=u:p", "AZURE_OPENAI_API_KEY=c", NULL,
};

/* Tests run in the source tree or in a build directory below it. */
static void read_sample(struct buf *out)
{
    static const char *const places[] = {
        "docs/sample/lamplighter.yaml",
        "../../docs/sample/lamplighter.yaml",
    };
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (file_check(places[i], &e) == 0 && file_read(out, places[i], &e) == 0)
            return;
    fail_msg("no docs/sample/lamplighter.yaml");
}

static void *decode(struct span text, struct arena *a)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    void *values = arena_zalloc(a, keys_table.size);
    struct yaml_node *root;
    struct buf out;
    struct err e;

    buf_init(&out, 1U << 20);
    conf_report_init(r);
    conf_report_source(r, SPAN_LIT("f"), text);
    if (yaml_parse(&root, text, a, r, &e) < 0 ||
        conf_decode(&keys_table, root, values, a, r, &e) < 0 || r->errors) {
        dump_report(r, &out);
        fail_msg("%s\n%.*s", out.p, SPAN_FMT(text));
    }
    conf_report_fini(r);
    mem_free(r);
    buf_fini(&out);
    return values;
}

static bool has_entries(const struct conf_key *k)
{
    return k->shape == CONF_MAP || k->shape == CONF_ITEMS;
}

/* A plan's targets are the same in both of its lists: one of them shows what may be said. */
static bool is_shown_elsewhere(const char *path)
{
    return strcmp(path, ".models.degraded") == 0;
}

/* Count keys that stand nowhere in n structs of a table. The tables' nesting is the depth. */
static int missing(const struct conf_table *t, char *const *values, size_t n, const char *path)
{
    char below[128], *nested[32];
    const struct conf_value *v;
    const struct conf_list *l;
    int lacks = 0;

    for (size_t k = 0; k < t->n; k++) {
        const struct conf_key *key = &t->keys[k];
        size_t found = 0, nested_n = 0;

        snprintf(below, sizeof(below), "%s.%s", path, key->name);
        for (size_t i = 0; i < n; i++) {
            v = (const void *)(values[i] + key->at);
            l = (const void *)(values[i] + key->at);
            if (key->shape == CONF_ONE || key->shape == CONF_GROUP)
                found += v->set;
            else
                found += l->set;
            if (key->shape == CONF_GROUP && nested_n < ARRAY_LEN(nested))
                nested[nested_n++] = values[i] + key->at;
            for (size_t m = 0; has_entries(key) && m < l->n && nested_n < ARRAY_LEN(nested); m++)
                nested[nested_n++] = (char *)l->items + m * key->table->size;
        }
        if (!found) {
            print_error("%s is not in the sample\n", below);
            lacks++;
        }
        if (key->table && !is_shown_elsewhere(below))
            lacks += missing(key->table, nested, nested_n, below);
    }
    return lacks;
}

static void the_sample_has_every_key_and_is_right(void **state)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct env *env = NULL;
    struct buf text, out;
    struct arena a;
    struct err e;
    char *values;

    UNUSED(state);
    buf_init(&text, 1U << 20);
    buf_init(&out, 1U << 20);
    arena_init(&a, 16U << 20);
    read_sample(&text);
    values = decode(buf_span(&text), &a);
    assert_int_equal(missing(&keys_table, &values, 1, ""), 0);
    assert_int_equal(env_new_table(&env, vars, &e), 0);
    conf_report_init(r);
    assert_int_equal(settings_load(&s, buf_span(&text), SPAN_LIT("sample"), env, r, &e), -1);
    dump_report(r, &out);
    for (size_t i = 0; i < r->n; i++) /* its files are not on this machine, and that is all */
        if (strcmp(r->diags[i].code, "E041") != 0 && strcmp(r->diags[i].code, "E040") != 0)
            fail_msg("%s", out.p);
    assert_int_equal(r->n, 13);
    conf_report_fini(r);
    mem_free(r);
    env_free(&env);
    arena_fini(&a);
    buf_fini(&text);
    buf_fini(&out);
}

static void every_default_bound_and_example_is_of_its_type(void **state)
{
    struct buf text;
    struct arena a;

    UNUSED(state);
    buf_init(&text, 1U << 20);
    arena_init(&a, 16U << 20);
    conf_write_sample(&text, &keys_table, NULL, 0, true); /* nothing commented out */
    assert_true(buf_ok(&text));
    assert_non_null(decode(buf_span(&text), &a));
    buf_fini(&text);
    arena_fini(&a);
}

/* Load, which must work without a word. */
static void load_silently(struct span text, struct env *env, size_t providers)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct buf out;
    struct err e;

    buf_init(&out, 1U << 20);
    conf_report_init(r);
    if (settings_load(&s, text, SPAN_LIT("f"), env, r, &e) < 0) {
        dump_report(r, &out);
        fail_msg("%s\n%.*s", out.p, SPAN_FMT(text));
    }
    assert_int_equal(r->warnings, providers ? 0 : 1);
    assert_int_equal(s->providers_n, providers);
    settings_unref(&s);
    conf_report_fini(r);
    mem_free(r);
    buf_fini(&out);
}

static void what_init_and_show_write_is_a_configuration(void **state)
{
    static const char *const nothing[] = {NULL};
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct env *env = NULL, *empty = NULL;
    struct buf text, shown;
    struct err e;

    UNUSED(state);
    buf_init(&text, 1U << 20);
    buf_init(&shown, 1U << 20);
    conf_report_init(r);
    assert_int_equal(env_new_table(&env, vars, &e), 0);
    assert_int_equal(env_new_table(&empty, nothing, &e), 0);
    settings_write_init(&text, empty, r);
    load_silently(buf_span(&text), empty, 0);
    buf_reset(&text);
    settings_write_init(&text, env, r);
    load_silently(buf_span(&text), env, 1); /* azure lacks its endpoint */
    assert_int_equal(settings_write_values(&shown, buf_span(&text), SPAN_LIT("f"), r, &e), 0);
    load_silently(buf_span(&shown), env, 1);
    assert_true(span_contains(buf_span(&shown), SPAN_LIT("  drain: 30s  # default\n")));
    assert_true(span_contains(buf_span(&shown), SPAN_LIT("    key: [env:OPENAI_API_KEY]\n")));
    conf_report_fini(r);
    mem_free(r);
    env_free(&env);
    env_free(&empty);
    buf_fini(&text);
    buf_fini(&shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_has_every_key_and_is_right),
        cmocka_unit_test(every_default_bound_and_example_is_of_its_type),
        cmocka_unit_test(what_init_and_show_write_is_a_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
