/* Goal: docs/metrics.md is what metrics.def says.
 * Method: the page is made and compared; LAMPLIGHTER_RENEW=1 writes it instead. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "ops/reference.h"

#define PAGE_MAX ((size_t)256 * 1024)

/* The page of the tree that this program was built in. */
static void find_page(char path[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 32);

    assert_true(n > 0);
    path[n] = '\0';
    for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
        *slash = '\0';
        snprintf(path + strlen(path), 32, "/docs/promises.tsv");
        if (access(path, R_OK) == 0) {
            snprintf(strrchr(path, '/'), 32, "/metrics.md");
            return;
        }
        *slash = '\0';
    }
    fail_msg("no docs/ above this program");
}

static void page_is_that_of_the_table(void **state)
{
    char path[PATH_MAX];
    struct buf want, have;
    struct err e;

    UNUSED(state);
    find_page(path);
    buf_init(&want, PAGE_MAX);
    buf_init(&have, PAGE_MAX);
    reference_write(&want);
    assert_true(buf_ok(&want));
    if (getenv("LAMPLIGHTER_RENEW")) {
        unlink(path);
        assert_int_equal(file_create(path, buf_span(&want), &e), 0);
    }
    assert_int_equal(file_read(&have, path, &e), 0);
    if (!span_eq(buf_span(&want), buf_span(&have)))
        fail_msg("%s is old: run this test with LAMPLIGHTER_RENEW=1", path);
    buf_fini(&want);
    buf_fini(&have);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_is_that_of_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
