/*
 * hedges.c - a second target that is asked beside a slow first one: who may be, and that nothing of
 * who has lost is left. And walls: a target that must not have the request stands in the plan.
 *
 * A third of the worlds have hedges; what has to do with them is drawn from numbers of their own.
 * How long answers usually take, and what a model has earned for hedges, is put on the board
 * beforehand: a world is too short to learn it.
 */
#include <stdio.h>
#include <string.h>

#include "health/hedge.h"
#include "health/waits.h"
#include "sim.h"

#define WAITS 60
#define SLOW  EV_MS(250) /* nothing is slower sooner */

/* One more, of the weights that most have. */
static void add_target(struct ask *a, size_t provider)
{
    for (size_t i = 0; i < a->targets_n; i++)
        if (a->targets[i].provider == provider && strcmp(a->targets[i].model, "a") == 0)
            return;
    a->targets[a->targets_n].provider = provider;
    UNUSED(snprintf(a->targets[a->targets_n++].model, sizeof(a->targets[0].model), "a"));
}

void hedges_draw_ask(struct ask *a)
{
    struct rng *r = &a->s->hedges_rng;

    if (!a->s->hedges)
        return;
    a->hedge_tokens = 50 + rng_below(r, 4000);
    a->hedge_paid = rng_below(r, 4) != 0;
    a->hedge_any = rng_below(r, 2) == 0;
    a->walled = rng_below(r, 4) == 0;
    a->attempts += (unsigned)rng_below(r, 4);
    for (size_t i = 0; i < a->s->providers_n && a->targets_n < 3; i++)
        add_target(a, i);
    text_f(&a->s->config, "hedge: {extra: %u%%, tokens: %u}, %s%s", 1 + (unsigned)rng_below(r, 20),
           (unsigned)a->hedge_tokens, a->hedge_any ? "prefer: nobody, " : "",
           a->walled ? "data_class: eu, " : "");
}

static void write_target(struct ask *a, size_t i)
{
    struct rng *r = &a->s->hedges_rng;
    const char *name = a->s->providers[a->targets[i].provider].name;
    bool wall = a->walled && rng_below(r, 2);

    if (wall) /* none of the request's targets */
        text_f(&a->s->config, "%s/w%zu, ", a->s->providers[rng_below(r, a->s->providers_n)].name,
               i);
    if (a->walled)
        text_f(&a->s->config, "{target: %s/%s, jurisdiction: eu}", name, a->targets[i].model);
    else
        text_f(&a->s->config, "%s/%s", name, a->targets[i].model);
}

void hedges_write_plan(struct ask *a)
{
    struct text *out = &a->s->config;

    text_f(out, "retry: {attempts: %u, same_target: %u, wait_up_to: %us}, targets: [", a->attempts,
           a->same_target, a->wait_s);
    for (size_t i = 0; i < a->targets_n; i++) {
        text_str(out, i ? ", " : "");
        write_target(a, i);
    }
    text_str(out, "]}\n");
}

static uint64_t hash_of(const char *model)
{
    return span_hash(span_str(model));
}

static void teach(struct sim *s, size_t provider, const char *model)
{
    struct settings_plan plan;
    uint64_t word = 0;
    char id[40];

    for (unsigned i = 0; i < WAITS; i++)
        word = waits_note(word, EV_MS(100 + rng_below(&s->hedges_rng, 400)), 0);
    UNUSED(snprintf(id, sizeof(id), "p%zu/%s", provider, model));
    MUST(settings_resolve(&plan, s->settings, span_str(id)) == 0);
    for (size_t w = 0; w < settings_ways(plan.one.provider); w++) {
        struct settings_way way = settings_way(&plan.one, w);
        struct board_standing *t =
            standing_find(s->board->standings, settings_candidate(&way).target, ev_now(s->ev));

        board_set(&t->waits[WAITS_OF_STREAMS], word);
        board_set(&t->waits[WAITS_OF_WHOLES], word);
    }
}

void hedges_open(struct sim *s)
{
    if (!s->hedges)
        return;
    for (size_t i = 0; i < s->providers_n; i++)
        for (const char *m = "a\0b\0"; *m; m += 2)
            teach(s, i, m);
    for (size_t i = 0; i < s->asks_n; i++) {
        const struct ask *a = s->asks[i];
        struct board_standing *place =
            standing_find(s->board->standings, policy_hedge_id(hash_of(a->name)), ev_now(s->ev));

        if (a->hedge_paid)
            board_set(&place->hedges, hedge_earn(0, 1000000, 1000000));
    }
}

void hedges_fault(struct arrival *a)
{
    struct sim *s = a->ask->s;

    if (!s->hedges || s->healed || a->fault.kind != F_NONE || rng_below(&s->hedges_rng, 3) == 0)
        return;
    fault_draw(&a->fault, s, &s->hedges_rng,
               rng_below(&s->hedges_rng, 2) ? F_SLOW_FIRST : F_SLOW_HEAD);
    a->fault.delay = EV_MS(100) + rng_below(&s->hedges_rng, EV_S(3));
}

/* An attempt begins, and the one before it is under way. */
void hedges_begins(struct ask *a, const struct attempt *t)
{
    const struct attempt *first = &a->tries[0];

    if (a->s->hands) /* what begins anew by another configuration may be told late */
        return;
    if (!a->s->hedges || a->pinned)
        sim_fail(a->s, "I4: request %u asks two at once, and nobody may", a->n);
    if (a->tries_n != 1)
        sim_fail(a->s, "I4: request %u is hedged as attempt %zu", a->n, a->tries_n);
    if (!a->hedge_paid)
        sim_fail(a->s, "I4: request %u is hedged, and nothing is left for it", a->n);
    if (a->attempts < 2)
        sim_fail(a->s, "I4: request %u is hedged, and has one attempt", a->n);
    if (a->body_size / 4 > a->hedge_tokens)
        sim_fail(a->s, "I4: request %u is hedged, and too long", a->n);
    if (t->began < first->began + SLOW)
        sim_fail(a->s, "I4: request %u is hedged after %llu us", a->n,
                 (unsigned long long)(t->began - first->began));
    if (t->provider == first->provider && a->s->providers[t->provider].ends_n == 1)
        sim_fail(a->s, "I4: request %u is hedged onto the same provider", a->n);
    if (!a->hedge_any && strcmp(t->model, first->model) != 0)
        sim_fail(a->s, "I4: request %u is hedged onto other weights", a->n);
    if (text_has(&a->body, "<")) /* each answer's text begins so */
        sim_fail(a->s, "I4: request %u is hedged behind its first content", a->n);
    a->s->hedged++;
}

/* All is over: of two that were asked at once one has been heard, and the other one let go. */
void hedges_ended(const struct ask *a)
{
    const struct record *r = &a->record;
    size_t outrun = 0;

    for (size_t i = 0; i < a->tries_n; i++) {
        const struct attempt *t = &a->tries[i];

        outrun += t->reason == REASON_OUTRUN;
        if (t->over && t->reason == REASON_OUTRUN && t->arrival && !t->arrival->aborted &&
            !t->arrival->over && !t->arrival->killed && !a->s->was_rough)
            sim_fail(a->s, "I5: request %u: p%zu, which was outrun, still answers", a->n,
                     t->provider);
    }
    if (outrun > 1 || (outrun && r->hedge != RECORD_HEDGE_WON && r->hedge != RECORD_HEDGE_LOST))
        sim_fail(a->s, "request %u: %zu were outrun, its hedge %s", a->n, outrun,
                 record_hedge_word(r->hedge));
}
