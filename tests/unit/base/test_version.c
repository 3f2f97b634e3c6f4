/* Goal: the program knows its version. Method: read it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/version.h"

static void version_is_set(void **state)
{
    (void)state;
    assert_non_null(version_text());
    assert_string_not_equal(version_text(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_is_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
