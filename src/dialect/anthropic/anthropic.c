/*
 * anthropic.c - errors in Anthropic's words, read and written.
 */
#include "dialect/anthropic/anthropic.h"

#include "dialect/error.h"

static const struct error_word types[] = {
    {401, "authentication_error"}, {402, "billing_error"},         {403, "permission_error"},
    {404, "not_found_error"},      {409, "conflict_error"},        {413, "request_too_large"},
    {429, "rate_limit_error"},     {503, "overloaded_error"},      {504, "timeout_error"},
    {529, "overloaded_error"},     {400, "invalid_request_error"}, {0, "api_error"},
};

void anthropic_error_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id == ANTHROPIC_ERROR && (h->type == JSON_OBJECT || answer_hit_filled(h))) {
        anthropic_mark(a, ANTHROPIC_SAW_ERROR);
        answer_error_text(a, h);
    } else if (h->id == ANTHROPIC_ERROR_TYPE) {
        answer_error_type(a, h);
    } else if (h->id == ANTHROPIC_ERROR_MESSAGE) {
        answer_error_text(a, h);
    }
}

/* The provider's own word when it is one of Anthropic's: clients know it. */
static const char *type_of(const struct dialect_error *e)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (span_is(e->upstream_type, types[i].word))
            return types[i].word;
    return error_word(types, ARRAY_LEN(types), e->status);
}

void anthropic_write_error(struct buf *out, const struct dialect_error *e)
{
    struct json_write w;

    json_write_init(&w, out);
    json_begin_object(&w);
    json_kv_cstring(&w, "type", "error");
    json_key(&w, "error");
    json_begin_object(&w);
    json_kv_cstring(&w, "type", type_of(e));
    json_kv_string(&w, "message", e->message);
    json_end_object(&w);
    if (span_has(e->request_id))
        json_kv_string(&w, "request_id", e->request_id);
    error_write_details(&w, e);
    json_end_object(&w);
}

void anthropic_write_error_event(struct buf *out, const struct dialect_error *e)
{
    buf_add_str(out, "event: error\ndata: ");
    anthropic_write_error(out, e);
    buf_add_str(out, "\n\n");
}
