/*
 * openai_responses.c - OpenAI's Responses, and the hosts that follow the Open Responses
 * specification. Events are typed and numbered, and those of the answer's life hold the answer as
 * far as it is.
 *
 * When is a stream complete?
 * - response.completed: complete.
 * - response.incomplete: complete as well. The model came to a limit (max_output_tokens, a filter):
 *   the provider has said all that it will, with usage, and asking again would end alike. In chat
 *   this is finish_reason "length".
 * - response.failed, error: an error.
 * - Nothing else is an end, neither the last item's output_item.done nor a "[DONE]" that some hosts
 *   add behind.
 *
 * A whole answer is one that names itself "response" and has a status other than "failed". With
 * `background` it is "queued" or "in_progress": the promise of an answer is all that was asked for.
 */
#include "dialect/openai/openai.h"
#include "dialect/request.h"
#include "dialect/foreign.h"

/* What stands in a response: of an event below its "response", of a whole answer at the root. */
#define RESPONSE_PATHS(at)                                                                         \
    at "id", at "model", at "error", at "error.message", at "error.type", at "error.code",         \
        at "incomplete_details.reason", at "usage.input_tokens", at "usage.output_tokens",         \
        at "usage.input_tokens_details.cached_tokens",                                             \
        at "usage.input_tokens_details.cache_write_tokens",                                        \
        at "usage.output_tokens_details.reasoning_tokens", at "service_tier"

enum response_path {
    ROOT,
    ID,
    MODEL,
    ERROR,
    ERROR_MESSAGE,
    ERROR_TYPE,
    ERROR_CODE,
    REASON,
    INPUT,
    OUTPUT,
    CACHE_READ,
    CACHE_WRITE,
    REASONING,
    TIER,
    OWN
};

enum event_path {
    TYPE = OWN,
    SEQUENCE,
    ITEM_TYPE,
    ITEM_ENCRYPTED,
    PART_TEXT,
    OWN_ERROR, /* the specification has an error object, OpenAI's own events are flat */
    OWN_ERROR_MESSAGE,
    OWN_ERROR_TYPE,
    OWN_ERROR_CODE,
    FLAT_MESSAGE,
    FLAT_CODE,
    EVENT_PATHS
};

static const char *const event_paths[] = {
    "",
    RESPONSE_PATHS("response."),
    "type",
    "sequence_number",
    "item.type",
    "item.encrypted_content",
    "part.text",
    "error",
    "error.message",
    "error.type",
    "error.code",
    "message",
    "code",
};
_Static_assert(ARRAY_LEN(event_paths) == EVENT_PATHS, "one row, one path");

enum answer_path { OBJECT = OWN, STATUS, OUTPUT_TYPE, OUTPUT_ENCRYPTED, ANSWER_PATHS };

static const char *const answer_paths[] = {
    "", RESPONSE_PATHS(""), "object", "status", "output[].type", "output[].encrypted_content",
};
_Static_assert(ARRAY_LEN(answer_paths) == ANSWER_PATHS, "one row, one path");

static const struct json_watch event_watch = {event_paths, EVENT_PATHS};
static const struct json_watch answer_watch = {answer_paths, ANSWER_PATHS};

/* Bits of dialect_answer.marks; above them, of an event, one more than its row in types[]. */
enum mark {
    SAW_TOOL = 1 << 0,
    SAW_TEXT = 1 << 1,
    SAW_ERROR = 1 << 2,
    SAW_RESPONSE = 1 << 3, /* a whole answer names itself one ... */
    SAW_STATUS = 1 << 4,   /* ... and says how it is */
    TYPE_SHIFT = 8
};

/* What an event of a type is: the first row that fits. Deltas that nobody knows may not be
 * continued elsewhere, so they are taken for a tool's. */
static const struct {
    const char *type; /* with '*' */
    enum dialect_kind kind;
} types[] = {
    {"response.output_text.delta", EVENT_CONTENT},
    {"response.reasoning*.delta", EVENT_CONTENT},
    {"response.refusal.delta", EVENT_CONTENT},
    {"response.audio*.delta", EVENT_CONTENT},
    {"response.*.delta", EVENT_TOOL},
    {"response.created", EVENT_START},
    {"response.queued", EVENT_START},
    {"response.in_progress", EVENT_START},
    {"response.output_item.added", EVENT_START},
    {"response.content_part.added", EVENT_START},
    {"response.completed", EVENT_TERMINAL},
    {"response.incomplete", EVENT_TERMINAL},
    {"response.failed", EVENT_ERROR},
    {"error", EVENT_ERROR},
    {"response.*.done", EVENT_OPAQUE}, /* an item, a part of one, or its text ends */
};
#define TYPE_ENDS ARRAY_LEN(types) /* the last row */

#define WORD_BYTES 64 /* longer than every type that we know */

static void mark(struct dialect_answer *a, unsigned bits)
{
    a->marks = (uint16_t)(a->marks | bits);
}

static void set_type(struct dialect_answer *a, struct span word)
{
    unsigned row = 0;

    for (unsigned i = 0; i < ARRAY_LEN(types) && row == 0; i++)
        if (span_glob(span_str(types[i].type), word))
            row = i + 1;
    a->marks = (uint16_t)((a->marks & ((1U << TYPE_SHIFT) - 1)) | row << TYPE_SHIFT);
}

static struct span word_of(const struct json_hit *h, char word[WORD_BYTES])
{
    return span_of(word, h->type == JSON_STRING ? dialect_hit_text(h, word, WORD_BYTES) : 0);
}

static enum dialect_kind event_kind(const struct dialect_answer *a)
{
    unsigned row = a->marks >> TYPE_SHIFT;

    return row ? types[row - 1].kind : EVENT_OPAQUE;
}

/* What the provider's own tools did, and bills apart: developers.openai.com/api/docs/pricing */
static const char *const billed[] = {"web_search_call", "file_search_call", "code_interpreter_call",
                                     "image_generation_call"};

/* Items that are plain text for the reader. All others are calls and what the provider's own tools
 * did. */
static void read_item(struct dialect_answer *a, const struct json_hit *h)
{
    char buf[WORD_BYTES];
    struct span word = word_of(h, buf);

    if (word.n && !span_is(word, "message") && !span_is(word, "reasoning"))
        mark(a, SAW_TOOL);
    a->ev.call = span_is(word, "function_call") || span_is(word, "custom_tool_call");
    for (size_t i = 0; i < ARRAY_LEN(billed); i++)
        a->usage.extras |= span_is(word, billed[i]);
}

static void read_usage(struct dialect_answer *a, const struct json_hit *h, uint64_t *count)
{
    if (dialect_hit_u64(h, count) == 0)
        a->usage.seen = true;
}

/* A row of what stands in a response. */
static void read_response(struct dialect_answer *a, const struct json_hit *h)
{
    switch ((enum response_path)h->id) {
    case ID:
        a->kept = dialect_hit_id(h);
        break;
    case MODEL:
        answer_model(a, h);
        break;
    case ERROR:
        if (h->type != JSON_NULL)
            mark(a, SAW_ERROR);
        break;
    case ERROR_MESSAGE:
        answer_error_text(a, h);
        break;
    case ERROR_TYPE:
        answer_error_type(a, h);
        break;
    case ERROR_CODE:
        answer_error_code(a, h);
        break;
    case REASON:
        if (h->type == JSON_STRING)
            answer_stop(a, h);
        break;
    case INPUT:
        read_usage(a, h, &a->usage.input);
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
    case REASONING:
        read_usage(a, h, &a->usage.reasoning);
        break;
    case TIER:
        answer_tier(a, TIER_QUEUE, h);
        break;
    case ROOT:
    case OWN:
        break;
    }
}

static void on_event(struct dialect_answer *a, const struct json_hit *h)
{
    char word[WORD_BYTES];
    uint64_t number;

    switch (h->id) {
    case TYPE:
        set_type(a, word_of(h, word));
        break;
    case SEQUENCE:
        if (dialect_hit_u64(h, &number) == 0)
            a->ev.next = number + 1;
        break;
    case ITEM_TYPE:
        read_item(a, h);
        break;
    case ITEM_ENCRYPTED:
        if (answer_hit_filled(h))
            mark(a, SAW_TOOL);
        break;
    case PART_TEXT:
        if (answer_hit_filled(h))
            mark(a, SAW_TEXT);
        break;
    case OWN_ERROR:
        if (h->type != JSON_NULL)
            mark(a, SAW_ERROR);
        break;
    case OWN_ERROR_TYPE:
        answer_error_type(a, h);
        break;
    case OWN_ERROR_MESSAGE:
        answer_error_text(a, h);
        break;
    case FLAT_MESSAGE:
        if (!a->ev.error_text[0])
            answer_error_text(a, h);
        break;
    case OWN_ERROR_CODE:
        answer_error_code(a, h);
        break;
    case FLAT_CODE:
        if (!a->ev.error_code[0])
            answer_error_code(a, h);
        break;
    default:
        read_response(a, h);
        break;
    }
}

/* The provider's last word: how it stopped, if no limit was named. */
static void finish(struct dialect_answer *a)
{
    if (!a->stop[0])
        memcpy(a->stop, "completed", sizeof("completed"));
    a->finished = 1;
}

/* Some servers give all their events one number, or none: what that says of an event only those
 * tell that are seen to count. Then one that comes too soon is a piece of the text behind another
 * that is missing. */
static void count(struct dialect_answer *a)
{
    bool counts = a->counted > 1, follows = a->ev.next == a->sequence + 1;
    char why[96];

    a->ev.again = counts && a->ev.next == a->sequence;
    if (counts && !follows && !a->ev.again) {
        UNUSED(snprintf(why, sizeof(why), "event number %llu comes behind number %llu",
                        (unsigned long long)a->ev.next - 1, (unsigned long long)a->sequence - 1));
        answer_bad(a, why);
        return;
    }
    if (!a->ev.again)
        a->counted = follows ? a->counted + 1 : 0;
    a->sequence = a->ev.next;
}

static void end_event(struct dialect_answer *a)
{
    enum dialect_kind kind;

    if (answer_is_done_mark(a)) {
        a->ev.kind = EVENT_OPAQUE;
        return;
    }
    if (a->marks >> TYPE_SHIFT == 0)
        set_type(a, sse_name(&a->sse));
    kind = event_kind(a);
    if (kind == EVENT_ERROR || a->marks & SAW_ERROR) {
        answer_error(a);
        return;
    }
    answer_no_error(a);
    if (a->marks & SAW_TOOL)
        kind = EVENT_TOOL;
    else if (kind == EVENT_START && a->marks & SAW_TEXT)
        kind = EVENT_CONTENT;
    a->ev.kind = kind;
    a->ev.ends = kind == EVENT_OPAQUE && a->marks >> TYPE_SHIFT == TYPE_ENDS;
    if (a->ev.next)
        count(a);
    if (a->bad)
        return;
    a->started |= kind != EVENT_OPAQUE;
    a->content |= kind == EVENT_CONTENT;
    a->tool |= kind == EVENT_TOOL;
    a->done |= kind == EVENT_TERMINAL;
    if (a->done)
        finish(a);
}

static void end_answer(struct dialect_answer *a)
{
    if (a->marks & SAW_ERROR) {
        answer_error(a);
        return;
    }
    answer_no_error(a);
    a->started = a->content = a->marks & SAW_RESPONSE && a->marks & SAW_STATUS;
    a->tool = a->marks & SAW_TOOL;
    if (a->started)
        finish(a);
}

static void on_answer(struct dialect_answer *a, const struct json_hit *h)
{
    char buf[WORD_BYTES];
    struct span word;

    switch (h->id) {
    case ROOT:
        if (h->end)
            end_answer(a);
        break;
    case OBJECT:
        if (span_is(word_of(h, buf), "response"))
            mark(a, SAW_RESPONSE);
        break;
    case STATUS:
        word = word_of(h, buf);
        if (word.n)
            mark(a, span_is(word, "failed") ? SAW_ERROR : SAW_STATUS);
        break;
    case OUTPUT_TYPE:
        read_item(a, h);
        break;
    case OUTPUT_ENCRYPTED:
        if (answer_hit_filled(h))
            mark(a, SAW_TOOL);
        break;
    default:
        read_response(a, h);
        break;
    }
}

static enum dialect_verdict verdict(const struct dialect_answer *a)
{
    return answer_verdict(a, a->streamed ? a->done : a->started);
}

const struct dialect dialect_openai_responses = {
    .name = "openai.responses",
    .request_watch = &dialect_request_responses,
    .foreign = &openai_responses_foreign,
    .event_watch = &event_watch,
    .answer_watch = &answer_watch,
    .on_request = dialect_request_responses_hit,
    .on_event = on_event,
    .on_answer = on_answer,
    .end_event = end_event,
    .verdict = verdict,
    .write_error = openai_write_error,
    .write_error_event = openai_write_typed_error_event,
    .keepalive = OPENAI_KEEPALIVE,
    .cut = "ended before response.completed",
};
