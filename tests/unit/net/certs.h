/*
 * certs.h - certificates made for one test run, as files in a directory that goes away.
 */
#ifndef TESTS_UNIT_NET_CERTS_H
#define TESTS_UNIT_NET_CERTS_H

#define CERT_PATH_MAX 256

struct cert_files {
    char cert[2 * CERT_PATH_MAX], key[2 * CERT_PATH_MAX];
};

struct certs {
    char dir[CERT_PATH_MAX];
    struct cert_files ca, other_ca;
    struct cert_files good;    /* of ca: localhost, model.test, *.wild.test, 127.0.0.1 */
    struct cert_files other;   /* of ca: other.test */
    struct cert_files expired; /* of ca: localhost, until yesterday */
    struct cert_files self;    /* localhost, signed by itself */
    struct cert_files client;  /* of ca: a client */
};

void certs_make(struct certs *c);
void certs_remove(struct certs *c);

#endif
