/*
 * bedrock_converse_answer_read.c - reads answers of Bedrock's Converse, event by event or whole.
 *
 * A block is a part. Only a call's block is announced: of all others the first piece tells what
 * they are. One block is open at a time; a piece with another index, or of another kind, begins the
 * next. What tools of the provider were asked and have returned is left out, and so are blocks of
 * other kinds that the conversation does not have: the parts around them are counted on as if they
 * were not there.
 *
 * A whole answer goes the same way: each block begins with all that it holds, and ends.
 */
#include "dialect/bedrock/bedrock_converse_convert.h"

struct reading {
    struct convert_reader *r;
    struct bedrock_converse_reader *own;
    struct err *e;
};

static int emit(const struct reading *x, const struct chat_event *ev)
{
    return x->r->sink.event(x->r->sink.arg, ev, x->e);
}

static int no_memory(const struct reading *x)
{
    return err_set(x->e, ERR_NOMEM, "no memory for an answer");
}

/* ---- parts ---- */

static int end_part(const struct reading *x)
{
    struct bedrock_converse_reader *own = x->own;
    struct chat_event ev = {
        .kind = CHAT_EVENT_PART_END, .index = own->parts - 1, .part = own->kind};

    if (!own->open)
        return 0;
    own->open = false;
    return emit(x, &ev);
}

/* ev: what is known of the part when it begins. */
static int begin_part(const struct reading *x, struct chat_event ev)
{
    if (end_part(x) < 0)
        return -1;
    x->own->open = true;
    x->own->kind = ev.part;
    ev.kind = CHAT_EVENT_PART;
    ev.index = x->own->parts++;
    return emit(x, &ev);
}

/* Something is said of a part of this kind: it is the open one, or begins. */
static int go_on(const struct reading *x, enum chat_kind kind, bool redacted)
{
    if (x->own->open && x->own->kind == kind)
        return 0;
    return begin_part(x, (struct chat_event){.part = kind, .redacted = redacted});
}

static int say(const struct reading *x, enum chat_event_kind kind, struct span text)
{
    struct chat_event ev = {
        .kind = kind, .index = x->own->parts - 1, .part = x->own->kind, .text = text};

    return text.n ? emit(x, &ev) : 0;
}

static int sign(const struct reading *x, struct span signature)
{
    struct chat_event ev = {.kind = CHAT_EVENT_SIGN,
                            .index = x->own->parts - 1,
                            .part = x->own->kind,
                            .signature = signature,
                            .signer = CHAT_SIGNER_ANTHROPIC};

    return signature.n ? emit(x, &ev) : 0;
}

static int read_text(const struct reading *x, yyjson_val *v)
{
    return go_on(x, CHAT_PART_TEXT, false) < 0 ? -1 : say(x, CHAT_EVENT_DELTA, json_text(v));
}

static int read_redacted(const struct reading *x, struct span redacted)
{
    struct span signature;

    if (!span_has(redacted))
        return 0;
    if (bedrock_converse_open(x->r->arena, redacted, &signature) < 0)
        return no_memory(x);
    return go_on(x, CHAT_PART_THINKING, true) < 0 ? -1 : sign(x, signature);
}

/* Text and signature: of a whole block, or a piece of either. */
static int read_thinking(const struct reading *x, yyjson_val *v)
{
    yyjson_val *whole = json_get(v, "reasoningText"), *holder = whole ? whole : v;
    struct span text = json_get_text(holder, "text"), mark = json_get_text(holder, "signature");

    if (span_has(text) || span_has(mark)) {
        if (go_on(x, CHAT_PART_THINKING, false) < 0 || say(x, CHAT_EVENT_DELTA, text) < 0 ||
            sign(x, mark) < 0)
            return -1;
    }
    return read_redacted(x, json_get_text(v, "redactedContent"));
}

/* ---- citations ---- */

static void write_number(struct json_write *w, const char *key, yyjson_val *v)
{
    uint64_t n = 0;

    if (json_tree_u64(v, &n))
        json_kv_uint(w, key, n);
}

static void write_citation(struct buf *out, const struct bedrock_converse_location *l,
                           yyjson_val *citation, yyjson_val *place)
{
    yyjson_val *source = yyjson_arr_get_first(json_get(citation, "sourceContent"));
    struct json_write w;

    json_write_init(&w, out);
    json_begin_object(&w);
    json_kv_cstring(&w, "type", l->type);
    json_kv_string(&w, "cited_text", json_get_text(source, "text"));
    write_number(&w, l->own_index, json_get(place, l->index));
    if (l->search && span_has(json_get_text(citation, "source")))
        json_kv_string(&w, "source", json_get_text(citation, "source"));
    if (span_has(json_get_text(citation, "title")))
        json_kv_string(&w, l->title, json_get_text(citation, "title"));
    write_number(&w, l->start, json_get(place, "start"));
    write_number(&w, l->end, json_get(place, "end"));
    json_end_object(&w);
}

static int read_citation(const struct reading *x, yyjson_val *v)
{
    struct buf text;
    int rc = 0;

    buf_init(&text, x->r->arena->budget);
    for (size_t i = 0; i < BEDROCK_CONVERSE_LOCATIONS && rc == 0; i++) {
        const struct bedrock_converse_location *l = &bedrock_converse_locations[i];
        yyjson_val *place = json_get(json_get(v, "location"), l->member);

        if (!place)
            continue;
        rc = go_on(x, CHAT_PART_TEXT, false);
        if (rc < 0)
            break;
        write_citation(&text, l, v, place);
        rc = buf_ok(&text) ? say(x, CHAT_EVENT_CITE, buf_span(&text)) : no_memory(x);
        buf_reset(&text);
    }
    buf_fini(&text);
    return rc;
}

/* A text with its citations, in a whole answer. */
static int read_cited(const struct reading *x, yyjson_val *v)
{
    yyjson_arr_iter it;
    yyjson_val *item;

    yyjson_arr_iter_init(json_get(v, "content"), &it);
    while ((item = yyjson_arr_iter_next(&it)) != NULL)
        if (read_text(x, json_get(item, "text")) < 0)
            return -1;
    yyjson_arr_iter_init(json_get(v, "citations"), &it);
    while ((item = yyjson_arr_iter_next(&it)) != NULL)
        if (read_citation(x, item) < 0)
            return -1;
    return 0;
}

/* ---- calls and images ---- */

static bool is_providers(yyjson_val *call)
{
    return span_is(json_get_text(call, "type"), "server_tool_use");
}

static int begin_call(const struct reading *x, yyjson_val *v)
{
    struct chat_event ev = {.part = CHAT_PART_TOOL_CALL,
                            .id = json_get_text(v, "toolUseId"),
                            .name = json_get_text(v, "name")};

    x->own->left_out = is_providers(v);
    if (x->own->left_out)
        return 0;
    if (ev.id.n == 0 || ev.name.n == 0)
        return err_set(x->e, ERR_PROTOCOL, "a call without its toolUseId or name");
    return begin_part(x, ev);
}

/* A whole call. */
static int read_call(const struct reading *x, yyjson_val *v)
{
    yyjson_val *input = json_get(v, "input");
    struct buf text;
    int rc;

    if (begin_call(x, v) < 0)
        return -1;
    if (x->own->left_out || yyjson_obj_size(input) == 0)
        return 0;
    buf_init(&text, x->r->arena->budget);
    json_write_tree(&text, input);
    rc = buf_ok(&text) ? say(x, CHAT_EVENT_DELTA, buf_span(&text)) : no_memory(x);
    buf_fini(&text);
    return rc;
}

static int read_call_piece(const struct reading *x, yyjson_val *v)
{
    if (!x->own->open || x->own->kind != CHAT_PART_TOOL_CALL)
        return err_set(x->e, ERR_PROTOCOL, "a piece of a call that has not begun");
    return say(x, CHAT_EVENT_DELTA, json_get_text(v, "input"));
}

static int read_image(const struct reading *x, yyjson_val *v)
{
    struct span data = json_get_text(json_get(v, "source"), "bytes");
    struct chat_event ev = {
        .part = CHAT_PART_MEDIA,
        .media = {.kind = CHAT_IMAGE,
                  .source = CHAT_BASE64,
                  .type = bedrock_converse_type(CHAT_IMAGE, json_get_text(v, "format")),
                  .data = data}};

    return span_has(data) ? begin_part(x, ev) : 0;
}

/* ---- blocks ---- */

struct row {
    const char *member;
    int (*read)(const struct reading *x, yyjson_val *v);
};

/* By the first member that the object has; nothing: it is left out. */
static int read_by(const struct reading *x, yyjson_val *object, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        yyjson_val *v = json_get(object, rows[i].member);

        if (v && !yyjson_is_null(v))
            return rows[i].read(x, v);
    }
    return 0;
}

/* The block that the event speaks of; another one ends. */
static int begin_block(const struct reading *x, yyjson_val *root)
{
    uint64_t at = x->own->at;

    json_tree_u64(json_get(root, "contentBlockIndex"), &at);
    if (at == x->own->at)
        return 0;
    x->own->at = at;
    x->own->left_out = false;
    return end_part(x);
}

static int on_block_start(const struct reading *x, yyjson_val *root)
{
    static const struct row rows[] = {{"toolUse", begin_call}};

    if (begin_block(x, root) < 0)
        return -1;
    return read_by(x, json_get(root, "start"), rows, ARRAY_LEN(rows));
}

static int on_block_delta(const struct reading *x, yyjson_val *root)
{
    static const struct row rows[] = {{"text", read_text},
                                      {"toolUse", read_call_piece},
                                      {"reasoningContent", read_thinking},
                                      {"citation", read_citation}};

    if (begin_block(x, root) < 0)
        return -1;
    return x->own->left_out ? 0 : read_by(x, json_get(root, "delta"), rows, ARRAY_LEN(rows));
}

static int on_block_stop(const struct reading *x, yyjson_val *root)
{
    UNUSED(root);
    x->own->left_out = false;
    return end_part(x);
}

static int read_block(const struct reading *x, yyjson_val *block)
{
    static const struct row rows[] = {{"text", read_text},
                                      {"toolUse", read_call},
                                      {"reasoningContent", read_thinking},
                                      {"citationsContent", read_cited},
                                      {"image", read_image}};

    return read_by(x, block, rows, ARRAY_LEN(rows)) < 0 ? -1 : end_part(x);
}

/* ---- the rest ---- */

static int on_start(const struct reading *x, yyjson_val *root)
{
    struct chat_event ev = {.kind = CHAT_EVENT_START};

    UNUSED(root);
    return emit(x, &ev);
}

/* The text that ended it stands where the request has asked for it to be. */
static int on_stop(const struct reading *x, yyjson_val *root)
{
    yyjson_val *more = json_get(root, "additionalModelResponseFields");
    struct chat_event ev = {.kind = CHAT_EVENT_FINISH,
                            .stop = bedrock_converse_stop(json_get_text(root, "stopReason")),
                            .stop_text = json_get_text(more, "stop_sequence")};

    if (x->own->finished)
        return 0;
    x->own->finished = true;
    return end_part(x) < 0 ? -1 : emit(x, &ev);
}

static int on_usage(const struct reading *x, yyjson_val *root)
{
    yyjson_val *usage = json_get(root, "usage");
    struct chat_event ev = {.kind = CHAT_EVENT_USAGE, .usage.seen = true};
    struct chat_usage *u = &ev.usage;

    if (!yyjson_is_obj(usage))
        return 0;
    json_tree_u64(json_get(usage, "inputTokens"), &u->input);
    json_tree_u64(json_get(usage, "outputTokens"), &u->output);
    json_tree_u64(json_get(usage, "cacheReadInputTokens"), &u->cache_read);
    json_tree_u64(json_get(usage, "cacheWriteInputTokens"), &u->cache_write);
    u->input += u->cache_read + u->cache_write; /* they are counted apart */
    return emit(x, &ev);
}

int bedrock_converse_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                                struct err *e)
{
    static const struct {
        const char *name;
        int (*on)(const struct reading *x, yyjson_val *root);
    } rows[] = {
        {"contentBlockDelta", on_block_delta},
        {"contentBlockStart", on_block_start},
        {"contentBlockStop", on_block_stop},
        {"messageStart", on_start},
        {"messageStop", on_stop},
        {"metadata", on_usage},
    };
    const struct reading x = {r, r->own, e};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_is(name, rows[i].name))
            return rows[i].on(&x, root);
    return 0;
}

int bedrock_converse_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    yyjson_val *content = json_get(json_get(json_get(root, "output"), "message"), "content"), *v;
    const struct reading x = {r, r->own, e};
    yyjson_arr_iter it;

    if (!yyjson_is_arr(content))
        return err_set(e, ERR_PROTOCOL, "output.message.content: a list of blocks is wanted");
    if (on_start(&x, root) < 0)
        return -1;
    yyjson_arr_iter_init(content, &it);
    while ((v = yyjson_arr_iter_next(&it)) != NULL)
        if (read_block(&x, v) < 0)
            return -1;
    return on_stop(&x, root) < 0 ? -1 : on_usage(&x, root);
}
