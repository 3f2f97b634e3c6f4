/*
 * Goal: every upstream error that is known of has its class, whatever shape it comes in; every
 * other has one all the same.
 * Method: rows of (provider, status, body, class) through the reader and the classifier; then all
 * statuses and all providers, which must give a class.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "provider/provider.h"

#define KNOWN true
#define OPENAI(message, type, code)                                                                \
    "{\"error\":{\"message\":\"" message "\",\"type\":\"" type "\",\"param\":null,\"code\":" code  \
    "}}"
#define ANTHROPIC(type, message)                                                                   \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message "\"}}"
#define AWS(type, message)   "{\"type\":\"" type "\",\"message\":\"" message "\"}"
#define AZURE(code, message) "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"
#define GEMINI(code, status, message)                                                              \
    "[{\"error\":{\"code\":" code ",\"message\":\"" message "\",\"status\":\"" status "\"}}]"

/* clang-format off */
static const struct {
    const char *provider;
    uint16_t status;
    const char *body;
    enum class_id class_id;
    bool known;
} rows[] = {
    {"openai", 400, OPENAI("x", "invalid_request_error", "\"unsupported_parameter\""), CLASS_CALLER, KNOWN},
    {"openai", 400, OPENAI("This model's maximum context length is 8192 tokens.", "invalid_request_error", "\"context_length_exceeded\""), CLASS_TOO_LONG, KNOWN},
    {"openai", 400, OPENAI("Your input exceeds the context window of this model.", "invalid_request_error", "null"), CLASS_TOO_LONG, KNOWN},
    {"openai", 400, OPENAI("x", "invalid_request_error", "\"content_policy_violation\""), CLASS_POLICY, KNOWN},
    {"openai", 400, OPENAI("x", "invalid_request_error", "\"invalid_prompt\""), CLASS_POLICY, KNOWN},
    {"openai", 401, OPENAI("x", "invalid_request_error", "\"invalid_api_key\""), CLASS_CREDENTIAL, KNOWN},
    {"openai", 403, OPENAI("x", "request_forbidden", "\"unsupported_country_region_territory\""), CLASS_CREDENTIAL, KNOWN},
    {"openai", 404, OPENAI("x", "invalid_request_error", "\"model_not_found\""), CLASS_CREDENTIAL, KNOWN},
    {"openai", 429, OPENAI("x", "tokens", "\"rate_limit_exceeded\""), CLASS_RATE, KNOWN},
    {"openai", 429, OPENAI("x", "requests", "null"), CLASS_RATE, false},
    {"openai", 429, OPENAI("x", "rate_limit_error", "\"slow_down\""), CLASS_RATE, KNOWN},
    {"openai", 429, OPENAI("You exceeded your current quota, please check your plan and billing details.", "insufficient_quota", "\"insufficient_quota\""), CLASS_QUOTA, KNOWN},
    {"openai", 429, OPENAI("x", "insufficient_quota", "\"credit_balance_exhausted\""), CLASS_QUOTA, KNOWN},
    {"openai", 429, OPENAI("x", "y", "\"project_spend_limit_exceeded\""), CLASS_QUOTA, KNOWN},
    {"openai", 429, OPENAI("x", "y", "\"organization_usage_limit_exceeded\""), CLASS_QUOTA, KNOWN},
    {"openai", 500, OPENAI("x", "server_error", "null"), CLASS_SERVER, KNOWN},
    {"openai", 503, OPENAI("x", "service_unavailable_error", "\"server_is_overloaded\""), CLASS_OVERLOAD, KNOWN},
    {"openai", 503, OPENAI("The engine is currently overloaded, please try again later", "server_error", "null"), CLASS_OVERLOAD, KNOWN},
    {"openai", 520, "<html>error code: 520</html>", CLASS_JUNK, false},
    {"openai", 502, "<html>Bad gateway</html>", CLASS_SERVER, false},
    {"openai", 404, "<html>Not found</html>", CLASS_JUNK, false},
    {"openai", 200, "<html>Welcome</html>", CLASS_JUNK, false},
    {"openai", 302, "", CLASS_JUNK, false},

    {"bedrock", 429, AWS("ThrottlingException", "x"), CLASS_RATE, KNOWN},
    {"bedrock", 429, AWS("ModelNotReadyException", "x"), CLASS_OVERLOAD, KNOWN},
    {"bedrock", 400, AWS("ServiceQuotaExceededException", "x"), CLASS_QUOTA, KNOWN},
    {"bedrock", 503, AWS("ServiceUnavailableException", "x"), CLASS_OVERLOAD, KNOWN},
    {"bedrock", 408, AWS("ModelTimeoutException", "x"), CLASS_SERVER, KNOWN},
    {"bedrock", 424, AWS("ModelErrorException", "x"), CLASS_SERVER, KNOWN},
    {"bedrock", 500, AWS("InternalServerException", "x"), CLASS_SERVER, KNOWN},
    {"bedrock", 403, AWS("AccessDeniedException", "x"), CLASS_CREDENTIAL, KNOWN},
    {"bedrock", 403, AWS("ExpiredTokenException", "x"), CLASS_CREDENTIAL, KNOWN},
    {"bedrock", 404, AWS("ResourceNotFoundException", "x"), CLASS_CREDENTIAL, KNOWN},
    {"bedrock", 403, "{\"message\":\"The security token included in the request is invalid.\"}", CLASS_CREDENTIAL, false},
    {"bedrock", 400, AWS("ValidationException", "Input is too long for requested model."), CLASS_TOO_LONG, KNOWN},
    {"bedrock", 400, "{\"message\":\"Input Tokens Exceeded: Number of input tokens exceeds maximum length.\"}", CLASS_TOO_LONG, KNOWN},
    {"bedrock", 400, AWS("ValidationException", "The provided model identifier is invalid."), CLASS_CREDENTIAL, KNOWN},
    {"bedrock", 400, AWS("ValidationException", "Invocation of model ID x with on-demand throughput isn't supported."), CLASS_CREDENTIAL, KNOWN},
    {"bedrock", 400, AWS("ValidationException", "x"), CLASS_CALLER, KNOWN},

    {"anthropic", 400, ANTHROPIC("invalid_request_error", "x"), CLASS_CALLER, KNOWN},
    {"anthropic", 400, ANTHROPIC("invalid_request_error", "prompt is too long: 3333404 tokens > 200000 maximum"), CLASS_TOO_LONG, KNOWN},
    {"anthropic", 400, ANTHROPIC("invalid_request_error", "input length and `max_tokens` exceed context limit: 1 + 2 > 3"), CLASS_TOO_LONG, KNOWN},
    {"anthropic", 400, ANTHROPIC("invalid_request_error", "Your credit balance is too low to access the Anthropic API."), CLASS_QUOTA, KNOWN},
    {"anthropic", 400, ANTHROPIC("invalid_request_error", "You have reached your specified API usage limits."), CLASS_QUOTA, KNOWN},
    {"anthropic", 400, ANTHROPIC("invalid_request_error", "Output blocked by content filtering policy"), CLASS_POLICY, KNOWN},
    {"anthropic", 401, ANTHROPIC("authentication_error", "invalid x-api-key"), CLASS_CREDENTIAL, KNOWN},
    {"anthropic", 402, ANTHROPIC("billing_error", "x"), CLASS_QUOTA, KNOWN},
    {"anthropic", 403, ANTHROPIC("permission_error", "x"), CLASS_CREDENTIAL, KNOWN},
    {"anthropic", 404, ANTHROPIC("not_found_error", "model: claude-sonet-4-5"), CLASS_CREDENTIAL, KNOWN},
    {"anthropic", 409, ANTHROPIC("conflict_error", "x"), CLASS_CALLER, false},
    {"anthropic", 413, ANTHROPIC("request_too_large", "x"), CLASS_CALLER, KNOWN},
    {"anthropic", 429, ANTHROPIC("rate_limit_error", "x"), CLASS_RATE, KNOWN},
    {"anthropic", 429, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"x\",\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}}}", CLASS_QUOTA, KNOWN},
    {"anthropic", 500, ANTHROPIC("api_error", "x"), CLASS_SERVER, KNOWN},
    {"anthropic", 504, ANTHROPIC("timeout_error", "x"), CLASS_SERVER, KNOWN},
    {"anthropic", 529, ANTHROPIC("overloaded_error", "Overloaded"), CLASS_OVERLOAD, KNOWN},

    {"azure", 401, AZURE("401", "Access denied due to invalid subscription key"), CLASS_CREDENTIAL, false},
    {"azure", 404, AZURE("DeploymentNotFound", "x"), CLASS_CREDENTIAL, KNOWN},
    {"azure", 429, AZURE("RateLimitReached", "x"), CLASS_RATE, KNOWN},
    {"azure", 429, AZURE("429", "Requests have exceeded token rate limit"), CLASS_RATE, false},
    {"azure", 400, AZURE("content_filter", "x"), CLASS_POLICY, KNOWN},
    {"azure", 400, "{\"error\":{\"message\":\"x\",\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}", CLASS_POLICY, KNOWN},
    {"azure-models", 400, AZURE("unknown_model", "x"), CLASS_CREDENTIAL, KNOWN},

    {"gemini", 400, GEMINI("400", "INVALID_ARGUMENT", "x"), CLASS_CALLER, false},
    {"gemini", 400, GEMINI("400", "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), CLASS_CREDENTIAL, KNOWN},
    {"gemini", 400, GEMINI("400", "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."), CLASS_TOO_LONG, KNOWN},
    {"gemini", 403, GEMINI("403", "PERMISSION_DENIED", "x"), CLASS_CREDENTIAL, KNOWN},
    {"gemini", 404, GEMINI("404", "NOT_FOUND", "models/x is not found for API version v1main"), CLASS_CREDENTIAL, KNOWN},
    {"gemini", 429, GEMINI("429", "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."), CLASS_RATE, KNOWN},
    {"gemini", 429, "{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"x\",\"details\":[{},{\"violations\":[{\"quotaId\":\"GenerateRequestsPerDayPerProjectPerModel-FreeTier\"}]}]}}", CLASS_QUOTA, KNOWN},
    {"gemini", 503, GEMINI("503", "UNAVAILABLE", "The model is overloaded."), CLASS_OVERLOAD, KNOWN},
    {"gemini", 500, GEMINI("500", "INTERNAL", "x"), CLASS_SERVER, KNOWN},
    {"gemini", 504, GEMINI("504", "DEADLINE_EXCEEDED", "x"), CLASS_SERVER, KNOWN},

    {"cohere", 400, "{\"error_type\":\"TOO_MANY_TOKENS\",\"id\":\"a\",\"message\":\"too many tokens: size limit exceeded\"}", CLASS_TOO_LONG, KNOWN},
    {"cohere", 401, "{\"id\":\"a\",\"message\":\"Incorrect API key provided\"}", CLASS_CREDENTIAL, false},
    {"cohere", 429, "{\"message\":\"You are using a Trial key, which is limited to 1000 API calls / month\"}", CLASS_QUOTA, KNOWN},
    {"cohere", 429, "{\"message\":\"limited to 40 API calls / minute\"}", CLASS_RATE, false},
    {"cohere", 498, "{\"message\":\"invalid token\"}", CLASS_CREDENTIAL, KNOWN},
    {"cohere", 503, "{\"message\":\"unavailable\"}", CLASS_OVERLOAD, false},
    {"mistral", 401, "{\"detail\":\"Invalid API Key\"}", CLASS_CREDENTIAL, false},
    {"mistral", 401, "{\"message\":\"Unauthorized\",\"request_id\":\"x\"}", CLASS_CREDENTIAL, false},
    {"mistral", 429, "{\"object\":\"error\",\"message\":\"Rate limit exceeded\",\"type\":\"rate_limited\",\"param\":null,\"code\":\"1300\"}", CLASS_RATE, KNOWN},
    {"mistral", 429, "{\"object\":\"error\",\"message\":\"x\",\"type\":\"service_tier_capacity_exceeded\",\"code\":\"3505\"}", CLASS_OVERLOAD, KNOWN},
    {"mistral", 400, "{\"object\":\"error\",\"message\":\"Invalid model: x\",\"type\":\"invalid_model\",\"code\":\"1500\"}", CLASS_CREDENTIAL, KNOWN},
    {"mistral", 422, "{\"object\":\"error\",\"message\":{\"detail\":[{\"type\":\"missing\",\"msg\":\"Field required\"}]},\"type\":\"invalid_request_error\"}", CLASS_CALLER, KNOWN},

    {"groq", 413, OPENAI("Request too large for model", "tokens", "\"rate_limit_exceeded\""), CLASS_TOO_LONG, KNOWN},
    {"groq", 498, OPENAI("x", "y", "null"), CLASS_OVERLOAD, KNOWN},
    {"groq", 400, OPENAI("x", "invalid_request_error", "\"tool_use_failed\""), CLASS_CALLER, KNOWN},
    {"groq", 404, OPENAI("x", "invalid_request_error", "\"model_not_found\""), CLASS_CREDENTIAL, KNOWN},

    {"deepseek", 401, OPENAI("Authentication Fails", "authentication_error", "\"invalid_request_error\""), CLASS_CREDENTIAL, KNOWN},
    {"deepseek", 402, OPENAI("Insufficient Balance", "unknown_error", "\"invalid_request_error\""), CLASS_QUOTA, KNOWN},
    {"xai", 400, "{\"code\":\"Client specified an invalid argument\",\"error\":\"Incorrect API key provided: x\"}", CLASS_CREDENTIAL, KNOWN},
    {"xai", 429, "{\"code\":\"Some resource has been exhausted\",\"error\":\"Your team has either used all available credits or reached its monthly spending limit.\"}", CLASS_QUOTA, KNOWN},
    {"openrouter", 402, "{\"error\":{\"message\":\"Insufficient credits\",\"code\":402}}", CLASS_QUOTA, KNOWN},
    {"openrouter", 403, "{\"error\":{\"message\":\"Your input was flagged\",\"code\":403}}", CLASS_POLICY, KNOWN},
    {"openrouter", 401, "{\"error\":{\"message\":\"Missing Authentication header\",\"code\":401}}", CLASS_CREDENTIAL, false},
    {"openrouter", 404, "{\"error\":{\"message\":\"No endpoints found for x\",\"code\":404}}", CLASS_CREDENTIAL, KNOWN},
    {"perplexity", 401, "{\"error\":{\"message\":\"Invalid API key provided\",\"type\":\"invalid_api_key\",\"code\":401}}", CLASS_CREDENTIAL, KNOWN},
    {"huggingface", 402, "{\"error\":\"You have exceeded your monthly included credits for Inference Providers.\"}", CLASS_QUOTA, KNOWN},
    {"cerebras", 429, "{\"message\":\"x\",\"type\":\"too_many_requests_error\",\"param\":\"quota\",\"code\":\"request_quota_exceeded\"}", CLASS_RATE, KNOWN},
    {"cerebras", 404, "{\"message\":\"x\",\"type\":\"not_found_error\",\"code\":\"model_not_found\"}", CLASS_CREDENTIAL, KNOWN},
    {"zai", 429, AZURE("1302", "x"), CLASS_RATE, KNOWN},
    {"zai", 429, AZURE("1113", "x"), CLASS_QUOTA, KNOWN},
    {"zai", 400, AZURE("1301", "x"), CLASS_POLICY, KNOWN},
    {"zai", 401, AZURE("1001", "x"), CLASS_CREDENTIAL, KNOWN},

    {"vllm", 400, "{\"object\":\"error\",\"message\":\"This model's maximum context length is 16384 tokens. However, you requested 8192 output tokens\",\"type\":\"BadRequestError\",\"code\":400}", CLASS_TOO_LONG, KNOWN},
    {"vllm", 400, "{\"error\":{\"message\":\"x\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}}", CLASS_CALLER, KNOWN},
    {"vllm", 404, "{\"error\":{\"message\":\"The model `x` does not exist.\",\"type\":\"NotFoundError\",\"code\":404}}", CLASS_CREDENTIAL, KNOWN},
    {"vllm", 500, "", CLASS_SERVER, false},
    {"vllm", 503, "{\"error\":{\"message\":\"x\"}}", CLASS_OVERLOAD, false},
    {"vllm", 429, "", CLASS_RATE, false},
    {"vllm", 422, "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\"],\"msg\":\"Field required\"}]}", CLASS_CALLER, false},
    {"sglang", 503, "{\"object\":\"error\",\"message\":\"The request queue is full.\",\"type\":\"x\",\"code\":503}", CLASS_OVERLOAD, KNOWN},
    {"sglang", 400, "{\"object\":\"error\",\"message\":\"The input (9 tokens) is longer than the model's context length (8 tokens).\",\"type\":\"BadRequest\",\"code\":400}", CLASS_TOO_LONG, KNOWN},
    {"tgi", 429, "{\"error\":\"Model is overloaded\",\"error_type\":\"overloaded\"}", CLASS_OVERLOAD, KNOWN},
    {"tgi", 422, "{\"error\":\"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8\",\"error_type\":\"validation\"}", CLASS_TOO_LONG, KNOWN},
    {"tgi", 422, "{\"error\":\"Template error\",\"error_type\":\"validation\"}", CLASS_CALLER, KNOWN},
    {"tgi", 424, "{\"error\":\"Request failed during generation: x\",\"error_type\":\"generation\"}", CLASS_SERVER, KNOWN},
    {"tgi", 500, "{\"error\":\"x\",\"error_type\":\"incomplete_generation\"}", CLASS_TRUNCATED, KNOWN},
    {"tgi", 503, "{\"error\":\"unhealthy\",\"error_type\":\"healthcheck\"}", CLASS_OVERLOAD, false},
    {"llama.cpp", 503, "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}", CLASS_OVERLOAD, KNOWN},
    {"llama.cpp", 400, "{\"error\":{\"code\":400,\"message\":\"request (13392 tokens) exceeds the available context size (8192 tokens), try increasing it\",\"type\":\"exceed_context_size_error\",\"n_prompt_tokens\":13392,\"n_ctx\":8192}}", CLASS_TOO_LONG, KNOWN},
    {"ollama", 503, "{\"error\":\"server busy, please try again.  maximum pending requests exceeded\"}", CLASS_OVERLOAD, KNOWN},
    {"ollama", 404, "{\"error\":{\"message\":\"model 'x' not found\",\"type\":\"api_error\",\"param\":null,\"code\":null}}", CLASS_CREDENTIAL, KNOWN},
    {"ollama", 401, "{\"error\":{\"message\":\"Unauthorized\",\"type\":\"api_error\",\"param\":null,\"code\":null}}", CLASS_CREDENTIAL, false},
    {"ollama", 400, "{\"error\":{\"message\":\"prompt too long; exceeded max context length by 9 tokens\",\"type\":\"invalid_request_error\"}}", CLASS_TOO_LONG, KNOWN},
    {"openai-compatible", 529, "", CLASS_OVERLOAD, false},
    {"openai-compatible", 424, "{}", CLASS_SERVER, false},
    {"openai-compatible", 451, "{}", CLASS_POLICY, false},
    {"openai-compatible", 408, "{}", CLASS_SERVER, false},
    {"openai-compatible", 400, "{\"errors\":[{\"message\":\"AiError: bad\",\"code\":5006}]}", CLASS_CALLER, false},
    {"openai-compatible", 400, "{\"error\":{\"message\":\"prompt is too long\"", CLASS_TOO_LONG, KNOWN}, /* cut short */
};

/* Errors inside of a 200 stream, as the dialects hand them on. */
static const struct {
    const char *provider;
    uint16_t status;
    const char *type, *text;
    enum class_id class_id;
    bool known;
} streams[] = {
    {"openai", 0, "server_error", "x", CLASS_SERVER, KNOWN},
    {"openai", 0, "rate_limit_exceeded", "x", CLASS_RATE, KNOWN},
    {"openai", 0, "invalid_request_error", "x", CLASS_CALLER, KNOWN},
    {"anthropic", 0, "overloaded_error", "Overloaded", CLASS_OVERLOAD, KNOWN},
    {"anthropic", 0, "api_error", "x", CLASS_SERVER, KNOWN},
    {"anthropic", 200, "rate_limit_error", "x", CLASS_RATE, KNOWN},
    {"sglang", 0, "server_error", "x: [503] The request queue is full.", CLASS_OVERLOAD, KNOWN},
    {"openrouter", 502, "", "Provider disconnected", CLASS_SERVER, KNOWN},
    {"openrouter", 429, "", "x", CLASS_RATE, false},
    {"openrouter", 0, "error", "", CLASS_SERVER, KNOWN},
    {"deepseek", 0, "insufficient_system_resource", "", CLASS_OVERLOAD, KNOWN},
    {"vllm", 0, "", "EngineCore encountered an issue.", CLASS_SERVER, KNOWN},
    {"vllm", 400, "BadRequestError", "x", CLASS_CALLER, KNOWN},
    {"azure", 0, "content_filter", "x", CLASS_POLICY, KNOWN},
    {"openai-compatible", 0, "", "", CLASS_SERVER, false},
    {"openai-compatible", 200, "made_up", "", CLASS_SERVER, false},
};
/* clang-format on */

static void bodies_have_their_class(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct provider *p = provider_find(span_str(rows[i].provider));
        struct provider_failure f;
        struct arena a;
        enum class_id id;
        bool known;

        assert_non_null(p);
        arena_init(&a, 65536);
        provider_read_error(&f, span_str(rows[i].body), &a);
        assert_false(f.streamed);
        f.status = rows[i].status;
        id = provider_classify(p, &f, &known);
        if (id != rows[i].class_id || known != rows[i].known)
            fail_msg("%s %u %s: %s%s, not %s", rows[i].provider, rows[i].status, rows[i].body,
                     class_row(id)->name, known ? "" : " by its status",
                     class_row(rows[i].class_id)->name);
        arena_fini(&a);
    }
}

static void stream_errors_have_their_class(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        const struct provider *p = provider_find(span_str(streams[i].provider));
        struct provider_failure f = {.status = streams[i].status,
                                     .type = span_str(streams[i].type),
                                     .text = span_str(streams[i].text),
                                     .streamed = true};
        bool known;
        enum class_id id;

        assert_non_null(p);
        id = provider_classify(p, &f, &known);
        if (id != streams[i].class_id || known != streams[i].known)
            fail_msg("%s '%s' '%s': %s", streams[i].provider, streams[i].type, streams[i].text,
                     class_row(id)->name);
    }
}

static void every_status_has_a_class(void **state)
{
    for (size_t i = 0; provider_at(i); i++)
        for (unsigned status = 0; status <= 1000; status++)
            for (int streamed = 0; streamed < 2; streamed++) {
                struct provider_failure f = {.status = (uint16_t)status, .streamed = streamed};
                bool known;
                enum class_id id = provider_classify(provider_at(i), &f, &known);

                assert_true(id > CLASS_NONE && id < CLASSES);
                if (status >= 200 && status < 300)
                    assert_int_equal(id, streamed ? CLASS_SERVER : CLASS_JUNK);
            }
}

/* The best place wins, escapes are resolved, long texts are cut, junk says nothing. */
static void bodies_are_read(void **state)
{
    static const struct {
        const char *body, *type, *code, *text;
    } shapes[] = {
        {"", "", "", ""},
        {"<html>", "", "", ""},
        {"\"x\"", "", "", ""},
        {"{\"error\":{\"message\":\"a\\u0022\\nb\",\"type\":\"t\",\"code\":\"c\"}}", "t", "c",
         "a\" b"},
        {"{\"message\":\"outer\",\"type\":\"error\",\"error\":{\"message\":\"inner\"}}", "", "",
         "inner"},
        {"{\"error\":{\"message\":\"inner\"},\"message\":\"outer\"}", "", "", "inner"},
        {"{\"error\":\"text\",\"error_type\":\"t\"}", "t", "", "text"},
        {"{\"error\":null,\"message\":null,\"code\":null}", "", "", ""},
        {"{\"detail\":\"d\"}", "", "", "d"},
        {"{\"detail\":[{\"msg\":\"one\"},{\"msg\":\"two\"}]}", "", "", "one"},
        {"{\"errors\":[{\"code\":7003,\"message\":\"m\"}]}", "", "7003", "m"},
        {"{\"error_code\":\"E\",\"message\":\"m\"}", "", "E", "m"},
        {"{\"Message\":\"m\"}", "", "", "m"},
        {"[{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"S\"}}]", "S", "400", "m"},
    };

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct provider_failure f;
        struct arena a;

        arena_init(&a, 65536);
        provider_read_error(&f, span_str(shapes[i].body), &a);
        if (!span_is(f.type, shapes[i].type) || !span_is(f.code, shapes[i].code) ||
            !span_is(f.text, shapes[i].text))
            fail_msg("%s: '%.*s' '%.*s' '%.*s'", shapes[i].body, SPAN_FMT(f.type), SPAN_FMT(f.code),
                     SPAN_FMT(f.text));
        assert_int_equal(span_has(f.text), shapes[i].text[0] != '\0');
        arena_fini(&a);
    }
}

static void without_memory_it_just_says_less(void **state)
{
    struct provider_failure f;
    struct arena a;

    arena_init(&a, 0);
    provider_read_error(&f, SPAN_LIT(OPENAI("m", "t", "\"c\"")), &a);
    assert_false(span_has(f.type) || span_has(f.code) || span_has(f.text));
    arena_fini(&a);
}

static void classes_are_rows(void **state)
{
    for (unsigned i = 0; i < CLASSES; i++) {
        const struct class_row *r = class_row((enum class_id)i);

        assert_int_equal(r->id, i);
        assert_true(strlen(r->name) > 0);
        assert_true(i == CLASS_NONE || (r->client_status >= 400 && strlen(r->hint) > 0));
    }
    assert_false(class_row(CLASS_CALLER)->elsewhere || class_row(CLASS_POLICY)->elsewhere);
    assert_false(class_row(CLASS_RATE)->health); /* a throttled target is not sick */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_have_their_class),
        cmocka_unit_test(stream_errors_have_their_class),
        cmocka_unit_test(every_status_has_a_class),
        cmocka_unit_test(bodies_are_read),
        cmocka_unit_test(without_memory_it_just_says_less),
        cmocka_unit_test(classes_are_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
