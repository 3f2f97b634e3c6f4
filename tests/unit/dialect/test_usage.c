/*
 * Goal: whatever a host's way of counting tokens is, the sums exclude nothing and the parts are
 * parts. Method: a table of usage as hosts write it, read at once and byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"

#define CHAT      &dialect_openai_chat
#define VECTORS   &dialect_openai_embeddings
#define RESPONSES &dialect_openai_responses
#define MESSAGES  &dialect_anthropic_messages
#define GEMINI    &dialect_gemini_generate
#define EMBED     &dialect_gemini_embed
#define CONVERSE  &dialect_bedrock_converse
#define PREDICT   &dialect_vertex_predict
#define COHERE    &dialect_cohere_embed
#define TITAN     &dialect_titan_embed

/* clang-format off */
static const struct {
    const char *what;
    const struct dialect *d;
    const char *text;
    struct dialect_usage want;
} rows[] = {
    {"vectors of Gemini's", EMBED, "{\"embedding\":{\"values\":[1]},\"usageMetadata\":{\"promptTokenCount\":8}}", {.input = 8}},
    {"vectors of Vertex AI's: each text's tokens", PREDICT,
     "{\"predictions\":[{\"embeddings\":{\"statistics\":{\"token_count\":4}}},{\"embeddings\":{\"statistics\":{\"token_count\":3.0}}}]}",
     {.input = 7}},
    {"vectors of Cohere's", COHERE, "{\"embeddings\":{\"float\":[[1]]},\"meta\":{\"billed_units\":{\"input_tokens\":5}}}", {.input = 5}},
    {"vectors of Titan's", TITAN, "{\"embedding\":[1],\"inputTextTokenCount\":6}", {.input = 6}},
    {"every part that OpenAI reports", CHAT,
     "{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":50,\"total_tokens\":150,"
     "\"prompt_tokens_details\":{\"cached_tokens\":40,\"cache_write_tokens\":5,\"audio_tokens\":30},"
     "\"completion_tokens_details\":{\"reasoning_tokens\":20,\"audio_tokens\":10}}}",
     {.input = 100, .cache_read = 40, .cache_write = 5, .audio_in = 30, .output = 50, .reasoning = 20, .audio_out = 10}},
    {"the details stand before the sums", CHAT,
     "{\"usage\":{\"prompt_tokens_details\":{\"cache_write_tokens\":5,\"cached_tokens\":40},"
     "\"total_tokens\":150,\"completion_tokens\":50,\"prompt_tokens\":100}}",
     {.input = 100, .cache_read = 40, .cache_write = 5, .output = 50}},
    {"thoughts apart, reported (xAI)", CHAT,
     "{\"usage\":{\"prompt_tokens\":526,\"completion_tokens\":27,\"total_tokens\":625,"
     "\"completion_tokens_details\":{\"reasoning_tokens\":72}}}",
     {.input = 526, .output = 99, .reasoning = 72}},
    {"thoughts apart, and not reported (Gemini)", CHAT,
     "{\"usage\":{\"prompt_tokens\":66,\"completion_tokens\":6,\"total_tokens\":100}}",
     {.input = 66, .output = 34}},
    {"thoughts apart, and in no sum (Vercel)", CHAT,
     "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6,\"total_tokens\":11,\"completion_tokens_details\":{\"reasoning_tokens\":8}}}",
     {.input = 5, .output = 14, .reasoning = 8}},
    {"a total that is less than its parts says nothing", CHAT,
     "{\"usage\":{\"prompt_tokens\":66,\"completion_tokens\":6,\"total_tokens\":70}}",
     {.input = 66, .output = 6}},
    {"cached tokens apart (Azure's grok)", CHAT,
     "{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1,\"total_tokens\":11,\"prompt_tokens_details\":{\"cached_tokens\":161}}}",
     {.input = 171, .cache_read = 161, .output = 1}},
    {"read and written the same (OpenRouter)", CHAT,
     "{\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":18,\"cache_write_tokens\":18}}}",
     {.input = 20, .cache_read = 18, .cache_write = 2, .output = 1}},
    {"Mistral's word for cached", CHAT,
     "{\"usage\":{\"prompt_tokens\":175,\"completion_tokens\":39,\"total_tokens\":214,\"num_cached_tokens\":174}}",
     {.input = 175, .cache_read = 174, .output = 39}},
    {"DeepSeek's word for cached", CHAT,
     "{\"usage\":{\"prompt_tokens\":976,\"completion_tokens\":61,\"prompt_cache_hit_tokens\":896,\"prompt_cache_miss_tokens\":80}}",
     {.input = 976, .cache_read = 896, .output = 61}},
    {"Groq's place in a stream", CHAT,
     "{\"x_groq\":{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}}",
     {.input = 7, .output = 2}},
    {"OpenAI's embeddings", VECTORS, "{\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}", {.input = 8}},
    {"embeddings with a total alone (Voyage)", VECTORS, "{\"usage\":{\"total_tokens\":6}}", {.input = 6}},
    {"every part that Responses reports", RESPONSES,
     "{\"usage\":{\"input_tokens\":158,\"input_tokens_details\":{\"cache_write_tokens\":43,\"cached_tokens\":9},"
     "\"output_tokens\":32,\"output_tokens_details\":{\"reasoning_tokens\":10},\"total_tokens\":190}}",
     {.input = 158, .cache_read = 9, .cache_write = 43, .output = 32, .reasoning = 10}},
    {"every part that Anthropic reports", MESSAGES,
     "{\"usage\":{\"input_tokens\":3,\"cache_creation_input_tokens\":50,\"cache_read_input_tokens\":700,"
     "\"cache_creation\":{\"ephemeral_5m_input_tokens\":20,\"ephemeral_1h_input_tokens\":30},"
     "\"output_tokens\":11,\"output_tokens_details\":{\"thinking_tokens\":4}}}",
     {.input = 753, .cache_read = 700, .cache_write = 50, .cache_write_1h = 30, .output = 11, .reasoning = 4}},
    {"every part that Gemini reports", GEMINI,
     "{\"usageMetadata\":{\"promptTokenCount\":1000,\"toolUsePromptTokenCount\":7,\"cachedContentTokenCount\":500,"
     "\"candidatesTokenCount\":60,\"thoughtsTokenCount\":40,"
     "\"promptTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":300},{\"modality\":\"TEXT\",\"tokenCount\":700}],"
     "\"cacheTokensDetails\":[{\"tokenCount\":200,\"modality\":\"AUDIO\"},{\"tokenCount\":300,\"modality\":\"VIDEO\"}],"
     "\"candidatesTokensDetails\":[{\"modality\":4,\"tokenCount\":25},{\"modality\":1,\"tokenCount\":35}]}}",
     {.input = 1007, .cache_read = 500, .audio_in = 300, .audio_cached = 200, .output = 100, .reasoning = 40, .audio_out = 25}},
    {"no kind of Gemini's is audio", GEMINI,
     "{\"usageMetadata\":{\"promptTokenCount\":10,\"promptTokensDetails\":[{\"tokenCount\":7},{\"modality\":\"DOCUMENT\",\"tokenCount\":3}]}}",
     {.input = 10}},
    /* how it was served, and what is billed besides */
    {"OpenAI's usual tier", CHAT, "{\"service_tier\":\"default\",\"usage\":{\"prompt_tokens\":1}}", {.input = 1}},
    {"OpenAI's priority", CHAT, "{\"service_tier\":\"priority\",\"usage\":{\"prompt_tokens\":1}}", {.input = 1, .tiers = TIER_QUEUE}},
    {"a tier that nobody names", CHAT, "{\"service_tier\":null,\"usage\":{\"prompt_tokens\":1}}", {.input = 1}},
    {"Groq's usual tier", CHAT, "{\"service_tier\":\"on_demand\",\"usage\":{\"prompt_tokens\":1}}", {.input = 1}},
    {"OpenRouter's reserved", CHAT, "{\"service_tier\":\"provisioned\",\"usage\":{\"prompt_tokens\":1}}", {.input = 1}},
    {"xAI searched", CHAT, "{\"usage\":{\"prompt_tokens\":1,\"num_sources_used\":2}}", {.input = 1, .extras = true}},
    {"xAI did not", CHAT, "{\"usage\":{\"prompt_tokens\":1,\"num_sources_used\":0}}", {.input = 1}},
    {"a response at flex", RESPONSES, "{\"service_tier\":\"flex\",\"usage\":{\"input_tokens\":1}}", {.input = 1, .tiers = TIER_QUEUE}},
    {"a response that searched", RESPONSES, "{\"output\":[{\"type\":\"web_search_call\"}],\"usage\":{\"input_tokens\":1}}", {.input = 1, .extras = true}},
    {"a response that calls", RESPONSES, "{\"output\":[{\"type\":\"function_call\"}],\"usage\":{\"input_tokens\":1}}", {.input = 1}},
    {"Anthropic's usual way", MESSAGES,
     "{\"usage\":{\"input_tokens\":1,\"service_tier\":\"standard\",\"inference_geo\":\"global\",\"speed\":\"standard\",\"server_tool_use\":{\"web_search_requests\":0}}}",
     {.input = 1}},
    {"fast, in one country, in its own queue, with a search", MESSAGES,
     "{\"usage\":{\"input_tokens\":1,\"service_tier\":\"priority\",\"inference_geo\":\"us\",\"speed\":\"fast\",\"server_tool_use\":{\"web_search_requests\":1}}}",
     {.input = 1, .tiers = TIER_QUEUE | TIER_SPEED | TIER_PLACE, .extras = true}},
    {"Vertex AI's usual traffic", GEMINI, "{\"usageMetadata\":{\"promptTokenCount\":1,\"trafficType\":\"ON_DEMAND\"}}", {.input = 1}},
    {"Vertex AI, provisioned", GEMINI, "{\"usageMetadata\":{\"promptTokenCount\":1,\"trafficType\":\"PROVISIONED_THROUGHPUT\"}}", {.input = 1, .tiers = TIER_QUEUE}},
    {"Gemini at flex", GEMINI, "{\"usageMetadata\":{\"promptTokenCount\":1,\"serviceTier\":\"flex\"}}", {.input = 1, .tiers = TIER_QUEUE}},
    {"Gemini searched", GEMINI,
     "{\"candidates\":[{\"groundingMetadata\":{\"webSearchQueries\":[\"q\"]}}],\"usageMetadata\":{\"promptTokenCount\":1}}", {.input = 1, .extras = true}},
    {"Gemini did not", GEMINI,
     "{\"candidates\":[{\"groundingMetadata\":{\"webSearchQueries\":[]}}],\"usageMetadata\":{\"promptTokenCount\":1}}", {.input = 1}},
    {"Converse, optimized", CONVERSE, "{\"usage\":{\"inputTokens\":1},\"performanceConfig\":{\"latency\":\"optimized\"},\"serviceTier\":{\"type\":\"default\"}}",
     {.input = 1, .tiers = TIER_SPEED}},
    {"Converse at priority", CONVERSE, "{\"usage\":{\"inputTokens\":1},\"serviceTier\":{\"type\":\"priority\"}}", {.input = 1, .tiers = TIER_QUEUE}},
};
/* clang-format on */

static void check(const char *what, const struct dialect_usage *got,
                  const struct dialect_usage *want)
{
    const struct {
        const char *name;
        uint64_t got, want;
    } parts[] = {
        {"input", got->input, want->input},
        {"cache_read", got->cache_read, want->cache_read},
        {"cache_write", got->cache_write, want->cache_write},
        {"cache_write_1h", got->cache_write_1h, want->cache_write_1h},
        {"audio_in", got->audio_in, want->audio_in},
        {"audio_cached", got->audio_cached, want->audio_cached},
        {"output", got->output, want->output},
        {"reasoning", got->reasoning, want->reasoning},
        {"audio_out", got->audio_out, want->audio_out},
        {"tiers", got->tiers, want->tiers},
        {"extras", got->extras, want->extras},
    };

    if (!got->seen)
        fail_msg("%s: not seen", what);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].got != parts[i].want)
            fail_msg("%s: %s is %llu, not %llu", what, parts[i].name,
                     (unsigned long long)parts[i].got, (unsigned long long)parts[i].want);
}

static void every_way_of_counting_comes_to_ours(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *p = rows[i].text;
        struct dialect_answer a;

        dialect_answer_begin(&a, rows[i].d, TERMINAL_DONE, 1, false);
        assert_int_equal(dialect_answer_feed(&a, p, strlen(p)), 0);
        check(rows[i].what, &a.usage, &rows[i].want);
        dialect_answer_begin(&a, rows[i].d, TERMINAL_DONE, 1, false);
        for (size_t k = 0; p[k]; k++)
            assert_int_equal(dialect_answer_feed(&a, p + k, 1), 0);
        check(rows[i].what, &a.usage, &rows[i].want);
    }
}

/* Anthropic's stream says the input at its beginning and the output at its end; a host that repeats
 * a count as 0 has nothing to say. */
static void counts_of_a_stream_come_together(void **state)
{
    static const char text[] =
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,"
        "\"cache_creation_input_tokens\":5,\"cache_creation\":{\"ephemeral_1h_input_tokens\":5},"
        "\"output_tokens\":1}}}\n\n"
        "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"input_tokens\":0,"
        "\"cache_creation\":{\"ephemeral_1h_input_tokens\":0},\"output_tokens\":9}}\n\n";
    static const struct dialect_usage want = {
        .input = 8, .cache_write = 5, .cache_write_1h = 5, .output = 9};
    struct span s = span_str(text);
    struct dialect_answer a;
    size_t used;

    dialect_answer_begin(&a, MESSAGES, TERMINAL_MESSAGE_STOP, 1, true);
    while (s.n && dialect_answer_next(&a, s.p, s.n, &used) == STEP_EVENT)
        s = span_of(s.p + used, s.n - used);
    check("a stream of Anthropic", &a.usage, &want);
}

/* A response begins with the tier that was asked for; the last word counts. A tool's item is seen
 * when it begins. */
static void a_stream_ends_with_the_tier_that_it_had(void **state)
{
    static const char text[] =
        "data: {\"type\":\"response.created\",\"response\":{\"service_tier\":\"priority\"}}\n\n"
        "data: "
        "{\"type\":\"response.output_item.added\",\"item\":{\"type\":\"web_search_call\"}}\n\n"
        "data: "
        "{\"type\":\"response.completed\",\"response\":{\"service_tier\":\"default\",\"usage\":{"
        "\"input_tokens\":3}}}\n\n";
    static const struct dialect_usage want = {.input = 3, .extras = true};
    struct span s = span_str(text);
    struct dialect_answer a;
    size_t used;

    dialect_answer_begin(&a, RESPONSES, TERMINAL_DONE, 1, true);
    while (s.n && dialect_answer_next(&a, s.p, s.n, &used) == STEP_EVENT)
        s = span_of(s.p + used, s.n - used);
    check("a stream of OpenAI", &a.usage, &want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_of_counting_comes_to_ours),
        cmocka_unit_test(counts_of_a_stream_come_together),
        cmocka_unit_test(a_stream_ends_with_the_tier_that_it_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
