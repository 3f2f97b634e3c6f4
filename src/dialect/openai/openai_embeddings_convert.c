/*
 * openai_embeddings_convert.c - OpenAI's embeddings as requests and answers of any dialect.
 *
 * A target is asked for lists of numbers, whatever the client wants: base64, which OpenAI's own
 * SDKs ask for unasked, is made of them here, four bytes of a float each, the lowest first.
 */
#include <math.h>

#include "base/base64.h"
#include "dialect/convert_embed.h"
#include "dialect/dialect.h"
#include "dialect/convert_read.h"
#include "dialect/convert_write.h"

#define FLOAT_TEXT ((size_t)64) /* longest spelling of a number that becomes a float */

/* ---- requests ---- */

static int read_format(const struct convert_value *x)
{
    struct embed_request *q = x->to;
    struct span word = json_text(x->v);

    if (!yyjson_is_str(x->v) || (!span_is(word, "float") && !span_is(word, "base64")))
        return convert_want(x, "\"float\" or \"base64\"");
    q->base64 = span_is(word, "base64");
    return 0;
}

/* One text, or one list of tokens' numbers. */
static int read_one(struct embed_request *q, struct embed_input ***tail, yyjson_val *v,
                    const struct json_at *at, struct err *e)
{
    bool text = yyjson_is_str(v);

    if (!text && !yyjson_is_arr(v))
        return json_wrong(e, at, "a text or a list of tokens is wanted");
    if (!convert_embed_input(q, tail, json_text(v)))
        return convert_no_memory(e);
    if (!text)
        convert_embed_cannot(q, at, "numbers of tokens mean something to their own model alone");
    return 0;
}

static int read_input(const struct convert_value *x)
{
    struct embed_request *q = x->to;
    struct embed_input **tail = &q->inputs;
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_arr(x->v) || json_is_number(yyjson_arr_get_first(x->v)))
        return read_one(q, &tail, x->v, x->at, x->e);
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++)
        if (read_one(q, &tail, item, &JSON_AT_ITEM(x->at, i), x->e) < 0)
            return -1;
    return q->inputs_n ? 0 : convert_want(x, "at least one text");
}

static int read_request(struct embed_request *ret, yyjson_val *root, struct err *e)
{
    static const struct convert_key keys[] = {
        {"model", convert_ignore, 0, 0},
        {"input", read_input, 0, 0},
        {"dimensions", convert_number, offsetof(struct embed_request, dimensions), 0},
        {"encoding_format", read_format, 0, 0},
    };

    if (convert_object(ret->notes, root, NULL, keys, ARRAY_LEN(keys), ret, e) < 0)
        return -1;
    if (!ret->inputs)
        return json_wrong(e, &JSON_AT_KEY(NULL, "input"), "it is missing");
    return 0;
}

static int write_request(struct json_write *w, const struct embed_request *q,
                         const struct convert_to *to, struct err *e)
{
    bool task = false, title = false;

    json_begin_object(w);
    json_kv_string(w, "model", to->model);
    json_key(w, "input");
    json_begin_array(w);
    for (const struct embed_input *in = q->inputs; in; in = in->next) {
        json_string(w, in->text);
        task |= span_has(in->task);
        title |= span_has(in->title);
    }
    json_end_array(w);
    convert_kv_raw(w, "dimensions", q->dimensions);
    json_kv_cstring(w, "encoding_format", "float");
    json_end_object(w);
    return convert_embed_no_hints(q, task, title, e);
}

/* ---- answers ---- */

/* A number as four bytes, the lowest first. -1: it is no float. */
static int add_float(struct buf *out, yyjson_val *number)
{
    struct span s = json_text(number);
    char text[FLOAT_TEXT];
    uint32_t bits;
    float f;

    if (s.n >= sizeof(text))
        return -1;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    f = strtof(text, NULL);
    if (!isfinite(f))
        return -1;
    memcpy(&bits, &f, sizeof(bits));
    for (unsigned i = 0; i < sizeof(bits); i++)
        buf_add_char(out, (char)(bits >> 8 * i & 0xFF));
    return 0;
}

static int write_base64(struct json_write *w, yyjson_val *vector, struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *number;
    struct buf bytes, text;
    int rc = 0;

    buf_init(&bytes, sizeof(float) * yyjson_arr_size(vector));
    buf_init(&text, 2 * sizeof(float) * yyjson_arr_size(vector) + 8);
    yyjson_arr_iter_init(vector, &it);
    while (rc == 0 && (number = yyjson_arr_iter_next(&it)) != NULL)
        if (add_float(&bytes, number) < 0)
            rc = err_set(e, ERR_PROTOCOL, "a number of a vector is no float: %.*s",
                         SPAN_FMT(json_text(number)));
    base64_encode(&text, buf_span(&bytes));
    if (rc == 0 && (!buf_ok(&bytes) || !buf_ok(&text)))
        rc = convert_no_answer(e);
    if (rc == 0)
        json_string(w, buf_span(&text));
    buf_fini(&bytes);
    buf_fini(&text);
    return rc;
}

static int write_vector(struct json_write *w, const struct embed_answer *a, size_t i, bool base64,
                        struct err *e)
{
    json_begin_object(w);
    json_kv_cstring(w, "object", "embedding");
    json_kv_uint(w, "index", i);
    json_key(w, "embedding");
    if (!base64)
        convert_write_tree(w, a->vectors[i]);
    else if (write_base64(w, a->vectors[i], e) < 0)
        return -1;
    json_end_object(w);
    return 0;
}

static int write_answer(struct json_write *w, const struct embed_answer *a,
                        const struct embed_request *q, struct span model, struct err *e)
{
    json_begin_object(w);
    json_kv_cstring(w, "object", "list");
    json_key(w, "data");
    json_begin_array(w);
    for (size_t i = 0; i < a->n; i++)
        if (write_vector(w, a, i, q->base64, e) < 0)
            return -1;
    json_end_array(w);
    json_kv_string(w, "model", model);
    if (a->counted) {
        json_key(w, "usage");
        json_begin_object(w);
        json_kv_uint(w, "prompt_tokens", a->tokens);
        json_kv_uint(w, "total_tokens", a->tokens);
        json_end_object(w);
    }
    json_end_object(w);
    return 0;
}

/* Some hosts give the vectors no index: then their order is that of the texts. */
static int read_answer(struct embed_answer *ret, yyjson_val *root, struct err *e)
{
    yyjson_val *list = json_get(root, "data"), *usage = json_get(root, "usage"), *item, *tokens;
    const struct json_at data = JSON_AT_KEY(NULL, "data");
    yyjson_arr_iter it;

    if (!yyjson_is_arr(list))
        return json_wrong(e, &data, "a list is wanted");
    yyjson_arr_iter_init(list, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++) {
        const struct json_at at = JSON_AT_ITEM(&data, i);
        uint64_t index = i;

        if (json_get(item, "index") && !json_tree_u64(json_get(item, "index"), &index))
            return json_wrong(e, &JSON_AT_KEY(&at, "index"), "a whole number is wanted");
        if (convert_embed_vector(ret, (size_t)index, json_get(item, "embedding"),
                                 &JSON_AT_KEY(&at, "embedding"), e) < 0)
            return -1;
    }
    tokens = json_get(usage, "prompt_tokens"); /* some hosts say the total alone */
    convert_embed_tokens(ret, tokens ? tokens : json_get(usage, "total_tokens"));
    return 0;
}

const struct convert_embed convert_openai_embeddings = {
    .dialect = &dialect_openai_embeddings,
    .read_request = read_request,
    .write_answer = write_answer,
    .write_request = write_request,
    .read_answer = read_answer,
};
