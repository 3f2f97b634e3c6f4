/*
 * load.c - what is asked for, by whom, and when.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define ASKS_DRAWN 26

static struct ask *new_ask(struct sim *s)
{
    struct ask *a = calloc(1, sizeof(*a));

    MUST(a && s->asks_n < ASKS_MAX);
    a->s = s;
    a->n = (unsigned)s->asks_n;
    a->cost_max = a->extra_cost_max = UINT64_MAX;
    s->asks[s->asks_n++] = a;
    return a;
}

/* "REQ7;abc...;END7": its beginning says whose it is, all of it that nothing was lost. */
static void write_prompt(struct ask *a)
{
    text_f(&a->prompt, "REQ%u;", a->n);
    for (size_t i = 0; i < a->body_size; i++)
        text_add(&a->prompt, &"0123456789 abcdefghijk"[(i * 7 + i / 22 + a->n) % 22], 1);
    text_f(&a->prompt, ";END%u", a->n);
}

static size_t draw_size(struct rng *r)
{
    static const size_t most[] = {20, 300, 5000, 70000};

    if (rng_below(r, 60) == 0)
        return rng_below(r, 2u << 20);
    return rng_below(r, most[rng_below(r, 10) ? rng_below(r, 2) : 2 + rng_below(r, 2)]);
}

static void draw_targets(struct ask *a, struct sim *s, struct rng *r)
{
    a->targets_n = 1 + rng_below(r, TARGETS_MAX);
    for (size_t i = 0; i < a->targets_n; i++) {
        a->targets[i].provider = rng_below(r, s->providers_n);
        UNUSED(snprintf(a->targets[i].model, sizeof(a->targets[i].model), "%s",
                        rng_below(r, 6) == 0   ? a->name
                        : rng_below(r, 3) == 0 ? "b"
                                               : "a"));
        for (size_t j = 0; j < i; j++) /* none twice */
            if (a->targets[j].provider == a->targets[i].provider &&
                strcmp(a->targets[j].model, a->targets[i].model) == 0)
                a->targets_n = i;
    }
}

static void draw_client(struct ask *a, struct rng *r)
{
    if (rng_below(r, 7) == 0) {
        a->leaves = true;
        if (rng_below(r, 2))
            a->leave_bytes = 1 + rng_below(r, 3000);
        else
            a->leave_in = 1 + rng_below(r, EV_S(rng_below(r, 2) ? 12 : 1));
    }
    a->reads = rng_below(r, 12) == 0 ? READS_SLOWLY : rng_below(r, 30) == 0 ? READS_NOT : READS;
    if (rng_below(r, 6) == 0) {
        a->upload_piece = 1 + a->body_size / (1 + rng_below(r, 20)) + rng_below(r, 200);
        a->upload_gap = rng_below(r, EV_MS(200));
    }
}

static void draw_ask(struct sim *s)
{
    struct rng *r = &s->draw;
    struct ask *a = new_ask(s);

    UNUSED(snprintf(a->name, sizeof(a->name), "q%u", a->n));
    a->api = (enum api)rng_below(r, CLIENT_APIS);
    a->stream = rng_below(r, 5) < 3;
    draw_targets(a, s, r);
    a->attempts = 1 + (unsigned)rng_below(r, 5);
    a->same_target = (unsigned)rng_below(r, 3);
    a->wait_s = rng_below(r, 3) ? 0 : (unsigned)rng_below(r, 6);
    a->body_size = draw_size(r);
    write_prompt(a);
    a->worker = rng_below(r, s->workers_n);
    draw_client(a, r);
    text_f(&s->config, "  %s: {", a->name);
    joins_draw_ask(a);
    hands_draw_ask(a);
    hedges_draw_ask(a);
    costs_draw_ask(a);
    costs_write(&s->config, a);
    if (s->hedges)
        hedges_write_plan(a);
    else
        hands_write_plan(&s->config, a, a->attempts, "");
}

void load_draw(struct sim *s)
{
    size_t n = 3 + rng_below(&s->draw, ASKS_DRAWN - 2) + hands_more(s);

    while (s->asks_n < n)
        draw_ask(s);
}

/* Requests that share a client share its worker. */
void load_begin(struct sim *s)
{
    static const ev_us spreads[] = {EV_MS(1), EV_S(2), EV_S(20), EV_S(100)};
    struct rng *r = &s->draw;
    ev_us spread = spreads[rng_below(r, ARRAY_LEN(spreads))];

    for (size_t i = 0; i < s->asks_n;) {
        size_t n = rng_below(r, 3) ? 1 : 1 + rng_below(r, 3);
        bool h2 = rng_below(r, 3) == 0;

        n = MIN(n, s->asks_n - i);
        for (size_t k = 1; k < n; k++)
            s->asks[i + k]->worker = s->asks[i]->worker;
        client_start(s, &s->asks[i], n, h2, rng_below(r, spread));
        i += n;
    }
}

struct ask *load_more(struct sim *s, const char *model, size_t worker, enum api api, bool stream)
{
    struct ask *a = new_ask(s);

    UNUSED(snprintf(a->name, sizeof(a->name), "%s", model));
    a->api = api;
    a->stream = stream;
    a->pinned = true;
    a->attempts = 3;
    a->same_target = 1;
    a->body_size = 10;
    a->worker = worker;
    write_prompt(a);
    client_start(s, &a, 1, false, 0);
    return a;
}

void load_free(struct sim *s)
{
    for (size_t i = 0; i < s->asks_n; i++) {
        text_free(&s->asks[i]->prompt);
        text_free(&s->asks[i]->body);
        free(s->asks[i]);
    }
}
