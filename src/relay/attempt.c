/*
 * attempt.c - an attempt from the question for its credential to its call, and once more if the
 * credential was at fault.
 *
 * A target that goes by a key is called at once. One that goes by a cloud's credential is called as
 * soon as there is one, mostly at once too: the request waits for it as for the target, within its
 * own timeout.total.
 */
#include "relay/relay_impl.h"

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

/* All that an attempt needs is there. */
static void begin_call(struct relay *r)
{
    struct relay_refusal no = {
        .status = 502, .reason = REASON_CONNECT, .class_id = CLASS_NEVER_EXECUTED};
    struct call_conf conf;
    struct err e;

    r->record.attempts++;
    note_attempt(r);
    if (relay_call_conf(r, &conf, &e) == 0 &&
        call_start(&r->call, &conf, &relay_call_cb, r, &e) == 0) {
        if (r->env->sink.targets)
            r->at_target = board_enter(r->env->sink.targets, r->target->id);
        return;
    }
    no.text = e.text;
    no.hint = class_row(no.class_id)->hint;
    relay_refuse(r, &no);
}

/* There is none: the target was not asked. */
static void refuse_without_credential(struct relay *r, const struct err *e)
{
    const struct settings_provider *p = r->target->provider;
    struct relay_refusal no = {
        .status = class_row(CLASS_CREDENTIAL)->client_status,
        .reason = REASON_NO_CREDENTIAL,
        .class_id = CLASS_CREDENTIAL,
        .hint = "Check the provider's `credentials` in the gateway's configuration, and whether "
                "their source can be reached from it.",
    };
    struct span text = arena_printf(&r->arena, "%s: no credential by %s: %s", r->record.target,
                                    p->credential.source->name, e->text);

    no.text = text.p ? text.p : reason_meaning(no.reason);
    relay_refuse(r, &no);
}

void relay_on_credential(struct cred_wait *w, struct cred *c, const struct err *e)
{
    struct relay *r = CONTAINER_OF(w, struct relay, credential);

    relay_on_work(r, true);
    r->cred = c;
    if (c)
        begin_call(r);
    else
        refuse_without_credential(r, e);
    relay_on_work(r, false);
}

void relay_try(struct relay *r)
{
    const struct settings_provider *p = r->target->provider;
    struct err e;

    if (!p->credential.source) {
        begin_call(r);
        return;
    }
    switch (cred_get(r->env->creds, r->settings, p, &r->cred, &r->credential, &e)) {
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
    if (!r->cred || r->renewed || r->head_sent || (f->status != 401 && f->status != 403) ||
        !cred_refused(r->env->creds, r->target->provider, r->cred))
        return false;
    r->renewed = true;
    relay_drop_call(r);
    cred_unref(&r->cred);
    relay_try(r);
    return true;
}
