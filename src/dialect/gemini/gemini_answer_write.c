/*
 * gemini_answer_write.c - writes chat events as a Gemini stream, as SSE or as one JSON list, and
 * answers as a whole.
 *
 * A finishReason is the end of a stream in this dialect, so none is written before end(): then all
 * candidates finish in one event, which also has the counts. A call is told whole, when its
 * arguments are there. A signature follows its text with an empty one, as Google does it; of a call
 * it stands beside it.
 */
#include "dialect/convert_cite.h"
#include "dialect/convert_read.h"
#include "dialect/gemini/gemini_convert.h"

#define CALL_MAX ((size_t)16 << 20) /* bytes of one call's arguments */

/* A part that is under way: what events of it do not repeat. All in the arena. */
struct part {
    struct part *next;
    uint32_t choice, index;
    enum chat_kind kind;
    bool redacted;
    struct span id, name, signature; /* of a call */
    char *args;
    size_t n, cap;
    struct convert_widths widths; /* of a text */
};

/* What a text has its facts from. All in the arena. */
struct cited {
    struct cited *next;
    uint32_t choice;
    uint32_t part;      /* of a whole answer: the place of its part there */
    uint32_t chunk;     /* the first one with its URL has a number of its own */
    bool first, placed; /* ... and is that one; where it stands is known */
    struct span uri, title;
    uint64_t start, end; /* bytes */
};

struct own {
    struct span id, model;
    struct chat_usage usage;
    struct part *parts;
    uint32_t choices; /* that have been spoken of */
    uint8_t stops[CHAT_CHOICES_MAX];
    bool begun; /* of a list: the first item has been written */
    struct cited *cited, *last;
    size_t cited_n;
};
_Static_assert(sizeof(struct own) <= GEMINI_WRITER_BYTES, "room of the writer");

/* ---- frames ---- */

static void open_event(struct convert_writer *w, struct json_write *j)
{
    struct own *own = w->own;

    if (w->list)
        buf_add_str(w->out, own->begun ? ",\r\n" : "[");
    else
        buf_add_str(w->out, "data: ");
    own->begun = true;
    json_write_init(j, w->out);
    json_begin_object(j);
}

/* What every event and answer ends with. */
static void write_identity(struct convert_writer *w, struct json_write *j)
{
    const struct own *own = w->own;

    if (w->model.n || own->model.n)
        json_kv_string(j, "modelVersion", w->model.n ? w->model : own->model);
    if (own->id.n || w->id.n)
        json_kv_string(j, "responseId", own->id.n ? own->id : w->id);
}

static int close_event(struct convert_writer *w, struct json_write *j, struct err *e)
{
    write_identity(w, j);
    json_end_object(j);
    if (!w->list)
        buf_add_str(w->out, "\r\n\r\n");
    return buf_ok(w->out) ? 0 : convert_no_answer(e);
}

static void open_candidate(struct json_write *j)
{
    json_begin_object(j);
    json_key(j, "content");
    json_begin_object(j);
    json_key(j, "parts");
    json_begin_array(j);
}

static void close_parts(struct json_write *j)
{
    json_end_array(j);
    json_kv_cstring(j, "role", "model");
    json_end_object(j);
}

/* An event with one part of one candidate. */
static void open_part(struct convert_writer *w, struct json_write *j)
{
    open_event(w, j);
    json_key(j, "candidates");
    json_begin_array(j);
    open_candidate(j);
}

static int close_part(struct convert_writer *w, struct json_write *j, uint32_t choice,
                      struct err *e)
{
    close_parts(j);
    json_kv_uint(j, "index", choice);
    json_end_object(j);
    json_end_array(j);
    return close_event(w, j, e);
}

/* ---- parts ---- */

static void write_text(struct json_write *j, struct span text, bool thought, struct span signature)
{
    json_begin_object(j);
    json_kv_string(j, "text", text);
    if (thought)
        json_kv_bool(j, "thought", true);
    if (span_has(signature))
        json_kv_string(j, "thoughtSignature", signature);
    json_end_object(j);
}

static int write_call(struct json_write *j, struct span id, struct span name, struct span args,
                      struct span signature, struct err *e)
{
    if (args.n == 0)
        args = SPAN_LIT("{}");
    if (!convert_is_object(args))
        return err_set(e, ERR_PROTOCOL,
                       "the arguments of the call '%.*s' are not a JSON object, and a client of "
                       "Gemini's API takes nothing else",
                       SPAN_FMT(id));
    json_begin_object(j);
    json_key(j, "functionCall");
    json_begin_object(j);
    if (id.n)
        json_kv_string(j, "id", id);
    json_kv_string(j, "name", name);
    json_key(j, "args");
    json_raw_line(j, args);
    json_end_object(j);
    json_kv_string(j, "thoughtSignature",
                   span_has(signature) ? signature : SPAN_LIT(GEMINI_NO_SIGNATURE_BASE64));
    json_end_object(j);
    return 0;
}

static void write_media(struct json_write *j, const struct chat_media *m)
{
    bool inside = m->source == CHAT_BASE64;

    json_begin_object(j);
    json_key(j, inside ? "inlineData" : "fileData");
    json_begin_object(j);
    if (span_has(m->type))
        json_kv_string(j, "mimeType", m->type);
    json_kv_string(j, inside ? "data" : "fileUri", m->data);
    json_end_object(j);
    json_end_object(j);
}

/* ---- log-probabilities ---- */

static void write_token(struct json_write *j, yyjson_val *token)
{
    struct span p = json_get_text(token, "logprob");

    json_begin_object(j);
    json_kv_string(j, "token", json_get_text(token, "token"));
    json_key(j, "logProbability");
    json_raw(j, p.n ? p : SPAN_LIT("0"));
    json_end_object(j);
}

static void write_tokens(struct json_write *j, yyjson_val *list)
{
    yyjson_arr_iter it;
    yyjson_val *one;

    json_begin_array(j);
    if (list && yyjson_arr_iter_init(list, &it))
        while ((one = yyjson_arr_iter_next(&it)))
            write_token(j, one);
    json_end_array(j);
}

static void write_result(struct json_write *j, yyjson_val *list)
{
    yyjson_arr_iter it;
    yyjson_val *one;

    json_key(j, "logprobsResult");
    json_begin_object(j);
    json_key(j, "topCandidates");
    json_begin_array(j);
    yyjson_arr_iter_init(list, &it);
    while ((one = yyjson_arr_iter_next(&it))) {
        json_begin_object(j);
        json_key(j, "candidates");
        write_tokens(j, json_get(one, "top_logprobs"));
        json_end_object(j);
    }
    json_end_array(j);
    json_key(j, "chosenCandidates");
    write_tokens(j, list);
    json_end_object(j);
}

/* From the items of OpenAI's list, as text. */
static int write_logprobs(struct json_write *j, struct convert_writer *w, struct span items,
                          struct err *e)
{
    struct span text =
        arena_join(w->arena, (struct span[]){SPAN_LIT("["), items, SPAN_LIT("]")}, 3);
    struct json_tree t = {0};

    if (!span_has(text))
        return convert_no_answer(e);
    if (json_tree_read(&t, text, e) < 0)
        return -1;
    write_result(j, t.root);
    json_tree_fini(&t);
    return 0;
}

/* ---- citations ---- */

/* What is being cited. */
struct citing {
    struct convert_writer *w;
    const struct convert_widths *widths;
    uint32_t choice, part;
};

static int add_cited(void *arg, yyjson_val *citation, struct err *e)
{
    const struct citing *x = arg;
    yyjson_val *v = convert_url_citation(citation);
    struct own *own = x->w->own;
    struct cited *c =
        v && own->cited_n < CONVERT_CITES_MAX ? arena_zalloc(x->w->arena, sizeof(*c)) : NULL;
    uint64_t start = 0, end = 0;

    if (!v || own->cited_n == CONVERT_CITES_MAX)
        return 0;
    if (!c)
        return convert_no_answer(e);
    json_tree_u64(json_get(v, "start_index"), &start);
    json_tree_u64(json_get(v, "end_index"), &end);
    *c = (struct cited){.choice = x->choice, .part = x->part, .first = true};
    c->placed = convert_widths_byte(x->widths, start, &c->start) &&
                convert_widths_byte(x->widths, end, &c->end);
    c->uri = arena_dup(x->w->arena, json_get_text(v, "url"));
    c->title = json_get_text(v, "title");
    c->title = arena_dup(x->w->arena, span_has(c->title) ? c->title : SPAN_LIT(""));
    if (!span_has(c->uri) || !span_has(c->title))
        return convert_no_answer(e);
    for (const struct cited *o = own->cited; o && c->first; o = o->next) {
        if (o->choice != c->choice)
            continue;
        c->first = !span_eq(o->uri, c->uri);
        c->chunk = c->first ? MAX(c->chunk, o->chunk + 1) : o->chunk;
    }
    own->last ? (own->last->next = c) : (own->cited = c);
    own->last = c;
    own->cited_n++;
    return 0;
}

static void write_chunks(struct json_write *j, const struct cited *c, uint32_t choice)
{
    json_key(j, "groundingChunks");
    json_begin_array(j);
    for (; c; c = c->next) {
        if (c->choice != choice || !c->first)
            continue;
        json_begin_object(j);
        json_key(j, "web");
        json_begin_object(j);
        json_kv_string(j, "uri", c->uri);
        if (c->title.n)
            json_kv_string(j, "title", c->title);
        json_end_object(j);
        json_end_object(j);
    }
    json_end_array(j);
}

static void write_support(struct json_write *j, const struct cited *c)
{
    json_begin_object(j);
    json_key(j, "segment");
    json_begin_object(j);
    if (c->part)
        json_kv_uint(j, "partIndex", c->part);
    json_kv_uint(j, "startIndex", c->start);
    json_kv_uint(j, "endIndex", c->end);
    json_end_object(j);
    json_key(j, "groundingChunkIndices");
    json_begin_array(j);
    json_uint(j, c->chunk);
    json_end_array(j);
    json_end_object(j);
}

static void write_grounding(struct json_write *j, const struct own *own, uint32_t choice)
{
    bool any = false;

    for (const struct cited *c = own->cited; c && !any; c = c->next)
        any = c->choice == choice;
    if (!any)
        return;
    json_key(j, "groundingMetadata");
    json_begin_object(j);
    write_chunks(j, own->cited, choice);
    json_key(j, "groundingSupports");
    json_begin_array(j);
    for (const struct cited *c = own->cited; c; c = c->next)
        if (c->choice == choice && c->placed)
            write_support(j, c);
    json_end_array(j);
    json_end_object(j);
}

/* ---- parts under way ---- */

static struct part *find_part(const struct own *own, const struct chat_event *ev)
{
    for (struct part *p = own->parts; p; p = p->next)
        if (p->choice == ev->choice && p->index == ev->index)
            return p;
    return NULL;
}

static struct span keep(struct convert_writer *w, struct span s)
{
    return arena_dup(w->arena, span_has(s) ? s : SPAN_LIT(""));
}

static int add_args(struct convert_writer *w, struct part *p, struct span s, struct err *e)
{
    if (s.n > CALL_MAX - p->n)
        return err_set(e, ERR_LIMIT, "the arguments of a call are larger than %zu bytes", CALL_MAX);
    if (p->n + s.n > p->cap) {
        size_t cap = MAX(2 * (p->n + s.n), (size_t)256);
        char *more = arena_alloc(w->arena, cap);

        if (!more)
            return convert_no_answer(e);
        if (p->n)
            memcpy(more, p->args, p->n);
        p->args = more;
        p->cap = cap;
    }
    if (s.n)
        memcpy(p->args + p->n, s.p, s.n);
    p->n += s.n;
    return 0;
}

/* ---- events ---- */

static int on_start(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct own *own = w->own;

    own->id = keep(w, ev->id);
    own->model = keep(w, ev->model);
    return span_has(own->id) && span_has(own->model) ? 0 : convert_no_answer(e);
}

static int on_part(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct own *own = w->own;
    struct part *p = arena_zalloc(w->arena, sizeof(*p));
    struct json_write j;

    if (!p)
        return convert_no_answer(e);
    *p = (struct part){.next = own->parts,
                       .choice = ev->choice,
                       .index = ev->index,
                       .kind = ev->part,
                       .redacted = ev->redacted,
                       .id = keep(w, ev->id),
                       .name = keep(w, ev->name)};
    own->parts = p;
    if (!span_has(p->id) || !span_has(p->name))
        return convert_no_answer(e);
    if (ev->part != CHAT_PART_MEDIA)
        return 0;
    open_part(w, &j);
    write_media(&j, &ev->media);
    return close_part(w, &j, ev->choice, e);
}

static int on_delta(struct convert_writer *w, const struct chat_event *ev, struct part *p,
                    struct err *e)
{
    struct json_write j;

    if (p->kind == CHAT_PART_TOOL_CALL)
        return add_args(w, p, ev->text, e);
    if (ev->text.n == 0)
        return 0;
    if (p->kind == CHAT_PART_TEXT && convert_widths_add(&p->widths, w->arena, ev->text) < 0)
        return convert_no_answer(e);
    open_part(w, &j);
    write_text(&j, ev->text, p->kind == CHAT_PART_THINKING, span_of(NULL, 0));
    return close_part(w, &j, ev->choice, e);
}

static int on_sign(struct convert_writer *w, const struct chat_event *ev, struct part *p,
                   struct err *e)
{
    struct span s = gemini_sign(w->arena, ev->signature, ev->signer, p->redacted);
    struct json_write j;

    if (p->kind == CHAT_PART_TOOL_CALL)
        s = p->signature = keep(w, s);
    if (!span_has(s))
        return convert_no_answer(e);
    if (p->kind == CHAT_PART_TOOL_CALL)
        return 0;
    open_part(w, &j);
    write_text(&j, SPAN_LIT(""), p->kind == CHAT_PART_THINKING, s);
    return close_part(w, &j, ev->choice, e);
}

static int on_part_end(struct convert_writer *w, struct part *p, struct err *e)
{
    struct own *own = w->own;
    struct part **at = &own->parts;
    struct json_write j;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    if (p->kind != CHAT_PART_TOOL_CALL)
        return 0;
    open_part(w, &j);
    if (write_call(&j, p->id, p->name, span_of(p->args, p->n), p->signature, e) < 0)
        return -1;
    return close_part(w, &j, p->choice, e);
}

static int on_logprobs(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct json_write j;

    open_event(w, &j);
    json_key(&j, "candidates");
    json_begin_array(&j);
    json_begin_object(&j);
    if (write_logprobs(&j, w, ev->text, e) < 0)
        return -1;
    json_kv_uint(&j, "index", ev->choice);
    json_end_object(&j);
    json_end_array(&j);
    return close_event(w, &j, e);
}

static int of_part(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct part *p = find_part(w->own, ev);

    if (!p)
        return err_set(e, ERR_PROTOCOL, "the answer speaks of a part that has not begun");
    if (ev->kind == CHAT_EVENT_DELTA)
        return on_delta(w, ev, p, e);
    if (ev->kind == CHAT_EVENT_CITE)
        return convert_cites(ev->text, add_cited,
                             &(struct citing){.w = w, .widths = &p->widths, .choice = ev->choice},
                             e);
    return ev->kind == CHAT_EVENT_SIGN ? on_sign(w, ev, p, e) : on_part_end(w, p, e);
}

int gemini_write_event(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct own *own = w->own;

    if (ev->choice >= CHAT_CHOICES_MAX)
        return err_set(e, ERR_LIMIT, "the answer has more than %d choices", CHAT_CHOICES_MAX);
    own->choices = MAX(own->choices, ev->choice + 1);
    switch (ev->kind) {
    case CHAT_EVENT_START:
        return on_start(w, ev, e);
    case CHAT_EVENT_PART:
        return on_part(w, ev, e);
    case CHAT_EVENT_DELTA:
    case CHAT_EVENT_SIGN:
    case CHAT_EVENT_PART_END:
    case CHAT_EVENT_CITE:
        return of_part(w, ev, e);
    case CHAT_EVENT_LOGPROBS:
        return on_logprobs(w, ev, e);
    case CHAT_EVENT_FINISH:
        own->stops[ev->choice] = (uint8_t)ev->stop;
        break;
    case CHAT_EVENT_USAGE:
        own->usage = ev->usage;
        break;
    }
    return 0;
}

/* ---- the end ---- */

static void write_audio(struct json_write *j, const char *key, uint64_t n)
{
    if (n == 0)
        return;
    json_key(j, key);
    json_begin_array(j);
    json_begin_object(j);
    json_kv_cstring(j, "modality", "AUDIO");
    json_kv_uint(j, "tokenCount", n);
    json_end_object(j);
    json_end_array(j);
}

static void write_usage(struct json_write *j, const struct chat_usage *u)
{
    if (!u->seen)
        return;
    json_key(j, "usageMetadata");
    json_begin_object(j);
    json_kv_uint(j, "promptTokenCount", u->input);
    json_kv_uint(j, "candidatesTokenCount", u->output - MIN(u->output, u->reasoning));
    json_kv_uint(j, "totalTokenCount", u->input + u->output);
    if (u->reasoning)
        json_kv_uint(j, "thoughtsTokenCount", u->reasoning);
    if (u->cache_read)
        json_kv_uint(j, "cachedContentTokenCount", u->cache_read);
    write_audio(j, "promptTokensDetails", u->audio_in);
    write_audio(j, "candidatesTokensDetails", u->audio_out);
    json_end_object(j);
}

static void close_candidate(struct json_write *j, uint32_t choice, enum chat_stop stop)
{
    json_kv_cstring(j, "finishReason", gemini_reason(stop));
    json_kv_uint(j, "index", choice);
    json_end_object(j);
}

int gemini_end(struct convert_writer *w, struct err *e)
{
    struct own *own = w->own;
    struct json_write j;

    open_event(w, &j);
    json_key(&j, "candidates");
    json_begin_array(&j);
    for (uint32_t i = 0; i < MAX(own->choices, UINT32_C(1)); i++) {
        open_candidate(&j);
        write_text(&j, SPAN_LIT(""), false, span_of(NULL, 0));
        close_parts(&j);
        write_grounding(&j, own, i);
        close_candidate(&j, i, (enum chat_stop)own->stops[i]);
    }
    json_end_array(&j);
    write_usage(&j, &own->usage);
    if (close_event(w, &j, e) < 0)
        return -1;
    if (w->list)
        buf_add_str(w->out, "]\n");
    return buf_ok(w->out) ? 0 : convert_no_answer(e);
}

/* ---- whole answers ---- */

static int write_part(struct convert_writer *w, struct json_write *j, const struct chat_part *p,
                      struct err *e)
{
    struct span signature = p->signature;

    if (span_has(signature)) {
        signature = gemini_sign(w->arena, signature, p->signer, p->redacted);
        if (!span_has(signature))
            return convert_no_answer(e);
    }
    switch (p->kind) {
    case CHAT_PART_TOOL_CALL:
        return write_call(j, p->id, p->name, p->free ? p->text : p->args, signature, e);
    case CHAT_PART_MEDIA:
        write_media(j, &p->media);
        break;
    case CHAT_PART_TEXT:
    case CHAT_PART_THINKING:
    case CHAT_PART_REFUSAL:
        write_text(j, p->text, p->kind == CHAT_PART_THINKING, signature);
        return 0;
    case CHAT_PART_TOOL_RESULT: /* of no answer */
        break;
    }
    return 0;
}

static int write_candidate(struct convert_writer *w, struct json_write *j,
                           const struct chat_choice_answer *c, uint32_t index, struct err *e)
{
    struct citing x = {.w = w, .choice = index};

    open_candidate(j);
    for (const struct chat_part *p = c->parts; p; p = p->next, x.part++) {
        struct convert_widths widths = {0};

        if (write_part(w, j, p, e) < 0)
            return -1;
        if (!span_has(p->citations))
            continue;
        x.widths = &widths;
        if (convert_widths_add(&widths, w->arena, p->text) < 0)
            return convert_no_answer(e);
        if (convert_cites(p->citations, add_cited, &x, e) < 0)
            return -1;
    }
    close_parts(j);
    write_grounding(j, w->own, index);
    if (span_has(c->logprobs) && write_logprobs(j, w, c->logprobs, e) < 0)
        return -1;
    close_candidate(j, index, c->stop);
    return 0;
}

int gemini_write_answer(struct convert_writer *w, const struct chat_answer *a, struct err *e)
{
    struct own *own = w->own;
    struct json_write j;

    own->id = a->id;
    own->model = a->model;
    own->cited = own->last = NULL;
    own->cited_n = 0;
    json_write_init(&j, w->out);
    json_begin_object(&j);
    json_key(&j, "candidates");
    json_begin_array(&j);
    for (uint32_t i = 0; i < a->choices_n; i++)
        if (write_candidate(w, &j, &a->choices[i], i, e) < 0)
            return -1;
    json_end_array(&j);
    write_usage(&j, &a->usage);
    write_identity(w, &j);
    json_end_object(&j);
    return buf_ok(w->out) ? 0 : convert_no_answer(e);
}
