/*
 * plain.c - see plain.h.
 */
#include "plain.h"

static const struct plain_recording recordings[PLAIN_RECORDINGS] = {
    {"openai-chat", &convert_openai_chat, "*"},
    {"openai-responses", &convert_openai_responses, "*"},
    {"anthropic-messages", &convert_anthropic_messages, "*"},
    {"gemini", &convert_gemini_generate, "*"},
    {"cohere", &convert_cohere_chat, "/v2/chat"},
    {"ollama", &convert_ollama_chat, "/api/chat"},
    {"bedrock-converse", &convert_bedrock_converse, "*"},
    {"bedrock-invoke", &convert_anthropic_messages, "*claude-*-*/invoke*"},
    {"anthropic-vertex", &convert_anthropic_messages, "*"},
};

static const struct {
    const struct convert *c;
    const char *request, *model;
} rows[] = {
    {&convert_openai_chat,
     "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{"
     "\"role\":\"user\",\"content\":\"hi\"}]}",
     "gpt-5.6"},
    {&convert_openai_responses, "{\"model\":\"m\",\"input\":\"hi\"}", "gpt-5.6"},
    {&convert_anthropic_messages,
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
     "claude-opus-4-8"},
    {&convert_gemini_generate, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}",
     "gemini-3-pro"},
    {&convert_bedrock_converse, "{}", "anthropic.claude-opus-4-8"},
};

const struct plain_recording *plain_recording(size_t i)
{
    MUST(i < PLAIN_RECORDINGS);
    return &recordings[i];
}

const char *plain_request(const struct convert *c)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].c == c)
            return rows[i].request;
    return "{}";
}

const char *plain_new_model(const struct convert *c)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].c == c)
            return rows[i].model;
    return NULL;
}
