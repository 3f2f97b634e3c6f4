/*
 * candidates.c - the candidates of a request: every way to every target of its model that it may be
 * sent to, in the order in which they are asked as long as nothing is known against one.
 *
 * Who must not have the request is none: it stands behind the candidates, where only those look who
 * tell why (skip.c, explain.c).
 */
#include "relay/relay_plan.h"

#define TOKENS_UNSAID UINT64_C(4096)
#define TOKENS_MOST   UINT64_C(131072)
#define TAGS_FIELD    "x-lamplighter-tags"
#define TAGS_MOST     16 /* of a head */
#define OUT_MOST      ((size_t)16 * 1024)

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

/* "a, b" of one field, into words where it is not NULL. Returns how many. */
static size_t add_tags(struct span *words, struct span list)
{
    size_t n = 0;

    while (span_has(list)) {
        struct span tag = span_trim(span_cut(&list, ','));

        if (tag.n && words)
            words[n] = tag;
        n += tag.n > 0;
    }
    return n;
}

/* Those that the head says. */
static size_t tags_of_head(const struct relay *r, struct span *words)
{
    const struct http_head *h = r->head;
    size_t n = 0;

    for (size_t i = 0; i < h->fields_n; i++)
        if (span_is(h->fields[i].name, TAGS_FIELD))
            n += add_tags(words ? words + n : NULL, h->fields[i].value);
    return n;
}

/* The tags of the client's key, and those of the head. */
static bool read_tags(struct relay *r, struct route_words *ret, struct relay_refusal *no)
{
    size_t of_head = tags_of_head(r, NULL), of_key = r->key ? r->key->tags.n : 0;
    struct span *words;

    if (of_head == 0) {
        *ret = of_key ? r->key->tags : (struct route_words){NULL, 0};
        return true;
    }
    if (of_head > TAGS_MOST)
        return relay_no_at(no, 400, REASON_BAD_REQUEST, TAGS_FIELD,
                           TAGS_FIELD ": a request may ask for at most 16 tags.", NULL);
    words = arena_alloc(&r->arena, (of_key + of_head) * sizeof(*words));
    if (!words)
        return relay_no(no, 503, REASON_NO_MEMORY, "The gateway has no memory for this request.",
                        NULL);
    for (size_t i = 0; i < of_key; i++)
        words[i] = r->key->tags.words[i];
    *ret = (struct route_words){words, of_key + tags_of_head(r, words + of_key)};
    return true;
}

/* What the conditions of a plan are about. */
static bool read_asked(struct relay *r, struct route_asked *a, struct relay_refusal *no)
{
    const struct settings_model *m = r->plan.model;
    struct err e;

    *a = (struct route_asked){.tokens = relay_guess_input(r), .stream = r->req.stream};
    if (r->key)
        a->key = r->key->name;
    if (!read_tags(r, &a->tags, no))
        return false;
    if ((m && m->by_tools && relay_brings_tools(r, &a->tools, &e) < 0) ||
        relay_find_conversation(r, &e) < 0)
        return relay_no(no, 503, REASON_NO_MEMORY, "The request body cannot be read back.", NULL);
    return true;
}

/* Is it meant for other requests? Then *ret says why. */
static bool is_not_meant(struct relay *r, const struct settings_target *t,
                         const struct route_asked *asked, struct relay_skip *ret)
{
    struct route_asked a = *asked;
    enum route_misfit m;

    ret->word = relay_routed_away(r, t);
    if (ret->word) {
        ret->why = REASON_NOT_MEANT;
        ret->text = "The request's own routing leaves it out.";
        return true;
    }
    if (t->lacks) {
        ret->why = REASON_LACKS;
        return true;
    }
    if (t->when.tokens_least || t->when.tokens_below != UINT64_MAX)
        a.tokens = relay_guess_input_at(r, t);
    m = route_misfit(&t->when, t->tags, &a);
    if (m == ROUTE_FITS)
        return false;
    ret->why = REASON_NOT_MEANT;
    ret->word = route_misfit_word(m);
    ret->text = arena_printf(&r->arena, "The plan has it asked for other requests only: %s%s.",
                             m == ROUTE_TAGS ? "" : "when.", ret->word)
                    .p;
    return true;
}

static void list_targets(struct relay *r, struct listed *l, const struct route_asked *a)
{
    const struct settings_target *targets;
    size_t n;

    targets = targets_of(r, &n);
    l->n = l->out_n = 0;
    for (size_t i = 0; i < n; i++) {
        struct relay_skip s = {.every_way = true};

        if (!relay_is_walled(r, &targets[i], &s) && !is_not_meant(r, &targets[i], a, &s)) {
            list_target(l, &targets[i]);
            continue;
        }
        r->walled |= s.why == REASON_WALLED;
        l->out_ways[l->out_n] = settings_way(&targets[i], 0);
        l->out[l->out_n++] = s;
    }
}

/* ---- in which order ---- */

static enum route_strategy strategy_of(const struct relay *r)
{
    if (r->routing.sorted)
        return r->routing.sort;
    return r->plan.model ? r->plan.model->strategy : ROUTE_ORDERED;
}

/* The ways in the order in which the model has them asked. */
static void order_ways(struct relay *r, struct settings_way *ways, size_t n)
{
    LEFT_UNSET struct policy_candidate c[POLICY_TARGETS_MAX];
    LEFT_UNSET struct settings_way as_written[POLICY_TARGETS_MAX];
    enum route_strategy strategy = strategy_of(r);
    uint8_t order[POLICY_TARGETS_MAX];
    uint64_t random = 0;

    if (n < 2 || (strategy == ROUTE_ORDERED && !(r->plan.model && r->plan.model->tiered)))
        return;
    if (strategy != ROUTE_ORDERED)
        ev_random(r->env->ev, &random, sizeof(random));
    memcpy(as_written, ways, n * sizeof(*ways));
    for (size_t i = 0; i < n; i++) {
        c[i] = settings_candidate(&ways[i]);
        c[i].cost = relay_guess_cost(r, ways[i].target);
        if (r->env->sink.targets && strategy == ROUTE_FASTEST)
            c[i].live = board_live(r->env->sink.targets, ways[i].target->id);
        relay_weigh_by_hand(r, &ways[i], &c[i]);
    }
    policy_order(order, c, (uint32_t)n, relay_standings(r), strategy, !r->req.stream, random,
                 ev_now(r->env->ev));
    for (size_t i = 0; i < n; i++)
        ways[i] = as_written[order[i]];
}

static bool is_out(const struct listed *l, const struct settings_target *t)
{
    for (size_t i = 0; i < l->out_n; i++)
        if (l->out_ways[i].target == t)
            return true;
    return false;
}

/* The request itself wants others alone. */
static void unwanted(struct listed *l, const struct settings_way *way)
{
    if (is_out(l, way->target))
        return;
    MUST(l->out_n < POLICY_TARGETS_MAX); /* a model has no more targets */
    l->out_ways[l->out_n] = *way;
    l->out[l->out_n++] = (struct relay_skip){.every_way = true,
                                             .why = REASON_NOT_MEANT,
                                             .word = "allow_fallbacks",
                                             .text = "The request's own routing leaves it out."};
}

static struct route_place place_of(const struct relay *r, const struct settings_way *way)
{
    const struct settings_target *t = way->target;

    return (struct route_place){.target = r->plan.model ? (uint8_t)(t - r->plan.model->targets) : 0,
                                .tier = t->tier,
                                .kin = t->kin,
                                .wanted = relay_rank(r, t),
                                .drained = relay_is_drained(r, way) || relay_is_away(r, way)};
}

/* What goes before the strategy's order, and behind it. */
static void arrange(struct relay *r, struct listed *l)
{
    struct route_wish wish = {r->routing.order.n > 0, r->routing.no_fallbacks};
    size_t n = l->n, seat = wish.named ? n : relay_find_seat(r, l->ways, n);
    struct settings_way ways[POLICY_TARGETS_MAX] = {0};
    LEFT_UNSET struct route_place p[POLICY_TARGETS_MAX];
    uint8_t order[POLICY_TARGETS_MAX];

    for (size_t i = 0; i < n; i++) {
        ways[i] = l->ways[i];
        order[i] = (uint8_t)i;
        p[i] = place_of(r, &ways[i]);
        p[i].sits = i == seat;
    }
    l->n = route_arrange(order, p, n, wish);
    r->sits = l->n && order[0] == seat;
    for (size_t i = 0; i < l->n; i++)
        l->ways[i] = ways[order[i]];
    for (size_t i = n; i > l->n; i--)
        unwanted(l, &ways[order[i - 1]]);
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
    r->run = (struct policy_request){.table = relay_standings(r),
                                     .rules = r->plan.model ? &r->plan.model->rules
                                                            : &r->settings->rules,
                                     .candidates = c,
                                     .n = (uint32_t)l->n,
                                     .whole = !r->req.stream,
                                     .prompt_bytes = blob_len(r->body),
                                     .tokens = tokens_of(r),
                                     .draw = (uint32_t)span_hash(span_str(r->record.id)),
                                     .text = r->dialect->free ? 0 : relay_text_bytes(r),
                                     .bulk = r->dialect->free ? 0 : relay_bulk_tokens(r),
                                     .output = r->req.max_tokens ? tokens_of(r) : 0,
                                     .passed = passed,
                                     .ledger = r->env->sink.ledger,
                                     .tenant = r->key ? span_hash(r->key->name) : 1};
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

/* "a/x (walled phi:retention), b/y (not-meant tags)" */
static struct span list_out(struct relay *r, const struct listed *l)
{
    struct span ret = {NULL, 0};
    struct buf b;

    buf_init(&b, OUT_MOST);
    for (size_t i = 0; i < l->out_n; i++)
        buf_printf(&b, "%s%.*s (%s%s%s)", i ? ", " : "", SPAN_FMT(l->out_ways[i].target->id),
                   reason_word(l->out[i].why), l->out[i].word ? " " : "",
                   l->out[i].word ? l->out[i].word : "");
    if (buf_ok(&b))
        ret = arena_dup(&r->arena, buf_span(&b));
    buf_fini(&b);
    return ret;
}

static bool nobody_left(struct relay *r, const struct listed *l, struct relay_refusal *no)
{
    struct span out = list_out(r, l), text;

    text =
        arena_printf(&r->arena, "No target of this model may be asked this: %.*s.", SPAN_FMT(out));
    if (!r->walled)
        return relay_no(no, 400, l->out_n ? l->out[0].why : REASON_WRONG_DIALECT,
                        text.p ? text.p : "No target of this model is meant for this request.",
                        "Ask in another way, or change the plan of the model in the gateway's "
                        "configuration; lamplighter route shows it.");
    return relay_no(no, 403, REASON_WALLED,
                    text.p ? text.p : "No target of this model may have this request.",
                    "Call a model whose targets meet what the class of data demands, or say in the "
                    "gateway's configuration what else is known of them; lamplighter route tells "
                    "what is missing.");
}

bool relay_plan(struct relay *r, struct relay_refusal *no)
{
    const struct settings_target *lead;
    struct route_asked asked;
    LEFT_UNSET struct listed l;

    r->record.configured = r->plan.model != NULL;
    if (!relay_read_cap(r, no) || !read_asked(r, &asked, no))
        return false;
    list_targets(r, &l, &asked);
    order_ways(r, l.ways, l.n);
    if (strategy_of(r) != ROUTE_FASTEST)
        relay_order_pools(r, l.ways, l.n);
    arrange(r, &l);
    if (!take_ways(r, &l))
        return relay_no(no, 503, REASON_NO_MEMORY, "The gateway has no memory for this request.",
                        NULL);
    tell_out(r, &l);
    if (l.n == 0)
        return nobody_left(r, &l, no);
    lead = makes_vectors(r) ? lead_of(r) : NULL;
    for (size_t i = 0; lead && i < l.n; i++)
        if (!span_eq(lead->model, r->ways[i].target->model))
            leave_out(r, i);
    relay_spill_out(r);
    return relay_disabled_out(r, no);
}
