/*
 * openai_chat_request_write.c - the canonical conversation as a request of OpenAI's chat
 * completions.
 *
 * Tool results become messages of the role "tool", in front of what else stands in their turn;
 * images among them, which that role cannot hold, follow in a message of the user.
 */
#include "codec/json_write.h"
#include "dialect/convert_write.h"
#include "dialect/openai/openai_chat_convert.h"
#include "dialect/openai/openai_schema.h"
#include "dialect/openai/openai_model.h"
#include "dialect/openai/openai_request.h"

#define STOPS_MOST 4 /* more OpenAI refuses */

const struct convert_charset openai_chat_ids = {.max = 40, .more = ".:"};
const struct convert_charset openai_chat_names = {.max = 64};

const struct convert_tier openai_tiers[OPENAI_TIERS] = {
    {"auto", "auto", false},         {"default", "default", false}, {"flex", "flex", false},
    {"priority", "priority", false}, {"scale", "scale", false},     {"fast", "fast", false},
};

/* What is being written. */
struct out {
    struct json_write w;
    const struct chat_request *q;
    const struct convert_to *to;
    const struct convert_host *host;
    const struct convert_charset *ids; /* of calls */
    bool marks;                        /* cached prefixes are marked here ... */
    const struct chat_part *mark;      /* ... and so is this part, for so long */
    struct span mark_ttl;
    size_t marked;
    bool nomem;
    const struct chat_media *unsaid; /* audio that the API does not take */
};

/* ---- contents ---- */

static void write_image(struct out *o, const struct chat_media *m)
{
    bool closest = span_is(m->detail, "original");

    json_kv_cstring(&o->w, "type", "image_url");
    json_key(&o->w, "image_url");
    json_begin_object(&o->w);
    convert_kv_url(&o->w, "url", m, "image/png");
    if (closest && !openai_is_host(o->to)) { /* newer than most copies of the API */
        json_kv_cstring(&o->w, "detail", "high");
        convert_approximates(o->to, CHAT_HAS_IMAGE_DETAIL);
    } else {
        convert_kv_text(&o->w, "detail", m->detail);
    }
    json_end_object(&o->w);
}

/* "ogg" of "audio/ogg". */
static struct span subtype(struct span type)
{
    (void)span_cut(&type, '/');
    return type;
}

static void write_audio(struct out *o, const struct chat_media *m)
{
    static const struct {
        const char *type, *format;
    } formats[] = {{"", "wav"},           {"audio/wav", "wav"},  {"audio/x-wav", "wav"},
                   {"audio/wave", "wav"}, {"audio/mpeg", "mp3"}, {"audio/mp3", "mp3"}};
    size_t i = 0;

    while (i < ARRAY_LEN(formats) && !span_is(m->type, formats[i].type))
        i++;
    if (i == ARRAY_LEN(formats) && openai_is_host(o->to)) /* others take more: OpenRouter */
        o->unsaid = m;
    json_kv_cstring(&o->w, "type", "input_audio");
    json_key(&o->w, "input_audio");
    json_begin_object(&o->w);
    json_kv_string(&o->w, "data", m->data);
    if (i < ARRAY_LEN(formats))
        json_kv_cstring(&o->w, "format", formats[i].format);
    else
        json_kv_string(&o->w, "format", subtype(m->type));
    json_end_object(&o->w);
}

static void write_document(struct out *o, const struct chat_media *m)
{
    if (m->source == CHAT_PLAIN) { /* there is no such file here: it is text */
        json_kv_cstring(&o->w, "type", "text");
        json_kv_string(&o->w, "text", m->data);
        return;
    }
    if (o->host->document_urls) {
        json_kv_cstring(&o->w, "type", "document_url");
        convert_kv_url(&o->w, "document_url", m, "application/pdf");
        convert_kv_text(&o->w, "document_name", m->name);
        return;
    }
    json_kv_cstring(&o->w, "type", "file");
    json_key(&o->w, "file");
    json_begin_object(&o->w);
    if (m->source == CHAT_FILE)
        json_kv_string(&o->w, "file_id", m->data);
    else
        convert_kv_url(&o->w, "file_data", m, "application/pdf");
    json_kv_string(&o->w, "filename", m->name.n ? m->name : SPAN_LIT("document.pdf"));
    json_end_object(&o->w);
}

static void write_video(struct out *o, const struct chat_media *m)
{
    json_kv_cstring(&o->w, "type", "video_url");
    json_key(&o->w, "video_url");
    json_begin_object(&o->w);
    convert_kv_url(&o->w, "url", m, "video/mp4");
    json_end_object(&o->w);
}

static void (*const media[])(struct out *o, const struct chat_media *m) = {
    [CHAT_IMAGE] = write_image,
    [CHAT_DOCUMENT] = write_document,
    [CHAT_AUDIO_IN] = write_audio,
    [CHAT_VIDEO_IN] = write_video,
};

/* Mistral's: a list of texts. */
static void write_thinking_item(struct out *o, struct span text)
{
    json_kv_cstring(&o->w, "type", "thinking");
    json_key(&o->w, "thinking");
    json_begin_array(&o->w);
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "type", "text");
    json_kv_string(&o->w, "text", text);
    json_end_object(&o->w);
    json_end_array(&o->w);
}

static bool is_marked(const struct out *o, const struct chat_part *p)
{
    return o->marks && (p->cache || p == o->mark);
}

static void write_element(struct out *o, const struct chat_part *p)
{
    json_begin_object(&o->w);
    if (p->kind == CHAT_PART_MEDIA) {
        media[p->media.kind](o, &p->media);
    } else if (p->kind == CHAT_PART_THINKING) {
        write_thinking_item(o, p->text);
    } else {
        json_kv_cstring(&o->w, "type", p->kind == CHAT_PART_REFUSAL ? "refusal" : "text");
        json_kv_string(&o->w, p->kind == CHAT_PART_REFUSAL ? "refusal" : "text", p->text);
    }
    if (is_marked(o, p)) {
        convert_kv_cache(&o->w, o->to, p == o->mark ? o->mark_ttl : p->cache_ttl);
        o->marked++;
    }
    json_end_object(&o->w);
}

static bool in_content(const struct out *o, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_THINKING)
        return o->host->thinking_items && p->text.n;
    return p->kind == CHAT_PART_TEXT || p->kind == CHAT_PART_MEDIA;
}

static size_t count(const struct out *o, const struct chat_part *p, bool media_too,
                    const struct chat_part **first)
{
    size_t n = 0;

    *first = NULL;
    for (; p; p = p->next) {
        if (!in_content(o, p) || (p->kind == CHAT_PART_MEDIA && !media_too))
            continue;
        if (n++ == 0)
            *first = p;
    }
    return n;
}

/* One text is a string, more are a list, nothing is `none`. */
static void write_content(struct out *o, const struct chat_part *parts, bool media_too,
                          const char *none)
{
    const struct chat_part *first;
    size_t n = count(o, parts, media_too, &first);

    json_key(&o->w, "content");
    if (n == 0) {
        json_cstring(&o->w, none);
        return;
    }
    if (n == 1 && first->kind == CHAT_PART_TEXT && !is_marked(o, first)) {
        json_string(&o->w, first->text);
        return;
    }
    json_begin_array(&o->w);
    for (const struct chat_part *p = first; p; p = p->next)
        if (in_content(o, p) && (media_too || p->kind != CHAT_PART_MEDIA))
            write_element(o, p);
    json_end_array(&o->w);
}

/* ---- messages ---- */

/* An id or a name as the target takes it. */
static struct span fit(struct out *o, struct span s, const struct convert_charset *set)
{
    struct span ret = convert_fit(o->q->arena, s, set);

    o->nomem |= !span_has(ret);
    return ret;
}

static void write_call(struct out *o, const struct chat_part *p)
{
    json_begin_object(&o->w);
    json_kv_string(&o->w, "id", fit(o, p->id, o->ids));
    json_kv_cstring(&o->w, "type", p->free ? "custom" : "function");
    json_key(&o->w, p->free ? "custom" : "function");
    json_begin_object(&o->w);
    json_kv_string(&o->w, "name", fit(o, p->name, &openai_chat_names));
    json_kv_string(&o->w, p->free ? "input" : "arguments", p->free ? p->text : p->args);
    json_end_object(&o->w);
    json_end_object(&o->w);
}

static void write_calls(struct out *o, const struct chat_part *parts)
{
    bool any = false;

    for (const struct chat_part *p = parts; p; p = p->next) {
        if (p->kind != CHAT_PART_TOOL_CALL)
            continue;
        if (!any) {
            json_key(&o->w, "tool_calls");
            json_begin_array(&o->w);
        }
        any = true;
        write_call(o, p);
    }
    if (any)
        json_end_array(&o->w);
}

/* Has it anything that this host can be told? Thinking alone is nothing to most. */
static bool says_something(const struct out *o, const struct chat_message *m)
{
    for (const struct chat_part *p = m->parts; p; p = p->next)
        if (p->kind != CHAT_PART_THINKING || in_content(o, p))
            return true;
    return m->parts == NULL;
}

/* Only users have something to show here. */
static void drop_media(struct out *o, const struct chat_message *m)
{
    for (const struct chat_part *p = m->parts; p; p = p->next)
        if (p->kind == CHAT_PART_MEDIA)
            convert_drops(o->to, convert_media_feature(&p->media));
}

static void write_assistant(struct out *o, const struct chat_message *m)
{
    bool marks = o->marks;
    struct err e;

    drop_media(o, m);
    if (!says_something(o, m))
        return;
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "role", "assistant");
    convert_kv_text(&o->w, "name", m->name);
    o->marks = false; /* what was said to the model can be marked, not what it said */
    write_content(o, m->parts, false, NULL);
    o->marks = marks;
    if (o->host->thinking) /* it wants it back, as a member of its own */
        o->nomem |=
            convert_kv_joined(&o->w, o->host->thinking, m->parts, CHAT_PART_THINKING, &e) < 0;
    for (const struct chat_part *p = m->parts; p; p = p->next)
        if (p->kind == CHAT_PART_REFUSAL) {
            json_kv_string(&o->w, "refusal", p->text);
            break;
        }
    write_calls(o, m->parts);
    if (!m->next && o->host->prefill)
        json_kv_bool(&o->w, o->host->prefill, true);
    json_end_object(&o->w);
}

static void write_result(struct out *o, const struct chat_part *p)
{
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "role", "tool");
    json_kv_string(&o->w, "tool_call_id", fit(o, p->id, o->ids));
    for (const struct chat_part *in = p->cache ? p->parts : NULL; in; in = in->next)
        if (in->kind == CHAT_PART_TEXT)
            o->mark = in;
    o->mark_ttl = p->cache_ttl;
    write_content(o, p->parts, false, "");
    o->mark = NULL;
    json_end_object(&o->w);
}

static void begin_user(struct out *o, struct span name)
{
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "role", "user");
    convert_kv_text(&o->w, "name", name);
}

/* Images that tools returned. */
static void write_result_media(struct out *o, const struct chat_message *m)
{
    bool any = false;

    for (const struct chat_part *p = m->parts; p; p = p->next)
        for (const struct chat_part *in = p->parts; in; in = in->next) {
            if (in->kind != CHAT_PART_MEDIA)
                continue;
            if (!any) {
                begin_user(o, span_of(NULL, 0));
                json_key(&o->w, "content");
                json_begin_array(&o->w);
            }
            any = true;
            write_element(o, in);
        }
    if (any) {
        json_end_array(&o->w);
        json_end_object(&o->w);
    }
}

static void write_user(struct out *o, const struct chat_message *m)
{
    const struct chat_part *first;
    bool results = false;

    for (const struct chat_part *p = m->parts; p; p = p->next)
        if (p->kind == CHAT_PART_TOOL_RESULT) {
            results = true;
            write_result(o, p);
        }
    write_result_media(o, m);
    if (results && count(o, m->parts, true, &first) == 0)
        return;
    begin_user(o, m->name);
    write_content(o, m->parts, true, "");
    json_end_object(&o->w);
}

static void write_system(struct out *o, const struct chat_message *m)
{
    drop_media(o, m);
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "role", m->role == CHAT_ROLE_SYSTEM ? "system" : "developer");
    convert_kv_text(&o->w, "name", m->name);
    write_content(o, m->parts, false, "");
    json_end_object(&o->w);
}

static void (*const messages[])(struct out *o, const struct chat_message *m) = {
    [CHAT_ROLE_SYSTEM] = write_system,
    [CHAT_ROLE_DEVELOPER] = write_system,
    [CHAT_ROLE_USER] = write_user,
    [CHAT_ROLE_ASSISTANT] = write_assistant,
};

/* ---- tools and format ---- */

static void write_tool(struct out *o, const struct chat_tool *t)
{
    bool free = t->kind == CHAT_TOOL_FREE_FORM;

    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "type", free ? "custom" : "function");
    json_key(&o->w, free ? "custom" : "function");
    json_begin_object(&o->w);
    json_kv_string(&o->w, "name", fit(o, t->name, &openai_chat_names));
    convert_kv_text(&o->w, "description", t->description);
    convert_kv_raw(&o->w, free ? "format" : "parameters", free ? t->raw : t->schema);
    convert_kv_tri(&o->w, "strict", t->strict);
    json_end_object(&o->w);
    json_end_object(&o->w);
}

static void write_tools(struct out *o)
{
    bool any = false;

    for (const struct chat_tool *t = o->q->tools; t; t = t->next) {
        if (t->kind == CHAT_TOOL_PROVIDER)
            continue;
        if (!any) {
            json_key(&o->w, "tools");
            json_begin_array(&o->w);
        }
        any = true;
        write_tool(o, t);
    }
    if (any)
        json_end_array(&o->w);
}

static void write_choice(struct out *o)
{
    static const char *const words[] = {
        [CHAT_CHOICE_AUTO] = "auto", [CHAT_CHOICE_NONE] = "none", [CHAT_CHOICE_ANY] = "required"};
    const char *type = openai_chooses_free(o->q) ? "custom" : "function";

    if (o->q->choice == CHAT_CHOICE_UNSET)
        return;
    if (o->q->choice != CHAT_CHOICE_ONE) {
        json_kv_cstring(&o->w, "tool_choice", words[o->q->choice]);
        return;
    }
    json_key(&o->w, "tool_choice");
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "type", type);
    json_key(&o->w, type);
    json_begin_object(&o->w);
    json_kv_string(&o->w, "name", fit(o, o->q->choice_name, &openai_chat_names));
    json_end_object(&o->w);
    json_end_object(&o->w);
}

static void write_format(struct out *o)
{
    const struct chat_request *q = o->q;
    struct span name;

    if (q->format == CHAT_FORMAT_UNSET)
        return;
    json_key(&o->w, "response_format");
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "type",
                    q->format == CHAT_FORMAT_SCHEMA   ? "json_schema"
                    : q->format == CHAT_FORMAT_OBJECT ? "json_object"
                                                      : "text");
    if (q->format == CHAT_FORMAT_SCHEMA) {
        json_key(&o->w, "json_schema");
        json_begin_object(&o->w);
        name = openai_format_name(q, &openai_chat_names);
        o->nomem |= !span_has(name);
        json_kv_string(&o->w, "name", name);
        convert_kv_text(&o->w, "description", q->format_description);
        convert_kv_raw(&o->w, "schema", q->format_schema);
        convert_kv_tri(&o->w, "strict", q->format_strict);
        json_end_object(&o->w);
    }
    json_end_object(&o->w);
}

static void write_stream(struct out *o)
{
    if (!o->to->stream)
        return;
    json_kv_bool(&o->w, "stream", true);
    if (!o->to->ask_usage)
        return;
    json_key(&o->w, "stream_options");
    json_begin_object(&o->w);
    json_kv_bool(&o->w, "include_usage", true);
    json_end_object(&o->w);
}

/* A budget of thinking in tokens has only words here. The bounds are those that Google's OpenAI
 * compatibility names for its own budgets: ai.google.dev/gemini-api/docs/openai#thinking. */
static struct span effort(const struct chat_request *q)
{
    static const struct {
        uint64_t tokens;
        struct span word;
    } rows[] = {{1024, {"low", 3}}, {8192, {"medium", 6}}, {UINT64_MAX, {"high", 4}}};
    uint64_t n;

    if (span_has(q->effort) || !span_has(q->thinking_budget) ||
        json_u64(q->thinking_budget, &n) < 0)
        return q->effort;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (n <= rows[i].tokens)
            return rows[i].word;
    return q->effort;
}

static void write_effort(struct out *o)
{
    struct span word = effort(o->q);

    convert_note_effort(o->to, o->q, word);
    convert_kv_text(&o->w, "reasoning_effort", word);
}

static void write_tier(struct out *o)
{
    const struct convert_tier *row =
        convert_tier(o->to, o->q->service_tier, openai_tiers, OPENAI_TIERS);

    if (row)
        json_kv_cstring(&o->w, "service_tier", row->wire);
}

/* Who has to be told that the answer goes on from the last message. */
static void write_final_message(struct out *o, const struct chat_request *q)
{
    if (!o->host->final_message || !(q->has & CHAT_BIT(CHAT_HAS_PREFILL)))
        return;
    json_kv_bool(&o->w, "continue_final_message", true);
    json_kv_bool(&o->w, "add_generation_prompt", false);
}

int openai_chat_write_request(struct buf *buf, const struct chat_request *q,
                              const struct convert_to *to, struct err *e)
{
    const struct convert_host *host = to->host ? to->host : &convert_host_plain;
    bool own = openai_is_host(to);
    struct chat_request held;
    struct out o = {.q = &held,
                    .to = to,
                    .host = host,
                    .ids = host->call_ids ? host->call_ids : &openai_chat_ids,
                    .marks = convert_takes_cache(to)};

    if (openai_hold(&held, q, to, e) < 0)
        return -1;
    if (openai_wants_responses(&held, effort(&held), to))
        return err_set(e, ERR_PROTOCOL,
                       "tools: %.*s takes them in chat completions only while it does not think",
                       (int)MIN(to->model.n, (size_t)80), to->model.p);
    openai_take(&held, effort(&held), to);
    q = &held;
    json_write_init(&o.w, buf);
    json_begin_object(&o.w);
    json_kv_string(&o.w, "model", to->model);
    json_key(&o.w, "messages");
    json_begin_array(&o.w);
    for (const struct chat_message *m = q->messages; m; m = m->next)
        messages[m->role](&o, m);
    json_end_array(&o.w);
    convert_note_cache(to, q, o.marked);
    if (q->has & CHAT_BIT(CHAT_HAS_CITATIONS)) /* a request has no place for them */
        convert_drops(to, CHAT_HAS_CITATIONS);
    write_stream(&o);
    write_final_message(&o, q);
    write_tools(&o);
    write_choice(&o);
    convert_kv_tri(&o.w, "parallel_tool_calls", q->tools ? q->parallel : CHAT_UNSET);
    write_format(&o);
    convert_kv_raw(&o.w, to->old_max_tokens ? "max_tokens" : "max_completion_tokens",
                   q->max_tokens);
    convert_kv_raw(&o.w, "temperature", q->temperature);
    convert_kv_raw(&o.w, "top_p", q->top_p);
    if (host->more & CHAT_BIT(CHAT_HAS_TOP_K))
        convert_kv_raw(&o.w, "top_k", q->top_k);
    convert_kv_raw(&o.w, "frequency_penalty", q->frequency_penalty);
    convert_kv_raw(&o.w, "presence_penalty", q->presence_penalty);
    convert_kv_raw(&o.w, o.host->seed ? o.host->seed : "seed", q->seed);
    convert_kv_stops(&o.w, "stop", q, own ? STOPS_MOST : SIZE_MAX, to);
    convert_kv_raw(&o.w, "n", q->choices);
    convert_kv_tri(&o.w, "logprobs", q->logprobs);
    convert_kv_raw(&o.w, "top_logprobs", q->top_logprobs);
    convert_kv_raw(&o.w, "logit_bias", q->logit_bias);
    write_effort(&o);
    convert_kv_text(&o.w, "verbosity", q->verbosity);
    convert_kv_text(&o.w, own && q->safety ? "safety_identifier" : "user", q->user);
    convert_kv_text(&o.w, "prompt_cache_key", q->cache_key);
    if (own)
        convert_kv_text(&o.w, "prompt_cache_retention", q->cache_retention);
    else if (span_has(q->cache_retention))
        (span_has(q->cache_key) ? convert_approximates : convert_drops)(to, CHAT_HAS_CACHE_KEY);
    if (!own)
        convert_kv_raw(&o.w, "metadata", q->metadata);
    else if (span_has(q->metadata))
        convert_drops(to, CHAT_HAS_METADATA);
    write_tier(&o);
    json_end_object(&o.w);
    if (o.unsaid)
        return err_set(e, ERR_PROTOCOL, "messages: audio of type '%.*s' cannot be said",
                       (int)MIN(o.unsaid->type.n, (size_t)40), o.unsaid->type.p);
    return o.nomem ? convert_no_memory(e) : buf_finish(buf, "request", e);
}
