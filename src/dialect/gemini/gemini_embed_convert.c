/*
 * gemini_embed_convert.c - Gemini's embedContent and batchEmbedContents as requests of any dialect,
 * and the answers to them.
 *
 * The texts of a content are one text. What is wanted of the vectors is said beside each content,
 * or in an embedContentConfig; the lengths of a batch's vectors have to be the same, for no other
 * dialect has one for each.
 */
#include "dialect/convert_embed.h"
#include "dialect/dialect.h"
#include "dialect/gemini/gemini_convert.h"

#define ONLY_GOOGLE "only Google's own models take anything but text here"

/* One request of a batch, or the only one. */
struct item {
    yyjson_val *content;
    struct span dimensions, task, title;
};

#define AT(member) offsetof(struct item, member)
#define WANTED                                                                                     \
    GEMINI_KEY("taskType", "task_type", convert_text, AT(task), 0),                                \
        {"title", convert_text, AT(title), 0},                                                     \
        GEMINI_KEY("outputDimensionality", "output_dimensionality", convert_number,                \
                   AT(dimensions), 0)

static int read_config(const struct convert_value *x)
{
    static const struct convert_key keys[] = {WANTED};

    return convert_members(x, keys, ARRAY_LEN(keys));
}

static const struct convert_key item_keys[] = {
    {"model", convert_ignore, 0, 0},
    {"content", gemini_keep_object, AT(content), 0},
    GEMINI_KEY("embedContentConfig", "embed_content_config", read_config, 0, 0),
    WANTED,
};

static int read_text(struct embed_request *q, struct buf *text, yyjson_val *part,
                     const struct json_at *at, struct err *e)
{
    yyjson_val *v = json_get(part, "text");

    if (!yyjson_is_obj(part))
        return json_wrong(e, at, "an object is wanted");
    if (!v) {
        convert_embed_cannot(q, at, ONLY_GOOGLE);
        return 0;
    }
    if (!yyjson_is_str(v))
        return json_wrong(e, &JSON_AT_KEY(at, "text"), "a string is wanted");
    buf_add_span(text, json_text(v));
    return 0;
}

/* The texts of a content, joined, in the arena; *ret absent: no memory. */
static int read_parts(struct embed_request *q, struct span *ret, yyjson_val *parts,
                      const struct json_at *at, struct err *e)
{
    yyjson_val *one = yyjson_is_arr(parts) ? NULL : parts, *part;
    struct buf text;
    yyjson_arr_iter it;
    int rc = 0;

    buf_init(&text, q->notes->arena->budget);
    yyjson_arr_iter_init(parts, &it);
    if (one)
        rc = read_text(q, &text, one, at, e);
    for (size_t i = 0; !one && rc == 0 && (part = yyjson_arr_iter_next(&it)) != NULL; i++)
        rc = read_text(q, &text, part, &JSON_AT_ITEM(at, i), e);
    if (buf_ok(&text))
        *ret = arena_dup(q->notes->arena, buf_span(&text));
    buf_fini(&text);
    return rc;
}

static int read_item(struct embed_request *q, struct embed_input ***tail, yyjson_val *v,
                     const struct json_at *at, struct err *e)
{
    struct json_at content = JSON_AT_KEY(at, "content");
    struct json_at parts = JSON_AT_KEY(&content, "parts");
    struct item item = {0};
    struct embed_input *in;
    struct span text = {NULL, 0};

    if (convert_object(q->notes, v, at, item_keys, ARRAY_LEN(item_keys), &item, e) < 0)
        return -1;
    if (!item.content)
        return json_wrong(e, &content, "it is missing");
    if (!json_get(item.content, "parts"))
        return json_wrong(e, &parts, "it is missing");
    if (read_parts(q, &text, json_get(item.content, "parts"), &parts, e) < 0)
        return -1;
    in = span_has(text) ? convert_embed_input(q, tail, text) : NULL;
    if (!in)
        return convert_no_memory(e);
    in->task = item.task;
    in->title = item.title;
    if (q->inputs_n == 1)
        q->dimensions = item.dimensions;
    if (!span_eq(q->dimensions, item.dimensions))
        convert_embed_cannot(q, &JSON_AT_KEY(at, "outputDimensionality"),
                             "only Google's own models make vectors of several lengths at once");
    return 0;
}

static int read_batch(const struct convert_value *x)
{
    struct embed_request *q = x->to;
    struct embed_input **tail = &q->inputs;
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_arr(x->v) || yyjson_arr_size(x->v) == 0)
        return convert_want(x, "a list of at least one request");
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++)
        if (read_item(q, &tail, item, &JSON_AT_ITEM(x->at, i), x->e) < 0)
            return -1;
    return 0;
}

static int read_request(struct embed_request *ret, yyjson_val *root, struct err *e)
{
    static const struct convert_key keys[] = {
        {"model", convert_ignore, 0, 0},
        {"requests", read_batch, 0, 0},
    };
    struct embed_input **tail = &ret->inputs;

    if (json_get(root, "requests"))
        return convert_object(ret->notes, root, NULL, keys, ARRAY_LEN(keys), ret, e);
    ret->one = true;
    return read_item(ret, &tail, root, NULL, e);
}

static void write_vector(struct json_write *w, yyjson_val *numbers)
{
    json_begin_object(w);
    json_key(w, "values");
    convert_write_tree(w, numbers);
    json_end_object(w);
}

static int write_answer(struct json_write *w, const struct embed_answer *a,
                        const struct embed_request *q, struct span model, struct err *e)
{
    UNUSED(model);
    UNUSED(e);
    json_begin_object(w);
    json_key(w, q->one ? "embedding" : "embeddings");
    if (q->one) {
        write_vector(w, a->vectors[0]);
    } else {
        json_begin_array(w);
        for (size_t i = 0; i < a->n; i++)
            write_vector(w, a->vectors[i]);
        json_end_array(w);
    }
    if (a->counted) {
        json_key(w, "usageMetadata");
        json_begin_object(w);
        json_kv_uint(w, "promptTokenCount", a->tokens);
        json_end_object(w);
    }
    json_end_object(w);
    return 0;
}

/* ---- Vertex AI's embedContent: the same, of one text ---- */

static int write_request(struct json_write *w, const struct embed_request *q,
                         const struct convert_to *to, struct err *e)
{
    const struct embed_input *in = q->inputs;

    UNUSED(to); /* the URL names the model */
    if (convert_embed_one(q, "Vertex AI's embedContent", e) < 0)
        return -1;
    json_begin_object(w);
    json_key(w, "content");
    json_begin_object(w);
    json_key(w, "parts");
    json_begin_array(w);
    json_begin_object(w);
    json_kv_string(w, "text", in->text);
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
    if (span_has(in->task) || span_has(in->title) || span_has(q->dimensions)) {
        json_key(w, "embedContentConfig");
        json_begin_object(w);
        convert_kv_text(w, "taskType", in->task);
        convert_kv_text(w, "title", in->title);
        convert_kv_raw(w, "outputDimensionality", q->dimensions);
        json_end_object(w);
    }
    json_end_object(w);
    return 0;
}

static int read_answer(struct embed_answer *ret, yyjson_val *root, struct err *e)
{
    const struct json_at at = JSON_AT_KEY(NULL, "embedding");

    convert_embed_tokens(ret, json_get(json_get(root, "usageMetadata"), "promptTokenCount"));
    return convert_embed_vector(ret, 0, json_get(json_get(root, "embedding"), "values"),
                                &JSON_AT_KEY(&at, "values"), e);
}

const struct convert_embed convert_gemini_embed = {
    .dialect = &dialect_gemini_embed,
    .read_request = read_request,
    .write_answer = write_answer,
    .write_request = write_request,
    .read_answer = read_answer,
};
