/*
 * limits.h - what an answer's head says of its account's rate limits, whoever made up the fields:
 * what is left, of how much, and when it is full again, of requests and of tokens. limits.c has the
 * table of their names.
 *
 * A reset is when the limit is full again, in any of the forms that delay.h knows. Where a provider
 * tells of a minute and of a day, what is less counts. A sum is left out where its parts are there
 * as well.
 *
 * Room: provider. Pure.
 */
#ifndef PROVIDER_LIMITS_H
#define PROVIDER_LIMITS_H

#include "base/span.h"

#define PROVIDER_RESET_US                                                                          \
    UINT64_C(60000000) /* where a reset is not told: limits are of a minute                        \
                        */

enum provider_limited {
    LIMITED_REQUESTS,
    LIMITED_TOKENS, /* of input, and of output unless it is counted apart */
    LIMITED_OUTPUT,
    LIMITED
};

struct provider_limits {
    struct provider_limit {
        bool said;     /* what is left was */
        bool resets;   /* ... and when it is full */
        uint64_t most; /* 0: that was not said */
        uint64_t left;
        uint64_t reset_us;          /* from now on */
    } of[LIMITED], longer[LIMITED]; /* longer: of a day, until provider_limits_end() */
};

struct provider;

/* Take one field of a head of this provider's, its name in lower case. Others change nothing, and
 * so does one that cannot be read. wall_ms: Unix time now, for dates. */
void provider_limits_field(struct provider_limits *l, const struct provider *p, struct span name,
                           struct span value, uint64_t wall_ms);

/* All fields have been taken. */
void provider_limits_end(struct provider_limits *l, const struct provider *p);

/* What those models of a provider have in common that share a limit; absent: the model has its own.
 */
struct span provider_limit_group(const struct provider *p, struct span model);

/* Has any of them been said? */
bool provider_limits_said(const struct provider_limits *l);

#endif
