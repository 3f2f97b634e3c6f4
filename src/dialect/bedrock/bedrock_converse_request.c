/*
 * bedrock_converse_request.c - reads a request of Bedrock's Converse.
 *
 * No client is served in it; it is there so that what is written can be read again and compared.
 *
 * A block is an object with one member, which says what it is. A cachePoint is a block of its own
 * and belongs to the one before it.
 */
#include "dialect/convert_calls.h"
#include "dialect/bedrock/bedrock_converse_convert.h"

#define AT(type, member) offsetof(struct type, member)
#define KEYS(table)      table, ARRAY_LEN(table)

enum place { IN_SYSTEM = 1, IN_USER = 2, IN_ASSISTANT = 4, IN_RESULT = 8 };

/* A list of blocks that is being read. */
struct blocks {
    struct chat_part **tail, *last; /* last: of those read */
    unsigned place;
};

static int add_part(const struct convert_value *x, enum chat_kind kind)
{
    struct blocks *b = x->to;

    b->last = chat_add_part(x->q, &b->tail, kind);
    return b->last ? 0 : convert_no_memory(x->e);
}

static int read_blocks(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                       struct chat_part **list, unsigned place, struct err *e);

/* ---- texts ---- */

static void note_text(const struct convert_value *x)
{
    const struct blocks *b = x->to;

    chat_note(x->q, b->place == IN_SYSTEM   ? CHAT_HAS_SYSTEM
                    : b->place == IN_RESULT ? CHAT_HAS_TOOL_RESULT
                                            : CHAT_HAS_TEXT);
}

static int read_text(const struct convert_value *x)
{
    struct blocks *b = x->to;

    if (!yyjson_is_str(x->v))
        return convert_want(x, "a string");
    if (add_part(x, CHAT_PART_TEXT) < 0)
        return -1;
    b->last->text = json_text(x->v);
    note_text(x);
    return 0;
}

/* A result that is JSON: its text. */
static int read_json(const struct convert_value *x)
{
    struct blocks *b = x->to;

    if (add_part(x, CHAT_PART_TEXT) < 0)
        return -1;
    b->last->text = convert_json_text(x->q, x->v);
    note_text(x);
    return span_has(b->last->text) ? 0 : convert_no_memory(x->e);
}

static const struct convert_key guarded_text_keys[] = {
    {"text", read_text, 0, 0},
    {"qualifiers", convert_other, 0, 0},
};

static int read_guarded_text(const struct convert_value *x)
{
    return convert_members(x, KEYS(guarded_text_keys));
}

/* What a guardrail looks at: a text, but for that. */
static const struct convert_key guarded_keys[] = {
    {"text", read_guarded_text, 0, 0},
};

static int read_guarded(const struct convert_value *x)
{
    return convert_members(x, KEYS(guarded_keys));
}

/* ---- media ---- */

static int read_bytes(const struct convert_value *x)
{
    struct chat_media *m = x->to;

    if (!yyjson_is_str(x->v))
        return convert_want(x, "a string");
    m->source = CHAT_BASE64;
    m->data = json_text(x->v);
    return 0;
}

static int read_plain(const struct convert_value *x)
{
    struct chat_media *m = x->to;

    if (!yyjson_is_str(x->v))
        return convert_want(x, "a string");
    m->source = CHAT_PLAIN;
    m->data = json_text(x->v);
    return 0;
}

static int read_location(const struct convert_value *x)
{
    struct chat_media *m = x->to;

    m->source = CHAT_URL;
    m->data = json_get_text(x->v, "uri");
    return span_has(m->data) ? 0 : convert_want(x, "an object with a uri");
}

static const struct convert_key source_keys[] = {
    {"bytes", read_bytes, 0, 0},
    {"text", read_plain, 0, 0},
    {"s3Location", read_location, 0, 0},
};

static int read_source(const struct convert_value *x)
{
    return convert_members(x, KEYS(source_keys));
}

static int read_citing(const struct convert_value *x)
{
    struct chat_media *m = x->to;

    m->cite = yyjson_is_true(json_get(x->v, "enabled"));
    if (m->cite)
        chat_note(x->q, CHAT_HAS_CITING);
    return 0;
}

static const struct convert_key media_keys[] = {
    {"format", convert_text, AT(chat_media, type), 0},
    {"name", convert_text, AT(chat_media, name), 0},
    {"source", read_source, 0, 0},
    {"citations", read_citing, 0, 0},
    {"context", convert_text, AT(chat_media, context), NOTE(DOCUMENT_CONTEXT)},
};

static int read_media(const struct convert_value *x, enum chat_media_kind kind)
{
    struct blocks *b = x->to;
    struct chat_media *m;
    struct span type;

    if (add_part(x, CHAT_PART_MEDIA) < 0)
        return -1;
    m = &b->last->media;
    m->kind = kind;
    if (convert_object(x->q, x->v, x->at, KEYS(media_keys), m, x->e) < 0)
        return -1;
    if (!span_has(m->data))
        return json_wrong(x->e, x->at, "it has no source");
    type = bedrock_converse_type(kind, m->type);
    if (span_has(type)) /* some write the type itself */
        m->type = type;
    chat_note(x->q, convert_media_feature(m));
    if (b->place == IN_RESULT && kind == CHAT_IMAGE)
        chat_note(x->q, CHAT_HAS_TOOL_RESULT_IMAGE);
    return 0;
}

static int read_image(const struct convert_value *x)
{
    return read_media(x, CHAT_IMAGE);
}

static int read_document(const struct convert_value *x)
{
    return read_media(x, CHAT_DOCUMENT);
}

static int read_audio(const struct convert_value *x)
{
    return read_media(x, CHAT_AUDIO_IN);
}

static int read_video(const struct convert_value *x)
{
    return read_media(x, CHAT_VIDEO_IN);
}

/* ---- what a search has found ---- */

static int read_found_text(const struct convert_value *x)
{
    struct chat_media *m = x->to;
    yyjson_arr_iter it = yyjson_arr_iter_with(x->v);
    yyjson_val *one;

    m->data = SPAN_LIT("");
    while ((one = yyjson_arr_iter_next(&it)) != NULL) {
        struct span both[] = {m->data, json_get_text(one, "text")};

        m->data = arena_join(x->q->arena, both, ARRAY_LEN(both));
        if (!m->data.p)
            return convert_no_memory(x->e);
    }
    return 0;
}

static const struct convert_key found_keys[] = {
    {"source", convert_text, AT(chat_media, origin), NOTE(DOCUMENT_CONTEXT)},
    {"title", convert_text, AT(chat_media, name), 0},
    {"content", read_found_text, 0, 0},
    {"citations", read_citing, 0, 0},
};

static int read_found(const struct convert_value *x)
{
    struct blocks *b = x->to;
    struct chat_media *m;

    if (add_part(x, CHAT_PART_MEDIA) < 0)
        return -1;
    m = &b->last->media;
    m->kind = CHAT_DOCUMENT;
    m->source = CHAT_PLAIN;
    chat_note(x->q, CHAT_HAS_DOCUMENT_TEXT);
    return convert_object(x->q, x->v, x->at, KEYS(found_keys), m, x->e);
}

/* ---- thinking ---- */

static int read_redacted(const struct convert_value *x)
{
    struct chat_part *p = x->to;

    if (!yyjson_is_str(x->v))
        return convert_want(x, "a string");
    p->redacted = true;
    p->text = SPAN_LIT("");
    return bedrock_converse_open(x->q->arena, json_text(x->v), &p->signature) < 0
               ? convert_no_memory(x->e)
               : 0;
}

static const struct convert_key reasoning_text_keys[] = {
    {"text", convert_text, AT(chat_part, text), NOTE(THINKING)},
    {"signature", convert_text, AT(chat_part, signature), 0},
};

static int read_reasoning_text(const struct convert_value *x)
{
    return convert_members(x, KEYS(reasoning_text_keys));
}

static const struct convert_key reasoning_keys[] = {
    {"reasoningText", read_reasoning_text, 0, 0},
    {"redactedContent", read_redacted, 0, 0},
};

static int read_thinking(const struct convert_value *x)
{
    struct blocks *b = x->to;

    if (add_part(x, CHAT_PART_THINKING) < 0 ||
        convert_object(x->q, x->v, x->at, KEYS(reasoning_keys), b->last, x->e) < 0)
        return -1;
    if (b->last->signature.n == 0)
        return 0;
    b->last->signer = CHAT_SIGNER_ANTHROPIC;
    chat_note(x->q, CHAT_HAS_SIGNATURE);
    return 0;
}

/* ---- calls and results ---- */

static int read_call_type(const struct convert_value *x)
{
    if (span_is(json_text(x->v), "server_tool_use"))
        chat_note(x->q, CHAT_HAS_PROVIDER_TOOL);
    return 0;
}

static const struct convert_key call_keys[] = {
    {"toolUseId", convert_text, AT(chat_part, id), 0},
    {"name", convert_text, AT(chat_part, name), 0},
    {"input", convert_json_object, AT(chat_part, args), 0},
    {"type", read_call_type, 0, 0},
};

static int read_call(const struct convert_value *x)
{
    struct blocks *b = x->to;

    if (add_part(x, CHAT_PART_TOOL_CALL) < 0 ||
        convert_object(x->q, x->v, x->at, KEYS(call_keys), b->last, x->e) < 0)
        return -1;
    if (b->last->id.n == 0 || b->last->name.n == 0)
        return json_wrong(x->e, x->at, "a toolUseId and a name are wanted");
    return 0;
}

static int read_result_content(const struct convert_value *x)
{
    struct chat_part *p = x->to;

    return read_blocks(x->q, x->v, x->at, &p->parts, IN_RESULT, x->e);
}

static int read_status(const struct convert_value *x)
{
    struct chat_part *p = x->to;

    p->error = span_is(json_text(x->v), "error");
    if (p->error)
        chat_note(x->q, CHAT_HAS_TOOL_RESULT_ERROR);
    return 0;
}

static const struct convert_key result_keys[] = {
    {"toolUseId", convert_text, AT(chat_part, id), 0},
    {"content", read_result_content, 0, 0},
    {"status", read_status, 0, 0},
};

static int read_result(const struct convert_value *x)
{
    struct blocks *b = x->to;

    return add_part(x, CHAT_PART_TOOL_RESULT) < 0
               ? -1
               : convert_object(x->q, x->v, x->at, KEYS(result_keys), b->last, x->e);
}

/* ---- blocks ---- */

static int read_cache(const struct convert_value *x)
{
    struct blocks *b = x->to;

    if (!b->last) /* nothing is cached before the first block */
        return convert_other(x);
    b->last->cache = true;
    b->last->cache_ttl = json_get_text(x->v, "ttl");
    return 0;
}

static const struct {
    struct convert_key key;
    unsigned places;
} rows[] = {
    {{"text", read_text, 0, 0}, IN_SYSTEM | IN_USER | IN_ASSISTANT | IN_RESULT},
    {{"json", read_json, 0, 0}, IN_RESULT},
    {{"guardContent", read_guarded, 0, NOTE(OTHER)}, IN_SYSTEM | IN_USER | IN_ASSISTANT},
    {{"image", read_image, 0, 0}, IN_USER | IN_ASSISTANT | IN_RESULT},
    {{"document", read_document, 0, 0}, IN_USER | IN_RESULT},
    {{"searchResult", read_found, 0, 0}, IN_USER | IN_RESULT},
    {{"audio", read_audio, 0, 0}, IN_USER},
    {{"video", read_video, 0, 0}, IN_USER | IN_RESULT},
    {{"reasoningContent", read_thinking, 0, 0}, IN_ASSISTANT},
    {{"toolUse", read_call, 0, NOTE(TOOL_CALL)}, IN_ASSISTANT},
    {{"toolResult", read_result, 0, NOTE(TOOL_RESULT)}, IN_USER},
    {{"cachePoint", read_cache, 0, NOTE(CACHE)}, IN_SYSTEM | IN_USER | IN_ASSISTANT},
};

static int read_block(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                      struct blocks *b, struct err *e)
{
    bool any = false;

    if (!yyjson_is_obj(v))
        return json_wrong(e, at, "an object is wanted");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        yyjson_val *member = json_get(v, rows[i].key.key);

        if (!member || yyjson_is_null(member) || !(rows[i].places & b->place))
            continue;
        if (convert_object(q, v, at, &rows[i].key, 1, b, e) < 0)
            return -1;
        any = true;
        break;
    }
    return any ? 0 : json_wrong(e, at, "a block that is known here is wanted");
}

static int read_blocks(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                       struct chat_part **list, unsigned place, struct err *e)
{
    struct blocks b = {list, NULL, place};
    yyjson_arr_iter it;
    yyjson_val *item;

    if (!yyjson_is_arr(v))
        return json_wrong(e, at, "a list of blocks is wanted");
    yyjson_arr_iter_init(v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct json_at here = JSON_AT_ITEM(at, i);

        if (read_block(q, item, &here, &b, e) < 0)
            return -1;
    }
    return 0;
}

/* ---- messages ---- */

static int read_message(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                        struct chat_message ***tail, struct err *e)
{
    struct json_at role_at = JSON_AT_KEY(at, "role"), content = JSON_AT_KEY(at, "content");
    struct span role = json_get_text(v, "role");
    bool user = span_is(role, "user");
    struct chat_message *m;

    if (!user && !span_is(role, "assistant"))
        return json_wrong(e, &role_at, "user or assistant is wanted");
    m = chat_add_message(q, tail, user ? CHAT_ROLE_USER : CHAT_ROLE_ASSISTANT);
    if (!m)
        return convert_no_memory(e);
    return read_blocks(q, json_get(v, "content"), &content, &m->parts,
                       user ? IN_USER : IN_ASSISTANT, e);
}

static int read_messages(const struct convert_value *x)
{
    struct chat_message **tail = &x->q->messages, *last = NULL;
    yyjson_arr_iter it;
    yyjson_val *v;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list of messages");
    while (*tail)
        tail = &(*tail)->next;
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (v = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct json_at here = JSON_AT_ITEM(x->at, i);
        struct chat_message **place = tail;

        if (read_message(x->q, v, &here, &tail, x->e) < 0)
            return -1;
        last = *place;
    }
    if (last && last->role == CHAT_ROLE_ASSISTANT)
        chat_note(x->q, CHAT_HAS_PREFILL);
    return 0;
}

/* It stands before all messages, wherever its key does. */
static int read_system(const struct convert_value *x)
{
    struct chat_message *m = convert_first_system(x->q);

    if (!m)
        return convert_no_memory(x->e);
    return read_blocks(x->q, x->v, x->at, &m->parts, IN_SYSTEM, x->e);
}

/* ---- tools ---- */

static const struct convert_key schema_keys[] = {
    {"json", convert_json_object, AT(chat_tool, schema), 0},
};

static int read_schema(const struct convert_value *x)
{
    return convert_members(x, KEYS(schema_keys));
}

static const struct convert_key spec_keys[] = {
    {"name", convert_text, AT(chat_tool, name), 0},
    {"description", convert_text, AT(chat_tool, description), 0},
    {"inputSchema", read_schema, 0, 0},
    {"strict", convert_bool, AT(chat_tool, strict), NOTE(TOOL_STRICT)},
};

static int read_tool(const struct convert_value *x, yyjson_val *v, const struct json_at *at,
                     struct chat_tool ***tail, struct chat_tool **last)
{
    struct json_at here = JSON_AT_KEY(at, "toolSpec");
    yyjson_val *spec = json_get(v, "toolSpec"), *cache = json_get(v, "cachePoint");

    if (cache && *last) {
        (*last)->cache = true;
        (*last)->cache_ttl = json_get_text(cache, "ttl");
        chat_note(x->q, CHAT_HAS_CACHE);
        return 0;
    }
    *last = chat_add_tool(x->q, tail, spec ? CHAT_TOOL_FUNCTION : CHAT_TOOL_PROVIDER);
    if (!*last)
        return convert_no_memory(x->e);
    if (!spec) {
        (*last)->name = json_get_text(json_get(v, "systemTool"), "name");
        (*last)->raw = convert_json_text(x->q, v);
        chat_note(x->q, CHAT_HAS_PROVIDER_TOOL);
        return span_has((*last)->raw) ? 0 : convert_no_memory(x->e);
    }
    chat_note(x->q, CHAT_HAS_TOOLS);
    return convert_object(x->q, spec, &here, KEYS(spec_keys), *last, x->e);
}

static int read_tools(const struct convert_value *x)
{
    struct chat_tool **tail = &x->q->tools, *last = NULL;
    yyjson_arr_iter it;
    yyjson_val *v;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list of tools");
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (v = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct json_at here = JSON_AT_ITEM(x->at, i);

        if (read_tool(x, v, &here, &tail, &last) < 0)
            return -1;
    }
    return 0;
}

static int read_choice(const struct convert_value *x)
{
    static const struct {
        const char *member;
        enum chat_choice choice;
    } choices[] = {{"auto", CHAT_CHOICE_AUTO}, {"any", CHAT_CHOICE_ANY}, {"tool", CHAT_CHOICE_ONE}};

    for (size_t i = 0; i < ARRAY_LEN(choices); i++)
        if (json_get(x->v, choices[i].member))
            x->q->choice = choices[i].choice;
    x->q->choice_name = json_get_text(json_get(x->v, "tool"), "name");
    if (x->q->choice == CHAT_CHOICE_UNSET)
        return convert_want(x, "auto, any or tool");
    if (x->q->choice != CHAT_CHOICE_AUTO)
        chat_note(x->q, CHAT_HAS_TOOL_CHOICE);
    return 0;
}

static const struct convert_key tool_config_keys[] = {
    {"tools", read_tools, 0, 0},
    {"toolChoice", read_choice, 0, 0},
};

static int read_tool_config(const struct convert_value *x)
{
    return convert_members(x, KEYS(tool_config_keys));
}

/* ---- the rest ---- */

static int read_stops(const struct convert_value *x)
{
    struct chat_text **tail = &x->q->stops;
    yyjson_arr_iter it;
    yyjson_val *v;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list of strings");
    yyjson_arr_iter_init(x->v, &it);
    while ((v = yyjson_arr_iter_next(&it)) != NULL) {
        if (!yyjson_is_str(v))
            return convert_want(x, "a list of strings");
        if (chat_add_text(x->q, tail, json_text(v)) < 0)
            return convert_no_memory(x->e);
        tail = &(*tail)->next;
    }
    return 0;
}

static const struct convert_key inference_keys[] = {
    {"maxTokens", convert_number, AT(chat_request, max_tokens), NOTE(MAX_TOKENS)},
    {"temperature", convert_number, AT(chat_request, temperature), NOTE(TEMPERATURE)},
    {"topP", convert_number, AT(chat_request, top_p), NOTE(TOP_P)},
    {"stopSequences", read_stops, 0, NOTE(STOP)},
};

static int read_inference(const struct convert_value *x)
{
    return convert_members(x, KEYS(inference_keys));
}

/* The schema is a text here. */
static const struct convert_key json_schema_keys[] = {
    {"schema", convert_text, AT(chat_request, format_schema), NOTE(JSON_SCHEMA)},
    {"name", convert_text, AT(chat_request, format_name), 0},
    {"description", convert_text, AT(chat_request, format_description), 0},
};

static int read_json_schema(const struct convert_value *x)
{
    x->q->format = CHAT_FORMAT_SCHEMA;
    return convert_members(x, KEYS(json_schema_keys));
}

static const struct convert_key structure_keys[] = {
    {"jsonSchema", read_json_schema, 0, 0},
};

static int read_structure(const struct convert_value *x)
{
    return convert_members(x, KEYS(structure_keys));
}

static const struct convert_key text_format_keys[] = {
    {"type", convert_ignore, 0, 0},
    {"structure", read_structure, 0, 0},
};

static int read_text_format(const struct convert_value *x)
{
    return convert_members(x, KEYS(text_format_keys));
}

static const struct convert_key output_keys[] = {
    {"textFormat", read_text_format, 0, 0},
};

static int read_output(const struct convert_value *x)
{
    return convert_members(x, KEYS(output_keys));
}

static const struct convert_key tier_keys[] = {
    {"type", convert_text, AT(chat_request, service_tier), NOTE(SERVICE_TIER)},
};

static int read_tier(const struct convert_value *x)
{
    return convert_members(x, KEYS(tier_keys));
}

static int read_thinking_type(const struct convert_value *x)
{
    x->q->thinking = span_is(json_text(x->v), "disabled") ? CHAT_NO : CHAT_YES;
    return 0;
}

/* Claude's own, as far as they are written here. */
static const struct convert_key thinking_keys[] = {
    {"type", read_thinking_type, 0, 0},
    {"budget_tokens", convert_number, AT(chat_request, thinking_budget), NOTE(BUDGET)},
};

static int read_thinking_config(const struct convert_value *x)
{
    return convert_members(x, KEYS(thinking_keys));
}

static const struct convert_key output_config_keys[] = {
    {"effort", convert_text, AT(chat_request, effort), NOTE(EFFORT)},
};

static int read_output_config(const struct convert_value *x)
{
    return convert_members(x, KEYS(output_config_keys));
}

static const struct convert_key field_keys[] = {
    {"top_k", convert_number, AT(chat_request, top_k), NOTE(TOP_K)},
    {"thinking", read_thinking_config, 0, 0},
    {"output_config", read_output_config, 0, 0},
    {"reasoning_effort", convert_text, AT(chat_request, effort), NOTE(EFFORT)},
};

static int read_fields(const struct convert_value *x)
{
    return convert_members(x, KEYS(field_keys));
}

static const struct convert_key request_keys[] = {
    {"messages", read_messages, 0, 0},
    {"system", read_system, 0, 0},
    {"toolConfig", read_tool_config, 0, 0},
    {"inferenceConfig", read_inference, 0, 0},
    {"outputConfig", read_output, 0, 0},
    {"serviceTier", read_tier, 0, 0},
    {"requestMetadata", convert_json_object, AT(chat_request, metadata), NOTE(METADATA)},
    {"additionalModelRequestFields", read_fields, 0, 0},
    {"additionalModelResponseFieldPaths", convert_ignore, 0, 0},
};

int bedrock_converse_read_request(struct chat_request *ret, yyjson_val *root, struct err *e)
{
    struct json_at at = JSON_AT_KEY(NULL, "messages");

    if (convert_object(ret, root, NULL, KEYS(request_keys), ret, e) < 0)
        return -1;
    if (!yyjson_is_arr(json_get(root, "messages")))
        return json_wrong(e, &at, "a list of messages is wanted");
    return convert_calls_name_results(ret) < 0 ? convert_no_memory(e) : 0;
}
