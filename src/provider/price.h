/*
 * price.h - what the tokens of an answer cost, exactly.
 *
 * Money is a whole number of picodollars (1e-12 USD). Why: prices are written in dollars for a
 * million tokens with up to six decimals, so a price is a whole number of millionths, which is just
 * as many picodollars for one token; and no product or sum of whole numbers is ever rounded. One
 * answer may cost up to 18 million dollars; past that it has no cost rather than a wrong one.
 *
 * Every token is counted once. The parts of the input (cached, written to the cache, audio) and of
 * the output (reasoning, audio) are taken out of the two sums, and what remains is plain. Where a
 * host's parts say more than their sum, they are cut to it, in the order of enum price_part.
 *
 * Room: provider. Pure. Threads: any.
 */
#ifndef PROVIDER_PRICE_H
#define PROVIDER_PRICE_H

#include "dialect/dialect.h"

/* What tokens are of, as far as prices differ: X(name, key of a price file). */
#define PRICE_PARTS_ROWS(X)                                                                        \
    X(INPUT, "input")                   /* all input that is none of the next five */              \
    X(CACHED, "cached")                 /* read from the provider's cache */                       \
    X(CACHE_WRITE, "cache_write")       /* written to it, for minutes */                           \
    X(CACHE_WRITE_1H, "cache_write_1h") /* written to it for an hour */                            \
    X(AUDIO_IN, "audio_in")                                                                        \
    X(AUDIO_CACHED, "audio_cached")                                                                \
    X(OUTPUT, "output") /* all output that is none of the next two */                              \
    X(REASONING, "reasoning")                                                                      \
    X(AUDIO_OUT, "audio_out")

enum price_part {
#define X(name, key) PRICE_##name,
    PRICE_PARTS_ROWS(X)
#undef X
        PRICE_PARTS
};

#define PRICE_UNSET UINT64_MAX /* the price file says nothing of this part */

/* Picodollars for a token of each part. */
struct price_rates {
    uint64_t pico[PRICE_PARTS];
};

/* What answers to long inputs cost: all of their tokens, not only those past the bound. */
struct price_tier {
    uint64_t above; /* holds for inputs of more tokens, cached ones included */
    struct price_rates rates;
};

struct price {
    struct price_rates rates;
    const struct price_tier *tiers; /* ascending */
    size_t tiers_n;
};

/* How an answer came to its cost, or why it has none: X(name, word). Words are stable. */
#define PRICINGS(X)                                                                                \
    X(NOTHING, "")              /* nothing to price: no target has answered */                     \
    X(KNOWN, "known")           /* the cost is known */                                            \
    X(INCOMPLETE, "incomplete") /* known of the tokens reported until the answer broke off */      \
    X(NO_PRICE, "no-price")     /* the price file has no row for the model */                      \
    X(NO_RATE, "no-rate")       /* its row says nothing of a part that the answer has */           \
    X(TIER, "tier")         /* served at another tier, speed or place than list prices are for */  \
    X(EXTRAS, "extras")     /* known of the tokens; more is billed, such as searches */            \
    X(NO_USAGE, "no-usage") /* the provider did not say how many tokens there are */               \
    X(TOO_LARGE, "too-large") /* a number past all bounds */                                       \
    X(NOT_READ, "not-read")   /* passed through unread, so that nobody counted */

enum pricing {
#define X(name, word) PRICING_##name,
    PRICINGS(X)
#undef X
        PRICINGS_N
};

const char *price_word(enum pricing p);

/* Is a cost known, of some tokens at least? */
static inline bool price_is_known(enum pricing p)
{
    return p == PRICING_KNOWN || p == PRICING_INCOMPLETE || p == PRICING_EXTRAS;
}

/* The tokens of each part; together they are the input and the output. */
void price_split(const struct dialect_usage *u, uint64_t ret[PRICE_PARTS]);

/* KNOWN: *ret_pico is what the answer costs; EXTRAS: what its tokens cost. Else it is untouched.
 * Where nothing costs anything, it costs nothing without usage too, and however it was served. */
MUST_CHECK enum pricing price_cost(uint64_t *ret_pico, const struct price *p,
                                   const struct dialect_usage *u);

/* Dollars, of at most 12 decimals. -1: it is none, or too many. */
MUST_CHECK int price_read(uint64_t *ret_pico, struct span text);

#define PRICE_TEXT 24 /* "18446744.073709551615" and NUL fit */

/* Picodollars as dollars: "0.0143", no zeros behind. Returns out. */
const char *price_text(uint64_t pico, char out[PRICE_TEXT]);

#endif
