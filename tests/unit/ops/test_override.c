/* Goal: what is asked for by hand is read as it is meant, with bounds, and refused with a reason
 * where it could do nothing; what stands is told whole.
 * Method: a table of queries against one configuration; a board. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/mem.h"
#include "conf/report.h"
#include "ops/override.h"

#define CONFIG                                                                                     \
    "version: 1\nproviders:\n"                                                                     \
    "  a: {type: openai-compatible, endpoints: 'http://127.0.0.1:9000/v1', private: true}\n"       \
    "  b: {type: openai-compatible, endpoints: 'http://127.0.0.1:9100/v1', private: true}\n"       \
    "models:\n"                                                                                    \
    "  flat: {targets: [a/x, b/x]}\n"                                                              \
    "  tiers: {targets: [a/x, {target: b/x, tier: 2}]}\n"                                          \
    "  spare: {targets: a/x, degraded: b/x}\n"                                                     \
    "  shared: {strategy: weighted, targets: [a/w, b/w, {target: b/v, tier: 2}]}\n"

#define NOW UINT64_C(5000000)

static const struct {
    const char *query, *why; /* why: of the refusal; NULL: it is fine */
    enum override_what what;
    uint64_t value, seconds;
} rows[] = {
    {"what=drain&target=a/x", NULL, OVERRIDE_DRAIN, 0, 3600},
    {"what=disable&target=a&for=60&why=so", NULL, OVERRIDE_DISABLE, 0, 60},
    {"target=b%2Fx&for=2592000&what=disable", NULL, OVERRIDE_DISABLE, 0, 2592000},
    {"what=disable&target=a/any-model", NULL, OVERRIDE_DISABLE, 0, 3600},
    {"what=disable&target=c/x", "a provider that is configured", 0, 0, 0},
    {"what=disable", "a provider that is configured", 0, 0, 0},
    {"what=disable&target=a&for=2592001", "at most thirty days", 0, 0, 0},
    {"what=disable&target=a&for=0", "at most thirty days", 0, 0, 0},
    {"what=disable&target=a&for=", "at most thirty days", 0, 0, 0},
    {"what=explode&target=a", "what is drain, disable", 0, 0, 0},
    {"target=a", "what is drain, disable", 0, 0, 0},
    {"what=weight&target=a/w&weight=0", NULL, OVERRIDE_WEIGHT, 0, 3600},
    {"what=weight&target=b/w&weight=1000&for=1", NULL, OVERRIDE_WEIGHT, 1000, 1},
    {"what=weight&target=b/w&weight=1001", "a number, at most 1000", 0, 0, 0},
    {"what=weight&target=b/w", "a number, at most 1000", 0, 0, 0},
    {"what=weight&target=b/w&weight=-1", "a number, at most 1000", 0, 0, 0},
    {"what=weight&target=a/x&weight=1", "No tier uses a weight of a/x", 0, 0, 0},
    {"what=weight&target=b/v&weight=1", "No tier uses a weight of b/v", 0, 0, 0},
    {"what=weight&target=a&weight=1", "No tier uses a weight of a:", 0, 0, 0},
    {"what=stop-spill&model=tiers", NULL, OVERRIDE_STOP_SPILL, 0, 3600},
    {"what=stop-spill&model=spare", NULL, OVERRIDE_STOP_SPILL, 0, 3600},
    {"what=stop-spill&model=flat", "flat has one tier", 0, 0, 0},
    {"what=stop-spill&model=a/x", "a model that is configured", 0, 0, 0},
    {"what=stop-spill&target=tiers", "a model that is configured", 0, 0, 0},
    {"what=drain&target="
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaa",
     "such a long name", 0, 0, 0},
};

struct bed {
    struct env *env;
    struct settings *settings;
    struct board *board;
};

static int set_up(void **state)
{
    static const char *const no_vars[] = {NULL};
    struct bed *b = calloc(1, sizeof(*b));
    struct conf_report *r = mem_alloc(sizeof(*r));
    struct err e;

    assert_true(b && r);
    conf_report_init(r);
    assert_int_equal(env_new_table(&b->env, no_vars, &e), 0);
    assert_int_equal(settings_load_with(&b->settings, span_str(CONFIG), SPAN_LIT("test.yaml"),
                                        SPAN_LIT("version: 1\nprices: {}\n"), b->env, r, &e),
                     0);
    assert_int_equal(board_new(&b->board, &e), 0);
    conf_report_fini(r);
    mem_free(r);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    settings_unref(&b->settings);
    env_free(&b->env);
    board_free(&b->board);
    free(b);
    return 0;
}

static void what_is_asked_for(void **state)
{
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct override_order o;
        struct err e = {.text = ""};
        int rc = override_read(&o, span_str(rows[i].query), b->settings, NOW, &e);

        if ((rc == 0) != !rows[i].why || (rows[i].why && !strstr(e.text, rows[i].why)))
            fail_msg("%s: %s", rows[i].query, rc < 0 ? e.text : "fine");
        if (rc < 0)
            continue;
        assert_int_equal(o.said.what, rows[i].what);
        assert_int_equal(o.said.value, rows[i].value);
        assert_int_equal(o.said.until_us, NOW + rows[i].seconds * 1000000);
        assert_int_equal(o.ends, 0);
    }
}

static bool obey(struct bed *b, const char *query)
{
    struct override_order o;
    struct err e;

    assert_int_equal(override_read(&o, span_str(query), b->settings, NOW, &e), 0);
    return override_obey(b->board, &o, NOW);
}

static void written(struct bed *b, const char *want)
{
    struct view v = {.board = b->board, .now_us = NOW, .wall_ms = 0};
    struct json_write w;
    struct buf out;

    buf_init(&out, 65536);
    json_write_init(&w, &out);
    override_write(&w, &v);
    buf_add_char(&out, '\0');
    assert_string_equal(out.p, want);
    buf_fini(&out);
}

static void what_stands_is_told_and_taken_back(void **state)
{
    struct bed *b = *state;

    assert_true(obey(b, "what=drain&target=b/w&for=1&who=al%0Aice&why=a%26b"));
    assert_true(obey(b, "what=weight&target=b/w&weight=7&for=2"));
    assert_true(obey(b, "what=stop-spill&model=tiers&for=3"));
    written(b, "[{\"target\":\"b/w\",\"what\":\"drain\",\"until\":\"1970-01-01T00:00:01.000Z\","
               "\"who\":\"al?ice\",\"why\":\"a&b\"},"
               "{\"target\":\"b/w\",\"what\":\"weight\",\"weight\":7,"
               "\"until\":\"1970-01-01T00:00:02.000Z\",\"who\":null,\"why\":null},"
               "{\"model\":\"tiers\",\"what\":\"stop-spill\","
               "\"until\":\"1970-01-01T00:00:03.000Z\",\"who\":null,\"why\":null}]");
    assert_true(obey(b, "what=enable&target=b/w"));
    assert_true(obey(b, "what=enable&target=tiers")); /* no target's name */
    written(b, "[{\"model\":\"tiers\",\"what\":\"stop-spill\","
               "\"until\":\"1970-01-01T00:00:03.000Z\",\"who\":null,\"why\":null}]");
    assert_true(obey(b, "what=allow-spill&model=tiers"));
    written(b, "[]");
}

static void there_is_a_bound(void **state)
{
    struct bed *b = *state;
    char query[64];

    for (int i = 0; i < BOARD_OVERRIDES; i++) {
        UNUSED(snprintf(query, sizeof(query), "what=drain&target=a/m%d", i));
        assert_true(obey(b, query));
    }
    assert_false(obey(b, "what=drain&target=a/more"));
    assert_true(obey(b, "what=enable&target=a/m5"));
    assert_true(obey(b, "what=drain&target=a/more"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_for),
        TEST(what_stands_is_told_and_taken_back),
        TEST(there_is_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
