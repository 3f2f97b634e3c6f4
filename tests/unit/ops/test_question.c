/* Goal: a question's query is read whole, in any order and with escapes, or refused in words.
 * Method: queries and what they say. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ops/question.h"

#define CHAT "/v1/chat/completions"

static void a_query_is_read(void **state)
{
    static const struct {
        const char *query, *model, *path, *key; /* model NULL: refused */
    } rows[] = {
        {"model=m", "m", CHAT, NULL},
        {"model=a%2Fb%20c", "a/b c", CHAT, NULL},
        {"key=k&path=%2Fv1%2Fx&model=m", "m", "/v1/x", "k"},
        {"model=a=b", "a=b", CHAT, NULL},
        {"model=", "", CHAT, NULL},
        {"model=a&model=b", "b", CHAT, NULL},
        {"model=%", "%", CHAT, NULL},
        {"", NULL, NULL, NULL},
        {"path=/v1/x", NULL, NULL, NULL},
        {"model", NULL, NULL, NULL},
        {"model=m&x=1", NULL, NULL, NULL},
        {"model=m&", NULL, NULL, NULL},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[QUESTION_TEXT];
        struct ops_question q;
        struct err e;
        int rc = question_read(&q, text, span_str(rows[i].query), &e);

        assert_int_equal(rc, rows[i].model ? 0 : -1);
        if (rc < 0)
            continue;
        assert_true(span_is(q.model, rows[i].model) && span_is(q.path, rows[i].path));
        assert_true(span_eq(q.key, span_str(rows[i].key)));
        assert_true(span_has(q.key) == (rows[i].key != NULL));
    }
}

static void a_query_fits_or_is_refused(void **state)
{
    char query[QUESTION_TEXT + 1], text[QUESTION_TEXT];
    struct ops_question q;
    struct err e;

    UNUSED(state);
    memset(query, 'x', sizeof(query));
    memcpy(query, "model=", 6);
    assert_int_equal(question_read(&q, text, span_of(query, QUESTION_TEXT), &e), 0);
    assert_int_equal(q.model.n, QUESTION_TEXT - 6);
    assert_int_equal(question_read(&q, text, span_of(query, sizeof(query)), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_read),
        cmocka_unit_test(a_query_fits_or_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
