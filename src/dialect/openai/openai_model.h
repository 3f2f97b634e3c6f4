/*
 * openai_model.h - what OpenAI's models take, at OpenAI and at Azure.
 *
 * Models that think refuse to have their sampling set, and some do so only while they think: a
 * table of models says which. Others who speak OpenAI's dialects get what the client said.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_OPENAI_MODEL_H
#define DIALECT_OPENAI_MODEL_H

#include "dialect/convert.h"

/* For the loss tables of both dialects. */
#define OPENAI_MODELS_PAGE "https://platform.openai.com/docs/guides/reasoning"
#define OPENAI_SAMPLING                                                                            \
    "not toward OpenAI's models that think; to gpt-5.1 and later ones, where they shall not"
#define OPENAI_THINKING "not toward OpenAI's models that think"
#define OPENAI_PARALLEL "not toward OpenAI's o1, o3 and o4"

/* Is it OpenAI, or who hosts its models by its rules? */
static inline bool openai_is_host(const struct convert_to *to)
{
    return !to->host || !to->host->own_schemas;
}

/* Does chat completions refuse that a model calls tools with this effort? Newer ones do so there
 * only while they do not think; Responses takes both. */
bool openai_wants_responses(const struct chat_request *q, struct span effort,
                            const struct convert_to *to);

/* Take out of a copy of the request what the model refuses, and note it. effort: the word that it
 * is asked with; absent: none. */
void openai_take(struct chat_request *q, struct span effort, const struct convert_to *to);

#endif
