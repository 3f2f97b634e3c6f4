/*
 * vertex_predict.c - Vertex AI's predict, as its models of embeddings answer it. Nobody is served
 * in it: it is what targets speak.
 */
#include "dialect/gemini/gemini.h"

enum path { ROOT, VECTOR, TOKENS, ERRORS };

static const char *const paths[] = {"", "predictions[].embeddings.values",
                                    "predictions[].embeddings.statistics.token_count",
                                    GEMINI_ERROR_PATHS("")};
static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

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
    if (h->id == VECTOR && answer_hit_filled(h))
        gemini_saw(a, GEMINI_SAW_VALUE);
    else if (h->id == TOKENS)
        add_tokens(a, h);
    else
        gemini_value_hit(a, ERRORS, h);
}

const struct dialect dialect_vertex_predict = {
    .name = "vertex.predict",
    .event_watch = &watch,
    .answer_watch = &watch,
    .on_event = on_hit,
    .on_answer = on_hit,
    .end_event = gemini_value_end_event,
    .verdict = gemini_value_verdict,
    .keepalive = "",
    .cut = "a stream, where none was asked for",
};
