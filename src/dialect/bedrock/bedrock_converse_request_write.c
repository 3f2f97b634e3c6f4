/*
 * bedrock_converse_request_write.c - writes a request of Bedrock's Converse.
 *
 * As with Anthropic's messages there is one system prompt in front, turns alternate, and in a turn
 * the results of tools come first. A cached prefix ends with a block of its own.
 *
 * What is not common to all models goes as it is to the model behind
 * (additionalModelRequestFields), which refuses fields that it does not know: a table says which
 * models have which. Models that a name does not tell (profiles with an ARN) get none.
 *
 * Tools are bound to calls: the API refuses a conversation that holds calls without tools, and has
 * no word for tools that must not be called. Where both meet, the request cannot be said.
 */
#include "base/base64.h"
#include "codec/json_write.h"
#include "dialect/bedrock/bedrock_converse_convert.h"
#include "dialect/anthropic/claude.h"
#include "dialect/convert_cite.h"
#include "dialect/convert_turn.h"
#include "dialect/convert_write.h"
#include "dialect/schema_fit.h"

#define NAME_MAX_BYTES 100 /* of a document's name; the API takes 200 */
#define MEDIA_MAX      ((size_t)64 * 1024 * 1024)

struct writing {
    struct json_write w;
    const struct chat_request *q;
    const struct convert_to *to;
    struct span model;
    struct json_at list, at; /* the message that is being written */
    unsigned documents;      /* written so far */
    bool calls;              /* it holds calls or their results */
    struct err *e;
};

static bool is_claude(const struct writing *x)
{
    return span_contains(x->model, SPAN_LIT("claude"));
}

/* ---- small things ---- */

/* {"key": */
static void begin(struct writing *x, const char *key)
{
    json_begin_object(&x->w);
    json_key(&x->w, key);
}

/* {"key": { */
static void begin_in(struct writing *x, const char *key)
{
    begin(x, key);
    json_begin_object(&x->w);
}

static void end_in(struct writing *x)
{
    json_end_object(&x->w);
    json_end_object(&x->w);
}

/* The key of a list or object, before its first item: those that would be empty are left out. */
static void begin_list(struct writing *x, const char *key, bool *begun)
{
    if (*begun)
        return;
    json_key(&x->w, key);
    json_begin_array(&x->w);
    *begun = true;
}

static void begin_fields(struct writing *x, const char *key, bool *begun)
{
    if (*begun)
        return;
    json_key(&x->w, key);
    json_begin_object(&x->w);
    *begun = true;
}

static int write_fit(struct writing *x, const char *key, struct span s)
{
    struct span fit = convert_fit(x->q->arena, s, &bedrock_converse_names);

    json_kv_string(&x->w, key, fit);
    return span_has(fit) ? 0 : convert_no_memory(x->e);
}

static void write_cache(struct writing *x, bool cache, struct span ttl)
{
    if (!cache)
        return;
    begin_in(x, "cachePoint");
    json_kv_cstring(&x->w, "type", "default");
    if (span_has(ttl))
        json_kv_string(&x->w, "ttl", ttl);
    end_in(x);
}

/* ---- media ---- */

static const char *const media_members[] = {[CHAT_IMAGE] = "image",
                                            [CHAT_DOCUMENT] = "document",
                                            [CHAT_AUDIO_IN] = "audio",
                                            [CHAT_VIDEO_IN] = "video"};

/* The API takes letters, digits, '-' and blanks, and no name twice. */
static void write_document_name(struct writing *x, struct span name)
{
    char text[NAME_MAX_BYTES + 16] = "document";
    size_t n = MIN(name.n, (size_t)NAME_MAX_BYTES);

    for (size_t i = 0; i < n; i++) {
        char c = name.p[i];
        bool fits = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        text[i] = c;
        if (!fits)
            text[i] = '-';
    }
    if (n)
        text[n] = '\0';
    if (x->documents++)
        (void)snprintf(text + strlen(text), 16, " %u", x->documents);
    json_kv_cstring(&x->w, "name", text);
}

static void write_bytes(struct writing *x, const struct chat_media *m)
{
    struct buf b;

    if (m->source == CHAT_BASE64) {
        json_kv_string(&x->w, "bytes", m->data);
        return;
    }
    buf_init(&b, MEDIA_MAX);
    base64_encode(&b, m->data);
    json_kv_string(&x->w, "bytes", buf_span(&b));
    if (!buf_ok(&b))
        x->w.out->err = b.err;
    buf_fini(&b);
}

static void write_search_result(struct writing *x, const struct chat_media *m)
{
    begin_in(x, "searchResult");
    json_kv_string(&x->w, "source", m->origin);
    json_kv_string(&x->w, "title", m->name);
    json_key(&x->w, "content");
    json_begin_array(&x->w);
    json_begin_object(&x->w);
    json_kv_string(&x->w, "text", m->data);
    json_end_object(&x->w);
    json_end_array(&x->w);
    convert_kv_citing(&x->w, m);
    end_in(x);
}

/* What only Claude's models take of a document. */
static void write_about(struct writing *x, const struct chat_media *m)
{
    bool claude = is_claude(x);

    if (claude && span_has(m->context))
        json_kv_string(&x->w, "context", m->context);
    if (claude)
        convert_kv_citing(&x->w, m);
    else if (m->cite)
        convert_drops(x->to, CHAT_HAS_CITING);
    if (span_has(m->origin) || (!claude && span_has(m->context)))
        convert_drops(x->to, CHAT_HAS_DOCUMENT_CONTEXT);
}

static int write_media(struct writing *x, const struct chat_part *p)
{
    const struct chat_media *m = &p->media;
    struct span type = m->source == CHAT_PLAIN ? SPAN_LIT("text/plain") : m->type;
    struct span format = bedrock_converse_format(m->kind, type);

    if (m->source != CHAT_BASE64 && m->source != CHAT_PLAIN)
        return json_wrong(x->e, &x->at, "%s that is not inside of the request cannot be said",
                          media_members[m->kind]);
    if (!span_has(format))
        return json_wrong(x->e, &x->at, "%s of type '%.*s' cannot be said", media_members[m->kind],
                          (int)MIN(type.n, (size_t)40), type.p ? type.p : "");
    if (is_claude(x) && span_has(m->origin) && m->name.n && m->source == CHAT_PLAIN) {
        write_search_result(x, m);
        return 0;
    }
    begin_in(x, media_members[m->kind]);
    json_kv_string(&x->w, "format", format);
    if (m->kind == CHAT_DOCUMENT)
        write_document_name(x, m->name);
    json_key(&x->w, "source");
    json_begin_object(&x->w);
    write_bytes(x, m);
    json_end_object(&x->w);
    write_about(x, m);
    end_in(x);
    return 0;
}

/* ---- blocks ---- */

static void write_plain(struct writing *x, struct span text)
{
    json_begin_object(&x->w);
    json_kv_string(&x->w, "text", text);
    json_end_object(&x->w);
}

struct citing {
    struct writing *x;
    struct span text;
    bool begun, all;
};

static void begin_cited(struct citing *c)
{
    struct writing *x = c->x;

    if (c->begun)
        return;
    begin_in(x, "citationsContent");
    json_key(&x->w, "content");
    json_begin_array(&x->w);
    write_plain(x, c->text);
    json_end_array(&x->w);
    json_key(&x->w, "citations");
    json_begin_array(&x->w);
    c->begun = true;
}

static void write_place(struct writing *x, const struct bedrock_converse_location *l, yyjson_val *v)
{
    const struct {
        const char *key, *own;
    } numbers[] = {{l->index, l->own_index}, {"start", l->start}, {"end", l->end}};
    uint64_t n;

    json_key(&x->w, "location");
    begin_in(x, l->member);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (json_tree_u64(json_get(v, numbers[i].own), &n))
            json_kv_uint(&x->w, numbers[i].key, n);
    end_in(x);
}

static int cite(void *arg, yyjson_val *v, struct err *e)
{
    const struct bedrock_converse_location *l = bedrock_converse_locations;
    struct citing *c = arg;
    struct json_write *w = &c->x->w;
    size_t i = 0;

    UNUSED(e);
    while (i < BEDROCK_CONVERSE_LOCATIONS && !span_is(json_get_text(v, "type"), l[i].type))
        i++;
    if (i == BEDROCK_CONVERSE_LOCATIONS) {
        c->all = false;
        return 0;
    }
    begin_cited(c);
    json_begin_object(w);
    convert_kv_text(w, "title", json_get_text(v, l[i].title));
    convert_kv_text(w, "source", json_get_text(v, "source"));
    json_key(w, "sourceContent");
    json_begin_array(w);
    write_plain(c->x, json_get_text(v, "cited_text"));
    json_end_array(w);
    write_place(c->x, &l[i], v);
    json_end_object(w);
    return 0;
}

/* Only Claude's models take what they have cited. */
static int write_text(struct writing *x, const struct chat_part *p)
{
    struct citing c = {x, p->text, false, is_claude(x)};

    if (c.all && span_has(p->citations) && convert_cites(p->citations, cite, &c, x->e) < 0)
        return -1;
    if (c.begun) {
        json_end_array(&x->w);
        end_in(x);
    } else {
        write_plain(x, p->text);
    }
    if (span_has(p->citations) && !(c.begun && c.all))
        (c.begun ? convert_approximates : convert_drops)(x->to, CHAT_HAS_CITATIONS);
    return 0;
}

static int write_thinking(struct writing *x, const struct chat_part *p)
{
    struct span sealed;

    begin_in(x, "reasoningContent");
    if (p->redacted) {
        sealed = bedrock_converse_seal(x->q->arena, p->signature);
        json_kv_string(&x->w, "redactedContent", sealed);
        if (!span_has(sealed))
            return convert_no_memory(x->e);
    } else {
        json_key(&x->w, "reasoningText");
        json_begin_object(&x->w);
        json_kv_string(&x->w, "text", p->text);
        json_kv_string(&x->w, "signature", p->signature);
        json_end_object(&x->w);
    }
    end_in(x);
    return 0;
}

static int write_call(struct writing *x, const struct chat_part *p)
{
    x->calls = true;
    begin_in(x, "toolUse");
    if (write_fit(x, "toolUseId", p->id) < 0 || write_fit(x, "name", p->name) < 0)
        return -1;
    json_key(&x->w, "input");
    if (convert_write_args(&x->w, p, &x->at, x->e) < 0)
        return -1;
    end_in(x);
    return 0;
}

static bool part_fits(void *arg, const struct chat_part *p);

static int write_result(struct writing *x, const struct chat_part *p)
{
    x->calls = true;
    begin_in(x, "toolResult");
    if (write_fit(x, "toolUseId", p->id) < 0)
        return -1;
    json_key(&x->w, "content");
    json_begin_array(&x->w);
    for (const struct chat_part *in = p->parts; in; in = in->next)
        if (part_fits(x, in) &&
            (in->kind == CHAT_PART_MEDIA ? write_media(x, in) : write_text(x, in)) < 0)
            return -1;
    json_end_array(&x->w);
    if (p->error)
        json_kv_cstring(&x->w, "status", "error");
    end_in(x);
    return 0;
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
        return true;
    case CHAT_PART_THINKING:
        if (is_claude(x) && p->signature.n && p->signer == CHAT_SIGNER_ANTHROPIC)
            return true;
        if (p->text.n)
            convert_drops(x->to, CHAT_HAS_THINKING);
        if (p->signature.n)
            convert_drops(x->to, CHAT_HAS_SIGNATURE);
        return false;
    case CHAT_PART_TOOL_CALL:
    case CHAT_PART_TOOL_RESULT:
        return !p->free;
    }
    return false;
}

static int write_part(void *arg, const struct chat_part *p)
{
    static int (*const rows[])(struct writing *x, const struct chat_part *p) = {
        [CHAT_PART_TEXT] = write_text,         [CHAT_PART_MEDIA] = write_media,
        [CHAT_PART_TOOL_CALL] = write_call,    [CHAT_PART_TOOL_RESULT] = write_result,
        [CHAT_PART_THINKING] = write_thinking, [CHAT_PART_REFUSAL] = write_text,
    };

    if (rows[p->kind](arg, p) < 0)
        return -1;
    write_cache(arg, p->cache, p->cache_ttl);
    return 0;
}

/* ---- tools ---- */

static int write_tool(struct writing *x, const struct chat_tool *t)
{
    begin_in(x, "toolSpec");
    if (write_fit(x, "name", t->name) < 0)
        return -1;
    if (t->description.n)
        json_kv_string(&x->w, "description", t->description);
    json_key(&x->w, "inputSchema");
    begin(x, "json");
    if (convert_write_schema(&x->w, t->schema, x->e) < 0)
        return -1;
    json_end_object(&x->w);
    if (t->strict == CHAT_YES)
        json_kv_bool(&x->w, "strict", true);
    end_in(x);
    write_cache(x, t->cache, t->cache_ttl);
    return 0;
}

static int write_choice(struct writing *x)
{
    static const char *const members[] = {
        [CHAT_CHOICE_AUTO] = "auto", [CHAT_CHOICE_ANY] = "any", [CHAT_CHOICE_ONE] = "tool"};

    if (x->q->choice == CHAT_CHOICE_UNSET || x->q->choice == CHAT_CHOICE_NONE)
        return 0;
    json_key(&x->w, "toolChoice");
    begin_in(x, members[x->q->choice]);
    if (x->q->choice == CHAT_CHOICE_ONE && write_fit(x, "name", x->q->choice_name) < 0)
        return -1;
    end_in(x);
    return 0;
}

static int write_tools(struct writing *x)
{
    struct json_at at =
        JSON_AT_KEY(NULL, x->q->choice == CHAT_CHOICE_NONE ? "tool_choice" : "tools");
    bool any = false, begun = false;

    for (const struct chat_tool *t = x->q->choice == CHAT_CHOICE_NONE ? NULL : x->q->tools; t;
         t = t->next) {
        if (t->kind != CHAT_TOOL_FUNCTION)
            continue;
        begin_fields(x, "toolConfig", &any);
        begin_list(x, "tools", &begun);
        if (write_tool(x, t) < 0)
            return -1;
    }
    if (x->q->choice == CHAT_CHOICE_NONE && x->q->tools)
        convert_approximates(x->to, CHAT_HAS_TOOL_CHOICE);
    if (!any)
        return x->calls ? json_wrong(x->e, &at, "calls without tools cannot be said") : 0;
    json_end_array(&x->w);
    if (write_choice(x) < 0)
        return -1;
    json_end_object(&x->w);
    return 0;
}

/* ---- what all models have ---- */

static void write_number(struct writing *x, const char *key, struct span s, bool *begun)
{
    if (!span_has(s))
        return;
    begin_fields(x, "inferenceConfig", begun);
    json_key(&x->w, key);
    json_raw(&x->w, s);
}

static void write_inference(struct writing *x, enum claude_samples samples)
{
    const struct chat_request *q = x->q;
    bool any = false, list = false, all = true, hot = convert_above_one(q->temperature);

    write_number(x, "maxTokens", q->max_tokens, &any);
    if (samples != CLAUDE_SAMPLES_NOT) {
        write_number(x, "temperature", hot ? SPAN_LIT("1") : q->temperature, &any);
        if (hot)
            convert_approximates(x->to, CHAT_HAS_TEMPERATURE);
    } else if (span_has(q->temperature)) {
        convert_drops(x->to, CHAT_HAS_TEMPERATURE);
    }
    if (samples == CLAUDE_SAMPLES_ALL ||
        (samples == CLAUDE_SAMPLES_ONE && !span_has(q->temperature)))
        write_number(x, "topP", q->top_p, &any);
    else if (span_has(q->top_p))
        convert_drops(x->to, CHAT_HAS_TOP_P);
    for (const struct chat_text *t = q->stops; t; t = t->next) {
        if (convert_blank(t->s)) {
            all = false;
            continue;
        }
        begin_fields(x, "inferenceConfig", &any);
        begin_list(x, "stopSequences", &list);
        json_string(&x->w, t->s);
    }
    if (list)
        json_end_array(&x->w);
    if (any)
        json_end_object(&x->w);
    if (!all)
        (list ? convert_approximates : convert_drops)(x->to, CHAT_HAS_STOP);
}

static void write_format(struct writing *x)
{
    const struct chat_request *q = x->q;

    if (q->format != CHAT_FORMAT_SCHEMA || !span_has(q->format_schema))
        return;
    json_key(&x->w, "outputConfig");
    begin_in(x, "textFormat");
    json_kv_cstring(&x->w, "type", "json_schema");
    json_key(&x->w, "structure");
    begin_in(x, "jsonSchema");
    json_kv_string(&x->w, "schema", q->format_schema); /* as a text */
    if (q->format_name.n)
        json_kv_string(&x->w, "name", q->format_name);
    if (q->format_description.n)
        json_kv_string(&x->w, "description", q->format_description);
    end_in(x);
    end_in(x);
}

static void write_tier(struct writing *x)
{
    static const char *const tiers[] = {"default", "flex", "priority"};

    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        if (!span_is(x->q->service_tier, tiers[i]))
            continue;
        json_key(&x->w, "serviceTier");
        json_begin_object(&x->w);
        json_kv_cstring(&x->w, "type", tiers[i]);
        json_end_object(&x->w);
        return;
    }
    if (span_has(x->q->service_tier))
        convert_drops(x->to, CHAT_HAS_SERVICE_TIER);
}

/* What the API takes as a label: up to 256 of these letters. */
static bool is_label(yyjson_val *v, size_t least)
{
    static const char more[] = " \t:_@$#=/+,-.";
    struct span s = json_text(v);

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              memchr(more, c, sizeof(more) - 1)))
            return false;
    }
    return yyjson_is_str(v) && s.n >= least && s.n <= 256;
}

static int write_labels(struct writing *x)
{
    struct json_tree t = {0};
    yyjson_obj_iter it;
    yyjson_val *k;
    bool any = false, all = true;
    int rc;

    if (!span_has(x->q->metadata))
        return 0;
    rc = json_tree_read(&t, x->q->metadata, x->e);
    yyjson_obj_iter_init(t.root, &it);
    while (rc == 0 && (k = yyjson_obj_iter_next(&it)) != NULL) {
        yyjson_val *v = yyjson_obj_iter_get_val(k);

        if (!is_label(k, 1) || !is_label(v, 0)) {
            all = false;
            continue;
        }
        begin_fields(x, "requestMetadata", &any);
        json_key_span(&x->w, json_text(k));
        json_string(&x->w, json_text(v));
    }
    if (any)
        json_end_object(&x->w);
    if (!all)
        (any ? convert_approximates : convert_drops)(x->to, CHAT_HAS_METADATA);
    json_tree_fini(&t);
    return rc;
}

/* Claude tells which of the texts has stopped it, if asked. */
static void write_stop_path(struct writing *x)
{
    if (!is_claude(x) || !x->q->stops)
        return;
    json_key(&x->w, "additionalModelResponseFieldPaths");
    json_begin_array(&x->w);
    json_cstring(&x->w, "/stop_sequence");
    json_end_array(&x->w);
}

int bedrock_converse_write_request(struct buf *out, const struct chat_request *q,
                                   const struct convert_to *to, struct err *e)
{
    struct chat_request fit;
    struct writing x = {.q = &fit, .to = to, .list = JSON_AT_KEY(NULL, "messages"), .e = e};
    struct claude_thinking t = {0};
    enum claude_samples samples = CLAUDE_SAMPLES_ALL;
    struct convert_parts parts = {
        .w = &x.w, .at = &x.at, .fits = part_fits, .write = write_part, .arg = &x, .e = e};

    x.model = span_has(to->model) ? to->model : q->model;
    x.at.up = &x.list;
    if (is_claude(&x)) {
        const struct claude_ability *can = claude_ability(x.model);

        if (!to->count && claude_takes(q, can, e) < 0)
            return -1;
        t = claude_think(q, can);
        samples = t.on ? CLAUDE_SAMPLES_NOT : can->samples;
    } else if (!bedrock_converse_samples(q, x.model)) {
        samples = CLAUDE_SAMPLES_NOT;
    }
    if (schema_fit_request(&fit, q, &claude_schemas, to, e) < 0)
        return -1;
    json_write_init(&x.w, out);
    json_begin_object(&x.w);
    if (convert_write_system(&parts, q) < 0 || convert_write_messages(&parts, q) < 0 ||
        write_tools(&x) < 0 || write_labels(&x) < 0)
        return -1;
    write_inference(&x, samples);
    write_format(&x);
    write_tier(&x);
    bedrock_converse_write_fields(&x.w, &fit, to, x.model, &t);
    write_stop_path(&x);
    convert_note_strict(to, q);
    convert_note_signatures(to, q);
    json_end_object(&x.w);
    return 0;
}
