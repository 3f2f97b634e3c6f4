/*
 * keys.h - the file's keys as C structs, before anything is made of them. The rows are in keys.c.
 *
 * Room: settings. Private to the room.
 */
#ifndef SETTINGS_KEYS_H
#define SETTINGS_KEYS_H

#include "conf/keys.h"

/* How the help of a key ends that a reload does not take into use (at_start.c). */
#define KEYS_AT_START " At the start only: a reload does not change it."

struct keys_tls {
    struct conf_value self;
    struct conf_value cert, key;
};

struct keys_limits {
    struct conf_value self;
    struct conf_value header, fields, path, body, answer, memory, translation;
    struct conf_value connections, connections_per_ip;
    struct conf_value requests_per_connection, streams_per_connection;
};

struct keys_server_timeout {
    struct conf_value self;
    struct conf_value header, body_stall, idle, write_stall;
};

struct keys_server {
    struct conf_value self;
    struct conf_list listen;
    struct conf_value admin;
    struct keys_tls tls;
    struct conf_value drain, workers, user, region;
    struct keys_limits limits;
    struct keys_server_timeout timeout;
    struct conf_value client_half_close, idempotency;
};

struct keys_timeout {
    struct conf_value self;
    struct conf_value connect, first_token, idle, total, adaptive;
};

struct keys_provider_tls {
    struct conf_value self;
    struct conf_value ca;
};

struct keys_engine {
    struct conf_value self;
    struct conf_list command;
    struct conf_value ready;
};

struct keys_credentials {
    struct conf_value self;
    struct conf_value kind;
    struct conf_value file, profile, role, tenant, client;
    struct conf_value id, secret, session;
};

struct keys_facts {
    struct conf_list jurisdiction, contract;
    struct conf_value retention, training, safety;
};

struct keys_endpoint {
    struct conf_value self;
    struct conf_value url, domain;
};

struct keys_provider {
    struct conf_value self;
    struct conf_value type;
    struct conf_value region, project;
    struct keys_credentials credentials;
    struct conf_list key, endpoints; /* struct keys_endpoint */
    struct conf_value terminal, http;
    struct keys_provider_tls tls;
    struct conf_value proxy, proxy_auth;
    struct conf_list no_proxy;
    struct conf_value private_ok, api_version, fate, poll;
    struct keys_timeout timeout;
    struct keys_facts facts;
    struct keys_engine engine;
};

struct keys_retry {
    struct conf_value self;
    struct conf_value attempts, same_target, wait_up_to;
};

struct keys_defaults {
    struct conf_value self;
    struct keys_provider_tls tls;
    struct keys_timeout timeout;
    struct keys_retry retry;
    struct conf_value breaker, slow_start, rate_limits, go_on, cost_max, extra_cost_max;
};

struct keys_when {
    struct conf_value self;
    struct conf_value tokens_over, tokens_under, stream, tools;
    struct conf_list keys;
};

struct keys_target {
    struct conf_value self;
    struct conf_value target, tier, weight, context, fate, shares_limits;
    struct conf_list tags;
    struct keys_when when;
    struct keys_facts facts;
};

struct keys_routing {
    struct conf_value self;
    struct conf_value from_body;
};

struct keys_hedge {
    struct conf_value self;
    struct conf_value extra, tokens;
};

struct keys_model {
    struct conf_value self;
    struct conf_list targets, degraded; /* struct keys_target */
    struct keys_retry retry;
    struct keys_hedge hedge;
    struct conf_value strategy, breaker, rate_limits, go_on, on_exhausted;
    struct conf_value slow_start, cost_max, extra_cost_max;
    struct conf_list data_class, prefer, require;
    struct conf_value safety, content_policy, sticky;
    struct keys_routing routing;
};

struct keys_client {
    struct conf_value self;
    struct conf_value hash;
    struct conf_list models, data_class, tags;
    struct conf_value expires, cost_max;
};

struct keys_class {
    struct conf_value self;
    struct conf_list jurisdiction, contract;
    struct conf_value retention, training;
};

struct keys_log {
    struct conf_value self;
    struct conf_value access, file;
};

struct keys_telemetry {
    struct conf_value self;
    struct keys_log log;
};

struct keys_prices {
    struct conf_value self;
    struct conf_value file, unknown;
};

struct keys_reload {
    struct conf_value self;
    struct conf_value slice, at_least, at_most, unproven;
};

struct keys_config {
    struct conf_value self;
    struct conf_value version;
    struct keys_server server;
    struct keys_reload reload;
    struct conf_list providers; /* struct keys_provider */
    struct keys_defaults defaults;
    struct conf_list models;       /* struct keys_model */
    struct conf_list keys;         /* struct keys_client */
    struct conf_list data_classes; /* struct keys_class */
    struct conf_list pass;
    struct keys_prices prices;
    struct keys_telemetry telemetry;
};

extern const struct conf_table keys_table; /* of struct keys_config */

#endif
