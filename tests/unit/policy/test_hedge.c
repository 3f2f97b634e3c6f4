/* Goal: a slow first attempt is hedged onto who is known to be well, within its share, and nobody's
 * standing suffers for it.
 * Method: a table of who is there, and what is against it; the board's words behind each end. */
#include "bed.h"
#include "health/breaker.h"
#include "health/budget.h"
#include "health/hedge.h"
#include "health/waits.h"

#define MODEL 77
#define ALL   UINT32_MAX

static struct board_standing *place_of(struct bed *b)
{
    return standing_find(b->table, policy_hedge_id(MODEL), NOW);
}

static void teach(struct bed *b, uint32_t i, unsigned n)
{
    while (n--)
        evidence_wait(bed_target(b, i), WAITS_OF_STREAMS, waits_note, SECOND, 0);
}

/* Hedges are on, paid for, and its first target is known. */
static struct policy_request begin(struct bed *b, const char *stand)
{
    struct policy_request q;

    bed_stand(b, stand);
    b->rules.hedge = 1000000;
    b->rules.hedge_tokens = 1000;
    b->rules.slow_us = 30 * SECOND;
    teach(b, 0, 100);
    q = bed_request(b);
    q.prompt_bytes = q.text = 400;
    policy_hedge_earn(&q, place_of(b));
    assert_int_equal(policy_next(&q, NOW), 0);
    return q;
}

/* As the relay does it: what is of the first attempt is kept elsewhere. */
static int hedge(struct bed *b, struct policy_request *q, struct policy_attempt *first, uint32_t of)
{
    *first = q->it;
    q->it = (struct policy_attempt){0};
    return policy_hedge(q, first, of, place_of(b), NOW);
}

static void who_is_asked_beside(void **state)
{
    static const struct {
        const char *stand; /* the first is the one that is slow */
        uint32_t of, out;
        int degraded, same_provider, closed, limited;
        int who;
    } rows[] = {
        {"F", ALL, 0, -1, -1, -1, -1, -1},  {"FF", ALL, 0, -1, -1, -1, -1, 1},
        {"FFF", ALL, 0, -1, -1, -1, -1, 1}, {"FSF", ALL, 0, -1, -1, -1, -1, 2},
        {"FDF", ALL, 0, -1, -1, -1, -1, 2}, {"FPF", ALL, 0, -1, -1, -1, -1, 2},
        {"FLF", ALL, 0, -1, -1, -1, -1, 2}, {"FBF", ALL, 0, -1, -1, -1, -1, 2},
        {"FKF", ALL, 0, -1, -1, -1, -1, 2}, {"FfF", ALL, 0, -1, -1, -1, -1, 1},
        {"FS", ALL, 0, -1, -1, -1, -1, -1}, {"FD", ALL, 0, -1, -1, -1, -1, -1},
        {"FL", ALL, 0, -1, -1, -1, -1, -1}, {"FF", 1, 0, -1, -1, -1, -1, -1},
        {"FFF", 5, 0, -1, -1, -1, -1, 2},   {"FF", ALL, 2, -1, -1, -1, -1, -1},
        {"FFF", ALL, 2, -1, -1, -1, -1, 2}, {"FFF", ALL, 0, 1, -1, -1, -1, 2},
        {"FF", ALL, 0, 1, -1, -1, -1, -1},  {"FF", ALL, 0, -1, 1, -1, -1, -1},
        {"FFF", ALL, 0, -1, 1, -1, -1, 2},  {"FFF", ALL, 0, -1, -1, 1, -1, 2},
        {"FFF", ALL, 0, -1, -1, -1, 1, 2},  {"FF", ALL, 0, -1, -1, -1, 1, -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct policy_request q = begin(b, rows[i].stand);
        struct policy_attempt first;
        struct provider_limits l = {0};
        enum policy_unhedged why;
        int looked;

        b->rules.limits = true;
        q.out = rows[i].out;
        q.draw = UINT32_MAX;
        q.text = 400;
        if (rows[i].degraded >= 0)
            b->c[rows[i].degraded].degraded = true;
        if (rows[i].same_provider >= 0)
            b->c[rows[i].same_provider].provider = b->c[0].provider;
        if (rows[i].closed >= 0)
            board_set(&bed_target(b, (uint32_t)rows[i].closed)->closed_us, NOW - SECOND);
        if (rows[i].limited >= 0) {
            struct policy_request other = q;

            l.of[LIMITED_REQUESTS] = (struct provider_limit){true, true, 10, 0, 60 * SECOND};
            other.it.at = (uint8_t)rows[i].limited;
            policy_limits(&other, &l, NOW);
        }
        looked = policy_hedge_look(&q, rows[i].of, place_of(b), NOW, &why);
        if (looked != rows[i].who || (why == POLICY_HEDGED) != (looked >= 0))
            fail_msg("%zu %s: %d is looked at", i, rows[i].stand, looked);
        if (hedge(b, &q, &first, rows[i].of) != rows[i].who)
            fail_msg("%zu %s: not %d", i, rows[i].stand, rows[i].who);
        if (rows[i].who >= 0)
            assert_int_equal(q.it.at, rows[i].who);
        assert_true((hedge_left(board_get(&place_of(b)->hedges)) < 1) == (rows[i].who >= 0));
        b->rules.limits = false;
    }
}

static void when_it_is_slow(void **state)
{
    static const struct {
        unsigned waits, attempts;
        uint64_t text, bulk;
        uint32_t share;
        bool asked, last, beside, whole;
        enum policy_unhedged why;
    } rows[] = {
        {100, 3, 400, 0, 1, false, false, .why = POLICY_HEDGED},
        {100, 2, 4003, 0, 1, false, false, .why = POLICY_HEDGED},
        {100, 1, 400, 0, 1, false, false, .why = POLICY_HEDGE_LATE},
        {100, 3, 4004, 0, 1, false, false, .why = POLICY_HEDGE_LONG},
        {100, 3, 0, 1000, 1, false, false, .why = POLICY_HEDGED},
        {100, 3, 400, 901, 1, false, false, .why = POLICY_HEDGE_LONG}, /* a picture */
        {100, 3, 400, 0, 0, false, false, .why = POLICY_HEDGE_OFF},
        {100, 3, 400, 0, 1, true, false, .why = POLICY_HEDGE_LATE},
        {100, 3, 400, 0, 1, false, true, .why = POLICY_HEDGE_OFF},
        {WAITS_FEW - 1, 3, 400, 0, 1, false, false, .why = POLICY_HEDGE_UNKNOWN},
        {100, 3, 400, 0, 1, .beside = true, .why = POLICY_HEDGE_LATE},
        {100, 3, 400, 0, 1, .whole = true,
         .why = POLICY_HEDGE_UNKNOWN}, /* of streams it is known */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct policy_request q = begin(b, "FF");
        enum policy_unhedged why;
        uint64_t us;

        board_set(&bed_target(b, 0)->waits[WAITS_OF_STREAMS], 0);
        teach(b, 0, rows[i].waits);
        b->rules.attempts = (uint8_t)rows[i].attempts;
        b->rules.hedge = rows[i].share;
        q.prompt_bytes = q.text = rows[i].text;
        q.bulk = rows[i].bulk;
        q.asked = rows[i].asked;
        q.it.last = rows[i].last;
        q.beside = rows[i].beside ? 3 : 0;
        q.whole = rows[i].whole;
        us = policy_hedge_us(&q, NOW, &why);
        if (why != rows[i].why || (us == UINT64_MAX) != (why != POLICY_HEDGED))
            fail_msg("%zu: %d", i, why);
        if (us != UINT64_MAX)
            assert_in_range(us, SECOND, 2 * SECOND);
        b->rules.attempts = 3;
    }
}

/* Both the model's share and the retries of the other target must be there. */
static void it_is_paid_for_twice(void **state)
{
    for (unsigned row = 0; row < 3; row++) {
        struct bed *b = *state;
        struct policy_request q = begin(b, "FF");
        struct policy_attempt first;
        double tokens;

        if (row == 1)
            board_set(&place_of(b)->hedges, 0);
        if (row == 2)
            bed_spend_all(b, 1, NOW);
        tokens = bed_tokens(b, 1, NOW);
        assert_int_equal(hedge(b, &q, &first, ALL), row == 0 ? 1 : -1);
        assert_true(bed_tokens(b, 1, NOW) == tokens - (row == 0));
        assert_true((hedge_left(board_get(&place_of(b)->hedges)) >= 1) == (row == 2));
        if (row > 0)
            continue;
        policy_unhedge(&q, place_of(b), NOW); /* it was not asked after all */
        assert_true(bed_tokens(b, 1, NOW) == tokens);
        assert_true(hedge_left(board_get(&place_of(b)->hedges)) >= 1);
        assert_int_equal(q.beside, 0);
    }
}

static void who_cannot_hold_the_prompt_is_not(void **state)
{
    struct bed *b = *state;
    struct policy_request q = begin(b, "FFF");
    struct policy_attempt first;

    b->c[1].context = 1;
    assert_int_equal(hedge(b, &q, &first, ALL), 2);
}

/* Where nobody counts them there are none; and of who was not asked after all nothing is held. */
static void nobodys_share_is_none(void **state)
{
    struct bed *b = *state;
    struct policy_request q = begin(b, "FF");
    struct board_standing *nobodys = &b->table[BOARD_STANDINGS];
    struct policy_attempt first = q.it;
    struct provider_limits l = {0};
    struct policy_left left;

    policy_hedge_earn(&q, nobodys);
    assert_int_equal(board_get(&nobodys->hedges), 0);
    b->rules.limits = true;
    l.of[LIMITED_TOKENS] = (struct provider_limit){true, true, 10000, 9000, 60 * SECOND};
    q.it.at = 1;
    policy_limits(&q, &l, NOW);
    q.it = (struct policy_attempt){0};
    assert_int_equal(policy_hedge(&q, &first, ALL, nobodys, NOW), -1);
    assert_int_equal(q.beside, 0);
    policy_left(&left, b->table, &b->c[1], NOW);
    assert_int_equal(left.tokens, 9000);
    b->rules.limits = false;
}

/* It is the request's second attempt, if it was one; and what it would still have taken is not
 * known. */
static void who_is_outrun_was_asked(void **state)
{
    struct bed *b = *state;
    struct waits before, after;

    for (uint64_t waited = 0; waited < 2; waited++) {
        struct policy_request q = begin(b, "FF");
        struct policy_attempt first;

        assert_int_equal(hedge(b, &q, &first, ALL), 1);
        teach(b, 1, 100);
        before = waits_read(board_get(&bed_target(b, 1)->waits[WAITS_OF_STREAMS]));
        policy_outrun(&q, waited * SECOND / 10, NOW);
        after = waits_read(board_get(&bed_target(b, 1)->waits[WAITS_OF_STREAMS]));
        assert_true(after.median_us >=
                    before.median_us); /* a tenth of a second is not its answer's */
        assert_int_equal(q.counted, waited);
        assert_true(q.asked && q.beside == 0);
    }
}

/* A probe's permit is given back, its wait is noted as one that would have gone on. */
static void who_is_outrun_has_not_failed(void **state)
{
    struct bed *b = *state;
    struct policy_request q = begin(b, "FD"), probe;
    struct waits before, after;
    uint64_t word;

    probe = bed_request(b);
    probe.out = 1;
    assert_int_equal(policy_next(&probe, NOW), 1);
    assert_true(probe.it.probe && board_get(&bed_target(b, 1)->probe_us));
    policy_outrun(&probe, SECOND, NOW);
    assert_int_equal(board_get(&bed_target(b, 1)->probe_us), 0);
    assert_true(evidence_is_open(bed_target(b, 1), NOW));
    for (unsigned i = 0; i < 100; i++)
        evidence_wait(bed_target(b, 0), WAITS_OF_STREAMS, waits_note, i % 2 ? SECOND / 2 : SECOND,
                      0);
    before = waits_read(board_get(&bed_target(b, 0)->waits[WAITS_OF_STREAMS]));
    policy_outrun(&q, 2 * SECOND, NOW);
    after = waits_read(board_get(&bed_target(b, 0)->waits[WAITS_OF_STREAMS]));
    assert_true(after.median_us > before.median_us);
    assert_int_equal(evidence_row(bed_target(b, 0), NOW), 0);
    word = board_get(&bed_target(b, 0)->waits[WAITS_OF_STREAMS]);
    policy_outrun(&q, 0, NOW); /* it was not even asked */
    assert_true(board_get(&bed_target(b, 0)->waits[WAITS_OF_STREAMS]) == word);
}

/* What the provider may have read of the loser counts, and no answer of it. */
static void its_limit_has_had_the_prompt(void **state)
{
    for (unsigned row = 0; row < 4; row++) {
        bool asked = row & 1, apart = row & 2; /* its limit counts what is read alone */
        struct bed *b = *state;
        struct policy_request q = begin(b, "FF");
        struct policy_attempt first;
        struct provider_limits l = {0};
        struct policy_left left;

        b->rules.limits = true;
        l.of[LIMITED_TOKENS] = (struct provider_limit){true, true, 10000, 9000, 60 * SECOND};
        q.it.at = 1;
        policy_limits(&q, &l, NOW);
        q.it.at = 0;
        q.text = 400;
        q.output = 2000;
        b->c[1].apart = apart;
        assert_int_equal(hedge(b, &q, &first, ALL), 1);
        policy_left(&left, b->table, &b->c[1], NOW);
        assert_int_equal(left.tokens, apart ? 9000 - 100 : 9000 - 2100);
        policy_unhedge(&q, place_of(b), NOW);
        policy_left(&left, b->table, &b->c[1], NOW);
        assert_int_equal(left.tokens, 9000);
        assert_int_equal(hedge(b, &q, &first, ALL), 1);
        policy_outrun(&q, asked ? SECOND : 0, NOW);
        policy_left(&left, b->table, &b->c[1], NOW);
        assert_in_range(left.tokens, asked ? 8899 : 9000, asked ? 8900 : 9000);
        b->rules.limits = false;
    }
}

/* ... of which it depends whether the other one may go on. */
static void one_fails_and_the_other_goes_on(void **state)
{
    static const struct {
        enum class_id class_id;
        bool content_elsewhere, goes_on;
    } rows[] = {{CLASS_SERVER, false, true},  {CLASS_RATE, false, true},
                {CLASS_CALLER, false, false}, {CLASS_POLICY, false, false},
                {CLASS_POLICY, true, true},   {CLASS_NEVER_EXECUTED, false, true}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct policy_request q = begin(b, "FF");
        struct policy_failure f = {.class_id = rows[i].class_id};
        struct policy_attempt first;
        bool sick = class_row(f.class_id)->health;

        b->rules.content_elsewhere = rows[i].content_elsewhere;
        assert_int_equal(hedge(b, &q, &first, ALL), 1);
        /* while it runs, who is asked already does not stand by */
        assert_true(policy_patience_us(&q, NOW) == UINT64_MAX);
        if (policy_failed_beside(&q, &f, NOW, 0) != rows[i].goes_on)
            fail_msg("%s", class_row(f.class_id)->name);
        assert_int_equal(evidence_row(bed_target(b, 1), NOW), sick);
        assert_int_equal(evidence_row(bed_target(b, 0), NOW), 0);
        assert_int_equal(q.counted, f.class_id != CLASS_NEVER_EXECUTED);
        assert_int_equal(q.beside, 0);
        assert_int_equal(q.out & 2, 2);
        q.it = first;
        assert_int_equal(
            policy_failed(&q, &(struct policy_failure){.class_id = CLASS_OVERLOAD}, NOW, FOREVER, 0)
                .what,
            POLICY_NEXT);
        assert_int_equal(policy_next(&q, NOW), -1); /* both have been asked */
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_is_asked_beside),
        TEST(when_it_is_slow),
        TEST(it_is_paid_for_twice),
        TEST(who_cannot_hold_the_prompt_is_not),
        TEST(nobodys_share_is_none),
        TEST(who_is_outrun_was_asked),
        TEST(who_is_outrun_has_not_failed),
        TEST(its_limit_has_had_the_prompt),
        TEST(one_fails_and_the_other_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
