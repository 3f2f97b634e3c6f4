/* Goal: server and pool over HTTP/2 keep the contracts of http.h, server.h and client.h with each
 * other, under faults, and without memory.
 * Method: as test_h1.c, by prior knowledge. */
#include "table.h"

static void table(void **state)
{
    run_exchanges(true);
}

static void seeds(void **state)
{
    run_seeds(true);
}

static void torture(void **state)
{
    run_torture(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(seeds),
        cmocka_unit_test(torture),
    };

    return cmocka_run_group_tests_name("http/h2", tests, NULL, NULL);
}
