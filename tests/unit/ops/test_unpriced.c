/*
 * Goal: of each target without a price people hear once in a while, and nobody can make them hear
 * more. Method: a script of (time, target, cause, line); then more targets than there are places.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/unpriced.h"

static const char *say(struct unpriced *u, const char *target, enum pricing pricing, ev_us now)
{
    static char line[UNPRICED_TEXT];
    struct record r = {.pricing = pricing};

    snprintf(r.target, sizeof(r.target), "%s", target);
    return unpriced_add(u, &r, now, line) ? line : NULL;
}

#define NO_ROW "the model has no row in the price file (prices.file)"

static const struct {
    ev_us at;
    const char *target;
    enum pricing pricing;
    const char *line;
} script[] = {
    {0, "a/m", PRICING_NO_PRICE, "unpriced: what a/m costs is not known: " NO_ROW},
    {1, "a/m", PRICING_NO_PRICE, NULL},
    {1, "a/m", PRICING_NO_USAGE,
     "unpriced: what a/m costs is not known: the provider did not say how many tokens it took"},
    {2, "b/m", PRICING_NO_PRICE, "unpriced: what b/m costs is not known: " NO_ROW},
    {UNPRICED_AGAIN - 1, "a/m", PRICING_NO_PRICE, NULL},
    {UNPRICED_AGAIN, "a/m", PRICING_NO_PRICE,
     "unpriced: what a/m costs is not known: " NO_ROW " (2 more requests until now)"},
    {2 * UNPRICED_AGAIN, "a/m", PRICING_NO_PRICE, "unpriced: what a/m costs is not known: " NO_ROW},
    {2 * UNPRICED_AGAIN, "c/m", PRICING_KNOWN, NULL},
    {2 * UNPRICED_AGAIN, "c/m", PRICING_INCOMPLETE, NULL},
    {2 * UNPRICED_AGAIN, "c/m", PRICING_NOT_READ, NULL},
    {2 * UNPRICED_AGAIN, "c/m", PRICING_NOTHING, NULL},
    {2 * UNPRICED_AGAIN, "c/\n\033[1m", PRICING_NO_PRICE,
     "unpriced: what c/??[1m costs is not known: " NO_ROW},
};

static void a_target_is_told_once_in_a_while(void **state)
{
    struct unpriced u = {.n = 0};

    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        const char *line = say(&u, script[i].target, script[i].pricing, script[i].at);

        if (!line != !script[i].line || (line && strcmp(line, script[i].line) != 0))
            fail_msg("row %zu: %s", i, line ? line : "nothing");
    }
}

static void invented_names_fill_no_log(void **state)
{
    struct unpriced u = {.n = 0};
    char name[32];
    size_t lines = 0;

    for (unsigned i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "a/%u", i);
        lines += say(&u, name, PRICING_NO_PRICE, 5) != NULL;
    }
    assert_int_equal(lines, UNPRICED_PLACES);
    assert_null(say(&u, "a/9999", PRICING_NO_PRICE, 5 + UNPRICED_AGAIN - 1));
    assert_non_null(say(&u, "a/9999", PRICING_NO_PRICE, 5 + UNPRICED_AGAIN)); /* a place is free */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_told_once_in_a_while),
        cmocka_unit_test(invented_names_fill_no_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
