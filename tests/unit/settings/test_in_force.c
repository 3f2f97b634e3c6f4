/* Goal: no key promises what the program does not do: of every key that takes a list all entries
 * are used. Method: walk the tables of keys beside the names that stand here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "settings/build.h"

/* Lists of which every entry counts. Who adds one has a test of its second entry. */
static const char *const in_force[] = {
    "server.listen",
    "providers.NAME.no_proxy",
    "providers.NAME.engine.command",
    "keys.NAME.models",
    "pass",
    "models.NAME.targets[]",
    "models.NAME.targets[].jurisdiction",
    "models.NAME.targets[].contract",
    "models.NAME.targets[].tags",
    "models.NAME.targets[].when.keys",
    "models.NAME.degraded[]",
    "models.NAME.degraded[].jurisdiction",
    "models.NAME.degraded[].contract",
    "models.NAME.degraded[].tags",
    "models.NAME.degraded[].when.keys",
    "models.NAME.prefer",
    "models.NAME.require",
    "keys.NAME.tags",
    "models.NAME.data_class",
    "keys.NAME.data_class",
    "data_classes.NAME.jurisdiction",
    "data_classes.NAME.contract",
    "providers.NAME.jurisdiction",
    "providers.NAME.contract",
    "providers.NAME.key",
    "providers.NAME.endpoints[]",
};

static size_t said_in_force(const char *key)
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(in_force); i++)
        n += strcmp(in_force[i], key) == 0;
    return n;
}

/* Lists that are named not at all or twice; *ret_lists counts all. The tables' nesting is the
 * depth. */
static size_t unclear(const struct conf_table *t, const char *path, size_t *ret_lists)
{
    size_t wrong = 0;
    char below[128];

    for (size_t i = 0; i < t->n; i++) {
        const struct conf_key *k = &t->keys[i];

        snprintf(below, sizeof(below), "%s%s%s%s", path, path[0] ? "." : "", k->name,
                 k->shape == CONF_MAP     ? ".NAME"
                 : k->shape == CONF_ITEMS ? "[]"
                                          : "");
        if (k->table)
            wrong += unclear(k->table, below, ret_lists);
        if (k->shape != CONF_LIST && k->shape != CONF_ONE_OR_LIST && k->shape != CONF_ITEMS)
            continue;
        ++*ret_lists;
        if (said_in_force(below) == 1)
            continue;
        print_error("%s: named %zu times\n", below, said_in_force(below));
        wrong++;
    }
    return wrong;
}

static void every_list_is_in_force(void **state)
{
    size_t lists = 0;

    UNUSED(state);
    assert_int_equal(unclear(&keys_table, "", &lists), 0);
    assert_int_equal(ARRAY_LEN(in_force), lists); /* no name of a key that is not there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_list_is_in_force),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
