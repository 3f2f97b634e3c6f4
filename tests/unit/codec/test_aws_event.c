/*
 * Goal: messages come out as they were put in, however the bytes were cut; nothing that is damaged,
 * lies about its length or breaks off comes out at all.
 * Method: a stream of messages made here (all header types, empty and long ones) is split at every
 * byte; every byte of it is flipped; lengths lie on both sides of their bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws_frame.h"
#include "base/mem.h"
#include "codec/aws_event.h"

#define MEGA ((size_t)1024 * 1024)

/* One header of each type in front of the name that is asked for. */
static void add_all_types(struct buf *b)
{
    static const struct {
        const char *bytes;
        size_t n;
    } rows[] = {
        {"\1a\0", 3},           {"\1b\1", 3},
        {"\1c\2x", 4},          {"\1d\3xy", 5},
        {"\1e\4wxyz", 7},       {"\1f\5abcdefgh", 11},
        {"\1g\6\0\3abc", 8},    {"\1h\7\0\0", 5},
        {"\1i\10abcdefgh", 11}, {"\1j\11abcdefghijklmnop", 19},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buf_add(b, rows[i].bytes, rows[i].n);
    frame_header(b, ":event-type", "all");
}

static void make_stream(struct buf *b)
{
    struct buf headers;

    buf_init(&headers, 4096);
    add_all_types(&headers);
    frame_add(b, "event", ":event-type", "first", "{\"a\":1}");
    frame_raw(b, buf_span(&headers), SPAN_LIT(""));
    frame_raw(b, SPAN_LIT(""), SPAN_LIT("no headers"));
    frame_add(b, "event", ":event-type", "last", "\n\n\xFF");
    buf_fini(&headers);
}

#define STREAM "[first|{\"a\":1}][all|][|no headers][last|\n\n\xFF]"

/* All steps of one piece, which lies in memory of its own; false: the stream is bad. */
static bool feed(struct aws_event_reader *r, struct span piece, struct buf *out)
{
    char *copy = malloc(MAX(piece.n, (size_t)1));
    enum aws_event_step step;
    size_t at = 0, used;
    struct aws_event m;
    struct err e;

    assert_non_null(copy);
    if (piece.n)
        memcpy(copy, piece.p, piece.n);
    while ((step = aws_event_next(r, copy + at, piece.n - at, &used, &m, &e)) == AWS_EVENT_WHOLE) {
        at += used;
        assert_true(at <= piece.n);
        buf_printf(out, "[%.*s|%.*s]", SPAN_FMT(aws_event_header(&m, ":event-type")),
                   SPAN_FMT(m.payload));
        assert_true(aws_event_at_boundary(r));
    }
    if (step == AWS_EVENT_MORE)
        assert_int_equal(at + used, piece.n);
    free(copy);
    return step == AWS_EVENT_MORE;
}

/* What the stream gives in pieces of `step` bytes behind a first one of `cut`. */
static bool read_all(struct span s, size_t cut, size_t step, struct buf *out, bool *boundary)
{
    struct aws_event_reader r;
    bool ok;

    aws_event_init(&r);
    assert_true(aws_event_at_boundary(&r));
    ok = feed(&r, span_of(s.p, cut), out);
    for (size_t at = cut; ok && at < s.n; at += step)
        ok = feed(&r, span_of(s.p + at, MIN(step, s.n - at)), out);
    *boundary = aws_event_at_boundary(&r);
    aws_event_fini(&r);
    return ok;
}

static void cuts_change_nothing(void **state)
{
    static const size_t steps[] = {1, 2, 3, MEGA};
    struct buf s, out;
    bool boundary;

    buf_init(&s, MEGA);
    buf_init(&out, MEGA);
    make_stream(&s);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        for (size_t cut = 0; cut <= s.n; cut++) {
            buf_reset(&out);
            assert_true(read_all(buf_span(&s), cut, steps[i], &out, &boundary));
            assert_true(boundary && span_is(buf_span(&out), STREAM));
        }
    buf_fini(&s);
    buf_fini(&out);
}

/* A stream that breaks off gives the messages that were whole, and is not between two. */
static void a_cut_stream_is_seen(void **state)
{
    struct buf s, out;
    size_t whole = 0;
    bool boundary;

    buf_init(&s, MEGA);
    buf_init(&out, MEGA);
    make_stream(&s);
    for (size_t n = 0; n < s.n; n++) {
        buf_reset(&out);
        assert_true(read_all(span_of(s.p, n), n, 1, &out, &boundary));
        assert_true(span_starts(SPAN_LIT(STREAM), buf_span(&out)));
        whole += boundary;
    }
    assert_int_equal(whole, 4); /* at the start, and behind all messages but the last */
    buf_fini(&s);
    buf_fini(&out);
}

static void no_flipped_bit_passes(void **state)
{
    struct buf s, out;
    bool boundary;

    buf_init(&s, MEGA);
    buf_init(&out, MEGA);
    make_stream(&s);
    for (size_t i = 0; i < s.n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            s.p[i] = (char)(s.p[i] ^ (1 << bit));
            buf_reset(&out);
            assert_false(read_all(buf_span(&s), s.n, 1, &out, &boundary));
            assert_false(boundary);
            assert_true(span_starts(SPAN_LIT(STREAM), buf_span(&out)) && out.n < strlen(STREAM));
            s.p[i] = (char)(s.p[i] ^ (1 << bit));
        }
    buf_fini(&s);
    buf_fini(&out);
}

/* Lengths whose checksum is right. */
static void lengths_that_lie(void **state)
{
    static const struct {
        uint64_t length, headers;
        enum aws_event_step want; /* of the prelude alone */
        const char *why;
    } rows[] = {
        {16, 0, AWS_EVENT_MORE, NULL},
        {15, 0, AWS_EVENT_BAD, "do not fit"},
        {0, 0, AWS_EVENT_BAD, "do not fit"},
        {17, 1, AWS_EVENT_MORE, NULL},
        {16, 1, AWS_EVENT_BAD, "do not fit"},
        {AWS_EVENT_MAX, 0, AWS_EVENT_MORE, NULL},
        {AWS_EVENT_MAX + 1, 0, AWS_EVENT_BAD, "too long"},
        {UINT32_MAX, UINT32_MAX, AWS_EVENT_BAD, "too long"},
        {MEGA, AWS_EVENT_HEADERS_MAX, AWS_EVENT_MORE, NULL},
        {MEGA, AWS_EVENT_HEADERS_MAX + 1, AWS_EVENT_BAD, "headers"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct aws_event_reader r;
        struct aws_event m;
        struct buf s;
        struct err e = {.text = ""};
        size_t used;

        aws_event_init(&r);
        buf_init(&s, 64);
        frame_number(&s, rows[i].length, 4);
        frame_number(&s, rows[i].headers, 4);
        frame_crc(&s, 0);
        assert_int_equal(aws_event_next(&r, s.p, s.n, &used, &m, &e), rows[i].want);
        if (rows[i].why) {
            assert_int_equal(e.code, ERR_PROTOCOL);
            assert_non_null(strstr(e.text, rows[i].why));
            assert_int_equal(aws_event_next(&r, s.p, s.n, &used, &m, &e), AWS_EVENT_BAD);
        }
        aws_event_fini(&r);
        buf_fini(&s);
    }
}

static void headers_that_lie(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        bool good;
    } rows[] = {
        {"\1a\0", 3, true},
        {"\0\0", 2, true},        /* a name may be empty */
        {"\1a", 2, false},        /* no type */
        {"\2a\0", 3, false},      /* the name takes the type */
        {"\1a\12", 3, false},     /* no such type */
        {"\1a\4abc", 6, false},   /* an integer of three bytes */
        {"\1a\7\0\2a", 6, false}, /* a text of one byte */
        {"\1a\7\0", 4, false},    /* half a length */
        {"\1a\7\377\377a", 6, false},
        {"\1a\11abcdefghijklmno", 18, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf s, out;
        bool boundary;

        buf_init(&s, 256);
        buf_init(&out, 256);
        frame_raw(&s, span_of(rows[i].bytes, rows[i].n), SPAN_LIT("x"));
        assert_int_equal(read_all(buf_span(&s), s.n, 1, &out, &boundary), rows[i].good);
        assert_string_equal(buf_ok(&out) && out.n ? "[|x]" : "", rows[i].good ? "[|x]" : "");
        buf_fini(&s);
        buf_fini(&out);
    }
}

/* Of a name that stands twice the first counts; what is no string is no name. */
static void the_first_header_counts(void **state)
{
    struct buf headers, s, out;
    bool boundary;

    buf_init(&headers, 256);
    buf_init(&s, 1024);
    buf_init(&out, 256);
    frame_header(&headers, ":event-type", "one");
    frame_header(&headers, ":event-type", "two");
    frame_raw(&s, buf_span(&headers), SPAN_LIT(""));
    buf_reset(&headers);
    buf_add(&headers, "\13:event-type\0", 13);
    frame_header(&headers, ":event-type", "two");
    frame_raw(&s, buf_span(&headers), SPAN_LIT(""));
    assert_true(read_all(buf_span(&s), s.n, 1, &out, &boundary));
    assert_true(span_is(buf_span(&out), "[one|][|]"));
    buf_fini(&headers);
    buf_fini(&s);
    buf_fini(&out);
}

static void no_memory_is_said(void **state)
{
    struct aws_event_reader r;
    struct aws_event m;
    struct buf s;
    struct err e;
    size_t used;

    buf_init(&s, 1024);
    frame_add(&s, "event", ":event-type", "first", "{}");
    aws_event_init(&r);
    mem_torture(1, false);
    assert_int_equal(aws_event_next(&r, s.p, s.n - 1, &used, &m, &e), AWS_EVENT_BAD);
    assert_int_equal(e.code, ERR_NOMEM);
    mem_torture(0, false);
    aws_event_fini(&r);
    buf_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_change_nothing),   cmocka_unit_test(a_cut_stream_is_seen),
        cmocka_unit_test(no_flipped_bit_passes), cmocka_unit_test(lengths_that_lie),
        cmocka_unit_test(headers_that_lie),      cmocka_unit_test(the_first_header_counts),
        cmocka_unit_test(no_memory_is_said),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
