/*
 * vertex_predict_convert.c - requests of any dialect for vectors as Vertex AI's predict takes them.
 * cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
 */
#include "dialect/convert_embed.h"
#include "dialect/dialect.h"
#include "dialect/convert_read.h"
#include "dialect/convert_write.h"

static int write_request(struct json_write *w, const struct embed_request *q,
                         const struct convert_to *to, struct err *e)
{
    UNUSED(to); /* the URL names the model */
    UNUSED(e);
    json_begin_object(w);
    json_key(w, "instances");
    json_begin_array(w);
    for (const struct embed_input *in = q->inputs; in; in = in->next) {
        json_begin_object(w);
        json_kv_string(w, "content", in->text);
        convert_kv_text(w, "task_type", in->task);
        convert_kv_text(w, "title", in->title);
        json_end_object(w);
    }
    json_end_array(w);
    if (span_has(q->dimensions)) {
        json_key(w, "parameters");
        json_begin_object(w);
        convert_kv_raw(w, "outputDimensionality", q->dimensions);
        json_end_object(w);
    }
    json_end_object(w);
    return 0;
}

static int read_answer(struct embed_answer *ret, yyjson_val *root, struct err *e)
{
    const struct json_at list_at = JSON_AT_KEY(NULL, "predictions");
    yyjson_val *list = json_get(root, "predictions"), *item;
    yyjson_arr_iter it;

    if (!yyjson_is_arr(list))
        return json_wrong(e, &list_at, "a list is wanted");
    yyjson_arr_iter_init(list, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++) {
        const struct json_at at = JSON_AT_ITEM(&list_at, i);
        const struct json_at vector = JSON_AT_KEY(&at, "embeddings");
        yyjson_val *v = json_get(item, "embeddings");

        if (convert_embed_vector(ret, i, json_get(v, "values"), &JSON_AT_KEY(&vector, "values"),
                                 e) < 0)
            return -1;
        convert_embed_tokens(ret, json_get(json_get(v, "statistics"), "token_count"));
    }
    return 0;
}

const struct convert_embed convert_vertex_predict = {
    .dialect = &dialect_vertex_predict,
    .write_request = write_request,
    .read_answer = read_answer,
};
