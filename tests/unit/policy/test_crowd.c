/* Goal: thousands of requests and three targets that fail: nobody is asked who asked not to be,
 * little is asked in vain while all fail, all are answered while one is good, and what was sick
 * comes back.
 * Method: a world of steps of 1 ms with a script of faults, by a seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "policy/evidence.h"
#include "policy/policy.h"

enum { TARGETS = 3, LIVE_MAX = 64, PHASES = 9, ATTEMPT_MS = 60 };

#define MS     UINT64_C(1000)
#define SECOND UINT64_C(1000000)
#define START  (1000 * SECOND)

enum fault { GOOD, DEAD, ANSWERS_503, ANSWERS_429 };

/* Phases. */
enum { ONE_DEAD = 1, AFTER_ONE = 2, ALL_FAIL = 6, AFTER_ALL = 7 };

/* In a fault of 60 s a breaker opens five times at most, for 5 to 80 s: so long after it may come
 * back, where others are left. */
enum { BACK_S = 80 };

/* From second to second, target by target. */
static const struct phase {
    unsigned from_s, to_s;
    enum fault faults[TARGETS];
} phases[PHASES] = {
    {0, 20, {GOOD, GOOD, GOOD}},
    {20, 80, {DEAD, GOOD, GOOD}},
    {80, 180, {GOOD, GOOD, GOOD}},
    {180, 210, {ANSWERS_429, GOOD, GOOD}},
    {210, 240, {ANSWERS_429, ANSWERS_503, GOOD}},
    {240, 290, {GOOD, GOOD, GOOD}},
    {290, 350, {ANSWERS_503, ANSWERS_503, ANSWERS_503}},
    {350, 360, {GOOD, GOOD, GOOD}}, /* by its end somebody is back */
    {360, 460, {GOOD, GOOD, GOOD}},
};

struct live {
    bool taken, waits;
    uint8_t attempts;
    unsigned phase; /* that its attempt ends in */
    uint64_t at_us; /* of its attempt's end, or of the next attempt */
    struct policy_request q;
};

struct world {
    struct board_standing *table;
    struct policy_rules rules;
    struct policy_candidate c[TARGETS];
    struct rng r;
    uint64_t now_us;
    struct live live[LIVE_MAX];
    uint64_t not_before_us[TARGETS]; /* as they have said it */
    unsigned open_s[TARGETS];        /* the last second in which its breaker was open */
    uint64_t probing[TARGETS];
    struct {
        unsigned requests, attempts, answered;
    } sum[PHASES];
};

static unsigned phase_at(uint64_t now_us)
{
    unsigned i = 0;

    while (i + 1 < PHASES && now_us >= START + phases[i].to_s * SECOND)
        i++;
    return i;
}

static uint32_t draw(struct world *w)
{
    return (uint32_t)rng_u64(&w->r);
}

/* Its attempt begins. */
static void ask(struct world *w, struct live *l)
{
    unsigned at = l->q.it.at;
    enum fault fault = phases[phase_at(w->now_us)].faults[at];

    assert_true(w->now_us >= w->not_before_us[at]);
    assert_true(!l->q.it.probe || w->probing[at] == 0);
    w->probing[at] += l->q.it.probe;
    l->attempts++;
    l->waits = false;
    l->at_us = w->now_us + (fault == DEAD ? 1 : rng_range(&w->r, 5, ATTEMPT_MS)) * MS;
}

static void over(struct world *w, struct live *l, bool answered)
{
    w->sum[l->phase].requests++;
    w->sum[l->phase].attempts += l->attempts;
    w->sum[l->phase].answered += answered;
    l->taken = false;
}

static void next(struct world *w, struct live *l)
{
    if (policy_next(&l->q, w->now_us) < 0)
        over(w, l, false);
    else
        ask(w, l);
}

static void begin(struct world *w)
{
    struct live *l = w->live;

    while (l->taken)
        MUST(++l < w->live + LIVE_MAX);
    *l = (struct live){.taken = true, .phase = phase_at(w->now_us + ATTEMPT_MS * MS)};
    l->q = (struct policy_request){
        .table = w->table, .rules = &w->rules, .candidates = w->c, .n = TARGETS};
    next(w, l);
}

static void end(struct world *w, struct live *l)
{
    unsigned at = l->q.it.at;
    enum fault fault = phases[phase_at(w->now_us)].faults[at];
    struct policy_failure f = {.class_id = CLASS_NEVER_EXECUTED};
    struct policy_step step;

    w->probing[at] -= l->q.it.probe;
    if (fault == GOOD) {
        policy_answers(&l->q, 0, w->now_us);
        policy_ended(&l->q, 0, w->now_us);
        over(w, l, true);
        return;
    }
    if (fault == ANSWERS_503)
        f = (struct policy_failure){.class_id = CLASS_OVERLOAD, .status = 503};
    if (fault == ANSWERS_429) {
        f = (struct policy_failure){
            .class_id = CLASS_RATE, .status = 429, .asks = true, .delay_us = 2 * SECOND};
        w->not_before_us[at] = MAX(w->not_before_us[at], w->now_us + f.delay_us);
    }
    step = policy_failed(&l->q, &f, w->now_us, 30 * SECOND, draw(w));
    if (step.what == POLICY_FINAL)
        over(w, l, false);
    else if (step.what == POLICY_NEXT)
        next(w, l);
    l->waits = step.what == POLICY_AGAIN;
    if (l->waits)
        l->at_us = w->now_us + step.wait_us;
}

static void step(struct world *w)
{
    for (struct live *l = w->live; l < w->live + LIVE_MAX; l++) {
        if (!l->taken || l->at_us > w->now_us)
            continue;
        if (l->waits)
            ask(w, l);
        else
            end(w, l);
    }
    if (rng_chance(&w->r, .04))
        begin(w);
}

/* A second is over. */
static void look(struct world *w, unsigned s)
{
    for (unsigned i = 0; i < TARGETS; i++) {
        const struct board_standing *t = standing_look(w->table, w->c[i].target);

        if (t && evidence_is_open(t, w->now_us))
            w->open_s[i] = s;
    }
    if (s == phases[AFTER_ONE].to_s)
        assert_in_range(w->open_s[0], phases[ONE_DEAD].to_s - 1, phases[ONE_DEAD].to_s + BACK_S);
    if (s == phases[AFTER_ALL].to_s)
        assert_true(w->open_s[0] < s || w->open_s[1] < s || w->open_s[2] < s);
}

static void run(struct world *w, uint64_t seed)
{
    const unsigned end_s = phases[PHASES - 1].to_s;

    memset(w, 0, sizeof(*w));
    w->table = standing_new();
    assert_non_null(w->table);
    w->rules = (struct policy_rules){.attempts = 3, .same_target = 1, .breaker = true};
    for (unsigned i = 0; i < TARGETS; i++)
        w->c[i] =
            (struct policy_candidate){.target = 10 + i, .credential = 20 + i, .provider = 30 + i};
    rng_init(&w->r, seed);
    for (w->now_us = START; w->now_us < START + end_s * SECOND; w->now_us += MS) {
        step(w);
        if (w->now_us % SECOND == 0)
            look(w, (unsigned)((w->now_us - START) / SECOND));
    }
    standing_free(&w->table);
}

static void a_crowd_is_served(void **state)
{
    static struct world w;

    for (uint64_t seed = 1; seed <= 5; seed++) {
        run(&w, seed);
        for (unsigned i = 0; i < PHASES; i++) {
            unsigned requests = w.sum[i].requests, attempts = w.sum[i].attempts;

            assert_in_range(requests, 200, 6000);
            if (i == ALL_FAIL)
                assert_in_range(attempts, 60, requests / 4); /* a probe a second at the least */
            else if (i != AFTER_ALL && w.sum[i].answered != requests)
                fail_msg("seed %u, phase %u: %u of %u", (unsigned)seed, i, w.sum[i].answered,
                         requests);
            if (i != ALL_FAIL)
                assert_in_range(attempts, w.sum[i].answered, requests * 12 / 10);
        }
        assert_true(w.sum[AFTER_ALL].answered >= w.sum[AFTER_ALL].requests * 3 / 4);
        assert_in_range(w.open_s[0], phases[ALL_FAIL].to_s - 1, phases[ALL_FAIL].to_s + BACK_S);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_is_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
