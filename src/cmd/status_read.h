/*
 * status_read.h - the document of GET /api/v1/status as C values, for `lamplighter status`.
 *
 * What is missing stays zero or empty: an older or newer gateway can be asked.
 *
 * Room: cmd. Pure.
 */
#ifndef CMD_STATUS_READ_H
#define CMD_STATUS_READ_H

#include "base/err.h"
#include "base/span.h"
#include "record/record.h"

#define STATUS_TEXT      128
#define STATUS_WORKERS   64
#define STATUS_ENGINES   32
#define STATUS_CREDS     64
#define STATUS_MODELS    512
#define STATUS_SERVERS   9 /* targets that served one model */
#define STATUS_TARGETS   512
#define STATUS_OVERRIDES 32

struct status_worker {
    double slot, pid, requests, live, conns, crashes, silent_s;
    char state[STATUS_TEXT];
};

struct status_engine {
    double pid, restarts;
    char provider[STATUS_TEXT], state[STATUS_TEXT];
};

#define STATUS_ENDPOINTS 512
struct status_endpoint {
    double running, waiting, kv_share, kv_tokens; /* -1: it does not say */
    char provider[STATUS_TEXT], endpoint[STATUS_TEXT], state[STATUS_TEXT];
};

#define STATUS_POOLS 256
struct status_pool {
    double endpoints, serving, kv_tokens, reserved, foreign, sessions, lost_tokens;
    double covered; /* -1: nobody knows */
    char provider[STATUS_TEXT], n1[STATUS_TEXT], lost_domain[STATUS_TEXT];
};

struct status_cred {
    double fetched, failed;
    char provider[STATUS_TEXT], source[STATUS_TEXT], state[STATUS_TEXT], until[STATUS_TEXT];
    char why[STATUS_TEXT];
};

struct status_model {
    char model[STATUS_TEXT];
    double requests, hedged, hedges_won, first_p50_s, first_p95_s;
    double outcomes[OUTCOMES_N];
    double ok_ratio; /* -1: nothing to judge by */
    struct {
        char target[STATUS_TEXT];
        double requests;
    } served_by[STATUS_SERVERS];
    size_t served_by_n;
};

struct status_override {
    char target[STATUS_TEXT], model[STATUS_TEXT]; /* one of them */
    char what[STATUS_TEXT], until[STATUS_TEXT], who[STATUS_TEXT], why[STATUS_TEXT];
    double weight;
};

struct status_target {
    char target[STATUS_TEXT], state[STATUS_TEXT];
    double live, for_s, silent_after_s, tokens_left, tokens_limit; /* 0: not said */
    double retries_left;                                           /* -1: nobody knows */
    double last_resorts;
};

#define STATUS_EXTRAS 64
struct status_extra {
    char model[STATUS_TEXT];
    double usd, usd_max;
};

#define STATUS_FATES 64
struct status_fate {
    char shares[STATUS_TEXT], name[STATUS_TEXT], of[STATUS_TEXT];
    double since_s;
    bool open;
};

struct status_doc {
    char version[STATUS_TEXT];
    char trial_state[STATUS_TEXT], trial[2 * STATUS_TEXT]; /* of a configuration; as a sentence */
    char config_id[STATUS_TEXT], config_source[STATUS_TEXT], reloaded[STATUS_TEXT];
    double uptime_s, requests_per_s, live, connections, window_s, overhead_p99_s;
    double dropped_lines, dropped_records, dropped_series;
    bool is_live, is_ready, draining, reload_failed;
    struct status_worker workers[STATUS_WORKERS];
    struct status_engine engines[STATUS_ENGINES];
    struct status_endpoint endpoints[STATUS_ENDPOINTS];
    struct status_pool pools[STATUS_POOLS];
    struct status_cred creds[STATUS_CREDS];
    struct status_model models[STATUS_MODELS];
    struct status_target targets[STATUS_TARGETS];
    struct status_extra extras[STATUS_EXTRAS];
    struct status_override overrides[STATUS_OVERRIDES];
    struct status_fate fates[STATUS_FATES];
    size_t workers_n, engines_n, endpoints_n, creds_n, models_n, targets_n, extras_n, overrides_n;
    size_t fates_n, pools_n;
};

/* Fill *doc, which is all zero, from the text. Texts are cut, and their control bytes are '?':
 * model names come from clients, and a terminal obeys what it prints. */
MUST_CHECK int status_read(struct status_doc *doc, struct span text, struct err *e);

#define STATUS_REPLY ((size_t)256 * 1024)

/* What a change was answered with: the "text" of a result, or the message of a refusal. Newlines
 * stay; other control bytes are '?'. A longer text is cut to nothing. */
MUST_CHECK int status_read_reply(char ret[STATUS_REPLY], struct span text, struct err *e);

#endif
