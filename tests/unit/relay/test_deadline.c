/* Goal: a request has one deadline, whomever it asks, and nothing comes behind it; its error comes
 * within 100 ms of the deadline, or of the failure that leaves nobody, and says when the first of
 * its targets may be asked again. Method: three upstreams in virtual time, and standings by hand.
 */
#include "health/fate.h"
#include "health/limits.h"
#include "policy/evidence.h"
#include "ups.h"

#define ALL     REQUEST("all", "\"stream\":true,\"max_tokens\":500,")
#define SOON    EV_MS(100)
#define TARGETS 3

/* Four seconds for all together, three for each. */
#define SLOW(name, port)                                                                           \
    "  " name ": {type: openai-compatible, endpoints: ['http://127.0.0.1:" port "/v1'], private: " \
    "true, timeout: {connect: 1s, first_token: 3s, idle: 20s, total: 4s}}\n"
#define SHORT                                                                                      \
    "version: 1\nproviders:\n" SLOW("a", "9000") SLOW("b", "9100")                                 \
        SLOW("c", "9200") "models:\n  all: {targets: [a/m, b/m, c/m], retry: {attempts: 3}}\n"     \
                          "  m: {targets: [a/m, b/m]}\n  alone: {targets: a/m}\n"

static const struct up silent = {ANSWERS, "", "", 0, TWIN_SILENT};

static struct policy_candidate candidate(struct twin *t, size_t i)
{
    const struct settings_model *m = NULL;
    struct settings_way way;

    for (size_t k = 0; k < t->settings->models_n && !m; k++)
        if (span_is(t->settings->models[k].name, "all"))
            m = &t->settings->models[k];
    assert_non_null(m);
    way = settings_way(&m->targets[i], 0);
    return settings_candidate(&way);
}

static struct board_standing *place(struct twin *t, uint64_t id)
{
    return standing_find(t->gateway.relay.standings, id, ev_now(t->ev));
}

/* ---- what keeps a target from being asked, until then ---- */

static void leave_alone(struct twin *t, size_t i, uint64_t until_us)
{
    evidence_not_before(place(t, candidate(t, i).target), until_us);
}

/* Somebody probes it, so that it is not probed for want of others. */
static void open_breaker(struct twin *t, size_t i, uint64_t until_us)
{
    struct board_standing *s = place(t, candidate(t, i).target);

    evidence_trip(s, ev_now(t->ev), 0);
    board_set(&s->until_us, until_us);
    assert_true(evidence_take_probe(s, ev_now(t->ev) + EV_S(60), ev_now(t->ev)));
}

static void open_fate(struct twin *t, size_t i, uint64_t until_us)
{
    const struct policy_candidate c = candidate(t, i);
    struct board_standing *s = place(t, c.fates.ids[0]);
    uint64_t word = 0;
    bool opens = false;

    assert_int_equal(c.fates.kinds[0], FATE_PROVIDER);
    for (uint64_t witness = 1; witness <= 2; witness++)
        word = fate_sick(word, witness, ev_now(t->ev), &opens);
    assert_true(opens);
    board_set(&s->breaker, word);
    board_set(&s->until_us, until_us);
    board_set(&s->not_before_us, until_us);
    assert_true(evidence_take_probe(s, ev_now(t->ev) + EV_S(60), ev_now(t->ev)));
}

/* Its answer has said so. */
static void spend_rate(struct twin *t, size_t i, uint64_t until_us)
{
    const struct policy_candidate c = candidate(t, i);
    struct board_standing *s = place(t, c.limits ? c.limits : c.target);

    board_set(&s->limits[1].level, limits_level(1000, 100, false));
    board_set(&s->limits[1].full_us, until_us);
    board_set(&s->limits_said_us, ev_now(t->ev));
}

/* Milliseconds; 0: it does not say. */
static uint64_t says_come_in(const struct ups_got *g)
{
    const char *at = strstr(g->head, "retry-after-ms: ");
    uint64_t ms = 0;

    if (!at)
        return 0;
    at += strlen("retry-after-ms: ");
    assert_int_equal(span_u64(span_of(at, strcspn(at, "\r")), &ms), 0);
    return ms;
}

/* Nobody may be asked: at once, with the least of three times, whichever target has that. */
static void whom_nobody_may_be_asked_for_hears_when(void **state)
{
    static const struct {
        void (*set)(struct twin *t, size_t i, uint64_t until_us);
        enum reason reason;
        unsigned status;
    } rows[] = {{leave_alone, REASON_LEFT_ALONE, 429},
                {open_breaker, REASON_BREAKER_OPEN, 503},
                {spend_rate, REASON_RATE_SPENT, 429},
                {open_fate, REASON_FATE, 503}};

    UNUSED(state);
    for (size_t n = 0; n < ARRAY_LEN(rows) * TARGETS; n++) {
        size_t row = n / TARGETS, first = n % TARGETS;
        struct twin t;
        struct ups_got g;

        twin_open(&t, n + 1, PLAN(""));
        ups_pass(&t, EV_S(1));
        for (size_t i = 0; i < TARGETS; i++)
            rows[row].set(&t, i, ev_now(t.ev) + (i == first ? EV_S(20) : EV_S(30 + 10 * i)));
        ups_ask(&t, &g, ALL, EV_S(10));
        if (g.status != rows[row].status || t.up_heads != 0 || t.record.duration_us > SOON)
            fail_msg("%s, %zu: status %u after %llu us", reason_word(rows[row].reason), first,
                     g.status, (unsigned long long)t.record.duration_us);
        assert_true(t.record.reason == rows[row].reason ||
                    t.record.reason == REASON_BREAKER_OPEN); /* of a fate it says so */
        if (says_come_in(&g) < 19900 || says_come_in(&g) > 20000)
            fail_msg("%s, %zu: %llu ms", reason_word(rows[row].reason), first,
                     (unsigned long long)says_come_in(&g));
        buf_fini(&g.body);
        twin_close(&t);
    }
}

#define LIMITED(s) {ANSWERS, REFUSAL("429 No", "retry-after: " s "\r\n"), ERROR, 0, TWIN_WHOLE}

/* All have been asked in vain: the error of the last one says when the first of all may be. Up to a
 * tenth more is waited, so that not all come back at once. */
static void who_has_asked_all_hears_of_the_first(void **state)
{
    static const struct up first = LIMITED("20"), others[] = {LIMITED("30"), LIMITED("40")};

    UNUSED(state);
    for (size_t at = 0; at < TARGETS; at++) {
        struct twin t;
        struct ups_got g;
        size_t other = 0;

        twin_open(&t, at + 1, PLAN(", retry: {attempts: 3}"));
        for (size_t i = 0; i < TARGETS; i++)
            ups_set(&t, i, i == at ? &first : &others[other++]);
        ups_ask(&t, &g, ALL, EV_S(10));
        assert_int_equal(g.status, 429);
        assert_int_equal(t.record.attempts, 3);
        assert_true(t.record.duration_us <= t.record.attempt_at_us + t.record.attempt_us + SOON);
        if (says_come_in(&g) < 19900 || says_come_in(&g) > 22000)
            fail_msg("%zu: %s", at, g.head);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* One may be asked now: nothing is said that would keep the client away longer. */
static void who_may_be_asked_now_is_not_waited_for(void **state)
{
    static const struct up broken = {ANSWERS, REFUSAL("500 No", ""), ERROR, 0, TWIN_WHOLE};
    static const struct up limited = LIMITED("30");
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    twin_open(&t, 1, PLAN(", retry: {attempts: 3, same_target: 0}"));
    ups_set(&t, 0, &limited);
    ups_set(&t, 1, &limited);
    ups_set(&t, 2, &broken);
    ups_ask(&t, &g, ALL, EV_S(10));
    assert_int_equal(g.status, 502);
    assert_int_equal(says_come_in(&g), 0);
    buf_fini(&g.body);
    twin_close(&t);
}

/* ---- the deadline ---- */

/* The first has 3 s of four, the second one the rest, the third none. */
static void one_deadline_spans_all_attempts(void **state)
{
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    twin_open(&t, 1, SHORT);
    for (size_t i = 0; i < TARGETS; i++)
        ups_set(&t, i, &silent);
    ups_ask(&t, &g, ALL, EV_S(20));
    assert_int_equal(g.status, 504);
    assert_int_equal(t.record.reason, REASON_TIMEOUT_TOTAL);
    assert_int_equal(t.record.outcome, OUTCOME_FAILED);
    assert_in_range(t.record.duration_us, EV_S(4), EV_S(4) + SOON);
    assert_int_equal(t.record.attempts, 2);
    assert_in_range(t.record.attempt_at_us, EV_S(3), EV_S(3) + SOON);
    assert_int_equal(t.ups[2].requests, 0);
    buf_fini(&g.body);
    twin_close(&t);
}

/* Others learn meanwhile that nobody is to be asked. */
static void at_the_deadline_it_hears_when(void **state)
{
    struct twin_client c = {0};
    struct buf request;
    struct ups_got g = {0};
    struct twin t;

    UNUSED(state);
    buf_init(&request, 65536);
    buf_init(&g.body, 65536);
    twin_open(&t, 1, SHORT);
    for (size_t i = 0; i < TARGETS; i++)
        ups_set(&t, i, &silent);
    twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", ALL), EV_MS(3500));
    for (size_t i = 0; i < TARGETS; i++)
        leave_alone(&t, i, ev_now(t.ev) + EV_S(i == 1 ? 20 : 30));
    ups_pass(&t, EV_S(2));
    UNUSED(twin_parse(buf_span(&c.in), &g.status, &g.body));
    UNUSED(snprintf(g.head, sizeof(g.head), "%.*s", SPAN_FMT(buf_span(&c.in))));
    assert_int_equal(g.status, 504);
    assert_in_range(t.record.duration_us, EV_S(4), EV_S(4) + SOON);
    assert_in_range(says_come_in(&g), 19400, 19510);
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&g.body);
    buf_fini(&request);
}

/* An answer that would be whole a second behind the deadline is none: there is no late one. */
static void nothing_comes_late(void **state)
{
    static const struct {
        const struct up *up;
        const char *body;
        size_t rest_at;
        unsigned status; /* 0: the answer has begun, and breaks off */
    } rows[] = {
        {&up_good, REQUEST("alone", "\"stream\":true,"), sizeof(ROLE WORD("good")) - 1, 0},
        {&up_good_whole, REQUEST("alone", ""), 20, 504},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct twin t;
        struct ups_got g;

        twin_open(&t, i + 1, SHORT);
        ups_set(&t, 0, rows[i].up);
        t.ups[0].script.rest_at = rows[i].rest_at;
        t.ups[0].script.rest_us = EV_S(5);
        ups_ask(&t, &g, rows[i].body, EV_S(20));
        assert_int_equal(g.clean, rows[i].status != 0); /* an error alone is whole */
        assert_int_equal(g.status, rows[i].status ? rows[i].status : 200);
        assert_true(ups_said(&g, "\"error\""));
        assert_int_equal(t.record.outcome, OUTCOME_FAILED);
        assert_int_equal(t.record.reason, REASON_TIMEOUT_TOTAL);
        assert_in_range(t.record.duration_us, EV_S(4), EV_S(4) + SOON);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whom_nobody_may_be_asked_for_hears_when),
        cmocka_unit_test(who_has_asked_all_hears_of_the_first),
        cmocka_unit_test(who_may_be_asked_now_is_not_waited_for),
        cmocka_unit_test(one_deadline_spans_all_attempts),
        cmocka_unit_test(at_the_deadline_it_hears_when),
        cmocka_unit_test(nothing_comes_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
