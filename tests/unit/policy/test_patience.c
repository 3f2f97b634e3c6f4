/* Goal: a target is given up early where that helps, and what was waited for is known to all.
 * Method: a table of who stands by; the words of the board behind each kind of wait. */
#include "bed.h"
#include "health/waits.h"

#define FIRST (110 * SECOND) /* of a target that nobody knows, by health/waits.h */

static bool is_about(uint64_t us, uint64_t want_us)
{
    return us > want_us - want_us / 50 && us < want_us + want_us / 50;
}

/* The request is at the first of them. */
static void who_stands_by(void **state)
{
    static const struct {
        const char *stand;
        uint32_t out;
        bool hurries;
    } rows[] = {
        {"F", 0, false},  {"FF", 0, true},  {"FD", 0, true},   {"FS", 0, false}, {"FL", 0, false},
        {"FK", 0, false}, {"FB", 0, false}, {"FSLF", 0, true}, {"FF", 2, false}, {"Ff", 0, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct policy_request q;
        uint64_t us;

        bed_stand(b, rows[i].stand);
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        q.out |= rows[i].out;
        us = policy_patience_us(&q, NOW);
        if (rows[i].hurries ? !is_about(us, FIRST) : us != UINT64_MAX)
            fail_msg("%s: %llu us", rows[i].stand, (unsigned long long)us);
    }
}

static void who_is_silent_with_it_does_not_stand_by(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FF");
    b->c[1].provider = b->c[0].provider;
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_true(policy_patience_us(&q, NOW) == UINT64_MAX);
}

static void the_last_attempt_is_waited_for(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FFF");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    q.counted = b->rules.attempts - 2;
    assert_true(is_about(policy_patience_us(&q, NOW), FIRST));
    q.counted = b->rules.attempts - 1;
    assert_true(policy_patience_us(&q, NOW) == UINT64_MAX);
}

static void each_kind_of_answer_has_its_own_waits(void **state)
{
    struct bed *b = *state;

    bed_stand(b, "FF");
    for (unsigned whole = 0; whole < 2; whole++)
        for (unsigned i = 0; i < 100; i++) {
            struct policy_request q = bed_request(b);

            q.whole = whole;
            assert_int_equal(policy_next(&q, NOW), 0);
            policy_answers(&q, whole ? 9 * SECOND : SECOND, NOW);
            policy_ended(&q, 60 * SECOND, NOW); /* it was told before */
        }
    assert_true(is_about(waits_read(board_get(&bed_target(b, 0)->waits[0])).median_us, SECOND));
    assert_true(is_about(waits_read(board_get(&bed_target(b, 0)->waits[1])).median_us, 9 * SECOND));
    assert_true(board_get(&bed_target(b, 1)->waits[0]) == 0);
}

static void who_may_think_is_given_more(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FF");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    b->c[0].thinks = true;
    assert_true(policy_patience_us(&q, NOW) > 1000 * SECOND);
    b->c[0].thinks = false;
    q.prompt_bytes = WAITS_PROMPT;
    assert_true(is_about(policy_patience_us(&q, NOW), 2 * FIRST));
}

/* By what it may say at most: short answers are no reason to give up a long one. */
static void a_whole_answer_is_given_time_for_its_tokens(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FF");
    for (unsigned i = 0; i < 100; i++) {
        q = bed_request(b);
        q.whole = true;
        assert_int_equal(policy_next(&q, NOW), 0);
        policy_answers(&q, SECOND, NOW);
    }
    q = bed_request(b);
    q.whole = true;
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(policy_patience_us(&q, NOW), 60 * SECOND);
    q.tokens = 1200;
    assert_int_equal(policy_patience_us(&q, NOW), 60 * SECOND);
    q.tokens = 1201;
    assert_int_equal(policy_patience_us(&q, NOW), 1201 * POLICY_TOKEN_US);
    q.whole = false;
    assert_true(is_about(policy_patience_us(&q, NOW), FIRST));
}

/* Only of one that was reached: how long a connection takes says nothing of its answers. */
static void who_was_given_up_is_given_more(void **state)
{
    static const struct {
        struct policy_failure f;
        bool known;
    } rows[] = {
        {{.class_id = CLASS_MAYBE_EXECUTED, .silent = true, .waited_us = 20 * SECOND}, true},
        {{.class_id = CLASS_NEVER_EXECUTED, .silent = true}, false},
        {{.class_id = CLASS_SERVER, .waited_us = 20 * SECOND}, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct policy_request q;

        bed_stand(b, "FF");
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        policy_failed(&q, &rows[i].f, NOW, FOREVER, 0);
        assert_int_equal(waits_read(board_get(&bed_target(b, 0)->waits[0])).n, rows[i].known);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_stands_by),
        TEST(who_is_silent_with_it_does_not_stand_by),
        TEST(the_last_attempt_is_waited_for),
        TEST(each_kind_of_answer_has_its_own_waits),
        TEST(who_may_think_is_given_more),
        TEST(a_whole_answer_is_given_time_for_its_tokens),
        TEST(who_was_given_up_is_given_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
