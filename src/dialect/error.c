/*
 * error.c - see error.h.
 */
#include "dialect/error.h"

const char *error_word(const struct error_word *words, size_t n, uint16_t status)
{
    MUST(n >= 2);
    for (size_t i = 0; i < n; i++)
        if (words[i].status == status)
            return words[i].word;
    return status >= 400 && status < 500 ? words[n - 2].word : words[n - 1].word;
}

static void maybe(struct json_write *w, const char *key, struct span s)
{
    if (span_has(s))
        json_kv_string(w, key, s);
}

void error_write_details(struct json_write *w, const struct dialect_error *e)
{
    json_key(w, "lamplighter");
    json_begin_object(w);
    maybe(w, "request_id", e->request_id);
    maybe(w, "reason", span_str(e->reason));
    maybe(w, "target", e->target);
    maybe(w, "hint", e->hint);
    if (e->upstream_status || span_has(e->upstream_type)) {
        json_key(w, "upstream");
        json_begin_object(w);
        if (e->upstream_status)
            json_kv_uint(w, "status", e->upstream_status);
        maybe(w, "type", e->upstream_type);
        json_end_object(w);
    }
    json_end_object(w);
}
