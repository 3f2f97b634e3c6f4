/* Goal: requests that begin alike go to one endpoint, as long as it serves and has not far more to
 * do than the others; one that comes or goes moves no others' requests. Method: tables of loads;
 * ten thousand keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/pool.h"

#define NONE ROUTE_UNSAID
#define KEYS 10000

/* With a key that has them in the order 0, 1, 2 at rest. */
static uint64_t key_of(const struct route_member *m, size_t n)
{
    uint8_t order[8];

    for (uint64_t key = 0;; key++) {
        struct route_member rest[8];
        size_t i = 0;

        for (size_t k = 0; k < n; k++)
            rest[k] = (struct route_member){m[k].id, false, NONE, NONE, NONE};
        route_pool(order, rest, n, key);
        while (i < n && order[i] == i)
            i++;
        if (i == n)
            return key;
    }
}

static const struct load {
    const char *name;
    struct route_member m[3];
    const char *order;
} loads[] = {
    {"nobody says",
     {{11, false, NONE, NONE, NONE}, {12, false, NONE, NONE, NONE}, {13, false, NONE, NONE, NONE}},
     "012"},
    {"idle", {{11, false, 0, 0, 0}, {12, false, 0, 0, 0}, {13, false, 0, 0, 0}}, "012"},
    {"away", {{11, true, NONE, NONE, NONE}, {12, false, 0, 0, 0}, {13, false, 0, 0, 0}}, "120"},
    {"all away",
     {{11, true, NONE, NONE, NONE}, {12, true, NONE, NONE, NONE}, {13, true, NONE, NONE, NONE}},
     "012"},
    {"one serves",
     {{11, true, 0, 0, 0}, {12, true, 0, 0, 0}, {13, false, 900, 900, 990000}},
     "201"},
    /* the mean is 2, so 4 are within the slack and 5 are not */
    {"4 of 6", {{11, false, 4, 0, NONE}, {12, false, 1, 0, NONE}, {13, false, 1, 0, NONE}}, "012"},
    {"5 of 6", {{11, false, 5, 0, NONE}, {12, false, 1, 0, NONE}, {13, false, 0, 0, NONE}}, "120"},
    /* a quarter beyond 80 */
    {"100 of 240",
     {{11, false, 100, 0, NONE}, {12, false, 70, 0, NONE}, {13, false, 70, 0, NONE}},
     "012"},
    {"101 of 240",
     {{11, false, 101, 0, NONE}, {12, false, 70, 0, NONE}, {13, false, 69, 0, NONE}},
     "120"},
    {"two busy",
     {{11, false, 90, 0, NONE}, {12, false, 80, 0, NONE}, {13, false, 0, 0, NONE}},
     "210"},
    /* who waits, though all have as many requests */
    {"waiting",
     {{11, false, 4, 6, NONE}, {12, false, 10, 0, NONE}, {13, false, 10, 0, NONE}},
     "120"},
    {"a tenth fuller",
     {{11, false, 1, 0, 300000}, {12, false, 1, 0, 150000}, {13, false, 1, 0, 150000}},
     "012"},
    {"more than that",
     {{11, false, 1, 0, 300003}, {12, false, 1, 0, 150000}, {13, false, 1, 0, 150000}},
     "120"},
    {"full",
     {{11, false, 1, 0, 950000}, {12, false, 1, 0, 940000}, {13, false, 1, 0, 940000}},
     "120"},
    {"nearly",
     {{11, false, 1, 0, 949999}, {12, false, 1, 0, 940000}, {13, false, 1, 0, 940000}},
     "012"},
    {"all full: as if none were",
     {{11, false, 9, 0, 990000}, {12, false, 8, 0, 990000}, {13, false, 7, 0, 990000}},
     "012"},
    /* what only one says is compared with nothing, and what two say is */
    {"one says",
     {{11, false, 900, 0, NONE}, {12, false, NONE, NONE, NONE}, {13, false, NONE, NONE, NONE}},
     "012"},
    {"two say",
     {{11, false, 900, 0, NONE}, {12, false, NONE, NONE, NONE}, {13, false, 0, 0, NONE}},
     "120"},
    {"who is away says nothing",
     {{11, false, 9, 0, NONE}, {12, true, 0, 0, NONE}, {13, false, NONE, NONE, NONE}},
     "021"},
};

static void who_goes_first(void **state)
{

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(loads); i++) {
        uint8_t order[3];

        route_pool(order, loads[i].m, 3, key_of(loads[i].m, 3));
        for (size_t k = 0; k < 3; k++)
            if (order[k] != loads[i].order[k] - '0')
                fail_msg("%s: %d%d%d", loads[i].name, order[0], order[1], order[2]);
    }
}

/* The first endpoint of each key. */
static void firsts(uint8_t *ret, const struct route_member *m, size_t n)
{
    uint8_t order[8];

    for (uint64_t key = 0; key < KEYS; key++) {
        route_pool(order, m, n, key);
        ret[key] = (uint8_t)m[order[0]].id;
    }
}

static void each_has_its_share(void **state)
{
    static const struct route_member m[] = {
        {1, false, 0, 0, 0}, {2, false, 0, 0, 0}, {3, false, 0, 0, 0}, {4, false, 0, 0, 0}};
    static uint8_t all[KEYS], less[KEYS];
    unsigned counts[5] = {0};

    UNUSED(state);
    firsts(all, m, 4);
    firsts(less, m, 3); /* the fourth has gone */
    for (size_t i = 0; i < KEYS; i++) {
        counts[all[i]]++;
        if (all[i] != 4)
            assert_int_equal(less[i], all[i]);
    }
    for (size_t i = 1; i <= 4; i++)
        assert_in_range(counts[i], KEYS / 4 - 200, KEYS / 4 + 200);
}

/* Two keys of one endpoint are two ways to it: in the order in which they are written. */
static void ways_to_one_stay_together(void **state)
{
    static const struct route_member m[] = {
        {1, false, 0, 0, 0}, {1, false, 0, 0, 0}, {2, false, 0, 0, 0}, {2, false, 0, 0, 0}};

    UNUSED(state);
    for (uint64_t key = 0; key < 100; key++) {
        uint8_t order[4];

        route_pool(order, m, 4, key);
        assert_int_equal(order[1], order[0] + 1);
        assert_int_equal(order[3], order[2] + 1);
    }
}

static void as_many_as_there_may_be(void **state)
{
    static struct route_member m[UINT8_MAX];
    uint8_t order[UINT8_MAX];
    bool seen[UINT8_MAX] = {false};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(m); i++)
        m[i] = (struct route_member){i + 1, i % 3 == 0, i, UINT64_MAX / 512, i * 4000};
    route_pool(order, m, ARRAY_LEN(m), 7);
    for (size_t i = 0; i < ARRAY_LEN(m); i++) {
        assert_false(seen[order[i]]);
        seen[order[i]] = true;
        assert_int_equal(m[order[i]].away, i >= 170);
    }
    route_pool(order, m, 0, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_goes_first),
        cmocka_unit_test(each_has_its_share),
        cmocka_unit_test(ways_to_one_stay_together),
        cmocka_unit_test(as_many_as_there_may_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
