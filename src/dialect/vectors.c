/*
 * vectors.c - Cohere's embed and Amazon's Titan embeddings, as their answers are read. Both say
 * errors as {"message": "..."}. Nobody is served in them: they are what targets speak.
 * docs.cohere.com/reference/embed,
 * docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
 */
#include "dialect/answer.h"

enum path { ROOT, VECTOR, TOKENS, MESSAGE, PATHS };
enum mark { SAW_VECTOR = 1 << 0, SAW_ERROR = 1 << 1 };

static const char *const cohere_paths[] = {"", "embeddings.float", "meta.billed_units.input_tokens",
                                           "message"};
static const char *const titan_paths[] = {"", "embedding", "inputTextTokenCount", "message"};
_Static_assert(ARRAY_LEN(cohere_paths) == PATHS && ARRAY_LEN(titan_paths) == PATHS,
               "one row, one path");

static const struct json_watch cohere_watch = {cohere_paths, PATHS};
static const struct json_watch titan_watch = {titan_paths, PATHS};

static void mark(struct dialect_answer *a, enum mark m)
{
    a->marks = (uint16_t)(a->marks | m);
}

static void on_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id == VECTOR && answer_hit_filled(h)) {
        mark(a, SAW_VECTOR);
    } else if (h->id == TOKENS) {
        a->usage.seen |= dialect_hit_u64(h, &a->usage.input) == 0;
    } else if (h->id == MESSAGE && h->type == JSON_STRING) {
        mark(a, SAW_ERROR);
        answer_error_text(a, h);
    } else if (h->id == ROOT && h->end && a->marks & SAW_ERROR) {
        answer_error(a);
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

#define VECTORS(dialect_name, watch)                                                               \
    {.name = (dialect_name),                                                                       \
     .event_watch = &(watch),                                                                      \
     .answer_watch = &(watch),                                                                     \
     .on_event = on_hit,                                                                           \
     .on_answer = on_hit,                                                                          \
     .end_event = end_event,                                                                       \
     .verdict = verdict,                                                                           \
     .keepalive = "",                                                                              \
     .cut = "a stream, where none was asked for"}

const struct dialect dialect_cohere_embed = VECTORS("cohere.embed", cohere_watch);
const struct dialect dialect_titan_embed = VECTORS("titan.embed", titan_watch);
