/*
 * openai_responses_answer_read.c - reads answers of the Responses API as chat events.
 *
 * A part of the conversation is a text or refusal of a message, a call, or a reasoning item with
 * all parts of its summary. Events name it by output_index and, in a message, content_index.
 *
 *     output_item.added, content_part.added, *.delta -> the part begins, if it has not
 *     *.delta                                        -> its text
 *     *.done                                         -> its text, as far as no delta brought it
 *     content_part.done, output_item.done            -> what is still missing, and its end
 *
 * So an answer that leaves out any of these says the same, and a whole answer is a row of items
 * that are done. Items of the provider's own tools are passed over: who asked for them is not
 * translated.
 *
 * Invariants: (1) a part begins once and ends once; (2) a reasoning item begins with its first text
 * or with its end, for only then it is known whether it has any.
 */
#include "dialect/openai/openai_responses_convert.h"

#define PARTS_MAX 4096 /* of one answer */

struct place {
    struct place *next;
    uint64_t output, content; /* content: 0 outside of messages */
    enum chat_kind kind;
    uint32_t index;
    struct span id, name; /* of a call; of a reasoning item its id */
    bool free, begun, ended, text;
    uint64_t piece; /* of reasoning: which part of its summary had the last text */
    uint64_t cited; /* of a text: so many citations were told */
};

/* One event or item on its way. */
struct turn {
    struct convert_reader *r;
    struct openai_responses_reader *own;
    yyjson_val *root;
    uint64_t output, content;
    struct err *e;
};

static int emit(const struct turn *t, const struct chat_event *ev)
{
    return t->r->sink.event(t->r->sink.arg, ev, t->e);
}

static uint64_t number(yyjson_val *v, const char *key)
{
    uint64_t n = 0;

    return json_tree_u64(json_get(v, key), &n) ? n : 0;
}

/* ---- parts ---- */

/* The part of that kind at this output and content. NULL: no memory, or there are too many. */
static struct place *place_of(const struct turn *t, enum chat_kind kind, uint64_t content)
{
    struct openai_responses_reader *own = t->own;
    struct place *p = own->last;

    if (p && p->output == t->output && p->content == content && p->kind == kind)
        return p;
    for (p = own->places; p; p = p->next)
        if (p->output == t->output && p->content == content && p->kind == kind) {
            own->last = p;
            return p;
        }
    if (own->places_n++ == PARTS_MAX) {
        (void)err_set(t->e, ERR_LIMIT, "the answer has more than %d parts", PARTS_MAX);
        return NULL;
    }
    p = arena_zalloc(t->r->arena, sizeof(*p));
    if (!p) {
        (void)err_set(t->e, ERR_NOMEM, "no memory for an answer");
        return NULL;
    }
    p->output = t->output;
    p->content = content;
    p->kind = kind;
    p->next = own->places;
    own->places = own->last = p;
    return p;
}

static int begin(const struct turn *t, struct place *p, bool redacted)
{
    const struct chat_event ev = {.kind = CHAT_EVENT_PART,
                                  .index = t->own->begun_n,
                                  .part = p->kind,
                                  .id = p->id,
                                  .name = p->name,
                                  .free = p->free,
                                  .redacted = redacted};

    if (p->begun)
        return 0;
    if (p->kind == CHAT_PART_TOOL_CALL && p->name.n == 0)
        return err_set(t->e, ERR_PROTOCOL, "a call without its name");
    p->begun = true;
    p->index = t->own->begun_n++;
    t->own->tool |= p->kind == CHAT_PART_TOOL_CALL;
    return emit(t, &ev);
}

static int say(const struct turn *t, struct place *p, struct span text)
{
    struct chat_event ev = {.kind = CHAT_EVENT_DELTA, .part = p->kind, .text = text};

    if (text.n == 0 || p->ended)
        return 0;
    if (begin(t, p, false) < 0)
        return -1;
    p->text = true;
    ev.index = p->index;
    return emit(t, &ev);
}

/* A delta of piece number `piece` of a reasoning item: pieces are paragraphs. */
static int say_piece(const struct turn *t, struct place *p, uint64_t piece, struct span text)
{
    bool apart = p->text && p->piece != piece && text.n;

    if (apart && say(t, p, SPAN_LIT("\n\n")) < 0)
        return -1;
    p->piece = piece;
    return say(t, p, text);
}

static int end_part(const struct turn *t, struct place *p)
{
    const struct chat_event ev = {.kind = CHAT_EVENT_PART_END, .part = p->kind, .index = p->index};

    if (p->ended || !p->begun)
        return 0;
    p->ended = true;
    return emit(t, &ev);
}

/* Each token as the chat API has it; both have it alike. */
static int tell_logprobs(const struct turn *t, yyjson_val *list)
{
    struct chat_event ev = {.kind = CHAT_EVENT_LOGPROBS};
    struct buf b;
    int rc = -1;

    if (yyjson_arr_size(list) == 0)
        return 0;
    buf_init(&b, t->r->arena->budget);
    json_write_tree(&b, list);
    if (buf_finish(&b, "log-probabilities", t->e) == 0) {
        ev.text = span_of(b.p + 1, b.n - 2);
        rc = emit(t, &ev);
    }
    buf_fini(&b);
    return rc;
}

static int tell_citation(const struct turn *t, const struct place *p, yyjson_val *citation)
{
    struct chat_event ev = {.kind = CHAT_EVENT_CITE, .part = p->kind, .index = p->index};
    struct buf b;
    int rc = -1;

    if (!yyjson_is_obj(citation) || p->ended)
        return 0;
    buf_init(&b, t->r->arena->budget);
    json_write_tree(&b, citation);
    if (buf_finish(&b, "a citation", t->e) == 0) {
        ev.text = buf_span(&b);
        rc = emit(t, &ev);
    }
    buf_fini(&b);
    return rc;
}

/* ---- items ---- */

static int keep(const struct turn *t, struct span *to, struct span s)
{
    if (span_has(*to) || !span_has(s))
        return 0;
    *to = arena_dup(t->r->arena, s);
    return span_has(*to) ? 0 : err_set(t->e, ERR_NOMEM, "no memory for an answer");
}

static int call_begins(const struct turn *t, yyjson_val *item, bool is_free)
{
    struct place *p = place_of(t, CHAT_PART_TOOL_CALL, 0);

    if (!p)
        return -1;
    p->free = is_free;
    return keep(t, &p->id, json_get_text(item, "call_id")) < 0 ||
                   keep(t, &p->name, json_get_text(item, "name")) < 0
               ? -1
               : begin(t, p, false);
}

static int call_is_done(const struct turn *t, yyjson_val *item, const char *member)
{
    struct place *p = place_of(t, CHAT_PART_TOOL_CALL, 0);

    if (!p || (!p->text && say(t, p, json_get_text(item, member)) < 0))
        return -1;
    return end_part(t, p);
}

static int function_added(const struct turn *t, yyjson_val *item)
{
    return call_begins(t, item, false);
}

static int function_done(const struct turn *t, yyjson_val *item)
{
    return call_begins(t, item, false) < 0 ? -1 : call_is_done(t, item, "arguments");
}

static int custom_added(const struct turn *t, yyjson_val *item)
{
    return call_begins(t, item, true);
}

static int custom_done(const struct turn *t, yyjson_val *item)
{
    return call_begins(t, item, true) < 0 ? -1 : call_is_done(t, item, "input");
}

static int reasoning_added(const struct turn *t, yyjson_val *item)
{
    struct place *p = place_of(t, CHAT_PART_THINKING, 0);

    return p ? keep(t, &p->id, json_get_text(item, "id")) : -1;
}

static int say_list(const struct turn *t, struct place *p, yyjson_val *list)
{
    yyjson_val *one;
    size_t i, n;

    yyjson_arr_foreach(list, i, n, one)
    {
        if (say_piece(t, p, i, json_get_text(one, "text")) < 0)
            return -1;
    }
    return 0;
}

/* The summary is what a client is shown; where there is none, some hosts give all of it. */
static int reasoning_done(const struct turn *t, yyjson_val *item)
{
    struct span sign = json_get_text(item, "encrypted_content");
    struct chat_event ev = {
        .kind = CHAT_EVENT_SIGN, .part = CHAT_PART_THINKING, .signer = CHAT_SIGNER_OPENAI};
    struct place *p = place_of(t, CHAT_PART_THINKING, 0);

    if (!p || reasoning_added(t, item) < 0)
        return -1;
    if (!p->text && say_list(t, p, json_get(item, "summary")) < 0)
        return -1;
    if (!p->text && say_list(t, p, json_get(item, "content")) < 0)
        return -1;
    if (sign.n && !p->ended) {
        if (begin(t, p, true) < 0)
            return -1;
        ev.index = p->index;
        ev.signature = sign;
        if (emit(t, &ev) < 0)
            return -1;
    }
    return end_part(t, p);
}

/* ---- parts of a message ---- */

static const struct part_kind {
    const char *type, *member;
    enum chat_kind kind;
} part_kinds[] = {
    {"output_text", "text", CHAT_PART_TEXT},
    {"text", "text", CHAT_PART_TEXT},
    {"refusal", "refusal", CHAT_PART_REFUSAL},
};

static const struct part_kind *part_kind(yyjson_val *part)
{
    for (size_t i = 0; i < ARRAY_LEN(part_kinds); i++)
        if (span_is(json_get_text(part, "type"), part_kinds[i].type))
            return &part_kinds[i];
    return NULL;
}

static int content_added(const struct turn *t, yyjson_val *part)
{
    const struct part_kind *k = part_kind(part);
    struct place *p = k ? place_of(t, k->kind, t->content) : NULL;

    if (!k) /* "reasoning_text": its item knows */
        return 0;
    return p && begin(t, p, false) == 0 ? say(t, p, json_get_text(part, k->member)) : -1;
}

/* The end of a part brings what no event before it has brought. */
static int content_done(const struct turn *t, yyjson_val *part)
{
    const struct part_kind *k = part_kind(part);
    struct place *p = k ? place_of(t, k->kind, t->content) : NULL;
    yyjson_val *list = json_get(part, "annotations"), *one;
    size_t i, n;

    if (!k)
        return 0;
    if (!p || begin(t, p, false) < 0)
        return -1;
    if (!p->text) {
        if (say(t, p, json_get_text(part, k->member)) < 0 ||
            (!p->ended && tell_logprobs(t, json_get(part, "logprobs")) < 0))
            return -1;
    }
    yyjson_arr_foreach(list, i, n, one)
    {
        if (i >= p->cited && tell_citation(t, p, one) < 0)
            return -1;
    }
    return end_part(t, p);
}

static int message_done(const struct turn *t, yyjson_val *item)
{
    yyjson_val *one;
    struct turn part = *t;
    size_t i, n;

    yyjson_arr_foreach(json_get(item, "content"), i, n, one)
    {
        part.content = i;
        if (content_done(&part, one) < 0)
            return -1;
    }
    return 0;
}

static int nothing(const struct turn *t, yyjson_val *item)
{
    UNUSED(t);
    UNUSED(item);
    return 0;
}

static const struct item_kind {
    const char *type;
    int (*added)(const struct turn *t, yyjson_val *item);
    int (*done)(const struct turn *t, yyjson_val *item);
} item_kinds[] = {
    {"message", nothing, message_done},
    {"function_call", function_added, function_done},
    {"custom_tool_call", custom_added, custom_done},
    {"reasoning", reasoning_added, reasoning_done},
};

static const struct item_kind *item_kind(yyjson_val *item)
{
    for (size_t i = 0; i < ARRAY_LEN(item_kinds); i++)
        if (span_is(json_get_text(item, "type"), item_kinds[i].type))
            return &item_kinds[i];
    return NULL;
}

/* ---- the answer as a whole ---- */

static int start(const struct turn *t, yyjson_val *response)
{
    struct chat_event ev = {.kind = CHAT_EVENT_START,
                            .id = json_get_text(response, "id"),
                            .model = json_get_text(response, "model"),
                            .created = number(response, "created_at")};

    if (t->own->started)
        return 0;
    t->own->started = true;
    return emit(t, &ev);
}

static enum chat_stop stop_of(const struct turn *t, yyjson_val *response)
{
    static const struct {
        const char *word;
        enum chat_stop stop;
    } reasons[] = {
        {"max_output_tokens", CHAT_STOP_LENGTH},
        {"content_filter", CHAT_STOP_FILTER},
    };
    struct span reason = json_get_text(json_get(response, "incomplete_details"), "reason");
    struct span status = json_get_text(response, "status");

    if (span_is(status, "queued") || span_is(status, "in_progress"))
        return CHAT_STOP_NONE; /* in the background */
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (span_is(reason, reasons[i].word))
            return reasons[i].stop;
    if (span_is(status, "incomplete"))
        return CHAT_STOP_LENGTH; /* some limit that has no name yet */
    return t->own->tool ? CHAT_STOP_TOOL : CHAT_STOP_END;
}

static int finish(const struct turn *t, yyjson_val *response)
{
    yyjson_val *u = json_get(response, "usage"), *in = json_get(u, "input_tokens_details");
    const struct chat_event stop = {.kind = CHAT_EVENT_FINISH, .stop = stop_of(t, response)};
    const struct chat_event usage = {
        .kind = CHAT_EVENT_USAGE,
        .usage = {.input = number(u, "input_tokens"),
                  .output = number(u, "output_tokens"),
                  .cache_read = number(in, "cached_tokens"),
                  .cache_write = number(in, "cache_write_tokens"),
                  .reasoning = number(json_get(u, "output_tokens_details"), "reasoning_tokens"),
                  .seen = true}};

    if (stop.stop != CHAT_STOP_NONE && emit(t, &stop) < 0)
        return -1;
    return yyjson_is_obj(u) ? emit(t, &usage) : 0;
}

/* ---- events ---- */

static int on_start(const struct turn *t)
{
    return start(t, json_get(t->root, "response"));
}

static int on_end(const struct turn *t)
{
    yyjson_val *response = json_get(t->root, "response");

    return start(t, response) < 0 ? -1 : finish(t, response);
}

static int on_item_added(const struct turn *t)
{
    yyjson_val *item = json_get(t->root, "item");
    const struct item_kind *k = item_kind(item);

    return k ? k->added(t, item) : 0;
}

static int on_item_done(const struct turn *t)
{
    yyjson_val *item = json_get(t->root, "item");
    const struct item_kind *k = item_kind(item);

    return k ? k->done(t, item) : 0;
}

static int on_part_added(const struct turn *t)
{
    return content_added(t, json_get(t->root, "part"));
}

static int on_part_done(const struct turn *t)
{
    return content_done(t, json_get(t->root, "part"));
}

static int delta(const struct turn *t, enum chat_kind kind, uint64_t content)
{
    struct place *p = place_of(t, kind, content);

    return p ? say(t, p, json_get_text(t->root, "delta")) : -1;
}

static int on_text(const struct turn *t)
{
    return delta(t, CHAT_PART_TEXT, t->content) < 0
               ? -1
               : tell_logprobs(t, json_get(t->root, "logprobs"));
}

static int on_refusal(const struct turn *t)
{
    return delta(t, CHAT_PART_REFUSAL, t->content);
}

static int on_arguments(const struct turn *t)
{
    return delta(t, CHAT_PART_TOOL_CALL, 0);
}

/* Which piece of a reasoning item an event speaks of. */
static uint64_t piece(const struct turn *t)
{
    return MAX(number(t->root, "summary_index"), t->content);
}

static int on_reasoning(const struct turn *t)
{
    struct place *p = place_of(t, CHAT_PART_THINKING, 0);

    return p ? say_piece(t, p, piece(t), json_get_text(t->root, "delta")) : -1;
}

static int on_citation(const struct turn *t)
{
    struct place *p = place_of(t, CHAT_PART_TEXT, t->content);

    if (!p || begin(t, p, false) < 0)
        return -1;
    p->cited = number(t->root, "annotation_index") + 1;
    return tell_citation(t, p, json_get(t->root, "annotation"));
}

static const struct {
    const char *type;
    int (*on)(const struct turn *t);
} events[] = {
    {"response.output_text.delta", on_text},
    {"response.function_call_arguments.delta", on_arguments},
    {"response.custom_tool_call_input.delta", on_arguments},
    {"response.reasoning_summary_text.delta", on_reasoning},
    {"response.reasoning_text.delta", on_reasoning},
    {"response.reasoning.delta", on_reasoning},
    {"response.refusal.delta", on_refusal},
    {"response.created", on_start},
    {"response.in_progress", on_start},
    {"response.queued", on_start},
    {"response.output_item.added", on_item_added},
    {"response.output_item.done", on_item_done},
    {"response.content_part.added", on_part_added},
    {"response.content_part.done", on_part_done},
    {"response.output_text.annotation.added", on_citation},
    {"response.completed", on_end},
    {"response.incomplete", on_end},
};

int openai_responses_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                                struct err *e)
{
    struct span type = json_get_text(root, "type");
    const struct turn t = {.r = r,
                           .own = r->own,
                           .root = root,
                           .output = number(root, "output_index"),
                           .content = number(root, "content_index"),
                           .e = e};

    if (!span_has(type))
        type = name;
    if (r->stand)
        openai_responses_note(r->stand, type, root);
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (span_is(type, events[i].type))
            return events[i].on(&t);
    return 0;
}

int openai_responses_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    struct turn t = {.r = r, .own = r->own, .root = root, .e = e};
    yyjson_val *one;
    size_t i, n;

    if (start(&t, root) < 0)
        return -1;
    yyjson_arr_foreach(json_get(root, "output"), i, n, one)
    {
        const struct item_kind *k = item_kind(one);

        t.output = i;
        if (k && k->done(&t, one) < 0)
            return -1;
    }
    return finish(&t, root);
}
