/*
 * openai_schema.c - see openai_schema.h. Why what cannot be strict is not asked for at all:
 * docs/decisions/0011-schemas.md.
 */
#include "dialect/openai/openai_schema.h"
#include "dialect/convert_read.h"
#include "dialect/openai/openai_model.h"

/* developers.openai.com/api/docs/guides/structured-outputs#supported-schemas; `default` and words
 * beside a $ref are refused by the API, and nowhere documented. */
static const struct schema_row rows[] = {
    {"type", SCHEMA_COPY, NULL},
    {"enum", SCHEMA_VALUES, NULL},
    {"const", SCHEMA_VALUE, NULL},
    {"format", SCHEMA_FORMAT, NULL},
    {"pattern", SCHEMA_COPY, NULL},
    {"minimum", SCHEMA_COPY, NULL},
    {"maximum", SCHEMA_COPY, NULL},
    {"exclusiveMinimum", SCHEMA_COPY, NULL},
    {"exclusiveMaximum", SCHEMA_COPY, NULL},
    {"multipleOf", SCHEMA_COPY, NULL},
    {"minItems", SCHEMA_COPY, NULL},
    {"maxItems", SCHEMA_COPY, NULL},
    {"required", SCHEMA_REQUIRED, NULL},
    {"title", SCHEMA_NOTE, NULL},
    {"description", SCHEMA_NOTE, NULL},
    {"$ref", SCHEMA_REFER, NULL},
    {"$schema", SCHEMA_DROP, NULL},
    {"$id", SCHEMA_DROP, NULL},
    SCHEMA_NOTES_TO_DROP,
    {"default", SCHEMA_DROP, NULL},
    {"propertyOrdering", SCHEMA_DROP, NULL}, /* Google's models look at it */
    {"additionalProperties", SCHEMA_FALSE, NULL},
    {"items", SCHEMA_INTO, NULL},
    {"properties", SCHEMA_NAMED, NULL},
    {"$defs", SCHEMA_NAMED, NULL},
    {"definitions", SCHEMA_NAMED, NULL},
    {"anyOf", SCHEMA_SEVERAL, NULL},
    {"oneOf", SCHEMA_NEARLY, "anyOf"},
    {"allOf", SCHEMA_SINGLE, "anyOf"},
};

static const char *const formats[] = {"date-time", "time", "date", "duration", "email",
                                      "hostname",  "ipv4", "ipv6", "uuid",     NULL};

static const struct schema_bounds bounds = {
    .nest = 10,
    .properties = 5000,
    .values = 1000,
    .chars = 120000,
    .many = 250,
    .many_chars = 15000,
};

const struct schema_rules openai_schemas = {
    .rows = rows,
    .rows_n = ARRAY_LEN(rows),
    .lacks = "OpenAI's strict schemas do not have this",
    .formats = formats,
    .bounds = &bounds,
    .closes = true,
    .whole = true,
    .ref_alone = true,
};

int openai_hold(struct chat_request *ret, const struct chat_request *q, const struct convert_to *to,
                struct err *e)
{
    if (!q->held || !openai_is_host(to)) {
        *ret = *q;
        if (openai_is_host(to))
            return schema_fit_tools(ret, true, &openai_schemas, to, e);
        convert_note_strict(to, q);
        return 0;
    }
    if (schema_fit_request(ret, q, &openai_schemas, to, e) < 0)
        return -1;
    if (span_has(ret->format_schema))
        ret->format_strict = CHAT_YES;
    return 0;
}

struct span openai_format_name(const struct chat_request *q, const struct convert_charset *set)
{
    return q->format_name.n ? convert_fit(q->arena, q->format_name, set) : SPAN_LIT("answer");
}
