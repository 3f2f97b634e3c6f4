/*
 * answer.c - takes an answer apart: SSE to events, events to JSON hits, hits to the dialect; and
 * keeps what all dialects have in common. A whole answer is one event without SSE.
 *
 * What an event is has nothing to do with where reads cut it: all state between two reads is in
 * struct dialect_answer, and a test cuts every stream at every byte.
 *
 *     (bytes) -> sse_next -> payload run -> json_scan_feed -> on_hit -> d->on_event
 *                  |- blank line ------> json_scan_eof  -> d->end_event -> STEP_EVENT
 *
 * Invariants: (1) after bad no byte is looked at; (2) after done only event boundaries are;
 * (3) at most one of scanning and first_n != 0 is true.
 */
#include "dialect/answer.h"

static bool on_hit(void *arg, const struct json_hit *h)
{
    struct dialect_answer *a = arg;

    bool list = h->type == JSON_ARRAY && a->d->lists && !a->streamed;

    if (h->id == 0 && h->type != JSON_OBJECT && !list)
        return false;
    if (a->streamed) {
        a->d->on_event(a, h);
        return true;
    }
    if (h->id == 0 && h->end)
        a->done = true;
    a->d->on_answer(a, h);
    return true;
}

void dialect_answer_begin(struct dialect_answer *a, const struct dialect *d,
                          enum dialect_terminal terminal, uint32_t choices, bool streamed)
{
    memset(a, 0, sizeof(*a));
    a->d = d;
    a->terminal = terminal;
    a->choices = MAX(choices, UINT32_C(1));
    a->streamed = streamed;
    sse_init(&a->sse);
    json_scan_init(&a->scan, streamed ? d->event_watch : d->answer_watch, on_hit, a);
}

/* ---- for the dialects ---- */

void answer_model(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type != JSON_STRING)
        return;
    a->ev.model_at = a->scan_began + h->at - a->ev_began;
    a->ev.model_len = h->len;
    if (!span_eq(h->raw, span_of(a->model, a->model_n))) /* it stands in every event */
        a->model_n = (uint8_t)dialect_hit_text(h, a->model, sizeof(a->model));
}

void answer_usage(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type == JSON_NULL)
        a->ev.null_usage_at = a->scan_began + h->at - a->ev_began;
}

void answer_tier(struct dialect_answer *a, enum dialect_tier tier, const struct json_hit *h)
{
    /* At list prices, as OpenAI, Anthropic, Google, Amazon, Groq and OpenRouter (the last word: its
     * provider has it reserved, and it bills as usual) say it. */
    static const char *const usual[] = {
        "default",       "auto",        "standard",
        "unspecified",   "on_demand",   "ON_DEMAND",
        "global",        "provisioned", "TRAFFIC_TYPE_UNSPECIFIED",
        "not_available",
    };
    bool is_usual = h->type != JSON_STRING || !answer_hit_filled(h);

    for (size_t i = 0; !is_usual && i < ARRAY_LEN(usual); i++)
        is_usual = span_is(h->raw, usual[i]);
    a->usage.tiers = (uint8_t)(is_usual ? a->usage.tiers & ~(unsigned)tier : a->usage.tiers | tier);
}

void answer_extras(struct dialect_answer *a, const struct json_hit *h)
{
    uint64_t n = 0;

    a->usage.extras |= h->type == JSON_NUMBER ? dialect_hit_u64(h, &n) == 0 && n > 0
                                              : h->type == JSON_ARRAY && answer_hit_filled(h);
}

void answer_stop(struct dialect_answer *a, const struct json_hit *h)
{
    dialect_hit_text(h, a->stop, sizeof(a->stop));
}

static void note_status(struct dialect_answer *a, struct span text)
{
    uint64_t v;

    if (span_u64(text, &v) == 0 && v >= 400 && v <= 599)
        a->ev.error_status = (uint16_t)v;
}

void answer_error_type(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type == JSON_STRING)
        dialect_hit_text(h, a->ev.error_type, sizeof(a->ev.error_type));
}

void answer_error_code(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type != JSON_STRING && h->type != JSON_NUMBER)
        return;
    dialect_hit_text(h, a->ev.error_code, sizeof(a->ev.error_code));
    note_status(a, span_str(a->ev.error_code));
}

void answer_error_text(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type == JSON_STRING)
        dialect_hit_text(h, a->ev.error_text, sizeof(a->ev.error_text));
}

void answer_error(struct dialect_answer *a)
{
    a->ev.kind = EVENT_ERROR;
    a->error = true;
    if (!a->ev.error_type[0])
        memcpy(a->ev.error_type, a->ev.error_code, sizeof(a->ev.error_type));
}

void answer_no_error(struct dialect_answer *a)
{
    a->ev.error_type[0] = '\0';
    a->ev.error_code[0] = '\0';
    a->ev.error_text[0] = '\0';
    a->ev.error_status = 0;
}

void answer_bad(struct dialect_answer *a, const char *why)
{
    answer_no_error(a);
    a->ev.kind = EVENT_BAD;
    a->bad = true;
    (void)snprintf(a->ev.error_text, sizeof(a->ev.error_text), "%s", why);
}

/* The scan of the event, or of the whole answer, is BAD. */
static void bad_json(struct dialect_answer *a)
{
    char why[96];

    if (strcmp(a->scan.why, "refused") == 0)
        (void)snprintf(why, sizeof(why), "not a JSON object");
    else
        (void)snprintf(why, sizeof(why), "not JSON: %s at byte %llu of the %s", a->scan.why,
                       (unsigned long long)a->scan.at, a->streamed ? "event's data" : "answer");
    answer_bad(a, why);
}

/* ---- streams ---- */

static void begin_event(struct dialect_answer *a)
{
    memset(&a->ev, 0, sizeof(a->ev));
    a->ev_began = a->sse.at;
    a->ended = false;
    a->marks = 0;
    a->now = (struct dialect_choices){0};
    a->scanning = false;
    a->first_n = 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next byte of a payload that is not known to be JSON. False: it makes no sense. */
static bool read_mark(struct dialect_answer *a, char c)
{
    if (is_space(c))
        return a->first_n == 0 || answer_is_done_mark(a);
    if (answer_is_done_mark(a) || c != ANSWER_DONE[a->first_n])
        return false;
    a->first[a->first_n++] = c;
    return true;
}

/* A run of payload bytes, the first of them at stream offset `at`. Returns how many of them were
 * read: less than all when one is wrong, and then the event is BAD. */
static size_t read_payload(struct dialect_answer *a, struct span run, uint64_t at)
{
    size_t i = 0;

    if (a->done)
        return run.n;
    while (!a->scanning && i < run.n) {
        if (a->first_n == 0 && !is_space(run.p[i]) && run.p[i] != ANSWER_DONE[0]) {
            json_scan_reset(&a->scan);
            a->scanning = true;
            break;
        }
        if (!read_mark(a, run.p[i])) {
            answer_bad(a, "not a JSON object");
            return i;
        }
        i++;
    }
    if (i == run.n)
        return i;
    a->scan_began = at + i - a->scan.at;
    a->scan.arg = a; /* the answer may have been moved since */
    if (json_scan_feed(&a->scan, run.p + i, run.n - i) != JSON_SCAN_BAD)
        return run.n;
    bad_json(a);
    /* A byte can be known as wrong only when a later one came, but not in an earlier run. */
    return (size_t)(MAX(a->scan_began + a->scan.at, at) - at);
}

/* The event's blank line has come. */
static void end_event(struct dialect_answer *a)
{
    a->ended = true;
    a->events++;
    if (a->done) {
        a->ev.kind = EVENT_OPAQUE;
        return;
    }
    if (!a->scanning && a->first_n == 0) {
        a->ev.kind = EVENT_KEEPALIVE;
        return;
    }
    if (a->scanning) {
        a->scan.arg = a;
        if (json_scan_eof(&a->scan) != JSON_SCAN_DONE) {
            bad_json(a);
            return;
        }
    } else if (!answer_is_done_mark(a)) {
        answer_bad(a, "not a JSON object");
        return;
    }
    a->d->end_event(a);
}

enum dialect_step dialect_answer_next(struct dialect_answer *a, const char *p, size_t n,
                                      size_t *used)
{
    size_t off = 0;

    *used = n;
    if (a->bad)
        return STEP_MORE;
    if (a->ended)
        begin_event(a);
    while (off < n) {
        uint64_t at = a->sse.at;
        struct sse_step s = sse_next(&a->sse, p + off, n - off);
        size_t into, read;

        switch (s.kind) {
        case SSE_MORE:
            return STEP_MORE;
        case SSE_DATA:
            /* The LF between two lines need not be a byte of the piece; nothing begins with it. */
            into = span_is(s.data, "\n") ? 0 : (size_t)(s.data.p - (p + off));
            read = read_payload(a, s.data, at + into);
            if (a->bad) {
                a->ended = true;
                a->events++;
                *used = MIN(off + into + read + 1, off + s.used);
                return STEP_EVENT;
            }
            break;
        case SSE_EVENT:
            end_event(a);
            *used = off + s.used;
            return STEP_EVENT;
        case SSE_COMMENT:
            a->ended = true;
            a->events++;
            a->ev.kind = a->done ? EVENT_OPAQUE : EVENT_KEEPALIVE;
            *used = off + s.used;
            return STEP_EVENT;
        }
        off += s.used;
    }
    return STEP_MORE;
}

/* Walks back over one text, over blanks in front of it too; false: something else stands there. */
static bool step_back(struct span raw, size_t *at, const char *text)
{
    size_t n = strlen(text);

    while (*at && raw.p[*at - 1] == ' ')
        (*at)--;
    if (*at < n || memcmp(raw.p + *at - n, text, n) != 0)
        return false;
    *at -= n;
    return true;
}

struct span dialect_null_usage(const struct dialect_event *ev, struct span raw)
{
    size_t begin = (size_t)ev->null_usage_at, end = begin + 4; /* "null" */

    if (ev->null_usage_at == 0 || end >= raw.n)
        return span_of(raw.p, 0);
    if (!step_back(raw, &begin, ":") || !step_back(raw, &begin, "\"usage\""))
        return span_of(raw.p, 0);
    if (step_back(raw, &begin, ","))
        return span_of(raw.p + begin, end - begin);
    while (raw.p[end] == ' ' && end + 1 < raw.n)
        end++;
    return raw.p[end] == ',' ? span_of(raw.p + begin, end + 1 - begin) : span_of(raw.p, 0);
}

bool dialect_answer_at_boundary(const struct dialect_answer *a)
{
    return sse_at_boundary(&a->sse);
}

/* ---- whole answers ---- */

int dialect_answer_feed(struct dialect_answer *a, const char *p, size_t n)
{
    if (a->bad)
        return -1;
    a->scan.arg = a;
    if (json_scan_feed(&a->scan, p, n) != JSON_SCAN_BAD)
        return 0;
    bad_json(a);
    return -1;
}

/* ---- the verdict ---- */

enum dialect_verdict answer_verdict(const struct dialect_answer *a, bool complete)
{
    /* Whole: the bytes are one document, so a fault in them is a fault in all of it. */
    if (!a->streamed && a->bad)
        return VERDICT_BAD;
    if (!a->streamed && !a->done)
        return VERDICT_CUT;
    if (a->error)
        return VERDICT_ERROR;
    /* Streamed: junk behind a complete answer took nothing from it. */
    if (complete)
        return VERDICT_COMPLETE;
    return !a->streamed || a->bad ? VERDICT_BAD : VERDICT_CUT;
}

enum dialect_verdict dialect_answer_verdict(const struct dialect_answer *a)
{
    return a->d->verdict(a);
}

static const char *why_cut(const struct dialect_answer *a)
{
    if (!a->streamed)
        return a->scan.at ? "ended inside of the JSON document" : "ended without a byte";
    if (a->events == 0)
        return "ended before the first event";
    return a->d->cut;
}

const char *dialect_answer_why(const struct dialect_answer *a)
{
    switch (dialect_answer_verdict(a)) {
    case VERDICT_COMPLETE:
        return "complete";
    case VERDICT_CUT:
        return why_cut(a);
    case VERDICT_ERROR:
        return "the provider reported an error";
    case VERDICT_BAD:
        break;
    }
    if (!a->bad)
        return "a JSON object, but not an answer of this API";
    if (a->ev.kind == EVENT_BAD && a->ev.error_text[0])
        return a->ev.error_text;
    return a->streamed ? "an event is not of this API" : "not JSON";
}

enum dialect_kind answer_kind(const struct dialect_answer *a, const struct answer_kind *rows,
                              size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a->marks & rows[i].mark)
            return rows[i].kind;
    return EVENT_OPAQUE;
}
