/* Goal: whom a request is sent to, of targets in every standing; what it costs; who may probe.
 * Method: a table of standings; requests beside each other at virtual times. */
#include "bed.h"

#include "health/breaker.h"

#define LAST POLICY_LAST_US

static const struct policy_failure died = {.class_id = CLASS_MAYBE_EXECUTED};

static void of_every_standing_the_right_one_is_asked(void **state)
{
    static const struct {
        const char *stand;
        uint32_t out;
        int who;
        bool probe;
        enum reason why;
        uint64_t after_us;
    } rows[] = {
        /* the first that may be asked */
        {"F", 0, 0, false, 0, 0},
        {"FF", 0, 0, false, 0, 0},
        {"fF", 0, 0, false, 0, 0},
        {"lF", 0, 0, false, 0, 0},
        {"SF", 0, 1, false, 0, 0},
        {"LF", 0, 1, false, 0, 0},
        {"BF", 0, 1, false, 0, 0},
        {"KF", 0, 1, false, 0, 0},
        {"PF", 0, 1, false, 0, 0},
        {"DF", 0, 0, true, 0, 0},
        {"FD", 0, 0, false, 0, 0},
        {"DD", 0, 0, true, 0, 0},
        {"PD", 0, 1, true, 0, 0},
        {"SLBKPF", 0, 5, false, 0, 0},
        {"FF", 1, 1, false, 0, 0},
        {"FDF", 1, 1, true, 0, 0},
        /* the least bad one of those that are sick, if nobody else is left */
        {"S", 0, 0, true, 0, 0},
        {"K", 0, 0, true, 0, 0},
        {"Ss", 0, 1, true, 0, 0},
        {"sS", 0, 0, true, 0, 0},
        {"ss", 0, 0, true, 0, 0},
        {"KS", 0, 1, true, 0, 0},
        {"LS", 0, 1, true, 0, 0},
        {"BSL", 0, 1, true, 0, 0},
        {"FS", 1, 1, true, 0, 0},
        {"sS", 1, 1, true, 0, 0},
        /* nobody */
        {"F", 1, -1, false, REASON_NONE, 0},
        {"SF", 3, -1, false, REASON_NONE, 0},
        {"P", 0, -1, false, REASON_BREAKER_OPEN, LAST},
        {"PS", 0, -1, false, REASON_BREAKER_OPEN, LAST},
        {"L", 0, -1, false, REASON_LEFT_ALONE, 2 * SECOND},
        {"LL", 2, -1, false, REASON_LEFT_ALONE, 2 * SECOND},
        {"B", 0, -1, false, REASON_LEFT_ALONE, 600 * SECOND},
        {"BL", 0, -1, false, REASON_LEFT_ALONE, 2 * SECOND},
        {"LB", 0, -1, false, REASON_LEFT_ALONE, 2 * SECOND},
        {"PL", 0, -1, false, REASON_LEFT_ALONE, LAST},
        {"LP", 0, -1, false, REASON_LEFT_ALONE, LAST},
        {"LF", 2, -1, false, REASON_LEFT_ALONE, 2 * SECOND},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct policy_request q;
        int who;

        bed_stand(b, rows[i].stand);
        q = bed_request(b);
        q.out = rows[i].out;
        who = policy_next(&q, NOW);
        if (who != rows[i].who || q.it.probe != rows[i].probe)
            fail_msg("%s: %d, probe %d", rows[i].stand, who, q.it.probe);
        if (who >= 0)
            assert_int_equal(q.it.at, who);
        else if (q.why != rows[i].why ||
                 q.earliest_us != (rows[i].after_us ? NOW + rows[i].after_us : 0))
            fail_msg("%s: %s, %llu us", rows[i].stand, reason_word(q.why),
                     (unsigned long long)(q.earliest_us - NOW));
    }
}

static void who_is_passed_over_is_told_why_and_until_when(void **state)
{
    static const struct {
        const char *stand;
        enum reason why[4];
        uint64_t after_us[4];
    } rows[] = {
        {"F", {0}, {0}},
        {"SLF", {REASON_BREAKER_OPEN, REASON_LEFT_ALONE, 0}, {4 * SECOND, 2 * SECOND}},
        {"BKPF",
         {REASON_LEFT_ALONE, REASON_BREAKER_OPEN, REASON_BREAKER_OPEN, 0},
         {600 * SECOND, 60 * SECOND, LAST}},
        {"FSL", {0}, {0}},                                 /* as far as needed */
        {"Ss", {REASON_BREAKER_OPEN, 0}, {4 * SECOND, 0}}, /* the second is probed */
        {"PL", {REASON_BREAKER_OPEN, REASON_LEFT_ALONE}, {LAST, 2 * SECOND}}, /* nobody is asked */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct policy_passed passed[POLICY_TARGETS_MAX] = {0};
        struct policy_request q;

        bed_stand(b, rows[i].stand);
        q = bed_request(b);
        q.passed = passed;
        UNUSED(policy_next(&q, NOW));
        for (size_t k = 0; k < 4; k++) {
            uint64_t until = rows[i].after_us[k] ? NOW + rows[i].after_us[k] : 0;

            assert_int_equal(passed[k].why, rows[i].why[k]);
            assert_int_equal(passed[k].until_us, until);
        }
    }
}

/* What is out for what another one did; and who has no retries left. */
static void who_is_left_behind_is_told_why(void **state)
{
    static const struct policy_failure refused = {.class_id = CLASS_CREDENTIAL, .status = 401};
    struct policy_passed passed[POLICY_TARGETS_MAX] = {0};
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FFf");
    b->c[1].credential = b->c[0].credential;
    q = bed_request(b);
    q.passed = passed;
    bed_spend_all(b, 2, NOW);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(policy_failed(&q, &refused, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(passed[0].why, REASON_NONE); /* it has been asked */
    assert_int_equal(passed[1].why, REASON_SHARED_FATE);
    assert_int_equal(policy_next(&q, NOW), -1);
    assert_int_equal(passed[1].why, REASON_SHARED_FATE);
    assert_int_equal(passed[2].why, REASON_RETRY_BUDGET);
}

/* One after the other, as if each failed: no more than may be asked, and who has no retries left is
 * not. */
static void who_would_be_asked(void **state)
{
    struct policy_passed passed[POLICY_TARGETS_MAX] = {0};
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FSFfFF");
    b->rules.attempts = 3;
    q = bed_request(b);
    q.passed = passed;
    bed_spend_all(b, 3, NOW);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_true(policy_suppose_failed(&q, NOW));
    assert_int_equal(policy_next(&q, NOW), 2);
    assert_true(policy_suppose_failed(&q, NOW));
    assert_int_equal(policy_next(&q, NOW), 4);
    assert_int_equal(passed[1].why, REASON_BREAKER_OPEN);
    assert_int_equal(passed[3].why, REASON_RETRY_BUDGET);
    assert_false(policy_suppose_failed(&q, NOW));
}

static void without_breakers_nobody_is_spared(void **state)
{
    struct bed *b = *state;

    b->rules.breaker = false;
    for (const char *c = "FfSsDPLBK"; *c; c++) {
        struct policy_request q;

        bed_stand(b, (char[]){*c, 'F', 0});
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        assert_false(q.it.probe);
    }
}

static void as_many_candidates_as_fit(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "LLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLF");
    assert_int_equal(b->n, POLICY_TARGETS_MAX);
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), POLICY_TARGETS_MAX - 1);
    policy_skip(&q, NOW);
    assert_int_equal(policy_next(&q, NOW), -1);
    assert_int_equal(q.why, REASON_LEFT_ALONE);
}

static void take_all_ways(struct bed *b, uint64_t id)
{
    for (uint64_t way = 0; way < 16; way++) {
        board_set(&b->table[id + way].id, id + way + BOARD_STANDINGS);
        board_set(&b->table[id + way].used_us, NOW);
    }
}

/* What is known by nobody's place is of many. */
static void who_has_no_place_is_always_asked(void **state)
{
    static const struct policy_failure failures[] = {
        {.class_id = CLASS_SERVER},
        {.class_id = CLASS_RATE},
        {.class_id = CLASS_QUOTA},
        {.class_id = CLASS_CREDENTIAL, .status = 401},
    };
    struct bed *b = *state;

    bed_stand(b, "F");
    take_all_ways(b, b->c[0].target);
    take_all_ways(b, b->c[0].credential);
    assert_true(standing_is_nobodys(bed_target(b, 0)));
    assert_true(standing_is_nobodys(bed_credential(b, 0)));
    for (unsigned i = 0; i < 40; i++) {
        struct policy_request q = bed_request(b);

        assert_int_equal(policy_next(&q, NOW), 0);
        assert_false(q.it.probe);
        (void)policy_failed(&q, &failures[i % ARRAY_LEN(failures)], NOW, FOREVER, 0);
    }
}

/* ---- what it costs ---- */

static void a_retry_costs_a_token_where_it_has_failed(void **state)
{
    static const struct {
        const char *stand; /* of 1: 0 has been asked */
        enum class_id class_id;
        double cost;
        int who, broke; /* with tokens, without */
    } rows[] = {
        {"FF", CLASS_OVERLOAD, 0, 1, 1},       {"Ff", CLASS_OVERLOAD, 1, 1, -1},
        {"Ff", CLASS_NEVER_EXECUTED, 0, 1, 1}, {"FfF", CLASS_OVERLOAD, 1, 1, 2},
        {"FD", CLASS_OVERLOAD, 1, 1, -1},      {"FS", CLASS_OVERLOAD, 1, 1, -1},
        {"FS", CLASS_NEVER_EXECUTED, 0, 1, 1}, {"FK", CLASS_OVERLOAD, 0, 1, 1},
    };

    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        const bool broke = i % 2;
        struct policy_request q;
        double had;
        int who;

        bed_stand(b, rows[i / 2].stand);
        if (broke)
            bed_spend_all(b, 1, NOW);
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        assert_true(bed_tokens(b, 0, NOW) == 5.15); /* it earns there, and only there */
        had = bed_tokens(b, 1, NOW);
        assert_true(had == (broke ? 0 : 5));
        assert_int_equal(policy_failed(&q,
                                       &(struct policy_failure){.class_id = rows[i / 2].class_id},
                                       NOW, FOREVER, 0)
                             .what,
                         POLICY_NEXT);
        who = policy_next(&q, NOW);
        if (who != (broke ? rows[i / 2].broke : rows[i / 2].who))
            fail_msg("%s, broke %d: %d", rows[i / 2].stand, broke, who);
        assert_true(bed_tokens(b, 1, NOW) == (broke ? 0 : 5 - rows[i / 2].cost));
        if (who != 1) { /* its probe is another's */
            assert_int_equal(board_get(&bed_target(b, 1)->probe_us), 0);
            assert_int_equal(q.out, 3);
        }
    }
}

static void who_can_pay_for_nobody_is_told(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FfL");
    bed_spend_all(b, 1, NOW);
    q = bed_request(b);
    b->n = 2;
    q.n = 2;
    assert_int_equal(policy_next(&q, NOW), 0);
    (void)policy_failed(&q, &died, NOW, FOREVER, 0);
    assert_int_equal(policy_next(&q, NOW), -1);
    assert_int_equal(q.why, REASON_RETRY_BUDGET);
    assert_int_equal(q.earliest_us, 0);
    q.n = 3; /* one that will take it comes before */
    q.out = 1;
    assert_int_equal(policy_next(&q, NOW), -1);
    assert_int_equal(q.why, REASON_LEFT_ALONE);
    assert_int_equal(q.earliest_us, NOW + 2 * SECOND);
}

/* Whoever could not be paid for is looked at again behind the next failure: it may be well by then.
 */
static void who_was_too_dear_may_be_well_later(void **state)
{
    for (int well = 0; well < 2; well++) {
        struct bed *b = *state;
        struct policy_request q;

        bed_stand(b, "FfF");
        bed_spend_all(b, 1, NOW);
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        (void)policy_failed(&q, &died, NOW, FOREVER, 0);
        assert_int_equal(policy_next(&q, NOW), 2);
        if (well)
            board_set(&bed_target(b, 1)->breaker, 0);
        assert_int_equal(policy_failed(&q, &died, NOW, FOREVER, 0).what, POLICY_NEXT);
        assert_int_equal(policy_next(&q, NOW), well ? 1 : -1);
        assert_int_equal(q.out & 5, 5);
    }
}

static void never_executed_is_free_once(void **state)
{
    static const struct policy_failure refused = {.class_id = CLASS_NEVER_EXECUTED};
    struct bed *b = *state;
    struct policy_request q;

    b->rules.attempts = 1; /* nothing was executed: it is not one */
    bed_stand(b, "Ffff");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_int_equal(policy_failed(&q, &refused, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), 1);
    assert_true(bed_tokens(b, 1, NOW) == 5);
    assert_int_equal(policy_failed(&q, &refused, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), 2);
    assert_true(bed_tokens(b, 2, NOW) == 4);
    assert_int_equal(policy_failed(&q, &refused, NOW, FOREVER, 0).what, POLICY_NEXT);
    assert_int_equal(policy_next(&q, NOW), 3);
    assert_true(bed_tokens(b, 3, NOW) == 4);
    assert_int_equal(policy_failed(&q, &died, NOW, FOREVER, 0).what, POLICY_FINAL);
}

static void who_is_skipped_neither_earns_nor_pays(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "FFff");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_true(bed_tokens(b, 0, NOW) == 5.15);
    policy_skip(&q, NOW);
    assert_true(bed_tokens(b, 0, NOW) == 5);
    assert_int_equal(policy_next(&q, NOW), 1);
    assert_true(bed_tokens(b, 1, NOW) == 5.15);
    (void)policy_failed(&q, &died, NOW, FOREVER, 0);
    assert_int_equal(policy_next(&q, NOW), 2);
    assert_true(bed_tokens(b, 2, NOW) == 4);
    policy_skip(&q, NOW);
    assert_true(bed_tokens(b, 2, NOW) == 5);
    assert_int_equal(policy_next(&q, NOW), 3);
    assert_true(bed_tokens(b, 3, NOW) == 4);

    bed_stand(b, "F"); /* nothing is left to be taken back */
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    bed_spend_all(b, 0, NOW);
    policy_skip(&q, NOW);
    assert_true(bed_tokens(b, 0, NOW) == 0);
}

/* ---- probes ---- */

/* The only target is due: how the first probe ends, and when the next one may be made. */
static void one_probe_at_a_time(void **state)
{
    enum end { NOTHING, SKIP, DROP, ANSWER, SICK, REFUSED, CALLER, BROKE };
    static const struct {
        enum end end;
        uint64_t after_us;
    } rows[] = {
        {NOTHING, POLICY_PROBE_US},
        {SKIP, 0},
        {DROP, 0},
        {ANSWER, 0},
        {SICK, POLICY_LAST_US},
        {BROKE, POLICY_LAST_US},
        {CALLER, 0},
        {REFUSED, POLICY_LAST_US},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct policy_failure f = {.class_id = CLASS_OVERLOAD};
        struct policy_request q, other, next;
        uint64_t at = NOW + rows[i].after_us;

        bed_stand(b, rows[i].end == REFUSED ? "K" : "D");
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        assert_true(q.it.probe);
        other = bed_request(b);
        assert_int_equal(policy_next(&other, NOW), -1);
        assert_int_equal(other.why, REASON_BREAKER_OPEN);
        switch (rows[i].end) {
        case SKIP:
            policy_skip(&q, NOW);
            break;
        case DROP:
            policy_dropped(&q, NOW);
            break;
        case ANSWER:
            policy_answers(&q, 0, NOW);
            break;
        case CALLER:
            f.class_id = CLASS_CALLER;
            (void)policy_failed(&q, &f, NOW, FOREVER, 0);
            break;
        case REFUSED:
            f = (struct policy_failure){.class_id = CLASS_CREDENTIAL, .status = 401};
            (void)policy_failed(&q, &f, NOW, FOREVER, 0);
            break;
        case SICK:
            assert_int_equal(policy_failed(&q, &f, NOW, FOREVER, 0).what, POLICY_NEXT);
            break;
        case BROKE:
            policy_broke(&q, &f, NOW, 0);
            break;
        case NOTHING:
            break;
        }
        if (rows[i].end != NOTHING)
            assert_false(q.it.probe);
        if (at > NOW) {
            next = bed_request(b);
            if (policy_next(&next, at - 1) != -1)
                fail_msg("row %zu: too early", i);
        }
        next = bed_request(b);
        if (policy_next(&next, at) != 0 || !next.it.probe)
            fail_msg("row %zu: no probe", i);
    }
}

/* A place that is skipped is in use as before. */
static void who_is_skipped_keeps_its_place(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "DF");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    policy_skip(&q, NOW + SECOND);
    assert_int_equal(board_get(&standing_look(b->table, b->c[0].target)->used_us), NOW + SECOND);
    assert_int_equal(q.out, 1);
    assert_int_equal(policy_next(&q, NOW), 1);
    assert_false(q.it.probe);
    policy_skip(&q, NOW);
    assert_int_equal(policy_next(&q, NOW), -1);
    assert_int_equal(q.why, REASON_NONE);
}

/* The last one left is probed each second, and is not shut for longer by it. */
static void a_probe_before_its_time_changes_no_time(void **state)
{
    static const struct policy_failure f = {.class_id = CLASS_OVERLOAD};
    struct bed *b = *state;

    bed_stand(b, "S");
    for (unsigned s = 0; s <= 4; s++) {
        struct policy_request q = bed_request(b);
        uint64_t until = NOW + 4 * SECOND;

        assert_int_equal(policy_next(&q, NOW + s * SECOND), 0);
        assert_true(q.it.probe);
        assert_int_equal(board_get(&bed_target(b, 0)->until_us), until);
        (void)policy_failed(&q, &f, NOW + s * SECOND, FOREVER, UINT32_MAX);
    }
    assert_int_equal(board_get(&bed_target(b, 0)->until_us), NOW + (4 + 10) * SECOND);
}

static void probes_close_it_and_others_do_not(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "D");
    q = bed_request(b);
    q.it.at = 0;
    policy_ended(&q, 0, NOW); /* it was under way before */
    assert_true(evidence_is_open(bed_target(b, 0), NOW));
    for (unsigned n = 0; n < 3; n++) {
        assert_true(evidence_is_open(bed_target(b, 0), NOW));
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        assert_true(q.it.probe);
        if (n == 1)
            policy_answers(&q, 0, NOW); /* by its first token ... */
        policy_ended(&q, 0, NOW);       /* ... or, without one, its end */
    }
    assert_false(evidence_is_open(bed_target(b, 0), NOW));
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_false(q.it.probe);
}

static void an_answer_ends_a_row_of_failures_at_its_end(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "f");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    policy_answers(&q, 0, NOW);
    assert_int_equal(evidence_row(bed_target(b, 0), NOW), 1);
    policy_broke(&q, &died, NOW, 0);
    assert_int_equal(evidence_row(bed_target(b, 0), NOW), 2);
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    policy_answers(&q, 0, NOW);
    policy_ended(&q, 0, NOW);
    assert_int_equal(evidence_row(bed_target(b, 0), NOW), 0);
}

/* What others have found since is not undone by the rest of an answer. */
static void an_answer_begins_once(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "F");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    policy_answers(&q, 0, NOW);
    board_set(&bed_credential(b, 0)->until_us, NOW + SECOND);
    policy_answers(&q, 0, NOW);
    policy_ended(&q, 0, NOW);
    assert_int_equal(board_get(&bed_credential(b, 0)->until_us), NOW + SECOND);
}

static void a_key_that_works_again_is_used(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "KF");
    b->c[1].credential = b->c[0].credential;
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_true(q.it.probe);
    policy_answers(&q, 0, NOW);
    for (unsigned n = 0; n < 2; n++) {
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        assert_false(q.it.probe);
    }
}

static void what_is_known_of_old_holds_nobody(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "D");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW + POLICY_STALE_US), 0);
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW + POLICY_STALE_US), -1); /* somebody probes it */
    for (unsigned n = 0; n < 3; n++) {
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW + POLICY_STALE_US + 1), 0);
        assert_true(q.it.probe);
    }
}

/* One that has become another's is not given back; nor is one that was never taken. */
static void a_probe_is_ended_by_whose_it_is(void **state)
{
    static const struct policy_failure f = {.class_id = CLASS_OVERLOAD};
    struct bed *b = *state;

    for (unsigned end = 0; end < 4; end++) {
        struct policy_request slow, own, stale;
        const uint64_t later = NOW + POLICY_PROBE_US, old = NOW + POLICY_STALE_US + 1;
        board_word *word;

        bed_stand(b, "D");
        word = &bed_target(b, 0)->probe_us;
        slow = own = stale = bed_request(b);
        assert_int_equal(policy_next(&slow, NOW), 0);
        assert_int_equal(policy_next(&own, later), 0); /* the slow one's time is over */
        assert_int_equal(policy_next(&stale, old), 0);
        assert_true(slow.it.probe && own.it.probe && stale.it.probe);
        for (unsigned i = 0; i < 2; i++) {
            struct policy_request *q = i ? &stale : &slow;

            if (end == 0)
                policy_skip(q, old);
            else if (end == 1)
                policy_dropped(q, old);
            else if (end == 2)
                policy_answers(q, 0, old);
            else
                (void)policy_failed(q, &f, old, FOREVER, 0);
            assert_false(q->it.probe);
            assert_int_equal(board_get(word), later + POLICY_PROBE_US);
        }
        policy_dropped(&own, old);
        assert_int_equal(board_get(word), 0);
    }
}

static double results_of(struct bed *b)
{
    return breaker_read(board_get(&bed_target(b, 0)->breaker), NOW).lately;
}

/* Also a probe's: by its beginning, and then not by its end. */
static void a_success_is_counted_once(void **state)
{
    static const struct {
        const char *stand;
        double counted;
    } rows[] = {{"F", 1}, {"K", 1}, {"D", 6}, {"S", 0}};

    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        struct policy_request q;

        bed_stand(b, rows[i / 2].stand);
        q = bed_request(b);
        assert_int_equal(policy_next(&q, NOW), 0);
        if (i % 2)
            policy_answers(&q, 0, NOW);
        policy_ended(&q, 0, NOW);
        assert_true(results_of(b) == rows[i / 2].counted);
    }
}

/* Clients wait for it: one good answer is enough. */
static void the_last_one_closes_by_one_answer(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    bed_stand(b, "sS");
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_true(q.it.probe && q.it.last);
    policy_answers(&q, 0, NOW);
    q = bed_request(b);
    assert_int_equal(policy_next(&q, NOW), 0);
    assert_false(q.it.probe);
}

/* By a tenth, then by more and more; by all where nobody else is left. */
static void who_was_sick_comes_back_by_and_by(void **state)
{
    static const struct {
        uint64_t after_us, slow_us;
        unsigned percent;
        bool breaker;
    } rows[] = {
        {0, 10 * SECOND, 10, true},
        {SECOND, 10 * SECOND, 10, true},
        {5 * SECOND, 10 * SECOND, 50, true},
        {9 * SECOND, 10 * SECOND, 90, true},
        {10 * SECOND, 10 * SECOND, 100, true},
        {0, 0, 100, true},
        {0, 10 * SECOND, 100, false},
    };
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t now = NOW + rows[i].after_us;
        unsigned first = 0;

        bed_stand(b, "DF");
        for (unsigned good = 0; good < BREAKER_GOOD; good++)
            evidence_result(bed_target(b, 0), true, true, NOW, 0);
        assert_false(evidence_is_open(bed_target(b, 0), NOW));
        b->rules.slow_us = rows[i].slow_us;
        b->rules.breaker = rows[i].breaker;
        for (unsigned k = 0; k < 100; k++) {
            struct policy_request q = bed_request(b);

            q.draw = (uint32_t)(UINT32_MAX / 100 * k);
            first += policy_next(&q, now) == 0;
            q = bed_request(b);
            q.draw = UINT32_MAX;
            q.out = 2; /* nobody else */
            assert_int_equal(policy_next(&q, now), 0);
        }
        assert_in_range(first, rows[i].percent, rows[i].percent + 1);
    }
    b->rules.breaker = true;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(of_every_standing_the_right_one_is_asked),
        TEST(who_is_passed_over_is_told_why_and_until_when),
        TEST(who_is_left_behind_is_told_why),
        TEST(who_would_be_asked),
        TEST(without_breakers_nobody_is_spared),
        TEST(as_many_candidates_as_fit),
        TEST(who_has_no_place_is_always_asked),
        TEST(a_retry_costs_a_token_where_it_has_failed),
        TEST(who_can_pay_for_nobody_is_told),
        TEST(who_was_too_dear_may_be_well_later),
        TEST(never_executed_is_free_once),
        TEST(who_is_skipped_neither_earns_nor_pays),
        TEST(one_probe_at_a_time),
        TEST(who_is_skipped_keeps_its_place),
        TEST(a_probe_before_its_time_changes_no_time),
        TEST(probes_close_it_and_others_do_not),
        TEST(an_answer_ends_a_row_of_failures_at_its_end),
        TEST(an_answer_begins_once),
        TEST(a_key_that_works_again_is_used),
        TEST(what_is_known_of_old_holds_nobody),
        TEST(a_probe_is_ended_by_whose_it_is),
        TEST(who_was_sick_comes_back_by_and_by),
        TEST(a_success_is_counted_once),
        TEST(the_last_one_closes_by_one_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
