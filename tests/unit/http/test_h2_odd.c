/* Goal: over HTTP/2, no peer can do what server.h and client.h do not allow: streams do not stall
 * each other, floods end the connection within a bound, malformed heads reach no handler, times
 * are exact. Method: raw ends that write frames byte by byte; the pool where nothing odd is
 * needed. Heads are written without HPACK's tables but for its first static rows. */
#include "table.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum { DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

static const struct http_server_stats *ss(struct bed *b)
{
    return http_server_stats(b->server);
}

static const struct http_pool_stats *ps(struct bed *b)
{
    return http_pool_stats(b->pool);
}

static void frame(struct raw *r, int type, int flags, uint32_t id, const void *p, size_t n)
{
    unsigned char h[9] = {
        (unsigned char)(n >> 16),  (unsigned char)(n >> 8),  (unsigned char)n,
        (unsigned char)type,       (unsigned char)flags,     (unsigned char)(id >> 24),
        (unsigned char)(id >> 16), (unsigned char)(id >> 8), (unsigned char)id};

    raw_send_n(r, (const char *)h, sizeof(h));
    if (n)
        raw_send_n(r, p, n);
}

/* A literal field: never indexed, name and value in the clear; up to 16 KiB each. */
static void add_string(struct buf *b, struct span s)
{
    size_t rest = s.n - 127;

    if (s.n < 127) {
        buf_add_char(b, (char)s.n);
    } else {
        buf_add_char(b, 127);
        for (; rest >= 128; rest >>= 7)
            buf_add_char(b, (char)(rest | 128));
        buf_add_char(b, (char)rest);
    }
    buf_add_span(b, s);
}

static void add_field(struct buf *b, struct span name, struct span value)
{
    buf_add_char(b, 0);
    add_string(b, name);
    add_string(b, value);
}

#define FIELD(b, name, value) add_field(b, SPAN_LIT(name), SPAN_LIT(value))

/* GET (or POST) /n at host h. */
static void add_request(struct buf *b, bool post, unsigned n)
{
    char path[16];

    buf_init(b, 1 << 20);
    snprintf(path, sizeof(path), "/%u", n);
    buf_add_char(b, post ? (char)0x83 : (char)0x82);
    buf_add_char(b, (char)0x86); /* :scheme http */
    add_field(b, SPAN_LIT(":path"), span_str(path));
    FIELD(b, ":authority", "h");
}

static void send_request(struct raw *r, uint32_t id, bool post, unsigned n)
{
    struct buf b;

    add_request(&b, post, n);
    frame(r, HEADERS, END_HEADERS | (post ? 0 : END_STREAM), id, b.p, b.n);
    buf_fini(&b);
}

static struct raw *connect_h2(struct bed *b)
{
    struct raw *r = raw_connect(b);

    raw_send(r, PREFACE);
    frame(r, SETTINGS, 0, 0, NULL, 0);
    run_ms(b, 1);
    return r;
}

/* The payload of frame `type` for stream id (0: any) in what the raw end got; absent: none. */
static struct span find_frame(const struct raw *r, int type, uint32_t id)
{
    const unsigned char *p = (const unsigned char *)r->in.p;

    for (size_t at = 0; at + 9 <= r->in.n;) {
        size_t n = (size_t)p[at] << 16 | (size_t)p[at + 1] << 8 | p[at + 2];
        uint32_t of = (uint32_t)p[at + 5] << 24 | (uint32_t)p[at + 6] << 16 |
                      (uint32_t)p[at + 7] << 8 | p[at + 8];

        if (at + 9 + n > r->in.n)
            break;
        if (p[at + 3] == type && (id == 0 || of == id))
            return span_of(r->in.p + at + 9, n);
        at += 9 + n;
    }
    return span_of(NULL, 0);
}

static uint32_t code_of(struct span payload, size_t at)
{
    const unsigned char *p = (const unsigned char *)payload.p;

    return payload.n < at + 4 ? UINT32_MAX : (uint32_t)p[at + 2] << 8 | p[at + 3];
}

/* ---- streams among themselves ---- */

static void siblings(void **state)
{
    struct bed *b = bed_new();
    struct xchg *slow, *up, *x[3];

    b->pc.h2_only = true;
    b->sc.write_stall_ms = 100000;
    bed_start(b);
    slow = request(b, (struct plan){.down = MIB, .client_eats = EAT_NEVER});
    up = request(b, (struct plan){.up = MIB, .server_eats = EAT_NEVER});
    run_ms(b, 100);
    assert_int_equal(slow->c.got, HTTP_ANSWER_WINDOW);
    assert_int_equal(up->v.got, HTTP_WINDOW);
    for (int i = 0; i < 3; i++)
        x[i] = request(b, (struct plan){.up = 4 * MIB, .down = 4 * MIB});
    run_ms(b, 1000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(x[i]->c.ends, 1);
        check_sides(x[i]);
    }
    assert_int_equal(ps(b)->dials_total, 1);
    assert_int_equal(slow->c.got, HTTP_ANSWER_WINDOW);
    slow->plan.client_eats = EAT_AT_ONCE;
    slow->c.eaten = slow->c.got;
    http_consumed(slow->c.s, HTTP_ANSWER_WINDOW);
    run_ms(b, 1000);
    assert_int_equal(slow->c.ends, 1);
    run_ms(b, 18000);
    assert_int_equal(up->v.fails, 0); /* the handler is the one who waits */
    bed_free(b);
}

static void write_stall(void **state)
{
    struct bed *b = bed_new();
    struct xchg *slow, *good;

    b->pc.h2_only = true;
    bed_start(b);
    slow = request(b, (struct plan){.down = MIB, .client_eats = EAT_NEVER});
    good = request(b, (struct plan){.down = 10, .think = EV_S(60)});
    run_ms(b, 39900);
    assert_int_equal(slow->v.fails, 0);
    run_ms(b, 200);
    assert_int_equal(slow->v.fails, 1);
    assert_int_equal(slow->v.why.code, ERR_TIMEOUT);
    run_ms(b, 30000);
    assert_int_equal(slow->c.fails, 1);
    assert_int_equal(good->c.ends, 1);
    bed_free(b);
}

/* More requests than streams that the target allows: more connections, as few as may be. */
static void many(void **state)
{
    struct bed *b = bed_new();

    b->pc.h2_only = true;
    b->sc.streams_per_conn = 5;
    bed_start(b);
    (void)request(b, (struct plan){.down = 10}); /* after this it is known how many it allows */
    run_ms(b, 100);
    for (int i = 0; i < 40; i++)
        (void)request(b, (struct plan){.up = 1000, .down = 1000, .think = EV_MS(10)});
    run_ms(b, 1000);
    for (unsigned i = 0; i < 41; i++) {
        assert_int_equal(b->x[i].c.ends, 1);
        check_sides(&b->x[i]);
    }
    assert_int_equal(ss(b)->conns_total, 8);
    for (int i = 0; i < 12; i++)
        (void)request(b, (struct plan){.down = 10, .think = EV_MS(10)});
    run_ms(b, 1000);
    for (unsigned i = 41; i < 53; i++)
        assert_int_equal(b->x[i].c.ends, 1);
    assert_int_equal(ss(b)->conns_total, 8);
    assert_int_equal(ps(b)->conns_now, ps(b)->idle_now);
    bed_free(b);
}

static void count_drained(void *arg)
{
    struct bed *b = arg;

    b->drained++;
}

static void drain(void **state)
{
    struct bed *b = bed_new();
    struct xchg *x;
    struct raw *idle;

    b->pc.h2_only = true;
    bed_start(b);
    x = request(b, (struct plan){.up = 100000, .down = 100000, .think = EV_S(5)});
    idle = connect_h2(b);
    run_ms(b, 100);
    http_server_drain(b->server, count_drained, b);
    run_ms(b, 100);
    assert_true(idle->eof && span_has(find_frame(idle, GOAWAY, 0)));
    assert_int_equal(code_of(find_frame(idle, GOAWAY, 0), 4), 0);
    assert_int_equal(b->drained, 0);
    run_ms(b, 5000);
    assert_int_equal(x->c.ends, 1);
    check_sides(x);
    assert_int_equal(b->drained, 1);
    assert_int_equal(ps(b)->conns_now, 0);
    bed_free(b);
}

static void requests_per_conn(void **state)
{
    struct bed *b = bed_new();

    b->pc.h2_only = true;
    b->sc.requests_per_conn = 2;
    bed_start(b);
    for (int i = 0; i < 5; i++) {
        struct xchg *x = request(b, (struct plan){.down = 10});

        run_ms(b, 100);
        assert_int_equal(x->c.ends, 1);
    }
    assert_int_equal(ps(b)->dials_total, 3);
    bed_free(b);
}

static void close_in_callbacks(void **state)
{
    for (enum at c = AT_NEVER; c <= AT_FAIL; c++) {
        for (enum at v = AT_NEVER; v <= AT_FAIL; v++) {
            for (int how = 0; how < 2; how++) {
                struct bed *b = bed_new();
                struct plan p = {.up = 100000,
                                 .down = 100000,
                                 .think = 500,
                                 .down_chunked = true,
                                 .client_closes = c,
                                 .server_closes = v,
                                 .how = how ? HTTP_CLOSE_BROKEN : HTTP_CLOSE_DONE};
                struct xchg *x, *y;

                b->pc.h2_only = true;
                bed_start(b);
                x = request(b, p);
                run_ms(b, 1);
                y = request(b, p);
                run_ms(b, 1000);
                check_sides(x);
                check_sides(y);
                assert_int_equal(ss(b)->streams_now, 0);
                bed_free(b);
            }
        }
    }
}

static void free_with_live(void **state)
{
    for (int which = 0; which < 4; which++) {
        for (ev_us at = 0; at < 6000; at += 50) {
            struct bed *b = bed_new();
            struct plan p = {.up = 200000,
                             .down = 200000,
                             .think = 300,
                             .client_eats = EAT_LATER,
                             .server_eats = EAT_LATER,
                             .keeps = which == 3};
            struct xchg *x, *y;

            b->pc.h2_only = true;
            bed_start(b);
            x = request(b, p);
            y = request(b, p);
            ev_sim_run(b->ev, at);
            if (which == 0 || which == 3) {
                http_server_free(&b->server);
                run_ms(b, 100);
                assert_int_equal(x->c.ends + x->c.fails, 1);
            } else if (which == 1) {
                end_side(&x->c, HTTP_CLOSE_BROKEN);
                end_side(&y->c, HTTP_CLOSE_BROKEN);
                http_pool_free(&b->pool);
                run_ms(b, 1000);
                assert_int_equal(ss(b)->streams_now, 0);
            }
            bed_free(b);
        }
    }
}

/* ---- floods ---- */

static void flood_resets(struct raw *r, uint32_t i)
{
    send_request(r, 2 * i + 1, true, 0);
    frame(r, RST, 0, 2 * i + 1, "\0\0\0\x08", 4);
}

static void flood_induced(struct raw *r, uint32_t i) /* a window of more than 2^31 is an error */
{
    send_request(r, 2 * i + 1, true, 0);
    frame(r, WINDOW, 0, 2 * i + 1, "\x7f\xff\xff\xff", 4);
}

static void flood_pings(struct raw *r, uint32_t i)
{
    frame(r, PING, 0, 0, "12345678", 8);
    UNUSED(i);
}

static void flood_settings(struct raw *r, uint32_t i)
{
    frame(r, SETTINGS, 0, 0, NULL, 0);
    UNUSED(i);
}

static void flood_empty(struct raw *r, uint32_t i)
{
    if (i == 0)
        send_request(r, 1, true, 0);
    frame(r, DATA, 0, 1, NULL, 0);
}

static void flood_priority(struct raw *r, uint32_t i)
{
    frame(r, PRIORITY, 0, 2 * i + 1, "\0\0\0\0\x10", 5);
}

static void flood_updates(struct raw *r, uint32_t i)
{
    frame(r, WINDOW, 0, 0, "\0\0\0\x01", 4);
    UNUSED(i);
}

static void flood_continuation(struct raw *r, uint32_t i)
{
    if (i == 0)
        frame(r, HEADERS, 0, 1, "\x82", 1);
    frame(r, CONTINUATION, 0, 1, NULL, 0);
}

static void floods(void **state)
{
    static const struct {
        const char *name;
        void (*fn)(struct raw *r, uint32_t i);
        bool calm; /* our counter speaks, and not nghttp2's */
    } rows[] = {
        {"rapid reset", flood_resets, true},
        {"induced resets", flood_induced, true},
        {"PING", flood_pings, true},
        {"SETTINGS", flood_settings, true},
        {"empty DATA", flood_empty, true},
        {"PRIORITY", flood_priority, true},
        {"WINDOW_UPDATE", flood_updates, true},
        {"CONTINUATION", flood_continuation, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = bed_new();
        struct raw *r;
        uint32_t n = 0;

        b->lenient = true;
        bed_start(b);
        (void)expect_request(b, (struct plan){.never = true});
        r = connect_h2(b);
        for (; n < 5000 && !r->eof && !r->broken; n++) {
            rows[i].fn(r, n);
            if (n % 50 == 49)
                run_ms(b, 1);
        }
        run_ms(b, 10);
        if (!r->eof && !r->broken)
            fail_msg("%s: goes on for ever", rows[i].name);
        if (n > 1400)
            fail_msg("%s: ended after %u only", rows[i].name, n);
        if (rows[i].calm && code_of(find_frame(r, GOAWAY, 0), 4) != 11)
            fail_msg("%s: no ENHANCE_YOUR_CALM", rows[i].name);
        assert_true(ss(b)->requests_total < 1100);
        assert_true(ss(b)->glitches_total > 0);
        run_ms(b, 6000);
        assert_int_equal(ss(b)->streams_now, 0);
        assert_int_equal(ss(b)->conns_now, 0);
        bed_free(b);
    }
}

/* What a patient client does over an hour is no flood. */
static void forgiven(void **state)
{
    struct bed *b = bed_new();
    struct raw *r;

    bed_start(b);
    (void)expect_request(b, (struct plan){.never = true});
    r = connect_h2(b);
    send_request(r, 1, false, 0);
    for (int i = 0; i < 20000; i++) {
        flood_pings(r, 0);
        run_ms(b, 40); /* 25 a second */
    }
    assert_true(!r->eof && !r->broken);
    bed_free(b);
}

/* ---- heads ---- */

static const char by_either[] = ""; /* a newer nghttp2 resets what an older one leaves to us */

static const struct {
    const char *name;
    const char *fields[12]; /* name, value, ... */
    const char *want;       /* in the answer's body; NULL: the stream is reset */
} malformed[] = {
    {"upper case",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "X", "y"},
     NULL},
    {"empty name",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "", "y"},
     NULL},
    {"CR in a value",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "x", "a\rb"},
     NULL},
    {"LF in a value",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "x", "a\nb"},
     NULL},
    {"LF in a name",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "x\ny", "z"},
     NULL},
    {"connection",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "connection", "close"},
     NULL},
    {"transfer-encoding",
     {":method", "POST", ":scheme", "http", ":path", "/0", ":authority", "h", "transfer-encoding",
      "chunked"},
     NULL},
    {"te",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "te", "gzip"},
     NULL},
    {"no path", {":method", "GET", ":scheme", "http", ":authority", "h"}, NULL},
    {"no method", {":scheme", "http", ":path", "/0", ":authority", "h"}, NULL},
    {"two paths",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":path", "/1", ":authority", "h"},
     NULL},
    {"pseudo behind",
     {":method", "GET", ":scheme", "http", ":path", "/0", "x", "y", ":authority", "h"},
     NULL},
    {"pseudo unknown",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", ":x", "y"},
     NULL},
    {"status",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", ":status", "200"},
     NULL},
    {"length is no number",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "content-length",
      "+0"},
     NULL},
    {"two lengths",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "content-length", "0",
      "content-length", "0"},
     NULL},
    {"length without body",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "content-length", "5"},
     NULL},
    {"no authority", {":method", "GET", ":scheme", "http", ":path", "/0"}, NULL},
    {"empty authority",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", ""},
     NULL},
    {"authority with user",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "u@h"},
     by_either},
    {"authority with comma",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h,i"},
     "not a host"},
    {"host differs",
     {":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "h", "host", "i"},
     "differs"},
    {"path without slash",
     {":method", "GET", ":scheme", "http", ":path", "0", ":authority", "h"},
     NULL},
    {"path with space",
     {":method", "GET", ":scheme", "http", ":path", "/0 ", ":authority", "h"},
     NULL},
    {"path with fragment",
     {":method", "GET", ":scheme", "http", ":path", "/0#a", ":authority", "h"},
     "may not be there"},
    {"star", {":method", "GET", ":scheme", "http", ":path", "*", ":authority", "h"}, NULL},
    {"CONNECT", {":method", "CONNECT", ":authority", "h:1"}, "tunnels"},
    {"method", {":method", "G T", ":scheme", "http", ":path", "/0", ":authority", "h"}, NULL},
};

static void bad_heads(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        struct bed *b = bed_start(bed_new());
        const char *want = malformed[i].want;
        struct raw *r;
        struct buf head;

        (void)expect_request(b, (struct plan){.down = 1});
        r = connect_h2(b);
        buf_init(&head, 4096);
        for (size_t j = 0; j < 12 && malformed[i].fields[j]; j += 2)
            add_field(&head, span_str(malformed[i].fields[j]),
                      span_str(malformed[i].fields[j + 1]));
        frame(r, HEADERS, END_HEADERS | END_STREAM, 1, head.p, head.n);
        run_ms(b, 10);
        if (ss(b)->requests_total)
            fail_msg("%s: reached the handler", malformed[i].name);
        if (want == by_either)
            want = span_has(find_frame(r, RST, 1)) ? NULL : "not a host";
        if (want ? !raw_has(r, want) : !span_has(find_frame(r, RST, 1)))
            fail_msg("%s: %s", malformed[i].name,
                     find_frame(r, DATA, 1).p ? find_frame(r, DATA, 1).p : "?");
        /* the connection lives, and a good request passes */
        send_request(r, 3, false, 0);
        run_ms(b, 10);
        if (ss(b)->requests_total != 1)
            fail_msg("%s: the connection is lost", malformed[i].name);
        buf_fini(&head);
        bed_free(b);
    }
}

/* Bounds of a head: what is over them is answered, and far over them not even read. */
static void big_heads(void **state)
{
    static const struct {
        size_t path, fields, value;
        const char *want;
    } rows[] = {
        {10, 20, 10, ""},
        {10, 21, 10, "more header fields"},
        {300, 1, 10, "path is longer"},
        {10, 1, 9000, "larger than the limit"},
        {10, 4, 10000, NULL}, /* four times the bound: reset */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = bed_start(bed_new());
        struct raw *r;
        struct buf head, text;

        (void)expect_request(b, (struct plan){.down = 1});
        buf_init(&text, 20000);
        for (size_t j = 0; j < 10000; j++)
            buf_add_char(&text, '0');
        r = connect_h2(b);
        buf_init(&head, 1 << 20);
        buf_add(&head, "\x82\x86", 2);
        text.p[0] = '/';
        add_field(&head, SPAN_LIT(":path"), span_of(text.p, rows[i].path));
        text.p[0] = '0';
        FIELD(&head, ":authority", "h");
        for (size_t j = 0; j < rows[i].fields; j++)
            add_field(&head, SPAN_LIT("x"), span_of(text.p, rows[i].value));
        frame(r, HEADERS, END_STREAM | (head.n > 16384 ? 0 : END_HEADERS), 1, head.p,
              MIN(head.n, (size_t)16384));
        for (size_t at = 16384; at < head.n; at += 16384)
            frame(r, CONTINUATION, at + 16384 >= head.n ? END_HEADERS : 0, 1, head.p + at,
                  MIN(head.n - at, (size_t)16384));
        run_ms(b, 10);
        assert_int_equal(ss(b)->requests_total, i == 0);
        assert_int_equal(span_has(find_frame(r, RST, 1)), !rows[i].want);
        if (rows[i].want)
            assert_true(raw_has(r, rows[i].want));
        buf_fini(&head);
        buf_fini(&text);
        bed_free(b);
    }
}

/* A body that does not keep its word. */
static void bad_bodies(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct xchg *more = expect_request(b, (struct plan){.any_body = true, .up = 2});
    struct xchg *less = expect_request(b, (struct plan){.any_body = true, .up = 2});
    struct xchg *large =
        expect_request(b, (struct plan){.any_body = true, .status = 413, .down = 3});
    struct raw *r = connect_h2(b);
    struct buf head;

    for (unsigned i = 0; i < 2; i++) {
        add_request(&head, true, i);
        FIELD(&head, "content-length", "2");
        frame(r, HEADERS, END_HEADERS, 2 * i + 1, head.p, head.n);
        frame(r, DATA, i == 1 ? END_STREAM : 0, 2 * i + 1, "123", i == 1 ? 1 : 3);
        buf_fini(&head);
    }
    run_ms(b, 10);
    assert_int_equal(more->v.fails, 1);
    assert_int_equal(more->v.ends, 0);
    assert_int_equal(less->v.fails, 1);
    assert_int_equal(less->v.ends, 0);
    assert_int_equal(code_of(find_frame(r, RST, 1), 0), 1);
    assert_int_equal(code_of(find_frame(r, RST, 3), 0), 1);
    add_request(&head, true, 2);
    FIELD(&head, "content-length", "999999999999");
    FIELD(&head, "expect", "100-continue");
    frame(r, HEADERS, END_HEADERS, 5, head.p, head.n);
    buf_fini(&head);
    run_ms(b, 10);
    assert_int_equal(large->v.heads, 1); /* it is the handler's to say so */
    assert_int_equal(large->v.fails, 1);
    assert_int_equal(large->v.why.code, ERR_LIMIT);
    assert_int_equal(code_of(find_frame(r, RST, 5), 0), 0); /* NO_ERROR: stop sending */
    bed_free(b);
}

/* ---- time ---- */

static void times(void **state)
{
    struct bed *b = bed_start(bed_new());
    struct raw *silent = raw_connect(b), *half = raw_connect(b), *idle = connect_h2(b);
    struct raw *head = connect_h2(b), *body = connect_h2(b);
    struct xchg *x;
    ev_us at = ev_now(b->ev);

    (void)expect_request(b, (struct plan){.method = "GET", .down = 3});
    x = expect_request(b, (struct plan){.status = 408, .up = 100, .down = 3});
    raw_send(half, "PRI * HTTP/2");
    send_request(idle, 1, false, 0);
    frame(head, HEADERS, END_STREAM, 1, "\x82", 1);
    send_request(body, 1, true, 1);
    run_ms(b, 9000);
    assert_true(!silent->eof && !half->eof && !head->broken);
    run_ms(b, 1100);
    assert_true(silent->eof && half->eof && head->broken);
    ev_sim_run(b->ev, at + EV_S(20) + 100 - 1);
    assert_int_equal(x->v.fails, 0);
    ev_sim_run(b->ev, at + EV_S(20) + 100);
    assert_int_equal(x->v.fails, 1);
    assert_int_equal(x->v.how, HTTP_FAIL_REQUEST);
    assert_int_equal(x->v.why.code, ERR_TIMEOUT);
    run_ms(b, 10);
    assert_true(span_has(find_frame(body, DATA, 1)));
    assert_int_equal(code_of(find_frame(body, RST, 1), 0), 0);
    ev_sim_run(b->ev, at + EV_S(30) + 100);
    assert_false(idle->eof);
    ev_sim_run(b->ev, at + EV_S(30) + 400);
    assert_true(idle->eof && span_has(find_frame(idle, GOAWAY, 0)));
    run_ms(b, 40000);
    assert_int_equal(ss(b)->conns_now, 0);
    bed_free(b);
}

/* The preface may come in any pieces; what only begins like it is HTTP/1. */
static void preface(void **state)
{
    for (size_t cut = 1; cut < sizeof(PREFACE) - 1; cut++) {
        struct bed *b = bed_start(bed_new());
        struct raw *r = raw_connect(b), *no = raw_connect(b);

        (void)expect_request(b, (struct plan){.method = "GET", .down = 3});
        raw_send_n(r, PREFACE, cut);
        raw_send_n(no, PREFACE, cut);
        run_ms(b, 10);
        raw_send(r, &PREFACE[cut]);
        frame(r, SETTINGS, 0, 0, NULL, 0);
        send_request(r, 1, false, 0);
        raw_send(no, "?\r\n\r\n");
        run_ms(b, 10);
        assert_true(span_has(find_frame(r, DATA, 1)));
        assert_true(raw_has(no, "HTTP/1.1 400 ") || raw_has(no, "HTTP/1.1 505 "));
        assert_int_equal(ss(b)->conns_total, 2);
        bed_free(b);
    }
}

/* ---- targets that are odd ---- */

#define SETTINGS_FRAME "\0\0\0\x04\0\0\0\0\0"

static void odd_targets(void **state)
{
    static const struct {
        const char *name, *answer;
        size_t n;
        enum then then;
        enum http_fail how;
        enum err_code code;
    } rows[] = {
#define ROW(name, bytes, then, how, code) {name, bytes, sizeof(bytes) - 1, then, how, code}
        ROW("REFUSED_STREAM", SETTINGS_FRAME "\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07", RAW_STAYS,
            HTTP_FAIL_NOT_SENT, ERR_RESET),
        ROW("INTERNAL_ERROR", SETTINGS_FRAME "\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02", RAW_STAYS,
            HTTP_FAIL_SENT, ERR_RESET),
        ROW("GOAWAY 0", SETTINGS_FRAME "\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0", RAW_STAYS,
            HTTP_FAIL_NOT_SENT, ERR_RESET),
        ROW("GOAWAY 1, FIN", SETTINGS_FRAME "\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0", RAW_FIN,
            HTTP_FAIL_SENT, ERR_RESET),
        ROW("FIN", SETTINGS_FRAME, RAW_FIN, HTTP_FAIL_UNANSWERED, ERR_RESET),
        ROW("RST", SETTINGS_FRAME, RAW_RST, HTTP_FAIL_UNANSWERED, ERR_RESET),
        ROW("FIN behind a word about it", SETTINGS_FRAME "\0\0\x04\x08\0\0\0\0\x01\0\0\0\x09",
            RAW_FIN, HTTP_FAIL_SENT, ERR_RESET),
        ROW("half a frame", SETTINGS_FRAME "\0\0\x01\x01\x04\0\0\0\x01", RAW_FIN, HTTP_FAIL_SENT,
            ERR_RESET),
        ROW("HTTP/1", "HTTP/1.1 400 Bad Request\r\n\r\n", RAW_STAYS, HTTP_FAIL_SENT, ERR_PROTOCOL),
        ROW("half an answer",
            SETTINGS_FRAME "\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x02\0\0\0\0\0\x01hi", RAW_FIN,
            HTTP_FAIL_SENT, ERR_RESET),
        ROW("half an answer, GOAWAY 0",
            SETTINGS_FRAME "\0\0\x01\x01\x04\0\0\0\x01\x88"
                           "\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0",
            RAW_STAYS, HTTP_FAIL_SENT, ERR_RESET),
        ROW("half an answer, REFUSED_STREAM",
            SETTINGS_FRAME "\0\0\x01\x01\x04\0\0\0\x01\x88"
                           "\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07",
            RAW_STAYS, HTTP_FAIL_SENT, ERR_RESET),
        ROW("no status", SETTINGS_FRAME "\0\0\x05\x01\x05\0\0\0\x01\0\x01x\x01y", RAW_STAYS,
            HTTP_FAIL_SENT, ERR_PROTOCOL),
        ROW("DATA first", SETTINGS_FRAME "\0\0\x02\0\0\0\0\0\x01hi", RAW_STAYS, HTTP_FAIL_SENT,
            ERR_PROTOCOL),
#undef ROW
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed *b = bed_new();
        struct side *c;

        b->pc.h2_only = true;
        raw_serve(b, "\x01\x05", rows[i].answer, rows[i].then); /* a HEADERS that ends all */
        b->script.answer_n = rows[i].n;
        bed_start(b);
        raw_listen(b);
        c = &request(b, (struct plan){.method = "GET", .any_body = true})->c;
        run_ms(b, 100);
        if (c->ends || c->fails != 1 || c->how != rows[i].how || c->why.code != rows[i].code)
            fail_msg("%s: ends %u, fails %u, how %d: %s", rows[i].name, c->ends, c->fails, c->how,
                     c->why.text);
        bed_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siblings),
        cmocka_unit_test(write_stall),
        cmocka_unit_test(many),
        cmocka_unit_test(drain),
        cmocka_unit_test(requests_per_conn),
        cmocka_unit_test(close_in_callbacks),
        cmocka_unit_test(free_with_live),
        cmocka_unit_test(floods),
        cmocka_unit_test(forgiven),
        cmocka_unit_test(bad_heads),
        cmocka_unit_test(big_heads),
        cmocka_unit_test(bad_bodies),
        cmocka_unit_test(times),
        cmocka_unit_test(preface),
        cmocka_unit_test(odd_targets),
    };

    return cmocka_run_group_tests_name("http/h2_odd", tests, NULL, NULL);
}
