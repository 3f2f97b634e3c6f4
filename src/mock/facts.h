/*
 * facts.h - what the mock wants to know of a request: which API it calls, and the few members
 * of its body that shape the answer.
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_FACTS_H
#define MOCK_FACTS_H

#include "base/arena.h"
#include "mock/http_in.h"

enum mock_api {
    MOCK_API_NONE, /* 404 */
    MOCK_API_CHAT,
    MOCK_API_COMPLETIONS,
    MOCK_API_RESPONSES,
    MOCK_API_EMBEDDINGS,
    MOCK_API_MODELS,
    MOCK_API_MESSAGES,
    MOCK_API_COUNT_TOKENS,
    MOCK_API_GEMINI,
    MOCK_API_GEMINI_COUNT,
    MOCK_API_GEMINI_EMBED,
    MOCK_API_GEMINI_EMBED_BATCH,
    MOCK_API_PREDICT,
    MOCK_API_HEALTH,
    MOCK_APIS,
};

/* Spans live in the arena. Absent is absent from the request. */
struct mock_facts {
    enum mock_api api;
    struct span path;      /* without the query */
    struct span model;     /* as written: with the list of a behaviour, if there is one */
    struct span last_user; /* text of the last user message, or the prompt */
    struct span prefix;    /* text of a last message that is the assistant's: go on from there */
    struct span tool;      /* the tool to call: forced, or the first offered */
    struct span tool_args; /* arguments that fit its schema, as JSON */
    bool tool_forced, stream, include_usage, bad_json;
    bool list;              /* Gemini: streamed as one JSON list, for want of alt=sse */
    uint64_t max_tokens;    /* UINT64_MAX: none */
    uint64_t choices;       /* n, at least 1 */
    uint64_t inputs;        /* embeddings: how many */
    uint64_t dimensions;    /* embeddings: of each */
    uint64_t prompt_tokens; /* our count: 1 for every 4 bytes of body */
};

/* Read the facts of a whole request (of an early answer: of its head alone). -1 only for want
 * of memory; a body that is no JSON sets bad_json. */
MUST_CHECK int mock_facts_read(struct mock_facts *ret, const struct mock_req *r,
                               struct arena *arena, struct err *e);

/* The list of behaviours inside a model name ("mock;fault=cut" -> "fault=cut"), or absent. */
struct span mock_model_list(struct span model);

/* The paths that are answered, as a Markdown table. */
void mock_facts_manual(struct buf *out);

#endif
