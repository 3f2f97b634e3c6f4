/*
 * openai.c - chat, text completions, embeddings, models, as api.openai.com spells them.
 */
#include "mock/answer.h"

#define ULL(x) ((unsigned long long)(x))

static void open_chunk(const struct mock_answer *a, struct mock_piece *p, const char *object)
{
    mock_sse_open(a, p, NULL);
    mock_put(p, "{\"id\":\"%s\",\"object\":\"%s\",\"created\":%d,\"model\":", a->id, object,
             MOCK_CREATED);
    mock_put_quoted(p, span_str(a->model));
    mock_put(p, ",\"system_fingerprint\":\"fp_mock\",\"choices\":[");
}

static void close_chunk(const struct mock_answer *a, struct mock_piece *p)
{
    mock_put(p, "]%s}", mock_or(a->how->usage, a->facts->include_usage) ? ",\"usage\":null" : "");
    mock_sse_close(a, p);
}

static void open_choice(const struct mock_answer *a, struct mock_piece *p, uint64_t k)
{
    open_chunk(a, p, "chat.completion.chunk");
    mock_put(p, "{\"index\":%llu,\"delta\":{", ULL(k % a->choices));
}

static void close_choice(const struct mock_answer *a, struct mock_piece *p, const char *finish)
{
    mock_put(p, "},\"logprobs\":null,\"finish_reason\":%s%s%s}", finish ? "\"" : "",
             finish ? finish : "null", finish ? "\"" : "");
    close_chunk(a, p);
}

static void chat_role(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_choice(a, p, k);
    mock_put(p, "\"role\":\"assistant\",\"content\":%s,\"refusal\":null",
             a->tool ? "null" : "\"\"");
    close_choice(a, p, NULL);
}

static void chat_text(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_choice(a, p, k);
    mock_put(p, "\"content\":\"");
    mock_put_text_event(a, p, k / a->choices);
    mock_put(p, "\"");
    close_choice(a, p, NULL);
}

static void chat_tool_open(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_choice(a, p, k);
    mock_put(p,
             "\"tool_calls\":[{\"index\":0,\"id\":\"call_mock_%06llu\",\"type\":\"function\","
             "\"function\":{\"name\":",
             ULL(a->number));
    mock_put_quoted(p, a->facts->tool);
    mock_put(p, ",\"arguments\":\"\"}}]");
    close_choice(a, p, NULL);
}

static void chat_tool_args(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_choice(a, p, 0);
    mock_put(p, "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"");
    mock_put_args(a, p, k);
    mock_put(p, "\"}}]");
    close_choice(a, p, NULL);
}

static void chat_finish(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_choice(a, p, k);
    close_choice(a, p, mock_stop(a, "stop", "length", "tool_calls"));
}

static void put_usage(const struct mock_answer *a, struct mock_piece *p)
{
    uint64_t in = a->facts->prompt_tokens, out = mock_tokens(a) * a->choices;

    mock_put(p,
             "\"usage\":{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"total_tokens\":%llu,"
             "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
             "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
             "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}",
             ULL(in), ULL(out), ULL(in + out));
}

static void chat_usage(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    open_chunk(a, p, "chat.completion.chunk");
    mock_put(p, "],");
    put_usage(a, p);
    mock_put(p, "}");
    mock_sse_close(a, p);
}

static void done(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_sse_open(a, p, NULL);
    mock_put(p, "[DONE]");
    mock_sse_close(a, p);
}

static void chat_message(const struct mock_answer *a, struct mock_piece *p)
{
    mock_put(p, "\"message\":{\"role\":\"assistant\",\"content\":");
    if (a->tool) {
        mock_put(p,
                 "null,\"refusal\":null,\"annotations\":[],\"tool_calls\":[{"
                 "\"id\":\"call_mock_%06llu\",\"type\":\"function\",\"function\":{\"name\":",
                 ULL(a->number));
        mock_put_quoted(p, a->facts->tool);
        mock_put(p, ",\"arguments\":");
        mock_put_quoted(p, a->facts->tool_args);
        mock_put(p, "}}]}");
    } else {
        mock_put(p, "\"");
        mock_put_all_text(a, p);
        mock_put(p, "\",\"refusal\":null,\"annotations\":[]}");
    }
}

static void chat_whole(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_put(p, "{\"id\":\"%s\",\"object\":\"chat.completion\",\"created\":%d,\"model\":", a->id,
             MOCK_CREATED);
    mock_put_quoted(p, span_str(a->model));
    mock_put(p, ",\"choices\":[");
    for (uint64_t i = 0; i < a->choices; i++) {
        mock_put(p, "%s{\"index\":%llu,", i ? "," : "", ULL(i));
        chat_message(a, p);
        mock_put(p, ",\"logprobs\":null,\"finish_reason\":\"%s\"}",
                 mock_stop(a, "stop", "length", "tool_calls"));
    }
    mock_put(p, "],");
    put_usage(a, p);
    mock_put(p, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\"}");
}

static void completions_choice(const struct mock_answer *a, uint64_t k, struct mock_piece *p,
                               bool last)
{
    open_chunk(a, p, "text_completion");
    mock_put(p, "{\"text\":\"");
    if (!last)
        mock_put_text_event(a, p, k / a->choices);
    mock_put(p, "\",\"index\":%llu,\"logprobs\":null,\"finish_reason\":", ULL(k % a->choices));
    if (last)
        mock_put(p, "\"%s\"}", mock_stop(a, "stop", "length", "stop"));
    else
        mock_put(p, "null}");
    close_chunk(a, p);
}

static void completions_text(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    completions_choice(a, k, p, false);
}

static void completions_finish(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    completions_choice(a, k, p, true);
}

static void completions_whole(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_put(p, "{\"id\":\"%s\",\"object\":\"text_completion\",\"created\":%d,\"model\":", a->id,
             MOCK_CREATED);
    mock_put_quoted(p, span_str(a->model));
    mock_put(p, ",\"choices\":[");
    for (uint64_t i = 0; i < a->choices; i++) {
        mock_put(p, "%s{\"text\":\"", i ? "," : "");
        mock_put_all_text(a, p);
        mock_put(p, "\",\"index\":%llu,\"logprobs\":null,\"finish_reason\":\"%s\"}", ULL(i),
                 mock_stop(a, "stop", "length", "stop"));
    }
    mock_put(p, "],");
    put_usage(a, p);
    mock_put(p, "}");
}

static void embeddings(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    const struct mock_facts *f = a->facts;

    UNUSED(k);
    mock_put(p, "{\"object\":\"list\",\"data\":[");
    for (uint64_t i = 0; i < f->inputs; i++) {
        mock_put(p, "%s{\"object\":\"embedding\",\"index\":%llu,\"embedding\":", i ? "," : "",
                 ULL(i));
        mock_put_vector(a, p, i);
        mock_put(p, "}");
    }
    mock_put(p, "],\"model\":");
    mock_put_quoted(p, span_str(a->model));
    mock_put(p, ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu}}", ULL(f->prompt_tokens),
             ULL(f->prompt_tokens));
}

static void models(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    static const char *const names[] = {"mock", "mock-small", "mock-large"};

    UNUSED(a);
    UNUSED(k);
    mock_put(p, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        mock_put(p, "%s{\"id\":\"%s\",\"object\":\"model\",\"created\":%d,\"owned_by\":\"mock\"}",
                 i ? "," : "", names[i], MOCK_CREATED);
    mock_put(p, "]}");
}

static void health(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(a);
    UNUSED(k);
    mock_put(p, "{}");
}

#define SSE "text/event-stream; charset=utf-8"

const struct mock_plan mock_chat_text = {
    SSE,
    {{chat_role, MOCK_EACH_CHOICE, 0},
     {chat_text, MOCK_EACH_TEXT, MOCK_CONTENT},
     {chat_finish, MOCK_EACH_CHOICE, MOCK_TERMINAL},
     {chat_usage, MOCK_IF_USAGE, 0},
     {done, MOCK_IF_DONE, 0}},
};
const struct mock_plan mock_chat_tool = {
    SSE,
    {{chat_role, MOCK_EACH_CHOICE, 0},
     {chat_tool_open, MOCK_ONCE, MOCK_CONTENT},
     {chat_tool_args, MOCK_EACH_ARGS, 0},
     {chat_finish, MOCK_EACH_CHOICE, MOCK_TERMINAL},
     {chat_usage, MOCK_IF_USAGE, 0},
     {done, MOCK_IF_DONE, 0}},
};
const struct mock_plan mock_completions_text = {
    SSE,
    {{completions_text, MOCK_EACH_TEXT, MOCK_CONTENT},
     {completions_finish, MOCK_EACH_CHOICE, MOCK_TERMINAL},
     {chat_usage, MOCK_IF_USAGE, 0},
     {done, MOCK_IF_DONE, 0}},
};
const struct mock_plan mock_chat_whole = {"application/json", {{chat_whole, MOCK_ONCE, 0}}};
const struct mock_plan mock_completions_whole = {"application/json",
                                                 {{completions_whole, MOCK_ONCE, 0}}};
const struct mock_plan mock_embeddings = {"application/json", {{embeddings, MOCK_ONCE, 0}}};
const struct mock_plan mock_models = {"application/json", {{models, MOCK_ONCE, 0}}};
const struct mock_plan mock_health = {"application/json", {{health, MOCK_ONCE, 0}}};
