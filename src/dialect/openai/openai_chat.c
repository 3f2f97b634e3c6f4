/*
 * openai_chat.c - OpenAI's chat completions, as the many hosts that copy it really speak it.
 */
#include "dialect/openai/openai.h"
#include "dialect/request.h"

enum event_path {
    TEXT = OPENAI_OWN,
    REASONING_CONTENT, /* DeepSeek and most engines */
    REASONING,         /* OpenRouter, Groq, newer vLLM */
    REFUSAL,
    AUDIO,
    IMAGES, /* OpenRouter */
    TOOL_CALLS,
    FUNCTION_CALL, /* what came before tool_calls */
    SIGNATURE,     /* OpenRouter: thinking that only its model can go on with */
    ENCRYPTED,
    EVENT_PATHS
};

static const char *const event_paths[] = {
    OPENAI_PATHS,
    "choices[].delta.content",
    "choices[].delta.reasoning_content",
    "choices[].delta.reasoning",
    "choices[].delta.refusal",
    "choices[].delta.audio",
    "choices[].delta.images",
    "choices[].delta.tool_calls",
    "choices[].delta.function_call",
    "choices[].delta.reasoning_details[].signature",
    "choices[].delta.reasoning_details[].data",
};
_Static_assert(ARRAY_LEN(event_paths) == EVENT_PATHS, "one row, one path");
_Static_assert(EVENT_PATHS <= JSON_SCAN_PATHS, "bound of the scanner");

enum answer_path { MESSAGE = OPENAI_OWN, MESSAGE_TOOLS, MESSAGE_FUNCTION, ANSWER_PATHS };

static const char *const answer_paths[] = {
    OPENAI_PATHS,
    "choices[].message",
    "choices[].message.tool_calls",
    "choices[].message.function_call",
};
_Static_assert(ARRAY_LEN(answer_paths) == ANSWER_PATHS, "one row, one path");

static const struct json_watch event_watch = {event_paths, EVENT_PATHS};
static const struct json_watch answer_watch = {answer_paths, ANSWER_PATHS};

static void on_event(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id < OPENAI_OWN)
        openai_hit(a, h);
    else if (answer_hit_filled(h))
        openai_mark(a, h->id < TOOL_CALLS ? OPENAI_SAW_CONTENT : OPENAI_SAW_TOOL);
}

/* A whole answer needs choices with messages; a finish_reason is not asked for: the document
 * itself has an end, and Snowflake leaves the reason empty. */
static void on_answer(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id < OPENAI_OWN)
        openai_hit(a, h);
    else if (h->id == MESSAGE && h->type == JSON_OBJECT)
        openai_mark(a, OPENAI_SAW_BODY | OPENAI_SAW_CONTENT);
    else if (h->id != MESSAGE && answer_hit_filled(h))
        openai_mark(a, OPENAI_SAW_TOOL);
}

const struct dialect dialect_openai_chat = {
    .name = "openai.chat",
    .request_watch = &dialect_request_chat,
    .event_watch = &event_watch,
    .answer_watch = &answer_watch,
    .on_request = dialect_request_hit,
    .on_event = on_event,
    .on_answer = on_answer,
    .end_event = openai_end_event,
    .verdict = openai_verdict,
    .write_error = openai_write_error,
    .write_error_event = openai_write_error_event,
    .keepalive = OPENAI_KEEPALIVE,
    .cut = OPENAI_CUT,
};
