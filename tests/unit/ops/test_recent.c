/* Goal: "lately" is 15 to 30 minutes, shares and ratios count what they should, and no number of
 * names makes the table grow.
 * Method: records at given times; the rows read back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "ops/recent.h"

#define S(n) ((uint64_t)(n) * 1000000)

static struct recent *make(void)
{
    struct recent *r = NULL;
    struct err e;

    assert_int_equal(recent_new(&r, &e), 0);
    return r;
}

static void add(struct recent *r, const char *model, const char *target, enum outcome outcome,
                uint64_t now_us)
{
    struct record rec = {
        .outcome = outcome, .stream = true, .first_us = 300000, .op = OP_CHAT, .attempts = 1};

    snprintf(rec.model, sizeof(rec.model), "%s", model);
    snprintf(rec.target, sizeof(rec.target), "%s", target);
    recent_add(r, &rec, now_us);
}

static size_t rows_n(struct recent *r)
{
    struct recent_row row;
    size_t n = 0;

    while (recent_row(r, n, &row))
        n++;
    return n;
}

static void outcomes_count_as_they_should(void **state)
{
    static const struct {
        enum outcome outcome;
        bool counted, good;
    } rows[] = {
        {OUTCOME_FULL, true, true},          {OUTCOME_EQUIVALENT, true, true},
        {OUTCOME_JOINED, true, true},        {OUTCOME_DEGRADED, true, true},
        {OUTCOME_LATE, true, false},         {OUTCOME_SHED, true, false},
        {OUTCOME_FAILED, true, false},       {OUTCOME_CLIENT_ERROR, false, false},
        {OUTCOME_CLIENT_GONE, false, false},
    };

    UNUSED(state);
    assert_int_equal(ARRAY_LEN(rows), OUTCOMES_N);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct recent *r = make();
        struct recent_row row;

        add(r, "m", "p/m", rows[i].outcome, 0);
        assert_true(recent_row(r, 0, &row));
        assert_int_equal(row.requests, 1);
        assert_int_equal(row.counted, rows[i].counted);
        assert_int_equal(row.good, rows[i].good);
        assert_int_equal(row.targets_n, rows[i].good);
        recent_free(&r);
    }
}

static void counts_leave_after_two_blocks(void **state)
{
    static const struct {
        uint64_t at_s, want, window_s;
    } rows[] = {
        {0, 1, 1},       {100, 1, 100},  {899, 1, 899},       {900, 1, 900},
        {1799, 1, 1799}, {1800, 0, 900}, {9999, 0, 900 + 99},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct recent *r = make();

        add(r, "m", "p/m", OUTCOME_FULL, S(50));
        recent_turn(r, S(50 + rows[i].at_s));
        assert_int_equal(rows_n(r), rows[i].want);
        assert_int_equal(recent_window_s(r, S(50 + rows[i].at_s)), rows[i].window_s);
        recent_free(&r);
    }
}

static void shares_and_times_are_by_model(void **state)
{
    struct recent *r = make();
    struct recent_row row;

    UNUSED(state);
    for (int i = 0; i < 10; i++)
        add(r, "smart", i < 7 ? "a/x" : "b/y", OUTCOME_FULL, S(i));
    add(r, "code", "c/z", OUTCOME_FAILED, S(11));
    add(r, "", "c/z", OUTCOME_FAILED, S(11));
    add(r, "no-such-model", "", OUTCOME_CLIENT_ERROR, S(11));
    assert_int_equal(rows_n(r), 2);
    assert_true(recent_row(r, 0, &row));
    assert_true(span_is(row.model, "smart"));
    assert_int_equal(row.targets_n, 2);
    assert_true(span_is(row.targets[0].name, "a/x"));
    assert_int_equal(row.targets[0].requests, 7);
    assert_int_equal(row.targets[1].requests, 3);
    assert_true(row.first_p50_s > 0.25 && row.first_p95_s <= 0.5);
    recent_free(&r);
}

/* Refused for want of room before a target was chosen: it counts against its model, of those that
 * there are. */
static void what_was_shed_counts(void **state)
{
    struct record rec = {.outcome = OUTCOME_SHED, .op = OP_CHAT, .model = "smart"};
    struct recent *r = make();
    struct recent_row row;

    UNUSED(state);
    recent_add(r, &rec, S(1));
    assert_int_equal(rows_n(r), 0);
    rec.configured = true;
    recent_add(r, &rec, S(1));
    assert_true(recent_row(r, 0, &row));
    assert_int_equal(row.requests, 1);
    assert_int_equal(row.counted, 1);
    assert_int_equal(row.good, 0);
    assert_int_equal(row.outcomes[OUTCOME_SHED], 1);
    rec.outcome = OUTCOME_FAILED;
    recent_add(r, &rec, S(1));
    assert_true(recent_row(r, 0, &row));
    assert_int_equal(row.requests, 1);
    recent_free(&r);
}

/* 98 of 100 requests took 80 us, two 4 ms; a request to no model counts as well. */
static void overhead_is_of_all_models_and_leaves(void **state)
{
    struct recent *r = make();
    struct record rec = {.outcome = OUTCOME_FULL, .op = OP_CHAT, .attempts = 1};

    UNUSED(state);
    assert_true(recent_overhead_s(r, 0.99) <= 0);
    recent_add(r, &rec, S(1)); /* 0: not known */
    assert_true(recent_overhead_s(r, 0.99) <= 0);
    for (int i = 0; i < 100; i++) {
        rec.overhead_us = i < 98 ? 80 : 4000;
        recent_add(r, &rec, S(1));
    }
    assert_true(recent_overhead_s(r, 0.50) > 0.00005 && recent_overhead_s(r, 0.50) < 0.0001);
    assert_true(recent_overhead_s(r, 0.99) > 0.0025 && recent_overhead_s(r, 0.99) < 0.005);
    recent_turn(r, S(1 + 900));
    assert_true(recent_overhead_s(r, 0.99) > 0.0025);
    recent_turn(r, S(1 + 1800));
    assert_true(recent_overhead_s(r, 0.99) <= 0);
    recent_free(&r);
}

static void names_beyond_the_table_are_other(void **state)
{
    struct recent *r = make();
    struct recent_row row;
    char name[64];

    UNUSED(state);
    for (int i = 0; i < RECENT_MODELS + 10; i++) {
        snprintf(name, sizeof(name), "model-%d", i);
        add(r, name, "p/m", OUTCOME_FULL, 0);
    }
    assert_int_equal(rows_n(r), RECENT_MODELS + 1);
    assert_true(recent_row(r, RECENT_MODELS, &row));
    assert_true(span_is(row.model, "other"));
    assert_int_equal(row.requests, 10);
    for (int i = 0; i < RECENT_TARGETS + 5; i++) {
        snprintf(name, sizeof(name), "p/target-%d", i);
        add(r, "model-1", name, OUTCOME_FULL, 0);
    }
    assert_true(recent_row(r, 1, &row));
    assert_int_equal(row.targets_n, RECENT_TARGETS + 1);
    assert_true(span_is(row.targets[RECENT_TARGETS].name, "other"));
    assert_int_equal(row.targets[RECENT_TARGETS].requests, 6);
    recent_turn(r, S(2000));
    assert_int_equal(rows_n(r), 0);
    add(r, "again", "p/m", OUTCOME_FULL, S(2000));
    assert_true(recent_row(r, 0, &row));
    assert_int_equal(row.targets_n, 1);
    recent_free(&r);
}

static void no_memory_is_an_answer(void **state)
{
    struct recent *r = NULL;
    struct err e;

    UNUSED(state);
    mem_torture(1, false);
    assert_int_equal(recent_new(&r, &e), -1);
    mem_torture(0, false);
    assert_int_equal(e.code, ERR_NOMEM);
    assert_null(r);
    recent_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_count_as_they_should),
        cmocka_unit_test(counts_leave_after_two_blocks),
        cmocka_unit_test(shares_and_times_are_by_model),
        cmocka_unit_test(what_was_shed_counts),
        cmocka_unit_test(overhead_is_of_all_models_and_leaves),
        cmocka_unit_test(names_beyond_the_table_are_other),
        cmocka_unit_test(no_memory_is_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
