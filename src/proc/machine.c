/*
 * machine.c - see machine.h.
 *
 * A container with two CPUs and 512 MiB on a host with 64 and 512 GiB would otherwise start 64
 * workers, which take turns at being throttled, and be killed for the memory that they take.
 */
#include "proc/machine.h"

#include <limits.h>
#include <sched.h>

#include "base/file.h"

#define ROOT     "/sys/fs/cgroup"
#define OWN      "/proc/self/cgroup"
#define TEXT_MAX ((size_t)4096)
#define NO_BOUND (UINT64_MAX >> 2) /* version 1 says "none" by a number near 2^63 */

/* A file of a group without its last newline. Absent: it cannot be read. */
static struct span text_of(struct buf *b, const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct span ret;
    struct err e;
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

    buf_reset(b);
    if (n < 0 || (size_t)n >= sizeof(path) || file_read(b, path, &e) < 0)
        return span_of(NULL, 0);
    ret = buf_span(b);
    while (ret.n && ret.p[ret.n - 1] == '\n')
        ret.n--;
    return ret;
}

static uint64_t number_of(struct buf *b, const char *dir, const char *name)
{
    uint64_t ret;

    return span_u64(text_of(b, dir, name), &ret) < 0 || ret > NO_BOUND ? UINT64_MAX : ret;
}

/* ---- what one group grants ---- */

static uint64_t memory_here(struct buf *b, const char *dir, bool v1)
{
    return number_of(b, dir, v1 ? "memory.limit_in_bytes" : "memory.max");
}

static uint64_t cpus_here(struct buf *b, const char *dir, bool v1)
{
    uint64_t quota, period;

    if (v1) {
        quota = number_of(b, dir, "cpu.cfs_quota_us"); /* -1: none */
        period = number_of(b, dir, "cpu.cfs_period_us");
    } else {
        struct span rest = text_of(b, dir, "cpu.max"), first = span_cut(&rest, ' ');

        if (span_u64(first, &quota) < 0 || span_u64(rest, &period) < 0) /* "max 100000" */
            return UINT64_MAX;
    }
    if (quota > NO_BOUND || period > NO_BOUND || period == 0)
        return UINT64_MAX;
    return (quota + period - 1) / period;
}

/* ---- and all those above it ---- */

static const struct resource {
    const char *v1; /* its controller, and where its groups are in the folder of version 1 */
    uint64_t (*here)(struct buf *b, const char *dir, bool v1);
} cpus = {"cpu", cpus_here}, memory = {"memory", memory_here};

static bool has_controller(struct span list, const char *name)
{
    while (list.n)
        if (span_is(span_cut(&list, ','), name))
            return true;
    return false;
}

static uint64_t upwards(const struct resource *what, const char *root, struct span group, bool v1)
{
    uint64_t ret = UINT64_MAX;
    char dir[PATH_MAX];
    struct buf b;

    if (span_contains(group, SPAN_LIT("/.."))) /* beyond what is mounted here */
        group.n = 0;
    buf_init(&b, TEXT_MAX);
    for (;;) {
        int n = snprintf(dir, sizeof(dir), "%s%s%s%.*s", root, v1 ? "/" : "", v1 ? what->v1 : "",
                         SPAN_FMT(group));

        if (n >= 0 && (size_t)n < sizeof(dir))
            ret = MIN(ret, what->here(&b, dir, v1));
        if (group.n == 0)
            break;
        do
            group.n--;
        while (group.n && group.p[group.n] != '/');
    }
    buf_fini(&b);
    return ret;
}

/* A line is "ID:CONTROLLERS:GROUP"; version 2 names no controllers. */
static uint64_t least(const struct resource *what, const char *root, struct span own)
{
    uint64_t ret = UINT64_MAX;

    while (own.n) {
        struct span group = span_cut(&own, '\n'), id = span_cut(&group, ':');
        struct span controllers = span_cut(&group, ':');

        if (id.n && (controllers.n == 0 || has_controller(controllers, what->v1)))
            ret = MIN(ret, upwards(what, root, group, controllers.n > 0));
    }
    return ret;
}

uint64_t machine_cpus_of(const char *root, struct span own)
{
    return least(&cpus, root, own);
}

uint64_t machine_memory_of(const char *root, struct span own)
{
    return least(&memory, root, own);
}

/* ---- of this process ---- */

static uint64_t granted(const struct resource *what)
{
    uint64_t ret = UINT64_MAX;
    struct buf own;
    struct err e;

    buf_init(&own, TEXT_MAX);
    if (file_read(&own, OWN, &e) == 0) /* a kernel without control groups bounds nothing by them */
        ret = least(what, ROOT, buf_span(&own));
    buf_fini(&own);
    return ret;
}

uint32_t machine_cpus(void)
{
    uint64_t may = 1;
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        may = (uint64_t)CPU_COUNT(&set);
    return (uint32_t)MAX(MIN(may, granted(&cpus)), UINT64_C(1));
}

uint64_t machine_memory(void)
{
    return granted(&memory);
}
