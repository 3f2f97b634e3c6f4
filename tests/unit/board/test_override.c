/* Goal: a target is out of service for as long as was said and not a moment longer, by its own name
 * or its provider's; what is said again takes the place of what was said; there is a bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "board/override.h"

#define A SPAN_LIT("p/a")
#define P SPAN_LIT("p")

static int set_up(void **state)
{
    struct board *b;
    struct err e;

    assert_int_equal(board_new(&b, &e), 0);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct board *b = *state;

    board_free(&b);
    return 0;
}

static struct override make(const char *name, enum override_what what, uint64_t until)
{
    struct override o = {.what = what, .until_us = until};

    snprintf(o.name, sizeof(o.name), "%s", name);
    snprintf(o.who, sizeof(o.who), "somebody");
    snprintf(o.why, sizeof(o.why), "because");
    return o;
}

static void put(struct board *b, const char *name, enum override_what what, uint64_t until,
                uint64_t now)
{
    struct override o = make(name, what, until);

    assert_true(override_put(b, &o, now));
}

static void it_ends_by_itself(void **state)
{
    struct board *b = *state;
    struct override o;

    assert_int_equal(override_of(b, A, P, 100), OVERRIDE_NONE);
    put(b, "p/a", OVERRIDE_DISABLE, 200, 100);
    assert_int_equal(override_of(b, A, P, 199), OVERRIDE_DISABLE);
    assert_int_equal(override_of(b, A, P, 200), OVERRIDE_NONE);
    assert_int_equal(override_of(b, SPAN_LIT("p/b"), P, 199), OVERRIDE_NONE);
    assert_true(override_at(b, 0, 199, &o));
    assert_string_equal(o.name, "p/a");
    assert_string_equal(o.who, "somebody");
    assert_string_equal(o.why, "because");
    assert_int_equal(o.until_us, 200);
    assert_false(override_at(b, 0, 200, &o));
    assert_false(override_at(b, 1, 199, &o));
}

static void the_stronger_word_counts(void **state)
{
    struct board *b = *state;

    put(b, "p", OVERRIDE_DRAIN, 300, 100);
    assert_int_equal(override_of(b, A, P, 200), OVERRIDE_DRAIN);
    put(b, "p/a", OVERRIDE_DISABLE, 250, 100);
    assert_int_equal(override_of(b, A, P, 200), OVERRIDE_DISABLE);
    assert_int_equal(override_of(b, A, P, 250), OVERRIDE_DRAIN);
    assert_int_equal(override_of(b, SPAN_LIT("p/b"), P, 200), OVERRIDE_DRAIN);
    override_end(b, P, OVERRIDE_SERVICE, 200);
    override_end(b, P, OVERRIDE_SERVICE, 200); /* it is in service already */
    assert_int_equal(override_of(b, A, P, 260), OVERRIDE_NONE);
}

static void what_is_said_again_takes_its_place(void **state)
{
    struct board *b = *state;
    struct override o;

    put(b, "p/a", OVERRIDE_DISABLE, 1000, 100);
    put(b, "p/a", OVERRIDE_DRAIN, 200, 100);
    assert_int_equal(override_of(b, A, P, 150), OVERRIDE_DRAIN);
    assert_int_equal(override_of(b, A, P, 200), OVERRIDE_NONE);
    assert_false(override_at(b, 1, 150, &o));
}

/* Drained and of another weight, both at once; a model's name may be a provider's. */
static void each_kind_has_a_word_of_its_own(void **state)
{
    struct board *b = *state;
    struct override o = make("p", OVERRIDE_WEIGHT, 1000);

    assert_false(override_said(b, P, OVERRIDE_SHARE, 150, &o));
    o.value = 7;
    assert_true(override_put(b, &o, 100));
    put(b, "p", OVERRIDE_DRAIN, 300, 100);
    put(b, "p", OVERRIDE_STOP_SPILL, 200, 100);
    assert_int_equal(override_of(b, A, P, 150), OVERRIDE_DRAIN);
    assert_true(override_said(b, P, OVERRIDE_SHARE, 150, &o));
    assert_int_equal(o.value, 7);
    assert_true(override_said(b, P, OVERRIDE_SPILL, 150, &o));
    assert_int_equal(o.what, OVERRIDE_STOP_SPILL);
    assert_false(override_said(b, A, OVERRIDE_SPILL, 150, &o)); /* by its own name alone */
    assert_false(override_said(b, P, OVERRIDE_SPILL, 200, &o));
    o = make("p", OVERRIDE_WEIGHT, 400);
    assert_true(override_put(b, &o, 150)); /* in place of 7 */
    assert_true(override_said(b, P, OVERRIDE_SHARE, 399, &o));
    assert_int_equal(o.value, 0);
    override_end(b, P, OVERRIDE_SERVICE | OVERRIDE_SHARE, 150);
    assert_int_equal(override_of(b, A, P, 150), OVERRIDE_NONE);
    assert_false(override_said(b, P, OVERRIDE_SHARE, 150, &o));
    assert_true(override_said(b, P, OVERRIDE_SPILL, 150, &o));
}

static void there_is_a_bound(void **state)
{
    struct board *b = *state;
    struct override o = make("p/more", OVERRIDE_DRAIN, 1000);
    char name[16];

    for (int i = 0; i < BOARD_OVERRIDES; i++) {
        snprintf(name, sizeof(name), "p/%d", i);
        put(b, name, OVERRIDE_DRAIN, i == 7 ? 200 : 1000, 100);
    }
    assert_false(override_put(b, &o, 199));
    put(b, "p/3", OVERRIDE_DISABLE, 1000, 199); /* one of them */
    assert_true(override_put(b, &o, 200));      /* one has ended */
}

static void a_lost_mind_is_no_word(void **state)
{
    struct board *b = *state;
    struct override o;

    put(b, "p/a", OVERRIDE_DISABLE, 1000, 100);
    board_set(&b->overrides[0].what, 77);
    assert_int_equal(override_of(b, A, P, 150), OVERRIDE_NONE);
    assert_false(override_at(b, 0, 150, &o));
    assert_false(override_said(b, A, OVERRIDE_SERVICE, 150, &o));
    assert_string_equal(override_word(77), "none");
    assert_int_equal(override_kind_of((enum override_what)77), 0);
    assert_string_equal(override_word(OVERRIDE_DRAIN), "drain");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_ends_by_itself),
        TEST(the_stronger_word_counts),
        TEST(what_is_said_again_takes_its_place),
        TEST(each_kind_has_a_word_of_its_own),
        TEST(there_is_a_bound),
        TEST(a_lost_mind_is_no_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
