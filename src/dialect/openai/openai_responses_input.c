/*
 * openai_responses_input.c - reads the input of a request of the Responses API.
 *
 * The input is a flat list of items. What the model said in one go (reasoning, text, calls) is one
 * message of the assistant here, and results that follow each other are one message of the user,
 * for that is how the other dialects say it. `instructions` are the first message.
 *
 * Items that only the provider understands (what its own tools did, references to what it keeps)
 * are noted and not kept: they make the request one that no other dialect can say.
 *
 * An item's own id says nothing: calls and results are matched by call_id, and a reasoning item's
 * id goes along with its encrypted content.
 */
#include "dialect/convert_calls.h"
#include "dialect/openai/openai_responses_convert.h"

/* Where a request is read to. */
struct reading {
    struct chat_request *q;
    struct chat_message **tail; /* where the next message goes */
    struct chat_message *open;  /* the last message, while items may still join it */
    struct chat_part **parts;   /* where its next part goes */
    struct convert_calls calls;
    bool hidden; /* the provider has more of the conversation than stands here */
    bool spoken; /* a message that is no system prompt has come */
    struct err *e;
};

static int no_memory(const struct reading *r)
{
    return convert_no_memory(r->e);
}

/* A member that is looked at later. */
static int keep(const struct convert_value *x)
{
    *(yyjson_val **)((char *)x->to + x->key->at) = x->v;
    return 0;
}

/* ---- parts of a message ---- */

/* All members that any kind of part has. */
struct content {
    struct span type, text, refusal, image_url, detail, file_data, file_url, file_id, filename;
    struct span video_url;
    yyjson_val *audio, *annotations, *breakpoint;
};

#define AT(member) offsetof(struct content, member)
static const struct convert_key content_keys[] = {
    {"type", convert_text, AT(type), 0},
    {"text", convert_text, AT(text), 0},
    {"refusal", convert_text, AT(refusal), 0},
    {"image_url", convert_text, AT(image_url), 0},
    {"detail", convert_text, AT(detail), 0},
    {"file_data", convert_text, AT(file_data), 0},
    {"file_url", convert_text, AT(file_url), 0},
    {"file_id", convert_text, AT(file_id), 0},
    {"filename", convert_text, AT(filename), 0},
    {"video_url", convert_text, AT(video_url), 0},
    {"input_audio", keep, AT(audio), 0},
    {"annotations", keep, AT(annotations), 0},
    {"prompt_cache_breakpoint", keep, AT(breakpoint), NOTE(CACHE)},
    {"logprobs", convert_ignore, 0, 0}, /* of an answer, which nobody reads again */
};
#undef AT

static const struct convert_key audio_keys[] = {
    {"data", convert_text, offsetof(struct chat_media, data), 0},
    {"format", convert_text, offsetof(struct chat_media, type), 0},
};

struct content_kind {
    const char *type;
    enum chat_kind kind;
    enum chat_media_kind media;
    int (*read)(struct reading *r, const struct content *c, const struct json_at *at,
                struct chat_part *p);
};

static int missing(const struct reading *r, const struct json_at *at, const char *key)
{
    return json_wrong(r->e, &JSON_AT_KEY(at, key), "it is missing");
}

/* The items of a JSON array as text, without its brackets; absent where it has none. */
static int items_text(const struct reading *r, yyjson_val *list, struct span *ret)
{
    struct span s;

    if (yyjson_arr_size(list) == 0)
        return 0;
    s = convert_json_text(r->q, list);
    if (!span_has(s))
        return no_memory(r);
    *ret = span_of(s.p + 1, s.n - 2);
    return 0;
}

static int read_text(struct reading *r, const struct content *c, const struct json_at *at,
                     struct chat_part *p)
{
    if (!span_has(c->text))
        return missing(r, at, "text");
    p->text = c->text;
    chat_note(r->q, CHAT_HAS_TEXT);
    if (items_text(r, c->annotations, &p->citations) < 0)
        return -1;
    if (span_has(p->citations))
        chat_note(r->q, CHAT_HAS_CITATIONS);
    return 0;
}

static int read_refusal(struct reading *r, const struct content *c, const struct json_at *at,
                        struct chat_part *p)
{
    if (!span_has(c->refusal))
        return missing(r, at, "refusal");
    p->text = c->refusal;
    chat_note(r->q, CHAT_HAS_REFUSAL);
    return 0;
}

static int read_image(struct reading *r, const struct content *c, const struct json_at *at,
                      struct chat_part *p)
{
    if (span_has(c->image_url)) {
        convert_data_url(&p->media, c->image_url);
    } else if (span_has(c->file_id)) {
        p->media.source = CHAT_FILE;
        p->media.data = c->file_id;
    } else {
        return missing(r, at, "image_url");
    }
    p->media.detail = c->detail;
    if (span_has(c->detail) && !span_is(c->detail, "auto")) /* what is meant without it, too */
        chat_note(r->q, CHAT_HAS_IMAGE_DETAIL);
    return 0;
}

static int read_file(struct reading *r, const struct content *c, const struct json_at *at,
                     struct chat_part *p)
{
    struct chat_media *m = &p->media;

    if (span_has(c->file_data)) {
        convert_data_url(m, c->file_data);
        m->source = CHAT_BASE64; /* some clients send it without "data:" */
        if (!span_has(m->type))
            m->type = SPAN_LIT("application/pdf");
    } else if (span_has(c->file_url)) {
        m->source = CHAT_URL;
        m->data = c->file_url;
    } else if (span_has(c->file_id)) {
        m->source = CHAT_FILE;
        m->data = c->file_id;
    } else {
        return missing(r, at, "file_data");
    }
    m->name = c->filename;
    return 0;
}

static int read_audio(struct reading *r, const struct content *c, const struct json_at *at,
                      struct chat_part *p)
{
    const struct json_at here = JSON_AT_KEY(at, "input_audio");

    p->media.source = CHAT_BASE64;
    if (convert_object(r->q, c->audio, &here, audio_keys, ARRAY_LEN(audio_keys), &p->media, r->e) <
        0)
        return -1;
    if (!span_has(p->media.data))
        return missing(r, &here, "data");
    p->media.type =
        arena_join(r->q->arena, (const struct span[]){SPAN_LIT("audio/"), p->media.type}, 2);
    return span_has(p->media.type) ? 0 : no_memory(r);
}

static int read_video(struct reading *r, const struct content *c, const struct json_at *at,
                      struct chat_part *p)
{
    if (!span_has(c->video_url))
        return missing(r, at, "video_url");
    convert_data_url(&p->media, c->video_url);
    return 0;
}

static const struct content_kind content_kinds[] = {
    {"input_text", CHAT_PART_TEXT, CHAT_IMAGE, read_text},
    {"output_text", CHAT_PART_TEXT, CHAT_IMAGE, read_text},
    {"text", CHAT_PART_TEXT, CHAT_IMAGE, read_text},
    {"refusal", CHAT_PART_REFUSAL, CHAT_IMAGE, read_refusal},
    {"input_image", CHAT_PART_MEDIA, CHAT_IMAGE, read_image},
    {"input_file", CHAT_PART_MEDIA, CHAT_DOCUMENT, read_file},
    {"input_audio", CHAT_PART_MEDIA, CHAT_AUDIO_IN, read_audio},
    {"input_video", CHAT_PART_MEDIA, CHAT_VIDEO_IN, read_video},
};

static int read_part(struct reading *r, yyjson_val *v, const struct json_at *at,
                     struct chat_part ***tail)
{
    struct content c = {.type = {NULL, 0}};
    const struct content_kind *kind = NULL;
    struct chat_part *p;

    if (convert_object(r->q, v, at, content_keys, ARRAY_LEN(content_keys), &c, r->e) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(content_kinds); i++)
        if (span_is(c.type, content_kinds[i].type))
            kind = &content_kinds[i];
    if (!kind)
        return json_wrong(r->e, &JSON_AT_KEY(at, "type"), "no kind of content that is known");
    p = chat_add_part(r->q, tail, kind->kind);
    if (!p)
        return no_memory(r);
    p->media.kind = kind->media;
    p->cache = c.breakpoint != NULL;
    if (kind->read(r, &c, at, p) < 0)
        return -1;
    if (kind->kind == CHAT_PART_MEDIA)
        chat_note(r->q, convert_media_feature(&p->media));
    return 0;
}

/* A text, or a list of parts. */
static int read_content(struct reading *r, yyjson_val *v, const struct json_at *at,
                        struct chat_part ***tail)
{
    yyjson_val *one;
    size_t i, n;

    if (yyjson_is_str(v)) {
        struct chat_part *p = chat_add_part(r->q, tail, CHAT_PART_TEXT);

        if (!p)
            return no_memory(r);
        p->text = json_text(v);
        chat_note(r->q, CHAT_HAS_TEXT);
        return 0;
    }
    if (!yyjson_is_arr(v))
        return json_wrong(r->e, at, "a string or an array is wanted");
    yyjson_arr_foreach(v, i, n, one)
    {
        if (read_part(r, one, &JSON_AT_ITEM(at, i), tail) < 0)
            return -1;
    }
    return 0;
}

/* ---- items ---- */

/* All members that any kind of item has. */
struct item {
    struct span role, name, space, call_id, id, encrypted;
    yyjson_val *content, *input, *arguments, *output, *summary;
};

/* The message that an item belongs to: the last one if it goes on, else a new one. */
static struct chat_message *message_for(struct reading *r, enum chat_role role, bool goes_on)
{
    if (goes_on && r->open && r->open->role == role)
        return r->open;
    r->open = chat_add_message(r->q, &r->tail, role);
    if (r->open)
        r->parts = &r->open->parts;
    return r->open;
}

static const struct {
    const char *word;
    enum chat_role role;
} roles[] = {
    {"user", CHAT_ROLE_USER},
    {"assistant", CHAT_ROLE_ASSISTANT},
    {"system", CHAT_ROLE_SYSTEM},
    {"developer", CHAT_ROLE_DEVELOPER},
};

static void note_role(struct reading *r, enum chat_role role)
{
    bool prompt = role == CHAT_ROLE_SYSTEM || role == CHAT_ROLE_DEVELOPER;

    r->spoken |= !prompt;
    if (prompt)
        chat_note(r->q, role == CHAT_ROLE_SYSTEM ? CHAT_HAS_SYSTEM : CHAT_HAS_DEVELOPER);
    if (prompt && r->spoken)
        chat_note(r->q, CHAT_HAS_SYSTEM_LATER);
}

static int take_message(struct reading *r, const struct item *it, const struct json_at *at)
{
    size_t i = 0;

    while (i < ARRAY_LEN(roles) && !span_is(it->role, roles[i].word))
        i++;
    if (i == ARRAY_LEN(roles))
        return json_wrong(r->e, &JSON_AT_KEY(at, "role"),
                          "user, assistant, system or developer is wanted");
    if (!it->content)
        return missing(r, at, "content");
    note_role(r, roles[i].role);
    if (!message_for(r, roles[i].role, roles[i].role == CHAT_ROLE_ASSISTANT))
        return no_memory(r);
    if (read_content(r, it->content, &JSON_AT_KEY(at, "content"), &r->parts) < 0)
        return -1;
    if (roles[i].role != CHAT_ROLE_ASSISTANT)
        r->open = NULL;
    return 0;
}

static int take_string(const struct reading *r, yyjson_val *v, const struct json_at *at,
                       const char *key, struct span *ret)
{
    if (!yyjson_is_str(v))
        return json_wrong(r->e, &JSON_AT_KEY(at, key), "a string is wanted");
    *ret = json_text(v);
    return 0;
}

static struct chat_part *take_any_call(struct reading *r, const struct item *it,
                                       const struct json_at *at)
{
    struct chat_part *p;

    if (!span_has(it->call_id) || !span_has(it->name)) {
        (void)missing(r, at, span_has(it->call_id) ? "name" : "call_id");
        return NULL;
    }
    p = message_for(r, CHAT_ROLE_ASSISTANT, true)
            ? chat_add_part(r->q, &r->parts, CHAT_PART_TOOL_CALL)
            : NULL;
    if (p) {
        p->id = it->call_id;
        p->name = span_has(it->space) ? chat_spaced_name(r->q, it->space, it->name) : it->name;
    }
    if (!p || !span_has(p->name)) {
        (void)no_memory(r);
        return NULL;
    }
    r->spoken = true;
    convert_calls_add(&r->calls, p);
    chat_note(r->q, CHAT_HAS_TOOL_CALL);
    return p;
}

static int take_call(struct reading *r, const struct item *it, const struct json_at *at)
{
    struct chat_part *p = take_any_call(r, it, at);

    return p ? take_string(r, it->arguments, at, "arguments", &p->args) : -1;
}

static int take_free_call(struct reading *r, const struct item *it, const struct json_at *at)
{
    struct chat_part *p = take_any_call(r, it, at);

    if (!p)
        return -1;
    p->free = true;
    chat_note(r->q, CHAT_HAS_TOOL_FREE);
    return take_string(r, it->input, at, "input", &p->text);
}

static void note_result(struct chat_request *q, const struct chat_part *result)
{
    chat_note(q, CHAT_HAS_TOOL_RESULT);
    for (const struct chat_part *p = result->parts; p; p = p->next)
        if (p->kind == CHAT_PART_MEDIA && p->media.kind == CHAT_IMAGE)
            chat_note(q, CHAT_HAS_TOOL_RESULT_IMAGE);
}

static int take_any_result(struct reading *r, const struct item *it, const struct json_at *at,
                           bool is_free)
{
    const struct chat_part *call;
    struct chat_part *p, **parts;

    if (!span_has(it->call_id))
        return missing(r, at, "call_id");
    if (!it->output)
        return missing(r, at, "output");
    call = convert_calls_find(&r->calls, it->call_id);
    if (!call && !r->hidden)
        return json_wrong(r->e, &JSON_AT_KEY(at, "call_id"), "no call before it has this id");
    p = message_for(r, CHAT_ROLE_USER, true) ? chat_add_part(r->q, &r->parts, CHAT_PART_TOOL_RESULT)
                                             : NULL;
    if (!p)
        return no_memory(r);
    r->spoken = true;
    p->id = it->call_id;
    p->free = is_free;
    if (call)
        p->name = call->name;
    parts = &p->parts;
    if (read_content(r, it->output, &JSON_AT_KEY(at, "output"), &parts) < 0)
        return -1;
    note_result(r->q, p);
    return 0;
}

static int take_result(struct reading *r, const struct item *it, const struct json_at *at)
{
    return take_any_result(r, it, at, false);
}

static int take_free_result(struct reading *r, const struct item *it, const struct json_at *at)
{
    return take_any_result(r, it, at, true);
}

/* The texts of a summary, or of the reasoning itself, as one. */
static int thinking_text(struct reading *r, yyjson_val *list, const struct json_at *at,
                         const char *type, struct buf *out)
{
    yyjson_val *one;
    size_t i, n;

    if (!list)
        return 0;
    if (!yyjson_is_arr(list))
        return json_wrong(r->e, at, "an array is wanted");
    yyjson_arr_foreach(list, i, n, one)
    {
        const struct json_at here = JSON_AT_ITEM(at, i);

        if (!span_is(json_get_text(one, "type"), type))
            return json_wrong(r->e, &JSON_AT_KEY(&here, "type"), "%s is wanted", type);
        if (!yyjson_is_str(json_get(one, "text")))
            return json_wrong(r->e, &JSON_AT_KEY(&here, "text"), "a string is wanted");
        if (out->n)
            buf_add_str(out, "\n\n");
        buf_add_span(out, json_get_text(one, "text"));
    }
    return 0;
}

/* The summary counts where there is one: it is what the client was shown. */
static int take_reasoning(struct reading *r, const struct item *it, const struct json_at *at)
{
    struct chat_part *p = message_for(r, CHAT_ROLE_ASSISTANT, true)
                              ? chat_add_part(r->q, &r->parts, CHAT_PART_THINKING)
                              : NULL;
    struct buf text;
    int rc;

    if (!p)
        return no_memory(r);
    r->spoken = true;
    p->id = it->id;
    if (span_has(it->encrypted)) {
        p->signature = convert_take_back(it->encrypted, CHAT_SIGNER_OPENAI, &p->signer);
        chat_note(r->q, CHAT_HAS_SIGNATURE);
    }
    buf_init(&text, r->q->arena->budget);
    rc = thinking_text(r, it->summary, &JSON_AT_KEY(at, "summary"), "summary_text", &text);
    if (rc == 0 && text.n == 0)
        rc = thinking_text(r, it->content, &JSON_AT_KEY(at, "content"), "reasoning_text", &text);
    p->redacted = text.n == 0;
    if (text.n)
        chat_note(r->q, CHAT_HAS_THINKING);
    p->text = text.n && buf_ok(&text) ? arena_dup(r->q->arena, buf_span(&text)) : SPAN_LIT("");
    if (rc == 0 && (!buf_ok(&text) || !span_has(p->text)))
        rc = no_memory(r);
    buf_fini(&text);
    return rc;
}

#define AT(member)   offsetof(struct item, member)
#define COMMON_ITEMS {"type", convert_ignore, 0, 0}, {"status", convert_ignore, 0, 0}
#define UNUSED_ID    {"id", convert_ignore, 0, 0}

static const struct convert_key message_keys[] = {
    COMMON_ITEMS,
    UNUSED_ID,
    {"role", convert_text, AT(role), 0},
    {"content", keep, AT(content), 0},
};
static const struct convert_key call_keys[] = {
    COMMON_ITEMS,
    UNUSED_ID,
    {"call_id", convert_text, AT(call_id), 0},
    {"name", convert_text, AT(name), 0},
    {"namespace", convert_text, AT(space), 0},
    {"arguments", keep, AT(arguments), 0},
};
static const struct convert_key free_call_keys[] = {
    COMMON_ITEMS,
    UNUSED_ID,
    {"call_id", convert_text, AT(call_id), 0},
    {"name", convert_text, AT(name), 0},
    {"namespace", convert_text, AT(space), 0},
    {"input", keep, AT(input), 0},
};
static const struct convert_key result_keys[] = {
    COMMON_ITEMS,
    UNUSED_ID,
    {"call_id", convert_text, AT(call_id), 0},
    {"output", keep, AT(output), 0},
};
static const struct convert_key reasoning_keys[] = {
    COMMON_ITEMS,
    {"id", convert_text, AT(id), 0},
    {"summary", keep, AT(summary), 0},
    {"content", keep, AT(content), 0},
    {"encrypted_content", convert_text, AT(encrypted), 0},
};
#undef AT

static const struct item_kind {
    const char *type;
    const struct convert_key *keys;
    size_t keys_n;
    int (*take)(struct reading *r, const struct item *it, const struct json_at *at);
} item_kinds[] = {
    {"message", message_keys, ARRAY_LEN(message_keys), take_message},
    {"function_call", call_keys, ARRAY_LEN(call_keys), take_call},
    {"function_call_output", result_keys, ARRAY_LEN(result_keys), take_result},
    {"reasoning", reasoning_keys, ARRAY_LEN(reasoning_keys), take_reasoning},
    {"custom_tool_call", free_call_keys, ARRAY_LEN(free_call_keys), take_free_call},
    {"custom_tool_call_output", result_keys, ARRAY_LEN(result_keys), take_free_result},
};

/* What only the provider can go on with. */
static const struct {
    const char *type;
    enum chat_feature feature;
} hidden_kinds[] = {
    {"item_reference", CHAT_HAS_PREVIOUS},
    {"compaction", CHAT_HAS_PREVIOUS},
    {"compaction_trigger", CHAT_HAS_PREVIOUS},
    {"web_search_call", CHAT_HAS_PROVIDER_TOOL},
    {"file_search_call", CHAT_HAS_PROVIDER_TOOL},
    {"code_interpreter_call", CHAT_HAS_PROVIDER_TOOL},
    {"computer_call", CHAT_HAS_PROVIDER_TOOL},
    {"computer_call_output", CHAT_HAS_PROVIDER_TOOL},
    {"image_generation_call", CHAT_HAS_PROVIDER_TOOL},
    {"local_shell_call", CHAT_HAS_PROVIDER_TOOL},
    {"local_shell_call_output", CHAT_HAS_PROVIDER_TOOL},
    {"shell_call", CHAT_HAS_PROVIDER_TOOL},
    {"shell_call_output", CHAT_HAS_PROVIDER_TOOL},
    {"apply_patch_call", CHAT_HAS_PROVIDER_TOOL},
    {"apply_patch_call_output", CHAT_HAS_PROVIDER_TOOL},
    {"mcp_list_tools", CHAT_HAS_PROVIDER_TOOL},
    {"mcp_call", CHAT_HAS_PROVIDER_TOOL},
    {"mcp_approval_request", CHAT_HAS_PROVIDER_TOOL},
    {"mcp_approval_response", CHAT_HAS_PROVIDER_TOOL},
    {"tool_search_call", CHAT_HAS_PROVIDER_TOOL},
    {"tool_search_output", CHAT_HAS_PROVIDER_TOOL},
    {"additional_tools", CHAT_HAS_PROVIDER_TOOL},
    {"program", CHAT_HAS_PROVIDER_TOOL},
    {"program_output", CHAT_HAS_PROVIDER_TOOL},
};

/* The kind of an item: a message needs no type, and neither does a reference. */
static struct span item_type(yyjson_val *v)
{
    struct span type = json_get_text(v, "type");

    if (span_has(type))
        return type;
    return span_has(json_get_text(v, "id")) && !json_get(v, "role") ? SPAN_LIT("item_reference")
                                                                    : SPAN_LIT("message");
}

static int read_item(struct reading *r, yyjson_val *v, const struct json_at *at)
{
    struct span type;
    struct item it = {.role = {NULL, 0}};

    if (!yyjson_is_obj(v))
        return json_wrong(r->e, at, "an object is wanted");
    type = item_type(v);
    if (span_is(type, "configuration_update"))
        return openai_responses_read_update(r->q, v, at, r->e);
    for (size_t i = 0; i < ARRAY_LEN(item_kinds); i++) {
        const struct item_kind *k = &item_kinds[i];

        if (!span_is(type, k->type))
            continue;
        if (convert_object(r->q, v, at, k->keys, k->keys_n, &it, r->e) < 0)
            return -1;
        return k->take(r, &it, at);
    }
    for (size_t i = 0; i < ARRAY_LEN(hidden_kinds); i++)
        if (span_is(type, hidden_kinds[i].type)) {
            r->hidden = true;
            return convert_note(r->q, hidden_kinds[i].feature, at, r->e);
        }
    return json_wrong(r->e, &JSON_AT_KEY(at, "type"), "no kind of item that is known");
}

static int read_input(struct reading *r, yyjson_val *v)
{
    const struct json_at at = JSON_AT_KEY(NULL, "input");
    yyjson_val *one;
    size_t i, n;

    if (!v || yyjson_is_null(v) || (yyjson_is_arr(v) && yyjson_arr_size(v) == 0))
        return r->hidden ? 0 : json_wrong(r->e, &at, "there is nothing to answer");
    if (convert_calls_init(&r->calls, r->q->arena, yyjson_arr_size(v)) < 0)
        return no_memory(r);
    if (yyjson_is_str(v)) {
        if (!message_for(r, CHAT_ROLE_USER, false))
            return no_memory(r);
        return read_content(r, v, &at, &r->parts);
    }
    if (!yyjson_is_arr(v))
        return json_wrong(r->e, &at, "a string or an array is wanted");
    yyjson_arr_foreach(v, i, n, one)
    {
        if (read_item(r, one, &JSON_AT_ITEM(&at, i)) < 0)
            return -1;
    }
    return 0;
}

static int read_instructions(struct reading *r, yyjson_val *v)
{
    const struct json_at at = JSON_AT_KEY(NULL, "instructions");

    if (!v || yyjson_is_null(v))
        return 0;
    if (!yyjson_is_str(v))
        return json_wrong(r->e, &at, "a string is wanted");
    if (!message_for(r, CHAT_ROLE_SYSTEM, false))
        return no_memory(r);
    note_role(r, CHAT_ROLE_SYSTEM);
    if (read_content(r, v, &at, &r->parts) < 0)
        return -1;
    r->open = NULL;
    return 0;
}

int openai_responses_read_input(struct chat_request *q, yyjson_val *root, struct err *e)
{
    struct reading r = {.q = q, .tail = &q->messages, .e = e};

    r.hidden = q->has & CHAT_BIT(CHAT_HAS_PREVIOUS);
    if (read_instructions(&r, json_get(root, "instructions")) < 0)
        return -1;
    return read_input(&r, json_get(root, "input"));
}
