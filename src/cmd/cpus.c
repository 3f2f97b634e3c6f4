/*
 * cpus.c - see cpus.h.
 *
 * A container with two CPUs of quota on a host with 64 would otherwise start 64 workers, which take
 * turns at being throttled.
 */
#include "cmd/cpus.h"

#include <sched.h>

#include "base/file.h"

#define QUOTA_FILE "/sys/fs/cgroup/cpu.max"
#define QUOTA_MAX  ((size_t)4096)

uint32_t cpus_of_quota(struct span text)
{
    uint64_t quota, period;
    struct span rest = text, first;

    while (rest.n && rest.p[rest.n - 1] == '\n')
        rest.n--;
    first = span_cut(&rest, ' ');
    if (span_u64(first, &quota) < 0 || span_u64(rest, &period) < 0 || period == 0)
        return UINT32_MAX;
    return (uint32_t)MIN((quota + period - 1) / period, (uint64_t)UINT32_MAX);
}

uint32_t cpus_count(void)
{
    uint32_t may = 1, quota = UINT32_MAX;
    cpu_set_t set;
    struct buf text;
    struct err e;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        may = (uint32_t)CPU_COUNT(&set);
    buf_init(&text, QUOTA_MAX);
    if (file_read(&text, QUOTA_FILE, &e) == 0) /* where there is none there is no quota */
        quota = cpus_of_quota(buf_span(&text));
    buf_fini(&text);
    return MAX(MIN(may, quota), 1U);
}
