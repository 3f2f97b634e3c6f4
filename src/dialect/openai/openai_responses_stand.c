/*
 * openai_responses_stand.c - an answer of the Responses API that breaks off and is gone on with:
 * its events are numbered, they name items by id and place, and the last one repeats all of them.
 *
 * What the client has been told is known in one of two ways: the target's own events came to it as
 * they were (note), or ours did (stand). Items that are done are kept as JSON; of the one that is
 * open, a message, its id and place are: its text is the follower's.
 */
#include "dialect/openai/openai_responses_say.h"

#define CUT 1 /* the NUL */

static void keep(struct convert_stand *s, char to[CONVERT_ID], struct span id)
{
    s->lost |= id.n > CONVERT_ID - CUT;
    if (id.n == 0 || s->lost)
        return;
    memcpy(to, id.p, id.n);
    to[id.n] = '\0';
}

/* ---- what the target's events say ---- */

static void note_number(struct convert_stand *s, yyjson_val *root)
{
    uint64_t n;

    s->sequence = json_tree_u64(json_get(root, "sequence_number"), &n) ? n + 1 : s->sequence + 1;
}

static void note_answer(struct convert_stand *s, yyjson_val *response)
{
    UNUSED(json_tree_u64(json_get(response, "created_at"), &s->created));
    keep(s, s->id, json_get_text(response, "id"));
}

/* Of what a tool of the provider's has told the model nobody else knows. */
static bool is_ours(yyjson_val *item)
{
    struct span type = json_get_text(item, "type");

    return span_is(type, "message") || span_is(type, "reasoning");
}

static void note_item(struct convert_stand *s, yyjson_val *item, bool done)
{
    s->lost |= !is_ours(item);
    if (!done || s->lost)
        return;
    if (s->items.n)
        buf_add_char(&s->items, ',');
    json_write_tree(&s->items, item);
    s->lost |= !buf_ok(&s->items);
}

static void note_text(struct convert_stand *s, yyjson_val *root)
{
    keep(s, s->item, json_get_text(root, "item_id"));
    if (!json_tree_u64(json_get(root, "output_index"), &s->output))
        s->output = 0;
    if (!json_tree_u64(json_get(root, "content_index"), &s->content))
        s->content = 0;
}

void openai_responses_note(struct convert_stand *s, struct span type, yyjson_val *root)
{
    note_number(s, root);
    if (span_is(type, "response.created") || span_is(type, "response.in_progress"))
        note_answer(s, json_get(root, "response"));
    else if (span_is(type, "response.output_item.added"))
        note_item(s, json_get(root, "item"), false);
    else if (span_is(type, "response.output_item.done"))
        note_item(s, json_get(root, "item"), true);
    else if (span_is(type, "response.output_text.delta"))
        note_text(s, root);
}

/* ---- what was written ---- */

static void add_item(struct convert_stand *s, const struct said_item *it)
{
    struct json_write j;

    if (s->items.n)
        buf_add_char(&s->items, ',');
    json_write_init(&j, &s->items);
    openai_responses_put_item(&j, it, true);
}

void openai_responses_stand(const struct convert_writer *w, struct convert_stand *ret)
{
    const struct openai_responses_writer *own = w->own;
    const struct said_item *it = own->items;

    ret->sequence = w->sequence;
    ret->created = own->created;
    keep(ret, ret->id, own->id);
    buf_reset(&ret->items);
    buf_add_span(&ret->items, own->before);
    for (; it && it->status; it = it->next)
        add_item(ret, it);
    ret->lost |= !it || it->next || it->kind != SAID_MESSAGE || !buf_ok(&ret->items);
    if (ret->lost)
        return;
    keep(ret, ret->item, it->id);
    ret->output = it->index;
    ret->content = it->parts_n - 1;
}

/* ---- to go on ---- */

static int add_text(struct convert_writer *w, struct said_part *p, struct span text)
{
    struct span ignored;
    struct buf b;
    int rc;

    buf_init(&b, w->arena->budget);
    json_escape(&b, text);
    rc = buf_ok(&b) ? openai_responses_said_add(w->arena, &p->text, buf_span(&b), &ignored) : -1;
    buf_fini(&b);
    return rc;
}

static int open_text(struct convert_writer *w, const struct convert_stand *s, uint32_t index,
                     struct span text)
{
    struct openai_responses_writer *own = w->own;
    struct said_item *it = arena_zalloc(w->arena, sizeof(*it));
    struct said_part *p = arena_zalloc(w->arena, sizeof(*p));

    if (!it || !p)
        return -1;
    *it = (struct said_item){.kind = SAID_MESSAGE,
                             .index = (uint32_t)s->output,
                             .id = arena_dup(w->arena, span_str(s->item)),
                             .parts = p,
                             .tail = &p->after,
                             .parts_n = (uint32_t)s->content + 1};
    *p = (struct said_part){
        .index = index, .kind = CHAT_PART_TEXT, .item = it, .content = (uint32_t)s->content};
    own->items = own->open = it;
    own->tail = &it->next;
    own->items_n = it->index + 1;
    own->parts = own->last = own->last_text = p;
    own->parts_n = index + 1;
    return span_has(it->id) ? add_text(w, p, text) : -1;
}

int openai_responses_go_on(struct convert_writer *w, const struct convert_stand *s, uint32_t index,
                           struct span text, struct err *e)
{
    static const struct span prefix = {"resp_", 5};
    struct openai_responses_writer *own = w->own;

    if (s->lost || !s->id[0] || !s->item[0])
        return err_set(e, ERR_PROTOCOL, "it is not known where the client's stream stands");
    own->started = true;
    own->created = s->created;
    own->id = own->suffix = arena_dup(w->arena, span_str(s->id));
    own->before = arena_dup(w->arena, buf_span(&s->items));
    if (span_starts(own->id, prefix))
        own->suffix = span_of(own->id.p + prefix.n, own->id.n - prefix.n);
    w->sequence = s->sequence;
    return span_has(own->id) && (span_has(own->before) || s->items.n == 0) &&
                   open_text(w, s, index, text) == 0
               ? 0
               : convert_no_answer(e);
}
