/* Goal: a quantile of what answers have come to is near that of the answers themselves, whatever
 * their lengths; what is past is not asked for again; old answers are forgotten.
 * Method: histograms filled by known lengths, beside the sorted lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admit/outputs.h"

static void note(struct outputs *o, uint64_t tokens)
{
    size_t at = outputs_place(tokens);

    o->words[at] = outputs_add(o->words[at], tokens);
    if (outputs_is_full(o->words[at]))
        for (size_t i = 0; i < OUTPUTS_WORDS; i++)
            o->words[i] = outputs_halve(o->words[i]);
}

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Of those longer than past. */
static uint64_t exact(const uint64_t *sorted, size_t n, uint32_t millionths, uint64_t past)
{
    size_t from = 0;

    while (from < n && sorted[from] <= past)
        from++;
    return sorted[from + (size_t)((double)(n - from) * millionths / 1e6)];
}

static void it_is_near_the_quantile_of_the_lengths(void **state)
{
    static const struct {
        uint64_t least, most;
        bool square; /* most are short, some are long */
    } shapes[] = {{0, 7, false}, {1, 100, false},        {100, 1000, false}, {10, 100000, true},
                  {8, 9, false}, {30000, 300000, false}, {1, 4096, true}};
    static const uint32_t parts[] = {100000, 500000, 860000, 990000};
    uint64_t lengths[1000], seed = 1;

    UNUSED(state);
    for (size_t s = 0; s < ARRAY_LEN(shapes); s++) {
        struct outputs o = {{0}};

        for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
            uint64_t wide = shapes[s].most - shapes[s].least + 1, at = draw(&seed) % wide;

            if (shapes[s].square)
                at = at * at / wide;
            lengths[i] = shapes[s].least + at;
            note(&o, lengths[i]);
        }
        assert_int_equal(outputs_n(&o), ARRAY_LEN(lengths));
        qsort(lengths, ARRAY_LEN(lengths), sizeof(*lengths), by_size);
        for (size_t p = 0; p < ARRAY_LEN(parts); p++)
            for (uint64_t past = 0; past < shapes[s].most / 2; past = 2 * past + 50) {
                uint64_t want = exact(lengths, ARRAY_LEN(lengths), parts[p], past),
                         got = outputs_quantile(&o, parts[p], past);

                assert_true(got > past);
                if (got > want + want / 4 + 8 || got + got / 4 + 8 < want)
                    fail_msg("shape %zu, %u past %llu: %llu, not %llu", s, parts[p],
                             (unsigned long long)past, (unsigned long long)got,
                             (unsigned long long)want);
            }
    }
}

static void what_nobody_knows_is_twice_as_long(void **state)
{
    struct outputs o = {{0}};

    UNUSED(state);
    assert_int_equal(outputs_quantile(&o, 860000, 0), 64);
    assert_int_equal(outputs_quantile(&o, 860000, 63), 127);
    assert_int_equal(outputs_quantile(&o, 860000, 64), 128);
    assert_int_equal(outputs_quantile(&o, 860000, 1000), 2000);
    for (int i = 0; i < 100; i++)
        note(&o, 100);
    assert_in_range(outputs_quantile(&o, 860000, 0), 95, 114);
    assert_int_equal(outputs_quantile(&o, 860000, 500), 1000);    /* none was so long */
    assert_in_range(outputs_quantile(&o, 500000, 100), 103, 105); /* half of what is left of them */
    assert_true(outputs_quantile(&o, 0, 0) > 0);
    assert_in_range(outputs_quantile(&o, 1000000, 0), 108, 114); /* where the class ends */
}

/* Each length has one class, and longer ones are never in a lower one. */
static void every_length_has_a_place(void **state)
{
    uint64_t before = 0;

    UNUSED(state);
    for (uint64_t n = 0; n < 400000; n += 1 + n / 50) {
        struct outputs o = {{0}};
        uint64_t q;

        note(&o, n);
        assert_int_equal(outputs_n(&o), 1);
        q = outputs_quantile(&o, 1000000, 0);
        assert_true(q >= before && (q > n || n > 370000));
        before = q;
    }
    assert_int_equal(outputs_place(0), 0);
    assert_int_equal(outputs_place(UINT64_MAX), OUTPUTS_WORDS - 1);
}

static void old_answers_are_forgotten(void **state)
{
    struct outputs o = {{0}};
    uint64_t most = 0;

    UNUSED(state);
    for (int i = 0; i < 5000; i++) {
        note(&o, 1000);
        note(&o, 7);
        most = MAX(most, outputs_n(&o));
    }
    assert_in_range(most, 1000, (uint64_t)2 * OUTPUTS_FULL);
    for (int i = 0; i < 10000; i++)
        note(&o, 20);
    assert_in_range(outputs_quantile(&o, 990000, 0), 16, 24);
}

/* A word by itself: its counts do not run into each other. */
static void counts_of_a_word_are_apart(void **state)
{
    static const uint64_t lengths[] = {8, 10, 12, 14}; /* classes of two words */
    struct outputs o = {{0}};

    UNUSED(state);
    for (int i = 0; i < 100000; i++)
        for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
            size_t at = outputs_place(lengths[k]);

            o.words[at] = outputs_add(o.words[at], lengths[k]);
        }
    assert_int_equal(outputs_n(&o), 4 * UINT64_C(0xffff));
    for (size_t i = 0; i < OUTPUTS_WORDS; i++)
        o.words[i] = outputs_halve(o.words[i]);
    assert_int_equal(outputs_n(&o), 4 * UINT64_C(0x7fff));
    assert_true(outputs_is_full(OUTPUTS_FULL) && outputs_is_full((uint64_t)OUTPUTS_FULL << 48));
    assert_false(outputs_is_full(OUTPUTS_FULL - 1));
    assert_false(outputs_is_full((uint64_t)(OUTPUTS_FULL - 1) << 16));
}

static void an_answer_is_reckoned_with(void **state)
{
    struct outputs o = {{0}};

    UNUSED(state);
    assert_int_equal(outputs_expect(NULL, 0, 0), OUTPUTS_UNKNOWN);
    assert_int_equal(outputs_expect(NULL, 100, 0), 100);
    assert_int_equal(outputs_expect(NULL, 0, 5000), 10000);
    assert_int_equal(outputs_expect(NULL, 100, 5000), 5000); /* it has said more than it may */
    for (unsigned i = 0; i < OUTPUTS_FEW; i++) {
        assert_false(outputs_is_known(&o));
        note(&o, 300);
    }
    assert_true(outputs_is_known(&o));
    assert_in_range(outputs_expect(&o, 0, 0), 270, 330);
    assert_int_equal(outputs_expect(&o, 12, 0), 12);
    assert_int_equal(outputs_expect(&o, 0, 1000), 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_near_the_quantile_of_the_lengths),
        cmocka_unit_test(what_nobody_knows_is_twice_as_long),
        cmocka_unit_test(every_length_has_a_place),
        cmocka_unit_test(old_answers_are_forgotten),
        cmocka_unit_test(counts_of_a_word_are_apart),
        cmocka_unit_test(an_answer_is_reckoned_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
