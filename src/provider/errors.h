/*
 * errors.h - the error tables of the rows in providers.c, and those that all hosts share.
 *
 * Room: provider, private to it.
 */
#ifndef PROVIDER_ERRORS_H
#define PROVIDER_ERRORS_H

#include "provider/provider.h"

extern const struct provider_error_row errors_none[]; /* only what all hosts share */
extern const struct provider_error_row errors_openai[];
extern const struct provider_error_row errors_anthropic[];
extern const struct provider_error_row errors_azure[];
extern const struct provider_error_row errors_bedrock[];
extern const struct provider_error_row errors_mistral[];
extern const struct provider_error_row errors_groq[];
extern const struct provider_error_row errors_xai[];
extern const struct provider_error_row errors_openrouter[];
extern const struct provider_error_row errors_huggingface[];
extern const struct provider_error_row errors_gemini[];
extern const struct provider_error_row errors_zai[];
extern const struct provider_error_row errors_engine[];

/* What follows behind a provider's own rows: see the top of errors.c. */
extern const struct provider_error_row errors_common[];
extern const struct provider_error_row errors_streamed[];

struct error_status {
    uint16_t from, to;
    enum class_id class_id;
};
extern const struct error_status errors_statuses[]; /* ends with a row of class CLASS_NONE */

#endif
