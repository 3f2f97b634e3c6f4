/*
 * vectors_convert.c - requests of any dialect for vectors as Cohere and Amazon's Titan take them.
 *
 * Cohere wants to be told what the vectors are for, and knows one purpose a request: texts to be
 * found, unless the client says otherwise. As Amazon Bedrock hosts it, the URL alone names the
 * model. Titan makes one vector a request.
 * docs.cohere.com/reference/embed,
 * docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html,
 * docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
 */
#include "dialect/convert_embed.h"
#include "dialect/dialect.h"
#include "dialect/convert_read.h"
#include "dialect/convert_write.h"

/* Purposes in Google's words, which only its clients have, and in Cohere's. */
static const struct {
    const char *task, *input_type;
} purposes[] = {
    {"RETRIEVAL_DOCUMENT", "search_document"},
    {"RETRIEVAL_QUERY", "search_query"},
    {"CLASSIFICATION", "classification"},
    {"CLUSTERING", "clustering"},
};

static const char *purpose(struct span task)
{
    for (size_t i = 0; i < ARRAY_LEN(purposes); i++)
        if (span_is(task, purposes[i].task))
            return purposes[i].input_type;
    return NULL;
}

static int cohere_request(struct json_write *w, const struct embed_request *q,
                          const struct convert_to *to, struct err *e)
{
    const struct span task = q->inputs->task;
    const char *type = purpose(task);
    bool title = false;
    size_t i = 0;

    json_begin_object(w);
    if (!to->hosted)
        json_kv_string(w, "model", to->model);
    json_key(w, "texts");
    json_begin_array(w);
    for (const struct embed_input *in = q->inputs; in; in = in->next, i++) {
        if (!span_eq(in->task, task))
            return err_set(e, ERR_PROTOCOL,
                           "requests[%zu].taskType: a target takes one for all texts", i);
        json_string(w, in->text);
        title |= span_has(in->title);
    }
    json_end_array(w);
    json_kv_cstring(w, "input_type", type ? type : purposes[0].input_type);
    json_key(w, "embedding_types");
    json_begin_array(w);
    json_string(w, SPAN_LIT("float"));
    json_end_array(w);
    convert_kv_raw(w, "output_dimension", q->dimensions);
    json_end_object(w);
    return convert_embed_no_hints(q, span_has(task) && !type, title, e);
}

static int cohere_answer(struct embed_answer *ret, yyjson_val *root, struct err *e)
{
    const struct json_at top = JSON_AT_KEY(NULL, "embeddings"), at = JSON_AT_KEY(&top, "float");
    yyjson_val *list = json_get(json_get(root, "embeddings"), "float"), *vector;
    yyjson_arr_iter it;

    if (!yyjson_is_arr(list))
        return json_wrong(e, &at, "a list is wanted");
    yyjson_arr_iter_init(list, &it);
    for (size_t i = 0; (vector = yyjson_arr_iter_next(&it)) != NULL; i++)
        if (convert_embed_vector(ret, i, vector, &JSON_AT_ITEM(&at, i), e) < 0)
            return -1;
    convert_embed_tokens(
        ret, json_get(json_get(json_get(root, "meta"), "billed_units"), "input_tokens"));
    return 0;
}

static int titan_request(struct json_write *w, const struct embed_request *q,
                         const struct convert_to *to, struct err *e)
{
    const struct embed_input *in = q->inputs;

    UNUSED(to); /* the URL names the model */
    if (convert_embed_one(q, "Amazon's Titan", e) < 0)
        return -1;
    json_begin_object(w);
    json_kv_string(w, "inputText", in->text);
    convert_kv_raw(w, "dimensions", q->dimensions);
    json_end_object(w);
    return convert_embed_no_hints(q, span_has(in->task), span_has(in->title), e);
}

static int titan_answer(struct embed_answer *ret, yyjson_val *root, struct err *e)
{
    convert_embed_tokens(ret, json_get(root, "inputTextTokenCount"));
    return convert_embed_vector(ret, 0, json_get(root, "embedding"),
                                &JSON_AT_KEY(NULL, "embedding"), e);
}

const struct convert_embed convert_cohere_embed = {
    .dialect = &dialect_cohere_embed,
    .write_request = cohere_request,
    .read_answer = cohere_answer,
};

const struct convert_embed convert_titan_embed = {
    .dialect = &dialect_titan_embed,
    .write_request = titan_request,
    .read_answer = titan_answer,
};
