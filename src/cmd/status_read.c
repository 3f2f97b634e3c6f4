/*
 * status_read.c - see status_read.h. One scan of the text for each group of members.
 */
#include "cmd/status_read.h"

#include "cmd/doc_read.h"

#define DOC(path, kind, member)      DOC_MEMBER(path, DOC_##kind, struct status_doc, member)
#define WORKER(path, kind, member)   DOC_MEMBER(path, DOC_##kind, struct status_worker, member)
#define ENGINE(path, kind, member)   DOC_MEMBER(path, DOC_##kind, struct status_engine, member)
#define ENDPOINT(path, kind, member) DOC_MEMBER(path, DOC_##kind, struct status_endpoint, member)
#define POOL(path, kind, member)     DOC_MEMBER(path, DOC_##kind, struct status_pool, member)
#define CRED(path, kind, member)     DOC_MEMBER(path, DOC_##kind, struct status_cred, member)
#define MODEL(path, kind, member)    DOC_MEMBER(path, DOC_##kind, struct status_model, member)
#define TARGET(path, kind, member)   DOC_MEMBER(path, DOC_##kind, struct status_target, member)
#define EXTRA(path, kind, member)    DOC_MEMBER(path, DOC_##kind, struct status_extra, member)
#define OVERRIDE(path, kind, member) DOC_MEMBER(path, DOC_##kind, struct status_override, member)
#define FATE(path, kind, member)     DOC_MEMBER(path, DOC_##kind, struct status_fate, member)

static const struct doc_member doc_members[] = {
    DOC("version", TEXT, version),
    DOC("uptime_s", NUMBER, uptime_s),
    DOC("config.id", TEXT, config_id),
    DOC("config.source", TEXT, config_source),
    DOC("config.reloaded", TEXT, reloaded),
    DOC("config.reload_ok", NO, reload_failed),
    DOC("trial.state", TEXT, trial_state),
    DOC("trial.text", TEXT, trial),
    DOC("live", YES, is_live),
    DOC("ready", YES, is_ready),
    DOC("draining", YES, draining),
    DOC("requests_per_s", NUMBER, requests_per_s),
    DOC("requests_live", NUMBER, live),
    DOC("connections", NUMBER, connections),
    DOC("window_s", NUMBER, window_s),
    DOC("overhead_p99_s", NUMBER, overhead_p99_s),
    DOC("dropped.log_lines", NUMBER, dropped_lines),
    DOC("dropped.records", NUMBER, dropped_records),
    DOC("dropped.series", NUMBER, dropped_series),
};

static const struct doc_member worker_members[] = {
    WORKER("workers[].slot", NUMBER, slot),         WORKER("workers[].pid", NUMBER, pid),
    WORKER("workers[].state", TEXT, state),         WORKER("workers[].silent_s", NUMBER, silent_s),
    WORKER("workers[].requests", NUMBER, requests), WORKER("workers[].requests_live", NUMBER, live),
    WORKER("workers[].connections", NUMBER, conns), WORKER("workers[].crashes", NUMBER, crashes),
};

static const struct doc_member engine_members[] = {
    ENGINE("engines[].provider", TEXT, provider),
    ENGINE("engines[].state", TEXT, state),
    ENGINE("engines[].pid", NUMBER, pid),
    ENGINE("engines[].restarts", NUMBER, restarts),
};

static const struct doc_member endpoint_members[] = {
    ENDPOINT("endpoints[].provider", TEXT, provider),
    ENDPOINT("endpoints[].endpoint", TEXT, endpoint),
    ENDPOINT("endpoints[].state", TEXT, state),
    ENDPOINT("endpoints[].running", NUMBER, running),
    ENDPOINT("endpoints[].waiting", NUMBER, waiting),
    ENDPOINT("endpoints[].kv_share", NUMBER, kv_share),
    ENDPOINT("endpoints[].kv_tokens", NUMBER, kv_tokens),
};

static const struct doc_member pool_members[] = {
    POOL("pools[].provider", TEXT, provider),
    POOL("pools[].n1", TEXT, n1),
    POOL("pools[].lost_domain", TEXT, lost_domain),
    POOL("pools[].lost_tokens", NUMBER, lost_tokens),
    POOL("pools[].endpoints", NUMBER, endpoints),
    POOL("pools[].serving", NUMBER, serving),
    POOL("pools[].kv_tokens", NUMBER, kv_tokens),
    POOL("pools[].kv_reserved_tokens", NUMBER, reserved),
    POOL("pools[].kv_foreign_tokens", NUMBER, foreign),
    POOL("pools[].sessions", NUMBER, sessions),
    POOL("pools[].covered", NUMBER, covered),
};

static const struct doc_member cred_members[] = {
    CRED("credentials[].provider", TEXT, provider), CRED("credentials[].source", TEXT, source),
    CRED("credentials[].state", TEXT, state),       CRED("credentials[].until", TEXT, until),
    CRED("credentials[].fetched", NUMBER, fetched), CRED("credentials[].failed", NUMBER, failed),
    CRED("credentials[].why", TEXT, why),
};

static const struct doc_member model_members[] = {
    MODEL("models[].model", TEXT, model),
    MODEL("models[].requests", NUMBER, requests),
    MODEL("models[].ok_ratio", NUMBER, ok_ratio),
#define X(name, text) MODEL("models[].outcomes." text, NUMBER, outcomes[OUTCOME_##name]),
    OUTCOMES(X)
#undef X
        MODEL("models[].hedged", NUMBER, hedged),
    MODEL("models[].hedges_won", NUMBER, hedges_won),
    MODEL("models[].first_p50_s", NUMBER, first_p50_s),
    MODEL("models[].first_p95_s", NUMBER, first_p95_s),
};

static const struct doc_member target_members[] = {
    TARGET("targets[].target", TEXT, target),
    TARGET("targets[].state", TEXT, state),
    TARGET("targets[].for_s", NUMBER, for_s),
    TARGET("targets[].silent_after_s", NUMBER, silent_after_s),
    TARGET("targets[].requests_live", NUMBER, live),
    TARGET("targets[].tokens_left", NUMBER, tokens_left),
    TARGET("targets[].tokens_limit", NUMBER, tokens_limit),
    TARGET("targets[].retries_left", NUMBER, retries_left),
    TARGET("targets[].last_resort_probes", NUMBER, last_resorts),
};

static const struct doc_member extra_members[] = {
    EXTRA("extra_costs[].model", TEXT, model),
    EXTRA("extra_costs[].usd", NUMBER, usd),
    EXTRA("extra_costs[].usd_max", NUMBER, usd_max),
};

static const struct doc_member override_members[] = {
    OVERRIDE("overrides[].target", TEXT, target), OVERRIDE("overrides[].model", TEXT, model),
    OVERRIDE("overrides[].what", TEXT, what),     OVERRIDE("overrides[].weight", NUMBER, weight),
    OVERRIDE("overrides[].until", TEXT, until),   OVERRIDE("overrides[].who", TEXT, who),
    OVERRIDE("overrides[].why", TEXT, why),
};

static const struct doc_member fate_members[] = {
    FATE("fates[].shares", TEXT, shares), FATE("fates[].name", TEXT, name),
    FATE("fates[].of", TEXT, of),         FATE("fates[].since_s", NUMBER, since_s),
    FATE("fates[].open", YES, open),
};

/* Of the model read last: its rows are innermost. */
#define SERVED_BY(path, kind, member)                                                              \
    DOC_MEMBER(path, DOC_##kind, struct status_model, served_by[0].member)
static const struct doc_member server_members[] = {
    {"models[].model", DOC_TEXT, 0, 0}, /* tells whose they are */
    SERVED_BY("models[].served_by[].target", TEXT, target),
    SERVED_BY("models[].served_by[].requests", NUMBER, requests),
};

#define SERVER_SIZE sizeof(((struct status_model *)NULL)->served_by[0])

struct servers {
    struct status_doc *doc;
    size_t model;
};

static bool on_server_hit(void *arg, const struct json_hit *hit)
{
    struct servers *s = arg;
    struct status_model *model;

    if (hit->id == 0) {
        s->model = hit->index;
        return true;
    }
    if (s->model >= STATUS_MODELS || hit->index >= STATUS_SERVERS)
        return true;
    model = &s->doc->models[s->model];
    doc_put(&server_members[hit->id], (char *)model + hit->index * SERVER_SIZE, hit);
    model->served_by_n = MAX(model->served_by_n, (size_t)hit->index + 1);
    return true;
}

int status_read(struct status_doc *doc, struct span text, struct err *e)
{
    struct doc_rows rows[] = {
        DOC_ROWS(doc_members, doc, 1),
        DOC_ROWS(worker_members, doc->workers, STATUS_WORKERS),
        DOC_ROWS(engine_members, doc->engines, STATUS_ENGINES),
        DOC_ROWS(endpoint_members, doc->endpoints, STATUS_ENDPOINTS),
        DOC_ROWS(pool_members, doc->pools, STATUS_POOLS),
        DOC_ROWS(cred_members, doc->creds, STATUS_CREDS),
        DOC_ROWS(model_members, doc->models, STATUS_MODELS),
        DOC_ROWS(target_members, doc->targets, STATUS_TARGETS),
        DOC_ROWS(extra_members, doc->extras, STATUS_EXTRAS),
        DOC_ROWS(override_members, doc->overrides, STATUS_OVERRIDES),
        DOC_ROWS(fate_members, doc->fates, STATUS_FATES),
    };
    size_t *const counts[] = {NULL,           &doc->workers_n,   &doc->engines_n, &doc->endpoints_n,
                              &doc->pools_n,  &doc->creds_n,     &doc->models_n,  &doc->targets_n,
                              &doc->extras_n, &doc->overrides_n, &doc->fates_n};
    struct servers servers = {.doc = doc};
    int rc = doc_scan(server_members, ARRAY_LEN(server_members), text, on_server_hit, &servers);

    for (size_t i = 0; i < ARRAY_LEN(rows) && rc == 0; i++) {
        rc = doc_read(&rows[i], text);
        if (counts[i])
            *counts[i] = rows[i].n;
    }
    return rc < 0 ? err_set(e, ERR_PARSE, "what answers there is no admin port: not JSON") : 0;
}

/* ---- replies ---- */

static bool on_reply(void *arg, const struct json_hit *hit)
{
    char *out = arg;
    size_t n;

    if (hit->type != JSON_STRING)
        return true;
    n = json_unescape(hit->raw, out, STATUS_REPLY - 1);
    n = n == SIZE_MAX ? 0 : n;
    doc_tame(out, n, true);
    out[n] = '\0';
    return true;
}

int status_read_reply(char ret[STATUS_REPLY], struct span text, struct err *e)
{
    static const char *const paths[] = {"text", "error.message"};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

    ret[0] = '\0';
    if (json_scan_all(&watch, text, on_reply, ret) != JSON_SCAN_DONE)
        return err_set(e, ERR_PARSE, "what answers there is no admin port: not JSON");
    return 0;
}
