/*
 * responses.c - OpenAI's Responses, whole and streamed. The sequence number of an event is its
 * place in the stream; in_progress is number 1 whatever else comes.
 */
#include "mock/answer.h"

#define ULL(x) ((unsigned long long)(x))

/* Events before the content: created, in_progress, item added, and for text its part. */
#define BEFORE_TEXT 4
#define BEFORE_ARGS 3

static void open_event(const struct mock_answer *a, struct mock_piece *p, const char *type,
                       uint64_t sequence)
{
    mock_sse_open(a, p, type);
    mock_put(p, "{\"type\":\"%s\",\"sequence_number\":%llu,", type, ULL(sequence));
}

static void close_event(const struct mock_answer *a, struct mock_piece *p)
{
    mock_put(p, "}");
    mock_sse_close(a, p);
}

/* Number of the first event after the content. */
static uint64_t after(const struct mock_answer *a)
{
    return a->tool ? BEFORE_ARGS + a->args_events : BEFORE_TEXT + a->text_events * a->choices;
}

static void put_part(const struct mock_answer *a, struct mock_piece *p, bool full)
{
    mock_put(p, "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"");
    if (full)
        mock_put_all_text(a, p);
    mock_put(p, "\"}");
}

static void put_item(const struct mock_answer *a, struct mock_piece *p, bool full)
{
    const char *status = full ? "completed" : "in_progress";

    if (a->tool) {
        mock_put(p,
                 "{\"id\":\"fc_mock_%06llu\",\"type\":\"function_call\",\"status\":\"%s\","
                 "\"call_id\":\"call_mock_%06llu\",\"name\":",
                 ULL(a->number), status, ULL(a->number));
        mock_put_quoted(p, a->facts->tool);
        mock_put(p, ",\"arguments\":");
        mock_put_quoted(p, full ? a->facts->tool_args : SPAN_LIT(""));
        mock_put(p, "}");
        return;
    }
    mock_put(p,
             "{\"id\":\"msg_mock_%06llu\",\"type\":\"message\",\"status\":\"%s\","
             "\"role\":\"assistant\",\"content\":[",
             ULL(a->number), status);
    if (full)
        put_part(a, p, true);
    mock_put(p, "]}");
}

static void put_response(const struct mock_answer *a, struct mock_piece *p, bool full)
{
    uint64_t in = a->facts->prompt_tokens, out = mock_tokens(a);
    const char *status = mock_stop(a, "completed", "incomplete", "completed");

    mock_put(p,
             "{\"id\":\"%s\",\"object\":\"response\",\"created_at\":%d,\"status\":\"%s\","
             "\"error\":null,\"incomplete_details\":%s,\"model\":",
             a->id, MOCK_CREATED, full ? status : "in_progress",
             full && a->cut_by_max ? "{\"reason\":\"max_output_tokens\"}" : "null");
    mock_put_quoted(p, span_str(a->model));
    mock_put(p, ",\"output\":[");
    if (full)
        put_item(a, p, true);
    mock_put(p, "],\"parallel_tool_calls\":true,\"store\":false,\"usage\":");
    if (full)
        mock_put(p,
                 "{\"input_tokens\":%llu,\"input_tokens_details\":{\"cached_tokens\":0},"
                 "\"output_tokens\":%llu,\"output_tokens_details\":{\"reasoning_tokens\":0},"
                 "\"total_tokens\":%llu}}",
                 ULL(in), ULL(out), ULL(in + out));
    else
        mock_put(p, "null}");
}

static void created(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_event(a, p, "response.created", k);
    mock_put(p, "\"response\":");
    put_response(a, p, false);
    close_event(a, p);
}

static void in_progress(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_event(a, p, "response.in_progress", 1 + k);
    mock_put(p, "\"response\":");
    put_response(a, p, false);
    close_event(a, p);
}

static void item_added(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_event(a, p, "response.output_item.added", 2 + k);
    mock_put(p, "\"output_index\":0,\"item\":");
    put_item(a, p, false);
    close_event(a, p);
}

/* The members that place an event in the output. */
static void put_place(const struct mock_answer *a, struct mock_piece *p)
{
    mock_put(p, "\"item_id\":\"%s_mock_%06llu\",\"output_index\":0,", a->tool ? "fc" : "msg",
             ULL(a->number));
    if (!a->tool)
        mock_put(p, "\"content_index\":0,");
}

static void part_added(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_event(a, p, "response.content_part.added", 3 + k);
    put_place(a, p);
    mock_put(p, "\"part\":");
    put_part(a, p, false);
    close_event(a, p);
}

static void text(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_event(a, p, "response.output_text.delta", BEFORE_TEXT + k);
    put_place(a, p);
    mock_put(p, "\"delta\":\"");
    mock_put_text_event(a, p, k / a->choices);
    mock_put(p, "\",\"logprobs\":[]");
    close_event(a, p);
}

static void args(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_event(a, p, "response.function_call_arguments.delta", BEFORE_ARGS + k);
    put_place(a, p);
    mock_put(p, "\"delta\":\"");
    mock_put_args(a, p, k);
    mock_put(p, "\"");
    close_event(a, p);
}

static void text_done(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_event(a, p, "response.output_text.done", after(a) + k);
    put_place(a, p);
    mock_put(p, "\"text\":\"");
    mock_put_all_text(a, p);
    mock_put(p, "\",\"logprobs\":[]");
    close_event(a, p);
}

static void part_done(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_event(a, p, "response.content_part.done", after(a) + 1 + k);
    put_place(a, p);
    mock_put(p, "\"part\":");
    put_part(a, p, true);
    close_event(a, p);
}

static void args_done(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_event(a, p, "response.function_call_arguments.done", after(a) + k);
    put_place(a, p);
    mock_put(p, "\"arguments\":");
    mock_put_quoted(p, a->facts->tool_args);
    close_event(a, p);
}

static void item_done(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    open_event(a, p, "response.output_item.done", after(a) + (a->tool ? 1 : 2) + k);
    mock_put(p, "\"output_index\":0,\"item\":");
    put_item(a, p, true);
    close_event(a, p);
}

static void completed(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    bool cut = a->cut_by_max && !a->tool;

    open_event(a, p, cut ? "response.incomplete" : "response.completed",
               after(a) + (a->tool ? 2 : 3) + k);
    mock_put(p, "\"response\":");
    put_response(a, p, true);
    close_event(a, p);
}

static void whole(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    put_response(a, p, true);
}

#define SSE "text/event-stream; charset=utf-8"

const struct mock_plan mock_responses_text = {
    SSE,
    {{created, MOCK_ONCE, 0},
     {in_progress, MOCK_ONCE, 0},
     {item_added, MOCK_ONCE, 0},
     {part_added, MOCK_ONCE, 0},
     {text, MOCK_EACH_TEXT, MOCK_CONTENT},
     {text_done, MOCK_ONCE, 0},
     {part_done, MOCK_ONCE, 0},
     {item_done, MOCK_ONCE, 0},
     {completed, MOCK_ONCE, MOCK_TERMINAL}},
};
const struct mock_plan mock_responses_tool = {
    SSE,
    {{created, MOCK_ONCE, 0},
     {in_progress, MOCK_ONCE, 0},
     {item_added, MOCK_ONCE, 0},
     {args, MOCK_EACH_ARGS, MOCK_CONTENT},
     {args_done, MOCK_ONCE, 0},
     {item_done, MOCK_ONCE, 0},
     {completed, MOCK_ONCE, MOCK_TERMINAL}},
};
const struct mock_plan mock_responses_whole = {"application/json", {{whole, MOCK_ONCE, 0}}};
