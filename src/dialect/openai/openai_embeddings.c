/*
 * openai_embeddings.c - OpenAI's embeddings. Nobody streams them; a stream that claims to be one
 * is read for errors and never complete.
 */
#include "dialect/openai/openai.h"
#include "dialect/request.h"

enum path { VECTOR = OPENAI_OWN, PATHS };

static const char *const paths[] = {OPENAI_PATHS, "data[].embedding"};
_Static_assert(ARRAY_LEN(paths) == PATHS, "one row, one path");

static const struct json_watch watch = {paths, PATHS};

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id < OPENAI_OWN)
        openai_hit(a, h);
    else if (answer_hit_filled(h)) /* a list of numbers, or one text in base64 */
        openai_mark(a, OPENAI_SAW_BODY | OPENAI_SAW_CONTENT);
}

static enum dialect_verdict verdict(const struct dialect_answer *a)
{
    return answer_verdict(a, !a->streamed && a->marks & OPENAI_SAW_BODY);
}

const struct dialect dialect_openai_embeddings = {
    .name = "openai.embeddings",
    .request_watch = &dialect_request_model,
    .event_watch = &watch,
    .answer_watch = &watch,
    .on_request = dialect_request_hit,
    .on_event = on_hit,
    .on_answer = on_hit,
    .end_event = openai_end_event,
    .verdict = verdict,
    .write_error = openai_write_error,
    .write_error_event = openai_write_error_event,
    .keepalive = "",
    .cut = "a stream, where none was asked for",
};
