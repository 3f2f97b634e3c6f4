/*
 * gemini_count.c - Gemini's token counts: one number, never a stream.
 */
#include "dialect/gemini/gemini.h"
#include "dialect/foreign.h"

enum path { ROOT, COUNT, ERRORS };

static const char *const paths[] = {"", "totalTokens", GEMINI_ERROR_PATHS("")};
static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id == COUNT && h->type == JSON_NUMBER)
        gemini_saw(a, GEMINI_SAW_VALUE);
    else
        gemini_value_hit(a, ERRORS, h);
}

const struct dialect dialect_gemini_count = {
    .name = "gemini.count",
    .request_watch = &gemini_request_watch,
    .foreign = &gemini_foreign,
    .event_watch = &watch,
    .answer_watch = &watch,
    .on_request = gemini_request_hit,
    .on_event = on_hit,
    .on_answer = on_hit,
    .end_event = gemini_value_end_event,
    .verdict = gemini_value_verdict,
    .free = true,
    .write_error = gemini_write_error,
    .write_error_event = gemini_write_error_event,
    .by_url = true,
    .keepalive = "",
    .cut = "a stream, where none was asked for",
};
