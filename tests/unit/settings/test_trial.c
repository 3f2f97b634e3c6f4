/* Goal: what cannot change where a request goes is not tried, whatever else has changed; what can
 * is, also if it stands in a file that the configuration names; and what no trial shows is said.
 * Method: pairs of configurations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/mem.h"
#include "conf/dump.h"
#include "settings/settings.h"

#define V     "version: 1\n"
#define P     "providers: {e: {type: vllm, endpoints: \"http://127.0.0.1:9\"}}\n"
#define M     "models: {m: {targets: [e/a, e/b]}}\n"
#define K     "keys: {k: {hash: \"sha256:" ZEROS "1\", models: \"*\"}}\n"
#define ZEROS "000000000000000000000000000000000000000000000000000000000000000"

struct bed {
    struct env *env;
    struct conf_report *r;
    struct buf out;
};

static int set_up(void **state)
{
    static const char *const vars[] = {"A=one", "B=two", NULL};
    struct bed *b = mem_zalloc(1, sizeof(*b));
    struct err e;

    assert_non_null(b);
    b->r = mem_alloc(sizeof(*b->r));
    assert_non_null(b->r);
    buf_init(&b->out, (size_t)1 << 20);
    assert_int_equal(env_new_table(&b->env, vars, &e), 0);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    env_free(&b->env);
    mem_free(b->r);
    buf_fini(&b->out);
    mem_free(b);
    return 0;
}

static struct settings *load(struct bed *b, const char *text)
{
    struct settings *s = NULL;
    struct err e;

    conf_report_init(b->r);
    if (settings_load(&s, span_str(text), SPAN_LIT("f.yaml"), b->env, b->r, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    conf_report_fini(b->r);
    return s;
}

static void what_cannot_matter_is_not_tried(void **state)
{
    static const struct {
        const char *a, *b;
        bool alike;
    } rows[] = {
        {V P M, V P M, true},
        {V P M, V "# a word\n" P "\n" M, true},
        {V P M, V "server: {drain: 1s, limits: {body: 1MiB}}\n" P M, true},
        {V P M, V "reload: {slice: 1%}\n" P M, true},
        {V P M, V "telemetry: {log: {access: false}}\n" P M, true},
        {V P M, V "x-a: &a [e/a, e/b]\n" P "models: {m: {targets: *a}}\n", true},
        {V P M, V P "models: {m: {targets: [e/b, e/a]}}\n", false},
        {V P M, V P "models: {m: {targets: [e/a]}}\n", false},
        {V P M, V P "models: {n: {targets: [e/a, e/b]}}\n", false},
        {V P M, V P M "defaults: {breaker: false}\n", false},
        {V P M, V P M K, false},
        {V P M, V "providers: {e: {type: vllm, endpoints: \"http://127.0.0.1:8\"}}\n" M, false},
        /* the same words in another place */
        {V P "models: {m: {targets: [e/a]}, n: {targets: [e/b]}}\n",
         V P "models: {m: {targets: [e/b]}, n: {targets: [e/a]}}\n", false},
        {V P "models: {m: {targets: [e/a, e/b]}, n: {targets: [e/c]}}\n",
         V P "models: {m: {targets: [e/a]}, n: {targets: [e/b, e/c]}}\n", false},
    };
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct settings *x = load(b, rows[i].a), *y = load(b, rows[i].b);

        if ((settings_route_id(x) == settings_route_id(y)) != rows[i].alike)
            fail_msg("row %zu", i);
        settings_unref(&x);
        settings_unref(&y);
    }
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* The same text, and another key in the file that it names: or other prices. */
static void what_stands_in_its_files_counts(void **state)
{
    char path[] = "/tmp/lamplighter-trial-XXXXXX", text[512];
    struct bed *b = *state;
    struct settings *x, *y;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    snprintf(text, sizeof(text), V "providers: {o: {type: openai, key: \"file:%s\"}}\n", path);
    put(path, "sk-one\n");
    x = load(b, text);
    put(path, "sk-one\n\n");
    y = load(b, text);
    assert_true(settings_route_id(x) == settings_route_id(y));
    settings_unref(&y);
    put(path, "sk-two\n");
    y = load(b, text);
    assert_true(settings_route_id(x) != settings_route_id(y));
    settings_unref(&x);
    settings_unref(&y);
    snprintf(text, sizeof(text), V P "prices: {file: \"%s\"}\n", path);
    put(path, "version: 1\nprices: {e/a: {input: 1, output: 2, source: s, date: 2026-01-31}}\n");
    x = load(b, text);
    put(path, "version: 1\nprices: {e/a: {input: 1, output: 3, source: s, date: 2026-01-31}}\n");
    y = load(b, text);
    assert_true(settings_route_id(x) != settings_route_id(y));
    settings_unref(&x);
    settings_unref(&y);
    unlink(path);
}

#define GONE(what)                                                                                 \
    "W013 0:0+0 " what                                                                             \
    " is gone; who still comes with it counts as a failure of the trial and is served by the old " \
    "configuration until it is over (lamplighter reload --now takes it away at once)"
#define WHOLE(what)                                                                                \
    "W012 0:0+0 " what " has changed, which no trial shows: it is taken into use with the rest"
#define SERVER "server (limits, timeouts, files of TLS)"

static void what_no_trial_shows_is_said(void **state)
{
    static const struct {
        const char *now, *next, *want;
    } rows[] = {
        {V P M K, V P M K, ""},
        {V P M K, V P M "keys: {other: {hash: \"sha256:" ZEROS "1\", models: \"*\"}}\n", ""},
        {V P M K, V P M "keys: {k: {hash: \"sha256:" ZEROS "2\", models: \"*\"}}\n",
         GONE("keys.k")},
        {V P M K, V P M, GONE("keys.k")},
        {V P M, V P, GONE("models.m")},
        {V P M, V P "models: {n: {targets: [e/a]}}\n", GONE("models.m")},
        {V P, V P M K, ""},
        {V P, V "server: {limits: {body: 1MiB}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {limits: {memory: 256MiB}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {limits: {memory: 2GiB}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {limits: {header: 33KiB}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {limits: {connections: 77}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {limits: {connections_per_ip: 77}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {limits: {requests_per_connection: 77}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {limits: {streams_per_connection: 77}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {limits: {answer: 1MiB}}\n" P, ""}, /* each request has its own */
        {V P, V "server: {limits: {translation: 17MiB}}\n" P, ""},
        {V P, V "server: {timeout: {header: 1s}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {timeout: {body_stall: 1s}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {timeout: {write_stall: 1s}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {timeout: {idle: 1s}}\n" P, WHOLE(SERVER)},
        {V P, V "server: {client_half_close: allow}\n" P, WHOLE(SERVER)},
        {V P M, V P "telemetry: {log: {file: /tmp/x}}\n", WHOLE("telemetry") "\n" GONE("models.m")},
    };
    struct bed *b = *state;
    int wrong = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct settings *now = load(b, rows[i].now), *next = load(b, rows[i].next);

        conf_report_init(b->r);
        settings_compare_trial(now, next, b->r);
        dump_report(b->r, &b->out);
        wrong += dump_differs(i, b->out.p, rows[i].want);
        conf_report_fini(b->r);
        settings_unref(&now);
        settings_unref(&next);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_cannot_matter_is_not_tried),
        TEST(what_stands_in_its_files_counts),
        TEST(what_no_trial_shows_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
