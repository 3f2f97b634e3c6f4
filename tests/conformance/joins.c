/*
 * joins.c - recorded streams that break off, and are gone on with by another target.
 *
 * Goal: wherever a provider's stream breaks off, the client reads the text that the whole stream
 * would have told it, once, with one head, one id and one end; or it is not joined.
 * Method: each recorded stream, of whatever dialect, is cut at drawn ends of events (or at every
 * one, where argv[3] says "every": then the manners and who takes no beginning meet the events in
 * turn), told to a client of each dialect whose clients can be joined, and gone on
 * with by a target of each dialect that takes a beginning. What that one says is what the recording
 * says from there on, in pieces of random length, as the white space and the last words of the text
 * before it are treated by some: said again, or not. One is asked in words instead, and may not
 * begin within a word; one afresh, and has to say all of it again; one takes no beginning, and is
 * not asked. The client's stream is read back by the reader of its dialect.
 *
 * Behind a call or an end of the text nobody could go on, so these are held, by what the dialect's
 * reader says of them: that it says so of each event that the follower ends at.
 *
 * What the follower has noted is compared with what the client has read at each cut. Output is TAP,
 * one line a pair of dialects, and a last line with the counts and the seed.
 */
#include <yyjson.h>

#include "base/mem.h"
#include "base/rng.h"
#include "check.h"
#include "data.h"
#include "codec/json_write.h"
#include "dialect/translate.h"
#include "heard.h"
#include "plain.h"

#define PATH_BYTES 4096
#define MEGA       ((size_t)1024 * 1024)
#define CUTS       6 /* of one stream for one client, about: unless every one is taken */
#define PIECE_MAX  40
#define AGAIN_MIN  20 /* bytes that are said again, where some are */
#define AGAIN_MAX  200
#define OWN_ID     "gateway_id_1"
#define ITS_ID     "joining_id_1"

static struct rng rng;
static bool every; /* event */

#define HAS(x) CHAT_BIT(CHAT_HAS_##x)
static const struct convert_host vllm = {
    .more = HAS(PREFILL), .own_schemas = true, .final_message = true};

static const struct joiner {
    const struct convert *c;
    const struct convert_host *host;
    enum join_how how;
} joiners[] = {{&convert_openai_chat, &vllm, JOIN_PREFIX},
               {&convert_anthropic_messages, NULL, JOIN_PREFIX},
               {&convert_bedrock_converse, NULL, JOIN_PREFIX}},
  others[] = {{&convert_openai_chat, NULL, JOIN_INSTRUCT},
              {&convert_anthropic_messages, NULL, JOIN_INSTRUCT},
              {&convert_openai_chat, NULL, JOIN_REPLAY},
              {&convert_anthropic_messages, NULL, JOIN_REPLAY},
              {&convert_openai_chat, NULL, JOIN_PREFIX}}; /* this one takes none */

struct pair {
    const struct convert *from, *to;
    struct tally t;
    unsigned long cuts, joins, not, like_itself, other_stops, refused, held;
};

struct stream {
    const char *name;
    struct pair *p;
    struct span text;
    struct span *ends; /* of each event: all bytes up to there */
    size_t n;
    struct heard told; /* what the client reads of the whole of it */
};

/* ---- the stream, as far as it came ---- */

static struct translate_conf conf_of(const struct convert *to, const struct convert *from)
{
    return (struct translate_conf){.client = to,
                                   .target = from,
                                   .model = SPAN_LIT("m"),
                                   .id = SPAN_LIT(OWN_ID),
                                   .created = 1,
                                   .answer_max = 64 * MEGA};
}

struct passing {
    struct translate *t;
    struct follow *follow;
    struct buf *out;
};

static int pass_raw(void *arg, struct span raw, struct err *e)
{
    struct passing *x = arg;

    if (x->follow)
        follow_event(x->follow, raw);
    if (x->t)
        return translate_event(x->t, raw, x->out, e);
    buf_add_span(x->out, raw);
    return 0;
}

/* What the client gets of these bytes of the first target; end: they are all. */
static int pass(const struct pair *p, struct span text, bool end, struct follow *f, struct buf *out,
                struct err *e)
{
    struct translate_conf conf = conf_of(p->to, p->from);
    struct passing x = {.follow = f, .out = out};
    int rc;

    if (p->to != p->from)
        MUST(translate_new(&x.t, &conf, span_str(plain_request(p->to)), e) == 0);
    rc = heard_each_event(text, pass_raw, &x, e);
    if (rc == 0 && end && x.t)
        rc = translate_end(x.t, out, e);
    if (x.t && f)
        translate_stand(x.t, f);
    translate_free(&x.t);
    return rc;
}

/* ---- what the other one says ---- */

struct writing {
    struct convert_writer w;
    struct arena arena;
};

/* How long its first piece is, which ends where a character does. */
static size_t piece_of(struct span text)
{
    size_t most = 1 + (size_t)rng_below(&rng, PIECE_MAX), n = MIN(text.n, most);

    while (n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static int write_pieces(void *arg, const struct chat_event *ev, struct err *e)
{
    struct writing *x = arg;
    struct chat_event piece = *ev;
    struct span text = ev->text;

    if (ev->kind != CHAT_EVENT_DELTA || ev->part != CHAT_PART_TEXT)
        return x->w.c->write_event(&x->w, ev, e);
    while (text.n) {
        size_t n = piece_of(text);

        piece.text = span_of(text.p, n);
        if (x->w.c->write_event(&x->w, &piece, e) < 0)
            return -1;
        text = span_of(text.p + n, text.n - n);
    }
    return 0;
}

static int write_as(const struct convert *c, const struct chat_answer *a, struct buf *out,
                    struct err *e)
{
    struct chat_request q = {0};
    struct writing x;
    int rc;

    arena_init(&x.arena, 64 * MEGA);
    q.arena = &x.arena;
    q.stream_usage = true;
    x.w = (struct convert_writer){.c = c,
                                  .own = arena_zalloc(&x.arena, c->writer_bytes),
                                  .arena = &x.arena,
                                  .out = out,
                                  .request = &q,
                                  .model = SPAN_LIT("n"),
                                  .id = SPAN_LIT(ITS_ID),
                                  .created = 2};
    MUST(x.w.own);
    rc = chat_replay(a, (struct chat_sink){write_pieces, &x}, e);
    rc = rc < 0 ? rc : c->end(&x.w, e);
    arena_fini(&x.arena);
    return rc;
}

static void converse(struct buf *out, const char *type, const char *fmt, struct span text)
{
    struct json_write w;

    buf_printf(out, "event: %s\ndata: ", type);
    if (!fmt) {
        buf_add_str(out, "{\"contentBlockIndex\":0,\"delta\":{\"text\":");
        json_write_init(&w, out);
        json_string(&w, text);
        buf_add_str(out, "}}");
    } else {
        buf_add_str(out, fmt);
    }
    buf_add_str(out, "\n\n");
}

/* Nobody is served in it, so it has no writer. -1: it is not said here. */
static int write_converse(const struct chat_answer *a, struct buf *out)
{
    static const char *const stops[] = {
        [CHAT_STOP_END] = "{\"stopReason\":\"end_turn\"}",
        [CHAT_STOP_LENGTH] = "{\"stopReason\":\"max_tokens\"}",
        [CHAT_STOP_TEXT] = "{\"stopReason\":\"stop_sequence\"}",
        [CHAT_STOP_PAUSE] = NULL,
    };
    const struct chat_choice_answer *c = &a->choices[0];
    struct span text = c->parts ? c->parts->text : SPAN_LIT("");

    if ((c->parts && c->parts->next) || !stops[c->stop])
        return -1;
    converse(out, "messageStart", "{\"role\":\"assistant\"}", text);
    for (size_t n; text.n; text = span_of(text.p + n, text.n - n)) {
        n = piece_of(text);
        converse(out, "contentBlockDelta", NULL, span_of(text.p, n));
    }
    converse(out, "contentBlockStop", "{\"contentBlockIndex\":0}", text);
    converse(out, "messageStop", stops[c->stop], text);
    converse(out, "metadata", "{\"usage\":{\"inputTokens\":3,\"outputTokens\":2}}", text);
    return 0;
}

/* ---- what is true of the join ---- */

static unsigned times(struct span s, const char *what)
{
    unsigned n = 0;
    size_t len = strlen(what);

    for (const char *p = s.n ? memmem(s.p, s.n, what, len) : NULL; p; n++) {
        size_t left = s.n - (size_t)(p + 1 - s.p);

        p = memmem(p + 1, left, what, len);
    }
    return n;
}

static const struct chat_part *part_at(const struct chat_answer *a, uint32_t i)
{
    const struct chat_part *p = a->choices[0].parts;

    for (; p && i; i--)
        p = p->next;
    return p;
}

static bool same_part(const struct chat_part *a, const struct chat_part *b)
{
    return a->kind == b->kind && span_eq(a->text, b->text) && span_eq(a->name, b->name) &&
           span_eq(a->args, b->args);
}

/* Parts that the joining one's dialect cannot say are none of the join's. */
static const char *parts_differ(const struct chat_answer *want, const struct chat_answer *got,
                                const struct joiner *by)
{
    const struct chat_part *a = want->choices[0].parts, *b = got->choices[0].parts;

    for (; a; a = a->next) {
        if (a->kind == CHAT_PART_MEDIA || a->kind == CHAT_PART_TOOL_RESULT)
            continue;
        if (!b || !same_part(a, b))
            return by->c == &convert_openai_chat && a->kind == CHAT_PART_TEXT && b &&
                           b->kind == CHAT_PART_TEXT && span_starts(b->text, a->text)
                       ? NULL /* it knows one text, which goes on behind what stood between */
                       : "differs in a part";
        b = b->next;
    }
    return b ? "has a part too many" : NULL;
}

/* The stop reason that a client would have got of the joining one alone. */
static bool same_stop(const struct chat_answer *want, enum chat_stop got)
{
    return want->choices[0].stop == got;
}

static uint64_t number_at(const char *p, const char *end)
{
    uint64_t n = 0;

    for (; p < end && *p >= '0' && *p <= '9'; p++)
        n = 10 * n + (uint64_t)(*p - '0');
    return n;
}

/* Each event has the number behind that of the one before. */
static bool is_numbered(struct span s)
{
    static const char key[] = "\"sequence_number\":";
    const char *end = s.p + s.n, *p = memmem(s.p, s.n, key, sizeof(key) - 1);
    uint64_t want = p ? number_at(p + sizeof(key) - 1, end) : 0;

    for (; p; p = memmem(p, (size_t)(end - p), key, sizeof(key) - 1)) {
        p += sizeof(key) - 1;
        if (number_at(p, end) != want++)
            return false;
    }
    return true;
}

/* NULL: all is well with what the client has read. */
static const char *wrong(struct stream *s, const struct joiner *by, const struct chat_answer *got,
                         struct span all, struct span behind)
{
    const struct chat_answer *want = heard_answer(&s->told);
    const char *bad = parts_differ(want, got, by);

    if (bad)
        return bad;
    if (!span_eq(want->id, got->id))
        return "has another id";
    if (times(behind, ITS_ID) != 0 ||
        (want->id.n && !span_contains(want->id, SPAN_LIT(OWN_ID)) && times(behind, OWN_ID) != 0))
        return "has a second id";
    if (times(behind, "message_start") != 0 || times(behind, "response.created") != 0 ||
        (times(behind, "\"role\":\"assistant\"") != 0 && !s->p->to->go_on))
        return s->p->to == &convert_gemini_generate ? NULL : "has a second head";
    if (s->p->to->go_on && !is_numbered(all))
        return "is not numbered from its beginning on";
    if (times(behind, "\"lamplighter\":{\"joined\":{\"target\":\"b/m\",") != 1)
        return "is not marked once";
    if (times(all, "[DONE]") > 1 || times(all, "event: message_stop") > 1)
        return "has two ends";
    if (!heard_is_complete(s->p->to, all))
        return "is not complete";
    s->p->other_stops += !same_stop(want, got->choices[0].stop);
    return NULL;
}

/* ---- one cut ---- */

struct cut {
    struct stream *s;
    struct follow f;
    struct buf client; /* what it got */
    struct span rest;  /* of the text, from there on */
    size_t after;      /* events before it */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* How the text's end and what follows are alike by themselves: 0 where they are not. */
static size_t alike(struct span told, struct span text)
{
    for (size_t n = MIN(MIN(told.n, text.n), (size_t)256); n >= 16; n--)
        if (memcmp(told.p + told.n - n, text.p, n) == 0)
            return n;
    return 0;
}

/* Does what follows begin as the text does? Who says that is taken for one that begins anew. */
static bool is_as_anew(struct span told, struct span text)
{
    size_t n = MIN(told.n, (size_t)256);

    return n >= 16 && text.n >= n && memcmp(told.p, text.p, n) == 0;
}

enum manner { BLANK_AGAIN, BLANK_NOT, WORDS_AGAIN, ALL_AGAIN, OTHERWISE };

/* Who is asked afresh says all of it again, but for its last byte in OTHERWISE. */
static void all_again(const struct cut *x, enum manner manner, struct buf *text)
{
    buf_add_span(text, buf_span(&x->f.text));
    if (manner == OTHERWISE)
        text->p[text->n - 1] = text->p[text->n - 1] == 'x' ? 'y' : 'x';
    buf_add_span(text, x->rest);
}

static bool is_of_word(char c)
{
    return (c & 0x80) || c == '_' || (c >= '0' && c <= '9') ||
           ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Is it held not to have gone on? */
static bool is_none(const struct cut *x, const struct joiner *by, enum manner manner,
                    struct span text)
{
    struct span told = buf_span(&x->f.text);
    size_t blank = 0;

    while (blank < told.n && is_blank(told.p[blank]))
        blank++;
    if (by->how == JOIN_PREFIX) /* white space alone is no beginning */
        return by->c == &convert_openai_chat && !by->host && blank < told.n;
    if (by->how == JOIN_REPLAY)
        return manner == OTHERWISE;
    return manner != WORDS_AGAIN && text.n && is_of_word(told.p[told.n - 1]) &&
           is_of_word(text.p[0]);
}

/* The text of the joining one, in its manner; false: this text cannot be told apart so. */
static bool its_text(struct cut *x, enum manner manner, struct buf *text)
{
    struct span told = buf_span(&x->f.text);
    size_t blank = 0, n = 0;

    if (manner >= ALL_AGAIN) {
        all_again(x, manner, text);
        return manner == ALL_AGAIN || (told.p[told.n - 1] & 0x80) == 0;
    }
    while (blank < told.n && is_blank(told.p[told.n - blank - 1]))
        blank++;
    if (manner == BLANK_AGAIN)
        n = blank;
    if (manner == BLANK_NOT && (blank == 0 || (x->rest.n && is_blank(x->rest.p[0]))))
        return false;
    if (manner == WORDS_AGAIN) {
        n = (size_t)rng_range(&rng, AGAIN_MIN, AGAIN_MAX);
        if (n > told.n)
            return false;
        while (n < told.n && ((unsigned char)told.p[told.n - n] & 0xc0) == 0x80)
            n++; /* it says whole characters, and AGAIN_MIN bytes of them at the least */
    }
    buf_add(text, told.p + told.n - n, n);
    buf_add_span(text, x->rest);
    if (alike(told, buf_span(text)) == (n >= 16 ? n : 0) && !is_as_anew(told, buf_span(text)))
        return true;
    x->s->p->like_itself++;
    return false;
}

/* What it says, as a stream of its dialect. -1: its dialect cannot. */
static int its_stream(struct cut *x, const struct joiner *by, struct span text, struct buf *out)
{
    struct chat_answer *a = mem_zalloc(1, sizeof(*a));
    const struct chat_answer *whole = heard_answer(&x->s->told);
    const struct chat_part *open = part_at(whole, x->f.lead);
    struct chat_part first = {.kind = CHAT_PART_TEXT, .text = text, .next = open->next};
    struct err e;
    int rc;

    MUST(a);
    a->id = SPAN_LIT(ITS_ID);
    a->choices_n = 1;
    a->choices[0].parts = &first;
    a->choices[0].stop = whole->choices[0].stop;
    a->usage = (struct chat_usage){.input = 3, .output = 2, .seen = true};
    rc = by->c == &convert_bedrock_converse ? write_converse(a, out) : write_as(by->c, a, out, &e);
    mem_free(a);
    return rc;
}

/* What the client has read: its stream, in its dialect. */
static int read_back(const struct cut *x, struct heard *h, struct err *e)
{
    heard_init(h, x->s->p->to);
    return heard_read(h, buf_span(&x->client), true, e);
}

static int go_on(struct cut *x, const struct joiner *by, struct span stream, struct err *e)
{
    struct translate_conf conf = conf_of(x->s->p->to, by->c);
    struct passing p = {.out = &x->client};
    int rc = -1;

    conf.host = by->host;
    MUST(translate_new(&p.t, &conf, span_str(plain_request(conf.client)), e) == 0);
    if (translate_go_on(p.t, &x->f, by->how, SPAN_LIT("b/m"), e) == 0 &&
        translate_obstacle(p.t) == CHAT_FEATURES)
        rc = heard_each_event(stream, pass_raw, &p, e) < 0 ? -1 : translate_end(p.t, p.out, e);
    translate_free(&p.t);
    return rc;
}

/* Up to the cut; false: it is not gone on with there. */
static bool begin_cut(struct cut *x, struct stream *s, size_t after)
{
    struct heard h;
    struct err e;
    const struct chat_part *open, *whole;
    bool ok;

    *x = (struct cut){.s = s, .after = after};
    buf_init(&x->client, 64 * MEGA);
    MUST(follow_init(&x->f, s->p->from, &e) == 0);
    if (s->p->to == s->p->from && s->p->to->go_on)
        follow_stand(&x->f);
    if (pass(s->p, s->ends[after - 1], false, &x->f, &x->client, &e) < 0)
        check_fail(&s->p->t, s->name, "is not translated: %s", e.text);
    if (!follow_can(&x->f))
        return false;
    MUST(read_back(x, &h, &e) == 0);
    open = part_at(heard_answer(&h), x->f.lead);
    whole = part_at(heard_answer(&s->told), x->f.lead);
    ok = open && !open->next && span_eq(open->text, buf_span(&x->f.text)) && whole &&
         span_starts(whole->text, open->text);
    if (!ok)
        check_fail(&s->p->t, s->name, "%zu: what is known is not what was told: '%.*s'", after,
                   SPAN_FMT(buf_span(&x->f.text)));
    else
        x->rest = span_of(whole->text.p + open->text.n, whole->text.n - open->text.n);
    heard_fini(&h);
    return ok;
}

static void end_cut(struct cut *x)
{
    follow_fini(&x->f);
    buf_fini(&x->client);
}

static void check_join(struct stream *s, size_t after, const struct joiner *by, enum manner manner)
{
    struct buf text, stream;
    const char *bad = NULL;
    struct heard h;
    struct cut x;
    struct err e;
    size_t told;

    buf_init(&text, 64 * MEGA);
    buf_init(&stream, 64 * MEGA);
    if (begin_cut(&x, s, after) && its_text(&x, manner, &text) &&
        its_stream(&x, by, buf_span(&text), &stream) == 0) {
        bool none = is_none(&x, by, manner, buf_span(&text));

        told = x.client.n;
        s->p->joins += !none;
        s->p->refused += none;
        err_set(&e, ERR_PROTOCOL, "it is not asked");
        if (none) {
            if (go_on(&x, by, buf_span(&stream), &e) == 0)
                bad = "is taken for one that has gone on";
        } else if (go_on(&x, by, buf_span(&stream), &e) < 0) {
            s->p->joins--;
            s->p->not++; /* it goes on with something else than text */
            if (text.n || !part_at(heard_answer(&s->told), x.f.lead)->next)
                bad = e.text;
        } else if (read_back(&x, &h, &e) < 0) {
            bad = e.text;
            heard_fini(&h);
        } else {
            bad = wrong(s, by, heard_answer(&h), buf_span(&x.client),
                        span_of(x.client.p + told, x.client.n - told));
            heard_fini(&h);
        }
        if (bad)
            check_fail(&s->p->t, s->name, "at event %zu by %s in manner %d: %s", after, by->c->name,
                       manner, bad);
    }
    end_cut(&x);
    buf_fini(&text);
    buf_fini(&stream);
}

static void check_cut(struct stream *s, size_t after)
{
    struct cut x;
    bool can = begin_cut(&x, s, after);

    end_cut(&x);
    s->p->cuts++;
    s->p->not += !can;
    for (size_t i = 0; can && i < ARRAY_LEN(joiners); i++)
        for (size_t m = BLANK_AGAIN; m <= WORDS_AGAIN; m++)
            if (!every || (after + i) % (WORDS_AGAIN + 1) == m)
                check_join(s, after, &joiners[i], (enum manner)m);
    for (size_t i = 0; can && i < ARRAY_LEN(others); i++) {
        bool afresh = others[i].how == JOIN_REPLAY;
        uint64_t m = afresh ? ALL_AGAIN + rng_below(&rng, 2) : rng_below(&rng, ALL_AGAIN);

        if (!every || after % ARRAY_LEN(others) == i)
            check_join(s, after, &others[i], (enum manner)m);
    }
}

/* ---- what is held ---- */

/* Nobody can go on behind this event: is it one that is held, or by which the answer is over? */
static void check_end(struct pair *p, const char *name, const struct dialect_answer *a,
                      struct span raw)
{
    static const struct span calls[] = {SPAN_LIT("\"tool_calls\":[{"),
                                        SPAN_LIT("\"type\":\"tool_use\""),
                                        SPAN_LIT("\"type\":\"function_call\"")};
    bool call = false;

    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        call |= span_contains(raw, calls[i]);
    p->held += a->ev.call || a->ev.ends;
    if (call && !a->ev.call && a->finished == 0 && p->from != &convert_gemini_generate)
        check_fail(&p->t, name, "a call is not held: %.*s", SPAN_FMT(raw));
}

static void check_held(struct pair *p, const char *name, struct span text)
{
    struct dialect_answer a;
    struct follow f;
    struct err e;
    size_t used;

    MUST(follow_init(&f, p->from, &e) == 0);
    dialect_answer_begin(&a, p->from->dialect, TERMINAL_DONE, 1, true);
    while (text.n && !f.closed && dialect_answer_next(&a, text.p, text.n, &used) == STEP_EVENT &&
           !a.bad) {
        follow_event(&f, span_of(text.p, used));
        if (f.closed)
            check_end(p, name, &a, span_of(text.p, used));
        text = span_of(text.p + used, text.n - used);
    }
    follow_fini(&f);
}

/* ---- the recordings ---- */

static int note_end(void *arg, struct span raw, struct err *e)
{
    struct stream *s = arg;

    UNUSED(e);
    s->ends[s->n++] = span_of(s->text.p, (size_t)(raw.p + raw.n - s->text.p));
    return 0;
}

static void check_stream_of(struct pair *p, const char *name, struct span text)
{
    struct stream s = {.name = name, .p = p, .text = text};
    struct buf all;
    struct err e;

    buf_init(&all, 64 * MEGA);
    heard_init(&s.told, p->to);
    s.ends = mem_zalloc(text.n / 2 + 1, sizeof(*s.ends));
    MUST(s.ends && heard_each_event(text, note_end, &s, &e) == 0);
    if (pass(p, text, true, NULL, &all, &e) < 0 ||
        heard_read(&s.told, buf_span(&all), true, &e) < 0)
        check_fail(&p->t, name, "is not read: %s", e.text);
    else if (heard_answer(&s.told)->choices_n == 1)
        for (size_t at = 1; at < s.n;
             at += every || s.n <= CUTS ? 1 : 1 + rng_below(&rng, 2 * s.n / CUTS))
            check_cut(&s, at);
    if (p->to == p->from)
        check_held(p, name, text);
    p->t.streams++;
    heard_fini(&s.told);
    mem_free(s.ends);
    buf_fini(&all);
}

struct run {
    const struct convert *c;
    const char *path;
    struct pair pairs[CONVERTS];
};

static const char *text_of(yyjson_val *v, const char *key)
{
    const char *s = yyjson_get_str(yyjson_obj_get(v, key));

    return s ? s : "";
}

static void on_line(void *arg, struct span line)
{
    struct run *run = arg;
    yyjson_doc *doc = yyjson_read(line.p, line.n, 0);
    yyjson_val *rec = yyjson_doc_get_root(doc);
    const char *type = text_of(yyjson_obj_get(rec, "resp_headers"), "content-type");
    struct buf answer;
    char name[128];

    MUST(rec);
    buf_init(&answer, 64 * MEGA);
    data_answer(&answer, rec);
    (void)snprintf(name, sizeof(name), "%s %s", text_of(rec, "id"), text_of(rec, "host"));
    if (yyjson_get_uint(yyjson_obj_get(rec, "status")) == 200 &&
        (strstr(type, "event-stream") || strstr(type, "eventstream") || strstr(type, "ndjson")) &&
        span_glob(span_str(run->path), span_str(text_of(rec, "path"))) &&
        heard_is_complete(run->c, buf_span(&answer)))
        for (size_t i = 0; i < CONVERTS; i++)
            if (run->pairs[i].to->joins)
                check_stream_of(&run->pairs[i], name, buf_span(&answer));
    buf_fini(&answer);
    yyjson_doc_free(doc);
}

static void report(const struct pair *p)
{
    static unsigned test;

    printf("%s %u - %s for a client of %s\n", p->t.failures ? "not ok" : "ok", ++test,
           p->from->name, p->to->name);
    printf(
        "# %lu streams, %lu cuts: %lu joins, %lu not to be joined, %lu that say the same twice "
        "by themselves, %lu with another stop reason, %lu that have rightly not gone on, %lu ends "
        "that are held\n",
        p->t.streams, p->cuts, p->joins, p->not, p->like_itself, p->other_stops, p->refused,
        p->held);
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : "../shared/data";
    unsigned long streams = 0, cuts = 0, joins = 0, failures = 0;
    uint64_t seed = 1;

    MUST(argc < 3 || span_u64(span_str(argv[2]), &seed) == 0);
    every = argc > 3 && strcmp(argv[3], "every") == 0;
    rng_init(&rng, seed);
    for (size_t i = 0; i < PLAIN_RECORDINGS; i++) {
        const struct plain_recording *rec = plain_recording(i);
        struct run run = {.c = rec->c, .path = rec->path};
        char path[PATH_BYTES];

        for (size_t j = 0; j < CONVERTS; j++)
            run.pairs[j] = (struct pair){.from = run.c, .to = convert_row(j)};
        (void)snprintf(path, sizeof(path), "%s/recorded/cassettes/%s.jsonl.gz", root, rec->file);
        if (data_lines(path, on_line, &run) < 0) {
            printf("1..0 # SKIP unsupported: no recorded traffic at %s\n", path);
            return 0;
        }
        for (size_t j = 0; j < CONVERTS; j++) {
            const struct pair *p = &run.pairs[j];

            if (p->to->joins)
                report(p);
            streams += p->t.streams;
            cuts += p->cuts;
            joins += p->joins;
            failures += p->t.failures;
        }
    }
    printf("# %lu streams, %lu cuts, %lu joins, %lu failures, seed %llu\n", streams, cuts, joins,
           failures, (unsigned long long)seed);
    return failures ? 1 : 0;
}
