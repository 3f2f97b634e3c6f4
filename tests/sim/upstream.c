/*
 * upstream.c - providers: HTTP/1.1 read and written by hand. Each request that comes is looked at
 * (is it whole, is it what the client asked, is the key the right one), a fault is drawn by the
 * endpoint's mood, and the answer goes out in pieces.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yyjson.h>

#include "base/mem.h"
#include "net/addr.h"
#include "sim.h"

#define JSON_MAX  ((size_t)64 * 1024) /* longer requests are not parsed */
#define PIECES    60                  /* most of an answer ... */
#define PIECES_DR 300                 /* ... that dribbles */

enum framing { CHUNKED, LENGTH, CLOSED };

struct up_conn {
    struct list link;
    struct sim *s;
    struct endpoint *e;
    struct net_conn *c;
    struct ev_timer timer;
    struct text in;
    struct arrival *a;    /* being answered */
    struct arrival *last; /* what it said may still be on its way */
    bool head_sent, answered, paused;
    enum framing framing;
    size_t piece_max, stop; /* stop: bytes of the body that are sent */
    ev_us gap_max;
};

static void up_free(struct up_conn *u, enum net_end how)
{
    if (u->a) {
        u->a->over = true;
        u->a->ended = ev_now(u->s->ev);
    }
    ev_timer_stop(&u->timer);
    net_conn_close(&u->c, how);
    list_del(&u->link);
    text_free(&u->in);
    free(u);
}

/* false: there was no memory, and u is gone. */
static bool up_write(struct up_conn *u, const char *p, size_t n)
{
    struct err e;

    if (n == 0 || net_conn_write(u->c, p, n, &e) == 0)
        return true;
    if (!u->s->torture)
        sim_fail(u->s, "a provider could not write: %s", e.text);
    if (u->a)
        u->a->killed = true;
    up_free(u, NET_END_RESET);
    return false;
}

static void up_wait(struct up_conn *u, ev_us in)
{
    struct err e;

    MUST(ev_timer_set(&u->timer, in, &e) == 0); /* the heap is large enough from the start */
}

static void up_look(struct up_conn *u);

/* ---- answers ---- */

/* The answer is whole, and the next request may come. */
static void up_ended(struct up_conn *u)
{
    static const char more[] = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
    struct arrival *a = u->a;

    a->over = a->all = true;
    a->ended = ev_now(u->s->ev);
    u->a = NULL;
    if (a->fault.kind == F_UNSOLICITED)
        u->e->dirty_at = ev_now(u->s->ev);
    if (a->fault.kind == F_UNSOLICITED && !up_write(u, more, sizeof(more) - 1))
        return;
    if (u->framing == CLOSED || a->fault.kind == F_CLOSE_AFTER || !a->whole) {
        a->killed |= net_conn_queued(u->c) > 0; /* what has not left in 5 s is lost */
        up_free(u, NET_END_FLUSH);
    } else if (u->in.n) { /* its last byte was enough for the gateway to ask again */
        up_look(u);
    }
}

static void up_last(struct up_conn *u)
{
    if (u->framing == CHUNKED && !up_write(u, "0\r\n\r\n", 5))
        return;
    up_ended(u);
}

/* All that is to be sent of the body is. */
static void up_stop(struct up_conn *u)
{
    switch ((int)u->a->fault.kind) {
    case F_RESET_AT:
        up_free(u, NET_END_RESET);
        break;
    case F_FIN_AT:
    case F_LONG:
        up_free(u, NET_END_FLUSH);
        break;
    case F_STALL_AT:
        if (u->framing == LENGTH && u->a->fault.at == u->a->answer.body.n)
            up_last(u); /* nothing is left to stall: it waits for the next request */
        break;
    case F_SILENT:
        break;
    default:
        up_last(u);
    }
}

static void up_piece(struct up_conn *u)
{
    struct arrival *a = u->a;
    size_t n = 1 + rng_below(&u->s->play, u->piece_max);
    struct text out = {0};
    bool ok;

    n = MIN(n, u->stop - a->sent);
    if (a->fault.kind == F_PAUSE_AT && a->sent < a->fault.at)
        n = MIN(n, a->fault.at - a->sent);
    if (u->framing == CHUNKED)
        text_f(&out, "%zx\r\n", n);
    text_add(&out, a->answer.body.p + a->sent, n);
    if (u->framing == CHUNKED)
        text_str(&out, "\r\n");
    a->sent += n;
    if (!a->spoke_at && (!a->stream || a->sent >= a->answer.content_at))
        a->spoke_at = ev_now(u->s->ev);
    if (a->fault.kind == F_SHORT)
        u->e->dirty_at = ev_now(u->s->ev);
    if (a->sent >= (a->answer.thought_at ? a->answer.thought_at : a->answer.content_at))
        rules_said(a);
    ok = up_write(u, out.p, out.n);
    text_free(&out);
    if (ok && a->fault.kind == F_PAUSE_AT && a->sent == a->fault.at && a->sent < a->answer.body.n &&
        !u->paused) { /* behind its end it would be of the next one */
        u->paused = true;
        up_wait(u, a->fault.delay);
    } else if (ok) {
        up_wait(u, rng_below(&u->s->play, u->gap_max + 1));
    }
}

static void up_answer_head(struct up_conn *u)
{
    static const char *const words[] = {"Early Hints", "Continue", "Processing"};
    static const unsigned codes[] = {103, 100, 102};
    struct arrival *a = u->a;
    struct text out = {0};

    if (a->fault.kind == F_1XX || a->fault.kind == F_1XX_FLOOD)
        for (unsigned i = 0; i < a->fault.n; i++)
            text_f(&out, "HTTP/1.1 %u %s\r\nx-early: 1\r\n\r\n", codes[i % 3], words[i % 3]);
    text_f(&out, "HTTP/1.1 200 OK\r\ncontent-type: %s\r\nx-request-id: up_%u\r\n", a->answer.type,
           a->n);
    if (a->fault.kind == F_HUGE_HEAD) {
        text_str(&out, "x-huge: ");
        for (int i = 0; i < 10000; i++)
            text_str(&out, "huge as it is");
        text_str(&out, "\r\n");
    }
    if (u->framing == CHUNKED)
        text_str(&out, "transfer-encoding: chunked\r\n\r\n");
    else if (u->framing == LENGTH)
        text_f(&out, "content-length: %zu\r\n\r\n",
               a->fault.kind == F_SHORT      ? a->answer.body.n / 2
               : a->fault.kind == F_LONG     ? a->answer.body.n + 20
               : a->fault.kind == F_CLEAN_AT ? u->stop
                                             : a->answer.body.n);
    else
        text_str(&out, "connection: close\r\n\r\n");
    u->head_sent = true;
    if (up_write(u, out.p, out.n))
        up_wait(u, a->fault.kind == F_SLOW_FIRST ? a->fault.delay : 0);
    text_free(&out);
}

static void up_status(struct up_conn *u)
{
    struct arrival *a = u->a;
    const struct fault *f = &a->fault;
    struct text body = {0}, out = {0}, message = {0};

    text_str(&message, f->status->message);
    if (f->says_key && a->provider < PROVIDERS_MAX)
        text_f(&message, " (%s)", u->s->providers[a->provider].keys[a->key]);
    speech_error(&body, a->api, f->status->type, f->status->code, message.p);
    text_f(&out, "HTTP/1.1 %u Oh\r\ncontent-type: application/json\r\n", f->status->status);
    if (f->ask_s)
        text_f(&out, "retry-after%s: %u%s\r\n", f->ask_ms ? "-ms" : "", f->ask_s,
               f->ask_ms ? "000" : "");
    text_f(&out, "content-length: %zu\r\n\r\n%s", body.n, body.p);
    if (up_write(u, out.p, out.n))
        up_ended(u);
    text_free(&body);
    text_free(&out);
    text_free(&message);
}

static void up_raw(struct up_conn *u, const char *bytes, enum net_end how)
{
    if (up_write(u, bytes, strlen(bytes)))
        up_free(u, how);
}

static void up_begin(struct up_conn *u)
{
    switch ((int)u->a->fault.kind) {
    case F_RESET_EARLY:
        up_free(u, NET_END_RESET);
        break;
    case F_FIN_EARLY:
        up_free(u, NET_END_FLUSH);
        break;
    case F_SILENT:
        break;
    case F_HALF_HEAD:
        up_raw(u, "HTTP/1.1 200 OK\r\ncontent-ty", NET_END_FLUSH);
        break;
    case F_NO_HTTP:
        up_raw(u, "SSH-2.0-OpenSSH_9.2p1\r\n\r\n", NET_END_FLUSH);
        break;
    case F_STATUS:
    case F_EARLY_ERROR:
        up_status(u);
        break;
    default:
        up_answer_head(u);
    }
}

static void up_on_timer(struct ev_timer *t)
{
    struct up_conn *u = CONTAINER_OF(t, struct up_conn, timer);

    if (!u->a)
        return;
    if (!u->head_sent)
        up_begin(u);
    else if (u->a->sent < u->stop)
        up_piece(u);
    else
        up_stop(u);
}

/* ---- an answer that is broken from the start ---- */

static void error_event(struct text *out, enum api api, const char *why)
{
    if (api == API_MESSAGES)
        text_str(out, "event: error\ndata: ");
    else if (api == API_RESPONSES)
        text_f(out,
               "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\","
               "\"message\":\"%s\",\"param\":null,\"sequence_number\":9}",
               why);
    else if (api == API_COHERE)
        text_f(out,
               "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":"
               "{\"finish_reason\":\"ERROR\",\"error\":\"%s\"}}",
               why);
    else if (api != API_OLLAMA)
        text_str(out, "data: ");
    if (api != API_RESPONSES && api != API_COHERE)
        speech_error(out, api, api == API_GEMINI ? "INTERNAL" : "server_error", NULL, why);
    text_str(out, api == API_OLLAMA ? "\n" : "\n\n");
}

/* Behind an event of which the answer is not yet whole. */
static size_t before_its_end(const struct answer *w, size_t draw)
{
    size_t n = 0;

    while (n + 1 < w->ends_n && w->ends[n] < w->complete_at)
        n++;
    return n == 0 ? 0 : w->ends[draw % n];
}

static void break_answer(struct sim *s, struct arrival *a)
{
    const char *key = s->providers[a->provider].keys[a->key];
    struct answer *w = &a->answer;
    bool first = a->fault.kind == F_ERROR_FIRST;

    if (a->fault.kind == F_BAD_JSON || !a->stream) {
        w->body.n = a->stream ? before_its_end(w, a->fault.at) : w->body.n / 2;
        text_str(&w->body, !a->stream             ? ""
                           : a->api == API_OLLAMA ? "{\"message\": {nothing}\n"
                                                  : "data: {\"choices\": nothing}\n\n");
        a->fault.kind = F_BAD_JSON;
    } else {
        w->body.n = first ? 0 : before_its_end(w, a->fault.at);
        error_event(&w->body, a->api, a->fault.says_key ? key : "it broke");
    }
    w->complete_at = SIZE_MAX;
}

/* Does its stream end with an event that says so, whatever else has? */
static bool has_terminal(const struct arrival *a)
{
    static const char done[] = "data: [DONE]\n\n";
    const struct text *b = &a->answer.body;

    return a->stream &&
           (a->api == API_MESSAGES || (a->api == API_CHAT && memcmp(b->p + b->n - sizeof(done) + 1,
                                                                    done, sizeof(done) - 1) == 0));
}

static void fit_fault(struct up_conn *u)
{
    struct arrival *a = u->a;
    struct fault *f = &a->fault;
    struct answer *w = &a->answer;

    switch ((int)f->kind) {
    case F_BAD_JSON:
    case F_ERROR_FIRST:
    case F_ERROR_LATER:
        break_answer(u->s, a);
        break;
    case F_PAGE:
        w->body.n = 0;
        text_str(&w->body, "<html><body>Sign in to the network</body></html>");
        w->type = "text/html";
        w->complete_at = SIZE_MAX;
        break;
    case F_RESET_AT:
    case F_FIN_AT:
    case F_STALL_AT:
    case F_PAUSE_AT:
        f->at %= w->body.n + 1;
        break;
    case F_CLEAN_AT:
        f->at = a->stream ? w->ends[f->at % w->ends_n] : w->body.n / 2;
        break;
    case F_AFTER_END:
        if (has_terminal(a))
            text_str(&w->body, "data: {\"type\":\"late\",\"choices\":[{\"index\":0,\"delta\":"
                               "{\"content\":\"<0.0>\"}}]}\n\n");
        else
            f->kind = F_NONE;
        break;
    default:
        break;
    }
    if (f->kind == F_PAUSE_AT)
        f->delay %= u->s->providers[a->provider].idle * 3 / 4;
}

/* How the answer goes out. */
static void draw_pace(struct up_conn *u)
{
    struct rng *r = &u->s->play;
    struct arrival *a = u->a;
    size_t n = a->answer.body.n;
    uint64_t how = rng_below(r, 10);
    ev_us first = u->s->providers[a->provider].first;

    u->framing = how < 6 ? CHUNKED : how < 9 && !a->stream ? LENGTH : how < 9 ? CHUNKED : CLOSED;
    if (a->fault.kind == F_LONG || a->fault.kind == F_SHORT)
        u->framing = LENGTH;
    if (a->fault.kind == F_AFTER_END)
        u->framing = CHUNKED;
    u->stop = a->fault.kind == F_RESET_AT || a->fault.kind == F_FIN_AT ||
                      a->fault.kind == F_STALL_AT || a->fault.kind == F_CLEAN_AT
                  ? a->fault.at
                  : n;
    u->gap_max = rng_below(r, 3) == 0 ? 0 : rng_below(r, MIN(EV_MS(40), first / 4 / PIECES));
    u->piece_max = rng_below(r, 3) == 0 ? n + 1 : 1 + rng_below(r, 300);
    u->piece_max = MAX(u->piece_max, n / PIECES); /* MAX() would draw twice */
    if (a->fault.kind == F_DRIBBLE) {
        u->piece_max = MAX((size_t)3, n / PIECES_DR * 2);
        u->gap_max = EV_MS(30);
    }
}

static void draw_fault(struct up_conn *u)
{
    struct rng *r = &u->s->play;
    struct arrival *a = u->a;

    switch (u->e->mood) {
    case MOOD_SICK:
        a->fault = u->e->fault;
        a->fault.at = (size_t)rng_u64(r);
        break;
    case MOOD_FLAKY:
        fault_draw(&a->fault, u->s, r, rng_below(r, 3) ? fault_kind_draw(r) : F_NONE);
        break;
    case MOOD_BUSY:
        do
            fault_draw(&a->fault, u->s, r, F_STATUS);
        while (a->fault.status->status != 429 && a->fault.status->status < 503);
        if (rng_below(r, 4) == 0)
            a->fault.kind = F_NONE;
        break;
    case MOOD_WELL:
    case MOOD_DOWN:
    case MOODS:
        break;
    }
    joins_fault(a);
    hedges_fault(a);
    a->answer.words = 1 + (unsigned)rng_below(r, SIM_WORDS_MAX - 1);
    if (rng_below(r, 25) == 0)
        a->answer.pad = rng_below(r, 20000);
    else if (rng_below(r, 4) == 0)
        a->answer.pad = rng_below(r, 400);
    if (rng_below(r, 40) == 0)
        a->answer.words = SIM_WORDS_MAX, a->answer.pad = 12000;
    joins_speak(a);
    costs_draw_answer(a);
    speech_answer(&a->answer, a->api, a->stream, a->model, r);
    fit_fault(u);
}

/* ---- requests ---- */

static enum api api_of(const struct text *in)
{
    static const struct {
        const char *part;
        enum api api;
    } rows[] = {{"/chat/completions HTTP", API_CHAT}, {"/messages HTTP", API_MESSAGES},
                {"/responses HTTP", API_RESPONSES},   {"enerateContent", API_GEMINI},
                {"/v2/chat HTTP", API_COHERE},        {"/api/chat HTTP", API_OLLAMA}};
    const char *line = memchr(in->p, '\n', in->n);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *hit = memmem(in->p, in->n, rows[i].part, strlen(rows[i].part));

        if (hit && hit < line)
            return rows[i].api;
    }
    return APIS;
}

/* What stands behind `key` up to `stop`, into out. */
static bool cut_out(const struct text *in, const char *key, char stop, char *out, size_t cap)
{
    const char *p = memmem(in->p, in->n, key, strlen(key)), *end;

    if (!p)
        return false;
    p += strlen(key);
    end = memchr(p, stop, (size_t)(in->p + in->n - p));
    if (!end || (size_t)(end - p) >= cap)
        return false;
    memcpy(out, p, (size_t)(end - p));
    out[end - p] = '\0';
    return true;
}

static size_t key_of(struct up_conn *u)
{
    const struct provider_world *p = &u->s->providers[u->e->provider];
    const char *canary = memmem(u->in.p, u->in.n, CANARY, strlen(CANARY));

    for (size_t i = 0; i < p->keys_n; i++)
        if (canary && strncmp(canary, p->keys[i], strlen(p->keys[i])) == 0)
            return i;
    sim_fail(u->s, "I6: %s got another key than its own: %.60s", p->name, canary ? canary : "none");
}

static void draw_answer(struct up_conn *u)
{
    const struct arrival *a = u->a;

    draw_fault(u);
    draw_pace(u);
    sim_say(u->s,
            "answer %u: request %u at %s/%s end %zu key %zu, fault: %s at %zu, %u words+%zu %s%s%s",
            a->n, a->ask->n, u->s->providers[a->provider].name, a->model, a->end, a->key,
            fault_rows[a->fault.kind].name, a->fault.at, a->answer.words, a->answer.pad,
            a->stream ? "stream" : "whole",
            a->fault.kind == F_STATUS ? a->fault.status->class_name : "",
            a->begin.p ? ", goes on" : "");
}

/* Who asks is known as soon as the beginning of the prompt is there. */
static struct arrival *arrive(struct up_conn *u)
{
    struct sim *s = u->s;
    char number[16];
    struct arrival *a;
    unsigned n;

    if (!cut_out(&u->in, "REQ", ';', number, sizeof(number)))
        return NULL;
    n = (unsigned)text_number(number, 10);
    if (n >= s->asks_n)
        sim_fail(s, "a provider got a request that nobody made: %s", number);
    a = calloc(1, sizeof(*a));
    MUST(a);
    a->n = ++s->arrivals_n;
    a->answer.n = a->n;
    a->ask = s->asks[n];
    a->provider = u->e->provider;
    a->end = u->e->at;
    a->key = key_of(u);
    a->at = ev_now(s->ev);
    a->api = api_of(&u->in);
    if (a->api == APIS)
        sim_fail(s, "a provider got an unknown path: %.60s", u->in.p);
    if (!(a->api == API_GEMINI ? cut_out(&u->in, "/models/", ':', a->model, sizeof(a->model))
                               : cut_out(&u->in, "\"model\":\"", '"', a->model, sizeof(a->model))))
        sim_fail(s, "a provider got a request without a model");
    a->stream = a->ask->stream;
    a->tokens_most = a->ask->max_tokens;
    list_init(&a->link);
    list_push(&s->arrivals, &a->link);
    u->a = u->last = a;
    if (!joins_wait(a))
        draw_answer(u);
    rules_arrived(a);
    return a;
}

static void check_request(struct up_conn *u, size_t head_n, size_t body_n)
{
    struct arrival *a = u->a;
    const char *body = u->in.p + head_n;

    if (text_has(&u->in, CLIENT_CANARY))
        sim_fail(u->s, "I6: a provider got the client's key");
    if (!memmem(body, body_n, a->ask->prompt.p, a->ask->prompt.n))
        sim_fail(u->s, "the prompt of request %u has not come as it was sent", a->ask->n);
    if (a->stream != text_has(&u->in, a->api == API_GEMINI ? ":streamGenerateContent?alt=sse"
                                                           : "\"stream\":true"))
        sim_fail(u->s, "request %u is one for a stream to its client or to its provider",
                 a->ask->n);
    if (body_n <= JSON_MAX) {
        yyjson_doc *doc = yyjson_read(body, body_n, 0);

        if (!doc)
            sim_fail(u->s, "a provider got no JSON: %.*s", (int)body_n, body);
        yyjson_doc_free(doc);
    }
    a->whole = true;
    costs_read(a, body, body_n);
    if (!joins_wait(a))
        return;
    joins_read(a, body, body_n);
    draw_answer(u);
}

static ev_us delay_of(const struct up_conn *u)
{
    const struct arrival *a = u->a;

    if (a->fault.kind == F_SLOW_HEAD)
        return a->fault.delay;
    return rng_below(&u->s->play, 4) ? 0 : rng_below(&u->s->play, EV_MS(300));
}

/* As many bytes of `in` as there are of a request. */
static void up_look(struct up_conn *u)
{
    const char *end = u->in.n ? memmem(u->in.p, u->in.n, "\r\n\r\n", 4) : NULL;
    char number[24];
    size_t head_n, body_n;
    bool early;

    if (!end || (u->a && u->a->whole))
        return;
    if (!cut_out(&u->in, "content-length: ", '\r', number, sizeof(number)))
        sim_fail(u->s, "a provider got a request without a length");
    head_n = (size_t)(end + 4 - u->in.p);
    body_n = text_number(number, 10);
    if (!u->a) {
        u->head_sent = u->paused = u->answered = false;
        if (!arrive(u))
            return;
    }
    early = u->a->fault.kind == F_EARLY || u->a->fault.kind == F_EARLY_ERROR;
    if (early && !u->answered) {
        u->answered = true;
        up_wait(u, 0);
    }
    if (u->in.n < head_n + body_n)
        return;
    if (u->in.n > head_n + body_n)
        sim_fail(u->s, "a provider got more than a request");
    check_request(u, head_n, body_n);
    u->in.n = 0;
    if (!u->answered)
        up_wait(u, delay_of(u));
    u->answered = true;
}

static void up_read(void *arg, const char *p, size_t n)
{
    struct up_conn *u = arg;

    text_add(&u->in, p, n);
    up_look(u);
}

static void up_eof(void *arg)
{
    struct up_conn *u = arg;

    if (u->a)
        u->a->aborted = true;
    up_free(u, NET_END_FLUSH);
}

static void up_error(void *arg, const struct err *e)
{
    UNUSED(e);
    up_eof(arg);
}

static void up_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static const struct net_conn_cb up_cb = {up_read, up_eof, up_sent, up_error};

static void up_accept(void *arg, struct net_conn *c)
{
    struct endpoint *e = arg;
    struct up_conn *u = calloc(1, sizeof(*u));

    MUST(u);
    u->s = e->s;
    u->e = e;
    u->c = c;
    list_init(&u->link);
    list_push(&e->conns, &u->link);
    ev_timer_init(&u->timer, e->s->ev, up_on_timer);
    net_conn_listen(c, &up_cb, u);
    net_conn_read(c, true);
}

/* ---- endpoints ---- */

void upstream_open(struct endpoint *e)
{
    struct net_listen_conf lc = {.fd = -1};
    struct err err;

    if (e->listener)
        return;
    mem_torture(0, false); /* that a provider comes back is not up to our memory */
    MUST(net_addr_parse(&lc.addr, span_str(e->addr), &err) == 0);
    MUST(net_listen(&e->listener, e->s->up_net, &lc, up_accept, e, &err) == 0);
}

void upstream_close(struct endpoint *e)
{
    net_listener_close(&e->listener);
}

void upstream_kill(struct endpoint *e)
{
    LIST_EACH(it, &e->conns)
    {
        struct up_conn *u = LIST_ENTRY(it, struct up_conn, link);

        if (u->last)
            u->last->killed = true;
        up_free(u, NET_END_RESET);
    }
}

void upstream_mood(struct endpoint *e, enum mood mood)
{
    static const char *const names[] = {"well", "down", "sick", "flaky", "busy"};

    if (e->mood == MOOD_DOWN || mood == MOOD_DOWN)
        e->down_at = ev_now(e->s->ev);
    e->mood = mood;
    if (mood == MOOD_DOWN) {
        upstream_close(e);
        upstream_kill(e);
    } else {
        upstream_open(e);
    }
    if (mood == MOOD_SICK)
        fault_draw(&e->fault, e->s, &e->s->play, fault_kind_draw(&e->s->play));
    sim_say(e->s, "provider %zu end %zu is %s%s%s", e->provider, e->at, names[mood],
            mood == MOOD_SICK ? ": " : "", mood == MOOD_SICK ? fault_rows[e->fault.kind].name : "");
}
