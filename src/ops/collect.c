/*
 * collect.c - see collect.h.
 *
 * gen_ai_* are the names of OpenTelemetry's conventions for generative AI with dots as
 * underscores; the tables below map our words onto its. Only operations that it knows have such
 * series, and only requests that reached a target: without one there is no provider to name.
 * What was refused before is in lamplighter_requests_total.
 *
 * A client can name a model that does not exist as often as it likes; such names are counted
 * under "unknown", or they alone would fill the registry.
 */
#include "ops/collect.h"

#include "base/version.h"
#include "board/trial.h"
#include "ops/endpoints.h"
#include "ops/override.h"
#include "ops/pools.h"
#include "ops/process.h"
#include "record/log.h"

/* OpenTelemetry's word for an operation; what is missing has none. */
static const char *const operations[OPS] = {
    [OP_CHAT] = "chat",
    [OP_MESSAGES] = "chat",
    [OP_EMBEDDINGS] = "embeddings",
    [OP_GEMINI_EMBED] = "embeddings",
    [OP_GEMINI_EMBED_BATCH] = "embeddings",
    [OP_GEMINI_V1_EMBED] = "embeddings",
    [OP_GEMINI_V1_EMBED_BATCH] = "embeddings",
    [OP_COMPLETIONS] = "text_completion",
    [OP_GEMINI] = "generate_content",
    [OP_GEMINI_STREAM] = "generate_content",
    [OP_GEMINI_V1] = "generate_content",
    [OP_GEMINI_V1_STREAM] = "generate_content",
};

/* OpenTelemetry's name of a provider, where it is not our own. */
static const struct {
    const char *ours, *theirs;
} providers[] = {
    {"azure", "azure.ai.openai"},
    {"azure-deployments", "azure.ai.openai"},
    {"azure-models", "azure.ai.inference"},
    {"bedrock", "aws.bedrock"},
    {"gemini", "gcp.gemini"},
    {"mistral", "mistral_ai"},
    {"openai-responses", "openai"},
    {"vertex", "gcp.vertex_ai"},
    {"xai", "x_ai"},
};

/* What an outcome says about its last attempt. */
static const char *const attempts[OUTCOMES_N] = {
    [OUTCOME_FULL] = "ok",
    [OUTCOME_EQUIVALENT] = "ok",
    [OUTCOME_JOINED] = "ok",
    [OUTCOME_DEGRADED] = "ok",
    [OUTCOME_LATE] = "ok",
    [OUTCOME_SHED] = "failed",
    [OUTCOME_FAILED] = "failed",
    [OUTCOME_CLIENT_ERROR] = "rejected",
    [OUTCOME_CLIENT_GONE] = "canceled",
};

static struct span provider_name(const struct record *r)
{
    struct span name = RECORD_TEXT(r->provider);

    for (size_t i = 0; i < ARRAY_LEN(providers); i++)
        if (span_is(name, providers[i].ours))
            return span_str(providers[i].theirs);
    return name;
}

/* A word of few values: the class when there is one, else the reason; nothing for success. */
static struct span error_type(const struct record *r)
{
    if (r->class_id != CLASS_NONE && r->class_id < CLASSES)
        return span_str(class_row(r->class_id)->name);
    return r->reason == REASON_NONE ? span_of(NULL, 0) : span_str(reason_word(r->reason));
}

/* "provider/model" without the provider. */
static struct span target_model(const struct record *r)
{
    struct span target = RECORD_TEXT(r->target);
    size_t slash = span_find(target, '/');

    return slash == SIZE_MAX ? target : span_of(target.p + slash + 1, target.n - slash - 1);
}

static double seconds(uint64_t us)
{
    return (double)us / 1e6;
}

/* The attempt, as its target sees it. */
static void gen_ai_attempt(struct metrics *m, const struct record *r)
{
    struct span labels[METRICS_LABELS] = {
        span_str(operations[r->op]),    provider_name(r), target_model(r),
        RECORD_TEXT(r->upstream_model), error_type(r),    RECORD_TEXT(r->server)};

    metrics_observe(m, METRIC_GEN_AI_ATTEMPT, labels, seconds(r->attempt_us));
    if (r->attempt_first_us)
        metrics_observe(m, METRIC_GEN_AI_CHUNK, labels, seconds(r->attempt_first_us));
    if (!r->usage.seen)
        return;
    labels[4] = SPAN_LIT("input");
    metrics_observe(m, METRIC_GEN_AI_TOKENS, labels, (double)r->usage.input);
    labels[4] = SPAN_LIT("output");
    metrics_observe(m, METRIC_GEN_AI_TOKENS, labels, (double)r->usage.output);
}

static void gen_ai(struct metrics *m, const struct record *r)
{
    struct span labels[METRICS_LABELS] = {
        span_str(operations[r->op]),    provider_name(r), RECORD_TEXT(r->model),
        RECORD_TEXT(r->upstream_model), error_type(r),    RECORD_TEXT(r->server)};

    metrics_observe(m, METRIC_GEN_AI_REQUEST, labels, seconds(r->duration_us));
    if (r->stream && r->first_us) {
        metrics_observe(m, METRIC_GEN_AI_FIRST, labels, seconds(r->first_us));
        if (r->usage.seen && r->usage.output > 1 && r->duration_us > r->first_us)
            metrics_observe(m, METRIC_GEN_AI_PACE, labels,
                            seconds(r->duration_us - r->first_us) / (double)(r->usage.output - 1));
    }
    gen_ai_attempt(m, r);
}

/* It broke behind the answer's first content: another target was asked to go on, or the client was
 * told. */
static void add_break(struct metrics *m, const struct record *r)
{
    if (!r->stream || !r->first_us || r->outcome != OUTCOME_FAILED ||
        (r->more && !r->attempt_first_us))
        return;
    metrics_add(
        m, METRIC_STREAM_BREAKS,
        (struct span[]){RECORD_TEXT(r->target), span_str(r->more ? "continued" : "error_event")},
        1);
}

static void add_attempt(struct metrics *m, const struct record *r)
{
    struct span target = RECORD_TEXT(r->target);

    metrics_add(
        m, METRIC_ATTEMPTS,
        (struct span[]){target, span_str(attempts[r->outcome]), span_str(reason_word(r->reason))},
        1);
    if (r->last_resort)
        metrics_add(m, METRIC_LAST_RESORTS, &target, 1);
    add_break(m, r);
}

/* Of the whole price is known at least what is counted as cost; what is not is counted apart. */
static void add_cost(struct metrics *m, const struct record *r)
{
    struct span target = RECORD_TEXT(r->target), key = RECORD_TEXT(r->key);

    if (price_is_known(r->pricing)) {
        metrics_add(m, METRIC_COST, &target, (double)r->cost / 1e12);
        metrics_add(m, METRIC_KEY_COST, &key, (double)r->cost / 1e12);
    }
    if (r->pricing != PRICING_NOTHING && r->pricing != PRICING_KNOWN)
        metrics_add(m, METRIC_UNPRICED, &target, 1);
}

/* An attempt that another one follows. */
static void collect_attempt(struct metrics *m, const struct record *r)
{
    struct span target = RECORD_TEXT(r->target), next = RECORD_TEXT(r->next);

    add_attempt(m, r);
    add_cost(m, r);
    if (r->op < OPS && operations[r->op])
        gen_ai_attempt(m, r);
    if (!span_eq(target, next) && !r->beside && r->reason != REASON_OUTRUN)
        metrics_add(m, METRIC_FAILOVERS,
                    (struct span[]){RECORD_TEXT(r->model), target, next, error_type(r)}, 1);
}

void collect_record(struct metrics *m, const struct record *r)
{
    struct span model = r->target[0] || r->configured ? RECORD_TEXT(r->model) : SPAN_LIT("unknown");
    bool known = r->op < OPS;

    if (!EXPECT(r->outcome < OUTCOMES_N))
        return;
    if (r->more) {
        collect_attempt(m, r);
        return;
    }
    if (r->hedge && r->hedge < RECORD_HEDGES_N)
        metrics_add(m, METRIC_HEDGES, (struct span[]){model, span_str(record_hedge_word(r->hedge))},
                    1);
    if (r->client_retry)
        metrics_add(m, METRIC_CLIENT_RETRIES, &model, 1);
    metrics_add(m, METRIC_REQUESTS,
                (struct span[]){model, span_str(known ? provider_op_row(r->op)->name : "unknown"),
                                r->stream ? SPAN_LIT("true") : SPAN_LIT("false"),
                                span_str(record_outcome_name(r->outcome))},
                1);
    if (r->attempts == 0 || !r->target[0])
        return;
    add_attempt(m, r);
    add_cost(m, r);
    if (r->overhead_us)
        metrics_observe(m, METRIC_OVERHEAD, NULL, seconds(r->overhead_us));
    if (known && operations[r->op])
        gen_ai(m, r);
}

/* ---- the board ---- */

static const struct {
    enum metric metric;
    size_t word;
} worker_words[] = {
#define X(name, help) {METRIC_WORKER_##name, offsetof(struct board_row, name)},
    BOARD_COUNTERS(X) BOARD_GAUGES(X)
#undef X
};

static void add_worker(struct metrics *m, const struct view *v, uint32_t slot)
{
    const char *row = (const char *)&v->board->workers[slot];
    uint64_t turned = board_time(&v->board->workers[slot].turned_us, v->now_us);
    char number[16];
    struct span label;

    label = span_of(number, (size_t)snprintf(number, sizeof(number), "%u", slot));
    for (size_t i = 0; i < ARRAY_LEN(worker_words); i++) {
        const void *word = row + worker_words[i].word;

        metrics_set(m, worker_words[i].metric, &label, (double)board_get(word));
    }
    if (turned == 0)
        return;
    metrics_set(m, METRIC_WORKER_SILENT, &label, seconds(v->now_us - turned));
    metrics_set(m, METRIC_LOOP_LAG, &label, seconds(board_get(&v->board->workers[slot].lag_us)));
}

/* Of its rate limits and of its retry budget, where that is known. */
static void add_left(struct metrics *m, const struct view_target *t)
{
    if (t->left.requests != UINT64_MAX)
        metrics_set(m, METRIC_TARGET_LEFT, (struct span[]){t->name, SPAN_LIT("requests")},
                    (double)t->left.requests);
    if (t->left.tokens != UINT64_MAX)
        metrics_set(m, METRIC_TARGET_LEFT, (struct span[]){t->name, SPAN_LIT("tokens")},
                    (double)t->left.tokens);
    if (t->left.rate != UINT64_MAX)
        metrics_set(m, METRIC_TARGET_RAMP, &t->name, (double)t->left.rate);
    if (t->retries_left >= 0)
        metrics_set(m, METRIC_TARGET_RETRIES, &t->name, t->retries_left);
}

static void add_targets(struct metrics *m, const struct view *v)
{
    struct view_target targets[VIEW_TARGETS];
    size_t n = view_targets(v, targets);
    struct span other = SPAN_LIT("other");
    uint64_t named = 0, all = board_at_targets(v->board, v->workers);

    metrics_clear(m, METRIC_TARGET_STATE);
    metrics_clear(m, METRIC_TARGET_INFLIGHT);
    metrics_clear(m, METRIC_TARGET_SILENT);
    metrics_clear(m, METRIC_TARGET_LEFT);
    metrics_clear(m, METRIC_TARGET_RAMP);
    metrics_clear(m, METRIC_TARGET_RETRIES);
    metrics_clear(m, METRIC_TARGET_SLOW_START);
    for (size_t i = 0; i < n; i++) {
        const struct view_target *t = &targets[i];

        for (int s = 0; s < TARGET_STATES; s++)
            metrics_set(
                m, METRIC_TARGET_STATE,
                (struct span[]){t->name, span_str(targets_state_name((enum target_state)s))},
                s == (int)t->state);
        metrics_set(m, METRIC_TARGET_INFLIGHT, &t->name, (double)t->live);
        if (t->silent_us)
            metrics_set(m, METRIC_TARGET_SILENT, &t->name, seconds(t->silent_us));
        if (t->state == TARGET_SLOW_START)
            metrics_set(m, METRIC_TARGET_SLOW_START, &t->name, seconds(t->until_us - v->now_us));
        add_left(m, t);
        named += t->live;
    }
    if (all > named)
        metrics_set(m, METRIC_TARGET_INFLIGHT, &other, (double)(all - named));
}

static void add_fates(struct metrics *m, const struct view *v)
{
    struct policy_fate_view view;
    size_t at = 0;

    metrics_clear(m, METRIC_FATE_OPEN);
    metrics_clear(m, METRIC_FATE_INCIDENTS);
    for (const struct settings_fate *f; (f = view_fate(v, &at, &view));) {
        char name[VIEW_FATE_TEXT];
        struct span labels[] = {span_str(policy_fate_name(f->kind)), view_fate_text(f, name)};

        metrics_set(m, METRIC_FATE_OPEN, labels, view.open);
        metrics_set(m, METRIC_FATE_INCIDENTS, labels, (double)view.incidents);
    }
}

static void add_extra_costs(struct metrics *m, const struct view *v)
{
    metrics_clear(m, METRIC_EXTRA_COST);
    metrics_clear(m, METRIC_EXTRA_COST_MAX);
    for (size_t i = 0; i < v->settings->models_n; i++) {
        const struct settings_model *model = &v->settings->models[i];

        if (model->extra_cost_max == UINT64_MAX)
            continue;
        metrics_set(m, METRIC_EXTRA_COST, &model->name, view_extra_usd(v, model));
        metrics_set(m, METRIC_EXTRA_COST_MAX, &model->name, (double)model->extra_cost_max / 1e12);
    }
}

static void add_hedges(struct metrics *m, const struct view *v)
{
    metrics_clear(m, METRIC_HEDGES_LEFT);
    for (size_t i = 0; i < v->settings->models_n; i++)
        if (v->settings->models[i].rules.hedge)
            metrics_set(m, METRIC_HEDGES_LEFT, &v->settings->models[i].name,
                        view_hedges_left(v, &v->settings->models[i]));
}

static void add_memory(struct metrics *m, const struct view *v)
{
    struct span bodies = SPAN_LIT("bodies"), spooled = SPAN_LIT("spooled");

    metrics_set(m, METRIC_MEMORY, &bodies, (double)VIEW_SUM(v, body_bytes));
    metrics_set(m, METRIC_MEMORY, &spooled, (double)VIEW_SUM(v, spooled_bytes));
}

static void add_engines(struct metrics *m, const struct view *v)
{
    char number[16];

    metrics_clear(m, METRIC_ENGINE_STATE);
    metrics_clear(m, METRIC_ENGINE_RESTARTS);
    for (size_t i = 0; i < v->first->engines_n; i++) {
        uint64_t state = board_get(&v->board->engines[i].state);
        struct span labels[3] = {{number, 0}, v->first->engines[i].provider->name};

        labels[0].n = (size_t)snprintf(number, sizeof(number), "%zu", i);
        for (uint64_t s = ENGINE_STARTING; s < VIEW_ENGINE_STATES; s++) {
            labels[2] = span_str(view_engine_state(s));
            metrics_set(m, METRIC_ENGINE_STATE, labels, s == state);
        }
        metrics_set(m, METRIC_ENGINE_RESTARTS, labels,
                    (double)board_get(&v->board->engines[i].restarts));
    }
}

static void add_credentials(struct metrics *m, const struct view *v)
{
    struct granted g;
    size_t at = 0;

    metrics_clear(m, METRIC_CREDENTIAL_STATE);
    metrics_clear(m, METRIC_CREDENTIAL_EXPIRY);
    metrics_clear(m, METRIC_CREDENTIAL_FETCHES);
    for (const struct settings_provider *p; (p = view_credential(v, &at, &g));) {
        struct span labels[2] = {p->name};

        for (int s = 0; s < GRANTED_STATES; s++) {
            labels[1] = span_str(granted_state_name((enum granted_state)s));
            metrics_set(m, METRIC_CREDENTIAL_STATE, labels, s == (int)g.state);
        }
        if (g.until_ms)
            metrics_set(m, METRIC_CREDENTIAL_EXPIRY, labels, (double)g.until_ms / 1000);
        labels[1] = SPAN_LIT("ok");
        metrics_set(m, METRIC_CREDENTIAL_FETCHES, labels, (double)g.fetched);
        labels[1] = SPAN_LIT("failed");
        metrics_set(m, METRIC_CREDENTIAL_FETCHES, labels, (double)g.failed);
    }
}

static void add_config(struct metrics *m, const struct view *v)
{
    char id[VIEW_ID_TEXT];

    metrics_clear(m, METRIC_CONFIG_INFO);
    metrics_set(m, METRIC_CONFIG_INFO,
                (struct span[]){span_str(view_id_text(v->settings->id, id)), v->settings->source},
                1);
    metrics_set(m, METRIC_CONFIG_GENERATION, NULL, (double)board_get(&v->board->generation));
    metrics_set(m, METRIC_CONFIG_RELOAD_OK, NULL, (double)board_get(&v->board->reload_ok));
    metrics_set(m, METRIC_CONFIG_RELOAD_TIME, NULL,
                (double)board_get(&v->board->reload_wall_ms) / 1000);
    for (uint64_t s = 0; s < BOARD_TRIAL_STATES; s++)
        metrics_set(m, METRIC_CONFIG_TRIAL, (struct span[]){span_str(board_trial_state_word(s))},
                    board_get(&v->board->trial.state) == s);
    override_count(m, v);
}

static void add_dropped(struct metrics *m, const struct view *v)
{
    struct span log = SPAN_LIT("log"), record = SPAN_LIT("record");

    metrics_set(m, METRIC_TELEMETRY_DROPPED, &log, (double)v->log_dropped);
    metrics_set(m, METRIC_TELEMETRY_DROPPED, &record, (double)VIEW_SUM(v, records_dropped));
    metrics_set(m, METRIC_SERIES_DROPPED, NULL, (double)metrics_dropped(m));
}

static void add_processes(struct metrics *m, const struct view *v)
{
    uint64_t boot = process_boot_time();
    char name[32];

    process_collect(m, SPAN_LIT("master"), board_get(&v->board->master_pid), boot);
    process_collect(m, SPAN_LIT("clerk"), board_get(&v->board->clerk.pid), boot);
    process_collect(m, SPAN_LIT("keeper"), board_get(&v->board->keeper.pid), boot);
    for (uint32_t i = 0; i < v->workers; i++) {
        int n = snprintf(name, sizeof(name), "worker-%u", i);

        process_collect(m, span_of(name, (size_t)n), board_get(&v->board->workers[i].pid), boot);
    }
}

void collect_view(struct metrics *m, const struct view *v)
{
    struct span version = span_str(version_text());

    metrics_set(m, METRIC_BUILD_INFO, &version, 1);
    metrics_set(m, METRIC_CONNECTIONS, NULL, (double)VIEW_SUM(v, conns));
    metrics_set(m, METRIC_LIVE, NULL, (double)VIEW_SUM(v, live));
    metrics_set(m, METRIC_UPTIME, NULL,
                seconds(v->now_us - board_time(&v->board->started_us, v->now_us)));
    metrics_set(m, METRIC_DRAINING, NULL, (double)board_get(&v->board->draining));
    add_config(m, v);
    add_engines(m, v);
    endpoints_collect(m, v);
    pools_collect(m, v);
    add_credentials(m, v);
    for (uint32_t i = 0; i < v->workers; i++)
        add_worker(m, v, i);
    add_extra_costs(m, v);
    add_hedges(m, v);
    add_targets(m, v);
    add_fates(m, v);
    add_memory(m, v);
    add_processes(m, v);
    add_dropped(m, v);
}
