/*
 * convert_embed.c - see convert_embed.h.
 */
#include "dialect/convert_embed.h"

#include "dialect/convert_read.h"
#include "dialect/dialect.h"

static const struct convert_embed *const rows[] = {
    &convert_openai_embeddings, &convert_gemini_embed, &convert_vertex_predict,
    &convert_cohere_embed,      &convert_titan_embed,
};

static const struct convert_embed *find(const struct dialect *d)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i]->dialect == d)
            return rows[i];
    return NULL;
}

const struct convert_embed *convert_embed_client(const struct dialect *d)
{
    const struct convert_embed *c = find(d);

    return c && c->read_request ? c : NULL;
}

const struct convert_embed *convert_embed_target(const struct dialect *d)
{
    const struct convert_embed *c = find(d);

    return c && c->write_request ? c : NULL;
}

/* ---- requests ---- */

struct embed_input *convert_embed_input(struct embed_request *q, struct embed_input ***tail,
                                        struct span text)
{
    struct embed_input *in = arena_zalloc(q->notes->arena, sizeof(*in));

    if (!in)
        return NULL;
    in->text = text;
    **tail = in;
    *tail = &in->next;
    q->inputs_n++;
    return in;
}

void convert_embed_cannot(struct embed_request *q, const struct json_at *at, const char *why)
{
    if (q->cannot.code == ERR_NONE)
        (void)json_wrong(&q->cannot, at, "%s", why);
}

int convert_embed_one(const struct embed_request *q, const char *who, struct err *e)
{
    return q->inputs_n == 1
               ? 0
               : err_set(e, ERR_PROTOCOL, "%s makes one vector a request, and %zu are asked for",
                         who, q->inputs_n);
}

int convert_embed_no_hints(const struct embed_request *q, bool task, bool title, struct err *e)
{
    if ((task && chat_add_text(q->notes, &q->notes->others, SPAN_LIT("taskType")) < 0) ||
        (title && chat_add_text(q->notes, &q->notes->others, SPAN_LIT("title")) < 0))
        return convert_no_memory(e);
    return 0;
}

int convert_embed_request(const struct convert_embed *target, struct buf *out,
                          const struct embed_request *q, const struct convert_to *to, struct err *e)
{
    struct json_write w;

    if (q->cannot.code != ERR_NONE) {
        *e = q->cannot;
        return -1;
    }
    json_write_init(&w, out);
    if (target->write_request(&w, q, to, e) < 0)
        return -1;
    return buf_finish(out, "request", e);
}

/* ---- answers ---- */

static bool is_vector(yyjson_val *v)
{
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_arr(v) || yyjson_arr_size(v) == 0)
        return false;
    yyjson_arr_iter_init(v, &it);
    while ((item = yyjson_arr_iter_next(&it)) != NULL)
        if (!json_is_number(item))
            return false;
    return true;
}

int convert_embed_vector(struct embed_answer *a, size_t i, yyjson_val *numbers,
                         const struct json_at *at, struct err *e)
{
    if (!is_vector(numbers))
        return json_wrong(e, at, "a list of numbers is wanted");
    if (i >= a->n)
        return json_wrong(e, at, "there are only %zu texts", a->n);
    if (a->vectors[i])
        return json_wrong(e, at, "text %zu has a vector already", i);
    a->vectors[i] = numbers;
    a->given++;
    return 0;
}

void convert_embed_tokens(struct embed_answer *a, yyjson_val *count)
{
    uint64_t n;

    if (!json_is_number(count) || json_u64(json_text(count), &n) < 0) /* Google writes 2.0 */
        return;
    a->tokens += MIN(n, UINT64_MAX - a->tokens);
    a->counted = true;
}

int convert_embed_answer(const struct convert_embed *client, const struct convert_embed *target,
                         const struct embed_request *q, struct span model, yyjson_val *root,
                         struct buf *out, struct err *e)
{
    struct embed_answer a = {.n = q->inputs_n};
    struct json_write w;

    a.vectors = arena_zalloc(q->notes->arena, a.n * sizeof(yyjson_val *));
    if (!a.vectors)
        return convert_no_answer(e);
    if (target->read_answer(&a, root, e) < 0)
        return -1;
    if (a.given < a.n)
        return err_set(e, ERR_PROTOCOL, "the answer has %zu vectors for %zu texts", a.given, a.n);
    json_write_init(&w, out);
    if (client->write_answer(&w, &a, q, model, e) < 0)
        return -1;
    return buf_finish(out, "answer", e);
}
