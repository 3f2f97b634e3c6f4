/*
 * cohere_chat_answer_read.c - answers of Cohere's chat as chat events, and what the dialect can
 * say.
 *
 * One part is open at a time: contents and calls each have their start, deltas and end, and never
 * overlap. A delta of another content or call than the open one is refused: what it belongs to
 * nobody could know. The tool plan, what the model means to do with its tools, is thinking.
 *
 * A whole answer is told as the events that would have made it.
 */
#include "dialect/convert_read.h"
#include "dialect/cohere/cohere_chat_convert.h"

#include "dialect/dialect.h"

static int tell(struct convert_reader *r, const struct chat_event *ev, struct err *e)
{
    return r->sink.event(r->sink.arg, ev, e);
}

/* ---- parts ---- */

static int end_part(struct convert_reader *r, struct err *e)
{
    struct cohere_chat_reader *s = r->own;
    struct chat_event ev = {.kind = CHAT_EVENT_PART_END, .index = s->parts_n - 1, .part = s->kind};

    if (!s->open)
        return 0;
    s->open = false;
    return tell(r, &ev, e);
}

/* ev: what is known of it. */
static int begin_part(struct convert_reader *r, struct chat_event ev, uint64_t number,
                      struct err *e)
{
    struct cohere_chat_reader *s = r->own;

    if (end_part(r, e) < 0)
        return -1;
    ev.kind = CHAT_EVENT_PART;
    ev.index = s->parts_n++;
    s->open = true;
    s->kind = ev.part;
    s->number = number;
    return tell(r, &ev, e);
}

static int delta(struct convert_reader *r, struct span text, struct err *e)
{
    const struct cohere_chat_reader *s = r->own;
    struct chat_event ev = {
        .kind = CHAT_EVENT_DELTA, .index = s->parts_n - 1, .part = s->kind, .text = text};

    return text.n ? tell(r, &ev, e) : 0;
}

/* Text of a kind: of the part that is open, or of a new one. */
static int say(struct convert_reader *r, enum chat_kind kind, uint64_t number, struct span text,
               struct err *e)
{
    const struct cohere_chat_reader *s = r->own;

    if (text.n == 0)
        return 0;
    if ((!s->open || s->kind != kind || s->number != number) &&
        begin_part(r, (struct chat_event){.part = kind}, number, e) < 0)
        return -1;
    return delta(r, text, e);
}

#define PLAN UINT64_MAX /* its number */

static int read_plan(struct convert_reader *r, yyjson_val *m, struct err *e)
{
    return say(r, CHAT_PART_THINKING, PLAN, json_get_text(m, "tool_plan"), e);
}

static int read_content(struct convert_reader *r, yyjson_val *content, uint64_t number,
                        struct err *e)
{
    if (say(r, CHAT_PART_THINKING, number, json_get_text(content, "thinking"), e) < 0)
        return -1;
    return say(r, CHAT_PART_TEXT, number, json_get_text(content, "text"), e);
}

/* ---- calls ---- */

static int begin_call(struct convert_reader *r, yyjson_val *call, uint64_t number, struct err *e)
{
    struct cohere_chat_reader *s = r->own;
    yyjson_val *f = json_get(call, "function");
    struct chat_event ev = {.part = CHAT_PART_TOOL_CALL,
                            .id = json_get_text(call, "id"),
                            .name = json_get_text(f, "name")};

    if (ev.name.n == 0 || ev.id.n == 0)
        return err_set(e, ERR_PROTOCOL, "a call has no id or no name");
    s->calls = true;
    if (begin_part(r, ev, number, e) < 0)
        return -1;
    return delta(r, json_get_text(f, "arguments"), e);
}

static int call_delta(struct convert_reader *r, yyjson_val *call, uint64_t number, struct err *e)
{
    const struct cohere_chat_reader *s = r->own;

    if (!s->open || s->kind != CHAT_PART_TOOL_CALL || s->number != number)
        return err_set(e, ERR_PROTOCOL, "arguments of a call that is not the open one");
    return delta(r, json_get_text(json_get(call, "function"), "arguments"), e);
}

/* ---- citations ---- */

/* They belong to the text that is open; without one there is nothing to cite. */
static int cite(struct convert_reader *r, yyjson_val *citation, struct err *e)
{
    const struct cohere_chat_reader *s = r->own;
    struct chat_event ev = {
        .kind = CHAT_EVENT_CITE, .index = s->parts_n - 1, .part = CHAT_PART_TEXT};
    struct span type = json_get_text(citation, "type");
    struct buf b;
    int rc;

    if (!s->open || s->kind != CHAT_PART_TEXT || !yyjson_is_obj(citation) ||
        (type.n && !span_is(type, "TEXT_CONTENT")))
        return 0;
    buf_init(&b, r->arena->budget);
    json_write_tree(&b, citation);
    ev.text = buf_span(&b);
    rc = buf_ok(&b) ? tell(r, &ev, e) : convert_no_answer(e);
    buf_fini(&b);
    return rc;
}

/* Of a whole answer: those of one content. Who cites without a number means the text. */
static int cite_all(struct convert_reader *r, yyjson_val *list, uint64_t number, struct err *e)
{
    yyjson_arr_iter it;
    yyjson_val *one;
    uint64_t at;

    yyjson_arr_iter_init(list, &it);
    while ((one = yyjson_arr_iter_next(&it))) {
        if (!json_tree_u64(json_get(one, "content_index"), &at))
            at = number;
        if (at == number && cite(r, one, e) < 0)
            return -1;
    }
    return 0;
}

/* ---- log-probabilities ---- */

static void write_token(struct json_write *w, struct span text, struct span logprob)
{
    json_begin_object(w);
    json_kv_string(w, "token", text);
    json_key(w, "logprob");
    json_raw(w, logprob);
    json_key(w, "bytes");
    json_begin_array(w);
    for (size_t i = 0; i < text.n; i++)
        json_uint(w, (unsigned char)text.p[i]);
    json_end_array(w);
    json_key(w, "top_logprobs");
    json_raw(w, SPAN_LIT("[]"));
    json_end_object(w);
}

/* {"text": "abc", "logprobs": [-1.5, -2]}: which token has what of the text is not said, so the
 * first one has all of it. */
static int read_logprobs(struct convert_reader *r, yyjson_val *item, struct err *e)
{
    struct span text = json_get_text(item, "text"), rest = SPAN_LIT("");
    struct chat_event ev = {.kind = CHAT_EVENT_LOGPROBS};
    struct json_write w;
    yyjson_arr_iter it;
    yyjson_val *one;
    struct buf b;
    int rc = 0;

    buf_init(&b, r->arena->budget);
    yyjson_arr_iter_init(json_get(item, "logprobs"), &it);
    while (span_has(text) && (one = yyjson_arr_iter_next(&it))) {
        if (b.n)
            buf_add_char(&b, ',');
        json_write_init(&w, &b);
        write_token(&w, text, json_is_number(one) ? json_text(one) : SPAN_LIT("0"));
        text = rest;
    }
    ev.text = buf_span(&b);
    if (!buf_ok(&b))
        rc = convert_no_answer(e);
    else if (b.n)
        rc = tell(r, &ev, e);
    buf_fini(&b);
    return rc;
}

/* ---- end and usage ---- */

/* What no row has is the provider's end, not the model's: a client must not take it for a whole
 * answer. */
static enum chat_stop stop_of(struct span word)
{
    static const struct {
        const char *word;
        enum chat_stop stop;
    } rows[] = {
        {"COMPLETE", CHAT_STOP_END},
        {"MAX_TOKENS", CHAT_STOP_LENGTH},
        {"STOP_SEQUENCE", CHAT_STOP_TEXT},
        {"TOOL_CALL", CHAT_STOP_TOOL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_is(word, rows[i].word))
            return rows[i].stop;
    return CHAT_STOP_FILTER;
}

/* The first place that has it: what was billed is less than what was read and made. */
static bool count(yyjson_val *usage, const char *key, uint64_t *ret)
{
    return json_tree_u64(json_get(json_get(usage, "tokens"), key), ret) ||
           json_tree_u64(json_get(json_get(usage, "billed_units"), key), ret);
}

static int read_usage(struct convert_reader *r, yyjson_val *usage, struct err *e)
{
    struct chat_event ev = {.kind = CHAT_EVENT_USAGE};
    bool in = count(usage, "input_tokens", &ev.usage.input);
    bool out = count(usage, "output_tokens", &ev.usage.output);

    ev.usage.seen = in || out;
    UNUSED(count(usage, "reasoning_tokens", &ev.usage.reasoning));
    UNUSED(json_tree_u64(json_get(usage, "cached_tokens"), &ev.usage.cache_read));
    return ev.usage.seen ? tell(r, &ev, e) : 0;
}

static int finish(struct convert_reader *r, yyjson_val *end, struct err *e)
{
    const struct cohere_chat_reader *s = r->own;
    struct chat_event ev = {.kind = CHAT_EVENT_FINISH,
                            .stop = stop_of(json_get_text(end, "finish_reason"))};

    if (ev.stop == CHAT_STOP_END && s->calls)
        ev.stop = CHAT_STOP_TOOL;
    if (end_part(r, e) < 0 || tell(r, &ev, e) < 0)
        return -1;
    return read_usage(r, json_get(end, "usage"), e);
}

static int start(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    struct cohere_chat_reader *s = r->own;
    struct chat_event ev = {.kind = CHAT_EVENT_START, .id = json_get_text(root, "id")};

    if (s->started)
        return 0;
    s->started = true;
    return tell(r, &ev, e);
}

/* ---- events ---- */

enum type {
    CONTENT_START,
    CONTENT_DELTA,
    CONTENT_END,
    PLAN_DELTA,
    CALL_START,
    CALL_DELTA,
    CALL_END,
    CITATION_START,
    MESSAGE_END,
    TYPES
};

static const char *const types[TYPES] = {
    [CONTENT_START] = "content-start", [CONTENT_DELTA] = "content-delta",
    [CONTENT_END] = "content-end",     [PLAN_DELTA] = "tool-plan-delta",
    [CALL_START] = "tool-call-start",  [CALL_DELTA] = "tool-call-delta",
    [CALL_END] = "tool-call-end",      [CITATION_START] = "citation-start",
    [MESSAGE_END] = "message-end",
};

static enum type type_of(struct span word)
{
    enum type t = 0;

    while (t < TYPES && !span_is(word, types[t]))
        t++;
    return t;
}

int cohere_chat_read_event(struct convert_reader *r, struct span name, yyjson_val *root,
                           struct err *e)
{
    yyjson_val *d = json_get(root, "delta"), *m = json_get(d, "message");
    uint64_t number;

    UNUSED(name); /* the type says the same */
    if (start(r, root, e) < 0)
        return -1;
    if (!json_tree_u64(json_get(root, "index"), &number))
        number = 0;
    switch (type_of(json_get_text(root, "type"))) {
    case CONTENT_START:
    case CONTENT_DELTA:
        return read_content(r, json_get(m, "content"), number, e) < 0
                   ? -1
                   : read_logprobs(r, json_get(root, "logprobs"), e);
    case PLAN_DELTA:
        return read_plan(r, m, e);
    case CALL_START:
        return begin_call(r, json_get(m, "tool_calls"), number, e);
    case CALL_DELTA:
        return call_delta(r, json_get(m, "tool_calls"), number, e);
    case CONTENT_END:
    case CALL_END:
        return end_part(r, e);
    case CITATION_START:
        return cite(r, json_get(m, "citations"), e);
    case MESSAGE_END:
        return finish(r, d, e);
    case TYPES:
        break;
    }
    return 0;
}

int cohere_chat_read_answer(struct convert_reader *r, yyjson_val *root, struct err *e)
{
    yyjson_val *m = json_get(root, "message"), *one;
    yyjson_arr_iter it;

    if (start(r, root, e) < 0 || read_plan(r, m, e) < 0)
        return -1;
    yyjson_arr_iter_init(json_get(m, "content"), &it);
    for (uint64_t i = 0; (one = yyjson_arr_iter_next(&it)); i++)
        if (read_content(r, one, i, e) < 0 || cite_all(r, json_get(m, "citations"), i, e) < 0)
            return -1;
    yyjson_arr_iter_init(json_get(m, "tool_calls"), &it);
    for (uint64_t i = 0; (one = yyjson_arr_iter_next(&it)); i++)
        if (begin_call(r, one, i, e) < 0)
            return -1;
    yyjson_arr_iter_init(json_get(root, "logprobs"), &it);
    while ((one = yyjson_arr_iter_next(&it)))
        if (read_logprobs(r, one, e) < 0)
            return -1;
    return finish(r, root, e);
}

/* ---- the row ---- */

#define CHAT                "https://docs.cohere.com/reference/chat"
#define SCHEMAS             "https://docs.cohere.com/docs/structured-outputs"
#define CARRIED(f)          [CHAT_HAS_##f] = {CHAT_HAS_##f, CARRIED, NULL, NULL}
#define NEARLY(f, as)       [CHAT_HAS_##f] = {CHAT_HAS_##f, APPROXIMATE, as, CHAT}
#define PARTLY(f, as, page) [CHAT_HAS_##f] = {CHAT_HAS_##f, PARTLY, as, page}
#define LOST(f)             [CHAT_HAS_##f] = {CHAT_HAS_##f, LOST, NULL, CHAT}

static const struct convert_loss_row losses[CHAT_FEATURES] = {
    CARRIED(SYSTEM),
    NEARLY(DEVELOPER, "a system message"),
    CARRIED(SYSTEM_LATER),
    LOST(SPEAKER),
    CARRIED(TEXT),
    CARRIED(IMAGE_BASE64),
    CARRIED(IMAGE_URL),
    CARRIED(IMAGE_DETAIL),
    LOST(DOCUMENT_BASE64),
    LOST(DOCUMENT_URL),
    NEARLY(DOCUMENT_TEXT, "one of the request's documents; with a format a part of text"),
    NEARLY(CITING, "documents are always cited"),
    LOST(DOCUMENT_CONTEXT),
    LOST(AUDIO),
    LOST(AUDIO_URL),
    LOST(VIDEO),
    LOST(FILE_ID),
    CARRIED(TOOLS),
    PARTLY(TOOL_STRICT, "where all tools are, and no schema has what Cohere does not", SCHEMAS),
    LOST(TOOL_FREE),
    LOST(PROVIDER_TOOL),
    PARTLY(TOOL_CHOICE, "where one certain tool must be called no other is offered", CHAT),
    LOST(TOOL_PARALLEL),
    CARRIED(TOOL_CALL),
    CARRIED(TOOL_RESULT),
    NEARLY(TOOL_RESULT_IMAGE, "a message of the user behind the result"),
    LOST(TOOL_RESULT_ERROR),
    CARRIED(THINKING),
    LOST(SIGNATURE),
    NEARLY(REFUSAL, "text"),
    LOST(CITATIONS),
    PARTLY(JSON_OBJECT, "a target is skipped where there are tools as well", CHAT),
    PARTLY(JSON_SCHEMA,
           "oneOf is anyOf, formats that Cohere does not have go; with what else it does not have "
           "the target is not asked, or told so where the client's own API would not hold to the "
           "schema; nor is it where there are tools as well",
           SCHEMAS),
    LOST(PREFILL),
    LOST(AUDIO_OUT),
    LOST(MODALITIES),
    CARRIED(MAX_TOKENS),
    PARTLY(TEMPERATURE, "at most 1", CHAT),
    PARTLY(TOP_P, "at least 0.01, at most 0.99", CHAT),
    CARRIED(TOP_K),
    PARTLY(STOP, "the first five", CHAT),
    PARTLY(PENALTIES, "what is below 0 is 0, what is above 1 is 1", CHAT),
    PARTLY(SEED, "what is below 0 is left out", CHAT),
    LOST(LOGIT_BIAS),
    PARTLY(LOGPROBS, "without the likeliest others", CHAT),
    LOST(CHOICES),
    PARTLY(EFFORT, "thinking is switched on, or off for none", CHAT),
    CARRIED(BUDGET),
    LOST(VERBOSITY),
    LOST(METADATA),
    LOST(USER),
    LOST(SERVICE_TIER),
    LOST(CACHE),
    LOST(CACHE_KEY),
    LOST(STORE),
    LOST(PREVIOUS),
    LOST(OTHER),
    CARRIED(USAGE_CACHED),
    CARRIED(USAGE_REASONING),
    LOST(STOP_SEQUENCE),
    LOST(MEDIA_OUT),
};

const struct convert convert_cohere_chat = {
    .name = "cohere.chat",
    .dialect = &dialect_cohere_chat,
    .signer = CHAT_SIGNER_NONE,
    .loss = losses,
    .names = &cohere_chat_names,
    .read_request = cohere_chat_read_request,
    .write_request = cohere_chat_write_request,
    .reader_bytes = sizeof(struct cohere_chat_reader),
    .read_event = cohere_chat_read_event,
    .read_answer = cohere_chat_read_answer,
};
