/*
 * schema.c - any JSON as a client's schema, for each target that has rules for schemas.
 *
 * The first byte chooses the rules. Must hold: a refusal names a place in the schema; what comes
 * out is JSON, the same for every spelling of blanks, and fits as it is: it comes out of a second
 * fit unchanged.
 */
#include "dialect/anthropic/claude.h"
#include "dialect/cohere/cohere_chat_convert.h"
#include "dialect/gemini/gemini_convert.h"
#include "dialect/openai/openai_schema.h"

#define OUT_MAX ((size_t)1 << 20)
#define LEN_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct schema_rules *const rules[] = {&openai_schemas, &claude_schemas,
                                                   &gemini_schemas, &cohere_schema_rules};

/* Does an object have two members of one name? Trees are as deep as JSON_TREE_DEPTH. */
static bool doubled(yyjson_val *v)
{
    yyjson_obj_iter i = yyjson_obj_iter_with(v), k;
    yyjson_arr_iter items = yyjson_arr_iter_with(v);
    yyjson_val *a, *b;

    while ((a = yyjson_arr_iter_next(&items)) != NULL)
        if (doubled(a))
            return true;
    while ((a = yyjson_obj_iter_next(&i)) != NULL) {
        k = i;
        while ((b = yyjson_obj_iter_next(&k)) != NULL)
            if (span_eq(json_text(a), json_text(b)))
                return true;
        if (doubled(yyjson_obj_iter_get_val(a)))
            return true;
    }
    return false;
}

static void check_members(struct span in, struct span out)
{
    struct json_tree a = {0}, b = {0};
    struct err e;

    MUST(json_tree_read(&a, in, &e) == 0 && json_tree_read(&b, out, &e) == 0);
    MUST(doubled(a.root) || !doubled(b.root));
    json_tree_fini(&a);
    json_tree_fini(&b);
}

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
            check_members(schema, buf_span(&once));
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
