/*
 * cohere_chat_request.c - requests of Cohere's chat as the canonical conversation. Source:
 * docs.cohere.com/reference/chat.
 *
 * Documents of the request, which the model answers from and cites, are plain text documents of the
 * first user's turn. The tool plan of an assistant's turn is its thinking.
 */
#include "dialect/cohere/cohere_chat_convert.h"
#include "dialect/convert_calls.h"

#define P(member) offsetof(struct chat_part, member)
#define Q(member) offsetof(struct chat_request, member)

/* ---- documents ---- */

/* {"title": ..., "text": ...}; or whatever else, as JSON. */
static int read_data(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"title", convert_text, P(media.name), 0},
        {"text", convert_text, P(media.data), 0},
    };
    struct chat_part *p = x->to;

    if (yyjson_is_str(x->v)) {
        p->media.data = json_text(x->v);
        return 0;
    }
    if (yyjson_is_str(json_get(x->v, "text")))
        return convert_members(x, keys, ARRAY_LEN(keys));
    if (!yyjson_is_obj(x->v))
        return convert_want(x, "a string or an object");
    p->media.data = convert_json_text(x->q, x->v);
    return span_has(p->media.data) ? 0 : convert_no_memory(x->e);
}

static int read_document(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"id", convert_ignore, 0, 0},
        {"data", read_data, 0, 0},
    };
    struct chat_part *p = x->to;

    p->kind = CHAT_PART_MEDIA;
    p->media.kind = CHAT_DOCUMENT;
    p->media.source = CHAT_PLAIN;
    p->media.type = SPAN_LIT("text/plain");
    chat_note(x->q, CHAT_HAS_DOCUMENT_TEXT);
    if (yyjson_is_str(x->v)) {
        p->media.data = json_text(x->v);
        return 0;
    }
    if (convert_members(x, keys, ARRAY_LEN(keys)) < 0)
        return -1;
    return span_has(p->media.data) ? 0 : convert_want(x, "a document with data");
}

/* In front of what the first user's turn has; when all else has been read. */
static int add_documents(struct chat_request *q, yyjson_val *root, struct err *e)
{
    struct json_at at = JSON_AT_KEY(NULL, "documents");
    yyjson_val *list = json_get(root, "documents"), *one;
    struct chat_part *first = NULL, **tail = &first;
    struct chat_message *m = q->messages;
    yyjson_arr_iter it;

    while (m && m->role != CHAT_ROLE_USER)
        m = m->next;
    if (!list || yyjson_is_null(list))
        return 0;
    if (!yyjson_is_arr(list) || !m)
        return json_wrong(e, &at, "a list is wanted, and a message of the user");
    yyjson_arr_iter_init(list, &it);
    for (size_t i = 0; (one = yyjson_arr_iter_next(&it)); i++) {
        struct json_at here = JSON_AT_ITEM(&at, i);
        struct convert_value x = {q, NULL, one, &here, chat_add_part(q, &tail, CHAT_PART_MEDIA), e};

        if (!x.to)
            return convert_no_memory(e);
        if (read_document(&x) < 0)
            return -1;
    }
    *tail = m->parts;
    m->parts = first ? first : m->parts;
    return 0;
}

/* ---- contents ---- */

static int read_image(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"url", convert_text, P(media.data), 0},
        {"detail", convert_text, P(media.detail), NOTE(IMAGE_DETAIL)},
    };
    struct chat_part *p = x->to;

    p->kind = CHAT_PART_MEDIA;
    p->media.kind = CHAT_IMAGE;
    if (convert_members(x, keys, ARRAY_LEN(keys)) < 0)
        return -1;
    if (p->media.data.n == 0)
        return convert_want(x, "an image with its url");
    convert_data_url(&p->media, p->media.data);
    chat_note(x->q, convert_media_feature(&p->media));
    return 0;
}

static int read_thinking(const struct convert_value *x)
{
    ((struct chat_part *)x->to)->kind = CHAT_PART_THINKING;
    return convert_text(x);
}

static int read_item(struct chat_request *q, struct chat_part ***tail, yyjson_val *v,
                     const struct json_at *at, struct err *e)
{
    static const struct convert_key keys[] = {
        {"type", convert_ignore, 0, 0}, /* what it is, its member says */
        {"text", convert_text, P(text), NOTE(TEXT)},
        {"thinking", read_thinking, P(text), NOTE(THINKING)},
        {"image_url", read_image, 0, 0},
        {"document", read_document, 0, 0},
    };
    struct chat_part *p = chat_add_part(q, tail, CHAT_PART_TEXT);

    if (!p)
        return convert_no_memory(e);
    if (convert_object(q, v, at, keys, ARRAY_LEN(keys), p, e) < 0)
        return -1;
    if (p->kind != CHAT_PART_MEDIA && !span_has(p->text))
        return json_wrong(e, at, "a text, thinking, an image_url or a document is wanted");
    return 0;
}

static int read_content(struct chat_request *q, struct chat_part ***tail, yyjson_val *v,
                        const struct json_at *at, struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *one;

    if (!v)
        return 0;
    if (yyjson_is_str(v))
        return convert_text_part(q, tail, json_text(v), e);
    if (!yyjson_is_arr(v))
        return json_wrong(e, at, "a string or a list is wanted");
    yyjson_arr_iter_init(v, &it);
    for (size_t i = 0; (one = yyjson_arr_iter_next(&it)); i++)
        if (read_item(q, tail, one, &JSON_AT_ITEM(at, i), e) < 0)
            return -1;
    return 0;
}

/* ---- messages ---- */

struct message {
    struct span role, plan, call_id;
    yyjson_val *content, *calls;
};

#define M(member) offsetof(struct message, member)

static int keep(const struct convert_value *x)
{
    *(yyjson_val **)(void *)((char *)x->to + x->key->at) = x->v;
    return 0;
}

static int read_function(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"name", convert_text, P(name), 0},
        {"arguments", convert_text, P(args), 0},
    };

    return convert_members(x, keys, ARRAY_LEN(keys));
}

static int read_calls(struct chat_request *q, struct chat_part ***tail, yyjson_val *list,
                      const struct json_at *at, struct err *e)
{
    static const struct convert_key keys[] = {
        {"id", convert_text, P(id), 0},
        {"type", convert_ignore, 0, 0},
        {"function", read_function, 0, NOTE(TOOL_CALL)},
    };
    yyjson_arr_iter it;
    yyjson_val *one;

    if (!list)
        return 0;
    if (!yyjson_is_arr(list))
        return json_wrong(e, at, "a list is wanted");
    yyjson_arr_iter_init(list, &it);
    for (size_t i = 0; (one = yyjson_arr_iter_next(&it)); i++) {
        struct json_at here = JSON_AT_ITEM(at, i);
        struct chat_part *p = chat_add_part(q, tail, CHAT_PART_TOOL_CALL);

        if (!p)
            return convert_no_memory(e);
        if (convert_object(q, one, &here, keys, ARRAY_LEN(keys), p, e) < 0)
            return -1;
        if (p->name.n == 0 || p->id.n == 0)
            return json_wrong(e, &here, "the call has no id or no name");
    }
    return 0;
}

static int read_turn(struct chat_request *q, struct chat_message *m, const struct message *s,
                     const struct json_at *at, struct err *e)
{
    struct chat_part **tail = &m->parts, *p;

    if (s->plan.n) {
        p = chat_add_part(q, &tail, CHAT_PART_THINKING);
        if (!p)
            return convert_no_memory(e);
        p->text = s->plan;
        chat_note(q, CHAT_HAS_THINKING);
    }
    if (read_content(q, &tail, s->content, &JSON_AT_KEY(at, "content"), e) < 0)
        return -1;
    return read_calls(q, &tail, s->calls, &JSON_AT_KEY(at, "tool_calls"), e);
}

static int read_result(struct chat_request *q, struct chat_message *m, const struct message *s,
                       const struct json_at *at, struct err *e)
{
    struct chat_part **tail = &m->parts, *p = chat_add_part(q, &tail, CHAT_PART_TOOL_RESULT);

    if (!p)
        return convert_no_memory(e);
    if (s->call_id.n == 0)
        return json_wrong(e, &JSON_AT_KEY(at, "tool_call_id"), "the id of the call is wanted");
    p->id = s->call_id;
    tail = &p->parts;
    chat_note(q, CHAT_HAS_TOOL_RESULT);
    return read_content(q, &tail, s->content, &JSON_AT_KEY(at, "content"), e);
}

static const struct {
    const char *word;
    enum chat_role role;
    int (*read)(struct chat_request *q, struct chat_message *m, const struct message *s,
                const struct json_at *at, struct err *e);
} roles[] = {
    {"system", CHAT_ROLE_SYSTEM, read_turn},
    {"user", CHAT_ROLE_USER, read_turn},
    {"assistant", CHAT_ROLE_ASSISTANT, read_turn},
    {"tool", CHAT_ROLE_USER, read_result},
};

static int read_message(struct chat_request *q, struct chat_message ***tail, yyjson_val *v,
                        const struct json_at *at, struct err *e)
{
    static const struct convert_key keys[] = {
        {"role", convert_text, M(role), 0},
        {"content", keep, M(content), 0},
        {"tool_plan", convert_text, M(plan), 0},
        {"tool_calls", keep, M(calls), 0},
        {"tool_call_id", convert_text, M(call_id), 0},
    };
    struct message s = {0};
    struct chat_message *m;

    if (convert_object(q, v, at, keys, ARRAY_LEN(keys), &s, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (!span_is(s.role, roles[i].word))
            continue;
        m = chat_add_message(q, tail, roles[i].role);
        return m ? roles[i].read(q, m, &s, at, e) : convert_no_memory(e);
    }
    return json_wrong(e, &JSON_AT_KEY(at, "role"), "system, user, assistant or tool is wanted");
}

static int read_messages(const struct convert_value *x)
{
    return convert_messages(x, read_message);
}

/* ---- the rest ---- */

static int read_choice(const struct convert_value *x)
{
    struct span word = json_text(x->v);

    if (!span_is(word, "REQUIRED") && !span_is(word, "NONE"))
        return convert_want(x, "REQUIRED or NONE");
    x->q->choice = span_is(word, "NONE") ? CHAT_CHOICE_NONE : CHAT_CHOICE_ANY;
    return 0;
}

static int read_format(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"type", convert_ignore, 0, 0},
        {"json_schema", convert_json_object, Q(format_schema), NOTE(JSON_SCHEMA)},
        {"schema", convert_json_object, Q(format_schema), NOTE(JSON_SCHEMA)}, /* its name before */
    };

    if (convert_members(x, keys, ARRAY_LEN(keys)) < 0)
        return -1;
    x->q->format = CHAT_FORMAT_TEXT;
    if (!span_is(json_get_text(x->v, "type"), "json_object"))
        return 0;
    x->q->format = span_has(x->q->format_schema) ? CHAT_FORMAT_SCHEMA : CHAT_FORMAT_OBJECT;
    if (x->q->format == CHAT_FORMAT_OBJECT)
        chat_note(x->q, CHAT_HAS_JSON_OBJECT);
    return 0;
}

static int read_think(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"type", convert_ignore, 0, NOTE(EFFORT)},
        {"token_budget", convert_number, Q(thinking_budget), NOTE(BUDGET)},
    };

    x->q->thinking = span_is(json_get_text(x->v, "type"), "disabled") ? CHAT_NO : CHAT_YES;
    return convert_members(x, keys, ARRAY_LEN(keys));
}

static int read_stream(const struct convert_value *x)
{
    x->q->stream = yyjson_is_true(x->v);
    return yyjson_is_bool(x->v) ? 0 : convert_want(x, "true or false");
}

/* One word for all tools. */
static void hold_all(struct chat_request *q, yyjson_val *root)
{
    if (!yyjson_is_true(json_get(root, "strict_tools")))
        return;
    for (struct chat_tool *t = q->tools; t; t = t->next)
        t->strict = CHAT_YES;
    chat_note(q, CHAT_HAS_TOOL_STRICT);
}

static const struct convert_key root_keys[] = {
    {"model", convert_text, Q(model), 0},
    {"messages", read_messages, 0, 0},
    {"stream", read_stream, 0, 0},
    {"tools", convert_tools, 0, 0},
    {"strict_tools", convert_ignore, 0, 0}, /* see hold_all() */
    {"tool_choice", read_choice, 0, NOTE(TOOL_CHOICE)},
    {"documents", convert_ignore, 0, 0}, /* see add_documents() */
    {"response_format", read_format, 0, 0},
    {"thinking", read_think, 0, 0},
    {"max_tokens", convert_number, Q(max_tokens), NOTE(MAX_TOKENS)},
    {"stop_sequences", convert_texts, Q(stops), NOTE(STOP)},
    {"temperature", convert_number, Q(temperature), NOTE(TEMPERATURE)},
    {"p", convert_number, Q(top_p), NOTE(TOP_P)},
    {"k", convert_number, Q(top_k), NOTE(TOP_K)},
    {"seed", convert_number, Q(seed), NOTE(SEED)},
    {"frequency_penalty", convert_number, Q(frequency_penalty), NOTE(PENALTIES)},
    {"presence_penalty", convert_number, Q(presence_penalty), NOTE(PENALTIES)},
    {"logprobs", convert_bool, Q(logprobs), NOTE(LOGPROBS)},
};

int cohere_chat_read_request(struct chat_request *ret, yyjson_val *root, struct err *e)
{
    if (convert_object(ret, root, NULL, root_keys, ARRAY_LEN(root_keys), ret, e) < 0)
        return -1;
    if (!ret->messages)
        return json_wrong(e, &JSON_AT_KEY(NULL, "messages"), "at least one message is wanted");
    hold_all(ret, root);
    return add_documents(ret, root, e);
}
