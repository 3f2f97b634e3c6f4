/*
 * settings.h - the configuration as values: an immutable, reference-counted snapshot.
 *
 * A snapshot is made from a YAML file (settings_load), or from the environment when there is no
 * file (settings_auto). It holds no runtime state: breakers, pools and counters live elsewhere
 * under the stable ids that stand here (provider and model names), and the next snapshot adopts
 * them. Two snapshots may live at once: a stream finishes on the one it began with.
 *
 * Secrets are not in the snapshot: it holds struct secret references (base/secret.h), whose bytes
 * live in the locked arena.
 *
 * Room: settings (uses base codec conf provider policy net http). Threads: read-only after loading.
 */
#ifndef SETTINGS_SETTINGS_H
#define SETTINGS_SETTINGS_H

#include "base/buf.h"
#include "base/secret.h"
#include "base/span.h"
#include "http/http.h"
#include "net/net.h"
#include "policy/policy.h"
#include "provider/limits.h"
#include "provider/price.h"
#include "provider/provider.h"
#include "provider/token.h"
#include "route/fit.h"
#include "policy/pool.h"
#include "route/wall.h"

/* A base URL, taken apart. Spans live in the snapshot. */
struct settings_url {
    struct span text; /* as written */
    uint64_t
        id; /* of it as its provider's endpoint (board/endpoints.h): the same with every gateway */
    bool tls;
    struct span host; /* without brackets */
    uint16_t port;
    struct span path;   /* "" or "/v1", never ends with '/' */
    struct span domain; /* of an endpoint: what it dies with; absent: it dies alone */
};

/* Its host as a request names it, made in the arena: host[:port], the port only where it is not the
 * scheme's own, IPv6 in brackets. Absent: no memory. */
struct arena;
MUST_CHECK struct span settings_authority(struct arena *a, const struct settings_url *u);

struct settings_proxy {
    bool set;                /* false: connect directly */
    struct settings_url url; /* http:// or https:// */
    struct secret auth;      /* "user:password", may be absent */
    struct span no_proxy;    /* comma list, curl's rules */
};

/* Which versions of HTTP a provider is asked in. */
enum settings_http {
    SETTINGS_HTTP_AUTO, /* over TLS what ALPN agrees on, in clear text HTTP/1.1 */
    SETTINGS_HTTP_1,
    SETTINGS_HTTP_2, /* in clear text with prior knowledge */
};

struct settings_timeouts {
    uint64_t connect_ms; /* resolve, connect, proxy and TLS together */
    uint64_t first_ms;   /* request sent to first byte of the answer's content */
    uint64_t idle_ms;    /* between two bytes of an answer */
    uint64_t total_ms;   /* the whole request, all attempts */
    bool adaptive;       /* less than first_ms, where that is unusual for the target */
};

/* Where a cloud's credentials come from, in place of a key. */
struct settings_credential {
    const struct token_source *source; /* NULL: there are none, the provider goes by its keys */
    struct token_conf conf;
    /* How each of TOKEN_URLS is reached, as if it were a provider of its own; NULL: the source asks
     * nobody. One without a URL has urls_n 0. */
    const struct settings_provider *via;
};

struct settings_provider {
    struct span name; /* the key under `providers` */
    const struct provider *type;
    const struct settings_url *urls; /* endpoints, or the row's base; at least one */
    size_t urls_n;
    const struct secret *keys;
    size_t keys_n;
    enum dialect_terminal terminal; /* the row's, or `terminal:` for openai-compatible */
    enum settings_http http;
    struct span ca_file; /* its own, or the defaults'; absent: system bundle */
    uint64_t ca_stamp;   /* of its content when it was loaded */
    struct settings_proxy proxy;
    bool allow_private;  /* engines, or private: true */
    bool allow_metadata; /* a credential source's own (settings_credential.via), never a target's */
    struct span region, project; /* the row has a place for them, or the region says where it is */
    struct settings_credential credential;
    struct span api_version;          /* azure; absent: the row's */
    struct settings_timeouts timeout; /* own values, or the defaults' */
    struct route_facts facts;
    uint32_t meets;   /* of settings.classes, a bit each: all that it demands is known to be met */
    struct span fate; /* what it says that it shares with others; "none": nothing */
    uint64_t poll_ms; /* an engine: how often each endpoint is asked how it is; 0: never */
    struct policy_pool pool; /* of its endpoints; none where none is asked */
    uint8_t watched;         /* of what it shares; a bit for each enum policy_fate_kind */
};

struct settings_target {
    const struct settings_provider *provider;
    struct span model;        /* the upstream's name */
    struct span id;           /* "provider/model": records, metrics, messages */
    bool thinks;              /* it may think for long before it answers (provider/thinks.h) */
    bool degraded;            /* the model calls it so: asked last, and its answers say so */
    struct route_facts facts; /* its own, or its provider's ... */
    uint32_t meets;           /* ... and what comes of them */
    struct route_when when;
    struct route_words tags;
    uint8_t tier; /* from 0 on; asked behind all of lower ones: the model's, the preferred, the
                   * others, the degraded ones */
    uint16_t weight;
    uint64_t context;          /* how many tokens it takes; 0: nobody says */
    uint32_t kin;              /* of the model's targets: those with the same weights; a bit each */
    uint32_t lacks;            /* of what the model requires (CAP_...) */
    struct span fate;          /* as a provider's */
    struct span shares_limits; /* the provider's targets with this word have one rate limit */
};

/* Its tier of the plan, whatever else of it goes before the others; degraded ones have their own.
 */
static inline unsigned settings_tier(const struct settings_target *t)
{
    return t->tier / 2;
}

#define SETTINGS_TIERS_MAX  32   /* that a plan may write ... */
#define SETTINGS_WEIGHT_MAX 1000 /* ... and the most weight of one of its targets */

/* Whether an answer that breaks off is gone on with, and by whom. */
enum settings_go_on {
    SETTINGS_GO_ON_OFF,
    SETTINGS_GO_ON_FAMILY,   /* by a target with the same weights (provider/family.h) */
    SETTINGS_GO_ON_ANY,      /* by any of the model's targets */
    SETTINGS_GO_ON_INSTRUCT, /* ... others are asked in words ... */
    SETTINGS_GO_ON_REPLAY,   /* ... or afresh, and have to say the same */
};

/* A name that clients send. */
struct settings_model {
    struct span name;
    const struct settings_target *targets; /* in order; at least one */
    size_t targets_n;
    struct policy_rules rules;
    enum route_strategy strategy;
    enum settings_go_on go_on;
    uint64_t cost_max;       /* picodollars: of a request; UINT64_MAX: any */
    uint64_t extra_cost_max; /* ... that failing over may cost beyond the first target, an hour */
    struct span exhausted; /* a text in place of an error when no target could answer; absent: none
                            * is approved */
    uint32_t classes;      /* of settings.classes: what its requests are, a bit each */
    bool filtered;         /* never a target that is not known to have a safety filter */
    bool kin_first;        /* behind whom is asked first, those with the same weights */
    bool tiered;           /* its targets are of more than one tier */
    bool routed_by_body;   /* a request may say more about its routing */
    bool sticky;           /* a conversation goes on where it was answered last */
    bool by_tools;         /* one of them has a condition on tools */
};

/* A row of the price file. */
struct settings_price {
    struct span provider; /* a name under `providers`, or a type */
    struct span model;    /* the upstream's name, or a pattern with '*' */
    struct price price;
};

/* A client's key. */
struct settings_key {
    struct span name;
    uint8_t sha256[32];
    const struct span *models; /* globs; {"*"}: all */
    size_t models_n;
    uint32_t classes;        /* as a model's */
    struct route_words tags; /* that its requests ask for */
    uint64_t expires_ms;     /* Unix time, 0: never */
    uint64_t cost_max;       /* picodollars: of a request; UINT64_MAX: any */
};

/* What becomes of a snapshot that too few requests have come for to judge it. */
enum settings_unproven { SETTINGS_HOLD, SETTINGS_BACK, SETTINGS_KEEP };

#define SETTINGS_ENGINES_MAX 32

/* A command that the master runs beside the gateway (local engines). */
struct settings_engine {
    const struct settings_provider *provider; /* whose endpoint it serves */
    const struct span *argv;                  /* argv[0] is an absolute path */
    size_t argv_n;
    struct span ready_path; /* "/health": 200 means ready */
};

/* Made by settings_load() and settings_auto() only; never a copy. */
struct settings {
    uint32_t refs;      /* see settings_ref(); private */
    uint64_t id;        /* first 8 bytes of the SHA-256 of the canonical text */
    struct span source; /* file name, or "environment" */

    struct {
        const struct net_addr *listen;
        size_t listen_n;
        struct net_addr admin;
        struct span tls_cert, tls_key; /* files; absent: clear text */
        uint64_t drain_ms;
        uint64_t idempotency_ms; /* how long answers are kept; 0: none is, and no key is heeded */
        struct span user; /* whom to become after binding, zero-terminated; absent: nobody else */
        uint32_t workers; /* 0: as many as the CPU quota allows, at least two */
        struct http_limits limits;
        uint64_t head_ms, body_stall_ms, idle_ms, write_stall_ms;
        uint32_t conns, conns_per_ip, requests_per_conn, streams_per_conn;
        bool half_close_ok;
        uint64_t answer_bytes_max;
        uint64_t memory_bytes_max;            /* bodies of all requests in memory */
        uint64_t translation_bytes_max;       /* what requests in translation take besides */
        bool memory_given, translation_given; /* else less will do where there is less */
    } server;

    /* How the next snapshot is tried. */
    struct {
        uint32_t slice; /* of the requests, in millionths; 0: it is not */
        uint64_t at_least_ms, at_most_ms;
        enum settings_unproven unproven;
    } reload;

    const struct route_class *classes;
    size_t classes_n; /* at most ROUTE_CLASSES_MAX */
    const struct settings_provider *providers;
    size_t providers_n;
    const struct settings_model *models;
    size_t models_n;
    struct policy_rules rules; /* for names that are no model's */
    enum settings_go_on go_on; /* likewise */
    uint64_t cost_max;         /* likewise */
    const struct settings_key *keys;
    size_t keys_n;
    bool keys_open; /* no `keys` section: loopback clients need no key */
    const struct settings_engine *engines;
    size_t engines_n;
    /* Operations that pass through go to the first of these that has them. */
    const struct settings_provider *const *pass;
    size_t pass_n;

    const struct settings_fate *fates; /* that are watched, each once */
    size_t fates_n;
    const struct settings_price *prices; /* names in order, then patterns */
    size_t prices_n, prices_named;
    bool prices_block;       /* a model without a price is not asked */
    struct span prices_text; /* of prices.file as it was read now; absent: built in, or given */

    struct {
        bool access;      /* one JSON line a request */
        struct span file; /* absent: standard output */
    } log;
};

/* A client's model name resolved: a model of the configuration, else "provider/model", else a
 * bare name by the rows' patterns among the configured providers. -1: unknown. The target's
 * model points into `name`; its id points into the plan, so a plan is not to be copied. */
#define SETTINGS_ID_MAX 200 /* a provider's name, '/', and a model's */
struct settings_plan {
    const struct settings_model *model; /* NULL for the other two ways */
    struct settings_target one;         /* then this is the only target */
    char id[SETTINGS_ID_MAX];
};
MUST_CHECK int settings_resolve(struct settings_plan *ret, const struct settings *s,
                                struct span name);

/* A target at one of its provider's endpoints, by one of its keys. */
struct settings_way {
    const struct settings_target *target;
    size_t url, key; /* key: 0 also where there is none */
};

/* How likely the way is where weights count, its target's being this: the ways to a target share
 * it. */
uint32_t settings_weight(const struct settings_way *w, uint64_t weight);

/* What a failure domain of a provider's pool is called: its word, or the URL of its only endpoint.
 */
struct span settings_domain_name(const struct settings_provider *p, uint16_t domain);

/* How many ways there are to a target. */
size_t settings_ways(const struct settings_provider *p);

/* The i-th of them: all endpoints by the first key, then by the next one. */
struct settings_way settings_way(const struct settings_target *t, size_t i);

/* What a target shares with others, by one of its ways, so that they fail together
 * (policy/policy.h): what it is called, in one word or two. */
struct settings_fate {
    enum policy_fate_kind kind;
    uint64_t id;
    struct span a, b; /* b may be absent */
};

struct settings_fates {
    struct settings_fate all[POLICY_FATES];
    size_t n;
};

/* All of them, or those that policy is to watch, since somebody shares them. */
void settings_fates(struct settings_fates *ret, const struct settings_way *w);
void settings_watch(struct policy_fates *ret, const struct settings_way *w);

/* The first of a that b has as well; NULL: none. */
const struct settings_fate *settings_shared_fate(const struct settings_fates *a,
                                                 const struct settings_fates *b);

/* Who that is to policy: hashes by which all processes know it, its credential, and what the same
 * silence takes out: the endpoint, or the provider that has only one. A key that is replaced is
 * another credential. */
struct policy_candidate settings_candidate(const struct settings_way *w);

/* The names a client may use, as /v1/models lists them: models, then "provider/..." patterns. */

/* What a model of a provider costs: a row of the provider's name, else of its type, else of the
 * type that it is priced as; a model's name before patterns, and of these the longest. NULL: nobody
 * knows. */
const struct price *settings_price(const struct settings *s, const struct settings_provider *p,
                                   struct span model);

/* The price file that is used without `prices.file`. */
struct span settings_built_in_prices(void);

struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings **s);

struct conf_report;
struct env;

/* Load and check a whole file's text. On error *ret is untouched and every problem is in the
 * report (see conf/report.h). Warnings may be there on success too. */
MUST_CHECK int settings_load(struct settings **ret, struct span text, struct span file,
                             const struct env *env, struct conf_report *report, struct err *e);

/* The same with the text of prices.file, where it was read before (settings.prices_text). Absent:
 * it is read as the configuration says. */
MUST_CHECK int settings_load_with(struct settings **ret, struct span text, struct span file,
                                  struct span prices, const struct env *env,
                                  struct conf_report *report, struct err *e);

/* Warn of every key of `next` that differs from `first`, which the gateway was started with, and
 * that only a start takes into use. Looks at these two alone. */
void settings_compare_start(const struct settings *first, const struct settings *next,
                            struct conf_report *report);

/* A number that is the same for two snapshots by which every request goes the same way. Where they
 * differ only in what belongs to the process (addresses, limits, files of certificates, the log)
 * there is nothing to be tried. */
uint64_t settings_route_id(const struct settings *s);

/* Warn of what of `next` a trial on a slice of the requests cannot show, or would take for a fault:
 * what is the process's own, and what clients lose by it. */
void settings_compare_trial(const struct settings *now, const struct settings *next,
                            struct conf_report *report);

/* No file: what the environment offers. Never fails for want of providers. The same as loading
 * the text that settings_auto_text() writes. */
MUST_CHECK int settings_auto(struct settings **ret, const struct env *env,
                             struct conf_report *report, struct err *e);

/* A configuration (YAML) with one provider for every known vendor whose variables are set, by the
 * env_keys and env_base of its row. It holds names of variables and never a key. Variables that
 * cannot be used are warned about. */
void settings_auto_text(struct buf *out, const struct env *env, struct conf_report *report);

#endif
