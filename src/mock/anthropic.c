/*
 * anthropic.c - messages and token counts, as api.anthropic.com spells them.
 */
#include "mock/answer.h"

#define ULL(x) ((unsigned long long)(x))

static void put_message_head(const struct mock_answer *a, struct mock_piece *p)
{
    mock_put(p, "{\"model\":");
    mock_put_quoted(p, span_str(a->model));
    mock_put(p, ",\"id\":\"%s\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[", a->id);
}

static void put_usage(const struct mock_answer *a, struct mock_piece *p, uint64_t out)
{
    mock_put(p,
             "\"usage\":{\"input_tokens\":%llu,\"cache_creation_input_tokens\":0,"
             "\"cache_read_input_tokens\":0,\"output_tokens\":%llu,"
             "\"service_tier\":\"standard\"}",
             ULL(a->facts->prompt_tokens), ULL(out));
}

static void start(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_sse_open(a, p, "message_start");
    mock_put(p, "{\"type\":\"message_start\",\"message\":");
    put_message_head(a, p);
    mock_put(p, "],\"stop_reason\":null,\"stop_sequence\":null,");
    put_usage(a, p, 1);
    mock_put(p, "}}");
    mock_sse_close(a, p);
}

static void block_start(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_sse_open(a, p, "content_block_start");
    mock_put(p, "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":");
    if (a->tool) {
        mock_put(p,
                 "{\"type\":\"tool_use\",\"id\":\"toolu_mock_%06llu\",\"name\":", ULL(a->number));
        mock_put_quoted(p, a->facts->tool);
        mock_put(p, ",\"input\":{}}}");
    } else {
        mock_put(p, "{\"type\":\"text\",\"text\":\"\"}}");
    }
    mock_sse_close(a, p);
}

static void ping(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_sse_open(a, p, "ping");
    mock_put(p, "{\"type\": \"ping\"}");
    mock_sse_close(a, p);
}

static void open_delta(const struct mock_answer *a, struct mock_piece *p)
{
    mock_sse_open(a, p, "content_block_delta");
    mock_put(p, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{");
}

static void close_delta(const struct mock_answer *a, struct mock_piece *p)
{
    mock_put(p, "\"}}");
    mock_sse_close(a, p);
}

static void text(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_delta(a, p);
    mock_put(p, "\"type\":\"text_delta\",\"text\":\"");
    mock_put_text_event(a, p, k / a->choices);
    close_delta(a, p);
}

static void args(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_delta(a, p);
    mock_put(p, "\"type\":\"input_json_delta\",\"partial_json\":\"");
    mock_put_args(a, p, k);
    close_delta(a, p);
}

static void block_stop(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_sse_open(a, p, "content_block_stop");
    mock_put(p, "{\"type\":\"content_block_stop\",\"index\":0}");
    mock_sse_close(a, p);
}

static void message_delta(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_sse_open(a, p, "message_delta");
    mock_put(p,
             "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\","
             "\"stop_sequence\":null},\"usage\":{\"output_tokens\":%llu}}",
             mock_stop(a, "end_turn", "max_tokens", "tool_use"), ULL(mock_tokens(a)));
    mock_sse_close(a, p);
}

static void message_stop(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_sse_open(a, p, "message_stop");
    mock_put(p, "{\"type\":\"message_stop\"}");
    mock_sse_close(a, p);
}

static void whole(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    put_message_head(a, p);
    if (a->tool) {
        mock_put(p,
                 "{\"type\":\"tool_use\",\"id\":\"toolu_mock_%06llu\",\"name\":", ULL(a->number));
        mock_put_quoted(p, a->facts->tool);
        mock_put(p, ",\"input\":%.*s}", SPAN_FMT(a->facts->tool_args));
    } else {
        mock_put(p, "{\"type\":\"text\",\"text\":\"");
        mock_put_all_text(a, p);
        mock_put(p, "\"}");
    }
    mock_put(p, "],\"stop_reason\":\"%s\",\"stop_sequence\":null,",
             mock_stop(a, "end_turn", "max_tokens", "tool_use"));
    put_usage(a, p, mock_tokens(a));
    mock_put(p, "}");
}

static void count_tokens(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_put(p, "{\"input_tokens\":%llu}", ULL(a->facts->prompt_tokens));
}

#define SSE "text/event-stream; charset=utf-8"

const struct mock_plan mock_messages_text = {
    SSE,
    {{start, MOCK_ONCE, 0},
     {block_start, MOCK_ONCE, 0},
     {ping, MOCK_IF_PING, 0},
     {text, MOCK_EACH_TEXT, MOCK_CONTENT},
     {block_stop, MOCK_ONCE, 0},
     {message_delta, MOCK_ONCE, 0},
     {message_stop, MOCK_ONCE, MOCK_TERMINAL}},
};
const struct mock_plan mock_messages_tool = {
    SSE,
    {{start, MOCK_ONCE, 0},
     {block_start, MOCK_ONCE, 0},
     {ping, MOCK_IF_PING, 0},
     {args, MOCK_EACH_ARGS, MOCK_CONTENT},
     {block_stop, MOCK_ONCE, 0},
     {message_delta, MOCK_ONCE, 0},
     {message_stop, MOCK_ONCE, MOCK_TERMINAL}},
};
const struct mock_plan mock_messages_whole = {"application/json", {{whole, MOCK_ONCE, 0}}};
const struct mock_plan mock_count_tokens = {"application/json", {{count_tokens, MOCK_ONCE, 0}}};
