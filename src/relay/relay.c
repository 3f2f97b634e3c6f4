/*
 * relay.c - the life of a client's request.
 *
 *     READING   -- body whole, target found -->  TRYING     begin_trying()
 *     READING   -- nobody may be asked, but soon --> TRYING  relay_wait()
 *     READING   -- refused -->                   FLUSHING   an error answer is written
 *     READING   -- a repetition -->              READING_ALONG   it gets the answer of the first
 *     READING   -- another worker's -->          HANDED     that one answers: hand_over.c
 *     TRYING    -- its credential is there -->   TRYING     relay_try()
 *     TRYING    -- refused for its credential --> TRYING    once, with a new one
 *     TRYING    -- the attempt failed -->        TRYING     another one may follow: relay_try_on()
 *     TRYING    -- first content, or a whole answer --> ANSWERING   open_answer()
 *     TRYING    -- nobody is left to ask -->     FLUSHING   an error answer is written
 *     ANSWERING -- all written -->               FLUSHING
 *     ANSWERING -- the attempt failed -->        ANSWERING  another target may go on: join.c
 *     ANSWERING -- nobody goes on -->            FLUSHING, with an error event and `broken`
 *     FLUSHING  -- nothing left to leave -->     ENDED      end(): record, close
 *     any       -- the client has left -->       ENDED
 *
 * The head of a stream waits for the first event with content: until then nothing has been
 * promised, another target can take over unseen, and a failure is an ordinary error answer with a
 * true status. After RELAY_HOLD_MS the head goes alone, and behind it the dialect's keep-alive from
 * time to time; what comes before the content is held still, for it would say which target has
 * begun.
 *
 * Invariants: (1) a record is made exactly once, in end();
 *             (2) a terminal marker that the target did not send is never written;
 *             (3) an answer that is not complete ends broken.
 */
#include "relay/relay.h"

#include <openssl/evp.h>

#include "base/mem.h"
#include "board/suspect.h"
#include "relay/hand_over.h"
#include "relay/headers.h"
#include "relay/relay_plan.h"

#define SPOOL_DIR "/var/tmp" /* for bodies past BLOB_MEMORY; on a disk, unlike many a /tmp */

/* ---- refusing and failing ---- */

/* For want of the gateway's own room. Behind the head of an answer it is a broken one. */
static bool is_shed(const struct relay *r, const struct relay_refusal *no)
{
    return !r->head_sent && (no->reason == REASON_NO_MEMORY || no->reason == REASON_DRAINING);
}

static enum outcome outcome_of(const struct relay *r, const struct relay_refusal *no)
{
    if (is_shed(r, no))
        return OUTCOME_SHED;
    if (no->reason == REASON_CLIENT_GONE)
        return OUTCOME_CLIENT_GONE;
    if (no->class_id == CLASS_CALLER || no->class_id == CLASS_TOO_LONG ||
        no->class_id == CLASS_POLICY)
        return OUTCOME_CLIENT_ERROR;
    if (no->class_id == CLASS_NONE && no->status >= 400 && no->status < 500)
        return OUTCOME_CLIENT_ERROR;
    return OUTCOME_FAILED;
}

void relay_note(struct relay *r, const struct relay_refusal *no)
{
    r->record.outcome = outcome_of(r, no);
    r->record.reason = no->reason;
    r->record.class_id = no->class_id;
    if (no->upstream_status)
        r->record.upstream_status = no->upstream_status;
    if (no->text)
        snprintf(r->record.text, sizeof(r->record.text), "%s", no->text);
}

/* What is held is never sent. */
static void note_stand(struct relay *r, const struct dialect_answer *a)
{
    r->sequence = r->state == RELAY_TRYING ? 0
                  : r->at->translate       ? translate_sequence(r->at->translate)
                  : r->at->calls.held.n    ? r->at->calls.sequence
                                           : a->sequence;
    if (r->state == RELAY_ANSWERING && r->at->translate && r->at->follow)
        translate_stand(r->at->translate, r->at->follow);
}

void relay_drop_attempt(struct relay *r)
{
    struct record *rec = &r->record;
    const struct dialect_answer *a;
    const struct call_times *t;

    cred_wait_cancel(&r->at->credential);
    if (!r->at->call) {
        relay_settle_cost(r, false);
        return;
    }
    a = call_answer(r->at->call);
    rec->resent = call_resent(r->at->call);
    t = call_times(r->at->call);
    rec->attempt_us = (t->ended ? t->ended : ev_now(r->env->ev)) - t->began;
    rec->attempt_first_us = t->first ? t->first - t->began : 0;
    relay_note_cost(r, a);
    policy_used(&r->run, a->usage.seen ? a->usage.input : 0,
                a->usage.seen && a->usage.output ? a->usage.output : r->pace.n, ev_now(r->env->ev));
    relay_settle_cost(r, true);
    note_stand(r, a);
    relay_drop_calls(r);
    relay_keep(rec->upstream_model, sizeof(rec->upstream_model), span_of(a->model, a->model_n));
    call_free(&r->at->call);
    if (r->at->counted)
        board_leave(r->at->counted);
    r->at->counted = NULL;
}

void relay_drop_call(struct relay *r)
{
    relay_end_beside(r);
    ev_timer_stop(&r->again);
    if (!r->head_sent) /* else the client waits on, and is kept alive */
        ev_timer_stop(&r->hold);
    relay_drop_attempt(r);
}

void relay_flush(struct relay *r)
{
    r->state = RELAY_FLUSHING;
    if (r->backlog == 0)
        relay_end(r, HTTP_CLOSE_DONE);
}

/* The client is told `no`; what the record says of the attempt has been noted. */
static void say_no(struct relay *r, const struct relay_refusal *no)
{
    bool boundary = r->state == RELAY_TRYING || r->at->translate || r->broke ||
                    (r->at->call && call_at_boundary(r->at->call));
    struct err e;

    relay_drop_call(r); /* or it would go on answering behind the refusal */
    if (!r->head_sent) {
        if (relay_send_refusal(r, no, &e) < 0)
            relay_end(r, HTTP_CLOSE_BROKEN);
        else
            relay_flush(r);
        return;
    }
    /* The bytes leave before the unclean end: closing flushes what is queued. */
    if (r->streams && relay_send_error_event(r, no, boundary, &e) < 0)
        UNUSED(e); /* then the unclean end alone has to tell */
    relay_end(r, HTTP_CLOSE_BROKEN);
}

void relay_refuse(struct relay *r, const struct relay_refusal *no)
{
    if (r->state == RELAY_ENDED || r->state == RELAY_FLUSHING || r->state == RELAY_READING_ALONG)
        return;
    relay_turn_to_first(r);
    if ((r->state == RELAY_TRYING && relay_go_back(r, no)) || relay_say_approved(r, no))
        return;
    relay_note(r, no);
    say_no(r, no);
}

void relay_refuse_join(struct relay *r, const struct relay_refusal *no)
{
    relay_note(r, no);
    r->record.outcome = OUTCOME_FAILED;
    say_no(r, &r->broke->no);
}

static void refuse_ending(struct relay *r, enum reason reason)
{
    struct relay_refusal no = {.status = 503,
                               .reason = reason,
                               .class_id = CLASS_OVERLOAD,
                               .text = reason_meaning(reason)};

    relay_refuse(r, &no);
}

/* The client is gone, and its stream does not know it yet. */
static void client_is_gone(struct relay *r, const struct err *e)
{
    struct relay_refusal no = {.status = 400, .reason = REASON_CLIENT_GONE, .text = e->text};

    if (relay_left_with_all(r))
        return;
    relay_turn_to_first(r);
    relay_note(r, &no);
    relay_end(r, HTTP_CLOSE_BROKEN);
}

void relay_impossible(struct relay *r, const struct err *e)
{
    struct relay_last last = {.no = {.status = 503, .reason = REASON_NO_MEMORY, .text = e->text},
                              .target = r->at->target};
    struct policy_failure f = {.class_id = CLASS_JUNK};
    bool ours = e->code != ERR_LIMIT && e->code != ERR_PROTOCOL; /* memory, the spool's disk */

    if (e->code == ERR_RESET) {
        client_is_gone(r, e);
        return;
    }
    if (ours && relay_is_spare(r)) {
        f.ours = true;
        UNUSED(relay_try_on(r, &f, &last)); /* the first attempt goes on */
        return;
    }
    if (ours) {
        relay_refuse(r, &last.no);
        return;
    }
    /* too large, or not what it claims to be */
    last.no.status = 502;
    last.no.reason = REASON_JUNK;
    last.no.class_id = CLASS_JUNK;
    last.no.text = arena_dup(&r->arena, span_str(e->text)).p;
    if (!relay_try_on(r, &f, &last))
        relay_fail(r, &last);
}

void relay_on_work(void *arg, bool works)
{
    struct relay *r = arg;

    if (r->env->sink.row)
        board_set(&r->env->sink.row->working, works ? r->print : 0);
}

/* The clock of the whole request runs, by the provider of whom it goes to, or may go to; whoever
 * begins again with another configuration has been waited for since the first time. */
static bool begin_trying(struct relay *r)
{
    const struct settings_target *t = r->at->target ? r->at->target : r->ways[0].target;
    struct relay_refusal no = {.status = 503, .reason = REASON_NO_MEMORY};
    ev_us total = EV_MS(t->provider->timeout.total_ms), now = ev_now(r->env->ev);
    struct err e;

    if (!r->trying_since)
        r->trying_since = now;
    r->deadline_at = MAX(r->trying_since + total, now);

    r->state = RELAY_TRYING;
    r->record.stream = r->req.stream;
    if (ev_timer_set(&r->deadline, r->deadline_at - now, &e) == 0) {
        relay_watch_silence(r);
        return true;
    }
    no.text = e.text;
    relay_refuse(r, &no);
    return false;
}

/* ---- the client's request ---- */

#define BODY_HINT "Send less, or raise server.limits.body in the gateway's configuration."

/* The body is whole: has this very request cost a worker its life? A body whose length was not
 * announced has been read by then, up to its end. false: it is refused. */
static bool recognize(struct relay *r)
{
    struct relay_refusal no = {.status = 500, .reason = REASON_CRASHED_BEFORE};
    const struct board *b = r->env->sink.board;

    if (!b || r->print || r->record.bytes_in == 0)
        return true;
    r->print = MAX(XXH64_digest(&r->read), UINT64_C(1));
    if (!suspect_is(b, r->print, ev_now(r->env->ev)))
        return true;
    no.text = reason_meaning(no.reason);
    no.hint = "Change the request, or tell who runs the gateway: this is a defect of the gateway, "
              "and its log says when it happened.";
    relay_refuse(r, &no);
    return false;
}

bool relay_read_body(struct relay *r, struct span s, struct relay_refusal *no)
{
    struct err e;

    if (blob_add(r->body, s.p, s.n, &e) < 0) {
        bool large = e.code == ERR_LIMIT;
        enum reason reason = large ? REASON_BODY_TOO_LARGE : REASON_NO_MEMORY;
        struct span text = arena_dup(&r->arena, span_str(e.text));

        return relay_no(
            no, large ? 413 : 503, reason, text.p ? text.p : reason_meaning(reason),
            large ? BODY_HINT
                  : "Try again, or raise server.limits.memory in the gateway's configuration.");
    }
    bulk_feed(&r->bulk, s);
    if (!r->reader || dialect_request_feed(r->reader, s.p, s.n) == 0)
        return true;
    relay_no(no, 400, REASON_BAD_REQUEST, NULL, NULL);
    relay_body_fault(r, no);
    return false;
}

static void on_body(void *arg, const char *p, size_t n)
{
    struct relay *r = arg;
    struct relay_refusal no;

    http_consumed(r->client, n);
    if (r->state != RELAY_READING)
        return;
    r->record.bytes_in += n;
    if (r->env->sink.board || span_has(r->once_key))
        MUST(XXH64_update(&r->read, p, n) == XXH_OK);
    if (r->record.bytes_in == r->head->body_len && !recognize(r))
        return;
    relay_on_work(r, true);
    if (!relay_read_body(r, span_of(p, n), &no))
        relay_refuse(r, &no);
    relay_on_work(r, false);
}

bool relay_read_end(struct relay *r, struct relay_refusal *no)
{
    if (r->reader && dialect_request_end(r->reader) < 0) {
        relay_no(no, 400, REASON_BAD_REQUEST, NULL, NULL);
        relay_body_fault(r, no);
        return false;
    }
    bulk_end(&r->bulk);
    if (r->reader)
        r->req = r->reader->req;
    mem_free_ptr(&r->reader);
    return true;
}

void relay_serve(struct relay *r, const struct relay_refusal *no)
{
    if (no && !relay_wait(r))
        relay_refuse(r, no);
    else if (begin_trying(r) && !no)
        relay_try(r);
}

static void serve_request(struct relay *r)
{
    struct relay_refusal no;

    if (!relay_read_end(r, &no))
        relay_refuse(r, &no);
    else if (!relay_is_first(r))
        return;
    else if (relay_find_target(r, &no))
        relay_serve(r, NULL);
    else if (!relay_go_back(r, &no))
        relay_serve(r, &no);
}

static void on_end(void *arg)
{
    struct relay *r = arg;

    if (r->state != RELAY_READING || !recognize(r))
        return;
    relay_on_work(r, true);
    serve_request(r);
    relay_on_work(r, false);
}

static void on_sent(void *arg, size_t n)
{
    struct relay *r = arg;

    relay_on_work(r, true);
    r->backlog -= MIN(n, r->backlog);
    if (r->state == RELAY_FLUSHING && r->backlog == 0)
        relay_end(r, HTTP_CLOSE_DONE);
    else if (r->state == RELAY_HANDED)
        relay_handed_sent(r, n);
    else if (r->state == RELAY_ANSWERING && r->at->whole && !r->end_sent)
        relay_pump_answer(r);
    else if (r->state == RELAY_ANSWERING)
        relay_ask_more(r);
    relay_on_work(r, false);
}

static void on_client_failed(void *arg, enum http_fail how, const struct err *e)
{
    struct relay *r = arg;
    struct relay_refusal no = {.status = 400, .reason = REASON_BAD_REQUEST, .text = e->text};

    if (r->state == RELAY_ENDED)
        return;
    if (how == HTTP_FAIL_REQUEST && r->state == RELAY_FLUSHING)
        return; /* its answer is under way already */
    if (how == HTTP_FAIL_REQUEST && r->state == RELAY_READING) {
        if (e->code == ERR_LIMIT) {
            no.status = 413;
            no.reason = REASON_BODY_TOO_LARGE;
            no.hint = BODY_HINT;
        } else if (e->code == ERR_TIMEOUT) {
            no.status = 408;
        }
        relay_refuse(r, &no);
        return;
    }
    if (relay_left_with_all(r))
        return;
    if (r->state != RELAY_FLUSHING) { /* while flushing the outcome is known already */
        no.reason = REASON_CLIENT_GONE;
        relay_turn_to_first(r);
        relay_note(r, &no);
    }
    relay_end(r, HTTP_CLOSE_BROKEN);
}

const struct http_stream_cb relay_client_cb = {
    .on_body = on_body,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_fail = on_client_failed,
};

/* ---- birth and death ---- */

static void on_deadline(struct ev_timer *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, deadline);
    struct relay_refusal no = {
        .status = 504,
        .reason = REASON_TIMEOUT_TOTAL,
        /* without one there was no credential */
        .class_id = r->record.attempts ? CLASS_MAYBE_EXECUTED : CLASS_NEVER_EXECUTED,
    };

    no.text = reason_meaning(no.reason);
    no.hint = "Raise timeout.total, or ask for a shorter answer.";
    relay_refuse(r, &no);
}

static void begin_attempt(struct relay *r, struct relay_attempt *a)
{
    a->relay = r;
    a->patches = a->few_patches;
    a->patches_room = RELAY_PATCHES;
    buf_init(&a->held, 2 * RELAY_HOLD + CALL_EVENT_MAX);
    buf_init(&a->calls.held, 2 * RELAY_CALLS);
    ev_timer_init(&a->calls.timer, r->env->ev, relay_on_calls);
    cred_wait_init(&a->credential, relay_on_credential);
}

static void end_attempt(struct relay *r, struct relay_attempt *a)
{
    r->at = a;
    cred_unref(&a->cred);
    relay_unfollow(r);
    blob_unref(&a->answer);
    relay_translated_fini(r);
    buf_fini(&a->held);
    buf_fini(&a->calls.held);
    relay_free_patches(r);
}

int relay_begin_second(struct relay *r, struct err *e)
{
    r->hedge = mem_zalloc(1, sizeof(*r->hedge));
    if (!r->hedge)
        return err_set(e, ERR_NOMEM, "no memory for a second attempt");
    begin_attempt(r, &r->hedge->attempt);
    return 0;
}

void relay_fini(struct relay *r)
{
    if (r->hedge)
        end_attempt(r, &r->hedge->attempt);
    end_attempt(r, &r->first);
    mem_free(r->hedge);
    blob_unref(&r->body);
    tape_unref(&r->tape);
    mem_free(r->reader);
    arena_fini(&r->arena);
    settings_unref(&r->settings);
    settings_unref(&r->tried);
}

static void reap(struct ev_post *p)
{
    struct relay *r = CONTAINER_OF(p, struct relay, reap);

    relay_fini(r);
    mem_spares_give(&r->env->relays, r);
}

void relay_end(struct relay *r, enum http_close how)
{
    struct relay_env *env = r->env;

    if (r->state == RELAY_ENDED)
        return;
    r->state = RELAY_ENDED;
    r->record.duration_us = ev_now(r->env->ev) - r->began;
    relay_drop_call(r);
    if (r->run.n)
        policy_dropped(&r->run, ev_now(env->ev));
    ev_timer_stop(&r->hold);
    ev_timer_stop(&r->slow);
    ev_timer_stop(&r->deadline);
    relay_end_once(r, how);
    relay_trial_over(r);
    http_stream_close(&r->handed, how);
    http_stream_close(&r->client, how);
    list_del(&r->link);
    env->stats.live--;
    if (r->owner_answers) {
        if (env->sink.held)
            held_give_up(env->sink.held, r->record.held);
    } else {
        env->stats.outcomes[r->record.outcome]++;
        if (env->sink.record)
            env->sink.record(env->sink.arg, &r->record);
    }
    ev_post(env->ev, &r->reap);
}

static void make_id(struct relay *r)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    unsigned char random[RELAY_ID - 2];

    ev_random(r->env->ev, random, sizeof(random));
    r->record.id[0] = 'r';
    r->record.id[1] = '_';
    for (size_t i = 0; i < sizeof(random); i++)
        r->record.id[i + 2] = digits[random[i] & 31];
}

static void note_begin(struct relay *r)
{
    struct held_request q = {
        .wall_ms = r->record.wall_ms, .began_us = r->began, .op = r->record.op};

    if (!r->env->sink.held)
        return;
    memcpy(q.id, r->record.id, sizeof(q.id));
    r->record.held = held_claim(r->env->sink.held, &q);
}

/* Answers that need no target. true: it was one. */
static bool serve_own(struct relay *r)
{
    struct relay_refusal no;
    struct relay_page page;
    struct span name;
    struct err e;
    int rc;

    switch ((int)r->op->op) {
    case OP_MODELS:
    case OP_GEMINI_MODELS:
        if (!relay_read_page(r, &page, &no)) {
            relay_refuse(r, &no);
            return true;
        }
        rc = relay_send_models(r, &page, &e);
        break;
    case OP_MODEL:
    case OP_GEMINI_MODEL:
        if (!relay_find_model(r, &name, &no)) {
            relay_refuse(r, &no);
            return true;
        }
        rc = relay_send_model(r, name, &e);
        break;
    case OP_ROOT:
    case OP_ROOT_HEAD:
        rc = relay_send_root(r, &e);
        break;
    default:
        return false;
    }
    r->record.outcome = OUTCOME_FULL;
    if (rc < 0)
        relay_end(r, HTTP_CLOSE_BROKEN);
    else
        relay_flush(r);
    return true;
}

int relay_begin(struct relay *r, struct err *e)
{
    if (blob_new(&r->body, &r->env->blobs, r->env->settings->server.limits.body_bytes, e) < 0)
        return -1;
    /* What the path asks for is a part of the request. */
    MUST(XXH64_reset(&r->read, XXH64(r->head->path.p, r->head->path.n, 0)) == XXH_OK);
    if (r->op->routed) {
        r->reader = mem_alloc(sizeof(*r->reader));
        if (!r->reader)
            return err_set(e, ERR_NOMEM, "no memory for a request");
        dialect_request_copy(r->reader, relay_ready(r, r->dialect));
    }
    return 0;
}

void relay_init(struct relay *r, struct relay_env *env, const struct http_head *h)
{
    memset(r, 0, sizeof(*r));
    r->env = env;
    r->settings = settings_ref(env->settings);
    r->head = h;
    r->began = ev_now(env->ev);
    r->record.wall_ms = ev_wall_ms(env->ev);
    r->record.op = OPS;
    make_id(r);
    arena_init(&r->arena, RELAY_ARENA);
    r->at = &r->first;
    begin_attempt(r, r->at);
    ev_timer_init(&r->slow, env->ev, relay_on_slow);
    ev_timer_init(&r->hold, env->ev, relay_on_hold);
    ev_timer_init(&r->again, env->ev, relay_on_again);
    ev_timer_init(&r->deadline, env->ev, on_deadline);
    ev_timer_init(&r->silent, env->ev, relay_on_silent);
    ev_post_init(&r->reap, reap);
    ev_post_init(&r->over, relay_on_over);
    list_init(&r->link);
}

static void begin(struct relay *r, const struct net_addr *peer)
{
    struct err e;

    relay_draw_side(r, peer);
    if (relay_begin(r, &e) < 0)
        relay_impossible(r, &e);
}

void relay_on_request(void *arg, struct http_stream *s, const struct http_head *h,
                      const struct net_addr *peer)
{
    struct relay_env *env = arg;
    struct relay *r = mem_spares_take(&env->relays, sizeof(*r));
    struct relay_refusal no;
    bool known;

    if (!r) {
        http_stream_close(&s, HTTP_CLOSE_BROKEN);
        return;
    }
    relay_init(r, env, h);
    r->client = s;
    net_addr_text(peer, r->record.peer);
    list_push(&env->live, &r->link);
    env->stats.requests_total++;
    env->stats.live++;
    http_stream_bind(s, &relay_client_cb, r);
    note_begin(r); /* before it is read: it may be what kills us */
    known = relay_read_path(r, &no) && relay_read_head(r, peer, &no);
    if (env->sink.held)
        held_op(env->sink.held, r->record.held, r->record.op);
    if (!known)
        relay_refuse(r, &no);
    else if (env->ending != REASON_NONE) /* it came behind the end of the drain */
        refuse_ending(r, env->ending);
    else if (!serve_own(r))
        begin(r, peer);
}

static uint64_t least(uint64_t said, bool given, uint64_t most)
{
    return given || most == 0 ? said : MIN(said, most);
}

struct relay_room relay_room(struct relay_room most, const struct settings *settings)
{
    return (struct relay_room){
        least(settings->server.memory_bytes_max, settings->server.memory_given, most.bodies),
        least(settings->server.translation_bytes_max, settings->server.translation_given,
              most.translation)};
}

int relay_env_init(struct relay_env *env, struct ev *ev, struct settings *settings,
                   struct call_pools *pools, struct cred_store *creds, struct relay_sink sink,
                   struct err *e)
{
    *env = (struct relay_env){.ev = ev, .pools = pools, .creds = creds, .sink = sink};
    list_init(&env->live);
    if (!sink.standings)
        env->own_standings = standing_new();
    env->standings = sink.standings ? sink.standings : env->own_standings;
    if (!env->standings)
        return err_set(e, ERR_NOMEM, "no memory for the standing of targets");
    for (size_t i = 0; i < DIALECTS; i++)
        dialect_ready_init(&env->ready[i], dialect_row(i));
    env->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    env->hash = EVP_MD_CTX_new();
    if (!env->sha256 || !env->hash) {
        err_set(e, ERR_NOMEM, "no memory for SHA-256");
        goto fail;
    }
    if (blob_pool_init(&env->blobs, relay_room(env->sink.room, settings).bodies, SPOOL_DIR, e) < 0)
        goto fail;
    env->settings = settings_ref(settings);
    once_init(&env->once, ev);
    return 0;
fail:
    EVP_MD_CTX_free(env->hash);
    EVP_MD_free(env->sha256);
    standing_free(&env->own_standings);
    return -1;
}

void relay_env_settings(struct relay_env *env, struct settings *settings)
{
    struct settings *old = env->settings;

    env->settings = settings_ref(settings);
    env->blobs.bytes_max = relay_room(env->sink.room, settings).bodies;
    settings_unref(&old);
    relay_env_trial(env, NULL, 0);
}

void relay_env_trial(struct relay_env *env, struct settings *settings, uint64_t number)
{
    MUST(!settings || env->sink.trial);
    settings_unref(&env->trial);
    env->trial_number = number;
    if (settings)
        env->trial = settings_ref(settings);
}

void relay_env_fini(struct relay_env *env)
{
    MUST(list_empty(&env->live) && env->translating == 0);
    once_fini(&env->once);
    EVP_MD_CTX_free(env->hash);
    EVP_MD_free(env->sha256);
    blob_pool_fini(&env->blobs);
    standing_free(&env->own_standings);
    mem_spares_fini(&env->calls);
    mem_spares_fini(&env->relays);
    settings_unref(&env->trial);
    settings_unref(&env->settings);
}

void relay_end_all(struct relay_env *env, enum reason reason)
{
    env->ending = reason;
    LIST_EACH(it, &env->live)
    {
        refuse_ending(LIST_ENTRY(it, struct relay, link), reason);
    }
}
