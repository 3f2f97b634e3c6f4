/*
 * delay.h - how long a failed answer asks to be left alone, by whatever of the many ways its
 * provider has to say it.
 *
 * The first of these that is there and can be read counts:
 *   retry-after-ms                          milliseconds (OpenAI, Azure)
 *   retry-after                             seconds, with or without a fraction, or an HTTP date
 *                                           (RFC 9110, 10.2.3)
 *   retryDelay of google.rpc.RetryInfo      "22s", "0.5s", in the body
 *   *-reset-* beside a *-remaining-* of 0   "1s", "6m0s", "20ms" (OpenAI: x-ratelimit-*), RFC 3339
 *                                           (Anthropic: anthropic-ratelimit-*), seconds (Azure) or
 *                                           Unix time (DigitalOcean: OpenAI's fields); the latest
 *
 * Room: provider. Pure.
 */
#ifndef PROVIDER_DELAY_H
#define PROVIDER_DELAY_H

#include "base/span.h"

/* The names of the fields that say it, in lower case. */
#define PROVIDER_DELAY_FIELDS 24
extern const char *const provider_delay_fields[PROVIDER_DELAY_FIELDS];

/* Microseconds. values: of these fields, absent where they are not there; retry_info: the body's
 * (provider_failure.delay), may be absent; wall_ms: Unix time now, for dates. A time that is past
 * is 0, one of more than 584 years is as long as that. false: none of them says it, or none that
 * can be read; then *ret_us is untouched. */
bool provider_delay(uint64_t *ret_us, const struct span values[PROVIDER_DELAY_FIELDS],
                    struct span retry_info, uint64_t wall_ms);

/* A reset alone, in any of these forms. false: it says nothing; then *ret_us is untouched. */
bool provider_delay_reset(uint64_t *ret_us, struct span value, uint64_t wall_ms);

#endif
