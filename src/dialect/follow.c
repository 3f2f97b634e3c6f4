/*
 * follow.c - see follow.h.
 */
#include "dialect/follow.h"

#define ARENA_MAX  ((size_t)1024 * 1024)
#define NAMES_MAX  ((size_t)4096)
#define PIECES_MAX (2 * FOLLOW_TEXT_MAX) /* longest event that is followed */
#define PIECE_LONG 64                    /* of a text: it is more tokens than one */
#define ITEMS_MAX  FOLLOW_TEXT_MAX       /* as JSON */

void follow_close(struct follow *f)
{
    f->closed = true;
    buf_fini(&f->text);
}

static void on_start(struct follow *f, const struct chat_event *ev)
{
    if (!span_has(f->id) && ev->id.n) {
        f->id = arena_dup(&f->names, ev->id);
        if (!span_has(f->id))
            follow_close(f);
    }
    if (f->created == 0)
        f->created = ev->created;
}

/* Thinking before the text, or the text itself. */
static void on_part(struct follow *f, const struct chat_event *ev)
{
    if (ev->part == CHAT_PART_THINKING && !f->begun && !ev->redacted && ev->index == f->lead) {
        f->lead++;
        f->open++;
    } else if (ev->part == CHAT_PART_TEXT && !f->begun && ev->index == f->lead && !f->open)
        f->begun = true;
    else if (!f->begun || ev->part != CHAT_PART_TEXT || ev->index != f->lead)
        follow_close(f);
}

static void on_delta(struct follow *f, const struct chat_event *ev)
{
    f->deltas += (uint32_t)(ev->text.n > PIECE_LONG ? ev->text.n / 4 : 1);
    if (ev->part == CHAT_PART_THINKING)
        return;
    buf_add_span(&f->text, ev->text);
    if (!buf_ok(&f->text))
        follow_close(f);
}

void follow_told(struct follow *f, const struct chat_event *ev)
{
    if (f->closed)
        return;
    if (ev->choice != 0) {
        follow_close(f);
        return;
    }
    switch (ev->kind) {
    case CHAT_EVENT_START:
        on_start(f, ev);
        break;
    case CHAT_EVENT_PART:
        on_part(f, ev);
        break;
    case CHAT_EVENT_DELTA:
        on_delta(f, ev);
        break;
    case CHAT_EVENT_PART_END:
        if (ev->part == CHAT_PART_TEXT)
            follow_close(f);
        f->open -= ev->part == CHAT_PART_THINKING && f->open;
        break;
    case CHAT_EVENT_USAGE:
        f->usage = ev->usage;
        break;
    case CHAT_EVENT_SIGN:
    case CHAT_EVENT_CITE:
    case CHAT_EVENT_LOGPROBS:
    case CHAT_EVENT_FINISH:
        follow_close(f);
        break;
    }
}

static int on_event(void *arg, const struct chat_event *ev, struct err *e)
{
    UNUSED(e);
    follow_told(arg, ev);
    return 0;
}

static int begin(struct follow *f, const struct convert *target, struct err *e)
{
    arena_init(&f->arena, ARENA_MAX);
    event_tree_init(&f->event);
    f->reader = (struct convert_reader){.c = target,
                                        .own = arena_zalloc(&f->arena, target->reader_bytes),
                                        .arena = &f->arena,
                                        .sink = {on_event, f},
                                        .told = &f->told};
    return f->reader.own ? 0 : err_set(e, ERR_NOMEM, "no memory for an answer");
}

static void end(struct follow *f)
{
    event_tree_fini(&f->event);
    arena_fini(&f->arena);
}

int follow_init(struct follow *f, const struct convert *target, struct err *e)
{
    *f = (struct follow){0};
    buf_init(&f->text, FOLLOW_TEXT_MAX);
    buf_init(&f->pieces, PIECES_MAX);
    arena_init(&f->names, NAMES_MAX);
    buf_init(&f->stand.items, ITEMS_MAX);
    return begin(f, target, e);
}

void follow_fini(struct follow *f)
{
    follow_on(f);
    buf_fini(&f->text);
    buf_fini(&f->pieces);
    buf_fini(&f->stand.items);
    arena_fini(&f->names);
}

void follow_stand(struct follow *f)
{
    f->reader.stand = &f->stand;
}

void follow_on(struct follow *f)
{
    if (!f->joined)
        end(f);
    f->joined = true;
}

void follow_event(struct follow *f, struct span raw)
{
    yyjson_val *root;
    struct span name;
    struct err e;

    if (f->closed || f->joined)
        return;
    if (event_tree_read(&f->event, raw, &name, &root, &e) < 0 ||
        (root && f->reader.c->read_event(&f->reader, name, root, &e) < 0) || f->told.unsaid ||
        f->told.dropped)
        follow_close(f);
}

void follow_piece(struct follow *f, struct span raw, bool last)
{
    if (f->closed || f->joined)
        return;
    buf_add_span(&f->pieces, raw);
    if (!buf_ok(&f->pieces))
        follow_close(f);
    else if (last)
        follow_event(f, buf_span(&f->pieces));
    if (last || f->closed)
        buf_fini(&f->pieces);
}
