/*
 * sigv4.c - see sigv4.h.
 *
 *     canonical request   method, path, query, fields, names of the fields, hash of the body
 *     string to sign      algorithm, date, scope (day/region/service/aws4_request), its hash
 *     signing key         HMAC over day, region, service, "aws4_request", each keyed by the last
 *     signature           HMAC of the string to sign with the signing key
 *
 * Every service but S3 takes the path escaped once more than it is sent (a model's ':' is sent as
 * %3A and signed as %253A), and the query as it is sent. The service also folds dots and empty
 * segments of a path: provider_path() makes none, so nothing is folded here.
 *
 * The derived keys could be kept for a day. Four HMACs take 2 us; an attempt takes longer to
 * connect, and what is not kept cannot leak.
 */
#include "codec/percent.h"
#include "provider/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/secret.h"

#define ALGORITHM     "AWS4-HMAC-SHA256"
#define TERMINATION   "aws4_request"
#define CANONICAL_MAX ((size_t)256 * 1024)
#define SUM           32
#define DAY           8 /* "20150830" */

static const char digits[] = "0123456789abcdef";

/* ---- texts ---- */

void sigv4_date(char ret[SIGV4_DATE], uint64_t unix_s)
{
    uint64_t day = unix_s / 86400, s = unix_s % 86400;
    /* Civil from days, with years that begin in March: the leap day is their last. */
    uint64_t shifted = day + 719468, era = shifted / 146097, of_era = shifted % 146097;
    uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t m = (5 * of_year + 2) / 153, d = of_year - (153 * m + 2) / 5 + 1;
    uint64_t month = m < 10 ? m + 3 : m - 9, year = year_of_era + era * 400 + (month <= 2);

    snprintf(ret, SIGV4_DATE, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)(year % 10000),
             (unsigned)month % 100, (unsigned)d % 100, (unsigned)(s / 3600) % 100,
             (unsigned)(s / 60 % 60), (unsigned)(s % 60));
}

static void to_hex(char ret[SIGV4_HASH], const unsigned char sum[SUM])
{
    for (size_t i = 0; i < SUM; i++) {
        ret[2 * i] = digits[sum[i] >> 4];
        ret[2 * i + 1] = digits[sum[i] & 15];
    }
    ret[SIGV4_HASH - 1] = '\0';
}

/* A part of a query, escaped as the rules want it whatever way it is sent. */
static void add_escaped_anew(struct buf *out, struct span s)
{
    char c;

    for (size_t i = 0; i < s.n;) {
        i += percent_take(span_of(s.p + i, s.n - i), &c);
        percent_encode(out, span_of(&c, 1), "");
    }
}

static int by_bytes(struct span a, struct span b)
{
    int c = memcmp(a.p, b.p, MIN(a.n, b.n));

    if (c != 0)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

/* ---- the canonical request ---- */

/* A parameter, by its place in the buf that it was written to: that may move. */
struct param {
    const struct buf *in;
    size_t at, name_n, n;
};

static int by_param(const void *x, const void *y)
{
    const struct param *a = x, *b = y;
    int c = by_bytes(span_of(a->in->p + a->at, a->name_n), span_of(b->in->p + b->at, b->name_n));

    return c ? c : by_bytes(span_of(a->in->p + a->at, a->n), span_of(b->in->p + b->at, b->n));
}

static int add_query(struct buf *out, struct span query, struct err *e)
{
    struct param params[SIGV4_PARAMS_MAX];
    struct buf text;
    size_t n = 0;
    int rc = -1;

    buf_init(&text, CANONICAL_MAX);
    while (span_has(query)) {
        struct span value = span_cut(&query, '&'), name = span_cut(&value, '=');
        struct param *p = &params[n];

        if (name.n == 0)
            continue;
        if (n == ARRAY_LEN(params)) {
            err_set(e, ERR_LIMIT, "a query of more than %d parameters cannot be signed",
                    SIGV4_PARAMS_MAX);
            goto out;
        }
        *p = (struct param){.in = &text, .at = text.n};
        add_escaped_anew(&text, name);
        p->name_n = text.n - p->at;
        buf_add_char(&text, '=');
        add_escaped_anew(&text, value);
        p->n = text.n - p->at;
        n++;
    }
    if (buf_finish(&text, "signature", e) < 0)
        goto out;
    qsort(params, n, sizeof(*params), by_param);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(out, '&');
        buf_add(out, text.p + params[i].at, params[i].n);
    }
    rc = 0;
out:
    buf_fini(&text);
    return rc;
}

static int by_name(const void *x, const void *y)
{
    const struct sigv4_field *a = x, *b = y;

    return by_bytes(a->name, b->name);
}

/* Without white space at its ends; what is inside counts once. */
static void add_value(struct buf *out, struct span v)
{
    v = span_trim(v);
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] != ' ' || v.p[i - 1] != ' ')
            buf_add_char(out, v.p[i]);
}

/* "content-type;host;x-amz-date" */
static void add_names(struct buf *out, const struct sigv4_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(out, ';');
        buf_add_span(out, fields[i].name);
    }
}

static int add_canonical(struct buf *out, const struct sigv4_request *r,
                         const struct sigv4_field *sorted, struct err *e)
{
    struct span query = r->path, path = span_cut(&query, '?');

    buf_add_span(out, r->method);
    buf_add_char(out, '\n');
    percent_encode(out, path, "/");
    buf_add_char(out, '\n');
    if (add_query(out, query, e) < 0)
        return -1;
    buf_add_char(out, '\n');
    for (size_t i = 0; i < r->fields_n; i++) {
        buf_add_span(out, sorted[i].name);
        buf_add_char(out, ':');
        add_value(out, sorted[i].value);
        buf_add_char(out, '\n');
    }
    buf_add_char(out, '\n');
    add_names(out, sorted, r->fields_n);
    buf_add_char(out, '\n');
    buf_add_str(out, r->body_hash);
    return 0;
}

/* ---- the signature ---- */

static int hmac(unsigned char ret[SUM], const void *key, size_t key_n, struct span text)
{
    unsigned char sum[SUM];
    unsigned n = sizeof(sum);

    if (!HMAC(EVP_sha256(), key, (int)key_n, (const unsigned char *)text.p, text.n, sum, &n))
        return -1;
    memcpy(ret, sum, SUM);
    secret_wipe(sum, sizeof(sum));
    return 0;
}

static int signature(char ret[SIGV4_HASH], const struct sigv4_key *key, const char *date,
                     struct span to_sign, struct err *e)
{
    const struct span steps[] = {key->region, key->service, SPAN_LIT(TERMINATION), to_sign};
    unsigned char sum[SUM];
    struct buf first;
    int rc;

    buf_init(&first, 4 + key->secret.n);
    buf_add_str(&first, "AWS4");
    buf_add_span(&first, key->secret);
    rc = buf_ok(&first) ? hmac(sum, first.p, first.n, span_of(date, DAY)) : -1;
    for (size_t i = 0; i < ARRAY_LEN(steps) && rc == 0; i++)
        rc = hmac(sum, sum, SUM, steps[i]);
    if (rc == 0)
        to_hex(ret, sum);
    secret_wipe(first.p, first.n);
    buf_fini(&first);
    secret_wipe(sum, sizeof(sum));
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "no memory for a signature");
}

static int sign(struct buf *out, const struct sigv4_request *r, const struct sigv4_key *key,
                const char *date, struct buf *text, struct err *e)
{
    struct sigv4_field sorted[SIGV4_FIELDS_MAX];
    char sum[SIGV4_HASH];
    struct sigv4_body whole;
    struct buf scope;
    int rc = -1;

    memcpy(sorted, r->fields, r->fields_n * sizeof(*sorted));
    qsort(sorted, r->fields_n, sizeof(*sorted), by_name);
    if (add_canonical(text, r, sorted, e) < 0)
        return -1;
    sigv4_body_begin(&whole);
    sigv4_body_add(&whole, buf_span(text));
    if (sigv4_body_end(&whole, sum, e) < 0)
        return -1;
    buf_init(&scope, CANONICAL_MAX);
    buf_printf(&scope, "%.*s/%.*s/%.*s/" TERMINATION, DAY, date, SPAN_FMT(key->region),
               SPAN_FMT(key->service));
    if (buf_finish(text, "signature", e) < 0 || buf_finish(&scope, "signature", e) < 0)
        goto out;
    buf_reset(text);
    buf_printf(text, ALGORITHM "\n%s\n%.*s\n%s", date, SPAN_FMT(buf_span(&scope)), sum);
    if (buf_finish(text, "signature", e) < 0 || signature(sum, key, date, buf_span(text), e) < 0)
        goto out;
    buf_printf(out, ALGORITHM " Credential=%.*s/%.*s, SignedHeaders=", SPAN_FMT(key->id),
               SPAN_FMT(buf_span(&scope)));
    add_names(out, sorted, r->fields_n);
    buf_printf(out, ", Signature=%s", sum);
    rc = buf_finish(out, "signature", e);
out:
    buf_fini(&scope);
    return rc;
}

int sigv4_sign(struct buf *out, const struct sigv4_request *r, const struct sigv4_key *key,
               const char date[SIGV4_DATE], struct err *e)
{
    struct buf text;
    int rc;

    if (r->fields_n > SIGV4_FIELDS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d fields cannot be signed", SIGV4_FIELDS_MAX);
    buf_init(&text, CANONICAL_MAX);
    rc = sign(out, r, key, date, &text, e);
    secret_wipe(text.p, text.n); /* it has a session's token */
    buf_fini(&text);
    return rc;
}

/* ---- the body ---- */

static void check(struct sigv4_body *b, int ok)
{
    if (ok == 1)
        return;
    EVP_MD_CTX_free(b->hash);
    b->hash = NULL;
}

void sigv4_body_begin(struct sigv4_body *b)
{
    b->hash = EVP_MD_CTX_new();
    if (b->hash)
        check(b, EVP_DigestInit_ex(b->hash, EVP_sha256(), NULL));
}

void sigv4_body_add(struct sigv4_body *b, struct span bytes)
{
    if (b->hash)
        check(b, EVP_DigestUpdate(b->hash, bytes.p, bytes.n));
}

int sigv4_body_end(struct sigv4_body *b, char ret[SIGV4_HASH], struct err *e)
{
    unsigned char sum[SUM];

    if (b->hash)
        check(b, EVP_DigestFinal_ex(b->hash, sum, NULL));
    if (!b->hash)
        return err_set(e, ERR_NOMEM, "no memory for a hash");
    to_hex(ret, sum);
    EVP_MD_CTX_free(b->hash);
    b->hash = NULL;
    return 0;
}
