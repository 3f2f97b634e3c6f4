/*
 * openai_error.c - says an error in OpenAI's words. Its SDKs choose the exception by the HTTP
 * status, and inside of a stream raise on any event with an "error" member.
 */
#include "dialect/error.h"
#include "dialect/openai/openai.h"

static const struct error_word types[] = {
    {401, "authentication_error"},  {403, "permission_error"}, {429, "rate_limit_error"},
    {400, "invalid_request_error"}, {0, "server_error"},
};

/* Codes that programs look for, where our reason has one. */
static const struct {
    const char *reason, *code;
} codes[] = {
    {"unknown-model", "model_not_found"},
    {"no-key", "invalid_api_key"},
    {"bad-key", "invalid_api_key"},
};

static struct span code(const struct dialect_error *e)
{
    if (e->upstream_type.n)
        return e->upstream_type;
    for (size_t i = 0; e->reason && i < ARRAY_LEN(codes); i++)
        if (strcmp(e->reason, codes[i].reason) == 0)
            return span_str(codes[i].code);
    return span_str(e->reason);
}

static void write_param(struct json_write *w, const struct dialect_error *e)
{
    if (span_has(e->param))
        json_kv_string(w, "param", e->param);
    else
        json_kv_cstring(w, "param", NULL);
}

static void write_members(struct json_write *w, const struct dialect_error *e)
{
    json_key(w, "error");
    json_begin_object(w);
    json_kv_string(w, "message", e->message);
    json_kv_cstring(w, "type", error_word(types, ARRAY_LEN(types), e->status));
    write_param(w, e);
    json_kv_string(w, "code", code(e));
    json_end_object(w);
    error_write_details(w, e);
}

void openai_write_error(struct buf *out, const struct dialect_error *e)
{
    struct json_write w;

    json_write_init(&w, out);
    json_begin_object(&w);
    write_members(&w, e);
    json_end_object(&w);
}

/* The Open Responses specification has an error object, OpenAI's own error events have its members
 * at the root: clients look for either. */
void openai_write_typed_error_event(struct buf *out, const struct dialect_error *e)
{
    struct json_write w;

    buf_add_str(out, "event: error\ndata: ");
    json_write_init(&w, out);
    json_begin_object(&w);
    json_kv_cstring(&w, "type", "error");
    json_kv_uint(&w, "sequence_number", e->sequence);
    json_kv_string(&w, "code", code(e));
    json_kv_string(&w, "message", e->message);
    write_param(&w, e);
    write_members(&w, e);
    json_end_object(&w);
    buf_add_str(out, "\n\n");
}

void openai_write_error_event(struct buf *out, const struct dialect_error *e)
{
    buf_add_str(out, "data: ");
    openai_write_error(out, e);
    buf_add_str(out, "\n\n");
}
