/*
 * said.c - see said.h. A row a member; a feature may have several.
 */
#include "said.h"

#include "base/base64.h"
#include "codec/json_write.h"
#include "dialect/convert_cite.h"
#include "dialect/convert_read.h"
#include "dialect/foreign.h"

#define TEXT_MAX ((size_t)64 * 1024 * 1024)

/* ---- values ---- */

static void put(struct buf *out, struct span s)
{
    if (s.n)
        buf_printf(out, "'%.*s' ", SPAN_FMT(s));
}

/* Texts stand by themselves, without blanks: a text of nothing else is no block at some. */
static void put_text(struct buf *out, struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(" \t\r\n", s.p[i]))
            buf_add_char(out, s.p[i]);
    buf_add_char(out, SAID_END);
}

/* Without what may differ: blanks and escapes. */
static void put_json(struct buf *out, struct span s)
{
    struct json_tree t = {0};
    struct err e;

    if (s.n && json_tree_read(&t, s, &e) == 0)
        json_write_tree(out, t.root);
    else
        put(out, s);
    json_tree_fini(&t);
    buf_add_char(out, ' ');
}

static struct span span_at(const void *of, size_t at)
{
    return *(const struct span *)(const void *)((const char *)of + at);
}

static void number_at(struct buf *out, const struct chat_request *q, size_t at)
{
    put(out, span_at(q, at));
}

static void json_at(struct buf *out, const struct chat_request *q, size_t at)
{
    if (span_has(span_at(q, at)))
        put_json(out, span_at(q, at));
}

/* 1 is what holds without a word. */
static void but_one(struct buf *out, const struct chat_request *q, size_t at)
{
    struct span n = span_at(q, at);

    if (!span_is(n, "1") && !span_is(n, "1.0"))
        put(out, n);
}

/* ... and so is 0. */
static void but_zero(struct buf *out, const struct chat_request *q, size_t at)
{
    struct span n = span_at(q, at);

    if (!span_is(n, "0") && !span_is(n, "0.0"))
        put(out, n);
}

static void tri_at(struct buf *out, const struct chat_request *q, size_t at)
{
    buf_add_str(out, *(const enum chat_tri *)(const void *)((const char *)q + at) == CHAT_YES
                         ? "yes "
                         : "");
}

/* ---- schemas ---- */

/* An answer has all members of its objects where the API wants it. */
static bool is_fitted(yyjson_val *key)
{
    return yyjson_equals_str(key, "required");
}

/* Objects are closed where the API wants it; no members are as good as no word of them; and who
 * holds a model to a schema has no place for what a member would be without a word. */
static bool is_idle(yyjson_val *key, yyjson_val *v)
{
    return yyjson_equals_str(key, "default") ||
           (yyjson_equals_str(key, "additionalProperties") && yyjson_is_false(v)) ||
           (yyjson_equals_str(key, "properties") && yyjson_obj_size(v) == 0);
}

static struct span schema_key(yyjson_val *key)
{
    static const struct {
        const char *key;
        struct span as;
    } rows[] = {{"oneOf", SPAN_LIT("anyOf")}, {"const", SPAN_LIT("enum")}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (yyjson_equals_str(key, rows[i].key))
            return rows[i].as;
    return span_of(yyjson_get_str(key), yyjson_get_len(key));
}

/* fitted: to what an answer can be; alone: it stands for a list of itself. */
static void put_schema_value(struct buf *out, yyjson_val *v, bool fitted, bool alone)
{
    size_t i, n;
    yyjson_val *key, *one;

    if (yyjson_is_obj(v)) {
        buf_add_char(out, '{');
        yyjson_obj_foreach(v, i, n, key, one)
        {
            if (is_idle(key, one) || (fitted && is_fitted(key)))
                continue;
            put(out, schema_key(key));
            put_schema_value(out, one, fitted, yyjson_equals_str(key, "const"));
        }
        buf_add_char(out, '}');
    } else if (alone) {
        buf_add_char(out, '[');
        put_schema_value(out, v, fitted, false);
        buf_add_char(out, ']');
    } else if (yyjson_is_arr(v)) {
        buf_add_char(out, '[');
        yyjson_arr_foreach(v, i, n, one) put_schema_value(out, one, fitted, false);
        buf_add_char(out, ']');
    } else {
        json_write_tree(out, v);
        buf_add_char(out, ' ');
    }
}

/* One that is absent takes any object. */
static void put_schema(struct buf *out, struct span s, bool fitted)
{
    struct json_tree t = {0};
    struct err e;

    if (json_tree_read(&t, s.n ? s : SPAN_LIT("{\"type\":\"object\"}"), &e) == 0)
        put_schema_value(out, t.root, fitted, false);
    else
        put(out, s);
    json_tree_fini(&t);
}

/* ---- parts ---- */

static void text(struct buf *out, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_TEXT)
        put_text(out, p->text);
}

static void thinking(struct buf *out, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_THINKING)
        buf_add_span(out, p->text);
}

static void refusal(struct buf *out, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_REFUSAL)
        buf_add_span(out, p->text);
}

/* An id that all take; others are mapped, and their calls and results keep together. */
#define PLAIN_ID ((size_t)40)

static bool is_plain_id(struct span id)
{
    static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";

    return id.n <= PLAIN_ID && id.n && strspn(id.p, plain) >= id.n &&
           (id.n < 13 || id.p[id.n - 13] != '_' ||
            strspn(id.p + id.n - 12, "0123456789abcdef") < 12);
}

static void put_id(struct buf *out, struct span id)
{
    put(out, is_plain_id(id) ? id : SPAN_LIT("mapped"));
}

static void call(struct buf *out, const struct chat_part *p)
{
    if (p->kind != CHAT_PART_TOOL_CALL)
        return;
    put_id(out, p->id);
    put(out, p->name);
    put_json(out, p->free ? p->text : p->args.n ? p->args : SPAN_LIT("{}"));
}

static void call_free(struct buf *out, const struct chat_part *p)
{
    if (p->free)
        call(out, p);
}

static void result(struct buf *out, const struct chat_part *p)
{
    if (p->kind != CHAT_PART_TOOL_RESULT)
        return;
    put_id(out, p->id);
    buf_add_char(out, SAID_END);
    for (const struct chat_part *r = p->parts; r; r = r->next)
        text(out, r);
}

static void result_image(struct buf *out, const struct chat_part *p)
{
    for (const struct chat_part *r = p->parts; r; r = r->next)
        if (r->kind == CHAT_PART_MEDIA && r->media.kind == CHAT_IMAGE)
            put(out, r->media.data);
}

static void result_error(struct buf *out, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_TOOL_RESULT)
        buf_add_str(out, p->error ? "failed " : "done ");
}

static void signature(struct buf *out, const struct chat_part *p)
{
    if (span_has(p->signature)) {
        buf_printf(out, "%d %d ", p->signer, p->redacted);
        put(out, p->signature);
    }
}

static void citations(struct buf *out, const struct chat_part *p)
{
    put(out, p->citations);
}

/* ---- media ---- */

/* Of a part and of what is in a result: a dialect may have them beside it. */
static void each_media(struct buf *out, const struct chat_part *p,
                       void (*add)(struct buf *out, const struct chat_media *m))
{
    if (p->kind == CHAT_PART_MEDIA)
        add(out, &p->media);
    for (const struct chat_part *r = p->parts; r; r = r->next)
        if (r->kind == CHAT_PART_MEDIA)
            add(out, &r->media);
}

static bool is_plain_text(const struct chat_media *m)
{
    return m->kind == CHAT_DOCUMENT &&
           (m->source == CHAT_PLAIN ||
            (m->source == CHAT_BASE64 && span_starts(m->type, SPAN_LIT("text/"))));
}

static void put_bytes(struct buf *out, const struct chat_media *m, enum chat_media_kind kind)
{
    if (m->kind != kind || m->source != CHAT_BASE64 || is_plain_text(m))
        return;
    put(out, m->type);
    put(out, m->data);
}

static void put_image(struct buf *out, const struct chat_media *m)
{
    put_bytes(out, m, CHAT_IMAGE);
}

static void put_document(struct buf *out, const struct chat_media *m)
{
    put_bytes(out, m, CHAT_DOCUMENT);
}

static void put_audio(struct buf *out, const struct chat_media *m)
{
    put_bytes(out, m, CHAT_AUDIO_IN);
}

static void put_video(struct buf *out, const struct chat_media *m)
{
    put_bytes(out, m, CHAT_VIDEO_IN);
}

/* An URL does not tell what it is of. */
static void put_url(struct buf *out, const struct chat_media *m)
{
    if (m->source == CHAT_URL)
        put(out, m->data);
}

static void put_file(struct buf *out, const struct chat_media *m)
{
    if (m->source == CHAT_FILE)
        put(out, m->data);
}

/* Plain text is bytes at some. */
static void put_plain(struct buf *out, const struct chat_media *m)
{
    struct buf text;

    if (!is_plain_text(m))
        return;
    buf_init(&text, TEXT_MAX);
    if (m->source == CHAT_BASE64)
        MUST(base64_decode(&text, m->data) == 0);
    else
        buf_add_span(&text, m->data);
    put_text(out, buf_span(&text));
    buf_fini(&text);
}

static void put_detail(struct buf *out, const struct chat_media *m)
{
    if (!span_is(m->detail, "auto"))
        put(out, m->detail);
}

static void put_citing(struct buf *out, const struct chat_media *m)
{
    buf_add_str(out, m->cite ? "cite " : "");
}

static void put_context(struct buf *out, const struct chat_media *m)
{
    put(out, m->context);
    put(out, m->origin);
}

#define OF_MEDIA(name, add)                                                                        \
    static void name(struct buf *out, const struct chat_part *p)                                   \
    {                                                                                              \
        each_media(out, p, add);                                                                   \
    }
OF_MEDIA(image, put_image)
OF_MEDIA(document, put_document)
OF_MEDIA(document_text, put_plain)
OF_MEDIA(audio, put_audio)
OF_MEDIA(video, put_video)
OF_MEDIA(url, put_url)
OF_MEDIA(file_id, put_file)
OF_MEDIA(image_detail, put_detail)
OF_MEDIA(citing, put_citing)
OF_MEDIA(context, put_context)

static void media_out(struct buf *out, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_MEDIA) {
        put(out, p->media.type);
        put(out, p->media.data);
    }
}

/* ---- messages ---- */

static void of_parts(struct buf *out, const struct chat_part *p,
                     void (*part)(struct buf *out, const struct chat_part *p))
{
    for (; p; p = p->next)
        part(out, p);
}

static void of_role(struct buf *out, const struct chat_request *q, size_t role)
{
    for (const struct chat_message *m = q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p && m->role == role; p = p->next)
            text(out, p);
}

/* Developers too: a part of the system prompt where they have no role. */
static void of_system(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    for (const struct chat_message *m = q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p && chat_is_system(m); p = p->next)
            text(out, p);
}

static bool says_nothing(const struct chat_message *m)
{
    for (const struct chat_part *p = m->parts; p; p = p->next)
        if (p->kind != CHAT_PART_TEXT || !convert_blank(p->text))
            return false;
    return true;
}

/* Who speaks, in order: dialects join what one role says. */
static void order(struct buf *out, const struct chat_request *q, size_t unused)
{
    int before = -1;

    UNUSED(unused);
    for (const struct chat_message *m = q->messages; m; m = m->next) {
        int now = chat_is_system(m) ? CHAT_ROLE_SYSTEM : (int)m->role;

        if (now != before && !says_nothing(m))
            buf_printf(out, "%d ", now);
        before = says_nothing(m) ? before : now;
    }
}

static void speaker(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    for (const struct chat_message *m = q->messages; m; m = m->next)
        put(out, m->name);
}

static void prefill(struct buf *out, const struct chat_request *q, size_t unused)
{
    const struct chat_message *last = q->messages;

    UNUSED(unused);
    while (last && last->next)
        last = last->next;
    if (last && last->role == CHAT_ROLE_ASSISTANT)
        of_parts(out, last->parts, text);
}

/* Where the marks stand: behind so much text. */
static void cache(struct buf *out, const struct chat_request *q, size_t unused)
{
    struct buf before;

    UNUSED(unused);
    for (const struct chat_tool *t = q->tools; t; t = t->next)
        if (t->cache) {
            put(out, t->name);
            put(out, t->cache_ttl);
        }
    buf_init(&before, TEXT_MAX);
    for (const struct chat_message *m = q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p; p = p->next) {
            text(&before, p);
            while (before.n && before.p[before.n - 1] == SAID_END)
                before.n--;
            if (p->cache && !(p->kind == CHAT_PART_TEXT && convert_blank(p->text))) {
                buf_printf(out, "%zu ", before.n);
                put(out, p->cache_ttl);
            }
        }
    buf_fini(&before);
}

/* ---- tools and format ---- */

static void tools(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    for (const struct chat_tool *t = q->tools; t; t = t->next) {
        if (t->kind != CHAT_TOOL_FUNCTION)
            continue;
        put(out, t->name);
        put(out, t->description);
        put_schema(out, t->schema, false);
    }
}

static void raw_tools(struct buf *out, const struct chat_request *q, size_t kind)
{
    for (const struct chat_tool *t = q->tools; t; t = t->next)
        if (t->kind == kind) {
            put(out, t->name);
            put_json(out, t->raw);
        }
}

static void strict(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    for (const struct chat_tool *t = q->tools; t; t = t->next)
        buf_add_str(out, t->strict == CHAT_YES || t->strict_default ? "strict " : "loose ");
}

/* It says nothing where none may be called. */
static void parallel(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    buf_add_str(out, q->parallel == CHAT_NO && q->choice != CHAT_CHOICE_NONE ? "one" : "");
}

/* Without a word the model may call a tool. */
static void choice(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    buf_printf(out, "%d ", q->choice == CHAT_CHOICE_UNSET ? CHAT_CHOICE_AUTO : (int)q->choice);
    put(out, q->choice_name);
}

static void object(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    buf_add_str(out, q->format == CHAT_FORMAT_OBJECT ? "object" : "");
}

static void schema(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    if (q->format == CHAT_FORMAT_SCHEMA)
        put_schema(out, q->format_schema, true);
}

static void stops(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    for (const struct chat_text *t = q->stops; t; t = t->next)
        put(out, t->s);
}

static void effort(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    if (q->thinking == CHAT_NO)
        buf_add_str(out, "'none' ");
    else
        put(out, q->effort);
}

static void spoken(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    buf_add_str(out, q->has & CHAT_BIT(CHAT_HAS_AUDIO_OUT) ? "spoken" : "");
}

/* The tier that holds without a word is as good as none. */
static void tier(struct buf *out, const struct chat_request *q, size_t unused)
{
    UNUSED(unused);
    if (!span_is(q->service_tier, "auto"))
        put(out, q->service_tier);
}

/* ---- requests ---- */

#define MEMBER(f, fn, m) {CHAT_HAS_##f, fn, offsetof(struct chat_request, m), NULL}
#define WHOLE(f, fn, at) {CHAT_HAS_##f, fn, at, NULL}
#define PARTS(f, fn)     {CHAT_HAS_##f, NULL, 0, fn}

static const struct {
    enum chat_feature feature;
    void (*whole)(struct buf *out, const struct chat_request *q, size_t at);
    size_t at;
    void (*part)(struct buf *out, const struct chat_part *p);
} rows[] = {
    WHOLE(SYSTEM, of_system, 0),
    WHOLE(DEVELOPER, of_role, CHAT_ROLE_DEVELOPER),
    WHOLE(SYSTEM_LATER, order, 0),
    WHOLE(SPEAKER, speaker, 0),
    WHOLE(TEXT, of_role, CHAT_ROLE_USER),
    WHOLE(TEXT, of_role, CHAT_ROLE_ASSISTANT),
    PARTS(IMAGE_BASE64, image),
    PARTS(IMAGE_URL, url),
    PARTS(IMAGE_DETAIL, image_detail),
    PARTS(DOCUMENT_BASE64, document),
    PARTS(DOCUMENT_URL, url),
    PARTS(DOCUMENT_TEXT, document_text),
    PARTS(CITING, citing),
    PARTS(DOCUMENT_CONTEXT, context),
    PARTS(AUDIO, audio),
    PARTS(AUDIO_URL, url),
    PARTS(VIDEO, video),
    PARTS(VIDEO, url),
    PARTS(FILE_ID, file_id),
    WHOLE(TOOLS, tools, 0),
    WHOLE(TOOL_STRICT, strict, 0),
    WHOLE(TOOL_FREE, raw_tools, CHAT_TOOL_FREE_FORM),
    PARTS(TOOL_FREE, call_free),
    WHOLE(PROVIDER_TOOL, raw_tools, CHAT_TOOL_PROVIDER),
    WHOLE(TOOL_CHOICE, choice, 0),
    WHOLE(TOOL_PARALLEL, parallel, 0),
    PARTS(TOOL_CALL, call),
    PARTS(TOOL_RESULT, result),
    PARTS(TOOL_RESULT_IMAGE, result_image),
    PARTS(TOOL_RESULT_ERROR, result_error),
    PARTS(THINKING, thinking),
    PARTS(SIGNATURE, signature),
    PARTS(REFUSAL, refusal),
    PARTS(CITATIONS, citations),
    WHOLE(JSON_OBJECT, object, 0),
    WHOLE(JSON_SCHEMA, schema, 0),
    WHOLE(PREFILL, prefill, 0),
    MEMBER(MODALITIES, json_at, modalities),
    WHOLE(AUDIO_OUT, spoken, 0),
    MEMBER(MAX_TOKENS, number_at, max_tokens),
    MEMBER(TEMPERATURE, but_one, temperature),
    MEMBER(TOP_P, but_one, top_p),
    MEMBER(TOP_K, number_at, top_k),
    WHOLE(STOP, stops, 0),
    MEMBER(PENALTIES, but_zero, frequency_penalty),
    MEMBER(PENALTIES, but_zero, presence_penalty),
    MEMBER(SEED, number_at, seed),
    MEMBER(LOGIT_BIAS, json_at, logit_bias),
    MEMBER(LOGPROBS, tri_at, logprobs),
    MEMBER(LOGPROBS, number_at, top_logprobs),
    MEMBER(CHOICES, number_at, choices),
    WHOLE(EFFORT, effort, 0),
    MEMBER(BUDGET, number_at, thinking_budget),
    MEMBER(VERBOSITY, number_at, verbosity),
    MEMBER(METADATA, json_at, metadata),
    MEMBER(USER, number_at, user),
    WHOLE(SERVICE_TIER, tier, 0),
    WHOLE(CACHE, cache, 0),
    MEMBER(CACHE_KEY, number_at, cache_key),
    MEMBER(CACHE_KEY, number_at, cache_retention),
    MEMBER(STORE, tri_at, store),
    MEMBER(PREVIOUS, number_at, previous),
};

void said_request(struct buf *out, const struct chat_request *q, enum chat_feature f)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].feature != f)
            continue;
        if (rows[i].whole)
            rows[i].whole(out, q, rows[i].at);
        for (const struct chat_message *m = q->messages; m && rows[i].part; m = m->next)
            of_parts(out, m->parts, rows[i].part);
    }
}

void said_texts(struct buf *out, const struct chat_request *q)
{
    for (const struct chat_message *m = q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p; p = p->next) {
            text(out, p);
            refusal(out, p);
            result(out, p);
        }
}

/* ---- answers ---- */

/* A refusal is a text where there is none. */
static void answer_text(struct buf *out, const struct chat_part *p)
{
    if (p->kind == CHAT_PART_TEXT || p->kind == CHAT_PART_REFUSAL)
        buf_add_span(out, p->text);
}

/* A client of another family holds it behind a mark (convert_hand_out(), gemini_sign()), and only
 * with what was thought. */
static void signed_thinking(struct buf *out, const struct chat_part *p)
{
    static const struct span marks[] = {
        SPAN_LIT("lamplighter.anthropic."), SPAN_LIT("lamplighter.openai."),
        SPAN_LIT("lamplighter.gemini."),    SPAN_LIT("lamplighter:an:"),
        SPAN_LIT("lamplighter:ar:"),        SPAN_LIT("lamplighter:oa:"),
        SPAN_LIT("lamplighter:or:"),
    };
    struct span s = p->signature;
    struct buf b;

    if (p->kind != CHAT_PART_THINKING || !s.n)
        return;
    buf_init(&b, TEXT_MAX);
    if (span_starts(s, SPAN_LIT(FOREIGN_BASE64)) && base64_decode(&b, s) == 0)
        s = buf_span(&b);
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (span_starts(s, marks[i]))
            s = span_of(s.p + marks[i].n, s.n - marks[i].n);
    put(out, s);
    buf_fini(&b);
}

/* Web pages, by their URL: all that more than one dialect has. */
static void cited(struct buf *out, const struct chat_part *p)
{
    struct json_tree t = {0};
    struct buf list;
    struct err e;
    size_t i, n;
    yyjson_val *v;

    if (!p->citations.n)
        return;
    buf_init(&list, TEXT_MAX);
    buf_printf(&list, "[%.*s]", SPAN_FMT(p->citations));
    MUST(json_tree_read(&t, buf_span(&list), &e) == 0);
    yyjson_arr_foreach(t.root, i, n, v) if (convert_url_citation(v))
        put(out, json_get_text(convert_url_citation(v), "url"));
    json_tree_fini(&t);
    buf_fini(&list);
}

/* Tokens, and how likely they were; their members stand in any order. */
static void put_tokens(struct buf *out, yyjson_val *list, bool top)
{
    size_t i, n;
    yyjson_val *v;

    yyjson_arr_foreach(list, i, n, v)
    {
        put(out, json_get_text(v, "token"));
        put(out, json_get_text(v, "logprob"));
        if (top)
            put_tokens(out, yyjson_obj_get(v, "top_logprobs"), false);
    }
}

static void put_logprobs(struct buf *out, struct span items)
{
    struct json_tree t = {0};
    struct buf list;
    struct err e;

    buf_init(&list, TEXT_MAX);
    buf_printf(&list, "[%.*s]", SPAN_FMT(items));
    MUST(json_tree_read(&t, buf_span(&list), &e) == 0);
    put_tokens(out, t.root, true);
    json_tree_fini(&t);
    buf_fini(&list);
}

static void stop_text(struct buf *out, const struct chat_choice_answer *c)
{
    put(out, c->stop_text);
}

static void logprobs(struct buf *out, const struct chat_choice_answer *c)
{
    put_logprobs(out, c->logprobs);
}

/* NEARLY: also where it is said in other words, for these mean the same here. */
enum strictness { CARRIED_ONLY, NEARLY, ALWAYS };

static const struct {
    enum chat_feature feature;
    enum strictness when;
    void (*part)(struct buf *out, const struct chat_part *p);
    void (*choice)(struct buf *out, const struct chat_choice_answer *c);
    size_t usage; /* which of it, from behind `input` */
} answer_rows[] = {
    {CHAT_HAS_TEXT, ALWAYS, answer_text, NULL, 0},
    {CHAT_HAS_THINKING, ALWAYS, thinking, NULL, 0},
    {CHAT_HAS_TOOL_CALL, ALWAYS, call, NULL, 0},
    {CHAT_HAS_REFUSAL, CARRIED_ONLY, refusal, NULL, 0},
    {CHAT_HAS_SIGNATURE, NEARLY, signed_thinking, NULL, 0},
    {CHAT_HAS_CITATIONS, NEARLY, cited, NULL, 0},
    {CHAT_HAS_MEDIA_OUT, CARRIED_ONLY, media_out, NULL, 0},
    {CHAT_HAS_STOP_SEQUENCE, CARRIED_ONLY, NULL, stop_text, 0},
    {CHAT_HAS_LOGPROBS, CARRIED_ONLY, NULL, logprobs, 0},
    {CHAT_HAS_USAGE_CACHED, NEARLY, NULL, NULL, offsetof(struct chat_usage, cache_read)},
    {CHAT_HAS_USAGE_CACHED, CARRIED_ONLY, NULL, NULL, offsetof(struct chat_usage, cache_write)},
    {CHAT_HAS_USAGE_REASONING, CARRIED_ONLY, NULL, NULL, offsetof(struct chat_usage, reasoning)},
    {CHAT_HAS_AUDIO, NEARLY, NULL, NULL, offsetof(struct chat_usage, audio_in)},
    {CHAT_HAS_AUDIO, NEARLY, NULL, NULL, offsetof(struct chat_usage, audio_out)},
};

void said_answer(struct buf *out, const struct chat_answer *a, enum chat_feature f,
                 enum convert_loss loss)
{
    static const enum strictness least[] = {
        [CARRIED] = CARRIED_ONLY, [APPROXIMATE] = NEARLY, [PARTLY] = NEARLY, [LOST] = ALWAYS};

    for (size_t i = 0; i < ARRAY_LEN(answer_rows); i++) {
        size_t at = answer_rows[i].usage;

        if (answer_rows[i].feature != f || answer_rows[i].when < least[loss])
            continue;
        for (uint32_t j = 0; j < a->choices_n; j++) {
            if (answer_rows[i].part)
                of_parts(out, a->choices[j].parts, answer_rows[i].part);
            if (answer_rows[i].choice)
                answer_rows[i].choice(out, &a->choices[j]);
        }
        if (at) {
            uint64_t n = *(const uint64_t *)(const void *)((const char *)&a->usage + at);

            if (n) /* 0 is as good as no word */
                buf_printf(out, "%zu: %llu ", i, (unsigned long long)n);
        }
    }
}

bool said_by_somebody(enum chat_feature f)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].feature == f)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(answer_rows); i++)
        if (answer_rows[i].feature == f)
            return true;
    return f == CHAT_HAS_OTHER; /* what nobody knows */
}
