/*
 * trial.c - a new configuration is tried on a slice of the requests: which side a request is on,
 * how it ends, and the way back.
 *
 *     OLD    counted, so that there is something to compare with
 *     NEW    goes by the snapshot on trial
 *     AGAIN  was NEW and failed before anything of an answer had reached its client: it has begun
 *            again with the snapshot in use
 *
 * Who may come at all the snapshot in use says, before the lot is drawn: a key that only the new
 * one knows counts when that is taken. A request that the new one refuses for the client's fault is
 * no failure yet: the one in use is asked, and if it finds the same fault, neither side has one.
 *
 * Why both sides are watched for silence: a failure counts when it is known, and a request that has
 * been silent for longer than any is known on one side as soon as on the other. On the new side it
 * begins again then; on the old one it goes on.
 */
#include "board/trial.h"
#include "policy/trial.h"
#include "relay/relay_plan.h"

#define LOOK_MS 250 /* how often it is seen whether an answer is overdue */

/* Where it is counted; NULL: its trial is over, which the master says at any moment. */
static struct board_side *side_of(const struct relay *r)
{
    struct board_trial *t = r->env->sink.trial;

    if (r->side == RELAY_NO_SIDE || !board_trial_is_on(t, r->trial))
        return NULL;
    return &t->sides[r->side == RELAY_OLD ? BOARD_SIDE_OLD : BOARD_SIDE_NEW];
}

static void judge(struct relay *r, bool failed)
{
    struct board_side *s = side_of(r);

    if (r->judged || !s)
        return;
    r->judged = true;
    board_add(&s->failed, failed);
    board_add(&s->judged, 1);
}

/* It says nothing about its side. */
static void take_out(struct relay *r)
{
    struct board_side *s = side_of(r);

    if (r->judged || !s)
        return;
    r->judged = true;
    board_add(&s->begun, UINT64_MAX);
}

static void note_repeated(const struct relay *r)
{
    struct board_side *s = side_of(r);

    if (s)
        board_add(&s->repeated, 1);
}

static void note_trying(const struct relay *r, uint64_t n)
{
    if (r->env->sink.row)
        board_add(&r->env->sink.row->trying, n);
}

/* ---- the lot ---- */

/* From the snapshot on trial to the one in use. */
static void change_back(struct relay *r)
{
    r->tried = r->settings; /* what it is told of by pointers outlives the request */
    r->settings = settings_ref(r->env->settings);
    r->key = r->key_before;
    if (r->key)
        relay_keep(r->record.key, sizeof(r->record.key), r->key->name);
    r->side = RELAY_AGAIN;
    r->record.trial = RECORD_TRIAL_REPEATED;
}

static void change_to_new(struct relay *r)
{
    r->record.trial = RECORD_TRIAL_NEW;
    r->key_before = r->key;
    settings_unref(&r->settings);
    r->settings = settings_ref(r->env->trial);
    r->key = NULL;
}

void relay_draw_side(struct relay *r, const struct net_addr *peer)
{
    struct relay_env *env = r->env;
    struct relay_refusal no;
    struct board_side *s;
    uint64_t random;

    if (!env->trial || !board_trial_is_on(env->sink.trial, env->trial_number))
        return;
    ev_random(env->ev, &random, sizeof(random));
    r->trial = env->trial_number;
    r->side = random % 1000000 < board_get(&env->sink.trial->slice) ? RELAY_NEW : RELAY_OLD;
    s = side_of(r);
    if (!s)
        r->side = RELAY_NO_SIDE;
    else
        board_add(&s->begun, 1);
    if (r->side != RELAY_NEW)
        return;
    change_to_new(r);
    if (relay_read_head(r, peer, &no)) {
        note_trying(r, 1);
        return;
    }
    /* It refuses whom the one in use knows: found before the request has even been read. */
    note_repeated(r);
    judge(r, true);
    change_back(r);
}

/* ---- the way back ---- */

/* There is one to go back to, and that is another one. */
static bool can_go_back(const struct relay *r)
{
    const struct board_trial *t = r->env->sink.trial;

    return r->side == RELAY_NEW && r->env->ending == REASON_NONE &&
           !(board_get(&t->number) == r->trial && board_trial_is_taken(board_get(&t->end)));
}

static void forget(struct relay *r)
{
    ev_timer_stop(&r->silent);
    if (r->run.n)
        policy_dropped(&r->run, ev_now(r->env->ev));
    relay_forget_attempt(r);
    r->run = (struct policy_request){0};
    r->ways = NULL;
    r->out_n = 0;
    r->walled = r->sits = false;
    r->stopped = span_of(NULL, 0);
    r->at->target = NULL;
    r->at->url = NULL;
    r->record.target[0] = '\0';
    ev_timer_stop(&r->slow);
    r->last = NULL;
    r->at->key_at = 0;
    r->blocked = false;
}

bool relay_go_back(struct relay *r, const struct relay_refusal *no)
{
    struct relay_refusal still;
    struct record of;
    bool found;

    if (!can_go_back(r))
        return false;
    note_repeated(r);
    relay_note(r, no);
    if (r->record.outcome != OUTCOME_CLIENT_ERROR)
        judge(r, true);
    relay_drop_call(r);
    of = r->record;
    forget(r);
    change_back(r);
    note_trying(r, UINT64_MAX);
    found = relay_find_target(r, &still);
    relay_tell_attempt(r, &of, no);
    relay_serve(r, found ? NULL : &still);
    return true;
}

/* ---- silence ---- */

static void look_again(struct relay *r, ev_us in)
{
    struct err e;

    if (ev_timer_set(&r->silent, in, &e) < 0)
        UNUSED(e); /* its own timeouts are there still */
}

void relay_watch_silence(struct relay *r)
{
    r->asked = ev_now(r->env->ev);
    if (r->side == RELAY_OLD || r->side == RELAY_NEW)
        look_again(r, TRIAL_SILENT);
}

static void is_silent(struct relay *r)
{
    struct relay_refusal no = {.status = 504,
                               .reason = REASON_TIMEOUT_FIRST,
                               .class_id = CLASS_MAYBE_EXECUTED,
                               .text = "No answer began for far longer than is usual."};

    if (r->side == RELAY_NEW)
        UNUSED(relay_go_back(r, &no)); /* else the trial is over, and it waits on as any */
    else
        judge(r, true);
}

/* How long it may be silent. Of a configuration that has been taken back meanwhile little is to be
 * hoped for. */
static uint64_t patience(const struct relay *r)
{
    const struct board_trial *t = r->env->sink.trial;
    uint64_t ret = trial_patience_us(t, r->req.stream);

    if (ret == UINT64_MAX && r->side == RELAY_NEW && !board_trial_is_on(t, r->trial) &&
        can_go_back(r))
        return TRIAL_SILENT;
    return ret;
}

/* What is usual is learned while it waits. */
void relay_on_silent(struct ev_timer *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, silent);

    if (r->state != RELAY_TRYING)
        return;
    if (ev_now(r->env->ev) - r->asked >= patience(r))
        is_silent(r);
    else
        look_again(r, EV_MS(LOOK_MS));
}

/* ---- the end ---- */

static void note_first(const struct relay *r)
{
    struct board_side *s = side_of(r);

    if (s && r->side != RELAY_AGAIN && r->record.first_us)
        board_add(&s->first[r->req.stream][trial_time(r->record.first_us)], 1);
}

void relay_trial_over(struct relay *r)
{
    ev_timer_stop(&r->silent);
    if (r->side == RELAY_NO_SIDE)
        return;
    if (r->side == RELAY_NEW)
        note_trying(r, UINT64_MAX);
    note_first(r);
    if (r->owner_answers || r->record.repeats[0]) { /* another request is it that counts */
        take_out(r);
        return;
    }
    switch ((int)r->record.outcome) {
    case OUTCOME_CLIENT_GONE:
    case OUTCOME_CLIENT_ERROR:
        take_out(r);
        break;
    case OUTCOME_FAILED:
    case OUTCOME_SHED:
        judge(r, true);
        break;
    default: /* the old one has served what the new one refused */
        judge(r, r->side == RELAY_AGAIN);
        break;
    }
}
