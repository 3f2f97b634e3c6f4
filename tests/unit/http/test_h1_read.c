/* Goal: what is read of a message, and which messages are refused with which status, never
 * depends on how the bytes are cut. Method: a table of messages with what must come out as text;
 * each is read at once, cut at every place in two, and byte by byte.
 *
 * The text: [GET /path host 11 len name=value ...] a head, "..." the body with all runs joined,
 * . the end of a message, !400 refused, | the bytes have ended (FIN) and then MORE or BAD or END.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/mem.h"
#include "http/h1_read.h"

#define OUT_MAX ((size_t)1 << 20)

/* A row: bytes may hold NULs, so the literal's size is kept. */
#define ROW(text, want)     {text, sizeof(text) - 1, want, false}
#define ROW_EOF(text, want) {text, sizeof(text) - 1, want, true}

struct row {
    const char *text;
    size_t n;
    const char *want;
    bool eof;
};

static const struct http_limits limits = {
    .head_bytes = 2048, .fields = 10, .path_bytes = 64, .body_bytes = 1000};

struct sink {
    struct buf out;
    bool in_body;
};

static void close_body(struct sink *s)
{
    if (s->in_body)
        buf_add_char(&s->out, '"');
    s->in_body = false;
}

static void print_head(struct buf *out, const struct h1_read *r)
{
    const struct http_head *h = &r->head;

    if (r->request)
        buf_printf(out, "[%.*s %.*s %.*s", SPAN_FMT(h->method), SPAN_FMT(h->path),
                   SPAN_FMT(h->authority));
    else
        buf_printf(out, "[%u", h->status);
    buf_printf(out, " %u", h->version);
    if (h->body_len == HTTP_LEN_UNKNOWN)
        buf_add_str(out, " ?");
    else
        buf_printf(out, " %llu", (unsigned long long)h->body_len);
    for (size_t i = 0; i < h->fields_n; i++)
        buf_printf(out, " %.*s=%.*s", SPAN_FMT(h->fields[i].name), SPAN_FMT(h->fields[i].value));
    buf_printf(out, "%s%s]", r->keep_alive ? "" : " close", r->expect_continue ? " expect" : "");
}

/* Print one step; false: not to be read further. */
static bool print_step(struct sink *s, const struct h1_read *r, const struct h1_step *step)
{
    if (step->ev != H1_BODY && step->ev != H1_MORE)
        close_body(s);
    switch (step->ev) {
    case H1_MORE:
        break;
    case H1_HEAD:
        print_head(&s->out, r);
        break;
    case H1_BODY:
        assert_true(step->body.n > 0);
        if (!s->in_body)
            buf_add_char(&s->out, '"');
        s->in_body = true;
        buf_add_span(&s->out, step->body);
        break;
    case H1_END:
        buf_add_char(&s->out, '.');
        break;
    case H1_BAD:
        assert_non_null(r->why);
        buf_printf(&s->out, "!%u", r->bad_status);
        return false;
    }
    return true;
}

/* Read a piece in memory of its own, so that a sanitizer sees a step too far. */
static bool read_piece(struct sink *s, struct h1_read *r, const char *p, size_t n)
{
    char *copy = mem_alloc(n);
    size_t used = 0;
    bool good = true;

    assert_non_null(copy);
    memcpy(copy, p, n);
    for (bool more = true; more && good;) {
        struct h1_step step = h1_read_next(r, copy + used, n - used);

        assert_true(step.used <= n - used);
        used += step.used;
        good = print_step(s, r, &step);
        more = step.ev != H1_MORE;
    }
    if (good)
        assert_int_equal(used, n);
    mem_free(copy);
    return good;
}

/* Read all of it in pieces: cut once at `cut`, or every `each` bytes. */
static void read_all(struct buf *out, bool request, const struct row *row, size_t cut, size_t each,
                     bool head_only)
{
    struct sink s = {.in_body = false};
    struct h1_read r;
    bool good = true;

    buf_init(&s.out, OUT_MAX);
    h1_read_init(&r, request, &limits);
    r.head_only = head_only;
    for (size_t at = 0, n; at < row->n && good; at += n) {
        n = each ? MIN(each, row->n - at) : at < cut ? cut - at : row->n - at;
        good = read_piece(&s, &r, row->text + at, n);
    }
    close_body(&s);
    if (good && row->eof) {
        static const char *const words[] = {[H1_MORE] = "MORE", [H1_END] = "END", [H1_BAD] = "BAD"};

        buf_printf(&s.out, "|%s", words[h1_read_eof(&r)]);
    }
    h1_read_fini(&r);
    assert_true(buf_ok(&s.out));
    buf_add_char(&s.out, '\0');
    *out = s.out;
}

static unsigned check_row(bool request, const struct row *row, bool head_only)
{
    struct buf whole, cut;
    unsigned bad = 0;

    read_all(&whole, request, row, row->n, 0, head_only);
    if (row->want && strcmp(whole.p, row->want) != 0) {
        print_error("%.*s\n  gives %s\n  wants %s\n", (int)MIN(row->n, (size_t)300), row->text,
                    whole.p, row->want);
        bad = 1;
    }
    for (size_t at = 0; at < row->n && !bad; at++) {
        read_all(&cut, request, row, at, at ? 0 : 1, head_only);
        if (!span_eq(buf_span(&whole), buf_span(&cut))) {
            print_error("%.*s\n  at once gives %s\n  cut at %zu gives %s\n",
                        (int)MIN(row->n, (size_t)300), row->text, whole.p, at, cut.p);
            bad = 1;
        }
        buf_fini(&cut);
    }
    buf_fini(&whole);
    return bad;
}

static void check_table(bool request, const struct row *rows, size_t n)
{
    unsigned bad = 0;

    for (size_t i = 0; i < n; i++)
        bad += check_row(request, &rows[i], false);
    assert_int_equal(bad, 0);
}

#define H            "Host: h\r\n"
#define OK_HEAD(len) "[POST / h 11 " len "]"

static void good_requests(void **state)
{
    static const struct row rows[] = {
        ROW("GET / HTTP/1.1\r\n" H "\r\n", "[GET / h 11 0]."),
        ROW("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "[GET / h 11 0]."),
        ROW("GET /a?b=c%20d&e HTTP/1.1\r\nHOST:  h.example:8080 \t\r\nX-A:  b c \t\r\nX-B:\r\n\r\n",
            "[GET /a?b=c%20d&e h.example:8080 11 0 x-a=b c x-b=]."),
        ROW("GET http://H.x/a HTTP/1.1\r\nHost: h.X\r\n\r\n", "[GET /a h.X 11 0]."),
        ROW("GET https://h HTTP/1.1\r\n" H "\r\n", "[GET / h 11 0]."),
        ROW("OPTIONS * HTTP/1.1\r\n" H "\r\n", "[OPTIONS * h 11 0]."),
        ROW("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "[GET / [::1]:80 11 0]."),
        ROW("GET / HTTP/1.0\r\n\r\n", "[GET /  10 0 close]."),
        ROW("GET / HTTP/1.0\r\nConnection: keep-alive\r\n" H "\r\n", "[GET / h 10 0 close]."),
        ROW("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "[GET / h 11 0 close]."),
        ROW("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", OK_HEAD("5") "\"hello\"."),
        ROW("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", OK_HEAD("0") "."),
        ROW("POST / HTTP/1.1\r\n" H "Content-Length:\t 0005 \r\n\r\nhello",
            OK_HEAD("5") "\"hello\"."),
        ROW("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            OK_HEAD("?") "\"hello\"."),
        ROW("POST / HTTP/1.1\r\n" H
            "transfer-encoding:CHUNKED\r\n\r\n1\r\nh\r\n00004\r\nello\r\n000\r\n\r\n",
            OK_HEAD("?") "\"hello\"."),
        ROW("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            OK_HEAD("?") "."),
        ROW("POST / HTTP/1.1\r\n" H
            "Transfer-Encoding: chunked\r\n\r\nA;a=b;c=\"d\\\" e\"\r\n0123456789\r\n0\r\n"
            "X-T: v\r\nDate: x\r\n\r\n",
            OK_HEAD("?") "\"0123456789\"."), /* extensions and trailers are read and dropped */
        ROW("GET / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", "[GET / h 11 2]\"hi\"."),
        ROW("POST / HTTP/1.1\r\n" H "Content-Length: 2\r\nExpect: 100-continue\r\n\r\nhi",
            "[POST / h 11 2 expect]\"hi\"."),
        ROW("GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            "GET /2 HTTP/1.1\r\n" H "\r\n",
            "[GET / h 11 0].[GET /2 h 11 0]."), /* an offer to switch is not taken */
        ROW("POST / HTTP/1.1\r\n" H
            "Upgrade: x\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nhi",
            OK_HEAD("2") "\"hi\"."),
        ROW("GET /1 HTTP/1.1\r\n" H "\r\nPOST /2 HTTP/1.1\r\n" H
            "Content-Length: 1\r\n\r\nxGET /3 HTTP/1.1\r\n" H "\r\n",
            "[GET /1 h 11 0].[POST /2 h 11 1]\"x\".[GET /3 h 11 0]."),
        ROW("GET / HTTP/1.1\r\n" H
            "Keep-Alive: 3\r\nTE: trailers\r\nTrailer: x\r\nProxy-Connection: x\r\n"
            "Upgrade: y\r\nX-A: b\r\n\r\n",
            "[GET / h 11 0 x-a=b]."), /* one hop only */
        ROW("GET / HTTP/1.1\r\n" H "Content_Length: 5\r\nX_Y: z\r\n\r\n", "[GET / h 11 0]."),
        ROW("GET / HTTP/1.1\r\n" H "X: \xc3\xa9\r\n\r\n", "[GET / h 11 0 x=\xc3\xa9]."),
        ROW_EOF("GET / HTTP/1.1\r\n" H "\r\n", "[GET / h 11 0].|MORE"),
        ROW_EOF("", "|MORE"),
        ROW_EOF("\r\n", "|MORE"),
        ROW_EOF("GET / HTTP/1.1\r\n" H, "|BAD"),
        ROW_EOF("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhell",
                OK_HEAD("5") "\"hell\"|BAD"),
        ROW_EOF("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
                OK_HEAD("?") "\"x\"|BAD"),
    };

    check_table(true, rows, ARRAY_LEN(rows));
}

#define POST(fields)  "POST / HTTP/1.1\r\n" H fields "\r\n"
#define CHUNKS(bytes) POST("Transfer-Encoding: chunked\r\n") bytes

/* What could end at one place for one reader and at another for the next. */
static const struct row smuggled[] = {
    /* both framings */
    ROW(POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Content-Length: 5\r\nTransfer-Encoding: identity\r\n") "hello", "!400"),
    /* transfer-encodings that are not exactly "chunked" */
    ROW(POST("Transfer-Encoding: ,chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: chunked,\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: chunked, identity\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: identity, chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: gzip, chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: chunked, chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: identity\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: gzip\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: xchunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: chunkedx\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: \"chunked\"\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: chunked;q=1\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: chun ked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding:\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: \x0b"
             "chunked\r\n") "0\r\n\r\n",
        "!400"),
    ROW(POST("Transfer-Encoding: \x0c"
             "chunked\r\n") "0\r\n\r\n",
        "!400"),
    ROW(POST("Transfer-Encoding: chunked\x0b\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: \xc2\xa0"
             "chunked\r\n") "0\r\n\r\n",
        "!400"),
    ROW(POST("Transfer-Encoding: \xe2\x80\xa8"
             "chunked\r\n") "0\r\n\r\n",
        "!400"),
    ROW(POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n", "!400"),
    ROW("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "!400"),
    /* names that only some readers see as that field */
    ROW(POST("Transfer-Encoding : chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding\t: chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST(" Transfer-Encoding: chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("\tTransfer-Encoding: chunked\r\n") "0\r\n\r\n", "!400"),
    ROW("POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\n" H "\r\n", "!400"),
    ROW(POST("X: y\r\n Transfer-Encoding: chunked\r\n") "0\r\n\r\n", "!400"), /* obs-fold */
    ROW(POST("X: y\r\n\tz\r\n"), "!400"),
    ROW(POST("Transfer-Encoding:\r\n chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding:\r\n\tchunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Content-Length: 5\r\n 0\r\n") "hello", "!400"),
    ROW(POST("Transfer\x00-Encoding: chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Transfer-Encoding\x00: chunked\r\n") "0\r\n\r\n", "!400"),
    ROW(POST("Content-Length : 5\r\n") "hello", "!400"),
    ROW(POST("Content Length: 5\r\n") "hello", "!400"),
    ROW(POST("Content-Length\x0b: 5\r\n") "hello", "!400"),
    ROW(POST("\xef\xbb\xbf"
             "Content-Length: 5\r\n") "hello",
        "!400"),
    ROW(POST("Content-Length\r\n") "hello", "!400"), /* no colon */
    ROW(POST(": 5\r\n"), "!400"),
    ROW(POST("\"X\": 5\r\n"), "!400"),
    ROW(POST("X@: 5\r\n"), "!400"),
    /* lengths */
    ROW(POST("Content-Length: +5\r\n") "hello", "!400"),
    ROW(POST("Content-Length: -5\r\n") "hello", "!400"),
    ROW(POST("Content-Length: -0\r\n"), "!400"),
    ROW(POST("Content-Length: 0x5\r\n") "hello", "!400"),
    ROW(POST("Content-Length: 1_0\r\n") "0123456789", "!400"),
    ROW(POST("Content-Length: 5.0\r\n") "hello", "!400"),
    ROW(POST("Content-Length: 5e0\r\n") "hello", "!400"),
    ROW(POST("Content-Length: \"5\"\r\n") "hello", "!400"),
    ROW(POST("Content-Length: 5 5\r\n") "hello", "!400"),
    ROW(POST("Content-Length: 5, 5\r\n") "hello", "!400"),
    ROW(POST("Content-Length: 5,\r\n") "hello", "!400"),
    ROW(POST("Content-Length: 5;\r\n") "hello", "!400"),
    ROW(POST("Content-Length:\r\n") "hello", "!400"),
    ROW(POST("Content-Length: \t \r\n") "hello", "!400"),
    ROW(POST("Content-Length: five\r\n") "hello", "!400"),
    ROW(POST("Content-Length: 5\x00\r\n") "hello", "!400"),
    ROW(POST("Content-Length: \x0b"
             "5\r\n") "hello",
        "!400"),
    ROW(POST("Content-Length: 5\x0b\r\n") "hello", "!400"),
    ROW(POST("Content-Length: \xd9\xa5\r\n") "hello", "!400"), /* an Arabic five */
    ROW(POST("Content-Length: 5\r\nContent-Length: 5\r\n") "hello", "!400"),
    ROW(POST("Content-Length: 5\r\nContent-Length: 6\r\n") "hello!", "!400"),
    ROW(POST("Content-Length: 6\r\nContent-Length: 5\r\n") "hello!", "!400"),
    ROW(POST("Content-Length: 18446744073709551616\r\n"), "!400"),
    ROW(POST("Content-Length: 18446744073709551621\r\n") "hello", "!400"),
    ROW(POST("Content-Length: 99999999999999999999999999\r\n"), "!400"),
    ROW(POST("Content-Length: 1001\r\n"), OK_HEAD("1001") "!413"),
    ROW(POST("Content-Length: 1001\r\n") "hello", OK_HEAD("1001") "!413"),
    ROW(POST("Content-Length: 18446744073709551615\r\n"), "!413"),
    /* ends of lines */
    ROW("POST / HTTP/1.1\n" H "\r\n", "!400"),
    ROW("POST / HTTP/1.1\r\nHost: h\n\r\n", "!400"),
    ROW("POST / HTTP/1.1\r\nHost: h\r\n\n", "!400"),
    ROW("POST / HTTP/1.1\nHost: h\n\n", "!400"),
    ROW("POST / HTTP/1.1\r" H "\r\n", "!400"),
    ROW("POST / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", "!400"),
    ROW("POST / HTTP/1.1\r\nHost: h\r\r\n\r\n", "!400"),
    ROW("POST / HTTP/1.1\r\r\nHost: h\r\n\r\n", "!400"),
    ROW(POST("X: a\rb\r\n"), "!400"),
    ROW(POST("X: a\nb: c\r\n"), "!400"),
    ROW(POST("X: a\x00"
             "b\r\n"),
        "!400"),
    ROW(POST("X: a\x01"
             "b\r\n"),
        "!400"),
    ROW(POST("X: a\x7f"
             "b\r\n"),
        "!400"),
    ROW(POST("X: a\r\n\r"), "!400"),
    ROW("POST / HTTP/1.1\r\nHost: h\r\n\rX", "!400"),
    /* chunks */
    ROW(CHUNKS("5\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("5\rhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("5\r\nhello0\r\n\r\n"), OK_HEAD("?") "\"hello\"!400"),
    ROW(CHUNKS("5\r\nhello\n0\r\n\r\n"), OK_HEAD("?") "\"hello\"!400"),
    ROW(CHUNKS("5\r\nhello\r0\r\n\r\n"), OK_HEAD("?") "\"hello\"!400"),
    ROW(CHUNKS("5\r\nhelloXX0\r\n\r\n"), OK_HEAD("?") "\"hello\"!400"),
    ROW(CHUNKS("5\r\nhello\r\n0\r\n\n"), OK_HEAD("?") "\"hello\"!400"),
    ROW(CHUNKS("5\r\nhello\r\n0\n\r\n"), OK_HEAD("?") "\"hello\"!400"),
    ROW(CHUNKS("5\r\nhello\r\n0\r\nX"), OK_HEAD("?") "\"hello\""), /* a trailer begins */
    ROW(CHUNKS("5\r\nhello\r\n0\r\nX : y\r\n\r\n"), OK_HEAD("?") "\"hello\"!400"),
    ROW(CHUNKS("5\r\nhello\r\n0\r\nX: y\n\r\n"), OK_HEAD("?") "\"hello\"!400"),
    ROW(CHUNKS("5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"), OK_HEAD("?") "\"hello\"!400"),
    ROW(CHUNKS("+5\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("-5\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("0x5\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("1_0\r\n0123456789abcdef\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS(" 5\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("5 \r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("5\t\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("5g\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS(";a=b\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("5;a\nb\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("5;a\rb\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("5;a=\x00\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("000000005\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("000000000\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("100000005\r\nhello\r\n0\r\n\r\n"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("FFFFFFFFFFFFFFFF\r\nhello"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("10000000000000005\r\nhello"), OK_HEAD("?") "!400"),
    ROW(CHUNKS("FFFFFFFF\r\nhello"), OK_HEAD("?") "!413"),
    /* hosts and targets */
    ROW("GET / HTTP/1.1\r\n\r\n", "!400"),
    ROW("GET / HTTP/1.1\r\n" H H "\r\n", "!400"),
    ROW("GET / HTTP/1.1\r\n" H "Host: i\r\n\r\n", "!400"),
    ROW("GET / HTTP/1.0\r\n" H "Host: i\r\n\r\n", "!400"),
    ROW("GET / HTTP/1.1\r\nHost:\r\n\r\n", "!400"),
    ROW("GET / HTTP/1.1\r\nHost: h, i\r\n\r\n", "!400"),
    ROW("GET / HTTP/1.1\r\nHost: h i\r\n\r\n", "!400"),
    ROW("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", "!400"),
    ROW("GET / HTTP/1.1\r\nHost: h/p\r\n\r\n", "!400"),
    ROW("GET / HTTP/1.1\r\nHost: h\\i\r\n\r\n", "!400"),
    ROW("GET / HTTP/1.1\r\nHost : h\r\n\r\n", "!400"),
    ROW("GET http://i/ HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET http://h:81/ HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET http://u@h/ HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET http://h/ HTTP/1.0\r\n\r\n", "!400"),
    ROW("GET http:///h/ HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET http:// HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET ftp://h/ HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET //h/ HTTP/1.1\r\n" H "\r\n", "[GET //h/ h 11 0]."), /* a path like any other */
    ROW("GET h HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET * HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET ?a HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET /a#b HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET /\x00 HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET /\x7f HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET /\t HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET /a b HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET\t/ HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET /\rHTTP/1.1\r\n" H "\r\n", "!400"),
    ROW(" GET / HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("CONNECT h:443 HTTP/1.1\r\n" H "\r\n", "!501"),
    ROW("CONNECT / HTTP/1.1\r\n" H "\r\n", "!501"),
    /* methods and versions */
    ROW("get / HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("Get / HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GETX / HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("G\x00T / HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("/ HTTP/1.1\r\n" H "\r\n", "!400"),
    ROW("GET /\r\n\r\n", "!505"), /* 0.9 */
    ROW("GET / HTTP/0.9\r\n" H "\r\n", "!505"),
    ROW("GET / HTTP/1.2\r\n" H "\r\n", "!505"),
    ROW("GET / HTTP/2.0\r\n" H "\r\n", "!505"),
    ROW("GET / HTTP/1.10\r\n" H "\r\n", "!400"),
    ROW("GET / HTTP/1\r\n" H "\r\n", "!400"),
    ROW("GET / HTTP/11\r\n" H "\r\n", "!400"),
    ROW("GET / HTTP/+1.1\r\n" H "\r\n", "!505"),
    ROW("GET / http/1.1\r\n" H "\r\n", "!400"),
    ROW("GET / HTTP/1.1 \r\n" H "\r\n", "!400"),
    ROW("GET / HTTP/1.1x\r\n" H "\r\n", "!400"),
    ROW("GET / RTSP/1.0\r\n" H "\r\n", "!400"),
    ROW("OPTIONS / RTSP/1.0\r\n" H "\r\n", "!400"),
    ROW("SOURCE / ICE/1.0\r\n" H "\r\n", "!400"),
    ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!400"),
    ROW("HTTP/1.1 200 OK\r\n\r\n", "!400"),
    ROW("\x16\x03\x01\x02\x00\x01\x00", "!400"), /* TLS */
    ROW("\x00", "!400"),
    /* what follows a whole message is another message */
    ROW(POST("Content-Length: 5\r\n") "hellox", OK_HEAD("5") "\"hello\".!400"),
    ROW(POST("Content-Length: 5\r\n") "hello0\r\n\r\n", OK_HEAD("5") "\"hello\".!400"),
    ROW(CHUNKS("0\r\n\r\n0\r\n\r\n"), OK_HEAD("?") ".!400"),
};

static void smuggling(void **state)
{
    print_message("%zu classes\n", ARRAY_LEN(smuggled));
    check_table(true, smuggled, ARRAY_LEN(smuggled));
}

static void answers(void **state)
{
    static const struct row rows[] = {
        ROW("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nhi", "[200 11 2 a=b]\"hi\"."),
        ROW("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "[200 11 0]."),
        ROW("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "[200 11 0]."),
        ROW("HTTP/1.1 599 x y z\r\nContent-Length: 0\r\n\r\n", "[599 11 0]."),
        ROW("HTTP/1.1 200 OK\r\nA_b: c\r\nContent-Length: 0\r\n\r\n", "[200 11 0 a_b=c]."),
        ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            "[200 11 ?]\"hi\"."),
        ROW("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            "[100 11 0].[200 11 1]\"x\"."),
        ROW("HTTP/1.1 103 Early Hints\r\nLink: a\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 "
            "No\r\n\r\n",
            "[103 11 0 link=a].[204 11 0]."),
        ROW("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "[204 11 0]."),
        ROW("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "[304 11 0]."),
        ROW("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "[304 11 0]."),
        ROW("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "[101 11 0]."),
        ROW_EOF("HTTP/1.1 200 OK\r\n\r\nall of it", "[200 11 ? close]\"all of it\"|END"),
        ROW_EOF("HTTP/1.0 200 OK\r\n\r\nall of it", "[200 10 ? close]\"all of it\"|END"),
        ROW_EOF("HTTP/1.0 200 OK\r\n\r\n", "[200 10 ? close]|END"),
        ROW_EOF("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nab", "[200 10 3 close]\"ab\"|BAD"),
        ROW_EOF("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
                "[200 11 ?]\"hi\"|BAD"),
        ROW_EOF("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
                "[200 11 ?]\"hi\"|BAD"),
        ROW_EOF("HTTP/1.1 200 OK\r\nTransfer", "|BAD"),
        ROW_EOF("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "[200 11 1]\"x\".|MORE"),
        ROW("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
            "[200 11 1 close]\"x\"."),
        /* refused */
        ROW("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "!502"),
        ROW("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi", "!502"),
        ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nhi", "!502"),
        ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "!502"),
        ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "!502"),
        ROW("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "!502"),
        ROW("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", "!502"),
        ROW("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "!502"),
        ROW("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "!502"),
        ROW("HTTP/1.1 200 OK\r\nA: b\x00\r\n\r\n", "!502"),
        ROW("HTTP/1.1 200 O\rK\r\n\r\n", "!502"),
        ROW("HTTP/1.1 99 OK\r\n\r\n", "!502"),
        ROW("HTTP/1.1 099 OK\r\n\r\n", "!502"),
        ROW("HTTP/1.1 600 OK\r\n\r\n", "!502"),
        ROW("HTTP/1.1 2000 OK\r\n\r\n", "!502"),
        ROW("HTTP/1.1 abc OK\r\n\r\n", "!502"),
        ROW("HTTP/1.2 200 OK\r\n\r\n", "!502"),
        ROW("HTTP/2.0 200 OK\r\n\r\n", "!502"),
        ROW("HTTP/0.9 200 OK\r\n\r\n", "!502"),
        ROW("RTSP/1.0 200 OK\r\n\r\n", "!502"),
        ROW("ICY 200 OK\r\n\r\n", "!502"),
        ROW("<html>", "!502"),
        ROW("GET / HTTP/1.1\r\n" H "\r\n", "!502"),
        ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n000000002\r\nhi\r\n0\r\n\r\n",
            "[200 11 ?]!502"),
        ROW("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "!502"),
    };

    check_table(false, rows, ARRAY_LEN(rows));
}

/* An answer to HEAD says how long a body would be, and has none. */
static void answers_to_head(void **state)
{
    static const struct row rows[] = {
        ROW("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
            "5\r\n\r\n",
            "[200 11 0].[200 11 0]."),
        ROW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "[200 11 0]."),
        ROW("HTTP/1.1 200 OK\r\n\r\n", "[200 11 0]."),
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(check_row(false, &rows[i], true), 0);
}

/* Text with `n` times c where % stands. */
static struct row grown(struct buf *b, const char *fmt, char c, size_t n, const char *want)
{
    buf_init(b, OUT_MAX);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            buf_add_char(b, *fmt);
            continue;
        }
        for (size_t i = 0; i < n; i++)
            buf_add_char(b, c);
    }
    assert_true(buf_ok(b));
    return (struct row){b->p, b->n, want, false};
}

/* Each bound lets pass what is exactly at it and nothing more. */
static void bounds(void **state)
{
    static const struct {
        const char *fmt, *over;
        size_t at; /* how many times '%' is exactly at the bound */
        bool request;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\nX: %\r\n\r\n", "!431", 2048 - 32, true},
        {"%GET / HTTP/1.1\r\nHost: h\r\n\r\n", "!431", 2048 - 27, true},
        {"GET /% HTTP/1.1\r\nHost: h\r\n\r\n", "!414", 63, true},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;%\r\nx\r\n0\r\n\r\n",
         NULL, H1_CHUNK_LINE - 4, true},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: %\r\n\r\n", NULL,
         2048 - 7, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: %\r\n\r\n", "!502", 2048 - 43, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char c = rows[i].fmt[0] == '%' ? '\n' : 'a';

        for (size_t past = 0; past < 2; past++) {
            struct buf b, out;
            struct row row = grown(&b, rows[i].fmt, c, rows[i].at + past, NULL);

            read_all(&out, rows[i].request, &row, row.n, 0, false);
            if ((strchr(out.p, '!') != NULL) != (past == 1))
                fail_msg("row %zu, %zu past the bound: %s", i, past, out.p);
            if (past && rows[i].over)
                assert_string_equal(out.p, rows[i].over);
            assert_int_equal(check_row(rows[i].request, &row, false), 0);
            buf_fini(&out);
            buf_fini(&b);
        }
    }
}

/* Fields: ten pass (host is one of them), eleven do not. Bodies: 1000 bytes pass. */
static void bounds_counted(void **state)
{
    struct buf b;

    for (size_t n = 9; n < 11; n++) {
        struct row row;
        struct buf out;

        buf_init(&b, OUT_MAX);
        buf_add_str(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (size_t i = 0; i < n; i++)
            buf_add_str(&b, "X: y\r\n");
        buf_add_str(&b, "\r\n");
        row = (struct row){b.p, b.n, n > 9 ? "!431" : NULL, false};
        read_all(&out, true, &row, row.n, 0, false);
        assert_int_equal(strchr(out.p, '!') != NULL, n > 9);
        assert_int_equal(check_row(true, &row, false), 0);
        buf_fini(&out);
        buf_fini(&b);
    }
    for (size_t n = 1000; n < 1002; n++) {
        static const struct {
            const char *fmt;
            bool request;
            const char *over;
        } rows[] = {
            {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
             "chunked\r\n\r\n3e8\r\n%\r\n0\r\n\r\n",
             true, NULL},
            {"HTTP/1.1 200 OK\r\n\r\n%", false, NULL},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct row row = grown(&b, rows[i].fmt, 'b', n, NULL);
            struct buf out;

            read_all(&out, rows[i].request, &row, row.n, 0, false);
            assert_int_equal(strchr(out.p, '!') != NULL, n > 1000);
            assert_int_equal(check_row(rows[i].request, &row, false), 0);
            buf_fini(&out);
            buf_fini(&b);
        }
    }
}

/* Limits that change count from the next message on. */
static void limits_change(void **state)
{
    static const char text[] = "GET /0123456789 HTTP/1.1\r\nHost: h\r\n\r\n";
    struct http_limits now = limits;
    struct sink s = {.in_body = false};
    struct h1_read r;

    buf_init(&s.out, OUT_MAX);
    h1_read_init(&r, true, &now);
    assert_true(read_piece(&s, &r, text, 10));
    now.path_bytes = 5;
    now.head_bytes = 20;
    assert_true(read_piece(&s, &r, text + 10, sizeof(text) - 1 - 10));
    assert_false(read_piece(&s, &r, text, sizeof(text) - 1));
    assert_int_equal(r.bad_status, 414);
    h1_read_fini(&r);
    buf_fini(&s.out);
}

/* Without memory a head is refused and nothing leaks. */
static void no_memory(void **state)
{
    static const char text[] = "POST / HTTP/1.1\r\nHost: h\r\na: b\r\nContent-Length: 2\r\n\r\nhi";

    for (size_t at = 1, hit = 1; hit; at++) {
        struct h1_read r;
        struct h1_step step;
        size_t used = 0;

        h1_read_init(&r, true, &limits);
        mem_torture(at, false);
        do {
            step = h1_read_next(&r, text + used, sizeof(text) - 1 - used);
            used += step.used;
        } while (step.ev != H1_MORE && step.ev != H1_BAD);
        hit = mem_torture_hit();
        mem_torture(0, false);
        assert_int_equal(step.ev, hit ? H1_BAD : H1_MORE);
        if (hit)
            assert_int_equal(r.bad_status, 503);
        h1_read_fini(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests), cmocka_unit_test(smuggling),
        cmocka_unit_test(answers),       cmocka_unit_test(answers_to_head),
        cmocka_unit_test(bounds),        cmocka_unit_test(bounds_counted),
        cmocka_unit_test(limits_change), cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests_name("http/h1_read", tests, NULL, NULL);
}
