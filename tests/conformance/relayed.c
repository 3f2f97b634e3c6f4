/*
 * relayed.c - recorded streams that break off within the real relay, in virtual time, and are gone
 * on with by another target.
 *
 * Goal: wherever a provider's stream breaks off, and however, the client reads the text that the
 * whole stream tells it, once, with one end; or it is told that the answer broke, and no end of one
 * comes. Where the answer is one text, and who goes on takes it over rightly, it is always whole.
 * Method: of each host some recorded streams are the first target's, in its own bytes and framing,
 * and end behind each event: in order, by a reset, in silence, or with an error of the dialect. A
 * second target goes on: by a beginning, in words, afresh; or it is asked with a beginning, and
 * refuses it. It reads what it is asked with, and says what is left of the text by that, as a model
 * would: who is asked with too much or too little is found by the client's text. The client's
 * stream is read back by the reader of its dialect.
 *
 * Each event meets each way of going on with one drawn way to end; all of them where argv[3] is
 * "every". Of one host and dialect some recordings are taken that are one text, and one that is
 * more (thinking, calls, citations): of different lengths, none longer than EVENTS_MOST events.
 *
 * Output is TAP, one line a host and dialect, and a last line with the counts and the seed.
 */
#include <yyjson.h>

#include "../unit/codec/aws_frame.h"
#include "check.h"
#include "base/base64.h"
#include "codec/json_write.h"
#include "data.h"
#include "heard.h"
#include "plain.h"
#include "twin.h"

#define PATH_BYTES   4096
#define MEGA         ((size_t)1024 * 1024)
#define TEXTS_MOST   2
#define OTHERS_MOST  1
#define EVENTS_MOST  120
#define EVENTS_LEAST 3
#define GROUPS_MOST  64
#define PIECE_MAX    40
#define AGAIN        20 /* bytes that are said again, where some are */
#define ALIKE        16 /* bytes that are taken for said again: dialect/join.h */

static struct rng rng;
static bool every; /* way to end */

/* ---- who is asked first ---- */

/* Of each dialect: how a target of it is set up, and in which dialect its client asks: in its own,
 * or else in one that the target does not speak besides. */
static const struct first {
    const struct convert *c;
    const char *type, *url, *model;
    const struct convert *client;
    const char *error; /* of the dialect's own, as an event; NULL: see add_error() */
} firsts[] = {
    {&convert_openai_chat, "openai-compatible", "/v1", "gpt-r", &convert_openai_chat,
     "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n"},
    {&convert_openai_responses, "openai", "/v1", "gpt-r", &convert_openai_responses,
     "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"overloaded\","
     "\"param\":null}\n\n"},
    {&convert_anthropic_messages, "anthropic", "", "claude-r", &convert_anthropic_messages,
     "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
     "\"Overloaded\"}}\n\n"},
    {&convert_gemini_generate, "gemini", "", "gemini-r", &convert_gemini_generate,
     "data: {\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}\n\n"},
    {&convert_cohere_chat, "cohere", "", "command-r", &convert_gemini_generate,
     "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\","
     "\"error\":\"overloaded\"}}\n\n"},
    {&convert_ollama_chat, "ollama", "", "m", &convert_gemini_generate,
     "{\"error\":\"overloaded\"}\n"},
    {&convert_bedrock_converse, "bedrock", "", "amazon.r", &convert_openai_chat, NULL},
};

/* A recording of Bedrock's own framing is a target of it, in whatever dialect. */
static const struct first on_bedrock = {
    &convert_anthropic_messages, "bedrock", "", "anthropic.claude-r",
    &convert_anthropic_messages, NULL};

/* Those of OpenAI's dialect that have a row of their own. */
static const struct host {
    const char *host, *type;
} hosts[] = {
    {"api.openai.com", "openai"},
    {"openrouter.ai", "openrouter"},
    {"api.deepseek.com", "deepseek"},
    {"*.openai.azure.com", "azure"},
    {"*.services.ai.azure.com", "azure"},
    {"router.huggingface.co", "huggingface"},
    {"api.x.ai", "xai"},
    {"api.mistral.ai", "mistral"},
    {"api.groq.com", "groq"},
    {"api.perplexity.ai", "perplexity"},
    {"api.z.ai", "zai"},
};

static const struct asks {
    const struct convert *c;
    const char *path, *body, *error; /* what stands in its events of an error, and nowhere else */
} questions[] = {
    {&convert_openai_chat, "/v1/chat/completions",
     "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
     "\"error\":{"},
    {&convert_openai_responses, "/v1/responses",
     "{\"model\":\"m\",\"stream\":true,\"input\":\"hi\"}", "event: error\n"},
    {&convert_anthropic_messages, "/v1/messages",
     "{\"model\":\"m\",\"stream\":true,\"max_tokens\":4096,\"messages\":[{\"role\":\"user\","
     "\"content\":\"hi\"}]}",
     "event: error\n"},
    {&convert_gemini_generate, "/v1beta/models/m:streamGenerateContent?alt=sse",
     "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}", "\"error\":{"},
};

static const struct asks *question(const struct convert *c)
{
    for (size_t i = 0; i < ARRAY_LEN(questions); i++)
        if (questions[i].c == c)
            return &questions[i];
    return NULL;
}

/* ---- who goes on ---- */

enum manner { IN_PLACE, SAYS_AGAIN };

static const struct way {
    const char *name, *rule;
    const char *type, *url; /* of who goes on: it speaks OpenAI's chat, and nothing else */
    bool refuses;           /* it does not, where it is asked with a beginning */
} ways[] = {
    {"by a beginning", "family", "mistral", "/v1", false},
    {"who refuses a beginning", "family", "mistral", "/v1", true},
    {"in words", "instruct", "tgi", "", false},
    {"afresh", "replay", "tgi", "", false},
};

enum { BY_PREFIX, REFUSES_IT, IN_WORDS, AFRESH };

enum breaks { BREAKS_FIN, BREAKS_RESET, BREAKS_SILENT, BREAKS_ERROR, BREAKS };

static const enum twin_end ends[BREAKS] = {
    [BREAKS_FIN] = TWIN_FIN,
    [BREAKS_RESET] = TWIN_RESET,
    [BREAKS_SILENT] = TWIN_SILENT,
    [BREAKS_ERROR] = TWIN_FIN,
};

struct group {
    char host[96];
    const char *dialect;
    struct tally t;
    unsigned long cuts, outcomes[OUTCOMES_N], ambiguous;
    unsigned long must;                       /* ... of those that had to be whole */
    size_t lengths[TEXTS_MOST + OTHERS_MOST]; /* in events, of those that were taken */
    size_t texts, others;
};

struct stream {
    const char *name;
    struct group *g;
    const struct first *first;
    const char *type, *content_type;
    struct span raw; /* as on the wire */
    size_t *ends;    /* of each event in it */
    size_t n;
    struct span text; /* of the whole answer */
    bool only_text;   /* it is one text, and nothing else */
};

/* One request that is broken. */
struct cut {
    const struct stream *s;
    const struct way *way;
    enum manner manner;
    enum breaks how;
    size_t after;
    struct span begun; /* with what the second target was asked as its beginning */
    bool asked;        /* ... it was */
    bool alike;        /* what it says is like the end of that by itself: nobody could tell */
    bool inside;       /* it was to begin within a word, in words */
    struct buf said, head;
    char *kept; /* begun */
    const char *bad;
};

static const char stream_head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                  "transfer-encoding: chunked\r\n\r\n";
static const char refusal_head[] = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
                                   "transfer-encoding: chunked\r\n\r\n";
static const char refusal[] = "{\"error\":{\"message\":\"This model does not support assistant "
                              "message prefill.\",\"type\":\"invalid_request_error\"}}";

static bool is_of_word(char c)
{
    return (c & 0x80) || c == '_' || (c >= '0' && c <= '9') ||
           ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static void add_text(struct buf *b, yyjson_val *content)
{
    yyjson_val *part;
    size_t i, n;

    if (yyjson_is_str(content))
        buf_add(b, yyjson_get_str(content), yyjson_get_len(content));
    yyjson_arr_foreach(content, i, n, part)
        buf_add_str(b, yyjson_get_str(yyjson_obj_get(part, "text")));
}

/* What the request says that the answer begins with. */
static void read_beginning(struct cut *x, struct span body)
{
    yyjson_doc *doc = yyjson_read(body.p, body.n, 0);
    yyjson_val *messages = yyjson_obj_get(yyjson_doc_get_root(doc), "messages"), *m;
    struct buf text;
    size_t i, n;

    MUST(doc);
    buf_init(&text, 64 * MEGA);
    yyjson_arr_foreach(messages, i, n,
                       m) if (yyjson_equals_str(yyjson_obj_get(m, "role"), "assistant"))
        add_text(&text, yyjson_obj_get(m, "content"));
    if (text.n) {
        x->kept = malloc(text.n);
        MUST(x->kept);
        memcpy(x->kept, text.p, text.n);
        x->begun = span_of(x->kept, text.n);
    }
    buf_fini(&text);
    yyjson_doc_free(doc);
}

static size_t character_end(struct span text, size_t at)
{
    while (at < text.n && ((unsigned char)text.p[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static void add_event(struct buf *out, const char *delta, struct span text, const char *finish)
{
    struct json_write w;

    buf_printf(out,
               "data: {\"id\":\"joining\",\"object\":\"chat.completion.chunk\",\"created\":2,"
               "\"model\":\"n\",\"choices\":[{\"index\":0,\"delta\":{%s",
               delta);
    if (text.n) {
        buf_add_str(out, "\"content\":");
        json_write_init(&w, out);
        json_string(&w, text);
    }
    buf_printf(out, "},\"finish_reason\":%s}]}\n\n", finish);
}

static void say(struct buf *out, struct span text)
{
    add_event(out, "\"role\":\"assistant\",\"content\":\"\"", SPAN_LIT(""), "null");
    while (text.n) {
        size_t n = 1 + (size_t)rng_below(&rng, PIECE_MAX);

        n = character_end(text, MIN(n, text.n));
        add_event(out, "", span_of(text.p, n), "null");
        text = span_of(text.p + n, text.n - n);
    }
    add_event(out, "", text, "\"stop\"");
    buf_add_str(out, "data: [DONE]\n\n");
}

/* Would what it says be taken for said again, or for begun anew, though it is not? */
static bool is_alike(struct span begun, struct span said)
{
    for (size_t n = MIN(MIN(begun.n, said.n), (size_t)256); n >= ALIKE; n--)
        if (memcmp(begun.p + begun.n - n, said.p, n) == 0)
            return true;
    return begun.n >= ALIKE && said.n >= MIN(begun.n, (size_t)256) &&
           memcmp(begun.p, said.p, MIN(begun.n, (size_t)256)) == 0;
}

/* What is left of the text behind that beginning. */
static struct span rest_of(struct cut *x)
{
    struct span all = x->s->text, begun = x->begun;
    size_t from = begun.n;

    if (!span_starts(all, begun)) {
        x->bad = "another beginning is asked with than was told";
        return SPAN_LIT("");
    }
    x->alike = is_alike(begun, span_of(all.p + from, all.n - from));
    if (x->manner == SAYS_AGAIN && from >= AGAIN + 3) {
        from = character_end(all, from - AGAIN - 3);
        x->alike |= is_alike(span_of(begun.p, from), span_of(all.p + from, all.n - from));
    }
    x->inside = x->way == &ways[IN_WORDS] && from == begun.n && from && from < all.n &&
                is_of_word(all.p[from - 1]) && is_of_word(all.p[from]);
    return span_of(all.p + from, all.n - from);
}

static void on_request(void *arg, struct twin_up *up, struct span head, struct span body)
{
    struct cut *x = arg;
    bool refuses;

    x->asked = true;
    if (!span_contains(head, SPAN_LIT("/chat/completions ")))
        x->bad = "is asked for something else";
    if (x->way != &ways[AFRESH])
        read_beginning(x, body);
    refuses = x->way->refuses && x->begun.n;
    say(&x->said, rest_of(x));
    up->script =
        (struct twin_script){.head = refuses ? span_str(refusal_head) : span_str(stream_head),
                             .body = refuses ? span_str(refusal) : buf_span(&x->said),
                             .chunked = true,
                             .piece_max = 2000,
                             .cut_at = SIZE_MAX,
                             .end = TWIN_WHOLE};
}

/* ---- one request ---- */

/* All text of an answer, its parts one behind the other. Returns how many parts there are. */
static size_t text_of_answer(const struct chat_answer *a, struct buf *text, bool *only)
{
    size_t n = 0;

    *only = true;
    for (const struct chat_part *p = a->choices[0].parts; p; p = p->next, n++) {
        if (p->kind == CHAT_PART_TEXT)
            buf_add_span(text, p->text);
        *only &= p->kind == CHAT_PART_TEXT;
    }
    return n;
}

/* NULL: what the client has got is one whole answer, or an honest error. */
static const char *judge(struct cut *x, const struct twin *t, struct span body, unsigned status,
                         bool clean)
{
    const struct stream *s = x->s;
    bool error = span_contains(body, span_str(question(s->first->client)->error));
    bool only, must = s->only_text && !x->way->refuses && !x->inside;
    struct buf text;
    struct heard h;
    struct err e;
    const char *bad = NULL;

    s->g->must += must;
    if (status != 200)
        return must                                         ? "is not gone on with"
               : span_contains(body, SPAN_LIT("\"error\"")) ? NULL
                                                            : "has no error";
    buf_init(&text, 64 * MEGA);
    heard_init(&h, s->first->client);
    if (heard_read(&h, body, true, &e) < 0)
        bad = "is not read";
    else
        UNUSED(text_of_answer(heard_answer(&h), &text, &only));
    if (!bad && x->alike && !span_eq(buf_span(&text), s->text))
        s->g->ambiguous++;
    else if (!bad && clean && !span_eq(buf_span(&text), s->text))
        bad = "has another text";
    else if (!bad && !span_starts(s->text, buf_span(&text)))
        bad = "has another text before its error";
    if (!bad && clean && (error || !heard_is_complete(s->first->client, body)))
        bad = "is not complete, and ends in order";
    if (!bad && !clean && (!error || heard_is_complete(s->first->client, body)))
        bad = error ? "has an end, and breaks" : "breaks, and has no error";
    if (!bad && !clean && must && !x->alike && !span_eq(buf_span(&text), s->text))
        bad = "is not gone on with"; /* behind all of it how it ended has been told, too */
    if (!bad && clean == (t->record.outcome == OUTCOME_FAILED))
        bad = "is recorded otherwise";
    heard_fini(&h);
    buf_fini(&text);
    return bad;
}

static void add_error(const struct stream *s, struct buf *out)
{
    if (s->first->error)
        buf_add_str(out, s->first->error);
    else
        frame_add(out, "exception", ":exception-type", "modelStreamErrorException",
                  "{\"message\":\"overloaded\"}");
}

static void configure(const struct cut *x, char *conf, size_t room)
{
    static const char times[] = "timeout: {connect: 1s, first_token: 2s, idle: 2s, total: 60s}";
    const struct first *f = x->s->first;

    UNUSED(snprintf(conf, room,
                    "version: 1\nproviders:\n"
                    "  a: {type: %s, endpoints: ['http://127.0.0.1:9000%s'], private: true, key: "
                    "'env:K'%s, %s}\n"
                    "  b: {type: %s, endpoints: ['http://127.0.0.1:9100%s'], private: true, key: "
                    "'env:K', %s}\n"
                    "models:\n  m: {targets: [\"a/%s\", \"b/%s\"], retry: {same_target: 0}, "
                    "continue: %s}\n",
                    x->s->type, f->url, strcmp(x->s->type, "bedrock") == 0 ? ", region: r1" : "",
                    times, x->way->type, x->way->url, times, f->model, f->model, x->way->rule));
}

static void ask(struct cut *x, const char *conf, struct span body, struct span head)
{
    static const char *const env[] = {"K=sk-key", NULL};
    const struct asks *q = question(x->s->first->client);
    struct twin_client c = {0};
    struct buf request, got;
    struct twin t;
    unsigned status;
    bool clean;

    buf_init(&request, MEGA);
    buf_init(&got, 64 * MEGA);
    buf_printf(&request,
               "POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
               "authorization: Bearer client-key\r\ncontent-length: %zu\r\n\r\n%s",
               q->path, strlen(q->body), q->body);
    twin_open_env(&t, 1, conf, env);
    t.ups[0].script = (struct twin_script){.head = head,
                                           .body = body,
                                           .chunked = true,
                                           .piece_max = 4000,
                                           .gap_max = EV_MS(5),
                                           .cut_at = SIZE_MAX,
                                           .end = ends[x->how]};
    t.ups[1].on_request = on_request;
    t.ups[1].arg = x;
    twin_ask(&t, &c, buf_span(&request), EV_S(40));
    clean = twin_parse(buf_span(&c.in), &status, &got);
    if (!x->bad)
        x->bad = judge(x, &t, buf_span(&got), status, clean);
    x->s->g->outcomes[t.record.outcome]++;
    if (x->bad)
        check_fail(&x->s->g->t, x->s->name, "%s, ended by %d behind event %zu of %zu: %s: %u %.*s",
                   x->way->name, x->how, x->after, x->s->n, x->bad, status,
                   (int)MIN(got.n, (size_t)3000), got.p ? got.p : "");
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&got);
    buf_fini(&request);
}

static void check_cut(const struct stream *s, size_t after, const struct way *way, enum breaks how)
{
    struct cut x = {.s = s, .way = way, .how = how, .after = after};
    struct buf body;
    char conf[1024];

    x.manner = rng_below(&rng, 2) ? SAYS_AGAIN : IN_PLACE;
    buf_init(&body, 64 * MEGA);
    buf_init(&x.said, 64 * MEGA);
    buf_init(&x.head, 4096);
    buf_add(&body, s->raw.p, s->ends[after - 1]);
    if (how == BREAKS_ERROR)
        add_error(s, &body);
    buf_printf(&x.head, "HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n",
               s->content_type);
    configure(&x, conf, sizeof(conf));
    ask(&x, conf, buf_span(&body), buf_span(&x.head));
    s->g->cuts++;
    buf_fini(&x.head);
    buf_fini(&x.said);
    buf_fini(&body);
    free(x.kept);
}

/* ---- the recordings ---- */

/* Where events end, in the framing of the wire. */
static size_t event_end(struct span raw, const char *content_type)
{
    const unsigned char *p = (const unsigned char *)raw.p;
    const char *end, *crlf;

    if (strstr(content_type, "amazon"))
        return raw.n < 4
                   ? raw.n
                   : MIN(raw.n, (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
    if (strstr(content_type, "ndjson")) {
        end = memchr(raw.p, '\n', raw.n);
        return end ? (size_t)(end - raw.p) + 1 : raw.n;
    }
    end = memmem(raw.p, raw.n, "\n\n", 2);
    crlf = memmem(raw.p, raw.n, "\r\n\r\n", 4);
    if (crlf && (!end || crlf < end))
        return (size_t)(crlf - raw.p) + 4;
    return end ? (size_t)(end - raw.p) + 2 : raw.n;
}

static void find_ends(struct stream *s)
{
    s->ends = calloc(s->raw.n + 1, sizeof(*s->ends));
    MUST(s->ends);
    for (size_t at = 0; at < s->raw.n; s->ends[s->n++] = at)
        at += MAX(event_end(span_of(s->raw.p + at, s->raw.n - at), s->content_type), (size_t)1);
}

static void check_stream_of(const struct stream *s)
{
    for (size_t after = 1; after <= s->n; after++)
        for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
            size_t drawn = (size_t)rng_below(&rng, BREAKS);

            for (size_t how = 0; how < BREAKS; how++)
                if (every || how == drawn)
                    check_cut(s, after, &ways[w], (enum breaks)how);
        }
    s->g->t.streams++;
}

struct run {
    const struct plain_recording *rec;
    struct group groups[GROUPS_MOST];
    size_t n;
};

static struct group *group_of(struct run *run, const char *host, const char *dialect)
{
    struct group *g;

    for (size_t i = 0; i < run->n; i++)
        if (strcmp(run->groups[i].host, host) == 0 && strcmp(run->groups[i].dialect, dialect) == 0)
            return &run->groups[i];
    MUST(run->n < GROUPS_MOST);
    g = &run->groups[run->n++];
    *g = (struct group){.dialect = dialect};
    UNUSED(snprintf(g->host, sizeof(g->host), "%s", host));
    return g;
}

/* Those of different lengths are of different kinds. */
static bool takes(struct group *g, const struct stream *s)
{
    bool room = s->only_text ? g->texts < TEXTS_MOST : g->others < OTHERS_MOST;

    if (!room || s->n > EVENTS_MOST || s->n < EVENTS_LEAST)
        return false;
    for (size_t i = 0; i < g->texts + g->others; i++)
        if (s->n + 3 > g->lengths[i] && s->n < g->lengths[i] + 3)
            return false;
    g->lengths[g->texts + g->others] = s->n;
    if (s->only_text)
        g->texts++;
    else
        g->others++;
    return true;
}

static const struct first *first_of(const struct convert *c, const char *content_type)
{
    if (c == on_bedrock.c && strstr(content_type, "amazon"))
        return &on_bedrock;
    for (size_t i = 0; i < ARRAY_LEN(firsts); i++)
        if (firsts[i].c == c)
            return &firsts[i];
    return NULL;
}

static const char *type_of(const struct first *f, const char *host)
{
    for (size_t i = 0; f->c == &convert_openai_chat && i < ARRAY_LEN(hosts); i++)
        if (span_glob(span_str(hosts[i].host), span_str(host)))
            return hosts[i].type;
    return f->type;
}

static const char *text_at(yyjson_val *v, const char *key)
{
    const char *s = yyjson_get_str(yyjson_obj_get(v, key));

    return s ? s : "";
}

/* Is it a stream that somebody could go on with: whole, of one choice, with some text? */
static bool read_stream(struct stream *s, struct span events, struct buf *text)
{
    struct heard h;
    struct err e;
    bool ok = heard_is_complete(s->first->c, events);

    heard_init(&h, s->first->c);
    ok = ok && heard_read(&h, events, true, &e) == 0 && heard_answer(&h)->choices_n == 1;
    if (ok) {
        s->only_text = text_of_answer(heard_answer(&h), text, &s->only_text) == 1 && s->only_text;
        s->text = buf_span(text);
    }
    heard_fini(&h);
    return ok && text->n > 0;
}

static void raw_of(yyjson_val *rec, struct buf *raw)
{
    yyjson_val *plain = yyjson_obj_get(rec, "resp"), *binary = yyjson_obj_get(rec, "resp_b64");

    if (yyjson_get_len(binary))
        MUST(base64_decode(raw, span_of(yyjson_get_str(binary), yyjson_get_len(binary))) == 0);
    else
        buf_add(raw, yyjson_get_str(plain), yyjson_get_len(plain));
}

static void on_line(void *arg, struct span line)
{
    struct run *run = arg;
    yyjson_doc *doc = yyjson_read(line.p, line.n, 0);
    yyjson_val *rec = yyjson_doc_get_root(doc);
    struct stream s = {.content_type =
                           text_at(yyjson_obj_get(rec, "resp_headers"), "content-type")};
    struct buf raw, events, text;
    char name[160];

    MUST(rec);
    buf_init(&raw, 64 * MEGA);
    buf_init(&events, 64 * MEGA);
    buf_init(&text, 64 * MEGA);
    data_answer(&events, rec);
    raw_of(rec, &raw);
    s.raw = buf_span(&raw);
    s.first = first_of(run->rec->c, s.content_type);
    s.type = type_of(s.first, text_at(rec, "host"));
    s.name = name;
    UNUSED(snprintf(name, sizeof(name), "%s %s", text_at(rec, "id"), text_at(rec, "host")));
    find_ends(&s);
    if (yyjson_get_uint(yyjson_obj_get(rec, "status")) == 200 &&
        (strstr(s.content_type, "event-stream") || strstr(s.content_type, "eventstream") ||
         strstr(s.content_type, "ndjson")) &&
        span_glob(span_str(run->rec->path), span_str(text_at(rec, "path"))) &&
        read_stream(&s, buf_span(&events), &text)) {
        s.g = group_of(run, text_at(rec, "host"), run->rec->file);
        if (takes(s.g, &s))
            check_stream_of(&s);
    }
    free(s.ends);
    buf_fini(&text);
    buf_fini(&events);
    buf_fini(&raw);
    yyjson_doc_free(doc);
}

static void report(const struct group *g)
{
    static unsigned test;

    printf("%s %u - %s of %s\n", g->t.failures ? "not ok" : "ok", ++test, g->dialect, g->host);
    printf("# %lu streams, %lu cuts (%lu had to be whole): %lu full, %lu by the other one alone, "
           "%lu joined, %lu broken, "
           "%lu that nobody could tell apart\n",
           g->t.streams, g->cuts, g->must, g->outcomes[OUTCOME_FULL],
           g->outcomes[OUTCOME_EQUIVALENT], g->outcomes[OUTCOME_JOINED],
           g->outcomes[OUTCOME_FAILED], g->ambiguous);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : "../shared/data";
    unsigned long groups = 0, streams = 0, cuts = 0, joined = 0, must = 0, broken = 0, failures = 0;
    static struct run run;
    uint64_t seed = 1;

    MUST(argc < 3 || span_u64(span_str(argv[2]), &seed) == 0);
    every = argc > 3 && strcmp(argv[3], "every") == 0;
    rng_init(&rng, seed);
    for (size_t i = 0; i < PLAIN_RECORDINGS; i++) {
        char path[PATH_BYTES];

        run = (struct run){.rec = plain_recording(i)};
        UNUSED(
            snprintf(path, sizeof(path), "%s/recorded/cassettes/%s.jsonl.gz", root, run.rec->file));
        if (data_lines(path, on_line, &run) < 0) {
            printf("1..0 # SKIP unsupported: no recorded traffic at %s\n", path);
            return 0;
        }
        for (size_t j = 0; j < run.n; j++) {
            const struct group *g = &run.groups[j];

            report(g);
            groups += g->t.streams > 0;
            streams += g->t.streams;
            cuts += g->cuts;
            joined += g->outcomes[OUTCOME_JOINED];
            must += g->must;
            broken += g->outcomes[OUTCOME_FAILED];
            failures += g->t.failures;
        }
    }
    printf("# %lu hosts, %lu streams, %lu cuts, %lu joined, %lu had to be whole, %lu broken, "
           "%lu failures, seed %llu\n",
           groups, streams, cuts, joined, must, broken, failures, (unsigned long long)seed);
    return failures ? 1 : 0;
}
