/*
 * google_jwt.h - a service account's assertion: a JSON web token signed by RS256 with its key.
 *
 * Room: provider (libcrypto). Pure: the time is an argument. Threads: any.
 */
#ifndef PROVIDER_GOOGLE_JWT_H
#define PROVIDER_GOOGLE_JWT_H

#include "base/buf.h"

#define GOOGLE_JWT_LIFETIME_S 3600 /* the longest that Google takes */

struct google_jwt {
    struct span key;      /* PEM */
    struct span key_id;   /* absent: not said */
    struct span issuer;   /* the account's e-mail */
    struct span scope;    /* of the token that is asked for */
    struct span audience; /* the URL of who is asked */
};

/* Append the token that begins to be valid now. -1: the key is no RSA key, or no memory. */
MUST_CHECK int google_jwt_sign(struct buf *out, const struct google_jwt *j, uint64_t now_s,
                               struct err *e);

/* Can that PEM text be signed with? */
MUST_CHECK int google_jwt_check_key(struct span pem, struct err *e);

#endif
