/*
 * schema.c - any JSON as a client's schema, for each target that has rules for schemas.
 *
 * The first byte chooses the rules. Must hold: a refusal names a place in the schema; what comes
 * out is JSON, the same for every spelling of blanks, and fits as it is: it comes out of a second
 * fit unchanged.
 */
#include "dialect/anthropic/claude.h"
#include "dialect/gemini/gemini_convert.h"
#include "dialect/openai/openai_schema.h"

#define OUT_MAX ((size_t)1 << 20)
#define LEN_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct schema_rules *const rules[] = {&openai_schemas, &claude_schemas,
                                                   &gemini_schemas};

/* As schema_fit_try(); of what is no JSON nothing is said. */
static int fit(struct buf *out, struct span schema, const struct schema_rules *r, struct err *e)
{
    bool nearly = false;
    int got = schema_fit_try(out, schema, r, &nearly, e);

    MUST(got >= 0);
    if (got == 0)
        MUST(e->code == ERR_PROTOCOL || e->code == ERR_LIMIT);
    return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct schema_rules *r;
    struct buf compact, once, other;
    struct json_tree t = {0};
    struct span schema;
    struct err e, why;
    int got;

    if (len < 1 || len > LEN_MAX)
        return 0;
    r = rules[data[0] % ARRAY_LEN(rules)];
    schema = span_of((const char *)data + 1, len - 1);
    buf_init(&compact, OUT_MAX);
    buf_init(&once, OUT_MAX);
    buf_init(&other, OUT_MAX);
    if (json_tree_read(&t, schema, &e) == 0) {
        json_write_tree(&compact, t.root);
        got = fit(&once, schema, r, &e);
        MUST(fit(&other, buf_span(&compact), r, &why) == got);
        if (got == 0) {
            MUST(span_starts(span_str(e.text), SPAN_LIT("schema")));
            MUST(strcmp(e.text, why.text) == 0);
        } else {
            MUST(span_eq(buf_span(&once), buf_span(&other)));
            buf_reset(&other);
            MUST(fit(&other, buf_span(&once), r, &why) == 1);
            MUST(span_eq(buf_span(&once), buf_span(&other)));
        }
    }
    json_tree_fini(&t);
    buf_fini(&compact);
    buf_fini(&once);
    buf_fini(&other);
    return 0;
}
