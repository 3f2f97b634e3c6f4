/*
 * shares.c - see shares.h. A twentieth is left alone; what all processes take at rest and a part
 * for past requests come off, and a quarter of the rest is for connections, streams and TLS. Bodies
 * get a fifth of what is left for a worker: the defaults stand to each other like that.
 */
#include "proc/shares.h"

#define MIB           (UINT64_C(1024) * 1024)
#define AT_REST       (24 * MIB) /* master, keeper, clerk and board */
#define WORKER_RESTS  (8 * MIB)
#define WORKER_LEAST  (20 * MIB)
#define HISTORY_PART  10
#define HISTORY_LEAST MIB
#define BODIES_PART   5

struct proc_shares proc_share(uint64_t granted, uint32_t workers, uint64_t history_most)
{
    uint64_t usable = granted - granted / 20;
    uint64_t history = MIN(MAX(usable / HISTORY_PART, HISTORY_LEAST), history_most);
    uint64_t taken = AT_REST + workers * WORKER_RESTS + history;
    uint64_t left = usable > taken ? usable - taken : 0;
    uint64_t worker = MAX(left / 4 * 3 / workers, WORKER_LEAST), bodies = worker / BODIES_PART;

    return (struct proc_shares){bodies, worker - bodies, history};
}
