/*
 * Goal: a whole answer is complete only as a whole document of its dialect.
 * Method: rows of (body, verdict); each is fed at once and in bytes, and every shorter prefix
 * must be anything but complete.
 */
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

#include <cmocka.h>

#include "dialect/dialect.h"

#define CHAT      &dialect_openai_chat
#define TEXTS     &dialect_openai_completions
#define VECTORS   &dialect_openai_embeddings
#define RESPONSES &dialect_openai_responses
#define MESSAGES  &dialect_anthropic_messages
#define COUNTS    &dialect_anthropic_count
#define GEMINI    &dialect_gemini_generate
#define TOKENS    &dialect_gemini_count
#define EMBED     &dialect_gemini_embed
#define PREDICT   &dialect_vertex_predict
#define COHERES   &dialect_cohere_embed
#define TITAN     &dialect_titan_embed
#define COHERE    &dialect_cohere_chat
#define OLLAMA    &dialect_ollama_chat

/* clang-format off */
static const struct {
    const struct dialect *d;
    const char *body;
    enum dialect_verdict verdict;
    const char *type;
} rows[] = {
    {CHAT, "{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}", VERDICT_COMPLETE, ""},
    {CHAT, "{\"choices\":[{\"message\":{},\"finish_reason\":\"\"}]}", VERDICT_COMPLETE, ""},
    {CHAT, "{\"choices\":[{\"message\":{},\"finish_reason\":\"stop\"}],\"error\":null}", VERDICT_COMPLETE, ""},
    {CHAT, "{\"choices\":[]}", VERDICT_BAD, ""},
    {CHAT, "{\"choices\":[{\"text\":\"x\",\"finish_reason\":\"stop\"}]}", VERDICT_BAD, ""},
    {CHAT, "{\"choices\":[{\"message\":{},\"finish_reason\":\"error\"}]}", VERDICT_ERROR, "error"},
    {CHAT, "{\"choices\":[{\"message\":{},\"error\":{\"code\":502}}]}", VERDICT_ERROR, ""},
    {CHAT, "{\"error\":{\"message\":\"m\",\"type\":null,\"code\":\"content_filter\"}}", VERDICT_ERROR, "content_filter"},
    {CHAT, "{\"object\":\"error\",\"message\":\"m\",\"type\":\"t\"}", VERDICT_ERROR, "t"},
    {CHAT, "{}", VERDICT_BAD, ""},
    {CHAT, "[]", VERDICT_BAD, ""},
    {CHAT, "", VERDICT_CUT, ""},
    {CHAT, "  ", VERDICT_CUT, ""},
    {CHAT, "{\"choices\":[{\"message\":{}}]", VERDICT_CUT, ""},
    {CHAT, "{\"choices\":[{\"message\":{}}]}}", VERDICT_BAD, ""},
    {CHAT, "<html><body>Bad gateway</body></html>", VERDICT_BAD, ""},
    {CHAT, "data: {\"choices\":[]}\n\n", VERDICT_BAD, ""},
    {TEXTS, "{\"choices\":[{\"text\":\"\",\"finish_reason\":\"stop\"}]}", VERDICT_COMPLETE, ""},
    {TEXTS, "{\"choices\":[{\"message\":{}}]}", VERDICT_BAD, ""},
    {VECTORS, "{\"data\":[{\"embedding\":[0.5,1e-3]}],\"usage\":{\"prompt_tokens\":1}}", VERDICT_COMPLETE, ""},
    {VECTORS, "{\"data\":[{\"embedding\":\"AAAA\"}]}", VERDICT_COMPLETE, ""},
    {VECTORS, "{\"data\":[]}", VERDICT_BAD, ""},
    {VECTORS, "{\"error\":{\"type\":\"t\"}}", VERDICT_ERROR, "t"},
    {RESPONSES, "{\"object\":\"response\",\"status\":\"completed\",\"error\":null,\"model\":\"m\",\"output\":[{\"type\":\"message\"}],\"usage\":{\"input_tokens\":1}}", VERDICT_COMPLETE, ""},
    {RESPONSES, "{\"object\":\"response\",\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"output\":[]}", VERDICT_COMPLETE, ""},
    {RESPONSES, "{\"object\":\"response\",\"status\":\"queued\",\"background\":true}", VERDICT_COMPLETE, ""},
    {RESPONSES, "{\"object\":\"response\",\"status\":\"in_progress\"}", VERDICT_COMPLETE, ""},
    {RESPONSES, "{\"object\":\"response\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}", VERDICT_ERROR, "server_error"},
    {RESPONSES, "{\"object\":\"response\",\"status\":\"failed\",\"error\":null}", VERDICT_ERROR, ""},
    {RESPONSES, "{\"object\":\"response\",\"status\":\"completed\",\"error\":{\"type\":\"t\",\"code\":\"c\"}}", VERDICT_ERROR, "t"},
    {RESPONSES, "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":null}}", VERDICT_ERROR, "invalid_request_error"},
    {RESPONSES, "{\"object\":\"response\"}", VERDICT_BAD, ""},
    {RESPONSES, "{\"object\":\"response\",\"status\":null}", VERDICT_BAD, ""},
    {RESPONSES, "{\"object\":\"response.compaction\",\"status\":\"completed\"}", VERDICT_BAD, ""},
    {RESPONSES, "{\"choices\":[{\"message\":{},\"finish_reason\":\"stop\"}]}", VERDICT_BAD, ""},
    {RESPONSES, "{\"object\":\"response\",\"status\":\"completed\"", VERDICT_CUT, ""},
    {MESSAGES, "{\"type\":\"message\",\"model\":\"m\",\"content\":[{\"type\":\"text\"}],\"stop_reason\":\"end_turn\"}", VERDICT_COMPLETE, ""},
    {MESSAGES, "{\"type\":\"message\",\"stop_reason\":null}", VERDICT_BAD, ""},
    {MESSAGES, "{\"stop_reason\":\"end_turn\"}", VERDICT_BAD, ""},
    {MESSAGES, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}", VERDICT_ERROR, "overloaded_error"},
    {MESSAGES, "{\"type\":\"message\",\"stop_reason\":\"end_turn\"", VERDICT_CUT, ""},
    {COUNTS, "{\"input_tokens\":12}", VERDICT_COMPLETE, ""},
    {COUNTS, "{\"input_tokens\":\"12\"}", VERDICT_BAD, ""},
    {COUNTS, "{\"error\":{\"type\":\"t\"}}", VERDICT_ERROR, "t"},
    {GEMINI, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"modelVersion\":\"m\"}", VERDICT_COMPLETE, ""},
    {GEMINI, "{\"candidates\":[{\"finishReason\":\"SAFETY\"},{\"index\":1,\"finishReason\":2}]}", VERDICT_COMPLETE, ""},
    {GEMINI, "{\"candidates\":[{\"finishReason\":\"STOP\"},{\"index\":1}]}", VERDICT_BAD, ""},
    {GEMINI, "{\"candidates\":[{\"content\":{}}]}", VERDICT_BAD, ""},
    {GEMINI, "{\"candidates\":[]}", VERDICT_BAD, ""},
    {GEMINI, "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}", VERDICT_COMPLETE, ""},
    {GEMINI, "{\"promptFeedback\":{\"safetyRatings\":[]}}", VERDICT_BAD, ""},
    {GEMINI, "{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"INVALID_ARGUMENT\"}}", VERDICT_ERROR, "INVALID_ARGUMENT"},
    {GEMINI, "[{\"candidates\":[{\"index\":0}]},\n{\"candidates\":[{\"finishReason\":\"STOP\",\"index\":0}],\"modelVersion\":\"m\"}\n]", VERDICT_COMPLETE, ""},
    {GEMINI, "[{\"candidates\":[{\"index\":0}]},{\"candidates\":[{\"index\":1,\"finishReason\":\"STOP\"}]}]", VERDICT_BAD, ""},
    {GEMINI, "[{\"candidates\":[{\"finishReason\":\"STOP\"}]},{\"error\":{\"status\":\"UNAVAILABLE\"}}]", VERDICT_ERROR, "UNAVAILABLE"},
    {GEMINI, "[{\"error\":{\"status\":\"UNAVAILABLE\"}}]", VERDICT_ERROR, "UNAVAILABLE"},
    {GEMINI, "[{\"candidates\":[{\"finishReason\":\"STOP\"}]}", VERDICT_CUT, ""},
    {GEMINI, "[]", VERDICT_BAD, ""},
    {GEMINI, "{}", VERDICT_BAD, ""},
    {GEMINI, "\"STOP\"", VERDICT_BAD, ""},
    {TOKENS, "{\"totalTokens\":12}", VERDICT_COMPLETE, ""},
    {TOKENS, "{\"totalTokens\":\"12\"}", VERDICT_BAD, ""},
    {TOKENS, "{\"error\":{\"status\":\"NOT_FOUND\"}}", VERDICT_ERROR, "NOT_FOUND"},
    {TOKENS, "[{\"totalTokens\":12}]", VERDICT_BAD, ""},
    {EMBED, "{\"embedding\":{\"values\":[0.1]}}", VERDICT_COMPLETE, ""},
    {EMBED, "{\"embeddings\":[{\"values\":[0.1]},{\"values\":[0.2]}],\"usageMetadata\":{\"promptTokenCount\":3}}", VERDICT_COMPLETE, ""},
    {EMBED, "{\"embeddings\":[{\"values\":[]}]}", VERDICT_BAD, ""},
    {EMBED, "{\"embeddings\":[]}", VERDICT_BAD, ""},
    {EMBED, "{\"usageMetadata\":{\"promptTokenCount\":3}}", VERDICT_BAD, ""},
    {EMBED, "{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\"}}", VERDICT_ERROR, "NOT_FOUND"},
    {EMBED, "{\"embedding\":{\"values\":[0.1]}", VERDICT_CUT, ""},
    {PREDICT, "{\"predictions\":[{\"embeddings\":{\"values\":[0.1],\"statistics\":{\"token_count\":3}}}]}", VERDICT_COMPLETE, ""},
    {PREDICT, "{\"predictions\":[]}", VERDICT_BAD, ""},
    {PREDICT, "{\"predictions\":[{\"embeddings\":{\"values\":[0.1]}}],\"error\":{\"status\":\"INTERNAL\"}}", VERDICT_ERROR, "INTERNAL"},
    {PREDICT, "{\"predictions\":[{\"embeddings\":{\"values\":[0.1]}}]", VERDICT_CUT, ""},
    {COHERES, "{\"embeddings\":{\"float\":[[0.1]]}}", VERDICT_COMPLETE, ""},
    {COHERES, "{\"embeddings\":{\"float\":[]}}", VERDICT_BAD, ""},
    {COHERES, "{\"message\":\"invalid request\"}", VERDICT_ERROR, ""},
    {COHERES, "{\"embeddings\":{\"float\":[[0.1]]}", VERDICT_CUT, ""},
    {TITAN, "{\"embedding\":[0.1],\"inputTextTokenCount\":1}", VERDICT_COMPLETE, ""},
    {TITAN, "{\"embedding\":[]}", VERDICT_BAD, ""},
    {TITAN, "{\"message\":\"The model is overloaded\"}", VERDICT_ERROR, ""},
    {TITAN, "{\"embedding\":[0.1]", VERDICT_CUT, ""},
    {COHERE, "{\"id\":\"a\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]},\"finish_reason\":\"COMPLETE\"}", VERDICT_COMPLETE, ""},
    {COHERE, "{\"message\":{},\"finish_reason\":\"REASON_TO_COME\"}", VERDICT_COMPLETE, ""},
    {COHERE, "{\"message\":{},\"finish_reason\":null}", VERDICT_BAD, ""},
    {COHERE, "{\"finish_reason\":\"COMPLETE\"}", VERDICT_BAD, ""},
    {COHERE, "{\"message\":{},\"finish_reason\":\"ERROR\"}", VERDICT_ERROR, "ERROR"},
    {COHERE, "{\"error_type\":\"TOO_MANY_TOKENS\",\"message\":\"m\"}", VERDICT_ERROR, "TOO_MANY_TOKENS"},
    {COHERE, "{\"text\":\"of version 1\",\"finish_reason\":\"COMPLETE\"}", VERDICT_BAD, ""},
    {COHERE, "{\"message\":{},\"finish_reason\":\"COMPLETE\"", VERDICT_CUT, ""},
    {OLLAMA, "{\"model\":\"m\",\"message\":{\"content\":\"hi\"},\"done_reason\":\"stop\",\"done\":true}", VERDICT_COMPLETE, ""},
    {OLLAMA, "{\"message\":{},\"done\":true,\"done_reason\":\"\"}", VERDICT_BAD, ""},
    {OLLAMA, "{\"message\":{},\"done\":false,\"done_reason\":\"stop\"}", VERDICT_BAD, ""},
    {OLLAMA, "{\"response\":\"of /api/generate\",\"done\":true,\"done_reason\":\"stop\"}", VERDICT_BAD, ""},
    {OLLAMA, "{\"error\":\"model 'x' not found\"}", VERDICT_ERROR, ""},
};
/* clang-format on */

/* Feed in pieces of n bytes. */
static void read_whole(struct dialect_answer *a, const struct dialect *d, struct span body,
                       size_t n)
{
    dialect_answer_begin(a, d, TERMINAL_DONE, 1, false);
    for (size_t at = 0; at < body.n; at += MIN(n, body.n - at))
        if (dialect_answer_feed(a, body.p + at, MIN(n, body.n - at)) < 0)
            assert_int_equal(dialect_answer_verdict(a), VERDICT_BAD);
}

static void verdicts_are_as_meant(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span body = span_str(rows[i].body);

        for (size_t n = 1; n <= body.n + 1; n++) {
            struct dialect_answer a;

            read_whole(&a, rows[i].d, body, n);
            if (dialect_answer_verdict(&a) != rows[i].verdict)
                fail_msg("row %zu in pieces of %zu: %s", i, n, dialect_answer_why(&a));
            if (rows[i].verdict == VERDICT_ERROR)
                assert_string_equal(a.ev.error_type, rows[i].type);
        }
    }
}

static void no_prefix_is_complete(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span body = span_str(rows[i].body);

        for (size_t n = 0; n + 1 < body.n; n++) {
            struct dialect_answer a;

            if (rows[i].verdict == VERDICT_BAD)
                continue;
            read_whole(&a, rows[i].d, span_of(body.p, n), body.n);
            assert_int_equal(dialect_answer_verdict(&a), VERDICT_CUT);
        }
    }
}

static void an_answer_tells_its_model_and_usage(void **state)
{
    static const char body[] =
        " {\"choices\":[{\"message\":{\"tool_calls\":[{}]},\"finish_reason\":\"tool_calls\"}],"
        "\"model\":\"m\",\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}";
    struct dialect_answer a;

    read_whole(&a, CHAT, span_str(body), 3);
    assert_true(a.started && a.content && a.tool);
    assert_string_equal(a.model, "m");
    assert_memory_equal(body + a.ev.model_at, "\"m\"", a.ev.model_len);
    assert_string_equal(a.stop, "tool_calls");
    assert_int_equal(a.finished, 1);
    assert_int_equal(a.usage.input, 5);
    assert_int_equal(a.usage.output, 6);
}

static void a_response_tells_its_model_tools_and_stop(void **state)
{
    static const char body[] =
        "{\"object\":\"response\",\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":"
        "\"content_filter\"},\"model\":\"m\",\"output\":[{\"type\":\"function_call\"}],\"usage\":{"
        "\"input_tokens\":5,\"output_tokens\":6}}";
    struct dialect_answer a;

    read_whole(&a, RESPONSES, span_str(body), 3);
    assert_true(a.started && a.content && a.tool);
    assert_string_equal(a.model, "m");
    assert_memory_equal(body + a.ev.model_at, "\"m\"", a.ev.model_len);
    assert_string_equal(a.stop, "content_filter");
    assert_int_equal(a.usage.input, 5);
    assert_int_equal(a.usage.output, 6);
}

/* A list tells the counts of its last element, and the place of its last model. */
static void a_list_tells_its_model_and_usage(void **state)
{
    static const char body[] =
        "[{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]}}],"
        "\"usageMetadata\":{\"promptTokenCount\":5},\"modelVersion\":\"a\"},"
        "{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":"
        "{\"promptTokenCount\":5,\"candidatesTokenCount\":6},\"modelVersion\":\"b\"}]";
    struct dialect_answer a;

    read_whole(&a, GEMINI, span_str(body), 3);
    assert_true(a.started && a.content && a.tool);
    assert_string_equal(a.model, "b");
    assert_memory_equal(body + a.ev.model_at, "\"b\"", a.ev.model_len);
    assert_string_equal(a.stop, "STOP");
    assert_int_equal(a.finished, 1);
    assert_int_equal(a.usage.input, 5);
    assert_int_equal(a.usage.output, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_as_meant),
        cmocka_unit_test(no_prefix_is_complete),
        cmocka_unit_test(an_answer_tells_its_model_and_usage),
        cmocka_unit_test(a_response_tells_its_model_tools_and_stop),
        cmocka_unit_test(a_list_tells_its_model_and_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
