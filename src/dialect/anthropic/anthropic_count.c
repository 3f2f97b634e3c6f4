/*
 * anthropic_count.c - Anthropic's token counts: one number, never a stream.
 */
#include "dialect/anthropic/anthropic.h"
#include "dialect/request.h"
#include "dialect/foreign.h"

enum path { COUNT = ANTHROPIC_OWN, PATHS };
enum mark { SAW_COUNT = ANTHROPIC_OWN_MARK };

static const char *const paths[] = {ANTHROPIC_PATHS, "input_tokens"};
_Static_assert(ARRAY_LEN(paths) == PATHS, "one row, one path");

static const struct json_watch watch = {paths, PATHS};

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id == COUNT && h->type == JSON_NUMBER)
        anthropic_mark(a, SAW_COUNT);
    else if (h->id == ANTHROPIC_ROOT && h->end && a->marks & ANTHROPIC_SAW_ERROR)
        answer_error(a);
    else
        anthropic_error_hit(a, h);
}

static void end_event(struct dialect_answer *a)
{
    a->ev.kind = a->error ? EVENT_ERROR : EVENT_OPAQUE;
}

static enum dialect_verdict verdict(const struct dialect_answer *a)
{
    return answer_verdict(a, !a->streamed && a->marks & SAW_COUNT);
}

const struct dialect dialect_anthropic_count = {
    .name = "anthropic.count",
    .request_watch = &dialect_request_anthropic_count,
    .foreign = &anthropic_foreign,
    .event_watch = &watch,
    .answer_watch = &watch,
    .on_request = dialect_request_hit,
    .on_event = on_hit,
    .on_answer = on_hit,
    .end_event = end_event,
    .verdict = verdict,
    .free = true,
    .write_error = anthropic_write_error,
    .write_error_event = anthropic_write_error_event,
    .keepalive = "",
    .cut = "a stream, where none was asked for",
};
