/* Goal: the grammar of behaviours reads what it should, quotes what it cannot read and says
 * where; selectors and carriers have their order.
 * Method: rows of lists; scripts on made-up requests. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mock/script.h"

static const struct {
    const char *list;
    const char *error; /* NULL: fine */
} rows[] = {
    {"", NULL},
    {",", NULL},
    {"fault=cut,at=5", NULL},
    {" fault=cut ; at=5 ; how=rst ", NULL},
    {"size=64M,event-size=1K,at-byte=12B", NULL},
    {"ttft=50ms,gap=250us,head=3s,dribble=1B/10ms", NULL},
    {"text=a%2cb%20c,header=x-a: b", NULL},
    {"fault=1xx,count=0", NULL},
    {"fault", "byte 1: 'fault' is not key=value"},
    {"at=1,boom", "byte 6: 'boom' is not key=value"},
    {"at=1;  boom=2", "byte 8: 'boom=2': there is no key 'boom'"},
    {"=2", "byte 1: '=2': there is no key ''"},
    {"fault=explode", "byte 1: 'fault=explode': the value is not one of the faults"},
    {"how=", "the value is not one of the ends"},
    {"at=", "the value is not a number"},
    {"at=-1", "the value is not a number"},
    {"at=1x", "the value is not a number"},
    {"at=99999999999999999999", "the value is not a number"},
    {"size=1T", "the value is not bytes"},
    {"size=99999999999G", "the value is not bytes"},
    {"gap=5", "the value is not a time"},
    {"gap=5min", "the value is not a time"},
    {"done=2", "the value is not 0 or 1"},
    {"dribble=1B", "the value is not a rate"},
    {"dribble=0/1ms", "the value is not a rate"},
    {"dribble=1/1", "the value is not a rate"},
    {"text=%4", "the value is not text"},
    {"text=%zz", "the value is not text"},
    {"text=%00", "the value is not text"},
};

static void rows_read_or_say_where(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mock_how h, before;
        struct err e = {0};
        int rc;

        mock_how_init(&h);
        before = h;
        rc = mock_how_apply(&h, span_str(rows[i].list), 1, 0, &e);
        if ((rc < 0) != (rows[i].error != NULL) || (rc < 0 && !strstr(e.text, rows[i].error)))
            fail_msg("row %zu '%s': %d '%s'", i, rows[i].list, rc, e.text);
        if (rc < 0)
            assert_memory_equal(&h, &before, sizeof(h)); /* a bad list changes nothing */
    }
}

static void values_arrive(void **state)
{
    struct mock_how h;
    struct err e;

    mock_how_init(&h);
    assert_int_equal(h.at_event, MOCK_UNSET);
    assert_int_equal(mock_how_apply(&h,
                                    SPAN_LIT("fault=stall,at=7,how=rst-now,size=2K,gap=5ms,"
                                             "dribble=3B/10ms,text=a%2Cb,frame=http10"),
                                    1, 0, &e),
                     0);
    assert_int_equal(h.fault, MOCK_FAULT_STALL);
    assert_int_equal(h.at_event, 7);
    assert_int_equal(h.end, MOCK_END_RST_NOW);
    assert_int_equal(h.size, 2048);
    assert_int_equal(h.gap_us, 5000);
    assert_int_equal(h.dribble.bytes, 3);
    assert_int_equal(h.dribble.gap, 10000);
    assert_string_equal(h.text, "a,b");
    assert_int_equal(h.frame, MOCK_FRAME_HTTP10);
}

static void selectors_rule_over_their_list(void **state)
{
    static const struct {
        const char *list;
        uint64_t seen, draw;
        bool on;
    } cases[] = {
        {"at=1,nth=2", 1, 0, false},       {"at=1,nth=2", 2, 0, true},
        {"at=1,every=3", 2, 0, false},     {"at=1,every=3", 6, 0, true},
        {"at=1,every=0", 6, 0, false},     {"at=1,first=2", 2, 0, true},
        {"at=1,first=2", 3, 0, false},     {"at=1,after=2", 2, 0, false},
        {"at=1,after=2", 3, 0, true},      {"at=1,percent=30", 1, 129, true},
        {"at=1,percent=30", 1, 30, false}, {"at=1,after=2,every=2", 3, 0, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mock_how h;
        struct err e;

        mock_how_init(&h);
        assert_int_equal(
            mock_how_apply(&h, span_str(cases[i].list), cases[i].seen, cases[i].draw, &e), 0);
        assert_int_equal(h.at_event == 1, cases[i].on);
    }
}

/* What a request of this text gets from the script. */
static int decide(struct mock_script *s, const char *request, bool keep, struct mock_how *h,
                  struct err *e)
{
    struct mock_facts f;
    struct mock_req r;
    struct arena a;
    size_t at = 0, used;
    int rc;

    mock_req_init(&r);
    arena_init(&a, 1 << 20);
    while (at < strlen(request)) {
        assert_int_equal(mock_req_feed(&r, request + at, strlen(request) - at, &used, e), 0);
        at += used;
    }
    assert_int_equal(r.state, MOCK_REQ_DONE);
    assert_int_equal(mock_facts_read(&f, &r, &a, e), 0);
    rc = mock_script_decide(s, &f, &r, 0, keep, h, e);
    arena_fini(&a);
    mock_req_fini(&r);
    return rc;
}

#define POST(body_n, body)                                                                         \
    "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer one\r\n"               \
    "x-mock: count=3\r\ncontent-length: " body_n "\r\n\r\n" body

static void later_carriers_win(void **state)
{
    struct mock_script *s = test_malloc(sizeof(*s));
    struct mock_how h;
    struct err e;

    mock_script_init(s);
    assert_int_equal(mock_script_read(s,
                                      SPAN_LIT("# all\n\n  gpt* => count=1, tokens=5\r\n"
                                               "key=*one path=*/chat/* => size=9\n"
                                               "key=*two => size=10\n"
                                               "gpt;at=7 => stop=x, nth=2\n"),
                                      &e),
                     0);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(decide(s, POST("20", "{\"model\":\"gpt;at=7\"}"), true, &h, &e), 0);
        assert_int_equal(h.count, 3);
        assert_int_equal(h.tokens, 5);
        assert_int_equal(h.size, 9);
        assert_int_equal(h.at_event, 7);
        assert_string_equal(h.stop, i == 2 ? "x" : "");
    }
    assert_int_equal(decide(s, POST("19", "{\"model\":\"gpt;at=\"}"), true, &h, &e), -1);
    assert_non_null(strstr(e.text, "model name: byte 1: 'at='"));
    mock_script_fini(s);
    test_free(s);
}

static void bad_scripts_say_the_line(void **state)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"a => at=1\nb at=2\n", "line 2: not MATCH => LIST"},
        {"=> at=1", "line 1: nothing before =>"},
        {"\n\nhost=x => at=1", "line 3: 'host=x': requests are matched by"},
        {"a => at=x", "line 1: after =>: byte 1: 'at=x'"},
    };
    struct mock_script *s = test_malloc(sizeof(*s));

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e;

        mock_script_init(s);
        assert_int_equal(mock_script_read(s, span_str(bad[i].text), &e), -1);
        if (!strstr(e.text, bad[i].error))
            fail_msg("'%s' lacks '%s'", e.text, bad[i].error);
        mock_script_fini(s);
    }
    test_free(s);
}

static void a_look_at_the_head_does_not_count(void **state)
{
    struct mock_script *s = test_malloc(sizeof(*s));
    struct mock_how h;
    struct err e;

    mock_script_init(s);
    assert_int_equal(mock_script_read(s, SPAN_LIT("* => at=1,nth=1"), &e), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(decide(s, POST("13", "{\"model\":\"m\"}"), i == 2, &h, &e), 0);
    assert_int_equal(h.at_event, 1);
    assert_int_equal(decide(s, POST("13", "{\"model\":\"m\"}"), true, &h, &e), 0);
    assert_int_equal(h.at_event, MOCK_UNSET);
    mock_script_fini(s);
    test_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_read_or_say_where),
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(selectors_rule_over_their_list),
        cmocka_unit_test(later_carriers_win),
        cmocka_unit_test(bad_scripts_say_the_line),
        cmocka_unit_test(a_look_at_the_head_does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
