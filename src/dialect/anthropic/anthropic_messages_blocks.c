/*
 * anthropic_messages_blocks.c - reads the content of a message, of the system prompt and of a
 * tool's result: a text, or a list of blocks.
 *
 * A table says of each type where it may stand and what becomes of it. Blocks that belong to tools
 * which the provider runs cannot be said elsewhere: they are noted as such and left out, as are
 * hints that mean nothing to others. A type that is not known is refused, for nobody can tell what
 * would be lost with it.
 */
#include "dialect/anthropic/anthropic_messages_convert.h"

#define AT(type, member) offsetof(struct type, member)

/* ---- words ---- */

/* The value of a member that is one of these words; -1: it is not. */
int anthropic_messages_word(yyjson_val *object, const struct json_at *at, const char *key,
                            const struct anthropic_messages_word *words, size_t n, struct err *e)
{
    yyjson_val *v = json_get(object, key);
    struct json_at here = JSON_AT_KEY(at, key);

    if (!yyjson_is_str(v))
        return json_wrong(e, &here, "a string is wanted");
    for (size_t i = 0; i < n; i++)
        if (span_is(json_text(v), words[i].text))
            return words[i].value;
    return json_wrong(e, &here, "'%.*s' is not known", (int)MIN(yyjson_get_len(v), (size_t)40),
                      yyjson_get_str(v));
}

int anthropic_messages_want(const struct json_at *at, const char *key, const char *what,
                            struct err *e)
{
    struct json_at here = JSON_AT_KEY(at, key);

    return json_wrong(e, &here, "%s is wanted", what);
}

struct block;

struct block_row {
    const char *type;
    unsigned places;
    uint32_t note;                  /* NOTE(feature): the request has it */
    const struct convert_key *keys; /* NULL: the block is left out */
    size_t keys_n;
    enum chat_kind kind;
    int (*done)(const struct block *b); /* its members are read: is it whole, what does it hold? */
};

/* A block that is being read. */
struct block {
    struct chat_request *q;
    struct chat_part *part;
    yyjson_val *v;
    const struct json_at *at;
    unsigned place;
    struct err *e;
};

#define KEYS(table) table, ARRAY_LEN(table)

/* ---- members of blocks ---- */

static int read_cache_ttl(const struct convert_value *x)
{
    struct chat_part *p = x->to;

    if (!yyjson_is_str(x->v))
        return convert_want(x, "a string");
    p->cache_ttl = json_text(x->v);
    return 0;
}

static const struct convert_key cache_keys[] = {
    {"type", convert_ignore, 0, 0},
    {"ttl", read_cache_ttl, 0, 0},
};

int anthropic_messages_cache(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                             struct chat_part *part, struct err *e)
{
    part->cache = true;
    return convert_object(q, v, at, KEYS(cache_keys), part, e);
}

static int read_cache(const struct convert_value *x)
{
    return anthropic_messages_cache(x->q, x->v, x->at, x->to, x->e);
}

#define CACHE_KEY {"cache_control", read_cache, 0, NOTE(CACHE)}

static int read_citations(const struct convert_value *x)
{
    struct chat_part *p = x->to;
    struct span list;

    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a list");
    if (yyjson_arr_size(x->v) == 0)
        return 0;
    list = convert_json_text(x->q, x->v);
    if (!span_has(list))
        return convert_no_memory(x->e);
    p->citations = span_of(list.p + 1, list.n - 2); /* without its brackets */
    chat_note(x->q, CHAT_HAS_CITATIONS);
    return 0;
}

/* "citations": {"enabled": true} of a document asks for them. */
static int read_citing(const struct convert_value *x)
{
    struct chat_part *p = x->to;

    p->media.cite = yyjson_is_true(json_get(x->v, "enabled"));
    if (p->media.cite)
        chat_note(x->q, CHAT_HAS_CITING);
    return 0;
}

/* Which of the provider's tools may call it: nobody but the model, or it cannot be said. */
static int read_caller(const struct convert_value *x)
{
    if (!span_is(json_get_text(x->v, "type"), "direct"))
        chat_note(x->q, CHAT_HAS_PROVIDER_TOOL);
    return 0;
}

static int read_is_error(const struct convert_value *x)
{
    struct chat_part *p = x->to;

    if (!yyjson_is_bool(x->v))
        return convert_want(x, "true or false");
    p->error = yyjson_is_true(x->v);
    if (p->error)
        chat_note(x->q, CHAT_HAS_TOOL_RESULT_ERROR);
    return 0;
}

static int read_result_content(const struct convert_value *x)
{
    struct chat_part *p = x->to;

    return anthropic_messages_read_content(x->q, x->v, x->at, &p->parts, ANTHROPIC_IN_RESULT, x->e);
}

/* ---- sources of images and documents ---- */

static int read_block(struct block *b, struct chat_part ***tail);

/* Texts; images become parts behind the one that is read. */
static int gather_texts(const struct convert_value *x, struct buf *ret)
{
    struct chat_part *p = x->to, **tail = &p->next;
    yyjson_arr_iter it;
    yyjson_val *v;
    size_t texts = 0;

    yyjson_arr_iter_init(x->v, &it);
    for (size_t i = 0; (v = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct json_at item = JSON_AT_ITEM(x->at, i);
        struct json_at here = JSON_AT_KEY(&item, "text");
        struct block image = {x->q, NULL, v, &item, ANTHROPIC_IN_USER, x->e};
        yyjson_val *text = json_get(v, "text");

        if (span_is(json_get_text(v, "type"), "image")) {
            if (read_block(&image, &tail) < 0)
                return -1;
            continue;
        }
        if (!yyjson_is_str(text))
            return json_wrong(x->e, &here, "a string is wanted");
        if (texts++)
            buf_add_char(ret, '\n');
        buf_add_span(ret, json_text(text));
    }
    return 0;
}

/* A text, or those of a list of blocks, a line each. */
static int read_texts(const struct convert_value *x, struct span *ret)
{
    struct buf b;
    int rc;

    if (yyjson_is_str(x->v)) {
        *ret = json_text(x->v);
        return 0;
    }
    if (!yyjson_is_arr(x->v))
        return convert_want(x, "a string or a list of blocks");
    buf_init(&b, x->q->arena->budget);
    rc = gather_texts(x, &b);
    if (rc == 0) {
        *ret = buf_ok(&b) ? arena_dup(x->q->arena, buf_span(&b)) : span_of(NULL, 0);
        rc = span_has(*ret) ? 0 : convert_no_memory(x->e);
    }
    buf_fini(&b);
    return rc;
}

static int read_source_texts(const struct convert_value *x)
{
    return read_texts(x, (struct span *)((char *)x->to + x->key->at));
}

static const struct convert_key source_keys[] = {
    ANTHROPIC_TYPE_KEY,
    {"media_type", convert_text, AT(chat_part, media.type), 0},
    {"data", convert_text, AT(chat_part, media.data), 0},
    {"url", convert_text, AT(chat_part, media.data), 0},
    {"file_id", convert_text, AT(chat_part, media.data), 0},
    {"content", read_source_texts, AT(chat_part, media.data), 0},
};

static int read_source(const struct convert_value *x)
{
    static const struct anthropic_messages_word words[] = {
        {"base64", CHAT_BASE64}, {"url", CHAT_URL},       {"file", CHAT_FILE},
        {"text", CHAT_PLAIN},    {"content", CHAT_PLAIN},
    };
    struct chat_part *p = x->to;
    int source;

    if (!yyjson_is_obj(x->v))
        return convert_want(x, "an object");
    source = anthropic_messages_word(x->v, x->at, "type", words, ARRAY_LEN(words), x->e);
    if (source < 0 || convert_object(x->q, x->v, x->at, KEYS(source_keys), p, x->e) < 0)
        return -1;
    p->media.source = (enum chat_source)source;
    return span_has(p->media.data) ? 0 : json_wrong(x->e, x->at, "it has no data");
}

/* ---- blocks that are read: what must be there, and what is noted ---- */

static int text_done(const struct block *b)
{
    chat_note(b->q, b->place & ANTHROPIC_IN_SYSTEM   ? CHAT_HAS_SYSTEM
                    : b->place & ANTHROPIC_IN_RESULT ? CHAT_HAS_TOOL_RESULT
                                                     : CHAT_HAS_TEXT);
    return span_has(b->part->text) ? 0 : json_wrong(b->e, b->at, "it has no text");
}

/* It failed if it has no content: nothing was cut down. */
static int compaction_done(const struct block *b)
{
    if (!span_has(b->part->text))
        b->part->text = SPAN_LIT("");
    return text_done(b);
}

static int media_done(const struct block *b)
{
    struct chat_media *m = &b->part->media;

    if (!span_has(m->data))
        return anthropic_messages_want(b->at, "source", "an object", b->e);
    chat_note(b->q, convert_media_feature(m));
    if (b->place & ANTHROPIC_IN_RESULT && m->kind == CHAT_IMAGE)
        chat_note(b->q, CHAT_HAS_TOOL_RESULT_IMAGE);
    return 0;
}

static int image_done(const struct block *b)
{
    b->part->media.kind = CHAT_IMAGE;
    return media_done(b);
}

/* What there is to know of a document, a line each; absent: nothing. */
static int told_of(struct span *ret, const struct block *b)
{
    const struct chat_media *m = &b->part->media;
    const struct span all[] = {m->name, m->context, m->origin};
    struct span lines[2 * ARRAY_LEN(all)];
    size_t n = 0;

    *ret = span_of(NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i].n == 0)
            continue;
        if (n)
            lines[n++] = SPAN_LIT("\n");
        lines[n++] = all[i];
    }
    if (n)
        *ret = arena_join(b->q->arena, lines, n);
    return n == 0 || span_has(*ret) ? 0 : convert_no_memory(b->e);
}

/* One that held nothing but images is what it held, behind a text that tells of it. */
static int document_done(const struct block *b)
{
    struct chat_part *p = b->part;
    struct span told;

    p->media.kind = CHAT_DOCUMENT;
    if (p->next && b->place & ANTHROPIC_IN_RESULT)
        chat_note(b->q, CHAT_HAS_TOOL_RESULT_IMAGE);
    if (p->next && p->media.data.n == 0) {
        struct chat_part *last = p->next;

        while (last->next)
            last = last->next;
        last->cache = p->cache;
        last->cache_ttl = p->cache_ttl;
        if (told_of(&told, b) < 0)
            return -1;
        if (told.n == 0) {
            *p = *p->next;
            return 0;
        }
        *p = (struct chat_part){.next = p->next, .kind = CHAT_PART_TEXT, .text = told};
        return text_done(b);
    }
    return media_done(b);
}

/* A piece of what a client has searched itself: a document with a title. */
static int search_result_done(const struct block *b)
{
    b->part->media.source = CHAT_PLAIN;
    b->part->media.type = SPAN_LIT("text/plain");
    return document_done(b);
}

static int thinking_done(const struct block *b)
{
    struct chat_part *p = b->part;

    if (!span_has(p->text))
        return anthropic_messages_want(b->at, "thinking", "a string", b->e);
    if (p->text.n)
        chat_note(b->q, CHAT_HAS_THINKING);
    p->signer = CHAT_SIGNER_NONE;
    if (p->signature.n == 0)
        return 0;
    p->signature = convert_take_back(p->signature, CHAT_SIGNER_ANTHROPIC, &p->signer);
    chat_note(b->q, CHAT_HAS_SIGNATURE);
    return 0;
}

static int redacted_done(const struct block *b)
{
    struct chat_part *p = b->part;

    if (!span_has(p->signature))
        return anthropic_messages_want(b->at, "data", "a string", b->e);
    p->redacted = true;
    p->text = SPAN_LIT("");
    return thinking_done(b);
}

static int call_done(const struct block *b)
{
    const struct chat_part *p = b->part;

    if (p->id.n == 0)
        return anthropic_messages_want(b->at, "id", "a string that is not empty", b->e);
    if (p->name.n == 0)
        return anthropic_messages_want(b->at, "name", "a string that is not empty", b->e);
    return span_has(p->args) ? 0 : anthropic_messages_want(b->at, "input", "an object", b->e);
}

static int result_done(const struct block *b)
{
    return b->part->id.n
               ? 0
               : anthropic_messages_want(b->at, "tool_use_id", "a string that is not empty", b->e);
}

/* ---- the table of blocks ---- */

static const struct convert_key text_keys[] = {
    ANTHROPIC_TYPE_KEY,
    CACHE_KEY,
    {"text", convert_text, AT(chat_part, text), 0},
    {"citations", read_citations, 0, 0},
};

static const struct convert_key image_keys[] = {
    ANTHROPIC_TYPE_KEY,
    CACHE_KEY,
    {"source", read_source, 0, 0},
};

static const struct convert_key document_keys[] = {
    ANTHROPIC_TYPE_KEY,
    CACHE_KEY,
    {"source", read_source, 0, 0},
    {"title", convert_text, AT(chat_part, media.name), 0},
    {"citations", read_citing, 0, 0},
    {"context", convert_text, AT(chat_part, media.context), NOTE(DOCUMENT_CONTEXT)},
};

static const struct convert_key search_result_keys[] = {
    ANTHROPIC_TYPE_KEY,
    CACHE_KEY,
    {"content", read_source_texts, AT(chat_part, media.data), 0},
    {"title", convert_text, AT(chat_part, media.name), 0},
    {"source", convert_text, AT(chat_part, media.origin), NOTE(DOCUMENT_CONTEXT)},
    {"citations", read_citing, 0, 0},
};

static const struct convert_key thinking_keys[] = {
    ANTHROPIC_TYPE_KEY,
    {"thinking", convert_text, AT(chat_part, text), 0},
    {"signature", convert_text, AT(chat_part, signature), 0},
};

static const struct convert_key redacted_keys[] = {
    ANTHROPIC_TYPE_KEY,
    {"data", convert_text, AT(chat_part, signature), 0},
};

static const struct convert_key call_keys[] = {
    ANTHROPIC_TYPE_KEY,
    CACHE_KEY,
    {"id", convert_text, AT(chat_part, id), 0},
    {"name", convert_text, AT(chat_part, name), 0},
    {"input", convert_json_object, AT(chat_part, args), 0},
    {"caller", read_caller, 0, 0},
};

static const struct convert_key result_keys[] = {
    ANTHROPIC_TYPE_KEY,
    CACHE_KEY,
    {"tool_use_id", convert_text, AT(chat_part, id), 0},
    {"content", read_result_content, 0, 0},
    {"is_error", read_is_error, 0, 0},
};

/* The tool that a search has found: those who have all tools at hand need no more than its name. */
static const struct convert_key reference_keys[] = {
    ANTHROPIC_TYPE_KEY,
    CACHE_KEY,
    {"tool_name", convert_text, AT(chat_part, text), 0},
};

/* What a conversation was cut down to. */
static const struct convert_key compaction_keys[] = {
    ANTHROPIC_TYPE_KEY,
    CACHE_KEY,
    {"content", convert_text, AT(chat_part, text), 0},
};

#define IN_TURN (ANTHROPIC_IN_USER | ANTHROPIC_IN_ASSISTANT)

static const struct block_row block_rows[] = {
    {"text", ANTHROPIC_IN_SYSTEM | IN_TURN | ANTHROPIC_IN_RESULT, 0, KEYS(text_keys),
     CHAT_PART_TEXT, text_done},
    {"image", IN_TURN | ANTHROPIC_IN_RESULT, 0, KEYS(image_keys), CHAT_PART_MEDIA, image_done},
    {"document", IN_TURN | ANTHROPIC_IN_RESULT, 0, KEYS(document_keys), CHAT_PART_MEDIA,
     document_done},
    {"search_result", IN_TURN | ANTHROPIC_IN_RESULT, 0, KEYS(search_result_keys), CHAT_PART_MEDIA,
     search_result_done},
    {"thinking", ANTHROPIC_IN_ASSISTANT, 0, KEYS(thinking_keys), CHAT_PART_THINKING, thinking_done},
    {"redacted_thinking", ANTHROPIC_IN_ASSISTANT, 0, KEYS(redacted_keys), CHAT_PART_THINKING,
     redacted_done},
    {"tool_use", ANTHROPIC_IN_ASSISTANT, NOTE(TOOL_CALL), KEYS(call_keys), CHAT_PART_TOOL_CALL,
     call_done},
    {"tool_result", ANTHROPIC_IN_USER, NOTE(TOOL_RESULT), KEYS(result_keys), CHAT_PART_TOOL_RESULT,
     result_done},
    {"tool_reference", ANTHROPIC_IN_RESULT, 0, KEYS(reference_keys), CHAT_PART_TEXT, text_done},
    {"compaction", IN_TURN, 0, KEYS(compaction_keys), CHAT_PART_TEXT, compaction_done},
    {"fallback", IN_TURN, 0, .kind = 0},
    {"tool_addition", ANTHROPIC_IN_SYSTEM, NOTE(OTHER), .kind = 0},
    {"tool_removal", ANTHROPIC_IN_SYSTEM, NOTE(OTHER), .kind = 0},
    {"browser_state", ANTHROPIC_IN_USER | ANTHROPIC_IN_RESULT, NOTE(OTHER), .kind = 0},
    {"mcp_tool_listing", IN_TURN, NOTE(PROVIDER_TOOL), .kind = 0},
    {"container_upload", IN_TURN, NOTE(PROVIDER_TOOL), .kind = 0},
    /* server_tool_use, mcp_tool_use, web_search_tool_result ... */
    {"*_tool_use", IN_TURN, NOTE(PROVIDER_TOOL), .kind = 0},
    {"*_tool_result", IN_TURN, NOTE(PROVIDER_TOOL), .kind = 0},
};

static const struct block_row *find_block(struct span type)
{
    for (size_t i = 0; i < ARRAY_LEN(block_rows); i++)
        if (span_glob(span_str(block_rows[i].type), type))
            return &block_rows[i];
    return NULL;
}

static int note_row(const struct block_row *row, const struct block *b)
{
    if (row->note == NOTE(OTHER))
        return convert_note_other(b->q, b->at, b->e);
    return row->note ? convert_note(b->q, (enum chat_feature)(row->note - 1), b->at, b->e) : 0;
}

static int read_block(struct block *b, struct chat_part ***tail)
{
    struct json_at here = JSON_AT_KEY(b->at, "type");
    yyjson_val *type = json_get(b->v, "type");
    const struct block_row *row;

    if (!yyjson_is_obj(b->v))
        return json_wrong(b->e, b->at, "an object is wanted");
    if (!yyjson_is_str(type))
        return json_wrong(b->e, &here, "a string is wanted");
    row = find_block(json_text(type));
    if (!row || !(row->places & b->place))
        return json_wrong(b->e, &here, "a block of type '%.*s' %s",
                          (int)MIN(yyjson_get_len(type), (size_t)40), yyjson_get_str(type),
                          row ? "cannot stand here" : "is not known");
    if (note_row(row, b) < 0)
        return -1;
    if (!row->keys)
        return 0;
    b->part = chat_add_part(b->q, tail, row->kind);
    if (!b->part)
        return convert_no_memory(b->e);
    if (convert_object(b->q, b->v, b->at, row->keys, row->keys_n, b->part, b->e) < 0 ||
        row->done(b) < 0)
        return -1;
    while (**tail) /* what it held besides */
        *tail = &(**tail)->next;
    return 0;
}

/* A text, or a list of blocks. */
int anthropic_messages_read_content(struct chat_request *q, yyjson_val *v, const struct json_at *at,
                                    struct chat_part **tail, unsigned place, struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *item;

    if (yyjson_is_str(v)) {
        struct block b = {q, chat_add_part(q, &tail, CHAT_PART_TEXT), v, at, place, e};

        if (!b.part)
            return convert_no_memory(e);
        b.part->text = json_text(v);
        return text_done(&b);
    }
    if (!yyjson_is_arr(v))
        return json_wrong(e, at, "a string or a list of blocks is wanted");
    yyjson_arr_iter_init(v, &it);
    for (size_t i = 0; (item = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct json_at here = JSON_AT_ITEM(at, i);
        struct block b = {q, NULL, item, &here, place, e};

        if (read_block(&b, &tail) < 0)
            return -1;
    }
    return 0;
}
