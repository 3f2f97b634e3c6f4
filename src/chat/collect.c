/*
 * collect.c - an answer's events, gathered into a whole; and a whole, told as events.
 *
 * Texts grow in buffers of their own, one a part, and become spans when the answer is asked for.
 * All of them together have one bound.
 */
#include "chat/chat.h"

#include "base/mem.h"

#define ARENA_BUDGET ((size_t)16 * 1024 * 1024)
#define PARTS_MAX    4096 /* of one answer */

/* A part that grows. */
struct growing {
    struct growing *next;
    uint32_t choice, index;
    struct chat_part part;
    struct buf text, citations;
};

struct chat_collect {
    struct chat_answer answer;
    struct arena arena;
    struct growing *parts, **parts_tail, *last;
    struct buf logprobs[CHAT_CHOICES_MAX];
    size_t parts_n, bytes, bytes_max;
};

int chat_collect_new(struct chat_collect **ret, size_t bytes_max, struct err *e)
{
    struct chat_collect *c = mem_zalloc(1, sizeof(*c));

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for an answer");
    c->bytes_max = bytes_max;
    c->parts_tail = &c->parts;
    arena_init(&c->arena, ARENA_BUDGET);
    for (size_t i = 0; i < CHAT_CHOICES_MAX; i++)
        buf_init(&c->logprobs[i], bytes_max);
    *ret = c;
    return 0;
}

void chat_collect_free(struct chat_collect **cp)
{
    struct chat_collect *c = *cp;

    *cp = NULL;
    if (!c)
        return;
    for (struct growing *g = c->parts; g; g = g->next) { /* they live in the arena, texts do not */
        buf_fini(&g->text);
        buf_fini(&g->citations);
    }
    for (size_t i = 0; i < CHAT_CHOICES_MAX; i++)
        buf_fini(&c->logprobs[i]);
    arena_fini(&c->arena);
    mem_free(c);
}

/* ---- gathering ---- */

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for an answer");
}

static int keep(struct chat_collect *c, struct span *to, struct span s, struct err *e)
{
    if (!span_has(s))
        return 0;
    c->bytes += s.n;
    if (c->bytes > c->bytes_max)
        return err_set(e, ERR_LIMIT, "the answer is larger than %zu bytes", c->bytes_max);
    *to = arena_dup(&c->arena, s);
    return span_has(*to) ? 0 : no_memory(e);
}

static int grow(struct chat_collect *c, struct buf *b, struct span s, bool list, struct err *e)
{
    c->bytes += s.n + 1;
    if (c->bytes > c->bytes_max)
        return err_set(e, ERR_LIMIT, "the answer is larger than %zu bytes", c->bytes_max);
    if (list && b->n)
        buf_add_char(b, ',');
    buf_add_span(b, s);
    return buf_ok(b) ? 0 : no_memory(e);
}

/* The part that an event speaks of; most speak of the last one. */
static struct growing *find(struct chat_collect *c, const struct chat_event *ev)
{
    struct growing *g = c->last;

    if (g && g->choice == ev->choice && g->index == ev->index)
        return g;
    for (g = c->parts; g; g = g->next)
        if (g->choice == ev->choice && g->index == ev->index)
            return g;
    return NULL;
}

static int begin_part(struct chat_collect *c, const struct chat_event *ev, struct err *e)
{
    struct growing *g;
    struct chat_part *p;

    if (c->parts_n++ == PARTS_MAX)
        return err_set(e, ERR_LIMIT, "the answer has more than %d parts", PARTS_MAX);
    g = arena_zalloc(&c->arena, sizeof(*g));
    if (!g)
        return no_memory(e);
    g->choice = ev->choice;
    g->index = ev->index;
    buf_init(&g->text, c->bytes_max);
    buf_init(&g->citations, c->bytes_max);
    *c->parts_tail = g;
    c->parts_tail = &g->next;
    c->last = g;
    p = &g->part;
    p->kind = ev->part;
    p->free = ev->free;
    p->redacted = ev->redacted;
    p->media = ev->media;
    return keep(c, &p->id, ev->id, e) < 0 || keep(c, &p->name, ev->name, e) < 0 ||
                   keep(c, &p->media.type, ev->media.type, e) < 0 ||
                   keep(c, &p->media.data, ev->media.data, e) < 0 ||
                   keep(c, &p->media.name, ev->media.name, e) < 0
               ? -1
               : 0;
}

static int of_part(struct chat_collect *c, const struct chat_event *ev, struct err *e)
{
    struct growing *g = find(c, ev);

    if (!g)
        return err_set(e, ERR_PROTOCOL, "the answer speaks of a part that has not begun");
    c->last = g;
    if (ev->kind == CHAT_EVENT_DELTA)
        return grow(c, &g->text, ev->text, false, e);
    if (ev->kind == CHAT_EVENT_CITE)
        return grow(c, &g->citations, ev->text, true, e);
    if (ev->kind == CHAT_EVENT_SIGN) {
        g->part.signer = ev->signer;
        return keep(c, &g->part.signature, ev->signature, e);
    }
    return 0;
}

static int collect(void *arg, const struct chat_event *ev, struct err *e)
{
    struct chat_collect *c = arg;
    struct chat_answer *a = &c->answer;

    if (ev->choice >= CHAT_CHOICES_MAX)
        return err_set(e, ERR_LIMIT, "the answer has more than %d choices", CHAT_CHOICES_MAX);
    a->choices_n = MAX(a->choices_n, ev->choice + 1);
    switch (ev->kind) {
    case CHAT_EVENT_START:
        a->created = ev->created;
        return keep(c, &a->id, ev->id, e) < 0 || keep(c, &a->model, ev->model, e) < 0 ? -1 : 0;
    case CHAT_EVENT_PART:
        return begin_part(c, ev, e);
    case CHAT_EVENT_DELTA:
    case CHAT_EVENT_SIGN:
    case CHAT_EVENT_CITE:
    case CHAT_EVENT_PART_END:
        return of_part(c, ev, e);
    case CHAT_EVENT_LOGPROBS:
        return grow(c, &c->logprobs[ev->choice], ev->text, true, e);
    case CHAT_EVENT_FINISH:
        a->choices[ev->choice].stop = ev->stop;
        return keep(c, &a->choices[ev->choice].stop_text, ev->stop_text, e);
    case CHAT_EVENT_USAGE:
        a->usage = ev->usage;
        break;
    }
    return 0;
}

struct chat_sink chat_collect_sink(struct chat_collect *c)
{
    return (struct chat_sink){collect, c};
}

const struct chat_answer *chat_collect_answer(struct chat_collect *c)
{
    struct chat_part **tails[CHAT_CHOICES_MAX];

    for (size_t i = 0; i < CHAT_CHOICES_MAX; i++) {
        c->answer.choices[i].parts = NULL;
        tails[i] = &c->answer.choices[i].parts;
        if (c->logprobs[i].n)
            c->answer.choices[i].logprobs = buf_span(&c->logprobs[i]);
    }
    for (struct growing *g = c->parts; g; g = g->next) {
        struct chat_part *p = &g->part;

        *(p->kind == CHAT_PART_TOOL_CALL && !p->free ? &p->args : &p->text) =
            span_of(g->text.n ? g->text.p : "", g->text.n);
        if (g->citations.n)
            p->citations = buf_span(&g->citations);
        p->next = NULL;
        *tails[g->choice] = p;
        tails[g->choice] = &p->next;
    }
    return &c->answer;
}

/* ---- telling ---- */

static int tell(struct chat_sink sink, const struct chat_event *ev, struct err *e)
{
    return sink.event(sink.arg, ev, e);
}

static int tell_part(const struct chat_part *p, struct chat_event ev, struct chat_sink sink,
                     struct err *e)
{
    struct span text = p->kind == CHAT_PART_TOOL_CALL && !p->free ? p->args : p->text;

    ev.kind = CHAT_EVENT_PART;
    ev.part = p->kind;
    ev.id = p->id;
    ev.name = p->name;
    ev.free = p->free;
    ev.redacted = p->redacted;
    ev.media = p->media;
    if (tell(sink, &ev, e) < 0)
        return -1;
    ev.kind = CHAT_EVENT_DELTA;
    ev.text = text;
    if (text.n && tell(sink, &ev, e) < 0)
        return -1;
    ev.kind = CHAT_EVENT_CITE;
    ev.text = p->citations;
    if (span_has(p->citations) && tell(sink, &ev, e) < 0)
        return -1;
    ev.kind = CHAT_EVENT_SIGN;
    ev.signature = p->signature;
    ev.signer = p->signer;
    if (span_has(p->signature) && tell(sink, &ev, e) < 0)
        return -1;
    ev.kind = CHAT_EVENT_PART_END;
    return tell(sink, &ev, e);
}

static int tell_choice(const struct chat_choice_answer *c, uint32_t choice, struct chat_sink sink,
                       struct err *e)
{
    struct chat_event ev = {.choice = choice};

    for (const struct chat_part *p = c->parts; p; p = p->next, ev.index++)
        if (tell_part(p, ev, sink, e) < 0)
            return -1;
    ev = (struct chat_event){.kind = CHAT_EVENT_LOGPROBS, .choice = choice, .text = c->logprobs};
    if (span_has(c->logprobs) && tell(sink, &ev, e) < 0)
        return -1;
    ev = (struct chat_event){
        .kind = CHAT_EVENT_FINISH, .choice = choice, .stop = c->stop, .stop_text = c->stop_text};
    return c->stop == CHAT_STOP_NONE ? 0 : tell(sink, &ev, e);
}

int chat_replay(const struct chat_answer *a, struct chat_sink sink, struct err *e)
{
    struct chat_event ev = {
        .kind = CHAT_EVENT_START, .id = a->id, .model = a->model, .created = a->created};

    if (tell(sink, &ev, e) < 0)
        return -1;
    for (uint32_t i = 0; i < a->choices_n; i++)
        if (tell_choice(&a->choices[i], i, sink, e) < 0)
            return -1;
    ev = (struct chat_event){.kind = CHAT_EVENT_USAGE, .usage = a->usage};
    return a->usage.seen ? tell(sink, &ev, e) : 0;
}
