/*
 * call.c - the life of one attempt.
 *
 *     CONNECTING -- on_connected -->            WAITING   (request on its way)
 *     WAITING    -- head of status >= 400 -->   ERROR     (its body is read, then on_fail)
 *     WAITING    -- head 2xx -->                ANSWER
 *     ANSWER     -- verdict complete -->        AFTER     (streams: at most CALL_AFTER_MS more)
 *     ANSWER, AFTER -- end of the message -->   DONE
 *     any        -- broken, late, cancelled --> DONE
 *     WAITING    -- a kept connection ended --> CONNECTING   (once: send_again())
 *
 * One timer serves the phase: connect, first (from when the request has left until content comes),
 * idle. For a second copy of it the clock of the first token goes on. Behind the first content the
 * timer stands still while our own side holds the target back: that silence is ours.
 *
 * Events are handed on whole, up to CALL_EVENT_MAX, as spans of what was just received; only an
 * event that is cut by the end of a read is copied, and waits for its rest.
 */
#include "call/call.h"

#include <stdarg.h>

#include "base/mem.h"
#include "call/answer_head.h"
#include "call/failure.h"
#include "call/request_head.h"
#include "call/scrub.h"

#define ARENA_BUDGET  ((size_t)256 * 1024)
#define ERROR_BODY_MS 5000                   /* longest wait for the body of an error answer */
#define REFRAMED_MAX  (2 * REFRAME_LINE_MAX) /* most that one read makes whole */
#define MAGIC         0x63616c6cu

enum state { CONNECTING, WAITING, ERROR, ANSWER, AFTER, DONE };

struct call {
    uint32_t magic;
    enum state state;
    struct call_conf conf;
    const struct call_cb *cb;
    void *arg;
    struct http_stream *stream;
    struct arena arena;
    struct blob_reader body;
    size_t sending; /* body bytes given to the stream and not gone yet */
    bool sent_all;
    bool pooled;                  /* its connection had served before */
    bool resent;                  /* this is the second copy of the request ... */
    bool unsure;                  /* ... and the first one may have been executed */
    ev_us connected_at, first_by; /* first_by: until then content has to come; 0: not known yet */
    struct ev_timer timer;
    struct ev_post reap;
    struct dialect_answer answer;
    bool events; /* the answer is a stream of events */
    bool answer_begun;
    bool in_part;     /* a long event is being handed on in parts */
    bool resting;     /* the timer stands still: our own side holds the target back */
    bool handed;      /* something of what was just read went to the owner */
    bool scrubs;      /* an error is passed through: it may say our key */
    size_t held_back; /* bytes delivered and not consumed */
    struct buf held;  /* an event, or what may be our key, that is cut by the end of a read */
    struct buf error; /* body of an error answer */
    uint16_t status;
    struct span content_type, retry_after, error_type;
    const struct failure_head *error_head; /* of an error answer */
    struct call_times times;
    struct reframe
        reframe;         /* where events come in another framing: what turns them into ours ... */
    struct buf reframed; /* ... and what it has made */
};

/* ---- ends ---- */

static void finish(struct call *c)
{
    if (c->state != DONE)
        c->times.ended = ev_now(c->conf.ev);
    c->state = DONE;
    ev_timer_stop(&c->timer);
}

/* The owner's last word. Whatever the upstream said in it, it does not say our key. */
static void tell(struct call *c, struct call_failure *f)
{
    scrub(f->text, strlen(f->text), c->conf.key);
    scrub(f->type, strlen(f->type), c->conf.key);
    finish(c);
    c->cb->on_fail(c->arg, f);
}

static void fail(struct call *c, enum class_id id, enum reason reason, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void fail(struct call *c, enum class_id id, enum reason reason, const char *fmt, ...)
{
    struct call_failure f = {.class_id = id, .reason = reason, .status = c->status};
    va_list ap;

    if (c->state == DONE)
        return;
    va_start(ap, fmt);
    if (vsnprintf(f.text, sizeof(f.text), fmt, ap) < 0)
        f.text[0] = '\0';
    va_end(ap);
    if (c->unsure && id == CLASS_NEVER_EXECUTED)
        f.class_id = CLASS_MAYBE_EXECUTED;
    tell(c, &f);
}

static void done(struct call *c)
{
    finish(c);
    c->cb->on_done(c->arg);
}

static void arm(struct call *c, ev_us wait)
{
    struct err e;

    if (ev_timer_set(&c->timer, wait, &e) < 0)
        fail(c, CLASS_NEVER_EXECUTED, REASON_NO_MEMORY, "no memory for a timer");
}

/* What is left until content has to come. */
static ev_us first_left(const struct call *c)
{
    ev_us now = ev_now(c->conf.ev);

    return c->first_by > now ? c->first_by - now : 0;
}

static void first_is_late(struct call *c)
{
    fail(c, CLASS_MAYBE_EXECUTED, REASON_TIMEOUT_FIRST, "no answer began within %llu ms",
         (unsigned long long)c->conf.timeout.first_ms);
}

static void error_answer(struct call *c, bool whole);

static void on_timer(struct ev_timer *t)
{
    struct call *c = CONTAINER_OF(t, struct call, timer);
    const struct settings_timeouts *limit = &c->conf.timeout;

    OBJ_CHECK(c, MAGIC);
    switch (c->state) {
    case CONNECTING:
        if (c->resent && first_left(c) == 0)
            first_is_late(c);
        else
            fail(c, CLASS_NEVER_EXECUTED, REASON_TIMEOUT_CONNECT, "no connection within %llu ms",
                 (unsigned long long)limit->connect_ms);
        break;
    case AFTER:
        if (c->held_back > c->held.n) /* what is to come waits for the client */
            arm(c, EV_MS(CALL_AFTER_MS));
        else
            done(c);
        break;
    case ERROR:
        error_answer(c, false); /* the status alone is enough to know the class */
        break;
    case WAITING:
    case ANSWER:
        if (c->answer_begun)
            fail(c, CLASS_MAYBE_EXECUTED, REASON_TIMEOUT_IDLE, "no byte for %llu ms",
                 (unsigned long long)limit->idle_ms);
        else
            first_is_late(c);
        break;
    case DONE:
        break;
    }
}

/* ---- the request ---- */

/* What this turn has taken so far is ours: nobody was waited for. */
static void note_own_time(struct call *c)
{
    c->times.own += ev_clock(c->conf.ev) - ev_now(c->conf.ev);
}

/* Give the stream as much of the body as its window takes. */
static int pump_body(struct call *c, struct err *e)
{
    struct span s;

    while (c->conf.body && !c->sent_all && c->sending < HTTP_WINDOW) {
        if (blob_reader_next(&c->body, HTTP_WINDOW - c->sending, &s, e) < 0)
            return -1;
        if (s.n == 0) {
            c->sent_all = true;
            break;
        }
        c->sending += s.n;
        if (http_send_body(c->stream, s.p, s.n, e) < 0)
            return -1;
    }
    c->sent_all |= !c->conf.body;
    return c->sent_all ? http_send_end(c->stream, e) : 0;
}

/* The clock begins anew with every piece of the request that leaves: sending is no silence. */
static void wait_for_first(struct call *c)
{
    c->times.asked = c->resent ? c->times.asked : ev_now(c->conf.ev);
    c->first_by = c->times.asked + EV_MS(c->conf.timeout.first_ms);
    arm(c, first_left(c));
}

static void on_sent(void *arg, size_t n)
{
    struct call *c = arg;
    struct err e;

    c->sending -= MIN(n, c->sending);
    if (c->state == WAITING)
        wait_for_first(c);
    if (!c->sent_all && (c->state == CONNECTING || c->state == WAITING) && pump_body(c, &e) < 0)
        fail(c, CLASS_MAYBE_EXECUTED, REASON_RESET, "%s", e.text);
}

static const struct http_stream_cb stream_cb;

static void on_connected(void *arg, bool pooled)
{
    struct call *c = arg;

    OBJ_CHECK(c, MAGIC);
    if (!pooled)
        note_own_time(c);
    if (c->state != CONNECTING)
        return;
    c->state = WAITING;
    c->pooled = pooled;
    c->connected_at = ev_now(c->conf.ev);
    wait_for_first(c);
}

/* Give the request to the pool, from its first byte on. */
static int begin(struct call *c, enum http_pool_want want, ev_us wait, struct err *e)
{
    const struct call_conf *conf = &c->conf;

    c->sending = 0;
    c->sent_all = false;
    if (conf->body)
        blob_reader_init(&c->body, conf->body, conf->patches, conf->patches_n);
    if (http_pool_request(conf->pool, &c->stream, want, on_connected, c, e) < 0)
        return -1;
    http_stream_bind(c->stream, &stream_cb, c);
    if (ev_timer_set(&c->timer, wait, e) < 0)
        return -1;
    return call_send_head(c->stream, conf, e) < 0 || pump_body(c, e) < 0 ? -1 : 0;
}

/* May an exchange that failed so be tried once more? docs/decisions/0005-kept-connections.md */
static bool may_send_again(const struct call *c, enum http_fail how)
{
    ev_us since = ev_now(c->conf.ev) - c->connected_at;

    if (c->state != WAITING || !c->pooled || c->resent)
        return false;
    return how == HTTP_FAIL_NOT_SENT ||
           (how == HTTP_FAIL_UNANSWERED && since <= EV_MS(CALL_RESEND_MS));
}

/* false: it could not be, and all is as if it had not been tried. */
static bool send_again(struct call *c, enum http_fail how)
{
    struct http_stream *old = c->stream; /* why it failed is told from its memory */
    struct err e;

    c->stream = NULL;
    if (begin(c, HTTP_POOL_FRESH, MIN(EV_MS(c->conf.timeout.connect_ms), first_left(c)), &e) < 0) {
        http_stream_close(&c->stream, HTTP_CLOSE_DONE);
        c->stream = old;
        return false;
    }
    http_stream_close(&old, HTTP_CLOSE_DONE);
    c->state = CONNECTING;
    c->pooled = false;
    c->resent = true;
    c->unsure = how == HTTP_FAIL_UNANSWERED;
    return true;
}

/* ---- the answer ---- */

/* The answer is what was asked for, as far as its head tells. */
static void begin_answer(struct call *c, const struct http_head *h)
{
    enum reframe_kind framing = REFRAME_NONE;

    c->state = ANSWER;
    c->events = c->conf.dialect && c->conf.stream &&
                answer_head_events(h, c->conf.provider->type->framing, &framing);
    if (c->conf.dialect)
        dialect_answer_copy(&c->answer, c->conf.dialect, c->conf.provider->terminal,
                            c->conf.choices, c->events);
    if (framing != REFRAME_NONE)
        reframe_init(&c->reframe, framing);
    if (!c->events)
        http_widen(c->stream);
    c->cb->on_head(c->arg, h, c->events);
}

static void on_head(void *arg, const struct http_head *h)
{
    struct call *c = arg;
    bool says_key = h->status >= 300 && c->conf.key.n >= SCRUB_BYTES_MIN; /* perhaps */
    const char *junk = c->conf.dialect ? answer_head_junk(h) : NULL;
    struct http_head scrubbed;
    struct err e;

    if (c->state == CONNECTING) /* an early answer overtook on_connected */
        c->state = WAITING;
    c->status = h->status;
    if (says_key) {
        if (scrub_head(&scrubbed, h, c->conf.key, &c->arena, &e) < 0) {
            fail(c, CLASS_NEVER_EXECUTED, REASON_NO_MEMORY, "%s", e.text);
            return;
        }
        h = &scrubbed;
    }
    c->content_type = arena_dup(&c->arena, http_field_get(h, "content-type"));
    if (span_has(http_field_get(h, "retry-after")))
        c->retry_after = arena_dup(&c->arena, http_field_get(h, "retry-after"));
    if (h->status >= 300 && c->conf.dialect) {
        c->error_head = failure_head(h, c->conf.provider->type, ev_wall_ms(c->conf.ev), &c->arena);
        c->error_type =
            arena_dup(&c->arena, answer_head_error(h, c->conf.provider->type->error_header));
        c->state = ERROR;
        arm(c, EV_MS(ERROR_BODY_MS));
        return;
    }
    if (junk) {
        fail(c, CLASS_JUNK, REASON_JUNK, "%s", junk);
        return;
    }
    c->scrubs = says_key;
    begin_answer(c, h);
}

/* What was read is under way to the client: no clock runs until call_resume(). */
static void rest(struct call *c)
{
    if (c->state != ANSWER)
        return;
    c->resting = true;
    ev_timer_stop(&c->timer);
}

/* Content comes, or has come before. What is before it (a role, a ping) is no answer yet: while a
 * model thinks, the clock of its first token goes on. */
static void note_content(struct call *c, bool content)
{
    c->answer_begun |= content;
    if (c->answer_begun)
        rest(c);
}

static void note_first(struct call *c)
{
    if (c->times.first == 0)
        c->times.first = ev_now(c->conf.ev);
}

/* Hand on what has come of an event that is longer than CALL_EVENT_MAX. */
static void hand_on_part(struct call *c, struct span raw)
{
    enum call_piece piece = c->in_part ? CALL_EVENT_MORE : CALL_EVENT_FIRST;

    note_content(c, true);
    note_first(c);
    c->in_part = c->handed = true;
    c->cb->on_event(c->arg, &c->answer.ev, raw, piece);
}

/* p[0..n) belongs to an event that goes on. The first piece of a long one is as long as it may be:
 * what is to be renamed must be in it. */
static void hold(struct call *c, const char *p, size_t n)
{
    size_t room = c->in_part ? 0 : CALL_EVENT_MAX - c->held.n, take = MIN(n, room);

    buf_add(&c->held, p, take);
    if (!buf_ok(&c->held)) {
        fail(c, CLASS_NEVER_EXECUTED, REASON_NO_MEMORY, "no memory for an event");
        return;
    }
    if (take == n)
        return;
    if (c->held.n)
        hand_on_part(c, buf_span(&c->held));
    buf_fini(&c->held);
    if (c->state != DONE)
        hand_on_part(c, span_of(p + take, n - take));
}

/* An event's last bytes are p[0..n). */
static void event_whole(struct call *c, const char *p, size_t n)
{
    struct span raw = span_of(p, n);

    c->handed = true;
    if (c->held.n) {
        buf_add(&c->held, p, n);
        raw = buf_span(&c->held);
    }
    note_content(c, dialect_is_content(c->answer.ev.kind));
    if (c->answer.ev.kind != EVENT_KEEPALIVE)
        note_first(c);
    if (!buf_ok(&c->held))
        fail(c, CLASS_NEVER_EXECUTED, REASON_NO_MEMORY, "no memory for an event");
    else
        c->cb->on_event(c->arg, &c->answer.ev, raw,
                        c->in_part ? CALL_EVENT_LAST : CALL_EVENT_WHOLE);
    c->in_part = false;
    buf_fini(&c->held);
}

static void after_event(struct call *c)
{
    enum dialect_verdict v;

    if (c->state != ANSWER)
        return;
    v = dialect_answer_verdict(&c->answer);
    if (v == VERDICT_COMPLETE) {
        c->state = AFTER;
        arm(c, EV_MS(CALL_AFTER_MS));
    } else if (v == VERDICT_ERROR) {
        struct call_failure f = {.status = c->status};

        failure_streamed(&f, c->conf.provider->type, &c->answer.ev);
        tell(c, &f);
    } else if (v == VERDICT_BAD) {
        fail(c, CLASS_JUNK, REASON_JUNK, "%s", dialect_answer_why(&c->answer));
    }
}

static void bytes_ended(struct call *c, const struct err *broken);

static void read_events(struct call *c, const char *p, size_t n)
{
    size_t at = 0, used;

    while (at < n && (c->state == ANSWER || c->state == AFTER)) {
        bool over = c->answer.done; /* what comes behind the terminal marker is not the answer's */
        enum dialect_step step = dialect_answer_next(&c->answer, p + at, n - at, &used);

        if (step == STEP_MORE) {
            if (!over)
                hold(c, p + at, n - at);
            return;
        }
        if (over)
            bytes_ended(c, NULL); /* and the connection is not used again */
        else if (c->answer.ev.kind == EVENT_TERMINAL &&
                 dialect_answer_verdict(&c->answer) == VERDICT_CUT)
            fail(c, CLASS_TRUNCATED, REASON_TRUNCATED, "%s", dialect_answer_why(&c->answer));
        else if (c->answer.ev.kind == EVENT_BAD || c->answer.ev.kind == EVENT_ERROR)
            buf_fini(&c->held); /* not handed on: the relay says it in its own words */
        else
            event_whole(c, p + at, used);
        at += used;
        after_event(c);
    }
}

/* n bytes have gone on their way. */
static void give_back(struct call *c, size_t n)
{
    if (c->stream)
        http_consumed(c->stream, n);
}

/* The framing is broken; behind a complete answer that takes nothing from it. */
static void framing_broken(struct call *c, const struct err *e)
{
    if (c->state == ANSWER)
        fail(c, CLASS_JUNK, e->code == ERR_NOMEM ? REASON_NO_MEMORY : REASON_JUNK, "%s", e->text);
    else
        bytes_ended(c, NULL);
}

/* Bytes of a stream, in the framing that the provider has; n == 0: it has ended in order. -1: the
 * framing is broken. */
static int read_stream(struct call *c, const char *p, size_t n, struct err *e)
{
    int rc;

    if (c->reframe.kind == REFRAME_NONE) {
        read_events(c, p, n);
        return 0;
    }
    rc = n ? reframe_feed(&c->reframe, span_of(p, n), &c->reframed, e)
           : reframe_end(&c->reframe, &c->reframed, e);
    for (size_t at = 0; at < c->reframed.n; at += NET_READ_MAX) /* as a connection would give it */
        read_events(c, c->reframed.p + at, MIN(c->reframed.n - at, NET_READ_MAX));
    buf_fini(&c->reframed);
    return rc;
}

/* Hand on an error that is passed through, without our key; n == 0: at its end. */
static void pass_scrubbed(struct call *c, const char *p, size_t n)
{
    size_t settled;

    buf_add(&c->held, p, n);
    if (!buf_ok(&c->held)) {
        fail(c, CLASS_NEVER_EXECUTED, REASON_NO_MEMORY, "no memory for an error");
        return;
    }
    settled = n ? scrub_part(c->held.p, c->held.n, c->conf.key) : c->held.n;
    if (n == 0)
        scrub(c->held.p, c->held.n, c->conf.key);
    if (settled == 0)
        return;
    c->handed = true;
    c->cb->on_body(c->arg, span_of(c->held.p, settled));
    buf_consume(&c->held, settled);
}

static void read_whole(struct call *c, const char *p, size_t n)
{
    if (c->scrubs) {
        pass_scrubbed(c, p, n);
        return;
    }
    if (c->conf.dialect && dialect_answer_feed(&c->answer, p, n) < 0) {
        fail(c, CLASS_JUNK, REASON_JUNK, "%s", c->answer.ev.error_text);
        return;
    }
    c->handed = true;
    c->cb->on_body(c->arg, span_of(p, n));
}

static void on_body(void *arg, const char *p, size_t n)
{
    struct call *c = arg;
    bool rested = c->resting;
    struct err e;

    c->held_back += n;
    if (c->state == DONE)
        return;
    if (c->state == ERROR) {
        buf_add(&c->error, p, MIN(n, CALL_ERROR_MAX - c->error.n));
        call_resume(c);
        return;
    }
    note_content(c, !c->events);
    c->handed = false;
    if (!c->events)
        read_whole(c, p, n);
    else if (read_stream(c, p, n, &e) < 0)
        framing_broken(c, &e);
    /* What the reframer holds of a message is no longer in the window, or a long one would wait for
     * its own rest. */
    if (c->reframe.kind != REFRAME_NONE && !c->handed && c->held_back == n) {
        c->held_back = 0;
        give_back(c, n);
    }
    /* A piece of an event keeps its credit until the event is handed on, but it is a sign of life.
     */
    if (!c->handed && !rested && c->resting && c->state == ANSWER) {
        c->resting = false;
        arm(c, EV_MS(c->conf.timeout.idle_ms));
    }
}

/* ---- the end of the answer ---- */

static void error_answer(struct call *c, bool whole)
{
    struct call_failure f = {.status = c->status};

    scrub(c->error.p, c->error.n, c->conf.key);
    failure_answered(&f, c->conf.provider->type, c->status, buf_span(&c->error), c->error_type,
                     c->error_head, ev_wall_ms(c->conf.ev), &c->arena);
    f.body = whole && c->error.n < CALL_ERROR_MAX ? buf_span(&c->error) : span_of(NULL, 0);
    f.content_type = c->content_type;
    f.retry_after = c->retry_after;
    tell(c, &f);
}

/* The bytes of the answer have ended, in order or not. */
static void bytes_ended(struct call *c, const struct err *broken)
{
    enum dialect_verdict v;

    if (c->state == ANSWER && c->scrubs && !broken && c->held.n)
        pass_scrubbed(c, "", 0);
    if (c->state == DONE)
        return;
    if (c->state == AFTER || (c->state == ANSWER && !c->conf.dialect && !broken)) {
        done(c);
        return;
    }
    if (!c->conf.dialect) {
        fail(c, CLASS_TRUNCATED, REASON_RESET, "%s", broken->text);
        return;
    }
    v = dialect_answer_verdict(&c->answer);
    if (v == VERDICT_COMPLETE && !broken)
        done(c);
    else if (v == VERDICT_ERROR)
        after_event(c);
    else if (v == VERDICT_BAD)
        fail(c, CLASS_JUNK, REASON_JUNK, "%s", dialect_answer_why(&c->answer));
    else
        fail(c, CLASS_TRUNCATED, REASON_TRUNCATED, "%s",
             broken ? broken->text : dialect_answer_why(&c->answer));
}

static void on_end(void *arg)
{
    struct call *c = arg;
    struct err e;

    if (c->state == ERROR)
        error_answer(c, true);
    else if (c->state == ANSWER || c->state == AFTER)
        bytes_ended(c, read_stream(c, "", 0, &e) < 0 ? &e : NULL);
}

static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    struct call *c = arg;
    struct call_failure f;

    switch (c->state) {
    case CONNECTING:
    case WAITING:
        failure_transport(&f, how, e);
        if (!may_send_again(c, how) || !send_again(c, how))
            fail(c, f.class_id, f.reason, "%s", e->text);
        break;
    case ERROR:
        error_answer(c, false); /* the status is enough to know the class */
        break;
    case ANSWER:
    case AFTER:
        bytes_ended(c, e);
        break;
    case DONE:
        break;
    }
}

/* Whatever comes from the connection is worked on between two words to the owner. Freed or not, the
 * attempt is there until the end of the turn, and so must its owner be. */
static void works(struct call *c, bool on)
{
    OBJ_CHECK(c, MAGIC);
    if (c->cb->on_work)
        c->cb->on_work(c->arg, on);
}

static void work_on_head(void *arg, const struct http_head *h)
{
    works(arg, true);
    on_head(arg, h);
    works(arg, false);
}

static void work_on_body(void *arg, const char *p, size_t n)
{
    works(arg, true);
    on_body(arg, p, n);
    works(arg, false);
}

static void work_on_end(void *arg)
{
    works(arg, true);
    on_end(arg);
    works(arg, false);
}

static void work_on_sent(void *arg, size_t n)
{
    works(arg, true);
    on_sent(arg, n);
    works(arg, false);
}

static void work_on_fail(void *arg, enum http_fail how, const struct err *e)
{
    works(arg, true);
    on_fail(arg, how, e);
    works(arg, false);
}

static const struct http_stream_cb stream_cb = {
    .on_head = work_on_head,
    .on_body = work_on_body,
    .on_end = work_on_end,
    .on_sent = work_on_sent,
    .on_fail = work_on_fail,
};

/* ---- for the owner ---- */

/* Owners free an attempt from inside its callbacks: the memory goes at the end of the turn. */
static void reap(struct ev_post *p)
{
    struct call *c = CONTAINER_OF(p, struct call, reap);

    arena_fini(&c->arena);
    buf_fini(&c->held);
    buf_fini(&c->error);
    buf_fini(&c->reframed);
    reframe_fini(&c->reframe);
    c->magic = 0;
    mem_spares_give(c->conf.spares, c);
}

int call_start(struct call **ret, const struct call_conf *conf, const struct call_cb *cb, void *arg,
               struct err *e)
{
    struct call *c = mem_spares_take(conf->spares, sizeof(*c));

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for an attempt");
    memset(c, 0, sizeof(*c));
    c->magic = MAGIC;
    c->times.began = ev_now(conf->ev);
    c->conf = *conf;
    c->cb = cb;
    c->arg = arg;
    arena_init(&c->arena, ARENA_BUDGET);
    buf_init(&c->held, CALL_EVENT_MAX + NET_READ_MAX);
    buf_init(&c->error, CALL_ERROR_MAX);
    buf_init(&c->reframed, REFRAMED_MAX);
    ev_timer_init(&c->timer, conf->ev, on_timer);
    ev_post_init(&c->reap, reap);
    if (begin(c, HTTP_POOL_ANY, EV_MS(conf->timeout.connect_ms), e) < 0) {
        call_free(&c);
        return -1;
    }
    note_own_time(c);
    *ret = c;
    return 0;
}

void call_resume(struct call *c)
{
    size_t n = c->held_back;

    c->held_back = 0;
    if (c->state == ANSWER && c->resting)
        arm(c, EV_MS(c->conf.timeout.idle_ms));
    c->resting = false;
    give_back(c, n);
}

const struct dialect_answer *call_answer(const struct call *c)
{
    return &c->answer;
}

const struct call_times *call_times(const struct call *c)
{
    return &c->times;
}

bool call_at_boundary(const struct call *c)
{
    return !c->in_part;
}

bool call_reframed(const struct call *c)
{
    return c->reframe.kind != REFRAME_NONE;
}

bool call_resent(const struct call *c)
{
    return c->resent;
}

bool call_request_sent(const struct call *c)
{
    return c->sent_all;
}

void call_free(struct call **cp)
{
    struct call *c = *cp;

    *cp = NULL;
    if (!c)
        return;
    finish(c);
    http_stream_close(&c->stream, HTTP_CLOSE_DONE);
    ev_post(c->conf.ev, &c->reap);
}
