/*
 * request_head.c - see request_head.h.
 */
#include "call/request_head.h"

#define ARENA_BUDGET ((size_t)256 * 1024)
#define FIELDS_OWN   8

static void add_auth(const struct call_conf *conf, struct arena *a, struct http_field *fields,
                     size_t *n)
{
    static const struct {
        const char *name, *prefix;
    } rows[] = {
        [AUTH_NONE] = {NULL, ""},
        [AUTH_BEARER] = {"authorization", "Bearer "},
        [AUTH_X_API_KEY] = {"x-api-key", ""},
        [AUTH_API_KEY] = {"api-key", ""},
        [AUTH_GOOGLE] = {"x-goog-api-key", ""},
    };
    enum provider_auth auth = provider_auth(conf->provider->type, conf->op);

    if (!span_has(conf->key) || !rows[auth].name)
        return;
    fields[*n].name = span_str(rows[auth].name);
    fields[*n].value = arena_join(a, (struct span[]){span_str(rows[auth].prefix), conf->key}, 2);
    (*n)++;
}

/* A field that the provider insists on and the client did not send. */
static void add_default(const struct call_conf *conf, struct http_field *fields, size_t *n)
{
    const struct provider *p = conf->provider->type;
    struct span name = span_str(p->header.name);

    for (size_t i = 0; i < *n && p->header.name; i++)
        if (span_eq(fields[i].name, name))
            return;
    if (p->header.name)
        fields[(*n)++] = (struct http_field){name, span_str(p->header.value)};
}

/* host[:port], the port only where it is not the scheme's own, IPv6 in brackets. */
static struct span authority(struct arena *a, const struct settings_url *u)
{
    bool v6 = span_find(u->host, ':') != SIZE_MAX;
    char port[6]; /* ":65535" */
    size_t at = sizeof(port);

    if (u->port != (u->tls ? 443 : 80)) {
        for (unsigned v = u->port; v; v /= 10)
            port[--at] = (char)('0' + v % 10);
        port[--at] = ':';
    }
    return arena_join(a,
                      (struct span[]){span_str(v6 ? "[" : ""), u->host, span_str(v6 ? "]" : ""),
                                      span_of(port + at, sizeof(port) - at)},
                      4);
}

int call_send_head(struct http_stream *s, const struct call_conf *conf, struct err *e)
{
    struct http_field *fields;
    struct http_head h = {.method = conf->method};
    struct arena a;
    size_t n = 0;
    int rc = -1;

    arena_init(&a, ARENA_BUDGET);
    fields = arena_alloc(&a, (conf->fields_n + FIELDS_OWN) * sizeof(*fields));
    if (!fields) {
        err_set(e, ERR_NOMEM, "no memory for a request head");
        goto out;
    }
    for (; n < conf->fields_n; n++)
        fields[n] = conf->fields[n];
    fields[n++] = (struct http_field){SPAN_LIT("accept-encoding"), SPAN_LIT("identity")};
    add_auth(conf, &a, fields, &n);
    add_default(conf, fields, &n);
    h.authority = authority(&a, conf->url);
    h.path = conf->path;
    h.body_len = conf->body ? blob_patched_len(conf->body, conf->patches, conf->patches_n) : 0;
    h.fields = fields;
    h.fields_n = n;
    for (size_t i = 0; i < n; i++)
        if (!fields[i].value.p)
            h.path.p = NULL;
    if (!h.path.p || !h.authority.p)
        err_set(e, ERR_NOMEM, "no memory for a request head");
    else
        rc = http_send_head(s, &h, e);
out:
    arena_fini(&a);
    return rc;
}
