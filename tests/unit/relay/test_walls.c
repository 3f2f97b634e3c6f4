/* Goal: whom a wall keeps from a request gets no byte of it, whatever the others do, and whatever
 * the plan, a broken stream or a client's header would have it do; nobody left is a 403.
 * Method: three upstreams, one of them behind a wall; the others fail in every way. */
#include "ups.h"

#define PROVIDER(name, port, more)                                                                 \
    "  " name ": {type: openai-compatible, endpoints: ['http://127.0.0.1:" port "/v1'], private: " \
    "true, timeout: {connect: 1s, first_token: 5s, idle: 5s, total: 60s}" more "}\n"

/* a has no facts; b and c have what x demands; only c has what y demands. */
#define CONFIG_OF(plan)                                                                            \
    "version: 1\nproviders:\n" PROVIDER("a", "9000", "") PROVIDER("b", "9100", ", training: no")   \
        PROVIDER("c", "9200",                                                                      \
                 ", training: no, retention: none, safety: "                                       \
                 "provider") "data_classes: {x: {training: no}, "                                  \
                             "y: {retention: 1d}}\n"                                               \
                             "models:\n"                                                           \
                             "  m: {targets: [a/m, b/m, c/m]" plan "}\n"                           \
                             "  of-x: {targets: [b/m, a/m], "                                      \
                             "data_class: x" plan "}\n"                                            \
                             "  safe: {targets: [a/m, b/m], "                                      \
                             "degraded: c/m, safety: required" plan "}\n"                          \
                             "  unsafe: {targets: [a/m, b/m], "                                    \
                             "safety: required" plan "}\n"

static unsigned ask(struct twin *t, struct ups_got *g, const char *field, const char *body)
{
    struct twin_client c = {.t = t, .leave_after = SIZE_MAX};
    struct buf text;

    g->status = 0;
    buf_init(&text, 4096);
    buf_init(&g->body, 1U << 20);
    buf_printf(&text,
               "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n%s"
               "content-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
               field, strlen(body), body);
    twin_ask(t, &c, buf_span(&text), EV_S(300));
    g->clean = twin_parse(buf_span(&c.in), &g->status, &g->body);
    if (g->status >= 400) {
        buf_reset(&g->body);
        buf_add_span(&g->body, buf_span(&c.in));
    }
    twin_client_fini(&c);
    buf_fini(&text);
    return g->status;
}

#define X  "x-lamplighter-data-class: x\r\n"
#define XY "x-lamplighter-data-class: x\r\nx-lamplighter-data-class:  y \r\n"

static void who_is_behind_a_wall_gets_no_byte(void **state)
{
    static const char *const plans[] = {
        CONFIG_OF(""),
        CONFIG_OF(", strategy: spread"),
        CONFIG_OF(", strategy: fastest"),
        CONFIG_OF(", strategy: cheapest, retry: {attempts: 9}, continue: any, breaker: false"),
    };
    static const struct up ups[] = {
        {ANSWERS, STREAM_HEAD, GOOD, 0, TWIN_WHOLE},
        {REFUSES, "", "", 0, TWIN_WHOLE},
        {ANSWERS, REFUSAL("500 No", ""), ERROR, 0, TWIN_WHOLE},
        {ANSWERS, REFUSAL("401 No", ""), ERROR, 0, TWIN_WHOLE},
        {ANSWERS, STREAM_HEAD, "", 0, TWIN_SILENT},
        {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE WORD("good")) - 1, TWIN_FIN},
        {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE WORD("good")) - 1, TWIN_SILENT},
    };
    static const struct {
        const char *field, *body;
        unsigned behind; /* upstreams that must not hear of it, a bit each */
    } asked[] = {
        {X, REQUEST("m", "\"stream\":true,"), 1},
        {"x-lamplighter-data-class: x,y\r\n", REQUEST("m", "\"stream\":true,"), 3},
        {XY, REQUEST("m", "\"stream\":true,"), 3},
        {X X, REQUEST("m", "\"stream\":true,"), 1},
        {"", REQUEST("of-x", "\"stream\":true,"), 1},
        {"", REQUEST("safe", "\"stream\":true,"), 3},
        {X, REQUEST("safe", "\"stream\":true,"), 3},
        {X, REQUEST("a/m", "\"stream\":true,"), 7},
        {"", REQUEST("unsafe", "\"stream\":true,"), 7},
    };

    UNUSED(state);
    for (size_t p = 0; p < ARRAY_LEN(plans); p++)
        for (size_t u = 0; u < ARRAY_LEN(ups); u++)
            for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
                struct ups_got g;
                struct twin t;

                twin_open(&t, 1 + u, plans[p]);
                for (size_t k = 0; k < TWIN_UPS; k++)
                    ups_set(&t, k, &ups[u]);
                for (int again = 0; again < 3; again++) { /* breakers open, last ones are probed */
                    UNUSED(ask(&t, &g, asked[i].field, asked[i].body));
                    buf_fini(&g.body);
                }
                for (size_t k = 0; k < TWIN_UPS; k++)
                    if (asked[i].behind >> k & 1 && t.ups[k].requests)
                        fail_msg("plan %zu, upstreams %zu, row %zu: %zu was asked", p, u, i, k);
                if (asked[i].behind != 7 && u != 1)
                    assert_true(t.up_requests > 0);
                if (asked[i].behind == 7)
                    assert_int_equal(t.up_heads, 0);
                twin_close(&t);
            }
}

static void nobody_left_is_told_with_its_reasons(void **state)
{
    static const struct {
        const char *field, *body;
        unsigned status;
        const char *says;
    } rows[] = {
        {X, REQUEST("a/m", ""), 403, "a/m (walled x:training)."},
        {"", REQUEST("unsafe", ""), 403, "a/m (walled safety), b/m (walled safety)."},
        {"x-lamplighter-data-class: X\r\n", REQUEST("m", ""), 400,
         "there is no class 'X'. The classes are: x, y."},
        {"x-lamplighter-data-class: x,\r\n", REQUEST("m", ""), 400, "there is no class ''"},
        {"x-lamplighter-data-class: \r\n", REQUEST("m", ""), 400, "there is no class ''"},
        {"x-lamplighter-data-class: x, z\r\n", REQUEST("m", ""), 400, "there is no class 'z'"},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ups_got g;
        struct twin t;

        twin_open(&t, 1, CONFIG_OF(""));
        for (size_t k = 0; k < TWIN_UPS; k++)
            ups_set(&t, k, &up_good_whole);
        if (ask(&t, &g, rows[i].field, rows[i].body) != rows[i].status ||
            !span_contains(buf_span(&g.body), span_str(rows[i].says)))
            fail_msg("row %zu: %u %.*s", i, g.status, SPAN_FMT(buf_span(&g.body)));
        assert_int_equal(t.up_heads, 0);
        assert_int_equal(t.record.outcome, OUTCOME_CLIENT_ERROR);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

static void the_record_names_the_wall(void **state)
{
    struct ups_got g;
    struct twin t;

    UNUSED(state);
    twin_open(&t, 1, CONFIG_OF(""));
    for (size_t k = 0; k < TWIN_UPS; k++)
        ups_set(&t, k, &up_good_whole);
    assert_int_equal(ask(&t, &g, XY, ONCE), 200);
    assert_string_equal(t.record.skipped, "a/m=walled(x:training) b/m=walled(y:retention)");
    assert_string_equal(t.record.target, "c/m");
    assert_int_equal(t.record.outcome, OUTCOME_FULL);
    assert_null(strstr(t.ups[2].body, "data-class"));
    buf_fini(&g.body);
    twin_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_behind_a_wall_gets_no_byte),
        cmocka_unit_test(nobody_left_is_told_with_its_reasons),
        cmocka_unit_test(the_record_names_the_wall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
