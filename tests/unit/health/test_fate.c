/* Goal: two different ones that become sick together, with no answer between, are one fault; one
 * alone, or two far apart, are none. Method: scripts of (time, who) at each bound and past it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/breaker.h"
#include "health/fate.h"

#define SECOND UINT64_C(1000000)
#define NOW    (5000 * SECOND)

static void it_takes_two_that_are_different_and_near(void **state)
{
    static const struct {
        struct {
            uint64_t who, at_s;
        } sick[4]; /* who 0: somebody answers */
        size_t n;
        bool open;
        const char *what;
    } rows[] = {
        {{{7, 0}}, 1, false, "one"},
        {{{7, 0}, {7, 1}, {7, 2}, {7, 3}}, 4, false, "one again and again"},
        {{{7, 0}, {8, 0}}, 2, true, "two at once"},
        {{{7, 0}, {8, 30}}, 2, true, "two within the window"},
        {{{7, 0}, {8, 31}}, 2, false, "two too far apart"},
        {{{7, 0}, {8, 31}, {7, 32}}, 3, true, "the second and the first again"},
        {{{7, 0}, {0, 1}, {8, 2}}, 3, false, "an answer between"},
        {{{7, 0}, {0, 1}, {8, 2}, {7, 3}}, 4, true, "both after an answer"},
        {{{7, 0}, {8, 1}, {0, 2}}, 3, false, "an answer after"},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t word = 0;

        for (size_t k = 0; k < rows[i].n; k++) {
            bool before = fate_is_open(word), opens = false;

            if (rows[i].sick[k].who == 0)
                word = 0;
            else
                word = fate_sick(word, rows[i].sick[k].who, NOW + rows[i].sick[k].at_s * SECOND,
                                 &opens);
            if (opens != (!before && fate_is_open(word)))
                fail_msg("%s: step %zu says that it opens: %d", rows[i].what, k, opens);
        }
        if (fate_is_open(word) != rows[i].open)
            fail_msg("%s: open %d", rows[i].what, fate_is_open(word));
    }
}

/* Whatever its hash is, one is never another, and never nobody. */
static void a_witness_is_itself(void **state)
{
    static const uint64_t who[] = {1, UINT64_MAX, UINT64_C(1) << 27, (UINT64_C(1) << 27) + 1, 0};
    bool opens;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(who); i++) {
        uint64_t word = fate_sick(0, who[i], NOW, &opens);

        assert_int_not_equal(word, 0);
        assert_false(opens);
        word = fate_sick(word, who[i], NOW, &opens);
        assert_false(opens);
        UNUSED(fate_sick(word, 12345, NOW, &opens));
        assert_true(opens);
    }
}

static void each_probe_that_fails_doubles_the_time_up_to_a_minute(void **state)
{
    static const uint64_t most_s[] = {5, 10, 20, 40, 60, 60};
    bool opens;
    uint64_t word;

    UNUSED(state);
    word = fate_sick(fate_sick(0, 1, NOW, &opens), 2, NOW, &opens);
    for (size_t i = 0; i < ARRAY_LEN(most_s); i++) {
        assert_int_equal(fate_open_us(word, 0), most_s[i] * SECOND / 2);
        assert_int_equal(fate_open_us(word, UINT32_MAX), most_s[i] * SECOND);
        word = fate_still_sick(word);
        assert_true(fate_is_open(word));
    }
    for (size_t i = 0; i < 40; i++)
        word = fate_still_sick(word);
    assert_int_equal(fate_open_us(word, UINT32_MAX), FATE_MOST_US);
    assert_true(word == fate_sick(word, 9, NOW, &opens)); /* it is open already */
    assert_false(opens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_takes_two_that_are_different_and_near),
        cmocka_unit_test(a_witness_is_itself),
        cmocka_unit_test(each_probe_that_fails_doubles_the_time_up_to_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
