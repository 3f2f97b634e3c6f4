/*
 * Goal: clients' paths find their operation, and operations their path at each provider.
 * Method: rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider/provider.h"

static void paths_find_their_operation(void **state)
{
    static const struct {
        const char *method, *path;
        int op; /* -1: none */
        bool known;
    } rows[] = {
        {"POST", "/v1/chat/completions", OP_CHAT, true},
        {"GET", "/v1/chat/completions", -1, true},
        {"POST", "/v1/chat/completions/", -1, false},
        {"GET", "/v1/chat/completions/chatcmpl-1/messages", OP_STORED_CHAT, true},
        {"POST", "/v1/messages", OP_MESSAGES, true},
        {"POST", "/v1/messages/count_tokens", OP_COUNT, true},
        {"GET", "/v1/messages/batches", OP_MESSAGE_BATCHES, true},
        {"POST", "/v1/messages/batches/b/cancel", OP_MESSAGE_BATCHES, true},
        {"POST", "/v1/messages/batchesx", -1, false},
        {"POST", "/v1/completions", OP_COMPLETIONS, true},
        {"POST", "/v1/embeddings", OP_EMBEDDINGS, true},
        {"GET", "/v1/models", OP_MODELS, true},
        {"GET", "/v1/models/a/b", OP_MODEL, true},
        {"DELETE", "/v1/models/x", -1, true},
        {"GET", "/v1/models/", -1, false},
        {"GET", "/", OP_ROOT, true},
        {"HEAD", "/", OP_ROOT_HEAD, true},
        {"POST", "/", -1, true},
        {"POST", "/v1/responses", OP_RESPONSES, true},
        {"GET", "/v1/responses", OP_STORED_RESPONSES, true},
        {"DELETE", "/v1/responses/resp_1", OP_STORED_RESPONSES, true},
        {"POST", "/v1/responses/compact", OP_STORED_RESPONSES, true},
        {"POST", "/v1/audio/transcriptions", OP_AUDIO, true},
        {"GET", "/v1/files/file-1/content", OP_FILES, true},
        {"GET", "/v1/files/../admin", -1, false},
        {"GET", "/v1/filesystem", -1, false},
        {"POST", "/v1/rerank", OP_RERANK, true},
        {"GET", "/v2/rerank", -1, false},
        {"POST", "/chat/completions", -1, false},
        {"POST", "", -1, false},
        {"POST", "/v1beta/models/gemini-3-pro:generateContent", OP_GEMINI, true},
        {"POST", "/v1beta/models/a/b:free:streamGenerateContent", OP_GEMINI_STREAM, true},
        {"POST", "/v1beta/models/m:countTokens", OP_GEMINI_COUNT, true},
        {"POST", "/v1/models/m:generateContent", OP_GEMINI_V1, true},
        {"POST", "/v1/models/m:streamGenerateContent", OP_GEMINI_V1_STREAM, true},
        {"POST", "/v1/models/m:countTokens", OP_GEMINI_V1_COUNT, true},
        {"POST", "/v1beta/models/m:embedContent", OP_GEMINI_EMBED, true},
        {"POST", "/v1beta/models/m:batchEmbedContents", OP_GEMINI_EMBED_BATCH, true},
        {"POST", "/v1/models/m:embedContent", OP_GEMINI_V1_EMBED, true},
        {"POST", "/v1/models/m:batchEmbedContents", OP_GEMINI_V1_EMBED_BATCH, true},
        {"GET", "/v1beta/models/m:generateContent", OP_GEMINI_MODEL, true},
        {"GET", "/v1beta/models", OP_GEMINI_MODELS, true},
        {"POST", "/v1/responses/input_tokens", OP_RESPONSES_COUNT, true},
        {"GET", "/v1/responses/input_tokens", OP_STORED_RESPONSES, true},
        {"POST", "/v1beta/models/:generateContent", -1, true},
        {"POST", "/v1beta/models/m:generateContents", -1, true},
        {"POST", "/v1beta/models/../m:generateContent", -1, false},
        {"POST", "/v1beta/models/m", -1, true},
        {"POST", "", -1, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool known;
        const struct provider_op_row *r =
            provider_op_find(span_str(rows[i].method), span_str(rows[i].path), &known);

        if ((r ? (int)r->op : -1) != rows[i].op || known != rows[i].known)
            fail_msg("%s %s is %s, %sknown", rows[i].method, rows[i].path, r ? r->name : "nothing",
                     known ? "" : "un");
    }
}

static void a_path_may_name_the_model(void **state)
{
    static const struct {
        const char *path, *name;
        enum provider_op op;
    } rows[] = {
        {"/v1beta/models/a%20b/c:free:generateContent", "a%20b/c:free", OP_GEMINI},
        {"/v1/models/m", "m", OP_MODEL},
        {"/v1/files", "", OP_FILES},
        {"/v1beta/models/m:countTokens", NULL, OP_GEMINI},
        {"/v1/chat/completions", NULL, OP_CHAT},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span s = provider_op_rest(provider_op_row(rows[i].op), span_str(rows[i].path));

        assert_int_equal(span_has(s), rows[i].name != NULL);
        assert_true(span_is(s, rows[i].name ? rows[i].name : ""));
    }
    assert_true(provider_op_row(OP_GEMINI_STREAM)->stream);
    assert_false(provider_op_row(OP_GEMINI)->stream);
}

static void a_key_goes_where_the_operation_wants_it(void **state)
{
    const struct provider *gemini = provider_find(SPAN_LIT("gemini"));

    assert_int_equal(provider_auth(gemini, OP_GEMINI_STREAM), AUTH_GOOGLE);
    assert_int_equal(provider_auth(gemini, OP_CHAT), AUTH_BEARER);
    assert_int_equal(provider_auth(gemini, OP_FILES), AUTH_BEARER);
    assert_int_equal(provider_auth(provider_find(SPAN_LIT("anthropic")), OP_FILES), AUTH_X_API_KEY);
}

static void operations_are_rows(void **state)
{
    for (unsigned i = 0; i < OPS; i++) {
        const struct provider_op_row *r = provider_op_row((enum provider_op)i);

        assert_int_equal(r->op, i);
        assert_non_null(dialect_find(span_str(r->dialect)));
    }
}

static void paths_are_joined(void **state)
{
    static const struct {
        const char *provider, *base, *client, *model, *want;
        enum provider_op op;
    } rows[] = {
        {"openai", "/v1", "/v1/chat/completions", "m", "/v1/chat/completions", OP_CHAT},
        {"openai", "/v1", "/v1/files/f-1/content", "", "/v1/files/f-1/content", OP_FILES},
        {"openai", "/v1", "/v1/files", "", "/v1/files", OP_FILES},
        {"anthropic", "", "/v1/messages", "m", "/v1/messages", OP_MESSAGES},
        {"anthropic", "/v1", "/v1/messages", "m", "/v1/messages", OP_MESSAGES},
        {"anthropic", "/proxy/v1", "/v1/messages", "m", "/proxy/v1/messages", OP_MESSAGES},
        {"anthropic", "", "/v1/messages/batches/b", "", "/v1/messages/batches/b",
         OP_MESSAGE_BATCHES},
        {"vllm", "", "/v1/chat/completions", "m", "/v1/chat/completions", OP_CHAT},
        {"vllm", "/v1", "/v1/chat/completions", "m", "/v1/chat/completions", OP_CHAT},
        {"azure", "", "/v1/embeddings", "m", "/openai/v1/embeddings", OP_EMBEDDINGS},
        {"azure-deployments", "", "/v1/chat/completions", "a b/c%",
         "/openai/deployments/a%20b%2Fc%25/chat/completions", OP_CHAT},
        {"groq", "/openai/v1", "/v1/chat/completions", "m", "/openai/v1/chat/completions", OP_CHAT},
        {"deepseek", "", "/v1/messages", "m", "/anthropic/v1/messages", OP_MESSAGES},
        {"zai", "/api", "/v1/chat/completions", "m", "/api/paas/v4/chat/completions", OP_CHAT},
        {"gemini", "", "/v1/models/x:generateContent", "gemini-3",
         "/v1/models/gemini-3:generateContent", OP_GEMINI_V1},
        {"gemini", "/p/v1beta", "/v1beta/models/x:countTokens", "a/b",
         "/p/v1beta/models/a%2Fb:countTokens", OP_GEMINI_COUNT},
        {"gemini", "", "/v1/chat/completions", "m", "/v1beta/openai/chat/completions", OP_CHAT},
        {"gemini", "/v1beta/openai", "/v1/chat/completions", "m", "/v1beta/openai/chat/completions",
         OP_CHAT},
        {"gemini", "/v1beta", "/v1/files/f", "", "/v1beta/openai/files/f", OP_FILES},
        {"cohere", "", "/v1/messages", "m", "/v2/chat", OP_COHERE},
        {"ollama", "", "/v1beta/models/x:generateContent", "m", "/api/chat", OP_OLLAMA},
        {"ollama", "/v1", "/v1/messages", "m", "/api/chat", OP_OLLAMA},
        {"ollama", "/o/v1", "/v1/chat/completions", "m", "/o/v1/chat/completions", OP_CHAT},
        {"ollama", "/o/v1", "/v1/messages", "m", "/o/api/chat", OP_OLLAMA},
        {"zai", "/api/paas/v4", "/v1/messages", "m", "/api/anthropic/v1/messages", OP_MESSAGES},
        {"openai-responses", "/v1", "/v1/responses", "m", "/v1/responses", OP_RESPONSES},
        {"openai-responses", "/v1", "/v1/chat/completions", "m", NULL, OP_CHAT},
        {"anthropic", "", "/v1/chat/completions", "m", NULL, OP_CHAT},
        {"openai", "/v1", "/v1/messages", "m", NULL, OP_MESSAGES},
        {"openai", "/v1", "/v1/files/../x", "", NULL, OP_FILES},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        int rc;

        buf_init(&b, 4096);
        rc = provider_path(&b, provider_find(span_str(rows[i].provider)),
                           &(struct provider_ask){.op = rows[i].op,
                                                  .client = span_str(rows[i].client),
                                                  .model = span_str(rows[i].model)},
                           span_str(rows[i].base));
        assert_int_equal(rc, rows[i].want ? 0 : -1);
        if (!span_is(buf_span(&b), rows[i].want ? rows[i].want : ""))
            fail_msg("row %zu: %.*s", i, SPAN_FMT(buf_span(&b)));
        buf_fini(&b);
    }
}

static void streams_may_have_a_path_of_their_own(void **state)
{
    static const struct {
        const char *provider, *model;
        enum provider_op op;
        const char *whole, *stream;
    } rows[] = {
        {"openai", "m", OP_CHAT, "/chat/completions", "/chat/completions"},
        {"bedrock", "us.anthropic.claude-v1:0", OP_MESSAGES,
         "/model/us.anthropic.claude-v1%3A0/invoke",
         "/model/us.anthropic.claude-v1%3A0/invoke-with-response-stream"},
        {"bedrock", "arn:aws:bedrock:us-east-1:1:x/y", OP_CONVERSE,
         "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ax%2Fy/converse",
         "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ax%2Fy/converse-stream"},
    };

    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        const char *want = i % 2 ? rows[i / 2].stream : rows[i / 2].whole;
        const struct provider_ask ask = {.op = rows[i / 2].op,
                                         .stream = i % 2,
                                         .client = SPAN_LIT("/v1/x"),
                                         .model = span_str(rows[i / 2].model)};
        struct buf b;

        buf_init(&b, 4096);
        assert_int_equal(
            provider_path(&b, provider_find(span_str(rows[i / 2].provider)), &ask, SPAN_LIT("")),
            0);
        buf_add_char(&b, '\0');
        assert_string_equal(b.p, want);
        buf_fini(&b);
    }
}

static void some_operations_are_of_some_models(void **state)
{
    static const struct {
        const char *provider, *model;
        enum provider_op op;
        bool want;
    } rows[] = {
        {"bedrock", "us.anthropic.claude-sonnet-4-5", OP_MESSAGES, true},
        {"bedrock", "us.amazon.nova-pro-v1:0", OP_MESSAGES, false},
        {"bedrock", "us.amazon.nova-pro-v1:0", OP_CONVERSE, true},
        {"bedrock", "us.anthropic.claude-sonnet-4-5", OP_CHAT, false},
        {"bedrock", "amazon.titan-embed-text-v2:0", OP_TITAN_EMBED, true},
        {"bedrock", "amazon.titan-embed-image-v1", OP_TITAN_EMBED, false},
        {"bedrock", "us.cohere.embed-v4:0", OP_COHERE_EMBED, true},
        {"bedrock", "amazon.titan-embed-text-v2:0", OP_COHERE_EMBED, false},
        {"cohere", "any", OP_COHERE_EMBED, true},
        {"vertex", "gemini-embedding-2", OP_VERTEX_EMBED, true},
        {"vertex", "gemini-embedding-001", OP_VERTEX_EMBED, false},
        {"vertex", "gemini-embedding-001", OP_VERTEX_PREDICT, true},
        {"anthropic", "any", OP_MESSAGES, true},
        {"vllm", "any", OP_MESSAGES, true},
        {"openai", "any", OP_MESSAGES, false},
        /* models that only Responses has */
        {"openai", "gpt-5.1-codex", OP_CHAT, false},
        {"openai", "gpt-5.2-pro-2025-12-11", OP_CHAT, false},
        {"openai", "o3-pro", OP_CHAT, false},
        {"openai", "o3", OP_CHAT, true},
        {"openai", "gpt-5.4", OP_CHAT, true},
        {"openai", "gpt-5.1-codex", OP_RESPONSES, true},
        {"azure", "my-gpt-5-codex", OP_CHAT, false},
        {"openai-compatible", "gpt-5.1-codex", OP_CHAT, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(provider_serves(provider_find(span_str(rows[i].provider)), rows[i].op,
                                         span_str(rows[i].model)),
                         rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_their_operation),
        cmocka_unit_test(a_path_may_name_the_model),
        cmocka_unit_test(a_key_goes_where_the_operation_wants_it),
        cmocka_unit_test(operations_are_rows),
        cmocka_unit_test(paths_are_joined),
        cmocka_unit_test(streams_may_have_a_path_of_their_own),
        cmocka_unit_test(some_operations_are_of_some_models),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
