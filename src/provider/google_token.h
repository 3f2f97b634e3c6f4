/*
 * google_token.h - where tokens of Google Cloud come from.
 *
 *     source     is told
 *     account    a service account's key: TOKEN_URL (its token_uri), TOKEN_ID (e-mail),
 *                TOKEN_SECRET (PEM), TOKEN_KEY_ID, TOKEN_SCOPE
 *     user       what `gcloud auth application-default login` writes: TOKEN_URL, TOKEN_ID and
 *                TOKEN_SECRET (the client's), TOKEN_SESSION (the refresh token)
 *     federated  an identity of another cloud, by a token in a file: TOKEN_URL (STS),
 *                TOKEN_AUDIENCE, TOKEN_SUBJECT_TYPE, TOKEN_SCOPE, TOKEN_FILE, TOKEN_SUBJECT_FIELD
 *     ..._url    by a token from TOKEN_SUBJECT_URL, with TOKEN_FIELD_NAME, TOKEN_FIELD_VALUE
 *     ..._as     and then that of a service account, from TOKEN_IMPERSONATE_URL
 *     metadata   TOKEN_URL (the host of the metadata server)
 *
 * Room: provider. Pure. Threads: any.
 */
#ifndef PROVIDER_GOOGLE_TOKEN_H
#define PROVIDER_GOOGLE_TOKEN_H

#include "provider/token.h"

extern const struct token_source google_token_account;
extern const struct token_source google_token_user;
extern const struct token_source google_token_federated;
extern const struct token_source google_token_federated_as;
extern const struct token_source google_token_federated_url;
extern const struct token_source google_token_federated_url_as;
extern const struct token_source google_token_metadata;

/* The source that a credentials file (GOOGLE_APPLICATION_CREDENTIALS) describes, and what it is to
 * be told; spans of the arena. -1: *e says what is wrong with the file. */
MUST_CHECK int google_token_read_file(const struct token_source **ret, struct token_conf *conf,
                                      struct span text, struct arena *a, struct err *e);

#endif
