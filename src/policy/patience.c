/*
 * patience.c - how long a first token, and the next one, is waited for: by what is usual for the
 * target (health/waits.h), as long as somebody else could take the request over; and what is said
 * of one whose tokens come, but slowly.
 */
#include "policy/evidence.h"
#include "policy/policy_impl.h"

/* Could it take the request over from the one that is asked, if that one is silent? */
static bool stands_by(const struct policy_request *q, uint32_t i, uint64_t now_us)
{
    uint64_t until;
    enum policy_stand s;
    enum reason why;

    if ((q->out | q->beside) >> i & 1 ||
        q->candidates[i].provider == q->candidates[q->it.at].provider)
        return false;
    s = policy_stand_of(q, i, now_us, &until);
    return (policy_is_asked(s) || s == POLICY_HALF_OPEN) &&
           policy_is_within(q, i, now_us, &why, &until);
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

enum waits_of policy_waits_of(const struct policy_request *q)
{
    return q->whole ? WAITS_OF_WHOLES : WAITS_OF_STREAMS;
}

uint64_t policy_patience_us(const struct policy_request *q, uint64_t now_us)
{
    uint64_t limit;

    if (!is_replaceable(q, UINT32_MAX, now_us))
        return UINT64_MAX;
    limit =
        waits_limit_us(board_get(&policy_target_of(q, q->it.at, now_us)->waits[policy_waits_of(q)]),
                       kind_of_wait(&q->candidates[q->it.at], q->whole), q->prompt_bytes);
    return q->whole ? MAX(limit, q->tokens * POLICY_TOKEN_US) : limit;
}

uint64_t policy_stall_us(const struct policy_request *q, uint64_t now_us)
{
    if (!is_replaceable(q, q->heirs, now_us))
        return UINT64_MAX;
    return waits_limit_us(board_get(&policy_target_of(q, q->it.at, now_us)->waits[WAITS_OF_GAPS]),
                          WAITS_GAP, 0);
}

void policy_gap(struct policy_request *q, uint64_t longest_us, uint64_t now_us)
{
    evidence_wait(policy_target_of(q, q->it.at, now_us), WAITS_OF_GAPS, waits_note, longest_us, 0);
}

void policy_goes_on(struct policy_request *q, const struct policy_pace *pace, bool ended,
                    uint64_t now_us)
{
    struct board_standing *t = policy_target_of(q, q->it.at, now_us);
    uint64_t mean;
    bool slow;

    if (q->it.slow || pace->n < POLICY_PACE_FEW)
        return;
    mean = pace->us / (pace->n - 1);
    slow = mean > waits_limit_us(board_get(&t->waits[WAITS_OF_PACES]), WAITS_PACE, 0);
    if (slow && pace->us >= POLICY_PACE_US) {
        q->it.slow = true;
        evidence_wait(t, WAITS_OF_PACES, waits_too_long, mean, 0);
        evidence_pace(t, true, now_us);
    } else if (ended && !slow) {
        evidence_wait(t, WAITS_OF_PACES, waits_note, mean, 0);
        evidence_pace(t, false, now_us);
    }
}
