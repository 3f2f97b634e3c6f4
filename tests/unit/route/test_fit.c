/* Goal: a target is asked for the requests that its conditions and tags are for, and for no others.
 * Method: each condition at its bound and past it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/fit.h"

static const struct span ab[] = {SPAN_LIT("a"), SPAN_LIT("b")}, b[] = {SPAN_LIT("b")},
                         c[] = {SPAN_LIT("c")};

#define WORDS(list) {list, ARRAY_LEN(list)}
#define ANY         .tokens_below = UINT64_MAX

static void every_condition_is_one_of_its_own(void **state)
{
    static const struct {
        struct route_when when;
        struct route_words tags;
        struct route_asked asked;
        enum route_misfit want;
    } rows[] = {
        {{ANY}, {0}, {.tokens = 0}, ROUTE_FITS},
        {{ANY}, {0}, {.tokens = UINT64_MAX}, ROUTE_FITS},
        {{ANY, .tokens_least = 101}, {0}, {.tokens = 100}, ROUTE_TOKENS_OVER},
        {{ANY, .tokens_least = 101}, {0}, {.tokens = 101}, ROUTE_FITS},
        {{.tokens_below = 100}, {0}, {.tokens = 99}, ROUTE_FITS},
        {{.tokens_below = 100}, {0}, {.tokens = 100}, ROUTE_TOKENS_UNDER},
        {{ANY, .stream = ROUTE_YES}, {0}, {.stream = true}, ROUTE_FITS},
        {{ANY, .stream = ROUTE_YES}, {0}, {.tokens = 1}, ROUTE_STREAM},
        {{ANY, .stream = ROUTE_NO}, {0}, {.stream = true}, ROUTE_STREAM},
        {{ANY, .stream = ROUTE_NO}, {0}, {.tokens = 1}, ROUTE_FITS},
        {{ANY, .tools = ROUTE_YES}, {0}, {.tools = true}, ROUTE_FITS},
        {{ANY, .tools = ROUTE_YES}, {0}, {.tokens = 1}, ROUTE_TOOLS},
        {{ANY, .tools = ROUTE_NO}, {0}, {.tools = true}, ROUTE_TOOLS},
        {{ANY, .keys = WORDS(ab)}, {0}, {.key = {"b", 1}}, ROUTE_FITS},
        {{ANY, .keys = WORDS(ab)}, {0}, {.key = {"c", 1}}, ROUTE_KEYS},
        {{ANY, .keys = WORDS(ab)}, {0}, {.tokens = 1}, ROUTE_KEYS}, /* a client without a key */
        {{ANY}, WORDS(ab), {.tags = WORDS(b)}, ROUTE_FITS},
        {{ANY}, WORDS(ab), {.tags = WORDS(ab)}, ROUTE_FITS},
        {{ANY}, WORDS(b), {.tags = WORDS(ab)}, ROUTE_TAGS},
        {{ANY}, WORDS(ab), {.tags = WORDS(c)}, ROUTE_TAGS},
        {{ANY}, {0}, {.tags = WORDS(c)}, ROUTE_TAGS},
        {{ANY}, WORDS(ab), {.tokens = 1}, ROUTE_FITS}, /* who asks for no tags takes any */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum route_misfit got = route_misfit(&rows[i].when, rows[i].tags, &rows[i].asked);

        if (got != rows[i].want)
            fail_msg("row %zu: %s, not %s", i, route_misfit_word(got),
                     route_misfit_word(rows[i].want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_condition_is_one_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
