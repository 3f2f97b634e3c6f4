/* Goal: a stream is slow by what is usual for its target, and a target by its streams; who is slow
 * is asked where nobody else can be. Method: paces at each bound and past it; standings beside each
 * other. */
#include "bed.h"
#include "health/slow.h"
#include "health/waits.h"

static void who_is_slow_is_asked_last(void **state)
{
    static const struct {
        const char *stand;
        uint32_t out;
        int who;
        bool probe;
    } rows[] = {
        {"WF", 0, 1, false}, {"WD", 0, 1, true},   {"W", 0, 0, false},  {"WW", 0, 0, false},
        {"WS", 0, 0, false}, {"SLW", 0, 2, false}, {"WF", 2, 0, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct policy_passed passed[POLICY_TARGETS_MAX] = {0};
        struct bed *b = *state;
        struct policy_request q;

        bed_stand(b, rows[i].stand);
        q = bed_request(b);
        q.out = rows[i].out;
        q.passed = passed;
        if (policy_next(&q, NOW) != rows[i].who || q.it.probe != rows[i].probe)
            fail_msg("%s: probe %d", rows[i].stand, q.it.probe);
        if (rows[i].who == 1) {
            assert_int_equal(passed[0].why, REASON_SLOW);
            assert_int_equal(passed[0].until_us, NOW + SLOW_US);
        }
    }
}

/* Once its minute is over: then by and by, too. */
static void who_was_slow_comes_back_by_and_by(void **state)
{
    static const struct {
        uint64_t after_us;
        unsigned percent;
        enum reason why;
    } rows[] = {
        {SLOW_US - 1, 0, REASON_SLOW},
        {SLOW_US, 10, REASON_SLOW_START},
        {SLOW_US + 5 * SECOND, 50, REASON_SLOW_START},
        {SLOW_US + 9 * SECOND, 90, REASON_SLOW_START},
        {SLOW_US + 10 * SECOND, 100, REASON_NONE},
    };
    struct policy_passed passed[POLICY_TARGETS_MAX] = {0};
    struct bed *b = *state;

    bed_stand(b, "WF");
    b->rules.slow_us = 10 * SECOND;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned first = 0;

        for (unsigned k = 0; k < 100; k++) {
            struct policy_request q = bed_request(b);

            q.draw = (uint32_t)(UINT32_MAX / 100 * k);
            q.passed = passed;
            first += policy_next(&q, NOW + rows[i].after_us) == 0;
        }
        assert_in_range(first, rows[i].percent, rows[i].percent + 1);
        assert_int_equal(passed[0].why, rows[i].why);
    }
}

static void without_breakers_nobody_is_slow(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "WF");
    b->rules.breaker = false;
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
}

/* Its conversations go elsewhere; it is tried again in place, and stands by. */
static void who_is_slow_is_there(void **state)
{
    static const struct policy_failure failed = {.class_id = CLASS_SERVER, .status = 500};
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "WF");
    assert_false(policy_stays(b->table, &b->rules, &b->c[0], 0, 0, 1, NOW));
    assert_true(policy_stays(b->table, &b->rules, &b->c[0], 0, 0, 1, NOW + SLOW_US));
    b->rules.breaker = false;
    assert_true(policy_stays(b->table, &b->rules, &b->c[0], 0, 0, 1, NOW));
    b->rules.breaker = true;
    bed_stand(b, "W");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(policy_failed(&q, &failed, NOW, FOREVER, 0).what, POLICY_AGAIN);
    assert_true(policy_again(&q, NOW));
    bed_stand(b, "FW");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_true(policy_patience_us(&q, NOW) != UINT64_MAX);
}

/* Streams to one target; what they say of its pace, and of its being slow. */
static void a_stream_is_slow_or_goes_well(void **state)
{
    static const struct {
        struct policy_pace pace;
        bool ended, slow, known;
    } rows[] = {
        /* usual is a second at most */
        {{POLICY_PACE_US, 10}, false, true, false},
        {{POLICY_PACE_US, 10}, true, true, false},
        {{POLICY_PACE_US, POLICY_PACE_FEW}, false, true, false},
        {{POLICY_PACE_US, POLICY_PACE_FEW - 1}, false, false, false},
        {{10 * POLICY_PACE_US, 1}, true, false, false}, /* a pause, and not a pace */
        {{10 * POLICY_PACE_US, 0}, true, false, false},
        {{POLICY_PACE_US - 1, 10},
         false,
         false,
         false},                                        /* it has not gone on for long enough ... */
        {{POLICY_PACE_US - 1, 10}, true, false, false}, /* ... to be slow, nor is it usual */
        {{POLICY_PACE_US, 11}, false, false, false},
        {{POLICY_PACE_US, 11}, true, false, true},
        {{9 * SECOND, 10}, true, false, true},
        {{POLICY_PACE_US, 10000}, false, false, false},
        {{SECOND, POLICY_PACE_FEW}, true, false, true},
        {{SECOND, POLICY_PACE_FEW - 1}, true, false, false},
        {{SECOND, POLICY_PACE_FEW}, false, false, false},
        {{0, 0}, true, false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct board_standing *t;
        struct policy_request q;
        uint64_t before;

        bed_stand(b, "FF");
        t = bed_target(b, 0);
        for (unsigned n = 0; n < 100; n++)
            evidence_wait(t, WAITS_OF_PACES, waits_note, SECOND / 20, 0);
        before = board_get(&t->waits[WAITS_OF_PACES]);
        for (unsigned n = 0; n + 1 < SLOW_ROW; n++)
            evidence_pace(t, true, NOW);
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        policy_goes_on(&q, &rows[i].pace, rows[i].ended, NOW);
        if ((slow_until_us(board_get(&t->slow)) == NOW + SLOW_US) != rows[i].slow)
            fail_msg("row %zu", i);
        if (q.it.slow != rows[i].slow ||
            (waits_read(board_get(&t->waits[WAITS_OF_PACES])).n > 100) != rows[i].known)
            fail_msg("row %zu", i);
        assert_int_equal(before == board_get(&t->waits[WAITS_OF_PACES]),
                         !rows[i].known && !rows[i].slow);
        for (unsigned n = 0; n < SLOW_ROW; n++) /* a stream says it once */
            policy_goes_on(&q, &(struct policy_pace){20 * SECOND, 10}, true, NOW + 1);
        assert_true(slow_until_us(board_get(&t->slow)) != NOW + 1 + SLOW_US || !rows[i].slow);
        assert_int_equal(board_get(&bed_target(b, 1)->slow), 0);
    }
}

static void a_stream_that_goes_well_ends_the_row(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FF");
    for (unsigned n = 0; n < 3 * SLOW_ROW; n++) {
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        policy_goes_on(&q, &(struct policy_pace){120 * SECOND, n % SLOW_ROW ? 10 : 1200}, true,
                       NOW);
    }
    assert_int_equal(slow_until_us(board_get(&bed_target(b, 0)->slow)), 0);
}

/* That one of its attempts was slow says nothing of the next one. */
static void each_attempt_has_its_own_pace(void **state)
{
    static const struct policy_pace crawls = {POLICY_PACE_US, 10};
    struct bed *b = *state;

    bed_stand(b, "FF");
    for (uint32_t i = 0; i < 2; i++)
        for (unsigned n = 0; n < 100; n++)
            evidence_wait(bed_target(b, i), WAITS_OF_PACES, waits_note, SECOND / 20, 0);
    for (unsigned n = 0; n < SLOW_ROW; n++) {
        struct policy_request q = bed_request(b);

        assert_int_equal(policy_next(&q, NOW), 0);
        policy_goes_on(&q, &crawls, false, NOW);
        assert_true(q.it.slow);
        q.out = 1;
        assert_int_equal(policy_next(&q, NOW), 1);
        policy_goes_on(&q, &crawls, false, NOW);
    }
    assert_int_equal(slow_until_us(board_get(&bed_target(b, 1)->slow)), NOW + SLOW_US);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_is_slow_is_asked_last),       TEST(who_was_slow_comes_back_by_and_by),
        TEST(without_breakers_nobody_is_slow), TEST(who_is_slow_is_there),
        TEST(a_stream_is_slow_or_goes_well),   TEST(a_stream_that_goes_well_ends_the_row),
        TEST(each_attempt_has_its_own_pace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
