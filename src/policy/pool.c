/*
 * pool.c - see pool.h. Foreign sessions have no ledger here, so they count as protected, and as
 * what they will come to by what ours do: they will grow as ours will.
 */
#include "policy/pool.h"

#include "board/endpoints.h"
#include "board/loads.h"

const char *policy_n1_name(enum policy_n1 n1)
{
    static const char *const names[N1_STATES] = {[N1_UNKNOWN] = "unknown",
                                                 [N1_UNPROTECTED] = "unprotected",
                                                 [N1_OK] = "ok",
                                                 [N1_NOT] = "not"};

    MUST((size_t)n1 < N1_STATES);
    return names[n1];
}

static void add(struct policy_pool_view *v, const struct loads *l)
{
    v->tokens += l->tokens;
    v->now += l->now;
    v->sessions += l->sessions;
    v->ended += l->ended;
    v->covered += l->covered;
}

/* What foreign sessions will have come to. */
static uint64_t grown(uint64_t foreign, const struct loads *l)
{
    if (l->now == 0 || l->tokens < l->now)
        return foreign;
    return (uint64_t)((double)foreign * (double)l->tokens / (double)l->now);
}

/* All sessions are protected: best effort is nobody's yet. One that does not serve takes nothing of
 * others, and its own sessions are still to be held. */
static struct survive_member member_of(const struct endpoint_view *e, const struct loads *l,
                                       bool serves)
{
    uint64_t foreign = serves ? grown(e->foreign, l) : 0;

    return (struct survive_member){.capacity = serves ? e->signals[SIGNAL_KV_TOKENS] : 0,
                                   .reserved = l->tokens + foreign,
                                   .kept = l->tokens + foreign,
                                   .context = l->now + (serves ? e->foreign : 0),
                                   .largest = l->largest};
}

/* false: it may serve, and what it holds is not known. */
static bool look_at(struct policy_pool_view *v, struct survive_member *m, const struct board *b,
                    uint32_t workers, const struct endpoint_view *e)
{
    bool ready = e->state == ENDPOINT_READY,
         serves = ready && !e->stale && e->signals[SIGNAL_KV_TOKENS] != SIGNAL_UNKNOWN;
    struct loads l;

    loads_sum(&l, b, workers, e->place);
    add(v, &l);
    *m = member_of(e, &l, serves);
    if (serves) {
        v->serving++;
        v->capacity += m->capacity;
        v->foreign += e->foreign;
    }
    return serves || (!ready && !e->stale);
}

void policy_pool_look(struct policy_pool_view *ret, const struct policy_pool *p,
                      const struct board *b, uint32_t workers, uint64_t now_us)
{
    static const enum policy_n1 of[SURVIVE_WHYS] = {
        [SURVIVE_FITS] = N1_OK,      [SURVIVE_FULL] = N1_NOT,
        [SURVIVE_NO_ROOM] = N1_NOT,  [SURVIVE_TOO_LARGE] = N1_NOT,
        [SURVIVE_TOO_LONG] = N1_NOT, [SURVIVE_ALONE] = N1_UNPROTECTED};
    struct survive_member m[POLICY_POOL_MAX] = {0};
    struct survive_domain d[POLICY_POOL_MAX];
    struct endpoint_view e;
    bool blind = false;

    MUST(p->n <= POLICY_POOL_MAX);
    *ret = (struct policy_pool_view){0};
    for (size_t i = 0; i < p->n; i++) {
        blind |= !endpoints_view(&e, b, p->ids[i], now_us) || !look_at(ret, &m[i], b, workers, &e);
        m[i].domain = p->domains[i];
    }
    ret->verdict = survive_look(m, p->n, d, p->domains_n);
    ret->n1 = of[ret->verdict.why];
    if (blind && p->domains_n > 1)
        ret->n1 = N1_UNKNOWN;
}
