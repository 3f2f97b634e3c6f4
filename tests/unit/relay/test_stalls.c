/* Goal: who pauses for far longer than it ever did is left, and another one goes on; not so who is
 * alone, or what the client has not taken yet.
 * Method: upstreams in virtual time that are known to be quick, and then rest within their text, or
 * send it byte by byte. */
#include "ups.h"

#include "health/waits.h"

#define IDLE(name, port) "  " name ": {type: vllm, endpoints: ['http://127.0.0.1:" port "']}\n"

/* It is known that upstream i is quick, by answers to that. */
static void teach(struct twin *t, size_t i, const char *request)
{
    static const struct up paced = {ANSWERS, STREAM_HEAD, BEGIN REST, 0, TWIN_WHOLE};

    ups_set(t, i, &paced);
    t->ups[i].script.piece_max = 100;
    t->ups[i].script.gap_max = EV_MS(20);
    for (unsigned n = 0; n < WAITS_FEW; n++) {
        struct ups_got g;

        ups_ask(t, &g, request, EV_S(10));
        assert_true(g.clean);
        buf_fini(&g.body);
    }
}

static void a_stall_is_noticed(void **state)
{
    static const struct {
        const char *model;
        unsigned after_s;
    } rows[] = {{"m", 2}, {"alone", 120}, {"other", 120}};
    const struct up stalls = {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_SILENT};
    const struct up rest = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf request;
        struct twin t;
        struct ups_got g;

        twin_open(&t, 1,
                  "version: 1\nproviders:\n" IDLE("a", "9000") IDLE(
                      "b", "9100") "models:\n  m: {targets: [a/m, b/m]}\n  alone: {targets: a/m}\n"
                                   "  other: {targets: [a/m, b/n]}\n");
        ups_set(&t, 1, &rest);
        teach(&t, 0, STREAM);
        ups_set(&t, 0, &stalls);
        buf_init(&request, 4096);
        buf_printf(&request, REQUEST("%s", "\"stream\":true,"), rows[i].model);
        buf_add_char(&request, '\0');
        ups_ask(&t, &g, request.p, EV_S(400));
        assert_int_equal(t.record.duration_us / EV_S(1), rows[i].after_s);
        assert_int_equal(g.clean, rows[i].after_s == 2);
        if (g.clean) {
            ups_is_text(&g, HEAD_TEXT TAIL_TEXT);
            assert_string_equal(t.record.tried, "a/m=maybe-executed");
        }
        buf_fini(&request);
        buf_fini(&g.body);
        twin_close(&t);
    }
}

/* Who goes on is watched from its first word on, as who began was. */
static void a_stall_of_who_goes_on(void **state)
{
    const struct up a = {ANSWERS, STREAM_HEAD, BEGIN, 0, TWIN_FIN};
    const struct up stalls = {ANSWERS, STREAM_HEAD, ROLE WORD("and he kept "), 0, TWIN_SILENT};
    const struct up c = {ANSWERS, STREAM_HEAD, ROLE WORD("all the lamps alight.") END, 0,
                         TWIN_WHOLE};
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    twin_open(&t, 1,
              "version: 1\nproviders:\n" IDLE("a", "9000") IDLE("b", "9100")
                  IDLE("c", "9200") "models:\n  m: {targets: [a/m, b/m, c/m], retry: {attempts: 9, "
                                    "same_target: 0}}\n"
                                    "  other: {targets: [b/m, c/m]}\n");
    ups_set(&t, 0, &a);
    ups_set(&t, 2, &c);
    teach(&t, 1, REQUEST("other", "\"stream\":true,"));
    ups_set(&t, 1, &stalls);
    ups_ask(&t, &g, STREAM, EV_S(400));
    assert_true(g.clean);
    ups_is_text(&g, HEAD_TEXT TAIL_TEXT);
    assert_int_equal(t.record.duration_us / EV_S(1), 2);
    assert_int_equal(t.record.attempts, 3);
    buf_fini(&g.body);
    twin_close(&t);
}

/* A client that takes nothing for a minute makes no stall of it. */
static void who_does_not_read_makes_no_stall(void **state)
{
    const struct up b = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};
    struct twin_client c = {.deaf = true};
    struct buf request, text;
    struct twin t;

    UNUSED(state);
    buf_init(&request, 65536);
    buf_init(&text, (size_t)16 * 1024 * 1024);
    buf_add_str(&text, ROLE);
    for (unsigned i = 0; i < 3000; i++)
        buf_add_str(&text, WORD("a word, and then another one"));
    buf_add_str(&text, END);
    twin_open(
        &t, 1,
        "version: 1\nproviders:\n" IDLE("a", "9000") IDLE(
            "b",
            "9100") "models: {m: {targets: [a/m, b/m]}}\nserver: {timeout: {write_stall: 10m}}\n");
    ups_set(&t, 1, &b);
    t.ups[0].script = (struct twin_script){.head = SPAN_LIT(STREAM_HEAD),
                                           .body = buf_span(&text),
                                           .chunked = true,
                                           .piece_max = 4096,
                                           .cut_at = SIZE_MAX};
    twin_ask(&t, &c, kind_request(&request, "/v1/chat/completions", STREAM), EV_S(60));
    assert_int_equal(t.records, 0);
    assert_int_equal(t.ups[1].requests, 0);
    twin_client_fini(&c);
    ups_pass(&t, EV_S(1));
    twin_close(&t);
    buf_fini(&request);
    buf_fini(&text);
}

/* Bytes come all the time, and no event is whole in time. */
static void bytes_that_drip_are_a_stall(void **state)
{
    const struct up rest = {ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE};
    struct twin t;
    struct ups_got g;

    UNUSED(state);
    twin_open(&t, 1,
              "version: 1\nproviders:\n" IDLE("a", "9000")
                  IDLE("b", "9100") "models:\n  m: {targets: [a/m, b/m]}\n");
    ups_set(&t, 1, &rest);
    teach(&t, 0, STREAM);
    t.ups[0].script.rest_at = sizeof(BEGIN) - 1;
    t.ups[0].script.drip_us = EV_S(1);
    ups_ask(&t, &g, STREAM, EV_S(400));
    assert_true(g.clean);
    ups_is_text(&g, HEAD_TEXT TAIL_TEXT);
    assert_int_equal(t.record.duration_us / EV_S(1), 2);
    assert_int_equal(t.record.outcome, OUTCOME_JOINED);
    buf_fini(&g.body);
    twin_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stall_is_noticed),
        cmocka_unit_test(a_stall_of_who_goes_on),
        cmocka_unit_test(who_does_not_read_makes_no_stall),
        cmocka_unit_test(bytes_that_drip_are_a_stall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
