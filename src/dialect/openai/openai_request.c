/*
 * openai_request.c - see openai_request.h.
 */
#include "dialect/openai/openai_request.h"

#define ALLOWED_MOST 128 /* most that a request may name */

/* Chat has the name inside of an object that is called as the type, Responses beside it. */
static struct span name_of(yyjson_val *tool)
{
    static const char *const inside[] = {"function", "custom"};
    struct span name = json_get_text(tool, "name");

    for (size_t i = 0; i < ARRAY_LEN(inside) && !span_has(name); i++)
        name = json_get_text(json_get(tool, inside[i]), "name");
    return name;
}

static bool is_allowed(yyjson_val *list, const struct chat_tool *t)
{
    yyjson_val *one;
    size_t i, n;

    yyjson_arr_foreach(list, i, n, one)
    {
        struct span name = name_of(one);

        if (span_eq(name, t->name) || (span_has(t->own) && span_eq(name, t->own)))
            return true;
    }
    return false;
}

/* Chat has the list one level deeper than Responses. */
int openai_hold_to_allowed(struct chat_request *q, yyjson_val *root, struct err *e)
{
    yyjson_val *choice = json_get(root, "tool_choice"), *inside = json_get(choice, "allowed_tools");
    const struct json_at top = JSON_AT_KEY(NULL, "tool_choice");
    const struct json_at deep = JSON_AT_KEY(&top, "allowed_tools");
    const struct json_at at = JSON_AT_KEY(inside ? &deep : &top, "tools");
    yyjson_val *list = json_get(inside ? inside : choice, "tools");
    struct chat_tool **t = &q->tools;

    if (!span_is(json_get_text(choice, "type"), "allowed_tools"))
        return 0;
    if (!yyjson_is_arr(list))
        return json_wrong(e, &at, "an array is wanted");
    if (yyjson_arr_size(list) > ALLOWED_MOST)
        return json_wrong(e, &at, "more than %d", ALLOWED_MOST);
    while (*t)
        if (is_allowed(list, *t) || (*t)->kind == CHAT_TOOL_PROVIDER)
            t = &(*t)->next;
        else
            *t = (*t)->next;
    return 0;
}

bool openai_chooses_free(const struct chat_request *q)
{
    if (q->choice != CHAT_CHOICE_ONE)
        return false;
    for (const struct chat_tool *t = q->tools; t; t = t->next)
        if (span_eq(t->name, q->choice_name))
            return t->kind == CHAT_TOOL_FREE_FORM;
    return false;
}

int openai_read_user(const struct convert_value *x)
{
    if (x->q->safety)
        return yyjson_is_str(x->v) ? 0 : convert_want(x, "a string");
    return convert_text(x);
}

int openai_read_safety(const struct convert_value *x)
{
    x->q->safety = true;
    return convert_text(x);
}

/* ---- what chat had before tools ---- */

int openai_read_functions(const struct convert_value *x)
{
    static const struct convert_key keys[] = {
        {"name", convert_text, offsetof(struct chat_tool, name), 0},
        {"description", convert_text, offsetof(struct chat_tool, description), 0},
        {"parameters", convert_json, offsetof(struct chat_tool, schema), 0},
    };
    struct chat_tool **tail = &x->q->tools;
    yyjson_val *one;
    size_t i, n;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list");
    while (*tail)
        tail = &(*tail)->next;
    yyjson_arr_foreach(x->v, i, n, one)
    {
        const struct json_at at = JSON_AT_ITEM(x->at, i);
        struct chat_tool *t = chat_add_tool(x->q, &tail, CHAT_TOOL_FUNCTION);

        if (!t)
            return convert_no_memory(x->e);
        if (convert_object(x->q, one, &at, keys, ARRAY_LEN(keys), t, x->e) < 0)
            return -1;
        if (t->name.n == 0)
            return json_wrong(x->e, &at, "the function has no name");
        chat_note(x->q, CHAT_HAS_TOOLS);
        chat_note(x->q, CHAT_HAS_TOOL_PARALLEL);
        x->q->parallel = CHAT_NO; /* there is room for one call */
        x->q->functions = true;
    }
    return 0;
}

int openai_read_function_call(const struct convert_value *x)
{
    struct span word = json_text(x->v);

    x->q->choice = span_is(word, "auto")   ? CHAT_CHOICE_AUTO
                   : span_is(word, "none") ? CHAT_CHOICE_NONE
                                           : CHAT_CHOICE_ONE;
    x->q->choice_name = json_get_text(x->v, "name");
    if (x->q->choice == CHAT_CHOICE_ONE && x->q->choice_name.n == 0)
        return convert_want(x, "auto, none or a function's name");
    return 0;
}
