/*
 * anthropic_messages_answer_read.c - reads answers of Anthropic's messages, event by event or
 * whole.
 *
 * A block is a part. Blocks of kinds that the conversation does not have (tools that the provider
 * runs, compaction, a change of model) are left out with all that is said of them; the parts around
 * them are counted on as if they were not there.
 *
 * Anthropic's own streams have one block open at a time. Hosts that speak the dialect are held to
 * no such thing: what is said of a block is matched by its index, and an index that begins anew
 * ends the block before.
 *
 * A whole answer goes the same way: each block begins with all that it holds, and ends.
 */
#include "dialect/anthropic/anthropic_messages_convert.h"

struct reading {
    struct convert_reader *r;
    struct anthropic_messages_reader *own;
    yyjson_val *root;
    const struct json_at *at; /* of root; NULL: the event itself */
    struct err *e;
};

static int emit(const struct reading *x, const struct chat_event *ev)
{
    return x->r->sink.event(x->r->sink.arg, ev, x->e);
}

/* ---- usage and the end ---- */

/* Counts only grow in an answer; a host that repeats one as 0 has nothing to say. */
static void grow(uint64_t *count, yyjson_val *usage, const char *key)
{
    uint64_t v;

    if (json_tree_u64(json_get(usage, key), &v))
        *count = MAX(*count, v);
}

static int read_usage(const struct reading *x, yyjson_val *usage)
{
    struct anthropic_messages_reader *own = x->own;
    struct chat_usage *u = &own->usage;
    struct chat_event ev = {.kind = CHAT_EVENT_USAGE};

    if (!yyjson_is_obj(usage))
        return 0;
    grow(&own->input_plain, usage, "input_tokens");
    grow(&u->cache_read, usage, "cache_read_input_tokens");
    grow(&u->cache_write, usage, "cache_creation_input_tokens");
    grow(&u->output, usage, "output_tokens");
    grow(&u->reasoning, json_get(usage, "output_tokens_details"), "thinking_tokens");
    u->input = own->input_plain + u->cache_read + u->cache_write;
    u->seen = true;
    ev.usage = *u;
    return emit(x, &ev);
}

/* stop_reason is null until there is one. */
static int read_stop(const struct reading *x, yyjson_val *holder)
{
    struct span word = json_get_text(holder, "stop_reason");
    struct chat_event ev = {.kind = CHAT_EVENT_FINISH,
                            .stop = anthropic_messages_stop(word),
                            .stop_text = json_get_text(holder, "stop_sequence")};

    if (!span_has(word) || x->own->finished)
        return 0;
    x->own->finished = true;
    return emit(x, &ev);
}

static int start(const struct reading *x, yyjson_val *message)
{
    struct chat_event ev = {.kind = CHAT_EVENT_START,
                            .id = json_get_text(message, "id"),
                            .model = json_get_text(message, "model")};

    return emit(x, &ev);
}

/* ---- what is said of a block ---- */

static int say(const struct reading *x, const struct anthropic_messages_block *b,
               enum chat_event_kind kind, struct span text)
{
    struct chat_event ev = {.kind = kind, .index = b->index, .part = b->kind};

    if (text.n == 0)
        return 0;
    if (kind == CHAT_EVENT_SIGN)
        ev.signature = convert_take_back(text, x->r->c->signer, &ev.signer);
    else
        ev.text = text;
    return emit(x, &ev);
}

static int cite(const struct reading *x, const struct anthropic_messages_block *b, yyjson_val *v)
{
    struct buf text;
    int rc = -1;

    if (!yyjson_is_obj(v))
        return 0;
    buf_init(&text, x->r->arena->budget);
    json_write_tree(&text, v);
    if (buf_finish(&text, "a citation", x->e) == 0)
        rc = say(x, b, CHAT_EVENT_CITE, buf_span(&text));
    buf_fini(&text);
    return rc;
}

static int cite_all(const struct reading *x, const struct anthropic_messages_block *b,
                    yyjson_val *list)
{
    yyjson_arr_iter it;
    yyjson_val *v;

    if (!yyjson_is_arr(list))
        return 0;
    yyjson_arr_iter_init(list, &it);
    while ((v = yyjson_arr_iter_next(&it)) != NULL)
        if (cite(x, b, v) < 0)
            return -1;
    return 0;
}

static int keep_input(const struct reading *x, struct anthropic_messages_block *b, yyjson_val *v)
{
    struct buf text;

    if (yyjson_obj_size(v) == 0)
        return 0;
    buf_init(&text, x->r->arena->budget);
    json_write_tree(&text, v);
    if (buf_ok(&text))
        b->input = arena_dup(x->r->arena, buf_span(&text));
    buf_fini(&text);
    return span_has(b->input) ? 0 : err_set(x->e, ERR_NOMEM, "no memory for an answer");
}

/* ---- blocks ---- */

static const struct block_row {
    const char *type;
    enum chat_kind kind;
    bool redacted;
    const char *text, *signature; /* members that it may begin with */
} block_rows[] = {
    {"text", CHAT_PART_TEXT, false, "text", NULL},
    {"thinking", CHAT_PART_THINKING, false, "thinking", "signature"},
    {"redacted_thinking", CHAT_PART_THINKING, true, NULL, "data"},
    {"tool_use", CHAT_PART_TOOL_CALL, false, NULL, NULL},
};

static const struct block_row *find_row(struct span type)
{
    for (size_t i = 0; i < ARRAY_LEN(block_rows); i++)
        if (span_is(type, block_rows[i].type))
            return &block_rows[i];
    return NULL;
}

/* Where the block of this index hangs; *NULL: none is open. */
static struct anthropic_messages_block **find_block(struct anthropic_messages_reader *own,
                                                    uint64_t at)
{
    struct anthropic_messages_block **b = &own->open;

    while (*b && (*b)->at != at)
        b = &(*b)->next;
    return b;
}

static int end_block(const struct reading *x, struct anthropic_messages_block **place)
{
    struct anthropic_messages_block *b = *place;
    struct chat_event ev = {.kind = CHAT_EVENT_PART_END, .index = b->index, .part = b->kind};

    *place = b->next;
    b->next = x->own->spare;
    x->own->spare = b;
    if (b->left_out)
        return 0;
    return say(x, b, CHAT_EVENT_DELTA, b->input) < 0 ? -1 : emit(x, &ev);
}

static struct anthropic_messages_block *open_block(const struct reading *x, uint64_t at)
{
    struct anthropic_messages_reader *own = x->own;
    struct anthropic_messages_block *b = own->spare;

    if (b)
        own->spare = b->next;
    else
        b = arena_alloc(x->r->arena, sizeof(*b));
    if (!b) {
        (void)err_set(x->e, ERR_NOMEM, "no memory for an answer");
        return NULL;
    }
    *b = (struct anthropic_messages_block){.next = own->open, .at = at};
    own->open = b;
    return b;
}

static int begin_part(const struct reading *x, struct anthropic_messages_block *b,
                      const struct block_row *row, yyjson_val *v)
{
    struct chat_event ev = {.kind = CHAT_EVENT_PART, .part = row->kind, .redacted = row->redacted};

    b->kind = row->kind;
    b->index = ev.index = x->own->parts++;
    if (row->kind == CHAT_PART_TOOL_CALL) {
        ev.id = json_get_text(v, "id");
        ev.name = json_get_text(v, "name");
        if (ev.name.n == 0)
            return err_set(x->e, ERR_PROTOCOL, "a call without its name");
        if (keep_input(x, b, json_get(v, "input")) < 0)
            return -1;
    }
    if (emit(x, &ev) < 0)
        return -1;
    if (row->text && say(x, b, CHAT_EVENT_DELTA, json_get_text(v, row->text)) < 0)
        return -1;
    if (cite_all(x, b, json_get(v, "citations")) < 0)
        return -1;
    return row->signature ? say(x, b, CHAT_EVENT_SIGN, json_get_text(v, row->signature)) : 0;
}

static int begin_block(const struct reading *x, yyjson_val *v, uint64_t at)
{
    struct anthropic_messages_block **before = find_block(x->own, at), *b;
    const struct block_row *row = find_row(json_get_text(v, "type"));

    if (*before && end_block(x, before) < 0)
        return -1;
    b = open_block(x, at);
    if (!b)
        return -1;
    b->left_out = !row;
    if (!row)
        convert_unsaid(x->r);
    return row ? begin_part(x, b, row, v) : 0;
}

/* ---- events ---- */

static const struct delta_row {
    const char *type, *text;
    enum chat_kind kind; /* of the block that it belongs to */
    enum chat_event_kind event;
} delta_rows[] = {
    {"text_delta", "text", CHAT_PART_TEXT, CHAT_EVENT_DELTA},
    {"thinking_delta", "thinking", CHAT_PART_THINKING, CHAT_EVENT_DELTA},
    {"input_json_delta", "partial_json", CHAT_PART_TOOL_CALL, CHAT_EVENT_DELTA},
    {"signature_delta", "signature", CHAT_PART_THINKING, CHAT_EVENT_SIGN},
    {"citations_delta", "citation", CHAT_PART_TEXT, CHAT_EVENT_CITE},
};

static int wrong(const struct reading *x, const char *key, const char *what)
{
    struct json_at here = JSON_AT_KEY(x->at, key);

    return json_wrong(x->e, &here, "%s", what);
}

static int on_message_start(const struct reading *x)
{
    yyjson_val *message = json_get(x->root, "message");

    if (!yyjson_is_obj(message))
        return wrong(x, "message", "an object is wanted");
    return start(x, message) < 0 ? -1 : read_usage(x, json_get(message, "usage"));
}

static int read_index(const struct reading *x, uint64_t *ret)
{
    return json_tree_u64(json_get(x->root, "index"), ret)
               ? 0
               : wrong(x, "index", "a whole number is wanted");
}

static int on_block_start(const struct reading *x)
{
    yyjson_val *v = json_get(x->root, "content_block");
    uint64_t at;

    if (read_index(x, &at) < 0)
        return -1;
    return yyjson_is_obj(v) ? begin_block(x, v, at)
                            : wrong(x, "content_block", "an object is wanted");
}

static int on_block_delta(const struct reading *x)
{
    yyjson_val *delta = json_get(x->root, "delta");
    struct span type = json_get_text(delta, "type");
    struct anthropic_messages_block *b;
    uint64_t at;

    if (read_index(x, &at) < 0)
        return -1;
    b = *find_block(x->own, at);
    if (!b)
        return wrong(x, "index", "no block with this index is open");
    for (size_t i = 0; i < ARRAY_LEN(delta_rows) && !b->left_out; i++) {
        const struct delta_row *row = &delta_rows[i];

        if (!span_is(type, row->type))
            continue;
        if (row->kind != b->kind)
            return wrong(x, "delta", "it is not of its block's type");
        if (row->event == CHAT_EVENT_CITE)
            return cite(x, b, json_get(delta, row->text));
        if (b->kind == CHAT_PART_TOOL_CALL && json_get_text(delta, row->text).n)
            b->input = span_of(NULL, 0); /* the pieces say it all */
        return say(x, b, row->event, json_get_text(delta, row->text));
    }
    return 0;
}

static int on_block_stop(const struct reading *x)
{
    struct anthropic_messages_block **place;
    uint64_t at;

    if (read_index(x, &at) < 0)
        return -1;
    place = find_block(x->own, at);
    return *place ? end_block(x, place) : wrong(x, "index", "no block with this index is open");
}

static int on_message_delta(const struct reading *x)
{
    return read_stop(x, json_get(x->root, "delta")) < 0 ? -1
                                                        : read_usage(x, json_get(x->root, "usage"));
}

int anthropic_messages_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                                  struct err *e)
{
    static const struct {
        const char *type;
        int (*on)(const struct reading *x);
    } rows[] = {
        {"content_block_delta", on_block_delta}, {"content_block_start", on_block_start},
        {"content_block_stop", on_block_stop},   {"message_start", on_message_start},
        {"message_delta", on_message_delta},
    };
    const struct reading x = {r, r->own, root, NULL, e};
    struct span type = json_get_text(root, "type");

    if (!span_has(type)) /* some hosts leave one of the two away */
        type = name;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_is(type, rows[i].type))
            return rows[i].on(&x);
    return 0;
}

/* ---- whole answers ---- */

int anthropic_messages_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    struct json_at at = JSON_AT_KEY(NULL, "content");
    const struct reading x = {r, r->own, root, &at, e};
    yyjson_val *content = json_get(root, "content"), *v;
    yyjson_arr_iter it;

    if (!yyjson_is_arr(content))
        return json_wrong(e, &at, "a list of blocks is wanted");
    if (start(&x, root) < 0)
        return -1;
    yyjson_arr_iter_init(content, &it);
    for (size_t i = 0; (v = yyjson_arr_iter_next(&it)) != NULL; i++)
        if (begin_block(&x, v, i) < 0 || end_block(&x, find_block(x.own, i)) < 0)
            return -1;
    return read_stop(&x, root) < 0 ? -1 : read_usage(&x, json_get(root, "usage"));
}
