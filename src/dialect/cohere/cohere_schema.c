/*
 * cohere_schema.c - a JSON Schema as Cohere's structured outputs have it: the table.
 */
#include "dialect/cohere/cohere_chat_convert.h"

/* docs.cohere.com/v2/docs/structured-outputs, "Parameter types support" and "Unsupported schema
 * features". Members of any name are only said to be taken where nothing is wanted of them. */
static const struct schema_row rows[] = {
    {"type", SCHEMA_COPY, NULL},
    {"enum", SCHEMA_VALUES, NULL},
    {"const", SCHEMA_VALUE, NULL},
    {"pattern", SCHEMA_PATTERN, NULL},
    {"format", SCHEMA_FORMAT, NULL},
    {"required", SCHEMA_COPY, NULL},
    {"title", SCHEMA_NOTE, NULL},
    {"description", SCHEMA_NOTE, NULL},
    {"$ref", SCHEMA_REFER, NULL},
    {"$schema", SCHEMA_DROP, NULL},
    {"$id", SCHEMA_DROP, NULL},
    SCHEMA_NOTES_TO_DROP,
    {"default", SCHEMA_DROP, NULL},
    {"propertyOrdering", SCHEMA_DROP, NULL}, /* Google's models look at it */
    {"additionalProperties", SCHEMA_FLAG, NULL},
    {"items", SCHEMA_INTO, NULL},
    {"properties", SCHEMA_NAMED, NULL},
    {"$defs", SCHEMA_NAMED, NULL},
    {"definitions", SCHEMA_NAMED, NULL},
    {"anyOf", SCHEMA_SEVERAL, NULL},
    {"oneOf", SCHEMA_NEARLY, "anyOf"},
    {"allOf", SCHEMA_SINGLE, "anyOf"},
};

static const char *const formats[] = {"date-time", "uuid", "date", "time", NULL};

const struct schema_rules cohere_schema_rules = {
    .rows = rows,
    .rows_n = ARRAY_LEN(rows),
    .lacks = "Cohere's structured outputs do not have this",
    .formats = formats,
    .asks = true,
};
