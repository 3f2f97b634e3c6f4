/* Goal: who is moved before or behind the strategy's order is who the rules name, in the order in
 * which the rules stand, and nobody else moves.
 * Method: a table; names of one letter, in the order of the strategy, become the order that is
 * asked; what stands behind a bar is no candidate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/arrange.h"

#define U ROUTE_UNWANTED

/* a and A are ways to target 0, b to 1, ... */
static const struct row {
    const char *why, *given;
    const char *wanted;  /* in this order; NULL: the request names nobody */
    const char *kin;     /* of the first: these too, and each of the other */
    const char *drained; /* these */
    const char *tier_2;  /* these */
    char sits;           /* 0: none does */
    bool no_others;
    const char *want;
} rows[] = {
    {"nobody", "", NULL, "", "", "", 0, true, ""},
    {"nothing is said", "abcd", NULL, "", "", "", 0, false, "abcd"},
    {"the conversation sits", "abcd", NULL, "", "", "", 'c', false, "cabd"},
    {"kin goes next", "abcd", NULL, "ad", "", "", 0, false, "adbc"},
    {"... behind whom the conversation sits at", "abcd", NULL, "ad", "", "", 'd', false, "dabc"},
    {"... and not from another tier", "abcd", NULL, "acd", "", "d", 0, false, "acbd"},
    {"named ones go as they are named", "abcd", "db", "", "", "", 0, false, "dbac"},
    {"... whoever is kin, and sits", "abcd", "b", "ad", "", "", 'c', false, "bacd"},
    {"... and whatever the tier", "abcd", "d", "", "", "d", 0, false, "dabc"},
    {"... all ways to them", "abAc", "ca", "", "", "", 0, false, "caAb"},
    {"nobody but those that are named", "abcd", "db", "", "", "", 0, true, "db|ac"},
    {"... of whom there is none", "abcd", "", "", "", "", 0, true, "|abcd"},
    {"nobody but the first target", "abAc", NULL, "", "", "", 0, true, "aA|bc"},
    {"... which is where the conversation sits", "abAc", NULL, "", "", "", 'b', true, "b|aAc"},
    {"drained ones go last", "abcd", NULL, "", "ac", "", 0, false, "bdac"},
    {"... of all tiers", "abcd", NULL, "", "a", "cd", 0, false, "bcda"},
    {"... though they are named", "abcd", "ab", "", "a", "", 0, false, "bcda"},
    {"... though they are kin, or sit", "abcd", NULL, "ab", "ab", "", 'a', false, "cdab"},
    {"... of those that are left", "abcd", "ab", "", "a", "", 0, true, "ba|cd"},
    {"... all of them", "abcd", NULL, "", "abcd", "", 0, false, "abcd"},
};

static bool is_in(const char *list, char c)
{
    return list && strchr(list, c);
}

static uint8_t target_of(char c)
{
    return (uint8_t)((c | 32) - 'a');
}

static struct route_place place_of(const struct row *r, char c)
{
    char name = (char)(c | 32);
    const char *at = r->wanted ? strchr(r->wanted, name) : NULL;
    struct route_place p = {.target = target_of(c),
                            .tier = is_in(r->tier_2, name),
                            .wanted = at ? (uint8_t)(at - r->wanted) : U,
                            .sits = r->sits == c,
                            .drained = is_in(r->drained, name)};

    for (const char *k = r->kin; is_in(r->kin, name) && *k; k++)
        p.kin |= UINT32_C(1) << target_of(*k);
    return p;
}

static void who_goes_before_whom(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        size_t n = strlen(r->given), kept, w = 0;
        struct route_place p[8];
        uint8_t order[8];
        char got[16];

        for (size_t k = 0; k < n; k++) {
            p[k] = place_of(r, r->given[k]);
            order[k] = (uint8_t)k;
        }
        kept = route_arrange(order, p, n, (struct route_wish){r->wanted != NULL, r->no_others});
        for (size_t k = 0; k < n; k++) {
            if (k == kept)
                got[w++] = '|';
            got[w++] = r->given[order[k]];
        }
        got[w] = '\0';
        if (strcmp(got, r->want) != 0)
            fail_msg("%s: %s, and not %s", r->why, got, r->want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_goes_before_whom)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
