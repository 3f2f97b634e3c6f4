/*
 * policy.c - see policy.h.
 */
#include "policy/policy.h"

#include "health/breaker.h"
#include "health/hedge.h"
#include "policy/evidence.h"
#include "policy/limits.h"
#include "route/stay.h"

#define BYTES_A_TOKEN 4

static struct board_standing *target_of(const struct policy_request *q, uint32_t i, uint64_t now_us)
{
    return standing_find(q->table, q->candidates[i].target, now_us);
}

static struct board_standing *credential_of(const struct policy_request *q, uint32_t i,
                                            uint64_t now_us)
{
    return standing_find(q->table, q->candidates[i].credential, now_us);
}

/* ---- whom to ask ---- */

static enum policy_stand stand(const struct board_standing *t, const struct board_standing *c,
                               uint64_t now_us, uint64_t *until_us)
{
    uint64_t limited = MAX(board_get(&t->not_before_us), board_get(&c->not_before_us));

    *until_us = limited;
    if (limited > now_us)
        return POLICY_ALONE;
    *until_us = board_get(&c->until_us);
    if (*until_us > now_us)
        return POLICY_OPEN;
    if (!evidence_is_open(t, now_us))
        return POLICY_FREE;
    *until_us = board_get(&t->until_us);
    return *until_us > now_us ? POLICY_OPEN : POLICY_HALF_OPEN;
}

enum policy_stand policy_look(const struct board_standing *table, const struct policy_candidate *c,
                              uint64_t now_us, uint64_t *until_us)
{
    static const struct board_standing unknown;
    const struct board_standing *t = standing_look(table, c->target);
    const struct board_standing *k = standing_look(table, c->credential);

    return stand(t ? t : &unknown, k ? k : &unknown, now_us, until_us);
}

bool policy_stays(const struct board_standing *table, const struct policy_candidate *c,
                  uint64_t idle_us, uint64_t there, uint64_t elsewhere, uint64_t now_us)
{
    uint64_t until;

    return !c->degraded && policy_look(table, c, now_us, &until) == POLICY_FREE &&
           route_stays(idle_us, there, elsewhere);
}

static enum policy_stand look(const struct policy_request *q, uint32_t i, uint64_t now_us,
                              uint64_t *until_us)
{
    *until_us = 0;
    if (!q->rules->breaker)
        return POLICY_FREE;
    return stand(target_of(q, i, now_us), credential_of(q, i, now_us), now_us, until_us);
}

static void pass_over(struct policy_request *q, uint32_t i, enum reason why, uint64_t until_us)
{
    if (q->passed)
        q->passed[i] = (struct policy_passed){why, until_us};
}

static void blocked(struct policy_request *q, uint32_t i, enum reason why, uint64_t until_us)
{
    pass_over(q, i, why, until_us);
    if (q->earliest_us == 0 || (until_us && until_us < q->earliest_us))
        q->earliest_us = until_us;
    if (q->why == REASON_NONE || why == REASON_LEFT_ALONE)
        q->why = why;
}

/* ---- how much is left of its rate limit ---- */

/* What the request may take there. */
static uint64_t tokens_at(const struct policy_request *q, uint32_t i)
{
    return q->input + (q->candidates[i].apart ? 0 : q->output);
}

/* Is there as much? */
static bool is_within(const struct policy_request *q, uint32_t i, uint64_t now_us, enum reason *why,
                      uint64_t *until_us)
{
    return !q->rules->limits ||
           limits_look(target_of(q, i, now_us), tokens_at(q, i), now_us, why, until_us);
}

/* It is spoken for by this attempt. */
static bool hold(struct policy_request *q, uint32_t i, uint64_t now_us)
{
    enum reason why = REASON_NONE;
    uint64_t until = 0;
    bool held;

    q->it.at = (uint8_t)i;
    q->it.asked_us = now_us;
    q->it.reserved_us = 0;
    if (!q->rules->limits)
        return true;
    if (!limits_hold(target_of(q, i, now_us), tokens_at(q, i), now_us, &held, &why, &until)) {
        blocked(q, i, why, until);
        return false;
    }
    q->it.reserved = tokens_at(q, i);
    q->it.reserved_us = held ? now_us : 0;
    if (q->candidates[i].ramps)
        limits_sent(target_of(q, i, now_us), tokens_at(q, i), now_us);
    return true;
}

/* used: the target has counted it. */
static void give_back(struct policy_request *q, bool used, uint64_t now_us)
{
    if (q->it.reserved_us)
        limits_give_back(target_of(q, q->it.at, now_us), q->it.reserved, q->it.reserved_us, used);
    q->it.reserved_us = 0;
}

/* The attempt will not be made. */
static void let_go(struct policy_request *q, uint64_t now_us)
{
    give_back(q, false, now_us);
    if (q->rules->limits && q->candidates[q->it.at].ramps)
        limits_unsent(target_of(q, q->it.at, now_us), tokens_at(q, q->it.at), q->it.asked_us);
}

void policy_limits(struct policy_request *q, const struct provider_limits *l, uint64_t now_us)
{
    if (q->n == 0 || !provider_limits_said(l))
        return;
    limits_said(target_of(q, q->it.at, now_us), l, q->candidates[q->it.at].refills, q->it.asked_us,
                now_us);
    give_back(q, false,
              now_us); /* behind it: meanwhile it is counted twice, and never not at all */
}

void policy_left(struct policy_left *ret, const struct board_standing *table,
                 const struct policy_candidate *c, uint64_t now_us)
{
    const struct board_standing *t = standing_look(table, c->target);
    uint64_t most;

    *ret = (struct policy_left){UINT64_MAX, UINT64_MAX, 0, UINT64_MAX};
    if (!t)
        return;
    ret->requests = limits_of(t, LIMITED_REQUESTS, now_us, &most);
    ret->tokens = limits_of(t, LIMITED_TOKENS, now_us, &ret->tokens_most);
    ret->rate = limits_rate(t, now_us);
}

/* ---- whom to ask, of those that may be ---- */

/* Is there what it costs? */
static bool affords(struct policy_request *q, uint32_t i, uint64_t now_us)
{
    struct board_standing *t = target_of(q, i, now_us);

    q->it.fee = FEE_NONE;
    if (!q->asked) {
        evidence_earn(t, now_us);
        q->it.fee = FEE_EARNS;
        return true;
    }
    if (q->free || evidence_row(t, now_us) == 0)
        return true;
    if (evidence_spend(t, now_us)) {
        q->it.fee = FEE_SPENDS;
        return true;
    }
    blocked(q, i, REASON_RETRY_BUDGET, 0);
    q->out |= UINT32_C(1) << i;
    return false;
}

/* Its time was over long ago: it was not needed, and what was known of it is old. */
static bool is_stale(const struct board_standing *t, uint64_t now_us)
{
    return evidence_is_open(t, now_us) && board_get(&t->until_us) + POLICY_STALE_US < now_us;
}

/* The probe is over; nobody is to begin another one for pause_us. */
static void end_probe(struct policy_request *q, uint64_t pause_us, uint64_t now_us)
{
    if (q->it.probe_us)
        evidence_end_probe(target_of(q, q->it.at, now_us), q->it.probe_us,
                           pause_us ? now_us + pause_us : 0);
    q->it.probe = false;
    q->it.probe_us = 0;
}

/* Nobody else probes it meanwhile, unless all may. */
static bool begin_probe(struct policy_request *q, uint64_t now_us)
{
    struct board_standing *t = target_of(q, q->it.at, now_us);

    q->it.probe = true;
    q->it.probe_us = is_stale(t, now_us) ? 0 : now_us + POLICY_PROBE_US;
    if (q->it.probe_us == 0 || evidence_take_probe(t, q->it.probe_us, now_us))
        return true;
    q->it.probe = false;
    q->it.probe_us = 0;
    return false;
}

/* What it may take is spoken for. */
static bool take(struct policy_request *q, uint32_t i, bool probe, uint64_t now_us)
{
    q->it.at = (uint8_t)i;
    q->it.again = 0;
    q->it.last = q->it.answered = q->it.noted = false;
    if ((!probe || begin_probe(q, now_us)) && affords(q, i, now_us)) {
        pass_over(q, i, REASON_NONE, 0);
        return true;
    }
    let_go(q, now_us);
    end_probe(q, 0, now_us);
    return false;
}

static bool is_out(const struct policy_request *q, uint32_t i)
{
    return q->out >> i & 1;
}

/* It was sick until lately: most requests leave it to others yet. */
static bool is_slow(const struct policy_request *q, uint32_t i, uint64_t now_us, uint64_t *until_us)
{
    uint64_t slow = q->rules->slow_us, closed, passed, share;

    if (!q->rules->breaker || slow == 0)
        return false;
    closed = board_time(&target_of(q, i, now_us)->closed_us, now_us);
    passed = now_us - closed;
    if (closed == 0 || passed >= slow)
        return false;
    *until_us = closed + slow;
    share = MAX(UINT32_MAX / POLICY_SLOW_PART,
                (uint64_t)((double)UINT32_MAX * (double)passed / (double)slow));
    return q->draw >= share;
}

/* Is it asked now? If not, but it may be later, that is noted. gently: it may be slow. */
static bool offer(struct policy_request *q, uint32_t i, bool gently, uint64_t now_us)
{
    uint64_t until;
    enum policy_stand s = look(q, i, now_us, &until);
    bool may = s == POLICY_FREE || s == POLICY_HALF_OPEN;

    if (gently && s == POLICY_FREE && is_slow(q, i, now_us, &until)) {
        blocked(q, i, REASON_SLOW_START, until);
        return false;
    }
    if (may && !hold(q, i, now_us))
        return false;
    if (may && take(q, i, s == POLICY_HALF_OPEN, now_us))
        return true;
    if (!is_out(q, i)) /* take() takes out whom it cannot pay for */
        blocked(q, i, s == POLICY_ALONE ? REASON_LEFT_ALONE : REASON_BREAKER_OPEN,
                MAX(until, now_us + POLICY_LAST_US));
    return false;
}

/* Of those that are open, the one that has the least time left. */
static int least_bad(const struct policy_request *q, uint64_t now_us)
{
    uint64_t least = UINT64_MAX, until;
    int ret = -1;

    for (uint32_t i = 0; i < q->n; i++) {
        enum policy_stand s = look(q, i, now_us, &until);

        if (is_out(q, i) || s == POLICY_ALONE || s == POLICY_FREE || until >= least)
            continue;
        least = until;
        ret = (int)i;
    }
    return ret;
}

/* The first of these that is asked; -1: none. */
static int offer_all(struct policy_request *q, uint32_t of, bool gently, uint64_t now_us)
{
    for (uint32_t i = 0; i < q->n; i++)
        if (of >> i & 1 && !is_out(q, i) && offer(q, i, gently, now_us))
            return (int)i;
    return -1;
}

int policy_next(struct policy_request *q, uint64_t now_us)
{
    int who, last;

    MUST(q->n <= POLICY_TARGETS_MAX);
    q->why = REASON_NONE;
    q->earliest_us = 0;
    for (int gently = 1; gently >= 0; gently--) {
        who = q->larger ? offer_all(q, q->larger, gently, now_us) : -1;
        if (who < 0)
            who = offer_all(q, ~q->larger, gently, now_us);
        if (who >= 0)
            return who;
    }
    last = least_bad(q, now_us);
    if (last < 0 || !hold(q, (uint32_t)last, now_us) || !take(q, (uint32_t)last, true, now_us))
        return -1;
    q->it.last = true;
    return last;
}

void policy_skip(struct policy_request *q, uint64_t now_us)
{
    let_go(q, now_us);
    end_probe(q, 0, now_us);
    evidence_undo(target_of(q, q->it.at, now_us), (enum evidence_fee)q->it.fee, now_us);
    q->it.fee = FEE_NONE;
    q->out |= UINT32_C(1) << q->it.at;
}

bool policy_suppose_failed(struct policy_request *q, uint64_t now_us)
{
    q->asked = true;
    q->counted++;
    policy_skip(q, now_us);
    return q->counted < q->rules->attempts;
}

/* ---- how long to wait ---- */

/* Could it take the request over from the one that is asked, if that one is silent? */
static bool stands_by(const struct policy_request *q, uint32_t i, uint64_t now_us)
{
    uint64_t until;
    enum policy_stand s;
    enum reason why;

    if ((q->out | q->beside) >> i & 1 ||
        q->candidates[i].provider == q->candidates[q->it.at].provider)
        return false;
    s = look(q, i, now_us, &until);
    return (s == POLICY_FREE || s == POLICY_HALF_OPEN) && is_within(q, i, now_us, &why, &until);
}

static enum waits_kind kind_of_wait(const struct policy_candidate *c, bool whole)
{
    if (whole)
        return WAITS_WHOLE;
    return c->thinks ? WAITS_THINKS : WAITS_STREAM;
}

uint64_t policy_silent_us(const struct board_standing *table, const struct policy_candidate *c)
{
    const struct board_standing *t = standing_look(table, c->target);
    uint64_t word = t ? board_get(&t->waits[WAITS_OF_STREAMS]) : 0;

    return word ? waits_limit_us(word, kind_of_wait(c, false), 0) : 0;
}

/* Could any of these? */
static bool is_replaceable(const struct policy_request *q, uint32_t by, uint64_t now_us)
{
    bool another = false;

    for (uint32_t i = 0; i < q->n && !another; i++)
        another = by >> i & 1 && stands_by(q, i, now_us);
    return another && q->counted + 1 < q->rules->attempts;
}

static enum waits_of waits_of(const struct policy_request *q)
{
    return q->whole ? WAITS_OF_WHOLES : WAITS_OF_STREAMS;
}

uint64_t policy_patience_us(const struct policy_request *q, uint64_t now_us)
{
    uint64_t limit;

    if (!is_replaceable(q, UINT32_MAX, now_us))
        return UINT64_MAX;
    limit = waits_limit_us(board_get(&target_of(q, q->it.at, now_us)->waits[waits_of(q)]),
                           kind_of_wait(&q->candidates[q->it.at], q->whole), q->prompt_bytes);
    return q->whole ? MAX(limit, q->tokens * POLICY_TOKEN_US) : limit;
}

uint64_t policy_stall_us(const struct policy_request *q, uint64_t now_us)
{
    if (!is_replaceable(q, q->heirs, now_us))
        return UINT64_MAX;
    return waits_limit_us(board_get(&target_of(q, q->it.at, now_us)->waits[WAITS_OF_GAPS]),
                          WAITS_GAP, 0);
}

void policy_gap(struct policy_request *q, uint64_t longest_us, uint64_t now_us)
{
    evidence_wait(target_of(q, q->it.at, now_us), WAITS_OF_GAPS, waits_note, longest_us, 0);
}

/* ---- what became of it ---- */

/* How long it asks to be left alone, and up to a tenth more, so that not all come back at once. */
static uint64_t delay_of(const struct policy_failure *f, uint32_t random)
{
    uint64_t us = f->asks ? MIN(f->delay_us, POLICY_DELAY_US) : POLICY_LIMITED_US;

    return us + us / 10 * random / UINT32_MAX;
}

/* The key itself, and not what it asks for. */
static bool is_refused(const struct policy_failure *f)
{
    return f->class_id == CLASS_CREDENTIAL && f->status == 401;
}

static bool may_be_executed(const struct policy_failure *f)
{
    return f->class_id != CLASS_NEVER_EXECUTED && !f->unasked;
}

static void note_failure(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                         uint32_t random)
{
    struct board_standing *t = target_of(q, q->it.at, now_us);
    struct board_standing *c = credential_of(q, q->it.at, now_us);
    bool sick = class_row(f->class_id)->health && !f->unasked, probe = q->it.probe,
         refused = is_refused(f);

    give_back(q, may_be_executed(f), now_us);
    end_probe(q, sick || refused ? POLICY_LAST_US : 0, now_us);
    if (f->too_fast)
        limits_too_fast(t, now_us);
    if (f->silent && f->waited_us)
        evidence_wait(t, waits_of(q), waits_given_up, f->waited_us, q->prompt_bytes);
    if (f->stalled_us)
        evidence_wait(t, WAITS_OF_GAPS, waits_given_up, f->stalled_us, 0);
    if (sick)
        evidence_result(t, false, probe, now_us, random);
    if (f->class_id == CLASS_RATE || (f->class_id == CLASS_OVERLOAD && f->asks))
        evidence_not_before(t, now_us + delay_of(f, random));
    if (f->class_id == CLASS_QUOTA)
        evidence_not_before(c, now_us + POLICY_BROKE_US);
    if (refused && !standing_is_nobodys(c))
        board_set(&c->until_us, now_us + POLICY_REFUSED_US);
}

/* Others have not seen it fail, so it may have been bad luck. */
static bool may_stay(const struct policy_request *q, const struct policy_failure *f, bool probe,
                     uint64_t now_us)
{
    return class_row(f->class_id)->in_place && !probe && q->it.again < q->rules->same_target &&
           evidence_row(target_of(q, q->it.at, now_us), now_us) <= 1;
}

/* It asks for no longer than the route may wait. */
static bool may_wait(const struct policy_request *q, const struct policy_failure *f)
{
    return f->asks && q->rules->wait_up_to_us &&
           (f->class_id == CLASS_RATE || f->class_id == CLASS_OVERLOAD) &&
           f->delay_us <= q->rules->wait_up_to_us && q->it.again < MAX(q->rules->same_target, 1);
}

/* The same target once more, if by then it may be asked, and at its cost. */
static struct policy_step again(struct policy_request *q, uint64_t wait_us, uint64_t now_us,
                                uint64_t left_us)
{
    uint64_t until;

    if (wait_us >= left_us || look(q, q->it.at, now_us + wait_us, &until) != POLICY_FREE ||
        !affords(q, q->it.at, now_us))
        return (struct policy_step){.what = POLICY_NEXT};
    q->it.again++;
    return (struct policy_step){POLICY_AGAIN, wait_us};
}

/* What was too long for one is too long for those that are no larger. */
static void leave_small(struct policy_request *q)
{
    const struct policy_candidate *at = &q->candidates[q->it.at];

    for (uint32_t i = 0; i < q->n; i++) {
        const struct policy_candidate *c = &q->candidates[i];
        bool known = at->context && c->context;

        if (is_out(q, i))
            continue;
        if ((known && c->context <= at->context) || (at->model && c->model == at->model)) {
            q->out |= UINT32_C(1) << i;
            pass_over(q, i, REASON_TOO_SMALL, 0);
        } else if (known && !c->degraded) {
            q->larger |= UINT32_C(1) << i;
        }
    }
}

/* Whom the same failure takes out of this request. */
static void leave(struct policy_request *q, const struct policy_failure *f)
{
    const struct policy_candidate *at = &q->candidates[q->it.at];
    bool shut = f->class_id == CLASS_QUOTA || is_refused(f);

    for (uint32_t i = 0; i < q->n; i++) {
        const struct policy_candidate *c = &q->candidates[i];

        if (q->out >> i & 1)
            continue;
        if (i == q->it.at || (f->silent && c->provider == at->provider) ||
            (shut && c->credential == at->credential)) {
            q->out |= UINT32_C(1) << i;
            pass_over(q, i, i == q->it.at ? REASON_NONE : REASON_SHARED_FATE, 0);
        }
    }
    if (f->class_id == CLASS_TOO_LONG)
        leave_small(q);
}

static bool may_go_elsewhere(const struct policy_request *q, const struct policy_failure *f)
{
    return class_row(f->class_id)->elsewhere ||
           (f->class_id == CLASS_POLICY && q->rules->content_elsewhere);
}

struct policy_step policy_failed(struct policy_request *q, const struct policy_failure *f,
                                 uint64_t now_us, uint64_t left_us, uint32_t random)
{
    bool probe = q->it.probe, executed = may_be_executed(f);

    note_failure(q, f, now_us, random);
    q->asked = true;
    q->counted += executed;
    q->free = !executed && !q->was_free;
    q->was_free |= q->free;
    if (!may_go_elsewhere(q, f) || q->counted >= q->rules->attempts || left_us == 0)
        return (struct policy_step){.what = POLICY_FINAL};
    if (may_wait(q, f)) {
        struct policy_step step = again(q, delay_of(f, random), now_us, left_us);

        if (step.what == POLICY_AGAIN)
            return step;
    }
    if (may_stay(q, f, probe, now_us)) {
        struct policy_step step =
            again(q, POLICY_PLACE_US + 2 * POLICY_PLACE_US * random / UINT32_MAX, now_us, left_us);

        if (step.what == POLICY_AGAIN)
            return step;
    }
    leave(q, f);
    return (struct policy_step){.what = POLICY_NEXT};
}

bool policy_again(struct policy_request *q, uint64_t now_us)
{
    uint64_t until;

    if (look(q, q->it.at, now_us, &until) == POLICY_FREE && hold(q, q->it.at, now_us))
        return true;
    q->out |= UINT32_C(1) << q->it.at;
    return false;
}

void policy_broke(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                  uint32_t random)
{
    note_failure(q, f, now_us, random);
}

void policy_answers(struct policy_request *q, uint64_t waited_us, uint64_t now_us)
{
    struct board_standing *t = target_of(q, q->it.at, now_us);
    struct board_standing *c = credential_of(q, q->it.at, now_us);

    if (q->it.answered)
        return;
    q->it.answered = true;
    evidence_wait(t, waits_of(q), waits_note, waited_us, q->prompt_bytes);
    if (board_get(&c->until_us))
        board_set(&c->until_us, 0);
    q->it.noted = q->it.probe;
    for (int good = 0; q->it.probe && good < (q->it.last ? BREAKER_GOOD : 1); good++)
        if (good == 0 || evidence_is_open(t, now_us)) /* the last one left is closed by one */
            evidence_result(t, true, true, now_us, 0);
    end_probe(q, 0, now_us);
}

void policy_ended(struct policy_request *q, uint64_t waited_us, uint64_t now_us)
{
    policy_answers(q, waited_us, now_us);
    give_back(q, true, now_us);
    if (!q->it.noted)
        evidence_result(target_of(q, q->it.at, now_us), true, false, now_us, 0);
}

void policy_dropped(struct policy_request *q, uint64_t now_us)
{
    give_back(q, true, now_us);
    end_probe(q, 0, now_us);
}

/* ---- hedges ---- */

uint64_t policy_hedge_id(uint64_t model)
{
    uint64_t id = model * 31 + 0x6865646765; /* no target's */

    return id ? id : 1;
}

static uint64_t prompt_tokens(const struct policy_request *q)
{
    return q->prompt_bytes / BYTES_A_TOKEN;
}

uint64_t policy_hedge_us(const struct policy_request *q, uint64_t now_us, enum policy_unhedged *why)
{
    uint64_t us;

    *why = POLICY_HEDGE_OFF;
    if (q->rules->hedge == 0 || q->it.last)
        return UINT64_MAX;
    *why = POLICY_HEDGE_LATE;
    if (q->asked || q->beside || q->rules->attempts < 2)
        return UINT64_MAX;
    *why = POLICY_HEDGE_LONG;
    if (prompt_tokens(q) > q->rules->hedge_tokens)
        return UINT64_MAX;
    us = waits_usual_us(board_get(&target_of(q, q->it.at, now_us)->waits[waits_of(q)]),
                        q->prompt_bytes);
    *why = us == UINT64_MAX ? POLICY_HEDGE_UNKNOWN : POLICY_HEDGED;
    return us;
}

/* Nothing is known against it, the breaker switched off or not. */
static bool is_sound(const struct policy_request *q, uint32_t i, uint64_t now_us)
{
    uint64_t until;

    return stand(target_of(q, i, now_us), credential_of(q, i, now_us), now_us, &until) ==
               POLICY_FREE &&
           !is_slow(q, i, now_us, &until);
}

/* May it be asked beside the candidate `first`, but for what that costs? */
static bool may_hedge(const struct policy_request *q, uint32_t i, uint32_t first, uint32_t of,
                      uint64_t now_us)
{
    const struct policy_candidate *c = &q->candidates[i];

    return (of & ~q->out) >> i & 1 && i != first && !c->degraded &&
           c->provider != q->candidates[first].provider && is_sound(q, i, now_us);
}

void policy_hedge_earn(const struct policy_request *q, struct board_standing *place)
{
    uint64_t old = board_get(&place->hedges);

    if (q->rules->hedge == 0 || standing_is_nobodys(place))
        return;
    while (!board_swap(&place->hedges, &old, hedge_earn(old, q->rules->hedge, prompt_tokens(q))))
        ;
}

double policy_hedges_left(const struct board_standing *place)
{
    return place ? hedge_left(board_get(&place->hedges)) : 0;
}

/* Where nobody can count them there are none. */
static bool spend_share(const struct policy_request *q, struct board_standing *place)
{
    uint64_t old = board_get(&place->hedges), word;
    bool enough;

    if (standing_is_nobodys(place))
        return false;
    do
        word = hedge_spend(old, prompt_tokens(q), &enough);
    while (enough && !board_swap(&place->hedges, &old, word));
    return enough;
}

static void unspend_share(const struct policy_request *q, struct board_standing *place)
{
    uint64_t old = board_get(&place->hedges);

    while (!board_swap(&place->hedges, &old, hedge_unspend(old, prompt_tokens(q))))
        ;
}

/* What it costs, of its target and of the model. */
static bool affords_hedge(struct policy_request *q, uint32_t i, struct board_standing *place,
                          uint64_t now_us)
{
    struct board_standing *t = target_of(q, i, now_us);

    if (!evidence_spend(t, now_us))
        return false;
    q->it.fee = FEE_SPENDS;
    if (spend_share(q, place))
        return true;
    evidence_undo(t, FEE_SPENDS, now_us);
    q->it.fee = FEE_NONE;
    return false;
}

int policy_hedge(struct policy_request *q, const struct policy_attempt *first, uint32_t of,
                 struct board_standing *place, uint64_t now_us)
{
    for (uint32_t i = 0; i < q->n; i++) {
        if (!may_hedge(q, i, first->at, of, now_us) || !hold(q, i, now_us))
            continue;
        if (affords_hedge(q, i, place, now_us)) {
            q->beside = UINT32_C(1) << i | UINT32_C(1) << first->at;
            return (int)i;
        }
        let_go(q, now_us);
    }
    return -1;
}

int policy_hedge_look(const struct policy_request *q, uint32_t of,
                      const struct board_standing *place, uint64_t now_us,
                      enum policy_unhedged *why)
{
    bool enough = false;

    UNUSED(hedge_spend(place ? board_get(&place->hedges) : 0, prompt_tokens(q), &enough));
    *why = enough ? POLICY_HEDGE_NOBODY : POLICY_HEDGE_BUDGET;
    for (uint32_t i = 0; enough && i < q->n; i++) {
        enum reason limit;
        uint64_t until;

        if (!may_hedge(q, i, q->it.at, of, now_us) || !is_within(q, i, now_us, &limit, &until))
            continue;
        *why = POLICY_HEDGED;
        return (int)i;
    }
    return -1;
}

void policy_unhedge(struct policy_request *q, struct board_standing *place, uint64_t now_us)
{
    let_go(q, now_us);
    evidence_undo(target_of(q, q->it.at, now_us), (enum evidence_fee)q->it.fee, now_us);
    q->it = (struct policy_attempt){0};
    q->beside = 0;
    unspend_share(q, place);
}

bool policy_failed_beside(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                          uint32_t random)
{
    note_failure(q, f, now_us, random);
    q->asked = true;
    q->counted += may_be_executed(f);
    q->beside = 0;
    leave(q, f);
    return may_go_elsewhere(q, f);
}

void policy_outrun(struct policy_request *q, uint64_t waited_us, uint64_t now_us)
{
    q->beside = 0;
    q->asked = true;
    q->counted = (uint8_t)(q->counted + (waited_us > 0));
    if (waited_us)
        evidence_wait(target_of(q, q->it.at, now_us), waits_of(q), waits_broken_off, waited_us,
                      q->prompt_bytes);
    if (q->it.reserved_us && waited_us) /* its prompt may have been read; no more than that */
        limits_used(target_of(q, q->it.at, now_us), q->input);
    give_back(q, false, now_us);
    end_probe(q, 0, now_us);
}
