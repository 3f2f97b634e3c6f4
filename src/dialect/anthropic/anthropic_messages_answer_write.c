/*
 * anthropic_messages_answer_write.c - writes answers of Anthropic's messages, event by event or
 * whole.
 *
 * A stream has one block open at a time, and clients rely on it. Parts may overlap, so those that
 * begin while another is open wait for it, in the order of their beginning, with all that they say
 * meanwhile:
 *
 *     part begins, none is open  -> its block begins
 *     part begins, another is    -> it waits
 *     the open part ends         -> its block ends; the next one's begins, says what it has to say,
 *                                   and ends if its part has ended
 *     FINISH, or the end         -> all parts have ended
 *
 * message_start waits for the first part, so that usage that is known by then stands in it.
 * message_delta waits for the usage behind FINISH, or for the end. What waits lives in the
 * request's arena and is bounded by WAITING_BYTES_MAX, counted over the whole answer.
 */
#include "dialect/convert_read.h"
#include "dialect/convert_cite.h"
#include "dialect/anthropic/anthropic_messages_convert.h"
#include "dialect/convert_write.h"

#define WAITING_BYTES_MAX ((size_t)32 * 1024 * 1024)

struct anthropic_messages_piece {
    struct anthropic_messages_piece *next;
    enum chat_event_kind kind; /* DELTA, SIGN, CITE */
    struct span text;          /* of a SIGN: as the client is given it */
};

/* How a part is said. */
static const struct part_row {
    const char *block, *text;  /* the block's type, and its member that holds text; NULL: none */
    const char *delta, *piece; /* the same of a delta */
} part_rows[] = {
    [CHAT_PART_TEXT] = {"text", "text", "text_delta", "text"},
    [CHAT_PART_REFUSAL] = {"text", "text", "text_delta", "text"},
    [CHAT_PART_THINKING] = {"thinking", "thinking", "thinking_delta", "thinking"},
    [CHAT_PART_TOOL_CALL] = {"tool_use", NULL, "input_json_delta", "partial_json"},
};

static bool is_said(enum chat_kind kind)
{
    return (size_t)kind < ARRAY_LEN(part_rows) && part_rows[kind].block;
}

/* ---- one event of a stream ---- */

static void begin_event(struct json_write *j, struct convert_writer *w, const char *type)
{
    buf_add_str(w->out, "event: ");
    buf_add_str(w->out, type);
    buf_add_str(w->out, "\ndata: ");
    json_write_init(j, w->out);
    json_begin_object(j);
    json_kv_cstring(j, "type", type);
}

static int end_event(struct json_write *j, struct err *e)
{
    json_end_object(j);
    buf_add_str(j->out, "\n\n");
    return buf_finish(j->out, "the answer", e);
}

/* ---- what streams and whole answers have in common ---- */

static void write_usage(struct json_write *j, const struct chat_usage *u)
{
    uint64_t cached = u->cache_read + u->cache_write;

    json_key(j, "usage");
    json_begin_object(j);
    json_kv_uint(j, "input_tokens", u->input - MIN(u->input, cached));
    json_kv_uint(j, "cache_creation_input_tokens", u->cache_write);
    json_kv_uint(j, "cache_read_input_tokens", u->cache_read);
    json_kv_uint(j, "output_tokens", u->output);
    if (u->reasoning) {
        json_key(j, "output_tokens_details");
        json_begin_object(j);
        json_kv_uint(j, "thinking_tokens", u->reasoning);
        json_end_object(j);
    }
    json_end_object(j);
}

static void write_stop(struct json_write *j, enum chat_stop stop, struct span text, bool refused)
{
    if (refused && stop == CHAT_STOP_END)
        stop = CHAT_STOP_REFUSAL;
    json_kv_cstring(j, "stop_reason", anthropic_messages_stop_word(stop));
    json_key(j, "stop_sequence");
    if (span_has(text))
        json_string(j, text);
    else
        json_null(j);
}

static void write_message_head(struct json_write *j, const struct convert_writer *w, struct span id,
                               struct span model)
{
    json_kv_string(j, "id", span_has(id) ? id : w->id);
    json_kv_cstring(j, "type", "message");
    json_kv_cstring(j, "role", "assistant");
    json_kv_string(j, "model", span_has(w->model) ? w->model : model);
}

/* Of a tool_use, up to its input. No other dialect lets a tool call a tool. */
static void write_call_head(struct json_write *j, struct span id, struct span name)
{
    json_kv_string(j, "id", id);
    json_kv_string(j, "name", name);
    json_key(j, "caller");
    json_begin_object(j);
    json_kv_cstring(j, "type", "direct");
    json_end_object(j);
    json_key(j, "input");
}

/* ---- blocks of a stream ---- */

static int start(struct convert_writer *w, struct err *e)
{
    struct anthropic_messages_writer *own = w->own;
    struct json_write j;

    if (own->started)
        return 0;
    own->started = true;
    begin_event(&j, w, "message_start");
    json_key(&j, "message");
    json_begin_object(&j);
    write_message_head(&j, w, own->id, own->model);
    json_key(&j, "content");
    json_begin_array(&j);
    json_end_array(&j);
    json_key(&j, "stop_reason");
    json_null(&j);
    json_key(&j, "stop_sequence");
    json_null(&j);
    write_usage(&j, &own->usage);
    json_end_object(&j);
    return end_event(&j, e);
}

/* data: of a redacted block, which has it from the start. */
static int begin_block(struct convert_writer *w, struct anthropic_messages_part *p,
                       struct span data, struct err *e)
{
    struct anthropic_messages_writer *own = w->own;
    const struct part_row *row = &part_rows[p->kind];
    struct json_write j;

    p->begun = true;
    begin_event(&j, w, "content_block_start");
    json_kv_uint(&j, "index", own->blocks);
    json_key(&j, "content_block");
    json_begin_object(&j);
    json_kv_cstring(&j, "type", p->redacted ? "redacted_thinking" : row->block);
    if (p->redacted) {
        json_kv_string(&j, "data", data);
    } else if (row->text) {
        json_kv_string(&j, row->text, SPAN_LIT(""));
    } else {
        write_call_head(&j, p->id, p->name);
        json_begin_object(&j);
        json_end_object(&j);
    }
    if (p->kind == CHAT_PART_THINKING && !p->redacted)
        json_kv_string(&j, "signature", SPAN_LIT(""));
    json_end_object(&j);
    return end_event(&j, e);
}

static void begin_delta(struct json_write *j, struct convert_writer *w, const char *type)
{
    const struct anthropic_messages_writer *own = w->own;

    begin_event(j, w, "content_block_delta");
    json_kv_uint(j, "index", own->blocks);
    json_key(j, "delta");
    json_begin_object(j);
    json_kv_cstring(j, "type", type);
}

static int end_delta(struct json_write *j, struct err *e)
{
    json_end_object(j);
    return end_event(j, e);
}

static int say_text(struct convert_writer *w, const char *type, const char *key, struct span text,
                    struct err *e)
{
    struct json_write j;

    begin_delta(&j, w, type);
    json_kv_string(&j, key, text);
    return end_delta(&j, e);
}

static int say_citation(void *arg, yyjson_val *v, struct err *e)
{
    struct convert_writer *w = arg;
    struct json_write j;

    if (!anthropic_messages_is_citation(v))
        return 0;
    begin_delta(&j, w, "citations_delta");
    json_key(&j, "citation");
    convert_write_tree(&j, v);
    return end_delta(&j, e);
}

/* Say a piece of the open part. */
static int say(struct convert_writer *w, struct anthropic_messages_part *p,
               enum chat_event_kind kind, struct span text, struct err *e)
{
    const struct part_row *row = &part_rows[p->kind];

    if (kind == CHAT_EVENT_CITE)
        return convert_cites(text, say_citation, w, e);
    if (kind == CHAT_EVENT_DELTA)
        return p->redacted ? 0 : say_text(w, row->delta, row->piece, text, e);
    p->has_signature = true;
    if (!p->redacted)
        return say_text(w, "signature_delta", "signature", text, e);
    return p->begun ? 0 : begin_block(w, p, text, e);
}

/* The first part is open from now on. */
static int open_first(struct convert_writer *w, struct err *e)
{
    struct anthropic_messages_writer *own = w->own;
    struct anthropic_messages_part *p = own->parts;

    if (!p->redacted && begin_block(w, p, span_of(NULL, 0), e) < 0)
        return -1;
    for (const struct anthropic_messages_piece *i = p->pieces; i; i = i->next)
        if (say(w, p, i->kind, i->text, e) < 0)
            return -1;
    return 0;
}

/* End the first part's block. Thinking that nobody signed has an empty signature, as in a whole
 * answer: there are clients that keep none without. */
static int close_block(struct convert_writer *w, const struct anthropic_messages_part *p,
                       struct err *e)
{
    struct anthropic_messages_writer *own = w->own;
    struct json_write j;

    if (p->kind == CHAT_PART_THINKING && !p->has_signature &&
        say_text(w, "signature_delta", "signature", SPAN_LIT(""), e) < 0)
        return -1;
    begin_event(&j, w, "content_block_stop");
    json_kv_uint(&j, "index", own->blocks++);
    return end_event(&j, e);
}

/* End the blocks of parts that have ended; all: those of all parts. */
static int close_blocks(struct convert_writer *w, bool all, struct err *e)
{
    struct anthropic_messages_writer *own = w->own;

    while (own->parts && (own->parts->ended || all)) {
        if (own->parts->begun && close_block(w, own->parts, e) < 0)
            return -1;
        own->parts = own->parts->next;
        if (own->parts && open_first(w, e) < 0)
            return -1;
    }
    return 0;
}

static int say_end(struct convert_writer *w, struct err *e)
{
    struct anthropic_messages_writer *own = w->own;
    struct json_write j;

    if (own->said)
        return 0;
    own->said = true;
    begin_event(&j, w, "message_delta");
    json_key(&j, "delta");
    json_begin_object(&j);
    write_stop(&j, own->stop, own->stop_text, own->refused);
    json_end_object(&j);
    write_usage(&j, &own->usage);
    return end_event(&j, e);
}

/* ---- events ---- */

static int keep(struct convert_writer *w, struct span *to, struct span s, struct err *e)
{
    if (!span_has(s))
        return 0;
    *to = arena_dup(w->arena, s);
    return span_has(*to) ? 0 : convert_no_answer(e);
}

static int count_waiting(struct anthropic_messages_writer *own, size_t n, struct err *e)
{
    own->waiting_bytes += n;
    return own->waiting_bytes <= WAITING_BYTES_MAX
               ? 0
               : err_set(e, ERR_LIMIT, "parts of the answer overlap by more than %zu bytes",
                         WAITING_BYTES_MAX);
}

static int add_part(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct anthropic_messages_writer *own = w->own;
    struct anthropic_messages_part *p;

    if (!is_said(ev->part))
        return 0;
    own->refused |= ev->part == CHAT_PART_REFUSAL;
    p = arena_zalloc(w->arena, sizeof(*p));
    if (!p)
        return convert_no_answer(e);
    p->index = ev->index;
    p->kind = ev->part;
    p->redacted = ev->redacted;
    p->pieces_tail = &p->pieces;
    if (keep(w, &p->id, ev->id, e) < 0 || keep(w, &p->name, ev->name, e) < 0)
        return -1;
    if (!own->parts)
        own->parts_tail = &own->parts;
    *own->parts_tail = p;
    own->parts_tail = &p->next;
    if (own->parts == p)
        return open_first(w, e);
    return count_waiting(own, sizeof(*p) + p->id.n + p->name.n, e);
}

static int wait(struct convert_writer *w, struct anthropic_messages_part *p,
                enum chat_event_kind kind, struct span text, struct err *e)
{
    struct anthropic_messages_writer *own = w->own;
    struct anthropic_messages_piece *i;

    if (count_waiting(own, sizeof(*i) + text.n, e) < 0)
        return -1;
    i = arena_zalloc(w->arena, sizeof(*i));
    if (!i)
        return convert_no_answer(e);
    i->kind = kind;
    *p->pieces_tail = i;
    p->pieces_tail = &i->next;
    return keep(w, &i->text, text, e);
}

static int add_piece(struct convert_writer *w, struct anthropic_messages_part *p,
                     const struct chat_event *ev, struct err *e)
{
    struct anthropic_messages_writer *own = w->own;
    struct span text = ev->text;

    if (ev->kind == CHAT_EVENT_SIGN) {
        if (p->kind != CHAT_PART_THINKING || ev->signer == CHAT_SIGNER_NONE)
            return 0; /* no other block has a place for it */
        text = convert_hand_out(w->arena, ev->signature, ev->signer, CHAT_SIGNER_ANTHROPIC);
        if (!span_has(text))
            return convert_no_answer(e);
    }
    if (text.n == 0)
        return 0;
    return p == own->parts ? say(w, p, ev->kind, text, e) : wait(w, p, ev->kind, text, e);
}

/* NULL: the part is none that is said, or has ended. */
static struct anthropic_messages_part *find(const struct anthropic_messages_writer *own,
                                            uint32_t index)
{
    struct anthropic_messages_part *p = own->parts;

    while (p && (p->index != index || p->ended))
        p = p->next;
    return p;
}

static int finish(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct anthropic_messages_writer *own = w->own;

    own->finished = true;
    own->stop = ev->stop;
    return keep(w, &own->stop_text, ev->stop_text, e) < 0 ? -1 : close_blocks(w, true, e);
}

static int of_part(struct convert_writer *w, const struct chat_event *ev, struct err *e)
{
    struct anthropic_messages_part *p = find(w->own, ev->index);

    if (!p)
        return 0;
    if (ev->kind != CHAT_EVENT_PART_END)
        return add_piece(w, p, ev, e);
    p->ended = true;
    return close_blocks(w, false, e);
}

int anthropic_messages_write_event(struct convert_writer *w, const struct chat_event *ev,
                                   struct err *e)
{
    struct anthropic_messages_writer *own = w->own;

    if (ev->choice != 0) /* the dialect has but one */
        return 0;
    if (ev->kind == CHAT_EVENT_START)
        return keep(w, &own->id, ev->id, e) < 0 ? -1 : keep(w, &own->model, ev->model, e);
    if (ev->kind == CHAT_EVENT_USAGE) {
        own->usage = ev->usage;
        return own->finished ? say_end(w, e) : 0;
    }
    if (start(w, e) < 0)
        return -1;
    switch (ev->kind) {
    case CHAT_EVENT_PART:
        return add_part(w, ev, e);
    case CHAT_EVENT_FINISH:
        return finish(w, ev, e);
    case CHAT_EVENT_DELTA:
    case CHAT_EVENT_SIGN:
    case CHAT_EVENT_CITE:
    case CHAT_EVENT_PART_END:
        return of_part(w, ev, e);
    case CHAT_EVENT_START:
    case CHAT_EVENT_USAGE:
    case CHAT_EVENT_LOGPROBS: /* it cannot say them */
        break;
    }
    return 0;
}

static void write_model(struct json_write *j, const char *key, struct span model)
{
    json_key(j, key);
    json_begin_object(j);
    json_kv_string(j, "model", model);
    json_end_object(j);
}

/* Why is a word of ours: the API's own, "refusal", it was not. */
int anthropic_messages_write_join(struct convert_writer *w, struct span from, struct span to,
                                  struct err *e)
{
    struct anthropic_messages_writer *own = w->own;
    struct json_write j;

    begin_event(&j, w, "content_block_start");
    json_kv_uint(&j, "index", own->blocks);
    json_key(&j, "content_block");
    json_begin_object(&j);
    json_kv_cstring(&j, "type", "fallback");
    write_model(&j, "from", from);
    write_model(&j, "to", to);
    json_key(&j, "trigger");
    json_begin_object(&j);
    json_kv_cstring(&j, "type", "interrupted");
    json_end_object(&j);
    json_end_object(&j);
    if (end_event(&j, e) < 0)
        return -1;
    begin_event(&j, w, "content_block_stop");
    json_kv_uint(&j, "index", own->blocks++);
    return end_event(&j, e);
}

int anthropic_messages_end(struct convert_writer *w, struct err *e)
{
    struct json_write j;

    if (start(w, e) < 0 || close_blocks(w, true, e) < 0 || say_end(w, e) < 0)
        return -1;
    begin_event(&j, w, "message_stop");
    return end_event(&j, e);
}

/* ---- whole answers ---- */

static int write_input(struct json_write *j, const struct chat_part *p, struct err *e)
{
    struct span args = p->args.n ? p->args : SPAN_LIT("{}");

    if (anthropic_messages_object(args, e) < 0)
        return err_prefix(e, "the arguments of a call of '%.*s'", (int)MIN(p->name.n, (size_t)64),
                          p->name.p);
    write_call_head(j, p->id, p->name);
    json_raw(j, args);
    return 0;
}

static int write_part(struct json_write *j, struct convert_writer *w, const struct chat_part *p,
                      struct err *e)
{
    const struct part_row *row = &part_rows[p->kind];
    struct span signature = SPAN_LIT("");

    if (p->kind == CHAT_PART_THINKING && p->signer != CHAT_SIGNER_NONE && p->signature.n) {
        signature = convert_hand_out(w->arena, p->signature, p->signer, CHAT_SIGNER_ANTHROPIC);
        if (!span_has(signature))
            return convert_no_answer(e);
    }
    if (p->redacted ? signature.n == 0 : row->text && p->text.n == 0 && signature.n == 0)
        return 0; /* nothing to say */
    json_begin_object(j);
    json_kv_cstring(j, "type", p->redacted ? "redacted_thinking" : row->block);
    if (p->redacted)
        json_kv_string(j, "data", signature);
    else if (row->text)
        json_kv_string(j, row->text, p->text);
    else if (write_input(j, p, e) < 0)
        return -1;
    if (p->kind == CHAT_PART_THINKING && !p->redacted)
        json_kv_string(j, "signature", signature);
    if (p->kind == CHAT_PART_TEXT && anthropic_messages_cite(j, p->citations, e) < 0)
        return -1;
    json_end_object(j);
    return 0;
}

int anthropic_messages_write_answer(struct convert_writer *w, const struct chat_answer *a,
                                    struct err *e)
{
    const struct chat_choice_answer *c = &a->choices[0];
    bool refused = false;
    struct json_write j;

    json_write_init(&j, w->out);
    json_begin_object(&j);
    write_message_head(&j, w, a->id, a->model);
    json_key(&j, "content");
    json_begin_array(&j);
    for (const struct chat_part *p = c->parts; p; p = p->next) {
        refused |= p->kind == CHAT_PART_REFUSAL;
        if (is_said(p->kind) && write_part(&j, w, p, e) < 0)
            return -1;
    }
    json_end_array(&j);
    write_stop(&j, c->stop, c->stop_text, refused);
    write_usage(&j, &a->usage);
    json_end_object(&j);
    return buf_finish(w->out, "the answer", e);
}
