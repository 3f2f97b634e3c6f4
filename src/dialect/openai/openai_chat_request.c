/*
 * openai_chat_request.c - requests of OpenAI's chat completions as the canonical conversation, and
 * back.
 *
 * Tool results stand in messages of a role of their own here; in the conversation they are parts of
 * a user's message. Source: platform.openai.com/docs/api-reference/chat/create, and what the
 * copying hosts add: reasoning_content (DeepSeek, engines), cache_control and video_url
 * (OpenRouter).
 */
#include "codec/json_write.h"
#include "dialect/openai/openai_chat_convert.h"
#include "dialect/openai/openai_request.h"

/* ---- parts of a content ---- */

struct content {
    struct chat_part ***tail;
    enum chat_role role;
};

/* What stands in one element of a content list, before its type says what it is. */
struct element {
    struct span type, text, refusal;
    struct span url, detail, data, format, file_data, file_name, file_id;
    bool cache;
    struct span cache_ttl;
};

#define E(member) offsetof(struct element, member)

static int read_url(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"url", convert_text, E(url), 0},
        {"detail", convert_text, E(detail), NOTE(IMAGE_DETAIL)},
    };

    if (yyjson_is_str(x->v)) { /* Mistral */
        ((struct element *)x->to)->url = json_text(x->v);
        return 0;
    }
    return convert_members(x, keys, ARRAY_LEN(keys));
}

/* Mistral's thinking: a list of texts. */
static int read_thinking(const struct convert_value *x)
{
    struct element *el = x->to;
    yyjson_arr_iter it;
    yyjson_val *item;
    struct buf b;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list");
    buf_init(&b, x->q->arena->budget);
    yyjson_arr_iter_init(x->v, &it);
    while ((item = yyjson_arr_iter_next(&it)) != NULL)
        buf_add_span(&b, json_get_text(item, "text"));
    if (buf_ok(&b))
        el->text = arena_dup(x->q->arena, b.n ? buf_span(&b) : SPAN_LIT(""));
    buf_fini(&b);
    return span_has(el->text) ? 0 : convert_no_memory(x->e);
}

static int read_audio(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"data", convert_text, E(data), 0},
        {"format", convert_text, E(format), 0},
    };

    return convert_members(x, keys, ARRAY_LEN(keys));
}

static int read_file(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"file_data", convert_text, E(file_data), 0},
        {"filename", convert_text, E(file_name), 0},
        {"file_id", convert_text, E(file_id), 0},
    };

    return convert_members(x, keys, ARRAY_LEN(keys));
}

static int read_cache(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"type", convert_ignore, 0, 0},
        {"ttl", convert_text, E(cache_ttl), 0},
    };
    struct element *el = x->to;

    el->cache = true;
    return convert_members(x, keys, ARRAY_LEN(keys));
}

/* OpenAI's lifetimes are other ones than Anthropic's: how long it lives is left to the target. */
static int read_breakpoint(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"mode", convert_ignore, 0, 0},
        {"ttl", convert_ignore, 0, 0},
    };
    struct element *el = x->to;

    el->cache = true;
    return convert_members(x, keys, ARRAY_LEN(keys));
}

static const struct convert_key element_keys[] = {
    {"type", convert_text, E(type), 0},
    {"text", convert_text, E(text), 0},
    {"refusal", convert_text, E(refusal), 0},
    {"image_url", read_url, 0, 0},
    {"video_url", read_url, 0, 0},
    {"document_url", read_url, 0, 0}, /* Mistral */
    {"document_name", convert_text, E(file_name), 0},
    {"file_url", read_url, 0, 0}, /* Perplexity */
    {"thinking", read_thinking, 0, NOTE(THINKING)},
    {"closed", convert_ignore, 0, 0},
    {"input_audio", read_audio, 0, 0},
    {"file", read_file, 0, 0},
    {"cache_control", read_cache, 0, NOTE(CACHE)},
    {"prompt_cache_breakpoint", read_breakpoint, 0, NOTE(CACHE)},
};

static int make_text(struct chat_part *p, const struct element *el)
{
    p->text = el->text;
    return span_has(el->text) ? 0 : -1;
}

static int make_refusal(struct chat_part *p, const struct element *el)
{
    p->text = el->refusal;
    return span_has(el->refusal) ? 0 : -1;
}

static int make_url(struct chat_part *p, const struct element *el, enum chat_media_kind kind)
{
    p->media = (struct chat_media){.kind = kind, .detail = el->detail};
    convert_data_url(&p->media, el->url);
    return el->url.n ? 0 : -1;
}

static int make_image(struct chat_part *p, const struct element *el)
{
    return make_url(p, el, CHAT_IMAGE);
}

static int make_video(struct chat_part *p, const struct element *el)
{
    return make_url(p, el, CHAT_VIDEO_IN);
}

static int make_document(struct chat_part *p, const struct element *el)
{
    int rc = make_url(p, el, CHAT_DOCUMENT);

    p->media.name = el->file_name;
    return rc;
}

static int make_audio(struct chat_part *p, const struct element *el)
{
    p->media = (struct chat_media){.kind = CHAT_AUDIO_IN,
                                   .source = CHAT_BASE64,
                                   .data = el->data,
                                   .type = span_is(el->format, "mp3") ? SPAN_LIT("audio/mpeg")
                                                                      : SPAN_LIT("audio/wav")};
    return el->data.n && el->format.n ? 0 : -1;
}

static int make_file(struct chat_part *p, const struct element *el)
{
    p->media = (struct chat_media){.kind = CHAT_DOCUMENT, .name = el->file_name};
    if (span_has(el->file_id)) {
        p->media.source = CHAT_FILE;
        p->media.data = el->file_id;
    } else {
        convert_data_url(&p->media, el->file_data);
    }
    return p->media.data.n ? 0 : -1;
}

static const struct {
    const char *type;
    enum chat_kind kind;
    int (*make)(struct chat_part *p, const struct element *el);
    const char *want;
} elements[] = {
    {"text", CHAT_PART_TEXT, make_text, "text"},
    {"refusal", CHAT_PART_REFUSAL, make_refusal, "refusal"},
    {"image_url", CHAT_PART_MEDIA, make_image, "image_url.url"},
    {"video_url", CHAT_PART_MEDIA, make_video, "video_url.url"},
    {"document_url", CHAT_PART_MEDIA, make_document, "document_url"},
    {"file_url", CHAT_PART_MEDIA, make_document, "file_url.url"},
    {"thinking", CHAT_PART_THINKING, make_text, "thinking"},
    {"input_audio", CHAT_PART_MEDIA, make_audio, "input_audio.data and input_audio.format"},
    {"file", CHAT_PART_MEDIA, make_file, "file.file_data or file.file_id"},
};

static void note_part(struct chat_request *q, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_TEXT)
        chat_note(q, CHAT_HAS_TEXT);
    else if (p->kind == CHAT_PART_REFUSAL)
        chat_note(q, CHAT_HAS_REFUSAL);
    else if (p->kind == CHAT_PART_MEDIA)
        chat_note(q, convert_media_feature(&p->media));
}

static int read_element(struct chat_request *q, struct content *c, yyjson_val *v,
                        const struct json_at *at, struct err *e)
{
    struct element el = {0};
    struct chat_part *p;

    if (convert_object(q, v, at, element_keys, ARRAY_LEN(element_keys), &el, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
        if (!span_is(el.type, elements[i].type))
            continue;
        p = chat_add_part(q, c->tail, elements[i].kind);
        if (!p)
            return convert_no_memory(e);
        p->cache = el.cache;
        p->cache_ttl = el.cache_ttl;
        if (elements[i].make(p, &el) < 0)
            return json_wrong(e, at, "%s is missing", elements[i].want);
        note_part(q, p);
        return 0;
    }
    return json_wrong(e, &JSON_AT_KEY(at, "type"), "'%.*s' is no type of content that is known",
                      (int)MIN(el.type.n, (size_t)40), el.type.p ? el.type.p : "");
}

/* A string, or a list of elements. */
static int read_content(struct chat_request *q, struct content *c, yyjson_val *v,
                        const struct json_at *at, struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!v || yyjson_is_null(v))
        return 0;
    if (yyjson_is_str(v))
        return convert_text_part(q, c->tail, json_text(v), e);
    if (!yyjson_is_arr(v))
        return json_wrong(e, at, "a string or a list is wanted");
    yyjson_arr_iter_init(v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++)
        if (read_element(q, c, item, &JSON_AT_ITEM(at, i), e) < 0)
            return -1;
    return 0;
}

/* ---- messages ---- */

#define TURN_CALLS_MAX 1024 /* parts of a turn among which a result finds its call */

/* The members of a message, before its role says what they are. */
struct message {
    const struct chat_message *asked; /* where the assistant's last turn begins; NULL: nowhere */
    struct span role, name, tool_call_id, refusal, thinking;
    yyjson_val *content, *tool_calls, *function_call;
};

#define M(member) offsetof(struct message, member)

static int keep_value(const struct convert_value *x)
{
    *(yyjson_val **)(void *)((char *)x->to + x->key->at) = x->v;
    return 0;
}

static const struct convert_key message_keys[] = {
    {"role", convert_text, M(role), 0},
    {"content", keep_value, M(content), 0},
    {"name", convert_text, M(name), 0},
    {"tool_calls", keep_value, M(tool_calls), 0},
    {"tool_call_id", convert_text, M(tool_call_id), 0},
    {"function_call", keep_value, M(function_call), 0},
    {"refusal", convert_text, M(refusal), NOTE(REFUSAL)},
    {"reasoning_content", convert_text, M(thinking), NOTE(THINKING)},
    {"reasoning", convert_text, M(thinking), NOTE(THINKING)},
    {"annotations", convert_other, 0, 0},
};

struct call {
    struct span id, type, name, args, input;
};

#define C(member) offsetof(struct call, member)

static int read_function(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"name", convert_text, C(name), 0},
        {"arguments", convert_text, C(args), 0},
    };

    return convert_members(x, keys, ARRAY_LEN(keys));
}

static int read_custom(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"name", convert_text, C(name), 0},
        {"input", convert_text, C(input), NOTE(TOOL_FREE)},
    };

    return convert_members(x, keys, ARRAY_LEN(keys));
}

static int add_call(struct chat_request *q, struct chat_part ***tail, const struct call *c,
                    const struct json_at *at, struct err *e)
{
    struct chat_part *p = chat_add_part(q, tail, CHAT_PART_TOOL_CALL);

    if (!p)
        return convert_no_memory(e);
    if (c->name.n == 0)
        return json_wrong(e, at, "the call has no name");
    p->id = c->id;
    p->name = c->name;
    p->free = span_has(c->input);
    p->text = c->input;
    p->args = c->args.n ? c->args : SPAN_LIT("{}");
    chat_note(q, CHAT_HAS_TOOL_CALL);
    return 0;
}

static int read_calls(struct chat_request *q, struct chat_part ***tail, yyjson_val *v,
                      const struct json_at *at, struct err *e)
{
    static const struct convert_key keys[] = {
        {"id", convert_text, C(id), 0},    {"type", convert_text, C(type), 0},
        {"index", convert_ignore, 0, 0}, /* of clients that send stream deltas back */
        {"function", read_function, 0, 0}, {"custom", read_custom, 0, 0},
    };
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!v)
        return 0;
    if (!yyjson_is_arr(v))
        return json_wrong(e, at, "a list is wanted");
    yyjson_arr_iter_init(v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct json_at here = JSON_AT_ITEM(at, i);
        struct call c = {0};

        if (convert_object(q, item, &here, keys, ARRAY_LEN(keys), &c, e) < 0 ||
            add_call(q, tail, &c, &here, e) < 0)
            return -1;
    }
    return 0;
}

/* What came before tool_calls: one call, without an id. */
static int read_old_call(struct chat_request *q, struct chat_part ***tail, yyjson_val *v,
                         const struct json_at *at, struct err *e)
{
    struct call c = {0};
    struct convert_value x = {q, NULL, v, at, &c, e};

    if (!v)
        return 0;
    if (read_function(&x) < 0)
        return -1;
    /* Two calls of one function are told apart by the messages that they stand in. */
    c.id = arena_printf(q->arena, "%.*s_%zu", SPAN_FMT(c.name), at->up->index);
    if (!span_has(c.id))
        return convert_no_memory(e);
    return add_call(q, tail, &c, at, e);
}

static int add_thinking(struct chat_request *q, struct chat_part ***tail, struct span text,
                        struct err *e)
{
    struct chat_part *p;

    if (text.n == 0)
        return 0;
    p = chat_add_part(q, tail, CHAT_PART_THINKING);
    if (!p)
        return convert_no_memory(e);
    p->text = text;
    return 0;
}

static int add_refusal(struct chat_request *q, struct chat_part ***tail, struct span text,
                       struct err *e)
{
    struct chat_part *p;

    if (text.n == 0)
        return 0;
    p = chat_add_part(q, tail, CHAT_PART_REFUSAL);
    if (!p)
        return convert_no_memory(e);
    p->text = text;
    return 0;
}

static int read_assistant(struct chat_request *q, struct chat_message *m, const struct message *s,
                          const struct json_at *at, struct err *e)
{
    struct chat_part **tail = &m->parts;
    struct content c = {&tail, CHAT_ROLE_ASSISTANT};

    if (add_thinking(q, &tail, s->thinking, e) < 0 ||
        read_content(q, &c, s->content, &JSON_AT_KEY(at, "content"), e) < 0 ||
        add_refusal(q, &tail, s->refusal, e) < 0 ||
        read_calls(q, &tail, s->tool_calls, &JSON_AT_KEY(at, "tool_calls"), e) < 0)
        return -1;
    return read_old_call(q, &tail, s->function_call, &JSON_AT_KEY(at, "function_call"), e);
}

static int read_plain(struct chat_request *q, struct chat_message *m, const struct message *s,
                      const struct json_at *at, struct err *e)
{
    struct chat_part **tail = &m->parts;
    struct content c = {&tail, m->role};

    return read_content(q, &c, s->content, &JSON_AT_KEY(at, "content"), e);
}

static int read_system(struct chat_request *q, struct chat_message *m, const struct message *s,
                       const struct json_at *at, struct err *e)
{
    chat_note(q, CHAT_HAS_SYSTEM);
    if (m->role == CHAT_ROLE_DEVELOPER)
        chat_note(q, CHAT_HAS_DEVELOPER);
    for (const struct chat_message *o = q->messages; o != m; o = o->next)
        if (o->role == CHAT_ROLE_USER || o->role == CHAT_ROLE_ASSISTANT)
            chat_note(q, CHAT_HAS_SYSTEM_LATER);
    return read_plain(q, m, s, at, e);
}

/* The call that a result names by its id, or else by its function, among the first TURN_CALLS_MAX
 * parts from there on; NULL: none. */
static const struct chat_part *find_call(const struct message *s)
{
    bool by_id = span_has(s->tool_call_id);
    size_t n = 0;

    for (const struct chat_message *m = s->asked; m && n < TURN_CALLS_MAX; m = m->next, n++)
        for (const struct chat_part *p = m->parts; p && n < TURN_CALLS_MAX; p = p->next, n++)
            if (p->kind == CHAT_PART_TOOL_CALL &&
                (by_id ? span_eq(p->id, s->tool_call_id) : span_eq(p->name, s->name)))
                return p;
    return NULL;
}

/* The result is a part; what it says are parts of that. */
static int read_result(struct chat_request *q, struct chat_message *m, const struct message *s,
                       const struct json_at *at, struct err *e)
{
    struct chat_part **tail = &m->parts, **inner, *p;
    struct content c = {&inner, CHAT_ROLE_USER};
    const struct chat_part *call;

    p = chat_add_part(q, &tail, CHAT_PART_TOOL_RESULT);
    if (!p)
        return convert_no_memory(e);
    if (!span_has(s->tool_call_id) && !span_has(s->name))
        return json_wrong(e, &JSON_AT_KEY(at, "tool_call_id"), "the result names no call");
    call = find_call(s);
    if (!call)
        return json_wrong(e, &JSON_AT_KEY(at, "tool_call_id"),
                          "no call of the turn before has this id");
    p->id = call->id;
    p->name = call->name;
    inner = &p->parts;
    chat_note(q, CHAT_HAS_TOOL_RESULT);
    if (read_content(q, &c, s->content, &JSON_AT_KEY(at, "content"), e) < 0)
        return -1;
    for (const struct chat_part *in = p->parts; in; in = in->next)
        if (in->kind == CHAT_PART_MEDIA)
            chat_note(q, CHAT_HAS_TOOL_RESULT_IMAGE);
    return 0;
}

static const struct {
    const char *word;
    enum chat_role role;
    int (*read)(struct chat_request *q, struct chat_message *m, const struct message *s,
                const struct json_at *at, struct err *e);
} roles[] = {
    {"system", CHAT_ROLE_SYSTEM, read_system}, {"developer", CHAT_ROLE_DEVELOPER, read_system},
    {"user", CHAT_ROLE_USER, read_plain},      {"assistant", CHAT_ROLE_ASSISTANT, read_assistant},
    {"tool", CHAT_ROLE_USER, read_result},     {"function", CHAT_ROLE_USER, read_result},
};

/* The message whose `next` the tail is. */
#define LAST_OF(tail) CONTAINER_OF(tail, struct chat_message, next)

static int read_message(struct chat_request *q, struct chat_message ***tail,
                        const struct chat_message **asked, yyjson_val *v, const struct json_at *at,
                        struct err *e)
{
    struct message s = {.asked = *asked};
    bool goes_on = q->messages && LAST_OF(*tail)->role == CHAT_ROLE_ASSISTANT;
    struct chat_message *m;

    if (convert_object(q, v, at, message_keys, ARRAY_LEN(message_keys), &s, e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (!span_is(s.role, roles[i].word))
            continue;
        m = chat_add_message(q, tail, roles[i].role);
        if (!m)
            return convert_no_memory(e);
        m->name = s.name;
        if (s.name.n && roles[i].read != read_result)
            chat_note(q, CHAT_HAS_SPEAKER);
        if (m->role == CHAT_ROLE_ASSISTANT && !goes_on)
            *asked = m;
        return roles[i].read(q, m, &s, at, e);
    }
    return json_wrong(e, &JSON_AT_KEY(at, "role"),
                      "'%.*s' is none of system, developer, user, assistant, tool",
                      (int)MIN(s.role.n, (size_t)40), s.role.p ? s.role.p : "");
}

static int read_messages(const struct convert_value *x)
{
    struct chat_message **tail = &x->q->messages, *last = NULL;
    const struct chat_message *asked = NULL;
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list");
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++)
        if (read_message(x->q, &tail, &asked, item, &JSON_AT_ITEM(x->at, i), x->e) < 0)
            return -1;
    for (struct chat_message *m = x->q->messages; m; m = m->next)
        last = m;
    if (last && last->role == CHAT_ROLE_ASSISTANT)
        chat_note(x->q, CHAT_HAS_PREFILL);
    return 0;
}

/* ---- tools ---- */

#define T(member) offsetof(struct chat_tool, member)

static int read_tool_function(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"name", convert_text, T(name), 0},
        {"description", convert_text, T(description), 0},
        {"parameters", convert_json, T(schema), 0},
        {"strict", convert_bool, T(strict), NOTE(TOOL_STRICT)},
    };

    return convert_members(x, keys, ARRAY_LEN(keys));
}

static int read_tool_custom(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"name", convert_text, T(name), 0},
        {"description", convert_text, T(description), 0},
        {"format", convert_json, T(raw), 0},
    };
    struct chat_tool *t = x->to;

    t->kind = CHAT_TOOL_FREE_FORM;
    return convert_members(x, keys, ARRAY_LEN(keys));
}

static int read_tool(struct chat_request *q, struct chat_tool ***tail, yyjson_val *v,
                     const struct json_at *at, struct err *e)
{
    static const struct convert_key keys[] = {
        {"type", convert_ignore, 0, 0},
        {"function", read_tool_function, 0, NOTE(TOOLS)},
        {"custom", read_tool_custom, 0, NOTE(TOOL_FREE)},
    };
    struct span type = json_get_text(v, "type");
    bool own = span_is(type, "function") || span_is(type, "custom");
    struct chat_tool *t = chat_add_tool(q, tail, own ? CHAT_TOOL_FUNCTION : CHAT_TOOL_PROVIDER);

    if (!t)
        return convert_no_memory(e);
    if (!yyjson_is_obj(v))
        return json_wrong(e, at, "an object is wanted");
    if (!own) {
        t->name = type;
        t->raw = convert_json_text(q, v);
        if (!span_has(t->raw))
            return convert_no_memory(e);
        return convert_note(q, CHAT_HAS_PROVIDER_TOOL, at, e);
    }
    if (convert_object(q, v, at, keys, ARRAY_LEN(keys), t, e) < 0)
        return -1;
    return t->name.n ? 0 : json_wrong(e, at, "the tool has no name");
}

static int read_tools(const struct convert_value *x)
{
    struct chat_tool **tail = &x->q->tools;
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list");
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++)
        if (read_tool(x->q, &tail, item, &JSON_AT_ITEM(x->at, i), x->e) < 0)
            return -1;
    return 0;
}

static const struct {
    const char *word;
    enum chat_choice choice;
} choices[] = {{"auto", CHAT_CHOICE_AUTO},
               {"none", CHAT_CHOICE_NONE},
               {"required", CHAT_CHOICE_ANY},
               {"any", CHAT_CHOICE_ANY} /* Mistral */};

static bool read_choice_word(struct chat_request *q, struct span word)
{
    for (size_t i = 0; i < ARRAY_LEN(choices); i++)
        if (span_is(word, choices[i].word)) {
            q->choice = choices[i].choice;
            return true;
        }
    return false;
}

static int read_choice(const struct convert_value *x)
{
    yyjson_val *allowed = json_get(x->v, "allowed_tools");
    yyjson_val *f =
        json_get(x->v, "function") ? json_get(x->v, "function") : json_get(x->v, "custom");

    if (read_choice_word(x->q, allowed ? json_get_text(allowed, "mode") : json_text(x->v)))
        return 0;
    if (allowed)
        return json_wrong(x->e, &JSON_AT_KEY(&JSON_AT_KEY(x->at, "allowed_tools"), "mode"),
                          "auto or required is wanted");
    x->q->choice = CHAT_CHOICE_ONE;
    x->q->choice_name = json_get_text(f, "name");
    if (x->q->choice_name.n == 0)
        return convert_want(x, "auto, none, required or a function's name");
    return 0;
}

/* ---- format and other values ---- */

#define Q(member) offsetof(struct chat_request, member)

static int read_schema(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"name", convert_text, Q(format_name), 0},
        {"description", convert_text, Q(format_description), 0},
        {"schema", convert_json, Q(format_schema), 0},
        {"strict", convert_bool, Q(format_strict), 0},
    };

    return convert_members(x, keys, ARRAY_LEN(keys));
}

static const struct {
    const char *word;
    enum chat_format format;
    uint32_t note;
} formats[] = {
    {"text", CHAT_FORMAT_TEXT, 0},
    {"json_object", CHAT_FORMAT_OBJECT, NOTE(JSON_OBJECT)},
    {"json_schema", CHAT_FORMAT_SCHEMA, NOTE(JSON_SCHEMA)},
};

static int read_format(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"type", convert_ignore, 0, 0},
        {"json_schema", read_schema, 0, 0},
    };
    struct span type = json_get_text(x->v, "type");

    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (!span_is(type, formats[i].word))
            continue;
        x->q->format = formats[i].format;
        if (formats[i].note)
            chat_note(x->q, (enum chat_feature)(formats[i].note - 1));
        return convert_object(x->q, x->v, x->at, keys, ARRAY_LEN(keys), x->q, x->e);
    }
    return convert_want(x, "a type of text, json_object or json_schema");
}

static int read_stream(const struct convert_value *x)
{
    x->q->stream = yyjson_is_true(x->v);
    return yyjson_is_bool(x->v) ? 0 : convert_want(x, "true or false");
}

static int read_stream_options(const struct convert_value *x)
{
    x->q->stream_usage = yyjson_is_true(json_get(x->v, "include_usage"));
    return yyjson_is_obj(x->v) ? 0 : convert_want(x, "an object");
}

/* Text is what everybody answers with; images are as OpenRouter asks for them. */
static int read_modalities(const struct convert_value *x)
{
    yyjson_val *one;
    size_t i, n;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list");
    yyjson_arr_foreach(x->v, i, n, one)
    {
        const struct json_at at = JSON_AT_ITEM(x->at, i);
        bool image = span_is(json_text(one), "image"), audio = span_is(json_text(one), "audio");

        if (image)
            x->q->modalities = SPAN_LIT("[\"TEXT\",\"IMAGE\"]");
        if (image || audio
                ? convert_note(x->q, image ? CHAT_HAS_MODALITIES : CHAT_HAS_AUDIO_OUT, &at, x->e) <
                      0
                : !span_is(json_text(one), "text") && convert_note_other(x->q, &at, x->e) < 0)
            return -1;
    }
    return 0;
}

static int read_search(const struct convert_value *x)
{
    return convert_note(x->q, CHAT_HAS_PROVIDER_TOOL, x->at, x->e);
}

/* Groq's "default" asks for what happens without a word. */
static int read_effort(const struct convert_value *x)
{
    if (span_is(json_text(x->v), "default"))
        return 0;
    chat_note(x->q, CHAT_HAS_EFFORT);
    return convert_text(x);
}

static const struct convert_key root_keys[] = {
    {"model", convert_text, Q(model), 0},
    {"messages", read_messages, 0, 0},
    {"stream", read_stream, 0, 0},
    {"stream_options", read_stream_options, 0, 0},
    {"max_tokens", convert_number, Q(max_tokens), NOTE(MAX_TOKENS)},
    {"max_completion_tokens", convert_number, Q(max_tokens), NOTE(MAX_TOKENS)},
    {"temperature", convert_number, Q(temperature), NOTE(TEMPERATURE)},
    {"top_p", convert_number, Q(top_p), NOTE(TOP_P)},
    {"top_k", convert_number, Q(top_k), NOTE(TOP_K)}, /* engines, OpenRouter */
    {"frequency_penalty", convert_number, Q(frequency_penalty), NOTE(PENALTIES)},
    {"presence_penalty", convert_number, Q(presence_penalty), NOTE(PENALTIES)},
    {"seed", convert_number, Q(seed), NOTE(SEED)},
    {"random_seed", convert_number, Q(seed), NOTE(SEED)}, /* Mistral */
    {"stop", convert_text_or_texts, Q(stops), NOTE(STOP)},
    {"n", convert_number, Q(choices), NOTE(CHOICES)},
    {"logprobs", convert_bool, Q(logprobs), NOTE(LOGPROBS)},
    {"top_logprobs", convert_number, Q(top_logprobs), NOTE(LOGPROBS)},
    {"logit_bias", convert_json, Q(logit_bias), NOTE(LOGIT_BIAS)},
    {"tools", read_tools, 0, 0},
    {"tool_choice", read_choice, 0, NOTE(TOOL_CHOICE)},
    {"functions", openai_read_functions, 0, 0},
    {"function_call", openai_read_function_call, 0, NOTE(TOOL_CHOICE)},
    {"parallel_tool_calls", convert_bool, Q(parallel), NOTE(TOOL_PARALLEL)},
    {"response_format", read_format, 0, 0},
    {"reasoning_effort", read_effort, Q(effort), 0},
    {"verbosity", convert_text, Q(verbosity), NOTE(VERBOSITY)},
    {"user", openai_read_user, Q(user), NOTE(USER)},
    {"safety_identifier", openai_read_safety, Q(user), NOTE(USER)},
    OPENAI_CACHE_KEYS,
    {"metadata", convert_json, Q(metadata), NOTE(METADATA)},
    {"service_tier", convert_text, Q(service_tier), NOTE(SERVICE_TIER)},
    {"store", convert_store, Q(store), 0},
    {"modalities", read_modalities, 0, 0},
    {"web_search_options", read_search, 0, 0},
};

int openai_chat_read_request(struct chat_request *ret, yyjson_val *root, struct err *e)
{
    if (convert_object(ret, root, NULL, root_keys, ARRAY_LEN(root_keys), ret, e) < 0)
        return -1;
    if (!ret->messages)
        return json_wrong(e, &JSON_AT_KEY(NULL, "messages"), "at least one message is wanted");
    return openai_hold_to_allowed(ret, root, e);
}
