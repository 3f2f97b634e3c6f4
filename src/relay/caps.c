/*
 * caps.c - what a request may cost: all its attempts together (`cost_max`), and what failing over
 * of its model may cost beyond the first target within an hour (`extra_cost_max`).
 *
 * A cap is looked at before an attempt, with the worst that may come of it: its input by its bytes,
 * and all the tokens that its answer may have. What an attempt has cost is what its provider
 * reported; where it worked and reported nothing, the worst of its input, and of its answer where
 * that had begun. What has no price is held by no cap: prices.unknown says what becomes of it.
 */
#include "policy/extra.h"
#include "relay/relay_plan.h"

#define BYTES_A_TOKEN 2 /* fewer than any text has, markup and escapes aside */
#define OUTPUT_MOST   UINT64_C(131072)
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

/* Of what is no text more is known by its kind than by its bytes: four times what is usual. */
static uint64_t worst_input(const struct relay *r)
{
    return r->run.text / BYTES_A_TOKEN + 4 * r->run.bulk + 1;
}

/* ROUTE_NO_PRICE: nobody knows. */
static uint64_t worst(const struct relay *r, const struct settings_target *t, uint64_t output)
{
    const struct price *p = settings_price(r->settings, t->provider, t->model);
    struct dialect_usage u = {.input = worst_input(r), .output = output, .seen = true};
    enum pricing pricing;
    uint64_t cost = 0;

    if (r->dialect->free)
        return 0;
    pricing = p ? price_cost(&cost, p, &u) : PRICING_NO_PRICE;
    if (pricing == PRICING_TOO_LARGE)
        return ROUTE_NO_PRICE - 1; /* past every cap */
    return pricing == PRICING_KNOWN ? cost : ROUTE_NO_PRICE;
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

bool relay_hold_extra(struct relay *r, struct relay_refusal *no)
{
    const struct settings_model *m = r->plan.model;
    const struct settings_target *first = r->ways[0].target;
    uint64_t output = most_output(r), extra, now = ev_now(r->env->ev);

    if (!m || m->extra_cost_max == NO_CAP || r->at->target == first)
        return true;
    extra = beyond(worst(r, r->at->target, output), worst(r, first, output));
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

/* The provider has worked, or may have, and nobody knows how much. */
static bool is_uncounted(const struct relay *r)
{
    return r->record.pricing == PRICING_NO_USAGE ||
           (r->record.pricing == PRICING_NOTHING && class_row(r->record.class_id)->maybe_billed);
}

void relay_settle_cost(struct relay *r, bool called)
{
    uint64_t cost = 0, extra = 0;

    if (called && price_is_known(r->record.pricing)) {
        cost = r->record.cost;
        extra = r->at->extra_held ? extra_of_answer(r) : 0;
    } else if (called && is_uncounted(r) && r->at->target) {
        cost = worst(r, r->at->target, r->run.it.answered ? most_output(r) : 0);
        extra = r->at->extra_held;
    }
    if (cost != ROUTE_NO_PRICE && __builtin_add_overflow(r->spent, cost, &r->spent))
        r->spent = UINT64_MAX;
    if (r->at->extra_held)
        extra_settle(place(r), r->at->extra_held, r->at->extra_us, extra, ev_now(r->env->ev));
    r->at->extra_held = 0;
}
