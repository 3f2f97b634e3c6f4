/*
 * azure_token.h - where tokens of Microsoft Entra come from.
 *
 *     source       is told
 *     secret       a client's secret: TOKEN_URL (the tenant's token service), TOKEN_ID (the
 * client), TOKEN_SECRET, TOKEN_SCOPE federated    workload identity: the same with TOKEN_FILE in
 * place of the secret instance     a managed identity: TOKEN_URL (the metadata service, with its
 * whole query) app_service  the same in App Service and its like: TOKEN_URL, TOKEN_SECRET (the
 * field)
 *
 * Room: provider. Pure. Threads: any.
 */
#ifndef PROVIDER_AZURE_TOKEN_H
#define PROVIDER_AZURE_TOKEN_H

#include "provider/token.h"

extern const struct token_source azure_token_secret;
extern const struct token_source azure_token_federated;
extern const struct token_source azure_token_instance;
extern const struct token_source azure_token_app_service;

#endif
