/*
 * gemini.c - see gemini.h.
 *
 * Google's JSON takes each key in two spellings, camelCase and snake_case, and so does this reader:
 * whoever asks for eight candidates in the other spelling still gets eight.
 */
#include "dialect/gemini/gemini.h"

#include "dialect/error.h"
#include "dialect/foreign.h"
#include "dialect/request.h"

/* ---- requests ---- */

enum key { ROOT, MODEL, CHOICES, MAX_TOKENS };

static const char *const paths[] = {
    "",
    "model",
    "generateContentRequest.model",
    "generate_content_request.model",
    "generationConfig.candidateCount",
    "generationConfig.candidate_count",
    "generation_config.candidateCount",
    "generation_config.candidate_count",
    "generationConfig.maxOutputTokens",
    "generationConfig.max_output_tokens",
    "generation_config.maxOutputTokens",
    "generation_config.max_output_tokens",
    "contents[].parts[].thoughtSignature",
    "contents[].parts[].thought_signature",
};

#define SIGNATURES 2

static const uint8_t keys[ARRAY_LEN(paths) - SIGNATURES] = {
    ROOT,    MODEL,   MODEL,      MODEL,      CHOICES,    CHOICES,
    CHOICES, CHOICES, MAX_TOKENS, MAX_TOKENS, MAX_TOKENS, MAX_TOKENS,
};

const struct json_watch gemini_request_watch = {paths, ARRAY_LEN(paths)};

const struct dialect_foreign gemini_foreign = {
    .watch =
        &(const struct json_watch){(const char *const[]){"contents[]", "contents[].parts[]",
                                                         "contents[].parts[].thoughtSignature",
                                                         "contents[].parts[].thought_signature"},
                                   4},
    .lists = 2,
};

/* The model of the URL counts. Where the body repeats it, it is renamed along. */
static int read_model(struct dialect_request_reader *r, const struct json_hit *h)
{
    if (h->type != JSON_STRING)
        return request_refuse(r, "\"%s\" must be a string (byte %llu of the body).", paths[h->id],
                              (unsigned long long)h->at);
    r->req.model_at = h->at;
    r->req.model_len = h->len;
    r->req.wrapped = strchr(paths[h->id], '.') != NULL;
    return 0;
}

int gemini_request_hit(struct dialect_request_reader *r, const struct json_hit *h)
{
    if (h->end)
        return 0;
    if (h->id == 0)
        return h->type == JSON_OBJECT ? 0 : request_refuse(r, "The body must be one JSON object.");
    if (request_once(r, h, keys[h->id]) < 0)
        return -1;
    switch ((enum key)keys[h->id]) {
    case MODEL:
        return read_model(r, h);
    case CHOICES:
        return request_choices(r, h);
    case MAX_TOKENS:
        return request_tokens(r, h);
    case ROOT:
        break;
    }
    return 0;
}

/* ---- errors ---- */

bool gemini_error_hit(struct dialect_answer *a, enum gemini_error_path path,
                      const struct json_hit *h)
{
    switch (path) {
    case GEMINI_ERROR:
        if (h->type == JSON_STRING)
            answer_error_text(a, h);
        return h->type == JSON_OBJECT || answer_hit_filled(h);
    case GEMINI_ERROR_CODE:
        answer_error_code(a, h);
        break;
    case GEMINI_ERROR_STATUS:
        answer_error_type(a, h);
        break;
    case GEMINI_ERROR_TEXT:
        answer_error_text(a, h);
        break;
    }
    return false;
}

/* ---- answers that are one value ---- */

void gemini_value_hit(struct dialect_answer *a, unsigned errors, const struct json_hit *h)
{
    if (h->id == 0 && h->end && a->marks & GEMINI_SAW_ERROR)
        answer_error(a);
    else if (h->id >= errors && gemini_error_hit(a, (enum gemini_error_path)(h->id - errors), h))
        gemini_saw(a, GEMINI_SAW_ERROR);
}

void gemini_value_end_event(struct dialect_answer *a)
{
    a->ev.kind = a->error ? EVENT_ERROR : EVENT_OPAQUE;
}

enum dialect_verdict gemini_value_verdict(const struct dialect_answer *a)
{
    return answer_verdict(a, !a->streamed && a->marks & GEMINI_SAW_VALUE);
}

/* ---- errors toward the client ---- */

/* https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto */
static const struct error_word words[] = {
    {401, "UNAUTHENTICATED"},
    {403, "PERMISSION_DENIED"},
    {404, "NOT_FOUND"},
    {409, "ABORTED"},
    {429, "RESOURCE_EXHAUSTED"},
    {499, "CANCELLED"},
    {501, "UNIMPLEMENTED"},
    {502, "UNAVAILABLE"},
    {503, "UNAVAILABLE"},
    {504, "DEADLINE_EXCEEDED"},
    {529, "UNAVAILABLE"},
    {400, "INVALID_ARGUMENT"},
    {0, "INTERNAL"},
};

void gemini_write_error(struct buf *out, const struct dialect_error *e)
{
    struct json_write w;

    json_write_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_kv_uint(&w, "code", e->status);
    json_kv_string(&w, "message", e->message);
    json_kv_cstring(&w, "status", error_word(words, ARRAY_LEN(words), e->status));
    json_key(&w, "details");
    json_begin_array(&w);
    json_end_array(&w);
    json_end_object(&w);
    error_write_details(&w, e);
    json_end_object(&w);
}

void gemini_write_error_event(struct buf *out, const struct dialect_error *e)
{
    buf_add_str(out, "data: ");
    gemini_write_error(out, e);
    buf_add_str(out, "\r\n\r\n");
}
