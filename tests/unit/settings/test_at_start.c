/* Goal: what a reload does not take into use is warned of, each key once and at its place; what it
 * takes, or what did not change, is not.
 * Method: rows of what stands in the file at the start and later, and the whole report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/mem.h"
#include "conf/dump.h"
#include "settings/settings.h"

#define V "version: 1\n"
#define P V "providers: {e: {type: vllm, endpoints: \"http://127.0.0.1:9\""
/* The same with these endpoints. */
#define AT(endpoints) V "providers: {e: {type: vllm, endpoints: " endpoints
#define E             ", engine: {command: [/bin/e, -x]}"
/* W008 at a place */
#define W(place, key)                                                                              \
    "W008 " place " " key " is not what the gateway started with; it takes effect at the next "    \
    "start"

#define W_PROBE(place)                                                                             \
    "W008 " place                                                                                  \
    " providers.e.endpoints is not what the gateway started with; requests go there "              \
    "now, but until the next start the engine is asked at the old one whether it is ready"

static const struct {
    const char *first, *next, *want;
} rows[] = {
    /* nothing changed, or only how it is written */
    {P "}}\n", P "}}\n", ""},
    {P E "}}\n", P E "}}\n", ""},
    {P "}}\n",
     P "}}\nserver: {listen: [\"127.0.0.1:8080\"], admin: 127.0.0.1:8081, drain: 30s,\n"
       "  workers: auto}\n",
     ""},
    {P "}}\nserver: {drain: 60s}\n", P "}}\nserver: {drain: 1m}\n", ""},
    {P E "}}\n", P ", engine: {command: [\"/bin/e\", \"-x\"], ready: /health}}}\n", ""},
    /* what is taken */
    {P "}}\n",
     P ", timeout: {total: 1s}}}\nserver: {limits: {body: 1MiB}, timeout: {idle: 1s},\n"
       "  client_half_close: allow}\nmodels: {m: {targets: e/m}}\ntelemetry: {log: {access: false}}"
       "\n",
     ""},
    /* one key */
    {P "}}\n", P "}}\nserver: {listen: \"127.0.0.1:8082\"}\n", W("3:18+16", "server.listen")},
    {P "}}\nserver: {listen: [\"127.0.0.1:80\", \"127.0.0.1:81\"]}\n",
     P "}}\nserver: {listen: [\"127.0.0.1:80\"]}\n", W("3:18+1", "server.listen")},
    {P "}}\nserver: {listen: [\"127.0.0.1:80\", \"127.0.0.1:81\"]}\n",
     P "}}\nserver: {listen: [\"127.0.0.1:80\", \"127.0.0.1:82\"]}\n",
     W("3:18+1", "server.listen")},
    {P "}}\n", P "}}\nserver: {admin: \"[::1]:8081\"}\n", W("3:17+12", "server.admin")},
    {P "}}\n", P "}}\nserver: {drain: 31s}\n", W("3:17+3", "server.drain")},
    {P "}}\n", P "}}\nserver: {workers: 2}\n", W("3:19+1", "server.workers")},
    {P "}}\nserver: {workers: 2}\n", P "}}\n", W("0:0+0", "server.workers")},
    {P "}}\n", P "}}\nserver: {user: www-data}\n", W("3:16+8", "server.user")},
    {P "}}\nserver: {user: www-data}\n", P "}}\n", W("0:0+0", "server.user")},
    /* engines */
    {P "}}\n", P E "}}\n", W("2:62+6", "providers.e.engine")},
    {P E "}}\n", P "}}\n", W("0:0+0", "providers.e.engine")},
    {P E "}}\n", V, W("0:0+0", "providers.e.engine")},
    {P E "}}\n", P ", engine: {command: [/bin/e, -y]}}}\n", W("2:62+6", "providers.e.engine")},
    {P E "}}\n", P ", engine: {command: [/bin/e]}}}\n", W("2:62+6", "providers.e.engine")},
    {P E "}}\n", P ", engine: {command: [/bin/e, -x], ready: /up}}}\n",
     W("2:62+6", "providers.e.engine")},
    {P E "}}\n", V "providers: {f: {type: vllm, endpoints: \"http://127.0.0.1:9\"" E "}}\n",
     W("0:0+0", "providers.e.engine") "\n" W("2:62+6", "providers.f.engine")},
    /* the order of engines is not theirs to change */
    {P E "}, f: {type: vllm, endpoints: \"http://127.0.0.1:8\"" E "}}\n",
     V "providers: {f: {type: vllm, endpoints: \"http://127.0.0.1:8\"" E "},\n"
       " e: {type: vllm, endpoints: \"http://127.0.0.1:9\"" E "}}\n",
     ""},
    /* where an engine is asked whether it is ready */
    {P E "}}\n", AT("\"http://127.0.0.1:8\"") E "}}\n", W_PROBE("2:40+20")},
    {P E "}}\n", AT("\"http://127.0.0.2:9\"") E "}}\n", W_PROBE("2:40+20")},
    {P E "}}\n", AT("\"https://127.0.0.1:9\"") E "}}\n", W_PROBE("2:40+21")},
    {P E "}}\n", AT("[\"http://127.0.0.1:8\", \"http://127.0.0.1:9\"]") E "}}\n",
     W_PROBE("2:40+1")},
    {P E "}}\n", AT("\"http://127.0.0.1:8\"") ", engine: {command: [/bin/e]}}}\n",
     W_PROBE("2:40+20") "\n" W("2:62+6", "providers.e.engine")},
    {P E "}}\n", AT("[\"http://127.0.0.1:9/v1\", \"http://127.0.0.1:8\"]") E "}}\n", ""},
    {P "}}\n", AT("\"http://127.0.0.1:8\"") "}}\n", ""}, /* no engine */
    /* all of them, in the order of the file */
    {P "}}\n", P "}}\nserver: {workers: 1, drain: 1s, admin: 127.0.0.1:1, listen: 127.0.0.1:2}\n",
     W("3:19+1", "server.workers") "\n" W("3:29+2", "server.drain") "\n" W(
         "3:40+11", "server.admin") "\n" W("3:61+11", "server.listen")},
};

static struct settings *load(const char *text, const struct env *env, struct conf_report *r)
{
    struct settings *s = NULL;
    struct err e;

    if (settings_load(&s, span_str(text), SPAN_LIT("f"), env, r, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return s;
}

/* The report of the comparison alone. */
static void compare(const char *first, const char *next, const struct env *env, struct buf *out)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *a, *b;

    assert_non_null(r);
    conf_report_init(r);
    a = load(first, env, r);
    b = load(next, env, r);
    conf_report_fini(r);
    conf_report_init(r);
    settings_compare_start(a, b, r);
    assert_int_equal(r->errors, 0);
    dump_report(r, out);
    settings_unref(&a);
    settings_unref(&b);
    conf_report_fini(r);
    mem_free(r);
}

static void what_waits_for_the_next_start_is_told(void **state)
{
    static const char *const none[] = {NULL};
    struct env *env = NULL;
    struct buf out;
    struct err e;
    int wrong = 0;

    UNUSED(state);
    buf_init(&out, 1U << 16);
    assert_int_equal(env_new_table(&env, none, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        compare(rows[i].first, rows[i].next, env, &out);
        wrong += dump_differs(i, out.p, rows[i].want);
    }
    assert_int_equal(wrong, 0);
    env_free(&env);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_for_the_next_start_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
