/*
 * Goal: people hear when a cloud gives no credential any more, when that gets worse, once in a
 * while as long as it lasts, and when it is over; of each provider apart.
 * Method: a script of (time, provider, state, line); then more providers than there are places.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/creds.h"

static const char *say(struct creds *c, const char *provider, enum granted_state state, ev_us now)
{
    static char line[CREDS_TEXT];
    struct granted g = {.state = state, .until_ms = 1767225600000, .why = "no\nway"};

    return creds_say(c, span_str(provider), "some cloud", &g, now, line) ? line : NULL;
}

#define STALE                                                                                      \
    "credentials of v (some cloud): cannot be renewed, and end at "                                \
    "2026-01-01T00:00:00.000Z: no?way"
#define NONE "credentials of v (some cloud): there are none, and requests fail: no?way"

static const struct {
    ev_us at;
    const char *provider;
    enum granted_state state;
    const char *line;
} script[] = {
    {0, "v", GRANTED_NONE, NULL},
    {0, "v", GRANTED_GOOD, NULL},
    {1, "v", GRANTED_STALE, STALE},
    {2, "v", GRANTED_STALE, NULL},
    {2, "w", GRANTED_GOOD, NULL},
    {3, "w", GRANTED_FAILED,
     "credentials of w (some cloud): there are none, and requests fail: no?way"},
    {CREDS_AGAIN, "v", GRANTED_STALE, NULL},
    {CREDS_AGAIN + 1, "v", GRANTED_STALE, STALE},
    {CREDS_AGAIN + 2, "v", GRANTED_FAILED, NONE},
    {CREDS_AGAIN + 3, "v", GRANTED_GOOD, "credentials of v (some cloud): renewed again"},
    {CREDS_AGAIN + 4, "v", GRANTED_GOOD, NULL},
    {CREDS_AGAIN + 5, "w", GRANTED_NONE,
     "credentials of w (some cloud): nobody asks for them any more"},
    {CREDS_AGAIN + 6, "v", GRANTED_FAILED, NONE},
};

static void trouble_is_told_from_its_beginning_to_its_end(void **state)
{
    struct creds c = {.n = 0};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        const char *line = say(&c, script[i].provider, script[i].state, script[i].at);

        if (!line != !script[i].line || (line && strcmp(line, script[i].line) != 0))
            fail_msg("row %zu: %s", i, line ? line : "nothing");
    }
}

static void places_come_back(void **state)
{
    struct creds c = {.n = 0};
    char name[16];

    UNUSED(state);
    for (unsigned i = 0; i < BOARD_CREDS; i++) {
        snprintf(name, sizeof(name), "p-%u", i);
        assert_non_null(say(&c, name, GRANTED_FAILED, 5));
    }
    assert_null(say(&c, "one-more", GRANTED_FAILED, 5));
    assert_non_null(say(&c, "p-7", GRANTED_GOOD, 5));
    assert_non_null(say(&c, "one-more", GRANTED_FAILED, 5));
    assert_null(say(&c, "another", GRANTED_FAILED, 5 + 2 * CREDS_AGAIN - 1));
    assert_non_null(say(&c, "another", GRANTED_FAILED, 5 + 2 * CREDS_AGAIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trouble_is_told_from_its_beginning_to_its_end),
        cmocka_unit_test(places_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
