/*
 * Goal: errors come out as each dialect's clients expect them, and no text from outside breaks
 * out of its quotes.
 * Method: whole texts compared.
 */
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

#include <cmocka.h>

#include "dialect/dialect.h"

static const struct dialect_error full = {
    .status = 502,
    .reason = "truncated",
    .message = {"The \"answer\" ended.", 19},
    .hint = {"Add a target.", 13},
    .request_id = {"r_1", 3},
    .target = {"openai/gpt", 10},
    .upstream_type = {"overloaded_error", 16},
    .upstream_status = 529,
    .sequence = 9,
};

#define DETAILS                                                                                    \
    "\"lamplighter\":{\"request_id\":\"r_1\",\"reason\":\"truncated\",\"target\":\"openai/gpt\","  \
    "\"hint\":\"Add a target.\",\"upstream\":{\"status\":529,\"type\":\"overloaded_error\"}}"
#define OPENAI                                                                                     \
    "{\"error\":{\"message\":\"The \\\"answer\\\" ended.\",\"type\":\"server_error\","             \
    "\"param\":null,\"code\":\"overloaded_error\"}," DETAILS "}"
#define RESPONSES                                                                                  \
    "{\"type\":\"error\",\"sequence_number\":9,\"code\":\"overloaded_error\","                     \
    "\"message\":\"The \\\"answer\\\" ended.\",\"param\":null,\"error\":{"                         \
    "\"message\":\"The \\\"answer\\\" ended.\",\"type\":\"server_error\",\"param\":null,"          \
    "\"code\":\"overloaded_error\"}," DETAILS "}"
#define ANTHROPIC                                                                                  \
    "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","                                \
    "\"message\":\"The \\\"answer\\\" ended.\"},\"request_id\":\"r_1\"," DETAILS "}"

#define GEMINI                                                                                     \
    "{\"error\":{\"code\":502,\"message\":\"The \\\"answer\\\" ended.\","                          \
    "\"status\":\"UNAVAILABLE\",\"details\":[]}," DETAILS "}"

static void check(void (*write)(struct buf *out, const struct dialect_error *e),
                  const struct dialect_error *e, const char *want)
{
    struct buf b;

    buf_init(&b, 65536);
    write(&b, e);
    assert_true(buf_ok(&b));
    buf_add_char(&b, '\0');
    assert_string_equal(b.p, want);
    buf_fini(&b);
}

static void bodies_say_all(void **state)
{
    check(dialect_openai_chat.write_error, &full, OPENAI);
    check(dialect_openai_embeddings.write_error, &full, OPENAI);
    check(dialect_openai_responses.write_error, &full, OPENAI);
    check(dialect_anthropic_messages.write_error, &full, ANTHROPIC);
    check(dialect_anthropic_count.write_error, &full, ANTHROPIC);
    check(dialect_gemini_generate.write_error, &full, GEMINI);
    check(dialect_gemini_count.write_error, &full, GEMINI);
}

static void events_are_framed(void **state)
{
    check(dialect_openai_chat.write_error_event, &full, "data: " OPENAI "\n\n");
    check(dialect_openai_completions.write_error_event, &full, "data: " OPENAI "\n\n");
    check(dialect_openai_responses.write_error_event, &full,
          "event: error\ndata: " RESPONSES "\n\n");
    check(dialect_anthropic_messages.write_error_event, &full,
          "event: error\ndata: " ANTHROPIC "\n\n");
    check(dialect_gemini_generate.write_error_event, &full, "data: " GEMINI "\r\n\r\n");
}

/* What we write must be read back as an error by ourselves. */
static void what_is_written_is_read_back(void **state)
{
    static const struct dialect *const dialects[] = {
        &dialect_openai_chat, &dialect_openai_completions, &dialect_openai_responses,
        &dialect_anthropic_messages, &dialect_gemini_generate};

    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        struct dialect_answer a;
        struct buf b;
        size_t used;

        buf_init(&b, 65536);
        buf_add_str(&b, dialects[i]->keepalive);
        dialects[i]->write_error_event(&b, &full);
        dialect_answer_begin(&a, dialects[i], TERMINAL_DONE, 1, true);
        used = strlen(dialects[i]->keepalive);
        if (strspn(dialects[i]->keepalive, "\r\n") == used) { /* they belong to the next event */
            used = 0;
        } else {
            assert_int_equal(dialect_answer_next(&a, b.p, b.n, &used), STEP_EVENT);
            assert_int_equal(a.ev.kind, EVENT_KEEPALIVE);
            assert_int_equal(used, strlen(dialects[i]->keepalive));
        }
        assert_int_equal(dialect_answer_next(&a, b.p + used, b.n - used, &used), STEP_EVENT);
        assert_int_equal(a.ev.kind, EVENT_ERROR);
        assert_string_equal(a.ev.error_text, "The \"answer\" ended.");
        assert_int_equal(dialect_answer_verdict(&a), VERDICT_ERROR);
        buf_fini(&b);
    }
}

static void types_follow_the_status(void **state)
{
    static const struct {
        uint16_t status;
        const char *openai, *anthropic, *gemini;
    } rows[] = {
        {400, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"},
        {401, "authentication_error", "authentication_error", "UNAUTHENTICATED"},
        {402, "invalid_request_error", "billing_error", "INVALID_ARGUMENT"},
        {403, "permission_error", "permission_error", "PERMISSION_DENIED"},
        {404, "invalid_request_error", "not_found_error", "NOT_FOUND"},
        {405, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"},
        {413, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT"},
        {415, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"},
        {429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"},
        {500, "server_error", "api_error", "INTERNAL"},
        {502, "server_error", "api_error", "UNAVAILABLE"},
        {503, "server_error", "overloaded_error", "UNAVAILABLE"},
        {504, "server_error", "timeout_error", "DEADLINE_EXCEEDED"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialect_error e = {.status = rows[i].status, .reason = "x", .message = {"m", 1}};
        char want[256];

        (void)snprintf(want, sizeof(want),
                       "{\"error\":{\"message\":\"m\",\"type\":\"%s\",\"param\":null,\"code\":"
                       "\"x\"},\"lamplighter\":{\"reason\":\"x\"}}",
                       rows[i].openai);
        check(dialect_openai_chat.write_error, &e, want);
        (void)snprintf(want, sizeof(want),
                       "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"m\"},"
                       "\"lamplighter\":{\"reason\":\"x\"}}",
                       rows[i].anthropic);
        check(dialect_anthropic_messages.write_error, &e, want);
        (void)snprintf(want, sizeof(want),
                       "{\"error\":{\"code\":%u,\"message\":\"m\",\"status\":\"%s\","
                       "\"details\":[]},\"lamplighter\":{\"reason\":\"x\"}}",
                       (unsigned)rows[i].status, rows[i].gemini);
        check(dialect_gemini_generate.write_error, &e, want);
    }
}

static void codes_follow_the_reason_or_the_upstream(void **state)
{
    struct dialect_error e = {.status = 404, .reason = "unknown-model", .message = {"a\nb", 3}};

    check(dialect_openai_chat.write_error, &e,
          "{\"error\":{\"message\":\"a\\nb\",\"type\":\"invalid_request_error\",\"param\":null,"
          "\"code\":\"model_not_found\"},\"lamplighter\":{\"reason\":\"unknown-model\"}}");
    e.upstream_type = SPAN_LIT("made_up_error"); /* none of Anthropic's words */
    check(dialect_anthropic_messages.write_error, &e,
          "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"a\\nb\"},"
          "\"lamplighter\":{\"reason\":\"unknown-model\","
          "\"upstream\":{\"type\":\"made_up_error\"}}}");
}

static void the_place_is_openais_param(void **state)
{
    struct dialect_error e = {.status = 400, .reason = "x", .message = {"m", 1}};

    UNUSED(state);
    e.param = SPAN_LIT("messages[0].\"a");
    check(dialect_openai_chat.write_error, &e,
          "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\","
          "\"param\":\"messages[0].\\\"a\",\"code\":\"x\"},\"lamplighter\":{\"reason\":\"x\"}}");
    check(dialect_openai_responses.write_error_event, &e,
          "event: error\ndata: {\"type\":\"error\",\"sequence_number\":0,\"code\":\"x\","
          "\"message\":\"m\",\"param\":\"messages[0].\\\"a\",\"error\":{\"message\":\"m\","
          "\"type\":\"invalid_request_error\",\"param\":\"messages[0].\\\"a\",\"code\":\"x\"},"
          "\"lamplighter\":{\"reason\":\"x\"}}\n\n");
    check(dialect_anthropic_messages.write_error, &e,
          "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"m\"},"
          "\"lamplighter\":{\"reason\":\"x\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_say_all),
        cmocka_unit_test(events_are_framed),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(types_follow_the_status),
        cmocka_unit_test(codes_follow_the_reason_or_the_upstream),
        cmocka_unit_test(the_place_is_openais_param),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
