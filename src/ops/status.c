/*
 * status.c - see status.h.
 */
#include "ops/status.h"

#include "base/version.h"
#include "codec/json_write.h"
#include "ops/endpoints.h"
#include "ops/override.h"
#include "ops/pools.h"
#include "ops/probes.h"
#include "ops/trial.h"
#include "record/log.h"

static void kv_double(struct json_write *w, const char *key, double v)
{
    json_key(w, key);
    json_double(w, v);
}

static void kv_time(struct json_write *w, const char *key, uint64_t wall_ms)
{
    char text[RECORD_TIME_TEXT];

    json_kv_cstring(w, key, wall_ms ? record_time_text(wall_ms, text) : NULL);
}

static void add_config(struct json_write *w, const struct view *v)
{
    char id[VIEW_ID_TEXT];

    json_key(w, "config");
    json_begin_object(w);
    json_kv_cstring(w, "id", view_id_text(v->settings->id, id));
    json_kv_string(w, "source", v->settings->source);
    json_kv_uint(w, "generation", board_get(&v->board->generation));
    json_kv_bool(w, "reload_ok", board_get(&v->board->reload_ok) != 0);
    kv_time(w, "reloaded", board_get(&v->board->reload_wall_ms));
    json_end_object(w);
}

static bool probe(const struct view *v, enum probe p)
{
    struct buf why;
    bool ok;

    buf_init(&why, 0);
    ok = probes_check(p, v->board, v->workers, v->now_us, &why);
    buf_fini(&why);
    return ok;
}

static void add_totals(struct json_write *w, const struct view *v)
{
    json_kv_bool(w, "live", probe(v, PROBE_LIVE));
    json_kv_bool(w, "ready", probe(v, PROBE_READY));
    json_kv_bool(w, "draining", board_get(&v->board->draining) != 0);
    kv_double(w, "requests_per_s", v->requests_per_s);
    json_kv_uint(w, "requests", VIEW_SUM(v, requests));
    json_kv_uint(w, "requests_live", VIEW_SUM(v, live));
    json_kv_uint(w, "connections", VIEW_SUM(v, conns));
    json_kv_uint(w, "body_bytes", VIEW_SUM(v, body_bytes));
}

static void add_workers(struct json_write *w, const struct view *v)
{
    json_key(w, "workers");
    json_begin_array(w);
    for (uint32_t i = 0; i < v->workers; i++) {
        const struct board_row *row = &v->board->workers[i];

        json_begin_object(w);
        json_kv_uint(w, "slot", i);
        json_kv_uint(w, "pid", board_get(&row->pid));
        json_kv_cstring(w, "state", probes_worker(v->board, i, v->now_us));
        kv_double(w, "silent_s", (double)probes_silent_us(v->board, i, v->now_us) / 1e6);
        json_kv_uint(w, "generation", board_get(&row->generation));
        json_kv_uint(w, "requests", board_get(&row->requests));
        json_kv_uint(w, "requests_live", board_get(&row->live));
        json_kv_uint(w, "connections", board_get(&row->conns));
        json_kv_uint(w, "crashes", board_get(&row->crashes));
        json_end_object(w);
    }
    json_end_array(w);
}

/* The two processes that no answer waits for. */
static void add_helper(struct json_write *w, const char *name, const struct board_row *row)
{
    json_key(w, name);
    json_begin_object(w);
    json_kv_uint(w, "pid", board_get(&row->pid));
    json_kv_uint(w, "crashes", board_get(&row->crashes));
    json_end_object(w);
}

static void add_engines(struct json_write *w, const struct view *v)
{
    json_key(w, "engines");
    json_begin_array(w);
    for (size_t i = 0; i < v->first->engines_n; i++) {
        json_begin_object(w);
        json_kv_string(w, "provider", v->first->engines[i].provider->name);
        json_kv_cstring(w, "state", view_engine_state(board_get(&v->board->engines[i].state)));
        json_kv_uint(w, "pid", board_get(&v->board->engines[i].pid));
        json_kv_uint(w, "restarts", board_get(&v->board->engines[i].restarts));
        json_end_object(w);
    }
    json_end_array(w);
}

static void add_credentials(struct json_write *w, const struct view *v)
{
    struct granted g;
    size_t at = 0;

    json_key(w, "credentials");
    json_begin_array(w);
    for (const struct settings_provider *p; (p = view_credential(v, &at, &g));) {
        json_begin_object(w);
        json_kv_string(w, "provider", p->name);
        json_kv_cstring(w, "source", p->credential.source->name);
        json_kv_cstring(w, "state", granted_state_name(g.state));
        kv_time(w, "until", g.until_ms);
        json_kv_uint(w, "fetched", g.fetched);
        json_kv_uint(w, "failed", g.failed);
        json_kv_cstring(w, "why", g.why[0] ? g.why : NULL);
        json_end_object(w);
    }
    json_end_array(w);
}

static void add_model(struct json_write *w, const struct recent_row *row)
{
    json_begin_object(w);
    json_kv_string(w, "model", row->model);
    json_kv_uint(w, "requests", row->requests);
    json_key(w, "ok_ratio");
    if (row->counted)
        json_double(w, (double)row->good / (double)row->counted);
    else
        json_null(w);
    json_key(w, "outcomes");
    json_begin_object(w);
    for (size_t o = 0; o < OUTCOMES_N; o++)
        json_kv_uint(w, record_outcome_name((enum outcome)o), row->outcomes[o]);
    json_end_object(w);
    json_kv_uint(w, "hedged", row->hedged);
    json_kv_uint(w, "hedges_won", row->won);
    kv_double(w, "first_p50_s", row->first_p50_s);
    kv_double(w, "first_p95_s", row->first_p95_s);
    json_key(w, "served_by");
    json_begin_array(w);
    for (size_t i = 0; i < row->targets_n; i++) {
        json_begin_object(w);
        json_kv_string(w, "target", row->targets[i].name);
        json_kv_uint(w, "requests", row->targets[i].requests);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static void add_extra_costs(struct json_write *w, const struct view *v)
{
    json_key(w, "extra_costs");
    json_begin_array(w);
    for (size_t i = 0; i < v->settings->models_n; i++) {
        const struct settings_model *m = &v->settings->models[i];

        if (m->extra_cost_max == UINT64_MAX)
            continue;
        json_begin_object(w);
        json_kv_string(w, "model", m->name);
        kv_double(w, "usd", view_extra_usd(v, m));
        kv_double(w, "usd_max", (double)m->extra_cost_max / 1e12);
        json_end_object(w);
    }
    json_end_array(w);
}

static bool has_row(const struct recent *recent, struct span model)
{
    struct recent_row row;

    for (size_t i = 0; recent_row(recent, i, &row); i++)
        if (span_eq(row.model, model))
            return true;
    return false;
}

/* What was asked for, then what the configuration has besides. */
static void add_models(struct json_write *w, const struct view *v, const struct recent *recent)
{
    struct recent_row row;

    json_key(w, "models");
    json_begin_array(w);
    for (size_t i = 0; recent_row(recent, i, &row); i++)
        add_model(w, &row);
    for (size_t i = 0; i < MIN(v->settings->models_n, (size_t)RECENT_MODELS); i++)
        if (!has_row(recent, v->settings->models[i].name))
            add_model(w, &(struct recent_row){.model = v->settings->models[i].name});
    json_end_array(w);
}

/* What is left of its rate limits, where that is known. */
static void add_left(struct json_write *w, const struct policy_left *left)
{
    if (left->requests != UINT64_MAX)
        json_kv_uint(w, "requests_left", left->requests);
    if (left->tokens != UINT64_MAX)
        json_kv_uint(w, "tokens_left", left->tokens);
    if (left->tokens_most)
        json_kv_uint(w, "tokens_limit", left->tokens_most);
    if (left->rate != UINT64_MAX)
        json_kv_uint(w, "ramp_tokens_per_minute", left->rate);
}

/* Of its retry budget; of a target that the configuration has not, nobody knows. */
static void add_retries(struct json_write *w, double left)
{
    json_key(w, "retries_left");
    if (left >= 0)
        json_double(w, left);
    else
        json_null(w);
}

static void add_targets(struct json_write *w, const struct view *v)
{
    struct view_target targets[VIEW_TARGETS];
    size_t n = view_targets(v, targets);

    json_key(w, "targets");
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(w);
        json_kv_string(w, "target", targets[i].name);
        json_kv_cstring(w, "state", targets_state_name(targets[i].state));
        if (targets[i].until_us)
            kv_double(w, "for_s", (double)(targets[i].until_us - v->now_us) / 1e6);
        if (targets[i].silent_us)
            kv_double(w, "silent_after_s", (double)targets[i].silent_us / 1e6);
        json_kv_uint(w, "requests_live", targets[i].live);
        add_left(w, &targets[i].left);
        add_retries(w, targets[i].retries_left);
        json_kv_uint(w, "last_resort_probes", targets[i].last_resorts);
        json_end_object(w);
    }
    json_end_array(w);
}

/* What failed together, and how that stands. */
static void add_fates(struct json_write *w, const struct view *v)
{
    struct policy_fate_view view;
    size_t at = 0;

    json_key(w, "fates");
    json_begin_array(w);
    for (const struct settings_fate *f; (f = view_fate(v, &at, &view));) {
        json_begin_object(w);
        json_kv_cstring(w, "shares", policy_fate_name(f->kind));
        json_kv_string(w, "name", f->a);
        if (span_has(f->b))
            json_kv_string(w, "of", f->b);
        json_kv_bool(w, "open", view.open);
        if (view.open)
            kv_double(w, "since_s", (double)(v->now_us - view.since_us) / 1e6);
        if (view.open && view.until_us > v->now_us)
            kv_double(w, "for_s", (double)(view.until_us - v->now_us) / 1e6);
        json_kv_uint(w, "incidents", view.incidents);
        json_end_object(w);
    }
    json_end_array(w);
}

void status_write(struct buf *out, const struct view *v, struct recent *recent,
                  const struct metrics *m)
{
    struct json_write w;

    recent_turn(recent, v->now_us);
    json_write_init(&w, out);
    json_begin_object(&w);
    json_kv_cstring(&w, "version", version_text());
    kv_double(&w, "uptime_s",
              (double)(v->now_us - board_time(&v->board->started_us, v->now_us)) / 1e6);
    kv_time(&w, "started", board_get(&v->board->started_wall_ms));
    kv_time(&w, "now", v->wall_ms);
    add_config(&w, v);
    json_key(&w, "trial");
    json_begin_object(&w);
    trial_write(&w, v);
    json_end_object(&w);
    json_key(&w, "overrides");
    override_write(&w, v);
    add_totals(&w, v);
    add_workers(&w, v);
    add_helper(&w, "keeper", &v->board->keeper);
    add_helper(&w, "clerk", &v->board->clerk);
    add_engines(&w, v);
    json_key(&w, "endpoints");
    endpoints_write(&w, v);
    json_key(&w, "pools");
    pools_write(&w, v);
    add_credentials(&w, v);
    json_kv_uint(&w, "window_s", recent_window_s(recent, v->now_us));
    kv_double(&w, "overhead_p50_s", recent_overhead_s(recent, 0.50));
    kv_double(&w, "overhead_p99_s", recent_overhead_s(recent, 0.99));
    add_models(&w, v, recent);
    add_extra_costs(&w, v);
    add_targets(&w, v);
    add_fates(&w, v);
    json_key(&w, "dropped");
    json_begin_object(&w);
    json_kv_uint(&w, "log_lines", v->log_dropped);
    json_kv_uint(&w, "records", VIEW_SUM(v, records_dropped));
    json_kv_uint(&w, "series", metrics_dropped(m));
    json_end_object(&w);
    json_end_object(&w);
    buf_add_char(out, '\n');
}
