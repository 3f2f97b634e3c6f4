/*
 * tls_ticket.c - see tls_ticket.h.
 *
 * Why keys from a secret and the time: workers share no memory for keys and send each other no
 * messages. All that came from one master have its secret, so a client may resume its session at
 * any of them, at a replacement too; and as the time goes into the keys, they change by
 * themselves. Who steals the keys of a period reads the sessions of that period and the next, and
 * no others: a key does not lead back to the secret.
 *
 *     key of a purpose in period p = HMAC-SHA-256(secret, purpose || p), p = wall time / PERIOD_MS
 *
 * A ticket says by its name which period it is of. One of the period before is taken, and the
 * client is given a new one (of TLS 1.3 always, where a ticket is used once); an older one, or one
 * of a later period after the clock was set back, leads to a full handshake.
 */
#include "net/tls_ticket.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#define PERIOD_MS  (UINT64_C(1000) * TLS_SESSION_SECONDS) /* as long as a session may be resumed */
#define NAME_BYTES 16                                     /* OpenSSL's */
#define KEY_BYTES  32

enum { REFUSED = 0, TAKEN = 1, RENEWED = 2, FAILED = -1 }; /* the words of OpenSSL's callback */

struct keys {
    unsigned char name[KEY_BYTES]; /* of which NAME_BYTES are shown */
    unsigned char cipher[KEY_BYTES], mac[KEY_BYTES];
};

static bool derive_one(const unsigned char *secret, char purpose, uint64_t period,
                       unsigned char ret[KEY_BYTES])
{
    unsigned char text[9] = {(unsigned char)purpose};

    for (size_t i = 0; i < 8; i++)
        text[1 + i] = (unsigned char)(period >> (56 - 8 * i));
    return HMAC(EVP_sha256(), secret, TLS_TICKET_SECRET_BYTES, text, sizeof(text), ret, NULL) !=
           NULL;
}

static bool derive(const unsigned char *secret, uint64_t period, struct keys *ret)
{
    return derive_one(secret, 'n', period, ret->name) &&
           derive_one(secret, 'c', period, ret->cipher) &&
           derive_one(secret, 'm', period, ret->mac);
}

static bool set_mac(EVP_MAC_CTX *mac, unsigned char key[KEY_BYTES])
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, KEY_BYTES),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int seal(struct tls_ctx *ctx, uint64_t period, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    struct keys k;
    int rc = FAILED;

    if (derive(ctx->ticket_secret, period, &k)) {
        memcpy(name, k.name, NAME_BYTES);
        ev_random(ctx->ev, iv, EVP_MAX_IV_LENGTH);
        if (EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k.cipher, iv) == 1 &&
            set_mac(mac, k.mac))
            rc = TAKEN;
    }
    OPENSSL_cleanse(&k, sizeof(k));
    return rc;
}

static int open_if(struct tls_ctx *ctx, uint64_t period, const unsigned char *name,
                   const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int taken)
{
    struct keys k;
    int rc = FAILED;

    if (derive(ctx->ticket_secret, period, &k)) {
        if (memcmp(name, k.name, NAME_BYTES) != 0)
            rc = REFUSED;
        else if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k.cipher, iv) == 1 &&
                 set_mac(mac, k.mac))
            rc = taken;
    }
    OPENSSL_cleanse(&k, sizeof(k));
    return rc;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int sealing)
{
    struct tls_ctx *ctx = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    uint64_t period = ev_wall_ms(ctx->ev) / PERIOD_MS;
    int rc;

    if (sealing)
        return seal(ctx, period, name, iv, cipher, mac);
    rc = open_if(ctx, period, name, iv, cipher, mac,
                 SSL_version(ssl) >= TLS1_3_VERSION ? RENEWED : TAKEN);
    if (rc == REFUSED && period > 0)
        rc = open_if(ctx, period - 1, name, iv, cipher, mac, RENEWED);
    return rc;
}

int tls_ticket_use(struct tls_ctx *ctx, struct err *e)
{
    if (SSL_CTX_set_app_data(ctx->ssl, ctx) != 1 ||
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx->ssl, on_ticket) != 1)
        return err_set(e, ERR_NOMEM, "TLS: no memory");
    return 0;
}
