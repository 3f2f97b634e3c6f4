/* Goal: a translation that finds no memory says so; it never gives half of a text for all of it.
 * Method: a request, a stream and an answer of one dialect for clients of every other, of which
 * each allocation fails in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/dialect.h"
#include "dialect/translate.h"

#define MEGA ((size_t)1024 * 1024)

#define CHUNK(delta, finish)                                                                       \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":["       \
    "{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish "}]}\n\n"

/* A client's dialect, what it asks, and by which dialect it is asked for. */
static const struct row {
    const char *client, *request, *target;
} rows[] = {
    {"openai.responses", "{\"model\":\"m\",\"input\":\"hello there\"}", "openai.chat"},
    {"anthropic.messages",
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hello "
     "there\"}]}",
     "openai.chat"},
    {"gemini.generate",
     "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hello there\"}]}]}", "openai.chat"},
    {"openai.chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}]}",
     "gemini.generate"},
    {"openai.chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}]}",
     "anthropic.messages"},
    {"openai.chat",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}]}",
     "openai.responses"},
};

static const char *const events[] = {
    CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null"),
    CHUNK("{\"content\":\"a word and another one, and so on until it is long enough\"}", "null"),
    CHUNK("{\"content\":\" more\"}", "null"),
    CHUNK("{}", "\"stop\""),
};

static int begin(struct translate **t, const struct row *row, struct err *e)
{
    struct translate_conf conf = {.client = convert_client(dialect_find(span_str(row->client))),
                                  .target = convert_target(dialect_find(span_str(row->target))),
                                  .model = SPAN_LIT("m"),
                                  .id = SPAN_LIT("r_1"),
                                  .answer_max = MEGA};

    assert_non_null(conf.client);
    assert_non_null(conf.target);
    return translate_new(t, &conf, span_str(row->request), e);
}

static int request(const struct row *row, struct buf *out)
{
    struct convert_to to = {.model = SPAN_LIT("theirs"), .stream = true, .max_tokens = 100};
    struct translate *t = NULL;
    struct err e;
    int rc = begin(&t, row, &e);

    if (rc == 0)
        rc = translate_request(t, out, &to, &e);
    translate_free(&t);
    return rc;
}

/* As the relay does it: each event into a buf of its own. */
static int stream(const struct row *row, struct buf *out)
{
    struct translate *t = NULL;
    struct buf one;
    struct err e;
    int rc = begin(&t, row, &e);

    for (size_t i = 0; rc == 0 && i <= ARRAY_LEN(events); i++) {
        buf_init(&one, MEGA);
        rc = i < ARRAY_LEN(events) ? translate_event(t, span_str(events[i]), &one, &e)
                                   : translate_end(t, &one, &e);
        if (rc == 0)
            buf_add_span(out, buf_span(&one));
        buf_fini(&one);
    }
    translate_free(&t);
    return rc;
}

static void says_all_or_no(const struct row *row, int (*say)(const struct row *, struct buf *))
{
    struct buf all, some;
    bool hit = true;

    buf_init(&all, MEGA);
    buf_init(&some, MEGA);
    assert_non_null(buf_reserve(&some, MEGA / 4)); /* what is gathered needs no memory */
    assert_int_equal(say(row, &all), 0);
    assert_true(all.n > 0);
    for (size_t at = 1; hit; at++) {
        bool own = say == request;
        struct buf fresh;
        int rc;

        buf_init(&fresh, MEGA);
        buf_reset(&some);
        mem_torture(at, false);
        rc = say(row, own ? &fresh : &some);
        hit = mem_torture_hit();
        mem_torture(0, false);
        if (rc == 0 && !span_eq(buf_span(own ? &fresh : &some), buf_span(&all)))
            fail_msg("%s of %s, allocation %zu: %.*s", row->client, row->target, at,
                     SPAN_FMT(buf_span(own ? &fresh : &some)));
        assert_true(hit || rc == 0);
        buf_fini(&fresh);
    }
    buf_fini(&all);
    buf_fini(&some);
}

static void requests_are_whole_or_none(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        says_all_or_no(&rows[i], request);
}

static void streams_are_whole_or_none(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < 3; i++)
        says_all_or_no(&rows[i], stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_whole_or_none),
        cmocka_unit_test(streams_are_whole_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
