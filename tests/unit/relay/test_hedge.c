/* Goal: of two targets that are asked beside each other one answers, and nothing of the other one
 * is ever heard; the other one is cancelled at once; what is not to be hedged is not. Method: the
 * twin, with targets that rest before their content; a table of what each does; each allocation
 * failing once. */
#include "ups.h"

#include "base/mem.h"
#include "health/hedge.h"
#include "health/waits.h"
#include "policy/evidence.h"
#include "policy/policy.h"

#define MORE ", hedge: {extra: 2%, tokens: 100}, retry: {attempts: 3, same_target: 0}"

#define SAYS(word) ROLE WORD(word) END
#define RESTS      (sizeof(ROLE) - 1) /* behind the role, before the content */
#define WHOLE_OF(w)                                                                                \
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 151\r\n\r\n"             \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,"     \
    "\"message\":{\"role\":\"assistant\",\"content\":\"" w                                         \
    "\"},\"finish_reason\":\"stop\"}]}     "
#define REFUSED(status, type)                                                                      \
    "HTTP/1.1 " status " No\r\ncontent-type: application/json\r\ncontent-length: 64\r\n\r\n"       \
    "{\"error\":{\"message\":\"it failed\",\"type\":\"" type "\"}}"

/* What a target does: nothing for so long behind `rests_at` bytes, then the rest, or not. */
struct act {
    const char *head, *body;
    size_t rests_at;
    ev_us rests;
    enum twin_end end;
    bool dead;
};

static const struct act quick = {STREAM_HEAD, SAYS("quick"), RESTS, 0, TWIN_WHOLE, false},
                        slow2 = {STREAM_HEAD, SAYS("slow2"), RESTS, EV_S(2), TWIN_WHOLE, false},
                        slow4 = {STREAM_HEAD, SAYS("slow4"), RESTS, EV_S(4), TWIN_WHOLE, false},
                        silent = {STREAM_HEAD, ROLE, 0, 0, TWIN_SILENT, false},
                        breaks2 = {STREAM_HEAD, ROLE ROLE, RESTS, EV_S(2), TWIN_RESET, false},
                        breaks0 = {STREAM_HEAD, ROLE, 0, 0, TWIN_RESET, false},
                        dead = {STREAM_HEAD, ROLE, 0, 0, TWIN_WHOLE, true},
                        quick_whole = {"", WHOLE_OF("quick"), 1, 0, TWIN_SILENT, false},
                        slow2_whole = {"", WHOLE_OF("slow2"), 1, EV_S(2), TWIN_SILENT, false},
                        slow4_whole = {"", WHOLE_OF("slow4"), 1, EV_S(4), TWIN_SILENT, false},
                        begun_whole = {"", WHOLE_OF("slow4"), 120, EV_S(4), TWIN_SILENT, false},
                        junk_whole = {"",
                                      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                      "content-length: 3\r\n\r\nno!",
                                      1,
                                      0,
                                      TWIN_SILENT,
                                      false},
                        caller2 = {"",          REFUSED("400", "invalid_request_error"),
                                   1,           EV_S(2),
                                   TWIN_SILENT, false},
                        busy2 = {"",          REFUSED("503", "overloaded______error"),
                                 1,           EV_S(2),
                                 TWIN_SILENT, false};

static void act(struct twin *t, size_t up, const struct act *a)
{
    bool raw = a->head[0] == '\0';

    t->ups[up].script = (struct twin_script){.head = span_str(a->head),
                                             .body = span_str(a->body),
                                             .chunked = !raw,
                                             .piece_max = a->rests_at ? a->rests_at : 1000,
                                             .rest_at = a->rests_at ? a->rests_at : SIZE_MAX,
                                             .rest_us = a->rests,
                                             .cut_at = SIZE_MAX,
                                             .end = a->end};
    if (a->dead)
        twin_refuse(t, up);
    else
        twin_listen(t, up);
}

/* Pieces of any length come in one go. */
static void no_pieces(struct twin *t)
{
    for (size_t i = 0; i < TWIN_UPS; i++)
        if (t->ups[i].script.rest_at == SIZE_MAX)
            t->ups[i].script.piece_max = 1000;
}

static struct board_standing *target_of(struct twin *t, size_t i)
{
    const struct settings_model *m = &t->settings->models[0];
    struct settings_way way = settings_way(&m->targets[i], 0);

    return standing_find(t->gateway.relay.standings, settings_candidate(&way).target,
                         ev_now(t->ev));
}

static struct board_standing *place_of(struct twin *t)
{
    return standing_find(t->gateway.relay.standings,
                         policy_hedge_id(span_hash(t->settings->models[0].name)), ev_now(t->ev));
}

/* Its first target usually takes a second, and there is something for hedges. */
static void teach(struct twin *t, unsigned waits)
{
    for (unsigned i = 0; i < waits; i++)
        for (int of = WAITS_OF_STREAMS; of <= (int)WAITS_OF_WHOLES; of++)
            evidence_wait(target_of(t, 0), (enum waits_of)of, waits_note, EV_S(1), 0);
}

static void prepare(struct twin *t, unsigned waits, unsigned requests)
{
    uint64_t word = 0;

    teach(t, waits);
    while (requests--)
        word = hedge_earn(word, 20000, 100);
    board_set(&place_of(t)->hedges, word);
}

static void open_twin(struct twin *t, const char *config)
{
    twin_open(t, 3, config);
    prepare(t, 100, 100);
}

struct row {
    const char *name;
    const struct act *a, *b;
    const char *body; /* of the request */
    unsigned status, attempts;
    const char *says;
    enum record_hedge hedge;
    enum outcome outcome;
    unsigned aborted_a, aborted_b;
    const char *tried;
    ev_us first_least, first_most; /* when the client has content; 0: never mind */
};

#define A(why) "a/m=" why
#define B(why) "b/m=" why

/* clang-format off */
static const struct row rows[] = {
    {"the first is quick", &quick, &quick, STREAM, 200, 1, "quick", RECORD_HEDGE_NONE, OUTCOME_FULL, 0, 0, "", 0, EV_MS(100)},
    {"the hedge is quicker", &slow4, &quick, STREAM, 200, 2, "quick", RECORD_HEDGE_WON, OUTCOME_EQUIVALENT, 1, 0, A("outrun"), EV_S(1), EV_MS(1100)},
    {"the first is quicker, after all", &slow2, &slow4, STREAM, 200, 2, "slow2", RECORD_HEDGE_LOST, OUTCOME_FULL, 0, 1, B("outrun"), EV_S(2), EV_MS(2100)},
    {"behind the head that was sent", &slow4, &slow2, STREAM, 200, 2, "slow2", RECORD_HEDGE_WON, OUTCOME_EQUIVALENT, 1, 0, A("outrun"), EV_S(3), EV_MS(3100)},
    {"the hedge breaks", &slow2, &breaks0, STREAM, 200, 2, "slow2", RECORD_HEDGE_FAILED, OUTCOME_FULL, 0, 0, B("maybe-executed"), EV_S(2), EV_MS(2100)},
    {"the hedge is not there", &slow2, &dead, STREAM, 200, 2, "slow2", RECORD_HEDGE_FAILED, OUTCOME_FULL, 0, 0, B("never-executed"), EV_S(2), EV_MS(2100)},
    {"the first breaks", &breaks2, &slow4, STREAM, 200, 2, "slow4", RECORD_HEDGE_WON, OUTCOME_EQUIVALENT, 0, 0, A("truncated"), EV_S(5), EV_MS(5100)},
    {"the first is silent, its time over", &silent, &breaks0, STREAM, 200, 2, "timeout-first-token", RECORD_HEDGE_FAILED, OUTCOME_FAILED, 1, 0, B("maybe-executed"), 0, 0},
    {"the first is refused, the hedge goes on", &busy2, &slow4, STREAM, 200, 2, "slow4", RECORD_HEDGE_WON, OUTCOME_EQUIVALENT, 0, 0, A("overload"), EV_S(5), EV_MS(5100)},
    {"what is final is final", &caller2, &slow4, STREAM, 400, 2, "it failed", RECORD_HEDGE_LOST, OUTCOME_CLIENT_ERROR, 0, 1, B("outrun"), 0, 0},
    {"what a hedge calls wrong may be right", &slow4, &caller2, STREAM, 200, 2, "slow4", RECORD_HEDGE_FAILED, OUTCOME_FULL, 0, 0, B("caller"), EV_S(4), EV_MS(4100)},
    {"a whole answer", &slow4_whole, &quick_whole, ONCE, 200, 2, "quick", RECORD_HEDGE_WON, OUTCOME_EQUIVALENT, 1, 0, A("outrun"), EV_S(1), EV_MS(1100)},
    {"a whole answer that is on its way", &begun_whole, &quick_whole, ONCE, 200, 1, "slow4", RECORD_HEDGE_NONE, OUTCOME_FULL, 0, 0, "", 0, 0},
    {"a whole answer of the first", &slow2_whole, &slow4_whole, ONCE, 200, 2, "slow2", RECORD_HEDGE_LOST, OUTCOME_FULL, 0, 1, B("outrun"), EV_S(2), EV_MS(2100)},
    {"what is no answer wins nothing", &slow2_whole, &junk_whole, ONCE, 200, 2, "slow2", RECORD_HEDGE_FAILED, OUTCOME_FULL, 0, 1, B("junk"), EV_S(2), EV_MS(2100)},
};
/* clang-format on */

static void is_as_said(const struct row *row, const struct twin *t, const struct ups_got *g)
{
    static const char *const words[] = {"quick", "slow2", "slow4"};
    const struct record *r = &t->record;

    if (g->status != row->status || g->clean != (row->outcome != OUTCOME_FAILED) ||
        !ups_said(g, row->says))
        fail_msg("%s: status %u: %.*s", row->name, g->status, SPAN_FMT(buf_span(&g->body)));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (ups_said(g, words[i]) && strcmp(words[i], row->says) != 0)
            fail_msg("%s: the client has heard '%s'", row->name, words[i]);
    if (t->records != 1 || r->attempts != row->attempts || t->more != row->attempts - 1)
        fail_msg("%s: %u records, %u attempts, %u told", row->name, t->records, r->attempts,
                 t->more);
    if (r->hedge != row->hedge || r->outcome != row->outcome || strcmp(r->tried, row->tried) != 0)
        fail_msg("%s: hedge %s, %s, tried %s", row->name, record_hedge_word(r->hedge),
                 record_outcome_name(r->outcome), r->tried);
    if (t->ups[0].aborted != row->aborted_a || t->ups[1].aborted != row->aborted_b)
        fail_msg("%s: %u and %u connections were broken off", row->name, t->ups[0].aborted,
                 t->ups[1].aborted);
    if (row->first_most && (r->first_us < row->first_least || r->first_us > row->first_most))
        fail_msg("%s: the first content after %llu us", row->name, (unsigned long long)r->first_us);
}

static void one_answers(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ups_got g;
        struct twin t;

        open_twin(&t, PLAN(MORE));
        act(&t, 0, rows[i].a);
        act(&t, 1, rows[i].b);
        no_pieces(&t);
        ups_ask(&t, &g, rows[i].body, EV_S(30));
        is_as_said(&rows[i], &t, &g);
        for (size_t k = 0; k < BOARD_TARGETS; k++)
            assert_int_equal(board_get(&t.targets[k].live), 0);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* What is not hedged waits for its target, and nobody else is asked. */
static void who_is_not_hedged(void **state)
{
    static const struct {
        const char *name, *config, *body, *key;
        unsigned waits, requests;
    } alone[] = {
        {"the model wants none", PLAN(""), STREAM, NULL, 100, 100},
        {"too few waits are known", PLAN(MORE), STREAM, NULL, WAITS_FEW - 1, 100},
        {"the share is used up", PLAN(MORE), STREAM, NULL, 100, 40},
        {"it is made once", PLAN(MORE), STREAM, "key-1", 100, 100},
        {"a long prompt", PLAN(MORE),
         REQUEST("m", "\"stream\":true,\"user\":\""
                      "0123456789012345678901234567890123456789012345678901234567890123456789"
                      "0123456789012345678901234567890123456789012345678901234567890123456789"
                      "0123456789012345678901234567890123456789012345678901234567890123456789"
                      "0123456789012345678901234567890123456789012345678901234567890123456789"
                      "0123456789012345678901234567890123456789012345678901234567890123456789"
                      "0123456789012345678901234567890123456789012345678901234567890123456789"
                      "\","),
         NULL, 100, 100},
        {"one attempt", PLAN(", hedge: {extra: 2%}, retry: {attempts: 1}"), STREAM, NULL, 100, 100},
        {"another tier",
         "version: 1\nproviders:\n" UP("a", "9000") UP(
             "b",
             "9100") "models:\n  m: {targets: [a/m, {target: b/m, tier: 2}], hedge: {extra: 2%}}\n",
         STREAM, NULL, 100, 100},
        {"degraded",
         "version: 1\nproviders:\n" UP("a", "9000")
             UP("b", "9100") "models:\n  m: {targets: a/m, degraded: b/m, hedge: {extra: 2%}}\n",
         STREAM, NULL, 100, 100},
        {"other weights",
         "version: 1\nproviders:\n" UP("a", "9000")
             UP("b", "9100") "models:\n  m: {targets: [a/m, b/other], hedge: {extra: 2%}}\n",
         STREAM, NULL, 100, 100},
        {"a wall",
         "version: 1\nproviders:\n" UP("a", "9000")
             UP("b", "9100") "data_classes: {eu: {jurisdiction: eu}}\n"
                             "models:\n  m: {targets: [{target: a/m, jurisdiction: eu}, b/m], "
                             "data_class: eu, "
                             "hedge: {extra: 2%}}\n",
         STREAM, NULL, 100, 100},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(alone); i++) {
        struct twin_client c = {0};
        struct twin t;
        struct buf b;

        buf_init(&b, 65536);
        twin_open(&t, 3, alone[i].config);
        prepare(&t, alone[i].waits, alone[i].requests);
        act(&t, 0, &slow4);
        act(&t, 1, &quick);
        no_pieces(&t);
        twin_ask(&t, &c, kind_keyed(&b, "/v1/chat/completions", alone[i].body, alone[i].key),
                 EV_S(30));
        if (t.record.attempts != 1 || t.record.hedge != RECORD_HEDGE_NONE || t.ups[1].requests ||
            t.more || t.record.outcome != OUTCOME_FULL)
            fail_msg("%s: %u attempts, %s", alone[i].name, t.record.attempts,
                     record_hedge_word(t.record.hedge));
        twin_client_fini(&c);
        ev_sim_run(t.ev, ev_now(t.ev) + EV_S(601));
        twin_close(&t);
        buf_fini(&b);
    }
}

/* ... but if the plan says that the weights do not matter, others are. */
static void other_weights_if_the_plan_says_so(void **state)
{
    struct ups_got g;
    struct twin t;

    UNUSED(state);
    open_twin(&t, "version: 1\nproviders:\n" UP("a", "9000")
                      UP("b", "9100") "models:\n  m: {targets: [a/m, b/other], prefer: nobody, "
                                      "hedge: {extra: 2%}}\n");
    act(&t, 0, &slow4);
    act(&t, 1, &quick);
    no_pieces(&t);
    ups_ask(&t, &g, STREAM, EV_S(30));
    assert_int_equal(t.record.hedge, RECORD_HEDGE_WON);
    assert_string_equal(t.ups[1].model, "other");
    assert_true(ups_said(&g, "\"model\":\"m\"") || ups_said(&g, "quick"));
    buf_fini(&g.body);
    twin_close(&t);
}

/* Who leaves takes both along. */
static void both_end_with_their_client(void **state)
{
    struct twin_client c = {0};
    struct twin t;
    struct buf b;

    UNUSED(state);
    buf_init(&b, 65536);
    open_twin(&t, PLAN(MORE));
    act(&t, 0, &silent);
    act(&t, 1, &silent);
    no_pieces(&t);
    twin_ask(&t, &c, kind_request(&b, "/v1/chat/completions", STREAM), EV_S(2));
    assert_int_equal(t.up_requests, 2);
    twin_leave(&c, NET_END_RESET);
    ups_pass(&t, EV_S(1));
    assert_int_equal(t.up_aborted, 2);
    assert_int_equal(t.records, 1);
    assert_int_equal(t.more, 1);
    assert_int_equal(t.record.outcome, OUTCOME_CLIENT_GONE);
    assert_int_equal(t.record.hedge, RECORD_HEDGE_RUNS);
    assert_string_equal(t.record.tried, "b/m=client-gone");
    assert_string_equal(t.record.target, "a/m");
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&b);
}

/* However slow all become, no more than its share is hedged. */
static void it_is_no_more_than_its_share(void **state)
{
    struct twin t;

    UNUSED(state);
    twin_open(&t, 3, PLAN(MORE));
    prepare(&t, 100, 0);
    act(&t, 0, &slow2);
    act(&t, 1, &slow2);
    no_pieces(&t);
    for (unsigned i = 0; i < 120; i++) {
        struct ups_got g;

        t.records = 0;
        ups_ask(&t, &g, STREAM, EV_S(30));
        assert_int_equal(t.records, 1);
        buf_fini(&g.body);
        assert_true(t.ups[1].requests * 50 <= i + 1);
        teach(&t, 10); /* so it stays what is usual */
    }
    assert_int_equal(t.ups[1].requests, 2);
    twin_close(&t);
}

static void each_allocation_may_fail(void **state)
{
    bool hit = true;
    size_t at;

    UNUSED(state);
    for (at = 1; hit && at < 1000; at++) {
        struct twin_client c = {0};
        struct twin t;
        struct buf b, body;
        unsigned status;

        buf_init(&b, 65536);
        buf_init(&body, 65536);
        open_twin(&t, PLAN(MORE));
        t.lenient = true;
        act(&t, 0, &slow4);
        act(&t, 1, at % 2 ? &quick : &breaks0);
        no_pieces(&t);
        twin_ask(&t, &c, kind_request(&b, "/v1/chat/completions", STREAM), EV_MS(900));
        assert_non_null(buf_reserve(&c.in, 65536));
        mem_torture(at, false);
        ups_pass(&t, EV_S(30));
        hit = mem_torture_hit();
        mem_torture(0, false);
        if (t.records != 1)
            fail_msg("allocation %zu: %u records", at, t.records);
        if (twin_parse(buf_span(&c.in), &status, &body) && status == 200 &&
            !span_contains(buf_span(&body), SPAN_LIT("quick")) &&
            !span_contains(buf_span(&body), SPAN_LIT("slow4")))
            fail_msg("allocation %zu: %.*s", at, SPAN_FMT(buf_span(&c.in)));
        twin_client_fini(&c);
        twin_close(&t);
        buf_fini(&body);
        buf_fini(&b);
    }
    print_message("%zu allocations\n", at - 1);
    assert_in_range(at, 20, 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_answers),
        cmocka_unit_test(who_is_not_hedged),
        cmocka_unit_test(other_weights_if_the_plan_says_so),
        cmocka_unit_test(both_end_with_their_client),
        cmocka_unit_test(it_is_no_more_than_its_share),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
