/*
 * anthropic_messages_request.c - reads a request of Anthropic's messages, of either version
 * (2023-06-01, 2026-10-21), and of its token counts, which have the same body without max_tokens.
 * What a content holds is read in anthropic_messages_blocks.c.
 *
 * A tool's result must answer a call of the turn before it, as the API itself demands. Calls are
 * looked for from where the last one was found, for results mostly come in the order of their
 * calls, and a turn has at most TURN_CALLS_MAX of them, so that no body makes this quadratic.
 */
#include "dialect/anthropic/anthropic_messages_convert.h"

#define TURN_CALLS_MAX 256

#define AT(type, member) offsetof(struct type, member)
#define KEYS(table)      table, ARRAY_LEN(table)

/* ---- messages ---- */

/* Where results look for their calls: in the assistant's turn that stands before them. */
struct turn {
    const struct chat_message *first, *last; /* of the assistant's messages; NULL: none yet */
    const struct chat_message *at;           /* the next call to be answered, mostly: in here ... */
    const struct chat_part *call;            /* ... this part, or one behind it */
    size_t calls;
};

static void turn_rewind(struct turn *t)
{
    t->at = t->first;
    t->call = t->first ? t->first->parts : NULL;
}

/* The next part of the turn, in a circle; NULL: it has none. */
static const struct chat_part *turn_next(struct turn *t)
{
    const struct chat_part *p = t->call;

    while (!p && t->at && t->at != t->last) {
        t->at = t->at->next;
        p = t->at ? t->at->parts : NULL;
    }
    if (p)
        t->call = p->next;
    else
        turn_rewind(t);
    return p;
}

static const struct chat_part *turn_find(struct turn *t, struct span id)
{
    const struct chat_part *p;

    for (unsigned circles = 0; circles < 2;) {
        p = turn_next(t);
        if (!p)
            circles++;
        else if (p->kind == CHAT_PART_TOOL_CALL && span_eq(p->id, id))
            return p;
    }
    return NULL;
}

static int turn_add(struct turn *t, const struct chat_message *m, const struct json_at *at,
                    struct err *e)
{
    if (!t->last || t->last->next != m) { /* somebody else spoke in between */
        t->first = m;
        t->calls = 0;
    }
    t->last = m;
    for (const struct chat_part *p = m->parts; p; p = p->next)
        t->calls += p->kind == CHAT_PART_TOOL_CALL;
    turn_rewind(t);
    return t->calls <= TURN_CALLS_MAX
               ? 0
               : json_wrong(e, at, "a turn has at most %d calls of tools", TURN_CALLS_MAX);
}

/* A result of nothing: where does its id stand? v and at: of the content. */
static int answers_nothing(yyjson_val *v, const struct json_at *at, struct span id, struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *block;
    size_t i = 0;

    MUST(yyjson_arr_iter_init(v, &it)); /* a result is a block in a list */
    while ((block = yyjson_arr_iter_next(&it)) &&
           !span_eq(json_text(json_get(block, "tool_use_id")), id))
        i++;
    return json_wrong(e, &JSON_AT_KEY(&JSON_AT_ITEM(at, i), "tool_use_id"),
                      "no call of the turn before has the id '%.*s'", (int)MIN(id.n, (size_t)64),
                      id.p);
}

static int turn_answer(struct turn *t, const struct chat_message *m, yyjson_val *content,
                       const struct json_at *at, struct err *e)
{
    for (struct chat_part *p = m->parts; p; p = p->next) {
        const struct chat_part *call = NULL;

        if (p->kind == CHAT_PART_TOOL_RESULT && !(call = turn_find(t, p->id)))
            return answers_nothing(content, at, p->id, e);
        if (call)
            p->name = call->name;
    }
    return 0;
}

static const struct convert_key message_keys[] = {
    {"role", convert_ignore, 0, 0},
    {"content", convert_ignore, 0, 0},
};

static int read_message(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                        struct chat_message ***tail, struct turn *turn, struct err *e)
{
    static const struct anthropic_messages_word roles[] = {
        {"user", CHAT_ROLE_USER}, {"assistant", CHAT_ROLE_ASSISTANT}, {"system", CHAT_ROLE_SYSTEM}};
    static const unsigned places[] = {[CHAT_ROLE_USER] = ANTHROPIC_IN_USER,
                                      [CHAT_ROLE_ASSISTANT] = ANTHROPIC_IN_ASSISTANT,
                                      [CHAT_ROLE_SYSTEM] = ANTHROPIC_IN_SYSTEM};
    struct json_at content = JSON_AT_KEY(at, "content");
    struct chat_message *m;
    int role;

    if (convert_object(q, v, at, KEYS(message_keys), NULL, e) < 0)
        return -1;
    role = anthropic_messages_word(v, at, "role", roles, ARRAY_LEN(roles), e);
    if (role < 0)
        return -1;
    m = chat_add_message(q, tail, (enum chat_role)role);
    if (!m)
        return convert_no_memory(e);
    if (anthropic_messages_read_content(q, json_get(v, "content"), &content, &m->parts,
                                        places[role], e) < 0)
        return -1;
    if (role == CHAT_ROLE_ASSISTANT)
        return turn_add(turn, m, &content, e);
    return role == CHAT_ROLE_USER ? turn_answer(turn, m, json_get(v, "content"), &content, e) : 0;
}

static int read_messages(const struct convert_value *x)
{
    struct chat_message **tail = &x->q->messages, *last = NULL;
    struct turn turn = {0};
    bool spoken = false;
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

        if (read_message(x->q, v, &here, &tail, &turn, x->e) < 0)
            return -1;
        if ((*place)->role != CHAT_ROLE_SYSTEM)
            last = *place;
        else if (spoken && (*place)->parts)
            chat_note(x->q, CHAT_HAS_SYSTEM_LATER);
        spoken |= last != NULL;
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
    return anthropic_messages_read_content(x->q, x->v, x->at, &m->parts, ANTHROPIC_IN_SYSTEM, x->e);
}

/* ---- tools ---- */

static int read_tool_cache_ttl(const struct convert_value *x)
{
    struct chat_tool *t = x->to;

    if (!yyjson_is_str(x->v))
        return convert_want(x, "a string");
    t->cache_ttl = json_text(x->v);
    return 0;
}

static const struct convert_key tool_cache_keys[] = {
    ANTHROPIC_TYPE_KEY,
    {"ttl", read_tool_cache_ttl, 0, 0},
};

static int read_tool_cache(const struct convert_value *x)
{
    struct chat_tool *t = x->to;

    t->cache = true;
    return convert_object(x->q, x->v, x->at, KEYS(tool_cache_keys), t, x->e);
}

/* Left out where it says what holds anyway: a tool that is there from the start. */
static int read_deferred(const struct convert_value *x)
{
    return yyjson_is_true(x->v) ? convert_other(x) : 0;
}

static const struct convert_key tool_keys[] = {
    ANTHROPIC_TYPE_KEY,
    {"name", convert_text, AT(chat_tool, name), 0},
    {"description", convert_text, AT(chat_tool, description), 0},
    {"input_schema", convert_json_object, AT(chat_tool, schema), 0},
    {"strict", convert_bool, AT(chat_tool, strict), NOTE(TOOL_STRICT)},
    {"cache_control", read_tool_cache, 0, NOTE(CACHE)},
    {"defer_loading", read_deferred, 0, 0},
};

static int read_tool(const struct convert_value *x, yyjson_val *v, const struct json_at *at,
                     struct chat_tool ***tail)
{
    yyjson_val *type = json_get(v, "type");
    struct json_at here = JSON_AT_KEY(at, "type");
    bool provider = yyjson_is_str(type) && !span_is(json_text(type), "custom");
    struct chat_tool *t;

    if (type && !yyjson_is_null(type) && !yyjson_is_str(type))
        return json_wrong(x->e, &here, "a string is wanted");
    t = chat_add_tool(x->q, tail, provider ? CHAT_TOOL_PROVIDER : CHAT_TOOL_FUNCTION);
    if (!t)
        return convert_no_memory(x->e);
    if (provider) {
        t->name = json_text(type);
        t->raw = convert_json_text(x->q, v);
        if (!span_has(t->raw))
            return convert_no_memory(x->e);
        return convert_note(x->q, CHAT_HAS_PROVIDER_TOOL, at, x->e);
    }
    if (convert_object(x->q, v, at, KEYS(tool_keys), t, x->e) < 0)
        return -1;
    chat_note(x->q, CHAT_HAS_TOOLS);
    return t->name.n ? 0 : anthropic_messages_want(at, "name", "a string that is not empty", x->e);
}

static int read_tools(const struct convert_value *x)
{
    struct chat_tool **tail = &x->q->tools;
    yyjson_arr_iter it;
    yyjson_val *v;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list of tools");
    while (*tail)
        tail = &(*tail)->next;
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (v = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct json_at here = JSON_AT_ITEM(x->at, i);

        if (read_tool(x, v, &here, &tail) < 0)
            return -1;
    }
    return 0;
}

static int read_serial(const struct convert_value *x)
{
    if (!yyjson_is_bool(x->v))
        return convert_want(x, "true or false");
    x->q->parallel = yyjson_is_true(x->v) ? CHAT_NO : CHAT_YES;
    return 0;
}

static const struct convert_key choice_keys[] = {
    ANTHROPIC_TYPE_KEY,
    {"name", convert_text, AT(chat_request, choice_name), 0},
    {"disable_parallel_tool_use", read_serial, 0, NOTE(TOOL_PARALLEL)},
};

static int read_choice(const struct convert_value *x)
{
    static const struct anthropic_messages_word words[] = {{"auto", CHAT_CHOICE_AUTO},
                                                           {"any", CHAT_CHOICE_ANY},
                                                           {"tool", CHAT_CHOICE_ONE},
                                                           {"none", CHAT_CHOICE_NONE}};
    int choice;

    if (convert_object(x->q, x->v, x->at, KEYS(choice_keys), x->q, x->e) < 0)
        return -1;
    choice = anthropic_messages_word(x->v, x->at, "type", words, ARRAY_LEN(words), x->e);
    if (choice < 0)
        return -1;
    x->q->choice = (enum chat_choice)choice;
    if (choice == CHAT_CHOICE_ONE && x->q->choice_name.n == 0)
        return anthropic_messages_want(x->at, "name", "a string that is not empty", x->e);
    return 0;
}

/* ---- the rest ---- */

static int read_stream(const struct convert_value *x)
{
    if (!yyjson_is_bool(x->v))
        return convert_want(x, "true or false");
    x->q->stream = x->q->stream_usage = yyjson_is_true(x->v);
    return 0;
}

static int read_stops(const struct convert_value *x)
{
    struct chat_text **tail = &x->q->stops;
    yyjson_arr_iter it;
    yyjson_val *v;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list of strings");
    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (v = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct json_at here = JSON_AT_ITEM(x->at, i);

        if (!yyjson_is_str(v))
            return json_wrong(x->e, &here, "a string is wanted");
        if (chat_add_text(x->q, tail, json_text(v)) < 0)
            return convert_no_memory(x->e);
        tail = &(*tail)->next;
    }
    return 0;
}

/* "summarized" asks to see it; "omitted" cannot be said elsewhere. */
static int read_display(const struct convert_value *x)
{
    if (!span_is(json_text(x->v), "summarized"))
        return convert_other(x);
    x->q->summary = SPAN_LIT("auto");
    chat_note(x->q, CHAT_HAS_THINKING);
    return 0;
}

static const struct convert_key thinking_config_keys[] = {
    ANTHROPIC_TYPE_KEY,
    {"budget_tokens", convert_number, AT(chat_request, thinking_budget), NOTE(BUDGET)},
    {"display", read_display, 0, 0},
};

static int read_thinking(const struct convert_value *x)
{
    static const struct anthropic_messages_word words[] = {{"enabled", CHAT_YES},
                                                           {"adaptive", CHAT_YES},
                                                           {"between_tools", CHAT_NO},
                                                           {"disabled", CHAT_NO}};
    int thinking;

    if (convert_object(x->q, x->v, x->at, KEYS(thinking_config_keys), x->q, x->e) < 0)
        return -1;
    thinking = anthropic_messages_word(x->v, x->at, "type", words, ARRAY_LEN(words), x->e);
    if (thinking < 0)
        return -1;
    x->q->thinking = (enum chat_tri)thinking;
    if (!span_has(x->q->thinking_budget))
        chat_note(x->q, CHAT_HAS_EFFORT); /* as hard as the model likes, or not at all */
    return 0;
}

static const struct convert_key format_keys[] = {
    ANTHROPIC_TYPE_KEY,
    {"schema", convert_json_object, AT(chat_request, format_schema), NOTE(JSON_SCHEMA)},
};

static int read_format(const struct convert_value *x)
{
    static const struct anthropic_messages_word words[] = {{"json_schema", CHAT_FORMAT_SCHEMA}};

    if (convert_object(x->q, x->v, x->at, KEYS(format_keys), x->q, x->e) < 0 ||
        anthropic_messages_word(x->v, x->at, "type", words, ARRAY_LEN(words), x->e) < 0)
        return -1;
    x->q->format = CHAT_FORMAT_SCHEMA;
    return span_has(x->q->format_schema)
               ? 0
               : anthropic_messages_want(x->at, "schema", "an object", x->e);
}

static const struct convert_key output_keys[] = {
    {"effort", convert_text, AT(chat_request, effort), NOTE(EFFORT)},
    {"format", read_format, 0, 0},
};

static int read_output(const struct convert_value *x)
{
    return convert_object(x->q, x->v, x->at, KEYS(output_keys), x->q, x->e);
}

static const struct convert_key metadata_keys[] = {
    {"user_id", convert_text, AT(chat_request, user), NOTE(USER)},
};

static int read_metadata(const struct convert_value *x)
{
    return convert_object(x->q, x->v, x->at, KEYS(metadata_keys), x->q, x->e);
}

/* In the words that most dialects have. */
static int read_tier(const struct convert_value *x)
{
    if (convert_text(x) < 0)
        return -1;
    if (span_is(x->q->service_tier, "standard_only"))
        x->q->service_tier = SPAN_LIT("default");
    return 0;
}

static int read_mcp_servers(const struct convert_value *x)
{
    return yyjson_arr_size(x->v) ? convert_note(x->q, CHAT_HAS_PROVIDER_TOOL, x->at, x->e) : 0;
}

/* Who is to answer in place of a model that declines: nobody else can do that, and it says nothing
 * about the answer. */
static int read_fallbacks(const struct convert_value *x)
{
    x->q->others_free++;
    return convert_other(x);
}

/* For the whole request: a cached prefix ends with its last block. */
static int mark_last(struct chat_request *q, yyjson_val *v, struct err *e)
{
    struct json_at at = JSON_AT_KEY(NULL, "cache_control");
    struct chat_part *last = NULL;

    for (struct chat_message *m = q->messages; m; m = m->next)
        for (struct chat_part *p = m->parts; p; p = p->next)
            if (p->kind != CHAT_PART_THINKING)
                last = p;
    if (!last)
        return 0;
    return anthropic_messages_cache(q, v, &at, last, e);
}

static const struct convert_key request_keys[] = {
    {"model", convert_text, AT(chat_request, model), 0},
    {"messages", read_messages, 0, 0},
    {"system", read_system, 0, 0},
    {"max_tokens", convert_number, AT(chat_request, max_tokens), NOTE(MAX_TOKENS)},
    {"stream", read_stream, 0, 0},
    {"tools", read_tools, 0, 0},
    {"tool_choice", read_choice, 0, NOTE(TOOL_CHOICE)},
    {"temperature", convert_number, AT(chat_request, temperature), NOTE(TEMPERATURE)},
    {"top_p", convert_number, AT(chat_request, top_p), NOTE(TOP_P)},
    {"top_k", convert_number, AT(chat_request, top_k), NOTE(TOP_K)},
    {"stop_sequences", read_stops, 0, NOTE(STOP)},
    {"thinking", read_thinking, 0, 0},
    {"output_config", read_output, 0, 0},
    {"output_format", read_format, 0, 0},
    {"metadata", read_metadata, 0, 0},
    {"service_tier", read_tier, AT(chat_request, service_tier), NOTE(SERVICE_TIER)},
    {"cache_control", convert_ignore, 0, NOTE(CACHE)}, /* mark_last() */
    {"fallbacks", read_fallbacks, 0, 0},
    {"mcp_servers", read_mcp_servers, 0, 0},
    {"anthropic_version", convert_ignore, 0, 0}, /* in the body where the cloud has no header */
};

int anthropic_messages_read_request(struct chat_request *ret, yyjson_val *root, struct err *e)
{
    yyjson_val *cache = json_get(root, "cache_control");

    ret->held = true;
    if (convert_object(ret, root, NULL, KEYS(request_keys), ret, e) < 0)
        return -1;
    if (!yyjson_is_arr(json_get(root, "messages")))
        return anthropic_messages_want(NULL, "messages", "a list of messages", e);
    return cache && !yyjson_is_null(cache) ? mark_last(ret, cache, e) : 0;
}
