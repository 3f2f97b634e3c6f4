/*
 * tls.h - TLS over any connection, by OpenSSL: 1.2 with AEAD ciphers and 1.3; certificates are
 * always verified; no compression, no renegotiation, no early data.
 *
 * A wrapped connection is a struct net_conn like any other. Its on_sent counts bytes of the
 * owner whose encrypted form has left. NET_END_FLUSH says goodbye (close_notify) before FIN;
 * NET_END_RESET_ACKED does not, so that the reader sees an unclean end.
 *
 * A FIN without close_notify is reported as on_eof, because many servers end so and HTTP frames
 * its own messages; who needs the end itself to be true (a body that lasts until the end of the
 * connection) asks net_conn_truncated().
 *
 * Room: net. Threads: one loop; a context belongs to its loop.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net/net.h"

struct tls_ctx; /* shared, reference-counted; connections hold a reference */

struct tls_client_conf {
    const char *ca_file;              /* PEM bundle; NULL: SSL_CERT_FILE, or the system's */
    const char *cert_file, *key_file; /* our own certificate, PEM; NULL: none */
    const char *alpn;                 /* "h2,http/1.1", the best first; NULL: no ALPN */
};

#define TLS_TICKET_SECRET_BYTES 32

struct tls_server_conf {
    const char *cert_file, *key_file; /* PEM; the certificate with its chain */
    const char *client_ca_file;       /* clients need a certificate of one of these; NULL: none */
    const char *alpn;                 /* as above; a client that offers only others is refused */
    /* Of TLS_TICKET_SECRET_BYTES, borrowed for the life of the context: the keys of session tickets
     * come from it and the time, so processes that share it resume each other's sessions. NULL:
     * keys of OpenSSL's own, which no other context knows and which never change; so it is, too,
     * where client_ca_file asks for certificates. */
    const unsigned char *ticket_secret;
};

/* The caller owns a reference. Errors are ERR_CONFIG and name the file. */
MUST_CHECK int tls_client_ctx_new(struct tls_ctx **ret, struct ev *ev,
                                  const struct tls_client_conf *conf, struct err *e);
MUST_CHECK int tls_server_ctx_new(struct tls_ctx **ret, struct ev *ev,
                                  const struct tls_server_conf *conf, struct err *e);
/* Would these files do? For a configuration that is checked before it is taken into use. */
MUST_CHECK int tls_check_pair(const char *cert_file, const char *key_file, struct err *e);
MUST_CHECK int tls_check_ca(const char *ca_file, struct err *e);

struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx);
void tls_ctx_unref(struct tls_ctx **ctx);

/* Wrap a connection and shake hands. Takes lower (on failure it stays the caller's). hostname is
 * whom a client must meet, a name or an IP address; NULL on a server.
 *
 * on_ready(arg, NULL): go on with *ret; on_ready(arg, e): close it, by NET_END_FLUSH to let the
 * alert out. The caller bounds the time; closing *ret before on_ready gives up silently. */
MUST_CHECK int tls_wrap(struct net_conn **ret, struct tls_ctx *ctx, struct net_conn *lower,
                        const char *hostname, void (*on_ready)(void *arg, const struct err *e),
                        void *arg, struct err *e);

/* After on_eof: did the peer's bytes end without a goodbye? False for what is not TLS. */
bool net_conn_truncated(const struct net_conn *c);

/* Was an earlier session resumed? For tests and metrics. */
bool tls_resumed(const struct net_conn *c);

#endif
