/*
 * tls_impl.h - what tls.c (connections) and tls_ctx.c (contexts) share.
 *
 * Room: net, private. Threads: one loop.
 */
#ifndef NET_TLS_IMPL_H
#define NET_TLS_IMPL_H

#include <openssl/ssl.h>

#include "net/outq.h"
#include "net/tls.h"

#define TLS_HOST_MAX        253
#define TLS_ALPN_MAX        64
#define TLS_SESSIONS_MAX    128
#define TLS_SESSION_SECONDS 3600

struct tls_ctx {
    unsigned refs;
    bool server;
    struct ev *ev;
    SSL_CTX *ssl;
    BIO_METHOD *bio;
    struct outq_store store;
    unsigned char alpn[TLS_ALPN_MAX]; /* in wire form: length, name, length, name */
    unsigned alpn_n;
    const unsigned char *ticket_secret; /* NULL: none */
    struct list sessions; /* of struct session: to resume, the one used last at the end */
    size_t sessions_n;
};

/* Keep a session for host (takes s), and take one for host: NULL, or the caller owns it. */
void tls_ctx_keep(struct tls_ctx *ctx, const char *host, SSL_SESSION *s);
SSL_SESSION *tls_ctx_take(struct tls_ctx *ctx, const char *host);

/* Say in *e, in plain words, why OpenSSL failed (its error queue, or the verdict on the peer's
 * certificate). `whom` is the peer. Returns -1. */
int tls_explain(struct err *e, const SSL *ssl, const char *whom);

/* Called by OpenSSL with a new session; in tls.c, which knows the host. */
int tls_on_session(SSL *ssl, SSL_SESSION *s);

/* The BIO between OpenSSL and the lower connection; in tls.c. */
MUST_CHECK BIO_METHOD *tls_bio_new(void);

#endif
