/*
 * hedge.h - how many second requests a model's targets may be sent beside slow first ones: a share
 * of its requests, and of the tokens that these ask to be read. In one word, so that processes can
 * share it.
 *
 * Each request of the model earns its share of one; a hedge costs one, and as many tokens as its
 * prompt has. Both must be there. So of N requests at most the share of N is hedged, however slow
 * all targets become at once; and what short requests have earned pays for no long ones. At most
 * HEDGE_MOST are saved up.
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_HEDGE_H
#define HEALTH_HEDGE_H

#include "base/base.h"

#define HEDGE_MOST 10u

/* The word after a request of so many tokens; share: in millionths. */
uint64_t hedge_earn(uint64_t word, uint32_t share, uint64_t tokens);

/* The word after a hedge of such a request; *enough: it may be. If not, the word is as before. */
uint64_t hedge_spend(uint64_t word, uint64_t tokens, bool *enough);

/* ... and after one that did not come to be. */
uint64_t hedge_unspend(uint64_t word, uint64_t tokens);

/* How many hedges there are now, however long their prompts. */
double hedge_left(uint64_t word);

#endif
