/*
 * gemini_schema_write.c - a JSON Schema as Gemini honours it: the table. Of other keywords the
 * model takes no notice, which is not told to anybody.
 */
#include "dialect/gemini/gemini_convert.h"
#include "dialect/schema_fit.h"

/* ai.google.dev/api/generate-content#GenerationConfig, responseJsonSchema. */
static const struct schema_row rows[] = {
    {"type", SCHEMA_COPY, NULL},
    {"enum", SCHEMA_VALUES, NULL},
    {"const", SCHEMA_VALUE, "enum"},
    {"format", SCHEMA_COPY, NULL},
    {"minimum", SCHEMA_COPY, NULL},
    {"maximum", SCHEMA_COPY, NULL},
    {"exclusiveMinimum", SCHEMA_ABOVE, "minimum"},
    {"exclusiveMaximum", SCHEMA_BELOW, "maximum"},
    {"minItems", SCHEMA_COPY, NULL},
    {"maxItems", SCHEMA_COPY, NULL},
    {"required", SCHEMA_COPY, NULL},
    {"propertyOrdering", SCHEMA_COPY, NULL},
    {"title", SCHEMA_NOTE, NULL},
    {"description", SCHEMA_NOTE, NULL},
    {"$ref", SCHEMA_REFER, NULL},
    {"$id", SCHEMA_COPY, NULL},
    {"$anchor", SCHEMA_COPY, NULL},
    {"$schema", SCHEMA_DROP, NULL},
    SCHEMA_NOTES_TO_DROP,
    {"default", SCHEMA_COPY, NULL}, /* it binds nobody, and is taken */
    {"additionalProperties", SCHEMA_INTO, NULL},
    {"items", SCHEMA_INTO, NULL},
    {"prefixItems", SCHEMA_SEVERAL, NULL},
    {"properties", SCHEMA_NAMED, NULL},
    {"$defs", SCHEMA_NAMED, NULL},
    {"definitions", SCHEMA_NAMED, "$defs"},
    {"anyOf", SCHEMA_SEVERAL, NULL},
    {"oneOf", SCHEMA_NEARLY, NULL}, /* which the API says it takes as anyOf */
    {"allOf", SCHEMA_SINGLE, "anyOf"},
};

const struct schema_rules gemini_schemas = {
    .rows = rows,
    .rows_n = ARRAY_LEN(rows),
    .lacks = "Gemini takes no notice of this",
    .ref_alone = true,
    .plain_enum = true,
    .loops = SCHEMA_LOOPS_THAT_END,
};
