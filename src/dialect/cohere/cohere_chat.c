/*
 * cohere_chat.c - Cohere's chat API, version 2. Only targets speak it.
 *
 * A stream is a sequence of typed events: message-start, then for each content and each call its
 * start, deltas and end, and message-end with the finish_reason and the usage. Some versions add
 * [DONE], which means nothing. Complete is an answer with a finish_reason that is none of those
 * that tell of a failure; a stream says it in message-end alone.
 *
 * Errors are {"message": "..."}, where an answer has an object of that name.
 */
#include "dialect/answer.h"
#include "dialect/request.h"

/* Finish reasons that are no finish: the provider gave up. */
static const char *const failures[] = {"ERROR", "TIMEOUT"};

/* Of an event, and of a whole answer, which has the same members in other places. */
enum path {
    ROOT,
    TYPE,
    MESSAGE,
    ERROR_TYPE,
    TEXT,
    THINKING,
    PLAN,
    CALLS,
    FINISH,
    FAILURE,
    INPUT,
    OUTPUT,
    BILLED_INPUT,
    BILLED_OUTPUT,
    CACHED,
    REASONING,
    PATHS
};

#define USAGE(of)                                                                                  \
    of "usage.tokens.input_tokens", of "usage.tokens.output_tokens",                               \
        of "usage.billed_units.input_tokens", of "usage.billed_units.output_tokens",               \
        of "usage.cached_tokens", of "usage.tokens.reasoning_tokens"

static const char *const event_paths[] = {
    "",
    "type",
    "message",
    "error_type",
    "delta.message.content.text",
    "delta.message.content.thinking",
    "delta.message.tool_plan",
    "delta.message.tool_calls",
    "delta.finish_reason",
    "delta.error",
    USAGE("delta."),
};
_Static_assert(ARRAY_LEN(event_paths) == PATHS, "one row, one path");

static const char *const answer_paths[] = {
    "",
    "type",
    "message",
    "error_type",
    "message.content[].text",
    "message.content[].thinking",
    "message.tool_plan",
    "message.tool_calls",
    "finish_reason",
    "error",
    USAGE(""),
};
_Static_assert(ARRAY_LEN(answer_paths) == PATHS, "one row, one path");

static const struct json_watch event_watch = {event_paths, PATHS};
static const struct json_watch answer_watch = {answer_paths, PATHS};

/* What the event, or the whole answer, has shown. */
enum mark {
    SAW_START = 1 << 0,
    SAW_CONTENT = 1 << 1,
    SAW_TOOL = 1 << 2,
    SAW_FINISH = 1 << 3,
    SAW_MESSAGE_END = 1 << 4,
    SAW_END = 1 << 5, /* of a stream: both */
    SAW_BODY = 1 << 6,
    SAW_ERROR = 1 << 7,
};

static void mark(struct dialect_answer *a, unsigned m)
{
    a->marks = (uint16_t)(a->marks | m);
}

static void read_type(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type != JSON_STRING)
        return;
    if (span_is(h->raw, "message-start"))
        mark(a, SAW_START);
    else if (span_is(h->raw, "message-end"))
        mark(a, SAW_MESSAGE_END);
    a->ev.ends = span_is(h->raw, "content-end");
}

static void read_message(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type == JSON_OBJECT) {
        mark(a, SAW_BODY);
    } else if (h->type == JSON_STRING) {
        mark(a, SAW_ERROR);
        answer_error_text(a, h);
    }
}

static void read_finish(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type != JSON_STRING || !answer_hit_filled(h))
        return;
    answer_stop(a, h);
    mark(a, SAW_FINISH);
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (strcmp(a->stop, failures[i]) == 0) {
            mark(a, SAW_ERROR);
            answer_error_type(a, h);
        }
}

/* Billed tokens count where there are no others. */
static void read_count(struct dialect_answer *a, const struct json_hit *h, uint64_t *count)
{
    uint64_t v;

    if (dialect_hit_u64(h, &v) < 0)
        return;
    *count = MAX(*count, v);
    a->usage.seen = true;
}

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    switch ((enum path)h->id) {
    case TYPE:
        read_type(a, h);
        break;
    case MESSAGE:
        read_message(a, h);
        break;
    case ERROR_TYPE:
        answer_error_type(a, h);
        break;
    case TEXT:
    case THINKING:
    case PLAN:
        mark(a, h->type == JSON_STRING && answer_hit_filled(h) ? SAW_CONTENT : 0);
        break;
    case CALLS:
        mark(a, h->type != JSON_STRING && answer_hit_filled(h) ? SAW_TOOL : 0);
        break;
    case FINISH:
        read_finish(a, h);
        break;
    case FAILURE:
        answer_error_text(a, h);
        break;
    case INPUT:
    case BILLED_INPUT:
        read_count(a, h, &a->usage.input);
        break;
    case OUTPUT:
    case BILLED_OUTPUT:
        read_count(a, h, &a->usage.output);
        break;
    case CACHED:
        read_count(a, h, &a->usage.cache_read);
        break;
    case REASONING:
        read_count(a, h, &a->usage.reasoning);
        break;
    case ROOT:
    case PATHS:
        break;
    }
}

static void settle(struct dialect_answer *a)
{
    answer_no_error(a);
    a->started |= (a->marks & (SAW_START | SAW_BODY)) != 0;
    a->content |= (a->marks & SAW_CONTENT) != 0;
    a->tool |= (a->marks & SAW_TOOL) != 0;
}

/* What an event with these marks is; the first row that matches. */
static const struct answer_kind kinds[] = {
    {SAW_END, EVENT_TERMINAL},
    {SAW_TOOL, EVENT_TOOL},
    {SAW_CONTENT, EVENT_CONTENT},
    {SAW_START, EVENT_START},
};

static void end_event(struct dialect_answer *a)
{
    if (answer_is_done_mark(a)) {
        a->ev.kind = EVENT_OPAQUE;
        return;
    }
    if (a->marks & SAW_ERROR) {
        answer_error(a);
        return;
    }
    if ((a->marks & SAW_MESSAGE_END) && (a->marks & SAW_FINISH))
        mark(a, SAW_END);
    settle(a);
    a->ev.kind = answer_kind(a, kinds, ARRAY_LEN(kinds));
    a->ev.call = a->ev.kind == EVENT_TOOL;
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
    bool whole = (a->marks & SAW_BODY) && (a->marks & SAW_FINISH);

    return answer_verdict(a, a->streamed ? a->done : whole);
}

const struct dialect dialect_cohere_chat = {
    .name = "cohere.chat",
    .request_watch = &dialect_request_messages,
    .event_watch = &event_watch,
    .answer_watch = &answer_watch,
    .on_request = dialect_request_hit,
    .on_event = on_hit,
    .on_answer = on_answer,
    .end_event = end_event,
    .verdict = verdict,
    .keepalive = "",
    .cut = "ended before message-end",
};
