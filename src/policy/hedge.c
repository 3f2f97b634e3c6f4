/*
 * hedge.c - who is asked beside a slow first target, and what becomes of both. docs/decisions/0020
 * says why.
 */
#include "health/hedge.h"
#include "policy/evidence.h"
#include "policy/limits.h"
#include "policy/policy_impl.h"
#include "policy/session.h"
#include "policy/size.h"

uint64_t policy_hedge_id(uint64_t model)
{
    uint64_t id = model * 31 + 0x6865646765; /* no target's */

    return id ? id : 1;
}

/* As nobody in particular counts: what a request has earned pays for another target's. */
static uint64_t prompt_tokens(const struct policy_request *q)
{
    return policy_tokens(q->table, NULL, q->text) + q->bulk;
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
    us =
        waits_usual_us(board_get(&policy_target_of(q, q->it.at, now_us)->waits[policy_waits_of(q)]),
                       q->prompt_bytes);
    *why = us == UINT64_MAX ? POLICY_HEDGE_UNKNOWN : POLICY_HEDGED;
    return us;
}

/* Nothing is known against it, the breaker switched off or not. */
static bool is_sound(const struct policy_request *q, uint32_t i, uint64_t now_us)
{
    uint64_t until;

    return policy_look(q->table, &q->candidates[i], now_us, &until) == POLICY_FREE &&
           !policy_starts_slowly(q, i, now_us, &until) &&
           !size_is_over(q->table, &q->candidates[i], q->text);
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
    struct board_standing *t = policy_target_of(q, i, now_us);

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
        if (!may_hedge(q, i, first->at, of, now_us) || !policy_hold(q, i, now_us))
            continue;
        if (affords_hedge(q, i, place, now_us)) {
            q->beside = UINT32_C(1) << i | UINT32_C(1) << first->at;
            return (int)i;
        }
        policy_let_go(q, now_us);
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

        if (!may_hedge(q, i, q->it.at, of, now_us) ||
            !policy_is_within(q, i, now_us, &limit, &until))
            continue;
        *why = POLICY_HEDGED;
        return (int)i;
    }
    return -1;
}

void policy_unhedge(struct policy_request *q, struct board_standing *place, uint64_t now_us)
{
    policy_let_go(q, now_us);
    evidence_undo(policy_target_of(q, q->it.at, now_us), (enum evidence_fee)q->it.fee, now_us);
    q->it = (struct policy_attempt){0};
    q->beside = 0;
    unspend_share(q, place);
}

bool policy_failed_beside(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                          uint32_t random)
{
    policy_note_failure(q, f, now_us, random);
    q->asked = true;
    q->counted += policy_may_be_executed(f);
    q->beside = 0;
    policy_leave(q, f);
    return policy_may_go_elsewhere(q, f);
}

void policy_outrun(struct policy_request *q, uint64_t waited_us, uint64_t now_us)
{
    uint64_t output = q->candidates[q->it.at].apart ? 0 : MIN(q->output, q->it.reserved);

    q->beside = 0;
    q->asked = true;
    q->counted = (uint8_t)(q->counted + (waited_us > 0));
    if (waited_us)
        evidence_wait(policy_target_of(q, q->it.at, now_us), policy_waits_of(q), waits_broken_off,
                      waited_us, q->prompt_bytes);
    if (q->it.reserved_us && waited_us) /* its prompt may have been read; no more than that */
        limits_used(policy_limits_place(q, q->it.at, now_us), q->it.reserved - output);
    session_end(q, false);
    policy_give_back(q, false, now_us);
    policy_end_probe(q, 0, now_us);
}
