/*
 * plain.c - see plain.h.
 */
#include "plain.h"

static const struct plain rows[PLAINS] = {
    {"openai-chat", &convert_openai_chat,
     "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{"
     "\"role\":\"user\",\"content\":\"hi\"}]}"},
    {"openai-responses", &convert_openai_responses, "{\"model\":\"m\",\"input\":\"hi\"}"},
    {"anthropic-messages", &convert_anthropic_messages,
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    {"gemini", &convert_gemini_generate,
     "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}"},
};

const struct plain *plain_at(size_t i)
{
    MUST(i < PLAINS);
    return &rows[i];
}

const char *plain_request(const struct convert *c)
{
    for (size_t i = 0; i < PLAINS; i++)
        if (rows[i].c == c)
            return rows[i].request;
    return "{}";
}
