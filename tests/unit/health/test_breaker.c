/* Goal: a breaker opens by exactly the rules of its header, closes again, and never for longer than
 * they say; its word holds whatever comes.
 * Method: results as letters, at the bounds and past them; thousands of random results and leaps of
 * time against the same rules in doubles. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "health/breaker.h"

#define SECOND UINT64_C(1000000)
#define NOW    (1000 * SECOND)

/* S: success, F: failure, s and f: of a probe. *last: whether the last one opened it. */
static uint64_t run(uint64_t word, const char *results, uint64_t now_us, uint64_t gap_us,
                    bool *last)
{
    *last = false;
    for (const char *c = results; *c; c++, now_us += gap_us)
        word = breaker_result(word, *c == 'S' || *c == 's', *c == 's' || *c == 'f', now_us, last);
    return word;
}

static uint64_t opened(uint64_t now_us)
{
    bool opens;
    uint64_t word = run(0, "FFFFF", now_us, 0, &opens);

    assert_true(opens && breaker_read(word, now_us).open);
    return word;
}

#define S10 "SSSSSSSSSS"
#define S50 S10 S10 S10 S10 S10

static void it_opens_by_its_rules(void **state)
{
    static const struct {
        const char *results;
        uint64_t gap_us;
        bool opens; /* by the last one, and not before */
    } rows[] = {
        {"F", 0, false},
        {"FFFF", 0, false},
        {"FFFFF", 0, true},
        /* in a row, where it is no fifth of all */
        {S50 "FFFF", 0, false},
        {S50 "FFFFF", 0, true},
        {S50 "FFFFS" S50 "FFFF", 0, false},
        {"FFFF", 3600 * SECOND, false},
        {"FFFFF", 3600 * SECOND, true},
        /* a fifth, and more */
        {"SSSSF"
         "SSSSF"
         "SSSSF"
         "SSSSF",
         0, false},
        {"SSSSF"
         "SSSSF"
         "SSSSF"
         "SSSF",
         0, true},
        {"SFSFSS", 0, false},
        {"SSSSSSSSSFF", 0, false},
        {"SSSSSSSFF", 0, true},
        /* of too few */
        {"SSFF", 0, false},
        {"SFFF", 0, false},
        {"SSFSF", 0, true},
        /* a success makes of too few enough, but opens nothing */
        {"FFFS", 0, false},
        {"FFFSSS", 0, false},
        {"FFFSF", 0, true},
        {"FFF" S10 "SSSSSF", 0, true},   /* 4 of 19 */
        {"FFF" S10 "SSSSSSF", 0, false}, /* 4 of 20 */
        /* what was long ago counts less, and nothing at last */
        {"SSFSF", 21 * SECOND, false},
        {"FFFS", 60 * SECOND, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *results = rows[i].results;
        bool opens = false, before = false;
        uint64_t word = 0, now = NOW;

        for (const char *c = results; *c; c++, now += rows[i].gap_us) {
            before |= opens;
            word = breaker_result(word, *c == 'S', false, now, &opens);
            assert_true(breaker_read(word, now).open == (before || opens));
        }
        if (opens != rows[i].opens || before)
            fail_msg("%s: %sopens, before: %d", results, opens ? "" : "not ", before);
    }
}

static void counts_are_halved_in_20_s(void **state)
{
    static const struct {
        uint64_t after_us;
        double want;
    } rows[] = {
        {0, 40},           {5 * SECOND - 1, 40}, {5 * SECOND, 33.64}, {10 * SECOND, 28.28},
        {20 * SECOND, 20}, {40 * SECOND, 10},    {60 * SECOND, 5},    {200 * SECOND, 40. / 1024},
        {SECOND << 27, 0},
    };
    bool opens;
    uint64_t word = run(0, S10 S10 S10 S10, NOW, 0, &opens);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double have = breaker_read(word, NOW + rows[i].after_us).lately;

        if (!(have <= rows[i].want + .01 && have >= rows[i].want - 1. / 16))
            fail_msg("%g, not %g", have, rows[i].want);
    }
}

/* However often it is looked at: a target that is asked all the time forgets as fast. */
static void an_old_failure_goes_away(void **state)
{
    bool opens;
    uint64_t word = run(0, S10 S10 S10 S10 "FFFF", NOW, 0, &opens), now = NOW;

    assert_true(breaker_read(word, now).failed == 4);
    for (unsigned i = 0; i < 8; i++)
        word = breaker_result(word, true, false, now += 5 * SECOND, &opens);
    assert_true(breaker_read(word, now).failed <= 1);
    assert_true(breaker_read(word, now).failed >= .5);
    for (unsigned i = 0; i < 24; i++)
        word = breaker_result(word, true, false, now += 5 * SECOND, &opens);
    assert_true(breaker_read(word, now).failed == 0);
}

static void an_open_one_hears_its_probes_only(void **state)
{
    uint64_t word = opened(NOW), after;
    bool opens = true;

    after = breaker_result(word, true, false, NOW + SECOND, &opens);
    assert_int_equal(after, word);
    assert_false(opens);
    opens = true;
    after = breaker_result(word, false, false, NOW + 3600 * SECOND, &opens);
    assert_int_equal(after, word);
    assert_false(opens);
    after = run(word, "SFSSFS", NOW, SECOND, &opens);
    assert_int_equal(after, word);
}

static void three_good_probes_close_it(void **state)
{
    uint64_t word = opened(NOW);
    struct breaker b;
    bool opens;

    for (unsigned n = 1; n <= 2; n++) {
        word = run(word, "s", NOW, 0, &opens);
        b = breaker_read(word, NOW);
        assert_true(!opens && b.open && b.good == n && b.opened == 1);
    }
    word = run(word, "s", NOW, 0, &opens);
    b = breaker_read(word, NOW);
    assert_true(!opens && !b.open && b.good == 0 && b.opened == 1);
    assert_true(b.row == 0 && b.lately == 0 && b.failed == 0);
    assert_true(run(word, "FFFF", NOW, 0, &opens) && !opens);
    assert_int_equal(breaker_read(run(word, "SSSS", NOW, 0, &opens), NOW).opened, 1);
    assert_int_equal(breaker_read(run(word, "SSSSS", NOW, 0, &opens), NOW).opened, 0);
    assert_int_equal(breaker_read(run(word, "SSFSSSS", NOW, 0, &opens), NOW).opened, 1);

    word = run(opened(NOW), "ssfss", NOW, 0, &opens); /* in a row */
    b = breaker_read(word, NOW);
    assert_true(b.open && b.good == 2 && b.opened == 2);
    assert_false(breaker_read(run(word, "s", NOW, 0, &opens), NOW).open);
}

static void each_failed_probe_doubles_its_time(void **state)
{
    static const uint64_t s[] = {5, 10, 20, 40, 80, 160, 300, 300};
    uint64_t word = opened(NOW);
    bool opens = true;

    for (unsigned n = 0; n < 80; n++) {
        uint64_t whole = s[MIN(n, ARRAY_LEN(s) - 1)] * SECOND;

        assert_true(opens);
        assert_int_equal(breaker_read(word, NOW).opened, MIN(n + 1, 15));
        assert_int_equal(breaker_read(word, NOW).row, MIN(n + 5, 63));
        assert_int_equal(breaker_open_us(word, 0), whole / 2);
        assert_int_equal(breaker_open_us(word, UINT32_MAX), whole);
        assert_in_range(breaker_open_us(word, UINT32_MAX / 2), whole * 3 / 4 - 2, whole * 3 / 4);
        word = run(word, "f", NOW, 0, &opens);
    }
    word = run(word, "sss", NOW, 0, &opens);
    assert_int_equal(breaker_open_us(run(word, "FFFFF", NOW, 0, &opens), UINT32_MAX),
                     300 * SECOND); /* not yet forgotten */
    word = run(run(word, "SSSSS", NOW, 0, &opens), "FFFFF", NOW, 0, &opens);
    assert_int_equal(breaker_open_us(word, UINT32_MAX), 5 * SECOND);
    assert_int_equal(breaker_open_us(0, UINT32_MAX), 5 * SECOND);
}

static void a_probe_before_its_time_only_undoes_the_good_ones(void **state)
{
    uint64_t word = opened(NOW), good;
    bool opens;

    assert_int_equal(breaker_too_early(word), word);
    good = run(word, "ss", NOW, 0, &opens);
    word = breaker_too_early(good);
    assert_int_equal(breaker_read(word, NOW).good, 0);
    assert_int_equal(breaker_read(word, NOW).opened, 1);
    assert_true(breaker_read(run(word, "ss", NOW, 0, &opens), NOW).open);
    assert_false(breaker_read(run(word, "sss", NOW, 0, &opens), NOW).open);
}

/* Time of another process that is a little behind, or seconds that come round, take nothing away.
 */
static void time_may_go_back_a_little(void **state)
{
    const uint64_t starts[] = {NOW, SECOND << 29, (SECOND << 29) + 3 * SECOND, 2 * SECOND};
    bool opens;

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        uint64_t now = starts[i], word = run(0, S10, now, 0, &opens);

        word = run(word, "FF", now - 2 * SECOND, 0, &opens);
        assert_true(breaker_read(word, now - SECOND).lately == 12);
        assert_true(breaker_read(word, now).lately == 12 && breaker_read(word, now).failed == 2);
        assert_true(breaker_read(word, now + 20 * SECOND).lately == 6);
        word = run(word, "F", now - 2 * SECOND, 0, &opens); /* 3 of 13 */
        assert_true(opens);
    }
}

/* ---- against the rules in doubles ---- */

struct model {
    bool open;
    unsigned row, opened, good;
    double lately, failed, err; /* err: what roundings may have come to */
    uint64_t at_s;
    bool used;
};

/* Of nothing, there is no decay to wait for. */
static void model_decay(struct model *m, const struct breaker *before, uint64_t now_us)
{
    uint64_t now_s = now_us / SECOND;
    double part = 1;

    if (!m->used)
        m->at_s = now_s;
    m->used = true;
    if (now_s < m->at_s || (now_s < m->at_s + 5 && before->lately > 0))
        return;
    for (uint64_t s = m->at_s; s < now_s && part > 1e-9; s++)
        part *= 0.96593632892484555; /* 20 of it are a half */
    m->lately *= part;
    m->failed *= part;
    m->err = m->err * part + 1. / 16 + 1e-4 * m->lately; /* of the factors, too */
    m->at_s = now_s;
}

/* Both counts are halved before they do not fit; when, the word itself says. */
static void model_count(struct model *m, const struct breaker *before, bool ok)
{
    if (before->lately + 1 >= 128) {
        m->lately /= 2;
        m->failed /= 2;
        m->err = m->err / 2 + 1. / 16;
    }
    m->lately++;
    m->failed += ok ? 0 : 1;
    m->row = ok ? 0 : MIN(m->row + 1, 63);
}

static bool is_near(const struct model *m)
{
    return fabs(m->lately - 5) <= m->err || fabs(5 * m->failed - m->lately) <= 6 * m->err + 1e-9;
}

/* By the word: its roundings decide when the last failure is forgotten. */
static bool keeps_well(const struct breaker *before, bool ok)
{
    bool halves = before->lately + 1 >= 128;

    return ok && before->failed < (halves ? 2. / 16 : 1. / 16) && before->lately + 1 >= 5;
}

/* false: it was too near to say. */
static bool model_result(struct model *m, const struct breaker *before, bool ok, bool probe,
                         uint64_t now_us, bool opens)
{
    bool sick, sure = true;

    if (m->open && !probe)
        return true;
    model_decay(m, before, now_us);
    model_count(m, before, ok);
    sick = !ok && (m->open || m->row >= 5 || (m->lately >= 5 && 5 * m->failed > m->lately));
    if (sick != opens) {
        assert_true(!ok && !m->open && m->row < 5 && is_near(m));
        sick = opens;
        sure = false;
    }
    if (sick) {
        m->open = true;
        m->good = 0;
        m->opened = MIN(m->opened + 1, 15);
    } else if (m->open && ++m->good == 3) {
        *m = (struct model){.used = true, .opened = m->opened, .at_s = m->at_s};
    } else if (!m->open && keeps_well(before, ok)) {
        m->opened = 0;
    }
    return sure;
}

static void agree(const struct model *m, const struct breaker *b)
{
    assert_int_equal(m->open, b->open);
    assert_int_equal(m->row, b->row);
    assert_int_equal(m->opened, b->opened);
    assert_int_equal(m->good, b->good);
    if (!(fabs(m->lately - b->lately) <= m->err + 1e-9 &&
          fabs(m->failed - b->failed) <= m->err + 1e-9 && b->failed <= b->lately))
        fail_msg("%g of %g, not %g of %g within %g", b->failed, b->lately, m->failed, m->lately,
                 m->err);
}

static uint64_t leap(struct rng *r, uint64_t busy_us)
{
    switch (rng_below(r, 200)) {
    case 0:
        return rng_below(r, 100 * SECOND);
    case 1:
        return rng_below(r, SECOND << 20);
    default:
        return rng_below(r, busy_us);
    }
}

static void thousands_of_results_are_what_the_rules_say(void **state)
{
    unsigned unsure = 0, opens_n = 0, closed_n = 0, full = 0;
    struct rng r;

    rng_init(&r, 4);
    for (unsigned round = 0; round < 150; round++) {
        uint64_t now = NOW + rng_below(&r, SECOND << 28), word = 0;
        const uint64_t busy_us = UINT64_C(1) << rng_range(&r, 4, 24);
        const double fails = rng_unit(&r) * rng_unit(&r), probes = rng_unit(&r);
        struct model m = {0};

        for (unsigned i = 0; i < 2000; i++) {
            bool ok = !rng_chance(&r, fails), probe = rng_chance(&r, probes), opens, was = m.open;
            uint64_t seen = now - MIN(rng_below(&r, 20), 2) * rng_below(&r, SECOND) / 2;
            struct breaker before = breaker_read(word, seen), after;

            word = breaker_result(word, ok, probe, seen, &opens);
            unsure += !model_result(&m, &before, ok, probe, seen, opens);
            /* as it stands: at the time that it was last decayed */
            after = breaker_read(word, m.at_s * SECOND);
            agree(&m, &after);
            assert_in_range(breaker_open_us(word, (uint32_t)i * 2654435761u), BREAKER_OPEN_US / 2,
                            BREAKER_OPEN_MAX_US);
            opens_n += opens;
            closed_n += was && !m.open;
            full += before.lately >= 127;
            now += leap(&r, busy_us);
        }
    }
    assert_in_range(unsure, 0, 300);
    assert_true(opens_n > 1000 && closed_n > 300 && full > 100); /* it came there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_by_its_rules),
        cmocka_unit_test(counts_are_halved_in_20_s),
        cmocka_unit_test(an_old_failure_goes_away),
        cmocka_unit_test(an_open_one_hears_its_probes_only),
        cmocka_unit_test(three_good_probes_close_it),
        cmocka_unit_test(each_failed_probe_doubles_its_time),
        cmocka_unit_test(a_probe_before_its_time_only_undoes_the_good_ones),
        cmocka_unit_test(time_may_go_back_a_little),
        cmocka_unit_test(thousands_of_results_are_what_the_rules_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
