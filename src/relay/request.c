/*
 * request.c - reads what a client wants and finds who can serve it.
 *
 * Only the head and a few watched values of the body are read; what is sent on is the body as it
 * came, with a patch where the upstream calls the model otherwise, and without thinking that it
 * would refuse for another's signature.
 */
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/secret.h"
#include "codec/json_place.h"
#include "codec/percent.h"
#include "codec/json_write.h"
#include "relay/headers.h"
#include "relay/relay_plan.h"

#define NAMES_MOST ((size_t)1024) /* bytes of names that a 404 lists */

bool relay_no(struct relay_refusal *no, uint16_t status, enum reason reason, const char *text,
              const char *hint)
{
    *no = (struct relay_refusal){.status = status, .reason = reason, .text = text, .hint = hint};
    return false;
}

bool relay_no_at(struct relay_refusal *no, uint16_t status, enum reason reason, const char *param,
                 const char *text, const char *hint)
{
    relay_no(no, status, reason, text, hint);
    no->param = span_str(param);
    return false;
}

void relay_keep(char *out, size_t cap, struct span s)
{
    size_t n = MIN(s.n, cap - 1);

    if (n)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

static struct span path_only(struct span path)
{
    return span_cut(&path, '?');
}

/* ---- what a URL says ---- */

/* Without its percent escapes, in the arena; absent: no memory. */
static struct span plain(struct arena *a, struct span s)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;

    if (!out)
        return span_of(NULL, 0);
    for (size_t i = 0; i < s.n;)
        i += percent_take(span_of(s.p + i, s.n - i), &out[n++]);
    return span_of(out, n);
}

#define WORD_MAX 32 /* nobody here looks for a longer one */

/* Without its percent escapes; "": it is longer. */
static void short_plain(char out[WORD_MAX], struct span s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n && n < WORD_MAX;)
        i += percent_take(span_of(s.p + i, s.n - i), &out[n++]);
    out[n < WORD_MAX ? n : 0] = '\0';
}

/* One "name=value" of a query. Taken apart without memory: what is not found for want of it would
 * be taken for what is not there. */
struct member {
    struct span whole, value;
    char name[WORD_MAX];
};

static void next_member(struct span *query, struct member *m)
{
    m->whole = m->value = span_cut(query, '&');
    short_plain(m->name, span_cut(&m->value, '='));
}

/* Google takes its own parameters with and without a $. false: there is none such. */
static bool find_member(const struct relay *r, const char *want, struct member *m)
{
    struct span rest = r->head->path;

    span_cut(&rest, '?');
    while (span_has(rest)) {
        next_member(&rest, m);
        if (strcmp(m->name + (m->name[0] == '$'), want) == 0)
            return true;
    }
    return false;
}

struct span relay_query_get(struct relay *r, const char *want)
{
    struct member m;

    return find_member(r, want, &m) ? plain(&r->arena, m.value) : span_of(NULL, 0);
}

static bool query_says(const struct relay *r, const char *name, const char *value)
{
    char said[WORD_MAX];
    struct member m;

    if (!find_member(r, name, &m))
        return false;
    short_plain(said, m.value);
    return strcmp(said, value) == 0;
}

/* Parameters of Google's API that are credentials. They are the client's, and go no further. */
static bool is_credential(const char *name)
{
    static const char *const names[] = {"key", "access_token", "$key", "$access_token",
                                        "oauth_token"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The model and whether to stream, where the URL says it. */
static bool read_url(struct relay *r, struct relay_refusal *no)
{
    struct span name = plain(&r->arena, provider_op_rest(r->op, path_only(r->head->path)));

    if (!name.p)
        return relay_no(no, 503, REASON_NO_MEMORY, "The gateway has no memory for this request.",
                        NULL);
    if (name.n == 0 || name.n >= DIALECT_MODEL_MAX)
        return relay_no(no, 400, REASON_BAD_REQUEST,
                        "The path names no model of at most 127 bytes.", NULL);
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7F)
            return relay_no(no, 400, REASON_BAD_REQUEST,
                            "The model's name in the path has control characters.", NULL);
    relay_keep(r->req.model, sizeof(r->req.model), name);
    r->req.model_n = (uint8_t)name.n;
    r->req.stream = r->op->stream && query_says(r, "alt", "sse");
    return true;
}

void relay_body_fault(struct relay *r, struct relay_refusal *no)
{
    const char *why = r->reader->why;
    char text[JSON_PLACE_TEXT];
    struct json_place place;
    struct span s;
    struct err e;
    uint64_t fault;

    no->text = why;
    no->param = span_str(r->reader->place);
    if (!dialect_request_broken(r->reader, &fault))
        return;
    json_place_init(&place);
    for (uint64_t at = 0; at < fault; at += s.n) {
        if (blob_at(r->body, at, &s, &e) < 0)
            return;
        s.n = (size_t)MIN((uint64_t)s.n, fault - at);
        json_place_feed(&place, s.p, s.n);
    }
    json_place_text(&place, text);
    s = text[0] ? arena_printf(&r->arena, "%s It is in %s.", why, text) : span_of(NULL, 0);
    if (!s.p)
        return;
    no->text = s.p;
    no->param = arena_dup(&r->arena, span_str(text));
}

/* ---- keys ---- */

static struct span presented_key(struct relay *r)
{
    static const char *const fields[] = {"x-api-key", "x-goog-api-key"};
    struct span key = http_field_get(r->head, "authorization");

    if (key.n > 7 && span_eq_nocase(span_of(key.p, 7), SPAN_LIT("Bearer ")))
        return span_trim(span_of(key.p + 7, key.n - 7));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        key = http_field_get(r->head, fields[i]);
        if (span_has(key))
            return key;
    }
    return r->dialect->by_url ? relay_query_get(r, "key") : key;
}

static bool hash(const struct relay_env *env, struct span s, uint8_t sum[SHA256_DIGEST_LENGTH])
{
    return EVP_DigestInit_ex(env->hash, env->sha256, NULL) == 1 &&
           EVP_DigestUpdate(env->hash, s.p, s.n) == 1 &&
           EVP_DigestFinal_ex(env->hash, sum, NULL) == 1;
}

/* A web page can make a browser on this host send a request, but not without saying where the page
 * is from, or to whom it believes to speak. */
static bool is_from_a_page(const struct http_head *h)
{
    struct span origin = http_field_get(h, "origin");
    size_t scheme = span_find(origin, ':');

    if (h->authority.n && http_host_kind(h->authority) == HTTP_HOST_NAME)
        return true;
    if (!span_has(origin))
        return false;
    if (scheme == SIZE_MAX || scheme + 3 > origin.n) /* "null": a page that will not say */
        return true;
    return http_host_kind(span_of(origin.p + scheme + 3, origin.n - scheme - 3)) != HTTP_HOST_LOCAL;
}

static bool check_key(struct relay *r, const struct net_addr *peer, struct relay_refusal *no)
{
    const struct settings *s = r->settings;
    struct span given = presented_key(r);
    const struct settings_key *found = NULL;
    uint8_t sum[SHA256_DIGEST_LENGTH];

    if (s->keys_open && net_addr_loopback(peer) && is_from_a_page(r->head))
        return relay_no(
            no, 403, REASON_NO_KEY,
            "Without a `keys` section the gateway serves no web page of another host, and "
            "is called by an IP address or as localhost.",
            "Add `keys` to the configuration, or call it as 127.0.0.1.");
    if (s->keys_open && net_addr_loopback(peer))
        return true;
    if (s->keys_open)
        return relay_no(no, 401, REASON_NO_KEY,
                        "Without a `keys` section the gateway serves clients of its own host only.",
                        "Add `keys` to the configuration.");
    if (given.n == 0)
        return relay_no(no, 401, REASON_NO_KEY, "This gateway asks for a key, and none was sent.",
                        "Send it as 'Authorization: Bearer KEY', 'x-api-key: KEY' or "
                        "'x-goog-api-key: KEY'.");
    if (!hash(r->env, given, sum))
        return relay_no(no, 503, REASON_NO_MEMORY, "The gateway cannot hash the key.", NULL);
    for (size_t i = 0; i < s->keys_n; i++) /* all of them: the time tells nothing */
        if (secret_eq(span_of((const char *)sum, sizeof(sum)),
                      span_of((const char *)s->keys[i].sha256, sizeof(sum))))
            found = &s->keys[i];
    if (!found || (found->expires_ms && found->expires_ms <= ev_wall_ms(r->env->ev)))
        return relay_no(
            no, 401, REASON_BAD_KEY,
            found ? "The key has expired." : "The key is not known to this gateway.",
            "Ask who runs the gateway for a key, or check `keys` in its configuration.");
    r->key = found;
    relay_keep(r->record.key, sizeof(r->record.key), found->name);
    return true;
}

static bool key_allows(const struct relay *r, struct span model)
{
    if (!r->key)
        return true;
    for (size_t i = 0; i < r->key->models_n; i++)
        if (span_glob(r->key->models[i], model))
            return true;
    return false;
}

/* A path that passes through is not read, so nothing can hold a key to its models there. */
static bool key_allows_all(const struct relay *r)
{
    return key_allows(r, SPAN_LIT("*"));
}

/* ---- the head ---- */

/* Which dialect should an error of an unknown path be said in? */
static const struct dialect *guess_dialect(struct span path)
{
    static const struct {
        struct span begin;
        const struct dialect *d;
    } rows[] = {
        {SPAN_LIT("/v1/messages"), &dialect_anthropic_messages},
        {SPAN_LIT("/v1beta/"), &dialect_gemini_generate},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_starts(path, rows[i].begin))
            return rows[i].d;
    return &dialect_openai_chat;
}

/* Models and files have one path each in several vendors' APIs. Whose client it is shows by what
 * their SDKs send with everything; absent: OpenAI's. */
static const struct dialect *whose(struct relay *r)
{
    bool models = r->op->op == OP_MODELS || r->op->op == OP_MODEL;

    if (!models && r->op->op != OP_FILES)
        return NULL;
    if (span_has(http_field_get(r->head, "anthropic-version")))
        return &dialect_anthropic_messages;
    if (models && (span_has(http_field_get(r->head, "x-goog-api-key")) ||
                   span_has(http_field_get(r->head, "x-goog-api-client")) ||
                   span_has(relay_query_get(r, "key"))))
        return &dialect_gemini_generate;
    return NULL;
}

bool relay_read_path(struct relay *r, struct relay_refusal *no)
{
    struct span path = path_only(r->head->path);
    bool known = false;

    r->dialect = guess_dialect(path);
    r->op = provider_op_find(r->head->method, path, &known);
    if (!r->op)
        return relay_no(no, known ? 405 : 404, REASON_UNKNOWN_PATH,
                        known ? "This path does not take this method."
                              : "The gateway has no such path.",
                        "Clients use the base URL of the gateway with /v1, for instance "
                        "http://127.0.0.1:8080/v1.");
    r->record.op = r->op->op;
    if (r->op->dialect)
        r->dialect = dialect_find(span_str(r->op->dialect));
    if (whose(r))
        r->dialect = whose(r);
    return true;
}

bool relay_read_head(struct relay *r, const struct net_addr *peer, struct relay_refusal *no)
{
    struct span encoding = http_field_get(r->head, "content-encoding");
    uint64_t retry;

    /* the SDKs of OpenAI, Anthropic and others that are made alike */
    if (span_u64(http_field_get(r->head, "x-stainless-retry-count"), &retry) == 0)
        r->record.client_retry = (uint16_t)MIN(retry, (uint64_t)UINT16_MAX);
    if (!check_key(r, peer, no))
        return false;
    if (span_has(encoding) && !span_eq_nocase(encoding, SPAN_LIT("identity")))
        return relay_no(no, 415, REASON_BAD_REQUEST, "The request body is compressed.",
                        "Send it without content-encoding.");
    return relay_read_once(r, no);
}

/* ---- model and target ---- */

/* "smart, small, openai/..., local/...": what a client may call, as far as it fits. */
static void add_names(struct buf *out, const struct settings *s)
{
    for (size_t i = 0; i < s->models_n && out->n < NAMES_MOST; i++) {
        buf_add_span(out, s->models[i].name);
        buf_add_str(out, ", ");
    }
    for (size_t i = 0; i < s->providers_n && out->n < NAMES_MOST; i++) {
        buf_add_span(out, s->providers[i].name);
        buf_add_str(out, "/MODEL, ");
    }
    if (out->n >= 2 && buf_ok(out))
        out->n -= 2; /* the last comma */
}

static bool unknown_model(struct relay *r, struct relay_refusal *no, struct span name)
{
    struct span text;
    struct buf names;

    buf_init(&names, 2 * NAMES_MOST);
    add_names(&names, r->settings);
    text = arena_printf(&r->arena, "There is no model '%.*s' here. The names are: %.*s.",
                        SPAN_FMT(name), SPAN_FMT(buf_span(&names)));
    buf_fini(&names);
    return relay_no_at(no, 404, REASON_UNKNOWN_MODEL, r->req.model_len ? "model" : NULL,
                       text.p ? text.p : "There is no such model.",
                       "Use one of the names, or add the model to the configuration.");
}

bool relay_find_model(struct relay *r, struct span *ret_name, struct relay_refusal *no)
{
    *ret_name = plain(&r->arena, provider_op_rest(r->op, path_only(r->head->path)));
    return settings_resolve(&r->plan, r->settings, *ret_name) == 0 ||
           unknown_model(r, no, *ret_name);
}

/* The provider that keeps the answer which the path names; NULL: it names none, or nobody knows. */
static const struct settings_provider *keeper_of_path(const struct relay *r)
{
    static const struct span before = SPAN_LIT("/v1/responses/");
    struct span path = path_only(r->head->path), rest;
    const struct settings *s = r->settings;
    uint32_t keeper;

    if (r->op->op != OP_STORED_RESPONSES || !span_starts(path, before))
        return NULL;
    rest = span_of(path.p + before.n, path.n - before.n);
    keeper = relay_keeper_of(r, span_hash(span_cut(&rest, '/')));
    for (size_t i = 0; keeper && i < s->providers_n; i++)
        if (kept_mark(s->providers[i].name) == keeper)
            return &s->providers[i];
    return NULL;
}

/* Does the provider have the path, as the client means it? Whose files they are the client has said
 * by its dialect, and a provider of the other vendor's API has none of them. */
static bool has_path(const struct relay *r, const struct provider *type)
{
    bool anthropic = r->dialect == &dialect_anthropic_messages;

    if (r->op->op == OP_FILES && !type->paths[anthropic ? OP_MESSAGES : OP_CHAT])
        return false;
    return type->paths[r->op->op] != NULL;
}

static bool is_walled(const struct relay *r, const struct settings_provider *p)
{
    return r->classes & ~p->meets;
}

/* *ret_walled: those that have the path may not have the request. */
static const struct settings_provider *first_to_pass(const struct relay *r, bool *ret_walled)
{
    const struct settings *s = r->settings;

    *ret_walled = false;
    for (size_t i = 0; i < s->pass_n; i++) {
        if (!has_path(r, s->pass[i]->type))
            continue;
        if (!is_walled(r, s->pass[i])) {
            *ret_walled = false;
            return s->pass[i];
        }
        *ret_walled = true;
    }
    return NULL;
}

static bool find_pinned(struct relay *r, struct relay_refusal *no)
{
    const struct settings *s = r->settings;
    const struct settings_provider *pinned = keeper_of_path(r);
    bool walled = false;

    if (pinned && !has_path(r, pinned->type)) /* it is of another type by now */
        pinned = NULL;
    if (!pinned)
        pinned = first_to_pass(r, &walled);
    else if (is_walled(r, pinned))
        walled = true;
    if (walled)
        return relay_no(no, 403, REASON_WALLED,
                        "No provider that this path passes through to may have this request, for "
                        "the class of data that it has.",
                        "Say in the gateway's configuration what is known of the providers, or "
                        "name another one in `pass`.");
    if (!pinned && r->op->op == OP_FILES && s->pass_n)
        return relay_no(no, 404, REASON_UNKNOWN_PATH,
                        "No provider that files may pass through to has them as this client means.",
                        "Files are Anthropic's for clients that send `anthropic-version`, and "
                        "OpenAI's for all others; name a provider in the configuration: "
                        "`pass: PROVIDER`.");
    if (!pinned)
        return relay_no(no, 404, REASON_UNKNOWN_PATH,
                        s->pass_n ? "No provider that paths may pass through to has this one."
                                  : "This path passes through unread, and no provider is named "
                                    "that it may pass through to.",
                        "Name one that has it in the configuration: `pass: PROVIDER`. Without a "
                        "configuration file, set the key of one, such as OPENAI_API_KEY.");
    r->plan.one = (struct settings_target){
        .provider = pinned, .id = pinned->name, .facts = pinned->facts, .meets = pinned->meets};
    if (relay_is_disabled(r, &r->plan.one, no))
        return false;
    r->at->target = &r->plan.one;
    r->at->url = &pinned->urls[0];
    return true;
}

bool relay_find_target(struct relay *r, struct relay_refusal *no)
{
    struct span name;

    if (r->dialect->by_url && !read_url(r, no))
        return false;
    if (!relay_read_classes(r, no))
        return false;
    name = span_of(r->req.model, r->req.model_n);
    if (!r->op->routed) {
        if (!key_allows_all(r))
            return relay_no(no, 403, REASON_BAD_KEY,
                            "The key is held to some models, and this path passes through unread.",
                            "Use a key with models: ['*'].");
        if (!find_pinned(r, no))
            return false;
    } else {
        relay_keep(r->record.model, sizeof(r->record.model), name);
        if (settings_resolve(&r->plan, r->settings, name) < 0)
            return unknown_model(r, no, name);
        if (!key_allows(r, name))
            return relay_no(no, 403, REASON_BAD_KEY, "The key is not allowed this model.",
                            "Add the model to the key in the configuration.");
        r->classes |= r->plan.model ? r->plan.model->classes : 0;
        return relay_read_routing(r, no) && relay_plan(r, no) && relay_next_target(r, no);
    }
    relay_name_target(r);
    return true;
}

/* ---- the attempt ---- */

static void add_query(struct buf *out, struct span query, char *sep)
{
    if (query.n == 0)
        return;
    buf_add_char(out, *sep);
    buf_add_span(out, query);
    *sep = '&';
}

/* The client's query, without the credentials that it may hold where the dialect has them there. */
static void add_client_query(struct buf *out, struct relay *r, struct span query, char *sep)
{
    struct member m;

    if (!r->dialect->by_url) {
        add_query(out, query, sep);
        return;
    }
    while (span_has(query)) {
        next_member(&query, &m);
        if (!is_credential(m.name))
            add_query(out, m.whole, sep);
    }
}

static struct span upstream_path(struct relay *r)
{
    const struct settings_provider *p = r->at->target->provider;
    enum provider_op op = r->at->translate ? r->at->up_op->op : r->op->op;
    struct span rest = r->head->path, path = span_cut(&rest, '?'), ret = {NULL, 0};
    struct buf b;
    char sep = '?';

    buf_init(&b, (size_t)16 * 1024);
    if (provider_path(&b, p->type,
                      &(struct provider_ask){op, r->req.stream, path, r->at->target->model},
                      r->at->url->path) < 0)
        buf_fini(&b);      /* plan.c and find_pinned() have asked: this does not happen */
    if (!r->at->translate) /* else it was meant for another API */
        add_client_query(&b, r, rest, &sep);
    else if (r->at->up_op->stream) /* Gemini's: events, and no list */
        add_query(&b, SPAN_LIT("alt=sse"), &sep);
    if (p->api_version.n) {
        buf_add_char(&b, sep);
        buf_add_str(&b, "api-version=");
        buf_add_span(&b, p->api_version);
    } else if (p->type->query) {
        add_query(&b, span_str(p->type->query), &sep);
    }
    if (buf_ok(&b))
        ret = arena_dup(&r->arena, buf_span(&b));
    buf_fini(&b);
    return ret;
}

const struct dialect_ready *relay_ready(const struct relay *r, const struct dialect *d)
{
    const struct dialect_ready *y = r->env->ready;

    while (y->request.d != d)
        y++; /* all dialects are there */
    return y;
}

/* Fields that only one vendor's API has would say nothing to another one, and what the client
 * accepts is what the gateway will make of the answer. */
static size_t leave_out_foreign(struct http_field *fields, size_t n)
{
    static const char *const foreign_fields[] = {"anthropic-*", "openai-*", "accept"};
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        bool foreign = false;

        for (size_t j = 0; j < ARRAY_LEN(foreign_fields); j++)
            foreign |= span_glob(span_str(foreign_fields[j]), fields[i].name);
        if (!foreign)
            fields[kept++] = fields[i];
    }
    return kept;
}

/* The request as it goes to a target of another dialect. */
static void translated_conf(const struct relay *r, struct call_conf *conf)
{
    conf->body = r->at->up_body;
    conf->patches_n = 0;
    conf->op = r->at->up_op->op;
    conf->dialect = relay_ready(r, r->at->up_dialect);
}

/* What the target is to believe us by: a credential that was fetched, or the configuration's key.
 */
static void add_credential(const struct relay *r, struct call_conf *conf)
{
    const struct settings_provider *p = conf->provider;

    conf->auth = provider_auth(p->type, conf->op);
    if (p->keys_n)
        conf->key = p->keys[r->at->key_at].bytes;
    if (!r->at->cred)
        return;
    conf->auth = p->type->cloud == CLOUD_AWS ? AUTH_AWS : AUTH_BEARER;
    conf->key = conf->auth == AUTH_AWS ? r->at->cred->grant.session : r->at->cred->grant.token;
    conf->aws = (struct sigv4_key){.id = r->at->cred->grant.id,
                                   .secret = r->at->cred->grant.secret,
                                   .region = p->region,
                                   .service = span_str(p->type->service)};
}

int relay_call_conf(struct relay *r, struct call_conf *conf, struct err *e)
{
    const struct settings_provider *p = r->at->target->provider;
    struct http_field *fields;

    *conf = (struct call_conf){
        .ev = r->env->ev,
        .spares = &r->env->calls,
        .provider = p,
        .url = r->at->url,
        .op = r->op->op,
        .method = r->head->method,
        .body = blob_len(r->body) || r->op->routed ? r->body : NULL,
        .patches = r->at->patches,
        .patches_n = r->at->patches_n,
        .dialect = r->op->routed ? relay_ready(r, r->dialect) : NULL,
        .stream = r->req.stream,
        .choices = r->req.choices,
        .timeout = p->timeout,
    };
    if (p->timeout.adaptive && r->run.n)
        conf->timeout.first_ms =
            MIN(conf->timeout.first_ms, policy_patience_us(&r->run, ev_now(r->env->ev)) / 1000);
    relay_keep(r->record.server, sizeof(r->record.server), conf->url->host);
    conf->path = upstream_path(r);
    fields = arena_alloc(&r->arena, (r->head->fields_n + 1) * sizeof(*fields));
    if (!conf->path.p || !fields)
        return err_set(e, ERR_NOMEM, "no memory for a request");
    conf->fields_n = headers_filter(fields, r->head, HEADERS_TO_UPSTREAM, p->type->fields);
    conf->fields = fields;
    if (r->at->translate || (relay_is_hosted(r) && p->type->hosted.body_betas))
        conf->fields_n = leave_out_foreign(fields, conf->fields_n);
    if (r->at->translate)
        translated_conf(r, conf);
    add_credential(r, conf);
    return call_pools_get(r->env->pools, &conf->pool, p, conf->url, e);
}
