/*
 * costs.c - what requests may cost (I9): prices, caps, what providers bill, and that it is never
 * more than was allowed.
 *
 * A third of the worlds have prices; what has to do with them is drawn from numbers of their own.
 * Nothing of the gateway's own sums is looked at: a provider counts the tokens of what it was asked
 * and of what it made, and bills them, whatever becomes of its answer:
 *     - It refused:                nothing; of a failure of its own the input.
 *     - Nothing came of it:        the input, if all of the request had come.
 *     - It had begun to answer:    the input, and all the output, told or not: at most as many
 *                                  tokens as it was asked for.
 * Not billed is what docs/cost.md leaves out: the output of an answer of which nothing had reached
 * the gateway when the attempt ended, and the first copy of a request that was sent twice, since
 * the connection that it went by had ended.
 *
 * What failing over costs is judged where the first target of the plan is known: not by hand, nor
 * by weights.
 */
#include <stdio.h>
#include <string.h>

#include "sim.h"

#define MONEY   0x6d6f6e657d45 /* the named seeds of before have none by it */
#define NO_CAP  UINT64_MAX
#define MILLION UINT64_C(1000000) /* pico dollars in a millionth of a dollar */
#define MARKUP  200               /* bytes of a request beside its prompt, at the most */
#define TOLD    100               /* ... of what says that an answer is to be gone on with */

/* ---- the world ---- */

void costs_draw(struct sim *s)
{
    rng_init(&s->money_rng, s->seed ^ MONEY);
    s->money = rng_below(&s->money_rng, 3) == 0;
    text_str(&s->prices, "version: 1\nprices:");
}

/* Dollars for a million tokens are millionths of a dollar for one. */
void costs_draw_provider(struct sim *s, struct provider_world *p)
{
    static const unsigned most[] = {3, 20};
    struct rng *r = &s->money_rng;

    p->bytes_a_token = 2;
    if (!s->money)
        return;
    p->bytes_a_token += (unsigned)rng_below(r, 3);
    p->priced = rng_below(r, 8) != 0;
    if (!p->priced)
        return;
    p->price_in = (unsigned)rng_below(r, most[rng_below(r, ARRAY_LEN(most))]);
    p->price_out = (unsigned)rng_below(r, 4 * most[rng_below(r, ARRAY_LEN(most))]);
    text_f(&s->prices, "\n  %s/*: {input: %u, output: %u, source: drawn, date: 2026-11-26}",
           p->name, p->price_in, p->price_out);
}

struct span costs_prices(struct sim *s)
{
    if (!text_has(&s->prices, "{"))
        text_str(&s->prices, " {}");
    return span_of(s->prices.p, s->prices.n);
}

static uint64_t cost_of(const struct provider_world *p, uint64_t in, uint64_t out)
{
    return p->priced ? in * p->price_in + out * p->price_out : 0;
}

/* What may come of an attempt, at the most; who goes on with an answer has more of it to read. */
static uint64_t worst(const struct ask *a, size_t provider)
{
    return cost_of(&a->s->providers[provider], (a->prompt.n + MARKUP) / 2 + 1, a->max_tokens);
}

static uint64_t draw_cap(struct ask *a, uint64_t percent_most)
{
    uint64_t most = 0;

    for (size_t i = 0; i < a->targets_n; i++)
        most = MAX(most, worst(a, a->targets[i].provider));
    return most * rng_below(&a->s->money_rng, percent_most) / 100;
}

void costs_draw_ask(struct ask *a)
{
    static const unsigned most[] = {40, 400, 8000};
    struct rng *r = &a->s->money_rng;

    if (!a->s->money)
        return;
    a->max_tokens = 16 + (unsigned)rng_below(r, most[rng_below(r, ARRAY_LEN(most))]);
    if (rng_below(r, 6))
        a->cost_max = draw_cap(a, rng_below(r, 3) ? 400 : 150);
    if (rng_below(r, 3) == 0)
        a->extra_cost_max = draw_cap(a, 250);
}

static void write_cap(struct text *out, const char *key, uint64_t cap)
{
    if (cap != NO_CAP)
        text_f(out, "%s: %llu.%06llu, ", key, (unsigned long long)(cap / MILLION),
               (unsigned long long)(cap % MILLION));
}

void costs_write(struct text *out, const struct ask *a)
{
    write_cap(out, "cost_max", a->cost_max);
    write_cap(out, "extra_cost_max", a->extra_cost_max);
}

/* ---- what a provider counts ---- */

void costs_draw_answer(struct arrival *a)
{
    struct rng *r = &a->ask->s->money_rng;
    const struct provider_world *p = &a->ask->s->providers[a->provider];

    a->answer.tokens_in = 7;
    a->answer.tokens_out = 3;
    if (!a->ask->max_tokens)
        return;
    a->answer.tokens_in =
        (a->ask->prompt.n + a->begin.n + (a->in_words ? TOLD : 0)) / p->bytes_a_token;
    a->answer.tokens_out = rng_below(r, 2) ? a->tokens_most : 1 + rng_below(r, a->tokens_most);
}

/* It is asked for no more than the client wants. */
void costs_read(struct arrival *a, const char *body, size_t n)
{
    static const char *const keys[] = {
        "\"max_tokens\":", "\"max_completion_tokens\":", "\"max_output_tokens\":",
        "\"maxOutputTokens\":", "\"num_predict\":"};
    const char *hit = NULL;

    if (!a->ask->max_tokens)
        return;
    for (size_t i = 0; i < ARRAY_LEN(keys) && !hit; i++) {
        hit = memmem(body, n, keys[i], strlen(keys[i]));
        hit = hit ? hit + strlen(keys[i]) : NULL;
    }
    if (!hit)
        sim_fail(a->ask->s, "I9: request %u: p%zu is asked for as many tokens as it likes",
                 a->ask->n, a->provider);
    a->tokens_most = text_number(hit, 10);
    if (a->tokens_most > MAX(a->ask->max_tokens, 16u))
        sim_fail(a->ask->s, "I9: request %u: p%zu is asked for %llu tokens, of %u", a->ask->n,
                 a->provider, (unsigned long long)a->tokens_most, a->ask->max_tokens);
}

/* ---- what it bills ---- */

static const struct attempt *attempt_of(const struct arrival *a)
{
    for (size_t i = 0; i < a->ask->tries_n; i++)
        if (a->ask->tries[i].arrival == a)
            return &a->ask->tries[i];
    return NULL;
}

/* What it had begun to say has reached the gateway before that gave up. A reset takes along what
 * has been sent and not read. */
static bool was_heard(const struct arrival *a, const struct attempt *t)
{
    const struct sim *s = a->ask->s;
    ev_us way = s->fair.latency_max + s->fair.jitter_max + EV_MS(5);

    if (a->fault.kind == F_RESET_AT || a->killed)
        return false;
    return a->spoke_at && !s->was_rough && !(s->torture && !a->ask->pinned) &&
           (!t->over || a->spoke_at + way < t->ended);
}

static bool is_refused(const struct arrival *a)
{
    return a->fault.kind == F_STATUS || a->fault.kind == F_EARLY_ERROR;
}

struct bill {
    uint64_t in, out;
};

static struct bill bill_of(const struct arrival *a)
{
    const struct attempt *t = attempt_of(a);
    struct bill ret = {0};

    if (!t || !a->whole || (is_refused(a) && strcmp(a->fault.status->class_name, "server") != 0))
        return ret;
    ret.in = a->answer.tokens_in;
    if (!is_refused(a) && a->fault.kind != F_PAGE && was_heard(a, t))
        ret.out = a->answer.tokens_out;
    return ret;
}

static bool knows_first(const struct ask *a)
{
    return !a->s->hands && !a->weighted && a->extra_cost_max != NO_CAP &&
           a->s->providers[a->targets[0].provider].priced;
}

/* Beyond what the same tokens cost at the first target, where an answer came of it. */
static uint64_t extra_of(const struct arrival *a, struct bill b)
{
    const struct ask *ask = a->ask;
    const struct provider_world *first = &ask->s->providers[ask->targets[0].provider];
    uint64_t here = cost_of(&ask->s->providers[a->provider], b.in, b.out);

    return b.out ? here - MIN(here, cost_of(first, b.in, b.out)) : 0;
}

static void check_sums(const struct ask *a)
{
    uint64_t sum = 0, extra = 0;

    LIST_EACH(it, &a->s->arrivals)
    {
        const struct arrival *x = LIST_ENTRY(it, struct arrival, link);
        struct bill b;

        if (x->ask != a)
            continue;
        b = bill_of(x);
        sum += cost_of(&a->s->providers[x->provider], b.in, b.out);
        extra += extra_of(x, b);
        sim_say(a->s, "answer %u of request %u: p%zu bills %llu tokens and %llu", x->n, a->n,
                x->provider, (unsigned long long)b.in, (unsigned long long)b.out);
    }
    if (sum > a->cost_max)
        sim_fail(a->s, "I9: request %u has cost %llu millionths, of %llu", a->n,
                 (unsigned long long)sum, (unsigned long long)a->cost_max);
    if (knows_first(a) && extra > a->extra_cost_max)
        sim_fail(a->s, "I9: failing over of request %u has cost %llu millionths, of %llu", a->n,
                 (unsigned long long)extra, (unsigned long long)a->extra_cost_max);
}

bool costs_may_forbid(const struct ask *a, size_t provider)
{
    uint64_t sum = worst(a, provider);

    if (a->cost_max == NO_CAP && a->extra_cost_max == NO_CAP)
        return false;
    for (size_t i = 0; i < a->tries_n; i++)
        sum += a->tries[i].provider < a->s->providers_n ? worst(a, a->tries[i].provider) : 0;
    return a->extra_cost_max != NO_CAP || (a->stream && a->go_on) || sum > a->cost_max;
}

/* Nobody is refused for what he could have paid. */
static void check_refused(const struct ask *a)
{
    for (size_t i = 0; i < a->targets_n; i++)
        if (worst(a, a->targets[i].provider) > a->cost_max)
            return;
    sim_fail(a->s, "I9: request %u is refused for its cost, and no target of it is dear", a->n);
}

void costs_check(const struct ask *a)
{
    if (!a->max_tokens || !a->recorded)
        return;
    check_sums(a);
    if (a->record.reason == REASON_COST_MAX && a->tries_n == 0)
        check_refused(a);
}
