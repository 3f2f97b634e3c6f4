/*
 * gemini_embed.c - Gemini's embedContent and batchEmbedContents: a vector, or a list of them. Never
 * a stream.
 *
 * A batch repeats the model in each of its requests. They are counted, not kept: who renames the
 * model looks for their places again.
 */
#include "dialect/gemini/gemini.h"
#include "dialect/request.h"

/* ---- requests ---- */

enum key { BODY, MODEL, MODELS };

static const char *const request_paths[] = {"", "model", "requests[].model"};
static const struct json_watch request_watch = {request_paths, ARRAY_LEN(request_paths)};

static int on_request(struct dialect_request_reader *r, const struct json_hit *h)
{
    if (h->id != MODELS)
        return gemini_request_hit(r, h);
    if (h->end)
        return 0;
    if (h->type != JSON_STRING)
        return request_refuse(r, "\"requests[%u].model\" must be a string (byte %llu of the body).",
                              h->index, (unsigned long long)h->at);
    if (h->escaped_key)
        return request_refuse(r,
                              "\"requests[%u].model\" is spelled with escapes (its value is at "
                              "byte %llu of the body).",
                              h->index, (unsigned long long)h->at);
    r->req.models++;
    return 0;
}

/* ---- answers ---- */

enum path { ROOT, VECTOR, VECTORS, INPUT, ERRORS };

static const char *const paths[] = {"", "embedding.values", "embeddings[].values",
                                    "usageMetadata.promptTokenCount", GEMINI_ERROR_PATHS("")};
static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if ((h->id == VECTOR || h->id == VECTORS) && answer_hit_filled(h))
        gemini_saw(a, GEMINI_SAW_VALUE);
    else if (h->id == INPUT)
        a->usage.seen |= dialect_hit_u64(h, &a->usage.input) == 0;
    else
        gemini_value_hit(a, ERRORS, h);
}

const struct dialect dialect_gemini_embed = {
    .name = "gemini.embed",
    .request_watch = &request_watch,
    .event_watch = &watch,
    .answer_watch = &watch,
    .on_request = on_request,
    .on_event = on_hit,
    .on_answer = on_hit,
    .end_event = gemini_value_end_event,
    .verdict = gemini_value_verdict,
    .write_error = gemini_write_error,
    .write_error_event = gemini_write_error_event,
    .by_url = true,
    .keepalive = "",
    .cut = "a stream, where none was asked for",
};
