/*
 * http_in.c - reads one request at a time.
 *
 *     HEAD -- empty line ------------------------> BODY, or DONE without a body
 *     BODY -- content-length or last chunk read -> DONE
 *     any  -- anything that is not one spelling -> BAD
 *
 * Invariants: (1) head only grows in HEAD, body only in BODY; (2) fields point into head, which
 * is complete and does not move after HEAD.
 *
 * Refused although a server might accept it: a bare LF, a folded line, a space before a colon,
 * content-length beside transfer-encoding or twice, any coding but "chunked", chunk extensions.
 */
#include "mock/http_in.h"

#define LINE_BYTES_MAX 4096 /* of a chunk's size line or a trailer */

enum chunk_state { SIZE, DATA, DATA_END, TRAILER };

static int bad(struct mock_req *r, struct err *e, const char *what)
{
    r->state = MOCK_REQ_BAD;
    return err_set(e, ERR_PROTOCOL, "request: %s", what);
}

void mock_req_init(struct mock_req *r)
{
    *r = (struct mock_req){0};
    buf_init(&r->head, MOCK_HEAD_BYTES_MAX);
    buf_init(&r->body, MOCK_BODY_BYTES_MAX);
    buf_init(&r->line, LINE_BYTES_MAX);
}

void mock_req_fini(struct mock_req *r)
{
    buf_fini(&r->head);
    buf_fini(&r->body);
    buf_fini(&r->line);
}

void mock_req_reset(struct mock_req *r)
{
    struct buf head = r->head, body = r->body, line = r->line;

    buf_reset(&head);
    buf_reset(&body);
    buf_reset(&line);
    *r = (struct mock_req){.head = head, .body = body, .line = line};
}

struct span mock_req_method(const struct mock_req *r)
{
    return span_of(r->head.p, r->method_n);
}

struct span mock_req_target(const struct mock_req *r)
{
    return r->head.p ? span_of(r->head.p + r->target, r->target_n) : (struct span){NULL, 0};
}

struct span mock_req_field(const struct mock_req *r, const char *name)
{
    for (size_t i = 0; i < r->fields_n; i++) {
        const struct mock_field *f = &r->fields[i];

        if (span_eq_nocase(span_of(r->head.p + f->name, f->name_n), span_str(name)))
            return span_of(r->head.p + f->value, f->value_n);
    }
    return (struct span){NULL, 0};
}

static bool token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!token_char(s.p[i]))
            return false;
    return s.n > 0;
}

static int request_line(struct mock_req *r, struct span line, struct err *e)
{
    struct span rest = line;
    struct span method = span_cut(&rest, ' '), target = span_cut(&rest, ' ');

    if (!is_token(method) || target.n == 0 || !span_has(rest))
        return bad(r, e, "the request line is not METHOD TARGET VERSION");
    if (!span_is(rest, "HTTP/1.1") && !span_is(rest, "HTTP/1.0"))
        return bad(r, e, "the version is neither HTTP/1.1 nor HTTP/1.0");
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= ' ' || target.p[i] == 0x7f)
            return bad(r, e, "a control character in the target");
    r->method_n = method.n;
    r->target = (size_t)(target.p - r->head.p);
    r->target_n = target.n;
    r->http10 = span_is(rest, "HTTP/1.0");
    r->close = r->http10;
    return 0;
}

static int field_line(struct mock_req *r, struct span line, struct err *e)
{
    struct span rest = line;
    struct span name = span_cut(&rest, ':'), value = span_trim(rest);

    if (!is_token(name) || !span_has(rest))
        return bad(r, e, "a field is not NAME: VALUE");
    for (size_t i = 0; i < value.n; i++)
        if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
            return bad(r, e, "a control character in a field");
    if (r->fields_n == MOCK_FIELDS_MAX)
        return bad(r, e, "too many fields");
    r->fields[r->fields_n++] = (struct mock_field){(size_t)(name.p - r->head.p), name.n,
                                                   (size_t)(value.p - r->head.p), value.n};
    return 0;
}

static size_t fields_named(const struct mock_req *r, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < r->fields_n; i++)
        n += span_eq_nocase(span_of(r->head.p + r->fields[i].name, r->fields[i].name_n),
                            span_str(name));
    return n;
}

/* What the fields say about the body and the connection. */
static int framing(struct mock_req *r, struct err *e)
{
    struct span length = mock_req_field(r, "content-length");
    struct span coding = mock_req_field(r, "transfer-encoding");
    struct span connection = mock_req_field(r, "connection");
    struct span expect = mock_req_field(r, "expect");

    if (fields_named(r, "content-length") + fields_named(r, "transfer-encoding") > 1)
        return bad(r, e, "more than one field says where the body ends");
    if (fields_named(r, "host") != 1 && !r->http10)
        return bad(r, e, "not exactly one host field");
    if (span_has(coding) && (!span_eq_nocase(coding, SPAN_LIT("chunked")) || r->http10))
        return bad(r, e, "a transfer-encoding other than chunked");
    if (span_has(length) && span_u64(length, &r->need) < 0)
        return bad(r, e, "content-length is not a number");
    if (r->need > MOCK_BODY_BYTES_MAX)
        return bad(r, e, "the body is over 64 MiB");
    r->chunked = span_has(coding);
    r->expect_100 = span_eq_nocase(expect, SPAN_LIT("100-continue")) && !r->http10;
    if (span_eq_nocase(connection, SPAN_LIT("close")))
        r->close = true;
    if (span_eq_nocase(connection, SPAN_LIT("keep-alive")))
        r->close = false;
    r->state = r->chunked || r->need ? MOCK_REQ_BODY : MOCK_REQ_DONE;
    return 0;
}

/* The whole head is there: cut it into lines. */
static int parse_head(struct mock_req *r, struct err *e)
{
    struct span rest = span_of(r->head.p, r->head.n - 2); /* without the empty line */
    bool first = true;

    while (rest.n) {
        struct span line = span_cut(&rest, '\n');

        if (line.n == 0 || line.p[line.n - 1] != '\r')
            return bad(r, e, "a line does not end in CRLF");
        line.n--;
        if ((first ? request_line : field_line)(r, line, e) < 0)
            return -1;
        first = false;
    }
    return framing(r, e);
}

static int feed_head(struct mock_req *r, const char *p, size_t n, size_t *used, struct err *e)
{
    size_t at = 0;

    while (at < n && r->state == MOCK_REQ_HEAD) {
        const char *lf = memchr(p + at, '\n', n - at);
        size_t some = lf ? (size_t)(lf - (p + at)) + 1 : n - at;

        buf_add(&r->head, p + at, some);
        at += some;
        if (!buf_ok(&r->head))
            return bad(r, e, "the head is over 256 KiB");
        if (!lf)
            break;
        if (r->head.n >= 2 && r->head.p[r->head.n - 2] != '\r')
            return bad(r, e, "a line does not end in CRLF");
        if (r->head.n <= 2)
            return bad(r, e, "an empty line before the request");
        if (r->head.n >= 4 && memcmp(r->head.p + r->head.n - 4, "\r\n\r\n", 4) == 0 &&
            parse_head(r, e) < 0)
            return -1;
    }
    *used = at;
    return 0;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A line of the chunked framing is whole (without CRLF, in r->line). */
static int chunk_line(struct mock_req *r, struct err *e)
{
    uint64_t size = 0;

    if (r->chunk_state == TRAILER) {
        if (r->line.n == 0)
            r->state = MOCK_REQ_DONE;
        return 0;
    }
    if (r->chunk_state == DATA_END) {
        if (r->line.n)
            return bad(r, e, "a chunk is longer than its size");
        r->chunk_state = SIZE;
        return 0;
    }
    if (r->line.n == 0 || r->line.n > 8)
        return bad(r, e, "a chunk size is not 1 to 8 hexadecimal digits");
    for (size_t i = 0; i < r->line.n; i++) {
        if (hex(r->line.p[i]) < 0)
            return bad(r, e, "a chunk size is not 1 to 8 hexadecimal digits");
        size = size * 16 + (uint64_t)hex(r->line.p[i]);
    }
    if (size > MOCK_BODY_BYTES_MAX - r->body.n)
        return bad(r, e, "the body is over 64 MiB");
    r->need = size;
    r->chunk_state = size ? DATA : TRAILER;
    return 0;
}

static int feed_chunk_line(struct mock_req *r, const char *p, size_t n, size_t *used, struct err *e)
{
    const char *lf = memchr(p, '\n', n);
    size_t some = lf ? (size_t)(lf - p) + 1 : n;
    int rc;

    buf_add(&r->line, p, some);
    *used = some;
    if (!buf_ok(&r->line))
        return bad(r, e, "a line of the chunked framing is over 4 KiB");
    if (!lf)
        return 0;
    if (r->line.n < 2 || r->line.p[r->line.n - 2] != '\r')
        return bad(r, e, "a line of the chunked framing does not end in CRLF");
    r->line.n -= 2;
    rc = chunk_line(r, e);
    buf_reset(&r->line);
    return rc;
}

static int feed_data(struct mock_req *r, const char *p, size_t n, size_t *used, struct err *e)
{
    size_t some = (size_t)MIN((uint64_t)n, r->need);

    buf_add(&r->body, p, some);
    if (!buf_ok(&r->body))
        return bad(r, e, "no memory for the body");
    r->need -= some;
    *used = some;
    if (r->need == 0) {
        if (r->chunked)
            r->chunk_state = DATA_END;
        else
            r->state = MOCK_REQ_DONE;
    }
    return 0;
}

int mock_req_feed(struct mock_req *r, const char *p, size_t n, size_t *used, struct err *e)
{
    size_t some = 0;

    *used = 0;
    if (r->state == MOCK_REQ_HEAD)
        return feed_head(r, p, n, used, e); /* stops at the end of the head */
    while (*used < n && r->state == MOCK_REQ_BODY) {
        bool data = !r->chunked || r->chunk_state == DATA;

        if ((data ? feed_data : feed_chunk_line)(r, p + *used, n - *used, &some, e) < 0)
            return -1;
        *used += some;
    }
    if (r->state == MOCK_REQ_BAD)
        return bad(r, e, "already refused");
    return 0;
}
