/* Goal: no request costs more than its cap, and failing over no more than its own, whatever the
 * attempts before have reported: what a target reads of an answer that it goes on with counts, and
 * what one may bill for an answer that broke off.
 * Method: upstreams in virtual time, all of one price but c, whose input is dear and whose output
 * is cheap; rows with a cap that is just enough and one that is not, and who has been asked. */
#include "ups.h"

#define ROW(name, rates) "  " name "/*: {" rates ", source: a test, date: 2026-11-26}\n"
#define VLLM(name, port) "  " name ": {type: vllm, endpoints: ['http://127.0.0.1:" port "']}\n"
#define CONF(more)                                                                                 \
    "version: 1\nproviders:\n" VLLM("a", "9000") VLLM("b", "9100")                                 \
        UP("c", "9200") "models:\n  m: {continue: any, retry: {same_target: 0}, " more "}\n"
#define ASK(more) REQUEST("m", more "\"max_tokens\":100,")

/* What the first one says of its input and output on the way is no sum. */
#define SO_FAR                                                                                     \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[],"    \
    "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6}}\n\n"

static const char prices[] = "version: 1\nprices:\n" ROW("a", "input: 1, output: 10")
    ROW("b", "input: 1, output: 10") ROW("c", "input: 10, output: 1");

/* A word of so many bytes. */
static const char *long_word(struct buf *b, size_t n)
{
    buf_add_span(b, SPAN_LIT(ROLE
                             "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":"
                             "\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\""));
    while (n--)
        buf_add_char(b, 'x');
    buf_add_span(b, SPAN_LIT("\"},\"finish_reason\":null}]}\n\n"));
    buf_add_char(b, '\0');
    assert_true(buf_ok(b));
    return b->p;
}

/* Is the other one asked, when the first one has done that? */
static bool goes_on(const char *conf, const char *request, const struct up *a, size_t other)
{
    const struct up good = strstr(request, "stream")
                               ? (struct up){ANSWERS, STREAM_HEAD, REST, 0, TWIN_WHOLE}
                               : up_good_whole;
    const char *word = strstr(conf, "extra") ? "=extra-cost-max" : "=cost-max";
    struct ups_got g;
    struct twin t;
    bool ret;

    twin_open_priced(&t, 1, conf, prices);
    ups_set(&t, 0, a);
    ups_set(&t, other, &good);
    ups_ask(&t, &g, request, EV_S(40));
    if (t.ups[0].requests != 1)
        fail_msg("%u %.*s", g.status, SPAN_FMT(buf_span(&g.body)));
    ret = t.ups[other].requests == 1;
    assert_int_equal(strstr(t.record.skipped, word) == NULL, ret);
    buf_fini(&g.body);
    twin_close(&t);
    return ret;
}

/* Each attempt may cost $0.0011, and who goes on reads 2,000 bytes more. */
static void who_goes_on_reads_what_there_is(void **state)
{
    struct up a = {ANSWERS, STREAM_HEAD, NULL, 0, TWIN_FIN};
    struct buf b;

    UNUSED(state);
    buf_init(&b, 8192);
    a.body = long_word(&b, 2000);
    assert_true(
        goes_on(CONF("cost_max: 0.0035, targets: [a/m, b/m]"), ASK("\"stream\":true,"), &a, 1));
    assert_false(
        goes_on(CONF("cost_max: 0.0030, targets: [a/m, b/m]"), ASK("\"stream\":true,"), &a, 1));
    buf_fini(&b);
}

static void what_was_reported_on_the_way_is_no_sum(void **state)
{
    const struct up a = {ANSWERS, STREAM_HEAD, ROLE SO_FAR BEGIN, 0, TWIN_FIN};

    UNUSED(state);
    assert_true(
        goes_on(CONF("cost_max: 0.0025, targets: [a/m, b/m]"), ASK("\"stream\":true,"), &a, 1));
    assert_false(
        goes_on(CONF("cost_max: 0.0019, targets: [a/m, b/m]"), ASK("\"stream\":true,"), &a, 1));
}

static void a_whole_answer_that_broke_was_made(void **state)
{
    const struct up a = {ANSWERS, WHOLE_HEAD, WHOLE, 40, TWIN_FIN};
    const struct up refuses = {ANSWERS, REFUSAL("500 Oh", ""), ERROR, 0, TWIN_WHOLE};

    UNUSED(state);
    assert_true(goes_on(CONF("cost_max: 0.0025, targets: [a/m, b/m]"), ASK(""), &a, 1));
    assert_false(goes_on(CONF("cost_max: 0.0019, targets: [a/m, b/m]"), ASK(""), &a, 1));
    assert_true(goes_on(CONF("cost_max: 0.0012, targets: [a/m, b/m]"), ASK(""), &refuses, 1));
}

/* At the worst of both c is the cheaper one, and for a short answer it is not. */
static void dearer_in_one_and_cheaper_in_the_other(void **state)
{
    const struct up a = {ANSWERS, REFUSAL("503 Oh", ""), ERROR, 0, TWIN_WHOLE};

    UNUSED(state);
    assert_true(goes_on(CONF("extra_cost_max: 0.0005, targets: [a/m, c/m]"), ASK(""), &a, 2));
    assert_false(goes_on(CONF("extra_cost_max: 0.0002, targets: [a/m, c/m]"), ASK(""), &a, 2));
}

/* Of the head of an attempt before nothing is left. */
static void an_error_behind_a_bad_answer_is_priced_as_one(void **state)
{
    static const struct up junk = {ANSWERS, STREAM_HEAD, "data: {nonsense\n\n", 0, TWIN_WHOLE};
    static const struct up fails = {ANSWERS, REFUSAL("500 Oops", ""), ERROR, 0, TWIN_WHOLE};
    struct ups_got g;
    struct twin t;

    UNUSED(state);
    twin_open_priced(&t, 1, CONF("targets: [a/m, b/m]"), prices);
    ups_set(&t, 0, &junk);
    ups_set(&t, 1, &fails);
    ups_ask(&t, &g, ASK("\"stream\":true,"), EV_S(40));
    assert_int_equal(t.ups[0].requests, 1);
    assert_int_equal(t.ups[1].requests, 1);
    assert_int_equal(g.status, 502);
    assert_int_equal(t.record.class_id, CLASS_SERVER);
    assert_int_equal(t.record.pricing, PRICING_NOTHING);
    buf_fini(&g.body);
    twin_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_goes_on_reads_what_there_is),
        cmocka_unit_test(what_was_reported_on_the_way_is_no_sum),
        cmocka_unit_test(a_whole_answer_that_broke_was_made),
        cmocka_unit_test(dearer_in_one_and_cheaper_in_the_other),
        cmocka_unit_test(an_error_behind_a_bad_answer_is_priced_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
