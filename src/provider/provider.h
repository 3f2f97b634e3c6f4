/*
 * provider.h - vendors and engines as rows: where they live, how they want to be spoken to, what
 * their errors mean. A new vendor is a row in providers.c; nothing else knows its name.
 *
 * Room: provider (uses base codec dialect). Pure. Threads: any.
 */
#ifndef PROVIDER_PROVIDER_H
#define PROVIDER_PROVIDER_H

#include "codec/reframe.h"
#include "dialect/convert.h"
#include "dialect/dialect.h"
#include "provider/class.h"

/* What a client may ask for. One row an operation in ops.def: client path, dialect, method. */
enum provider_op {
#define X(name, ...) OP_##name,
#include "provider/ops.def"
#undef X
    OPS
};

struct provider_op_row {
    enum provider_op op;
    const char *name;    /* "chat", stable: metric label */
    const char *method;  /* "*": any */
    const char *path;    /* as clients call it: "/v1/chat/completions"; with a '*' as ops.def says;
                          * "": none does */
    const char *dialect; /* whose errors the client understands */
    bool routed;         /* false: passes through to the one target that a route pins it to */
    bool stream;         /* the path says that the answer is a stream */
};

/* The row for a method and path (without query), or NULL: unknown. *path_known tells whether the
 * path exists, perhaps with another method (405). */
const struct provider_op_row *provider_op_find(struct span method, struct span path,
                                               bool *path_known);
const struct provider_op_row *provider_op_row(enum provider_op op);

/* What a path that fits the row has in place of its '*', as it stands there; absent: the row has
 * none. */
struct span provider_op_rest(const struct provider_op_row *op, struct span path);

enum provider_auth {
    AUTH_NONE,
    AUTH_BEARER,    /* authorization: Bearer KEY */
    AUTH_X_API_KEY, /* x-api-key: KEY */
    AUTH_API_KEY,   /* api-key: KEY (Azure) */
    AUTH_GOOGLE,    /* x-goog-api-key: KEY */
    AUTH_AWS,       /* signed with AWS's keys (sigv4.h); never a row's: what its credentials do */
};

/* Whose credentials a row takes beside a key: a token, sent as AUTH_BEARER, or AWS's keys. */
enum provider_cloud { CLOUD_NONE, CLOUD_AWS, CLOUD_GOOGLE, CLOUD_AZURE };

enum provider_cap {
    CAP_STREAM = 1 << 0,
    CAP_TOOLS = 1 << 1,
    CAP_VISION = 1 << 2,
    CAP_JSON_SCHEMA = 1 << 3,
    CAP_PREFILL = 1 << 4,        /* continues a partial assistant message */
    CAP_USAGE_OPT = 1 << 5,      /* counts the tokens of a stream only when
                                  * stream_options.include_usage asks for it */
    CAP_MAX_COMPLETION = 1 << 6, /* knows max_completion_tokens; some models only that */
    CAP_SIGNS = 1 << 7,          /* signs thinking, and refuses what it has not signed */
    CAP_RESPONSES = 1 << 8, /* is asked by Responses for what its chat completions cannot say */
};

/* One row of a provider's error table; the first that matches wins. */
struct provider_error_row {
    uint16_t status;  /* 0: any */
    const char *type; /* error.type or error.code equals (glob with '*'); NULL: any */
    const char *text; /* error.message contains; NULL: any */
    enum class_id class_id;
};

struct provider {
    const char *name;  /* "openai": the `type` in a configuration */
    const char *title; /* "OpenAI" */
    /* "https://api.openai.com/v1"; NULL: `endpoints` must say. Here and in scope "%r" stands for
     * the region and "%p" for the project: see provider_expand(). */
    const char *base;
    const char *base_global;     /* the base where the region is "global"; NULL: the same */
    const char *scope;           /* goes behind every base, written or not; NULL: nothing */
    const char *const *env_keys; /* environment variables that hold a key, NULL-terminated */
    const char *env_base;        /* environment variable that holds the base URL, or NULL */
    enum provider_auth auth;
    enum provider_auth auth_openai; /* for operations that it copies from OpenAI; AUTH_NONE: the
                                     * same */
    bool key_needed;
    enum provider_cloud cloud;
    const char *service;     /* AWS: its name in signatures. Azure: the scope of its tokens */
    const char *env_project; /* environment variables: the project ... */
    const char *const *env_region, *const *env_cloud; /* ... the region; one that tells that the
                                                       * cloud's credentials are there. NULL or
                                                       * NULL-terminated */
    struct {
        const char *name, *value;
    } header; /* sent when the client has none of that name; name NULL: none */
    /* Fields of a client's head that only this provider is sent, NULL-terminated; a '*' at the end
     * stands for anything. NULL: none. */
    const char *const *fields;
    bool engine; /* self-hosted: private and loopback addresses, clear text are normal */
    enum dialect_terminal terminal;
    enum reframe_kind framing; /* what its streams may come in besides server-sent events */
    uint32_t caps;
    struct {
        bool apart;   /* tokens are limited apart: input when it is asked, output as it comes; else
                       * their sum, with the most that the answer may have, when it is asked */
        bool refills; /* what was used comes back all the time, and not when the minute is over */
        bool ramps;   /* a rate that rises too fast is refused (provider_ramps()) */
        bool bare;    /* what x-ratelimit-limit says is of requests (limits.h) */
        uint32_t window_s; /* where its answers do not say when a limit is full again; 0: 60 */
        bool dated;        /* gpt-5-2025-08-07 has the limit of gpt-5 */
        /* Globs of models: all of one have one limit. NULL-terminated, or NULL. */
        const char *const *shared;
    } limits;
    const char *const *models; /* globs of bare model names that belong here, NULL-terminated */
    /* Path behind the base for each operation; NULL: this provider cannot do it. "%m" stands
     * for the upstream model name (Azure deployments), a '*' at the end for what the client's
     * path has behind its own. "WHOLE|STREAM": streams have another one. See provider_path(). */
    const char *paths[OPS];
    struct {
        const char *version; /* "bedrock-2023-05-31"; NULL: Anthropic's API as it is */
        const char *models;  /* glob of those that are asked so; NULL: all */
        bool only;           /* and those in no other way */
        bool keeps_stream;   /* the body says that the answer is a stream, besides the path */
        bool body_betas;     /* it also says what the header anthropic-beta would */
    } hosted; /* Anthropic's messages as clouds have them: the body says the version, and names no
               * model */
    /* Operations that only some models have, or all but some, with the globs of their names
     * (NULL-terminated); ends with a row without globs. NULL: all models have all, but for what
     * `hosted` says. */
    const struct provider_some {
        enum provider_op op;
        const char *const *models;
        bool others; /* those of any other name have it */
    } *some;
    const struct convert_host *host; /* its ways with translated requests of OpenAI's dialects;
                                      * NULL: as all who speak them */
    const char *priced_as; /* a model without a price costs what one of this type does; NULL: that
                            * is not known */
    const char *query;     /* added to every URL ("api-version=..."), or NULL */
    const char *error_header; /* the field of an answer's head that names an error; NULL: none */
    const struct provider_error_row *errors; /* ends with a row of class CLASS_NONE */
};

/* By name; NULL if there is none. provider_at(i) walks all rows; NULL behind the last. */
const struct provider *provider_find(struct span name);
const struct provider *provider_at(size_t i);

/* The provider whose model globs match a bare name, among those for which has(arg, p) is true;
 * in table order. NULL: none. */
const struct provider *
provider_for_model(struct span model, bool (*has)(void *arg, const struct provider *p), void *arg);

/* Append a text of a row with its "%r" and "%p" filled in. */
void provider_expand(struct buf *out, const char *text, struct span region, struct span project);

/* What of the row needs the region ('r') or the project ('p'); 0: nothing does. */
enum provider_place { PLACE_BASE = 1 << 0, PLACE_SCOPE = 1 << 1, PLACE_SIGNATURE = 1 << 2 };
unsigned provider_places(const struct provider *p, char place);

/* How the provider wants the key for an operation. */
enum provider_auth provider_auth(const struct provider *p, enum provider_op op);

/* Does the provider have the operation, for that model? */
bool provider_serves(const struct provider *p, enum provider_op op, struct span model);

/* What is asked for. */
struct provider_ask {
    enum provider_op op;
    bool stream;
    struct span client; /* the client's path without query */
    struct span model;  /* the upstream's name */
};

/* Append the path to call: that of the base URL ("" or "/v1"), then the row's for the operation,
 * filled in. What the one ends with and the other begins with ("/v1") stands once: a base is
 * written with or without it, and what the row's path of chat completions begins with is left out
 * in front of its other paths too. -1: the provider cannot do it; nothing was added. */
MUST_CHECK int provider_path(struct buf *out, const struct provider *p,
                             const struct provider_ask *ask, struct span base);

/* What an upstream failure said, as far as it could be read. Spans may be absent. */
struct provider_failure {
    uint16_t status; /* HTTP status, 0 if none came */
    struct span type, code, text;
    struct span delay; /* RetryInfo's, as it stands there: "22s"; see provider_delay() */
    bool streamed;     /* came inside a 200 stream */
};

/* Read an error body of any known shape ({"error":{...}}, {"type":"error",...}, {"detail":...},
 * {"object":"error","message":...}, {"error":"text"}). Never fails; what is not there is absent.
 * Spans are unescaped copies in the arena. */
struct arena;
void provider_read_error(struct provider_failure *ret, struct span body, struct arena *a);

/* The class of a failure: total, every input has one (CLASS_JUNK when nothing fits a status of
 * success). *known is false when no row matched and the status alone decided. */
enum class_id provider_classify(const struct provider *p, const struct provider_failure *f,
                                bool *known);

/* Does it ask for a slower rise of the rate, whatever is left of the limit? */
bool provider_ramps(const struct provider *p, const struct provider_failure *f);

#endif
