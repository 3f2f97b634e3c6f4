/*
 * gemini_count.c - Gemini's token counts: one number, never a stream.
 */
#include "dialect/gemini/gemini.h"

enum path { ROOT, COUNT, ERRORS };
enum mark { SAW_COUNT = 1 << 0, SAW_ERROR = 1 << 1 };

static const char *const paths[] = {"", "totalTokens", GEMINI_ERROR_PATHS("")};
static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

static void mark(struct dialect_answer *a, unsigned m)
{
    a->marks = (uint16_t)(a->marks | m);
}

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id == COUNT && h->type == JSON_NUMBER)
        mark(a, SAW_COUNT);
    else if (h->id == ROOT && h->end && a->marks & SAW_ERROR)
        answer_error(a);
    else if (h->id >= ERRORS && gemini_error_hit(a, (enum gemini_error_path)(h->id - ERRORS), h))
        mark(a, SAW_ERROR);
}

static void end_event(struct dialect_answer *a)
{
    a->ev.kind = a->error ? EVENT_ERROR : EVENT_OPAQUE;
}

static enum dialect_verdict verdict(const struct dialect_answer *a)
{
    return answer_verdict(a, !a->streamed && a->marks & SAW_COUNT);
}

const struct dialect dialect_gemini_count = {
    .name = "gemini.count",
    .request_watch = &gemini_request_watch,
    .event_watch = &watch,
    .answer_watch = &watch,
    .on_request = gemini_request_hit,
    .on_event = on_hit,
    .on_answer = on_hit,
    .end_event = end_event,
    .verdict = verdict,
    .free = true,
    .write_error = gemini_write_error,
    .write_error_event = gemini_write_error_event,
    .by_url = true,
    .keepalive = "",
    .cut = "a stream, where none was asked for",
};
