/*
 * ollama_chat_request.c - the canonical conversation as a request of Ollama's chat, and back.
 *
 * A message has one text and a list of images: several texts are joined by a line's end, but those
 * of the model go on where the one before ended: a client that was streamed to sends pieces.
 * Numbers that guide the sampling stand in "options". To stream is what the server does unless told
 * not to, so that is always said. Source: github.com/ollama/ollama, docs/api.md.
 */
#include "dialect/convert_calls.h"
#include "dialect/ollama/ollama_chat_convert.h"

/* ---- reading ---- */

struct message {
    struct span role, content, thinking, tool_name, tool_id;
    yyjson_val *images, *calls;
};

#define M(member) offsetof(struct message, member)
#define Q(member) offsetof(struct chat_request, member)

static int keep_list(const struct convert_value *x)
{
    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list");
    *(yyjson_val **)(void *)((char *)x->to + x->key->at) = x->v;
    return 0;
}

static int add_text(struct chat_request *q, struct chat_part ***tail, enum chat_kind kind,
                    struct span text, struct err *e)
{
    struct chat_part *p;

    if (!span_has(text) || (kind == CHAT_PART_THINKING && text.n == 0))
        return 0;
    p = chat_add_part(q, tail, kind);
    if (!p)
        return convert_no_memory(e);
    p->text = text;
    chat_note(q, kind == CHAT_PART_THINKING ? CHAT_HAS_THINKING : CHAT_HAS_TEXT);
    return 0;
}

static int add_images(struct chat_request *q, struct chat_part ***tail, yyjson_val *list,
                      const struct json_at *at, struct err *e)
{
    struct json_at images = JSON_AT_KEY(at, "images");
    yyjson_arr_iter it;
    yyjson_val *one;

    yyjson_arr_iter_init(list, &it);
    for (size_t i = 0; (one = yyjson_arr_iter_next(&it)); i++) {
        struct chat_part *p;

        if (!yyjson_is_str(one))
            return json_wrong(e, &JSON_AT_ITEM(&images, i), "a string is wanted");
        p = chat_add_part(q, tail, CHAT_PART_MEDIA);
        if (!p)
            return convert_no_memory(e);
        p->media =
            (struct chat_media){.kind = CHAT_IMAGE, .source = CHAT_BASE64, .data = json_text(one)};
        chat_note(q, CHAT_HAS_IMAGE_BASE64);
    }
    return 0;
}

static int read_function(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"index", convert_ignore, 0, 0},
        {"name", convert_text, offsetof(struct chat_part, name), 0},
        {"arguments", convert_json_object, offsetof(struct chat_part, args), 0},
    };

    return convert_members(x, keys, ARRAY_LEN(keys));
}

static int add_calls(struct chat_request *q, struct chat_part ***tail, yyjson_val *list,
                     const struct json_at *at, struct err *e)
{
    static const struct convert_key keys[] = {
        {"id", convert_text, offsetof(struct chat_part, id), 0},
        {"type", convert_ignore, 0, 0},
        {"function", read_function, 0, NOTE(TOOL_CALL)},
    };
    struct json_at calls = JSON_AT_KEY(at, "tool_calls");
    yyjson_arr_iter it;
    yyjson_val *one;

    yyjson_arr_iter_init(list, &it);
    for (size_t i = 0; (one = yyjson_arr_iter_next(&it)); i++) {
        struct json_at here = JSON_AT_ITEM(&calls, i);
        struct chat_part *p = chat_add_part(q, tail, CHAT_PART_TOOL_CALL);

        if (!p)
            return convert_no_memory(e);
        if (convert_object(q, one, &here, keys, ARRAY_LEN(keys), p, e) < 0)
            return -1;
        if (p->name.n == 0)
            return json_wrong(e, &here, "the call has no name");
        if (p->id.n == 0)
            p->id = p->name;
    }
    return 0;
}

static int add_result(struct chat_request *q, struct chat_part ***tail, const struct message *s,
                      const struct json_at *at, struct err *e)
{
    struct chat_part *p = chat_add_part(q, tail, CHAT_PART_TOOL_RESULT), **in;

    if (!p)
        return convert_no_memory(e);
    p->name = s->tool_name;
    p->id = s->tool_id.n ? s->tool_id : s->tool_name;
    chat_note(q, CHAT_HAS_TOOL_RESULT);
    in = &p->parts;
    if (yyjson_get_len(s->images))
        chat_note(q, CHAT_HAS_TOOL_RESULT_IMAGE);
    return add_text(q, &in, CHAT_PART_TEXT, s->content, e) < 0
               ? -1
               : add_images(q, &in, s->images, at, e);
}

static const struct {
    const char *word;
    enum chat_role role;
} roles[] = {
    {"system", CHAT_ROLE_SYSTEM},
    {"user", CHAT_ROLE_USER},
    {"assistant", CHAT_ROLE_ASSISTANT},
    {"tool", CHAT_ROLE_USER},
};

static int read_message(struct chat_request *q, struct chat_message ***tail, yyjson_val *v,
                        const struct json_at *at, struct err *e)
{
    static const struct convert_key keys[] = {
        {"role", convert_text, M(role), 0},
        {"content", convert_text, M(content), 0},
        {"thinking", convert_text, M(thinking), 0},
        {"images", keep_list, M(images), 0},
        {"tool_calls", keep_list, M(calls), 0},
        {"tool_name", convert_text, M(tool_name), 0},
        {"tool_call_id", convert_text, M(tool_id), 0},
    };
    struct message s = {0};
    struct chat_message *m;
    struct chat_part **parts;
    size_t i = 0;

    if (convert_object(q, v, at, keys, ARRAY_LEN(keys), &s, e) < 0)
        return -1;
    while (i < ARRAY_LEN(roles) && !span_is(s.role, roles[i].word))
        i++;
    if (i == ARRAY_LEN(roles))
        return json_wrong(e, &JSON_AT_KEY(at, "role"), "system, user, assistant or tool is wanted");
    m = chat_add_message(q, tail, roles[i].role);
    if (!m)
        return convert_no_memory(e);
    parts = &m->parts;
    if (span_is(s.role, "tool"))
        return add_result(q, &parts, &s, at, e);
    if (s.calls && s.content.n == 0) /* a message always has a text: that one is none */
        s.content = span_of(NULL, 0);
    if (add_text(q, &parts, CHAT_PART_THINKING, s.thinking, e) < 0 ||
        add_text(q, &parts, CHAT_PART_TEXT, s.content, e) < 0 ||
        add_images(q, &parts, s.images, at, e) < 0)
        return -1;
    return add_calls(q, &parts, s.calls, at, e);
}

static int read_messages(const struct convert_value *x)
{
    return convert_messages(x, read_message);
}

static int read_format(const struct convert_value *x)
{
    if (yyjson_is_str(x->v) && json_text(x->v).n == 0)
        return 0;
    if (!yyjson_is_obj(x->v) && !span_is(json_text(x->v), "json"))
        return convert_want(x, "\"json\" or a schema");
    x->q->format = yyjson_is_obj(x->v) ? CHAT_FORMAT_SCHEMA : CHAT_FORMAT_OBJECT;
    chat_note(x->q, yyjson_is_obj(x->v) ? CHAT_HAS_JSON_SCHEMA : CHAT_HAS_JSON_OBJECT);
    return yyjson_is_obj(x->v) ? convert_json(x) : 0;
}

static int read_think(const struct convert_value *x)
{
    if (!yyjson_is_bool(x->v))
        return convert_text(x);
    x->q->thinking = yyjson_is_true(x->v) ? CHAT_YES : CHAT_NO;
    return 0;
}

static int read_stream(const struct convert_value *x)
{
    x->q->stream = yyjson_is_true(x->v);
    return yyjson_is_bool(x->v) ? 0 : convert_want(x, "true or false");
}

static int read_options(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"num_predict", convert_number, Q(max_tokens), NOTE(MAX_TOKENS)},
        {"temperature", convert_number, Q(temperature), NOTE(TEMPERATURE)},
        {"top_p", convert_number, Q(top_p), NOTE(TOP_P)},
        {"top_k", convert_number, Q(top_k), NOTE(TOP_K)},
        {"frequency_penalty", convert_number, Q(frequency_penalty), NOTE(PENALTIES)},
        {"presence_penalty", convert_number, Q(presence_penalty), NOTE(PENALTIES)},
        {"seed", convert_number, Q(seed), NOTE(SEED)},
        {"stop", convert_texts, Q(stops), NOTE(STOP)},
    };

    return convert_members(x, keys, ARRAY_LEN(keys));
}

static const struct convert_key root_keys[] = {
    {"model", convert_text, Q(model), 0},
    {"messages", read_messages, 0, 0},
    {"stream", read_stream, 0, 0},
    {"format", read_format, Q(format_schema), 0},
    {"tools", convert_tools, 0, 0},
    {"options", read_options, 0, 0},
    {"think", read_think, Q(effort), NOTE(EFFORT)},
    {"logprobs", convert_bool, Q(logprobs), NOTE(LOGPROBS)},
    {"top_logprobs", convert_number, Q(top_logprobs), NOTE(LOGPROBS)},
};

int ollama_chat_read_request(struct chat_request *ret, yyjson_val *root, struct err *e)
{
    ret->stream = true;
    if (convert_object(ret, root, NULL, root_keys, ARRAY_LEN(root_keys), ret, e) < 0)
        return -1;
    if (!ret->messages)
        return json_wrong(e, &JSON_AT_KEY(NULL, "messages"), "at least one message is wanted");
    return 0;
}

/* ---- writing ---- */

struct out {
    struct json_write w;
    const struct chat_request *q;
    const struct convert_to *to;
    struct err *e;
};

/* between: what stands between two texts. */
static void add_content(struct buf *b, const struct chat_part *p, const char *between)
{
    bool plain = p->kind == CHAT_PART_MEDIA && p->media.source == CHAT_PLAIN;

    if (p->kind != CHAT_PART_TEXT && p->kind != CHAT_PART_REFUSAL && !plain)
        return;
    if (b->n)
        buf_add_str(b, between);
    buf_add_span(b, plain ? p->media.data : p->text);
}

static int write_content(struct out *o, const struct chat_part *parts, const char *between)
{
    struct buf b;
    int rc;

    buf_init(&b, o->q->arena->budget);
    for (const struct chat_part *p = parts; p; p = p->next)
        add_content(&b, p, between);
    rc = buf_finish(&b, "request", o->e);
    if (rc == 0)
        json_kv_string(&o->w, "content", b.n ? buf_span(&b) : SPAN_LIT(""));
    buf_fini(&b);
    return rc;
}

static void write_images(struct out *o, const struct chat_part *parts)
{
    bool any = false;

    for (const struct chat_part *p = parts; p; p = p->next) {
        if (p->kind != CHAT_PART_MEDIA || p->media.source != CHAT_BASE64)
            continue;
        if (!any) {
            json_key(&o->w, "images");
            json_begin_array(&o->w);
        }
        any = true;
        json_string(&o->w, p->media.data);
    }
    if (any)
        json_end_array(&o->w);
}

static int write_call(struct out *o, const struct chat_part *p)
{
    struct span args = convert_arguments(p);

    if (!span_has(args))
        return err_set(o->e, ERR_PROTOCOL, "the arguments of the call '%.*s' are no JSON object",
                       (int)MIN(p->id.n, (size_t)80), p->id.p);
    json_begin_object(&o->w);
    convert_kv_text(&o->w, "id", p->id);
    json_key(&o->w, "function");
    json_begin_object(&o->w);
    json_kv_string(&o->w, "name", p->name);
    json_key(&o->w, "arguments");
    json_raw(&o->w, args);
    json_end_object(&o->w);
    json_end_object(&o->w);
    return 0;
}

static int write_calls(struct out *o, const struct chat_part *parts)
{
    if (convert_count(parts, CHAT_PART_TOOL_CALL) == 0)
        return 0;
    json_key(&o->w, "tool_calls");
    json_begin_array(&o->w);
    for (const struct chat_part *p = parts; p; p = p->next)
        if (p->kind == CHAT_PART_TOOL_CALL && write_call(o, p) < 0)
            return -1;
    json_end_array(&o->w);
    return 0;
}

static int write_result(struct out *o, const struct chat_part *p)
{
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "role", "tool");
    if (write_content(o, p->parts, "\n") < 0)
        return -1;
    write_images(o, p->parts);
    convert_kv_text(&o->w, "tool_name", p->name);
    convert_kv_text(&o->w, "tool_call_id", p->id);
    json_end_object(&o->w);
    return 0;
}

static int write_message(struct out *o, const struct chat_message *m)
{
    static const char *const words[] = {[CHAT_ROLE_SYSTEM] = "system",
                                        [CHAT_ROLE_DEVELOPER] = "system",
                                        [CHAT_ROLE_USER] = "user",
                                        [CHAT_ROLE_ASSISTANT] = "assistant"};
    bool results = false, rest = false;

    for (const struct chat_part *p = m->parts; p; p = p->next) {
        bool is_result = p->kind == CHAT_PART_TOOL_RESULT;

        results |= is_result;
        rest |= !is_result;
        if (is_result && write_result(o, p) < 0)
            return -1;
    }
    if (results && !rest)
        return 0;
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "role", words[m->role]);
    if (write_content(o, m->parts, m->role == CHAT_ROLE_ASSISTANT ? "" : "\n") < 0 ||
        convert_kv_joined(&o->w, "thinking", m->parts, CHAT_PART_THINKING, o->e) < 0)
        return -1;
    write_images(o, m->parts);
    if (write_calls(o, m->parts) < 0)
        return -1;
    json_end_object(&o->w);
    return 0;
}

static int write_messages(struct out *o)
{
    json_key(&o->w, "messages");
    json_begin_array(&o->w);
    for (const struct chat_message *m = o->q->messages; m; m = m->next)
        if (write_message(o, m) < 0)
            return -1;
    json_end_array(&o->w);
    return 0;
}

static int write_tools(struct out *o)
{
    const struct chat_request *q = o->q;

    if (q->choice == CHAT_CHOICE_ANY || q->choice == CHAT_CHOICE_ONE)
        return err_set(o->e, ERR_PROTOCOL, "tool_choice: a model cannot be made to call a tool");
    if (q->choice == CHAT_CHOICE_NONE) {
        convert_approximates(o->to, CHAT_HAS_TOOL_CHOICE);
        return 0;
    }
    return convert_kv_tools(&o->w, q, span_of(NULL, 0), NULL, o->e);
}

static void write_think(struct out *o)
{
    const struct chat_request *q = o->q;
    struct span level = span_is(q->effort, "max") ? q->effort : convert_effort(q->effort);

    bool off =
        q->thinking == CHAT_NO || span_is(q->effort, "none") || span_is(q->thinking_budget, "0");

    if (!off && span_has(q->effort) && !span_eq(q->effort, level))
        convert_approximates(o->to, CHAT_HAS_EFFORT);
    if (!off && span_has(q->thinking_budget))
        convert_approximates(o->to, CHAT_HAS_BUDGET);
    if (off)
        json_kv_bool(&o->w, "think", false);
    else if (span_has(level))
        json_kv_string(&o->w, "think", level);
    else if (q->thinking == CHAT_YES || span_has(q->thinking_budget))
        json_kv_bool(&o->w, "think", true);
}

static void write_options(struct out *o)
{
    const struct chat_request *q = o->q;

    json_key(&o->w, "options");
    json_begin_object(&o->w);
    convert_kv_raw(&o->w, "num_predict", q->max_tokens);
    convert_kv_raw(&o->w, "temperature", q->temperature);
    convert_kv_raw(&o->w, "top_p", q->top_p);
    convert_kv_raw(&o->w, "top_k", q->top_k);
    convert_kv_raw(&o->w, "frequency_penalty", q->frequency_penalty);
    convert_kv_raw(&o->w, "presence_penalty", q->presence_penalty);
    convert_kv_raw(&o->w, "seed", q->seed);
    convert_kv_stops(&o->w, "stop", q, SIZE_MAX, o->to);
    json_end_object(&o->w);
}

int ollama_chat_write_request(struct buf *buf, const struct chat_request *q,
                              const struct convert_to *to, struct err *e)
{
    struct out o = {.q = q, .to = to, .e = e};

    json_write_init(&o.w, buf);
    json_begin_object(&o.w);
    json_kv_string(&o.w, "model", to->model);
    if (write_messages(&o) < 0)
        return -1;
    json_kv_bool(&o.w, "stream", to->stream);
    if (write_tools(&o) < 0)
        return -1;
    if (q->format == CHAT_FORMAT_OBJECT)
        json_kv_cstring(&o.w, "format", "json");
    else if (q->format == CHAT_FORMAT_SCHEMA)
        convert_kv_raw(&o.w, "format", q->format_schema);
    write_think(&o);
    write_options(&o);
    convert_kv_tri(&o.w, "logprobs", q->logprobs);
    convert_kv_raw(&o.w, "top_logprobs", q->top_logprobs);
    json_end_object(&o.w);
    return buf_finish(buf, "request", e);
}
