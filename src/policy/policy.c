/*
 * policy.c - see policy.h.
 */
#include "policy/policy.h"

#include "health/breaker.h"
#include "health/slow.h"
#include "policy/evidence.h"
#include "policy/fates.h"
#include "policy/limits.h"
#include "policy/policy_impl.h"
#include "policy/session.h"
#include "policy/size.h"
#include "route/stay.h"

struct board_standing *policy_target_of(const struct policy_request *q, uint32_t i, uint64_t now_us)
{
    return standing_find(q->table, q->candidates[i].target, now_us);
}

static struct board_standing *credential_of(const struct policy_request *q, uint32_t i,
                                            uint64_t now_us)
{
    return standing_find(q->table, q->candidates[i].credential, now_us);
}

/* Where its rate limits stand. */
struct board_standing *policy_limits_place(const struct policy_request *q, uint32_t i,
                                           uint64_t now_us)
{
    const struct policy_candidate *c = &q->candidates[i];

    return standing_find(q->table, c->limits ? c->limits : c->target, now_us);
}

/* ---- whom to ask ---- */

static const struct board_standing unknown;

/* What is known of a candidate. */
struct known {
    const struct board_standing *table, *target, *credential;
    const struct policy_candidate *c;
};

static struct known know(const struct board_standing *table, const struct policy_candidate *c)
{
    const struct board_standing *t = standing_look(table, c->target);
    const struct board_standing *k = standing_look(table, c->credential);

    return (struct known){table, t ? t : &unknown, k ? k : &unknown, c};
}

/* A key was refused, or had no money, until lately: nobody knows yet whether that is over. */
static bool is_doubtful(const struct board_standing *credential, uint64_t now_us)
{
    uint64_t until = MAX(board_get(&credential->until_us), board_get(&credential->not_before_us));

    return until && !standing_is_nobodys(credential) && until <= now_us &&
           until + POLICY_STALE_US > now_us;
}

/* When an open breaker may be probed. What it shares with others has got well since: at once. */
static uint64_t opens_until_us(const struct known *k)
{
    uint64_t closed = fates_closed_us(k->table, k->c);

    return closed && closed >= board_get(&k->target->opened_us)
               ? MIN(closed, board_get(&k->target->until_us))
               : board_get(&k->target->until_us);
}

/* by: of POLICY_FATED, by which of its fates. */
static enum policy_stand stand(const struct known *k, uint64_t now_us, uint64_t *until_us,
                               uint8_t *by)
{
    const struct board_standing *t = k->target, *c = k->credential;
    uint64_t limited = MAX(board_get(&t->not_before_us), board_get(&c->not_before_us));
    bool sick = evidence_is_open(t, now_us);
    enum fates_stand fates;

    *until_us = limited;
    if (limited > now_us)
        return POLICY_ALONE;
    *until_us = board_get(&c->until_us);
    if (*until_us > now_us)
        return POLICY_OPEN;
    fates = fates_look(k->table, k->c, sick, now_us, until_us, by);
    if (fates == FATES_SHUT)
        return POLICY_FATED;
    if (fates == FATES_PROBE)
        return POLICY_HALF_OPEN;
    if (sick) {
        *until_us = opens_until_us(k);
        return *until_us > now_us ? POLICY_OPEN : POLICY_HALF_OPEN;
    }
    if (is_doubtful(c, now_us))
        return POLICY_HALF_OPEN;
    *until_us = slow_until_us(board_get(&t->slow));
    return *until_us > now_us ? POLICY_SLOW : POLICY_FREE;
}

enum policy_stand policy_look(const struct board_standing *table, const struct policy_candidate *c,
                              uint64_t now_us, uint64_t *until_us)
{
    const struct known k = know(table, c);
    uint8_t by;

    return stand(&k, now_us, until_us, &by);
}

/* When it was well again, last; 0: it was never else, or nothing is known. */
static uint64_t well_since_us(const struct known *k, uint64_t now_us)
{
    uint64_t closed = board_time(&k->target->closed_us, now_us);

    closed = MAX(closed, MIN(fates_closed_us(k->table, k->c), now_us));
    return MAX(closed, MIN(slow_until_us(board_get(&k->target->slow)), now_us));
}

uint64_t policy_slow_start_us(const struct board_standing *table, const struct policy_candidate *c,
                              uint64_t slow_us, uint64_t now_us)
{
    const struct known k = know(table, c);
    uint64_t since = well_since_us(&k, now_us);

    return since && now_us - since < slow_us ? since + slow_us : 0;
}

double policy_retries_left(const struct board_standing *table, const struct policy_candidate *c,
                           uint64_t now_us)
{
    const struct board_standing *t = standing_look(table, c->target);

    return evidence_retries(t ? t : &unknown, now_us);
}

bool policy_stays(const struct board_standing *table, const struct policy_rules *rules,
                  const struct policy_candidate *c, uint64_t idle_us, uint64_t there,
                  uint64_t elsewhere, uint64_t now_us)
{
    uint64_t until;
    bool free = !rules->breaker || policy_look(table, c, now_us, &until) == POLICY_FREE;

    return !c->degraded && free && route_stays(idle_us, there, elsewhere);
}

static enum policy_stand look_by(const struct policy_request *q, uint32_t i, uint64_t now_us,
                                 uint64_t *until_us, uint8_t *by)
{
    *until_us = 0;
    if (!q->rules->breaker)
        return POLICY_FREE;
    return stand(&(struct known){q->table, policy_target_of(q, i, now_us),
                                 credential_of(q, i, now_us), &q->candidates[i]},
                 now_us, until_us, by);
}

enum policy_stand policy_stand_of(const struct policy_request *q, uint32_t i, uint64_t now_us,
                                  uint64_t *until_us)
{
    uint8_t by;

    return look_by(q, i, now_us, until_us, &by);
}

static void pass_over(struct policy_request *q, uint32_t i, enum reason why, uint64_t until_us)
{
    if (q->passed)
        q->passed[i] = (struct policy_passed){why, until_us, 0};
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
    return policy_tokens(q->table, &q->candidates[i], q->text) + q->bulk +
           (q->candidates[i].apart ? 0 : q->output);
}

/* Is there as much? */
bool policy_is_within(const struct policy_request *q, uint32_t i, uint64_t now_us, enum reason *why,
                      uint64_t *until_us)
{
    return !q->rules->limits ||
           limits_look(policy_limits_place(q, i, now_us), tokens_at(q, i), now_us, why, until_us);
}

/* What it may take of its rate limits. */
static bool hold_limits(struct policy_request *q, uint32_t i, uint64_t now_us)
{
    enum reason why = REASON_NONE;
    uint64_t until = 0;
    bool held;

    if (!limits_hold(policy_limits_place(q, i, now_us), tokens_at(q, i), now_us, &held, &why,
                     &until)) {
        blocked(q, i, why, until);
        return false;
    }
    q->it.reserved = tokens_at(q, i);
    q->it.reserved_us = held ? now_us : 0;
    if (q->candidates[i].ramps)
        limits_sent(policy_limits_place(q, i, now_us), tokens_at(q, i), now_us);
    return true;
}

/* What it may take is spoken for by this attempt. */
bool policy_hold(struct policy_request *q, uint32_t i, uint64_t now_us)
{
    q->it.at = (uint8_t)i;
    q->it.asked_us = now_us;
    q->it.reserved_us = 0;
    if (q->rules->limits && !hold_limits(q, i, now_us))
        return false;
    session_begin(q);
    return true;
}

/* used: the target has counted it. */
void policy_give_back(struct policy_request *q, bool used, uint64_t now_us)
{
    if (q->it.reserved_us)
        limits_give_back(policy_limits_place(q, q->it.at, now_us), q->it.reserved,
                         q->it.reserved_us, used);
    q->it.reserved_us = 0;
}

/* The attempt will not be made. */
void policy_let_go(struct policy_request *q, uint64_t now_us)
{
    session_end(q, false);
    policy_give_back(q, false, now_us);
    if (q->rules->limits && q->candidates[q->it.at].ramps)
        limits_unsent(policy_limits_place(q, q->it.at, now_us), q->it.reserved, q->it.asked_us);
}

void policy_limits(struct policy_request *q, const struct provider_limits *l, uint64_t now_us)
{
    if (q->n == 0 || !provider_limits_said(l))
        return;
    limits_said(policy_limits_place(q, q->it.at, now_us), l, q->candidates[q->it.at].refills,
                q->it.asked_us, now_us);
    /* Behind it: meanwhile it is counted twice, and never not at all. */
    policy_give_back(q, false, now_us);
}

void policy_left(struct policy_left *ret, const struct board_standing *table,
                 const struct policy_candidate *c, uint64_t now_us)
{
    const struct board_standing *t = standing_look(table, c->limits ? c->limits : c->target);
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
    struct board_standing *t = policy_target_of(q, i, now_us);

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
    q->dear |= UINT32_C(1) << i;
    return false;
}

/* Its time was over long ago: it was not needed, and what was known of it is old. */
static bool is_stale(const struct board_standing *t, uint64_t now_us)
{
    return evidence_is_open(t, now_us) && board_get(&t->until_us) + POLICY_STALE_US < now_us;
}

enum { PROBE_TARGET = 1, PROBE_CREDENTIAL = 2 };

/* The probe is over; nobody is to begin another one for pause_us. */
void policy_end_probe(struct policy_request *q, uint64_t pause_us, uint64_t now_us)
{
    uint64_t next_us = pause_us ? now_us + pause_us : 0;

    if (q->it.probing & PROBE_TARGET)
        evidence_end_probe(policy_target_of(q, q->it.at, now_us), q->it.probe_us, next_us);
    if (q->it.probing & PROBE_CREDENTIAL)
        evidence_end_probe(credential_of(q, q->it.at, now_us), q->it.probe_us, next_us);
    fates_end_probe(q->table, &q->candidates[q->it.at], q->it.probing_fates, q->it.probe_us,
                    next_us);
    q->it.probe = false;
    q->it.probing = q->it.probing_fates = 0;
    q->it.probe_us = 0;
}

/* Nobody else probes the target meanwhile, nor what it shares with others, unless all may. */
static bool begin_probe(struct policy_request *q, uint64_t now_us)
{
    struct board_standing *t = policy_target_of(q, q->it.at, now_us),
                          *c = credential_of(q, q->it.at, now_us);
    bool sick = evidence_is_open(t, now_us), mine = true;

    q->it.probe = true;
    q->it.probe_us = now_us + POLICY_PROBE_US;
    q->it.probing = q->it.probing_fates = 0;
    if (sick && !is_stale(t, now_us)) {
        mine = evidence_take_probe(t, q->it.probe_us, now_us);
        q->it.probing |= mine ? PROBE_TARGET : 0;
    }
    if (mine && (is_doubtful(c, now_us) || board_get(&c->until_us) > now_us)) {
        mine = evidence_take_probe(c, q->it.probe_us, now_us);
        q->it.probing |= mine ? PROBE_CREDENTIAL : 0;
    }
    mine = mine && fates_take_probe(q->table, &q->candidates[q->it.at], q->it.probe_us, now_us,
                                    &q->it.probing_fates);
    if (!mine)
        policy_end_probe(q, 0, now_us);
    else if (!q->it.probing && !q->it.probing_fates)
        q->it.probe_us = 0;
    return mine;
}

/* What it may take is spoken for. */
static bool take(struct policy_request *q, uint32_t i, bool probe, uint64_t now_us)
{
    q->it.at = (uint8_t)i;
    q->it.again = 0;
    q->it.last = q->it.answered = q->it.noted = q->it.slow = false;
    if ((!probe || begin_probe(q, now_us)) && affords(q, i, now_us)) {
        pass_over(q, i, REASON_NONE, 0);
        return true;
    }
    policy_let_go(q, now_us);
    policy_end_probe(q, 0, now_us);
    return false;
}

static bool is_out(const struct policy_request *q, uint32_t i)
{
    return q->out >> i & 1;
}

/* It was sick or slow until lately: most requests leave it to others yet. */
bool policy_starts_slowly(const struct policy_request *q, uint32_t i, uint64_t now_us,
                          uint64_t *until_us)
{
    uint64_t slow = q->rules->slow_us, since, passed, share;

    if (!q->rules->breaker || slow == 0)
        return false;
    since = well_since_us(
        &(struct known){q->table, policy_target_of(q, i, now_us), &unknown, &q->candidates[i]},
        now_us);
    passed = now_us - since;
    if (since == 0 || passed >= slow)
        return false;
    *until_us = since + slow;
    share = MAX(UINT32_MAX / POLICY_SLOW_PART,
                (uint64_t)((double)UINT32_MAX * (double)passed / (double)slow));
    return q->draw >= share;
}

/* Is it asked now? If not, but it may be later, that is noted. gently: not who is slow, nor who is
 * to start slowly. */
static bool offer(struct policy_request *q, uint32_t i, bool gently, uint64_t now_us)
{
    static const enum reason whys[] = {[POLICY_HALF_OPEN] = REASON_BREAKER_OPEN,
                                       [POLICY_OPEN] = REASON_BREAKER_OPEN,
                                       [POLICY_ALONE] = REASON_LEFT_ALONE};
    uint64_t until;
    uint8_t by = UINT8_MAX;
    enum policy_stand s = look_by(q, i, now_us, &until, &by);
    bool may = policy_is_asked(s) || s == POLICY_HALF_OPEN;

    if (gently && s == POLICY_SLOW) {
        blocked(q, i, REASON_SLOW, until);
        return false;
    }
    if (gently && s == POLICY_FREE && policy_starts_slowly(q, i, now_us, &until)) {
        blocked(q, i, REASON_SLOW_START, until);
        return false;
    }
    if (may && !policy_hold(q, i, now_us))
        return false;
    if (may && take(q, i, s == POLICY_HALF_OPEN, now_us))
        return true;
    if (is_out(q, i)) /* take() takes out whom it cannot pay for */
        return false;
    blocked(q, i, by == UINT8_MAX ? whys[s] : REASON_FATE, MAX(until, now_us + POLICY_LAST_US));
    if (by != UINT8_MAX && q->passed)
        q->passed[i].fate = q->candidates[i].fates.kinds[by];
    return false;
}

/* Of those that are open, the one that has the least time left. */
static int least_bad(const struct policy_request *q, uint32_t small, uint64_t now_us)
{
    uint64_t least = UINT64_MAX, until;
    int ret = -1;

    for (uint32_t i = 0; i < q->n; i++) {
        enum policy_stand s = policy_stand_of(q, i, now_us, &until);

        if (is_out(q, i) || small >> i & 1 || s == POLICY_ALONE || policy_is_asked(s) ||
            until >= least)
            continue;
        least = until;
        ret = (int)i;
    }
    return ret;
}

/* Those that the request surely does not fit, where there are others; a bit each. */
static uint32_t small_ones(struct policy_request *q)
{
    uint32_t small = 0, fitting = 0;

    for (uint32_t i = 0; i < q->n; i++)
        if (!is_out(q, i))
            *(size_is_over(q->table, &q->candidates[i], q->text) ? &small : &fitting) |= UINT32_C(1)
                                                                                         << i;
    if (!fitting)
        return 0;
    for (uint32_t i = 0; i < q->n; i++)
        if (small >> i & 1)
            pass_over(q, i, REASON_TOO_SMALL, 0);
    return small;
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
    uint32_t small;
    int who, last;

    MUST(q->n <= POLICY_TARGETS_MAX);
    q->why = REASON_NONE;
    q->earliest_us = 0;
    small = small_ones(q);
    for (int gently = 1; gently >= 0; gently--) {
        who = q->larger ? offer_all(q, q->larger & ~small, gently, now_us) : -1;
        if (who < 0)
            who = offer_all(q, ~(q->larger | small), gently, now_us);
        if (who >= 0)
            return who;
    }
    last = least_bad(q, small, now_us);
    if (last < 0 || !policy_hold(q, (uint32_t)last, now_us) ||
        !take(q, (uint32_t)last, true, now_us))
        return -1;
    q->it.last = true;
    return last;
}

uint64_t policy_reopens_us(const struct policy_request *q, uint64_t now_us)
{
    uint64_t first = UINT64_MAX, until;
    enum reason why;

    for (uint32_t i = 0; i < q->n; i++) {
        enum policy_stand s = policy_stand_of(q, i, now_us, &until);

        if (!policy_is_asked(s) && s != POLICY_ALONE)
            until = MAX(until, now_us + POLICY_LAST_US);
        else if (policy_is_asked(s) && policy_is_within(q, i, now_us, &why, &until))
            return 0;
        if (until > now_us)
            first = MIN(first, until);
    }
    return first == UINT64_MAX ? 0 : first;
}

void policy_skip(struct policy_request *q, uint64_t now_us)
{
    policy_let_go(q, now_us);
    policy_end_probe(q, 0, now_us);
    evidence_undo(policy_target_of(q, q->it.at, now_us), (enum evidence_fee)q->it.fee, now_us);
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

bool policy_may_be_executed(const struct policy_failure *f)
{
    return f->class_id != CLASS_NEVER_EXECUTED && !f->unasked;
}

/* together: others may be, too. fates: those that the attempt was the probe of. */
static void note_sick(struct policy_request *q, bool together, bool probe, uint8_t fates,
                      uint64_t now_us, uint32_t random)
{
    struct board_standing *t = policy_target_of(q, q->it.at, now_us);
    const struct policy_candidate *c = &q->candidates[q->it.at];
    bool opens = evidence_result(t, false, probe, now_us, random);

    if (!together)
        return;
    if (opens)
        fates_sick(q->table, c, now_us, random);
    if (fates == 0)
        return;
    fates_still_sick(q->table, c, fates, now_us, random);
    evidence_trip(t, now_us, random); /* it is sick like the others that share it */
}

void policy_note_failure(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                         uint32_t random)
{
    struct board_standing *t = policy_target_of(q, q->it.at, now_us);
    struct board_standing *c = credential_of(q, q->it.at, now_us);
    const struct class_row *row = class_row(f->class_id);
    bool sick = row->health && !f->unasked && !f->ours, probe = q->it.probe,
         refused = is_refused(f);
    uint8_t fates = q->it.probing_fates;

    session_end(q, false);
    policy_give_back(q, policy_may_be_executed(f), now_us);
    policy_end_probe(q, sick || refused ? POLICY_LAST_US : 0, now_us);
    if (f->too_fast)
        limits_too_fast(policy_limits_place(q, q->it.at, now_us), now_us);
    if (f->silent && f->waited_us) {
        evidence_wait(t, policy_waits_of(q), waits_given_up, f->waited_us, q->prompt_bytes);
        evidence_first(t, q->whole, f->waited_us, now_us);
    }
    if (f->stalled_us)
        evidence_wait(t, WAITS_OF_GAPS, waits_given_up, f->stalled_us, 0);
    if (sick)
        note_sick(q, row->together, probe, fates, now_us, random);
    else if (fates && f->status) /* whoever refuses is there */
        fates_answers(q->table, &q->candidates[q->it.at], now_us);
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
           evidence_row(policy_target_of(q, q->it.at, now_us), now_us) <= 1;
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

    if (wait_us >= left_us ||
        !policy_is_asked(policy_stand_of(q, q->it.at, now_us + wait_us, &until)) ||
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
void policy_leave(struct policy_request *q, const struct policy_failure *f)
{
    const struct policy_candidate *at = &q->candidates[q->it.at];
    bool shut = f->class_id == CLASS_QUOTA || is_refused(f);

    q->out &= ~q->dear; /* it may be well by now */
    q->dear = 0;
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

bool policy_may_go_elsewhere(const struct policy_request *q, const struct policy_failure *f)
{
    return class_row(f->class_id)->elsewhere ||
           (f->class_id == CLASS_POLICY && q->rules->content_elsewhere);
}

struct policy_step policy_failed(struct policy_request *q, const struct policy_failure *f,
                                 uint64_t now_us, uint64_t left_us, uint32_t random)
{
    bool probe = q->it.probe, executed = policy_may_be_executed(f);

    policy_note_failure(q, f, now_us, random);
    q->asked = true;
    q->counted += executed;
    q->free = !executed && !q->was_free;
    q->was_free |= q->free;
    if (!policy_may_go_elsewhere(q, f) || q->counted >= q->rules->attempts || left_us == 0)
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
    policy_leave(q, f);
    return (struct policy_step){.what = POLICY_NEXT};
}

bool policy_again(struct policy_request *q, uint64_t now_us)
{
    uint64_t until;

    if (policy_is_asked(policy_stand_of(q, q->it.at, now_us, &until)) &&
        policy_hold(q, q->it.at, now_us))
        return true;
    q->out |= UINT32_C(1) << q->it.at;
    return false;
}

void policy_broke(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                  uint32_t random)
{
    policy_note_failure(q, f, now_us, random);
}

void policy_used(struct policy_request *q, uint64_t input, uint64_t output, uint64_t now_us)
{
    if (q->n == 0)
        return;
    if (!q->bulk && input)
        size_note(policy_target_of(q, q->it.at, now_us), q->text, input);
    session_note(q, output, now_us);
}

/* It was refused, or had no money, and is used: that is over. Who has been told since stays told.
 */
static void clear_doubt(struct board_standing *credential, uint64_t now_us)
{
    uint64_t told = board_get(&credential->not_before_us);

    if (board_get(&credential->until_us))
        board_set(&credential->until_us, 0);
    if (told && told <= now_us)
        board_swap(&credential->not_before_us, &told, 0);
}

void policy_answers(struct policy_request *q, uint64_t waited_us, uint64_t now_us)
{
    struct board_standing *t = policy_target_of(q, q->it.at, now_us);
    struct board_standing *c = credential_of(q, q->it.at, now_us);

    if (q->it.answered)
        return;
    q->it.answered = true;
    evidence_wait(t, policy_waits_of(q), waits_note, waited_us, q->prompt_bytes);
    evidence_first(t, q->whole, waited_us, now_us);
    fates_answers(q->table, &q->candidates[q->it.at], now_us);
    clear_doubt(c, now_us);
    q->it.noted = q->it.probe;
    for (int good = 0; q->it.probe && good < (q->it.last ? BREAKER_GOOD : 1); good++)
        if (good == 0 || evidence_is_open(t, now_us)) /* the last one left is closed by one */
            evidence_result(t, true, true, now_us, 0);
    policy_end_probe(q, 0, now_us);
}

void policy_ended(struct policy_request *q, uint64_t waited_us, uint64_t now_us)
{
    policy_answers(q, waited_us, now_us);
    session_end(q, true);
    policy_give_back(q, true, now_us);
    if (!q->it.noted)
        evidence_result(policy_target_of(q, q->it.at, now_us), true, false, now_us, 0);
}

void policy_dropped(struct policy_request *q, uint64_t now_us)
{
    session_end(q, false);
    policy_give_back(q, true, now_us);
    policy_end_probe(q, 0, now_us);
}
