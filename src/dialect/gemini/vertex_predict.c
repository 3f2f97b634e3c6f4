/*
 * vertex_predict.c - Vertex AI's predict, as its models of embeddings answer it. Nobody is served
 * in it: it is what targets speak.
 */
#include "dialect/gemini/gemini.h"

enum path { ROOT, VECTOR, TOKENS, ERRORS };
enum mark { SAW_VECTOR = 1 << 0, SAW_ERROR = 1 << 1 };

static const char *const paths[] = {"", "predictions[].embeddings.values",
                                    "predictions[].embeddings.statistics.token_count",
                                    GEMINI_ERROR_PATHS("")};
static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

static void mark(struct dialect_answer *a, unsigned m)
{
    a->marks = (uint16_t)(a->marks | m);
}

/* Each text has a count of its own. */
static void add_tokens(struct dialect_answer *a, const struct json_hit *h)
{
    uint64_t n;

    if (dialect_hit_u64(h, &n) < 0)
        return;
    a->usage.input += MIN(n, UINT64_MAX - a->usage.input);
    a->usage.seen = true;
}

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id == VECTOR) {
        if (answer_hit_filled(h))
            mark(a, SAW_VECTOR);
    } else if (h->id == TOKENS) {
        add_tokens(a, h);
    } else if (h->id == ROOT && h->end && a->marks & SAW_ERROR) {
        answer_error(a);
    } else if (h->id >= ERRORS &&
               gemini_error_hit(a, (enum gemini_error_path)(h->id - ERRORS), h)) {
        mark(a, SAW_ERROR);
    }
}

static void end_event(struct dialect_answer *a)
{
    a->ev.kind = a->error ? EVENT_ERROR : EVENT_OPAQUE;
}

static enum dialect_verdict verdict(const struct dialect_answer *a)
{
    return answer_verdict(a, !a->streamed && a->marks & SAW_VECTOR);
}

const struct dialect dialect_vertex_predict = {
    .name = "vertex.predict",
    .event_watch = &watch,
    .answer_watch = &watch,
    .on_event = on_hit,
    .on_answer = on_hit,
    .end_event = end_event,
    .verdict = verdict,
    .keepalive = "",
    .cut = "a stream, where none was asked for",
};
