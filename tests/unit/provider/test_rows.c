/*
 * Goal: the rows are whole and free of contradictions, and bare model names find theirs.
 * Method: what must hold of every row; a table of names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/provider.h"

static void rows_are_whole(void **state)
{
    size_t n = 0;

    for (const struct provider *p; (p = provider_at(n)) != NULL; n++) {
        size_t paths = 0;

        assert_ptr_equal(provider_find(span_str(p->name)), p); /* names are unique, too */
        assert_true(p->title && p->env_keys && p->models && p->errors);
        assert_true(!p->base || strncmp(p->base, "https://", 8) == 0);
        assert_true(!p->base || p->base[strlen(p->base) - 1] != '/');
        assert_true(!p->engine || (!p->base && !p->key_needed));
        assert_true(p->caps & CAP_STREAM);
        if (p->priced_as) { /* one step, and no further */
            assert_non_null(provider_find(span_str(p->priced_as)));
            assert_null(provider_find(span_str(p->priced_as))->priced_as);
        }
        for (size_t op = 0; op < OPS; op++) {
            bool open = p->paths[op] && p->paths[op][strlen(p->paths[op]) - 1] == '*';
            const char *client = provider_op_row((enum provider_op)op)->path;

            paths += p->paths[op] != NULL;
            assert_true(!p->paths[op] || p->paths[op][0] == '/');
            assert_true(!open || client[strlen(client) - 1] == '*');
        }
        assert_true(paths > 0);
        assert_true(p->paths[OP_CHAT] || p->paths[OP_MESSAGES] || p->paths[OP_RESPONSES]);
        assert_int_equal(p->terminal == TERMINAL_MESSAGE_STOP,
                         p->paths[OP_MESSAGES] && !p->paths[OP_CHAT]);
    }
    assert_true(n > 15);
    assert_null(provider_at(n + 1));
    assert_null(provider_find(SPAN_LIT("nobody")));
}

static bool any(void *arg, const struct provider *p)
{
    return true;
}

static bool only(void *arg, const struct provider *p)
{
    return strcmp(p->name, arg) == 0;
}

static void names_find_their_provider(void **state)
{
    static const struct {
        const char *model, *provider;
    } rows[] = {
        {"gpt-5.1", "openai"},
        {"o4-mini", "openai"},
        {"text-embedding-3-small", "openai"},
        {"claude-sonnet-4-6", "anthropic"},
        {"gemini-3-pro", "gemini"},
        {"mistral-large-latest", "mistral"},
        {"codestral-2508", "mistral"},
        {"command-a-03-2025", "cohere"},
        {"deepseek-chat", "deepseek"},
        {"grok-4", "xai"},
        {"sonar-pro", "perplexity"},
        {"glm-4.6", "zai"},
        {"llama-3.3-70b", NULL},
        {"openai/gpt-5.1", NULL},
        {"", NULL},
    };
    char anthropic[] = "anthropic";

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct provider *p = provider_for_model(span_str(rows[i].model), any, NULL);

        if (!p != !rows[i].provider || (p && strcmp(p->name, rows[i].provider) != 0))
            fail_msg("'%s' is %s", rows[i].model, p ? p->name : "nobody's");
    }
    assert_null(provider_for_model(SPAN_LIT("gpt-5.1"), only, anthropic));
    assert_non_null(provider_for_model(SPAN_LIT("claude-x"), only, anthropic));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(names_find_their_provider),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
