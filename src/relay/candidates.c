/*
 * candidates.c - the candidates of a request: every way to every target of its model that it may be
 * sent to, in the order in which they are asked as long as nothing is known against one.
 *
 * Who must not have the request is none: it stands behind the candidates, where only those look who
 * tell why (skip.c, explain.c).
 */
#include "relay/relay_impl.h"

#define TOKENS_UNSAID UINT64_C(4096)
#define TOKENS_MOST   UINT64_C(131072)

/* ---- what they can do ---- */

/* Of Google's two hosts one takes no whole request where it counts, but its members
 * (gemini_request_write.c). */
bool relay_can_serve(const struct relay *r, const struct settings_target *t)
{
    const struct provider *type = t->provider->type;

    return provider_serves(type, r->op->op, t->model) &&
           !(r->req.wrapped && type->host && type->host->vertex);
}

/* Vectors of two models cannot be compared: only the same model makes up for one that fails. */
static bool makes_vectors(const struct relay *r)
{
    return r->op->op == OP_EMBEDDINGS || convert_embed_client(r->dialect);
}

/* How many tokens the answer may have. */
static uint64_t tokens_of(const struct relay *r)
{
    if (makes_vectors(r) || r->dialect->free)
        return 0;
    return r->req.max_tokens ? MIN(r->req.max_tokens, TOKENS_MOST) : TOKENS_UNSAID;
}

static bool can_be_asked(const struct relay *r, const struct settings_target *t)
{
    return relay_can_serve(r, t) || relay_can_translate(r, t);
}

/* ---- who they are ---- */

struct listed {
    struct settings_way ways[POLICY_TARGETS_MAX]; /* the candidates */
    size_t n;
    struct settings_way out_ways[POLICY_TARGETS_MAX]; /* of targets that are none ... */
    struct relay_skip out[POLICY_TARGETS_MAX];        /* ... and why */
    size_t out_n;
};

static const struct settings_target *targets_of(const struct relay *r, size_t *n)
{
    *n = r->plan.model ? r->plan.model->targets_n : 1;
    return r->plan.model ? r->plan.model->targets : &r->plan.one;
}

/* Every way to it, as far as there is room. */
static void list_target(struct listed *l, const struct settings_target *t)
{
    for (size_t k = 0; k < settings_ways(t->provider) && l->n < POLICY_TARGETS_MAX; k++)
        l->ways[l->n++] = settings_way(t, k);
}

static void list_targets(struct relay *r, struct listed *l)
{
    const struct settings_target *targets;
    size_t n;

    targets = targets_of(r, &n);
    l->n = l->out_n = 0;
    for (size_t i = 0; i < n; i++) {
        struct relay_skip s = {.every_way = true};

        if (!relay_is_walled(r, &targets[i], &s)) {
            list_target(l, &targets[i]);
            continue;
        }
        l->out_ways[l->out_n] = settings_way(&targets[i], 0);
        l->out[l->out_n++] = s;
    }
}

/* ---- in which order ---- */

/* The ways in the order in which the model has them asked. */
static void order_ways(struct relay *r, struct settings_way *ways, size_t n)
{
    struct policy_candidate c[POLICY_TARGETS_MAX];
    struct settings_way as_written[POLICY_TARGETS_MAX];
    enum route_strategy strategy = r->plan.model ? r->plan.model->strategy : ROUTE_ORDERED;
    uint8_t order[POLICY_TARGETS_MAX];
    uint64_t random;

    if (strategy == ROUTE_ORDERED || n < 2)
        return;
    ev_random(r->env->ev, &random, sizeof(random));
    memcpy(as_written, ways, n * sizeof(*ways));
    for (size_t i = 0; i < n; i++) {
        c[i] = settings_candidate(&ways[i]);
        c[i].cost = relay_guess_cost(r, ways[i].target);
    }
    policy_order(order, c, (uint32_t)n, r->env->standings, strategy, !r->req.stream, random);
    for (size_t i = 0; i < n; i++)
        ways[i] = as_written[order[i]];
}

/* ---- the plan ---- */

/* The first target as written that makes any vectors, whoever may have this request: all requests
 * of a model get the vectors of one. */
static const struct settings_target *lead_of(const struct relay *r)
{
    const struct settings_target *targets;
    size_t n;

    targets = targets_of(r, &n);
    for (size_t i = 0; i < n; i++)
        if (can_be_asked(r, &targets[i]))
            return &targets[i];
    return NULL;
}

/* Its vectors are of another model than those of the first that makes any. */
static void leave_out(struct relay *r, size_t i)
{
    struct relay_skip s = {.way = &r->ways[i],
                           .why = REASON_CANNOT_SAY,
                           .word = "other-vectors",
                           .text = "Vectors of two models cannot be compared."};

    r->run.out |= UINT32_C(1) << i;
    relay_skip(r, &s);
}

/* The candidates, and those behind them, into the arena. false: no memory. */
static bool take_ways(struct relay *r, const struct listed *l)
{
    struct settings_way *ways = arena_alloc(&r->arena, (l->n + l->out_n) * sizeof(*ways));
    struct policy_candidate *c = arena_alloc(&r->arena, MAX(l->n, (size_t)1) * sizeof(*c));
    struct policy_passed *passed = arena_zalloc(&r->arena, MAX(l->n, (size_t)1) * sizeof(*passed));

    if (!ways || !c || !passed)
        return false;
    memcpy(ways, l->ways, l->n * sizeof(*ways));
    memcpy(ways + l->n, l->out_ways, l->out_n * sizeof(*ways));
    for (size_t i = 0; i < l->n; i++)
        c[i] = settings_candidate(&ways[i]);
    r->ways = ways;
    r->out_n = l->out_n;
    r->run = (struct policy_request){.table = r->env->standings,
                                     .rules = r->plan.model ? &r->plan.model->rules
                                                            : &r->settings->rules,
                                     .candidates = c,
                                     .n = (uint32_t)l->n,
                                     .whole = !r->req.stream,
                                     .prompt_bytes = blob_len(r->body),
                                     .tokens = tokens_of(r),
                                     .passed = passed};
    return true;
}

/* Those who must not have the request, each told with its reason. */
static void tell_out(struct relay *r, struct listed *l)
{
    for (size_t i = 0; i < l->out_n; i++) {
        l->out[i].way = &r->ways[l->n + i];
        relay_skip(r, &l->out[i]);
    }
}

bool relay_plan(struct relay *r, struct relay_refusal *no)
{
    const struct settings_target *lead;
    struct listed l;

    r->record.configured = r->plan.model != NULL;
    list_targets(r, &l);
    order_ways(r, l.ways, l.n);
    if (!take_ways(r, &l))
        return relay_no(no, 503, REASON_NO_MEMORY, "The gateway has no memory for this request.",
                        NULL);
    tell_out(r, &l);
    if (l.n == 0)
        return relay_all_walled(r, no);
    lead = makes_vectors(r) ? lead_of(r) : NULL;
    for (size_t i = 0; lead && i < l.n; i++)
        if (!span_eq(lead->model, r->ways[i].target->model))
            leave_out(r, i);
    return true;
}
