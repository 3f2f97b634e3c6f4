/*
 * openai_chat_answer_write.c - chat events as answers of OpenAI's chat completions, streamed and
 * whole; and the row of this dialect, with its table of losses.
 */
#include "dialect/convert_read.h"
#include "dialect/convert_cite.h"
#include "dialect/convert_most.h"
#include "codec/json_write.h"
#include "dialect/openai/openai_chat_convert.h"
#include "dialect/openai/openai_model.h"
#include "dialect/openai/openai_schema.h"

#define ID_PREFIX "chatcmpl-"

/* A part that is a call: its number among the calls of its choice. */
struct openai_chat_call {
    struct openai_chat_call *next;
    uint32_t choice, index, number;
    bool free;
};

/* Is it said as it was before there were tools? */
static bool is_old(const struct convert_writer *w, uint32_t number)
{
    return w->request->functions && number == 0;
}

static const char *word_of(const struct convert_writer *w, enum chat_stop stop)
{
    if (stop == CHAT_STOP_TOOL && w->request->functions)
        return "function_call";
    for (const struct openai_chat_stop *s = openai_chat_stops; s->word; s++)
        if (s->stop == stop)
            return s->word;
    return "stop";
}

/* ---- what streams and whole answers have in common ---- */

static int set_names(struct convert_writer *w, struct span id, uint64_t created, struct err *e)
{
    struct openai_chat_writer *s = w->own;

    s->id =
        id.n ? arena_dup(w->arena, id) : arena_printf(w->arena, ID_PREFIX "%.*s", SPAN_FMT(w->id));
    s->model = w->model;
    s->created = created ? created : w->created;
    s->named = true;
    return span_has(s->id) ? 0 : convert_no_answer(e);
}

static void write_names(struct json_write *j, const struct openai_chat_writer *s,
                        const char *object)
{
    json_kv_string(j, "id", s->id);
    json_kv_cstring(j, "object", object);
    json_kv_uint(j, "created", s->created);
    json_kv_string(j, "model", s->model);
}

static void write_usage(struct json_write *j, const struct chat_usage *u)
{
    json_key(j, "usage");
    json_begin_object(j);
    json_kv_uint(j, "prompt_tokens", u->input);
    json_kv_uint(j, "completion_tokens", u->output);
    json_kv_uint(j, "total_tokens", u->input + u->output);
    json_key(j, "prompt_tokens_details");
    json_begin_object(j);
    json_kv_uint(j, "cached_tokens", u->cache_read);
    if (u->cache_write)
        json_kv_uint(j, "cache_write_tokens", u->cache_write);
    if (u->audio_in)
        json_kv_uint(j, "audio_tokens", u->audio_in);
    json_end_object(j);
    json_key(j, "completion_tokens_details");
    json_begin_object(j);
    json_kv_uint(j, "reasoning_tokens", u->reasoning);
    if (u->audio_out)
        json_kv_uint(j, "audio_tokens", u->audio_out);
    json_end_object(j);
    json_end_object(j);
}

/* ---- streams ---- */

/* A chunk with one choice; what stands in its delta is between begin and end. */
static void begin_chunk(struct convert_writer *w, struct json_write *j, uint32_t choice)
{
    json_write_init(j, w->out);
    buf_add_str(w->out, "data: ");
    json_begin_object(j);
    write_names(j, w->own, "chat.completion.chunk");
    json_key(j, "choices");
    json_begin_array(j);
    json_begin_object(j);
    json_kv_uint(j, "index", choice);
    json_key(j, "delta");
    json_begin_object(j);
}

static void end_chunk(struct convert_writer *w, struct json_write *j, const char *stop,
                      struct span logprobs)
{
    json_end_object(j);
    json_key(j, "logprobs");
    if (span_has(logprobs)) {
        json_begin_object(j);
        json_key(j, "content");
        json_begin_array(j);
        json_raw(j, logprobs);
        json_end_array(j);
        json_end_object(j);
    } else {
        json_null(j);
    }
    json_key(j, "finish_reason");
    json_cstring(j, stop);
    json_end_object(j);
    json_end_array(j);
    json_end_object(j);
    buf_add_str(w->out, "\n\n");
}

/* The first chunk of a choice says its role. */
static void begin_choice(struct convert_writer *w, uint32_t choice)
{
    struct openai_chat_writer *s = w->own;
    uint64_t *word = &s->begun[choice / 64], bit = UINT64_C(1) << choice % 64;
    struct json_write j;

    if (*word & bit)
        return;
    *word |= bit;
    begin_chunk(w, &j, choice);
    json_kv_cstring(&j, "role", "assistant");
    json_kv_cstring(&j, "content", "");
    json_key(&j, "refusal");
    json_null(&j);
    end_chunk(w, &j, NULL, span_of(NULL, 0));
}

static struct openai_chat_call *find_call(const struct openai_chat_writer *s,
                                          const struct chat_event *ev)
{
    for (struct openai_chat_call *c = s->calls; c; c = c->next)
        if (c->choice == ev->choice && c->index == ev->index)
            return c;
    return NULL;
}

/* What stands around a call. */
static void open_call(const struct convert_writer *w, struct json_write *j,
                      const struct openai_chat_call *c)
{
    if (is_old(w, c->number))
        return;
    json_key(j, "tool_calls");
    json_begin_array(j);
    json_begin_object(j);
    json_kv_uint(j, "index", c->number - w->request->functions);
}

static void close_call(const struct convert_writer *w, struct json_write *j,
                       const struct openai_chat_call *c)
{
    if (is_old(w, c->number))
        return;
    json_end_object(j);
    json_end_array(j);
}

static int begin_call(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct openai_chat_writer *s = w->own;
    struct openai_chat_call *c = arena_zalloc(w->arena, sizeof(*c));
    struct json_write j;

    if (!c)
        return convert_no_answer(e);
    c->choice = ev->choice;
    c->index = ev->index;
    c->free = ev->free;
    for (const struct openai_chat_call *o = s->calls; o; o = o->next)
        c->number += o->choice == ev->choice;
    c->next = s->calls;
    s->calls = c;
    begin_chunk(w, &j, ev->choice);
    open_call(w, &j, c);
    if (!is_old(w, c->number)) {
        json_kv_string(&j, "id", ev->id);
        json_kv_cstring(&j, "type", c->free ? "custom" : "function");
    }
    json_key(&j, is_old(w, c->number) ? "function_call" : c->free ? "custom" : "function");
    json_begin_object(&j);
    json_kv_string(&j, "name", ev->name);
    json_kv_cstring(&j, c->free ? "input" : "arguments", "");
    json_end_object(&j);
    close_call(w, &j, c);
    end_chunk(w, &j, NULL, span_of(NULL, 0));
    return 0;
}

static int begin_part(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    begin_choice(w, ev->choice);
    return ev->part == CHAT_PART_TOOL_CALL ? begin_call(w, ev, e) : 0;
}

static void write_arguments(struct convert_writer *w, struct json_write *j,
                            const struct chat_event *ev)
{
    static const struct openai_chat_call first = {.number = 0};
    const struct openai_chat_call *c = find_call(w->own, ev);

    c = c ? c : &first;
    open_call(w, j, c);
    json_key(j, is_old(w, c->number) ? "function_call" : c->free ? "custom" : "function");
    json_begin_object(j);
    json_kv_string(j, c->free ? "input" : "arguments", ev->text);
    json_end_object(j);
    close_call(w, j, c);
}

static int write_delta(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    static const char *const keys[] = {[CHAT_PART_TEXT] = "content",
                                       [CHAT_PART_THINKING] = "reasoning_content",
                                       [CHAT_PART_REFUSAL] = "refusal"};
    struct json_write j;

    UNUSED(e);
    if (ev->part == CHAT_PART_MEDIA || ev->part == CHAT_PART_TOOL_RESULT)
        return 0;
    begin_chunk(w, &j, ev->choice);
    if (ev->part == CHAT_PART_TOOL_CALL)
        write_arguments(w, &j, ev);
    else
        json_kv_string(&j, keys[ev->part], ev->text);
    end_chunk(w, &j, NULL, span_of(NULL, 0));
    return 0;
}

/* One of an answer's; other kinds have no place here. */
static int cite(void *arg, yyjson_val *citation, struct err *e)
{
    struct json_write *j = arg;
    yyjson_val *v = convert_url_citation(citation);

    UNUSED(e);
    if (!v)
        return 0;
    json_begin_object(j);
    json_kv_cstring(j, "type", "url_citation");
    json_key(j, "url_citation");
    json_begin_object(j);
    convert_write_url_citation(j, v);
    json_end_object(j);
    json_end_object(j);
    return 0;
}

static int write_citation(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct json_write j;
    struct buf list;
    int rc;

    buf_init(&list, w->out->max);
    json_write_init(&j, &list);
    json_begin_array(&j);
    rc = convert_cites(ev->text, cite, &j, e);
    json_end_array(&j);
    if (rc == 0)
        rc = buf_finish(&list, "citations", e);
    if (rc == 0 && !span_is(buf_span(&list), "[]")) {
        begin_chunk(w, &j, ev->choice);
        json_key(&j, "annotations");
        json_raw(&j, buf_span(&list));
        end_chunk(w, &j, NULL, span_of(NULL, 0));
    }
    buf_fini(&list);
    return rc;
}

static int write_logprobs(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct json_write j;

    UNUSED(e);
    begin_choice(w, ev->choice);
    begin_chunk(w, &j, ev->choice);
    end_chunk(w, &j, NULL, ev->text);
    return 0;
}

static int write_finish(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct openai_chat_writer *s = w->own;
    struct json_write j;

    UNUSED(e);
    begin_choice(w, ev->choice);
    s->finished[ev->choice / 64] |= UINT64_C(1) << ev->choice % 64;
    begin_chunk(w, &j, ev->choice);
    end_chunk(w, &j, word_of(w, ev->stop), span_of(NULL, 0));
    return 0;
}

/* Some hosts never say why a choice ended. */
static void finish_choices(struct convert_writer *w)
{
    const struct openai_chat_writer *s = w->own;
    struct chat_event ev = {.kind = CHAT_EVENT_FINISH};
    struct err e;

    for (; ev.choice < CHAT_CHOICES_MAX; ev.choice++) {
        uint64_t bit = UINT64_C(1) << ev.choice % 64;

        if (!(s->begun[ev.choice / 64] & ~s->finished[ev.choice / 64] & bit))
            continue;
        ev.stop = CHAT_STOP_END;
        for (const struct openai_chat_call *c = s->calls; c; c = c->next)
            if (c->choice == ev.choice)
                ev.stop = CHAT_STOP_TOOL;
        UNUSED(write_finish(w, &ev, &e));
    }
}

static int write_start(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    if (set_names(w, ev->id, ev->created, e) < 0)
        return -1;
    begin_choice(w, 0);
    return 0;
}

static int keep_usage(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct openai_chat_writer *s = w->own;

    UNUSED(e);
    s->usage = ev->usage;
    return 0;
}

static int (*const events[])(struct convert_writer *w, const struct chat_event *ev,
                             struct err *e) = {
    [CHAT_EVENT_START] = write_start,   [CHAT_EVENT_PART] = begin_part,
    [CHAT_EVENT_DELTA] = write_delta,   [CHAT_EVENT_SIGN] = NULL,
    [CHAT_EVENT_CITE] = write_citation, [CHAT_EVENT_LOGPROBS] = write_logprobs,
    [CHAT_EVENT_PART_END] = NULL,       [CHAT_EVENT_FINISH] = write_finish,
    [CHAT_EVENT_USAGE] = keep_usage,
};

int openai_chat_write_event(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct openai_chat_writer *s = w->own;

    if (!s->named && ev->kind != CHAT_EVENT_START && set_names(w, span_of(NULL, 0), 0, e) < 0)
        return -1;
    return events[ev->kind] && events[ev->kind](w, ev, e) < 0 ? -1
                                                              : buf_finish(w->out, "answer", e);
}

/* Usage comes last, in a chunk without choices, and only to those who asked. */
int openai_chat_end(struct convert_writer *w, struct err *e)
{
    const struct openai_chat_writer *s = w->own;
    struct json_write j;

    finish_choices(w);
    if (s->usage.seen && w->request->stream_usage) {
        json_write_init(&j, w->out);
        buf_add_str(w->out, "data: ");
        json_begin_object(&j);
        write_names(&j, s, "chat.completion.chunk");
        json_key(&j, "choices");
        json_begin_array(&j);
        json_end_array(&j);
        write_usage(&j, &s->usage);
        json_end_object(&j);
        buf_add_str(w->out, "\n\n");
    }
    buf_add_str(w->out, "data: [DONE]\n\n");
    return buf_finish(w->out, "answer", e);
}

/* ---- whole answers ---- */

/* All texts of one kind as one string; null if there is none. */
static void write_texts(struct json_write *j, const char *key, const struct chat_part *parts,
                        enum chat_kind kind, bool always)
{
    bool any = false;

    for (const struct chat_part *p = parts; p; p = p->next) {
        if (p->kind != kind)
            continue;
        if (!any) {
            json_key(j, key);
            json_raw(j, SPAN_LIT("\""));
        }
        any = true;
        json_escape(j->out, p->text);
    }
    if (any)
        buf_add_char(j->out, '"');
    else if (always)
        json_kv_cstring(j, key, NULL);
}

static void write_old_call(struct json_write *j, const struct chat_part *p)
{
    json_key(j, "function_call");
    json_begin_object(j);
    json_kv_string(j, "name", p->name);
    json_kv_string(j, "arguments", p->args);
    json_end_object(j);
}

static void write_calls(const struct convert_writer *w, struct json_write *j,
                        const struct chat_part *parts)
{
    bool any = false;
    uint32_t number = 0;

    for (const struct chat_part *p = parts; p; p = p->next) {
        if (p->kind != CHAT_PART_TOOL_CALL)
            continue;
        if (is_old(w, number++)) {
            write_old_call(j, p);
            continue;
        }
        if (!any) {
            json_key(j, "tool_calls");
            json_begin_array(j);
        }
        any = true;
        json_begin_object(j);
        json_kv_string(j, "id", p->id);
        json_kv_cstring(j, "type", p->free ? "custom" : "function");
        json_key(j, p->free ? "custom" : "function");
        json_begin_object(j);
        json_kv_string(j, "name", p->name);
        json_kv_string(j, p->free ? "input" : "arguments", p->free ? p->text : p->args);
        json_end_object(j);
        json_end_object(j);
    }
    if (any)
        json_end_array(j);
}

static int write_annotations(struct json_write *j, const struct chat_part *parts, struct err *e)
{
    int rc = 0;

    json_key(j, "annotations");
    json_begin_array(j);
    for (const struct chat_part *p = parts; p && rc == 0; p = p->next)
        if (span_has(p->citations))
            rc = convert_cites(p->citations, cite, j, e);
    json_end_array(j);
    return rc;
}

static int write_message(const struct convert_writer *w, struct json_write *j,
                         const struct chat_choice_answer *c, struct err *e)
{
    int rc;

    json_key(j, "message");
    json_begin_object(j);
    json_kv_cstring(j, "role", "assistant");
    write_texts(j, "content", c->parts, CHAT_PART_TEXT, true);
    write_texts(j, "refusal", c->parts, CHAT_PART_REFUSAL, true);
    write_texts(j, "reasoning_content", c->parts, CHAT_PART_THINKING, false);
    rc = write_annotations(j, c->parts, e);
    write_calls(w, j, c->parts);
    json_end_object(j);
    return rc;
}

int openai_chat_write_answer(struct convert_writer *w, const struct chat_answer *a, struct err *e)
{
    struct json_write j;

    if (set_names(w, a->id, a->created, e) < 0)
        return -1;
    json_write_init(&j, w->out);
    json_begin_object(&j);
    write_names(&j, w->own, "chat.completion");
    json_key(&j, "choices");
    json_begin_array(&j);
    for (uint32_t i = 0; i < a->choices_n; i++) {
        const struct chat_choice_answer *c = &a->choices[i];

        json_begin_object(&j);
        json_kv_uint(&j, "index", i);
        if (write_message(w, &j, c, e) < 0)
            return -1;
        json_key(&j, "logprobs");
        if (span_has(c->logprobs)) {
            json_begin_object(&j);
            json_key(&j, "content");
            json_begin_array(&j);
            json_raw(&j, c->logprobs);
            json_end_array(&j);
            json_end_object(&j);
        } else {
            json_null(&j);
        }
        json_kv_cstring(&j, "finish_reason", word_of(w, c->stop));
        json_end_object(&j);
    }
    json_end_array(&j);
    if (a->usage.seen)
        write_usage(&j, &a->usage);
    json_end_object(&j);
    return buf_finish(w->out, "answer", e);
}

/* ---- the row ---- */

#define CHAT_PAGE  "https://platform.openai.com/docs/api-reference/chat/create"
#define FILES_PAGE "https://developers.openai.com/api/docs/guides/file-inputs"
/* Kept answers are had by an id of their own API. */
#define STORED_PAGE               "https://platform.openai.com/docs/api-reference/chat/get"
#define METADATA_PAGE             "https://platform.openai.com/docs/guides/distillation"
#define MODELS_PAGE               "https://platform.openai.com/docs/models"
#define ANSWER_PAGE               "https://platform.openai.com/docs/api-reference/chat/object"
#define OK(f)                     [CHAT_HAS_##f] = {CHAT_HAS_##f, CARRIED, NULL, NULL}
#define NEAR(f, how_)             [CHAT_HAS_##f] = {CHAT_HAS_##f, APPROXIMATE, how_, CHAT_PAGE}
#define PART(f, how_)             [CHAT_HAS_##f] = {CHAT_HAS_##f, PARTLY, how_, CHAT_PAGE}
#define NOT(f)                    [CHAT_HAS_##f] = {CHAT_HAS_##f, LOST, NULL, CHAT_PAGE}
#define AT(f, loss_, how_, page_) [CHAT_HAS_##f] = {CHAT_HAS_##f, loss_, how_, page_}
#define MODEL(f, how_)            AT(f, PARTLY, how_, OPENAI_MODELS_PAGE)
#define HELD(f, how_)             [CHAT_HAS_##f] = {CHAT_HAS_##f, PARTLY, how_, OPENAI_SCHEMA_PAGE}

static const struct convert_loss_row loss[CHAT_FEATURES] = {
    OK(SYSTEM),
    OK(DEVELOPER),
    OK(SYSTEM_LATER),
    OK(SPEAKER),
    OK(TEXT),
    OK(IMAGE_BASE64),
    OK(IMAGE_URL),
    OK(IMAGE_DETAIL),
    OK(DOCUMENT_BASE64),
    [CHAT_HAS_DOCUMENT_URL] = {CHAT_HAS_DOCUMENT_URL, LOST, NULL, FILES_PAGE},
    [CHAT_HAS_DOCUMENT_TEXT] = {CHAT_HAS_DOCUMENT_TEXT, APPROXIMATE, "a part of text", FILES_PAGE},
    NOT(CITING),
    NOT(DOCUMENT_CONTEXT),
    PART(AUDIO, "WAV and MP3; others are not asked for"),
    NOT(AUDIO_URL),
    NOT(VIDEO),
    NOT(FILE_ID),
    OK(TOOLS),
    HELD(TOOL_STRICT, OPENAI_SCHEMA_OF_TOOL),
    OK(TOOL_FREE),
    NOT(PROVIDER_TOOL),
    OK(TOOL_CHOICE),
    MODEL(TOOL_PARALLEL, OPENAI_PARALLEL),
    OK(TOOL_CALL),
    OK(TOOL_RESULT),
    NEAR(TOOL_RESULT_IMAGE, "a message of the user behind the result"),
    NOT(TOOL_RESULT_ERROR),
    NOT(THINKING),
    NOT(SIGNATURE),
    OK(REFUSAL),
    PART(CITATIONS, "web pages by URL only, and none in a request"),
    OK(JSON_OBJECT),
    HELD(JSON_SCHEMA, OPENAI_SCHEMA_OF_ANSWER),
    NOT(PREFILL),
    AT(AUDIO_OUT, LOST, NULL, "https://platform.openai.com/docs/guides/audio"),
    NOT(MODALITIES),
    AT(MAX_TOKENS, PARTLY, CONVERT_MOST, MODELS_PAGE),
    MODEL(TEMPERATURE, OPENAI_SAMPLING),
    MODEL(TOP_P, OPENAI_SAMPLING),
    NOT(TOP_K),
    MODEL(STOP, "four toward OpenAI; none toward its models that think"),
    MODEL(PENALTIES, OPENAI_THINKING),
    OK(SEED),
    MODEL(LOGIT_BIAS, OPENAI_THINKING),
    MODEL(LOGPROBS, OPENAI_SAMPLING),
    OK(CHOICES),
    PART(EFFORT,
         "as a word; that it thinks, or does not, cannot be said without one; together with "
         "tools OpenAI's models since gpt-5.4 are asked by Responses instead"),
    PART(BUDGET, "reasoning_effort: low to 1024 tokens, medium to 8192, high above"),
    OK(VERBOSITY),
    AT(METADATA, PARTLY, "not toward OpenAI, who takes them only of what it stores", METADATA_PAGE),
    OK(USER),
    PART(SERVICE_TIER, "only tiers that the API has a word for"),
    [CHAT_HAS_CACHE] = {CHAT_HAS_CACHE, PARTLY,
                        "toward OpenAI's models since gpt-5.6; older ones find cached prefixes by "
                        "themselves, and no model's own texts are marked",
                        "https://developers.openai.com/api/docs/guides/prompt-caching"},
    OK(CACHE_KEY),
    AT(STORE, LOST, NULL, STORED_PAGE),
    NOT(PREVIOUS),
    NOT(OTHER),
    OK(USAGE_CACHED),
    OK(USAGE_REASONING),
    NOT(STOP_SEQUENCE),
    AT(MEDIA_OUT, PARTLY, "of what a target spoke, the words, as text", ANSWER_PAGE),
};

const struct convert convert_openai_chat = {
    .name = "openai.chat",
    .dialect = &dialect_openai_chat,
    .signer = CHAT_SIGNER_NONE,
    .loss = loss,
    .names = &openai_chat_names,
    .read_request = openai_chat_read_request,
    .write_request = openai_chat_write_request,
    .reader_bytes = sizeof(struct openai_chat_reader),
    .writer_bytes = sizeof(struct openai_chat_writer),
    .read_event = openai_chat_read_event,
    .read_answer = openai_chat_read_answer,
    .write_event = openai_chat_write_event,
    .end = openai_chat_end,
    .write_answer = openai_chat_write_answer,
    .cites = convert_is_url_citation,
    .joins = true,
};
