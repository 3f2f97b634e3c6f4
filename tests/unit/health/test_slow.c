/* Goal: five slow streams with none between them that went well make a target slow for a minute.
 * Method: rows of streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "health/slow.h"

#define NOW UINT64_C(5000000000)

/* s: a slow one, g: one that goes well; each a microsecond behind the one before. */
static uint64_t after(const char *streams)
{
    uint64_t word = 0;

    for (uint64_t i = 0; streams[i]; i++)
        word = slow_note(word, streams[i] == 's', NOW + i);
    return word;
}

static void five_in_a_row(void **state)
{
    static const struct {
        const char *streams;
        uint64_t at; /* behind NOW; 0: it is not slow */
    } rows[] = {
        {"", 0},       {"ssss", 0},       {"sssss", 4},       {"ssssgs", 0},
        {"gsssss", 5}, {"ssssgsssss", 9}, {"sssssssss", 4},   {"ssssssssss", 9},
        {"sssssg", 4}, {"sssssgssss", 4}, {"sssssssssgs", 4}, {"gggg", 0},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slow_until_us(after(rows[i].streams)) != (rows[i].at ? NOW + rows[i].at + SLOW_US : 0))
            fail_msg("%s: %llu", rows[i].streams,
                     (unsigned long long)slow_until_us(after(rows[i].streams)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(five_in_a_row)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
