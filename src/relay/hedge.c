/*
 * hedge.c - a second target is asked beside a first one that is slow.
 *
 *     the first attempt begins    --> policy says after how long it is slow
 *     no content by then          --> policy is asked for another target: the hedge
 *     either one brings content, or a whole answer that is good --> it is the answer; the other one
 *                                     is cancelled, and has not failed
 *     either one fails            --> the other one goes on as if it were alone
 *
 * Both attempts go through the same code. It works on r->at, and what calls it back for an attempt
 * turns to that one first (relay_of()). What an attempt has in values of the request's (run.it, a
 * part of the record) changes places with what the hedge keeps for the other one.
 *
 * Once a request, and only beside its first attempt; one with an Idempotency-Key is made once.
 * Until both are over nobody else is asked. docs/decisions/0020-hedges.md says why.
 */
#include "relay/relay_plan.h"

/* ---- whose turn it is ---- */

struct relay *relay_turn_to(struct relay_attempt *a)
{
    struct relay *r = a->relay;
    struct policy_attempt kept = r->run.it;

    MUST(r->hedge && (a == r->beside || !r->beside));
    r->run.it = r->hedge->policy;
    r->hedge->policy = kept;
    record_swap(&r->record, &r->hedge->record);
    r->beside = r->at;
    r->at = a;
    return r;
}

bool relay_is_spare(const struct relay *r)
{
    return r->beside == &r->first;
}

/* ---- who, and when ---- */

struct board_standing *relay_hedge_place(const struct relay *r)
{
    return standing_find(r->env->standings, policy_hedge_id(span_hash(r->plan.model->name)),
                         ev_now(r->env->ev));
}

uint32_t relay_hedges_onto(const struct relay *r)
{
    const struct settings_model *m = r->plan.model;
    const struct settings_target *first = r->first.target;
    uint32_t ret = 0;

    for (uint32_t i = 0; i < r->run.n; i++) {
        const struct settings_target *t = r->ways[i].target;

        if (settings_tier(t) == settings_tier(first) &&
            (!m->kin_first || first->kin >> (t - m->targets) & 1))
            ret |= UINT32_C(1) << i;
    }
    return ret;
}

static bool may_be_hedged(const struct relay *r)
{
    return r->plan.model && r->plan.model->rules.hedge && r->run.n > 1 && !span_has(r->once_key);
}

void relay_watch_slow(struct relay *r)
{
    enum policy_unhedged why;
    struct err e;
    ev_us slow;

    if (!r->plan.model || !r->plan.model->rules.hedge)
        return;
    policy_hedge_earn(&r->run, relay_hedge_place(r));
    if (!may_be_hedged(r))
        return;
    slow = policy_hedge_us(&r->run, ev_now(r->env->ev), &why);
    if (slow != UINT64_MAX && ev_timer_set(&r->slow, slow, &e) < 0)
        UNUSED(e); /* then it is waited for as others are */
}

/* ---- the hedge ---- */

static void ask_beside(struct relay *r)
{
    struct err e;

    if (relay_begin_second(r, &e) < 0)
        return;
    relay_turn_to(&r->hedge->attempt);
    if (relay_next_beside(r)) {
        r->record.hedge = RECORD_HEDGE_RUNS;
        r->record.beside = true;
        relay_try(r);
    }
    relay_of(&r->first);
    if (r->record.hedge == RECORD_HEDGE_NONE)
        r->beside = NULL;
}

void relay_on_slow(struct ev_timer *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, slow);
    ev_us now = ev_now(r->env->ev), slow, asked;
    enum policy_unhedged why;
    struct err e;

    if (r->state != RELAY_TRYING || r->at != &r->first || !r->at->call || r->hedge ||
        (r->at->whole && r->at->answer))
        return;
    slow = policy_hedge_us(&r->run, now, &why);
    asked = call_times(r->at->call)->asked;
    if (slow == UINT64_MAX)
        return;
    if (asked && now - asked >= slow) {
        relay_on_work(r, true);
        ask_beside(r);
        relay_on_work(r, false);
    } else if (ev_timer_set(&r->slow, asked ? asked + slow - now : slow, &e) < 0) {
        UNUSED(e);
    }
}

/* ---- what becomes of it ---- */

/* Since the target was asked; 0: it was not. */
static ev_us waited(const struct relay *r)
{
    ev_us asked = r->at->call ? call_times(r->at->call)->asked : 0;

    return asked ? MAX(ev_now(r->env->ev) - asked, UINT64_C(1)) : 0;
}

/* The attempt beside is broken off, which is no failure of its target's; whether it has worked, and
 * for how much, nobody knows. */
static void break_off(struct relay *r, enum reason why)
{
    struct relay_attempt *goes_on = r->at;
    struct record of;

    relay_turn_to(r->beside);
    policy_outrun(&r->run, waited(r), ev_now(r->env->ev));
    r->record.class_id = waited(r) ? CLASS_MAYBE_EXECUTED : CLASS_NONE;
    relay_drop_attempt(r);
    r->record.class_id = CLASS_NONE;
    r->record.outcome = OUTCOME_CLIENT_GONE;
    r->record.reason = why;
    UNUSED(snprintf(r->record.text, sizeof(r->record.text), "%s", reason_meaning(why)));
    of = r->record;
    relay_forget_attempt(r);
    relay_turn_to(goes_on);
    r->beside = NULL;
    relay_tell_beside(r, &of, reason_word(why));
}

/* Why the request has ended, unless the other one's answer is why, be it a refusal. */
void relay_end_beside(struct relay *r)
{
    enum reason why = r->record.reason;

    if (r->record.hedge == RECORD_HEDGE_LOST || why == REASON_NONE)
        why = REASON_OUTRUN;
    if (r->beside)
        break_off(r, why);
}

void relay_answers(struct relay *r)
{
    if (r->record.hedge == RECORD_HEDGE_RUNS)
        r->record.hedge = r->at == &r->first ? RECORD_HEDGE_LOST : RECORD_HEDGE_WON;
    if (!r->beside)
        return;
    break_off(r, REASON_OUTRUN);
    if (r->at->follow) /* the other one's may have been found last */
        relay_find_heirs(r);
}

bool relay_goes_on_beside(struct relay *r, const struct policy_failure *f, struct relay_last *last)
{
    bool spare = relay_is_spare(r);
    struct record of;
    uint32_t draw;

    ev_random(r->env->ev, &draw, sizeof(draw));
    if (!policy_failed_beside(&r->run, f, ev_now(r->env->ev), draw) && !spare) {
        r->record.hedge = RECORD_HEDGE_LOST;
        return false;
    }
    if (!spare && !relay_keep_last(r, last))
        return false;
    if (spare)
        r->record.hedge = RECORD_HEDGE_FAILED;
    relay_note(r, &last->no);
    relay_drop_attempt(r);
    of = r->record;
    relay_forget_attempt(r);
    relay_turn_to(r->beside);
    r->beside = NULL;
    relay_tell_beside(r, &of, relay_why(&last->no));
    return true;
}

/* ---- for who asks what would be ---- */

void relay_look_hedge(struct relay *r, struct relay_hedged *ret)
{
    static const struct {
        const char *word, *text;
    } rows[] = {
        [POLICY_HEDGE_OFF] = {"last-resort", "Its first target is asked for want of others."},
        [POLICY_HEDGE_LONG] = {"too-long", "It has more tokens than hedge.tokens."},
        [POLICY_HEDGE_LATE] = {"no-attempt", "It may make no second attempt."},
        [POLICY_HEDGE_UNKNOWN] = {"unknown", "Too few answers of the first target are known."},
        [POLICY_HEDGE_BUDGET] = {"budget", "The model's share for hedges is used up."},
        [POLICY_HEDGE_NOBODY] = {"nobody", "No other target of its tier is free and well and, "
                                           "unless the plan prefers nobody, has the same weights."},
    };
    ev_us now = ev_now(r->env->ev);
    enum policy_unhedged why;
    int at;

    *ret = (struct relay_hedged){.wanted = r->plan.model && r->plan.model->rules.hedge};
    if (!ret->wanted)
        return;
    ret->after_us = policy_hedge_us(&r->run, now, &why);
    if (why == POLICY_HEDGED) {
        at = policy_hedge_look(&r->run, relay_hedges_onto(r), relay_hedge_place(r), now, &why);
        ret->at = (size_t)MAX(at, 0);
    }
    ret->why = rows[why].word;
    ret->text = rows[why].text;
}
