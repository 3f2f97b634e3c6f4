/*
 * order.c - in which order the targets of a plan are asked, by what is known of them.
 */
#include "policy/policy.h"

#include "health/waits.h"

void policy_order(uint8_t *order, const struct policy_candidate *c, uint32_t n,
                  const struct board_standing *table, enum route_strategy strategy, bool whole,
                  uint64_t random)
{
    struct route_candidate routes[POLICY_TARGETS_MAX];

    MUST(n <= POLICY_TARGETS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const struct board_standing *t = standing_look(table, c[i].target);
        size_t of = whole ? WAITS_OF_WHOLES : WAITS_OF_STREAMS;

        routes[i] = (struct route_candidate){
            .tier = c[i].tier,
            .weight = c[i].weight,
            .wait_us = t ? waits_read(board_get(&t->waits[of])).median_us : 0,
            .cost = c[i].cost};
    }
    route_order(order, routes, n, strategy, random);
}
