/* Goal: a tree keeps numbers as they were written and writes what it has read; whatever is too much
 * is refused by name; a place is said as people write it.
 * Method: rows of text; bounds at them and past them; every allocation fails once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/json_tree.h"

#define OUT_MAX ((size_t)1 << 20)

/* NULL: it is written as it was read. */
static const struct {
    const char *in, *out;
} rows[] = {
    {"null", NULL},
    {"[]", NULL},
    {"{}", NULL},
    {"[[],{},[{}]]", NULL},
    {"{\"b\":1,\"a\":2,\"b\":3}", NULL}, /* order and duplicates stay */
    {"[9007199254740993,1.50,-0,1e+400,0.1]", NULL},
    {"[true,false,null,\"\"]", NULL},
    {"{\"a\":{\"b\":[1,{\"c\":[]}]},\"d\":\"e\"}", NULL},
    {" { \"a\" : [ 1 , 2 ] } ", "{\"a\":[1,2]}"},
    {"\"\\u00e9\\n\\/\\ud83d\\ude00\"", "\"\xC3\xA9\\n/\xF0\x9F\x98\x80\""},
    /* surrogates that stand alone, and pairs beside them */
    {"\"\\udc00\\udc01\\udfff\\udfff\"", NULL},
    {"\"\\ud800\"", NULL},
    {"{\"a\\udbff\":\"\\ud83dx\\ude00\\\\ud800\",\"b\":\"\\udc00\\ud83d\"}", NULL},
    {"\"\\uD83D\\ud83d\\uDE00\\n\\uDFFF\"", "\"\\ud83d\xF0\x9F\x98\x80\\n\\udfff\""},
    {"[\"[\",\"{\",\":\",\",\"]", NULL},
};

static void what_is_read_is_written(void **state)
{
    struct json_tree t = {0};
    struct buf out;
    struct err e;

    UNUSED(state);
    buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) { /* one tree for all */
        buf_reset(&out);
        assert_int_equal(json_tree_read(&t, span_str(rows[i].in), &e), 0);
        json_write_tree(&out, t.root);
        buf_add_char(&out, '\0');
        assert_string_equal(out.p, rows[i].out ? rows[i].out : rows[i].in);
    }
    json_tree_fini(&t);
    buf_fini(&out);
}

static const struct {
    const char *in, *why;
} bad[] = {
    {"", "input length is 0"},
    {"{\"a\":}", "byte 5: "},
    {"[1] 2", "byte 4: "},
    {"[01]", "byte 1: "},
    {"\"\xFF\"", "byte 1: "},
    {"\"\\ud800\xFF\"", "byte 7: "},
    {"\"\xED\xA0\x80\"", "byte 1: "},
    {"\"\\ud80\"", "byte 1: "},
    {"\"\\ud800", "byte "},
    {"\"\\ud800\\", "byte "},
    {"\"\\ud800\001\"", "byte 7: "},
};

static void what_is_no_json_is_said(void **state)
{
    struct json_tree t = {0};
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(json_tree_read(&t, span_str(bad[i].in), &e), -1);
        assert_int_equal(e.code, ERR_PROTOCOL);
        if (!strstr(e.text, bad[i].why))
            fail_msg("%s: %s", bad[i].in, e.text);
    }
    json_tree_fini(&t);
}

static int read_nested(struct json_tree *t, size_t depth, struct err *e)
{
    struct buf b;
    int rc;

    buf_init(&b, OUT_MAX);
    for (size_t i = 0; i < depth; i++)
        buf_add_str(&b, i % 2 ? "{\"a\":" : "[");
    buf_add_str(&b, "1");
    for (size_t i = depth; i-- > 0;)
        buf_add_char(&b, i % 2 ? '}' : ']');
    rc = json_tree_read(t, buf_span(&b), e);
    buf_fini(&b);
    return rc;
}

static void depth_has_a_bound(void **state)
{
    struct json_tree t = {0};
    struct err e;

    UNUSED(state);
    assert_int_equal(read_nested(&t, JSON_TREE_DEPTH, &e), 0);
    assert_int_equal(read_nested(&t, JSON_TREE_DEPTH + 1, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.text, "nested deeper than 64 levels"));
    assert_int_equal(read_nested(&t, 100000, &e), -1);
    json_tree_fini(&t);
}

/* Sixteen bytes a value of two bytes of text are more than is there. */
static void values_have_a_bound(void **state)
{
    struct json_tree t = {0};
    struct buf b;
    struct err e;

    UNUSED(state);
    buf_init(&b, OUT_MAX);
    buf_add_char(&b, '[');
    for (int i = 0; i < 100000; i++)
        buf_add_str(&b, "0,");
    buf_add_str(&b, "0]");
    assert_int_equal(json_tree_read(&t, buf_span(&b), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(e.text, "the JSON has too many values");
    json_tree_fini(&t);
    buf_fini(&b);
}

static void numbers_are_whole_and_fit_or_are_none(void **state)
{
    static const struct {
        const char *in;
        bool ok;
        uint64_t n;
    } numbers[] = {
        {"0", true, 0},      {"18446744073709551615", true, UINT64_MAX},
        {"1.0", false, 0},   {"18446744073709551616", false, 0},
        {"-1", false, 0},    {"1e3", false, 0},
        {"\"7\"", false, 0}, {"null", false, 0},
    };
    struct json_tree t = {0};
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uint64_t n = 0;

        assert_int_equal(json_tree_read(&t, span_str(numbers[i].in), &e), 0);
        assert_int_equal(json_tree_u64(t.root, &n), numbers[i].ok);
        assert_true(n == numbers[i].n);
    }
    json_tree_fini(&t);
}

static void places_are_said_as_people_write_them(void **state)
{
    struct json_at messages = JSON_AT_KEY(NULL, "messages"), second = JSON_AT_ITEM(&messages, 1);
    struct json_at content = JSON_AT_KEY(&second, "content"), first = JSON_AT_ITEM(&content, 0);
    char text[40], cut[8];
    struct err e;

    UNUSED(state);
    json_at_text(&first, text, sizeof(text));
    assert_string_equal(text, "messages[1].content[0]");
    json_at_text(NULL, text, sizeof(text));
    assert_string_equal(text, "the body");
    json_at_text(&first, cut, sizeof(cut));
    assert_string_equal(cut, "message");
    json_at_text(&JSON_AT_KEY(NULL, "a\r\nb: \xC3\xA9"), text, sizeof(text));
    assert_string_equal(text, "a??b: ??");
    assert_int_equal(json_wrong(&e, &content, "%d is no text", 7), -1);
    assert_string_equal(e.text, "messages[1].content: 7 is no text");
    assert_int_equal(e.code, ERR_PROTOCOL);
    assert_int_equal(e.place_n, strlen("messages[1].content"));
    assert_int_equal(json_wrong(&e, NULL, "an object is wanted"), -1);
    assert_string_equal(e.text, "the body: an object is wanted");
    assert_int_equal(e.place_n, 0);
    (void)json_wrong(&e, &content, "no text");
    (void)err_prefix(&e, "the request");
    assert_string_equal(e.text, "the request: messages[1].content: no text");
    assert_int_equal(e.place_n, 0);
}

static void every_failed_allocation_is_survived(void **state)
{
    struct json_tree t = {0};
    struct err e;

    UNUSED(state);
    for (size_t n = 1; n <= 2; n++) {
        mem_torture(n, false);
        assert_int_equal(json_tree_read(&t, SPAN_LIT("[1]"), &e), -1);
        assert_int_equal(e.code, ERR_NOMEM);
        mem_torture(0, false);
    }
    assert_int_equal(json_tree_read(&t, SPAN_LIT("[1]"), &e), 0);
    json_tree_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written),
        cmocka_unit_test(what_is_no_json_is_said),
        cmocka_unit_test(depth_has_a_bound),
        cmocka_unit_test(values_have_a_bound),
        cmocka_unit_test(numbers_are_whole_and_fit_or_are_none),
        cmocka_unit_test(places_are_said_as_people_write_them),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
