/*
 * openai_responses_request.c - reads a request of the Responses API as the canonical conversation:
 * all of it but the input, which comes last (openai_responses_input.c).
 *
 * Tools in a namespace become tools with a longer name, and calls of them get their namespace back
 * in the answer. Of tools that the provider runs only the type is known. Tools that "allowed_tools"
 * leaves out are as good as not there.
 */
#include "dialect/openai/openai_responses_convert.h"
#include "dialect/openai/openai_request.h"

/* ---- tools ---- */

#define AT(member) offsetof(struct chat_tool, member)
static const struct convert_key function_keys[] = {
    {"type", convert_ignore, 0, 0},
    {"name", convert_text, AT(name), 0},
    {"description", convert_text, AT(description), 0},
    {"parameters", convert_json, AT(schema), 0},
    {"strict", convert_bool, AT(strict), NOTE(TOOL_STRICT)},
};
static const struct convert_key custom_keys[] = {
    {"type", convert_ignore, 0, 0},
    {"name", convert_text, AT(name), 0},
    {"description", convert_text, AT(description), 0},
    {"format", convert_json, AT(raw), 0},
};
#undef AT

static const struct tool_kind {
    const char *type;
    enum chat_tool_kind kind;
    enum chat_feature feature;
    const struct convert_key *keys;
    size_t keys_n;
} tool_kinds[] = {
    {"function", CHAT_TOOL_FUNCTION, CHAT_HAS_TOOLS, function_keys, ARRAY_LEN(function_keys)},
    {"custom", CHAT_TOOL_FREE_FORM, CHAT_HAS_TOOL_FREE, custom_keys, ARRAY_LEN(custom_keys)},
};

/* A tool that the provider runs: all that is known of it is its type. */
static int read_provider_tool(const struct convert_value *x, struct chat_tool ***tail,
                              struct span type)
{
    struct chat_tool *t = chat_add_tool(x->q, tail, CHAT_TOOL_PROVIDER);

    if (!t)
        return convert_no_memory(x->e);
    t->name = type;
    t->raw = convert_json_text(x->q, x->v);
    if (!span_has(t->raw))
        return convert_no_memory(x->e);
    return convert_note(x->q, CHAT_HAS_PROVIDER_TOOL, x->at, x->e);
}

static int read_own_tool(const struct convert_value *x, struct chat_tool ***tail,
                         const struct tool_kind *kind, struct span space)
{
    struct chat_tool *t = chat_add_tool(x->q, tail, kind->kind);

    if (!t)
        return convert_no_memory(x->e);
    if (convert_object(x->q, x->v, x->at, kind->keys, kind->keys_n, t, x->e) < 0)
        return -1;
    if (!span_has(t->name))
        return json_wrong(x->e, &JSON_AT_KEY(x->at, "name"), "it is missing");
    if (span_has(t->schema) && *t->schema.p != '{')
        return json_wrong(x->e, &JSON_AT_KEY(x->at, "parameters"), "an object is wanted");
    chat_note(x->q, kind->feature);
    if (span_has(t->schema) && t->strict == CHAT_UNSET) {
        t->strict_default = true;
        chat_note(x->q, CHAT_HAS_TOOL_STRICT);
    }
    if (span_has(space)) {
        t->space = space;
        t->own = t->name;
        t->name = chat_spaced_name(x->q, space, t->own);
    }
    return span_has(t->name) ? 0 : convert_no_memory(x->e);
}

/* A tool. space: the namespace that it stands in; absent: none. */
static int read_tool(const struct convert_value *x, struct chat_tool ***tail, struct span space)
{
    struct span type = json_get_text(x->v, "type");

    if (!yyjson_is_obj(x->v))
        return convert_want(x, "an object");
    if (!span_has(type))
        return json_wrong(x->e, &JSON_AT_KEY(x->at, "type"), "a string is wanted");
    for (size_t i = 0; i < ARRAY_LEN(tool_kinds); i++)
        if (span_is(type, tool_kinds[i].type))
            return read_own_tool(x, tail, &tool_kinds[i], space);
    return read_provider_tool(x, tail, type);
}

/* One of a list, seen as a value of its own. */
static struct convert_value item_of(const struct convert_value *list, const struct json_at *at,
                                    yyjson_val *v)
{
    struct convert_value ret = *list;

    ret.at = at;
    ret.v = v;
    return ret;
}

/* {"type": "namespace", "name": ..., "tools": [...]}: tools whose names stand in it. */
static int read_space(const struct convert_value *x, struct chat_tool ***tail)
{
    const struct json_at at = JSON_AT_KEY(x->at, "tools");
    struct span space = json_get_text(x->v, "name");
    yyjson_val *list = json_get(x->v, "tools"), *one;
    size_t i, n;

    if (!span_has(space))
        return json_wrong(x->e, &JSON_AT_KEY(x->at, "name"), "a string is wanted");
    if (!yyjson_is_arr(list))
        return json_wrong(x->e, &at, "an array is wanted");
    yyjson_arr_foreach(list, i, n, one)
    {
        const struct json_at here = JSON_AT_ITEM(&at, i);
        const struct convert_value tool = item_of(x, &here, one);

        if (read_tool(&tool, tail, space) < 0)
            return -1;
    }
    return 0;
}

static int read_tools(const struct convert_value *x)
{
    struct chat_tool **tail = &x->q->tools;
    yyjson_val *one;
    size_t i, n;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "an array");
    yyjson_arr_foreach(x->v, i, n, one)
    {
        const struct json_at at = JSON_AT_ITEM(x->at, i);
        const struct convert_value tool = item_of(x, &at, one);
        bool space = span_is(json_get_text(one, "type"), "namespace");

        if (space ? read_space(&tool, &tail) < 0 : read_tool(&tool, &tail, span_of(NULL, 0)) < 0)
            return -1;
    }
    return 0;
}

/* ---- tool_choice ---- */

static int read_choice_word(const struct convert_value *x, struct span word,
                            const struct json_at *at)
{
    x->q->choice = openai_responses_choice(word);
    return x->q->choice == CHAT_CHOICE_UNSET
               ? json_wrong(x->e, at, "auto, none or required is wanted")
               : 0;
}

static int read_choice(const struct convert_value *x)
{
    struct span type = json_get_text(x->v, "type"), name = json_get_text(x->v, "name");

    if (yyjson_is_str(x->v))
        return read_choice_word(x, json_text(x->v), x->at);
    if (!yyjson_is_obj(x->v) || !span_has(type))
        return convert_want(x, "a string or an object with a type");
    if (span_is(type, "allowed_tools"))
        return read_choice_word(x, json_get_text(x->v, "mode"), &JSON_AT_KEY(x->at, "mode"));
    if (!span_is(type, "function") && !span_is(type, "custom"))
        return convert_note(x->q, CHAT_HAS_PROVIDER_TOOL, x->at, x->e);
    if (!span_has(name))
        return json_wrong(x->e, &JSON_AT_KEY(x->at, "name"), "it is missing");
    x->q->choice = CHAT_CHOICE_ONE;
    x->q->choice_name = name;
    return 0;
}

/* ---- text, reasoning, include ---- */

static int read_format_type(const struct convert_value *x)
{
    static const struct {
        const char *word;
        enum chat_format format;
        chat_set has;
    } rows[] = {
        {"text", CHAT_FORMAT_TEXT, 0},
        {"json_object", CHAT_FORMAT_OBJECT, CHAT_BIT(CHAT_HAS_JSON_OBJECT)},
        {"json_schema", CHAT_FORMAT_SCHEMA, CHAT_BIT(CHAT_HAS_JSON_SCHEMA)},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_is(json_text(x->v), rows[i].word)) {
            x->q->format = rows[i].format;
            x->q->has |= rows[i].has;
            return 0;
        }
    return convert_want(x, "text, json_object or json_schema");
}

#define AT(member) offsetof(struct chat_request, member)
static const struct convert_key format_keys[] = {
    {"type", read_format_type, 0, 0},
    {"name", convert_text, AT(format_name), 0},
    {"description", convert_text, AT(format_description), 0},
    {"schema", convert_json, AT(format_schema), 0},
    {"strict", convert_bool, AT(format_strict), 0},
};

static int read_format(const struct convert_value *x)
{
    struct chat_request *q = x->q;

    if (convert_object(q, x->v, x->at, format_keys, ARRAY_LEN(format_keys), q, x->e) < 0)
        return -1;
    if (q->format == CHAT_FORMAT_UNSET)
        return json_wrong(x->e, &JSON_AT_KEY(x->at, "type"), "it is missing");
    if (q->format == CHAT_FORMAT_SCHEMA && !span_has(q->format_schema))
        return json_wrong(x->e, &JSON_AT_KEY(x->at, "schema"), "it is missing");
    return 0;
}

static const struct convert_key text_keys[] = {
    {"format", read_format, 0, 0},
    {"verbosity", convert_text, AT(verbosity), NOTE(VERBOSITY)},
};

static int read_text_config(const struct convert_value *x)
{
    return convert_object(x->q, x->v, x->at, text_keys, ARRAY_LEN(text_keys), x->q, x->e);
}

static const struct convert_key reasoning_config_keys[] = {
    {"effort", convert_text, AT(effort), NOTE(EFFORT)},
    {"summary", convert_text, AT(summary), NOTE(THINKING)},
    {"generate_summary", convert_text, AT(summary), NOTE(THINKING)}, /* its former name */
};

static int read_reasoning_config(const struct convert_value *x)
{
    return convert_object(x->q, x->v, x->at, reasoning_config_keys,
                          ARRAY_LEN(reasoning_config_keys), x->q, x->e);
}

static const struct convert_key update_keys[] = {
    {"type", convert_ignore, 0, 0},
    {"id", convert_ignore, 0, 0},
    {"reasoning", read_reasoning_config, 0, 0},
    {"text", read_text_config, 0, 0},
};

int openai_responses_read_update(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                                 struct err *e)
{
    return convert_object(q, v, at, update_keys, ARRAY_LEN(update_keys), q, e);
}

/* What an answer shall contain. Encrypted reasoning is asked for by us wherever it can be read. */
static int read_include(const struct convert_value *x)
{
    yyjson_val *one;
    size_t i, n;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "an array");
    yyjson_arr_foreach(x->v, i, n, one)
    {
        if (span_is(json_text(one), RESPONSES_ENCRYPTED))
            continue;
        if (span_is(json_text(one), RESPONSES_LOGPROBS)) {
            x->q->logprobs = CHAT_YES;
            chat_note(x->q, CHAT_HAS_LOGPROBS);
        } else if (convert_note_other(x->q, &JSON_AT_ITEM(x->at, i), x->e) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- the request ---- */

static int read_stream(const struct convert_value *x)
{
    if (!yyjson_is_bool(x->v))
        return convert_want(x, "true or false");
    x->q->stream = yyjson_is_true(x->v);
    return 0;
}

/* The default is what is meant without it. */
static int read_truncation(const struct convert_value *x)
{
    return span_is(json_text(x->v), "disabled") ? 0 : convert_other(x);
}

static int read_background(const struct convert_value *x)
{
    return yyjson_is_false(x->v) ? 0 : convert_other(x);
}

static int read_metadata(const struct convert_value *x)
{
    if (!yyjson_is_obj(x->v))
        return convert_want(x, "an object");
    if (yyjson_obj_size(x->v) == 0)
        return 0;
    chat_note(x->q, CHAT_HAS_METADATA);
    return convert_json(x);
}

static const struct convert_key request_keys[] = {
    {"model", convert_text, AT(model), 0},
    {"stream", read_stream, 0, 0},
    {"stream_options", convert_ignore, 0, 0}, /* only the padding of events */
    {"instructions", convert_ignore, 0, 0},   /* openai_responses_read_input() */
    {"input", convert_ignore, 0, 0},
    {"tools", read_tools, 0, 0},
    {"tool_choice", read_choice, 0, NOTE(TOOL_CHOICE)},
    {"parallel_tool_calls", convert_bool, AT(parallel), NOTE(TOOL_PARALLEL)},
    {"text", read_text_config, 0, 0},
    {"reasoning", read_reasoning_config, 0, 0},
    {"include", read_include, 0, 0},
    {"max_output_tokens", convert_number, AT(max_tokens), NOTE(MAX_TOKENS)},
    {"temperature", convert_number, AT(temperature), NOTE(TEMPERATURE)},
    {"top_p", convert_number, AT(top_p), NOTE(TOP_P)},
    {"top_logprobs", convert_number, AT(top_logprobs), NOTE(LOGPROBS)},
    {"frequency_penalty", convert_number, AT(frequency_penalty), NOTE(PENALTIES)},
    {"presence_penalty", convert_number, AT(presence_penalty), NOTE(PENALTIES)},
    {"metadata", read_metadata, AT(metadata), 0},
    {"user", openai_read_user, AT(user), NOTE(USER)},
    {"safety_identifier", openai_read_safety, AT(user), NOTE(USER)},
    OPENAI_CACHE_KEYS,
    {"service_tier", convert_text, AT(service_tier), NOTE(SERVICE_TIER)},
    {"store", convert_store, AT(store), 0},
    {"previous_response_id", convert_text, AT(previous), NOTE(PREVIOUS)},
    {"conversation", convert_other, 0, NOTE(PREVIOUS)},
    {"prompt", convert_other, 0, NOTE(PREVIOUS)},
    {"truncation", read_truncation, 0, 0},
    {"background", read_background, 0, 0},
};
#undef AT

int openai_responses_read_request(struct chat_request *ret, yyjson_val *root, struct err *e)
{
    ret->stream_usage = true; /* it always comes */
    return convert_object(ret, root, NULL, request_keys, ARRAY_LEN(request_keys), ret, e) < 0 ||
                   openai_responses_read_input(ret, root, e) < 0 ||
                   openai_hold_to_allowed(ret, root, e) < 0
               ? -1
               : 0;
}
