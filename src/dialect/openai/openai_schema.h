/*
 * openai_schema.h - JSON Schemas of other dialects' clients, for OpenAI's strict outputs.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_OPENAI_SCHEMA_H
#define DIALECT_OPENAI_SCHEMA_H

#include "dialect/schema_fit.h"

extern const struct schema_rules openai_schemas;

/* For the loss tables of both dialects. */
#define OPENAI_SCHEMA_PAGE "https://platform.openai.com/docs/guides/structured-outputs"
#define OPENAI_SCHEMA_OF_TOOL                                                                      \
    "of another dialect's client: where the schema has what cannot be strict, the tool is not"
#define OPENAI_SCHEMA_OF_ANSWER                                                                    \
    "of another dialect's client: objects are closed, oneOf is anyOf, formats that the API does "  \
    "not know go; of a schema with what cannot be strict the target is not asked"

/* A copy of the request that says `strict` where the client's own API holds the model to schemas.
 * Clients of OpenAI's dialects have said themselves what shall be strict, and hosts with schemas of
 * their own get them as they are. -1: the answer's schema is none that can be strict. */
MUST_CHECK int openai_hold(struct chat_request *ret, const struct chat_request *q,
                           const struct convert_to *to, struct err *e);

/* What the schema of the answer is called: the API wants a name, and other dialects have none, or
 * one that it refuses. Absent: no memory. */
struct span openai_format_name(const struct chat_request *q, const struct convert_charset *set);

#endif
