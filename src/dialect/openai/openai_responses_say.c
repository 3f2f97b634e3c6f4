/*
 * openai_responses_say.c - see openai_responses_say.h.
 *
 * Texts are kept in blocks of the request's arena, escaped once, for each of them is said up to
 * four times.
 */
#include "dialect/openai/openai_responses_say.h"
#include "dialect/foreign.h"

#define BLOCK_LEAST ((size_t)1024)
#define BLOCK_MOST  ((size_t)64 * 1024)

/* ---- texts that are kept ---- */

int openai_responses_said_add(struct arena *a, struct said_text *r, struct span s, struct span *ret)
{
    struct said_block *b = r->last;

    if (!b || b->cap - b->n < s.n) {
        size_t cap = b ? MIN(2 * b->cap, BLOCK_MOST) : BLOCK_LEAST;

        cap = MAX(cap, s.n);
        b = arena_alloc(a, sizeof(*b) + cap);
        if (!b)
            return -1;
        b->next = NULL;
        b->n = 0;
        b->cap = cap;
        if (r->last)
            r->last->next = b;
        else
            r->first = b;
        r->last = b;
    }
    if (s.n)
        memcpy(b->bytes + b->n, s.p, s.n);
    *ret = span_of(b->bytes + b->n, s.n);
    b->n += s.n;
    return 0;
}

/* A value between two marks: a string between quotes, the items of an array between brackets. */
static void put_said(struct json_write *j, const struct said_text *r, const char *open,
                     const char *close)
{
    json_raw(j, span_str(open));
    for (const struct said_block *b = r->first; b; b = b->next)
        buf_add(j->out, b->bytes, b->n);
    buf_add_str(j->out, close);
}

static void kv_text(struct json_write *j, const char *key, const struct said_text *r)
{
    json_key(j, key);
    put_said(j, r, "\"", "\"");
}

static void kv_list(struct json_write *j, const char *key, const struct said_text *r)
{
    json_key(j, key);
    put_said(j, r, "[", "]");
}

/* ---- parts and items as JSON ---- */

static const struct {
    const char *type, *prefix;
} item_kinds[] = {
    [SAID_MESSAGE] = {"message", "msg"},
    [SAID_CALL] = {"function_call", "fc"},
    [SAID_FREE_CALL] = {"custom_tool_call", "ctc"},
    [SAID_REASONING] = {"reasoning", FOREIGN_REASONING},
};

const char *openai_responses_item_prefix(enum said_kind kind)
{
    return item_kinds[kind].prefix;
}

static void put_part(struct json_write *j, const struct said_part *p, bool full)
{
    static const struct said_text none = {NULL, NULL};

    json_begin_object(j);
    switch (p->kind) {
    case CHAT_PART_TEXT:
        json_kv_cstring(j, "type", "output_text");
        kv_list(j, "annotations", full ? &p->citations : &none);
        kv_list(j, "logprobs", full ? &p->logprobs : &none);
        kv_text(j, "text", full ? &p->text : &none);
        break;
    case CHAT_PART_REFUSAL:
        json_kv_cstring(j, "type", "refusal");
        kv_text(j, "refusal", full ? &p->text : &none);
        break;
    case CHAT_PART_THINKING:
        json_kv_cstring(j, "type", "summary_text");
        kv_text(j, "text", full ? &p->text : &none);
        break;
    case CHAT_PART_MEDIA:
    case CHAT_PART_TOOL_CALL:
    case CHAT_PART_TOOL_RESULT:
        break;
    }
    json_end_object(j);
}

static void put_parts(struct json_write *j, const char *key, const struct said_item *it, bool full)
{
    json_key(j, key);
    json_begin_array(j);
    for (const struct said_part *p = it->parts; p && full; p = p->after)
        if (p->kind != CHAT_PART_THINKING || p->text.first)
            put_part(j, p, true);
    json_end_array(j);
}

static void put_call(struct json_write *j, const struct said_item *it, bool full)
{
    static const struct said_text none = {NULL, NULL};

    json_kv_string(j, "call_id", it->call_id);
    json_kv_string(j, "name", it->name);
    if (span_has(it->space))
        json_kv_string(j, "namespace", it->space);
    kv_text(j, it->kind == SAID_CALL ? "arguments" : "input", full ? &it->parts->text : &none);
}

void openai_responses_put_item(struct json_write *j, const struct said_item *it, bool full)
{
    json_begin_object(j);
    json_kv_string(j, "id", it->id);
    json_kv_cstring(j, "type", item_kinds[it->kind].type);
    if (it->kind == SAID_REASONING) {
        put_parts(j, "summary", it, full);
        if (full && span_has(it->signature))
            json_kv_string(j, "encrypted_content", it->signature);
    } else {
        json_kv_cstring(j, "status", full ? it->status : "in_progress");
    }
    if (it->kind == SAID_MESSAGE) {
        json_kv_cstring(j, "role", "assistant");
        put_parts(j, "content", it, full);
    }
    if (it->kind == SAID_CALL || it->kind == SAID_FREE_CALL)
        put_call(j, it, full);
    json_end_object(j);
}

/* ---- the response as JSON ---- */

static void kv_number(struct json_write *j, const char *key, struct span n, const char *otherwise)
{
    json_key(j, key);
    json_raw(j, span_has(n) ? n : span_str(otherwise));
}

static void kv_maybe(struct json_write *j, const char *key, struct span s)
{
    if (span_has(s))
        json_kv_string(j, key, s);
    else
        json_kv_cstring(j, key, NULL);
}

static void put_usage(struct json_write *j, const struct chat_usage *u)
{
    json_key(j, "usage");
    if (!u->seen) {
        json_null(j);
        return;
    }
    json_begin_object(j);
    json_kv_uint(j, "input_tokens", u->input);
    json_key(j, "input_tokens_details");
    json_begin_object(j);
    json_kv_uint(j, "cached_tokens", u->cache_read);
    json_kv_uint(j, "cache_write_tokens", u->cache_write);
    json_end_object(j);
    json_kv_uint(j, "output_tokens", u->output);
    json_key(j, "output_tokens_details");
    json_begin_object(j);
    json_kv_uint(j, "reasoning_tokens", u->reasoning);
    json_end_object(j);
    json_kv_uint(j, "total_tokens", u->input + u->output);
    json_end_object(j);
}

/* What the client asked for, as the API repeats it. Nothing is stored, whatever was asked. */
static int put_asked(struct json_write *j, const struct convert_writer *w)
{
    const struct chat_request *q = w->request;
    const struct chat_part *instructions = openai_responses_instructions(q);

    kv_maybe(j, "instructions", instructions ? instructions->text : span_of(NULL, 0));
    kv_number(j, "max_output_tokens", q->max_tokens, "null");
    json_kv_cstring(j, "max_tool_calls", NULL);
    json_kv_bool(j, "parallel_tool_calls", q->parallel != CHAT_NO);
    json_kv_cstring(j, "previous_response_id", NULL);
    kv_maybe(j, "prompt_cache_key", q->cache_key);
    json_key(j, "reasoning");
    json_begin_object(j);
    kv_maybe(j, "effort", q->effort);
    kv_maybe(j, "summary", q->summary);
    json_end_object(j);
    kv_maybe(j, "safety_identifier", q->user);
    json_kv_string(j, "service_tier",
                   span_has(q->service_tier) ? q->service_tier : SPAN_LIT("default"));
    json_kv_bool(j, "store", false);
    json_kv_bool(j, "background", false);
    kv_number(j, "temperature", q->temperature, "1");
    kv_number(j, "top_p", q->top_p, "1");
    kv_number(j, "top_logprobs", q->top_logprobs, "0");
    kv_number(j, "frequency_penalty", q->frequency_penalty, "0");
    kv_number(j, "presence_penalty", q->presence_penalty, "0");
    json_kv_cstring(j, "truncation", "disabled");
    kv_number(j, "metadata", q->metadata, "{}");
    return openai_responses_write_text(j, q, true) < 0 ||
                   openai_responses_write_choice(j, q, true, w->arena) < 0 ||
                   openai_responses_write_tools(j, q, true, w->arena) < 0
               ? -1
               : 0;
}

const char *openai_responses_incomplete(enum chat_stop stop)
{
    static const char *const reasons[] = {
        [CHAT_STOP_LENGTH] = "max_output_tokens",
        [CHAT_STOP_FILTER] = "content_filter",
        [CHAT_STOP_REFUSAL] = "content_filter",
        [CHAT_STOP_PAUSE] = NULL,
    };

    return reasons[stop];
}

int openai_responses_say_whole(struct json_write *j, const struct convert_writer *w, bool full)
{
    const struct openai_responses_writer *own = w->own;
    const char *why = full ? openai_responses_incomplete(own->stop) : NULL;
    int rc;

    json_begin_object(j);
    json_kv_string(j, "id", own->id);
    json_kv_cstring(j, "object", "response");
    json_kv_uint(j, "created_at", own->created);
    json_kv_cstring(j, "completed_at", NULL);
    json_kv_cstring(j, "status", !full ? "in_progress" : why ? "incomplete" : "completed");
    json_kv_cstring(j, "error", NULL);
    json_key(j, "incomplete_details");
    if (why) {
        json_begin_object(j);
        json_kv_cstring(j, "reason", why);
        json_end_object(j);
    } else {
        json_null(j);
    }
    json_kv_string(j, "model", w->model);
    json_key(j, "output");
    json_begin_array(j);
    if (full && own->before.n)
        json_raw(j, own->before);
    for (const struct said_item *it = full ? own->items : NULL; it; it = it->next)
        openai_responses_put_item(j, it, true);
    json_end_array(j);
    rc = put_asked(j, w);
    if (full)
        put_usage(j, &own->usage);
    else
        json_kv_cstring(j, "usage", NULL);
    json_end_object(j);
    return rc;
}

/* ---- events ---- */

/* Begin an event; false: nothing is to be said. */
static bool open_event(struct convert_writer *w, struct json_write *j, const char *type)
{
    const struct openai_responses_writer *own = w->own;

    if (own->quiet)
        return false;
    buf_add_str(w->out, "event: ");
    buf_add_str(w->out, type);
    buf_add_str(w->out, "\ndata: ");
    json_write_init(j, w->out);
    json_begin_object(j);
    json_kv_cstring(j, "type", type);
    json_kv_uint(j, "sequence_number", w->sequence++);
    return true;
}

static void close_event(struct json_write *j)
{
    json_end_object(j);
    buf_add_str(j->out, "\n\n");
}

int openai_responses_say_response(struct convert_writer *w, const char *type, bool full,
                                  struct err *e)
{
    struct json_write j;
    int rc;

    if (!open_event(w, &j, type))
        return 0;
    json_key(&j, "response");
    rc = openai_responses_say_whole(&j, w, full);
    close_event(&j);
    return rc < 0 ? err_set(e, ERR_NOMEM, "no memory for an answer") : 0;
}

void openai_responses_say_item(struct convert_writer *w, const char *type,
                               const struct said_item *it, bool full)
{
    struct json_write j;

    if (!open_event(w, &j, type))
        return;
    json_kv_uint(&j, "output_index", it->index);
    json_key(&j, "item");
    openai_responses_put_item(&j, it, full);
    close_event(&j);
}

/* What the events of a part are called, and its text in them; and whether it is a part among
 * others. */
static const struct part_words {
    const char *added, *delta, *text_done, *member, *done;
    const char *place; /* NULL: the item has no parts */
} words[] = {
    [CHAT_PART_TEXT] = {"response.content_part.added", "response.output_text.delta",
                        "response.output_text.done", "text", "response.content_part.done",
                        "content_index"},
    [CHAT_PART_REFUSAL] = {"response.content_part.added", "response.refusal.delta",
                           "response.refusal.done", "refusal", "response.content_part.done",
                           "content_index"},
    [CHAT_PART_THINKING] = {"response.reasoning_summary_part.added",
                            "response.reasoning_summary_text.delta",
                            "response.reasoning_summary_text.done", "text",
                            "response.reasoning_summary_part.done", "summary_index"},
    [CHAT_PART_TOOL_CALL] = {NULL, "response.function_call_arguments.delta",
                             "response.function_call_arguments.done", "arguments", NULL, NULL},
};
static const struct part_words free_words = {NULL,
                                             "response.custom_tool_call_input.delta",
                                             "response.custom_tool_call_input.done",
                                             "input",
                                             NULL,
                                             NULL};

static const struct part_words *words_of(const struct said_part *p)
{
    return p->item->kind == SAID_FREE_CALL ? &free_words : &words[p->kind];
}

static bool open_part_event(struct convert_writer *w, struct json_write *j,
                            const struct said_part *p, const char *type)
{
    const char *place = words_of(p)->place;

    if (!open_event(w, j, type))
        return false;
    json_kv_string(j, "item_id", p->item->id);
    json_kv_uint(j, "output_index", p->item->index);
    if (place)
        json_kv_uint(j, place, p->content);
    return true;
}

void openai_responses_say_part(struct convert_writer *w, const struct said_part *p, bool done)
{
    const struct part_words *k = words_of(p);
    struct json_write j;

    if (!k->place || !open_part_event(w, &j, p, done ? k->done : k->added))
        return;
    json_key(&j, "part");
    put_part(&j, p, done);
    close_event(&j);
}

static void no_logprobs(struct json_write *j, const struct said_part *p)
{
    if (p->kind != CHAT_PART_TEXT)
        return;
    json_key(j, "logprobs");
    json_begin_array(j);
    json_end_array(j);
}

/* Log-probabilities come behind the text that they are of: they are told when it is done. */
void openai_responses_say_delta(struct convert_writer *w, const struct said_part *p,
                                struct span escaped)
{
    struct json_write j;

    if (!open_part_event(w, &j, p, words_of(p)->delta))
        return;
    json_key(&j, "delta");
    json_raw(&j, SPAN_LIT("\""));
    buf_add_span(w->out, escaped);
    buf_add_char(w->out, '"');
    no_logprobs(&j, p);
    close_event(&j);
}

void openai_responses_say_text_done(struct convert_writer *w, const struct said_part *p)
{
    const struct part_words *k = words_of(p);
    struct json_write j;

    if (!open_part_event(w, &j, p, k->text_done))
        return;
    kv_text(&j, k->member, &p->text);
    if (p->kind == CHAT_PART_TEXT)
        kv_list(&j, "logprobs", &p->logprobs);
    if (p->kind == CHAT_PART_TOOL_CALL && p->item->kind == SAID_CALL)
        json_kv_string(&j, "name", p->item->name);
    close_event(&j);
}

void openai_responses_say_citation(struct convert_writer *w, const struct said_part *p,
                                   struct span json)
{
    struct json_write j;

    if (!open_part_event(w, &j, p, "response.output_text.annotation.added"))
        return;
    json_kv_uint(&j, "annotation_index", p->citations_n);
    json_key(&j, "annotation");
    json_raw(&j, json);
    close_event(&j);
}
