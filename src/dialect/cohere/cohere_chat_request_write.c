/*
 * cohere_chat_request_write.c - the canonical conversation as a request of Cohere's chat.
 *
 * Tool results become messages of the role "tool", in front of what else stands in their turn;
 * images among them follow in a message of the user. Plain text documents become the request's
 * documents, which is where the model cites from; with a response_format, which excludes both
 * documents and tools, they stay a part of the text.
 *
 * Thinking of a turn that calls tools is its tool_plan, which every model takes; thinking as a
 * content is for the models that think.
 */
#include "dialect/cohere/cohere_chat_convert.h"

#define STOPS_MOST 5 /* docs.cohere.com/reference/chat */

/* The API says no length. */
const struct convert_charset cohere_chat_names = {
    .max = 128, .letter_first = true, .no_dash = true};

struct out {
    struct json_write w;
    const struct chat_request *q;
    const struct convert_to *to;
    struct err *e;
    bool documents; /* documents are the request's */
};

/* ---- contents ---- */

static bool is_document(const struct chat_part *p)
{
    return p->kind == CHAT_PART_MEDIA && p->media.source == CHAT_PLAIN;
}

static bool is_text(const struct chat_part *p)
{
    return p->kind == CHAT_PART_TEXT || p->kind == CHAT_PART_REFUSAL;
}

static void write_text(struct out *o, const char *type, struct span text)
{
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "type", type);
    json_kv_string(&o->w, type, text);
    json_end_object(&o->w);
}

static void write_image(struct out *o, const struct chat_media *m)
{
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "type", "image_url");
    json_key(&o->w, "image_url");
    json_begin_object(&o->w);
    convert_kv_url(&o->w, "url", m, "image/png");
    convert_kv_text(&o->w, "detail", m->detail);
    json_end_object(&o->w);
    json_end_object(&o->w);
}

static void write_document(struct out *o, const struct chat_media *m)
{
    json_begin_object(&o->w);
    json_key(&o->w, "data");
    json_begin_object(&o->w);
    convert_kv_text(&o->w, "title", m->name);
    json_kv_string(&o->w, "text", m->data);
    json_end_object(&o->w);
    json_end_object(&o->w);
}

/* What of a message stands in its content. */
struct content {
    bool images, documents, thinking;
};

static bool stands(const struct chat_part *p, struct content c)
{
    if (is_text(p))
        return true;
    if (p->kind == CHAT_PART_THINKING)
        return c.thinking && p->text.n;
    return is_document(p) ? c.documents : p->kind == CHAT_PART_MEDIA && c.images;
}

static void write_item(struct out *o, const struct chat_part *p)
{
    if (is_document(p))
        write_text(o, "text", p->media.data);
    else if (p->kind == CHAT_PART_MEDIA)
        write_image(o, &p->media);
    else
        write_text(o, p->kind == CHAT_PART_THINKING ? "thinking" : "text", p->text);
}

static size_t count(const struct chat_part *parts, struct content c, const struct chat_part **first)
{
    size_t n = 0;

    *first = NULL;
    for (const struct chat_part *p = parts; p; p = p->next)
        if (stands(p, c) && n++ == 0)
            *first = p;
    return n;
}

/* One text is a string, more are a list. */
static void write_content(struct out *o, const struct chat_part *parts, struct content c)
{
    const struct chat_part *first;
    size_t n = count(parts, c, &first);

    json_key(&o->w, "content");
    if (n == 0 || (n == 1 && is_text(first))) {
        json_string(&o->w, n ? first->text : SPAN_LIT(""));
        return;
    }
    json_begin_array(&o->w);
    for (const struct chat_part *p = first; p; p = p->next)
        if (stands(p, c))
            write_item(o, p);
    json_end_array(&o->w);
}

/* ---- messages ---- */

static int write_call(struct out *o, const struct chat_part *p)
{
    struct span args = convert_arguments(p);
    struct span name = convert_fit(o->q->arena, p->name, &cohere_chat_names);

    if (!span_has(name))
        return convert_no_memory(o->e);
    if (!span_has(args))
        return err_set(o->e, ERR_PROTOCOL, "the arguments of the call '%.*s' are no JSON object",
                       (int)MIN(p->id.n, (size_t)80), p->id.p);
    json_begin_object(&o->w);
    json_kv_string(&o->w, "id", p->id);
    json_kv_cstring(&o->w, "type", "function");
    json_key(&o->w, "function");
    json_begin_object(&o->w);
    json_kv_string(&o->w, "name", name);
    json_kv_string(&o->w, "arguments", args);
    json_end_object(&o->w);
    json_end_object(&o->w);
    return 0;
}

static int write_calls(struct out *o, const struct chat_part *parts)
{
    json_key(&o->w, "tool_calls");
    json_begin_array(&o->w);
    for (const struct chat_part *p = parts; p; p = p->next)
        if (p->kind == CHAT_PART_TOOL_CALL && write_call(o, p) < 0)
            return -1;
    json_end_array(&o->w);
    return 0;
}

static int write_assistant(struct out *o, const struct chat_message *m)
{
    bool calls = convert_count(m->parts, CHAT_PART_TOOL_CALL) > 0;
    struct content c = {.documents = true, .thinking = !calls};
    const struct chat_part *first;

    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "role", "assistant");
    if (calls && convert_kv_joined(&o->w, "tool_plan", m->parts, CHAT_PART_THINKING, o->e) < 0)
        return -1;
    if (!calls || count(m->parts, c, &first) > 0)
        write_content(o, m->parts, c);
    if (calls && write_calls(o, m->parts) < 0)
        return -1;
    json_end_object(&o->w);
    return 0;
}

static void write_result(struct out *o, const struct chat_part *p)
{
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "role", "tool");
    json_kv_string(&o->w, "tool_call_id", p->id);
    write_content(o, p->parts, (struct content){.documents = true});
    json_end_object(&o->w);
}

/* Images that tools returned. */
static void write_result_images(struct out *o, const struct chat_message *m)
{
    bool any = false;

    for (const struct chat_part *p = m->parts; p; p = p->next)
        for (const struct chat_part *in = p->parts; in; in = in->next) {
            if (in->kind != CHAT_PART_MEDIA || is_document(in))
                continue;
            if (!any) {
                json_begin_object(&o->w);
                json_kv_cstring(&o->w, "role", "user");
                json_key(&o->w, "content");
                json_begin_array(&o->w);
            }
            any = true;
            write_image(o, &in->media);
        }
    if (any) {
        json_end_array(&o->w);
        json_end_object(&o->w);
    }
}

static int write_user(struct out *o, const struct chat_message *m)
{
    struct content c = {.images = true, .documents = !o->documents};
    bool rest = false;

    for (const struct chat_part *p = m->parts; p; p = p->next) {
        rest |= p->kind != CHAT_PART_TOOL_RESULT;
        if (p->kind == CHAT_PART_TOOL_RESULT)
            write_result(o, p);
    }
    write_result_images(o, m);
    if (!rest && m->parts)
        return 0;
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "role", "user");
    write_content(o, m->parts, c);
    json_end_object(&o->w);
    return 0;
}

static int write_system(struct out *o, const struct chat_message *m)
{
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "role", "system");
    write_content(o, m->parts, (struct content){.documents = true});
    json_end_object(&o->w);
    return 0;
}

static int (*const messages[])(struct out *o, const struct chat_message *m) = {
    [CHAT_ROLE_SYSTEM] = write_system,
    [CHAT_ROLE_DEVELOPER] = write_system,
    [CHAT_ROLE_USER] = write_user,
    [CHAT_ROLE_ASSISTANT] = write_assistant,
};

static int write_messages(struct out *o)
{
    json_key(&o->w, "messages");
    json_begin_array(&o->w);
    for (const struct chat_message *m = o->q->messages; m; m = m->next)
        if (messages[m->role](o, m) < 0)
            return -1;
    json_end_array(&o->w);
    return 0;
}

/* ---- the rest ---- */

static void write_documents(struct out *o)
{
    bool any = false;

    if (!o->documents)
        return;
    for (const struct chat_message *m = o->q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p && m->role == CHAT_ROLE_USER; p = p->next) {
            if (!is_document(p))
                continue;
            if (!any) {
                json_key(&o->w, "documents");
                json_begin_array(&o->w);
            }
            any = true;
            write_document(o, &p->media);
        }
    if (any)
        json_end_array(&o->w);
}

/* It is one word for all of them. Who has no schema asks for no parameter. */
static bool all_strict(const struct chat_tool *t)
{
    for (; t; t = t->next)
        if (t->kind == CHAT_TOOL_FUNCTION && (t->strict != CHAT_YES || !span_has(t->schema)))
            return false;
    return true;
}

static int write_tools(struct out *o)
{
    const struct chat_request *q = o->q;
    bool one = q->choice == CHAT_CHOICE_ONE;

    if (!q->tools)
        return 0;
    if (convert_kv_tools(&o->w, q, one ? q->choice_name : span_of(NULL, 0), &cohere_chat_names,
                         o->e) < 0)
        return -1;
    if (all_strict(q->tools))
        json_kv_bool(&o->w, "strict_tools", true);
    else if (chat_any_strict(q->tools))
        convert_drops(o->to, CHAT_HAS_TOOL_STRICT);
    if (one)
        convert_approximates(o->to, CHAT_HAS_TOOL_CHOICE);
    if (one || q->choice == CHAT_CHOICE_ANY)
        json_kv_cstring(&o->w, "tool_choice", "REQUIRED");
    else if (q->choice == CHAT_CHOICE_NONE)
        json_kv_cstring(&o->w, "tool_choice", "NONE");
    return 0;
}

static void write_format(struct out *o)
{
    const struct chat_request *q = o->q;

    if (q->format != CHAT_FORMAT_OBJECT && q->format != CHAT_FORMAT_SCHEMA)
        return;
    json_key(&o->w, "response_format");
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "type", "json_object");
    if (q->format == CHAT_FORMAT_SCHEMA)
        convert_kv_raw(&o->w, "json_schema", q->format_schema);
    json_end_object(&o->w);
}

static void write_thinking(struct out *o)
{
    const struct chat_request *q = o->q;
    bool off = q->thinking == CHAT_NO || span_is(q->effort, "none");

    if (!off && q->thinking == CHAT_UNSET && !span_has(q->effort) && !span_has(q->thinking_budget))
        return;
    json_key(&o->w, "thinking");
    json_begin_object(&o->w);
    json_kv_cstring(&o->w, "type", off ? "disabled" : "enabled");
    if (!off)
        convert_kv_raw(&o->w, "token_budget", q->thinking_budget);
    json_end_object(&o->w);
    if (!off && span_has(q->effort))
        convert_approximates(o->to, CHAT_HAS_EFFORT);
    if (off && span_has(q->thinking_budget) && !span_is(q->thinking_budget, "0"))
        convert_drops(o->to, CHAT_HAS_BUDGET);
}

/* Is the number less than 0.01, as those are written: 0, 0.001, 1e-06? */
static bool is_tiny(struct span s)
{
    size_t e = MIN(span_find(s, 'e'), span_find(s, 'E')), at = e + 2;

    if (e >= s.n)
        return span_is(s, "0") || span_is(s, "0.0") || span_starts(s, SPAN_LIT("0.00"));
    while (at < s.n && s.p[at] == '0')
        at++;
    return at < s.n && s.p[e + 1] == '-' && (s.n - at > 1 || s.p[at] > '2');
}

/* From 0.01 to 0.99; 1, however it is written, is more than there may be. */
static struct span top_p(struct span p)
{
    size_t n = p.n;

    if (is_tiny(p))
        return SPAN_LIT("0.01");
    while (n > 2 && p.p[n - 1] == '0')
        n--;
    if (span_is(span_of(p.p, n), "1") || span_is(span_of(p.p, n), "1.") ||
        (n > 4 && span_starts(p, SPAN_LIT("0.99"))))
        return SPAN_LIT("0.99");
    return p;
}

static bool is_bound(const struct chat_request *q)
{
    return q->format == CHAT_FORMAT_OBJECT || q->format == CHAT_FORMAT_SCHEMA;
}

static bool is_negative(struct span n)
{
    return n.n && n.p[0] == '-';
}

static struct span at_most_one(struct span n)
{
    return convert_above_one(n) ? SPAN_LIT("1") : n;
}

/* A penalty, which may be from 0 to 1 here. */
static struct span penalty(struct span n)
{
    return is_negative(n) ? SPAN_LIT("0") : at_most_one(n);
}

/* A number in place of another one. */
static void write_near(struct out *o, const char *key, struct span said, struct span instead,
                       enum chat_feature f)
{
    convert_kv_raw(&o->w, key, instead);
    if (!span_eq(said, instead))
        convert_approximates(o->to, f);
}

static void write_numbers(struct out *o)
{
    const struct chat_request *q = o->q;

    convert_kv_raw(&o->w, "max_tokens", q->max_tokens);
    convert_kv_stops(&o->w, "stop_sequences", q, STOPS_MOST, o->to);
    write_near(o, "temperature", q->temperature, at_most_one(q->temperature), CHAT_HAS_TEMPERATURE);
    write_near(o, "p", q->top_p, top_p(q->top_p), CHAT_HAS_TOP_P);
    convert_kv_raw(&o->w, "k", q->top_k);
    if (is_negative(q->seed))
        convert_drops(o->to, CHAT_HAS_SEED);
    else
        convert_kv_raw(&o->w, "seed", q->seed);
    write_near(o, "frequency_penalty", q->frequency_penalty, penalty(q->frequency_penalty),
               CHAT_HAS_PENALTIES);
    write_near(o, "presence_penalty", q->presence_penalty, penalty(q->presence_penalty),
               CHAT_HAS_PENALTIES);
    convert_kv_tri(&o->w, "logprobs", q->logprobs);
    if (span_has(q->top_logprobs) && !span_is(q->top_logprobs, "0"))
        convert_approximates(o->to, CHAT_HAS_LOGPROBS);
}

int cohere_chat_write_request(struct buf *buf, const struct chat_request *q,
                              const struct convert_to *to, struct err *e)
{
    struct chat_request fit;
    struct out o = {.q = &fit, .to = to, .e = e, .documents = !is_bound(q)};

    if (is_bound(q) && q->tools)
        return err_set(e, ERR_PROTOCOL, "response_format: not together with tools");
    if (schema_fit_request(&fit, q, &cohere_schema_rules, to, e) < 0)
        return -1;
    json_write_init(&o.w, buf);
    json_begin_object(&o.w);
    json_kv_string(&o.w, "model", to->model);
    if (write_messages(&o) < 0)
        return -1;
    json_kv_bool(&o.w, "stream", to->stream);
    write_documents(&o);
    if (write_tools(&o) < 0)
        return -1;
    convert_note_strict(to, q);
    write_format(&o);
    write_thinking(&o);
    write_numbers(&o);
    json_end_object(&o.w);
    return buf_finish(buf, "request", e);
}
