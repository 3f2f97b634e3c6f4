/*
 * translate.c - see translate.h.
 *
 * One tree serves the request for as long as it is written, and then every event in turn: what has
 * to outlive an event is in the arena.
 */
#include "dialect/translate.h"

#include "base/mem.h"
#include "codec/sse.h"
#include "dialect/convert_cite.h"
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
    struct json_tree event;
    struct buf data; /* of an event in several lines */
    struct chat_request q;
    struct convert_told told; /* of the request as it was written, and of the answer */
    struct convert_reader reader;
    struct chat_sink to;    /* where the answer's events go */
    struct open_part *open; /* in the order of their beginning */
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
    buf_init(&t->data, TRANSLATE_EVENT_MAX);
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
    json_tree_fini(&t->event);
    buf_fini(&t->data);
    arena_fini(&t->arena);
    mem_free(t);
}

uint64_t translate_memory(const struct translate *t)
{
    return sizeof(*t) + t->arena.used + json_tree_memory(&t->request) + json_tree_memory(&t->event);
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
    int rc;

    t->told = (struct convert_told){0};
    with.told = &t->told;
    with.host = t->conf.host;
    if (t->conf.target_embed)
        return finish(convert_embed_request(t->conf.target_embed, out, &t->embed, &with, e), out,
                      "request", e);
    rc = t->conf.target->write_request(out, &t->q, &with, e);
    if (rc < 0)
        e->place_n = 0; /* it is one in the conversation, which is not as the client spelled it */
    return finish(rc, out, "request", e);
}

/* ---- answers ---- */

/* The event's data: where it stands, or gathered if it stands in several lines. */
static int data_of(struct translate *t, struct span raw, struct sse *sse, struct span *ret,
                   struct err *e)
{
    size_t at = 0, runs = 0;

    *ret = span_of(NULL, 0);
    buf_reset(&t->data);
    sse_init(sse);
    while (at < raw.n) {
        struct sse_step s = sse_next(sse, raw.p + at, raw.n - at);

        at += s.used;
        if (s.kind == SSE_MORE || s.kind == SSE_EVENT)
            break;
        if (s.kind != SSE_DATA)
            continue;
        if (++runs == 2)
            buf_add_span(&t->data, *ret);
        if (runs > 1)
            buf_add_span(&t->data, s.data);
        *ret = runs > 1 ? buf_span(&t->data) : s.data;
    }
    return buf_finish(&t->data, "event", e);
}

int translate_event(struct translate *t, struct span raw, struct buf *out, struct err *e)
{
    struct sse sse;
    struct span data;

    if (raw.n > TRANSLATE_EVENT_MAX)
        return err_set(e, ERR_LIMIT, "an event is larger than %zu bytes", TRANSLATE_EVENT_MAX);
    if (data_of(t, raw, &sse, &data, e) < 0)
        return -1;
    if (data.n == 0 || span_is(span_trim(data), "[DONE]"))
        return 0;
    if (json_tree_read(&t->event, data, e) < 0)
        return -1;
    t->writer.out = out;
    return finish(t->conf.target->read_event(&t->reader, sse_name(&sse), t->event.root, e), out,
                  "event", e);
}

/* All that is due behind the last event. */
static int end(struct translate *t, struct err *e)
{
    return end_parts(t, e) < 0 ? -1 : t->conf.client->end(&t->writer, e);
}

int translate_end(struct translate *t, struct buf *out, struct err *e)
{
    t->writer.out = out;
    return finish(end(t, e), out, "event", e);
}

/* The target gave all at once to a client that wants a stream. */
static int stream_answer(struct translate *t, struct err *e)
{
    return t->conf.target->read_answer(&t->reader, t->event.root, e) < 0 ? -1 : end(t, e);
}

static int write_answer(struct translate *t, bool stream, struct buf *out, struct err *e)
{
    struct chat_collect *c = NULL;
    int rc = -1;

    if (t->conf.client_embed)
        return convert_embed_answer(t->conf.client_embed, t->conf.target_embed, &t->embed,
                                    t->conf.model, t->event.root, out, e);
    if (t->conf.client_count)
        return convert_count_answer(t->conf.client_count, t->conf.target_count, t->event.root, out,
                                    e);
    if (stream)
        return stream_answer(t, e);
    if (chat_collect_new(&c, t->conf.answer_max, e) < 0)
        return -1;
    t->to = chat_collect_sink(c);
    if (t->conf.target->read_answer(&t->reader, t->event.root, e) == 0)
        rc = t->conf.client->write_answer(&t->writer, chat_collect_answer(c), e);
    chat_collect_free(&c);
    return rc;
}

int translate_answer(struct translate *t, struct span body, bool stream, struct buf *out,
                     struct err *e)
{
    t->writer.out = out;
    if (json_tree_read(&t->event, body, e) < 0)
        return -1;
    return finish(write_answer(t, stream, out, e), out, "answer", e);
}
