/* Goal: the environment alone gives the providers whose variables are set, by the rows; what
 * cannot be used is said and left out; no key is ever in a text; variables are wiped once taken.
 * Method: a table of environments and the configuration that comes of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/mem.h"
#include "conf/dump.h"
#include "settings/settings.h"

#define VARS_MAX 6

static const struct {
    const char *vars[VARS_MAX];
    const char *text; /* behind "version: 1\n" */
    const char *report;
} rows[] = {
    {{NULL}, "", "W004 0:0+0 no providers; every request will be refused"},
    {{"OPENAI_API_KEY=", NULL}, "", "W004 0:0+0 no providers; every request will be refused"},
    {{"OPENAI_API_KEY=sk-1", NULL},
     "pass: [openai]\nproviders:\n  openai:\n    type: openai\n    key: env:OPENAI_API_KEY\n",
     ""},
    {{"ANTHROPIC_API_KEY=sk-ant-2", "OPENAI_API_KEY=sk-1",
      "OPENAI_BASE_URL=http://127.0.0.1:4000/v1", NULL},
     "pass: [openai, anthropic]\n"
     "providers:\n  openai:\n    type: openai\n    key: env:OPENAI_API_KEY\n"
     "    endpoints: \"http://127.0.0.1:4000/v1\"\n    private: true\n"
     "  anthropic:\n    type: anthropic\n    key: env:ANTHROPIC_API_KEY\n",
     ""},
    {{"OPENAI_API_KEY=sk-1", "OPENAI_BASE_URL=api.example.com", NULL},
     "",
     "W006 0:0+0 OPENAI_BASE_URL is not a usable http:// or https:// URL; the provider is left "
     "out\n"
     "W004 0:0+0 no providers; every request will be refused"},
    {{"OPENAI_API_KEY=sk-1", "OPENAI_BASE_URL=http://169.254.169.254/", NULL},
     "",
     "W006 0:0+0 OPENAI_BASE_URL is not a usable http:// or https:// URL; the provider is left "
     "out\n"
     "W004 0:0+0 no providers; every request will be refused"},
    {{"OPENAI_API_KEY=sk-1", "OPENAI_BASE_URL=https://x\"\n  evil: {type: openai}", NULL},
     "",
     "W006 0:0+0 OPENAI_BASE_URL is not a usable http:// or https:// URL; the provider is left "
     "out\n"
     "W004 0:0+0 no providers; every request will be refused"},
    {{"AZURE_OPENAI_API_KEY=az", NULL},
     "",
     "W006 0:0+0 AZURE_OPENAI_API_KEY is set but AZURE_OPENAI_ENDPOINT is not; Azure OpenAI (v1) "
     "is left out\n"
     "W004 0:0+0 no providers; every request will be refused"},
    {{"AZURE_OPENAI_API_KEY=az", "AZURE_OPENAI_ENDPOINT=https://x.openai.azure.com/", NULL},
     "pass: [azure]\nproviders:\n  azure:\n    type: azure\n    key: env:AZURE_OPENAI_API_KEY\n"
     "    endpoints: \"https://x.openai.azure.com/\"\n",
     ""},
    {{"GOOGLE_API_KEY=g", "VLLM_BASE_URL=http://10.0.0.1:8000", NULL},
     "pass: [gemini, vllm]\nproviders:\n  gemini:\n    type: gemini\n    key: env:GOOGLE_API_KEY\n"
     "  vllm:\n    type: vllm\n    endpoints: \"http://10.0.0.1:8000\"\n",
     ""},
    /* who has no path of its own that passes through is not named, and nobody may be left */
    {{"OPENAI_API_KEY=sk-1", "XAI_API_KEY=x", "GROQ_API_KEY=g", NULL},
     "pass: [openai]\nproviders:\n  openai:\n    type: openai\n    key: env:OPENAI_API_KEY\n"
     "  groq:\n    type: groq\n    key: env:GROQ_API_KEY\n"
     "  xai:\n    type: xai\n    key: env:XAI_API_KEY\n",
     ""},
    {{"CEREBRAS_API_KEY=c", NULL},
     "providers:\n  cerebras:\n    type: cerebras\n    key: env:CEREBRAS_API_KEY\n",
     ""},
};

static void the_environment_becomes_a_configuration(void **state)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *s = NULL;
    struct env *env = NULL;
    struct buf text, out;
    struct err e;
    int wrong = 0;

    UNUSED(state);
    buf_init(&text, 1U << 20);
    buf_init(&out, 1U << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(env_new_table(&env, rows[i].vars, &e), 0);
        conf_report_init(r);
        buf_reset(&text);
        settings_auto_text(&text, env, r);
        buf_add_char(&text, '\0');
        assert_true(span_starts(buf_span(&text), SPAN_LIT("version: 1\n")));
        wrong += dump_differs(i, text.p + 11, rows[i].text);
        conf_report_fini(r);
        if (settings_auto(&s, env, r, &e) < 0)
            fail_msg("row %zu: %s", i, e.text);
        dump_report(r, &out);
        wrong += dump_differs(i, out.p, rows[i].report);
        assert_true(span_is(s->source, "environment"));
        assert_true(s->keys_open);
        assert_int_equal(s->pass_n > 0, strstr(rows[i].text, "pass: [") != NULL);
        conf_report_fini(r);
        settings_unref(&s);
        env_free(&env);
    }
    assert_int_equal(wrong, 0);
    mem_free(r);
    buf_fini(&text);
    buf_fini(&out);
}

static const struct {
    const char *vars[VARS_MAX];
    const char *url, *auth, *no_proxy; /* url NULL: no proxy */
    const char *report;
} proxies[] = {
    {{"HTTPS_PROXY=http://p:3128", "NO_PROXY=a,.b", NULL}, "http://p:3128", NULL, "a,.b", ""},
    {{"https_proxy=p:3128", "HTTPS_PROXY=http://other", NULL}, "http://p:3128", NULL, NULL, ""},
    {{"HTTP_PROXY=http://p", NULL}, NULL, NULL, NULL, ""}, /* the target is https */
    {{"HTTPS_PROXY=https://us%65r:p%40ss@p:8443/", NULL}, "https://p:8443/", "user:p@ss", NULL, ""},
    {{"HTTPS_PROXY=socks5://p", NULL},
     NULL,
     NULL,
     NULL,
     "W006 0:0+0 HTTPS_PROXY is not a proxy's URL; it is left out"},
    {{"HTTPS_PROXY=http://u:%zz@p", NULL},
     NULL,
     NULL,
     NULL,
     "W006 0:0+0 HTTPS_PROXY is not a proxy's URL; it is left out"},
    {{"HTTPS_PROXY=", NULL}, NULL, NULL, NULL, ""},
};

static void proxies_come_from_the_environment(void **state)
{
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    const char *vars[VARS_MAX + 2] = {"OPENAI_API_KEY=sk-1"};
    const struct settings_proxy *p;
    struct settings *s = NULL;
    struct env *env = NULL;
    struct buf out;
    struct err e;

    UNUSED(state);
    buf_init(&out, 1U << 20);
    for (size_t i = 0; i < ARRAY_LEN(proxies); i++) {
        memcpy(vars + 1, proxies[i].vars, sizeof(proxies[i].vars));
        assert_int_equal(env_new_table(&env, vars, &e), 0);
        conf_report_init(r);
        assert_int_equal(settings_auto(&s, env, r, &e), 0);
        dump_report(r, &out);
        assert_string_equal(out.p, proxies[i].report);
        p = &s->providers[0].proxy;
        assert_int_equal(p->set, proxies[i].url != NULL);
        if (p->set) {
            assert_true(span_is(p->url.text, proxies[i].url));
            assert_true(span_eq(p->auth.bytes, span_str(proxies[i].auth)));
            assert_true(span_eq(p->no_proxy, span_str(proxies[i].no_proxy)));
        }
        settings_unref(&s);
        conf_report_fini(r);
        env_free(&env);
    }
    mem_free(r);
    buf_fini(&out);
}

static void two_snapshots_have_their_own_secrets(void **state)
{
    char key[] = "OPENAI_API_KEY=sk-first";
    char *strings[] = {key, NULL}, **block = strings;
    struct conf_report *r = mem_zalloc(1, sizeof(*r));
    struct settings *a = NULL, *b = NULL;
    struct env *env = NULL;
    struct err e;

    UNUSED(state);
    assert_int_equal(env_take(&env, &block, &e), 0);
    conf_report_init(r);
    assert_int_equal(settings_auto(&a, env, r, &e), 0);
    assert_string_equal(key, "");
    assert_int_equal(settings_auto(&b, env, r, &e), 0); /* a reload finds it again */
    assert_true(a->id == b->id);
    settings_unref(&a);
    env_free(&env);
    assert_true(span_is(b->providers[0].keys[0].bytes, "sk-first"));
    settings_unref(&b);
    conf_report_fini(r);
    mem_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_becomes_a_configuration),
        cmocka_unit_test(proxies_come_from_the_environment),
        cmocka_unit_test(two_snapshots_have_their_own_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
