/*
 * sigv4.h - AWS Signature Version 4: what the `authorization` of a request says.
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 *
 * Room: provider (libcrypto). Pure: the time is an argument. Threads: any.
 */
#ifndef PROVIDER_SIGV4_H
#define PROVIDER_SIGV4_H

#include "base/buf.h"

#define SIGV4_FIELDS_MAX 16 /* most fields that are signed */
#define SIGV4_PARAMS_MAX 32 /* most parameters of a query */
#define SIGV4_DATE       17 /* "20150830T123600Z" and its end */
#define SIGV4_HASH       65 /* a SHA-256 in hex digits and its end */

struct sigv4_field {
    struct span name; /* lower case */
    struct span value;
};

struct sigv4_request {
    struct span method;
    struct span path; /* as it is sent: escaped, with its query */
    /* What is signed, in any order: at least host and x-amz-date. */
    const struct sigv4_field *fields;
    size_t fields_n;
    const char *body_hash; /* from sigv4_body_end() */
};

struct sigv4_key {
    struct span id, secret;
    struct span region, service;
};

/* Unix time as x-amz-date writes it. */
void sigv4_date(char ret[SIGV4_DATE], uint64_t unix_s);

/* Append the value of `authorization`. date is that of the x-amz-date among the fields. -1: more
 * fields or parameters than can be signed (ERR_LIMIT), or no memory. */
MUST_CHECK int sigv4_sign(struct buf *out, const struct sigv4_request *r,
                          const struct sigv4_key *key, const char date[SIGV4_DATE], struct err *e);

/* The hash of a body that comes in pieces. */
struct evp_md_ctx_st;
struct sigv4_body {
    struct evp_md_ctx_st *hash; /* NULL: a step failed, and so will the end */
};
void sigv4_body_begin(struct sigv4_body *b);
void sigv4_body_add(struct sigv4_body *b, struct span bytes);
/* Always ends it; -1: no memory. */
MUST_CHECK int sigv4_body_end(struct sigv4_body *b, char ret[SIGV4_HASH], struct err *e);

#endif
