/* Goal: what fails together is left alone together, probed by one, and comes back together; one
 * that is sick by itself takes nobody along. Method: candidates that share fates, requests beside
 * each other at virtual times. */
#include "bed.h"

#include "health/breaker.h"
#include "health/fate.h"
#include "policy/fates.h"

static const struct policy_failure died = {.class_id = CLASS_MAYBE_EXECUTED};
static const struct policy_failure overloaded = {.class_id = CLASS_OVERLOAD, .status = 529};
static const struct policy_failure limited = {.class_id = CLASS_RATE, .status = 429};
static const struct policy_failure junk = {.class_id = CLASS_JUNK, .status = 200};

/* n fine targets of one provider, that share its fate. */
static void of_one_provider(struct bed *b, const char *letters)
{
    bed_stand(b, letters);
    b->rules.attempts = 10;
    for (uint32_t i = 0; i < b->n; i++) {
        b->c[i].provider = 10;
        b->c[i].model = 1000 + i;
        b->c[i].fates =
            (struct policy_fates){.ids = {77}, .kinds = {FATE_PROVIDER}, .n = 1, .by_target = 1};
    }
}

/* A request that may go to one of them alone. */
static struct policy_request to(struct bed *b, uint32_t i)
{
    struct policy_request q = bed_request(b);

    q.out = ~(UINT32_C(1) << i);
    return q;
}

/* As many requests at one target fail, as far as they are sent. Returns how many are. */
static unsigned fail_at(struct bed *b, uint32_t i, unsigned n, const struct policy_failure *f,
                        uint64_t now)
{
    unsigned sent = 0;

    for (unsigned k = 0; k < n; k++) {
        struct policy_request q = to(b, i);

        if (policy_next(&q, now) < 0)
            continue;
        sent++;
        UNUSED(policy_failed(&q, f, now, 0, UINT32_MAX));
    }
    return sent;
}

static enum policy_stand stand_of(struct bed *b, uint32_t i, uint64_t now)
{
    uint64_t until;

    return policy_look(b->table, &b->c[i], now, &until);
}

static struct policy_fate_view fate(struct bed *b, uint64_t now)
{
    struct policy_fate_view v;

    policy_fate(&v, b->table, 77, now);
    return v;
}

/* Two of four die. The third, which has not been asked, is not asked either, and is told why. */
static void two_that_die_take_the_others_along(void **state)
{
    struct policy_passed passed[POLICY_TARGETS_MAX] = {0};
    struct bed *b = *state;
    struct policy_request q;

    of_one_provider(b, "FFFF");
    b->c[3].fates.n = 0; /* it shares nothing */
    b->c[3].provider = 11;
    fail_at(b, 0, 5, &died, NOW);
    assert_int_equal(stand_of(b, 1, NOW), POLICY_FREE);
    assert_false(fate(b, NOW).open);
    fail_at(b, 1, 5, &died, NOW);
    assert_true(fate(b, NOW).open);
    assert_int_equal(fate(b, NOW).incidents, 1);
    assert_int_equal(fate(b, NOW).since_us, NOW);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(stand_of(b, i, NOW), POLICY_FATED);
    q = bed_request(b);
    q.passed = passed;
    assert_int_equal(policy_next(&q, NOW), 3);
    assert_int_equal(passed[2].why, REASON_FATE);
    assert_int_equal(passed[2].fate, FATE_PROVIDER);
    assert_int_equal(passed[2].until_us, NOW + FATE_LEAVE_US);
}

static void who_fails_alone_or_otherwise_takes_nobody_along(void **state)
{
    static const struct {
        const struct policy_failure *first, *second;
        uint32_t other;
        bool open;
    } rows[] = {
        {&died, &died, 1, true},       {&overloaded, &overloaded, 1, true},
        {&died, &overloaded, 1, true}, {&died, &died, 0, false}, /* one target */
        {&died, &junk, 1, false},      {&junk, &junk, 1, false},
        {&died, &limited, 1, false},   {&limited, &limited, 1, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;

        of_one_provider(b, "FFF");
        fail_at(b, 0, 20, rows[i].first, NOW);
        fail_at(b, rows[i].other, 20, rows[i].second, NOW + SECOND);
        if (fate(b, NOW + SECOND).open != rows[i].open)
            fail_msg("row %zu: open %d", i, !rows[i].open);
        assert_int_equal(stand_of(b, 2, NOW + SECOND), rows[i].open ? POLICY_FATED : POLICY_FREE);
    }
}

/* Two ways to one target, and two targets of one of several providers, are one witness. */
static void a_witness_is_what_the_fate_is_made_of(void **state)
{
    struct bed *b = *state;

    of_one_provider(b, "FF");
    b->c[1].model = b->c[0].model;
    fail_at(b, 0, 5, &died, NOW);
    fail_at(b, 1, 5, &died, NOW);
    assert_false(fate(b, NOW).open);

    of_one_provider(b, "FF");
    b->c[0].fates.by_target = b->c[1].fates.by_target = 0;
    fail_at(b, 0, 5, &died, NOW);
    fail_at(b, 1, 5, &died, NOW);
    assert_false(fate(b, NOW).open);

    of_one_provider(b, "FF");
    b->c[0].fates.by_target = b->c[1].fates.by_target = 0;
    b->c[1].provider = 11;
    fail_at(b, 0, 5, &died, NOW);
    fail_at(b, 1, 5, &died, NOW);
    assert_true(fate(b, NOW).open);
}

/* An answer of anybody between them: it is not the provider. */
static void an_answer_between_says_that_it_is_well(void **state)
{
    struct bed *b = *state;
    struct policy_request q;

    of_one_provider(b, "FFF");
    fail_at(b, 0, 5, &died, NOW);
    q = to(b, 2);
    assert_int_equal(policy_next(&q, NOW), 2);
    policy_answers(&q, SECOND, NOW + SECOND);
    policy_ended(&q, SECOND, NOW + SECOND);
    fail_at(b, 1, 5, &died, NOW + SECOND);
    assert_false(fate(b, NOW + SECOND).open);
    assert_int_equal(stand_of(b, 2, NOW + SECOND), POLICY_FREE);
}

static void all_die(struct bed *b, uint64_t now)
{
    of_one_provider(b, "FFFF");
    fail_at(b, 0, 5, &died, now);
    fail_at(b, 1, 5, &died, now);
}

/* Whoever is asked first when the time is over is the probe for all; it is good, and all come
 * back: each of those that were sick by a probe of its own, the others slowly. */
static void one_probe_brings_all_back(void **state)
{
    uint64_t later = NOW + FATE_LEAVE_US;
    struct bed *b = *state;
    struct policy_request q[3];

    all_die(b, NOW);
    b->rules.slow_us = 30 * SECOND;
    for (uint32_t i = 0; i < 3; i++)
        q[i] = to(b, i);
    assert_int_equal(policy_next(&q[2], later), 2);
    assert_true(q[2].it.probe);
    assert_int_equal(policy_next(&q[0], later), -1);
    assert_int_equal(q[0].why, REASON_FATE);
    assert_int_equal(policy_next(&q[1], later), -1);
    policy_answers(&q[2], SECOND, later);
    assert_false(fate(b, later).open);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(stand_of(b, i, later), POLICY_HALF_OPEN);
    assert_int_equal(stand_of(b, 3, later), POLICY_FREE);
    q[0] = to(b, 3); /* nobody else can be asked: at once */
    q[0].draw = UINT32_MAX;
    assert_int_equal(policy_next(&q[0], later), 3);
    b->c[1].target = 555; /* nobody has asked it yet */
    b->c[3].fates.n = 0;
    for (uint32_t eager = 0; eager < 2; eager++) {
        q[0] = bed_request(b);
        q[0].out = 0x5;
        q[0].draw = eager ? 0 : UINT32_MAX;
        assert_int_equal(policy_next(&q[0], later), eager ? 1 : 3);
    }
    assert_int_equal(fate(b, later).incidents, 1);
}

/* What it costs while it lasts: ten minutes, a request a second for each of 15 targets, and
 * somebody else who answers. */
static void a_long_outage_costs_few_probes(void **state)
{
    const uint32_t dead = 15, well = 15;
    struct bed *b = *state;
    unsigned sent = 0;

    of_one_provider(b, "FFFFFFFFFFFFFFFF");
    b->c[well].fates.n = 0;
    for (uint64_t t = 0; t < 600; t++)
        for (uint32_t i = 0; i < dead; i++) {
            uint64_t now = NOW + t * SECOND;
            struct policy_request q = bed_request(b);

            q.out = ~(UINT32_C(1) << i | UINT32_C(1) << well);
            if (policy_next(&q, now) == (int)well) {
                policy_ended(&q, SECOND, now);
                continue;
            }
            sent++;
            UNUSED(policy_failed(&q, &died, now, 0, UINT32_MAX));
        }
    /* Until two of them have failed five times, one each 5 s for those that have not, and then one
     * a minute: without it each would have its own. */
    assert_in_range(sent, 4 * dead + 2, 4 * dead + 2 + (dead - 2) + 15);
    assert_int_equal(fate(b, NOW + 599 * SECOND).incidents, 1);
}

/* A probe that fails makes who it went to sick at once, and the time longer. */
static void a_probe_that_fails_is_enough(void **state)
{
    uint64_t later = NOW + FATE_LEAVE_US, then;
    struct bed *b = *state;

    all_die(b, NOW);
    assert_int_equal(fail_at(b, 2, 10, &died, later), 1);
    assert_true(evidence_is_open(bed_target(b, 2), later));
    assert_int_equal(fate(b, later).until_us, later + 10 * SECOND);
    assert_int_equal(fail_at(b, 0, 10, &died, later), 0);
    then = later + FATE_LEAVE_US;
    assert_int_equal(stand_of(b, 0, then), POLICY_FATED);     /* who is sick waits for longer ... */
    assert_int_equal(stand_of(b, 3, then), POLICY_HALF_OPEN); /* ... than who is not known to be */
    assert_int_equal(fail_at(b, 3, 10, &died, then), 1);
    assert_int_equal(fate(b, then).until_us, later + 10 * SECOND);
    assert_int_equal(fate(b, then).incidents, 1);
}

/* A refusal comes from somebody, too. */
static void who_refuses_is_there(void **state)
{
    uint64_t later = NOW + FATE_LEAVE_US;
    struct bed *b = *state;

    all_die(b, NOW);
    assert_int_equal(fail_at(b, 2, 1, &limited, later), 1);
    assert_false(fate(b, later).open);
    assert_int_equal(stand_of(b, 3, later), POLICY_FREE);
}

/* Where all share it, one of them is asked once a second, as ever. */
static void the_last_ones_left_are_probed_each_second(void **state)
{
    struct bed *b = *state;
    unsigned sent = 0;

    all_die(b, NOW);
    for (unsigned k = 0; k < 4 * 10; k++) {
        uint64_t now = NOW + SECOND / 2 + k * SECOND / 10;
        struct policy_request q = bed_request(b);

        if (policy_next(&q, now) < 0) {
            assert_int_equal(q.why, REASON_FATE);
            continue;
        }
        sent++;
        assert_true(q.it.last);
        UNUSED(policy_failed(&q, &died, now, 0, 0));
    }
    assert_int_equal(sent, 4);
}

/* Who dies with a probe under way holds the others for a minute at most; what nobody has needed for
 * long is not held against anybody. */
static void nothing_is_held_for_ever(void **state)
{
    uint64_t later = NOW + FATE_LEAVE_US;
    struct bed *b = *state;
    struct policy_request q, other;

    all_die(b, NOW);
    q = to(b, 2);
    assert_int_equal(policy_next(&q, later), 2); /* and is never heard of again */
    other = to(b, 3);
    assert_int_equal(policy_next(&other, later + POLICY_PROBE_US - 1), -1);
    assert_int_equal(policy_next(&other, later + POLICY_PROBE_US), 3);

    all_die(b, NOW);
    later = fate(b, NOW).until_us + POLICY_STALE_US + 1;
    assert_false(fate(b, later).open);
    assert_int_equal(stand_of(b, 3, later), POLICY_FREE);
    assert_int_equal(fail_at(b, 3, 5, &died, later), 5); /* one of them is a new beginning */
    assert_false(fate(b, later).open);
}

static void who_leaves_gives_the_probe_back(void **state)
{
    uint64_t later = NOW + FATE_LEAVE_US;
    struct bed *b = *state;
    struct policy_request q;

    all_die(b, NOW);
    for (unsigned i = 0; i < 3; i++) {
        q = to(b, 2);
        assert_int_equal(policy_next(&q, later), 2);
        if (i == 0)
            policy_dropped(&q, later);
        else if (i == 1)
            policy_skip(&q, later);
        else
            policy_ended(&q, SECOND, later);
    }
    assert_false(fate(b, later).open);
}

/* A key that was refused, or had no money: when its time is over, one request looks. */
static void a_key_is_looked_after_by_one(void **state)
{
    static const struct policy_failure refusals[] = {
        {.class_id = CLASS_CREDENTIAL, .status = 401},
        {.class_id = CLASS_QUOTA, .status = 429},
    };

    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        uint64_t later = NOW + (i ? POLICY_BROKE_US : POLICY_REFUSED_US);
        struct bed *b = *state;
        struct policy_request q;

        bed_stand(b, "FFF");
        b->c[1].credential = b->c[2].credential = b->c[0].credential;
        assert_int_equal(fail_at(b, 0, 1, &refusals[i], NOW), 1);
        assert_int_equal(fail_at(b, 1, 1, &refusals[i], NOW + SECOND), i ? 0 : 1); /* last resort */
        later += i ? 0 : SECOND;
        assert_int_equal(fail_at(b, 1, 9, &refusals[i], later), 1);
        later += i ? POLICY_BROKE_US : POLICY_REFUSED_US;
        q = to(b, 2);
        assert_int_equal(policy_next(&q, later), 2);
        assert_true(q.it.probe);
        assert_int_equal(fail_at(b, 0, 9, &refusals[i], later), 0);
        policy_ended(&q, SECOND, later);
        for (uint32_t k = 0; k < 3; k++)
            assert_int_equal(stand_of(b, k, later), POLICY_FREE);
    }
}

static void without_breakers_there_are_no_fates(void **state)
{
    struct bed *b = *state;

    b->rules.breaker = false;
    of_one_provider(b, "FFF");
    fail_at(b, 0, 5, &died, NOW);
    fail_at(b, 1, 5, &died, NOW);
    assert_int_equal(fail_at(b, 2, 9, &died, NOW), 9);
}

/* ---- of more than one fate ---- */

/* Open, and due then for who is sick, and for who is not. */
static struct board_standing *opened(struct bed *b, uint64_t id, uint64_t sick_us, uint64_t well_us)
{
    struct board_standing *s = standing_find(b->table, id, NOW);
    bool opens;

    board_set(&s->breaker, fate_sick(fate_sick(0, 1, NOW, &opens), 2, NOW, &opens));
    assert_true(opens);
    board_set(&s->until_us, sick_us);
    board_set(&s->not_before_us, well_us);
    return s;
}

static void the_longest_of_its_fates_counts(void **state)
{
    static const struct {
        int a_s, b_s; /* due in so many seconds; 0: now */
        enum fates_stand stand;
        uint64_t until_s;
        uint8_t by;
    } rows[] = {
        {5, 9, FATES_SHUT, 9, 1}, {9, 5, FATES_SHUT, 9, 0},  {0, 5, FATES_SHUT, 5, 1},
        {5, 0, FATES_SHUT, 5, 0}, {0, 0, FATES_PROBE, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = *state;
        uint64_t at = NOW + (uint64_t)rows[i].a_s * SECOND,
                 bt = NOW + (uint64_t)rows[i].b_s * SECOND;
        uint64_t until;

        bed_stand(b, "F");
        b->c[0].fates = (struct policy_fates){.ids = {77, 78}, .n = 2};
        for (int sick = 0; sick < 2; sick++) {
            uint8_t by = 9;

            opened(b, 77, sick ? at : NOW + 99 * SECOND, sick ? NOW + 99 * SECOND : at);
            opened(b, 78, sick ? bt : NOW + 99 * SECOND, sick ? NOW + 99 * SECOND : bt);
            assert_int_equal(fates_look(b->table, &b->c[0], sick, NOW, &until, &by), rows[i].stand);
            assert_int_equal(until, rows[i].until_s ? NOW + rows[i].until_s * SECOND : 0);
            assert_int_equal(by, rows[i].by);
        }
    }
}

static void the_last_to_close_counts(void **state)
{
    struct bed *b = *state;
    struct board_standing *s, *t;

    bed_stand(b, "F");
    b->c[0].fates = (struct policy_fates){.ids = {77, 78}, .n = 2};
    assert_int_equal(fates_closed_us(b->table, &b->c[0]), 0);
    s = standing_find(b->table, 77, NOW);
    t = standing_find(b->table, 78, NOW);
    board_set(&s->closed_us, 5);
    board_set(&t->closed_us, 9);
    assert_int_equal(fates_closed_us(b->table, &b->c[0]), 9);
    board_set(&s->closed_us, 10);
    assert_int_equal(fates_closed_us(b->table, &b->c[0]), 10);
}

/* All of them or none; and given back is what was taken, no more. */
static void a_probe_is_of_all_its_fates(void **state)
{
    struct bed *b = *state;
    struct board_standing *s, *t;
    uint8_t of;

    bed_stand(b, "F");
    b->c[0].fates = (struct policy_fates){.ids = {77, 78}, .n = 2};
    s = opened(b, 77, NOW, NOW);
    t = opened(b, 78, NOW, NOW);
    assert_true(fates_take_probe(b->table, &b->c[0], NOW + SECOND, NOW, &of));
    assert_int_equal(of, 3);
    fates_end_probe(b->table, &b->c[0], 1, NOW + SECOND, 0);
    assert_int_equal(board_get(&s->probe_us), 0);
    assert_int_equal(board_get(&t->probe_us), NOW + SECOND);
    assert_false(
        fates_take_probe(b->table, &b->c[0], NOW + SECOND, NOW, &of)); /* one is another's */
    assert_int_equal(of, 0);
    assert_int_equal(board_get(&s->probe_us), 0);
    assert_int_equal(board_get(&t->probe_us), NOW + SECOND);
}

/* What was known of it is old: two have to say so again. */
static void an_old_outage_is_none(void **state)
{
    uint64_t now = NOW + POLICY_STALE_US + SECOND + 1;
    struct bed *b = *state;
    struct board_standing *s;
    uint64_t opened_us;

    bed_stand(b, "FF");
    for (unsigned i = 0; i < 2; i++)
        b->c[i].fates = (struct policy_fates){.ids = {77}, .n = 1};
    s = opened(b, 77, NOW + SECOND, NOW + SECOND);
    opened_us = board_get(&s->opened_us);
    fates_sick(b->table, &b->c[0], now, 0);
    assert_false(fate_is_open(board_get(&s->breaker)));
    assert_int_equal(board_get(&s->opened_us), opened_us);
    fates_sick(b->table, &b->c[1], now, 0);
    assert_true(fate_is_open(board_get(&s->breaker)));
    assert_int_equal(board_get(&s->opened_us), now);
}

/* Since then, and not before: what has opened later is sick by itself. */
static void what_was_over_before_opens_nothing(void **state)
{
    struct bed *b = *state;
    struct board_standing *s;

    bed_stand(b, "S");
    b->c[0].fates = (struct policy_fates){.ids = {77}, .n = 1};
    s = standing_find(b->table, 77, NOW);
    board_set(&bed_target(b, 0)->opened_us, NOW - SECOND);
    board_set(&s->closed_us, NOW - SECOND - 1);
    assert_int_equal(stand_of(b, 0, NOW), POLICY_OPEN);
    board_set(&s->closed_us, NOW - SECOND);
    assert_int_equal(stand_of(b, 0, NOW), POLICY_HALF_OPEN);
}

/* Who probes it before its time, since it was not sick itself, puts off the next such one alone. */
static void a_probe_before_its_time_puts_off_others_alone(void **state)
{
    static const struct {
        uint64_t well_us, then_us;
    } rows[] = {{NOW, NOW + FATE_LEAVE_US}, {NOW + SECOND, NOW + SECOND}};
    struct bed *b = *state;

    bed_stand(b, "F");
    b->c[0].fates = (struct policy_fates){.ids = {77}, .n = 1};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct board_standing *s = opened(b, 77, NOW + 20 * SECOND, rows[i].well_us);

        fates_still_sick(b->table, &b->c[0], 1, NOW, 0);
        assert_int_equal(board_get(&s->until_us), NOW + 20 * SECOND);
        assert_int_equal(board_get(&s->not_before_us), rows[i].then_us);
    }
}

/* A probe whose answer breaks off has not said that anybody is there; one that is no answer has. */
static void what_breaks_off_is_no_sign_of_life(void **state)
{
    static const struct policy_failure cut = {.class_id = CLASS_NEVER_EXECUTED, .unasked = true};
    uint64_t later = NOW + FATE_LEAVE_US;
    struct bed *b = *state;

    all_die(b, NOW);
    assert_int_equal(fail_at(b, 2, 1, &cut, later), 1);
    assert_true(fate(b, later).open);
    assert_int_equal(fail_at(b, 2, 1, &limited, later), 1);
    assert_false(fate(b, later).open);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, bed_set_up, bed_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(two_that_die_take_the_others_along),
        TEST(who_fails_alone_or_otherwise_takes_nobody_along),
        TEST(a_witness_is_what_the_fate_is_made_of),
        TEST(an_answer_between_says_that_it_is_well),
        TEST(one_probe_brings_all_back),
        TEST(a_long_outage_costs_few_probes),
        TEST(a_probe_that_fails_is_enough),
        TEST(who_refuses_is_there),
        TEST(the_last_ones_left_are_probed_each_second),
        TEST(nothing_is_held_for_ever),
        TEST(who_leaves_gives_the_probe_back),
        TEST(a_key_is_looked_after_by_one),
        TEST(without_breakers_there_are_no_fates),
        TEST(the_longest_of_its_fates_counts),
        TEST(the_last_to_close_counts),
        TEST(a_probe_is_of_all_its_fates),
        TEST(an_old_outage_is_none),
        TEST(what_was_over_before_opens_nothing),
        TEST(a_probe_before_its_time_puts_off_others_alone),
        TEST(what_breaks_off_is_no_sign_of_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
