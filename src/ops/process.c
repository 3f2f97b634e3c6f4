/*
 * process.c - reads /proc/PID/stat; see proc_pid_stat(5).
 *
 * The numbers stand behind the last ')': a program's name may hold blanks and brackets itself.
 */
#include "ops/process.h"

#include <unistd.h>

#include "base/file.h"

#define STAT_MAX ((size_t)4096)

/* Fields by their number in the manual, which counts from 1. */
enum { UTIME = 14, STIME = 15, THREADS = 20, START = 22, VSIZE = 23, RSS = 24, FIELDS = 25 };
#define FIRST_FIELD 3 /* behind the name */

static bool read_stat(uint64_t pid, uint64_t ret[FIELDS])
{
    char path[64];
    struct span rest;
    struct buf text;
    struct err e;
    size_t i = 0;
    const char *name_end;

    buf_init(&text, STAT_MAX);
    snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
    if (file_read(&text, path, &e) < 0 || text.n == 0)
        goto out;
    name_end = memrchr(text.p, ')', text.n);
    if (!name_end || name_end + 2 >= text.p + text.n)
        goto out;
    rest = span_of(name_end + 2, (size_t)(text.p + text.n - name_end - 2));
    for (i = FIRST_FIELD; i < FIELDS && span_has(rest); i++)
        if (span_u64(span_cut(&rest, ' '), &ret[i]) < 0)
            ret[i] = 0; /* a letter, or negative: none that is used here */
out:
    buf_fini(&text);
    return i == FIELDS;
}

uint64_t process_boot_time(void)
{
    static const char key[] = "\nbtime ";
    struct span line, text;
    uint64_t at = 0;
    struct buf all;
    struct err e;
    const char *p;

    buf_init(&all, (size_t)1024 * 1024);
    if (file_read(&all, "/proc/stat", &e) == 0 && all.n) {
        p = memmem(all.p, all.n, key, sizeof(key) - 1);
        if (p) {
            text = span_of(p + sizeof(key) - 1, (size_t)(all.p + all.n - p) - (sizeof(key) - 1));
            line = span_cut(&text, '\n');
            if (span_u64(line, &at) < 0)
                at = 0;
        }
    }
    buf_fini(&all);
    return at;
}

void process_collect(struct metrics *m, struct span name, uint64_t pid, uint64_t boot)
{
    double ticks = (double)sysconf(_SC_CLK_TCK), page = (double)sysconf(_SC_PAGESIZE);
    uint64_t stat[FIELDS] = {0};

    if (pid == 0 || !read_stat(pid, stat))
        return;
    metrics_set(m, METRIC_PROCESS_CPU, &name, (double)(stat[UTIME] + stat[STIME]) / ticks);
    metrics_set(m, METRIC_PROCESS_THREADS, &name, (double)stat[THREADS]);
    metrics_set(m, METRIC_PROCESS_VM, &name, (double)stat[VSIZE]);
    metrics_set(m, METRIC_PROCESS_RSS, &name, (double)stat[RSS] * page);
    if (boot)
        metrics_set(m, METRIC_PROCESS_START, &name, (double)boot + (double)stat[START] / ticks);
}
