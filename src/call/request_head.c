/*
 * request_head.c - see request_head.h.
 */
#include "call/request_head.h"

#include "base/secret.h"

#define ARENA_BUDGET ((size_t)256 * 1024)
#define FIELDS_OWN   8
#define SIGNED_MAX   4096 /* bytes of a signature's field */

/* The field with the credential; NULL: there is none. */
static struct http_field *add_auth(const struct call_conf *conf, struct arena *a,
                                   struct http_field *fields, size_t *n)
{
    static const struct {
        const char *name, *prefix;
    } rows[] = {
        [AUTH_NONE] = {NULL, ""},
        [AUTH_BEARER] = {"authorization", "Bearer "},
        [AUTH_X_API_KEY] = {"x-api-key", ""},
        [AUTH_API_KEY] = {"api-key", ""},
        [AUTH_GOOGLE] = {"x-goog-api-key", ""},
        [AUTH_AWS] = {"x-amz-security-token", ""}, /* and a signature: sign() */
    };

    if (!span_has(conf->key) || !rows[conf->auth].name)
        return NULL;
    fields[*n].name = span_str(rows[conf->auth].name);
    fields[*n].value =
        arena_join(a, (struct span[]){span_str(rows[conf->auth].prefix), conf->key}, 2);
    return &fields[(*n)++];
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

/* The hash of the body as it will be sent. It holds the loop for about a millisecond a megabyte,
 * which is 20 ms at the 20 MB that AWS takes of Claude, and cannot be made while the body comes in:
 * which target gets it, and so what is replaced in it, is known only when all of it has been read.
 */
static int hash_body(const struct call_conf *conf, char ret[SIGV4_HASH], struct err *e)
{
    struct blob_reader r;
    struct sigv4_body b;
    struct span s = {NULL, 0};
    int rc = 0;

    sigv4_body_begin(&b);
    if (conf->body)
        blob_reader_init(&r, conf->body, conf->patches, conf->patches_n);
    while (conf->body && (rc = blob_reader_next(&r, BLOB_CHUNK, &s, e)) == 0 && s.n)
        sigv4_body_add(&b, s);
    return sigv4_body_end(&b, ret, e) < 0 ? -1 : rc;
}

/* What AWS wants to be signed of the fields: those of its own, and what kind of body it is. */
static bool is_signed(struct span name)
{
    return span_starts(name, SPAN_LIT("x-amz-")) || span_is(name, "content-type");
}

/* Add x-amz-date and authorization, over all that is there. */
static int sign(const struct call_conf *conf, struct arena *a, const struct http_head *h,
                struct http_field *fields, size_t *n, struct err *e)
{
    struct sigv4_field list[SIGV4_FIELDS_MAX] = {{SPAN_LIT("host"), h->authority}};
    char hash[SIGV4_HASH], date[SIGV4_DATE];
    struct sigv4_request q = {
        .method = h->method, .path = h->path, .fields = list, .fields_n = 1, .body_hash = hash};
    struct span value;
    struct buf out;
    int rc;

    if (hash_body(conf, hash, e) < 0)
        return -1;
    sigv4_date(date, ev_wall_ms(conf->ev) / 1000);
    fields[(*n)++] = (struct http_field){SPAN_LIT("x-amz-date"), arena_dup(a, span_str(date))};
    for (size_t i = 0; i < *n; i++) {
        if (!is_signed(fields[i].name))
            continue;
        if (q.fields_n == ARRAY_LEN(list))
            return err_set(e, ERR_LIMIT, "more than %d fields cannot be signed", SIGV4_FIELDS_MAX);
        list[q.fields_n++] = (struct sigv4_field){fields[i].name, fields[i].value};
    }
    buf_init(&out, SIGNED_MAX);
    rc = sigv4_sign(&out, &q, &conf->aws, date, e);
    value = rc == 0 ? arena_dup(a, buf_span(&out)) : span_of(NULL, 0);
    buf_fini(&out);
    fields[(*n)++] = (struct http_field){SPAN_LIT("authorization"), value};
    return rc;
}

int call_send_head(struct http_stream *s, const struct call_conf *conf, struct err *e)
{
    return call_send_head_of(
        s, conf, conf->body ? blob_patched_len(conf->body, conf->patches, conf->patches_n) : 0, e);
}

int call_send_head_of(struct http_stream *s, const struct call_conf *conf, uint64_t body_len,
                      struct err *e)
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
    h.secret = add_auth(conf, &a, fields, &n);
    add_default(conf, fields, &n);
    h.authority = settings_authority(&a, conf->url);
    h.path = conf->path;
    h.body_len = body_len;
    if (conf->auth == AUTH_AWS && h.authority.p && sign(conf, &a, &h, fields, &n, e) < 0)
        goto out;
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
    if (h.secret)
        secret_wipe((void *)(uintptr_t)h.secret->value.p, h.secret->value.n); /* the arena's own */
    arena_fini(&a);
    return rc;
}
