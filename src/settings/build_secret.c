/*
 * build_secret.c - references to secrets, and proxies of the environment, which hold them.
 *
 * Every snapshot has its own copies in its own locked arena: it may outlive the next one, and
 * files and credentials may change between two loads. Variables do not change: the env has them
 * all from the start (see base/env.h).
 */
#include "codec/percent.h"
#include "settings/build.h"

#define PATH_BYTES 1280
#define AUTH_BYTES 1024

static bool sendable(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] >= 0x7F)
            return false;
    return s.n > 0;
}

static struct span trim(struct span s)
{
    while (s.n && strchr(" \t\r\n", s.p[0]) && s.p[0])
        s = span_of(s.p + 1, s.n - 1);
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]) && s.p[s.n - 1])
        s.n--;
    return s;
}

static int from_env(struct build *b, const struct conf_value *v, struct span name,
                    struct secret *ret)
{
    struct span label = build_text(b, v), value = env_get(b->env, name);
    struct err e;

    if (!span_has(value)) {
        conf_report_add(b->report, CONF_ERROR, "E040", v->at, "secret %.*s is not set",
                        SPAN_FMT(label));
        return -1;
    }
    if (secret_put(b->snap->secrets, ret, trim(value), label, &e) == 0)
        return 0;
    if (e.code == ERR_NOMEM)
        b->nomem = true;
    conf_report_add(b->report, CONF_ERROR, "E042", v->at, "%s", e.text);
    return -1;
}

static int from_file(struct build *b, const struct conf_value *v, const char *path,
                     struct secret *ret)
{
    struct span label = build_text(b, v);
    struct err e;

    if (secret_put_file(b->snap->secrets, ret, path, label, &e) == 0)
        return 0;
    conf_report_add(b->report, CONF_ERROR, "E041", v->at, "secret %.*s cannot be read: %s",
                    SPAN_FMT(label), e.text);
    return -1;
}

static int from_credential(struct build *b, const struct conf_value *v, struct span name,
                           struct secret *ret)
{
    struct span dir = env_get(b->env, SPAN_LIT("CREDENTIALS_DIRECTORY"));
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%.*s/%.*s", SPAN_FMT(dir), SPAN_FMT(name));

    if (dir.n && n > 0 && (size_t)n < sizeof(path))
        return from_file(b, v, path, ret);
    conf_report_add(b->report, CONF_ERROR, "E040", v->at,
                    "secret %s is not set: the service manager passed no credentials", v->text.p);
    return -1;
}

int build_secret(struct build *b, const struct conf_value *v, struct secret *ret)
{
    struct span name = v->text;
    int rc = -1;

    UNUSED(span_cut(&name, ':')); /* what follows ends with NUL, as all texts of the tree */
    switch ((enum types_source)v->num) {
    case SOURCE_ENV:
        rc = from_env(b, v, name, ret);
        break;
    case SOURCE_FILE:
        rc = from_file(b, v, name.p, ret);
        break;
    case SOURCE_CRED:
        rc = from_credential(b, v, name, ret);
        break;
    }
    if (rc == 0 && !sendable(ret->bytes)) {
        conf_report_add(b->report, CONF_ERROR, "E042", v->at, "secret %s %s", v->text.p,
                        ret->bytes.n ? "holds characters that no header can carry" : "is empty");
        rc = -1;
    }
    return rc;
}

/* The variable of the given name in lower or upper case, as curl has it. */
static struct span either_case(const struct env *env, struct span lower, struct span upper,
                               struct span *ret_name)
{
    struct span v = env_get(env, lower);

    *ret_name = lower;
    if (v.n)
        return v;
    *ret_name = upper;
    return env_get(env, upper);
}

/* %41 to A. -1: a bad escape, or it does not fit. */
static int unescape(char *out, size_t cap, struct span s, size_t *ret_n)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; n++) {
        size_t took;

        if (n == cap)
            return -1;
        took = percent_take(span_of(s.p + i, s.n - i), &out[n]);
        if (took == 1 && s.p[i] == '%')
            return -1;
        i += took;
    }
    *ret_n = n;
    return 0;
}

/* Take "user:password@" off *rest; the escapes are undone. -1: bad, or no room. */
static int take_auth(struct build *b, struct span *rest, struct span var, struct secret *ret)
{
    char text[AUTH_BYTES];
    struct span auth = {NULL, 0}, label;
    size_t n = 0;
    struct err e;
    int rc;

    for (size_t i = 0; i < rest->n && !strchr("/?#", rest->p[i]); i++)
        if (rest->p[i] == '@')
            auth = span_of(rest->p, i);
    if (!span_has(auth))
        return 0;
    *rest = span_of(rest->p + auth.n + 1, rest->n - auth.n - 1);
    label = build_dup(b, var);
    rc = unescape(text, sizeof(text), auth, &n);
    if (rc == 0)
        rc = secret_put(b->snap->secrets, ret, span_of(text, n), label, &e);
    secret_wipe(text, sizeof(text));
    return rc;
}

void build_env_proxy(struct build *b, const struct settings_url *to, struct settings_proxy *ret)
{
    struct span var, value, rest, ignored, text;
    struct settings_proxy p = {.set = true};
    bool tls;
    struct err e;

    value = to->tls ? either_case(b->env, SPAN_LIT("https_proxy"), SPAN_LIT("HTTPS_PROXY"), &var)
                    : either_case(b->env, SPAN_LIT("http_proxy"), SPAN_LIT("HTTP_PROXY"), &var);
    if (value.n == 0 || types_host_kind(to->host) == HOST_LOOPBACK)
        return;
    rest = trim(value);
    tls = span_starts(rest, SPAN_LIT("https://"));
    if (tls || span_starts(rest, SPAN_LIT("http://")))
        rest = span_of(rest.p + (tls ? 8 : 7), rest.n - (tls ? 8 : 7));
    if (take_auth(b, &rest, var, &p.auth) < 0)
        goto bad;
    text = arena_printf(&b->snap->arena, "%s://%.*s", tls ? "https" : "http", SPAN_FMT(rest));
    if (!span_has(text)) {
        b->nomem = true;
        return;
    }
    if (types_read_url(&p.url, text, &e) < 0)
        goto bad;
    p.no_proxy =
        build_dup(b, either_case(b->env, SPAN_LIT("no_proxy"), SPAN_LIT("NO_PROXY"), &ignored));
    *ret = p;
    return;
bad:
    conf_report_add(b->report, CONF_WARNING, "W006", (struct conf_place){0, 0, 0},
                    "%.*s is not a proxy's URL; it is left out", SPAN_FMT(var));
}
