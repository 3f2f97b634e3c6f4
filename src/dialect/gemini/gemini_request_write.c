/*
 * gemini_request_write.c - writes a conversation as a Gemini request.
 *
 * What Gemini insists on: a turn of results holds nothing else, and all results of the turn before
 * (so results that came as messages of their own are one turn); a result names its function; the
 * first call of a turn has a signature, for models from Gemini 3 on. A call that another model made
 * has none: then the API takes a word instead
 * (https://ai.google.dev/gemini-api/docs/thought-signatures, "transferring a trace").
 *
 * The model and whether to stream are no part of it: they are said by the URL.
 */
#include "dialect/gemini/gemini_convert.h"

#include "base/base64.h"
#include "dialect/schema_fit.h"

#define TEXT_MAX ((size_t)64 << 20)

struct writing {
    struct json_write w;
    const struct chat_request *q;
    const struct convert_to *to;
    struct err *e;
    unsigned version; /* of a Gemini model: 3; 0: not known */
    bool latest;      /* its name only says that it is the newest */
    bool signed_call; /* a call of this turn has been written */
};

/* "gemini-3.1-pro" -> 3 */
static unsigned version_of(struct span model)
{
    static const struct span begin = {"gemini-", 7};
    unsigned n = 0;

    if (span_starts(model, SPAN_LIT("models/")))
        model = span_of(model.p + 7, model.n - 7);
    if (!span_starts(model, begin))
        return 0;
    for (size_t i = begin.n; i < model.n && model.p[i] >= '0' && model.p[i] <= '9' && n < 1000; i++)
        n = n * 10 + (unsigned)(model.p[i] - '0');
    return n;
}

static bool new_model(const struct writing *x)
{
    return x->version >= 3 || (x->version == 0 && x->latest);
}

/* ---- parts ---- */

/* The signature that the target can read; absent: there is none. */
static struct span signature_of(const struct writing *x, const struct chat_part *p)
{
    return p->signer == x->to->signer && p->signer == CHAT_SIGNER_GEMINI ? p->signature
                                                                         : span_of(NULL, 0);
}

static void sign(struct writing *x, const struct chat_part *p)
{
    struct span s = signature_of(x, p);

    if (span_has(s))
        json_kv_string(&x->w, "thoughtSignature", s);
}

/* Text may be empty; a thought without text is nothing but its signature. */
static bool says_text(const struct writing *x, const struct chat_part *p)
{
    return p->kind == CHAT_PART_TEXT || p->text.n || span_has(signature_of(x, p));
}

static int write_text(struct writing *x, const struct chat_part *p)
{
    if (!says_text(x, p))
        return 0;
    json_begin_object(&x->w);
    json_kv_string(&x->w, "text", p->text);
    if (p->kind == CHAT_PART_THINKING)
        json_kv_bool(&x->w, "thought", true);
    sign(x, p);
    json_end_object(&x->w);
    return 0;
}

/* Plain text becomes bytes. */
static int write_plain(struct writing *x, struct span text)
{
    struct buf b;
    int rc;

    buf_init(&b, 2 * TEXT_MAX);
    base64_encode(&b, text);
    rc = buf_ok(&b) ? 0 : convert_no_memory(x->e);
    json_kv_string(&x->w, "data", buf_span(&b));
    buf_fini(&b);
    return rc;
}

static int write_inline(struct writing *x, const struct chat_media *m)
{
    static const struct span types[] = {
        [CHAT_IMAGE] = SPAN_LIT("image/jpeg"),
        [CHAT_DOCUMENT] = SPAN_LIT("application/pdf"),
        [CHAT_AUDIO_IN] = SPAN_LIT("audio/wav"),
        [CHAT_VIDEO_IN] = SPAN_LIT("video/mp4"),
    };
    struct span type = span_has(m->type) ? m->type : types[m->kind];
    int rc = 0;

    json_key(&x->w, "inlineData");
    json_begin_object(&x->w);
    if (m->source == CHAT_PLAIN) {
        json_kv_cstring(&x->w, "mimeType", "text/plain");
        rc = write_plain(x, m->data);
    } else {
        json_kv_string(&x->w, "mimeType", type);
        json_kv_string(&x->w, "data", m->data);
    }
    json_end_object(&x->w);
    return rc;
}

/* How closely an image is to be looked at; NULL: as the model likes. */
static const char *resolution(const struct chat_media *m)
{
    static const struct {
        const char *detail, *resolution;
    } rows[] = {{"low", "MEDIA_RESOLUTION_LOW"},
                {"high", "MEDIA_RESOLUTION_HIGH"},
                {"original", "MEDIA_RESOLUTION_ULTRA_HIGH"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_is(m->detail, rows[i].detail))
            return rows[i].resolution;
    return NULL;
}

/* Of what an URL holds; absent: it is not known. */
static struct span type_of(const struct writing *x, const struct chat_media *m)
{
    struct span type = span_has(m->type) ? m->type : gemini_type_of(m->data);

    return !span_has(type) && m->kind == CHAT_VIDEO_IN && gemini_is_vertex(x->to)
               ? SPAN_LIT("video/mp4")
               : type;
}

static bool is_uri(const struct chat_media *m)
{
    return m->source == CHAT_URL || (m->source == CHAT_FILE && gemini_is_file(m->data));
}

/* Vertex AI has to be told what an URL holds
 * (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference). */
static int write_data(struct writing *x, const struct chat_media *m)
{
    struct span type = type_of(x, m);

    if (!is_uri(m))
        return write_inline(x, m);
    if (gemini_is_vertex(x->to) && !span_has(type))
        return err_set(x->e, ERR_PROTOCOL,
                       "'%.*s' does not tell the type of what it holds, and Vertex AI wants it",
                       (int)MIN(m->data.n, (size_t)80), m->data.p);
    json_key(&x->w, "fileData");
    json_begin_object(&x->w);
    if (span_has(type))
        json_kv_string(&x->w, "mimeType", type);
    json_kv_string(&x->w, "fileUri", m->data);
    json_end_object(&x->w);
    return 0;
}

/* A file of another provider's cannot be read; nobody sends one here. */
static bool says_media(const struct chat_media *m)
{
    return m->source != CHAT_FILE || is_uri(m);
}

static int write_media(struct writing *x, const struct chat_part *p)
{
    if (!says_media(&p->media))
        return 0;
    json_begin_object(&x->w);
    if (write_data(x, &p->media) < 0)
        return -1;
    if (x->version >= 3 && resolution(&p->media)) {
        json_key(&x->w, "mediaResolution");
        json_begin_object(&x->w);
        json_kv_cstring(&x->w, "level", resolution(&p->media));
        json_end_object(&x->w);
    }
    sign(x, p);
    json_end_object(&x->w);
    return 0;
}

static struct span tool_name(struct writing *x, struct span name)
{
    struct span fit = convert_fit(x->q->arena, name, &gemini_names);

    return fit; /* gcc 12's analyzer loses sight of what is handed through */
}

static int write_call(struct writing *x, const struct chat_part *p)
{
    struct span args = p->args.n ? p->args : SPAN_LIT("{}"), name = tool_name(x, p->name);
    struct span signature = signature_of(x, p);

    if (p->free || !convert_is_object(args))
        return err_set(x->e, ERR_PROTOCOL,
                       "the arguments of the call '%.*s' are not a JSON object, and Gemini takes "
                       "nothing else",
                       SPAN_FMT(p->id));
    if (!span_has(name))
        return convert_no_memory(x->e);
    if (!span_has(signature) && !x->signed_call && new_model(x))
        signature = SPAN_LIT(GEMINI_NO_SIGNATURE);
    x->signed_call = true;
    json_begin_object(&x->w);
    json_key(&x->w, "functionCall");
    json_begin_object(&x->w);
    if (p->id.n)
        json_kv_string(&x->w, "id", p->id);
    json_kv_string(&x->w, "name", name);
    json_key(&x->w, "args");
    json_raw(&x->w, args);
    json_end_object(&x->w);
    if (span_has(signature))
        json_kv_string(&x->w, "thoughtSignature", signature);
    json_end_object(&x->w);
    return 0;
}

/* All texts of a result, a line each; absent: no memory. */
static struct span result_text(struct writing *x, const struct chat_part *p)
{
    struct span ret = {NULL, 0};
    const struct chat_part *first = NULL;
    struct buf b;
    size_t n = 0;

    for (const struct chat_part *t = p->parts; t; t = t->next)
        if (t->kind == CHAT_PART_TEXT && n++ == 0)
            first = t;
    if (n <= 1)
        return first && span_has(first->text) ? first->text : SPAN_LIT("");
    buf_init(&b, TEXT_MAX);
    for (const struct chat_part *t = p->parts; t; t = t->next) {
        if (t->kind != CHAT_PART_TEXT)
            continue;
        if (t != first)
            buf_add_char(&b, '\n');
        buf_add_span(&b, t->text);
    }
    if (buf_ok(&b))
        ret = arena_dup(x->q->arena, buf_span(&b));
    buf_fini(&b);
    return ret;
}

static bool has_media(const struct chat_part *p)
{
    for (const struct chat_part *m = p->parts; m; m = m->next)
        if (m->kind == CHAT_PART_MEDIA && says_media(&m->media))
            return true;
    return false;
}

/* Nothing is said there of how closely to look. */
static int write_inside(struct writing *x, const struct chat_part *p)
{
    json_key(&x->w, "parts");
    json_begin_array(&x->w);
    for (const struct chat_part *m = p->parts; m; m = m->next) {
        if (m->kind != CHAT_PART_MEDIA || !says_media(&m->media))
            continue;
        json_begin_object(&x->w);
        if (write_data(x, &m->media) < 0)
            return -1;
        json_end_object(&x->w);
        if (resolution(&m->media))
            convert_drops(x->to, CHAT_HAS_IMAGE_DETAIL);
    }
    json_end_array(&x->w);
    return 0;
}

/* Here write_detail() looks at the user's own images alone. */
static int write_beside(struct writing *x, const struct chat_part *p)
{
    convert_approximates(x->to, CHAT_HAS_TOOL_RESULT_IMAGE);
    for (const struct chat_part *m = p->parts; m; m = m->next) {
        if (m->kind != CHAT_PART_MEDIA)
            continue;
        if (write_media(x, m) < 0)
            return -1;
        if (resolution(&m->media))
            convert_drops(x->to, CHAT_HAS_IMAGE_DETAIL);
    }
    return 0;
}

static bool says_error(struct span object)
{
    struct json_tree t = {0};
    struct err e;
    bool ret = json_tree_read(&t, object, &e) == 0 && gemini_get(t.root, "error", "error");

    json_tree_fini(&t);
    return ret;
}

/* An object stands for itself, but that a failure is only told by a member "error". */
static void write_response(struct writing *x, const struct chat_part *p, struct span text)
{
    bool object = convert_is_object(text);

    if (object && (!p->error || says_error(text))) {
        json_raw(&x->w, text);
        return;
    }
    json_begin_object(&x->w);
    json_key(&x->w, p->error ? "error" : "output");
    if (object)
        json_raw(&x->w, text);
    else
        json_string(&x->w, text);
    json_end_object(&x->w);
}

/* What a function returned: see read_response() of gemini_request.c. Media stand in the result for
 * models that know it there (https://ai.google.dev/gemini-api/docs/function-calling#multimodal),
 * and beside it for older ones. */
static int write_result(struct writing *x, const struct chat_part *p)
{
    struct span name = p->name;
    struct span text = result_text(x, p);
    bool media = has_media(p);

    if (name.n == 0)
        return err_set(x->e, ERR_PROTOCOL, "there is a result for '%.*s', but no call of that id",
                       SPAN_FMT(p->id));
    name = tool_name(x, name);
    if (!span_has(name) || !span_has(text))
        return convert_no_memory(x->e);
    json_begin_object(&x->w);
    json_key(&x->w, "functionResponse");
    json_begin_object(&x->w);
    if (p->id.n)
        json_kv_string(&x->w, "id", p->id);
    json_kv_string(&x->w, "name", name);
    json_key(&x->w, "response");
    write_response(x, p, text);
    if (media && new_model(x) && write_inside(x, p) < 0)
        return -1;
    json_end_object(&x->w);
    json_end_object(&x->w);
    return media && !new_model(x) ? write_beside(x, p) : 0;
}

static int write_part(struct writing *x, const struct chat_part *p)
{
    static int (*const writers[])(struct writing *x, const struct chat_part *p) = {
        [CHAT_PART_TEXT] = write_text,      [CHAT_PART_MEDIA] = write_media,
        [CHAT_PART_TOOL_CALL] = write_call, [CHAT_PART_TOOL_RESULT] = write_result,
        [CHAT_PART_THINKING] = write_text,  [CHAT_PART_REFUSAL] = write_text,
    };

    return writers[p->kind](x, p);
}

/* ---- contents ---- */

/* Would something be written for it? */
static bool says_something(const struct writing *x, const struct chat_message *m)
{
    for (const struct chat_part *p = m->parts; p; p = p->next) {
        bool text = p->kind == CHAT_PART_THINKING || p->kind == CHAT_PART_REFUSAL;
        bool file = p->kind == CHAT_PART_MEDIA && p->media.source == CHAT_FILE;

        if (file ? gemini_is_file(p->media.data) : !text || says_text(x, p))
            return true;
    }
    return false;
}

static bool is_results(const struct chat_message *m)
{
    for (const struct chat_part *p = m->parts; p; p = p->next)
        if (p->kind != CHAT_PART_TOOL_RESULT)
            return false;
    return m->role == CHAT_ROLE_USER;
}

/* Messages that are one turn: of the model, or of results. */
static bool same_turn(const struct chat_message *a, const struct chat_message *b)
{
    if (a->role != b->role)
        return false;
    return a->role == CHAT_ROLE_ASSISTANT || (is_results(a) && is_results(b));
}

static int write_contents(struct writing *x)
{
    const struct chat_message *open = NULL;

    json_key(&x->w, "contents");
    json_begin_array(&x->w);
    for (const struct chat_message *m = x->q->messages; m; m = m->next) {
        if (chat_is_system(m) || !says_something(x, m))
            continue;
        if (open && !same_turn(open, m)) {
            json_end_array(&x->w);
            json_end_object(&x->w);
            open = NULL;
        }
        if (!open) {
            x->signed_call = false;
            json_begin_object(&x->w);
            json_kv_cstring(&x->w, "role", m->role == CHAT_ROLE_ASSISTANT ? "model" : "user");
            json_key(&x->w, "parts");
            json_begin_array(&x->w);
        }
        open = m;
        for (const struct chat_part *p = m->parts; p; p = p->next)
            if (write_part(x, p) < 0)
                return -1;
    }
    if (open) {
        json_end_array(&x->w);
        json_end_object(&x->w);
    }
    json_end_array(&x->w);
    return 0;
}

static int write_system(struct writing *x)
{
    bool any = false;

    for (const struct chat_message *m = x->q->messages; m; m = m->next)
        any = any || (chat_is_system(m) && says_something(x, m));
    if (!any)
        return 0;
    json_key(&x->w, "systemInstruction");
    json_begin_object(&x->w);
    json_key(&x->w, "parts");
    json_begin_array(&x->w);
    for (const struct chat_message *m = x->q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p && chat_is_system(m); p = p->next)
            if (write_part(x, p) < 0)
                return -1;
    json_end_array(&x->w);
    json_end_object(&x->w);
    return 0;
}

/* ---- tools ---- */

static int write_function(struct writing *x, const struct chat_tool *t)
{
    struct span name = tool_name(x, t->name);

    if (!span_has(name))
        return convert_no_memory(x->e);
    json_begin_object(&x->w);
    json_kv_string(&x->w, "name", name);
    if (span_has(t->description))
        json_kv_string(&x->w, "description", t->description);
    if (span_has(t->schema)) {
        json_key(&x->w, "parametersJsonSchema");
        json_raw(&x->w, t->schema);
    }
    json_end_object(&x->w);
    return 0;
}

static int write_tools(struct writing *x)
{
    bool any = false;

    for (const struct chat_tool *t = x->q->tools; t; t = t->next) {
        if (t->kind != CHAT_TOOL_FUNCTION)
            continue;
        if (!any) {
            json_key(&x->w, "tools");
            json_begin_array(&x->w);
            json_begin_object(&x->w);
            json_key(&x->w, "functionDeclarations");
            json_begin_array(&x->w);
        }
        any = true;
        if (write_function(x, t) < 0)
            return -1;
    }
    if (any) {
        json_end_array(&x->w);
        json_end_object(&x->w);
        json_end_array(&x->w);
    }
    return 0;
}

static bool is_strict(const struct chat_request *q)
{
    for (const struct chat_tool *t = q->tools; t; t = t->next)
        if (t->strict == CHAT_YES)
            return true;
    return false;
}

/* ANY holds calls to their schemas by itself; VALIDATED does so where the model may choose. */
static int write_choice(struct writing *x)
{
    static const char *const modes[] = {
        [CHAT_CHOICE_AUTO] = "AUTO",
        [CHAT_CHOICE_NONE] = "NONE",
        [CHAT_CHOICE_ANY] = "ANY",
        [CHAT_CHOICE_ONE] = "ANY",
    };
    enum chat_choice choice = x->q->choice;
    bool may = choice == CHAT_CHOICE_UNSET || choice == CHAT_CHOICE_AUTO;
    bool strict = may && is_strict(x->q);
    struct span name = {NULL, 0};

    if (choice == CHAT_CHOICE_UNSET && !strict)
        return 0;
    if (choice == CHAT_CHOICE_ONE) {
        name = tool_name(x, x->q->choice_name);
        if (!span_has(name))
            return convert_no_memory(x->e);
    }
    json_key(&x->w, "toolConfig");
    json_begin_object(&x->w);
    json_key(&x->w, "functionCallingConfig");
    json_begin_object(&x->w);
    json_kv_cstring(&x->w, "mode", strict ? "VALIDATED" : modes[choice]);
    if (span_has(name)) {
        json_key(&x->w, "allowedFunctionNames");
        json_begin_array(&x->w);
        json_string(&x->w, name);
        json_end_array(&x->w);
    }
    json_end_object(&x->w);
    json_end_object(&x->w);
    return 0;
}

/* ---- generationConfig ---- */

/* Words for how hard to think. Before Gemini 3 there is only a budget: those that Google's own
 * translation of OpenAI's words has (https://ai.google.dev/gemini-api/docs/openai#thinking). */
static const struct {
    const char *effort, *level;
    uint32_t budget;
} efforts[] = {
    {"none", "MINIMAL", 0},     {"minimal", "MINIMAL", 1024}, {"low", "LOW", 1024},
    {"medium", "MEDIUM", 8192}, {"high", "HIGH", 24576},      {"xhigh", "HIGH", 24576},
    {"max", "HIGH", 24576},
};

/* Gemini 3 cannot be kept from thinking, and its Pro knows no less than LOW. */
static const char *level_of(const struct writing *x, const char *level)
{
    bool pro = span_contains(x->to->model, SPAN_LIT("-pro"));

    return pro && strcmp(level, "MINIMAL") == 0 ? "LOW" : level;
}

static void write_budget(struct writing *x, struct span budget)
{
    uint64_t n, fit;

    json_key(&x->w, "thinkingBudget");
    if (span_u64(budget, &n) < 0) {
        json_raw(&x->w, budget);
        return;
    }
    fit = gemini_budget(x->to->model, n);
    json_uint(&x->w, fit);
    if (fit != n)
        convert_approximates(x->to, CHAT_HAS_BUDGET);
}

static void write_effort(struct writing *x, struct span effort)
{
    for (size_t i = 0; i < ARRAY_LEN(efforts); i++) {
        const char *level = level_of(x, efforts[i].level);
        uint64_t budget = gemini_budget(x->to->model, efforts[i].budget);
        bool same = x->version >= 3 ? span_eq_nocase(effort, span_str(level)) : budget == 0;

        if (!span_is(effort, efforts[i].effort))
            continue;
        if (x->version >= 3)
            json_kv_cstring(&x->w, "thinkingLevel", level);
        else
            json_kv_uint(&x->w, "thinkingBudget", budget);
        if (!same)
            convert_approximates(x->to, CHAT_HAS_EFFORT);
        return;
    }
    if (span_has(effort))
        convert_drops(x->to, CHAT_HAS_EFFORT);
}

static void write_thinking(struct writing *x)
{
    const struct chat_request *q = x->q;
    struct span effort = q->thinking == CHAT_NO ? SPAN_LIT("none") : q->effort;
    bool off = span_is(effort, "none");
    bool tell = !off && (q->thinking == CHAT_YES || span_has(q->summary) || span_has(q->effort));

    if (!span_has(effort) && !span_has(q->thinking_budget) && !tell)
        return;
    json_key(&x->w, "thinkingConfig");
    json_begin_object(&x->w);
    if (span_has(q->thinking_budget) && !off) {
        write_budget(x, q->thinking_budget);
        if (span_has(effort))
            convert_drops(x->to, CHAT_HAS_EFFORT);
    } else {
        write_effort(x, effort);
    }
    if (tell)
        json_kv_bool(&x->w, "includeThoughts", true);
    json_end_object(&x->w);
}

static void write_format(struct writing *x)
{
    const struct chat_request *q = x->q;

    if (q->format == CHAT_FORMAT_TEXT)
        json_kv_cstring(&x->w, "responseMimeType", "text/plain");
    if (q->format != CHAT_FORMAT_OBJECT && q->format != CHAT_FORMAT_SCHEMA)
        return;
    json_kv_cstring(&x->w, "responseMimeType", "application/json");
    if (q->format == CHAT_FORMAT_SCHEMA && span_has(q->format_schema)) {
        json_key(&x->w, "responseJsonSchema");
        json_raw(&x->w, q->format_schema);
    }
}

/* How closely the first image with a word about it is to be looked at, which models before Gemini 3
 * are told for all of them. */
static void write_detail(struct writing *x)
{
    const struct chat_media *first = NULL;

    if (x->version >= 3) /* each has its own */
        return;
    for (const struct chat_message *m = x->q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p; p = p->next) {
            if (p->kind != CHAT_PART_MEDIA || !span_has(p->media.detail))
                continue;
            if (!first && resolution(&p->media)) /* none is higher here */
                json_kv_cstring(&x->w, "mediaResolution",
                                span_is(p->media.detail, "low") ? "MEDIA_RESOLUTION_LOW"
                                                                : "MEDIA_RESOLUTION_HIGH");
            if (first && !span_eq(first->detail, p->media.detail))
                convert_approximates(x->to, CHAT_HAS_IMAGE_DETAIL);
            first = first ? first : &p->media;
        }
}

#define STOPS_MOST 5 /* https://ai.google.dev/api/generate-content#generationconfig */

static void write_conf(struct writing *x)
{
    const struct chat_request *q = x->q;
    const struct {
        const char *key;
        struct span value;
    } numbers[] = {
        {"temperature", q->temperature},
        {"topP", q->top_p},
        {"topK", q->top_k},
        {"candidateCount", q->choices},
        {"maxOutputTokens", q->max_tokens},
        {"presencePenalty", q->presence_penalty},
        {"frequencyPenalty", q->frequency_penalty},
        {"seed", q->seed},
        {"logprobs", q->top_logprobs},
    };

    json_key(&x->w, "generationConfig");
    json_begin_object(&x->w);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (!span_has(numbers[i].value))
            continue;
        json_key(&x->w, numbers[i].key);
        json_raw(&x->w, numbers[i].value);
    }
    if (q->logprobs != CHAT_UNSET)
        json_kv_bool(&x->w, "responseLogprobs", q->logprobs == CHAT_YES);
    convert_kv_stops(&x->w, "stopSequences", x->q, STOPS_MOST, x->to);
    write_format(x);
    if (span_has(q->modalities)) {
        json_key(&x->w, "responseModalities");
        json_raw(&x->w, q->modalities);
    }
    write_thinking(x);
    write_detail(x);
    json_end_object(&x->w);
}

static void write_tier(struct writing *x)
{
    static const struct convert_tier rows[] = {{"auto", NULL, false},
                                               {"default", "standard", false},
                                               {"flex", "flex", false},
                                               {"priority", "priority", false},
                                               {"fast", "priority", true}};
    const struct convert_tier *row = convert_tier(x->to, x->q->service_tier, rows, ARRAY_LEN(rows));

    if (row && row->wire)
        json_kv_cstring(&x->w, "serviceTier", row->wire);
}

/* What is counted beside the contents stands in a request of its own, which names its model
 * (https://ai.google.dev/api/tokens#method:-models.counttokens); Vertex AI takes no such request,
 * but its members. */
static void begin_count(struct writing *x)
{
    json_key(&x->w, "generateContentRequest");
    json_begin_object(&x->w);
    json_key(&x->w, "model");
    json_raw(&x->w, SPAN_LIT("\"models/"));
    json_escape(x->w.out, x->to->model);
    buf_add_char(x->w.out, '"');
}

/* What Vertex AI does not take where it only counts. */
static int write_rest(struct writing *x)
{
    if (x->to->count && gemini_is_vertex(x->to))
        return 0;
    if (write_choice(x) < 0)
        return -1;
    write_tier(x);
    return gemini_write_labels(&x->w, x->q->metadata, x->to, x->e);
}

int gemini_write_request(struct buf *out, const struct chat_request *q, const struct convert_to *to,
                         struct err *e)
{
    struct chat_request fit;
    struct writing x = {.q = &fit, .to = to, .e = e, .version = version_of(to->model)};
    bool wrapped;

    if (schema_fit_request(&fit, q, &gemini_schemas, to, e) < 0)
        return -1;
    if (!to->count && gemini_fit_tools(&fit, x.version, to, e) < 0)
        return -1;
    x.latest = span_ends(to->model, SPAN_LIT("-latest"));
    json_write_init(&x.w, out);
    json_begin_object(&x.w);
    wrapped = to->count && !gemini_is_vertex(to);
    if (wrapped)
        begin_count(&x);
    if (write_contents(&x) < 0 || write_system(&x) < 0 || write_tools(&x) < 0 || write_rest(&x) < 0)
        return -1;
    write_conf(&x);
    convert_note_signatures(to, q);
    convert_note_strict(to, q);
    if (q->has & CHAT_BIT(CHAT_HAS_CITATIONS)) /* a request has no place for them */
        convert_drops(to, CHAT_HAS_CITATIONS);
    if (wrapped)
        json_end_object(&x.w);
    json_end_object(&x.w);
    return 0;
}
