/*
 * google_token.c - see google_token.h.
 */
#include "provider/google_token.h"

#include "base/buf.h"
#include "base/secret.h"
#include "codec/json_tree.h"
#include "codec/json_write.h"
#include "provider/google_jwt.h"

#define SCOPE         "https://www.googleapis.com/auth/cloud-platform"
#define TOKEN_SERVICE "https://oauth2.googleapis.com/token"
#define FORM_MAX      (4 * TOKEN_FILE_MAX)
#define ACCESS_TOKEN  "urn:ietf:params:oauth:token-type:access_token"

/* ---- a service account's key ---- */

static int ask_account(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    const struct span *v = f->conf->v;
    const struct google_jwt j = {.key = v[TOKEN_SECRET],
                                 .key_id = v[TOKEN_KEY_ID],
                                 .issuer = v[TOKEN_ID],
                                 .scope = v[TOKEN_SCOPE],
                                 .audience = v[TOKEN_URL]};
    struct buf form, jwt;
    int rc;

    buf_init(&form, FORM_MAX);
    buf_init(&jwt, FORM_MAX);
    rc = google_jwt_sign(&jwt, &j, f->now_s, e);
    if (rc == 0) {
        token_add_form(&form, "grant_type",
                       SPAN_LIT("urn:ietf:params:oauth:grant-type:jwt-bearer"));
        token_add_form(&form, "assertion", buf_span(&jwt));
        rc = token_post_form(f, ret, TOKEN_URL, &form, e);
    }
    buf_fini(&jwt);
    buf_fini(&form);
    return rc;
}

/* ---- a user's refresh token ---- */

static int ask_user(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    const struct span *v = f->conf->v;
    struct buf form;
    int rc;

    buf_init(&form, FORM_MAX);
    token_add_form(&form, "grant_type", SPAN_LIT("refresh_token"));
    token_add_form(&form, "client_id", v[TOKEN_ID]);
    token_add_form(&form, "client_secret", v[TOKEN_SECRET]);
    token_add_form(&form, "refresh_token", v[TOKEN_SESSION]);
    rc = token_post_form(f, ret, TOKEN_URL, &form, e);
    secret_wipe(form.p, form.n);
    buf_fini(&form);
    return rc;
}

/* ---- an identity of another cloud ---- */

/* The subject's token in what a file or a URL gave. */
static int find_subject(const struct token_flow *f, struct span text, struct span *ret,
                        struct err *e)
{
    struct json_tree t = {0};
    struct span field = f->conf->v[TOKEN_SUBJECT_FIELD], found = text;

    if (span_has(field)) {
        found = span_of(NULL, 0);
        if (json_tree_read(&t, text, e) == 0)
            found = json_text(yyjson_obj_getn(t.root, field.p, field.n));
    }
    found =
        span_has(found) && token_sendable(found) ? arena_dup(f->arena, found) : span_of(NULL, 0);
    if (t.bytes)
        secret_wipe(t.bytes, text.n);
    json_tree_fini(&t);
    if (!span_has(found))
        return err_set(e, ERR_PROTOCOL, "it has no token of the identity");
    *ret = found;
    return 0;
}

static int ask_subject(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    UNUSED(e);
    return token_get(ret, TOKEN_SUBJECT_URL, span_of(NULL, 0), f->conf->v[TOKEN_FIELD_NAME],
                     f->conf->v[TOKEN_FIELD_VALUE]);
}

static int read_subject(struct token_flow *f, struct span body, struct err *e)
{
    return find_subject(f, span_trim(body), &f->first, e);
}

static int ask_sts(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    const struct span *v = f->conf->v;
    struct span subject = f->first;
    struct buf form;
    int rc;

    if (!span_has(subject) && find_subject(f, f->file, &subject, e) < 0)
        return -1;
    buf_init(&form, FORM_MAX);
    token_add_form(&form, "grant_type",
                   SPAN_LIT("urn:ietf:params:oauth:grant-type:token-exchange"));
    token_add_form(&form, "audience", v[TOKEN_AUDIENCE]);
    token_add_form(&form, "scope", v[TOKEN_SCOPE]);
    token_add_form(&form, "requested_token_type", SPAN_LIT(ACCESS_TOKEN));
    token_add_form(&form, "subject_token_type", v[TOKEN_SUBJECT_TYPE]);
    token_add_form(&form, "subject_token", subject);
    rc = token_post_form(f, ret, TOKEN_URL, &form, e);
    buf_fini(&form);
    return rc;
}

static int ask_impersonate(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    struct span bearer =
        arena_join(f->arena, (struct span[]){SPAN_LIT("Bearer "), f->grant.token}, 2);

    *ret = (struct token_request){
        .url = TOKEN_IMPERSONATE_URL,
        .method = "POST",
        .fields = {{SPAN_LIT("authorization"), bearer},
                   {SPAN_LIT("content-type"), SPAN_LIT("application/json")}},
        .fields_n = 2,
        .body = SPAN_LIT("{\"scope\":[\"" SCOPE "\"]}"),
    };
    return span_has(bearer) ? 0 : err_set(e, ERR_NOMEM, "no memory for a token request");
}

static int read_impersonated(struct token_flow *f, struct span body, struct err *e)
{
    struct answer {
        struct span token, until;
    } a = {0};
    static const struct token_member members[] = {
        {"accessToken", offsetof(struct answer, token), true},
        {"expireTime", offsetof(struct answer, until), true},
    };
    uint64_t until;

    if (token_read_json(&a, body, f->arena, members, ARRAY_LEN(members), e) < 0)
        return -1;
    if (!token_sendable(a.token))
        return err_set(e, ERR_PROTOCOL, "its token cannot be sent");
    if (token_read_time(a.until, &until) < 0)
        return err_set(e, ERR_PROTOCOL, "it does not say how long its token lives");
    f->grant.token = a.token;
    f->grant.lifetime_s = token_left(until, f->now_s);
    return 0;
}

/* ---- the metadata server ---- */

static int ask_metadata(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    UNUSED(f);
    UNUSED(e);
    return token_get(ret, TOKEN_URL,
                     SPAN_LIT("/computeMetadata/v1/instance/service-accounts/default/token"),
                     SPAN_LIT("metadata-flavor"), SPAN_LIT("Google"));
}

/* ---- the sources ---- */

#define OAUTH       "Google's token service"
#define SUBJECT     "the service that names the identity"
#define STS         "Google's service for identities of others"
#define IMPERSONATE "Google's service for accounts"

const struct token_source google_token_account = {
    .name = "service account",
    .steps_n = 1,
    .steps = {{OAUTH, false, ask_account, token_read_bearer}},
};

const struct token_source google_token_user = {
    .name = "user",
    .steps_n = 1,
    .steps = {{OAUTH, false, ask_user, token_read_bearer}},
};

const struct token_source google_token_federated = {
    .name = "workload identity",
    .steps_n = 1,
    .steps = {{STS, true, ask_sts, token_read_bearer}},
};

const struct token_source google_token_federated_as = {
    .name = "workload identity",
    .steps_n = 2,
    .steps = {{STS, true, ask_sts, token_read_bearer},
              {IMPERSONATE, false, ask_impersonate, read_impersonated}},
};

const struct token_source google_token_federated_url = {
    .name = "workload identity",
    .steps_n = 2,
    .steps = {{SUBJECT, false, ask_subject, read_subject},
              {STS, false, ask_sts, token_read_bearer}},
};

const struct token_source google_token_federated_url_as = {
    .name = "workload identity",
    .steps_n = 3,
    .steps = {{SUBJECT, false, ask_subject, read_subject},
              {STS, false, ask_sts, token_read_bearer},
              {IMPERSONATE, false, ask_impersonate, read_impersonated}},
};

const struct token_source google_token_metadata = {
    .name = "metadata server",
    .steps_n = 1,
    .steps = {{"Google's metadata server", false, ask_metadata, token_read_bearer}},
};

/* ---- the credentials file ---- */

struct row {
    const char *path; /* of the member: at most one '.' */
    enum token_value to;
    bool needed;
};

static const struct row account_rows[] = {
    {"client_email", TOKEN_ID, true},
    {"private_key", TOKEN_SECRET, true},
    {"private_key_id", TOKEN_KEY_ID, false},
    {"token_uri", TOKEN_URL, false},
};

static const struct row user_rows[] = {
    {"client_id", TOKEN_ID, true},
    {"client_secret", TOKEN_SECRET, true},
    {"refresh_token", TOKEN_SESSION, true},
    {"token_uri", TOKEN_URL, false},
};

static const struct row federated_rows[] = {
    {"audience", TOKEN_AUDIENCE, true},
    {"subject_token_type", TOKEN_SUBJECT_TYPE, true},
    {"token_url", TOKEN_URL, true},
    {"service_account_impersonation_url", TOKEN_IMPERSONATE_URL, false},
    {"credential_source.file", TOKEN_FILE, false},
    {"credential_source.url", TOKEN_SUBJECT_URL, false},
};

static const struct {
    const char *type;
    const struct token_source *source; /* NULL: what the file says decides */
    const struct row *rows;
    size_t n;
} types[] = {
    {"service_account", &google_token_account, account_rows, ARRAY_LEN(account_rows)},
    {"authorized_user", &google_token_user, user_rows, ARRAY_LEN(user_rows)},
    {"external_account", NULL, federated_rows, ARRAY_LEN(federated_rows)},
};

static yyjson_val *member(yyjson_val *root, const char *path)
{
    struct span rest = span_str(path), first = span_cut(&rest, '.');

    root = yyjson_obj_getn(root, first.p, first.n);
    return span_has(rest) ? yyjson_obj_getn(root, rest.p, rest.n) : root;
}

static int read_rows(struct token_conf *conf, yyjson_val *root, const struct row *rows, size_t n,
                     struct arena *a, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct span v = json_text(member(root, rows[i].path));

        if (v.n == 0 && rows[i].needed)
            return err_set(e, ERR_PARSE, "has no \"%s\"", rows[i].path);
        if (v.n == 0)
            continue;
        conf->v[rows[i].to] = arena_dup(a, v);
        if (!span_has(conf->v[rows[i].to]))
            return err_set(e, ERR_NOMEM, "no memory for credentials");
    }
    return 0;
}

/* How the token of the identity is to be read, and what to send for it. */
static int read_subject_rules(struct token_conf *conf, yyjson_val *root, struct arena *a,
                              struct err *e)
{
    static const struct row rows[] = {
        {"format.subject_token_field_name", TOKEN_SUBJECT_FIELD, true}};
    yyjson_val *source = json_get(root, "credential_source"), *name;
    yyjson_val *fields = json_get(source, "headers");
    yyjson_obj_iter it = yyjson_obj_iter_with(fields);

    if (yyjson_obj_size(fields) > 1)
        return err_set(e, ERR_PARSE, "has more than one field in \"credential_source.headers\"");
    name = yyjson_obj_iter_next(&it);
    if (name) {
        char *lower = arena_alloc(a, yyjson_get_len(name) + 1);
        struct span value = json_text(yyjson_obj_iter_get_val(name));

        value = span_has(value) ? arena_dup(a, value) : value;
        if (!lower || !span_has(value))
            return err_set(e, ERR_PARSE,
                           "has a field in \"credential_source.headers\" that "
                           "cannot be sent");
        for (size_t i = 0; i < yyjson_get_len(name); i++) {
            char c = yyjson_get_str(name)[i];

            lower[i] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
        }
        conf->v[TOKEN_FIELD_NAME] = span_of(lower, yyjson_get_len(name));
        conf->v[TOKEN_FIELD_VALUE] = value;
    }
    if (!span_is(json_text(member(source, "format.type")), "json"))
        return 0;
    return read_rows(conf, source, rows, ARRAY_LEN(rows), a, e);
}

static int pick_federated(const struct token_source **ret, struct token_conf *conf,
                          yyjson_val *root, struct arena *a, struct err *e)
{
    bool as = span_has(conf->v[TOKEN_IMPERSONATE_URL]);

    if (span_has(conf->v[TOKEN_FILE]))
        *ret = as ? &google_token_federated_as : &google_token_federated;
    else if (span_has(conf->v[TOKEN_SUBJECT_URL]))
        *ret = as ? &google_token_federated_url_as : &google_token_federated_url;
    else
        return err_set(e, ERR_PARSE,
                       "has a \"credential_source\" that is neither a file nor a URL");
    return read_subject_rules(conf, root, a, e);
}

static int read_tree(const struct token_source **ret, struct token_conf *conf, yyjson_val *root,
                     struct arena *a, struct err *e)
{
    struct span type = json_get_text(root, "type");
    size_t i = 0;

    while (i < ARRAY_LEN(types) && !span_is(type, types[i].type))
        i++;
    if (i == ARRAY_LEN(types))
        return err_set(e, ERR_PARSE,
                       "is of none of the types service_account, authorized_user and "
                       "external_account");
    *conf = (struct token_conf){.v[TOKEN_SCOPE] = SPAN_LIT(SCOPE),
                                .v[TOKEN_URL] = SPAN_LIT(TOKEN_SERVICE)};
    if (read_rows(conf, root, types[i].rows, types[i].n, a, e) < 0)
        return -1;
    *ret = types[i].source;
    if (!*ret)
        return pick_federated(ret, conf, root, a, e);
    return *ret == &google_token_account ? google_jwt_check_key(conf->v[TOKEN_SECRET], e) : 0;
}

int google_token_read_file(const struct token_source **ret, struct token_conf *conf,
                           struct span text, struct arena *a, struct err *e)
{
    const struct token_source *source = NULL;
    struct token_conf found;
    struct json_tree t = {0};
    int rc;

    rc = json_tree_read(&t, text, e) < 0 ? err_set(e, ERR_PARSE, "is not JSON")
                                         : read_tree(&source, &found, t.root, a, e);
    if (rc == 0) {
        *ret = source;
        *conf = found;
    }
    if (t.bytes)
        secret_wipe(t.bytes, text.n);
    json_tree_fini(&t);
    return rc;
}
