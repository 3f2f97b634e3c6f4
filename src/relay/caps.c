/*
 * caps.c - what a request may cost: all its attempts together (`cost_max`), and what failing over
 * of its model may cost beyond the first target within an hour (`extra_cost_max`).
 *
 * A cap is looked at before an attempt, with the worst that may come of it: its input by its bytes,
 * and all the tokens that its answer may have. What a complete answer has cost is what its provider
 * reported; where that is nothing, or the answer broke off, the worst of what was not reported: its
 * input, and all of its answer where that had begun, since what is reported on the way (Anthropic's
 * first event, each of Gemini's) is no sum. What has no price is held by no cap: prices.unknown
 * says what becomes of it.
 */
#include "policy/extra.h"
#include "relay/relay_plan.h"

#define BYTES_A_TOKEN 2 /* fewer than any text has, markup and escapes aside */
#define OUTPUT_MOST   UINT64_C(131072)
#define JOIN_TOKENS   100 /* of what says that an answer is to be gone on with */
#define NO_CAP        UINT64_MAX
#define FIELD         "x-lamplighter-cost-max"

/* ---- what it may cost ---- */

static uint64_t most_output(const struct relay *r)
{
    uint64_t each = r->req.max_tokens ? r->req.max_tokens : OUTPUT_MOST, all;

    if (r->dialect->free || r->op->op == OP_EMBEDDINGS || convert_embed_client(r->dialect))
        return 0;
    return __builtin_mul_overflow(each, MAX(r->req.choices, 1u), &all) ? UINT64_MAX : all;
}

/* Of what is no text more is known by its kind than by its bytes: four times what is usual. Who
 * goes on with an answer reads what there is of it. */
static uint64_t worst_input(const struct relay *r)
{
    uint64_t told = r->at->told ? r->at->told / BYTES_A_TOKEN + JOIN_TOKENS : 0;

    return r->run.text / BYTES_A_TOKEN + 4 * r->run.bulk + told + 1;
}

/* ROUTE_NO_PRICE: nobody knows. */
static uint64_t cost_of(const struct relay *r, const struct settings_target *t,
                        const struct dialect_usage *u)
{
    const struct price *p = settings_price(r->settings, t->provider, t->model);
    enum pricing pricing;
    uint64_t cost = 0;

    if (r->dialect->free)
        return 0;
    pricing = p ? price_cost(&cost, p, u) : PRICING_NO_PRICE;
    if (pricing == PRICING_TOO_LARGE)
        return ROUTE_NO_PRICE - 1; /* past every cap */
    return pricing == PRICING_KNOWN ? cost : ROUTE_NO_PRICE;
}

static uint64_t worst(const struct relay *r, const struct settings_target *t, uint64_t output)
{
    const struct dialect_usage u = {.input = worst_input(r), .output = output, .seen = true};

    return cost_of(r, t, &u);
}

/* ---- the request's own cap ---- */

bool relay_read_cap(struct relay *r, struct relay_refusal *no)
{
    struct span field = http_field_get(r->head, FIELD);
    uint64_t asked;

    r->cost_max = r->plan.model ? r->plan.model->cost_max : r->settings->cost_max;
    if (r->key)
        r->cost_max = MIN(r->cost_max, r->key->cost_max);
    if (!span_has(field))
        return true;
    if (price_read(&asked, field) < 0)
        return relay_no_at(no, 400, REASON_BAD_REQUEST, FIELD, FIELD " is no amount of dollars.",
                           "Write it as 0.25.");
    r->cost_max = MIN(r->cost_max, asked);
    return true;
}

/* What the attempt that is under way beside may come to. */
static uint64_t beside(const struct relay *r)
{
    uint64_t cost = r->beside ? worst(r, r->beside->target, most_output(r)) : 0;

    return cost == ROUTE_NO_PRICE ? 0 : cost;
}

bool relay_may_cost(struct relay *r, const struct settings_target *t, struct relay_refusal *no)
{
    char sum_text[PRICE_TEXT], most_text[PRICE_TEXT];
    uint64_t cost, sum;
    struct span text;

    if (r->cost_max == NO_CAP)
        return true;
    cost = worst(r, t, most_output(r));
    if (cost == ROUTE_NO_PRICE)
        return true;
    if (__builtin_add_overflow(cost, r->spent, &sum) ||
        __builtin_add_overflow(sum, beside(r), &sum))
        sum = UINT64_MAX;
    if (sum <= r->cost_max)
        return true;
    text = arena_printf(
        &r->arena, "With '%.*s' the request may cost up to $%s, and it may cost $%s at most.",
        SPAN_FMT(t->id), price_text(sum, sum_text), price_text(r->cost_max, most_text));
    relay_no(no, 402, REASON_COST_MAX, text.p ? text.p : reason_meaning(REASON_COST_MAX),
             "Ask for fewer tokens (max_tokens; without it the most that a model gives is "
             "counted), or raise cost_max or " FIELD ".");
    return false;
}

/* ---- what failing over costs ---- */

static struct board_standing *place(const struct relay *r)
{
    return standing_find(r->env->standings, extra_id(span_hash(r->plan.model->name)),
                         ev_now(r->env->ev));
}

static uint64_t beyond(uint64_t cost, uint64_t first)
{
    if (cost == ROUTE_NO_PRICE || first == ROUTE_NO_PRICE)
        return 0;
    return cost - MIN(first, cost);
}

/* Input and output apart: where one is dearer and the other one cheaper than at the first target,
 * an answer that has little of what is cheaper costs more than the worst of both would. */
static uint64_t worst_beyond(const struct relay *r, const struct settings_target *t,
                             const struct settings_target *first)
{
    uint64_t output = most_output(r);
    uint64_t in = worst(r, t, 0), first_in = worst(r, first, 0), extra = beyond(in, first_in);
    uint64_t all = worst(r, t, output), first_all = worst(r, first, output);

    if (all == ROUTE_NO_PRICE || first_all == ROUTE_NO_PRICE)
        return 0;
    return __builtin_add_overflow(extra, beyond(all - in, first_all - first_in), &extra)
               ? ROUTE_NO_PRICE
               : extra;
}

bool relay_hold_extra(struct relay *r, struct relay_refusal *no)
{
    const struct settings_model *m = r->plan.model;
    const struct settings_target *first = r->ways[0].target;
    uint64_t extra, now = ev_now(r->env->ev);

    if (!m || m->extra_cost_max == NO_CAP || r->at->target == first)
        return true;
    extra = worst_beyond(r, r->at->target, first);
    if (extra == 0)
        return true;
    if (!extra_hold(place(r), extra, m->extra_cost_max, now))
        return relay_no(no, 402, REASON_EXTRA_COST_MAX, reason_meaning(REASON_EXTRA_COST_MAX),
                        "Raise the model's extra_cost_max, or add a target that costs no more "
                        "than the first.");
    r->at->extra_held = extra;
    r->at->extra_us = now;
    return true;
}

/* What the answer cost beyond what its tokens cost at the first target. */
static uint64_t extra_of_answer(const struct relay *r)
{
    const struct settings_target *first = r->ways[0].target;
    const struct price *p = settings_price(r->settings, first->provider, first->model);
    uint64_t cost = ROUTE_NO_PRICE;

    if (!p || !price_is_known(price_cost(&cost, p, &r->record.usage)))
        return r->record.cost;
    return beyond(r->record.cost, cost);
}

/* Its answer has begun: all of it may have been made. */
static bool has_begun(const struct relay *r)
{
    return r->run.it.answered || r->at->answer;
}

/* The provider has worked, or may have, and what it has reported is not all. */
static bool is_uncounted(const struct relay *r)
{
    const struct dialect_answer *a = call_answer(r->at->call);

    if (r->record.pricing == PRICING_NOTHING)
        return class_row(r->record.class_id)->maybe_billed;
    return r->record.pricing == PRICING_NO_USAGE || (price_is_known(r->record.pricing) && a->d &&
                                                     dialect_answer_verdict(a) != VERDICT_COMPLETE);
}

/* What it reported of its input is all of that. */
static uint64_t worst_of_answer(const struct relay *r)
{
    struct dialect_usage u = r->record.usage;

    u.extras = false;
    if (!u.seen)
        u = (struct dialect_usage){.input = worst_input(r), .seen = true};
    if (has_begun(r))
        u.output = MAX(u.output, most_output(r));
    return cost_of(r, r->at->target, &u);
}

void relay_settle_cost(struct relay *r, bool called)
{
    uint64_t cost = 0, extra = 0;

    if (called && r->at->target && is_uncounted(r)) {
        cost = worst_of_answer(r);
        extra = r->at->extra_held;
    } else if (called && price_is_known(r->record.pricing)) {
        cost = r->record.cost;
        extra = r->at->extra_held ? extra_of_answer(r) : 0;
    }
    if (cost != ROUTE_NO_PRICE && __builtin_add_overflow(r->spent, cost, &r->spent))
        r->spent = UINT64_MAX;
    if (r->at->extra_held)
        extra_settle(place(r), r->at->extra_held, r->at->extra_us, extra, ev_now(r->env->ev));
    r->at->extra_held = 0;
}
