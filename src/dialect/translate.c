/*
 * translate.c - see translate.h.
 *
 * One tree serves the request for as long as it is written, and then every event in turn: what has
 * to outlive an event is in the arena.
 */
#include "dialect/translate.h"

#include "base/mem.h"
#include "codec/json_write.h"
#include "dialect/convert_cite.h"
#include "dialect/convert_most.h"
#include "dialect/convert_read.h"

#define ARENA_BASE  ((size_t)4 * 1024 * 1024)
#define ARENA_TIMES 16 /* a part takes some 300 bytes, and 25 of text at the least */

/* A part of the answer that has begun and not ended. */
struct open_part {
    struct open_part *next;
    uint32_t choice, index;
    enum chat_kind part;
};

struct translate {
    struct translate_conf conf;
    struct arena arena;       /* of the request and of both states */
    struct json_tree request; /* spans of the conversation point into it */
    struct event_tree event;
    struct chat_request q;
    struct convert_told told; /* of the request as it was written, and of the answer */
    struct convert_reader reader;
    struct chat_sink to;    /* where the answer's events go */
    struct open_part *open; /* in the order of their beginning */
    struct join join;
    struct span joiner; /* the model that goes on, until the client has been told of it in a block
                         * of its own; absent: there is nothing to be told so */
    struct span mark;   /* what the next thing that the client is told says of the join; absent: it
                         * has been said, or there is none */
    struct convert_writer writer;
    struct embed_request embed; /* instead of a conversation */
};

static int write_event(void *arg, const struct chat_event *ev, struct err *e)
{
    struct translate *t = arg;

    return t->conf.client->write_event(&t->writer, ev, e);
}

static int note_part(struct translate *t, const struct chat_event *ev, struct err *e)
{
    struct open_part **at = &t->open, *p;

    while (*at && ((*at)->choice != ev->choice || (*at)->index != ev->index))
        at = &(*at)->next;
    if (*at && ev->kind == CHAT_EVENT_PART_END) {
        *at = (*at)->next;
    } else if (!*at && ev->kind == CHAT_EVENT_PART) {
        p = arena_zalloc(&t->arena, sizeof(*p));
        if (!p)
            return err_set(e, ERR_NOMEM, "no memory for an answer");
        *p = (struct open_part){NULL, ev->choice, ev->index, ev->part};
        *at = p;
    }
    return 0;
}

/* Answers that are complete without a word about the end of their parts: a host that sends no
 * finish reason. */
static int end_parts(struct translate *t, struct err *e)
{
    struct chat_event ev = {.kind = CHAT_EVENT_PART_END};

    for (const struct open_part *p = t->open; p; p = p->next) {
        ev.choice = p->choice;
        ev.index = p->index;
        ev.part = p->part;
        if (t->to.event(t->to.arg, &ev, e) < 0)
            return -1;
    }
    t->open = NULL;
    return 0;
}

/* A citation of a kind that the client's dialect does not have is noted: it is left out. */
static int note_citation(void *arg, yyjson_val *citation, struct err *e)
{
    struct translate *t = arg;

    UNUSED(e);
    if (!t->conf.client->cites(citation))
        t->told.dropped |= CHAT_BIT(CHAT_HAS_CITATIONS);
    return 0;
}

/* The client's own names of its tools, where the target got others. */
static int hand_on(void *arg, const struct chat_event *ev, struct err *e)
{
    struct translate *t = arg;
    struct chat_event own = *ev;

    if ((ev->kind == CHAT_EVENT_PART || ev->kind == CHAT_EVENT_PART_END) && note_part(t, ev, e) < 0)
        return -1;
    if (ev->kind == CHAT_EVENT_PART && ev->part == CHAT_PART_MEDIA &&
        t->conf.client->loss[CHAT_HAS_MEDIA_OUT].loss != CARRIED)
        t->told.dropped |= CHAT_BIT(CHAT_HAS_MEDIA_OUT);
    if (ev->kind == CHAT_EVENT_CITE && convert_cites(ev->text, note_citation, t, e) < 0)
        return -1;
    if (ev->kind == CHAT_EVENT_PART && ev->part == CHAT_PART_TOOL_CALL && t->conf.target->names)
        own.name = convert_unfit_name(&t->q, ev->name, t->conf.target->names);
    return t->to.event(t->to.arg, &own, e);
}

static int read_request(struct translate *t, struct span body, struct err *e)
{
    const struct convert_count *count = t->conf.client_count;
    yyjson_val *root;

    if (json_tree_read(&t->request, body, e) < 0)
        return -1;
    root = t->request.root;
    if (t->conf.client_embed)
        return t->conf.client_embed->read_request(&t->embed, root, e);
    return convert_read(t->conf.client, &t->q, count ? convert_count_request(count, root) : root,
                        e);
}

static int begin(struct translate *t, struct err *e)
{
    t->embed.notes = &t->q;
    t->conf.model = arena_dup(&t->arena, t->conf.model);
    if (!span_has(t->conf.model))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    if (t->conf.client_embed)
        return 0;
    t->to = (struct chat_sink){write_event, t};
    t->reader =
        (struct convert_reader){.c = t->conf.target,
                                .own = arena_zalloc(&t->arena, t->conf.target->reader_bytes),
                                .arena = &t->arena,
                                .sink = {hand_on, t},
                                .told = &t->told};
    t->writer =
        (struct convert_writer){.c = t->conf.client,
                                .own = arena_zalloc(&t->arena, t->conf.client->writer_bytes),
                                .arena = &t->arena,
                                .request = &t->q,
                                .model = t->conf.model,
                                .id = arena_dup(&t->arena, t->conf.id),
                                .created = t->conf.created};
    if (!t->reader.own || !t->writer.own || !span_has(t->writer.id))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    return 0;
}

int translate_new(struct translate **ret, const struct translate_conf *conf, struct span body,
                  struct err *e)
{
    struct translate *t = mem_zalloc(1, sizeof(*t));

    if (!t)
        return err_set(e, ERR_NOMEM, "no memory for a request");
    t->conf = *conf;
    if (!t->conf.host)
        t->conf.host = &convert_host_plain;
    arena_init(&t->arena, ARENA_BASE + ARENA_TIMES * body.n);
    event_tree_init(&t->event);
    t->q.arena = &t->arena;
    if (begin(t, e) < 0 || read_request(t, body, e) < 0) {
        translate_free(&t);
        return -1;
    }
    convert_forget(&t->q, t->conf.host);
    *ret = t;
    return 0;
}

void translate_free(struct translate **tp)
{
    struct translate *t = *tp;

    *tp = NULL;
    if (!t)
        return;
    json_tree_fini(&t->request);
    event_tree_fini(&t->event);
    arena_fini(&t->arena);
    mem_free(t);
}

uint64_t translate_memory(const struct translate *t)
{
    return sizeof(*t) + t->arena.used + json_tree_memory(&t->request) +
           json_tree_memory(&t->event.tree);
}

enum chat_feature translate_obstacle(const struct translate *t)
{
    return t->conf.target ? convert_obstacle(t->conf.target, t->conf.host, &t->q) : CHAT_FEATURES;
}

struct span translate_place(const struct translate *t, enum chat_feature f)
{
    return t->q.places[f];
}

void translate_dropped(const struct translate *t, struct buf *out)
{
    if (t->conf.target)
        convert_dropped(out, t->conf.target, t->conf.host, &t->q, &t->told);
    else
        convert_others(out, &t->q);
}

void translate_approximated(const struct translate *t, struct buf *out)
{
    if (t->conf.target)
        convert_approximated(out, t->conf.target, t->conf.host, &t->q, &t->told);
}

/* What was written is all of it, or nothing is: the writers append without looking. */
static int finish(int rc, const struct buf *out, const char *what, struct err *e)
{
    return rc < 0 ? rc : buf_finish(out, what, e);
}

int translate_request(struct translate *t, struct buf *out, const struct convert_to *to,
                      struct err *e)
{
    struct convert_to with = *to;
    struct chat_request q = t->q; /* the client may be told of its own again */
    int rc;

    t->told = (struct convert_told){0};
    with.told = &t->told;
    with.host = t->conf.host;
    if (t->conf.target_embed)
        return finish(convert_embed_request(t->conf.target_embed, out, &t->embed, &with, e), out,
                      "request", e);
    if (convert_within(&q, &with, e) < 0)
        return -1;
    rc = t->conf.target->write_request(out, &q, &with, e);
    if (rc < 0)
        e->place_n = 0; /* it is one in the conversation, which is not as the client spelled it */
    return finish(rc, out, "request", e);
}

/* ---- to go on with an answer ---- */

/* One that is bound to a form is of one piece: a grammar, or a schema, knows no beginning that
 * another one has made. A key that is not known here may mean that. */
static bool may_go_on(const struct chat_request *q)
{
    size_t others = q->others_more;

    for (const struct chat_text *t = q->others; t; t = t->next)
        others++;
    return others == q->others_free && q->format != CHAT_FORMAT_OBJECT &&
           q->format != CHAT_FORMAT_SCHEMA &&
           !(q->has & (CHAT_BIT(CHAT_HAS_LOGPROBS) | CHAT_BIT(CHAT_HAS_CHOICES) |
                       CHAT_BIT(CHAT_HAS_MODALITIES) | CHAT_BIT(CHAT_HAS_AUDIO_OUT)));
}

/* The last message of the request, which is the assistant's. NULL: no memory. */
static struct chat_message *own_message(struct chat_request *q)
{
    struct chat_message **to = &q->messages, *last = NULL;

    for (; *to; to = &(*to)->next)
        last = *to;
    return last && last->role == CHAT_ROLE_ASSISTANT
               ? last
               : chat_add_message(q, &to, CHAT_ROLE_ASSISTANT);
}

/* A word about it: the text was the model's, and it is to go on with it and with nothing else. */
static int ask_in_words(struct translate *t, struct err *e)
{
    static const struct span words =
        SPAN_LIT("Your last message was cut off. Go on with it from the exact place where it ends: "
                 "begin with the very next character, repeat nothing, and say nothing about this.");
    struct chat_message **to = &t->q.messages, *m;
    struct chat_part **tail;

    while (*to)
        to = &(*to)->next;
    m = chat_add_message(&t->q, &to, CHAT_ROLE_USER);
    if (!m)
        return err_set(e, ERR_NOMEM, "no memory for a request");
    t->q.has &= ~CHAT_BIT(CHAT_HAS_PREFILL); /* it is not the last one any more */
    tail = &m->parts;
    return convert_text_part(&t->q, &tail, words, e);
}

/* The text becomes the beginning of the answer, behind one that the client has given itself: as one
 * text with it, for there are templates that put a new line between two. White space alone is none,
 * and APIs refuse it: the target begins. */
static int ask_on(struct translate *t, struct err *e)
{
    struct span text = join_text(&t->join);
    struct chat_part **tail, *last = NULL;
    struct chat_message *m;

    if (text.n == 0)
        return 0;
    m = own_message(&t->q);
    if (!m)
        return err_set(e, ERR_NOMEM, "no memory for a request");
    for (tail = &m->parts; *tail; tail = &(*tail)->next)
        last = *tail;
    if (last && last->kind == CHAT_PART_TEXT)
        text = last->text = arena_join(&t->arena, (struct span[]){last->text, text}, 2);
    else
        text = arena_dup(&t->arena, text); /* what was told grows */
    if (!span_has(text))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    chat_note(&t->q, CHAT_HAS_PREFILL);
    return last && last->kind == CHAT_PART_TEXT ? 0 : convert_text_part(&t->q, &tail, text, e);
}

/* As many tokens are left to it as the others have not taken. */
static int leave_tokens(struct translate *t, uint32_t taken, struct err *e)
{
    uint64_t most;

    if (span_u64(t->q.max_tokens, &most) < 0)
        return 0;
    t->q.max_tokens =
        arena_printf(&t->arena, "%llu", (unsigned long long)(most > taken ? most - taken : 1));
    return span_has(t->q.max_tokens) ? 0 : err_set(e, ERR_NOMEM, "no memory for a request");
}

void translate_stand(const struct translate *t, struct follow *f)
{
    if (t->conf.client && t->conf.client->stand)
        t->conf.client->stand(&t->writer, &f->stand);
}

uint64_t translate_sequence(const struct translate *t)
{
    return t->writer.sequence;
}

static int stand_there(struct translate *t, const struct follow *f, struct err *e)
{
    const struct chat_event text = {
        .kind = CHAT_EVENT_PART, .part = CHAT_PART_TEXT, .index = f->lead};

    return t->conf.client->go_on(&t->writer, &f->stand, f->lead, buf_span(&f->text), e) < 0
               ? -1
               : note_part(t, &text, e);
}

/* The client's writer is brought to where the answer stands; what it says by that the client knows.
 */
static int catch_up(struct translate *t, const struct follow *f, struct err *e)
{
    struct chat_event ev = {.kind = CHAT_EVENT_START, .id = f->id, .created = f->created};
    struct buf known;
    int rc;

    buf_init(&known, EVENT_TREE_MAX);
    t->writer.out = &known;
    rc = hand_on(t, &ev, e);
    for (uint32_t i = 0; rc == 0 && i <= f->lead; i++) {
        ev = (struct chat_event){.kind = CHAT_EVENT_PART,
                                 .index = i,
                                 .part = i < f->lead ? CHAT_PART_THINKING : CHAT_PART_TEXT};
        rc = hand_on(t, &ev, e);
        ev.kind = CHAT_EVENT_DELTA;
        ev.text = SPAN_LIT("x");
        rc = rc < 0 ? rc : hand_on(t, &ev, e);
        ev.kind = CHAT_EVENT_PART_END;
        rc = rc < 0 || i == f->lead ? rc : hand_on(t, &ev, e);
    }
    rc = rc < 0 ? rc : buf_finish(&known, "event", e);
    buf_fini(&known);
    return rc;
}

static struct span join_mark(struct translate *t, struct span by)
{
    struct span ret = {NULL, 0};
    struct json_write w;
    struct buf b;

    buf_init(&b, 1024);
    json_write_init(&w, &b);
    json_begin_object(&w);
    json_key(&w, "joined");
    json_begin_object(&w);
    json_kv_string(&w, "target", by);
    json_kv_uint(&w, "at", t->join.follow->text.n);
    if (t->join.how != JOIN_PREFIX)
        json_kv_cstring(&w, "how", t->join.how == JOIN_REPLAY ? "replay" : "instruct");
    json_end_object(&w);
    json_end_object(&w);
    if (buf_ok(&b))
        ret = arena_join(&t->arena,
                         (struct span[]){SPAN_LIT("\"lamplighter\":"), buf_span(&b), SPAN_LIT(",")},
                         3);
    buf_fini(&b);
    return ret;
}

/* What the request says of the text so far. */
static int ask_so(struct translate *t, const struct follow *f, struct err *e)
{
    if (t->join.how == JOIN_REPLAY)
        return 0;
    if (ask_on(t, e) < 0 || leave_tokens(t, f->deltas, e) < 0)
        return -1;
    return t->join.how == JOIN_INSTRUCT && join_text(&t->join).n ? ask_in_words(t, e) : 0;
}

int translate_say_join(struct translate *t, struct span model, struct err *e)
{
    if (!t->conf.client->write_join)
        return 0;
    t->joiner = arena_dup(&t->arena, model);
    return span_has(t->joiner) ? 0 : err_set(e, ERR_NOMEM, "no memory for a request");
}

/* The text's part ends, a block says who goes on, and then a new part does. In the client's stream
 * that block is a part as others are. */
static int say_join(struct translate *t, bool goes_on, struct err *e)
{
    struct follow *f = t->join.follow;
    struct chat_event ev = {.kind = CHAT_EVENT_PART_END, .part = CHAT_PART_TEXT, .index = f->lead};
    struct span from = span_has(f->by) ? f->by : t->conf.model;

    if (hand_on(t, &ev, e) < 0 || t->conf.client->write_join(&t->writer, from, t->joiner, e) < 0)
        return -1;
    f->by = arena_dup(&f->names, t->joiner);
    f->lead += 2;
    ev = (struct chat_event){.kind = CHAT_EVENT_PART, .part = CHAT_PART_TEXT, .index = f->lead};
    return goes_on ? hand_on(t, &ev, e) : 0;
}

/* What the one that goes on has to tell. */
static int tell_joined(void *arg, const struct chat_event *ev, struct err *e)
{
    struct translate *t = arg;
    struct chat_event own = *ev;
    uint32_t lead = t->join.follow->lead;
    bool text = ev->index == lead && ev->kind != CHAT_EVENT_FINISH;

    if (!span_has(t->joiner) || ev->kind == CHAT_EVENT_USAGE || ev->kind == CHAT_EVENT_LOGPROBS)
        return hand_on(t, ev, e);
    if (say_join(t, text && ev->kind == CHAT_EVENT_DELTA, e) < 0)
        return -1;
    t->joiner = span_of(NULL, 0);
    if (text && ev->kind == CHAT_EVENT_PART_END)
        return 0;
    own.index += t->join.follow->lead - lead;
    return hand_on(t, &own, e);
}

int translate_go_on(struct translate *t, struct follow *f, enum join_how how, struct span by,
                    struct err *e)
{
    if (!may_go_on(&t->q))
        return err_set(e, ERR_PROTOCOL, "an answer of this form has to be of one piece");
    join_init(&t->join, f, how, (struct chat_sink){tell_joined, t});
    t->mark = join_mark(t, by);
    if (!span_has(t->mark))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    if (ask_so(t, f, e) < 0)
        return -1;
    if ((t->conf.client->go_on ? stand_there(t, f, e) : catch_up(t, f, e)) < 0)
        return -1;
    t->reader.sink = (struct chat_sink){join_event, &t->join};
    return 0;
}

/* ---- answers ---- */

typedef int (*answer_fn)(struct translate *t, const void *arg, struct err *e);

/* Append what fn writes, and the mark into the first object of it. */
static int write_marked(struct translate *t, struct buf *out, struct err *e, answer_fn fn,
                        const void *arg)
{
    struct span text;
    struct buf own;
    size_t at;
    int rc;

    buf_init(&own, EVENT_TREE_MAX);
    t->writer.out = &own;
    rc = finish(fn(t, arg, e), &own, "event", e);
    text = buf_span(&own);
    at = span_find(text, '{');
    if (rc == 0 && at != SIZE_MAX) {
        buf_add(out, text.p, at + 1);
        buf_add_span(out, t->mark);
        text = span_of(text.p + at + 1, text.n - at - 1);
        t->mark = span_of(NULL, 0);
    }
    if (rc == 0)
        buf_add_span(out, text);
    buf_fini(&own);
    return rc;
}

static int write(struct translate *t, struct buf *out, struct err *e, answer_fn fn, const void *arg)
{
    struct follow *f = t->join.follow;
    size_t told = f ? f->text.n : 0;
    int rc;

    t->writer.out = out;
    rc = span_has(t->mark) ? write_marked(t, out, e, fn, arg) : fn(t, arg, e);
    rc = finish(rc, out, "event", e);
    if (f && ((rc < 0 && f->text.n != told) || t->told.unsaid))
        follow_close(f); /* of what failed the client gets nothing, and f has heard of some */
    return rc;
}

struct named {
    struct span name;
    yyjson_val *root;
};

static int read_event(struct translate *t, const void *arg, struct err *e)
{
    const struct named *x = arg;

    return t->conf.target->read_event(&t->reader, x->name, x->root, e);
}

int translate_event(struct translate *t, struct span raw, struct buf *out, struct err *e)
{
    struct span name;
    yyjson_val *root;

    if (event_tree_read(&t->event, raw, &name, &root, e) < 0)
        return -1;
    if (!root)
        return 0;
    return write(t, out, e, read_event, &(struct named){name, root});
}

static int end_stream(struct translate *t, const void *arg, struct err *e)
{
    UNUSED(arg);
    if (t->reader.sink.arg == &t->join && join_end(&t->join, e) < 0)
        return -1;
    return end_parts(t, e) < 0 ? -1 : t->conf.client->end(&t->writer, e);
}

int translate_end(struct translate *t, struct buf *out, struct err *e)
{
    return write(t, out, e, end_stream, NULL);
}

/* The target gave all at once to a client that wants a stream. */
static int stream_answer(struct translate *t, struct err *e)
{
    if (t->conf.target->read_answer(&t->reader, t->event.tree.root, e) < 0)
        return -1;
    return end_parts(t, e) < 0 ? -1 : t->conf.client->end(&t->writer, e);
}

static int write_answer(struct translate *t, bool stream, struct buf *out, struct err *e)
{
    struct chat_collect *c = NULL;
    int rc = -1;

    if (t->conf.client_embed)
        return convert_embed_answer(t->conf.client_embed, t->conf.target_embed, &t->embed,
                                    t->conf.model, t->event.tree.root, out, e);
    if (t->conf.client_count)
        return convert_count_answer(t->conf.client_count, t->conf.target_count, t->event.tree.root,
                                    out, e);
    if (stream)
        return stream_answer(t, e);
    if (chat_collect_new(&c, t->conf.answer_max, e) < 0)
        return -1;
    t->to = chat_collect_sink(c);
    if (t->conf.target->read_answer(&t->reader, t->event.tree.root, e) == 0)
        rc = t->conf.client->write_answer(&t->writer, chat_collect_answer(c), e);
    chat_collect_free(&c);
    return rc;
}

int translate_answer(struct translate *t, struct span body, bool stream, struct buf *out,
                     struct err *e)
{
    t->writer.out = out;
    if (json_tree_read(&t->event.tree, body, e) < 0)
        return -1;
    return finish(write_answer(t, stream, out, e), out, "answer", e);
}

static int say(struct translate *t, const struct chat_answer *a, bool stream, struct err *e)
{
    if (!stream)
        return t->conf.client->write_answer(&t->writer, a, e);
    if (chat_replay(a, (struct chat_sink){write_event, t}, e) < 0)
        return -1;
    return t->conf.client->end(&t->writer, e);
}

int translate_say(struct translate *t, struct span text, bool stream, struct buf *out,
                  struct err *e)
{
    struct chat_part part = {.kind = CHAT_PART_TEXT, .text = text};
    struct chat_answer *a = arena_zalloc(&t->arena, sizeof(*a));

    if (!a)
        return err_set(e, ERR_NOMEM, "no memory for an answer");
    a->choices_n = 1;
    a->choices[0] = (struct chat_choice_answer){.parts = &part, .stop = CHAT_STOP_END};
    t->writer.out = out;
    return finish(say(t, a, stream, e), out, "answer", e);
}
