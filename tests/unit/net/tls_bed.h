/*
 * tls_bed.h - two ends that speak TLS over a pair of bed.h's, with certificates made for the run.
 */
#ifndef TESTS_UNIT_NET_TLS_BED_H
#define TESTS_UNIT_NET_TLS_BED_H

#include "bed.h"
#include "certs.h"
#include "net/tls_impl.h"

struct tbed {
    struct bed *b;
    int version_max; /* of the server; 0: no limit */
    struct certs certs;
    struct tls_ctx *client, *server;
};

/* One end: the plain connection, what is wrapped around it, and how that went. */
struct half {
    struct side plain, side;
    struct net_conn *lower, *c;
    bool ready, refused;
    struct err err;
    bool close_on_ready;
};

struct duo {
    struct tbed *t;
    struct door d;
    struct call call;
    struct half client, server;
};

/* cmocka's set-ups: real and virtual; a server of TLS 1.2; one byte a segment, all at once or
 * one after the other. */
int tbed_uv(void **state);
int tbed_sim(void **state);
int tbed_old(void **state);
int tbed_crumbs(void **state);
int tbed_dribble(void **state);
int tbed_end(void **state);

/* New contexts: the server's certificate, whom the client trusts, ALPN of both. */
void tbed_use(struct tbed *t, const struct cert_files *server, const char *ca,
              const char *client_alpn, const char *server_alpn);

/* tls_wrap() around lower, for a half; and what it tells when it is done. */
void half_wrap(struct half *h, struct tls_ctx *ctx, struct net_conn *lower, const char *host);
void half_ready(void *arg, const struct err *e);

/* Begin a connection to a host of that name; wait until both ends are ready; end it. */
void duo_begin(struct duo *x, struct tbed *t, const char *host);
void duo_open(struct duo *x, struct tbed *t, const char *host);
void duo_end(struct duo *x);

#endif
