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
    v->kept += l->kept;
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

/* Serving, and what it holds is known. */
static bool is_seen(const struct endpoint_view *e)
{
    return !e->stale && e->signals[SIGNAL_KV_TOKENS] != SIGNAL_UNKNOWN;
}

static void look_at(struct policy_pool_view *v, struct survive_member *m, const struct board *b,
                    uint32_t workers, uint64_t id, uint64_t now_us, bool *blind)
{
    size_t place = endpoints_place(b, id);
    struct endpoint_view e;
    struct loads l = {0};
    uint64_t foreign;

    if (place == BOARD_ENDPOINTS || !endpoints_view(&e, b, id, now_us)) {
        *blind = true;
        return;
    }
    loads_sum(&l, b, workers, place);
    add(v, &l);
    m->reserved = l.tokens;
    m->kept = l.kept;
    m->context = l.kept_now;
    m->largest = l.largest;
    *blind |= e.stale || (e.state == ENDPOINT_READY && !is_seen(&e));
    if (e.state != ENDPOINT_READY || !is_seen(&e))
        return;
    foreign = grown(e.foreign, &l);
    m->reserved += foreign;
    m->kept += foreign;
    m->context += e.foreign;
    m->capacity = e.signals[SIGNAL_KV_TOKENS];
    v->serving++;
    v->capacity += m->capacity;
    v->foreign += e.foreign;
}

void policy_pool_look(struct policy_pool_view *ret, const struct policy_pool *p,
                      const struct board *b, uint32_t workers, uint64_t now_us,
                      struct survive_member *m, struct survive_domain *d)
{
    static const enum policy_n1 of[SURVIVE_WHYS] = {
        [SURVIVE_FITS] = N1_OK,      [SURVIVE_FULL] = N1_NOT,
        [SURVIVE_NO_ROOM] = N1_NOT,  [SURVIVE_TOO_LARGE] = N1_NOT,
        [SURVIVE_TOO_LONG] = N1_NOT, [SURVIVE_ALONE] = N1_UNPROTECTED};
    bool blind = false;

    *ret = (struct policy_pool_view){0};
    for (size_t i = 0; i < p->n; i++) {
        m[i] = (struct survive_member){.domain = p->domains[i]};
        look_at(ret, &m[i], b, workers, p->ids[i], now_us, &blind);
    }
    ret->verdict = survive_look(m, p->n, d, p->domains_n);
    ret->n1 = of[ret->verdict.why];
    if (blind && p->domains_n > 1)
        ret->n1 = N1_UNKNOWN;
}
