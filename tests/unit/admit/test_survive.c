/* Goal: a session is admitted only where those of each failure domain would fit in the rest,
 * whichever domain dies. Method: pools at each bound and past it; and drawn pools, each beside a
 * judge that knows the sessions one by one and places them anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admit/survive.h"

#define C 1000000u /* of each engine: millionths are tokens */

/* Four engines of two domains each, or of one each. */
static void bed(struct survive_member m[4], uint64_t kept, bool zones)
{
    for (uint16_t i = 0; i < 4; i++)
        m[i] = (struct survive_member){.capacity = C,
                                       .reserved = kept,
                                       .kept = kept,
                                       .largest = kept / 10,
                                       .domain = zones ? i / 2 : i};
}

static void room_at_its_bounds(void **state)
{
    struct survive_domain d[4];
    struct survive_member m[4];

    UNUSED(state);
    bed(m, 0, false); /* (a) */
    m[0].reserved = 800000;
    assert_int_equal(survive_admits(m, 4, d, 4, 0, 100000, 0, true).why, SURVIVE_FITS);
    assert_int_equal(survive_admits(m, 4, d, 4, 0, 100001, 0, true).why, SURVIVE_FULL);
    assert_int_equal(survive_admits(m, 4, d, 4, 0, 100001, 0, false).why, SURVIVE_FULL);

    bed(m, 700000, false); /* (b): 3 * (950,000 - 700,000) for 1.05 * (700,000 + f) */
    assert_int_equal(survive_admits(m, 4, d, 4, 0, 14286, 0, true).why, SURVIVE_FITS);
    assert_int_equal(survive_admits(m, 4, d, 4, 0, 14287, 0, true).why, SURVIVE_NO_ROOM);
    assert_int_equal(survive_admits(m, 4, d, 4, 0, 200000, 0, false).why, SURVIVE_FITS);
    m[3].capacity = m[3].kept = 0; /* it is not known any more */
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_NO_ROOM);

    bed(m, 460000, true); /* two zones: 1,900,000 - 920,000 for 1.05 * (920,000 + f) */
    assert_int_equal(survive_admits(m, 4, d, 2, 0, 13334, 0, true).why, SURVIVE_FITS);
    assert_int_equal(survive_admits(m, 4, d, 2, 0, 13335, 0, true).why, SURVIVE_NO_ROOM);
    assert_int_equal(survive_admits(m, 4, d, 2, 0, 13335, 0, true).domain, 0);
}

static void the_largest_and_the_time_at_their_bounds(void **state)
{
    struct survive_domain d[4];
    struct survive_member m[4];

    UNUSED(state);
    bed(m, 650000, false); /* (c): none has more than 300,000 */
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_FITS);
    m[2].largest = 300000;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_FITS);
    m[2].largest = 300001;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_TOO_LARGE);
    m[2].kept = 0; /* the widest is its own: that is no help */
    m[2].kept = 1;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_TOO_LARGE);
    assert_int_equal(survive_look(m, 4, d, 4).domain, 2);
    m[2].largest = 1;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_FITS);
    m[1].largest = 900000;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_FITS);
    m[1].largest = 950000;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_TOO_LARGE);

    bed(m, 300000, false); /* ... and elsewhere there is next to none */
    m[0].kept = 0;
    m[1].kept = m[2].kept = m[3].kept = 940000;
    m[0].largest = 10000;
    assert_int_equal(survive_look(m, 1, d, 4).why, SURVIVE_ALONE);
    m[0].kept = 20000;
    m[1].kept = m[2].kept = m[3].kept = 100000;
    m[0].largest = 850000;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_FITS);
    m[0].largest = 850001;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_TOO_LARGE);
    m[0].largest = 0;
    m[3].kept = 20000; /* the widest is the last */
    m[0].kept = 100000;
    m[1].kept = m[2].kept = 400000; /* and the first one is next */
    m[3].largest = 850000;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_FITS);
    m[3].largest = 850001;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_TOO_LARGE);
    m[1].kept = m[2].kept = m[3].kept = 100000;
    m[3].largest = 0; /* the new one counts */
    m[0].kept = m[0].reserved = 0;
    assert_int_equal(survive_admits(m, 4, d, 4, 0, 850000, 0, true).why, SURVIVE_FITS);
    assert_int_equal(survive_admits(m, 4, d, 4, 0, 850001, 0, true).why, SURVIVE_TOO_LARGE);
    m[0].kept = 0; /* who keeps nothing loses nothing, whatever is said of it */
    m[0].largest = 990000;
    m[0].context = 990000;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_FITS);

    bed(m, 300000, false); /* (d): 3 * 1000 tokens a second, 0.3 of it, for 30 s */
    for (size_t i = 0; i < 4; i++)
        m[i].prefill = 1000;
    m[1].context = 27000;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_FITS);
    assert_int_equal(survive_admits(m, 4, d, 4, 1, 10, 1, true).why, SURVIVE_TOO_LONG);
    assert_int_equal(survive_admits(m, 4, d, 4, 1, 10, 1, false).why, SURVIVE_FITS);
    m[1].context = 27001;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_TOO_LONG);
    m[0].prefill = 0; /* nobody knows */
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_FITS);
}

static void what_would_be_lost_is_told(void **state)
{
    struct survive_domain d[4];
    struct survive_member m[4];
    struct survive_verdict v;

    UNUSED(state);
    bed(m, 800000, false);
    m[0].kept = 0;
    v = survive_look(m, 4, d, 4);
    assert_int_equal(v.why, SURVIVE_FITS); /* 950,000 + 2 * 150,000 */
    m[0].kept = 500000;
    v = survive_look(m, 4, d, 4); /* 450,000 for 525,000, and some for the margin alone */
    assert_int_equal(v.why, SURVIVE_NO_ROOM);
    assert_int_equal(v.domain, 0);
    assert_int_equal(v.lost, 50000);
}

static void one_domain_protects_nobody(void **state)
{
    struct survive_domain d[4];
    struct survive_member m[4];

    UNUSED(state);
    bed(m, 100, false);
    assert_int_equal(survive_look(m, 1, d, 4).why, SURVIVE_ALONE);
    assert_int_equal(survive_admits(m, 1, d, 4, 0, 899900, 0, true).why, SURVIVE_ALONE);
    assert_int_equal(survive_admits(m, 1, d, 4, 0, 899901, 0, true).why, SURVIVE_FULL);
    assert_int_equal(survive_admits(m, 1, d, 4, 0, 899900, 0, false).why, SURVIVE_FITS);
    for (size_t i = 0; i < 4; i++)
        m[i].domain = 3;
    assert_int_equal(survive_look(m, 4, d, 4).why, SURVIVE_ALONE);
    assert_int_equal(survive_look(m, 0, d, 4).why, SURVIVE_ALONE);
}

/* ---- drawn pools ---- */

#define SESSIONS 400
#define ENGINES  12

struct session {
    uint64_t tokens;
    size_t at;
};

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % below;
}

/* Do the sessions of a domain find places in the rest, the largest first, each where most room is?
 */
static bool fits(const struct session *s, size_t n, const struct survive_member *m, size_t engines,
                 uint16_t dead)
{
    uint64_t room[ENGINES];
    bool placed[SESSIONS] = {false};

    for (size_t i = 0; i < engines; i++)
        room[i] = m[i].domain == dead ? 0 : m[i].capacity - MIN(m[i].kept, m[i].capacity);
    for (;;) {
        size_t largest = n, widest = 0;

        for (size_t i = 0; i < n; i++)
            if (!placed[i] && m[s[i].at].domain == dead &&
                (largest == n || s[i].tokens > s[largest].tokens))
                largest = i;
        if (largest == n)
            return true;
        for (size_t i = 1; i < engines; i++)
            if (room[i] > room[widest])
                widest = i;
        if (room[widest] < s[largest].tokens)
            return false;
        room[widest] -= s[largest].tokens;
        placed[largest] = true;
    }
}

static void who_is_admitted_survives(void **state)
{
    unsigned admitted = 0, refused = 0;
    double used = 0, all = 0;

    UNUSED(state);
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t rng = seed;
        struct survive_domain d[ENGINES];
        struct survive_member m[ENGINES] = {{0}};
        struct session s[SESSIONS];
        size_t engines = 2 + draw(&rng, ENGINES - 1), domains = 2 + draw(&rng, engines - 1), n = 0;

        for (size_t i = 0; i < engines; i++) {
            m[i].capacity = 50000 + draw(&rng, 100000);
            m[i].domain = (uint16_t)(i % domains);
        }
        for (unsigned try = 0; try < 4000 && n < SESSIONS; try++) {
            uint64_t tokens = 1 + draw(&rng, draw(&rng, 20) ? 2000 : 20000);
            size_t at = draw(&rng, engines);

            if (survive_admits(m, engines, d, domains, at, tokens, 0, true).why != SURVIVE_FITS) {
                refused++;
                continue;
            }
            admitted++;
            s[n++] = (struct session){tokens, at};
            m[at].reserved += tokens;
            m[at].kept += tokens;
            m[at].largest = MAX(m[at].largest, tokens);
        }
        assert_int_equal(survive_look(m, engines, d, domains).why, SURVIVE_FITS);
        for (uint16_t dead = 0; dead < domains; dead++)
            if (!fits(s, n, m, engines, dead))
                fail_msg("seed %llu: domain %u of %zu", (unsigned long long)seed, dead, domains);
        for (size_t i = 0; i < engines; i++) {
            used += (double)m[i].kept;
            all += (double)m[i].capacity;
        }
    }
    assert_true(admitted > 10000 && refused > 10000);
    assert_true(used / all > 0.4); /* and not by admitting nobody */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_at_its_bounds),
        cmocka_unit_test(the_largest_and_the_time_at_their_bounds),
        cmocka_unit_test(what_would_be_lost_is_told),
        cmocka_unit_test(one_domain_protects_nobody),
        cmocka_unit_test(who_is_admitted_survives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
