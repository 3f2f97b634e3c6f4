/* Goal: a conversation leaves the target that has read it for a cheaper one, and when what was read
 * is forgotten; else it stays.
 * Method: both conditions at their bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/stay.h"

static void it_stays_while_that_is_not_dearer(void **state)
{
    static const struct {
        uint64_t idle_us, there, elsewhere;
        bool stays;
    } rows[] = {
        {0, 10, 100, true},
        {0, 10, 10, true},
        {0, 10, 9, false},
        {0, 0, 0, true},
        {0, ROUTE_NO_PRICE, 0, true},
        {0, 10, ROUTE_NO_PRICE, true},
        {0, ROUTE_NO_PRICE, ROUTE_NO_PRICE, true},
        {ROUTE_WARM_US - 1, 10, 100, true},
        {ROUTE_WARM_US, 10, 100, false},
        {ROUTE_WARM_US, ROUTE_NO_PRICE, ROUTE_NO_PRICE, false},
        {UINT64_MAX, 10, 100, false},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (route_stays(rows[i].idle_us, rows[i].there, rows[i].elsewhere) != rows[i].stays)
            fail_msg("row %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stays_while_that_is_not_dearer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
