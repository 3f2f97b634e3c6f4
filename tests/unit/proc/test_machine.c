/* Goal: what a control group, or one above it, grants is found in both versions of the interface,
 * and what cannot be read bounds nothing; the shares of what is granted never pass it.
 * Method: trees of files as the kernel makes them; each bound at it and past it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc/machine.h"

#define FILES 4
#define MIB   (UINT64_C(1024) * 1024)

struct file {
    const char *path, *text; /* below the root */
};

struct row {
    const char *name, *own;
    struct file files[FILES];
    uint64_t cpus, memory;
};

/* clang-format off: a row is a line */
static const struct row rows[] = {
    {"nothing", "", {{0}}, UINT64_MAX, UINT64_MAX},
    {"no files", "0::/\n", {{0}}, UINT64_MAX, UINT64_MAX},
    {"a container's root",
     "0::/\n",
     {{"cpu.max", "150000 100000\n"}, {"memory.max", "536870912\n"}},
     2,
     536870912},
    {"no bound",
     "0::/\n",
     {{"cpu.max", "max 100000\n"}, {"memory.max", "max\n"}},
     UINT64_MAX,
     UINT64_MAX},
    {"a unit",
     "0::/a.slice/l\n",
     {{"a.slice/l/memory.max", "1000\n"}, {"a.slice/l/cpu.max", "100000 100000\n"}},
     1,
     1000},
    {"the one above grants less",
     "0::/a/b\n",
     {{"a/b/memory.max", "2000\n"}, {"a/memory.max", "1999\n"}, {"memory.max", "3000\n"}},
     UINT64_MAX,
     1999},
    {"the one above grants more",
     "0::/a/b\n",
     {{"a/b/memory.max", "2000\n"}, {"a/memory.max", "2001\n"}},
     UINT64_MAX,
     2000},
    {"the one above all",
     "0::/a/b\n",
     {{"memory.max", "77\n"}, {"a/b/memory.max", "max\n"}},
     UINT64_MAX,
     77},
    {"version 1",
     "3:cpu,cpuacct:/x\n2:memory:/y/z\n",
     {{"cpu/x/cpu.cfs_quota_us", "250000\n"},
      {"cpu/x/cpu.cfs_period_us", "100000\n"},
      {"memory/y/z/memory.limit_in_bytes", "4096\n"},
      {"memory.max", "1\n"}},
     3,
     4096},
    {"version 1 without bounds",
     "3:cpu:/\n2:memory:/\n",
     {{"cpu/cpu.cfs_quota_us", "-1\n"},
      {"cpu/cpu.cfs_period_us", "100000\n"},
      {"memory/memory.limit_in_bytes", "9223372036854771712\n"}},
     UINT64_MAX,
     UINT64_MAX},
    {"both versions",
     "2:memory:/\n0::/\n",
     {{"memory/memory.limit_in_bytes", "5000\n"}, {"cpu.max", "1 100000\n"}},
     1,
     5000},
    {"another controller",
     "2:memoryless:/\n",
     {{"memory/memory.limit_in_bytes", "5000\n"}},
     UINT64_MAX,
     UINT64_MAX},
    {"beyond what is mounted", "0::/../../x\n", {{"memory.max", "5000\n"}}, UINT64_MAX, 5000},
    {"no numbers",
     "0::/\n",
     {{"cpu.max", "x y\n"}, {"memory.max", "5000 \n"}},
     UINT64_MAX,
     UINT64_MAX},
    {"a period of nothing",
     "0::/\n",
     {{"cpu.max", "100000 0\n"}, {"memory.max", ""}},
     UINT64_MAX,
     UINT64_MAX},
};
/* clang-format on */

static void make(const char *root, const struct file *f)
{
    char path[256];
    FILE *to;

    snprintf(path, sizeof(path), "%s/%s", root, f->path);
    for (char *at = strchr(path + strlen(root) + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        UNUSED(mkdir(path, 0755));
        *at = '/';
    }
    to = fopen(path, "w");
    assert_non_null(to);
    assert_true(fputs(f->text, to) >= 0);
    assert_int_equal(fclose(to), 0);
}

/* Files, and folders once they are empty. */
static void take_away(const char *root, const struct file *f)
{
    char path[256];
    char *at;

    snprintf(path, sizeof(path), "%s/%s", root, f->path);
    unlink(path);
    while ((at = strrchr(path, '/')) && (size_t)(at - path) > strlen(root)) {
        *at = '\0';
        UNUSED(rmdir(path));
    }
}

static void the_least_of_all_groups_counts(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char root[] = "/tmp/lamplighter-test-XXXXXX";
        struct span own = span_str(rows[i].own);
        uint64_t cpus, memory;

        assert_non_null(mkdtemp(root));
        for (size_t k = 0; k < FILES && rows[i].files[k].path; k++)
            make(root, &rows[i].files[k]);
        cpus = machine_cpus_of(root, own);
        memory = machine_memory_of(root, own);
        for (size_t k = 0; k < FILES && rows[i].files[k].path; k++)
            take_away(root, &rows[i].files[k]);
        assert_int_equal(rmdir(root), 0);
        if (cpus != rows[i].cpus || memory != rows[i].memory)
            fail_msg("%s: %llu CPUs, %llu bytes", rows[i].name, (unsigned long long)cpus,
                     (unsigned long long)memory);
    }
}

static void this_machine_has_something(void **state)
{
    UNUSED(state);
    assert_in_range(machine_cpus(), 1, 65536);
    assert_true(machine_memory() > MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_of_all_groups_counts),
        cmocka_unit_test(this_machine_has_something),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
