/*
 * facts.c - reads a request's body with yyjson, leniently: a provider's fake answers whatever a
 * gateway sends, and the log shows what that was.
 *
 * Arguments for a forced tool are made up from its schema: one value for each property, by its
 * type, two levels deep.
 */
#include <yyjson.h>

#include "mock/facts.h"
#include "mock/text.h"

#define ARGS_BYTES_MAX ((size_t)64 * 1024)
#define SCHEMA_DEPTH   3

static const struct {
    const char *ends; /* the path ends so */
    enum mock_api api;
    const char *help;
} paths[] = {
    {"/chat/completions", MOCK_API_CHAT, "OpenAI chat; also below `/openai/deployments/MODEL`"},
    {"/completions", MOCK_API_COMPLETIONS, "OpenAI text completion"},
    {"/responses", MOCK_API_RESPONSES, "OpenAI Responses"},
    {"/embeddings", MOCK_API_EMBEDDINGS, "OpenAI embeddings"},
    {"/models", MOCK_API_MODELS, "list of models"},
    {"/messages/count_tokens", MOCK_API_COUNT_TOKENS, "Anthropic token count"},
    {"/messages", MOCK_API_MESSAGES, "Anthropic messages"},
    {":generateContent", MOCK_API_GEMINI, "Gemini, whole; the model is in the path"},
    {":streamGenerateContent", MOCK_API_GEMINI,
     "Gemini, streamed with `alt=sse`, else a list in one piece"},
    {":countTokens", MOCK_API_GEMINI_COUNT, "Gemini token count"},
    {":embedContent", MOCK_API_GEMINI_EMBED, "Gemini embedding of one content"},
    {":batchEmbedContents", MOCK_API_GEMINI_EMBED_BATCH, "Gemini embeddings"},
    {":predict", MOCK_API_PREDICT, "Vertex AI embeddings"},
    {"/health", MOCK_API_HEALTH, "200 and an empty object"},
};

void mock_facts_manual(struct buf *out)
{
    buf_add_str(out, "| path ends in | |\n|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        buf_printf(out, "| `%s` | %s |\n", paths[i].ends, paths[i].help);
}

struct span mock_model_list(struct span model)
{
    struct span rest = model;

    span_cut(&rest, ';');
    return rest;
}

static struct span str_of(yyjson_val *v)
{
    return yyjson_is_str(v) ? span_of(yyjson_get_str(v), yyjson_get_len(v))
                            : (struct span){NULL, 0};
}

static yyjson_val *get(yyjson_val *v, const char *key)
{
    return yyjson_obj_get(v, key);
}

/* The text of a content that is a string or a list of parts: the last part with a text. */
static struct span text_of(yyjson_val *content)
{
    struct span found = str_of(content);
    yyjson_arr_iter it = yyjson_arr_iter_with(content);
    yyjson_val *part;

    while ((part = yyjson_arr_iter_next(&it))) {
        struct span s = str_of(get(part, "text"));

        if (span_has(s))
            found = s;
    }
    return found;
}

static int keep(struct span *ret, struct span s, struct arena *arena, struct err *e)
{
    if (!span_has(s))
        return 0;
    *ret = arena_dup(arena, s);
    return span_has(*ret) ? 0 : err_set(e, ERR_NOMEM, "mock: no memory for the request");
}

/* Messages, input or contents: who spoke last, and what. */
static int read_talk(struct mock_facts *f, yyjson_val *list, struct arena *arena, struct err *e)
{
    struct span user = str_of(list), last = {NULL, 0};
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    yyjson_val *m;

    while ((m = yyjson_arr_iter_next(&it))) {
        struct span role = str_of(get(m, "role"));
        struct span text = text_of(get(m, get(m, "parts") ? "parts" : "content"));

        last = (struct span){NULL, 0};
        if (span_is(role, "user") && span_has(text))
            user = text;
        if (span_is(role, "assistant") || span_is(role, "model"))
            last = text;
    }
    return keep(&f->last_user, user, arena, e) || keep(&f->prefix, last, arena, e) ? -1 : 0;
}

static void args_value(struct buf *out, yyjson_val *schema, unsigned depth);

static void args_object(struct buf *out, yyjson_val *schema, unsigned depth)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(get(schema, "properties"));
    yyjson_val *key;
    bool first = true;

    buf_add_char(out, '{');
    while (depth < SCHEMA_DEPTH && (key = yyjson_obj_iter_next(&it))) {
        if (!first)
            buf_add_char(out, ',');
        first = false;
        mock_quote(out, str_of(key));
        buf_add_char(out, ':');
        args_value(out, yyjson_obj_iter_get_val(key), depth + 1);
    }
    buf_add_char(out, '}');
}

/* One value that fits the schema. Recursion ends at SCHEMA_DEPTH. */
static void args_value(struct buf *out, yyjson_val *schema, unsigned depth)
{
    static const struct {
        const char *type, *value;
    } values[] = {
        {"integer", "1"}, {"number", "1.5"}, {"boolean", "true"}, {"array", "[]"}, {"null", "null"},
    };
    yyjson_val *type = get(schema, "type"), *one = yyjson_arr_get_first(get(schema, "enum"));

    if (yyjson_is_arr(type))
        type = yyjson_arr_get_first(type);
    if (yyjson_is_str(one)) {
        mock_quote(out, str_of(one));
        return;
    }
    if (yyjson_equals_str(type, "object")) {
        args_object(out, schema, depth);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        if (yyjson_equals_str(type, values[i].type)) {
            buf_add_str(out, values[i].value);
            return;
        }
    }
    buf_add_str(out, "\"text\"");
}

/* The name that a tool choice forces, in any dialect; "" when it forces some tool. */
static struct span forced_tool(yyjson_val *body)
{
    yyjson_val *choice = get(body, "tool_choice");
    yyjson_val *config = get(get(body, "toolConfig"), "functionCallingConfig");
    struct span name = str_of(get(get(choice, "function"), "name"));

    if (!span_has(name))
        name = str_of(get(choice, "name"));
    if (yyjson_equals_str(get(config, "mode"), "ANY")) {
        name = str_of(yyjson_arr_get_first(get(config, "allowedFunctionNames")));
        if (!span_has(name))
            name = SPAN_LIT("");
    }
    if (!span_has(name) &&
        (yyjson_equals_str(choice, "required") || yyjson_equals_str(get(choice, "type"), "any")))
        name = SPAN_LIT("");
    return name;
}

/* The tool of that name, or with an absent or empty name the first one. */
static yyjson_val *find_tool(yyjson_val *body, struct span name)
{
    yyjson_val *tools = get(body, "tools"), *t;
    yyjson_val *declared = get(yyjson_arr_get_first(tools), "functionDeclarations");
    yyjson_arr_iter it = yyjson_arr_iter_with(declared ? declared : tools);

    while ((t = yyjson_arr_iter_next(&it))) {
        yyjson_val *tool = get(t, "function") ? get(t, "function") : t;

        if (name.n == 0 || span_eq(str_of(get(tool, "name")), name))
            return tool;
    }
    return NULL;
}

static int read_tools(struct mock_facts *f, yyjson_val *body, struct arena *arena, struct err *e)
{
    struct span forced = forced_tool(body);
    static const char *const keys[] = {"parameters", "input_schema", "parametersJsonSchema",
                                       "parameters_json_schema"};
    yyjson_val *tool = find_tool(body, forced), *schema = NULL;
    struct buf args;
    int rc;

    if (!tool)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(keys) && !schema; i++)
        schema = get(tool, keys[i]);
    buf_init(&args, ARGS_BYTES_MAX);
    args_object(&args, schema, 0);
    rc = keep(&f->tool, str_of(get(tool, "name")), arena, e) ||
                 keep(&f->tool_args, buf_ok(&args) ? buf_span(&args) : SPAN_LIT("{}"), arena, e)
             ? -1
             : 0;
    f->tool_forced = span_has(forced);
    buf_fini(&args);
    return rc;
}

static uint64_t number(yyjson_val *v, uint64_t otherwise)
{
    return yyjson_is_uint(v) ? yyjson_get_uint(v) : otherwise;
}

/* Is it an API whose paths name the model and say whether to stream? */
static bool names_model(enum mock_api api)
{
    return api >= MOCK_API_GEMINI && api <= MOCK_API_PREDICT;
}

/* How many vectors are wanted, and how long. */
static void read_inputs(struct mock_facts *f, yyjson_val *body)
{
    static const char *const lists[] = {"input", "requests", "instances"};
    yyjson_val *list = NULL, *length = get(body, "dimensions");

    for (size_t i = 0; i < ARRAY_LEN(lists) && !list; i++)
        list = get(body, lists[i]);

    yyjson_val *const beside[] = {body, yyjson_arr_get_first(list), get(body, "parameters")};

    for (size_t i = 0; i < ARRAY_LEN(beside) && !length; i++)
        length = get(beside[i], "outputDimensionality");
    f->inputs = MIN(MAX(yyjson_arr_size(list), 1U), 4096U);
    if (yyjson_is_num(yyjson_arr_get_first(list)))
        f->inputs = 1; /* one input of token ids */
    f->dimensions = MIN(MAX(number(length, 8), 1U), 4096U);
}

static int read_body(struct mock_facts *f, yyjson_val *body, struct arena *arena, struct err *e)
{
    static const char *const limits[] = {"max_tokens", "max_completion_tokens",
                                         "max_output_tokens"};
    static const char *const talks[] = {"messages", "input", "prompt", "contents"};

    if (!names_model(f->api)) /* there the path says it */
        f->stream = yyjson_is_true(get(body, "stream"));
    f->include_usage = yyjson_is_true(get(get(body, "stream_options"), "include_usage"));
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        f->max_tokens = number(get(body, limits[i]), f->max_tokens);
    f->max_tokens = number(get(get(body, "generationConfig"), "maxOutputTokens"), f->max_tokens);
    f->choices = MIN(MAX(number(get(body, "n"), 1), 1U), 128U);
    read_inputs(f, body);
    for (size_t i = 0; i < ARRAY_LEN(talks); i++)
        if (get(body, talks[i]) && read_talk(f, get(body, talks[i]), arena, e) < 0)
            return -1;
    if (!span_has(f->model) && keep(&f->model, str_of(get(body, "model")), arena, e) < 0)
        return -1;
    return read_tools(f, body, arena, e);
}

/* A model that stands in the path: Azure's deployment, Gemini's model. */
static int read_path_model(struct mock_facts *f, struct arena *arena, struct err *e)
{
    static const char *const marks[] = {"/deployments/", "/models/"};
    char plain[MOCK_TARGET_MODEL_MAX];

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        const char *hit = memmem(f->path.p, f->path.n, marks[i], strlen(marks[i]));
        struct span rest, name;

        if (!hit)
            continue;
        hit += strlen(marks[i]);
        rest = span_of(hit, f->path.n - (size_t)(hit - f->path.p));
        name = span_cut(&rest, '/');
        if (names_model(f->api)) {
            rest = name;
            name = span_cut(&rest, ':');
        }
        if (mock_unescape(name, plain, sizeof(plain)) == 0)
            return keep(&f->model, span_str(plain), arena, e);
    }
    return 0;
}

int mock_facts_read(struct mock_facts *ret, const struct mock_req *r, struct arena *arena,
                    struct err *e)
{
    struct span rest = mock_req_target(r);
    struct mock_facts f = {.path = span_cut(&rest, '?'),
                           .max_tokens = UINT64_MAX,
                           .choices = 1,
                           .inputs = 1,
                           .dimensions = 8,
                           .prompt_tokens = r->body.n / 4 + 1};
    yyjson_doc *doc = NULL;
    int rc = -1;

    for (size_t i = 0; i < ARRAY_LEN(paths) && f.api == MOCK_API_NONE; i++)
        if (span_ends(f.path, span_str(paths[i].ends)))
            f.api = paths[i].api;
    if (span_ends(f.path, SPAN_LIT(":streamGenerateContent"))) {
        f.stream = span_contains(rest, SPAN_LIT("alt=sse"));
        f.list = !f.stream;
    }
    if (read_path_model(&f, arena, e) < 0)
        goto out;
    if (r->body.n) {
        doc = yyjson_read(r->body.p, r->body.n, 0);
        f.bad_json = !yyjson_is_obj(yyjson_doc_get_root(doc));
        if (doc && read_body(&f, yyjson_doc_get_root(doc), arena, e) < 0)
            goto out;
    }
    *ret = f;
    rc = 0;
out:
    yyjson_doc_free(doc);
    return rc;
}
