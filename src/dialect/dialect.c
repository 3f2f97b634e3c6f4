/*
 * dialect.c - the list of dialects, and readers that are ready to be copied.
 */
#include "dialect/dialect.h"

static const struct dialect *const dialects[DIALECTS] = {
    &dialect_openai_chat,      &dialect_openai_completions, &dialect_openai_embeddings,
    &dialect_openai_responses, &dialect_anthropic_messages, &dialect_anthropic_count,
    &dialect_gemini_generate,  &dialect_gemini_count,       &dialect_openai_count,
    &dialect_bedrock_converse, &dialect_cohere_chat,        &dialect_ollama_chat,
    &dialect_gemini_embed,     &dialect_vertex_predict,     &dialect_cohere_embed,
    &dialect_titan_embed,
};

const struct dialect *dialect_row(size_t i)
{
    MUST(i < DIALECTS);
    return dialects[i];
}

const struct dialect *dialect_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (span_is(name, dialects[i]->name))
            return dialects[i];
    return NULL;
}

void dialect_ready_init(struct dialect_ready *ret, const struct dialect *d)
{
    dialect_request_begin(&ret->request, d);
    dialect_answer_begin(&ret->events, d, TERMINAL_DONE, 1, true);
    dialect_answer_begin(&ret->whole, d, TERMINAL_DONE, 1, false);
}

void dialect_request_copy(struct dialect_request_reader *r, const struct dialect_ready *y)
{
    *r = y->request;
}

void dialect_answer_copy(struct dialect_answer *a, const struct dialect_ready *y,
                         enum dialect_terminal terminal, uint32_t choices, bool streamed)
{
    *a = streamed ? y->events : y->whole;
    a->terminal = terminal;
    a->choices = MAX(choices, UINT32_C(1));
    a->scan.arg = a;
}
