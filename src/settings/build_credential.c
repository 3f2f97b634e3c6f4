/*
 * build_credential.c - where a cloud's credentials come from: `credentials`, then what the cloud's
 * own SDKs look for, in their order. The first source that is there is taken, for good: what is
 * found at the start is what `check` has judged, and nothing changes behind anybody's back.
 *
 *     aws     variables, web identity, shared credentials file, container, instance
 *     google  file, what gcloud has written, metadata server
 *     azure   client secret, workload identity, App Service, instance
 *
 * The last one of each cannot be judged from here: that there is no metadata service shows when
 * the first token is fetched.
 *
 * Secrets go to the locked arena of the snapshot. Metadata services have fixed addresses that no
 * provider may have; the variables of the SDKs can move them, which is how tests reach theirs.
 */
#include "base/file.h"
#include "provider/aws_token.h"
#include "provider/azure_token.h"
#include "provider/google_token.h"
#include "settings/build.h"

#define SCRATCH_MAX ((size_t)256 * 1024)
#define METADATA    "http://169.254.169.254"

struct offer {
    struct build *b;
    const struct keys_provider *k;
    struct settings_provider *p;
    struct settings_credential *c;
};

/* ---- values ---- */

static void complain(const struct offer *o, const char *code, const struct conf_value *at,
                     const char *fmt, ...) PRINTF_LIKE(4, 5);

static void complain(const struct offer *o, const char *code, const struct conf_value *at,
                     const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    conf_report_add(o->b->report, CONF_ERROR, code, at && at->set ? at->at : o->k->self.at,
                    "providers.%.*s.credentials: %s", SPAN_FMT(o->p->name), text);
}

/* Absent also when it is set and empty, as the SDKs have it. */
static struct span env(const struct offer *o, const char *name)
{
    struct span v = env_get(o->b->env, span_str(name));

    return v.n ? v : span_of(NULL, 0);
}

/* The key of the configuration, else the variable. */
static struct span either(const struct offer *o, const struct conf_value *key, const char *name)
{
    return key->set && !key->bad ? key->text : env(o, name);
}

static bool is_secret(enum token_value which)
{
    return which == TOKEN_SECRET || which == TOKEN_SESSION || which == TOKEN_FIELD_VALUE;
}

static void put(const struct offer *o, enum token_value which, struct span v)
{
    struct secret s;
    struct err e;

    if (!span_has(v))
        return;
    if (!is_secret(which)) {
        o->c->conf.v[which] = build_dup(o->b, v);
    } else if (secret_put(o->b->snap->secrets, &s, v, o->p->name, &e) == 0) {
        o->c->conf.v[which] = s.bytes;
    } else {
        o->b->nomem |= e.code == ERR_NOMEM;
        complain(o, "E042", NULL, "%s", e.text);
    }
}

/* A value that was put together; absent: no memory. */
static void put_text(const struct offer *o, enum token_value which, struct span v)
{
    o->c->conf.v[which] = v;
    o->b->nomem |= !span_has(v);
}

/* A secret that the configuration refers to, else a variable. false: there is none. */
static bool put_secret(const struct offer *o, enum token_value which, const struct conf_value *key,
                       const char *name)
{
    struct secret s;

    if (key->bad)
        return true; /* complained about */
    if (key->set) {
        if (build_secret(o->b, key, &s) == 0)
            o->c->conf.v[which] = s.bytes;
        return true;
    }
    put(o, which, name ? env(o, name) : span_of(NULL, 0));
    return span_has(o->c->conf.v[which]);
}

/* ---- AWS ---- */

static bool aws_variables(const struct offer *o)
{
    const struct keys_credentials *k = &o->k->credentials;
    struct span id = env(o, "AWS_ACCESS_KEY_ID"), secret = env(o, "AWS_SECRET_ACCESS_KEY");

    if (k->file.set || k->role.set || k->profile.set || !span_has(id) || !span_has(secret))
        return false;
    o->c->source = &aws_token_fixed;
    put(o, TOKEN_ID, id);
    put(o, TOKEN_SECRET, secret);
    put(o, TOKEN_SESSION, env(o, "AWS_SESSION_TOKEN"));
    return true;
}

static bool aws_web_identity(const struct offer *o)
{
    const struct keys_credentials *k = &o->k->credentials;
    struct span file = either(o, &k->file, "AWS_WEB_IDENTITY_TOKEN_FILE");
    struct span role = either(o, &k->role, "AWS_ROLE_ARN"), sts = env(o, "AWS_ENDPOINT_URL_STS");
    struct span session = env(o, "AWS_ROLE_SESSION_NAME");

    if (k->profile.set || (!span_has(file) && !k->role.set))
        return false;
    if (!span_has(file) || !span_has(role)) {
        complain(o, "E038", &k->self, "%s",
                 span_has(file)
                     ? "a workload identity needs the role it takes on; write role: or set "
                       "AWS_ROLE_ARN"
                     : "a role needs the file with the identity's token; write file: or set "
                       "AWS_WEB_IDENTITY_TOKEN_FILE");
        return true;
    }
    o->c->source = &aws_token_web_identity;
    put(o, TOKEN_FILE, file);
    put(o, TOKEN_ROLE, role);
    put(o, TOKEN_SUBJECT_FIELD, span_has(session) ? session : SPAN_LIT("lamplighter"));
    if (span_has(sts))
        put(o, TOKEN_URL, sts);
    else
        put_text(o, TOKEN_URL,
                 arena_printf(&o->b->snap->arena, "https://sts.%.*s.amazonaws.com/",
                              SPAN_FMT(o->p->region)));
    return true;
}

/* The file in a directory below the user's home; absent: there is no home, or no memory. */
static struct span home(const struct offer *o, const char *below)
{
    struct span dir = env(o, "HOME");

    if (!span_has(dir))
        return dir;
    return arena_printf(&o->b->snap->arena, "%.*s%s", SPAN_FMT(dir), below);
}

/* The keys of a section of a shared credentials file. wanted: somebody has named one of them, so
 * that they must be there. */
static void aws_read_profile(const struct offer *o, struct span path, struct span profile,
                             bool wanted)
{
    const struct conf_value *at = &o->k->credentials.profile;
    struct secret_arena *scratch = NULL;
    struct token_grant g;
    struct secret text;
    struct err e;
    int rc;

    if (secret_arena_new(&scratch, SECRET_FILE_MAX, &e) < 0) {
        o->b->nomem = true;
        return;
    }
    rc = secret_put_file(scratch, &text, path.p, path, &e);
    if (rc == 0 && aws_token_read_profile(text.bytes, profile, &g) < 0)
        rc = err_set(&e, ERR_PARSE, "it has no keys in a section [%.*s]", SPAN_FMT(profile));
    if (rc < 0 && wanted)
        complain(o, e.code == ERR_PARSE ? "E045" : "E041", at, "%.*s cannot be used: %s",
                 SPAN_FMT(path), e.text);
    if (rc == 0) {
        o->c->source = &aws_token_fixed;
        put(o, TOKEN_ID, g.id);
        put(o, TOKEN_SECRET, g.secret);
        put(o, TOKEN_SESSION, g.session);
    }
    secret_arena_free(&scratch);
}

static bool aws_profile(const struct offer *o)
{
    struct span path = env(o, "AWS_SHARED_CREDENTIALS_FILE");
    struct span profile = either(o, &o->k->credentials.profile, "AWS_PROFILE");
    bool wanted = span_has(path) || span_has(profile);

    path = span_has(path) ? path : home(o, "/.aws/credentials");
    if (span_has(path))
        aws_read_profile(o, path, span_has(profile) ? profile : SPAN_LIT("default"), wanted);
    else if (wanted)
        complain(o, "E041", &o->k->credentials.profile,
                 "the shared credentials file cannot be read: HOME is not set");
    return o->c->source || wanted;
}

static bool aws_container(const struct offer *o)
{
    struct span relative = env(o, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    struct span full = env(o, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    struct span file = env(o, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");

    if (!span_has(relative) && !span_has(full))
        return false;
    o->c->source = span_has(file) ? &aws_token_container_file : &aws_token_container;
    if (span_has(relative))
        put_text(o, TOKEN_URL,
                 arena_printf(&o->b->snap->arena, "http://169.254.170.2%.*s", SPAN_FMT(relative)));
    else
        put(o, TOKEN_URL, full);
    put(o, TOKEN_FILE, file);
    put(o, TOKEN_FIELD_VALUE, env(o, "AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    return true;
}

static bool aws_instance(const struct offer *o)
{
    struct span url = env(o, "AWS_EC2_METADATA_SERVICE_ENDPOINT");

    if (span_eq_nocase(env(o, "AWS_EC2_METADATA_DISABLED"), SPAN_LIT("true"))) {
        complain(o, "E045", NULL,
                 "no credentials of AWS were found, and AWS_EC2_METADATA_DISABLED "
                 "says not to ask the instance");
        return true;
    }
    o->c->source = &aws_token_instance;
    put(o, TOKEN_URL, span_has(url) ? url : SPAN_LIT(METADATA));
    return true;
}

static bool aws_static(const struct offer *o)
{
    const struct keys_credentials *k = &o->k->credentials;

    o->c->source = &aws_token_fixed;
    if (!put_secret(o, TOKEN_ID, &k->id, NULL) || !put_secret(o, TOKEN_SECRET, &k->secret, NULL))
        complain(o, "E038", &k->self, "kind static needs id and secret");
    UNUSED(put_secret(o, TOKEN_SESSION, &k->session, NULL));
    return true;
}

/* ---- Google ---- */

static void google_read(const struct offer *o, struct span path)
{
    const struct conf_value *at = &o->k->credentials.file;
    struct secret_arena *locked = NULL;
    struct token_conf conf;
    struct arena scratch;
    struct secret text;
    struct err e;

    arena_init(&scratch, SCRATCH_MAX);
    if (secret_arena_new(&locked, SECRET_FILE_MAX, &e) < 0) {
        o->b->nomem = true;
    } else if (secret_put_file(locked, &text, path.p, path, &e) < 0) {
        complain(o, "E041", at, "%.*s cannot be read: %s", SPAN_FMT(path), e.text);
    } else if (google_token_read_file(&o->c->source, &conf, text.bytes, &scratch, &e) < 0) {
        complain(o, "E045", at, "%.*s: %s", SPAN_FMT(path), e.text);
    } else {
        for (size_t i = 0; i < TOKEN_VALUES; i++)
            put(o, (enum token_value)i, conf.v[i]);
    }
    arena_wipe(&scratch);
    secret_arena_free(&locked);
}

static bool google_file(const struct offer *o)
{
    struct span path = either(o, &o->k->credentials.file, "GOOGLE_APPLICATION_CREDENTIALS");
    struct span own = env(o, "CLOUDSDK_CONFIG");
    struct err e;

    if (!span_has(path)) { /* what gcloud has written */
        path = span_has(own)
                   ? arena_printf(&o->b->snap->arena, "%.*s/application_default_credentials.json",
                                  SPAN_FMT(own))
                   : home(o, "/.config/gcloud/application_default_credentials.json");
        if (!span_has(path) || file_check(path.p, &e) < 0)
            return false;
    }
    google_read(o, path);
    return true;
}

static bool google_metadata(const struct offer *o)
{
    struct span host = env(o, "GCE_METADATA_HOST");

    o->c->source = &google_token_metadata;
    put_text(o, TOKEN_URL,
             arena_printf(&o->b->snap->arena, "http://%.*s",
                          SPAN_FMT(span_has(host) ? host : SPAN_LIT("metadata.google.internal"))));
    return true;
}

/* ---- Azure ---- */

/* The tenant's token service and the client, which both kinds of applications need. */
static void azure_application(const struct offer *o, const struct token_source *source)
{
    const struct keys_credentials *k = &o->k->credentials;
    struct span tenant = either(o, &k->tenant, "AZURE_TENANT_ID");
    struct span client = either(o, &k->client, "AZURE_CLIENT_ID");
    struct span host = env(o, "AZURE_AUTHORITY_HOST");

    if (!span_has(tenant) || !span_has(client)) {
        complain(o, "E038", &k->self, "Azure's %s needs %s", source->name,
                 span_has(tenant) ? "the client; write client: or set AZURE_CLIENT_ID"
                                  : "the tenant; write tenant: or set AZURE_TENANT_ID");
        return;
    }
    host = span_has(host) ? host : SPAN_LIT("https://login.microsoftonline.com");
    if (host.p[host.n - 1] == '/')
        host.n--;
    o->c->source = source;
    put(o, TOKEN_ID, client);
    put(o, TOKEN_SCOPE, span_str(o->p->type->service));
    put_text(o, TOKEN_URL,
             arena_printf(&o->b->snap->arena, "%.*s/%.*s/oauth2/v2.0/token", SPAN_FMT(host),
                          SPAN_FMT(tenant)));
}

static bool azure_secret(const struct offer *o)
{
    if (o->k->credentials.file.set ||
        !put_secret(o, TOKEN_SECRET, &o->k->credentials.secret, "AZURE_CLIENT_SECRET"))
        return false;
    azure_application(o, &azure_token_secret);
    return true;
}

static bool azure_federated(const struct offer *o)
{
    put(o, TOKEN_FILE, either(o, &o->k->credentials.file, "AZURE_FEDERATED_TOKEN_FILE"));
    if (!span_has(o->c->conf.v[TOKEN_FILE]))
        return false;
    azure_application(o, &azure_token_federated);
    return true;
}

/* A managed identity: who is asked, and for what. */
static void azure_managed(const struct offer *o, struct span url, const char *version)
{
    struct span client = either(o, &o->k->credentials.client, "AZURE_CLIENT_ID");
    struct span scope = span_str(o->p->type->service), resource = scope;
    struct buf text;

    if (span_ends(scope, SPAN_LIT("/.default")))
        resource.n -= strlen("/.default");
    buf_init(&text, 4096);
    token_add_form(&text, "api-version", span_str(version));
    token_add_form(&text, "resource", resource);
    if (span_has(client))
        token_add_form(&text, "client_id", client);
    put_text(
        o, TOKEN_URL,
        arena_printf(&o->b->snap->arena, "%.*s?%.*s", SPAN_FMT(url), SPAN_FMT(buf_span(&text))));
    buf_fini(&text);
}

static bool azure_app_service(const struct offer *o)
{
    struct span url = env(o, "IDENTITY_ENDPOINT"), word = env(o, "IDENTITY_HEADER");

    if (!span_has(url) || !span_has(word))
        return false;
    o->c->source = &azure_token_app_service;
    put(o, TOKEN_SECRET, word);
    azure_managed(o, url, "2019-08-01");
    return true;
}

static bool azure_instance(const struct offer *o)
{
    struct span host = env(o, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
    struct span url = arena_printf(&o->b->snap->arena, "%.*s/metadata/identity/oauth2/token",
                                   SPAN_FMT(span_has(host) ? host : SPAN_LIT(METADATA)));

    o->c->source = &azure_token_instance;
    azure_managed(o, url, "2018-02-01");
    return true;
}

/* ---- who is asked ---- */

/* Is clear text meant there? What is on this machine, or the link that it hangs on. */
static bool is_near(struct span host)
{
    enum types_host kind = types_host_kind(host);

    return kind == HOST_FORBIDDEN || kind == HOST_LOOPBACK ||
           (kind == HOST_PRIVATE && span_starts(host, SPAN_LIT("169.254.")));
}

static void build_via(const struct offer *o, struct settings_provider *via, struct span text)
{
    struct span query = text, url = span_cut(&query, '?');
    struct settings_url *u = build_alloc(o->b, 1, sizeof(*u));
    bool near;
    struct err e;

    *via = (struct settings_provider){.name = o->p->name,
                                      .type = o->p->type,
                                      .urls = u,
                                      .ca_file = o->p->ca_file,
                                      .ca_stamp = o->p->ca_stamp,
                                      .timeout = o->p->timeout};
    if (!u)
        return;
    if (types_read_url(u, url, &e) < 0) {
        complain(o, "E045", NULL, "'%.*s' %s", SPAN_FMT(url), e.text);
        return;
    }
    via->urls_n = 1;
    near = is_near(u->host);
    if (!u->tls && !near)
        complain(o, "E045", NULL, "'%.*s' is clear text; the credentials could be read on the way",
                 SPAN_FMT(url));
    via->allow_metadata = near && !u->tls;
    via->allow_private = near || o->p->allow_private;
    if (!near)
        via->proxy = o->p->proxy;
}

/* ---- the key ---- */

#define FOR(kind) (1U << (kind))

static const struct {
    const char *name;
    size_t at;
    unsigned kinds;
} keys[] = {
    {"file", offsetof(struct keys_credentials, file),
     FOR(KIND_AWS) | FOR(KIND_GOOGLE) | FOR(KIND_AZURE)},
    {"profile", offsetof(struct keys_credentials, profile), FOR(KIND_AWS)},
    {"role", offsetof(struct keys_credentials, role), FOR(KIND_AWS)},
    {"tenant", offsetof(struct keys_credentials, tenant), FOR(KIND_AZURE)},
    {"client", offsetof(struct keys_credentials, client), FOR(KIND_AZURE)},
    {"id", offsetof(struct keys_credentials, id), FOR(KIND_STATIC)},
    {"secret", offsetof(struct keys_credentials, secret), FOR(KIND_STATIC) | FOR(KIND_AZURE)},
    {"session", offsetof(struct keys_credentials, session), FOR(KIND_STATIC)},
};

#define SOURCES_MAX 5

static const struct {
    const char *name;
    enum provider_cloud cloud;
    bool (*sources[SOURCES_MAX])(const struct offer *o); /* true: this one is taken */
} kinds[] = {
    [KIND_STATIC] = {"static", CLOUD_AWS, {aws_static}},
    [KIND_AWS] = {"aws",
                  CLOUD_AWS,
                  {aws_variables, aws_web_identity, aws_profile, aws_container, aws_instance}},
    [KIND_GOOGLE] = {"google", CLOUD_GOOGLE, {google_file, google_metadata}},
    [KIND_AZURE] = {"azure",
                    CLOUD_AZURE,
                    {azure_secret, azure_federated, azure_app_service, azure_instance}},
};

static void check_keys(const struct offer *o, enum types_kind kind)
{
    const struct keys_credentials *k = &o->k->credentials;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct conf_value *v = (const void *)((const char *)k + keys[i].at);

        if (v->set && !(keys[i].kinds & FOR(kind)))
            complain(o, "E038", v, "kind %s has no use for %s", kinds[kind].name, keys[i].name);
    }
}

/* The kind that is written, or the type's own. KIND_ANY: complained about. */
static enum types_kind pick_kind(const struct offer *o)
{
    const struct conf_value *v = &o->k->credentials.kind;
    enum provider_cloud cloud = o->p->type->cloud;

    if (v->bad)
        return KIND_ANY;
    if (cloud == CLOUD_NONE) {
        complain(o, "E045", v, "type %s takes a key and no cloud's credentials", o->p->type->name);
        return KIND_ANY;
    }
    if (v->set && kinds[v->num].cloud == cloud)
        return (enum types_kind)v->num;
    for (size_t i = KIND_AWS; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].cloud != cloud)
            continue;
        if (!v->set)
            return (enum types_kind)i;
        complain(o, "E045", v, "type %s takes kind %s", o->p->type->name, kinds[i].name);
    }
    return KIND_ANY;
}

void build_credential(struct build *b, const struct keys_provider *k, struct settings_provider *p)
{
    struct settings_credential c = {0};
    const struct offer o = {b, k, p, &c};
    struct settings_provider *via;
    enum types_kind kind;
    bool taken = false;

    if (!k->credentials.self.set &&
        (p->type->cloud == CLOUD_NONE || p->type->key_needed || k->key.set))
        return;
    kind = pick_kind(&o);
    if (kind == KIND_ANY)
        return;
    if (k->key.set) {
        complain(&o, "E038", &k->credentials.self, "there is a key too; leave one of them out");
        return;
    }
    check_keys(&o, kind);
    for (size_t i = 0; i < SOURCES_MAX && !taken && kinds[kind].sources[i]; i++)
        taken = kinds[kind].sources[i](&o);
    if (!c.source)
        return;
    if (c.source->steps_n) {
        via = build_alloc(b, TOKEN_URLS, sizeof(*via));
        for (size_t i = 0; via && i < TOKEN_URLS; i++)
            if (span_has(c.conf.v[i]))
                build_via(&o, &via[i], c.conf.v[i]);
        c.via = via;
    }
    p->credential = c;
}
