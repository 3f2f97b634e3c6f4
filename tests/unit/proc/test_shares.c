/* Goal: the shares of what a control group grants never pass it together, and are never nothing.
 * Method: what is granted, from too little to all there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proc/shares.h"

#define MIB (UINT64_C(1024) * 1024)

static void shares_are_of_what_is_there(void **state)
{
    static const struct {
        uint64_t granted;
        uint32_t workers;
        uint64_t bodies, translation, history; /* MiB */
    } rows[] = {
        {160 * MIB, 2, 7, 29, 15},  {512 * MIB, 2, 29, 119, 48},
        {512 * MIB, 4, 14, 57, 48}, {8192 * MIB, 2, 576, 2304, 60}, /* past requests use no more */
        {100 * MIB, 2, 4, 16, 9}, /* too little: each has what it needs at the least */
        {1, 1, 4, 16, 1},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct proc_shares s = proc_share(rows[i].granted, rows[i].workers, 60 * MIB);

        if (s.bodies / MIB != rows[i].bodies || s.translation / MIB != rows[i].translation ||
            s.history / MIB != rows[i].history)
            fail_msg("%zu: %llu, %llu and %llu MiB", i, (unsigned long long)(s.bodies / MIB),
                     (unsigned long long)(s.translation / MIB),
                     (unsigned long long)(s.history / MIB));
        if (rows[i].granted >= 160 * MIB)
            assert_true((s.bodies + s.translation) * rows[i].workers + s.history < rows[i].granted);
    }
}

static void all_there_is_overflows_nothing(void **state)
{
    struct proc_shares s = proc_share(UINT64_MAX - 1, 64, UINT64_MAX);

    UNUSED(state);
    assert_true(s.bodies + s.translation < UINT64_MAX / 64 && s.bodies < s.translation);
    assert_true(s.history < UINT64_MAX / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_of_what_is_there),
        cmocka_unit_test(all_there_is_overflows_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
