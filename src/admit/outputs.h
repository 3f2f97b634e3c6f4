/*
 * outputs.h - how long the answers of one kind of request are: a histogram of a few words, so that
 * processes can share it, and its quantiles.
 *
 * A session's cache grows to prompt and answer together, and how long the answer will be nobody
 * knows; max_tokens is some forty percent too much for a pool of chats (decision 0025). What
 * answers of the like have come to is known: of one tenant, model and length of prompt, for a ratio
 * of prompt to answer that holds for chats is wrong by ten for code.
 *
 * Lengths are counted by classes (sizes.h); a quantile lies within its class as if that were
 * filled evenly. Counts are halved together when one is full, so
 * the last thousand answers or so are what is known.
 *
 * Room: admit (uses base). Pure. Threads: any.
 */
#ifndef ADMIT_OUTPUTS_H
#define ADMIT_OUTPUTS_H

#include "base/base.h"

#define OUTPUTS_WORDS   16
#define OUTPUTS_FULL    1024u   /* a class with so many answers */
#define OUTPUTS_PART    860000u /* millionths of the answers that a session's length is to cover */
#define OUTPUTS_FEW     20u     /* of fewer answers nothing is concluded */
#define OUTPUTS_UNKNOWN 1024u   /* tokens of an answer of which nothing is known */

/* A copy of the words; all 0: nothing is known. */
struct outputs {
    uint64_t words[OUTPUTS_WORDS];
};

/* Which word counts an answer of so many tokens, and that word with one more of them. */
size_t outputs_place(uint64_t tokens);
uint64_t outputs_add(uint64_t word, uint64_t tokens);

/* Is a class of this word full? Then each of the words is to be halved. */
bool outputs_is_full(uint64_t word);
uint64_t outputs_halve(uint64_t word);

/* How many answers are counted. */
uint64_t outputs_n(const struct outputs *o);

/* So many tokens at most, as `millionths` of the answers that have come to more than `past`. Where
 * there were none such: twice as many as past, and 64 more at least. */
uint64_t outputs_quantile(const struct outputs *o, uint32_t millionths, uint64_t past);

/* Are there enough of them to conclude anything? */
bool outputs_is_known(const struct outputs *o);

/* How many tokens an answer is reckoned with that has come to `past` so far: of a kind that is
 * known, or NULL; and no more than `most`, as the request says; 0: it does not. */
uint64_t outputs_expect(const struct outputs *o, uint64_t most, uint64_t past);

#endif
