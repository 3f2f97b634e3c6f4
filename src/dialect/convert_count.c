/*
 * convert_count.c - see convert_count.h.
 */
#include "dialect/convert_count.h"

#include "codec/json_write.h"
#include "dialect/dialect.h"

static const struct convert_count counts[] = {
    {&dialect_anthropic_count, &convert_anthropic_messages, NULL, "input_tokens", NULL},
    {&dialect_gemini_count, &convert_gemini_generate, "generateContentRequest", "totalTokens",
     NULL},
    {&dialect_openai_count, &convert_openai_responses, NULL, "input_tokens",
     "response.input_tokens"},
};

const struct convert_count *convert_count_find(const struct dialect *d)
{
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (counts[i].dialect == d)
            return &counts[i];
    return NULL;
}

yyjson_val *convert_count_request(const struct convert_count *c, yyjson_val *root)
{
    yyjson_val *inner = c->wrapped ? json_get(root, c->wrapped) : NULL;

    return inner ? inner : root;
}

int convert_count_answer(const struct convert_count *client, const struct convert_count *target,
                         yyjson_val *root, struct buf *out, struct err *e)
{
    yyjson_val *count = json_get(root, target->key);
    struct json_write w;

    MUST(target->key); /* yyjson would take none, which gcc's analyzer goes by */
    if (!json_is_number(count))
        return json_wrong(e, &JSON_AT_KEY(NULL, target->key), "a number is wanted");
    json_write_init(&w, out);
    json_begin_object(&w);
    if (client->object)
        json_kv_cstring(&w, "object", client->object);
    json_key(&w, client->key);
    json_raw(&w, json_text(count));
    json_end_object(&w);
    return buf_finish(out, "answer", e);
}
