/*
 * openai.h - what chat, completions and embeddings have in common: choices, usage, errors.
 *
 * Room: dialect, private to it.
 */
#ifndef DIALECT_OPENAI_H
#define DIALECT_OPENAI_H

#include "dialect/answer.h"

/* The first rows of every OpenAI watch of events and answers, in the order of enum openai_path;
 * rows of a dialect's own follow, from OPENAI_OWN on. */
#define OPENAI_PATHS                                                                               \
    "", "model", "choices[]", "choices[].index", "choices[].finish_reason", "choices[].error",     \
        "error", "error.message", "error.type", "error.code", "object", "message", "type", "code", \
        "usage", "usage.prompt_tokens", "usage.completion_tokens",                                 \
        "usage.prompt_tokens_details.cached_tokens",                                               \
        "usage.prompt_tokens_details.cache_write_tokens", "usage.prompt_cache_hit_tokens",         \
        "usage.num_cached_tokens", "usage.prompt_tokens_details.audio_tokens",                     \
        "usage.completion_tokens_details.reasoning_tokens",                                        \
        "usage.completion_tokens_details.audio_tokens", "usage.total_tokens", "x_groq.usage",      \
        "x_groq.usage.prompt_tokens", "x_groq.usage.completion_tokens", "x_groq.error",            \
        "service_tier", "usage.num_sources_used"

enum openai_path {
    OPENAI_ROOT,
    OPENAI_MODEL,
    OPENAI_CHOICE,
    OPENAI_INDEX,
    OPENAI_FINISH,
    OPENAI_CHOICE_ERROR,
    OPENAI_ERROR,
    OPENAI_ERROR_MESSAGE,
    OPENAI_ERROR_TYPE,
    OPENAI_ERROR_CODE,
    OPENAI_OBJECT,
    OPENAI_TOP_MESSAGE,
    OPENAI_TOP_TYPE,
    OPENAI_TOP_CODE,
    OPENAI_USAGE,
    OPENAI_INPUT,
    OPENAI_OUTPUT,
    OPENAI_CACHE_READ,
    OPENAI_CACHE_WRITE,
    OPENAI_DEEPSEEK_CACHED,
    OPENAI_MISTRAL_CACHED,
    OPENAI_AUDIO_IN,
    OPENAI_REASONING,
    OPENAI_AUDIO_OUT,
    OPENAI_TOTAL,
    OPENAI_GROQ_USAGE,
    OPENAI_GROQ_INPUT,
    OPENAI_GROQ_OUTPUT,
    OPENAI_GROQ_ERROR,
    OPENAI_TIER,
    OPENAI_XAI_SOURCES,
    OPENAI_OWN
};

/* Bits of dialect_answer.marks. */
enum openai_mark {
    OPENAI_SAW_CHOICE = 1 << 0,
    OPENAI_SAW_CONTENT = 1 << 1,
    OPENAI_SAW_TOOL = 1 << 2,
    OPENAI_SAW_FINISH = 1 << 3,
    OPENAI_SAW_USAGE = 1 << 4,
    OPENAI_SAW_ERROR = 1 << 5,
    OPENAI_SAW_BODY = 1 << 6, /* what makes a whole answer one of the dialect */
};

/* A hit of a row below OPENAI_OWN, of an event or of a whole answer. */
void openai_hit(struct dialect_answer *a, const struct json_hit *h);

static inline void openai_mark(struct dialect_answer *a, unsigned mark)
{
    a->marks = (uint16_t)(a->marks | mark);
}

/* end_event and verdict of dialects with choices. */
void openai_end_event(struct dialect_answer *a);
enum dialect_verdict openai_verdict(const struct dialect_answer *a);

void openai_write_error(struct buf *out, const struct dialect_error *e);
void openai_write_error_event(struct buf *out, const struct dialect_error *e);

/* The same for streams of typed and numbered events. */
void openai_write_typed_error_event(struct buf *out, const struct dialect_error *e);

#define OPENAI_KEEPALIVE ": keep-alive\n\n"
#define OPENAI_CUT       "ended before every choice had its finish_reason"

#endif
