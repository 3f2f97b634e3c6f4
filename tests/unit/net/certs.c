/*
 * certs.c - see certs.h. Keys are of P-256; all is valid from last month to next month unless
 * said otherwise.
 */
#include "certs.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY (24L * 3600)

struct pair {
    X509 *cert;
    EVP_PKEY *key;
};

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *x;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(x);
    assert_int_equal(X509_add_ext(cert, x, -1), 1);
    X509_EXTENSION_free(x);
}

static struct pair sign(const char *name, const struct pair *by, const char *san, long from,
                        long until)
{
    static long serial;
    struct pair p = {X509_new(), EVP_EC_gen("P-256")};
    X509_NAME *subject;

    assert_true(p.cert && p.key);
    X509_set_version(p.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(p.cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(p.cert), from);
    X509_gmtime_adj(X509_getm_notAfter(p.cert), until);
    X509_set_pubkey(p.cert, p.key);
    subject = X509_get_subject_name(p.cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(p.cert, by ? X509_get_subject_name(by->cert) : subject);
    extend(p.cert, by ? by->cert : p.cert, NID_basic_constraints,
           san ? "CA:FALSE" : "critical,CA:TRUE");
    if (san)
        extend(p.cert, p.cert, NID_subject_alt_name, san);
    else
        extend(p.cert, p.cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    assert_true(X509_sign(p.cert, by ? by->key : p.key, EVP_sha256()) > 0);
    return p;
}

static void save(const struct certs *c, struct cert_files *files, const char *name,
                 const struct pair *p)
{
    FILE *f;

    snprintf(files->cert, sizeof(files->cert), "%s/%s.pem", c->dir, name);
    snprintf(files->key, sizeof(files->key), "%s/%s.key", c->dir, name);
    f = fopen(files->cert, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, p->cert), 1);
    fclose(f);
    f = fopen(files->key, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, p->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static void drop(struct pair *p)
{
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
}

void certs_make(struct certs *c)
{
    static const char names[] = "DNS:localhost,DNS:model.test,DNS:*.wild.test,IP:127.0.0.1";
    struct pair ca = sign("Test CA", NULL, NULL, -30 * DAY, 30 * DAY), p;
    const char *tmp = getenv("TMPDIR");

    snprintf(c->dir, sizeof(c->dir), "%s/lamplighter-certs-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(c->dir));
    save(c, &c->ca, "ca", &ca);
    p = sign("Other CA", NULL, NULL, -30 * DAY, 30 * DAY);
    save(c, &c->other_ca, "other-ca", &p);
    drop(&p);
    p = sign("localhost", &ca, names, -30 * DAY, 30 * DAY);
    save(c, &c->good, "good", &p);
    drop(&p);
    p = sign("other.test", &ca, "DNS:other.test", -30 * DAY, 30 * DAY);
    save(c, &c->other, "other", &p);
    drop(&p);
    p = sign("localhost", &ca, names, -30 * DAY, -DAY);
    save(c, &c->expired, "expired", &p);
    drop(&p);
    p = sign("localhost", NULL, names, -30 * DAY, 30 * DAY);
    save(c, &c->self, "self", &p);
    drop(&p);
    p = sign("client", &ca, "DNS:client", -30 * DAY, 30 * DAY);
    save(c, &c->client, "client", &p);
    drop(&p);
    drop(&ca);
}

void certs_remove(struct certs *c)
{
    struct cert_files *all[] = {&c->ca,      &c->other_ca, &c->good,  &c->other,
                                &c->expired, &c->self,     &c->client};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        unlink(all[i]->cert);
        unlink(all[i]->key);
    }
    rmdir(c->dir);
}
