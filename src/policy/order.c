/*
 * order.c - in which order the targets of a plan are asked, by what is known of them.
 */
#include "policy/policy.h"

#include "health/peak.h"

void policy_order(uint8_t *order, const struct policy_candidate *c, uint32_t n,
                  const struct board_standing *table, enum route_strategy strategy, bool whole,
                  uint64_t random, uint64_t now_us)
{
    struct route_candidate routes[POLICY_TARGETS_MAX];

    MUST(n <= POLICY_TARGETS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const struct board_standing *t = standing_look(table, c[i].target);

        routes[i] = (struct route_candidate){
            .tier = c[i].tier,
            .weight = c[i].weight,
            .wait_us = (t ? peak_read(board_get(&t->peaks[whole]), now_us) : 0) * (c[i].live + 1),
            .cost = c[i].cost};
    }
    route_order(order, routes, n, strategy, random);
}
