/* Goal: the writer's output is exactly the JSON that was meant, whatever the strings hold, and
 * misuse stops the process instead of writing something else.
 * Method: rows of input and output; a document by hand; every allocation and every limit fails
 * once; misuse in a child process. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "codec/json_scan.h"
#include "codec/json_write.h"

#define OUT_MAX (1U << 20)
#define FFFD    "\xEF\xBF\xBD"

#define ROW(in, out) {{in, sizeof(in) - 1}, out}

static const struct {
    struct span in;
    const char *out;
} strings[] = {
    ROW("", ""),
    ROW("plain / text", "plain / text"),
    ROW("\"\\", "\\\"\\\\"),
    ROW("\b\f\n\r\t", "\\b\\f\\n\\r\\t"),
    ROW("\0\x01\x1F", "\\u0000\\u0001\\u001f"),
    ROW("0123456\n0123456789\n", "0123456\\n0123456789\\n"),
    ROW("\x7F", "\x7F"),
    ROW("\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80", "\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80"),
    ROW("\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA",
        "\xE2\x80\xA7\\u2028\\u2029\xE2\x80\xAA"),
    ROW("a\xFFz", "a" FFFD "z"),
    ROW("\xC3", FFFD),
    ROW("\xE6\xBC", FFFD FFFD),
    ROW("\xE6\xBC\"", FFFD FFFD "\\\""),
    ROW("\xC0\xAF", FFFD FFFD),
    ROW("\xED\xA0\x80", "\\ud800"), /* half of a pair: json_tree.h */
    ROW("\xED\xBF\xBF", "\\udfff"),
    ROW("\xED\xA0", FFFD FFFD),
    ROW("\xF4\x90\x80\x80", FFFD FFFD FFFD FFFD),
};

static void strings_are_escaped(void **state)
{
    struct buf out;

    buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        char *copy = malloc(strings[i].in.n + 1); /* exact but for one */

        assert_non_null(copy);
        memcpy(copy + 1, strings[i].in.p, strings[i].in.n);
        buf_reset(&out);
        json_escape(&out, span_of(copy + 1, strings[i].in.n));
        assert_true(span_is(buf_span(&out), strings[i].out));
        free(copy);
    }
    buf_reset(&out);
    json_escape(&out, (struct span){NULL, 0});
    assert_int_equal(out.n, 0);
    buf_fini(&out);
}

static void write_document(struct json_write *w)
{
    json_begin_object(w);
    json_kv_string(w, "s", SPAN_LIT("a\"b"));
    json_kv_cstring(w, "none", NULL);
    json_key_span(w, SPAN_LIT("k\n"));
    json_cstring(w, "v");
    json_kv_uint(w, "u", UINT64_MAX);
    json_kv_int(w, "i", INT64_MIN);
    json_kv_bool(w, "t", true);
    json_key_span(w, SPAN_LIT("array"));
    json_begin_array(w);
    json_begin_object(w);
    json_end_object(w);
    json_begin_array(w);
    json_end_array(w);
    json_null(w);
    json_bool(w, false);
    json_int(w, 0);
    json_double(w, 0.5);
    json_raw(w, SPAN_LIT("{\"raw\":1}"));
    json_raw_line(w, SPAN_LIT("{\r\n\"raw\":\n1}\n"));
    json_begin_array(w);
    json_uint(w, 1);
    json_end_array(w);
    json_string(w, (struct span){NULL, 0});
    json_end_array(w);
    json_key(w, "last");
    json_begin_object(w);
    json_kv_uint(w, "", 0);
    json_end_object(w);
    json_end_object(w);
}

static const char document[] =
    "{\"s\":\"a\\\"b\",\"none\":null,\"k\\n\":\"v\",\"u\":18446744073709551615,"
    "\"i\":-9223372036854775808,\"t\":true,\"array\":[{},[],null,false,0,0.5,{\"raw\":1},{  "
    "\"raw\": 1} ,[1],"
    "\"\"],\"last\":{\"\":0}}";

static void a_document_is_written(void **state)
{
    struct json_write w;
    struct buf out;

    buf_init(&out, OUT_MAX);
    json_write_init(&w, &out);
    write_document(&w);
    assert_true(span_is(buf_span(&out), document));
    assert_int_equal(w.depth, 0);
    buf_fini(&out);
}

static void doubles_read_back(void **state)
{
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {1e20, "1e+20"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {0.1 + 0.2, "0.30000000000000004"},
        {DBL_TRUE_MIN, "4.94065645841247e-324"},
    };
    struct json_write w;
    struct buf out;

    buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_reset(&out);
        json_write_init(&w, &out);
        json_double(&w, rows[i].v);
        assert_true(span_is(buf_span(&out), rows[i].text));
        assert_int_equal(json_scan_all(NULL, buf_span(&out), NULL, NULL), JSON_SCAN_DONE);
    }
    buf_fini(&out);
}

/* With any smaller buf, and with any allocation failing, the error sticks and nothing leaks. */
static void a_full_buf_is_an_error(void **state)
{
    struct json_write w;
    struct buf out;

    for (size_t max = 0; max <= sizeof(document) - 1; max++) {
        buf_init(&out, max);
        json_write_init(&w, &out);
        write_document(&w);
        assert_int_equal(buf_ok(&out), max == sizeof(document) - 1);
        assert_true(out.n <= max);
        buf_fini(&out);
    }
    for (size_t at = 1; at < 16; at++) {
        mem_torture(at, false);
        buf_init(&out, OUT_MAX);
        json_write_init(&w, &out);
        write_document(&w);
        assert_int_equal(buf_ok(&out), !mem_torture_hit());
        buf_fini(&out);
    }
    mem_torture(0, false);
}

/* Rows of calls: '{' '}' '[' ']' 'k'ey, 'v'alue, 'e'mpty raw. */
static void play(const char *calls)
{
    struct json_write w;
    struct buf out;

    buf_init(&out, OUT_MAX);
    json_write_init(&w, &out);
    for (; *calls; calls++) {
        switch (*calls) {
        case '{':
            json_begin_object(&w);
            break;
        case '}':
            json_end_object(&w);
            break;
        case '[':
            json_begin_array(&w);
            break;
        case ']':
            json_end_array(&w);
            break;
        case 'k':
            json_key(&w, "k");
            break;
        case 'v':
            json_uint(&w, 1);
            break;
        default:
            json_raw(&w, (struct span){NULL, 0});
        }
    }
    buf_fini(&out);
}

static bool aborts(const char *calls)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        play(calls);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#define OPEN8 "[[[[[[[["

static void misuse_is_a_bug(void **state)
{
    static const char *const wrong[] = {
        "k",   "}",  "]",  "[k", "{v",  "{{",  "{[", "{kk", "{kvv",
        "{k}", "[}", "{]", "vv", "[]v", "{}{", "e",  "[e",
    };
    static const char deep[] = OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 OPEN8;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_true(aborts(wrong[i]));
    assert_false(aborts("{kvk[vv]k{}}"));
    assert_false(aborts(deep)); /* 64 */
    assert_true(aborts(OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 "["));
    assert_true(aborts(OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 OPEN8 "{"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped), cmocka_unit_test(a_document_is_written),
        cmocka_unit_test(doubles_read_back),   cmocka_unit_test(a_full_buf_is_an_error),
        cmocka_unit_test(misuse_is_a_bug),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
