/* Goal: the reader accepts the one spelling of a request, however it is cut into reads, and
 * refuses every other with a reason.
 * Method: rows of requests; each is fed whole and split at every byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "mock/http_in.h"

static const struct row {
    const char *text;
    enum mock_req_state state;
    const char *why; /* of BAD: a part of the error */
    const char *body;
} rows[] = {
    {"GET / HTTP/1.1\r\nhost: a\r\n\r\n", MOCK_REQ_DONE, NULL, ""},
    {"POST /v1/x?y=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", MOCK_REQ_DONE, NULL,
     "hello"},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n"
     "0123456789\r\n0\r\n\r\n",
     MOCK_REQ_DONE, NULL, "hello0123456789"},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nt: 1\r\n"
     "u: 2\r\n\r\n",
     MOCK_REQ_DONE, NULL, "x"},
    {"POST / HTTP/1.0\r\ncontent-length: 2\r\n\r\nhi", MOCK_REQ_DONE, NULL, "hi"},
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhell", MOCK_REQ_BODY, NULL, "hell"},
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-len", MOCK_REQ_HEAD, NULL, ""},
    {"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", MOCK_REQ_BAD, "empty line", ""},
    {"\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", MOCK_REQ_BAD, "line", ""},
    {"GET / HTTP/1.1\nhost: a\n\n", MOCK_REQ_BAD, "CRLF", ""},
    {"GET / HTTP/1.1\r\nhost: a\n\r\n", MOCK_REQ_BAD, "CRLF", ""},
    {"GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n", MOCK_REQ_BAD, "NAME: VALUE", ""},
    {"GET / HTTP/1.1\r\nhost : a\r\n\r\n", MOCK_REQ_BAD, "NAME: VALUE", ""},
    {"GET / HTTP/1.1\r\nhost: a\rb\r\n\r\n", MOCK_REQ_BAD, "control", ""},
    {"GET / HTTP/1.1\r\n\r\n", MOCK_REQ_BAD, "host", ""},
    {"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", MOCK_REQ_BAD, "host", ""},
    {"GET / HTTP/2\r\nhost: a\r\n\r\n", MOCK_REQ_BAD, "version", ""},
    {"GET  / HTTP/1.1\r\nhost: a\r\n\r\n", MOCK_REQ_BAD, "METHOD", ""},
    {"GET /\r\nhost: a\r\n\r\n", MOCK_REQ_BAD, "METHOD", ""},
    {"GET /\x7f HTTP/1.1\r\nhost: a\r\n\r\n", MOCK_REQ_BAD, "control", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
     MOCK_REQ_BAD, "more than one", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n", MOCK_REQ_BAD,
     "more than one", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\n", MOCK_REQ_BAD, "number", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1, 1\r\n\r\n", MOCK_REQ_BAD, "number", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\n", MOCK_REQ_BAD, "number", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 67108865\r\n\r\n", MOCK_REQ_BAD, "64 MiB", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n", MOCK_REQ_BAD,
     "chunked", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n0\r\n\r\n",
     MOCK_REQ_BAD, "hexadecimal", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
     MOCK_REQ_BAD, "hexadecimal", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
     MOCK_REQ_BAD, "CRLF", ""},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
     MOCK_REQ_BAD, "longer", "hell"},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFF\r\n", MOCK_REQ_BAD,
     "64 MiB", ""},
};

/* Feed text in two reads; what the reader leaves is fed again, as a server would. */
static void feed(struct mock_req *r, struct span text, size_t split, struct err *e)
{
    size_t at = 0;

    while (at < text.n) {
        size_t end = at < split ? split : text.n, used;

        if (mock_req_feed(r, text.p + at, end - at, &used, e) < 0)
            return;
        if (r->state == MOCK_REQ_DONE)
            return;
        assert_true(used > 0);
        at += used;
    }
}

static void rows_read_alike_however_they_are_split(void **state)
{
    struct mock_req r;
    struct err e;

    mock_req_init(&r);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span text = span_str(rows[i].text);

        for (size_t split = 0; split <= text.n; split++) {
            mock_req_reset(&r);
            e.text[0] = '\0';
            feed(&r, text, split, &e);
            if (r.state != rows[i].state)
                print_error("row %zu split %zu: %s\n", i, split, e.text);
            assert_int_equal(r.state, rows[i].state);
            if (rows[i].why && !strstr(e.text, rows[i].why))
                fail_msg("row %zu split %zu: '%s' lacks '%s'", i, split, e.text, rows[i].why);
            if (rows[i].state != MOCK_REQ_BAD)
                assert_true(span_is(buf_span(&r.body), rows[i].body));
        }
    }
    mock_req_fini(&r);
}

static void parts_of_the_head_are_found(void **state)
{
    const char *text = "POST /v1/x?y=1 HTTP/1.1\r\nHost: a\r\nX-Mock:  a=1 \t\r\n"
                       "Expect: 100-Continue\r\nConnection: close\r\ncontent-length: 1\r\n\r\nx";
    struct mock_req r;
    struct err e;

    mock_req_init(&r);
    feed(&r, span_str(text), 0, &e);
    assert_int_equal(r.state, MOCK_REQ_DONE);
    assert_true(span_is(mock_req_method(&r), "POST"));
    assert_true(span_is(mock_req_target(&r), "/v1/x?y=1"));
    assert_true(span_is(mock_req_field(&r, "x-mock"), "a=1"));
    assert_false(span_has(mock_req_field(&r, "x-other")));
    assert_true(r.expect_100);
    assert_true(r.close);
    assert_int_equal(r.fields_n, 5);
    mock_req_fini(&r);
}

static void bounds_hold(void **state)
{
    struct mock_req r;
    struct buf b;
    struct err e;

    mock_req_init(&r);
    buf_init(&b, 1 << 20);
    buf_add_str(&b, "GET / HTTP/1.1\r\nhost: a\r\n");
    for (size_t i = 0; i < MOCK_FIELDS_MAX; i++)
        buf_add_str(&b, "a: b\r\n");
    buf_add_str(&b, "\r\n");
    feed(&r, buf_span(&b), 0, &e);
    assert_int_equal(r.state, MOCK_REQ_BAD);
    assert_non_null(strstr(e.text, "too many fields"));

    mock_req_reset(&r);
    buf_reset(&b);
    buf_add_str(&b, "GET / HTTP/1.1\r\na: ");
    while (b.n <= MOCK_HEAD_BYTES_MAX)
        buf_add_str(&b, "xxxxxxxxxxxxxxxx");
    feed(&r, buf_span(&b), 0, &e);
    assert_int_equal(r.state, MOCK_REQ_BAD);
    assert_non_null(strstr(e.text, "256 KiB"));
    buf_fini(&b);
    mock_req_fini(&r);
}

static void lack_of_memory_is_a_refusal(void **state)
{
    const char *text = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello"
                       "\r\n0\r\n\r\n";
    bool done = false;

    for (size_t at = 1; !done && at < 100; at++) {
        struct mock_req r;
        struct err e;

        mock_req_init(&r);
        mem_torture(at, false);
        feed(&r, span_str(text), 0, &e);
        done = !mem_torture_hit();
        mem_torture(0, false);
        assert_int_equal(r.state, done ? MOCK_REQ_DONE : MOCK_REQ_BAD);
        mock_req_fini(&r);
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_read_alike_however_they_are_split),
        cmocka_unit_test(parts_of_the_head_are_found),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(lack_of_memory_is_a_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
