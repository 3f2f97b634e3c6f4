/*
 * attempt.c - an attempt from the question for its credential to its call, once more if the
 * credential was at fault, and what follows when it has failed: policy says whom to ask then.
 *
 * A target that goes by a key is called at once. One that goes by a cloud's credential is called as
 * soon as there is one, mostly at once too: the request waits for it as for the target, within its
 * own timeout.total.
 */
#include "relay/relay_plan.h"

/* If this process dies from now on, nobody knows whether the target has executed the request. */
static void note_attempt(const struct relay *r)
{
    const struct record *rec = &r->record;
    struct held_request q = {.attempts = rec->attempts, .stream = rec->stream};

    if (!r->env->sink.held)
        return;
    memcpy(q.model, rec->model, sizeof(q.model));
    memcpy(q.target, rec->target, sizeof(q.target));
    memcpy(q.provider, rec->provider, sizeof(q.provider));
    held_tried(r->env->sink.held, rec->held, &q);
}

/* The target could not be asked at all, for want of something on this side: that says nothing about
 * it, and is no attempt of the request. last->no lacks its sentence: "TARGET: what: why". */
static void not_asked(struct relay *r, struct relay_last *last, const char *what,
                      const struct err *e)
{
    struct policy_failure f = {.class_id = last->no.class_id, .unasked = true};
    struct span text = arena_printf(&r->arena, "%s: %s: %s", r->record.target, what, e->text);

    last->no.text = text.p ? text.p : reason_meaning(last->no.reason);
    if (!relay_try_on(r, &f, last))
        relay_fail(r, last);
}

static void refuse_without_call(struct relay *r, const struct err *e)
{
    struct relay_last last = {.no = {.status = class_row(CLASS_NEVER_EXECUTED)->client_status,
                                     .reason = REASON_CONNECT,
                                     .class_id = CLASS_NEVER_EXECUTED,
                                     .hint = class_row(CLASS_NEVER_EXECUTED)->hint},
                              .target = r->at->target};

    if (e->code == ERR_NOMEM) /* another target needs no less */
        relay_impossible(r, e);
    else
        not_asked(r, &last, "it cannot be called", e);
}

/* All that an attempt needs is there. */
static void begin_call(struct relay *r)
{
    struct call_conf conf;
    struct err e;

    r->record.attempts++;
    r->record.number = r->record.attempts;
    r->record.last_resort = r->run.it.last;
    note_attempt(r);
    if (r->record.attempts == 1)
        relay_watch_slow(r);
    if (relay_call_conf(r, &conf, &e) == 0 &&
        call_start(&r->at->call, &conf, &relay_call_cb, r->at, &e) == 0) {
        if (r->env->sink.targets)
            r->at->counted = board_enter(r->env->sink.targets, r->at->target->id);
        return;
    }
    refuse_without_call(r, &e);
}

static void refuse_without_credential(struct relay *r, const struct err *e)
{
    struct relay_last last = {
        .no = {.status = class_row(CLASS_CREDENTIAL)->client_status,
               .reason = REASON_NO_CREDENTIAL,
               .class_id = CLASS_CREDENTIAL,
               .hint = "Check the provider's `credentials` in the gateway's configuration, and "
                       "whether their source can be reached from it."},
        .target = r->at->target};
    char what[64];

    UNUSED(snprintf(what, sizeof(what), "no credential by %s",
                    r->at->target->provider->credential.source->name));
    not_asked(r, &last, what, e);
}

void relay_on_credential(struct cred_wait *w, struct cred *c, const struct err *e)
{
    struct relay *r = relay_of(CONTAINER_OF(w, struct relay_attempt, credential));

    relay_on_work(r, true);
    r->at->cred = c;
    if (c)
        begin_call(r);
    else
        refuse_without_credential(r, e);
    relay_on_work(r, false);
}

void relay_try(struct relay *r)
{
    const struct settings_provider *p = r->at->target->provider;
    struct err e;

    r->record.attempt_at_us = ev_now(r->env->ev) - r->began;
    r->record.skipped_before = (uint16_t)strlen(r->record.skipped);
    if (!p->credential.source) {
        begin_call(r);
        return;
    }
    switch (cred_get(r->env->creds, r->settings, p, &r->at->cred, &r->at->credential, &e)) {
    case CRED_READY:
        begin_call(r);
        break;
    case CRED_WAIT:
        break;
    case CRED_FAILED:
        refuse_without_credential(r, &e);
        break;
    }
}

bool relay_renew(struct relay *r, const struct call_failure *f)
{
    uint64_t held;

    if (!r->at->cred || r->at->renewed || r->state != RELAY_TRYING ||
        (f->status != 401 && f->status != 403) ||
        !cred_refused(r->env->creds, r->at->target->provider, r->at->cred))
        return false;
    r->at->renewed = true;
    held = r->at->extra_held; /* for the same target once more */
    r->at->extra_held = 0;
    relay_drop_attempt(r);
    r->at->extra_held = held;
    cred_unref(&r->at->cred);
    relay_try(r);
    return true;
}

/* ---- and on ---- */

/* Absent stays absent, also for want of memory. */
static struct span kept(struct relay *r, struct span s)
{
    return span_has(s) ? arena_dup(&r->arena, s) : s;
}

bool relay_keep_last(struct relay *r, const struct relay_last *last)
{
    struct relay_last *k = arena_alloc(&r->arena, sizeof(*k));

    if (!k)
        return false;
    *k = *last;
    k->no.retry_after = kept(r, last->no.retry_after);
    k->no.upstream_type = kept(r, span_str(last->no.upstream_type)).p;
    k->body = kept(r, last->body);
    k->content_type = kept(r, last->content_type);
    r->last = k;
    return true;
}

/* "openai/gpt-5=overload azure/gpt-5=timeout-first-token", as far as it fits. */
static void note_tried(struct record *rec, const char *target, const char *why)
{
    size_t n = strlen(rec->tried);

    UNUSED(snprintf(rec->tried + n, sizeof(rec->tried) - n, "%s%s=%s", n ? " " : "", target, why));
}

/* The record of the next attempt: nothing of the last one's is left in it. */
static void begin_record(struct record *rec)
{
    rec->cost = rec->attempt_at_us = rec->attempt_us = rec->attempt_first_us = 0;
    rec->usage = (struct dialect_usage){0};
    rec->pricing = PRICING_NOTHING;
    rec->outcome = OUTCOME_FULL;
    rec->reason = REASON_NONE;
    rec->class_id = CLASS_NONE;
    rec->upstream_status = 0;
    rec->resent = rec->beside = rec->last_resort = false;
    rec->upstream_model[0] = rec->server[0] = rec->text[0] = '\0';
}

/* The attempt gets a record of its own, for another one follows: in *of as it was, now with whom
 * that goes to. What it has cost is the request's too. */
static void tell(struct relay *r, struct record *of)
{
    struct record *rec = &r->record;

    memcpy(of->next, rec->target, sizeof(of->next));
    of->more = true;
    of->held = 0;
    if (r->env->sink.record)
        r->env->sink.record(r->env->sink.arg, of);
    if (price_is_known(of->pricing))
        rec->cost_before += of->cost;
}

void relay_tell_attempt(struct relay *r, struct record *of, const struct relay_refusal *no)
{
    if (of->attempts == 0) { /* it was refused before anybody was asked */
        begin_record(&r->record);
        return;
    }
    note_tried(&r->record, of->target, relay_why(no));
    tell(r, of);
    begin_record(&r->record);
}

void relay_tell_beside(struct relay *r, struct record *of, const char *why)
{
    if (of->number == 0) /* nobody has been asked yet */
        return;
    note_tried(&r->record, of->target, why);
    memcpy(of->tried, r->record.tried, sizeof(of->tried));
    tell(r, of);
}

static uint32_t draw(struct relay *r)
{
    uint32_t ret;

    ev_random(r->env->ev, &ret, sizeof(ret));
    return ret;
}

/* Nobody else is left, or the moment could not be waited for: the last word counts. The record is
 * of that attempt, whomever else was looked at, and says who was skipped. */
static bool give_up(struct relay *r, struct relay_last *last, struct relay_last *before,
                    const struct record *of)
{
    struct record asked = *of;

    memcpy(asked.skipped, r->record.skipped, sizeof(asked.skipped));
    asked.skipped_before = r->record.skipped_before;
    *last = *r->last;
    r->last = before;
    r->record = asked;
    return false;
}

/* What a target refuses of a request to go on, the client has not asked: another one may not. */
static struct policy_failure judged(const struct relay *r, const struct policy_failure *f)
{
    struct policy_failure ret = *f;

    if (r->broke && !class_row(f->class_id)->elsewhere)
        ret.class_id = CLASS_TOO_LONG;
    return ret;
}

/* The client waits for who goes on, and is kept alive meanwhile. */
static int begin_join(struct relay *r, struct err *e)
{
    r->joining = true;
    r->silence = 0;
    return ev_timer_set(&r->hold, EV_MS(RELAY_ALIVE_MS), e);
}

bool relay_wait(struct relay *r)
{
    static const enum reason passing[] = {REASON_LEFT_ALONE, REASON_RATE_SPENT, REASON_RAMPING};
    ev_us now = ev_now(r->env->ev), until = r->run.earliest_us;
    bool passes = false;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(passing); i++)
        passes |= r->run.n && r->run.why == passing[i];
    if (!passes || until <= now || r->waited + until - now > r->run.rules->wait_up_to_us ||
        ev_timer_set(&r->again, until - now, &e) < 0)
        return false;
    r->waited += until - now;
    return true;
}

bool relay_try_on(struct relay *r, const struct policy_failure *f, struct relay_last *last)
{
    const struct policy_failure g = judged(r, f);
    ev_us now = ev_now(r->env->ev), left = r->deadline_at > now ? r->deadline_at - now : 0;
    bool answering = r->state != RELAY_TRYING;
    struct relay_last *before = r->last;
    struct policy_step step = {.what = POLICY_FINAL};
    struct relay_refusal no;
    struct record of;
    struct err e;

    if (r->run.n == 0)
        return false;
    if (r->beside)
        return relay_goes_on_beside(r, &g, last);
    if (r->hedge && r->at == &r->hedge->attempt && r->record.hedge == RECORD_HEDGE_RUNS)
        r->record.hedge = RECORD_HEDGE_FAILED;
    if (!answering || relay_can_join(r))
        step = policy_failed(&r->run, &g, now, left, draw(r));
    else
        policy_broke(&r->run, &g, now, draw(r));
    if (step.what == POLICY_FINAL || !relay_keep_last(r, last))
        return false;
    if (answering && !r->broke)
        r->broke = r->last;
    relay_note(r, &r->last->no);
    relay_drop_call(r);
    of = r->record;
    if (step.what == POLICY_NEXT && !relay_next_target(r, &no) && (answering || !relay_wait(r)))
        return give_up(r, last, before, &of);
    if (step.what == POLICY_AGAIN && ev_timer_set(&r->again, step.wait_us, &e) < 0)
        return give_up(r, last, before, &of);
    if (answering && begin_join(r, &e) < 0)
        return give_up(r, last, before, &of);
    relay_tell_attempt(r, &of, &r->last->no);
    if (step.what == POLICY_NEXT && r->at->target)
        relay_try(r);
    return true;
}

/* Nobody could be asked, and somebody may be by now. */
static void look_again(struct relay *r)
{
    struct relay_refusal no;

    if (relay_next_target(r, &no))
        relay_try(r);
    else if (relay_wait(r))
        return;
    else if (r->last)
        relay_fail(r, r->last);
    else
        relay_refuse(r, &no);
}

void relay_on_again(struct ev_timer *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, again);
    struct relay_refusal no;

    relay_on_work(r, true);
    if (!r->at->target)
        look_again(r);
    else if (policy_again(&r->run, ev_now(r->env->ev)) ? relay_same_target(r, &no)
                                                       : relay_next_target(r, &no))
        relay_try(r);
    else
        relay_fail(r, r->last);
    relay_on_work(r, false);
}
