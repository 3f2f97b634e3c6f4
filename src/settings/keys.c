/*
 * keys.c - every key of the configuration, once. Parser, defaults, schema, sample and reference
 * come from these rows; a key is added here and nowhere else.
 */
#include "settings/keys.h"

#include "settings/types.h"

#define TABLE(struct_name, rows) {sizeof(struct struct_name), rows, ARRAY_LEN(rows)}
#define AT(struct_name, field)   .at = offsetof(struct struct_name, field)

/* clang-format off */
static const struct conf_key tls_keys[] = {
    {"cert", CONF_ONE, .type = &conf_path, AT(keys_tls, cert), .example = "/etc/lamplighter/tls/cert.pem",
     .help = "PEM file with the certificate and its chain."},
    {"key", CONF_ONE, .type = &conf_path, AT(keys_tls, key), .example = "/etc/lamplighter/tls/key.pem",
     .help = "PEM file with the private key."},
};
static const struct conf_table tls_table = TABLE(keys_tls, tls_keys);

static const struct conf_key limits_keys[] = {
    {"header", CONF_ONE, .type = &conf_size, AT(keys_limits, header), .text = "32KiB", .min = "1KiB", .max = "1MiB",
     .help = "All of a request's head: request line and header fields."},
    {"fields", CONF_ONE, .type = &conf_count, AT(keys_limits, fields), .text = "100", .min = "10", .max = "1000",
     .help = "Header fields of a request."},
    {"path", CONF_ONE, .type = &conf_size, AT(keys_limits, path), .text = "8KiB", .min = "256B", .max = "64KiB",
     .help = "The request's path and query."},
    {"body", CONF_ONE, .type = &conf_size, AT(keys_limits, body), .text = "64MiB", .min = "1KiB", .max = "1GiB",
     .help = "A request's body. All of it is read before a target is asked."},
    {"answer", CONF_ONE, .type = &conf_size, AT(keys_limits, answer), .text = "64MiB", .min = "64KiB", .max = "1GiB",
     .help = "An answer that does not stream, and is therefore held until it is whole."},
    {"memory", CONF_ONE, .type = &conf_size, AT(keys_limits, memory), .text = "256MiB", .min = "16MiB", .max = "64GiB",
     .help = "Most memory that bodies (of requests, and of answers that do not stream) take in one worker; left out, less where the control group grants less. While more than half of it is in use, bodies past 32 KiB go on in encrypted temporary files; when all of it is, a new body is refused with 503."},
    {"translation", CONF_ONE, .type = &conf_size, AT(keys_limits, translation), .text = "1GiB", .min = "16MiB", .max = "64GiB",
     .help = "Most memory that requests take in one worker whose target speaks another dialect than their client; left out, less where the control group grants less: while they are translated, 15 times the body, then about 6 times until the answer is complete. What would pass it is refused with 503, and with 413 where the body alone is too much."},
    {"connections", CONF_ONE, .type = &conf_count, AT(keys_limits, connections), .text = "10000", .min = "1", .max = "1M",
     .help = "Clients' connections at a time, in one worker. Further ones wait to be accepted."},
    {"connections_per_ip", CONF_ONE, .type = &conf_count, AT(keys_limits, connections_per_ip), .text = "10000", .min = "1", .max = "1M",
     .help = "Connections at a time from one address, in one worker; further ones are reset. The default is no closer bound: behind a load balancer all clients share one address."},
    {"requests_per_connection", CONF_ONE, .type = &conf_count, AT(keys_limits, requests_per_connection), .text = "10000", .min = "1", .max = "1G",
     .help = "Requests after which a connection is closed in order, so that load moves to new processes and machines."},
    {"streams_per_connection", CONF_ONE, .type = &conf_count, AT(keys_limits, streams_per_connection), .text = "100", .min = "1", .max = "10000",
     .help = "HTTP/2: requests at a time on one connection."},
};
static const struct conf_table limits_table = TABLE(keys_limits, limits_keys);

static const struct conf_key server_timeout_keys[] = {
    {"header", CONF_ONE, .type = &conf_duration, AT(keys_server_timeout, header), .text = "10s", .min = "100ms", .max = "10m",
     .help = "From a request's first byte to the end of its head."},
    {"body_stall", CONF_ONE, .type = &conf_duration, AT(keys_server_timeout, body_stall), .text = "30s", .min = "100ms", .max = "1h",
     .help = "Between two bytes of a request's body."},
    {"idle", CONF_ONE, .type = &conf_duration, AT(keys_server_timeout, idle), .text = "2m", .min = "100ms", .max = "1d",
     .help = "Without a request, before a kept connection is closed. Longer than usual load balancers wait (60s), so that they close first and no request meets a closing connection."},
    {"write_stall", CONF_ONE, .type = &conf_duration, AT(keys_server_timeout, write_stall), .text = "60s", .min = "100ms", .max = "1h",
     .help = "A client that takes no byte of its answer for so long is gone."},
};
static const struct conf_table server_timeout_table = TABLE(keys_server_timeout, server_timeout_keys);

static const struct conf_key server_keys[] = {
    {"listen", CONF_ONE_OR_LIST, .type = &types_address, AT(keys_server, listen), .text = "127.0.0.1:8080", .most = 8,
     .help = "Where clients connect: one address or a list." KEYS_AT_START},
    {"admin", CONF_ONE, .type = &types_address, AT(keys_server, admin), .text = "127.0.0.1:8081",
     .help = "Where /metrics, /livez, /readyz and the admin API are. Keep it away from clients." KEYS_AT_START},
    {"tls", CONF_GROUP, .table = &tls_table, AT(keys_server, tls),
     .help = "TLS towards clients. Without it the listeners speak clear text. Whether there is TLS at all is settled at the start only."},
    {"drain", CONF_ONE, .type = &conf_duration, AT(keys_server, drain), .text = "30s", .min = "0s", .max = "1d",
     .help = "On SIGTERM, how long answers under way may take before they are ended with an error event." KEYS_AT_START},
    {"workers", CONF_ONE, .type = &types_workers, AT(keys_server, workers), .text = "auto", .max = "64",
     .help = "Processes that answer. auto: as many as the CPU quota allows, and at least two." KEYS_AT_START},
    {"region", CONF_ONE, .type = &types_place, AT(keys_server, region), .example = "eu-west-1",
     .help = "Where the gateway is, as its providers' `region` says it; for models that prefer same-region."},
    {"user", CONF_ONE, .type = &conf_name, AT(keys_server, user), .example = "lamplighter",
     .help = "Whom the gateway becomes when it was started as root, once its addresses are bound. The configuration and what it names (keys, certificates) must be readable by this user." KEYS_AT_START},
    {"limits", CONF_GROUP, .table = &limits_table, AT(keys_server, limits),
     .help = "Bounds of what clients may send and hold. A request past a bound is refused with a sentence that names it."},
    {"timeout", CONF_GROUP, .table = &server_timeout_table, AT(keys_server, timeout),
     .help = "How long clients may take."},
    {"client_half_close", CONF_ONE, .type = &types_close, AT(keys_server, client_half_close), .text = "gone",
     .help = "What a FIN behind the request means. gone: the client went away, and its request is cancelled. allow: it only has no more to send."},
    {"idempotency", CONF_ONE, .type = &conf_duration, AT(keys_server, idempotency), .text = "10m", .min = "0s", .max = "1d",
     .help = "How long the complete answer to a request with an `Idempotency-Key` is kept, in memory and up to 1 MiB, for repetitions of it. 0s: the header is passed on, and nothing is kept."},
};
static const struct conf_table server_table = TABLE(keys_server, server_keys);

static const struct conf_key provider_tls_keys[] = {
    {"ca", CONF_ONE, .type = &conf_path, AT(keys_provider_tls, ca), .example = "/etc/lamplighter/internal-ca.pem",
     .help = "PEM file with the authorities that sign this provider's certificate, and that of an https:// proxy toward it. When left out: defaults.tls.ca."},
};
static const struct conf_table provider_tls_table = TABLE(keys_provider_tls, provider_tls_keys);

static const struct conf_key default_tls_keys[] = {
    {"ca", CONF_ONE, .type = &conf_path, AT(keys_provider_tls, ca), .example = "/etc/lamplighter/egress-ca.pem",
     .help = "PEM file with the authorities that sign certificates of providers and https:// proxies, in place of the system's. When left out: the file that the environment's SSL_CERT_FILE names, else the system's bundle. A directory of certificates (SSL_CERT_DIR) is not read."},
};
static const struct conf_table default_tls_table = TABLE(keys_provider_tls, default_tls_keys);

#define HELP_CONNECT "Name look-up, connection, proxy and TLS handshake together."
#define HELP_FIRST "From the request's last byte to the first content of the answer. Models that reason may think for minutes; see docs/decisions for the default."
#define HELP_IDLE "Between two bytes of an answer that has begun."
#define HELP_ADAPTIVE "Ask another target sooner than after `first_token`, where there is one, when this one takes far longer than it usually does (at least 10s; 60s for models that may think first, and for answers that do not stream)."
#define HELP_TOTAL "From when the request is read and its target known to the end of the answer."

static const struct conf_key provider_timeout_keys[] = {
    {"connect", CONF_ONE, .type = &conf_duration, AT(keys_timeout, connect), .min = "10ms", .max = "5m", .example = "2s",
     .help = HELP_CONNECT},
    {"first_token", CONF_ONE, .type = &conf_duration, AT(keys_timeout, first_token), .min = "10ms", .max = "1d", .example = "60s",
     .help = HELP_FIRST},
    {"idle", CONF_ONE, .type = &conf_duration, AT(keys_timeout, idle), .min = "10ms", .max = "1d", .example = "30s",
     .help = HELP_IDLE},
    {"total", CONF_ONE, .type = &conf_duration, AT(keys_timeout, total), .min = "10ms", .max = "1d", .example = "10m",
     .help = HELP_TOTAL},
    {"adaptive", CONF_ONE, .type = &conf_bool, AT(keys_timeout, adaptive), .example = "false",
     .help = HELP_ADAPTIVE},
};
static const struct conf_table provider_timeout_table = TABLE(keys_timeout, provider_timeout_keys);

static const struct conf_key timeout_keys[] = {
    {"connect", CONF_ONE, .type = &conf_duration, AT(keys_timeout, connect), .text = "5s", .min = "10ms", .max = "5m",
     .help = HELP_CONNECT},
    {"first_token", CONF_ONE, .type = &conf_duration, AT(keys_timeout, first_token), .text = "10m", .min = "10ms", .max = "1d",
     .help = HELP_FIRST},
    {"idle", CONF_ONE, .type = &conf_duration, AT(keys_timeout, idle), .text = "2m", .min = "10ms", .max = "1d",
     .help = HELP_IDLE},
    {"total", CONF_ONE, .type = &conf_duration, AT(keys_timeout, total), .text = "10m", .min = "10ms", .max = "1d",
     .help = HELP_TOTAL},
    {"adaptive", CONF_ONE, .type = &conf_bool, AT(keys_timeout, adaptive), .text = "true",
     .help = HELP_ADAPTIVE},
};
static const struct conf_table timeout_table = TABLE(keys_timeout, timeout_keys);

#define HELP_ATTEMPTS "Most attempts of a request that its targets may have executed, all targets together."
#define HELP_SAME "How often a target that failed by itself (a server error, no answer of its API) is asked once more, after a moment, before another one is."
#define HELP_WAIT "A target that asks to be left alone for no longer than this is waited for; else the next one is asked at once. Where nobody may be asked now, whoever may be within this is waited for."
#define HELP_BREAKER "Leave a target alone that fails: 5 times in a row, or more than a fifth of lately. false: it is asked whatever became of others."

#define HELP_LIMITS "Send a target no more than is left of its rate limit, as far as its answers have said, and, where it has asked to slow down, no faster than before: the next target is asked, or retry.wait_up_to waited, and no 429 is provoked. false: it is sent all."

#define HELP_SLOW "A target that was left alone and is well again is asked by a tenth of the requests that it would have, then by more and more, until after this time by all. 0s: by all at once."
#define HELP_COST "Most dollars that a request may cost, all its attempts together, with the worst that may come of the next one: a target that could cost more is not asked. See docs/cost.md."
#define HELP_EXTRA "Most dollars that failing over may cost within an hour beyond what the first target would have cost, all requests of the model together: past it dearer targets are not asked."

static const struct conf_key model_retry_keys[] = {
    {"attempts", CONF_ONE, .type = &conf_count, AT(keys_retry, attempts), .min = "1", .max = "32", .example = "3",
     .help = HELP_ATTEMPTS},
    {"same_target", CONF_ONE, .type = &conf_count, AT(keys_retry, same_target), .min = "0", .max = "5", .example = "1",
     .help = HELP_SAME},
    {"wait_up_to", CONF_ONE, .type = &conf_duration, AT(keys_retry, wait_up_to), .min = "0s", .max = "1h", .example = "2s",
     .help = HELP_WAIT},
};
static const struct conf_table model_retry_table = TABLE(keys_retry, model_retry_keys);

static const struct conf_key retry_keys[] = {
    {"attempts", CONF_ONE, .type = &conf_count, AT(keys_retry, attempts), .text = "3", .min = "1", .max = "32",
     .help = HELP_ATTEMPTS},
    {"same_target", CONF_ONE, .type = &conf_count, AT(keys_retry, same_target), .text = "1", .min = "0", .max = "5",
     .help = HELP_SAME},
    {"wait_up_to", CONF_ONE, .type = &conf_duration, AT(keys_retry, wait_up_to), .text = "0s", .min = "0s", .max = "1h",
     .help = HELP_WAIT},
};
static const struct conf_table retry_table = TABLE(keys_retry, retry_keys);

static const struct conf_key engine_keys[] = {
    {"command", CONF_LIST, .required = true, .type = &conf_string, AT(keys_engine, command), .most = 256,
     .example = "[/usr/bin/llama-server, --model, /models/qwen3-4b.gguf, --port, \"8082\"]",
     .help = "Program (an absolute path) and arguments; no shell is involved."},
    {"ready", CONF_ONE, .type = &types_url_path, AT(keys_engine, ready), .text = "/health",
     .help = "Path of the first endpoint's host that answers 200 when the engine can serve."},
};
static const struct conf_table engine_table = TABLE(keys_engine, engine_keys);

static const struct conf_key credentials_keys[] = {
    {"kind", CONF_ONE, .type = &types_cloud, AT(keys_credentials, kind), .example = "google",
     .help = "Whose they are: aws, google, azure (found as that cloud's own SDKs find them, in its standard variables and files, then in the metadata service of the machine), or static (AWS's keys, from id, secret and session). The type knows; needed where a key would do as well."},
    {"file", CONF_ONE, .type = &conf_path, AT(keys_credentials, file), .example = "/etc/lamplighter/vertex.json",
     .help = "google: the JSON file of a service account, a user or a workload identity, in place of GOOGLE_APPLICATION_CREDENTIALS. aws and azure: the file with the token of a workload identity, in place of AWS_WEB_IDENTITY_TOKEN_FILE and AZURE_FEDERATED_TOKEN_FILE; it is read anew for each token."},
    {"profile", CONF_ONE, .type = &conf_name, AT(keys_credentials, profile), .example = "production",
     .help = "aws: the section of the shared credentials file to take, and no other source."},
    {"role", CONF_ONE, .type = &conf_string, AT(keys_credentials, role), .example = "arn:aws:iam::123456789012:role/lamplighter",
     .help = "aws: the role that a workload identity takes on, in place of AWS_ROLE_ARN."},
    {"tenant", CONF_ONE, .type = &conf_name, AT(keys_credentials, tenant), .example = "72f988bf-86f1-41af-91ab-2d7cd011db47",
     .help = "azure: the directory, in place of AZURE_TENANT_ID."},
    {"client", CONF_ONE, .type = &conf_name, AT(keys_credentials, client), .example = "c3f5b1a2-6f0d-4b5e-9f4e-0d1c2b3a4f5e",
     .help = "azure: the application or the managed identity, in place of AZURE_CLIENT_ID."},
    {"id", CONF_ONE, .type = &types_secret, AT(keys_credentials, id), .example = "env:BEDROCK_ACCESS_KEY_ID",
     .help = "static: the id of AWS's access key, as a reference."},
    {"secret", CONF_ONE, .type = &types_secret, AT(keys_credentials, secret), .example = "env:BEDROCK_SECRET_ACCESS_KEY",
     .help = "static: the access key's secret. azure: the application's, in place of AZURE_CLIENT_SECRET. As a reference."},
    {"session", CONF_ONE, .type = &types_secret, AT(keys_credentials, session), .example = "env:BEDROCK_SESSION_TOKEN",
     .help = "static: the token of a session, if the key has one, as a reference."},
};
static const struct conf_table credentials_table = TABLE(keys_credentials, credentials_keys);

#define FACTS(struct_name)                                                                         \
    {"jurisdiction", CONF_ONE_OR_LIST, .type = &conf_name, AT(struct_name, facts.jurisdiction),    \
     .most = 16, .example = "eu", .help = HELP_JURISDICTION},                                      \
    {"retention", CONF_ONE, .type = &types_retention, AT(struct_name, facts.retention),            \
     .max = "36500d", .example = "30d", .help = HELP_RETENTION},                                   \
    {"training", CONF_ONE, .type = &types_training, AT(struct_name, facts.training),               \
     .example = "no", .help = HELP_TRAINING},                                                      \
    {"contract", CONF_ONE_OR_LIST, .type = &conf_name, AT(struct_name, facts.contract),            \
     .most = 16, .example = "[dpa, baa]", .help = HELP_CONTRACT},                                  \
    {"safety", CONF_ONE, .type = &types_filter, AT(struct_name, facts.safety),                     \
     .example = "provider", .help = HELP_FILTER}
#define HELP_JURISDICTION "Under whose law requests are worked on, in words of your own; several where it may be any of them. For data_classes."
#define HELP_RETENTION "For how long what is sent is kept there: none, or a time. For data_classes."
#define HELP_TRAINING "Whether models are made from what is sent. For data_classes."
#define HELP_CONTRACT "The contracts that were made with whoever runs it, in words of your own. For data_classes."
#define HELP_FILTER "Whether a safety filter of the provider's own stands before its models (provider) or not (none). For models with safety: required."

static const struct conf_key endpoint_keys[] = {
    {"url", CONF_ONE, .required = true, .type = &types_url, AT(keys_endpoint, url), .example = "http://10.1.0.11:8000",
     .help = "The base URL."},
    {"domain", CONF_ONE, .type = &conf_name, AT(keys_endpoint, domain), .example = "zone-a",
     .help = "What it dies with: a host, a rack, a zone, in a word of your own. Left out: it dies alone."},
};
static const struct conf_table endpoint_table = TABLE(keys_endpoint, endpoint_keys);

static const struct conf_key provider_keys[] = {
    {"type", CONF_ONE, .required = true, .type = &types_provider, AT(keys_provider, type), .example = "openai",
     .help = "Vendor or engine: what it speaks, where it lives, what its errors mean."},
    {"key", CONF_ONE_OR_LIST, .type = &types_secret, AT(keys_provider, key), .most = 64, .example = "env:OPENAI_API_KEY",
     .help = "The account's key. Always a reference: env:NAME (environment variable), file:/path, cred:NAME (systemd credential). Of a list the next one is tried when one is refused, used up or limited."},
    {"credentials", CONF_GROUP, .table = &credentials_table, AT(keys_provider, credentials),
     .help = "A cloud's credentials in place of a key, where the type takes them: tokens are fetched, kept, and renewed before they end. When left out, a type that takes no key finds them by itself."},
    {"region", CONF_ONE, .type = &types_place, AT(keys_provider, region), .example = "us-east-1",
     .help = "Where the cloud serves it, where the type has regions; when left out, from the cloud's own variable (AWS_REGION, GOOGLE_CLOUD_LOCATION). Of other types where it is, for models that prefer same-region."},
    {"project", CONF_ONE, .type = &types_place, AT(keys_provider, project), .example = "my-project",
     .help = "The project that pays, where the type has projects (Vertex AI). When left out, from GOOGLE_CLOUD_PROJECT."},
    {"endpoints", CONF_ITEMS, .table = &endpoint_table, AT(keys_provider, endpoints), .most = 64, .example = "https://api.openai.com/v1",
     .help = "The base URL, alone or with more about it. Cloud providers have one of their own; engines need theirs here. Of a list the next one is tried when one fails."},
    {"terminal", CONF_ONE, .type = &types_terminal, AT(keys_provider, terminal), .example = "done",
     .help = "What ends a stream of OpenAI's chat or completions: done ([DONE] comes) or finish (only the finish reasons do). The type knows; needed for openai-compatible servers that differ."},
    {"http", CONF_ONE, .type = &types_http, AT(keys_provider, http), .text = "auto",
     .help = "Version of HTTP towards the provider. auto: over TLS HTTP/2 if the provider takes it (ALPN), else HTTP/1.1; in clear text HTTP/1.1. h1: HTTP/1.1 alone. h2: HTTP/2 alone, in clear text with prior knowledge; a provider that does not speak it is not asked."},
    {"tls", CONF_GROUP, .table = &provider_tls_table, AT(keys_provider, tls),
     .help = "TLS towards the provider."},
    {"proxy", CONF_ONE, .type = &types_proxy, AT(keys_provider, proxy), .example = "http://proxy.example.com:3128",
     .help = "HTTP proxy towards the provider, or none. When left out, cloud providers follow HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment, and engines connect directly."},
    {"proxy_auth", CONF_ONE, .type = &types_secret, AT(keys_provider, proxy_auth), .example = "env:PROXY_AUTH",
     .help = "The proxy's user:password, as a reference."},
    {"no_proxy", CONF_ONE_OR_LIST, .type = &conf_string, AT(keys_provider, no_proxy), .most = 64, .example = "[.example.internal, 10.0.0.0/8]",
     .help = "Hosts that are reached without the proxy, by the rules of curl."},
    {"private", CONF_ONE, .type = &conf_bool, AT(keys_provider, private_ok), .text = "false",
     .help = "Allow private and loopback addresses. Engines always may have them."},
    {"api_version", CONF_ONE, .type = &conf_name, AT(keys_provider, api_version), .example = "2024-10-21",
     .help = "What is sent as api-version with each request, in place of the type's own (Azure)."},
    {"fate", CONF_ONE, .type = &conf_name, AT(keys_provider, fate), .example = "rack-7",
     .help = "What it shares with others beyond what is known (host, region, proxy, key), in a word of your own: whoever has the word fails together. none: it shares nothing, and its models have nothing in common either; for hosts behind which are many that fail apart."},
    {"poll", CONF_ONE, .type = &conf_duration, AT(keys_provider, poll), .text = "250ms", .min = "0s", .max = "1m", .example = "1s",
     .help = "Engines: how often each endpoint is asked how it is (docs/engines.md). 0s: never."},
    {"timeout", CONF_GROUP, .table = &provider_timeout_table, AT(keys_provider, timeout),
     .help = "How long this provider may take; what is left out comes from defaults.timeout."},
    FACTS(keys_provider),
    {"engine", CONF_GROUP, .table = &engine_table, AT(keys_provider, engine),
     .help = "A local engine that is started and kept running beside the gateway." KEYS_AT_START},
};
static const struct conf_table provider_table = TABLE(keys_provider, provider_keys);

#define HELP_GO_ON "Who goes on with a streamed text that breaks off: a target with the same weights, by the names of the models (family), any target of the model that takes a beginning (any), or nobody (off): then the client is told that it broke. Where the weights differ, or the target takes no beginning, it can also be asked in words to go on (instruct), or afresh, and has to say the same again (replay)."

static const struct conf_key defaults_keys[] = {
    {"tls", CONF_GROUP, .table = &default_tls_table, AT(keys_defaults, tls),
     .help = "TLS towards providers."},
    {"timeout", CONF_GROUP, .table = &timeout_table, AT(keys_defaults, timeout),
     .help = "How long providers may take."},
    {"retry", CONF_GROUP, .table = &retry_table, AT(keys_defaults, retry),
     .help = "What a request may try when a target fails."},
    {"breaker", CONF_ONE, .type = &conf_bool, AT(keys_defaults, breaker), .text = "true",
     .help = HELP_BREAKER},
    {"slow_start", CONF_ONE, .type = &conf_duration, AT(keys_defaults, slow_start), .text = "30s", .min = "0s", .max = "1h",
     .help = HELP_SLOW},
    {"rate_limits", CONF_ONE, .type = &conf_bool, AT(keys_defaults, rate_limits), .text = "true",
     .help = HELP_LIMITS},
    {"cost_max", CONF_ONE, .type = &conf_decimal, AT(keys_defaults, cost_max), .max = "1000000", .example = "0.5",
     .help = HELP_COST},
    {"extra_cost_max", CONF_ONE, .type = &conf_decimal, AT(keys_defaults, extra_cost_max), .max = "1000000", .example = "20",
     .help = HELP_EXTRA},
    {"continue", CONF_ONE, .type = &types_go_on, AT(keys_defaults, go_on), .text = "family",
     .help = HELP_GO_ON},
};
static const struct conf_table defaults_table = TABLE(keys_defaults, defaults_keys);

static const struct conf_key when_keys[] = {
    {"tokens_over", CONF_ONE, .type = &conf_count, AT(keys_when, tokens_over), .max = "1G", .example = "60k",
     .help = "Requests of more tokens than this, by what the target has counted of others (a quarter of their bytes, where it has not); pictures and other base64 have a flat figure."},
    {"tokens_under", CONF_ONE, .type = &conf_count, AT(keys_when, tokens_under), .min = "1", .max = "1G", .example = "200k",
     .help = "Requests of fewer tokens than this."},
    {"stream", CONF_ONE, .type = &conf_bool, AT(keys_when, stream), .example = "true",
     .help = "Requests whose answer streams, or those whose answer does not."},
    {"tools", CONF_ONE, .type = &conf_bool, AT(keys_when, tools), .example = "false",
     .help = "Requests that bring tools, or those without."},
    {"keys", CONF_ONE_OR_LIST, .type = &conf_name, AT(keys_when, keys), .most = 64, .example = "[search-team, ci]",
     .help = "Requests with one of these keys."},
};
static const struct conf_table when_table = TABLE(keys_when, when_keys);

static const struct conf_key target_keys[] = {
    {"target", CONF_ONE, .required = true, .type = &types_target, AT(keys_target, target), .example = "openai/gpt-5",
     .help = "provider/model."},
    {"tier", CONF_ONE, .type = &conf_count, AT(keys_target, tier), .text = "1", .min = "1", .max = "32",
     .help = "All targets of a tier are asked before all of the next one; `strategy` orders them within it."},
    {"weight", CONF_ONE, .type = &conf_count, AT(keys_target, weight), .text = "1", .min = "0", .max = "1000",
     .help = "With strategy: weighted, its share of the requests beside the others' weights. 0: behind them."},
    {"context", CONF_ONE, .type = &conf_count, AT(keys_target, context), .min = "1", .max = "1G", .example = "200k",
     .help = "How many tokens it takes. A request that surely has more goes to others, where there are any; one that turns out to be too long for one target goes to those that are larger, and to none that is not."},
    {"fate", CONF_ONE, .type = &conf_name, AT(keys_target, fate), .example = "behind-router-anthropic",
     .help = "A word for what it shares with other targets, and fails with."},
    {"shares_limits", CONF_ONE, .type = &conf_name, AT(keys_target, shares_limits), .example = "gpt-5-family",
     .help = "Targets of a provider that have the same word here have one rate limit together, as models of a shared limit have, or deployments of one quota. Left out: what is known of the provider (Anthropic's Opus 4 and Sonnet 4, dated names of OpenAI's)."},
    {"tags", CONF_ONE_OR_LIST, .type = &conf_name, AT(keys_target, tags), .most = 16, .example = "[fast, eu]",
     .help = "Words of your own. Requests that ask for tags (x-lamplighter-tags, or those of their key) go only to targets that have all of them."},
    {"when", CONF_GROUP, .table = &when_table, AT(keys_target, when),
     .help = "It is asked only for requests that meet all of this."},
    FACTS(keys_target),
};
static const struct conf_table target_table = TABLE(keys_target, target_keys);

static const struct conf_key routing_keys[] = {
    {"from_body", CONF_ONE, .type = &conf_bool, AT(keys_routing, from_body), .text = "false",
     .help = "A member `lamplighter` of the body may say order, only, ignore, allow_fallbacks and sort; it is taken out of the body. false: the body is not looked into, and such a member goes to the target."},
};
static const struct conf_table routing_table = TABLE(keys_routing, routing_keys);

static const struct conf_key hedge_keys[] = {
    {"extra", CONF_ONE, .type = &conf_percent, AT(keys_hedge, extra), .text = "0%", .min = "0%", .max = "20%", .example = "2%",
     .help = "How much hedges may add to the model's load, in requests and in tokens of prompts: 2% is usual. 0%: there are none."},
    {"tokens", CONF_ONE, .type = &conf_count, AT(keys_hedge, tokens), .text = "4k", .min = "1", .max = "1M",
     .help = "Requests of more tokens than this (a quarter of their bytes) are not hedged: both prompts are paid for."},
};
static const struct conf_table hedge_table = TABLE(keys_hedge, hedge_keys);

static const struct conf_key model_keys[] = {
    {"targets", CONF_ITEMS, .required = true, .table = &target_table, AT(keys_model, targets), .most = 32,
     .example = "openai/gpt-5",
     .help = "provider/model, alone or with more about it; what it says of itself goes before what its provider says. A request goes to the first target that can take it, and to the next one when that one fails before its answer has begun."},
    {"retry", CONF_GROUP, .table = &model_retry_table, AT(keys_model, retry),
     .help = "What a request may try when a target fails; what is left out comes from defaults.retry."},
    {"breaker", CONF_ONE, .type = &conf_bool, AT(keys_model, breaker), .example = "false",
     .help = "Whether targets that fail are left alone; left out: defaults.breaker."},
    {"slow_start", CONF_ONE, .type = &conf_duration, AT(keys_model, slow_start), .min = "0s", .max = "1h", .example = "0s",
     .help = "How long a target that is well again takes to have its share; left out: defaults.slow_start."},
    {"rate_limits", CONF_ONE, .type = &conf_bool, AT(keys_model, rate_limits), .example = "false",
     .help = "Whether what is left of targets' rate limits is heeded; left out: defaults.rate_limits."},
    {"cost_max", CONF_ONE, .type = &conf_decimal, AT(keys_model, cost_max), .max = "1000000", .example = "0.5",
     .help = "Most dollars that a request may cost; left out: defaults.cost_max."},
    {"extra_cost_max", CONF_ONE, .type = &conf_decimal, AT(keys_model, extra_cost_max), .max = "1000000", .example = "20",
     .help = "Most dollars that failing over may cost within an hour; left out: defaults.extra_cost_max."},
    {"continue", CONF_ONE, .type = &types_go_on, AT(keys_model, go_on), .example = "off",
     .help = "Who goes on with a streamed text that breaks off; left out: defaults.continue."},
    {"strategy", CONF_ONE, .type = &types_strategy, AT(keys_model, strategy), .text = "ordered",
     .help = "Who of the targets is asked first: as they are written (ordered), any (spread), the one that begins its answers soonest (fastest), the one whose tokens cost least (cheapest), or any, by their weights (weighted). But for ordered, all keys and endpoints of a provider share its load."},
    {"degraded", CONF_ITEMS, .table = &target_table, AT(keys_model, degraded), .most = 32,
     .example = "local/qwen3-4b",
     .help = "Targets that are asked behind all others, and whose answers say so: x-lamplighter-degraded, and an outcome of their own."},
    {"on_exhausted", CONF_ONE, .type = &conf_string, AT(keys_model, on_exhausted), .example = "The assistant cannot be reached now. Please call 555-0100.",
     .help = "A text that clients get in place of the error when no target could answer, as an answer of the model lamplighter/static with x-lamplighter-degraded: static. Left out: they get the error."},
    {"hedge", CONF_GROUP, .table = &hedge_table, AT(keys_model, hedge),
     .help = "Ask a second target beside the first, when that one takes longer to begin than 19 of 20 of its answers: the first to answer is heard, the other one is cancelled. See docs/plans.md."},
    {"data_class", CONF_ONE_OR_LIST, .type = &conf_name, AT(keys_model, data_class), .most = ROUTE_CLASSES_MAX, .example = "personal",
     .help = "Classes of data_classes that every request for this model has."},
    {"prefer", CONF_ONE_OR_LIST, .type = &types_prefer, AT(keys_model, prefer), .text = "family", .most = 2, .example = "[same-region, family]",
     .help = "Who of a tier goes before the others of it. same-region: whose provider is in server.region; where none of the model is, in the same part of the world, by the names of AWS, Google and Azure. family: behind the first to be asked, those with the same weights elsewhere, by the names of the models. nobody: neither."},
    {"require", CONF_ONE_OR_LIST, .type = &types_require, AT(keys_model, require), .most = 8, .example = "[tools, json_schema]",
     .help = "Targets whose provider cannot do all of this are not asked; docs/providers.md says who can."},
    {"routing", CONF_GROUP, .table = &routing_table, AT(keys_model, routing),
     .help = "What a request may say about its own routing."},
    {"sticky", CONF_ONE, .type = &conf_bool, AT(keys_model, sticky), .text = "false",
     .help = "A conversation goes on at the target that answered it last, for as long as that one keeps what it has read (5m) and going elsewhere would not be cheaper."},
    {"content_policy", CONF_ONE, .type = &types_content, AT(keys_model, content_policy), .text = "final",
     .help = "What becomes of a request that a provider refuses for its content: the client hears it (final), or the next target is asked (next)."},
    {"safety", CONF_ONE, .type = &types_safety, AT(keys_model, safety), .text = "any",
     .help = "required: a target is never asked unless its provider is known to filter by itself (safety: provider)."},
};
static const struct conf_table model_table = TABLE(keys_model, model_keys);

static const struct conf_key client_keys[] = {
    {"hash", CONF_ONE, .required = true, .type = &types_hash, AT(keys_client, hash),
     .example = "sha256:7f3a91d2c55e0b6a1f0f7b0c2f4e8d9a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e",
     .help = "SHA-256 of the key (printf %s \"$KEY\" | sha256sum). The key itself is nowhere."},
    {"models", CONF_ONE_OR_LIST, .type = &types_models, AT(keys_client, models), .text = "*", .most = 256, .example = "[smart, \"openai/*\"]",
     .help = "Names the key may ask for; '*' stands for anything. Paths that pass through unread need '*' itself."},
    {"data_class", CONF_ONE_OR_LIST, .type = &conf_name, AT(keys_client, data_class), .most = ROUTE_CLASSES_MAX, .example = "personal",
     .help = "Classes of data_classes that every request with this key has."},
    {"tags", CONF_ONE_OR_LIST, .type = &conf_name, AT(keys_client, tags), .most = 16, .example = "eu",
     .help = "Every request with this key goes only to targets that have all of these tags."},
    {"expires", CONF_ONE, .type = &types_date, AT(keys_client, expires), .example = "2027-03-31",
     .help = "Last day (UTC), or the exact time, at which the key works."},
    {"cost_max", CONF_ONE, .type = &conf_decimal, AT(keys_client, cost_max), .max = "1000000", .example = "0.5",
     .help = "Most dollars that a request of this key may cost, where its model allows no less."},
};
static const struct conf_table client_table = TABLE(keys_client, client_keys);

static const struct conf_key class_keys[] = {
    {"jurisdiction", CONF_ONE_OR_LIST, .type = &conf_name, AT(keys_class, jurisdiction), .most = 16, .example = "[eu, uk]",
     .help = "It may be worked on under these, and nowhere else."},
    {"retention", CONF_ONE, .type = &types_retention, AT(keys_class, retention), .max = "36500d", .example = "none",
     .help = "It may be kept for no longer than this: none, or a time."},
    {"training", CONF_ONE, .type = &types_training, AT(keys_class, training), .text = "yes",
     .help = "no: no model may be made from it."},
    {"contract", CONF_ONE_OR_LIST, .type = &conf_name, AT(keys_class, contract), .most = 16, .example = "baa",
     .help = "All of these contracts must have been made."},
};
static const struct conf_table class_table = TABLE(keys_class, class_keys);

static const struct conf_key log_keys[] = {
    {"access", CONF_ONE, .type = &conf_bool, AT(keys_log, access), .text = "true",
     .help = "Write one line of JSON a request. Prompts and answers are never in it."},
    {"file", CONF_ONE, .type = &conf_path, AT(keys_log, file), .example = "/var/log/lamplighter/access.log",
     .help = "Where to; standard output when left out."},
};
static const struct conf_table log_table = TABLE(keys_log, log_keys);

static const struct conf_key telemetry_keys[] = {
    {"log", CONF_GROUP, .table = &log_table, AT(keys_telemetry, log),
     .help = "The access log."},
};
static const struct conf_table telemetry_table = TABLE(keys_telemetry, telemetry_keys);

static const struct conf_key prices_keys[] = {
    {"file", CONF_ONE, .type = &conf_path, AT(keys_prices, file), .example = "/etc/lamplighter/prices.yaml",
     .help = "The price file, in place of the one that is built in (lamplighter config prices prints that one). A reload reads it again."},
    {"unknown", CONF_ONE, .type = &types_unknown, AT(keys_prices, unknown), .text = "warn",
     .help = "What to do about a model without a price. warn: its answers have no cost, which is logged and counted. block: it is not asked."},
};
static const struct conf_table prices_table = TABLE(keys_prices, prices_keys);

static const struct conf_key reload_keys[] = {
    {"slice", CONF_ONE, .type = &conf_percent, AT(keys_reload, slice), .text = "5%", .min = "0%", .max = "50%",
     .help = "The share of new requests that a new configuration is tried on. 0%: it is taken into use at once, as by lamplighter reload --now."},
    {"at_least", CONF_ONE, .type = &conf_duration, AT(keys_reload, at_least), .text = "30s", .min = "0s", .max = "1h",
     .help = "The shortest trial of a configuration that is then kept, once 50 requests or more have been as good as with the old one. One that fails is taken back before, from the 5th failure on."},
    {"at_most", CONF_ONE, .type = &conf_duration, AT(keys_reload, at_most), .text = "10m", .min = "1s", .max = "1d",
     .help = "How long a trial goes on for want of requests; then the configuration is unproven."},
    {"unproven", CONF_ONE, .type = &types_unproven, AT(keys_reload, unproven), .text = "hold",
     .help = "What becomes of an unproven configuration. hold: it stays on its slice until somebody says lamplighter confirm or rollback; back: it is taken back; keep: it is taken into use."},
};
static const struct conf_table reload_table = TABLE(keys_reload, reload_keys);

static const struct conf_key config_keys[] = {
    {"version", CONF_ONE, .required = true, .type = &types_version, AT(keys_config, version), .example = "1",
     .help = "Version of this format."},
    {"server", CONF_GROUP, .table = &server_table, AT(keys_config, server),
     .help = "How clients reach the gateway."},
    {"reload", CONF_GROUP, .table = &reload_table, AT(keys_config, reload),
     .help = "How a new configuration is tried before it is taken into use. What counts is what stands in the configuration that is in use, and not in the new one (docs/reload.md)."},
    {"providers", CONF_MAP, .type = &conf_name, .table = &provider_table, AT(keys_config, providers), .most = 1000, .example = "openai",
     .help = "Who answers: accounts and engines, each under a name of your own."},
    {"defaults", CONF_GROUP, .table = &defaults_table, AT(keys_config, defaults),
     .help = "What every provider inherits."},
    {"models", CONF_MAP, .type = &types_model, .table = &model_table, AT(keys_config, models), .most = 10000, .example = "smart",
     .help = "Names that clients send. Beside these, provider/model always works, and so do the well-known names of the configured providers' models."},
    {"keys", CONF_MAP, .type = &conf_name, .table = &client_table, AT(keys_config, keys), .most = 10000, .example = "search-team",
     .help = "Clients' keys. Without this section clients on this machine need none, and others are refused; so is a web page of another host (by Origin, or a Host that is a name other than localhost)."},
    {"data_classes", CONF_MAP, .type = &conf_name, .table = &class_table, AT(keys_config, data_classes), .most = ROUTE_CLASSES_MAX, .example = "personal",
     .help = "Classes of data, and what each demands of a target. A request has those of its model, of its key and of its header x-lamplighter-data-class, all together; a target that is not known to meet every demand of each is never asked. See docs/walls.md."},
    {"pass", CONF_ONE_OR_LIST, .type = &conf_name, AT(keys_config, pass), .most = 64, .example = "[openai, anthropic]",
     .help = "The providers that serve paths which pass through unread, such as files, batches, audio and images: each path has the first one that its type has it for (docs/providers.md), and no other when that one fails. Left out: such paths are refused. Without a file: the providers that the environment offers."},
    {"prices", CONF_GROUP, .table = &prices_table, AT(keys_config, prices),
     .help = "What tokens cost, so that answers have a cost in the log and the metrics; see docs/cost.md."},
    {"telemetry", CONF_GROUP, .table = &telemetry_table, AT(keys_config, telemetry),
     .help = "What the gateway tells about its work."},
};
/* clang-format on */
const struct conf_table keys_table = TABLE(keys_config, config_keys);
