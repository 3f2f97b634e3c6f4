/*
 * machine.h - what of the machine this process may really use.
 *
 * Room: proc. Blocking; for the start.
 */
#ifndef PROC_MACHINE_H
#define PROC_MACHINE_H

#include "base/span.h"

/* The CPUs it may run on, or what its control group grants, rounded up, if that is less; at least
 * 1. */
uint32_t machine_cpus(void);

/* Bytes of memory that its control group grants; UINT64_MAX: nobody bounds it. */
uint64_t machine_memory(void);

/* What the groups grant that the text of a /proc/PID/cgroup names, under the folder where they are
 * mounted: the least of the group and those above it, of version 2 or 1. UINT64_MAX: no bound.
 * docs.kernel.org/admin-guide/cgroup-v2.html, .../cgroup-v1/memory.html, scheduler/sched-bwc.html
 */
uint64_t machine_cpus_of(const char *root, struct span own);
uint64_t machine_memory_of(const char *root, struct span own);

#endif
