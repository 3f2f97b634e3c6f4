/*
 * dialect.c - the list of dialects.
 */
#include "dialect/dialect.h"

static const struct dialect *const dialects[] = {
    &dialect_openai_chat,        &dialect_openai_completions, &dialect_openai_embeddings,
    &dialect_anthropic_messages, &dialect_anthropic_count,
};

const struct dialect *dialect_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (span_is(name, dialects[i]->name))
            return dialects[i];
    return NULL;
}
