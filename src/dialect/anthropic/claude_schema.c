/*
 * claude_schema.c - a JSON Schema as Claude's constrained decoding takes it, and Bedrock's Converse
 * for all models: the table.
 *
 * Objects have to be closed: where a schema leaves it open whether an object has other members,
 * they are closed, for then the answer fits the client's schema all the same. A keyword that the
 * API refuses, and without which the answer might not fit, cannot be said, and its place is told.
 */
#include "dialect/anthropic/claude.h"
#include "dialect/schema_fit.h"

/* platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema limitations";
 * docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html. */
static const struct schema_row rows[] = {
    {"type", SCHEMA_COPY, NULL},
    {"enum", SCHEMA_VALUES, NULL},
    {"const", SCHEMA_VALUE, NULL},
    {"format", SCHEMA_COPY, NULL},
    {"pattern", SCHEMA_COPY, NULL},
    {"required", SCHEMA_COPY, NULL},
    {"title", SCHEMA_NOTE, NULL},
    {"description", SCHEMA_NOTE, NULL},
    {"default", SCHEMA_NOTE, NULL},
    {"$ref", SCHEMA_REFER, NULL},
    {"$schema", SCHEMA_COPY, NULL},
    {"$id", SCHEMA_COPY, NULL},
    SCHEMA_NOTES_TO_DROP,
    {"propertyOrdering", SCHEMA_DROP, NULL}, /* Google's models look at it */
    {"additionalProperties", SCHEMA_FALSE, NULL},
    {"minItems", SCHEMA_FEW, NULL},
    {"items", SCHEMA_INTO, NULL},
    {"properties", SCHEMA_NAMED, NULL},
    {"$defs", SCHEMA_NAMED, NULL},
    {"definitions", SCHEMA_NAMED, NULL},
    {"anyOf", SCHEMA_SEVERAL, NULL},
    {"oneOf", SCHEMA_NEARLY, "anyOf"},
    {"allOf", SCHEMA_SINGLE, NULL},
};

const struct schema_rules claude_schemas = {
    .rows = rows,
    .rows_n = ARRAY_LEN(rows),
    .lacks = "structured outputs do not have this",
    .closes = true,
    .refuses = true,
    .loops = SCHEMA_NO_LOOPS,
};
