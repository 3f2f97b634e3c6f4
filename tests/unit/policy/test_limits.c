/* Goal: nobody is sent more than is left of its rate limit, however many ask at once; what is not
 * used is there again; and nobody is held for longer than the limit's own time.
 * Method: requests beside each other at virtual times; threads that take of one word. */
#include "bed.h"

#include <pthread.h>

#include "health/limits.h"
#include "health/ramp.h"
#include "policy/limits.h"

#define THREADS 4

static struct provider_limits left(uint64_t most, uint64_t tokens, uint64_t reset_us)
{
    return (struct provider_limits){
        .of = {[LIMITED_REQUESTS] = {true, true, 500, 400, SECOND},
               [LIMITED_TOKENS] = {true, true, most, tokens, reset_us}}};
}

static void set_up(struct bed *b, const char *letters)
{
    bed_stand(b, letters);
    b->rules.limits = true;
    b->rules.wait_up_to_us = 0;
}

static struct policy_request request(struct bed *b, uint64_t input, uint64_t output)
{
    struct policy_request q = bed_request(b);

    q.text = 4 * input; /* as usual */
    q.output = output;
    return q;
}

/* The first target has answered, and said so much. */
static void say(struct bed *b, const struct provider_limits *l, uint64_t now_us)
{
    struct policy_request q = request(b, 0, 0);

    assert_int_equal(policy_next(&q, now_us), 0);
    policy_limits(&q, l, now_us);
    policy_ended(&q, 0, now_us);
}

static void whoever_has_enough_left_is_asked(void **state)
{
    static const struct {
        uint64_t input, output;
        bool apart, off;
        int who;
    } rows[] = {
        {600, 400, false, false, 0},     {600, 401, false, false, 1}, {1001, 0, false, false, 1},
        {600, 4000, true, false, 0},     {1001, 1, true, false, 1},   {9000, 9000, false, true, 0},
        {30000, 0, false, false, 1},     {30001, 0, false, false, 0}, /* larger than all: no guess
                                                                       */
        {20000, 10001, false, false, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct provider_limits l = left(30000, 1000, 60 * SECOND);
        struct policy_passed passed[2] = {0};
        struct policy_request q;

        set_up(b, "FF");
        b->c[0].apart = rows[i].apart;
        say(b, &l, NOW);
        b->rules.limits = !rows[i].off;
        q = request(b, rows[i].input, rows[i].output);
        q.passed = passed;
        if (policy_next(&q, NOW) != rows[i].who)
            fail_msg("row %zu", i);
        assert_int_equal(passed[0].why, rows[i].who ? REASON_RATE_SPENT : REASON_NONE);
        policy_dropped(&q, NOW);
    }
}

static void nobody_left_says_when(void **state)
{
    struct bed *b = *state;
    struct provider_limits l = left(60000, 0, 60 * SECOND);
    struct policy_request q;

    set_up(b, "F");
    say(b, &l, NOW);
    q = request(b, 3000, 0);
    assert_int_equal(policy_next(&q, NOW), -1);
    assert_int_equal(q.why, REASON_RATE_SPENT);
    assert_int_equal(q.earliest_us, NOW + 60 * SECOND);
    assert_int_equal(policy_next(&q, NOW + 60 * SECOND - 1), -1);
    assert_int_equal(policy_next(&q, NOW + 60 * SECOND), 0);
    policy_dropped(&q, NOW + 60 * SECOND);
    b->c[0].refills = true;
    say(b, &l, NOW + 61 * SECOND);
    q = request(b, 3000, 0);
    assert_int_equal(policy_next(&q, NOW + 61 * SECOND), -1);
    assert_in_range(q.earliest_us, NOW + 64 * SECOND, NOW + 64 * SECOND + 1);
    assert_int_equal(policy_next(&q, q.earliest_us), 0);
}

static void requests_and_output_are_limits_too(void **state)
{
    for (int of = 0; of < LIMITED; of++) {
        struct bed *b = *state;
        struct provider_limits l = left(30000, 30000, SECOND);
        struct policy_request q;

        set_up(b, "F");
        l.of[of] = (struct provider_limit){true, true, 100, 0, 5 * SECOND};
        say(b, &l, NOW);
        q = request(b, 100, 0);
        assert_int_equal(policy_next(&q, NOW), -1);
        assert_int_equal(q.earliest_us, NOW + 5 * SECOND);
    }
}

static void what_is_under_way_is_spoken_for(void **state)
{
    struct bed *b = *state;
    struct provider_limits l = left(30000, 1000, 60 * SECOND);
    struct policy_request a, second, third;
    struct policy_left have;

    set_up(b, "F");
    say(b, &l, NOW);
    a = request(b, 400, 0);
    second = request(b, 600, 0);
    third = request(b, 1, 0);
    assert_int_equal(policy_next(&a, NOW), 0);
    assert_int_equal(policy_next(&second, NOW), 0);
    assert_int_equal(policy_next(&third, NOW), -1);
    policy_left(&have, b->table, &b->c[0], NOW);
    assert_int_equal(have.tokens, 0);
    assert_int_equal(have.tokens_most, 30000);
    policy_skip(&second, NOW); /* it will not be asked */
    policy_left(&have, b->table, &b->c[0], NOW);
    assert_int_equal(have.tokens, 600);
    /* its answer has come, and the target's own count is what there is */
    l = left(30000, 900, 60 * SECOND);
    policy_limits(&a, &l, NOW + SECOND);
    policy_limits(&a, &l, NOW + SECOND);
    policy_ended(&a, 0, NOW + 2 * SECOND);
    policy_left(&have, b->table, &b->c[0], NOW + 2 * SECOND);
    assert_int_equal(have.tokens, 900);
    /* an answer that says nothing of it: the target has counted it */
    a = request(b, 250, 0);
    assert_int_equal(policy_next(&a, NOW + 3 * SECOND), 0);
    policy_ended(&a, 0, NOW + 4 * SECOND);
    policy_left(&have, b->table, &b->c[0], NOW + 4 * SECOND);
    assert_int_equal(have.tokens, 650);
    /* who was never reached has counted nothing */
    a = request(b, 250, 0);
    assert_int_equal(policy_next(&a, NOW + 5 * SECOND), 0);
    policy_failed(&a, &(struct policy_failure){.class_id = CLASS_NEVER_EXECUTED}, NOW + 5 * SECOND,
                  FOREVER, 0);
    policy_left(&have, b->table, &b->c[0], NOW + 5 * SECOND);
    assert_int_equal(have.tokens, 650);
}

static void a_worker_that_dies_holds_nothing_for_long(void **state)
{
    struct bed *b = *state;
    struct provider_limits l = left(30000, 1000, 600 * SECOND);
    struct policy_request dead, q;
    uint64_t then = NOW + 2 * LIMITS_WINDOW_US;

    set_up(b, "F");
    say(b, &l, NOW);
    dead = request(b, 1000, 0);
    q = request(b, 1000, 0);
    assert_int_equal(policy_next(&dead, NOW), 0);
    assert_int_equal(policy_next(&q, NOW), -1);
    assert_int_equal(policy_next(&q, then), 0);
    policy_dropped(&dead, then); /* it was only slow: nothing of another's is given back */
    q = request(b, 1, 0);
    assert_int_equal(policy_next(&q, then), -1);
}

static void of_answers_beside_each_other_the_least_counts(void **state)
{
    struct bed *b = *state;
    struct provider_limits early = left(30000, 9000, 60 * SECOND),
                           late = left(30000, 100, 60 * SECOND);
    struct policy_request slow, quick;
    struct policy_left have;

    set_up(b, "F");
    slow = request(b, 10, 0);
    quick = request(b, 10, 0);
    assert_int_equal(policy_next(&slow, NOW), 0);
    assert_int_equal(policy_next(&quick, NOW + 1), 0);
    policy_limits(&quick, &late, NOW + SECOND);
    policy_limits(&slow, &early, NOW + 2 * SECOND);
    policy_left(&have, b->table, &b->c[0], NOW + 2 * SECOND);
    assert_int_equal(have.tokens, 100);
    assert_int_equal(have.requests, 400);
    for (int turn = 0; turn < 2; turn++) { /* whichever comes first */
        struct policy_request q[2] = {request(b, 10, 0), request(b, 10, 0)};
        uint64_t at = NOW + (10 + (unsigned)turn * 10) * SECOND;

        assert_int_equal(policy_next(&q[0], at), 0);
        assert_int_equal(policy_next(&q[1], at), 0);
        policy_limits(&q[turn], &early, at + SECOND);
        policy_limits(&q[!turn], &late, at + 2 * SECOND);
        policy_left(&have, b->table, &b->c[0], at + 3 * SECOND);
        assert_int_equal(have.tokens, 100);
    }
    slow = request(b, 10, 0); /* one that is asked behind them knows more */
    assert_int_equal(policy_next(&slow, NOW + 30 * SECOND), 0);
    policy_limits(&slow, &early, NOW + 31 * SECOND);
    policy_left(&have, b->table, &b->c[0], NOW + 31 * SECOND);
    assert_int_equal(have.tokens, 9000);
    quick = request(b, 10, 0); /* what was least is so until its own time is over */
    slow = request(b, 10, 0);
    assert_int_equal(policy_next(&quick, NOW + 40 * SECOND), 0);
    assert_int_equal(policy_next(&slow, NOW + 40 * SECOND), 0);
    policy_limits(&quick, &late, NOW + 41 * SECOND);
    policy_limits(&slow, &early, NOW + 41 * SECOND + 60 * SECOND);
    policy_left(&have, b->table, &b->c[0], NOW + 101 * SECOND);
    assert_int_equal(have.tokens, 9000);
    policy_left(&have, b->table, &(struct policy_candidate){.target = 77}, NOW);
    assert_true(have.tokens == UINT64_MAX && have.requests == UINT64_MAX &&
                have.rate == UINT64_MAX && have.tokens_most == 0);
}

static void who_asks_to_slow_down_is_asked_less(void **state)
{
    const struct policy_failure fast = {.class_id = CLASS_RATE, .status = 429, .too_fast = true};
    struct bed *b = *state;
    struct policy_request q;
    struct policy_left have;
    uint64_t at = NOW / (60 * SECOND) * (60 * SECOND), next = at + 60 * SECOND;
    unsigned asked = 0;

    set_up(b, "FF");
    b->c[0].ramps = true;
    for (unsigned i = 0; i < 10; i++) {
        q = request(b, 999, 0);
        assert_int_equal(policy_next(&q, at), 0);
        policy_ended(&q, 0, at);
    }
    q = request(b, 99999, 0); /* skipped: it is not sent */
    assert_int_equal(policy_next(&q, at), 0);
    policy_skip(&q, at);
    q = request(b, 40000, 0);
    assert_int_equal(policy_next(&q, next), 0);
    policy_failed(&q, &fast, next, FOREVER, 0);
    policy_left(&have, b->table, &b->c[0], next);
    assert_int_equal(have.rate, 10 * 1024);
    q = request(b, 100, 0);
    assert_int_equal(policy_next(&q, next + 2 * SECOND), 1); /* what was too much still counts */
    policy_dropped(&q, next);
    for (unsigned i = 0; i < 30; i++) { /* three minutes later */
        q = request(b, 999, 0);
        asked += policy_next(&q, next + 180 * SECOND) == 0;
    }
    assert_int_equal(asked, 10);
    q = request(b, 900, 0);
    q.out = 2;
    assert_int_equal(policy_next(&q, next + 180 * SECOND), -1);
    assert_int_equal(q.why, REASON_RAMPING);
    assert_int_equal(q.earliest_us, next + 240 * SECOND);
    b->rules.limits = false;
    assert_int_equal(policy_next(&q, next + 180 * SECOND), 0);
}

static void who_has_nothing_left_takes_nothing_over(void **state)
{
    struct bed *b = *state;
    struct provider_limits l = left(30000, 10, 60 * SECOND);
    struct policy_request q;

    set_up(b, "FF");
    b->rules.attempts = 3;
    say(b, &l, NOW);
    q = request(b, 100, 0);
    assert_int_equal(policy_next(&q, NOW), 1);
    assert_true(policy_patience_us(&q, NOW) == UINT64_MAX);
    assert_true(policy_patience_us(&q, NOW + 60 * SECOND) != UINT64_MAX);
}

/* Two models of one limit: what one has used the other has not, nor what is spoken for. */
static void who_shares_a_limit_shares_it(void **state)
{
    for (int shared = 0; shared < 2; shared++) {
        struct bed *b = *state;
        struct provider_limits l = left(30000, 1000, 60 * SECOND);
        struct policy_request q, other;
        struct policy_left shown;

        set_up(b, "FF");
        b->c[0].limits = 900;
        b->c[1].limits = shared ? 900 : 901;
        say(b, &l, NOW);
        q = request(b, 600, 0);
        assert_int_equal(policy_next(&q, NOW), 0);
        other = request(b, 600, 0);
        other.out = 1;
        assert_int_equal(policy_next(&other, NOW), shared ? -1 : 1);
        policy_left(&shown, b->table, &b->c[1], NOW);
        assert_true(shown.tokens == (shared ? 400 : UINT64_MAX));
        policy_skip(&q, NOW);
        other = request(b, 600, 0);
        other.out = 1;
        assert_int_equal(policy_next(&other, NOW), 1);
    }
}

/* How many tokens a text has each target says itself. */
static void each_target_counts_in_its_own_way(void **state)
{
    struct bed *b = *state;
    struct provider_limits l = left(30000, 1000, 60 * SECOND);
    struct policy_request q;

    set_up(b, "FF");
    for (int i = 0; i < 20; i++) {
        q = request(b, 0, 0);
        q.text = 3000;
        assert_int_equal(policy_next(&q, NOW), 0);
        policy_used(&q, 1500, 0, NOW);
        policy_used(&q, 0, 0, NOW); /* not said */
        policy_ended(&q, 0, NOW);
    }
    assert_int_equal(policy_tokens(b->table, &b->c[0], 3000), 1500);
    assert_int_equal(policy_tokens(b->table, &b->c[1], 3000), 750);
    say(b, &l, NOW);
    q = request(b, 750, 0);
    q.text = 3000; /* there it is more than is left */
    assert_int_equal(policy_next(&q, NOW), 1);
    q = request(b, 500, 0);
    q.text = 1000;
    assert_int_equal(policy_next(&q, NOW), 0);
    policy_skip(&q, NOW);
    q = request(b, 500, 0);
    q.text = 1000;
    q.bulk = 501; /* a picture besides */
    assert_int_equal(policy_next(&q, NOW), 1);
    policy_used(&q, 1, 0, NOW); /* of it nothing is learned about text */
    assert_int_equal(policy_tokens(b->table, &b->c[1], 3000), 750);
}

/* Who surely is too small is left out as long as there is somebody else. */
static void who_is_surely_too_small_is_not_asked(void **state)
{
    static const struct {
        uint64_t text, contexts[3];
        uint32_t out;
        int who;
        bool small[3];
        const char *stand;
    } rows[] = {
        {16 * 1000, {1000, 0, 0}, 0, 0, {false}, "FFF"},
        {16 * 1000 + 16, {1000, 0, 0}, 0, 1, {true}, "FFF"},
        {16 * 1000 + 16, {1000, 1000, 2000}, 0, 2, {true, true}, "FFF"},
        {16 * 1000 + 16, {1000, 1000, 1000}, 0, 0, {false}, "FFF"}, /* nobody fits: as ever */
        {16 * 1000 + 16, {1000, 1000, 2000}, 4, 0, {false}, "FFF"}, /* who fits has failed */
        {16 * 1000 + 16, {1000, 1000, 2000}, 0, -1, {true, true}, "FFL"},
        {16 * 1000 + 16, {1000, 1000, 2000}, 0, 2, {true, true}, "FFS"}, /* the last resort */
        {16 * 1000 + 16, {1000, 1000, 2000}, 0, 2, {true, true}, "SFF"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct policy_passed passed[3] = {0};
        struct policy_request q;

        set_up(b, rows[i].stand);
        for (size_t k = 0; k < 3; k++)
            b->c[k].context = rows[i].contexts[k];
        q = request(b, 0, 0);
        q.text = rows[i].text;
        q.out = rows[i].out;
        q.passed = passed;
        if (policy_next(&q, NOW) != rows[i].who)
            fail_msg("row %zu: %d", i, q.it.at);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(passed[k].why == REASON_TOO_SMALL, rows[i].small[k]);
    }
}

/* ---- many at once ---- */

struct taker {
    pthread_t thread;
    struct board_standing *s;
    unsigned taken;
};

static void *take_all(void *arg)
{
    struct taker *t = arg;
    enum reason why;
    uint64_t until;
    bool held;

    while (limits_hold(t->s, 7, NOW, &held, &why, &until))
        t->taken += held;
    return NULL;
}

static void what_is_there_once_is_taken_once(void **state)
{
    struct bed *b = *state;
    struct provider_limits l = left(1000000, 70006, 60 * SECOND);
    struct taker takers[THREADS] = {0};
    unsigned taken = 0;

    set_up(b, "F");
    l.of[LIMITED_REQUESTS].left = l.of[LIMITED_REQUESTS].most = 1000000;
    say(b, &l, NOW);
    for (size_t i = 0; i < THREADS; i++) {
        takers[i].s = bed_target(b, 0);
        assert_int_equal(pthread_create(&takers[i].thread, NULL, take_all, &takers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(takers[i].thread, NULL), 0);
        taken += takers[i].taken;
    }
    assert_int_equal(taken, 10000);
    while (taken--)
        limits_give_back(bed_target(b, 0), 7, NOW, false);
    assert_int_equal(limits_of(bed_target(b, 0), LIMITED_TOKENS, NOW, &(uint64_t){0}), 70006);
    assert_int_equal(limits_of(bed_target(b, 0), LIMITED_REQUESTS, NOW, &(uint64_t){0}), 1000000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whoever_has_enough_left_is_asked),
        TEST(nobody_left_says_when),
        TEST(requests_and_output_are_limits_too),
        TEST(what_is_under_way_is_spoken_for),
        TEST(a_worker_that_dies_holds_nothing_for_long),
        TEST(of_answers_beside_each_other_the_least_counts),
        TEST(who_asks_to_slow_down_is_asked_less),
        TEST(who_has_nothing_left_takes_nothing_over),
        TEST(who_shares_a_limit_shares_it),
        TEST(each_target_counts_in_its_own_way),
        TEST(who_is_surely_too_small_is_not_asked),
        TEST(what_is_there_once_is_taken_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
