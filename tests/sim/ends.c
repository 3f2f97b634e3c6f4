/*
 * ends.c - what must be when it is over: nothing is left (I5), and when the faults are gone all is
 * well again within a time that can be told (I7).
 */
#include <stdio.h>
#include <string.h>

#include "ev/ev_impl.h"
#include "net/net_sim_impl.h"
#include "sim.h"

#define CALM EV_S(10) /* closing takes 5 s at the most */
#define KEPT EV_S(70) /* no connection is kept for so long */

static void run(struct sim *s, ev_us us)
{
    ev_us until = ev_now(s->ev) + us;

    while (ev_next(s->ev) <= until && ev_sim_turn(s->ev))
        rules_turn(s);
    ev_sim_run(s->ev, until);
}

/* ---- nothing is left ---- */

static void check_worker(struct sim *s, struct worker *w)
{
    const struct relay_env *env = &w->gateway.relay;

    if (env->stats.live)
        sim_fail(s, "I5: %llu requests are under way", (unsigned long long)env->stats.live);
    if (w->finals != env->stats.requests_total)
        sim_fail(s, "I1: %llu requests, %llu records",
                 (unsigned long long)env->stats.requests_total, (unsigned long long)w->finals);
    if (env->blobs.bytes || env->translating)
        sim_fail(s, "I5: %llu bytes of bodies and %llu of translations",
                 (unsigned long long)env->blobs.bytes, (unsigned long long)env->translating);
    for (size_t i = 0; i <= BOARD_TARGETS; i++)
        if (board_get(&s->board->targets[w->at][i].live))
            sim_fail(s, "I5: an attempt is counted as under way");
    for (size_t i = 0; i < BOARD_ENDPOINTS; i++) {
        const struct board_load *l = &s->board->loads[w->at][i];

        if (board_get(&l->sessions) || board_get(&l->tokens) || board_get(&l->now) ||
            board_get(&l->largest))
            sim_fail(s, "I5: a session is in the ledger");
    }
    for (size_t i = 0; i < BOARD_HELD; i++)
        if (board_get(&s->board->held[w->at].owners[i]))
            sim_fail(s, "I5: a request is held");
    if (board_get(&s->board->workers[w->at].working))
        sim_fail(s, "I5: a worker says that it works");
    if (http_server_stats(w->gateway.server)->conns_now)
        sim_fail(s, "I5: %llu connections of clients",
                 (unsigned long long)http_server_stats(w->gateway.server)->conns_now);
}

size_t ends_timers(const struct sim *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->ev->heap_n; i++)
        n += s->ev->heap[i]->at != EV_NEVER; /* others rest */
    return n;
}

/* Timers that are armed when all connections are closed are what they were in the beginning. */
static void check_timers(struct sim *s)
{
    for (size_t i = 0; i < s->providers_n; i++)
        for (size_t k = 0; k < s->providers[i].ends_n; k++) {
            ev_timer_stop(&s->providers[i].ends[k].turn);
            upstream_kill(&s->providers[i].ends[k]);
        }
    run(s, s->was_rough || s->torture ? KEPT : CALM); /* some do not hear of it */
    if (ends_timers(s) != s->timers)
        sim_fail(s, "I5: %zu timers are set, there were %zu", ends_timers(s), s->timers);
}

void ends_still(struct sim *s)
{
    for (size_t i = 0; i <= BOARD_STANDINGS; i++)
        if (board_get(&s->board->standings[i].probe_us) > ev_now(s->ev) + EV_S(1))
            sim_fail(s, "I5: a probe was not given back");
    run(s, CALM);
    for (size_t i = 0; i < s->workers_n; i++)
        check_worker(s, &s->workers[i]);
    hands_still(s);
    check_asks(s);
    check_timers(s);
}

void ends_gone(struct sim *s)
{
    ev_sim_run(s->ev, ev_now(s->ev) + EV_S(30));
    if (s->ev->heap_n || !list_empty(&s->ev->posts))
        sim_fail(s, "I5: %zu timers are set", s->ev->heap_n);
    if (!list_empty(&s->net->wires))
        sim_fail(s, "I5: connections are open");
}

/* ---- all is well again ---- */

/* When the last of all ways to the target may be asked. */
static ev_us may_be_asked(const struct sim *s, size_t provider)
{
    ev_us ret = 0;

    UNUSED(provider);
    for (size_t i = 0; i < BOARD_STANDINGS; i++)
        ret = MAX(ret, board_get(&s->board->standings[i].not_before_us));
    return ret;
}

/* One request to that target alone. */
static struct ask *ask_once(struct sim *s, const char *model)
{
    struct rng *r = &s->play;
    size_t worker = rng_below(r, s->slots_n);
    enum api api = (enum api)rng_below(r, CLIENT_APIS);
    struct ask *a = load_more(s, model, worker, api, rng_below(r, 2));

    run(s, EV_S(1) + EV_MS(100));
    if (!a->over || !a->recorded)
        run(s, EV_S(60));
    return a;
}

static bool was_well(const struct ask *a)
{
    return a->clean && a->status == 200;
}

static void heal_target(struct sim *s, const char *model, ev_us healed)
{
    unsigned good = 0;

    for (int i = 0; good < 4; i++) {
        struct ask *a = ask_once(s, model);

        good = was_well(a) ? good + 1 : 0;
        if (!was_well(a) && ev_now(s->ev) > healed + EV_S(8) && i >= 4)
            sim_fail(s, "I7: %s does not get well: %s, %s", model, reason_word(a->record.reason),
                     a->record.text);
    }
}

/* Of the others nothing is known. */
static bool was_asked(const struct sim *s, size_t provider, const char *model)
{
    for (size_t i = 0; i < s->asks_n; i++)
        for (size_t k = 0; k < s->asks[i]->tries_n; k++)
            if (s->asks[i]->tries[k].provider == provider &&
                strcmp(s->asks[i]->tries[k].model, model) == 0)
                return true;
    return false;
}

void ends_heal(struct sim *s)
{
    ev_us healed, asked;
    char name[32];

    s->healed = true;
    s->is_rough = false;
    mem_torture(0, false);
    ev_timer_stop(&s->torture_timer);
    s->rough = s->fair;
    *net_sim_conf(s->net) = s->fair;
    sim_say(s, "all is healed");
    for (size_t i = 0; i < s->providers_n; i++)
        for (size_t k = 0; k < s->providers[i].ends_n; k++) {
            upstream_mood(&s->providers[i].ends[k], MOOD_WELL);
            upstream_kill(&s->providers[i].ends[k]);
        }
    run(s, EV_S(1));
    asked = may_be_asked(s, 0);
    if (asked > ev_now(s->ev) + EV_S(700))
        sim_fail(s, "I7: a target is left alone for %llu s",
                 (unsigned long long)(asked - ev_now(s->ev)) / 1000000);
    if (asked > ev_now(s->ev))
        run(s, asked - ev_now(s->ev));
    while (hands_wants_more(s))
        UNUSED(ask_once(s, "t"));
    run(s, EV_MS(10));
    for (size_t i = 0; i < s->providers_n; i++)
        for (const char *m = "ab"; *m; m++) {
            UNUSED(snprintf(name, sizeof(name), "h%zu%c%s", i, *m, hands_suffix(s)));
            if (!was_asked(s, i, name + 2) || hands_is_wrong(s))
                continue;
            healed = ev_now(s->ev);
            heal_target(s, name, healed);
        }
}
