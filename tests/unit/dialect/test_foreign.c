/*
 * Goal: of a request that goes to a provider of the client's own dialect, thinking that another
 * API's model has made is cut out, and nothing else; and a request without any is told apart.
 * Method: rows of (body, what is left); each is fed in bytes, the cuts are made as patches, and
 * what is left is JSON again.
 */
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

#include <cmocka.h>

#include "codec/json_tree.h"
#include "dialect/foreign.h"

#define MESSAGES  &dialect_anthropic_messages
#define COUNTS    &dialect_anthropic_count
#define RESPONSES &dialect_openai_responses
#define GEMINI    &dialect_gemini_generate
#define CHAT      &dialect_openai_chat

#define THOUGHT(signature)                                                                         \
    "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"" signature "\"}"
#define TEXT(t)     "{\"type\":\"text\",\"text\":\"" t "\"}"
#define OURS        THOUGHT("lamplighter.openai.e")
#define CLOSED      "{\"type\":\"redacted_thinking\",\"data\":\"lamplighter.gemini.e\"}"
#define SAID(m)     "{\"model\":\"m\",\"messages\":[" m "]}"
#define USER        "{\"role\":\"user\",\"content\":\"u\"}"
#define MODEL(c)    "{\"role\":\"assistant\",\"content\":[" c "]}"
#define PUT(i)      "{\"model\":\"m\",\"input\":[" i "]}"
#define CONTENTS(p) "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"u\"}]}" p "]}"
#define TOLD(p)     ",{\"role\":\"model\",\"parts\":[" p "]}"

/* clang-format off */
static const struct {
    const struct dialect *d;
    const char *body, *left; /* NULL: nothing is cut, and nothing is foreign */
} rows[] = {
    {MESSAGES, SAID(USER "," MODEL(THOUGHT("EqQB") "," TEXT("a"))), NULL},
    {MESSAGES, SAID(USER), NULL},
    {MESSAGES, SAID(USER "," MODEL(TEXT("lamplighter.openai.e"))), NULL},
    {MESSAGES, SAID(USER "," MODEL(OURS "," TEXT("a"))), SAID(USER "," MODEL(TEXT("a")))},
    {MESSAGES, SAID(USER "," MODEL(OURS " , " CLOSED " , " TEXT("a"))), SAID(USER "," MODEL(TEXT("a")))},
    {MESSAGES, SAID(USER "," MODEL(TEXT("a") " , " OURS " , " TEXT("b"))), SAID(USER "," MODEL(TEXT("a") " , " TEXT("b")))},
    {MESSAGES, SAID(USER "," MODEL(TEXT("a") "," OURS "," CLOSED)), SAID(USER "," MODEL(TEXT("a")))},
    {MESSAGES, SAID(USER "," MODEL(CLOSED "," THOUGHT("EqQB") "," OURS)), SAID(USER "," MODEL(THOUGHT("EqQB")))},
    {MESSAGES, SAID(USER "," MODEL(THOUGHT("") "," TEXT("a"))), SAID(USER "," MODEL(TEXT("a")))},
    {MESSAGES, SAID(USER "," MODEL(OURS) "," USER), SAID(USER "," USER)},
    {MESSAGES, SAID(MODEL(OURS) "," USER), SAID(USER)},
    {MESSAGES, SAID(MODEL(OURS) "," MODEL(OURS "," TEXT("a")) "," USER), SAID(MODEL(TEXT("a")) "," USER)},
    {MESSAGES, SAID(MODEL(OURS)), SAID(MODEL(OURS))},
    {MESSAGES, SAID(USER "," MODEL("")), NULL},
    {MESSAGES, SAID(USER "," MODEL(OURS "," TEXT("a")) "," USER "," MODEL(OURS "," TEXT("b"))), SAID(USER "," MODEL(TEXT("a")) "," USER "," MODEL(TEXT("b")))},
    {COUNTS, SAID(USER "," MODEL(OURS "," TEXT("a"))), SAID(USER "," MODEL(TEXT("a")))},
    {RESPONSES, "{\"model\":\"m\",\"input\":\"lamplighter.\"}", NULL},
    {RESPONSES, PUT("{\"role\":\"user\",\"content\":\"u\"}"), NULL},
    {RESPONSES, PUT("{\"type\":\"reasoning\",\"id\":\"rs_1\",\"encrypted_content\":\"gAAA\"},{\"role\":\"user\",\"content\":\"u\"}"), NULL},
    {RESPONSES, PUT("{\"type\":\"reasoning\",\"id\":\"rs_1\",\"encrypted_content\":\"\"},{\"role\":\"user\",\"content\":\"u\"}"), NULL},
    {RESPONSES, PUT("{\"type\":\"reasoning\",\"id\":\"rs_1\",\"encrypted_content\":\"lamplighter.anthropic.e\"},{\"role\":\"user\",\"content\":\"u\"}"), PUT("{\"role\":\"user\",\"content\":\"u\"}")},
    {RESPONSES, PUT("{\"role\":\"user\",\"content\":\"u\"},{\"type\":\"reasoning\",\"id\":\"rs_lamplighter_1_0\",\"summary\":[]}"), PUT("{\"role\":\"user\",\"content\":\"u\"}")},
    {GEMINI, CONTENTS(TOLD("{\"text\":\"t\",\"thoughtSignature\":\"c2ln\"}")), NULL},
    {GEMINI, CONTENTS(TOLD("{\"text\":\"t\",\"thoughtSignature\":\"\"}")), NULL},
    {GEMINI, CONTENTS(TOLD("{\"functionCall\":{\"name\":\"f\"},\"thoughtSignature\":\"skip_thought_signature_validator\"}")), NULL},
    {GEMINI, CONTENTS(TOLD("{\"text\":\"t\",\"thought\":true},{\"text\":\"\",\"thoughtSignature\":\"bGFtcGxpZ2h0ZXI6YW46ZQ==\"},{\"text\":\"a\"}")), CONTENTS(TOLD("{\"text\":\"t\",\"thought\":true},{\"text\":\"a\"}"))},
    {GEMINI, CONTENTS(TOLD("{\"thought_signature\":\"bGFtcGxpZ2h0ZXI6YW46ZQ==\",\"text\":\"\"}") TOLD("{\"text\":\"a\"}")), CONTENTS(TOLD("{\"text\":\"a\"}"))},
    {CHAT, "{\"model\":\"m\",\"messages\":[{\"content\":[{\"signature\":\"lamplighter.openai.e\"}]}]}", NULL},
};
/* clang-format on */

struct cuts {
    struct blob_patch patches[16];
    size_t n;
};

static bool cut(void *arg, uint64_t at, uint64_t len)
{
    struct cuts *c = arg;

    assert_in_range(c->n, 0, ARRAY_LEN(c->patches) - 1);
    c->n = blob_patch_add(c->patches, c->n, (struct blob_patch){.at = at, .len = len});
    return true;
}

/* The body without what the reader says, in bytes. */
static void strip(const struct dialect *d, const char *body, struct buf *out)
{
    struct cuts c = {.n = 0};
    struct foreign_reader r;
    size_t at = 0;

    foreign_begin(&r, d->foreign, true, cut, &c);
    for (size_t i = 0; body[i]; i++)
        assert_int_not_equal(json_scan_feed(&r.scan, body + i, 1), JSON_SCAN_BAD);
    assert_int_equal(json_scan_eof(&r.scan), JSON_SCAN_DONE);
    for (size_t i = 0; i < c.n; i++) {
        assert_in_range(c.patches[i].at, at, strlen(body));
        buf_add(out, body + at, (size_t)c.patches[i].at - at);
        at = (size_t)(c.patches[i].at + c.patches[i].len);
    }
    buf_add_str(out, body + at);
    assert_true(buf_ok(out));
}

static bool is_foreign(const struct dialect *d, const char *body)
{
    struct dialect_request_reader r;

    dialect_request_begin(&r, d);
    for (size_t i = 0; body[i]; i++)
        assert_int_equal(dialect_request_feed(&r, body + i, 1), 0);
    assert_int_equal(dialect_request_end(&r), 0);
    return r.req.foreign || r.req.unsigned_thinking;
}

static void foreign_thinking_is_cut_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *left = rows[i].left ? rows[i].left : rows[i].body;
        struct buf out;

        if (is_foreign(rows[i].d, rows[i].body) != (rows[i].left != NULL))
            fail_msg("row %zu: foreign %d", i, !rows[i].left);
        if (!rows[i].d->foreign)
            continue;
        buf_init(&out, 4096);
        strip(rows[i].d, rows[i].body, &out);
        if (!span_is(buf_span(&out), left))
            fail_msg("row %zu: %.*s", i, SPAN_FMT(buf_span(&out)));
        buf_fini(&out);
    }
}

static bool refuse_cut(void *arg, uint64_t at, uint64_t len)
{
    (void)arg;
    (void)at;
    (void)len;
    return false;
}

static void no_room_for_a_cut_stops(void **state)
{
    static const char body[] = SAID(USER "," MODEL(OURS "," TEXT("a")));
    struct foreign_reader r;

    (void)state;
    foreign_begin(&r, dialect_anthropic_messages.foreign, true, refuse_cut, NULL);
    assert_int_equal(json_scan_feed(&r.scan, body, sizeof(body) - 1), JSON_SCAN_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_thinking_is_cut_out),
        cmocka_unit_test(no_room_for_a_cut_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
