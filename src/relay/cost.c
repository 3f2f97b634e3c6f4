/*
 * cost.c - what the answer that a target gave costs, or why that is not known.
 *
 * The price is that of the model which was asked for; where that has none, of the model that the
 * provider says has answered: the name of a deployment on Azure is its owner's choice.
 *
 * An answer that broke off has cost at least what its provider had reported by then. Where nothing
 * was reported it may have cost something or not, and is called unpriced if the provider has
 * worked.
 */
#include "relay/relay_plan.h"

static const struct price *find_price(const struct relay *r, const struct dialect_answer *a)
{
    const struct settings_target *t = r->at->target;
    const struct price *p = settings_price(r->settings, t->provider, t->model);
    struct span answered = span_of(a->model, a->model_n);

    return p || span_eq(answered, t->model) ? p
                                            : settings_price(r->settings, t->provider, answered);
}

/* What passed through unread: who posts has something made. */
static enum pricing price_unread(const struct relay *r)
{
    uint16_t status = r->at->answer_head.status;

    return status >= 200 && status < 300 && span_is(r->head->method, "POST") ? PRICING_NOT_READ
                                                                             : PRICING_NOTHING;
}

static enum pricing price_answer(struct relay *r, const struct dialect_answer *a)
{
    bool whole = dialect_answer_verdict(a) == VERDICT_COMPLETE;
    const struct price *p;
    enum pricing pricing;

    if (a->d->free)
        return PRICING_NOTHING;
    if (!whole && !a->started && !a->usage.seen && !class_row(r->record.class_id)->maybe_billed)
        return PRICING_NOTHING;
    p = find_price(r, a);
    if (!p)
        return PRICING_NO_PRICE;
    pricing = price_cost(&r->record.cost, p, &a->usage);
    return price_is_known(pricing) && !whole && r->record.cost ? PRICING_INCOMPLETE : pricing;
}

void relay_note_cost(struct relay *r, const struct dialect_answer *a)
{
    r->record.usage = a->usage;
    r->record.pricing = a->d ? price_answer(r, a) : price_unread(r);
}

#define OUTPUT_MOST 500 /* of an answer, mostly: limits are set far above */

/* What is no text costs by its pixels, pages or seconds, which nobody looks up here: a large
 * picture has about so many tokens, and a long recording has more by its bytes. */
#define BULK_TOKENS  1500
#define BULK_A_TOKEN 1024

uint64_t relay_text_bytes(const struct relay *r)
{
    uint64_t all = blob_len(r->body);

    return all - MIN(r->bulk.bytes, all);
}

uint64_t relay_bulk_tokens(const struct relay *r)
{
    return r->bulk.runs * BULK_TOKENS + r->bulk.bytes / BULK_A_TOKEN;
}

uint64_t relay_guess_input(const struct relay *r)
{
    return policy_tokens(relay_standings(r), NULL, relay_text_bytes(r)) + relay_bulk_tokens(r);
}

uint64_t relay_guess_input_at(const struct relay *r, const struct settings_target *t)
{
    struct settings_way way = settings_way(t, 0);
    struct policy_candidate c = settings_candidate(&way);

    return policy_tokens(relay_standings(r), &c, relay_text_bytes(r)) + relay_bulk_tokens(r);
}

/* Of the tokens of its prompt so many have been read there before. */
static uint64_t guess(const struct relay *r, const struct settings_target *t, uint64_t cached)
{
    const struct price *p = settings_price(r->settings, t->provider, t->model);
    struct dialect_usage u = {.input = relay_guess_input_at(r, t),
                              .cache_read = cached,
                              .output = OUTPUT_MOST,
                              .seen = true};
    uint64_t cost;

    if (r->req.max_tokens)
        u.output = MIN(u.output, r->req.max_tokens);
    return p && price_is_known(price_cost(&cost, p, &u)) ? cost : ROUTE_NO_PRICE;
}

uint64_t relay_guess_cost(const struct relay *r, const struct settings_target *t)
{
    return guess(r, t, 0);
}

uint64_t relay_guess_warm_cost(const struct relay *r, const struct settings_target *t)
{
    uint64_t cost = guess(r, t, relay_guess_input_at(r, t));

    return cost == ROUTE_NO_PRICE ? guess(r, t, 0) : cost; /* it gives nothing off for that */
}

bool relay_may_ask(struct relay *r, const struct settings_target *t, struct relay_refusal *no)
{
    struct span text;

    if (!r->settings->prices_block || r->dialect->free ||
        settings_price(r->settings, t->provider, t->model))
        return true;
    text = arena_printf(&r->arena, "'%.*s' has no price, and models without one are not asked.",
                        SPAN_FMT(t->id));
    *no = (struct relay_refusal){
        .status = 400,
        .reason = REASON_UNPRICED,
        .text = text.p ? text.p : reason_meaning(REASON_UNPRICED),
        .hint = "Give the model a row in the gateway's price file (prices.file), or set "
                "prices.unknown: warn.",
    };
    return false;
}
