/*
 * limits.h - what an answer's head says of its account's rate limits, whoever made up the fields.
 *
 *     x-ratelimit-{limit,remaining,reset}-{requests,tokens}         OpenAI, Azure, and who copies
 * them anthropic-ratelimit-{requests,input-tokens,output-tokens}-{limit,remaining,reset}
 *
 * A reset is when the limit is full again, in any of the forms that delay.h knows. The sum that
 * Anthropic calls "tokens" is left out: its parts are there as well, and say more.
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
        uint64_t reset_us; /* from now on */
    } of[LIMITED];
};

/* Take one field of a head, its name in lower case. Others change nothing, and so does one that
 * cannot be read. wall_ms: Unix time now, for dates. */
void provider_limits_field(struct provider_limits *l, struct span name, struct span value,
                           uint64_t wall_ms);

/* Has any of them been said? */
bool provider_limits_said(const struct provider_limits *l);

#endif
