/* Goal: no spelling of the credential survives, nothing else is touched, and no length changes.
 * Method: rows of text and result, whole and in two pieces at every cut. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "call/scrub.h"

#define KEY "sk-a/b_\"7u"

static const struct {
    const char *text, *want;
} rows[] = {
    {"", ""},
    {"nothing of it here", "nothing of it here"},
    {KEY, "**********"},
    {"Incorrect key: " KEY ".", "Incorrect key: **********."},
    {KEY KEY " " KEY, "******************** **********"},
    {"sk-a/b_\"7U", "sk-a/b_\"7U"},
    {"sk-sk-a/b_\"7u", "sk-**********"},
    {"sk-a/bsk-a/b_\"7u", "sk-a/b**********"},
    {"{\"m\":\"sk-a\\/b_\\\"7u\"}", "{\"m\":\"************\"}"},
    {"{\"m\":\"sk\\u002da/b_\\u00227\\u0075\"}", "{\"m\":\"*************************\"}"},
    {"sk\\u002Da/b_\"7u", "***************"},
    {"sk\\u002ga/b_\"7u sk\\u012da/b_\"7u", "sk\\u002ga/b_\"7u sk\\u012da/b_\"7u"},
    {"no such sk-a/b_", "no such sk-a/b_"}, /* cut, and too short to matter */
    {"no such sk-a/b_\"", "no such ********"},
    {"sk-a/b_\"7\\", "**********"},
    {"sk-a/b_\"7\\u00", "*************"},
};

static void every_spelling_is_starred(void **state)
{
    char text[128];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof(text), "%s", rows[i].text);
        scrub(text, strlen(text), SPAN_LIT(KEY));
        assert_string_equal(text, rows[i].want);
    }
}

/* As a reader does that hands on what is settled. */
static void in_two_pieces(struct span text, size_t cut, struct buf *out)
{
    struct buf held;
    size_t settled;

    buf_init(&held, 256);
    buf_add(&held, text.p, cut);
    settled = scrub_part(held.p, held.n, SPAN_LIT(KEY));
    buf_add(out, held.p, settled);
    buf_consume(&held, settled);
    buf_add(&held, text.p + cut, text.n - cut);
    scrub(held.p, held.n, SPAN_LIT(KEY));
    buf_add_span(out, buf_span(&held));
    buf_fini(&held);
}

static void a_cut_anywhere_changes_nothing(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t cut = 0; cut <= strlen(rows[i].text); cut++) {
            struct buf out;

            buf_init(&out, 256);
            in_two_pieces(span_str(rows[i].text), cut, &out);
            assert_true(span_is(buf_span(&out), rows[i].want));
            buf_fini(&out);
        }
    }
}

static void words_are_no_secrets(void **state)
{
    char text[] = "the model EMPTY does not exist";

    UNUSED(state);
    scrub(text, strlen(text), SPAN_LIT("EMPTY"));
    scrub(text, strlen(text), span_of(NULL, 0));
    assert_string_equal(text, "the model EMPTY does not exist");
    scrub(NULL, 0, SPAN_LIT(KEY));
}

/* The head that came stays as it was; without memory for all of it, nothing is told. */
static void values_of_a_head_are_starred(void **state)
{
    static const struct http_field fields[] = {
        {SPAN_LIT("retry-after"), SPAN_LIT("30")},
        {SPAN_LIT("x-ratelimit-of"), SPAN_LIT("<" KEY ">")},
        {SPAN_LIT("empty"), {NULL, 0}},
    };
    static const struct http_head head = {
        .status = 429, .body_len = 7, .fields = fields, .fields_n = ARRAY_LEN(fields)};
    struct http_head ret = {0};
    struct arena a;
    struct err e;

    UNUSED(state);
    arena_init(&a, 0);
    for (size_t budget = 0; scrub_head(&ret, &head, SPAN_LIT(KEY), &a, &e) < 0; budget++) {
        assert_int_equal(e.code, ERR_NOMEM);
        assert_true(ret.status == 0 && budget < 4096);
        arena_fini(&a);
        arena_init(&a, budget);
    }
    assert_true(ret.status == 429 && ret.body_len == 7 && ret.fields_n == ARRAY_LEN(fields));
    assert_true(span_is(http_field_get(&ret, "retry-after"), "30"));
    assert_true(span_is(http_field_get(&ret, "x-ratelimit-of"), "<**********>"));
    assert_true(span_is(http_field_get(&ret, "empty"), ""));
    assert_true(span_is(fields[1].value, "<" KEY ">"));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_is_starred),
        cmocka_unit_test(a_cut_anywhere_changes_nothing),
        cmocka_unit_test(words_are_no_secrets),
        cmocka_unit_test(values_of_a_head_are_starred),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
