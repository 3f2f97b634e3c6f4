/* Goal: spans, bufs, arenas, errors and lists do what their headers say, at and past each bound.
 * Method: tables and small scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/reason.h"

static const struct {
    const char *pattern, *text;
    bool want;
} globs[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", "anything", true},
    {"gpt-*", "gpt-5", true},
    {"gpt-*", "gpt", false},
    {"*-mini", "o4-mini", true},
    {"a*b*c", "axxbyyc", true},
    {"a*b*c", "axxbyy", false},
    {"**", "x", true},
    {"a**b", "ab", true},
    {"a*a", "a", false},
    {"abc", "abc", true},
    {"abc", "abcd", false},
    {"*a", "ba\nca", true},
};

static void globs_match(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(globs); i++)
        if (span_glob(span_str(globs[i].pattern), span_str(globs[i].text)) != globs[i].want)
            fail_msg("'%s' against '%s'", globs[i].pattern, globs[i].text);
    assert_true(span_globs((const char *const[]){"b", "a*", NULL}, SPAN_LIT("abc")));
    assert_false(span_globs((const char *const[]){"b", "a", NULL}, SPAN_LIT("abc")));
    assert_false(span_globs((const char *const[]){NULL}, SPAN_LIT("")));
}

static const struct {
    const char *text;
    int rc;
    uint64_t want;
} numbers[] = {
    {"0", 0, 0},
    {"18446744073709551615", 0, UINT64_MAX},
    {"18446744073709551616", -1, 7},
    {"", -1, 7},
    {"-1", -1, 7},
    {"+1", -1, 7},
    {"1 ", -1, 7},
    {"0x1", -1, 7},
    {"007", 0, 7},
};

static void numbers_are_read_whole_or_not_at_all(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uint64_t v = 7;

        assert_int_equal(span_u64(span_str(numbers[i].text), &v), numbers[i].rc);
        assert_true(v == numbers[i].want);
    }
}

static void numbers_are_written_as_they_are_read(void **state)
{
    const uint64_t edges[] = {0, 9, 10, 65535, UINT64_MAX};
    char text[SPAN_U64];

    for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
        struct span s = span_of_u64(edges[i], text);
        uint64_t v = 7;

        assert_int_equal(span_u64(s, &v), 0);
        assert_true(v == edges[i]);
        assert_true(s.n == 1 || s.p[0] != '0');
    }
}

static void spans_are_cut_and_compared(void **state)
{
    struct span rest = SPAN_LIT("a,,b"), piece;
    static const char *const want[] = {"a", "", "b"};

    for (size_t i = 0; i < 3; i++) {
        assert_true(span_has(rest));
        piece = span_cut(&rest, ',');
        assert_true(span_is(piece, want[i]));
    }
    assert_false(span_has(rest));
    assert_true(span_is(span_trim(SPAN_LIT(" \t x y \t")), "x y"));
    assert_true(span_is(span_trim(SPAN_LIT("  ")), ""));
    assert_true(span_eq_nocase(SPAN_LIT("Content-Type"), SPAN_LIT("content-TYPE")));
    assert_false(span_eq_nocase(SPAN_LIT("a"), SPAN_LIT("ab")));
    assert_true(span_starts(SPAN_LIT("abc"), SPAN_LIT("ab")));
    assert_false(span_starts(SPAN_LIT("a"), SPAN_LIT("ab")));
    assert_true(span_ends(SPAN_LIT("abc"), SPAN_LIT("bc")));
    assert_false(span_ends(SPAN_LIT("c"), SPAN_LIT("bc")));
    assert_true(span_contains(SPAN_LIT("abc"), SPAN_LIT("")));
    assert_false(span_contains(SPAN_LIT(""), SPAN_LIT("a")));
    assert_int_equal(span_find(SPAN_LIT("abc"), 'c'), 2);
    assert_true(span_find(SPAN_LIT("abc"), 'x') == SIZE_MAX);
}

static void a_buf_stops_at_its_maximum(void **state)
{
    struct buf b;
    struct err e;

    buf_init(&b, 10);
    buf_add_str(&b, "0123456789");
    assert_true(buf_ok(&b));
    buf_add_char(&b, 'x');
    assert_false(buf_ok(&b));
    assert_int_equal(b.n, 10);
    buf_add_str(&b, "y"); /* the error sticks */
    assert_int_equal(b.n, 10);
    assert_int_equal(buf_finish(&b, "thing", &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    buf_reset(&b);
    buf_add_u64(&b, 1234567890);
    assert_int_equal(buf_finish(&b, "thing", &e), 0);
    buf_consume(&b, 3);
    assert_true(span_is(buf_span(&b), "4567890"));
    buf_consume(&b, 7);
    assert_int_equal(b.n, 0);
    buf_fini(&b);
    buf_init(&b, 100);
    buf_add_u64(&b, UINT64_MAX);
    buf_printf(&b, "|%d|%s", -5, "z");
    assert_true(span_is(buf_span(&b), "18446744073709551615|-5|z"));
    buf_fini(&b);
    buf_init(&b, 100);
    mem_torture(1, false);
    buf_add_str(&b, "x");
    mem_torture(0, false);
    assert_int_equal(buf_finish(&b, "thing", &e), -1);
    assert_int_equal(e.code, ERR_NOMEM);
    buf_fini(&b);
}

/* Behind an append that found no memory there is nothing, also where it would have had room. */
static void a_buf_without_memory_stays_as_it_is(void **state)
{
    struct buf b;
    struct err e;

    UNUSED(state);
    buf_init(&b, 4096);
    for (size_t i = 0; i < 200; i++)
        buf_add_char(&b, 'a');
    mem_torture(1, true);
    buf_printf(&b, "%d", 7);
    buf_printf(&b, "%d", 8);
    mem_torture(0, false);
    assert_int_equal(b.n, 200);
    assert_int_equal(buf_finish(&b, "thing", &e), -1);
    buf_fini(&b);
}

static void prints_are_whole_or_not_there(void **state)
{
    char text[301];
    struct buf b;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t max = 1; max <= sizeof(text); max++)
        for (size_t before = 0; before < 3; before++) {
            size_t n = max - MIN(before, max);

            buf_init(&b, max);
            buf_add(&b, "abc", MIN(before, max));
            if (n > 0)
                buf_printf(&b, "%.*s", (int)n - 1, text); /* its NUL has to fit as well */
            assert_true(buf_ok(&b));
            assert_int_equal(b.n, n > 0 ? max - 1 : max);
            buf_printf(&b, "%s", "y"); /* one too many */
            assert_false(buf_ok(&b));
            buf_fini(&b);
        }
}

static void an_arena_keeps_its_budget(void **state)
{
    struct arena a;
    struct span s;
    char *p;

    arena_init(&a, 4096);
    p = arena_alloc(&a, 100);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 16, 0);
    s = arena_dup(&a, SPAN_LIT("hello"));
    assert_true(span_is(s, "hello"));
    assert_int_equal(s.p[5], '\0');
    s = arena_printf(&a, "%s-%d", "x", 7);
    assert_true(span_is(s, "x-7"));
    assert_null(arena_alloc(&a, 4096));
    assert_non_null(arena_alloc(&a, 4096 - a.used));
    assert_null(arena_alloc(&a, 1));
    arena_fini(&a);
    arena_init(&a, SIZE_MAX);
    assert_non_null(arena_alloc(&a, 1000000)); /* larger than any block */
    mem_torture(1, false);
    assert_null(arena_alloc(&a, 1000000));
    mem_torture(0, false);
    assert_false(span_has(arena_dup(&a, span_of("x", SIZE_MAX - 1))));
    arena_fini(&a);
}

static void errors_carry_their_way(void **state)
{
    struct err e;
    char text[400];

    assert_int_equal(err_set(&e, ERR_PARSE, "line %d", 3), -1);
    assert_int_equal(err_prefix(&e, "file '%s'", "x"), -1);
    assert_string_equal(e.text, "file 'x': line 3");
    assert_string_equal(err_code_name(e.code), "parse");
    assert_string_equal(err_code_name((enum err_code)999), "unknown");
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_set(&e, ERR_SYS, "%s", text);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    err_prefix(&e, "%s", text); /* no room: the old text stays */
    assert_int_equal(e.text[0], 'a');
    for (int r = 0; r < REASONS; r++) {
        assert_string_not_equal(reason_word((enum reason)r), "unknown");
        assert_string_not_equal(reason_meaning((enum reason)r), "");
        assert_string_equal(reason_retry_after((enum reason)r),
                            r == REASON_NO_MEMORY || r == REASON_DRAINING ? "1" : "");
    }
}

static void a_list_may_lose_its_current_link(void **state)
{
    struct list head, links[5];
    size_t seen = 0;

    list_init(&head);
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        list_init(&links[i]);
        list_push(&head, &links[i]);
    }
    LIST_EACH(it, &head)
    {
        if (seen % 2 == 0)
            list_del(it);
        seen++;
    }
    assert_int_equal(seen, 5);
    assert_true(head.next == &links[1] && head.prev == &links[3]);
    list_del(&links[0]); /* twice is fine */
    list_push_front(&head, &links[0]);
    assert_true(head.next == &links[0]);
}

static void spares_are_kept_to_their_bound(void **state)
{
    struct mem_spares s = {0};
    void *pieces[MEM_SPARES_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        pieces[i] = mem_spares_take(&s, 2000);
        assert_non_null(pieces[i]);
        memset(pieces[i], 0xA5, 2000);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        mem_spares_give(&s, pieces[i]);
        assert_int_equal(s.n, MIN(i + 1, (size_t)MEM_SPARES_MAX));
    }
    for (size_t i = MEM_SPARES_MAX; i-- > 0;) { /* the warmest first */
        void *p = mem_spares_take(&s, 2000);

        assert_ptr_equal(p, pieces[i]);
        assert_int_equal(s.n, i);
        mem_free(p);
    }
    assert_null(s.first);
    mem_spares_give(&s, NULL);
    assert_int_equal(s.n, 0);
}

static void nothing_is_kept_behind_the_end(void **state)
{
    struct mem_spares s = {0};
    void *late = mem_spares_take(&s, 2000);

    assert_non_null(late);
    mem_spares_give(&s, mem_spares_take(&s, 2000));
    mem_spares_fini(&s);
    mem_spares_give(&s, late); /* valgrind and LeakSanitizer tell whether it was freed */
    assert_null(s.first);
}

static void without_memory_only_spares_are_had(void **state)
{
    struct mem_spares s = {0};
    void *p = mem_spares_take(&s, 2000);
    bool kept;

    assert_non_null(p);
    mem_spares_give(&s, p);
    kept = s.n > 0;
    mem_torture(1, true);
    p = mem_spares_take(&s, 2000);
    assert_int_equal(p != NULL, kept);
    assert_null(mem_spares_take(&s, 2000));
    mem_torture(0, false);
    mem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(globs_match),
        cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(numbers_are_written_as_they_are_read),
        cmocka_unit_test(spans_are_cut_and_compared),
        cmocka_unit_test(a_buf_stops_at_its_maximum),
        cmocka_unit_test(a_buf_without_memory_stays_as_it_is),
        cmocka_unit_test(prints_are_whole_or_not_there),
        cmocka_unit_test(an_arena_keeps_its_budget),
        cmocka_unit_test(spares_are_kept_to_their_bound),
        cmocka_unit_test(nothing_is_kept_behind_the_end),
        cmocka_unit_test(without_memory_only_spares_are_had),
        cmocka_unit_test(errors_carry_their_way),
        cmocka_unit_test(a_list_may_lose_its_current_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
