/*
 * rules.c - who was asked, when, and how often (I4), and whether a failure had a cause (I8).
 *
 * That an attempt has begun is seen on the board, where each worker notes it (board/held.h), after
 * every turn of the loop. What may be done is a model of its own, simpler than policy: where it
 * does not know it says nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/breaker.h"
#include "policy/fates.h"
#include "sim.h"

#define HELD_SEEN  256 /* entries of a worker that are looked at; they are taken from below */
#define STANDS_MAX 1024
#define OPEN_LEAST (EV_MS(2500)) /* what an open breaker stays at the least */
#define ROW        5             /* failures that open it */
#define BETWEEN    EV_S(1)       /* probes of the last one left */
#define SLOW_START EV_S(30)      /* as the defaults have it */
#define ON_ITS_WAY EV_MS(200)    /* at most, from a target to the gateway */
#define BROKE      EV_S(600)
#define UNSAID     EV_S(1)

/* A target by one way, or (model "") a credential. */
struct stand_model {
    enum table table;
    size_t provider, end, key;
    char model[24];
    ev_us told_at, not_before; /* asked to be left alone */
    unsigned row;
    ev_us said_at, closed_at; /* it may be well since, and is for the gateway; 0: it was not sick */
    ev_us opened_at;          /* 0: it may be closed */
    struct attempt *probe;
    ev_us probe_failed_at;
};

static struct stand_model *stand_of(struct sim *s, enum table table, size_t provider, size_t end,
                                    size_t key, const char *model)
{
    struct stand_model *m;

    for (size_t i = 0; i < s->stands_n; i++) {
        m = &s->stands[i];
        if (m->table == table && m->provider == provider && m->end == end && m->key == key &&
            strcmp(m->model, model) == 0)
            return m;
    }
    MUST(s->stands_n < STANDS_MAX);
    m = &s->stands[s->stands_n++];
    *m = (struct stand_model){.table = table, .provider = provider, .end = end, .key = key};
    UNUSED(snprintf(m->model, sizeof(m->model), "%s", model));
    return m;
}

static size_t ways(const struct sim *s, size_t provider)
{
    return s->providers[provider].ends_n * s->providers[provider].keys_n;
}

void rules_init(struct sim *s)
{
    s->stands = calloc(STANDS_MAX, sizeof(*s->stands));
    MUST(s->stands);
}

void rules_free(struct sim *s)
{
    free(s->stands);
}

/* ---- an attempt begins ---- */

static void check_count(struct ask *a, const struct attempt *t)
{
    bool is_new = hands_is_new(t->model);
    unsigned executed = 0, here = 0, may = is_new && !a->pinned ? a->attempts_new : a->attempts;
    size_t most = ways(a->s, t->provider) * (1 + MAX(a->same_target, a->wait_s ? 1u : 0u));

    for (size_t i = 0; i < a->tries_n; i++) {
        const struct attempt *o = &a->tries[i];

        if (hands_is_new(o->model) != is_new)
            continue;
        executed += o->over && o->class_id != CLASS_NEVER_EXECUTED &&
                    !(o->reason == REASON_OUTRUN && !o->arrival); /* it was not sent yet */
        here += o->provider == t->provider && strcmp(o->model, t->model) == 0 &&
                o->reason != REASON_OUTRUN; /* who was outrun has not failed */
        if (o->over && o->provider == t->provider && a->s->providers[t->provider].ends_n == 1 &&
            (o->reason == REASON_TIMEOUT_FIRST || o->reason == REASON_TIMEOUT_CONNECT))
            sim_fail(a->s, "I4: request %u asks p%zu again, which was silent", a->n, t->provider);
    }
    if (executed >= may)
        sim_fail(a->s, "I4: request %u: attempt %u of %u", a->n, executed + 1, may);
    if (here >= most)
        sim_fail(a->s, "I4: request %u: p%zu/%s for the %uth time", a->n, t->provider, t->model,
                 here + 1);
}

static bool is_target(const struct ask *a, const struct attempt *t)
{
    size_t n = strlen(t->model) - hands_is_new(t->model);

    for (size_t i = 0; i < a->targets_n; i++)
        if (a->targets[i].provider == t->provider && strlen(a->targets[i].model) == n &&
            strncmp(a->targets[i].model, t->model, n) == 0)
            return true;
    return a->pinned;
}

/* What it shares with others is out, or was until lately. */
static bool is_incident(struct sim *s, const struct attempt *t, size_t provider, const char *model);

/* One of the request's targets, by the name that it has for this attempt. */
static bool was_left_out(struct ask *a, const struct attempt *t, size_t i)
{
    char model[24];

    UNUSED(snprintf(model, sizeof(model), "%s%s", a->targets[i].model,
                    hands_is_new(t->model) ? "n" : ""));
    return rules_left_out(a, t, a->targets[i].provider, model) &&
           !is_incident(a->s, t, a->targets[i].provider, model);
}

static enum policy_stand look(struct sim *s, enum table table, size_t provider, const char *model,
                              size_t at, struct policy_candidate *c);

static const struct board_standing *standings(const struct sim *s, enum table table)
{
    return table == TABLE_TRIAL ? s->board->trial.standings : s->board->standings;
}

/* What is known of it by one of the ways to it; NULL: nothing. */
static const struct board_standing *known_of(struct sim *s, enum table table, size_t provider,
                                             const char *model, size_t at)
{
    struct policy_candidate c;

    UNUSED(look(s, table, provider, model, at, &c));
    return standing_look(standings(s, table), c.target);
}

static bool is_targets(enum reason why);

/* Its breaker's time is over: it had opened before five in a row had failed, since too many had. */
static bool is_over(struct sim *s, const struct attempt *t)
{
    const struct board_standing *b = known_of(s, t->table, t->provider, t->model, 0);
    uint64_t until = b ? board_get(&b->until_us) : 0;

    return until && until <= ev_now(s->ev);
}

/* While what it shares with others is out, that has the time of the probe; and when that is over,
 * all that were sick are half-open. It may have opened before five in a row had failed. */
static bool goes_by_fate(struct sim *s, const struct attempt *t, ev_us since)
{
    const struct board_standing *b = known_of(s, t->table, t->provider, t->model, 0);
    struct policy_fate_view v;
    struct policy_candidate c;
    bool ret;

    UNUSED(look(s, t->table, t->provider, t->model, 0, &c));
    if (b && board_get(&b->opened_us) > board_get(&b->closed_us))
        since = MIN(since, board_get(&b->opened_us));
    ret = fates_closed_us(standings(s, t->table), &c) >= since;
    for (size_t i = 0; i < c.fates.n && !ret; i++) {
        policy_fate(&v, standings(s, t->table), c.fates.ids[i], t->began);
        ret = v.open;
    }
    return ret;
}

/* Only where there is one way is it known by which one. */
static void check_breaker(struct ask *a, struct attempt *t)
{
    struct stand_model *m = stand_of(a->s, t->table, t->provider, 0, 0, t->model);
    ev_us now = t->began;

    if (t->table == TABLE_VAGUE || ways(a->s, t->provider) > 1 || !a->s->breaker || !m->opened_at ||
        now <= m->opened_at || now >= m->opened_at + OPEN_LEAST)
        return;
    if (goes_by_fate(a->s, t, m->opened_at)) /* check_fates() looks after that */
        return;
    if (m->probe && !m->probe->over)
        sim_fail(a->s, "I4: request %u probes p%zu/%s while another one does", a->n, t->provider,
                 t->model);
    if (m->probe_failed_at && now < m->probe_failed_at + BETWEEN)
        sim_fail(a->s, "I4: request %u probes p%zu/%s too soon", a->n, t->provider, t->model);
    if (is_over(a->s, t))
        return;
    /* Few can go on with an answer that broke: of these nothing is known here. */
    for (size_t i = 0; i < a->targets_n && !a->s->torture && !(a->stream && a->go_on); i++)
        if (was_left_out(a, t, i))
            sim_fail(a->s, "I4: request %u asks p%zu/%s, which is sick, and not p%zu/%s", a->n,
                     t->provider, t->model, a->targets[i].provider, a->targets[i].model);
    m->probe = t;
}

static bool shares(const struct policy_candidate *c, uint64_t fate)
{
    bool ret = false;

    for (size_t i = 0; i < c->fates.n; i++)
        ret |= c->fates.ids[i] == fate;
    return ret;
}

/* An attempt at somebody who shares a fate that is open, since it is: there is one at a time, and
 * behind one that failed of it the next one is not at once. */
static void check_probe(struct ask *a, const struct attempt *t, uint64_t fate, ev_us since)
{
    struct sim *s = a->s;

    for (size_t i = 0; i < s->asks_n; i++)
        for (size_t k = 0; k < s->asks[i]->tries_n; k++) {
            const struct attempt *o = &s->asks[i]->tries[k];
            struct policy_candidate c;

            if (o == t || o->table != t->table || o->began <= since || ways(s, o->provider) > 1)
                continue;
            UNUSED(look(s, o->table, o->provider, o->model, 0, &c));
            if (!shares(&c, fate))
                continue;
            if (!o->over && t->began < o->began + POLICY_PROBE_US)
                sim_fail(s, "I4: requests %u and %u both probe what p%zu/%s shares", a->n,
                         s->asks[i]->n, t->provider, t->model);
            if (o->over && class_row(o->class_id)->together && is_targets(o->reason) &&
                t->began < o->ended + BETWEEN)
                sim_fail(s, "I4: request %u probes what p%zu/%s shares too soon", a->n, t->provider,
                         t->model);
        }
}

static void check_fates(struct ask *a, const struct attempt *t)
{
    struct policy_candidate c;

    if (!a->s->breaker || t->table == TABLE_VAGUE || ways(a->s, t->provider) > 1)
        return;
    UNUSED(look(a->s, t->table, t->provider, t->model, 0, &c));
    for (size_t i = 0; i < c.fates.n; i++) {
        struct policy_fate_view v;

        policy_fate(&v, standings(a->s, t->table), c.fates.ids[i], t->began);
        if (v.open && v.since_us < t->began)
            check_probe(a, t, c.fates.ids[i], v.since_us);
    }
}

static void check_alone(struct ask *a, const struct attempt *t, size_t end, size_t key)
{
    const struct stand_model *m[] = {stand_of(a->s, t->table, t->provider, end, key, t->model),
                                     stand_of(a->s, t->table, t->provider, 0, key, "")};

    for (size_t i = 0; i < ARRAY_LEN(m) && a->s->breaker && t->table != TABLE_VAGUE; i++)
        if (t->began > m[i]->told_at && t->began < m[i]->not_before)
            sim_fail(a->s, "I4: request %u asks p%zu/%s (end %zu, key %zu) %llu ms too early", a->n,
                     t->provider, t->model, end, key,
                     (unsigned long long)(m[i]->not_before - t->began) / 1000);
}

/* "p0/a" */
size_t sim_find_target(struct sim *s, const char *id, char model[24])
{
    const char *slash = strchr(id, '/');

    if (!slash || id[0] != 'p' || (size_t)(id[1] - '0') >= s->providers_n)
        sim_fail(s, "no target: '%s'", id);
    UNUSED(snprintf(model, 24, "%s", slash + 1));
    return (size_t)(id[1] - '0');
}

static void attempt_begins(struct ask *a, const char *target)
{
    struct attempt *t;

    if (a->tries_n == ATTEMPTS_MAX)
        sim_fail(a->s, "I4: request %u has been tried %zu times", a->n, a->tries_n);
    t = &a->tries[a->tries_n];
    *t = (struct attempt){.began = ev_now(a->s->ev)};
    t->provider = sim_find_target(a->s, target, t->model);
    sim_say(a->s, "request %u: attempt %zu at %s", a->n, a->tries_n + 1, target);
    if (!is_target(a, t))
        sim_fail(a->s, "I4: request %u is sent to %s, which is no target of it", a->n, target);
    if (a->tries_n && !a->tries[a->tries_n - 1].over && !(a->s->torture && !a->s->healed))
        hedges_begins(a, t); /* without memory it may be over before it was seen to begin */
    hands_attempt(a, t);
    check_count(a, t);
    check_breaker(a, t);
    check_fates(a, t);
    if (ways(a->s, t->provider) == 1)
        check_alone(a, t, 0, 0);
    a->tries_n++;
}

static struct ask *ask_of(struct sim *s, const struct board_request *q)
{
    char model[64];

    board_get_text(model, q->model, ARRAY_LEN(q->model));
    for (size_t i = s->asks_n; i > 0; i--)
        if (strcmp(s->asks[i - 1]->name, model) == 0 && !s->asks[i - 1]->recorded)
            return s->asks[i - 1];
    sim_fail(s, "an attempt for '%s', which nobody asks for", model);
}

void rules_turn(struct sim *s)
{
    char target[96];

    for (size_t w = 0; w < s->workers_n; w++) {
        struct board_held *held = &s->board->held[w];

        for (size_t i = 0; i < HELD_SEEN; i++) {
            const struct board_request *q = &held->requests[i];
            unsigned tried = (unsigned)board_get(&q->tried) & 0xffff;
            struct ask *a;

            if (board_get(&held->owners[i]) == 0 || tried == 0)
                continue;
            a = ask_of(s, q);
            if (tried <= a->tries_n)
                continue;
            if (tried == a->tries_n + 2 && s->hands && s->torture) /* one ended where it began */
                a->tries[a->tries_n++] = (struct attempt){.provider = SIZE_MAX,
                                                          .table = TABLE_VAGUE,
                                                          .over = true,
                                                          .class_id = CLASS_NEVER_EXECUTED};
            board_get_text(target, q->target, ARRAY_LEN(q->target));
            attempt_begins(a, target);
            if (tried != a->tries_n)
                sim_fail(s, "I4: request %u: two attempts in one turn", a->n);
        }
    }
}

/* ---- it reaches its provider ---- */

static struct attempt *attempt_of(const struct arrival *a)
{
    for (size_t i = a->ask->tries_n; i > 0; i--) {
        struct attempt *t = &a->ask->tries[i - 1];

        if (t->provider == a->provider && strcmp(t->model, a->model) == 0)
            return t;
    }
    return NULL;
}

/* An attempt whose connection broke may arrive behind the next one's beginning. */
static struct attempt *late_one(const struct arrival *a, struct attempt *t)
{
    for (size_t i = 0; i < a->ask->tries_n; i++) {
        struct attempt *o = &a->ask->tries[i];

        if (o != t && o->class_id == CLASS_MAYBE_EXECUTED && !o->arrival &&
            o->provider == t->provider && strcmp(o->model, t->model) == 0 &&
            ev_now(a->ask->s->ev) < o->ended + EV_MS(50))
            return o;
    }
    return t;
}

/* Another one runs at the same target by another way: which of the two has arrived cannot be told.
 */
static void note_beside(struct ask *ask, struct attempt *t)
{
    for (size_t i = 0; i < ask->tries_n; i++) {
        struct attempt *o = &ask->tries[i];

        if (o != t && !o->over && !t->over && o->provider == t->provider &&
            strcmp(o->model, t->model) == 0)
            o->either = t->either = true;
    }
}

void rules_arrived(struct arrival *a)
{
    struct attempt *t = attempt_of(a);

    if (!t)
        sim_fail(a->ask->s, "request %u has reached p%zu/%s without an attempt", a->ask->n,
                 a->provider, a->model);
    t = late_one(a, t);
    if (!t->over)
        check_alone(a->ask, t, a->end, a->key);
    note_beside(a->ask, t);
    t->arrival = a;
}

/* How a target stands with the gateway, by one of the ways to it. */
static enum policy_stand look(struct sim *s, enum table table, size_t provider, const char *model,
                              size_t at, struct policy_candidate *c)
{
    struct settings *by = hands_is_new(model) ? s->next : s->settings;
    struct settings_plan plan;
    struct settings_way way;
    uint64_t until;
    char id[40];

    UNUSED(snprintf(id, sizeof(id), "p%zu/%s", provider, model));
    MUST(settings_resolve(&plan, by, span_str(id)) == 0);
    way = settings_way(&plan.one, at);
    *c = settings_candidate(&way);
    return policy_look(standings(s, table), c, ev_now(s->ev), &until);
}

/* The target answers. What was held against it may be over: at the end of an answer, and, while its
 * breaker is open, at the first word of a probe's. */
void rules_said(struct arrival *a)
{
    struct sim *s = a->ask->s;
    struct attempt *t = attempt_of(a);
    enum table table = t ? t->table : TABLE_MAIN;
    struct stand_model *m = stand_of(s, table, a->provider, a->end, a->key, a->model);
    struct policy_candidate c;

    if (a->sent < a->answer.complete_at && !m->opened_at &&
        look(s, table, a->provider, a->model, 0, &c) == POLICY_FREE)
        return;
    m->row = 0;
    m->said_at = ev_now(s->ev);
    m->opened_at = 0;
    m->probe = NULL;
    m->probe_failed_at = 0;
}

/* ---- and ends ---- */

/* Is it the target's failure, and not the client's or the gateway's? */
static bool is_targets(enum reason why)
{
    return why == REASON_CONNECT || why == REASON_RESET || why == REASON_TIMEOUT_CONNECT ||
           why == REASON_TIMEOUT_FIRST || why == REASON_TIMEOUT_IDLE || why == REASON_TRUNCATED ||
           why == REASON_STALL || why == REASON_JUNK || why == REASON_UPSTREAM_STATUS ||
           why == REASON_UPSTREAM_ERROR;
}

static void note_delay(struct sim *s, const struct attempt *t, const struct record *r)
{
    const struct arrival *a = t->arrival;
    ev_us now = t->ended, delay = 0;
    struct stand_model *m;

    if (!a || a->fault.kind != F_STATUS || r->reason != REASON_UPSTREAM_STATUS)
        return;
    m = stand_of(s, t->table, a->provider, r->class_id == CLASS_QUOTA ? 0 : a->end, a->key,
                 r->class_id == CLASS_QUOTA ? "" : a->model);
    if (r->class_id == CLASS_RATE || r->class_id == CLASS_OVERLOAD)
        delay = EV_S(a->fault.ask_s);
    if (r->class_id == CLASS_RATE && !a->fault.ask_s)
        delay = UNSAID;
    if (r->class_id == CLASS_QUOTA)
        delay = BROKE;
    if (delay && now + delay > m->not_before) {
        if (m->not_before <= now)
            m->told_at = now;
        m->not_before = now + delay;
    }
}

/* An answer may be whole before its last byte: all choices had their finish reason. */
static void note_good(struct sim *s, const struct attempt *t)
{
    struct stand_model *m = stand_of(s, t->table, t->provider, 0, 0, t->model);

    if (ways(s, t->provider) == 1 && !m->opened_at)
        m->row = 0;
}

/* What closed its breaker may have been long on its way: what failed before it came is not of the
 * row that begins then. */
static void note_closed(struct sim *s, const struct attempt *t, struct stand_model *m)
{
    const struct board_standing *b = known_of(s, t->table, t->provider, t->model, 0);
    ev_us closed = b ? board_get(&b->closed_us) : 0;

    if (!m->said_at || closed < m->said_at || closed > m->said_at + ON_ITS_WAY ||
        closed == m->closed_at)
        return;
    m->closed_at = closed;
    m->row = 0;
}

static void note_failed(struct sim *s, struct attempt *t, const struct record *r)
{
    struct stand_model *m = stand_of(s, t->table, t->provider, 0, 0, t->model);
    bool sick = class_row(r->class_id)->health && is_targets(r->reason);

    if (ways(s, t->provider) > 1)
        return;
    if (m->probe == t) {
        m->probe_failed_at = sick ? t->ended : 0;
        m->probe = NULL;
    }
    if (!sick)
        return;
    note_closed(s, t, m);
    m->row++;
    if (m->row >= ROW && !m->opened_at)
        m->opened_at = t->ended;
}

/* It may have come there twice, behind a kept connection that was lost: then the first one counts.
 */
static bool came_badly(struct sim *s, const struct attempt *t)
{
    LIST_EACH(it, &s->arrivals)
    {
        struct arrival *x = LIST_ENTRY(it, struct arrival, link);

        if (x->ask == t->arrival->ask && x->provider == t->provider &&
            strcmp(x->model, t->model) == 0 && (fault_end_of(x) != END_WELL || x->killed))
            return true;
    }
    return false;
}

/* Has something been done to it that explains a failure? */
static bool has_cause(struct sim *s, const struct attempt *t)
{
    const struct provider_world *p = &s->providers[t->provider];

    if (s->is_rough || (s->torture && !s->healed) || hands_has_cause(s, t))
        return true;
    if (t->arrival && came_badly(s, t))
        return true;
    for (size_t i = 0; i < p->ends_n; i++) {
        const struct endpoint *e = &p->ends[i];

        if (e->mood == MOOD_DOWN || (e->down_at && e->down_at + EV_MS(50) >= t->began) ||
            (e->dirty_at && e->dirty_at + EV_S(1) >= t->began)) /* it may be slow on its way */
            return true;
    }
    return false;
}

static void check_class(struct ask *a, const struct attempt *t, const struct record *r)
{
    const struct arrival *from = t->arrival;

    if (!from || from->fault.kind != F_STATUS || from->killed || a->s->is_rough || a->s->torture ||
        r->reason != REASON_UPSTREAM_STATUS)
        return;
    if (strcmp(class_row(r->class_id)->name, from->fault.status->class_name) != 0)
        sim_fail(a->s, "request %u: a status of class %s was taken for %s", a->n,
                 from->fault.status->class_name, class_row(r->class_id)->name);
}

bool rules_left_out(struct ask *a, const struct attempt *by, size_t provider, const char *model)
{
    struct policy_candidate c;

    if (by->table == TABLE_VAGUE || hands_touched(a, provider, model) ||
        costs_may_forbid(a, provider) ||
        (by->provider == provider && strcmp(by->model, model) == 0))
        return false;
    for (size_t i = 0; i < a->tries_n; i++) {
        const struct attempt *t = &a->tries[i];

        if (t->provider != provider)
            continue;
        if (strcmp(t->model, model) == 0 || t->class_id == CLASS_QUOTA ||
            t->class_id == CLASS_CREDENTIAL || t->reason == REASON_TIMEOUT_FIRST ||
            t->reason == REASON_TIMEOUT_CONNECT)
            return false; /* it was, or what it shares with one that was is at fault */
    }
    for (size_t i = 0; i < ways(a->s, provider); i++) {
        const struct board_standing *b = known_of(a->s, by->table, provider, model, i);

        if (a->s->breaker && look(a->s, by->table, provider, model, i, &c) != POLICY_FREE)
            continue;
        if (!b || breaker_read(board_get(&b->breaker), ev_now(a->s->ev)).row == 0)
            return true; /* else the retry may have been too dear */
    }
    return false;
}

/* Who was sick until then is asked less often yet. */
static bool is_slow(uint64_t closed_us, const struct attempt *t)
{
    return closed_us && t->began < closed_us + SLOW_START;
}

static bool is_incident(struct sim *s, const struct attempt *t, size_t provider, const char *model)
{
    struct policy_fate_view v;
    struct policy_candidate c;

    for (size_t i = 0; i < ways(s, provider); i++) {
        UNUSED(look(s, t->table, provider, model, i, &c));
        if (is_slow(fates_closed_us(standings(s, t->table), &c), t))
            return true;
        for (size_t k = 0; k < c.fates.n; k++) {
            policy_fate(&v, standings(s, t->table), c.fates.ids[k], t->began);
            if (v.open)
                return true;
        }
    }
    return false;
}

bool rules_was_sick(struct sim *s, const struct attempt *t, size_t provider, const char *model)
{
    for (size_t i = 0; i < ways(s, provider); i++) {
        const struct board_standing *b = known_of(s, t->table, provider, model, i);

        if (b && is_slow(board_get(&b->closed_us), t))
            return true;
    }
    return is_incident(s, t, provider, model);
}

static const struct attempt *last_ended(const struct ask *a)
{
    const struct attempt *t = NULL;

    for (size_t i = 0; i < a->tries_n; i++)
        if (!t || a->tries[i].ended >= t->ended)
            t = &a->tries[i];
    return t;
}

/* Nobody else was asked: was there nobody? What all know may have changed while the refusal was on
 * its way to the client. */
static void check_gave_up(struct ask *a, const struct record *r)
{
    const struct attempt *t = last_ended(a);
    const struct attempt nobody = {.provider = SIZE_MAX};
    unsigned executed = 0;

    if (a->s->hands && (!t || (r->trial == RECORD_TRIAL_REPEATED) == hands_is_new(t->model)))
        return; /* by which configuration it was not asked cannot be told */
    for (size_t i = 0; t && i < a->tries_n; i++)
        executed += hands_is_new(a->tries[i].model) == hands_is_new(t->model) &&
                    a->tries[i].class_id != CLASS_NEVER_EXECUTED;
    if (a->s->torture && !a->s->healed) /* going on takes memory */
        return;
    if (r->status < 400 ||
        executed >= (t && hands_is_new(t->model) ? a->attempts_new : a->attempts) ||
        !class_row(r->class_id)->elsewhere || (t && t->ended + EV_MS(1) < ev_now(a->s->ev)))
        return;
    if (r->reason != REASON_LEFT_ALONE && r->reason != REASON_BREAKER_OPEN &&
        !is_targets(r->reason))
        return;
    for (size_t i = 0; i < a->targets_n; i++)
        if (was_left_out(a, t ? t : &nobody, i))
            sim_fail(a->s, "I8: request %u has failed, and p%zu/%s was not asked", a->n,
                     a->targets[i].provider, a->targets[i].model);
}

void rules_record(struct ask *a, const struct record *r)
{
    struct attempt *t = r->number && r->number <= a->tries_n ? &a->tries[r->number - 1] : NULL;
    char model[24];

    if (r->attempts != a->tries_n) /* one could not be begun */
        return;
    if (!r->more && (!t || t->over))
        check_gave_up(a, r);
    if (!t || t->over)
        return;
    if (r->target[0] &&
        (sim_find_target(a->s, r->target, model) != t->provider || strcmp(model, t->model) != 0))
        sim_fail(a->s, "request %u: its record says %s of attempt %u", a->n, r->target, r->number);
    t->over = true;
    t->ended = t->began + r->attempt_us; /* the record may have waited for the client */
    t->class_id = r->class_id;
    t->reason = r->reason;
    t->good = !r->more && (r->outcome == OUTCOME_FULL || r->outcome == OUTCOME_EQUIVALENT ||
                           r->outcome == OUTCOME_JOINED);
    if (t->good && t->arrival && !t->either && fault_end_of(t->arrival) == END_BADLY)
        sim_fail(a->s, "I2: request %u went well, with %s", a->n,
                 fault_rows[t->arrival->fault.kind].name);
    if (t->good) {
        note_good(a->s, t);
        return;
    }
    if (is_targets(r->reason) && !has_cause(a->s, t))
        sim_fail(a->s, "I8: request %u: %s failed without a cause: %s", a->n, r->target, r->text);
    check_class(a, t, r);
    note_delay(a->s, t, r);
    note_failed(a->s, t, r);
    if (!r->more)
        check_gave_up(a, r);
}
