/*
 * plan.c - which of a request's candidates is asked next, and how the request is made fit for it.
 *
 * Whom to ask, and whom not, policy says (policy/policy.h). What stands here besides is whether a
 * target can take this request at all: it is asked in the client's own dialect where it speaks it,
 * with a few patches; else the request is translated. What one attempt has made of the request is
 * gone before the next one begins.
 */
#include "codec/json_write.h"
#include "relay/relay_plan.h"

/* ---- answers that providers keep ---- */

uint32_t relay_keeper_of(const struct relay *r, uint64_t answer)
{
    return r->env->sink.kept && answer ? kept_by(r->env->sink.kept, answer) : 0;
}

void relay_note_keeper(struct relay *r)
{
    uint64_t answer = call_answer(r->at->call)->kept;

    if (!answer || r->at->keeper_noted || r->at->translate || !r->env->sink.kept)
        return;
    kept_note(r->env->sink.kept, answer, kept_mark(r->at->target->provider->name));
    r->at->keeper_noted = true;
}

/* The request goes on from an answer that one provider keeps: then nobody else can. */
static bool may_go_on(const struct relay *r, const struct settings_target *t)
{
    uint32_t keeper = relay_keeper_of(r, r->req.previous);

    return keeper == 0 || keeper == kept_mark(t->provider->name);
}

/* ---- a request that is fit for its target ---- */

/* The model's name as a JSON string, for a patch. */
static struct span json_name(struct arena *a, struct span name)
{
    struct span ret = {NULL, 0};
    struct buf b;

    buf_init(&b, 6 * (DIALECT_MODEL_MAX + sizeof("models/")) + 2);
    buf_add_char(&b, '"');
    json_escape(&b, name);
    buf_add_char(&b, '"');
    if (buf_ok(&b))
        ret = arena_dup(a, buf_span(&b));
    buf_fini(&b);
    return ret;
}

/* The client's name and the upstream's differ: patch the request one way, the answer the other. */
static bool rename_model(struct relay *r, struct relay_refusal *no)
{
    struct span name = span_of(r->req.model, r->req.model_n), theirs = r->at->target->model;
    struct err e;
    char *mine;

    if (span_eq(name, theirs))
        return true;
    if (r->dialect->by_url) { /* a body that repeats the name has it as a resource's */
        r->at->client_model_json = json_name(&r->arena, name);
        theirs = arena_join(&r->arena, (struct span[]){SPAN_LIT("models/"), theirs}, 2);
    } else {
        mine = arena_alloc(&r->arena, (size_t)r->req.model_len);
        if (mine && blob_copy(r->body, r->req.model_at, mine, (size_t)r->req.model_len, &e) < 0)
            return relay_no(no, 503, REASON_NO_MEMORY, "The request body cannot be read back.",
                            NULL);
        r->at->client_model_json = span_of(mine, (size_t)r->req.model_len);
    }
    theirs = json_name(&r->arena, theirs);
    if (!r->at->client_model_json.p || !theirs.p)
        return relay_no(no, 503, REASON_NO_MEMORY, "The gateway has no memory for this request.",
                        NULL);
    if (r->req.model_len &&
        !relay_patch(r, (struct blob_patch){r->req.model_at, r->req.model_len, theirs}))
        return relay_no(no, 503, REASON_NO_MEMORY, "The gateway has no memory for this request.",
                        NULL);
    if (r->req.models > RELAY_BATCH_MAX)
        return relay_no(no, 400, REASON_BAD_REQUEST,
                        "A batch for a model of another name may have at most 4096 requests.",
                        "Send smaller batches.");
    if (r->req.models && relay_rename_batch(r, theirs, &e) < 0)
        return relay_no(no, 503, REASON_NO_MEMORY, "The gateway has no memory for this batch.",
                        NULL);
    r->at->rename = true;
    return true;
}

static bool host(struct relay *r, struct relay_refusal *no)
{
    struct err e;

    return !relay_is_hosted(r) || relay_host(r, &e) == 0 ||
           relay_no(no, 503, REASON_NO_MEMORY, "The request body cannot be read back.", NULL);
}

static bool cut_foreign(struct relay *r, struct relay_refusal *no)
{
    bool signs = r->at->target->provider->type->caps & CAP_SIGNS;
    size_t before = r->at->patches_n;
    struct err e;

    if (!r->req.foreign && !(signs && r->req.unsigned_thinking))
        return true;
    _Static_assert(RELAY_PATCHES_MAX == 65536, "as the refusal says");
    if (relay_cut_foreign(r, &e) < 0)
        return e.code == ERR_LIMIT
                   ? relay_no(
                         no, 400, REASON_BAD_REQUEST,
                         "The request has more than 65536 parts of thinking that its target did "
                         "not make.",
                         "Leave out the thinking of other models.")
                   : relay_no(no, 503, REASON_NO_MEMORY,
                              "The gateway has no memory for this request.", NULL);
    if (r->at->patches_n == before) /* all was foreign, and stays: the target is to judge it */
        return true;
    r->at->dropped = SPAN_LIT("signature");
    relay_keep(r->record.dropped, sizeof(r->record.dropped), r->at->dropped);
    return true;
}

/* Tokens are counted for every stream, also where the provider counts them only on request. What
 * the client did not ask for is taken out of its answer again (answer.c, on_event()). */
static void ask_for_usage(struct relay *r)
{
    bool on_request = r->at->target->provider->type->caps & CAP_USAGE_OPT;

    if (r->req.stream && on_request && span_has(r->req.ask_usage.with))
        r->at->usage_added = relay_patch(r, r->req.ask_usage);
}

void relay_forget_attempt(struct relay *r)
{
    relay_translated_fini(r);
    if (r->state == RELAY_TRYING)
        relay_unfollow(r);
    cred_unref(&r->at->cred);
    blob_unref(&r->at->answer);
    buf_reset(&r->at->held);
    r->at->patches_n = 0;
    r->sequence = 0;
    r->pace = (struct policy_pace){0};
    r->at->answer_head = (struct http_head){0};
    r->at->dropped = r->at->approximated = r->at->client_model_json = span_of(NULL, 0);
    r->record.dropped[0] = r->record.approximated[0] = '\0';
    r->at->rename = r->at->usage_added = r->at->keeper_noted = r->at->renewed = r->at->events =
        r->at->whole = false;
}

void relay_name_target(struct relay *r)
{
    relay_keep(r->record.target, sizeof(r->record.target), r->at->target->id);
    relay_keep(r->record.provider, sizeof(r->record.provider),
               span_str(r->at->target->provider->type->name));
}

/* What keeps a target from taking the request. */
enum obstacle {
    NO_OBSTACLE,
    OTHERS_ANSWER, /* the request goes on from an answer that another provider keeps */
    NO_WORDS,      /* it has no operation for it */
    SKIPPED,       /* *no says why */
};

static enum obstacle prepare(struct relay *r, struct relay_refusal *no)
{
    relay_forget_attempt(r);
    r->at->told = r->state == RELAY_ANSWERING ? r->at->follow->text.n : 0;
    if (!may_go_on(r, r->at->target))
        return OTHERS_ANSWER;
    if (relay_is_disabled(r, r->at->target, no)) /* since the plan was made */
        return SKIPPED;
    if (!relay_may_ask(r, r->at->target, no) || !relay_may_cost(r, r->at->target, no))
        return SKIPPED;
    if (r->state == RELAY_ANSWERING)
        return relay_join(r, no) ? NO_OBSTACLE : SKIPPED;
    if (!relay_can_serve(r, r->at->target)) {
        if (!relay_can_translate(r, r->at->target))
            return NO_WORDS;
        return relay_translate(r, no) ? NO_OBSTACLE : SKIPPED;
    }
    if (!rename_model(r, no) || !host(r, no) || !cut_foreign(r, no))
        return SKIPPED;
    ask_for_usage(r);
    return NO_OBSTACLE;
}

/* The target of ways[i] cannot take the request; no says why, where it is SKIPPED. */
static void skip(struct relay *r, size_t i, enum obstacle o, const struct relay_refusal *no)
{
    struct relay_skip s = {.way = &r->ways[i], .why = REASON_WRONG_DIALECT};

    if (o == OTHERS_ANSWER) {
        s.why = REASON_CANNOT_SAY;
        s.word = "kept-elsewhere";
        s.text = "The answer that the request goes on from is kept by another provider.";
    } else if (o == SKIPPED) {
        s.why = no->reason;
        s.word = no->word;
        s.text = no->text;
    }
    relay_skip(r, &s);
    policy_skip(&r->run, ev_now(r->env->ev));
}

/* Nobody can take it: the obstacle of the last one that might have. */
static bool nobody_can(const struct relay *r, const bool met[SKIPPED + 1], struct relay_refusal *no)
{
    if (met[SKIPPED])
        return false; /* the last one says why */
    if (met[OTHERS_ANSWER])
        return relay_no_at(no, 400, REASON_CANNOT_SAY, "previous_response_id",
                           "previous_response_id: the answer is kept by a provider that is no "
                           "target of this model.",
                           "Go on with the model that made it, or send the conversation itself.");
    if (convert_count_find(r->dialect))
        return relay_no(
            no, 400, REASON_WRONG_DIALECT,
            "No target of this model counts the tokens of a prompt, and an estimate would "
            "be no count.",
            "Count with a model of Anthropic's, Google's or OpenAI's own API, or read the "
            "usage of an answer.");
    if (convert_embed_client(r->dialect))
        return relay_no(
            no, 400, REASON_WRONG_DIALECT, "No target of this model makes embeddings.",
            "Call a model whose provider makes them; docs/providers.md lists who does.");
    return relay_no(no, 400, REASON_WRONG_DIALECT,
                    "No target of this model speaks the dialect of this path.",
                    "Call the path that the target speaks: /v1/messages for Anthropic's API, "
                    "/v1beta/models/MODEL:generateContent for Google's, /v1/chat/completions for "
                    "the others.");
}

/* Until something reopens, as clients are told to come again; 0: not known. */
static uint64_t reopens_ms(const struct relay *r)
{
    ev_us now = ev_now(r->env->ev), at = r->run.earliest_us;

    return at > now ? (at - now + 999) / 1000 : 0;
}

/* All that could take it are left alone for now. */
static bool nobody_may(struct relay *r, struct relay_refusal *no)
{
    static const struct {
        enum reason why;
        const char *text;
    } limits[] = {
        {REASON_LEFT_ALONE, "Every target of this model has asked to be left alone for a while."},
        {REASON_RATE_SPENT,
         "What is left of the rate limits of this model's targets is less than the request may "
         "take."},
        {REASON_RAMPING,
         "The targets of this model have asked for a slower rise of the rate, and may be sent no "
         "more now."},
    };
    const char *text = "Every target of this model has failed lately, and is left alone for a "
                       "while.";
    bool limited = false;

    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        if (limits[i].why == r->run.why) {
            text = limits[i].text;
            limited = true;
        }
    relay_no(no, limited ? 429 : 503, r->run.why, text,
             "lamplighter status shows their state; add a target elsewhere to this model.");
    no->class_id = limited ? CLASS_RATE : CLASS_OVERLOAD;
    no->retry_ms = reopens_ms(r);
    return false;
}

/* The attempt goes the way ways[i]. */
static void go(struct relay *r, int i)
{
    r->at->target = r->ways[i].target;
    r->at->url = &r->at->target->provider->urls[r->ways[i].url];
    r->at->key_at = r->ways[i].key;
}

bool relay_next_beside(struct relay *r)
{
    struct relay_refusal no;
    uint32_t of = relay_hedges_onto(r);
    int i;

    while ((i = policy_hedge(&r->run, &r->hedge->policy, of, relay_hedge_place(r),
                             ev_now(r->env->ev))) >= 0) {
        go(r, i);
        if (prepare(r, &no) == NO_OBSTACLE && relay_hold_extra(r, &no)) {
            relay_name_target(r);
            return true;
        }
        policy_unhedge(&r->run, relay_hedge_place(r), ev_now(r->env->ev));
        of &= ~(UINT32_C(1) << i);
    }
    relay_forget_attempt(r);
    return false;
}

bool relay_next_target(struct relay *r, struct relay_refusal *no)
{
    bool met[SKIPPED + 1] = {false};
    int i;

    while ((i = policy_next(&r->run, ev_now(r->env->ev))) >= 0) {
        enum obstacle o;

        relay_note_passed(r);
        go(r, i);
        o = prepare(r, no);
        if (o == NO_OBSTACLE && !relay_hold_extra(r, no))
            o = SKIPPED;
        if (o == NO_OBSTACLE) {
            relay_name_target(r);
            return true;
        }
        met[o] = true;
        skip(r, (size_t)i, o, no);
    }
    relay_note_passed(r);
    r->at->target = NULL;
    return r->run.why == REASON_NONE ? nobody_can(r, met, no) : nobody_may(r, no);
}

bool relay_same_target(struct relay *r, struct relay_refusal *no)
{
    enum obstacle o = prepare(r, no);

    if (o == NO_OBSTACLE && relay_hold_extra(r, no))
        return true;
    skip(r, r->run.it.at, o == NO_OBSTACLE ? SKIPPED : o, no);
    return relay_next_target(r, no);
}
