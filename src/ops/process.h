/*
 * process.h - what the kernel says about one process: the process_* metrics.
 *
 * Room: ops. Threads: one loop; reads /proc.
 */
#ifndef OPS_PROCESS_H
#define OPS_PROCESS_H

#include "ops/metrics.h"

/* Unix time in seconds at which the machine started; 0: unknown. */
uint64_t process_boot_time(void);

/* Set the metrics of one process; one that does not exist (pid 0) has none. */
void process_collect(struct metrics *m, struct span name, uint64_t pid, uint64_t boot_time);

#endif
