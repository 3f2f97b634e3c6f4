/*
 * budget.h - how many retries a target may be sent: a share of the requests that it is sent anyway,
 * and a little more. In one word, so that processes can share it.
 *
 * Tokens are earned by requests (BUDGET_PERCENT of one each) and by time (BUDGET_PER_S), and are
 * forgotten by e-fold of BUDGET_US: a target that was busy for long may be sent as many retries at
 * once as it earns in that time, and no more. After Finagle's RetryBudget (ttl 10 s).
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_BUDGET_H
#define HEALTH_BUDGET_H

#include "base/base.h"

#define BUDGET_PERCENT 15u
#define BUDGET_PER_S   0.5
#define BUDGET_US      UINT64_C(10000000)

/* Tokens that there are now; a word of 0 has what time alone earns. */
double budget_tokens(uint64_t word, uint64_t now_us);

/* The word after a request that is no retry. */
uint64_t budget_earn(uint64_t word, uint64_t now_us);

/* The word after a retry or another request that did not come to be: what it cost or earned is
 * undone. */
uint64_t budget_unspend(uint64_t word, uint64_t now_us);
uint64_t budget_unearn(uint64_t word, uint64_t now_us);

/* The word after a retry; *enough: there was a token for it. If not, the word is as before. */
uint64_t budget_spend(uint64_t word, uint64_t now_us, bool *enough);

#endif
