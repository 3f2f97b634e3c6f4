/*
 * upstream.c - what the target of an attempt says, and what becomes of it: the answer on its way to
 * the client, or a failure, which another attempt may follow (attempt.c).
 *
 * Until the first content nothing of an answer has gone (RELAY_TRYING); the top comment of relay.c
 * says what the client sees until then.
 */
#include "relay/headers.h"
#include "relay/relay_plan.h"

/* ---- the attempt's answer ---- */

void relay_ask_more(struct relay *r)
{
    bool blocked = r->backlog >= RELAY_LOW;

    if (!r->at->call)
        return;
    if (!blocked)
        call_resume(r->at->call);
    if (r->blocked && !blocked) /* until now its silence was ours */
        r->heard = ev_now(r->env->ev);
    r->blocked = blocked;
}

int relay_open(struct relay *r, struct err *e)
{
    relay_answers(r);
    ev_timer_stop(&r->hold);
    if (!r->head_sent && relay_send_head(r, HTTP_LEN_UNKNOWN, e) < 0)
        return -1;
    r->state = RELAY_ANSWERING;
    if (call_request_sent(r->at->call) &&
        !r->at->follow) { /* nobody asks for it again, and a stream may last for long */
        blob_unref(&r->body);
        blob_unref(&r->at->up_body);
    }
    if (r->at->held.n && relay_send(r, buf_span(&r->at->held), e) < 0)
        return -1;
    buf_fini(&r->at->held);
    return r->at->follow ? relay_watch(r, e) : 0;
}

/* The client still waits for content: it gets the head, though the target may have said nothing
 * behind its own, for some load balancers end what is silent for a minute; and then what keeps its
 * connection alive. */
static int keep_waiting(struct relay *r, struct err *e)
{
    struct span alive = span_str(r->dialect->keepalive);
    int rc = 0;

    if (!r->head_sent)
        rc = relay_send_head(r, HTTP_LEN_UNKNOWN, e);
    else if (alive.n)
        rc = relay_send(r, alive, e);
    return rc < 0 ? rc : ev_timer_set(&r->hold, EV_MS(RELAY_ALIVE_MS), e);
}

void relay_on_hold(struct ev_timer *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, hold);
    struct err e;

    if (r->state == RELAY_ANSWERING && !r->joining) {
        relay_on_watch(r);
        return;
    }
    if (!r->head_sent && !r->at->events && r->beside)
        relay_turn_to(r->beside);
    if (!r->head_sent && !r->at->events) /* of two attempts the one that had a head has failed */
        return;
    if ((r->joining || r->state == RELAY_TRYING) && keep_waiting(r, &e) < 0)
        relay_impossible(r, &e);
}

static int copy_answer_head(struct relay *r, const struct http_head *h, struct err *e)
{
    struct http_field *fields = arena_alloc(&r->arena, (h->fields_n + 1) * sizeof(*fields));

    if (!fields)
        return err_set(e, ERR_NOMEM, "no memory for an answer");
    r->at->answer_head = *h;
    r->at->answer_head.fields = fields;
    r->at->answer_head.fields_n = headers_filter(fields, h, HEADERS_TO_CLIENT, NULL);
    for (size_t i = 0; i < r->at->answer_head.fields_n; i++) {
        fields[i].name = arena_dup(&r->arena, fields[i].name);
        fields[i].value = arena_dup(&r->arena, fields[i].value);
        if (!fields[i].name.p || !fields[i].value.p)
            return err_set(e, ERR_NOMEM, "no memory for an answer");
    }
    return 0;
}

/* What it says of the account's limits is known before the next request is sent. */
static void note_limits(struct relay *r, const struct http_head *h)
{
    const struct provider *p = r->at->target->provider->type;
    struct provider_limits l = {0};
    uint64_t wall_ms = ev_wall_ms(r->env->ev);

    for (size_t i = 0; i < h->fields_n; i++)
        provider_limits_field(&l, p, h->fields[i].name, h->fields[i].value, wall_ms);
    provider_limits_end(&l, p);
    policy_limits(&r->run, &l, ev_now(r->env->ev));
}

static void on_answer_head(void *arg, const struct http_head *h, bool events)
{
    struct relay *r = relay_of(arg);
    struct err e;
    int rc;

    r->record.upstream_status = h->status;
    note_limits(r, h);
    r->at->events = events;
    r->at->whole = !events && r->op->routed;
    rc = copy_answer_head(r, h, &e);
    if (rc == 0 && events && call_reframed(r->at->call))
        relay_set_type(r, SPAN_LIT("text/event-stream"));
    if (rc == 0 && events && !r->head_sent)
        rc = ev_timer_set(&r->hold, EV_MS(RELAY_HOLD_MS), &e);
    if (rc == 0 && r->at->whole)
        rc = blob_new(&r->at->answer, &r->env->blobs, r->settings->server.answer_bytes_max, &e);
    if (rc == 0 && !events && !r->at->whole) { /* passed through: there is nothing to wait for */
        r->state = RELAY_ANSWERING;
        rc = relay_send_head(r, h->body_len, &e);
    }
    if (rc == 0 && r->op->routed && r->head_sent && !events)
        rc = err_set(&e, ERR_PROTOCOL, "the answer is no stream, and its head was sent as one's");
    if (rc < 0)
        relay_impossible(r, &e);
    else
        relay_follow(r);
}

/* Since the target was asked. */
static ev_us waited(const struct relay *r)
{
    ev_us asked = call_times(r->at->call)->asked;

    return asked ? ev_now(r->env->ev) - asked : 0;
}

void relay_note_told(struct relay *r)
{
    struct err e;

    if (r->record.first_us == 0)
        r->record.first_us = ev_now(r->env->ev) - r->began;
    if (r->joining && r->at->follow && relay_watch(r, &e) < 0)
        UNUSED(e); /* then timeout.idle is what there is */
    r->joining = false;
}

static int tell_event(struct relay *r, const struct dialect_event *ev, struct span raw,
                      enum call_piece piece, struct err *e)
{
    bool content = dialect_is_content(ev->kind), release = piece != CALL_EVENT_WHOLE || content;

    if (relay_tell_calls(r, e) < 0)
        return -1;
    relay_follow_event(r, raw, piece);
    if (r->state == RELAY_TRYING && (release || r->at->held.n > RELAY_HOLD) && relay_open(r, e) < 0)
        return -1;
    if (r->state == RELAY_TRYING)
        return relay_hold_event(r, ev, raw, e);
    if (relay_send_event(r, ev, raw, piece, e) < 0)
        return -1;
    if (content)
        relay_note_told(r);
    return 0;
}

/* Has it the number of the last one? To the byte, it has come twice; else one of them is not what
 * it claims to be. */
static bool has_come(struct relay *r, const struct dialect_event *ev, struct span raw,
                     enum call_piece piece)
{
    uint64_t before = r->at->event_print;
    struct err e;

    r->at->event_print = ev->next && piece == CALL_EVENT_WHOLE ? span_hash(raw) : 0;
    if (!ev->again || before == 0 || r->at->event_print == 0)
        return false;
    if (r->at->event_print == before) {
        relay_ask_more(r);
    } else {
        UNUSED(err_set(&e, ERR_PROTOCOL, "two events have the number %llu",
                       (unsigned long long)ev->next - 1));
        relay_impossible(r, &e);
    }
    return true;
}

static void on_event(void *arg, const struct dialect_event *ev, struct span raw,
                     enum call_piece piece)
{
    struct relay *r = relay_of(arg);
    bool only_ours = r->at->usage_added && ev->kind == EVENT_USAGE && piece == CALL_EVENT_WHOLE;
    struct err e;
    int rc;

    relay_note_keeper(r);
    if (has_come(r, ev, raw, piece))
        return;
    if (only_ours) { /* the client has not asked for it */
        relay_ask_more(r);
        return;
    }
    if (dialect_is_content(ev->kind))
        relay_answers(r);
    relay_hear(r, dialect_is_content(ev->kind));
    if (relay_holds(r, ev, raw, piece))
        rc = relay_hold_call(r, ev, raw, &e);
    else
        rc = tell_event(r, ev, raw, piece, &e);
    if (rc < 0) {
        relay_impossible(r, &e);
        return;
    }
    if (dialect_is_content(ev->kind) && !r->run.it.answered)
        policy_answers(&r->run, waited(r), ev_now(r->env->ev)); /* only routed ones have events */
    relay_ask_more(r);
}

/* What the client has asked for is more than may be held: that is nobody's failure, and another
 * target would be paid for as much. */
static void refuse_large_answer(struct relay *r, const struct err *e)
{
    struct relay_refusal no = {
        .status = 502,
        .reason = REASON_JUNK,
        .class_id = CLASS_JUNK,
        .text = e->text,
        .hint = "Ask for a stream or for less, or raise server.limits.answer in the gateway's "
                "configuration."};

    struct relay_last last = {.no = no, .target = r->at->target};
    struct policy_failure f = {.class_id = CLASS_JUNK, .unasked = true};

    if (relay_is_spare(r))
        UNUSED(relay_try_on(r, &f, &last)); /* the first one may say less */
    else
        relay_refuse(r, &no);
}

static void on_answer_body(void *arg, struct span bytes)
{
    struct relay *r = relay_of(arg);
    struct err e;
    int rc;

    if (r->at->whole)
        rc = blob_add(r->at->answer, bytes.p, bytes.n, &e);
    else
        rc = relay_send(r, bytes, &e);
    if (r->record.first_us == 0 && !r->at->whole)
        r->record.first_us = ev_now(r->env->ev) - r->began;
    if (rc == 0)
        relay_ask_more(r);
    else if (r->at->whole && e.code == ERR_LIMIT)
        refuse_large_answer(r, &e);
    else
        relay_impossible(r, &e);
}

/* All of it is written. */
static void end_answer(struct relay *r)
{
    struct err e;

    r->end_sent = true;
    if (http_send_end(r->client, &e) < 0)
        relay_end(r, HTTP_CLOSE_BROKEN);
    else
        relay_flush(r);
}

void relay_pump_answer(struct relay *r)
{
    struct err e;
    struct span s;

    while (r->backlog < HTTP_ANSWER_WINDOW) {
        if (blob_reader_next(&r->at->answer_reader, HTTP_ANSWER_WINDOW - r->backlog, &s, &e) < 0) {
            relay_end(r, HTTP_CLOSE_BROKEN);
            return;
        }
        if (s.n == 0) {
            end_answer(r);
            return;
        }
        if (relay_send(r, s, &e) < 0) {
            relay_end(r, HTTP_CLOSE_BROKEN);
            return;
        }
    }
}

/* The whole answer is good: begin to send it. */
static void send_whole_answer(struct relay *r)
{
    const struct dialect_event *ev = &call_answer(r->at->call)->ev;
    size_t patches = 0;
    struct err e;

    if (r->at->rename && ev->model_len) {
        r->at->answer_patch =
            (struct blob_patch){ev->model_at, ev->model_len, r->at->client_model_json};
        patches = 1;
    }
    blob_reader_init(&r->at->answer_reader, r->at->answer, &r->at->answer_patch, patches);
    r->state = RELAY_ANSWERING;
    if (relay_send_head(r, blob_patched_len(r->at->answer, &r->at->answer_patch, patches), &e) <
        0) {
        relay_impossible(r, &e);
        return;
    }
    r->record.first_us = ev_now(r->env->ev) - r->began;
    relay_pump_answer(r);
}

/* What passed through was not read: its status alone says how it went. */
static enum outcome passed_outcome(uint16_t status)
{
    if (status >= 500 || status == 429)
        return OUTCOME_FAILED;
    return status >= 400 ? OUTCOME_CLIENT_ERROR : OUTCOME_FULL;
}

/* Whatever can still be wrong with the answer is found here, as long as it is a failure like
 * others. */
static int finish_answer(struct relay *r, struct err *e)
{
    if (r->at->whole) {
        relay_note_keeper(r);
        return r->at->translate ? relay_translate_answer(r, e) : 0;
    }
    if (relay_tell_calls(r, e) < 0 || (r->state == RELAY_TRYING && relay_open(r, e) < 0))
        return -1;
    return relay_translate_end(r, e);
}

static void note_success(struct relay *r)
{
    r->record.outcome = passed_outcome(r->at->answer_head.status);
    if (r->at->follow && r->silence)
        policy_gap(&r->run, r->silence, ev_now(r->env->ev));
    if (r->run.n) {
        policy_goes_on(&r->run, &r->pace, true, ev_now(r->env->ev));
        policy_ended(&r->run, waited(r), ev_now(r->env->ev));
    }
    if (r->record.hedge != RECORD_HEDGE_WON || r->last)
        relay_take_seat(r); /* else it stays where its conversation has been read */
    if (r->broke)
        r->record.outcome = OUTCOME_JOINED;
    else if (r->record.outcome == OUTCOME_FULL && r->at->target->degraded)
        r->record.outcome = OUTCOME_DEGRADED;
    else if (r->record.outcome == OUTCOME_FULL &&
             (r->record.hedge == RECORD_HEDGE_WON || (r->last && r->last->target != r->at->target)))
        r->record.outcome = OUTCOME_EQUIVALENT;
}

bool relay_left_with_all(struct relay *r)
{
    bool all = r->state == RELAY_ANSWERING && !r->at->whole && !r->at->translate &&
               r->backlog == 0 && r->at->call && call_answer(r->at->call)->done;

    if (!all)
        return false;
    note_success(r);
    if (r->once) /* its tape is complete, and is kept for who asks again */
        end_answer(r);
    else
        relay_end(r, HTTP_CLOSE_BROKEN);
    return true;
}

static void on_done(void *arg)
{
    struct relay *r = relay_of(arg);
    struct err e;

    if (finish_answer(r, &e) < 0) {
        relay_impossible(r, &e);
        return;
    }
    relay_answers(r);
    note_success(r);
    if (r->at->whole)
        send_whole_answer(r);
    else
        end_answer(r);
}

/* ---- the attempt failed ---- */

void relay_fail(struct relay *r, const struct relay_last *last)
{
    const struct relay_retry retry = {.after = last->no.retry_after};
    struct err e;

    if (r->state == RELAY_TRYING && relay_go_back(r, &last->no))
        return;
    r->at->target = last->target;
    if (r->at->target)
        relay_name_target(r);
    if (r->broke) {
        relay_refuse_join(r, &last->no);
        return;
    }
    if (!span_has(last->body) || r->head_sent) {
        relay_refuse(r, &last->no);
        return;
    }
    relay_note(r, &last->no);
    relay_drop_call(r);
    if (relay_send_whole(r, last->no.upstream_status, last->content_type, last->body, &retry, &e) <
        0)
        relay_end(r, HTTP_CLOSE_BROKEN);
    else
        relay_flush(r);
}

/* What the caller did wrong is said in the provider's own words: status and body as they came. */
static bool passes_on(const struct relay *r, const struct call_failure *f)
{
    return !r->at->translate && f->body.n && !relay_would_spill(r, f->class_id) &&
           (f->class_id == CLASS_CALLER || f->class_id == CLASS_TOO_LONG ||
            f->class_id == CLASS_POLICY);
}

/* The status toward the client: the class's, but a provider's own 4xx about load says more. */
static uint16_t client_status(const struct call_failure *f)
{
    if (f->status == 429 || f->status == 529 || f->status == 503)
        return f->status;
    if (f->reason == REASON_TIMEOUT_FIRST || f->reason == REASON_TIMEOUT_IDLE ||
        f->reason == REASON_STALL)
        return 504;
    return class_row(f->class_id)->client_status;
}

static uint64_t retry_ms(const struct call_failure *f)
{
    return f->asks ? MAX(MIN(f->delay_us, POLICY_DELAY_US) / 1000, UINT64_C(1)) : 0;
}

static void attempt_failed(struct relay *r, const struct call_failure *f)
{
    struct relay_last last = {.no = {.status = client_status(f),
                                     .reason = f->reason,
                                     .class_id = f->class_id,
                                     .hint = class_row(f->class_id)->hint,
                                     .upstream_type = f->type,
                                     .upstream_status = f->status,
                                     .retry_after = f->retry_after,
                                     .retry_ms = retry_ms(f)},
                              .target = r->at->target,
                              .body = passes_on(r, f) ? f->body : span_of(NULL, 0),
                              .content_type = f->content_type};
    struct policy_failure pf = {
        .class_id = f->class_id,
        .status = f->status,
        .stalled_us = f->reason == REASON_STALL ? ev_now(r->env->ev) - r->heard : 0,
        .silent = f->reason == REASON_STALL || f->reason == REASON_TIMEOUT_FIRST ||
                  f->reason == REASON_TIMEOUT_CONNECT,
        .waited_us = f->reason == REASON_TIMEOUT_FIRST ? waited(r) : 0,
        .asks = f->asks,
        .delay_us = f->delay_us,
        .too_fast = f->too_fast};
    struct span text;

    policy_limits(&r->run, &f->limits, ev_now(r->env->ev));
    if (relay_renew(r, f))
        return;
    if (f->status == 404 && f->class_id == CLASS_CREDENTIAL)
        last.no.hint = "The provider has no such model, or the gateway's key has no access to it.";
    text = arena_printf(&r->arena, "%s: %s%s%s%s", r->record.target, reason_meaning(f->reason),
                        f->text[0] ? " (" : "", f->text, f->text[0] ? ")" : "");
    last.no.text = text.p ? text.p : reason_meaning(f->reason);
    /* Our own want of memory says nothing about the target, and another one needs no less. */
    pf.unasked = f->reason == REASON_NO_MEMORY;
    if ((pf.unasked && !relay_is_spare(r)) || !relay_try_on(r, &pf, &last))
        relay_fail(r, &last);
}

static void on_call_failed(void *arg, const struct call_failure *f)
{
    attempt_failed(relay_of(arg), f);
}

static void on_call_work(void *arg, bool works)
{
    const struct relay_attempt *a = arg;

    relay_on_work(a->relay, works);
}

void relay_stalled(struct relay *r, ev_us quiet)
{
    struct call_failure f = {.class_id = CLASS_MAYBE_EXECUTED, .reason = REASON_STALL};

    UNUSED(snprintf(f.text, sizeof(f.text), "no event for %.1f s", (double)quiet / 1e6));
    attempt_failed(r, &f);
}

const struct call_cb relay_call_cb = {
    .on_work = on_call_work,
    .on_head = on_answer_head,
    .on_event = on_event,
    .on_body = on_answer_body,
    .on_done = on_done,
    .on_fail = on_call_failed,
};
