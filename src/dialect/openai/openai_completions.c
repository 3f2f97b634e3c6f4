/*
 * openai_completions.c - OpenAI's older text completions. A list of prompts multiplies the
 * choices; events and whole answers have the same members.
 */
#include "dialect/openai/openai.h"
#include "dialect/request.h"

enum path { TEXT = OPENAI_OWN, PATHS };

static const char *const paths[] = {OPENAI_PATHS, "choices[].text"};
_Static_assert(ARRAY_LEN(paths) == PATHS, "one row, one path");

static const struct json_watch watch = {paths, PATHS};

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id < OPENAI_OWN) {
        openai_hit(a, h);
        return;
    }
    if (h->type == JSON_STRING)
        openai_mark(a, OPENAI_SAW_BODY);
    if (answer_hit_filled(h))
        openai_mark(a, OPENAI_SAW_CONTENT);
}

const struct dialect dialect_openai_completions = {
    .name = "openai.completions",
    .request_watch = &dialect_request_completions,
    .event_watch = &watch,
    .answer_watch = &watch,
    .on_request = dialect_request_hit,
    .on_event = on_hit,
    .on_answer = on_hit,
    .end_event = openai_end_event,
    .verdict = openai_verdict,
    .write_error = openai_write_error,
    .write_error_event = openai_write_error_event,
    .keepalive = OPENAI_KEEPALIVE,
    .cut = OPENAI_CUT,
};
