/*
 * aws_token.h - where credentials of AWS come from.
 *
 *     source         is told
 *     fixed          TOKEN_ID, TOKEN_SECRET, TOKEN_SESSION (or absent)
 *     web_identity   TOKEN_URL (STS), TOKEN_ROLE (its ARN), TOKEN_SUBJECT_FIELD (the session's
 *                    name), TOKEN_FILE
 *     container      TOKEN_URL; TOKEN_FIELD_VALUE (authorization) or absent
 *     container_file TOKEN_URL; TOKEN_FILE (authorization)
 *     instance       TOKEN_URL (the host of the instance's metadata service)
 *
 * Room: provider. Pure. Threads: any.
 */
#ifndef PROVIDER_AWS_TOKEN_H
#define PROVIDER_AWS_TOKEN_H

#include "provider/token.h"

extern const struct token_source aws_token_fixed;
extern const struct token_source aws_token_web_identity;
extern const struct token_source aws_token_container;
extern const struct token_source aws_token_container_file;
extern const struct token_source aws_token_instance;

/* What the text of a shared credentials file says in the section [profile]: id, secret, session,
 * as spans of the text. -1: it has no such section, or no keys in it. */
MUST_CHECK int aws_token_read_profile(struct span text, struct span profile,
                                      struct token_grant *ret);

#endif
