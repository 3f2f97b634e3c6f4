/*
 * google_jwt.c - see google_jwt.h. RS256 (RFC 7518, 3.3) draws no random number: the same claims
 * and key give the same token.
 */
#include "provider/google_jwt.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/base64.h"
#include "codec/json_write.h"

#define JWT_MAX ((size_t)16 * 1024)

/* NULL: *e says why. OpenSSL asks for a pass phrase on the terminal unless it is told that there is
 * none. */
static EVP_PKEY *read_key(struct span pem, struct err *e)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t)"") : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        return key;
    EVP_PKEY_free(key);
    err_set(e, ERR_PARSE, "the private key is no RSA key in PEM");
    return NULL;
}

int google_jwt_check_key(struct span pem, struct err *e)
{
    EVP_PKEY *key = read_key(pem, e);

    EVP_PKEY_free(key);
    return key ? 0 : -1;
}

/* base64 for URLs, without its padding. */
static void add_part(struct buf *out, struct span bytes)
{
    size_t at = out->n;

    base64_encode(out, bytes);
    if (!buf_ok(out))
        return;
    while (out->n > at && out->p[out->n - 1] == '=')
        out->n--;
    for (; at < out->n; at++) {
        char c = out->p[at];

        out->p[at] = c == '+' ? '-' : c == '/' ? '_' : c;
    }
}

static void add_header(struct buf *out, const struct google_jwt *j)
{
    struct json_write w;
    struct buf text;

    buf_init(&text, JWT_MAX);
    json_write_init(&w, &text);
    json_begin_object(&w);
    json_kv_cstring(&w, "alg", "RS256");
    json_kv_cstring(&w, "typ", "JWT");
    if (span_has(j->key_id))
        json_kv_string(&w, "kid", j->key_id);
    json_end_object(&w);
    add_part(out, buf_span(&text));
    buf_fini(&text);
}

static void add_claims(struct buf *out, const struct google_jwt *j, uint64_t now_s)
{
    struct json_write w;
    struct buf text;

    buf_init(&text, JWT_MAX);
    json_write_init(&w, &text);
    json_begin_object(&w);
    json_kv_string(&w, "iss", j->issuer);
    json_kv_string(&w, "scope", j->scope);
    json_kv_string(&w, "aud", j->audience);
    json_kv_uint(&w, "iat", now_s);
    json_kv_uint(&w, "exp", now_s + GOOGLE_JWT_LIFETIME_S);
    json_end_object(&w);
    add_part(out, buf_span(&text));
    buf_fini(&text);
}

static int add_signature(struct buf *out, EVP_PKEY *key, struct err *e)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = (size_t)EVP_PKEY_get_size(key);
    struct buf sum;
    char *to;
    int rc = -1;

    buf_init(&sum, n);
    to = buf_reserve(&sum, n);
    if (ctx && to && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(ctx, (unsigned char *)to, &n, (const unsigned char *)out->p, out->n) == 1) {
        buf_commit(&sum, n);
        buf_add_char(out, '.');
        add_part(out, buf_span(&sum));
        rc = 0;
    }
    buf_fini(&sum);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "the assertion cannot be signed");
}

int google_jwt_sign(struct buf *out, const struct google_jwt *j, uint64_t now_s, struct err *e)
{
    EVP_PKEY *key = read_key(j->key, e);
    int rc = -1;

    MUST(out->n == 0);
    if (!key)
        return -1;
    add_header(out, j);
    buf_add_char(out, '.');
    add_claims(out, j, now_s);
    if (buf_finish(out, "assertion", e) == 0 && add_signature(out, key, e) == 0)
        rc = buf_finish(out, "assertion", e);
    EVP_PKEY_free(key);
    return rc;
}
