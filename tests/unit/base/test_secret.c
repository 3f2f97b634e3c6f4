/* Goal: secrets live in one arena that is left out of core dumps and inherited by children;
 * the environment's block is emptied and nothing of it is lost; the bounds hold.
 * Method: files in a temporary directory, a block of our own, a forked child. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/file.h"
#include "base/mem.h"

static void secrets_are_kept_and_bounded(void **state)
{
    struct secret_arena *a = NULL;
    struct secret s, t;
    char big[4096];
    struct err e;

    UNUSED(state);
    assert_int_equal(secret_arena_new(&a, 1, &e), 0); /* a whole page */
    assert_int_equal(secret_put(a, &s, SPAN_LIT("key"), SPAN_LIT("env:K"), &e), 0);
    assert_true(span_is(s.bytes, "key") && span_is(s.name, "env:K"));
    memset(big, 'x', sizeof(big));
    assert_int_equal(secret_put(a, &t, span_of(big, 4096 - 3), SPAN_LIT("b"), &e), 0);
    assert_int_equal(secret_put(a, &t, SPAN_LIT(""), SPAN_LIT("b"), &e), 0);
    assert_int_equal(secret_put(a, &t, SPAN_LIT("y"), SPAN_LIT("file:/x"), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(e.text, "secret file:/x: all secrets together exceed 4096 bytes");
    assert_true(span_is(s.bytes, "key"));
    secret_arena_free(&a);
    assert_null(a);
    secret_arena_free(&a);
}

static void a_child_has_them_and_wipes_only_its_own(void **state)
{
    struct secret_arena *a = NULL;
    struct secret s;
    struct err e;
    int status;
    pid_t pid;

    UNUSED(state);
    assert_int_equal(secret_arena_new(&a, 100, &e), 0);
    assert_int_equal(secret_put(a, &s, SPAN_LIT("inherited"), SPAN_LIT("n"), &e), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        status = span_is(s.bytes, "inherited") ? 0 : 1;
        secret_arena_free(&a);
        _exit(status);
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
    assert_true(span_is(s.bytes, "inherited"));
    secret_arena_free(&a);
}

/* The pages may be shared: what a child adds must not land on what its parent adds. */
static void a_child_adds_without_harm(void **state)
{
    struct secret_arena *a = NULL;
    struct secret s, t;
    int go[2], status;
    struct err e;
    char c = 0;
    pid_t pid;

    UNUSED(state);
    assert_int_equal(pipe(go), 0);
    assert_int_equal(secret_arena_new(&a, 100, &e), 0);
    assert_int_equal(secret_put(a, &s, SPAN_LIT("old"), SPAN_LIT("n"), &e), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        status = secret_put(a, &t, SPAN_LIT("child"), SPAN_LIT("n"), &e) == 0 ? 0 : 1;
        if (read(go[0], &c, 1) != 1 || !span_is(t.bytes, "child") || !span_is(s.bytes, "old"))
            status = 2;
        secret_arena_free(&a);
        _exit(status);
    }
    assert_int_equal(secret_put(a, &t, SPAN_LIT("PARENT"), SPAN_LIT("n"), &e), 0);
    assert_int_equal(write(go[1], &c, 1), 1);
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
    assert_true(span_is(t.bytes, "PARENT") && span_is(s.bytes, "old"));
    secret_arena_free(&a);
    close(go[0]);
    close(go[1]);
}

static void write_file(const char *path, const char *text)
{
    struct err e;

    assert_int_equal(file_create(path, span_str(text), &e), 0);
}

static void files_are_read_without_a_copy(void **state)
{
    char dir[] = "/tmp/lamplighter-test-XXXXXX", path[128], text[SECRET_FILE_MAX + 2];
    struct secret_arena *a = NULL;
    struct secret s;
    struct err e;

    UNUSED(state);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(secret_arena_new(&a, 4 * SECRET_FILE_MAX, &e), 0);
    snprintf(path, sizeof(path), "%s/key", dir);
    write_file(path, " \tsecret \r\n\n");
    assert_int_equal(secret_put_file(a, &s, path, SPAN_LIT("file"), &e), 0);
    assert_true(span_is(s.bytes, "secret"));
    assert_int_equal(file_create(path, SPAN_LIT("x"), &e), -1); /* never over an old one */
    assert_int_equal(file_check(path, &e), 0);
    unlink(path);
    assert_int_equal(secret_put_file(a, &s, path, SPAN_LIT("file"), &e), -1);
    assert_string_equal(e.text, "No such file or directory");
    assert_int_equal(secret_put_file(a, &s, dir, SPAN_LIT("file"), &e), -1);
    assert_string_equal(e.text, "not a regular file");
    assert_int_equal(mkfifo(path, 0600), 0); /* would block forever */
    assert_int_equal(secret_put_file(a, &s, path, SPAN_LIT("file"), &e), -1);
    assert_int_equal(file_check(path, &e), -1);
    unlink(path);
    memset(text, 'k', sizeof(text));
    text[SECRET_FILE_MAX] = '\0';
    write_file(path, text);
    assert_int_equal(secret_put_file(a, &s, path, SPAN_LIT("file"), &e), 0);
    assert_int_equal(s.bytes.n, SECRET_FILE_MAX);
    unlink(path);
    text[SECRET_FILE_MAX] = 'k';
    text[SECRET_FILE_MAX + 1] = '\0';
    write_file(path, text);
    assert_int_equal(secret_put_file(a, &s, path, SPAN_LIT("file"), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    unlink(path);
    rmdir(dir);
    secret_arena_free(&a);
}

static void equality_is_by_bytes(void **state)
{
    UNUSED(state);
    assert_true(secret_eq(SPAN_LIT("abc"), SPAN_LIT("abc")));
    assert_false(secret_eq(SPAN_LIT("abc"), SPAN_LIT("abd")));
    assert_false(secret_eq(SPAN_LIT("abc"), SPAN_LIT("ab")));
    assert_true(secret_eq(SPAN_LIT(""), span_of(NULL, 0)));
}

static void the_whole_block_is_overwritten(void **state)
{
    char key[] = "KEY=secret", again[] = "KEY=other", other[] = "OTHER=x=y",
         empty[] = "EMPTY=", odd[] = "odd", none[] = "=none", tz[] = "TZ=UTC",
         ca[] = "SSL_CERT_FILE=/ca.pem";
    char *strings[] = {odd, none, key, again, tz, other, empty, ca, NULL};
    static const size_t sizes[] = {sizeof(odd), sizeof(none),  sizeof(key),   sizeof(again),
                                   sizeof(tz),  sizeof(other), sizeof(empty), sizeof(ca)};
    static const char zeros[64];
    char **block = strings;
    struct env *env = NULL;
    struct err e;

    UNUSED(state);
    assert_int_equal(env_take(&env, &block, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        assert_memory_equal(strings[i], zeros, sizes[i]);
    assert_true(span_is(env_get(env, SPAN_LIT("KEY")), "secret")); /* the first, as getenv() */
    assert_true(span_is(env_get(env, SPAN_LIT("OTHER")), "x=y"));
    assert_string_equal(env_get(env, SPAN_LIT("OTHER")).p, "x=y"); /* ends with NUL */
    assert_true(span_is(env_get(env, SPAN_LIT("EMPTY")), ""));
    assert_true(span_is(env_get(env, SPAN_LIT("TZ")), "UTC"));
    assert_false(span_has(env_get(env, SPAN_LIT("KE"))));
    assert_false(span_has(env_get(env, SPAN_LIT("odd"))));
    assert_false(span_has(env_get(env, SPAN_LIT(""))));
    assert_true(span_is(env_name_at(env, 3), "OTHER"));
    assert_true(span_is(env_name_at(env, 5), "SSL_CERT_FILE"));
    assert_false(span_has(env_name_at(env, 6)));
    /* What is left in its place is for libraries alone. */
    assert_string_equal(block[0], "TZ=UTC");
    assert_string_equal(block[1], "SSL_CERT_FILE=/ca.pem");
    assert_null(block[2]);
    env_free(&env);
    assert_null(env);
    assert_null(block);
    env_free(&env);
}

static void an_empty_environment_is_one(void **state)
{
    char *strings[] = {NULL};
    char **block = strings;
    struct env *env = NULL;
    struct err e;

    UNUSED(state);
    assert_int_equal(env_take(&env, &block, &e), 0);
    assert_false(span_has(env_name_at(env, 0)));
    assert_null(block[0]);
    env_free(&env);
}

/* Some 3000 services of a cluster, and a value as long as the kernel lets one be. */
static void a_large_environment_is_taken_whole(void **state)
{
    enum { SERVICES = 3000, LONGEST = 128 * 1024 };
    char **strings = calloc(SERVICES + 3, sizeof(*strings)), **block = strings;
    struct env *env = NULL;
    struct err e;

    UNUSED(state);
    for (int i = 0; i < SERVICES; i++)
        assert_true(asprintf(&strings[i], "SERVICE_%d_HOST=10.0.%d.%d", i, i / 256, i % 256) > 0);
    strings[SERVICES] = malloc(LONGEST);
    memset(strings[SERVICES], 'x', LONGEST);
    memcpy(strings[SERVICES], "LONG=", 5);
    strings[SERVICES][LONGEST - 1] = '\0';
    strings[SERVICES + 1] = strdup("KEY=secret");
    assert_int_equal(env_take(&env, &block, &e), 0);
    assert_true(span_is(env_get(env, SPAN_LIT("SERVICE_2999_HOST")), "10.0.11.183"));
    assert_int_equal(env_get(env, SPAN_LIT("LONG")).n, LONGEST - 6);
    assert_true(span_is(env_get(env, SPAN_LIT("KEY")), "secret"));
    for (int i = 0; i < SERVICES + 2; i++) {
        assert_string_equal(strings[i], "");
        free(strings[i]);
    }
    free(strings);
    env_free(&env);
}

static void a_block_past_the_bound_is_refused(void **state)
{
    char *big = malloc(ENV_BYTES_MAX + 1), small[] = "A=b";
    char *strings[] = {big, NULL, NULL}, **block = strings;
    struct env *env = NULL;
    struct err e;

    UNUSED(state);
    memset(big, 'x', ENV_BYTES_MAX);
    memcpy(big, "BIG=", 4);
    big[ENV_BYTES_MAX] = '\0'; /* with it one byte too many */
    assert_int_equal(env_take(&env, &block, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_ptr_equal(block, strings);
    assert_true(big[0] == 'B'); /* as it was */
    big[ENV_BYTES_MAX - 1] = '\0';
    strings[1] = small; /* past it together */
    assert_int_equal(env_take(&env, &block, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    strings[1] = NULL;
    assert_int_equal(env_take(&env, &block, &e), 0);
    assert_int_equal(env_get(env, SPAN_LIT("BIG")).n, ENV_BYTES_MAX - 5);
    env_free(&env);
    free(big);
}

static void failed_allocations_are_survived(void **state)
{
    char key[] = "A=secret", tz[] = "TZ=UTC";
    char *strings[] = {key, tz, NULL}, **block;
    struct env *env = NULL;
    struct err e;
    int rc;

    UNUSED(state);
    for (size_t at = 1;; at++) {
        block = strings;
        mem_torture(at, false);
        rc = env_take(&env, &block, &e);
        if (!mem_torture_hit())
            break;
        assert_int_equal(rc, -1);
        assert_int_equal(e.code, ERR_NOMEM);
        assert_null(env);
        assert_ptr_equal(block, strings);
        assert_string_equal(key, "A=secret"); /* as it was */
    }
    mem_torture(0, false);
    assert_int_equal(rc, 0);
    assert_string_equal(key, "");
    env_free(&env);
}

static void a_whole_file_fits_its_buffer_or_is_refused(void **state)
{
    char path[] = "/tmp/lamplighter-test-XXXXXX";
    struct buf b;
    struct err e;
    int fd;

    UNUSED(state);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "12345", 5), 5);
    close(fd);
    buf_init(&b, 5);
    assert_int_equal(file_read(&b, path, &e), 0);
    assert_true(span_is(buf_span(&b), "12345"));
    buf_fini(&b);
    buf_init(&b, 4);
    assert_int_equal(file_read(&b, path, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    buf_fini(&b);
    assert_int_equal(file_read(&b, "/tmp", &e), -1);
    assert_int_equal(e.code, ERR_SYS);
    buf_fini(&b);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_kept_and_bounded),
        cmocka_unit_test(a_child_has_them_and_wipes_only_its_own),
        cmocka_unit_test(a_child_adds_without_harm),
        cmocka_unit_test(files_are_read_without_a_copy),
        cmocka_unit_test(equality_is_by_bytes),
        cmocka_unit_test(the_whole_block_is_overwritten),
        cmocka_unit_test(an_empty_environment_is_one),
        cmocka_unit_test(a_large_environment_is_taken_whole),
        cmocka_unit_test(a_block_past_the_bound_is_refused),
        cmocka_unit_test(failed_allocations_are_survived),
        cmocka_unit_test(a_whole_file_fits_its_buffer_or_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
