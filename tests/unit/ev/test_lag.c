/* Goal: the lateness of a timer is the largest of the last 15 to 30 seconds, to the microsecond,
 * with what its turn did before.
 * Method: a script of (time, lateness of that time, what must be told) on the virtual loop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ev/ev_sim.h"
#include "ev/lag.h"

static const struct {
    ev_us due, at; /* it was due, and came */
    ev_us busy;    /* what the turn had done when it came */
    ev_us want;
    const char *why;
} script[] = {
    {EV_MS(250), EV_MS(250), 0, 0, "in time"},
    {EV_MS(500), EV_MS(503), 20, 3020, "late, and behind other work of its turn"},
    {EV_MS(750), EV_MS(751), 0, 3020, "the largest stays"},
    {EV_S(15) - 1, EV_S(15) - 1, 0, 3020, "the last moment of the first block"},
    {EV_S(15), EV_S(15) + 7, 0, 3020, "the block before counts"},
    {EV_S(20), EV_S(21), 0, EV_S(1), "a larger one"},
    {EV_S(30) + 6, EV_S(30) + 6, 0, EV_S(1), "one microsecond before it is a block of its own"},
    {EV_S(30) + 7, EV_S(30) + 7, 0, EV_S(1), "now that block is the one before"},
    {EV_S(45) + 7, EV_S(45) + 9, 0, 2, "and now it is forgotten"},
    {EV_S(99), EV_S(99) + 1, 0, 1, "so is all before a long pause"},
};

static void lateness_is_the_largest_lately(void **state)
{
    struct lag lag = {0};
    struct ev *ev = NULL;
    struct err e;

    UNUSED(state);
    assert_int_equal(ev_sim_new(&ev, 1, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        ev_us have;

        lag_expect(&lag, ev, script[i].due - ev_now(ev));
        ev_sim_run(ev, script[i].at);
        ev_sim_busy(ev, script[i].busy);
        have = lag_note(&lag, ev);
        if (have != script[i].want)
            fail_msg("%s: %llu", script[i].why, (unsigned long long)have);
    }
    ev_sim_free(&ev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lateness_is_the_largest_lately),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
