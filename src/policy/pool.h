/*
 * pool.h - the engines that one provider's endpoints are: they hold each other's sessions when one
 * of them dies, if there is room. Whether there is, as everybody is told.
 *
 * Room: policy (uses base board admit). Reads the board. Threads: any.
 */
#ifndef POLICY_POOL_H
#define POLICY_POOL_H

#include "admit/survive.h"
#include "board/board.h"

#define POLICY_POOL_MAX 64 /* endpoints of one provider */

/* A value of the snapshot. */
struct policy_pool {
    const uint64_t *ids;     /* of endpoints (board/endpoints.h) */
    const uint16_t *domains; /* of each: what it dies with, from 0 on */
    uint16_t n, domains_n;
};

enum policy_n1 {
    N1_UNKNOWN,     /* of one that serves it is not known, or not any more, what it holds */
    N1_UNPROTECTED, /* there is one failure domain only */
    N1_OK,          /* whichever domain dies, its sessions fit in the rest */
    N1_NOT,         /* they would not */
    N1_STATES
};

const char *policy_n1_name(enum policy_n1 n1);

/* Tokens. */
struct policy_pool_view {
    enum policy_n1 n1;
    struct survive_verdict verdict; /* N1_NOT: which domain's sessions, and why */
    uint32_t serving;               /* endpoints */
    uint64_t capacity;              /* of those whose capacity is known */
    uint64_t tokens, now;           /* of this gateway's sessions: in the end, and so far */
    uint64_t foreign;               /* of others, so far */
    uint64_t sessions;
    uint64_t ended, covered; /* complete ones, and those no longer than was reckoned with */
};

void policy_pool_look(struct policy_pool_view *ret, const struct policy_pool *p,
                      const struct board *b, uint32_t workers, uint64_t now_us);

#endif
