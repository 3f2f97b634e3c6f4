/*
 * aws_token.c - see aws_token.h.
 *
 * STS answers in XML. Of that four elements are looked for by their tags: their content is base64
 * or a time, which no entity can hide in, and everything else does not matter here.
 */
#include "provider/aws_token.h"

#include "base/buf.h"

#define SESSION_SECONDS "21600" /* the longest that the instance's metadata service gives */
#define ROLES_PATH      "/latest/meta-data/iam/security-credentials/"
#define ROLE_MAX        64 /* bytes of a role's name, by AWS's rules */

/* ---- what the answers have in common ---- */

struct answer {
    struct span code, id, secret, session, until;
};

static int take(struct token_flow *f, const struct answer *a, struct err *e)
{
    uint64_t until;

    if (!token_sendable(a->id) || !token_sendable(a->secret) ||
        (span_has(a->session) && !token_sendable(a->session)))
        return err_set(e, ERR_PROTOCOL, "its credentials cannot be sent");
    if (token_read_time(a->until, &until) < 0)
        return err_set(e, ERR_PROTOCOL, "it does not say how long its credentials live");
    f->grant = (struct token_grant){
        .id = a->id,
        .secret = a->secret,
        .session = a->session,
        .lifetime_s = token_left(until, f->now_s),
    };
    return 0;
}

static int read_json(struct token_flow *f, struct span body, struct err *e)
{
    static const struct token_member members[] = {
        {"Code", offsetof(struct answer, code), false},
        {"AccessKeyId", offsetof(struct answer, id), false},
        {"SecretAccessKey", offsetof(struct answer, secret), false},
        {"Token", offsetof(struct answer, session), false},
        {"Expiration", offsetof(struct answer, until), false},
    };
    struct answer a = {0};

    if (token_read_json(&a, body, f->arena, members, ARRAY_LEN(members), e) < 0)
        return -1;
    if (span_has(a.code) && !span_is(a.code, "Success"))
        return err_set(e, ERR_PROTOCOL, "it has no credentials for the role");
    return take(f, &a, e);
}

/* ---- web identity ---- */

static int ask_sts(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    struct buf form;
    int rc;

    buf_init(&form, 4 * TOKEN_FILE_MAX);
    token_add_form(&form, "Action", SPAN_LIT("AssumeRoleWithWebIdentity"));
    token_add_form(&form, "Version", SPAN_LIT("2011-06-15"));
    token_add_form(&form, "RoleArn", f->conf->v[TOKEN_ROLE]);
    token_add_form(&form, "RoleSessionName", f->conf->v[TOKEN_SUBJECT_FIELD]);
    token_add_form(&form, "WebIdentityToken", f->file);
    rc = token_post_form(f, ret, TOKEN_URL, &form, e);
    buf_fini(&form);
    return rc;
}

/* What stands between the first <tag> and </tag>; absent: nothing does. */
static struct span element(struct span xml, const char *tag)
{
    char mark[32];
    const char *at, *end;

    snprintf(mark, sizeof(mark), "<%s>", tag);
    at = xml.n ? memmem(xml.p, xml.n, mark, strlen(mark)) : NULL;
    if (!at)
        return span_of(NULL, 0);
    at += strlen(mark);
    end = memchr(at, '<', xml.n - (size_t)(at - xml.p));
    return end ? span_of(at, (size_t)(end - at)) : span_of(NULL, 0);
}

static int read_sts(struct token_flow *f, struct span body, struct err *e)
{
    struct span xml = arena_dup(f->arena, body);
    struct answer a = {
        .id = element(xml, "AccessKeyId"),
        .secret = element(xml, "SecretAccessKey"),
        .session = element(xml, "SessionToken"),
        .until = element(xml, "Expiration"),
    };

    if (!span_has(xml))
        return err_set(e, ERR_NOMEM, "no memory for a credential");
    return take(f, &a, e);
}

/* ---- containers ---- */

static int ask_container(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    struct span word = span_has(f->file) ? f->file : f->conf->v[TOKEN_FIELD_VALUE];

    if (span_has(word) && !token_sendable(word))
        return err_set(e, ERR_PROTOCOL, "the authorization for it cannot be sent");
    return token_get(ret, TOKEN_URL, span_of(NULL, 0), SPAN_LIT("authorization"), word);
}

/* ---- the instance's metadata service, version 2 ---- */

static int ask_session(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    UNUSED(f);
    UNUSED(e);
    *ret = (struct token_request){
        .url = TOKEN_URL,
        .path = SPAN_LIT("/latest/api/token"),
        .method = "PUT",
        .fields = {{SPAN_LIT("x-aws-ec2-metadata-token-ttl-seconds"), SPAN_LIT(SESSION_SECONDS)}},
        .fields_n = 1,
    };
    return 0;
}

static int read_session(struct token_flow *f, struct span body, struct err *e)
{
    if (!token_sendable(body))
        return err_set(e, ERR_PROTOCOL, "its session's token cannot be sent");
    f->first = arena_dup(f->arena, body);
    return span_has(f->first) ? 0 : err_set(e, ERR_NOMEM, "no memory for a credential");
}

static int ask_roles(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    UNUSED(e);
    return token_get(ret, TOKEN_URL, SPAN_LIT(ROLES_PATH), SPAN_LIT("x-aws-ec2-metadata-token"),
                     f->first);
}

static bool is_role(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool word =
            (s.p[i] >= '0' && s.p[i] <= '9') || ((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z');

        if (!word && (s.p[i] == '\0' || !strchr("+=,.@_-", s.p[i])))
            return false;
    }
    return s.n > 0 && s.n <= ROLE_MAX;
}

/* The one role of the instance. */
static int read_roles(struct token_flow *f, struct span body, struct err *e)
{
    struct span role = span_trim(span_cut(&body, '\n'));

    if (!is_role(role))
        return err_set(e, ERR_PROTOCOL, "the instance has no role");
    f->role = arena_dup(f->arena, role);
    return span_has(f->role) ? 0 : err_set(e, ERR_NOMEM, "no memory for a credential");
}

static int ask_role(const struct token_flow *f, struct token_request *ret, struct err *e)
{
    struct span path = arena_join(f->arena, (struct span[]){SPAN_LIT(ROLES_PATH), f->role}, 2);

    if (!span_has(path))
        return err_set(e, ERR_NOMEM, "no memory for a token request");
    return token_get(ret, TOKEN_URL, path, SPAN_LIT("x-aws-ec2-metadata-token"), f->first);
}

/* ---- the sources ---- */

const struct token_source aws_token_fixed = {.name = "keys"};

const struct token_source aws_token_web_identity = {
    .name = "web identity",
    .steps_n = 1,
    .steps = {{"AWS's token service", true, ask_sts, read_sts}},
};

#define CONTAINER "the container's credentials service"

const struct token_source aws_token_container = {
    .name = "container",
    .steps_n = 1,
    .steps = {{CONTAINER, false, ask_container, read_json}},
};

const struct token_source aws_token_container_file = {
    .name = "container",
    .steps_n = 1,
    .steps = {{CONTAINER, true, ask_container, read_json}},
};

#define INSTANCE "the instance's metadata service"

const struct token_source aws_token_instance = {
    .name = "instance",
    .steps_n = 3,
    .steps = {{INSTANCE, false, ask_session, read_session},
              {INSTANCE, false, ask_roles, read_roles},
              {INSTANCE, false, ask_role, read_json}},
};

/* ---- the shared credentials file ---- */

int aws_token_read_profile(struct span text, struct span profile, struct token_grant *ret)
{
    struct token_grant g = {.lifetime_s = TOKEN_NEVER};
    const struct {
        const char *key;
        struct span *to;
    } keys[] = {{"aws_access_key_id", &g.id},
                {"aws_secret_access_key", &g.secret},
                {"aws_session_token", &g.session}};
    bool mine = false;

    while (span_has(text)) {
        struct span line = span_cut(&text, '\n'), value, key;

        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        line = span_trim(line);
        if (line.n > 1 && line.p[0] == '[' && line.p[line.n - 1] == ']') {
            mine = span_eq(span_trim(span_of(line.p + 1, line.n - 2)), profile);
            continue;
        }
        value = line;
        key = span_trim(span_cut(&value, '='));
        for (size_t i = 0; i < ARRAY_LEN(keys) && mine && span_has(value); i++)
            if (span_is(key, keys[i].key))
                *keys[i].to = span_trim(value);
    }
    if (!token_sendable(g.id) || !token_sendable(g.secret))
        return -1;
    *ret = g;
    return 0;
}
