/*
 * bed.h - candidates of one request, each in a standing that a letter says.
 *
 *     F fine           D its breaker's time is over      L asks to be left alone, for 2 s
 *     f has failed     P the same, and somebody probes   l the same, until now
 *     S sick for 4 s   s sick for 3 s                    B no money, for 600 s
 *     K key refused, 60 s                                W its streams are slow, 60 s
 */
#ifndef TESTS_POLICY_BED_H
#define TESTS_POLICY_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/evidence.h"
#include "policy/policy.h"

#define NOW     UINT64_C(5000000000)
#define SECOND  UINT64_C(1000000)
#define FOREVER (1000 * SECOND) /* left of a request's time */

struct bed {
    struct board_standing *table;
    struct policy_rules rules;
    struct policy_candidate c[POLICY_TARGETS_MAX];
    uint32_t n;
};

int bed_set_up(void **state);
int bed_tear_down(void **state);

/* A letter for each candidate, all known by nothing before; each its own account and provider. */
void bed_stand(struct bed *b, const char *letters);
struct policy_request bed_request(struct bed *b);

struct board_standing *bed_target(struct bed *b, uint32_t i);
struct board_standing *bed_credential(struct bed *b, uint32_t i);

double bed_tokens(struct bed *b, uint32_t i, uint64_t now_us);
void bed_spend_all(struct bed *b, uint32_t i, uint64_t now_us);

#endif
