/* Goal: what becomes of a request whose attempt has failed, and what all workers know by it.
 * Method: tables of failures, at the bounds of the rules and past them, with the least and the most
 * that chance can do. */
#include "bed.h"

/* Of four candidates the first has failed. 0 and 1 have one key, 0 to 2 one provider. */
static void accounts(struct bed *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        b->c[i].credential = i < 2 ? 100 : 100 + i;
        b->c[i].provider = i < 3 ? 10 : 10 + i;
    }
}

#define F(class, ...) {.class_id = CLASS_##class, __VA_ARGS__}
#define ASKS(us)      .asks = true, .delay_us = (us)
#define PLACE         POLICY_PLACE_US, 3 * POLICY_PLACE_US

static const struct row {
    struct policy_failure f;
    const char *stand;
    uint8_t attempts, same_target;
    uint64_t wait_up_to_us, left_us;
    enum policy_do what;
    uint64_t wait_us, wait_most_us; /* by random */
    int next;                       /* whom then */
} rows[] = {
    /* who else may take it */
    {F(CALLER, .status = 400), "FFFF", 3, 1, 0, FOREVER, POLICY_FINAL, 0, 0, 0},
    {F(POLICY, .status = 400), "FFFF", 3, 1, 0, FOREVER, POLICY_FINAL, 0, 0, 0},
    {F(TOO_LONG, .status = 400), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(RATE, .status = 429), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(OVERLOAD, .status = 503), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(TRUNCATED), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(NEVER_EXECUTED), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(MAYBE_EXECUTED), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(MAYBE_EXECUTED), "F", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, -1},
    /* whom the same failure takes out */
    {F(MAYBE_EXECUTED, .silent = true), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 3},
    {F(QUOTA, .status = 429), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 2},
    {F(CREDENTIAL, .status = 401), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 2},
    {F(CREDENTIAL, .status = 403), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(CREDENTIAL, .status = 404), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(CREDENTIAL), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    /* as often as the rules say */
    {F(OVERLOAD), "FFFF", 1, 1, 0, FOREVER, POLICY_FINAL, 0, 0, 0},
    {F(OVERLOAD), "FFFF", 2, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(SERVER), "FFFF", 1, 1, 0, FOREVER, POLICY_FINAL, 0, 0, 0},
    {F(NEVER_EXECUTED), "FFFF", 1, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(NEVER_EXECUTED), "FFFF", 1, 1, 0, 0, POLICY_FINAL, 0, 0, 0},
    {F(OVERLOAD), "FFFF", 3, 1, 0, 1, POLICY_NEXT, 0, 0, 1},
    /* in place, where nobody has seen it fail but this one */
    {F(SERVER, .status = 500), "FFFF", 3, 1, 0, FOREVER, POLICY_AGAIN, PLACE, 0},
    {F(JUNK, .status = 200), "FFFF", 3, 1, 0, FOREVER, POLICY_AGAIN, PLACE, 0},
    {F(SERVER, .status = 500), "FFFF", 3, 0, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(SERVER, .status = 500), "fFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(SERVER, .status = 500), "DFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(SERVER, .status = 500), "FFFF", 3, 1, 0, POLICY_PLACE_US, POLICY_NEXT, 0, 0, 1},
    {F(SERVER, .status = 500), "F", 3, 1, 0, FOREVER, POLICY_AGAIN, PLACE, 0},
    /* waited for, if it may be for so long */
    {F(RATE, ASKS(SECOND)), "FFFF", 3, 1, SECOND, FOREVER, POLICY_AGAIN, SECOND, 1100000, 0},
    {F(RATE, ASKS(SECOND)), "FFFF", 3, 1, SECOND - 1, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(RATE, ASKS(SECOND)), "FFFF", 3, 0, SECOND, FOREVER, POLICY_AGAIN, SECOND, 1100000, 0},
    {F(RATE, ASKS(SECOND)), "FFFF", 1, 1, SECOND, FOREVER, POLICY_FINAL, 0, 0, 0},
    {F(RATE, ASKS(SECOND)), "FFFF", 3, 1, SECOND, SECOND, POLICY_NEXT, 0, 0, 1},
    {F(RATE, ASKS(0)), "FFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(RATE), "FFFF", 3, 1, 10 * SECOND, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(OVERLOAD, ASKS(SECOND)), "FFFF", 3, 1, SECOND, FOREVER, POLICY_AGAIN, SECOND, 1100000, 0},
    {F(OVERLOAD), "FFFF", 3, 1, 10 * SECOND, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(QUOTA, ASKS(SECOND)), "FFFF", 3, 1, SECOND, FOREVER, POLICY_NEXT, 0, 0, 2},
    {F(SERVER, ASKS(SECOND)), "FFFF", 3, 1, SECOND, FOREVER, POLICY_AGAIN, PLACE, 0},
    {F(MAYBE_EXECUTED, ASKS(SECOND)), "FFFF", 3, 1, SECOND, FOREVER, POLICY_NEXT, 0, 0, 1},
    /* ... and is then to be asked at all: others know more */
    {F(RATE, ASKS(SECOND)), "LFFF", 3, 1, SECOND, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(RATE, ASKS(2 * SECOND)), "LFFF", 3, 1, 9 * SECOND, FOREVER, POLICY_AGAIN, 2 * SECOND,
     2200000, 0},
    {F(SERVER), "LFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(RATE, ASKS(SECOND)), "SFFF", 3, 1, SECOND, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(RATE, ASKS(SECOND)), "DFFF", 3, 1, SECOND, FOREVER, POLICY_NEXT, 0, 0, 1},
    {F(SERVER), "BFFF", 3, 1, 0, FOREVER, POLICY_NEXT, 0, 0, 2},
};

static struct policy_request failing(struct bed *b, const struct row *row)
{
    struct policy_request q;

    bed_stand(b, row->stand);
    accounts(b);
    for (uint32_t i = 0; i < b->n && row->stand[0] == 'B'; i++) /* of the key that both have */
        board_set(&bed_credential(b, 0)->not_before_us, NOW + 600 * SECOND);
    b->rules = (struct policy_rules){.attempts = row->attempts,
                                     .same_target = row->same_target,
                                     .wait_up_to_us = row->wait_up_to_us,
                                     .breaker = true};
    q = bed_request(b);
    q.it.at = 0;
    q.it.probe = row->stand[0] == 'D';
    return q;
}

static void what_comes_of_a_failure(void **state)
{
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i / 2];
        struct bed *b = *state;
        struct policy_request q = failing(b, row);
        struct policy_step step =
            policy_failed(&q, &row->f, NOW, row->left_us, i % 2 ? UINT32_MAX : 0);

        if (step.what != row->what || step.wait_us != (i % 2 ? row->wait_most_us : row->wait_us))
            fail_msg("row %zu, %s: %d after %llu", i / 2, class_row(row->f.class_id)->name,
                     step.what, (unsigned long long)step.wait_us);
        if (step.what == POLICY_AGAIN)
            assert_int_equal(q.out, 0);
        if (step.what == POLICY_NEXT && policy_next(&q, NOW) != row->next)
            fail_msg("row %zu, %s: not %d is next", i / 2, class_row(row->f.class_id)->name,
                     row->next);
    }
}

/* Contexts in thousands, '-' where nobody says; letters: ways to one target. The first is too
 * small. */
static void what_is_too_long_goes_to_the_larger(void **state)
{
    static const struct {
        const char *contexts, *ways;
        uint32_t degraded;   /* a bit each */
        const char *asked;   /* then, one after the other as each fails of something else */
        const char *skipped; /* for being no larger */
    } orders[] = {
        {"8888", "abcd", 0, "", "123"},
        {"8498", "abcd", 0, "2", "13"},
        {"8-9-", "abcd", 0, "213", ""},
        {"8-99", "abcd", 0, "231", ""},
        {"8-91", "abcd", 8, "21", "3"},
        {"8-99", "abcd", 8, "213", ""}, /* a degraded one stays behind */
        {"-123", "abcd", 0, "123", ""}, /* nobody knows what it did not fit into */
        {"-123", "aabb", 0, "23", "1"},
        {"----", "aaab", 0, "3", "12"},
    };
    static const struct policy_failure too_long = F(TOO_LONG, .status = 400),
                                       limited = F(RATE, .status = 429);

    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct policy_passed passed[POLICY_TARGETS_MAX] = {0};
        struct bed *b = *state;
        struct policy_request q;
        char asked[8] = "", skipped[8] = "";
        int who;

        bed_stand(b, "FFFF");
        b->rules = (struct policy_rules){.attempts = 9, .breaker = true};
        for (uint32_t k = 0; k < 4; k++) {
            char size = orders[i].contexts[k];

            b->c[k].context = size == '-' ? 0 : (uint64_t)(size - '0') * 1000;
            b->c[k].model = (uint64_t)orders[i].ways[k];
            b->c[k].degraded = orders[i].degraded >> k & 1;
        }
        q = bed_request(b);
        q.passed = passed;
        assert_int_equal(policy_next(&q, NOW), 0);
        assert_int_equal(policy_failed(&q, &too_long, NOW, FOREVER, 0).what, POLICY_NEXT);
        for (uint32_t k = 0; k < 4; k++)
            if (passed[k].why == REASON_TOO_SMALL)
                skipped[strlen(skipped)] = (char)('0' + k);
        while ((who = policy_next(&q, NOW)) >= 0) {
            asked[strlen(asked)] = (char)('0' + who);
            assert_int_equal(policy_failed(&q, &limited, NOW, FOREVER, 0).what, POLICY_NEXT);
        }
        if (strcmp(asked, orders[i].asked) != 0 || strcmp(skipped, orders[i].skipped) != 0)
            fail_msg("row %zu: '%s', without '%s'", i, asked, skipped);
    }
}

static void what_a_content_policy_refuses_is_final_or_not(void **state)
{
    static const struct policy_failure refused = F(POLICY, .status = 400),
                                       bad = F(CALLER, .status = 400);

    for (int next = 0; next < 2; next++) {
        struct bed *b = *state;
        struct policy_request q;

        bed_stand(b, "FF");
        b->rules.content_elsewhere = next;
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        assert_int_equal(policy_failed(&q, &refused, NOW, FOREVER, 0).what,
                         next ? POLICY_NEXT : POLICY_FINAL);
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        assert_int_equal(policy_failed(&q, &bad, NOW, FOREVER, 0).what, POLICY_FINAL);
    }
}

static void what_all_know_by_it(void **state)
{
    static const struct {
        struct policy_failure f;
        unsigned counted;                   /* against the target's health */
        uint64_t target_us, target_most;    /* not before, by random */
        uint64_t key_us, key_most, shut_us; /* the credential: not before, and shut */
    } effects[] = {
        {F(RATE), 0, POLICY_LIMITED_US, 1100000, 0, 0, 0},
        {F(RATE, ASKS(5 * SECOND)), 0, 5 * SECOND, 5500000, 0, 0, 0},
        {F(RATE, ASKS(POLICY_DELAY_US)), 0, POLICY_DELAY_US, POLICY_DELAY_US / 10 * 11, 0, 0, 0},
        {F(RATE, ASKS(UINT64_MAX)), 0, POLICY_DELAY_US, POLICY_DELAY_US / 10 * 11, 0, 0, 0},
        {F(OVERLOAD), 1, 0, 0, 0, 0, 0},
        {F(OVERLOAD, ASKS(5 * SECOND)), 1, 5 * SECOND, 5500000, 0, 0, 0},
        {F(SERVER, ASKS(5 * SECOND)), 1, 0, 0, 0, 0, 0},
        {F(QUOTA), 0, 0, 0, POLICY_BROKE_US, POLICY_BROKE_US, 0},
        {F(QUOTA, ASKS(SECOND)), 0, 0, 0, POLICY_BROKE_US, POLICY_BROKE_US, 0},
        {F(CREDENTIAL, .status = 401), 0, 0, 0, 0, 0, POLICY_REFUSED_US},
        {F(CREDENTIAL, .status = 403), 0, 0, 0, 0, 0, 0},
        {F(CREDENTIAL, .status = 404), 0, 0, 0, 0, 0, 0},
        {F(CREDENTIAL), 0, 0, 0, 0, 0, 0},
        {F(CALLER, .status = 401), 0, 0, 0, 0, 0, 0},
        {F(TOO_LONG), 0, 0, 0, 0, 0, 0},
        {F(POLICY), 0, 0, 0, 0, 0, 0},
        {F(TRUNCATED), 1, 0, 0, 0, 0, 0},
        {F(NEVER_EXECUTED), 1, 0, 0, 0, 0, 0},
        {F(MAYBE_EXECUTED), 1, 0, 0, 0, 0, 0},
        {F(MAYBE_EXECUTED, .silent = true), 1, 0, 0, 0, 0, 0},
        {F(JUNK), 1, 0, 0, 0, 0, 0},
        {F(NEVER_EXECUTED, .unasked = true), 0, 0, 0, 0, 0, 0},
        {F(JUNK, .ours = true), 0, 0, 0, 0, 0, 0},
        {F(CREDENTIAL, .unasked = true), 0, 0, 0, 0, 0, 0},
    };

    for (size_t i = 0; i < 4 * ARRAY_LEN(effects); i++) {
        struct bed *b = *state;
        struct policy_request q;
        const bool most = i & 1;
        const uint32_t random = most ? UINT32_MAX : 0;
        uint64_t want_t = most ? effects[i / 4].target_most : effects[i / 4].target_us;
        uint64_t want_k = most ? effects[i / 4].key_most : effects[i / 4].key_us;
        uint64_t want_s = effects[i / 4].shut_us;

        bed_stand(b, "FF");
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        if (i & 2)
            policy_broke(&q, &effects[i / 4].f, NOW, random);
        else
            (void)policy_failed(&q, &effects[i / 4].f, NOW, FOREVER, random);
        if (evidence_row(bed_target(b, 0), NOW) != effects[i / 4].counted ||
            board_get(&bed_target(b, 0)->not_before_us) != (want_t ? NOW + want_t : 0) ||
            board_get(&bed_credential(b, 0)->not_before_us) != (want_k ? NOW + want_k : 0) ||
            board_get(&bed_credential(b, 0)->until_us) != (want_s ? NOW + want_s : 0))
            fail_msg("effect %zu, %s", i / 4, class_row(effects[i / 4].f.class_id)->name);
        assert_int_equal(evidence_row(bed_target(b, 1), NOW), 0);
        assert_int_equal(board_get(&bed_target(b, 1)->not_before_us), 0);
        assert_int_equal(board_get(&bed_target(b, 0)->until_us), 0);
    }
}

static void an_earlier_time_does_not_move_a_later_one(void **state)
{
    static const struct policy_failure f = F(RATE, ASKS(SECOND));
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "L");
    q = bed_request(b);
    (void)policy_failed(&q, &f, NOW, FOREVER, 0);
    assert_int_equal(board_get(&bed_target(b, 0)->not_before_us), NOW + 2 * SECOND);
}

static void five_failures_of_any_requests_open_it(void **state)
{
    static const struct policy_failure f = F(SERVER);
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "F");
    for (unsigned i = 0; i < 5; i++) {
        assert_false(evidence_is_open(bed_target(b, 0), NOW));
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        (void)policy_failed(&q, &f, NOW, FOREVER, UINT32_MAX);
    }
    assert_true(evidence_is_open(bed_target(b, 0), NOW));
    assert_int_equal(board_get(&bed_target(b, 0)->until_us), NOW + 5 * SECOND);
}

/* Six attempts in all, of which none is in place more than same_target says. */
static void in_place_it_is_counted_and_paid_for(void **state)
{
    static const struct policy_failure f = F(SERVER), rate = F(RATE, ASKS(SECOND));
    struct bed *b = *state;
    struct policy_request q;

    b->rules.attempts = 6;
    bed_stand(b, "FF");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_true(bed_tokens(b, 0, NOW) == 5.15);
    assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_AGAIN);
    assert_true(bed_tokens(b, 0, NOW) == 4.15);
    evidence_result(bed_target(b, 0), true, false, NOW, 0);                     /* of another one */
    assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_NEXT); /* has been */
    assert_int_equal(q.counted, 2);
    assert_int_equal(policy_next(&q, NOW), 1);
    assert_int_equal(q.it.again, 0); /* the second one has its own */
    assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_AGAIN);
    assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), -1);

    bed_stand(b, "FF"); /* without a token there is none */
    bed_spend_all(b, 0, NOW);
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), 1);

    b->rules.wait_up_to_us = SECOND; /* who is not sick is waited for at no cost, and once */
    b->rules.same_target = 0;
    bed_stand(b, "F");
    bed_spend_all(b, 0, NOW);
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(policy_failed(&q, &rate, NOW, FOREVER, 0).what, POLICY_AGAIN);
    assert_int_equal(policy_failed(&q, &rate, NOW + SECOND, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW + SECOND), -1);
}

static void attempts_are_counted_over_all_targets(void **state)
{
    static const struct policy_failure f = F(OVERLOAD), never = F(NEVER_EXECUTED),
                                       unasked = F(CREDENTIAL, .unasked = true);
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FFFFFF");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), 1);
    assert_int_equal(policy_failed(&q, &never, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), 2);
    assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), 3);
    assert_int_equal(policy_failed(&q, &unasked, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), 4);
    assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_FINAL);
    assert_int_equal(q.counted, 3);
}

/* Without breakers a target that asks to be left alone is asked in place all the same. */
static void without_breakers_what_failed_is_asked_again(void **state)
{
    static const struct policy_failure f = F(SERVER);
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "LF");
    b->rules.breaker = false;
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_AGAIN);
    for (unsigned i = 0; i < 10; i++) {
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        (void)policy_failed(&q, &f, NOW, FOREVER, 0);
    }
}

/* In the moment before it is asked again others may have learned better. */
static void the_moment_in_place_changes_minds(void **state)
{
    static const struct {
        const char *stand;
        bool again;
    } stands[] = {{"FF", true},  {"fF", true},  {"lF", true},  {"SF", false},
                  {"LF", false}, {"BF", false}, {"KF", false}, {"DF", false}};
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(stands); i++) {
        const struct policy_failure f = F(SERVER);
        struct policy_request q;

        bed_stand(b, "FF");
        b->rules = (struct policy_rules){.attempts = 3, .same_target = 1, .breaker = true};
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_AGAIN);
        bed_stand(b, stands[i].stand);
        q.table = b->table;
        q.candidates = b->c;
        if (policy_again(&q, NOW) != stands[i].again)
            fail_msg("%s", stands[i].stand);
        assert_int_equal(policy_next(&q, NOW), stands[i].again ? 0 : 1);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_comes_of_a_failure),
        TEST(what_is_too_long_goes_to_the_larger),
        TEST(what_a_content_policy_refuses_is_final_or_not),
        TEST(what_all_know_by_it),
        TEST(an_earlier_time_does_not_move_a_later_one),
        TEST(five_failures_of_any_requests_open_it),
        TEST(in_place_it_is_counted_and_paid_for),
        TEST(attempts_are_counted_over_all_targets),
        TEST(without_breakers_what_failed_is_asked_again),
        TEST(the_moment_in_place_changes_minds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
