/*
 * anthropic_messages_request_write.c - writes a request of Anthropic's messages.
 *
 * System and developer messages become blocks of the system prompt, in front of everything, in
 * their order; models that take them in between get those that stand behind what a user said where
 * they are. Turns alternate, so messages of one role that follow each other become one, and in it
 * the results of tools come first, as the API demands. What a model takes of thinking and sampling
 * is in claude.h.
 *
 * Left out, beside what the loss table calls lost: texts of nothing but white space (the API
 * refuses them) and thinking that the target did not sign.
 */
#include "base/base64.h"
#include "codec/json_write.h"
#include "codec/utf8.h"
#include "dialect/anthropic/anthropic_messages_convert.h"
#include "dialect/anthropic/claude.h"
#include "dialect/convert_turn.h"
#include "dialect/convert_write.h"
#include "dialect/schema_fit.h"

struct writing {
    struct json_write w;
    const struct chat_request *q;
    const struct convert_to *to;
    struct json_at list, at; /* the message that is being written */
    struct err *e;
};

/* ---- small things ---- */

static void write_cache(struct json_write *w, bool cache, struct span ttl)
{
    if (!cache)
        return;
    json_key(w, "cache_control");
    json_begin_object(w);
    json_kv_cstring(w, "type", "ephemeral");
    if (span_has(ttl))
        json_kv_string(w, "ttl", ttl);
    json_end_object(w);
}

/* The key of a list, before its first item: lists that would be empty are left out. */
static void begin_list(struct json_write *w, const char *key, bool *begun)
{
    if (*begun)
        return;
    json_key(w, key);
    json_begin_array(w);
    *begun = true;
}

static void begin_block(struct json_write *w, const char *type)
{
    json_begin_object(w);
    json_kv_cstring(w, "type", type);
}

static void end_block(struct json_write *w, const struct chat_part *p)
{
    write_cache(w, p->cache, p->cache_ttl);
    json_end_object(w);
}

static int write_fit(struct writing *x, const char *key, struct span s,
                     const struct convert_charset *set)
{
    struct span fit = convert_fit(x->q->arena, s, set);

    json_kv_string(&x->w, key, fit);
    return span_has(fit) ? 0 : convert_no_memory(x->e);
}

/* ---- blocks ---- */

static bool thinking_fits(const struct writing *x, const struct chat_part *p)
{
    if (x->to->signer != CHAT_SIGNER_ANTHROPIC) /* an engine that signs nothing */
        return p->text.n > 0;
    return p->signature.n > 0 && p->signer == CHAT_SIGNER_ANTHROPIC;
}

/* Kind and source in the API's words; no row: it cannot be said. */
static const struct media_row {
    enum chat_media_kind kind;
    enum chat_source source;
    const char *block, *type, *key; /* of the block, of its source, and of what it holds */
    const char *media_type;         /* the only one; NULL: those of images */
} media_rows[] = {
    {CHAT_IMAGE, CHAT_BASE64, "image", "base64", "data", NULL},
    {CHAT_IMAGE, CHAT_URL, "image", "url", "url", NULL},
    {CHAT_DOCUMENT, CHAT_BASE64, "document", "base64", "data", "application/pdf"},
    {CHAT_DOCUMENT, CHAT_URL, "document", "url", "url", NULL},
    {CHAT_DOCUMENT, CHAT_PLAIN, "document", "text", "data", "text/plain"},
};

/* Those of images, and how the API spells them. */
static const struct {
    const char *said, *wire;
} image_types[] = {
    {"image/jpeg", "image/jpeg"}, {"image/jpg", "image/jpeg"},  {"image/png", "image/png"},
    {"image/gif", "image/gif"},   {"image/webp", "image/webp"},
};

static const struct media_row *media_row(const struct chat_media *m)
{
    for (size_t i = 0; i < ARRAY_LEN(media_rows); i++)
        if (media_rows[i].kind == m->kind && media_rows[i].source == m->source)
            return &media_rows[i];
    return NULL;
}

/* Is there something to write of this part? */
static bool part_fits(void *arg, const struct chat_part *p)
{
    const struct writing *x = arg;

    switch (p->kind) {
    case CHAT_PART_TEXT:
    case CHAT_PART_REFUSAL:
        return !convert_blank(p->text);
    case CHAT_PART_MEDIA:
        return media_row(&p->media) != NULL;
    case CHAT_PART_THINKING:
        if (thinking_fits(x, p))
            return true;
        if (p->text.n)
            convert_drops(x->to, CHAT_HAS_THINKING);
        return false;
    case CHAT_PART_TOOL_CALL:
    case CHAT_PART_TOOL_RESULT:
        return !p->free;
    }
    return false;
}

static int write_text(struct writing *x, const struct chat_part *p)
{
    int cited;

    begin_block(&x->w, "text");
    json_kv_string(&x->w, "text", p->text);
    cited = anthropic_messages_cite(&x->w, p->citations, x->e);
    if (cited < 0)
        return -1;
    if (cited == 0 && span_has(p->citations))
        convert_drops(x->to, CHAT_HAS_CITATIONS);
    end_block(&x->w, p);
    return 0;
}

static bool is_utf8(struct span s)
{
    const unsigned char *p = (const unsigned char *)s.p, *end = s.n ? p + s.n : p;

    while (p < end && (p = utf8_skip(p, end)) < end && *p < 0x80)
        p++;
    return p == end;
}

/* Texts of whatever type came as bytes, and the API takes them as texts. */
static int open_text(struct writing *x, struct chat_media *m)
{
    static const struct span texts = SPAN_LIT("text/");
    struct span text;
    struct buf b;
    int rc = 0;

    if (m->kind != CHAT_DOCUMENT || m->source != CHAT_BASE64 || m->type.n < texts.n ||
        !span_eq_nocase(span_of(m->type.p, texts.n), texts))
        return 0;
    buf_init(&b, x->w.out->max);
    if (base64_decode(&b, m->data) < 0 || !is_utf8(buf_span(&b))) {
        rc = json_wrong(x->e, &x->at, "a text that is not UTF-8 cannot be said");
    } else {
        text = buf_ok(&b) ? arena_dup(x->q->arena, buf_span(&b)) : span_of(NULL, 0);
        m->source = CHAT_PLAIN;
        m->data = text;
        m->type = SPAN_LIT("text/plain");
        rc = span_has(text) ? 0 : convert_no_memory(x->e);
    }
    buf_fini(&b);
    return rc;
}

/* The type of what is embedded, in the API's words; NULL: it has none for it. */
static const char *media_type(const struct media_row *row, const struct chat_media *m)
{
    if (row->media_type)
        return m->type.n == 0 || m->source == CHAT_PLAIN ||
                       span_eq_nocase(m->type, span_str(row->media_type))
                   ? row->media_type
                   : NULL;
    for (size_t i = 0; i < ARRAY_LEN(image_types); i++)
        if (span_eq_nocase(m->type, span_str(image_types[i].said)))
            return image_types[i].wire;
    return NULL;
}

/* A piece of what a client has searched itself. */
static int write_search_result(struct writing *x, const struct chat_part *p)
{
    begin_block(&x->w, "search_result");
    json_kv_string(&x->w, "source", p->media.origin);
    json_kv_string(&x->w, "title", p->media.name);
    json_key(&x->w, "content");
    json_begin_array(&x->w);
    begin_block(&x->w, "text");
    json_kv_string(&x->w, "text", p->media.data);
    json_end_object(&x->w);
    json_end_array(&x->w);
    convert_kv_citing(&x->w, &p->media);
    end_block(&x->w, p);
    return 0;
}

static int write_media(struct writing *x, const struct chat_part *p)
{
    struct chat_media m = p->media;
    const struct media_row *row;
    const char *type = NULL;
    bool embedded = m.source != CHAT_URL;

    if (span_has(m.origin) && m.name.n && m.source == CHAT_PLAIN)
        return write_search_result(x, p);
    if (open_text(x, &m) < 0)
        return -1;
    row = media_row(&m);
    MUST(row); /* part_fits() has let it through */
    if (embedded)
        type = media_type(row, &m);
    if (embedded && !type && m.type.n == 0)
        return json_wrong(x->e, &x->at, "an image without its type cannot be said");
    if (embedded && !type)
        return json_wrong(x->e, &x->at, "%s %s of type '%.*s' cannot be said, only %s",
                          row->media_type ? "a" : "an", row->block, (int)MIN(m.type.n, (size_t)40),
                          m.type.p, row->media_type ? row->media_type : "JPEG, PNG, GIF and WebP");
    begin_block(&x->w, row->block);
    json_key(&x->w, "source");
    begin_block(&x->w, row->type);
    if (type)
        json_kv_cstring(&x->w, "media_type", type);
    json_kv_string(&x->w, row->key, m.data);
    json_end_object(&x->w);
    if (m.kind == CHAT_DOCUMENT && m.name.n)
        json_kv_string(&x->w, "title", m.name);
    if (span_has(m.context))
        json_kv_string(&x->w, "context", m.context);
    convert_kv_citing(&x->w, &m);
    end_block(&x->w, p);
    return 0;
}

static int write_thinking(struct writing *x, const struct chat_part *p)
{
    if (p->redacted) {
        begin_block(&x->w, "redacted_thinking");
        json_kv_string(&x->w, "data", p->signature);
    } else {
        begin_block(&x->w, "thinking");
        json_kv_string(&x->w, "thinking", p->text);
        json_kv_string(&x->w, "signature",
                       p->signer == x->to->signer && p->signature.n ? p->signature : SPAN_LIT(""));
    }
    json_end_object(&x->w);
    return 0;
}

static int write_call(struct writing *x, const struct chat_part *p)
{
    begin_block(&x->w, "tool_use");
    if (write_fit(x, "id", p->id, &anthropic_messages_ids) < 0 ||
        write_fit(x, "name", p->name, &anthropic_messages_names) < 0)
        return -1;
    json_key(&x->w, "input");
    if (convert_write_args(&x->w, p, &x->at, x->e) < 0)
        return -1;
    end_block(&x->w, p);
    return 0;
}

static int write_result(struct writing *x, const struct chat_part *p)
{
    begin_block(&x->w, "tool_result");
    if (write_fit(x, "tool_use_id", p->id, &anthropic_messages_ids) < 0)
        return -1;
    json_key(&x->w, "content");
    json_begin_array(&x->w);
    for (const struct chat_part *in = p->parts; in; in = in->next)
        if (part_fits(x, in) &&
            (in->kind == CHAT_PART_MEDIA ? write_media(x, in) : write_text(x, in)) < 0)
            return -1;
    json_end_array(&x->w);
    if (p->error)
        json_kv_bool(&x->w, "is_error", true);
    end_block(&x->w, p);
    return 0;
}

static int write_part(void *arg, const struct chat_part *p)
{
    static int (*const rows[])(struct writing *x, const struct chat_part *p) = {
        [CHAT_PART_TEXT] = write_text,         [CHAT_PART_MEDIA] = write_media,
        [CHAT_PART_TOOL_CALL] = write_call,    [CHAT_PART_TOOL_RESULT] = write_result,
        [CHAT_PART_THINKING] = write_thinking, [CHAT_PART_REFUSAL] = write_text,
    };

    return rows[p->kind](arg, p);
}

/* ---- tools ---- */

static int write_input_schema(struct writing *x, const struct chat_tool *t)
{
    json_key(&x->w, "input_schema");
    if (t->strict != CHAT_YES || !span_has(t->schema))
        return convert_write_schema(&x->w, t->schema, x->e);
    json_raw(&x->w, t->schema);
    json_kv_bool(&x->w, "strict", true);
    return 0;
}

static int write_tool(struct writing *x, const struct chat_tool *t)
{
    json_begin_object(&x->w);
    if (write_fit(x, "name", t->name, &anthropic_messages_names) < 0)
        return -1;
    if (span_has(t->description))
        json_kv_string(&x->w, "description", t->description);
    if (write_input_schema(x, t) < 0)
        return -1;
    write_cache(&x->w, t->cache, t->cache_ttl);
    json_end_object(&x->w);
    return 0;
}

static int write_choice(struct writing *x)
{
    static const char *const types[] = {
        [CHAT_CHOICE_UNSET] = "auto", [CHAT_CHOICE_AUTO] = "auto", [CHAT_CHOICE_NONE] = "none",
        [CHAT_CHOICE_ANY] = "any",    [CHAT_CHOICE_ONE] = "tool",
    };
    const struct chat_request *q = x->q;

    if (q->choice == CHAT_CHOICE_UNSET && q->parallel == CHAT_UNSET)
        return 0;
    json_key(&x->w, "tool_choice");
    begin_block(&x->w, types[q->choice]);
    if (q->choice == CHAT_CHOICE_ONE &&
        write_fit(x, "name", q->choice_name, &anthropic_messages_names) < 0)
        return -1;
    if (q->parallel != CHAT_UNSET && q->choice != CHAT_CHOICE_NONE)
        json_kv_bool(&x->w, "disable_parallel_tool_use", q->parallel == CHAT_NO);
    json_end_object(&x->w);
    return 0;
}

/* A choice without tools is refused, so both or none. */
static int write_tools(struct writing *x)
{
    bool any = false;

    for (const struct chat_tool *t = x->q->tools; t; t = t->next) {
        if (t->kind != CHAT_TOOL_FUNCTION)
            continue;
        begin_list(&x->w, "tools", &any);
        if (write_tool(x, t) < 0)
            return -1;
    }
    if (!any)
        return 0;
    json_end_array(&x->w);
    return write_choice(x);
}

/* ---- the rest ---- */

static void write_number(struct json_write *w, const char *key, struct span s)
{
    if (!span_has(s))
        return;
    json_key(w, key);
    json_raw(w, s);
}

static void write_sampling(struct writing *x, enum claude_samples samples)
{
    const struct chat_request *q = x->q;
    bool any = samples != CLAUDE_SAMPLES_NOT, hot = convert_above_one(q->temperature);
    const struct {
        const char *key;
        struct span value;
        enum chat_feature feature;
        bool taken;
    } rows[] = {
        {"temperature", hot ? SPAN_LIT("1") : q->temperature, CHAT_HAS_TEMPERATURE, any},
        {"top_p", q->top_p, CHAT_HAS_TOP_P,
         samples == CLAUDE_SAMPLES_ALL || (any && !span_has(q->temperature))},
        {"top_k", q->top_k, CHAT_HAS_TOP_K, any},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].taken)
            write_number(&x->w, rows[i].key, rows[i].value);
        else if (span_has(rows[i].value))
            convert_drops(x->to, rows[i].feature);
    }
    if (any && hot)
        convert_approximates(x->to, CHAT_HAS_TEMPERATURE);
}

static void write_stops(struct writing *x)
{
    bool any = false, all = true;

    for (const struct chat_text *t = x->q->stops; t; t = t->next) {
        if (convert_blank(t->s)) {
            all = false;
            continue;
        }
        begin_list(&x->w, "stop_sequences", &any);
        json_string(&x->w, t->s);
    }
    if (any)
        json_end_array(&x->w);
    if (!all)
        (any ? convert_approximates : convert_drops)(x->to, CHAT_HAS_STOP);
}

static void write_thinking_config(struct writing *x, const struct claude_thinking *t)
{
    if (!t->type)
        return;
    json_key(&x->w, "thinking");
    begin_block(&x->w, t->type);
    if (t->budget)
        json_kv_uint(&x->w, "budget_tokens", t->budget);
    else if (t->on && span_has(x->q->summary))
        json_kv_cstring(&x->w, "display", "summarized");
    json_end_object(&x->w);
}

static void write_output_config(struct writing *x, const struct claude_thinking *t)
{
    bool schema = x->q->format == CHAT_FORMAT_SCHEMA && span_has(x->q->format_schema);

    if (!t->effort && !schema)
        return;
    json_key(&x->w, "output_config");
    json_begin_object(&x->w);
    if (t->effort)
        json_kv_cstring(&x->w, "effort", t->effort);
    if (schema) {
        json_key(&x->w, "format");
        begin_block(&x->w, "json_schema");
        convert_kv_raw(&x->w, "schema", x->q->format_schema);
        json_end_object(&x->w);
    }
    json_end_object(&x->w);
}

static void write_tier(struct writing *x)
{
    static const struct convert_tier rows[] = {{"auto", "auto", false},
                                               {"priority", "auto", true},
                                               {"fast", "auto", true},
                                               {"default", "standard_only", false}};
    const struct convert_tier *row = convert_tier(x->to, x->q->service_tier, rows, ARRAY_LEN(rows));

    if (row)
        json_kv_cstring(&x->w, "service_tier", row->wire);
}

/* What only an answer needs. */
static void write_answer_part(struct writing *x, const struct claude_ability *can,
                              const struct claude_thinking *t)
{
    json_key(&x->w, "max_tokens");
    if (span_has(x->q->max_tokens))
        json_raw(&x->w, x->q->max_tokens);
    else
        json_uint(&x->w, x->to->max_tokens + t->budget);
    if (x->to->stream && (!x->to->hosted || x->to->hosted_stream))
        json_kv_bool(&x->w, "stream", true);
    write_sampling(x, t->on ? CLAUDE_SAMPLES_NOT : can->samples);
    write_stops(x);
    if (span_has(x->q->user)) {
        json_key(&x->w, "metadata");
        json_begin_object(&x->w);
        json_kv_string(&x->w, "user_id", x->q->user);
        json_end_object(&x->w);
    }
    write_tier(x);
}

int anthropic_messages_write_request(struct buf *out, const struct chat_request *q,
                                     const struct convert_to *to, struct err *e)
{
    struct chat_request fit;
    struct writing x = {.q = &fit, .to = to, .list = JSON_AT_KEY(NULL, "messages"), .e = e};
    struct span model = span_has(to->model) ? to->model : q->model;
    const struct claude_ability *can = claude_ability(model);
    struct claude_thinking t = claude_think(q, can);
    bool moved = false;
    struct convert_parts parts = {.w = &x.w,
                                  .at = &x.at,
                                  .fits = part_fits,
                                  .write = write_part,
                                  .arg = &x,
                                  .e = e,
                                  .later = can->can & CLAUDE_LATER && !to->hosted,
                                  .moved = &moved};

    if ((!to->count && claude_takes(q, can, e) < 0) ||
        schema_fit_request(&fit, q, &claude_schemas, to, e) < 0)
        return -1;
    x.at.up = &x.list;
    json_write_init(&x.w, out);
    json_begin_object(&x.w);
    if (to->hosted)
        json_kv_cstring(&x.w, "anthropic_version", to->hosted);
    else
        json_kv_string(&x.w, "model", model);
    if (!to->count)
        write_answer_part(&x, can, &t);
    if (convert_write_system(&parts, q) < 0 || convert_write_messages(&parts, q) < 0 ||
        write_tools(&x) < 0)
        return -1;
    write_thinking_config(&x, &t);
    write_output_config(&x, &t);
    claude_note_thinking(to, q, &t);
    if (moved && q->has & CHAT_BIT(CHAT_HAS_SYSTEM_LATER))
        convert_approximates(to, CHAT_HAS_SYSTEM_LATER);
    convert_note_signatures(to, q);
    convert_note_strict(to, q);
    json_end_object(&x.w);
    return 0;
}
