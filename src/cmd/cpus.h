/*
 * cpus.h - how many CPUs this process may really use.
 *
 * Room: cmd.
 */
#ifndef CMD_CPUS_H
#define CMD_CPUS_H

#include "base/span.h"

/* The smaller of the CPUs it may run on and its cgroup's quota, rounded up; at least 1. */
uint32_t cpus_count(void);

/* CPUs that a cgroup v2 cpu.max text grants ("150000 100000" is 2, "max ..." is UINT32_MAX). */
uint32_t cpus_of_quota(struct span text);

#endif
