/*
 * answer.c - chooses the plan of an answer and walks it.
 *
 * A plan lists steps; a step comes once, or for each choice, or for each content event. Event i
 * is found by walking the steps and counting: no state, so the engine may ask in any order.
 */
#include "mock/answer.h"

#include <stdarg.h>

#define HEADERS_BYTES_MAX ((size_t)64 * 1024)

/* What each API answers: whole, streamed with text, streamed with a tool call. NULL: the one
 * before it. */
static const struct {
    const struct mock_plan *whole, *text, *tool;
    const char *provider; /* whose errors */
    const char *id;       /* how ids start */
    const char *usual;    /* kind of the usual error inside a stream */
} apis[MOCK_APIS] = {
    [MOCK_API_NONE] = {NULL, NULL, NULL, "openai", "", ""},
    [MOCK_API_CHAT] = {&mock_chat_whole, &mock_chat_text, &mock_chat_tool, "openai",
                       "chatcmpl-mock", "server_error"},
    [MOCK_API_COMPLETIONS] = {&mock_completions_whole, &mock_completions_text, NULL, "openai",
                              "cmpl-mock", "server_error"},
    [MOCK_API_RESPONSES] = {&mock_responses_whole, &mock_responses_text, &mock_responses_tool,
                            "openai", "resp_mock", "responses_server_error"},
    [MOCK_API_EMBEDDINGS] = {&mock_embeddings, NULL, NULL, "openai", "", ""},
    [MOCK_API_MODELS] = {&mock_models, NULL, NULL, "openai", "", ""},
    [MOCK_API_MESSAGES] = {&mock_messages_whole, &mock_messages_text, &mock_messages_tool,
                           "anthropic", "msg_mock", "overloaded_error"},
    [MOCK_API_COUNT_TOKENS] = {&mock_count_tokens, NULL, NULL, "anthropic", "", ""},
    [MOCK_API_GEMINI] = {&mock_gemini_whole, &mock_gemini_text, NULL, "gemini", "mock",
                         "UNAVAILABLE"},
    [MOCK_API_GEMINI_COUNT] = {&mock_gemini_count, NULL, NULL, "gemini", "", ""},
    [MOCK_API_GEMINI_EMBED] = {&mock_gemini_embed, NULL, NULL, "gemini", "", ""},
    [MOCK_API_GEMINI_EMBED_BATCH] = {&mock_gemini_embed_batch, NULL, NULL, "gemini", "", ""},
    [MOCK_API_PREDICT] = {&mock_predict, NULL, NULL, "gemini", "", ""},
    [MOCK_API_HEALTH] = {&mock_health, NULL, NULL, "openai", "", ""},
};

/* ---- bytes of a piece ---- */

static struct buf *end_of(struct mock_piece *p)
{
    return p->fill_n ? &p->tail : &p->head;
}

void mock_put(struct mock_piece *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(end_of(p), fmt, ap);
    va_end(ap);
}

void mock_put_quoted(struct mock_piece *p, struct span s)
{
    mock_quote(end_of(p), s);
}

void mock_put_vector(const struct mock_answer *a, struct mock_piece *p, uint64_t i)
{
    for (uint64_t d = 0; d < a->facts->dimensions; d++)
        mock_put(p, "%c0.%03u", d ? ',' : '[', (unsigned)((i * 7 + d) % 1000));
    mock_put(p, "]");
}

/* The next place at or after `at` that does not split a character of UTF-8. */
static uint64_t char_edge(struct span s, uint64_t at)
{
    while (at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80)
        at++;
    return MIN(at, s.n);
}

void mock_put_text(const struct mock_answer *a, struct mock_piece *p, uint64_t at, uint64_t n)
{
    if (span_has(a->text)) {
        uint64_t from = char_edge(a->text, MIN(at, a->text.n));
        uint64_t to = char_edge(a->text, MIN(at + n, a->text.n));

        mock_escape(end_of(p), span_of(a->text.p + from, (size_t)(to - from)));
    } else if (p->fill_n) { /* a piece has one filling: a second one is written out */
        mock_fill_add(&p->tail, MOCK_FILL_TEXT, at, n);
    } else {
        p->fill = MOCK_FILL_TEXT;
        p->fill_at = at;
        p->fill_n = n;
    }
}

void mock_put_all_text(const struct mock_answer *a, struct mock_piece *p)
{
    mock_put_text(a, p, a->text_at, a->text_n);
}

void mock_put_text_event(const struct mock_answer *a, struct mock_piece *p, uint64_t k)
{
    uint64_t at = MIN(k * a->text_event, a->text_n);
    uint64_t n = MIN(a->text_event, a->text_n - at);

    if (a->how->fault == MOCK_FAULT_HUGE_EVENT && a->content_at + k == mock_or(a->how->at_event, 1))
        n = mock_or(a->how->size, 1024 * 1024);
    mock_put_text(a, p, a->text_at + at, n);
}

void mock_put_args(const struct mock_answer *a, struct mock_piece *p, uint64_t k)
{
    struct span args = a->facts->tool_args;
    size_t from = (size_t)char_edge(args, MIN(k * a->text_event, args.n));
    size_t to = (size_t)char_edge(args, MIN((k + 1) * a->text_event, args.n));

    mock_escape(end_of(p), span_of(args.p + from, to - from));
}

uint64_t mock_tokens(const struct mock_answer *a)
{
    return a->tool ? a->facts->tool_args.n / 4 + 1 : a->text_n / MOCK_WORD_BYTES;
}

const char *mock_stop(const struct mock_answer *a, const char *end, const char *length,
                      const char *tool)
{
    if (a->how->stop[0])
        return a->how->stop;
    if (a->tool)
        return tool;
    return a->cut_by_max ? length : end;
}

static const char *line_end(const struct mock_answer *a)
{
    return mock_or(a->how->crlf, a->facts->api == MOCK_API_GEMINI) ? "\r\n" : "\n";
}

void mock_sse_open(const struct mock_answer *a, struct mock_piece *p, const char *event)
{
    if (event)
        mock_put(p, "event: %s%s", event, line_end(a));
    mock_put(p, "data: ");
}

void mock_sse_close(const struct mock_answer *a, struct mock_piece *p)
{
    mock_put(p, "%s%s", line_end(a), line_end(a));
}

/* ---- the plan ---- */

static uint64_t times_of(const struct mock_answer *a, enum mock_times times)
{
    switch (times) {
    case MOCK_ONCE:
        return 1;
    case MOCK_EACH_CHOICE:
        return a->choices;
    case MOCK_EACH_TEXT:
        return a->text_events * a->choices;
    case MOCK_EACH_ARGS:
        return a->args_events;
    case MOCK_IF_USAGE:
        return mock_or(a->how->usage, a->facts->include_usage);
    case MOCK_IF_DONE:
        return mock_or(a->how->done, 1);
    case MOCK_IF_PING:
        return mock_or(a->how->ping, 1);
    }
    return 0;
}

static void count_events(struct mock_answer *a)
{
    a->events = 0;
    a->content_at = a->terminal_at = MOCK_UNSET;
    for (size_t s = 0; s < MOCK_STEPS_MAX && a->plan->steps[s].write; s++) {
        const struct mock_step *step = &a->plan->steps[s];

        if ((step->marks & MOCK_CONTENT) && a->content_at == MOCK_UNSET)
            a->content_at = a->events;
        if ((step->marks & MOCK_TERMINAL) && a->terminal_at == MOCK_UNSET)
            a->terminal_at = a->events;
        a->events += times_of(a, step->times);
    }
    a->content_at = mock_or(a->content_at, 0);
    a->terminal_at = mock_or(a->terminal_at, a->events - 1);
}

/* Event i of a recording starts where the i events before it end. */
static void recorded_event(const struct mock_answer *a, uint64_t i, struct mock_piece *p)
{
    struct span rest = a->body;
    size_t n = 0;

    for (uint64_t k = 0; k <= i; k++) {
        rest = span_of(rest.p + n, rest.n - n);
        n = mock_event_end(a->framing, rest.p, rest.n);
    }
    buf_add(&p->head, rest.p, n);
}

void mock_answer_event(const struct mock_answer *a, uint64_t i, struct mock_piece *p)
{
    if (!a->plan) {
        recorded_event(a, i, p);
        return;
    }
    for (size_t s = 0; s < MOCK_STEPS_MAX && a->plan->steps[s].write; s++) {
        uint64_t times = times_of(a, a->plan->steps[s].times);

        if (i < times) {
            a->plan->steps[s].write(a, i, p);
            return;
        }
        i -= times;
    }
}

void mock_answer_error_event(const struct mock_answer *a, struct mock_piece *p)
{
    enum mock_api api = a->facts->api;
    const char *kind = a->how->kind[0] ? a->how->kind : apis[api].usual;
    const char *provider = a->how->provider[0] ? a->how->provider : apis[api].provider;
    const struct mock_error *row = mock_error_find(provider, kind, 0);
    bool named = api == MOCK_API_MESSAGES || api == MOCK_API_RESPONSES;

    mock_sse_open(a, p, named ? "error" : NULL);
    mock_put(p, "%s", row ? row->body : "{\"error\":{\"message\":\"mock\"}}");
    mock_sse_close(a, p);
}

void mock_answer_unknown_event(const struct mock_answer *a, struct mock_piece *p)
{
    bool named = a->facts->api == MOCK_API_MESSAGES || a->facts->api == MOCK_API_RESPONSES;

    mock_sse_open(a, p, named ? "mock.unknown" : NULL);
    mock_put(p, "{\"type\":\"mock.unknown\",\"object\":\"mock.unknown\",\"answer\":42}");
    mock_sse_close(a, p);
}

/* ---- choosing ---- */

/* How much of the endless text w000000 w000001 ... the prefix is; 0 when it is another text. */
static uint64_t prefix_of_text(struct span prefix)
{
    char part[512];
    struct buf b;

    buf_init(&b, sizeof(part));
    for (size_t at = 0; at < prefix.n; at += sizeof(part)) {
        size_t n = MIN(sizeof(part), prefix.n - at);
        bool same;

        mock_fill_add(&b, MOCK_FILL_TEXT, at, n);
        same = b.n == n && memcmp(b.p, prefix.p + at, n) == 0;
        buf_reset(&b);
        if (!same) {
            prefix.n = 0;
            break;
        }
    }
    buf_fini(&b);
    return prefix.n;
}

/* How long the text is and how it is cut into events. */
static void plan_text(struct mock_answer *a)
{
    const struct mock_how *h = a->how;
    bool huge = h->fault == MOCK_FAULT_HUGE_EVENT || h->fault == MOCK_FAULT_HUGE_HEADER;
    uint64_t limit;

    a->text_event = MAX(mock_or(h->event_size, MOCK_WORD_BYTES), 1U);
    if (h->text[0])
        a->text = span_str(h->text);
    else if (mock_or(h->echo, 0))
        a->text = span_has(a->facts->last_user) ? a->facts->last_user : SPAN_LIT("");
    if (span_has(a->text))
        a->text_n = a->text.n;
    else if (h->size != MOCK_UNSET && !huge)
        a->text_n = h->size;
    else if (__builtin_mul_overflow(mock_or(h->tokens, MOCK_TOKENS_DEFAULT), a->text_event,
                                    &a->text_n))
        a->text_n = INT64_MAX;
    if (!span_has(a->text) && span_has(a->facts->prefix))
        a->text_at = MIN(prefix_of_text(a->facts->prefix), a->text_n);
    a->text_n -= a->text_at;
    if (!__builtin_mul_overflow(a->facts->max_tokens, MOCK_WORD_BYTES, &limit) &&
        a->text_n > limit) {
        a->text_n = limit;
        a->cut_by_max = true;
    }
    a->text_events = a->text_n / a->text_event + (a->text_n % a->text_event != 0);
    a->args_events = a->facts->tool_args.n / a->text_event + 1;
}

static void plan_error(struct mock_answer *a, const char *provider)
{
    const struct mock_how *h = a->how;
    unsigned status = (unsigned)mock_or(h->status, 0);

    a->error = mock_error_find(provider, h->kind, h->kind[0] ? 0 : status);
    a->status = status ? status : (a->error ? a->error->status : 500);
    a->body = a->error ? span_str(a->error->body)
                       : SPAN_LIT("{\"error\":{\"message\":\"mock: no row for this status\","
                                  "\"type\":\"mock_error\",\"param\":null,\"code\":null}}");
    a->type = a->body.n && a->body.p[0] == '<' ? "text/html" : "application/json";
    if (a->error) {
        struct span rest = span_str(a->error->headers);

        while (rest.n) { /* a row's own delay gives way to one that the behaviour names */
            struct span line = span_cut(&rest, '\n'), name = line;

            name = span_cut(&name, ':');
            if ((span_is(name, "retry-after") && h->retry_after[0]) ||
                (span_is(name, "retry-after-ms") && h->retry_after_ms[0]))
                continue;
            buf_printf(&a->headers, "%.*s\n", SPAN_FMT(line));
        }
    }
}

static void plan_recording(struct mock_answer *a, const struct mock_recording *rec)
{
    static const char *const marks[] = {
        "\"finish_reason\":\"",   "\"finish_reason\": \"",     "event: message_stop",
        "data: [DONE]",           "event: response.completed", "event: response.incomplete",
        "event: response.failed", "\"finishReason\":",         "\"done\":true",
    };
    struct span rest = rec->body;

    a->status = rec->status;
    a->body = rec->body;
    a->type = span_has(rec->type) ? rec->type.p : "application/json";
    a->framing = rec->framing;
    a->stream = rec->framing != MOCK_FRAMING_WHOLE;
    buf_add_span(&a->headers, rec->headers);
    a->events = 0;
    a->terminal_at = MOCK_UNSET;
    while (rest.n) {
        size_t n = mock_event_end(rec->framing, rest.p, rest.n);

        for (size_t i = 0; i < ARRAY_LEN(marks) && a->terminal_at == MOCK_UNSET; i++)
            if (span_contains(span_of(rest.p, n), span_str(marks[i])))
                a->terminal_at = a->events;
        a->events++;
        rest = span_of(rest.p + n, rest.n - n);
    }
    a->terminal_at = mock_or(a->terminal_at, a->events ? a->events - 1 : 0);
    a->content_at = MIN(a->events, 1U);
}

static void plan_html(struct mock_answer *a)
{
    a->status = (unsigned)mock_or(a->how->status, 200);
    a->type = "text/html; charset=utf-8";
    a->body = SPAN_LIT("<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n"
                       "<body><h1>Welcome to the network</h1></body></html>\n");
}

static int plan_generated(struct mock_answer *a, struct err *e)
{
    enum mock_api api = a->facts->api;
    const struct mock_plan *whole = apis[api].whole, *text = apis[api].text;

    MUST(whole != NULL);
    plan_text(a);
    a->tool = span_has(a->facts->tool) && (a->facts->tool_forced || mock_or(a->how->tool, 0));
    a->choices = 1;
    if (api == MOCK_API_CHAT || api == MOCK_API_COMPLETIONS)
        a->choices = MIN(MAX(mock_or(a->how->choices, a->facts->choices), 1U), 128U);
    if (a->tool)
        a->text_events = 1;
    a->stream = text && mock_or(a->how->stream, a->facts->stream);
    a->plan = whole;
    if (a->stream)
        a->plan = a->tool && apis[api].tool ? apis[api].tool : text;
    a->status = 200;
    a->type = a->plan->type;
    a->framing = a->stream ? MOCK_FRAMING_SSE : MOCK_FRAMING_WHOLE;
    count_events(a);
    if (!a->stream && a->text_n > MOCK_PIECE_MAX / 2 && a->choices > 1)
        return err_set(e, ERR_LIMIT, "mock: several huge choices do not fit in memory");
    return 0;
}

/* The name of the model and the answer's id: what was asked, without the behaviour in it. */
static void plan_names(struct mock_answer *a)
{
    struct span rest = a->facts->model, name = span_cut(&rest, ';');

    if (a->how->as_model[0])
        name = span_str(a->how->as_model);
    (void)snprintf(a->model, sizeof(a->model), "%.*s", SPAN_FMT(name));
    if (a->how->id[0])
        (void)snprintf(a->id, sizeof(a->id), "%s", a->how->id);
    else
        (void)snprintf(a->id, sizeof(a->id), "%s-%06llu", apis[a->facts->api].id,
                       (unsigned long long)a->number);
}

/* Headers that the behaviour names, after those of the row or recording. */
static void add_headers(struct mock_answer *a)
{
    const struct mock_how *h = a->how;

    if (h->retry_after[0] && strcmp(h->retry_after, "none") != 0)
        buf_printf(&a->headers, "retry-after: %s\r\n", h->retry_after);
    if (h->retry_after_ms[0] && strcmp(h->retry_after_ms, "none") != 0)
        buf_printf(&a->headers, "retry-after-ms: %s\r\n", h->retry_after_ms);
    if (h->header[0])
        buf_printf(&a->headers, "%s\r\n", h->header);
}

/* Does the behaviour ask for what exists? *rec is the recording it wants, or NULL. */
static int check_wishes(const struct mock_how *h, const struct mock_replay *replay,
                        const char *provider, const struct mock_recording **rec, struct err *e)
{
    uint64_t status = mock_or(h->status, 200);

    *rec = h->replay[0] ? mock_replay_find(replay, span_str(h->replay)) : NULL;
    if (h->replay[0] && !*rec)
        return err_set(e, ERR_CONFIG, "mock: no recording '%s'", h->replay);
    if (status < 200 || status > 999)
        return err_set(e, ERR_CONFIG, "mock: status=%llu is no final status",
                       (unsigned long long)status);
    if (h->kind[0] && !mock_error_find(provider, h->kind, 0))
        return err_set(e, ERR_CONFIG, "mock: no error row of kind '%s'", h->kind);
    return 0;
}

int mock_answer_init(struct mock_answer *a, const struct mock_facts *facts,
                     const struct mock_how *how, const struct mock_replay *replay, uint64_t number,
                     struct err *e)
{
    const char *provider = how->provider[0] ? how->provider : apis[facts->api].provider;
    const struct mock_recording *rec;
    bool error =
        how->fault != MOCK_FAULT_ERROR_EVENT && (mock_or(how->status, 200) != 200 || how->kind[0]);

    *a = (struct mock_answer){.facts = facts, .how = how, .number = number, .events = 1};
    buf_init(&a->headers, HEADERS_BYTES_MAX);
    plan_names(a);
    buf_printf(&a->headers, "x-request-id: req_mock_%06llu\r\n", (unsigned long long)number);
    if (facts->api == MOCK_API_MESSAGES)
        buf_printf(&a->headers, "request-id: req_mock_%06llu\r\n", (unsigned long long)number);
    if (check_wishes(how, replay, provider, &rec, e) < 0)
        return -1;
    if (how->fault == MOCK_FAULT_HTML)
        plan_html(a);
    else if (rec)
        plan_recording(a, rec);
    else if (error)
        plan_error(a, provider);
    else if (facts->api == MOCK_API_NONE)
        return err_set(e, ERR_CONFIG, "mock: nothing is served at '%.*s'", SPAN_FMT(facts->path));
    else if (plan_generated(a, e) < 0)
        return -1;
    if (how->fault == MOCK_FAULT_EMPTY)
        a->events = 0;
    if (how->type[0])
        a->type = how->type;
    add_headers(a);
    return 0;
}

void mock_answer_fini(struct mock_answer *a)
{
    buf_fini(&a->headers);
}
