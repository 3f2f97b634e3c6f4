/*
 * tls_ctx.c - what connections share: certificates, ciphers, protocols, sessions to resume; and
 * OpenSSL's errors in plain words.
 *
 * Trust is loaded when the context is made: a directory of certificates, OpenSSL's other way,
 * would be read from disk in the middle of a handshake.
 *
 * A session of TLS 1.3 is used once, so that connections cannot be linked by it.
 */
#include "net/tls_ticket.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "base/mem.h"

#define CIPHERS           "ECDHE+AESGCM:ECDHE+CHACHA20"
#define SECURITY_LEVEL    2
#define TICKETS_PER_VISIT 1

struct session {
    struct list link;
    SSL_SESSION *s;
    char host[TLS_HOST_MAX + 1];
};

/* ---- errors ---- */

/* clang-format off */
static const struct {
    int verdict;
    const char *text;
} verdicts[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED,          "its certificate has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID,        "its certificate is not valid yet"},
    {X509_V_ERR_HOSTNAME_MISMATCH,         "wrong host: its certificate is for another name"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH,       "wrong host: its certificate is for another address"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "its certificate is self-signed"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "its certificate is of an unknown CA (self-signed root)"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "its certificate is of an unknown CA"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "its certificate is of an unknown CA"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "its certificate is of an unknown CA"},
    {X509_V_ERR_CERT_REVOKED,              "its certificate is revoked"},
    {X509_V_ERR_EE_KEY_TOO_SMALL,          "the key of its certificate is too small"},
    {X509_V_ERR_CA_KEY_TOO_SMALL,          "the key of its CA is too small"},
    {X509_V_ERR_CA_MD_TOO_WEAK,            "its certificate has too weak a signature"},
    {X509_V_ERR_INVALID_PURPOSE,           "its certificate is not meant for this use"},
};

static const struct {
    int reason;
    const char *text;
} reasons[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL,           "no common protocol version (TLS 1.2 or later is needed)"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,   "no common protocol version (TLS 1.2 or later is needed)"},
    {SSL_R_VERSION_TOO_LOW,                "no common protocol version (TLS 1.2 or later is needed)"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE,         "no common protocol version (TLS 1.2 or later is needed)"},
    {SSL_R_WRONG_VERSION_NUMBER,           "the peer does not speak TLS"},
    {SSL_R_HTTP_REQUEST,                   "the peer spoke plain HTTP"},
    {SSL_R_HTTPS_PROXY_REQUEST,            "the peer spoke plain HTTP"},
    {SSL_R_NO_SHARED_CIPHER,               "no common cipher"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,  "the peer refused (no common cipher, or it wants a certificate)"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "the peer wants a certificate of ours"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the peer sent no certificate"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA,         "the peer does not know the CA of our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the peer says that our certificate has expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the peer does not accept our certificate"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,    "the peer does not accept our certificate"},
    {SSL_R_NO_APPLICATION_PROTOCOL,        "no common application protocol"},
    {SSL_AD_REASON_OFFSET + TLS1_AD_NO_APPLICATION_PROTOCOL, "no common application protocol"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME,        "the peer does not serve this name"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record was damaged on the way"},
    {SSL_R_SSLV3_ALERT_BAD_RECORD_MAC,     "a record was damaged on the way"},
};
/* clang-format on */

static const char *verdict_text(long verdict)
{
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
        if (verdicts[i].verdict == verdict)
            return verdicts[i].text;
    return X509_verify_cert_error_string(verdict);
}

int tls_explain(struct err *e, const SSL *ssl, const char *whom)
{
    unsigned long first = ERR_peek_error();
    long verdict = SSL_get_verify_result(ssl);
    const char *text;

    if (first == 0 || ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE) /* 0: it was our BIO */
        return err_set(e, ERR_NOMEM, "TLS with %s: no memory", whom);
    if (ERR_GET_LIB(first) == ERR_LIB_SSL &&
        ERR_GET_REASON(first) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK)
        return err_set(e, ERR_TLS, "TLS with %s: %s", whom, verdict_text(verdict));
    if (ERR_GET_LIB(first) == ERR_LIB_SSL)
        for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
            if (reasons[i].reason == ERR_GET_REASON(first))
                return err_set(e, ERR_TLS, "TLS with %s: %s", whom, reasons[i].text);
    text = ERR_reason_error_string(first);
    return err_set(e, ERR_TLS, "TLS with %s: %s", whom, text ? text : "unknown error");
}

/* A file that was given could not be used. */
static int bad_file(struct err *e, const char *what, const char *file)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());

    if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE)
        return err_set(e, ERR_NOMEM, "TLS: no memory");
    if (access(file, R_OK) < 0)
        why = strerror(errno);
    return err_set(e, ERR_CONFIG, "TLS: cannot use %s '%s': %s", what, file,
                   why ? why : "not in PEM form");
}

/* ---- sessions ---- */

static void drop(struct tls_ctx *ctx, struct session *k)
{
    list_del(&k->link);
    ctx->sessions_n--;
    SSL_SESSION_free(k->s);
    mem_free(k);
}

static struct session *find(struct tls_ctx *ctx, const char *host)
{
    LIST_EACH(it, &ctx->sessions)
    {
        struct session *k = LIST_ENTRY(it, struct session, link);

        if (strcmp(k->host, host) == 0)
            return k;
    }
    return NULL;
}

void tls_ctx_keep(struct tls_ctx *ctx, const char *host, SSL_SESSION *s)
{
    struct session *k = find(ctx, host);

    if (k)
        drop(ctx, k);
    else if (ctx->sessions_n == TLS_SESSIONS_MAX)
        drop(ctx, LIST_ENTRY(ctx->sessions.next, struct session, link));
    k = mem_zalloc(1, sizeof(*k));
    if (!k) { /* a full handshake next time */
        SSL_SESSION_free(s);
        return;
    }
    k->s = s;
    snprintf(k->host, sizeof(k->host), "%s", host);
    list_init(&k->link);
    list_push(&ctx->sessions, &k->link);
    ctx->sessions_n++;
}

SSL_SESSION *tls_ctx_take(struct tls_ctx *ctx, const char *host)
{
    struct session *k = find(ctx, host);
    SSL_SESSION *s;

    if (!k)
        return NULL;
    s = k->s;
    SSL_SESSION_up_ref(s);
    if (SSL_SESSION_get_protocol_version(s) >= TLS1_3_VERSION)
        drop(ctx, k);
    return s;
}

/* ---- contexts ---- */

/* "h2,http/1.1" to wire form. */
static int set_alpn(struct tls_ctx *ctx, const char *names, struct err *e)
{
    struct span rest = span_str(names);

    while (span_has(rest)) {
        struct span one = span_cut(&rest, ',');

        if (one.n == 0 || one.n > 255 || ctx->alpn_n + 1 + one.n > sizeof(ctx->alpn))
            return err_set(e, ERR_CONFIG, "TLS: '%s' is not a list of protocols", names);
        ctx->alpn[ctx->alpn_n++] = (unsigned char)one.n;
        memcpy(ctx->alpn + ctx->alpn_n, one.p, one.n);
        ctx->alpn_n += (unsigned)one.n;
    }
    return 0;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned in_n, void *arg)
{
    struct tls_ctx *ctx = arg;
    unsigned char *found;

    UNUSED(ssl);
    if (SSL_select_next_proto(&found, out_n, ctx->alpn, ctx->alpn_n, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

/* A key that wants a password is refused; OpenSSL would ask for it at the terminal, and wait. */
static int no_password(char *out, int cap, int writing, void *arg)
{
    UNUSED(out);
    UNUSED(cap);
    UNUSED(writing);
    UNUSED(arg);
    return -1;
}

static int use_certificate(struct tls_ctx *ctx, const char *cert, const char *key, struct err *e)
{
    if (!key)
        return err_set(e, ERR_CONFIG, "TLS: certificate '%s' without a key", cert);
    SSL_CTX_set_default_passwd_cb(ctx->ssl, no_password);
    if (SSL_CTX_use_certificate_chain_file(ctx->ssl, cert) != 1)
        return bad_file(e, "certificate", cert);
    if (SSL_CTX_use_PrivateKey_file(ctx->ssl, key, SSL_FILETYPE_PEM) != 1 &&
        ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
        return bad_file(e, "key", key);
    if (SSL_CTX_check_private_key(ctx->ssl) != 1)
        return err_set(e, ERR_CONFIG, "TLS: key '%s' does not belong to certificate '%s'", key,
                       cert);
    return 0;
}

static int trust_system(struct tls_ctx *ctx, struct err *e)
{
    static const char *const bundles[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
        "/etc/ssl/ca-bundle.pem",             /* SUSE */
        "/etc/ssl/cert.pem",
    };
    const char *given = secure_getenv("SSL_CERT_FILE");

    if (given && *given)
        return SSL_CTX_load_verify_file(ctx->ssl, given) == 1 ? 0 : bad_file(e, "CA file", given);
    for (size_t i = 0; i < ARRAY_LEN(bundles); i++)
        if (access(bundles[i], R_OK) == 0 && SSL_CTX_load_verify_file(ctx->ssl, bundles[i]) == 1)
            return 0;
    return err_set(e, ERR_CONFIG,
                   "TLS: this system has no CA certificates; install ca-certificates, or name a "
                   "CA file");
}

/* NULL: *e says why. */
static struct tls_ctx *ctx_new(struct ev *ev, bool server, const char *alpn, struct err *e)
{
    const uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                             SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
    struct tls_ctx *ctx = mem_zalloc(1, sizeof(*ctx));

    if (!ctx) {
        err_set(e, ERR_NOMEM, "TLS: no memory");
        return NULL;
    }
    ERR_clear_error();
    ctx->refs = 1;
    ctx->server = server;
    ctx->ev = ev;
    list_init(&ctx->sessions);
    if (alpn && set_alpn(ctx, alpn, e) < 0)
        goto failed;
    ctx->bio = tls_bio_new();
    ctx->ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (!ctx->bio || !ctx->ssl) {
        err_set(e, ERR_NOMEM, "TLS: no memory");
        goto failed;
    }
    SSL_CTX_set_security_level(ctx->ssl, SECURITY_LEVEL);
    SSL_CTX_set_options(ctx->ssl, options);
    SSL_CTX_set_mode(ctx->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_timeout(ctx->ssl, TLS_SESSION_SECONDS);
    if (SSL_CTX_set_min_proto_version(ctx->ssl, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ctx->ssl, CIPHERS) != 1) {
        err_set(e, ERR_BUG, "TLS: OpenSSL does not know our ciphers");
        goto failed;
    }
    return ctx;
failed:
    tls_ctx_unref(&ctx);
    return NULL;
}

int tls_client_ctx_new(struct tls_ctx **ret, struct ev *ev, const struct tls_client_conf *conf,
                       struct err *e)
{
    struct tls_ctx *ctx;
    int rc = -1;

    MUST(ret && ev && conf && e);
    ctx = ctx_new(ev, false, conf->alpn, e);
    if (!ctx)
        return -1;
    if (conf->ca_file && SSL_CTX_load_verify_file(ctx->ssl, conf->ca_file) != 1) {
        bad_file(e, "CA file", conf->ca_file);
        goto out;
    }
    if (!conf->ca_file && trust_system(ctx, e) < 0)
        goto out;
    if (conf->cert_file && use_certificate(ctx, conf->cert_file, conf->key_file, e) < 0)
        goto out;
    SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx->ssl, tls_on_session);
    if (ctx->alpn_n && SSL_CTX_set_alpn_protos(ctx->ssl, ctx->alpn, ctx->alpn_n) != 0) {
        err_set(e, ERR_NOMEM, "TLS: no memory");
        goto out;
    }
    *ret = ctx;
    ctx = NULL;
    rc = 0;
out:
    tls_ctx_unref(&ctx);
    return rc;
}

int tls_check_pair(const char *cert_file, const char *key_file, struct err *e)
{
    struct tls_ctx *ctx = ctx_new(NULL, true, NULL, e);
    int rc = ctx ? use_certificate(ctx, cert_file, key_file, e) : -1;

    tls_ctx_unref(&ctx);
    return rc;
}

int tls_check_ca(const char *ca_file, struct err *e)
{
    struct tls_ctx *ctx = ctx_new(NULL, false, NULL, e);
    int rc = ctx ? 0 : -1;

    if (ctx && SSL_CTX_load_verify_file(ctx->ssl, ca_file) != 1)
        rc = bad_file(e, "CA file", ca_file);
    tls_ctx_unref(&ctx);
    return rc;
}

static int require_client_certificate(struct tls_ctx *ctx, const char *file, struct err *e)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);

    if (!names || SSL_CTX_load_verify_file(ctx->ssl, file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return bad_file(e, "client CA file", file);
    }
    SSL_CTX_set_client_CA_list(ctx->ssl, names); /* takes them */
    SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

int tls_server_ctx_new(struct tls_ctx **ret, struct ev *ev, const struct tls_server_conf *conf,
                       struct err *e)
{
    static const unsigned char id[] = "lamplighter";
    struct tls_ctx *ctx;
    int rc = -1;

    MUST(ret && ev && conf && conf->cert_file && e);
    ctx = ctx_new(ev, true, conf->alpn, e);
    if (!ctx)
        return -1;
    if (use_certificate(ctx, conf->cert_file, conf->key_file, e) < 0)
        goto out;
    if (conf->client_ca_file && require_client_certificate(ctx, conf->client_ca_file, e) < 0)
        goto out;
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF); /* tickets need none */
    SSL_CTX_set_num_tickets(ctx->ssl, TICKETS_PER_VISIT);
    SSL_CTX_set_max_early_data(ctx->ssl, 0);
    if (SSL_CTX_set_session_id_context(ctx->ssl, id, sizeof(id) - 1) != 1) {
        err_set(e, ERR_NOMEM, "TLS: no memory");
        goto out;
    }
    /* Who showed no certificate elsewhere shall not come in by a ticket from there. */
    ctx->ticket_secret = conf->client_ca_file ? NULL : conf->ticket_secret;
    if (ctx->ticket_secret && tls_ticket_use(ctx, e) < 0)
        goto out;
    if (ctx->alpn_n)
        SSL_CTX_set_alpn_select_cb(ctx->ssl, select_alpn, ctx);
    *ret = ctx;
    ctx = NULL;
    rc = 0;
out:
    tls_ctx_unref(&ctx);
    return rc;
}

struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx)
{
    ctx->refs++;
    return ctx;
}

void tls_ctx_unref(struct tls_ctx **ctx)
{
    struct tls_ctx *old = *ctx;

    *ctx = NULL;
    if (!old || --old->refs > 0)
        return;
    LIST_EACH(it, &old->sessions)
    drop(old, LIST_ENTRY(it, struct session, link));
    SSL_CTX_free(old->ssl);
    BIO_meth_free(old->bio);
    outq_store_fini(&old->store);
    mem_free(old);
}
