/*
 * ollama_chat.c - Ollama's own chat API, /api/chat. Only targets speak it.
 *
 * A stream is a line of JSON for each piece, each a whole object; here they arrive as the data of
 * SSE events (codec/reframe.h). The last one says "done": true, why, and what it took.
 *
 * Complete is an answer whose done has a done_reason that is not empty: a runner whose connection
 * was lost also writes "done": true, and an empty reason.
 */
#include "dialect/answer.h"
#include "dialect/request.h"

enum path {
    ROOT,
    MODEL,
    MESSAGE,
    CONTENT,
    THINKING,
    CALLS,
    DONE,
    REASON,
    INPUT,
    OUTPUT,
    ERROR,
    PATHS
};

static const char *const paths[PATHS] = {
    [ROOT] = "",
    [MODEL] = "model",
    [MESSAGE] = "message",
    [CONTENT] = "message.content",
    [THINKING] = "message.thinking",
    [CALLS] = "message.tool_calls",
    [DONE] = "done",
    [REASON] = "done_reason",
    [INPUT] = "prompt_eval_count",
    [OUTPUT] = "eval_count",
    [ERROR] = "error",
};

static const struct json_watch watch = {paths, PATHS};

/* What the event, or the whole answer, has shown. */
enum mark {
    SAW_MESSAGE = 1 << 0,
    SAW_CONTENT = 1 << 1,
    SAW_TOOL = 1 << 2,
    SAW_DONE = 1 << 3,
    SAW_REASON = 1 << 4,
    SAW_END = 1 << 5, /* both */
    SAW_ERROR = 1 << 6,
};

static void mark(struct dialect_answer *a, unsigned m)
{
    a->marks = (uint16_t)(a->marks | m);
}

static void read_count(struct dialect_answer *a, const struct json_hit *h, uint64_t *count)
{
    if (dialect_hit_u64(h, count) == 0)
        a->usage.seen = true;
}

static void settle(struct dialect_answer *a)
{
    if ((a->marks & SAW_DONE) && (a->marks & SAW_REASON))
        mark(a, SAW_END);
    a->started |= (a->marks & SAW_MESSAGE) != 0;
    a->content |= (a->marks & SAW_CONTENT) != 0;
    a->tool |= (a->marks & SAW_TOOL) != 0;
}

/* An error is a text, or an object of the hosts that imitate others. */
static void read_error(struct dialect_answer *a, const struct json_hit *h)
{
    if (!answer_hit_filled(h))
        return;
    mark(a, SAW_ERROR);
    answer_error_text(a, h);
}

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    switch ((enum path)h->id) {
    case MODEL:
        answer_model(a, h);
        break;
    case MESSAGE:
        mark(a, h->type == JSON_OBJECT ? SAW_MESSAGE : 0);
        break;
    case CONTENT:
    case THINKING:
        mark(a, answer_hit_filled(h) ? SAW_CONTENT : 0);
        break;
    case CALLS:
        mark(a, answer_hit_filled(h) ? SAW_TOOL : 0);
        break;
    case DONE:
        mark(a, h->type == JSON_TRUE ? SAW_DONE : 0);
        break;
    case REASON:
        if (h->type != JSON_STRING || !answer_hit_filled(h))
            break;
        mark(a, SAW_REASON);
        answer_stop(a, h);
        break;
    case INPUT:
        read_count(a, h, &a->usage.input);
        break;
    case OUTPUT:
        read_count(a, h, &a->usage.output);
        break;
    case ERROR:
        read_error(a, h);
        break;
    case ROOT:
    case PATHS:
        break;
    }
}

/* What an event with these marks is; the first row that matches. */
static const struct answer_kind kinds[] = {
    {SAW_END, EVENT_TERMINAL},
    {SAW_TOOL, EVENT_TOOL},
    {SAW_CONTENT, EVENT_CONTENT},
    {SAW_MESSAGE, EVENT_START},
};

static void end_event(struct dialect_answer *a)
{
    if (answer_is_done_mark(a)) { /* not of this API */
        a->ev.kind = EVENT_OPAQUE;
        return;
    }
    if (a->marks & SAW_ERROR) {
        answer_error(a);
        return;
    }
    settle(a);
    a->ev.kind = answer_kind(a, kinds, ARRAY_LEN(kinds));
    a->done |= (a->marks & SAW_END) != 0;
}

static void on_answer(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id != ROOT)
        on_hit(a, h);
    else if (h->end && a->marks & SAW_ERROR)
        answer_error(a);
    else if (h->end)
        settle(a);
}

static enum dialect_verdict verdict(const struct dialect_answer *a)
{
    bool whole = (a->marks & SAW_MESSAGE) && (a->marks & SAW_END);

    return answer_verdict(a, a->streamed ? a->done : whole);
}

const struct dialect dialect_ollama_chat = {
    .name = "ollama.chat",
    .request_watch = &dialect_request_messages,
    .event_watch = &watch,
    .answer_watch = &watch,
    .on_request = dialect_request_hit,
    .on_event = on_hit,
    .on_answer = on_answer,
    .end_event = end_event,
    .verdict = verdict,
    .keepalive = "",
    .cut = "ended before a line with done and its reason",
};
