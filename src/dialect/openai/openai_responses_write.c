/*
 * openai_responses_write.c - writes a request of the Responses API; and the members that answers
 * repeat of it.
 *
 * A message of the assistant becomes items: its texts and refusals one message, each call and each
 * thinking one of its own. Defaults that differ are spelled out: nothing is stored that was not
 * asked to be, and no schema is strict that the client, or its API (openai_schema.h), does not hold
 * the model to.
 *
 * Thinking that is signed by another provider goes without its signature and id: the API looks up
 * an id that it does not know, and fails.
 */
#include "base/base64.h"
#include "dialect/convert_write.h"
#include "dialect/convert_calls.h"
#include "dialect/openai/openai_responses_convert.h"
#include "dialect/openai/openai_schema.h"
#include "dialect/openai/openai_model.h"
#include "dialect/openai/openai_request.h"

#define NAME_MAX_BYTES 64
#define TOKENS_LEAST   16 /* fewer are refused */
#define USER_MAX_BYTES 128

const struct convert_charset openai_responses_names = {.max = NAME_MAX_BYTES};
const struct convert_charset openai_responses_call_ids = {.max = NAME_MAX_BYTES,
                                                          .more = ".:|/+=~@#"};
const struct convert_charset openai_responses_users = {.max = USER_MAX_BYTES};

/* ---- words ---- */

static const struct {
    const char *word;
    enum chat_choice choice;
} choices[] = {
    {"auto", CHAT_CHOICE_AUTO},
    {"none", CHAT_CHOICE_NONE},
    {"required", CHAT_CHOICE_ANY},
};

const char *openai_responses_choice_word(enum chat_choice choice)
{
    for (size_t i = 0; i < ARRAY_LEN(choices); i++)
        if (choices[i].choice == choice)
            return choices[i].word;
    return NULL;
}

enum chat_choice openai_responses_choice(struct span word)
{
    for (size_t i = 0; i < ARRAY_LEN(choices); i++)
        if (span_is(word, choices[i].word))
            return choices[i].choice;
    return CHAT_CHOICE_UNSET;
}

static const char *const role_words[] = {
    [CHAT_ROLE_SYSTEM] = "system",
    [CHAT_ROLE_DEVELOPER] = "developer",
    [CHAT_ROLE_USER] = "user",
    [CHAT_ROLE_ASSISTANT] = "assistant",
};

/* ---- small things ---- */

/* What writing a request needs all over the place. */
struct writing {
    struct json_write w;
    const struct chat_request *q;
    const struct convert_to *to;
    struct convert_calls calls; /* that have been written */
    bool marks;                 /* cached prefixes are marked here */
    size_t marked;
    struct err *e;
};

/* Other dialects let JSON of other kinds pass where this one wants an object. */
static bool is_object(struct span json)
{
    return json.n && *json.p == '{';
}

/* "data:TYPE;base64,DATA" */
static int put_data_url(struct writing *x, const char *key, struct span type, struct span data)
{
    struct span url = arena_join(
        x->q->arena, (const struct span[]){SPAN_LIT("data:"), type, SPAN_LIT(";base64,"), data}, 4);

    if (!span_has(url))
        return convert_no_memory(x->e);
    json_kv_string(&x->w, key, url);
    return 0;
}

static int put_fit(struct writing *x, const char *key, struct span s,
                   const struct convert_charset *set)
{
    struct span fit = convert_fit(x->q->arena, s, set);

    if (!span_has(fit))
        return convert_no_memory(x->e);
    json_kv_string(&x->w, key, fit);
    return 0;
}

/* ---- parts ---- */

static int put_image(struct writing *x, const struct chat_media *m)
{
    json_kv_cstring(&x->w, "type", "input_image");
    json_kv_string(&x->w, "detail", span_has(m->detail) ? m->detail : SPAN_LIT("auto"));
    if (m->source == CHAT_BASE64)
        return put_data_url(x, "image_url", span_has(m->type) ? m->type : SPAN_LIT("image/png"),
                            m->data);
    json_kv_string(&x->w, m->source == CHAT_FILE ? "file_id" : "image_url", m->data);
    return 0;
}

/* Does the name end as one of a text does? It may be a title with any dots in it. */
static bool is_text_name(struct span name)
{
    static const char *const ends[] = {".txt", ".md",   ".csv", ".tsv", ".json", ".xml", ".html",
                                       ".htm", ".yaml", ".yml", ".tex", ".py",   ".js",  ".c"};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct span end = span_str(ends[i]);

        if (name.n > end.n && span_eq_nocase(span_of(name.p + name.n - end.n, end.n), end))
            return true;
    }
    return false;
}

/* What kind of file it is the API sees by its name. */
static int put_text_file(struct writing *x, const struct chat_media *m)
{
    struct span name = m->name.n ? m->name : SPAN_LIT("document.txt");
    struct buf b;
    int rc;

    if (!is_text_name(name)) {
        name = arena_join(x->q->arena, (const struct span[]){name, SPAN_LIT(".txt")}, 2);
        if (!span_has(name))
            return convert_no_memory(x->e);
        convert_approximates(x->to, CHAT_HAS_DOCUMENT_TEXT);
    }
    json_kv_cstring(&x->w, "type", "input_file");
    json_kv_string(&x->w, "filename", name);
    buf_init(&b, x->w.out->max);
    base64_encode(&b, m->data);
    rc = buf_ok(&b) ? put_data_url(x, "file_data", SPAN_LIT("text/plain"), buf_span(&b))
                    : convert_no_memory(x->e);
    buf_fini(&b);
    return rc;
}

static int put_file(struct writing *x, const struct chat_media *m)
{
    if (m->source == CHAT_PLAIN && x->to->host && x->to->host->text_files)
        return put_text_file(x, m);
    if (m->source == CHAT_PLAIN) {
        json_kv_cstring(&x->w, "type", "input_text");
        json_kv_string(&x->w, "text", m->data);
        convert_approximates(x->to, CHAT_HAS_DOCUMENT_TEXT);
        return 0;
    }
    json_kv_cstring(&x->w, "type", "input_file");
    if (m->source == CHAT_BASE64) {
        json_kv_string(&x->w, "filename", span_has(m->name) ? m->name : SPAN_LIT("document.pdf"));
        return put_data_url(x, "file_data",
                            span_has(m->type) ? m->type : SPAN_LIT("application/pdf"), m->data);
    }
    json_kv_string(&x->w, m->source == CHAT_FILE ? "file_id" : "file_url", m->data);
    return 0;
}

static bool is_content(const struct chat_part *p)
{
    return p->kind == CHAT_PART_TEXT || p->kind == CHAT_PART_REFUSAL || p->kind == CHAT_PART_MEDIA;
}

/* Audio and video stop a request before it comes here; in a tool's result they are left out. */
static bool is_sayable(const struct chat_part *p)
{
    return p->kind != CHAT_PART_MEDIA || p->media.kind == CHAT_IMAGE ||
           p->media.kind == CHAT_DOCUMENT;
}

static void put_mark(struct writing *x, const struct chat_part *p)
{
    if (!p->cache || !x->marks)
        return;
    convert_kv_cache(&x->w, x->to, p->cache_ttl);
    x->marked++;
}

/* result: which it is the end of; else NULL */
static int put_part(struct writing *x, const struct chat_part *p, const struct chat_part *result)
{
    int rc = 0;

    json_begin_object(&x->w);
    if (p->kind == CHAT_PART_MEDIA) {
        rc = p->media.kind == CHAT_IMAGE ? put_image(x, &p->media) : put_file(x, &p->media);
    } else {
        json_kv_cstring(&x->w, "type", "input_text");
        json_kv_string(&x->w, "text", p->text);
    }
    if (rc == 0)
        put_mark(x, p->cache || !result ? p : result);
    json_end_object(&x->w);
    return rc;
}

/* The parts from p on, up to the first that is of another kind; *next is that one. */
static int put_parts(struct writing *x, const struct chat_part *p, const struct chat_part **next,
                     const struct chat_part *result)
{
    int rc = 0;

    json_begin_array(&x->w);
    for (; p && rc == 0 && is_content(p); p = p->next)
        if (is_sayable(p))
            rc = put_part(x, p, p->next ? NULL : result);
        else
            convert_drops(x->to, convert_media_feature(&p->media));
    json_end_array(&x->w);
    *next = p;
    return rc;
}

/* ---- items ---- */

static void begin_message(struct writing *x, enum chat_role role)
{
    json_begin_object(&x->w);
    json_kv_cstring(&x->w, "type", "message");
    json_kv_cstring(&x->w, "role", role_words[role]);
    json_key(&x->w, "content");
}

static int put_message(struct writing *x, enum chat_role role, const struct chat_part *p,
                       const struct chat_part **next)
{
    int rc;

    begin_message(x, role);
    rc = put_parts(x, p, next, NULL);
    json_end_object(&x->w);
    return rc;
}

/* What the model said. A list of output_text is for items that the API made, with their ids; what
 * it did not make is a string. A refusal has no other shape than the list. */
static void put_said(struct writing *x, enum chat_kind kind, struct span text)
{
    struct json_write *w = &x->w;

    begin_message(x, CHAT_ROLE_ASSISTANT);
    if (kind == CHAT_PART_REFUSAL) {
        json_begin_array(w);
        json_begin_object(w);
        json_kv_cstring(w, "type", "refusal");
        json_kv_string(w, "refusal", text);
        json_end_object(w);
        json_end_array(w);
    } else {
        json_string(w, text);
    }
    json_end_object(w);
}

static int put_call(struct writing *x, const struct chat_part *p)
{
    int rc;

    convert_calls_add(&x->calls, p);
    json_begin_object(&x->w);
    json_kv_cstring(&x->w, "type", p->free ? "custom_tool_call" : "function_call");
    rc = put_fit(x, "call_id", p->id, &openai_responses_call_ids);
    if (rc == 0)
        rc = put_fit(x, "name", p->name, &openai_responses_names);
    if (rc == 0 && p->free)
        json_kv_string(&x->w, "input", p->text);
    else if (rc == 0)
        json_kv_string(&x->w, "arguments", p->args.n ? p->args : SPAN_LIT("{}"));
    json_end_object(&x->w);
    return rc;
}

/* One text is said as a string, everything else as a list. */
static int put_output(struct writing *x, const struct chat_part *result)
{
    const struct chat_part *parts = result->parts, *next;
    bool marked = x->marks && result->cache;

    json_key(&x->w, "output");
    if (parts && (parts->next || parts->kind != CHAT_PART_TEXT || marked))
        return put_parts(x, parts, &next, result);
    json_string(&x->w, parts ? parts->text : SPAN_LIT(""));
    return 0;
}

static int put_result(struct writing *x, const struct chat_part *p)
{
    int rc;

    if (!convert_calls_find(&x->calls, p->id) && !span_has(x->q->previous))
        return err_set(x->e, ERR_PROTOCOL, "the tool result '%.*s' has no call before it",
                       (int)MIN(p->id.n, (size_t)64), p->id.p);
    json_begin_object(&x->w);
    json_kv_cstring(&x->w, "type", p->free ? "custom_tool_call_output" : "function_call_output");
    rc = put_fit(x, "call_id", p->id, &openai_responses_call_ids);
    if (rc == 0)
        rc = put_output(x, p);
    json_end_object(&x->w);
    return rc;
}

static bool is_readable(const struct writing *x, const struct chat_part *p)
{
    return span_has(p->signature) && p->signer != CHAT_SIGNER_NONE && p->signer == x->to->signer;
}

/* Thinking that the API cannot read is no item of its own: an id, which it has made, would be
 * missing. */
static void put_thinking(struct writing *x, const struct chat_part *p)
{
    struct json_write *w = &x->w;

    if (!is_readable(x, p)) {
        if (p->text.n)
            convert_drops(x->to, CHAT_HAS_THINKING);
        return;
    }
    json_begin_object(w);
    json_kv_cstring(w, "type", "reasoning");
    convert_kv_text(w, "id", p->id);
    json_key(w, "summary");
    json_begin_array(w);
    if (p->text.n) {
        json_begin_object(w);
        json_kv_cstring(w, "type", "summary_text");
        json_kv_string(w, "text", p->text);
        json_end_object(w);
    }
    json_end_array(w);
    json_kv_string(w, "encrypted_content", p->signature);
    json_end_object(w);
}

/* Everything that a user, a system or a developer said in one go; the model's texts one by one. */
static int put_content(struct writing *x, const struct chat_message *m, const struct chat_part *p,
                       const struct chat_part **next)
{
    if (m->role != CHAT_ROLE_ASSISTANT)
        return put_message(x, m->role, p, next);
    if (p->kind == CHAT_PART_MEDIA) /* what it drew */
        convert_drops(x->to, convert_media_feature(&p->media));
    else if (p->text.n)
        put_said(x, p->kind, p->text);
    return 0;
}

/* A message may have come empty; then it goes on empty. */
static int put_items(struct writing *x, const struct chat_message *m)
{
    const struct chat_part *p = m->parts;
    int rc = 0;

    if (!p && m->role == CHAT_ROLE_ASSISTANT)
        put_said(x, CHAT_PART_TEXT, SPAN_LIT(""));
    else if (!p)
        rc = put_message(x, m->role, p, &p);
    while (p && rc == 0) {
        const struct chat_part *next = p->next;

        switch (p->kind) {
        case CHAT_PART_TEXT:
        case CHAT_PART_REFUSAL:
        case CHAT_PART_MEDIA:
            rc = put_content(x, m, p, &next);
            break;
        case CHAT_PART_TOOL_CALL:
            rc = put_call(x, p);
            break;
        case CHAT_PART_TOOL_RESULT:
            rc = put_result(x, p);
            break;
        case CHAT_PART_THINKING:
            put_thinking(x, p);
            break;
        }
        p = next;
    }
    return rc;
}

const struct chat_part *openai_responses_instructions(const struct chat_request *q)
{
    const struct chat_message *m = q->messages;
    bool one = m && m->next && m->role == CHAT_ROLE_SYSTEM && m->parts && !m->parts->next;

    return one && m->parts->kind == CHAT_PART_TEXT ? m->parts : NULL;
}

static size_t count_calls(const struct chat_request *q)
{
    size_t n = 0;

    for (const struct chat_message *m = q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p; p = p->next)
            n += p->kind == CHAT_PART_TOOL_CALL;
    return n;
}

static int put_input(struct writing *x)
{
    const struct chat_part *instructions = openai_responses_instructions(x->q);
    const struct chat_message *m = x->q->messages;
    int rc = 0;

    if (convert_calls_init(&x->calls, x->q->arena, count_calls(x->q)) < 0)
        return convert_no_memory(x->e);
    if (instructions && (!x->marks || !instructions->cache)) { /* these take no mark */
        json_kv_string(&x->w, "instructions", instructions->text);
        m = m->next;
    }
    json_key(&x->w, "input");
    json_begin_array(&x->w);
    for (; m && rc == 0; m = m->next)
        rc = put_items(x, m);
    if (rc == 0 && !x->w.comma && !span_has(x->q->previous)) /* nothing stands in the array */
        rc = err_set(x->e, ERR_PROTOCOL, "nothing is left that could be answered");
    json_end_array(&x->w);
    return rc;
}

/* ---- members that answers repeat ---- */

static struct span tool_name(const struct chat_tool *t, bool answer, struct arena *a)
{
    if (answer)
        return span_has(t->own) ? t->own : t->name;
    return convert_fit(a, t->name, &openai_responses_names);
}

static int put_tool(struct json_write *w, const struct chat_tool *t, bool answer, struct arena *a)
{
    bool function = t->kind == CHAT_TOOL_FUNCTION;
    struct span name = tool_name(t, answer, a);

    if (!span_has(name))
        return -1;
    if (t->kind == CHAT_TOOL_PROVIDER) {
        if (answer)
            json_raw(w, t->raw);
        return 0;
    }
    json_begin_object(w);
    json_kv_cstring(w, "type", function ? "function" : "custom");
    json_kv_string(w, "name", name);
    if (span_has(t->description))
        json_kv_string(w, "description", t->description);
    else if (answer)
        json_kv_cstring(w, "description", NULL);
    if (function) {
        convert_kv_raw(w, "parameters",
                       is_object(t->schema) ? t->schema
                       : answer             ? SPAN_LIT("null")
                                            : SPAN_LIT("{\"type\":\"object\",\"properties\":{}}"));
        json_kv_bool(w, "strict", t->strict == CHAT_YES || (answer && t->strict_default));
    } else {
        convert_kv_raw(w, "format", t->raw);
    }
    json_end_object(w);
    return 0;
}

int openai_responses_write_tools(struct json_write *w, const struct chat_request *q, bool answer,
                                 struct arena *a)
{
    int rc = 0;

    json_key(w, "tools");
    json_begin_array(w);
    for (const struct chat_tool *t = q->tools; t && rc == 0; t = t->next)
        rc = put_tool(w, t, answer, a);
    json_end_array(w);
    return rc;
}

int openai_responses_write_choice(struct json_write *w, const struct chat_request *q, bool answer,
                                  struct arena *a)
{
    const char *word = openai_responses_choice_word(q->choice);
    struct span name = q->choice_name;

    if (q->choice == CHAT_CHOICE_UNSET && !answer)
        return 0;
    json_key(w, "tool_choice");
    if (q->choice != CHAT_CHOICE_ONE) {
        json_cstring(w, word ? word : "auto");
        return 0;
    }
    if (!answer)
        name = convert_fit(a, name, &openai_responses_names);
    if (!span_has(name))
        return -1;
    json_begin_object(w);
    json_kv_cstring(w, "type", openai_chooses_free(q) ? "custom" : "function");
    json_kv_string(w, "name", name);
    json_end_object(w);
    return 0;
}

static int put_format(struct json_write *w, const struct chat_request *q, bool answer)
{
    static const char *const words[] = {
        [CHAT_FORMAT_UNSET] = "text",
        [CHAT_FORMAT_TEXT] = "text",
        [CHAT_FORMAT_OBJECT] = "json_object",
        [CHAT_FORMAT_SCHEMA] = "json_schema",
    };
    struct span name = answer && span_has(q->format_name)
                           ? q->format_name
                           : openai_format_name(q, &openai_responses_names);

    if (!span_has(name))
        return -1;
    json_key(w, "format");
    json_begin_object(w);
    json_kv_cstring(w, "type", words[q->format]);
    if (q->format == CHAT_FORMAT_SCHEMA) {
        json_kv_string(w, "name", name);
        if (span_has(q->format_description))
            json_kv_string(w, "description", q->format_description);
        else if (answer)
            json_kv_cstring(w, "description", NULL);
        convert_kv_raw(w, "schema", q->format_schema);
        json_kv_bool(w, "strict", q->format_strict == CHAT_YES);
    }
    json_end_object(w);
    return 0;
}

int openai_responses_write_text(struct json_write *w, const struct chat_request *q, bool answer)
{
    if (!answer && q->format == CHAT_FORMAT_UNSET && !span_has(q->verbosity))
        return 0;
    json_key(w, "text");
    json_begin_object(w);
    if ((answer || q->format != CHAT_FORMAT_UNSET) && put_format(w, q, answer) < 0)
        return -1;
    convert_kv_text(w, "verbosity", q->verbosity);
    json_end_object(w);
    return 0;
}

/* ---- reasoning ---- */

/* A budget as a word: the first row that is large enough. */
static struct span effort_of_budget(struct span budget)
{
    static const struct {
        uint64_t most;
        const char *word;
    } rows[] = {{0, "none"}, {4096, "low"}, {16384, "medium"}, {UINT64_MAX, "high"}};
    uint64_t n;
    size_t i = 0;

    if (span_u64(budget, &n) < 0) /* negative: as much as it likes */
        return SPAN_LIT("medium");
    while (n > rows[i].most)
        i++;
    return span_str(rows[i].word);
}

static struct span effort(const struct chat_request *q)
{
    if (span_has(q->effort))
        return q->effort;
    if (q->thinking != CHAT_NO && span_has(q->thinking_budget))
        return effort_of_budget(q->thinking_budget);
    return span_of(NULL, 0);
}

static bool has_own_signature(const struct writing *x)
{
    for (const struct chat_message *m = x->q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p; p = p->next)
            if (p->kind == CHAT_PART_THINKING && is_readable(x, p))
                return true;
    return false;
}

/* Models that do not think refuse all of this, so it goes only where thinking was asked for. */
static void put_reasoning(struct writing *x)
{
    const struct chat_request *q = x->q;
    struct span word = effort(q), summary = q->summary;

    convert_note_effort(x->to, q, word);
    if (q->thinking == CHAT_YES && !span_has(summary))
        summary = SPAN_LIT("auto"); /* the client wants to see it */
    if (!span_has(word) && !span_has(summary))
        return;
    json_key(&x->w, "reasoning");
    json_begin_object(&x->w);
    convert_kv_text(&x->w, "effort", word);
    convert_kv_text(&x->w, "summary", summary);
    json_end_object(&x->w);
}

/* What is not stored can be gone on with only if it is handed out. */
static void put_include(struct writing *x)
{
    const struct chat_request *q = x->q;
    bool thinks = span_has(effort(q)) || q->thinking == CHAT_YES || has_own_signature(x);
    bool encrypted = x->to->signer == CHAT_SIGNER_OPENAI && thinks && q->store != CHAT_YES;

    if (!encrypted && q->logprobs != CHAT_YES)
        return;
    json_key(&x->w, "include");
    json_begin_array(&x->w);
    if (encrypted)
        json_cstring(&x->w, RESPONSES_ENCRYPTED);
    if (q->logprobs == CHAT_YES)
        json_cstring(&x->w, RESPONSES_LOGPROBS);
    json_end_array(&x->w);
}

/* ---- the request ---- */

static void put_max_tokens(struct writing *x)
{
    uint64_t n;

    if (span_u64(x->q->max_tokens, &n) == 0 && n < TOKENS_LEAST) {
        json_kv_uint(&x->w, "max_output_tokens", TOKENS_LEAST);
        convert_approximates(x->to, CHAT_HAS_MAX_TOKENS);
        return;
    }
    convert_kv_raw(&x->w, "max_output_tokens", x->q->max_tokens);
}

/* The queues of other providers have other names. */
static void put_service_tier(struct writing *x)
{
    const struct convert_tier *row =
        convert_tier(x->to, x->q->service_tier, openai_tiers, OPENAI_TIERS);

    if (row)
        json_kv_cstring(&x->w, "service_tier", row->wire);
}

static void put_numbers(struct writing *x)
{
    const struct chat_request *q = x->q;

    put_max_tokens(x);
    convert_kv_raw(&x->w, "temperature", q->temperature);
    convert_kv_raw(&x->w, "top_p", q->top_p);
    convert_kv_raw(&x->w, "top_logprobs", q->top_logprobs);
    if (is_object(q->metadata))
        convert_kv_raw(&x->w, "metadata", q->metadata);
    else if (span_has(q->metadata))
        convert_drops(x->to, CHAT_HAS_METADATA);
}

static int put_user(struct writing *x)
{
    struct span user = x->q->user;

    if (!span_has(user))
        return 0;
    if (user.n > USER_MAX_BYTES) {
        user = convert_fit(x->q->arena, user, &openai_responses_users);
        convert_approximates(x->to, CHAT_HAS_USER);
    }
    if (!span_has(user))
        return convert_no_memory(x->e);
    json_kv_string(&x->w, "safety_identifier", user);
    return 0;
}

static int put_head(struct writing *x)
{
    json_kv_string(&x->w, "model", x->to->model);
    if (x->to->count) { /* nothing but the prompt is asked for */
        convert_kv_text(&x->w, "previous_response_id", x->q->previous);
        return 0;
    }
    if (x->to->stream)
        json_kv_bool(&x->w, "stream", true);
    json_kv_bool(&x->w, "store", x->q->store == CHAT_YES); /* true where nothing is said */
    convert_kv_text(&x->w, "previous_response_id", x->q->previous);
    convert_kv_text(&x->w, "prompt_cache_key", x->q->cache_key);
    convert_kv_text(&x->w, "prompt_cache_retention", x->q->cache_retention);
    return put_user(x);
}

int openai_responses_write_request(struct buf *out, const struct chat_request *q,
                                   const struct convert_to *to, struct err *e)
{
    struct chat_request held;
    struct writing x = {.q = &held, .to = to, .marks = convert_takes_cache(to), .e = e};

    if (openai_hold(&held, q, to, e) < 0)
        return -1;
    openai_take(&held, effort(&held), to);
    q = &held;
    json_write_init(&x.w, out);
    json_begin_object(&x.w);
    if (put_head(&x) < 0 || put_input(&x) < 0)
        return -1;
    if ((q->tools && openai_responses_write_tools(&x.w, q, false, q->arena) < 0) ||
        openai_responses_write_choice(&x.w, q, false, q->arena) < 0)
        return convert_no_memory(e);
    if (q->parallel != CHAT_UNSET)
        json_kv_bool(&x.w, "parallel_tool_calls", q->parallel == CHAT_YES);
    if (openai_responses_write_text(&x.w, q, false) < 0)
        return convert_no_memory(e);
    put_reasoning(&x);
    if (!to->count) {
        put_include(&x);
        put_numbers(&x);
        put_service_tier(&x);
    }
    convert_note_signatures(to, q);
    convert_note_cache(to, q, x.marked);
    if (q->has & CHAT_BIT(CHAT_HAS_CITATIONS)) /* a request has no place for them */
        convert_drops(to, CHAT_HAS_CITATIONS);
    json_end_object(&x.w);
    return 0;
}
