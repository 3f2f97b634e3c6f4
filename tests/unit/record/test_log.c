/* Goal: whatever a record holds, its line is one valid JSON line below the maximum, with the
 * members that tools read.
 * Method: known records against known lines; hostile texts through the scanner. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "codec/json_scan.h"
#include "record/log.h"

static void times_are_rfc_3339(void **state)
{
    static const struct {
        uint64_t ms;
        const char *want;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {86399999, "1970-01-01T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868800000, "2000-03-01T00:00:00.000Z"},
        {1709164800000, "2024-02-29T00:00:00.000Z"},
        {1735689599999, "2024-12-31T23:59:59.999Z"},
        {1767225600000, "2026-01-01T00:00:00.000Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {UINT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    char text[RECORD_TIME_TEXT];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(record_time_text(rows[i].ms, text), rows[i].want);
}

static void line_is(const struct record *r, const char *want)
{
    struct buf out;

    buf_init(&out, RECORD_LINE_MAX);
    record_log_line(&out, r);
    assert_true(buf_ok(&out));
    buf_add_char(&out, '\0');
    assert_string_equal(out.p, want);
    buf_fini(&out);
}

static void good_request_is_one_line(void **state)
{
    static const struct record r = {
        .wall_ms = 1767225600123,
        .duration_us = 1234567,
        .first_us = 250040,
        .attempt_us = 1234001,
        .attempt_first_us = 240000,
        .overhead_us = 87,
        .bytes_in = 1700,
        .bytes_out = 1200,
        .usage = {.input = 11, .output = 7, .cache_read = 3, .seen = true},
        .outcome = OUTCOME_FULL,
        .op = OP_CHAT,
        .status = 200,
        .upstream_status = 200,
        .attempts = 1,
        .stream = true,
        .id = "r_0123456789abcde",
        .model = "smart",
        .target = "openai/gpt-5.1",
        .provider = "openai",
        .server = "api.openai.com",
        .upstream_model = "gpt-5.1-2026",
        .key = "ci",
        .peer = "127.0.0.1:5000",
    };

    UNUSED(state);
    line_is(&r,
            "{\"time\":\"2026-01-01T00:00:00.123Z\",\"id\":\"r_0123456789abcde\",\"op\":\"chat\","
            "\"model\":\"smart\",\"target\":\"openai/gpt-5.1\",\"provider\":\"openai\","
            "\"server\":\"api.openai.com\","
            "\"upstream_model\":\"gpt-5.1-2026\",\"outcome\":\"full\",\"status\":200,"
            "\"upstream_status\":200,\"attempts\":1,\"stream\":true,\"duration_ms\":1234.567,"
            "\"first_ms\":250.040,\"attempt_ms\":1234.001,\"attempt_first_ms\":240,"
            "\"overhead_ms\":0.087,\"bytes_in\":1700,\"bytes_out\":1200,\"tokens_in\":11,"
            "\"tokens_out\":7,\"tokens_cached\":3,\"key\":\"ci\",\"peer\":\"127.0.0.1:5000\"}\n");
}

/* What is not known is null with a reason, never 0; what is, is exact to the last digit. */
static void a_cost_is_exact_or_null(void **state)
{
    static const struct {
        enum pricing pricing;
        uint64_t cost;
        const char *want; /* in the line; NULL: no word of it */
    } rows[] = {
        {PRICING_NOTHING, 0, NULL},
        {PRICING_KNOWN, 0, ",\"cost\":0}"},
        {PRICING_KNOWN, 161540000, ",\"cost\":0.00016154}"},
        {PRICING_KNOWN, UINT64_MAX, ",\"cost\":18446744.073709551615}"},
        {PRICING_INCOMPLETE, 1, ",\"cost\":0.000000000001,\"unpriced\":\"incomplete\"}"},
        {PRICING_NO_PRICE, 7, ",\"cost\":null,\"unpriced\":\"no-price\"}"},
        {PRICING_NO_RATE, 7, ",\"cost\":null,\"unpriced\":\"no-rate\"}"},
        {PRICING_NO_USAGE, 7, ",\"cost\":null,\"unpriced\":\"no-usage\"}"},
        {PRICING_TOO_LARGE, 7, ",\"cost\":null,\"unpriced\":\"too-large\"}"},
        {PRICING_NOT_READ, 7, ",\"cost\":null,\"unpriced\":\"not-read\"}"},
        {PRICINGS_N, 7, ",\"cost\":null,\"unpriced\":\"\"}"}, /* from another process */
    };
    struct buf out;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct record r = {.op = OPS, .pricing = rows[i].pricing, .cost = rows[i].cost};

        buf_init(&out, 2 * RECORD_LINE_MAX);
        record_log_line(&out, &r);
        buf_add_char(&out, '\0');
        if (rows[i].want ? !strstr(out.p, rows[i].want) : strstr(out.p, "cost") != NULL)
            fail_msg("row %zu: %s", i, out.p);
        buf_fini(&out);
    }
}

static void every_part_of_the_usage_is_told(void **state)
{
    struct record r = {.op = OPS,
                       .usage = {.input = 1,
                                 .cache_read = 2,
                                 .cache_write = 3,
                                 .cache_write_1h = 4,
                                 .audio_in = 5,
                                 .audio_cached = 6,
                                 .output = 7,
                                 .reasoning = 8,
                                 .audio_out = 9,
                                 .seen = true}};
    struct buf out;

    UNUSED(state);
    buf_init(&out, 2 * RECORD_LINE_MAX);
    record_log_line(&out, &r);
    buf_add_char(&out, '\0');
    assert_non_null(
        strstr(out.p, "\"tokens_in\":1,\"tokens_out\":7,\"tokens_cached\":2,"
                      "\"tokens_cache_write\":3,\"tokens_cache_write_1h\":4,\"tokens_reasoning\":8,"
                      "\"tokens_audio_in\":5,\"tokens_audio_cached\":6,\"tokens_audio_out\":9}"));
    buf_fini(&out);
}

static void failure_says_why(void **state)
{
    static const struct record r = {
        .outcome = OUTCOME_FAILED,
        .reason = REASON_UPSTREAM_STATUS,
        .class_id = CLASS_OVERLOAD,
        .op = OPS,
        .status = 503,
        .upstream_status = 529,
        .attempts = 1,
        .text = "said \"no\"\nand left",
    };

    UNUSED(state);
    line_is(&r, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"op\":\"unknown\",\"outcome\":\"failed\","
                "\"reason\":\"upstream-status\",\"class\":\"overload\",\"status\":503,"
                "\"upstream_status\":529,\"attempts\":1,\"stream\":false,\"duration_ms\":0,"
                "\"attempt_ms\":0,\"bytes_in\":0,\"bytes_out\":0,\"text\":\"said \\\"no\\\"\\nand "
                "left\"}\n");
}

static void fill(char *p, size_t n, unsigned char with)
{
    memset(p, with, n);
}

/* Every byte value, in every text to its last byte, without a terminator. */
static void hostile_text_stays_one_line(void **state)
{
    UNUSED(state);
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned char b = (unsigned char)byte;
        struct record r = {.wall_ms = UINT64_MAX,
                           .duration_us = UINT64_MAX,
                           .first_us = UINT64_MAX,
                           .attempt_us = UINT64_MAX,
                           .attempt_first_us = UINT64_MAX,
                           .overhead_us = UINT64_MAX,
                           .attempts = UINT16_MAX};
        struct buf out;

        fill(r.id, sizeof(r.id), b);
        fill(r.model, sizeof(r.model), b);
        fill(r.target, sizeof(r.target), b);
        fill(r.provider, sizeof(r.provider), b);
        fill(r.server, sizeof(r.server), b);
        fill(r.upstream_model, sizeof(r.upstream_model), b);
        fill(r.key, sizeof(r.key), b);
        fill(r.peer, sizeof(r.peer), b);
        fill(r.text, sizeof(r.text), b);
        r.outcome = OUTCOMES_N;
        r.class_id = CLASSES;
        r.reason = REASONS;
        r.op = OPS;
        buf_init(&out, RECORD_LINE_MAX);
        record_log_line(&out, &r);
        assert_true(buf_ok(&out));
        assert_true(out.n <= RECORD_LINE_MAX);
        assert_ptr_equal(memchr(out.p, '\n', out.n), out.p + out.n - 1);
        for (size_t i = 0; i + 1 < out.n; i++)
            assert_true((unsigned char)out.p[i] >= 0x20);
        assert_int_equal(json_scan_all(NULL, buf_span(&out), NULL, NULL), JSON_SCAN_DONE);
        buf_fini(&out);
    }
}

static void no_room_appends_nothing(void **state)
{
    struct record r = {.op = OP_CHAT};
    struct buf out;

    UNUSED(state);
    buf_init(&out, RECORD_LINE_MAX);
    buf_add_char(&out, 'x');
    record_log_line(&out, &r);
    assert_false(buf_ok(&out));
    assert_int_equal(out.n, 1);
    buf_fini(&out);
}

/* Each allocation fails in turn: the line is whole or not there at all. */
static void without_memory_there_is_no_line(void **state)
{
    struct record r = {.op = OP_CHAT, .id = "r_1", .text = "why"};
    bool hit = true;
    size_t at;

    UNUSED(state);
    for (at = 1; hit; at++) {
        struct buf out;

        buf_init(&out, RECORD_LINE_MAX);
        mem_torture(at, false);
        record_log_line(&out, &r);
        hit = mem_torture_hit();
        mem_torture(0, false);
        assert_int_equal(out.err, hit ? ERR_NOMEM : ERR_NONE);
        assert_int_equal(out.n > 0, !hit);
        buf_fini(&out);
    }
    assert_true(at > 2);
}

static void a_result_fits_into_a_word(void **state)
{
    struct record in = {0}, out;

    UNUSED(state);
    for (unsigned i = 0; i < OUTCOMES_N; i++) {
        in = (struct record){.outcome = (enum outcome)i,
                             .reason = (enum reason)(REASONS - 1 - i),
                             .class_id = (enum class_id)(i % CLASSES),
                             .status = (uint16_t)(i ? 599 - i : 0),
                             .upstream_status = (uint16_t)(i * 71)};
        out = (struct record){0};
        assert_true(record_result(&in) != 0);
        record_set_result(&out, record_result(&in));
        assert_memory_equal(&out, &in, sizeof(in));
    }
    record_set_result(&out, UINT64_MAX); /* of whom one cannot say what it wrote */
    assert_int_equal(out.outcome, OUTCOME_FAILED);
    assert_int_equal(out.reason, REASON_NONE);
    assert_int_equal(out.class_id, CLASS_NONE);
}

static void who_was_skipped_is_read_back(void **state)
{
    struct record r = {0};
    struct record_skip s;
    struct span rest;

    UNUSED(state);
    record_skip(&r, SPAN_LIT("a/m;x=1"), "left-alone", "12s,key-1");
    record_skip(&r, SPAN_LIT("a/m;x=1"), "left-alone", "11s,key-2"); /* the same once more */
    record_skip(&r, SPAN_LIT("a/m;x=1"), "left", "");
    record_skip(&r, SPAN_LIT("b/two words\n"), "breaker-open", "");
    assert_string_equal(r.skipped,
                        "a/m;x=1=left-alone(12s,key-1) a/m;x=1=left b/two?words?=breaker-open");
    rest = span_str(r.skipped);
    assert_true(record_next_skip(&rest, &s));
    assert_true(span_is(s.target, "a/m;x=1") && span_is(s.why, "left-alone"));
    assert_true(span_is(s.detail, "12s,key-1"));
    assert_true(record_next_skip(&rest, &s) && span_is(s.why, "left") && s.detail.n == 0);
    assert_true(record_next_skip(&rest, &s) && span_is(s.target, "b/two?words?"));
    assert_false(record_next_skip(&rest, &s));
}

static void who_does_not_fit_is_dots(void **state)
{
    char name[300];

    UNUSED(state);
    for (size_t n = 1; n < sizeof(name); n++) { /* every way to be near the end */
        struct record r = {0};
        size_t had = 0;

        memset(name, 'x', sizeof(name));
        for (int i = 0; i < 3; i++) {
            name[n - 1] = (char)('0' + i);
            record_skip(&r, span_of(name, n), "cannot-say", i == 1 ? "tools" : "");
            assert_true(strlen(r.skipped) >= had && memchr(r.skipped, 0, sizeof(r.skipped)));
            had = strlen(r.skipped);
        }
        assert_true(n < 75 || span_ends(span_str(r.skipped), SPAN_LIT("...")));
        assert_true(n > 50 || span_ends(span_str(r.skipped), SPAN_LIT("2=cannot-say")));
    }
}

static void any_text_is_read_as_skips(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } rows[] = {{"", 0},     {" ", 0},    {"  =  ", 1}, {"x", 1},     {"=)", 1},
                {"a=()", 1}, {"a=b(", 1}, {"...", 1},   {"a=b a", 2}, {")", 1}};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span rest = span_str(rows[i].text);
        struct record_skip s;
        size_t n = 0;

        while (record_next_skip(&rest, &s))
            n++;
        assert_int_equal(n, rows[i].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cost_is_exact_or_null),
        cmocka_unit_test(every_part_of_the_usage_is_told),
        cmocka_unit_test(a_result_fits_into_a_word),
        cmocka_unit_test(times_are_rfc_3339),
        cmocka_unit_test(good_request_is_one_line),
        cmocka_unit_test(failure_says_why),
        cmocka_unit_test(hostile_text_stays_one_line),
        cmocka_unit_test(no_room_appends_nothing),
        cmocka_unit_test(without_memory_there_is_no_line),
        cmocka_unit_test(who_was_skipped_is_read_back),
        cmocka_unit_test(who_does_not_fit_is_dots),
        cmocka_unit_test(any_text_is_read_as_skips),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
