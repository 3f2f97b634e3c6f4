/*
 * openai_responses_answer_write.c - writes answers of the Responses API, streamed and whole.
 *
 *     PART         -> output_item.added, content_part.added
 *     DELTA        -> output_text.delta, function_call_arguments.delta, ...
 *     PART_END     -> output_text.done, content_part.done, function_call_arguments.done, ...
 *     the next PART, end() -> output_item.done
 *     end()        -> response.completed or response.incomplete, with all of it once more; and
 *                     [DONE], which the Open Responses specification has last (OpenAI has not)
 *
 * Everything that is said is said again when it is done, so texts are kept, as they stand in JSON:
 * escaped once, in blocks of the request's arena. A whole answer is written by telling it as events
 * that say nothing, and then what has been kept.
 *
 * An item is done when the next one begins, not with its last part: only then it is known that it
 * is not the one that a limit has cut.
 *
 * Ids of items are made of the answer's id and their place: the same answer has the same ones.
 */
#include "dialect/convert_read.h"
#include "dialect/convert_cite.h"
#include "dialect/openai/openai_responses_say.h"

#define PARTS_MAX 4096 /* of one answer */

/* ---- how the answer goes on ---- */

static int start(struct convert_writer *w, struct span id, uint64_t created, struct err *e)
{
    static const struct convert_charset set = {.max = 48};
    static const struct span prefix = {"resp_", 5};
    struct openai_responses_writer *own = w->own;

    if (own->started)
        return 0;
    own->started = true;
    own->tail = &own->items;
    own->created = created ? created : w->created;
    if (id.n == 0)
        id = w->id;
    if (span_starts(id, prefix))
        id = span_of(id.p + prefix.n, id.n - prefix.n);
    own->suffix = convert_fit(w->arena, id, &set); /* which may be the event's own bytes */
    own->id = span_has(own->suffix)
                  ? arena_join(w->arena, (const struct span[]){prefix, own->suffix}, 2)
                  : own->suffix;
    if (!span_has(own->id))
        return convert_no_answer(e);
    own->suffix = span_of(own->id.p + prefix.n, own->id.n - prefix.n);
    return openai_responses_say_response(w, "response.created", false, e) < 0 ||
                   openai_responses_say_response(w, "response.in_progress", false, e) < 0
               ? -1
               : 0;
}

static int add_text(struct convert_writer *w, struct said_part *p, struct span text, struct err *e)
{
    struct span escaped;
    size_t at = w->out->n;
    int rc;

    json_escape(w->out, text);
    if (!buf_ok(w->out))
        return buf_finish(w->out, "an answer", e);
    rc = openai_responses_said_add(w->arena, &p->text, span_of(w->out->p + at, w->out->n - at),
                                   &escaped);
    w->out->n = at; /* it was only lent */
    if (rc < 0)
        return convert_no_answer(e);
    openai_responses_say_delta(w, p, escaped);
    return 0;
}

static int end_part(struct convert_writer *w, struct said_part *p, struct err *e)
{
    if (p->ended)
        return 0;
    p->ended = true;
    if (!p->item || (p->kind == CHAT_PART_THINKING && !p->text.first))
        return 0;
    if (p->item->kind == SAID_CALL && !p->text.first && add_text(w, p, SPAN_LIT("{}"), e) < 0)
        return -1;
    openai_responses_say_text_done(w, p);
    openai_responses_say_part(w, p, true);
    return 0;
}

/* The open item is done, if its parts are, or with them (force). */
static int end_item(struct convert_writer *w, bool force, const char *status, struct err *e)
{
    struct openai_responses_writer *own = w->own;
    struct said_item *it = own->open;

    for (struct said_part *p = it ? it->parts : NULL; p; p = p->after) {
        if (!p->ended && !force)
            return 0;
        if (end_part(w, p, e) < 0)
            return -1;
    }
    if (it) {
        it->status = status;
        openai_responses_say_item(w, "response.output_item.done", it, true);
    }
    own->open = NULL;
    return 0;
}

static struct said_item *new_item(struct convert_writer *w, enum said_kind kind, struct span id,
                                  struct err *e)
{
    struct openai_responses_writer *own = w->own;
    struct said_item *it;

    if (end_item(w, false, "completed", e) < 0)
        return NULL;
    it = arena_zalloc(w->arena, sizeof(*it));
    if (it) {
        it->kind = kind;
        it->index = own->items_n++;
        it->tail = &it->parts;
        it->id = span_has(id)
                     ? arena_dup(w->arena, id)
                     : arena_printf(w->arena, "%s_%.*s_%u", openai_responses_item_prefix(kind),
                                    SPAN_FMT(own->suffix), it->index);
    }
    if (!it || !span_has(it->id)) {
        (void)convert_no_answer(e);
        return NULL;
    }
    *own->tail = it;
    own->tail = &it->next;
    own->open = it;
    return it;
}

static void join(struct said_item *it, struct said_part *p)
{
    p->item = it;
    p->content = it->parts_n++;
    *it->tail = p;
    it->tail = &p->after;
}

/* Texts and refusals that follow each other are parts of one message. */
static int begin_content(struct convert_writer *w, struct said_part *p, struct err *e)
{
    struct openai_responses_writer *own = w->own;
    struct said_item *it = own->open;

    if (!it || it->kind != SAID_MESSAGE) {
        it = new_item(w, SAID_MESSAGE, span_of(NULL, 0), e);
        if (!it)
            return -1;
        openai_responses_say_item(w, "response.output_item.added", it, false);
    }
    join(it, p);
    openai_responses_say_part(w, p, false);
    return 0;
}

static const struct chat_tool *tool_of(const struct chat_request *q, struct span name)
{
    for (const struct chat_tool *t = q->tools; t; t = t->next)
        if (span_eq(t->name, name))
            return t;
    return NULL;
}

static int begin_call(struct convert_writer *w, struct said_part *p, const struct chat_event *ev,
                      struct err *e)
{
    const struct openai_responses_writer *own = w->own;
    struct said_item *it = new_item(w, ev->free ? SAID_FREE_CALL : SAID_CALL, span_of(NULL, 0), e);
    const struct chat_tool *t = tool_of(w->request, ev->name);
    struct span name = ev->name.n ? ev->name : SPAN_LIT("");

    if (!it)
        return -1;
    if (t && span_has(t->own)) {
        it->space = t->space;
        name = t->own;
    }
    it->name = arena_dup(w->arena, name);
    if (ev->id.n)
        it->call_id = convert_fit(w->arena, ev->id, &openai_responses_call_ids);
    else
        it->call_id = arena_printf(w->arena, "call_%.*s_%u", SPAN_FMT(own->suffix), it->index);
    if (span_has(it->call_id) && it->call_id.p == ev->id.p) /* the event's own bytes */
        it->call_id = arena_dup(w->arena, ev->id);
    if (!span_has(it->name) || !span_has(it->call_id))
        return convert_no_answer(e);
    join(it, p);
    openai_responses_say_item(w, "response.output_item.added", it, false);
    return 0;
}

/* A reasoning item begins with something to say in it. */
static int begin_thinking(struct convert_writer *w, struct said_part *p, struct err *e)
{
    struct said_item *it;

    if (p->item)
        return 0;
    it = new_item(w, SAID_REASONING, span_of(NULL, 0), e);
    if (!it)
        return -1;
    join(it, p);
    openai_responses_say_item(w, "response.output_item.added", it, false);
    return 0;
}

static struct said_part *find(struct openai_responses_writer *own, uint32_t index)
{
    struct said_part *p = own->last;

    if (p && p->index == index)
        return p;
    for (p = own->parts; p && p->index != index; p = p->next)
        ;
    return own->last = p;
}

static int on_part(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct openai_responses_writer *own = w->own;
    struct said_part *p;

    if (own->parts_n++ == PARTS_MAX)
        return err_set(e, ERR_LIMIT, "the answer has more than %d parts", PARTS_MAX);
    p = arena_zalloc(w->arena, sizeof(*p));
    if (!p)
        return convert_no_answer(e);
    p->index = ev->index;
    p->kind = ev->part;
    p->next = own->parts;
    own->parts = own->last = p;
    switch (p->kind) {
    case CHAT_PART_TEXT:
        own->last_text = p;
        return begin_content(w, p, e);
    case CHAT_PART_REFUSAL:
        return begin_content(w, p, e);
    case CHAT_PART_TOOL_CALL:
        return begin_call(w, p, ev, e);
    case CHAT_PART_THINKING:
    case CHAT_PART_MEDIA:
    case CHAT_PART_TOOL_RESULT:
        break;
    }
    return 0;
}

static int on_delta(struct convert_writer *w, struct said_part *p, struct span text, struct err *e)
{
    bool first = !p->text.first;

    if (text.n == 0)
        return 0;
    if (p->kind == CHAT_PART_THINKING) {
        if (begin_thinking(w, p, e) < 0)
            return -1;
        if (first)
            openai_responses_say_part(w, p, false);
    }
    return p->item ? add_text(w, p, text, e) : 0;
}

static int on_sign(struct convert_writer *w, struct said_part *p, const struct chat_event *ev,
                   struct err *e)
{
    struct span s;

    if (p->kind != CHAT_PART_THINKING || ev->signer == CHAT_SIGNER_NONE)
        return 0;
    if (begin_thinking(w, p, e) < 0)
        return -1;
    s = convert_hand_out(w->arena, ev->signature, ev->signer, CHAT_SIGNER_OPENAI);
    p->item->signature = span_has(s) ? arena_dup(w->arena, s) : s;
    return span_has(p->item->signature) ? 0 : convert_no_answer(e);
}

/* ---- citations ---- */

static void put_citation(struct buf *out, yyjson_val *v)
{
    struct json_write j;

    json_write_init(&j, out);
    json_begin_object(&j);
    json_kv_cstring(&j, "type", "url_citation");
    convert_write_url_citation(&j, v);
    json_end_object(&j);
}

static int add_citation(struct convert_writer *w, struct said_part *p, struct span json,
                        struct err *e)
{
    struct span ignored;

    if (p->citations_n &&
        openai_responses_said_add(w->arena, &p->citations, SPAN_LIT(","), &ignored) < 0)
        return convert_no_answer(e);
    if (openai_responses_said_add(w->arena, &p->citations, json, &ignored) < 0)
        return convert_no_answer(e);
    openai_responses_say_citation(w, p, json);
    p->citations_n++;
    return 0;
}

struct citing {
    struct convert_writer *w;
    struct said_part *p;
};

/* One of an event's. */
static int add_any(void *arg, yyjson_val *citation, struct err *e)
{
    const struct citing *c = arg;
    yyjson_val *v = convert_url_citation(citation);
    struct buf b;
    int rc;

    if (!v)
        return 0;
    buf_init(&b, c->w->arena->budget);
    put_citation(&b, v);
    rc = buf_finish(&b, "a citation", e);
    if (rc == 0)
        rc = add_citation(c->w, c->p, buf_span(&b), e);
    buf_fini(&b);
    return rc;
}

static int on_cite(struct convert_writer *w, struct said_part *p, struct span text, struct err *e)
{
    struct citing c = {w, p};

    return p->kind == CHAT_PART_TEXT ? convert_cites(text, add_any, &c, e) : 0;
}

static int on_logprobs(struct convert_writer *w, struct span text, struct err *e)
{
    struct openai_responses_writer *own = w->own;
    struct said_part *p = own->last_text;
    struct span ignored;

    if (!p || text.n == 0)
        return 0;
    if (p->logprobs.first &&
        openai_responses_said_add(w->arena, &p->logprobs, SPAN_LIT(","), &ignored) < 0)
        return convert_no_answer(e);
    return openai_responses_said_add(w->arena, &p->logprobs, text, &ignored) < 0
               ? convert_no_answer(e)
               : 0;
}

/* ---- what the gateway calls ---- */

static int on_event_of_part(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct said_part *p = find(w->own, ev->index);

    if (!p)
        return err_set(e, ERR_PROTOCOL, "the answer speaks of a part that has not begun");
    if (p->ended)
        return 0;
    if (ev->kind == CHAT_EVENT_DELTA)
        return on_delta(w, p, ev->text, e);
    if (ev->kind == CHAT_EVENT_SIGN)
        return on_sign(w, p, ev, e);
    return ev->kind == CHAT_EVENT_CITE ? on_cite(w, p, ev->text, e) : end_part(w, p, e);
}

int openai_responses_write_event(struct convert_writer *w, const struct chat_event *ev,
                                 struct err *e)
{
    struct openai_responses_writer *own = w->own;

    if (ev->choice > 0)
        return 0; /* there is no place for a second one */
    if (ev->kind == CHAT_EVENT_START)
        return start(w, ev->id, ev->created, e);
    if (start(w, span_of(NULL, 0), 0, e) < 0)
        return -1;
    switch (ev->kind) {
    case CHAT_EVENT_PART:
        return on_part(w, ev, e);
    case CHAT_EVENT_DELTA:
    case CHAT_EVENT_SIGN:
    case CHAT_EVENT_CITE:
    case CHAT_EVENT_PART_END:
        return on_event_of_part(w, ev, e);
    case CHAT_EVENT_LOGPROBS:
        return on_logprobs(w, ev->text, e);
    case CHAT_EVENT_FINISH:
        own->stop = ev->stop;
        break;
    case CHAT_EVENT_USAGE:
        own->usage = ev->usage;
        break;
    case CHAT_EVENT_START:
        break;
    }
    return 0;
}

/* Parts that overlapped have left items behind that are not done. */
static int end_items(struct convert_writer *w, struct err *e)
{
    struct openai_responses_writer *own = w->own;

    for (struct said_item *it = own->items; it; it = it->next) {
        bool cut = !it->next && openai_responses_incomplete(own->stop);

        if (it->status)
            continue;
        own->open = it;
        if (end_item(w, true, cut ? "incomplete" : "completed", e) < 0)
            return -1;
    }
    return 0;
}

int openai_responses_end(struct convert_writer *w, struct err *e)
{
    const struct openai_responses_writer *own = w->own;

    if (start(w, span_of(NULL, 0), 0, e) < 0 || end_items(w, e) < 0)
        return -1;
    if (openai_responses_say_response(w,
                                      openai_responses_incomplete(own->stop) ? "response.incomplete"
                                                                             : "response.completed",
                                      true, e) < 0)
        return -1;
    buf_add_str(w->out, "data: [DONE]\n\n");
    return buf_finish(w->out, "answer", e);
}

static int keep_event(void *arg, const struct chat_event *ev, struct err *e)
{
    return openai_responses_write_event(arg, ev, e);
}

int openai_responses_write_answer(struct convert_writer *w, const struct chat_answer *a,
                                  struct err *e)
{
    struct openai_responses_writer *own = w->own;
    struct json_write j;

    own->quiet = true;
    if (chat_replay(a, (struct chat_sink){keep_event, w}, e) < 0 || end_items(w, e) < 0)
        return -1;
    json_write_init(&j, w->out);
    return openai_responses_say_whole(&j, w, true) < 0 ? convert_no_answer(e) : 0;
}
