/*
 * bedrock_converse.c - Amazon Bedrock's Converse, as its answers are read. Nobody is served in it:
 * it is what targets speak.
 *
 * A stream comes as AWS's binary messages; codec/reframe.h makes server-sent events of them, and an
 * event is what its name says, for its JSON says nothing. An exception has become the event
 * "error".
 *
 * A stream is complete by messageStop with its stopReason. The usage comes behind it, in metadata,
 * as the last event; who cuts it off there has taken nothing from the answer.
 */
#include "dialect/answer.h"

enum path {
    ROOT,
    ERROR_TYPE, /* as the reframer writes it */
    ERROR_MESSAGE,
    INPUT,
    OUTPUT,
    CACHE_READ,
    CACHE_WRITE,
    STOP,
    TIER,
    SPEED,
    COMMON, /* an event's own, or a whole answer's */
    INDEX = COMMON,
    START,
    START_CALL,
    DELTA_TEXT,
    DELTA_THOUGHT,
    DELTA_CITATION,
    DELTA_SIGNATURE,
    DELTA_REDACTED,
    DELTA_CALL,
    EVENT_PATHS,
    ROLE = COMMON,
    CALL,
    ANSWER_PATHS
};

#define COMMON_PATHS                                                                               \
    "", "error.type", "error.message", "usage.inputTokens", "usage.outputTokens",                  \
        "usage.cacheReadInputTokens", "usage.cacheWriteInputTokens", "stopReason",                 \
        "serviceTier.type", "performanceConfig.latency"

static const char *const event_paths[] = {
    COMMON_PATHS,
    "contentBlockIndex",
    "start",
    "start.toolUse",
    "delta.text",
    "delta.reasoningContent.text",
    "delta.citation",
    "delta.reasoningContent.signature",
    "delta.reasoningContent.redactedContent",
    "delta.toolUse",
};
_Static_assert(ARRAY_LEN(event_paths) == EVENT_PATHS, "one row, one path");

static const char *const answer_paths[] = {
    COMMON_PATHS,
    "output.message.role",
    "output.message.content[].toolUse",
};
_Static_assert(ARRAY_LEN(answer_paths) == ANSWER_PATHS, "one row, one path");

static const struct json_watch event_watch = {event_paths, EVENT_PATHS};
static const struct json_watch answer_watch = {answer_paths, ANSWER_PATHS};

/* Bits of dialect_answer.marks. */
enum mark { SAW_CONTENT = 1 << 0, SAW_TOOL = 1 << 1, SAW_STOP = 1 << 2, SAW_MESSAGE = 1 << 3 };

static void mark(struct dialect_answer *a, unsigned bit)
{
    a->marks = (uint16_t)(a->marks | bit);
}

/* Cached tokens are counted apart from plain ones here, and not in struct dialect_usage. */
static void read_usage(struct dialect_answer *a, const struct json_hit *h, uint64_t *count)
{
    struct dialect_usage *u = &a->usage;
    uint64_t v;

    if (dialect_hit_u64(h, &v) < 0)
        return;
    *count = v;
    u->input = a->input_plain + u->cache_read + u->cache_write;
    u->seen = true;
}

static void read_common(struct dialect_answer *a, const struct json_hit *h)
{
    switch (h->id) {
    case ERROR_TYPE:
        answer_error_type(a, h);
        break;
    case ERROR_MESSAGE:
        answer_error_text(a, h);
        break;
    case INPUT:
        read_usage(a, h, &a->input_plain);
        break;
    case OUTPUT:
        read_usage(a, h, &a->usage.output);
        break;
    case CACHE_READ:
        read_usage(a, h, &a->usage.cache_read);
        break;
    case CACHE_WRITE:
        read_usage(a, h, &a->usage.cache_write);
        break;
    case TIER:
        answer_tier(a, TIER_QUEUE, h);
        break;
    case SPEED:
        answer_tier(a, TIER_SPEED, h);
        break;
    case STOP:
        if (h->type != JSON_STRING)
            break;
        mark(a, SAW_STOP);
        answer_stop(a, h);
        break;
    default:
        break;
    }
}

/* ---- events ---- */

static void on_event(struct dialect_answer *a, const struct json_hit *h)
{
    uint64_t v;

    if (h->id < COMMON)
        read_common(a, h);
    else if (h->id == INDEX && dialect_hit_u64(h, &v) == 0)
        a->ev.index = (uint32_t)MIN(v, (uint64_t)UINT32_MAX);
    else if (h->id > INDEX && answer_hit_filled(h)) {
        a->ev.call |= h->id == START_CALL || h->id == DELTA_CALL;
        mark(a, h->id <= START_CALL || h->id > DELTA_CITATION ? SAW_TOOL : SAW_CONTENT);
    }
}

static const struct {
    const char *name;
    enum dialect_kind kind;
} events[] = {
    {"messageStart", EVENT_START},
    {"contentBlockStart", EVENT_TOOL}, /* calls, and what the provider's tools return */
    {"contentBlockDelta", EVENT_CONTENT},
    {"messageStop", EVENT_FINISH},
    {"metadata", EVENT_USAGE},
    {"error", EVENT_ERROR},
};

static enum dialect_kind kind_of(const struct dialect_answer *a)
{
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (span_is(sse_name(&a->sse), events[i].name))
            return events[i].kind;
    return EVENT_OPAQUE;
}

/* Why the event cannot come now, or NULL. */
static const char *out_of_order(const struct dialect_answer *a, enum dialect_kind kind)
{
    switch (kind) {
    case EVENT_START:
        return a->started ? "a second messageStart" : NULL;
    case EVENT_FINISH:
        if (!(a->marks & SAW_STOP))
            return "a messageStop without its stopReason";
        break;
    case EVENT_CONTENT:
    case EVENT_TOOL:
        break;
    case EVENT_OPAQUE:
    case EVENT_KEEPALIVE:
    case EVENT_USAGE:
    case EVENT_TERMINAL:
    case EVENT_ERROR:
    case EVENT_BAD:
        return NULL;
    }
    if (a->finished)
        return "an event of a message behind its messageStop";
    return a->started ? NULL : "an event of a message before its messageStart";
}

static void end_event(struct dialect_answer *a)
{
    enum dialect_kind kind = answer_is_done_mark(a) ? EVENT_OPAQUE : kind_of(a);
    const char *why;

    if (kind == EVENT_ERROR) {
        answer_error(a);
        return;
    }
    answer_no_error(a);
    why = out_of_order(a, kind);
    if (why) {
        answer_bad(a, why);
        return;
    }
    if (kind == EVENT_TOOL || kind == EVENT_CONTENT) /* an empty one announces its block */
        kind = a->marks & SAW_TOOL      ? EVENT_TOOL
               : a->marks & SAW_CONTENT ? EVENT_CONTENT
                                        : EVENT_START;
    a->ev.kind = kind;
    a->ev.ends = kind == EVENT_OPAQUE && span_is(sse_name(&a->sse), "contentBlockStop");
    a->started |= kind == EVENT_START;
    a->content |= kind == EVENT_CONTENT;
    a->tool |= kind == EVENT_TOOL;
    if (kind == EVENT_FINISH)
        a->finished = 1;
}

/* ---- whole answers ---- */

static void on_answer(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id == CALL && answer_hit_filled(h))
        mark(a, SAW_TOOL);
    else if (h->id == ROLE)
        mark(a, SAW_MESSAGE);
    else if (h->id != ROOT)
        read_common(a, h);
    if (h->id != ROOT || !h->end)
        return;
    answer_no_error(a); /* errors have a status of their own */
    a->started = a->content = a->marks & SAW_MESSAGE;
    a->tool = a->marks & SAW_TOOL;
    a->finished = a->marks & SAW_STOP ? 1 : 0;
}

static enum dialect_verdict verdict(const struct dialect_answer *a)
{
    return answer_verdict(a, a->started && a->finished);
}

const struct dialect dialect_bedrock_converse = {
    .name = "bedrock.converse",
    .event_watch = &event_watch,
    .answer_watch = &answer_watch,
    .on_event = on_event,
    .on_answer = on_answer,
    .end_event = end_event,
    .verdict = verdict,
    .by_url = true,
    .keepalive = "",
    .cut = "ended before messageStop",
};
