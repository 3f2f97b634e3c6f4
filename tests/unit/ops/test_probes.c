/* Goal: each probe turns over at its exact microsecond, and for its own reasons only.
 * Method: a table of boards at a time, with the verdict of all three probes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ops/probes.h"

#define S(n) ((uint64_t)(n) * 1000000)

struct slot {
    uint64_t pid, turned_us, generation, draining;
};

static const struct {
    uint64_t now_us, started_us, generation, draining;
    struct slot slots[2];
    bool live, ready, started;
    const char *why;
} rows[] = {
    {S(100), S(90), 1, 0, {{1, S(100), 1, 0}, {2, S(99), 1, 0}}, true, true, true, "all is well"},
    {S(100), S(100), 1, 0, {{0}, {0}}, true, false, false, "just started"},
    {S(115), S(100), 1, 0, {{0}, {0}}, true, false, false, "15 s without a turn: not yet dead"},
    {S(115) + 1, S(100), 1, 0, {{0}, {0}}, false, false, false, "one us later: dead"},
    {S(110), S(100), 1, 0, {{1, S(110), 1, 0}, {2, 0, 0, 0}}, true, true, false, "one is late"},
    {S(100), S(1), 1, 0, {{1, S(85), 1, 0}, {2, S(80), 1, 0}}, true, false, true, "both silent"},
    {S(100), S(1), 1, 0, {{1, S(85) - 1, 1, 0}, {2, S(80), 1, 0}}, false, false, true, "too long"},
    {S(100), S(1), 1, 0, {{1, S(95), 1, 0}, {0, S(10), 1, 0}}, true, true, true, "5 s: serves"},
    {S(100), S(1), 1, 0, {{1, S(95) - 1, 1, 0}, {0, S(10), 1, 0}}, true, false, true, "silent"},
    {S(100), S(1), 2, 0, {{1, S(100), 1, 0}, {2, S(100), 1, 0}}, true, false, true, "old config"},
    {S(100), S(1), 2, 0, {{1, S(100), 1, 0}, {2, S(100), 2, 0}}, true, true, true, "one is new"},
    {S(100), S(1), 1, 1, {{1, S(100), 1, 1}, {2, S(100), 1, 1}}, true, false, true, "draining"},
    {S(100), S(1), 1, 1, {{1, S(100), 1, 0}, {2, S(100), 1, 0}}, true, false, true, "about to"},
    {S(100), S(1), 1, 0, {{1, S(100), 1, 1}, {2, S(100), 1, 0}}, true, true, true, "one drains"},
    {S(100), S(1), 1, 0, {{0, S(100), 1, 0}, {0, S(99), 1, 0}}, true, false, true, "both gone"},
    {S(100), S(1), 1, 0, {{1, S(200), 1, 0}, {2, S(1), 1, 0}}, true, true, true, "time ahead"},
};

static void fill(struct board *b, size_t row)
{
    board_set(&b->started_us, rows[row].started_us);
    board_set(&b->generation, rows[row].generation);
    board_set(&b->draining, rows[row].draining);
    for (size_t i = 0; i < ARRAY_LEN(rows[row].slots); i++) {
        const struct slot *s = &rows[row].slots[i];

        board_set(&b->workers[i].pid, s->pid);
        board_set(&b->workers[i].turned_us, s->turned_us);
        board_set(&b->workers[i].generation, s->generation);
        board_set(&b->workers[i].draining, s->draining);
    }
}

static void probes_follow_the_table(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const bool want[] = {rows[i].live, rows[i].ready, rows[i].started};
        struct board *b = NULL;
        struct buf why;
        struct err e;

        assert_int_equal(board_new(&b, &e), 0);
        buf_init(&why, 4096);
        fill(b, i);
        for (size_t p = 0; p < ARRAY_LEN(want); p++)
            if (probes_check((enum probe)p, b, 2, rows[i].now_us, &why) != want[p])
                fail_msg("row %zu, probe %zu: %s", i, p, rows[i].why);
        buf_fini(&why);
        board_free(&b);
    }
}

static void reasons_are_listed(void **state)
{
    static const char want[] = "[-] the gateway is not draining\n"
                               "[+] a worker serves the current configuration\n"
                               "[+] worker 0: ok\n"
                               "[-] worker 1: silent\n"
                               "[-] worker 2: starting\n"
                               "[-] worker 3: gone\n"
                               "[-] worker 4: draining\n"
                               "[-] worker 5: outdated\n";
    static const struct slot slots[] = {{1, S(100), 3, 0}, {2, S(90), 3, 0},  {3, 0, 0, 0},
                                        {0, S(99), 3, 0},  {5, S(100), 3, 1}, {6, S(100), 2, 0}};
    struct board *b = NULL;
    struct buf why;
    struct err e;

    UNUSED(state);
    assert_int_equal(board_new(&b, &e), 0);
    buf_init(&why, 4096);
    board_set(&b->generation, 3);
    board_set(&b->draining, 1);
    for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
        board_set(&b->workers[i].pid, slots[i].pid);
        board_set(&b->workers[i].turned_us, slots[i].turned_us);
        board_set(&b->workers[i].generation, slots[i].generation);
        board_set(&b->workers[i].draining, slots[i].draining);
    }
    assert_false(probes_check(PROBE_READY, b, ARRAY_LEN(slots), S(100), &why));
    buf_add_char(&why, '\0');
    assert_string_equal(why.p, want);
    buf_fini(&why);
    board_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_follow_the_table),
        cmocka_unit_test(reasons_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
