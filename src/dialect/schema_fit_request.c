/*
 * schema_fit_request.c - a request whose schemas fit; see schema_fit.h.
 */
#include "dialect/convert_read.h"
#include "dialect/schema_fit.h"

/* *s becomes the text that fits; 1, 0 and -1 are those of schema_fit_try(). */
static int refit(struct span *s, const struct chat_request *q, const struct schema_rules *r,
                 bool *nearly, struct err *e)
{
    struct span text;
    struct buf b;
    int got;

    buf_init(&b, q->arena->budget);
    got = schema_fit_try(&b, *s, r, nearly, e);
    if (got == 1) {
        text = arena_dup(q->arena, buf_span(&b));
        if (span_has(text))
            *s = text;
        else
            got = convert_no_memory(e);
    }
    buf_fini(&b);
    return got;
}

int schema_fit_tools(struct chat_request *ret, bool defaults, const struct schema_rules *r,
                     const struct convert_to *to, struct err *e)
{
    struct chat_tool **at = &ret->tools;
    bool other = false;

    for (const struct chat_tool *t = ret->tools; t; t = t->next) {
        struct chat_tool *own = arena_alloc(ret->arena, sizeof(*own));
        bool strict = defaults ? t->strict_default : t->strict == CHAT_YES;
        int got = 1;

        if (!own)
            return convert_no_memory(e);
        *own = *t;
        if (strict)
            own->strict = CHAT_YES;
        if (t->kind == CHAT_TOOL_FUNCTION && strict && span_has(t->schema))
            got = refit(&own->schema, ret, r, &other, e);
        if (got < 0)
            return -1;
        if (got == 0) {
            own->strict = CHAT_NO;
            convert_drops(to, CHAT_HAS_TOOL_STRICT);
        }
        *at = own;
        at = &own->next;
    }
    *at = NULL;
    if (other)
        convert_approximates(to, CHAT_HAS_TOOL_STRICT);
    return 0;
}

static int fit_tools(struct chat_request *ret, const struct schema_rules *r,
                     const struct convert_to *to, struct err *e)
{
    return chat_any_strict(ret->tools) ? schema_fit_tools(ret, false, r, to, e) : 0;
}

int schema_fit_request(struct chat_request *ret, const struct chat_request *q,
                       const struct schema_rules *r, const struct convert_to *to, struct err *e)
{
    bool other = false;
    int got = 1;

    *ret = *q;
    if (q->format == CHAT_FORMAT_SCHEMA && span_has(q->format_schema))
        got = refit(&ret->format_schema, q, r, &other, e);
    if (got < 0 || (got == 0 && (r->refuses || q->held || q->format_strict == CHAT_YES)))
        return -1;
    if (got == 0 || other)
        convert_approximates(to, CHAT_HAS_JSON_SCHEMA);
    return fit_tools(ret, r, to, e);
}
