/* Goal: what is said by hand counts for requests that are under way already, as far as they have
 * another attempt before them; nobody further than the first tier is asked where spill is stopped,
 * by whatever the first tier fails, and the error says why; a word that ends holds no longer.
 * Method: the twin with a board; the word is said while a request waits to ask again in place. */
#include "ups.h"

#include "board/override.h"

#define TIERS                                                                                      \
    "version: 1\nproviders:\n" UP("a", "9000") UP("b", "9100")                                     \
        UP("c", "9200") "models:\n  m: {targets: [a/m, {target: b/m, tier: 2}], degraded: c/m}\n"  \
                        "  long: {targets: [{target: a/m, when: {tokens_over: 1k}}, {target: "     \
                        "b/m, tier: 2},"                                                           \
                        " {target: c/m, tier: 3}]}\n"                                              \
                        "  w: {strategy: weighted, targets: [a/m, {target: b/m, weight: 0}]}\n"

static const struct up broken = {ANSWERS, REFUSAL("500 No", ""), ERROR, 0, TWIN_WHOLE};

static struct board *board;

static void open(struct twin *t)
{
    struct err e;

    twin_open(t, 3, TIERS);
    assert_int_equal(board_new(&board, &e), 0);
    t->gateway.relay.sink.overrides = board;
    for (size_t i = 0; i < TWIN_UPS; i++)
        ups_set(t, i, &up_good);
}

static void close(struct twin *t)
{
    twin_close(t);
    board_free(&board);
}

static void say(const struct twin *t, enum override_what what, const char *name, ev_us last)
{
    struct override o = {.what = what, .until_us = ev_now(t->ev) + last};

    UNUSED(snprintf(o.name, sizeof(o.name), "%s", name));
    UNUSED(snprintf(o.why, sizeof(o.why), "so it is"));
    assert_true(override_put(board, &o, ev_now(t->ev)));
}

static unsigned ask(struct twin *t, const char *model, struct ups_got *g)
{
    struct buf body;
    unsigned status;

    buf_init(&body, 4096);
    buf_printf(&body, "{\"model\":\"%s\",\"stream\":true,\"messages\":[]}", model);
    buf_add_char(&body, '\0');
    for (size_t i = 0; i < TWIN_UPS; i++)
        t->ups[i].requests = 0;
    ups_ask(t, g, body.p, EV_S(60));
    status = g->status;
    buf_fini(&body);
    return status;
}

/* It fails, and would be asked again after 100 to 300 ms. */
static void who_is_switched_off_is_not_asked_again(void **state)
{
    struct twin_client c = {0};
    struct buf request, body;
    unsigned status = 0;
    struct twin t;

    UNUSED(state);
    open(&t);
    ups_set(&t, 0, &broken);
    buf_init(&request, 65536);
    buf_init(&body, 65536);
    twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_MS(50));
    assert_int_equal(t.ups[0].requests, 1);
    say(&t, OVERRIDE_DISABLE, "a", EV_S(60));
    ev_sim_run(t.ev, ev_now(t.ev) + EV_S(5));
    assert_true(twin_parse(buf_span(&c.in), &status, &body));
    assert_int_equal(status, 200);
    assert_int_equal(t.ups[0].requests, 1);
    assert_int_equal(t.ups[1].requests, 1);
    assert_non_null(strstr(t.record.skipped, "a/m=disabled"));
    twin_client_fini(&c);
    buf_fini(&request);
    buf_fini(&body);
    close(&t);
}

/* What each upstream does, and who is asked. */
static void spill_is_stopped_whatever_fails(void **state)
{
    static const struct up ups[] = {
        {REFUSES, "", "", 0, TWIN_WHOLE},
        {ANSWERS, REFUSAL("503 No", ""), ERROR, 0, TWIN_WHOLE},
        {ANSWERS, REFUSAL("429 No", ""), ERROR, 0, TWIN_WHOLE},
        {ANSWERS, "", "", 0, TWIN_SILENT},
        {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE) - 1, TWIN_FIN},
    };
    struct ups_got g;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(ups); i++) {
        struct twin t;

        open(&t);
        say(&t, OVERRIDE_STOP_SPILL, "m", EV_S(300));
        assert_int_equal(ask(&t, "m", &g), 200);
        assert_int_equal(t.ups[0].requests, 1);
        buf_fini(&g.body);
        ups_set(&t, 0, &ups[i]);
        assert_true(ask(&t, "m", &g) >= 429);
        assert_true(ups_said(&g, "stay in the first tier of its plan by hand until"));
        assert_true(ups_said(&g, "so it is"));
        assert_int_equal(t.ups[1].requests + t.ups[2].requests, 0);
        assert_non_null(strstr(t.record.skipped, "b/m=spill-stopped("));
        assert_non_null(strstr(t.record.skipped, "c/m=spill-stopped("));
        buf_fini(&g.body);
        ups_pass(&t, EV_S(300)); /* it has ended by itself */
        assert_int_equal(ask(&t, "m", &g), 200);
        assert_int_equal(t.ups[1].requests, 1);
        buf_fini(&g.body);
        close(&t);
    }
}

/* The first tier is that of those who are meant for the request. */
static void what_the_plan_has_elsewhere_is_no_spill(void **state)
{
    struct ups_got g;
    struct twin t;

    UNUSED(state);
    open(&t);
    say(&t, OVERRIDE_STOP_SPILL, "long", EV_S(300));
    assert_int_equal(ask(&t, "long", &g), 200);
    assert_int_equal(t.ups[1].requests, 1);
    buf_fini(&g.body);
    ups_set(&t, 1, &broken);
    assert_true(ask(&t, "long", &g) >= 500);
    assert_int_equal(t.ups[2].requests, 0);
    buf_fini(&g.body);
    close(&t);
}

static void a_weight_by_hand_takes_the_place_of_the_plans(void **state)
{
    static const struct {
        const char *target;
        uint64_t weight;
        size_t asked; /* then */
    } rows[] = {{"b/m", 1, 2}, {"a/m", 0, 1}, {"b/m", 0, 2}, {"a/m", UINT64_MAX, 0}};
    struct ups_got g;
    struct twin t;

    UNUSED(state);
    open(&t);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct override o = {
            .what = OVERRIDE_WEIGHT, .value = rows[i].weight, .until_us = UINT64_MAX};
        unsigned n[2] = {0, 0};

        UNUSED(snprintf(o.name, sizeof(o.name), "%s", rows[i].target));
        assert_true(override_put(board, &o, ev_now(t.ev)));
        for (int k = 0; k < 30; k++) {
            assert_int_equal(ask(&t, "w", &g), 200);
            n[0] += t.ups[0].requests;
            n[1] += t.ups[1].requests;
            buf_fini(&g.body);
        }
        if (rows[i].asked == 2) /* both */
            assert_true(n[0] > 3 && n[1] > 3);
        else
            assert_int_equal(n[rows[i].asked], 30);
    }
    close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_switched_off_is_not_asked_again),
        cmocka_unit_test(spill_is_stopped_whatever_fails),
        cmocka_unit_test(what_the_plan_has_elsewhere_is_no_spill),
        cmocka_unit_test(a_weight_by_hand_takes_the_place_of_the_plans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
