/* Goal: a target's state follows its last attempts, at each threshold and one before it, and no
 * number of names makes the table grow.
 * Method: scripts of outcomes, the state read after each. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "ops/targets.h"

#define S(n) ((uint64_t)(n) * 1000000)

static void add(struct targets *t, const char *name, enum outcome outcome, enum class_id class_id,
                uint64_t now_us)
{
    struct record r = {.outcome = outcome, .class_id = class_id, .attempts = 1};

    memcpy(r.target, name, MIN(strlen(name), sizeof(r.target) - 1));
    targets_add(t, &r, now_us);
}

/* '.': it answered; '#': it failed. */
static enum target_state after(const char *attempts)
{
    struct targets *t = mem_zalloc(1, sizeof(*t));
    enum target_state s;

    assert_non_null(t);
    for (const char *p = attempts; *p; p++)
        add(t, "a/x", *p == '.' ? OUTCOME_FULL : OUTCOME_FAILED,
            *p == '.' ? CLASS_NONE : CLASS_SERVER, S(1));
    s = targets_state(t, SPAN_LIT("a/x"), S(1));
    mem_free(t);
    return s;
}

static const struct {
    const char *attempts;
    enum target_state want;
} scripts[] = {
    {"", TARGET_UNKNOWN},
    {".", TARGET_HEALTHY},
    {"#", TARGET_HEALTHY},    /* one says nothing */
    {"####", TARGET_HEALTHY}, /* nor do four */
    {"#####", TARGET_DEGRADED},
    {"#...." /* a fifth is not more than a fifth */, TARGET_HEALTHY},
    {"##...", TARGET_DEGRADED},
    {"##........", TARGET_HEALTHY}, /* 2 of 10 */
    {"##.......", TARGET_DEGRADED}, /* 2 of 9 */
    /* 4 in a row of 32, then 5: 5 of 32 are no fifth */
    {"............................####", TARGET_HEALTHY},
    {"...........................#####", TARGET_DEGRADED},
    {"..........................#####.", TARGET_HEALTHY},
    /* what is more than 32 attempts ago is forgotten: 7 of 32, then 6 of 32 */
    {"#######.........................", TARGET_DEGRADED},
    {"#######..........................", TARGET_HEALTHY},
};

static void state_follows_the_last_attempts(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (after(scripts[i].attempts) != scripts[i].want)
            fail_msg("'%s': %s", scripts[i].attempts,
                     targets_state_name(after(scripts[i].attempts)));
}

/* Only what is about the target's health counts, for or against. */
static void other_outcomes_say_nothing(void **state)
{
    static const enum class_id not_health[] = {CLASS_RATE,   CLASS_QUOTA,    CLASS_CREDENTIAL,
                                               CLASS_CALLER, CLASS_TOO_LONG, CLASS_POLICY};
    struct targets *t = mem_zalloc(1, sizeof(*t));

    UNUSED(state);
    assert_non_null(t);
    for (size_t i = 0; i < ARRAY_LEN(not_health); i++)
        for (int n = 0; n < 6; n++)
            add(t, "a/x", OUTCOME_FAILED, not_health[i], S(1));
    add(t, "a/x", OUTCOME_CLIENT_GONE, CLASS_NONE, S(1));
    add(t, "a/x", OUTCOME_CLIENT_ERROR, CLASS_NONE, S(1));
    add(t, "a/x", OUTCOME_SHED, CLASS_NONE, S(1));
    add(t, "", OUTCOME_FULL, CLASS_NONE, S(1));
    assert_int_equal(targets_state(t, SPAN_LIT("a/x"), S(1)), TARGET_UNKNOWN);
    assert_int_equal(t->rows_n, 1);
    add(t, "a/x", OUTCOME_LATE, CLASS_NONE, S(1));
    assert_int_equal(targets_state(t, SPAN_LIT("a/x"), S(1)), TARGET_HEALTHY);
    mem_free(t);
}

static void what_is_long_ago_is_unknown(void **state)
{
    struct targets *t = mem_zalloc(1, sizeof(*t));
    struct span name;
    size_t at = 0;

    UNUSED(state);
    assert_non_null(t);
    for (int n = 0; n < 5; n++)
        add(t, "a/x", OUTCOME_FAILED, CLASS_OVERLOAD, S(10));
    assert_int_equal(targets_state(t, SPAN_LIT("a/x"), S(10 + TARGETS_FORGET_S) - 1),
                     TARGET_DEGRADED);
    assert_true(targets_next(t, &at, S(10 + TARGETS_FORGET_S) - 1, &name));
    assert_true(span_is(name, "a/x"));
    assert_false(targets_next(t, &at, S(10 + TARGETS_FORGET_S) - 1, &name));
    at = 0;
    assert_false(targets_next(t, &at, S(10 + TARGETS_FORGET_S), &name));
    assert_int_equal(targets_state(t, SPAN_LIT("a/x"), S(10 + TARGETS_FORGET_S)), TARGET_UNKNOWN);
    add(t, "a/x", OUTCOME_FAILED, CLASS_OVERLOAD, S(10 + TARGETS_FORGET_S));
    assert_int_equal(targets_state(t, SPAN_LIT("a/x"), S(10 + TARGETS_FORGET_S)), TARGET_HEALTHY);
    mem_free(t);
}

static void names_past_the_table_make_room_or_are_not_kept(void **state)
{
    struct targets *t = mem_zalloc(1, sizeof(*t));
    char name[64];

    UNUSED(state);
    assert_non_null(t);
    for (int i = 0; i < TARGETS_MAX; i++) {
        snprintf(name, sizeof(name), "p/m-%d", i);
        add(t, name, OUTCOME_FULL, CLASS_NONE, S(i));
    }
    add(t, "one/more", OUTCOME_FULL, CLASS_NONE, S(TARGETS_FORGET_S) - 1);
    assert_int_equal(targets_state(t, SPAN_LIT("one/more"), S(TARGETS_FORGET_S) - 1),
                     TARGET_UNKNOWN);
    add(t, "one/more", OUTCOME_FULL, CLASS_NONE, S(TARGETS_FORGET_S));
    assert_int_equal(targets_state(t, SPAN_LIT("one/more"), S(TARGETS_FORGET_S)), TARGET_HEALTHY);
    assert_int_equal(targets_state(t, SPAN_LIT("p/m-0"), S(TARGETS_FORGET_S)), TARGET_UNKNOWN);
    assert_int_equal(targets_state(t, SPAN_LIT("p/m-1"), S(TARGETS_FORGET_S)), TARGET_HEALTHY);
    assert_int_equal(t->rows_n, TARGETS_MAX);
    mem_free(t);
}

/* Whatever came of them. */
static void last_resorts_are_counted(void **state)
{
    struct targets *t = mem_zalloc(1, sizeof(*t));
    struct record r = {.attempts = 1, .target = "a/x", .last_resort = true};

    UNUSED(state);
    assert_non_null(t);
    assert_int_equal(targets_last_resorts(t, SPAN_LIT("a/x")), 0);
    r.outcome = OUTCOME_FAILED;
    targets_add(t, &r, S(1));
    r.outcome = OUTCOME_CLIENT_GONE;
    targets_add(t, &r, S(2));
    add(t, "a/x", OUTCOME_FULL, CLASS_NONE, S(3));
    assert_int_equal(targets_last_resorts(t, SPAN_LIT("a/x")), 2);
    assert_int_equal(targets_last_resorts(t, SPAN_LIT("a/y")), 0);
    mem_free(t);
}

/* Records cut a long name; it is found by the whole one. */
static void long_names_are_found_by_their_beginning(void **state)
{
    struct targets *t = mem_zalloc(1, sizeof(*t));
    char name[200];

    UNUSED(state);
    assert_non_null(t);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    add(t, name, OUTCOME_FULL, CLASS_NONE, S(1));
    assert_int_equal(targets_state(t, span_str(name), S(1)), TARGET_HEALTHY);
    mem_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_follows_the_last_attempts),
        cmocka_unit_test(other_outcomes_say_nothing),
        cmocka_unit_test(what_is_long_ago_is_unknown),
        cmocka_unit_test(last_resorts_are_counted),
        cmocka_unit_test(names_past_the_table_make_room_or_are_not_kept),
        cmocka_unit_test(long_names_are_found_by_their_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
