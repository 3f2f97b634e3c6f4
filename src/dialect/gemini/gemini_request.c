/*
 * gemini_request.c - reads a Gemini request as a conversation.
 *
 * Google's JSON takes every key in two spellings, and one item for a list of one. A part says what
 * it is by which of its members is there.
 *
 * Calls and results. Most clients send neither with an id; then the result of a call is the next
 * one of its name. Others need ids, so a call without one is given one by its place in the
 * conversation, which is the same in every turn. Results belong to the calls of the last turn of
 * the model: what has had none by then is forgotten.
 *
 * The model and whether to stream are said by the URL; who calls sets them.
 */
#include "dialect/gemini/gemini_convert.h"

#define PENDING_MAX 1024 /* calls of one turn that wait for their results */

struct pending {
    struct pending *next;
    const struct chat_part *call;
};

struct reading {
    struct chat_request *q;
    struct err *e;
    struct chat_message *system, **system_tail; /* goes in front of all others */
    struct chat_message **tail, *last;
    struct chat_part **parts;
    struct chat_tool **tools;
    struct pending *pending, **pending_tail;
    unsigned calls, pending_n;
    yyjson_val *allowed; /* names of the only functions that may be called; NULL: all may */
};

typedef int (*item_fn)(struct reading *r, yyjson_val *v, const struct json_at *at);

static int each(struct reading *r, yyjson_val *v, const struct json_at *at, item_fn fn)
{
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_arr(v))
        return fn(r, v, at);
    yyjson_arr_iter_init(v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)); i++)
        if (fn(r, item, &JSON_AT_ITEM(at, i)) < 0)
            return -1;
    return 0;
}

/* ---- the members of parts ---- */

static int read_detail(const struct convert_value *x)
{
    return gemini_read_resolution(x, (struct span *)(void *)((char *)x->to + x->key->at));
}

/* The members of one part, or of a result's. */
struct members {
    struct span text, signature, detail;
    enum chat_tri thought;
    yyjson_val *media, *file, *call, *result;
};

#define AT(member) offsetof(struct members, member)

static const struct convert_key detail_keys[] = {
    {"level", read_detail, AT(detail), 0},
};

static int read_part_detail(const struct convert_value *x)
{
    return convert_members(x, detail_keys, ARRAY_LEN(detail_keys));
}

static const struct convert_key part_keys[] = {
    {"text", convert_text, AT(text), 0},
    {"thought", convert_bool, AT(thought), 0},
    GEMINI_KEY("thoughtSignature", "thought_signature", convert_text, AT(signature), 0),
    GEMINI_KEY("inlineData", "inline_data", gemini_keep_object, AT(media), 0),
    GEMINI_KEY("fileData", "file_data", gemini_keep_object, AT(file), 0),
    GEMINI_KEY("mediaResolution", "media_resolution", read_part_detail, 0, 0),
    GEMINI_KEY("functionCall", "function_call", gemini_keep_object, AT(call), NOTE(TOOL_CALL)),
    GEMINI_KEY("functionResponse", "function_response", gemini_keep_object, AT(result),
               NOTE(TOOL_RESULT)),
    /* what tools of the provider have done */
    GEMINI_KEY("executableCode", "executable_code", convert_ignore, 0, NOTE(PROVIDER_TOOL)),
    GEMINI_KEY("codeExecutionResult", "code_execution_result", convert_ignore, 0,
               NOTE(PROVIDER_TOOL)),
    GEMINI_KEY("toolCall", "tool_call", convert_ignore, 0, NOTE(PROVIDER_TOOL)),
    GEMINI_KEY("toolResponse", "tool_response", convert_ignore, 0, NOTE(PROVIDER_TOOL)),
};

static const struct convert_key media_keys[] = {
    GEMINI_KEY("mimeType", "mime_type", convert_text, offsetof(struct chat_media, type), 0),
    {"data", convert_text, offsetof(struct chat_media, data), 0},
    GEMINI_KEY("fileUri", "file_uri", convert_text, offsetof(struct chat_media, data), 0),
    GEMINI_KEY("displayName", "display_name", convert_text, offsetof(struct chat_media, name), 0),
};

static int read_media(struct reading *r, struct chat_part *p, const struct members *m,
                      const struct json_at *at)
{
    struct chat_media *media = &p->media;
    const char *key = m->media ? "inlineData" : "fileData";
    struct json_at here = JSON_AT_KEY(at, key);

    if (convert_object(r->q, m->media ? m->media : m->file, &here, media_keys,
                       ARRAY_LEN(media_keys), media, r->e) < 0)
        return -1;
    if (!span_has(media->data))
        return json_wrong(r->e, &here, "%s is missing", m->media ? "data" : "fileUri");
    if (m->media)
        media->source = CHAT_BASE64;
    else
        media->source = gemini_is_file(media->data) ? CHAT_FILE : CHAT_URL;
    if (m->media && convert_base64(r->q, &media->data) < 0)
        return convert_no_memory(r->e);
    media->kind = gemini_media_kind(media->type, m->media ? span_of(NULL, 0) : media->data);
    chat_note(r->q, convert_media_feature(media));
    if (!span_has(m->detail))
        return 0;
    if (media->kind != CHAT_IMAGE)
        return convert_note_other(r->q, &JSON_AT_KEY(at, "mediaResolution"), r->e);
    media->detail = m->detail;
    chat_note(r->q, CHAT_HAS_IMAGE_DETAIL);
    return 0;
}

/* Text that is JSON of one object stands for itself in a result that has not failed; all else is
 * told as a member "output", or "error". So is it read back. */
static int read_response(struct reading *r, struct chat_part *p, yyjson_val *v,
                         const struct json_at *at)
{
    static const char *const keys[] = {"output", "error"};
    struct chat_part **tail = &p->parts, *text;
    yyjson_val *only = NULL;

    if (v && !yyjson_is_obj(v))
        return json_wrong(r->e, at, "an object is wanted");
    text = chat_add_part(r->q, &tail, CHAT_PART_TEXT);
    if (!text)
        return convert_no_memory(r->e);
    p->error = json_get(v, "error") && !yyjson_is_null(json_get(v, "error"));
    if (p->error)
        chat_note(r->q, CHAT_HAS_TOOL_RESULT_ERROR);
    for (size_t i = 0; i < ARRAY_LEN(keys) && v && yyjson_get_len(v) == 1 && !only; i++)
        only = json_get(v, keys[i]);
    text->text = yyjson_is_str(only) ? json_text(only) : span_of(NULL, 0);
    if (!span_has(text->text) || (!p->error && convert_is_object(text->text)))
        text->text = v ? convert_json_text(r->q, v) : SPAN_LIT("{}");
    return span_has(text->text) ? 0 : convert_no_memory(r->e);
}

struct result {
    struct span id, name;
    yyjson_val *response, *parts;
};

static int keep_any(const struct convert_value *x)
{
    *(yyjson_val **)(void *)((char *)x->to + x->key->at) = x->v;
    return 0;
}

static const struct convert_key result_keys[] = {
    {"id", convert_text, offsetof(struct result, id), 0},
    {"name", convert_text, offsetof(struct result, name), 0},
    {"response", keep_any, offsetof(struct result, response), 0},
    {"parts", keep_any, offsetof(struct result, parts), 0},
};

/* The call that a result answers: of its id, else the first one of its name that has no result. */
static const struct chat_part *take_call(struct reading *r, const struct result *in)
{
    bool by_id = false;

    for (struct pending *w = r->pending; w && in->id.n; w = w->next)
        by_id = by_id || span_eq(w->call->id, in->id);
    for (struct pending **at = &r->pending; *at; at = &(*at)->next) {
        const struct chat_part *call = (*at)->call;

        if (by_id ? !span_eq(call->id, in->id) : !span_eq(call->name, in->name))
            continue;
        *at = (*at)->next;
        if (!*at)
            r->pending_tail = at;
        r->pending_n--;
        return call;
    }
    return NULL;
}

static int read_result_media(struct reading *r, struct chat_part *p, yyjson_val *v,
                             const struct json_at *at)
{
    struct members m = {0};
    struct chat_part **tail = &p->parts, *media;

    if (convert_object(r->q, v, at, part_keys, ARRAY_LEN(part_keys), &m, r->e) < 0)
        return -1;
    if (!m.media && !m.file)
        return json_wrong(r->e, at, "inlineData is wanted");
    while (*tail)
        tail = &(*tail)->next;
    media = chat_add_part(r->q, &tail, CHAT_PART_MEDIA);
    chat_note(r->q, CHAT_HAS_TOOL_RESULT_IMAGE);
    return media ? read_media(r, media, &m, at) : convert_no_memory(r->e);
}

static int read_result(struct reading *r, struct chat_part *p, yyjson_val *v,
                       const struct json_at *at)
{
    struct result in = {0};
    const struct chat_part *call;
    yyjson_arr_iter it;
    yyjson_val *part;
    struct json_at parts = JSON_AT_KEY(at, "parts");

    if (convert_object(r->q, v, at, result_keys, ARRAY_LEN(result_keys), &in, r->e) < 0)
        return -1;
    call = take_call(r, &in);
    if (!call)
        return json_wrong(r->e, at, "the turn before has no functionCall for it");
    p->id = call->id;
    p->name = call->name;
    if (read_response(r, p, in.response, &JSON_AT_KEY(at, "response")) < 0)
        return -1;
    if (in.parts && !yyjson_arr_iter_init(in.parts, &it))
        return json_wrong(r->e, &parts, "a list is wanted");
    for (size_t i = 0; in.parts && (part = yyjson_arr_iter_next(&it)); i++)
        if (read_result_media(r, p, part, &JSON_AT_ITEM(&parts, i)) < 0)
            return -1;
    return 0;
}

static int read_args(const struct convert_value *x)
{
    return yyjson_is_obj(x->v) ? convert_json(x) : convert_want(x, "an object");
}

static const struct convert_key call_keys[] = {
    {"id", convert_text, offsetof(struct chat_part, id), 0},
    {"name", convert_text, offsetof(struct chat_part, name), 0},
    {"args", read_args, offsetof(struct chat_part, args), 0},
};

static int read_call(struct reading *r, struct chat_part *p, yyjson_val *v,
                     const struct json_at *at)
{
    struct pending *wait = arena_zalloc(r->q->arena, sizeof(*wait));

    if (!wait)
        return convert_no_memory(r->e);
    p->args = SPAN_LIT("{}");
    if (convert_object(r->q, v, at, call_keys, ARRAY_LEN(call_keys), p, r->e) < 0)
        return -1;
    if (p->name.n == 0)
        return json_wrong(r->e, at, "name is missing");
    if (p->id.n == 0)
        p->id = arena_printf(r->q->arena, "call_g%u", r->calls);
    if (!span_has(p->id))
        return convert_no_memory(r->e);
    if (r->pending_n++ == PENDING_MAX)
        return json_wrong(r->e, at, "more than %d calls wait for results", PENDING_MAX);
    r->calls++;
    wait->call = p;
    *r->pending_tail = wait;
    r->pending_tail = &wait->next;
    return 0;
}

/* ---- contents ---- */

/* The message that a part of this role belongs to. Turns of the model that follow each other are
 * one: SDKs keep what came in a stream as many. */
static int open_message(struct reading *r, enum chat_role role)
{
    if (r->last && r->last->role == role)
        return 0;
    if (role == CHAT_ROLE_SYSTEM) {
        r->last = chat_add_message(r->q, &r->system_tail, role);
    } else {
        if (role == CHAT_ROLE_ASSISTANT) {
            r->pending = NULL;
            r->pending_tail = &r->pending;
            r->pending_n = 0;
        }
        r->last = chat_add_message(r->q, &r->tail, role);
    }
    if (!r->last)
        return convert_no_memory(r->e);
    r->parts = &r->last->parts;
    return 0;
}

/* A signature of another provider's came behind the thinking that it signs, in a part of its own:
 * the thinking before it is one with it. */
static int join_thinking(struct reading *r, struct chat_part *p)
{
    struct chat_part **at = &r->last->parts, **begin = NULL;
    size_t n = 0;
    char *text;

    for (; *at != p; at = &(*at)->next) {
        bool open = (*at)->kind == CHAT_PART_THINKING && !span_has((*at)->signature);

        begin = open ? (begin ? begin : at) : NULL;
    }
    if (!begin)
        return 0;
    for (struct chat_part *t = *begin; t; t = t->next)
        n += t->text.n;
    text = arena_alloc(r->q->arena, n + 1);
    if (!text)
        return convert_no_memory(r->e);
    n = 0;
    for (struct chat_part *t = *begin; t; t = t->next) {
        memcpy(text + n, t->text.p, t->text.n);
        n += t->text.n;
    }
    p->text = span_of(text, n);
    *begin = p;
    r->parts = &p->next;
    return 0;
}

static int read_text(struct reading *r, struct chat_part *p, const struct members *m)
{
    p->text = span_has(m->text) ? m->text : SPAN_LIT("");
    chat_note(r->q, p->kind == CHAT_PART_THINKING ? CHAT_HAS_THINKING : CHAT_HAS_TEXT);
    if (p->kind != CHAT_PART_THINKING || !span_has(p->signature) ||
        p->signer == CHAT_SIGNER_GEMINI || p->redacted)
        return 0;
    return join_thinking(r, p);
}

static enum chat_kind kind_of(const struct members *m)
{
    if (m->call)
        return CHAT_PART_TOOL_CALL;
    if (m->result)
        return CHAT_PART_TOOL_RESULT;
    if (m->media || m->file)
        return CHAT_PART_MEDIA;
    return m->thought == CHAT_YES ? CHAT_PART_THINKING : CHAT_PART_TEXT;
}

static int read_part(struct reading *r, yyjson_val *v, const struct json_at *at,
                     enum chat_role role)
{
    struct members m = {0};
    struct chat_part *p;
    enum chat_kind kind;

    if (convert_object(r->q, v, at, part_keys, ARRAY_LEN(part_keys), &m, r->e) < 0)
        return -1;
    kind = kind_of(&m);
    if (kind == CHAT_PART_TEXT && !span_has(m.text) && !span_has(m.signature))
        return 0; /* nothing that we know, or of the provider's tools; both have been noted */
    if (kind == CHAT_PART_TOOL_CALL && role != CHAT_ROLE_ASSISTANT)
        return json_wrong(r->e, &JSON_AT_KEY(at, "functionCall"), "only the model calls functions");
    if (kind == CHAT_PART_TOOL_RESULT && role != CHAT_ROLE_USER)
        return json_wrong(r->e, &JSON_AT_KEY(at, "functionResponse"),
                          "only the user returns results");
    if (open_message(r, role) < 0)
        return -1;
    p = chat_add_part(r->q, &r->parts, kind);
    if (!p || (span_has(m.signature) && gemini_unsign(r->q->arena, p, m.signature) < 0))
        return convert_no_memory(r->e);
    if (p->signature.n)
        chat_note(r->q, CHAT_HAS_SIGNATURE);
    if (kind == CHAT_PART_TOOL_CALL)
        return read_call(r, p, m.call, &JSON_AT_KEY(at, "functionCall"));
    if (kind == CHAT_PART_TOOL_RESULT)
        return read_result(r, p, m.result, &JSON_AT_KEY(at, "functionResponse"));
    return kind == CHAT_PART_MEDIA ? read_media(r, p, &m, at) : read_text(r, p, &m);
}

struct content {
    struct span role;
    yyjson_val *parts;
};

static const struct convert_key content_keys[] = {
    {"role", convert_text, offsetof(struct content, role), 0},
    {"parts", keep_any, offsetof(struct content, parts), 0},
};

static const struct {
    const char *name;
    enum chat_role role;
} roles[] = {
    {"user", CHAT_ROLE_USER},
    {"model", CHAT_ROLE_ASSISTANT},
    {"function", CHAT_ROLE_USER},
    {"", CHAT_ROLE_USER},
};

static int find_role(struct reading *r, struct span name, const struct json_at *at,
                     enum chat_role *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (span_is(name, roles[i].name)) {
            *ret = roles[i].role;
            return 0;
        }
    return json_wrong(r->e, &JSON_AT_KEY(at, "role"), "user or model is wanted");
}

static int read_parts(struct reading *r, yyjson_val *v, const struct json_at *at,
                      enum chat_role role)
{
    struct json_at here = JSON_AT_KEY(at, "parts");
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_arr(v))
        return v ? read_part(r, v, &here, role) : 0;
    yyjson_arr_iter_init(v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)); i++)
        if (read_part(r, item, &JSON_AT_ITEM(&here, i), role) < 0)
            return -1;
    return 0;
}

static int read_content(struct reading *r, yyjson_val *v, const struct json_at *at)
{
    struct content c = {.role = {"", 0}};
    enum chat_role role = CHAT_ROLE_USER;

    if (convert_object(r->q, v, at, content_keys, ARRAY_LEN(content_keys), &c, r->e) < 0 ||
        find_role(r, c.role, at, &role) < 0)
        return -1;
    if (role == CHAT_ROLE_USER)
        r->last = NULL; /* each turn of the user is its own */
    return read_parts(r, c.parts, at, role);
}

static int read_contents(const struct convert_value *x)
{
    struct reading *r = x->to;

    r->last = NULL;
    return each(r, x->v, x->at, read_content);
}

/* A content whose role says nothing. */
static int read_system(const struct convert_value *x)
{
    struct reading *r = x->to;
    struct content c = {.role = {NULL, 0}};

    if (convert_object(x->q, x->v, x->at, content_keys, ARRAY_LEN(content_keys), &c, x->e) < 0)
        return -1;
    r->last = NULL;
    return read_parts(r, c.parts, x->at, CHAT_ROLE_SYSTEM);
}

/* ---- tools ---- */

static const struct convert_key function_keys[] = {
    {"name", convert_text, offsetof(struct chat_tool, name), 0},
    {"description", convert_text, offsetof(struct chat_tool, description), 0},
    {"parameters", gemini_read_schema, offsetof(struct chat_tool, schema), 0},
    GEMINI_KEY("parametersJsonSchema", "parameters_json_schema", convert_json,
               offsetof(struct chat_tool, schema), 0),
};

static int read_function(struct reading *r, yyjson_val *v, const struct json_at *at)
{
    struct chat_tool *t = chat_add_tool(r->q, &r->tools, CHAT_TOOL_FUNCTION);

    if (!t)
        return convert_no_memory(r->e);
    chat_note(r->q, CHAT_HAS_TOOLS);
    if (convert_object(r->q, v, at, function_keys, ARRAY_LEN(function_keys), t, r->e) < 0)
        return -1;
    return t->name.n ? 0 : json_wrong(r->e, at, "name is missing");
}

static int read_provider_tool(struct reading *r, yyjson_val *k, yyjson_val *v,
                              const struct json_at *at)
{
    struct chat_tool *t = chat_add_tool(r->q, &r->tools, CHAT_TOOL_PROVIDER);
    struct span value = convert_json_text(r->q, v), key = convert_json_text(r->q, k);

    if (!t || !span_has(value) || !span_has(key))
        return convert_no_memory(r->e);
    t->name = json_text(k);
    t->raw = arena_printf(r->q->arena, "{%.*s:%.*s}", SPAN_FMT(key), SPAN_FMT(value));
    return span_has(t->raw) ? convert_note(r->q, CHAT_HAS_PROVIDER_TOOL, at, r->e)
                            : convert_no_memory(r->e);
}

/* A tool is a list of functions; every other member is a tool that Google runs. */
static int read_tool(struct reading *r, yyjson_val *v, const struct json_at *at)
{
    yyjson_obj_iter it;
    yyjson_val *k;

    if (!yyjson_is_obj(v))
        return json_wrong(r->e, at, "an object is wanted");
    yyjson_obj_iter_init(v, &it);
    while ((k = yyjson_obj_iter_next(&it))) {
        struct span key = json_text(k);
        struct json_at here = {.up = at, .key = key.p, .key_n = key.n};
        yyjson_val *member = yyjson_obj_iter_get_val(k);
        bool functions =
            span_is(key, "functionDeclarations") || span_is(key, "function_declarations");

        if (yyjson_is_null(member))
            continue;
        if (functions ? each(r, member, &here, read_function) < 0
                      : read_provider_tool(r, k, member, &here) < 0)
            return -1;
    }
    return 0;
}

static int read_tools(const struct convert_value *x)
{
    return each(x->to, x->v, x->at, read_tool);
}

struct choice {
    struct span mode;
    yyjson_val *names;
};

static const struct convert_key choice_keys[] = {
    {"mode", convert_text, offsetof(struct choice, mode), 0},
    GEMINI_KEY("allowedFunctionNames", "allowed_function_names", keep_any,
               offsetof(struct choice, names), 0),
};

/* VALIDATED is AUTO with all functions held to their schemas. Only Google can do that for schemas
 * of any kind, so it is not told as `strict`. */
static const struct {
    struct span mode;
    enum chat_choice choice;
} modes[] = {
    {SPAN_LIT("AUTO"), CHAT_CHOICE_AUTO},
    {SPAN_LIT("ANY"), CHAT_CHOICE_ANY},
    {SPAN_LIT("NONE"), CHAT_CHOICE_NONE},
    {SPAN_LIT("VALIDATED"), CHAT_CHOICE_AUTO},
    {SPAN_LIT("MODE_UNSPECIFIED"), CHAT_CHOICE_UNSET},
};

#define ALLOWED_MOST 128 /* names that a request may have of them */

/* One name of what must be called is a choice; several leave the other functions out, as does any
 * number where the model may choose. `held`: there may be names at all. */
static int read_names(const struct convert_value *x, yyjson_val *names, bool held)
{
    struct json_at at = JSON_AT_KEY(x->at, "allowedFunctionNames");
    struct reading *r = x->to;
    yyjson_arr_iter it;
    yyjson_val *name;

    if (!yyjson_is_arr(names))
        return json_wrong(x->e, &at, "a list is wanted");
    if (yyjson_arr_size(names) > ALLOWED_MOST)
        return json_wrong(x->e, &at, "more than %d", ALLOWED_MOST);
    yyjson_arr_iter_init(names, &it);
    for (size_t i = 0; (name = yyjson_arr_iter_next(&it)); i++)
        if (!yyjson_is_str(name))
            return json_wrong(x->e, &JSON_AT_ITEM(&at, i), "a string is wanted");
    if (yyjson_arr_size(names) == 0)
        return 0;
    if (!held)
        return convert_note_other(x->q, &at, x->e);
    if (x->q->choice == CHAT_CHOICE_ANY && yyjson_arr_size(names) == 1) {
        x->q->choice = CHAT_CHOICE_ONE;
        x->q->choice_name = json_text(yyjson_arr_get_first(names));
    } else {
        r->allowed = names;
    }
    return 0;
}

static bool is_allowed(yyjson_val *names, struct span name)
{
    yyjson_val *one;
    size_t i, n;

    yyjson_arr_foreach(names, i, n, one)
    {
        if (span_eq(json_text(one), name))
            return true;
    }
    return false;
}

static void hold_to_allowed(struct reading *r)
{
    struct chat_tool **t = &r->q->tools;

    while (r->allowed && *t)
        if ((*t)->kind == CHAT_TOOL_PROVIDER || is_allowed(r->allowed, (*t)->name))
            t = &(*t)->next;
        else
            *t = (*t)->next;
}

static int read_choice(const struct convert_value *x)
{
    struct choice c = {.mode = {NULL, 0}};
    struct json_at at = JSON_AT_KEY(x->at, "mode");
    bool validated;
    size_t i = 0;

    if (convert_object(x->q, x->v, x->at, choice_keys, ARRAY_LEN(choice_keys), &c, x->e) < 0)
        return -1;
    while (span_has(c.mode) && i < ARRAY_LEN(modes) && !span_eq_nocase(c.mode, modes[i].mode))
        i++;
    if (i == ARRAY_LEN(modes))
        return json_wrong(x->e, &at, "AUTO, ANY, NONE or VALIDATED is wanted");
    if (span_has(c.mode))
        x->q->choice = modes[i].choice;
    validated = span_eq_nocase(c.mode, SPAN_LIT("VALIDATED"));
    if (validated && convert_note_other(x->q, &at, x->e) < 0)
        return -1;
    return c.names ? read_names(x, c.names, validated || x->q->choice == CHAT_CHOICE_ANY) : 0;
}

static const struct convert_key tool_conf_keys[] = {
    GEMINI_KEY("functionCallingConfig", "function_calling_config", read_choice, 0,
               NOTE(TOOL_CHOICE)),
};

static int read_tool_conf(const struct convert_value *x)
{
    return convert_object(x->q, x->v, x->at, tool_conf_keys, ARRAY_LEN(tool_conf_keys), x->to,
                          x->e);
}

/* ---- the request ---- */

static int read_cached(const struct convert_value *x)
{
    if (!yyjson_is_str(x->v))
        return convert_want(x, "a string");
    x->q->previous = json_text(x->v); /* the beginning of the conversation, which only Google has */
    return 0;
}

static int read_tier(const struct convert_value *x)
{
    struct span word = json_text(x->v);

    if (!yyjson_is_str(x->v))
        return convert_want(x, "a string");
    x->q->service_tier = span_is(word, "standard")      ? SPAN_LIT("default")
                         : span_is(word, "unspecified") ? SPAN_LIT("auto")
                                                        : word;
    return 0;
}

static int read_labels(const struct convert_value *x)
{
    x->q->metadata = convert_json_text(x->q, x->v);
    return span_has(x->q->metadata) ? 0 : convert_no_memory(x->e);
}

static const struct convert_key keys[] = {
    {"contents", read_contents, 0, 0},
    GEMINI_KEY("systemInstruction", "system_instruction", read_system, 0, NOTE(SYSTEM)),
    {"tools", read_tools, 0, 0},
    GEMINI_KEY("toolConfig", "tool_config", read_tool_conf, 0, 0),
    GEMINI_KEY("generationConfig", "generation_config", gemini_read_conf, 0, 0),
    GEMINI_KEY("cachedContent", "cached_content", read_cached, 0, NOTE(PREVIOUS)),
    {"labels", read_labels, 0, NOTE(METADATA)},
    GEMINI_KEY("serviceTier", "service_tier", read_tier, 0, NOTE(SERVICE_TIER)),
    {"model", convert_ignore, 0, 0},
};

/* System first, whatever the order of the keys was. */
static void finish(struct reading *r)
{
    struct chat_request *q = r->q;

    if (r->system) {
        *r->system_tail = q->messages;
        q->messages = r->system;
    }
    hold_to_allowed(r);
    q->held = true;
    if (span_has(q->format_schema))
        q->format = CHAT_FORMAT_SCHEMA;
    if (q->format == CHAT_FORMAT_OBJECT)
        chat_note(q, CHAT_HAS_JSON_OBJECT);
    for (const struct chat_message *m = q->messages; m; m = m->next)
        q->has |= !m->next && m->role == CHAT_ROLE_ASSISTANT ? CHAT_BIT(CHAT_HAS_PREFILL) : 0;
}

int gemini_read_request(struct chat_request *ret, yyjson_val *root, struct err *e)
{
    struct reading r = {.q = ret, .e = e, .tail = &ret->messages, .tools = &ret->tools};

    r.system_tail = &r.system;
    r.pending_tail = &r.pending;

    if (convert_object(ret, root, NULL, keys, ARRAY_LEN(keys), &r, e) < 0)
        return -1;
    if (!json_get(root, "contents"))
        return json_wrong(e, &JSON_AT_KEY(NULL, "contents"), "it is missing");
    finish(&r);
    return gemini_look(ret, root, e);
}
