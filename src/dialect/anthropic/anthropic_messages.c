/*
 * anthropic_messages.c - Anthropic's messages, and those of engines and hosts that speak the same.
 *
 * An event is what its JSON says in "type"; the name on the `event:` line counts only where there
 * is no type, for some hosts leave one of the two away.
 *
 * A stream is complete by message_stop and by nothing else: the stop_reason comes one event
 * earlier, but only the terminal says that no block is missing behind it.
 */
#include "dialect/anthropic/anthropic.h"
#include "dialect/request.h"
#include "dialect/foreign.h"

enum event_path {
    START_MODEL = ANTHROPIC_OWN,
    START_INPUT,
    START_OUTPUT,
    START_CACHE_READ,
    START_CACHE_WRITE,
    START_CACHE_WRITE_1H,
    START_TIER,
    START_SPEED,
    START_PLACE,
    INPUT,
    OUTPUT,
    CACHE_READ,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    REASONING,
    SPEED,
    SEARCHES,
    INDEX,
    BLOCK_TYPE,
    BLOCK_TEXT,
    DELTA_TYPE,
    DELTA_STOP,
    EVENT_PATHS
};

static const char *const event_paths[] = {
    ANTHROPIC_PATHS,
    "message.model",
    "message.usage.input_tokens",
    "message.usage.output_tokens",
    "message.usage.cache_read_input_tokens",
    "message.usage.cache_creation_input_tokens",
    "message.usage.cache_creation.ephemeral_1h_input_tokens",
    "message.usage.service_tier",
    "message.usage.speed",
    "message.usage.inference_geo",
    "usage.input_tokens",
    "usage.output_tokens",
    "usage.cache_read_input_tokens",
    "usage.cache_creation_input_tokens",
    "usage.cache_creation.ephemeral_1h_input_tokens",
    "usage.output_tokens_details.thinking_tokens",
    "usage.speed",
    "usage.server_tool_use.web_search_requests",
    "index",
    "content_block.type",
    "content_block.text",
    "delta.type",
    "delta.stop_reason",
};
_Static_assert(ARRAY_LEN(event_paths) == EVENT_PATHS, "one row, one path");

enum answer_path {
    ANSWER_MODEL = ANTHROPIC_OWN,
    ANSWER_STOP,
    ANSWER_BLOCK,
    ANSWER_INPUT,
    ANSWER_OUTPUT,
    ANSWER_CACHE_READ,
    ANSWER_CACHE_WRITE,
    ANSWER_CACHE_WRITE_1H,
    ANSWER_REASONING,
    ANSWER_TIER,
    ANSWER_SPEED,
    ANSWER_PLACE,
    ANSWER_SEARCHES,
    ANSWER_PATHS
};

static const char *const answer_paths[] = {
    ANTHROPIC_PATHS,
    "model",
    "stop_reason",
    "content[].type",
    "usage.input_tokens",
    "usage.output_tokens",
    "usage.cache_read_input_tokens",
    "usage.cache_creation_input_tokens",
    "usage.cache_creation.ephemeral_1h_input_tokens",
    "usage.output_tokens_details.thinking_tokens",
    "usage.service_tier",
    "usage.speed",
    "usage.inference_geo",
    "usage.server_tool_use.web_search_requests",
};
_Static_assert(ARRAY_LEN(answer_paths) == ANSWER_PATHS, "one row, one path");

static const struct json_watch event_watch = {event_paths, EVENT_PATHS};
static const struct json_watch answer_watch = {answer_paths, ANSWER_PATHS};

/* Marks: what the event has shown, and, above them, its type. */
enum mark {
    SAW_TOOL = ANTHROPIC_OWN_MARK,
    SAW_TEXT = ANTHROPIC_OWN_MARK << 1,
    SAW_STOP = ANTHROPIC_OWN_MARK << 2,
    TYPE_SHIFT = 8
};

enum type {
    TYPE_NONE, /* the JSON names none */
    TYPE_OTHER,
    TYPE_MESSAGE_START,
    TYPE_BLOCK_START,
    TYPE_BLOCK_DELTA,
    TYPE_BLOCK_STOP,
    TYPE_MESSAGE_DELTA,
    TYPE_MESSAGE_STOP,
    TYPE_PING,
    TYPE_ERROR,
    TYPE_MESSAGE, /* a whole answer */
    TYPES
};

static const char *const type_names[TYPES] = {
    [TYPE_MESSAGE_START] = "message_start",
    [TYPE_BLOCK_START] = "content_block_start",
    [TYPE_BLOCK_DELTA] = "content_block_delta",
    [TYPE_BLOCK_STOP] = "content_block_stop",
    [TYPE_MESSAGE_DELTA] = "message_delta",
    [TYPE_MESSAGE_STOP] = "message_stop",
    [TYPE_PING] = "ping",
    [TYPE_ERROR] = "error",
    [TYPE_MESSAGE] = "message",
};

#define WORD_BYTES 40 /* longer than every word that we know */

static enum type type_of(const char *word)
{
    for (unsigned i = 0; i < TYPES; i++)
        if (type_names[i] && strcmp(type_names[i], word) == 0)
            return (enum type)i;
    return TYPE_OTHER;
}

static enum type event_type(const struct dialect_answer *a)
{
    return (enum type)(a->marks >> TYPE_SHIFT);
}

static void read_type(struct dialect_answer *a, const struct json_hit *h)
{
    char word[WORD_BYTES];

    if (h->type != JSON_STRING)
        return;
    dialect_hit_text(h, word, sizeof(word));
    a->marks =
        (uint16_t)((a->marks & ((1U << TYPE_SHIFT) - 1)) | (unsigned)type_of(word) << TYPE_SHIFT);
}

static bool one_of(const struct json_hit *h, const char *const *words, size_t n)
{
    char word[WORD_BYTES];

    dialect_hit_text(h, word, sizeof(word));
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

/* Blocks that begin empty and are plain text for the reader. All others are calls, their results,
 * or thinking that only its model can read: what must not be continued elsewhere. */
static void read_block_type(struct dialect_answer *a, const struct json_hit *h)
{
    static const char *const plain[] = {"text", "thinking", "compaction", "fallback"};
    static const char *const call[] = {"tool_use"};

    if (h->type == JSON_STRING && !one_of(h, plain, ARRAY_LEN(plain)))
        anthropic_mark(a, SAW_TOOL);
    a->ev.call = h->type == JSON_STRING && one_of(h, call, ARRAY_LEN(call));
}

static void read_delta_type(struct dialect_answer *a, const struct json_hit *h)
{
    static const char *const tool[] = {"input_json_delta", "signature_delta"};

    if (h->type == JSON_STRING)
        anthropic_mark(a, one_of(h, tool, ARRAY_LEN(tool)) ? SAW_TOOL : SAW_TEXT);
}

static void read_stop(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type != JSON_STRING)
        return;
    anthropic_mark(a, SAW_STOP);
    answer_stop(a, h);
}

/* Counts only grow in an answer; a host that repeats one as 0 has nothing to say. Cached tokens
 * are counted apart from plain ones here, and not in struct dialect_usage. */
static void read_usage(struct dialect_answer *a, const struct json_hit *h, uint64_t *count)
{
    struct dialect_usage *u = &a->usage;
    uint64_t v;

    if (dialect_hit_u64(h, &v) < 0)
        return;
    *count = MAX(*count, v);
    u->input = a->input_plain + u->cache_read + u->cache_write;
    u->seen = true;
}

static void on_event(struct dialect_answer *a, const struct json_hit *h)
{
    uint64_t v;

    switch (h->id) {
    case ANTHROPIC_TYPE:
        read_type(a, h);
        break;
    case START_MODEL:
        answer_model(a, h);
        break;
    case START_INPUT:
    case INPUT:
        read_usage(a, h, &a->input_plain);
        break;
    case START_OUTPUT:
    case OUTPUT:
        read_usage(a, h, &a->usage.output);
        break;
    case START_CACHE_READ:
    case CACHE_READ:
        read_usage(a, h, &a->usage.cache_read);
        break;
    case START_CACHE_WRITE:
    case CACHE_WRITE:
        read_usage(a, h, &a->usage.cache_write);
        break;
    case START_CACHE_WRITE_1H:
    case CACHE_WRITE_1H:
        read_usage(a, h, &a->usage.cache_write_1h);
        break;
    case REASONING:
        read_usage(a, h, &a->usage.reasoning);
        break;
    case START_TIER:
        answer_tier(a, TIER_QUEUE, h);
        break;
    case START_SPEED:
    case SPEED:
        answer_tier(a, TIER_SPEED, h);
        break;
    case START_PLACE:
        answer_tier(a, TIER_PLACE, h);
        break;
    case SEARCHES:
        answer_extras(a, h);
        break;
    case INDEX:
        if (dialect_hit_u64(h, &v) == 0)
            a->ev.index = (uint32_t)MIN(v, (uint64_t)UINT32_MAX);
        break;
    case BLOCK_TYPE:
        read_block_type(a, h);
        break;
    case BLOCK_TEXT:
        if (answer_hit_filled(h))
            anthropic_mark(a, SAW_TEXT);
        break;
    case DELTA_TYPE:
        read_delta_type(a, h);
        break;
    case DELTA_STOP:
        read_stop(a, h);
        break;
    default:
        anthropic_error_hit(a, h);
        break;
    }
}

static enum dialect_kind kind_of(struct dialect_answer *a, enum type type)
{
    switch (type) {
    case TYPE_MESSAGE_START:
        return EVENT_START;
    case TYPE_BLOCK_START:
        return a->marks & SAW_TOOL ? EVENT_TOOL : a->marks & SAW_TEXT ? EVENT_CONTENT : EVENT_START;
    case TYPE_BLOCK_DELTA:
        return a->marks & SAW_TOOL ? EVENT_TOOL : EVENT_CONTENT;
    case TYPE_MESSAGE_DELTA:
        return a->marks & SAW_STOP ? EVENT_FINISH : EVENT_USAGE;
    case TYPE_MESSAGE_STOP:
        return EVENT_TERMINAL;
    case TYPE_PING:
        return EVENT_KEEPALIVE;
    case TYPE_NONE:
    case TYPE_OTHER:
    case TYPE_BLOCK_STOP:
    case TYPE_ERROR:
    case TYPE_MESSAGE:
    case TYPES:
        break;
    }
    return EVENT_OPAQUE;
}

/* Why an event of the message's life cannot come now, or NULL. */
static const char *out_of_order(const struct dialect_answer *a, enum dialect_kind kind,
                                enum type type)
{
    if (kind == EVENT_OPAQUE || kind == EVENT_KEEPALIVE)
        return NULL;
    if (type == TYPE_MESSAGE_START)
        return a->started ? "a second message_start" : NULL;
    return a->started ? NULL : "an event of a message before its message_start";
}

static void end_event(struct dialect_answer *a)
{
    enum type type = event_type(a);
    const char *why;

    if (answer_is_done_mark(a)) { /* some hosts add it; it means nothing here */
        a->ev.kind = EVENT_OPAQUE;
        return;
    }
    if (type == TYPE_NONE && sse_name(&a->sse).n < WORD_BYTES) {
        char name[WORD_BYTES] = "";

        memcpy(name, sse_name(&a->sse).p, sse_name(&a->sse).n);
        type = type_of(name);
    }
    if (type == TYPE_ERROR || a->marks & ANTHROPIC_SAW_ERROR) {
        answer_error(a);
        return;
    }
    answer_no_error(a);
    a->ev.kind = kind_of(a, type);
    a->ev.ends = type == TYPE_BLOCK_STOP;
    why = out_of_order(a, a->ev.kind, type);
    if (why) {
        answer_bad(a, why);
        return;
    }
    a->started |= a->ev.kind == EVENT_START;
    a->content |= a->ev.kind == EVENT_CONTENT;
    a->tool |= a->ev.kind == EVENT_TOOL;
    a->done |= a->ev.kind == EVENT_TERMINAL;
    if (a->ev.kind == EVENT_FINISH)
        a->finished = 1;
}

static void end_answer(struct dialect_answer *a)
{
    if (event_type(a) == TYPE_ERROR || a->marks & ANTHROPIC_SAW_ERROR) {
        answer_error(a);
        return;
    }
    answer_no_error(a);
    a->started = event_type(a) == TYPE_MESSAGE;
    a->content = a->started;
    a->tool = a->marks & SAW_TOOL;
    a->finished = a->marks & SAW_STOP ? 1 : 0;
}

static void on_answer(struct dialect_answer *a, const struct json_hit *h)
{
    switch (h->id) {
    case ANTHROPIC_ROOT:
        if (h->end)
            end_answer(a);
        break;
    case ANTHROPIC_TYPE:
        read_type(a, h);
        break;
    case ANSWER_MODEL:
        answer_model(a, h);
        break;
    case ANSWER_STOP:
        read_stop(a, h);
        break;
    case ANSWER_BLOCK:
        read_block_type(a, h);
        break;
    case ANSWER_INPUT:
        read_usage(a, h, &a->input_plain);
        break;
    case ANSWER_OUTPUT:
        read_usage(a, h, &a->usage.output);
        break;
    case ANSWER_CACHE_READ:
        read_usage(a, h, &a->usage.cache_read);
        break;
    case ANSWER_CACHE_WRITE:
        read_usage(a, h, &a->usage.cache_write);
        break;
    case ANSWER_CACHE_WRITE_1H:
        read_usage(a, h, &a->usage.cache_write_1h);
        break;
    case ANSWER_REASONING:
        read_usage(a, h, &a->usage.reasoning);
        break;
    case ANSWER_TIER:
        answer_tier(a, TIER_QUEUE, h);
        break;
    case ANSWER_SPEED:
        answer_tier(a, TIER_SPEED, h);
        break;
    case ANSWER_PLACE:
        answer_tier(a, TIER_PLACE, h);
        break;
    case ANSWER_SEARCHES:
        answer_extras(a, h);
        break;
    default:
        anthropic_error_hit(a, h);
        break;
    }
}

static enum dialect_verdict verdict(const struct dialect_answer *a)
{
    return answer_verdict(a, a->streamed ? a->done : a->started && a->finished);
}

const struct dialect dialect_anthropic_messages = {
    .name = "anthropic.messages",
    .request_watch = &dialect_request_anthropic,
    .foreign = &anthropic_foreign,
    .event_watch = &event_watch,
    .answer_watch = &answer_watch,
    .on_request = dialect_request_hit,
    .on_event = on_event,
    .on_answer = on_answer,
    .end_event = end_event,
    .verdict = verdict,
    .write_error = anthropic_write_error,
    .write_error_event = anthropic_write_error_event,
    .keepalive = "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    .cut = "ended before message_stop",
};
