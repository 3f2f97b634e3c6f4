/*
 * openai_count.c - OpenAI's token counts, of a request of the Responses API: one number, never a
 * stream.
 */
#include "dialect/openai/openai.h"
#include "dialect/request.h"
#include "dialect/foreign.h"

enum path { COUNT = OPENAI_OWN, PATHS };

static const char *const paths[] = {OPENAI_PATHS, "input_tokens"};
_Static_assert(ARRAY_LEN(paths) == PATHS, "one row, one path");

static const struct json_watch watch = {paths, PATHS};

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id < OPENAI_OWN)
        openai_hit(a, h);
    else if (h->type == JSON_NUMBER)
        openai_mark(a, OPENAI_SAW_BODY | OPENAI_SAW_CONTENT);
}

static enum dialect_verdict verdict(const struct dialect_answer *a)
{
    return answer_verdict(a, !a->streamed && a->marks & OPENAI_SAW_BODY);
}

const struct dialect dialect_openai_count = {
    .name = "openai.count",
    .request_watch = &dialect_request_responses,
    .foreign = &openai_responses_foreign,
    .event_watch = &watch,
    .answer_watch = &watch,
    .on_request = dialect_request_responses_hit,
    .on_event = on_hit,
    .on_answer = on_hit,
    .end_event = openai_end_event,
    .verdict = verdict,
    .write_error = openai_write_error,
    .write_error_event = openai_write_error_event,
    .keepalive = "",
    .cut = "a stream, where none was asked for",
};
