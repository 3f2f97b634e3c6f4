/* Goal: while an attempt is at an engine, what it takes of its KV cache stands on the board, as it
 * is now and as it will be in the end; behind it nothing of it does, however it ended; and how long
 * answers are is learned from those that were whole. Method: attempts through the policy, whose
 * ledger is read at each step; two workers on one board. */
#include "bed.h"

#include <stdlib.h>

#include "admit/outputs.h"
#include "board/endpoints.h"
#include "policy/pool.h"

#define ENGINE(i) (UINT64_C(5000) + (i))

struct own {
    struct bed *bed;
    struct board *board;
    struct policy_ledger ledger, other;
};

static int set_up(void **state)
{
    struct own *o = calloc(1, sizeof(*o));
    void *bed = NULL;
    struct err e;

    if (!o || bed_set_up(&bed) < 0)
        return -1;
    o->bed = bed;
    if (board_new(&o->board, &e) < 0 || policy_ledger_init(&o->ledger, o->board, 0, &e) < 0 ||
        policy_ledger_init(&o->other, o->board, 1, &e) < 0)
        return -1;
    bed_stand(o->bed, "FFF");
    for (uint32_t i = 0; i < 3; i++) {
        o->bed->c[i].endpoint = i < 2 ? ENGINE(i) : 0; /* the last one is no engine */
        o->bed->c[i].model = 7;
        if (i < 2)
            assert_non_null(endpoints_make(o->board, ENGINE(i)));
    }
    *state = o;
    return 0;
}

static int tear_down(void **state)
{
    struct own *o = *state;
    void *bed = o->bed;

    policy_ledger_fini(&o->ledger);
    policy_ledger_fini(&o->other);
    board_free(&o->board);
    free(o);
    return bed_tear_down(&bed);
}

static struct loads load_of(const struct own *o, uint32_t i)
{
    struct loads l;

    loads_sum(&l, o->board, 2, endpoints_place(o->board, ENGINE(i)));
    return l;
}

static void is_empty(const struct own *o)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct loads l = load_of(o, i);

        assert_int_equal(l.sessions + l.tokens + l.now + l.largest, 0);
    }
}

/* A stream with a prompt of 1,000 tokens. */
static struct policy_request ask(struct own *o, uint64_t most)
{
    struct policy_request q = bed_request(o->bed);

    q.ledger = &o->ledger;
    q.tenant = 1;
    q.text = 4000;
    q.tokens = most ? most : 4096;
    q.output = most;
    return q;
}

static void it_is_there_until_its_attempt_is_over(void **state)
{
    static const struct policy_failure failed = {.class_id = CLASS_SERVER, .status = 500};
    struct own *o = *state;

    for (unsigned how = 0; how < 6; how++) {
        struct policy_request q = ask(o, 500);
        struct loads l;

        assert_int_equal(policy_next(&q, NOW), 0);
        l = load_of(o, 0);
        assert_int_equal(l.sessions, 1);
        assert_int_equal(l.tokens, 1500);
        assert_int_equal(l.now, 1000);
        assert_in_range(l.largest, 1500, 1800);
        switch (how) {
        case 0:
            policy_ended(&q, SECOND, NOW);
            break;
        case 1:
            policy_dropped(&q, NOW);
            break;
        case 2:
            policy_skip(&q, NOW);
            break;
        case 3:
            policy_broke(&q, &failed, NOW, 0);
            break;
        case 4:
            policy_outrun(&q, SECOND, NOW);
            break;
        default:
            UNUSED(policy_failed(&q, &failed, NOW, FOREVER, 0));
        }
        is_empty(o);
        policy_dropped(&q, NOW); /* it is over already */
        policy_used(&q, 1000, 500, NOW);
        is_empty(o);
        assert_int_equal(load_of(o, 0).ended, 1); /* the first one, and no other */
        bed_stand(o->bed, "FFF");
        for (uint32_t i = 0; i < 3; i++) {
            o->bed->c[i].endpoint = i < 2 ? ENGINE(i) : 0;
            o->bed->c[i].model = 7;
        }
    }
}

static void it_goes_along_with_the_request(void **state)
{
    static const struct policy_failure failed = {.class_id = CLASS_NEVER_EXECUTED};
    struct own *o = *state;
    struct policy_request q = ask(o, 500);

    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(policy_failed(&q, &failed, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), 1);
    assert_int_equal(load_of(o, 0).sessions, 0);
    assert_int_equal(load_of(o, 1).sessions, 1);
    assert_int_equal(policy_failed(&q, &failed, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), 2);
    is_empty(o);
    policy_dropped(&q, NOW);
}

static void it_grows(void **state)
{
    struct own *o = *state;
    struct policy_request q = ask(o, 0);

    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(load_of(o, 0).tokens, 1000 + OUTPUTS_UNKNOWN);
    policy_says(&q, LEDGER_POST - 1);
    assert_int_equal(load_of(o, 0).now, 1000);
    policy_says(&q, LEDGER_POST);
    assert_int_equal(load_of(o, 0).now, 1000 + LEDGER_POST);
    policy_says(&q, OUTPUTS_UNKNOWN);
    assert_int_equal(load_of(o, 0).tokens, 1000 + OUTPUTS_UNKNOWN);
    policy_says(&q, OUTPUTS_UNKNOWN + LEDGER_POST); /* it is longer than was reckoned with */
    assert_int_equal(load_of(o, 0).tokens, 1000 + 2 * (OUTPUTS_UNKNOWN + LEDGER_POST));
    assert_int_equal(load_of(o, 0).now, 1000 + OUTPUTS_UNKNOWN + LEDGER_POST);
    policy_ended(&q, 0, NOW);
    is_empty(o);
    q = ask(o, 0);
    q.whole = true; /* does not say how far it is: half */
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(load_of(o, 0).now, 1000 + OUTPUTS_UNKNOWN / 2);
    policy_dropped(&q, NOW);
    is_empty(o);
}

static void who_takes_no_cache_is_none(void **state)
{
    struct own *o = *state;
    struct policy_request q = ask(o, 0);

    q.text = 0; /* nothing is known of it */
    assert_int_equal(policy_next(&q, NOW), 0);
    is_empty(o);
    policy_dropped(&q, NOW);
    q = ask(o, 0);
    q.tokens = 0; /* vectors */
    assert_int_equal(policy_next(&q, NOW), 0);
    is_empty(o);
    policy_dropped(&q, NOW);
    endpoints_forget(o->board, ENGINE(0)); /* nobody asks it any more */
    q = ask(o, 0);
    assert_int_equal(policy_next(&q, NOW), 0);
    is_empty(o);
    policy_dropped(&q, NOW);
    q = ask(o, 0);
    q.ledger = NULL;
    assert_int_equal(policy_next(&q, NOW), 0);
    policy_says(&q, 1000);
    policy_ended(&q, 0, NOW);
    policy_used(&q, 1000, 1000, NOW);
    is_empty(o);
}

/* An answer of so many tokens. */
static void answer(struct own *o, uint64_t tenant, uint64_t text, uint64_t tokens, bool whole)
{
    struct policy_request q = ask(o, 0);

    q.tenant = tenant;
    q.text = text;
    assert_int_equal(policy_next(&q, NOW), 0);
    if (whole)
        policy_ended(&q, 0, NOW);
    policy_used(&q, 0, tokens, NOW);
    policy_dropped(&q, NOW);
}

static uint64_t reckoned(struct own *o, uint64_t tenant, uint64_t text)
{
    struct policy_request q = ask(o, 0);
    uint64_t ret;

    q.tenant = tenant;
    q.text = text;
    assert_int_equal(policy_next(&q, NOW), 0);
    ret = load_of(o, 0).tokens - load_of(o, 0).now;
    policy_dropped(&q, NOW);
    return ret;
}

static void how_long_answers_are_is_learned(void **state)
{
    struct own *o = *state;

    for (unsigned i = 0; i < OUTPUTS_FEW; i++) {
        assert_int_equal(reckoned(o, 1, 4000), OUTPUTS_UNKNOWN);
        answer(o, 1, 4000, 3000, false); /* it broke off: that says nothing of its length */
        answer(o, 1, 4000, 100, true);
    }
    assert_in_range(reckoned(o, 1, 4000), 95, 114);
    assert_in_range(reckoned(o, 2, 4000), 95, 114);  /* of the model */
    assert_in_range(reckoned(o, 2, 40000), 95, 114); /* ... of whatever prompt */
    for (unsigned i = 0; i < OUTPUTS_FEW; i++)
        answer(o, 2, 4000, 900, true);
    assert_in_range(reckoned(o, 1, 4000), 95, 114);
    assert_in_range(reckoned(o, 2, 4000), 800, 1024); /* its own answers are longer */
    assert_in_range(reckoned(o, 3, 4000), 800, 1024); /* 86% of all */
    for (unsigned i = 0; i < OUTPUTS_FEW; i++)
        answer(o, 2, 40000, 20, true);
    assert_in_range(reckoned(o, 2, 40000), 18, 23);
    assert_in_range(reckoned(o, 3, 40000), 18, 23);
    o->bed->c[0].model = 8;
    assert_int_equal(reckoned(o, 1, 4000), OUTPUTS_UNKNOWN); /* of another one nothing is known */
}

static void how_many_were_covered_is_counted(void **state)
{
    struct own *o = *state;
    struct loads l;

    answer(o, 1, 4000, OUTPUTS_UNKNOWN, true);
    answer(o, 1, 4000, OUTPUTS_UNKNOWN + 1, true);
    answer(o, 1, 4000, 1, false);
    l = load_of(o, 0);
    assert_int_equal(l.ended, 2);
    assert_int_equal(l.covered, 1);
}

/* ... and stands until its last worker has gone. */
static void all_workers_count(void **state)
{
    struct own *o = *state;
    struct policy_request a = ask(o, 100), b = ask(o, 1000);

    b.ledger = &o->other;
    assert_int_equal(policy_next(&a, NOW), 0);
    assert_int_equal(policy_next(&b, NOW), 0);
    assert_int_equal(load_of(o, 0).tokens, 1100 + 2000);
    assert_int_equal(load_of(o, 0).sessions, 2);
    assert_in_range(load_of(o, 0).largest, 2000, 2400);
    loads_clear(o->board->loads[1]); /* it has died */
    assert_int_equal(load_of(o, 0).tokens, 1100);
    assert_in_range(load_of(o, 0).largest, 1100, 1320);
    policy_dropped(&a, NOW);
    is_empty(o);
}

/* The largest is known again when larger ones have gone. */
static void the_largest_is_known(void **state)
{
    static const uint64_t sizes[] = {100, 9000, 300, 2000, 9000, 120000};
    struct policy_request q[ARRAY_LEN(sizes)];
    struct own *o = *state;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        q[i] = ask(o, 1);
        q[i].text = 4 * sizes[i];
        assert_int_equal(policy_next(&q[i], NOW), 0);
    }
    for (size_t i = ARRAY_LEN(sizes); i > 0; i--) {
        uint64_t most = 0, largest = load_of(o, 0).largest;

        for (size_t k = 0; k < i; k++)
            most = MAX(most, sizes[k] + 1);
        assert_in_range(largest, most, MAX(most + most / 5 + 64, UINT64_C(512)));
        policy_dropped(&q[i - 1], NOW);
    }
    is_empty(o);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_is_there_until_its_attempt_is_over),
        TEST(it_goes_along_with_the_request),
        TEST(it_grows),
        TEST(who_takes_no_cache_is_none),
        TEST(how_long_answers_are_is_learned),
        TEST(how_many_were_covered_is_counted),
        TEST(all_workers_count),
        TEST(the_largest_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
