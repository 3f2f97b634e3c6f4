/*
 * policy.c - see policy.h.
 */
#include "policy/policy.h"

#include "health/breaker.h"
#include "policy/evidence.h"

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

static enum policy_stand look(const struct policy_request *q, uint32_t i, uint64_t now_us,
                              uint64_t *until_us)
{
    *until_us = 0;
    if (!q->rules->breaker)
        return POLICY_FREE;
    return stand(target_of(q, i, now_us), credential_of(q, i, now_us), now_us, until_us);
}

static void blocked(struct policy_request *q, enum reason why, uint64_t until_us)
{
    if (q->earliest_us == 0 || (until_us && until_us < q->earliest_us))
        q->earliest_us = until_us;
    if (q->why == REASON_NONE || why == REASON_LEFT_ALONE)
        q->why = why;
}

/* Is there what it costs? */
static bool affords(struct policy_request *q, uint32_t i, uint64_t now_us)
{
    struct board_standing *t = target_of(q, i, now_us);

    if (!q->asked) {
        evidence_earn(t, now_us);
        return true;
    }
    if (q->free || evidence_row(t, now_us) == 0 || evidence_spend(t, now_us))
        return true;
    blocked(q, REASON_RETRY_BUDGET, 0);
    q->out |= UINT32_C(1) << i;
    return false;
}

/* Its time was over long ago: it was not needed, and what was known of it is old. */
static bool is_stale(const struct board_standing *t, uint64_t now_us)
{
    return evidence_is_open(t, now_us) && board_get(&t->until_us) + POLICY_STALE_US < now_us;
}

static bool take(struct policy_request *q, uint32_t i, bool probe, uint64_t now_us)
{
    struct board_standing *t = target_of(q, i, now_us);

    if (probe && !is_stale(t, now_us) && !evidence_take_probe(t, now_us + POLICY_PROBE_US, now_us))
        return false;
    if (!affords(q, i, now_us)) {
        if (probe)
            board_set(&t->probe_us, 0);
        return false;
    }
    q->at = (uint8_t)i;
    q->probe = probe;
    q->last = false;
    q->again = 0;
    q->answered = false;
    return true;
}

/* Of those that are open, the one that has the least time left. */
static int least_bad(const struct policy_request *q, uint64_t now_us)
{
    uint64_t least = UINT64_MAX, until;
    int ret = -1;

    for (uint32_t i = 0; i < q->n; i++) {
        enum policy_stand s = look(q, i, now_us, &until);

        if (q->out >> i & 1 || s == POLICY_ALONE || s == POLICY_FREE || until >= least)
            continue;
        least = until;
        ret = (int)i;
    }
    return ret;
}

int policy_next(struct policy_request *q, uint64_t now_us)
{
    uint64_t until;
    int last;

    MUST(q->n <= POLICY_TARGETS_MAX);
    q->why = REASON_NONE;
    q->earliest_us = 0;
    for (uint32_t i = 0; i < q->n; i++) {
        enum policy_stand s = q->out >> i & 1 ? POLICY_OPEN : look(q, i, now_us, &until);

        if (q->out >> i & 1)
            continue;
        if ((s == POLICY_FREE || s == POLICY_HALF_OPEN) &&
            take(q, i, s == POLICY_HALF_OPEN, now_us))
            return (int)i;
        if (!(q->out >> i & 1))
            blocked(q, s == POLICY_ALONE ? REASON_LEFT_ALONE : REASON_BREAKER_OPEN,
                    MAX(until, now_us + POLICY_LAST_US));
    }
    last = least_bad(q, now_us);
    if (last < 0 || !take(q, (uint32_t)last, true, now_us))
        return -1;
    q->last = true;
    return last;
}

/* The probe is over; nobody is to begin another one for pause_us. */
static void end_probe(struct policy_request *q, uint64_t pause_us, uint64_t now_us)
{
    if (q->probe)
        board_set(&target_of(q, q->at, now_us)->probe_us, pause_us ? now_us + pause_us : 0);
    q->probe = false;
}

void policy_skip(struct policy_request *q, uint64_t now_us)
{
    end_probe(q, 0, now_us);
    q->out |= UINT32_C(1) << q->at;
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

static void note_failure(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                         uint32_t random)
{
    struct board_standing *t = target_of(q, q->at, now_us);
    struct board_standing *c = credential_of(q, q->at, now_us);
    bool sick = class_row(f->class_id)->health, probe = q->probe, refused = is_refused(f);

    end_probe(q, sick || refused ? POLICY_LAST_US : 0, now_us);
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
    return class_row(f->class_id)->in_place && !probe && q->again < q->rules->same_target &&
           evidence_row(target_of(q, q->at, now_us), now_us) <= 1;
}

/* It asks for no longer than the route may wait. */
static bool may_wait(const struct policy_request *q, const struct policy_failure *f)
{
    return f->asks && q->rules->wait_up_to_us &&
           (f->class_id == CLASS_RATE || f->class_id == CLASS_OVERLOAD) &&
           f->delay_us <= q->rules->wait_up_to_us && q->again < MAX(q->rules->same_target, 1);
}

/* The same target once more, if by then it may be asked, and at its cost. */
static struct policy_step again(struct policy_request *q, uint64_t wait_us, uint64_t now_us,
                                uint64_t left_us)
{
    uint64_t until;

    if (wait_us >= left_us || look(q, q->at, now_us + wait_us, &until) != POLICY_FREE ||
        !affords(q, q->at, now_us))
        return (struct policy_step){.what = POLICY_NEXT};
    q->again++;
    return (struct policy_step){POLICY_AGAIN, wait_us};
}

/* Whom the same failure takes out of this request. */
static void leave(struct policy_request *q, const struct policy_failure *f)
{
    const struct policy_candidate *at = &q->candidates[q->at];
    bool shut = f->class_id == CLASS_QUOTA || is_refused(f);

    for (uint32_t i = 0; i < q->n; i++) {
        const struct policy_candidate *c = &q->candidates[i];

        if (i == q->at || (f->silent && c->provider == at->provider) ||
            (shut && c->credential == at->credential))
            q->out |= UINT32_C(1) << i;
    }
}

struct policy_step policy_failed(struct policy_request *q, const struct policy_failure *f,
                                 uint64_t now_us, uint64_t left_us, uint32_t random)
{
    bool probe = q->probe, executed = f->class_id != CLASS_NEVER_EXECUTED;

    note_failure(q, f, now_us, random);
    q->asked = true;
    q->counted += executed;
    q->free = !executed && !q->was_free;
    q->was_free |= q->free;
    if (!class_row(f->class_id)->elsewhere || q->counted >= q->rules->attempts || left_us == 0)
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

    if (look(q, q->at, now_us, &until) == POLICY_FREE)
        return true;
    q->out |= UINT32_C(1) << q->at;
    return false;
}

void policy_broke(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                  uint32_t random)
{
    note_failure(q, f, now_us, random);
}

void policy_answers(struct policy_request *q, uint64_t now_us)
{
    struct board_standing *t = target_of(q, q->at, now_us);
    struct board_standing *c = credential_of(q, q->at, now_us);

    if (q->answered)
        return;
    q->answered = true;
    if (board_get(&c->until_us))
        board_set(&c->until_us, 0);
    for (int i = 0; q->probe && i < (q->last ? BREAKER_GOOD : 1); i++)
        evidence_result(t, true, true, now_us, 0);
    end_probe(q, 0, now_us);
}

void policy_ended(struct policy_request *q, uint64_t now_us)
{
    bool probed = q->probe;

    policy_answers(q, now_us);
    if (!probed)
        evidence_result(target_of(q, q->at, now_us), true, false, now_us, 0);
}

void policy_dropped(struct policy_request *q, uint64_t now_us)
{
    end_probe(q, 0, now_us);
}
