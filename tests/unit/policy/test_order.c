/* Goal: the fastest is whoever's answers begin soonest by its worst of late, times what is under
 * way there; of streams and whole answers each by itself. Method: two targets with known waits, in
 * many draws. */
#include "bed.h"

/* How often of a hundred draws candidate 0 of two is the first. */
static unsigned firsts(const struct bed *b, bool whole, uint64_t now_us)
{
    unsigned ret = 0;

    for (uint64_t i = 0; i < 100; i++) {
        uint8_t order[2];

        policy_order(order, b->c, 2, b->table, ROUTE_FASTEST, whole, i, now_us);
        ret += order[0] == 0;
    }
    return ret;
}

static void answers(struct bed *b, uint32_t who, bool whole, uint64_t waited_us, uint64_t now_us)
{
    struct policy_request q = bed_request(b);

    q.whole = whole;
    q.out = who ? 1 : 0;
    assert_int_equal(policy_next(&q, now_us), who);
    policy_ended(&q, waited_us, now_us);
}

static void the_worst_of_late_counts(void **state)
{
    struct bed *b = *state;

    bed_stand(b, "FF");
    assert_in_range(firsts(b, false, NOW), 30, 70); /* nobody is known */
    for (unsigned i = 0; i < 20; i++) {
        answers(b, 0, false, SECOND / 5, NOW);
        answers(b, 1, false, SECOND, NOW);
    }
    assert_int_equal(firsts(b, false, NOW), 100);
    answers(b, 0, false, 3 * SECOND, NOW); /* it has become slow */
    assert_int_equal(firsts(b, false, NOW), 0);
    for (unsigned i = 1; i <= 30; i++) {
        answers(b, 0, false, SECOND / 5, NOW + i * SECOND);
        answers(b, 1, false, SECOND, NOW + i * SECOND);
    }
    assert_int_equal(firsts(b, false, NOW + 30 * SECOND), 100);
}

static void streams_and_whole_answers_are_apart(void **state)
{
    struct bed *b = *state;

    bed_stand(b, "FF");
    answers(b, 0, false, SECOND / 5, NOW);
    answers(b, 1, false, SECOND, NOW);
    answers(b, 0, true, 9 * SECOND, NOW);
    answers(b, 1, true, SECOND, NOW);
    assert_int_equal(firsts(b, false, NOW), 100);
    assert_int_equal(firsts(b, true, NOW), 0);
}

static void what_is_under_way_counts(void **state)
{
    struct bed *b = *state;

    bed_stand(b, "FF");
    answers(b, 0, false, SECOND / 5, NOW);
    answers(b, 1, false, SECOND, NOW);
    b->c[0].live = 3;
    assert_int_equal(firsts(b, false, NOW), 100); /* 0.8 s and 1 s */
    b->c[0].live = 5;
    assert_int_equal(firsts(b, false, NOW), 0);
    b->c[1].live = 1;
    assert_int_equal(firsts(b, false, NOW), 100);
}

static void who_was_silent_is_slow(void **state)
{
    static const struct policy_failure silent = {
        .class_id = CLASS_SERVER, .silent = true, .waited_us = 20 * SECOND};
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FF");
    answers(b, 0, false, SECOND / 5, NOW);
    answers(b, 1, false, SECOND, NOW);
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    UNUSED(policy_failed(&q, &silent, NOW, FOREVER, 0));
    assert_int_equal(firsts(b, false, NOW), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_worst_of_late_counts),
        TEST(streams_and_whole_answers_are_apart),
        TEST(what_is_under_way_counts),
        TEST(who_was_silent_is_slow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
